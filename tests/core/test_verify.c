/*
 * test_verify.c - the consistency walks find what is wrong.
 */
#include <pthread.h>
#include <string.h>

#include "../model/model_cpu.h"
#include "core/vcpu.h"
#include "fixture.h"
#include "mem/move.h"

static const uint32_t program[] = {
    TOY(TOY_ST, 1, 2, 0),
    TOY(TOY_BREAK, 0, 0, 0),
};

static void make(struct fixture *f)
{
    fixture_make(f, NULL, program, 2);
    fixture_set_reg(f, 0, 2, 0x4000);
    fixture_run(f, 0, 0);
    assert_int_equal(disco_machine_verify(f->machine), 0);
}

static struct map_page *page_at(struct fixture *f, uint64_t gpa)
{
    return map_page(&f->vm->pm, pfn_of_gpa(gpa));
}

static struct frame *frame_at(struct fixture *f, uint64_t gpa)
{
    struct physmap *pm = &f->vm->pm;

    return entry_frame(pm, physmap_entry(pm, pfn_of_gpa(gpa)));
}

static void expect(struct fixture *f, const char *what)
{
    char text[240];

    assert_int_equal(disco_machine_verify(f->machine), DISCO_E_INTERNAL);
    if (!strstr(fixture_error(f, text), what))
        fail_msg("\"%s\" does not tell of \"%s\"", text, what);
}

static void test_backmap(void **state)
{
    struct fixture f;

    (void)state;
    make(&f);
    frame_at(&f, 0x4000)->first.n ^= 1;
    expect(&f, "backmap");
    frame_at(&f, 0x4000)->first.n ^= 1;
    page_at(&f, 0x4000)->prev.n ^= 1;
    expect(&f, "backmap");
    page_at(&f, 0x4000)->prev.n ^= 1;
    fixture_drop(&f);
}

static void test_counts(void **state)
{
    struct fixture f;

    (void)state;
    make(&f);
    f.machine->mem.frames.pool[0].used++;
    expect(&f, "counted");
    f.machine->mem.frames.pool[0].used--;
    f.vm->pm.stats.frames--;
    expect(&f, "counted");
    f.vm->pm.stats.frames++;
    fixture_drop(&f);
}

static void test_code_mark(void **state)
{
    struct fixture f;

    (void)state;
    make(&f);
    page_at(&f, 0x4000)->holders = 1;
    expect(&f, "code");
    page_at(&f, 0x4000)->holders = 0;
    fixture_drop(&f);
}

static void test_lost_frame(void **state)
{
    struct fixture f;

    (void)state;
    make(&f);
    frame_at(&f, 0x4000)->state = FRAME_LOOSE;
    expect(&f, "state");
    frame_at(&f, 0x4000)->state = FRAME_PRIVATE;
    fixture_drop(&f);
}

/* A store that goes round the monitor leaves stale code. */
static void test_backend_is_asked(void **state)
{
    struct physmap *pm;
    struct fixture f;
    uint8_t *page;

    (void)state;
    make(&f);
    pm = &f.vm->pm;
    page = entry_host(pm, physmap_entry(pm, pfn_of_gpa(0)));
    page[100] ^= 1;
    expect(&f, "stale code");
    page[100] ^= 1;
    fixture_drop(&f);
}

/* --- What a vCPU holds against the map --- */

enum { DATA = 0x4000, SNIPPET = 0x6000 };

/* A vCPU of some kind that stored to DATA and ran code of SNIPPET. */
struct holder {
    struct fixture f;
    struct physmap *pm;
    struct disco_vcpu *v;
    uint32_t kind;
};

static void run_program(struct holder *h, enum model_program what, uint64_t gpa,
                        uint32_t cpu)
{
    disco_run run = { .size = sizeof(run), .max_insns = 100 };
    disco_exit e = { .size = sizeof(e) };

    model_start(h->v, h->kind, what, gpa, 1, 1);
    assert_int_equal(disco_vcpu_run(h->v, cpu, &run, &e), 0);
    assert_int_equal(e.reason, DISCO_EXIT_BREAK);
}

static void hold(struct holder *h, uint32_t kind, uint32_t engine)
{
    struct fixture_config c = { .nodes = 2, .cpus = 2 };
    uint8_t code[MODEL_CODE_BYTES], snippet[SNIPPET_BYTES];

    fixture_make(&h->f, &c, NULL, 0);
    h->pm = &h->f.vm->pm;
    h->kind = kind;
    model_code(kind, code);
    model_snippet(kind, snippet, 1);
    assert_int_equal(disco_mem_write(h->f.vm, 0, code, sizeof(code)), 0);
    assert_int_equal(
        disco_mem_write(h->f.vm, SNIPPET, snippet, sizeof(snippet)), 0);
    assert_int_equal(model_vcpu(h->f.vm, kind, &h->v), 0);
    if (kind != CPU_TOY)
        assert_int_equal(disco_vcpu_set_engine(h->v, engine), 0);
    run_program(h, RUN_STORE, DATA, 0);
    run_program(h, RUN_CODE, SNIPPET, 0);
    assert_int_equal(disco_machine_verify(h->f.machine), 0);
}

static void set_entry(struct holder *h, uint64_t gpa, uint64_t entry)
{
    mem_lock(h->pm->mem);
    physmap_set(h->pm, pfn_of_gpa(gpa), entry);
    mem_unlock(h->pm->mem);
}

