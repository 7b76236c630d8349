/*
 * sched_world.c - see sched_world.h.
 */
#include "sched_world.h"

#include <string.h>

static const uint32_t spin[] = { TOY(TOY_ADDI, 1, 1, 1),
                                 TOY(TOY_JMP, 0, 0, 0) };

void world_make(struct world *w, const struct world_config *config)
{
    disco_machine_config mc = { .size = sizeof(mc) };
    disco_sched_config sc = config->sched;

    memset(w, 0, sizeof(*w));
    mc.nodes = config->nodes;
    mc.cpus_per_node = config->cpus;
    mc.flags = config->flags;
    mc.node_bytes = 16 << 20;
    mc.wake = config->wake;
    mc.wake_opaque = config->wake_opaque;
    mc.now_ns = config->now_ns;
    assert_int_equal(disco_machine_create(&mc, &w->machine, NULL), 0);
    assert_int_equal(disco_machine_add_backend(w->machine, &toy_ops), 0);
    sc.size = sizeof(sc);
    if (!sc.quantum_insns)
        sc.quantum_insns = 100;
    assert_int_equal(disco_sched_create(w->machine, &sc, &w->sched), 0);
}

uint32_t world_add(struct world *w, uint32_t vcpus, const uint32_t *program,
                   uint32_t words)
{
    disco_vcpu_config vc = { .size = sizeof(vc), .backend = "toy" };
    uint32_t n = w->vms++, i;
    disco_vm *vm;

    assert_int_equal(disco_vm_create(w->machine, NULL, &vm), 0);
    assert_int_equal(disco_vm_map_ram(vm, 0, 1 << 20, NULL), 0);
    if (!program) {
        program = spin;
        words = 2;
    }
    assert_int_equal(disco_mem_write(vm, 0, program, words * 4), 0);
    w->vm[n] = vm;
    w->vcpus[n] = vcpus;
    for (i = 0; i < vcpus; i++) {
        assert_int_equal(disco_vcpu_create(vm, &vc, &w->vcpu[n][i]), 0);
        assert_int_equal(disco_vcpu_start(w->vcpu[n][i], 0), 0);
        assert_int_equal(disco_sched_add(w->sched, w->vcpu[n][i]), 0);
    }
    return n;
}

void world_drop(struct world *w)
{
    uint32_t i;

    disco_sched_destroy(w->sched);
    for (i = 0; i < w->vms; i++)
        assert_int_equal(disco_vm_destroy(w->vm[i]), 0);
    assert_int_equal(disco_machine_destroy(w->machine), 0);
}

void world_rounds(struct world *w, uint64_t rounds)
{
    disco_exit e = { .size = sizeof(e) };
    disco_vcpu *v;

    assert_int_equal(disco_sched_run(w->sched, rounds, &v, &e), 0);
    assert_null(v);
    assert_int_equal(e.reason, DISCO_EXIT_BUDGET);
}

disco_sched_vcpu_stats world_stats(struct world *w, uint32_t vm, uint32_t vcpu)
{
    disco_sched_vcpu_stats s = { .size = sizeof(s) };

    assert_int_equal(
        disco_sched_vcpu_stats_get(w->sched, w->vcpu[vm][vcpu], &s), 0);
    return s;
}

disco_sched_cpu_stats world_cpu(struct world *w, uint32_t cpu)
{
    disco_sched_cpu_stats s = { .size = sizeof(s) };

    assert_int_equal(disco_sched_cpu_stats_get(w->sched, cpu, &s), 0);
    return s;
}

uint64_t world_insns(struct world *w, uint32_t vm)
{
    uint64_t sum = 0;
    uint32_t i;

    for (i = 0; i < w->vcpus[vm]; i++)
        sum += world_stats(w, vm, i).run_insns;
    return sum;
}

void world_set_reg(struct world *w, uint32_t vm, uint32_t vcpu, uint32_t reg,
                   uint64_t value)
{
    uint64_t id = DISCO_REG_GPR(reg);

    assert_int_equal(disco_vcpu_set_regs(w->vcpu[vm][vcpu], &id, &value, 1), 0);
}
