/*
 * test_config.c - the size rule of public structs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/config.h"

struct known {
    uint32_t size;
    uint32_t a;
    uint64_t b;
};

struct newer {
    struct known k;
    uint64_t c;
};

static void test_same_size_and_null(void **state)
{
    struct known in = { sizeof(in), 2, 3 }, out;

    (void)state;
    assert_int_equal(config_copy(&out, sizeof(out), &in), 0);
    assert_int_equal(out.b, 3);
    assert_int_equal(config_copy(&out, sizeof(out), NULL), 0);
    assert_int_equal(out.size, sizeof(out));
    assert_int_equal(out.a, 0);
    assert_int_equal(out.b, 0);
}

static void test_shorter(void **state)
{
    struct known in = { 8, 2, 3 }, out;

    (void)state;
    assert_int_equal(config_copy(&out, sizeof(out), &in), 0);
    assert_int_equal(out.size, sizeof(out));
    assert_int_equal(out.a, 2);
    assert_int_equal(out.b, 0);
    in.size = 7;
    assert_int_equal(config_copy(&out, sizeof(out), &in), DISCO_E_INVAL);
    in.size = 0;
    assert_int_equal(config_copy(&out, sizeof(out), &in), DISCO_E_INVAL);
}

static void test_longer(void **state)
{
    struct newer in = { { sizeof(in), 2, 3 }, 0 };
    struct known out;

    (void)state;
    assert_int_equal(config_copy(&out, sizeof(out), &in), 0);
    assert_int_equal(out.b, 3);
    in.c = UINT64_C(1) << 63;
    assert_int_equal(config_copy(&out, sizeof(out), &in), DISCO_E_VERSION);
}

static void test_give(void **state)
{
    struct known src = { 0, 2, 3 };
    struct newer out = { { sizeof(out), 9, 9 }, 9 };

    (void)state;
    assert_int_equal(config_give(&out, &src, sizeof(src)), 0);
    assert_int_equal(out.k.size, sizeof(out));
    assert_int_equal(out.k.b, 3);
    assert_int_equal(out.c, 9);
    out.k.size = 8;
    out.k.b = 77;
    assert_int_equal(config_give(&out, &src, sizeof(src)), 0);
    assert_int_equal(out.k.size, 8);
    assert_int_equal(out.k.a, 2);
    assert_int_equal(out.k.b, 77);
    out.k.size = 0;
    assert_int_equal(config_give(&out, &src, sizeof(src)), DISCO_E_INVAL);
    assert_int_equal(config_give(NULL, &src, sizeof(src)), DISCO_E_INVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_size_and_null),
        cmocka_unit_test(test_shorter),
        cmocka_unit_test(test_longer),
        cmocka_unit_test(test_give),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
