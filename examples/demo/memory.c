/*
 * memory.c - the second table of the demo: what the VMs believe to use against
 * what the machine uses, what they share, and how near it lies.
 */
#include "demo.h"

#include <inttypes.h>
#include <stdio.h>

enum { COLUMNS = DEMO_VMS + 2 };

static void row(const char *name, const uint64_t value[COLUMNS])
{
    uint32_t i;

    printf("%-24s", name);
    for (i = 0; i < COLUMNS; i++)
        printf(" %10" PRIu64, value[i]);
    putchar('\n');
}

static void kind_rows(const disco_footprint vm[DEMO_VMS],
                      const disco_footprint *all)
{
    static const char *const names[DISCO_KINDS] = {
        [DISCO_KIND_KERNEL_TEXT] = "kernel text",
        [DISCO_KIND_USER_TEXT] = "user text",
        [DISCO_KIND_BUFFER] = "disk blocks",
        [DISCO_KIND_DATA] = "data",
        [DISCO_KIND_MONITOR] = "monitor",
    };
    uint64_t sum[COLUMNS] = { 0 }, value[COLUMNS];
    uint32_t kind, i;

    for (kind = DISCO_KIND_DATA; kind < DISCO_KINDS; kind++) {
        for (i = 0; i < DEMO_VMS; i++)
            value[i] = vm[i].kind[kind].virtual_bytes >> 10;
        value[DEMO_VMS] = all->kind[kind].virtual_bytes >> 10;
        value[DEMO_VMS + 1] = all->kind[kind].machine_bytes >> 10;
        for (i = 0; i < COLUMNS; i++)
            sum[i] += value[i];
        row(names[kind], value);
    }
    row("all", sum);
}

static void sharing(disco_machine *machine, const struct guest *guests,
                    const disco_footprint *all)
{
    disco_move_stats moves = { .size = sizeof(moves) };
    disco_machine_stats total = { .size = sizeof(total) };
    disco_vm_stats s = { .size = sizeof(s) };
    uint64_t mapped = 0, broken = 0;
    uint32_t i;

    for (i = 0; i < DEMO_VMS; i++) {
        must(machine, disco_vm_stats_get(guests[i].vm, &s), "VM figures");
        mapped += s.mapped_in;
        broken += s.cow_breaks;
    }
    must(machine, disco_move_stats_get(machine, &moves), "move figures");
    must(machine, disco_machine_stats_get(machine, &total), "machine figures");
    printf("sharing: %" PRIu64 " KiB of the VMs' pages are shared, %" PRIu64
           " pages were mapped instead of\n"
           "         copied, %" PRIu64 " parted at a write\n",
           all->shared_bytes >> 10, mapped, broken);
    printf("moves:   %" PRIu64 " migrations, %" PRIu64 " replications, %" PRIu64
           " collapses, %" PRIu64 " shootdowns\n",
           moves.migrate.count, moves.replicate.count, moves.collapse.count,
           total.shootdowns);
}

static void placement(disco_machine *machine, const disco_footprint *all)
{
    uint32_t node;

    for (node = 0; node < DEMO_NODES; node++) {
        disco_node_stats s = { .size = sizeof(s) };
        uint64_t seen;

        must(machine, disco_node_stats_get(machine, node, &s), "node figures");
        seen = s.sampled_local + s.sampled_remote;
        printf("node %u:  %" PRIu64 " KiB used; of %" PRIu64
               " accesses sampled on its CPUs %.0f %% were local\n",
               node, all->node_bytes[node] >> 10, seen,
               seen ? 100.0 * (double)s.sampled_local / (double)seen : 0.0);
    }
}

void memory_print(disco_machine *machine, struct guest *guests)
{
    disco_footprint vm[DEMO_VMS], all = { .size = sizeof(all) };
    uint32_t i;

    printf("\n%-24s", "memory (KiB)");
    for (i = 0; i < DEMO_VMS; i++) {
        vm[i].size = sizeof(vm[i]);
        must(machine, disco_vm_footprint(guests[i].vm, &vm[i]), "footprint");
        printf(" %10s", disco_vm_name(guests[i].vm));
    }
    printf(" %10s %10s\n", "virtual", "machine");
    must(machine, disco_machine_footprint(machine, &all), "footprint");
    kind_rows(vm, &all);
    sharing(machine, guests, &all);
    placement(machine, &all);
}
