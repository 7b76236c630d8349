/*
 * netoffload.h - what a network card does to a packet on its way out: complete
 * a checksum, cut a large TCP segment into small ones.
 *
 * Pure functions on bytes.  Headers come from hostile guests: what is not
 * exactly a packet of its kind is refused.
 */
#ifndef DEVICES_NETOFFLOAD_H
#define DEVICES_NETOFFLOAD_H

#include <stdint.h>

enum {
    /* Ethernet, two VLAN tags, IPv6 with some extension headers, TCP. */
    OFFLOAD_HEADERS_MAX = 256,
    /* Segments of one packet: a guest must not make a million frames of one. */
    OFFLOAD_SEGMENTS_MAX = 1024
};

/* Where the headers of a TCP packet stand. */
struct offload_headers {
    uint32_t ip;
    uint32_t tcp;
    uint32_t end; /* payload */
    uint32_t is_v6;
};

/*
 * Look at the first `head_bytes` of a frame of `frame_bytes`.  0 when it is one
 * TCP segment over IPv4 or IPv6, not a fragment, and every length in it is
 * right; else -1.
 */
int offload_parse(const uint8_t *head, uint32_t head_bytes,
                  uint32_t frame_bytes, struct offload_headers *out);

/* Complete a partial checksum; start + offset + 2 <= bytes. */
void offload_checksum(uint8_t *frame, uint32_t bytes, uint32_t start,
                      uint32_t offset);

/* Segments that a payload makes; `segment` is not 0. */
uint32_t offload_segments(const struct offload_headers *headers,
                          uint32_t frame_bytes, uint32_t segment);

/*
 * Segment `index` of a frame (contiguous, parsed) of `segment` payload bytes
 * each: headers and payload go to `out`, with all checksums.  Returns its
 * bytes.
 */
uint32_t offload_segment(const struct offload_headers *headers,
                         const uint8_t *frame, uint32_t bytes, uint32_t segment,
                         uint32_t index, uint8_t *out);

#endif
