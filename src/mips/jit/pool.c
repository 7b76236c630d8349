/*
 * pool.c - memory for code and translated pages, in chunks; what is oldest goes
 * first.  All with jit->lock.
 *
 * A chunk that is given up is dying: nothing leads into it any more, but a vCPU
 * may still be in its code, or hold a page in it.  It is free when every vCPU
 * that is inside run has passed the top of its loop since (jit_cpu.seen), where
 * it drops what is dead.  Nobody waits for that: who wants memory meanwhile
 * interprets.  A vCPU that enters run says so before it reads the epoch, so
 * that either it sees the new one or we see it.
 */
#include <string.h>

#include "base/compiler.h"
#include "mips/jit/jit.h"

enum {
    ROUTINES_CHUNK = 0,
    PAGE_STRIDE = (sizeof(struct jit_page) + 63) / 64 * 64,
    PAGES_IN_CHUNK = CHUNK_BYTES / PAGE_STRIDE
};

static uint8_t *chunk_memory(const struct jit *jit, uint32_t i)
{
    return jit->exec.write + (uint64_t)i * CHUNK_BYTES;
}

int jit_pool_create(struct jit *jit)
{
    uint64_t bytes = jit->machine->code_cache_bytes;
    const disco_backend_machine *m = jit->machine;

    bytes -= bytes % CHUNK_BYTES;
    jit->chunks = (uint32_t)(bytes / CHUNK_BYTES);
    jit->chunk = m->alloc(m->ctx, jit->chunks * sizeof(*jit->chunk));
    if (!jit->chunk)
        return -1;
    if (x64_exec_create(&jit->exec, bytes)) {
        m->free(m->ctx, jit->chunk, jit->chunks * sizeof(*jit->chunk));
        jit->chunk = NULL;
        return -1;
    }
    m->account(m->ctx, CHUNK_BYTES);
    jit->oldest = ROUTINES_CHUNK + 1;
    return 0;
}

uint64_t jit_pool_held(const struct jit *jit)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < jit->chunks; i++)
        if (i == ROUTINES_CHUNK || jit->chunk[i].was_used)
            bytes += CHUNK_BYTES;
    return bytes;
}

void jit_pool_destroy(struct jit *jit)
{
    const disco_backend_machine *m = jit->machine;

    if (!jit->chunk)
        return;
    m->account(m->ctx, -(int64_t)jit_pool_held(jit));
    x64_exec_destroy(&jit->exec);
    m->free(m->ctx, jit->chunk, jit->chunks * sizeof(*jit->chunk));
    jit->chunk = NULL;
}

/* --- Taking code away ------------------------------------------------------
 */

static void unlink_unit(struct jit_unit *unit)
{
    struct jit_unit **link = &unit->page->units;

    while (*link != unit)
        link = &(*link)->page_next;
    *link = unit->page_next;
}

void jit_unit_kill(struct jit *jit, struct jit_unit *unit)
{
    struct jit_page *page = unit->page;

    if (!page)
        return;
    for (unsigned i = 0; i < unit->entries; i++) {
        const uint8_t **slot = &page->slot[unit->entry[i].index];

        if (*slot == unit->entry[i].at)
            store_release(slot, jit_miss(jit, unit->entry[i].index));
    }
    unlink_unit(unit);
    unit->page = NULL;
}

void jit_page_kill(struct jit *jit, struct jit_page *page, unsigned first,
                   unsigned last)
{
    struct jit_unit *u, *next;

    for (u = page->units; u; u = next) {
        next = u->page_next;
        if (u->first <= last && first <= u->last)
            jit_unit_kill(jit, u);
    }
    if (!page->units)
        memset(page->mark, 0, sizeof(page->mark));
}

static void kill_page(struct jit *jit, struct jit_page *page)
{
    struct jit_page **link = &jit->buckets[page->hash % PAGE_BUCKETS];

    while (*link && *link != page)
        link = &(*link)->hash_next;
    if (*link)
        *link = page->hash_next;
    jit_page_kill(jit, page, 0, PAGE_INSNS - 1);
}

static void evict(struct jit *jit, uint32_t i)
{
    struct jit_chunk *c = &jit->chunk[i];

    if (c->use == CHUNK_CODE)
        for (struct jit_unit *u = c->units; u; u = u->next)
            jit_unit_kill(jit, u);
    if (c->use == CHUNK_PAGES)
        for (uint32_t at = 0; at < c->used; at += PAGE_STRIDE)
            kill_page(jit,
                      (struct jit_page *)(void *)(chunk_memory(jit, i) + at));
    c->units = NULL;
    c->use = CHUNK_DYING;
    c->dead_epoch = add_seq(&jit->epoch, 1) + 1;
    for (struct mips_cpu *cpu = jit->cpus; cpu; cpu = cpu->jit.next)
        store_relaxed(&cpu->jit.kick, 1);
    jit->figures.evictions++;
}

