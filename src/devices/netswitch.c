/*
 * netswitch.c - a learning Ethernet switch between network devices of any VMs
 * of one machine.
 *
 * It keeps nothing: a frame is delivered to the receiving devices, whose lists
 * are bounded, on the sender's thread.  One lock, not held while a device is
 * called; `busy` counts deliveries under way in a port, and a device that
 * detaches waits for them.  Ports keep their slot while they live, so that a
 * flood can let go of the lock between two ports.
 */
#include <disco/device.h>

#include <string.h>

#include "base/config.h"
#include "devices/dev.h"

enum {
    SWITCH_PORTS_MAX = 1024,
    MAC_BYTES = 6,
    FRAME_MIN = 14,
    /* Addresses remembered: sets of a few, the oldest of a set goes. */
    TABLE_SETS = 256,
    TABLE_WAYS = 4
};

struct port {
    disco_switch *sw;
    disco_nic *nic; /* NULL while nothing is attached */
    uint32_t slot;
    uint32_t busy;
};

struct station {
    struct port *port; /* NULL: free */
    uint64_t used;
    uint8_t mac[MAC_BYTES];
};

struct disco_switch {
    struct lock lock;
    disco_machine *machine;
    disco_switch_stats stats; /* stats.ports counts ports */
    uint32_t slots;           /* slots in use end here */
    uint64_t clock;           /* frames, for the age of stations */
    struct port *port[SWITCH_PORTS_MAX];
    struct station station[TABLE_SETS][TABLE_WAYS];
};

/* --- Stations ------------------------------------------------------------ */

static struct station *station_set(struct disco_switch *sw, const uint8_t *mac)
{
    uint32_t hash = 0;
    uint32_t i;

    for (i = 0; i < MAC_BYTES; i++)
        hash = (hash ^ mac[i]) * UINT32_C(0x01000193);
    return sw->station[(hash ^ hash >> 16) % TABLE_SETS];
}

static struct station *station_find(struct disco_switch *sw, const uint8_t *mac)
{
    struct station *set = station_set(sw, mac);
    uint32_t i;

    for (i = 0; i < TABLE_WAYS; i++) {
        if (set[i].port && memcmp(set[i].mac, mac, MAC_BYTES) == 0)
            return &set[i];
    }
    return NULL;
}

static void station_learn(struct disco_switch *sw, const uint8_t *mac,
                          struct port *port)
{
    struct station *set = station_set(sw, mac);
    struct station *at = station_find(sw, mac);
    uint32_t i;

    if (mac[0] & 1) /* no station sends from a group address */
        return;
    if (!at) {
        at = &set[0];
        for (i = 0; i < TABLE_WAYS && at->port; i++) {
            if (!set[i].port || set[i].used < at->used)
                at = &set[i];
        }
    }
    at->port = port;
    at->used = ++sw->clock;
    memcpy(at->mac, mac, MAC_BYTES);
}

static void station_forget(struct disco_switch *sw, const struct port *port)
{
    uint32_t i;

    for (i = 0; i < TABLE_SETS * TABLE_WAYS; i++) {
        struct station *at = &sw->station[i / TABLE_WAYS][i % TABLE_WAYS];

        if (at->port == port)
            at->port = NULL;
    }
}

/* --- Forwarding ---------------------------------------------------------- */

/* Lock held; let go of while the device takes the frame. */
static void deliver(struct disco_switch *sw, struct port *port,
                    const void *frame, uint64_t bytes)
{
    disco_nic *nic = port->nic;
    disco_status err;

    if (!nic)
        return;
    port->busy++;
    lock_give(&sw->lock);
    err = disco_nic_deliver(nic, frame, bytes);
    lock_take(&sw->lock);
    port->busy--;
    if (err)
        sw->stats.dropped++;
}

static void flood(struct disco_switch *sw, const struct port *from,
                  const void *frame, uint64_t bytes)
{
    uint32_t i;

    sw->stats.flooded++;
    for (i = 0; i < sw->slots; i++) {
        if (sw->port[i] && sw->port[i] != from)
            deliver(sw, sw->port[i], frame, bytes);
    }
}

