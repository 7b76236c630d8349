/*
 * test_virtio_net_offload.c - large packets between two network devices: what
 * is offered, handed on, done in place of a driver, mapped, refused.
 */
#include "devices/cmocka_all.h"
#include "devices/fake_driver.h"

#include <string.h>
#include <linux/virtio_net.h>

#include "base/bits.h"
#include "base/compiler.h"

enum {
    GPA = 0x1c100000,
    NUM = 64,
    RX = 0,
    TX = 1,
    PAGE = 4096,
    RXBUF = DRIVER_BUFFERS,
    TXBUF = DRIVER_BUFFERS + 0x60000,
    PAYLOAD = TXBUF + PAGE, /* on a page boundary */
    HEADERS = 14 + 20 + 20
};

#define F(bit)  (UINT64_C(1) << (bit))
#define F_SEND  (F(VIRTIO_NET_F_CSUM) | F(VIRTIO_NET_F_HOST_TSO4))
#define F_TAKE  (F(VIRTIO_NET_F_GUEST_CSUM) | F(VIRTIO_NET_F_GUEST_TSO4))
#define F_MERGE F(VIRTIO_NET_F_MRG_RXBUF)

struct side {
    disco_vm *vm;
    disco_nic *nic;
    struct driver driver;
};

/* `a` sends to `b`, directly. */
struct fixture {
    disco_machine *machine;
    struct side a, b;
    uint32_t packets;
    disco_net_packet last;
    uint64_t price; /* what pass_on returns; 0: the packet's bytes */
    uint32_t reset; /* the guest resets its device while the packet is out */
};

static uint64_t pass_on(void *opaque, const disco_net_packet *packet)
{
    struct fixture *f = opaque;

    f->packets++;
    f->last = *packet;
    if (f->reset)
        driver_set(&f->a.driver, 0x70, 0);
    disco_nic_deliver_packet(f->b.nic, packet);
    return f->price ? f->price : packet->bytes;
}

static uint64_t swallow(void *opaque, const disco_net_packet *packet)
{
    (void)opaque;
    return packet->bytes;
}

static void side_new(struct fixture *f, struct side *s,
                     const disco_net_backend *be)
{
    s->vm = fake_vm_new(f->machine, "vm");
    assert_int_equal(disco_virtio_net_create(s->vm, GPA, 8, NULL, be, &s->nic),
                     0);
}

static int setup(void **state)
{
    static struct fixture fixture;
    struct fixture *f = &fixture;
    disco_net_backend be = {
        .size = sizeof(be), .opaque = f, .mtu = 9000, .send_packet = pass_on
    };
    uint32_t i;

    memset(f, 0, sizeof(*f));
    *state = f;
    f->machine = fake_machine_new();
    side_new(f, &f->a, &be);
    be.send_packet = swallow;
    be.mtu = 0;
    side_new(f, &f->b, &be);
    driver_start(&f->a.driver, f->a.vm, GPA, F_SEND | F_MERGE, 2, NUM);
    for (i = TXBUF; i < FAKE_RAM_BYTES; i++)
        f->a.vm->ram[i] = (uint8_t)(i * 7 + i / 251);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    fake_vm_free(f->a.vm);
    fake_vm_free(f->b.vm);
    return f->machine->live_pages != 0 || fake_machine_free(f->machine) != 0;
}

/* b takes with these features, `count` buffers of `bytes`, `step` apart. */
static void listen(struct fixture *f, uint64_t features, uint16_t count,
                   uint32_t bytes, uint32_t step, uint32_t skew)
{
    struct driver *d = &f->b.driver;
    uint16_t i;

    driver_start(d, f->b.vm, GPA, features, 2, NUM);
    for (i = 0; i < count; i++) {
        driver_desc(d, driver_desc_at(RX), i, RXBUF + skew + i * step, bytes,
                    DESC_WRITE, 0);
        driver_offer(d, RX, i);
    }
}

static disco_nic_stats stats(const struct side *s)
{
    disco_nic_stats got = { .size = sizeof(got) };

    assert_int_equal(disco_nic_stats_get(s->nic, &got), 0);
    return got;
}

/* Headers of a TCP segment over IPv4, at TXBUF after the device's header. */
static uint8_t *put_headers(struct fixture *f, uint32_t payload)
{
    uint8_t *frame = f->a.vm->ram + TXBUF + 12;

    memset(frame - 12, 0, 12 + HEADERS);
    memset(frame, 2, 12);
    frame[12] = 8;
    frame[14] = 0x45;
    store_be16(frame + 16, (uint16_t)(40 + payload));
    frame[22] = 64;
    frame[23] = 6;
    frame[34 + 12] = 0x50;
    frame[34 + 13] = 0x18;
    return frame;
}

