/*
 * physmap.h - one VM's map from physical pages to machine frames (the paper's
 * pmap), filled on first touch.
 *
 * It does not take translations away (shootdown.h): who lowers the rights of an
 * entry posts to the VM's vCPUs.  Entries are read by running vCPUs without a
 * lock and changed by physmap_set alone, with mem->lock.
 */
#ifndef MEM_PHYSMAP_H
#define MEM_PHYSMAP_H

#include "mem/mem.h"
#include "mem/region.h"

/* Low bits of an entry; the frame is above MAP_SHIFT. */
enum {
    MAP_PRESENT = 1,
    MAP_WRITE = 2,       /* the guest may store to it */
    MAP_CODE = 4,        /* has holders of translated code: no plain stores */
    MAP_MOVING = 8,      /* being taken off: wait and look again */
    MAP_FOREIGN = 16,    /* host memory */
    MAP_SHARED = 32,     /* several vCPUs used it: stores are announced */
    MAP_COW = 64,        /* the guest may store, but first page_break */
    MAP_REPLICATED = 128 /* the frame is one of several copies */
};
/*
 * Above them the frame, and above that who used the page: 0 no vCPU yet, n + 1
 * vCPU n alone, MAP_USER_CHANGING: it is about to be MAP_SHARED.
 */
enum { MAP_SHIFT = 8, MAP_USER_SHIFT = 48, MAP_USER_CHANGING = 0x7f };
#define MAP_USER_MASK ((uint64_t)0x7f << MAP_USER_SHIFT)
enum { MAP_LEAF = 512 };

struct physmap_stats {
    uint64_t frames;
    uint64_t demand_zero;
    uint64_t released;
    uint64_t migrated;
    uint64_t pins;
    uint64_t dma_read_bytes;
    uint64_t dma_write_bytes;
    uint64_t cow_breaks;   /* copies made because a shared page was written */
    uint64_t cow_upgrades; /* ... and it was the last reference: no copy */
    uint64_t mapped_in;    /* shared frames mapped instead of copied */
    uint64_t zeroed;       /* by monitor calls, as the next two */
    uint64_t remapped;
    uint64_t joined;
};

/* Beside each entry: what is rarely looked at.  Guarded by mem->lock. */
struct map_page {
    struct map_ref next; /* other mappings of the same frame */
    struct map_ref prev;
    uint64_t holders;     /* vCPUs of the VM with translated code of it */
    uint16_t code_stores; /* stores under way that exclude new holders */
    uint16_t busy;        /* copies and waits under way: it stays mapped */
    uint8_t is_arming;    /* a holder waits for others to lose WRITE */
    uint8_t is_wanted;    /* somebody waits until it is not busy */
    uint8_t kind;         /* DISCO_KIND_*: what the VM uses it for */
};

struct map_leaf {
    uint64_t entry[MAP_LEAF];
    struct map_page page[MAP_LEAF];
};

struct physmap {
    struct mem *mem;
    struct context *ctx;
    struct map_leaf **root; /* NULL until touched */
    uint64_t root_count;
    uint32_t id; /* place in mem->maps */
    struct region_set regions;
    struct shoot_set vcpus;
    uint32_t home_node;
    uint64_t ram_bytes;
    struct physmap_stats stats; /* atomics */
    uint64_t node_frames[65];   /* atomics; the last is foreign */
};

disco_status physmap_init(struct physmap *pm, struct mem *mem,
                          uint32_t home_node);
/* No region and no page is mapped any more. */
void physmap_destroy(struct physmap *pm);

/* --- Names of mappings --- */

enum { MAP_REF_SHIFT = GPA_BITS - PAGE_SHIFT };

static inline struct map_ref map_ref_make(const struct physmap *pm,
                                          struct pfn pfn)
{
    struct map_ref ref = { (uint64_t)pm->id << MAP_REF_SHIFT | pfn.n };

    return ref;
}

