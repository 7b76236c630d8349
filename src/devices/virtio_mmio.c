/*
 * virtio_mmio.c - the virtio-mmio transport, version 2.  See virtio_mmio.h.
 *
 * Registers are 32 bits wide and little-endian; the configuration space may be
 * read with any width.  Legacy drivers are not served: FEATURES_OK needs
 * VIRTIO_F_VERSION_1.
 */
#include "devices/virtio_mmio.h"

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

enum {
    VIO_BYTES = 0x200,
    VIO_MAGIC = 0x74726976, /* "virt" */
    VIO_VERSION = 2,
    VIO_VENDOR = 0x63736964, /* "disc" */

    STATUS_DRIVER_BITS = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
                         VIRTIO_CONFIG_S_DRIVER_OK |
                         VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_FAILED
};

/* --- Registers ----------------------------------------------------------- */

static void device_reset_locked(struct vio *vio)
{
    uint32_t i;

    vio->driver_features = 0;
    vio->features_sel = 0;
    vio->driver_features_sel = 0;
    vio->queue_sel = 0;
    vio->status = 0;
    vio->interrupt = 0;
    for (i = 0; i < vio->class->queues; i++)
        vio_stop_queue(vio, i);
}

static void vio_reset(void *opaque)
{
    struct vio *vio = opaque;

    lock_take(&vio->lock);
    device_reset_locked(vio);
    vio_settle_give(vio);
}

static uint64_t read_config(const struct vio *vio, uint64_t at, uint32_t bytes)
{
    uint64_t value = 0;
    uint32_t i;

    for (i = 0; i < bytes && at + i < vio->config_bytes; i++)
        value |= (uint64_t)vio->config[at + i] << (8 * i);
    return value;
}

static uint32_t read_register(const struct vio *vio, uint64_t reg)
{
    const struct virtq *vq = NULL;

    if (vio->queue_sel < vio->class->queues)
        vq = &vio->queue[vio->queue_sel];
    switch (reg) {
    case VIRTIO_MMIO_MAGIC_VALUE:
        return VIO_MAGIC;
    case VIRTIO_MMIO_VERSION:
        return VIO_VERSION;
    case VIRTIO_MMIO_DEVICE_ID:
        return vio->class->device_id;
    case VIRTIO_MMIO_VENDOR_ID:
        return VIO_VENDOR;
    case VIRTIO_MMIO_DEVICE_FEATURES:
        if (vio->features_sel > 1)
            return 0;
        return (uint32_t)(vio->features >> (32 * vio->features_sel));
    case VIRTIO_MMIO_QUEUE_NUM_MAX:
        return vq ? vq->max : 0;
    case VIRTIO_MMIO_QUEUE_READY:
        return vq ? vq->ready : 0;
    case VIRTIO_MMIO_INTERRUPT_STATUS:
        return vio->interrupt;
    case VIRTIO_MMIO_STATUS:
        return vio->status;
    case VIRTIO_MMIO_SHM_LEN_LOW:
    case VIRTIO_MMIO_SHM_LEN_HIGH:
    case VIRTIO_MMIO_SHM_BASE_LOW:
    case VIRTIO_MMIO_SHM_BASE_HIGH:
        return UINT32_MAX; /* no shared memory */
    case VIRTIO_MMIO_CONFIG_GENERATION:
        return vio->config_generation;
    default:
        return 0;
    }
}

static disco_status vio_read(void *opaque, const disco_mmio_access *access,
                             uint64_t *value)
{
    struct vio *vio = opaque;
    int config = access->offset >= VIRTIO_MMIO_CONFIG;

    if (!config && access->bytes != 4)
        return DISCO_E_FAULT;
    lock_take(&vio->lock);
    if (config)
        *value = read_config(vio, access->offset - VIRTIO_MMIO_CONFIG,
                             access->bytes);
    else
        *value = read_register(vio, access->offset);
    lock_give(&vio->lock);
    return 0;
}

static void write_driver_features(struct vio *vio, uint32_t value)
{
    uint32_t shift = 32 * vio->driver_features_sel;

    /* What was agreed on stays until the next reset. */
    if (vio->status & VIRTIO_CONFIG_S_FEATURES_OK ||
        vio->driver_features_sel > 1)
        return;
    vio->driver_features &= ~(UINT64_C(0xffffffff) << shift);
    vio->driver_features |= (uint64_t)value << shift;
}

static int features_acceptable(const struct vio *vio)
{
    return (vio->driver_features & ~vio->features) == 0 &&
           vio_has_feature(vio, VIRTIO_F_VERSION_1);
}

/* Returns the queues to look at now that the driver is ready. */
static uint32_t write_status(struct vio *vio, uint32_t value)
{
    uint32_t old = vio->status;

    if (value == 0) {
        device_reset_locked(vio);
        return 0;
    }
    value &= STATUS_DRIVER_BITS;
    if (value & ~old & VIRTIO_CONFIG_S_FEATURES_OK && !features_acceptable(vio))
        value &= ~(uint32_t)VIRTIO_CONFIG_S_FEATURES_OK;
    if (!((value | old) & VIRTIO_CONFIG_S_FEATURES_OK))
        value &= ~(uint32_t)VIRTIO_CONFIG_S_DRIVER_OK;
    /* Bits are only ever added; a reset takes them away. */
    vio->status = old | value;
    if (value & ~old & VIRTIO_CONFIG_S_DRIVER_OK)
        return (UINT32_C(1) << vio->class->queues) - 1;
    return 0;
}

