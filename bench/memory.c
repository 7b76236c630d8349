/*
 * memory.c - what the monitor's memory costs: copy-on-write, mapping against
 * copying, moves, forks.  Prints one line a figure: "name value unit limit", 0
 * for no limit; run.py makes the table.  Times are CPU times of the thread that
 * does the work, each the median of several rounds.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <disco/disco.h>

enum { ROUNDS = 7, PAGE = 4096, PAGES = 4096, RAM_BYTES = 64 << 20 };
#define CODE_PC UINT64_C(0xffffffff80001000)
#define DATA_PA UINT64_C(0x100000)

static void check(disco_status status, const char *what)
{
    if (status == DISCO_OK)
        return;
    fprintf(stderr, "memory: %s: %s\n", what, disco_status_text(status));
    exit(1);
}

static double now(void)
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

static double median(double *v)
{
    qsort(v, ROUNDS, sizeof(*v), by_value);
    return v[ROUNDS / 2];
}

static void report(const char *name, double value, const char *unit,
                   double limit)
{
    printf("%s %.4g %s %g\n", name, value, unit, limit);
    fflush(stdout);
}

struct world {
    disco_machine *machine;
    disco_vm *vm;
    disco_vcpu *vcpu[8];
};

static void make(struct world *w, uint32_t nodes, uint32_t vcpus)
{
    disco_machine_config config = { .size = sizeof(config),
                                    .nodes = nodes,
                                    .cpus_per_node = 8,
                                    .node_bytes = UINT64_C(512) << 20 };
    uint64_t status = DISCO_REG_CP0(12), value = 0x300000e0;
    uint32_t i;

    memset(w, 0, sizeof(*w));
    check(disco_machine_create(&config, &w->machine, NULL), "machine");
    check(disco_vm_create(w->machine, NULL, &w->vm), "vm");
    check(disco_vm_map_ram(w->vm, 0, RAM_BYTES, NULL), "ram");
    for (i = 0; i < vcpus; i++) {
        check(disco_vcpu_create(w->vm, NULL, &w->vcpu[i]), "vcpu");
        check(disco_vcpu_set_regs(w->vcpu[i], &status, &value, 1), "regs");
    }
}

static void drop(struct world *w)
{
    check(disco_vm_destroy(w->vm), "vm_destroy");
    check(disco_machine_destroy(w->machine), "machine_destroy");
}

static void touch(disco_vm *vm, uint64_t pages)
{
    uint64_t i;

    for (i = 0; i < pages; i++)
        check(disco_mem_write(vm, i * PAGE, &i, 8), "touch");
}

/* --- Copy-on-write ------------------------------------------------------- */

static disco_page pages[PAGES];

static double write_all(struct world *w)
{
    double start = now();
    uint64_t i;

    for (i = 0; i < PAGES; i++)
        check(disco_mem_write(w->vm, i * PAGE, &i, 8), "write");
    return (now() - start) / PAGES;
}

static void cow(void)
{
    double plain[ROUNDS], copied[ROUNDS], taken[ROUNDS];
    struct world w;
    uint64_t i;
    int r;

    make(&w, 1, 1);
    touch(w.vm, PAGES);
    for (r = 0; r < ROUNDS; r++) {
        plain[r] = write_all(&w);
        for (i = 0; i < PAGES; i++)
            check(disco_page_take(w.vm, i * PAGE, &pages[i]), "take");
        copied[r] = write_all(&w);
        for (i = 0; i < PAGES; i++)
            check(disco_page_drop(w.machine, pages[i]), "drop");
        for (i = 0; i < PAGES; i++) {
            check(disco_page_take(w.vm, i * PAGE, &pages[i]), "take");
            check(disco_page_drop(w.machine, pages[i]), "drop");
        }
        taken[r] = write_all(&w);
    }
    report("write-8-bytes", median(plain), "ns", 0);
    report("cow-break-copy", median(copied) - median(plain), "ns", 0);
    report("cow-break-last", median(taken) - median(plain), "ns", 0);
    drop(&w);
}

/* --- Mapping against copying --------------------------------------------- */

