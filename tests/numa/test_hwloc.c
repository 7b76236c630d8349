/*
 * test_hwloc.c - topologies from hwloc's XML, and through hwloc from the host;
 * or a clear answer when the library was built without.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <disco/disco.h>

/* Two nodes of two CPUs, with distances. */
static const char xml[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    "<!DOCTYPE topology SYSTEM \"hwloc2.dtd\">\n"
    "<topology version=\"2.0\">\n"
    " <object type=\"Machine\" os_index=\"0\" cpuset=\"0xf\""
    " complete_cpuset=\"0xf\" allowed_cpuset=\"0xf\" nodeset=\"0x3\""
    " complete_nodeset=\"0x3\" allowed_nodeset=\"0x3\" gp_index=\"1\">\n"
    "  <object type=\"Package\" os_index=\"0\" cpuset=\"0x3\""
    " complete_cpuset=\"0x3\" nodeset=\"0x1\" complete_nodeset=\"0x1\""
    " gp_index=\"2\">\n"
    "   <object type=\"NUMANode\" os_index=\"0\" cpuset=\"0x3\""
    " complete_cpuset=\"0x3\" nodeset=\"0x1\" complete_nodeset=\"0x1\""
    " gp_index=\"4\" local_memory=\"1073741824\"/>\n"
    "   <object type=\"PU\" os_index=\"0\" cpuset=\"0x1\""
    " complete_cpuset=\"0x1\" nodeset=\"0x1\" complete_nodeset=\"0x1\""
    " gp_index=\"6\"/>\n"
    "   <object type=\"PU\" os_index=\"1\" cpuset=\"0x2\""
    " complete_cpuset=\"0x2\" nodeset=\"0x1\" complete_nodeset=\"0x1\""
    " gp_index=\"7\"/>\n"
    "  </object>\n"
    "  <object type=\"Package\" os_index=\"1\" cpuset=\"0xc\""
    " complete_cpuset=\"0xc\" nodeset=\"0x2\" complete_nodeset=\"0x2\""
    " gp_index=\"3\">\n"
    "   <object type=\"NUMANode\" os_index=\"1\" cpuset=\"0xc\""
    " complete_cpuset=\"0xc\" nodeset=\"0x2\" complete_nodeset=\"0x2\""
    " gp_index=\"5\" local_memory=\"2147483648\"/>\n"
    "   <object type=\"PU\" os_index=\"2\" cpuset=\"0x4\""
    " complete_cpuset=\"0x4\" nodeset=\"0x2\" complete_nodeset=\"0x2\""
    " gp_index=\"8\"/>\n"
    "   <object type=\"PU\" os_index=\"3\" cpuset=\"0x8\""
    " complete_cpuset=\"0x8\" nodeset=\"0x2\" complete_nodeset=\"0x2\""
    " gp_index=\"9\"/>\n"
    "  </object>\n"
    " </object>\n"
    " <distances2 type=\"NUMANode\" nbobjs=\"2\" kind=\"5\""
    " indexing=\"os\">\n"
    "  <indexes length=\"4\">0 1 </indexes>\n"
    "  <u64values length=\"12\">10 21 21 10 </u64values>\n"
    " </distances2>\n"
    "</topology>\n";

static int have_hwloc(void)
{
    return disco_cap(DISCO_CAP_HWLOC) != 0;
}

static disco_status import(const char *text, uint64_t bytes, disco_topology *t)
{
    disco_error err = { .size = sizeof(err) };
    disco_status status;

    memset(t, 0, sizeof(*t));
    t->size = sizeof(*t);
    status = disco_topology_import_xml(text, bytes, t, &err);
    assert_int_equal(err.status, status);
    assert_int_equal(status != 0, err.text[0] != '\0');
    return status;
}

static void test_xml(void **state)
{
    disco_topology t;

    (void)state;
    assert_int_equal(import(xml, strlen(xml), &t), 0);
    assert_int_equal(t.nodes, 2);
    assert_int_equal(t.cpus[0], 2);
    assert_int_equal(t.cpus[1], 2);
    assert_int_equal(t.bytes[0], UINT64_C(1) << 30);
    assert_int_equal(t.bytes[1], UINT64_C(2) << 30);
    assert_int_equal(t.distance[0][0], 10);
    assert_int_equal(t.distance[0][1], 21);
    /* A terminating NUL may be counted in. */
    assert_int_equal(import(xml, sizeof(xml), &t), 0);
}

static void test_bad_xml(void **state)
{
    static const char nul[] = "<topology>\0</topology>";
    disco_topology t;

    (void)state;
    assert_int_equal(import("", 0, &t), DISCO_E_INVAL);
    assert_int_equal(import("x", 1, &t), DISCO_E_CORRUPT);
    assert_int_equal(import(nul, sizeof(nul), &t), DISCO_E_CORRUPT);
    assert_int_equal(import(xml, 700, &t), DISCO_E_CORRUPT);
    assert_int_equal(t.nodes, 0);
}

static void test_host(void **state)
{
    disco_topology t = { .size = sizeof(t) };
    disco_error err = { .size = sizeof(err) };
    disco_status status = disco_topology_import_host(&t, &err);

    (void)state;
    if (!have_hwloc()) {
        assert_int_equal(status, DISCO_E_UNSUPPORTED);
        return;
    }
    /* A host may be larger than a machine can be. */
    if (status == DISCO_E_RANGE)
        return;
    assert_int_equal(status, 0);
    assert_in_range(t.nodes, 1, 64);
    assert_true(t.distance[0][0] == 0 || t.distance[0][0] > 0);
}

static void test_bound_machine(void **state)
{
    disco_machine_config c = { .size = sizeof(c),
                               .flags = DISCO_MACHINE_HOST_NODES };
    disco_machine *m;
    disco_vm *vm;
    char byte = 1;

    (void)state;
    if (!have_hwloc()) {
        assert_int_equal(disco_machine_create(&c, &m, NULL),
                         DISCO_E_UNSUPPORTED);
        return;
    }
    c.nodes = 2;
    assert_int_equal(disco_machine_create(&c, &m, NULL), 0);
    assert_int_equal(disco_vm_create(m, NULL, &vm), 0);
    assert_int_equal(disco_vm_map_ram(vm, 0, 1 << 20, NULL), 0);
    assert_int_equal(disco_mem_write(vm, 0, &byte, 1), 0);
    assert_int_equal(disco_page_migrate(vm, 0, 1), 0);
    assert_int_equal(disco_vm_destroy(vm), 0);
    assert_int_equal(disco_machine_destroy(m), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_xml),
        cmocka_unit_test(test_bad_xml),
        cmocka_unit_test(test_host),
        cmocka_unit_test(test_bound_machine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
