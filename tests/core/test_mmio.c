/*
 * test_mmio.c - device registers: callbacks, exits, byte orders, what is
 * allowed inside.
 */
#include <string.h>

#include "fixture.h"

enum { DEV = 0x200000 };

struct device {
    disco_vm *vm;
    disco_mmio_access last;
    uint64_t written;
    uint64_t answer;
    disco_status status;
    int released;
    int resets;
    disco_status inner[8]; /* what calls inside the callback returned */
};

static disco_status dev_read(void *opaque, const disco_mmio_access *a,
                             uint64_t *value)
{
    struct device *d = opaque;

    d->last = *a;
    *value = d->answer;
    return d->status;
}

static disco_status dev_write(void *opaque, const disco_mmio_access *a,
                              uint64_t value)
{
    struct device *d = opaque;

    d->last = *a;
    d->written = value;
    return d->status;
}

static void dev_reset(void *opaque)
{
    ((struct device *)opaque)->resets++;
}

static void dev_release(void *opaque)
{
    ((struct device *)opaque)->released++;
}

static const disco_mmio_ops dev_ops = {
    .size = sizeof(dev_ops),
    .read = dev_read,
    .write = dev_write,
    .reset = dev_reset,
    .release = dev_release,
};

/* r1 = DEV; read to r2, write r3. */
static const uint32_t program[] = {
    TOY(TOY_ADDI, 1, 0, 2), TOY(TOY_SHL, 1, 1, 20), TOY(TOY_LW, 2, 1, 4),
    TOY(TOY_ST, 3, 1, 8),   TOY(TOY_LD, 4, 1, 16),  TOY(TOY_BREAK, 0, 0, 0),
};

static void test_callbacks(void **state)
{
    struct device d = { .answer = 0xffffffff11223344 };
    struct fixture f;
    disco_vcpu_stats s = { .size = sizeof(s) };
    disco_exit e;

    (void)state;
    fixture_make(&f, NULL, program, 6);
    assert_int_equal(
        disco_vm_map_mmio(f.vm, DEV, 24, "dev", &dev_ops, &d, NULL), 0);
    fixture_set_reg(&f, 0, 3, 0x8877665544332211);
    e = fixture_run(&f, 0, 3);
    assert_int_equal(e.reason, DISCO_EXIT_BUDGET);
    assert_int_equal(fixture_reg(&f, 0, 2), 0x11223344);
    assert_int_equal(d.last.offset, 4);
    assert_int_equal(d.last.bytes, 4);
    assert_ptr_equal(d.last.vcpu, f.vcpu[0]);
    fixture_run(&f, 0, 1);
    assert_int_equal(d.last.offset, 8);
    assert_true(d.written == 0x8877665544332211);
    e = fixture_run(&f, 0, 0);
    assert_int_equal(e.reason, DISCO_EXIT_BREAK);
    assert_true(fixture_reg(&f, 0, 4) == d.answer);
    assert_int_equal(disco_vcpu_stats_get(f.vcpu[0], &s), 0);
    assert_int_equal(s.mmio_reads, 2);
    assert_int_equal(s.mmio_writes, 1);
    assert_int_equal(disco_vm_reset(f.vm), 0);
    assert_int_equal(d.resets, 1);
    fixture_drop(&f);
    assert_int_equal(d.released, 1);
}

/* Toy vCPUs are big-endian by config, so LITTLE is the other order. */
static void test_byte_orders(void **state)
{
    static const uint32_t orders[] = { 0, DISCO_BIG, DISCO_LITTLE,
                                       DISCO_CPU_ORDER };
    uint64_t want;
    uint32_t i;

    (void)state;
    for (i = 0; i < 4; i++) {
        struct device d = { .answer = 0x11223344 };
        disco_mmio_ops ops = dev_ops;
        struct fixture f;

        ops.order = orders[i];
        want = orders[i] == DISCO_LITTLE ? 0x44332211 : 0x11223344;
        fixture_make(&f, NULL, program, 6);
        assert_int_equal(
            disco_vm_map_mmio(f.vm, DEV, 24, "dev", &ops, &d, NULL), 0);
        fixture_set_reg(&f, 0, 3, 0x0102030405060708);
        fixture_run(&f, 0, 4);
        assert_int_equal(fixture_reg(&f, 0, 2), want);
        assert_true(d.written == (orders[i] == DISCO_LITTLE
                                      ? 0x0807060504030201u
                                      : 0x0102030405060708u));
        fixture_drop(&f);
    }
}

