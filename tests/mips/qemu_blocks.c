/*
 * qemu_blocks.c - our CPU against QEMU's user mode, on random straight-line
 * blocks with forward branches: integer, FP (FR=1), loads and stores.
 *
 *   qemu_blocks [--blocks N] [--runs N] [--seed N] [--little] QEMU
 *
 * Writes one static ELF program of N blocks.  A block loads all registers from
 * a record, runs 20 to 50 random instructions, and stores all registers to
 * another record, which also holds its scratch memory; at the end the program
 * writes all of them out.  The same image runs on our backend: in one go in
 * kernel mode with direct addresses, and in user mode through the TLB with
 * random budgets, and both must leave the same records as QEMU.
 *
 * The blocks avoid what is unpredictable on MIPS and what QEMU 7.2 does its own
 * way, by rule:
 *  - SRA, SRAV, LWR: operands are sign-extended words (QEMU shifts and merges
 *    all 64 bits);
 *  - ADDU, SUBU: not with $0 (QEMU moves all 64 bits);
 *  - DIV: no zero divisor (any value is right);
 *  - ADD and its kin: operands too small for an overflow; traps not taken;
 *  - a NaN that an FP instruction makes is replaced by a number at once, and
 *    ABS and NEG get none (payload, sign, V: see fp_qemu.c);
 *  - FS=0 (flushing differs: see fp_qemu.c), no enables;
 *  - no branch in a delay slot, no link register that the branch reads.
 *
 * Exit status: 0 alike, 1 different, 2 trouble, 77 no QEMU.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mips_asm.h"
#include "mips_host.h"
#include "mips/cpu.h"

enum {
    RAM_BYTES = 32 << 20,
    IMAGE = 0x400000, /* ELF header, then code */
    CODE = IMAGE + 0x1000,
    IN = 0x1000000,
    OUT = 0x1400000,
    IN_BYTES = 544,
    OUT_BYTES = 544 + 256,
    BLOCKS_MAX = 4096,
    AT_HI = 256,
    AT_LO = 264,
    AT_FCSR = 272,
    AT_FPR = 280,
    AT_SCRATCH = 544
};

/* EntryLo of the n-th 16 MiB: global, valid, dirty. */
#define LO_RAM(n) (((uint64_t)(n) << 24 >> 12 << 6) | 7)

/* Registers that blocks do not write. */
enum { NEXT = 26, RECORD = 27, SCRATCH = 28, INDEX = 29 };
enum { F_ONE_D = 30, F_ONE_S = 31 };

struct maker {
    struct mips_host *h;
    uint64_t at; /* next word */
    uint64_t seed;
    uint64_t block[BLOCKS_MAX + 1];
    /* Units of the present block: branches go to their starts. */
    uint64_t unit[128];
    unsigned units;
    struct {
        uint64_t at;
        unsigned to;
    } fixup[128];
    unsigned fixups;
};

static uint64_t rnd64(struct maker *m)
{
    m->seed ^= m->seed << 13;
    m->seed ^= m->seed >> 7;
    m->seed ^= m->seed << 17;
    return m->seed * UINT64_C(0x2545f4914f6cdd1d);
}

static unsigned rnd(struct maker *m, unsigned below)
{
    return (unsigned)((rnd64(m) >> 24) % below);
}

static void emit(struct maker *m, uint32_t word)
{
    host_put32(m->h, m->at, word);
    m->at += 4;
}

static void emit_li(struct maker *m, unsigned reg, uint64_t value)
{
    emit(m, LUI_(reg, value >> 16));
    emit(m, RRI(ORI, reg, reg, value & 0xffff));
}

#define PICK(m, ...)     \
    ((const uint32_t[]){ \
        __VA_ARGS__ }[rnd(m, sizeof((const uint32_t[]){ __VA_ARGS__ }) / 4)])

/* --- Operands
 * ------------------------------------------------------------------- */

static unsigned src(struct maker *m)
{
    return rnd(m, 32);
}

/* A register that a block may write. */
static unsigned dst(struct maker *m)
{
    unsigned r = 1 + rnd(m, 27);

    return r < NEXT ? r : 30 + (r & 1);
}

static unsigned fsrc(struct maker *m)
{
    return rnd(m, 32);
}

static unsigned fdst(struct maker *m)
{
    return rnd(m, 30);
}

static int offset(struct maker *m, unsigned bytes)
{
    return (int)(rnd(m, 256) & ~(bytes - 1)) - 128;
}

