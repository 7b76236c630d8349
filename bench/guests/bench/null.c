/*
 * null.c - no work: gives the start-up and shut-down cost to subtract.
 */
#include "bench.h"

BENCH("null", 1)
{
    return reps ? 1 : 0;
}
