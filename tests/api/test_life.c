/*
 * test_life.c - a machine's life through the shared library: what an embedder
 * does in the first five minutes, and the mistakes made on the way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <disco/disco.h>

/* addiu v0, zero, 7; addiu v0, v0, 1; break */
static const uint8_t code[] = { 0x24, 0x02, 0x00, 0x07, 0x24, 0x42,
                                0x00, 0x01, 0x00, 0x00, 0x00, 0x0d };
#define ENTRY UINT64_C(0xffffffff80001000)

static void test_life(void **state)
{
    disco_vcpu_config vc = { .size = sizeof(vc), .break_exit = 1 };
    disco_run run = { .size = sizeof(run), .max_insns = 1 };
    disco_exit e = { .size = sizeof(e) };
    uint64_t v0 = DISCO_REG_GPR(2), value;
    disco_machine *m;
    disco_vcpu *v;
    disco_vm *vm;

    (void)state;
    assert_int_equal(disco_machine_create(NULL, &m, NULL), 0);
    assert_int_equal(disco_vm_create(m, NULL, &vm), 0);
    assert_int_equal(disco_machine_destroy(m), DISCO_E_BUSY);
    assert_int_equal(disco_vm_map_ram(vm, 0, 1 << 20, NULL), 0);
    assert_int_equal(disco_vcpu_create(vm, &vc, &v), 0);
    assert_int_equal(disco_mem_write(vm, 0x1000, code, sizeof(code)), 0);
    assert_int_equal(disco_vcpu_run(v, 0, NULL, &e), 0);
    assert_int_equal(e.reason, DISCO_EXIT_PARKED);
    assert_int_equal(disco_vcpu_start(v, ENTRY), 0);
    assert_int_equal(disco_vcpu_run(v, 0, &run, &e), 0);
    assert_int_equal(e.reason, DISCO_EXIT_BUDGET);
    assert_true(e.pc == ENTRY + 4);
    assert_int_equal(disco_vcpu_run(v, 0, NULL, &e), 0);
    assert_int_equal(e.reason, DISCO_EXIT_BREAK);
    assert_true(e.pc == ENTRY + 8);
    assert_int_equal(e.insns, 2);
    assert_int_equal(disco_vcpu_get_regs(v, &v0, &value, 1), 0);
    assert_int_equal(value, 8);
    assert_int_equal(disco_machine_verify(m), 0);
    assert_int_equal(disco_vm_destroy(vm), 0);
    assert_int_equal(disco_machine_destroy(m), 0);
}

static void test_errors_are_sentences(void **state)
{
    disco_error err = { .size = sizeof(err) };
    disco_machine *m;
    disco_vm *vm;
    uint8_t byte;

    (void)state;
    assert_int_equal(disco_machine_create(NULL, &m, &err), 0);
    assert_int_equal(disco_vm_create(m, NULL, &vm), 0);
    assert_int_equal(disco_mem_read(vm, 0x1234, &byte, 1), DISCO_E_FAULT);
    disco_machine_last_error(m, &err);
    assert_int_equal(err.status, DISCO_E_FAULT);
    assert_int_equal(err.where, 0x1234);
    assert_non_null(strstr(err.text, "vm0"));
    assert_non_null(strstr(err.text, "0x1234"));
    assert_int_equal(disco_vm_destroy(vm), 0);
    assert_int_equal(disco_machine_destroy(m), 0);
}

/* NULL handles and results are refused or ignored, never followed. */
static void test_null(void **state)
{
    disco_exit e = { .size = sizeof(e) };
    uint64_t x;

    (void)state;
    assert_int_equal(disco_machine_create(NULL, NULL, NULL), DISCO_E_INVAL);
    assert_int_equal(disco_vm_create(NULL, NULL, NULL), DISCO_E_INVAL);
    assert_int_equal(disco_vm_map_ram(NULL, 0, 4096, NULL), DISCO_E_INVAL);
    assert_int_equal(disco_vcpu_create(NULL, NULL, NULL), DISCO_E_INVAL);
    assert_int_equal(disco_vcpu_run(NULL, 0, NULL, &e), DISCO_E_INVAL);
    assert_int_equal(disco_vcpu_start(NULL, 0), DISCO_E_INVAL);
    assert_int_equal(disco_vcpu_reset(NULL), DISCO_E_INVAL);
    assert_int_equal(disco_vcpu_set_irq(NULL, 0, 1), DISCO_E_INVAL);
    assert_int_equal(disco_vcpu_idle(NULL), DISCO_E_INVAL);
    assert_int_equal(disco_mem_read(NULL, 0, &x, 1), DISCO_E_INVAL);
    assert_int_equal(disco_mem_write(NULL, 0, &x, 1), DISCO_E_INVAL);
    assert_int_equal(disco_mem_pin(NULL, 0, 1, DISCO_READ, NULL),
                     DISCO_E_INVAL);
    assert_int_equal(disco_mmio_read(NULL, 0, 1, &x), DISCO_E_INVAL);
    assert_int_equal(disco_page_migrate(NULL, 0, 0), DISCO_E_INVAL);
    assert_int_equal(disco_timer_create(NULL, NULL, NULL, NULL), DISCO_E_INVAL);
    assert_int_equal(disco_sched_create(NULL, NULL, NULL), DISCO_E_INVAL);
    assert_int_equal(disco_vm_set_irq(NULL, 0, 1), DISCO_E_INVAL);
    assert_int_equal(disco_vm_reset(NULL), DISCO_E_INVAL);
    assert_int_equal(disco_vm_advance(NULL, 0), DISCO_E_INVAL);
    assert_int_equal(disco_machine_verify(NULL), DISCO_E_INVAL);
    assert_int_equal(disco_vm_destroy(NULL), 0);
    assert_int_equal(disco_vcpu_destroy(NULL), 0);
    assert_int_equal(disco_region_unmap(NULL), 0);
    disco_vcpu_kick(NULL);
    disco_timer_set(NULL, 0);
    disco_vm_request_shutdown(NULL, 0);
    disco_vm_request_reset(NULL);
    assert_null(disco_vm_vcpu(NULL, 0));
    assert_null(disco_vm_name(NULL));
    assert_int_equal(disco_vm_time_ns(NULL), 0);
    assert_int_equal(disco_vm_irq_levels(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_errors_are_sentences),
        cmocka_unit_test(test_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
