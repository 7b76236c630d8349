/*
 * alloc.c - see alloc.h.  The default allocator keeps nothing of its own, so
 * there is no state outside struct alloc.
 */
#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/compiler.h"
#include "base/config.h"

static void *default_alloc(void *opaque, uint64_t bytes)
{
    (void)opaque;
    return calloc(1, bytes);
}

static void default_free(void *opaque, void *ptr, uint64_t bytes)
{
    (void)opaque;
    (void)bytes;
    free(ptr);
}

/* In whole pages, however large the host's are. */
static uint64_t mapped_bytes(uint64_t bytes)
{
    return (bytes + 0xffff) & ~UINT64_C(0xffff);
}

/*
 * Aligned to ALLOC_ALIGN_BYTES: the line monitor wants it, and so do the host's
 * huge pages.  More is mapped than asked for, and what sticks out goes back.
 * NORESERVE: a machine may be larger than what the host wants to promise.
 */
static void *default_page_alloc(void *opaque, uint64_t bytes, uint32_t node)
{
    uint64_t all, before, after;
    uint8_t *p;

    (void)opaque;
    (void)node;
    bytes = mapped_bytes(bytes);
    if (__builtin_add_overflow(bytes, ALLOC_ALIGN_BYTES, &all))
        return NULL;
    p = mmap(NULL, all, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    before = -(uintptr_t)p & (ALLOC_ALIGN_BYTES - 1);
    after = ALLOC_ALIGN_BYTES - before;
    if (before)
        munmap(p, before);
    p += before;
    munmap(p + bytes, after);
    /* Guests' memory is used all over: a host TLB miss for each access of a
     * guest's would be dear.  Only a wish. */
    madvise(p, bytes, MADV_HUGEPAGE);
    return p;
}

static void default_page_free(void *opaque, void *ptr, uint64_t bytes,
                              uint32_t node)
{
    (void)opaque;
    (void)node;
    munmap(ptr, mapped_bytes(bytes));
}

disco_status alloc_init(struct alloc *a, const disco_allocator *ops)
{
    disco_status status;

    memset(a, 0, sizeof(*a));
    status = config_copy(&a->ops, sizeof(a->ops), ops);
    if (status)
        return status;
    if (a->ops.flags)
        return DISCO_E_INVAL;
    if (a->ops.alloc && a->ops.free && a->ops.page_alloc && a->ops.page_free)
        return 0;
    if (a->ops.alloc || a->ops.free || a->ops.page_alloc || a->ops.page_free)
        return DISCO_E_INVAL;
    a->ops.alloc = default_alloc;
    a->ops.free = default_free;
    a->ops.page_alloc = default_page_alloc;
    a->ops.page_free = default_page_free;
    a->is_zeroing = 1;
    return 0;
}

void alloc_set_place(struct alloc *a,
                     void (*place)(void *opaque, void *ptr, uint64_t bytes,
                                   uint32_t node),
                     void *opaque)
{
    if (!a->is_zeroing)
        return;
    a->place = place;
    a->place_opaque = opaque;
}

void *alloc_zeroed(struct alloc *a, uint64_t bytes)
{
    void *p = a->ops.alloc(a->ops.opaque, bytes);

    if (!p)
        return NULL;
    if (!a->is_zeroing)
        memset(p, 0, bytes);
    add_relaxed(&a->held_bytes, bytes);
    return p;
}

void *alloc_array(struct alloc *a, uint64_t count, uint64_t bytes)
{
    uint64_t total;

    if (__builtin_mul_overflow(count, bytes, &total) || !total)
        return NULL;
    return alloc_zeroed(a, total);
}

void alloc_free(struct alloc *a, void *ptr, uint64_t bytes)
{
    if (!ptr)
        return;
    a->ops.free(a->ops.opaque, ptr, bytes);
    add_relaxed(&a->held_bytes, 0 - bytes);
}

char *alloc_string(struct alloc *a, const char *text)
{
    uint64_t bytes = strlen(text) + 1;
    char *copy = alloc_zeroed(a, bytes);

    if (copy)
        memcpy(copy, text, bytes);
    return copy;
}

void alloc_string_free(struct alloc *a, char *text)
{
    if (text)
        alloc_free(a, text, strlen(text) + 1);
}

void *alloc_pages(struct alloc *a, uint64_t bytes, uint32_t node)
{
    void *p = a->ops.page_alloc(a->ops.opaque, bytes, node);

    if (!p)
        return NULL;
    add_relaxed(&a->held_bytes, bytes);
    if (a->place)
        a->place(a->place_opaque, p, bytes, node);
    return p;
}

void alloc_pages_free(struct alloc *a, void *ptr, uint64_t bytes, uint32_t node)
{
    if (!ptr)
        return;
    a->ops.page_free(a->ops.opaque, ptr, bytes, node);
    add_relaxed(&a->held_bytes, 0 - bytes);
}

uint64_t alloc_held_bytes(const struct alloc *a)
{
    return load_relaxed(&a->held_bytes);
}
