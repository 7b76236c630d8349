/*
 * virtio_net.c - virtio network device: one receive and one transmit queue,
 * mergeable receive buffers; checksum and TCP segmentation offloads when the
 * back end takes packets.
 *
 * Lock: the transport's; the back end is called without it.
 */
#include "devices/virtio_net.h"

#include <string.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_net.h>

#include "base/bits.h"
#include "base/config.h"
#include "devices/dev.h"

enum {
    NET_DEVICE_ID = 1,
    CONFIG_STATUS = 6,
    CONFIG_MTU = 10,
    CONFIG_BYTES = 12,
    MTU_MIN = 68,
    MTU_MAX = 65535
};

/* --- Delivering ---------------------------------------------------------- */

disco_status nic_deliver(disco_nic *nic, const disco_net_packet *packet,
                         struct net_held *held)
{
    disco_status err;

    if (!vio_enter(&nic->vio))
        return DISCO_E_BUSY;
    err = net_rx_deliver(nic, packet, held);
    vio_leave(&nic->vio);
    return err;
}

disco_status disco_nic_deliver_packet(disco_nic *nic,
                                      const disco_net_packet *packet)
{
    disco_net_packet copy;
    disco_status err;

    if (!nic || !packet)
        return DISCO_E_INVAL;
    err = config_copy(&copy, sizeof(copy), packet);
    if (!err)
        err = net_packet_check(&copy);
    return err ? err : nic_deliver(nic, &copy, NULL);
}

disco_status disco_nic_deliver(disco_nic *nic, const void *frame,
                               uint64_t bytes)
{
    disco_net_packet packet;
    disco_net_fragment fragment;

    if (!nic || !frame || bytes < NET_FRAME_MIN || bytes > DISCO_NET_FRAME_MAX)
        return DISCO_E_INVAL;
    net_packet_of_frame(&packet, &fragment, frame, bytes);
    return nic_deliver(nic, &packet, NULL);
}

/* --- The device ---------------------------------------------------------- */

static uint32_t net_step(struct vio *vio, uint32_t queue)
{
    struct disco_nic *nic = container_of(vio, struct disco_nic, vio);

    return queue == NET_RX ? net_rx_step(nic) : net_tx_step(nic);
}

/* The driver starts anew: it learns the address it has now. */
static void net_stop(struct vio *vio, uint32_t queue)
{
    struct disco_nic *nic = container_of(vio, struct disco_nic, vio);

    if (queue != NET_RX)
        return;
    net_rx_stop(nic);
    nic->link_is_down = 0;
    store_le16(vio->config + CONFIG_STATUS, VIRTIO_NET_S_LINK_UP);
}

static void net_close(struct vio *vio)
{
    struct disco_nic *nic = container_of(vio, struct disco_nic, vio);

    if (nic->backend.attach)
        nic->backend.attach(nic->backend.opaque, NULL);
}

static void net_destroy(struct vio *vio)
{
    struct disco_nic *nic = container_of(vio, struct disco_nic, vio);

    if (nic->backend.release)
        nic->backend.release(nic->backend.opaque);
    vio_destroy(vio);
    dev_free(vio->machine, nic, sizeof(*nic));
}

disco_status disco_nic_stats_get(disco_nic *nic, disco_nic_stats *out)
{
    disco_nic_stats stats;

    if (!nic || !out)
        return DISCO_E_INVAL;
    lock_take(&nic->vio.lock);
    stats = nic->stats;
    lock_give(&nic->vio.lock);
    return config_give(out, &stats, sizeof(stats));
}

disco_nic *disco_nic_of(disco_vm *vm, uint64_t gpa)
{
    struct vio *vio = dev_find(vm, "virtio-net", gpa);

    return vio ? container_of(vio, struct disco_nic, vio) : NULL;
}

/* --- Making one ---------------------------------------------------------- */

/* A locally administered address. */
static void spread_mac(uint8_t *mac, uint64_t hash)
{
    uint32_t i;

    hash ^= hash >> 29;
    hash *= UINT64_C(0xbf58476d1ce4e5b9);
    hash ^= hash >> 32;
    for (i = 0; i < NET_MAC_BYTES; i++)
        mac[i] = (uint8_t)(hash >> (8 * i));
    mac[0] = 0x02;
}

/*
 * An address that repeats from run to run and differs
 * between the devices of a VM and between VMs of different names.
 */
static void make_mac(uint8_t *mac, disco_vm *vm, uint64_t gpa)
{
    const char *name = disco_vm_name(vm);
    uint64_t hash = UINT64_C(0x9e3779b97f4a7c15) ^ gpa;

    for (; name && *name; name++)
        hash = (hash ^ (uint8_t)*name) * UINT64_C(0x2545f4914f6cdd1d);
    spread_mac(mac, hash);
}

static int has_mac(const disco_net_backend *be)
{
    static const uint8_t none[NET_MAC_BYTES] = { 0 };

    return memcmp(be->mac, none, NET_MAC_BYTES) != 0;
}

/* The n-th child's address follows from n and the parent's. */
static void mac_of_child(struct disco_nic *nic, struct disco_nic *copy)
{
    uint8_t *mac = copy->vio.config;
    uint32_t n;

    if (has_mac(&copy->backend)) {
        memcpy(mac, copy->backend.mac, NET_MAC_BYTES);
        return;
    }
    lock_take(&nic->vio.lock);
    n = ++nic->forks;
    lock_give(&nic->vio.lock);
    spread_mac(mac, load_le64(nic->vio.config) << 16 ^ n);
}

