/*
 * numa.c - memory used in a known way by CPUs on different nodes, for policies
 * that move pages.
 *
 * Command line: one of
 *   private  CPU i reads and writes block i, which its neighbour touched first
 *   read     all read block 0, which CPU 0 touched first; CPU 0 only one
 *            quarter of the time
 *   write    all read and write block 0
 *   phase    as private, and after half of the time CPU i goes on with block
 *            i + 1
 * pages=N of a block (64), ms=N of virtual time (50).  Blocks lie at physical
 * 16 MiB, one after the other.
 */
#include "lib.h"

#define BASE       0x1000000
#define PAGE       4096
#define MS         100000u /* of Count */
#define QUARTER_MS 2

static struct barrier gate;
static uint32_t pages, ticks;
static volatile int all_done;

static volatile uint32_t *word(uint32_t block, uint32_t page)
{
    uint64_t at = BASE + ((uint64_t)block * pages + page) * PAGE;

    /* Words of different pages are not all in one cache set. */
    return (volatile uint32_t *)phys_ptr(at + page % 32 * 128);
}

static void fill(uint32_t block)
{
    for (uint32_t i = 0; i < pages; i++)
        *word(block, i) = block * 1000 + i;
}

/* Sum of the block's words; a writer stores them again. */
static uint32_t use(uint32_t block, int writes)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < pages; i++) {
        uint32_t value = *word(block, i);

        sum += value;
        if (writes)
            *word(block, i) = value;
    }
    return sum;
}

static uint32_t sum_of(uint32_t block)
{
    return block * 1000 * pages + pages * (pages - 1) / 2;
}

/* Use the block from `from` to `to` of the time; 1 when a value was wrong. */
static int work(uint32_t block, int writes, uint32_t start, uint32_t end)
{
    uint32_t wrong = 0;

    while (rd_count() - start < end)
        wrong |= use(block, writes) != sum_of(block);
    return wrong != 0;
}

static int read_now_and_then(uint32_t start)
{
    uint32_t wrong = 0, now;

    while ((now = rd_count() - start) < ticks)
        if (now / (QUARTER_MS * MS) % 4 == 0)
            wrong |= use(0, 0) != sum_of(0);
    return wrong != 0;
}

static int run(uint32_t cpu)
{
    uint32_t start, next = (cpu + 1) % board.cpus;
    int is_private = option("private"), is_phase = option("phase");
    int wrong;

    if (is_private || is_phase)
        fill(next);
    else if (cpu == 0)
        fill(0);
    barrier_wait(&gate, board.cpus);
    start = rd_count();
    if (is_private)
        wrong = work(cpu, 1, start, ticks);
    else if (is_phase)
        wrong = work(cpu, 1, start, ticks / 2) | work(next, 1, start, ticks);
    else if (option("write"))
        wrong = work(0, 1, start, ticks);
    else if (cpu == 0)
        wrong = read_now_and_then(start);
    else
        wrong = work(0, 0, start, ticks);
    if (wrong)
        print("numa: CPU %u read wrong values\n", cpu);
    return wrong;
}

static volatile uint32_t wrongs;

static void other_cpu(uint32_t cpu)
{
    if (run(cpu))
        atomic_add((uint32_t *)(uintptr_t)&wrongs, 1);
    barrier_wait(&gate, board.cpus);
    while (!all_done)
        cpu_idle();
}

int guest_main(void)
{
    int wrong;

    pages = (uint32_t)option_value("pages", 64);
    ticks = (uint32_t)option_value("ms", 50) * MS;
    for (uint32_t i = 1; i < board.cpus; i++)
        cpu_start(i, other_cpu);
    wrong = run(0);
    barrier_wait(&gate, board.cpus);
    print("numa: %u CPUs, %u pages a block\n", board.cpus, pages);
    return wrong || wrongs;
}
