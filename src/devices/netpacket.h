/*
 * netpacket.h - packets as lists of fragments: checking, reading, and keeping
 * one beyond the call that brought it.
 *
 * Not a protocol: netoffload.h knows what stands in a packet.  No locks.
 */
#ifndef DEVICES_NETPACKET_H
#define DEVICES_NETPACKET_H

#include <stdint.h>
#include <disco/device.h>

enum {
    NET_FRAME_MIN = 14,
    NET_MAC_BYTES = 6,
    NET_PAGE_BYTES = 4096,
    NET_PAGES_MAX = DISCO_NET_FRAME_MAX / NET_PAGE_BYTES
};

/* In a packet's flags, ours alone: made here from one that the receiver's
 * driver does not take. */
#define NET_PACKET_FINISHED (UINT32_C(1) << 31)

/* 0, or INVAL when the packet is not what device.h promises. */
disco_status net_packet_check(const disco_net_packet *packet);

/* Make a packet of one contiguous frame; `fragment` must live as long. */
void net_packet_of_frame(disco_net_packet *packet, disco_net_fragment *fragment,
                         const void *frame, uint64_t bytes);

/* Copy bytes out of it; they lie inside.  FAULT: guest memory that is none. */
disco_status net_packet_read(disco_machine *machine,
                             const disco_net_packet *packet, uint32_t at,
                             void *dst, uint32_t bytes);

/* The whole pages of a packet that can be shared, in their order. */
struct net_page {
    uint32_t at;       /* byte of the packet */
    uint32_t fragment; /* it stands in this one, */
    uint32_t offset;   /* at this byte */
};
struct net_pages {
    uint32_t count;
    struct net_page page[NET_PAGES_MAX];
};
void net_packet_pages(const disco_net_packet *packet, struct net_pages *out);

/*
 * A reference to one of them.  NOENT: never touched; anything else: it cannot
 * be shared.
 */
disco_status net_page_take(disco_machine *machine,
                           const disco_net_packet *packet,
                           const struct net_page *page, disco_page *out);

/*
 * A packet of our own, in one block of memory: what waits for a receiver, for
 * as many of them as hold it.  It refers to whole pages and has copied the
 * rest.  Never changes once made.
 */
struct net_held {
    uint32_t refs; /* atomic */
    disco_machine *machine;
    uint64_t block_bytes;
    disco_net_packet packet; /* its fragments lie behind it */
};

/* A copy with one reference, NULL when memory is short or the packet faults.
 * Packets of fewer than `min_pages` whole pages are copied. */
struct net_held *net_hold(disco_machine *machine,
                          const disco_net_packet *packet, uint32_t min_pages);
void net_held_get(struct net_held *held);
void net_held_put(struct net_held *held);

#endif
