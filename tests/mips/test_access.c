/*
 * test_access.c - loads and stores: parts of words, device registers, accesses
 * that the host finishes, bus errors, ROM, missing memory.
 */
#include "test_cpu.h"

static const disco_vcpu_config little = { .size = sizeof(little),
                                          .order = DISCO_LITTLE };

/* --- Plain
 * ------------------------------------------------------------------------ */

static void check_plain(const disco_vcpu_config *config)
{
    struct host_vcpu *v = start_with(config);
    bool big = !config;
    const struct {
        uint32_t word;
        unsigned bytes;
        bool is_signed;
    } loads[] = {
        { MEM(LB, 9, 0, 8), 1, true },   { MEM(LBU, 9, 0, 8), 1, false },
        { MEM(LH, 9, 0, 8), 2, true },   { MEM(LHU, 9, 0, 8), 2, false },
        { MEM(LW, 9, 0, 8), 4, true },   { MEM(LWU, 9, 0, 8), 4, false },
        { MEM(LD, 9, 0, 8), 8, false },  { MEM(LL, 9, 0, 8), 4, true },
        { MEM(LLD, 9, 0, 8), 8, false },
    };
    const uint32_t stores[] = { MEM(SB, 9, 0, 8), MEM(SH, 9, 0, 8),
                                MEM(SW, 9, 0, 8), MEM(SD, 9, 0, 8) };
    uint8_t *ram = v->host->ram + TEST_DATA;

    for (unsigned i = 0; i < 16; i++)
        ram[i] = (uint8_t)(0xf1 + 0x1d * i);
    for (unsigned i = 0; i < 9; i++) {
        unsigned n = loads[i].bytes;

        for (unsigned at = 0; at < 16; at += n) {
            uint64_t want = 0;

            for (unsigned b = 0; b < n; b++)
                want = want << 8 | ram[at + (big ? b : n - 1 - b)];
            if (loads[i].is_signed && want >> (8 * n - 1))
                want |= UINT64_MAX << (8 * n - 1);
            SET_GPR(v, 8, KSEG0(TEST_DATA + at));
            run_word(v, loads[i].word);
            assert_int_equal(GPR(v, 9), want);
        }
    }
    for (unsigned i = 0; i < 4; i++) {
        unsigned n = 1u << i;

        memset(ram, 0xee, 16);
        SET_GPR(v, 8, KSEG0(TEST_DATA + 8));
        SET_GPR(v, 9, UINT64_C(0x1122334455667788));
        run_word(v, stores[i]);
        for (unsigned b = 0; b < n; b++)
            assert_int_equal(ram[8 + (big ? n - 1 - b : b)], 0x88 - 0x11 * b);
        assert_int_equal(ram[7], 0xee);
        if (n < 8)
            assert_int_equal(ram[8 + n], 0xee);
    }
    finish(v);
}

static void test_plain(void **state)
{
    (void)state;
    check_plain(NULL);
    check_plain(&little);
}

/* Offsets are signed; addresses wrap as 64-bit sums. */
static void test_addresses(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    host_put32(v->host, TEST_DATA, 0x1234);
    SET_GPR(v, 8, KSEG0(TEST_DATA + 0x8000));
    run_word(v, MEM(LW, 9, -0x8000, 8));
    assert_int_equal(GPR(v, 9), 0x1234);
    SET_GPR(v, 8, KSEG0(TEST_DATA) - 0x7ffc);
    run_word(v, MEM(LWU, 10, 0x7ffc, 8));
    assert_int_equal(GPR(v, 10), 0x1234);
    SET_GPR(v, 11, KSEG0(0));
    SET_GPR(v, 12, TEST_DATA);
    run_word(v, RRR(LWXC1, 0, 11, 12) | FIELD(5, 6));
    run_word(v, FMOVE(MFC1, 13, 5));
    assert_int_equal(GPR(v, 13), 0x1234);
    finish(v);
}

