/*
 * sched_stats.c - figures of the scheduler.  Exact when nothing runs.
 */
#include <string.h>

#include "base/config.h"
#include "core/sched.h"

static uint64_t ns_of(const struct disco_sched *s, uint64_t cycles)
{
    return scale_floor(cycles, NS_PER_S, s->machine->config.cpu_hz);
}

disco_status disco_sched_cpu_stats_get(disco_sched *sched, uint32_t cpu,
                                       disco_sched_cpu_stats *out)
{
    disco_sched_cpu_stats stats;
    const struct sched_cpu *c;

    if (!sched || !out)
        return DISCO_E_INVAL;
    if (cpu - sched->first_cpu >= sched->cpus)
        return context_fail(&sched->machine->ctx, DISCO_E_INVAL, cpu,
                            "scheduler: CPU %u is none of its %u", cpu,
                            sched->cpus);
    memset(&stats, 0, sizeof(stats));
    c = &sched->cpu[cpu - sched->first_cpu];
    sched_lock(sched);
    stats.queued = c->ready;
    stats.busy_ns = ns_of(sched, c->busy);
    stats.idle_ns = ns_of(sched, c->idle);
    stats.slices = c->slices;
    stats.switches = c->switches;
    stats.moved_near = c->moved_near;
    stats.moved_far = c->moved_far;
    sched_unlock(sched);
    return config_give(out, &stats, sizeof(stats));
}

disco_status disco_sched_vcpu_stats_get(disco_sched *sched, disco_vcpu *vcpu,
                                        disco_sched_vcpu_stats *out)
{
    disco_sched_vcpu_stats stats;
    const struct sched_entry *e;

    if (!sched || !vcpu || !out)
        return DISCO_E_INVAL;
    memset(&stats, 0, sizeof(stats));
    sched_lock(sched);
    e = sched_find(sched, vcpu);
    if (e) {
        stats.cpu = sched->first_cpu + e->cpu;
        stats.run_ns = ns_of(sched, e->cycles);
        stats.run_insns = e->stats[SCHED_COUNT_INSNS];
        stats.slices = e->stats[SCHED_COUNT_SLICES];
        stats.idles = e->stats[SCHED_COUNT_IDLES];
        stats.wakes = e->stats[SCHED_COUNT_WAKES];
        stats.waited = e->stats[SCHED_COUNT_WAITED];
        stats.moved_near = e->stats[SCHED_COUNT_NEAR];
        stats.moved_far = e->stats[SCHED_COUNT_FAR];
    }
    sched_unlock(sched);
    if (!e)
        return context_fail(&sched->machine->ctx, DISCO_E_NOENT, 0,
                            "scheduler: it has no such vCPU");
    return config_give(out, &stats, sizeof(stats));
}
