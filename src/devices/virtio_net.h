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

    /* Frames up to this are copied out of the guest at once. */
    NET_SMALL_BYTES = 2048,

    /* Buffers that one frame may be spread over, and pieces of them. */
    RX_CHAINS_MAX = 64,
    RX_SEGS_MAX = 320
};

struct waiting_packet {
    struct waiting_packet *next;
    struct net_held *held;
};

/* Buffers taken for one packet, not yet returned. */
struct rx_buffer {
    uint16_t head;
    uint16_t first; /* its segments are seg[first..end-1] of the room */
    uint16_t end;
    uint32_t used; /* bytes */
};

struct rx_room {
    uint32_t buffers;
    uint32_t segs;
    struct rx_buffer buffer[RX_CHAINS_MAX];
    struct virtq_seg seg[RX_SEGS_MAX];
};

struct disco_nic {
    struct vio vio;
    disco_net_backend backend;
    disco_nic_stats stats;
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
