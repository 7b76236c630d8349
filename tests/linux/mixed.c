/*
 * mixed.c - guests of different kinds and byte orders on one machine at a time.
 *
 * usage: mixed [KERNEL INITRD CMDLINE]...    INITRD "-": none
 * Each gets a VM on a machine of two nodes, with two vCPUs when it has no
 * initial RAM disk.  Prints what they say, line by line with the VM's name;
 * status 0 when all powered off with 0.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <disco/board.h>
#include <disco/disco.h>

enum { VMS_MAX = 8, RAM_BYTES = 128 << 20, SECONDS = 200 };

struct guest {
    disco_vm *vm;
    char line[1024];
    uint32_t bytes;
    int done;
};

static disco_machine *machine;

static void check(disco_status status, const char *what)
{
    disco_error err = { .size = sizeof(err) };

    if (!status)
        return;
    if (machine)
        disco_machine_last_error(machine, &err);
    fprintf(stderr, "mixed: %s: %s [%s]\n", what, disco_status_text(status),
            err.text);
    exit(1);
}

static void *read_file(const char *path, uint64_t *bytes)
{
    FILE *file = fopen(path, "rb");
    void *data = NULL;
    long size = 0;

    if (!file || fseek(file, 0, SEEK_END) || (size = ftell(file)) < 0)
        check(DISCO_E_NOENT, path);
    rewind(file);
    data = malloc((size_t)size + 1);
    if (!data || fread(data, 1, (size_t)size, file) != (size_t)size)
        check(DISCO_E_IO, path);
    fclose(file);
    *bytes = (uint64_t)size;
    return data;
}

static void on_write(void *opaque, const uint8_t *data, uint32_t bytes)
{
    struct guest *g = opaque;
    uint32_t i;

    for (i = 0; i < bytes; i++) {
        if (data[i] == '\n' || g->bytes == sizeof(g->line) - 1) {
            g->line[g->bytes] = '\0';
            printf("%s: %s\n", disco_vm_name(g->vm), g->line);
            g->bytes = 0;
        } else if (data[i] != '\r') {
            g->line[g->bytes++] = (char)data[i];
        }
    }
}

static void boot(struct guest *g, disco_sched *sched, char **argv)
{
    disco_board_image image = { .size = sizeof(image), .cmdline = argv[2] };
    disco_vcpu_config vcpu = { .size = sizeof(vcpu), .mode = DISCO_MODE_DISCO };
    disco_board_config config = { .size = sizeof(config),
                                  .ram_bytes = RAM_BYTES,
                                  .cpus = strcmp(argv[1], "-") ? 1 : 2,
                                  .vcpu = &vcpu };
    disco_image_info info = { .size = sizeof(info) };
    void *kernel = read_file(argv[0], &image.kernel_bytes), *initrd = NULL;
    disco_board *board;
    uint32_t i;

    check(disco_elf_info(kernel, image.kernel_bytes, &info, NULL), "kernel");
    vcpu.order = info.order;
    if (strcmp(argv[1], "-"))
        initrd = read_file(argv[1], &image.initrd_bytes);
    config.console = (disco_char_backend){ .size = sizeof(config.console),
                                           .opaque = g,
                                           .write = on_write };
    check(disco_vm_create(machine, NULL, &g->vm), "vm");
    check(disco_board_create(g->vm, &config, &board), "board");
    check(disco_board_add_rng(board), "rng");
    image.kernel = kernel;
    image.initrd = initrd;
    check(disco_board_load(board, &image), "load");
    free(kernel);
    free(initrd);
    for (i = 0; i < config.cpus; i++)
        check(disco_sched_add(sched, disco_vm_vcpu(g->vm, i)), "sched");
}

/* 1: the VM of this exit ended well. */
static int ended(struct guest *guests, int count, disco_sched *sched,
                 disco_vcpu *vcpu, const disco_exit *e)
{
    disco_vm *vm = disco_vcpu_vm(vcpu);
    uint32_t i;
    int n;

    if (e->reason != DISCO_EXIT_SHUTDOWN || e->u.shutdown.code) {
        fprintf(stderr, "mixed: %s: exit %u, code %u\n", disco_vm_name(vm),
                e->reason, e->u.shutdown.code);
        exit(1);
    }
    for (i = 0; i < disco_vm_vcpu_count(vm); i++)
        check(disco_sched_remove(sched, disco_vm_vcpu(vm, i)), "remove");
    for (n = 0; n < count; n++)
        if (guests[n].vm == vm)
            guests[n].done = 1;
    return 1;
}

static void run_all(struct guest *guests, int count, disco_sched *sched)
{
    time_t end = time(NULL) + SECONDS;
    disco_exit e = { .size = sizeof(e) };
    disco_vcpu *vcpu;
    int left = count;

    while (left && time(NULL) <= end) {
        check(disco_sched_run(sched, 64, &vcpu, &e), "run");
        if (vcpu)
            left -= ended(guests, count, sched, vcpu, &e);
        else if (e.reason == DISCO_EXIT_IDLE)
            check(disco_sched_pass(sched, e.u.idle.until_ns < 1000000
                                              ? e.u.idle.until_ns
                                              : 1000000),
                  "pass");
    }
    if (left)
        check(DISCO_E_BUSY, "time is up");
}

int main(int argc, char **argv)
{
    disco_machine_config config = { .size = sizeof(config),
                                    .nodes = 2,
                                    .cpus_per_node = 4 };
    static struct guest guests[VMS_MAX];
    disco_sched *sched;
    int count = (argc - 1) / 3, n;

    if (!count || count > VMS_MAX || (argc - 1) % 3)
        check(DISCO_E_INVAL, "usage: mixed [KERNEL INITRD CMDLINE]...");
    check(disco_machine_create(&config, &machine, NULL), "machine");
    check(disco_sched_create(machine, NULL, &sched), "sched");
    for (n = 0; n < count; n++)
        boot(&guests[n], sched, argv + 1 + 3 * n);
    run_all(guests, count, sched);
    check(disco_machine_verify(machine), "verify");
    disco_sched_destroy(sched);
    for (n = 0; n < count; n++)
        check(disco_vm_destroy(guests[n].vm), "destroy");
    return disco_machine_destroy(machine) ? 1 : 0;
}
