/*
 * bits.h - integers as bits: fields, alignment, byte order, exact scaling.
 * Pure functions; any thread.
 */
#ifndef BASE_BITS_H
#define BASE_BITS_H

#include <stdint.h>
#include <string.h>

static inline uint64_t bits_mask(unsigned width)
{
    return width >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << width) - 1;
}

/* `width` bits of `v` from bit `low` on. */
static inline uint64_t bits_get(uint64_t v, unsigned low, unsigned width)
{
    return v >> low & bits_mask(width);
}

/* `v` with these bits replaced by the low bits of `field`. */
static inline uint64_t bits_set(uint64_t v, unsigned low, unsigned width,
                                uint64_t field)
{
    uint64_t mask = bits_mask(width) << low;

    return (v & ~mask) | (field << low & mask);
}

/* Value of the low `width` bits (1..64) as a signed number. */
static inline int64_t sign_extend(uint64_t v, unsigned width)
{
    uint64_t sign = UINT64_C(1) << (width - 1);

    return (int64_t)(((v & bits_mask(width)) ^ sign) - sign);
}

static inline int is_power_of_2(uint64_t v)
{
    return v && !(v & (v - 1));
}

/* `unit` is a power of two. */
static inline uint64_t align_down(uint64_t v, uint64_t unit)
{
    return v & ~(unit - 1);
}

static inline uint64_t align_up(uint64_t v, uint64_t unit)
{
    return (v + unit - 1) & ~(unit - 1);
}

static inline int is_aligned(uint64_t v, uint64_t unit)
{
    return !(v & (unit - 1));
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static inline uint16_t swap16(uint16_t v)
{
    return __builtin_bswap16(v);
}

static inline uint32_t swap32(uint32_t v)
{
    return __builtin_bswap32(v);
}

static inline uint64_t swap64(uint64_t v)
{
    return __builtin_bswap64(v);
}

/* Reverse the low `bytes` (1, 2, 4, 8) bytes; the rest becomes zero. */
static inline uint64_t swap_bytes(uint64_t v, unsigned bytes)
{
    return swap64(v) >> (64 - 8 * bytes);
}

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
enum { HOST_IS_BIG = 0 };
#else
enum { HOST_IS_BIG = 1 };
#endif

/* Unaligned loads and stores in a given byte order. */
#define BITS_ACCESS(width)                                           \
    static inline uint##width##_t load_host##width(const void *p)    \
    {                                                                \
        uint##width##_t v;                                           \
        memcpy(&v, p, sizeof(v));                                    \
        return v;                                                    \
    }                                                                \
    static inline void store_host##width(void *p, uint##width##_t v) \
    {                                                                \
        memcpy(p, &v, sizeof(v));                                    \
    }                                                                \
    static inline uint##width##_t load_be##width(const void *p)      \
    {                                                                \
        uint##width##_t v = load_host##width(p);                     \
        return HOST_IS_BIG ? v : swap##width(v);                     \
    }                                                                \
    static inline uint##width##_t load_le##width(const void *p)      \
    {                                                                \
        uint##width##_t v = load_host##width(p);                     \
        return HOST_IS_BIG ? swap##width(v) : v;                     \
    }                                                                \
    static inline void store_be##width(void *p, uint##width##_t v)   \
    {                                                                \
        store_host##width(p, HOST_IS_BIG ? v : swap##width(v));      \
    }                                                                \
    static inline void store_le##width(void *p, uint##width##_t v)   \
    {                                                                \
        store_host##width(p, HOST_IS_BIG ? swap##width(v) : v);      \
    }

BITS_ACCESS(16)
BITS_ACCESS(32)
BITS_ACCESS(64)
#undef BITS_ACCESS

/* v * mul / div without overflow in between; saturates at UINT64_MAX. */
static inline uint64_t scale_floor(uint64_t v, uint64_t mul, uint64_t div)
{
    __extension__ unsigned __int128 r = (unsigned __int128)v * mul / div;

    return r > UINT64_MAX ? UINT64_MAX : (uint64_t)r;
}

static inline uint64_t scale_ceil(uint64_t v, uint64_t mul, uint64_t div)
{
    __extension__ unsigned __int128 r =
        ((unsigned __int128)v * mul + (div - 1)) / div;

    return r > UINT64_MAX ? UINT64_MAX : (uint64_t)r;
}

#endif
