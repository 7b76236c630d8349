/*
 * code.c - decoded pages of one vCPU: found by frame and mode, entered into the
 * fetch table, dropped when the page changes or moves.
 *
 * A page that is dropped may be the one that runs: it goes to the graveyard
 * until the interpreter is outside (mips_code_bury), and `resync` makes it
 * leave after the present instruction.
 */
#include <string.h>

#include "base/compiler.h"
#include "mips/interp.h"
#include "mips/jit/engine.h"
#include "mips/predecode.h"

static struct code_page **bucket(struct mips_cpu *cpu, uint64_t frame)
{
    uint64_t h = frame ^ frame >> 9;

    return &cpu->buckets[h & (CODE_BUCKETS - 1)];
}

static void drop(struct mips_cpu *cpu, struct code_page **link)
{
    struct code_page *page = *link;

    *link = page->hash_next;
    mips_tables_drop_code(cpu, page);
    page->hash_next = cpu->graveyard;
    cpu->graveyard = page;
    cpu->code_pages--;
    cpu->resync = true;
}

void mips_code_bury(struct mips_cpu *cpu)
{
    while (unlikely(cpu->graveyard != NULL)) {
        struct code_page *page = cpu->graveyard;

        cpu->graveyard = page->hash_next;
        cpu->host->free(cpu->host->ctx, page, sizeof(*page));
    }
}

static void drop_frame(struct mips_cpu *cpu, uint64_t frame)
{
    struct code_page **link = bucket(cpu, frame);

    while (*link)
        if ((*link)->frame == frame)
            drop(cpu, link);
        else
            link = &(*link)->hash_next;
}

void mips_code_drop_frame(struct mips_cpu *cpu, uint64_t frame)
{
    drop_frame(cpu, frame);
    jit_drop_frame(cpu, frame);
}

/* What is decoded; the monitor goes on to know of frames that are translated.
 */
static void drop_all(struct mips_cpu *cpu)
{
    for (unsigned i = 0; i < CODE_BUCKETS; i++) {
        while (cpu->buckets[i]) {
            uint64_t frame = cpu->buckets[i]->frame;

            drop_frame(cpu, frame);
            if (!jit_holds_frame(cpu, frame))
                cpu->host->code_release(cpu->host->ctx, frame);
        }
    }
}

void mips_code_drop_all(struct mips_cpu *cpu)
{
    jit_drop_all(cpu);
    drop_all(cpu);
}

bool mips_code_holds_frame(struct mips_cpu *cpu, uint64_t frame)
{
    const struct code_page *p;

    for (p = *bucket(cpu, frame); p; p = p->hash_next)
        if (p->frame == frame)
            return true;
    return false;
}

/* A store changed these bytes; the instruction before may have looked at the
 * first word as its delay slot. */
void mips_code_store(struct mips_cpu *cpu, uint64_t frame, uint32_t offset,
                     uint32_t bytes)
{
    unsigned first = offset / 4, last = (offset + bytes - 1) / 4;

    if (first > 0)
        first--;
    for (struct code_page *p = *bucket(cpu, frame); p; p = p->hash_next)
        if (p->frame == frame)
            for (unsigned i = first; i <= last; i++)
                p->slot[i].op = OP_DECODE;
    jit_code_store(cpu, frame, offset, bytes);
}

void mips_code_decode(struct mips_cpu *cpu, const struct slot *base,
                      unsigned index)
{
    struct code_page *page =
        container_of((struct slot *)base, struct code_page, slot[0]);
    bool big = page->key & CFG_KEY_BIG;
    const uint32_t *words = (const uint32_t *)(const void *)page->host;
    uint32_t isa = cpu->model->isa, next = 0, after = 0;
    struct slot *slot = &page->slot[index];

    if (index + 1 < PAGE_INSNS)
        next = GUEST_LOAD_4(&words[index + 1], big);
    predecode(slot, GUEST_LOAD_4(&words[index], big), next, index, page->key,
              isa);
    if (slot->op < OP_FUSED)
        return;
    /* It uses the next slot's operands. */
    if (index + 2 < PAGE_INSNS)
        after = GUEST_LOAD_4(&words[index + 2], big);
    predecode(slot + 1, next, after, index + 1, page->key, isa);
}

static struct code_page *find_page(struct mips_cpu *cpu, uint64_t frame)
{
    struct code_page *p;

    for (p = *bucket(cpu, frame); p; p = p->hash_next)
        if (p->frame == frame && p->key == cpu->config_key)
            return p;
    return NULL;
}

static struct code_page *alloc_page(struct mips_cpu *cpu)
{
    struct code_page *page;

    fpu_leave(&cpu->fpu);
    page = cpu->host->alloc(cpu->host->ctx, sizeof(*page));
    fpu_enter(&cpu->fpu);
    return page;
}

