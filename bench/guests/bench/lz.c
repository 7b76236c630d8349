/*
 * lz.c - a byte-oriented dictionary coder (after Lempel and Ziv) over 128 KiB
 * of generated text: greedy matches found by a hash of four bytes, then the
 * way back, compared.
 *
 * A token is one byte: below 128 that many + 1 literal bytes follow, otherwise
 * its low bits + MIN_MATCH bytes are a copy from as far back as two bytes say.
 */
#include "bench.h"

#define TEXT_BYTES (128 * 1024)
#define MIN_MATCH  4
#define MAX_MATCH  (127 + MIN_MATCH)
#define MAX_RUN    128
#define FAR        65535
#define HASH_BITS  13

static uint8_t text[TEXT_BYTES], back[TEXT_BYTES];
static uint8_t packed[TEXT_BYTES + TEXT_BYTES / MAX_RUN + 16];
static uint32_t last_seen[1 << HASH_BITS]; /* position + 1 */

/* Words of two to nine letters; the first ones of the list are common. */
static void make_text(uint32_t seed)
{
    static char words[512][10];
    size_t at = 0;

    for (int i = 0; i < 512; i++) {
        int letters = 2 + (int)(xorshift32(&seed) & 7);

        for (int k = 0; k < letters; k++)
            words[i][k] = (char)('a' + xorshift32(&seed) % 26);
        words[i][letters] = 0;
    }
    while (at < TEXT_BYTES) {
        uint32_t pick = xorshift32(&seed);
        const char *word = words[(pick & 511) >> (pick >> 9 & 7)];

        while (*word && at < TEXT_BYTES)
            text[at++] = (uint8_t)*word++;
        if (at < TEXT_BYTES)
            text[at++] = pick >> 28 ? ' ' : '\n';
    }
}

static uint32_t hash4(const uint8_t *p)
{
    uint32_t v = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
                 (uint32_t)p[2] << 8 | p[3];

    return v * 2654435761u >> (32 - HASH_BITS);
}

static size_t match_bytes(const uint8_t *a, const uint8_t *b, size_t most)
{
    size_t n = 0;

    while (n < most && a[n] == b[n])
        n++;
    return n;
}

static uint8_t *put_literals(uint8_t *out, const uint8_t *from, size_t n)
{
    while (n) {
        size_t run = n < MAX_RUN ? n : MAX_RUN;

        *out++ = (uint8_t)(run - 1);
        n -= run;
        while (run--)
            *out++ = *from++;
    }
    return out;
}

static NOINLINE size_t compress(void)
{
    uint8_t *out = packed;
    size_t start = 0, at = 0;

    for (int i = 0; i < 1 << HASH_BITS; i++)
        last_seen[i] = 0;
    while (at + MIN_MATCH <= TEXT_BYTES) {
        uint32_t *slot = &last_seen[hash4(text + at)];
        size_t from = *slot, most = TEXT_BYTES - at, n = 0;

        *slot = (uint32_t)at + 1;
        if (from && at - (from - 1) <= FAR)
            n = match_bytes(text + from - 1, text + at,
                            most < MAX_MATCH ? most : MAX_MATCH);
        if (n < MIN_MATCH) {
            at++;
            continue;
        }
        out = put_literals(out, text + start, at - start);
        *out++ = (uint8_t)(0x80 | (n - MIN_MATCH));
        *out++ = (uint8_t)((at - (from - 1)) >> 8);
        *out++ = (uint8_t)(at - (from - 1));
        at += n;
        start = at;
    }
    return (size_t)(put_literals(out, text + start, TEXT_BYTES - start) -
                    packed);
}

static NOINLINE size_t decompress(size_t bytes)
{
    const uint8_t *in = packed, *end = packed + bytes;
    uint8_t *out = back;

    while (in < end) {
        uint8_t token = *in++;

        if (token & 0x80) {
            const uint8_t *from = out - ((size_t)in[0] << 8 | in[1]);
            int n = (token & 0x7f) + MIN_MATCH;

            in += 2;
            while (n--)
                *out++ = *from++;
        } else {
            for (int n = token + 1; n--;)
                *out++ = *in++;
        }
    }
    return (size_t)(out - back);
}

BENCH("lz", 240)
{
    uint64_t h = 0;

    make_text(521288629u);
    for (unsigned long r = 0; r < reps; r++) {
        size_t bytes, wrong = 0;

        text[r * 97 & (TEXT_BYTES - 1)] = (uint8_t)('A' + r % 26);
        bytes = compress();
        wrong += decompress(bytes) != TEXT_BYTES;
        for (size_t i = 0; i < TEXT_BYTES; i++)
            wrong += text[i] != back[i];
        h = mix64(mix64(h, bytes), wrong);
    }
    return h;
}
