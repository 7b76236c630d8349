/*
 * cpu_input.c - see cpu_input.h.
 */
#include "cpu_input.h"

#include <stdio.h>
#include <string.h>

#include "mips/cpu.h"
#include "mips/mips.h"

static uint64_t from_bytes(const uint8_t *p, unsigned n)
{
    uint64_t v = 0;

    while (n--)
        v = v << 8 | *p++;
    return v;
}

uint32_t cpu_plain_word(const uint8_t *data, size_t i)
{
    return (uint32_t)from_bytes(data + SETUP + 4 * i, 4);
}

void cpu_set_memory(struct mips_host *h, const uint8_t *data, size_t words,
                    uint32_t (*word)(const uint8_t *data, size_t i))
{
    static const uint64_t places[] = { CODE, 0, 0x80, 0x180, CODE + 0xf80 };

    for (unsigned p = 0; p < 5; p++) {
        /* Vectors begin somewhere else in the words each. */
        size_t skip = p == 0 ? 0 : (size_t)data[8 + p] % (words + 1);
        size_t count = words - skip;
        uint64_t room = p == 0 ? 0xf80 : 0x80;

        if (count > room / 4)
            count = room / 4;
        for (size_t i = 0; i < count; i++)
            host_put32(h, places[p] + 4 * i, word(data, skip + i));
    }
    for (unsigned i = 0; i < 0x1000; i += 8)
        host_put64(h, DATA + i,
                   i % 3 ? KSEG0(DATA) + i
                         : UINT64_C(0x9e3779b97f4a7c15) * (i + 1));
    host_set_kind(h, ROM, HOST_ROM);
    host_set_kind(h, HOLE, HOST_NOTHING);
    host_set_kind(h, EMPTY, HOST_NO_MEMORY);
}

void cpu_set_state(struct host_vcpu *v, const uint8_t *data)
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

void cpu_make_config(disco_vcpu_config *c, uint8_t bits)
{
    *c = (disco_vcpu_config){ .size = sizeof(*c), .l2tlb_entries = 64 };
    c->mode = bits & IN_DISCO ? DISCO_MODE_DISCO : DISCO_MODE_EXACT;
    c->order = bits & IN_LITTLE ? DISCO_LITTLE : DISCO_BIG;
    c->l2tlb = bits & IN_L2TLB_OFF ? DISCO_OFF : DISCO_ON;
    c->fp = bits & IN_FP_EXACT ? DISCO_FP_R10000 : DISCO_FP_IEEE;
    c->break_exit = bits & IN_BREAK ? 1 : 0;
}

uint64_t cpu_step(struct host_vcpu *v, uint64_t n)
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

static void same(struct host_vcpu *a, struct host_vcpu *b, uint64_t id)
{
    uint64_t x = host_reg(a, id), y = host_reg(b, id);

    if (x == y)
        return;
    fprintf(stderr, "%s: %016llx, %016llx; pc %016llx, %016llx after %llu\n",
            mips_backend_ops.reg_name(id), (unsigned long long)x,
            (unsigned long long)y, (unsigned long long)PC(a),
            (unsigned long long)PC(b),
            (unsigned long long)host_reg(a, DISCO_REG_INSNS));
    must(0);
}

void cpu_compare(struct host_vcpu *a, struct host_vcpu *b)
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

void cpu_disturb(struct host_vcpu *v, uint8_t what)
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
