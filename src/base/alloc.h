/*
 * alloc.h - host memory: the embedder's allocator or malloc and mmap, with a
 * count of the bytes held.  Any allocation can fail; callers handle NULL.
 * Thread: any.
 */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <disco/types.h>

struct alloc {
    disco_allocator ops;
    uint64_t held_bytes; /* atomic */
    int is_zeroing;      /* the default ops: alloc gives zeroed memory */
    void (*place)(void *opaque, void *ptr, uint64_t bytes, uint32_t node);
    void *place_opaque;
};

/* `ops` may be NULL: malloc and mmap.  INVAL when it is incomplete. */
disco_status alloc_init(struct alloc *a, const disco_allocator *ops);

/*
 * Where pages of the default allocator shall lie on the host: called with every
 * piece of memory before it is used.  An embedder's allocator does so itself.
 */
void alloc_set_place(struct alloc *a,
                     void (*place)(void *opaque, void *ptr, uint64_t bytes,
                                   uint32_t node),
                     void *opaque);

/* Zeroed memory or NULL.  bytes > 0. */
void *alloc_zeroed(struct alloc *a, uint64_t bytes);
/* count * bytes with an overflow check. */
void *alloc_array(struct alloc *a, uint64_t count, uint64_t bytes);
/* NULL is fine. */
void alloc_free(struct alloc *a, void *ptr, uint64_t bytes);
/* Copy of a string; free with alloc_string_free. */
char *alloc_string(struct alloc *a, const char *text);
void alloc_string_free(struct alloc *a, char *text);

/* What the default allocator aligns pages to. */
enum { ALLOC_ALIGN_BYTES = 4 << 20 };

/* Zeroed 4096-aligned pages near `node`, or NULL. */
void *alloc_pages(struct alloc *a, uint64_t bytes, uint32_t node);
void alloc_pages_free(struct alloc *a, void *ptr, uint64_t bytes,
                      uint32_t node);

uint64_t alloc_held_bytes(const struct alloc *a);

#endif
