/*
 * test_modelled.c - vCPUs under the ccNUMA model: time, ledgers and counts by
 * hand.  200 MHz: a local miss takes 60 cycles, a remote one 180, and 60 more
 * when another cache has the line alone.
 */
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "fixture.h"
#include "mips/mips_asm.h"

enum {
    CODE = 0x1000,
    DATA = 0x10000,
    LINES = 64,
    INSNS = 2 + LINES * 5,
    MISSES = LINES + 1 /* the code is one line */
};
#define KSEG0(pa) (UINT64_C(0xffffffff80000000) + (pa))

/* Load a word of each of LINES lines from DATA on. */
/* clang-format off */
static const uint32_t reader[] = {
    LUI_(8, 0x8001),
    LI(9, LINES),
    MEM(LW, 10, 0, 8),
    RRI(ADDIU, 9, 9, -1),
    RRI(ADDIU, 8, 8, 128),
    BRANCH(BNE, 9, 0, -4),
    RRR(ADDU, 11, 11, 10),
    13, /* break */
};
/* clang-format on */

struct machine {
    disco_machine *machine;
    disco_vm *vm;
    disco_vcpu *vcpu[2];
};

static void make(struct machine *m, const disco_model_config *model,
                 uint32_t mode)
{
    disco_machine_config config = { .size = sizeof(config),
                                    .nodes = 2,
                                    .flags = DISCO_MACHINE_DETERMINISTIC };
    disco_vcpu_config c = { .size = sizeof(c), .break_exit = 1, .mode = mode };
    uint32_t words[8], i;

    assert_int_equal(disco_machine_create(&config, &m->machine, NULL), 0);
    if (model)
        assert_int_equal(disco_machine_set_model(m->machine, model), 0);
    assert_int_equal(disco_vm_create(m->machine, NULL, &m->vm), 0);
    assert_int_equal(disco_vm_map_ram(m->vm, 0, 1 << 20, NULL), 0);
    for (i = 0; i < 8; i++)
        words[i] = load_be32(&reader[i]);
    assert_int_equal(disco_mem_write(m->vm, CODE, words, sizeof(words)), 0);
    for (i = 0; i < 2; i++) {
        assert_int_equal(disco_vcpu_create(m->vm, &c, &m->vcpu[i]), 0);
        assert_int_equal(disco_vcpu_start(m->vcpu[i], KSEG0(CODE)), 0);
    }
}

static void drop(struct machine *m)
{
    assert_int_equal(disco_machine_verify(m->machine), 0);
    assert_int_equal(disco_vm_destroy(m->vm), 0);
    assert_int_equal(disco_machine_destroy(m->machine), 0);
}

static void run(struct machine *m, uint32_t vcpu, uint32_t cpu, uint64_t step)
{
    uint64_t pc = DISCO_REG_PC, start = KSEG0(CODE);
    disco_run limits = { .size = sizeof(limits), .max_insns = step };
    disco_exit e = { .size = sizeof(e) };

    assert_int_equal(disco_vcpu_set_regs(m->vcpu[vcpu], &pc, &start, 1), 0);
    do
        assert_int_equal(disco_vcpu_run(m->vcpu[vcpu], cpu, &limits, &e), 0);
    while (e.reason == DISCO_EXIT_BUDGET);
    assert_int_equal(e.reason, DISCO_EXIT_BREAK);
}

static disco_model_cpu_stats figures(struct machine *m, uint32_t cpu)
{
    disco_model_cpu_stats s = { .size = sizeof(s) };
    uint64_t sum = 0;
    uint32_t i;

    assert_int_equal(disco_model_cpu_get(m->machine, cpu, &s), 0);
    for (i = 0; i < DISCO_LEDGER_ENTRIES; i++)
        sum += s.ledger[i];
    assert_int_equal(sum, s.cycles);
    return s;
}

static void test_by_hand(void **state)
{
    disco_model_config c = { .size = sizeof(c) };
    disco_model_cpu_stats s;
    struct machine m;

    (void)state;
    make(&m, &c, DISCO_MODE_EXACT);
    run(&m, 0, 0, 0);
    s = figures(&m, 0);
    assert_int_equal(s.miss_local, MISSES);
    assert_int_equal(s.miss_remote, 0);
    assert_int_equal(s.ledger[DISCO_LEDGER_KERNEL], INSNS);
    assert_int_equal(s.ledger[DISCO_LEDGER_STALL_LOCAL], 60 * MISSES);
    assert_int_equal(s.cycles, INSNS + 60 * MISSES);
    assert_int_equal(disco_vm_time_ns(m.vm), 5 * s.cycles);
    assert_int_equal(s.accesses, LINES + 1);

    /* The same on the other node; it was idle until now. */
    run(&m, 0, 1, 0);
    s = figures(&m, 1);
    assert_int_equal(s.ledger[DISCO_LEDGER_IDLE], INSNS + 60 * MISSES);
    assert_int_equal(s.miss_remote, MISSES);
    assert_int_equal(s.miss_dirty, MISSES);
    assert_int_equal(s.ledger[DISCO_LEDGER_STALL_REMOTE], 240 * MISSES);

    /* And back: all is in the first cache still. */
    run(&m, 0, 0, 0);
    s = figures(&m, 0);
    assert_int_equal(s.miss_local, MISSES);
    assert_int_equal(s.ledger[DISCO_LEDGER_KERNEL], 2 * INSNS);
    drop(&m);
}