static inline struct pfn map_ref_pfn(struct map_ref ref)
{
    struct pfn pfn = { ref.n & ((UINT64_C(1) << MAP_REF_SHIFT) - 1) };

    return pfn;
}

static inline struct physmap *map_ref_map(const struct mem *mem,
                                          struct map_ref ref)
{
    return mem->maps[ref.n >> MAP_REF_SHIFT];
}

/* The page's leaf is there. */
static inline struct map_page *map_page(const struct physmap *pm,
                                        struct pfn pfn)
{
    return &pm->root[pfn.n / MAP_LEAF]->page[pfn.n % MAP_LEAF];
}

static inline uint64_t physmap_entry(const struct physmap *pm, struct pfn pfn)
{
    struct map_leaf *leaf;

    if (unlikely(pfn.n / MAP_LEAF >= pm->root_count))
        return 0;
    leaf = load_acquire(&pm->root[pfn.n / MAP_LEAF]);
    return likely(leaf) ? load_acquire(&leaf->entry[pfn.n % MAP_LEAF]) : 0;
}

static inline struct mfn entry_mfn(uint64_t entry)
{
    struct mfn mfn = { (entry & ~MAP_USER_MASK) >> MAP_SHIFT };

    return mfn;
}

static inline uint64_t entry_user(uint64_t entry)
{
    return (entry & MAP_USER_MASK) >> MAP_USER_SHIFT;
}

/* May this vCPU use the page as it is?  Else page_claim. */
static inline int entry_is_claimed(uint64_t entry,
                                   const struct shoot_vcpu *self)
{
    return (entry & MAP_SHARED) || entry_user(entry) == self->index + 1;
}

/* Is it the only vCPU that uses the page? */
static inline int entry_is_exclusive(uint64_t entry,
                                     const struct shoot_vcpu *self)
{
    return !(entry & MAP_SHARED) && entry_user(entry) == self->index + 1;
}

static inline uint64_t entry_make(struct mfn mfn, uint64_t flags)
{
    return mfn.n << MAP_SHIFT | MAP_PRESENT | flags;
}

static inline struct frame *entry_frame(const struct physmap *pm,
                                        uint64_t entry)
{
    return frame_of(&pm->mem->frames, entry_mfn(entry));
}

static inline uint8_t *entry_host(const struct physmap *pm, uint64_t entry)
{
    return frame_host(&pm->mem->frames, entry_mfn(entry));
}

/* vCPUs that may hold translations of the page. */
static inline uint64_t entry_users(const struct physmap *pm, uint64_t entry)
{
    uint64_t user = entry_user(entry);

    if ((entry & MAP_SHARED) || user == MAP_USER_CHANGING)
        return pm->vcpus.mask;
    return user ? UINT64_C(1) << (user - 1) : 0;
}

/*
 * The one function that changes a mapping.  Keeps backmap, frame states and
 * figures; for a frame that goes off the map the caller then calls
 * frame_release.
 */
void physmap_set(struct physmap *pm, struct pfn pfn, uint64_t entry);

/* Nobody refers to the frame any more?  Then it and its copies go back. */
void frame_release(struct mem *mem, struct mfn mfn);

/*
 * A LOOSE frame as frame_take, growing the pool and, unless STRICT, asking
 * others to give memory back: a page that moves is not worth what they hold.  0
 * or NOMEM.  Called and returns with mem->lock, dropped in between; `self` as
 * in physmap_touch.
 */
disco_status mem_take(struct mem *mem, uint32_t node, uint32_t how,
                      struct shoot_vcpu *self, struct mfn *mfn);

/* The root reaches `end_pfn`.  Quiesced; without the lock. */
disco_status physmap_reach(struct physmap *pm, uint64_t end_pfn);

