/*
 * test_netswitch.c - the switch, with real network devices on it: learning,
 * flooding, bounds, ports that come and go while frames fly.
 */
#include "devices/cmocka_all.h"
#include "devices/fake_driver.h"

#include <pthread.h>
#include <string.h>

#include "base/bits.h"
#include "base/compiler.h"

enum {
    GPA = 0x1c100000,
    NUM = 64,
    VMS = 3,
    RXBUF = DRIVER_BUFFERS,
    TXBUF = DRIVER_BUFFERS + 0x80000
};

struct station {
    disco_vm *vm;
    disco_nic *nic;
    struct driver driver;
};

struct fixture {
    disco_machine *machine;
    disco_subnet *subnet;
    struct station at[VMS];
};

static void station_new(struct fixture *f, struct station *s, int i)
{
    uint8_t mac[6] = { 2, 0, 0, 0, 0, (uint8_t)i };
    disco_net_backend be = { .size = sizeof(be) };
    uint16_t n;

    s->vm = fake_vm_new(f->machine, "vm");
    assert_int_equal(disco_subnet_port(f->subnet, NULL, &be, NULL), 0);
    assert_int_equal(disco_virtio_net_create(s->vm, GPA, 8, mac, &be, &s->nic),
                     0);
    driver_start(&s->driver, s->vm, GPA, 0, 2, NUM);
    for (n = 0; n < NUM; n++) {
        driver_desc(&s->driver, driver_desc_at(0), n, RXBUF + n * 2048u, 2048,
                    DESC_WRITE, 0);
        driver_offer(&s->driver, 0, n);
    }
}

static int setup(void **state)
{
    static struct fixture fixture;
    struct fixture *f = &fixture;
    int i;

    memset(f, 0, sizeof(*f));
    *state = f;
    f->machine = fake_machine_new();
    if (disco_subnet_create(f->machine, &f->subnet))
        return -1;
    for (i = 0; i < VMS; i++)
        station_new(f, &f->at[i], i);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    int i, err = 0;

    for (i = 0; i < VMS; i++) {
        err |= disco_subnet_destroy(f->subnet) != DISCO_E_BUSY;
        fake_vm_free(f->at[i].vm);
    }
    err |= disco_subnet_destroy(f->subnet) != 0;
    return err || fake_machine_free(f->machine) != 0;
}

static void send_raw(struct station *s, const uint8_t *to, const uint8_t *from,
                     uint8_t tag)
{
    uint8_t *frame = s->vm->ram + TXBUF + 12;

    memcpy(frame, to, 6);
    memcpy(frame + 6, from, 6);
    frame[12] = 8;
    frame[13] = 0;
    frame[14] = tag;
    driver_desc(&s->driver, driver_desc_at(1), 0, TXBUF, 12 + 60, 0, 0);
    driver_offer(&s->driver, 1, 0);
    driver_notify(&s->driver, 1);
}

static void send(struct fixture *f, int from, int to, uint8_t tag)
{
    uint8_t to_mac[6] = { 2, 0, 0, 0, 0, (uint8_t)to };
    uint8_t from_mac[6] = { 2, 0, 0, 0, 0, (uint8_t)from };

    if (to < 0)
        memset(to_mac, 0xff, 6);
    send_raw(&f->at[from], to_mac, from_mac, tag);
}

/* The tag of the next frame a station got, -1 when none. */
static int got(struct fixture *f, int i)
{
    struct station *s = &f->at[i];
    uint32_t id, bytes;

    if (!driver_used(&s->driver, 0, &id, &bytes))
        return -1;
    assert_int_equal(bytes, 72);
    return fake_load8(s->vm, RXBUF + id * 2048 + 12 + 14);
}

static disco_subnet_stats stats(struct fixture *f)
{
    disco_subnet_stats s = { .size = sizeof(s) };

    assert_int_equal(disco_subnet_stats_get(f->subnet, &s), 0);
    return s;
}

static void learns(void **state)
{
    struct fixture *f = *state;

    send(f, 0, 1, 10); /* nobody knows 1 */
    assert_int_equal(got(f, 0), -1);
    assert_int_equal(got(f, 1), 10);
    assert_int_equal(got(f, 2), 10);
    send(f, 1, 0, 11);
    assert_int_equal(got(f, 0), 11);
    assert_int_equal(got(f, 2), -1);
    send(f, 0, 1, 12);
    assert_int_equal(got(f, 1), 12);
    assert_int_equal(got(f, 2), -1);
    assert_int_equal(stats(f).frames, 3);
    assert_int_equal(stats(f).bytes, 180);
    assert_int_equal(stats(f).flooded, 1);
    assert_int_equal(stats(f).ports, VMS);
}

