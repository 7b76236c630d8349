/*
 * fork.c - Linux, booted to its shell, forked: two shells that answer for
 * themselves, with memory, disk and network of their own.
 *
 * usage: fork KERNEL INITRD IMAGE
 * IMAGE is a file of at least 1 MiB that is only read.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <disco/board.h>
#include <disco/disco.h>
#include <disco/guest.h>

enum { RAM_BYTES = 128 << 20, CONSOLE_BYTES = 1 << 20, BOOT_SECONDS = 120 };

/* A VM and what it said. */
struct shell {
    const char *name;
    disco_vm *vm;
    disco_board *board;
    char *text;
    size_t bytes;
    size_t seen; /* what was expected so far ends here */
};

static disco_machine *machine;
static disco_sched *sched;
static struct shell parent = { .name = "parent" }, child = { .name = "child" };

static void fail(const char *format, ...)
{
    disco_error err = { .size = sizeof(err) };
    va_list args;

    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    if (machine)
        disco_machine_last_error(machine, &err);
    fprintf(stderr, " [%s]", err.text);
    fprintf(stderr, "\n");
    exit(1);
}

static void check(disco_status status, const char *what)
{
    if (status)
        fail("%s: %s", what, disco_status_text(status));
}

static void *read_file(const char *path, uint64_t *bytes)
{
    FILE *file = fopen(path, "rb");
    void *data;
    long size;

    if (!file || fseek(file, 0, SEEK_END) || (size = ftell(file)) < 0)
        fail("%s: cannot read it", path);
    rewind(file);
    data = malloc((size_t)size + 1);
    if (!data || fread(data, 1, (size_t)size, file) != (size_t)size)
        fail("%s: cannot read it", path);
    fclose(file);
    *bytes = (uint64_t)size;
    return data;
}

/* --- Consoles ------------------------------------------------------------- */

static void on_write(void *opaque, const uint8_t *data, uint32_t bytes)
{
    struct shell *shell = opaque;

    for (uint32_t i = 0; i < bytes; i++) {
        if (data[i] != '\r' && shell->bytes < CONSOLE_BYTES - 1)
            shell->text[shell->bytes++] = data[i] ? (char)data[i] : '?';
    }
    shell->text[shell->bytes] = '\0';
}

static disco_status on_fork(void *opaque, disco_vm *vm, disco_char_backend *out)
{
    (void)opaque;
    child.vm = vm;
    out->opaque = &child;
    out->write = on_write;
    return 0;
}

/* A few rounds of whoever can run.  1: `shell` powered off. */
static int run(const struct shell *shell)
{
    disco_exit e = { .size = sizeof(e) };
    disco_vcpu *vcpu;

    check(disco_sched_run(sched, 64, &vcpu, &e), "run");
    if (e.reason == DISCO_EXIT_SHUTDOWN) {
        if (disco_vcpu_vm(vcpu) != shell->vm)
            fail("the wrong VM powered off");
        return 1;
    }
    if (e.reason == DISCO_EXIT_IDLE)
        check(disco_sched_pass(sched, e.u.idle.until_ns < 1000000
                                          ? e.u.idle.until_ns
                                          : 1000000),
              "pass");
    else if (e.reason != DISCO_EXIT_BUDGET)
        fail("%s: exit %u", shell->name, e.reason);
    return 0;
}

/* Run until the text comes; what stood before it is returned. */
static char *expect(struct shell *shell, const char *text)
{
    time_t end = time(NULL) + BOOT_SECONDS;
    char *found, *start;

    while (!(found = strstr(shell->text + shell->seen, text))) {
        if (time(NULL) > end || run(shell))
            fail("%s: no \"%s\" in:\n%s", shell->name, text,
                 shell->text + shell->seen);
    }
    start = shell->text + shell->seen;
    *found = '\0';
    shell->seen = (size_t)(found - shell->text) + strlen(text);
    return start;
}

