/*
 * test_state.c - save and load: a loaded vCPU goes on as the saved one would,
 * and no stream can break one.
 */
#include <stdlib.h>

#include "test_cpu.h"

struct buffer {
    uint8_t data[8192];
    uint64_t used, at;
    uint64_t fail_at; /* write or read fails here */
};

static disco_status put(void *opaque, const void *data, uint64_t bytes)
{
    struct buffer *b = opaque;

    if (b->used + bytes > sizeof(b->data) || b->used + bytes > b->fail_at)
        return DISCO_E_IO;
    memcpy(b->data + b->used, data, bytes);
    b->used += bytes;
    return DISCO_OK;
}

static disco_status get(void *opaque, void *data, uint64_t bytes)
{
    struct buffer *b = opaque;

    if (b->at + bytes > b->used || b->at + bytes > b->fail_at)
        return DISCO_E_CORRUPT;
    memcpy(data, b->data + b->at, bytes);
    b->at += bytes;
    return DISCO_OK;
}

static disco_status save(struct host_vcpu *v, struct buffer *b)
{
    disco_stream s = { b, put, get };

    b->used = 0;
    return mips_backend_ops.save(v->state, &s);
}

static disco_status load(struct host_vcpu *v, struct buffer *b)
{
    disco_stream s = { b, put, get };

    b->at = 0;
    return mips_backend_ops.load(v->state, &s);
}

static struct buffer *new_buffer(void)
{
    struct buffer *b = calloc(1, sizeof(*b));

    assert_non_null(b);
    b->fail_at = UINT64_MAX;
    return b;
}

/* A state with something in every corner. */
static void fill(struct host_vcpu *v)
{
    for (unsigned i = 1; i < 32; i++)
        SET_GPR(v, i, UINT64_C(0x0123456789abcdef) * i);
    for (unsigned i = 0; i < 32; i++)
        host_set_reg(v, DISCO_REG_FPR(i), UINT64_C(0xfedcba9876543210) * i);
    host_set_reg(v, DISCO_REG_HI, 5);
    host_set_reg(v, DISCO_REG_LO, 6);
    host_set_reg(v, DISCO_REG_FCSR, 0x00800f7d);
    for (unsigned i = 0; i < 31; i++)
        if (i != C0_STATUS && mips_backend_ops.reg_name(DISCO_REG_CP0(i)))
            SET_C0(v, i, UINT64_C(0x0011223344556677) * (i + 1));
    SET_C0(v, C0_WIRED, 9);
    for (unsigned i = 0; i < 40; i++)
        host_tlb(v, i, UINT64_C(0x4000000020000000) + 0x8000 * (uint64_t)i + i,
                 LO(0x1000 * i, LO_V | (i & 1)), LO(0x3000, LO_D | (i & 1)),
                 i % 3 ? 0 : 0x6000);
    host_set_reg(v, DISCO_REG(DISCO_REG_CLASS_PERF, 0), 0x32);
    host_set_reg(v, DISCO_REG(DISCO_REG_CLASS_PERF, 1), 0x80000001);
    mips_backend_ops.set_irq(v->state, 3, 1);
    SET_C0(v, C0_STATUS, TEST_STATUS);
}

static void check_same(struct host_vcpu *a, struct host_vcpu *b)
{
    for (uint64_t cls = 1; cls <= 7; cls++) {
        for (uint64_t i = 0; i < 256; i++) {
            uint64_t x = 0, y = 0, id = DISCO_REG(cls, i);

            /* A target means something only in a slot. */
            if (id == DISCO_REG_LLBIT ||
                (id == DISCO_REG_DELAY_TARGET && !host_reg(a, DISCO_REG_DELAY)))
                continue;
            assert_int_equal(mips_backend_ops.get_reg(a->state, id, &x),
                             mips_backend_ops.get_reg(b->state, id, &y));
            if (x != y)
                print_error("class %d register %d\n", (int)cls, (int)i);
            assert_int_equal(x, y);
        }
    }
    assert_int_equal(mips_backend_ops.cycles(a->state),
                     mips_backend_ops.cycles(b->state));
    assert_int_equal(mips_backend_ops.next_timer_cycles(a->state),
                     mips_backend_ops.next_timer_cycles(b->state));
}

