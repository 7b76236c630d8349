/*
 * test_verify.c - the walk over a vCPU's tables finds what was planted there,
 * in every mode and address space.
 */
#include "test_cpu.h"

#define USER_VA UINT64_C(0x10000000)

static const disco_vcpu_config config = { .size = sizeof(config),
                                          .mode = DISCO_MODE_DISCO };

static struct mips_cpu *cpu_of(struct host_vcpu *v)
{
    return v->state;
}

static void expect(struct host_vcpu *v, const char *what)
{
    disco_error err = { .size = sizeof(err) };

    assert_int_equal(mips_verify(v->state, &err), DISCO_E_INTERNAL);
    if (!strstr(err.text, what))
        fail_msg("\"%s\" does not tell of \"%s\"", err.text, what);
}

static void all_is_well(struct host_vcpu *v)
{
    assert_int_equal(mips_verify(v->state, NULL), DISCO_OK);
}

static void load(struct host_vcpu *v, uint64_t va)
{
    SET_GPR(v, 8, va);
    run_word(v, MEM(LW, 9, 0, 8));
}

static void store(struct host_vcpu *v, uint64_t va)
{
    SET_GPR(v, 8, va);
    run_word(v, MEM(SW, 9, 0, 8));
}

/* A page of an address space, by TLBWR. */
static void map_user(struct host_vcpu *v, unsigned asid, uint64_t pa)
{
    SET_C0(v, C0_ENTRYHI, USER_VA | asid);
    SET_C0(v, C0_ENTRYLO0, LO(pa, LO_V | LO_D));
    SET_C0(v, C0_ENTRYLO1, LO(pa, LO_V | LO_D));
    SET_C0(v, C0_PAGEMASK, 0);
    run_word(v, ASM(TLBWR));
}

/* Pages shift in memory, and nobody says so. */
static int32_t shifted(void *ctx, uint64_t gpa, const disco_backend_page *page)
{
    const struct host_vcpu *v = ctx;

    (void)gpa;
    return page->host != v->host->ram + TEST_DATA;
}

static int32_t no_stores(void *ctx, uint64_t gpa,
                         const disco_backend_page *page)
{
    (void)ctx;
    (void)gpa;
    return !(page->rights & DISCO_WRITE);
}

static int32_t no_code(void *ctx, uint64_t gpa, const disco_backend_page *page)
{
    (void)ctx;
    (void)gpa;
    return !(page->rights & DISCO_EXEC);
}

/* With this monitor the walk finds something, and else not. */
static void found_by(struct host_vcpu *v,
                     int32_t (*monitor)(void *, uint64_t,
                                        const disco_backend_page *),
                     const char *what)
{
    int32_t (*own)(void *, uint64_t, const disco_backend_page *) =
        v->cb.is_current;

    all_is_well(v);
    v->cb.is_current = monitor;
    expect(v, what);
    v->cb.is_current = own;
    all_is_well(v);
}

static void test_page(void **state)
{
    struct host_vcpu *v = start_with(&config);

    (void)state;
    load(v, KSEG0(TEST_DATA));
    found_by(v, shifted, "not mapped so");
    finish(v);
}

static void test_stores(void **state)
{
    struct host_vcpu *v = start_with(&config);

    (void)state;
    store(v, KSEG0(TEST_DATA));
    found_by(v, no_stores, "not mapped so");
    finish(v);
}

static void test_code(void **state)
{
    struct host_vcpu *v = start_with(&config);

    (void)state;
    run_word(v, NOP_WORD);
    found_by(v, no_code, "not mapped so");
    mips_tables_flush(cpu_of(v));
    found_by(v, no_code, "code is held");
    finish(v);
}

/* A store that nobody is told of, into a page of code. */
static void test_stale_code(void **state)
{
    struct host_vcpu *v = start_with(&config);
    uint8_t *code = v->host->ram + TEST_CODE;

    (void)state;
    run_word(v, NOP_WORD);
    all_is_well(v);
    if (cpu_of(v)->jit.on) {
        code[PAGE_SIZE - 1] ^= 1;
        expect(v, "not what the page shows");
        code[PAGE_SIZE - 1] ^= 1;
        all_is_well(v);
    }
    finish(v);
}

