/*
 * test_virtq.c - the device side of a virtqueue against drivers that lie: every
 * way to build a bad chain, index or table, and memory that changes meanwhile.
 */
#include "devices/cmocka_all.h"
#include "devices/fake_vm.h"

#include <string.h>

#include "devices/virtq.h"

enum {
    NUM = 8,
    DESC = 0x1000,
    AVAIL = 0x2000,
    USED = 0x3000,
    TABLE = 0x4000,
    DATA = 0x8000,
    NEXT = 1,
    WRITE = 2,
    INDIRECT = 4
};

struct fixture {
    disco_vm *vm;
    struct virtq vq;
    struct virtq_chain chain;
    uint16_t avail;
};

static disco_status activate(struct fixture *f, uint32_t num, int event_idx)
{
    f->vq.reg_num = num;
    f->vq.reg_desc = DESC;
    f->vq.reg_avail = AVAIL;
    f->vq.reg_used = USED;
    return virtq_activate(&f->vq, event_idx);
}

static int setup(void **state)
{
    static struct fixture fixture;
    struct fixture *f = &fixture;

    memset(f, 0, sizeof(*f));
    f->vm = fake_vm_new(fake_machine_new(), "vm0");
    virtq_init(&f->vq, f->vm, VIRTQ_SIZE_MAX);
    *state = f;
    return activate(f, NUM, 0);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    disco_machine *machine = f->vm->machine;

    fake_vm_free(f->vm);
    return fake_machine_free(machine) != 0;
}

static void desc_in(struct fixture *f, uint64_t table, uint32_t i, uint64_t gpa,
                    uint32_t bytes, uint16_t flags, uint16_t next)
{
    fake_store64(f->vm, table + 16 * i, gpa);
    fake_store32(f->vm, table + 16 * i + 8, bytes);
    fake_store16(f->vm, table + 16 * i + 12, flags);
    fake_store16(f->vm, table + 16 * i + 14, next);
}

static void desc(struct fixture *f, uint32_t i, uint64_t gpa, uint32_t bytes,
                 uint16_t flags, uint16_t next)
{
    desc_in(f, DESC, i, gpa, bytes, flags, next);
}

static void offer(struct fixture *f, uint16_t head)
{
    fake_store16(f->vm, AVAIL + 4 + 2 * (f->avail % NUM), head);
    fake_store16(f->vm, AVAIL + 2, ++f->avail);
}

static int pop(struct fixture *f)
{
    return virtq_pop(&f->vq, &f->chain);
}

static void assert_used(struct fixture *f, uint32_t slot, uint32_t id,
                        uint32_t bytes)
{
    assert_int_equal(fake_load16(f->vm, USED + 2), slot + 1);
    assert_int_equal(fake_load32(f->vm, USED + 4 + 8 * (slot % NUM)), id);
    assert_int_equal(fake_load32(f->vm, USED + 8 + 8 * (slot % NUM)), bytes);
}

/* The head was consumed and came back with length 0. */
static void assert_broken(struct fixture *f, uint16_t head)
{
    offer(f, head);
    assert_int_equal(pop(f), VIRTQ_BROKEN);
    assert_used(f, f->avail - 1, head, 0);
    assert_int_equal(virtq_waiting(&f->vq), 0);
}

static void a_good_chain(void **state)
{
    struct fixture *f = *state;
    uint8_t buffer[32];

    assert_int_equal(pop(f), 0);
    memcpy(f->vm->ram + DATA, "0123456789", 10);
    desc(f, 3, DATA, 4, NEXT, 1);
    desc(f, 1, DATA + 4, 6, NEXT, 5);
    desc(f, 5, DATA + 0x100, 3, NEXT | WRITE, 0);
    desc(f, 0, DATA + 0x200, 5, WRITE, 0);
    offer(f, 3);
    assert_int_equal(virtq_waiting(&f->vq), 1);
    assert_int_equal(pop(f), VIRTQ_GOT);
    assert_int_equal(f->chain.head, 3);
    assert_int_equal(f->chain.out_bytes, 10);
    assert_int_equal(f->chain.in_bytes, 8);
    assert_int_equal(virtq_read(f->vm, &f->chain, 3, buffer, 7), 0);
    assert_memory_equal(buffer, "3456789", 7);
    assert_int_equal(virtq_read(f->vm, &f->chain, 3, buffer, 8), DISCO_E_FAULT);
    assert_int_equal(virtq_write(f->vm, &f->chain, 2, "abcd", 4), 0);
    assert_memory_equal(f->vm->ram + DATA + 0x102, "a", 1);
    assert_memory_equal(f->vm->ram + DATA + 0x200, "bcd", 3);
    assert_int_equal(virtq_write(f->vm, &f->chain, 8, "x", 1), DISCO_E_FAULT);
    virtq_push(&f->vq, f->chain.head, 8);
    assert_used(f, 0, 3, 8);
}

