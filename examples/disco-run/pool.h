/*
 * pool.h - host threads that run vCPUs: what workers (worker.c) and the main
 * thread (threads.c) share.
 *
 * Lock: pool->lock guards the pool and every guest's `state` and `running`.  It
 * is never held while the library runs guest code or calls us back.
 */
#ifndef DISCO_RUN_POOL_H
#define DISCO_RUN_POOL_H

#include <pthread.h>

#include "runner.h"

/* How far a vCPU got.  `due_ns` is its worker's own, the rest needs the lock.
 */
struct lane {
    uint64_t due_ns; /* its timer when it went idle, ~0 = none */
    uint64_t insns;  /* position among the active vCPUs of its VM */
    int is_active;   /* it had something to run when last looked at */
};

struct pool {
    struct runner *runner;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    uint64_t wakes;   /* grows whenever a vCPU may have become runnable */
    uint32_t waiting; /* workers with nothing to run */
    uint32_t threads;
    int is_passing; /* the main thread changes time: nobody starts running */
    int is_over;
    int bell[2];       /* rings for the main thread: all wait, or all over */
    int is_held;       /* some vCPU waits for a slower one */
    struct lane *lane; /* per vCPU */
};

struct worker {
    struct pool *pool;
    pthread_t thread;
    uint32_t index;
};

/* Whoever waits looks again; until it has, it does not count as waiting. */
void pool_wake_locked(struct pool *pool);
/* Make the main thread look. */
void pool_ring(struct pool *pool);
/* A worker's thread function; opaque is its struct worker. */
void *worker_run(void *opaque);

#endif
