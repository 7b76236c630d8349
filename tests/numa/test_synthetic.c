/*
 * test_synthetic.c - topologies as text: what is read, what is refused where.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <disco/disco.h>

static disco_topology t;

static void read_text(const char *text)
{
    disco_error err = { .size = sizeof(err) };

    memset(&t, 0x55, sizeof(t));
    t.size = sizeof(t);
    if (disco_topology_parse(text, &t, &err)) {
        fprintf(stderr, "%s: %s\n", text, err.text);
        fail();
    }
}

static void expect(const char *text, uint32_t nodes, uint32_t cpus,
                   uint64_t bytes)
{
    uint32_t i;

    read_text(text);
    assert_int_equal(t.nodes, nodes);
    for (i = 0; i < nodes; i++) {
        assert_int_equal(t.cpus[i], cpus);
        assert_int_equal(t.bytes[i], bytes);
    }
}

static void test_levels(void **state)
{
    (void)state;
    expect("NUMANode:4(memory=1GB) core:2 PU:1", 4, 2, UINT64_C(1) << 30);
    expect("numanode:2 core:3 pu:2", 2, 6, 0);
    expect("  NODE:1\tPU:4 ", 1, 4, 0);
    expect("Package:2 [NUMANode(memory=512MB)] L3:1 Core:4 PU:2", 2, 8,
           512 << 20);
    expect("Machine:1 Group0:2 Package:2 [ NUMANode ] Die:1 Core:2 PU:1", 4, 2,
           0);
    expect("socket:2 NUMANode:2 L2Cache:1(size=1MB) core:1 pu:1", 4, 1, 0);
    expect("4", 1, 4, 0);
    expect("2 3", 1, 6, 0);
    expect("NUMANode:2 4", 2, 4, 0);
    expect("numa:64 pu:64", 64, 64, 0);
    expect("core:2 pu:2", 1, 4, 0);
    expect("NUMANode:8(memory=64MiB indexes=2*2:1*4) PU:1", 8, 1, 64 << 20);
    expect("NUMANode:8(memory=65536kB) PU:1", 8, 1, 64 << 20);
    expect("NUMANode:2(memory=4096B) PU:1", 2, 1, 4096);
}

static void test_lists(void **state)
{
    (void)state;
    read_text("NUMANode:4(memory=1MB,2MB cpus=4,2,1,0)");
    assert_int_equal(t.bytes[0], 1 << 20);
    assert_int_equal(t.bytes[1], 2 << 20);
    assert_int_equal(t.bytes[2], 1 << 20);
    assert_int_equal(t.cpus[0], 4);
    assert_int_equal(t.cpus[2], 1);
    assert_int_equal(t.cpus[3], 0);
    assert_int_equal(t.distance[0][1], 0);
    read_text("NUMANode:2(distances=10,21,31,10) PU:2");
    assert_int_equal(t.distance[0][1], 21);
    assert_int_equal(t.distance[1][0], 31);
    assert_int_equal(t.distance[1][1], 10);
}

static void refuse(const char *text, disco_status status, uint32_t at)
{
    disco_error err = { .size = sizeof(err) };
    disco_topology before;

    memset(&t, 0x55, sizeof(t));
    t.size = sizeof(t);
    before = t;
    if (disco_topology_parse(text, &t, &err) != status || err.where != at) {
        fprintf(stderr, "%s: %d %s\n", text, err.status, err.text);
        fail();
    }
    assert_memory_equal(&t, &before, sizeof(t));
    assert_non_null(strstr(err.text, "topology"));
}

static void test_refusals(void **state)
{
    (void)state;
    refuse("", DISCO_E_INVAL, 0);
    refuse("   ", DISCO_E_INVAL, 3);
    refuse("planet:4", DISCO_E_INVAL, 0);
    refuse("NUMANode", DISCO_E_INVAL, 8);
    refuse("NUMANode:", DISCO_E_INVAL, 9);
    refuse("NUMANode:0 PU:1", DISCO_E_INVAL, 0);
    refuse("NUMANode:65 PU:1", DISCO_E_RANGE, 0);
    refuse("NUMANode:2 PU:65", DISCO_E_RANGE, 0);
    refuse("PU:2 core:2", DISCO_E_INVAL, 5);
    refuse("core:2 node:2", DISCO_E_INVAL, 7);
    refuse("node:2 node:2 pu:1", DISCO_E_INVAL, 7);
    refuse("node:2 [NUMANode] pu:1", DISCO_E_INVAL, 8);
    refuse("pack:2 [core] pu:1", DISCO_E_INVAL, 8);
    refuse("pack:2 [NUMANode pu:1", DISCO_E_INVAL, 17);
    refuse("node:2(memory=1GB", DISCO_E_INVAL, 17);
    refuse("node:2(memory=) pu:1", DISCO_E_INVAL, 14);
    refuse("node:2(memory=4096X) pu:1", DISCO_E_INVAL, 18);
    refuse("node:2(memory=100B) pu:1", DISCO_E_INVAL, 14);
    refuse("node:2(memory=2TB) pu:1", DISCO_E_RANGE, 14);
    refuse("node:2(memory=99999999999999999999GB)", DISCO_E_RANGE, 14);
    refuse("node:2(memory=1GB,1GB,1GB) pu:1", DISCO_E_INVAL, 0);
    refuse("node:2(distances=10,20,20) pu:1", DISCO_E_INVAL, 17);
    refuse("node:2(distances=10,0,20,10) pu:1", DISCO_E_INVAL, 21);
    refuse("node:2(distances=10,99999,20,10)", DISCO_E_RANGE, 20);
    refuse("node:2(cpus=65) pu:1", DISCO_E_RANGE, 12);
    refuse("node:2(cpus=0)", DISCO_E_INVAL, 0);
    refuse("node:2) pu:1", DISCO_E_INVAL, 6);
    refuse("node:2(=1) pu:1", DISCO_E_INVAL, 7);
    refuse("Machine:2 pu:1", DISCO_E_INVAL, 0);
    refuse("4 999 999", DISCO_E_RANGE, 6);
    refuse("pack:4096 pu:4096", DISCO_E_RANGE, 10);
    refuse("\xff\xfe", DISCO_E_INVAL, 0);
    assert_int_equal(disco_topology_parse(NULL, &t, NULL), DISCO_E_INVAL);
    assert_int_equal(disco_topology_parse("4", NULL, NULL), DISCO_E_INVAL);
    t.size = 4;
    assert_int_equal(disco_topology_parse("4", &t, NULL), DISCO_E_INVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_refusals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
