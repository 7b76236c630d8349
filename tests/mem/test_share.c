/*
 * test_share.c - shared pages: references, mappings, copy-on-write.
 */
#include <string.h>

#include "core/vm.h"
#include "fixture.h"
#include "mem/move.h"

enum { PAGE = 4096 };

static void put(disco_vm *vm, uint64_t gpa, const char *text)
{
    assert_int_equal(disco_mem_write(vm, gpa, text, strlen(text) + 1), 0);
}

static void expect(disco_vm *vm, uint64_t gpa, const char *text)
{
    char found[16] = "";

    assert_int_equal(disco_mem_read(vm, gpa, found, strlen(text) + 1), 0);
    assert_string_equal(found, text);
}

static disco_page_info info(disco_vm *vm, uint64_t gpa)
{
    disco_page_info i = { .size = sizeof(i) };

    assert_int_equal(disco_page_info_get(vm, gpa, &i), 0);
    return i;
}

/* A second VM with 1 MiB at 0. */
static disco_vm *another(struct fixture *f)
{
    disco_vm *vm;

    assert_int_equal(disco_vm_create(f->machine, NULL, &vm), 0);
    assert_int_equal(disco_vm_map_ram(vm, 0, 1 << 20, NULL), 0);
    return vm;
}

static void test_take_and_map(void **state)
{
    disco_machine_stats s = { .size = sizeof(s) };
    struct fixture f;
    disco_page page;
    disco_vm *vm;

    (void)state;
    fixture_make(&f, NULL, NULL, 0);
    vm = another(&f);
    put(f.vm, 0x4000, "one");
    assert_int_equal(disco_page_take(f.vm, 0x4000, &page), 0);
    assert_int_equal(disco_page_map(vm, 0x8000, page), 0);
    assert_int_equal(info(vm, 0x8000).mfn, info(f.vm, 0x4000).mfn);
    assert_int_equal(info(vm, 0x8000).mappings, 2);
    assert_int_equal(info(vm, 0x8000).holds, 1);
    assert_true(info(vm, 0x8000).flags & DISCO_PAGE_SHARED);
    expect(vm, 0x8000, "one");
    assert_int_equal(disco_page_drop(f.machine, page), 0);
    assert_int_equal(disco_machine_verify(f.machine), 0);
    put(vm, 0x8000, "two"); /* the reader parts from the writer */
    expect(f.vm, 0x4000, "one");
    expect(vm, 0x8000, "two");
    assert_int_equal(info(f.vm, 0x4000).mappings, 1);
    put(f.vm, 0x4000, "six"); /* last reference: no copy */
    assert_int_equal(info(f.vm, 0x4000).flags & DISCO_PAGE_SHARED, 0);
    assert_int_equal(disco_machine_verify(f.machine), 0);
    assert_int_equal(disco_vm_destroy(vm), 0);
    assert_int_equal(disco_machine_stats_get(f.machine, &s), 0);
    assert_int_equal(s.frames_used, 1);
    fixture_drop(&f);
}

/* The content of a held page outlives whoever wrote it. */
static void test_content_stays(void **state)
{
    struct fixture f;
    disco_page page;
    disco_vm *vm;
    char text[4];

    (void)state;
    fixture_make(&f, NULL, NULL, 0);
    vm = another(&f);
    put(vm, 0x4000, "one");
    assert_int_equal(disco_page_take(vm, 0x4000, &page), 0);
    put(vm, 0x4000, "two");
    expect(vm, 0x4000, "two");
    assert_int_equal(disco_vm_destroy(vm), 0);
    assert_int_equal(disco_page_read(f.machine, page, 0, text, 4), 0);
    assert_string_equal(text, "one");
    assert_int_equal(disco_page_hold(f.machine, page), 0);
    assert_int_equal(disco_page_drop(f.machine, page), 0);
    assert_int_equal(disco_page_drop(f.machine, page), 0);
    assert_int_equal(disco_page_drop(f.machine, page), DISCO_E_INVAL);
    assert_int_equal(disco_page_map(f.vm, 0, page), DISCO_E_INVAL);
    fixture_drop(&f);
}