static void broadcast(void **state)
{
    struct fixture *f = *state;

    send(f, 2, -1, 7);
    assert_int_equal(got(f, 0), 7);
    assert_int_equal(got(f, 1), 7);
    assert_int_equal(got(f, 2), -1);
}

static void own_address_goes_nowhere(void **state)
{
    struct fixture *f = *state;

    send(f, 0, -1, 1);
    got(f, 1);
    got(f, 2);
    send(f, 0, 0, 2);
    assert_int_equal(got(f, 0), -1);
    assert_int_equal(got(f, 1), -1);
}

static void stations_move(void **state)
{
    struct fixture *f = *state;
    static const uint8_t to[6] = { 2, 0, 0, 0, 0, 1 };
    static const uint8_t moved[6] = { 2, 9, 9, 9, 9, 9 };
    static const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 };

    send_raw(&f->at[0], all, moved, 1);
    send_raw(&f->at[2], all, moved, 2);
    assert_int_equal(got(f, 0), 2);
    assert_int_equal(got(f, 1), 1);
    assert_int_equal(got(f, 1), 2);
    assert_int_equal(got(f, 2), 1);
    send_raw(&f->at[1], moved, to, 3);
    assert_int_equal(got(f, 2), 3);
    assert_int_equal(got(f, 0), -1);
}

/* A guest that makes up addresses fills a bounded table; life goes on. */
static void address_flood(void **state)
{
    struct fixture *f = *state;
    int64_t before = f->machine->live_bytes;
    uint8_t to[6] = { 2, 0, 0, 0, 0, 0 };
    uint8_t from[6] = { 2, 1, 0, 0, 0, 0 };
    uint32_t i;

    send(f, 0, 0, 0);
    for (i = 0; i < 20000; i++) {
        from[3] = (uint8_t)(i >> 16);
        from[4] = (uint8_t)(i >> 8);
        from[5] = (uint8_t)i;
        to[5] = 1;
        send_raw(&f->at[1], to, from, 0);
    }
    assert_true(f->machine->live_bytes - before < 1 << 20);
    while (got(f, 0) >= 0 || got(f, 2) >= 0)
        continue;
    assert_int_equal(stats(f).frames, 20001);
}

static void group_sources_are_not_learned(void **state)
{
    struct fixture *f = *state;
    static const uint8_t group[6] = { 3, 0, 0, 0, 0, 1 };
    static const uint8_t to[6] = { 2, 0, 0, 0, 0, 1 };

    send_raw(&f->at[0], to, group, 1);
    send_raw(&f->at[1], group, to, 2);
    assert_int_equal(got(f, 0), 2);
    assert_int_equal(got(f, 2), 1);
    assert_int_equal(got(f, 2), 2);
}

static void a_deaf_guest_costs_nothing_else(void **state)
{
    struct fixture *f = *state;
    int i;

    driver_set(&f->at[1].driver, 0x70, 0);
    for (i = 0; i < 100; i++)
        send(f, 0, -1, (uint8_t)i);
    assert_int_equal(stats(f).dropped, 100);
    for (i = 0; i < NUM; i++)
        assert_int_equal(got(f, 2), i);
}

static void *sender(void *opaque)
{
    struct fixture *f = opaque;
    int i;

    for (i = 0; i < 400; i++)
        send(f, 0, i % 3 ? -1 : 1, (uint8_t)i);
    return NULL;
}

static void *sender_back(void *opaque)
{
    struct fixture *f = opaque;
    int i;

    for (i = 0; i < 400; i++)
        send(f, 1, i % 3 ? -1 : 0, (uint8_t)i);
    return NULL;
}

/* Two VMs send while others join and end. */
static void ports_come_and_go(void **state)
{
    struct fixture *f = *state;
    pthread_t thread[2];
    int i;

    pthread_create(&thread[0], NULL, sender, f);
    pthread_create(&thread[1], NULL, sender_back, f);
    for (i = 0; i < 100; i++) {
        struct station s;

        station_new(f, &s, 10 + i);
        fake_vm_free(s.vm);
    }
    pthread_join(thread[0], NULL);
    pthread_join(thread[1], NULL);
    assert_int_equal(stats(f).frames, 800);
    assert_int_equal(stats(f).ports, VMS);
}

/* --- Limits and figures -------------------------------------------------- */

static disco_port_stats port_stats(struct fixture *f, uint32_t number)
{
    disco_port_stats s = { .size = sizeof(s) };

    assert_int_equal(disco_subnet_port_stats_get(f->subnet, number, &s), 0);
    return s;
}

