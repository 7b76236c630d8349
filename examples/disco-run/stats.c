/*
 * stats.c - write the figures of a run as JSON.
 *
 * Reads the public statistics of machine, nodes, VMs and vCPUs; nothing runs
 * any more.  All names of exits and traps come from the library's lists.
 */
#include "model.h"
#include "placement.h"
#include "runner.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Names of exceptions by ExcCode; NULL = number only. */
static const char *const exception_names[32] = {
    "Int", "Mod", "TLBL", "TLBS", "AdEL", "AdES", "IBE", "DBE",
    "Sys", "Bp",  "RI",   "CpU",  "Ov",   "Tr",   NULL,  "FPE",
    NULL,  NULL,  NULL,   NULL,   NULL,   NULL,   NULL,  "Watch",
};

/* What every level adds up to. */
struct totals {
    uint64_t insns;
    double seconds;
};

const char *end_name(enum end_reason end)
{
    static const char *const names[] = {
        "running", "shutdown", "max-insns", "timeout",
        "stuck",   "failed",   "quit",      "signal",
    };

    return names[end];
}

/* A JSON string. */
static void put_text(FILE *f, const char *text)
{
    fputc('"', f);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\')
            fprintf(f, "\\%c", c);
        else if (c < 0x20)
            fprintf(f, "\\u%04x", c);
        else
            fputc(c, f);
    }
    fputc('"', f);
}

static void put_u64(FILE *f, const char *name, uint64_t value)
{
    fprintf(f, "\"%s\": %" PRIu64 ", ", name, value);
}