static void test_exit(void **state)
{
    disco_mmio_ops ops = { .size = sizeof(ops),
                           .flags = DISCO_MMIO_EXIT,
                           .order = DISCO_LITTLE };
    disco_exit e = { .size = sizeof(e) };
    struct fixture f;

    (void)state;
    fixture_make(&f, NULL, program, 6);
    assert_int_equal(disco_vm_map_mmio(f.vm, DEV, 24, "dev", &ops, NULL, NULL),
                     0);
    fixture_set_reg(&f, 0, 3, 0x0102030405060708);
    assert_int_equal(disco_vcpu_complete(f.vcpu[0], 0, 0), DISCO_E_STATE);
    e = fixture_run(&f, 0, 0);
    assert_int_equal(e.reason, DISCO_EXIT_MMIO);
    assert_int_equal(e.u.mmio.gpa, DEV + 4);
    assert_int_equal(e.u.mmio.bytes, 4);
    assert_int_equal(e.u.mmio.write, 0);
    assert_int_equal(disco_vcpu_run(f.vcpu[0], 0, NULL, &e), DISCO_E_STATE);
    assert_int_equal(disco_vcpu_complete(f.vcpu[0], 0, 0x11223344), 0);
    e = fixture_run(&f, 0, 0);
    assert_int_equal(fixture_reg(&f, 0, 2), 0x44332211);
    assert_int_equal(e.reason, DISCO_EXIT_MMIO);
    assert_int_equal(e.u.mmio.write, 1);
    assert_true(e.u.mmio.value == 0x0807060504030201);
    assert_int_equal(disco_vcpu_complete(f.vcpu[0], 0, 0), 0);
    e = fixture_run(&f, 0, 0);
    assert_int_equal(e.reason, DISCO_EXIT_MMIO);
    /* A reset forgets what was asked. */
    assert_int_equal(disco_vm_reset(f.vm), 0);
    e = fixture_run(&f, 0, 0);
    assert_int_equal(e.reason, DISCO_EXIT_PARKED);
    fixture_drop(&f);
}

static void test_failing_callback(void **state)
{
    static const disco_status statuses[] = { DISCO_E_IO, DISCO_E_STATE,
                                             DISCO_E_CALLBACK };
    struct device d = { .answer = 1 };
    struct fixture f;
    disco_exit e;
    int i;

    (void)state;
    fixture_make(&f, NULL, program, 6);
    assert_int_equal(
        disco_vm_map_mmio(f.vm, DEV, 24, "dev", &dev_ops, &d, NULL), 0);
    fixture_run(&f, 0, 2);
    for (i = 0; i < 3; i++) {
        d.status = statuses[i];
        e = fixture_run(&f, 0, 0);
        assert_int_equal(e.reason, DISCO_EXIT_CALLBACK);
        assert_int_equal(e.u.callback.status, statuses[i]);
        assert_int_equal(e.u.callback.write, 0);
        assert_int_equal(e.u.callback.gpa, DEV + 4);
    }
    d.status = DISCO_E_FAULT; /* the toy's bus error */
    e = fixture_run(&f, 0, 0);
    assert_int_equal(e.reason, DISCO_EXIT_CALLBACK);
    assert_int_equal(e.u.callback.status, DISCO_E_FAULT);
    d.status = 0;
    e = fixture_run(&f, 0, 0);
    assert_int_equal(e.reason, DISCO_EXIT_BREAK);
    fixture_drop(&f);
}

