/*
 * virtio.c - virtio-mmio transport and split queues, driver side.  The caller
 * picks the descriptors, one CPU uses a queue at a time.
 */
#include "virtio.h"

uint32_t vio_probe(uint32_t slot)
{
    if (io_probe(GUEST_IO_BASE + vio_base(slot)) != le32(VIO_MAGIC_VALUE) ||
        vio_read(slot, VIO_VERSION) != 2)
        return 0;
    return vio_read(slot, VIO_DEVICE_ID);
}

uint64_t vio_features(uint32_t slot)
{
    uint64_t v;

    vio_write(slot, VIO_DEVICE_SELECT, 1);
    v = (uint64_t)vio_read(slot, VIO_DEVICE_FEATURES) << 32;
    vio_write(slot, VIO_DEVICE_SELECT, 0);
    return v | vio_read(slot, VIO_DEVICE_FEATURES);
}

uint64_t vio_start(uint32_t slot, uint64_t wanted)
{
    uint64_t v = vio_features(slot) & (wanted | 1ul << VIO_F_VERSION_1);
    uint32_t status = VIO_ACKNOWLEDGE | VIO_DRIVER;

    vio_write(slot, VIO_STATUS, 0);
    vio_write(slot, VIO_STATUS, VIO_ACKNOWLEDGE);
    vio_write(slot, VIO_STATUS, status);
    vio_write(slot, VIO_DRIVER_SELECT, 0);
    vio_write(slot, VIO_DRIVER_FEATURES, (uint32_t)v);
    vio_write(slot, VIO_DRIVER_SELECT, 1);
    vio_write(slot, VIO_DRIVER_FEATURES, (uint32_t)(v >> 32));
    vio_write(slot, VIO_STATUS, status | VIO_FEATURES_OK);
    if (!(vio_read(slot, VIO_STATUS) & VIO_FEATURES_OK))
        return 0;
    return v;
}

static void write_pair(uint32_t slot, uint32_t reg, const void *p)
{
    uint64_t phys = ptr_phys(p);

    vio_write(slot, reg, (uint32_t)phys);
    vio_write(slot, reg + 4, (uint32_t)(phys >> 32));
}

int vio_queue(uint32_t slot, uint32_t number, struct virtq *q,
              struct virtq_memory *mem)
{
    memset(mem, 0, sizeof *mem);
    q->mem = mem;
    q->slot = slot;
    q->number = number;
    q->avail = q->used = 0;
    vio_write(slot, VIO_QUEUE_SELECT, number);
    if (vio_read(slot, VIO_QUEUE_READY) ||
        vio_read(slot, VIO_QUEUE_MAX) < VIRTQ_SIZE)
        return -1;
    vio_write(slot, VIO_QUEUE_SIZE, VIRTQ_SIZE);
    write_pair(slot, VIO_QUEUE_DESC, mem->desc);
    write_pair(slot, VIO_QUEUE_DRIVER, &mem->avail);
    write_pair(slot, VIO_QUEUE_DEVICE, &mem->used);
    vio_write(slot, VIO_QUEUE_READY, 1);
    return 0;
}

void vio_ready(uint32_t slot)
{
    vio_write(slot, VIO_STATUS,
              VIO_ACKNOWLEDGE | VIO_DRIVER | VIO_FEATURES_OK | VIO_DRIVER_OK);
}

void virtq_put(struct virtq *q, uint32_t first, const struct virtq_part *part,
               uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct virtq_desc *d = &q->mem->desc[first + i];
        uint32_t more = i + 1 < count;

        d->addr = le64(ptr_phys(part[i].data));
        d->bytes = le32(part[i].bytes);
        d->flags = le16((uint16_t)((more ? VIO_DESC_NEXT : 0) |
                                   (part[i].from_device ? VIO_DESC_WRITE : 0)));
        d->next = le16((uint16_t)(more ? first + i + 1 : 0));
    }
    q->mem->avail.ring[q->avail % VIRTQ_SIZE] = le16((uint16_t)first);
    __asm__ volatile("sync" : : : "memory");
    q->avail++;
    WRITE_ONCE(q->mem->avail.index, le16(q->avail));
    __asm__ volatile("sync" : : : "memory");
}

void virtq_notify(const struct virtq *q)
{
    vio_write(q->slot, VIO_QUEUE_NOTIFY, q->number);
}

int virtq_take(struct virtq *q, uint32_t *first, uint32_t *bytes)
{
    uint32_t at = q->used % VIRTQ_SIZE;

    if (le16(READ_ONCE(q->mem->used.index)) == q->used)
        return 0;
    __asm__ volatile("sync" : : : "memory");
    *first = le32(READ_ONCE(q->mem->used.ring[at].id));
    *bytes = le32(READ_ONCE(q->mem->used.ring[at].bytes));
    q->used++;
    return 1;
}