static void test_create(void **state)
{
    struct fixture_config c = { .nodes = 2 };
    uint8_t data[PAGE] = "hello";
    struct fixture f;
    disco_page page, zero;

    (void)state;
    fixture_make(&f, &c, NULL, 0);
    assert_int_equal(disco_page_create(f.machine, 1, data, &page), 0);
    assert_int_equal(disco_page_create(f.machine, 0, NULL, &zero), 0);
    assert_int_equal(disco_page_create(f.machine, 2, data, &page),
                     DISCO_E_INVAL);
    put(f.vm, 0x4000, "old");
    assert_int_equal(disco_page_map(f.vm, 0x4000, page), 0);
    assert_int_equal(disco_page_map(f.vm, 0x4000, page), 0);
    assert_int_equal(disco_page_map(f.vm, 0x5000, page), 0);
    expect(f.vm, 0x4000, "hello");
    expect(f.vm, 0x5000, "hello");
    assert_int_equal(info(f.vm, 0x4000).node, 1);
    assert_int_equal(info(f.vm, 0x4000).mappings, 2);
    assert_int_equal(disco_page_map(f.vm, 0x4000, zero), 0);
    expect(f.vm, 0x4000, "");
    assert_int_equal(disco_machine_verify(f.machine), 0);
    assert_int_equal(disco_page_drop(f.machine, page), 0);
    assert_int_equal(disco_page_drop(f.machine, zero), 0);
    fixture_drop(&f);
}

static void test_refusals(void **state)
{
    disco_pin pin = { .size = sizeof(pin) };
    static uint8_t host[PAGE] __attribute__((aligned(4096)));
    struct fixture f;
    disco_page page;

    (void)state;
    fixture_make(&f, NULL, NULL, 0);
    assert_int_equal(
        disco_vm_map_host(f.vm, 0x400000, PAGE, host, DISCO_READ, NULL), 0);
    assert_int_equal(disco_page_take(f.vm, 0x4001, &page), DISCO_E_INVAL);
    assert_int_equal(disco_page_take(f.vm, 0x4000, &page), DISCO_E_NOENT);
    assert_int_equal(disco_page_take(f.vm, 0x800000, &page), DISCO_E_FAULT);
    assert_int_equal(disco_page_take(f.vm, 0x400000, &page),
                     DISCO_E_UNSUPPORTED);
    assert_int_equal(disco_mem_pin(f.vm, 0x4000, 8, DISCO_READ, &pin), 0);
    assert_int_equal(disco_page_take(f.vm, 0x4000, &page), DISCO_E_BUSY);
    assert_int_equal(disco_page_create(f.machine, 0, NULL, &page), 0);
    assert_int_equal(disco_page_map(f.vm, 0x4000, page), DISCO_E_BUSY);
    assert_int_equal(disco_page_map(f.vm, 0x400000, page), DISCO_E_UNSUPPORTED);
    assert_int_equal(disco_page_map(f.vm, 0x800000, page), DISCO_E_FAULT);
    assert_int_equal(disco_page_read(f.machine, page, 4095, &pin, 2),
                     DISCO_E_INVAL);
    assert_int_equal(disco_mem_unpin(f.vm, &pin), 0);
    assert_int_equal(disco_page_map(f.vm, 0x4000, page), 0);
    /* A pin makes the page this VM's own. */
    assert_int_equal(disco_mem_pin(f.vm, 0x4000, 8, DISCO_READ, &pin), 0);
    assert_int_equal(info(f.vm, 0x4000).flags & DISCO_PAGE_SHARED, 0);
    assert_int_equal(disco_machine_verify(f.machine), 0);
    assert_int_equal(disco_mem_unpin(f.vm, &pin), 0);
    assert_int_equal(disco_page_drop(f.machine, page), 0);
    fixture_drop(&f);
}

