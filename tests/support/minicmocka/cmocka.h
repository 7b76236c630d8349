/*
 * cmocka.h - the part of cmocka's interface that our tests use, for hosts on
 * which cmocka itself is not packaged (cross builds).  One test program, one
 * source file: everything is static.  Not a replacement: no mocks, no leak
 * checks, no output formats.
 */
#ifndef MINICMOCKA_H
#define MINICMOCKA_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uintmax_t LargestIntegralType;
typedef void (*CMUnitTestFunction)(void **state);
typedef int (*CMFixtureFunction)(void **state);

struct CMUnitTest {
    const char *name;
    CMUnitTestFunction test_func;
    CMFixtureFunction setup_func;
    CMFixtureFunction teardown_func;
    void *initial_state;
};

enum { MINI_FAILED = 1, MINI_SKIPPED = 2 };

static jmp_buf mini_out;

__attribute__((noreturn, unused, format(printf, 3, 4))) static void
mini_fail(const char *file, int line, const char *format, ...)
{
    va_list ap;

    fprintf(stderr, "%s:%d: error: ", file, line);
    va_start(ap, format);
    vfprintf(stderr, format, ap);
    va_end(ap);
    fputc('\n', stderr);
    longjmp(mini_out, MINI_FAILED);
}

__attribute__((unused, format(printf, 1, 2))) static void
print_message(const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    vfprintf(stdout, format, ap);
    va_end(ap);
}

__attribute__((unused, format(printf, 1, 2))) static void
print_error(const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    vfprintf(stderr, format, ap);
    va_end(ap);
}

static inline void mini_int(uintmax_t a, uintmax_t b, int equal,
                            const char *file, int line)
{
    if ((a == b) != equal)
        mini_fail(file, line, "0x%jx %s 0x%jx", a, equal ? "!=" : "==", b);
}

static inline void mini_range(uintmax_t v, uintmax_t lo, uintmax_t hi,
                              int inside, const char *file, int line)
{
    if ((v >= lo && v <= hi) != inside)
        mini_fail(file, line, "%ju is %s %ju..%ju", v,
                  inside ? "outside" : "inside", lo, hi);
}

static inline void mini_string(const char *a, const char *b, int equal,
                               const char *file, int line)
{
    if ((strcmp(a, b) == 0) != equal)
        mini_fail(file, line, "\"%s\" %s \"%s\"", a, equal ? "!=" : "==", b);
}

static inline void mini_memory(const void *a, const void *b, size_t bytes,
                               int equal, const char *file, int line)
{
    if ((memcmp(a, b, bytes) == 0) != equal)
        mini_fail(file, line, "%zu bytes %s", bytes,
                  equal ? "differ" : "are equal");
}