static void put_offload(struct fixture *f, uint8_t gso, uint16_t segment)
{
    uint8_t *header = f->a.vm->ram + TXBUF;

    header[0] = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    header[1] = gso;
    store_le16(header + 2, 12345); /* a hint; nobody believes it */
    store_le16(header + 4, segment);
    store_le16(header + 6, 34);
    store_le16(header + 8, 16);
}

/* Headers, and `payload` bytes from `gpa` on. */
static void send_from(struct fixture *f, uint64_t gpa, uint32_t payload)
{
    struct driver *d = &f->a.driver;
    uint32_t id, bytes;

    driver_desc(d, driver_desc_at(TX), 0, TXBUF, 12 + HEADERS, DESC_NEXT, 1);
    driver_desc(d, driver_desc_at(TX), 1, gpa, payload, 0, 0);
    driver_offer(d, TX, 0);
    driver_notify(d, TX);
    if (!f->reset)
        assert_int_equal(driver_used(d, TX, &id, &bytes), 1);
}

static void send_large(struct fixture *f, uint32_t payload)
{
    put_headers(f, payload);
    put_offload(f, VIRTIO_NET_HDR_GSO_TCPV4, 1448);
    send_from(f, PAYLOAD, payload);
}

/* What b got as one packet, without the device's header; its buffers lie
 * `step` apart.  Returns its bytes. */
static uint32_t receive(struct fixture *f, uint32_t step, uint32_t skew,
                        uint8_t *to)
{
    uint32_t id, bytes, done = 0;
    uint32_t count = 1;
    uint32_t i;

    for (i = 0; i < count; i++) {
        const uint8_t *from;
        uint32_t skip = i == 0 ? 12 : 0;

        if (!driver_used(&f->b.driver, RX, &id, &bytes))
            return 0;
        from = f->b.vm->ram + RXBUF + skew + id * step;
        if (i == 0)
            count = load_le16(from + 10);
        memcpy(to + done, from + skip, bytes - skip);
        done += bytes - skip;
    }
    return done;
}

static uint8_t got[DISCO_NET_FRAME_MAX];

static void assert_arrived(struct fixture *f, uint64_t gpa, uint32_t payload,
                           uint32_t step, uint32_t skew)
{
    assert_int_equal(receive(f, step, skew, got), HEADERS + payload);
    assert_memory_equal(got, f->a.vm->ram + TXBUF + 12, HEADERS);
    assert_memory_equal(got + HEADERS, f->a.vm->ram + gpa, payload);
}

/* --- What is offered ----------------------------------------------------- */

static void offers(void **state)
{
    struct fixture *f = *state;
    uint64_t features = driver_features(&f->a.driver);

    assert_true(features & F(VIRTIO_NET_F_MTU));
    assert_int_equal(fake_read(f->a.vm, 0, GPA + 0x10a, 2), 9000);
    driver_start(&f->b.driver, f->b.vm, GPA, 0, 2, NUM);
    assert_int_equal(driver_features(&f->b.driver) ^ features,
                     F(VIRTIO_NET_F_MTU));
    assert_true((features & (F_SEND | F_TAKE)) == (F_SEND | F_TAKE));
}

static void bad_mtu(void **state)
{
    struct fixture *f = *state;
    disco_net_backend be = { .size = sizeof(be), .mtu = 67 };

    assert_int_equal(disco_virtio_net_create(f->a.vm, 0, 1, NULL, &be, NULL),
                     DISCO_E_INVAL);
    be.mtu = 65536;
    assert_int_equal(disco_virtio_net_create(f->a.vm, 0, 1, NULL, &be, NULL),
                     DISCO_E_INVAL);
}

/* --- Handing on ---------------------------------------------------------- */