/* FR=0: odd singles are the upper halves; doubles live in even ones. */
static void test_fp_registers(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    host_put64(v->host, TEST_DATA, UINT64_C(0x1111111122222222));
    SET_C0(v, C0_STATUS, TEST_STATUS & ~ST_FR);
    SET_GPR(v, 8, KSEG0(TEST_DATA));
    run_word(v, MEM(LWC1, 3, 0, 8));
    run_word(v, MEM(LWC1, 2, 4, 8));
    assert_int_equal(host_reg(v, DISCO_REG_FPR(2)),
                     UINT64_C(0x1111111122222222));
    run_word(v, MEM(SDC1, 2, 8, 8));
    assert_int_equal(host_get64(v->host, TEST_DATA + 8),
                     UINT64_C(0x1111111122222222));
    run_word(v, FMOVE(MFC1, 9, 3));
    assert_int_equal(GPR(v, 9), 0x11111111);
    SET_C0(v, C0_STATUS, TEST_STATUS);
    run_word(v, MEM(LDC1, 3, 0, 8));
    assert_int_equal(host_reg(v, DISCO_REG_FPR(3)),
                     UINT64_C(0x1111111122222222));
    run_word(v, MEM(SWC1, 3, 16, 8));
    assert_int_equal(host_get32(v->host, TEST_DATA + 16), 0x22222222);
    finish(v);
}

/* --- Parts of words
 * ------------------------------------------------------------------ */

struct part_case {
    uint32_t word;
    unsigned bytes;
    bool left, store;
};

static const struct part_case parts[] = {
    { MEM(LWL, 9, 0, 8), 4, true, false },
    { MEM(LWR, 9, 0, 8), 4, false, false },
    { MEM(LDL, 9, 0, 8), 8, true, false },
    { MEM(LDR, 9, 0, 8), 8, false, false },
    { MEM(SWL, 9, 0, 8), 4, true, true },
    { MEM(SWR, 9, 0, 8), 4, false, true },
    { MEM(SDL, 9, 0, 8), 8, true, true },
    { MEM(SDR, 9, 0, 8), 8, false, true },
};

/*
 * By the definition: L moves the bytes from the addressed one towards the less
 * significant end of the word to or from the register's top; R those from it
 * towards the more significant end to or from the bottom.
 */
static void check_part(struct host_vcpu *v, const struct part_case *c,
                       unsigned at)
{
    const uint64_t reg = UINT64_C(0x12345678a1a2a3a4);
    bool big = v->host->big;
    uint8_t *word = v->host->ram + TEST_DATA + (at & ~(c->bytes - 1));
    uint8_t before[8], r[8]; /* register bytes, most significant first */
    unsigned low = at & (c->bytes - 1);
    unsigned rank = big ? low : c->bytes - 1 - low; /* from the top */
    uint64_t got, want = 0;

    for (unsigned i = 0; i < c->bytes; i++) {
        word[i] = (uint8_t)(0x71 + i);
        r[i] = (uint8_t)(reg >> 8 * (c->bytes - 1 - i));
    }
    memcpy(before, word, 8);
    SET_GPR(v, 8, KSEG0(TEST_DATA + at));
    SET_GPR(v, 9, reg);
    run_word(v, c->word);
    for (unsigned i = 0; i < c->bytes; i++) { /* i: rank of a memory byte */
        unsigned m = big ? i : c->bytes - 1 - i;
        unsigned to = c->left ? i - rank : i + c->bytes - 1 - rank;
        bool moves = c->left ? i >= rank : i <= rank;

        if (!moves) {
            assert_int_equal(word[m], before[m]);
            continue;
        }
        if (c->store)
            assert_int_equal(word[m], r[to]);
        else
            r[to] = before[m];
    }
    got = GPR(v, 9);
    for (unsigned i = 0; i < c->bytes; i++)
        want = want << 8 | r[i];
    if (c->store)
        assert_int_equal(got, reg);
    else if (c->bytes == 8)
        assert_int_equal(got, want);
    else {
        assert_int_equal((uint32_t)got, want);
        /* Sign of the word; a partial LWR leaves the upper half. */
        if (c->left || rank == 3)
            assert_int_equal(got, (uint64_t)(int64_t)(int32_t)want);
        else
            assert_int_equal(got >> 32, reg >> 32);
    }
}

