/*
 * schedule.c - the library's scheduler over the vCPUs of all guests: set up,
 * and what it means when a vCPU comes back.  Who drives it is loop.c's (one
 * thread) and threads.c's; nothing here cares which.
 */
#include "placement.h"
#include "runner.h"

/*
 * How far vCPUs of a VM run apart on several threads.  The clocks of a real
 * machine's CPUs do not drift apart either, and a guest that waits for a CPU
 * whose host thread sleeps should not burn its own time meanwhile.
 */
enum { SKEW_INSNS = QUANTUM_INSNS };

static int add_guest(struct runner *runner, struct guest *guest)
{
    disco_sched_vm_config config = { .size = sizeof(config) };
    const struct options *o = runner->options;
    disco_status status = 0;

    for (uint32_t i = 0; i < o->cpus && !status; i++) {
        disco_vcpu *vcpu = disco_vm_vcpu(guest->vm, i);

        status = disco_sched_add(runner->sched, vcpu);
        if (!status && o->max_insns)
            status = disco_sched_set_limit(runner->sched, vcpu, o->max_insns);
    }
    if (!status && runner->threads > 1) {
        config.skew_insns = SKEW_INSNS;
        status = disco_sched_set_vm(runner->sched, guest->vm, &config);
    }
    return status ? runner_fail_status(runner, "scheduler", status) : 0;
}

static uint64_t quantum(const struct options *o)
{
    if (o->wants_model)
        return QUANTUM_MODEL;
    return o->vms * o->cpus == 1 ? QUANTUM_ALONE : QUANTUM_INSNS;
}

int schedule_open(struct runner *runner)
{
    disco_sched_config config = {
        .size = sizeof(config),
        .quantum_insns = quantum(runner->options),
    };
    disco_status status;

    status = disco_sched_create(runner->machine, &config, &runner->sched);
    if (status)
        return runner_fail_status(runner, "scheduler", status);
    for (uint32_t i = 0; i < runner->options->vms; i++)
        if (add_guest(runner, &runner->guest[i]))
            return -1;
    return 0;
}

void schedule_close(struct runner *runner)
{
    disco_sched_destroy(runner->sched);
    runner->sched = NULL;
}

void schedule_between(struct runner *runner)
{
    placement_tick(runner);
}

static struct guest *guest_of(struct runner *runner, disco_vcpu *vcpu)
{
    for (uint32_t i = 0; i < runner->options->vms; i++)
        if (runner->guest[i].vm == disco_vcpu_vm(vcpu))
            return &runner->guest[i];
    return NULL;
}

/* All vCPUs leave for a reset; who is told that he has the last restarts. */
static int restart(struct runner *runner, struct guest *guest, disco_vcpu *vcpu)
{
    disco_status status = disco_sched_hold(runner->sched, vcpu);

    if (status == DISCO_E_BUSY)
        return 0;
    if (!status) {
        if (guest_restart(guest))
            return -1;
        status = disco_sched_release(runner->sched, vcpu);
    }
    return status ? runner_fail_status(runner, "reset", status) : 0;
}

int schedule_handle(struct runner *runner, disco_vcpu *vcpu,
                    const disco_exit *exit)
{
    struct guest *guest = guest_of(runner, vcpu);

    if (!guest)
        return runner_fail(runner, "the scheduler gave an unknown vCPU");
    if (exit->reason == DISCO_EXIT_KICK)
        return 0;
    if (exit->reason == DISCO_EXIT_BUDGET)
        guest_end(guest, END_INSNS, 0);
    else if (guest_has_ended(guest))
        ;
    else if (exit->reason == DISCO_EXIT_RESET)
        return restart(runner, guest, vcpu);
    else if (guest_handle(guest, vcpu, exit))
        return -1;
    if (guest_has_ended(guest)) {
        /* For good.  Others of it may still be on their way out: BUSY. */
        disco_sched_hold(runner->sched, vcpu);
    }
    return 0;
}
