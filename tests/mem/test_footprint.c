/*
 * test_footprint.c - what VMs use against what the machine uses.
 */
#include <string.h>

#include "fixture.h"

enum { PAGE = 4096 };

static disco_footprint of_machine(struct fixture *f)
{
    disco_footprint p = { .size = sizeof(p) };

    assert_int_equal(disco_machine_footprint(f->machine, &p), 0);
    return p;
}

static const uint32_t stop[] = { TOY(TOY_ST, 1, 2, 0),
                                 TOY(TOY_BREAK, 0, 0, 0) };

static void test_kinds(void **state)
{
    disco_footprint vm = { .size = sizeof(vm) }, p;
    struct fixture f;
    disco_vm *child;

    (void)state;
    fixture_make(&f, NULL, stop, 2);
    fixture_set_reg(&f, 0, 2, 0x5000);
    fixture_run(&f, 0, 0); /* page 0 is text now, 5 data */
    assert_int_equal(disco_mem_write(f.vm, 0x6000, "x", 1), 0);
    assert_int_equal(disco_vm_mark_pages(f.vm, 0x6000, 1, DISCO_KIND_BUFFER),
                     0);
    assert_int_equal(disco_vm_mark_pages(f.vm, 0x7000, PAGE, DISCO_KIND_BUFFER),
                     0);
    assert_int_equal(disco_vm_mark_pages(f.vm, 0, 1, DISCO_KIND_MONITOR),
                     DISCO_E_INVAL);
    p = of_machine(&f);
    assert_int_equal(p.kind[DISCO_KIND_KERNEL_TEXT].virtual_bytes, PAGE);
    assert_int_equal(p.kind[DISCO_KIND_BUFFER].virtual_bytes, PAGE);
    assert_int_equal(p.kind[DISCO_KIND_DATA].virtual_bytes, PAGE);
    assert_int_equal(p.unshared_bytes, 3 * PAGE);
    assert_int_equal(disco_vm_fork(f.vm, NULL, &child), 0);
    p = of_machine(&f);
    assert_int_equal(p.kind[DISCO_KIND_KERNEL_TEXT].virtual_bytes, 2 * PAGE);
    assert_int_equal(p.kind[DISCO_KIND_KERNEL_TEXT].machine_bytes, PAGE);
    assert_int_equal(p.shared_bytes, 6 * PAGE);
    assert_int_equal(p.unshared_bytes, 0);
    assert_int_equal(p.node_bytes[0], 3 * PAGE);
    assert_true(p.kind[DISCO_KIND_MONITOR].machine_bytes > 0);
    assert_int_equal(disco_vm_footprint(child, &vm), 0);
    assert_int_equal(vm.kind[DISCO_KIND_KERNEL_TEXT].machine_bytes, PAGE / 2);
    assert_int_equal(disco_mem_write(child, 0, "x", 1), 0);
    assert_int_equal(disco_vm_footprint(child, &vm), 0);
    assert_int_equal(vm.kind[DISCO_KIND_KERNEL_TEXT].virtual_bytes, 0);
    assert_int_equal(vm.kind[DISCO_KIND_DATA].virtual_bytes, 2 * PAGE);
    assert_int_equal(disco_vm_destroy(child), 0);
    fixture_drop(&f);
}

/* What disks brought stays that when it is passed on, executed or not. */
/* Memory of engines is theirs, from the allocator or not. */
static void test_engine(void **state)
{
    disco_vcpu_config c = { .size = sizeof(c), .break_exit = 1 };
    uint64_t pc = UINT64_C(0xffffffff80000000), id = DISCO_REG_PC;
    static const uint8_t code[4] = { 0, 0, 0, 13 }; /* BREAK */
    disco_exit e = { .size = sizeof(e) };
    disco_footprint before, after;
    struct fixture f;
    disco_vcpu *v;

    (void)state;
    fixture_make(&f, NULL, NULL, 0);
    before = of_machine(&f);
    assert_int_equal(disco_mem_write(f.vm, 0, code, sizeof(code)), 0);
    assert_int_equal(disco_vcpu_create(f.vm, &c, &v), 0);
    assert_int_equal(disco_vcpu_start(v, 0), 0);
    assert_int_equal(disco_vcpu_set_regs(v, &id, &pc, 1), 0);
    assert_int_equal(disco_vcpu_run(v, 0, NULL, &e), 0);
    assert_int_equal(e.reason, DISCO_EXIT_BREAK);
    after = of_machine(&f);
    assert_true(after.engine_bytes > before.engine_bytes);
    assert_true(before.kind[DISCO_KIND_MONITOR].machine_bytes > 0);
    assert_true(after.kind[DISCO_KIND_MONITOR].machine_bytes >=
                before.kind[DISCO_KIND_MONITOR].machine_bytes);
    fixture_drop(&f);
}

static void test_passed_on(void **state)
{
    disco_footprint p;
    struct fixture f;
    disco_page page;
    disco_vm *vm;

    (void)state;
    fixture_make(&f, NULL, stop, 2);
    assert_int_equal(disco_vm_create(f.machine, NULL, &vm), 0);
    assert_int_equal(disco_vm_map_ram(vm, 0, 1 << 20, NULL), 0);
    assert_int_equal(disco_mem_write(f.vm, 0x6000, "x", 1), 0);
    assert_int_equal(disco_page_take(f.vm, 0x6000, &page), 0);
    assert_int_equal(disco_page_map(vm, 0x6000, page), 0);
    assert_int_equal(of_machine(&f).kind[DISCO_KIND_BUFFER].virtual_bytes, 0);
    assert_int_equal(disco_vm_mark_pages(vm, 0x6000, PAGE, DISCO_KIND_BUFFER),
                     0);
    assert_int_equal(disco_page_map(f.vm, 0x7000, page), 0);
    assert_int_equal(of_machine(&f).kind[DISCO_KIND_BUFFER].virtual_bytes,
                     2 * PAGE);
    assert_int_equal(
        disco_vm_mark_pages(f.vm, 0x7000, PAGE, DISCO_KIND_USER_TEXT), 0);
    assert_int_equal(disco_page_map(f.vm, 0x8000, page), 0);
    p = of_machine(&f);
    assert_int_equal(p.kind[DISCO_KIND_BUFFER].virtual_bytes, 2 * PAGE);
    assert_int_equal(p.kind[DISCO_KIND_USER_TEXT].virtual_bytes, PAGE);
    assert_int_equal(disco_page_drop(f.machine, page), 0);
    assert_int_equal(disco_vm_destroy(vm), 0);
    fixture_drop(&f);
}

static void test_unmapped(void **state)
{
    struct fixture_config c = { .nodes = 2 };
    disco_footprint p;
    struct fixture f;
    disco_page page;

    (void)state;
    fixture_make(&f, &c, NULL, 0);
    assert_int_equal(disco_page_create(f.machine, 1, NULL, &page), 0);
    assert_int_equal(disco_mem_write(f.vm, 0, "x", 1), 0);
    assert_int_equal(disco_page_replicate(f.vm, 0, 1), 0);
    p = of_machine(&f);
    assert_int_equal(p.cached_bytes, PAGE);
    assert_int_equal(p.replica_bytes, PAGE);
    assert_int_equal(p.node_bytes[0], PAGE);
    assert_int_equal(p.node_bytes[1], 2 * PAGE);
    assert_int_equal(disco_page_drop(f.machine, page), 0);
    fixture_drop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_engine),
        cmocka_unit_test(test_passed_on),
        cmocka_unit_test(test_unmapped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