static void figures_by_port(void **state)
{
    struct fixture *f = *state;
    disco_port_stats s = { .size = sizeof(s) };

    send(f, 0, 1, 1);
    send(f, 1, 0, 2);
    driver_set(&f->at[1].driver, 0x70, 0);
    send(f, 0, 1, 3);
    assert_int_equal(port_stats(f, 0).sent_frames, 2);
    assert_int_equal(port_stats(f, 0).sent_bytes, 120);
    assert_int_equal(port_stats(f, 0).flooded, 1);
    assert_int_equal(port_stats(f, 0).taken_frames, 1);
    assert_int_equal(port_stats(f, 1).taken_bytes, 60);
    assert_int_equal(port_stats(f, 1).copied_bytes, 60);
    assert_int_equal(port_stats(f, 1).remapped_bytes, 0);
    assert_int_equal(port_stats(f, 1).dropped, 1);
    assert_int_equal(port_stats(f, 2).taken_frames, 1);
    assert_int_equal(disco_subnet_port_stats_get(f->subnet, VMS, &s),
                     DISCO_E_NOENT);
    assert_int_equal(disco_subnet_port_stats_get(f->subnet, UINT32_MAX, &s),
                     DISCO_E_NOENT);
}

static uint8_t frame_of(uint8_t *frame, uint8_t from)
{
    memset(frame, 0, 60);
    frame[0] = 2;
    frame[6] = 2;
    frame[11] = from;
    return from;
}

static void addresses(void **state)
{
    struct fixture *f = *state;
    disco_port_config config = { .size = sizeof(config),
                                 .mac = { 2, 7, 7, 7, 7, 7 },
                                 .flags = DISCO_PORT_LOCKED };
    disco_net_backend be = { .size = sizeof(be) };
    disco_net_backend more = { .size = sizeof(more) };
    static const uint8_t to[6] = { 2, 7, 7, 7, 7, 7 };
    static const uint8_t from[6] = { 2, 0, 0, 0, 0, 0 };
    uint8_t frame[60];
    uint32_t number = 99;

    assert_int_equal(disco_subnet_port(f->subnet, &config, &be, &number), 0);
    assert_int_equal(number, VMS);
    assert_memory_equal(be.mac, config.mac, 6);
    assert_int_equal(disco_subnet_port(f->subnet, &config, &more, NULL),
                     DISCO_E_EXISTS);
    /* Its address is known from the start: nothing is flooded. */
    send_raw(&f->at[0], to, from, 1);
    assert_int_equal(stats(f).flooded, 0);
    frame_of(frame, 1);
    be.send(be.opaque, frame, sizeof(frame));
    assert_int_equal(port_stats(f, number).refused, 1);
    assert_int_equal(stats(f).refused, 1);
    memcpy(frame + 6, config.mac, 6);
    be.send(be.opaque, frame, sizeof(frame));
    assert_int_equal(port_stats(f, number).sent_frames, 1);
    be.release(be.opaque);
    /* Given addresses differ, and a device takes its port's. */
    assert_int_equal(disco_subnet_port(f->subnet, NULL, &be, NULL), 0);
    assert_int_equal(disco_subnet_port(f->subnet, NULL, &more, NULL), 0);
    assert_memory_not_equal(be.mac, more.mac, 6);
    assert_int_equal(
        disco_virtio_net_create(f->at[0].vm, 0, 1, NULL, &be, NULL), 0);
    assert_int_equal(fake_read(f->at[0].vm, 0, 0x105, 1), be.mac[5]);
    assert_int_equal(fake_read(f->at[0].vm, 0, 0x100, 1), 2);
    more.release(more.opaque);
}

static void bad_ports(void **state)
{
    struct fixture *f = *state;
    disco_net_backend be = { .size = sizeof(be) };
    disco_port_config config = { .size = sizeof(config), .flags = 2 };

    assert_int_equal(disco_subnet_port(f->subnet, &config, &be, NULL),
                     DISCO_E_INVAL);
    config.flags = 0;
    config.mac[0] = 3;
    assert_int_equal(disco_subnet_port(f->subnet, &config, &be, NULL),
                     DISCO_E_INVAL);
    config.mac[0] = 0;
    config.mtu = 67;
    assert_int_equal(disco_subnet_port(f->subnet, &config, &be, NULL),
                     DISCO_E_INVAL);
    assert_int_equal(disco_subnet_port(f->subnet, NULL, NULL, NULL),
                     DISCO_E_INVAL);
}

