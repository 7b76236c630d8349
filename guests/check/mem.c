/*
 * mem.c - loads and stores of every size, and the unaligned pairs LWL/LWR,
 * LDL/LDR and their stores at every offset, against a byte-wise model
 * (big-endian).
 */
#include "check.h"

static uint8_t buf[32] __attribute__((aligned(8)));
static const uint8_t pattern[32] = { 0x80, 0x91, 0xa2, 0xb3, 0x44, 0x55, 0x66,
                                     0x77, 0x08, 0x19, 0x2a, 0x3b, 0xcc, 0xdd,
                                     0xee, 0xff, 0xf0, 0xe1, 0xd2, 0xc3, 0xb4,
                                     0xa5, 0x96, 0x87, 0x78, 0x69, 0x5a, 0x4b,
                                     0x3c, 0x2d, 0x1e, 0x0f };

#define LOAD(insn, p)                                                       \
    ({                                                                      \
        uint64_t r_;                                                        \
        __asm__ volatile(insn " %0, 0(%1)" : "=r"(r_) : "r"(p) : "memory"); \
        r_;                                                                 \
    })
#define LOAD_INTO(insn, old, p)                                             \
    ({                                                                      \
        uint64_t r_ = (old);                                                \
        __asm__ volatile(insn " %0, 0(%1)" : "+r"(r_) : "r"(p) : "memory"); \
        r_;                                                                 \
    })
#define STORE(insn, v, p) \
    __asm__ volatile(insn " %0, 0(%1)" : : "r"(v), "r"(p) : "memory")

#define OLD   0x1111222233334444
#define VALUE 0xfedcba9876543210

static uint64_t bytes_at(const uint8_t *p, int n)
{
    uint64_t v = 0;

    while (n--)
        v = v << 8 | *p++;
    return v;
}

static void reset_buf(void)
{
    for (int i = 0; i < 32; i++)
        buf[i] = pattern[i];
}

static void loads(void)
{
    reset_buf();
    CHECK(LOAD("lb", buf), 0xffffffffffffff80);
    CHECK(LOAD("lb", buf + 4), 0x44);
    CHECK(LOAD("lbu", buf), 0x80);
    CHECK(LOAD("lh", buf + 2), 0xffffffffffffa2b3);
    CHECK(LOAD("lhu", buf + 2), 0xa2b3);
    CHECK(LOAD("lw", buf), 0xffffffff8091a2b3);
    CHECK(LOAD("lw", buf + 4), 0x44556677);
    CHECK(LOAD("lwu", buf), 0x8091a2b3);
    CHECK(LOAD("ld", buf + 8), 0x08192a3bccddeeff);
}

static void stores(void)
{
    reset_buf();
    STORE("sb", VALUE, buf + 1);
    CHECK(bytes_at(buf, 8), 0x8010a2b344556677);
    STORE("sh", VALUE, buf + 2);
    CHECK(bytes_at(buf, 8), 0x8010321044556677);
    STORE("sw", VALUE, buf + 4);
    CHECK(bytes_at(buf, 8), 0x8010321076543210);
    STORE("sd", VALUE, buf + 8);
    CHECK(bytes_at(buf + 8, 8), VALUE);
    CHECK(bytes_at(buf + 16, 8), bytes_at(pattern + 16, 8));
}

static void offsets(void)
{
    uint64_t v;

    reset_buf();
    __asm__ volatile("ld %0, -8(%1)" : "=r"(v) : "r"(buf + 16) : "memory");
    CHECK(v, 0x08192a3bccddeeff);
    __asm__ volatile("lhu %0, 32766(%1)"
                     : "=r"(v)
                     : "r"((uintptr_t)buf + 2 - 32766)
                     : "memory");
    CHECK(v, 0xa2b3);
    __asm__ volatile("lbu %0, -32768(%1)"
                     : "=r"(v)
                     : "r"((uintptr_t)buf + 5 + 32768)
                     : "memory");
    CHECK(v, 0x55);
}

/* LWL fills from the top, LWR from the bottom. */
static void word_loads(void)
{
    reset_buf();
    for (int i = 0; i < 8; i++) {
        int left = 4 - (i & 3), right = (i & 3) + 1;
        uint32_t l = (uint32_t)(bytes_at(buf + i, left) << 8 * (4 - left));
        uint32_t r = (uint32_t)bytes_at(buf + i + 1 - right, right);
        uint32_t keep_l = (uint32_t)((1ul << 8 * (4 - left)) - 1);
        uint32_t keep_r = (uint32_t) ~((1ul << 8 * right) - 1);
        uint64_t v = LOAD_INTO("lwl", OLD, buf + i);

        CHECK(v, (int64_t)(int32_t)(l | ((uint32_t)OLD & keep_l)));
        v = LOAD_INTO("lwr", OLD, buf + i);
        CHECK((uint32_t)v, r | ((uint32_t)OLD & keep_r));
        if (right == 4)
            CHECK(v, (int64_t)(int32_t)r);
        v = LOAD_INTO("lwl", OLD, buf + i);
        v = LOAD_INTO("lwr", v, buf + i + 3);
        CHECK(v, (int64_t)(int32_t)bytes_at(buf + i, 4));
    }
}

