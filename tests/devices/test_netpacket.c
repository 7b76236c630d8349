/*
 * test_netpacket.c - packets as fragment lists: what is one, reading across
 * fragments, whole pages, and keeping one.
 */
#include "devices/cmocka_all.h"
#include "devices/fake_vm.h"

#include <string.h>

#include "devices/netpacket.h"

enum { PAGE = 4096 };

struct fixture {
    disco_machine *machine;
    disco_vm *vm;
    uint8_t head[64];
    disco_net_fragment fragment[DISCO_NET_FRAGMENTS_MAX];
    disco_net_packet packet;
};

static int setup(void **state)
{
    static struct fixture fixture;
    struct fixture *f = &fixture;
    uint32_t i;

    memset(f, 0, sizeof(*f));
    *state = f;
    f->machine = fake_machine_new();
    f->vm = fake_vm_new(f->machine, "vm");
    for (i = 0; i < FAKE_RAM_BYTES; i++)
        f->vm->ram[i] = (uint8_t)(i * 11 + i / PAGE);
    memset(f->head, 0xab, sizeof(f->head));
    net_packet_of_frame(&f->packet, f->fragment, f->head, sizeof(f->head));
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    fake_vm_free(f->vm);
    return f->machine->live_pages != 0 || fake_machine_free(f->machine) != 0;
}

static disco_net_fragment *add(struct fixture *f, uint64_t gpa, uint32_t bytes)
{
    disco_net_fragment *at = &f->fragment[f->packet.fragments++];

    *at = (disco_net_fragment){
        .kind = DISCO_FRAGMENT_GUEST, .bytes = bytes, .vm = f->vm, .gpa = gpa
    };
    f->packet.bytes += bytes;
    return at;
}

static disco_status check(struct fixture *f)
{
    return net_packet_check(&f->packet);
}

static void shapes(void **state)
{
    struct fixture *f = *state;
    disco_net_fragment *last;

    assert_int_equal(check(f), 0);
    last = add(f, 100, 60000);
    assert_int_equal(check(f), 0);
    last->bytes--;
    assert_int_equal(check(f), DISCO_E_INVAL);
    last->bytes = 0;
    f->packet.bytes = 64;
    assert_int_equal(check(f), DISCO_E_INVAL);
    f->packet.fragments = 1;
    assert_int_equal(check(f), 0);
    f->fragment[0].data = NULL;
    assert_int_equal(check(f), DISCO_E_INVAL);
    f->fragment[0].data = f->head;
    f->fragment[0].kind = 9;
    assert_int_equal(check(f), DISCO_E_INVAL);
    f->fragment[0].kind = DISCO_FRAGMENT_HOST;
    f->packet.flags = NET_PACKET_FINISHED;
    assert_int_equal(check(f), DISCO_E_INVAL);
    f->packet.flags = 0;
    f->fragment[0].bytes = f->packet.bytes = 13;
    assert_int_equal(check(f), DISCO_E_INVAL);
    f->fragment[0].bytes = f->packet.bytes = DISCO_NET_FRAME_MAX + 1;
    assert_int_equal(check(f), DISCO_E_INVAL);
    /* The Ethernet header stands in the first fragment. */
    f->fragment[0].bytes = f->packet.bytes = 13;
    add(f, 0, 100);
    assert_int_equal(check(f), DISCO_E_INVAL);
}

static void offloads(void **state)
{
    struct fixture *f = *state;

    f->packet.flags = DISCO_NET_CSUM_PARTIAL;
    assert_int_equal(check(f), DISCO_E_INVAL);
    f->packet.csum_start = 34;
    f->packet.csum_offset = 28;
    assert_int_equal(check(f), 0);
    f->packet.csum_offset = 29;
    assert_int_equal(check(f), DISCO_E_INVAL);
    f->packet.csum_offset = UINT32_MAX;
    assert_int_equal(check(f), DISCO_E_INVAL);
    f->packet.csum_offset = 16;
    f->packet.flags |= DISCO_NET_TCP4;
    f->packet.header_bytes = 54;
    assert_int_equal(check(f), DISCO_E_INVAL);
    f->packet.segment_bytes = 1;
    assert_int_equal(check(f), 0);
    f->packet.header_bytes = 64; /* no payload */
    assert_int_equal(check(f), DISCO_E_INVAL);
    f->packet.header_bytes = 54;
    f->packet.flags |= DISCO_NET_TCP6;
    assert_int_equal(check(f), DISCO_E_INVAL);
    f->packet.flags = DISCO_NET_TCP4; /* without the checksum */
    assert_int_equal(check(f), DISCO_E_INVAL);
    f->packet.flags = DISCO_NET_CSUM_PARTIAL | DISCO_NET_ECN;
    assert_int_equal(check(f), DISCO_E_INVAL);
}

