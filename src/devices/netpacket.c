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
    (void)machine;
    if (fragment->kind == DISCO_FRAGMENT_GUEST)
        return disco_mem_read(fragment->vm, fragment->gpa + at, dst, bytes)
                   ? DISCO_E_FAULT
                   : 0;
    memcpy(dst, (const uint8_t *)fragment->data + at, bytes);
    return 0;
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

/* --- Keeping ------------------------------------------------------------- */

struct net_held *net_hold(disco_machine *machine,
                          const disco_net_packet *packet)
{
    struct net_held *held;
    disco_net_fragment *fragment;
    uint8_t *data;
    uint64_t bytes = sizeof(*held) + sizeof(*fragment) + packet->bytes;

    held = dev_alloc(machine, bytes);
    if (!held)
        return NULL;
    fragment = (disco_net_fragment *)(void *)(held + 1);
    data = (uint8_t *)(fragment + 1);
    if (net_packet_read(machine, packet, 0, data, packet->bytes)) {
        dev_free(machine, held, bytes);
        return NULL;
    }
    held->refs = 1;
    held->machine = machine;
    held->block_bytes = bytes;
    held->packet = *packet;
    held->packet.fragments = 1;
    held->packet.fragment = fragment;
    *fragment = (disco_net_fragment){
        .kind = DISCO_FRAGMENT_HOST,
        .bytes = packet->bytes,
        .data = data,
    };
    return held;
}

void net_held_get(struct net_held *held)
{
    add_seq(&held->refs, 1);
}

void net_held_put(struct net_held *held)
{
    if (sub_seq(&held->refs, 1) == 1)
        dev_free(held->machine, held, held->block_bytes);
}
