/*
 * test_noframes.c - a machine runs out of frames at every point of a little
 * history of VMs: each step is done or leaves everything as it was, a vCPU goes
 * on when there is memory again, and in the end nothing is left.
 */
#include <string.h>

#include "../model/model_cpu.h"
#include "fixture.h"

enum {
    PAGE = 4096,
    NODES = 2,
    PAGES = 16, /* page 0 is the programs' */
    SNIPPET = 15,
    JOINED = 12, /* two pages that a and b write together */
    KEY = 7,
    AT = 0x7f8, /* of a page: the word that is looked at */
    ENOUGH = 64 /* frames a node */
};

struct guest {
    disco_vm *vm; /* NULL: not there */
    disco_vcpu *vcpu;
    uint64_t word[PAGES]; /* what each page shows */
    uint32_t snippet;     /* what code in page SNIPPET returns; 0: none */
    int has_code;
};

struct scene {
    disco_machine *machine;
    uint32_t kind, engine;
    struct guest a, b, child;
    disco_vm *spare;   /* has a frame of each node, to be given away */
    uint32_t short_of; /* steps that found no frame */
};

/* --- What is there --- */

static void check_guest(struct scene *s, const struct guest *g)
{
    uint8_t data[8];
    uint32_t i;

    for (i = 1; g->vm && i < SNIPPET; i++) {
        assert_int_equal(disco_mem_read(g->vm, i * PAGE + AT, data, 8), 0);
        assert_int_equal(model_get64(s->kind, data), g->word[i]);
    }
}

static void check(struct scene *s)
{
    check_guest(s, &s->a);
    check_guest(s, &s->b);
    check_guest(s, &s->child);
    assert_int_equal(disco_machine_verify(s->machine), 0);
}

/* 1: it was done; 0: there was no frame for it, and nothing happened. */
static int done(struct scene *s, disco_status status)
{
    if (status)
        assert_int_equal(status, DISCO_E_NOMEM);
    s->short_of += status != 0;
    return !status;
}

/* --- Steps --- */

static void write_word(struct scene *s, struct guest *g, uint32_t page,
                       uint64_t value)
{
    uint8_t data[8];

    model_put64(s->kind, data, value);
    if (done(s, disco_mem_write(g->vm, page * PAGE + AT, data, 8)))
        g->word[page] = value;
    check(s);
}

/* Over the border of two pages: both or none. */
static void write_both(struct scene *s, struct guest *g, uint32_t page)
{
    static const uint8_t ones[2 * PAGE] = { 1 };
    uint64_t i;

    if (done(s, disco_mem_write(g->vm, page * PAGE, ones, sizeof(ones))))
        for (i = 0; i < 2; i++)
            g->word[page + i] = 0;
    check(s);
}

static void give_spare(struct scene *s)
{
    if (s->spare)
        assert_int_equal(disco_vm_destroy(s->spare), 0);
    s->spare = NULL;
}

/* 1: it ended.  Without memory it stays where it is, and can go on. */
static int run(struct scene *s, struct guest *g, enum model_program program,
               uint64_t gpa, uint64_t value, uint64_t extra)
{
    disco_run limit = { .size = sizeof(limit), .max_insns = 1000 };
    disco_exit e = { .size = sizeof(e) };

    if (!g->has_code)
        return 0;
    model_start(g->vcpu, s->kind, program, gpa, value, extra);
    for (;;) {
        assert_int_equal(disco_vcpu_run(g->vcpu, 0, &limit, &e), 0);
        if (e.reason == DISCO_EXIT_YIELD)
            continue;
        if (e.reason != DISCO_EXIT_NO_MEMORY)
            break;
        s->short_of++;
        check(s);
        if (!s->spare)
            return 0;
        give_spare(s);
    }
    assert_int_equal(e.reason, DISCO_EXIT_BREAK);
    return 1;
}

static void store(struct scene *s, struct guest *g, uint32_t page,
                  uint64_t value)
{
    if (g->vm && run(s, g, RUN_STORE, page * PAGE + AT, value, 0))
        g->word[page] = value;
    check(s);
}

static void load(struct scene *s, struct guest *g, uint32_t page)
{
    if (run(s, g, RUN_LOAD, page * PAGE + AT, 0, 0))
        assert_int_equal(model_value(g->vcpu, s->kind), g->word[page]);
    check(s);
}