static void indices_wrap(void **state)
{
    struct fixture *f = *state;
    uint32_t i;

    desc(f, 2, DATA, 1, WRITE, 0);
    for (i = 0; i < 70000; i++) {
        offer(f, 2);
        assert_int_equal(pop(f), VIRTQ_GOT);
        virtq_push(&f->vq, 2, 1);
    }
    assert_int_equal(fake_load16(f->vm, USED + 2), (uint16_t)70000);
}

static void bad_sizes_and_places(void **state)
{
    struct fixture *f = *state;
    static const uint32_t bad[] = { 0, 3, 7, 100, 512, 65536, UINT32_MAX };
    uint32_t i;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        virtq_stop(&f->vq);
        assert_int_equal(activate(f, bad[i], 0), DISCO_E_INVAL);
        assert_int_equal(f->vq.ready, 0);
        assert_int_equal(pop(f), 0);
    }
    virtq_stop(&f->vq);
    f->vq.reg_num = 8;
    f->vq.reg_desc = 8;
    assert_int_equal(virtq_activate(&f->vq, 0), DISCO_E_INVAL);
    f->vq.reg_desc = UINT64_MAX - 15;
    assert_int_equal(virtq_activate(&f->vq, 0), DISCO_E_INVAL);
    f->vq.reg_desc = 0;
    f->vq.reg_avail = 1;
    assert_int_equal(virtq_activate(&f->vq, 0), DISCO_E_INVAL);
    f->vq.reg_avail = (UINT64_C(1) << 40) - 2;
    assert_int_equal(virtq_activate(&f->vq, 0), DISCO_E_INVAL);
    f->vq.reg_avail = 0;
    f->vq.reg_used = 2;
    assert_int_equal(virtq_activate(&f->vq, 0), DISCO_E_INVAL);
}

static void rings_outside_ram(void **state)
{
    struct fixture *f = *state;

    virtq_stop(&f->vq);
    f->vq.reg_num = 8;
    f->vq.reg_avail = FAKE_RAM_BYTES;
    assert_int_equal(virtq_activate(&f->vq, 0), 0);
    assert_int_equal(pop(f), VIRTQ_BROKEN);
    virtq_stop(&f->vq);
    f->vq.reg_num = 8;
    f->vq.reg_desc = FAKE_RAM_BYTES;
    f->vq.reg_avail = AVAIL;
    f->vq.reg_used = FAKE_RAM_BYTES;
    assert_int_equal(virtq_activate(&f->vq, 1), 0);
    offer(f, 0);
    assert_int_equal(pop(f), VIRTQ_BROKEN);
    virtq_push(&f->vq, 0, 0);
    assert_int_equal(virtq_want_notify(&f->vq), 0);
}

/* Registers written after activation have no effect. */
static void layout_is_latched(void **state)
{
    struct fixture *f = *state;

    f->vq.reg_num = 32768;
    f->vq.reg_desc = 0x9000;
    f->vq.reg_avail = UINT64_MAX;
    f->vq.reg_used = 0;
    assert_int_equal(virtq_activate(&f->vq, 1), 0);
    desc(f, 0, DATA, 1, WRITE, 0);
    offer(f, 0);
    assert_int_equal(pop(f), VIRTQ_GOT);
    assert_int_equal(f->vq.num, NUM);
    virtq_push(&f->vq, 0, 1);
    assert_used(f, 0, 0, 1);
}

static void avail_index_jumps(void **state)
{
    struct fixture *f = *state;

    fake_store16(f->vm, AVAIL + 2, NUM);
    assert_int_equal(virtq_waiting(&f->vq), NUM);
    fake_store16(f->vm, AVAIL + 2, NUM + 1);
    assert_int_equal(virtq_waiting(&f->vq), VIRTQ_BROKEN);
    assert_int_equal(pop(f), VIRTQ_BROKEN);
    fake_store16(f->vm, AVAIL + 2, UINT16_MAX); /* backwards */
    assert_int_equal(pop(f), VIRTQ_BROKEN);
    assert_int_equal(f->vq.avail_next, 0);
}

static void head_out_of_range(void **state)
{
    struct fixture *f = *state;

    offer(f, NUM);
    assert_int_equal(pop(f), VIRTQ_BROKEN);
    /* It has no name to be returned under. */
    assert_int_equal(fake_load16(f->vm, USED + 2), 0);
    offer(f, UINT16_MAX);
    assert_int_equal(pop(f), VIRTQ_BROKEN);
    assert_int_equal(virtq_waiting(&f->vq), 0);
}

