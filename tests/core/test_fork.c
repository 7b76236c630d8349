/*
 * test_fork.c - a forked VM: what it has of its parent, and what not.
 */
#include <string.h>
#include <time.h>

#include "fake_alloc.h"
#include "fixture.h"

enum { PAGE = 4096 };

/* r1 counts up and is stored at r2; r3 turns. */
static const uint32_t counter[] = {
    TOY(TOY_ADDI, 1, 1, 1),
    TOY(TOY_ST, 1, 2, 0),
    TOY(TOY_BNE, 1, 3, -2),
    TOY(TOY_BREAK, 0, 0, 0),
};

static void prepare(struct fixture *f, const struct fixture_config *c)
{
    fixture_make(f, c, counter, 4);
    fixture_set_reg(f, 0, 2, 0x4000);
    fixture_set_reg(f, 0, 3, 100);
    assert_int_equal(fixture_run(f, 0, 30).reason, DISCO_EXIT_BUDGET);
}

static uint64_t word(disco_vm *vm, uint64_t gpa)
{
    uint64_t value = 0;

    assert_int_equal(disco_mem_read(vm, gpa, &value, 8), 0);
    return value;
}

static uint64_t reg(disco_vm *vm, uint32_t n)
{
    uint64_t id = DISCO_REG_GPR(n), value;

    assert_int_equal(disco_vcpu_get_regs(disco_vm_vcpu(vm, 0), &id, &value, 1),
                     0);
    return value;
}

static void finish(disco_vm *vm)
{
    disco_exit e = { .size = sizeof(e) };

    assert_int_equal(disco_vcpu_run(disco_vm_vcpu(vm, 0), 0, NULL, &e), 0);
    assert_int_equal(e.reason, DISCO_EXIT_BREAK);
}

static void test_both_go_on(void **state)
{
    disco_vm_config named = { .size = sizeof(named), .name = "child" };
    disco_vm_stats s = { .size = sizeof(s) };
    struct fixture f;
    uint64_t at, before;
    disco_vm *child;

    (void)state;
    prepare(&f, NULL);
    at = reg(f.vm, 1);
    before = disco_vm_time_ns(f.vm);
    assert_int_equal(disco_vm_fork(f.vm, &named, &child), 0);
    assert_string_equal(disco_vm_name(child), "child");
    assert_int_equal(disco_vm_time_ns(child), before);
    assert_int_equal(reg(child, 1), at);
    assert_int_equal(word(child, 0x4000), at);
    finish(child);
    assert_int_equal(reg(child, 1), 100);
    assert_int_equal(word(child, 0x4000), 100);
    assert_int_equal(word(f.vm, 0x4000), at);
    assert_int_equal(disco_vm_stats_get(child, &s), 0);
    assert_int_equal(s.cow_breaks, 1);
    assert_int_equal(s.frames, 2);
    finish(f.vm);
    assert_int_equal(word(f.vm, 0x4000), 100);
    assert_int_equal(disco_vm_destroy(child), 0);
    fixture_drop(&f);
}

/* The parent may go; the child of a child is as good as the child. */
static void test_the_parent_ends(void **state)
{
    disco_machine_stats s = { .size = sizeof(s) };
    disco_vm *child, *grandchild;
    struct fixture f;

    (void)state;
    prepare(&f, NULL);
    assert_int_equal(disco_vm_fork(f.vm, NULL, &child), 0);
    assert_int_equal(disco_vm_fork(child, NULL, &grandchild), 0);
    assert_int_equal(disco_vm_destroy(f.vm), 0);
    f.vm = grandchild;
    f.vcpu[0] = disco_vm_vcpu(grandchild, 0);
    assert_int_equal(disco_machine_verify(f.machine), 0);
    finish(child);
    finish(grandchild);
    assert_int_equal(disco_vm_destroy(child), 0);
    assert_int_equal(word(grandchild, 0x4000), 100);
    assert_int_equal(disco_machine_stats_get(f.machine, &s), 0);
    assert_int_equal(s.frames_used, 2);
    fixture_drop(&f);
}

