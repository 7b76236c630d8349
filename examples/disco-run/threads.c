/*
 * threads.c - run vCPUs on several host threads: vCPU i on thread i modulo N.
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

#define TICK_NS      ((uint64_t)10000000) /* when busy */
#define SLEEP_NS_MAX ((uint64_t)200000000)

/* The machine's wake callback; any thread, no lock of ours held. */
static void pool_wake(void *opaque)
{
    struct pool *pool = opaque;

    pthread_mutex_lock(&pool->lock);
    pool_wake_locked(pool);
    pthread_mutex_unlock(&pool->lock);
}

/* Nanoseconds until the first event of any guest; ~0 = none. */
static uint64_t next_event(struct runner *runner)
{
    uint64_t least = UINT64_MAX;

    for (uint32_t i = 0; i < runner->options->vms; i++) {
        struct guest *guest = &runner->guest[i];
        uint64_t at;
        uint64_t now;

        if (guest_has_ended(guest))
            continue;
        at = disco_vm_next_event_ns(guest->vm);
        now = disco_vm_time_ns(guest->vm);
        if (at == UINT64_MAX)
            continue;
        at = at > now ? at - now : 0;
        if (at < least)
            least = at;
    }
    return least;
}

static void advance_guest(struct runner *runner, struct guest *guest,
                          uint64_t ns)
{
    disco_status status;

    status = disco_vm_advance(guest->vm, disco_vm_time_ns(guest->vm) + ns);
    if (status && status != DISCO_E_BUSY)
        runner_fail_status(runner, "cannot let time pass", status);
}

/* All workers wait.  Time passes: at once, or as the host's does. */
static void all_idle(struct pool *pool)
{
    struct runner *runner = pool->runner;
    uint64_t ns = next_event(runner);
    uint64_t wait = ns < SLEEP_NS_MAX ? ns : SLEEP_NS_MAX;

    if (console_feed(runner))
        return;
    if (console_is_live(&runner->console)) {
        uint64_t start = clock_ns();

        console_wait(&runner->console, wait, -1);
        if (clock_ns() - start < ns)
            ns = clock_ns() - start;
        console_feed(runner);
    } else if (ns == UINT64_MAX) {
        runner_set_end(runner, END_STUCK);
        return;
    }
    for (uint32_t i = 0; i < runner->options->vms; i++)
        if (!guest_has_ended(&runner->guest[i]))
            advance_guest(runner, &runner->guest[i], ns);
}

static int has_runnable(struct guest *guest)
{
    uint32_t count = disco_vm_vcpu_count(guest->vm);

    for (uint32_t i = 0; i < count; i++)
        if (disco_vcpu_runnable(disco_vm_vcpu(guest->vm, i)))
            return 1;
    return 0;
}

/*
 * 1 when every worker waits for time to pass; then none starts until
 * release_workers.  One that waits may not have seen its vCPU's wake-up yet:
 * then it has to look again.
 */
static int hold_workers(struct pool *pool)
{
    struct runner *runner = pool->runner;
    int is_idle;

    pthread_mutex_lock(&pool->lock);
    is_idle = pool->waiting == pool->threads;
    for (uint32_t i = 0; i < runner->options->vms && is_idle; i++)
        is_idle = runner->guest[i].state != GUEST_RUN ||
                  !has_runnable(&runner->guest[i]);
    if (!is_idle && pool->waiting == pool->threads)
        pool_wake_locked(pool);
    pool->is_passing = is_idle;
    pthread_mutex_unlock(&pool->lock);
    return is_idle;
}

static void release_workers(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->is_passing = 0;
    pool_wake_locked(pool);
    pthread_mutex_unlock(&pool->lock);
}

/* Keep an idle guest off its workers; 1 when that was possible. */
static int hold_guest(struct pool *pool, struct guest *guest)
{
    int held;

    pthread_mutex_lock(&pool->lock);
    held = guest->state == GUEST_RUN && guest->running == 0 &&
           !has_runnable(guest);
    if (held)
        guest->state = GUEST_HELD;
    pthread_mutex_unlock(&pool->lock);
    return held;
}

