/*
 * test_machine.c - creation and end of machines, VMs and vCPUs; config structs;
 * backends; last errors; figures.
 */
#include <stdio.h>
#include <string.h>

#include "fake_alloc.h"
#include "fixture.h"

static disco_status create(disco_machine_config *c, disco_error *err)
{
    disco_machine *m = NULL;
    disco_status status;

    c->size = sizeof(*c);
    memset(err, 0, sizeof(*err));
    err->size = sizeof(*err);
    status = disco_machine_create(c, &m, err);
    if (!status)
        assert_int_equal(disco_machine_destroy(m), 0);
    else
        assert_int_equal(err->status, status);
    return status;
}

static void test_machine_config(void **state)
{
    disco_machine_config c = { 0 };
    disco_error err;

    (void)state;
    assert_int_equal(create(&c, &err), 0);
    c.nodes = 65;
    assert_int_equal(create(&c, &err), DISCO_E_INVAL);
    assert_non_null(strstr(err.text, "65 nodes"));
    c.nodes = 64;
    c.cpus_per_node = 65;
    assert_int_equal(create(&c, &err), DISCO_E_INVAL);
    c.cpus_per_node = 64;
    assert_int_equal(create(&c, &err), 0);
    c.node_bytes = 4097;
    assert_int_equal(create(&c, &err), DISCO_E_INVAL);
    c.node_bytes = UINT64_C(1) << 40;
    assert_int_equal(create(&c, &err), 0);
    c.node_bytes = UINT64_C(1) << 41;
    assert_int_equal(create(&c, &err), DISCO_E_INVAL);
    c.node_bytes = 0;
    c.cpu_hz = 1999999;
    assert_int_equal(create(&c, &err), DISCO_E_INVAL);
    c.cpu_hz = 4000000000u;
    assert_int_equal(create(&c, &err), 0);
    c.translate_at_run = 201;
    assert_int_equal(create(&c, &err), DISCO_E_INVAL);
    assert_non_null(strstr(err.text, "translate_at_run"));
    c.translate_at_run = 200;
    c.code_cache_bytes = (1 << 20) - 1;
    assert_int_equal(create(&c, &err), DISCO_E_INVAL);
    assert_non_null(strstr(err.text, "1 MiB..512 MiB"));
    c.code_cache_bytes = 1 << 20;
    assert_int_equal(create(&c, &err), 0);
    c.code_cache_bytes = 512 << 20;
    assert_int_equal(create(&c, &err), 0);
    c.code_cache_bytes++;
    assert_int_equal(create(&c, &err), DISCO_E_INVAL);
    c.code_cache_bytes = DISCO_CACHE_NONE;
    assert_int_equal(create(&c, &err), 0);
    c.flags = UINT32_C(1) << 31;
    assert_int_equal(create(&c, &err), DISCO_E_INVAL);
    assert_int_equal(disco_machine_create(NULL, NULL, NULL), DISCO_E_INVAL);
    assert_int_equal(disco_machine_destroy(NULL), 0);
}

static void test_topology(void **state)
{
    disco_topology t = { .size = sizeof(t), .nodes = 2 };
    disco_machine_config c = { .size = sizeof(c), .topology = &t };
    disco_node_stats s = { .size = sizeof(s) };
    disco_topology out = { .size = sizeof(out) };
    disco_machine *m;
    disco_error err;
    uint32_t node;

    (void)state;
    assert_int_equal(create(&c, &err), DISCO_E_INVAL);
    assert_non_null(strstr(err.text, "no node has a CPU"));
    t.cpus[1] = 3;
    t.bytes[0] = 1 << 20;
    c.nodes = 2;
    assert_int_equal(create(&c, &err), DISCO_E_INVAL);
    c.nodes = 0;
    t.size = 4;
    assert_int_equal(create(&c, &err), DISCO_E_INVAL);
    t.size = sizeof(t);
    c.node_bytes = 2 << 20;
    assert_int_equal(disco_machine_create(&c, &m, NULL), 0);
    assert_int_equal(disco_machine_cpu_node(m, 0, &node), 0);
    assert_int_equal(node, 1);
    assert_int_equal(disco_machine_cpu_node(m, 3, &node), DISCO_E_INVAL);
    assert_int_equal(disco_node_stats_get(m, 0, &s), 0);
    assert_int_equal(s.cpus, 0);
    assert_int_equal(s.frames_total, 256);
    assert_int_equal(disco_node_stats_get(m, 1, &s), 0);
    assert_int_equal(s.cpus, 3);
    assert_int_equal(s.frames_total, 512);
    assert_int_equal(disco_machine_topology(m, &out), 0);
    assert_int_equal(out.bytes[1], 2 << 20);
    assert_int_equal(out.distance[0][1], 30);
    assert_int_equal(disco_machine_topology(NULL, &out), DISCO_E_INVAL);
    assert_int_equal(disco_machine_destroy(m), 0);
}

