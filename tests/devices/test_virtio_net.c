/*
 * test_virtio_net.c - the network device: both directions, mergeable buffers,
 * bounded waiting, bad frames and buffers, resets, threads.
 */
#include "devices/cmocka_all.h"
#include "devices/fake_driver.h"

#include <pthread.h>
#include <string.h>
#include <linux/virtio_mmio.h>

#include "base/compiler.h"

enum {
    GPA = 0x1c100000,
    IRQ = 9,
    NUM = 16,
    RX = 0,
    TX = 1,
    RXBUF = DRIVER_BUFFERS,
    TXBUF = DRIVER_BUFFERS + 0x80000,
    F_MAC = 5,
    F_MRG = 15,
    F_STATUS = 16
};

struct fixture {
    disco_machine *machine;
    disco_vm *vm;
    disco_nic *nic;
    disco_nic *attached;
    struct driver driver;
    uint32_t sent;
    uint64_t sent_bytes;
    uint8_t last[DISCO_NET_FRAME_MAX];
    uint32_t attaches;
    uint32_t released;
    int echo;
    uint8_t frame[DISCO_NET_FRAME_MAX];
};

static void on_send(void *opaque, const void *frame, uint64_t bytes)
{
    struct fixture *f = opaque;

    f->sent++;
    f->sent_bytes = bytes;
    memcpy(f->last, frame, bytes);
    if (f->echo)
        disco_nic_deliver(f->nic, frame, bytes);
}

static void on_attach(void *opaque, disco_nic *nic)
{
    struct fixture *f = opaque;

    f->attached = nic;
    f->attaches++;
}

static void on_release(void *opaque)
{
    struct fixture *f = opaque;

    f->released++;
}

static void start(struct fixture *f, uint64_t features)
{
    driver_start(&f->driver, f->vm, GPA, features, 2, NUM);
}

static int setup(void **state)
{
    static struct fixture fixture;
    static const uint8_t mac[6] = { 2, 1, 2, 3, 4, 5 };
    struct fixture *f = &fixture;
    disco_net_backend be = {
        .size = sizeof(be),
        .opaque = f,
        .send = on_send,
        .attach = on_attach,
        .release = on_release,
    };
    uint32_t i;
    int err;

    memset(f, 0, sizeof(*f));
    *state = f;
    for (i = 0; i < sizeof(f->frame); i++)
        f->frame[i] = (uint8_t)(i * 13 + i / 256);
    f->machine = fake_machine_new();
    f->vm = fake_vm_new(f->machine, "vm0");
    err = disco_virtio_net_create(f->vm, GPA, IRQ, mac, &be, &f->nic);
    start(f, 1 << F_MRG);
    return err;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    fake_vm_free(f->vm);
    return f->attached != NULL || f->released != 1 ||
           fake_machine_free(f->machine) != 0;
}

static int line(struct fixture *f)
{
    return (int)(disco_vm_irq_levels(f->vm) >> IRQ & 1);
}

/* Buffer i of `bytes` bytes for receiving. */
static void rx_buffer(struct fixture *f, uint16_t i, uint32_t bytes)
{
    driver_desc(&f->driver, driver_desc_at(RX), i, RXBUF + i * 0x4000u, bytes,
                DESC_WRITE, 0);
    driver_offer(&f->driver, RX, i);
}

static disco_nic_stats stats(struct fixture *f)
{
    disco_nic_stats s = { .size = sizeof(s) };

    assert_int_equal(disco_nic_stats_get(f->nic, &s), 0);
    return s;
}

static disco_status deliver(struct fixture *f, uint64_t bytes)
{
    return disco_nic_deliver(f->nic, f->frame, bytes);
}

static void assert_rx(struct fixture *f, uint32_t id, uint32_t bytes)
{
    uint32_t got_id = 99, got = 0;

    assert_int_equal(driver_used(&f->driver, RX, &got_id, &got), 1);
    assert_int_equal(got_id, id);
    assert_int_equal(got, bytes);
}

static void configuration(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(driver_reg(&f->driver, VIRTIO_MMIO_DEVICE_ID), 1);
    assert_int_equal(fake_read(f->vm, 0, GPA + 0x100, 1), 2);
    assert_int_equal(fake_read(f->vm, 0, GPA + 0x105, 1), 5);
    assert_int_equal(fake_read(f->vm, 0, GPA + 0x106, 2), 1);
    assert_int_equal(driver_features(&f->driver) & 0xffffff,
                     1 << F_MAC | 1 << F_MRG | 1 << F_STATUS);
    assert_int_equal(f->attaches, 1);
    assert_ptr_equal(f->attached, f->nic);
}

