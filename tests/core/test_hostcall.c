/*
 * test_hostcall.c - C functions called by the guest: integers of all widths,
 * buffers, floating point where libffi is there.
 */
#include <string.h>

#include "fixture.h"

/* Call function `number` with a1..a5; returns v0, and v1. */
static int64_t call(struct fixture *f, uint32_t number, const uint64_t a[5],
                    uint64_t *v1)
{
    static const uint32_t program[2] = {
        TOY(TOY_CALL, 0, 0, DISCO_HC_HOST_FUNCTION), TOY(TOY_BREAK, 0, 0, 0)
    };
    uint64_t pc = DISCO_REG_PC, at = 0;
    uint32_t i;

    assert_int_equal(disco_mem_write(f->vm, 0, program, 8), 0);
    assert_int_equal(disco_vcpu_set_regs(f->vcpu[0], &pc, &at, 1), 0);
    fixture_set_reg(f, 0, 1, number);
    for (i = 0; i < 5; i++)
        fixture_set_reg(f, 0, 2 + i, a ? a[i] : 0);
    assert_int_equal(fixture_run(f, 0, 0).reason, DISCO_EXIT_BREAK);
    if (v1)
        *v1 = fixture_reg(f, 0, 2);
    return (int64_t)fixture_reg(f, 0, 1);
}

static uint64_t mix(uint8_t a, int8_t b, uint16_t c, int32_t d, uint64_t e)
{
    return a == 0xff && b == -1 && c == 0xffff && d == -2 && e == 1u << 31;
}

static int16_t negative(void)
{
    return -5;
}

static void nothing(void *opaque)
{
    ++*(int *)opaque;
}

static uint64_t opaque_and_five(void *opaque, uint64_t a, uint64_t b,
                                uint64_t c, uint64_t d, uint64_t e)
{
    return (uint64_t) * (int *)opaque + a + 2 * b + 3 * c + 4 * d + 5 * e;
}

static void test_integers(void **state)
{
    const uint64_t edge[5] = { 0x1ff, 0x1ff, 0x1ffff, 0x1fffffffe, 1u << 31 };
    const uint64_t five[5] = { 1, 1, 1, 1, 1 };
    struct fixture f;
    int count = 100;
    uint32_t n;
    uint64_t v1;

    (void)state;
    fixture_make(&f, NULL, NULL, 0);
    assert_int_equal(
        disco_vm_add_host_function(f.vm, "u64 mix(u8, i8, u16, i32, u64)", 0,
                                   (void (*)(void))mix, NULL, &n),
        0);
    assert_int_equal(call(&f, n, edge, &v1), 0);
    assert_int_equal(v1, 1);
    assert_int_equal(disco_vm_add_host_function(f.vm, "i16 negative()", 0,
                                                (void (*)(void))negative, NULL,
                                                &n),
                     0);
    assert_int_equal(call(&f, n, NULL, &v1), 0);
    assert_true((int64_t)v1 == -5);
    assert_int_equal(
        disco_vm_add_host_function(f.vm, "void n()", DISCO_HOST_FN_OPAQUE,
                                   (void (*)(void))nothing, &count, &n),
        0);
    assert_int_equal(call(&f, n, NULL, &v1), 0);
    assert_int_equal(v1, 0);
    assert_int_equal(count, 101);
    assert_int_equal(
        disco_vm_add_host_function(f.vm, "u64 o(u64,u64,u64,u64,u64)",
                                   DISCO_HOST_FN_OPAQUE,
                                   (void (*)(void))opaque_and_five, &count, &n),
        0);
    assert_int_equal(call(&f, n, five, &v1), 0);
    assert_int_equal(v1, 116);
    assert_int_equal(call(&f, n + 1, five, &v1), DISCO_HC_E_INVAL);
    assert_int_equal(call(&f, 0, five, &v1), DISCO_HC_E_INVAL);
    fixture_drop(&f);
}

static uint64_t upper(char *text, uint64_t bytes)
{
    uint64_t i, n = 0;

    for (i = 0; i < bytes; i++)
        if (text[i] >= 'a' && text[i] <= 'z') {
            text[i] = (char)(text[i] - 32);
            n++;
        }
    return n;
}

static uint32_t first_word(uint32_t *p)
{
    return p[0]++;
}

