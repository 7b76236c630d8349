/*
 * worker.c - the threads that run vCPUs.
 *
 * Each worker runs its vCPUs in turn and waits when none can run.  vCPUs of one
 * VM stay within a quantum of each other.  Lock: see pool.h.
 */
#include "pool.h"

#include <time.h>
#include <unistd.h>

/*
 * No vCPU starts a quantum while another of its VM is behind it.  The clocks of
 * a real machine's CPUs do not drift apart either, and a guest that waits for a
 * CPU whose host thread sleeps should not burn its own time meanwhile.
 */
enum { QUANTUM_INSNS = 20000 };

/* How often a worker looks whether virtual time made one of its vCPUs due. */
#define RETRY_NS ((uint64_t)1000000)

void pool_wake_locked(struct pool *pool)
{
    pool->wakes++;
    pool->waiting = 0;
    pthread_cond_broadcast(&pool->cond);
}

void pool_ring(struct pool *pool)
{
    /* A full pipe rings already. */
    if (write(pool->bell[1], "", 1) < 0)
        return;
}

/* Positions of the slowest and the fastest active vCPU of n's VM but n. */
static void range_locked(struct pool *pool, uint32_t n, uint64_t *low,
                         uint64_t *high)
{
    uint32_t cpus = pool->runner->options->cpus;
    uint32_t first = n / cpus * cpus;

    *low = UINT64_MAX;
    *high = 0;
    for (uint32_t i = first; i < first + cpus; i++) {
        const struct lane *lane = &pool->lane[i];

        if (i == n || !lane->is_active)
            continue;
        if (lane->insns < *low)
            *low = lane->insns;
        if (lane->insns > *high)
            *high = lane->insns;
    }
}

/* May vCPU n run, or is another behind it?  One that comes back from idling
 * joins the front: its clock catches up with the VM's. */
static int is_turn_locked(struct pool *pool, uint32_t n)
{
    struct lane *lane = &pool->lane[n];
    uint64_t low;
    uint64_t high;

    range_locked(pool, n, &low, &high);
    if (!lane->is_active && lane->insns < high)
        lane->insns = high;
    lane->is_active = 1;
    if (lane->insns <= low)
        return 1;
    pool->is_held = 1;
    return 0;
}

/* A vCPU moved: those that wait for it look again. */
static void free_held_locked(struct pool *pool)
{
    if (!pool->is_held)
        return;
    pool->is_held = 0;
    pool_wake_locked(pool);
}

static void lane_rest_locked(struct pool *pool, uint32_t n)
{
    pool->lane[n].is_active = 0;
    free_held_locked(pool);
}

/* 1 when vCPU n should be run now; then its guest counts it as running. */
static int begin(struct pool *pool, uint32_t n)
{
    struct guest *guest = runner_guest_of(pool->runner, n);
    disco_vcpu *vcpu = runner_vcpu(pool->runner, n);
    int is_due = disco_vcpu_runnable(vcpu) ||
                 disco_vm_time_ns(guest->vm) >= pool->lane[n].due_ns;
    int may_run = 0;

    pthread_mutex_lock(&pool->lock);
    if (!is_due || guest->state != GUEST_RUN) {
        if (pool->lane[n].is_active)
            lane_rest_locked(pool, n);
    } else if (!pool->is_over && !pool->is_passing) {
        may_run = is_turn_locked(pool, n);
        guest->running += may_run;
    }
    pthread_mutex_unlock(&pool->lock);
    return may_run;
}

/* The last vCPU of a guest that asked for a reset restarts it. */
static void restart(struct pool *pool, struct guest *guest)
{
    int failed = guest_restart(guest);

    pthread_mutex_lock(&pool->lock);
    guest->state = failed ? GUEST_DONE : GUEST_RUN;
    if (failed)
        pool_ring(pool);
    pool_wake_locked(pool);
    pthread_mutex_unlock(&pool->lock);
}

/* What an exit means; the lock is held.  1 when the main thread must look. */
static int judge_locked(struct pool *pool, struct guest *guest,
                        disco_vcpu *vcpu, const disco_exit *exit)
{
    switch (exit->reason) {
    case DISCO_EXIT_BUDGET:
    case DISCO_EXIT_KICK:
    case DISCO_EXIT_IDLE:
    case DISCO_EXIT_PARKED:
    case DISCO_EXIT_YIELD:
        return 0;
    case DISCO_EXIT_RESET:
        if (guest->state == GUEST_RUN)
            guest->state = GUEST_RESET;
        return 0;
    default:
        if (guest->state == GUEST_RUN)
            guest_handle(guest, vcpu, exit);
        return runner_is_over(pool->runner);
    }
}