static void test_parts(void **state)
{
    (void)state;
    for (unsigned order = 0; order < 2; order++) {
        struct host_vcpu *v = start_with(order ? &little : NULL);

        for (unsigned i = 0; i < 8; i++)
            for (unsigned at = 0; at < 16; at++)
                check_part(v, &parts[i], at);
        finish(v);
    }
}

/* --- Device registers
 * ------------------------------------------------------------------*/

static void test_mmio(void **state)
{
    (void)state;
    for (unsigned order = 0; order < 2; order++) {
        struct host_vcpu *v = start_with(order ? &little : NULL);
        struct mips_host *h = v->host;
        const struct {
            uint32_t word;
            unsigned bytes;
            bool write;
            uint64_t want;
        } cases[] = {
            { MEM(LB, 9, 5, 8), 1, 0, UINT64_C(0xfffffffffffffff8) },
            { MEM(LBU, 9, 5, 8), 1, 0, 0xf8 },
            { MEM(LH, 9, 6, 8), 2, 0, UINT64_C(0xfffffffffffff7f8) },
            { MEM(LHU, 9, 6, 8), 2, 0, 0xf7f8 },
            { MEM(LW, 9, 4, 8), 4, 0, UINT64_C(0xfffffffff5f6f7f8) },
            { MEM(LWU, 9, 4, 8), 4, 0, 0xf5f6f7f8 },
            { MEM(LD, 9, 8, 8), 8, 0, UINT64_C(0xf1f2f3f4f5f6f7f8) },
            { MEM(SB, 10, 5, 8), 1, 1, 0x88 },
            { MEM(SH, 10, 6, 8), 2, 1, 0x7788 },
            { MEM(SW, 10, 4, 8), 4, 1, 0x55667788 },
            { MEM(SD, 10, 8, 8), 8, 1, UINT64_C(0x1122334455667788) },
        };

        h->mmio_value = UINT64_C(0xf1f2f3f4f5f6f7f8);
        SET_GPR(v, 8, KSEG1(HOST_MMIO));
        SET_GPR(v, 10, UINT64_C(0x1122334455667788));
        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            const struct host_access *a = &h->log[h->accesses % HOST_LOG];

            run_word(v, cases[i].word);
            assert_int_equal(a->gpa, HOST_MMIO + (cases[i].word & 15));
            assert_int_equal(a->bytes, cases[i].bytes);
            assert_int_equal(a->write, cases[i].write);
            assert_int_equal(cases[i].write ? a->value : GPR(v, 9),
                             cases[i].want);
        }
        assert_int_equal(h->accesses, 11);
        finish(v);
    }
}

static void test_mmio_oddities(void **state)
{
    struct host_vcpu *v = start();
    struct mips_host *h = v->host;
    disco_vcpu_stats stats;

    (void)state;
    h->mmio_value = 0x11223344;
    SET_GPR(v, 8, KSEG1(HOST_MMIO));
    SET_GPR(v, 9, UINT64_C(0xffffffffaabbccdd));
    run_word(v, MEM(LWL, 9, 1, 8)); /* reads the whole word */
    assert_int_equal(h->log[0].gpa, HOST_MMIO);
    assert_int_equal(h->log[0].bytes, 4);
    assert_int_equal(GPR(v, 9), 0x223344dd);
    run_word(v, MEM(SWL, 9, 1, 8)); /* no device takes a part */
    check_exception(v, EXC_DBE, 0x180, KSEG0(TEST_CODE));
    assert_int_equal(h->accesses, 1);
    /* LL and SC: a load and a store; SC without LL stores nothing. */
    SET_C0(v, C0_STATUS, TEST_STATUS);
    run_word(v, MEM(SC, 9, 0, 8));
    assert_int_equal(GPR(v, 9), 0);
    assert_int_equal(h->accesses, 1);
    run_word(v, MEM(LL, 9, 0, 8));
    SET_GPR(v, 9, UINT64_C(0xffffffffaabbccdd));
    run_word(v, MEM(SC, 9, 0, 8));
    assert_int_equal(GPR(v, 9), 1);
    assert_int_equal(h->accesses, 3);
    assert_int_equal(h->log[2].value, 0xaabbccdd);
    /* The device says no. */
    h->mmio_status = DISCO_E_FAULT;
    run_word(v, MEM(LW, 9, 0, 8));
    check_exception(v, EXC_DBE, 0x180, KSEG0(TEST_CODE));
    SET_C0(v, C0_STATUS, TEST_STATUS);
    run_word(v, MEM(SW, 9, 0, 8));
    check_exception(v, EXC_DBE, 0x180, KSEG0(TEST_CODE));
    /* The host's callback failed. */
    h->mmio_status = DISCO_E_IO;
    SET_PC(v, KSEG0(TEST_CODE));
    assert_int_equal(host_run(v, 10), DISCO_EXIT_CALLBACK);
    assert_int_equal(v->last.status, DISCO_E_IO);
    assert_int_equal(PC(v), KSEG0(TEST_CODE));
    host_stats(v, &stats);
    assert_int_equal(stats.mmio_reads, 3);
    finish(v);
}

