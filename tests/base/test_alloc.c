/*
 * test_alloc.c - the embedder's allocator and the default one, byte counts,
 * log.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/log.h"
#include "fake_alloc.h"

static void use(struct alloc *a)
{
    uint8_t *p = alloc_zeroed(a, 1000), *pages;
    char *text;
    int i;

    assert_non_null(p);
    assert_int_equal((uintptr_t)p % 16, 0);
    for (i = 0; i < 1000; i++)
        assert_int_equal(p[i], 0);
    pages = alloc_pages(a, 8192, 0);
    assert_non_null(pages);
    assert_int_equal((uintptr_t)pages % 4096, 0);
    assert_int_equal(pages[8191], 0);
    text = alloc_string(a, "hello");
    assert_string_equal(text, "hello");
    assert_int_equal(alloc_held_bytes(a), 1000 + 8192 + 6);
    alloc_string_free(a, text);
    alloc_pages_free(a, pages, 8192, 0);
    alloc_free(a, p, 1000);
    alloc_free(a, NULL, 5);
    alloc_pages_free(a, NULL, 5, 0);
    alloc_string_free(a, NULL);
    assert_int_equal(alloc_held_bytes(a), 0);
}

static void test_default(void **state)
{
    struct alloc a;

    (void)state;
    assert_int_equal(alloc_init(&a, NULL), 0);
    use(&a);
    assert_null(alloc_array(&a, UINT64_MAX / 2, 4));
    assert_null(alloc_array(&a, 0, 4));
}

static void test_embedder(void **state)
{
    struct fake_alloc fake;
    disco_allocator ops = fake_alloc_ops(&fake);
    struct alloc a;

    (void)state;
    assert_int_equal(alloc_init(&a, &ops), 0);
    use(&a);
    assert_int_equal(fake.live, 0);
    assert_int_equal(fake.bad_frees, 0);
    fake.fail_at = fake.calls + 1;
    assert_null(alloc_zeroed(&a, 8));
    assert_int_equal(alloc_held_bytes(&a), 0);
}

static void test_incomplete(void **state)
{
    struct fake_alloc fake;
    disco_allocator ops = fake_alloc_ops(&fake);
    struct alloc a;

    (void)state;
    ops.free = NULL;
    assert_int_equal(alloc_init(&a, &ops), DISCO_E_INVAL);
    ops = fake_alloc_ops(&fake);
    ops.flags = 1;
    assert_int_equal(alloc_init(&a, &ops), DISCO_E_INVAL);
    ops.size = 0;
    assert_int_equal(alloc_init(&a, &ops), DISCO_E_INVAL);
}

static void sink(void *opaque, int32_t level, const char *domain,
                 const char *text)
{
    char *out = opaque;

    assert_int_equal(level, DISCO_LOG_WARN);
    assert_string_equal(domain, "mem");
    strcpy(out, text);
}

static void test_log(void **state)
{
    char line[600] = "";
    struct log log = { NULL, line };

    (void)state;
    log_format(&log, DISCO_LOG_WARN, "mem", "%d", 5);
    log_text(&log, DISCO_LOG_WARN, "mem", "x");
    assert_string_equal(line, "");
    log.fn = sink;
    log_format(&log, DISCO_LOG_WARN, "mem", "%d pages", 5);
    assert_string_equal(line, "5 pages");
    log_text(&log, DISCO_LOG_WARN, "mem", "x%d");
    assert_string_equal(line, "x%d");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default),
        cmocka_unit_test(test_embedder),
        cmocka_unit_test(test_incomplete),
        cmocka_unit_test(test_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
