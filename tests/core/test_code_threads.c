/*
 * test_code_threads.c - translated code under pressure: a cache that is far too
 * small, code that another CPU changes, and jumps to any word.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mips/mips_asm.h"
#include "r10k.h"

enum {
    V0 = 2,
    V1 = 3,
    A0 = 4,
    A1 = 5,
    T0 = 8,
    T1 = 9,
    T2 = 10,
    S0 = 16,
    S1 = 17,
    S2 = 18,
    S7 = 23,
    T9 = 25,
    PAGE = 4096,
    PAGE_WORDS = 1024
};

#define VA(gpa) (0xffffffff80000000u + (uint64_t)(gpa))

static void put_word(struct r10k *g, uint64_t gpa, uint32_t word)
{
    const uint8_t bytes[] = { (uint8_t)(word >> 24), (uint8_t)(word >> 16),
                              (uint8_t)(word >> 8), (uint8_t)word };

    assert_int_equal(disco_mem_write(g->vm, gpa, bytes, 4), 0);
}

/* --- Two threads
 * ------------------------------------------------------------ */

struct runner {
    struct r10k *g;
    uint32_t index;
    disco_status status;
    disco_exit exit;
};

/* Until BREAK, in slices. */
static void *run_vcpu(void *arg)
{
    struct runner *r = arg;
    disco_run run = { .size = sizeof(run), .max_insns = 20011 };

    r->exit.size = sizeof(r->exit);
    do
        r->status = disco_vcpu_run(disco_vm_vcpu(r->g->vm, r->index), r->index,
                                   &run, &r->exit);
    while (!r->status && (r->exit.reason == DISCO_EXIT_BUDGET ||
                          r->exit.reason == DISCO_EXIT_KICK));
    return NULL;
}

static void run_both(struct r10k *g)
{
    struct runner r[2] = { { .g = g, .index = 0 }, { .g = g, .index = 1 } };
    pthread_t thread[2];

    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, run_vcpu, &r[i]), 0);
    for (int i = 0; i < 2; i++) {
        pthread_join(thread[i], NULL);
        assert_int_equal(r[i].status, 0);
        assert_int_equal(r[i].exit.reason, DISCO_EXIT_BREAK);
    }
}

static uint64_t reg_of(struct r10k *g, uint32_t vcpu, unsigned reg)
{
    uint64_t id = DISCO_REG_GPR(reg), value = 0;

    assert_int_equal(
        disco_vcpu_get_regs(disco_vm_vcpu(g->vm, vcpu), &id, &value, 1), 0);
    return value;
}

/* --- Thrashing
 * --------------------------------------------------------------- */

enum { PAGES = 150, ROUNDS = 6, SPINS = 700, FIRST = 0x4000 };

/*
 * Page i adds i to $v0, spins until a region would be made of it, and goes on
 * to the next page; the last one counts a round down.
 */
static void put_pages(struct r10k *g)
{
    for (unsigned i = 0; i < PAGES; i++) {
        uint64_t at = FIRST + (uint64_t)i * PAGE + 16 * (i % 64);
        uint64_t next = FIRST + (uint64_t)(i + 1) * PAGE + 16 * ((i + 1) % 64);
        const uint32_t words[] = {
            RRI(ADDIU, V0, V0, i),
            RRI(ADDIU, T0, 0, SPINS),
            RRI(ADDIU, T0, T0, -1), /* 2 */
            RRR(ADDU, V1, V1, T0),
            BRANCH(BNE, T0, 0, -3),
            RRR(XOR, A0, A0, V1),
            JUMP(J, next),
            NOP_WORD,
        };
        const uint32_t last[] = {
            RRI(ADDIU, S0, S0, -1),
            BRANCH(BNE, S0, 0, 3),
            NOP_WORD,
            ASM(BREAK),
            NOP_WORD,
            JUMP(J, FIRST), /* 5 */
            NOP_WORD,
        };

        for (unsigned k = 0; k < 8; k++)
            put_word(g, at + 4 * k, words[k]);
        for (unsigned k = 0; k < 7 && i + 1 == PAGES; k++)
            put_word(g, next + 4 * k, last[k]);
    }
}

