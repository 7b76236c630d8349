/*
 * jobs.c - independent jobs, like the paper's Engineering workload: each has
 * private data larger than a cache, all read the same tables, and now and then
 * every job goes on on another CPU.
 *
 * CPU 0 prepares everything, so a first-touch allocator puts it all on CPU 0's
 * node.  Command line: jobs=N (12), pages=N private ones a job (24), tables=N
 * pages (16), passes=N over the data between moves (24), moves=N (3), work=N
 * rounds of arithmetic a line (32).
 */
#include "lib.h"

enum { LINE_WORDS = 16, PAGE_WORDS = 512, JOBS_MAX = 64 };
#define DATA_PHYS (16u << 20)

static uint64_t *job_data[JOBS_MAX], *tables;
static uint64_t job_sum[JOBS_MAX][LINE_WORDS];
static uint32_t jobs, pages, table_words, passes, moves, work;
static struct barrier gate;
static uint32_t finished;

static uint64_t mix(uint64_t v)
{
    for (uint32_t i = 0; i < work; i++)
        v = (v ^ v >> 7) * 5 + i;
    return v;
}

/* Once over a job's data: a load and a store of each line, and a table. */
static uint64_t pass(uint64_t *data, uint64_t v)
{
    for (uint32_t i = 0; i < pages * PAGE_WORDS; i += LINE_WORDS) {
        v = mix(v + data[i]);
        v += tables[(v >> 8) % table_words & ~(uint64_t)(LINE_WORDS - 1)];
        data[i] = v;
    }
    return v;
}

static void run_job(uint32_t job)
{
    uint64_t v = job_sum[job][0];

    for (uint32_t i = 0; i < passes; i++)
        v = pass(job_data[job], v);
    job_sum[job][0] = v;
}

/* Each CPU takes every cpus-th of the jobs, beginning one further each time. */
static void run_all(uint32_t cpu)
{
    barrier_wait(&gate, board.cpus);
    for (uint32_t m = 0; m <= moves; m++) {
        for (uint32_t job = 0; job < jobs; job++)
            if ((job + m) % board.cpus == cpu)
                run_job(job);
        barrier_wait(&gate, board.cpus);
    }
    atomic_add(&finished, 1);
}

static void prepare(void)
{
    uint64_t *at = phys_ptr(DATA_PHYS);

    tables = at;
    for (uint32_t i = 0; i < table_words; i++)
        *at++ = mix(i);
    for (uint32_t job = 0; job < jobs; job++) {
        job_data[job] = at;
        for (uint32_t i = 0; i < pages * PAGE_WORDS; i++)
            *at++ = i + job;
        job_sum[job][0] = job;
    }
}

int guest_main(void)
{
    uint64_t sum = 0;

    jobs = (uint32_t)option_value("jobs", 12);
    pages = (uint32_t)option_value("pages", 24);
    table_words = (uint32_t)option_value("tables", 16) * PAGE_WORDS;
    passes = (uint32_t)option_value("passes", 24);
    moves = (uint32_t)option_value("moves", 3);
    work = (uint32_t)option_value("work", 32);
    if (jobs > JOBS_MAX)
        return 1;
    prepare();
    for (uint32_t cpu = 1; cpu < board.cpus; cpu++)
        cpu_start(cpu, run_all);
    run_all(0);
    while (READ_ONCE(finished) < board.cpus)
        ;
    for (uint32_t job = 0; job < jobs; job++)
        sum = sum * 31 + job_sum[job][0];
    print("jobs: %u on %u CPUs, sum %016lx\n", jobs, board.cpus, sum);
    return 0;
}