static uint64_t integer(struct maker *m)
{
    const uint64_t edges[] = { 0,
                               1,
                               UINT64_MAX,
                               0x7fffffff,
                               UINT64_C(0xffffffff80000000),
                               UINT64_C(0x7fffffffffffffff),
                               UINT64_C(0x8000000000000000),
                               0x80000000,
                               0xffffffff };
    uint64_t r = rnd64(m);

    switch (rnd(m, 5)) {
    case 0:
        return edges[rnd(m, 9)];
    case 1:
        return (uint64_t)(int64_t)(int32_t)r;
    case 2:
        return (uint64_t)((int64_t)r >> rnd(m, 64));
    default:
        return r;
    }
}

/* Exponents near 1 and at the edges; no NaN. */
static uint64_t number(struct maker *m, unsigned frac_bits, unsigned max)
{
    uint64_t frac = rnd64(m) & ((UINT64_C(1) << frac_bits) - 1);
    uint64_t sign = (uint64_t)rnd(m, 2) * (max + 1);
    uint64_t exp = max / 2 - 4 + rnd(m, 9);

    if (rnd(m, 3) == 0)
        frac &= UINT64_MAX << rnd(m, frac_bits);
    if (rnd(m, 8) == 0)
        exp = rnd(m, max);
    if (rnd(m, 12) == 0)
        exp = PICK(m, 0, 1, max - 1);
    if (rnd(m, 16) == 0) {
        exp = max;
        frac = 0;
    }
    return (sign | exp) << frac_bits | frac;
}

static uint64_t fp_value(struct maker *m)
{
    if (rnd(m, 2))
        return number(m, 52, 2047);
    return rnd64(m) << 32 | number(m, 23, 255);
}

/* --- Units of one word (also for delay slots)
 * --------------------------------------- */

static uint32_t alu(struct maker *m)
{
    uint32_t op =
        PICK(m, ASM(ADDU), ASM(SUBU), ASM(DADDU), ASM(DSUBU), ASM(AND), ASM(OR),
             ASM(XOR), ASM(NOR), ASM(SLT), ASM(SLTU), ASM(SLLV), ASM(SRLV),
             ASM(DSLLV), ASM(DSRLV), ASM(DSRAV), ASM(MOVZ), ASM(MOVN));

    unsigned s = src(m), t = src(m);

    if ((op == ASM(ADDU) || op == ASM(SUBU)) && (!s || !t))
        op = ASM(DADDU);
    return op | FIELD(s, 21) | FIELD(t, 16) | FIELD(dst(m), 11);
}

static uint32_t alu_constant(struct maker *m)
{
    uint32_t op = PICK(m, ASM(ADDIU), ASM(DADDIU), ASM(SLTI), ASM(SLTIU),
                       ASM(ANDI), ASM(ORI), ASM(XORI), ASM(LUI));
    unsigned s = op == ASM(LUI) ? 0 : src(m);

    return op | FIELD(s, 21) | FIELD(dst(m), 16) | (uint32_t)rnd(m, 65536);
}

static uint32_t shift(struct maker *m)
{
    uint32_t op = PICK(m, ASM(SLL), ASM(SRL), ASM(DSLL), ASM(DSRL), ASM(DSRA),
                       ASM(DSLL32), ASM(DSRL32), ASM(DSRA32));

    return op | FIELD(src(m), 16) | FIELD(dst(m), 11) | FIELD(rnd(m, 32), 6);
}

static uint32_t hilo(struct maker *m)
{
    if (rnd(m, 2))
        return PICK(m, ASM(MFHI), ASM(MFLO)) | FIELD(dst(m), 11);
    return PICK(m, ASM(MTHI), ASM(MTLO), ASM(MULT) | FIELD(src(m), 16),
                ASM(MULTU) | FIELD(src(m), 16), ASM(DMULT) | FIELD(src(m), 16),
                ASM(DMULTU) | FIELD(src(m), 16)) |
           FIELD(src(m), 21);
}

static uint32_t load(struct maker *m)
{
    switch (rnd(m, 12)) {
    case 0:
        return MEM(LB, dst(m), offset(m, 1), SCRATCH);
    case 1:
        return MEM(LBU, dst(m), offset(m, 1), SCRATCH);
    case 2:
        return MEM(LH, dst(m), offset(m, 2), SCRATCH);
    case 3:
        return MEM(LHU, dst(m), offset(m, 2), SCRATCH);
    case 4:
        return MEM(LW, dst(m), offset(m, 4), SCRATCH);
    case 5:
        return MEM(LWU, dst(m), offset(m, 4), SCRATCH);
    case 6:
        return MEM(LWL, dst(m), offset(m, 1), SCRATCH);
    case 7:
        return MEM(LDL, dst(m), offset(m, 1), SCRATCH);
    case 8:
        return MEM(LDR, dst(m), offset(m, 1), SCRATCH);
    case 9:
        return MEM(LL, dst(m), offset(m, 4), SCRATCH);
    default:
        return MEM(LD, dst(m), offset(m, 8), SCRATCH);
    }
}

