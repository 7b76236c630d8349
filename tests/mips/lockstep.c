/*
 * lockstep.c - the interpreter and the JIT side by side: the same machine
 * twice, run in slices of random length, with all state compared after each.
 *
 * usage: lockstep [--seed N] [--runs N] [--insns N] [--heat N] [--translate-at
 * N] [--little]
 *                 [--disco] [--soft-fp] [--cache BYTES] [--deny BITS]
 *                 [KERNEL.elf]
 *
 * Without a kernel random programs are run: functions with loops, calls,
 * switches, exceptions, mapped memory, and stores to their own code, warm
 * enough that regions are made of them.  A kernel runs on a board without
 * devices: all registers read as 0x60.
 *
 * Exit status 1 when something differs; the seed is printed.
 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mips_asm.h"
#include "mips_host.h"
#include "mips/cpu.h"
#include "mips/jit/jit.h"
#include "mips/mips.h"

enum {
    RAM = 8 << 20,
    CODE = 0x10000, /* functions; each on a place of its own */
    DATA = 0x80000,
    STACK = 0xa0000,
    MAPPED = 0x100000, /* behind the refill handler, 1 MiB */
    VA_MAPPED = 0x400000,
    FUNCTIONS = 8,
    FUNCTION_WORDS = 420
};

/* Registers with a meaning; the random instructions write 1 to 15 and 24. */
enum {
    KEPT = 16,
    MAP = 22,
    GP = 28,
    SP = 29,
    OTHER = 30,
    RA = 31,
    T8 = 24,
    T9 = 25,
    K0 = 26,
    K1 = 27
};

#define KSEG0(pa) (UINT64_C(0xffffffff80000000) + (uint64_t)(pa))

struct maker {
    struct mips_host *h;
    uint64_t random;
    uint64_t at; /* physical */
    uint64_t start[FUNCTIONS];
    unsigned depth, function;
    bool calm; /* no instruction that leaves the straight way */
    bool is_big;
};

static uint64_t rnd64(struct maker *m)
{
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return m->random * UINT64_C(0x2545f4914f6cdd1d);
}

static unsigned rnd(struct maker *m, unsigned below)
{
    return (unsigned)((rnd64(m) >> 32) % below);
}

static void emit(struct maker *m, uint32_t word)
{
    host_put32(m->h, m->at, word);
    m->at += 4;
}

static void emit_address(struct maker *m, unsigned reg, uint64_t pa)
{
    emit(m, LUI_(reg, KSEG0(pa) >> 16));
    emit(m, RRI(ORI, reg, reg, pa & 0xffff));
}

/* --- One instruction
 * ------------------------------------------------------------ */

static unsigned src(struct maker *m)
{
    unsigned r = rnd(m, 20);

    return r < 16 ? r : r < 18 ? KEPT + rnd(m, 6) : r == 18 ? GP : SP;
}

static unsigned dst(struct maker *m)
{
    unsigned r = rnd(m, 60);

    return r == 0 ? 0 : r == 1 ? T8 : 1 + r % 15;
}

static unsigned base(struct maker *m)
{
    static const uint8_t bases[] = { GP, SP, OTHER, GP, MAP };

    return bases[rnd(m, 5)];
}

static int offset(struct maker *m, unsigned bytes)
{
    int off = (int)(rnd(m, 2048) & ~(bytes - 1)) - (rnd(m, 4) ? 0 : 1024);

    return rnd(m, 60) ? off & ~(int)(bytes - 1) : off + 1;
}

static uint32_t alu(struct maker *m)
{
    static const uint32_t r[] = {
        ASM(ADDU), ASM(SUBU),  ASM(AND),   ASM(OR),    ASM(XOR),  ASM(NOR),
        ASM(SLT),  ASM(SLTU),  ASM(DADDU), ASM(DSUBU), ASM(SLLV), ASM(SRLV),
        ASM(SRAV), ASM(DSLLV), ASM(DSRLV), ASM(DSRAV), ASM(MOVZ), ASM(MOVN),
        ASM(ADDU), ASM(DADDU), ASM(OR),
    };
    static const uint32_t i[] = { ASM(ADDIU), ASM(DADDIU), ASM(SLTI),
                                  ASM(SLTIU), ASM(ANDI),   ASM(ORI),
                                  ASM(XORI),  ASM(ADDIU) };
    static const uint32_t s[] = { ASM(SLL),    ASM(SRL),    ASM(SRA),
                                  ASM(DSLL),   ASM(DSRL),   ASM(DSRA),
                                  ASM(DSLL32), ASM(DSRL32), ASM(DSRA32) };
    static const int small[] = { 0, 1, -1, 8, 0xff, -0x8000, 0x7fff };
    unsigned a = src(m), b = src(m), d = dst(m);

    switch (rnd(m, 8)) {
    case 0:
    case 1:
        return i[rnd(m, 8)] | FIELD(a, 21) | FIELD(d, 16) |
               ASM_LOW16(rnd(m, 3) ? small[rnd(m, 7)] : (int)rnd(m, 65536));
    case 2:
        return s[rnd(m, 9)] | FIELD(b, 16) | FIELD(d, 11) |
               FIELD(rnd(m, 4) ? rnd(m, 32) : rnd(m, 4), 6);
    case 3:
        return LUI_(d, rnd(m, 65536));
    default:
        return r[rnd(m, 21)] | FIELD(a, 21) | FIELD(b, 16) | FIELD(d, 11);
    }
}

