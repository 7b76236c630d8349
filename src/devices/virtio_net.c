/*
 * virtio_net.c - virtio network device: one receive and one transmit queue,
 * mergeable receive buffers, no offloads.
 *
 * Frames come in on any thread through disco_nic_deliver and wait in a bounded
 * list while the guest has no buffer; delivering never sends, so that devices
 * connected in a circle do not recurse.
 *
 * Lock: the transport's; the back end is called without it.
 */
#include <disco/board.h>

#include <string.h>
#include <linux/virtio_net.h>

#include "base/bits.h"
#include "base/config.h"
#include "devices/dev.h"
#include "devices/virtio_mmio.h"

enum {
    NET_RX = 0,
    NET_TX = 1,
    NET_DEVICE_ID = 1,
    FRAME_MIN = 14,
    HEADER_BYTES = 12,
    HEADER_NUM_BUFFERS = 10,
    MAC_BYTES = 6,
    CONFIG_STATUS = 6,
    CONFIG_BYTES = 8,

    /* Frames that wait for the guest. */
    WAITING_FRAMES_MAX = 256,
    WAITING_BYTES_MAX = 4 << 20,
    /* Buffers that one frame may be spread over. */
    RX_CHAINS_MAX = 64
};

struct waiting_frame {
    struct waiting_frame *next;
    uint64_t bytes;
    uint8_t data[];
};

struct disco_nic {
    struct vio vio;
    disco_net_backend backend;
    disco_nic_stats stats;
    struct waiting_frame *first; /* oldest */
    struct waiting_frame *last;
    uint32_t waiting;
    uint64_t waiting_bytes;
    struct virtq_chain rx_chain; /* first buffer of a frame */
    struct virtq_chain rx_more;  /* the others, one after the other */
    struct virtq_chain tx_chain;
    uint8_t tx_frame[DISCO_NET_FRAME_MAX]; /* the running transmit step's */
};

/* --- Receive ------------------------------------------------------------- */

enum { RX_PLACED, RX_NO_BUFFER, RX_DROPPED };

/* Buffers filled for one frame, not yet returned. */
struct rx_fill {
    uint32_t count;
    uint16_t head[RX_CHAINS_MAX];
    uint32_t bytes[RX_CHAINS_MAX];
};

/* Return the buffers, all at once: the driver must not see half a frame. */
static int rx_return(struct disco_nic *nic, const struct rx_fill *fill,
                     disco_status err)
{
    struct virtq *vq = &nic->vio.queue[NET_RX];
    uint8_t header[HEADER_BYTES] = { 0 };
    uint32_t i;

    store_le16(header + HEADER_NUM_BUFFERS, (uint16_t)fill->count);
    if (!err)
        err =
            virtq_write(nic->vio.vm, &nic->rx_chain, 0, header, sizeof(header));
    for (i = 0; i < fill->count; i++)
        virtq_stage(vq, fill->head[i], err ? 0 : fill->bytes[i]);
    virtq_publish(vq);
    vio_signal(&nic->vio, NET_RX);
    if (!err)
        return RX_PLACED;
    nic->stats.errors++;
    return RX_DROPPED;
}

/* Fill the next buffer with as much as it takes.  Returns the bytes taken. */
static uint64_t rx_fill_one(struct disco_nic *nic,
                            const struct virtq_chain *chain,
                            struct rx_fill *fill, const uint8_t *data,
                            uint64_t bytes, disco_status *err)
{
    uint64_t skip = fill->count == 0 ? HEADER_BYTES : 0;
    uint64_t room = chain->in_bytes - skip;

    fill->head[fill->count] = chain->head;
    fill->bytes[fill->count] = 0;
    if (chain->in_bytes < skip) {
        fill->count++;
        *err = DISCO_E_FAULT;
        return 0;
    }
    if (bytes > room)
        bytes = room;
    *err = virtq_write(nic->vio.vm, chain, skip, data, bytes);
    fill->bytes[fill->count++] = (uint32_t)(skip + bytes);
    return bytes;
}

