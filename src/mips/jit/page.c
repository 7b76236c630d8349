/*
 * page.c - translated pages: found by content, and by the frames that show it.
 *
 * A page is shared by all frames of a machine that have the same content under
 * the same mode bits: copies of a kernel, replicas, forks.  Who stores to such
 * a frame leaves the page to the others.  A frame whose code keeps changing
 * gets a private page, which is not looked for; only what was made from the
 * words that changed is dropped.
 */
#include <string.h>

#include "base/compiler.h"
#include "mips/jit/engine.h"
#include "mips/jit/jit.h"

static uint64_t hash_content(const uint8_t *content, uint32_t key)
{
    uint64_t lane[4] = { key, 1, 2, 3 }, word;

    for (unsigned i = 0; i < PAGE_SIZE; i += 32)
        for (unsigned k = 0; k < 4; k++) {
            memcpy(&word, content + i + 8 * k, 8);
            lane[k] = (lane[k] ^ word) * UINT64_C(0x9e3779b97f4a7c15);
            lane[k] ^= lane[k] >> 29;
        }
    return (lane[0] ^ lane[1] * 3 ^ lane[2] * 5 ^ lane[3] * 7) *
           UINT64_C(0xff51afd7ed558ccd);
}

struct jit_page *jit_page_make(struct jit *jit, const uint8_t *content,
                               uint32_t key, bool is_private)
{
    struct jit_page *page = jit_page_room(jit);

    if (!page)
        return NULL;
    for (unsigned i = 0; i < PAGE_INSNS; i++)
        page->slot[i] = jit_miss(jit, i);
    page->key = key;
    page->refs = 1;
    page->is_private = is_private;
    page->words = is_private ? content : page->content;
    jit->figures.pages++;
    if (is_private)
        return page;
    memcpy(page->content, content, PAGE_SIZE);
    page->hash = hash_content(page->content, key);
    page->hash_next = jit->buckets[page->hash % PAGE_BUCKETS];
    jit->buckets[page->hash % PAGE_BUCKETS] = page;
    return page;
}

struct jit_page *jit_page_find(struct jit *jit, const uint8_t *content,
                               uint32_t key)
{
    uint64_t hash = hash_content(content, key);
    struct jit_page *p;

    for (p = jit->buckets[hash % PAGE_BUCKETS]; p; p = p->hash_next)
        if (p->hash == hash && p->key == key &&
            !memcmp(p->content, content, PAGE_SIZE)) {
            p->refs++;
            jit->figures.pages_shared++;
            return p;
        }
    return NULL;
}

/* Nobody's pages stay for the next one that shows the content. */
void jit_page_put(struct jit *jit, struct jit_page *page)
{
    page->refs--;
    if (page->is_private && !page->refs)
        jit_page_kill(jit, page, 0, PAGE_INSNS - 1);
}

/* --- Refs --------------------------------------------------------------------
 */

static struct jit_ref **bucket(struct mips_cpu *cpu, uint64_t frame)
{
    return &cpu->jit.refs[(frame ^ frame >> 8) % REF_BUCKETS];
}

struct jit_ref *jit_ref_find(struct mips_cpu *cpu, uint64_t frame, uint32_t key)
{
    struct jit_ref *r;

    for (r = *bucket(cpu, frame); r; r = r->next)
        if (r->frame == frame && r->key == key)
            return r;
    return NULL;
}

static struct jit_ref *add_ref(struct mips_cpu *cpu, uint64_t frame,
                               uint32_t key)
{
    struct jit_ref **link = bucket(cpu, frame);
    struct jit_ref *r = cpu->host->alloc(cpu->host->ctx, sizeof(*r));

    if (!r)
        return NULL;
    r->frame = frame;
    r->key = key;
    r->next = *link;
    *link = r;
    cpu->jit.ref_count++;
    return r;
}

/* Has its page not been evicted? */
static bool is_there(const struct mips_cpu *cpu, const struct jit_ref *r)
{
    return jit_page_serial(cpu->jit.shared, r->page) == r->serial;
}

/* The ref leads to no page any more. */
static void unlink_page(struct mips_cpu *cpu, struct jit_ref *r)
{
    if (!r->page)
        return;
    mips_tables_drop_jumps(cpu, r->page->slot);
    if (is_there(cpu, r))
        jit_page_put(cpu->jit.shared, r->page);
    r->page = NULL;
}

bool jit_holds_frame(const struct mips_cpu *cpu, uint64_t frame)
{
    const struct jit_ref *r;

    for (r = cpu->jit.refs[(frame ^ frame >> 8) % REF_BUCKETS]; r; r = r->next)
        if (r->frame == frame && r->page)
            return true;
    return false;
}