static void as_it_is(void **state)
{
    struct fixture *f = *state;
    const uint8_t *header = f->b.vm->ram + RXBUF + 32;

    listen(f, F_TAKE | F_MERGE, 40, 2000, 0x1000, 32);
    send_large(f, 60000);
    assert_int_equal(f->last.flags, DISCO_NET_CSUM_PARTIAL | DISCO_NET_TCP4);
    assert_int_equal(f->last.header_bytes, HEADERS);
    assert_int_equal(header[0], VIRTIO_NET_HDR_F_NEEDS_CSUM);
    assert_int_equal(header[1], VIRTIO_NET_HDR_GSO_TCPV4);
    assert_int_equal(load_le16(header + 2), HEADERS);
    assert_int_equal(load_le16(header + 4), 1448);
    assert_int_equal(load_le16(header + 6), 34);
    assert_int_equal(load_le16(header + 8), 16);
    assert_arrived(f, PAYLOAD, 60000, 0x1000, 32);
    assert_int_equal(stats(&f->b).rx_segments, 0);
}

static void checksum_only(void **state)
{
    struct fixture *f = *state;

    listen(f, F_TAKE | F_MERGE, 4, 2000, 0x1000, 32);
    put_headers(f, 100);
    put_offload(f, VIRTIO_NET_HDR_GSO_NONE, 0);
    send_from(f, PAYLOAD, 100);
    assert_int_equal(f->last.flags, DISCO_NET_CSUM_PARTIAL);
    assert_int_equal(f->b.vm->ram[RXBUF + 32], VIRTIO_NET_HDR_F_NEEDS_CSUM);
    assert_arrived(f, PAYLOAD, 100, 0x1000, 32);
}

/* --- In place of the driver ---------------------------------------------- */

static uint32_t plain_sum(const uint8_t *p, uint32_t bytes)
{
    uint32_t sum = 0;
    uint32_t i;

    for (i = 0; i < bytes; i++) {
        sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
        if (sum > 0xffff)
            sum -= 0xffff;
    }
    return sum;
}

static void completes_checksums(void **state)
{
    struct fixture *f = *state;

    listen(f, F_MERGE, 4, 2000, 0x1000, 32);
    put_headers(f, 101);
    put_offload(f, VIRTIO_NET_HDR_GSO_NONE, 0);
    send_from(f, PAYLOAD, 101);
    assert_int_equal(f->b.vm->ram[RXBUF + 32], 0);
    assert_int_equal(receive(f, 0x1000, 32, got), HEADERS + 101);
    assert_int_equal(plain_sum(got + 34, 20 + 101), 0xffff);
    assert_int_equal(stats(&f->b).rx_checksums, 1);
    assert_int_equal(stats(&f->b).rx_copied_bytes[DISCO_NET_COPY_OFFLOAD],
                     HEADERS + 101);
}

static void cuts(void **state)
{
    struct fixture *f = *state;
    uint32_t done = 0, n = 0;

    listen(f, F(VIRTIO_NET_F_GUEST_CSUM), 10, 1526, 0x1000, 32);
    send_large(f, 10000);
    while (done < 10000) {
        uint32_t bytes = receive(f, 0x1000, 32, got);
        uint32_t part = bytes - HEADERS;

        assert_int_equal(part, 10000 - done < 1448 ? 10000 - done : 1448);
        assert_int_equal(load_be16(got + 16), bytes - 14);
        assert_int_equal(load_be32(got + 34 + 4), done);
        assert_memory_equal(got + HEADERS, f->a.vm->ram + PAYLOAD + done, part);
        done += part;
        n++;
    }
    assert_int_equal(stats(&f->b).rx_segments, n);
    assert_int_equal(stats(&f->b).rx_frames, n);
    assert_int_equal(stats(&f->b).rx_remapped_bytes, 0);
}

/* Segments that find no buffer wait; beyond the queue they are lost. */
static void cut_into_a_full_queue(void **state)
{
    struct fixture *f = *state;
    uint32_t i;

    listen(f, F_MERGE, 0, 0, 0, 0);
    for (i = 0; i < 10; i++)
        send_large(f, 60000);
    assert_true(stats(&f->b).rx_dropped > 0);
    assert_int_equal(stats(&f->b).rx_segments, 256 + stats(&f->b).rx_dropped);
    assert_true(stats(&f->b).rx_dropped <= 10);
}

/* --- Mapping ------------------------------------------------------------- */

static void maps_pages(void **state)
{
    struct fixture *f = *state;

    listen(f, F_TAKE | F_MERGE, 20, PAGE, PAGE, 0);
    send_large(f, 10 * PAGE + 100);
    assert_int_equal(f->b.vm->pages_mapped, 10);
    assert_int_equal(stats(&f->b).rx_remapped_bytes, 10 * PAGE);
    assert_int_equal(stats(&f->b).rx_copied_bytes[DISCO_NET_COPY_HOST],
                     HEADERS);
    assert_int_equal(stats(&f->b).rx_copied_bytes[DISCO_NET_COPY_PARTIAL], 100);
    assert_arrived(f, PAYLOAD, 10 * PAGE + 100, PAGE, 0);
    assert_int_equal(f->machine->live_pages, 0);
}