static void test_config_sizes(void **state)
{
    struct {
        disco_machine_config c;
        uint32_t more[2];
    } longer = { { .size = sizeof(longer) }, { 0, 0 } };
    disco_error err = { .size = sizeof(err) };
    uint32_t shorter[3] = { 12, 0, 3 };
    disco_machine_stats s = { .size = sizeof(s) };
    disco_machine *m;

    (void)state;
    assert_int_equal(disco_machine_create(&longer.c, &m, &err), 0);
    disco_machine_destroy(m);
    longer.more[1] = 1;
    assert_int_equal(disco_machine_create(&longer.c, &m, &err),
                     DISCO_E_VERSION);
    longer.c.size = 4;
    assert_int_equal(disco_machine_create(&longer.c, &m, &err), DISCO_E_INVAL);
    assert_int_equal(disco_machine_create((void *)shorter, &m, &err), 0);
    assert_int_equal(disco_machine_stats_get(m, &s), 0);
    assert_int_equal(s.nodes, 3);
    assert_int_equal(s.cpus, 3);
    assert_int_equal(s.frames_total, 3 << 18);
    disco_machine_destroy(m);
}

static void test_vm_config(void **state)
{
    disco_vm_config c = { .size = sizeof(c), .max_vcpus = 65 };
    struct fixture f;
    disco_vm *vm;
    char text[240];

    (void)state;
    fixture_make(&f, NULL, NULL, 0);
    assert_int_equal(disco_vm_create(f.machine, &c, &vm), DISCO_E_INVAL);
    c.max_vcpus = 0;
    c.flags = 1;
    assert_int_equal(disco_vm_create(f.machine, &c, &vm), DISCO_E_INVAL);
    c.flags = 0;
    c.memory_order = 2;
    assert_int_equal(disco_vm_create(f.machine, &c, &vm), DISCO_E_INVAL);
    c.memory_order = 1;
    c.home_node = 1;
    assert_int_equal(disco_vm_create(f.machine, &c, &vm), DISCO_E_INVAL);
    fixture_error(&f, text);
    assert_non_null(strstr(text, "home node 1"));
    c.home_node = 0;
    c.name = "guest";
    assert_int_equal(disco_vm_create(f.machine, &c, &vm), 0);
    assert_string_equal(disco_vm_name(vm), "guest");
    assert_string_equal(disco_vm_name(f.vm), "vm0");
    assert_ptr_equal(disco_vm_machine(vm), f.machine);
    assert_int_equal(disco_vm_vcpu_count(vm), 0);
    assert_int_equal(disco_vm_destroy(vm), 0);
    assert_int_equal(disco_vm_destroy(NULL), 0);
    fixture_drop(&f);
}

static void test_vcpu_config(void **state)
{
    disco_vcpu_config c = { .size = sizeof(c), .backend = "nothing" };
    disco_vm_config small = { .size = sizeof(small), .max_vcpus = 2 };
    disco_vcpu *a, *b, *v;
    struct fixture f;
    char text[240];
    disco_vm *vm;

    (void)state;
    fixture_make(&f, NULL, NULL, 0);
    assert_int_equal(disco_vm_create(f.machine, &small, &vm), 0);
    assert_int_equal(disco_vcpu_create(vm, &c, &v), DISCO_E_NOENT);
    fixture_error(&f, text);
    assert_non_null(strstr(text, "\"nothing\""));
    c.backend = "toy";
    c.model = "R2000";
    assert_int_equal(disco_vcpu_create(vm, &c, &v), DISCO_E_NOENT);
    fixture_error(&f, text);
    assert_non_null(strstr(text, "R2000"));
    c.model = NULL;
    c.mode = 2;
    assert_int_equal(disco_vcpu_create(vm, &c, &v), DISCO_E_INVAL);
    c.mode = 0;
    c.order = 3;
    assert_int_equal(disco_vcpu_create(vm, &c, &v), DISCO_E_INVAL);
    c.order = DISCO_LITTLE;
    assert_int_equal(disco_vcpu_create(vm, &c, &a), 0);
    assert_int_equal(disco_vcpu_create(vm, &c, &b), 0);
    assert_int_equal(disco_vcpu_create(vm, &c, &v), DISCO_E_RANGE);
    assert_int_equal(disco_vcpu_index(b), 1);
    assert_ptr_equal(disco_vcpu_vm(b), vm);
    assert_int_equal(disco_vcpu_destroy(a), 0);
    assert_null(disco_vm_vcpu(vm, 0));
    assert_ptr_equal(disco_vm_vcpu(vm, 1), b);
    assert_int_equal(disco_vm_vcpu_count(vm), 2);
    assert_int_equal(disco_vcpu_index(b), 1);
    assert_int_equal(disco_vcpu_destroy(b), 0);
    assert_int_equal(disco_vm_vcpu_count(vm), 0);
    assert_int_equal(disco_vcpu_create(vm, &c, &a), 0);
    assert_int_equal(disco_vcpu_index(a), 0);
    assert_int_equal(disco_vcpu_destroy(NULL), 0);
    assert_int_equal(disco_vm_destroy(vm), 0);
    fixture_drop(&f);
}