/* The page is cleared or dropped by a monitor call. */
static void clear(struct scene *s, struct guest *g, enum model_program program,
                  uint32_t page)
{
    if (run(s, g, program, page * PAGE, 0, 0)) {
        if (!model_value(g->vcpu, s->kind))
            g->word[page] = 0;
        else
            assert_int_equal(model_value(g->vcpu, s->kind), DISCO_HC_E_NOMEM);
    }
    check(s);
}

static void write_snippet(struct scene *s, struct guest *g, uint32_t imm)
{
    uint8_t code[SNIPPET_BYTES];

    model_snippet(s->kind, code, imm);
    if (done(s, disco_mem_write(g->vm, SNIPPET * PAGE, code, sizeof(code))))
        g->snippet = imm;
    check(s);
}

static void call_snippet(struct scene *s, struct guest *g)
{
    if (g->snippet && run(s, g, RUN_CODE, SNIPPET * PAGE, 0, 0))
        assert_int_equal(model_value(g->vcpu, s->kind), g->snippet);
    check(s);
}

static void move(struct scene *s, uint32_t page, uint32_t node)
{
    disco_status status = disco_page_migrate(s->a.vm, page * PAGE, node);

    if (status != DISCO_E_NOENT)
        done(s, status);
    check(s);
}

static void copy(struct scene *s, uint32_t page)
{
    disco_page_info info = { .size = sizeof(info) };
    disco_status status;

    assert_int_equal(disco_page_info_get(s->a.vm, page * PAGE, &info), 0);
    status = disco_page_replicate(s->a.vm, page * PAGE, !info.node);
    if (status != DISCO_E_NOENT)
        done(s, status);
    check(s);
}

/* b's page shows what a's does, by reference. */
static void share(struct scene *s, uint32_t from, uint32_t to)
{
    disco_page page;

    if (disco_page_take(s->a.vm, from * PAGE, &page) == DISCO_E_NOENT)
        return;
    if (done(s, disco_page_map(s->b.vm, to * PAGE, page)))
        s->b.word[to] = s->a.word[from];
    check(s);
    assert_int_equal(disco_page_drop(s->machine, page), 0);
    check(s);
}

static void have_child(struct scene *s)
{
    s->child = s->a;
    s->child.vm = NULL;
    if (done(s, disco_vm_fork(s->a.vm, NULL, &s->child.vm)))
        s->child.vcpu = disco_vm_vcpu(s->child.vm, 0);
    else
        s->child.has_code = 0;
    check(s);
}

/* Memory that VMs write together: a VM is in or not. */
static int join(struct scene *s, struct guest *g)
{
    int64_t error;

    if (!run(s, g, RUN_SHARE, JOINED * PAGE, KEY, 2))
        return 0;
    error = (int64_t)model_value(g->vcpu, s->kind);
    if (error)
        assert_int_equal(error, DISCO_HC_E_NOMEM);
    s->short_of += error != 0;
    return !error;
}

static int leave(struct scene *s, struct guest *g)
{
    int64_t error;

    if (!run(s, g, RUN_UNSHARE, 0, KEY, 0))
        return 0;
    error = (int64_t)model_value(g->vcpu, s->kind);
    if (error)
        assert_int_equal(error, DISCO_HC_E_NOMEM);
    s->short_of += error != 0;
    return !error;
}

static void write_together(struct scene *s)
{
    struct guest *a = &s->a, *b = &s->b;
    int a_in, b_in;

    write_word(s, a, JOINED, 0xaa);
    write_word(s, b, JOINED + 1, 0xbb);
    a_in = join(s, a);
    check(s);
    b_in = join(s, b);
    if (a_in && b_in)
        memcpy(&b->word[JOINED], &a->word[JOINED], 16);
    check(s);
    if (run(s, a, RUN_STORE, (JOINED + 1) * PAGE + AT, 0xab, 0)) {
        a->word[JOINED + 1] = 0xab;
        if (a_in && b_in)
            b->word[JOINED + 1] = 0xab;
    }
    check(s);
    if (b_in && leave(s, b))
        b_in = 0;
    check(s);
    if (!b_in)
        store(s, b, JOINED, 0xb);
    if (a_in)
        leave(s, a);
    check(s);
}

/* --- The history --- */

