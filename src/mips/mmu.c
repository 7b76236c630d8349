/*
 * mmu.c - from virtual to physical: segments, TLB, L2TLB (User's Manual ch.
 * 16).
 *
 * Decides and reports; raising is the caller's.  Results may be entered into
 * the access table until TLB or mode change.
 */
#include "mips/cpu.h"

#define VA44_MASK UINT64_C(0x00000fffffffffff) /* 44 bits of a region */

enum segment { SEG_BAD, SEG_TLB, SEG_DIRECT };

/* All addresses here are sign-extended 32-bit ones. */
static enum segment segment32(const struct mips_cpu *cpu, uint64_t va,
                              uint64_t *pa)
{
    uint32_t a = (uint32_t)va;

    if (a < 0x80000000u) {
        if (cpu->mode == MODE_KERNEL && cpu->status & ST_ERL) {
            *pa = a;
            return SEG_DIRECT;
        }
        return SEG_TLB;
    }
    if (cpu->mode == MODE_USER)
        return SEG_BAD;
    if (a >= 0xc0000000u && a < 0xe0000000u)
        return SEG_TLB;
    if (cpu->mode == MODE_SUPER)
        return SEG_BAD;
    if (a >= 0xe0000000u)
        return SEG_TLB;
    *pa = a & 0x1fffffffu;
    return SEG_DIRECT;
}

static enum segment xkphys(uint64_t va, uint64_t *pa)
{
    unsigned cca = va >> 59 & 7;
    uint64_t high = va >> 40 & 0x7ffff; /* VA58:40 */

    /* Uncached spaces carry their attribute in VA58:57. */
    if (cca == 2 || cca == 7)
        high &= 0x1ffff;
    if (high)
        return SEG_BAD;
    *pa = va & UINT64_C(0xffffffffff);
    return SEG_DIRECT;
}

static enum segment segment64(const struct mips_cpu *cpu, uint64_t va,
                              uint64_t *pa)
{
    bool kernel = cpu->mode == MODE_KERNEL;

    switch (va >> 62) {
    case 0:
        if (kernel && (!(cpu->status & ST_UX) || cpu->status & ST_ERL)) {
            if (va >= UINT64_C(0x80000000))
                return SEG_BAD;
            if (cpu->status & ST_ERL) {
                *pa = va;
                return SEG_DIRECT;
            }
        }
        return va <= VA44_MASK ? SEG_TLB : SEG_BAD;
    case 1:
        if (cpu->mode == MODE_USER || (kernel && !(cpu->status & ST_SX)))
            return SEG_BAD;
        return (va & ~(UINT64_C(3) << 62)) <= VA44_MASK ? SEG_TLB : SEG_BAD;
    case 2:
        return kernel ? xkphys(va, pa) : SEG_BAD;
    default:
        if (va >= UINT64_C(0xffffffff80000000))
            return segment32(cpu, va, pa);
        if (!kernel)
            return SEG_BAD;
        return (va & ~(UINT64_C(3) << 62)) < UINT64_C(0x00000fff80000000)
                   ? SEG_TLB
                   : SEG_BAD;
    }
}

static enum mips_exc address_error(uint32_t access)
{
    return access == DISCO_WRITE ? EXC_ADES : EXC_ADEL;
}

/* Rights of an entry for this half; fills *out on success. */
static enum mips_exc use_entry(const struct tlb_entry *e, uint64_t va,
                               uint32_t access, struct mips_xlate *out)
{
    uint64_t half = ((uint64_t)e->mask | 0x1fff) + 1; /* of the pair */
    uint64_t lo;

    half >>= 1;
    lo = e->lo[(va & half) != 0];
    if (!(lo & 2))
        return access == DISCO_WRITE ? EXC_TLBS : EXC_TLBL;
    out->writable = lo & 4;
    if (access == DISCO_WRITE && !out->writable)
        return EXC_MOD;
    out->gpa = ((lo >> 6 & UINT64_C(0xfffffff)) << 12 & ~(half - 1)) |
               (va & (half - 1));
    return EXC_NONE;
}

static enum mips_exc map_tlb(struct mips_cpu *cpu, uint64_t va, uint32_t access,
                             bool probe, struct mips_xlate *out)
{
    struct tlb_entry *e = mips_tlb_lookup(cpu, va);
    const struct tlb_entry *second;
    enum mips_exc exc;

    out->mapped = true;
    if (e)
        return use_entry(e, va, access, out);
    out->refill = true;
    exc = access == DISCO_WRITE ? EXC_TLBS : EXC_TLBL;
    if (!cpu->l2)
        return exc;
    second = mips_l2_lookup(cpu, va);
    if (!second)
        return exc;
    exc = use_entry(second, va, access, out);
    if (probe)
        return exc;
    if (exc == EXC_NONE || exc == EXC_MOD)
        cpu->stats.l2tlb_hits++;
    if (exc == EXC_MOD) {
        /* The guest's handler will probe for it. */
        struct tlb_entry copy = *second;

        mips_tlb_set_entry(cpu, mips_random(cpu), &copy);
        out->refill = false;
    }
    return exc; /* an invalid half is not served: refill */
}

enum mips_exc mips_translate(struct mips_cpu *cpu, uint64_t *pva,
                             uint32_t access, bool probe,
                             struct mips_xlate *out)
{
    uint64_t va = *pva;
    enum segment segment;

    out->mapped = false;
    out->refill = false;
    out->writable = true;
    if (cpu->addr64) {
        segment = segment64(cpu, va, &out->gpa);
    } else {
        /* Fetches check the upper half, data references ignore it. */
        if (access == DISCO_EXEC && va != (uint64_t)(int64_t)(int32_t)va)
            return EXC_ADEL;
        va = (uint64_t)(int64_t)(int32_t)va;
        *pva = va;
        segment = segment32(cpu, va, &out->gpa);
    }
    if (segment == SEG_BAD)
        return address_error(access);
    if (segment == SEG_DIRECT)
        return EXC_NONE;
    return map_tlb(cpu, va, access, probe, out);
}
