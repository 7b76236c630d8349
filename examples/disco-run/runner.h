/*
 * runner.h - one run of disco-run: the machine, its guests, what ends them.
 */
#ifndef DISCO_RUN_RUNNER_H
#define DISCO_RUN_RUNNER_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <disco/board.h>
#include <disco/disco.h>

#include "console.h"
#include "options.h"

/* A file in memory. */
struct file {
    void *data; /* malloc'ed */
    uint64_t bytes;
};

enum end_reason {
    END_NONE, /* still running */
    END_SHUTDOWN,
    END_INSNS,
    END_TIME,
    END_STUCK,
    END_FAILED,
    END_QUIT, /* Ctrl-A x */
    END_SIGNAL
};

/* Of a slice.  ALONE: one vCPU in all, which nobody waits for. */
enum { QUANTUM_INSNS = 20000, QUANTUM_ALONE = 200000, QUANTUM_MODEL = 500 };

/* Longest sleep, so that time limits and signals are seen. */
#define SLEEP_NS_MAX ((uint64_t)200000000)

/* One VM. */
struct guest {
    struct runner *runner;
    disco_vm *vm;
    disco_board *board;
    disco_vconsole *vconsole;      /* NULL without --console virtio */
    disco_nic *nic[NETS_MAX];      /* options->nets of them */
    disco_image *image[DISKS_MAX]; /* open until the end: warm for others */
    struct console_line out;
    uint32_t index;
    enum end_reason end; /* atomic */
    uint32_t status;     /* what the guest gave */
    uint32_t resets;
};

struct runner {
    const struct options *options;
    struct file kernel;
    struct file initrd;
    disco_machine *machine;
    disco_sched *sched;   /* while guests run, and until the figures are out */
    disco_subnet *subnet; /* NULL without --net subnet */
    FILE *pcap;           /* NULL without --pcap */
    struct guest *guest;  /* options->vms of them */
    struct console console;
    uint32_t vcpus; /* of all guests */
    uint32_t cpus;  /* of the machine */
    uint32_t threads;
    uint32_t order;
    uint32_t boot_cpu; /* of a guest */
    uint64_t start_ns; /* host clock */
    uint64_t end_ns;
    void (*wake)(void *opaque); /* a vCPU became runnable; may be NULL */
    void *wake_opaque;
    pthread_mutex_t lock; /* of the two below, and of guests' ends */
    enum end_reason end;  /* of the whole run */
    char text[400];       /* why it failed */
};

/* Host's monotonic clock. */
uint64_t clock_ns(void);

/* Make machine and guests, load the kernel.  0, or -1 with runner->text. */
int runner_open(struct runner *runner, const struct options *options);
void runner_close(struct runner *runner);

/* Set the one line that tells why disco-run fails, and the end. Returns -1. */
int runner_fail(struct runner *runner, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same with the library's last error. */
int runner_fail_status(struct runner *runner, const char *what,
                       disco_status status);

/* The end of the whole run; only the first one set counts, but a failure
 * always does.  Any thread. */
void runner_set_end(struct runner *runner, enum end_reason end);
enum end_reason runner_end(struct runner *runner);

/* 1 when every guest has ended or the run has. */
int runner_is_over(struct runner *runner);
/* 1, and the end is set, when the host time is used up. */
int runner_time_is_up(struct runner *runner);

/* Load kernel and initrd, at start and after a reset.  0 or -1. */
int guest_load(struct guest *guest);
/* Reset the VM and load again. */
int guest_restart(struct guest *guest);
/* Only the first end counts.  Any thread. */
void guest_end(struct guest *guest, enum end_reason end, uint32_t status);
int guest_has_ended(const struct guest *guest);
/* Act on an exit other than BUDGET, KICK, IDLE, PARKED, YIELD and RESET. */
int guest_handle(struct guest *guest, disco_vcpu *vcpu, const disco_exit *exit);

/* disks.c: the disks of a guest; 0 or -1. */
int guest_add_disks(struct guest *guest);
void guest_close_disks(struct guest *guest);
/* Machine memory for all disks: cached blocks, and those that guests write. */
uint64_t disks_memory_bytes(const struct options *options);

/* schedule.c: the scheduler over the vCPUs of all guests; 0 or -1. */
int schedule_open(struct runner *runner);
void schedule_close(struct runner *runner);
/* A vCPU came back from it.  Any thread; 0 or -1. */
int schedule_handle(struct runner *runner, disco_vcpu *vcpu,
                    const disco_exit *exit);
/* Called every few rounds, or every few milliseconds with threads, by the
 * thread that called loop_run or threads_run.  vCPUs run only with threads. */
void schedule_between(struct runner *runner);

/* The two ways to run until the end; 0 or -1 with runner->text. */
int loop_run(struct runner *runner);    /* loop.c: one thread */
int threads_run(struct runner *runner); /* threads.c */

/* net.c: the subnet, and card `n` of a guest; 0 or -1. */
int subnet_open(struct runner *runner);
void subnet_close(struct runner *runner);
int guest_add_net(struct guest *guest, uint32_t n);
/* Its figures as JSON. */
void net_stats_write(FILE *f, const struct guest *guest);

/* memstats.c: footprint of a VM; of the machine, with sharing and moves. */
void footprint_write(FILE *f, const disco_footprint *p);
void memory_stats_write(FILE *f, disco_machine *machine);

/* Write the figures of a run; 0 or -1 with runner->text. */
int stats_write(struct runner *runner, const char *path, int exit_status);
const char *end_name(enum end_reason end);

/* main.c: the signal that asked us to stop, or 0. */
int stop_signal(void);

#endif
