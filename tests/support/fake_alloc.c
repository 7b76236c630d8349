/*
 * fake_alloc.c - see fake_alloc.h.  Each block remembers its size in front.
 */
#include "fake_alloc.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { HEAD_BYTES = 16 };

static int must_fail(struct fake_alloc *f)
{
    uint64_t n = __atomic_add_fetch(&f->calls, 1, __ATOMIC_SEQ_CST);

    return n == f->fail_at || (f->fail_from && n >= f->fail_from);
}

static void count(struct fake_alloc *f, uint64_t bytes)
{
    uint64_t now;

    __atomic_add_fetch(&f->live, 1, __ATOMIC_SEQ_CST);
    now = __atomic_add_fetch(&f->live_bytes, bytes, __ATOMIC_SEQ_CST);
    if (now > __atomic_load_n(&f->peak_bytes, __ATOMIC_SEQ_CST))
        __atomic_store_n(&f->peak_bytes, now, __ATOMIC_SEQ_CST);
}

static void uncount(struct fake_alloc *f, uint64_t bytes, uint64_t was)
{
    if (bytes != was)
        __atomic_add_fetch(&f->bad_frees, 1, __ATOMIC_SEQ_CST);
    __atomic_sub_fetch(&f->live, 1, __ATOMIC_SEQ_CST);
    __atomic_sub_fetch(&f->live_bytes, was, __ATOMIC_SEQ_CST);
}

static void *fake_get(void *opaque, uint64_t bytes)
{
    struct fake_alloc *f = opaque;
    uint8_t *p;

    if (must_fail(f))
        return NULL;
    p = malloc(bytes + HEAD_BYTES);
    if (!p)
        return NULL;
    memset(p, 0xa5, bytes + HEAD_BYTES);
    memcpy(p, &bytes, sizeof(bytes));
    count(f, bytes);
    return p + HEAD_BYTES;
}

static void fake_free(void *opaque, void *ptr, uint64_t bytes)
{
    uint8_t *p = (uint8_t *)ptr - HEAD_BYTES;
    uint64_t was;

    memcpy(&was, p, sizeof(was));
    uncount(opaque, bytes, was);
    free(p);
}

static void *fake_pages(void *opaque, uint64_t bytes, uint32_t node)
{
    struct fake_alloc *f = opaque;
    void *p;

    (void)node;
    if (must_fail(f))
        return NULL;
    p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
             -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    count(f, bytes);
    return p;
}

static void fake_pages_free(void *opaque, void *ptr, uint64_t bytes,
                            uint32_t node)
{
    (void)node;
    uncount(opaque, bytes, bytes);
    munmap(ptr, bytes);
}

disco_allocator fake_alloc_ops(struct fake_alloc *fake)
{
    disco_allocator a;

    memset(fake, 0, sizeof(*fake));
    memset(&a, 0, sizeof(a));
    a.size = sizeof(a);
    a.opaque = fake;
    a.alloc = fake_get;
    a.free = fake_free;
    a.page_alloc = fake_pages;
    a.page_free = fake_pages_free;
    return a;
}
