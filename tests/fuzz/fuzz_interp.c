/*
 * fuzz_interp.c - the R10000 backend on any memory and any state.
 *
 * Input: 16 bytes of set-up, then big-endian words: code, which also stands at
 * the exception vectors.  Two ways, by a bit of the set-up:
 *
 *  twins  the same vCPU twice, one run in a single go and one in small steps:
 *         state and memory must be equal at the end;
 *  pair   two vCPUs on one memory, while bytes of the input drive the host:
 *         interrupts, pages that change kind, dropped code, save and load.
 *
 * Always: budgets are exact, the invariants of host_verify() hold, nothing is
 * leaked.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mips/mips_host.h"
#include "mips/cpu.h"
#include "mips/mips.h"

enum {
    RAM = 0x40000,
    CODE = 0x10000,
    DATA = 0x20000,
    ROM = 0x30000,
    HOLE = 0x31000,
    EMPTY = 0x32000,
    SETUP = 16,
    INSNS = 1000,
    EXITS = 64
};

#define KSEG0(pa)    (UINT64_C(0xffffffff80000000) + (uint64_t)(pa))
#define KSEG1(pa)    (UINT64_C(0xffffffffa0000000) + (uint64_t)(pa))
#define LO(pa, bits) ((uint64_t)(pa) >> 12 << 6 | (bits))

/* Bits of the set-up's first byte. */
enum {
    IN_DISCO = 1,
    IN_LITTLE = 2,
    IN_L2TLB_OFF = 4,
    IN_FP_EXACT = 8,
    IN_PINNED = 16,
    IN_MMIO_EXIT = 32,
    IN_PAIR = 64,
    IN_BREAK = 128
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
    if (!condition)
        abort();
}

static uint64_t from_bytes(const uint8_t *p, unsigned n)
{
    uint64_t v = 0;

    while (n--)
        v = v << 8 | *p++;
    return v;
}

static void set_memory(struct mips_host *h, const uint8_t *data, size_t size)
{
    static const uint64_t places[] = { CODE, 0, 0x80, 0x180, CODE + 0xf80 };

    for (unsigned p = 0; p < 5; p++) {
        /* Vectors begin somewhere else in the words each. */
        size_t skip = p == 0 ? 0 : (size_t)data[8 + p] * 4 % (size + 1);
        size_t words = (size - skip) / 4;
        uint64_t room = p == 0 ? 0xf80 : 0x80;

        if (words > room / 4)
            words = room / 4;
        for (size_t i = 0; i < words; i++)
            host_put32(h, places[p] + 4 * i,
                       (uint32_t)from_bytes(data + SETUP + skip + 4 * i, 4));
    }
    for (unsigned i = 0; i < 0x1000; i += 8)
        host_put64(h, DATA + i,
                   i % 3 ? KSEG0(DATA) + i
                         : UINT64_C(0x9e3779b97f4a7c15) * (i + 1));
    host_set_kind(h, ROM, HOST_ROM);
    host_set_kind(h, HOLE, HOST_NOTHING);
    host_set_kind(h, EMPTY, HOST_NO_MEMORY);
}

/* Registers that lead to interesting places. */
static void set_state(struct host_vcpu *v, const uint8_t *data)
{
    const uint64_t places[] = {
        KSEG0(CODE),
        KSEG0(DATA),
        KSEG1(HOST_MMIO),
        KSEG0(ROM),
        KSEG0(HOLE),
        KSEG0(EMPTY),
        0x400000,
        UINT64_C(0xffffffffc0000000),
        0x402000,
        KSEG0(0x180),
        UINT64_C(0x9800000000020000),
        1,
        UINT64_MAX,
        0x7fffffff,
        UINT64_C(0x4000000000000000),
        KSEG0(CODE + 0xff8),
    };

    for (unsigned i = 1; i < 32; i++)
        SET_GPR(v, i, places[(i + data[5]) % 16] + (i >= 16 ? 8 * i : 0));
    for (unsigned i = 0; i < 32; i++)
        host_set_reg(v, DISCO_REG_FPR(i),
                     UINT64_C(0x3ff0000000000000) * (i % 3) + i * data[6]);
    host_set_reg(v, DISCO_REG_FCSR, from_bytes(data + 6, 3) & 0xfff);
    host_tlb(v, 0, 0x400000, LO(CODE, 7), LO(DATA, 7), 0);
    host_tlb(v, 1, UINT64_C(0xffffffffc0000000), LO(CODE, 7), LO(DATA, 3), 0);
    host_tlb(v, 2, 0x402000, LO(HOST_MMIO, 7), LO(ROM, 7), 0);
    host_tlb(v, 3, UINT64_C(0x4000000000000000), LO(0, 7), LO(0x4000, 7),
             0x6000);
    SET_C0(v, C0_STATUS, from_bytes(data + 1, 4));
    SET_C0(v, C0_COMPARE, 300);
    SET_PC(v, data[7] & 1 ? 0x400000 : KSEG0(CODE));
}