/* The sender's pages start in the middle of the payload. */
static void follows_the_sender(void **state)
{
    struct fixture *f = *state;
    uint32_t skews[] = { 1, 2000, 4000, 4095 };
    uint32_t i;

    for (i = 0; i < ARRAY_LEN(skews); i++) {
        uint32_t bytes = skews[i] + 5 * PAGE + 7;

        f->b.vm->pages_mapped = 0;
        listen(f, F_TAKE | F_MERGE, 20, PAGE, PAGE, 0);
        put_headers(f, bytes);
        put_offload(f, VIRTIO_NET_HDR_GSO_TCPV4, 1448);
        send_from(f, PAYLOAD + PAGE - skews[i], bytes);
        assert_int_equal(f->b.vm->pages_mapped, 5);
        assert_arrived(f, PAYLOAD + PAGE - skews[i], bytes, PAGE, 0);
    }
}

/* Too few buffers for gaps: without them it fits. */
static void dense_when_short(void **state)
{
    struct fixture *f = *state;
    uint32_t bytes = 2000 + 3 * PAGE;

    listen(f, F_TAKE | F_MERGE, 4, PAGE, PAGE, 0);
    put_headers(f, bytes);
    put_offload(f, VIRTIO_NET_HDR_GSO_TCPV4, 1448);
    send_from(f, PAYLOAD + PAGE - 2000, bytes);
    assert_int_equal(f->b.vm->pages_mapped, 3);
    assert_arrived(f, PAYLOAD + PAGE - 2000, bytes, PAGE, 0);
    listen(f, F_TAKE | F_MERGE, 4, PAGE, PAGE, 0);
    bytes += 1000; /* five with gaps */
    put_headers(f, bytes);
    put_offload(f, VIRTIO_NET_HDR_GSO_TCPV4, 1448);
    send_from(f, PAYLOAD + PAGE - 2000, bytes);
    assert_int_equal(f->b.vm->pages_mapped, 3);
    assert_int_equal(stats(&f->b).rx_copied_bytes[DISCO_NET_COPY_BUFFER],
                     3 * PAGE);
    assert_arrived(f, PAYLOAD + PAGE - 2000, bytes, PAGE, 0);
}

static void unfit_buffers(void **state)
{
    struct fixture *f = *state;

    listen(f, F_TAKE | F_MERGE, 40, PAGE, PAGE + 64, 64);
    send_large(f, 10 * PAGE);
    assert_int_equal(f->b.vm->pages_mapped, 0);
    assert_int_equal(stats(&f->b).rx_copied_bytes[DISCO_NET_COPY_BUFFER],
                     10 * PAGE);
    assert_arrived(f, PAYLOAD, 10 * PAGE, PAGE + 64, 64);
}

/* One chain for all: nothing to align in. */
static void unmerged(void **state)
{
    struct fixture *f = *state;

    listen(f, F_TAKE, 1, 0x10000, 0x10000, 0);
    send_large(f, 10 * PAGE);
    assert_int_equal(f->b.vm->pages_mapped, 0);
    f->b.vm->ram[RXBUF + 10] = 1;
    assert_arrived(f, PAYLOAD, 10 * PAGE, 0x10000, 0);
}

static void refused_pages(void **state)
{
    struct fixture *f = *state;

    listen(f, F_TAKE | F_MERGE, 20, PAGE, PAGE, 0);
    f->a.vm->pinned_gpa = PAYLOAD + PAGE;
    f->b.vm->pinned_gpa = RXBUF + 4 * PAGE;
    send_large(f, 10 * PAGE);
    assert_int_equal(f->b.vm->pages_mapped, 8);
    assert_int_equal(stats(&f->b).rx_copied_bytes[DISCO_NET_COPY_REFUSED],
                     2 * PAGE);
    assert_arrived(f, PAYLOAD, 10 * PAGE, PAGE, 0);
}

