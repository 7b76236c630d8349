/*
 * frame.h - machine frames: one record each, in pools by node, given on first
 * touch.  Knows what a frame is used for, not who decides it.
 *
 * A pool has `total` frames in chunks of 4 MiB that come from the host when
 * needed and go back when empty.  One more pool, "foreign", holds records for
 * the host's own memory (host regions): such frames are never given or moved.
 *
 * All functions expect mem->lock, except frame_host and frame_of, which a
 * running vCPU may also call for a frame it found mapped.
 */
#ifndef MEM_FRAME_H
#define MEM_FRAME_H

#include <disco/types.h>

#include "base/alloc.h"
#include "base/compiler.h"
#include "mem/addr.h"
#include "mem/state.h"

/*
 * A mapping of a frame: VM and page, as one word (physmap.h makes and reads
 * them).  Mappings of one frame form a list through the VMs' page records.
 */
struct map_ref {
    uint64_t n; /* 0: none */
};

/*
 * What the counts mean for each state is in state.def; verify.c checks it and
 * that `first` leads to `maps` mappings, whenever mem->lock is free.
 */
struct frame {
    union {
        struct {
            struct map_ref first; /* a mapping of it */
            struct mfn *home;     /* reference that follows a move, or NULL */
        };
        struct { /* of a REPLICA: its neighbours by age, mfn + 1; 0: none */
            uint64_t older;
            uint64_t newer;
        };
    };
    uint64_t copy;   /* next copy of this content, mfn + 1; 0: last */
    uint64_t master; /* of a REPLICA: mfn */
    uint32_t maps;
    uint32_t holds; /* references that are no mappings, home's included */
    uint32_t pins;
    uint32_t write_pins;
    uint16_t next_free;
    uint8_t state;     /* enum frame_state */
    uint8_t is_moving; /* all its mappings are MAP_MOVING */
};

enum {
    CHUNK_FRAMES = 1024,
    CHUNK_LEAF = 512,   /* chunks in one leaf of a pool's table */
    CHUNK_ROOT = 512,   /* leaves */
    FRAME_NONE = 0xffff /* end of a free list */
};

struct chunk {
    uint8_t *mem;         /* NULL: not there */
    struct frame *frames; /* foreign: NULL until used */
    uint32_t count;       /* frames in it */
    uint32_t used;
    uint32_t fresh; /* frames from here on were never given */
    uint32_t free_head;
};

struct pool {
    struct chunk **root; /* CHUNK_ROOT leaves of CHUNK_LEAF; NULL until used */
    uint64_t total;      /* frames */
    uint64_t used;
    uint64_t chunks;  /* indices below this may be in use */
    uint64_t hint;    /* no chunk below has free frames */
    uint64_t present; /* chunks that are there */
    uint64_t empty;   /* ... of them without a used frame */
    uint64_t alloc_local;
    uint64_t alloc_remote;
};

/* A chunk on its way back to the host; lies in its own frame records. */
struct frame_garbage {
    struct frame_garbage *next;
    uint8_t *mem; /* NULL: foreign */
    uint32_t count;
    uint32_t node;
};

/* Somebody who keeps notes by frame; called with mem->lock.  May be NULL. */
struct frame_watch {
    void (*freed)(void *opaque, struct mfn mfn);
    void (*moved)(void *opaque, struct mfn from, struct mfn to);
    void *opaque;
};

struct frames {
    struct alloc *alloc;
    uint32_t nodes;
    struct pool *pool; /* nodes + 1, the last is foreign */
    /* Rows of near_stride: where to look for each node, nearest first. */
    const uint8_t *near; /* borrowed; NULL: in a circle */
    uint32_t near_stride;
    struct frame_garbage *garbage;
    uint64_t replicas; /* frames that are REPLICA; atomic */
    uint64_t oldest_replica, newest_replica; /* mfn + 1; 0: none */
    uint32_t bad_moves; /* changes of state that state.def does not have */
    struct frame_watch watch;
};

