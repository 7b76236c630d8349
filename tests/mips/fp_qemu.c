/*
 * fp_qemu.c - our FPU against QEMU's, on random operands.
 *
 * One source, two programs.  The guest runs each instruction below on operands
 * from a shared generator and writes result and FCSR to its output; the host
 * program does the same with fpu.h and compares.  Not part of the test suite:
 *
 *   mips64-linux-gnuabi64-gcc -O2 -march=mips4 -mabi=64 -mno-abicalls -fno-pic
 *       -static -nostdlib -ffreestanding tests/mips/fp_qemu.c -o fp_guest
 *   gcc -std=c11 -D_GNU_SOURCE -O2 -Isrc tests/mips/fp_qemu.c src/mips/fpu.c
 *       src/mips/softfp.c -o fp_host
 *   ./fp_host 'qemu-mips64 -cpu MIPS64R2-generic ./fp_guest'
 *
 * QEMU's default 5KEf will not do: its model has no writable bit in FCSR, so
 * CTC1 changes nothing.
 *
 * Differences that are QEMU's own are counted by name (enum excuse); any other
 * is printed and makes the program fail.
 */
#include <stdint.h>

#define VECTORS 20000 /* per instruction; RM and FS vary */

/* X(name, mnemonic, shape, operand, result): W/L/S/D are 32 or 64 bits. */
#define BOTH(X, name, shape)               \
    X(name##_s, #name ".s", shape, 32, 32) \
    X(name##_d, #name ".d", shape, 64, 64)
#define TO_INT(X, name)                        \
    X(name##_w_s, #name ".w.s", UNARY, 32, 32) \
    X(name##_w_d, #name ".w.d", UNARY, 64, 32) \
    X(name##_l_s, #name ".l.s", UNARY, 32, 64) \
    X(name##_l_d, #name ".l.d", UNARY, 64, 64)
#define INSNS(X)                         \
    BOTH(X, add, BINARY)                 \
    BOTH(X, sub, BINARY)                 \
    BOTH(X, mul, BINARY)                 \
    BOTH(X, div, BINARY)                 \
    BOTH(X, madd, TERNARY)               \
    BOTH(X, msub, TERNARY)               \
    BOTH(X, nmadd, TERNARY)              \
    BOTH(X, nmsub, TERNARY)              \
    BOTH(X, sqrt, UNARY)                 \
    BOTH(X, recip, UNARY)                \
    BOTH(X, rsqrt, UNARY)                \
    BOTH(X, abs, UNARY)                  \
    BOTH(X, neg, UNARY)                  \
    TO_INT(X, cvt)                       \
    TO_INT(X, round)                     \
    TO_INT(X, trunc)                     \
    TO_INT(X, ceil)                      \
    TO_INT(X, floor)                     \
    X(cvt_s_d, "cvt.s.d", UNARY, 64, 32) \
    X(cvt_d_s, "cvt.d.s", UNARY, 32, 64) \
    X(cvt_s_w, "cvt.s.w", UNARY, 32, 32) \
    X(cvt_d_w, "cvt.d.w", UNARY, 32, 64) \
    X(cvt_s_l, "cvt.s.l", UNARY, 64, 32) \
    X(cvt_d_l, "cvt.d.l", UNARY, 64, 64)
#define COMPARES(X) \
    X(f, 0)         \
    X(un, 1)        \
    X(eq, 2)        \
    X(ueq, 3)       \
    X(olt, 4)       \
    X(ult, 5)       \
    X(ole, 6)       \
    X(ule, 7)       \
    X(sf, 8)        \
    X(ngle, 9)      \
    X(seq, 10)      \
    X(ngl, 11)      \
    X(lt, 12)       \
    X(nge, 13)      \
    X(le, 14)       \
    X(ngt, 15)

struct vector {
    uint64_t a, b, c; /* fs, ft, fr */
    uint32_t fcsr;
};

struct answer {
    uint64_t result;
    uint64_t fcsr;
};

static uint64_t random64(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state * UINT64_C(0x2545f4914f6cdd1d);
}

/* Both formats alike: exponents at edges or near 1, fractions of few bits. */
static uint64_t random_number(uint64_t *state, int width)
{
    unsigned frac_bits = width == 32 ? 23 : 52;
    unsigned max = width == 32 ? 255 : 2047;
    uint64_t r = random64(state), frac = random64(state);
    unsigned choice = (unsigned)(r >> 8) & 7, exp = (unsigned)(r >> 16) & max;

    if (r >> 56 == 0)
        return frac;
    if (choice == 0)
        exp = 0;
    else if (choice == 1)
        exp = max - (unsigned)(r >> 40 & 1);
    else if (choice < 6)
        exp = max / 2 - 4 + (unsigned)(r >> 40 & (choice < 4 ? 7 : 63));
    if (r & 2)
        frac &= ~UINT64_C(0) << (r >> 48 & 63) % (frac_bits + 1);
    frac &= (UINT64_C(1) << frac_bits) - 1;
    return (r & 1) << (width - 1) | (uint64_t)exp << frac_bits | frac;
}

static struct vector next_vector(uint64_t *state, int width)
{
    struct vector v;
    uint64_t r = random64(state);

    v.a = random_number(state, width);
    v.b = r & 4 ? random_number(state, width) : v.a ^ (r >> 8 & 1);
    v.c = random_number(state, width);
    v.fcsr = (uint32_t)(r & 3) | ((r >> 3 & 3) == 0 ? 1u << 24 : 0);
    return v;
}

#define SEED UINT64_C(0x9e3779b97f4a7c15)

#if defined(__mips__)

/*
 * Guest: no libc, Linux n64 system calls.  Answers leave in batches.
 */
#define BATCH 512

void guest_main(void);

__asm__(".text\n.globl __start\n.set push\n.set noreorder\n__start:\n"
        "jal guest_main\nnop\n.set pop\n");

static struct answer batch[BATCH];
static unsigned filled;

static void system_call(long number, long a, const void *b, long c)
{
    register long v0 __asm__("$2") = number;
    register long a0 __asm__("$4") = a;
    register long a1 __asm__("$5") = (long)b;
    register long a2 __asm__("$6") = c;
    register long a3 __asm__("$7");

    __asm__ __volatile__("syscall"
                         : "+r"(v0), "=r"(a3)
                         : "r"(a0), "r"(a1), "r"(a2)
                         : "$1", "$3", "$8", "$9", "$10", "$11", "$12", "$13",
                           "$14", "$15", "$24", "$25", "hi", "lo", "memory");
}

static void flush_batch(void)
{
    system_call(5001, 1, batch, (long)(filled * sizeof(batch[0])));
    filled = 0;
}

static void put(uint64_t result, uint64_t fcsr)
{
    batch[filled].result = result;
    batch[filled].fcsr = fcsr & 0xffffffff;
    if (++filled == BATCH)
        flush_batch();
}

#define LOAD                                                      \
    "ctc1 %[fcsr], $31\n\tdmtc1 %[a], $f4\n\tdmtc1 %[b], $f6\n\t" \
    "dmtc1 %[c], $f8\n\tdmtc1 $0, $f2\n\t"
#define STORE   "\n\tdmfc1 %[r], $f2\n\tcfc1 %[out], $31\n\t"
#define UNARY   " $f2, $f4"
#define BINARY  " $f2, $f4, $f6"
#define TERNARY " $f2, $f8, $f4, $f6"
#define EXECUTE(text)                                                  \
    __asm__ __volatile__(                                              \
        LOAD text STORE                                                \
        : [r] "=&r"(r), [out] "=&r"(out)                               \
        : [a] "r"(v.a), [b] "r"(v.b), [c] "r"(v.c), [fcsr] "r"(v.fcsr) \
        : "$f2", "$f4", "$f6", "$f8")
#define GUEST_INSN(name, mnemonic, shape, in, out_width)    \
    static void guest_##name(uint64_t *state)               \
    {                                                       \
        for (int i = 0; i < VECTORS; i++) {                 \
            struct vector v = next_vector(state, in);       \
            uint64_t r, out;                                \
            EXECUTE(mnemonic shape);                        \
            put(out_width == 32 ? r & 0xffffffff : r, out); \
        }                                                   \
    }
#define GUEST_COMPARE(name, cond)                                  \
    static void guest_c_##name(uint64_t *state)                    \
    {                                                              \
        for (int i = 0; i < VECTORS; i++) {                        \
            struct vector v = next_vector(state, i & 1 ? 64 : 32); \
            uint64_t r, out;                                       \
            if (i & 1)                                             \
                EXECUTE("c." #name ".d $fcc3, $f4, $f6");          \
            else                                                   \
                EXECUTE("c." #name ".s $fcc3, $f4, $f6");          \
            put(0, out);                                           \
        }                                                          \
    }

INSNS(GUEST_INSN)
COMPARES(GUEST_COMPARE)

void guest_main(void)
{
    uint64_t state = SEED;

#define CALL_INSN(name, mnemonic, shape, in, out_width) guest_##name(&state);
#define CALL_COMPARE(name, cond)                        guest_c_##name(&state);
    INSNS(CALL_INSN)
    COMPARES(CALL_COMPARE)
    flush_batch();
    system_call(5205, 0, 0, 0);
}

#else

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mips/fpu.h"
#include "mips/fpu_fast.h"

/* Where QEMU 7.2 and we differ on purpose, and why we are right. */
enum excuse {
    NO_EXCUSE,
    EXCUSE_NAN,       /* QEMU gives its default NaN, we the operand's (Linux) */
    EXCUSE_NAN_SIGN,  /* QEMU's NMADD, NMSUB, ABS, NEG change a NaN's sign */
    EXCUSE_ABS_NEG_V, /* QEMU's ABS and NEG raise nothing; MIPS IV: V on sNaN */
    EXCUSE_FLUSH_OPERAND, /* FS=1: QEMU takes denormal operands as such */
    EXCUSE_FLUSH_RESULT,  /* FS=1: QEMU flushes to zero in RP and RM also */
    EXCUSE_FLUSH_SILENT,  /* FS=1: QEMU raises neither U nor I when it does */
    EXCUSES,
};

static const char *const excuse_names[] = {
    "unexplained",
    "NaN payload not propagated by QEMU",
    "NaN sign changed by QEMU",
    "ABS/NEG of sNaN silent in QEMU",
    "FS=1: denormal operands not flushed by QEMU",
    "FS=1: flushed to zero by QEMU where RP or RM say least normal",
    "FS=1: U and I not raised by QEMU",
};

static unsigned long counts[EXCUSES];
static struct mips_fpu fpu;
static FILE *guest;

static bool is_nan(uint64_t v, int width)
{
    if (width == 32)
        return (v & 0x7fffffff) > 0x7f800000;
    return (v & INT64_MAX) > UINT64_C(0x7ff0000000000000);
}

static bool is_denormal(uint64_t v, int width)
{
    uint64_t magnitude = v & (width == 32 ? 0x7fffffff : INT64_MAX);

    return magnitude != 0 && !(magnitude >> (width == 32 ? 23 : 52));
}

/* A flush to the least normal number, in any step of the instruction. */
static bool may_flush_up(const char *name, uint64_t result, int width)
{
    uint64_t magnitude = result & (width == 32 ? 0x7fffffff : INT64_MAX);

    return strstr(name, "madd") || strstr(name, "msub") ||
           magnitude == UINT64_C(1) << (width == 32 ? 23 : 52);
}

static enum excuse excuse_for(const char *name, int in, int out,
                              const struct vector *v, const struct answer *ours,
                              const struct answer *theirs)
{
    bool integer = strstr(name, "_w_") || strstr(name, "_l_");
    bool sign = !strncmp(name, "abs", 3) || !strncmp(name, "neg", 3);

    if (v->fcsr & FCSR_FS && (is_denormal(v->a, in) || is_denormal(v->b, in) ||
                              is_denormal(v->c, in)))
        return EXCUSE_FLUSH_OPERAND;
    if (v->fcsr & FCSR_FS && (v->fcsr & FCSR_RM) >= SOFTFP_RP &&
        may_flush_up(name, ours->result, out))
        return EXCUSE_FLUSH_RESULT;
    if (v->fcsr & FCSR_FS &&
        (ours->result == theirs->result || is_nan(ours->result, out)) &&
        (ours->fcsr & ~theirs->fcsr) >> FCSR_CAUSE_SHIFT & SOFTFP_CAUSE_U)
        return EXCUSE_FLUSH_SILENT;
    if (sign && is_nan(v->a, in))
        return (ours->fcsr ^ theirs->fcsr) ? EXCUSE_ABS_NEG_V : EXCUSE_NAN_SIGN;
    if (ours->fcsr != theirs->fcsr || integer || !is_nan(ours->result, out))
        return NO_EXCUSE;
    if (is_nan(v->a, in) || is_nan(v->b, in) || is_nan(v->c, in))
        return is_nan(theirs->result, out) ? EXCUSE_NAN : NO_EXCUSE;
    return name[0] == 'n' ? EXCUSE_NAN_SIGN : NO_EXCUSE;
}

static uint64_t from_big_endian(const unsigned char *p)
{
    uint64_t v = 0;

    for (int i = 0; i < 8; i++)
        v = v << 8 | p[i];
    return v;
}

static void check(const char *name, int in, int out, const struct vector *v,
                  uint64_t result)
{
    struct answer ours = { result, fpu_fcsr_read(&fpu) }, theirs;
    unsigned char record[16];
    enum excuse why;

    if (fread(record, sizeof(record), 1, guest) != 1) {
        fprintf(stderr, "the guest ended early\n");
        exit(2);
    }
    theirs.result = from_big_endian(record);
    theirs.fcsr = from_big_endian(record + 8);
    if (ours.result == theirs.result && ours.fcsr == theirs.fcsr)
        return;
    why = excuse_for(name, in, out, v, &ours, &theirs);
    if (counts[why]++ < (why == NO_EXCUSE ? 40 : 0))
        printf("%s %016llx %016llx %016llx fcsr %08x: ours %016llx %08llx, "
               "QEMU's %016llx %08llx\n",
               name, (unsigned long long)v->a, (unsigned long long)v->b,
               (unsigned long long)v->c, v->fcsr,
               (unsigned long long)ours.result, (unsigned long long)ours.fcsr,
               (unsigned long long)theirs.result,
               (unsigned long long)theirs.fcsr);
}

/* Operands of 32 bits in the low halves, as FR=1 has them. */
static void set_up(const struct vector *v)
{
    fpu.fpr[1] = 0;
    fpu.fpr[2] = v->a;
    fpu.fpr[3] = v->b;
    fpu.fpr[4] = v->c;
    fpu_fcsr_write(&fpu, v->fcsr);
}

static unsigned at(int width, unsigned reg)
{
    return width == 32 ? fpu_widx(true, reg) : fpu_didx(true, reg);
}

#define UNARY(f, in, out)   f(&fpu, at(out, 1), at(in, 2))
#define BINARY(f, in, out)  f(&fpu, at(out, 1), at(in, 2), at(in, 3))
#define TERNARY(f, in, out) f(&fpu, at(out, 1), at(in, 4), at(in, 2), at(in, 3))
#define HOST_INSN(name, mnemonic, shape, in, out)  \
    for (int i = 0; i < VECTORS; i++) {            \
        struct vector v = next_vector(&state, in); \
        set_up(&v);                                \
        shape(fpu_##name, in, out);                \
        check(#name, in, out, &v, fpu.fpr[1]);     \
    }
#define HOST_COMPARE(name, cond)                                \
    for (int i = 0; i < VECTORS; i++) {                         \
        int width = i & 1 ? 64 : 32;                            \
        struct vector v = next_vector(&state, width);           \
        set_up(&v);                                             \
        if (i & 1)                                              \
            fpu_compare_d(&fpu, cond, 3, at(64, 2), at(64, 3)); \
        else                                                    \
            fpu_compare_s(&fpu, cond, 3, at(32, 2), at(32, 3)); \
        check("c_" #name, width, width, &v, 0);                 \
    }

int main(int argc, char **argv)
{
    uint64_t state = SEED;

    guest = argc == 2 ? popen(argv[1], "r") : NULL;
    if (!guest) {
        fprintf(
            stderr,
            "usage: fp_host 'qemu-mips64 -cpu MIPS64R2-generic ./fp_guest'\n");
        return 2;
    }
    fpu_reset(&fpu, 0);
    fpu_enter(&fpu);
    INSNS(HOST_INSN)
    COMPARES(HOST_COMPARE)
    fpu_leave(&fpu);
    pclose(guest);
    for (int i = 0; i < EXCUSES; i++)
        printf("%8lu %s\n", counts[i], excuse_names[i]);
    return counts[NO_EXCUSE] != 0;
}

#endif
