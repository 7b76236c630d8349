/*
 * directory.h - who holds each cached machine line: the set of CPUs, and
 * whether one of them may have changed it.
 *
 * A hash of names, sized once for all lines that the caches together can hold.
 * It never runs full: caches report what they drop.  Thread: one at a time.
 */
#ifndef NUMA_DIRECTORY_H
#define NUMA_DIRECTORY_H

#include <disco/types.h>

#include "base/alloc.h"

enum { DIRECTORY_CPUS_MAX = 64 };

/* Invariant: sharers != 0; owned means one sharer, EXCLUSIVE or MODIFIED. */
struct directory_entry {
    uint64_t name;
    uint64_t sharers; /* bit = CPU; 0: the slot is free */
    uint32_t owned;
    uint32_t reserved;
};

struct directory {
    struct directory_entry *entry; /* owned */
    uint64_t capacity;             /* a power of two */
    uint64_t count;
};

/* For at most `lines` lines at a time.  NOMEM. */
disco_status directory_init(struct directory *d, struct alloc *alloc,
                            uint64_t lines);
void directory_destroy(struct directory *d, struct alloc *alloc);

/* NULL: nobody has it.  Valid until the next add or drop. */
struct directory_entry *directory_find(const struct directory *d,
                                       uint64_t name);
/* This CPU has it, too, or owns it alone: then nobody else may have it. */
void directory_add(struct directory *d, uint64_t name, uint32_t cpu,
                   uint32_t owned);
/* This CPU, which had it, has it no more. */
void directory_drop(struct directory *d, uint64_t name, uint32_t cpu);

#endif
