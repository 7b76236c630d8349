/*
 * test_intc.c - the interrupt controller: windows, masks, routing, threads.
 */
#include "devices/cmocka_all.h"
#include "devices/fake_vm.h"

#include <pthread.h>

enum {
    INTC = 0x1c000000,
    STATUS = 0,
    MASK_STATUS = 4,
    MASK_SET = 8,
    MASK_CLEAR = 12
};

static int setup(void **state)
{
    disco_vm *vm = fake_vm_new(fake_machine_new(), "vm0");

    *state = vm;
    return disco_intc_create(vm, INTC, FAKE_CPUS);
}

static int teardown(void **state)
{
    disco_vm *vm = *state;
    disco_machine *machine = vm->machine;

    fake_vm_free(vm);
    return fake_machine_free(machine) != 0;
}

static uint32_t in(disco_vm *vm, uint32_t cpu, uint32_t reg)
{
    return (uint32_t)fake_read(vm, 0, INTC + cpu * 16 + reg, 4);
}

static void out(disco_vm *vm, uint32_t cpu, uint32_t reg, uint32_t value)
{
    fake_write(vm, 0, INTC + cpu * 16 + reg, 4, value);
}

static void all_masked_at_reset(void **state)
{
    disco_vm *vm = *state;

    disco_vm_set_irq(vm, 8, 1);
    assert_int_equal(in(vm, 0, STATUS), 1 << 8);
    assert_int_equal(in(vm, 3, STATUS), 1 << 8);
    assert_int_equal(in(vm, 3, MASK_STATUS), UINT32_MAX);
    assert_int_equal(vm->cpu[0].irq[0], 0);
}

static void each_cpu_has_its_mask(void **state)
{
    disco_vm *vm = *state;

    disco_vm_set_irq(vm, 31, 1);
    out(vm, 2, MASK_CLEAR, UINT32_C(1) << 31);
    assert_int_equal(in(vm, 2, MASK_STATUS), 0x7fffffff);
    assert_int_equal(vm->cpu[2].irq[0], 1);
    assert_int_equal(vm->cpu[0].irq[0], 0);
    out(vm, 0, MASK_CLEAR, UINT32_MAX);
    assert_int_equal(vm->cpu[0].irq[0], 1);
    disco_vm_set_irq(vm, 31, 0);
    assert_int_equal(vm->cpu[0].irq[0], 0);
    assert_int_equal(vm->cpu[2].irq[0], 0);
    disco_vm_set_irq(vm, 0, 1);
    assert_int_equal(vm->cpu[0].irq[0], 1);
    assert_int_equal(vm->cpu[2].irq[0], 0);
    out(vm, 0, MASK_SET, 1);
    assert_int_equal(vm->cpu[0].irq[0], 0);
}

static void only_changes_are_told(void **state)
{
    disco_vm *vm = *state;

    out(vm, 0, MASK_CLEAR, 3);
    disco_vm_set_irq(vm, 0, 1);
    disco_vm_set_irq(vm, 1, 1);
    disco_vm_set_irq(vm, 0, 0);
    assert_int_equal(vm->cpu[0].irq_calls, 1);
    assert_int_equal(vm->cpu[0].irq[0], 1);
}

static void read_only_and_write_only(void **state)
{
    disco_vm *vm = *state;
    uint64_t value;

    out(vm, 0, STATUS, UINT32_MAX);
    out(vm, 0, MASK_STATUS, 0);
    assert_int_equal(in(vm, 0, STATUS), 0);
    assert_int_equal(in(vm, 0, MASK_STATUS), UINT32_MAX);
    assert_int_equal(in(vm, 0, MASK_SET), 0);
    assert_int_equal(fake_try_read(vm, 0, INTC, 8, &value), DISCO_E_FAULT);
    assert_int_equal(fake_try_write(vm, 0, INTC, 1, 0), DISCO_E_FAULT);
    assert_int_equal(fake_try_read(vm, 0, INTC + FAKE_CPUS * 16, 4, &value),
                     DISCO_E_FAULT);
}

static void lines_beyond_the_word(void **state)
{
    disco_vm *vm = *state;

    out(vm, 0, MASK_CLEAR, UINT32_MAX);
    disco_vm_set_irq(vm, 32, 1);
    disco_vm_set_irq(vm, 63, 1);
    assert_int_equal(in(vm, 0, STATUS), 0);
    assert_int_equal(vm->cpu[0].irq[0], 0);
}

static void reset_masks_but_keeps_lines(void **state)
{
    disco_vm *vm = *state;

    disco_vm_set_irq(vm, 5, 1);
    out(vm, 1, MASK_CLEAR, 1 << 5);
    assert_int_equal(vm->cpu[1].irq[0], 1);
    fake_vm_reset(vm);
    assert_int_equal(vm->cpu[1].irq[0], 0);
    assert_int_equal(in(vm, 1, STATUS), 1 << 5);
    assert_int_equal(in(vm, 1, MASK_STATUS), UINT32_MAX);
}

static void bad_arguments(void **state)
{
    disco_vm *vm = *state;

    assert_int_equal(disco_intc_create(NULL, 0, 1), DISCO_E_INVAL);
    assert_int_equal(disco_intc_create(vm, 0, 0), DISCO_E_INVAL);
    assert_int_equal(disco_intc_create(vm, 0, 65), DISCO_E_INVAL);
    vm->machine->fail_in = 0;
    assert_int_equal(disco_intc_create(vm, 0, 1), DISCO_E_NOMEM);
    vm->refuse_map = 1;
    assert_int_equal(disco_intc_create(vm, 0, 1), DISCO_E_EXISTS);
}

struct toggler {
    disco_vm *vm;
    uint32_t line;
};

static void *toggle(void *opaque)
{
    struct toggler *t = opaque;
    int i;

    for (i = 0; i < 5000; i++)
        disco_vm_set_irq(t->vm, t->line, i & 1);
    disco_vm_set_irq(t->vm, t->line, t->line & 1);
    return NULL;
}

/* Whatever the order of events, what the vCPUs heard last is the truth. */
static void threads_agree_in_the_end(void **state)
{
    disco_vm *vm = *state;
    struct toggler t[4];
    pthread_t thread[4];
    uint32_t i;

    for (i = 0; i < 4; i++)
        out(vm, i, MASK_CLEAR, UINT32_C(1) << i);
    for (i = 0; i < 4; i++) {
        t[i] = (struct toggler){ vm, i };
        assert_int_equal(pthread_create(&thread[i], NULL, toggle, &t[i]), 0);
    }
    for (i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(in(vm, 0, STATUS), 0xa);
    for (i = 0; i < 4; i++)
        assert_int_equal(vm->cpu[i].irq[0], i & 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(all_masked_at_reset),   T(each_cpu_has_its_mask),
        T(only_changes_are_told), T(read_only_and_write_only),
        T(lines_beyond_the_word), T(reset_masks_but_keeps_lines),
        T(bad_arguments),         T(threads_agree_in_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
