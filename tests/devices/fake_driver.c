/*
 * fake_driver.c - see fake_driver.h.
 */
#include "devices/fake_driver.h"

#include <linux/virtio_mmio.h>

uint32_t driver_reg(struct driver *d, uint32_t reg)
{
    return (uint32_t)fake_read(d->vm, 0, d->gpa + reg, 4);
}

void driver_set(struct driver *d, uint32_t reg, uint32_t value)
{
    fake_write(d->vm, 0, d->gpa + reg, 4, value);
}

uint64_t driver_features(struct driver *d)
{
    uint64_t low;

    driver_set(d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
    low = driver_reg(d, VIRTIO_MMIO_DEVICE_FEATURES);
    driver_set(d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
    return low | (uint64_t)driver_reg(d, VIRTIO_MMIO_DEVICE_FEATURES) << 32;
}

void driver_begin(struct driver *d, disco_vm *vm, uint64_t gpa,
                  uint64_t features)
{
    *d = (struct driver){ .vm = vm, .gpa = gpa };
    features |= DRIVER_VERSION_1;
    driver_set(d, VIRTIO_MMIO_STATUS, 0);
    driver_set(d, VIRTIO_MMIO_STATUS, 1);
    driver_set(d, VIRTIO_MMIO_STATUS, 3);
    driver_set(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
    driver_set(d, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)features);
    driver_set(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
    driver_set(d, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> 32));
    driver_set(d, VIRTIO_MMIO_STATUS, 11);
}

uint64_t driver_desc_at(uint32_t queue)
{
    return 0x8000 + (uint64_t)queue * DRIVER_QUEUE_BYTES;
}

uint64_t driver_avail_at(uint32_t queue)
{
    return driver_desc_at(queue) + DRIVER_AVAIL;
}

uint64_t driver_used_at(uint32_t queue)
{
    return driver_desc_at(queue) + DRIVER_USED;
}

uint32_t driver_queue(struct driver *d, uint32_t queue, uint32_t num)
{
    uint64_t at;

    for (at = driver_desc_at(queue); at < driver_desc_at(queue + 1); at += 8)
        fake_store64(d->vm, at, 0);
    d->num[queue] = (uint16_t)num;
    d->avail[queue] = 0;
    d->used[queue] = 0;
    driver_set(d, VIRTIO_MMIO_QUEUE_SEL, queue);
    driver_set(d, VIRTIO_MMIO_QUEUE_NUM, num);
    driver_set(d, VIRTIO_MMIO_QUEUE_DESC_LOW, (uint32_t)driver_desc_at(queue));
    driver_set(d, VIRTIO_MMIO_QUEUE_DESC_HIGH, 0);
    driver_set(d, VIRTIO_MMIO_QUEUE_AVAIL_LOW,
               (uint32_t)driver_avail_at(queue));
    driver_set(d, VIRTIO_MMIO_QUEUE_AVAIL_HIGH, 0);
    driver_set(d, VIRTIO_MMIO_QUEUE_USED_LOW, (uint32_t)driver_used_at(queue));
    driver_set(d, VIRTIO_MMIO_QUEUE_USED_HIGH, 0);
    driver_set(d, VIRTIO_MMIO_QUEUE_READY, 1);
    return driver_reg(d, VIRTIO_MMIO_QUEUE_READY);
}

void driver_ok(struct driver *d)
{
    driver_set(d, VIRTIO_MMIO_STATUS, 15);
}

void driver_start(struct driver *d, disco_vm *vm, uint64_t gpa,
                  uint64_t features, uint32_t queues, uint32_t num)
{
    uint32_t i;

    driver_begin(d, vm, gpa, features);
    for (i = 0; i < queues; i++)
        driver_queue(d, i, num);
    driver_ok(d);
}

void driver_desc(struct driver *d, uint64_t table, uint32_t i, uint64_t gpa,
                 uint32_t bytes, uint16_t flags, uint16_t next)
{
    uint64_t at = table + 16 * (uint64_t)i;

    fake_store64(d->vm, at, gpa);
    fake_store32(d->vm, at + 8, bytes);
    fake_store16(d->vm, at + 12, flags);
    fake_store16(d->vm, at + 14, next);
}

void driver_offer(struct driver *d, uint32_t queue, uint16_t head)
{
    uint64_t avail = driver_avail_at(queue);

    fake_store16(d->vm, avail + 4 + 2 * (d->avail[queue] % d->num[queue]),
                 head);
    d->avail[queue]++;
    fake_store16(d->vm, avail + 2, d->avail[queue]);
}

void driver_notify(struct driver *d, uint32_t queue)
{
    driver_set(d, VIRTIO_MMIO_QUEUE_NOTIFY, queue);
}

int driver_used(struct driver *d, uint32_t queue, uint32_t *id, uint32_t *bytes)
{
    uint64_t used = driver_used_at(queue);
    uint64_t entry = used + 4 + 8 * (d->used[queue] % d->num[queue]);

    if (fake_load16(d->vm, used + 2) == d->used[queue])
        return 0;
    *id = fake_load32(d->vm, entry);
    *bytes = fake_load32(d->vm, entry + 4);
    d->used[queue]++;
    return 1;
}
