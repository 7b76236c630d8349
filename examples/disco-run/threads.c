/*
 * threads.c - run vCPUs on several host threads.
 *
 * The main thread reads input, watches the limits, and lets time pass when all
 * workers (worker.c) wait.  Lock: see pool.h.
 */
#include "pool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TICK_NS ((uint64_t)10000000) /* when busy */

/* The machine's wake callback; any thread, no lock of ours held. */
static void on_wake(void *opaque)
{
    pool_wake(opaque);
}

/* 1 when every worker waits; *seen is the count of wakes then. */
static int all_wait(struct pool *pool, uint64_t *seen)
{
    int all;

    pthread_mutex_lock(&pool->lock);
    all = pool->waiting == pool->threads;
    *seen = pool->wakes;
    pthread_mutex_unlock(&pool->lock);
    return all;
}

/* Has nothing happened since? */
static int still_wait(struct pool *pool, uint64_t seen)
{
    uint64_t now;

    return all_wait(pool, &now) && now == seen;
}

/* All workers wait.  Time passes: at once, or as the host's does. */
static void all_idle(struct pool *pool, uint64_t seen)
{
    struct runner *runner = pool->runner;
    uint64_t ns = disco_sched_next_ns(runner->sched);
    uint64_t wait = ns < SLEEP_NS_MAX ? ns : SLEEP_NS_MAX;
    disco_status status;

    if (console_feed(runner) || !still_wait(pool, seen))
        return;
    if (console_is_live(&runner->console)) {
        uint64_t start = clock_ns();

        console_wait(&runner->console, wait, pool->bell[0]);
        if (clock_ns() - start < ns)
            ns = clock_ns() - start;
        console_feed(runner);
        if (!still_wait(pool, seen))
            return;
    } else if (ns == UINT64_MAX) {
        runner_set_end(runner, END_STUCK);
        return;
    }
    status = disco_sched_pass(runner->sched, ns);
    if (status && status != DISCO_E_BUSY)
        runner_fail_status(runner, "cannot let time pass", status);
    /* Not all that time brings wakes a vCPU: the workers look, and ring. */
    pool_wake(pool);
}

static int is_over(struct pool *pool)
{
    struct runner *runner = pool->runner;

    if (stop_signal())
        runner_set_end(runner, END_SIGNAL);
    else if (runner->console.wants_quit)
        runner_set_end(runner, END_QUIT);
    return runner_is_over(runner) || runner_time_is_up(runner);
}

static void supervise(struct pool *pool)
{
    struct runner *runner = pool->runner;
    char drain[64];
    uint64_t seen;

    while (!is_over(pool)) {
        console_wait(&runner->console, TICK_NS, pool->bell[0]);
        while (read(pool->bell[0], drain, sizeof(drain)) > 0)
            ;
        console_feed(runner);
        console_flush(&runner->console);
        schedule_between(runner);
        if (all_wait(pool, &seen) && !is_over(pool))
            all_idle(pool, seen);
    }
}

static void stop_workers(struct pool *pool)
{
    struct runner *runner = pool->runner;

    pthread_mutex_lock(&pool->lock);
    pool->is_over = 1;
    pthread_cond_broadcast(&pool->cond);
    pthread_mutex_unlock(&pool->lock);
    for (uint32_t i = 0; i < runner->options->vms; i++)
        for (uint32_t n = 0; n < runner->options->cpus; n++)
            disco_vcpu_kick(disco_vm_vcpu(runner->guest[i].vm, n));
}

static int open_pool(struct pool *pool)
{
    struct runner *runner = pool->runner;

    if (pipe2(pool->bell, O_NONBLOCK | O_CLOEXEC))
        return runner_fail(runner, "cannot make a pipe: %s", strerror(errno));
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->cond, NULL);
    return 0;
}

static void close_pool(struct pool *pool)
{
    pthread_cond_destroy(&pool->cond);
    pthread_mutex_destroy(&pool->lock);
    close(pool->bell[0]);
    close(pool->bell[1]);
}

int threads_run(struct runner *runner)
{
    struct pool pool = { .runner = runner, .threads = runner->threads };
    struct worker *workers = calloc(pool.threads, sizeof(*workers));
    uint32_t started = 0;

    if (!workers)
        return runner_fail(runner, "out of memory");
    if (open_pool(&pool)) {
        free(workers);
        return -1;
    }
    runner->wake_opaque = &pool;
    runner->wake = on_wake;
    for (; started < pool.threads; started++) {
        struct worker *w = &workers[started];

        w->pool = &pool;
        if (pthread_create(&w->thread, NULL, worker_run, w)) {
            runner_fail(runner, "cannot start thread %u", started);
            break;
        }
    }
    if (started == pool.threads)
        supervise(&pool);
    stop_workers(&pool);
    for (uint32_t i = 0; i < started; i++)
        pthread_join(workers[i].thread, NULL);
    runner->wake = NULL;
    close_pool(&pool);
    free(workers);
    return runner_end(runner) == END_FAILED ? -1 : 0;
}
