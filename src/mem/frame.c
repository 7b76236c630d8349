/*
 * frame.c - see frame.h.
 */
#include "mem/frame.h"

#include <string.h>

#include "base/bits.h"

static uint32_t foreign_node(const struct frames *f)
{
    return f->nodes;
}

static uint64_t records_bytes(uint32_t count)
{
    return (uint64_t)count * sizeof(struct frame);
}

_Static_assert(sizeof(struct frame) >= sizeof(struct frame_garbage),
               "garbage lies in the first record");

disco_status frames_init(struct frames *f, struct alloc *alloc, uint32_t nodes,
                         uint64_t node_frames)
{
    uint32_t i;

    memset(f, 0, sizeof(*f));
    f->alloc = alloc;
    f->nodes = nodes;
    f->pool = alloc_array(alloc, nodes + 1, sizeof(*f->pool));
    if (!f->pool)
        return DISCO_E_NOMEM;
    for (i = 0; i < nodes; i++)
        f->pool[i].total = node_frames;
    f->pool[nodes].total = (uint64_t)CHUNK_ROOT * CHUNK_LEAF * CHUNK_FRAMES;
    return 0;
}

void frames_shape(struct frames *f, const uint64_t *node_bytes,
                  const uint8_t *near, uint32_t near_stride)
{
    uint32_t i;

    for (i = 0; i < f->nodes; i++)
        f->pool[i].total = node_bytes[i] / PAGE_BYTES;
    f->near = near;
    f->near_stride = near_stride;
}

static void chunk_free(struct frames *f, uint32_t node, struct chunk *c)
{
    if (c->mem && node != foreign_node(f))
        alloc_pages_free(f->alloc, c->mem, (uint64_t)c->count * PAGE_BYTES,
                         node);
    alloc_free(f->alloc, c->frames, records_bytes(c->count));
}

static void pool_destroy(struct frames *f, uint32_t node)
{
    struct pool *pool = &f->pool[node];
    uint32_t i, j;

    if (!pool->root)
        return;
    for (i = 0; i < CHUNK_ROOT; i++) {
        if (!pool->root[i])
            continue;
        for (j = 0; j < CHUNK_LEAF; j++)
            chunk_free(f, node, &pool->root[i][j]);
        alloc_free(f->alloc, pool->root[i], CHUNK_LEAF * sizeof(struct chunk));
    }
    alloc_free(f->alloc, pool->root, CHUNK_ROOT * sizeof(*pool->root));
}

void frames_destroy(struct frames *f)
{
    uint32_t i;

    if (!f->pool)
        return;
    frame_garbage_drop(f, frame_garbage_take(f));
    for (i = 0; i <= f->nodes; i++)
        pool_destroy(f, i);
    alloc_free(f->alloc, f->pool, (f->nodes + 1) * sizeof(*f->pool));
    f->pool = NULL;
}

/* NULL when its leaf is not there. */
static struct chunk *chunk_at(struct pool *pool, uint64_t index)
{
    struct chunk *leaf;

    if (!pool->root)
        return NULL;
    leaf = pool->root[index / CHUNK_LEAF];
    return leaf ? &leaf[index % CHUNK_LEAF] : NULL;
}

int frame_exists(const struct frames *f, struct mfn mfn)
{
    uint64_t chunk = mfn_index(mfn) / CHUNK_FRAMES;
    struct chunk *c;

    if (mfn_node(mfn) > f->nodes || chunk >= CHUNK_ROOT * CHUNK_LEAF)
        return 0;
    c = chunk_at(&f->pool[mfn_node(mfn)], chunk);
    return c && c->frames && mfn_index(mfn) % CHUNK_FRAMES < c->count;
}

static uint32_t chunk_frames(const struct pool *pool, uint64_t index)
{
    return (uint32_t)min_u64(pool->total - index * CHUNK_FRAMES, CHUNK_FRAMES);
}

