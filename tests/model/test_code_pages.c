/*
 * test_code_pages.c - pages of R10000 code under those who move them: two vCPUs
 * run the same code on two threads while others migrate, replicate and collapse
 * its pages, write code as devices do, and fork the VM, whose children change
 * the code for themselves.  What every single call returned is checked, in each
 * engine and with one vCPU in each.
 *
 * The guest calls through three pages: its loop, a jump, and a function that
 * returns the number of the phase.  The host writes the function of a phase,
 * then the phase's number, and waits until both have seen it often enough.
 *
 * usage: test_code_pages [--seed N] [--phases N]
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <disco/disco.h>

#include "../mips/mips_asm.h"
#include "base/compiler.h"
#include "mips/cpu.h"
#include "mips/mips.h"

enum {
    PAGE = 4096,
    NODES = 2,
    CPUS = 2, /* a node */
    VCPUS = 2,
    FIRST_CPU = 3, /* of the first vCPU alone */
    CHILD_CPU = 1,
    CALLS = 1500, /* a phase */
    LOOP = 1,
    JUMP_PAGE = 2,
    FUNCTION = 3,
    WORDS = 4, /* the phase; what each vCPU has done */
    PAGES = 5,
    CHILDS = 20000 /* what children's functions return, at least */
};

/* Places in pages.  The last jump's delay slot is on the next page. */
enum {
    DONE_AT = 0x100,
    PATCH_AT = 0x400,
    FUNCTION_AT = 0x7e8,
    JUMP_AT = PAGE - 16,
    EDGE_AT = PAGE - 4
};

/*
 * $16 the phase's word, $17 what this vCPU has done, $18 phase, $19 calls left,
 * $20 sum, $21 what is called, $22 calls a phase, $23 last phase, $24 function,
 * $25 another return, $9 result, $12 and $13 scratch.
 */
static const uint32_t loop[] = {
    RRI(DADDIU, 18, 18, 1),
    MEM(LD, 12, 0, 16),
    RRR(SLTU, 13, 12, 18),
    BRANCH(BNE, 13, 0, -3),
    MOVE(19, 22),
    RRR(JALR, 31, 21, 0),
    LI(9, -1),
    BRANCH(BNE, 9, 18, 9),
    RRI(ADDIU, 19, 19, -1),
    BRANCH(BNE, 19, 0, -5),
    RRR(DADDU, 20, 20, 9),
    MEM(SD, 18, 0, 17),
    BRANCH(BNE, 18, 23, -13),
    NOP_WORD,
    ASM(BREAK),
    NOP_WORD,
    NOP_WORD,
    LI(20, -1),
    ASM(BREAK),
};

/* Of a child: change the function, then one phase of it. */
static const uint32_t patch[] = {
    MEM(SW, 25, 5 * 4, 24),
    RRR(JALR, 31, 21, 0),
    LI(9, -1),
    BRANCH(BNE, 9, 18, 6),
    RRI(ADDIU, 19, 19, -1),
    BRANCH(BNE, 19, 0, -5),
    RRR(DADDU, 20, 20, 9),
    ASM(BREAK),
    NOP_WORD,
    NOP_WORD,
    LI(20, -1),
    ASM(BREAK),
};

static const uint32_t jump[] = {
    RRR(JR, 0, 24, 0),
    NOP_WORD,
    NOP_WORD,
    RRR(JR, 0, 24, 0),
};

/* A loop, so that there are regions, and the phase's number at the end. */
static void function(uint32_t out[6], uint32_t phase)
{
    out[0] = LI(12, 2);
    out[1] = RRI(ADDIU, 12, 12, -1);
    out[2] = BRANCH(BNE, 12, 0, -2);
    out[3] = NOP_WORD;
    out[4] = RRR(JR, 0, 31, 0);
    out[5] = LI(9, phase);
}

static uint64_t seed = 1;
static uint32_t phases = 24;

struct world {
    disco_machine *machine;
    disco_vm *vm;
    disco_vcpu *vcpu[VCPUS];
    uint32_t order;
    uint32_t over;   /* atomic */
    uint32_t bad;    /* atomic: a call of the mover failed */
    uint32_t stop;   /* atomic: vCPUs stay out */
    uint32_t inside; /* atomic: vCPUs in run */
    uint32_t children;
};

