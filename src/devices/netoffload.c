/*
 * netoffload.c - checksums and TCP segmentation.  See netoffload.h.
 */
#include "devices/netoffload.h"

#include <string.h>

#include "base/bits.h"

enum {
    ETHER_BYTES = 14,
    ETHER_TYPE = 12,
    VLAN_BYTES = 4,
    VLAN_TAGS_MAX = 2,
    TYPE_IPV4 = 0x0800,
    TYPE_IPV6 = 0x86dd,
    TYPE_VLAN = 0x8100,
    TYPE_QINQ = 0x88a8,

    PROTO_HOP_BY_HOP = 0,
    PROTO_TCP = 6,
    PROTO_OPTIONS = 60,

    IPV4_BYTES = 20,
    IPV4_TOTAL = 2,
    IPV4_ID = 4,
    IPV4_FRAGMENT = 6,
    IPV4_PROTO = 9,
    IPV4_CSUM = 10,
    IPV4_SOURCE = 12,
    IPV6_BYTES = 40,
    IPV6_PAYLOAD = 4,
    IPV6_NEXT = 6,
    IPV6_SOURCE = 8,

    TCP_BYTES = 20,
    TCP_SEQ = 4,
    TCP_OFFSET = 12,
    TCP_FLAGS = 13,
    TCP_CSUM = 16,
    TCP_FIN = 1,
    TCP_SYN = 2,
    TCP_RST = 4,
    TCP_PSH = 8,
    TCP_CWR = 0x80,
    UDP_CSUM = 6
};

/* --- Parsing ------------------------------------------------------------- */

static int parse_tcp(const uint8_t *head, uint32_t head_bytes, uint32_t at,
                     struct offload_headers *out)
{
    uint32_t bytes;

    if (at + TCP_BYTES > head_bytes)
        return -1;
    bytes = (head[at + TCP_OFFSET] >> 4) * 4u;
    /* Nothing that opens or breaks a connection carries a stream. */
    if (bytes < TCP_BYTES || at + bytes > head_bytes ||
        head[at + TCP_FLAGS] & (TCP_SYN | TCP_RST))
        return -1;
    out->tcp = at;
    out->end = at + bytes;
    return 0;
}

static int parse_ipv4(const uint8_t *head, uint32_t head_bytes,
                      uint32_t frame_bytes, uint32_t at,
                      struct offload_headers *out)
{
    uint32_t bytes;

    if (at + IPV4_BYTES > head_bytes || head[at] >> 4 != 4)
        return -1;
    bytes = (head[at] & 15) * 4u;
    /* Neither more fragments nor an offset; DF is fine. */
    if (bytes < IPV4_BYTES || at + bytes > head_bytes ||
        load_be16(head + at + IPV4_TOTAL) != frame_bytes - at ||
        load_be16(head + at + IPV4_FRAGMENT) & 0x3fff ||
        head[at + IPV4_PROTO] != PROTO_TCP)
        return -1;
    out->ip = at;
    return parse_tcp(head, head_bytes, at + bytes, out);
}

static int parse_ipv6(const uint8_t *head, uint32_t head_bytes,
                      uint32_t frame_bytes, uint32_t at,
                      struct offload_headers *out)
{
    uint32_t next;

    out->ip = at;
    out->is_v6 = 1;
    if (at + IPV6_BYTES > head_bytes || head[at] >> 4 != 6 ||
        load_be16(head + at + IPV6_PAYLOAD) != frame_bytes - at - IPV6_BYTES)
        return -1;
    next = head[at + IPV6_NEXT];
    at += IPV6_BYTES;
    /* Ends: each one moves on, and the head is short.  A routing header would
     * change the address that the checksum covers. */
    while (next == PROTO_HOP_BY_HOP || next == PROTO_OPTIONS) {
        if (at + 8 > head_bytes)
            return -1;
        next = head[at];
        at += (head[at + 1] + 1u) * 8;
    }
    return next == PROTO_TCP ? parse_tcp(head, head_bytes, at, out) : -1;
}