static void reads(void **state)
{
    struct fixture *f = *state;
    uint8_t whole[300], part[300];
    uint32_t at, bytes;

    add(f, 1000, 100);
    add(f, 5000, 1);
    add(f, 7000, 50);
    memset(whole, 0xab, 64);
    memcpy(whole + 64, f->vm->ram + 1000, 100);
    memcpy(whole + 164, f->vm->ram + 5000, 1);
    memcpy(whole + 165, f->vm->ram + 7000, 50);
    for (at = 0; at <= 215; at += 3) {
        for (bytes = 0; at + bytes <= 215; bytes += 7) {
            assert_int_equal(
                net_packet_read(f->machine, &f->packet, at, part, bytes), 0);
            assert_memory_equal(part, whole + at, bytes);
        }
    }
    assert_int_equal(net_packet_read(f->machine, &f->packet, 215, part, 1),
                     DISCO_E_FAULT);
    f->fragment[3].gpa = FAKE_RAM_BYTES;
    assert_int_equal(net_packet_read(f->machine, &f->packet, 0, part, 215),
                     DISCO_E_FAULT);
}

static void pages(void **state)
{
    struct fixture *f = *state;
    struct net_pages got;

    add(f, 2 * PAGE - 10, 10 + 2 * PAGE + 5); /* two inside */
    add(f, 8 * PAGE, PAGE - 1);               /* one byte short */
    add(f, 16 * PAGE + 1, PAGE);              /* askew */
    add(f, 20 * PAGE, PAGE);
    net_packet_pages(&f->packet, &got);
    assert_int_equal(got.count, 3);
    assert_int_equal(got.page[0].at, 64 + 10);
    assert_int_equal(got.page[0].offset, 10);
    assert_int_equal(got.page[1].at, 64 + 10 + PAGE);
    assert_int_equal(got.page[1].fragment, 1);
    assert_int_equal(got.page[2].at, 64 + 15 + 4 * PAGE - 1);
    assert_int_equal(got.page[2].offset, 0);
    assert_int_equal(got.page[2].fragment, 4);
}

static void as_many_pages_as_fit(void **state)
{
    struct fixture *f = *state;
    struct net_pages got;

    f->fragment[0].bytes = f->packet.bytes = 14;
    add(f, PAGE, 15 * PAGE);
    add(f, 32 * PAGE, PAGE);
    assert_int_equal(check(f),
                     f->packet.bytes > DISCO_NET_FRAME_MAX ? DISCO_E_INVAL : 0);
    net_packet_pages(&f->packet, &got);
    assert_true(got.count <= NET_PAGES_MAX);
}

static void assert_same(struct fixture *f, const disco_net_packet *a,
                        const uint8_t *want)
{
    static uint8_t got[DISCO_NET_FRAME_MAX];

    assert_int_equal(net_packet_read(f->machine, a, 0, got, a->bytes), 0);
    assert_memory_equal(got, want, a->bytes);
}

static void holding(void **state)
{
    struct fixture *f = *state;
    static uint8_t want[DISCO_NET_FRAME_MAX];
    struct net_held *held, *again;

    add(f, 2 * PAGE - 10, 10 + 2 * PAGE + 5);
    add(f, 20 * PAGE, 2 * PAGE);
    add(f, 50, 7);
    f->vm->pinned_gpa = 21 * PAGE;
    f->packet.time_ns = 77;
    assert_int_equal(
        net_packet_read(f->machine, &f->packet, 0, want, f->packet.bytes), 0);
    held = net_hold(f->machine, &f->packet, 1);
    assert_non_null(held);
    assert_int_equal(f->machine->live_pages, 3);
    memset(f->vm->ram, 0xee, FAKE_RAM_BYTES);
    memset(f->head, 0xee, sizeof(f->head));
    assert_int_equal(net_packet_check(&held->packet), 0);
    assert_int_equal(held->packet.time_ns, 77);
    /* head, 2 pages, rest, page, refused page and rest */
    assert_int_equal(held->packet.fragments, 6);
    assert_same(f, &held->packet, want);
    again = net_hold(f->machine, &held->packet, 1);
    net_held_get(held);
    net_held_put(held);
    net_held_put(held);
    assert_int_equal(f->machine->live_pages, 3);
    assert_same(f, &again->packet, want);
    net_held_put(again);
    assert_int_equal(f->machine->live_pages, 0);
}

static void holding_few_pages(void **state)
{
    struct fixture *f = *state;
    struct net_held *held;

    add(f, PAGE, 2 * PAGE);
    held = net_hold(f->machine, &f->packet, 3);
    assert_int_equal(held->packet.fragments, 1);
    assert_int_equal(f->machine->live_pages, 0);
    net_held_put(held);
}

static void holding_fails(void **state)
{
    struct fixture *f = *state;

    add(f, PAGE, 2 * PAGE);
    f->machine->fail_in = 0;
    assert_null(net_hold(f->machine, &f->packet, 1));
    add(f, FAKE_RAM_BYTES - 10, 20);
    assert_null(net_hold(f->machine, &f->packet, 1));
    assert_int_equal(f->machine->live_pages, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(shapes),
        T(offloads),
        T(reads),
        T(pages),
        T(as_many_pages_as_fit),
        T(holding),
        T(holding_few_pages),
        T(holding_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
