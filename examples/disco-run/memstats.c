/*
 * memstats.c - figures of memory as JSON: footprints by kind, sharing, moves.
 */
#include "runner.h"

#include <inttypes.h>
#include <stdio.h>

static const char *const kind_names[DISCO_KINDS] = {
    [DISCO_KIND_DATA] = "data",
    [DISCO_KIND_KERNEL_TEXT] = "kernel_text",
    [DISCO_KIND_USER_TEXT] = "user_text",
    [DISCO_KIND_BUFFER] = "buffer",
    [DISCO_KIND_MONITOR] = "monitor",
};

static void put_kinds(FILE *f, const disco_footprint *p)
{
    uint64_t virtual_bytes = 0, machine_bytes = 0;
    uint32_t kind;

    for (kind = DISCO_KIND_DATA; kind < DISCO_KINDS; kind++) {
        virtual_bytes += p->kind[kind].virtual_bytes;
        machine_bytes += p->kind[kind].machine_bytes;
    }
    fprintf(f,
            "\"virtual_bytes\": %" PRIu64 ", \"machine_bytes\": %" PRIu64
            ", \"kinds\": {",
            virtual_bytes, machine_bytes);
    for (kind = DISCO_KIND_DATA; kind < DISCO_KINDS; kind++)
        fprintf(
            f, "%s\"%s\": {\"virtual\": %" PRIu64 ", \"machine\": %" PRIu64 "}",
            kind == DISCO_KIND_DATA ? "" : ", ", kind_names[kind],
            p->kind[kind].virtual_bytes, p->kind[kind].machine_bytes);
    fputs("}", f);
}

void footprint_write(FILE *f, const disco_footprint *p)
{
    uint32_t i;

    fputs("\"footprint\": {", f);
    put_kinds(f, p);
    fprintf(f,
            ", \"shared_bytes\": %" PRIu64 ", \"unshared_bytes\": %" PRIu64
            ", \"replica_bytes\": %" PRIu64 ", \"cached_bytes\": %" PRIu64
            ", \"node_bytes\": [",
            p->shared_bytes, p->unshared_bytes, p->replica_bytes,
            p->cached_bytes);
    for (i = 0; i < p->nodes; i++)
        fprintf(f, "%s%" PRIu64, i ? ", " : "", p->node_bytes[i]);
    fprintf(f, "], \"engine_bytes\": %" PRIu64 "}", p->engine_bytes);
}

static void put_cost(FILE *f, const char *name, const disco_move_cost *c)
{
    fprintf(f,
            "\"%s\": {\"count\": %" PRIu64 ", \"shootdown_ns\": %" PRIu64
            ", \"copy_ns\": %" PRIu64 ", \"total_ns\": %" PRIu64 "}, ",
            name, c->count, c->shootdown_ns, c->copy_ns, c->total_ns);
}

void memory_stats_write(FILE *f, disco_machine *machine)
{
    disco_footprint p = { .size = sizeof(p) };
    disco_move_stats m = { .size = sizeof(m) };

    disco_machine_footprint(machine, &p);
    disco_move_stats_get(machine, &m);
    fputs("  ", f);
    footprint_write(f, &p);
    fputs(",\n  \"moves\": {", f);
    put_cost(f, "migrate", &m.migrate);
    put_cost(f, "replicate", &m.replicate);
    put_cost(f, "collapse", &m.collapse);
    put_cost(f, "cow", &m.cow);
    fprintf(f, "\"replicas\": %" PRIu64 "},\n", m.replicas);
}
