/*
 * virtio.h - the guests' own driver side of virtio-mmio version 2: one device,
 * split queues with a few descriptors.  Little-endian in memory and registers.
 */
#ifndef GUEST_VIRTIO_H
#define GUEST_VIRTIO_H

#include "lib.h"

/* Registers. */
#define VIO_MAGIC           0x000
#define VIO_VERSION         0x004
#define VIO_DEVICE_ID       0x008
#define VIO_VENDOR_ID       0x00c
#define VIO_DEVICE_FEATURES 0x010
#define VIO_DEVICE_SELECT   0x014
#define VIO_DRIVER_FEATURES 0x020
#define VIO_DRIVER_SELECT   0x024
#define VIO_QUEUE_SELECT    0x030
#define VIO_QUEUE_MAX       0x034
#define VIO_QUEUE_SIZE      0x038
#define VIO_QUEUE_READY     0x044
#define VIO_QUEUE_NOTIFY    0x050
#define VIO_ISR             0x060
#define VIO_ISR_ACK         0x064
#define VIO_STATUS          0x070
#define VIO_QUEUE_DESC      0x080
#define VIO_QUEUE_DRIVER    0x090
#define VIO_QUEUE_DEVICE    0x0a0
#define VIO_GENERATION      0x0fc
#define VIO_CONFIG          0x100

#define VIO_MAGIC_VALUE   0x74726976
#define VIO_ID_NET        1
#define VIO_ID_BLK        2
#define VIO_ID_CONSOLE    3
#define VIO_ID_RNG        4
#define VIO_ACKNOWLEDGE   1
#define VIO_DRIVER        2
#define VIO_DRIVER_OK     4
#define VIO_FEATURES_OK   8
#define VIO_NEEDS_RESET   64
#define VIO_FAILED        128
#define VIO_F_VERSION_1   32
#define VIO_DESC_NEXT     1
#define VIO_DESC_WRITE    2
#define VIO_DESC_INDIRECT 4

#define VIRTQ_SIZE 16

struct virtq_desc {
    uint64_t addr;
    uint32_t bytes;
    uint16_t flags;
    uint16_t next;
};

/* The three rings of one queue, as the device sees them. */
struct virtq_memory {
    struct virtq_desc desc[VIRTQ_SIZE];
    struct {
        uint16_t flags, index;
        uint16_t ring[VIRTQ_SIZE];
        uint16_t used_event;
    } avail;
    struct {
        uint16_t flags, index;
        struct {
            uint32_t id, bytes;
        } ring[VIRTQ_SIZE];
        uint16_t avail_event;
    } used __attribute__((aligned(8)));
} __attribute__((aligned(4096)));

struct virtq {
    struct virtq_memory *mem;
    uint32_t slot, number;
    uint16_t avail, used; /* next to fill, next to take */
};

/* One piece of a request. */
struct virtq_part {
    const void *data;
    uint32_t bytes;
    uint32_t from_device; /* the device writes it */
};

static inline uint64_t vio_base(uint32_t slot)
{
    return DISCO_BOARD_VIRTIO + (uint64_t)slot * DISCO_BOARD_VIRTIO_STRIDE;
}

static inline uint32_t vio_read(uint32_t slot, uint32_t reg)
{
    return le32(io_read32(vio_base(slot) + reg));
}

static inline void vio_write(uint32_t slot, uint32_t reg, uint32_t v)
{
    io_write32(vio_base(slot) + reg, le32(v));
}

/* Device id in a slot, 0 when it is empty. */
uint32_t vio_probe(uint32_t slot);
uint64_t vio_features(uint32_t slot);
/* Reset and negotiate: `wanted` of what the device offers, and VERSION_1.
 * Result: what was agreed, or 0 when the device refuses. */
uint64_t vio_start(uint32_t slot, uint64_t wanted);
/* Set a queue up in `mem`; 0, or -1 when the device has no such queue. */
int vio_queue(uint32_t slot, uint32_t number, struct virtq *q,
              struct virtq_memory *mem);
void vio_ready(uint32_t slot);

/* Put a request at descriptors first, first + 1, ...; no notification. */
void virtq_put(struct virtq *q, uint32_t first, const struct virtq_part *part,
               uint32_t count);
void virtq_notify(const struct virtq *q);
/* Take a finished request: 1 and its first descriptor, or 0. */
int virtq_take(struct virtq *q, uint32_t *first, uint32_t *bytes);
#endif