static void cycles(void **state)
{
    struct fixture *f = *state;
    uint16_t i;

    desc(f, 0, DATA, 1, NEXT, 0);
    assert_broken(f, 0);
    for (i = 0; i < NUM; i++)
        desc(f, i, DATA, 0, NEXT, (uint16_t)((i + 1) % NUM));
    assert_broken(f, 3);
    for (i = 0; i < NUM; i++)
        desc_in(f, TABLE, i, DATA, 1, NEXT, (uint16_t)(i ^ 1));
    desc(f, 0, TABLE, 16 * NUM, INDIRECT, 0);
    assert_broken(f, 0);
}

static void longest_chain(void **state)
{
    struct fixture *f = *state;
    uint16_t i;

    for (i = 0; i < NUM; i++)
        desc(f, i, DATA, 1, i + 1 < NUM ? NEXT : 0, (uint16_t)(i + 1));
    offer(f, 0);
    assert_int_equal(pop(f), VIRTQ_GOT);
    assert_int_equal(f->chain.segs, NUM);
}

static void next_out_of_range(void **state)
{
    struct fixture *f = *state;

    desc(f, 0, DATA, 1, NEXT, NUM);
    assert_broken(f, 0);
    desc_in(f, TABLE, 0, DATA, 1, NEXT, 1);
    desc(f, 0, TABLE, 16, INDIRECT, 0);
    assert_broken(f, 0);
}

static void readable_after_writable(void **state)
{
    struct fixture *f = *state;

    desc(f, 0, DATA, 1, NEXT | WRITE, 1);
    desc(f, 1, DATA, 1, 0, 0);
    assert_broken(f, 0);
}

static void indirect_tables(void **state)
{
    struct fixture *f = *state;

    desc_in(f, TABLE, 0, DATA, 5, NEXT, 2);
    desc_in(f, TABLE, 2, DATA, 7, WRITE, 0);
    desc(f, 4, TABLE, 48, INDIRECT | WRITE, 9);
    offer(f, 4);
    assert_int_equal(pop(f), VIRTQ_GOT);
    assert_int_equal(f->chain.out_bytes, 5);
    assert_int_equal(f->chain.in_bytes, 7);
    virtq_push(&f->vq, 4, 0);
    /* Nested, after another descriptor, and with a successor. */
    desc_in(f, TABLE, 0, TABLE, 16, INDIRECT, 0);
    assert_broken(f, 4);
    desc(f, 0, DATA, 1, NEXT, 4);
    assert_broken(f, 0);
    desc(f, 4, TABLE, 48, INDIRECT | NEXT, 0);
    assert_broken(f, 4);
}

static void indirect_sizes(void **state)
{
    struct fixture *f = *state;
    static const uint32_t bad[] = {
        0, 1, 15, 17, 16 * (NUM + 1), UINT32_MAX, UINT32_MAX - 15
    };
    uint32_t i;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        desc(f, 0, TABLE, bad[i], INDIRECT, 0);
        assert_broken(f, 0);
    }
    desc(f, 0, UINT64_MAX - 15, 16, INDIRECT, 0);
    assert_broken(f, 0);
    desc(f, 0, FAKE_RAM_BYTES - 8, 16, INDIRECT, 0);
    assert_broken(f, 0);
    /* A table that goes round with empty descriptors. */
    desc_in(f, TABLE, 0, DATA, 0, NEXT, 0);
    desc(f, 0, TABLE, 16, INDIRECT, 0);
    assert_broken(f, 0);
}

static void lengths_that_wrap(void **state)
{
    struct fixture *f = *state;
    uint8_t byte;

    desc(f, 0, UINT64_MAX, 2, WRITE, 0);
    assert_broken(f, 0);
    desc(f, 0, (UINT64_C(1) << 40) - 1, 2, WRITE, 0);
    assert_broken(f, 0);
    /* Possible by the numbers, but not RAM: the copy faults. */
    desc(f, 0, FAKE_RAM_BYTES - 1, UINT32_MAX, NEXT, 1);
    desc(f, 1, 0, UINT32_MAX, WRITE, 0);
    offer(f, 0);
    assert_int_equal(pop(f), VIRTQ_GOT);
    assert_int_equal(f->chain.out_bytes, UINT32_MAX);
    assert_int_equal(virtq_read(f->vm, &f->chain, 0, &byte, 1), 0);
    assert_int_equal(virtq_read(f->vm, &f->chain, 1, &byte, 1), DISCO_E_FAULT);
    assert_int_equal(virtq_write(f->vm, &f->chain, UINT64_MAX, &byte, 1),
                     DISCO_E_FAULT);
}

