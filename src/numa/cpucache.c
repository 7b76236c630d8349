/*
 * cpucache.c - see cpucache.h.
 */
#include "numa/cpucache.h"

#include <stddef.h>

enum { FRAME_INDEX_BITS = 32, FRAME_SHIFT = 12 };

disco_status cpu_cache_init(struct cpu_cache *c, struct alloc *alloc,
                            uint32_t sets, uint32_t ways, uint32_t line_bytes)
{
    uint32_t i;

    c->sets = sets;
    c->ways = ways;
    c->clock = 0;
    c->node_shift =
        FRAME_INDEX_BITS + FRAME_SHIFT - (uint32_t)__builtin_ctz(line_bytes);
    c->line = alloc_array(alloc, (uint64_t)sets * ways, sizeof(*c->line));
    if (!c->line)
        return DISCO_E_NOMEM;
    for (i = 0; i < sets * ways; i++) {
        c->line[i].clock = &c->clock;
        cpu_cache_set(&c->line[i], DISCO_LINE_NONE, LINE_INVALID);
    }
    return 0;
}

void cpu_cache_destroy(struct cpu_cache *c, struct alloc *alloc)
{
    alloc_free(alloc, c->line, (uint64_t)c->sets * c->ways * sizeof(*c->line));
    c->line = NULL;
}

/*
 * Pools of nodes are filled from the same index on: without the node's number
 * in it, pages spread over nodes would meet in a fraction of the sets.
 */
static disco_backend_line *set_of(const struct cpu_cache *c, uint64_t name)
{
    uint64_t node = name >> c->node_shift;
    uint64_t set = (name + node * (c->sets / 3)) & (c->sets - 1);

    return &c->line[set * c->ways];
}

disco_backend_line *cpu_cache_find(const struct cpu_cache *c, uint64_t name)
{
    disco_backend_line *line = set_of(c, name);
    uint32_t i;

    for (i = 0; i < c->ways; i++)
        if (line[i].name == name)
            return &line[i];
    return NULL;
}

disco_backend_line *cpu_cache_victim(const struct cpu_cache *c, uint64_t name)
{
    disco_backend_line *line = set_of(c, name), *oldest = line;
    uint32_t i;

    for (i = 0; i < c->ways; i++) {
        if (line[i].state == LINE_INVALID)
            return &line[i];
        if (line[i].used < oldest->used)
            oldest = &line[i];
    }
    return oldest;
}

void cpu_cache_set(disco_backend_line *line, uint64_t name,
                   enum line_state state)
{
    line->name = state == LINE_INVALID ? DISCO_LINE_NONE : name;
    line->state = state;
    line->rights = state == LINE_INVALID    ? 0
                   : state == LINE_MODIFIED ? DISCO_READ | DISCO_WRITE
                                            : DISCO_READ;
}