static void make_config(disco_vcpu_config *c, uint8_t bits)
{
    *c = (disco_vcpu_config){ .size = sizeof(*c), .l2tlb_entries = 64 };
    c->mode = bits & IN_DISCO ? DISCO_MODE_DISCO : DISCO_MODE_EXACT;
    c->order = bits & IN_LITTLE ? DISCO_LITTLE : DISCO_BIG;
    c->l2tlb = bits & IN_L2TLB_OFF ? DISCO_OFF : DISCO_ON;
    c->fp = bits & IN_FP_EXACT ? DISCO_FP_R10000 : DISCO_FP_IEEE;
    c->break_exit = bits & IN_BREAK ? 1 : 0;
}

/* Run at most n; returns what was run, 0 when it is over. */
static uint64_t step(struct host_vcpu *v, uint64_t n)
{
    uint64_t before = host_reg(v, DISCO_REG_INSNS), ran;
    uint32_t reason = host_run(v, n);

    ran = host_reg(v, DISCO_REG_INSNS) - before;
    /* Looking at everything takes as long as many instructions. */
    if (n > 60 || before % 64 < ran)
        must(host_verify(v) == NULL);
    must(ran <= n && GPR(v, 0) == 0);
    switch (reason) {
    case DISCO_EXIT_BUDGET:
        must(ran == n);
        return ran;
    case DISCO_EXIT_MMIO:
    case DISCO_EXIT_HYPERCALL:
        mips_backend_ops.complete(v->state, DISCO_OK, PC(v) ^ ran);
        return ran ? ran : n + 1; /* nothing ran: go on all the same */
    default:
        must(reason == DISCO_EXIT_BREAK || reason == DISCO_EXIT_NO_MEMORY ||
             reason == DISCO_EXIT_CALLBACK);
        return 0;
    }
}

/* --- Twins
 * ----------------------------------------------------------------------- */

static struct host_vcpu *make(const uint8_t *data, size_t size)
{
    struct mips_host *h = host_new(RAM, 1);
    disco_vcpu_config config;
    struct host_vcpu *v;

    make_config(&config, data[0]);
    h->pinned = data[0] & IN_PINNED;
    v = host_vcpu(h, &config, 1);
    must(v != NULL);
    set_memory(h, data, size);
    set_state(v, data);
    h->mmio_value = 0x1234;
    h->mmio_status = data[0] & IN_MMIO_EXIT ? DISCO_E_STATE : DISCO_OK;
    return v;
}

static void run_twin(struct host_vcpu *v, uint64_t chunk)
{
    uint64_t done = 0;

    for (unsigned exits = 0; done < INSNS && exits < INSNS; exits++) {
        uint64_t left = INSNS - done, n = chunk < left ? chunk : left;
        uint64_t ran = step(v, n);

        if (ran == 0)
            return;
        if (ran <= n)
            done += ran;
    }
}

static void same(struct host_vcpu *a, struct host_vcpu *b, uint64_t id)
{
    must(host_reg(a, id) == host_reg(b, id));
}

static void compare(struct host_vcpu *a, struct host_vcpu *b)
{
    for (unsigned i = 0; i < 32; i++) {
        same(a, b, DISCO_REG_GPR(i));
        same(a, b, DISCO_REG_FPR(i));
        if (mips_backend_ops.reg_name(DISCO_REG_CP0(i)))
            same(a, b, DISCO_REG_CP0(i));
    }
    same(a, b, DISCO_REG_PC);
    same(a, b, DISCO_REG_HI);
    same(a, b, DISCO_REG_LO);
    same(a, b, DISCO_REG_DELAY);
    same(a, b, DISCO_REG_INSNS);
    same(a, b, DISCO_REG_FCSR);
    for (unsigned i = 0; i < 256; i++)
        same(a, b, DISCO_REG(DISCO_REG_CLASS_TLB, i));
    must(a->host->accesses == b->host->accesses);
    must(memcmp(a->host->ram, b->host->ram, RAM) == 0);
}

