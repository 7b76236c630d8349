/*
 * litmus.c - memory ordering between CPUs: each test runs many times, the
 * outcomes are counted, those that sequential consistency forbids are failures.
 *
 * Command line: rounds=N (of each test), tso (stores may pass later loads: the
 * outcomes of SB are only shown).  Tests with more CPUs than there are, are
 * left out.  Exit status: number of tests with a forbidden outcome.
 */
#include "lib.h"

#define BATCH 256
#define LINE  128
#define NAP   40000 /* of Count */

/* The variables of one round, each on a line of its own. */
struct cells {
    volatile uint32_t x __attribute__((aligned(LINE)));
    volatile uint32_t y __attribute__((aligned(LINE)));
};

/* What a CPU does in one round: its part, up to two observations. */
typedef void part_fn(struct cells *c, uint32_t cpu, uint32_t *seen);

struct litmus {
    const char *name;
    uint32_t cpus;
    part_fn *run;
    /* Outcome bits of a finished round. */
    uint32_t (*outcome)(const struct cells *c, uint32_t (*seen)[2]);
    uint32_t bits;
    uint32_t forbidden;
    int tso_allows;
};

static struct cells cells[BATCH];
static uint32_t seen[BATCH][4][2];
static uint32_t counts[16];
static struct barrier gate;
static volatile uint32_t reached[4] __attribute__((aligned(LINE)));
static uint32_t total_rounds;
static uint32_t shared_count;
static volatile int all_done;

/* --- Store buffering ----------------------------------------------------- */

static void sb(struct cells *c, uint32_t cpu, uint32_t *r)
{
    if (cpu == 0) {
        c->x = 1;
        r[0] = c->y;
    } else {
        c->y = 1;
        r[0] = c->x;
    }
}

/* The same with the stores by LL/SC, which order nothing by themselves. */
static void sb_llsc(struct cells *c, uint32_t cpu, uint32_t *r)
{
    if (cpu == 0) {
        atomic_add((uint32_t *)(uintptr_t)&c->x, 1);
        r[0] = c->y;
    } else {
        atomic_add((uint32_t *)(uintptr_t)&c->y, 1);
        r[0] = c->x;
    }
}

static uint32_t two_seen(const struct cells *c, uint32_t (*r)[2])
{
    (void)c;
    return r[0][0] | r[1][0] << 1;
}

/* --- Message passing, load buffering ------------------------------------- */

static void mp(struct cells *c, uint32_t cpu, uint32_t *r)
{
    if (cpu == 0) {
        c->x = 1;
        c->y = 1;
    } else {
        r[0] = c->y;
        r[1] = c->x;
    }
}

static uint32_t second_seen(const struct cells *c, uint32_t (*r)[2])
{
    (void)c;
    return r[1][0] | r[1][1] << 1;
}

static void lb(struct cells *c, uint32_t cpu, uint32_t *r)
{
    if (cpu == 0) {
        r[0] = c->x;
        c->y = 1;
    } else {
        r[0] = c->y;
        c->x = 1;
    }
}

/* Two loads of one variable never go back. */
static void corr(struct cells *c, uint32_t cpu, uint32_t *r)
{
    if (cpu == 0) {
        c->x = 1;
    } else {
        r[0] = c->x;
        r[1] = c->x;
    }
}

/* --- Two writers of two variables ---------------------------------------- */

static void two_writes(struct cells *c, uint32_t cpu, uint32_t *r)
{
    (void)r;
    if (cpu == 0) {
        c->x = 1;
        c->y = 2;
    } else {
        c->y = 1;
        c->x = 2;
    }
}

static uint32_t last_values(const struct cells *c, uint32_t (*r)[2])
{
    (void)r;
    return (c->x == 1) | (c->y == 1) << 1;
}

/* --- Three and four CPUs ------------------------------------------------- */

static void wrc(struct cells *c, uint32_t cpu, uint32_t *r)
{
    if (cpu == 0) {
        c->x = 1;
    } else if (cpu == 1) {
        r[0] = c->x;
        c->y = 1;
    } else {
        r[0] = c->y;
        r[1] = c->x;
    }
}

static uint32_t wrc_outcome(const struct cells *c, uint32_t (*r)[2])
{
    (void)c;
    return r[1][0] | r[2][0] << 1 | r[2][1] << 2;
}

static void iriw(struct cells *c, uint32_t cpu, uint32_t *r)
{
    if (cpu == 0) {
        c->x = 1;
    } else if (cpu == 1) {
        c->y = 1;
    } else if (cpu == 2) {
        r[0] = c->x;
        r[1] = c->y;
    } else {
        r[0] = c->y;
        r[1] = c->x;
    }
}

static uint32_t iriw_outcome(const struct cells *c, uint32_t (*r)[2])
{
    (void)c;
    return r[2][0] | r[2][1] << 1 | r[3][0] << 2 | r[3][1] << 3;
}

