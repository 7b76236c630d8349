/*
 * virtio_net_tx.c - the transmit side of the virtio network device: makes a
 * packet of what the driver offers, checks its offload header, and hands it to
 * the back end.  See virtio_net.h.
 *
 * Headers are copied out of the guest and checked in the copy.  The payload of
 * a large packet stays where it is: the driver gets its buffers back after the
 * back end returned.
 */
#include "devices/virtio_net.h"

#include <string.h>
#include <linux/virtio_net.h>

#include "base/bits.h"
#include "devices/dev.h"

/* --- The offload header -------------------------------------------------- */

static int wants_gso(const struct disco_nic *nic, uint32_t gso)
{
    const struct vio *vio = &nic->vio;

    if (gso & VIRTIO_NET_HDR_GSO_ECN &&
        !vio_has_feature(vio, VIRTIO_NET_F_HOST_ECN))
        return 0;
    if (!vio_has_feature(vio, VIRTIO_NET_F_CSUM))
        return 0;
    switch (gso & ~(uint32_t)VIRTIO_NET_HDR_GSO_ECN) {
    case VIRTIO_NET_HDR_GSO_TCPV4:
        return vio_has_feature(vio, VIRTIO_NET_F_HOST_TSO4);
    case VIRTIO_NET_HDR_GSO_TCPV6:
        return vio_has_feature(vio, VIRTIO_NET_F_HOST_TSO6);
    default:
        return 0;
    }
}

/* The header and the packet must say the same, in every length. */
static int read_gso(struct disco_nic *nic, const uint8_t *header,
                    const uint8_t *head, uint32_t head_bytes,
                    disco_net_packet *packet)
{
    uint32_t gso = header[NET_HEADER_GSO];
    uint32_t segment = load_le16(header + NET_HEADER_GSO_SIZE);
    struct offload_headers headers;
    int is_v6 =
        (gso & ~(uint32_t)VIRTIO_NET_HDR_GSO_ECN) == VIRTIO_NET_HDR_GSO_TCPV6;

    if (!wants_gso(nic, gso) || segment == 0 ||
        !(packet->flags & DISCO_NET_CSUM_PARTIAL) ||
        offload_parse(head, head_bytes, packet->bytes, &headers) ||
        headers.is_v6 != (uint32_t)is_v6 || packet->csum_start != headers.tcp ||
        packet->csum_offset != 16 || headers.end >= packet->bytes ||
        offload_segments(&headers, packet->bytes, segment) >
            OFFLOAD_SEGMENTS_MAX)
        return -1;
    packet->flags |= is_v6 ? DISCO_NET_TCP6 : DISCO_NET_TCP4;
    if (gso & VIRTIO_NET_HDR_GSO_ECN)
        packet->flags |= DISCO_NET_ECN;
    packet->header_bytes = headers.end;
    packet->segment_bytes = segment;
    return 0;
}

/* 0, or -1 for a header that promises what the packet does not hold. */
static int read_offload(struct disco_nic *nic, const uint8_t *header,
                        const uint8_t *head, uint32_t head_bytes,
                        disco_net_packet *packet)
{
    uint32_t start = load_le16(header + NET_HEADER_CSUM_START);
    uint32_t offset = load_le16(header + NET_HEADER_CSUM_OFFSET);

    if (header[NET_HEADER_FLAGS] & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
        if (!vio_has_feature(&nic->vio, VIRTIO_NET_F_CSUM) ||
            start < NET_FRAME_MIN || start + offset + 2 > packet->bytes)
            return -1;
        packet->flags = DISCO_NET_CSUM_PARTIAL;
        packet->csum_start = start;
        packet->csum_offset = offset;
    }
    if (header[NET_HEADER_GSO] == VIRTIO_NET_HDR_GSO_NONE)
        return 0;
    return read_gso(nic, header, head, head_bytes, packet);
}

/* --- The packet ---------------------------------------------------------- */

