/*
 * virtio.c - rings, chains and register orders that the standard forbids, and
 * a random walk over all of them.
 */
#include "abuse.h"

#define NOTIFY_TIMES 3

static const uint64_t power = DISCO_BOARD_POWER;

static void set_queue(uint32_t slot, uint32_t number, uint32_t size,
                      uint64_t desc, uint64_t avail, uint64_t used)
{
    vio_write(slot, VIO_QUEUE_SELECT, number);
    vio_write(slot, VIO_QUEUE_SIZE, size);
    vio_write(slot, VIO_QUEUE_DESC, (uint32_t)desc);
    vio_write(slot, VIO_QUEUE_DESC + 4, (uint32_t)(desc >> 32));
    vio_write(slot, VIO_QUEUE_DRIVER, (uint32_t)avail);
    vio_write(slot, VIO_QUEUE_DRIVER + 4, (uint32_t)(avail >> 32));
    vio_write(slot, VIO_QUEUE_DEVICE, (uint32_t)used);
    vio_write(slot, VIO_QUEUE_DEVICE + 4, (uint32_t)(used >> 32));
    vio_write(slot, VIO_QUEUE_READY, 1);
}

static uint64_t ring_desc(void)
{
    return ptr_phys(arena()->ring.desc);
}

static uint64_t ring_avail(void)
{
    return ptr_phys(&arena()->ring.avail);
}

static uint64_t ring_used(void)
{
    return ptr_phys(&arena()->ring.used);
}

/* A device that is up, with queues 0 and 1 over the arena's ring. */
static void bring_up(uint32_t slot)
{
    memset(&arena()->ring, 0, sizeof arena()->ring);
    vio_start(slot, 0);
    set_queue(slot, 1, VIRTQ_SIZE, ring_desc(), ring_avail(), ring_used());
    set_queue(slot, 0, VIRTQ_SIZE, ring_desc(), ring_avail(), ring_used());
    vio_ready(slot);
}

static void describe(uint32_t i, uint64_t addr, uint32_t bytes, uint32_t flags,
                     uint32_t next)
{
    struct virtq_desc *d = &arena()->ring.desc[i];

    d->addr = le64(addr);
    d->bytes = le32(bytes);
    d->flags = le16((uint16_t)flags);
    d->next = le16((uint16_t)next);
}

/* Offer descriptor `first`, moving the index by `step`. */
static void offer(uint32_t slot, uint32_t first, uint32_t step)
{
    struct virtq_memory *r = &arena()->ring;
    uint16_t index = le16(r->avail.index);

    r->avail.ring[index % VIRTQ_SIZE] = le16((uint16_t)first);
    r->avail.index = le16((uint16_t)(index + step));
    for (uint32_t i = 0; i < NOTIFY_TIMES; i++) {
        vio_write(slot, VIO_QUEUE_NOTIFY, 0);
        vio_write(slot, VIO_QUEUE_NOTIFY, 1);
    }
}

static void reset(uint32_t slot)
{
    vio_write(slot, VIO_STATUS, 0);
}

static void cyclic_chains(uint32_t slot)
{
    uint64_t a = arena_phys() + 0x8000;

    bring_up(slot);
    describe(0, a, 16, VIO_DESC_NEXT, 0);
    offer(slot, 0, 1);
    bring_up(slot);
    describe(0, a, 16, VIO_DESC_NEXT, 1);
    describe(1, a, 512, VIO_DESC_NEXT | VIO_DESC_WRITE, 0);
    offer(slot, 0, 1);
    bring_up(slot);
    for (uint32_t i = 0; i < VIRTQ_SIZE; i++)
        describe(i, a, 512, VIO_DESC_NEXT | (i ? VIO_DESC_WRITE : 0),
                 (i + 1) % VIRTQ_SIZE);
    offer(slot, 0, 1);
    reset(slot);
}

static void wrong_indices(uint32_t slot)
{
    bring_up(slot);
    describe(0, arena_phys() + 0x8000, 16, VIO_DESC_NEXT, VIRTQ_SIZE);
    offer(slot, 0, 1);
    bring_up(slot);
    describe(0, arena_phys() + 0x8000, 16, VIO_DESC_NEXT, 0xffff);
    offer(slot, 0, 1);
    bring_up(slot);
    offer(slot, VIRTQ_SIZE, 1);
    offer(slot, 0xffff, 1);
    bring_up(slot);
    offer(slot, 0, VIRTQ_SIZE + 1);
    offer(slot, 0, 0x7fff);
    offer(slot, 0, 0xffff);
    reset(slot);
}

