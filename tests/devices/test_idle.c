/*
 * test_idle.c - the idle register.
 */
#include "devices/cmocka_all.h"
#include "devices/fake_vm.h"

enum { IDLE = 0x1c011000 };

static int setup(void **state)
{
    disco_vm *vm = fake_vm_new(fake_machine_new(), "vm0");

    *state = vm;
    return disco_idle_create(vm, IDLE);
}

static int teardown(void **state)
{
    disco_vm *vm = *state;
    disco_machine *machine = vm->machine;

    fake_vm_free(vm);
    return fake_machine_free(machine) != 0;
}

static void any_width_stops_the_storing_cpu(void **state)
{
    disco_vm *vm = *state;
    uint32_t bytes;

    for (bytes = 1; bytes <= 8; bytes *= 2)
        fake_write(vm, 2, IDLE, bytes, 0);
    fake_write(vm, 1, IDLE + 4, 4, 1);
    assert_int_equal(vm->cpu[2].idles, 4);
    assert_int_equal(vm->cpu[1].idles, 1);
    assert_int_equal(vm->cpu[0].idles, 0);
}

static void the_host_stops_nobody(void **state)
{
    fake_write(*state, UINT32_MAX, IDLE, 4, 0);
    assert_int_equal(fake_read(*state, 0, IDLE, 8), 0);
    assert_int_equal(disco_idle_create(NULL, 0), DISCO_E_INVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(any_width_stops_the_storing_cpu),
        T(the_host_stops_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
