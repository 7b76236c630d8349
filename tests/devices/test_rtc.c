/*
 * test_rtc.c - the goldfish clock: time, alarm, and times that wrap.
 */
#include "devices/cmocka_all.h"
#include "devices/fake_vm.h"

enum {
    RTC = 0x1c040000,
    IRQ = 1,
    TIME_LOW = 0x00,
    TIME_HIGH = 0x04,
    ALARM_LOW = 0x08,
    ALARM_HIGH = 0x0c,
    IRQ_ENABLED = 0x10,
    CLEAR_ALARM = 0x14,
    ALARM_STATUS = 0x18,
    CLEAR_INTERRUPT = 0x1c
};

#define WALL UINT64_C(0x17a0123456789abc)

static int setup(void **state)
{
    disco_vm *vm = fake_vm_new(fake_machine_new(), "vm0");

    *state = vm;
    return disco_rtc_create(vm, RTC, IRQ, WALL);
}

static int teardown(void **state)
{
    disco_vm *vm = *state;
    disco_machine *machine = vm->machine;

    fake_vm_free(vm);
    return fake_machine_free(machine) != 0;
}

static uint64_t in(disco_vm *vm, uint32_t reg)
{
    return fake_read(vm, 0, RTC + reg, 4);
}

static void out(disco_vm *vm, uint32_t reg, uint64_t value)
{
    fake_write(vm, 0, RTC + reg, 4, (uint32_t)value);
}

static uint64_t now(disco_vm *vm)
{
    uint64_t low = in(vm, TIME_LOW);

    return low | in(vm, TIME_HIGH) << 32;
}

static void alarm_at(disco_vm *vm, uint64_t ns)
{
    out(vm, ALARM_HIGH, ns >> 32);
    out(vm, ALARM_LOW, ns);
}

static int line(disco_vm *vm)
{
    return (int)(disco_vm_irq_levels(vm) >> IRQ & 1);
}

static void time_goes_on(void **state)
{
    disco_vm *vm = *state;

    assert_int_equal(now(vm), WALL);
    fake_advance(vm, 5000, 1);
    assert_int_equal(now(vm), WALL + 5000);
}

static void low_latches_high(void **state)
{
    disco_vm *vm = *state;

    in(vm, TIME_LOW);
    fake_advance(vm, UINT64_C(1) << 33, 1);
    assert_int_equal(in(vm, TIME_HIGH), WALL >> 32);
}

static void time_can_be_set(void **state)
{
    disco_vm *vm = *state;
    uint64_t t = UINT64_C(0x0000000500000007);

    fake_advance(vm, 1000, 1);
    out(vm, TIME_HIGH, t >> 32);
    out(vm, TIME_LOW, t);
    assert_int_equal(now(vm), t);
    fake_advance(vm, 3000, 1);
    assert_int_equal(now(vm), t + 2000);
    fake_vm_reset(vm); /* it has a battery */
    assert_int_equal(now(vm), t + 2000);
}

static void alarm_rings(void **state)
{
    disco_vm *vm = *state;

    alarm_at(vm, WALL + 700);
    out(vm, IRQ_ENABLED, 1);
    assert_int_equal(in(vm, ALARM_STATUS), 1);
    fake_advance(vm, 699, 1);
    assert_int_equal(line(vm), 0);
    fake_advance(vm, 700, 1);
    assert_int_equal(line(vm), 1);
    assert_int_equal(in(vm, ALARM_STATUS), 0);
    out(vm, CLEAR_INTERRUPT, 1);
    assert_int_equal(line(vm), 0);
}

static void alarm_without_enable(void **state)
{
    disco_vm *vm = *state;

    alarm_at(vm, WALL + 10);
    fake_advance(vm, 20, 1);
    assert_int_equal(line(vm), 0);
    out(vm, IRQ_ENABLED, 1);
    assert_int_equal(line(vm), 1);
    out(vm, IRQ_ENABLED, 0);
    assert_int_equal(line(vm), 0);
}

static void alarm_in_the_past_rings_now(void **state)
{
    disco_vm *vm = *state;

    out(vm, IRQ_ENABLED, 1);
    alarm_at(vm, WALL - 1);
    assert_int_equal(line(vm), 1);
}

static void cleared_alarm_is_silent(void **state)
{
    disco_vm *vm = *state;

    out(vm, IRQ_ENABLED, 1);
    alarm_at(vm, WALL + 10);
    out(vm, CLEAR_ALARM, 1);
    fake_advance(vm, 50, 2);
    assert_int_equal(line(vm), 0);
    alarm_at(vm, WALL + 100);
    fake_vm_reset(vm);
    fake_advance(vm, 200, 2);
    assert_int_equal(line(vm), 0);
    assert_int_equal(in(vm, ALARM_HIGH), 0);
}

/* An alarm that the VM's clock cannot reach must not fire again and again. */
static void far_alarm_never_rings(void **state)
{
    disco_vm *vm = *state;
    uint32_t i;

    out(vm, IRQ_ENABLED, 1);
    fake_advance(vm, 1000000, 1);
    out(vm, TIME_HIGH, 0);
    out(vm, TIME_LOW, 0);
    alarm_at(vm, UINT64_MAX);
    for (i = 0; i < FAKE_TIMERS; i++) {
        if (vm->timer[i])
            assert_int_equal(vm->timer[i]->deadline_ns, UINT64_MAX);
    }
    fake_advance(vm, 2000000, 3);
    assert_int_equal(line(vm), 0);
    assert_int_equal(in(vm, ALARM_STATUS), 1);
}

static void moving_the_clock_moves_the_alarm(void **state)
{
    disco_vm *vm = *state;

    out(vm, IRQ_ENABLED, 1);
    alarm_at(vm, WALL + 1000);
    out(vm, TIME_HIGH, (WALL + 990) >> 32);
    out(vm, TIME_LOW, WALL + 990);
    fake_advance(vm, 9, 1);
    assert_int_equal(line(vm), 0);
    fake_advance(vm, 10, 1);
    assert_int_equal(line(vm), 1);
}

static void widths_and_arguments(void **state)
{
    disco_vm *vm = *state;
    uint64_t v;

    assert_int_equal(fake_try_read(vm, 0, RTC, 8, &v), DISCO_E_FAULT);
    assert_int_equal(fake_try_write(vm, 0, RTC, 1, 0), DISCO_E_FAULT);
    assert_int_equal(in(vm, 0x100), 0);
    out(vm, 0x100, 1);
    assert_int_equal(disco_rtc_create(vm, 0, 64, 0), DISCO_E_INVAL);
    vm->machine->fail_in = 0;
    assert_int_equal(disco_rtc_create(vm, 0, 0, 0), DISCO_E_NOMEM);
    vm->machine->fail_in = 1;
    assert_int_equal(disco_rtc_create(vm, 0, 0, 0), DISCO_E_NOMEM);
    vm->refuse_map = 1;
    assert_int_equal(disco_rtc_create(vm, 0, 0, 0), DISCO_E_EXISTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(time_goes_on),
        T(low_latches_high),
        T(time_can_be_set),
        T(alarm_rings),
        T(alarm_without_enable),
        T(alarm_in_the_past_rings_now),
        T(cleared_alarm_is_silent),
        T(far_alarm_never_rings),
        T(moving_the_clock_moves_the_alarm),
        T(widths_and_arguments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
