/*
 * subnet.c - the virtual subnet between network devices of any VMs of one
 * machine: ports, their limits and figures, forwarding.
 *
 * It keeps no packets: one is delivered to the receiving devices, whose lists
 * are bounded, on the sender's thread.  One lock, not held while a device or
 * the host is called; `busy` counts calls under way into a port's device, and a
 * device that detaches waits for them.  Ports keep their number while they
 * live, so that a flood can let go of the lock between two ports.
 */
#include <disco/device.h>

#include <string.h>

#include "base/bits.h"
#include "base/config.h"
#include "devices/dev.h"
#include "devices/netcapture.h"
#include "devices/netstation.h"
#include "devices/virtio_net.h"

enum { SUBNET_PORTS_MAX = 1024, BURST_BYTES = 1 << 20 };

static const uint64_t ns_per_s = 1000000000;

struct port {
    disco_subnet *subnet;
    disco_nic *nic; /* NULL while nothing is attached */
    uint32_t number;
    uint32_t busy;
    disco_port_config config;
    disco_port_stats stats;
    /* What may be sent now, and when that was so. */
    uint64_t tokens;
    uint64_t tokens_ns;
};

struct disco_subnet {
    struct lock lock;
    disco_machine *machine;
    disco_subnet_stats stats; /* stats.ports counts ports */
    uint32_t slots;           /* numbers in use end here */
    uint32_t given;           /* addresses given out */
    disco_capture capture;    /* write NULL: none */
    uint32_t capturing;       /* calls of it under way */
    struct port *port[SUBNET_PORTS_MAX];
    struct stations stations;
};

/* --- Delivering ---------------------------------------------------------- */

/* Lock held; let go of while the device takes the packet. */
static void deliver(struct disco_subnet *subnet, struct port *port,
                    const disco_net_packet *packet, struct net_held *held)
{
    disco_nic *nic = port->nic;
    disco_status err;

    if (!nic)
        return;
    port->busy++;
    lock_give(&subnet->lock);
    err = nic_deliver(nic, packet, held);
    lock_take(&subnet->lock);
    port->busy--;
    if (err) {
        subnet->stats.dropped++;
        port->stats.dropped++;
    } else {
        port->stats.taken_frames++;
        port->stats.taken_bytes += packet->bytes;
    }
}

/*
 * To every port but the sender's.  The packet is read out of the guest once,
 * and the copy is what waits in all of them.  Returns the price.
 */
static uint64_t flood(struct disco_subnet *subnet, struct port *from,
                      const disco_net_packet *packet)
{
    struct net_held *held;
    uint64_t price = 0;
    uint32_t i;

    subnet->stats.flooded++;
    from->stats.flooded++;
    if (subnet->stats.ports < 2)
        return 0;
    lock_give(&subnet->lock);
    held = net_hold(subnet->machine, packet,
                    net_min_pages(from->config.remap_min_pages));
    lock_take(&subnet->lock);
    if (!held) {
        subnet->stats.dropped++;
        return packet->bytes;
    }
    for (i = 0; i < subnet->slots; i++) {
        if (!subnet->port[i] || subnet->port[i] == from)
            continue;
        deliver(subnet, subnet->port[i], &held->packet, held);
        price += packet->bytes + VIO_STEP_COST;
    }
    net_held_put(held);
    return price;
}

/* Lock held; let go of while the host writes. */
static void capture(struct disco_subnet *subnet, const disco_net_packet *packet)
{
    disco_capture to = subnet->capture;

    if (!to.write)
        return;
    subnet->capturing++;
    lock_give(&subnet->lock);
    if (!capture_packet(subnet->machine, &to, packet))
        to.write = NULL;
    lock_take(&subnet->lock);
    subnet->capturing--;
    if (to.write)
        subnet->capture.write = NULL; /* it failed: the file ends here */
}

/* --- Sending ------------------------------------------------------------- */