static uint32_t hilo(struct maker *m)
{
    static const uint32_t ops[] = { ASM(MULT),   ASM(MULTU), ASM(DMULT),
                                    ASM(DMULTU), ASM(DIV),   ASM(DIVU),
                                    ASM(DDIV),   ASM(DDIVU) };

    switch (rnd(m, 4)) {
    case 0:
        return (rnd(m, 2) ? ASM(MFHI) : ASM(MFLO)) | FIELD(dst(m), 11);
    case 1:
        return (rnd(m, 2) ? ASM(MTHI) : ASM(MTLO)) | FIELD(src(m), 21);
    default:
        return ops[rnd(m, 8)] | FIELD(src(m), 21) | FIELD(src(m), 16);
    }
}

static uint32_t memory(struct maker *m)
{
    static const struct {
        uint32_t op;
        unsigned bytes;
        bool is_load;
    } ops[] = {
        { ASM(LB), 1, 1 },  { ASM(LBU), 1, 1 }, { ASM(LH), 2, 1 },
        { ASM(LHU), 2, 1 }, { ASM(LW), 4, 1 },  { ASM(LWU), 4, 1 },
        { ASM(LD), 8, 1 },  { ASM(LW), 4, 1 },  { ASM(LD), 8, 1 },
        { ASM(SB), 1, 0 },  { ASM(SH), 2, 0 },  { ASM(SW), 4, 0 },
        { ASM(SD), 8, 0 },  { ASM(SD), 8, 0 },  { ASM(LWL), 1, 1 },
        { ASM(LWR), 1, 1 }, { ASM(LDL), 1, 1 }, { ASM(LDR), 1, 1 },
        { ASM(SWL), 1, 0 }, { ASM(SWR), 1, 0 }, { ASM(SDL), 1, 0 },
        { ASM(SDR), 1, 0 }, { ASM(LL), 4, 1 },  { ASM(SC), 4, 1 },
    };
    unsigned i = rnd(m, 24);

    return ops[i].op | FIELD(base(m), 21) |
           FIELD(ops[i].is_load ? dst(m) : src(m), 16) |
           ASM_LOW16(offset(m, ops[i].bytes));
}

static uint32_t fp(struct maker *m)
{
    static const uint32_t arith[] = {
        ASM(ADD_S), ASM(SUB_S), ASM(MUL_S), ASM(DIV_S), ASM(ADD_D),
        ASM(SUB_D), ASM(MUL_D), ASM(DIV_D), ASM(ADD_D), ASM(MUL_D),
    };
    static const uint32_t one[] = {
        ASM(SQRT_S),    ASM(ABS_S),     ASM(NEG_S),     ASM(MOV_S),
        ASM(SQRT_D),    ASM(ABS_D),     ASM(NEG_D),     ASM(MOV_D),
        ASM(CVT_S_D),   ASM(CVT_D_S),   ASM(CVT_D_W),   ASM(CVT_S_W),
        ASM(CVT_D_L),   ASM(CVT_S_L),   ASM(CVT_W_D),   ASM(CVT_L_D),
        ASM(TRUNC_W_D), ASM(TRUNC_L_D), ASM(ROUND_W_D), ASM(FLOOR_L_S),
        ASM(CEIL_W_S),  ASM(RECIP_D),   ASM(RSQRT_D),   ASM(RECIP_S),
    };
    static const uint32_t four[] = { ASM(MADD_S),  ASM(MSUB_S), ASM(NMADD_S),
                                     ASM(MADD_D),  ASM(MSUB_D), ASM(NMADD_D),
                                     ASM(NMSUB_D), ASM(MADD_D) };
    static const uint32_t moves[] = { ASM(MFC1), ASM(DMFC1), ASM(MTC1),
                                      ASM(DMTC1) };
    unsigned a = rnd(m, 32), b = rnd(m, 32), d = rnd(m, 32), k;

    switch (rnd(m, 12)) {
    case 0:
    case 1:
    case 2:
        return arith[rnd(m, 10)] | FIELD(b, 16) | FIELD(a, 11) | FIELD(d, 6);
    case 3:
        return one[rnd(m, 24)] | FIELD(a, 11) | FIELD(d, 6);
    case 4:
        return four[rnd(m, 8)] | FIELD(rnd(m, 32), 21) | FIELD(b, 16) |
               FIELD(a, 11) | FIELD(d, 6);
    case 5:
        return (rnd(m, 2) ? ASM(C_F_S) : ASM(C_F_D)) | rnd(m, 16) |
               FIELD(rnd(m, 8), 8) | FIELD(b, 16) | FIELD(a, 11);
    case 6:
        return (rnd(m, 2) ? ASM(LDC1) : ASM(SDC1)) | FIELD(base(m), 21) |
               FIELD(d, 16) | ASM_LOW16(offset(m, 8));
    case 7:
        return (rnd(m, 2) ? ASM(LWC1) : ASM(SWC1)) | FIELD(base(m), 21) |
               FIELD(d, 16) | ASM_LOW16(offset(m, 4));
    case 8:
        k = rnd(m, 4);
        return moves[k] | FIELD(k < 2 ? dst(m) : src(m), 16) | FIELD(a, 11);
    case 9:
        return (rnd(m, 2) ? ASM(MOVF_D) : ASM(MOVT_S)) | FIELD(rnd(m, 8), 18) |
               FIELD(a, 11) | FIELD(d, 6);
    case 10:
        return rnd(m, 2) ? ASM(MOVZ_D) | FIELD(src(m), 16) | FIELD(a, 11) |
                               FIELD(d, 6)
                         : ASM(MOVT) | FIELD(rnd(m, 8), 18) |
                               FIELD(src(m), 21) | FIELD(dst(m), 11);
    default:
        return ASM(CFC1) | FIELD(dst(m), 16) | FIELD(31, 11);
    }
}

