/*
 * test_netoffload.c - checksums and TCP segmentation, judged by a second
 * implementation that is as plain as it can be: bytes, one after the other.
 */
#include "devices/cmocka_all.h"

#include <string.h>

#include "base/compiler.h"
#include "devices/netoffload.h"

enum { FRAME_MAX = 65550, ETHER = 14 };

struct shape {
    uint32_t is_v6;
    uint32_t tags;    /* VLAN */
    uint32_t options; /* words of IPv4 options, or of IPv6 headers of 8 */
    uint32_t tcp_bytes;
    uint32_t payload;
    uint8_t flags; /* of TCP */
};

static uint8_t frame[FRAME_MAX];
static uint8_t out[FRAME_MAX];

/* --- The reference ------------------------------------------------------- */

/* Ones' complement sum of words, the way RFC 1071 tells it. */
static uint32_t plain_sum(uint32_t sum, const uint8_t *p, uint32_t bytes)
{
    uint32_t i;

    for (i = 0; i < bytes; i++) {
        sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
        if (sum > 0xffff)
            sum -= 0xffff;
    }
    return sum;
}

/* 0xffff when the checksum inside is right. */
static uint32_t tcp_sum(const uint8_t *f, uint32_t ip, uint32_t tcp,
                        uint32_t bytes, int is_v6)
{
    uint8_t tail[4] = { 0, 6, (uint8_t)((bytes - tcp) >> 8),
                        (uint8_t)(bytes - tcp) };
    uint32_t sum =
        is_v6 ? plain_sum(0, f + ip + 8, 32) : plain_sum(0, f + ip + 12, 8);

    sum = plain_sum(sum, tail, 4);
    return plain_sum(sum, f + tcp, bytes - tcp);
}

static void put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static uint32_t get16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t get32(const uint8_t *p)
{
    return get16(p) << 16 | get16(p + 2);
}

static uint32_t put_ipv4(uint8_t *ip, const struct shape *s)
{
    uint32_t bytes = 20 + 4 * s->options;

    memset(ip, 1, bytes); /* NOPs */
    ip[0] = (uint8_t)(0x40 | bytes / 4);
    ip[1] = 0;
    put16(ip + 2, bytes + s->tcp_bytes + s->payload);
    put16(ip + 4, 0xfffe); /* wraps */
    put16(ip + 6, 0x4000);
    ip[8] = 64;
    ip[9] = 6;
    put16(ip + 10, 0);
    put16(ip + 10, 0xffff ^ plain_sum(0, ip, bytes));
    return bytes;
}

static uint32_t put_ipv6(uint8_t *ip, const struct shape *s)
{
    uint32_t i;

    memset(ip, 0x11, 40);
    ip[0] = 0x60;
    put16(ip + 4, 8 * s->options + s->tcp_bytes + s->payload);
    ip[6] = s->options ? 0 : 6;
    for (i = 0; i < s->options; i++) {
        uint8_t *next = ip + 40 + 8 * i;

        memset(next, 0, 8);
        next[0] = i + 1 < s->options ? 60 : 6;
    }
    return 40 + 8 * s->options;
}

/* Make the frame; returns its bytes, and where things are. */
static uint32_t make(const struct shape *s, struct offload_headers *at)
{
    uint32_t n = 12;
    uint32_t i;

    memset(at, 0, sizeof(*at));
    memset(frame, 2, n);
    for (i = 0; i < s->tags; i++, n += 4)
        memcpy(frame + n, i ? "\x81\0\0\5" : "\x88\xa8\0\7", 4);
    put16(frame + n, s->is_v6 ? 0x86dd : 0x0800);
    at->ip = n + 2;
    at->is_v6 = s->is_v6;
    n = at->ip +
        (s->is_v6 ? put_ipv6(frame + at->ip, s) : put_ipv4(frame + at->ip, s));
    at->tcp = n;
    memset(frame + n, 1, s->tcp_bytes);
    put16(frame + n + 4, 0xffff);
    put16(frame + n + 6, 0xfff0); /* the sequence wraps */
    frame[n + 12] = (uint8_t)(s->tcp_bytes / 4 << 4);
    frame[n + 13] = s->flags;
    at->end = n + s->tcp_bytes;
    for (i = 0; i < s->payload; i++)
        frame[at->end + i] = (uint8_t)(i * 7 + i / 251);
    return at->end + s->payload;
}