static void test_backends(void **state)
{
    disco_backend_ops ops = toy_ops;
    struct fixture f;
    char text[240];

    (void)state;
    fixture_make(&f, NULL, NULL, 0);
    assert_int_equal(disco_machine_add_backend(f.machine, &ops),
                     DISCO_E_EXISTS);
    ops.name = "toy2";
    ops.run = NULL;
    assert_int_equal(disco_machine_add_backend(f.machine, &ops), DISCO_E_INVAL);
    fixture_error(&f, text);
    assert_non_null(strstr(text, "toy2"));
    ops.run = toy_ops.run;
    ops.verify = NULL;
    ops.stats = NULL;
    ops.translate = NULL;
    assert_int_equal(disco_machine_add_backend(f.machine, &ops), 0);
    fixture_drop(&f);
}

static void test_registers(void **state)
{
    uint64_t ids[3] = { DISCO_REG_GPR(1), DISCO_REG_GPR(99), DISCO_REG_PC };
    uint64_t values[3] = { 5, 6, 8 }, gpa;
    disco_error err = { .size = sizeof(err) };
    struct fixture f;

    (void)state;
    fixture_make(&f, NULL, NULL, 0);
    assert_int_equal(disco_vcpu_set_regs(f.vcpu[0], ids, values, 3),
                     DISCO_E_INVAL);
    disco_machine_last_error(f.machine, &err);
    assert_int_equal(err.where, 1);
    assert_int_equal(fixture_reg(&f, 0, 1), 5);
    ids[1] = DISCO_REG_GPR(2);
    assert_int_equal(disco_vcpu_set_regs(f.vcpu[0], ids, values, 3), 0);
    values[0] = values[1] = values[2] = 0;
    assert_int_equal(disco_vcpu_get_regs(f.vcpu[0], ids, values, 3), 0);
    assert_int_equal(values[2], 8);
    assert_int_equal(disco_vcpu_get_regs(f.vcpu[0], NULL, NULL, 0), 0);
    assert_int_equal(disco_vcpu_get_regs(f.vcpu[0], NULL, NULL, 1),
                     DISCO_E_INVAL);
    assert_int_equal(disco_vcpu_translate(f.vcpu[0], 77, DISCO_READ, &gpa), 0);
    assert_int_equal(gpa, 77);
    assert_int_equal(
        disco_vcpu_translate(f.vcpu[0], UINT64_C(1) << 50, DISCO_READ, &gpa),
        DISCO_E_FAULT);
    assert_int_equal(disco_vcpu_translate(f.vcpu[0], 77, 3, &gpa),
                     DISCO_E_INVAL);
    fixture_drop(&f);
}

