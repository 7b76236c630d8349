/*
 * virtio_fork.c - the copy of a virtio device in the child of a fork.
 *
 * The child's memory was copied before, and a host thread may have completed
 * requests since then: the copy is refused when the rings that the driver reads
 * are no longer what the child has.  Lock: the original's, while its state is
 * read; the copy is nobody else's until its back end is told of it.
 */
#include "devices/virtio_mmio.h"

#include <string.h>

/* Requests at the host, or one that is being served this moment. */
static int is_busy(const struct vio *vio)
{
    uint32_t i;

    if (vio->refs > 1)
        return 1;
    for (i = 0; i < vio->class->queues; i++) {
        if (vio->pump[i].running)
            return 1;
    }
    return 0;
}

static disco_status copy_transport(struct vio *vio, struct vio *copy)
{
    disco_vm *child = copy->vm;
    uint32_t i;

    copy->features = vio->features;
    copy->driver_features = vio->driver_features;
    copy->features_sel = vio->features_sel;
    copy->driver_features_sel = vio->driver_features_sel;
    copy->queue_sel = vio->queue_sel;
    copy->status = vio->status;
    copy->interrupt = vio->interrupt;
    copy->config_generation = vio->config_generation;
    copy->late = vio->late;
    copy->config_bytes = vio->config_bytes;
    memcpy(copy->config, vio->config, sizeof(copy->config));
    for (i = 0; i < vio->class->queues; i++) {
        if (!virtq_is_same(&vio->queue[i], child))
            return DISCO_E_BUSY;
        copy->queue[i] = vio->queue[i];
        copy->queue[i].vm = child;
    }
    return 0;
}

static disco_status copy_state(struct vio *vio, struct vio *copy)
{
    disco_status err = DISCO_E_BUSY;

    lock_take(&vio->lock);
    if (!is_busy(vio))
        err = copy_transport(vio, copy);
    if (!err && vio->class->copy)
        vio->class->copy(vio, copy);
    lock_give(&vio->lock);
    return err;
}

/* Everything is there: go on where the original stood. */
static void settle(struct vio *copy)
{
    uint32_t late;

    lock_take(&copy->lock);
    late = copy->late;
    vio_settle_give(copy);
    if (late)
        disco_timer_set(copy->timer,
                        disco_vm_time_ns(copy->vm) + VIO_PUMP_PAUSE_NS);
}

disco_status vio_fork(void *opaque, disco_vm *child, void **out)
{
    struct vio *vio = opaque;
    const struct vio_class *class = vio->class;
    struct vio *copy = dev_alloc(vio->machine, class->bytes);
    disco_status err;

    if (!copy)
        return DISCO_E_NOMEM;
    err = vio_init(copy, class, child, vio->irq.line);
    if (err) {
        dev_free(vio->machine, copy, class->bytes);
        return err;
    }
    err = copy_state(vio, copy);
    dev_irq_forked(&copy->irq, child);
    if (!err && class->fork)
        err = class->fork(vio, copy);
    if (err) {
        disco_timer_destroy(copy->timer);
        vio_destroy(copy);
        dev_free(vio->machine, copy, class->bytes);
        return err;
    }
    settle(copy);
    *out = copy;
    return 0;
}