/* However a run is cut, it takes the same cycles. */
static void test_slices_cost_nothing(void **state)
{
    disco_model_config c = { .size = sizeof(c), .cache_bytes = 4096 };
    uint64_t step, cycles = 0;
    struct machine m;

    (void)state;
    for (step = 0; step < 12; step++) {
        make(&m, &c, DISCO_MODE_EXACT);
        run(&m, 0, 0, step);
        run(&m, 0, 0, step);
        if (!cycles)
            cycles = figures(&m, 0).cycles;
        assert_int_equal(figures(&m, 0).cycles, cycles);
        drop(&m);
    }
}

/* Two vCPUs, each with its own CPU, then both on one. */
static void test_two_vcpus(void **state)
{
    disco_model_config c = { .size = sizeof(c) };
    struct machine m;

    (void)state;
    make(&m, &c, DISCO_MODE_EXACT);
    run(&m, 0, 0, 0);
    run(&m, 1, 1, 0); /* its time begins at 0: lines are asked for as then */
    assert_int_equal(figures(&m, 1).ledger[DISCO_LEDGER_IDLE], 0);
    assert_int_equal(figures(&m, 1).miss_remote, MISSES);
    run(&m, 1, 0, 0); /* CPU 0 has all of it; its time may be ahead or behind */
    assert_int_equal(figures(&m, 0).miss_local, MISSES);
    assert_int_equal(figures(&m, 0).ledger[DISCO_LEDGER_KERNEL], 2 * INSNS);
    drop(&m);
}

/* Devices write memory: the copy is gone. */
static void test_dma(void **state)
{
    disco_model_config c = { .size = sizeof(c) };
    uint32_t word = 7;
    struct machine m;

    (void)state;
    make(&m, &c, DISCO_MODE_EXACT);
    run(&m, 0, 0, 0);
    assert_int_equal(disco_mem_write(m.vm, DATA + 132, &word, 4), 0);
    assert_int_equal(disco_mem_read(m.vm, DATA + 132, &word, 4), 0);
    run(&m, 0, 0, 0);
    assert_int_equal(figures(&m, 0).invalidated, 1);
    assert_int_equal(figures(&m, 0).miss_local, MISSES + 1);
    drop(&m);
}

/* On and off while it runs; the guest's results are the same. */
static void test_switching(void **state)
{
    disco_model_config c = { .size = sizeof(c) }, now = { .size = sizeof(now) };
    disco_model_cpu_stats s = { .size = sizeof(s) };
    struct machine m;

    (void)state;
    make(&m, NULL, DISCO_MODE_EXACT);
    run(&m, 0, 0, 0);
    assert_int_equal(disco_vm_time_ns(m.vm), 5 * INSNS);
    assert_int_equal(disco_model_cpu_get(m.machine, 0, &s), DISCO_E_NOENT);
    assert_int_equal(disco_machine_get_model(m.machine, &now), DISCO_E_NOENT);
    assert_int_equal(disco_machine_set_model(m.machine, &c), 0);
    assert_int_equal(disco_machine_get_model(m.machine, &now), 0);
    assert_int_equal(now.remote_ns, 900);
    run(&m, 0, 0, 0);
    assert_int_equal(figures(&m, 0).miss_local, MISSES);
    assert_int_equal(figures(&m, 0).ledger[DISCO_LEDGER_IDLE], INSNS);
    assert_int_equal(disco_machine_set_model(m.machine, &c), 0);
    run(&m, 0, 0, 0); /* empty again */
    assert_int_equal(figures(&m, 0).miss_local, MISSES);
    assert_int_equal(disco_machine_set_model(m.machine, NULL), 0);
    run(&m, 0, 0, 0);
    assert_int_equal(disco_vm_time_ns(m.vm), 5 * (4 * INSNS + 120 * MISSES));
    drop(&m);
}

