/*
 * test_l2tlb.c - the second-level TLB: rule by rule, then at random against a
 * model of what a guest may see.
 */
#include "test_cpu.h"

#define VA UINT64_C(0x10000000)

static const disco_vcpu_config config = { .size = sizeof(config),
                                          .mode = DISCO_MODE_DISCO,
                                          .l2tlb_entries = 64 };
static const disco_vcpu_config large = { .size = sizeof(large),
                                         .mode = DISCO_MODE_DISCO };

static void set_entry(struct host_vcpu *v, uint64_t hi, uint64_t lo0,
                      uint64_t lo1, uint32_t mask)
{
    SET_C0(v, C0_ENTRYHI, hi);
    SET_C0(v, C0_ENTRYLO0, lo0);
    SET_C0(v, C0_ENTRYLO1, lo1);
    SET_C0(v, C0_PAGEMASK, mask);
}

static void tlbwr(struct host_vcpu *v, uint64_t hi, uint64_t lo0, uint64_t lo1)
{
    set_entry(v, hi, lo0, lo1, 0);
    run_word(v, ASM(TLBWR));
}

static void tlbwi(struct host_vcpu *v, unsigned index, uint64_t hi,
                  uint64_t lo0, uint64_t lo1)
{
    SET_C0(v, C0_INDEX, index);
    set_entry(v, hi, lo0, lo1, 0);
    run_word(v, ASM(TLBWI));
}

static bool probe(struct host_vcpu *v, uint64_t hi)
{
    SET_C0(v, C0_ENTRYHI, hi);
    run_word(v, ASM(TLBP));
    return !(C0(v, C0_INDEX) >> 31);
}

static unsigned touch(struct host_vcpu *v, uint64_t va, uint32_t word)
{
    SET_C0(v, C0_STATUS, (uint32_t)C0(v, C0_STATUS) & ~ST_EXL);
    SET_GPR(v, 8, va);
    run_word(v, word);
    return C0(v, C0_STATUS) & ST_EXL ? exc_code(v) : (unsigned)EXC_NONE;
}

static unsigned load(struct host_vcpu *v, uint64_t va)
{
    return touch(v, va, MEM(LW, 9, 0, 8));
}

/* Is the pair of va in the 64? */
static bool in_tlb(struct host_vcpu *v, uint64_t va)
{
    for (unsigned i = 0; i < 64; i++)
        if (host_reg(v, DISCO_REG_TLB(i, DISCO_TLB_ENTRYHI)) == va)
            return true;
    return false;
}

/* Fill with TLBWR until va's entry was thrown out of the 64. */
static void push_out(struct host_vcpu *v, uint64_t va)
{
    uint64_t other = UINT64_C(0x700000000);

    for (unsigned i = 0; in_tlb(v, va) && i < 2000; i++) {
        /* Few sets of the L2TLB: its own entry must survive. */
        tlbwr(v, other + 0x2000 * (uint64_t)(i % 70), 0, 0);
        if (i % 3)
            run_word(v, NOP_WORD); /* another step of Random */
    }
    assert_false(in_tlb(v, va));
}

static struct host_vcpu *start_pushed_out(void)
{
    struct host_vcpu *v = start_with(&large);

    SET_C0(v, C0_WIRED, 8);
    tlbwr(v, VA, LO(TEST_DATA, LO_V | LO_D), LO(0, 0));
    push_out(v, VA);
    SET_C0(v, C0_ENTRYHI, 0);
    return v;
}

/* A victim of TLBWR goes on being served. */
static void test_serves_victims(void **state)
{
    struct host_vcpu *v = start_pushed_out();
    disco_vcpu_stats before, after;

    (void)state;
    host_stats(v, &before);
    assert_int_equal(load(v, VA + 4), EXC_NONE);
    host_stats(v, &after);
    assert_int_equal(after.l2tlb_hits - before.l2tlb_hits, 1);
    assert_int_equal(after.tlb_refills, before.tlb_refills);
    assert_false(in_tlb(v, VA));
    finish(v);
}

/* Without it they are gone. */
static void test_off_in_exact_mode(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    SET_C0(v, C0_WIRED, 8);
    tlbwr(v, VA, LO(TEST_DATA, LO_V | LO_D), LO(0, 0));
    assert_int_equal(load(v, VA), EXC_NONE);
    push_out(v, VA);
    SET_C0(v, C0_ENTRYHI, 0);
    assert_int_equal(load(v, VA), EXC_TLBL);
    finish(v);
}

