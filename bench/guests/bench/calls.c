/*
 * calls.c - chains of calls through pointers, 40 deep, over functions that
 * each have a page of 4 KiB for themselves.
 */
#include "bench.h"

#define FUNCTIONS 16
#define DEEP      40

static uint64_t (*table[FUNCTIONS])(uint64_t x, uint64_t left);

/* A function on a page of its own: changes x, lets the next one do the rest,
 * and has work left to do after that. */
#define ON_A_PAGE(number, before, after)                   \
    static __attribute__((noinline, aligned(4096),         \
                          section(".text.calls" #number))) \
    uint64_t call##number(uint64_t x, uint64_t left)       \
    {                                                      \
        if (!left)                                         \
            return x;                                      \
        x = before;                                        \
        x = table[(x >> 7) % FUNCTIONS](x, left - 1);      \
        return after;                                      \
    }

ON_A_PAGE(0, x * 5 + 1, x ^ left)
ON_A_PAGE(1, x ^ x >> 9, x + left)
ON_A_PAGE(2, x + (x << 3), x - left)
ON_A_PAGE(3, ~x, x ^ x >> 11)
ON_A_PAGE(4, x * 9 + left, x + 3)
ON_A_PAGE(5, x - (x >> 5), x ^ left << 9)
ON_A_PAGE(6, x ^ 0x5555, x + (x << 1))
ON_A_PAGE(7, x + 0x12345, x ^ x >> 13)
ON_A_PAGE(8, x << 1 | x >> 63, x + left)
ON_A_PAGE(9, x >> 1 | x << 63, x - 7)
ON_A_PAGE(10, x * 3, x ^ 0x77)
ON_A_PAGE(11, x ^ left, x * 3)
ON_A_PAGE(12, x + left * 129, x ^ x << 5)
ON_A_PAGE(13, x - 0x999, x + 1)
ON_A_PAGE(14, x ^ x << 7, x ^ left)
ON_A_PAGE(15, x * 7 - 1, x + (x >> 3))

/* Filled at run time, so that no compiler calls them directly. */
static void fill_table(void)
{
    static uint64_t (*const all[FUNCTIONS])(uint64_t, uint64_t) = {
        call0, call1, call2,  call3,  call4,  call5,  call6,  call7,
        call8, call9, call10, call11, call12, call13, call14, call15,
    };

    for (int i = 0; i < FUNCTIONS; i++)
        table[i * 7 % FUNCTIONS] = all[i];
}

BENCH("calls", 300000)
{
    uint64_t h = 0;

    fill_table();
    for (unsigned long r = 0; r < reps; r++)
        h = mix64(h, table[r % FUNCTIONS](r * 0x9e3779b9u, DEEP));
    return h;
}
