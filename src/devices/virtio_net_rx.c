/*
 * virtio_net_rx.c - the receive side of the virtio network device: placing
 * packets in the guest's buffers, waiting for buffers, and doing in place of
 * the guest what its driver did not ask for.  See virtio_net.h.
 *
 * Delivering never sends, so that devices connected in a circle do not recurse.
 */
#include "devices/virtio_net.h"

#include <string.h>
#include <linux/virtio_net.h>
#include <disco/physmap.h>

#include "base/bits.h"
#include "devices/dev.h"

enum {
    /* What waits for the guest, if the back end does not say. */
    WAITING_FRAMES = 256,
    WAITING_BYTES = 4 << 20,
    BOUNCE_BYTES = 4096
};

/* --- Taking buffers ------------------------------------------------------ */

enum { RX_PLACED, RX_NO_BUFFER, RX_DROPPED };

/* Take one more buffer.  RX_PLACED, or why not. */
static int room_grow(struct disco_nic *nic, uint32_t limit)
{
    struct rx_room *room = &nic->rx_room;
    const struct virtq_chain *chain = &nic->rx_chain;
    struct rx_buffer *buffer = &room->buffer[room->buffers];
    uint32_t i;

    if (room->buffers == limit)
        return RX_DROPPED; /* too small for any packet of this size */
    if (!vio_pop(&nic->vio, NET_RX, &nic->rx_chain))
        return RX_NO_BUFFER;
    if (room->segs + chain->segs > RX_SEGS_MAX) {
        virtq_unpop(&nic->vio.queue[NET_RX], 1);
        return RX_DROPPED;
    }
    buffer->head = chain->head;
    buffer->used = 0;
    buffer->first = (uint16_t)room->segs;
    for (i = chain->out_segs; i < chain->segs; i++)
        room->seg[room->segs++] = chain->seg[i];
    buffer->end = (uint16_t)room->segs;
    room->buffers++;
    return RX_PLACED;
}

static uint64_t buffer_bytes(const struct rx_room *room, uint32_t index)
{
    uint64_t bytes = 0;
    uint32_t i;

    for (i = room->buffer[index].first; i < room->buffer[index].end; i++)
        bytes += room->seg[i].bytes;
    return bytes;
}

/* --- Filling them -------------------------------------------------------- */

/* Bytes of the packet, or of `header` when it is not NULL, into a buffer. */
static disco_status fill_piece(struct disco_nic *nic, uint64_t gpa,
                               const disco_net_packet *packet, uint32_t at,
                               uint32_t bytes)
{
    uint8_t bounce[BOUNCE_BYTES];
    disco_status err = 0;

    while (bytes > 0 && !err) {
        uint32_t part = bytes < BOUNCE_BYTES ? bytes : BOUNCE_BYTES;

        err = net_packet_read(nic->vio.machine, packet, at, bounce, part);
        if (!err)
            err = disco_mem_write(nic->vio.vm, gpa, bounce, part);
        gpa += part;
        at += part;
        bytes -= part;
    }
    return err ? DISCO_E_FAULT : 0;
}

/* Fill buffer `index` from its byte `skip` on.  *at moves on. */
static disco_status fill_buffer(struct disco_nic *nic, uint32_t index,
                                uint32_t skip, const disco_net_packet *packet,
                                uint32_t *at)
{
    struct rx_room *room = &nic->rx_room;
    struct rx_buffer *buffer = &room->buffer[index];
    uint32_t i;

    buffer->used = skip;
    for (i = buffer->first; i < buffer->end && *at < packet->bytes; i++) {
        const struct virtq_seg *seg = &room->seg[i];
        uint32_t part;
        disco_status err;

        if (skip >= seg->bytes) {
            skip -= seg->bytes;
            continue;
        }
        part = seg->bytes - skip;
        if (part > packet->bytes - *at)
            part = packet->bytes - *at;
        err = fill_piece(nic, seg->gpa + skip, packet, *at, part);
        if (err)
            return err;
        buffer->used += part;
        *at += part;
        skip = 0;
    }
    return 0;
}

/* The device's header, at the start of the first buffer. */
static disco_status write_header(struct disco_nic *nic, const uint8_t *header)
{
    const struct rx_room *room = &nic->rx_room;
    uint32_t done = 0;
    uint32_t i;

    for (i = room->buffer[0].first;
         i < room->buffer[0].end && done < NET_HEADER_BYTES; i++) {
        uint32_t part = NET_HEADER_BYTES - done;

        if (part > room->seg[i].bytes)
            part = room->seg[i].bytes;
        if (disco_mem_write(nic->vio.vm, room->seg[i].gpa, header + done, part))
            return DISCO_E_FAULT;
        done += part;
    }
    return done == NET_HEADER_BYTES ? 0 : DISCO_E_FAULT;
}