static void empty_descriptors(void **state)
{
    struct fixture *f = *state;

    desc(f, 0, UINT64_MAX, 0, WRITE, 0);
    assert_broken(f, 0);
    desc(f, 0, DATA, 0, NEXT, 1);
    desc(f, 1, DATA, 0, WRITE, 0);
    offer(f, 0);
    assert_int_equal(pop(f), VIRTQ_GOT);
    assert_int_equal(f->chain.segs, 0);
    assert_int_equal(f->chain.in_bytes + f->chain.out_bytes, 0);
}

/* After each copy the guest rewrites what was just read. */
static void scribble(disco_vm *vm, uint64_t gpa, uint64_t bytes)
{
    memset(vm->ram + gpa, 0xff, bytes);
}

static void memory_changes_while_we_look(void **state)
{
    struct fixture *f = *state;

    desc_in(f, TABLE, 0, DATA, 5, NEXT, 1);
    desc_in(f, TABLE, 1, DATA + 16, 7, WRITE, 0);
    desc(f, 0, TABLE, 32, INDIRECT, 0);
    offer(f, 0);
    f->vm->after_read = scribble;
    assert_int_equal(pop(f), VIRTQ_GOT);
    f->vm->after_read = NULL;
    assert_int_equal(f->chain.head, 0);
    assert_int_equal(f->chain.out_bytes, 5);
    assert_int_equal(f->chain.in_bytes, 7);
    assert_int_equal(f->chain.seg[1].gpa, DATA + 16);
}

static void unpop_and_stage(void **state)
{
    struct fixture *f = *state;

    desc(f, 0, DATA, 4, WRITE, 0);
    desc(f, 1, DATA, 4, WRITE, 0);
    offer(f, 0);
    offer(f, 1);
    assert_int_equal(pop(f), VIRTQ_GOT);
    assert_int_equal(pop(f), VIRTQ_GOT);
    virtq_unpop(&f->vq, 2);
    assert_int_equal(pop(f), VIRTQ_GOT);
    assert_int_equal(f->chain.head, 0);
    virtq_stage(&f->vq, 0, 1);
    virtq_stage(&f->vq, 1, 2);
    assert_int_equal(fake_load16(f->vm, USED + 2), 0);
    virtq_publish(&f->vq);
    assert_used(f, 1, 1, 2);
}

static void interrupts_by_flag(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(virtq_wants_interrupt(&f->vq), 0);
    virtq_push(&f->vq, 0, 0);
    assert_int_equal(virtq_wants_interrupt(&f->vq), 1);
    assert_int_equal(virtq_wants_interrupt(&f->vq), 0);
    fake_store16(f->vm, AVAIL, 1);
    virtq_push(&f->vq, 0, 0);
    assert_int_equal(virtq_wants_interrupt(&f->vq), 0);
    assert_int_equal(virtq_want_notify(&f->vq), 0);
}

static void interrupts_by_event_index(void **state)
{
    struct fixture *f = *state;

    virtq_stop(&f->vq);
    assert_int_equal(activate(f, NUM, 1), 0);
    fake_store16(f->vm, AVAIL + 4 + 2 * NUM, 1); /* after the second */
    virtq_push(&f->vq, 0, 0);
    assert_int_equal(virtq_wants_interrupt(&f->vq), 0);
    virtq_push(&f->vq, 0, 0);
    assert_int_equal(virtq_wants_interrupt(&f->vq), 1);
    virtq_push(&f->vq, 0, 0);
    assert_int_equal(virtq_wants_interrupt(&f->vq), 0);
    /* The wish for a notification stands behind the used ring. */
    desc(f, 0, DATA, 4, WRITE, 0);
    offer(f, 0);
    assert_int_equal(virtq_want_notify(&f->vq), 1);
    assert_int_equal(pop(f), VIRTQ_GOT);
    assert_int_equal(virtq_want_notify(&f->vq), 0);
    assert_int_equal(fake_load16(f->vm, USED + 4 + 8 * NUM), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(a_good_chain),
        T(indices_wrap),
        T(bad_sizes_and_places),
        T(rings_outside_ram),
        T(layout_is_latched),
        T(avail_index_jumps),
        T(head_out_of_range),
        T(cycles),
        T(longest_chain),
        T(next_out_of_range),
        T(readable_after_writable),
        T(indirect_tables),
        T(indirect_sizes),
        T(lengths_that_wrap),
        T(empty_descriptors),
        T(memory_changes_while_we_look),
        T(unpop_and_stage),
        T(interrupts_by_flag),
        T(interrupts_by_event_index),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
