/*
 * counting.c - what counting accesses by sampling costs (numa.h): the same
 * guest on two machines, one that counts, run in turn, slice by slice.
 *
 * usage: counting GUEST...     (freestanding ELF files)
 *
 * Prints a line a guest: "name value % limit".  Both machines do the same
 * instructions in a slice, so the ratio of their times tells the cost whatever
 * else the host does meanwhile.  Where their memory lies in the host's caches
 * makes a difference, too, for as long as they live: the figure is the median
 * over several lives, of the medians of their slices.  Times are CPU times of
 * this thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <disco/board.h>
#include <disco/disco.h>
#include <disco/numa.h>

enum { LIVES = 15, SLICES = 51, SLICE_INSNS = 2000000, NODES = 2 };

struct world {
    disco_machine *machine;
    disco_vm *vm;
    disco_vcpu *vcpu;
};

static void check(disco_status status, const char *what)
{
    if (status == DISCO_OK)
        return;
    fprintf(stderr, "counting: %s: %s\n", what, disco_status_text(status));
    exit(1);
}

static void *read_file(const char *path, uint64_t *bytes)
{
    FILE *f = fopen(path, "rb");
    void *data;
    long size;

    if (!f || fseek(f, 0, SEEK_END) || (size = ftell(f)) <= 0 ||
        fseek(f, 0, SEEK_SET) || !(data = malloc((size_t)size)) ||
        fread(data, 1, (size_t)size, f) != (size_t)size) {
        fprintf(stderr, "counting: cannot read %s\n", path);
        exit(1);
    }
    fclose(f);
    *bytes = (uint64_t)size;
    return data;
}

static void make(struct world *w, const void *elf, uint64_t bytes, int counts)
{
    disco_machine_config machine = { .size = sizeof(machine),
                                     .nodes = NODES,
                                     .cpus_per_node = 1 };
    disco_board_config board = { .size = sizeof(board) };
    disco_board_image image = { .size = sizeof(image),
                                .kernel = elf,
                                .kernel_bytes = bytes };
    disco_placement_config placement = { .size = sizeof(placement),
                                         .policy = "firsttouch" };
    disco_board *b;

    check(disco_machine_create(&machine, &w->machine, NULL), "machine");
    check(disco_vm_create(w->machine, NULL, &w->vm), "vm");
    check(disco_board_create(w->vm, &board, &b), "board");
    check(disco_board_load(b, &image), "load");
    if (counts)
        check(disco_placement_start(w->machine, &placement), "placement");
    w->vcpu = disco_vm_vcpu(w->vm, 0);
}

static void drop(struct world *w)
{
    check(disco_vm_destroy(w->vm), "vm's end");
    check(disco_machine_destroy(w->machine), "machine's end");
}

static double cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* CPU time of the next slice; 0: the guest has ended. */
static double slice(struct world *w)
{
    disco_run run = { .size = sizeof(run), .max_insns = SLICE_INSNS };
    disco_exit e = { .size = sizeof(e) };
    double start = cpu_ns();

    check(disco_vcpu_run(w->vcpu, 0, &run, &e), "run");
    return e.reason == DISCO_EXIT_BUDGET ? cpu_ns() - start : 0;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof(*v), by_value);
    return v[n / 2];
}

/* One life of the guest on both machines. */
static double compare(const void *elf, uint64_t bytes, int life)
{
    double ratio[SLICES], off, on;
    struct world w[2]; /* [1] counts */
    int i, n = 0;

    for (i = 0; i < 2; i++)
        make(&w[(i + life) & 1], elf, bytes, (i + life) & 1);
    while (n < SLICES) {
        off = n & 1 ? slice(&w[0]) : 0; /* who is first takes turns */
        on = slice(&w[1]);
        if (!(n & 1))
            off = slice(&w[0]);
        if (off == 0 || on == 0)
            break;
        ratio[n++] = on / off;
    }
    drop(&w[0]);
    drop(&w[1]);
    if (!n) {
        fprintf(stderr, "counting: the guest ends too early\n");
        exit(1);
    }
    return median(ratio, n);
}

/* In percent. */
static double cost(const char *path)
{
    double ratio[LIVES];
    uint64_t bytes;
    void *elf = read_file(path, &bytes);
    int i;

    for (i = 0; i < LIVES; i++)
        ratio[i] = compare(elf, bytes, i);
    free(elf);
    return 100 * (median(ratio, LIVES) - 1);
}

int main(int argc, char **argv)
{
    const char *name;
    int i;

    for (i = 1; i < argc; i++) {
        name = strrchr(argv[i], '/');
        printf("counting_%s %.2f %% 3\n", name ? name + 1 : argv[i],
               cost(argv[i]));
        fflush(stdout);
    }
    return 0;
}
