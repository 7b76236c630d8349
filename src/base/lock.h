/*
 * lock.h - mutual exclusion, thread identity, and polite waiting.  A thin layer
 * over pthreads so that the rest names no pthread type.  Knows no Disco object.
 */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <time.h>

#include "base/compiler.h"

struct lock {
    pthread_mutex_t mutex;
};

/* 0, or non-zero when the host has no resources for it. */
static inline int lock_init(struct lock *lock)
{
    return pthread_mutex_init(&lock->mutex, NULL);
}

static inline void lock_destroy(struct lock *lock)
{
    pthread_mutex_destroy(&lock->mutex);
}

static inline void lock_take(struct lock *lock)
{
    pthread_mutex_lock(&lock->mutex);
}

static inline void lock_give(struct lock *lock)
{
    pthread_mutex_unlock(&lock->mutex);
}

/* A number for the calling thread, never 0 or 1, unique while it lives. */
static inline uint64_t thread_id(void)
{
    return (uint64_t)(uintptr_t)pthread_self();
}

/* One step of waiting for another thread; `spins` counts the steps. */
static inline void wait_step(unsigned *spins)
{
    struct timespec nap = { 0, 20000 };

    if (++*spins < 64)
        spin_pause();
    else if (*spins < 4096)
        sched_yield();
    else
        nanosleep(&nap, NULL);
}

/* Host's monotonic nanoseconds: for figures only, never for guest time. */
static inline uint64_t host_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

#endif