static uint32_t store(struct maker *m)
{
    switch (rnd(m, 9)) {
    case 0:
        return MEM(SB, src(m), offset(m, 1), SCRATCH);
    case 1:
        return MEM(SH, src(m), offset(m, 2), SCRATCH);
    case 2:
        return MEM(SW, src(m), offset(m, 4), SCRATCH);
    case 3:
        return MEM(SWL, src(m), offset(m, 1), SCRATCH);
    case 4:
        return MEM(SWR, src(m), offset(m, 1), SCRATCH);
    case 5:
        return MEM(SDL, src(m), offset(m, 1), SCRATCH);
    case 6:
        return MEM(SDR, src(m), offset(m, 1), SCRATCH);
    default:
        return MEM(SD, src(m), offset(m, 8), SCRATCH);
    }
}

static uint32_t fp_memory(struct maker *m)
{
    switch (rnd(m, 8)) {
    case 0:
        return MEM(LWC1, fdst(m), offset(m, 4), SCRATCH);
    case 1:
        return MEM(LDC1, fdst(m), offset(m, 8), SCRATCH);
    case 2:
        return MEM(SWC1, fsrc(m), offset(m, 4), SCRATCH);
    case 3:
        return MEM(SDC1, fsrc(m), offset(m, 8), SCRATCH);
    case 4:
        return RRR(LWXC1, 0, SCRATCH, INDEX) | FIELD(fdst(m), 6);
    case 5:
        return RRR(LDXC1, 0, INDEX, SCRATCH) | FIELD(fdst(m), 6);
    case 6:
        return RRR(SWXC1, fsrc(m), INDEX, SCRATCH);
    default:
        return RRR(SDXC1, fsrc(m), SCRATCH, INDEX);
    }
}

static uint32_t fp_move(struct maker *m)
{
    unsigned cc = rnd(m, 8);

    switch (rnd(m, 9)) {
    case 0:
        return FMOVE(MFC1, dst(m), fsrc(m));
    case 1:
        return FMOVE(DMFC1, dst(m), fsrc(m));
    case 2:
        return FMOVE(MTC1, src(m), fdst(m));
    case 3:
        return FMOVE(DMTC1, src(m), fdst(m));
    case 4:
        return PICK(m, ASM(MOV_S), ASM(MOV_D)) | FIELD(fsrc(m), 11) |
               FIELD(fdst(m), 6);
    case 5:
        return PICK(m, ASM(MOVF_S), ASM(MOVT_S), ASM(MOVF_D), ASM(MOVT_D)) |
               FIELD(cc, 18) | FIELD(fsrc(m), 11) | FIELD(fdst(m), 6);
    case 6:
        return PICK(m, ASM(MOVZ_S), ASM(MOVN_S), ASM(MOVZ_D), ASM(MOVN_D)) |
               FIELD(src(m), 16) | FIELD(fsrc(m), 11) | FIELD(fdst(m), 6);
    case 7:
        return PICK(m, ASM(MOVF), ASM(MOVT)) | FIELD(cc, 18) |
               FIELD(src(m), 21) | FIELD(dst(m), 11);
    default:
        return FMOVE(CFC1, dst(m), 31);
    }
}

static uint32_t fp_compare(struct maker *m)
{
    return PICK(m, ASM(C_F_S), ASM(C_F_D)) | rnd(m, 16) | FIELD(rnd(m, 8), 8) |
           FIELD(fsrc(m), 16) | FIELD(fsrc(m), 11);
}

static uint32_t fp_to_integer(struct maker *m)
{
    return PICK(m, ASM(ROUND_W_S), ASM(TRUNC_W_S), ASM(CEIL_W_S),
                ASM(FLOOR_W_S), ASM(ROUND_L_S), ASM(TRUNC_L_S), ASM(CEIL_L_S),
                ASM(FLOOR_L_S), ASM(CVT_W_S), ASM(CVT_L_S), ASM(ROUND_W_D),
                ASM(TRUNC_W_D), ASM(CEIL_W_D), ASM(FLOOR_W_D), ASM(ROUND_L_D),
                ASM(TRUNC_L_D), ASM(CEIL_L_D), ASM(FLOOR_L_D), ASM(CVT_W_D),
                ASM(CVT_L_D)) |
           FIELD(fsrc(m), 11) | FIELD(fdst(m), 6);
}

