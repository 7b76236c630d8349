/*
 * demo.c - two VMs with two vCPUs each on a machine of two nodes, with a disk
 * each and a common subnet, driven by the library's scheduler on one thread.
 *
 * usage: disco-demo [--mode exact|disco] [--timeout SECONDS] [KERNEL]
 *        disco-demo --linux [--append TEXT] KERNEL INITRD
 *
 * Without a kernel the built-in one is used.  With --linux the demo talks to
 * the guests' shells.  Exit status 0 only if both guests powered off with
 * status 0.
 */
#include "demo.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void must(disco_machine *machine, disco_status status, const char *what)
{
    disco_error err = { .size = sizeof(err) };

    if (status == 0)
        return;
    if (machine)
        disco_machine_last_error(machine, &err);
    fprintf(stderr, "disco-demo: %s: %s (%s)\n", what,
            disco_status_name(status), err.text);
    exit(1);
}

static struct image read_file(const char *path)
{
    struct image image = { NULL, 0 };
    FILE *file = fopen(path, "rb");
    long bytes;

    if (!file || fseek(file, 0, SEEK_END) || (bytes = ftell(file)) < 0)
        goto bad;
    rewind(file);
    image.bytes = (uint64_t)bytes;
    image.data = malloc((size_t)bytes + 1);
    if (!image.data ||
        fread(image.data, 1, (size_t)bytes, file) != (size_t)bytes)
        goto bad;
    fclose(file);
    return image;
bad:
    perror(path);
    exit(1);
}

static disco_machine *make_machine(void)
{
    disco_machine_config config = { .size = sizeof(config) };
    disco_error err = { .size = sizeof(err) };
    disco_machine *machine;

    config.nodes = DEMO_NODES;
    config.cpus_per_node = DEMO_VMS * DEMO_CPUS / DEMO_NODES;
    if (disco_machine_create(&config, &machine, &err)) {
        fprintf(stderr, "disco-demo: %s\n", err.text);
        exit(1);
    }
    return machine;
}

/* The guests' vCPUs in order: VM 0's run on node 0, VM 1's on node 1. */
static disco_sched *make_sched(disco_machine *machine, struct guest *guests)
{
    disco_sched *sched;

    must(machine, disco_sched_create(machine, NULL, &sched), "scheduler");
    for (uint32_t i = 0; i < DEMO_VMS; i++) {
        for (uint32_t c = 0; c < DEMO_CPUS; c++) {
            must(machine,
                 disco_sched_add(sched, disco_vm_vcpu(guests[i].vm, c)),
                 "schedule vCPU");
        }
    }
    return sched;
}

static void guest_ended(disco_sched *sched, struct guest *guest,
                        uint32_t status)
{
    guest->done = 1;
    guest->status = status;
    for (uint32_t c = 0; c < DEMO_CPUS; c++) {
        must(guest->machine,
             disco_sched_remove(sched, disco_vm_vcpu(guest->vm, c)),
             "remove vCPU");
    }
    console_flush(guest);
    printf("vm%u: [powered off, status %u]\n", guest->index, status);
    fflush(stdout);
}

/* A vCPU left for a reason that is the host's business. */
static void handle_exit(disco_sched *sched, struct guest *guests,
                        disco_vcpu *vcpu, const disco_exit *exit_info)
{
    struct guest *guest = guests;

    while (guest->vm != disco_vcpu_vm(vcpu))
        guest++;
    if (exit_info->reason == DISCO_EXIT_SHUTDOWN) {
        guest_ended(sched, guest, exit_info->u.shutdown.code);
        return;
    }
    fprintf(stderr,
            "disco-demo: vm%u: vCPU %u left with reason %u at 0x%" PRIx64
            " after %" PRIu64 " instructions\n",
            guest->index, disco_vcpu_index(vcpu), exit_info->reason,
            exit_info->pc, exit_info->insns);
    guest_ended(sched, guest, 1);
}

static int all_done(const struct guest *guests)
{
    for (uint32_t i = 0; i < DEMO_VMS; i++) {
        if (!guests[i].done)
            return 0;
    }
    return 1;
}