static void made_up_addresses(void **state)
{
    struct fixture *f = *state;
    uint64_t mac[3];
    disco_vm *vm;
    int i;

    assert_int_equal(
        disco_virtio_net_create(f->vm, GPA + 0x1000, 1, NULL, NULL, NULL), 0);
    assert_int_equal(
        disco_virtio_net_create(f->vm, GPA + 0x2000, 2, NULL, NULL, NULL), 0);
    mac[0] = fake_read(f->vm, 0, GPA + 0x1100, 8) & UINT64_C(0xffffffffffff);
    mac[1] = fake_read(f->vm, 0, GPA + 0x2100, 8) & UINT64_C(0xffffffffffff);
    vm = fake_vm_new(f->machine, "vm1");
    assert_int_equal(
        disco_virtio_net_create(vm, GPA + 0x1000, 1, NULL, NULL, NULL), 0);
    mac[2] = fake_read(vm, 0, GPA + 0x1100, 8) & UINT64_C(0xffffffffffff);
    fake_vm_free(vm);
    for (i = 0; i < 3; i++) {
        assert_int_equal(mac[i] & 3, 2);
        assert_int_not_equal(mac[i], mac[(i + 1) % 3]);
    }
}

static void transmit(void **state)
{
    struct fixture *f = *state;
    struct driver *d = &f->driver;
    uint32_t id, bytes;

    memcpy(f->vm->ram + TXBUF + 12, f->frame, 1514);
    driver_desc(d, driver_desc_at(TX), 0, TXBUF, 20, DESC_NEXT, 1);
    driver_desc(d, driver_desc_at(TX), 1, TXBUF + 20, 1506, 0, 0);
    driver_offer(d, TX, 0);
    driver_notify(d, TX);
    assert_int_equal(f->sent, 1);
    assert_int_equal(f->sent_bytes, 1514);
    assert_memory_equal(f->last, f->frame, 1514);
    assert_int_equal(driver_used(d, TX, &id, &bytes), 1);
    assert_int_equal(stats(f).tx_frames, 1);
    assert_int_equal(stats(f).tx_bytes, 1514);
}

static void transmit_bad_frames(void **state)
{
    struct fixture *f = *state;
    struct driver *d = &f->driver;
    static const struct {
        uint64_t gpa;
        uint32_t bytes;
        uint16_t flags;
    } bad[] = {
        { TXBUF, 0, 0 },
        { TXBUF, 11, 0 },
        { TXBUF, 12, 0 },
        { TXBUF, 12 + 13, 0 },
        { TXBUF, 12 + DISCO_NET_FRAME_MAX + 1, 0 },
        { TXBUF, UINT32_MAX, 0 },
        { TXBUF, 100, DESC_WRITE },
        { FAKE_RAM_BYTES - 20, 100, 0 },
        { GPA, 100, 0 },
    };
    uint32_t n = sizeof(bad) / sizeof(bad[0]);
    uint32_t i, id, bytes;

    for (i = 0; i < n; i++) {
        driver_desc(d, driver_desc_at(TX), 0, bad[i].gpa, bad[i].bytes,
                    bad[i].flags, 0);
        driver_offer(d, TX, 0);
        driver_notify(d, TX);
        assert_int_equal(driver_used(d, TX, &id, &bytes), 1);
    }
    assert_int_equal(f->sent, 0);
    assert_int_equal(stats(f).errors, n);
    driver_desc(d, driver_desc_at(TX), 0, TXBUF, 12 + DISCO_NET_FRAME_MAX, 0,
                0);
    driver_offer(d, TX, 0);
    driver_notify(d, TX);
    assert_int_equal(f->sent_bytes, DISCO_NET_FRAME_MAX);
}

static void receive(void **state)
{
    struct fixture *f = *state;

    rx_buffer(f, 0, 1526);
    assert_int_equal(deliver(f, 1514), 0);
    assert_rx(f, 0, 1526);
    assert_int_equal(fake_load16(f->vm, RXBUF + 10), 1);
    assert_int_equal(fake_load32(f->vm, RXBUF), 0);
    assert_memory_equal(f->vm->ram + RXBUF + 12, f->frame, 1514);
    assert_int_equal(line(f), 1);
    assert_int_equal(stats(f).rx_frames, 1);
}

static void receive_merged(void **state)
{
    struct fixture *f = *state;
    uint16_t i;

    for (i = 0; i < 4; i++)
        rx_buffer(f, i, 512);
    assert_int_equal(deliver(f, 1514), 0);
    assert_rx(f, 0, 512);
    assert_rx(f, 1, 512);
    assert_rx(f, 2, 1526 - 1024);
    assert_int_equal(fake_load16(f->vm, RXBUF + 10), 3);
    assert_memory_equal(f->vm->ram + RXBUF + 12, f->frame, 500);
    assert_memory_equal(f->vm->ram + RXBUF + 0x4000, f->frame + 500, 512);
    assert_memory_equal(f->vm->ram + RXBUF + 0x8000, f->frame + 1012, 502);
    assert_int_equal(deliver(f, 100), 0);
    assert_rx(f, 3, 112);
}

