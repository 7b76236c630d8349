/*
 * test_blk_pages.c - where a guest may point a disk's transfers: pages that are
 * shared, replicated, pinned, of the host, ROM, device registers, or nothing.
 */
#include "devices/blk_pages.h"

#include <string.h>

#include "core/disk_source.h"
#include "fixture.h"

enum {
    PAGE = 4096,
    IMAGE_BYTES = 16 * PAGE,
    ROM = 0x100000,
    HOST = 0x200000,
    MMIO = 0x300000
};

struct setting {
    struct fixture f;
    struct source source;
    disco_image *image;
    disco_block_backend disk;
    disco_block_account account;
};

static uint8_t host[PAGE] __attribute__((aligned(4096)));

static void make(struct setting *s)
{
    static const disco_mmio_ops ops = { .size = sizeof(ops) };
    struct fixture_config c = { .nodes = 2, .flags = DISCO_MACHINE_VERIFY };
    disco_disk_config d = { .size = sizeof(d), .mode = DISCO_DISK_COW };
    disco_block_backend be;

    memset(s, 0, sizeof(*s));
    fixture_make(&s->f, &c, NULL, 0);
    assert_int_equal(disco_vm_map_rom(s->f.vm, ROM, PAGE, NULL, 0, NULL), 0);
    assert_int_equal(disco_vm_map_host(s->f.vm, HOST, PAGE, host,
                                       DISCO_READ | DISCO_WRITE, NULL),
                     0);
    assert_int_equal(
        disco_vm_map_mmio(s->f.vm, MMIO, PAGE, "device", &ops, NULL, NULL), 0);
    source_init(&s->source, IMAGE_BYTES, 3);
    be = source_backend(&s->source, 0);
    assert_int_equal(disco_image_open_backend(s->f.machine, &be, &s->image), 0);
    s->disk.size = sizeof(s->disk);
    assert_int_equal(disco_disk_open(s->image, &d, &s->disk), 0);
    s->account.size = sizeof(s->account);
}

static void drop(struct setting *s)
{
    s->disk.release(s->disk.opaque);
    disco_image_close(s->image);
    source_destroy(&s->source);
    fixture_drop(&s->f);
}

/* Blocks from `block` on, to or from pages of the guest. */
static disco_status go(struct setting *s, int to_guest, uint64_t block,
                       const uint64_t *gpa, uint32_t count)
{
    uint8_t data[8 * PAGE];
    struct virtq_chain chain;
    struct blk_pages pages;
    struct disk_io io;
    disco_status status;
    uint32_t i;

    memset(&chain, 0, sizeof(chain));
    memset(&io, 0, sizeof(io));
    for (i = 0; i < count; i++) {
        chain.seg[i].gpa = gpa[i];
        chain.seg[i].bytes = PAGE;
    }
    chain.segs = (uint16_t)count;
    chain.out_segs = to_guest ? 0 : chain.segs;
    pages.offset_bytes = block * PAGE;
    pages.bytes = count * PAGE;
    pages.page = io.page;
    if (!to_guest) {
        status = blk_pages_from_guest(s->f.vm, &chain, 0, &pages, data);
        if (status)
            return status;
    }
    disk_resume(&s->disk, &io, to_guest ? DISCO_BLOCK_READ : DISCO_BLOCK_WRITE,
                block * PAGE, data, count * PAGE, 1);
    assert_int_equal(io.status, 0);
    status =
        to_guest ? blk_pages_to_guest(s->f.vm, &chain, &pages, &s->account) : 0;
    blk_pages_drop(s->f.machine, &pages);
    return status;
}

static disco_status read_to(struct setting *s, uint64_t block, uint64_t gpa)
{
    return go(s, 1, block, &gpa, 1);
}

static disco_status write_from(struct setting *s, uint64_t block, uint64_t gpa)
{
    return go(s, 0, block, &gpa, 1);
}

static void check(struct setting *s, disco_vm *vm, uint64_t gpa, uint64_t block)
{
    uint8_t got[PAGE];

    assert_int_equal(disco_mem_read(vm, gpa, got, PAGE), 0);
    assert_memory_equal(got, s->source.bytes + block * PAGE, PAGE);
}

static void no_memory_at_all(void **state)
{
    static const uint64_t bad[] = { ROM, MMIO, 0x400000,
                                    (UINT64_C(1) << 40) - PAGE };
    uint64_t mixed[3] = { 0x2000, 0, 0x3000 };
    struct setting s;
    uint32_t i;

    (void)state;
    make(&s);
    for (i = 0; i < 4; i++) {
        assert_int_equal(read_to(&s, 1, bad[i]), DISCO_E_FAULT);
        mixed[1] = bad[i];
        assert_int_equal(go(&s, 1, 1, mixed, 3), DISCO_E_FAULT);
        if (bad[i] == ROM)
            continue; /* may be read by a device */
        assert_int_equal(write_from(&s, 1, bad[i]), DISCO_E_FAULT);
        assert_int_equal(go(&s, 0, 1, mixed, 3), DISCO_E_FAULT);
    }
    assert_int_equal(write_from(&s, 1, ROM), 0);
    drop(&s);
}