/* Run both guests to their end; 0, or 1 on time-out or when all are stuck. */
static int run(disco_machine *machine, disco_sched *sched, struct guest *guests,
               uint32_t timeout_s)
{
    const time_t end = time(NULL) + (time_t)timeout_s;

    while (!all_done(guests)) {
        disco_exit exit_info = { .size = sizeof(exit_info) };
        disco_vcpu *vcpu;
        int moved = console_drive(guests, DEMO_VMS);

        if (time(NULL) > end) {
            fprintf(stderr, "disco-demo: time is up\n");
            return 1;
        }
        must(machine, disco_placement_tick(machine, 0, NULL), "placement");
        must(machine, disco_sched_run(sched, 16, &vcpu, &exit_info), "run");
        if (vcpu) {
            handle_exit(sched, guests, vcpu, &exit_info);
        } else if (exit_info.reason == DISCO_EXIT_IDLE && !moved) {
            if (exit_info.u.idle.until_ns == UINT64_MAX) {
                fprintf(stderr, "disco-demo: all guests wait for ever\n");
                return 1;
            }
            must(machine, disco_sched_pass(sched, exit_info.u.idle.until_ns),
                 "pass time");
        }
    }
    return 0;
}

static int usage(void)
{
    fprintf(stderr,
            "usage: disco-demo [--mode exact|disco] [--timeout SECONDS]"
            " [KERNEL]\n"
            "       disco-demo --linux [--append TEXT] KERNEL INITRD\n");
    return 2;
}

static int parse(int argc, char **argv, struct options *options)
{
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;

        if (!strcmp(arg, "--linux")) {
            options->linux_guest = 1;
        } else if (!strcmp(arg, "--append") && value) {
            options->append = argv[++i];
        } else if (!strcmp(arg, "--timeout") && value) {
            options->timeout_s = (uint32_t)strtoul(argv[++i], NULL, 10);
        } else if (!strcmp(arg, "--mode") && value) {
            options->mode = strcmp(argv[++i], "exact") ? DISCO_MODE_DISCO
                                                       : DISCO_MODE_EXACT;
        } else if (arg[0] == '-') {
            return -1;
        } else if (!options->kernel) {
            options->kernel = arg;
        } else if (!options->initrd) {
            options->initrd = arg;
        } else {
            return -1;
        }
    }
    return options->linux_guest && !options->initrd ? -1 : 0;
}

int main(int argc, char **argv)
{
    struct options options = { .mode = DISCO_MODE_DISCO, .timeout_s = 300 };
    struct image kernel, initrd = { NULL, 0 };
    static struct guest guests[DEMO_VMS];
    disco_machine *machine;
    disco_sched *sched;
    disco_subnet *subnet;
    int failed;

    if (parse(argc, argv, &options))
        return usage();
    kernel = options.kernel ? read_file(options.kernel) : builtin_kernel();
    if (!kernel.data) {
        fprintf(stderr, "disco-demo: no kernel is built in, name one\n");
        return 1;
    }
    if (options.initrd)
        initrd = read_file(options.initrd);

    machine = make_machine();
    must(machine, disco_subnet_create(machine, &subnet), "subnet");
    for (uint32_t i = 0; i < DEMO_VMS; i++) {
        guest_create(&guests[i], machine, i, subnet, &options);
        guest_load(&guests[i], &kernel, &initrd, options.append);
    }
    sched = make_sched(machine, guests);
    /* Disco's own policy: pages go to the node that uses them. */
    must(machine, disco_placement_start(machine, NULL), "placement");
    failed = run(machine, sched, guests, options.timeout_s);
    for (uint32_t i = 0; i < DEMO_VMS; i++) {
        console_flush(&guests[i]);
        failed |= !guests[i].done || guests[i].status != 0;
    }
    summary_print(machine, guests);
    memory_print(machine, guests);

    disco_sched_destroy(sched);
    for (uint32_t i = 0; i < DEMO_VMS; i++)
        must(machine, disco_vm_destroy(guests[i].vm), "destroy VM");
    must(machine, disco_subnet_destroy(subnet), "destroy subnet");
    must(NULL, disco_machine_destroy(machine), "destroy machine");
    if (options.kernel)
        free(kernel.data);
    free(initrd.data);
    return failed;
}