/* Every call that the header allows or forbids inside a callback. */
static disco_status busy_body(void *opaque, const disco_mmio_access *a,
                              uint64_t *value)
{
    struct device *d = opaque;
    uint64_t id = DISCO_REG_GPR(7), reg = 1234, byte = 0;
    disco_exit e = { .size = sizeof(e) };
    disco_timer *t;

    d->inner[0] = disco_vcpu_set_regs(a->vcpu, &id, &reg, 1);
    d->inner[1] = disco_mem_write(d->vm, 0x3000, &reg, 8);
    d->inner[2] = disco_mem_read(d->vm, 0x3000, &byte, 8);
    d->inner[3] = disco_timer_create(d->vm, NULL, NULL, &t);
    d->inner[4] = disco_vcpu_run(a->vcpu, 0, NULL, &e);
    d->inner[5] = disco_vm_map_ram(d->vm, 0x40000000, 4096, NULL);
    d->inner[6] = disco_page_migrate(d->vm, 0, 0);
    d->inner[7] = disco_vcpu_reset(a->vcpu);
    *value = byte;
    return 0;
}

static void test_inside_callback(void **state)
{
    struct device d = { 0 };
    disco_mmio_ops ops = dev_ops;
    struct fixture f;

    (void)state;
    ops.read = busy_body;
    fixture_make(&f, NULL, program, 6);
    d.vm = f.vm;
    assert_int_equal(disco_vm_map_mmio(f.vm, DEV, 24, "dev", &ops, &d, NULL),
                     0);
    fixture_run(&f, 0, 3);
    assert_int_equal(d.inner[0], 0);
    assert_int_equal(fixture_reg(&f, 0, 7), 1234);
    assert_int_equal(d.inner[1], 0);
    assert_int_equal(d.inner[2], 0);
    assert_int_equal(fixture_reg(&f, 0, 2), 1234);
    assert_int_equal(d.inner[3], DISCO_E_INVAL);
    assert_int_equal(d.inner[4], DISCO_E_REENTRANT);
    assert_int_equal(d.inner[5], DISCO_E_REENTRANT);
    assert_int_equal(d.inner[6], DISCO_E_REENTRANT);
    assert_int_equal(d.inner[7], DISCO_E_REENTRANT);
    assert_int_equal(disco_vcpu_idle(f.vcpu[0]), DISCO_E_STATE);
    fixture_drop(&f);
}

static disco_status run_other(void *opaque, const disco_mmio_access *a,
                              uint64_t *value)
{
    struct device *d = opaque;
    disco_exit e = { .size = sizeof(e) };

    (void)a;
    *value = 0;
    d->inner[0] = disco_vcpu_run(disco_vm_vcpu(d->vm, 1), 1, NULL, &e);
    return 0;
}

static void test_run_of_another_inside(void **state)
{
    struct fixture_config c = { .vcpus = 2 };
    struct device d = { 0 };
    disco_mmio_ops ops = dev_ops;
    struct fixture f;

    (void)state;
    ops.read = run_other;
    fixture_make(&f, &c, program, 6);
    d.vm = f.vm;
    assert_int_equal(disco_vm_map_mmio(f.vm, DEV, 24, "dev", &ops, &d, NULL),
                     0);
    fixture_run(&f, 0, 3);
    assert_int_equal(d.inner[0], DISCO_E_REENTRANT);
    fixture_drop(&f);
}