static void write_queue_ready(struct vio *vio, uint32_t value)
{
    struct virtq *vq = &vio->queue[vio->queue_sel];

    if (!(value & 1)) {
        if (vq->ready)
            vio_stop_queue(vio, vio->queue_sel);
        return;
    }
    if (vio->status & VIRTIO_CONFIG_S_FEATURES_OK)
        virtq_activate(vq, vio_has_feature(vio, VIRTIO_RING_F_EVENT_IDX));
}

static void set_half(uint64_t *address, int high, uint32_t value)
{
    if (high)
        *address = (uint32_t)*address | (uint64_t)value << 32;
    else
        *address = (*address & ~UINT64_C(0xffffffff)) | value;
}

/* A queue that is ready keeps what it was activated with. */
static void write_queue_register(struct vio *vio, uint64_t reg, uint32_t value)
{
    struct virtq *vq;

    if (vio->queue_sel >= vio->class->queues)
        return;
    vq = &vio->queue[vio->queue_sel];
    if (reg == VIRTIO_MMIO_QUEUE_READY) {
        write_queue_ready(vio, value);
        return;
    }
    if (vq->ready)
        return;
    switch (reg) {
    case VIRTIO_MMIO_QUEUE_NUM:
        vq->reg_num = value;
        break;
    case VIRTIO_MMIO_QUEUE_DESC_LOW:
    case VIRTIO_MMIO_QUEUE_DESC_HIGH:
        set_half(&vq->reg_desc, reg == VIRTIO_MMIO_QUEUE_DESC_HIGH, value);
        break;
    case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
    case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
        set_half(&vq->reg_avail, reg == VIRTIO_MMIO_QUEUE_AVAIL_HIGH, value);
        break;
    case VIRTIO_MMIO_QUEUE_USED_LOW:
    case VIRTIO_MMIO_QUEUE_USED_HIGH:
        set_half(&vq->reg_used, reg == VIRTIO_MMIO_QUEUE_USED_HIGH, value);
        break;
    default:
        break;
    }
}

/* Returns the queues to pump, one bit each. */
static uint32_t write_register(struct vio *vio, uint64_t reg, uint32_t value)
{
    switch (reg) {
    case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
        vio->features_sel = value;
        break;
    case VIRTIO_MMIO_DRIVER_FEATURES:
        write_driver_features(vio, value);
        break;
    case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
        vio->driver_features_sel = value;
        break;
    case VIRTIO_MMIO_QUEUE_SEL:
        vio->queue_sel = value;
        break;
    case VIRTIO_MMIO_QUEUE_NOTIFY:
        return value < vio->class->queues ? UINT32_C(1) << value : 0;
    case VIRTIO_MMIO_INTERRUPT_ACK:
        vio->interrupt &= ~value;
        break;
    case VIRTIO_MMIO_STATUS:
        return write_status(vio, value);
    default:
        write_queue_register(vio, reg, value);
        break;
    }
    return 0;
}

static disco_status vio_write(void *opaque, const disco_mmio_access *access,
                              uint64_t value)
{
    struct vio *vio = opaque;
    uint32_t pump;
    uint32_t i;

    /* No device here has configuration that the driver may change. */
    if (access->offset >= VIRTIO_MMIO_CONFIG)
        return 0;
    if (access->bytes != 4)
        return DISCO_E_FAULT;
    lock_take(&vio->lock);
    pump = write_register(vio, access->offset, (uint32_t)value);
    vio_settle_give(vio);
    for (i = 0; i < vio->class->queues; i++) {
        if (pump >> i & 1)
            vio_pump(vio, i);
    }
    return 0;
}

/* --- Making one, and its end --------------------------------------------- */

static void vio_release(void *opaque)
{
    struct vio *vio = opaque;
    unsigned spins = 0;
    uint32_t i;

    if (vio->class->close)
        vio->class->close(vio);
    lock_take(&vio->lock);
    vio->dead = 1;
    for (i = 0; i < vio->class->queues; i++)
        vio_stop_queue(vio, i);
    while (vio->users > 0) {
        lock_give(&vio->lock);
        wait_step(&spins);
        lock_take(&vio->lock);
    }
    vio_put_give(vio);
}

disco_status vio_init(struct vio *vio, const struct vio_class *class,
                      disco_vm *vm, uint32_t irq)
{
    disco_status err;
    uint32_t i;

    vio->class = class;
    vio->vm = vm;
    vio->machine = disco_vm_machine(vm);
    vio->irq.vm = vm;
    vio->irq.line = irq;
    vio->refs = 1;
    vio->features = VIO_FEATURE(VIRTIO_F_VERSION_1) |
                    VIO_FEATURE(VIRTIO_RING_F_INDIRECT_DESC) |
                    VIO_FEATURE(VIRTIO_RING_F_EVENT_IDX);
    for (i = 0; i < class->queues; i++)
        virtq_init(&vio->queue[i], vm, VIRTQ_SIZE_MAX);
    if (lock_init(&vio->lock))
        return DISCO_E_NOMEM;
    err = disco_timer_create(vm, vio_timer, vio, &vio->timer);
    if (err)
        lock_destroy(&vio->lock);
    return err;
}

disco_status vio_map(struct vio *vio, uint64_t gpa)
{
    static const disco_mmio_ops ops = {
        .size = sizeof(ops),
        .order = DISCO_LITTLE,
        .read = vio_read,
        .write = vio_write,
        .reset = vio_reset,
        .fork = vio_fork,
        .release = vio_release,
    };
    disco_status err =
        dev_map(vio->vm, gpa, VIO_BYTES, vio->class->name, &ops, vio);

    /* Otherwise the VM's own end takes the timer along. */
    if (err)
        disco_timer_destroy(vio->timer);
    return err;
}

void vio_destroy(struct vio *vio)
{
    lock_destroy(&vio->lock);
}
