/*
 * line.c - the access table with the granule of a line of the simulated cache
 * of the machine's CPU (disco_backend_host.line_access).
 *
 * An entry allows what page entries allow, and counts only while the cache says
 * that the line is there, with rights for what is done: what the model evicts
 * or ends is gone for us without a message.  A line that is present but not in
 * the table costs host time only.  Every use is marked, in the table or by the
 * model, so that how often the table misses changes nothing that is modelled.
 */
#include <string.h>

#include "base/compiler.h"
#include "mips/interp.h"

static void drop_entry(struct line_entry *e)
{
    e->rtag = e->wtag = e->stag = NO_TAG;
}

/* The line an entry is about, whatever it allows; NO_TAG: none. */
static uint64_t entry_line(const struct line_entry *e)
{
    return e->rtag & e->wtag & e->stag;
}

void mips_line_flush(struct mips_cpu *cpu, unsigned mode)
{
    for (unsigned i = 0; i < LINE_ENTRIES; i++)
        drop_entry(&cpu->line->data[mode][i]);
}

void mips_line_drop_mapped(struct mips_cpu *cpu, unsigned mode)
{
    for (unsigned i = 0; i < LINE_ENTRIES; i++) {
        struct line_entry *e = &cpu->line->data[mode][i];

        if (!mips_is_unmapped(entry_line(e)))
            drop_entry(e);
    }
}

void mips_line_drop_page(struct mips_cpu *cpu, unsigned mode, uint64_t va)
{
    for (unsigned i = 0; i < LINE_ENTRIES; i++) {
        struct line_entry *e = &cpu->line->data[mode][i];

        if ((entry_line(e) & PAGE_MASK) == va)
            drop_entry(e);
    }
}

void mips_line_drop_host(struct mips_cpu *cpu, unsigned mode,
                         const uint8_t *host, bool write_only)
{
    for (unsigned i = 0; i < LINE_ENTRIES; i++) {
        struct line_entry *e = &cpu->line->data[mode][i];
        uint64_t va = entry_line(e);

        if (va == NO_TAG ||
            e->addend + (uintptr_t)va - (uintptr_t)host >= PAGE_SIZE)
            continue;
        e->wtag = e->stag = NO_TAG;
        if (!write_only)
            e->rtag = NO_TAG;
    }
}

/* --- Switching --- */

static void forget_fetched(struct line_state *l)
{
    for (unsigned i = 0; i < LINE_FETCHES; i++)
        l->fetch[i].name = DISCO_LINE_NONE;
    l->now_key = 0;
}

void mips_line_destroy(struct mips_cpu *cpu)
{
    if (cpu->line)
        cpu->host->free(cpu->host->ctx, cpu->line, sizeof(*cpu->line));
    cpu->line = NULL;
}

int mips_line_switch(struct mips_cpu *cpu)
{
    const disco_backend_host *host = cpu->host;
    struct line_state *l = cpu->line;

    mips_tables_flush(cpu);
    if (!host->line_bytes) {
        mips_line_destroy(cpu);
    } else {
        if (!l)
            l = host->alloc(host->ctx, sizeof(*l));
        if (!l)
            return DISCO_E_NOMEM;
        cpu->line = l;
        l->shift = (unsigned)__builtin_ctz(host->line_bytes);
        l->mask = ~(uint64_t)(host->line_bytes - 1);
        l->sync = 0;
        for (unsigned m = 0; m < MODES; m++)
            mips_line_flush(cpu, m);
        forget_fetched(l);
    }
    cpu->line_epoch = host->line_epoch;
    return 0;
}

/* --- Asking --- */

disco_backend_line *mips_line_ask(struct mips_cpu *cpu, uint64_t memory,
                                  uint64_t offset, uint64_t gpa,
                                  uint32_t access)
{
    const disco_backend_host *host = cpu->host;
    const struct line_state *l = cpu->line;
    uint64_t name = memory << (PAGE_BITS - l->shift) | offset >> l->shift;
    disco_backend_line *line;
    uint64_t stall;

    fpu_leave(&cpu->fpu);
    stall = host->line_access(host->ctx, name, gpa, access | l->sync, &line);
    fpu_enter(&cpu->fpu);
    if (stall) {
        cpu->skew += stall;
        cpu->resync = true; /* the slice was cut for the old time */
    }
    return line;
}

void mips_line_fetch(struct mips_cpu *cpu, const struct slot *base,
                     unsigned index)
{
    const struct code_page *page =
        container_of((struct slot *)(uintptr_t)base, struct code_page, slot[0]);
    struct line_state *l = cpu->line;
    uint64_t name =
        page->memory << (PAGE_BITS - l->shift) | index * 4u >> l->shift;
    unsigned at = (unsigned)name & (LINE_FETCHES - 1);
    uint64_t va = cpu->cur_pc;
    struct mips_xlate xl;

    if (l->fetch[at].name == name && l->fetch[at].line->name == name) {
        l->fetch[at].line->used = ++*l->fetch[at].line->clock;
    } else {
        /* The translation may have gone since the page was entered. */
        if (mips_translate(cpu, &va, DISCO_EXEC, true, &xl) != EXC_NONE)
            xl.gpa = UINT64_MAX;
        l->fetch[at].line =
            mips_line_ask(cpu, page->memory, index * 4u, xl.gpa, DISCO_EXEC);
        l->fetch[at].name = name;
    }
    l->now = l->fetch[at].line;
    l->now_name = name;
    l->now_key = line_key(l, base, index);
}
