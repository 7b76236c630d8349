/*
 * main.c - disco-run: run a kernel on the disco board.
 *
 * The reference embedder: uses nothing but the public API.  stdout carries the
 * guests' console and nothing else; errors are one line on stderr.
 */
#include "runner.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* What a signal handler can reach. */
static volatile sig_atomic_t signal_seen;

static void on_signal(int number)
{
    signal_seen = number;
}

int stop_signal(void)
{
    return signal_seen;
}

static void catch_signals(void)
{
    static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
    struct sigaction action = { .sa_handler = on_signal };

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        sigaction(numbers[i], &action, NULL);
}

/* VM 0's status, or else that of the lowest-numbered VM that is not 0. */
static int guests_status(const struct runner *runner)
{
    for (uint32_t i = 0; i < runner->options->vms; i++)
        if (runner->guest[i].status & 0xff)
            return (int)(runner->guest[i].status & 0xff);
    return 0;
}

static int exit_status(struct runner *runner)
{
    switch (runner_end(runner)) {
    case END_FAILED:
    case END_STUCK:
        return EXIT_FAILED;
    case END_TIME:
        return EXIT_LIMIT;
    default:
        break;
    }
    for (uint32_t i = 0; i < runner->options->vms; i++)
        if (runner->guest[i].end == END_INSNS)
            return EXIT_LIMIT;
    return guests_status(runner);
}

static void report(const struct runner *runner, enum end_reason end)
{
    if (end == END_FAILED)
        fprintf(stderr, "disco-run: %s\n", runner->text);
    else if (end == END_STUCK)
        fprintf(stderr,
                "disco-run: all vCPUs wait and nothing can wake them\n");
    else if (end == END_TIME && !runner->options->is_quiet)
        fprintf(stderr, "disco-run: stopped after %g seconds\n",
                runner->options->timeout_s);
    for (uint32_t i = 0; i < runner->options->vms && end != END_FAILED; i++)
        if (runner->guest[i].end == END_INSNS && !runner->options->is_quiet)
            fprintf(stderr,
                    "disco-run: vm%u: stopped after %" PRIu64 " instructions\n",
                    i, runner->options->max_insns);
}

/* Run the guests until they end; the console is as it was afterwards. */
static int run_guests(struct runner *runner)
{
    const struct options *o = runner->options;
    int status;

    if (runner->console.is_tty && !o->is_quiet)
        fprintf(stderr, "disco-run: Ctrl-A x quits\n");
    console_raw(&runner->console);
    runner->start_ns = clock_ns();
    if (runner->threads > 1)
        threads_run(runner);
    else
        loop_run(runner);
    runner->end_ns = clock_ns();
    for (uint32_t i = 0; i < o->vms; i++)
        console_line_finish(&runner->guest[i].out);
    console_flush(&runner->console);
    console_restore(&runner->console);
    status = exit_status(runner);
    if (o->stats && stats_write(runner, o->stats, status))
        status = EXIT_FAILED;
    return status;
}

static int run(const struct options *options)
{
    struct runner runner;
    int status = EXIT_FAILED;
    int number;

    if (runner_open(&runner, options) == 0)
        status = run_guests(&runner);
    if (runner.guest)
        report(&runner, runner_end(&runner));
    else
        fprintf(stderr, "disco-run: %s\n", runner.text);
    runner_close(&runner);
    number = stop_signal();
    if (number) {
        /* Die of it, so that whoever started us can tell. */
        signal(number, SIG_DFL);
        raise(number);
    }
    return status;
}

int main(int argc, char **argv)
{
    struct options options;
    char text[400];
    int status;

    if (options_parse(&options, argc, argv, text, sizeof(text))) {
        fprintf(stderr, "disco-run: %s\n", text);
        options_free(&options);
        return EXIT_FAILED;
    }
    if (options.wants_help) {
        fputs(options_help(), stdout);
        options_free(&options);
        return 0;
    }
    catch_signals();
    status = run(&options);
    options_free(&options);
    return status;
}
