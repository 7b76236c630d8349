/*
 * code.c - what compiled C leans on: switches, recursion, structures by value,
 * variable arguments, function pointers, bit fields, 128-bit products, loops
 * over tables.  Every expected value was worked out by hand or on the host.
 */
#include "check.h"

static int pick(int n)
{
    switch (n) {
    case 0:
        return 17;
    case 1:
        return 3;
    case 2:
        return 99;
    case 3:
        n += 4;
        /* fall through */
    case 4:
        return n * 2;
    case 5:
        return -1;
    case 6:
        return 1000;
    case 1000:
        return 6;
    case -7:
        return 7;
    default:
        return 0;
    }
}

static void switches(void)
{
    static const int in[] = { 0, 1, 2, 3, 4, 5, 6, 7, 1000, -7, 1001 };
    static const int out[] = { 17, 3, 99, 14, 8, -1, 1000, 0, 6, 7, 0 };
    volatile int n;

    for (unsigned i = 0; i < sizeof in / sizeof *in; i++) {
        n = in[i];
        CHECK(pick(n), (int64_t)out[i]);
    }
}

static uint32_t __attribute__((noinline)) ackermann(uint32_t m, uint32_t n)
{
    if (!m)
        return n + 1;
    if (!n)
        return ackermann(m - 1, 1);
    return ackermann(m - 1, ackermann(m, n - 1));
}