static void doubleword_loads(void)
{
    reset_buf();
    for (int i = 0; i < 16; i++) {
        int left = 8 - (i & 7), right = (i & 7) + 1;
        uint64_t keep = left == 8 ? 0 : (1ul << 8 * (8 - left)) - 1;
        uint64_t v = LOAD_INTO("ldl", OLD, buf + i);

        CHECK(v, bytes_at(buf + i, left) << 8 * (8 - left) | (OLD & keep));
        keep = right == 8 ? 0 : ~((1ul << 8 * right) - 1);
        v = LOAD_INTO("ldr", OLD, buf + i);
        CHECK(v, bytes_at(buf + i + 1 - right, right) | (OLD & keep));
        v = LOAD_INTO("ldl", OLD, buf + i);
        v = LOAD_INTO("ldr", v, buf + i + 7);
        CHECK(v, bytes_at(buf + i, 8));
    }
}

/* Compare the buffer with the pattern but for `n` bytes at `at`. */
static void check_stored(int at, int n, uint64_t v)
{
    for (int i = 0; i < 32; i++) {
        uint8_t want = pattern[i];

        if (i >= at && i < at + n)
            want = (uint8_t)(v >> 8 * (n - 1 - (i - at)));
        check_eq("stored byte", i, buf[i], want);
    }
}

static void word_stores(void)
{
    for (int i = 0; i < 8; i++) {
        int left = 4 - (i & 3), right = (i & 3) + 1;

        reset_buf();
        STORE("swl", VALUE, buf + i);
        check_stored(i, left, (uint32_t)VALUE >> 8 * (4 - left));
        reset_buf();
        STORE("swr", VALUE, buf + i);
        check_stored(i + 1 - right, right, (uint32_t)VALUE);
        reset_buf();
        STORE("swl", VALUE, buf + i);
        STORE("swr", VALUE, buf + i + 3);
        check_stored(i, 4, (uint32_t)VALUE);
    }
}

static void doubleword_stores(void)
{
    for (int i = 0; i < 16; i++) {
        int left = 8 - (i & 7), right = (i & 7) + 1;

        reset_buf();
        STORE("sdl", VALUE, buf + i);
        check_stored(i, left, VALUE >> 8 * (8 - left));
        reset_buf();
        STORE("sdr", VALUE, buf + i);
        check_stored(i + 1 - right, right, VALUE);
        reset_buf();
        STORE("sdl", VALUE, buf + i);
        STORE("sdr", VALUE, buf + i + 7);
        check_stored(i, 8, VALUE);
    }
}

/* What the compiler makes of packed structures. */
struct packed {
    uint8_t a;
    uint64_t b;
    uint32_t c;
    uint16_t d;
    int32_t e;
} __attribute__((packed));

static void packed_struct(void)
{
    volatile struct packed *p = (volatile struct packed *)(buf + 1);

    reset_buf();
    CHECK(p->b, bytes_at(pattern + 2, 8));
    CHECK(p->c, bytes_at(pattern + 10, 4));
    CHECK(p->d, bytes_at(pattern + 14, 2));
    CHECK((int64_t)p->e, (int64_t)(int32_t)bytes_at(pattern + 16, 4));
    p->b = VALUE;
    check_stored(2, 8, VALUE);
    reset_buf();
    p->e = 0x01020304;
    check_stored(16, 4, 0x01020304);
    reset_buf();
    p->d = 0xbeef;
    check_stored(14, 2, 0xbeef);
}

#ifndef GUEST_LINUX
/* The same memory through cached, uncached and 64-bit addresses. */
static void aliases(void)
{
    uint64_t phys = FREE_PHYS;
    volatile uint64_t *k0 = (volatile uint64_t *)(KSEG0 + phys);
    volatile uint64_t *k1 = (volatile uint64_t *)(KSEG1 + phys);
    volatile uint64_t *cached =
        (volatile uint64_t *)(0xa800000000000000 + phys);
    volatile uint64_t *raw = (volatile uint64_t *)(0x9000000000000000 + phys);

    *k0 = 0x1122334455667788;
    CHECK(*k1, 0x1122334455667788);
    CHECK(*cached, 0x1122334455667788);
    CHECK(*raw, 0x1122334455667788);
    *raw = 42;
    CHECK(*k0, 42);
    *cached = 43;
    CHECK(*k1, 43);
}
#endif

const struct check checks[] = {
    { "loads", loads },
    { "stores", stores },
    { "offsets", offsets },
    { "word_loads", word_loads },
    { "doubleword_loads", doubleword_loads },
    { "word_stores", word_stores },
    { "doubleword_stores", doubleword_stores },
    { "packed_struct", packed_struct },
#ifndef GUEST_LINUX
    { "aliases", aliases },
#endif
    { NULL, NULL },
};
