/*
 * strings.c - lengths, comparisons, copies and searches over text that starts
 * at any byte: a byte at a time, by aligned doublewords, and by unaligned ones
 * (on MIPS: load and store left and right).
 */
#include "bench.h"

#define LINES     256
#define LINE_ROOM 96

struct loose {
    uint64_t word;
} __attribute__((packed));

static char area[LINES * LINE_ROOM + 64], copy[2 * LINES * LINE_ROOM];
static uint32_t start[LINES], bytes_of[LINES];

static NOINLINE size_t length(const char *s)
{
    const char *p = s;

    while (*p)
        p++;
    return (size_t)(p - s);
}

/* A word has a zero byte when that borrows from its top bit. */
static NOINLINE size_t length_by_words(const char *s)
{
    const uint64_t ones = 0x0101010101010101u;
    const uint64_t *w;
    const char *p = s;

    for (; (uintptr_t)p & 7; p++)
        if (!*p)
            return (size_t)(p - s);
    for (w = (const uint64_t *)(uintptr_t)p; !((*w - ones) & ~*w & ones << 7);
         w++)
        ;
    for (p = (const char *)w; *p; p++)
        ;
    return (size_t)(p - s);
}

static NOINLINE int compare(const char *a, const char *b)
{
    for (; *a && *a == *b; a++, b++)
        ;
    return (unsigned char)*a - (unsigned char)*b;
}

static NOINLINE int compare_memory(const char *a, const char *b, size_t n)
{
    for (; n >= 8; n -= 8, a += 8, b += 8)
        if (((const struct loose *)a)->word != ((const struct loose *)b)->word)
            break;
    for (; n; n--, a++, b++)
        if (*a != *b)
            return (unsigned char)*a - (unsigned char)*b;
    return 0;
}

static NOINLINE char *append(char *to, const char *from)
{
    while ((*to = *from++))
        to++;
    return to;
}

static NOINLINE void copy_memory(char *to, const char *from, size_t n)
{
    for (; n >= 8; n -= 8, to += 8, from += 8)
        ((struct loose *)to)->word = ((const struct loose *)from)->word;
    while (n--)
        *to++ = *from++;
}

static NOINLINE const char *find(const char *s, char c)
{
    for (; *s; s++)
        if (*s == c)
            return s;
    return NULL;
}

static NOINLINE void raise_case(char *s)
{
    for (; *s; s++)
        if (*s >= 'a' && *s <= 'z')
            *s = (char)(*s - 'a' + 'A');
}

static void make_lines(void)
{
    uint32_t seed = 362436069u, at = 0;

    for (int i = 0; i < LINES; i++) {
        at += 1 + (xorshift32(&seed) & 7);
        start[i] = at;
        bytes_of[i] = 8 + xorshift32(&seed) % (LINE_ROOM - 17);
        for (uint32_t k = 0; k < bytes_of[i]; k++)
            area[at++] = (char)('a' + xorshift32(&seed) % 26);
        area[at++] = 0;
    }
}

BENCH("strings", 5000)
{
    uint64_t h = 0;

    make_lines();
    for (unsigned long r = 0; r < reps; r++) {
        uint64_t sum = 0;
        char *end = copy + (r & 7);

        for (int i = 0; i < LINES; i++) {
            const char *s = area + start[i];
            const char *other = area + start[(i * 7 + (int)r) & (LINES - 1)];
            const char *found = find(s, (char)('a' + r % 26));

            sum += length(s) + 3 * length_by_words(s);
            sum += (uint64_t)(compare(s, other) < 0);
            sum += found ? (uint64_t)(found - s) : 99;
            copy_memory(end, s, bytes_of[i] + 1);
            sum += (uint64_t)compare_memory(end, s, bytes_of[i] + 1);
            raise_case(end);
            end = append(end + bytes_of[i], s + bytes_of[i] / 2);
        }
        h = mix64(h, sum + (uint8_t)copy[r * 61 & 8191]);
    }
    return h;
}
