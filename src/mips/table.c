/*
 * table.c - the access tables: what loads, stores and fetches find without
 * asking anybody.  One table a mode; entries are dropped whenever what they
 * were made from changes.
 */
#include <string.h>

#include "mips/cpu.h"

static void drop_entry(struct access_entry *e)
{
    e->rtag = e->wtag = e->stag = NO_TAG;
}

/* The page an entry is about, whatever it allows; NO_TAG: none. */
static uint64_t entry_page(const struct access_entry *e)
{
    return e->rtag & e->wtag & e->stag;
}

void mips_table_flush(struct mips_cpu *cpu, struct access_table *table)
{
    if (!table->used)
        return;
    for (unsigned m = 0; cpu->line && m < MODES; m++)
        if (cpu->tables[m] == table)
            mips_line_flush(cpu, m);
    for (unsigned i = 0; i < ACCESS_ENTRIES; i++)
        drop_entry(&table->data[i]);
    for (unsigned i = 0; i < FETCH_ENTRIES; i++)
        table->fetch[i].tag = NO_TAG;
    table->own_tag = NO_TAG;
    table->used = false;
}

void mips_tables_flush(struct mips_cpu *cpu)
{
    for (unsigned m = 0; m < MODES; m++)
        mips_table_flush(cpu, cpu->tables[m]);
}

void mips_tables_drop_asid(struct mips_cpu *cpu)
{
    for (unsigned m = 0; m < MODES; m++) {
        struct access_table *t = cpu->tables[m];

        if (!t->used)
            continue;
        t->own_tag = NO_TAG;
        if (cpu->line)
            mips_line_drop_mapped(cpu, m);
        for (unsigned i = 0; i < ACCESS_ENTRIES; i++) {
            struct access_entry *e = &t->data[i];

            if (!mips_is_unmapped(entry_page(e)))
                drop_entry(e);
        }
        for (unsigned i = 0; i < FETCH_ENTRIES; i++)
            if (!mips_is_unmapped(t->fetch[i].tag))
                t->fetch[i].tag = NO_TAG;
    }
}

static void drop_page(struct access_table *t, uint64_t va)
{
    struct access_entry *e = &t->data[access_index(va)];
    struct fetch_entry *f = &t->fetch[va >> PAGE_BITS & (FETCH_ENTRIES - 1)];

    if (entry_page(e) == va)
        drop_entry(e);
    if (t->own_tag == va)
        t->own_tag = NO_TAG;
    if (f->tag == va)
        f->tag = NO_TAG;
}

/* A TLB tag lacks bits 61..44; the 32-bit segments at the top have them set. */
static uint64_t canonical(uint64_t va)
{
    if ((va & UINT64_C(0xc0000fff80000000)) == UINT64_C(0xc0000fff80000000))
        va |= UINT64_C(0x3ffff00000000000);
    return va;
}

void mips_tables_drop_va(struct mips_cpu *cpu, uint64_t va, uint64_t bytes)
{
    va = canonical(va);
    if (bytes > 64 * PAGE_SIZE) {
        mips_tables_flush(cpu);
        return;
    }
    for (unsigned m = 0; m < MODES; m++) {
        if (!cpu->tables[m]->used)
            continue;
        for (uint64_t off = 0; off < bytes; off += PAGE_SIZE) {
            drop_page(cpu->tables[m], (va + off) & PAGE_MASK);
            if (cpu->line)
                mips_line_drop_page(cpu, m, (va + off) & PAGE_MASK);
        }
    }
}

void mips_tables_drop_host(struct mips_cpu *cpu, const uint8_t *host,
                           bool write_only)
{
    for (unsigned m = 0; m < MODES; m++) {
        struct access_table *t = cpu->tables[m];

        if (!t->used)
            continue;
        t->own_tag = NO_TAG;
        if (cpu->line)
            mips_line_drop_host(cpu, m, host, write_only);
        for (unsigned i = 0; i < ACCESS_ENTRIES; i++) {
            struct access_entry *e = &t->data[i];
            uint64_t va = entry_page(e);

            if (va == NO_TAG || e->addend + (uintptr_t)va != (uintptr_t)host)
                continue;
            e->wtag = e->stag = NO_TAG;
            if (!write_only)
                e->rtag = NO_TAG;
        }
    }
}

void mips_tables_drop_code(struct mips_cpu *cpu, const struct code_page *page)
{
    for (unsigned m = 0; m < MODES; m++)
        for (unsigned i = 0; i < FETCH_ENTRIES; i++)
            if (cpu->tables[m]->fetch[i].page == page)
                cpu->tables[m]->fetch[i].tag = NO_TAG;
}