/* --- Accesses that the host finishes
 * ------------------------------------------------- */

/* In a delay slot too: the branch has run, the access is repeated. */
static void check_exit(bool slot, bool write, disco_status status)
{
    struct host_vcpu *v = start();
    struct mips_host *h = v->host;
    uint32_t word = write ? MEM(SW, 9, 0, 8) : MEM(LW, 9, 0, 8);
    uint64_t at = KSEG0(TEST_CODE + (slot ? 4 : 0)), insns;
    disco_vcpu_stats stats;

    if (slot)
        HOST_CODE(h, TEST_CODE, BRANCH(BEQ, 0, 0, 3), word);
    else
        HOST_CODE(h, TEST_CODE, word);
    h->mmio_status = DISCO_E_STATE;
    SET_GPR(v, 8, KSEG1(HOST_MMIO));
    SET_GPR(v, 9, 5);
    assert_int_equal(host_run(v, 100), DISCO_EXIT_MMIO);
    assert_int_equal(PC(v), at);
    assert_int_equal(host_reg(v, DISCO_REG_DELAY), slot);
    insns = host_reg(v, DISCO_REG_INSNS);
    assert_int_equal(insns, slot ? 1 : 0);
    mips_backend_ops.complete(v->state, status, UINT64_C(0x1ffffffff));
    run_exactly(v, 1);
    assert_int_equal(h->accesses, 1); /* not asked again */
    if (status) {
        check_exception(v, EXC_DBE, 0x180, KSEG0(TEST_CODE));
    } else {
        assert_int_equal(PC(v), KSEG0(TEST_CODE + (slot ? 16 : 4)));
        assert_int_equal(GPR(v, 9), write ? 5 : UINT64_MAX);
    }
    host_stats(v, &stats);
    assert_int_equal(stats.mmio_reads + stats.mmio_writes, 1);
    finish(v);
}

static void test_exit_and_complete(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++)
        check_exit(i & 1, i & 2, i & 4 ? DISCO_E_FAULT : DISCO_OK);
}

/* An interrupt that comes meanwhile may not take the value away. */
static void test_complete_before_interrupt(void **state)
{
    struct host_vcpu *v = start();
    struct mips_host *h = v->host;

    (void)state;
    HOST_CODE(h, TEST_CODE, MEM(LW, 9, 0, 8), NOP_WORD);
    HOST_CODE(h, 0x180, MEM(LW, 10, 4, 8));
    h->mmio_status = DISCO_E_STATE;
    SET_GPR(v, 8, KSEG1(HOST_MMIO));
    SET_C0(v, C0_STATUS, TEST_STATUS | ST_IE | 0x400);
    assert_int_equal(host_run(v, 100), DISCO_EXIT_MMIO);
    mips_backend_ops.complete(v->state, DISCO_OK, 77);
    mips_backend_ops.set_irq(v->state, 0, 1);
    h->mmio_status = DISCO_OK;
    h->mmio_value = 88;
    run_exactly(v, 2);
    assert_int_equal(GPR(v, 9), 77);
    assert_int_equal(GPR(v, 10), 88);
    assert_int_equal(C0(v, C0_EPC), KSEG0(TEST_CODE + 4));
    finish(v);
}