static uint32_t hint(struct maker *m)
{
    return PICK(m, NOP_WORD, ASM(SYNC), MEM(PREF, 0, 8, SCRATCH),
                RRR(TNE, 0, 5, 5), RRR(TLT, 0, 6, 6), RRR(TLTU, 0, 7, 7),
                TRAPI(TLTIU, 0, 0), TRAPI(TNEI, 0, 0),
                RRR(PREFX, 0, SCRATCH, INDEX));
}

static uint32_t one_word(struct maker *m)
{
    static uint32_t (*const kinds[])(struct maker *) = {
        alu,   alu,  alu,     alu_constant, alu_constant, shift,
        hilo,  load, load,    load,         store,        store,
        store, hint, fp_move, fp_compare,   fp_memory,    fp_to_integer,
    };

    return kinds[rnd(m, sizeof(kinds) / sizeof(kinds[0]))](m);
}

/* --- Longer units
 * ----------------------------------------------------------------------*/

static void emit_sign_sensitive(struct maker *m)
{
    unsigned d = dst(m), t = dst(m);

    if (rnd(m, 3) == 0) {
        emit(m, SHIFT(SLL, d, d, 0));
        emit(m, MEM(LWR, d, offset(m, 1), SCRATCH));
        return;
    }
    emit(m, SHIFT(SLL, t, src(m), 0));
    if (rnd(m, 2))
        emit(m, SHIFT(SRA, d, t, rnd(m, 32)));
    else
        emit(m, RRR(SRAV, d, src(m), t));
}

static void emit_overflow(struct maker *m)
{
    unsigned a = dst(m), b = dst(m), d = dst(m);

    emit(m, RRI(ANDI, a, src(m), 0x7fff));
    emit(m, RRI(ANDI, b, src(m), 0x7fff));
    if (rnd(m, 3) == 0)
        emit(m, PICK(m, ASM(ADDI), ASM(DADDI)) | FIELD(a, 21) | FIELD(d, 16) |
                    rnd(m, 65536));
    else
        emit(m, PICK(m, ASM(ADD), ASM(SUB), ASM(DADD), ASM(DSUB)) |
                    FIELD(a, 21) | FIELD(b, 16) | FIELD(d, 11));
}

static void emit_divide(struct maker *m)
{
    unsigned d = dst(m);

    emit(m, RRI(ORI, d, src(m), 1));
    emit(m, PICK(m, ASM(DIV), ASM(DIVU), ASM(DDIV), ASM(DDIVU)) |
                FIELD(src(m), 21) | FIELD(d, 16));
    emit(m, RRR(MFLO, dst(m), 0, 0));
}

static void emit_link(struct maker *m)
{
    bool wide = rnd(m, 2);
    int off = offset(m, wide ? 8 : 4);
    unsigned d = dst(m), x = dst(m);

    emit(m, wide ? MEM(LLD, d, off, SCRATCH) : MEM(LL, d, off, SCRATCH));
    emit(m, RRR(DADDU, x, d, x));
    emit(m, wide ? MEM(SCD, x, off, SCRATCH) : MEM(SC, x, off, SCRATCH));
}

/* Replace a NaN by a number. */
static void emit_scrub(struct maker *m, unsigned f, bool is_double)
{
    emit(m, is_double ? FCMP(C_UN_D, 7, f, f) : FCMP(C_UN_S, 7, f, f));
    emit(m, is_double ? FP(MOVT_D, f, F_ONE_D, 7 << 2)
                      : FP(MOVT_S, f, F_ONE_S, 7 << 2));
}

static void emit_fp(struct maker *m)
{
    bool d = rnd(m, 2);
    uint32_t fmt = d ? 1 << 21 : 0;
    unsigned f = fdst(m), s = fdst(m);

    switch (rnd(m, 5)) {
    case 0: /* the same operation in both formats */
        emit(m, PICK(m, ASM(SQRT_S), ASM(RECIP_S), ASM(RSQRT_S)) | fmt |
                    FIELD(fsrc(m), 11) | FIELD(f, 6));
        break;
    case 1:
        emit_scrub(m, s, d);
        emit(m, PICK(m, ASM(ABS_S), ASM(NEG_S)) | fmt | FIELD(s, 11) |
                    FIELD(f, 6));
        break; /* the comparison makes Cause anew: QEMU's do not touch it */
    case 2:
        emit(m, PICK(m, ASM(MADD_S), ASM(MSUB_S), ASM(NMADD_S), ASM(NMSUB_S)) |
                    d | FIELD(fsrc(m), 21) | FIELD(fsrc(m), 16) |
                    FIELD(fsrc(m), 11) | FIELD(f, 6));
        break;
    case 3:
        emit(m, (d ? PICK(m, ASM(CVT_D_S), ASM(CVT_D_W), ASM(CVT_D_L))
                   : PICK(m, ASM(CVT_S_D), ASM(CVT_S_W), ASM(CVT_S_L))) |
                    FIELD(fsrc(m), 11) | FIELD(f, 6));
        break;
    default:
        emit(m, PICK(m, ASM(ADD_S), ASM(SUB_S), ASM(MUL_S), ASM(DIV_S)) | fmt |
                    FIELD(fsrc(m), 16) | FIELD(fsrc(m), 11) | FIELD(f, 6));
        break;
    }
    emit_scrub(m, f, d);
}

