/*
 * netcapture.c - packets as a pcap file.  See netcapture.h.
 */
#include "devices/netcapture.h"

#include <string.h>

#include "base/bits.h"
#include "devices/dev.h"
#include "devices/netpacket.h"

enum {
    FILE_HEADER_BYTES = 24,
    RECORD_HEADER_BYTES = 16,
    LINK_ETHERNET = 1,
    NS_PER_S = 1000000000
};

static const uint32_t magic_ns = 0xa1b23c4d;

static uint32_t snap_of(const disco_capture *capture)
{
    uint32_t snap = capture->snap_bytes;

    return snap && snap < DISCO_NET_FRAME_MAX ? snap : DISCO_NET_FRAME_MAX;
}

disco_status capture_begin(const disco_capture *capture)
{
    uint8_t header[FILE_HEADER_BYTES] = { 0 };

    store_le32(header, magic_ns);
    store_le16(header + 4, 2); /* version 2.4 */
    store_le16(header + 6, 4);
    store_le32(header + 16, snap_of(capture));
    store_le32(header + 20, LINK_ETHERNET);
    return capture->write(capture->opaque, header, sizeof(header));
}

disco_status capture_packet(disco_machine *machine,
                            const disco_capture *capture,
                            const disco_net_packet *packet)
{
    uint32_t bytes = packet->bytes;
    uint8_t *record;
    disco_status err;

    if (bytes > snap_of(capture))
        bytes = snap_of(capture);
    record = dev_alloc(machine, RECORD_HEADER_BYTES + bytes);
    if (!record)
        return DISCO_E_NOMEM;
    store_le32(record, (uint32_t)(packet->time_ns / NS_PER_S));
    store_le32(record + 4, (uint32_t)(packet->time_ns % NS_PER_S));
    store_le32(record + 8, bytes);
    store_le32(record + 12, packet->bytes);
    err = net_packet_read(machine, packet, 0, record + RECORD_HEADER_BYTES,
                          bytes);
    if (!err)
        err = capture->write(capture->opaque, record,
                             RECORD_HEADER_BYTES + bytes);
    dev_free(machine, record, RECORD_HEADER_BYTES + bytes);
    return err;
}