static uint32_t system_op(struct maker *m)
{
    static const uint8_t readable[] = { C0_INDEX,   C0_RANDOM,  C0_ENTRYLO0,
                                        C0_CONTEXT, C0_WIRED,   C0_BADVADDR,
                                        C0_COUNT,   C0_ENTRYHI, C0_STATUS,
                                        C0_CAUSE,   C0_EPC,     C0_XCONTEXT };

    switch (rnd(m, 10)) {
    case 0:
        return RRR(ADD, dst(m), src(m), src(m));
    case 1:
        return RRI(DADDI, dst(m), src(m), rnd(m, 65536));
    case 2:
        return ASM(TEQ) | FIELD(src(m), 21) | FIELD(src(m), 16);
    case 3:
        return TRAPI(TLTI, src(m), rnd(m, 65536));
    case 4:
        return ASM(SYNC);
    default:
        return (rnd(m, 2) ? ASM(MFC0) : ASM(DMFC0)) | FIELD(dst(m), 16) |
               FIELD(readable[rnd(m, 12)], 11);
    }
}

static uint32_t one_word(struct maker *m)
{
    unsigned r = rnd(m, 100);

    if (r < 52)
        return alu(m);
    if (r < 74)
        return memory(m);
    if (r < 90)
        return fp(m);
    if (r < 95)
        return hilo(m);
    return m->calm ? alu(m) : system_op(m);
}

/* --- More than one
 * --------------------------------------------------------------------- */

static void emit_unit(struct maker *m);

static void emit_slot(struct maker *m)
{
    emit(m, rnd(m, 4) ? one_word(m) : NOP_WORD);
}

/* A pair that leads over some units. */
static void emit_branch(struct maker *m)
{
    static const uint32_t two[] = { ASM(BEQ), ASM(BNE), ASM(BEQL), ASM(BNEL) };
    static const uint32_t one[] = { ASM(BLEZ),  ASM(BGTZ),  ASM(BLTZ),
                                    ASM(BGEZ),  ASM(BLEZL), ASM(BGTZL),
                                    ASM(BLTZL), ASM(BGEZL) };
    uint64_t at = m->at;
    uint32_t word;

    switch (rnd(m, 4)) {
    case 0:
        word = two[rnd(m, 4)] | FIELD(src(m), 21) | FIELD(src(m), 16);
        break;
    case 1:
        word = two[rnd(m, 4)] | FIELD(src(m), 21);
        break;
    case 2:
        word = one[rnd(m, 8)] | FIELD(src(m), 21);
        break;
    default:
        word = ASM(BC1F) | FIELD(rnd(m, 4), 16) | FIELD(rnd(m, 8), 18);
        break;
    }
    m->at += 4;
    emit_slot(m);
    for (unsigned n = rnd(m, 4); n > 0; n--)
        emit_unit(m);
    host_put32(m->h, at, word | ASM_LOW16((m->at - at - 4) / 4));
}

/* A comparison and a branch on it, as compilers write them. */
static void emit_compare(struct maker *m)
{
    unsigned t = dst(m);
    uint64_t at;

    switch (rnd(m, 4)) {
    case 0:
        emit(m, RRR(SLT, t, src(m), src(m)));
        break;
    case 1:
        emit(m, RRR(SLTU, t, rnd(m, 2) ? t : src(m), src(m)));
        break;
    case 2:
        emit(m, RRI(SLTI, t, src(m), rnd(m, 65536)));
        break;
    default:
        emit(m, RRI(SLTIU, t, rnd(m, 2) ? t : src(m), rnd(m, 64)));
        break;
    }
    at = m->at;
    m->at += 4;
    switch (rnd(m, 4)) { /* the slot may write what is compared */
    case 0:
        emit(m, MEM(LW, t, offset(m, 4) & ~3, base(m)));
        break;
    case 1:
        emit(m, MOVE(t, src(m)));
        break;
    default:
        emit_slot(m);
        break;
    }
    emit_unit(m);
    host_put32(m->h, at,
               (rnd(m, 2) ? ASM(BEQ) : ASM(BNE)) | FIELD(t, 21) |
                   ASM_LOW16((m->at - at - 4) / 4));
}