static void test_thrash(void **state)
{
    const struct r10k_config c = { .code_cache_bytes = 1 << 20,
                                   .vcpus = 2,
                                   .threads = 2 };
    static const uint32_t enter[] = {
        RRI(ADDIU, S0, 0, ROUNDS),
        JUMP(J, FIRST),
        NOP_WORD,
    };
    disco_code_stats s = { .size = sizeof(s) };
    struct r10k g;

    (void)state;
    r10k_make(&g, &c, enter, 3);
    put_pages(&g);
    assert_int_equal(disco_vcpu_start(disco_vm_vcpu(g.vm, 1), VA(R10K_CODE)),
                     0);
    run_both(&g);
    for (uint32_t i = 0; i < 2; i++) {
        uint64_t spins = (uint64_t)PAGES * ROUNDS * SPINS * (SPINS - 1) / 2;

        assert_int_equal(reg_of(&g, i, V0), ROUNDS * PAGES * (PAGES - 1) / 2);
        assert_int_equal(reg_of(&g, i, V1), (uint64_t)(int64_t)(int32_t)spins);
    }
    assert_int_equal(disco_machine_code_stats(g.machine, &s), 0);
    if (disco_vcpu_engine(g.vcpu) == DISCO_ENGINE_JIT) {
        assert_true(s.evictions > 10);
        assert_true(s.held_bytes <= c.code_cache_bytes);
        assert_true(s.regions > 10);
    }
    assert_int_equal(disco_machine_verify(g.machine), 0);
    r10k_drop(&g);
}

/* --- Code that another CPU changes
 * ------------------------------------------- */

enum { CHANGES = 12000, WRITER = 0x8000, FLAG = 0xc000 };

/*
 * vCPU 1 writes "addiu $v0,$0,N" to `function`, then N to FLAG, for growing N.
 * vCPU 0 reads FLAG and calls the function, which is never older than that, nor
 * than what was seen before.
 */
static void change_code(uint64_t function)
{
    const struct r10k_config c = { .vcpus = 2, .threads = 2 };
    const uint32_t reader[] = {
        LUI_(A0, 0x8000),
        RRI(ORI, A0, A0, FLAG),
        LUI_(T9, 0x8000 + (function >> 16)),
        RRI(ORI, T9, T9, function & 0xffff),
        MEM(SW, T9, 64, A0), /* let it begin */
        MEM(LW, T0, 0, A0),  /* 5 */
        ASM(JALR) | FIELD(T9, 21) | FIELD(31, 11),
        NOP_WORD,
        RRR(SLT, T1, V0, T0),
        RRR(OR, S1, S1, T1), /* older than the flag */
        RRR(SLT, T1, V0, S2),
        RRR(OR, S1, S1, T1), /* older than before */
        MOVE(S2, V0),
        RRI(ADDIU, T1, V0, -CHANGES),
        BRANCH(BNE, T1, 0, -10),
        RRI(DADDIU, S0, S0, 1),
        ASM(BREAK),
    };
    const uint32_t writer[] = {
        LUI_(A0, 0x8000),
        RRI(ORI, A0, A0, FLAG),
        LUI_(T9, 0x8000 + (function >> 16)),
        RRI(ORI, T9, T9, function & 0xffff),
        LUI_(A1, 0x2402),
        RRI(ADDIU, T0, 0, CHANGES),
        MEM(LW, T1, 64, A0), /* 6 */
        BRANCH(BEQ, T1, 0, -2),
        NOP_WORD,
        RRI(ADDIU, S0, S0, 1), /* 9 */
        RRR(OR, T1, A1, S0),
        MEM(SW, T1, 0, T9),
        MEM(SW, S0, 0, A0),
        RRI(ANDI, T2, S0, 127),
        RRI(ADDIU, T2, T2, -1), /* 14 */
        ASM(BGTZ) | FIELD(T2, 21) | ASM_LOW16(-2),
        NOP_WORD,
        BRANCH(BNE, S0, T0, -9),
        NOP_WORD,
        ASM(BREAK),
    };
    struct r10k g;

    r10k_make(&g, &c, reader, sizeof(reader) / 4);
    for (unsigned i = 0; i < sizeof(writer) / 4; i++)
        put_word(&g, WRITER + 4 * i, writer[i]);
    put_word(&g, function, RRI(ADDIU, V0, 0, 0));
    put_word(&g, function + 4, ASM(JR) | FIELD(31, 21));
    put_word(&g, function + 8, NOP_WORD);
    assert_int_equal(disco_vcpu_start(disco_vm_vcpu(g.vm, 1), VA(WRITER)), 0);
    run_both(&g);
    assert_int_equal(reg_of(&g, 0, S2), CHANGES);
    assert_int_equal(reg_of(&g, 0, S1), 0);
    /* They did run side by side. */
    assert_true(reg_of(&g, 0, S0) > 100);
    assert_int_equal(disco_machine_verify(g.machine), 0);
    r10k_drop(&g);
}