struct runner {
    struct world *w;
    uint32_t index;
    disco_status status;
    uint32_t reason;
};

static uint64_t rnd(uint64_t *state, uint64_t below)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (*state >> 11) % below;
}

/* --- Memory of the guest, as a device sees it --- */

static void put(const struct world *w, uint8_t *p, uint64_t value,
                uint32_t bytes)
{
    uint32_t i;

    for (i = 0; i < bytes; i++)
        p[w->order == DISCO_BIG ? bytes - 1 - i : i] =
            (uint8_t)(value >> 8 * i);
}

static void write_words(struct world *w, uint64_t gpa, const uint32_t *word,
                        uint32_t n)
{
    uint8_t data[32 * 4];
    uint32_t i;

    for (i = 0; i < n; i++)
        put(w, data + 4 * i, word[i], 4);
    if (disco_mem_write(w->vm, gpa, data, n * 4))
        store_seq(&w->bad, 1);
}

static void write_function(struct world *w, uint32_t phase)
{
    uint32_t word[6];

    function(word, phase);
    write_words(w, FUNCTION * PAGE + FUNCTION_AT, word, 6);
}

/* What does not change from phase to phase. */
static void write_loop(struct world *w)
{
    write_words(w, LOOP * PAGE, loop, sizeof(loop) / 4);
}

static void write_rest(struct world *w)
{
    write_words(w, LOOP * PAGE + PATCH_AT, patch, sizeof(patch) / 4);
    write_words(w, JUMP_PAGE * PAGE + JUMP_AT, jump, 4);
}

static uint64_t done_by(struct world *w, uint32_t vcpu)
{
    uint8_t data[8];
    uint64_t value = 0;
    uint32_t i;

    assert_int_equal(
        disco_mem_read(w->vm, WORDS * PAGE + DONE_AT + 8 * vcpu, data, 8), 0);
    for (i = 0; i < 8; i++)
        value |= (uint64_t)data[w->order == DISCO_BIG ? 7 - i : i] << 8 * i;
    return value;
}

/* --- vCPUs --- */

/* The two reach pages by different addresses. */
static uint64_t address(uint32_t index, uint64_t gpa)
{
    return (index ? UINT64_C(0x9800000000000000)
                  : UINT64_C(0xffffffff80000000)) +
           gpa;
}

static void set_regs(disco_vcpu *v, uint32_t index, uint64_t pc, uint64_t phase)
{
    const struct {
        uint64_t id, value;
    } reg[] = {
        { DISCO_REG_CP0(12), ST_CU0 | ST_KX | ST_SX | ST_UX },
        { DISCO_REG_GPR(16), address(index, WORDS * PAGE) },
        { DISCO_REG_GPR(17),
          address(index, WORDS * PAGE + DONE_AT + 8 * index) },
        { DISCO_REG_GPR(18), phase },
        { DISCO_REG_GPR(19), CALLS },
        { DISCO_REG_GPR(20), 0 },
        { DISCO_REG_GPR(21),
          address(index, JUMP_PAGE * PAGE + (index ? EDGE_AT : JUMP_AT)) },
        { DISCO_REG_GPR(22), CALLS },
        { DISCO_REG_GPR(23), phases },
        { DISCO_REG_GPR(24), address(index, FUNCTION * PAGE + FUNCTION_AT) },
        { DISCO_REG_GPR(25), LI(9, phase) },
        { DISCO_REG_PC, pc },
    };
    uint32_t i;

    for (i = 0; i < sizeof(reg) / sizeof(reg[0]); i++)
        assert_int_equal(disco_vcpu_set_regs(v, &reg[i].id, &reg[i].value, 1),
                         0);
}

static uint64_t sum_of(disco_vcpu *v)
{
    uint64_t id = DISCO_REG_GPR(20), value = 0;

    assert_int_equal(disco_vcpu_get_regs(v, &id, &value, 1), 0);
    return value;
}

static void go_in(struct world *w)
{
    for (;;) {
        add_seq(&w->inside, 1);
        if (!load_seq(&w->stop))
            return;
        sub_seq(&w->inside, 1);
        while (load_seq(&w->stop))
            sched_yield();
    }
}

