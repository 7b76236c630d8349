/*
 * loop.c - run all vCPUs on this one thread with the library's scheduler.
 *
 * The order of vCPUs is a fixed round robin, so that a deterministic machine
 * repeats.  When nothing can run, time passes: at once when no input can come
 * any more, else at the pace of the host's clock.
 */
#include "runner.h"

#include <stdlib.h>

enum { QUANTUM_INSNS = 20000, BATCH_SLICES = 64 };

/* Longest sleep, so that time limits and signals are seen. */
#define SLEEP_NS_MAX ((uint64_t)200000000)

struct loop {
    struct runner *runner;
    disco_sched *sched;
    uint64_t quantum_insns; /* of sched */
};

/* A scheduler over the vCPUs of all guests that still run. */
static int make_sched(struct loop *loop, uint64_t quantum_insns)
{
    struct runner *runner = loop->runner;
    disco_sched_config config = {
        .size = sizeof(config),
        .quantum_insns = quantum_insns,
    };
    disco_status status;

    disco_sched_destroy(loop->sched);
    loop->sched = NULL;
    status = disco_sched_create(runner->machine, &config, &loop->sched);
    for (uint32_t n = 0; n < runner->vcpus && !status; n++)
        if (!guest_has_ended(runner_guest_of(runner, n)))
            status = disco_sched_add(loop->sched, runner_vcpu(runner, n));
    if (status)
        return runner_fail_status(runner, "scheduler", status);
    loop->quantum_insns = quantum_insns;
    return 0;
}

/* End guests one of whose vCPUs has used up its instructions; returns what the
 * neediest of the others may still run. */
static uint64_t insns_left(struct runner *runner)
{
    uint64_t least = UINT64_MAX;

    if (!runner->options->max_insns)
        return least;
    for (uint32_t n = 0; n < runner->vcpus; n++) {
        struct guest *guest = runner_guest_of(runner, n);
        uint64_t left = runner_insns_left(runner, n);

        if (guest_has_ended(guest))
            continue;
        if (left == 0)
            guest_end(guest, END_INSNS, 0);
        else if (left < least)
            least = left;
    }
    return least;
}

static uint32_t guests_running(const struct runner *runner)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < runner->options->vms; i++)
        count += !guest_has_ended(&runner->guest[i]);
    return count;
}

/*
 * Rounds to run in one go: short enough to look at the clock and at stdin, and
 * no vCPU may pass its instruction limit.  The last few instructions before a
 * limit take a scheduler with a smaller quantum.
 */
static int choose_rounds(struct loop *loop, uint64_t *rounds)
{
    struct runner *runner = loop->runner;
    uint32_t before = guests_running(runner);
    uint64_t left = insns_left(runner);
    uint64_t quantum = left < QUANTUM_INSNS ? left : QUANTUM_INSNS;

    *rounds = 0;
    if (runner_is_over(runner))
        return 0;
    if (quantum != loop->quantum_insns || before != guests_running(runner))
        if (make_sched(loop, quantum))
            return -1;
    *rounds = BATCH_SLICES / runner->vcpus + 1;
    if (runner->console.in_at < runner->console.in_used)
        *rounds = 1; /* input waits for room in the UART */
    if (*rounds > left / quantum)
        *rounds = left / quantum;
    return 0;
}

static int handle(struct loop *loop, disco_vcpu *vcpu, const disco_exit *exit)
{
    struct runner *runner = loop->runner;
    struct guest *guest = NULL;

    if (exit->reason == DISCO_EXIT_KICK)
        return 0;
    for (uint32_t i = 0; i < runner->options->vms; i++)
        if (runner->guest[i].vm == disco_vcpu_vm(vcpu))
            guest = &runner->guest[i];
    if (!guest)
        return runner_fail(runner, "the scheduler gave an unknown vCPU");
    if (exit->reason == DISCO_EXIT_RESET)
        return guest_restart(guest);
    if (guest_handle(guest, vcpu, exit))
        return -1;
    if (!guest_has_ended(guest))
        return 0;
    return make_sched(loop, loop->quantum_insns);
}

/* Nothing can run for `ns` from now (~0: until something comes from outside).
 */
static int idle(struct loop *loop, uint64_t ns)
{
    struct runner *runner = loop->runner;
    uint64_t start;
    uint64_t wait = ns < SLEEP_NS_MAX ? ns : SLEEP_NS_MAX;
    uint64_t passed = ns;
    disco_status status;

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
    status = disco_sched_pass(loop->sched, passed);
    if (status)
        return runner_fail_status(runner, "cannot let time pass", status);
    return 0;
}

static int step(struct loop *loop)
{
    struct runner *runner = loop->runner;
    disco_exit exit = { .size = sizeof(exit) };
    disco_vcpu *vcpu = NULL;
    disco_status status;
    uint64_t rounds;

    console_wait(&runner->console, 0, -1);
    console_feed(runner);
    if (choose_rounds(loop, &rounds))
        return -1;
    if (rounds == 0)
        return 0;
    status = disco_sched_run(loop->sched, rounds, &vcpu, &exit);
    if (status)
        return runner_fail_status(runner, "cannot run", status);
    console_flush(&runner->console);
    if (vcpu)
        return handle(loop, vcpu, &exit);
    if (exit.reason == DISCO_EXIT_IDLE)
        return idle(loop, exit.u.idle.until_ns);
    return 0;
}

int loop_run(struct runner *runner)
{
    struct loop loop = { .runner = runner };
    int failed = make_sched(&loop, QUANTUM_INSNS);

    while (!failed && !runner_is_over(runner) && !runner_time_is_up(runner)) {
        failed = step(&loop);
        if (stop_signal())
            runner_set_end(runner, END_SIGNAL);
        else if (runner->console.wants_quit)
            runner_set_end(runner, END_QUIT);
    }
    disco_sched_destroy(loop.sched);
    return failed;
}
