/*
 * summary.c - the table that the demo ends with: per VM what its vCPUs did,
 * why they came back to the host, and where its memory lies.
 */
#include "demo.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void add_stats(disco_vcpu_stats *sum, const disco_vcpu_stats *one)
{
    sum->insns += one->insns;
    sum->tlb_refills += one->tlb_refills;
    sum->l2tlb_hits += one->l2tlb_hits;
    sum->interrupts += one->interrupts;
    for (uint32_t i = 0; i < 16; i++)
        sum->exits[i] += one->exits[i];
}

static void vm_stats(const struct guest *guest, disco_vcpu_stats *sum)
{
    memset(sum, 0, sizeof(*sum));
    for (uint32_t i = 0; i < disco_vm_vcpu_count(guest->vm); i++) {
        disco_vcpu_stats one = { .size = sizeof(one) };

        must(guest->machine,
             disco_vcpu_stats_get(disco_vm_vcpu(guest->vm, i), &one),
             "vCPU figures");
        add_stats(sum, &one);
    }
}

static void row(const char *name, const uint64_t value[DEMO_VMS])
{
    printf("%-24s", name);
    for (uint32_t i = 0; i < DEMO_VMS; i++)
        printf(" %16" PRIu64, value[i]);
    putchar('\n');
}

/* Exits by reason; reasons that never came are left out. */
static void exit_rows(const disco_vcpu_stats sum[DEMO_VMS])
{
    static const struct {
        uint32_t reason;
        const char *name;
    } reasons[] = {
#define REASON(name, value) { value, "exits " #name },
        DISCO_EXIT_LIST(REASON)
#undef REASON
    };

    for (size_t r = 0; r < sizeof(reasons) / sizeof(reasons[0]); r++) {
        uint64_t value[DEMO_VMS], total = 0;

        for (uint32_t i = 0; i < DEMO_VMS; i++) {
            value[i] = sum[i].exits[reasons[r].reason];
            total += value[i];
        }
        if (total)
            row(reasons[r].name, value);
    }
}

static void node_rows(const struct guest *guests)
{
    for (uint32_t node = 0; node < DEMO_NODES; node++) {
        uint64_t value[DEMO_VMS];
        char name[32];

        for (uint32_t i = 0; i < DEMO_VMS; i++) {
            must(guests[i].machine,
                 disco_vm_node_frames(guests[i].vm, node, &value[i]),
                 "frames of a node");
        }
        snprintf(name, sizeof(name), "frames on node %u", node);
        row(name, value);
    }
}

void summary_print(disco_machine *machine, struct guest *guests)
{
    disco_machine_stats total = { .size = sizeof(total) };
    disco_vcpu_stats sum[DEMO_VMS];
    uint64_t value[DEMO_VMS];

    for (uint32_t i = 0; i < DEMO_VMS; i++)
        vm_stats(&guests[i], &sum[i]);

    printf("\n%-24s", "");
    for (uint32_t i = 0; i < DEMO_VMS; i++)
        printf(" %16s", disco_vm_name(guests[i].vm));
    putchar('\n');
#define ROW(text, expr)                     \
    for (uint32_t i = 0; i < DEMO_VMS; i++) \
        value[i] = (expr);                  \
    row(text, value)
    ROW("status", guests[i].status);
    ROW("vCPUs", disco_vm_vcpu_count(guests[i].vm));
    ROW("guest time (ms)", disco_vm_time_ns(guests[i].vm) / 1000000);
    ROW("instructions", sum[i].insns);
    ROW("interrupts", sum[i].interrupts);
    ROW("TLB refills, guest", sum[i].tlb_refills);
    ROW("TLB misses, L2TLB", sum[i].l2tlb_hits);
#undef ROW
    exit_rows(sum);
    node_rows(guests);

    must(machine, disco_machine_stats_get(machine, &total), "machine figures");
    printf("machine: %u nodes, %u CPUs, %" PRIu64 " of %" PRIu64
           " frames used\n",
           total.nodes, total.cpus, total.frames_used, total.frames_total);
}