static void test_page_moves_cost(void **state)
{
    disco_model_config c = { .size = sizeof(c) };
    disco_model_cpu_stats s;
    struct machine m;

    (void)state;
    make(&m, &c, DISCO_MODE_EXACT);
    run(&m, 0, 0, 0);
    assert_int_equal(disco_page_migrate(m.vm, DATA, 1), 0);
    run(&m, 0, 0, 0);
    s = figures(&m, 0);
    assert_int_equal(s.ledger[DISCO_LEDGER_PAGE + DISCO_PAGE_MIGRATE],
                     67000 / 5);
    assert_int_equal(s.miss_remote, 32); /* lines of the page */
    drop(&m);
}

/* A page given in disco mode, and instructions that trap. */
static void test_monitor_costs(void **state)
{
    disco_model_config c = { .size = sizeof(c) };
    disco_model_cpu_stats s;
    struct machine m;

    (void)state;
    make(&m, &c, DISCO_MODE_DISCO);
    run(&m, 0, 0, 0);
    s = figures(&m, 0);
    assert_int_equal(s.ledger[DISCO_LEDGER_PAGE + DISCO_PAGE_ZERO],
                     2 * 10000 / 5);
    /* Two misses of the machine's TLB: a pair of code, one of data. */
    assert_int_equal(s.ledger[DISCO_LEDGER_TRAP + DISCO_TRAP_KERNEL_TLB],
                     2 * 9);
    drop(&m);
    c.flags = DISCO_MODEL_FREE_MONITOR;
    make(&m, &c, DISCO_MODE_DISCO);
    run(&m, 0, 0, 0);
    assert_int_equal(figures(&m, 0).cycles, INSNS + 60 * MISSES);
    drop(&m);
}

static uint64_t host_clock(void *opaque)
{
    (void)opaque;
    return 0;
}

static void test_refusals(void **state)
{
    disco_model_config c = { .size = sizeof(c) }, bad = c;
    disco_machine_config big = { .size = sizeof(big),
                                 .nodes = 5,
                                 .cpus_per_node = 13 };
    disco_machine_config timed = { .size = sizeof(timed),
                                   .now_ns = host_clock };
    disco_model_node_stats node = { .size = sizeof(node) };
    disco_model_cpu_stats s = { .size = sizeof(s) };
    disco_exit e = { .size = sizeof(e) };
    disco_machine *machine;
    struct fixture f;
    struct machine m;

    (void)state;
    bad.ways = 3;
    make(&m, &c, DISCO_MODE_EXACT);
    assert_int_equal(disco_machine_set_model(m.machine, &bad), DISCO_E_INVAL);
    assert_int_equal(disco_machine_set_model(NULL, &c), DISCO_E_INVAL);
    assert_int_equal(disco_model_cpu_get(m.machine, 2, &s), DISCO_E_INVAL);
    assert_int_equal(disco_model_node_get(m.machine, 2, &node), DISCO_E_INVAL);
    assert_int_equal(disco_model_node_get(m.machine, 1, &node), 0);
    drop(&m);
    assert_int_equal(disco_machine_create(&big, &machine, NULL), 0);
    assert_int_equal(disco_machine_set_model(machine, &c), DISCO_E_UNSUPPORTED);
    disco_machine_destroy(machine);
    assert_int_equal(disco_machine_create(&timed, &machine, NULL), 0);
    assert_int_equal(disco_machine_set_model(machine, &c), DISCO_E_UNSUPPORTED);
    disco_machine_destroy(machine);
    /* A backend that asks nobody. */
    fixture_make(&f, NULL, &(uint32_t){ TOY(TOY_BREAK, 0, 0, 0) }, 1);
    assert_int_equal(disco_machine_set_model(f.machine, &c), 0);
    assert_int_equal(disco_vcpu_run(f.vcpu[0], 0, NULL, &e),
                     DISCO_E_UNSUPPORTED);
    assert_int_equal(disco_machine_set_model(f.machine, NULL), 0);
    assert_int_equal(disco_vcpu_run(f.vcpu[0], 0, NULL, &e), 0);
    fixture_drop(&f);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(disco_ledger_name(DISCO_LEDGER_QUEUE), "queue");
    assert_string_equal(
        disco_ledger_name(DISCO_LEDGER_TRAP + DISCO_TRAP_TLB_WRITE),
        "trap_tlb_write");
    assert_string_equal(
        disco_ledger_name(DISCO_LEDGER_PAGE + DISCO_PAGE_REPLICATE),
        "page_replicate");
    assert_null(disco_ledger_name(8));
    assert_null(disco_ledger_name(DISCO_LEDGER_ENTRIES));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_slices_cost_nothing),
        cmocka_unit_test(test_two_vcpus),
        cmocka_unit_test(test_dma),
        cmocka_unit_test(test_switching),
        cmocka_unit_test(test_page_moves_cost),
        cmocka_unit_test(test_monitor_costs),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
