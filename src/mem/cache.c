/*
 * cache.c - see cache.h.
 */
#include "mem/cache.h"

#include <string.h>

#include "base/bits.h"

enum {
    EVICT_MAX = 2,       /* per block that comes in: a backlog shrinks */
    SCAN_MAX = 64,       /* blocks the hand passes to find them */
    GIVE_BACK_MIN = 32,  /* frames at once, since asking again is dear */
    GIVE_BACK_SCAN = 256 /* blocks looked at under the lock */
};

disco_status cache_init(struct cache *cache, struct mem *mem, uint64_t limit)
{
    memset(cache, 0, sizeof(*cache));
    cache->mem = mem;
    cache->limit = limit;
    return lock_init(&cache->lock) ? DISCO_E_NOMEM : 0;
}

static struct cache_entry *entry_of(struct tree_node *node)
{
    return container_of(node, struct cache_entry, node);
}

static struct cache_entry *entry_new(struct cache *cache, struct tree_key key)
{
    struct cache_entry *entry = alloc_zeroed(cache->mem->alloc, sizeof(*entry));

    if (entry)
        entry->node.key = key;
    return entry;
}

static void entry_free(struct cache *cache, struct cache_entry *entry)
{
    alloc_free(cache->mem->alloc, entry, sizeof(*entry));
}

/* --- The ring ----------------------------------------------------------- */

/* Behind the hand: it comes by last. */
static void ring_add(struct cache *cache, struct cache_entry *entry)
{
    struct cache_entry *hand = cache->hand;

    if (hand) {
        entry->next = hand;
        entry->prev = hand->prev;
        hand->prev->next = entry;
        hand->prev = entry;
    } else {
        entry->next = entry->prev = entry;
        cache->hand = entry;
    }
    cache->ready++;
}

static void ring_remove(struct cache *cache, struct cache_entry *entry)
{
    if (cache->hand == entry)
        cache->hand = entry->next == entry ? NULL : entry->next;
    entry->prev->next = entry->next;
    entry->next->prev = entry->prev;
    cache->ready--;
}

/* Lock held: a ready entry goes; *gone lists what is to be released. */
static void take_out(struct cache *cache, struct cache_entry *entry,
                     struct cache_entry **gone)
{
    tree_remove(&cache->tree, entry->node.key);
    ring_remove(cache, entry);
    entry->next = *gone;
    *gone = entry;
}

/* Without the lock. */
static void release_all(struct cache *cache, struct cache_entry *gone)
{
    struct cache_entry *next;

    for (; gone; gone = next) {
        next = gone->next;
        keep_drop(cache->mem, &gone->mfn);
        entry_free(cache, gone);
    }
}

/*
 * Lock held: look at up to `scan` blocks and take out up to `want` whose frame
 * nobody else refers to.  `node` is as in keep_is_alone; `chance` lets those go
 * by that were used since the last time.
 */
struct sweep {
    uint64_t scan;
    uint64_t want;
    uint32_t node;
    int chance;
};

static uint64_t sweep(struct cache *cache, const struct sweep *s,
                      struct cache_entry **gone)
{
    uint64_t scan = min_u64(s->scan, cache->ready), found = 0;
    struct cache_entry *entry;

    for (; scan > 0 && found < s->want; scan--) {
        entry = cache->hand;
        cache->hand = entry->next;
        if (s->chance && entry->is_used) {
            entry->is_used = 0;
            continue;
        }
        if (!keep_is_alone(cache->mem, &entry->mfn, s->node))
            continue;
        take_out(cache, entry, gone);
        found++;
    }
    cache->stats.evictions += found;
    return found;
}

/* Lock held: back under the limit, as far as a few steps go. */
static void shrink(struct cache *cache, struct cache_entry **gone)
{
    struct sweep s = { SCAN_MAX, EVICT_MAX, KEEP_ANY_NODE, 1 };

    if (cache->ready <= cache->limit)
        return;
    s.want = min_u64(s.want, cache->ready - cache->limit);
    sweep(cache, &s, gone);
}

static uint64_t give_back(struct cache *cache, const struct sweep *wanted)
{
    uint64_t left, found = 0;

    lock_take(&cache->lock);
    left = cache->ready;
    lock_give(&cache->lock);
    while (left > 0 && found < wanted->want) {
        struct cache_entry *gone = NULL;
        struct sweep s = *wanted;

        s.scan = min_u64(left, GIVE_BACK_SCAN);
        s.want -= found;
        lock_take(&cache->lock);
        found += sweep(cache, &s, &gone);
        lock_give(&cache->lock);
        release_all(cache, gone);
        left -= s.scan;
    }
    return found;
}

uint64_t cache_give_back(void *opaque, uint32_t node, uint64_t frames)
{
    struct cache *cache = opaque;
    struct sweep s = { 0, max_u64(frames, GIVE_BACK_MIN), node, 0 };
    uint64_t found = give_back(cache, &s);

    if (found)
        return found;
    s.node = KEEP_ANY_NODE;
    return give_back(cache, &s);
}

/* --- Blocks ------------------------------------------------------------- */

