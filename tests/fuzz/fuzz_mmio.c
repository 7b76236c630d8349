/*
 * fuzz_mmio.c - every device of the board under any sequence of accesses, with
 * back ends that complete when the input says so.
 *
 * Input: records of eight bytes: what, which device, offset, width, value. With
 * an odd number of bytes the disk takes and gives pages.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "devices/fake_driver.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    RECORD_BYTES = 8,
    RECORDS_MAX = 1024,
    PENDING_MAX = 256,
    DISK_BYTES = 64 * 512,

    INTC = 0x1c000000,
    MAILBOX = 0x1c010000,
    IDLE = 0x1c011000,
    CP0_PAGE = 0x1c012000,
    UART = 0x1c020000,
    POWER = 0x1c030000,
    RTC = 0x1c040000,
    VIRTIO = 0x1c100000,
    SLOT_BYTES = 0x1000,
    SLOTS = 5,
    NUM = 8
};

struct fuzz {
    disco_machine *machine;
    disco_vm *vm;
    disco_uart *uart;
    disco_vconsole *console;
    disco_nic *nic[2];
    disco_subnet *subnet;
    struct driver driver[SLOTS];
    uint8_t disk[DISK_BYTES];
    uint32_t count;
    disco_block_request *pending[PENDING_MAX];
};

static void require(int holds)
{
    if (!holds)
        abort();
}

/* Block by block: what has a page, and what has not. */
static void disk_move_pages(struct fuzz *f, disco_block_request *r)
{
    uint64_t end = r->offset_bytes + r->bytes, at = r->offset_bytes, to;
    disco_page *page = r->pages;

    for (; at < end; at = to, page++) {
        to = min_u64(end, (at / DISCO_BLOCK_BYTES + 1) * DISCO_BLOCK_BYTES);
        if (r->op == DISCO_BLOCK_READ)
            disco_page_create(
                f->machine, 0,
                f->disk + at / DISCO_BLOCK_BYTES * DISCO_BLOCK_BYTES, page);
        else if (page->name)
            disco_page_read(f->machine, *page, 0, f->disk + at,
                            (uint32_t)(to - at));
        else
            memcpy(f->disk + at, (uint8_t *)r->data + (at - r->offset_bytes),
                   to - at);
    }
}

static void disk_finish(struct fuzz *f, disco_block_request *r)
{
    require(r->op == DISCO_BLOCK_FLUSH ||
            (r->bytes % 512 == 0 && r->offset_bytes <= DISK_BYTES &&
             r->bytes <= DISK_BYTES - r->offset_bytes));
    if (r->flags & DISCO_BLOCK_REQUEST_PAGES)
        disk_move_pages(f, r);
    else if (r->op == DISCO_BLOCK_READ)
        memcpy(r->data, f->disk + r->offset_bytes, r->bytes);
    else if (r->op == DISCO_BLOCK_WRITE)
        memcpy(f->disk + r->offset_bytes, r->data, r->bytes);
    disco_block_complete(r, 0);
}

static void disk_submit(void *opaque, disco_block_request *r)
{
    struct fuzz *f = opaque;

    require(f->count < PENDING_MAX);
    f->pending[f->count++] = r;
}

static void disk_complete(struct fuzz *f, uint32_t which)
{
    disco_block_request *r;

    if (f->count == 0)
        return;
    which %= f->count;
    r = f->pending[which];
    f->pending[which] = f->pending[--f->count];
    disk_finish(f, r);
}

static void on_write(void *opaque, const uint8_t *data, uint32_t bytes)
{
    struct fuzz *f = opaque;

    require(bytes > 0);
    /* Echo, so that the devices are entered from inside their own calls. */
    if (data[0] & 1)
        disco_vconsole_input(f->console, data, 1);
    else
        disco_uart_input(f->uart, data, 1);
}

static void make_plain(struct fuzz *f)
{
    disco_char_backend chars = { .size = sizeof(chars), .opaque = f };

    chars.write = on_write;
    require(!disco_intc_create(f->vm, INTC, FAKE_CPUS));
    require(!disco_mailbox_create(f->vm, MAILBOX, FAKE_CPUS));
    require(!disco_idle_create(f->vm, IDLE));
    require(!disco_cp0_page_create(f->vm, CP0_PAGE));
    require(!disco_uart_create(f->vm, UART, 0, &chars, &f->uart));
    require(!disco_power_create(f->vm, POWER));
    require(!disco_rtc_create(f->vm, RTC, 1, 1));
    require(
        !disco_virtio_console_create(f->vm, VIRTIO, 8, &chars, &f->console));
    require(
        !disco_virtio_rng_create(f->vm, VIRTIO + SLOT_BYTES, 9, NULL, NULL, 1));
}

