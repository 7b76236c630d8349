/*
 * virtio_mmio.h - the virtio-mmio transport (version 2) that all virtio devices
 * of this folder share: registers, feature and status negotiation, queues, the
 * interrupt, and the pump that works through a queue.
 *
 * Locking.  `lock` guards the transport and the device.  It is held in every
 * callback below but close and destroy, and is never held while host code
 * runs: a step that calls the host unlocks around it, and afterwards compares
 * the queue's generation, since the guest may have reset the device meanwhile.
 * Guest memory is copied with the lock held.
 *
 * Lifetime.  The region holds one reference and every request that the host has
 * not finished holds one; destroy runs with the last.  `users` counts threads
 * that are inside and may touch the VM: release waits for them, after that the
 * VM is gone (`dead`) and only memory of our own is touched.
 */
#ifndef DEVICES_VIRTIO_MMIO_H
#define DEVICES_VIRTIO_MMIO_H

#include "base/lock.h"
#include <stdint.h>
#include <disco/types.h>

#include "devices/dev.h"
#include "devices/virtq.h"

enum {
    VIO_QUEUES_MAX = 2,
    VIO_CONFIG_MAX = 64,

    /*
     * A step's price is the bytes it moved and something for the request.  A
     * notification works off this much at once; a timer continues the rest, so
     * that no guest keeps the host's thread for long.
     */
    VIO_STEP_COST = 4096,
    VIO_PUMP_BUDGET = 64 << 20,
    VIO_PUMP_PAUSE_NS = 10000 /* of VM time, until the timer */
};

#define VIO_FEATURE(bit) (UINT64_C(1) << (bit))

struct vio;

struct vio_class {
    const char *name;
    uint32_t device_id;
    uint32_t queues;
    uint64_t bytes; /* of the device, whose first member is its vio */
    /*
     * Serve one request of the queue and return its price, 0 when there is
     * nothing to do now.  One thread at a time per queue.  May unlock.
     */
    uint32_t (*step)(struct vio *vio, uint32_t queue);
    /* The queue stopped; what was taken from it is not to be returned. NULL: no
     * interest. */
    void (*stop)(struct vio *vio, uint32_t queue);
    /* Without the lock: the region goes, make the host stop calling in. */
    void (*close)(struct vio *vio);
    /* Without the lock: free the device; calls vio_destroy at the end. */
    void (*destroy)(struct vio *vio);
    /* For a fork: copy the device's own state, without back ends.  `to` is all
     * zeroes, but for its vio.  NULL: there is none. */
    void (*copy)(struct vio *from, struct vio *to);
    /* Without the lock, after `copy`: give the child its back end.  On failure
     * it has none.  NULL: it needs none. */
    disco_status (*fork)(struct vio *from, struct vio *to);
};

struct vio_pump {
    uint32_t running;
    uint32_t again; /* somebody had news while it ran */
};

struct vio {
    struct lock lock;
    const struct vio_class *class;
    disco_vm *vm;
    disco_machine *machine;
    disco_timer *timer;
    struct dev_irq irq;
    uint32_t refs;
    uint32_t users;
    uint32_t dead;

    uint64_t features; /* offered */
    uint64_t driver_features;
    uint32_t features_sel;
    uint32_t driver_features_sel;
    uint32_t queue_sel;
    uint32_t status;
    uint32_t interrupt;
    uint32_t config_generation;
    uint32_t late; /* queues that the timer is to pump, one bit each */
    uint32_t config_bytes;
    uint8_t config[VIO_CONFIG_MAX]; /* little-endian */
    struct virtq queue[VIO_QUEUES_MAX];
    struct vio_pump pump[VIO_QUEUES_MAX];
};

/*
 * Prepare a zeroed transport, which on failure is as before.  Then map it:
 * afterwards the VM owns the device; on failure vio_destroy is the creator's to
 * call.
 */
disco_status vio_init(struct vio *vio, const struct vio_class *class,
                      disco_vm *vm, uint32_t irq);
disco_status vio_map(struct vio *vio, uint64_t gpa);
void vio_destroy(struct vio *vio);

/* With the lock held: 1 when the driver's queue may be served. */
int vio_queue_live(const struct vio *vio, uint32_t queue);
int vio_has_feature(const struct vio *vio, uint32_t bit);

/* With the lock held: take a request; 1, or 0 when there is none, and then the
 * driver notifies of the next.  A broken queue stops the device until the
 * driver resets it. */
int vio_pop(struct vio *vio, uint32_t queue, struct virtq_chain *chain);
/* Interrupt for what was pushed, if the driver wants it.  The line itself
 * follows when the lock is released. */
void vio_signal(struct vio *vio, uint32_t queue);

/*
 * Enter from a host thread, take the lock.  Returns 0, without the lock, when
 * the VM is gone.  Leave releases it and tells the interrupt line.
 */
int vio_enter(struct vio *vio);
void vio_leave(struct vio *vio);

/* References, lock held; the last put destroys. */
void vio_get(struct vio *vio);
void vio_put_give(struct vio *vio);

/* Work on a queue, without the lock.  Any thread. */
void vio_pump(struct vio *vio, uint32_t queue);

/* For the transport itself.  Lock held: the queue's driver is gone. */
void vio_stop_queue(struct vio *vio, uint32_t queue);
/* Tell the interrupt line; gives the lock back. */
void vio_settle_give(struct vio *vio);
/* Make the copy for the child of disco_vm_fork. */
disco_status vio_fork(void *opaque, disco_vm *child, void **out);
/* Timer of the transport: what was too much for one notification. */
void vio_timer(void *opaque, uint64_t now_ns);

#endif
