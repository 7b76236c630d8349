/*
 * table.c - the access tables: what loads, stores and fetches find without
 * asking anybody.  One table a mode and address space; entries are dropped
 * whenever what they were made from changes.
 *
 * The tables of the last TABLE_SETS ASIDs are kept.  A set that is given to
 * another ASID is flushed.
 */
#include <stddef.h>
#include <string.h>

#include "base/compiler.h"
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

static void drop_near(struct access_table *t)
{
    memset(t->near.rtag, 0xff, sizeof(t->near.rtag) + sizeof(t->near.wtag));
    t->near.pages = 0;
    t->near.drops++;
}
_Static_assert(offsetof(struct near_table, wtag) ==
                   sizeof(((struct near_table *)0)->rtag),
               "tags of NO_TAG in one go");

static void flush(struct mips_cpu *cpu, struct access_table *table)
{
    if (!table->used)
        return;
    for (unsigned m = 0; cpu->line && m < MODES; m++)
        if (cpu->table == table && cpu->mode == m)
            mips_line_flush(cpu, m);
    for (unsigned i = 0; i < ACCESS_ENTRIES; i++)
        drop_entry(&table->data[i]);
    for (unsigned i = 0; i < FETCH_ENTRIES; i++)
        table->fetch[i].tag = NO_TAG;
    for (unsigned i = 0; i < JUMP_ENTRIES; i++)
        table->jump[i].tag = NO_TAG;
    drop_near(table);
    table->own_tag = NO_TAG;
    table->used = false;
}

static struct access_table *make(struct mips_cpu *cpu)
{
    struct access_table *table =
        cpu->host->alloc(cpu->host->ctx, sizeof(*table));

    if (!table)
        return NULL;
    table->used = true; /* tags of zero would match */
    flush(cpu, table);
    return table;
}

int mips_tables_create(struct mips_cpu *cpu)
{
    memset(cpu->set_of_asid, NO_SET, sizeof(cpu->set_of_asid));
    for (unsigned i = 0; i < TABLE_SETS; i++)
        cpu->asid_of_set[i] = ASIDS;
    for (unsigned m = 0; m < MODES; m++) {
        cpu->tables[m][0] = make(cpu);
        if (!cpu->tables[m][0])
            return DISCO_E_NOMEM;
    }
    cpu->asid_of_set[0] = 0;
    cpu->set_of_asid[0] = 0;
    cpu->set_next = 1;
    cpu->table = cpu->tables[cpu->mode][0];
    return 0;
}

void mips_tables_destroy(struct mips_cpu *cpu)
{
    for (unsigned m = 0; m < MODES; m++)
        for (unsigned i = 0; i < TABLE_SETS; i++)
            if (cpu->tables[m][i])
                cpu->host->free(cpu->host->ctx, cpu->tables[m][i],
                                sizeof(*cpu->tables[m][i]));
}

/* All tables that there are. */
#define FOR_TABLES(cpu, m, i, t)                  \
    for (unsigned m = 0; m < MODES; m++)          \
        for (unsigned i = 0; i < TABLE_SETS; i++) \
            if (((t) = (cpu)->tables[m][i]) && (t)->used)

/* The set of an ASID, taken from another one if need be. */
static unsigned set_for(struct mips_cpu *cpu, unsigned asid)
{
    unsigned set = cpu->set_of_asid[asid];

    if (likely(set != NO_SET))
        return set;
    set = cpu->set_next;
    cpu->set_next = (uint8_t)((set + 1) % TABLE_SETS);
    if (cpu->asid_of_set[set] != ASIDS)
        cpu->set_of_asid[cpu->asid_of_set[set]] = NO_SET;
    for (unsigned m = 0; m < MODES; m++)
        if (cpu->tables[m][set])
            flush(cpu, cpu->tables[m][set]);
    cpu->asid_of_set[set] = (uint16_t)asid;
    cpu->set_of_asid[asid] = (uint8_t)set;
    return set;
}

void mips_table_select(struct mips_cpu *cpu, uint32_t config)
{
    unsigned set = set_for(cpu, cpu->entryhi & 0xff);
    struct access_table *table = cpu->tables[cpu->mode][set];

    if (likely(table && table->config == config && !cpu->line)) {
        cpu->set = (uint8_t)set;
        cpu->table = table;
        return;
    }

    if (unlikely(!table)) {
        table = cpu->tables[cpu->mode][set] = make(cpu);
        /* Without memory for it set 0 serves this ASID. */
        if (!table) {
            cpu->set_next = 0;
            cpu->asid_of_set[set] = ASIDS;
            cpu->set_of_asid[cpu->entryhi & 0xff] = NO_SET;
            set = set_for(cpu, cpu->entryhi & 0xff);
            table = cpu->tables[cpu->mode][set];
        }
    }
    if (unlikely(cpu->line) && set != cpu->set)
        for (unsigned m = 0; m < MODES; m++)
            mips_line_drop_mapped(cpu, m);
    cpu->set = (uint8_t)set;
    cpu->table = table;
    if (table->config != config) {
        flush(cpu, table);
        table->config = config;
    }
}

