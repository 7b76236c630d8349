/*
 * netpacket.c - packets as lists of fragments.  See netpacket.h.
 */
#include "devices/netpacket.h"

#include <string.h>
#include <disco/physmap.h>

#include "devices/dev.h"

/* --- Checking ------------------------------------------------------------ */

static int fragment_ok(const disco_net_fragment *fragment)
{
    if (fragment->bytes == 0 || fragment->bytes > DISCO_NET_FRAME_MAX)
        return 0;
    switch (fragment->kind) {
    case DISCO_FRAGMENT_HOST:
        return fragment->data != NULL;
    case DISCO_FRAGMENT_GUEST:
        return fragment->vm != NULL;
    case DISCO_FRAGMENT_PAGE:
        return fragment->page.name != 0 && fragment->offset < NET_PAGE_BYTES &&
               fragment->bytes <= NET_PAGE_BYTES - fragment->offset;
    default:
        return 0;
    }
}

/* Bytes that the first fragment must hold. */
static uint32_t head_bytes(const disco_net_packet *packet)
{
    if (packet->flags & (DISCO_NET_TCP4 | DISCO_NET_TCP6))
        return packet->header_bytes;
    return NET_FRAME_MIN;
}

static int offload_ok(const disco_net_packet *packet)
{
    uint32_t gso = packet->flags & (DISCO_NET_TCP4 | DISCO_NET_TCP6);

    if (packet->flags & ~(uint32_t)(DISCO_NET_CSUM_PARTIAL | DISCO_NET_TCP4 |
                                    DISCO_NET_TCP6 | DISCO_NET_ECN))
        return 0;
    if (packet->flags & DISCO_NET_CSUM_PARTIAL &&
        (packet->csum_start < NET_FRAME_MIN ||
         packet->csum_start > packet->bytes || packet->csum_offset > 0xffff ||
         packet->csum_start + packet->csum_offset + 2 > packet->bytes))
        return 0;
    if (!gso)
        return !(packet->flags & DISCO_NET_ECN);
    return gso != (DISCO_NET_TCP4 | DISCO_NET_TCP6) &&
           packet->flags & DISCO_NET_CSUM_PARTIAL &&
           packet->segment_bytes > 0 && packet->header_bytes >= NET_FRAME_MIN &&
           packet->header_bytes < packet->bytes;
}

disco_status net_packet_check(const disco_net_packet *packet)
{
    uint64_t sum = 0;
    uint32_t i;

    if (packet->bytes < NET_FRAME_MIN || packet->bytes > DISCO_NET_FRAME_MAX ||
        packet->fragments == 0 || packet->fragments > DISCO_NET_FRAGMENTS_MAX ||
        !packet->fragment)
        return DISCO_E_INVAL;
    for (i = 0; i < packet->fragments; i++) {
        if (!fragment_ok(&packet->fragment[i]))
            return DISCO_E_INVAL;
        sum += packet->fragment[i].bytes;
    }
    if (sum != packet->bytes || !offload_ok(packet) ||
        packet->fragment[0].kind != DISCO_FRAGMENT_HOST ||
        packet->fragment[0].bytes < head_bytes(packet))
        return DISCO_E_INVAL;
    return 0;
}

void net_packet_of_frame(disco_net_packet *packet, disco_net_fragment *fragment,
                         const void *frame, uint64_t bytes)
{
    *fragment = (disco_net_fragment){
        .kind = DISCO_FRAGMENT_HOST,
        .bytes = (uint32_t)bytes,
        .data = frame,
    };
    *packet = (disco_net_packet){
        .size = sizeof(*packet),
        .bytes = (uint32_t)bytes,
        .fragments = 1,
        .fragment = fragment,
    };
}

/* --- Reading ------------------------------------------------------------- */

static disco_status fragment_read(disco_machine *machine,
                                  const disco_net_fragment *fragment,
                                  uint32_t at, void *dst, uint32_t bytes)
{
    disco_status err = 0;

    if (fragment->kind == DISCO_FRAGMENT_GUEST)
        err = disco_mem_read(fragment->vm, fragment->gpa + at, dst, bytes);
    else if (fragment->kind == DISCO_FRAGMENT_PAGE)
        err = disco_page_read(machine, fragment->page, fragment->offset + at,
                              dst, bytes);
    else
        memcpy(dst, (const uint8_t *)fragment->data + at, bytes);
    return err ? DISCO_E_FAULT : 0;
}

disco_status net_packet_read(disco_machine *machine,
                             const disco_net_packet *packet, uint32_t at,
                             void *dst, uint32_t bytes)
{
    uint8_t *to = dst;
    uint32_t i;

    for (i = 0; i < packet->fragments && bytes > 0; i++) {
        const disco_net_fragment *fragment = &packet->fragment[i];
        uint32_t part;
        disco_status err;

        if (at >= fragment->bytes) {
            at -= fragment->bytes;
            continue;
        }
        part = fragment->bytes - at;
        if (part > bytes)
            part = bytes;
        err = fragment_read(machine, fragment, at, to, part);
        if (err)
            return err;
        to += part;
        bytes -= part;
        at = 0;
    }
    return bytes ? DISCO_E_FAULT : 0;
}