static void emit_indexed(struct maker *m)
{
    unsigned t = 1 + rnd(m, 15), u = 1 + rnd(m, 15), shift = 2 + rnd(m, 2);

    emit(m, RRI(ANDI, t, src(m), 0xff));
    emit(m, SHIFT(DSLL, u, t, shift));
    emit(m, RRR(DADDU, t, u, GP));
    if (rnd(m, 2))
        emit(m, shift == 2 ? MEM(LW, dst(m), 4 * (int)rnd(m, 8), t)
                           : MEM(LD, dst(m), 8 * (int)rnd(m, 8), t));
    else
        emit(m, shift == 2 ? MEM(SW, src(m), 4 * (int)rnd(m, 8), t)
                           : MEM(SD, src(m), 8 * (int)rnd(m, 8), t));
    if (rnd(m, 3) == 0)
        emit(m,
             ASM(LDXC1) | FIELD(GP, 21) | FIELD(u, 16) | FIELD(rnd(m, 32), 6));
}

/* Both halves of an unaligned word, in either order. */
static void emit_unaligned(struct maker *m)
{
    static const uint32_t ops[4][2] = { { ASM(LWL), ASM(LWR) },
                                        { ASM(LDL), ASM(LDR) },
                                        { ASM(SWL), ASM(SWR) },
                                        { ASM(SDL), ASM(SDR) } };
    unsigned k = rnd(m, 4), first = rnd(m, 2), t = k < 2 ? dst(m) : src(m);
    bool left_low = rnd(m, 8) ? m->is_big : !m->is_big;
    int off = offset(m, 1), step = k & 1 ? 7 : 3;
    uint32_t common = FIELD(base(m), 21) | FIELD(t, 16);

    for (unsigned i = 0; i < 2; i++) {
        unsigned right = first ^ i;
        int at = off + (right == left_low ? step : 0);

        emit(m, ops[k][right] | common | ASM_LOW16(at));
    }
}

/* Shifts that meet, or nearly. */
static void emit_rotate(struct maker *m)
{
    static const uint32_t joins[] = { ASM(OR), ASM(XOR), ASM(ADDU),
                                      ASM(DADDU) };
    unsigned a = src(m), t = dst(m), u = dst(m), by = rnd(m, 32);

    switch (rnd(m, 4)) {
    case 0:
        emit(m, ASM(DSLL32) | FIELD(a, 16) | FIELD(t, 11));
        if (rnd(m, 3) == 0)
            emit(m, one_word(m));
        emit(m, (rnd(m, 2) ? ASM(DSRL32) : ASM(DSRA32)) | FIELD(t, 16) |
                    FIELD(rnd(m, 2) ? t : u, 11));
        return;
    case 1:
        emit(m, SHIFT(DSLL, t, a, by));
        emit(m, (rnd(m, 3) ? ASM(DSRL32) : ASM(DSRL)) | FIELD(a, 16) |
                    FIELD(u, 11) | FIELD((32 - by) & 31, 6));
        break;
    default:
        emit(m, SHIFT(SRL, t, a, by));
        if (rnd(m, 3) == 0)
            emit(m, one_word(m));
        emit(m, SHIFT(SLL, u, a, (32 - by) & 31));
        break;
    }
    if (rnd(m, 3) == 0)
        emit(m, one_word(m));
    emit(m, joins[rnd(m, 4)] | FIELD(t, 21) | FIELD(u, 16) | FIELD(dst(m), 11));
}

/* Fields of a structure, now and then over a page's end. */
static void emit_fields(struct maker *m)
{
    unsigned b = base(m), n = 2 + rnd(m, 8);
    int at = (int)rnd(m, 4096) & ~7;

    for (; n > 0; n--) {
        unsigned k = rnd(m, 6);
        int off = at + (int)(rnd(m, 128) & ~(k < 2 ? 7 : k < 4 ? 3 : 0));

        if (k & 1)
            emit(m, (k == 1   ? ASM(SD)
                     : k == 3 ? ASM(SW)
                              : ASM(SB)) |
                        FIELD(b, 21) | FIELD(src(m), 16) | ASM_LOW16(off));
        else
            emit(m, (k == 0   ? ASM(LD)
                     : k == 2 ? ASM(LW)
                              : ASM(LBU)) |
                        FIELD(b, 21) | FIELD(dst(m), 16) | ASM_LOW16(off));
        if (rnd(m, 3) == 0)
            emit(m, one_word(m));
    }
}

static void emit_loop(struct maker *m)
{
    unsigned counter = KEPT + m->depth++;
    uint64_t head;

    emit(m, RRI(ADDIU, counter, 0, 1 + rnd(m, 12)));
    head = m->at;
    for (unsigned n = 1 + rnd(m, 5); n > 0; n--)
        emit_unit(m);
    emit(m, RRI(ADDIU, counter, counter, -1));
    emit(m, BRANCH(BNE, counter, 0, ((int64_t)head - (int64_t)m->at - 4) / 4));
    emit_slot(m);
    m->depth--;
}