static void release_guest(struct pool *pool, struct guest *guest)
{
    pthread_mutex_lock(&pool->lock);
    guest->state = GUEST_RUN;
    pool_wake_locked(pool);
    pthread_mutex_unlock(&pool->lock);
}

/*
 * Guests that talk to each other should age alike: an idle one follows the
 * busiest other.
 */
static void age_idle_guests(struct pool *pool)
{
    struct runner *runner = pool->runner;
    uint64_t most = 0;

    for (uint32_t i = 0; i < runner->options->vms; i++) {
        struct guest *guest = &runner->guest[i];
        uint64_t now = disco_vm_time_ns(guest->vm);

        if (now - guest->seen_ns > most)
            most = now - guest->seen_ns;
    }
    for (uint32_t i = 0; i < runner->options->vms; i++) {
        struct guest *guest = &runner->guest[i];
        uint64_t now = disco_vm_time_ns(guest->vm);

        if (now - guest->seen_ns < most && hold_guest(pool, guest)) {
            advance_guest(runner, guest, most - (now - guest->seen_ns));
            release_guest(pool, guest);
        }
        guest->seen_ns = disco_vm_time_ns(guest->vm);
    }
}

static int is_over(struct pool *pool)
{
    struct runner *runner = pool->runner;
    int over;

    pthread_mutex_lock(&pool->lock);
    if (stop_signal())
        runner_set_end(runner, END_SIGNAL);
    else if (runner->console.wants_quit)
        runner_set_end(runner, END_QUIT);
    over = runner_is_over(runner) || runner_time_is_up(runner);
    pthread_mutex_unlock(&pool->lock);
    return over;
}

static void supervise(struct pool *pool)
{
    struct runner *runner = pool->runner;
    char drain[64];

    while (!is_over(pool)) {
        console_wait(&runner->console, TICK_NS, pool->bell[0]);
        while (read(pool->bell[0], drain, sizeof(drain)) > 0)
            ;
        console_feed(runner);
        console_flush(&runner->console);
        if (hold_workers(pool)) {
            if (!is_over(pool))
                all_idle(pool);
            release_workers(pool);
        } else if (runner->options->vms > 1) {
            age_idle_guests(pool);
        }
    }
}

static void stop_workers(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->is_over = 1;
    pthread_cond_broadcast(&pool->cond);
    pthread_mutex_unlock(&pool->lock);
    for (uint32_t n = 0; n < pool->runner->vcpus; n++)
        disco_vcpu_kick(runner_vcpu(pool->runner, n));
}

static int open_pool(struct pool *pool)
{
    struct runner *runner = pool->runner;
    pthread_condattr_t attr;

    pool->lane = calloc(runner->vcpus, sizeof(pool->lane[0]));
    if (!pool->lane)
        return runner_fail(runner, "out of memory");
    for (uint32_t n = 0; n < runner->vcpus; n++)
        pool->lane[n].due_ns = UINT64_MAX;
    if (pipe2(pool->bell, O_NONBLOCK | O_CLOEXEC)) {
        free(pool->lane);
        return runner_fail(runner, "cannot make a pipe: %s", strerror(errno));
    }
    pthread_mutex_init(&pool->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->cond, &attr);
    pthread_condattr_destroy(&attr);
    return 0;
}

static void close_pool(struct pool *pool)
{
    pthread_cond_destroy(&pool->cond);
    pthread_mutex_destroy(&pool->lock);
    close(pool->bell[0]);
    close(pool->bell[1]);
    free(pool->lane);
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
    runner->wake = pool_wake;
    for (; started < pool.threads; started++) {
        struct worker *w = &workers[started];

        w->pool = &pool;
        w->index = started;
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
