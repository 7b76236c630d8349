/*
 * pool.h - host threads that run vCPUs: what workers (worker.c) and the main
 * thread (threads.c) share.
 *
 * Lock: pool->lock guards the pool.  It is never held while the library runs
 * guest code or calls us back.
 */
#ifndef DISCO_RUN_POOL_H
#define DISCO_RUN_POOL_H

#include <pthread.h>

#include "runner.h"

struct pool {
    struct runner *runner;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    uint64_t wakes;   /* grows whenever there may be something to run */
    uint32_t waiting; /* workers with nothing to run */
    uint32_t threads;
    int is_over;
    int bell[2]; /* rings for the main thread: all wait, or all over */
};

struct worker {
    struct pool *pool;
    pthread_t thread;
};

/* Whoever waits looks again; until it has, it does not count as waiting. */
void pool_wake(struct pool *pool);
/* Make the main thread look. */
void pool_ring(struct pool *pool);
/* A worker's thread function; opaque is its struct worker. */
void *worker_run(void *opaque);

#endif