/* A bucket that fills with the sender's time.  1 when the bytes are in it. */
static int within_rate(struct port *port, const disco_net_packet *packet)
{
    uint64_t most = port->config.burst_bytes;
    uint64_t more;

    if (port->config.rate_bytes == 0)
        return 1;
    if (packet->time_ns > port->tokens_ns) {
        more = scale_floor(packet->time_ns - port->tokens_ns,
                           port->config.rate_bytes, ns_per_s);
        /* What is too little for a byte stays for the next time. */
        if (more > 0) {
            port->tokens_ns = packet->time_ns;
            port->tokens =
                more < most - port->tokens ? port->tokens + more : most;
        }
    }
    if (packet->bytes > port->tokens)
        return 0;
    port->tokens -= packet->bytes;
    return 1;
}

static int may_send(struct port *port, const disco_net_packet *packet)
{
    const uint8_t *from =
        (const uint8_t *)packet->fragment[0].data + NET_MAC_BYTES;

    if (port->config.flags & DISCO_PORT_LOCKED &&
        memcmp(from, port->config.mac, NET_MAC_BYTES) != 0) {
        port->stats.refused++;
        return 0;
    }
    if (!within_rate(port, packet)) {
        port->stats.refused_rate++;
        return 0;
    }
    return 1;
}

/* Lock held.  Returns the price. */
static uint64_t forward(struct disco_subnet *subnet, struct port *from,
                        const disco_net_packet *packet)
{
    const uint8_t *mac = packet->fragment[0].data;
    int32_t to;

    subnet->stats.frames++;
    subnet->stats.bytes += packet->bytes;
    from->stats.sent_frames++;
    from->stats.sent_bytes += packet->bytes;
    station_learn(&subnet->stations, mac + NET_MAC_BYTES, from->number);
    capture(subnet, packet);
    to = station_find(&subnet->stations, mac);
    if (to < 0)
        return flood(subnet, from, packet);
    if (subnet->port[to] != from)
        deliver(subnet, subnet->port[to], packet, NULL);
    return packet->bytes;
}

static uint64_t port_send_packet(void *opaque, const disco_net_packet *packet)
{
    struct port *from = opaque;
    struct disco_subnet *subnet = from->subnet;
    int is_good = net_packet_check(packet) == 0;
    uint64_t price = 0;

    lock_take(&subnet->lock);
    if (!is_good)
        from->stats.refused++;
    if (is_good && may_send(from, packet))
        price = forward(subnet, from, packet);
    else
        subnet->stats.refused++;
    lock_give(&subnet->lock);
    return price;
}

static void port_send(void *opaque, const void *frame, uint64_t bytes)
{
    disco_net_packet packet;
    disco_net_fragment fragment;

    if (bytes > DISCO_NET_FRAME_MAX)
        bytes = 0;
    net_packet_of_frame(&packet, &fragment, frame, bytes);
    port_send_packet(opaque, &packet);
}

/* --- Ports --------------------------------------------------------------- */

/* Until nobody is in the port's device any more. */
static void wait_quiet_locked(struct port *port)
{
    unsigned spins = 0;

    while (port->busy > 0) {
        lock_give(&port->subnet->lock);
        wait_step(&spins);
        lock_take(&port->subnet->lock);
    }
}

static void port_attach(void *opaque, disco_nic *nic)
{
    struct port *port = opaque;

    lock_take(&port->subnet->lock);
    port->nic = nic;
    if (!nic)
        wait_quiet_locked(port);
    lock_give(&port->subnet->lock);
}

static void port_release(void *opaque)
{
    struct port *port = opaque;
    struct disco_subnet *subnet = port->subnet;

    lock_take(&subnet->lock);
    port->nic = NULL;
    wait_quiet_locked(port);
    station_forget(&subnet->stations, port->number);
    subnet->port[port->number] = NULL;
    while (subnet->slots > 0 && !subnet->port[subnet->slots - 1])
        subnet->slots--;
    dev_free(subnet->machine, port, sizeof(*port));
    /* Last: the subnet may be destroyed from here on. */
    subnet->stats.ports--;
    lock_give(&subnet->lock);
}

static int is_no_mac(const uint8_t *mac)
{
    static const uint8_t none[NET_MAC_BYTES] = { 0 };

    return memcmp(mac, none, NET_MAC_BYTES) == 0;
}

