/*
 * virtio_net_place.c - puts a packet into the guest's receive buffers: maps its
 * whole pages where a buffer is a page, copies the rest.  See virtio_net.h.
 *
 * With mergeable buffers a packet may leave the end of a buffer free, so the
 * payload is laid out such that the sender's page boundaries meet the
 * receiver's: headers and what comes before the first whole page go into the
 * first buffers, then each page alone into one, then the rest.  Where there
 * are not enough buffers for that, the packet is laid out without gaps.
 */
#include "devices/virtio_net.h"

#include <string.h>
#include <linux/virtio_net.h>
#include <disco/physmap.h>

#include "base/bits.h"

enum {
    BOUNCE_BYTES = 4096,
    /* Unfit buffers after which a packet is no longer laid out in pages. */
    MISSES_MAX = 2
};

/* --- Taking buffers ------------------------------------------------------ */

/* Take one more buffer.  RX_PLACED, or why not. */
static int room_grow(struct disco_nic *nic)
{
    struct rx_room *room = &nic->rx_room;
    const struct virtq_chain *chain = &nic->rx_chain;
    struct rx_buffer *buffer = &room->buffer[room->buffers];
    uint32_t i;

    if (room->buffers == room->limit)
        return RX_DROPPED; /* too small for any packet of this size */
    if (!vio_pop(&nic->vio, NET_RX, &nic->rx_chain))
        return RX_NO_BUFFER;
    if (room->segs + chain->segs > RX_SEGS_MAX) {
        virtq_unpop(&nic->vio.queue[NET_RX], 1);
        return RX_DROPPED;
    }
    buffer->head = chain->head;
    buffer->first = (uint16_t)room->segs;
    for (i = chain->out_segs; i < chain->segs; i++)
        room->seg[room->segs++] = chain->seg[i];
    buffer->end = (uint16_t)room->segs;
    room->buffers++;
    return RX_PLACED;
}

static void room_open(struct disco_nic *nic)
{
    struct rx_room *room = &nic->rx_room;

    room->buffers = 0;
    room->segs = 0;
    room->limit = RX_BUFFERS_MAX;
    if (!vio_has_feature(&nic->vio, VIRTIO_NET_F_MRG_RXBUF))
        room->limit = 1;
    else if (nic->vio.queue[NET_RX].num < RX_BUFFERS_MAX)
        room->limit = nic->vio.queue[NET_RX].num;
}

/* --- Layout -------------------------------------------------------------- */

/* A packet being laid out. */
struct layout {
    struct rx_room *room;
    const struct net_pages *pages;
    uint32_t bytes; /* of the packet */
    uint32_t at;    /* bytes laid out */
    uint32_t next;  /* first page not before `at` */
    uint32_t misses;
};

static void add_move(struct layout *l, uint64_t gpa, uint32_t bytes,
                     int32_t page)
{
    struct rx_room *room = l->room;

    room->move[room->moves++] = (struct rx_move){ gpa, l->at, bytes, page };
    room->buffer[room->used].used += bytes;
    l->at += bytes;
}

/* Bytes that may be copied until the next page that may still be mapped. */
static uint32_t copy_limit(const struct layout *l)
{
    uint32_t i = l->next;

    if (l->misses >= MISSES_MAX)
        return l->bytes - l->at;
    /* The one that starts here found no fitting buffer. */
    if (i < l->pages->count && l->pages->page[i].at == l->at)
        i++;
    return (i < l->pages->count ? l->pages->page[i].at : l->bytes) - l->at;
}

/*
 * Lay out into one segment, from byte `skip` of it.  Returns 1 when the buffer
 * goes on in its next segment, 0 when it is done with.
 */
static int layout_seg(struct layout *l, const struct virtq_seg *seg,
                      uint32_t skip)
{
    const struct net_pages *pages = l->pages;

    while (skip < seg->bytes && l->at < l->bytes) {
        uint32_t part;

        while (l->next < pages->count && pages->page[l->next].at < l->at)
            l->next++;
        if (l->misses < MISSES_MAX && l->next < pages->count &&
            pages->page[l->next].at == l->at) {
            if (skip == 0 && seg->gpa % NET_PAGE_BYTES == 0 &&
                seg->bytes >= NET_PAGE_BYTES) {
                add_move(l, seg->gpa, NET_PAGE_BYTES, (int32_t)l->next);
                return seg->bytes == NET_PAGE_BYTES;
            }
            /* A fresh buffer may fit. */
            if (l->room->buffer[l->room->used].used > 0)
                return 0;
            l->misses++;
        }
        part = copy_limit(l);
        if (part > seg->bytes - skip)
            part = seg->bytes - skip;
        add_move(l, seg->gpa + skip, part, -1);
        skip += part;
    }
    return 1;
}

/* Lay out into the buffer after those used.  FAULT when it is the first one and
 * does not even hold the device's header. */
static disco_status layout_buffer(struct layout *l)
{
    struct rx_room *room = l->room;
    struct rx_buffer *buffer = &room->buffer[room->used];
    uint32_t skip = room->used == 0 ? NET_HEADER_BYTES : 0;
    uint32_t i;

    buffer->used = skip;
    for (i = buffer->first; i < buffer->end && skip >= room->seg[i].bytes; i++)
        skip -= room->seg[i].bytes;
    for (; i < buffer->end && l->at < l->bytes; i++) {
        int goes_on = layout_seg(l, &room->seg[i], skip);

        skip = 0;
        if (!goes_on)
            break;
    }
    room->used++;
    return skip ? DISCO_E_FAULT : 0;
}