/* --- Pages --------------------------------------------------------------- */

void net_packet_pages(const disco_net_packet *packet, struct net_pages *out)
{
    uint32_t at = 0;
    uint32_t i;

    out->count = 0;
    for (i = 0; i < packet->fragments; i++) {
        const disco_net_fragment *fragment = &packet->fragment[i];
        uint32_t offset = 0;

        if (fragment->kind == DISCO_FRAGMENT_GUEST)
            offset = (uint32_t)-fragment->gpa % NET_PAGE_BYTES;
        else if (fragment->kind == DISCO_FRAGMENT_HOST || fragment->offset)
            offset = fragment->bytes;
        for (; offset + NET_PAGE_BYTES <= fragment->bytes;
             offset += NET_PAGE_BYTES)
            out->page[out->count++] =
                (struct net_page){ at + offset, i, offset };
        at += fragment->bytes;
    }
}

disco_status net_page_take(disco_machine *machine,
                           const disco_net_packet *packet,
                           const struct net_page *page, disco_page *out)
{
    const disco_net_fragment *fragment = &packet->fragment[page->fragment];

    if (fragment->kind == DISCO_FRAGMENT_GUEST)
        return disco_page_take(fragment->vm, fragment->gpa + page->offset, out);
    *out = fragment->page;
    return disco_page_hold(machine, *out);
}

/* --- Keeping ------------------------------------------------------------- */

/* A held packet that is being made. */
struct making {
    const disco_net_packet *from;
    struct net_held *held;
    disco_net_fragment *fragment; /* the held packet's */
    uint8_t *data;                /* where the next bytes go */
    uint32_t at;                  /* bytes of the packet that are done */
};

/* Copy up to byte `end` of the packet. */
static disco_status keep_bytes(struct making *m, uint32_t end)
{
    disco_net_packet *to = &m->held->packet;
    disco_net_fragment *last = NULL;
    uint32_t bytes = end - m->at;
    disco_status err;

    if (bytes == 0)
        return 0;
    err = net_packet_read(m->held->machine, m->from, m->at, m->data, bytes);
    if (err)
        return err;
    if (to->fragments > 0)
        last = &m->fragment[to->fragments - 1];
    if (last && last->kind == DISCO_FRAGMENT_HOST)
        last->bytes += bytes;
    else
        m->fragment[to->fragments++] = (disco_net_fragment){
            .kind = DISCO_FRAGMENT_HOST,
            .bytes = bytes,
            .data = m->data,
        };
    m->data += bytes;
    m->at = end;
    return 0;
}

/* A page that cannot be shared is left to be copied. */
static disco_status keep_page(struct making *m, const struct net_page *page)
{
    disco_net_packet *to = &m->held->packet;
    disco_page taken;
    disco_status err = keep_bytes(m, page->at);

    if (err)
        return err;
    if (net_page_take(m->held->machine, m->from, page, &taken))
        return keep_bytes(m, page->at + NET_PAGE_BYTES);
    m->fragment[to->fragments++] = (disco_net_fragment){
        .kind = DISCO_FRAGMENT_PAGE,
        .bytes = NET_PAGE_BYTES,
        .page = taken,
    };
    m->at += NET_PAGE_BYTES;
    return 0;
}

struct net_held *net_hold(disco_machine *machine,
                          const disco_net_packet *packet, uint32_t min_pages)
{
    struct making m = { .from = packet };
    struct net_pages pages;
    uint32_t most; /* fragments */
    uint64_t bytes;
    uint32_t i;
    disco_status err = 0;

    net_packet_pages(packet, &pages);
    if (pages.count < min_pages)
        pages.count = 0;
    most = 2 * pages.count + 1;
    /* Pages that cannot be shared need room, too. */
    bytes = sizeof(*m.held) + most * sizeof(*m.fragment) + packet->bytes;
    m.held = dev_alloc(machine, bytes);
    if (!m.held)
        return NULL;
    m.fragment = (disco_net_fragment *)(void *)(m.held + 1);
    m.data = (uint8_t *)(m.fragment + most);
    m.held->refs = 1;
    m.held->machine = machine;
    m.held->block_bytes = bytes;
    m.held->packet = *packet;
    m.held->packet.fragments = 0;
    m.held->packet.fragment = m.fragment;
    for (i = 0; i < pages.count && !err; i++)
        err = keep_page(&m, &pages.page[i]);
    if (!err)
        err = keep_bytes(&m, packet->bytes);
    if (!err)
        return m.held;
    net_held_put(m.held);
    return NULL;
}

void net_held_get(struct net_held *held)
{
    add_seq(&held->refs, 1);
}

void net_held_put(struct net_held *held)
{
    uint32_t i;

    if (sub_seq(&held->refs, 1) != 1)
        return;
    for (i = 0; i < held->packet.fragments; i++) {
        const disco_net_fragment *fragment = &held->packet.fragment[i];

        if (fragment->kind == DISCO_FRAGMENT_PAGE)
            disco_page_drop(held->machine, fragment->page);
    }
    dev_free(held->machine, held, held->block_bytes);
}
