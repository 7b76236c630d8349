/*
 * test_code.c - code that is stored to: by the vCPU itself, by another one, by
 * DMA and through pins.  The toy keeps code as long as it may.
 */
#include <pthread.h>
#include <string.h>

#include "fixture.h"

/* Own stores: patch the next instruction, then run it. */
static void test_own_store(void **state)
{
    static const uint32_t program[] = {
        TOY(TOY_ADDI, 1, 0, 0), /* hold the page */
        TOY(TOY_SW, 2, 0, 12),  /* patch what follows */
        TOY(TOY_ADDI, 0, 0, 0),
        TOY(TOY_ADDI, 3, 0, 1), /* becomes ADDI r3, r0, 2 */
        TOY(TOY_BREAK, 0, 0, 0),
    };
    disco_page_info info = { .size = sizeof(info) };
    struct fixture f;

    (void)state;
    fixture_make(&f, NULL, program, 5);
    fixture_set_reg(&f, 0, 2, TOY(TOY_ADDI, 3, 0, 2));
    fixture_run(&f, 0, 0);
    assert_int_equal(fixture_reg(&f, 0, 3), 2);
    assert_int_equal(disco_page_info_get(f.vm, 0, &info), 0);
    assert_true(info.flags & DISCO_PAGE_CODE);
    fixture_drop(&f);
}

static void test_dma_to_code(void **state)
{
    static const uint32_t program[] = {
        TOY(TOY_ADDI, 1, 0, 1),
        TOY(TOY_JMP, 0, 0, 0),
    };
    uint32_t patch = TOY(TOY_ADDI, 1, 0, 7);
    disco_page_info info = { .size = sizeof(info) };
    struct fixture f;

    (void)state;
    fixture_make(&f, NULL, program, 2);
    fixture_run(&f, 0, 100);
    assert_int_equal(fixture_reg(&f, 0, 1), 1);
    assert_int_equal(disco_mem_write(f.vm, 0, &patch, 4), 0);
    assert_int_equal(disco_page_info_get(f.vm, 0, &info), 0);
    assert_false(info.flags & DISCO_PAGE_CODE);
    fixture_run(&f, 0, 100);
    assert_int_equal(fixture_reg(&f, 0, 1), 7);
    fixture_drop(&f);
}

/* Code of a page pinned for writing is run, but not kept. */
static void test_pinned_code(void **state)
{
    static const uint32_t program[] = {
        TOY(TOY_ADDI, 1, 0, 1),
        TOY(TOY_JMP, 0, 0, 0),
    };
    disco_page_info info = { .size = sizeof(info) };
    disco_pin p = { .size = sizeof(p) };
    struct fixture f;

    (void)state;
    fixture_make(&f, NULL, program, 2);
    fixture_run(&f, 0, 100);
    assert_int_equal(disco_mem_pin(f.vm, 0, 8, DISCO_READ | DISCO_WRITE, &p),
                     0);
    *(uint32_t *)p.host = TOY(TOY_ADDI, 1, 0, 3);
    fixture_run(&f, 0, 100);
    assert_int_equal(fixture_reg(&f, 0, 1), 3);
    *(uint32_t *)p.host = TOY(TOY_ADDI, 1, 0, 4);
    fixture_run(&f, 0, 100);
    assert_int_equal(fixture_reg(&f, 0, 1), 4);
    assert_int_equal(disco_page_info_get(f.vm, 0, &info), 0);
    assert_false(info.flags & DISCO_PAGE_CODE);
    assert_int_equal(disco_mem_unpin(f.vm, &p), 0);
    fixture_run(&f, 0, 100);
    assert_int_equal(disco_page_info_get(f.vm, 0, &info), 0);
    assert_true(info.flags & DISCO_PAGE_CODE);
    fixture_drop(&f);
}

/* Stores come back when nobody holds code any more. */
static void test_holder_gives_up(void **state)
{
    static const uint32_t far[] = { TOY(TOY_ADDI, 1, 1, 1),
                                    TOY(TOY_BREAK, 0, 0, 0) };
    disco_page_info info = { .size = sizeof(info) };
    struct fixture f;
    uint64_t pc = DISCO_REG_PC, at;
    unsigned i;

    (void)state;
    fixture_make(&f, NULL, NULL, 0);
    for (i = 0; i < 20; i++) { /* more pages than the toy keeps */
        at = i * 4096;
        assert_int_equal(disco_mem_write(f.vm, at, far, sizeof(far)), 0);
        assert_int_equal(disco_vcpu_set_regs(f.vcpu[0], &pc, &at, 1), 0);
        fixture_run(&f, 0, 0);
    }
    assert_int_equal(fixture_reg(&f, 0, 1), 20);
    assert_int_equal(disco_page_info_get(f.vm, 0, &info), 0);
    assert_false(info.flags & DISCO_PAGE_CODE);
    assert_int_equal(disco_page_info_get(f.vm, 19 * 4096, &info), 0);
    assert_true(info.flags & DISCO_PAGE_CODE);
    fixture_drop(&f);
}