/*
 * Put something behind a page of RAM, ROM or host memory, from `node` when it
 * is new.  Returns 0 with an entry that is present and not moving, FAULT (no
 * such memory) or NOMEM.  Called and returns with mem->lock, dropped in
 * between; `self`: the vCPU whose thread this is (parked meanwhile), or NULL.
 */
disco_status physmap_touch(struct physmap *pm, struct pfn pfn, uint32_t node,
                           struct shoot_vcpu *self, uint64_t *entry);

/*
 * As physmap_touch, for a vCPU about to use the page: it becomes its only user,
 * or the page becomes shared and the only user so far is told to announce
 * stores from now on (claim.c).
 */
disco_status page_claim(struct physmap *pm, struct pfn pfn, uint32_t node,
                        struct shoot_vcpu *self, uint64_t *entry);

/* The page's leaf is there afterwards.  NOMEM.  Lock as physmap_touch. */
disco_status physmap_leaf(struct physmap *pm, struct pfn pfn,
                          struct shoot_vcpu *self);

/* The page is executed now; lock held. */
static inline void page_mark_text(struct physmap *pm, struct pfn pfn,
                                  int by_user)
{
    map_page(pm, pfn)->kind =
        by_user ? DISCO_KIND_USER_TEXT : DISCO_KIND_KERNEL_TEXT;
}

/* It was text and is written now: it is something else.  Lock held. */
static inline void page_mark_written(struct physmap *pm, struct pfn pfn)
{
    struct map_page *page = map_page(pm, pfn);

    if (page->kind == DISCO_KIND_USER_TEXT ||
        page->kind == DISCO_KIND_KERNEL_TEXT)
        page->kind = DISCO_KIND_DATA;
}

/* Drop mem->lock for a moment, parked, for another thread to get on. */
void physmap_yield(struct physmap *pm, struct shoot_vcpu *self,
                   unsigned *spins);

/*
 * Pages that guests keep busy are waited for so many steps, a good tenth of a
 * second, and then are BUSY.
 */
enum { PAGE_WAITS = 8192 };

/* Nobody moves or copies the page. */
static inline int page_is_quiet(const struct physmap *pm, struct pfn pfn)
{
    return !(physmap_entry(pm, pfn) & MAP_MOVING) && !map_page(pm, pfn)->busy;
}

/* We wait until it is quiet, 1, or do not any more. */
static inline void page_want(const struct physmap *pm, struct pfn pfn, int want)
{
    map_page(pm, pfn)->is_wanted = (uint8_t)want;
}

/*
 * Before somebody who keeps no other page busy makes this one so: who waits for
 * it goes first, or a guest that does so all the time would keep him out.
 */
void page_let_pass(struct physmap *pm, struct pfn pfn, struct shoot_vcpu *self);

/* --- code.c: who holds translated code of a page ------------------------- */

/*
 * Register `self` as holder: plain stores end for everybody.  Returns 0, FAULT,
 * NOMEM, or BUSY: the page is pinned for writing, code of it must not be kept.
 * *entry is valid until the next poll.  Lock as physmap_touch.
 */
disco_status code_hold(struct physmap *pm, struct pfn pfn, uint32_t node,
                       struct shoot_vcpu *self, uint64_t *entry);
/* Takes mem->lock itself, all of these.  Any pfn: names come from backends. */
void code_release(struct physmap *pm, struct pfn pfn, struct shoot_vcpu *self);
void code_store_begin(struct physmap *pm, struct pfn pfn,
                      struct shoot_vcpu *self);
void code_store_end(struct physmap *pm, struct pfn pfn,
                    struct shoot_vcpu *self);

/*
 * With mem->lock held and page->code_stores or write_pins raised: make all
 * holders but `self` drop their code.  Drops the lock while it waits.
 */
void code_drop_holders(struct physmap *pm, struct pfn pfn,
                       struct shoot_vcpu *self);
/* Holders may be gone: give plain stores back.  Lock held. */
void code_settle(struct physmap *pm, struct pfn pfn);

#endif
