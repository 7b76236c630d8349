/*
 * api.c - what the API costs the embedder.  Prints one line a figure:
 * "name value unit limit"; run.py makes the table.  Times are CPU times, each
 * the median of several rounds; for two threads, the CPU time of the slower,
 * and beside it wall-clock time, which shows waiting but suffers from others.
 *
 * usage: bench_api [--engine interp|jit] [PART...]     all parts
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <disco/disco.h>

enum { ROUNDS = 7, RAM_BYTES = 64 << 20 };
#define CODE_PC UINT64_C(0xffffffff80001000)
#define MMIO_PA 0x1c000000

static void check(disco_status status, const char *what)
{
    if (status == DISCO_OK)
        return;
    fprintf(stderr, "api: %s: %s\n", what, disco_status_text(status));
    exit(1);
}

static double now(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
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

static disco_status mmio_read(void *opaque, const disco_mmio_access *access,
                              uint64_t *value)
{
    (void)opaque;
    *value = access->offset;
    return DISCO_OK;
}

/* What runs the vCPUs: set once, from the command line. */
static uint32_t engine = DISCO_ENGINE_BEST;

struct guest {
    disco_machine *machine;
    disco_vm *vm;
    disco_vcpu *vcpu[2];
};

static void write_words(disco_vm *vm, uint64_t gpa, const uint32_t *words,
                        unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        uint8_t b[4] = { (uint8_t)(words[i] >> 24), (uint8_t)(words[i] >> 16),
                         (uint8_t)(words[i] >> 8), (uint8_t)words[i] };

        check(disco_mem_write(vm, gpa + 4 * i, b, 4), "mem_write");
    }
}

static void make_guest(struct guest *g, unsigned vcpus, const uint32_t *words,
                       unsigned n)
{
    disco_machine_config config = { .size = sizeof(config),
                                    .cpus_per_node = 2 };
    disco_mmio_ops ops = { .size = sizeof(ops), .read = mmio_read };
    disco_vcpu_config cpu = { .size = sizeof(cpu), .engine = engine };
    uint64_t status = DISCO_REG_CP0(12), value = 0x300000e0;

    check(disco_machine_create(&config, &g->machine, NULL), "machine");
    check(disco_vm_create(g->machine, NULL, &g->vm), "vm");
    check(disco_vm_map_ram(g->vm, 0, RAM_BYTES, NULL), "ram");
    check(disco_vm_map_mmio(g->vm, MMIO_PA, 0x1000, "bench", &ops, NULL, NULL),
          "mmio");
    write_words(g->vm, CODE_PC & 0x1fffffff, words, n);
    for (unsigned i = 0; i < vcpus; i++) {
        uint64_t ids[] = { DISCO_REG_GPR(4), DISCO_REG_GPR(5) };
        uint64_t values[] = { UINT64_C(0xffffffff80100000) + i * 0x100000,
                              UINT64_C(0xffffffffa0000000) + MMIO_PA };

        check(disco_vcpu_create(g->vm, &cpu, &g->vcpu[i]), "vcpu");
        check(disco_vcpu_set_regs(g->vcpu[i], &status, &value, 1), "regs");
        check(disco_vcpu_set_regs(g->vcpu[i], ids, values, 2), "regs");
        check(disco_vcpu_start(g->vcpu[i], CODE_PC), "start");
    }
}

static void drop_guest(struct guest *g)
{
    check(disco_vm_destroy(g->vm), "vm_destroy");
    check(disco_machine_destroy(g->machine), "machine_destroy");
}

/* A loop of arithmetic with a load and a store, as integer code has. */
static const uint32_t mix_loop[] = {
    0x64420001, /* daddiu v0, v0, 1 */
    0xdc830000, /* ld     v1, 0(a0) */
    0x0062182d, /* daddu  v1, v1, v0 */
    0x00433826, /* xor    a3, v0, v1 */
    0x000738fa, /* dsrl   a3, a3, 3 */
    0x00e3402b, /* sltu   t0, a3, v1 */
    0x0048102d, /* daddu  v0, v0, t0 */
    0xfc830000, /* sd     v1, 0(a0) */
    0x1000fff7, /* b      start */
    0x00000000, /* nop */
};
/* ... and the same with the load from device registers. */
static const uint32_t mmio_loop[] = {
    0x64420001, /* daddiu v0, v0, 1 */
    0x8ca30000, /* lw     v1, 0(a1) */
    0x1000fffd, /* b      start */
    0x00000000,
};
static const uint32_t load_loop[] = {
    0x64420001, /* daddiu v0, v0, 1 */
    0x8c830000, /* lw     v1, 0(a0) */
    0x1000fffd, /* b      start */
    0x00000000,
};
#define WORDS(a) (a), (unsigned)(sizeof(a) / sizeof((a)[0]))