static void make_others(struct fuzz *f, uint32_t disk_flags)
{
    disco_block_backend disk = {
        .size = sizeof(disk),
        .flags = disk_flags,
        .bytes = DISK_BYTES,
        .opaque = f,
        .submit = disk_submit,
    };
    uint32_t i;

    require(
        !disco_virtio_blk_create(f->vm, VIRTIO + 2 * SLOT_BYTES, 10, &disk));
    require(!disco_subnet_create(f->machine, &f->subnet));
    for (i = 0; i < 2; i++) {
        disco_net_backend port = { .size = sizeof(port) };

        require(!disco_subnet_port(f->subnet, NULL, &port, NULL));
        require(!disco_virtio_net_create(f->vm, VIRTIO + (3 + i) * SLOT_BYTES,
                                         11 + i, NULL, &port, &f->nic[i]));
    }
    for (i = 0; i < SLOTS; i++)
        f->driver[i] = (struct driver){ .vm = f->vm,
                                        .gpa = VIRTIO + i * SLOT_BYTES,
                                        .num = { NUM, NUM } };
}

static uint64_t place(uint32_t which, uint32_t offset)
{
    static const uint64_t base[] = { INTC, MAILBOX, IDLE, CP0_PAGE,
                                     UART, POWER,   RTC };

    which %= 7 + SLOTS;
    if (which < 7)
        return base[which] + offset;
    return VIRTIO + (which - 7) * SLOT_BYTES + offset;
}

/* Ready-made steps of a driver, so that inputs get past the negotiation. */
static void drive(struct fuzz *f, uint32_t slot, uint32_t step, uint32_t value)
{
    struct driver *d = &f->driver[slot];
    uint32_t queue = value >> 15 & 1;
    uint64_t table = driver_desc_at(queue);

    switch (step & 3) {
    case 0:
        driver_start(d, f->vm, d->gpa, value << 5 & (1u << 15 | 1u << 29),
                     queue + 1, NUM);
        d->num[1] = NUM; /* driver_offer divides by it */
        break;
    case 1:
        driver_desc(d, table, value & 7, DRIVER_BUFFERS + (value & 0xff0),
                    value >> 16, (uint16_t)(value >> 8 & 7),
                    (uint16_t)(value >> 4 & 7));
        break;
    case 2:
        driver_offer(d, queue, value & 7);
        driver_notify(d, queue);
        break;
    default:
        /* A request of the block device, well formed. */
        fake_store32(f->vm, DRIVER_BUFFERS, value & 15);
        fake_store64(f->vm, DRIVER_BUFFERS + 8, value >> 4 & 0x3f);
        driver_desc(d, driver_desc_at(0), 0, DRIVER_BUFFERS, 16, DESC_NEXT, 1);
        driver_desc(d, driver_desc_at(0), 1, DRIVER_BUFFERS + 512, 512,
                    DESC_NEXT | (value & 1 ? 0 : DESC_WRITE), 2);
        driver_desc(d, driver_desc_at(0), 2, DRIVER_BUFFERS + 64, 1, DESC_WRITE,
                    0);
        driver_offer(d, 0, 0);
        driver_notify(d, 0);
        break;
    }
}

static void record(struct fuzz *f, const uint8_t *r)
{
    uint32_t bytes = 1u << (r[3] & 3);
    uint32_t offset = ((uint32_t)r[2] << 2 | (r[3] >> 2 & 3)) & ~(bytes - 1);
    uint32_t value = load_le32(r + 4);
    uint64_t out = 0;

    switch (r[0] & 15) {
    case 0:
    case 1:
    case 2:
        fake_try_write(f->vm, r[3] >> 4 & 3, place(r[1], offset), bytes,
                       bytes == 8 ? (uint64_t)value << 16 : value);
        break;
    case 3:
    case 4:
        fake_try_read(f->vm, r[3] >> 4 & 3, place(r[1], offset), bytes, &out);
        break;
    case 5:
        fake_store16(f->vm, 0x8000 + (load_le16(r + 2) & 0x3ffe),
                     (uint16_t)value);
        break;
    case 6:
        fake_advance(f->vm, f->vm->now_ns + value, 2);
        break;
    case 7:
        disk_complete(f, value);
        break;
    case 8:
        disco_nic_deliver(f->nic[r[1] & 1], f->vm->ram, load_le16(r + 4));
        break;
    case 9:
        disco_uart_input(f->uart, r, r[1] & 7);
        disco_vconsole_input(f->console, r, r[1] & 7);
        break;
    case 10:
        fake_vm_reset(f->vm);
        break;
    case 11:
        if (r[1] & 1) /* seldom enough to leave room for the rest */
            f->machine->fail_in = r[2];
        break;
    default:
        drive(f, r[1] % SLOTS, r[0] >> 4, value);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz *f = calloc(1, sizeof(*f));
    size_t i;

    f->machine = fake_machine_new();
    f->vm = fake_vm_new(f->machine, "fuzz");
    make_plain(f);
    make_others(f, size % 2 ? DISCO_BLOCK_PAGE_READS | DISCO_BLOCK_PAGE_WRITES
                            : 0);
    for (i = 0; i < RECORDS_MAX && (i + 1) * RECORD_BYTES <= size; i++)
        record(f, data + i * RECORD_BYTES);
    f->machine->fail_in = -1;
    fake_vm_free(f->vm);
    while (f->count > 0)
        disk_complete(f, 0);
    require(!disco_subnet_destroy(f->subnet));
    require(f->machine->live_pages == 0);
    require(fake_machine_free(f->machine) == 0);
    free(f);
    return 0;
}