static void port_send(void *opaque, const void *frame, uint64_t bytes)
{
    struct port *from = opaque;
    struct disco_switch *sw = from->sw;
    const uint8_t *to_mac = frame;
    const struct station *to = NULL;

    if (bytes < FRAME_MIN || bytes > DISCO_NET_FRAME_MAX)
        return;
    lock_take(&sw->lock);
    sw->stats.frames++;
    sw->stats.bytes += bytes;
    station_learn(sw, to_mac + MAC_BYTES, from);
    if (!(to_mac[0] & 1))
        to = station_find(sw, to_mac);
    if (!to)
        flood(sw, from, frame, bytes);
    else if (to->port != from)
        deliver(sw, to->port, frame, bytes);
    lock_give(&sw->lock);
}

/* --- Ports --------------------------------------------------------------- */

/* Until nobody delivers into the port any more. */
static void wait_quiet_locked(struct port *port)
{
    unsigned spins = 0;

    while (port->busy > 0) {
        lock_give(&port->sw->lock);
        wait_step(&spins);
        lock_take(&port->sw->lock);
    }
}

static void port_attach(void *opaque, disco_nic *nic)
{
    struct port *port = opaque;

    lock_take(&port->sw->lock);
    port->nic = nic;
    if (!nic)
        wait_quiet_locked(port);
    lock_give(&port->sw->lock);
}

static void port_release(void *opaque)
{
    struct port *port = opaque;
    struct disco_switch *sw = port->sw;

    lock_take(&sw->lock);
    port->nic = NULL;
    wait_quiet_locked(port);
    station_forget(sw, port);
    sw->port[port->slot] = NULL;
    while (sw->slots > 0 && !sw->port[sw->slots - 1])
        sw->slots--;
    dev_free(sw->machine, port, sizeof(*port));
    /* Last: the switch may be destroyed from here on. */
    sw->stats.ports--;
    lock_give(&sw->lock);
}

/* The lowest free slot, or SWITCH_PORTS_MAX. */
static uint32_t free_slot(const struct disco_switch *sw)
{
    uint32_t slot = 0;

    while (slot < SWITCH_PORTS_MAX && sw->port[slot])
        slot++;
    return slot;
}

disco_status disco_switch_port(disco_switch *sw, disco_net_backend *out)
{
    disco_net_backend be = {
        .send = port_send,
        .attach = port_attach,
        .release = port_release,
    };
    struct port *port;
    disco_status err;

    if (!sw || !out)
        return DISCO_E_INVAL;
    port = dev_alloc(sw->machine, sizeof(*port));
    if (!port)
        return DISCO_E_NOMEM;
    port->sw = sw;
    be.opaque = port;
    err = config_give(out, &be, sizeof(be));
    if (err)
        goto fail;
    lock_take(&sw->lock);
    port->slot = free_slot(sw);
    err = port->slot < SWITCH_PORTS_MAX ? 0 : DISCO_E_RANGE;
    if (!err) {
        sw->port[port->slot] = port;
        if (port->slot >= sw->slots)
            sw->slots = port->slot + 1;
        sw->stats.ports++;
    }
    lock_give(&sw->lock);
    if (!err)
        return 0;
    context_fail(context_of(sw->machine), err, 0,
                 "the switch has no free port (of %d)", SWITCH_PORTS_MAX);
fail:
    dev_free(sw->machine, port, sizeof(*port));
    return err;
}

/* --- The switch ---------------------------------------------------------- */

disco_status disco_switch_create(disco_machine *machine, disco_switch **out)
{
    struct disco_switch *sw;

    if (!machine || !out)
        return DISCO_E_INVAL;
    sw = dev_alloc(machine, sizeof(*sw));
    if (!sw)
        return DISCO_E_NOMEM;
    sw->machine = machine;
    if (lock_init(&sw->lock)) {
        dev_free(machine, sw, sizeof(*sw));
        return DISCO_E_NOMEM;
    }
    *out = sw;
    return 0;
}

disco_status disco_switch_destroy(disco_switch *sw)
{
    uint32_t ports;

    if (!sw)
        return 0;
    lock_take(&sw->lock);
    ports = sw->stats.ports;
    lock_give(&sw->lock);
    if (ports)
        return context_fail(context_of(sw->machine), DISCO_E_BUSY, ports,
                            "the switch has ports in use");
    lock_destroy(&sw->lock);
    dev_free(sw->machine, sw, sizeof(*sw));
    return 0;
}

disco_status disco_switch_stats_get(disco_switch *sw, disco_switch_stats *out)
{
    disco_switch_stats stats;

    if (!sw || !out)
        return DISCO_E_INVAL;
    lock_take(&sw->lock);
    stats = sw->stats;
    lock_give(&sw->lock);
    return config_give(out, &stats, sizeof(stats));
}