/*
 * One vCPU patches a function and then publishes a number; the other reads the
 * number, calls the function and compares: never older than the number.
 */
enum { FUNCTION = 0x3000, NUMBER = 0x4000, ROUNDS = 300 };
static const uint32_t writer_code[] = {
    TOY(TOY_ADDI, 3, 3, 1), /* n + 1 */
    TOY(TOY_ADD, 4, 5, 3),  /* template ADDI r7, r0, n */
    TOY(TOY_SW, 4, 6, 0),   /* patch */
    TOY(TOY_ST, 3, 8, 0),   /* publish */
    TOY(TOY_BNE, 3, 9, -4), /* until ROUNDS */
    TOY(TOY_BREAK, 0, 0, 0),
};
static const uint32_t caller_code[] = {
    /* at 0x1000 */
    TOY(TOY_LD, 3, 8, 0),  /* number */
    TOY(TOY_JMP, 0, 6, 0), /* call */
    TOY(TOY_ST, 3, 10, 0), /* 0x1008: device checks r3 <= r7 */
    TOY(TOY_ST, 7, 10, 8), TOY(TOY_BNE, 3, 9, -4), TOY(TOY_BREAK, 0, 0, 0),
};
static const uint32_t function_code[] = {
    TOY(TOY_ADDI, 7, 0, 0), TOY(TOY_JMP, 0, 11, 0), /* back to 0x1008 */
};

struct checker {
    uint64_t number;
    uint32_t stale;
    uint32_t calls;
};

static disco_status check(void *opaque, const disco_mmio_access *a,
                          uint64_t value)
{
    struct checker *c = opaque;

    if (a->offset == 0) {
        c->number = value;
        return 0;
    }
    c->calls++;
    c->stale += value < c->number;
    return 0;
}

static void *run_to_break(void *arg)
{
    disco_exit e = { .size = sizeof(e) };
    disco_vcpu *v = arg;

    if (disco_vcpu_run(v, disco_vcpu_index(v), NULL, &e))
        return arg;
    return e.reason == DISCO_EXIT_BREAK ? NULL : arg;
}

static void test_other_patches(void **state)
{
    disco_mmio_ops ops = { .size = sizeof(ops), .write = check };
    struct fixture_config config = { .vcpus = 2 };
    struct checker c = { 0, 0, 0 };
    uint64_t pc = DISCO_REG_PC, at = 0x1000;
    pthread_t thread[2];
    struct fixture f;
    void *failed;
    uint32_t i;

    (void)state;
    fixture_make(&f, &config, writer_code, 6);
    disco_mem_write(f.vm, 0x1000, caller_code, sizeof(caller_code));
    disco_mem_write(f.vm, FUNCTION, function_code, sizeof(function_code));
    disco_vm_map_mmio(f.vm, 0x200000, 16, "check", &ops, &c, NULL);
    assert_int_equal(disco_vcpu_set_regs(f.vcpu[1], &pc, &at, 1), 0);
    for (i = 0; i < 2; i++) {
        fixture_set_reg(&f, i, 5, TOY(TOY_ADDI, 7, 0, 0));
        fixture_set_reg(&f, i, 6, FUNCTION);
        fixture_set_reg(&f, i, 8, NUMBER);
        fixture_set_reg(&f, i, 9, ROUNDS);
        fixture_set_reg(&f, i, 10, 0x200000);
        fixture_set_reg(&f, i, 11, 0x1008);
    }
    for (i = 0; i < 2; i++)
        pthread_create(&thread[1 - i], NULL, run_to_break, f.vcpu[1 - i]);
    for (i = 0; i < 2; i++) {
        pthread_join(thread[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(c.stale, 0);
    assert_true(c.calls > 0);
    fixture_drop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_store),
        cmocka_unit_test(test_dma_to_code),
        cmocka_unit_test(test_pinned_code),
        cmocka_unit_test(test_holder_gives_up),
        cmocka_unit_test(test_other_patches),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