static void emit_call(struct maker *m)
{
    unsigned to = m->function + 1 + rnd(m, FUNCTIONS - m->function - 1);

    if (rnd(m, 2)) {
        emit(m, JUMP(JAL, KSEG0(m->start[to])));
    } else {
        emit_address(m, T9, m->start[to]);
        emit(m, ASM(JALR) | FIELD(T9, 21) | FIELD(RA, 11));
    }
    emit_slot(m);
}

/* jr into a row of jumps. */
static void emit_switch(struct maker *m)
{
    uint64_t table, at[4];

    emit(m, RRI(ANDI, T8, src(m), 3));
    emit(m, SHIFT(SLL, T8, T8, 3));
    table = m->at + 20;
    emit_address(m, T9, table);
    emit(m, RRR(DADDU, T9, T9, T8));
    emit(m, ASM(JR) | FIELD(T9, 21));
    emit_slot(m);
    m->at = table;
    /* The slot's place is before the table. */
    for (unsigned i = 0; i < 4; i++, m->at += 8) {
        at[i] = m->at;
        host_put32(m->h, m->at + 4, alu(m));
    }
    for (unsigned i = 0; i < 4; i++) {
        uint64_t to = m->at;

        host_put32(m->h, at[i], BRANCH(BEQ, 0, 0, (to - at[i] - 4) / 4));
        emit_unit(m);
    }
}

/* The word after next becomes another instruction. */
static void emit_patch(struct maker *m)
{
    uint32_t word = RRI(ADDIU, 5, 5, rnd(m, 1000));

    emit(m, LUI_(T8, word >> 16));
    emit(m, RRI(ORI, T8, T8, word & 0xffff));
    emit_address(m, T9, m->at + 12 + 4 * rnd(m, 3));
    emit(m, MEM(SW, T8, 0, T9));
    for (unsigned i = 0; i < 4; i++)
        emit(m, RRI(ADDIU, 6, 6, i));
}

static void emit_space(struct maker *m)
{
    switch (rnd(m, 4)) {
    case 0: /* another address space */
        emit(m, RRI(ANDI, T8, src(m), 3));
        emit(m, CP0(MTC0, T8, C0_ENTRYHI));
        break;
    case 1:
        emit(m, ASM(TLBP));
        break;
    case 2:
        emit(m, ASM(SYSCALL));
        break;
    default: /* rounding, and sometimes an Enable */
        emit(m, RRI(ANDI, T8, src(m), rnd(m, 8) ? 0x3 : 0x183));
        emit(m, ASM(CTC1) | FIELD(T8, 16) | FIELD(31, 11));
        break;
    }
}

static void emit_unit(struct maker *m)
{
    unsigned r = rnd(m, 100);

    if (m->at > m->start[m->function] + 4 * (FUNCTION_WORDS - 120))
        emit(m, one_word(m));
    else if (r < 8)
        emit_branch(m);
    else if (r < 14)
        emit_compare(m);
    else if (r < 18)
        emit_indexed(m);
    else if (r < 23 && m->depth < 4)
        emit_loop(m);
    else if (r < 27 && m->function + 1 < FUNCTIONS)
        emit_call(m);
    else if (r < 29)
        emit_switch(m);
    else if (r < 30 && !m->calm)
        emit_patch(m);
    else if (r < 32 && !m->calm)
        emit_space(m);
    else if (r < 37)
        emit_unaligned(m);
    else if (r < 42)
        emit_rotate(m);
    else if (r < 46)
        emit_fields(m);
    else
        emit(m, one_word(m));
}

static void emit_function(struct maker *m)
{
    m->at = m->start[m->function];
    m->depth = 0;
    emit(m, RRI(DADDIU, SP, SP, -48));
    emit(m, MEM(SD, RA, 40, SP));
    for (unsigned i = 0; i < 4; i++)
        emit(m, MEM(SD, KEPT + i, (int)(8 * i), SP));
    emit_loop(m);
    for (unsigned n = rnd(m, 10); n > 0; n--)
        emit_unit(m);
    emit(m, MEM(LD, RA, 40, SP));
    for (unsigned i = 0; i < 4; i++)
        emit(m, MEM(LD, KEPT + i, (int)(8 * i), SP));
    emit(m, ASM(JR) | FIELD(RA, 21));
    emit(m, RRI(DADDIU, SP, SP, 48));
}

/* --- Handlers
 * -----------------------------------------------------------------------------
 */