static void set_mac(struct disco_nic *nic, const uint8_t *mac, uint64_t gpa)
{
    struct vio *vio = &nic->vio;

    if (!mac && has_mac(&nic->backend))
        mac = nic->backend.mac;
    if (mac)
        memcpy(vio->config, mac, NET_MAC_BYTES);
    else
        make_mac(vio->config, vio->vm, gpa);
}

static void set_features(struct disco_nic *nic)
{
    struct vio *vio = &nic->vio;

    vio->features |= VIO_FEATURE(VIRTIO_NET_F_MAC) |
                     VIO_FEATURE(VIRTIO_NET_F_STATUS) |
                     VIO_FEATURE(VIRTIO_NET_F_MRG_RXBUF);
    store_le16(vio->config + CONFIG_STATUS, VIRTIO_NET_S_LINK_UP);
    vio->config_bytes = CONFIG_BYTES;
    if (nic->backend.mtu) {
        vio->features |= VIO_FEATURE(VIRTIO_NET_F_MTU);
        store_le16(vio->config + CONFIG_MTU, (uint16_t)nic->backend.mtu);
    }
    if (!nic->backend.send_packet)
        return;
    vio->features |= VIO_FEATURE(VIRTIO_NET_F_CSUM) |
                     VIO_FEATURE(VIRTIO_NET_F_HOST_TSO4) |
                     VIO_FEATURE(VIRTIO_NET_F_HOST_TSO6) |
                     VIO_FEATURE(VIRTIO_NET_F_HOST_ECN) |
                     VIO_FEATURE(VIRTIO_NET_F_GUEST_CSUM) |
                     VIO_FEATURE(VIRTIO_NET_F_GUEST_TSO4) |
                     VIO_FEATURE(VIRTIO_NET_F_GUEST_TSO6) |
                     VIO_FEATURE(VIRTIO_NET_F_GUEST_ECN);
}

/* --- Forking one --- */

static disco_status fork_backend(struct disco_nic *nic, struct vio *to,
                                 disco_net_backend *out)
{
    const disco_net_backend *be = &nic->backend;
    disco_net_backend given = { .size = sizeof(given) };
    disco_status err = 0;

    if (be->fork)
        err = be->fork(be->opaque, to->vm, &given);
    else if (be->send || be->send_packet || be->attach || be->release)
        err = DISCO_E_UNSUPPORTED;
    else
        given = *be;
    if (err)
        return err;
    err = config_copy(out, sizeof(*out), &given);
    if (!err && out->mtu == be->mtu && !out->send_packet == !be->send_packet)
        return 0;
    if (given.release)
        given.release(given.opaque);
    return err ? err : DISCO_E_MISMATCH;
}

/*
 * Another address for the child, on another port.  Its driver goes on with the
 * old one, which is the parent's: the link is down until the driver is started
 * again and learns the new one.
 */
static disco_status net_fork(struct vio *from, struct vio *to)
{
    struct disco_nic *nic = container_of(from, struct disco_nic, vio);
    struct disco_nic *copy = container_of(to, struct disco_nic, vio);
    disco_net_backend be;
    disco_status err = fork_backend(nic, to, &be);

    if (err)
        return err;
    copy->backend = be;
    mac_of_child(nic, copy);
    if (to->status & VIRTIO_CONFIG_S_DRIVER) {
        copy->link_is_down = 1;
        store_le16(to->config + CONFIG_STATUS, 0);
        to->config_generation++;
    }
    if (to->status & VIRTIO_CONFIG_S_DRIVER_OK)
        to->interrupt |= VIRTIO_MMIO_INT_CONFIG;
    if (be.attach)
        be.attach(be.opaque, copy);
    return 0;
}

static disco_status check_backend(disco_vm *vm, uint64_t gpa,
                                  const disco_net_backend *be)
{
    if (be->mtu && (be->mtu < MTU_MIN || be->mtu > MTU_MAX))
        return dev_fail(vm, DISCO_E_INVAL, "virtio-net", gpa,
                        "the back end's MTU is not in 68..65535");
    return 0;
}

disco_status disco_virtio_net_create(disco_vm *vm, uint64_t gpa, uint32_t irq,
                                     const uint8_t *mac,
                                     const disco_net_backend *be,
                                     disco_nic **out)
{
    static const struct vio_class class = {
        .name = "virtio-net",
        .device_id = NET_DEVICE_ID,
        .queues = 2,
        .bytes = sizeof(struct disco_nic),
        .step = net_step,
        .stop = net_stop,
        .close = net_close,
        .destroy = net_destroy,
        .fork = net_fork,
    };
    disco_net_backend copy;
    struct disco_nic *nic;
    disco_status err = dev_check(vm, gpa, class.name, irq);

    if (!err)
        err = config_copy(&copy, sizeof(copy), be);
    if (!err)
        err = check_backend(vm, gpa, &copy);
    if (err)
        return err;
    nic = dev_alloc(disco_vm_machine(vm), sizeof(*nic));
    if (!nic)
        return DISCO_E_NOMEM;
    err = vio_init(&nic->vio, &class, vm, irq);
    if (err) {
        dev_free(disco_vm_machine(vm), nic, sizeof(*nic));
        return err;
    }
    nic->backend = copy;
    set_mac(nic, mac, gpa);
    set_features(nic);
    /* Until it is mapped, the back end stays the caller's. */
    nic->backend = (disco_net_backend){ 0 };
    err = vio_map(&nic->vio, gpa);
    if (err) {
        net_destroy(&nic->vio);
        return err;
    }
    nic->backend = copy;
    if (copy.attach)
        copy.attach(copy.opaque, nic);
    if (out)
        *out = nic;
    return 0;
}
