/*
 * packet.c - what a packet between two VMs costs by its size: copied, mapped,
 * and mapped with the sender writing its pages again afterwards, each of which
 * then gets a copy.  Prints "name value unit limit" as api.c does; CPU times,
 * medians.
 *
 * The drivers are played by the host: registers and rings are written through
 * the API, and the same in all variants.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <disco/board.h>
#include <disco/disco.h>

enum {
    ROUNDS = 15,
    PACKETS = 64, /* a round */
    PAGE_BYTES = 4096,
    RAM_BYTES = 4 << 20,
    GPA = 0x1c100000,
    NUM = 32,
    MERGE = 15,
    VERSION_1 = 32,
    HEADER = 12 + 14, /* the device's and Ethernet's */

    /* In each VM: a queue's rings, then buffers. */
    RINGS = 0x10000,
    RING_BYTES = 0x4000,
    AVAIL = 0x1000,
    USED = 0x2000,
    HEAD = 0x40000,
    BUFFERS = 0x100000
};

struct side {
    disco_vm *vm;
    disco_nic *nic;
    uint16_t offered[2];
};

static void check(disco_status status, const char *what)
{
    if (status == DISCO_OK)
        return;
    fprintf(stderr, "packet: %s: %s\n", what, disco_status_text(status));
    exit(1);
}

static double now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* --- A driver ------------------------------------------------------------ */

static void put(struct side *s, uint64_t gpa, uint64_t value, uint32_t bytes)
{
    uint8_t raw[8];

    for (uint32_t i = 0; i < 8; i++)
        raw[i] = (uint8_t)(value >> 8 * i);
    check(disco_mem_write(s->vm, gpa, raw, bytes), "write");
}

static void set(struct side *s, uint32_t reg, uint32_t value)
{
    check(disco_mmio_write(s->vm, GPA + reg, 4, value), "register");
}

static uint64_t ring(uint32_t queue)
{
    return RINGS + (uint64_t)queue * RING_BYTES;
}

static void desc(struct side *s, uint32_t queue, uint32_t i, uint64_t gpa,
                 uint32_t bytes, uint32_t flags)
{
    uint64_t at = ring(queue) + 16 * (uint64_t)i;

    put(s, at, gpa, 8);
    put(s, at + 8, bytes, 4);
    put(s, at + 12, flags | (i + 1) << 16, 4);
}

static void offer(struct side *s, uint32_t queue, uint16_t head)
{
    uint64_t avail = ring(queue) + AVAIL;

    put(s, avail + 4 + 2 * (s->offered[queue]++ % NUM), head, 2);
    put(s, avail + 2, s->offered[queue], 2);
}

static void start(struct side *s)
{
    set(s, 0x70, 1);
    set(s, 0x70, 3);
    set(s, 0x24, 0);
    set(s, 0x20, 1 << MERGE);
    set(s, 0x24, 1);
    set(s, 0x20, 1 << (VERSION_1 - 32));
    set(s, 0x70, 11);
    for (uint32_t q = 0; q < 2; q++) {
        set(s, 0x30, q);
        set(s, 0x38, NUM);
        set(s, 0x80, (uint32_t)ring(q));
        set(s, 0x90, (uint32_t)ring(q) + AVAIL);
        set(s, 0xa0, (uint32_t)ring(q) + USED);
        set(s, 0x44, 1);
    }
    set(s, 0x70, 15);
}

static void side_open(struct side *s, disco_machine *machine,
                      disco_subnet *subnet, uint32_t min_pages)
{
    disco_port_config config = { .size = sizeof(config),
                                 .remap_min_pages = min_pages };
    disco_net_backend be = { .size = sizeof(be) };

    memset(s, 0, sizeof(*s));
    check(disco_vm_create(machine, NULL, &s->vm), "vm");
    check(disco_vm_map_ram(s->vm, 0, RAM_BYTES, NULL), "ram");
    check(disco_subnet_port(subnet, &config, &be, NULL), "port");
    check(disco_virtio_net_create(s->vm, GPA, 8, NULL, &be, &s->nic), "net");
    start(s);
}

