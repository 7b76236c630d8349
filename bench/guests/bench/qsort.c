/*
 * qsort.c - quicksort of 50000 keys of 32 bits, in place.  Every comparison is
 * a call through a pointer, in the manner of the C library's qsort.
 */
#include "bench.h"

#define N     50000
#define SHORT 12 /* a run that insertion sorts faster */

static uint32_t keys[N];

static int rising(const uint32_t *a, const uint32_t *b)
{
    return (*a > *b) - (*a < *b);
}

static int by_low_half(const uint32_t *a, const uint32_t *b)
{
    uint32_t x = *a << 16 | *a >> 16, y = *b << 16 | *b >> 16;

    return (x > y) - (x < y);
}

/* Chosen at run time, so that no compiler calls them directly. */
static int (*orders[2])(const uint32_t *, const uint32_t *) = { rising,
                                                                by_low_half };

static void swap(uint32_t *a, uint32_t *b)
{
    uint32_t t = *a;

    *a = *b;
    *b = t;
}

static void insertion_sort(uint32_t *first, uint32_t *end,
                           int (*order)(const uint32_t *, const uint32_t *))
{
    for (uint32_t *p = first + 1; p < end; p++)
        for (uint32_t *q = p; q > first && order(q - 1, q) > 0; q--)
            swap(q - 1, q);
}

/* The median of first, middle and last goes to the front. */
static void choose_pivot(uint32_t *first, uint32_t *last,
                         int (*order)(const uint32_t *, const uint32_t *))
{
    uint32_t *middle = first + (last - first) / 2;

    if (order(middle, last) > 0)
        swap(middle, last);
    if (order(first, middle) < 0)
        swap(first, middle);
    if (order(first, last) > 0)
        swap(first, last);
}

static NOINLINE void sort(uint32_t *first, uint32_t *end,
                          int (*order)(const uint32_t *, const uint32_t *))
{
    while (end - first > SHORT) {
        uint32_t *low = first, *high = end;

        choose_pivot(first, end - 1, order);
        for (;;) {
            do
                low++;
            while (low < end && order(low, first) < 0);
            do
                high--;
            while (order(high, first) > 0);
            if (low >= high)
                break;
            swap(low, high);
        }
        swap(first, high);
        /* The shorter part by a call: the stack stays shallow. */
        if (high - first < end - high) {
            sort(first, high, order);
            first = high + 1;
        } else {
            sort(high + 1, end, order);
            end = high;
        }
    }
    insertion_sort(first, end, order);
}

BENCH("qsort", 25)
{
    uint32_t seed = 2463534242u;
    uint64_t h = 0;

    for (unsigned long r = 0; r < reps; r++) {
        int (*order)(const uint32_t *, const uint32_t *) = orders[r & 1];
        uint32_t wrong = 0;

        for (int i = 0; i < N; i++)
            keys[i] = xorshift32(&seed);
        sort(keys, keys + N, order);
        for (int i = 1; i < N; i++)
            wrong += order(&keys[i - 1], &keys[i]) > 0;
        h = mix64(mix64(h, wrong), keys[N / 3]);
    }
    return h;
}