static void memory_that_cannot_be_mapped(void **state)
{
    disco_pin pin = { .size = sizeof(pin) };
    struct setting s;

    (void)state;
    make(&s);
    assert_int_equal(read_to(&s, 4, HOST), 0);
    assert_memory_equal(host, s.source.bytes + 4 * PAGE, PAGE);
    assert_int_equal(s.account.copied_refused_bytes, PAGE);
    assert_int_equal(
        disco_mem_pin(s.f.vm, 0x5000, 8, DISCO_READ | DISCO_WRITE, &pin), 0);
    assert_int_equal(read_to(&s, 5, 0x5000), 0);
    check(&s, s.f.vm, 0x5000, 5);
    assert_memory_equal(pin.host, s.source.bytes + 5 * PAGE, 8);
    assert_int_equal(s.account.copied_refused_bytes, 2 * PAGE);
    assert_int_equal(write_from(&s, 6, 0x5000), 0);
    assert_int_equal(disco_mem_unpin(s.f.vm, &pin), 0);
    assert_int_equal(s.account.mapped_bytes, 0);
    drop(&s);
}

/* What a page was before does not matter, and nobody else sees the change. */
static void shared_and_replicated_pages(void **state)
{
    uint8_t before[PAGE], got[PAGE];
    disco_page_info a = { .size = sizeof(a) }, b = { .size = sizeof(b) };
    struct setting s;
    disco_vm *other;

    (void)state;
    make(&s);
    assert_int_equal(disco_vm_create(s.f.machine, NULL, &other), 0);
    assert_int_equal(disco_vm_map_ram(other, 0, 16 * PAGE, NULL), 0);
    memset(before, 0x42, sizeof(before));
    /* Loaded by two VMs; then replicated, too. */
    assert_int_equal(disco_mem_load_shared(s.f.vm, 0x2000, before, PAGE), 0);
    assert_int_equal(disco_mem_load_shared(other, 0x2000, before, PAGE), 0);
    assert_int_equal(disco_mem_load_shared(s.f.vm, 0x3000, before, PAGE), 0);
    assert_int_equal(disco_page_replicate(s.f.vm, 0x3000, 1), 0);
    assert_int_equal(read_to(&s, 2, 0x2000), 0);
    assert_int_equal(read_to(&s, 3, 0x3000), 0);
    check(&s, s.f.vm, 0x2000, 2);
    check(&s, s.f.vm, 0x3000, 3);
    assert_int_equal(disco_mem_read(other, 0x2000, got, PAGE), 0);
    assert_memory_equal(got, before, PAGE);
    assert_int_equal(s.account.mapped_bytes, 2 * PAGE);
    /* A block in two VMs and in two places is one frame; replicas of it serve
     * both, and a write separates. */
    assert_int_equal(read_to(&s, 2, 0x4000), 0);
    assert_int_equal(disco_page_info_get(s.f.vm, 0x2000, &a), 0);
    assert_int_equal(disco_page_info_get(s.f.vm, 0x4000, &b), 0);
    assert_int_equal(a.mfn, b.mfn);
    assert_int_equal(disco_page_replicate(s.f.vm, 0x2000, 1), 0);
    assert_int_equal(disco_mem_write(s.f.vm, 0x4010, "x", 1), 0);
    check(&s, s.f.vm, 0x2000, 2);
    assert_int_equal(write_from(&s, 9, 0x2000), 0);
    assert_int_equal(disco_mem_write(s.f.vm, 0x2000, before, PAGE), 0);
    assert_int_equal(read_to(&s, 9, 0x6000), 0);
    check(&s, s.f.vm, 0x6000, 2);
    assert_int_equal(disco_vm_destroy(other), 0);
    drop(&s);
}

/* One page many times in one request, in and out. */
static void the_same_page_again(void **state)
{
    static const uint64_t gpa[] = { 0x2000, 0x3000, 0x2000, 0x2000 };
    uint64_t back[] = { 0x8000, 0x9000, 0xa000, 0xb000 };
    struct setting s;

    (void)state;
    make(&s);
    assert_int_equal(go(&s, 1, 4, gpa, 4), 0);
    check(&s, s.f.vm, 0x2000, 7);
    check(&s, s.f.vm, 0x3000, 5);
    assert_int_equal(go(&s, 0, 10, gpa, 4), 0);
    assert_int_equal(go(&s, 1, 10, back, 4), 0);
    check(&s, s.f.vm, 0x8000, 7);
    check(&s, s.f.vm, 0x9000, 5);
    check(&s, s.f.vm, 0xa000, 7);
    check(&s, s.f.vm, 0xb000, 7);
    drop(&s);
}

/* A page that was never touched is zeroes, and needs no frame to be written. */
static void untouched_pages(void **state)
{
    uint8_t got[PAGE], zeroes[PAGE] = { 0 };
    struct setting s;

    (void)state;
    make(&s);
    assert_int_equal(write_from(&s, 3, 0xf000), 0);
    assert_int_equal(read_to(&s, 3, 0xe000), 0);
    assert_int_equal(disco_mem_read(s.f.vm, 0xe000, got, PAGE), 0);
    assert_memory_equal(got, zeroes, PAGE);
    drop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_memory_at_all),
        cmocka_unit_test(memory_that_cannot_be_mapped),
        cmocka_unit_test(shared_and_replicated_pages),
        cmocka_unit_test(the_same_page_again),
        cmocka_unit_test(untouched_pages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