/* Guest memory from byte `at` of the chain on; neighbours become one. */
static void add_guest(struct disco_nic *nic, uint64_t at,
                      disco_net_packet *packet)
{
    const struct virtq_chain *chain = &nic->tx_chain;
    disco_net_fragment *last = NULL;
    uint32_t i;

    for (i = 0; i < chain->out_segs; i++) {
        uint64_t gpa = chain->seg[i].gpa;
        uint32_t bytes = chain->seg[i].bytes;

        if (at >= bytes) {
            at -= bytes;
            continue;
        }
        gpa += at;
        bytes -= (uint32_t)at;
        at = 0;
        if (last && last->gpa + last->bytes == gpa) {
            last->bytes += bytes;
            continue;
        }
        last = &nic->tx_fragment[packet->fragments++];
        *last = (disco_net_fragment){
            .kind = DISCO_FRAGMENT_GUEST,
            .bytes = bytes,
            .vm = nic->vio.vm,
            .gpa = gpa,
        };
    }
}

/* Bytes to copy out before anything is believed. */
static uint32_t head_wanted(const struct disco_nic *nic, uint32_t bytes)
{
    if (bytes <= NET_SMALL_BYTES || !nic->backend.send_packet)
        return bytes;
    return OFFLOAD_HEADERS_MAX;
}

static int make_packet(struct disco_nic *nic, disco_net_packet *packet)
{
    const struct virtq_chain *chain = &nic->tx_chain;
    uint8_t header[NET_HEADER_BYTES];
    uint32_t bytes, head;

    if (chain->out_bytes < NET_HEADER_BYTES + NET_FRAME_MIN ||
        chain->out_bytes - NET_HEADER_BYTES > DISCO_NET_FRAME_MAX)
        return -1;
    bytes = (uint32_t)(chain->out_bytes - NET_HEADER_BYTES);
    head = head_wanted(nic, bytes);
    if (virtq_read(nic->vio.vm, chain, 0, header, sizeof(header)) ||
        virtq_read(nic->vio.vm, chain, NET_HEADER_BYTES, nic->tx_frame, head))
        return -1;
    net_packet_of_frame(packet, nic->tx_fragment, nic->tx_frame, head);
    packet->bytes = bytes;
    packet->time_ns = disco_vm_time_ns(nic->vio.vm);
    if (read_offload(nic, header, nic->tx_frame, head, packet)) {
        nic->stats.tx_bad_offload++;
        return -1;
    }
    if (head == bytes)
        return 0;
    /* No more than the headers, so that whole pages stay whole. */
    head = packet->header_bytes ? packet->header_bytes : NET_FRAME_MIN;
    nic->tx_fragment[0].bytes = head;
    add_guest(nic, NET_HEADER_BYTES + head, packet);
    return 0;
}

/* The packet is ours until this returns, whatever the guest does.  Returns the
 * price. */
static uint64_t hand_over(struct disco_nic *nic, const disco_net_packet *packet)
{
    const disco_net_backend *be = &nic->backend;
    uint64_t price = packet->bytes;

    nic->stats.tx_frames++;
    nic->stats.tx_bytes += packet->bytes;
    if (nic->link_is_down || (!be->send_packet && !be->send))
        return price;
    lock_give(&nic->vio.lock);
    if (be->send_packet)
        price = be->send_packet(be->opaque, packet);
    else
        be->send(be->opaque, nic->tx_frame, packet->bytes);
    lock_take(&nic->vio.lock);
    return price;
}

uint32_t net_tx_step(struct disco_nic *nic)
{
    struct vio *vio = &nic->vio;
    struct virtq *vq = &vio->queue[NET_TX];
    disco_net_packet packet;
    uint32_t generation;
    uint64_t price = 0;

    if (!vio_pop(vio, NET_TX, &nic->tx_chain))
        return 0;
    generation = vq->generation;
    if (make_packet(nic, &packet))
        nic->stats.errors++;
    else
        price = hand_over(nic, &packet);
    /* The guest may have reset the queue meanwhile. */
    if (vq->generation == generation) {
        virtq_push(vq, nic->tx_chain.head, 0);
        vio_signal(vio, NET_TX);
    }
    return VIO_STEP_COST +
           (uint32_t)(price < VIO_PUMP_BUDGET ? price : VIO_PUMP_BUDGET);
}