struct device {
    uint32_t forks;
    uint32_t releases;
    uint32_t tag;
    disco_status status;
    struct device *child;
};

static disco_status device_read(void *opaque, const disco_mmio_access *a,
                                uint64_t *value)
{
    (void)a;
    *value = ((struct device *)opaque)->tag;
    return 0;
}

static disco_status device_fork(void *opaque, disco_vm *child, void **out)
{
    struct device *d = opaque;

    (void)child;
    d->forks++;
    *out = d->child;
    return d->status;
}

static void device_release(void *opaque)
{
    ((struct device *)opaque)->releases++;
}

static const disco_mmio_ops device_ops = { .size = sizeof(device_ops),
                                           .read = device_read,
                                           .fork = device_fork,
                                           .release = device_release };

static void test_devices(void **state)
{
    struct device copy = { .tag = 2 }, device = { .tag = 1, .child = &copy };
    struct fixture f;
    disco_vm *child;
    uint64_t value;

    (void)state;
    prepare(&f, NULL);
    assert_int_equal(disco_vm_map_mmio(f.vm, 0x200000, 8, "device", &device_ops,
                                       &device, NULL),
                     0);
    assert_ptr_equal(disco_vm_region_opaque(f.vm, "device"), &device);
    assert_null(disco_vm_region_opaque(f.vm, "other"));
    assert_int_equal(disco_vm_fork(f.vm, NULL, &child), 0);
    assert_ptr_equal(disco_vm_region_opaque(child, "device"), &copy);
    assert_int_equal(disco_mmio_read(child, 0x200000, 8, &value), 0);
    assert_int_equal(value, 2);
    assert_int_equal(disco_vm_destroy(child), 0);
    assert_int_equal(copy.releases, 1);
    device.status = DISCO_E_BUSY;
    assert_int_equal(disco_vm_fork(f.vm, NULL, &child), DISCO_E_BUSY);
    assert_int_equal(device.forks, 2);
    fixture_drop(&f);
    assert_int_equal(device.releases, 1);
}

/* One that only exits has nothing to copy, and is the parent's to release. */
static void test_exits(void **state)
{
    disco_mmio_ops ops = { .size = sizeof(ops),
                           .flags = DISCO_MMIO_EXIT,
                           .release = device_release };
    struct device device = { .tag = 1 };
    struct fixture f;
    disco_vm *child;

    (void)state;
    prepare(&f, NULL);
    assert_int_equal(
        disco_vm_map_mmio(f.vm, 0x200000, 8, "exits", &ops, &device, NULL), 0);
    assert_int_equal(disco_vm_fork(f.vm, NULL, &child), 0);
    assert_ptr_equal(disco_vm_region_opaque(child, "exits"), &device);
    assert_int_equal(disco_vm_destroy(child), 0);
    assert_int_equal(device.releases, 0);
    fixture_drop(&f);
    assert_int_equal(device.releases, 1);
}

static void expect_refusal(struct fixture *f, disco_status status,
                           const char *what)
{
    disco_machine_stats s = { .size = sizeof(s) };
    disco_vm *child;
    char text[240];

    assert_int_equal(disco_vm_fork(f->vm, NULL, &child), status);
    if (!strstr(fixture_error(f, text), what))
        fail_msg("\"%s\" does not name \"%s\"", text, what);
    assert_int_equal(disco_machine_stats_get(f->machine, &s), 0);
    assert_int_equal(s.vms, 1);
    assert_int_equal(disco_machine_verify(f->machine), 0);
}