/* The second one on either node in turn. */
static void *run(void *arg)
{
    disco_exit e = { .size = sizeof(e) };
    struct runner *r = arg;
    uint64_t random = seed + r->index;
    disco_run limit = { .size = sizeof(limit) };

    do {
        limit.max_insns = 1 + rnd(&random, 100000);
        go_in(r->w);
        r->status = disco_vcpu_run(
            r->w->vcpu[r->index],
            r->index ? CPUS * (uint32_t)rnd(&random, NODES) : FIRST_CPU, &limit,
            &e);
        sub_seq(&r->w->inside, 1);
    } while (!r->status &&
             (e.reason == DISCO_EXIT_BUDGET || e.reason == DISCO_EXIT_KICK));
    r->reason = e.reason;
    store_seq(&r->w->over, 1); /* it ends with the last phase, or too early */
    return NULL;
}

/* --- Who has the pages moved --- */

/* Nobody keeps code of it meanwhile. */
static void pin_one(struct world *w, uint64_t gpa)
{
    disco_pin pin = { .size = sizeof(pin) };

    if (disco_mem_pin(w->vm, gpa, PAGE, DISCO_READ | DISCO_WRITE, &pin)) {
        store_seq(&w->bad, 1);
        return;
    }
    sched_yield();
    if (disco_mem_unpin(w->vm, &pin))
        store_seq(&w->bad, 1);
}

static void move_one(struct world *w, uint64_t *random)
{
    uint64_t gpa = (1 + rnd(random, PAGES - 1)) * PAGE;
    uint32_t node = (uint32_t)rnd(random, NODES);
    disco_status status = 0;

    switch (rnd(random, 9)) {
    case 0:
    case 1:
        status = disco_page_migrate(w->vm, gpa, node);
        break;
    case 2:
    case 3:
    case 4:
        status = disco_page_replicate(w->vm, gpa, node);
        break;
    case 5:
        status = disco_page_collapse(w->vm, gpa);
        break;
    case 6:
        write_loop(w); /* what is there already */
        break;
    case 7:
        write_rest(w);
        break;
    default:
        pin_one(w, gpa);
        break;
    }
    if (status && status != DISCO_E_BUSY && status != DISCO_E_RANGE)
        store_seq(&w->bad, 1);
}

static void *move(void *arg)
{
    struct world *w = arg;
    uint64_t random = seed + 100;

    while (!load_seq(&w->over)) {
        move_one(w, &random);
        if (!rnd(&random, 4))
            sched_yield();
    }
    return NULL;
}

/* A child has a function of its own; its parent goes on with the other one. */
static void use_child(struct world *w, disco_vm *child, uint32_t phase)
{
    uint32_t index = phase % VCPUS, other = CHILDS + phase;
    disco_run limit = { .size = sizeof(limit), .max_insns = 100 * CALLS };
    disco_exit e = { .size = sizeof(e) };
    disco_vcpu *v = disco_vm_vcpu(child, index);

    set_regs(v, index, address(index, LOOP * PAGE + PATCH_AT), other);
    assert_int_equal(disco_vcpu_run(v, CHILD_CPU, &limit, &e), 0);
    assert_int_equal(e.reason, DISCO_EXIT_BREAK);
    assert_int_equal(sum_of(v), (uint64_t)other * CALLS);
    assert_int_equal(disco_vm_destroy(child), 0);
    w->children++;
}

static void fork_once(struct world *w, uint32_t phase)
{
    disco_status status;
    disco_vm *child;
    uint32_t i;

    store_seq(&w->stop, 1);
    while (load_seq(&w->inside)) {
        for (i = 0; i < VCPUS; i++)
            disco_vcpu_kick(w->vcpu[i]);
        sched_yield();
    }
    status = disco_vm_fork(w->vm, NULL, &child);
    store_seq(&w->stop, 0);
    assert_true(!status || status == DISCO_E_BUSY);
    if (!status)
        use_child(w, child, phase);
}

static void do_phase(struct world *w, uint32_t phase)
{
    uint8_t data[8];
    uint32_t i;

    write_function(w, phase);
    put(w, data, phase, 8);
    assert_int_equal(disco_mem_write(w->vm, WORDS * PAGE, data, 8), 0);
    if (phase % 3 == 0)
        fork_once(w, phase);
    for (i = 0; i < VCPUS; i++)
        while (done_by(w, i) < phase && !load_seq(&w->over))
            sched_yield();
}

