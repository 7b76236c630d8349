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

/* 0, or INVAL when the packet is not what device.h promises. */
disco_status net_packet_check(const disco_net_packet *packet);

/* Make a packet of one contiguous frame; `fragment` must live as long. */
void net_packet_of_frame(disco_net_packet *packet, disco_net_fragment *fragment,
                         const void *frame, uint64_t bytes);

/* Copy bytes out of it; they lie inside.  FAULT: guest memory that is none. */
disco_status net_packet_read(disco_machine *machine,
                             const disco_net_packet *packet, uint32_t at,
                             void *dst, uint32_t bytes);

/*
 * A packet of our own, in one block of memory: what waits for a receiver, for
 * as many of them as hold it.  Never changes once made.
 */
struct net_held {
    uint32_t refs; /* atomic */
    disco_machine *machine;
    uint64_t block_bytes;
    disco_net_packet packet; /* its fragments lie behind it */
};

/* A copy with one reference, NULL when memory is short or the packet faults. */
struct net_held *net_hold(disco_machine *machine,
                          const disco_net_packet *packet);
void net_held_get(struct net_held *held);
void net_held_put(struct net_held *held);

#endif
