/*
 * test_topology.c - numbers of nodes and CPUs, distances and their order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "numa/topology.h"

static void test_uniform(void **state)
{
    struct topology t;
    disco_topology from;
    uint32_t i;

    (void)state;
    topology_uniform(&from, 0, 0);
    assert_int_equal(topology_init(&t, &from, 4096, NULL), 0);
    assert_int_equal(topology_cpus(&t), 1);
    topology_uniform(&from, 64, 64);
    assert_int_equal(topology_init(&t, &from, 4096, NULL), 0);
    assert_int_equal(topology_cpus(&t), 4096);
    topology_uniform(&from, 3, 4);
    assert_int_equal(topology_init(&t, &from, 8192, NULL), 0);
    for (i = 0; i < 12; i++)
        assert_int_equal(topology_cpu_node(&t, i), i / 4);
    assert_int_equal(t.node_bytes[2], 8192);
    assert_int_equal(topology_distance(&t, 1, 1), DISTANCE_LOCAL);
    assert_int_equal(topology_distance(&t, 1, 2), DISTANCE_REMOTE);
    /* Equals follow each other in a circle. */
    assert_memory_equal(t.near[1], "\1\2\0", 3);
}

static void test_different_nodes(void **state)
{
    static const uint16_t rows[4][4] = {
        { 10, 40, 20, 30 },
        { 40, 10, 15, 15 },
        { 20, 15, 10, 50 },
        { 30, 15, 50, 10 },
    };
    disco_topology from = { .size = sizeof(from), .nodes = 4 };
    disco_topology again;
    struct topology t;
    uint32_t i;

    (void)state;
    from.cpus[0] = 2;
    from.cpus[3] = 1;
    from.bytes[1] = 1 << 20;
    for (i = 0; i < 4; i++)
        memcpy(from.distance[i], rows[i], sizeof(rows[i]));
    assert_int_equal(topology_init(&t, &from, 4096, NULL), 0);
    assert_int_equal(topology_cpus(&t), 3);
    assert_int_equal(topology_cpu_node(&t, 1), 0);
    assert_int_equal(topology_cpu_node(&t, 2), 3);
    assert_int_equal(t.node_bytes[0], 4096);
    assert_int_equal(t.node_bytes[1], 1 << 20);
    assert_memory_equal(t.near[0], "\0\2\3\1", 4);
    assert_memory_equal(t.near[1], "\1\2\3\0", 4);
    assert_memory_equal(t.near[2], "\2\1\0\3", 4);
    assert_memory_equal(t.near[3], "\3\1\0\2", 4);
    topology_describe(&t, &again);
    assert_int_equal(again.bytes[0], 4096);
    assert_int_equal(again.distance[2][3], 50);
}

static void refuse(const disco_topology *from, const char *why)
{
    disco_error err = { .size = sizeof(err) };
    struct topology t;

    assert_int_equal(topology_init(&t, from, 4096, &err), DISCO_E_INVAL);
    assert_non_null(strstr(err.text, why));
}

static void test_refusals(void **state)
{
    disco_topology from;

    (void)state;
    topology_uniform(&from, 65, 1);
    refuse(&from, "65 nodes");
    topology_uniform(&from, 2, 65);
    refuse(&from, "65 CPUs");
    topology_uniform(&from, 2, 1);
    from.cpus[0] = from.cpus[1] = 0;
    refuse(&from, "no node has a CPU");
    topology_uniform(&from, 2, 1);
    from.bytes[1] = 4095;
    refuse(&from, "multiple of 4096");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uniform),
        cmocka_unit_test(test_different_nodes),
        cmocka_unit_test(test_refusals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
