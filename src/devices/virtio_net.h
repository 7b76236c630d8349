/*
 * virtio_net.h - the virtio network device, between its own files: the device
 * (virtio_net.c), its receive side (virtio_net_rx.c) and its transmit side
 * (virtio_net_tx.c).
 *
 * Lock: the transport's, held in every function below.
 */
#ifndef DEVICES_VIRTIO_NET_H
#define DEVICES_VIRTIO_NET_H

#include <disco/board.h>

#include "devices/netoffload.h"
#include "devices/netpacket.h"
#include "devices/virtio_mmio.h"

enum {
    NET_RX = 0,
    NET_TX = 1,

    /* virtio_net_hdr_v1; its fields: */
    NET_HEADER_BYTES = 12,
    NET_HEADER_FLAGS = 0,
    NET_HEADER_GSO = 1,
    NET_HEADER_HDR_LEN = 2,
    NET_HEADER_GSO_SIZE = 4,
    NET_HEADER_CSUM_START = 6,
    NET_HEADER_CSUM_OFFSET = 8,
    NET_HEADER_NUM_BUFFERS = 10,

    /* A single page is worth it: bench/packet.c. */
    NET_REMAP_MIN_PAGES = 1,

    /* Frames up to this are copied out of the guest at once. */
    NET_SMALL_BYTES = 2048,

    /* Buffers that one frame may be spread over, and pieces of them. */
    RX_BUFFERS_MAX = 64,
    RX_SEGS_MAX = 320,
    RX_MOVES_MAX = RX_SEGS_MAX + NET_PAGES_MAX + 1
};

struct waiting_packet {
    struct waiting_packet *next;
    struct net_held *held;
};

/* A buffer taken for a packet, not yet returned. */
struct rx_buffer {
    uint16_t head;
    uint16_t first; /* its segments are seg[first..end-1] of the room */
    uint16_t end;
    uint32_t used; /* bytes */
};

/* Bytes of the packet that go to one place. */
struct rx_move {
    uint64_t gpa;
    uint32_t at;
    uint32_t bytes;
    int32_t page; /* index of the packet's page to be mapped, -1: copy */
};

/* Where a packet goes: the buffers taken for it, and what is to be done. */
struct rx_room {
    uint32_t limit; /* of buffers */
    uint32_t buffers;
    uint32_t used; /* of the buffers */
    uint32_t segs;
    uint32_t moves;
    struct rx_buffer buffer[RX_BUFFERS_MAX];
    struct virtq_seg seg[RX_SEGS_MAX];
    struct rx_move move[RX_MOVES_MAX];
};

struct disco_nic {
    struct vio vio;
    disco_net_backend backend;
    disco_nic_stats stats;
    uint32_t forks;               /* children made so far */
    uint32_t link_is_down;        /* no packet passes */
    struct waiting_packet *first; /* oldest */
    struct waiting_packet *last;
    uint32_t waiting;
    uint64_t waiting_bytes;
    struct virtq_chain rx_chain; /* the last one taken */
    struct rx_room rx_room;
    struct virtq_chain tx_chain;
    disco_net_fragment tx_fragment[DISCO_NET_FRAGMENTS_MAX];
    uint8_t tx_frame[DISCO_NET_FRAME_MAX]; /* the running transmit step's */
    /* A large packet, and what is being cut from it. */
    uint8_t rx_frame[DISCO_NET_FRAME_MAX];
    uint8_t rx_segment[DISCO_NET_FRAME_MAX];
};

/* What became of a packet. */
enum { RX_PLACED, RX_NO_BUFFER, RX_DROPPED };

/* virtio_net_place.c: put a packet into the guest's buffers. */
int net_rx_place(struct disco_nic *nic, const disco_net_packet *packet);

/* Whole pages that a packet must have for any of them to be mapped. */
static inline uint32_t net_min_pages(uint32_t remap_min_pages)
{
    return remap_min_pages ? remap_min_pages : NET_REMAP_MIN_PAGES;
}

/* Give a packet to the guest or let it wait.  BUSY: dropped.  `held` is the
 * packet when somebody holds it already, or NULL. */
disco_status net_rx_deliver(struct disco_nic *nic,
                            const disco_net_packet *packet,
                            struct net_held *held);
uint32_t net_rx_step(struct disco_nic *nic);
/* Forget what waits. */
void net_rx_stop(struct disco_nic *nic);

/* May unlock. */
uint32_t net_tx_step(struct disco_nic *nic);

/* Without the lock: for the subnet, as disco_nic_deliver_packet, of a packet
 * that is known to be good. */
disco_status nic_deliver(disco_nic *nic, const disco_net_packet *packet,
                         struct net_held *held);

#endif