/* Say in *g what chunk `index` lacks. */
static disco_status chunk_lacks(struct frames *f, uint32_t node, uint64_t index,
                                int with_frames, struct chunk_grow *g)
{
    struct pool *pool = &f->pool[node];
    struct chunk *c = chunk_at(pool, index);

    memset(g, 0, sizeof(*g));
    g->node = node;
    g->chunk = index;
    g->count = chunk_frames(pool, index);
    g->need_root = !pool->root;
    g->need_leaf = !c;
    g->need_mem = node != foreign_node(f) && !(c && c->mem);
    g->need_frames = with_frames && !(c && c->frames);
    return DISCO_E_STATE;
}

disco_status chunk_grow_alloc(struct frames *f, struct chunk_grow *g)
{
    if (g->need_root)
        g->root = alloc_array(f->alloc, CHUNK_ROOT, sizeof(*g->root));
    if (g->need_leaf)
        g->leaf = alloc_array(f->alloc, CHUNK_LEAF, sizeof(*g->leaf));
    if (g->need_frames)
        g->frames = alloc_zeroed(f->alloc, records_bytes(g->count));
    if (g->need_mem)
        g->mem =
            alloc_pages(f->alloc, (uint64_t)g->count * PAGE_BYTES, g->node);
    if ((g->need_root && !g->root) || (g->need_leaf && !g->leaf) ||
        (g->need_frames && !g->frames) || (g->need_mem && !g->mem)) {
        chunk_grow_drop(f, g);
        return DISCO_E_NOMEM;
    }
    return 0;
}

/* Somebody else may have grown it meanwhile: take what is still needed. */
void chunk_grow_install(struct frames *f, struct chunk_grow *g)
{
    struct pool *pool = &f->pool[g->node];
    struct chunk **leaf, *c;

    if (!pool->root) {
        pool->root = g->root;
        g->root = NULL;
    }
    leaf = &pool->root[g->chunk / CHUNK_LEAF];
    if (!*leaf) {
        store_release(leaf, g->leaf);
        g->leaf = NULL;
    }
    c = &(*leaf)[g->chunk % CHUNK_LEAF];
    if (g->mem && !c->mem) {
        c->mem = g->mem;
        c->count = g->count;
        c->used = 0;
        c->fresh = 0;
        c->free_head = FRAME_NONE;
        g->mem = NULL;
        pool->present++;
        pool->empty++;
        pool->chunks = max_u64(pool->chunks, g->chunk + 1);
        pool->hint = min_u64(pool->hint, g->chunk);
    }
    if (g->frames && !c->frames && c->count == g->count) {
        c->frames = g->frames;
        g->frames = NULL;
    }
}

void chunk_grow_drop(struct frames *f, struct chunk_grow *g)
{
    alloc_free(f->alloc, g->root, CHUNK_ROOT * sizeof(*g->root));
    alloc_free(f->alloc, g->leaf, CHUNK_LEAF * sizeof(*g->leaf));
    alloc_free(f->alloc, g->frames, records_bytes(g->count));
    alloc_pages_free(f->alloc, g->mem, (uint64_t)g->count * PAGE_BYTES,
                     g->node);
    g->root = NULL;
    g->leaf = NULL;
    g->frames = NULL;
    g->mem = NULL;
}

static int chunk_has_room(const struct chunk *c)
{
    return c && c->mem && c->frames && c->used < c->count;
}

static void frame_take_from(struct frames *f, uint32_t node, uint64_t index,
                            uint32_t how, struct mfn *mfn)
{
    struct pool *pool = &f->pool[node];
    struct chunk *c = chunk_at(pool, index);
    struct frame *frame;
    uint32_t i;

    if (c->free_head != FRAME_NONE) {
        i = c->free_head;
        c->free_head = c->frames[i].next_free;
        if (!(how & FRAME_DIRTY))
            memset(c->mem + (uint64_t)i * PAGE_BYTES, 0, PAGE_BYTES);
    } else {
        i = c->fresh++; /* the host gave it zeroed */
    }
    pool->empty -= !c->used;
    c->used++;
    pool->used++;
    frame = &c->frames[i];
    memset(frame, 0, sizeof(*frame));
    frame_become(f, frame, FRAME_LOOSE);
    *mfn = mfn_make(node, index * CHUNK_FRAMES + i);
}