/* Lock held: what is there, or CACHE_NOMEM when nothing is. */
static int look(struct cache *cache, struct tree_key key,
                struct cache_wait *wait, struct mfn *mfn)
{
    struct tree_node *node = tree_find(&cache->tree, key);
    struct cache_entry *entry;

    if (!node)
        return CACHE_NOMEM;
    entry = entry_of(node);
    if (entry->is_ready) {
        entry->is_used = 1;
        cache->stats.hits++;
        *mfn = keep_hold(cache->mem, &entry->mfn);
        return CACHE_HIT;
    }
    if (wait) {
        cache->stats.waits++;
        wait->next = entry->waiters;
        entry->waiters = wait;
    }
    return CACHE_WAIT;
}

int cache_get(struct cache *cache, struct tree_key key, struct cache_wait *wait,
              struct cache_entry **entry, struct mfn *mfn)
{
    struct cache_entry *spare = NULL;
    int found;

    for (;;) {
        lock_take(&cache->lock);
        found = look(cache, key, wait, mfn);
        if (found == CACHE_NOMEM && spare) {
            tree_insert(&cache->tree, &spare->node);
            cache->stats.misses++;
            *entry = spare;
            spare = NULL;
            found = CACHE_FILL;
        }
        lock_give(&cache->lock);
        if (found != CACHE_NOMEM)
            break;
        spare = entry_new(cache, key);
        if (!spare)
            return CACHE_NOMEM;
    }
    if (spare)
        entry_free(cache, spare);
    return found;
}

static void tell(struct cache_wait *wait, disco_status status, struct mfn mfn)
{
    struct cache_wait *next;

    for (; wait; wait = next) {
        next = wait->next; /* it may be gone after its call */
        wait->done(wait, status, mfn);
    }
}

disco_status cache_publish(struct cache *cache, struct cache_entry *entry,
                           uint32_t node, const void *data, struct mfn *mfn)
{
    struct cache_entry *gone = NULL;
    struct cache_wait *waiters, *wait;
    disco_status status = share_create(cache->mem, node, data, mfn);

    if (status) {
        cache_fail(cache, entry, status);
        return status;
    }
    lock_take(&cache->lock);
    waiters = entry->waiters;
    for (wait = waiters; wait; wait = wait->next)
        share_hold(cache->mem, *mfn);
    if (!entry->is_stale) {
        share_hold(cache->mem, *mfn);
        keep_set(cache->mem, &entry->mfn, *mfn);
        entry->waiters = NULL;
        entry->is_ready = 1;
        ring_add(cache, entry);
        shrink(cache, &gone);
        entry = NULL;
    }
    lock_give(&cache->lock);
    if (entry)
        entry_free(cache, entry);
    release_all(cache, gone);
    tell(waiters, 0, *mfn);
    return 0;
}

void cache_fail(struct cache *cache, struct cache_entry *entry,
                disco_status status)
{
    struct cache_wait *waiters;
    struct mfn none = { 0 };

    lock_take(&cache->lock);
    waiters = entry->waiters;
    if (!entry->is_stale)
        tree_remove(&cache->tree, entry->node.key);
    lock_give(&cache->lock);
    entry_free(cache, entry);
    tell(waiters, status, none);
}

void cache_drop(struct cache *cache, uint64_t image, uint64_t first,
                uint64_t last)
{
    struct tree_key from = { image, first }, to = { image, last };
    struct cache_entry *gone = NULL, *entry;
    struct tree_node *node;

    lock_take(&cache->lock);
    for (;;) {
        node = tree_at_least(&cache->tree, from);
        if (!node || tree_key_compare(node->key, to) > 0)
            break;
        entry = entry_of(node);
        if (entry->is_ready) {
            take_out(cache, entry, &gone);
        } else {
            tree_remove(&cache->tree, node->key);
            entry->is_stale = 1;
        }
    }
    lock_give(&cache->lock);
    release_all(cache, gone);
}

void cache_destroy(struct cache *cache)
{
    struct cache_entry *gone = NULL;

    while (cache->hand)
        take_out(cache, cache->hand, &gone);
    release_all(cache, gone);
    lock_destroy(&cache->lock);
}

void cache_stats_get(struct cache *cache, struct cache_stats *stats,
                     uint64_t *blocks)
{
    lock_take(&cache->lock);
    *stats = cache->stats;
    *blocks = cache->ready;
    lock_give(&cache->lock);
}

/* Lock held. */
static int ring_is_bad(const struct cache *cache)
{
    const struct cache_entry *entry = cache->hand;
    uint64_t n = 0;

    if (!entry)
        return cache->ready != 0;
    do {
        if (!entry->is_ready || entry->next->prev != entry ||
            tree_find(&cache->tree, entry->node.key) != &entry->node)
            return 1;
        entry = entry->next;
    } while (++n <= cache->ready && entry != cache->hand);
    return n != cache->ready;
}

disco_status cache_verify(struct cache *cache)
{
    int is_bad;

    lock_take(&cache->lock);
    is_bad = tree_check(&cache->tree) || ring_is_bad(cache) ||
             cache->ready > cache->tree.count;
    lock_give(&cache->lock);
    if (is_bad)
        return context_fail(cache->mem->ctx, DISCO_E_INTERNAL, 0,
                            "disk cache: tree, ring and counts contradict");
    return 0;
}
