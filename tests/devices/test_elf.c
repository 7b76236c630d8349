/*
 * test_elf.c - unit tests of the ELF reader (src/devices/elf.c).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "devices/elf.h"

#include "elf_make.h"

#define KSEG0 0xffffffff80000000u

/* A file with one segment of 16 + 16 bytes at kseg0 1 MiB. */
static uint64_t plain(uint8_t *out, uint32_t bits, uint32_t order)
{
    static const struct elf_make_segment s = {
        .vaddr = KSEG0 + 0x100000,
        .paddr = KSEG0 + 0x100000,
        .filesz = 16,
        .memsz = 32,
        .data = "0123456789abcdef",
    };

    return elf_make(out, bits, order, KSEG0 + 0x100004, &s, 1);
}

/* Parse a copy of exactly `bytes` bytes, so that sanitizers see overruns. */
static disco_status parse(const uint8_t *file, uint64_t bytes,
                          struct elf_image *image, disco_error *err)
{
    uint8_t *copy = malloc(bytes ? bytes : 1);
    disco_status status;

    memcpy(copy, file, bytes);
    memset(err, 0, sizeof(*err));
    err->size = sizeof(*err);
    status = elf_parse(copy, bytes, image, err);
    free(copy);
    return status;
}

static void expect(const uint8_t *file, uint64_t bytes, disco_status status,
                   const char *text)
{
    struct elf_image image;
    disco_error err;

    assert_int_equal(parse(file, bytes, &image, &err), status);
    assert_int_equal(err.status, status);
    if (!strstr(err.text, text))
        fail_msg("\"%s\" does not say \"%s\"", err.text, text);
}

static void test_four_kinds(void **state)
{
    static const uint32_t bits[] = { 32, 64 };
    static const uint32_t orders[] = { DISCO_BIG, DISCO_LITTLE };
    uint8_t file[256];

    (void)state;
    for (int b = 0; b < 2; b++) {
        for (int o = 0; o < 2; o++) {
            uint64_t bytes = plain(file, bits[b], orders[o]);
            disco_image_info info = { .size = sizeof(info) };

            assert_int_equal(disco_elf_info(file, bytes, &info, NULL), 0);
            assert_int_equal(info.size, sizeof(info));
            assert_int_equal(info.bits, bits[b]);
            assert_int_equal(info.order, orders[o]);
            assert_int_equal(info.entry, KSEG0 + 0x100004);
            assert_int_equal(info.low_gpa, 0x100000);
            assert_int_equal(info.high_gpa, 0x100020);
        }
    }
}

static void test_short_result(void **state)
{
    uint8_t file[256];
    uint64_t bytes = plain(file, 64, DISCO_BIG);
    disco_image_info info = { .size = 8, .entry = 77 };

    (void)state;
    assert_int_equal(disco_elf_info(file, bytes, &info, NULL), 0);
    assert_int_equal(info.bits, 64);
    assert_int_equal(info.entry, 77);
    assert_int_equal(disco_elf_info(file, bytes, NULL, NULL), DISCO_E_INVAL);
    assert_int_equal(disco_elf_info(NULL, bytes, &info, NULL), DISCO_E_INVAL);
}

