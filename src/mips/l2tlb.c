/*
 * l2tlb.c - the second-level software TLB behind the guest's 64 entries.
 *
 * As in Disco (4.2.1): a miss of the 64 that hits here never reaches the
 * guest's refill handler.  A guest must not see what it believes gone; the
 * rules, by event:
 *   TLBWI          kills what overlaps the old and the new entry
 *   TLBWR          kills what overlaps the new entry
 *   TLBP misses    kills what matches the probed address
 *   all non-wired indices rewritten by TLBWI    kills everything: that is how
 *                  a kernel flushes, also when address space numbers roll over
 * Halves with V=0 are never served.  Only 4 KiB pages are kept; larger ones
 * live in the 64 alone.
 */
#include <string.h>

#include "mips/cpu.h"

enum { WAYS = 8 };

struct l2tlb {
    uint32_t sets; /* power of two */
    uint32_t bytes;
    uint64_t rewritten; /* indices written by TLBWI since the last flush */
    uint8_t *victim;    /* per set: way to replace next */
    struct tlb_entry entry[];
};

static struct tlb_entry *set_of(const struct l2tlb *l2, uint64_t va)
{
    uint64_t vpn2 = va >> 13;
    uint64_t h = vpn2 ^ vpn2 >> 9 ^ va >> 62;

    return (struct tlb_entry *)l2->entry + (h & (l2->sets - 1)) * WAYS;
}

static void clear(struct tlb_entry *e)
{
    e->tag = UINT64_C(1) << 60; /* never part of a key */
    e->cmp = UINT64_MAX;
}

int mips_l2_create(struct mips_cpu *cpu, uint32_t entries)
{
    uint32_t sets = entries / WAYS;
    uint64_t bytes = sizeof(struct l2tlb) +
                     (uint64_t)entries * sizeof(struct tlb_entry) + sets;
    struct l2tlb *l2 = cpu->host->alloc(cpu->host->ctx, bytes);

    if (!l2)
        return DISCO_E_NOMEM;
    l2->sets = sets;
    l2->bytes = (uint32_t)bytes;
    l2->victim = (uint8_t *)&l2->entry[entries];
    cpu->l2 = l2;
    mips_l2_flush(cpu);
    return 0;
}

void mips_l2_destroy(struct mips_cpu *cpu)
{
    if (cpu->l2)
        cpu->host->free(cpu->host->ctx, cpu->l2, cpu->l2->bytes);
    cpu->l2 = NULL;
}

void mips_l2_flush(struct mips_cpu *cpu)
{
    struct l2tlb *l2 = cpu->l2;

    for (uint32_t i = 0; i < l2->sets * WAYS; i++)
        clear(&l2->entry[i]);
    l2->rewritten = 0;
    mips_tables_flush(cpu);
}

const struct tlb_entry *mips_l2_lookup(struct mips_cpu *cpu, uint64_t va)
{
    uint64_t key = (va & UINT64_C(0xc0000fffffffe000)) | (cpu->entryhi & 0xff);
    struct tlb_entry *e = set_of(cpu->l2, va);

    for (unsigned way = 0; way < WAYS; way++)
        if (((key ^ e[way].tag) & e[way].cmp) == 0)
            return &e[way];
    return NULL;
}

bool mips_l2_holds(const struct mips_cpu *cpu, const struct tlb_entry *entry)
{
    const struct tlb_entry *e = set_of(cpu->l2, entry->tag);

    for (unsigned way = 0; way < WAYS; way++)
        if (e[way].tag == entry->tag && e[way].cmp == entry->cmp)
            return true;
    return false;
}

static void drop(struct mips_cpu *cpu, struct tlb_entry *e)
{
    mips_tables_drop_va(cpu, e->tag & ~UINT64_C(0xff), 0x2000,
                        tlb_entry_asid(e));
    clear(e);
}

void mips_l2_insert(struct mips_cpu *cpu, const struct tlb_entry *entry)
{
    struct l2tlb *l2 = cpu->l2;
    struct tlb_entry *set;
    unsigned way;
    uint8_t *victim;

    if (entry->mask || !((entry->lo[0] | entry->lo[1]) & 2))
        return;
    set = set_of(l2, entry->tag);
    for (way = 0; way < WAYS; way++)
        if (set[way].cmp == UINT64_MAX)
            break;
    if (way == WAYS) {
        victim = &l2->victim[(size_t)(set - l2->entry) / WAYS];
        way = *victim;
        *victim = (uint8_t)((way + 1) % WAYS);
        drop(cpu, &set[way]);
    }
    set[way] = *entry;
}

static void kill_set(struct mips_cpu *cpu, struct tlb_entry *set,
                     const struct tlb_entry *entry)
{
    for (unsigned way = 0; way < WAYS; way++)
        if (set[way].cmp != UINT64_MAX &&
            ((set[way].tag ^ entry->tag) & set[way].cmp & entry->cmp) == 0)
            drop(cpu, &set[way]);
}

void mips_l2_kill(struct mips_cpu *cpu, const struct tlb_entry *entry)
{
    struct l2tlb *l2 = cpu->l2;

    if (entry->mask == 0) {
        kill_set(cpu, set_of(l2, entry->tag), entry);
        return;
    }
    /* A larger page covers many sets. */
    for (uint32_t set = 0; set < l2->sets; set++)
        kill_set(cpu, &l2->entry[set * WAYS], entry);
}

void mips_l2_kill_va(struct mips_cpu *cpu, uint64_t va, uint8_t asid)
{
    struct tlb_entry probe;

    mips_tlb_make(&probe, va | asid, 0, 0, 0);
    mips_l2_kill(cpu, &probe);
}

void mips_l2_wrote_index(struct mips_cpu *cpu, uint32_t index)
{
    uint64_t wanted = UINT64_MAX << (cpu->wired & 63);

    cpu->l2->rewritten |= UINT64_C(1) << index;
    if ((cpu->l2->rewritten & wanted) == wanted)
        mips_l2_flush(cpu);
}

/* What the guest finds in its 64 and here must be the same. */
static bool agrees(const struct mips_cpu *cpu, const struct tlb_entry *e)
{
    for (unsigned i = 0; i < TLB_ENTRIES; i++) {
        const struct tlb_entry *t = &cpu->tlb[i];

        if (t->cmp == UINT64_MAX || ((e->tag ^ t->tag) & e->cmp & t->cmp))
            continue;
        if (e->tag != t->tag || e->cmp != t->cmp || e->lo[0] != t->lo[0] ||
            e->lo[1] != t->lo[1])
            return false;
    }
    return true;
}

const char *mips_l2_verify(const struct mips_cpu *cpu)
{
    const struct l2tlb *l2 = cpu->l2;

    for (uint32_t i = 0; i < l2->sets * WAYS; i++) {
        const struct tlb_entry *e = &l2->entry[i];
        const struct tlb_entry *set = &l2->entry[i / WAYS * WAYS];

        if (e->cmp == UINT64_MAX)
            continue;
        if (set_of(l2, e->tag) != set || e->mask)
            return "L2TLB: an entry in the wrong place";
        for (const struct tlb_entry *o = e + 1; o < set + WAYS; o++)
            if (o->cmp != UINT64_MAX &&
                ((o->tag ^ e->tag) & o->cmp & e->cmp) == 0)
                return "L2TLB: two entries for one address";
        if (!agrees(cpu, e))
            return "L2TLB: an entry that the TLB contradicts";
    }
    return NULL;
}