/* Rounding mode and flags at random; condition codes are cleared. */
static void emit_ctc1(struct maker *m)
{
    unsigned d = dst(m);

    emit(m, RRI(ANDI, d, src(m), 0x7f));
    emit(m, FMOVE(CTC1, d, 31));
}

static void emit_branch(struct maker *m)
{
    unsigned to = m->units + 1 + rnd(m, 5), s = src(m);
    uint32_t word;

    m->fixup[m->fixups].at = m->at;
    m->fixup[m->fixups++].to = to;
    switch (rnd(m, 4)) {
    case 0:
        word = PICK(m, ASM(BEQ), ASM(BNE), ASM(BEQL), ASM(BNEL)) |
               FIELD(s, 21) | FIELD(rnd(m, 3) ? src(m) : s, 16);
        break;
    case 1:
        word = PICK(m, ASM(BC1F), ASM(BC1T), ASM(BC1FL), ASM(BC1TL)) |
               FIELD(rnd(m, 8), 18);
        break;
    case 2:
        word = PICK(m, ASM(BLTZAL), ASM(BGEZAL), ASM(BLTZALL), ASM(BGEZALL)) |
               FIELD(s % 31, 21);
        break;
    default:
        word = PICK(m, ASM(BLEZ), ASM(BGTZ), ASM(BLTZ), ASM(BGEZ), ASM(BLEZL),
                    ASM(BGTZL), ASM(BLTZL), ASM(BGEZL)) |
               FIELD(s, 21);
        break;
    }
    emit(m, word);
    emit(m, rnd(m, 4) ? one_word(m) : NOP_WORD);
}

static void emit_jump(struct maker *m)
{
    unsigned r = dst(m), d = dst(m);

    m->fixup[m->fixups].at = m->at;
    m->fixup[m->fixups++].to = m->units + 1 + rnd(m, 5);
    if (rnd(m, 2)) {
        emit(m, PICK(m, ASM(J), ASM(JAL)));
    } else {
        emit_li(m, r, 0); /* the target; fixed later */
        emit(m, d == r ? RRR(JR, 0, r, 0) : RRR(JALR, d, r, 0));
    }
    emit(m, one_word(m));
}

static void emit_unit(struct maker *m)
{
    m->unit[m->units] = m->at;
    switch (rnd(m, 24)) {
    case 0:
        emit_sign_sensitive(m);
        break;
    case 1:
        emit_overflow(m);
        break;
    case 2:
        emit_divide(m);
        break;
    case 3:
        emit_link(m);
        break;
    case 4:
    case 5:
    case 6:
        emit_fp(m);
        break;
    case 7:
        if (rnd(m, 3) == 0)
            emit_ctc1(m);
        break;
    case 8:
    case 9:
    case 10:
        emit_branch(m);
        break;
    case 11:
        emit_jump(m);
        break;
    default:
        emit(m, one_word(m));
        break;
    }
    m->units++;
}

static void fix_branches(struct maker *m)
{
    m->unit[m->units] = m->at;
    for (unsigned i = 0; i < m->fixups; i++) {
        uint64_t at = m->fixup[i].at;
        unsigned to = m->fixup[i].to < m->units ? m->fixup[i].to : m->units;
        uint64_t target = m->unit[to];
        uint32_t word = host_get32(m->h, at), major = word >> 26;

        if (major == 2 || major == 3) {
            host_put32(m->h, at, word | (uint32_t)(target >> 2));
        } else if (major == 0x0f) { /* LUI of a JALR */
            host_put32(m->h, at, word | (uint32_t)(target >> 16));
            word = host_get32(m->h, at + 4);
            host_put32(m->h, at + 4, word | (uint32_t)(target & 0xffff));
        } else {
            host_put32(m->h, at,
                       word | (uint32_t)((target - at - 4) / 4 & 0xffff));
        }
    }
}

/* --- The program
 * ----------------------------------------------------------------------- */