static void receive_waits_for_enough_buffers(void **state)
{
    struct fixture *f = *state;
    uint32_t id, bytes;

    rx_buffer(f, 0, 512);
    assert_int_equal(deliver(f, 1000), 0);
    assert_int_equal(deliver(f, 60), 0); /* stays behind it */
    assert_int_equal(driver_used(&f->driver, RX, &id, &bytes), 0);
    rx_buffer(f, 1, 512);
    driver_notify(&f->driver, RX);
    assert_rx(f, 0, 512);
    assert_rx(f, 1, 500);
    rx_buffer(f, 2, 512);
    driver_notify(&f->driver, RX);
    assert_rx(f, 2, 72);
}

static void receive_without_merging(void **state)
{
    struct fixture *f = *state;
    uint32_t id, bytes;

    start(f, 0);
    rx_buffer(f, 0, 1000);
    assert_int_equal(deliver(f, 1514), 0);
    assert_int_equal(driver_used(&f->driver, RX, &id, &bytes), 0);
    assert_int_equal(stats(f).rx_dropped, 1);
    assert_int_equal(deliver(f, 988), 0);
    assert_rx(f, 0, 1000);
}

/* A full ring of crumbs never holds the frame: it must not block the rest. */
static void receive_into_crumbs(void **state)
{
    struct fixture *f = *state;
    uint16_t i;

    for (i = 0; i < NUM; i++)
        rx_buffer(f, i, 16);
    assert_int_equal(deliver(f, 1514), 0);
    assert_int_equal(stats(f).rx_dropped, 1);
    assert_int_equal(deliver(f, 30), 0);
    assert_rx(f, 0, 16);
}

static void receive_bad_buffers(void **state)
{
    struct fixture *f = *state;
    struct driver *d = &f->driver;

    rx_buffer(f, 0, 11);
    assert_int_equal(deliver(f, 60), 0);
    assert_rx(f, 0, 0);
    driver_desc(d, driver_desc_at(RX), 1, GPA, 2000, DESC_WRITE, 0);
    driver_offer(d, RX, 1);
    assert_int_equal(deliver(f, 60), 0);
    assert_rx(f, 1, 0);
    driver_desc(d, driver_desc_at(RX), 2, RXBUF, 2000, 0, 0);
    driver_offer(d, RX, 2);
    assert_int_equal(deliver(f, 60), 0);
    assert_rx(f, 2, 0);
    assert_int_equal(stats(f).errors, 3);
    assert_int_equal(driver_reg(d, VIRTIO_MMIO_STATUS), 15);
    driver_desc(d, driver_desc_at(RX), 3, 0, 4, DESC_NEXT, 3);
    driver_offer(d, RX, 3);
    assert_int_equal(deliver(f, 60), 0);
    assert_int_equal(driver_reg(d, VIRTIO_MMIO_STATUS),
                     15 | STATUS_NEEDS_RESET);
    assert_int_equal(deliver(f, 60), DISCO_E_BUSY);
}

/* CVE-2016-5403, CVE-2020-16843: flood, and recovery after it. */
static void waiting_is_bounded(void **state)
{
    struct fixture *f = *state;
    int64_t before = f->machine->live_bytes;
    uint32_t i, taken = 0;

    for (i = 0; i < 1000; i++)
        taken += deliver(f, 60) == 0;
    assert_int_equal(taken, 256);
    assert_int_equal(stats(f).rx_dropped, 744);
    for (i = 0; i < NUM; i++)
        rx_buffer(f, (uint16_t)i, 2000);
    driver_notify(&f->driver, RX);
    for (i = 0; i < NUM; i++)
        assert_rx(f, i, 72);
    start(f, 0); /* a reset forgets the rest */
    assert_int_equal(f->machine->live_bytes, before);
    taken = 0;
    for (i = 0; i < 1000; i++)
        taken += deliver(f, DISCO_NET_FRAME_MAX) == 0;
    assert_int_equal(taken, (4 << 20) / DISCO_NET_FRAME_MAX);
    f->machine->fail_in = 0;
    assert_int_equal(deliver(f, 60), DISCO_E_BUSY);
}

