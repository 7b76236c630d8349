/*
 * fake_driver.h - a guest's virtio driver in miniature, for tests: it may do
 * everything by the book, and lets the test do anything else.
 */
#ifndef TESTS_FAKE_DRIVER_H
#define TESTS_FAKE_DRIVER_H

#include "devices/fake_vm.h"

enum {
    DRIVER_QUEUE_BYTES = 0x8000, /* per queue, from 0x8000 on */
    DRIVER_AVAIL = 0x2000,
    DRIVER_USED = 0x4000,
    DRIVER_BUFFERS = 0x40000, /* free for the test */

    DESC_NEXT = 1,
    DESC_WRITE = 2,
    DESC_INDIRECT = 4,

    STATUS_NEEDS_RESET = 64
};

struct driver {
    disco_vm *vm;
    uint64_t gpa; /* of the device */
    uint16_t num[2];
    uint16_t avail[2]; /* next avail index */
    uint16_t used[2];  /* next used index to look at */
};

#define DRIVER_EVENT_IDX (UINT64_C(1) << 29)
#define DRIVER_VERSION_1 (UINT64_C(1) << 32)

uint32_t driver_reg(struct driver *d, uint32_t reg);
void driver_set(struct driver *d, uint32_t reg, uint32_t value);
uint64_t driver_features(struct driver *d);

/* Reset, negotiate (VERSION_1 is added), stop before the queues. */
void driver_begin(struct driver *d, disco_vm *vm, uint64_t gpa,
                  uint64_t features);
/* Make a queue ready; returns what QueueReady reads. */
uint32_t driver_queue(struct driver *d, uint32_t queue, uint32_t num);
void driver_ok(struct driver *d);
/* All of the above for `queues` queues of `num`. */
void driver_start(struct driver *d, disco_vm *vm, uint64_t gpa,
                  uint64_t features, uint32_t queues, uint32_t num);

uint64_t driver_desc_at(uint32_t queue);
uint64_t driver_avail_at(uint32_t queue);
uint64_t driver_used_at(uint32_t queue);
/* Descriptor `i` of a table at `table`. */
void driver_desc(struct driver *d, uint64_t table, uint32_t i, uint64_t gpa,
                 uint32_t bytes, uint16_t flags, uint16_t next);
/* Put a head into the avail ring; then tell. */
void driver_offer(struct driver *d, uint32_t queue, uint16_t head);
void driver_notify(struct driver *d, uint32_t queue);
/* Next entry of the used ring: 1 and its fields, or 0. */
int driver_used(struct driver *d, uint32_t queue, uint32_t *id,
                uint32_t *bytes);

#endif