/* 0, NOMEM: full, STATE: a chunk must come first. */
static disco_status pool_take(struct frames *f, uint32_t node, uint32_t how,
                              struct mfn *mfn, struct chunk_grow *g)
{
    struct pool *pool = &f->pool[node];
    uint64_t i, all = (pool->total + CHUNK_FRAMES - 1) / CHUNK_FRAMES;

    if (pool->used >= pool->total)
        return DISCO_E_NOMEM;
    for (i = pool->hint; i < all; i++) {
        if (chunk_has_room(chunk_at(pool, i))) {
            pool->hint = i;
            frame_take_from(f, node, i, how, mfn);
            return 0;
        }
        /* Low chunks first, so that high ones can empty. */
        if (!chunk_at(pool, i) || !chunk_at(pool, i)->mem)
            return chunk_lacks(f, node, i, 1, g);
    }
    return DISCO_E_NOMEM;
}

/* The i-th node to ask when one is wanted: itself first. */
static uint32_t near_node(const struct frames *f, uint32_t node, uint32_t i)
{
    return f->near ? f->near[node * f->near_stride + i] : (node + i) % f->nodes;
}

disco_status frame_take(struct frames *f, uint32_t node, uint32_t how,
                        struct mfn *mfn, struct chunk_grow *g)
{
    disco_status status;
    uint32_t i;

    for (i = 0; i < f->nodes; i++) {
        status = pool_take(f, near_node(f, node, i), how, mfn, g);
        if (status != DISCO_E_NOMEM || (how & FRAME_STRICT))
            return status;
    }
    return DISCO_E_NOMEM;
}

static void chunk_to_garbage(struct frames *f, uint32_t node, struct chunk *c)
{
    struct frame_garbage *garbage = (struct frame_garbage *)(void *)c->frames;

    garbage->mem = node == foreign_node(f) ? NULL : c->mem;
    garbage->count = c->count;
    garbage->node = node;
    garbage->next = f->garbage;
    f->garbage = garbage;
}

/* Keep some empty ones, a part of what is in use, against flutter. */
static void chunk_retire(struct frames *f, uint32_t node, struct chunk *c)
{
    struct pool *pool = &f->pool[node];

    if (c->used)
        return;
    if (pool->empty < 1 + (pool->present - pool->empty) / 4) {
        pool->empty++;
        return;
    }
    chunk_to_garbage(f, node, c);
    pool->present--;
    memset(c, 0, sizeof(*c));
}

void frame_give(struct frames *f, struct mfn mfn)
{
    uint32_t node = mfn_node(mfn);
    uint64_t index = mfn_index(mfn) / CHUNK_FRAMES;
    struct pool *pool = &f->pool[node];
    struct chunk *c = chunk_at(pool, index);
    uint32_t i = (uint32_t)(mfn_index(mfn) % CHUNK_FRAMES);
    struct frame *frame = &c->frames[i];

    frame_become(f, frame, FRAME_FREE);
    frame->next_free = (uint16_t)c->free_head;
    c->free_head = i;
    c->used--;
    pool->used--;
    pool->hint = min_u64(pool->hint, index);
    if (unlikely(f->watch.freed != NULL))
        f->watch.freed(f->watch.opaque, mfn);
    chunk_retire(f, node, c);
}

/* --- Copies, by age ------------------------------------------------------ */

static struct frame *replica_at(struct frames *f, uint64_t link)
{
    struct mfn mfn = { link - 1 };

    return frame_of(f, mfn);
}

