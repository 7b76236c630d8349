/*
 * regnames.c - names of register ids, and back.
 *
 * Constant strings only; what the registers hold is state.h's business.
 * Any thread.
 *
 * Names are unique over all classes (tested).  CP0 numbers that the R10000
 * reserves have none, nor has 25: its registers are the class PERF.
 */
#include "mips/regnames.h"

#include <stddef.h>
#include <string.h>

#include <disco/vcpu.h>

static const char *const gpr_names[] = {
    "zero", "at", "v0", "v1", "a0", "a1", "a2", "a3", "a4", "a5", "a6",
    "a7",   "t0", "t1", "t2", "t3", "s0", "s1", "s2", "s3", "s4", "s5",
    "s6",   "s7", "t8", "t9", "k0", "k1", "gp", "sp", "s8", "ra",
};
_Static_assert(sizeof(gpr_names) / sizeof(gpr_names[0]) == 32, "32 registers");

static const char *const spec_names[] = {
    "pc", "hi", "lo", "delay", "delay_target", "llbit", "insns",
};

#define FPR8(a, b, c, d, e, f, g, h) \
    "f" #a, "f" #b, "f" #c, "f" #d, "f" #e, "f" #f, "f" #g, "f" #h
static const char *const fpr_names[] = {
    FPR8(0, 1, 2, 3, 4, 5, 6, 7),
    FPR8(8, 9, 10, 11, 12, 13, 14, 15),
    FPR8(16, 17, 18, 19, 20, 21, 22, 23),
    FPR8(24, 25, 26, 27, 28, 29, 30, 31),
};

static const char *const fcr_names[] = {
    [0] = "fir",
    [31] = "fcsr",
};

static const char *const cp0_names[] = {
    [0] = "index",      [1] = "random",   [2] = "entrylo0",  [3] = "entrylo1",
    [4] = "context",    [5] = "pagemask", [6] = "wired",     [8] = "badvaddr",
    [9] = "count",      [10] = "entryhi", [11] = "compare",  [12] = "status",
    [13] = "cause",     [14] = "epc",     [15] = "prid",     [16] = "config",
    [17] = "lladdr",    [18] = "watchlo", [19] = "watchhi",  [20] = "xcontext",
    [21] = "framemask", [22] = "brdiag",  [26] = "ecc",      [27] = "cacheerr",
    [28] = "taglo",     [29] = "taghi",   [30] = "errorepc",
};

static const char *const perf_names[] = {
    "perfevent0",
    "perfcounter0",
    "perfevent1",
    "perfcounter1",
};

#define TLB1(n)                                                      \
    "tlb" #n ".entryhi", "tlb" #n ".entrylo0", "tlb" #n ".entrylo1", \
        "tlb" #n ".pagemask"
#define TLB8(a, b, c, d, e, f, g, h) \
    TLB1(a), TLB1(b), TLB1(c), TLB1(d), TLB1(e), TLB1(f), TLB1(g), TLB1(h)
static const char *const tlb_names[] = {
    TLB8(0, 1, 2, 3, 4, 5, 6, 7),         TLB8(8, 9, 10, 11, 12, 13, 14, 15),
    TLB8(16, 17, 18, 19, 20, 21, 22, 23), TLB8(24, 25, 26, 27, 28, 29, 30, 31),
    TLB8(32, 33, 34, 35, 36, 37, 38, 39), TLB8(40, 41, 42, 43, 44, 45, 46, 47),
    TLB8(48, 49, 50, 51, 52, 53, 54, 55), TLB8(56, 57, 58, 59, 60, 61, 62, 63),
};
_Static_assert(sizeof(tlb_names) / sizeof(tlb_names[0]) == 64 * 4,
               "64 entries of 4 parts");
_Static_assert(DISCO_TLB_ENTRYHI == 0 && DISCO_TLB_ENTRYLO0 == 1 &&
                   DISCO_TLB_ENTRYLO1 == 2 && DISCO_TLB_PAGEMASK == 3,
               "TLB1 names the parts in this order");

struct reg_class {
    const char *const *names; /* NULL elements are no registers */
    uint32_t count;
};

#define CLASS(table)                            \
    {                                           \
        table, sizeof(table) / sizeof(table[0]) \
    }
static const struct reg_class classes[] = {
    [DISCO_REG_CLASS_GPR] = CLASS(gpr_names),
    [DISCO_REG_CLASS_SPEC] = CLASS(spec_names),
    [DISCO_REG_CLASS_FPR] = CLASS(fpr_names),
    [DISCO_REG_CLASS_FCR] = CLASS(fcr_names),
    [DISCO_REG_CLASS_CP0] = CLASS(cp0_names),
    [DISCO_REG_CLASS_PERF] = CLASS(perf_names),
    [DISCO_REG_CLASS_TLB] = CLASS(tlb_names),
};
enum { CLASS_COUNT = sizeof(classes) / sizeof(classes[0]) };

const char *mips_gpr_name(unsigned int n)
{
    return gpr_names[n];
}

const char *mips_reg_name(uint64_t id)
{
    uint64_t cls = id >> 16;
    uint64_t index = id & 0xffff;

    if (cls >= CLASS_COUNT || index >= classes[cls].count)
        return NULL;
    return classes[cls].names[index];
}

DISCO_API const char *disco_reg_name(uint64_t id)
{
    return mips_reg_name(id);
}

DISCO_API uint64_t disco_reg_find(const char *name)
{
    if (!name)
        return 0;
    for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
        for (uint32_t i = 0; i < classes[cls].count; i++) {
            const char *have = classes[cls].names[i];

            if (have && !strcmp(have, name))
                return DISCO_REG(cls, i);
        }
    }
    return 0;
}
