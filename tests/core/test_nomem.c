/*
 * test_nomem.c - the n-th allocation fails, for every n: each call either works
 * or leaves nothing half-made, and what was there goes on working.
 */
#include <string.h>

#include "fake_alloc.h"
#include "fixture.h"

static const uint32_t program[] = {
    TOY(TOY_ST, 1, 2, 0), TOY(TOY_LD, 3, 4, 0),    TOY(TOY_CALL, 0, 0, 0x10),
    TOY(TOY_ST, 1, 5, 0), TOY(TOY_BREAK, 0, 0, 0),
};

static uint64_t host_fn(uint8_t *data, uint64_t bytes)
{
    return data[bytes - 1]++;
}

static void on_timer(void *opaque, uint64_t now_ns)
{
    (void)opaque;
    (void)now_ns;
}

static uint8_t host_page[4096] __attribute__((aligned(4096)));

/* A step that may fail for lack of memory, and for nothing else. */
static int ok(disco_status status)
{
    if (status)
        assert_int_equal(status, DISCO_E_NOMEM);
    return !status;
}

static void use_vcpu(disco_vm *vm, disco_vcpu *v)
{
    uint64_t ids[3] = { DISCO_REG_GPR(2), DISCO_REG_GPR(4), DISCO_REG_GPR(5) };
    uint64_t values[3] = { 0x3000, 0x600000, 0x500000 };
    disco_exit e = { .size = sizeof(e) };
    int tries;

    if (!ok(disco_mem_write(vm, 0, program, sizeof(program))))
        return;
    assert_int_equal(disco_vcpu_set_regs(v, ids, values, 3), 0);
    assert_int_equal(disco_vcpu_start(v, 0), 0);
    /* NO_MEMORY is an exit: the same instruction again, and it works. */
    for (tries = 0; tries < 3; tries++) {
        assert_int_equal(disco_vcpu_run(v, 0, NULL, &e), 0);
        if (e.reason != DISCO_EXIT_NO_MEMORY)
            break;
    }
    assert_int_equal(e.reason, DISCO_EXIT_BREAK);
    assert_int_equal(e.pc, 16);
}

static void use_vm(disco_machine *m, disco_vm *vm)
{
    disco_vcpu_config vc = { .size = sizeof(vc), .backend = "toy" };
    disco_mmio_ops ops = { .size = sizeof(ops) };
    disco_pin p = { .size = sizeof(p) };
    disco_region *ram = NULL;
    disco_sched *s;
    disco_timer *t;
    disco_vcpu *v;
    uint32_t n;

    if (!ok(disco_vm_map_ram(vm, 0, 1 << 20, &ram)))
        return;
    ok(disco_vm_map_rom(vm, 0x400000, 8192, "rom", 3, NULL));
    ok(disco_vm_map_mmio(vm, 0x800000, 4, "dev", &ops, NULL, NULL));
    ok(disco_timer_create(vm, on_timer, NULL, &t));
    ok(disco_vm_add_host_function(vm, "u64 f(buf)", 0, (void (*)(void))host_fn,
                                  NULL, &n));
    if (disco_cap(DISCO_CAP_HOST_FUNCTIONS))
        ok(disco_vm_add_host_function(vm, "f64 f(f64)", 0,
                                      (void (*)(void))host_fn, NULL, &n));
    if (ok(disco_mem_pin(vm, 0x5000, 8, DISCO_READ | DISCO_WRITE, &p)))
        assert_int_equal(disco_mem_unpin(vm, &p), 0);
    if (ok(disco_vm_map_host(vm, 0x500000, 4096, host_page,
                             DISCO_READ | DISCO_WRITE, NULL)) &&
        ok(disco_vm_map_ram(vm, 0x600000, 4096, NULL)) &&
        ok(disco_vcpu_create(vm, &vc, &v))) {
        use_vcpu(vm, v);
        if (ok(disco_sched_create(m, NULL, &s))) {
            ok(disco_sched_add(s, v));
            disco_sched_destroy(s);
        }
    }
    if (ok(disco_mem_write(vm, 0x7000, "x", 1)))
        ok(disco_page_migrate(vm, 0x7000, 1));
    assert_int_equal(disco_machine_verify(m), 0);
    assert_int_equal(disco_region_unmap(ram), 0);
    assert_int_equal(disco_machine_verify(m), 0);
}

static void use_machine(struct fake_alloc *fake, disco_allocator *allocator)
{
    disco_machine_config c = { .size = sizeof(c),
                               .nodes = 2,
                               .node_bytes = 64 << 20,
                               .allocator = allocator };
    disco_error err = { .size = sizeof(err) };
    disco_machine *m;
    disco_vm *vm;

    (void)fake;
    if (!ok(disco_machine_create(&c, &m, &err))) {
        assert_int_equal(err.status, DISCO_E_NOMEM);
        assert_true(strlen(err.text) > 0);
        return;
    }
    if (ok(disco_machine_add_backend(m, &toy_ops)) &&
        ok(disco_vm_create(m, NULL, &vm))) {
        use_vm(m, vm);
        assert_int_equal(disco_vm_destroy(vm), 0);
    }
    assert_int_equal(disco_machine_verify(m), 0);
    assert_int_equal(disco_machine_destroy(m), 0);
}

static void test_every_allocation_fails_once(void **state)
{
    struct fake_alloc fake;
    disco_allocator allocator = fake_alloc_ops(&fake);
    uint64_t all, n;

    (void)state;
    use_machine(&fake, &allocator);
    all = fake.calls;
    assert_true(all > 30);
    for (n = 1; n <= all + 1; n++) {
        allocator = fake_alloc_ops(&fake);
        fake.fail_at = n;
        use_machine(&fake, &allocator);
        assert_int_equal(fake.live, 0);
        assert_int_equal(fake.bad_frees, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_allocation_fails_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