/* --- Packets ------------------------------------------------------------- */

static void write_pages(struct side *s, uint32_t pages, uint32_t value)
{
    for (uint32_t i = 0; i < pages; i++)
        put(s, BUFFERS + (uint64_t)i * PAGE_BYTES, value, 8);
}

static void post_buffers(struct side *s, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t slot = s->offered[0] % NUM;

        desc(s, 0, slot, BUFFERS + (uint64_t)slot * PAGE_BYTES, PAGE_BYTES, 2);
        offer(s, 0, (uint16_t)slot);
    }
}

static double round_ns(struct side *from, struct side *to, uint32_t pages,
                       int writes)
{
    double spent = 0;

    desc(from, 1, 0, HEAD, HEADER, 1);
    desc(from, 1, 1, BUFFERS, pages * PAGE_BYTES, 0);
    for (uint32_t i = 0; i < PACKETS; i++) {
        double begin;

        post_buffers(to, pages + 1);
        if (!writes)
            write_pages(from, pages, i);
        begin = now_ns();
        if (writes) /* what it writes was mapped by the last packet */
            write_pages(from, pages, i);
        offer(from, 1, 0);
        set(from, 0x50, 1);
        spent += now_ns() - begin;
    }
    return spent / PACKETS;
}

static double measure(disco_machine *machine, uint32_t pages,
                      uint32_t min_pages, int writes)
{
    disco_nic_stats stats = { .size = sizeof(stats) };
    double ns[ROUNDS];
    struct side from, to;
    disco_subnet *subnet;
    uint8_t head[HEADER] = { 0 };

    check(disco_subnet_create(machine, &subnet), "subnet");
    side_open(&from, machine, subnet, min_pages);
    side_open(&to, machine, subnet, min_pages);
    head[12] = 2;
    head[13] = 0xd0;
    head[17] = 2; /* the second port's address */
    check(disco_mem_write(from.vm, HEAD, head, sizeof(head)), "head");
    write_pages(&from, 15, 1);
    for (int i = 0; i < ROUNDS; i++)
        ns[i] = round_ns(&from, &to, pages, writes);
    check(disco_nic_stats_get(to.nic, &stats), "stats");
    if (stats.rx_frames != ROUNDS * PACKETS ||
        (stats.rx_remapped_bytes > 0) != (min_pages == 1))
        check(DISCO_E_IO, "packets were lost, or not mapped");
    check(disco_vm_destroy(from.vm), "destroy");
    check(disco_vm_destroy(to.vm), "destroy");
    check(disco_subnet_destroy(subnet), "destroy subnet");
    qsort(ns, ROUNDS, sizeof(*ns), by_value);
    return ns[ROUNDS / 2];
}

/* Prints one size; 1 when mapping pays, also if the sender writes again. */
static int compare(disco_machine *machine, uint32_t pages)
{
    static const char *const names[] = { "copy", "map", "copy_rewrite",
                                         "map_rewrite" };
    double ns[4];

    for (int i = 0; i < 4; i++) {
        ns[i] = measure(machine, pages, i & 1 ? 1 : UINT32_MAX, i >> 1);
        printf("packet_%s_%u %.0f ns 40000\n", names[i], pages, ns[i]);
    }
    return ns[1] < ns[0] && ns[3] < ns[2];
}

int main(void)
{
    static const uint32_t sizes[] = { 15, 8, 4, 2, 1 };
    disco_machine *machine;
    uint32_t pays = 16;
    int so_far = 1;

    check(disco_machine_create(NULL, &machine, NULL), "machine");
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        so_far = compare(machine, sizes[i]) && so_far;
        if (so_far)
            pays = sizes[i];
    }
    printf("packet_map_pays_from %u pages 4\n", pays);
    check(disco_machine_destroy(machine), "machine_destroy");
    return 0;
}