static void lengths(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(deliver(f, 13), DISCO_E_INVAL);
    assert_int_equal(deliver(f, DISCO_NET_FRAME_MAX + 1), DISCO_E_INVAL);
    assert_int_equal(disco_nic_deliver(f->nic, NULL, 60), DISCO_E_INVAL);
    assert_int_equal(disco_nic_deliver(NULL, f->frame, 60), DISCO_E_INVAL);
    driver_set(&f->driver, VIRTIO_MMIO_STATUS, 0);
    assert_int_equal(deliver(f, 60), DISCO_E_BUSY);
}

/* CVE-2021-3416: a back end that sends everything back. */
static void loopback(void **state)
{
    struct fixture *f = *state;
    struct driver *d = &f->driver;
    uint16_t i;

    f->echo = 1;
    driver_desc(d, driver_desc_at(TX), 0, TXBUF, 100, 0, 0);
    for (i = 0; i < NUM; i++)
        driver_offer(d, TX, 0);
    for (i = 0; i < 4; i++)
        rx_buffer(f, i, 2000);
    driver_notify(d, TX);
    assert_int_equal(f->sent, NUM);
    for (i = 0; i < 4; i++)
        assert_rx(f, i, 100);
}

static void event_index(void **state)
{
    struct fixture *f = *state;
    uint64_t avail_event = driver_used_at(RX) + 4 + 8 * NUM;

    start(f, DRIVER_EVENT_IDX | 1 << F_MRG);
    rx_buffer(f, 0, 512);
    rx_buffer(f, 1, 512);
    assert_int_equal(deliver(f, 60), 0);
    assert_int_equal(fake_load16(f->vm, avail_event), 0);
    /* Out of buffers in the middle of a frame: tell of the third. */
    assert_int_equal(deliver(f, 1000), 0);
    assert_int_equal(fake_load16(f->vm, avail_event), 2);
    rx_buffer(f, 2, 512);
    driver_notify(&f->driver, RX);
    assert_rx(f, 0, 72);
    assert_rx(f, 1, 512);
    assert_rx(f, 2, 500);
}

struct flood {
    struct fixture *f;
    uint32_t stop;
};

static void *flood_thread(void *opaque)
{
    struct flood *flood = opaque;
    uint8_t frame[200] = { 0 };

    while (!load_relaxed(&flood->stop))
        disco_nic_deliver(flood->f->nic, frame, sizeof(frame));
    return NULL;
}

/* Frames from two threads while the guest receives, sends and resets. */
static void threads(void **state)
{
    struct fixture *f = *state;
    struct flood flood = { f, 0 };
    pthread_t thread[2];
    uint32_t round, got = 0;
    uint16_t i;

    for (i = 0; i < 2; i++)
        pthread_create(&thread[i], NULL, flood_thread, &flood);
    for (round = 0; round < 50; round++) {
        uint32_t id, bytes;

        start(f, round & 1 ? 1 << F_MRG : 0);
        for (i = 0; i < NUM; i++)
            rx_buffer(f, i, 2000);
        driver_notify(&f->driver, RX);
        for (i = 0; i < NUM;) {
            if (driver_used(&f->driver, RX, &id, &bytes)) {
                assert_int_equal(bytes, 212);
                got++;
                i++;
            }
        }
    }
    store_relaxed(&flood.stop, 1);
    for (i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(got, 50 * NUM);
}

static void bad_arguments(void **state)
{
    struct fixture *f = *state;
    disco_nic_stats s = { .size = 2 };

    assert_int_equal(disco_virtio_net_create(NULL, 0, 1, NULL, NULL, NULL),
                     DISCO_E_INVAL);
    assert_int_equal(disco_virtio_net_create(f->vm, 0, 64, NULL, NULL, NULL),
                     DISCO_E_INVAL);
    f->machine->fail_in = 0;
    assert_int_equal(disco_virtio_net_create(f->vm, 0, 1, NULL, NULL, NULL),
                     DISCO_E_NOMEM);
    f->machine->fail_in = 1;
    assert_int_equal(disco_virtio_net_create(f->vm, 0, 1, NULL, NULL, NULL),
                     DISCO_E_NOMEM);
    f->vm->refuse_map = 1;
    assert_int_equal(disco_virtio_net_create(f->vm, 0, 1, NULL, NULL, NULL),
                     DISCO_E_EXISTS);
    assert_int_equal(disco_nic_stats_get(f->nic, &s), DISCO_E_INVAL);
    assert_int_equal(disco_nic_stats_get(NULL, &s), DISCO_E_INVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(configuration),
        T(made_up_addresses),
        T(transmit),
        T(transmit_bad_frames),
        T(receive),
        T(receive_merged),
        T(receive_waits_for_enough_buffers),
        T(receive_without_merging),
        T(receive_into_crumbs),
        T(receive_bad_buffers),
        T(waiting_is_bounded),
        T(lengths),
        T(loopback),
        T(event_index),
        T(threads),
        T(bad_arguments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
