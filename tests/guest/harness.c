/*
 * harness.c - see harness.h.
 */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct disk {
    uint64_t bytes;
    uint8_t *data;
};

struct vm {
    disco_vm *vm;
    disco_board *board;
    disco_vcpu *vcpu[HARNESS_CPUS];
    struct disk disk;
    struct guest_result *result;
    char cmdline[256];
};

struct run {
    const struct guest_config *config;
    uint32_t engine;
    uint32_t vms, cpus;
    disco_machine *machine;
    disco_subnet *subnet;
    struct vm vm[HARNESS_VMS];
    void *elf;
    uint64_t elf_bytes;
};

/* --- What stands behind the devices -------------------------------------- */

static void console_write(void *opaque, const uint8_t *data, uint32_t bytes)
{
    struct guest_result *r = opaque;

    for (uint32_t i = 0; i < bytes && r->length + 1 < HARNESS_CONSOLE; i++)
        r->console[r->length++] = (char)data[i];
}

static void disk_submit(void *opaque, disco_block_request *request)
{
    struct disk *d = opaque;

    if (request->op == DISCO_BLOCK_READ)
        memcpy(request->data, d->data + request->offset_bytes, request->bytes);
    else if (request->op == DISCO_BLOCK_WRITE)
        memcpy(d->data + request->offset_bytes, request->data, request->bytes);
    disco_block_complete(request, 0);
}

static void disk_release(void *opaque)
{
    struct disk *d = opaque;

    free(d->data);
    d->data = NULL;
}

static void swallow(void *opaque, const uint8_t *data, uint32_t bytes)
{
    (void)opaque;
    (void)data;
    (void)bytes;
}

/* --- Building a machine -------------------------------------------------- */

static const char *read_elf(struct run *run, const char *folder)
{
    char path[1024];
    FILE *file;
    long bytes;

    snprintf(path, sizeof(path), "%s/%s", folder, run->config->name);
    file = fopen(path, "rb");
    if (!file)
        return "the guest's file cannot be opened";
    if (fseek(file, 0, SEEK_END) || (bytes = ftell(file)) <= 0 ||
        fseek(file, 0, SEEK_SET)) {
        fclose(file);
        return "the guest's file cannot be read";
    }
    run->elf_bytes = (uint64_t)bytes;
    run->elf = malloc(run->elf_bytes);
    if (!run->elf || fread(run->elf, 1, run->elf_bytes, file) != (size_t)bytes)
        run->elf_bytes = 0;
    fclose(file);
    return run->elf_bytes ? NULL : "the guest's file cannot be read";
}

static const char *add_disk(struct run *run, struct vm *vm)
{
    disco_block_backend be = { .size = sizeof(be) };

    vm->disk.bytes = run->config->disk_bytes;
    vm->disk.data = malloc(vm->disk.bytes);
    if (!vm->disk.data)
        return "no memory for a disk";
    for (uint64_t i = 0; i < vm->disk.bytes; i++)
        vm->disk.data[i] = (uint8_t)(i * 7 + (i >> 9));
    be.flags = run->config->read_only ? DISCO_BLOCK_READONLY : 0;
    be.bytes = vm->disk.bytes;
    be.opaque = &vm->disk;
    be.submit = disk_submit;
    be.release = disk_release;
    return disco_board_add_disk(vm->board, &be) ? "disk" : NULL;
}

static const char *add_devices(struct run *run, struct vm *vm)
{
    const char *error = NULL;

    if (run->config->disk_bytes)
        error = add_disk(run, vm);
    if (!error && run->config->net) {
        disco_net_backend port = { .size = sizeof(port) };
        disco_nic *nic;

        if (disco_subnet_port(run->subnet, NULL, &port, NULL) ||
            disco_board_add_net(vm->board, NULL, &port, &nic))
            error = "network";
    }
    if (!error && run->config->more_devices) {
        disco_char_backend be = { .size = sizeof(be), .write = swallow };
        disco_vconsole *console;

        if (disco_board_add_console(vm->board, &be, &console) ||
            disco_board_add_rng(vm->board))
            error = "console and rng";
    }
    return error;
}

static const char *make_vm(struct run *run, uint32_t index)
{
    const struct guest_config *c = run->config;
    struct vm *vm = &run->vm[index];
    disco_vm_config vm_config = { .size = sizeof(vm_config), .threads = 1 };
    disco_vcpu_config vcpu = { .size = sizeof(vcpu) };
    disco_board_config board = { .size = sizeof(board) };
    disco_board_image image = { .size = sizeof(image) };
    const char *error;

    vcpu.mode = c->mode;
    vcpu.l2tlb = c->l2tlb;
    vcpu.engine = run->engine;
    board.ram_bytes = c->ram_bytes ? c->ram_bytes : 64 << 20;
    board.cpus = run->cpus;
    board.vcpu = &vcpu;
    board.console.size = sizeof(board.console);
    board.console.opaque = vm->result;
    board.console.write = console_write;
    if (disco_vm_create(run->machine, &vm_config, &vm->vm))
        return "virtual machine";
    if (disco_board_create(vm->vm, &board, &vm->board))
        return "board";
    for (uint32_t i = 0; i < run->cpus; i++)
        vm->vcpu[i] = disco_vm_vcpu(vm->vm, i);
    error = add_devices(run, vm);
    if (error)
        return error;
    snprintf(vm->cmdline, sizeof(vm->cmdline), "vm=%u %s", index,
             c->cmdline ? c->cmdline : "");
    image.kernel = run->elf;
    image.kernel_bytes = run->elf_bytes;
    image.cmdline = vm->cmdline;
    return disco_board_load(vm->board, &image) ? "loading the guest" : NULL;
}

