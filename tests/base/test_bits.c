/*
 * test_bits.c - fields, byte order, exact scaling.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/bits.h"

static void test_fields(void **state)
{
    (void)state;
    assert_true(bits_mask(0) == 0);
    assert_true(bits_mask(64) == UINT64_MAX);
    assert_int_equal(bits_get(0xabcd, 4, 8), 0xbc);
    assert_int_equal(bits_set(0xabcd, 4, 8, 0x11), 0xa11d);
    assert_true(bits_set(0, 0, 64, UINT64_MAX) == UINT64_MAX);
    assert_true(sign_extend(0x80, 8) == -128);
    assert_true(sign_extend(0x7f, 8) == 127);
    assert_true(sign_extend(0x1ff, 8) == -1);
    assert_true(sign_extend(UINT64_MAX, 64) == -1);
}

static void test_alignment(void **state)
{
    (void)state;
    assert_true(is_power_of_2(1) && is_power_of_2(4096));
    assert_false(is_power_of_2(0) || is_power_of_2(3));
    assert_int_equal(align_up(4097, 4096), 8192);
    assert_int_equal(align_down(4097, 4096), 4096);
    assert_true(is_aligned(8, 8) && !is_aligned(9, 8));
}

static void test_byte_order(void **state)
{
    uint8_t b[9] = { 0, 1, 2, 3, 4, 5, 6, 7, 8 };

    (void)state;
    assert_int_equal(load_be16(b + 1), 0x0102);
    assert_int_equal(load_le16(b + 1), 0x0201);
    assert_int_equal(load_be32(b + 1), 0x01020304);
    assert_int_equal(load_le32(b + 1), 0x04030201);
    assert_true(load_be64(b + 1) == 0x0102030405060708);
    assert_true(load_le64(b + 1) == 0x0807060504030201);
    store_be32(b + 1, 0xaabbccdd);
    assert_int_equal(b[1], 0xaa);
    store_le64(b + 1, 0x1122334455667788);
    assert_int_equal(b[1], 0x88);
    assert_int_equal(swap_bytes(0x1234, 2), 0x3412);
    assert_int_equal(swap_bytes(0x12, 1), 0x12);
    assert_int_equal(swap_bytes(0x11223344, 4), 0x44332211);
    assert_true(swap_bytes(0x1122334455667788, 8) == 0x8877665544332211);
}

static void test_scaling(void **state)
{
    (void)state;
    assert_int_equal(scale_floor(7, 3, 2), 10);
    assert_int_equal(scale_ceil(7, 3, 2), 11);
    assert_int_equal(scale_ceil(8, 3, 2), 12);
    assert_true(scale_floor(UINT64_MAX, 1000, 1000) == UINT64_MAX);
    assert_true(scale_floor(UINT64_MAX, 3, 2) == UINT64_MAX);
    assert_true(scale_ceil(UINT64_MAX, 3, 2) == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_alignment),
        cmocka_unit_test(test_byte_order),
        cmocka_unit_test(test_scaling),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