static void waiting_holds_pages(void **state)
{
    struct fixture *f = *state;
    static uint8_t want[60000];
    uint16_t i;

    listen(f, F_TAKE | F_MERGE, 0, 0, 0, 0);
    send_large(f, 10 * PAGE + 10);
    assert_int_equal(f->machine->live_pages, 10);
    /* The sender goes on: what waits does not change. */
    memcpy(want, f->a.vm->ram + PAYLOAD, sizeof(want));
    memset(f->a.vm->ram + PAYLOAD, 0xee, 20 * PAGE);
    for (i = 0; i < 20; i++) {
        driver_desc(&f->b.driver, driver_desc_at(RX), i, RXBUF + i * PAGE, PAGE,
                    DESC_WRITE, 0);
        driver_offer(&f->b.driver, RX, i);
    }
    driver_notify(&f->b.driver, RX);
    assert_int_equal(f->b.vm->pages_mapped, 10);
    assert_int_equal(receive(f, PAGE, 0, got), HEADERS + 10 * PAGE + 10);
    assert_memory_equal(got + HEADERS, want, 10 * PAGE + 10);
    assert_int_equal(f->machine->live_pages, 0);
    send_large(f, 3 * PAGE);
    listen(f, 0, 0, 0, 0, 0); /* a reset lets go of all */
    assert_int_equal(f->machine->live_pages, 0);
}

static void few_pages_are_copied(void **state)
{
    struct fixture *f = *state;
    disco_net_backend be = { .size = sizeof(be),
                             .send_packet = swallow,
                             .remap_min_pages = 4 };
    struct side first = f->b;

    side_new(f, &f->b, &be);
    listen(f, F_TAKE | F_MERGE, 20, PAGE, PAGE, 0);
    send_large(f, 3 * PAGE);
    assert_int_equal(stats(&f->b).rx_copied_bytes[DISCO_NET_COPY_SMALL],
                     3 * PAGE);
    assert_arrived(f, PAYLOAD, 3 * PAGE, PAGE, 0);
    send_large(f, 4 * PAGE);
    assert_int_equal(stats(&f->b).rx_remapped_bytes, 4 * PAGE);
    fake_vm_free(first.vm);
}

/* --- Hostile drivers ----------------------------------------------------- */

static void bad_headers(void **state)
{
    struct fixture *f = *state;
    uint8_t *header = f->a.vm->ram + TXBUF;
    static const struct {
        uint32_t at;
        uint8_t value;
    } bad[] = {
        { 0, 0 },    /* segmentation without a checksum */
        { 1, 3 },    /* UDP: not offered */
        { 1, 4 },    /* IPv6: not negotiated */
        { 1, 0x81 }, /* ECN: not negotiated */
        { 1, 0xff },     { 6, 35 }, { 7, 0xff },
        { 8, 17 },       { 9, 1 },  { 12 + 12, 9 }, /* not IP */
        { 12 + 17, 1 },                             /* a wrong length */
        { 12 + 23, 17 },                            /* UDP */
    };
    uint32_t i;

    listen(f, F_TAKE | F_MERGE, 20, PAGE, PAGE, 0);
    for (i = 0; i < ARRAY_LEN(bad); i++) {
        put_headers(f, 5000);
        put_offload(f, VIRTIO_NET_HDR_GSO_TCPV4, 1448);
        header[bad[i].at] = bad[i].value;
        send_from(f, PAYLOAD, 5000);
        assert_int_equal(stats(&f->a).tx_bad_offload, i + 1);
    }
    put_headers(f, 5000);
    put_offload(f, VIRTIO_NET_HDR_GSO_TCPV4, 0); /* segments of nothing */
    send_from(f, PAYLOAD, 5000);
    put_offload(f, VIRTIO_NET_HDR_GSO_TCPV4, 4); /* a thousand frames of one */
    send_from(f, PAYLOAD, 5000);
    assert_int_equal(stats(&f->a).tx_bad_offload, ARRAY_LEN(bad) + 2);
    assert_int_equal(f->packets, 0);
    send_large(f, 5000);
    assert_int_equal(f->packets, 1);
}

/* A driver that negotiated nothing must not ask for anything. */
static void not_negotiated(void **state)
{
    struct fixture *f = *state;

    driver_start(&f->a.driver, f->a.vm, GPA, 0, 2, NUM);
    put_headers(f, 100);
    put_offload(f, VIRTIO_NET_HDR_GSO_NONE, 0);
    send_from(f, PAYLOAD, 100);
    send_large(f, 5000);
    assert_int_equal(stats(&f->a).tx_bad_offload, 2);
}

