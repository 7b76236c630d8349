/*
 * loop.c - run all vCPUs on this one thread.
 *
 * The scheduler's order is fixed, so that a deterministic machine repeats.
 * When nothing can run, time passes: at once when no input can come any more,
 * else at the pace of the host's clock.
 */
#include "runner.h"

enum { BATCH_SLICES = 64 };

/*
 * Rounds to run in one go: short enough to look at the clock and at stdin.
 */
static uint64_t choose_rounds(const struct runner *runner)
{
    if (runner->console.in_at < runner->console.in_used)
        return 1;                     /* input waits for room in the UART */
    if (runner->options->wants_model) /* its slices are short */
        return BATCH_SLICES * 16 / runner->vcpus + 1;
    return BATCH_SLICES / runner->vcpus + 1;
}

/* Nothing can run for `ns` from now (~0: until something comes from outside).
 */
static int idle(struct runner *runner, uint64_t ns)
{
    uint64_t wait = ns < SLEEP_NS_MAX ? ns : SLEEP_NS_MAX;
    uint64_t passed = ns;
    disco_status status;
    uint64_t start;

    console_flush(&runner->console);
    if (console_feed(runner))
        return 0;
    if (console_is_live(&runner->console)) {
        start = clock_ns();
        console_wait(&runner->console, wait, -1);
        passed = clock_ns() - start;
        if (passed > ns)
            passed = ns;
    } else if (ns == UINT64_MAX) {
        runner_set_end(runner, END_STUCK);
        return 0;
    }
    status = disco_sched_pass(runner->sched, passed);
    if (status)
        return runner_fail_status(runner, "cannot let time pass", status);
    return 0;
}

static int step(struct runner *runner)
{
    disco_exit exit = { .size = sizeof(exit) };
    disco_vcpu *vcpu = NULL;
    disco_status status;

    console_wait(&runner->console, 0, -1);
    console_feed(runner);
    schedule_between(runner);
    status =
        disco_sched_run(runner->sched, choose_rounds(runner), &vcpu, &exit);
    if (status)
        return runner_fail_status(runner, "cannot run", status);
    console_flush(&runner->console);
    if (vcpu)
        return schedule_handle(runner, vcpu, &exit);
    if (exit.reason == DISCO_EXIT_IDLE)
        return idle(runner, exit.u.idle.until_ns);
    return 0;
}

int loop_run(struct runner *runner)
{
    int failed = 0;

    while (!failed && !runner_is_over(runner) && !runner_time_is_up(runner)) {
        failed = step(runner);
        if (stop_signal())
            runner_set_end(runner, END_SIGNAL);
        else if (runner->console.wants_quit)
            runner_set_end(runner, END_QUIT);
    }
    return failed;
}
