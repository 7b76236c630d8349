/*
 * setup.c - read the files, make the machine and its VMs, and free them.
 */
#include "placement.h"
#include "runner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Beyond a VM's RAM: its ROM, and a reserve. */
#define VM_EXTRA_BYTES ((uint64_t)8 << 20)

/* The clock of deterministic runs starts on 2000-01-01. */
#define FIXED_WALL_NS ((uint64_t)946684800 * 1000000000)

enum { NODE_CPUS_MAX = 64 };

static uint64_t wall_ns(const struct options *options)
{
    struct timespec t;

    if (options->is_deterministic)
        return FIXED_WALL_NS;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* --- Files ------------------------------------------------------------- */

static int read_all(struct file *file, FILE *stream)
{
    uint64_t room = 0;

    for (;;) {
        size_t n;

        if (file->bytes == room) {
            void *data;

            room = room ? 2 * room : 1 << 20;
            data = realloc(file->data, room);
            if (!data)
                return -1;
            file->data = data;
        }
        n = fread((char *)file->data + file->bytes, 1, room - file->bytes,
                  stream);
        file->bytes += n;
        if (n == 0)
            return ferror(stream) ? -1 : 0;
    }
}

static int file_read(struct runner *runner, const char *path, struct file *file)
{
    FILE *stream = fopen(path, "rb");
    int bad;

    if (!stream)
        return runner_fail(runner, "%s: %s", path, strerror(errno));
    errno = 0;
    bad = read_all(file, stream);
    if (bad)
        runner_fail(runner, "%s: %s", path,
                    errno ? strerror(errno) : "cannot be read");
    fclose(stream);
    return bad ? -1 : 0;
}

/* --- Machine ----------------------------------------------------------- */

static void log_line(void *opaque, int32_t level, const char *domain,
                     const char *text)
{
    const struct runner *runner = opaque;

    if (level <= DISCO_LOG_WARN && !runner->options->is_quiet)
        fprintf(stderr, "disco-run: %s: %s\n", domain, text);
}

static void wake(void *opaque, disco_vcpu *vcpu)
{
    struct runner *runner = opaque;

    (void)vcpu;
    if (runner->wake)
        runner->wake(runner->wake_opaque);
}

/* As many CPUs as can be of use: one a vCPU, at most 64 a node. */
static uint32_t cpus_per_node(const struct runner *runner)
{
    uint32_t nodes = runner->options->nodes;
    uint32_t cpus = (runner->vcpus + nodes - 1) / nodes;

    return cpus < NODE_CPUS_MAX ? cpus : NODE_CPUS_MAX;
}

static int open_machine(struct runner *runner)
{
    const struct options *o = runner->options;
    disco_error err = { .size = sizeof(err) };
    disco_machine_config config = { .size = sizeof(config) };
    disco_machine_stats stats = { .size = sizeof(stats) };
    uint64_t bytes =
        o->vms * (o->memory_bytes + VM_EXTRA_BYTES) + disks_memory_bytes(o);

    config.flags = o->is_deterministic ? DISCO_MACHINE_DETERMINISTIC : 0;
    if (o->has_topology) {
        config.topology = &o->topology;
    } else {
        config.nodes = o->nodes;
        config.cpus_per_node = cpus_per_node(runner);
    }
    config.node_bytes = (bytes / o->nodes + DISCO_PAGE_BYTES) &
                        ~(uint64_t)(DISCO_PAGE_BYTES - 1);
    /* Copies of pages need room, too. */
    if (o->policy.is_on)
        config.node_bytes *= 2;
    config.log = log_line;
    config.log_opaque = runner;
    config.wake = wake;
    config.wake_opaque = runner;
    config.seed = o->seed;
    config.cache_bytes = o->cache_bytes;
    config.code_cache_bytes = o->code_cache_bytes;
    config.translate_at_run = o->translate_at_run;
    if (disco_machine_create(&config, &runner->machine, &err))
        return runner_fail(runner, "cannot make the machine: %s", err.text);
    disco_machine_stats_get(runner->machine, &stats);
    runner->cpus = stats.cpus;
    if (runner->threads > runner->cpus)
        runner->threads = runner->cpus;
    if (o->wants_model) {
        disco_status status =
            disco_machine_set_model(runner->machine, &o->model);

        if (status)
            return runner_fail_status(runner, "--model", status);
    }
    return o->nets ? subnet_open(runner) : 0;
}

/* --- One VM ------------------------------------------------------------ */

/* Beside the UART: both write to stdout. */
static int add_console(struct guest *guest)
{
    disco_char_backend be = { .size = sizeof(be),
                              .opaque = &guest->out,
                              .write = console_write };
    disco_status status =
        disco_board_add_console(guest->board, &be, &guest->vconsole);

    return status ? runner_fail_status(guest->runner, "--console", status) : 0;
}

static int add_devices(struct guest *guest)
{
    const struct options *o = guest->runner->options;
    disco_status status;

    if (guest_add_disks(guest))
        return -1;
    for (uint32_t i = 0; i < o->nets; i++)
        if (guest_add_net(guest, i))
            return -1;
    if (o->console_is_virtio && add_console(guest))
        return -1;
    if (!o->wants_rng)
        return 0;
    status = disco_board_add_rng(guest->board);
    return status ? runner_fail_status(guest->runner, "--rng", status) : 0;
}

static int open_board(struct guest *guest)
{
    struct runner *runner = guest->runner;
    const struct options *o = runner->options;
    disco_vcpu_config vcpu = {
        .size = sizeof(vcpu),
        .model = o->cpu_model,
        .mode = o->mode,
        .engine = o->engine,
        .l2tlb = o->l2tlb,
        .order = runner->order,
    };
    disco_board_config config = {
        .size = sizeof(config),
        .ram_bytes = o->memory_bytes,
        .cpus = o->cpus,
        .vcpu = &vcpu,
        .console = { .size = sizeof(disco_char_backend),
                     .opaque = &guest->out,
                     .write = console_write },
        .wall_ns = wall_ns(o),
    };
    disco_status status = disco_board_create(guest->vm, &config, &guest->board);

    if (status == DISCO_E_NOENT && o->cpu_model)
        return runner_fail(runner, "--cpu-model %s: no such model",
                           o->cpu_model);
    if (status)
        return runner_fail_status(runner, "cannot make the board", status);
    return 0;
}

static void guest_console_write(void *opaque, const uint8_t *data,
                                uint32_t bytes)
{
    struct guest *guest = opaque;

    console_write(&guest->out, data, bytes);
}

static int open_guest(struct guest *guest)
{
    static const disco_console_ops console = {
        .size = sizeof(console),
        .write = guest_console_write,
    };
    struct runner *runner = guest->runner;
    const struct options *o = runner->options;
    disco_vm_config config = {
        .size = sizeof(config),
        .memory_order = o->memory_order,
        .threads = runner->threads < o->cpus ? runner->threads : o->cpus,
    };
    disco_status status;

    guest->out.console = &runner->console;
    guest->out.vm = guest->index;
    guest->out.is_prefixed = o->vms > 1;
    disco_machine_cpu_node(runner->machine,
                           guest->index * o->cpus % runner->cpus,
                           &config.home_node);
    status = disco_vm_create(runner->machine, &config, &guest->vm);
    if (!status)
        status = disco_vm_set_console(guest->vm, &console, guest);
    if (!status) /* all VMs of one run trust each other */
        status = disco_vm_set_share_group(guest->vm, 1);
    if (status)
        return runner_fail_status(runner, "cannot make a VM", status);
    if (open_board(guest) || add_devices(guest))
        return -1;
    return guest_load(guest);
}

/* --- The whole --------------------------------------------------------- */

/* Byte order of the vCPUs, once the kernel is known to be one. */
static int find_order(struct runner *runner)
{
    const struct options *o = runner->options;
    disco_error err = { .size = sizeof(err) };
    disco_image_info info = { .size = sizeof(info) };

    if (disco_elf_info(runner->kernel.data, runner->kernel.bytes, &info, &err))
        return runner_fail(runner, "%s: %s", o->kernel, err.text);
    runner->order = o->order ? o->order : info.order;
    return 0;
}

static int has_text(const struct file *file, const char *text)
{
    return memmem(file->data, file->bytes, text, strlen(text)) != NULL;
}

/*
 * The vCPU that boots.  The driver of the interrupt controller opens a CPU's
 * input on the CPU that happens to run its probe, and it numbers CPUs in the
 * order of the device tree when it chooses where an interrupt goes, but as the
 * controller does when it takes one.  A Linux whose board files leave the input
 * of the boot CPU to that driver loses all device interrupts when init moves
 * before the probe.  With the first two CPUs swapped they go to the second one,
 * which is open always.  Our own board files open the input of all, and say so.
 */
static uint32_t find_boot_cpu(const struct runner *runner)
{
    static const char driver[] = "irq_bcm7038_l1";
    static const char opened[] = "disco: device interrupts on every CPU";
    const struct file *kernel = &runner->kernel;
    static const char *const one_cpu[] = { "maxcpus=", "nr_cpus=", "nosmp" };
    const struct options *o = runner->options;

    for (size_t i = 0; i < sizeof(one_cpu) / sizeof(one_cpu[0]); i++)
        if (o->append && strstr(o->append, one_cpu[i]))
            return 0;
    return o->cpus > 1 && has_text(kernel, driver) && !has_text(kernel, opened);
}

int runner_open(struct runner *runner, const struct options *options)
{
    memset(runner, 0, sizeof(*runner));
    pthread_mutex_init(&runner->lock, NULL);
    runner->options = options;
    runner->vcpus = options->vms * options->cpus;
    runner->threads = options->threads;
    if (runner->threads > runner->vcpus)
        runner->threads = runner->vcpus;
    if (console_open(&runner->console, !options->is_deterministic))
        return runner_fail(runner, "cannot make a lock");
    if (file_read(runner, options->kernel, &runner->kernel))
        return -1;
    if (options->initrd && file_read(runner, options->initrd, &runner->initrd))
        return -1;
    if (find_order(runner) || open_machine(runner) || code_open(runner))
        return -1;
    runner->boot_cpu = find_boot_cpu(runner);
    runner->guest = calloc(options->vms, sizeof(*runner->guest));
    if (!runner->guest)
        return runner_fail(runner, "out of memory");
    if (placement_open(runner))
        return -1;
    for (uint32_t i = 0; i < options->vms; i++) {
        runner->guest[i].runner = runner;
        runner->guest[i].index = i;
        if (open_guest(&runner->guest[i]))
            return -1;
    }
    return schedule_open(runner);
}

void runner_close(struct runner *runner)
{
    schedule_close(runner);
    for (uint32_t i = 0; runner->guest && i < runner->options->vms; i++) {
        console_line_finish(&runner->guest[i].out);
        if (runner->guest[i].vm)
            disco_vm_destroy(runner->guest[i].vm);
        guest_close_disks(&runner->guest[i]);
    }
    subnet_close(runner);
    disco_machine_destroy(runner->machine);
    code_close(runner);
    free(runner->guest);
    free(runner->kernel.data);
    free(runner->initrd.data);
    console_close(&runner->console);
    pthread_mutex_destroy(&runner->lock);
}
