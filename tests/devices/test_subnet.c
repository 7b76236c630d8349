/*
 * test_netswitch.c - the switch, with real network devices on it: learning,
 * flooding, bounds, ports that come and go while frames fly.
 */
#include "devices/cmocka_all.h"
#include "devices/fake_driver.h"

#include <pthread.h>
#include <string.h>

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
        T(bad_arguments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