static void rate(void **state)
{
    struct fixture *f = *state;
    disco_port_config config = { .size = sizeof(config),
                                 .rate_bytes = 6000,
                                 .burst_bytes = 600 };
    disco_net_backend be = { .size = sizeof(be) };
    disco_net_packet packet = { .size = sizeof(packet),
                                .bytes = 60,
                                .fragments = 1 };
    disco_net_fragment fragment = { .kind = DISCO_FRAGMENT_HOST, .bytes = 60 };
    uint8_t frame[60];
    uint32_t number, i;

    frame_of(frame, 1);
    fragment.data = frame;
    packet.fragment = &fragment;
    assert_int_equal(disco_subnet_port(f->subnet, &config, &be, &number), 0);
    for (i = 0; i < 100; i++)
        be.send_packet(be.opaque, &packet);
    assert_int_equal(port_stats(f, number).sent_frames, 10);
    assert_int_equal(port_stats(f, number).refused_rate, 90);
    /* A hundred times a second, however often the clock is looked at. */
    for (i = 1; i <= 2000; i++) {
        packet.time_ns = i * UINT64_C(1000000);
        be.send_packet(be.opaque, &packet);
    }
    assert_in_range(port_stats(f, number).sent_frames, 10 + 198, 10 + 200);
    packet.time_ns = UINT64_MAX;
    for (i = 0; i < 100; i++)
        be.send_packet(be.opaque, &packet);
    assert_in_range(port_stats(f, number).sent_frames, 20 + 198, 20 + 200);
    packet.time_ns = 0; /* clocks of VMs differ: never back */
    be.send_packet(be.opaque, &packet);
    assert_in_range(port_stats(f, number).sent_frames, 20 + 198, 20 + 200);
    be.release(be.opaque);
}

/* --- Storms -------------------------------------------------------------- */

/* A large packet to all is read once, and what it costs is told. */
static void floods_have_a_price(void **state)
{
    struct fixture *f = *state;
    disco_net_backend be = { .size = sizeof(be) };
    disco_net_fragment fragment[2] = {
        { .kind = DISCO_FRAGMENT_HOST, .bytes = 14 },
        { .kind = DISCO_FRAGMENT_GUEST, .gpa = 0x10000, .bytes = 61440 },
    };
    disco_net_packet packet = { .size = sizeof(packet),
                                .bytes = 14 + 61440,
                                .fragments = 2,
                                .fragment = fragment };
    uint8_t frame[60];
    uint32_t i;

    frame_of(frame, 1);
    frame[0] = 255;
    fragment[0].data = frame;
    fragment[1].vm = f->at[0].vm;
    for (i = 0; i < VMS; i++) /* no buffers: they wait */
        driver_start(&f->at[i].driver, f->at[i].vm, GPA, 1 << 15, 2, NUM);
    assert_int_equal(disco_subnet_port(f->subnet, NULL, &be, NULL), 0);
    assert_true(be.send_packet(be.opaque, &packet) >= 3 * packet.bytes);
    assert_int_equal(f->at[0].vm->pages_taken, 15);
    assert_int_equal(f->machine->live_pages, 15);
    for (i = 0; i < VMS; i++)
        driver_set(&f->at[i].driver, 0x70, 0);
    assert_int_equal(f->machine->live_pages, 0);
    be.release(be.opaque);
}

/*
 * A guest that offers the same large broadcast over and over: one notification
 * does a bounded part of it, a timer goes on, and the others can talk.
 */
static void storm(void **state)
{
    struct fixture *f = *state;
    struct station *s = &f->at[0];
    uint32_t i, first;

    memset(s->vm->ram + TXBUF, 0, 12);
    memset(s->vm->ram + TXBUF + 12, 0xff, 6);
    driver_desc(&s->driver, driver_desc_at(1), 0, TXBUF, 60000, 0, 0);
    for (i = 0; i < 1000; i++) {
        uint32_t n;

        for (n = 0; n < NUM; n++)
            driver_offer(&s->driver, 1, 0);
        s->vm->now_ns = i;
        driver_notify(&s->driver, 1);
    }
    first = (uint32_t)stats(f).frames;
    assert_true(first > 0);
    assert_true(f->machine->live_bytes < 12 << 20);
    driver_start(&f->at[1].driver, f->at[1].vm, GPA, 0, 2, NUM);
    driver_start(&f->at[2].driver, f->at[2].vm, GPA, 0, 2, NUM);
    driver_desc(&f->at[2].driver, driver_desc_at(0), 0, RXBUF, 2048, DESC_WRITE,
                0);
    driver_offer(&f->at[2].driver, 0, 0);
    send(f, 1, 2, 42);
    assert_int_equal(got(f, 2), 42);
}

/* --- The capture --------------------------------------------------------- */