static double run_ns_per(disco_vcpu *vcpu, uint64_t insns, uint64_t slice,
                         uint64_t units)
{
    disco_run run = { .size = sizeof(run), .max_insns = slice };
    disco_exit exit = { .size = sizeof(exit) };
    double start = now(CLOCK_THREAD_CPUTIME_ID);

    for (uint64_t done = 0; done < insns; done += slice)
        check(disco_vcpu_run(vcpu, 0, &run, &exit), "run");
    return (now(CLOCK_THREAD_CPUTIME_ID) - start) * 1e9 / (double)units;
}

static void bench_round_trip(void)
{
    double v[ROUNDS];
    struct guest g;

    make_guest(&g, 1, WORDS(mix_loop));
    for (int i = 0; i < ROUNDS; i++)
        v[i] = run_ns_per(g.vcpu[0], 200000, 1, 200000);
    printf("run_round_trip %.1f ns 200\n", median(v, ROUNDS));
    drop_guest(&g);
}

static void bench_mmio(void)
{
    enum { LOOPS = 500000 };
    double with[ROUNDS], without[ROUNDS];
    struct guest a, b;

    make_guest(&a, 1, WORDS(mmio_loop));
    make_guest(&b, 1, WORDS(load_loop));
    for (int i = 0; i < ROUNDS; i++) {
        with[i] = run_ns_per(a.vcpu[0], LOOPS * 4, LOOPS * 4, LOOPS);
        without[i] = run_ns_per(b.vcpu[0], LOOPS * 4, LOOPS * 4, LOOPS);
    }
    printf("mmio_callback %.1f ns 30\n",
           median(with, ROUNDS) - median(without, ROUNDS));
    drop_guest(&a);
    drop_guest(&b);
}

/* Slices of 20000 instructions against one long one. */
static void bench_budget(void)
{
    enum { INSNS = 20000000 };
    double ratio[ROUNDS];
    struct guest g;

    make_guest(&g, 1, WORDS(mix_loop));
    run_ns_per(g.vcpu[0], INSNS, INSNS, INSNS);
    for (int i = 0; i < ROUNDS; i++) {
        double one = run_ns_per(g.vcpu[0], INSNS, INSNS, INSNS);
        double many = run_ns_per(g.vcpu[0], INSNS, 20000, INSNS);

        ratio[i] = (many / one - 1) * 100;
    }
    printf("budget_cost %.2f %% 2\n", median(ratio, ROUNDS));
    drop_guest(&g);
}

enum { SCHED_SLICES = 200000, SCHED_QUANTUM = 10 };

static double bare_ns(struct guest *g)
{
    disco_run run = { .size = sizeof(run), .max_insns = SCHED_QUANTUM };
    disco_exit exit = { .size = sizeof(exit) };
    double start = now(CLOCK_THREAD_CPUTIME_ID);

    for (uint32_t i = 0; i < SCHED_SLICES; i++)
        check(disco_vcpu_run(g->vcpu[i & 1], i & 1, &run, &exit), "run");
    return (now(CLOCK_THREAD_CPUTIME_ID) - start) * 1e9 / SCHED_SLICES;
}

static double scheduled_ns(disco_sched *sched, int by_cpu)
{
    disco_exit exit = { .size = sizeof(exit) };
    double start = now(CLOCK_THREAD_CPUTIME_ID);
    disco_vcpu *vcpu;

    if (by_cpu)
        check(disco_sched_run_cpu(sched, DISCO_SCHED_ANY_CPU, SCHED_SLICES,
                                  &vcpu, &exit),
              "sched_run_cpu");
    else
        check(disco_sched_run(sched, SCHED_SLICES / 2, &vcpu, &exit),
              "sched_run");
    return (now(CLOCK_THREAD_CPUTIME_ID) - start) * 1e9 / SCHED_SLICES;
}

/* What the scheduler adds to a slice, against a loop over the vCPUs. */
static void bench_sched(void)
{
    disco_sched_config config = { .size = sizeof(config),
                                  .quantum_insns = SCHED_QUANTUM };
    double rounds[ROUNDS], any[ROUNDS];
    disco_sched *sched;
    struct guest g;

    make_guest(&g, 2, WORDS(mix_loop));
    check(disco_sched_create(g.machine, &config, &sched), "sched_create");
    for (int i = 0; i < 2; i++)
        check(disco_sched_add(sched, g.vcpu[i]), "sched_add");
    for (int i = 0; i < ROUNDS; i++) {
        double bare = bare_ns(&g);

        rounds[i] = scheduled_ns(sched, 0) - bare;
        any[i] = scheduled_ns(sched, 1) - bare;
    }
    printf("sched_slice %.1f ns 100\n", median(rounds, ROUNDS));
    printf("sched_slice_any %.1f ns 100\n", median(any, ROUNDS));
    disco_sched_destroy(sched);
    drop_guest(&g);
}

