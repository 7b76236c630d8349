/*
 * test_disk_model.c - long random sequences of disk requests and stores.
 */
#include "core/disk_model.h"

#include <stdlib.h>

#include "fixture.h"

enum { BYTES = 1 + 8 * 1500 };

static void random_sequences(void **state)
{
    static uint8_t data[BYTES];
    uint32_t seed, random, i;

    (void)state;
    for (seed = 0; seed < 16; seed++) {
        random = seed * 77 + 5;
        for (i = 0; i < BYTES; i++) {
            random = random * 1664525 + 1013904223;
            data[i] = (uint8_t)(random >> 24);
        }
        data[0] = (uint8_t)seed; /* all kinds of scarcity */
        disk_model_run(data, BYTES);
    }
}

static void with_walks(void **state)
{
    static uint8_t data[1 + 8 * 60];
    uint32_t random = 3, i;

    (void)state;
    for (i = 0; i < sizeof(data); i++) {
        random = random * 1664525 + 1013904223;
        data[i] = (uint8_t)(random >> 24);
    }
    data[0] = 0x12;
    disk_model_run(data, sizeof(data));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_sequences),
        cmocka_unit_test(with_walks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