/* Load everything from the record at $31, go on at NEXT. */
static uint64_t emit_load_all(struct maker *m)
{
    uint64_t start = m->at;

    emit(m, MEM(LD, 1, AT_FCSR, 31));
    emit(m, FMOVE(CTC1, 1, 31));
    for (unsigned f = 0; f < 32; f++)
        emit(m, MEM(LDC1, f, AT_FPR + 8 * f, 31));
    emit(m, MEM(LD, 1, AT_HI, 31));
    emit(m, RRR(MTHI, 0, 1, 0));
    emit(m, MEM(LD, 1, AT_LO, 31));
    emit(m, RRR(MTLO, 0, 1, 0));
    for (unsigned r = 1; r < 31; r++)
        if (r != NEXT)
            emit(m, MEM(LD, r, 8 * r, 31));
    emit(m, RRR(JR, 0, NEXT, 0));
    emit(m, MEM(LD, 31, 8 * 31, 31));
    return start;
}

static uint64_t emit_store_all(struct maker *m)
{
    uint64_t start = m->at;

    for (unsigned r = 0; r < 32; r++)
        if (r != NEXT)
            emit(m, MEM(SD, r, 8 * r, RECORD));
    emit(m, RRR(MFHI, 1, 0, 0));
    emit(m, MEM(SD, 1, AT_HI, RECORD));
    emit(m, RRR(MFLO, 1, 0, 0));
    emit(m, MEM(SD, 1, AT_LO, RECORD));
    emit(m, FMOVE(CFC1, 1, 31));
    emit(m, MEM(SD, 1, AT_FCSR, RECORD));
    for (unsigned f = 0; f < 32; f++)
        emit(m, MEM(SDC1, f, AT_FPR + 8 * f, RECORD));
    emit(m, RRR(JR, 0, NEXT, 0));
    emit(m, NOP_WORD);
    return start;
}

static void make_records(struct maker *m, unsigned block)
{
    uint64_t in = IN + (uint64_t)block * IN_BYTES;
    uint64_t out = OUT + (uint64_t)block * OUT_BYTES;

    for (unsigned r = 0; r < 32; r++)
        host_put64(m->h, in + 8 * r, integer(m));
    host_put64(m->h, in + 8 * RECORD, out);
    host_put64(m->h, in + 8 * SCRATCH, out + AT_SCRATCH + 128);
    host_put64(m->h, in + 8 * INDEX, (uint64_t)(int64_t)offset(m, 8));
    host_put64(m->h, in + AT_HI, integer(m));
    host_put64(m->h, in + AT_LO, integer(m));
    host_put64(m->h, in + AT_FCSR, (rnd64(m) & 0xfe800000) | rnd(m, 4));
    for (unsigned f = 0; f < 30; f++)
        host_put64(m->h, in + AT_FPR + 8 * f, fp_value(m));
    host_put64(m->h, in + AT_FPR + 8 * F_ONE_D, UINT64_C(0x3ff8000000000000));
    host_put64(m->h, in + AT_FPR + 8 * F_ONE_S, 0x3fc00000);
    for (unsigned i = 0; i < 256; i += 8)
        host_put64(m->h, out + AT_SCRATCH + i,
                   rnd(m, 2) ? integer(m) : fp_value(m));
}

static void make_block(struct maker *m, unsigned block, uint64_t load_all,
                       uint64_t store_all)
{
    uint64_t stub = m->at, body = stub + 6 * 4;
    unsigned units = 12 + rnd(m, 24);

    make_records(m, block);
    emit_li(m, 31, IN + (uint64_t)block * IN_BYTES);
    emit_li(m, NEXT, body);
    emit(m, JUMP(J, load_all));
    emit(m, NOP_WORD);
    m->block[block] = body;
    m->units = m->fixups = 0;
    while (m->units < units)
        emit_unit(m);
    fix_branches(m);
    emit_li(m, NEXT, m->at + 4 * 4);
    emit(m, JUMP(J, store_all));
    emit(m, NOP_WORD);
}

static void emit_system_call(struct maker *m, unsigned number)
{
    emit(m, LI(2, (int)number));
    emit(m, ASM(SYSCALL));
}

static void make_program(struct maker *m, unsigned blocks)
{
    uint64_t load_all, store_all, first;

    memset(m->h->ram, 0, RAM_BYTES);
    m->at = CODE + 8;
    load_all = emit_load_all(m);
    store_all = emit_store_all(m);
    first = m->at;
    for (unsigned i = 0; i < blocks; i++)
        make_block(m, i, load_all, store_all);
    m->block[blocks] = m->at;
    emit(m, LI(4, 1)); /* write(1, OUT, bytes) */
    emit_li(m, 5, OUT);
    emit_li(m, 6, (uint64_t)blocks * OUT_BYTES);
    emit_system_call(m, 5001);
    emit(m, LI(4, 0));
    emit_system_call(m, 5205);
    host_put32(m->h, CODE, JUMP(J, first));
    host_put32(m->h, 0x180, ASM(BREAK)); /* ours ends at the system call */
    if (m->at > IN)
        abort();
}

