/*
 * disks.c - the disks of the guests, over the block cache of the machine.
 */
#include "runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static int open_disk(struct guest *guest, uint32_t n, const char *path)
{
    struct runner *runner = guest->runner;
    disco_disk_config config = {
        .size = sizeof(config),
        .mode = runner->options->disk[n].mode,
    };
    disco_block_backend be = { .size = sizeof(be) };
    disco_status status;
    char what[300];

    disco_machine_cpu_node(runner->machine,
                           guest->index * runner->options->cpus % runner->cpus,
                           &config.node);
    status = disco_image_open(runner->machine, path, &guest->image[n]);
    if (!status)
        status = disco_disk_open(guest->image[n], &config, &be);
    if (!status) {
        status = disco_board_add_disk(guest->board, &be);
        if (status)
            be.release(be.opaque);
    }
    if (!status)
        return 0;
    snprintf(what, sizeof(what), "--disk %s", path);
    return runner_fail_status(runner, what, status);
}

int guest_add_disks(struct guest *guest)
{
    const struct options *o = guest->runner->options;

    for (uint32_t i = 0; i < o->disks; i++) {
        char *path = options_path_of_vm(o->disk[i].path, guest->index);
        int failed;

        if (!path)
            return runner_fail(guest->runner, "out of memory");
        failed = open_disk(guest, i, path);
        free(path);
        if (failed)
            return -1;
    }
    return 0;
}

void guest_close_disks(struct guest *guest)
{
    for (uint32_t i = 0; i < DISKS_MAX; i++)
        disco_image_close(guest->image[i]);
}

/* What a VM may write to a copy-on-write disk: all of it. */
static uint64_t written_bytes(const struct disk_option *disk, uint32_t vm)
{
    char *path = options_path_of_vm(disk->path, vm);
    struct stat st;
    uint64_t bytes = 0;

    if (path && stat(path, &st) == 0 && st.st_size > 0)
        bytes = (uint64_t)st.st_size + DISCO_PAGE_BYTES;
    free(path);
    return bytes;
}

uint64_t disks_memory_bytes(const struct options *o)
{
    uint64_t bytes = o->cache_bytes;

    for (uint32_t i = 0; i < o->disks; i++)
        for (uint32_t vm = 0; vm < o->vms; vm++)
            if (o->disk[i].mode == DISCO_DISK_COW)
                bytes += written_bytes(&o->disk[i], vm);
    if (o->disks && !o->cache_bytes)
        bytes += o->vms * o->memory_bytes / 8;
    return bytes;
}
