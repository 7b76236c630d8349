/*
 * test_topology.c - numbers of nodes and CPUs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "numa/topology.h"

static void test_defaults_and_limits(void **state)
{
    struct topology t;

    (void)state;
    assert_int_equal(topology_init(&t, 0, 0), 0);
    assert_int_equal(topology_cpus(&t), 1);
    assert_int_equal(topology_init(&t, 64, 64), 0);
    assert_int_equal(topology_cpus(&t), 4096);
    assert_int_not_equal(topology_init(&t, 65, 1), 0);
    assert_int_not_equal(topology_init(&t, 1, 65), 0);
}

static void test_nodes_of_cpus(void **state)
{
    struct topology t;
    uint32_t i;

    (void)state;
    topology_init(&t, 3, 4);
    for (i = 0; i < 12; i++)
        assert_int_equal(topology_cpu_node(&t, i), i / 4);
    assert_int_equal(topology_distance(&t, 1, 1), DISTANCE_LOCAL);
    assert_int_equal(topology_distance(&t, 1, 2), DISTANCE_REMOTE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_and_limits),
        cmocka_unit_test(test_nodes_of_cpus),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