static void make_header(const struct disco_nic *nic,
                        const disco_net_packet *packet, uint8_t *header)
{
    uint32_t flags = packet->flags;

    memset(header, 0, NET_HEADER_BYTES);
    store_le16(header + NET_HEADER_NUM_BUFFERS, (uint16_t)nic->rx_room.buffers);
    if (!(flags & DISCO_NET_CSUM_PARTIAL))
        return;
    header[NET_HEADER_FLAGS] = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    store_le16(header + NET_HEADER_CSUM_START, (uint16_t)packet->csum_start);
    store_le16(header + NET_HEADER_CSUM_OFFSET, (uint16_t)packet->csum_offset);
    if (!(flags & (DISCO_NET_TCP4 | DISCO_NET_TCP6)))
        return;
    header[NET_HEADER_GSO] = flags & DISCO_NET_TCP4 ? VIRTIO_NET_HDR_GSO_TCPV4
                                                    : VIRTIO_NET_HDR_GSO_TCPV6;
    if (flags & DISCO_NET_ECN)
        header[NET_HEADER_GSO] |= VIRTIO_NET_HDR_GSO_ECN;
    store_le16(header + NET_HEADER_HDR_LEN, (uint16_t)packet->header_bytes);
    store_le16(header + NET_HEADER_GSO_SIZE, (uint16_t)packet->segment_bytes);
}

/* --- Placing ------------------------------------------------------------- */

/* Take as many buffers as hold the packet one byte after the other. */
static int take_buffers(struct disco_nic *nic, uint32_t bytes)
{
    struct rx_room *room = &nic->rx_room;
    uint32_t limit = RX_CHAINS_MAX;
    uint64_t have = 0;
    int result = RX_PLACED;

    if (!vio_has_feature(&nic->vio, VIRTIO_NET_F_MRG_RXBUF))
        limit = 1;
    else if (nic->vio.queue[NET_RX].num < limit)
        limit = nic->vio.queue[NET_RX].num;
    room->buffers = 0;
    room->segs = 0;
    while (have < (uint64_t)bytes + NET_HEADER_BYTES) {
        result = room_grow(nic, limit);
        if (result != RX_PLACED)
            break;
        have += buffer_bytes(room, room->buffers - 1);
        /* Nothing can be put there: it goes back, and the packet with it. */
        if (have < NET_HEADER_BYTES)
            return RX_PLACED;
    }
    if (result != RX_PLACED)
        virtq_unpop(&nic->vio.queue[NET_RX], room->buffers);
    return result;
}

/* Return the buffers, all at once: the driver must not see half a frame. */
static void return_buffers(struct disco_nic *nic, disco_status err)
{
    struct virtq *vq = &nic->vio.queue[NET_RX];
    const struct rx_room *room = &nic->rx_room;
    uint32_t i;

    for (i = 0; i < room->buffers; i++)
        virtq_stage(vq, room->buffer[i].head, err ? 0 : room->buffer[i].used);
    virtq_publish(vq);
    vio_signal(&nic->vio, NET_RX);
}

static int rx_place(struct disco_nic *nic, const disco_net_packet *packet)
{
    uint8_t header[NET_HEADER_BYTES];
    uint32_t at = 0;
    uint32_t i;
    disco_status err;
    int result = take_buffers(nic, packet->bytes);

    if (result != RX_PLACED)
        return result;
    make_header(nic, packet, header);
    err = write_header(nic, header);
    for (i = 0; i < nic->rx_room.buffers && !err; i++)
        err = fill_buffer(nic, i, i == 0 ? NET_HEADER_BYTES : 0, packet, &at);
    return_buffers(nic, err);
    if (!err)
        return RX_PLACED;
    nic->stats.errors++;
    return RX_DROPPED;
}

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
        held = net_hold(nic->vio.machine, packet);
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
    result = rx_place(nic, &entry->held->packet);
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
        result = rx_place(nic, packet);
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
    return place_or_wait(nic, &plain, NULL);
}

disco_status net_rx_deliver(struct disco_nic *nic,
                            const disco_net_packet *packet,
                            struct net_held *held)
{
    if (!vio_queue_live(&nic->vio, NET_RX)) {
        nic->stats.rx_dropped++;
        return DISCO_E_BUSY;
    }
    if (!driver_takes(nic, packet))
        return deliver_finished(nic, packet);
    return place_or_wait(nic, packet, held);
}
