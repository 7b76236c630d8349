/*
 * features.c - see features.h.
 */
#include "x64/features.h"

#if X64_IS_HOST
#include <cpuid.h>

unsigned x64_features(void)
{
    unsigned a, b, c, d, has = 0;

    if (!__get_cpuid(1, &a, &b, &c, &d))
        return 0;
    if (c & bit_MOVBE)
        has |= X64_HAS_MOVBE;
    if (c & bit_SSE4_1)
        has |= X64_HAS_SSE41;
    if (c & bit_OSXSAVE && c & bit_AVX) {
        unsigned low, high;

        __asm__ __volatile__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
        if ((low & 6) == 6)
            has |= X64_HAS_AVX;
    }
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d) && b & bit_BMI2 &&
        has & X64_HAS_AVX)
        has |= X64_HAS_BMI2;
    return has;
}
#else
unsigned x64_features(void)
{
    return 0;
}
#endif