static void end(struct pool *pool, uint32_t n, const disco_exit *exit,
                disco_status status)
{
    struct guest *guest = runner_guest_of(pool->runner, n);
    disco_vcpu *vcpu = runner_vcpu(pool->runner, n);
    int must_restart;
    int must_ring = 0;

    pool->lane[n].due_ns =
        exit->reason == DISCO_EXIT_IDLE ? exit->u.idle.until_ns : UINT64_MAX;
    pthread_mutex_lock(&pool->lock);
    guest->running--;
    pool->lane[n].insns += exit->ran_insns;
    if (exit->reason == DISCO_EXIT_IDLE || exit->reason == DISCO_EXIT_PARKED)
        lane_rest_locked(pool, n);
    else
        free_held_locked(pool);
    if (status)
        must_ring = runner_fail_status(pool->runner, "cannot run", status) != 0;
    else
        must_ring = judge_locked(pool, guest, vcpu, exit);
    must_restart = guest->state == GUEST_RESET && guest->running == 0;
    if (must_restart)
        guest->state = GUEST_HELD;
    pthread_mutex_unlock(&pool->lock);
    if (must_ring)
        pool_ring(pool);
    if (must_restart)
        restart(pool, guest);
}

/* Run vCPU n for a slice; 1 when it did something. */
static int slice(struct pool *pool, uint32_t n)
{
    struct runner *runner = pool->runner;
    disco_run run = { .size = sizeof(run), .max_insns = QUANTUM_INSNS };
    disco_exit exit = { .size = sizeof(exit) };
    uint64_t left;
    disco_status status;

    if (!begin(pool, n))
        return 0;
    left = runner_insns_left(runner, n);
    if (left < run.max_insns)
        run.max_insns = left;
    if (left == 0) {
        /* As if the guest had ended: this VM is over. */
        exit.reason = DISCO_EXIT_BUDGET;
        pthread_mutex_lock(&pool->lock);
        if (runner_guest_of(runner, n)->state == GUEST_RUN)
            guest_end(runner_guest_of(runner, n), END_INSNS, 0);
        pthread_mutex_unlock(&pool->lock);
        pool_ring(pool);
        end(pool, n, &exit, 0);
        return 0;
    }
    status = disco_vcpu_run(runner_vcpu(runner, n), runner_cpu_of(runner, n),
                            &run, &exit);
    end(pool, n, &exit, status);
    return exit.ran_insns > 0 ||
           (exit.reason != DISCO_EXIT_IDLE && exit.reason != DISCO_EXIT_PARKED);
}

static void wait_until(struct pool *pool, uint64_t ns)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    ns += (uint64_t)t.tv_nsec;
    t.tv_sec += (time_t)(ns / 1000000000);
    t.tv_nsec = (long)(ns % 1000000000);
    pthread_cond_timedwait(&pool->cond, &pool->lock, &t);
}

/*
 * Nothing to run: wait for a wake-up.  While others run, virtual time goes on
 * and may reach a timer of one of ours, so look again now and then.
 */
static void wait_for_work(struct pool *pool, uint64_t seen)
{
    int is_last;

    pthread_mutex_lock(&pool->lock);
    if (pool->wakes == seen) {
        pool->waiting++;
        is_last = pool->waiting == pool->threads;
        if (is_last)
            pool_ring(pool);
        else if (!pool->is_over)
            wait_until(pool, RETRY_NS);
        while (pool->wakes == seen && !pool->is_over &&
               (pool->is_passing || pool->waiting == pool->threads))
            pthread_cond_wait(&pool->cond, &pool->lock);
        if (pool->wakes == seen)
            pool->waiting--;
    }
    pthread_mutex_unlock(&pool->lock);
}

void *worker_run(void *opaque)
{
    struct worker *worker = opaque;
    struct pool *pool = worker->pool;
    int must_stop = 0;

    while (!must_stop) {
        uint64_t seen;
        int ran = 0;

        pthread_mutex_lock(&pool->lock);
        seen = pool->wakes;
        must_stop = pool->is_over;
        pthread_mutex_unlock(&pool->lock);
        for (uint32_t n = worker->index; n < pool->runner->vcpus && !must_stop;
             n += pool->threads)
            ran |= slice(pool, n);
        if (!ran && !must_stop)
            wait_for_work(pool, seen);
    }
    return NULL;
}
