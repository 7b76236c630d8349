/*
 * threads.c - run vCPUs on several host threads: vCPU i on thread i modulo N.
 *
 * Each worker runs its vCPUs in turn and waits when none can run.  The main
 * thread reads input, watches the limits, and lets time pass when all wait.
 *
 * Lock: pool->lock guards the pool and every guest's `state`, `running` and
 * `end`.  It is never held while the library runs guest code or calls us back.
 */
#include "runner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/*
 * No vCPU starts a quantum while another of its VM is behind it.  The clocks of
 * a real machine's CPUs do not drift apart either, and a guest that waits for a
 * CPU whose host thread sleeps should not burn its own time meanwhile.
 */
enum { QUANTUM_INSNS = 20000 };

#define TICK_NS      ((uint64_t)10000000) /* of the main thread, when busy */
#define RETRY_NS     ((uint64_t)1000000)  /* of a worker with idle vCPUs */
#define SLEEP_NS_MAX ((uint64_t)200000000)

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
static void wake_locked(struct pool *pool)
{
    pool->wakes++;
    pool->waiting = 0;
    pthread_cond_broadcast(&pool->cond);
}

/* The machine's wake callback; any thread, no lock of ours held. */
static void pool_wake(void *opaque)
{
    struct pool *pool = opaque;

    pthread_mutex_lock(&pool->lock);
    wake_locked(pool);
    pthread_mutex_unlock(&pool->lock);
}

static void ring(struct pool *pool)
{
    /* A full pipe rings already. */
    if (write(pool->bell[1], "", 1) < 0)
        return;
}

/* --- Workers ----------------------------------------------------------- */

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
    wake_locked(pool);
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
        ring(pool);
    wake_locked(pool);
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
        ring(pool);
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
        ring(pool);
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
            ring(pool);
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

static void *work(void *opaque)
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

/* --- Main thread ------------------------------------------------------- */

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
        is_idle = !has_runnable(&runner->guest[i]);
    if (!is_idle && pool->waiting == pool->threads)
        wake_locked(pool);
    pool->is_passing = is_idle;
    pthread_mutex_unlock(&pool->lock);
    return is_idle;
}

static void release_workers(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->is_passing = 0;
    wake_locked(pool);
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
    wake_locked(pool);
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
        if (pthread_create(&w->thread, NULL, work, w)) {
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
