/*
 * test_cp0page.c - the page of memory-mapped CP0 registers.
 */
#include "devices/cmocka_all.h"
#include "devices/fake_vm.h"

#include <disco/guest.h>

enum { PAGE = 0x1c012000, STATUS = 12 * 8 };

static int setup(void **state)
{
    disco_vm *vm = fake_vm_new(fake_machine_new(), "vm0");
    uint32_t cpu, i;

    for (cpu = 0; cpu < FAKE_CPUS; cpu++) {
        for (i = 0; i < 32; i++)
            vm->cpu[cpu].cp0[i] = UINT64_C(0xffffffff00000000) + cpu * 100 + i;
    }
    *state = vm;
    return disco_cp0_page_create(vm, PAGE);
}

static int teardown(void **state)
{
    disco_vm *vm = *state;
    disco_machine *machine = vm->machine;

    fake_vm_free(vm);
    return fake_machine_free(machine) != 0;
}

static void every_cpu_sees_its_own(void **state)
{
    disco_vm *vm = *state;

    assert_int_equal(fake_read(vm, 0, PAGE + 8 * 8, 8),
                     UINT64_C(0xffffffff00000008));
    assert_int_equal(fake_read(vm, 3, PAGE + 8 * 8, 8),
                     UINT64_C(0xffffffff00000000) + 308);
    assert_int_equal(fake_read(vm, 3, PAGE + 7 * 8, 8), 0);
    assert_int_equal(fake_read(vm, 2, PAGE + DISCO_CP0_PAGE_CPU, 8), 2);
    assert_int_equal(fake_read(vm, 2, PAGE + DISCO_CP0_PAGE_MAGIC, 8),
                     DISCO_HC_MAGIC | 1);
}

static void status_takes_ie_and_im(void **state)
{
    disco_vm *vm = *state;

    vm->cpu[1].cp0[12] = 0x34400082;
    fake_write(vm, 1, PAGE + STATUS, 8, UINT64_MAX);
    assert_int_equal(vm->cpu[1].cp0[12], 0x3440ff83);
    fake_write(vm, 1, PAGE + STATUS + 4, 4, 0x400);
    assert_int_equal(vm->cpu[1].cp0[12], 0x34400482);
}

static void ie_alone(void **state)
{
    disco_vm *vm = *state;

    vm->cpu[1].cp0[12] = 0x3440ff82;
    fake_write(vm, 1, PAGE + DISCO_CP0_PAGE_IE, 8, 1);
    assert_int_equal(vm->cpu[1].cp0[12], 0x3440ff83);
    assert_int_equal(fake_read(vm, 1, PAGE + DISCO_CP0_PAGE_IE, 8), 1);
    fake_write(vm, 1, PAGE + DISCO_CP0_PAGE_IE, 4, 0);
    assert_int_equal(fake_read(vm, 1, PAGE + DISCO_CP0_PAGE_IE + 4, 4), 0);
}

static void what_is_not_there(void **state)
{
    disco_vm *vm = *state;
    uint64_t v;

    assert_int_equal(fake_try_read(vm, 0, PAGE + 0x118, 8, &v), DISCO_E_FAULT);
    assert_int_equal(fake_try_read(vm, 0, PAGE, 2, &v), DISCO_E_FAULT);
    assert_int_equal(fake_try_write(vm, 0, PAGE + 8, 8, 1), DISCO_E_FAULT);
    assert_int_equal(fake_try_write(vm, 0, PAGE + STATUS, 1, 1), DISCO_E_FAULT);
    assert_int_equal(fake_try_read(vm, UINT32_MAX, PAGE, 8, &v), DISCO_E_FAULT);
    assert_int_equal(fake_try_write(vm, UINT32_MAX, PAGE + STATUS, 8, 1),
                     DISCO_E_FAULT);
    assert_int_equal(disco_cp0_page_create(NULL, 0), DISCO_E_INVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(every_cpu_sees_its_own),
        T(status_takes_ie_and_im),
        T(ie_alone),
        T(what_is_not_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