/* --- Finding room -----------------------------------------------------------
 */

static bool is_dead(const struct jit *jit, const struct jit_chunk *c)
{
    for (const struct mips_cpu *cpu = jit->cpus; cpu; cpu = cpu->jit.next)
        if (load_seq(&cpu->jit.in_run) &&
            load_seq(&cpu->jit.seen) < c->dead_epoch)
            return false;
    return true;
}

/* Give up the chunk that was taken longest ago, unless it is being filled. */
static void evict_oldest(struct jit *jit)
{
    for (uint32_t n = 0; n < jit->chunks; n++) {
        uint32_t i = jit->oldest;

        jit->oldest = i + 1 < jit->chunks ? i + 1 : ROUTINES_CHUNK + 1;
        if (i != jit->filling && i != jit->page_fill &&
            (jit->chunk[i].use == CHUNK_CODE ||
             jit->chunk[i].use == CHUNK_PAGES)) {
            evict(jit, i);
            return;
        }
    }
}

/* A chunk that can be used now, or 0.  One more is always made ready. */
static uint32_t take_chunk(struct jit *jit, enum chunk_use use)
{
    uint32_t found = 0, ready = 0, dying = 0;

    for (uint32_t i = ROUTINES_CHUNK + 1; i < jit->chunks; i++) {
        struct jit_chunk *c = &jit->chunk[i];

        if (c->use == CHUNK_DYING && is_dead(jit, c))
            c->use = CHUNK_FREE;
        dying += c->use == CHUNK_DYING;
        if (c->use != CHUNK_FREE)
            continue;
        ready++;
        if (!found)
            found = i;
    }
    if (ready <= 1 && !dying)
        evict_oldest(jit);
    if (!found)
        return 0;
    if (!jit->chunk[found].was_used)
        jit->machine->account(jit->machine->ctx, CHUNK_BYTES);
    x64_exec_touch(&jit->exec, (uint64_t)found * CHUNK_BYTES, CHUNK_BYTES,
                   use == CHUNK_CODE);
    jit->chunk[found] = (struct jit_chunk){ .use = use,
                                            .serial = ++jit->serial,
                                            .was_used = true };
    return found;
}

uint8_t *jit_code_room(struct jit *jit, uint32_t bytes, uint32_t *room)
{
    if (!jit->filling || CHUNK_BYTES - jit->chunk[jit->filling].used < bytes) {
        uint32_t i = take_chunk(jit, CHUNK_CODE);

        if (!i) {
            jit->figures.refusals++;
            return NULL;
        }
        jit->filling = i;
    }
    *room = CHUNK_BYTES - jit->chunk[jit->filling].used;
    return chunk_memory(jit, jit->filling) + jit->chunk[jit->filling].used;
}

void jit_code_used(struct jit *jit, uint32_t bytes, struct jit_unit *unit,
                   struct jit_page *page)
{
    struct jit_chunk *c = &jit->chunk[jit->filling];

    c->used += (bytes + 63) / 64 * 64;
    if (c->used > CHUNK_BYTES)
        c->used = CHUNK_BYTES;
    unit->next = c->units;
    c->units = unit;
    unit->page = page;
    unit->page_next = page->units;
    page->units = unit;
}

uint64_t jit_page_serial(const struct jit *jit, const struct jit_page *page)
{
    uint64_t at = (uint64_t)((const uint8_t *)page - jit->exec.write);
    const struct jit_chunk *c = &jit->chunk[at / CHUNK_BYTES];

    return c->use == CHUNK_PAGES ? c->serial : 0;
}

void *jit_page_room(struct jit *jit)
{
    struct jit_chunk *c = &jit->chunk[jit->page_fill];
    void *page;

    if (!jit->page_fill || c->used + PAGE_STRIDE > CHUNK_BYTES) {
        uint32_t i = take_chunk(jit, CHUNK_PAGES);

        if (!i) {
            jit->figures.refusals++;
            return NULL;
        }
        jit->page_fill = i;
        c = &jit->chunk[i];
    }
    page = chunk_memory(jit, jit->page_fill) + c->used;
    c->used += PAGE_STRIDE;
    memset(page, 0, sizeof(struct jit_page));
    return page;
}
