/*
 * test_verify.c - the consistency walks find what is wrong.
 */
#include <pthread.h>
#include <string.h>

#include "core/vcpu.h"
#include "fixture.h"

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
        cmocka_unit_test(test_walks_with_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