/* --- QEMU
 * ---------------------------------------------------------------------------------*/

static void put16(struct mips_host *h, uint64_t at, unsigned v)
{
    h->ram[at + !h->big] = (uint8_t)(v >> 8);
    h->ram[at + h->big] = (uint8_t)v;
}

/* ELF header in front of the code; one segment with everything. */
static void make_elf(struct mips_host *h, uint64_t end)
{
    uint8_t ident[8] = { 0x7f, 'E', 'L', 'F', 2, h->big ? 2 : 1, 1, 0 };

    memcpy(h->ram + IMAGE, ident, sizeof(ident));
    put16(h, IMAGE + 16, 2); /* executable */
    put16(h, IMAGE + 18, 8); /* MIPS */
    host_put32(h, IMAGE + 20, 1);
    host_put64(h, IMAGE + 24, CODE);
    host_put64(h, IMAGE + 32, 64);         /* program headers */
    host_put32(h, IMAGE + 48, 0x30000000); /* MIPS IV, n64 */
    put16(h, IMAGE + 52, 64);
    put16(h, IMAGE + 54, 56);
    put16(h, IMAGE + 56, 1);
    put16(h, IMAGE + 58, 64);
    host_put32(h, IMAGE + 64, 1); /* load */
    host_put32(h, IMAGE + 68, 7);
    host_put64(h, IMAGE + 64 + 16, IMAGE);
    host_put64(h, IMAGE + 64 + 24, IMAGE);
    host_put64(h, IMAGE + 64 + 32, end - IMAGE);
    host_put64(h, IMAGE + 64 + 40, end - IMAGE);
    host_put64(h, IMAGE + 64 + 48, 0x10000);
}

static int run_qemu(const char *qemu, const char *path, FILE *out)
{
    pid_t child = fork();
    int status;

    if (child < 0)
        return 2;
    if (child == 0) {
        dup2(fileno(out), 1);
        execlp(qemu, qemu, "-cpu", "MIPS64R2-generic", path, (char *)NULL);
        _exit(77);
    }
    if (waitpid(child, &status, 0) < 0)
        return 2;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        return 77;
    if (!WIFEXITED(status) || WEXITSTATUS(status)) {
        fprintf(stderr, "QEMU ended with status %#x\n", (unsigned)status);
        return 2;
    }
    return 0;
}

/* Run the image in QEMU; its records to `result`. */
static int judge(struct mips_host *h, uint64_t end, const char *qemu,
                 uint8_t *result, size_t bytes)
{
    char path[] = "qemu_blocks.XXXXXX";
    int fd = mkstemp(path), status = 2;
    FILE *out = tmpfile();

    make_elf(h, end);
    if (fd >= 0 && out &&
        write(fd, h->ram + IMAGE, end - IMAGE) == (ssize_t)(end - IMAGE) &&
        fchmod(fd, 0700) == 0) {
        close(fd);
        fd = -1;
        status = run_qemu(qemu, path, out);
        rewind(out);
        if (!status && fread(result, 1, bytes, out) != bytes) {
            fprintf(stderr, "QEMU's answer is too short\n");
            status = 2;
        }
    } else {
        perror("qemu_blocks");
    }
    if (fd >= 0)
        close(fd);
    if (out)
        fclose(out);
    unlink(path);
    return status;
}

/* --- Ours
 * -----------------------------------------------------------------------------------
 */

/* Runs until the BREAK at the vector; false when it goes elsewhere. */
static bool run_ours(struct maker *m, struct host_vcpu *v, bool user)
{
    uint64_t done = 0;
    uint32_t reason;

    if (user) {
        host_tlb(v, 0, 0, LO_RAM(0), LO_RAM(1), 0x01ffe000);
        SET_C0(v, C0_STATUS, ST_XX | ST_CU1 | ST_FR | ST_UX | 0x10);
    } else {
        SET_C0(v, C0_STATUS, ST_CU1 | ST_FR | ST_UX | ST_KX | ST_ERL);
    }
    SET_PC(v, CODE);
    do {
        uint64_t n = user ? 1 + rnd(m, rnd(m, 4) ? 900 : 5) : 1000000000;

        reason = host_run(v, n);
        done += n;
    } while (reason == DISCO_EXIT_BUDGET && done < 2000000000);
    if (reason == DISCO_EXIT_BREAK && PC(v) == UINT64_C(0xffffffff80000180) &&
        (C0(v, C0_CAUSE) >> 2 & 31) == EXC_SYS)
        return true;
    printf("ours ends with %u at %llx, cause %llx, epc %llx\n", reason,
           (unsigned long long)PC(v), (unsigned long long)C0(v, C0_CAUSE),
           (unsigned long long)C0(v, C0_EPC));
    return false;
}