/*
 * Put a frame into the guest's buffers.  With mergeable buffers it takes as
 * many as it needs; when there are not enough, those taken go back unread.
 */
static int rx_place(struct disco_nic *nic, const uint8_t *frame, uint64_t bytes)
{
    struct virtq *vq = &nic->vio.queue[NET_RX];
    uint32_t limit = RX_CHAINS_MAX;
    struct rx_fill fill;
    uint64_t done = 0;
    disco_status err = 0;

    fill.count = 0;
    if (!vio_has_feature(&nic->vio, VIRTIO_NET_F_MRG_RXBUF))
        limit = 1;
    else if (vq->num < limit)
        limit = vq->num;
    while (done < bytes && !err) {
        struct virtq_chain *chain = fill.count ? &nic->rx_more : &nic->rx_chain;

        if (fill.count == limit) {
            /* Buffers too small for any frame of this size. */
            virtq_unpop(vq, fill.count);
            return RX_DROPPED;
        }
        if (!vio_pop(&nic->vio, NET_RX, chain)) {
            virtq_unpop(vq, fill.count);
            return RX_NO_BUFFER;
        }
        done +=
            rx_fill_one(nic, chain, &fill, frame + done, bytes - done, &err);
    }
    return rx_return(nic, &fill, err);
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

static disco_status rx_wait(struct disco_nic *nic, const void *frame,
                            uint64_t bytes)
{
    struct waiting_frame *copy;

    if (nic->waiting >= WAITING_FRAMES_MAX ||
        nic->waiting_bytes + bytes > WAITING_BYTES_MAX)
        return DISCO_E_BUSY;
    copy = dev_alloc(nic->vio.machine, sizeof(*copy) + bytes);
    if (!copy)
        return DISCO_E_BUSY;
    copy->bytes = bytes;
    memcpy(copy->data, frame, bytes);
    if (nic->last)
        nic->last->next = copy;
    else
        nic->first = copy;
    nic->last = copy;
    nic->waiting++;
    nic->waiting_bytes += bytes;
    return 0;
}

static void rx_drop_first(struct disco_nic *nic)
{
    struct waiting_frame *frame = nic->first;

    nic->first = frame->next;
    if (!nic->first)
        nic->last = NULL;
    nic->waiting--;
    nic->waiting_bytes -= frame->bytes;
    dev_free(nic->vio.machine, frame, sizeof(*frame) + frame->bytes);
}

static uint32_t rx_step(struct disco_nic *nic)
{
    struct waiting_frame *frame = nic->first;
    uint32_t cost;
    int result;

    if (!frame || !vio_queue_live(&nic->vio, NET_RX))
        return 0;
    result = rx_place(nic, frame->data, frame->bytes);
    if (result == RX_NO_BUFFER)
        return 0;
    rx_count(nic, result, frame->bytes);
    cost = VIO_STEP_COST + (uint32_t)frame->bytes;
    rx_drop_first(nic);
    return cost;
}

disco_status disco_nic_deliver(disco_nic *nic, const void *frame,
                               uint64_t bytes)
{
    int result = RX_NO_BUFFER;
    disco_status err = 0;

    if (!nic || !frame || bytes < FRAME_MIN || bytes > DISCO_NET_FRAME_MAX)
        return DISCO_E_INVAL;
    if (!vio_enter(&nic->vio))
        return DISCO_E_BUSY;
    if (!vio_queue_live(&nic->vio, NET_RX)) {
        /* The cable is in, but nobody listens. */
        err = DISCO_E_BUSY;
    } else {
        /* Never overtake frames that wait. */
        if (!nic->first)
            result = rx_place(nic, frame, bytes);
        if (result == RX_NO_BUFFER)
            err = rx_wait(nic, frame, bytes);
        else
            rx_count(nic, result, bytes);
    }
    if (err)
        nic->stats.rx_dropped++;
    vio_leave(&nic->vio);
    return err;
}

/* --- Transmit ------------------------------------------------------------ */

static uint32_t tx_step(struct disco_nic *nic)
{
    struct vio *vio = &nic->vio;
    struct virtq_chain *chain = &nic->tx_chain;
    uint64_t bytes;
    int good;

    if (!vio_pop(vio, NET_TX, chain))
        return 0;
    bytes = chain->out_bytes - HEADER_BYTES;
    good = chain->out_bytes >= HEADER_BYTES + FRAME_MIN &&
           bytes <= DISCO_NET_FRAME_MAX &&
           virtq_read(vio->vm, chain, HEADER_BYTES, nic->tx_frame, bytes) == 0;
    virtq_push(&vio->queue[NET_TX], chain->head, 0);
    vio_signal(vio, NET_TX);
    if (!good) {
        nic->stats.errors++;
        return VIO_STEP_COST;
    }
    nic->stats.tx_frames++;
    nic->stats.tx_bytes += bytes;
    if (nic->backend.send) {
        /* The frame is ours until this step ends, whatever the guest does. */
        lock_give(&vio->lock);
        nic->backend.send(nic->backend.opaque, nic->tx_frame, bytes);
        lock_take(&vio->lock);
    }
    return VIO_STEP_COST + (uint32_t)bytes;
}

/* --- The device ---------------------------------------------------------- */

static uint32_t net_step(struct vio *vio, uint32_t queue)
{
    struct disco_nic *nic = container_of(vio, struct disco_nic, vio);

    return queue == NET_RX ? rx_step(nic) : tx_step(nic);
}

static void net_stop(struct vio *vio, uint32_t queue)
{
    struct disco_nic *nic = container_of(vio, struct disco_nic, vio);

    while (queue == NET_RX && nic->first) {
        nic->stats.rx_dropped++;
        rx_drop_first(nic);
    }
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

/*
 * A locally administered address that repeats from run to run and differs
 * between the devices of a VM and between VMs of different names.
 */
static void make_mac(uint8_t *mac, disco_vm *vm, uint64_t gpa)
{
    const char *name = disco_vm_name(vm);
    uint64_t hash = UINT64_C(0x9e3779b97f4a7c15) ^ gpa;
    uint32_t i;

    for (; name && *name; name++)
        hash = (hash ^ (uint8_t)*name) * UINT64_C(0x2545f4914f6cdd1d);
    hash ^= hash >> 29;
    hash *= UINT64_C(0xbf58476d1ce4e5b9);
    hash ^= hash >> 32;
    for (i = 0; i < MAC_BYTES; i++)
        mac[i] = (uint8_t)(hash >> (8 * i));
    mac[0] = 0x02;
}

static void net_set_config(struct disco_nic *nic, const uint8_t *mac,
                           uint64_t gpa)
{
    struct vio *vio = &nic->vio;

    vio->features |= VIO_FEATURE(VIRTIO_NET_F_MAC) |
                     VIO_FEATURE(VIRTIO_NET_F_STATUS) |
                     VIO_FEATURE(VIRTIO_NET_F_MRG_RXBUF);
    if (mac)
        memcpy(vio->config, mac, MAC_BYTES);
    else
        make_mac(vio->config, vio->vm, gpa);
    store_le16(vio->config + CONFIG_STATUS, VIRTIO_NET_S_LINK_UP);
    vio->config_bytes = CONFIG_BYTES;
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
        .step = net_step,
        .stop = net_stop,
        .close = net_close,
        .destroy = net_destroy,
    };
    disco_net_backend copy;
    struct disco_nic *nic;
    disco_status err = dev_check(vm, gpa, class.name, irq);

    if (!err)
        err = config_copy(&copy, sizeof(copy), be);
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
    net_set_config(nic, mac, gpa);
    err = vio_map(&nic->vio, gpa);
    if (err) {
        /* The back end stays the caller's. */
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
