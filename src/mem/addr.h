/*
 * addr.h - the page numbers of two address spaces as types that do not mix:
 * what a VM takes for physical memory, and real machine frames.
 */
#ifndef MEM_ADDR_H
#define MEM_ADDR_H

#include <stdint.h>

enum { PAGE_SHIFT = 12, PAGE_BYTES = 1 << PAGE_SHIFT };
enum { GPA_BITS = 40 };
#define GPA_END (UINT64_C(1) << GPA_BITS)

/* Page of a VM's physical memory. */
struct pfn {
    uint64_t n;
};

/* Machine frame: node << 32 | index in the node. */
struct mfn {
    uint64_t n;
};

enum { MFN_NODE_SHIFT = 32, MFN_BITS = 40 };

static inline struct pfn pfn_of_gpa(uint64_t gpa)
{
    struct pfn pfn = { gpa >> PAGE_SHIFT };

    return pfn;
}

static inline uint64_t gpa_of_pfn(struct pfn pfn)
{
    return pfn.n << PAGE_SHIFT;
}

static inline struct mfn mfn_make(uint32_t node, uint64_t index)
{
    struct mfn mfn = { (uint64_t)node << MFN_NODE_SHIFT | index };

    return mfn;
}

static inline uint32_t mfn_node(struct mfn mfn)
{
    return (uint32_t)(mfn.n >> MFN_NODE_SHIFT);
}

static inline uint64_t mfn_index(struct mfn mfn)
{
    return mfn.n & UINT32_MAX;
}

#endif