/* Keys come as fast as the UART takes them. */
static void type(struct shell *shell, const char *line)
{
    uint32_t left = (uint32_t)strlen(line);

    while (left > 0) {
        uint32_t taken = disco_board_console_input(shell->board,
                                                   (const uint8_t *)line, left);

        line += taken;
        left -= taken;
        if (left && run(shell))
            fail("%s: powered off", shell->name);
    }
}

/* What a command prints; the echo of it has no such marks. */
static char *ask(struct shell *shell, const char *command)
{
    char *answer;

    type(shell, "echo S''TART; ");
    type(shell, command);
    type(shell, "; echo E''ND\n");
    expect(shell, "START\n");
    answer = expect(shell, "END\n");
    expect(shell, "/ # ");
    return answer;
}

static void answers(struct shell *shell, const char *command, const char *want)
{
    char *got = ask(shell, command);

    if (strcmp(got, want))
        fail("%s: \"%s\" printed \"%s\", not \"%s\"", shell->name, command, got,
             want);
}

/* --- Machines ------------------------------------------------------------- */

static void add_devices(disco_board *board, disco_subnet *subnet,
                        const char *path)
{
    disco_disk_config config = { .size = sizeof(config),
                                 .mode = DISCO_DISK_COW };
    disco_block_backend disk = { .size = sizeof(disk) };
    disco_net_backend net = { .size = sizeof(net) };
    disco_image *image;

    check(disco_image_open(machine, path, &image), "image");
    check(disco_disk_open(image, &config, &disk), "disk");
    disco_image_close(image);
    check(disco_board_add_disk(board, &disk), "add_disk");
    check(disco_subnet_port(subnet, NULL, &net, NULL), "port");
    check(disco_board_add_net(board, NULL, &net, NULL), "add_net");
    check(disco_board_add_rng(board), "add_rng");
}

static void boot(char **argv, disco_subnet *subnet)
{
    disco_board_config config = { .size = sizeof(config),
                                  .ram_bytes = RAM_BYTES };
    disco_board_image image = { .size = sizeof(image),
                                .cmdline = "console=ttyS0" };
    void *kernel = read_file(argv[1], &image.kernel_bytes);
    void *initrd = read_file(argv[2], &image.initrd_bytes);

    config.console = (disco_char_backend){ .size = sizeof(config.console),
                                           .opaque = &parent,
                                           .write = on_write,
                                           .fork = on_fork };
    check(disco_vm_create(machine, NULL, &parent.vm), "vm");
    check(disco_board_create(parent.vm, &config, &parent.board), "board");
    add_devices(parent.board, subnet, argv[3]);
    image.kernel = kernel;
    image.initrd = initrd;
    check(disco_board_load(parent.board, &image), "load");
    free(kernel);
    free(initrd);
    check(disco_sched_add(sched, disco_vm_vcpu(parent.vm, 0)), "sched_add");
    expect(&parent, "disco: init up");
    expect(&parent, "/ # ");
}

static uint64_t frames_used(void)
{
    disco_machine_stats stats = { .size = sizeof(stats) };

    check(disco_machine_stats_get(machine, &stats), "stats");
    return stats.frames_used;
}

static void fork_parent(void)
{
    disco_vm_config config = { .size = sizeof(config), .name = "child" };
    uint64_t before = frames_used(), after;
    struct timespec a, b;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
    check(disco_vm_fork(parent.vm, &config, &child.vm), "fork");
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
    after = frames_used();
    printf("fork: %.0f us, %llu frames, then %llu\n",
           (double)(b.tv_sec - a.tv_sec) * 1e6 +
               (double)(b.tv_nsec - a.tv_nsec) * 1e-3,
           (unsigned long long)before, (unsigned long long)after);
    if (after - before > before / 50)
        fail("the fork took %llu frames", (unsigned long long)(after - before));
    child.board = disco_board_of(child.vm);
    check(disco_sched_add(sched, disco_vm_vcpu(child.vm, 0)), "sched_add");
}

/* --- What each has of its own --------------------------------------------- */

static void check_memory(void)
{
    answers(&child, "cat /tmp/who; echo $((X + 1))", "both\n8\n");
    answers(&child, "echo child > /tmp/who; X=20", "");
    answers(&parent, "cat /tmp/who; echo $((X + 2))", "both\n9\n");
    answers(&child, "cat /tmp/who; echo $X", "child\n20\n");
}