static void test_figures(void **state)
{
    static const uint32_t program[] = {
        TOY(TOY_ST, 1, 2, 0),
        TOY(TOY_BREAK, 0, 0, 0),
    };
    struct fixture_config c = { .nodes = 2, .cpus = 1 };
    disco_machine_stats m = { .size = sizeof(m) };
    disco_node_stats n = { .size = sizeof(n) };
    disco_vcpu_stats v = { .size = sizeof(v) };
    disco_vm_stats s = { .size = sizeof(s) };
    disco_exit e = { .size = sizeof(e) };
    struct fixture f;
    uint32_t node;

    (void)state;
    fixture_make(&f, &c, program, 2);
    fixture_set_reg(&f, 0, 2, 0x4000);
    assert_int_equal(disco_vcpu_run(f.vcpu[0], 1, NULL, &e), 0);
    assert_int_equal(disco_vm_stats_get(f.vm, &s), 0);
    assert_int_equal(s.vcpus, 1);
    assert_int_equal(s.ram_bytes, 1 << 20);
    assert_int_equal(s.frames, 2);
    assert_int_equal(s.demand_zero, 2);
    assert_int_equal(s.dma_write_bytes, 8);
    assert_int_equal(disco_node_stats_get(f.machine, 1, &n), 0);
    assert_int_equal(n.frames_used, 1); /* touched by CPU 1 */
    assert_int_equal(n.alloc_local, 1);
    assert_int_equal(n.cpus, 1);
    assert_int_equal(disco_node_stats_get(f.machine, 0, &n), 0);
    assert_int_equal(n.frames_used, 1); /* loaded on the home node */
    assert_int_equal(n.alloc_local, 0);
    assert_int_equal(disco_machine_stats_get(f.machine, &m), 0);
    assert_int_equal(m.frames_used, 2);
    assert_int_equal(m.vms, 1);
    assert_true(m.host_bytes > 0);
    assert_int_equal(disco_vcpu_stats_get(f.vcpu[0], &v), 0);
    assert_int_equal(v.insns, 1);
    assert_int_equal(v.cpu, 1);
    assert_int_equal(v.exits[DISCO_EXIT_BREAK], 1);
    assert_int_equal(disco_machine_cpu_node(f.machine, 1, &node), 0);
    assert_int_equal(node, 1);
    assert_int_equal(disco_machine_cpu_node(f.machine, 2, &node),
                     DISCO_E_INVAL);
    fixture_drop(&f);
}

static void test_capabilities(void **state)
{
    (void)state;
    assert_int_equal(disco_version(), DISCO_VERSION);
    assert_int_equal(disco_cap(DISCO_CAP_DETERMINISTIC), 1);
#if defined(__x86_64__) && defined(__linux__)
    assert_int_equal(disco_cap(DISCO_CAP_JIT), 1);
#endif
    assert_int_equal(disco_cap(0), 0);
    assert_int_equal(disco_cap(9999), 0);
}

/* With VERIFY every call walks, and nothing is found. */
static void test_verify_flag(void **state)
{
    static const uint32_t program[] = {
        TOY(TOY_ST, 1, 2, 0),
        TOY(TOY_BREAK, 0, 0, 0),
    };
    struct fixture_config c = { .nodes = 2, .flags = DISCO_MACHINE_VERIFY };
    disco_region *r;
    struct fixture f;

    (void)state;
    fixture_make(&f, &c, program, 2);
    fixture_set_reg(&f, 0, 2, 0x4000);
    fixture_run(&f, 0, 0);
    assert_int_equal(disco_page_migrate(f.vm, 0x4000, 1), 0);
    assert_int_equal(disco_vm_map_ram(f.vm, 0x1000000, 4096, &r), 0);
    assert_int_equal(disco_region_unmap(r), 0);
    assert_int_equal(disco_vm_advance(f.vm, 5000), 0);
    assert_int_equal(disco_vm_reset(f.vm), 0);
    fixture_drop(&f);
}

/* An untouched VM is cheap, and creating it leaves nothing behind. */
static void test_cheap_vm(void **state)
{
    struct fake_alloc fake;
    disco_allocator allocator = fake_alloc_ops(&fake);
    disco_vcpu_config vc = { .size = sizeof(vc), .backend = "toy" };
    disco_machine_config c = { .size = sizeof(c), .allocator = &allocator };
    disco_machine *m;
    uint64_t before;
    disco_vcpu *v;
    disco_vm *vm;

    (void)state;
    assert_int_equal(disco_machine_create(&c, &m, NULL), 0);
    assert_int_equal(disco_machine_add_backend(m, &toy_ops), 0);
    assert_int_equal(disco_vm_create(m, NULL, &vm), 0);
    assert_int_equal(disco_vm_destroy(vm), 0);
    before = fake.live_bytes;
    fake.peak_bytes = 0;
    assert_int_equal(disco_vm_create(m, NULL, &vm), 0);
    assert_int_equal(disco_vm_map_ram(vm, 0, 64 << 20, NULL), 0);
    assert_int_equal(disco_vcpu_create(vm, &vc, &v), 0);
    assert_true(fake.peak_bytes - before < 1 << 20);
    assert_int_equal(disco_vm_destroy(vm), 0);
    assert_int_equal(disco_machine_destroy(m), 0);
    assert_int_equal(fake.live, 0);
    assert_int_equal(fake.bad_frees, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_machine_config),
        cmocka_unit_test(test_topology),
        cmocka_unit_test(test_config_sizes),
        cmocka_unit_test(test_vm_config),
        cmocka_unit_test(test_vcpu_config),
        cmocka_unit_test(test_backends),
        cmocka_unit_test(test_registers),
        cmocka_unit_test(test_figures),
        cmocka_unit_test(test_capabilities),
        cmocka_unit_test(test_verify_flag),
        cmocka_unit_test(test_cheap_vm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
