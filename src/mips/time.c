/*
 * time.c - Count, Compare and the performance counters of one vCPU.
 *
 * A vCPU's own time is its instructions plus a skew.  The skew grows when the
 * VM's clock is ahead at a Count read or after idling; it never shrinks.
 */
#include "mips/cpu.h"

enum { CYCLES_PER_COUNT = 2 };

/* Own time becomes `cycles`, which is not earlier. */
static void time_becomes(struct mips_cpu *cpu, uint64_t cycles)
{
    uint64_t now = mips_cycles(cpu);

    if (cycles > now) {
        cpu->skew += cycles - now;
        cpu->resync = true; /* the slice was cut for the old time */
    }
}

static void time_sync(struct mips_cpu *cpu)
{
    time_becomes(cpu, cpu->host->clock_sync(cpu->host->ctx, mips_cycles(cpu)));
    mips_timer_check(cpu);
}

static uint32_t count_at(const struct mips_cpu *cpu, uint64_t cycles)
{
    return (uint32_t)(cycles / CYCLES_PER_COUNT) + cpu->count_offset;
}

/* When Count next becomes Compare, later than now. */
static void timer_arm(struct mips_cpu *cpu)
{
    uint64_t now = mips_cycles(cpu);
    uint32_t ahead = cpu->compare - count_at(cpu, now);
    uint64_t ticks = ahead ? ahead : UINT64_C(1) << 32;

    cpu->timer_cycles = (now / CYCLES_PER_COUNT + ticks) * CYCLES_PER_COUNT;
    cpu->resync = true;
}

void mips_timer_check(struct mips_cpu *cpu)
{
    uint64_t now = mips_cycles(cpu);

    if (now < cpu->timer_cycles)
        return;
    if (!cpu->timer_ip) {
        cpu->timer_ip = true;
        cpu->resync = true;
    }
    timer_arm(cpu);
}

uint32_t mips_count_read(struct mips_cpu *cpu)
{
    time_sync(cpu);
    return count_at(cpu, mips_cycles(cpu));
}

void mips_count_write(struct mips_cpu *cpu, uint32_t value)
{
    time_sync(cpu);
    cpu->count_offset += value - count_at(cpu, mips_cycles(cpu));
    timer_arm(cpu);
}

void mips_compare_write(struct mips_cpu *cpu, uint32_t value)
{
    time_sync(cpu);
    cpu->compare = value;
    cpu->timer_ip = false;
    timer_arm(cpu);
}

/* Instructions until time or a counter needs attention, at least 1. */
uint64_t mips_slice_limit(struct mips_cpu *cpu, uint64_t until_cycles)
{
    uint64_t now = mips_cycles(cpu);
    uint64_t end =
        cpu->timer_cycles < until_cycles ? cpu->timer_cycles : until_cycles;
    uint64_t limit = end > now ? end - now : 0;
    uint64_t perf = mips_perf_limit(cpu);

    return limit < perf ? limit : perf;
}

/* --- Performance counters (User's Manual 14.20) --- */

enum {
    PERF_EXL = 1,
    PERF_K = 2,
    PERF_S = 4,
    PERF_U = 8,
    PERF_IE = 16,
    PERF_EVENT_SHIFT = 5,
    PERF_WRITABLE = 0x1ff
};

/*
 * Events that a functional model has: 0 cycles, 1 and 15 instructions (issued
 * or graduated: nothing is issued in vain here).  The others count nothing.
 */
static bool counts_now(const struct mips_cpu *cpu, unsigned n)
{
    uint32_t control = cpu->perf_event[n];
    unsigned event = control >> PERF_EVENT_SHIFT & 15;
    unsigned ksu = (cpu->status & ST_KSU) >> 3;

    if (event != 0 && event != 1 && event != 15)
        return false;
    if (cpu->status & ST_ERL)
        return false;
    if (cpu->status & ST_EXL)
        return control & PERF_EXL;
    return control & (ksu == 0 ? PERF_K : ksu == 1 ? PERF_S : PERF_U);
}

/* Bring the counters up to now, under the mode that held since then. */
void mips_perf_bring(struct mips_cpu *cpu)
{
    uint64_t now = mips_insns(cpu), passed = now - cpu->perf_since;
    bool overflow = false;

    cpu->perf_since = now;
    for (unsigned n = 0; n < cpu->model->perf_counters; n++) {
        if (counts_now(cpu, n))
            cpu->perf_count[n] += (uint32_t)passed;
        if (cpu->perf_event[n] & PERF_IE && cpu->perf_count[n] >> 31)
            overflow = true;
    }
    if (overflow != cpu->perf_ip) {
        cpu->perf_ip = overflow;
        cpu->resync = true;
    }
}

uint64_t mips_perf_limit(const struct mips_cpu *cpu)
{
    uint64_t limit = UINT64_MAX;

    for (unsigned n = 0; n < cpu->model->perf_counters; n++) {
        uint64_t ahead;

        if (!(cpu->perf_event[n] & PERF_IE) || cpu->perf_count[n] >> 31 ||
            !counts_now(cpu, n))
            continue;
        ahead = 0x80000000u - cpu->perf_count[n];
        limit = ahead < limit ? ahead : limit;
    }
    return limit;
}

uint32_t mips_perf_read(struct mips_cpu *cpu, unsigned n, bool counter)
{
    if (n >= cpu->model->perf_counters)
        return 0;
    mips_perf_bring(cpu);
    return counter ? cpu->perf_count[n] : cpu->perf_event[n];
}

void mips_perf_write(struct mips_cpu *cpu, unsigned n, bool counter,
                     uint32_t value)
{
    if (n >= cpu->model->perf_counters)
        return;
    mips_perf_bring(cpu);
    if (counter)
        cpu->perf_count[n] = value;
    else
        cpu->perf_event[n] = value & PERF_WRITABLE;
    mips_perf_bring(cpu);
    cpu->resync = true;
}