static int mac_taken(const struct disco_subnet *subnet, const uint8_t *mac)
{
    uint32_t i;

    for (i = 0; i < subnet->slots; i++) {
        if (subnet->port[i] &&
            memcmp(subnet->port[i]->config.mac, mac, NET_MAC_BYTES) == 0)
            return 1;
    }
    return 0;
}

/* Locally administered; the n-th of every subnet is the same. */
static void give_mac(struct disco_subnet *subnet, uint8_t *mac)
{
    do {
        mac[0] = 0x02;
        mac[1] = 0xd0;
        store_be32(mac + 2, ++subnet->given);
    } while (mac_taken(subnet, mac));
}

/* Lock held: find a number and an address, and put the port in. */
static disco_status port_insert(struct disco_subnet *subnet, struct port *port)
{
    uint32_t number = 0;

    while (number < SUBNET_PORTS_MAX && subnet->port[number])
        number++;
    if (number == SUBNET_PORTS_MAX)
        return DISCO_E_RANGE;
    if (is_no_mac(port->config.mac))
        give_mac(subnet, port->config.mac);
    else if (mac_taken(subnet, port->config.mac))
        return DISCO_E_EXISTS;
    memcpy(port->stats.mac, port->config.mac, NET_MAC_BYTES);
    port->number = number;
    subnet->port[number] = port;
    if (number >= subnet->slots)
        subnet->slots = number + 1;
    subnet->stats.ports++;
    station_learn(&subnet->stations, port->config.mac, number);
    return 0;
}

static disco_status check_config(disco_machine *machine,
                                 disco_port_config *config)
{
    const char *why = NULL;

    if (config->flags & ~(uint32_t)DISCO_PORT_LOCKED)
        why = "unknown flags of a port";
    else if (config->mac[0] & 1)
        why = "a port's address is a group address";
    else if (config->mtu && (config->mtu < 68 || config->mtu > 65535))
        why = "a port's MTU is not in 68..65535";
    if (why)
        return context_fail(context_of(machine), DISCO_E_INVAL, 0, "%s", why);
    if (config->burst_bytes == 0)
        config->burst_bytes = BURST_BYTES;
    return 0;
}

/* Another address, the same limits, none of it used. */
static disco_status port_fork(void *opaque, disco_vm *child,
                              disco_net_backend *out)
{
    struct port *port = opaque;
    disco_port_config config = port->config;

    (void)child;
    config.size = sizeof(config);
    memset(config.mac, 0, sizeof(config.mac));
    return disco_subnet_port(port->subnet, &config, out, NULL);
}

static disco_status port_open(disco_subnet *subnet, struct port *port,
                              disco_net_backend *out)
{
    disco_net_backend be = {
        .opaque = port,
        .send = port_send,
        .attach = port_attach,
        .release = port_release,
        .send_packet = port_send_packet,
        .mtu = port->config.mtu,
        .queue_frames = port->config.queue_frames,
        .queue_bytes = port->config.queue_bytes,
        .remap_min_pages = port->config.remap_min_pages,
        .fork = port_fork,
    };
    disco_status err;

    lock_take(&subnet->lock);
    err = port_insert(subnet, port);
    lock_give(&subnet->lock);
    if (err)
        dev_free(subnet->machine, port, sizeof(*port));
    if (err)
        return context_fail(context_of(subnet->machine), err, 0, "%s",
                            err == DISCO_E_EXISTS
                                ? "the address is another port's"
                                : "the subnet has no free port");
    memcpy(be.mac, port->config.mac, NET_MAC_BYTES);
    err = config_give(out, &be, sizeof(be));
    if (err)
        port_release(port);
    return err;
}

disco_status disco_subnet_port(disco_subnet *subnet,
                               const disco_port_config *config,
                               disco_net_backend *out, uint32_t *number)
{
    disco_port_config copy;
    struct port *port;
    disco_status err;

    if (!subnet || !out)
        return DISCO_E_INVAL;
    err = config_copy(&copy, sizeof(copy), config);
    if (!err)
        err = check_config(subnet->machine, &copy);
    if (err)
        return err;
    port = dev_alloc(subnet->machine, sizeof(*port));
    if (!port)
        return DISCO_E_NOMEM;
    port->subnet = subnet;
    port->config = copy;
    port->tokens = copy.burst_bytes;
    err = port_open(subnet, port, out);
    if (!err && number)
        *number = port->number;
    return err;
}

