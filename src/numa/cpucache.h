/*
 * cpucache.h - the cache of one simulated CPU: sets of ways, the least recently
 * used line of a set is replaced.
 *
 * It holds names of machine lines and what may be done with them, no data.  Who
 * else has a line is directory.h's; what anything costs is model.h's.  The
 * backend marks uses by itself (disco_backend_line), so that replacement is
 * exact.  Thread: one at a time.
 */
#ifndef NUMA_CPUCACHE_H
#define NUMA_CPUCACHE_H

#include <disco/backend.h>

#include "base/alloc.h"

/* MESI.  Only MODIFIED lines have DISCO_WRITE, so that the first store to an
 * EXCLUSIVE one is seen. */
enum line_state { LINE_INVALID, LINE_SHARED, LINE_EXCLUSIVE, LINE_MODIFIED };

struct cpu_cache {
    disco_backend_line *line; /* sets * ways, set by set; owned */
    uint32_t sets;            /* a power of two */
    uint32_t ways;
    uint32_t node_shift; /* of a name: above it stands the node */
    uint64_t clock;      /* uses */
};

/* NOMEM or 0.  All numbers were checked; line_bytes 32..4096. */
disco_status cpu_cache_init(struct cpu_cache *c, struct alloc *alloc,
                            uint32_t sets, uint32_t ways, uint32_t line_bytes);
void cpu_cache_destroy(struct cpu_cache *c, struct alloc *alloc);

/* The line with this name, or NULL. */
disco_backend_line *cpu_cache_find(const struct cpu_cache *c, uint64_t name);
/* Where it would go: an invalid way, or the least recently used one. */
disco_backend_line *cpu_cache_victim(const struct cpu_cache *c, uint64_t name);

void cpu_cache_set(disco_backend_line *line, uint64_t name,
                   enum line_state state);
static inline void cpu_cache_use(disco_backend_line *line)
{
    line->used = ++*line->clock;
}

#endif