void jit_refs_drop_dead(struct mips_cpu *cpu)
{
    struct jit *jit = cpu->jit.shared;

    lock_take(&jit->lock);
    for (unsigned i = 0; i < REF_BUCKETS; i++)
        for (struct jit_ref *r = cpu->jit.refs[i]; r; r = r->next)
            if (r->page && !is_there(cpu, r))
                unlink_page(cpu, r);
    lock_give(&jit->lock);
}

void jit_drop_frame(struct mips_cpu *cpu, uint64_t frame)
{
    struct jit *jit = cpu->jit.shared;

    if (!jit)
        return;
    lock_take(&jit->lock);
    for (struct jit_ref *r = *bucket(cpu, frame); r; r = r->next)
        if (r->frame == frame)
            unlink_page(cpu, r);
    lock_give(&jit->lock);
}

/* Its ref goes; true: the frame's name is in *frame. */
static bool drop_one(struct mips_cpu *cpu, struct jit_ref **link,
                     uint64_t *frame)
{
    struct jit_ref *r = *link;

    if (!r)
        return false;
    *frame = r->frame;
    lock_take(&cpu->jit.shared->lock);
    unlink_page(cpu, r);
    lock_give(&cpu->jit.shared->lock);
    *link = r->next;
    cpu->jit.ref_count--;
    cpu->host->free(cpu->host->ctx, r, sizeof(*r));
    return true;
}

void jit_drop_all(struct mips_cpu *cpu)
{
    uint64_t frame;

    if (!cpu->jit.shared)
        return;
    for (unsigned i = 0; i < REF_BUCKETS; i++)
        while (drop_one(cpu, &cpu->jit.refs[i], &frame))
            if (!jit_holds_frame(cpu, frame) &&
                !mips_code_holds_frame(cpu, frame))
                cpu->host->code_release(cpu->host->ctx, frame);
}

/* --- Stores to code
 * ------------------------------------------------------------ */

static bool is_marked(const struct jit_page *page, unsigned first,
                      unsigned last)
{
    for (unsigned i = first; i <= last; i++)
        if (jit_bit(page->mark, i))
            return true;
    return false;
}

/* These words are about to change. */
static void page_store(struct mips_cpu *cpu, struct jit_ref *r, unsigned first,
                       unsigned last)
{
    struct jit_page *page = r->page;
    bool is_private = is_there(cpu, r) && page->is_private;

    if (is_private && !is_marked(page, first, last))
        return;
    r->was_written = true;
    cpu->resync = true;
    if (is_private)
        jit_page_kill(cpu->jit.shared, page, first, last);
    else
        unlink_page(cpu, r);
}

void jit_code_store(struct mips_cpu *cpu, uint64_t frame, uint32_t offset,
                    uint32_t bytes)
{
    if (!cpu->jit.shared)
        return;
    lock_take(&cpu->jit.shared->lock);
    for (struct jit_ref *r = *bucket(cpu, frame); r; r = r->next)
        if (r->frame == frame && r->page)
            page_store(cpu, r, offset / 4, (offset + bytes - 1) / 4);
    lock_give(&cpu->jit.shared->lock);
}

/* --- Fetch
 * --------------------------------------------------------------------- */

static struct jit_page *page_for(struct jit *jit, const struct jit_ref *r,
                                 const uint8_t *host)
{
    struct jit_page *page = NULL;

    if (!r->was_written)
        page = jit_page_find(jit, host, r->key);
    return page ? page : jit_page_make(jit, host, r->key, r->was_written);
}

struct jit_ref *jit_ref_get(struct mips_cpu *cpu, uint64_t frame,
                            const uint8_t *host)
{
    struct jit_ref *r = jit_ref_find(cpu, frame, cpu->config_key);
    struct jit *jit = cpu->jit.shared;

    if (!r && cpu->jit.ref_count >= REFS_MAX)
        jit_drop_all(cpu);
    if (!r)
        r = add_ref(cpu, frame, cpu->config_key);
    if (!r)
        return NULL;
    r->host = host;
    if (r->page)
        return r;
    lock_take(&jit->lock);
    r->page = page_for(jit, r, host);
    if (r->page)
        r->serial = jit_page_serial(jit, r->page);
    lock_give(&jit->lock);
    /* Others lost their store rights; ours would last until the next poll. */
    mips_tables_drop_host(cpu, host, true);
    return r->page ? r : NULL;
}