/* Pages are where their addresses say, in the mapped megabyte. */
static void emit_refill(struct maker *m, uint64_t at)
{
    m->at = at;
    emit(m, CP0(DMFC0, K0, C0_BADVADDR));
    emit(m, SHIFT(DSRL, K0, K0, 13));
    emit(m, RRI(ANDI, K0, K0, 0x7f));
    emit(m, SHIFT(SLL, K0, K0, 7));
    emit(m, RRI(ORI, K0, K0, (MAPPED >> 12 << 6) | 0x1f));
    emit(m, CP0(DMTC0, K0, C0_ENTRYLO0));
    emit(m, RRI(DADDIU, K0, K0, 64));
    emit(m, CP0(DMTC0, K0, C0_ENTRYLO1));
    emit(m, ASM(TLBWR));
    emit(m, ASM(ERET));
}

/* Counts, and goes on behind the instruction, or behind the branch and its
 * slot. */
static void emit_general(struct maker *m)
{
    m->at = 0x180;
    emit(m, CP0(MFC0, K0, C0_CAUSE));
    emit(m, LUI_(K1, KSEG0(DATA) >> 16));
    emit(m, RRI(ORI, K1, K1, DATA & 0xffff));
    emit(m, RRI(ANDI, K0, K0, 0x7c));
    emit(m, BRANCH(BEQ, K0, 0, 12)); /* an interrupt */
    emit(m, RRR(DADDU, K1, K1, K0));
    emit(m, MEM(LW, K0, 0x3000, K1));
    emit(m, RRI(ADDIU, K0, K0, 1));
    emit(m, MEM(SW, K0, 0x3000, K1));
    emit(m, CP0(MFC0, K0, C0_CAUSE));
    emit(m, BRANCHZ(BGEZ, K0, 3));
    emit(m, CP0(DMFC0, K1, C0_EPC));
    emit(m, RRI(DADDIU, K1, K1, 4));
    emit(m, NOP_WORD);
    emit(m, RRI(DADDIU, K1, K1, 4));
    emit(m, CP0(DMTC0, K1, C0_EPC));
    emit(m, ASM(ERET));
    /* Interrupt: the next one later. */
    emit(m, CP0(MFC0, K0, C0_COUNT));
    emit(m, RRI(ADDIU, K0, K0, 777));
    emit(m, CP0(MTC0, K0, C0_COMPARE));
    emit(m, ASM(ERET));
}

static void make_program(struct maker *m)
{
    emit_refill(m, 0);
    emit_refill(m, 0x80);
    emit_general(m);
    for (unsigned i = 0; i < FUNCTIONS; i++)
        m->start[i] = CODE + 0x200 + i * 4 * FUNCTION_WORDS;
    m->at = CODE;
    for (unsigned i = 0; i < FUNCTIONS; i++) {
        emit(m, JUMP(JAL, KSEG0(m->start[i])));
        emit(m, RRI(ADDIU, 4, 4, 1));
    }
    emit(m, JUMP(J, KSEG0(CODE)));
    emit(m, NOP_WORD);
    for (m->function = 0; m->function < FUNCTIONS; m->function++) {
        m->calm = rnd(m, 3) == 0;
        emit_function(m);
    }
    for (unsigned i = 0; i < 0x4000; i += 8)
        host_put64(m->h, DATA + i, rnd(m, 3) ? rnd(m, 100) : rnd64(m));
    for (unsigned i = 0; i < 0x100000; i += 8)
        host_put64(m->h, MAPPED + i, UINT64_C(0x3ff0000000000001) * (i + 1));
}

static void set_state(struct maker *m, struct host_vcpu *v)
{
    for (unsigned i = 1; i < 16; i++)
        host_set_reg(v, DISCO_REG_GPR(i),
                     rnd(m, 2) ? rnd64(m)
                               : (uint64_t)(int64_t)(int32_t)rnd64(m));
    for (unsigned i = 0; i < 32; i++) {
        double d = (double)(int32_t)rnd64(m) / 1000;
        uint64_t bits;

        memcpy(&bits, &d, 8);
        host_set_reg(v, DISCO_REG_FPR(i), rnd(m, 8) ? bits : rnd64(m));
    }
    host_set_reg(v, DISCO_REG_GPR(GP), KSEG0(DATA + 0x800));
    host_set_reg(v, DISCO_REG_GPR(OTHER), KSEG0(DATA + 0x1fc0));
    host_set_reg(v, DISCO_REG_GPR(SP), KSEG0(STACK));
    host_set_reg(v, DISCO_REG_GPR(MAP), VA_MAPPED + rnd(m, 0x80000) / 8 * 8);
    host_set_reg(v, DISCO_REG_CP0(C0_WIRED), rnd(m, 8));
    host_set_reg(v, DISCO_REG_CP0(C0_COMPARE), 2000);
    host_set_reg(v, DISCO_REG_CP0(C0_STATUS),
                 ST_CU0 | ST_CU1 | ST_XX | (rnd(m, 8) ? ST_FR : 0) | ST_KX |
                     ST_SX | ST_UX | (rnd(m, 2) ? ST_IE | CAUSE_IP7 : 0));
    host_set_reg(v, DISCO_REG_PC, KSEG0(CODE));
}

/* --- A kernel
 * --------------------------------------------------------------------------------
 */

static uint64_t big(const void *p, unsigned bytes)
{
    const uint8_t *b = p;
    uint64_t v = 0;

    for (unsigned i = 0; i < bytes; i++)
        v = v << 8 | b[i];
    return v;
}

