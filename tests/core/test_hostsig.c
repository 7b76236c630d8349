/*
 * test_hostsig.c - the signature parser: good ones, bad ones with their offset,
 * and any text at all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/hostsig.h"

static void test_good(void **state)
{
    struct host_sig s;
    const char *why;
    uint32_t where;

    (void)state;
    assert_int_equal(hostsig_parse("u64 f(u32, f64, ptr)", &s, &where, &why),
                     0);
    assert_int_equal(s.ret, HOST_U64);
    assert_int_equal(s.args, 3);
    assert_int_equal(s.words, 3);
    assert_int_equal(s.arg[1], HOST_F64);
    assert_int_equal(s.has_float, 1);
    assert_int_equal(
        hostsig_parse("  void\tlog_it ( buf ,i8 )  ", &s, &where, &why), 0);
    assert_int_equal(s.ret, HOST_VOID);
    assert_int_equal(s.words, 3);
    assert_int_equal(s.has_float, 0);
    assert_int_equal(hostsig_parse("f32 a()", &s, &where, &why), 0);
    assert_int_equal(s.args, 0);
    assert_int_equal(s.has_float, 1);
    assert_int_equal(hostsig_parse("i16 a(void)", &s, &where, &why), 0);
    assert_int_equal(s.args, 0);
    assert_int_equal(hostsig_parse("i8 a(u8,u8,u8,u8,u8)", &s, &where, &why),
                     0);
    assert_int_equal(hostsig_parse("i8 a(buf,buf,u8)", &s, &where, &why), 0);
}

static void test_bad(void **state)
{
    static const struct {
        const char *text;
        uint32_t where;
    } bad[] = {
        { "", 0 },
        { "int f()", 0 },
        { "u64", 3 },
        { "u64 f", 5 },
        { "u64 9f()", 4 },
        { "u64 f(", 6 },
        { "u64 f(u32", 9 },
        { "u64 f(u32,", 10 },
        { "u64 f(u32,)", 10 },
        { "u64 f(u33)", 6 },
        { "u64 f(u3)", 6 },
        { "u64 f(void, u8)", 6 },
        { "u64 f(u8, void)", 10 },
        { "u64 f() x", 8 },
        { "ptr f()", 0 },
        { "buf f()", 0 },
        { "u64 f(u8,u8,u8,u8,u8,u8)", 21 },
        { "u64 f(buf,buf,buf)", 14 },
        { "u64 f(u8;u8)", 8 },
        { "u64f(u8)", 0 },
    };
    struct host_sig s;
    const char *why;
    uint32_t where;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(hostsig_parse(bad[i].text, &s, &where, &why),
                         DISCO_E_INVAL);
        if (where != bad[i].where)
            fail_msg("%s: %u, not %u (%s)", bad[i].text, where, bad[i].where,
                     why);
        assert_true(strlen(why) > 0);
    }
}

/* Every prefix and every one-byte change of a good one ends well. */
static void test_mutations(void **state)
{
    static const char good[] = "u64 f(u32, f64, ptr)";
    char text[sizeof(good)];
    struct host_sig s;
    const char *why;
    uint32_t where;
    size_t i;
    int c;

    (void)state;
    for (i = 0; i < sizeof(good); i++) {
        for (c = 0; c < 256; c++) {
            memcpy(text, good, sizeof(good));
            text[i] = (char)c;
            text[sizeof(good) - 1] = 0;
            hostsig_parse(text, &s, &where, &why);
            assert_true(where <= strlen(text));
            assert_true(s.words <= HOST_WORDS_MAX);
        }
    }
}

static void test_convert(void **state)
{
    (void)state;
    assert_true(hostsig_convert(HOST_U8, 0x1ff) == 0xff);
    assert_true(hostsig_convert(HOST_I8, 0x1ff) == UINT64_MAX);
    assert_true(hostsig_convert(HOST_I32, 0x80000000) == 0xffffffff80000000);
    assert_true(hostsig_convert(HOST_U32, UINT64_MAX) == 0xffffffff);
    assert_true(hostsig_convert(HOST_F32, UINT64_MAX) == 0xffffffff);
    assert_true(hostsig_convert(HOST_U64, UINT64_MAX) == UINT64_MAX);
    assert_true(hostsig_convert(HOST_VOID, 7) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_mutations),
        cmocka_unit_test(test_convert),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