/* The one way to change a frame's state. */
static inline void frame_become(struct frames *f, struct frame *frame,
                                uint32_t state)
{
    if (unlikely(!frame_may_become(frame->state, state)))
        f->bad_moves++;
    frame->state = (uint8_t)state;
}

disco_status frames_init(struct frames *f, struct alloc *alloc, uint32_t nodes,
                         uint64_t node_frames);
/* Before first use: frames of each node, and the order of the others. */
void frames_shape(struct frames *f, const uint64_t *node_bytes,
                  const uint8_t *near, uint32_t near_stride);
/* Nothing is used any more. */
void frames_destroy(struct frames *f);

static inline struct chunk *frame_chunk(const struct frames *f, struct mfn mfn)
{
    uint64_t chunk = mfn_index(mfn) / CHUNK_FRAMES;
    struct chunk *leaf =
        load_acquire(&f->pool[mfn_node(mfn)].root[chunk / CHUNK_LEAF]);

    return &leaf[chunk % CHUNK_LEAF];
}

static inline struct frame *frame_of(const struct frames *f, struct mfn mfn)
{
    return &frame_chunk(f, mfn)->frames[mfn_index(mfn) % CHUNK_FRAMES];
}

static inline uint8_t *frame_host(const struct frames *f, struct mfn mfn)
{
    return frame_chunk(f, mfn)->mem +
           mfn_index(mfn) % CHUNK_FRAMES * PAGE_BYTES;
}

/* Is there such a frame?  For names that come from a backend. */
int frame_exists(const struct frames *f, struct mfn mfn);

/*
 * What a pool lacks to give a frame, and the memory for it.  Found with the
 * lock, allocated without, put in with it, leftovers dropped without.
 */
struct chunk_grow {
    uint32_t node;
    uint32_t count; /* frames of the chunk */
    uint64_t chunk;
    uint8_t need_root;
    uint8_t need_leaf;
    uint8_t need_mem;
    uint8_t need_frames;
    struct chunk **root;
    struct chunk *leaf;
    uint8_t *mem;
    struct frame *frames;
};
disco_status chunk_grow_alloc(struct frames *f, struct chunk_grow *g);
void chunk_grow_install(struct frames *f, struct chunk_grow *g);
void chunk_grow_drop(struct frames *f, struct chunk_grow *g);

/*
 * Take a frame of `node`, or of another when it is full and not STRICT; it is
 * LOOSE, and zeroed unless DIRTY.  Returns 0; NOMEM: all full; STATE: grow *g
 * and ask again.
 */
enum { FRAME_STRICT = 1, FRAME_DIRTY = 2 };
disco_status frame_take(struct frames *f, uint32_t node, uint32_t how,
                        struct mfn *mfn, struct chunk_grow *g);

/* Give back a LOOSE frame. */
void frame_give(struct frames *f, struct mfn mfn);

/* A LOOSE frame becomes a copy of `master`, the newest of all; and back. */
void frame_to_replica(struct frames *f, struct mfn mfn, struct mfn master);
void frame_from_replica(struct frames *f, struct mfn mfn);

/*
 * Records for `npages` of host memory at `host`; *first is the index of the
 * first page.  0, NOMEM (index space full), STATE as above.
 */
disco_status frame_foreign_add(struct frames *f, uint8_t *host, uint64_t npages,
                               uint64_t *first, struct chunk_grow *g);
void frame_foreign_remove(struct frames *f, uint64_t first, uint64_t npages);
/* Make sure that the frame has its record: 0 or STATE. */
disco_status frame_foreign_touch(struct frames *f, struct mfn mfn,
                                 struct chunk_grow *g);

/* Take the chain of memory to hand back, then drop it without the lock. */
struct frame_garbage *frame_garbage_take(struct frames *f);
void frame_garbage_drop(struct frames *f, struct frame_garbage *garbage);

#endif