static void test_round_trip(void **state)
{
    struct host_vcpu *a = start(), *b = start();
    struct buffer *one = new_buffer(), *two = new_buffer();

    (void)state;
    fill(a);
    host_words(a->host, TEST_CODE, (const uint32_t[]){ 0, 0, 0, 0 }, 4);
    run_exactly(a, 11);
    host_tlb(b, 50, 0x6000, LO(0, LO_V), 0, 0); /* to be forgotten */
    run_exactly(b, 3);
    SET_GPR(b, 8, KSEG0(TEST_DATA));
    run_word(b, MEM(LL, 9, 0, 8)); /* a reservation too */
    assert_int_equal(save(a, one), DISCO_OK);
    assert_int_equal(load(b, one), DISCO_OK);
    check_invariants(b);
    assert_int_equal(host_reg(b, DISCO_REG_LLBIT), 0);
    check_same(a, b);
    assert_int_equal(save(b, two), DISCO_OK);
    assert_int_equal(one->used, two->used);
    assert_memory_equal(one->data, two->data, one->used);
    free(one);
    free(two);
    finish(a);
    finish(b);
}

/* In every instruction of a run: save, load elsewhere, both go on alike. */
static void test_go_on(void **state)
{
    struct host_vcpu *a = start();
    struct buffer *buffer = new_buffer();
    const uint32_t code[] = {
        RRI(ADDIU, 8, 8, 1),     BRANCH(BNE, 8, 9, 1),
        MEM(SW, 8, 0, 4),        CP0(MFC0, 10, C0_RANDOM),
        CP0(MFC0, 11, C0_COUNT), RRR(XOR, 12, 12, 10),
        MEM(LW, 13, 0x1000, 5),  BRANCH(BEQ, 0, 0, -8),
        RRR(ADDU, 12, 12, 11),
    };

    (void)state;
    host_words(a->host, TEST_CODE, code, sizeof(code) / 4);
    HOST_CODE(a->host, 0x080, CP0(MTC0, 14, C0_ENTRYLO1), ASM(TLBWR),
              ASM(ERET));
    HOST_CODE(a->host, 0x180, CP0(MFC0, 26, C0_COUNT), RRI(ADDIU, 26, 26, 90),
              CP0(MTC0, 26, C0_COMPARE), ASM(ERET));
    SET_GPR(a, 4, KSEG0(TEST_DATA));
    SET_GPR(a, 5, 0x400000);
    SET_GPR(a, 14, LO(TEST_DATA, LO_V));
    SET_C0(a, C0_STATUS, TEST_STATUS | ST_IE | 0x8000);
    for (unsigned i = 0; i < 300; i++) {
        struct host_vcpu *b = start();

        run_exactly(a, 1);
        assert_int_equal(save(a, buffer), DISCO_OK);
        memcpy(b->host->ram, a->host->ram, TEST_RAM);
        b->host->clock = a->host->clock;
        assert_int_equal(load(b, buffer), DISCO_OK);
        run_exactly(b, 60);
        /* The original, on a copy of itself. */
        assert_int_equal(load(a, buffer), DISCO_OK);
        finish(b);
    }
    free(buffer);
    finish(a);
}

/* ... and the result is the same as without any of that. */
static void test_go_on_equal(void **state)
{
    struct host_vcpu *a = start(), *b = start();
    struct buffer *buffer = new_buffer();

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct host_vcpu *v = i ? a : b;

        HOST_CODE(v->host, TEST_CODE, MEM(LW, 13, 0, 5),
                  CP0(MFC0, 10, C0_RANDOM), RRR(ADDU, 12, 12, 10),
                  RRI(DADDIU, 5, 5, 0x4000), BRANCH(BEQ, 0, 0, -5),
                  RRI(ADDIU, 12, 12, 3));
        HOST_CODE(v->host, 0x080, ASM(TLBWR), ASM(ERET));
        HOST_CODE(v->host, 0x180, CP0(MFC0, 26, C0_COUNT),
                  RRI(ADDIU, 26, 26, 90), CP0(MTC0, 26, C0_COMPARE), ASM(ERET));
        SET_GPR(v, 5, 0x400000);
        SET_C0(v, C0_ENTRYLO0, LO(TEST_DATA, LO_V));
        SET_C0(v, C0_ENTRYLO1, LO(TEST_DATA, LO_V));
        SET_C0(v, C0_STATUS, TEST_STATUS | ST_IE | 0x8000);
    }
    run_exactly(a, 2000);
    for (unsigned i = 0; i < 2000; i += 8) {
        struct host_vcpu *c = start();

        run_exactly(b, 8);
        assert_int_equal(save(b, buffer), DISCO_OK);
        memcpy(c->host->ram, b->host->ram, TEST_RAM);
        c->host->clock = b->host->clock;
        assert_int_equal(load(c, buffer), DISCO_OK);
        finish(b);
        b = c;
    }
    check_same(a, b);
    free(buffer);
    finish(a);
    finish(b);
}

