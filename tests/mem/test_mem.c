/*
 * test_mem.c - shared copies at every alignment, compared with memcpy.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "mem/mem.h"

static void test_copies(void **state)
{
    uint8_t src[80], shared[96] __attribute__((aligned(8))), want[96];
    unsigned at, n, i;

    (void)state;
    for (i = 0; i < sizeof(src); i++)
        src[i] = (uint8_t)(i + 1);
    for (at = 0; at < 9; at++) {
        for (n = 0; n < 64; n++) {
            memset(shared, 0xee, sizeof(shared));
            memset(want, 0xee, sizeof(want));
            memcpy(want + at, src + 3, n);
            mem_copy_to_shared(shared + at, src + 3, n);
            assert_memory_equal(shared, want, sizeof(want));
            memset(want, 0xee, sizeof(want));
            memcpy(want + 1, shared + at, n);
            memset(src + 70, 0, 10);
            mem_copy_from_shared(want + 1, shared + at, n);
            assert_memory_equal(want + 1, src + 3, n);
            assert_int_equal(want[1 + n], 0xee);
            mem_zero_shared(shared + at, n);
            for (i = 0; i < n; i++)
                assert_int_equal(shared[at + i], 0);
            assert_int_equal(shared[at + n], 0xee);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
