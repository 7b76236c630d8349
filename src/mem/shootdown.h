/*
 * shootdown.h - the one way to take translations away from vCPUs, and the
 * handshake that makes it safe.
 *
 * It is not about what changes in a map (physmap.h) and knows no backend: a
 * vCPU is here a request word, a state and a queue of invalidations.
 *
 * A vCPU is RUNNING inside its backend, else PARKED: outside of run, in any
 * host callback, and while it waits for others.  While RUNNING it may hold
 * what it learned from the map; it serves its queue at every poll.  A PARKED
 * one serves before it uses anything again.
 *
 * Poster:  queue the item, request |= INVALIDATE (seq_cst), read state.
 * vCPU:    state = RUNNING (seq_cst), read request.
 * So either the poster sees RUNNING and waits, or the vCPU sees the request.
 *
 * Posting needs mem->lock, waiting must not have it.  A waiting vCPU is PARKED,
 * so two that wait for each other both get on.
 */
#ifndef MEM_SHOOTDOWN_H
#define MEM_SHOOTDOWN_H

#include <disco/backend.h>

#include "base/alloc.h"
#include "base/compiler.h"
#include "base/lock.h"

struct mem;

enum { SHOOT_PARKED = 0, SHOOT_RUNNING = 1 };
enum { SHOOT_QUEUE = 32, SHOOT_SET_MAX = 64, SHOOT_FITS = 0xff };

struct shoot_item {
    uint32_t what; /* DISCO_DROP_* */
    const uint8_t *host;
    uint64_t frame;
};

struct shoot_vcpu {
    uint32_t request;     /* atomic: DISCO_REQ_* */
    uint32_t state;       /* atomic: SHOOT_* */
    uint32_t index;       /* bit in masks of its set */
    uint32_t waiters;     /* atomic: threads that wait on this record */
    uint64_t served;      /* atomic: last ticket served */
    uint32_t code_stores; /* own code_store_begin that counted */
    struct lock lock;     /* the queue */
    uint64_t posted;      /* last ticket given */
    uint32_t count;
    uint32_t overflow; /* DISCO_DROP_* for what did not fit, or FITS */
    struct shoot_item item[SHOOT_QUEUE];
    void (*invalidate)(void *opaque, const struct shoot_item *item);
    void *opaque;
};

/* The vCPUs of one VM by index. */
struct shoot_set {
    struct shoot_vcpu *vcpu[SHOOT_SET_MAX];
    uint64_t mask; /* which are there */
};

/* All vCPUs of the machine, for the handshake. */
struct shoot_all {
    struct shoot_vcpu **vcpu;
    uint32_t capacity;
};

struct shoot_stats {
    uint64_t shootdowns;
    uint64_t waits;
    uint64_t wait_ns;
};

/* Somebody to wait for. */
struct shoot_wave {
    uint32_t count;
    struct shoot_vcpu *vcpu[SHOOT_SET_MAX];
    uint64_t ticket[SHOOT_SET_MAX];
};

/* Add to a set and to the machine.  NOMEM.  Takes mem->lock itself. */
disco_status shoot_register(struct mem *mem, struct shoot_set *set,
                            struct shoot_vcpu *s);
/* s is PARKED and stays so; returns when nobody waits on it. */
void shoot_unregister(struct mem *mem, struct shoot_set *set,
                      struct shoot_vcpu *s);

static inline void shoot_park(struct shoot_vcpu *s)
{
    store_release(&s->state, SHOOT_PARKED);
}

/* Invalidations posted meanwhile are in the request word when this returns. */
static inline void shoot_unpark(struct shoot_vcpu *s)
{
    exchange_seq(&s->state, SHOOT_RUNNING);
    (void)load_seq(&s->request);
}

/*
 * Post to the vCPUs in `mask`; those that run, except `self` (may be NULL),
 * join the wave.  Caller holds mem->lock.  A wave is 0-initialised
 * (shoot_wave_init) and waited for exactly once.
 */
static inline void shoot_wave_init(struct shoot_wave *wave)
{
    wave->count = 0;
}
void shoot_post(struct shoot_wave *wave, struct shoot_set *set, uint64_t mask,
                const struct shoot_item *item, const struct shoot_vcpu *self);

/* Wait, parked, until the wave has passed.  No lock is held. */
void shoot_wait(struct mem *mem, struct shoot_wave *wave,
                struct shoot_vcpu *self);

/* Every other vCPU of the machine passes a poll or is parked. */
void shoot_barrier(struct mem *mem, struct shoot_vcpu *self);

/* Serve the queue: calls invalidate.  By the vCPU's own thread. */
void shoot_serve(struct shoot_vcpu *s);

#endif