static uint8_t *read_file(const char *path, long *size)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data;

    if (!f || fseek(f, 0, SEEK_END) || (*size = ftell(f)) < 0 ||
        fseek(f, 0, SEEK_SET)) {
        fprintf(stderr, "lockstep: cannot read %s\n", path);
        exit(2);
    }
    data = malloc((size_t)*size);
    if (!data || fread(data, 1, (size_t)*size, f) != (size_t)*size)
        exit(2);
    fclose(f);
    return data;
}

/* Big-endian ELF64 in kseg0. */
static uint64_t load_kernel(struct mips_host *h, const char *path)
{
    long size;
    uint8_t *data = read_file(path, &size);
    const Elf64_Ehdr *e = (const void *)data;
    uint64_t entry = big(&e->e_entry, 8);

    for (unsigned i = 0; i < big(&e->e_phnum, 2); i++) {
        const Elf64_Phdr *p =
            (const void *)(data + big(&e->e_phoff, 8) + i * sizeof(*p));
        uint64_t pa = big(&p->p_vaddr, 8) & 0x1fffffff;

        if (big(&p->p_type, 4) != PT_LOAD)
            continue;
        if (pa + big(&p->p_memsz, 8) > h->pages << 12) {
            fprintf(stderr, "lockstep: %s does not fit\n", path);
            exit(2);
        }
        memcpy(h->ram + pa, data + big(&p->p_offset, 8), big(&p->p_filesz, 8));
    }
    free(data);
    return entry;
}

/* --- Side by side
 * ------------------------------------------------------------------------------
 */

struct options {
    uint64_t seed, insns, cache_bytes;
    unsigned runs, heat, translate_at;
    unsigned denied; /* X64_HAS_* that the JIT does not use */
    bool little, disco, soft_fp;
    const char *kernel;
};

static unsigned differences;

static void differs(const char *what, unsigned i, uint64_t interp, uint64_t jit)
{
    if (differences++ < 20)
        printf("  %s %u: interpreter %016llx, JIT %016llx\n", what, i,
               (unsigned long long)interp, (unsigned long long)jit);
}

static void compare_class(struct host_vcpu *v[2], const char *what,
                          unsigned cls, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint64_t id = DISCO_REG(cls, i), a = 0, b = 0;

        if (!mips_backend_ops.reg_name(id) && cls != DISCO_REG_CLASS_TLB)
            continue;
        /* Only in a delay slot does it mean anything. */
        if (id == DISCO_REG_DELAY_TARGET && !host_reg(v[0], DISCO_REG_DELAY))
            continue;
        mips_backend_ops.get_reg(v[0]->state, id, &a);
        mips_backend_ops.get_reg(v[1]->state, id, &b);
        if (a != b)
            differs(what, i, a, b);
    }
}

static bool equal(struct host_vcpu *v[2])
{
    disco_vcpu_stats s[2];

    compare_class(v, "gpr", DISCO_REG_CLASS_GPR, 32);
    compare_class(v, "special", DISCO_REG_CLASS_SPEC, 7);
    compare_class(v, "fpr", DISCO_REG_CLASS_FPR, 32);
    compare_class(v, "fcr", DISCO_REG_CLASS_FCR, 32);
    compare_class(v, "cp0", DISCO_REG_CLASS_CP0, 32);
    compare_class(v, "tlb", DISCO_REG_CLASS_TLB, 256);
    for (unsigned i = 0; i < 2; i++)
        host_stats(v[i], &s[i]);
    for (unsigned i = 0; i < 32; i++)
        if (s[0].exceptions[i] != s[1].exceptions[i])
            differs("exceptions", i, s[0].exceptions[i], s[1].exceptions[i]);
    for (unsigned i = 0; i < DISCO_TRAP_COUNT; i++)
        if (s[0].traps[i] != s[1].traps[i])
            differs("traps", i, s[0].traps[i], s[1].traps[i]);
    if (s[0].user_insns != s[1].user_insns)
        differs("user insns", 0, s[0].user_insns, s[1].user_insns);
    /* Not l2tlb_hits: how often it is asked is up to the engine's tables. */
    return differences == 0;
}

static bool memory_is_equal(struct host_vcpu *v[2])
{
    const uint8_t *a = v[0]->host->ram, *b = v[1]->host->ram;

    for (uint64_t i = 0; i < v[0]->host->pages << 12; i++)
        if (a[i] != b[i])
            differs("byte of memory", (unsigned)i, a[i], b[i]);
    return differences == 0;
}

static uint64_t slice(struct maker *m)
{
    switch (rnd(m, 6)) {
    case 0:
        return 1 + rnd(m, 4);
    case 1:
        return 1 + rnd(m, 60);
    case 2:
        return 1 + rnd(m, 20000);
    default:
        return 1 + rnd(m, 1500);
    }
}

