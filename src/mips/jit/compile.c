/*
 * compile.c - one unit from plan to place.  With jit->lock.
 */
#include <string.h>

#include "base/compiler.h"
#include "base/lock.h"
#include "mips/jit/emit.h"

/* Too big for a stack; one translation at a time. */
struct jit_compiler {
    struct jit_unit_plan plan;
    struct emit emit;
};

struct jit_compiler *jit_compiler_create(struct jit *jit)
{
    const disco_backend_machine *m = jit->machine;
    struct jit_compiler *c = m->alloc(m->ctx, sizeof(*c));

    if (c)
        memset(c->plan.block_of, 0xff, sizeof(c->plan.block_of));
    return c;
}

void jit_compiler_destroy(struct jit *jit)
{
    const disco_backend_machine *m = jit->machine;

    if (jit->compiler)
        m->free(m->ctx, jit->compiler, sizeof(*jit->compiler));
    jit->compiler = NULL;
}

/* Room that most units of this size fit into. */
static uint32_t estimate(const struct jit_unit_plan *u)
{
    uint32_t bytes = 2048 + u->insns * 160 + u->blocks * 192;

    if (u->has_indirect)
        bytes += 8 * u->table_words;
    return bytes < CHUNK_BYTES ? bytes : CHUNK_BYTES;
}

static struct jit_unit *write_unit(struct jit *jit, struct jit_unit_plan *u)
{
    uint32_t want = estimate(u), room;
    bool no_groups = false;

    for (;;) {
        uint8_t *at = jit_code_room(jit, want, &room);
        struct jit_unit *unit;
        struct x64_buf b;

        if (!at || !jit_page_serial(jit, u->page))
            return NULL; /* to make room may be to evict the page */
        x64_begin(&b, at, room, jit->exec.run - jit->exec.write);
        jit->compiler->emit.no_groups = no_groups;
        unit = jit_emit(&jit->compiler->emit, u, &b);
        if (unit) {
            jit->figures.code_bytes += (uint64_t)(b.at - at);
            jit_code_used(jit, (uint32_t)(b.at - at), unit, u->page);
            return unit;
        }
        if (b.is_full && room < CHUNK_BYTES)
            want = CHUNK_BYTES;
        else if (!no_groups)
            no_groups = true;
        else
            return NULL; /* a table of ours is too small for it */
    }
}

static void install(struct jit_unit_plan *u, const struct jit_unit *unit)
{
    struct jit_page *page = u->page;

    for (unsigned i = 0; i < u->insns; i++)
        jit_bit_set(page->mark, u->word[i]);
    for (unsigned i = 0; i < unit->entries; i++) {
        unsigned index = unit->entry[i].index;

        jit_bit_set(page->mark, index);
        if (!u->is_region)
            page->heat[index] =
                (struct jit_heat){ (uint8_t)jit_heat_step(u->jit), 0 };
        store_release(&page->slot[index], unit->entry[i].at);
    }
}

static struct jit_unit *compile(struct jit *jit, struct jit_unit_plan *u)
{
    struct jit_unit *unit;

    jit_flow(u);
    unit = write_unit(jit, u);
    if (unit)
        install(u, unit);
    return unit;
}

/* To who watches: not part of what a translation takes. */
static void show(struct jit *jit, const struct jit_unit *unit)
{
    if (unlikely(jit->watch.fn))
        jit_show(jit, &jit->compiler->emit, unit);
}

static struct jit_unit_plan *start(struct jit *jit, struct jit_page *page,
                                   uint64_t vpage)
{
    struct jit_unit_plan *u = &jit->compiler->plan;

    u->jit = jit;
    u->page = page;
    u->words = page->words;
    u->key = page->key;
    u->isa = jit->isa;
    u->vpage = (uint32_t)vpage;
    u->gva = vpage;
    return u;
}

int jit_compile_block(struct jit *jit, struct jit_page *page, unsigned index,
                      uint64_t vpage)
{
    struct jit_unit_plan *u = start(jit, page, vpage);
    uint64_t begin = host_ns();
    struct jit_unit *unit;

    if (!jit_page_serial(jit, page))
        return -1;
    jit_plan_block(u, index, BLOCK_INSNS_MAX);
    unit = compile(jit, u);
    if (!unit)
        return -1;
    jit->figures.units++;
    jit->figures.insns += u->insns;
    jit->figures.ns += host_ns() - begin;
    show(jit, unit);
    return 0;
}

int jit_compile_region(struct jit *jit, struct jit_page *page, unsigned index,
                       uint64_t vpage)
{
    struct jit_unit_plan *u = start(jit, page, vpage);
    uint64_t begin = host_ns();
    struct jit_unit *unit;

    if (!jit_page_serial(jit, page) || page->regions >= REGIONS_MAX)
        return -1;
    page->regions++;
    jit_plan_region(u, index);
    unit = compile(jit, u);
    if (!unit)
        return -1;
    jit->figures.regions++;
    jit->figures.region_insns += u->insns;
    jit->figures.region_ns += host_ns() - begin;
    show(jit, unit);
    return 0;
}

const uint8_t *jit_compile_once(struct jit *jit, struct jit_page *page,
                                unsigned index, uint64_t vpage, unsigned max)
{
    struct jit_unit_plan *u = start(jit, page, vpage);
    struct jit_unit *unit;

    if (!jit_page_serial(jit, page))
        return NULL;
    jit_plan_block(u, index, max);
    jit_flow(u);
    unit = write_unit(jit, u);
    if (!unit)
        return NULL;
    for (unsigned i = 0; i < u->insns; i++)
        jit_bit_set(page->mark, u->word[i]);
    show(jit, unit);
    return unit->entry[0].at;
}
