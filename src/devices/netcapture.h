/*
 * netcapture.h - packets as a pcap file (nanoseconds, little-endian, Ethernet).
 *
 * Calls the host: no lock is held.
 */
#ifndef DEVICES_NETCAPTURE_H
#define DEVICES_NETCAPTURE_H

#include <disco/device.h>

/* The file's header.  What `write` returned. */
disco_status capture_begin(const disco_capture *capture);

/* One record; NOMEM, FAULT, or what `write` returned. */
disco_status capture_packet(disco_machine *machine,
                            const disco_capture *capture,
                            const disco_net_packet *packet);

#endif