/* Lengths that wrap, run out of RAM, or are zero. */
static void wrong_lengths(uint32_t slot)
{
    static const uint32_t lengths[] = { 0,        1,          0xffffffff,
                                        1u << 31, 0x10000000, 0x7ffffff0 };
    uint64_t a = arena_phys() + 0x8000;

    for (unsigned i = 0; i < sizeof lengths / sizeof *lengths; i++)
        for (uint32_t w = 0; w <= VIO_DESC_WRITE; w += VIO_DESC_WRITE) {
            bring_up(slot);
            describe(0, a, 16, VIO_DESC_NEXT, 1);
            describe(1, a, lengths[i], VIO_DESC_NEXT | w, 2);
            describe(2, a + 0x4000, 1, VIO_DESC_WRITE, 0);
            offer(slot, 0, 1);
            bring_up(slot);
            describe(0, a, lengths[i], w, 0);
            offer(slot, 0, 1);
            bring_up(slot);
            describe(0, ~0ul - 7, lengths[i], w, 0);
            offer(slot, 0, 1);
        }
    reset(slot);
}

/* Buffers in device registers: a store there would end the machine. */
static void device_memory(uint32_t slot)
{
    struct arena *m = arena();
    uint64_t a = arena_phys() + 0x8000;

    memset(m->data, 0, sizeof m->data);
    for (uint32_t i = 0; i < 512; i += 4)
        *(uint32_t *)(uintptr_t)&m->data[0x4000 + i] = DISCO_POWER_OFF;
    for (uint32_t w = 0; w <= VIO_DESC_WRITE; w += VIO_DESC_WRITE) {
        bring_up(slot);
        describe(0, a, 16, VIO_DESC_NEXT, 1);
        describe(1, power, 512, VIO_DESC_NEXT | w, 2);
        describe(2, power, 1, VIO_DESC_WRITE, 0);
        offer(slot, 0, 1);
        bring_up(slot);
        describe(0, power, 4096, w, 0);
        offer(slot, 0, 1);
    }
    /* The rings themselves. */
    bring_up(slot);
    reset(slot);
    vio_start(slot, 0);
    set_queue(slot, 0, VIRTQ_SIZE, power, power, power);
    set_queue(slot, 1, VIRTQ_SIZE, ring_desc(), ring_avail(), power - 0x10);
    vio_ready(slot);
    offer(slot, 0, 1);
    reset(slot);
}

static void wrong_rings(uint32_t slot)
{
    static const uint32_t sizes[] = { 0, 1, 3, 17, 0x8000, 0xffff, ~0u };

    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        bring_up(slot);
        reset(slot);
        vio_start(slot, 0);
        set_queue(slot, 0, sizes[i], ring_desc() + 1, ring_avail() + 1,
                  ring_used() + 1);
        set_queue(slot, 1, sizes[i], ~0ul - 15, ~0ul - 3, ~0ul - 3);
        vio_ready(slot);
        offer(slot, 0, 1);
        reset(slot);
        vio_start(slot, 0);
        set_queue(slot, 0, sizes[i], board.ram_low - 16, board.ram_low - 4,
                  board.ram_low - 4);
        vio_ready(slot);
        vio_write(slot, VIO_QUEUE_NOTIFY, 0);
    }
    reset(slot);
}

/* Things that must not change any more, changed; things in the wrong order. */
static void wrong_order(uint32_t slot)
{
    reset(slot);
    vio_write(slot, VIO_QUEUE_NOTIFY, 0);
    vio_write(slot, VIO_STATUS, VIO_DRIVER_OK);
    vio_write(slot, VIO_QUEUE_NOTIFY, 0);
    reset(slot);
    vio_ready(slot);
    vio_write(slot, VIO_QUEUE_NOTIFY, 0);
    bring_up(slot);
    vio_write(slot, VIO_QUEUE_SELECT, 0);
    vio_write(slot, VIO_QUEUE_SIZE, 8);
    vio_write(slot, VIO_QUEUE_DESC, (uint32_t)power);
    vio_write(slot, VIO_QUEUE_DRIVER, 0xfffffff0);
    vio_write(slot, VIO_DRIVER_FEATURES, ~0u);
    describe(0, arena_phys() + 0x8000, 512, 0, 0);
    offer(slot, 0, 1);
    vio_write(slot, VIO_QUEUE_READY, 0);
    offer(slot, 0, 1);
    vio_write(slot, VIO_QUEUE_READY, 1);
    offer(slot, 0, 1);
    vio_write(slot, VIO_STATUS, VIO_FAILED);
    offer(slot, 0, 1);
    vio_write(slot, VIO_QUEUE_SELECT, 0xffffffff);
    vio_write(slot, VIO_QUEUE_READY, 1);
    vio_write(slot, VIO_QUEUE_NOTIFY, 0xffffffff);
    reset(slot);
}