/* TLBP that misses: the guest knows that it is gone, so it is. */
static void test_probe_kills(void **state)
{
    struct host_vcpu *v = start_pushed_out();

    (void)state;
    assert_int_equal(load(v, VA), EXC_NONE);
    assert_false(probe(v, VA));
    assert_int_equal(load(v, VA), EXC_TLBL);
    assert_int_equal(PC(v), KSEG0(0x080));
    finish(v);
}

static void test_tlbwi_kills_overlap(void **state)
{
    struct host_vcpu *v = start_pushed_out();

    (void)state;
    tlbwi(v, 2, VA, 0, 0);
    tlbwi(v, 2, KSEG0(0x4000), 0, 0);
    SET_C0(v, C0_ENTRYHI, 0);
    assert_int_equal(load(v, VA), EXC_TLBL);
    assert_int_equal(PC(v), KSEG0(0x080));
    finish(v);
}

static void test_tlbwr_kills_overlap(void **state)
{
    struct host_vcpu *v = start_pushed_out();

    (void)state;
    assert_int_equal(load(v, VA), EXC_NONE);
    tlbwr(v, VA, LO(0x30000, LO_V), 0);
    host_put32(v->host, TEST_DATA, 1);
    host_put32(v->host, 0x30000, 2);
    assert_int_equal(load(v, VA), EXC_NONE);
    assert_int_equal(GPR(v, 9), 2);
    push_out(v, VA);
    SET_C0(v, C0_ENTRYHI, 0);
    assert_int_equal(load(v, VA), EXC_NONE);
    assert_int_equal(GPR(v, 9), 2);
    finish(v);
}

/* An entry that TLBWI overwrites does not live on. */
static void test_tlbwi_kills_old(void **state)
{
    struct host_vcpu *v = start_with(&large);

    (void)state;
    SET_C0(v, C0_WIRED, 8);
    tlbwi(v, 20, VA, LO(TEST_DATA, LO_V), 0);
    assert_int_equal(load(v, VA), EXC_NONE);
    tlbwi(v, 20, KSEG0(0x4000), 0, 0);
    SET_C0(v, C0_ENTRYHI, 0);
    assert_int_equal(load(v, VA), EXC_TLBL);
    finish(v);
}

/* Linux' flush: every non-wired index by TLBWI, at ASID rollover too. */
static void test_full_rewrite_flushes(void **state)
{
    struct host_vcpu *v = start_pushed_out();

    (void)state;
    for (unsigned i = 8; i < 64; i++) {
        SET_C0(v, C0_ENTRYHI, 0);
        assert_int_equal(load(v, VA), EXC_NONE);
        tlbwi(v, i, KSEG0(0x2000 * (uint64_t)i), 0, 0);
    }
    SET_C0(v, C0_ENTRYHI, 0);
    assert_int_equal(load(v, VA), EXC_TLBL);
    finish(v);
}

static void test_invalid_never_served(void **state)
{
    struct host_vcpu *v = start_pushed_out();

    (void)state;
    assert_int_equal(load(v, VA + 0x1000), EXC_TLBL);
    assert_int_equal(PC(v), KSEG0(0x080)); /* a refill: it is not there */
    finish(v);
}

/* Modified: the handler's TLBP must find the entry. */
static void test_modified_is_brought_back(void **state)
{
    struct host_vcpu *v = start_with(&large);

    (void)state;
    SET_C0(v, C0_WIRED, 8);
    tlbwr(v, VA, LO(TEST_DATA, LO_V), 0);
    push_out(v, VA);
    SET_C0(v, C0_ENTRYHI, 0);
    assert_int_equal(touch(v, VA, MEM(SW, 9, 0, 8)), EXC_MOD);
    assert_int_equal(PC(v), KSEG0(0x180));
    assert_true(in_tlb(v, VA));
    assert_true(probe(v, VA));
    assert_in_range(C0(v, C0_INDEX), 8, 63);
    finish(v);
}

/* Only 4 KiB pages are kept: a larger one is gone with its entry. */
static void test_large_pages_are_not_kept(void **state)
{
    struct host_vcpu *v = start_with(&large);

    (void)state;
    SET_C0(v, C0_WIRED, 8);
    set_entry(v, VA, LO(TEST_DATA, LO_V | LO_D), LO(TEST_DATA, LO_V), 0x6000);
    run_word(v, ASM(TLBWR));
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(load(v, VA + 0x1000 * (uint64_t)i), EXC_NONE);
    push_out(v, VA);
    check_invariants(v);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(load(v, VA + 0x1000 * (uint64_t)i), EXC_TLBL);
    finish(v);
}

static void test_asids(void **state)
{
    struct host_vcpu *v = start_pushed_out(); /* ASID 0 */

    (void)state;
    SET_C0(v, C0_ENTRYHI, 1);
    assert_int_equal(load(v, VA), EXC_TLBL);
    /* A probe under another ASID does not touch it. */
    assert_false(probe(v, VA | 1));
    SET_C0(v, C0_ENTRYHI, 0);
    assert_int_equal(load(v, VA), EXC_NONE);
    finish(v);
}