static void bench_create(void)
{
    enum { COUNT = 200 };
    double v[ROUNDS];
    disco_machine *machine;
    disco_machine_stats stats = { .size = sizeof(stats) };
    uint64_t before, most = 0;

    check(disco_machine_create(NULL, &machine, NULL), "machine");
    for (int i = 0; i < ROUNDS; i++) {
        double start = now(CLOCK_THREAD_CPUTIME_ID);

        for (int k = 0; k < COUNT; k++) {
            disco_vm *vm;
            disco_vcpu *vcpu;

            check(disco_machine_stats_get(machine, &stats), "stats");
            before = stats.host_bytes;
            check(disco_vm_create(machine, NULL, &vm), "vm");
            check(disco_vm_map_ram(vm, 0, RAM_BYTES, NULL), "ram");
            check(disco_vcpu_create(vm, NULL, &vcpu), "vcpu");
            check(disco_machine_stats_get(machine, &stats), "stats");
            if (stats.host_bytes - before > most)
                most = stats.host_bytes - before;
            check(disco_vm_destroy(vm), "destroy");
        }
        v[i] = (now(CLOCK_THREAD_CPUTIME_ID) - start) * 1e6 / COUNT;
    }
    printf("vm_create_destroy %.1f us 100\n", median(v, ROUNDS));
    printf("vm_host_memory %.1f KiB 1024\n", (double)most / 1024);
    check(disco_machine_destroy(machine), "machine_destroy");
}

struct worker {
    disco_vcpu *vcpu;
    uint32_t cpu;
    double seconds;
};

static void *work(void *opaque)
{
    struct worker *w = opaque;
    disco_run run = { .size = sizeof(run), .max_insns = 100000000 };
    disco_exit exit = { .size = sizeof(exit) };
    double start = now(CLOCK_THREAD_CPUTIME_ID);

    check(disco_vcpu_run(w->vcpu, w->cpu, &run, &exit), "run");
    w->seconds = now(CLOCK_THREAD_CPUTIME_ID) - start;
    return NULL;
}

/* Wall-clock seconds of one vCPU per worker, on a thread each. */
static double work_together(struct worker *w, unsigned workers)
{
    double start = now(CLOCK_MONOTONIC);
    pthread_t thread;

    if (workers == 2 && pthread_create(&thread, NULL, work, &w[1]))
        exit(1);
    work(&w[0]);
    if (workers == 2)
        pthread_join(thread, NULL);
    return now(CLOCK_MONOTONIC) - start;
}

static void bench_two_threads(void)
{
    double ratio[ROUNDS], wall[ROUNDS];
    struct guest one, two;

    make_guest(&one, 1, WORDS(mix_loop));
    make_guest(&two, 2, WORDS(mix_loop));
    for (int i = 0; i < ROUNDS; i++) {
        struct worker w[2] = { { two.vcpu[0], 0, 0 }, { two.vcpu[1], 1, 0 } };
        struct worker single = { one.vcpu[0], 0, 0 };
        double alone = work_together(&single, 1);
        double together = work_together(w, 2);
        double slower =
            w[0].seconds > w[1].seconds ? w[0].seconds : w[1].seconds;

        ratio[i] = 2 * single.seconds / slower;
        wall[i] = 2 * alone / together;
    }
    printf("two_threads %.2f x 1.8\n", median(ratio, ROUNDS));
    printf("two_threads_wall %.2f x 0\n", median(wall, ROUNDS));
    drop_guest(&one);
    drop_guest(&two);
}

static const struct part {
    const char *name;
    void (*run)(void);
} parts[] = {
    { "run_round_trip", bench_round_trip },
    { "mmio_callback", bench_mmio },
    { "budget_cost", bench_budget },
    { "sched_slice", bench_sched },
    { "vm_create", bench_create },
    { "two_threads", bench_two_threads },
};

static int run_parts(const char *name)
{
    int found = 0;

    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
        if (!name || !strcmp(name, parts[i].name)) {
            parts[i].run();
            found = 1;
        }
    return found;
}

int main(int argc, char **argv)
{
    int at = 1;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 2 && !strcmp(argv[1], "--engine")) {
        engine =
            strcmp(argv[2], "jit") ? DISCO_ENGINE_INTERP : DISCO_ENGINE_JIT;
        at = 3;
    }
    if (at == argc)
        run_parts(NULL);
    for (; at < argc; at++)
        if (!run_parts(argv[at])) {
            fprintf(stderr, "api: no part %s\n", argv[at]);
            return 1;
        }
    return 0;
}
