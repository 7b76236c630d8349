/*
 * test_error.c - status names, last errors of several threads.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(disco_status_name(DISCO_E_INVAL), "DISCO_E_INVAL");
    assert_string_equal(disco_status_name(0), "DISCO_OK");
    assert_string_equal(disco_status_text(DISCO_E_PERM), "not permitted");
    assert_non_null(disco_status_name(-9999));
    assert_non_null(disco_status_text(17));
}

static void test_set_and_get(void **state)
{
    disco_error err = { .size = sizeof(err) };
    struct errors e;
    char longer[400];

    (void)state;
    assert_int_equal(errors_init(&e), 0);
    errors_get(&e, &err);
    assert_int_equal(err.status, 0);
    assert_string_equal(err.text, "");
    assert_int_equal(
        errors_set(&e, DISCO_E_RANGE, 0x40, "page 0x%x is bad", 64),
        DISCO_E_RANGE);
    errors_get(&e, &err);
    assert_int_equal(err.size, sizeof(err));
    assert_int_equal(err.status, DISCO_E_RANGE);
    assert_int_equal(err.where, 0x40);
    assert_string_equal(err.text, "page 0x40 is bad");
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = 0;
    errors_set(&e, DISCO_E_IO, 0, "%s", longer);
    errors_get(&e, &err);
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
    errors_destroy(&e);
}

static void *fail_elsewhere(void *arg)
{
    errors_set(arg, DISCO_E_IO, 2, "theirs");
    return NULL;
}

static void test_threads_keep_their_own(void **state)
{
    disco_error err = { .size = sizeof(err) };
    pthread_t thread;
    struct errors e;

    (void)state;
    assert_int_equal(errors_init(&e), 0);
    pthread_create(&thread, NULL, fail_elsewhere, &e);
    pthread_join(thread, NULL);
    errors_get(&e, &err); /* none of ours: the latest */
    assert_string_equal(err.text, "theirs");
    errors_set(&e, DISCO_E_INVAL, 1, "ours");
    pthread_create(&thread, NULL, fail_elsewhere, &e);
    pthread_join(thread, NULL);
    errors_get(&e, &err);
    assert_string_equal(err.text, "ours");
    errors_destroy(&e);
}

static void test_fill(void **state)
{
    disco_error err = { .size = 16 };

    (void)state;
    err.text[0] = '?';
    assert_int_equal(error_fill(&err, DISCO_E_IO, 5, "text"), DISCO_E_IO);
    assert_int_equal(err.status, DISCO_E_IO);
    assert_int_equal(err.where, 5);
    assert_int_equal(err.text[0], '?'); /* beyond the given size */
    assert_int_equal(error_fill(NULL, DISCO_E_IO, 5, "text"), DISCO_E_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_set_and_get),
        cmocka_unit_test(test_threads_keep_their_own),
        cmocka_unit_test(test_fill),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