static void changed_after_the_check(struct disco_vm *vm, uint64_t gpa,
                                    uint64_t bytes)
{
    if (gpa <= TXBUF + 12 && gpa + bytes > TXBUF + 12)
        memset(vm->ram + TXBUF + 12, 0xff, HEADERS);
}

static void headers_are_read_once(void **state)
{
    struct fixture *f = *state;

    listen(f, F(VIRTIO_NET_F_GUEST_CSUM), 10, 1526, 0x1000, 32);
    f->a.vm->after_read = changed_after_the_check;
    send_large(f, 3000);
    assert_int_equal(receive(f, 0x1000, 32, got), HEADERS + 1448);
    assert_int_equal(got[14], 0x45);
    assert_int_equal(f->b.vm->ram[RXBUF + 32], 0);
}

static void reset_while_it_is_out(void **state)
{
    struct fixture *f = *state;
    uint32_t id, bytes;

    listen(f, F_TAKE | F_MERGE, 20, PAGE, PAGE, 0);
    f->reset = 1;
    send_large(f, 5000);
    assert_int_equal(driver_used(&f->a.driver, TX, &id, &bytes), 0);
    f->reset = 0;
    driver_start(&f->a.driver, f->a.vm, GPA, F_SEND | F_MERGE, 2, NUM);
    send_large(f, 5000);
    assert_int_equal(f->packets, 2);
}

/* What a packet costs the subnet is charged to its sender: a notification does
 * a bounded part, and the VM's clock must go on before the rest. */
static void the_price_is_charged(void **state)
{
    struct fixture *f = *state;
    struct driver *d = &f->a.driver;
    uint32_t i;

    listen(f, F_TAKE | F_MERGE, 20, PAGE, PAGE, 0);
    f->price = UINT64_MAX;
    put_headers(f, 100);
    driver_desc(d, driver_desc_at(TX), 0, TXBUF, 12 + HEADERS, 0, 0);
    for (i = 0; i < 4; i++)
        driver_offer(d, TX, 0);
    driver_notify(d, TX);
    assert_int_equal(f->packets, 1);
    fake_advance(f->a.vm, 1, 10);
    assert_int_equal(f->packets, 1);
    for (i = 2; i <= 4; i++) {
        fake_advance(f->a.vm, i * UINT64_C(1000000), 1);
        assert_int_equal(f->packets, i);
    }
}

static void bad_packets(void **state)
{
    struct fixture *f = *state;
    uint8_t frame[60] = { 0 };
    disco_net_fragment fragment = { .kind = DISCO_FRAGMENT_HOST,
                                    .bytes = 60,
                                    .data = frame };
    disco_net_packet packet = { .size = sizeof(packet),
                                .bytes = 60,
                                .fragments = 1,
                                .fragment = &fragment };

    assert_int_equal(disco_nic_deliver_packet(NULL, &packet), DISCO_E_INVAL);
    assert_int_equal(disco_nic_deliver_packet(f->b.nic, NULL), DISCO_E_INVAL);
    packet.bytes = 61;
    assert_int_equal(disco_nic_deliver_packet(f->b.nic, &packet),
                     DISCO_E_INVAL);
    packet.bytes = 60;
    listen(f, F(VIRTIO_NET_F_GUEST_CSUM), 10, 1526, 0x1000, 32);
    assert_int_equal(disco_nic_deliver_packet(f->b.nic, &packet), 0);
    /* Segments of what is no TCP. */
    packet.flags = DISCO_NET_CSUM_PARTIAL | DISCO_NET_TCP4;
    packet.csum_start = 34;
    packet.csum_offset = 16;
    packet.header_bytes = 54;
    packet.segment_bytes = 1;
    assert_int_equal(disco_nic_deliver_packet(f->b.nic, &packet),
                     DISCO_E_INVAL);
    fragment.kind = DISCO_FRAGMENT_GUEST;
    assert_int_equal(disco_nic_deliver_packet(f->b.nic, &packet),
                     DISCO_E_INVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(offers),
        T(bad_mtu),
        T(as_it_is),
        T(checksum_only),
        T(completes_checksums),
        T(cuts),
        T(cut_into_a_full_queue),
        T(maps_pages),
        T(follows_the_sender),
        T(dense_when_short),
        T(unfit_buffers),
        T(unmerged),
        T(refused_pages),
        T(waiting_holds_pages),
        T(few_pages_are_copied),
        T(bad_headers),
        T(not_negotiated),
        T(headers_are_read_once),
        T(reset_while_it_is_out),
        T(the_price_is_charged),
        T(bad_packets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
