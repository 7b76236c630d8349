/*
 * fuzz_net.c - three network devices on a subnet, their drivers hostile.
 *
 * Input: three bytes, the features that each driver takes; then records of
 * eight bytes: an operation, a device, two numbers.  An operation writes valid
 * headers of a large TCP segment, spoils a word of them, sends, offers receive
 * buffers of any size and alignment, resets a device, or lets time pass.  A
 * driver that took no offloads must get nothing but finished frames; pages and
 * memory must all come back.
 */
#include <stdlib.h>
#include <string.h>
#include <linux/virtio_net.h>

#include "base/bits.h"
#include "devices/fake_driver.h"
#include "devices/netpacket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    NICS = 3,
    GPA = 0x1c100000,
    NUM = 64,
    RX = 0,
    TX = 1,
    RXBUF = DRIVER_BUFFERS,
    RX_BYTES = 0x60000,
    TXBUF = RXBUF + RX_BYTES,
    RECORDS_MAX = 400
};

struct fixture {
    disco_machine *machine;
    disco_subnet *subnet;
    disco_vm *vm[NICS];
    struct driver driver[NICS];
    uint8_t takes[NICS];
    uint8_t slot[NICS]; /* next receive descriptor */
    uint64_t now_ns;
    uint64_t records; /* of the capture */
};

static void require(int holds)
{
    if (!holds)
        abort();
}

static uint64_t features(uint8_t takes)
{
    static const uint8_t bits[8] = {
        VIRTIO_NET_F_MRG_RXBUF,  VIRTIO_NET_F_CSUM,
        VIRTIO_NET_F_HOST_TSO4,  VIRTIO_NET_F_HOST_TSO6,
        VIRTIO_NET_F_GUEST_CSUM, VIRTIO_NET_F_GUEST_TSO4,
        VIRTIO_NET_F_GUEST_TSO6, VIRTIO_NET_F_HOST_ECN,
    };
    uint64_t set = 0;
    uint32_t i;

    for (i = 0; i < 8; i++)
        set |= (uint64_t)(takes >> i & 1) << bits[i];
    return set;
}

static disco_status count_record(void *opaque, const void *data, uint64_t bytes)
{
    struct fixture *f = opaque;

    (void)data;
    require(bytes <= 16 + 100);
    f->records++;
    return 0;
}

static void reset(struct fixture *f, uint32_t i)
{
    driver_start(&f->driver[i], f->vm[i], GPA, features(f->takes[i]), 2, NUM);
    f->slot[i] = 0;
}

/* --- Operations ---------------------------------------------------------- */

/* Valid headers, up to TXBUF's page end; the payload is what is there. */
static void op_headers(disco_vm *vm, uint16_t payload, uint32_t segment)
{
    uint8_t *header = vm->ram + TXBUF;
    uint8_t *frame = header + 12;
    int is_v6 = segment >> 31 != 0;
    uint32_t tcp = is_v6 ? 54 : 34;

    memset(header, 0, 12 + tcp + 20);
    header[0] = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    header[1] = is_v6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
    store_le16(header + 4, (uint16_t)segment);
    store_le16(header + 6, (uint16_t)tcp);
    store_le16(header + 8, 16);
    frame[0] = frame[6] = 2;
    frame[5] = (uint8_t)(segment >> 16); /* to, and from */
    frame[11] = (uint8_t)(segment >> 24);
    store_be16(frame + 12, is_v6 ? 0x86dd : 0x0800);
    frame[14] = is_v6 ? 0x60 : 0x45;
    store_be16(frame + (is_v6 ? 18 : 16),
               (uint16_t)(payload + (is_v6 ? 20 : 40)));
    frame[is_v6 ? 20 : 23] = 6;
    frame[tcp + 12] = 0x50;
    frame[tcp + 13] = 0x19;
}

/* Headers in one segment of `first` bytes, the rest from page `at` on. */
static void op_send(struct fixture *f, uint32_t i, uint16_t bytes, uint32_t at)
{
    struct driver *d = &f->driver[i];
    uint32_t first = at >> 24;
    uint32_t id, used;

    driver_desc(d, driver_desc_at(TX), 0, TXBUF, 12 + first, DESC_NEXT, 1);
    driver_desc(d, driver_desc_at(TX), 1, TXBUF + (at & 0x3ffff), bytes, 0, 0);
    driver_offer(d, TX, 0);
    driver_notify(d, TX);
    while (driver_used(d, TX, &id, &used))
        continue;
}