/* Both alike; false at the first difference. */
static bool run_slices(struct maker *m, struct host_vcpu *v[2], uint64_t insns)
{
    uint64_t done = 0;

    while (done < insns) {
        uint64_t n = slice(m), start = host_reg(v[0], DISCO_REG_INSNS);
        uint64_t pc = PC(v[0]);
        uint32_t reason = host_run(v[0], n), other = host_run(v[1], n);

        if (reason != other)
            differs("exit reason", 0, reason, other);
        if (!equal(v)) {
            printf("  after a slice of %llu from %016llx, %llu before it\n",
                   (unsigned long long)n, (unsigned long long)pc,
                   (unsigned long long)start);
            return false;
        }
        if (reason != DISCO_EXIT_BUDGET)
            return true;
        done += host_reg(v[0], DISCO_REG_INSNS) - start;
    }
    return true;
}

static void end_at_power(struct host_vcpu *v, const struct host_access *a)
{
    if (a->write && a->gpa == 0x1c030000)
        v->host->mmio_status = DISCO_E_STATE;
}

static struct host_vcpu *make(const struct options *o, uint32_t engine)
{
    disco_vcpu_config c = { .size = sizeof(c), .engine = engine };
    struct mips_host *h = host_new(o->kernel ? 128 << 20 : RAM, 1);
    struct host_vcpu *v;

    if (o->cache_bytes)
        h->machine.code_cache_bytes = o->cache_bytes;
    h->machine.translate_at_run = o->translate_at;
    c.order = o->little ? DISCO_LITTLE : DISCO_BIG;
    c.mode = o->disco ? DISCO_MODE_DISCO : DISCO_MODE_EXACT;
    c.fp = o->soft_fp ? DISCO_FP_R10000 : DISCO_FP_IEEE;
    ((struct jit *)h->shared)->denied = o->denied;
    v = host_vcpu(h, &c, 1);
    if (!v)
        exit(2);
    if (engine == DISCO_ENGINE_JIT && o->heat)
        ((struct mips_cpu *)v->state)->jit.shared->heat = (uint16_t)o->heat;
    h->mmio_value = 0x60;
    h->on_mmio = end_at_power;
    return v;
}

static bool run_once(const struct options *o, uint64_t seed)
{
    struct maker m = { .random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1,
                       .is_big = !o->little };
    uint64_t random = m.random;
    struct host_vcpu *v[2];
    bool good;

    for (unsigned i = 0; i < 2; i++) {
        m = (struct maker){ .random = random };
        v[i] = make(o, i ? DISCO_ENGINE_JIT : DISCO_ENGINE_INTERP);
        m.h = v[i]->host;
        if (o->kernel) {
            host_set_reg(v[i], DISCO_REG_PC, load_kernel(m.h, o->kernel));
        } else {
            make_program(&m);
            set_state(&m, v[i]);
        }
    }
    good = run_slices(&m, v, o->insns) && memory_is_equal(v);
    for (unsigned i = 0; i < 2; i++)
        if (!host_free(v[i]->host))
            good = false;
    return good;
}

static void usage(void)
{
    fprintf(stderr, "usage: lockstep [--seed N] [--runs N] [--insns N] "
                    "[--heat N] [--translate-at N] [--little] [--disco] "
                    "[--soft-fp] [--cache BYTES] "
                    "[--deny BITS] [KERNEL.elf]\n");
    exit(2);
}

static uint64_t number(const char *text)
{
    char *end;
    uint64_t n;

    if (!text)
        usage();
    n = strtoull(text, &end, 0);
    if (*end || end == text)
        usage();
    return n;
}

int main(int argc, char **argv)
{
    struct options o = {
        .seed = 1, .insns = 400000, .runs = 20, .heat = 30, .translate_at = 1
    };
    unsigned failed = 0;

    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--seed"))
            o.seed = number(argv[++i]);
        else if (!strcmp(argv[i], "--runs"))
            o.runs = (unsigned)number(argv[++i]);
        else if (!strcmp(argv[i], "--insns"))
            o.insns = number(argv[++i]);
        else if (!strcmp(argv[i], "--heat"))
            o.heat = (unsigned)number(argv[++i]);
        else if (!strcmp(argv[i], "--translate-at"))
            o.translate_at = (unsigned)number(argv[++i]);
        else if (!strcmp(argv[i], "--cache"))
            o.cache_bytes = number(argv[++i]);
        else if (!strcmp(argv[i], "--deny"))
            o.denied = (unsigned)number(argv[++i]);
        else if (!strcmp(argv[i], "--little"))
            o.little = true;
        else if (!strcmp(argv[i], "--disco"))
            o.disco = true;
        else if (!strcmp(argv[i], "--soft-fp"))
            o.soft_fp = true;
        else if (argv[i][0] == '-')
            usage();
        else
            o.kernel = argv[i];
    }
    if (o.kernel)
        o.runs = 1;
    for (unsigned i = 0; i < o.runs; i++) {
        differences = 0;
        if (!run_once(&o, o.seed + i)) {
            printf("seed %llu differs\n", (unsigned long long)(o.seed + i));
            failed++;
        }
    }
    printf("%u of %u runs differ\n", failed, o.runs);
    return failed != 0;
}
