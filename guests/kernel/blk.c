/*
 * blk.c - virtio block devices: read, write, read back, restore, with scattered
 * page-aligned buffers, one request at a time.
 */
#include "kernel.h"

#define SECTOR     512
#define PARTS      4
#define SPAN       (PARTS * (uint32_t)PAGE / SECTOR) /* sectors a request */
#define F_RO       5
#define F_FLUSH    9
#define TYPE_IN    0
#define TYPE_OUT   1
#define TYPE_FLUSH 4
#define STATUS_OK  0
#define MAX_DISKS  4
#define WAIT_TICKS (10 * TICKS_1S)

struct request_head {
    uint32_t type, reserved;
    uint64_t sector;
};

static struct virtq_memory rings;
static struct virtq queue;
static uint8_t old[PARTS][PAGE] __attribute__((aligned(4096)));
static uint8_t data[PARTS][PAGE] __attribute__((aligned(4096)));
static struct request_head head;
static volatile uint8_t status;
static volatile uint32_t active; /* slot + 1 */

/* The driver looks at the ring itself; here the line is only let go. */
void disk_interrupt(void)
{
    uint32_t slot = active - 1;

    if (active && intc_pending(0) & 1u << (DISCO_BOARD_IRQ_VIRTIO + slot))
        vio_write(slot, VIO_ISR_ACK, vio_read(slot, VIO_ISR));
}

static int request(uint32_t type, uint64_t sector, uint8_t (*pages)[PAGE])
{
    struct virtq_part part[PARTS + 2] = { { &head, sizeof head, 0 } };
    uint32_t n = 1, first, bytes, start = this_cpu()->ticks;

    for (uint32_t i = 0; pages && i < PARTS; i++, n++) {
        part[n].data = pages[i];
        part[n].bytes = PAGE;
        part[n].from_device = type == TYPE_IN;
    }
    part[n].data = (const void *)(uintptr_t)&status;
    part[n].bytes = 1;
    part[n++].from_device = 1;
    head.type = le32(type);
    head.sector = le64(sector);
    status = 0xff;
    virtq_put(&queue, 0, part, n);
    virtq_notify(&queue);
    irq_off();
    while (!virtq_take(&queue, &first, &bytes)) {
        wait_interrupt();
        if (this_cpu()->ticks - start > WAIT_TICKS)
            break;
    }
    irq_on();
    return status == STATUS_OK ? 0 : -1;
}

static void fill(uint64_t seed)
{
    uint64_t *word = (uint64_t *)(uintptr_t)data;

    for (uint32_t i = 0; i < sizeof data / 8; i++) {
        seed = seed * 6364136223846793005 + 1442695040888963407;
        word[i] = seed;
    }
}

static uint64_t checksum(uint8_t (*pages)[PAGE])
{
    const uint64_t *word = (const uint64_t *)(uintptr_t)pages;
    uint64_t h = 0;

    for (uint32_t i = 0; i < PARTS * PAGE / 8; i++)
        h = (h ^ word[i]) * 0x100000001b3;
    return h;
}

/* Write a pattern, read it back, put the old content in place again. */
static int try_writing(uint64_t sector, uint64_t features)
{
    uint64_t before = checksum(old), pattern;
    int good;

    fill(sector + 1);
    pattern = checksum(data);
    if (request(TYPE_OUT, sector, data) != 0)
        return -1;
    if (features & 1ul << F_FLUSH && request(TYPE_FLUSH, 0, NULL) != 0)
        return -1;
    memset(data, 0, sizeof data);
    if (request(TYPE_IN, sector, data) != 0)
        return -1;
    good = checksum(data) == pattern;
    if (request(TYPE_OUT, sector, old) != 0 ||
        request(TYPE_IN, sector, data) != 0)
        return -1;
    return good && checksum(data) == before ? 0 : -1;
}

static void check_disk(uint32_t number, uint32_t slot)
{
    uint64_t features = vio_start(slot, 1ul << F_RO | 1ul << F_FLUSH);
    uint64_t sectors, sector;
    int result;

    if (!features || vio_queue(slot, 0, &queue, &rings) != 0) {
        expect(0, "a disk refuses its driver");
        return;
    }
    active = slot + 1;
    intc_unmask(0, 1u << (DISCO_BOARD_IRQ_VIRTIO + slot));
    vio_ready(slot);
    sectors = vio_read(slot, VIO_CONFIG) |
              (uint64_t)vio_read(slot, VIO_CONFIG + 4) << 32;
    sector = sectors > SPAN ? (sectors - SPAN) & ~7ul : 0;
    result = sectors < SPAN ? -1 : request(TYPE_IN, sector, old);
    if (result == 0 && !(features & 1ul << F_RO)) {
        result = try_writing(sector, features);
        print("disk %u: %lu KiB, %u sectors written and read back: %s\n",
              number, sectors / 2, SPAN, result == 0 ? "equal" : "wrong");
    } else {
        print("disk %u: %lu KiB, read-only, %u sectors read: %s\n", number,
              sectors / 2, SPAN, result == 0 ? "well" : "wrong");
    }
    expect(result == 0, "a disk does not work");
    active = 0;
    vio_write(slot, VIO_STATUS, 0);
}

void check_disks(void)
{
    uint32_t disks = 0;

    for (uint32_t s = 0; s < DISCO_BOARD_VIRTIO_SLOTS && disks < MAX_DISKS; s++)
        if (vio_probe(s) == VIO_ID_BLK)
            check_disk(disks++, s);
    if (!disks)
        print("disk: none\n");
}