/* A vCPU that has looked at the pages: remapping must shoot it down. */
static void look_at_pages(struct world *w, uint64_t count)
{
    static const uint32_t loop[] = {
        0xdc830000, /* ld     v1, 0(a0) */
        0x64841000, /* daddiu a0, a0, 4096 */
        0x1485fffd, /* bne    a0, a1, start */
        0x00000000, /* nop */
        0x1000ffff, /* b      . */
        0x00000000, /* nop */
    };
    uint64_t ids[] = { DISCO_REG_GPR(4), DISCO_REG_GPR(5), DISCO_REG_PC };
    uint64_t start = UINT64_C(0xffffffff80000000) + DATA_PA;
    uint64_t values[] = { start, start + count * PAGE, CODE_PC };
    disco_run run = { .size = sizeof(run), .max_insns = count * 4 };
    disco_exit exit = { .size = sizeof(exit) };
    unsigned i;

    for (i = 0; i < sizeof(loop) / 4; i++) {
        uint32_t word = __builtin_bswap32(loop[i]);

        check(disco_mem_write(w->vm, (CODE_PC & 0x1fffffff) + 4 * i, &word, 4),
              "code");
    }
    if (disco_vcpu_is_parked(w->vcpu[0]))
        check(disco_vcpu_start(w->vcpu[0], CODE_PC), "start");
    check(disco_vcpu_set_regs(w->vcpu[0], ids, values, 3), "regs");
    check(disco_vcpu_run(w->vcpu[0], 0, &run, &exit), "run");
}

enum { BURST = 15 }; /* pages of one large packet */

static void map_or_copy(void)
{
    double mapped[ROUNDS], copied[ROUNDS], both[ROUNDS], moved[ROUNDS];
    static uint8_t data[PAGE];
    struct world from, to;
    double start;
    uint64_t i;
    int r, n;

    make(&to, 1, 1);
    from = to;
    check(disco_vm_create(to.machine, NULL, &from.vm), "vm");
    check(disco_vm_map_ram(from.vm, 0, RAM_BYTES, NULL), "ram");
    touch(from.vm, PAGES);
    for (r = 0; r < ROUNDS; r++) {
        mapped[r] = copied[r] = both[r] = moved[r] = 0;
        for (n = 0; n < 200; n++) {
            look_at_pages(&to, BURST);
            for (i = 0; i < BURST; i++)
                check(disco_page_create(to.machine, 0, data, &pages[i]),
                      "page");
            start = now();
            for (i = 0; i < BURST; i++)
                check(disco_page_map(to.vm, DATA_PA + i * PAGE, pages[i]),
                      "map");
            mapped[r] += now() - start;
            for (i = 0; i < BURST; i++)
                check(disco_page_drop(to.machine, pages[i]), "drop");
            start = now();
            for (i = 0; i < BURST; i++)
                check(disco_mem_write(to.vm, DATA_PA + i * PAGE, data, PAGE),
                      "copy");
            copied[r] += now() - start;
            start = now();
            for (i = 0; i < BURST; i++) {
                check(disco_page_take(from.vm, i * PAGE, &pages[i]), "take");
                check(disco_page_map(to.vm, DATA_PA + i * PAGE, pages[i]),
                      "map");
                check(disco_page_drop(to.machine, pages[i]), "drop");
            }
            both[r] += now() - start;
            start = now();
            for (i = 0; i < BURST; i++) {
                check(disco_mem_read(from.vm, i * PAGE, data, PAGE), "read");
                check(disco_mem_write(to.vm, DATA_PA + i * PAGE, data, PAGE),
                      "write");
            }
            moved[r] += now() - start;
        }
    }
    report("block-map-in", median(mapped) / (200 * BURST), "ns", 0);
    report("block-copy-in", median(copied) / (200 * BURST), "ns", 0);
    report("packet-page-remap", median(both) / (200 * BURST), "ns", 0);
    report("packet-page-copy", median(moved) / (200 * BURST), "ns", 0);
    check(disco_vm_destroy(from.vm), "vm_destroy");
    drop(&to);
}

/* --- Moves --------------------------------------------------------------- */

/* Loads and stores to the page in a0 for ever. */
static const uint32_t mix_loop[] = {
    0x64420001, /* daddiu v0, v0, 1 */
    0xdc830000, /* ld     v1, 0(a0) */
    0x0062182d, /* daddu  v1, v1, v0 */
    0x00433826, /* xor    a3, v0, v1 */
    0x1000fffb, /* b      start */
    0x00000000, /* nop */
};

struct driver {
    struct world *w;
    uint32_t first;
    uint32_t count;
    int *stop; /* atomic */
};

static void *drive(void *arg)
{
    disco_run run = { .size = sizeof(run), .max_insns = 20000 };
    disco_exit exit = { .size = sizeof(exit) };
    struct driver *d = arg;
    uint32_t i;

    while (!__atomic_load_n(d->stop, __ATOMIC_RELAXED))
        for (i = d->first; i < d->first + d->count; i++)
            check(disco_vcpu_run(d->w->vcpu[i], i, &run, &exit), "run");
    return NULL;
}

