/*
 * test_random.c - random sequences of everything that maps, moves, copies or
 * shares pages, over several VMs and vCPUs of three kinds, on one thread,
 * against a flat memory for each VM kept here.
 *
 * usage: test_random [--seed N] [--runs N] [--steps N] [--verify N]
 *
 * A run is repeated with its seed, which is printed when something is wrong.
 * Some runs are short of frames, in some the host's allocator fails now and
 * then: whoever asked is told, and no content changes anywhere.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <disco/disco.h>

#include "fake_alloc.h"
#include "model_cpu.h"
#include "toy.h"

enum {
    PAGE = 4096,
    NODES = 3,
    CPUS = 2,   /* a node */
    PAGES = 24, /* page 0: programs */
    EXTRA = 2,  /* ... and these of a region that comes and goes */
    ALL = PAGES + EXTRA,
    EXTRA_AT = 0x400000,
    VMS = 4,
    VCPUS = 2,
    HELD = 8,
    PINS = 4,
    SNIPPET_AT = PAGE - SNIPPET_BYTES,
    FAILS = 24 /* one of the next so many allocations */
};

struct model_pin {
    disco_pin pin;
    uint32_t page;
};

struct model_vm {
    disco_vm *vm; /* NULL: none */
    uint32_t kind;
    uint32_t has_extra;
    disco_region *extra; /* NULL: none, or the parent's copy */
    uint32_t pins;
    struct model_pin pin[PINS];
    uint8_t mem[ALL][PAGE];
};

struct model_held {
    disco_page page; /* name 0: none */
    uint8_t mem[PAGE];
};

struct model {
    disco_machine *machine;
    struct fake_alloc fake;
    disco_allocator allocator;
    struct model_vm vm[VMS];
    struct model_held held[HELD];
    uint64_t random;
    uint32_t may_fail; /* NOMEM is an answer */
    uint32_t injects;  /* the allocator fails now and then */
};

/* What to say when something is wrong. */
static struct {
    uint64_t seed;
    uint32_t step;
    const char *op;
} now;

static uint64_t first_seed = 1;
static uint32_t runs = 40, steps = 20000, verify_every = 64;

