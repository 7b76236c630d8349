/*
 * net.c - the subnet that --net asks for, and its recording.
 */
#include "runner.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static disco_status pcap_write(void *opaque, const void *data, uint64_t bytes)
{
    FILE *file = opaque;

    return fwrite(data, 1, bytes, file) == bytes ? DISCO_OK : DISCO_E_IO;
}

static int pcap_open(struct runner *runner)
{
    const char *path = runner->options->pcap;
    disco_capture capture = { .size = sizeof(capture), .write = pcap_write };
    disco_status status;

    runner->pcap = fopen(path, "wb");
    if (!runner->pcap)
        return runner_fail(runner, "--pcap %s: %s", path, strerror(errno));
    capture.opaque = runner->pcap;
    status = disco_subnet_capture(runner->subnet, &capture);
    if (status)
        return runner_fail_status(runner, "--pcap", status);
    return 0;
}

int subnet_open(struct runner *runner)
{
    disco_status status = disco_subnet_create(runner->machine, &runner->subnet);

    if (status)
        return runner_fail_status(runner, "--net subnet", status);
    return runner->options->pcap ? pcap_open(runner) : 0;
}

int guest_add_net(struct guest *guest, uint32_t n)
{
    struct runner *runner = guest->runner;
    uint32_t seed = (uint32_t)runner->options->seed;
    /* Locally administered, different for every card of the subnet. */
    uint8_t mac[6] = {
        0x02,
        0xd1,
        (uint8_t)(seed >> 8),
        (uint8_t)seed,
        (uint8_t)guest->index,
        (uint8_t)n,
    };
    disco_port_config port = {
        .size = sizeof(port),
        .mtu = runner->options->net_mtu,
    };
    disco_net_backend be = { .size = sizeof(be) };
    disco_status status;

    memcpy(port.mac, mac, sizeof(mac));
    status = disco_subnet_port(runner->subnet, &port, &be, NULL);
    if (!status) {
        status = disco_board_add_net(guest->board, NULL, &be, &guest->nic[n]);
        if (status && be.release)
            be.release(be.opaque);
    }
    if (status)
        return runner_fail_status(runner, "--net subnet", status);
    return 0;
}

void subnet_close(struct runner *runner)
{
    if (!runner->subnet)
        return;
    disco_subnet_capture(runner->subnet, NULL);
    disco_subnet_destroy(runner->subnet);
    if (runner->pcap && fclose(runner->pcap) != 0)
        runner_fail(runner, "--pcap %s: %s", runner->options->pcap,
                    strerror(errno));
}

void net_stats_write(FILE *f, const struct guest *guest)
{
    static const char *const reasons[DISCO_NET_COPY_REASONS] = {
        "host", "partial", "small", "buffer", "offload", "untouched", "refused",
    };
    const char *comma = "";

    fputs("\"nics\": [", f);
    for (uint32_t n = 0; n < guest->runner->options->nets; n++) {
        disco_nic_stats s = { .size = sizeof(s) };

        disco_nic_stats_get(guest->nic[n], &s);
        fprintf(f,
                "%s{\"tx_frames\": %" PRIu64 ", \"tx_bytes\": %" PRIu64
                ", \"rx_frames\": %" PRIu64 ", \"rx_bytes\": %" PRIu64
                ", \"rx_dropped\": %" PRIu64 ", \"errors\": %" PRIu64
                ", \"rx_segments\": %" PRIu64
                ", \"rx_remapped_bytes\": %" PRIu64 ", \"rx_copied_bytes\": {",
                comma, s.tx_frames, s.tx_bytes, s.rx_frames, s.rx_bytes,
                s.rx_dropped, s.errors, s.rx_segments, s.rx_remapped_bytes);
        for (uint32_t i = 0; i < DISCO_NET_COPY_REASONS; i++)
            fprintf(f, "%s\"%s\": %" PRIu64, i ? ", " : "", reasons[i],
                    s.rx_copied_bytes[i]);
        fputs("}}", f);
        comma = ", ";
    }
    fputs("], ", f);
}