/* Outcomes are written with the first observation first. */
static const struct litmus tests[] = {
    { "SB", 2, sb, two_seen, 2, 0x0, 1 },
    { "SB+LLSC", 2, sb_llsc, two_seen, 2, 0x0, 1 },
    { "MP", 2, mp, second_seen, 2, 0x1, 0 },
    { "LB", 2, lb, two_seen, 2, 0x3, 0 },
    { "CoRR", 2, corr, second_seen, 2, 0x1, 0 },
    { "2+2W", 2, two_writes, last_values, 2, 0x3, 0 },
    { "WRC", 3, wrc, wrc_outcome, 3, 0x3, 0 },
    { "IRIW", 4, iriw, iriw_outcome, 4, 0x5, 0 },
};
#define TESTS (sizeof tests / sizeof *tests)

/* As barrier_wait(), but a CPU that waits long sleeps in between: there may be
 * fewer host threads than CPUs. */
static void gather(uint32_t cpus)
{
    uint32_t turn = READ_ONCE(gate.turn), spins = 0;

    if (atomic_add(&gate.waiting, 1) == cpus - 1) {
        gate.waiting = 0;
        __asm__ volatile("sync" : : : "memory");
        WRITE_ONCE(gate.turn, turn + 1);
        return;
    }
    while (READ_ONCE(gate.turn) == turn) {
        if (++spins < 2000)
            continue;
        spins = 0;
        wr_compare(rd_count() + NAP);
        cpu_idle();
    }
}

/* Wait a moment for the others, so that a round runs on all at once, and then
 * a few instructions more or less, so that they do not stay in step. */
static void line_up(const struct litmus *t, uint32_t cpu, uint32_t round,
                    uint32_t *state)
{
    reached[cpu] = round;
    for (uint32_t i = 0, spins = 0; i < t->cpus && spins < 100; spins++)
        i += (int32_t)(reached[i] - round) >= 0;
    *state = *state * 1664525 + 1013904223;
    for (volatile uint32_t i = *state >> 29; i; i--)
        ;
}

static void run_batch(const struct litmus *t, uint32_t cpu, uint32_t *state)
{
    static uint32_t rounds[4];

    for (uint32_t i = 0; i < BATCH; i++) {
        line_up(t, cpu, ++rounds[cpu], state);
        t->run(&cells[i], cpu, seen[i][cpu]);
    }
}

/* All CPUs of a test go through this together; CPU 0 counts. */
static void run_test(const struct litmus *t, uint32_t cpu)
{
    uint32_t state = cpu * 77777 + 1;

    for (uint32_t done = 0; done < total_rounds; done += BATCH) {
        if (cpu == 0) {
            memset(cells, 0, sizeof cells);
            memset(seen, 0, sizeof seen);
        }
        gather(board.cpus);
        if (cpu < t->cpus)
            run_batch(t, cpu, &state);
        gather(board.cpus);
        for (uint32_t i = 0; cpu == 0 && i < BATCH; i++)
            counts[t->outcome(&cells[i], seen[i]) & 15]++;
    }
}

static int report(const struct litmus *t)
{
    uint32_t bad = counts[t->forbidden], rounds = 0;
    char line[200];
    size_t n = 0;
    const char *verdict = "ok";

    for (uint32_t o = 0; o < 1u << t->bits; o++) {
        char digits[12];
        uint32_t v = counts[o], k = 0;

        rounds += v;
        for (uint32_t b = 0; b < t->bits; b++)
            line[n++] = (char)('0' + (o >> b & 1));
        line[n++] = ':';
        do
            digits[k++] = (char)('0' + v % 10);
        while (v /= 10);
        while (k)
            line[n++] = digits[--k];
        line[n++] = ' ';
    }
    line[n] = 0;
    if (bad && t->tso_allows && option("tso"))
        verdict = "allowed by TSO";
    else if (bad)
        verdict = "FORBIDDEN outcome seen";
    print("litmus %s: %u rounds, %s%s\n", t->name, rounds, line, verdict);
    return bad && !(t->tso_allows && option("tso"));
}

/* Every CPU adds by LL/SC, all at once. */
static void add(void)
{
    for (uint32_t i = 0; i < total_rounds; i++)
        atomic_add(&shared_count, 1);
}

static int run_all(uint32_t cpu)
{
    int failures = 0;

    wr_status(rd_status() | ST_IM7); /* ends a nap; no interrupt is taken */
    for (uint32_t i = 0; i < TESTS; i++) {
        const struct litmus *t = &tests[i];

        if (t->cpus > board.cpus)
            continue;
        run_test(t, cpu);
        if (cpu == 0) {
            failures += report(t);
            memset(counts, 0, sizeof counts);
        }
    }
    gather(board.cpus);
    add();
    gather(board.cpus);
    if (cpu == 0) {
        uint32_t want = total_rounds * board.cpus;

        print("litmus LLSC: %u additions, %u counted%s\n", want, shared_count,
              want == shared_count ? ", ok" : ", LOST some");
        failures += want != shared_count;
    }
    return failures;
}

static void other_cpu(uint32_t cpu)
{
    run_all(cpu);
    while (!all_done)
        cpu_idle();
}

int guest_main(void)
{
    int failures;

    total_rounds = (uint32_t)option_value("rounds", 2048);
    print("litmus: %u CPUs\n", board.cpus);
    for (uint32_t i = 1; i < board.cpus; i++)
        cpu_start(i, other_cpu);
    failures = run_all(0);
    print("litmus: %d tests failed\n", failures);
    return failures;
}