/* --- At random, against a model
 * ------------------------------------------------- */

/*
 * The model knows every entry that the guest wrote and marks those that it may
 * no longer see.  Whatever succeeds must come from one that is left; what is in
 * the 64 must work.  The L2TLB may forget at any time.
 */
struct written {
    struct tlb_entry e;
    bool alive;
};

enum { WRITTEN_MAX = 4096 };

struct model {
    struct host_vcpu *v;
    struct written list[WRITTEN_MAX];
    unsigned n;
    uint64_t rewritten[WRITTEN_MAX]; /* indices since each was made */
    uint64_t seed;
    unsigned served, refused, promoted;
};

static uint64_t rnd(struct model *m, uint64_t below)
{
    m->seed ^= m->seed << 13;
    m->seed ^= m->seed >> 7;
    m->seed ^= m->seed << 17;
    return (m->seed >> 11) % below;
}

static bool overlap(const struct tlb_entry *a, const struct tlb_entry *b)
{
    return ((a->tag ^ b->tag) & a->cmp & b->cmp) == 0;
}

static void kill(struct model *m, const struct tlb_entry *by)
{
    for (unsigned i = 0; i < m->n; i++)
        if (m->list[i].alive && overlap(&m->list[i].e, by))
            m->list[i].alive = false;
}

static struct tlb_entry present(struct model *m, unsigned index)
{
    struct tlb_entry e = { .cmp = UINT64_MAX };
    uint64_t part[4];

    for (unsigned i = 0; i < 4; i++)
        part[i] = host_reg(m->v, DISCO_REG_TLB(index, i));
    if (!(part[0] >> 60 & 1) || part[0] >> 61 & 1)
        mips_tlb_make(&e, part[DISCO_TLB_ENTRYHI], part[DISCO_TLB_ENTRYLO0],
                      part[DISCO_TLB_ENTRYLO1],
                      (uint32_t)part[DISCO_TLB_PAGEMASK]);
    return e;
}

static uint64_t some_va(struct model *m)
{
    const uint64_t bases[] = { 0, UINT64_C(0x4000000000000000),
                               UINT64_C(0xffffffffc0000000),
                               UINT64_C(0xc000000000000000) };

    return bases[rnd(m, 4)] + rnd(m, 24) * 0x1000;
}

static void model_write(struct model *m, bool random)
{
    struct host_vcpu *v = m->v;
    uint64_t lo[2], global = rnd(m, 4) == 0;
    uint64_t hi = (some_va(m) & ~UINT64_C(0x1fff)) | rnd(m, 3);
    uint32_t mask = rnd(m, 6) == 0 ? 0x6000 : 0;
    unsigned index = 4 + (unsigned)rnd(m, 60);
    struct tlb_entry made, old = present(m, index);

    for (unsigned i = 0; i < 2; i++)
        lo[i] = LO(0x40000 + rnd(m, 64) * 0x1000, global) |
                (rnd(m, 5) ? LO_V : 0) | (rnd(m, 2) ? LO_D : 0);
    SET_C0(v, C0_INDEX, index);
    set_entry(v, hi, lo[0], lo[1], mask);
    run_word(v, random ? ASM(TLBWR) : ASM(TLBWI));
    mips_tlb_make(&made, hi, lo[0], lo[1], mask);
    if (!random && old.cmp != UINT64_MAX)
        kill(m, &old);
    kill(m, &made);
    assert_in_range(m->n, 0, WRITTEN_MAX - 1);
    m->list[m->n] = (struct written){ made, true };
    m->rewritten[m->n++] = 0;
    for (unsigned i = 0; i + 1 < m->n && !random; i++) {
        m->rewritten[i] |= UINT64_C(1) << index;
        if ((m->rewritten[i] | 15) == UINT64_MAX) {
            /* It may still be in the 64 by another index. */
            bool stays = false;

            for (unsigned t = 0; t < 4; t++)
                stays |= present(m, t).tag == m->list[i].e.tag;
            if (!stays)
                m->list[i].alive = false;
        }
    }
}

static void model_flush(struct model *m)
{
    for (unsigned i = 4; i < 64; i++)
        tlbwi(m->v, i, KSEG0(0x2000 * (uint64_t)i), 0, 0);
    for (unsigned i = 0; i < m->n; i++)
        m->list[i].alive = false;
    m->n = 0;
}

