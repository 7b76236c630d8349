/*
 * worker.c - the threads that run vCPUs: slices of whichever CPU has work, and
 * waiting when none has.  Lock: see pool.h.
 */
#include "pool.h"

#include <unistd.h>

/* Slices between two looks at the end of it all. */
enum { BATCH_SLICES = 16 };

void pool_wake(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->wakes++;
    if (pool->waiting) {
        pool->waiting = 0;
        pthread_cond_broadcast(&pool->cond);
    }
    pthread_mutex_unlock(&pool->lock);
}

void pool_ring(struct pool *pool)
{
    /* A full pipe rings already. */
    if (write(pool->bell[1], "", 1) < 0)
        return;
}

/* The last one that waits makes the main thread let time pass. */
static void wait_for_work(struct pool *pool, uint64_t seen)
{
    pthread_mutex_lock(&pool->lock);
    if (pool->wakes == seen && !pool->is_over) {
        pool->waiting++;
        if (pool->waiting == pool->threads)
            pool_ring(pool);
        while (pool->wakes == seen && !pool->is_over)
            pthread_cond_wait(&pool->cond, &pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
}

/* Run for a while, or wait.  0, or -1 when the run has failed. */
static int work(struct pool *pool, uint64_t seen)
{
    struct runner *runner = pool->runner;
    disco_exit exit = { .size = sizeof(exit) };
    disco_vcpu *vcpu = NULL;
    disco_status status;

    status = disco_sched_run_cpu(runner->sched, DISCO_SCHED_ANY_CPU,
                                 BATCH_SLICES, &vcpu, &exit);
    if (status)
        return runner_fail_status(runner, "cannot run", status);
    if (vcpu) {
        if (schedule_handle(runner, vcpu, &exit))
            return -1;
        if (runner_is_over(runner))
            pool_ring(pool);
    } else if (exit.reason == DISCO_EXIT_IDLE) {
        wait_for_work(pool, seen);
    }
    return 0;
}

void *worker_run(void *opaque)
{
    struct worker *worker = opaque;
    struct pool *pool = worker->pool;
    int must_stop = 0;

    while (!must_stop) {
        uint64_t seen;

        pthread_mutex_lock(&pool->lock);
        seen = pool->wakes;
        must_stop = pool->is_over;
        pthread_mutex_unlock(&pool->lock);
        if (!must_stop && work(pool, seen)) {
            pool_ring(pool);
            must_stop = 1;
        }
    }
    return NULL;
}
