/*
 * test_power.c - the power register.
 */
#include "devices/cmocka_all.h"
#include "devices/fake_vm.h"

enum { POWER = 0x1c030000 };

static int setup(void **state)
{
    disco_vm *vm = fake_vm_new(fake_machine_new(), "vm0");

    *state = vm;
    return disco_power_create(vm, POWER);
}

static int teardown(void **state)
{
    disco_vm *vm = *state;
    disco_machine *machine = vm->machine;

    fake_vm_free(vm);
    return fake_machine_free(machine) != 0;
}

static void reads_zero(void **state)
{
    assert_int_equal(fake_read(*state, 0, POWER, 4), 0);
}

static void exit_with_status(void **state)
{
    disco_vm *vm = *state;

    fake_write(vm, 0, POWER, 4, 7 << 16 | 0x3333);
    assert_int_equal(vm->shutdown, 1);
    assert_int_equal(vm->shutdown_code, 7);
    fake_write(vm, 0, POWER, 4, 0xffff3333);
    assert_int_equal(vm->shutdown_code, 0xffff);
    assert_int_equal(vm->resets, 0);
}

static void power_off(void **state)
{
    disco_vm *vm = *state;

    fake_write(vm, 0, POWER, 4, 0x5555);
    assert_int_equal(vm->shutdown, 1);
    assert_int_equal(vm->shutdown_code, 0);
}

static void reset(void **state)
{
    disco_vm *vm = *state;

    fake_write(vm, 0, POWER, 4, 0x7777);
    assert_int_equal(vm->resets, 1);
    assert_int_equal(vm->shutdown, 0);
}

static void other_values_and_widths(void **state)
{
    disco_vm *vm = *state;
    uint64_t value;

    fake_write(vm, 0, POWER, 4, 0x1234);
    assert_int_equal(fake_try_write(vm, 0, POWER, 2, 0x5555), DISCO_E_FAULT);
    assert_int_equal(fake_try_read(vm, 0, POWER, 1, &value), DISCO_E_FAULT);
    assert_int_equal(vm->shutdown + vm->resets, 0);
    assert_int_equal(disco_power_create(NULL, 0), DISCO_E_INVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(reads_zero), T(exit_with_status),        T(power_off),
        T(reset),      T(other_values_and_widths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