static void test_refusals(void **state)
{
    static uint8_t host[PAGE] __attribute__((aligned(4096)));
    disco_mmio_ops deaf = { .size = sizeof(deaf) };
    disco_pin pin = { .size = sizeof(pin) };
    disco_region *r;
    struct fixture f;

    (void)state;
    prepare(&f, NULL);
    assert_int_equal(disco_mem_pin(f.vm, 0x4000, 8, DISCO_READ, &pin), 0);
    expect_refusal(&f, DISCO_E_BUSY, "pinned");
    assert_int_equal(disco_mem_unpin(f.vm, &pin), 0);
    assert_int_equal(
        disco_vm_map_host(f.vm, 0x400000, PAGE, host, DISCO_READ, &r), 0);
    expect_refusal(&f, DISCO_E_UNSUPPORTED, "host's own");
    assert_int_equal(disco_region_unmap(r), 0);
    assert_int_equal(
        disco_vm_map_mmio(f.vm, 0x400000, 8, "deaf", &deaf, NULL, &r), 0);
    expect_refusal(&f, DISCO_E_UNSUPPORTED, "deaf");
    assert_int_equal(disco_region_unmap(r), 0);
    assert_int_equal(disco_vm_fork(NULL, NULL, &f.vm), DISCO_E_INVAL);
    fixture_drop(&f);
}

/* The parent had memory further up, once. */
static void test_unmapped_memory(void **state)
{
    disco_region *r;
    struct fixture f;
    disco_vm *child;

    (void)state;
    prepare(&f, NULL);
    assert_int_equal(disco_vm_map_ram(f.vm, 1 << 30, 1 << 20, &r), 0);
    assert_int_equal(disco_mem_write(f.vm, 1 << 30, "x", 1), 0);
    assert_int_equal(disco_region_unmap(r), 0);
    assert_int_equal(disco_vm_fork(f.vm, NULL, &child), 0);
    finish(child);
    assert_int_equal(disco_vm_destroy(child), 0);
    fixture_drop(&f);
}

/* Every allocation fails once: no child, nothing lost. */
static void test_no_memory(void **state)
{
    struct fake_alloc fake = { 0 };
    disco_allocator allocator = fake_alloc_ops(&fake);
    struct fixture_config c = { .vcpus = 2 };
    disco_vm *child = NULL;
    struct fixture f;
    uint64_t n;
    disco_status status;

    (void)state;
    c.machine.size = sizeof(c.machine);
    c.machine.allocator = &allocator;
    prepare(&f, &c);
    for (n = 1;; n++) {
        fake.fail_at = fake.calls + n;
        status = disco_vm_fork(f.vm, NULL, &child);
        fake.fail_at = 0;
        if (!status)
            break;
        assert_int_equal(status, DISCO_E_NOMEM);
        assert_int_equal(disco_machine_verify(f.machine), 0);
    }
    assert_true(n > 5);
    finish(child);
    finish(f.vm);
    assert_int_equal(disco_vm_destroy(child), 0);
    fixture_drop(&f);
    assert_int_equal(fake.live, 0);
    assert_int_equal(fake.bad_frees, 0);
}

/* Ten thousand lives leave nothing behind. */
static void test_lives(void **state)
{
    disco_machine_stats s = { .size = sizeof(s) }, t = { .size = sizeof(t) };
    struct fixture f;
    disco_vm *child;
    uint32_t i;

    (void)state;
    prepare(&f, NULL);
    for (i = 0; i < 10000; i++) {
        assert_int_equal(disco_vm_fork(f.vm, NULL, &child), 0);
        if (i % 3 == 0)
            finish(child);
        assert_int_equal(disco_vm_destroy(child), 0);
        if (i == 10)
            assert_int_equal(disco_machine_stats_get(f.machine, &s), 0);
    }
    assert_int_equal(disco_machine_stats_get(f.machine, &t), 0);
    assert_int_equal(t.frames_used, s.frames_used);
    assert_int_equal(t.host_bytes, s.host_bytes);
    fixture_drop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_go_on),
        cmocka_unit_test(test_the_parent_ends),
        cmocka_unit_test(test_devices),
        cmocka_unit_test(test_exits),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_unmapped_memory),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_lives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
