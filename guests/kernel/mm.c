/*
 * mm.c - pages of physical memory for the kernel: a free list over a span that
 * is clear of image, device tree and initial RAM disk.  With a monitor
 * beneath, pages are zeroed and given back by monitor calls.
 */
#include "kernel.h"

/* The kernel's own mapping reaches this far in either link variant. */
#define REACH 0x02000000ul

static struct {
    uint32_t lock;
    uint64_t next, end; /* never used yet */
    void **list;        /* given back */
    uint64_t free;
} pool;

int have_monitor;

static int overlaps(uint64_t at, uint64_t start, uint64_t bytes)
{
    return bytes && at < start + bytes && at + PAGE > start;
}

static int reserved(uint64_t at)
{
    return overlaps(at, board.fdt_phys, board.fdt_bytes) ||
           overlaps(at, board.initrd_phys, board.initrd_bytes);
}

void mm_init(void)
{
    pool.next = (ptr_phys(__image_end) + PAGE - 1) & ~(PAGE - 1);
    pool.end = board.ram_low < REACH ? board.ram_low : REACH;
    for (uint64_t at = pool.next; at < pool.end; at += PAGE)
        pool.free += reserved(at) ? 0 : PAGE;
}

uint64_t mm_free_bytes(void)
{
    return pool.free;
}

static void *take(void)
{
    void *page = NULL;

    spin_lock(&pool.lock);
    if (pool.list) {
        page = pool.list;
        pool.list = *pool.list;
    } else {
        while (pool.next < pool.end && reserved(pool.next))
            pool.next += PAGE;
        if (pool.next < pool.end) {
            page = phys_ptr(pool.next);
            pool.next += PAGE;
        }
    }
    if (page)
        pool.free -= PAGE;
    spin_unlock(&pool.lock);
    return page;
}

void *page_alloc(void)
{
    void *page = take();

    if (!page)
        return NULL;
    if (!have_monitor || MONITOR_CALL(DISCO_HC_ZERO_PAGE, ptr_phys(page)) != 0)
        memset(page, 0, PAGE);
    return page;
}

void page_free(void *page)
{
    /* The monitor may drop what is in it; then it reads as zero. */
    if (have_monitor)
        (void)MONITOR_CALL(DISCO_HC_RELEASE_PAGE, ptr_phys(page));
    spin_lock(&pool.lock);
    *(void **)page = pool.list;
    pool.list = page;
    pool.free += PAGE;
    spin_unlock(&pool.lock);
}

/* A copy of a page, by the monitor's mapping where there is one. */
void page_copy(void *to, const void *from)
{
    if (!have_monitor ||
        MONITOR_CALL2(DISCO_HC_REMAP, ptr_phys(to), ptr_phys(from)) != 0)
        memcpy(to, from, PAGE);
}

static uint64_t wrong_words(const uint64_t *page, uint64_t first)
{
    uint64_t wrong = 0;

    for (uint64_t i = 0; i < PAGE / 8; i++)
        wrong += page[i] != first + i;
    return wrong;
}

/* Copies that share until one is written, and no longer. */
void check_copies(void)
{
    uint64_t *one = page_alloc(), *two = page_alloc();

    if (!one || !two) {
        expect(0, "no memory for two pages");
        return;
    }
    for (uint64_t i = 0; i < PAGE / 8; i++)
        one[i] = i;
    page_copy(two, one);
    expect(!wrong_words(two, 0), "a copied page is not what it was copied of");
    for (uint64_t i = 0; i < PAGE / 8; i++)
        one[i] = 77 + i;
    expect(!wrong_words(two, 0), "a copy changed with its original");
    page_copy(one, two);
    two[5] = 1;
    expect(!wrong_words(one, 0), "an original changed with its copy");
    page_free(one);
    page_free(two);
}

/* A word in every MiB that is not used for pages: in the supervisor segment
 * these addresses come in by TLB refills. */
void check_memory(void)
{
    uint64_t step = 1 << 20, places = 0, wrong = 0;

    for (uint64_t at = REACH; at + PAGE <= board.ram_low; at += step)
        if (!reserved(at)) {
            *(volatile uint64_t *)phys_ptr(at + 8) = at * 3 + 1;
            places++;
        }
    for (uint64_t at = REACH; at + PAGE <= board.ram_low; at += step)
        if (!reserved(at))
            wrong += *(volatile uint64_t *)phys_ptr(at + 8) != at * 3 + 1;
    expect(wrong == 0, "memory does not keep what is written");
    print("memory: %lu places beyond the kernel's own kept their words\n",
          places - wrong);
}