#define mini_truth(c, want)                          \
    do {                                             \
        if (!(c) == (want))                          \
            mini_fail(__FILE__, __LINE__, "%s", #c); \
    } while (0)

/* Through uintptr_t for pointers, as cmocka's cast does for both. */
#define cast_to_largest_integral_type(value) ((LargestIntegralType)(value))
#define mini_ptr(p)                          ((uintmax_t)(uintptr_t)(p))

#define assert_true(c)     mini_truth(c, 1)
#define assert_false(c)    mini_truth(c, 0)
#define assert_non_null(p) mini_int(mini_ptr(p), 0, 0, __FILE__, __LINE__)
#define assert_null(p)     mini_int(mini_ptr(p), 0, 1, __FILE__, __LINE__)
#define assert_int_equal(a, b)                 \
    mini_int(cast_to_largest_integral_type(a), \
             cast_to_largest_integral_type(b), 1, __FILE__, __LINE__)
#define assert_int_not_equal(a, b)             \
    mini_int(cast_to_largest_integral_type(a), \
             cast_to_largest_integral_type(b), 0, __FILE__, __LINE__)
#define assert_ptr_equal(a, b) \
    mini_int(mini_ptr(a), mini_ptr(b), 1, __FILE__, __LINE__)
#define assert_ptr_not_equal(a, b) \
    mini_int(mini_ptr(a), mini_ptr(b), 0, __FILE__, __LINE__)
#define assert_string_equal(a, b)     mini_string(a, b, 1, __FILE__, __LINE__)
#define assert_string_not_equal(a, b) mini_string(a, b, 0, __FILE__, __LINE__)
#define assert_memory_equal(a, b, n)  mini_memory(a, b, n, 1, __FILE__, __LINE__)
#define assert_memory_not_equal(a, b, n) \
    mini_memory(a, b, n, 0, __FILE__, __LINE__)
#define assert_in_range(v, lo, hi)                \
    mini_range(cast_to_largest_integral_type(v),  \
               cast_to_largest_integral_type(lo), \
               cast_to_largest_integral_type(hi), 1, __FILE__, __LINE__)
#define assert_not_in_range(v, lo, hi)            \
    mini_range(cast_to_largest_integral_type(v),  \
               cast_to_largest_integral_type(lo), \
               cast_to_largest_integral_type(hi), 0, __FILE__, __LINE__)
#define assert_return_code(rc, error)                                        \
    do {                                                                     \
        if ((rc) < 0)                                                        \
            mini_fail(__FILE__, __LINE__, "%s < 0 (%d)", #rc, (int)(error)); \
    } while (0)

#define fail()        mini_fail(__FILE__, __LINE__, "failed")
#define fail_msg(...) mini_fail(__FILE__, __LINE__, __VA_ARGS__)
#define skip()        longjmp(mini_out, MINI_SKIPPED)

#define cmocka_unit_test(f)     \
    {                           \
#f, f, NULL, NULL, NULL \
    }
#define cmocka_unit_test_setup(f, setup) \
    {                                    \
#f, f, setup, NULL, NULL         \
    }
#define cmocka_unit_test_teardown(f, teardown) \
    {                                          \
#f, f, NULL, teardown, NULL            \
    }
#define cmocka_unit_test_setup_teardown(f, setup, teardown) \
    {                                                       \
#f, f, setup, teardown, NULL                        \
    }
#define cmocka_unit_test_prestate(f, state) \
    {                                       \
#f, f, NULL, NULL, state            \
    }
#define cmocka_unit_test_prestate_setup_teardown(f, setup, teardown, state) \
    {                                                                       \
#f, f, setup, teardown, state                                       \
    }

/* Run one test; returns 0, MINI_FAILED or MINI_SKIPPED. */
static inline int mini_run_one(const struct CMUnitTest *test, void *group_state)
{
    void *state = test->initial_state ? test->initial_state : group_state;
    int outcome = setjmp(mini_out);

    if (outcome)
        return outcome;
    if (test->setup_func && test->setup_func(&state))
        return MINI_FAILED;
    test->test_func(&state);
    if (test->teardown_func && test->teardown_func(&state))
        return MINI_FAILED;
    return 0;
}

static inline int mini_run_all(const char *group,
                               const struct CMUnitTest *tests, size_t count,
                               CMFixtureFunction setup,
                               CMFixtureFunction teardown)
{
    static const char *const word[] = { "OK", "FAILED", "SKIPPED" };
    void *state = NULL;
    int failed = 0;

    printf("[==========] %s: running %zu test(s)\n", group, count);
    if (setup && setup(&state))
        return 1;
    for (size_t i = 0; i < count; i++) {
        int outcome = mini_run_one(&tests[i], state);

        printf("[ %s ] %s\n", word[outcome], tests[i].name);
        fflush(stdout);
        failed += outcome == MINI_FAILED;
    }
    if (teardown && teardown(&state))
        failed++;
    printf("[==========] %d of %zu test(s) failed\n", failed, count);
    return failed;
}

#define cmocka_run_group_tests_name(name, tests, setup, teardown)        \
    mini_run_all(name, tests, sizeof(tests) / sizeof((tests)[0]), setup, \
                 teardown)
#define cmocka_run_group_tests(tests, setup, teardown) \
    cmocka_run_group_tests_name(#tests, tests, setup, teardown)

/* cmocka's checked allocation, without the checks. */
#define test_malloc(bytes)     malloc(bytes)
#define test_calloc(n, bytes)  calloc(n, bytes)
#define test_realloc(p, bytes) realloc(p, bytes)
#define test_free(p)           free(p)

#endif