/* --- Segmentation -------------------------------------------------------- */

static void check_ip(const struct offload_headers *at, uint32_t bytes,
                     uint32_t index)
{
    if (at->is_v6) {
        assert_int_equal(get16(out + at->ip + 4), bytes - at->ip - 40);
        return;
    }
    assert_int_equal(get16(out + at->ip + 2), bytes - at->ip);
    assert_int_equal(get16(out + at->ip + 4), (0xfffe + index) & 0xffff);
    assert_int_equal(plain_sum(0, out + at->ip, at->tcp - at->ip), 0xffff);
}

static void check_flags(uint32_t got, uint32_t flags, uint32_t index, int last)
{
    uint32_t want = flags;

    if (!last)
        want &= ~UINT32_C(9);
    if (index > 0)
        want &= ~UINT32_C(0x80);
    assert_int_equal(got, want);
}

static void check_cut(const struct shape *s, uint32_t segment)
{
    struct offload_headers want, got;
    uint32_t bytes = make(s, &want);
    uint32_t head = bytes < OFFLOAD_HEADERS_MAX ? bytes : OFFLOAD_HEADERS_MAX;
    uint32_t done = 0;
    uint32_t i, count;

    assert_int_equal(offload_parse(frame, head, bytes, &got), 0);
    assert_memory_equal(&got, &want, sizeof(got));
    count = offload_segments(&got, bytes, segment);
    for (i = 0; i < count; i++) {
        uint32_t n = offload_segment(&got, frame, bytes, segment, i, out);
        uint32_t part = n - got.end;

        assert_int_equal(part, s->payload - done < segment ? s->payload - done
                                                           : segment);
        check_ip(&got, n, i);
        assert_int_equal(get32(out + got.tcp + 4), 0xfffffff0u + done);
        check_flags(out[got.tcp + 13], s->flags, i, i + 1 == count);
        assert_int_equal(tcp_sum(out, got.ip, got.tcp, n, (int)s->is_v6),
                         0xffff);
        assert_memory_equal(out, frame, got.ip);
        assert_memory_equal(out + got.end, frame + got.end + done, part);
        done += part;
    }
    assert_int_equal(done, s->payload);
}

static void segments(void **state)
{
    static const uint32_t sizes[] = { 64, 65, 536, 1448, 1459, 9000, 65000 };
    static const uint8_t flags[] = { 0x10, 0x18, 0x19, 0x90, 0xd9 };
    struct shape s;
    uint32_t i, j;

    (void)state;
    for (i = 0; i < ARRAY_LEN(sizes); i++) {
        for (j = 0; j < 40; j++) {
            s = (struct shape){
                .is_v6 = j & 1,
                .tags = j / 2 % 3,
                .options = j % 7,
                .tcp_bytes = 20 + 4 * (j % 11),
                .payload = j * 397 + 1,
                .flags = flags[j % ARRAY_LEN(flags)],
            };
            check_cut(&s, sizes[i]);
        }
    }
    s = (struct shape){ 0, 0, 0, 32, 65160, 0x18 };
    check_cut(&s, 1448);
    s.is_v6 = 1;
    check_cut(&s, 1428);
}

/* --- Hostile headers ----------------------------------------------------- */

static int parses(uint32_t head, uint32_t bytes)
{
    struct offload_headers got;

    return offload_parse(frame, head, bytes, &got) == 0;
}