static uint64_t __attribute__((noinline)) fib(unsigned n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static void recursion(void)
{
    CHECK(ackermann(2, 9), 21);
    CHECK(fib(20), 6765);
}

struct big {
    uint64_t a[5];
    uint8_t b;
    double c;
};
struct small {
    int32_t x;
    uint16_t y;
    int8_t z;
};

static struct big __attribute__((noinline)) make_big(uint64_t n, double c)
{
    struct big b = { .b = (uint8_t)n, .c = c };

    for (int i = 0; i < 5; i++)
        b.a[i] = n + (uint64_t)i;
    return b;
}

static uint64_t __attribute__((noinline)) sum_big(struct big b, struct small s)
{
    uint64_t sum = b.b;

    for (int i = 0; i < 5; i++)
        sum += b.a[i];
    return sum + (uint64_t)(int64_t)b.c + (uint64_t)(int64_t)s.x + s.y +
           (uint64_t)(int64_t)s.z;
}

static void structs(void)
{
    volatile uint64_t n = 0x1ff;
    struct small s = { -5, 65535, -1 };
    struct big a = make_big(n, 7.75), b = a;

    CHECK(sum_big(b, s), 5 * 0x1ff + 10 + 0xff + 7 - 5 + 65535 - 1);
    b.a[2]++;
    CHECK(memcmp(&a, &b, sizeof a) != 0, 1);
    CHECK(sizeof(struct big), 56);
}

/* More arguments than registers, in every class. */
static int64_t __attribute__((noinline))
many(int a, double b, int64_t c, float d, uint8_t e, double f, int16_t g,
     double h, int64_t i, float j, int k)
{
    return a + (int64_t)b * 2 + c * 3 + (int64_t)d * 4 + e * 5 +
           (int64_t)f * 6 + g * 7 + (int64_t)h * 8 + i * 9 + (int64_t)j * 10 +
           k * 11;
}

static int64_t __attribute__((noinline)) sum_list(const char *kinds, ...)
{
    va_list ap;
    int64_t sum = 0;

    va_start(ap, kinds);
    for (; *kinds; kinds++) {
        if (*kinds == 'i')
            sum += va_arg(ap, int);
        else if (*kinds == 'l')
            sum += va_arg(ap, int64_t);
        else
            sum += (int64_t)va_arg(ap, double);
    }
    va_end(ap);
    return sum;
}

static void arguments(void)
{
    CHECK(many(1, 2.5, -3, 4.5f, 5, 6.5, -7, 8.5, 9, 10.5f, 11),
          1 + 4 - 9 + 16 + 25 + 36 - 49 + 64 + 81 + 100 + 121);
    CHECK(sum_list("ildildildil", 1, 2l, 3.0, -4, 5l, 6.0, 7, 8l, 9.5, -10,
                   1l << 40),
          1 + 2 + 3 - 4 + 5 + 6 + 7 + 8 + 9 - 10 + (1l << 40));
}

static uint64_t twice(uint64_t v)
{
    return v * 2;
}
static uint64_t square(uint64_t v)
{
    return v * v;
}
static uint64_t minus(uint64_t v)
{
    return -v;
}

static void pointers(void)
{
    uint64_t (*const table[])(uint64_t) = { twice, square, minus };
    volatile unsigned n;
    uint64_t v = 3;

    for (n = 0; n < 9; n++)
        v = table[n % 3](v);
    CHECK(v, 0xfffffffff997c000);
    v = 3;
    n = 1;
    CHECK(table[n](table[n - 1](v)), 36);
    CHECK(table[n + 1](1), -1ul);
}

struct bits {
    uint32_t a : 3;
    int32_t b : 5;
    uint32_t c : 17;
    uint64_t d : 41;
    int64_t e : 23;
};

static void bit_fields(void)
{
    volatile struct bits b = { 0 };
    volatile uint32_t n = 13;

    b.a = n & 15;
    b.b = -9;
    b.c = 0x1abcd;
    b.d = 0x123456789ab;
    b.e = -4000000;
    CHECK(b.a, 5);
    CHECK((int64_t)b.b, -9);
    CHECK(b.c, 0x1abcd);
    CHECK(b.d, 0x123456789ab);
    CHECK((int64_t)b.e, -4000000);
}

static int less(const uint32_t *a, const uint32_t *b)
{
    return *a < *b;
}

static void sort(uint32_t *v, int n,
                 int (*before)(const uint32_t *, const uint32_t *))
{
    for (int i = 1; i < n; i++)
        for (int j = i; j > 0 && before(&v[j], &v[j - 1]); j--) {
            uint32_t t = v[j];

            v[j] = v[j - 1];
            v[j - 1] = t;
        }
}

static void sorting(void)
{
    uint32_t v[200], seed = 12345;
    uint64_t sum = 0, sorted = 0;

    for (int i = 0; i < 200; i++) {
        seed = seed * 1664525 + 1013904223;
        v[i] = seed;
        sum += seed;
    }
    sort(v, 200, less);
    for (int i = 0; i < 200; i++) {
        sorted += v[i];
        if (i)
            CHECK(v[i - 1] <= v[i], 1);
    }
    CHECK(sorted, sum);
}

static uint32_t crc32(const char *s)
{
    uint32_t crc = 0xffffffff;

    for (; *s; s++) {
        crc ^= (uint8_t)*s;
        for (int i = 0; i < 8; i++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

static void checksums(void)
{
    uint64_t h = 0xcbf29ce484222325;

    CHECK(crc32("123456789"), 0xcbf43926);
    for (const char *s = "foobar"; *s; s++)
        h = (h ^ (uint8_t)*s) * 0x100000001b3;
    CHECK(h, 0x85944171f73967e8);
}

static void formatted(void)
{
    char line[64];

    CHECK(strcmp("abc", "abd") < 0, 1);
    CHECK(strncmp("abcd", "abcx", 3), 0);
    CHECK(strlen("eleven char"), 11);
    memset(line, 'x', sizeof line);
    memmove(line + 1, "hello", 6);
    memmove(line, line + 1, 6);
    CHECK(strcmp(line, "hello"), 0);
}

/* Loop-carried 64-bit state: an xorshift generator and its known output. */
static void generator(void)
{
    uint64_t s = 88172645463325252;

    for (int i = 0; i < 1000; i++) {
        s ^= s << 13;
        s ^= s >> 7;
        s ^= s << 17;
    }
    CHECK(s, 0x12eaead265975125);
}

const struct check checks[] = {
    { "switches", switches },
    { "recursion", recursion },
    { "structs", structs },
    { "arguments", arguments },
    { "pointers", pointers },
    { "bit_fields", bit_fields },
    { "sorting", sorting },
    { "checksums", checksums },
    { "formatted", formatted },
    { "generator", generator },
    { NULL, NULL },
};