int offload_parse(const uint8_t *head, uint32_t head_bytes,
                  uint32_t frame_bytes, struct offload_headers *out)
{
    uint32_t at = ETHER_TYPE;
    uint32_t tags;
    uint32_t type;

    memset(out, 0, sizeof(*out));
    if (head_bytes < ETHER_BYTES || head_bytes > frame_bytes)
        return -1;
    type = load_be16(head + at);
    for (tags = 0; type == TYPE_VLAN || type == TYPE_QINQ; tags++) {
        at += VLAN_BYTES;
        if (tags == VLAN_TAGS_MAX || at + 2 > head_bytes)
            return -1;
        type = load_be16(head + at);
    }
    if (type == TYPE_IPV4)
        return parse_ipv4(head, head_bytes, frame_bytes, at + 2, out);
    if (type == TYPE_IPV6)
        return parse_ipv6(head, head_bytes, frame_bytes, at + 2, out);
    return -1;
}

/* --- Checksums ----------------------------------------------------------- */

/* The ones' complement sum of big-endian 16-bit words, not yet folded. */
static uint64_t sum_words(const uint8_t *data, uint32_t bytes)
{
    uint64_t sum = 0;

    for (; bytes >= 4; data += 4, bytes -= 4)
        sum += load_be32(data);
    if (bytes >= 2) {
        sum += load_be16(data);
        data += 2;
        bytes -= 2;
    }
    if (bytes)
        sum += (uint64_t)data[0] << 8;
    return sum;
}

static uint16_t fold(uint64_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

void offload_checksum(uint8_t *frame, uint32_t bytes, uint32_t start,
                      uint32_t offset)
{
    uint16_t sum = fold(sum_words(frame + start, bytes - start));

    /* In UDP zero means that there is none. */
    if (sum == 0 && offset == UDP_CSUM)
        sum = 0xffff;
    store_be16(frame + start + offset, sum);
}

/* --- Segmentation -------------------------------------------------------- */

uint32_t offload_segments(const struct offload_headers *headers,
                          uint32_t frame_bytes, uint32_t segment)
{
    uint32_t payload = frame_bytes - headers->end;

    return payload / segment + (payload % segment != 0);
}

/* Lengths and the IPv4 checksum.  Returns the sum of the pseudo header. */
static uint64_t finish_ip(const struct offload_headers *headers, uint8_t *out,
                          uint32_t bytes, uint32_t index)
{
    uint8_t *ip = out + headers->ip;
    uint32_t tcp_bytes = bytes - headers->tcp;

    if (headers->is_v6) {
        store_be16(ip + IPV6_PAYLOAD,
                   (uint16_t)(bytes - headers->ip - IPV6_BYTES));
        return sum_words(ip + IPV6_SOURCE, 32) + PROTO_TCP + tcp_bytes;
    }
    store_be16(ip + IPV4_TOTAL, (uint16_t)(bytes - headers->ip));
    store_be16(ip + IPV4_ID, (uint16_t)(load_be16(ip + IPV4_ID) + index));
    store_be16(ip + IPV4_CSUM, 0);
    store_be16(ip + IPV4_CSUM, fold(sum_words(ip, headers->tcp - headers->ip)));
    return sum_words(ip + IPV4_SOURCE, 8) + PROTO_TCP + tcp_bytes;
}

uint32_t offload_segment(const struct offload_headers *headers,
                         const uint8_t *frame, uint32_t bytes, uint32_t segment,
                         uint32_t index, uint8_t *out)
{
    uint32_t at = index * segment;
    uint32_t payload = bytes - headers->end;
    uint32_t part = payload - at < segment ? payload - at : segment;
    uint8_t *tcp = out + headers->tcp;
    uint64_t pseudo;

    memcpy(out, frame, headers->end);
    memcpy(out + headers->end, frame + headers->end + at, part);
    pseudo = finish_ip(headers, out, headers->end + part, index);
    store_be32(tcp + TCP_SEQ, load_be32(tcp + TCP_SEQ) + at);
    if (at + part < payload)
        tcp[TCP_FLAGS] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
    if (index > 0)
        tcp[TCP_FLAGS] &= (uint8_t)~TCP_CWR;
    store_be16(tcp + TCP_CSUM, 0);
    store_be16(
        tcp + TCP_CSUM,
        fold(pseudo + sum_words(tcp, headers->end - headers->tcp + part)));
    return headers->end + part;
}