static void test_addresses(void **state)
{
    static const struct {
        uint64_t va, pa, bytes;
        uint64_t gpa; /* ~0 = refused */
    } rows[] = {
        { KSEG0 + 0x1000, 0, 0x1000, 0x1000 },
        { 0xffffffffa0001000, 0, 0x1000, 0x1000 },
        { 0xffffffff9fffff00, 0, 0x100, 0x1fffff00 },
        { 0xffffffff9fffff00, 0x1000, 0x101, ~(uint64_t)0 },
        { 0xa800000000100000, 0, 0x1000, 0x100000 },
        { 0x9000000020000000, 0, 0x1000, 0x20000000 },
        { 0xb8000000fffff000, 0, 0x1000, 0xfffff000 },
        { 0xa80000ffffffff00, 0, 0x100, 0xffffffff00 },
        { 0xa80000ffffffff00, 0, 0x101, ~(uint64_t)0 },
        { 0xa800010000000000, 0, 1, ~(uint64_t)0 },
        { 0x1000, 0x5000, 0x1000, 0x1000 },
        { 0xfffffff000, 0, 0x1000, 0xfffffff000 },
        { 0xffffffffc0000000, 0x100000, 0x1000, 0x100000 },
        { 0xffffffffc0000000, KSEG0 + 0x100000, 0x1000, 0x100000 },
        { 0xffffffffc0000000, 0xffffffffc0000000, 0x1000, ~(uint64_t)0 },
        { 0xffffffffe0000000, 0x2000, 0x1000, 0x2000 },
        { 0xc000000000000000, 0x3000, 0x1000, 0x3000 },
        { 0x4000000000000000, 0x3000, 0x1000, 0x3000 },
        { 0x4000000000000000, 0x10000000000, 0x1000, ~(uint64_t)0 },
        { KSEG0, 0, ~(uint64_t)0, ~(uint64_t)0 },
        { 0, 0, ~(uint64_t)0, ~(uint64_t)0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t gpa = ~(uint64_t)0;
        disco_status status =
            elf_segment_gpa(rows[i].va, rows[i].pa, rows[i].bytes, &gpa);

        if (gpa != rows[i].gpa || (status != 0) != (gpa == ~(uint64_t)0))
            fail_msg("row %zu: 0x%llx", i, (unsigned long long)gpa);
    }
}

/* Supervisor-linked ELF32: 0xc0000000 with a load address. */
static void test_supervisor_32(void **state)
{
    struct elf_make_segment s = {
        .vaddr = 0xc0000000, .paddr = 0x80200000, .filesz = 4, .memsz = 4
    };
    uint8_t file[256];
    struct elf_image image;
    disco_error err;
    uint64_t bytes = elf_make(file, 32, DISCO_BIG, 0xc0000000, &s, 1);

    (void)state;
    assert_int_equal(parse(file, bytes, &image, &err), 0);
    assert_int_equal(image.segment[0].gpa, 0x200000);
    assert_int_equal(image.segment[0].va, 0xffffffffc0000000);
    assert_int_equal(image.entry, 0xffffffffc0000000);
}

static void test_bad_header(void **state)
{
    static const struct {
        uint32_t at;
        uint8_t value;
        disco_status status;
        const char *text;
    } rows[] = {
        { 0, 0x7e, DISCO_E_CORRUPT, "not an ELF file" },
        { 4, 3, DISCO_E_CORRUPT, "class 3" },
        { 5, 0, DISCO_E_CORRUPT, "byte order 0" },
        { 6, 2, DISCO_E_CORRUPT, "version 2" },
        { 17, 3, DISCO_E_UNSUPPORTED, "type 3" },
        { 17, 1, DISCO_E_UNSUPPORTED, "type 1" },
        { 19, 62, DISCO_E_UNSUPPORTED, "machine 62" },
        { 23, 0, DISCO_E_CORRUPT, "version 0" },
        { 31, 6, DISCO_E_CORRUPT, "entry point" },
        { 32, 0x80, DISCO_E_CORRUPT, "beyond the file's end" },
        { 39, 255, DISCO_E_CORRUPT, "beyond the file's end" },
        { 55, 55, DISCO_E_CORRUPT, "headers of 55 bytes" },
        { 57, 0, DISCO_E_CORRUPT, "no program headers" },
        { 57, 200, DISCO_E_CORRUPT, "beyond the file's end" },
        { 67, 2, DISCO_E_CORRUPT, "no loadable segment" },
    };
    uint8_t file[256];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t bytes = plain(file, 64, DISCO_BIG);

        file[rows[i].at] = rows[i].value;
        expect(file, bytes, rows[i].status, rows[i].text);
    }
}

static void test_bad_segment(void **state)
{
    static const struct {
        struct elf_make_segment s;
        const char *text;
    } rows[] = {
        { { .vaddr = KSEG0, .filesz = 8, .memsz = 4 }, "in the file" },
        { { .vaddr = KSEG0, .filesz = 8, .memsz = 0x20000001 },
          "no physical address" },
        { { .vaddr = KSEG0, .filesz = 8, .memsz = ~(uint64_t)0 },
          "no physical address" },
        { { .vaddr = ~(uint64_t)3, .paddr = ~(uint64_t)3, .memsz = 8 },
          "no physical address" },
    };
    uint8_t file[256];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t bytes = elf_make(file, 64, DISCO_BIG, KSEG0, &rows[i].s, 1);

        expect(file, bytes, DISCO_E_CORRUPT, rows[i].text);
    }
}

