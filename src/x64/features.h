/*
 * features.h - what this processor can do beyond plain x86-64.
 */
#ifndef X64_FEATURES_H
#define X64_FEATURES_H

enum {
    X64_HAS_MOVBE = 1,
    X64_HAS_BMI2 = 2,
    X64_HAS_AVX = 4, /* and the system saves its registers */
    X64_HAS_SSE41 = 8
};

/* X64_HAS_*; 0 on other processors.  Thread: any. */
unsigned x64_features(void);

/* Is the host an x86-64 on which this library can run code it makes? */
#if defined(__x86_64__) && defined(__linux__) && !defined(__ILP32__)
#define X64_IS_HOST 1
#else
#define X64_IS_HOST 0
#endif

#endif