void mips_tables_flush(struct mips_cpu *cpu)
{
    struct access_table *t;

    for (unsigned m = 0; cpu->line && m < MODES; m++)
        mips_line_flush(cpu, m);
    FOR_TABLES(cpu, m, i, t)
    flush(cpu, t);
}

static void drop_page(struct access_table *t, uint64_t va)
{
    struct access_entry *e = &t->data[access_index(va)];
    unsigned at = va >> PAGE_BITS & (FETCH_ENTRIES - 1);
    unsigned jump = va >> PAGE_BITS & (JUMP_ENTRIES - 1);

    if (entry_page(e) == va)
        drop_entry(e);
    if (t->near.pages >> (va >> PAGE_BITS & 63) & 1)
        drop_near(t);
    if (t->own_tag == va)
        t->own_tag = NO_TAG;
    if (t->fetch[at].tag == va)
        t->fetch[at].tag = NO_TAG;
    if (t->jump[jump].tag == va)
        t->jump[jump].tag = NO_TAG;
}

/* A TLB tag lacks bits 61..44; the 32-bit segments at the top have them set. */
static uint64_t canonical(uint64_t va)
{
    if ((va & UINT64_C(0xc0000fff80000000)) == UINT64_C(0xc0000fff80000000))
        va |= UINT64_C(0x3ffff00000000000);
    return va;
}

static void drop_range(struct mips_cpu *cpu, unsigned set, uint64_t va,
                       uint64_t bytes)
{
    for (unsigned m = 0; m < MODES; m++) {
        struct access_table *t = cpu->tables[m][set];

        if (!t || !t->used)
            continue;
        if (bytes > 64 * PAGE_SIZE) {
            flush(cpu, t);
            continue;
        }
        for (uint64_t off = 0; off < bytes; off += PAGE_SIZE)
            drop_page(t, (va + off) & PAGE_MASK);
    }
}

static void drop_lines(struct mips_cpu *cpu, uint64_t va, uint64_t bytes)
{
    for (unsigned m = 0; m < MODES; m++) {
        if (bytes > 64 * PAGE_SIZE)
            mips_line_flush(cpu, m);
        else
            for (uint64_t off = 0; off < bytes; off += PAGE_SIZE)
                mips_line_drop_page(cpu, m, (va + off) & PAGE_MASK);
    }
}

void mips_tables_drop_va(struct mips_cpu *cpu, uint64_t va, uint64_t bytes,
                         unsigned asid)
{
    va = canonical(va);
    if (unlikely(cpu->line))
        drop_lines(cpu, va, bytes);
    if (asid == ASIDS) {
        for (unsigned i = 0; i < TABLE_SETS; i++)
            drop_range(cpu, i, va, bytes);
    } else if (cpu->set_of_asid[asid] != NO_SET) {
        drop_range(cpu, cpu->set_of_asid[asid], va, bytes);
    }
}

static void drop_host(struct access_table *t, const uint8_t *host,
                      bool write_only)
{
    t->own_tag = NO_TAG;
    drop_near(t);
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

void mips_tables_drop_host(struct mips_cpu *cpu, const uint8_t *host,
                           bool write_only)
{
    struct access_table *t;

    for (unsigned m = 0; cpu->line && m < MODES; m++)
        mips_line_drop_host(cpu, m, host, write_only);
    FOR_TABLES(cpu, m, i, t)
    drop_host(t, host, write_only);
}

void mips_tables_drop_code(struct mips_cpu *cpu, const struct code_page *page)
{
    struct access_table *t;

    FOR_TABLES(cpu, m, i, t)
    for (unsigned k = 0; k < FETCH_ENTRIES; k++)
        if (t->fetch[k].page == page)
            t->fetch[k].tag = NO_TAG;
}

void mips_tables_drop_jumps(struct mips_cpu *cpu, const uint8_t *const *slot)
{
    struct access_table *t;

    FOR_TABLES(cpu, m, i, t)
    for (unsigned k = 0; k < JUMP_ENTRIES; k++)
        if (t->jump[k].slot == slot)
            t->jump[k].tag = NO_TAG;
}