/* Translated code of one page where another one is mapped. */
static void test_jumps(void **state)
{
    struct host_vcpu *v = start_with(&config);
    struct jump_entry *from, *to;

    (void)state;
    run_word(v, NOP_WORD);
    from = &cpu_of(v)->table->jump[(KSEG0(TEST_CODE) >> PAGE_BITS) &
                                   (JUMP_ENTRIES - 1)];
    to = &cpu_of(v)->table->jump[(KSEG0(TEST_DATA) >> PAGE_BITS) &
                                 (JUMP_ENTRIES - 1)];
    if (cpu_of(v)->jit.on) {
        assert_int_equal(from->tag, KSEG0(TEST_CODE));
        to->tag = KSEG0(TEST_DATA);
        to->slot = from->slot;
        expect(v, "not mapped so");
        to->slot++;
        expect(v, "code of no page");
        to->tag = NO_TAG;
    }
    finish(v);
}

/* Data that translated code finds without the access table. */
static void test_near(void **state)
{
    struct host_vcpu *v = start_with(&config);
    struct near_table *near = &cpu_of(v)->table->near;

    (void)state;
    run_word(v, NOP_WORD); /* the table is in use */
    near->rtag[3] = KSEG0(TEST_DATA);
    near->pages = UINT64_C(1) << ((TEST_DATA >> PAGE_BITS) & 63);
    near->addend[3] = (uintptr_t)v->host->ram - (uintptr_t)KSEG0(0);
    all_is_well(v);
    near->addend[3] += PAGE_SIZE;
    expect(v, "not mapped so");
    near->addend[3] -= PAGE_SIZE;
    near->wtag[3] = KSEG0(TEST_DATA);
    found_by(v, no_stores, "not mapped so");
    near->pages = 0;
    expect(v, "hides");
    near->rtag[3] = near->wtag[3] = NO_TAG;
    finish(v);
}

/* Not the present mode, nor the present address space. */
static void test_other_tables(void **state)
{
    struct host_vcpu *v = start_with(&config);

    (void)state;
    map_user(v, 5, TEST_DATA);
    map_user(v, 6, TEST_DATA + 0x1000);
    SET_C0(v, C0_ENTRYHI, 5);
    load(v, USER_VA);
    SET_C0(v, C0_ENTRYHI, 6);
    load(v, USER_VA);
#if !HOST_LINE_BYTES /* lines are of one address space */
    found_by(v, shifted, "not mapped so");
#endif
    SET_C0(v, C0_ENTRYHI, 5);
    load(v, USER_VA);
    SET_C0(v, C0_STATUS, TEST_STATUS | 2 << 3); /* user, the rest kernel's */
    found_by(v, shifted, "not mapped so");
    SET_C0(v, C0_STATUS, TEST_STATUS);
    finish(v);
}

/* An entry without a translation behind it. */
static void test_no_translation(void **state)
{
    struct host_vcpu *v = start_with(&config);
    struct tlb_entry *e;

    (void)state;
    map_user(v, 5, TEST_DATA);
    load(v, USER_VA);
    all_is_well(v);
    mips_l2_flush(cpu_of(v));
    load(v, USER_VA);
    e = mips_tlb_lookup(cpu_of(v), USER_VA);
    e->tag ^= UINT64_C(1) << 40;
    expect(v, "does not translate");
    e->tag ^= UINT64_C(1) << 40;
    finish(v);
}

/* The L2TLB has another page than the 64. */
static void test_l2_contradicted(void **state)
{
    struct host_vcpu *v = start_with(&config);
    struct tlb_entry *e;

    (void)state;
    map_user(v, 5, TEST_DATA);
    all_is_well(v);
    e = mips_tlb_lookup(cpu_of(v), USER_VA);
    e->lo[1] ^= 1 << 6;
    expect(v, "contradicts");
    e->lo[1] ^= 1 << 6;
    finish(v);
}

static void test_l2_twice(void **state)
{
    struct host_vcpu *v = start_with(&config);
    struct tlb_entry again;

    (void)state;
    map_user(v, 5, TEST_DATA);
    again = *mips_l2_lookup(cpu_of(v), USER_VA);
    mips_l2_insert(cpu_of(v), &again);
    expect(v, "two entries");
    mips_l2_flush(cpu_of(v));
    finish(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page),
        cmocka_unit_test(test_stores),
        cmocka_unit_test(test_code),
        cmocka_unit_test(test_stale_code),
        cmocka_unit_test(test_jumps),
        cmocka_unit_test(test_near),
        cmocka_unit_test(test_other_tables),
        cmocka_unit_test(test_no_translation),
        cmocka_unit_test(test_l2_contradicted),
        cmocka_unit_test(test_l2_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