static uint64_t record(struct mips_host *h, const uint8_t *p)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < 8; i++)
        v = v << 8 | p[h->big ? i : 7 - i];
    return v;
}

static void print_block(struct maker *m, unsigned block)
{
    char text[64];

    for (uint64_t at = m->block[block]; at + 16 < m->block[block + 1] - 24;
         at += 4) {
        uint32_t word = host_get32(m->h, at);

        disco_disassemble(word, at, text, sizeof(text));
        printf("  %llx: %08x %s\n", (unsigned long long)at, word, text);
    }
}

/* Differences of one block; the first few blocks are printed. */
static unsigned compare(struct maker *m, unsigned block, const uint8_t *theirs,
                        const char *mode, unsigned printed)
{
    const uint8_t *ours = m->h->ram + OUT + (uint64_t)block * OUT_BYTES;
    unsigned bad = 0;

    theirs += (size_t)block * OUT_BYTES;
    for (unsigned at = 0; at < OUT_BYTES; at += 8) {
        if (memcmp(ours + at, theirs + at, 8) == 0)
            continue;
        if (!bad && printed < 3) {
            printf("block %u, %s:\n", block, mode);
            print_block(m, block);
        }
        bad = 1;
        if (printed < 3)
            printf("  %s %u: ours %016llx, QEMU's %016llx\n",
                   at < 256          ? "gpr"
                   : at < AT_FPR     ? "hi, lo, fcsr"
                   : at < AT_SCRATCH ? "fpr"
                                     : "scratch",
                   (at < 256          ? at
                    : at < AT_FPR     ? at - 256
                    : at < AT_SCRATCH ? at - AT_FPR
                                      : at - AT_SCRATCH) /
                       8,
                   (unsigned long long)record(m->h, ours + at),
                   (unsigned long long)record(m->h, theirs + at));
    }
    return bad;
}

static int run_once(uint64_t seed, unsigned blocks, bool big, const char *qemu)
{
    const disco_vcpu_config config = { .size = sizeof(config),
                                       .order = big ? DISCO_BIG : DISCO_LITTLE,
                                       .break_exit = 1 };
    size_t bytes = (size_t)blocks * OUT_BYTES;
    struct maker *m = calloc(1, sizeof(*m));
    uint8_t *theirs = malloc(bytes), *start = malloc(bytes);
    struct host_vcpu *v[2];
    unsigned bad = 0;
    int status = 2;

    if (!m || !theirs || !start)
        goto out;
    m->h = host_new(RAM_BYTES, 1);
    m->seed = seed;
    for (unsigned i = 0; i < 2; i++)
        v[i] = host_vcpu(m->h, &config, 1);
    make_program(m, blocks);
    status = judge(m->h, OUT + bytes, qemu, theirs, bytes);
    if (status)
        goto free_host;
    memcpy(start, m->h->ram + OUT, bytes);
    for (unsigned user = 0; user < 2; user++) {
        memcpy(m->h->ram + OUT, start, bytes);
        if (!run_ours(m, v[user], user))
            status = 1;
        for (unsigned i = 0; i < blocks; i++)
            bad +=
                compare(m, i, theirs, user ? "user mode" : "kernel mode", bad);
    }
    if (bad)
        status = 1;
    printf("seed %llu: %u blocks of %s-endian code, %u different\n",
           (unsigned long long)seed, blocks, big ? "big" : "little", bad);
free_host:
    host_free(m->h);
out:
    free(start);
    free(theirs);
    free(m);
    return status;
}

int main(int argc, char **argv)
{
    unsigned blocks = 3000, runs = 1;
    const char *qemu = NULL;
    uint64_t seed = 1;
    bool big = true;

    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--blocks") && i + 1 < argc)
            blocks = (unsigned)atoi(argv[++i]);
        else if (!strcmp(argv[i], "--runs") && i + 1 < argc)
            runs = (unsigned)atoi(argv[++i]);
        else if (!strcmp(argv[i], "--seed") && i + 1 < argc)
            seed = strtoull(argv[++i], NULL, 0);
        else if (!strcmp(argv[i], "--little"))
            big = false;
        else
            qemu = argv[i];
    }
    if (!qemu)
        return 77;
    if (blocks < 1 || blocks > BLOCKS_MAX)
        return 2;
    for (unsigned i = 0; i < runs; i++) {
        int status = run_once(seed + i, blocks, big, qemu);

        if (status)
            return status;
    }
    return 0;
}
