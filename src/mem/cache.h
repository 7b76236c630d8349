/*
 * cache.h - the machine's cache of blocks (the paper's global disk cache): 4
 * KiB of any image in a machine frame, found by (image, block), so that who
 * reads a block second gets the frame of the first.
 *
 * It knows neither files nor disks: who misses is told to bring the content,
 * and others that want it meanwhile wait for him, so a block is read once.  An
 * image is a number; CACHE_CONTENT is the one of pages found by their content.
 *
 * Bounded: beyond `limit` blocks it evicts, by a clock, frames that nobody else
 * refers to.  A frame that some VM maps costs nothing by being cached, and
 * stays; one that a request on its way holds goes later.  It also gives frames
 * back when a node has none left.
 *
 * Lock: its own, taken before mem->lock and never with it.  Not held while the
 * content is read, a waiter called, memory of the host asked for or given back.
 * Thread: any.
 */
#ifndef MEM_CACHE_H
#define MEM_CACHE_H

#include "mem/keep.h"
#include "mem/tree.h"

enum { CACHE_CONTENT = 0, CACHE_IMAGE_FIRST = 1 };

/* One block.  While it is filled, it belongs to who fills it. */
struct cache_entry {
    struct tree_node node;           /* first: entries are found as nodes */
    struct cache_entry *next, *prev; /* the clock's ring, when it is ready */
    struct cache_wait *waiters;
    struct mfn mfn; /* kept */
    uint8_t is_ready;
    uint8_t is_used;  /* since the clock's hand came by */
    uint8_t is_stale; /* dropped while it was filled: not in the tree */
};

/*
 * Somebody who waits for a block.  `done` is called once, without locks, on the
 * thread that brought it: status 0 and a reference to the frame, or why not.
 */
struct cache_wait {
    struct cache_wait *next;
    void (*done)(struct cache_wait *wait, disco_status status, struct mfn mfn);
};

struct cache_stats {
    uint64_t hits;
    uint64_t misses;
    uint64_t waits; /* came while it was read */
    uint64_t evictions;
};

struct cache {
    struct mem *mem;
    struct lock lock;
    struct tree tree;
    struct cache_entry *hand; /* of the ring; NULL: it is empty */
    uint64_t ready;           /* blocks in the ring */
    uint64_t limit;
    struct cache_stats stats;
};

disco_status cache_init(struct cache *cache, struct mem *mem, uint64_t limit);
/* Nobody fills or waits. */
void cache_destroy(struct cache *cache);

/*
 * Look for a block.
 *   CACHE_HIT   *mfn is a reference for the caller.
 *   CACHE_FILL  *entry is the caller's to fill: exactly one of cache_publish
 *               and cache_fail follows.
 *   CACHE_WAIT  somebody fills it; `wait` is told, perhaps already.  With wait
 *               NULL nobody is.
 *   CACHE_NOMEM no memory of the host for an entry.
 */
enum { CACHE_HIT, CACHE_FILL, CACHE_WAIT, CACHE_NOMEM };
int cache_get(struct cache *cache, struct tree_key key, struct cache_wait *wait,
              struct cache_entry **entry, struct mfn *mfn);

/*
 * The content of an entry being filled: 4096 bytes.  Puts it in a frame of
 * `node` or near it, and gives the caller a reference.  NOMEM: as cache_fail.
 */
disco_status cache_publish(struct cache *cache, struct cache_entry *entry,
                           uint32_t node, const void *data, struct mfn *mfn);
/* There will be no content; `status` says why. */
void cache_fail(struct cache *cache, struct cache_entry *entry,
                disco_status status);

/* Forget blocks first..last of an image.  Those being filled reach who waits
 * for them, and nobody later. */
void cache_drop(struct cache *cache, uint64_t image, uint64_t first,
                uint64_t last);

/*
 * Give back up to `frames` frames that only the cache refers to, of `node` if
 * there are such.  Returns how many.  For mem->reclaim.
 */
uint64_t cache_give_back(void *opaque, uint32_t node, uint64_t frames);

/* Figures as of now. */
void cache_stats_get(struct cache *cache, struct cache_stats *stats,
                     uint64_t *blocks);

/* Tree, ring and counts agree: 0, or INTERNAL with text.  For walks. */
disco_status cache_verify(struct cache *cache);

#endif
