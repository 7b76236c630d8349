/*
 * test_mailbox.c - interprocessor interrupts and the start of secondaries.
 */
#include "devices/cmocka_all.h"
#include "devices/fake_vm.h"

#include <pthread.h>

enum {
    BOX = 0x1c010000,
    SET = 0x00,
    CLEAR = 0x08,
    STATUS = 0x10,
    SP = 0x18,
    GP = 0x20,
    PC = 0x28
};

#define KSEG0 UINT64_C(0xffffffff80000000)

static int setup(void **state)
{
    disco_vm *vm = fake_vm_new(fake_machine_new(), "vm0");

    *state = vm;
    return disco_mailbox_create(vm, BOX, FAKE_CPUS);
}

static int teardown(void **state)
{
    disco_vm *vm = *state;
    disco_machine *machine = vm->machine;

    fake_vm_free(vm);
    return fake_machine_free(machine) != 0;
}

static uint64_t at(uint32_t cpu, uint32_t reg)
{
    return BOX + cpu * 0x40 + reg;
}

static void ipi(void **state)
{
    disco_vm *vm = *state;

    fake_write(vm, 0, at(2, SET), 8, UINT64_C(1) << 40 | 1);
    fake_write(vm, 3, at(2, SET), 8, 4);
    assert_int_equal(vm->cpu[2].irq[1], 1);
    assert_int_equal(vm->cpu[0].irq[1], 0);
    assert_int_equal(fake_read(vm, 2, at(2, STATUS), 8), UINT64_C(1) << 40 | 5);
    fake_write(vm, 2, at(2, CLEAR), 8, 5);
    assert_int_equal(vm->cpu[2].irq[1], 1);
    fake_write(vm, 2, at(2, CLEAR), 8, UINT64_C(1) << 40);
    assert_int_equal(vm->cpu[2].irq[1], 0);
    fake_write(vm, 2, at(2, STATUS), 8, 1);
    assert_int_equal(fake_read(vm, 2, at(2, STATUS), 8), 0);
}

/* A 32-bit guest reaches the low half through either word. */
static void words_mean_the_low_half(void **state)
{
    disco_vm *vm = *state;

    fake_write(vm, 0, at(1, SP) + 4, 4, 0x80123450);
    assert_int_equal(fake_read(vm, 0, at(1, SP), 8), KSEG0 + 0x123450);
    fake_write(vm, 0, at(1, GP), 4, 0x1000);
    assert_int_equal(fake_read(vm, 0, at(1, GP), 8), 0x1000);
    fake_write(vm, 0, at(1, SET) + 4, 4, 2);
    assert_int_equal((uint32_t)fake_read(vm, 0, at(1, STATUS) + 4, 4), 2);
    assert_int_equal(vm->cpu[1].irq[1], 1);
}

static void start_a_secondary(void **state)
{
    disco_vm *vm = *state;

    fake_write(vm, 0, at(3, SP), 8, KSEG0 + 0x2000);
    fake_write(vm, 0, at(3, GP), 8, KSEG0 + 0x3000);
    assert_int_equal(vm->cpu[3].running, 0);
    fake_write(vm, 0, at(3, PC), 8, KSEG0 + 0x1000);
    assert_int_equal(vm->cpu[3].running, 1);
    assert_int_equal(vm->cpu[3].pc, KSEG0 + 0x1000);
    assert_int_equal(vm->cpu[3].gpr[29], KSEG0 + 0x2000);
    assert_int_equal(vm->cpu[3].gpr[28], KSEG0 + 0x3000);
}

static void a_running_cpu_is_left_alone(void **state)
{
    disco_vm *vm = *state;

    fake_write(vm, 0, at(3, PC), 8, KSEG0 + 0x1000);
    vm->cpu[3].gpr[29] = 42;
    fake_write(vm, 0, at(3, SP), 8, 7);
    fake_write(vm, 0, at(3, PC), 8, KSEG0 + 0x5000);
    assert_int_equal(vm->cpu[3].gpr[29], 42);
    assert_int_equal(vm->cpu[3].pc, KSEG0 + 0x1000);
    vm->cpu[0].running = 1;
    vm->cpu[0].gpr[29] = 43;
    fake_write(vm, 1, at(0, PC), 8, KSEG0);
    assert_int_equal(vm->cpu[0].gpr[29], 43);
}

static void reset_forgets(void **state)
{
    disco_vm *vm = *state;

    fake_write(vm, 0, at(1, PC), 8, KSEG0);
    fake_write(vm, 0, at(1, SET), 8, 1);
    fake_vm_reset(vm);
    assert_int_equal(vm->cpu[1].irq[1], 0);
    assert_int_equal(fake_read(vm, 0, at(1, PC), 8), 0);
    vm->cpu[1].running = 0; /* as the VM's reset does */
    fake_write(vm, 0, at(1, PC), 8, KSEG0 + 0x10);
    assert_int_equal(vm->cpu[1].running, 1);
}

static void what_is_not_there(void **state)
{
    disco_vm *vm = *state;
    uint64_t v;

    assert_int_equal(fake_try_read(vm, 0, at(0, 0x30), 8, &v), DISCO_E_FAULT);
    assert_int_equal(fake_try_write(vm, 0, at(0, 0x38), 8, 0), DISCO_E_FAULT);
    assert_int_equal(fake_try_read(vm, 0, at(0, SET), 2, &v), DISCO_E_FAULT);
    assert_int_equal(fake_try_write(vm, 0, at(0, SET), 1, 0), DISCO_E_FAULT);
    assert_int_equal(fake_try_read(vm, 0, at(FAKE_CPUS, SET), 8, &v),
                     DISCO_E_FAULT);
    assert_int_equal(disco_mailbox_create(vm, 0, 0), DISCO_E_INVAL);
    vm->machine->fail_in = 0;
    assert_int_equal(disco_mailbox_create(vm, 0, 1), DISCO_E_NOMEM);
    vm->refuse_map = 1;
    assert_int_equal(disco_mailbox_create(vm, 0, 1), DISCO_E_EXISTS);
}

static void *hammer(void *opaque)
{
    disco_vm *vm = opaque;
    int i;

    for (i = 0; i < 5000; i++) {
        fake_write(vm, 0, at(1, SET), 8, 1);
        fake_write(vm, 0, at(1, CLEAR), 8, 1);
    }
    return NULL;
}

static void threads_agree_in_the_end(void **state)
{
    disco_vm *vm = *state;
    pthread_t thread[3];
    int i;

    for (i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, hammer, vm), 0);
    for (i = 0; i < 3; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(vm->cpu[1].irq[1], 0);
    fake_write(vm, 0, at(1, SET), 8, 1);
    assert_int_equal(vm->cpu[1].irq[1], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(ipi),
        T(words_mean_the_low_half),
        T(start_a_secondary),
        T(a_running_cpu_is_left_alone),
        T(reset_forgets),
        T(what_is_not_there),
        T(threads_agree_in_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