/* Requests that look right but for their content. */
static void wrong_requests(uint32_t slot)
{
    static const uint64_t sectors[] = { ~0ul, 1ul << 63, 1ul << 55,
                                        0x7fffffffffffff, 0xffffffff };
    struct arena *m = arena();
    uint64_t a = ptr_phys(m->data);

    for (uint32_t type = 0; type < 16; type++)
        for (unsigned i = 0; i < sizeof sectors / sizeof *sectors; i++) {
            uint32_t w = type == 0 || type == 8 ? VIO_DESC_WRITE : 0;

            bring_up(slot);
            memset(m->data, 0, 32);
            *(uint32_t *)(uintptr_t)m->data = le32(type);
            *(uint64_t *)(uintptr_t)(m->data + 8) = le64(sectors[i]);
            describe(0, a, 16, VIO_DESC_NEXT, 1);
            describe(1, a + 64, 4096, VIO_DESC_NEXT | w, 2);
            describe(2, a + 32, 1, VIO_DESC_WRITE, 0);
            offer(slot, 0, 1);
        }
    /* A header in three pieces, and one that is too short. */
    bring_up(slot);
    describe(0, a, 3, VIO_DESC_NEXT, 1);
    describe(1, a + 3, 7, VIO_DESC_NEXT, 2);
    describe(2, a + 10, 6, VIO_DESC_NEXT, 3);
    describe(3, a + 32, 1, VIO_DESC_WRITE, 0);
    offer(slot, 0, 1);
    bring_up(slot);
    describe(0, a, 5, 0, 0);
    offer(slot, 0, 1);
    bring_up(slot);
    describe(0, a, 64, VIO_DESC_INDIRECT, 0);
    offer(slot, 0, 1);
    reset(slot);
}

static void odd_registers(uint32_t slot)
{
    uint64_t v;

    for (uint32_t at = 0; at < DISCO_BOARD_VIRTIO_STRIDE; at += 2)
        for (uint32_t n = 1; n <= 8; n *= 2)
            if (at % n == 0)
                try_read(vio_base(slot) + at, n, &v);
    for (uint32_t i = 0; i < 500; i++) {
        uint32_t n = 1u << (random64() & 3);
        uint64_t at = random64() % 0x200 & ~(uint64_t)(n - 1);

        try_write(vio_base(slot) + at, n, odd_value());
    }
    reset(slot);
}

void abuse_virtio(uint32_t slot)
{
    odd_registers(slot);
    cyclic_chains(slot);
    wrong_indices(slot);
    wrong_lengths(slot);
    device_memory(slot);
    wrong_rings(slot);
    wrong_order(slot);
    wrong_requests(slot);
}

/* One random step on a device that is more or less up. */
static void fuzz_step(uint32_t slot)
{
    static const uint16_t regs[] = { VIO_DRIVER_FEATURES, VIO_DRIVER_SELECT,
                                     VIO_QUEUE_SELECT,    VIO_QUEUE_SIZE,
                                     VIO_QUEUE_READY,     VIO_QUEUE_NOTIFY,
                                     VIO_ISR_ACK,         VIO_STATUS,
                                     VIO_CONFIG,          VIO_CONFIG + 4 };
    uint64_t r = random64();

    switch (r & 7) {
    case 0:
        vio_write(slot, regs[(r >> 8) % (sizeof regs / sizeof *regs)],
                  (uint32_t)odd_value());
        break;
    case 1:
        set_queue(slot, (uint32_t)(r >> 8 & 3), (uint32_t)odd_value(),
                  odd_address(), odd_address(), odd_address());
        break;
    case 2:
        bring_up(slot);
        break;
    case 3:
    case 4:
    case 5:
        describe((uint32_t)(r >> 8) % VIRTQ_SIZE, odd_address(),
                 (uint32_t)odd_value(), (uint32_t)(r >> 16 & 7),
                 (uint32_t)(r >> 20 & 31));
        break;
    default:
        offer(slot, (uint32_t)(r >> 8) % (VIRTQ_SIZE + 1),
              r >> 16 & 7 ? 1 : (uint32_t)odd_value());
    }
}

void fuzz_virtio(uint32_t slot, uint32_t rounds)
{
    bring_up(slot);
    for (uint32_t i = 0; i < rounds; i++)
        for (uint32_t k = 0; k < 20; k++)
            fuzz_step(slot);
    reset(slot);
}
