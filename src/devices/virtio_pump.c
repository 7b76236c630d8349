/*
 * virtio_pump.c - work on a virtio device's queues: taking requests, coming in
 * from host threads, and the pump that serves a queue within a budget.  See
 * virtio_mmio.h.
 */
#include "devices/virtio_mmio.h"

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>

/* --- Queues -------------------------------------------------------------- */

int vio_queue_live(const struct vio *vio, uint32_t queue)
{
    return !vio->dead && vio->status & VIRTIO_CONFIG_S_DRIVER_OK &&
           !(vio->status & VIRTIO_CONFIG_S_NEEDS_RESET) &&
           vio->queue[queue].ready;
}

int vio_has_feature(const struct vio *vio, uint32_t bit)
{
    return (vio->driver_features >> bit & 1) != 0;
}

static void needs_reset(struct vio *vio)
{
    vio->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
    if (vio->status & VIRTIO_CONFIG_S_DRIVER_OK)
        vio->interrupt |= VIRTIO_MMIO_INT_CONFIG;
}

int vio_pop(struct vio *vio, uint32_t queue, struct virtq_chain *chain)
{
    int got;

    if (!vio_queue_live(vio, queue))
        return 0;
    got = virtq_pop(&vio->queue[queue], chain);
    if (got == 0 && virtq_want_notify(&vio->queue[queue]))
        got = virtq_pop(&vio->queue[queue], chain);
    if (got != VIRTQ_BROKEN)
        return got;
    needs_reset(vio);
    return 0;
}

void vio_signal(struct vio *vio, uint32_t queue)
{
    if (virtq_wants_interrupt(&vio->queue[queue]))
        vio->interrupt |= VIRTIO_MMIO_INT_VRING;
}

void vio_stop_queue(struct vio *vio, uint32_t queue)
{
    virtq_stop(&vio->queue[queue]);
    if (vio->class->stop)
        vio->class->stop(vio, queue);
}

/* --- Coming and going ---------------------------------------------------- */

void vio_settle_give(struct vio *vio)
{
    vio->irq.want = vio->interrupt != 0;
    dev_irq_settle_give(&vio->irq, &vio->lock);
}

int vio_enter(struct vio *vio)
{
    lock_take(&vio->lock);
    if (vio->dead) {
        lock_give(&vio->lock);
        return 0;
    }
    vio->users++;
    return 1;
}

void vio_leave(struct vio *vio)
{
    vio_settle_give(vio);
    lock_take(&vio->lock);
    vio->users--;
    lock_give(&vio->lock);
}

void vio_get(struct vio *vio)
{
    vio->refs++;
}

void vio_put_give(struct vio *vio)
{
    uint32_t left = --vio->refs;

    lock_give(&vio->lock);
    if (left == 0)
        vio->class->destroy(vio);
}

/* --- The pump ------------------------------------------------------------ */

/* Returns 1 when the budget ended before the work. */
static int pump_locked(struct vio *vio, uint32_t queue)
{
    struct vio_pump *pump = &vio->pump[queue];
    uint64_t spent = 0;

    do {
        uint32_t cost;

        pump->again = 0;
        do {
            cost = vio->class->step(vio, queue);
            spent += cost;
            if (cost > 0 && spent >= VIO_PUMP_BUDGET)
                return 1;
        } while (cost > 0);
    } while (pump->again);
    return 0;
}

void vio_pump(struct vio *vio, uint32_t queue)
{
    struct vio_pump *pump = &vio->pump[queue];
    int more;

    if (!vio_enter(vio))
        return;
    if (pump->running) {
        pump->again = 1;
        vio_leave(vio);
        return;
    }
    pump->running = 1;
    more = pump_locked(vio, queue);
    pump->running = 0;
    if (more && !vio->dead) {
        vio->late |= UINT32_C(1) << queue;
        lock_give(&vio->lock);
        disco_timer_set(vio->timer,
                        disco_vm_time_ns(vio->vm) + VIO_PUMP_PAUSE_NS);
        lock_take(&vio->lock);
    }
    vio_leave(vio);
}

void vio_timer(void *opaque, uint64_t now_ns)
{
    struct vio *vio = opaque;
    uint32_t late;
    uint32_t i;

    (void)now_ns;
    lock_take(&vio->lock);
    late = vio->late;
    vio->late = 0;
    lock_give(&vio->lock);
    for (i = 0; i < vio->class->queues; i++) {
        if (late >> i & 1)
            vio_pump(vio, i);
    }
}