/* Lock held; let go of while the device is asked. */
static void add_device_stats(struct port *port, disco_port_stats *stats)
{
    disco_nic_stats nic = { .size = sizeof(nic) };
    disco_nic *of = port->nic;
    uint32_t i;

    if (!of)
        return;
    port->busy++;
    lock_give(&port->subnet->lock);
    disco_nic_stats_get(of, &nic);
    lock_take(&port->subnet->lock);
    port->busy--;
    stats->remapped_bytes = nic.rx_remapped_bytes;
    for (i = 0; i < DISCO_NET_COPY_REASONS; i++)
        stats->copied_bytes += nic.rx_copied_bytes[i];
}

disco_status disco_subnet_port_stats_get(disco_subnet *subnet, uint32_t number,
                                         disco_port_stats *out)
{
    disco_port_stats stats;
    struct port *port = NULL;

    if (!subnet || !out)
        return DISCO_E_INVAL;
    lock_take(&subnet->lock);
    if (number < subnet->slots)
        port = subnet->port[number];
    if (port) {
        stats = port->stats;
        add_device_stats(port, &stats);
    }
    lock_give(&subnet->lock);
    return port ? config_give(out, &stats, sizeof(stats)) : DISCO_E_NOENT;
}

/* --- The subnet ---------------------------------------------------------- */

disco_status disco_subnet_create(disco_machine *machine, disco_subnet **out)
{
    struct disco_subnet *subnet;

    if (!machine || !out)
        return DISCO_E_INVAL;
    subnet = dev_alloc(machine, sizeof(*subnet));
    if (!subnet)
        return DISCO_E_NOMEM;
    subnet->machine = machine;
    if (lock_init(&subnet->lock)) {
        dev_free(machine, subnet, sizeof(*subnet));
        return DISCO_E_NOMEM;
    }
    *out = subnet;
    return 0;
}

disco_status disco_subnet_destroy(disco_subnet *subnet)
{
    uint32_t ports;

    if (!subnet)
        return 0;
    lock_take(&subnet->lock);
    ports = subnet->stats.ports;
    lock_give(&subnet->lock);
    if (ports)
        return context_fail(context_of(subnet->machine), DISCO_E_BUSY, ports,
                            "the subnet has ports in use");
    lock_destroy(&subnet->lock);
    dev_free(subnet->machine, subnet, sizeof(*subnet));
    return 0;
}

disco_status disco_subnet_stats_get(disco_subnet *subnet,
                                    disco_subnet_stats *out)
{
    disco_subnet_stats stats;

    if (!subnet || !out)
        return DISCO_E_INVAL;
    lock_take(&subnet->lock);
    stats = subnet->stats;
    lock_give(&subnet->lock);
    return config_give(out, &stats, sizeof(stats));
}

/* --- The capture --------------------------------------------------------- */

static void capture_end(struct disco_subnet *subnet)
{
    unsigned spins = 0;

    lock_take(&subnet->lock);
    subnet->capture.write = NULL;
    while (subnet->capturing > 0) {
        lock_give(&subnet->lock);
        wait_step(&spins);
        lock_take(&subnet->lock);
    }
    lock_give(&subnet->lock);
}

disco_status disco_subnet_capture(disco_subnet *subnet,
                                  const disco_capture *capture)
{
    disco_capture copy;
    disco_status err;

    if (!subnet)
        return DISCO_E_INVAL;
    if (!capture) {
        capture_end(subnet);
        return 0;
    }
    err = config_copy(&copy, sizeof(copy), capture);
    if (!err && !copy.write)
        err = DISCO_E_INVAL;
    if (err)
        return err;
    lock_take(&subnet->lock);
    if (subnet->capture.write || subnet->capturing)
        err = DISCO_E_EXISTS;
    else
        subnet->capturing = 1; /* keeps others out; no packet is taken yet */
    lock_give(&subnet->lock);
    if (err)
        return err;
    err = capture_begin(&copy);
    lock_take(&subnet->lock);
    subnet->capturing--;
    if (!err)
        subnet->capture = copy;
    lock_give(&subnet->lock);
    return err;
}