static void op_buffers(struct fixture *f, uint32_t i, uint16_t bytes,
                       uint32_t at)
{
    struct driver *d = &f->driver[i];
    uint32_t count = at >> 24 & 31;
    uint32_t from = at % RX_BYTES;

    for (; count > 0; count--) {
        uint16_t slot = f->slot[i]++ % NUM;

        driver_desc(d, driver_desc_at(RX), slot, RXBUF + from, bytes,
                    DESC_WRITE, 0);
        driver_offer(d, RX, slot);
        from = (from + (at >> 29) * 2048) % RX_BYTES;
    }
    driver_notify(d, RX);
}

/* A frame for a driver that merges no buffers: one buffer is one frame. */
static void check_frame(struct fixture *f, uint32_t i, uint32_t gpa)
{
    if (!(features(f->takes[i]) >> VIRTIO_NET_F_GUEST_CSUM & 1))
        require(fake_load16(f->vm[i], gpa) == 0);
    require(fake_load16(f->vm[i], gpa + 10) == 1);
}

/* What a driver got fits what it took.  Of several frames at once the buffers
 * may overlap: nothing can be said of those. */
static void check_received(struct fixture *f, uint32_t i)
{
    struct driver *d = &f->driver[i];
    uint32_t frames = 0;
    uint32_t last = 0;
    uint32_t id, bytes;

    while (driver_used(d, RX, &id, &bytes)) {
        uint64_t at = driver_desc_at(RX) + 16 * (uint64_t)(id % NUM);

        require(id < NUM && bytes <= fake_load32(f->vm[i], at + 8));
        last = fake_load32(f->vm[i], at);
        frames += bytes > 0;
    }
    if (frames == 1 && !(f->takes[i] & 1))
        check_frame(f, i, last);
}

static void record(struct fixture *f, const uint8_t *r)
{
    uint32_t i = r[1] % NICS;
    uint16_t b = load_le16(r + 2);
    uint32_t c = load_le32(r + 4);

    switch (r[0] & 7) {
    case 0:
        op_headers(f->vm[i], b, c);
        break;
    case 1:
        fake_store32(f->vm[i], TXBUF + b % 400, c);
        break;
    case 2:
    case 3:
        op_send(f, i, b, c);
        break;
    case 4:
        op_buffers(f, i, b, c);
        break;
    case 5:
        f->takes[i] = (uint8_t)c;
        reset(f, i);
        break;
    case 6:
        f->now_ns += c;
        fake_advance(f->vm[i], f->now_ns, 2);
        break;
    default:
        f->vm[i]->pinned_gpa = align_down(TXBUF + c % 0x20000, 4096);
        break;
    }
    check_received(f, i);
}

/* --- The whole ----------------------------------------------------------- */

static void open_all(struct fixture *f, const uint8_t *takes)
{
    disco_capture capture = { .size = sizeof(capture),
                              .snap_bytes = 100,
                              .opaque = f,
                              .write = count_record };
    disco_port_config config = { .size = sizeof(config),
                                 .queue_frames = 32,
                                 .queue_bytes = 1 << 18 };
    disco_net_backend be = { .size = sizeof(be) };
    uint32_t i;

    f->machine = fake_machine_new();
    require(!disco_subnet_create(f->machine, &f->subnet));
    require(!disco_subnet_capture(f->subnet, &capture));
    for (i = 0; i < NICS; i++) {
        f->vm[i] = fake_vm_new(f->machine, "fuzz");
        f->takes[i] = takes[i];
        config.mac[0] = 2;
        config.mac[5] = (uint8_t)i;
        require(!disco_subnet_port(f->subnet, &config, &be, NULL));
        require(!disco_virtio_net_create(f->vm[i], GPA, 8, NULL, &be, NULL));
        reset(f, i);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fixture f = { .now_ns = 0 };
    uint32_t records = 0;
    size_t at;
    uint32_t i;

    if (size < NICS)
        return 0;
    open_all(&f, data);
    for (at = NICS; at + 8 <= size && records < RECORDS_MAX; at += 8) {
        record(&f, data + at);
        records++;
    }
    /* Three devices' queues, and nothing else. */
    require(f.machine->live_bytes < 3 * (1 << 20) + (1 << 20));
    for (i = 0; i < NICS; i++)
        fake_vm_free(f.vm[i]);
    require(!disco_subnet_destroy(f.subnet));
    require(f.machine->live_pages == 0);
    require(fake_machine_free(f.machine) == 0);
    return 0;
}
