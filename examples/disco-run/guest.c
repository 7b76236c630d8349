/*
 * guest.c - guests while they run: load, restart, end, and what an exit means.
 * Who runs vCPUs when is schedule.c's; setup.c makes it all.
 */
#include "runner.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include <disco/guest.h>

uint64_t clock_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void runner_set_end(struct runner *runner, enum end_reason end)
{
    pthread_mutex_lock(&runner->lock);
    if (runner->end == END_NONE)
        runner->end = end;
    pthread_mutex_unlock(&runner->lock);
}

enum end_reason runner_end(struct runner *runner)
{
    enum end_reason end;

    pthread_mutex_lock(&runner->lock);
    end = runner->end;
    pthread_mutex_unlock(&runner->lock);
    return end;
}

int runner_fail(struct runner *runner, const char *format, ...)
{
    va_list args;

    pthread_mutex_lock(&runner->lock);
    /* The first reason is the one that matters. */
    if (runner->end != END_FAILED) {
        va_start(args, format);
        vsnprintf(runner->text, sizeof(runner->text), format, args);
        va_end(args);
        runner->end = END_FAILED;
    }
    pthread_mutex_unlock(&runner->lock);
    return -1;
}

int runner_fail_status(struct runner *runner, const char *what,
                       disco_status status)
{
    disco_error err = { .size = sizeof(err) };

    if (runner->machine)
        disco_machine_last_error(runner->machine, &err);
    if (err.status == status && err.text[0])
        return runner_fail(runner, "%s: %s", what, err.text);
    return runner_fail(runner, "%s: %s", what, disco_status_text(status));
}

int guest_load(struct guest *guest)
{
    struct runner *runner = guest->runner;
    disco_board_image image = {
        .size = sizeof(image),
        .kernel = runner->kernel.data,
        .kernel_bytes = runner->kernel.bytes,
        .initrd = runner->initrd.data,
        .initrd_bytes = runner->initrd.bytes,
        .cmdline = runner->options->append,
        .boot_cpu = runner->boot_cpu,
    };
    disco_status status = disco_board_load(guest->board, &image);

    if (status)
        return runner_fail_status(runner, runner->options->kernel, status);
    return 0;
}

int guest_restart(struct guest *guest)
{
    disco_status status = disco_vm_reset(guest->vm);

    if (status)
        return runner_fail_status(guest->runner, "reset", status);
    guest->resets++;
    return guest_load(guest);
}

void guest_end(struct guest *guest, enum end_reason end, uint32_t status)
{
    pthread_mutex_lock(&guest->runner->lock);
    if (guest->end == END_NONE) {
        guest->status = status;
        __atomic_store_n(&guest->end, end, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&guest->runner->lock);
}

int guest_has_ended(const struct guest *guest)
{
    return __atomic_load_n(&guest->end, __ATOMIC_ACQUIRE) != END_NONE;
}

int guest_handle(struct guest *guest, disco_vcpu *vcpu, const disco_exit *exit)
{
    uint32_t n = disco_vcpu_index(vcpu);

    switch (exit->reason) {
    case DISCO_EXIT_SHUTDOWN:
        guest_end(guest, END_SHUTDOWN, exit->u.shutdown.code);
        return 0;
    case DISCO_EXIT_HYPERCALL:
        /* No call of ours: the guest learns that there is none. */
        disco_vcpu_complete(vcpu, DISCO_HC_E_UNKNOWN, 0);
        return 0;
    case DISCO_EXIT_NO_MEMORY:
        return runner_fail(guest->runner,
                           "vm%u: the machine has no memory left",
                           guest->index);
    case DISCO_EXIT_CALLBACK:
        return runner_fail(
            guest->runner, "vm%u: device access at 0x%llx failed: %s",
            guest->index, (unsigned long long)exit->u.callback.gpa,
            disco_status_text(exit->u.callback.status));
    default:
        return runner_fail(
            guest->runner, "vm%u: vCPU %u stopped for reason %u at pc 0x%llx",
            guest->index, n, exit->reason, (unsigned long long)exit->pc);
    }
}

int runner_is_over(struct runner *runner)
{
    if (runner_end(runner) != END_NONE)
        return 1;
    for (uint32_t i = 0; i < runner->options->vms; i++)
        if (!guest_has_ended(&runner->guest[i]))
            return 0;
    return 1;
}

int runner_time_is_up(struct runner *runner)
{
    double seconds = (double)(clock_ns() - runner->start_ns) / 1e9;

    if (runner->options->timeout_s == 0 || seconds < runner->options->timeout_s)
        return 0;
    runner_set_end(runner, END_TIME);
    return 1;
}
