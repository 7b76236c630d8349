/*
 * tlb.c - the 64 entries and the instructions on them.
 *
 * Invariant: no two entries match the same address and ASID; a write kills the
 * older ones, wired or not (User's Manual 14.10).  Every change drops what the
 * access tables hold of the old entry.
 */
#include <string.h>

#include "mips/cpu.h"

#define HI_MASK   UINT64_C(0xc0000fffffffe000) /* R and VPN2 */
#define LO_MASK   UINT64_C(0xc0000003ffffffff) /* UC, PFN, C, D, V, G */
#define MASK_BITS UINT32_C(0x01ffe000)
#define NEVER     (UINT64_C(1) << 60) /* no address has this bit alone */

static bool matches(const struct tlb_entry *e, uint64_t key)
{
    return ((key ^ e->tag) & e->cmp) == 0;
}

/* --- The index ------------------------------------------------------------ */

static uint8_t *chain_of(struct tlb_index *x, uint64_t va)
{
    return &x->head[(va >> 13 ^ va >> 20 ^ va >> 62) & (TLB_CHAINS - 1)];
}

static void index_add(struct mips_cpu *cpu, unsigned i)
{
    struct tlb_index *x = &cpu->tlb_index;
    uint8_t *head = chain_of(x, cpu->tlb[i].tag);

    if (cpu->tlb[i].mask) {
        x->large |= UINT64_C(1) << i;
        return;
    }
    x->next[i] = *head;
    *head = (uint8_t)i;
}

static void index_remove(struct mips_cpu *cpu, unsigned i)
{
    struct tlb_index *x = &cpu->tlb_index;
    uint8_t *link = chain_of(x, cpu->tlb[i].tag);

    if (cpu->tlb[i].mask) {
        x->large &= ~(UINT64_C(1) << i);
        return;
    }
    while (*link != i)
        link = &x->next[*link];
    *link = x->next[i];
}

struct tlb_entry *mips_tlb_lookup(struct mips_cpu *cpu, uint64_t va)
{
    uint64_t key = (va & HI_MASK) | (cpu->entryhi & 0xff);
    struct tlb_index *x = &cpu->tlb_index;
    unsigned i = x->last;

    if (matches(&cpu->tlb[i], key))
        return &cpu->tlb[i];
    for (i = *chain_of(x, va); i != TLB_NOBODY; i = x->next[i])
        if (matches(&cpu->tlb[i], key))
            goto found;
    for (uint64_t left = x->large; left; left &= left - 1) {
        i = (unsigned)__builtin_ctzll(left);
        if (matches(&cpu->tlb[i], key))
            goto found;
    }
    return NULL;
found:
    x->last = (uint8_t)i;
    return &cpu->tlb[i];
}

/* --- Entries -------------------------------------------------------------- */

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
    mips_tables_drop_va(cpu, e->tag & HI_MASK, entry_bytes(e),
                        tlb_entry_asid(e));
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
    memset(cpu->tlb_index.head, TLB_NOBODY, sizeof(cpu->tlb_index.head));
    cpu->tlb_index.large = 0;
    for (unsigned i = 0; i < TLB_ENTRIES; i++)
        clear_entry(&cpu->tlb[i], i);
}

/* An older entry for the same address goes. */
static void kill_if_overlaps(struct mips_cpu *cpu, unsigned i,
                             const struct tlb_entry *made)
{
    struct tlb_entry *e = &cpu->tlb[i];

    if (is_clear(e) || !overlap(e, made))
        return;
    cpu->status |= ST_TS;
    drop_tables(cpu, e);
    index_remove(cpu, i);
    clear_entry(e, i);
}

static void kill_others(struct mips_cpu *cpu, unsigned index,
                        const struct tlb_entry *made)
{
    struct tlb_index *x = &cpu->tlb_index;
    unsigned i, next;

    if (made->mask) {
        for (i = 0; i < TLB_ENTRIES; i++)
            if (i != index)
                kill_if_overlaps(cpu, i, made);
        return;
    }
    for (i = *chain_of(x, made->tag); i != TLB_NOBODY; i = next) {
        next = x->next[i];
        if (i != index)
            kill_if_overlaps(cpu, i, made);
    }
    for (uint64_t left = x->large; left; left &= left - 1) {
        i = (unsigned)__builtin_ctzll(left);
        if (i != index)
            kill_if_overlaps(cpu, i, made);
    }
}

void mips_tlb_set_entry(struct mips_cpu *cpu, uint32_t index,
                        const struct tlb_entry *entry)
{
    struct tlb_entry made = *entry, *old = &cpu->tlb[index];
    /* The L2TLB may go on serving the old one. */
    bool keep = cpu->l2 && mips_l2_holds(cpu, old);

    if (!is_clear(&made))
        kill_others(cpu, index, &made);
    if (!is_clear(old)) {
        if (!keep)
            drop_tables(cpu, old);
        index_remove(cpu, index);
    }
    *old = made;
    if (!is_clear(&made))
        index_add(cpu, index);
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
        mips_table_select(cpu, cpu->table->config);
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
        mips_tables_drop_va(cpu, cpu->entryhi & HI_MASK, 0x2000,
                            cpu->entryhi & 0xff);
    }
}
