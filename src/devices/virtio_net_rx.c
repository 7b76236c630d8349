/*
 * virtio_net_rx.c - the receive side of the virtio network device: waiting for
 * buffers, and doing in place of the guest what its driver did not ask for.
 * See virtio_net.h.
 *
 * Delivering never sends, so that devices connected in a circle do not recurse.
 */
#include "devices/virtio_net.h"

#include <linux/virtio_net.h>

#include "devices/dev.h"

enum {
    /* What waits for the guest, if the back end does not say. */
    WAITING_FRAMES = 256,
    WAITING_BYTES = 4 << 20
};

static void rx_count(struct disco_nic *nic, int result, uint64_t bytes)
{
    if (result == RX_PLACED) {
        nic->stats.rx_frames++;
        nic->stats.rx_bytes += bytes;
    } else {
        nic->stats.rx_dropped++;
    }
}

/* --- Waiting ------------------------------------------------------------- */

static int queue_full(const struct disco_nic *nic, uint32_t bytes)
{
    uint32_t frames = nic->backend.queue_frames;
    uint32_t most = nic->backend.queue_bytes;

    return nic->waiting >= (frames ? frames : WAITING_FRAMES) ||
           nic->waiting_bytes + bytes > (most ? most : WAITING_BYTES);
}

static disco_status rx_wait(struct disco_nic *nic,
                            const disco_net_packet *packet,
                            struct net_held *held)
{
    struct waiting_packet *entry;

    if (queue_full(nic, packet->bytes))
        return DISCO_E_BUSY;
    entry = dev_alloc(nic->vio.machine, sizeof(*entry));
    if (!entry)
        return DISCO_E_BUSY;
    if (held)
        net_held_get(held);
    else
        held = net_hold(nic->vio.machine, packet,
                        net_min_pages(nic->backend.remap_min_pages));
    if (!held) {
        dev_free(nic->vio.machine, entry, sizeof(*entry));
        return DISCO_E_BUSY;
    }
    entry->held = held;
    if (nic->last)
        nic->last->next = entry;
    else
        nic->first = entry;
    nic->last = entry;
    nic->waiting++;
    nic->waiting_bytes += packet->bytes;
    return 0;
}

static void rx_drop_first(struct disco_nic *nic)
{
    struct waiting_packet *entry = nic->first;

    nic->first = entry->next;
    if (!nic->first)
        nic->last = NULL;
    nic->waiting--;
    nic->waiting_bytes -= entry->held->packet.bytes;
    net_held_put(entry->held);
    dev_free(nic->vio.machine, entry, sizeof(*entry));
}

uint32_t net_rx_step(struct disco_nic *nic)
{
    struct waiting_packet *entry = nic->first;
    uint32_t bytes;
    int result;

    if (!entry || !vio_queue_live(&nic->vio, NET_RX))
        return 0;
    bytes = entry->held->packet.bytes;
    result = net_rx_place(nic, &entry->held->packet);
    if (result == RX_NO_BUFFER)
        return 0;
    rx_count(nic, result, bytes);
    rx_drop_first(nic);
    return VIO_STEP_COST + bytes;
}

void net_rx_stop(struct disco_nic *nic)
{
    while (nic->first) {
        nic->stats.rx_dropped++;
        rx_drop_first(nic);
    }
}

/* --- Delivering ---------------------------------------------------------- */

/* Place a packet that the driver can take as it is, or let it wait. */
static disco_status place_or_wait(struct disco_nic *nic,
                                  const disco_net_packet *packet,
                                  struct net_held *held)
{
    int result = RX_NO_BUFFER;
    disco_status err = 0;

    /* Never overtake packets that wait. */
    if (!nic->first)
        result = net_rx_place(nic, packet);
    if (result == RX_NO_BUFFER)
        err = rx_wait(nic, packet, held);
    else
        rx_count(nic, result, packet->bytes);
    if (err)
        nic->stats.rx_dropped++;
    return err;
}

static int driver_takes(const struct disco_nic *nic,
                        const disco_net_packet *packet)
{
    const struct vio *vio = &nic->vio;
    uint32_t flags = packet->flags;

    if (flags & DISCO_NET_CSUM_PARTIAL &&
        !vio_has_feature(vio, VIRTIO_NET_F_GUEST_CSUM))
        return 0;
    if (flags & DISCO_NET_ECN && !vio_has_feature(vio, VIRTIO_NET_F_GUEST_ECN))
        return 0;
    if (flags & DISCO_NET_TCP4)
        return vio_has_feature(vio, VIRTIO_NET_F_GUEST_TSO4);
    if (flags & DISCO_NET_TCP6)
        return vio_has_feature(vio, VIRTIO_NET_F_GUEST_TSO6);
    return 1;
}

/* Cut what is in rx_frame.  A full queue ends it: the rest would only be sent
 * again. */
static disco_status deliver_segments(struct disco_nic *nic,
                                     const disco_net_packet *packet)
{
    struct offload_headers headers;
    uint32_t segment = packet->segment_bytes;
    uint32_t count;
    uint32_t i;
    disco_status err = 0;

    if (offload_parse(nic->rx_frame, packet->header_bytes, packet->bytes,
                      &headers))
        return DISCO_E_INVAL;
    count = offload_segments(&headers, packet->bytes, segment);
    if (count > OFFLOAD_SEGMENTS_MAX)
        return DISCO_E_INVAL;
    for (i = 0; i < count && !err; i++) {
        disco_net_packet part;
        disco_net_fragment fragment;
        uint32_t bytes = offload_segment(&headers, nic->rx_frame, packet->bytes,
                                         segment, i, nic->rx_segment);

        net_packet_of_frame(&part, &fragment, nic->rx_segment, bytes);
        part.flags = NET_PACKET_FINISHED;
        nic->stats.rx_segments++;
        err = place_or_wait(nic, &part, NULL);
    }
    return err;
}

static disco_status deliver_finished(struct disco_nic *nic,
                                     const disco_net_packet *packet)
{
    disco_net_packet plain;
    disco_net_fragment fragment;

    if (net_packet_read(nic->vio.machine, packet, 0, nic->rx_frame,
                        packet->bytes)) {
        nic->stats.rx_dropped++;
        return DISCO_E_INVAL;
    }
    if (packet->flags & (DISCO_NET_TCP4 | DISCO_NET_TCP6))
        return deliver_segments(nic, packet);
    offload_checksum(nic->rx_frame, packet->bytes, packet->csum_start,
                     packet->csum_offset);
    nic->stats.rx_checksums++;
    net_packet_of_frame(&plain, &fragment, nic->rx_frame, packet->bytes);
    plain.flags = NET_PACKET_FINISHED;
    return place_or_wait(nic, &plain, NULL);
}

disco_status net_rx_deliver(struct disco_nic *nic,
                            const disco_net_packet *packet,
                            struct net_held *held)
{
    if (!vio_queue_live(&nic->vio, NET_RX) || nic->link_is_down) {
        nic->stats.rx_dropped++;
        return DISCO_E_BUSY;
    }
    if (!driver_takes(nic, packet))
        return deliver_finished(nic, packet);
    return place_or_wait(nic, packet, held);
}