#define SECTOR   "bs=512 count=1 2>/dev/null"
#define READ(at) "dd if=/dev/vda skip=" #at " " SECTOR " | head -n 1"
#define WRITE(text, at)                                                   \
    "echo " text " | dd of=/dev/vda conv=fsync,sync seek=" #at " " SECTOR \
    "; echo 3 > /proc/sys/vm/drop_caches"

static void check_disk(void)
{
    answers(&child, WRITE("child", 8), "");
    answers(&parent, WRITE("parent", 16), "");
    answers(&parent, READ(0), "common\n");
    answers(&child, READ(0), "common\n");
    answers(&child, READ(8), "child\n");
    answers(&parent, READ(16), "parent\n");
    if (strstr(ask(&parent, READ(8)), "child"))
        fail("the child's write is on the parent's disk");
    if (strstr(ask(&child, READ(16)), "parent"))
        fail("the parent's write is on the child's disk");
}

/* The child's card is another one, once its driver starts again. */
static void check_net(void)
{
    const char *rebind =
        "cd /sys/bus/virtio/drivers/virtio_net; d=$(basename $(readlink "
        "/sys/class/net/eth0/device)); echo $d > unbind; echo $d > bind; cd /; "
        "ifconfig eth0 10.0.0.2 up";
    char mac[64];

    answers(&parent, "cat /sys/class/net/eth0/carrier", "1\n");
    answers(&child, "cat /sys/class/net/eth0/carrier", "0\n");
    snprintf(mac, sizeof(mac), "%s",
             ask(&parent, "cat /sys/class/net/eth0/address"));
    answers(&child, "cat /sys/class/net/eth0/address", mac);
    ask(&child, rebind);
    if (!strcmp(ask(&child, "cat /sys/class/net/eth0/address"), mac))
        fail("both have the address %s", mac);
    answers(&child, "cat /sys/class/net/eth0/carrier", "1\n");
    if (!strstr(ask(&child, "ping -c 3 10.0.0.1"), "3 packets received"))
        fail("the child does not reach its parent");
    if (!strstr(ask(&parent, "ping -c 3 10.0.0.2"), "3 packets received"))
        fail("the parent does not reach its child");
}

static void check_entropy(void)
{
    const char *random = "head -c 16 /dev/hwrng | md5sum";
    char bytes[64];

    snprintf(bytes, sizeof(bytes), "%s", ask(&parent, random));
    if (strlen(bytes) > 30 && !strcmp(ask(&child, random), bytes))
        fail("both draw the same numbers");
}

static void check_ends(void)
{
    type(&child, "poweroff -f\n");
    while (!run(&child))
        ;
    check(disco_vm_destroy(child.vm), "destroy");
    answers(&parent, "echo $((6 * 7)); cat /tmp/who", "42\nboth\n");
    check(disco_machine_verify(machine), "verify");
}

int main(int argc, char **argv)
{
    disco_subnet *subnet;

    if (argc != 4)
        fail("usage: fork KERNEL INITRD IMAGE");
    parent.text = calloc(1, CONSOLE_BYTES);
    child.text = calloc(1, CONSOLE_BYTES);
    check(disco_machine_create(NULL, &machine, NULL), "machine");
    check(disco_sched_create(machine, NULL, &sched), "sched");
    check(disco_subnet_create(machine, &subnet), "subnet");
    boot(argv, subnet);
    answers(&parent,
            "dmesg -n 1; X=7; echo both > /tmp/who; ifconfig eth0 10.0.0.1 up",
            "");
    answers(&parent, WRITE("common", 0), "");
    fork_parent();
    check_memory();
    check_disk();
    check_net();
    check_entropy();
    check_ends();
    disco_sched_destroy(sched);
    check(disco_vm_destroy(parent.vm), "destroy");
    check(disco_subnet_destroy(subnet), "subnet_destroy");
    check(disco_machine_destroy(machine), "machine_destroy");
    free(parent.text);
    free(child.text);
    return 0;
}