static void put_exits(FILE *f, const disco_vcpu_stats *s)
{
    const char *comma = "";

    fputs("\"exits\": {", f);
#define PUT_EXIT(name, value)                                        \
    fprintf(f, "%s\"%s\": %" PRIu64, comma, #name, s->exits[value]); \
    comma = ", ";
    DISCO_EXIT_LIST(PUT_EXIT)
#undef PUT_EXIT
    fputs("}, ", f);
}

static void put_exceptions(FILE *f, const disco_vcpu_stats *s)
{
    const char *comma = "";

    fputs("\"exceptions\": {", f);
    for (uint32_t i = 0; i < 32; i++) {
        if (exception_names[i])
            fprintf(f, "%s\"%s\": %" PRIu64, comma, exception_names[i],
                    s->exceptions[i]);
        else if (s->exceptions[i])
            fprintf(f, "%s\"%u\": %" PRIu64, comma, i, s->exceptions[i]);
        else
            continue;
        comma = ", ";
    }
    fputs("}, ", f);
}

static void put_traps(FILE *f, const disco_vcpu_stats *s)
{
    const char *comma = "";

    fputs("\"traps\": {", f);
#define PUT_TRAP(name, value, text)                                 \
    fprintf(f, "%s\"%s\": %" PRIu64, comma, text, s->traps[value]); \
    comma = ", ";
    DISCO_TRAP_LIST(PUT_TRAP)
#undef PUT_TRAP
    fputs("}", f);
}

static void put_vcpu(FILE *f, disco_sched *sched, disco_vcpu *vcpu,
                     struct totals *totals)
{
    disco_sched_vcpu_stats sch = { .size = sizeof(sch) };
    disco_vcpu_stats s = { .size = sizeof(s) };

    disco_vcpu_stats_get(vcpu, &s);
    totals->insns += s.insns;
    fputs("{", f);
    put_u64(f, "insns", s.insns);
    put_u64(f, "user_insns", s.user_insns);
    put_u64(f, "cpu", s.cpu);
    put_u64(f, "tlb_refills", s.tlb_refills);
    put_u64(f, "l2tlb_hits", s.l2tlb_hits);
    put_u64(f, "interrupts", s.interrupts);
    put_u64(f, "mmio_reads", s.mmio_reads);
    put_u64(f, "mmio_writes", s.mmio_writes);
    put_u64(f, "moncalls", s.moncalls);
    put_u64(f, "idles", s.idles);
    disco_sched_vcpu_stats_get(sched, vcpu, &sch);
    put_u64(f, "run_ns", sch.run_ns);
    put_u64(f, "slices", sch.slices);
    put_u64(f, "waited_slices", sch.waited);
    put_u64(f, "moved_near", sch.moved_near);
    put_u64(f, "moved_far", sch.moved_far);
    put_exits(f, &s);
    put_exceptions(f, &s);
    put_traps(f, &s);
    fputs("}", f);
}

static void put_vm(FILE *f, const struct runner *runner,
                   const struct guest *guest, struct totals *totals)
{
    disco_footprint p = { .size = sizeof(p) };
    disco_vm_stats s = { .size = sizeof(s) };
    uint32_t count = disco_vm_vcpu_count(guest->vm);

    disco_vm_stats_get(guest->vm, &s);
    fputs("    {\"name\": ", f);
    put_text(f, disco_vm_name(guest->vm));
    fprintf(f, ", \"end\": \"%s\", ", end_name(guest->end));
    put_u64(f, "status", guest->status);
    put_u64(f, "resets", guest->resets);
    put_u64(f, "time_ns", disco_vm_time_ns(guest->vm));
    put_u64(f, "ram_bytes", s.ram_bytes);
    put_u64(f, "frames", s.frames);
    put_u64(f, "demand_zero", s.demand_zero);
    put_u64(f, "released", s.released);
    put_u64(f, "migrated", s.migrated);
    put_u64(f, "cow_breaks", s.cow_breaks);
    put_u64(f, "cow_upgrades", s.cow_upgrades);
    put_u64(f, "mapped_in", s.mapped_in);
    put_u64(f, "zeroed", s.zeroed);
    put_u64(f, "remapped", s.remapped);
    put_u64(f, "joined", s.joined);
    put_u64(f, "dma_read_bytes", s.dma_read_bytes);
    put_u64(f, "dma_write_bytes", s.dma_write_bytes);
    put_u64(f, "host_calls", s.host_calls);
    fputs("\"node_frames\": [", f);
    for (uint32_t i = 0; i < runner->options->nodes; i++) {
        uint64_t frames = 0;

        disco_vm_node_frames(guest->vm, i, &frames);
        fprintf(f, "%s%" PRIu64, i ? ", " : "", frames);
    }
    fputs("],\n     ", f);
    disco_vm_footprint(guest->vm, &p);
    footprint_write(f, &p);
    fputs(", ", f);
    net_stats_write(f, guest);
    fputs("\"vcpus\": [\n", f);
    for (uint32_t i = 0; i < count; i++) {
        fputs("      ", f);
        put_vcpu(f, runner->sched, disco_vm_vcpu(guest->vm, i), totals);
        fputs(i + 1 < count ? ",\n" : "\n", f);
    }
    fputs("     ]}", f);
}

static void put_node(FILE *f, disco_machine *machine, uint32_t node)
{
    disco_node_stats s = { .size = sizeof(s) };

    disco_node_stats_get(machine, node, &s);
    fputs("    {", f);
    put_u64(f, "cpus", s.cpus);
    put_u64(f, "frames_total", s.frames_total);
    put_u64(f, "frames_used", s.frames_used);
    put_u64(f, "alloc_local", s.alloc_local);
    put_u64(f, "alloc_remote", s.alloc_remote);
    put_u64(f, "sampled_local", s.sampled_local);
    fprintf(f, "\"sampled_remote\": %" PRIu64 "}", s.sampled_remote);
}

static void put_cpu(FILE *f, disco_sched *sched, uint32_t cpu)
{
    disco_sched_cpu_stats s = { .size = sizeof(s) };

    disco_sched_cpu_stats_get(sched, cpu, &s);
    fputs("    {", f);
    put_u64(f, "busy_ns", s.busy_ns);
    put_u64(f, "idle_ns", s.idle_ns);
    put_u64(f, "slices", s.slices);
    put_u64(f, "switches", s.switches);
    put_u64(f, "moved_near", s.moved_near);
    fprintf(f, "\"moved_far\": %" PRIu64 "}", s.moved_far);
}

static void put_machine(FILE *f, disco_machine *machine)
{
    disco_machine_stats s = { .size = sizeof(s) };

    disco_machine_stats_get(machine, &s);
    fputs("  ", f);
    put_u64(f, "frames_total", s.frames_total);
    put_u64(f, "frames_used", s.frames_used);
    put_u64(f, "shootdowns", s.shootdowns);
    put_u64(f, "shootdown_waits", s.shootdown_waits);
    put_u64(f, "shootdown_ns", s.shootdown_ns);
    put_u64(f, "host_bytes", s.host_bytes);
    fputs("\n", f);
}

static void put_cache(FILE *f, disco_machine *machine)
{
    disco_cache_stats s = { .size = sizeof(s) };

    disco_cache_stats_get(machine, &s);
    fputs("  \"cache\": {", f);
    put_u64(f, "limit_blocks", s.limit_blocks);
    put_u64(f, "blocks", s.blocks);
    put_u64(f, "hits", s.hits);
    put_u64(f, "misses", s.misses);
    put_u64(f, "waits", s.waits);
    put_u64(f, "evictions", s.evictions);
    put_u64(f, "read_blocks", s.read_blocks);
    put_u64(f, "private_blocks", s.private_blocks);
    put_u64(f, "mapped_bytes", s.mapped_bytes);
    put_u64(f, "copied_unaligned_bytes", s.copied_unaligned_bytes);
    put_u64(f, "copied_short_bytes", s.copied_short_bytes);
    fprintf(f, "\"copied_refused_bytes\": %" PRIu64 "},\n",
            s.copied_refused_bytes);
}

/* What runs the guests' instructions: the same for all. */
static int is_jit(const struct runner *runner)
{
    disco_vcpu *vcpu = disco_vm_vcpu(runner->guest[0].vm, 0);

    return disco_vcpu_engine(vcpu) == DISCO_ENGINE_JIT;
}

static void put_all(FILE *f, struct runner *runner, int exit_status)
{
    const struct options *o = runner->options;
    struct totals totals = { .insns = 0 };

    totals.seconds = (double)(runner->end_ns - runner->start_ns) / 1e9;
    fputs("{\n  \"kernel\": ", f);
    put_text(f, o->kernel);
    fprintf(f, ",\n  \"engine\": \"%s\", \"mode\": \"%s\", \"threads\": %u,\n",
            is_jit(runner) ? "jit" : "interp",
            o->mode == DISCO_MODE_DISCO ? "disco" : "exact", runner->threads);
    fprintf(f, "  \"deterministic\": %s, \"seed\": %" PRIu64 ",\n",
            o->is_deterministic ? "true" : "false", o->seed);
    fprintf(f, "  \"exit_status\": %d, \"end\": \"%s\",\n", exit_status,
            end_name(runner_end(runner)));
    put_machine(f, runner->machine);
    put_cache(f, runner->machine);
    memory_stats_write(f, runner->machine);
    if (is_jit(runner))
        code_stats_write(f, runner->machine);
    placement_put(f, runner);
    fputs("  \"nodes\": [\n", f);
    for (uint32_t i = 0; i < o->nodes; i++) {
        put_node(f, runner->machine, i);
        fputs(i + 1 < o->nodes ? ",\n" : "\n", f);
    }
    fputs("  ],\n  \"cpus\": [\n", f);
    for (uint32_t i = 0; i < runner->cpus; i++) {
        put_cpu(f, runner->sched, i);
        fputs(i + 1 < runner->cpus ? ",\n" : "\n", f);
    }
    fputs("  ],\n", f);
    if (o->wants_model)
        model_stats(f, runner->machine, runner->cpus, o->nodes);
    fputs("  \"vms\": [\n", f);
    for (uint32_t i = 0; i < o->vms; i++) {
        put_vm(f, runner, &runner->guest[i], &totals);
        fputs(i + 1 < o->vms ? ",\n" : "\n", f);
    }
    fprintf(f, "  ],\n  \"insns\": %" PRIu64 ", \"wall_seconds\": %.6f,\n",
            totals.insns, totals.seconds);
    fprintf(f, "  \"insns_per_second\": %.1f\n}\n",
            totals.seconds > 0 ? (double)totals.insns / totals.seconds : 0.0);
}

int stats_write(struct runner *runner, const char *path, int exit_status)
{
    FILE *f = fopen(path, "w");
    int bad;

    if (!f)
        return runner_fail(runner, "--stats %s: %s", path, strerror(errno));
    put_all(f, runner, exit_status);
    bad = ferror(f);
    if (fclose(f) || bad)
        return runner_fail(runner, "--stats %s: cannot be written", path);
    return 0;
}
