/*
 * test_version.c - the calls that need no object: version, status texts,
 * capabilities.  Through the shared library and the public headers only.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include <disco/board.h>
#include <disco/disco.h>

static void version_matches_header(void **state)
{
    (void)state;
    assert_int_equal(disco_version(), DISCO_VERSION);
}

static void every_status_has_name_and_text(void **state)
{
    static const struct {
        disco_status status;
        const char *name;
        const char *text;
    } rows[] = {
#define ROW(name, value, text) { value, "DISCO_" #name, text },
        DISCO_STATUS_LIST(ROW)
#undef ROW
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_string_equal(disco_status_name(rows[i].status), rows[i].name);
        assert_string_equal(disco_status_text(rows[i].status), rows[i].text);
    }
}

static void unknown_status_is_not_null(void **state)
{
    (void)state;
    assert_non_null(disco_status_name(INT32_MIN));
    assert_non_null(disco_status_name(1));
    assert_non_null(disco_status_text(-9999));
}

static void unknown_capability_is_zero(void **state)
{
    (void)state;
    assert_int_equal(disco_cap(0), 0);
    assert_int_equal(disco_cap(UINT32_MAX), 0);
    assert_int_equal(disco_cap(DISCO_CAP_DETERMINISTIC), 1);
}

static void register_names_round_trip(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < 32; n++) {
        const char *name = disco_reg_name(DISCO_REG_GPR(n));

        assert_non_null(name);
        assert_int_equal(disco_reg_find(name), DISCO_REG_GPR(n));
    }
    assert_int_equal(disco_reg_find("no-such-register"), 0);
    assert_null(disco_reg_name(UINT64_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_matches_header),
        cmocka_unit_test(every_status_has_name_and_text),
        cmocka_unit_test(unknown_status_is_not_null),
        cmocka_unit_test(unknown_capability_is_zero),
        cmocka_unit_test(register_names_round_trip),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