/* One changed byte that makes the frame something else. */
static void spoiled(void **state)
{
    static const struct {
        uint32_t is_v6;
        uint32_t at; /* from the Ethernet header on */
        uint8_t value;
    } bad[] = {
        { 0, 12, 0x86 },
        { 0, 13, 0x06 },
        { 0, ETHER, 0x65 },
        { 0, ETHER, 0x44 },
        { 0, ETHER, 0x4f },
        { 0, ETHER + 2, 0xff },
        { 0, ETHER + 3, 0 },
        { 0, ETHER + 6, 32 },
        { 0, ETHER + 7, 1 },
        { 0, ETHER + 9, 17 },
        { 0, ETHER + 20 + 12, 0x40 },
        { 0, ETHER + 20 + 12, 0xf0 },
        { 0, ETHER + 20 + 13, 0x12 },
        { 0, ETHER + 20 + 13, 0x14 },
        { 1, ETHER, 0x40 },
        { 1, ETHER + 5, 1 },
        { 1, ETHER + 6, 17 },
        { 1, ETHER + 6, 43 },
        { 1, ETHER + 6, 44 },
        { 1, ETHER + 6, 0 },
        { 1, ETHER + 40 + 12, 0 },
    };
    uint32_t i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(bad); i++) {
        struct shape s = { bad[i].is_v6, 0, 0, 20, 10, 0x10 };
        struct offload_headers at;
        uint32_t bytes = make(&s, &at);

        assert_true(parses(bytes, bytes));
        frame[bad[i].at] = bad[i].value;
        assert_false(parses(bytes, bytes));
    }
}

/* Every length of what was copied: never beyond it, never a short header. */
static void short_heads(void **state)
{
    struct offload_headers at;
    uint32_t i, n;

    (void)state;
    for (i = 0; i < 12; i++) {
        struct shape s = { i & 1, i % 3, i % 5, 20 + 4 * (i % 11), 500, 0x10 };
        uint32_t bytes = make(&s, &at);

        for (n = 0; n < at.end; n++)
            assert_false(parses(n, bytes));
        assert_true(parses(at.end, bytes));
        assert_false(parses(bytes, bytes - 1));
        assert_false(parses(bytes, bytes + 1));
    }
}

static void tags_end(void **state)
{
    struct shape s = { 0, 3, 0, 20, 10, 0x10 };
    struct offload_headers at;
    uint32_t bytes = make(&s, &at);

    (void)state;
    assert_false(parses(bytes, bytes));
    memset(frame, 0x81, 200); /* nothing but tags */
    frame[13] = 0;
    assert_false(parses(200, 200));
}

/* --- Checksums ----------------------------------------------------------- */

static void checksums(void **state)
{
    uint32_t i, start;

    (void)state;
    for (i = 0; i < 300; i++) {
        uint32_t bytes = 60 + i * 13;

        for (start = 14; start < 40; start += 5) {
            uint32_t before;

            memset(frame, (int)i, bytes);
            frame[bytes - 1] = (uint8_t)(i * 3);
            before = plain_sum(0, frame + start, bytes - start) ^ 0xffff;
            offload_checksum(frame, bytes, start, 16);
            assert_int_equal(get16(frame + start + 16), before);
        }
    }
}

/* UDP writes no zero: that would mean that there is none. */
static void udp_zero(void **state)
{
    (void)state;
    memset(frame, 0, 64);
    put16(frame + 40, 0xffff);
    offload_checksum(frame, 64, 34, 6);
    assert_int_equal(get16(frame + 40), 0xffff);
    memset(frame, 0, 64);
    put16(frame + 50, 0xffff);
    offload_checksum(frame, 64, 34, 16);
    assert_int_equal(get16(frame + 50), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments),    cmocka_unit_test(spoiled),
        cmocka_unit_test(short_heads), cmocka_unit_test(tags_end),
        cmocka_unit_test(checksums),   cmocka_unit_test(udp_zero),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