static void make_guest(struct scene *s, struct guest *g)
{
    uint8_t code[MODEL_CODE_BYTES];

    assert_int_equal(disco_vm_create(s->machine, NULL, &g->vm), 0);
    assert_int_equal(disco_vm_map_ram(g->vm, 0, PAGES * PAGE, NULL), 0);
    assert_int_equal(disco_vm_set_share_group(g->vm, 1), 0);
    assert_int_equal(model_vcpu(g->vm, s->kind, &g->vcpu), 0);
    if (s->kind != CPU_TOY)
        assert_int_equal(disco_vcpu_set_engine(g->vcpu, s->engine), 0);
    model_code(s->kind, code);
    g->has_code = done(s, disco_mem_write(g->vm, 0, code, sizeof(code)));
}

static void make_spare(struct scene *s)
{
    uint32_t i;

    assert_int_equal(disco_vm_create(s->machine, NULL, &s->spare), 0);
    assert_int_equal(disco_vm_map_ram(s->spare, 0, NODES * PAGE, NULL), 0);
    for (i = 0; i < NODES; i++)
        if (done(s, disco_mem_write(s->spare, i * PAGE, "x", 1)))
            done(s, disco_page_migrate(s->spare, i * PAGE, i));
}

static void live(struct scene *s)
{
    struct guest *a = &s->a, *b = &s->b, *child = &s->child;

    write_word(s, a, 1, 0x111);
    write_word(s, a, 2, 0x222);
    store(s, a, 3, 0x333);
    write_both(s, a, 4);
    load(s, a, 6);
    write_snippet(s, a, 5);
    call_snippet(s, a);
    copy(s, 1);
    copy(s, SNIPPET);
    call_snippet(s, a);
    load(s, a, 1);
    store(s, a, 1, 0x11); /* the copies go */
    move(s, 2, 1);
    move(s, 0, 1);
    share(s, 2, 7);
    share(s, 3, 8);
    store(s, b, 7, 0x777);
    write_both(s, b, 8);
    clear(s, a, RUN_ZERO, 3);
    clear(s, a, RUN_RELEASE, 4);
    have_child(s);
    store(s, child, 1, 0xccc);
    store(s, a, 2, 0x22);
    write_word(s, a, 1, 0x1111);
    copy(s, 2);
    if (child->vm) {
        write_word(s, child, 2, 0xcc);
        write_snippet(s, child, 6);
        call_snippet(s, child);
    }
    call_snippet(s, a);
    clear(s, a, RUN_ZERO, 1);
    write_together(s);
}

static uint64_t frames_used(disco_machine *machine)
{
    disco_machine_stats stats = { .size = sizeof(stats) };

    assert_int_equal(disco_machine_stats_get(machine, &stats), 0);
    return stats.frames_used;
}

/* How many steps found no frame. */
static uint32_t play(uint32_t kind, uint32_t engine, uint64_t frames)
{
    disco_machine_config c = { .size = sizeof(c),
                               .nodes = NODES,
                               .cpus_per_node = 2,
                               .node_bytes = frames * PAGE };
    struct scene s;

    memset(&s, 0, sizeof(s));
    s.kind = kind;
    s.engine = engine;
    assert_int_equal(disco_machine_create(&c, &s.machine, NULL), 0);
    assert_int_equal(disco_machine_add_backend(s.machine, &toy_ops), 0);
    make_spare(&s);
    make_guest(&s, &s.a);
    make_guest(&s, &s.b);
    live(&s);
    give_spare(&s);
    if (s.child.vm)
        assert_int_equal(disco_vm_destroy(s.child.vm), 0);
    s.child.vm = NULL;
    check(&s);
    assert_int_equal(disco_vm_destroy(s.b.vm), 0);
    s.b.vm = NULL;
    check(&s);
    assert_int_equal(disco_vm_destroy(s.a.vm), 0);
    assert_int_equal(frames_used(s.machine), 0);
    assert_int_equal(disco_machine_destroy(s.machine), 0);
    return s.short_of;
}

static void play_all(uint32_t kind, uint32_t engine)
{
    uint64_t frames;

    assert_int_equal(play(kind, engine, ENOUGH), 0);
    for (frames = 1; play(kind, engine, frames); frames++)
        assert_true(frames < ENOUGH);
    assert_true(frames > 8);
}

static void test_toy(void **state)
{
    (void)state;
    play_all(CPU_TOY, 0);
}

static void test_interp(void **state)
{
    (void)state;
    play_all(CPU_BIG, DISCO_ENGINE_INTERP);
}

static void test_best_engine(void **state)
{
    (void)state;
    play_all(CPU_LITTLE, DISCO_ENGINE_BEST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_toy),
        cmocka_unit_test(test_interp),
        cmocka_unit_test(test_best_engine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