static void test_memory(void **state)
{
    uint64_t a[5] = { 4092, 10, 0, 0, 0 }, v1;
    uint32_t buf, ptr, word;
    struct fixture f;
    char text[11] = "abcDEFghij";

    (void)state;
    fixture_make(&f, NULL, NULL, 0);
    assert_int_equal(disco_vm_map_rom(f.vm, 0x200000, 4096, "rom", 3, NULL), 0);
    assert_int_equal(disco_vm_add_host_function(f.vm, "u64 upper(buf)", 0,
                                                (void (*)(void))upper, NULL,
                                                &buf),
                     0);
    assert_int_equal(disco_vm_add_host_function(f.vm, "u32 first(ptr)", 0,
                                                (void (*)(void))first_word,
                                                NULL, &ptr),
                     0);
    assert_int_equal(disco_mem_write(f.vm, 4092, text, 10), 0);
    assert_int_equal(call(&f, buf, a, &v1), 0);
    assert_int_equal(v1, 7);
    assert_int_equal(disco_mem_read(f.vm, 4092, text, 10), 0);
    assert_memory_equal(text, "ABCDEFGHIJ", 10);
    /* Empty, too long, out of RAM, read-only. */
    a[1] = 0;
    assert_int_equal(call(&f, buf, a, &v1), 0);
    assert_int_equal(v1, 0);
    a[1] = UINT64_MAX;
    assert_int_equal(call(&f, buf, a, &v1), DISCO_HC_E_INVAL);
    a[0] = (1 << 20) - 4;
    a[1] = 5;
    assert_int_equal(call(&f, buf, a, &v1), DISCO_HC_E_FAULT);
    a[1] = 4;
    assert_int_equal(call(&f, buf, a, &v1), 0);
    a[0] = 0x200000;
    assert_int_equal(call(&f, buf, a, &v1), DISCO_HC_E_FAULT);
    /* A pointer near the end of RAM is still good. */
    word = 41;
    assert_int_equal(disco_mem_write(f.vm, (1 << 20) - 4, &word, 4), 0);
    a[0] = (1 << 20) - 4;
    assert_int_equal(call(&f, ptr, a, &v1), 0);
    assert_int_equal(v1, 41);
    assert_int_equal(disco_mem_read(f.vm, (1 << 20) - 4, &word, 4), 0);
    assert_int_equal(word, 42);
    a[0] = 1 << 20;
    assert_int_equal(call(&f, ptr, a, &v1), DISCO_HC_E_FAULT);
    a[0] = UINT64_MAX;
    assert_int_equal(call(&f, ptr, a, &v1), DISCO_HC_E_FAULT);
    fixture_drop(&f);
}

static double half(double v, float w)
{
    return v / 2 + (double)w;
}

static float third(void *opaque, uint8_t a, int16_t b, const char *text)
{
    (void)opaque;
    return (float)(a + b) + (float)text[0];
}

static uint64_t bits_of(double v)
{
    uint64_t b;

    memcpy(&b, &v, 8);
    return b;
}

static uint32_t bits_of_float(float v)
{
    uint32_t b;

    memcpy(&b, &v, 4);
    return b;
}

static void test_floats(void **state)
{
    uint64_t a[5] = { bits_of(5.0), bits_of_float(0.25f), 0, 0, 0 }, v1;
    disco_vm_stats s = { .size = sizeof(s) };
    struct fixture f;
    uint32_t n = 0;
    disco_status status;

    (void)state;
    fixture_make(&f, NULL, NULL, 0);
    status = disco_vm_add_host_function(f.vm, "f64 half(f64, f32)", 0,
                                        (void (*)(void))half, NULL, &n);
    if (!disco_cap(DISCO_CAP_HOST_FUNCTIONS)) {
        assert_int_equal(status, DISCO_E_UNSUPPORTED);
        fixture_drop(&f);
        return;
    }
    assert_int_equal(status, 0);
    assert_int_equal(call(&f, n, a, &v1), 0);
    assert_true(v1 == bits_of(2.75));
    assert_int_equal(disco_vm_add_host_function(f.vm, "f32 third(u8, i16, ptr)",
                                                DISCO_HOST_FN_OPAQUE,
                                                (void (*)(void))third, &f, &n),
                     0);
    assert_int_equal(disco_mem_write(f.vm, 0x3000, "A", 1), 0);
    a[0] = 0x101;
    a[1] = 0xfffe;
    a[2] = 0x3000;
    assert_int_equal(call(&f, n, a, &v1), 0);
    assert_true(v1 == bits_of_float(64.0f));
    assert_int_equal(disco_vm_stats_get(f.vm, &s), 0);
    assert_int_equal(s.host_calls, 2);
    fixture_drop(&f);
}

static void test_bad_registrations(void **state)
{
    disco_error err = { .size = sizeof(err) };
    struct fixture f;
    uint32_t n;

    (void)state;
    fixture_make(&f, NULL, NULL, 0);
    assert_int_equal(disco_vm_add_host_function(f.vm, "u64 f(u65)", 0,
                                                (void (*)(void))negative, NULL,
                                                &n),
                     DISCO_E_INVAL);
    disco_machine_last_error(f.machine, &err);
    assert_int_equal(err.where, 6);
    assert_non_null(strstr(err.text, "offset 6"));
    assert_int_equal(
        disco_vm_add_host_function(f.vm, "u64 f()", 0, NULL, NULL, &n),
        DISCO_E_INVAL);
    assert_int_equal(disco_vm_add_host_function(f.vm, "u64 f()", 2,
                                                (void (*)(void))negative, NULL,
                                                &n),
                     DISCO_E_INVAL);
    fixture_drop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_floats),
        cmocka_unit_test(test_bad_registrations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