/* Set elsewhere, or stopped by a fault: nobody else gets the value. */
static void test_completion_is_not_stolen(void **state)
{
    struct host_vcpu *v = start();
    struct mips_host *h = v->host;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        SET_C0(v, C0_STATUS, TEST_STATUS);
        HOST_CODE(h, TEST_CODE, MEM(LW, 9, 0, 8));
        HOST_CODE(h, 0x180, MEM(LW, 10, 0, 7));
        HOST_CODE(h, 0x080, MEM(LW, 10, 0, 7));
        SET_GPR(v, 7, KSEG1(HOST_MMIO + 8));
        SET_GPR(v, 8, 0x400000);
        host_tlb(v, 0, 0x400000, LO(HOST_MMIO, LO_V), 0, 0);
        h->mmio_status = DISCO_E_STATE;
        SET_PC(v, KSEG0(TEST_CODE));
        assert_int_equal(host_run(v, 100), DISCO_EXIT_MMIO);
        mips_backend_ops.complete(v->state, DISCO_OK, 77);
        if (i == 0) {
            host_tlb(v, 0, 0x500000, 0, 0, 0); /* unmapped meanwhile */
        } else {
            SET_PC(v, KSEG0(0x180));
        }
        h->mmio_status = DISCO_OK;
        h->mmio_value = 88;
        run_exactly(v, i == 0 ? 2 : 1);
        assert_int_equal(GPR(v, 10), 88);
        SET_GPR(v, 10, 0);
    }
    finish(v);
}

/* --- Rights
 * ------------------------------------------------------------------------------*/

static void test_rom(void **state)
{
    struct host_vcpu *v = start();
    const uint32_t stores[] = {
        MEM(SB, 9, 0, 8),  MEM(SW, 9, 0, 8),  MEM(SD, 9, 0, 8),
        MEM(SWL, 9, 0, 8), MEM(SDR, 9, 7, 8), MEM(SDC1, 9, 0, 8),
    };

    (void)state;
    host_put64(v->host, TEST_DATA, UINT64_C(0x1122334455667788));
    SET_GPR(v, 8, KSEG0(TEST_DATA));
    run_word(v, MEM(SD, 0, 8, 8)); /* the table knows it as RAM */
    host_set_kind(v->host, TEST_DATA, HOST_ROM);
    for (unsigned i = 0; i < 6; i++) {
        SET_GPR(v, 9, 0);
        run_word(v, stores[i]);
        assert_int_equal(PC(v), KSEG0(TEST_CODE + 4));
        run_word(v, MEM(LD, 10, 0, 8));
        assert_int_equal(GPR(v, 10), UINT64_C(0x1122334455667788));
        check_invariants(v);
    }
    run_word(v, MEM(LL, 9, 0, 8));
    run_word(v, MEM(SC, 9, 4, 8));
    assert_int_equal(host_get64(v->host, TEST_DATA),
                     UINT64_C(0x1122334455667788));
    /* Code in ROM: run, stored to, run. */
    HOST_CODE(v->host, 0x30000, LI(11, 3), MEM(SW, 0, 0, 12),
              BRANCH(BEQ, 0, 0, -3), NOP_WORD);
    host_set_kind(v->host, 0x30000, HOST_ROM);
    SET_GPR(v, 12, KSEG0(0x30000));
    SET_PC(v, KSEG0(0x30000));
    run_exactly(v, 5);
    assert_int_equal(GPR(v, 11), 3);
    finish(v);
}

