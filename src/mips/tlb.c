/*
 * tlb.c - the 64 entries and the instructions on them.
 *
 * Invariant: no two entries match the same address and ASID; a write kills the
 * older ones, wired or not (User's Manual 14.10).  Every change drops what the
 * access tables hold of the old entry.
 */
#include "mips/cpu.h"

#define HI_MASK   UINT64_C(0xc0000fffffffe000) /* R and VPN2 */
#define LO_MASK   UINT64_C(0xc0000003ffffffff) /* UC, PFN, C, D, V, G */
#define MASK_BITS UINT32_C(0x01ffe000)
#define NEVER     (UINT64_C(1) << 60) /* no address has this bit alone */

struct tlb_entry *mips_tlb_lookup(struct mips_cpu *cpu, uint64_t va)
{
    uint64_t key = (va & HI_MASK) | (cpu->entryhi & 0xff);
    struct tlb_entry *e = &cpu->tlb[cpu->tlb_last];

    if (((key ^ e->tag) & e->cmp) == 0)
        return e;
    for (unsigned i = 0; i < TLB_ENTRIES; i++) {
        e = &cpu->tlb[i];
        if (((key ^ e->tag) & e->cmp) == 0) {
            cpu->tlb_last = i;
            return e;
        }
    }
    return NULL;
}

void mips_tlb_make(struct tlb_entry *entry, uint64_t hi, uint64_t lo0,
                   uint64_t lo1, uint32_t mask)
{
    bool global = lo0 & lo1 & 1;

    /* Only from mips_tlb_hi: guests cannot write it. */
    if ((hi & UINT64_C(0x3ffff00000000000)) == NEVER) {
        *entry = (struct tlb_entry){ .tag = hi & (NEVER | HI_MASK),
                                     .cmp = UINT64_MAX };
        return;
    }
    entry->mask = mask & MASK_BITS;
    entry->tag = (hi & HI_MASK & ~(uint64_t)entry->mask) | (hi & 0xff);
    entry->cmp = (HI_MASK & ~(uint64_t)entry->mask) | (global ? 0 : 0xff);
    entry->lo[0] = (lo0 & LO_MASK & ~UINT64_C(1)) | global;
    entry->lo[1] = (lo1 & LO_MASK & ~UINT64_C(1)) | global;
}

uint64_t mips_tlb_hi(const struct tlb_entry *entry)
{
    return entry->tag;
}

static uint64_t entry_bytes(const struct tlb_entry *e)
{
    return ((uint64_t)e->mask | 0x1fff) + 1;
}

static void drop_tables(struct mips_cpu *cpu, const struct tlb_entry *e)
{
    mips_tables_drop_va(cpu, e->tag & HI_MASK, entry_bytes(e));
}

/* Do two entries match a common address? */
static bool overlap(const struct tlb_entry *a, const struct tlb_entry *b)
{
    return ((a->tag ^ b->tag) & a->cmp & b->cmp) == 0;
}

/* A place that never matches: an address no region has, by its index. */
static void clear_entry(struct tlb_entry *e, unsigned index)
{
    mips_tlb_make(e, NEVER | (uint64_t)index << 13, 0, 0, 0);
}

static bool is_clear(const struct tlb_entry *e)
{
    return e->cmp == UINT64_MAX;
}

void mips_tlb_reset(struct mips_cpu *cpu)
{
    for (unsigned i = 0; i < TLB_ENTRIES; i++)
        clear_entry(&cpu->tlb[i], i);
}

void mips_tlb_set_entry(struct mips_cpu *cpu, uint32_t index,
                        const struct tlb_entry *entry)
{
    struct tlb_entry made = *entry;
    /* The L2TLB may go on serving the old one. */
    bool keep = cpu->l2 && mips_l2_holds(cpu, &cpu->tlb[index]);

    for (unsigned i = 0; i < TLB_ENTRIES; i++) {
        struct tlb_entry *e = &cpu->tlb[i];

        if (i == index || is_clear(e) || is_clear(&made) || !overlap(e, &made))
            continue;
        cpu->status |= ST_TS;
        drop_tables(cpu, e);
        clear_entry(e, i);
    }
    if (!keep && !is_clear(&cpu->tlb[index]))
        drop_tables(cpu, &cpu->tlb[index]);
    cpu->tlb[index] = made;
}

void mips_tlb_read(struct mips_cpu *cpu)
{
    const struct tlb_entry *e = &cpu->tlb[cpu->index & 63];
    uint32_t old_asid = cpu->entryhi & 0xff;

    if (cpu->disco)
        cpu->stats.traps[DISCO_TRAP_PRIVILEGED]++;
    cpu->entryhi = is_clear(e) ? 0 : mips_tlb_hi(e);
    cpu->entrylo[0] = e->lo[0];
    cpu->entrylo[1] = e->lo[1];
    cpu->pagemask = e->mask;
    if (old_asid != (cpu->entryhi & 0xff)) {
        mips_tables_drop_asid(cpu);
        cpu->resync = true; /* this code may be mapped itself */
    }
}

/* PFN bits that FrameMask forces to 0: bits 15..0 stand for PA 39..24. */
static uint64_t framed(const struct mips_cpu *cpu, uint64_t lo)
{
    uint64_t frame_bits = (uint64_t)(cpu->framemask & 0xffff) << (24 - 12 + 6);

    return lo & ~frame_bits;
}

void mips_tlb_write(struct mips_cpu *cpu, uint32_t index, bool random)
{
    struct tlb_entry made, *old = &cpu->tlb[index];

    mips_tlb_make(&made, cpu->entryhi, framed(cpu, cpu->entrylo[0]),
                  framed(cpu, cpu->entrylo[1]), cpu->pagemask);
    cpu->status &= ~ST_TS;
    if (cpu->disco)
        cpu->stats.traps[DISCO_TRAP_TLB_WRITE]++;
    if (cpu->l2) {
        /* An entry overwritten on purpose is gone; a random victim is not. */
        if (!random && !is_clear(old)) {
            mips_l2_kill(cpu, old);
            drop_tables(cpu, old);
        }
        mips_l2_kill(cpu, &made);
        drop_tables(cpu, &made);
    }
    mips_tlb_set_entry(cpu, index, &made);
    if (cpu->l2) {
        mips_l2_insert(cpu, &made);
        if (!random)
            mips_l2_wrote_index(cpu, index);
    }
}

void mips_tlb_probe(struct mips_cpu *cpu)
{
    struct tlb_entry *e = mips_tlb_lookup(cpu, cpu->entryhi);

    if (cpu->disco)
        cpu->stats.traps[DISCO_TRAP_PRIVILEGED]++;
    if (e) {
        cpu->index = (uint32_t)(e - cpu->tlb);
        return;
    }
    cpu->index |= 0x80000000u;
    if (cpu->l2) {
        mips_l2_kill_va(cpu, cpu->entryhi & HI_MASK,
                        (uint8_t)(cpu->entryhi & 0xff));
        mips_tables_drop_va(cpu, cpu->entryhi & HI_MASK, 0x2000);
    }
}