struct tape {
    uint8_t bytes[4096];
    uint64_t used;
    uint32_t calls;
    disco_status answer;
};

static disco_status tape_write(void *opaque, const void *data, uint64_t bytes)
{
    struct tape *tape = opaque;

    tape->calls++;
    if (tape->answer)
        return tape->answer;
    assert_true(tape->used + bytes <= sizeof(tape->bytes));
    memcpy(tape->bytes + tape->used, data, bytes);
    tape->used += bytes;
    return 0;
}

static void capture(void **state)
{
    struct fixture *f = *state;
    struct tape tape = { .used = 0 };
    disco_capture c = { .size = sizeof(c),
                        .snap_bytes = 40,
                        .opaque = &tape,
                        .write = tape_write };

    f->at[0].vm->now_ns = UINT64_C(3000000007);
    assert_int_equal(disco_subnet_capture(f->subnet, &c), 0);
    assert_int_equal(disco_subnet_capture(f->subnet, &c), DISCO_E_EXISTS);
    send(f, 0, 1, 9);
    assert_int_equal(disco_subnet_capture(f->subnet, NULL), 0);
    send(f, 0, 1, 9);
    assert_int_equal(tape.used, 24 + 16 + 40);
    assert_int_equal(load_le32(tape.bytes), 0xa1b23c4d);
    assert_int_equal(load_le16(tape.bytes + 4), 2);
    assert_int_equal(load_le32(tape.bytes + 16), 40);
    assert_int_equal(load_le32(tape.bytes + 20), 1);
    assert_int_equal(load_le32(tape.bytes + 24), 3);
    assert_int_equal(load_le32(tape.bytes + 28), 7);
    assert_int_equal(load_le32(tape.bytes + 32), 40);
    assert_int_equal(load_le32(tape.bytes + 36), 60);
    assert_memory_equal(tape.bytes + 40, f->at[0].vm->ram + TXBUF + 12, 40);
}

static void capture_ends_by_itself(void **state)
{
    struct fixture *f = *state;
    struct tape tape = { .answer = DISCO_E_IO };
    disco_capture c = { .size = sizeof(c),
                        .opaque = &tape,
                        .write = tape_write };

    assert_int_equal(disco_subnet_capture(f->subnet, &c), DISCO_E_IO);
    send(f, 0, 1, 1);
    assert_int_equal(tape.calls, 1);
    tape.answer = 0;
    assert_int_equal(disco_subnet_capture(f->subnet, &c), 0);
    tape.answer = DISCO_E_IO;
    send(f, 0, 1, 1);
    send(f, 0, 1, 1);
    assert_int_equal(tape.calls, 3);
    assert_int_equal(got(f, 1), 1);
    c.write = NULL;
    assert_int_equal(disco_subnet_capture(f->subnet, &c), DISCO_E_INVAL);
    assert_int_equal(disco_subnet_capture(NULL, NULL), DISCO_E_INVAL);
}

static void bad_arguments(void **state)
{
    struct fixture *f = *state;
    disco_net_backend be = { .size = 4 };
    disco_net_backend full = { .size = sizeof(full) };
    disco_subnet *subnet;
    int i;

    assert_int_equal(disco_subnet_create(NULL, &subnet), DISCO_E_INVAL);
    f->machine->fail_in = 0;
    assert_int_equal(disco_subnet_create(f->machine, &subnet), DISCO_E_NOMEM);
    assert_int_equal(disco_subnet_port(f->subnet, NULL, &be, NULL),
                     DISCO_E_INVAL);
    f->machine->fail_in = 0;
    assert_int_equal(disco_subnet_port(f->subnet, NULL, &full, NULL),
                     DISCO_E_NOMEM);
    assert_int_equal(disco_subnet_destroy(NULL), 0);
    assert_int_equal(disco_subnet_create(f->machine, &subnet), 0);
    for (i = 0; i < 2; i++) {
        assert_int_equal(disco_subnet_port(subnet, NULL, &full, NULL), 0);
        assert_int_equal(disco_subnet_destroy(subnet), DISCO_E_BUSY);
        full.send(full.opaque, "short", 5);
        full.release(full.opaque);
    }
    assert_int_equal(disco_subnet_destroy(subnet), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(learns),
        T(broadcast),
        T(own_address_goes_nowhere),
        T(stations_move),
        T(address_flood),
        T(group_sources_are_not_learned),
        T(a_deaf_guest_costs_nothing_else),
        T(ports_come_and_go),
        T(figures_by_port),
        T(addresses),
        T(bad_ports),
        T(rate),
        T(floods_have_a_price),
        T(storm),
        T(capture),
        T(capture_ends_by_itself),
        T(bad_arguments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