static void model_probe(struct model *m)
{
    uint64_t va = some_va(m) & ~UINT64_C(0x1fff), asid = rnd(m, 3);
    struct tlb_entry key;

    mips_tlb_make(&key, va | asid, 0, 0, 0);
    if (!probe(m->v, va | asid)) {
        kill(m, &key);
        return;
    }
    /* What it finds is what the guest wrote. */
    key = present(m, (unsigned)C0(m->v, C0_INDEX));
    for (unsigned i = 0; i < m->n; i++)
        if (m->list[i].alive && m->list[i].e.tag == key.tag &&
            m->list[i].e.lo[0] == key.lo[0] && m->list[i].e.lo[1] == key.lo[1])
            return;
    fail_msg("TLBP found what nobody wrote");
}

/* Where an entry leads; false when it does not match or not allow. */
static bool leads(const struct tlb_entry *e, uint64_t va, uint64_t asid,
                  bool write, uint64_t *pa)
{
    uint64_t key = (va & UINT64_C(0xc0000fffffffe000)) | asid;
    uint64_t half = ((uint64_t)e->mask + 0x2000) / 2;
    uint64_t lo = e->lo[(va & half) != 0];

    if (((key ^ e->tag) & e->cmp) || !(lo & LO_V) || (write && !(lo & LO_D)))
        return false;
    *pa = ((lo >> 6 << 12) & ~(half - 1)) | (va & (half - 1));
    return true;
}

static void model_access(struct model *m)
{
    struct host_vcpu *v = m->v;
    uint64_t va = some_va(m), asid = rnd(m, 3), pa;
    bool write = rnd(m, 2), justified = false, present_in_64 = false;
    unsigned exc;

    for (unsigned i = 0; i < 64; i++) {
        struct tlb_entry e = present(m, i);

        if (e.cmp != UINT64_MAX && leads(&e, va, asid, write, &pa))
            present_in_64 = true;
    }
    SET_C0(v, C0_ENTRYHI, asid);
    SET_GPR(v, 9, 0);
    exc = touch(v, va, write ? MEM(SW, 0, 8, 8) : MEM(LW, 9, 0, 8));
    if (exc != EXC_NONE) {
        m->refused++;
        assert_false(present_in_64);
        if (exc == EXC_MOD) {
            m->promoted++;
            assert_true(probe(v, (va & ~UINT64_C(0x1fff)) | asid));
        }
        return;
    }
    for (unsigned i = 0; i < m->n; i++)
        if (m->list[i].alive && leads(&m->list[i].e, va, asid, write, &pa) &&
            (write || GPR(v, 9) == (uint32_t)pa))
            justified = true;
    if (!justified)
        print_error("%s %llx asid %llu\n", write ? "store" : "load",
                    (unsigned long long)va, (unsigned long long)asid);
    assert_true(justified);
    m->served++;
}

static void run_model(const disco_vcpu_config *c, uint64_t seed, unsigned steps)
{
    static struct model model;
    struct model *m = &model;

    memset(m, 0, sizeof(*m));
    m->seed = seed;
    m->v = start_with(c);
    for (uint64_t pa = 0x40000; pa < 0xc0000; pa += 0x1000)
        host_put32(m->v->host, pa, (uint32_t)pa); /* pages tell their PA */
    SET_C0(m->v, C0_WIRED, 4);
    for (unsigned i = 0; i < steps; i++) {
        unsigned what = (unsigned)rnd(m, 100);

        if (m->n > WRITTEN_MAX - 2 || (what == 99 && rnd(m, 8) == 0))
            model_flush(m);
        else if (what < 20)
            model_write(m, true);
        else if (what < 28)
            model_write(m, false);
        else if (what < 33)
            model_probe(m);
        else
            model_access(m);
        if (i % 64 == 0)
            check_invariants(m->v);
    }
    assert_true(m->served > steps / 10 && m->refused > steps / 20);
    finish(m->v);
}

static void test_random_model(void **state)
{
    const disco_vcpu_config off = { .size = sizeof(off) };

    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        run_model(&large, seed, 4000);
        run_model(&config, seed + 10, 4000); /* 8 sets: much eviction */
        run_model(&off, seed + 20, 3000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_serves_victims),
        cmocka_unit_test(test_off_in_exact_mode),
        cmocka_unit_test(test_probe_kills),
        cmocka_unit_test(test_tlbwi_kills_overlap),
        cmocka_unit_test(test_tlbwr_kills_overlap),
        cmocka_unit_test(test_tlbwi_kills_old),
        cmocka_unit_test(test_full_rewrite_flushes),
        cmocka_unit_test(test_invalid_never_served),
        cmocka_unit_test(test_modified_is_brought_back),
        cmocka_unit_test(test_large_pages_are_not_kept),
        cmocka_unit_test(test_asids),
        cmocka_unit_test(test_random_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