#define CHECK(condition)                                                       \
    do {                                                                       \
        if (!(condition))                                                      \
            fail_msg("--seed %llu, step %u, %s: line %d: %s",                  \
                     (unsigned long long)now.seed, now.step, now.op, __LINE__, \
                     #condition);                                              \
    } while (0)

static uint64_t rnd(struct model *m, uint64_t below)
{
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return (m->random >> 11) % below;
}

static uint64_t gpa_of(uint32_t page)
{
    if (page < PAGES)
        return (uint64_t)page * PAGE;
    return EXTRA_AT + (uint64_t)(page - PAGES) * PAGE;
}

static struct model_vm *some_vm(struct model *m)
{
    uint32_t i;

    do
        i = (uint32_t)rnd(m, VMS);
    while (!m->vm[i].vm);
    return &m->vm[i];
}

/* A page but the first one, often one of a few. */
static uint32_t some_page(struct model *m, const struct model_vm *vm)
{
    if (rnd(m, 2))
        return 1 + (uint32_t)rnd(m, 5);
    return 1 + (uint32_t)rnd(m, (vm->has_extra ? ALL : PAGES) - 1);
}

static struct model_held *some_held(struct model *m)
{
    uint32_t i, at = (uint32_t)rnd(m, HELD);

    for (i = 0; i < HELD; i++)
        if (m->held[(at + i) % HELD].page.name)
            return &m->held[(at + i) % HELD];
    return NULL;
}

static struct model_held *free_held(struct model *m)
{
    uint32_t i;

    for (i = 0; i < HELD; i++)
        if (!m->held[i].page.name)
            return &m->held[i];
    return NULL;
}

static int is_pinned(const struct model_vm *vm, uint32_t page)
{
    uint32_t i;

    for (i = 0; i < vm->pins; i++)
        if (vm->pin[i].page == page)
            return 1;
    return 0;
}

static int is_zero(const uint8_t *page)
{
    return !page[0] && !memcmp(page, page + 1, PAGE - 1);
}

/* Worked?  No memory is the only reason not to. */
static int ok(struct model *m, disco_status status)
{
    if (status)
        CHECK(status == DISCO_E_NOMEM && m->may_fail);
    return !status;
}

/* --- vCPUs --- */

/* 1: the program ran to its end.  Else it did nothing, for lack of memory. */
static int run(struct model *m, struct model_vm *vm, enum model_program program,
               uint64_t addr, uint64_t *value, uint64_t extra)
{
    disco_vcpu *v = disco_vm_vcpu(vm->vm, (uint32_t)rnd(m, VCPUS));
    disco_run limit = { .size = sizeof(limit), .max_insns = 100000 };
    uint32_t cpu = (uint32_t)rnd(m, NODES * CPUS);
    disco_exit e = { .size = sizeof(e) };

    model_start(v, vm->kind, program, addr, *value, extra);
    CHECK(!disco_vcpu_run(v, cpu, &limit, &e));
    if (e.reason == DISCO_EXIT_NO_MEMORY) {
        CHECK(m->may_fail);
        m->fake.fail_at = 0;
        CHECK(!disco_vcpu_run(v, cpu, &limit, &e));
    }
    if (e.reason == DISCO_EXIT_NO_MEMORY) {
        CHECK(!m->injects);
        return 0;
    }
    if (e.reason != DISCO_EXIT_BREAK)
        fail_msg("--seed %llu, step %u, %s: kind %u leaves with %u at 0x%llx",
                 (unsigned long long)now.seed, now.step, now.op, vm->kind,
                 e.reason, (unsigned long long)e.pc);
    *value = model_value(v, vm->kind);
    return 1;
}

static void op_store(struct model *m)
{
    struct model_vm *vm = some_vm(m);
    uint32_t page = some_page(m, vm), at = (uint32_t)rnd(m, PAGE / 8) * 8;
    uint64_t value = rnd(m, UINT64_MAX), given = value;

    if (run(m, vm, RUN_STORE, gpa_of(page) + at, &given, 0))
        model_put64(vm->kind, &vm->mem[page][at], value);
}

static void op_load(struct model *m)
{
    struct model_vm *vm = some_vm(m);
    uint32_t page = some_page(m, vm), at = (uint32_t)rnd(m, PAGE / 8) * 8;
    uint64_t value = 0;

    if (run(m, vm, RUN_LOAD, gpa_of(page) + at, &value, 0))
        CHECK(value == model_get64(vm->kind, &vm->mem[page][at]));
}

/* Every vCPU, wherever it runs, sees the same: also after the next store. */
static void op_look(struct model *m)
{
    struct model_vm *vm = some_vm(m);
    uint32_t page = some_page(m, vm), at = (uint32_t)rnd(m, PAGE / 8) * 8, i;
    uint64_t value = rnd(m, UINT64_MAX), given;

    for (i = 0; i < 12; i++) {
        given = value;
        if (i == 6 && run(m, vm, RUN_STORE, gpa_of(page) + at, &given, 0))
            model_put64(vm->kind, &vm->mem[page][at], value);
        if (run(m, vm, RUN_LOAD, gpa_of(page) + at, &given, 0))
            CHECK(given == model_get64(vm->kind, &vm->mem[page][at]));
    }
}

static void op_count(struct model *m)
{
    struct model_vm *vm = some_vm(m);
    uint32_t page = some_page(m, vm), at = (uint32_t)rnd(m, PAGE / 8) * 8;
    uint64_t times = 1 + rnd(m, 3), extra = rnd(m, UINT64_MAX), given = times;

    if (run(m, vm, RUN_COUNT, gpa_of(page) + at, &given, extra))
        model_put64(vm->kind, &vm->mem[page][at],
                    model_get64(vm->kind, &vm->mem[page][at]) + times * extra);
}

/* The two ways in which a guest gives a page's content up. */
static void op_clear(struct model *m)
{
    enum model_program program = rnd(m, 2) ? RUN_RELEASE : RUN_ZERO;
    struct model_vm *vm = some_vm(m);
    uint32_t page = some_page(m, vm);
    uint64_t result = 0;

    if (!run(m, vm, program, gpa_of(page), &result, 0))
        return;
    CHECK(!result || m->may_fail);
    if (!result)
        memset(vm->mem[page], 0, PAGE);
}

/* A snippet, from the vCPU or from a device. */
static void op_code(struct model *m)
{
    struct model_vm *vm = some_vm(m);
    uint32_t page = some_page(m, vm);
    uint8_t bytes[SNIPPET_BYTES];
    uint64_t value;
    int done;

    model_snippet(vm->kind, bytes, (uint32_t)rnd(m, 64));
    value = model_get64(vm->kind, bytes);
    if (rnd(m, 2))
        done = run(m, vm, RUN_STORE, gpa_of(page) + SNIPPET_AT, &value, 0);
    else
        done = ok(m, disco_mem_write(vm->vm, gpa_of(page) + SNIPPET_AT, bytes,
                                     SNIPPET_BYTES));
    if (done)
        memcpy(&vm->mem[page][SNIPPET_AT], bytes, SNIPPET_BYTES);
}

static void op_execute(struct model *m)
{
    struct model_vm *vm = some_vm(m);
    uint32_t page = some_page(m, vm), i, imm = 0;
    uint64_t value = 0;

    for (i = 0; i < PAGES; i++, page = 1 + page % (PAGES - 1))
        if (page < PAGES &&
            model_is_snippet(vm->kind, &vm->mem[page][SNIPPET_AT], &imm))
            break;
    if (i == PAGES)
        return;
    if (run(m, vm, RUN_CODE, gpa_of(page) + SNIPPET_AT, &value, 0))
        CHECK(value == imm);
}

/* --- Devices --- */

static void op_dma_write(struct model *m)
{
    uint32_t at = (uint32_t)rnd(m, PAGE), bytes, i;
    struct model_vm *vm = some_vm(m);
    uint32_t page = some_page(m, vm), most;
    uint8_t data[3 * PAGE], *to = &vm->mem[page][at];

    most = ((page < PAGES ? PAGES : ALL) - page) * PAGE - at;
    bytes = 1 + (uint32_t)rnd(m, rnd(m, 2) ? 64 : sizeof(data));
    bytes = bytes < most ? bytes : most;
    for (i = 0; i < bytes; i++)
        data[i] = (uint8_t)(i * 7 + now.step);
    if (ok(m, disco_mem_write(vm->vm, gpa_of(page) + at, data, bytes)))
        memcpy(to, data, bytes);
}

static void op_dma_read(struct model *m)
{
    struct model_vm *vm = some_vm(m);
    uint32_t page = some_page(m, vm);
    uint8_t data[PAGE];

    CHECK(!disco_mem_read(vm->vm, gpa_of(page), data, PAGE));
    CHECK(!memcmp(data, vm->mem[page], PAGE));
}

static void op_pin(struct model *m)
{
    struct model_vm *vm = some_vm(m);
    uint32_t page = some_page(m, vm);
    struct model_pin *p = &vm->pin[vm->pins];

    if (vm->pins == PINS)
        return;
    memset(p, 0, sizeof(*p));
    p->pin.size = sizeof(p->pin);
    p->page = page;
    if (ok(m, disco_mem_pin(vm->vm, gpa_of(page), PAGE,
                            rnd(m, 2) ? DISCO_READ : DISCO_READ | DISCO_WRITE,
                            &p->pin)))
        vm->pins++;
}

static void op_use_pin(struct model *m)
{
    struct model_vm *vm = some_vm(m);
    uint32_t at = (uint32_t)rnd(m, PAGE);
    struct model_pin *p;

    if (!vm->pins)
        return;
    p = &vm->pin[rnd(m, vm->pins)];
    CHECK(!memcmp(p->pin.host, vm->mem[p->page], PAGE));
    if (!(p->pin.access & DISCO_WRITE))
        return;
    ((uint8_t *)p->pin.host)[at] = (uint8_t)now.step;
    vm->mem[p->page][at] = (uint8_t)now.step;
}

static void unpin(struct model_vm *vm, uint32_t i)
{
    CHECK(!disco_mem_unpin(vm->vm, &vm->pin[i].pin));
    vm->pin[i] = vm->pin[--vm->pins];
}

static void op_unpin(struct model *m)
{
    struct model_vm *vm = some_vm(m);

    if (vm->pins)
        unpin(vm, (uint32_t)rnd(m, vm->pins));
}

/* --- Shared pages --- */

static void op_take(struct model *m)
{
    struct model_held *h = free_held(m);
    struct model_vm *vm = some_vm(m);
    uint32_t page = some_page(m, vm);
    disco_status status;

    if (!h)
        return;
    status = disco_page_take(vm->vm, gpa_of(page), &h->page);
    if (status)
        h->page.name = 0;
    if (is_pinned(vm, page))
        CHECK(status == DISCO_E_BUSY);
    else if (status)
        CHECK(status == DISCO_E_NOENT && is_zero(vm->mem[page]));
    else
        memcpy(h->mem, vm->mem[page], PAGE);
}

static void op_create(struct model *m)
{
    struct model_held *h = free_held(m);
    uint8_t data[PAGE];

    if (!h)
        return;
    memset(data, (int)now.step, PAGE);
    if (!rnd(m, 4))
        memset(data, 0, PAGE);
    if (!ok(m, disco_page_create(m->machine, (uint32_t)rnd(m, NODES),
                                 is_zero(data) ? NULL : data, &h->page)))
        h->page.name = 0;
    memcpy(h->mem, data, PAGE);
}

static void op_map(struct model *m)
{
    struct model_held *h = some_held(m);
    struct model_vm *vm = some_vm(m);
    uint32_t page = some_page(m, vm);
    disco_status status;

    if (!h)
        return;
    status = disco_page_map(vm->vm, gpa_of(page), h->page);
    if (is_pinned(vm, page))
        CHECK(status == DISCO_E_BUSY);
    else if (ok(m, status))
        memcpy(vm->mem[page], h->mem, PAGE);
}

static void op_hold(struct model *m)
{
    struct model_held *h = some_held(m), *to = free_held(m);

    if (!h || !to)
        return;
    CHECK(!disco_page_hold(m->machine, h->page));
    *to = *h;
}

static void drop(struct model *m, struct model_held *h)
{
    uint8_t data[PAGE];

    CHECK(!disco_page_read(m->machine, h->page, 0, data, PAGE));
    CHECK(!memcmp(data, h->mem, PAGE));
    CHECK(!disco_page_drop(m->machine, h->page));
    h->page.name = 0;
}

static void op_drop(struct model *m)
{
    struct model_held *h = some_held(m);

    if (h)
        drop(m, h);
}

/* --- Moves --- */

static disco_page_info info(const struct model_vm *vm, uint32_t page)
{
    disco_page_info i = { .size = sizeof(i) };

    CHECK(!disco_page_info_get(vm->vm, gpa_of(page), &i));
    return i;
}

static void op_migrate(struct model *m)
{
    uint32_t node = (uint32_t)rnd(m, NODES), page;
    struct model_vm *vm = some_vm(m);
    disco_status status;

    page = rnd(m, 8) ? some_page(m, vm) : 0;
    status = disco_page_migrate(vm->vm, gpa_of(page), node);
    if (!status)
        CHECK(info(vm, page).node == node);
    else if (status == DISCO_E_BUSY)
        CHECK(is_pinned(vm, page) || info(vm, page).holds);
    else if (status == DISCO_E_NOENT)
        CHECK(is_zero(vm->mem[page]));
    else
        ok(m, status);
}

static void op_replicate(struct model *m)
{
    uint32_t node = (uint32_t)rnd(m, NODES), page;
    struct model_vm *vm = some_vm(m);
    disco_status status;

    page = rnd(m, 8) ? some_page(m, vm) : 0;
    status = disco_page_replicate(vm->vm, gpa_of(page), node);
    if (!status)
        CHECK(info(vm, page).copies >> node & 1);
    else if (status == DISCO_E_BUSY)
        CHECK(is_pinned(vm, page));
    else if (status == DISCO_E_NOENT)
        CHECK(is_zero(vm->mem[page]));
    else if (status != DISCO_E_RANGE)
        ok(m, status);
}

static void op_collapse(struct model *m)
{
    struct model_vm *vm = some_vm(m);
    uint32_t page = some_page(m, vm);
    disco_status status = disco_page_collapse(vm->vm, gpa_of(page));

    CHECK(!status || status == DISCO_E_RANGE || status == DISCO_E_NOENT);
    CHECK(!info(vm, page).copies);
}

/* --- VMs --- */

static struct model_vm *free_vm(struct model *m)
{
    uint32_t i;

    for (i = 0; i < VMS; i++)
        if (!m->vm[i].vm)
            return &m->vm[i];
    return NULL;
}

static disco_status fill_vm(struct model *m, struct model_vm *vm)
{
    disco_status status;
    disco_vcpu *v;
    uint32_t i;

    vm->kind = (uint32_t)rnd(m, CPU_KINDS);
    model_code(vm->kind, vm->mem[0]);
    status = disco_vm_map_ram(vm->vm, 0, PAGES * PAGE, NULL);
    if (!status)
        status = disco_mem_write(vm->vm, 0, vm->mem[0], PAGE);
    for (i = 0; i < VCPUS && !status; i++)
        status = model_vcpu(vm->vm, vm->kind, &v);
    return status;
}

static void op_vm(struct model *m)
{
    disco_vm_config c = { .size = sizeof(c),
                          .home_node = (uint32_t)rnd(m, NODES) };
    struct model_vm *vm = free_vm(m);

    if (!vm)
        return;
    memset(vm, 0, sizeof(*vm));
    if (!ok(m, disco_vm_create(m->machine, &c, &vm->vm))) {
        vm->vm = NULL;
    } else if (!ok(m, fill_vm(m, vm))) {
        CHECK(!disco_vm_destroy(vm->vm));
        vm->vm = NULL;
    }
}

static void op_fork(struct model *m)
{
    struct model_vm *vm = some_vm(m), *child = free_vm(m);
    disco_status status;
    disco_vm *made;

    if (!child)
        return;
    status = disco_vm_fork(vm->vm, NULL, &made);
    if (vm->pins) {
        CHECK(status == DISCO_E_BUSY);
    } else if (ok(m, status)) {
        memcpy(child, vm, sizeof(*vm));
        child->vm = made;
        child->extra = NULL;
    }
}

static void op_end(struct model *m)
{
    struct model_vm *vm = some_vm(m);
    disco_status status;

    if (vm == &m->vm[0]) /* one is always there */
        return;
    status = disco_vm_destroy(vm->vm);
    if (vm->pins)
        CHECK(status == DISCO_E_BUSY);
    else
        CHECK(!status);
    if (!status)
        vm->vm = NULL;
}

/* A region comes, or goes with all that was in it. */
static void op_region(struct model *m)
{
    struct model_vm *vm = some_vm(m);
    disco_status status;

    if (!vm->has_extra) {
        if (!ok(m,
                disco_vm_map_ram(vm->vm, EXTRA_AT, EXTRA * PAGE, &vm->extra)))
            return;
        memset(vm->mem[PAGES], 0, EXTRA * PAGE);
        vm->has_extra = 1;
    } else if (vm->extra) {
        status = disco_region_unmap(vm->extra);
        if (is_pinned(vm, PAGES) || is_pinned(vm, PAGES + 1))
            CHECK(status == DISCO_E_BUSY);
        else
            CHECK(!status);
        vm->has_extra = status != 0;
    }
}

/* --- A run --- */

static const struct {
    const char *name;
    void (*op)(struct model *m);
    uint32_t weight;
} ops[] = {
    { "look", op_look, 4 },
    { "store", op_store, 20 },
    { "load", op_load, 20 },
    { "count", op_count, 8 },
    { "clear", op_clear, 4 },
    { "code", op_code, 8 },
    { "execute", op_execute, 10 },
    { "DMA write", op_dma_write, 10 },
    { "DMA read", op_dma_read, 10 },
    { "pin", op_pin, 3 },
    { "use pin", op_use_pin, 4 },
    { "unpin", op_unpin, 4 },
    { "take", op_take, 12 },
    { "create", op_create, 2 },
    { "map", op_map, 14 },
    { "hold", op_hold, 1 },
    { "drop", op_drop, 12 },
    { "migrate", op_migrate, 10 },
    { "replicate", op_replicate, 12 },
    { "collapse", op_collapse, 3 },
    { "VM", op_vm, 1 },
    { "fork", op_fork, 2 },
    { "end", op_end, 2 },
    { "region", op_region, 2 },
};
enum { OPS = sizeof(ops) / sizeof(ops[0]) };

static uint32_t some_op(struct model *m)
{
    uint32_t all = 0, i;
    uint64_t at;

    for (i = 0; i < OPS; i++)
        all += ops[i].weight;
    at = rnd(m, all);
    for (i = 0; at >= ops[i].weight; i++)
        at -= ops[i].weight;
    return i;
}

static void verify(struct model *m)
{
    disco_error err = { .size = sizeof(err) };
    disco_status status = disco_machine_verify(m->machine);

    if (!status)
        return;
    disco_machine_last_error(m->machine, &err);
    fail_msg("--seed %llu, step %u, %s: %s", (unsigned long long)now.seed,
             now.step, now.op, err.text);
}

static void compare(struct model *m)
{
    uint8_t data[PAGE];
    struct model_vm *vm;
    uint32_t i;

    for (vm = m->vm; vm < m->vm + VMS; vm++)
        for (i = 0; vm->vm && i < (vm->has_extra ? ALL : PAGES); i++) {
            CHECK(!disco_mem_read(vm->vm, gpa_of(i), data, PAGE));
            CHECK(!memcmp(data, vm->mem[i], PAGE));
        }
}

static void begin(struct model *m, uint64_t seed)
{
    static const uint64_t frames[] = { 4096, 4096, 26 };
    uint32_t how = (uint32_t)(seed % 4);
    disco_machine_config c = { .size = sizeof(c),
                               .nodes = NODES,
                               .cpus_per_node = CPUS,
                               .node_bytes = frames[how % 3] * PAGE };

    memset(m, 0, sizeof(*m));
    m->allocator = fake_alloc_ops(&m->fake);
    c.allocator = &m->allocator;
    c.flags = seed % 5 == 4 ? DISCO_MACHINE_VERIFY : 0;
    m->random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    now.seed = seed;
    now.step = 0;
    now.op = "begin";
    CHECK(!disco_machine_create(&c, &m->machine, NULL));
    CHECK(!disco_machine_add_backend(m->machine, &toy_ops));
    op_vm(m);
    m->may_fail = how >= 2;
    m->injects = how == 3;
}

static void end(struct model *m)
{
    disco_machine_stats s = { .size = sizeof(s) };
    uint32_t i;

    now.op = "end";
    m->fake.fail_at = 0;
    compare(m);
    for (i = 0; i < HELD; i++)
        if (m->held[i].page.name)
            drop(m, &m->held[i]);
    for (i = 0; i < VMS; i++) {
        if (!m->vm[i].vm)
            continue;
        while (m->vm[i].pins)
            unpin(&m->vm[i], 0);
        CHECK(!disco_vm_destroy(m->vm[i].vm));
    }
    verify(m);
    CHECK(!disco_machine_stats_get(m->machine, &s));
    CHECK(s.frames_used == 0);
    CHECK(!disco_machine_destroy(m->machine));
    CHECK(m->fake.live == 0);
    CHECK(m->fake.bad_frees == 0);
}

static void one_run(uint64_t seed)
{
    static struct model m;
    uint32_t op;

    begin(&m, seed);
    for (now.step = 1; now.step <= steps; now.step++) {
        op = some_op(&m);
        now.op = ops[op].name;
        if (m.injects)
            m.fake.fail_at = m.fake.calls + 1 + rnd(&m, FAILS);
        ops[op].op(&m);
        m.fake.fail_at = 0;
        if (now.step % verify_every == 0)
            verify(&m);
        if (now.step % 1024 == 0)
            compare(&m);
    }
    end(&m);
}

static void test_random_runs(void **state)
{
    uint32_t i;

    (void)state;
    for (i = 0; i < runs; i++) {
        alarm(100 + steps / 100); /* busy hosts are slow */
        one_run(first_seed + i);
    }
}

/* A hang is a failure, too. */
static void on_alarm(int number)
{
    char text[80];
    int n = snprintf(text, sizeof(text), "hangs: --seed %llu, step %u, %s\n",
                     (unsigned long long)now.seed, now.step, now.op);

    (void)number;
    if (write(2, text, (size_t)n) == n)
        _exit(1);
    _exit(2);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_random_runs) };
    int i;

    for (i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--seed"))
            first_seed = strtoull(argv[i + 1], NULL, 0);
        else if (!strcmp(argv[i], "--runs"))
            runs = (uint32_t)strtoul(argv[i + 1], NULL, 0);
        else if (!strcmp(argv[i], "--verify"))
            verify_every = (uint32_t)strtoul(argv[i + 1], NULL, 0);
        else if (!strcmp(argv[i], "--steps"))
            steps = (uint32_t)strtoul(argv[i + 1], NULL, 0);
    }
    signal(SIGALRM, on_alarm);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