static const char *make_all(struct run *run, const char *folder)
{
    disco_machine_config config = { .size = sizeof(config) };
    const char *error = read_elf(run, folder);

    if (error)
        return error;
    config.flags = run->config->flags;
    config.nodes = run->config->nodes;
    config.node_bytes = UINT64_C(1) << 30;
    config.translate_at_run = 1; /* what runs once is checked, too */
    if (disco_machine_create(&config, &run->machine, NULL))
        return "machine";
    if (run->config->placement &&
        disco_placement_start(run->machine, run->config->placement))
        return "placement";
    if (disco_subnet_create(run->machine, &run->subnet))
        return "subnet";
    for (uint32_t i = 0; i < run->vms && !error; i++)
        error = make_vm(run, i);
    return error;
}

static void destroy_all(struct run *run)
{
    for (uint32_t i = 0; i < run->vms; i++)
        if (run->vm[i].vm)
            disco_vm_destroy(run->vm[i].vm);
    if (run->subnet)
        disco_subnet_destroy(run->subnet);
    disco_machine_destroy(run->machine);
    free(run->elf);
}

/* --- Running ------------------------------------------------------------- */

/* One slice; *ran says whether the vCPU could run. */
static const char *slice(struct run *run, struct vm *vm, uint32_t index,
                         int *ran)
{
    uint64_t quantum = run->config->quantum ? run->config->quantum : 20000;
    uint64_t limit =
        run->config->max_insns ? run->config->max_insns : 200000000;
    disco_run limits = { .size = sizeof(limits), .max_insns = quantum };
    disco_exit exit = { .size = sizeof(exit) };
    uint32_t cpu = run->config->nodes ? index % run->config->nodes : 0;

    if (!disco_vcpu_runnable(vm->vcpu[index]))
        return NULL;
    *ran = 1;
    if (disco_vcpu_run(vm->vcpu[index], cpu, &limits, &exit))
        return "disco_vcpu_run failed";
    switch (exit.reason) {
    case DISCO_EXIT_SHUTDOWN:
        vm->result->ended = 1;
        vm->result->status = exit.u.shutdown.code;
        return NULL;
    case DISCO_EXIT_BUDGET:
        if (exit.ran_insns != quantum)
            return "a budget was not exact";
        return exit.insns > limit ? "the guest does not come to an end" : NULL;
    case DISCO_EXIT_IDLE:
    case DISCO_EXIT_YIELD:
    case DISCO_EXIT_PARKED:
        return NULL;
    default:
        return "a vCPU left with an unexpected reason";
    }
}

/* Nothing can run: on to the next event of every VM. */
static const char *pass_time(struct run *run)
{
    for (uint32_t i = 0; i < run->vms; i++) {
        struct vm *vm = &run->vm[i];
        uint64_t next;

        if (vm->result->ended)
            continue;
        next = disco_vm_next_event_ns(vm->vm);
        if (next == UINT64_MAX)
            return "the guest sleeps for ever";
        if (disco_vm_advance(vm->vm, next))
            return "disco_vm_advance failed";
    }
    return NULL;
}

static const char *run_all(struct run *run)
{
    const char *error = NULL;
    uint32_t left = run->vms;

    while (!error && left) {
        int ran = 0;

        left = run->vms;
        for (uint32_t i = 0; i < run->vms; i++) {
            struct vm *vm = &run->vm[i];

            for (uint32_t k = 0; k < run->cpus && !error; k++)
                if (!vm->result->ended)
                    error = slice(run, vm, k, &ran);
            left -= (uint32_t)vm->result->ended;
        }
        if (!error && left && !ran)
            error = pass_time(run);
        if (!error && run->config->placement &&
            disco_placement_tick(run->machine, 0, NULL))
            error = "disco_placement_tick failed";
    }
    return error;
}

static void take_stats(struct run *run)
{
    for (uint32_t i = 0; i < run->vms; i++)
        for (uint32_t k = 0; k < run->cpus; k++) {
            run->vm[i].result->vcpu[k].size = sizeof(disco_vcpu_stats);
            disco_vcpu_stats_get(run->vm[i].vcpu[k],
                                 &run->vm[i].result->vcpu[k]);
        }
}

const char *guest_run(const char *folder, uint32_t engine,
                      const struct guest_config *config,
                      struct guest_result *results)
{
    struct run run = { .config = config, .engine = engine };
    const char *error;

    run.vms = config->vms ? config->vms : 1;
    run.cpus = config->cpus ? config->cpus : 1;
    if (run.vms > HARNESS_VMS || run.cpus > HARNESS_CPUS)
        return "too many VMs or vCPUs for this harness";
    memset(results, 0, run.vms * sizeof(*results));
    for (uint32_t i = 0; i < run.vms; i++)
        run.vm[i].result = &results[i];
    error = make_all(&run, folder);
    if (!error)
        error = run_all(&run);
    if (!error) {
        take_stats(&run);
        if (config->inspect)
            config->inspect(run.machine, run.vm[0].vm);
        if (disco_machine_verify(run.machine))
            error = "the machine's consistency walk failed";
    }
    destroy_all(&run);
    return error;
}
