/*
 * disk.c - what a block of the cache costs on its way to a guest: mapped,
 * copied, and when the guest then writes it.
 *
 * Prints lines "name value unit limit"; CPU time of this process, the best of
 * several rounds.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <disco/board.h>
#include <disco/disco.h>

enum { PAGE = 4096, BLOCKS = 2048, RUN = 32, ROUNDS = 9 };

struct bench {
    disco_machine *machine;
    disco_vm *vm;
    disco_image *image;
    disco_block_backend disk;
    uint8_t data[RUN * PAGE];
};

static void must(disco_status status, const char *what)
{
    if (!status)
        return;
    fprintf(stderr, "bench_disk: %s: %s\n", what, disco_status_text(status));
    exit(1);
}

static double cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void open_file_disk(struct bench *b)
{
    disco_disk_config config = { .size = sizeof(config),
                                 .mode = DISCO_DISK_COW };
    char path[] = "/tmp/disco-bench-XXXXXX";
    int fd = mkstemp(path);
    uint32_t i;

    for (i = 0; fd >= 0 && i < BLOCKS; i++) {
        memset(b->data, (int)i, PAGE);
        if (write(fd, b->data, PAGE) != PAGE)
            must(DISCO_E_IO, "write");
    }
    must(fd < 0 ? DISCO_E_IO : 0, "temporary file");
    close(fd);
    must(disco_image_open(b->machine, path, &b->image), "image");
    unlink(path);
    b->disk.size = sizeof(b->disk);
    must(disco_disk_open(b->image, &config, &b->disk), "disk");
}

static void make(struct bench *b)
{
    disco_machine_config config = { .size = sizeof(config) };

    memset(b, 0, sizeof(*b));
    config.node_bytes = (uint64_t)256 << 20;
    must(disco_machine_create(&config, &b->machine, NULL), "machine");
    must(disco_vm_create(b->machine, NULL, &b->vm), "VM");
    must(disco_vm_map_ram(b->vm, 0, (uint64_t)BLOCKS * PAGE, NULL), "RAM");
    open_file_disk(b);
}

static void drop(struct bench *b)
{
    must(disco_vm_destroy(b->vm), "end of the VM");
    b->disk.release(b->disk.opaque);
    disco_image_close(b->image);
    must(disco_machine_destroy(b->machine), "end of the machine");
}

static void done(disco_block_request *request, disco_status status)
{
    must(status, "read");
    *(int *)request->device = 1;
}

static void read_run(struct bench *b, uint64_t block, disco_page *pages)
{
    int is_done = 0;
    disco_block_request r = {
        .op = DISCO_BLOCK_READ,
        .flags = pages ? DISCO_BLOCK_REQUEST_PAGES : 0,
        .offset_bytes = block * PAGE,
        .bytes = RUN * PAGE,
        .data = pages ? NULL : b->data,
        .pages = pages,
        .done = done,
        .device = &is_done,
    };

    b->disk.submit(b->disk.opaque, &r);
    must(is_done ? 0 : DISCO_E_STATE, "read");
}

static void map_all(struct bench *b)
{
    disco_page pages[RUN];
    uint64_t block, i;

    for (block = 0; block < BLOCKS; block += RUN) {
        memset(pages, 0, sizeof(pages));
        read_run(b, block, pages);
        for (i = 0; i < RUN; i++) {
            must(disco_page_map(b->vm, (block + i) * PAGE, pages[i]), "map");
            disco_page_drop(b->machine, pages[i]);
        }
    }
}

static void copy_all(struct bench *b)
{
    uint64_t block;

    for (block = 0; block < BLOCKS; block += RUN) {
        read_run(b, block, NULL);
        must(disco_mem_write(b->vm, block * PAGE, b->data, RUN * PAGE), "copy");
    }
}

static void write_all(struct bench *b)
{
    uint64_t block;

    for (block = 0; block < BLOCKS; block++)
        must(disco_mem_write(b->vm, block * PAGE, &block, 8), "store");
}

/* The best time a block over the rounds; pages are private before each. */
static double measure(struct bench *b, void (*what)(struct bench *b),
                      void (*before)(struct bench *b))
{
    double best = 1e18, start, ns;
    int i;

    for (i = 0; i < ROUNDS; i++) {
        before(b);
        start = cpu_ns();
        what(b);
        ns = (cpu_ns() - start) / BLOCKS;
        if (ns < best)
            best = ns;
    }
    return best;
}

int main(void)
{
    static struct bench b;
    double cold, mapped, copied, broken;

    make(&b);
    cold = cpu_ns();
    copy_all(&b);
    cold = (cpu_ns() - cold) / BLOCKS;
    mapped = measure(&b, map_all, write_all);
    copied = measure(&b, copy_all, write_all);
    broken = measure(&b, write_all, map_all);
    printf("block_from_file %.0f ns 20000\n", cold);
    printf("block_mapped %.0f ns 2000\n", mapped);
    printf("block_copied %.0f ns 5000\n", copied);
    printf("block_cow_break %.0f ns 5000\n", broken);
    drop(&b);
    return 0;
}