static void test_host_access(void **state)
{
    struct device d = { .answer = 0x11223344aabbccdd };
    disco_mmio_ops silent = { .size = sizeof(silent) };
    struct fixture f;
    uint64_t value;

    (void)state;
    fixture_make(&f, NULL, program, 6);
    assert_int_equal(
        disco_vm_map_mmio(f.vm, DEV, 24, "dev", &dev_ops, &d, NULL), 0);
    assert_int_equal(
        disco_vm_map_mmio(f.vm, DEV + 24, 8, "silent", &silent, NULL, NULL), 0);
    assert_int_equal(disco_mmio_read(f.vm, DEV + 2, 2, &value), 0);
    assert_int_equal(value, 0xccdd);
    assert_null(d.last.vcpu);
    assert_int_equal(disco_mmio_write(f.vm, DEV, 1, 0x123), 0);
    assert_int_equal(d.written, 0x23);
    assert_int_equal(disco_mmio_read(f.vm, DEV + 1, 2, &value), DISCO_E_INVAL);
    assert_int_equal(disco_mmio_read(f.vm, DEV, 3, &value), DISCO_E_INVAL);
    assert_int_equal(disco_mmio_read(f.vm, DEV + 24, 8, &value), DISCO_E_FAULT);
    assert_int_equal(disco_mmio_read(f.vm, DEV + 32, 8, &value), DISCO_E_FAULT);
    assert_int_equal(disco_mmio_read(f.vm, 0, 8, &value), DISCO_E_FAULT);
    d.status = DISCO_E_IO;
    assert_int_equal(disco_mmio_read(f.vm, DEV, 8, &value), DISCO_E_IO);
    fixture_drop(&f);
}

/* Accesses that a region does not have: holes, ends, widths. */
static void test_bus_errors(void **state)
{
    static const uint32_t loads[] = {
        TOY(TOY_LD, 2, 1, 24),  TOY(TOY_LD, 2, 1, 20),     TOY(TOY_LD, 2, 1, 4),
        TOY(TOY_LW, 2, 1, 100), TOY(TOY_LW, 2, 1, 0x2000),
    };
    struct device d = { .answer = 1 };
    struct fixture f;
    disco_exit e;
    unsigned i;

    (void)state;
    for (i = 0; i < 5; i++) {
        fixture_make(&f, NULL, &loads[i], 1);
        assert_int_equal(
            disco_vm_map_mmio(f.vm, DEV, 24, "dev", &dev_ops, &d, NULL), 0);
        fixture_set_reg(&f, 0, 1, DEV);
        e = fixture_run(&f, 0, 0);
        assert_int_equal(e.reason, DISCO_EXIT_CALLBACK);
        assert_int_equal(e.u.callback.status, DISCO_E_FAULT);
        fixture_drop(&f);
    }
}

/* Memory has no holes: registers without traps are whole pages. */
static void test_untrapped(void **state)
{
    disco_mmio_ops ops = dev_ops;
    struct device d = { .answer = 5 };
    struct fixture f;

    (void)state;
    ops.flags = DISCO_MMIO_UNTRAPPED;
    fixture_make(&f, NULL, program, 6);
    assert_int_equal(disco_vm_map_mmio(f.vm, DEV, 24, "dev", &ops, &d, NULL),
                     DISCO_E_INVAL);
    assert_int_equal(
        disco_vm_map_mmio(f.vm, DEV + 8, 0x1000, "dev", &ops, &d, NULL),
        DISCO_E_INVAL);
    ops.flags = 4;
    assert_int_equal(
        disco_vm_map_mmio(f.vm, DEV, 0x1000, "dev", &ops, &d, NULL),
        DISCO_E_INVAL);
    assert_int_equal(d.released, 0);
    ops.flags = DISCO_MMIO_UNTRAPPED;
    assert_int_equal(
        disco_vm_map_mmio(f.vm, DEV, 0x1000, "dev", &ops, &d, NULL), 0);
    fixture_run(&f, 0, 3);
    assert_int_equal(fixture_reg(&f, 0, 2), 5);
    fixture_drop(&f);
    assert_int_equal(d.released, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_callbacks),
        cmocka_unit_test(test_byte_orders),
        cmocka_unit_test(test_exit),
        cmocka_unit_test(test_failing_callback),
        cmocka_unit_test(test_inside_callback),
        cmocka_unit_test(test_run_of_another_inside),
        cmocka_unit_test(test_host_access),
        cmocka_unit_test(test_bus_errors),
        cmocka_unit_test(test_untrapped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