/* RX_PLACED when the packet has its place, or why not. */
static int layout(struct disco_nic *nic, uint32_t bytes,
                  const struct net_pages *pages, uint32_t misses)
{
    struct rx_room *room = &nic->rx_room;
    struct layout l = {
        .room = room,
        .pages = pages,
        .bytes = bytes,
        .misses = misses,
    };

    room->used = 0;
    room->moves = 0;
    while (l.at < bytes) {
        int result = RX_PLACED;

        if (room->used == room->buffers)
            result = room_grow(nic);
        if (result != RX_PLACED)
            return result;
        /* Filling it fails, and it goes back with nothing. */
        if (layout_buffer(&l))
            return RX_PLACED;
    }
    return RX_PLACED;
}

/* --- Filling ------------------------------------------------------------- */

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
    store_le16(header + NET_HEADER_NUM_BUFFERS, (uint16_t)nic->rx_room.used);
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

static disco_status copy_bytes(struct disco_nic *nic,
                               const disco_net_packet *packet, uint64_t gpa,
                               uint32_t at, uint32_t bytes)
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

/* Map a page, or copy it after all. */
static disco_status map_page(struct disco_nic *nic,
                             const disco_net_packet *packet,
                             const struct net_page *page, uint64_t gpa)
{
    uint32_t why = DISCO_NET_COPY_REFUSED;
    disco_page taken;
    disco_status err = net_page_take(nic->vio.machine, packet, page, &taken);

    if (err == DISCO_E_NOENT)
        why = DISCO_NET_COPY_UNTOUCHED;
    if (!err) {
        err = disco_page_map(nic->vio.vm, gpa, taken);
        disco_page_drop(nic->vio.machine, taken);
    }
    if (!err) {
        nic->stats.rx_remapped_bytes += NET_PAGE_BYTES;
        return 0;
    }
    nic->stats.rx_copied_bytes[why] += NET_PAGE_BYTES;
    return copy_bytes(nic, packet, gpa, page->at, NET_PAGE_BYTES);
}

static disco_status fill(struct disco_nic *nic, const disco_net_packet *packet,
                         const struct net_pages *pages)
{
    const struct rx_room *room = &nic->rx_room;
    uint8_t header[NET_HEADER_BYTES];
    disco_status err;
    uint32_t i;

    make_header(nic, packet, header);
    err = write_header(nic, header);
    for (i = 0; i < room->moves && !err; i++) {
        const struct rx_move *move = &room->move[i];

        if (move->page < 0)
            err = copy_bytes(nic, packet, move->gpa, move->at, move->bytes);
        else
            err = map_page(nic, packet, &pages->page[move->page], move->gpa);
    }
    return err;
}

/* --- Placing ------------------------------------------------------------- */

/* Return the buffers, all at once: the driver must not see half a frame. */
static void return_buffers(struct disco_nic *nic, disco_status err)
{
    struct virtq *vq = &nic->vio.queue[NET_RX];
    const struct rx_room *room = &nic->rx_room;
    uint32_t i;

    virtq_unpop(vq, room->buffers - room->used);
    for (i = 0; i < room->used; i++)
        virtq_stage(vq, room->buffer[i].head, err ? 0 : room->buffer[i].used);
    virtq_publish(vq);
    vio_signal(&nic->vio, NET_RX);
}

/* Bytes that were not even tried to be mapped, by reason.  `whole` pages could
 * have been, had there been enough of them. */
static void count_copies(struct disco_nic *nic, const disco_net_packet *packet,
                         const struct net_pages *pages, uint32_t whole)
{
    const struct rx_room *room = &nic->rx_room;
    uint64_t *copied = nic->stats.rx_copied_bytes;
    uint32_t unfit = pages->count;
    uint32_t host = 0;
    uint32_t i;

    if (packet->flags & NET_PACKET_FINISHED) {
        copied[DISCO_NET_COPY_OFFLOAD] += packet->bytes;
        return;
    }
    for (i = 0; i < room->moves; i++)
        unfit -= room->move[i].page >= 0;
    for (i = 0; i < packet->fragments; i++) {
        if (packet->fragment[i].kind == DISCO_FRAGMENT_HOST)
            host += packet->fragment[i].bytes;
    }
    copied[DISCO_NET_COPY_HOST] += host;
    copied[DISCO_NET_COPY_PARTIAL] +=
        packet->bytes - host - whole * NET_PAGE_BYTES;
    copied[DISCO_NET_COPY_SMALL] += (whole - pages->count) * NET_PAGE_BYTES;
    copied[DISCO_NET_COPY_BUFFER] += unfit * NET_PAGE_BYTES;
}

int net_rx_place(struct disco_nic *nic, const disco_net_packet *packet)
{
    struct rx_room *room = &nic->rx_room;
    struct net_pages pages;
    uint32_t whole;
    disco_status err;
    int result = RX_NO_BUFFER;

    net_packet_pages(packet, &pages);
    whole = pages.count;
    if (whole < net_min_pages(nic->backend.remap_min_pages))
        pages.count = 0;
    room_open(nic);
    if (pages.count > 0 && room->limit > 1)
        result = layout(nic, packet->bytes, &pages, 0);
    if (result != RX_PLACED)
        result = layout(nic, packet->bytes, &pages, MISSES_MAX);
    if (result != RX_PLACED) {
        virtq_unpop(&nic->vio.queue[NET_RX], room->buffers);
        return result;
    }
    count_copies(nic, packet, &pages, whole);
    err = fill(nic, packet, &pages);
    return_buffers(nic, err);
    if (!err)
        return RX_PLACED;
    nic->stats.errors++;
    return RX_DROPPED;
}