void frame_to_replica(struct frames *f, struct mfn mfn, struct mfn master)
{
    struct frame *frame = frame_of(f, mfn);

    frame_become(f, frame, FRAME_REPLICA);
    frame->master = master.n;
    frame->newer = 0;
    frame->older = f->newest_replica;
    if (frame->older)
        replica_at(f, frame->older)->newer = mfn.n + 1;
    else
        f->oldest_replica = mfn.n + 1;
    f->newest_replica = mfn.n + 1;
    add_relaxed(&f->replicas, 1);
}

void frame_from_replica(struct frames *f, struct mfn mfn)
{
    struct frame *frame = frame_of(f, mfn);

    if (frame->older)
        replica_at(f, frame->older)->newer = frame->newer;
    else
        f->oldest_replica = frame->newer;
    if (frame->newer)
        replica_at(f, frame->newer)->older = frame->older;
    else
        f->newest_replica = frame->older;
    frame->first.n = 0;
    frame->home = NULL;
    frame_become(f, frame, FRAME_LOOSE);
    add_relaxed(&f->replicas, (uint64_t)-1);
}

/* First run of `n` chunk indices that nobody uses. */
static uint64_t foreign_gap(struct pool *pool, uint64_t n)
{
    uint64_t i, run = 0;
    struct chunk *c;

    for (i = 0; i < pool->chunks; i++) {
        c = chunk_at(pool, i);
        run = c && c->mem ? 0 : run + 1;
        if (run == n)
            return i + 1 - n;
    }
    return pool->chunks - run;
}

disco_status frame_foreign_add(struct frames *f, uint8_t *host, uint64_t npages,
                               uint64_t *first, struct chunk_grow *g)
{
    uint32_t node = foreign_node(f);
    struct pool *pool = &f->pool[node];
    uint64_t n = (npages + CHUNK_FRAMES - 1) / CHUNK_FRAMES;
    uint64_t start = foreign_gap(pool, n), i;
    struct chunk *c;

    if (n > CHUNK_ROOT * CHUNK_LEAF || start > CHUNK_ROOT * CHUNK_LEAF - n)
        return DISCO_E_NOMEM;
    for (i = start; i < start + n; i++)
        if (!chunk_at(pool, i))
            return chunk_lacks(f, node, i, 0, g);
    for (i = 0; i < n; i++) {
        c = chunk_at(pool, start + i);
        c->mem = host + i * CHUNK_FRAMES * PAGE_BYTES;
        c->count = CHUNK_FRAMES;
    }
    pool->chunks = max_u64(pool->chunks, start + n);
    *first = start * CHUNK_FRAMES;
    return 0;
}

void frame_foreign_remove(struct frames *f, uint64_t first, uint64_t npages)
{
    uint32_t node = foreign_node(f);
    uint64_t n = (npages + CHUNK_FRAMES - 1) / CHUNK_FRAMES, i;
    struct chunk *c;

    for (i = 0; i < n; i++) {
        c = chunk_at(&f->pool[node], first / CHUNK_FRAMES + i);
        if (c->frames)
            chunk_to_garbage(f, node, c);
        memset(c, 0, sizeof(*c));
    }
}

disco_status frame_foreign_touch(struct frames *f, struct mfn mfn,
                                 struct chunk_grow *g)
{
    uint64_t index = mfn_index(mfn) / CHUNK_FRAMES;

    if (chunk_at(&f->pool[foreign_node(f)], index)->frames)
        return 0;
    return chunk_lacks(f, foreign_node(f), index, 1, g);
}

struct frame_garbage *frame_garbage_take(struct frames *f)
{
    struct frame_garbage *garbage = f->garbage;

    f->garbage = NULL;
    return garbage;
}

void frame_garbage_drop(struct frames *f, struct frame_garbage *garbage)
{
    struct frame_garbage copy;

    while (garbage) {
        copy = *garbage;
        alloc_free(f->alloc, garbage, records_bytes(copy.count));
        alloc_pages_free(f->alloc, copy.mem, (uint64_t)copy.count * PAGE_BYTES,
                         copy.node);
        garbage = copy.next;
    }
}