static void twins(const uint8_t *data, size_t size)
{
    struct host_vcpu *a = make(data, size), *b = make(data, size);

    run_twin(a, INSNS);
    run_twin(b, 1 + data[15] % 13);
    compare(a, b);
    must(host_free(a->host) && host_free(b->host));
}

/* --- A pair
 * ------------------------------------------------------------------------ */

struct memory {
    uint8_t bytes[8192];
    uint64_t used, at;
};

static disco_status put(void *opaque, const void *data, uint64_t bytes)
{
    struct memory *m = opaque;

    must(m->used + bytes <= sizeof(m->bytes));
    memcpy(m->bytes + m->used, data, bytes);
    m->used += bytes;
    return DISCO_OK;
}

static disco_status get(void *opaque, void *data, uint64_t bytes)
{
    struct memory *m = opaque;

    must(m->at + bytes <= m->used);
    memcpy(data, m->bytes + m->at, bytes);
    m->at += bytes;
    return DISCO_OK;
}

/* One thing that a host may do between runs. */
static void disturb(struct host_vcpu *v, uint8_t what)
{
    static const uint64_t pages[] = { 0,   CODE, CODE + 0x1000, DATA,
                                      ROM, HOLE, EMPTY,         0x4000 };
    uint64_t page = pages[what >> 4 & 7];
    struct memory m = { .used = 0 };
    disco_stream stream = { &m, put, get };

    switch (what & 15) {
    case 0:
        mips_backend_ops.set_irq(v->state, what >> 4 & 3, what >> 6 & 1);
        break;
    case 1:
        host_set_kind(v->host, page, HOST_RAM);
        break;
    case 2:
        host_set_kind(v->host, page, HOST_ROM);
        break;
    case 3:
        host_drop_code(v->host, page);
        break;
    case 4:
        mips_backend_ops.set_cycles(
            v->state, mips_backend_ops.cycles(v->state) + 16 * what);
        break;
    case 5:
        mips_backend_ops.save(v->state, &stream);
        must(mips_backend_ops.load(v->state, &stream) == DISCO_OK);
        break;
    case 6:
        mips_backend_ops.reset(v->state);
        SET_PC(v, KSEG0(CODE));
        break;
    case 7:
        v->host->pinned = what >> 4 & 1;
        break;
    case 8:
        v->host->fail_in = 1 + (what >> 4);
        break;
    case 9:
        v->host->mmio_status = what >> 4 & 1   ? DISCO_E_STATE
                               : what >> 5 & 1 ? DISCO_E_FAULT
                                               : DISCO_OK;
        break;
    default:
        break;
    }
}

static void pair(const uint8_t *data, size_t size)
{
    struct mips_host *h = host_new(RAM, 1);
    struct host_vcpu *v[2];
    disco_vcpu_config config;

    make_config(&config, data[0]);
    h->pinned = data[0] & IN_PINNED;
    for (unsigned i = 0; i < 2; i++)
        must((v[i] = host_vcpu(h, &config, 2)) != NULL);
    set_memory(h, data, size);
    for (unsigned i = 0; i < 2; i++)
        set_state(v[i], data);
    SET_PC(v[1], KSEG0(CODE + 4));
    for (unsigned i = 0; i < EXITS; i++) {
        uint8_t what = data[(i * 7 + 3) % (SETUP + size)];
        struct host_vcpu *now = v[i & 1];

        if (i > 4)
            disturb(now, what);
        must(host_verify(now) == NULL);
        if (step(now, 1 + what % 61) == 0)
            SET_PC(now, KSEG0(CODE + what % 16 * 4));
        must(host_verify(v[~i & 1]) == NULL);
    }
    must(host_free(h));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < SETUP + 4)
        return 0;
    if (data[0] & IN_PAIR)
        pair(data, size - SETUP);
    else
        twins(data, size - SETUP);
    return 0;
}