static void test_changed_by_another(void **state)
{
    (void)state;
    change_code(0x10000);          /* a page of its own */
    change_code(R10K_CODE + 0x80); /* within the loop's */
    change_code(WRITER + 0x100);   /* beside who writes */
}

/* --- Jumps to any word
 * -------------------------------------------------------- */

enum { BODY = 0x20000, JUMPS = 40000 };

static uint32_t body_word(unsigned i, uint32_t random)
{
    unsigned k = random >> 16 & 31;

    switch (i % 11) {
    case 0:
        return RRI(ADDIU, V0, V0, k);
    case 1:
        return RRR(XOR, V1, V1, V0);
    case 2:
        return BRANCH(BNE, V0, V1, 3);
    case 3:
        return RRI(DADDIU, A0, A0, 1);
    case 4:
        return k & 1 ? BRANCH(BEQL, V0, A0, 2) : BRANCH(BNEL, V0, A0, 4);
    case 5:
        return RRR(DSUBU, A1, A1, V1);
    case 6:
        return k < 16 ? BRANCHZ(BGEZAL, A1, 3)
                      : JUMP(J, BODY + 4 * ((i + 5) % PAGE_WORDS));
    case 7:
        return k & 1 ? RRR(SLTU, T2, V0, V1) : MEM(SW, A1, 4 * (int)k, S1);
    case 8:
        return MEM(LW, T2, 4 * (int)k, S1);
    case 9:
        return k & 2 ? ASM(JR) | FIELD(S7, 21) : RRR(ADDU, V1, V1, T2);
    default:
        return SHIFT(SLL, T2, V1, k);
    }
}

static void make_jumps(struct r10k *g, uint32_t engine)
{
    static const uint32_t words[] = {
        LUI_(S1, 0x8000),
        RRI(ORI, S1, S1, 0xc000),
        LUI_(S2, 0x8000 + (BODY >> 16)),
        LUI_(S0, JUMPS >> 16),
        RRI(ORI, S0, S0, JUMPS & 0xffff),
        LUI_(T0, 0x41c6),
        RRI(ORI, T0, T0, 0x4e6d),
        RRR(MULTU, 0, T1, T0), /* 7 */
        ASM(MFLO) | FIELD(T1, 11),
        RRI(ADDIU, T1, T1, 12345),
        SHIFT(SRL, T9, T1, 16),
        RRI(ANDI, T9, T9, 0xffc),
        RRR(ADDU, T9, T9, S2),
        ASM(JALR) | FIELD(T9, 21) | FIELD(S7, 11),
        RRI(ADDIU, S0, S0, -1),
        BRANCH(BNE, S0, 0, -9),
        NOP_WORD,
        ASM(BREAK),
    };
    const struct r10k_config c = { .engine = engine };
    uint32_t random = 1;

    r10k_make(g, &c, words, sizeof(words) / 4);
    for (unsigned i = 0; i < PAGE_WORDS; i++) {
        random = random * 1103515245 + 12345;
        put_word(g, BODY + 4 * i, body_word(i, random));
    }
    /* Behind the page: what is there may be a slot. */
    for (unsigned i = PAGE_WORDS; i < PAGE_WORDS + 8; i += 2) {
        put_word(g, BODY + 4 * i, RRI(ADDIU, A0, A0, 3));
        put_word(g, BODY + 4 * i + 4, ASM(JR) | FIELD(S7, 21));
    }
}

static void test_jumps_anywhere(void **state)
{
    struct r10k a, b;
    disco_exit x, y;

    (void)state;
    make_jumps(&a, DISCO_ENGINE_INTERP);
    make_jumps(&b, DISCO_ENGINE_BEST);
    do {
        x = r10k_run(&a, 150001);
        y = r10k_run(&b, 150001);
        assert_int_equal(x.reason, y.reason);
        assert_int_equal(x.pc, y.pc);
        assert_int_equal(x.insns, y.insns);
        for (unsigned i = 0; i < 32; i++)
            assert_int_equal(r10k_reg(&a, DISCO_REG_GPR(i)),
                             r10k_reg(&b, DISCO_REG_GPR(i)));
    } while (x.reason == DISCO_EXIT_BUDGET && x.insns < 20000000);
    assert_int_equal(x.reason, DISCO_EXIT_BREAK);
    r10k_drop(&a);
    r10k_drop(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_thrash),
        cmocka_unit_test(test_changed_by_another),
        cmocka_unit_test(test_jumps_anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