static struct code_page *make_page(struct mips_cpu *cpu,
                                   const disco_backend_page *where)
{
    struct code_page *page, **link;

    page = alloc_page(cpu);
    if (!page)
        return NULL;
    page->frame = where->frame;
    page->host = where->host;
    page->key = cpu->config_key;
    page->slot[PAGE_INSNS].op = OP_PAGE_END;
    link = bucket(cpu, where->frame);
    page->hash_next = *link;
    *link = page;
    cpu->code_pages++;
    /* Others lost their store rights; ours would last until the next poll. */
    mips_tables_drop_host(cpu, where->host, true);
    return page;
}

/*
 * The page may be executed but not kept: somebody holds it pinned for writing.
 * One instruction of it is decoded and run at a time.
 */
static struct code_page *make_transient(struct mips_cpu *cpu,
                                        const disco_backend_page *where)
{
    struct code_page *page = cpu->transient;

    if (!page)
        page = alloc_page(cpu);
    if (!page)
        return NULL;
    cpu->transient = page;
    page->host = where->host;
    page->key = cpu->config_key;
    page->transient = 1;
    page->slot[(cpu->pc & PAGE_OFFSET) / 4].op = OP_DECODE;
    return page;
}

enum mips_result mips_fetch_page(struct mips_cpu *cpu, uint64_t *va,
                                 disco_backend_page *where)
{
    uint32_t access = DISCO_EXEC | (cpu->mode == MODE_USER ? DISCO_USER : 0u);
    struct mips_xlate xl;
    enum mips_exc exc;

    *va = cpu->cur_pc = cpu->pc;
    cpu->cur_bd = cpu->delay;
    exc = *va & 3 ? EXC_ADEL : mips_translate(cpu, va, DISCO_EXEC, false, &xl);
    if (exc != EXC_NONE) {
        mips_raise_address(cpu, exc, *va, exc != EXC_ADEL && xl.refill);
        return RES_EXCEPTION;
    }
    switch (mips_resolve(cpu, xl.gpa, access, where)) {
    case DISCO_BEHIND_RAM:
        break;
    case DISCO_BEHIND_NO_MEMORY:
        cpu->exit_reason = DISCO_EXIT_NO_MEMORY;
        return RES_LEAVE;
    default:
        mips_raise(cpu, EXC_IBE);
        return RES_EXCEPTION;
    }
    /* Pages may have moved while we waited, this one's old code included. */
    if (unlikely(load_relaxed(cpu->request)))
        cpu->resync = true;
    if (where->rights & DISCO_EXEC && cpu->disco)
        mips_mtlb_touch(cpu, *va, xl.mapped);
    return RES_OK;
}

static enum mips_result fetch_slow(struct mips_cpu *cpu, struct code_page **out)
{
    disco_backend_page where;
    enum mips_result result;
    struct fetch_entry *f;
    uint64_t va;

    if (cpu->code_pages >= cpu->code_pages_max) {
        drop_all(cpu);
        mips_code_bury(cpu); /* nothing runs now */
    }
    result = mips_fetch_page(cpu, &va, &where);
    if (result != RES_OK)
        return result;
    if (where.rights & DISCO_EXEC) {
        *out = find_page(cpu, where.frame);
        if (!*out)
            *out = make_page(cpu, &where);
    } else {
        *out = make_transient(cpu, &where);
    }
    if (!*out) {
        cpu->exit_reason = DISCO_EXIT_NO_MEMORY;
        return RES_LEAVE;
    }
    (*out)->memory = where.memory;
    if ((*out)->transient)
        return RES_OK;
    f = &cpu->table->fetch[va >> PAGE_BITS & (FETCH_ENTRIES - 1)];
    f->tag = va & PAGE_MASK;
    f->page = *out;
    cpu->table->used = true;
    return RES_OK;
}

/* One block and nothing else. */
static enum mips_result fetch_cold(struct mips_cpu *cpu,
                                   struct code_page **page)
{
    if (cpu->jit.cold_began)
        return RES_LEAVE;
    cpu->jit.cold_began = true;
    *page = cpu->jit.cold;
    return RES_OK;
}

enum mips_result mips_fetch(struct mips_cpu *cpu, struct code_page **page)
{
    const struct fetch_entry *f =
        &cpu->table->fetch[cpu->pc >> PAGE_BITS & (FETCH_ENTRIES - 1)];

    if (cpu->jit.runs_cold)
        return fetch_cold(cpu, page);
    if (likely(f->tag == (cpu->pc & (PAGE_MASK | 3)))) {
        *page = f->page;
        return RES_OK;
    }
    return fetch_slow(cpu, page);
}
