/*
 * fake_alloc.h - an allocator that counts, checks sizes, and fails on demand.
 */
#ifndef TESTS_FAKE_ALLOC_H
#define TESTS_FAKE_ALLOC_H

#include <disco/types.h>

struct fake_alloc {
    uint64_t calls;     /* atomic: allocations asked for */
    uint64_t fail_at;   /* this call (1..) fails; 0: none */
    uint64_t fail_from; /* and all from this one on; 0: none */
    uint64_t live;      /* atomic: allocations not freed */
    uint64_t live_bytes;
    uint64_t peak_bytes;
    uint64_t bad_frees; /* size differs from the allocation's */
};

/* An allocator over `fake`, which lives as long as what uses it. */
disco_allocator fake_alloc_ops(struct fake_alloc *fake);

#endif