static void test_no_memory(void **state)
{
    struct host_vcpu *v = start();
    const uint32_t words[] = { MEM(LW, 9, 0, 8), MEM(SW, 9, 0, 8),
                               MEM(LL, 9, 0, 8), MEM(SWL, 9, 0, 8),
                               MEM(LWR, 9, 0, 8) };

    (void)state;
    for (unsigned slot = 0; slot < 2; slot++) {
        for (unsigned i = 0; i < 5; i++) {
            uint64_t insns = host_reg(v, DISCO_REG_INSNS);

            host_set_kind(v->host, TEST_DATA, HOST_NO_MEMORY);
            HOST_CODE(v->host, TEST_CODE,
                      slot ? BRANCH(BEQ, 0, 0, 4) : NOP_WORD, words[i]);
            SET_GPR(v, 8, KSEG0(TEST_DATA));
            SET_PC(v, KSEG0(TEST_CODE));
            assert_int_equal(host_run(v, 10), DISCO_EXIT_NO_MEMORY);
            assert_int_equal(PC(v), KSEG0(TEST_CODE + 4));
            assert_int_equal(host_reg(v, DISCO_REG_DELAY), slot);
            assert_int_equal(host_reg(v, DISCO_REG_INSNS), insns + 1);
            host_set_kind(v->host, TEST_DATA, HOST_RAM);
            run_exactly(v, 1);
            assert_int_equal(PC(v), KSEG0(TEST_CODE + (slot ? 20 : 8)));
        }
    }
    /* The fetch of an instruction, and of a slot. */
    host_set_kind(v->host, TEST_CODE + 0x1000, HOST_NO_MEMORY);
    HOST_CODE(v->host, TEST_CODE + 0xffc, BRANCH(BEQ, 0, 0, 4));
    SET_PC(v, KSEG0(TEST_CODE + 0xffc));
    assert_int_equal(host_run(v, 10), DISCO_EXIT_NO_MEMORY);
    assert_int_equal(PC(v), KSEG0(TEST_CODE + 0x1000));
    assert_int_equal(host_reg(v, DISCO_REG_DELAY), 1);
    host_set_kind(v->host, TEST_CODE + 0x1000, HOST_RAM);
    run_exactly(v, 1);
    assert_int_equal(PC(v), KSEG0(TEST_CODE + 0x1010));
    finish(v);
}

/* A page that went away and came back as something else. */
static void test_pages_change(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    SET_GPR(v, 8, KSEG0(TEST_DATA));
    for (unsigned i = 0; i < 4; i++) {
        SET_C0(v, C0_STATUS, TEST_STATUS);
        host_set_kind(v->host, TEST_DATA, i & 1 ? HOST_NOTHING : HOST_RAM);
        run_word(v, MEM(SW, 0, 0, 8));
        if (i & 1)
            check_exception(v, EXC_DBE, 0x180, KSEG0(TEST_CODE));
        else
            assert_int_equal(PC(v), KSEG0(TEST_CODE + 4));
        check_invariants(v);
    }
    finish(v);
}

static void request_idle(struct host_vcpu *v, const struct host_access *access)
{
    (void)access;
    v->request |= DISCO_REQ_IDLE;
}

/* A device asks to stop: after this instruction, not later. */
static void test_idle_in_callback(void **state)
{
    struct host_vcpu *v = start();

    (void)state;
    for (unsigned slot = 0; slot < 2; slot++) {
        HOST_CODE(v->host, TEST_CODE, slot ? BRANCH(BEQ, 0, 0, 3) : NOP_WORD,
                  MEM(SW, 0, 0, 8), LI(10, 1), NOP_WORD, LI(10, 1));
        v->host->on_mmio = request_idle;
        SET_GPR(v, 8, KSEG1(HOST_MMIO));
        SET_PC(v, KSEG0(TEST_CODE));
        assert_int_equal(host_run(v, 100), DISCO_EXIT_IDLE);
        assert_int_equal(PC(v), KSEG0(TEST_CODE + (slot ? 16 : 8)));
        assert_int_equal(GPR(v, 10), 0);
    }
    /* Not when an interrupt waits, whatever IE says. */
    mips_backend_ops.set_irq(v->state, 0, 1);
    SET_C0(v, C0_STATUS, TEST_STATUS | 0x400);
    SET_PC(v, KSEG0(TEST_CODE));
    run_exactly(v, 3);
    assert_int_equal(GPR(v, 10), 1);
    finish(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_fp_registers),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_mmio),
        cmocka_unit_test(test_mmio_oddities),
        cmocka_unit_test(test_exit_and_complete),
        cmocka_unit_test(test_complete_before_interrupt),
        cmocka_unit_test(test_completion_is_not_stolen),
        cmocka_unit_test(test_rom),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_pages_change),
        cmocka_unit_test(test_idle_in_callback),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