/* A completed device access is part of the state. */
static void test_completed_access(void **state)
{
    struct host_vcpu *a = start(), *b = start();
    struct buffer *buffer = new_buffer();

    (void)state;
    HOST_CODE(b->host, TEST_CODE, MEM(LW, 9, 0, 8));
    HOST_CODE(a->host, TEST_CODE, MEM(LW, 9, 0, 8));
    a->host->mmio_status = DISCO_E_STATE;
    SET_GPR(a, 8, KSEG1(HOST_MMIO));
    assert_int_equal(host_run(a, 10), DISCO_EXIT_MMIO);
    mips_backend_ops.complete(a->state, DISCO_OK, 77);
    assert_int_equal(save(a, buffer), DISCO_OK);
    assert_int_equal(load(b, buffer), DISCO_OK);
    run_exactly(b, 1);
    assert_int_equal(GPR(b, 9), 77);
    assert_int_equal(b->host->accesses, 0);
    free(buffer);
    finish(a);
    finish(b);
}

static void test_bad_streams(void **state)
{
    struct host_vcpu *v = start(), *clean = start();
    struct buffer *good = new_buffer(), *bad = new_buffer();

    (void)state;
    run_exactly(v, 5);
    run_exactly(clean, 5);
    assert_int_equal(save(v, good), DISCO_OK);
    /* Cut anywhere: an error, and nothing has changed. */
    for (uint64_t n = 0; n < good->used; n += 5) {
        *bad = *good;
        bad->fail_at = n;
        assert_int_not_equal(load(v, bad), DISCO_OK);
        check_same(v, clean);
        assert_int_equal(save(v, bad), DISCO_E_IO);
    }
    *bad = *good;
    bad->data[5] ^= 1; /* magic */
    assert_int_equal(load(v, bad), DISCO_E_CORRUPT);
    *bad = *good;
    bad->data[0] ^= 7; /* version */
    assert_int_equal(load(v, bad), DISCO_E_VERSION);
    *bad = *good;
    bad->data[8]++; /* count */
    assert_int_equal(load(v, bad), DISCO_E_CORRUPT);
    check_same(v, clean);
    free(good);
    free(bad);
    finish(v);
    finish(clean);
}

/* Any bits: an error, or a vCPU that is whole and runs. */
static void test_random_streams(void **state)
{
    struct host_vcpu *v = start();
    struct buffer *good = new_buffer(), *bad = new_buffer();
    uint64_t seed = 88172645463325252u;
    unsigned accepted = 0;

    (void)state;
    fill(v);
    assert_int_equal(save(v, good), DISCO_OK);
    for (unsigned turn = 0; turn < 600; turn++) {
        *bad = *good;
        for (unsigned i = 0; i < 1 + turn % 40; i++) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            bad->data[16 + (seed >> 20) % (bad->used - 16)] =
                (uint8_t)(seed >> 50);
        }
        if (load(v, bad) != DISCO_OK)
            continue;
        accepted++;
        check_invariants(v);
        host_run(v, 50);
        check_invariants(v);
    }
    assert_true(accepted > 50);
    free(good);
    free(bad);
    finish(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_go_on),
        cmocka_unit_test(test_go_on_equal),
        cmocka_unit_test(test_completed_access),
        cmocka_unit_test(test_bad_streams),
        cmocka_unit_test(test_random_streams),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