/* --- All of it --- */

static void make(struct world *w, uint32_t order, const uint32_t engine[VCPUS])
{
    disco_machine_config m = { .size = sizeof(m),
                               .nodes = NODES,
                               .cpus_per_node = CPUS };
    disco_vm_config vm = { .size = sizeof(vm), .threads = VCPUS };
    disco_vcpu_config c = { .size = sizeof(c),
                            .order = order,
                            .mode = DISCO_MODE_DISCO,
                            .break_exit = 1 };
    const uint32_t no_phase = 0;
    uint32_t i;

    memset(w, 0, sizeof(*w));
    w->order = order;
    assert_int_equal(disco_machine_create(&m, &w->machine, NULL), 0);
    assert_int_equal(disco_vm_create(w->machine, &vm, &w->vm), 0);
    assert_int_equal(disco_vm_map_ram(w->vm, 0, PAGES * PAGE, NULL), 0);
    for (i = 0; i < VCPUS; i++) {
        c.engine = engine[i];
        assert_int_equal(disco_vcpu_create(w->vm, &c, &w->vcpu[i]), 0);
        assert_int_equal(disco_vcpu_start(w->vcpu[i], 0), 0);
        set_regs(w->vcpu[i], i, address(i, LOOP * PAGE), 0);
    }
    write_loop(w);
    write_rest(w);
    /* Pages that were never touched cannot be moved. */
    write_function(w, 0);
    write_words(w, WORDS * PAGE, &no_phase, 1);
}

static void play(uint32_t order, const uint32_t engine[VCPUS])
{
    pthread_t mover, thread[VCPUS];
    struct runner r[VCPUS];
    uint32_t i, phase;
    struct world w;

    make(&w, order, engine);
    for (i = 0; i < VCPUS; i++) {
        r[i] = (struct runner){ .w = &w, .index = i };
        pthread_create(&thread[i], NULL, run, &r[i]);
    }
    pthread_create(&mover, NULL, move, &w);
    for (phase = 1; phase <= phases; phase++)
        do_phase(&w, phase);
    store_seq(&w.over, 1);
    pthread_join(mover, NULL);
    for (i = 0; i < VCPUS; i++) {
        pthread_join(thread[i], NULL);
        assert_int_equal(r[i].status, 0);
        assert_int_equal(r[i].reason, DISCO_EXIT_BREAK);
        assert_int_equal(sum_of(w.vcpu[i]),
                         (uint64_t)CALLS * phases * (phases + 1) / 2);
    }
    assert_int_equal(w.bad, 0);
    assert_true(w.children > 0);
    assert_int_equal(disco_machine_verify(w.machine), 0);
    assert_int_equal(disco_vm_destroy(w.vm), 0);
    assert_int_equal(disco_machine_destroy(w.machine), 0);
}

static void play_with(uint32_t first, uint32_t second)
{
    uint32_t engine[VCPUS] = { first, second };

    if (!mips_has_jit() &&
        (first == DISCO_ENGINE_JIT || second == DISCO_ENGINE_JIT))
        skip();
    play(DISCO_BIG, engine);
    play(DISCO_LITTLE, engine);
}

static void test_interp(void **state)
{
    (void)state;
    play_with(DISCO_ENGINE_INTERP, DISCO_ENGINE_INTERP);
}

static void test_jit(void **state)
{
    (void)state;
    play_with(DISCO_ENGINE_JIT, DISCO_ENGINE_JIT);
}

static void test_both(void **state)
{
    (void)state;
    play_with(DISCO_ENGINE_JIT, DISCO_ENGINE_INTERP);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interp),
        cmocka_unit_test(test_jit),
        cmocka_unit_test(test_both),
    };
    int i;

    for (i = 1; i + 1 < argc; i += 2)
        if (!strcmp(argv[i], "--seed"))
            seed = strtoull(argv[i + 1], NULL, 0);
        else if (!strcmp(argv[i], "--phases"))
            phases = (uint32_t)strtoul(argv[i + 1], NULL, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
