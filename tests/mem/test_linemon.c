/*
 * test_linemon.c - the line monitor alone: filters, versions, threads.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "mem/addr.h"
#include "mem/linemon.h"

static uint8_t page[PAGE_BYTES] __attribute__((aligned(4096)));

static void test_arm_once(void **state)
{
    struct linemon *lm = calloc(1, sizeof(*lm));

    (void)state;
    assert_false(linemon_filtered(lm, page));
    assert_true(linemon_arm(lm, page));
    assert_true(linemon_filtered(lm, page)); /* stores are announced already */
    assert_true(linemon_arm(lm, page)); /* another LL must shake hands too */
    linemon_armed(lm, page);
    assert_false(linemon_arm(lm, page));
    assert_false(linemon_arm(lm, page + 127));
    assert_true(linemon_arm(lm, page + 128));
    free(lm);
}

static void test_store_breaks_link(void **state)
{
    struct linemon *lm = calloc(1, sizeof(*lm));
    uint32_t v = linemon_version(lm, page);

    (void)state;
    assert_true(linemon_sc_begin(lm, page, v));
    linemon_store_end(lm, page);
    assert_false(linemon_sc_begin(lm, page, v));
    v = linemon_version(lm, page);
    linemon_store_begin(lm, page + 64);
    linemon_store_end(lm, page + 64);
    assert_false(linemon_sc_begin(lm, page, v));
    v = linemon_version(lm, page);
    linemon_lock(lm, page);
    linemon_unlock(lm, page);
    assert_true(linemon_sc_begin(lm, page, v));  /* nothing was stored */
    assert_false(linemon_sc_begin(lm, page, v)); /* locked */
    linemon_unlock(lm, page);
    free(lm);
}

static void test_page_moved(void **state)
{
    struct linemon *lm = calloc(1, sizeof(*lm));
    uint32_t armed, other;

    (void)state;
    linemon_arm(lm, page + 512);
    linemon_armed(lm, page + 512);
    armed = linemon_version(lm, page + 512);
    other = linemon_version(lm, page + 1024);
    linemon_page_moved(lm, page);
    assert_false(linemon_sc_begin(lm, page + 512, armed));
    assert_true(linemon_sc_begin(lm, page + 1024, other));
    free(lm);
}

enum { THREADS = 3, COUNTS = 20000 };

struct shared {
    struct linemon *lm;
    uint64_t *count;
};

static void *count_up_linked(void *arg)
{
    struct shared *s = arg;
    uint64_t value;
    uint32_t v;
    int i;

    for (i = 0; i < COUNTS; i++) {
        do {
            v = linemon_version(s->lm, s->count);
            value = load_relaxed(s->count);
        } while (!linemon_sc_begin(s->lm, s->count, v));
        store_relaxed(s->count, value + 1);
        linemon_store_end(s->lm, s->count);
    }
    return NULL;
}

static void test_threads_count(void **state)
{
    struct shared s = { calloc(1, sizeof(struct linemon)),
                        (uint64_t *)(void *)page };
    pthread_t thread[THREADS];
    int i;

    (void)state;
    memset(page, 0, sizeof(page));
    for (i = 0; i < THREADS; i++)
        pthread_create(&thread[i], NULL, count_up_linked, &s);
    for (i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(*s.count, THREADS * COUNTS);
    free(s.lm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arm_once),
        cmocka_unit_test(test_store_breaks_link),
        cmocka_unit_test(test_page_moved),
        cmocka_unit_test(test_threads_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