/* A vCPU that could store to the page must lose that before others read it. */
static const uint32_t storer[] = {
    TOY(TOY_ST, 1, 2, 0),
    TOY(TOY_LD, 3, 2, 0),
    TOY(TOY_BREAK, 0, 0, 0),
};

static void again(struct fixture *f)
{
    fixture_set_pc(f->vcpu[0], 0);
    assert_int_equal(fixture_run(f, 0, 0).reason, DISCO_EXIT_BREAK);
}

static void test_vcpu_breaks_on_its_node(void **state)
{
    disco_vm_stats s = { .size = sizeof(s) };
    struct fixture_config c = { .nodes = 2 };
    struct fixture f;
    disco_page page;
    uint64_t value;

    (void)state;
    fixture_make(&f, &c, storer, 3);
    fixture_set_reg(&f, 0, 1, 0x1111);
    fixture_set_reg(&f, 0, 2, 0x4000);
    again(&f);
    assert_int_equal(disco_page_migrate(f.vm, 0x4000, 1), 0);
    again(&f);
    assert_int_equal(disco_page_take(f.vm, 0x4000, &page), 0);
    fixture_set_reg(&f, 0, 1, 0x2222);
    again(&f);
    assert_int_equal(fixture_reg(&f, 0, 3), 0x2222);
    assert_int_equal(info(f.vm, 0x4000).node, 0);
    assert_int_equal(disco_page_read(f.machine, page, 0, &value, 8), 0);
    assert_true(value == 0x1111 || value == __builtin_bswap64(0x1111));
    assert_int_equal(disco_vm_stats_get(f.vm, &s), 0);
    assert_int_equal(s.cow_breaks, 1);
    assert_int_equal(disco_page_drop(f.machine, page), 0);
    fixture_drop(&f);
}

/* Code of a page that gets another frame is not run any more. */
static void test_code_is_replaced(void **state)
{
    static const uint32_t other[] = { TOY(TOY_ADDI, 5, 0, 7),
                                      TOY(TOY_BREAK, 0, 0, 0) };
    uint8_t data[PAGE] = { 0 };
    struct fixture f;
    disco_page page;

    (void)state;
    fixture_make(&f, NULL, storer, 3);
    fixture_set_reg(&f, 0, 2, 0x4000);
    again(&f);
    memcpy(data, other, sizeof(other));
    assert_int_equal(disco_page_create(f.machine, 0, data, &page), 0);
    assert_int_equal(disco_page_map(f.vm, 0, page), 0);
    assert_int_equal(disco_page_drop(f.machine, page), 0);
    again(&f);
    assert_int_equal(fixture_reg(&f, 0, 5), 7);
    /* And held code becomes writable memory again, without a copy. */
    fixture_set_reg(&f, 0, 2, 0x100);
    assert_int_equal(disco_mem_write(f.vm, 0, storer, sizeof(storer)), 0);
    again(&f);
    assert_int_equal(disco_machine_verify(f.machine), 0);
    fixture_drop(&f);
}

/* Out of frames: the break fails, nothing else happens. */
static void test_no_frame_for_the_copy(void **state)
{
    struct fixture_config c = { .node_bytes = 4 * PAGE };
    struct fixture f;
    disco_page page;
    uint32_t i;

    (void)state;
    fixture_make(&f, &c, storer, 3);
    for (i = 1; i < 4; i++)
        put(f.vm, i * PAGE, "x");
    assert_int_equal(disco_page_take(f.vm, PAGE, &page), 0);
    fixture_set_reg(&f, 0, 2, PAGE);
    assert_int_equal(fixture_run(&f, 0, 0).reason, DISCO_EXIT_NO_MEMORY);
    assert_int_equal(disco_mem_write(f.vm, PAGE, "y", 1), DISCO_E_NOMEM);
    expect(f.vm, PAGE, "x");
    assert_int_equal(disco_machine_verify(f.machine), 0);
    assert_int_equal(disco_page_drop(f.machine, page), 0);
    assert_int_equal(fixture_run(&f, 0, 0).reason, DISCO_EXIT_BREAK);
    fixture_drop(&f);
}

