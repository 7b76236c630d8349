/*
 * test_directory.c - holders of lines: by hand, and against a plain array.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "numa/directory.h"

static struct alloc alloc;

static void test_holders(void **state)
{
    struct directory d;

    (void)state;
    alloc_init(&alloc, NULL);
    assert_int_equal(directory_init(&d, &alloc, 8), 0);
    assert_null(directory_find(&d, 0));
    directory_add(&d, 0, 3, 1);
    assert_int_equal(directory_find(&d, 0)->sharers, 8);
    assert_int_equal(directory_find(&d, 0)->owned, 1);
    directory_add(&d, 0, 63, 0);
    assert_int_equal(directory_find(&d, 0)->owned, 0);
    directory_drop(&d, 0, 3);
    assert_true(directory_find(&d, 0)->sharers == UINT64_C(1) << 63);
    directory_drop(&d, 0, 63);
    assert_null(directory_find(&d, 0));
    assert_int_equal(d.count, 0);
    directory_drop(&d, 0, 63); /* nothing there: nothing happens */
    directory_destroy(&d, &alloc);
}

/* Many names in few slots: what is removed leaves no hole in a chain. */
static void test_against_an_array(void **state)
{
    enum { NAMES = 200, HELD = 100, STEPS = 20000 };
    uint64_t sharers[NAMES] = { 0 }, seed = 1;
    struct directory d;
    uint32_t held = 0, i, step;

    (void)state;
    alloc_init(&alloc, NULL);
    assert_int_equal(directory_init(&d, &alloc, HELD), 0);
    for (step = 0; step < STEPS; step++) {
        uint32_t name, cpu;

        seed = seed * 6364136223846793005u + 1442695040888963407u;
        name = (uint32_t)(seed >> 33) % NAMES;
        cpu = (uint32_t)(seed >> 60);
        if (sharers[name] >> cpu & 1) {
            sharers[name] &= ~(UINT64_C(1) << cpu);
            held -= !sharers[name];
            directory_drop(&d, name * 4096, cpu);
        } else if (sharers[name] || held < HELD) {
            held += !sharers[name];
            sharers[name] |= UINT64_C(1) << cpu;
            directory_add(&d, name * 4096, cpu, 0);
        }
        if (step % 64)
            continue;
        assert_int_equal(d.count, held);
        for (i = 0; i < NAMES; i++) {
            struct directory_entry *e = directory_find(&d, i * 4096);

            assert_true((e ? e->sharers : 0) == sharers[i]);
        }
    }
    directory_destroy(&d, &alloc);
    assert_int_equal(alloc_held_bytes(&alloc), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_holders),
        cmocka_unit_test(test_against_an_array),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