static void test_file_range(void **state)
{
    uint8_t file[256];
    uint64_t bytes = plain(file, 64, DISCO_BIG);
    uint8_t *offset = file + 64 + 8;

    (void)state;
    elf_make_put(offset, bytes - 15, 8, DISCO_BIG);
    expect(file, bytes, DISCO_E_CORRUPT, "beyond the file's end");
    elf_make_put(offset, ~(uint64_t)7, 8, DISCO_BIG);
    expect(file, bytes, DISCO_E_CORRUPT, "beyond the file's end");
}

static void test_overlap(void **state)
{
    struct elf_make_segment s[2] = {
        { .vaddr = KSEG0 + 0x1000, .filesz = 16, .memsz = 0x1000 },
        { .vaddr = 0xffffffffa0001ffc, .filesz = 16, .memsz = 16 },
    };
    uint8_t file[512];
    struct elf_image image;
    disco_error err;
    uint64_t bytes = elf_make(file, 64, DISCO_BIG, KSEG0, s, 2);

    (void)state;
    expect(file, bytes, DISCO_E_CORRUPT, "overlaps");
    s[1].vaddr += 4;
    bytes = elf_make(file, 64, DISCO_BIG, KSEG0, s, 2);
    assert_int_equal(parse(file, bytes, &image, &err), 0);
    assert_int_equal(image.count, 2);
    assert_int_equal(image.low_gpa, 0x1000);
    assert_int_equal(image.high_gpa, 0x2010);
}

static void test_many_segments(void **state)
{
    static struct elf_make_segment s[ELF_SEGMENTS_MAX + 1];
    static uint8_t file[8192];
    struct elf_image image;
    disco_error err;
    uint64_t bytes;

    (void)state;
    for (uint32_t i = 0; i <= ELF_SEGMENTS_MAX; i++) {
        s[i].vaddr = KSEG0 + i * 16;
        s[i].memsz = 16;
    }
    bytes = elf_make(file, 64, DISCO_BIG, KSEG0, s, ELF_SEGMENTS_MAX);
    assert_int_equal(parse(file, bytes, &image, &err), 0);
    bytes = elf_make(file, 64, DISCO_BIG, KSEG0, s, ELF_SEGMENTS_MAX + 1);
    expect(file, bytes, DISCO_E_UNSUPPORTED, "more than");
}

/* Empty segments may stand anywhere. */
static void test_empty_segment(void **state)
{
    struct elf_make_segment s[2] = {
        { .vaddr = 0x7777777777777777, .memsz = 0 },
        { .vaddr = KSEG0, .filesz = 4, .memsz = 4 },
    };
    uint8_t file[512];
    struct elf_image image;
    disco_error err;

    (void)state;
    assert_int_equal(parse(file, elf_make(file, 64, DISCO_LITTLE, KSEG0, s, 2),
                           &image, &err),
                     0);
    assert_int_equal(image.count, 1);
}

/* No cut and no changed byte may do more than fail. */
static void test_damage(void **state)
{
    uint8_t file[256];
    struct elf_image image;
    disco_error err;

    (void)state;
    for (uint32_t bits = 32; bits <= 64; bits += 32) {
        uint64_t bytes = plain(file, bits, DISCO_LITTLE);

        for (uint64_t n = 0; n < bytes; n++)
            assert_int_not_equal(parse(file, n, &image, &err), 0);
        for (uint64_t i = 0; i < bytes; i++) {
            for (uint32_t bit = 0; bit < 8; bit++) {
                file[i] ^= (uint8_t)(1u << bit);
                parse(file, bytes, &image, &err);
                file[i] ^= (uint8_t)(1u << bit);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_four_kinds),
        cmocka_unit_test(test_short_result),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_supervisor_32),
        cmocka_unit_test(test_bad_header),
        cmocka_unit_test(test_bad_segment),
        cmocka_unit_test(test_file_range),
        cmocka_unit_test(test_overlap),
        cmocka_unit_test(test_many_segments),
        cmocka_unit_test(test_empty_segment),
        cmocka_unit_test(test_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