/* A frame that is being moved gets one more mapping, which moves along. */
static void test_map_joins_a_move(void **state)
{
    struct physmap *pm;
    struct frame *frame;
    struct fixture f;
    disco_page page;
    struct mfn mfn;
    uint64_t entry;

    (void)state;
    fixture_make(&f, NULL, NULL, 0);
    pm = &f.vm->pm;
    put(f.vm, 0x4000, "one");
    put(f.vm, 0x8000, "old");
    assert_int_equal(disco_page_take(f.vm, 0x4000, &page), 0);
    mem_lock(pm->mem);
    pm->mem->moves++;
    assert_int_equal(frame_isolate(pm, pfn_of_gpa(0x4000), 0, NULL, &entry), 0);
    mfn = entry_mfn(entry);
    frame = frame_of(&pm->mem->frames, mfn);
    mem_unlock(pm->mem);

    assert_int_equal(disco_page_map(f.vm, 0x8000, page), 0);
    entry = physmap_entry(pm, pfn_of_gpa(0x8000));
    assert_true((entry & MAP_PRESENT) && (entry & MAP_MOVING));
    assert_int_equal(entry_mfn(entry).n, mfn.n);

    mem_lock(pm->mem);
    frame_settle(pm->mem, frame, mfn, MAP_COW, 0);
    pm->mem->moves--;
    mem_unlock(pm->mem);
    assert_int_equal(disco_machine_verify(f.machine), 0);
    expect(f.vm, 0x8000, "one");
    assert_int_equal(disco_page_drop(f.machine, page), 0);
    fixture_drop(&f);
}

static const uint32_t link_and_store[] = {
    TOY(TOY_LL, 1, 2, 0), TOY(TOY_ADDI, 1, 1, 1),
    TOY(TOY_SC, 1, 2, 0), TOY(TOY_BREAK, 0, 0, 0), /* the other vCPU: */
    TOY(TOY_ST, 2, 2, 0), TOY(TOY_BREAK, 0, 0, 0),
};

/*
 * A linked page is broken away and written by another vCPU, and the page's next
 * frame happens to be the one that was linked: the reservation is lost.
 */
static void test_link_does_not_outlive_a_break(void **state)
{
    struct fixture_config c = { .nodes = 2, .cpus = 2, .vcpus = 2 };
    struct fixture f;
    disco_page page;
    uint64_t frame;

    (void)state;
    fixture_make(&f, &c, link_and_store, 6);
    put(f.vm, 0x4000, "");
    frame = info(f.vm, 0x4000).mfn;
    assert_int_equal(disco_page_take(f.vm, 0x4000, &page), 0);
    fixture_set_reg(&f, 0, 2, 0x4000);
    fixture_run(&f, 0, 1);

    fixture_set_pc(f.vcpu[1], 16);
    fixture_set_reg(&f, 1, 2, 0x4000);
    assert_int_equal(fixture_run(&f, 1, 10).reason, DISCO_EXIT_BREAK);
    assert_int_not_equal(info(f.vm, 0x4000).mfn, frame);
    assert_int_equal(disco_page_migrate(f.vm, 0x4000, 1), 0);
    assert_int_equal(disco_page_drop(f.machine, page), 0);
    assert_int_equal(disco_page_migrate(f.vm, 0x4000, 0), 0);
    assert_int_equal(info(f.vm, 0x4000).mfn, frame);

    assert_int_equal(fixture_run(&f, 0, 10).reason, DISCO_EXIT_BREAK);
    assert_int_equal(fixture_reg(&f, 0, 1), 0);
    fixture_drop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_take_and_map),
        cmocka_unit_test(test_content_stays),
        cmocka_unit_test(test_create),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_vcpu_breaks_on_its_node),
        cmocka_unit_test(test_code_is_replaced),
        cmocka_unit_test(test_no_frame_for_the_copy),
        cmocka_unit_test(test_map_joins_a_move),
        cmocka_unit_test(test_link_does_not_outlive_a_break),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