static uint64_t entry_of(const struct holder *h, uint64_t gpa)
{
    return physmap_entry(h->pm, pfn_of_gpa(gpa));
}

/* What was not told is told: then all is well. */
static void found_and_mended(struct holder *h, const char *what)
{
    expect(&h->f, what);
    h->v->ops->invalidate(h->v->state, DISCO_DROP_ALL, NULL, 0);
    assert_int_equal(disco_machine_verify(h->f.machine), 0);
}

/* The page gets another frame and nobody is told. */
static void moved_silently(struct holder *h, uint64_t gpa)
{
    uint64_t entry = entry_of(h, gpa);
    struct mfn to;

    mem_lock(h->pm->mem);
    assert_int_equal(mem_take(h->pm->mem, 1, 0, NULL, &to), 0);
    memcpy(frame_host(&h->pm->mem->frames, to), entry_host(h->pm, entry), 4096);
    physmap_set(h->pm, pfn_of_gpa(gpa),
                (entry & (MAP_USER_MASK | MAP_WRITE | MAP_CODE)) |
                    entry_make(to, 0));
    frame_release(h->pm->mem, entry_mfn(entry));
    mem_unlock(h->pm->mem);
}

static void plant_move(struct holder *h)
{
    moved_silently(h, DATA);
    found_and_mended(h, "not mapped so");
}

static void plant_code_move(struct holder *h)
{
    moved_silently(h, SNIPPET);
    found_and_mended(h, "not mapped so");
}

/* Another vCPU is its only user now, or others are, too. */
static void plant_user(struct holder *h)
{
    uint64_t entry = entry_of(h, DATA);

    set_entry(h, DATA,
              (entry & ~MAP_USER_MASK) | UINT64_C(1) << MAP_USER_SHIFT);
    found_and_mended(h, "not mapped so");
    set_entry(h, DATA, entry);
    run_program(h, RUN_STORE, DATA, 0);
    set_entry(h, DATA, (entry & ~MAP_USER_MASK) | MAP_SHARED);
    found_and_mended(h, "not mapped so");
}

/* Somebody refers to the content, and it can still be stored to. */
static void plant_share(struct holder *h)
{
    struct frame *frame = frame_at(&h->f, DATA);
    uint64_t entry = entry_of(h, DATA);

    frame_become(&h->pm->mem->frames, frame, FRAME_SHARED);
    frame->holds = 1;
    set_entry(h, DATA, (entry & ~(uint64_t)MAP_WRITE) | MAP_COW);
    found_and_mended(h, "not mapped so");
    frame_become(&h->pm->mem->frames, frame, FRAME_PRIVATE);
    frame->holds = 0;
    set_entry(h, DATA, entry);
}

/* Nobody knows that code is held: stores would not end it. */
static void plant_code(struct holder *h)
{
    uint64_t entry = entry_of(h, SNIPPET);

    page_at(&h->f, SNIPPET)->holders = 0;
    set_entry(h, SNIPPET, entry & ~(uint64_t)MAP_CODE);
    expect(&h->f, "not mapped so");
    page_at(&h->f, SNIPPET)->holders = UINT64_C(1) << h->v->index;
    set_entry(h, SNIPPET, entry);
}

/* It came to another node and reads the copy of the first. */
static void plant_node(struct holder *h)
{
    assert_int_equal(disco_page_replicate(h->f.vm, DATA, 1), 0);
    run_program(h, RUN_LOAD, DATA, 0);
    assert_int_equal(disco_machine_verify(h->f.machine), 0);
    h->v->node = 1;
    found_and_mended(h, "not mapped so");
}

static void test_held(void **state)
{
    static void (*const plant[])(struct holder *) = {
        plant_move,  plant_code_move, plant_user,
        plant_share, plant_code,      plant_node,
    };
    uint32_t kind, i, engine;
    struct holder h;

    (void)state;
    for (kind = 0; kind < CPU_KINDS; kind++)
        for (i = 0; i < 2 * sizeof(plant) / sizeof(plant[0]); i++) {
            engine = i % 2 ? DISCO_ENGINE_INTERP : DISCO_ENGINE_BEST;
            hold(&h, kind, engine);
            plant[i / 2](&h);
            fixture_drop(&h.f);
        }
}

/* The walks after calls get in nobody's way. */
static void *run_often(void *arg)
{
    disco_run run = { .size = sizeof(run), .max_insns = 1 };
    disco_exit e = { .size = sizeof(e) };
    disco_vcpu *v = arg;
    int i;

    for (i = 0; i < 500; i++)
        if (disco_vcpu_run(v, disco_vcpu_index(v), &run, &e))
            return arg;
    return NULL;
}

static void test_walks_with_threads(void **state)
{
    static const uint32_t spin[] = { TOY(TOY_JMP, 0, 0, 0) };
    struct fixture_config c = { .vcpus = 2, .flags = DISCO_MACHINE_VERIFY };
    pthread_t thread[2];
    struct fixture f;
    void *failed;
    int i;

    (void)state;
    fixture_make(&f, &c, spin, 1);
    for (i = 0; i < 2; i++)
        pthread_create(&thread[i], NULL, run_often, f.vcpu[i]);
    for (i = 0; i < 2; i++) {
        pthread_join(thread[i], &failed);
        assert_null(failed);
    }
    fixture_drop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_backmap),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_code_mark),
        cmocka_unit_test(test_lost_frame),
        cmocka_unit_test(test_backend_is_asked),
        cmocka_unit_test(test_held),
        cmocka_unit_test(test_walks_with_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