static void start_vcpus(struct world *w, uint32_t vcpus)
{
    uint64_t id = DISCO_REG_GPR(4),
             value = UINT64_C(0xffffffff80000000) + DATA_PA;
    uint32_t i, word;

    for (i = 0; i < sizeof(mix_loop) / 4; i++) {
        word = __builtin_bswap32(mix_loop[i]);
        check(disco_mem_write(w->vm, (CODE_PC & 0x1fffffff) + 4 * i, &word, 4),
              "code");
    }
    check(disco_mem_write(w->vm, DATA_PA, &value, 8), "data");
    for (i = 0; i < vcpus; i++) {
        check(disco_vcpu_set_regs(w->vcpu[i], &id, &value, 1), "regs");
        check(disco_vcpu_start(w->vcpu[i], CODE_PC), "start");
    }
}

/* The vCPUs use the page again: those of other threads, and `own` of ours. */
static void use_page(struct world *w, uint32_t own)
{
    disco_run run = { .size = sizeof(run), .max_insns = 20000 };
    disco_exit exit = { .size = sizeof(exit) };
    struct timespec pause = { 0, 100000 };
    uint32_t i;

    if (!own)
        nanosleep(&pause, NULL);
    for (i = 0; i < own; i++)
        check(disco_vcpu_run(w->vcpu[i], i, &run, &exit), "run");
}

/* CPU time of one migration and one replication, waiting included. */
static void move_page(struct world *w, uint32_t own, double *migrate,
                      double *replicate)
{
    enum { MOVES = 300 };
    double start, sum = 0;
    int i;

    for (i = 0; i < MOVES; i++) {
        use_page(w, own);
        start = now();
        check(disco_page_migrate(w->vm, DATA_PA, (uint32_t)~i & 1), "migrate");
        sum += now() - start;
    }
    *migrate = sum / MOVES;
    sum = 0;
    for (i = 0; i < MOVES; i++) {
        use_page(w, own);
        start = now();
        check(disco_page_replicate(w->vm, DATA_PA, 1), "replicate");
        sum += now() - start;
        check(disco_page_collapse(w->vm, DATA_PA), "collapse");
    }
    *replicate = sum / MOVES;
}

/* Half of the vCPUs run on this thread, between the moves; a single one on the
 * other. */
static void moves(uint32_t vcpus, const char *migrate_name,
                  const char *replicate_name)
{
    double migrate[ROUNDS], replicate[ROUNDS];
    uint32_t own = vcpus / 2;
    struct driver d;
    pthread_t thread;
    struct world w;
    int stop = 0, r;

    make(&w, 2, vcpus);
    start_vcpus(&w, vcpus);
    d = (struct driver){ &w, own, vcpus - own, &stop };
    pthread_create(&thread, NULL, drive, &d);
    for (r = 0; r < ROUNDS; r++)
        move_page(&w, own, &migrate[r], &replicate[r]);
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    report(migrate_name, median(migrate), "ns", 5000);
    report(replicate_name, median(replicate), "ns", 5000);
    drop(&w);
}

static void shootdowns(void)
{
    disco_move_stats s = { .size = sizeof(s) };
    double all[ROUNDS], replicate;
    struct world w;
    int r;

    make(&w, 2, 1);
    touch(w.vm, 512);
    for (r = 0; r < ROUNDS; r++)
        move_page(&w, 0, &all[r], &replicate);
    check(disco_move_stats_get(w.machine, &s), "stats");
    report("migrate-idle", median(all), "ns", 5000);
    report("migrate-idle-shootdown",
           (double)s.migrate.shootdown_ns / (double)s.migrate.count, "ns", 0);
    report("migrate-idle-copy",
           (double)s.migrate.copy_ns / (double)s.migrate.count, "ns", 0);
    drop(&w);
}

/* --- Forks --------------------------------------------------------------- */

static void forks(void)
{
    double made[ROUNDS];
    struct world w;
    disco_vm *child;
    double start;
    int r;

    make(&w, 1, 1);
    touch(w.vm, RAM_BYTES / PAGE);
    for (r = 0; r < ROUNDS; r++) {
        start = now();
        check(disco_vm_fork(w.vm, NULL, &child), "fork");
        made[r] = (now() - start) / 1e3;
        check(disco_vm_destroy(child), "vm_destroy");
    }
    report("fork-64MiB", median(made), "us", 1000);
    drop(&w);
}

int main(void)
{
    cow();
    map_or_copy();
    shootdowns();
    moves(1, "migrate-1-vcpu", "replicate-1-vcpu");
    moves(8, "migrate-8-vcpus", "replicate-8-vcpus");
    forks();
    return 0;
}
