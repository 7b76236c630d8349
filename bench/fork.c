/*
 * fork.c - what a fork of a board VM costs with 64 MiB touched: the fork
 * itself, the end of a child that did nothing, and the first store to each page
 * after it.  Prints "name value unit limit" as api.c does; CPU times, medians.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <disco/board.h>
#include <disco/disco.h>

enum { ROUNDS = 31, TOUCHED_BYTES = 64 << 20, PAGE_BYTES = 4096, STORES = 256 };

struct times {
    double fork_us[ROUNDS];
    double drop_us[ROUNDS];
    double break_ns[ROUNDS];
};

static void check(disco_status status, const char *what)
{
    if (status == DISCO_OK)
        return;
    fprintf(stderr, "fork: %s: %s\n", what, disco_status_text(status));
    exit(1);
}

static double now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *v)
{
    qsort(v, ROUNDS, sizeof(*v), by_value);
    return v[ROUNDS / 2];
}

static uint64_t frames_used(disco_machine *machine)
{
    disco_machine_stats stats = { .size = sizeof(stats) };

    check(disco_machine_stats_get(machine, &stats), "stats");
    return stats.frames_used;
}

/* The first store to a page after the fork copies it; the rest is free. */
static double store_ns(disco_vm *vm)
{
    double start = now_us();

    for (uint32_t i = 0; i < STORES; i++)
        check(disco_mem_write(vm, (uint64_t)i * PAGE_BYTES, &i, sizeof(i)),
              "write");
    return (now_us() - start) * 1e3 / STORES;
}

static uint64_t fork_once(disco_vm *vm, struct times *t, int i)
{
    disco_machine *machine = disco_vm_machine(vm);
    uint64_t before = frames_used(machine), more;
    double start = now_us();
    disco_vm *child;

    check(disco_vm_fork(vm, NULL, &child), "fork");
    t->fork_us[i] = now_us() - start;
    more = frames_used(machine) - before;
    t->break_ns[i] = store_ns(child);
    start = now_us();
    check(disco_vm_destroy(child), "destroy");
    t->drop_us[i] = now_us() - start;
    return more;
}

int main(void)
{
    disco_board_config config = { .size = sizeof(config) };
    static struct times t;
    disco_machine *machine;
    disco_board *board;
    uint64_t most = 0;
    disco_vm *vm;

    check(disco_machine_create(NULL, &machine, NULL), "machine");
    check(disco_vm_create(machine, NULL, &vm), "vm");
    check(disco_board_create(vm, &config, &board), "board");
    for (uint64_t gpa = 0; gpa < TOUCHED_BYTES; gpa += PAGE_BYTES)
        check(disco_mem_write(vm, gpa, &gpa, sizeof(gpa)), "touch");
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t more = fork_once(vm, &t, i);

        most = more > most ? more : most;
    }
    printf("fork_64mib %.1f us 1000\n", median(t.fork_us));
    printf("fork_frames %.2f %% 2\n",
           100.0 * (double)most / (TOUCHED_BYTES / PAGE_BYTES));
    printf("fork_destroy %.1f us 2000\n", median(t.drop_us));
    printf("fork_first_store %.0f ns 3000\n", median(t.break_ns));
    check(disco_vm_destroy(vm), "vm_destroy");
    check(disco_machine_destroy(machine), "machine_destroy");
    return 0;
}
