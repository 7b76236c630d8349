/*
 * test_decode.c - the decoder against a plain scan of the rows, and the rows
 * against what MIPS says about them.
 *
 * The lists of names below are by hand on purpose: engines and scan read the
 * same rows, so nothing else would notice a wrong flag.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "mips/decode.h"
#include "support/insn_scan.h"

/* xorshift: the same words on every machine. */
static uint32_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)(*state >> 32);
}

static void check_word(uint32_t word)
{
    enum insn_id want = insn_scan(word);
    enum insn_id have = insn_decode(word);

    if (have != want)
        fail_msg("0x%08x: decoded as %s, first matching row is %s", word,
                 insn_info[have].name, insn_info[want].name);
}

static bool is_one_of(const char *name, const char *const *list)
{
    for (; *list; list++) {
        if (!strcmp(*list, name))
            return true;
    }
    return false;
}

/* The only rows that overlap: a counter move is also a move of CP0 25. */
static bool may_overlap(unsigned int i, unsigned int j)
{
    return (i == INSN_MFPS && j == INSN_MFC0) ||
           (i == INSN_MTPS && j == INSN_MTC0);
}

static void test_rows_overlap_only_where_said(void **state)
{
    (void)state;
    for (unsigned int i = 1; i < INSN_COUNT; i++) {
        for (unsigned int j = i + 1; j < INSN_COUNT; j++) {
            uint32_t differ = insn_info[i].match ^ insn_info[j].match;
            bool overlap = !(differ & insn_info[i].mask & insn_info[j].mask);

            if (overlap != may_overlap(i, j))
                fail_msg("%s and %s", insn_info[i].name, insn_info[j].name);
        }
    }
}

static void test_every_row_decodes_to_itself(void **state)
{
    uint64_t seed = 0x9e3779b97f4a7c15;

    (void)state;
    for (unsigned int id = 1; id < INSN_COUNT; id++) {
        uint32_t free_bits = ~insn_info[id].mask;

        for (unsigned int k = 0; k < 300; k++) {
            uint32_t fields = k == 0   ? 0
                              : k == 1 ? UINT32_MAX
                                       : next_random(&seed);
            uint32_t word = insn_info[id].match | (fields & free_bits);
            enum insn_id have = insn_decode(word);

            check_word(word);
            if (have != id && !may_overlap(have, id))
                fail_msg("0x%08x: %s, not %s", word, insn_info[have].name,
                         insn_info[id].name);
        }
    }
}

static void test_sampled_words_agree_with_scan(void **state)
{
    uint64_t seed = 0x2545f4914f6cdd1d;

    (void)state;
    for (uint64_t word = 0; word <= UINT32_MAX; word += 3001)
        check_word((uint32_t)word);
    for (unsigned int k = 0; k < 1000000; k++)
        check_word(next_random(&seed));
    /* All settings of the selecting fields, with rs and rt swept as well. */
    for (uint32_t high = 0; high < 1u << 16; high++) {
        for (uint32_t funct = 0; funct < 64; funct++)
            check_word(high << 16 | funct);
    }
}

static void test_no_instruction(void **state)
{
    static const uint32_t words[] = {
        0x00000005, /* SPECIAL function nobody has */
        0x0000004f, /* SYNC with a type */
        0x40c00000, /* COP0, rs = 6 */
        0x42000020, /* WAIT of later CPUs */
        0x43000001, /* TLBR with a bit too many */
        0x46c00000, /* paired single */
        0x48000000, /* COP2 */
        0x74000000, /* JALX */
        0x7c03e83b, /* RDHWR */
        0x19010000, /* BLEZ with rt */
        0xec000000, /* never assigned */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        assert_int_equal(insn_decode(words[i]), INSN_RESERVED);
    assert_int_equal(INSN_RESERVED, 0);
    assert_int_equal(insn_info[INSN_RESERVED].class, INSN_CLASS_RESERVED);
}

static void test_names_are_unique(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < INSN_COUNT; i++) {
        for (unsigned int j = i + 1; j < INSN_COUNT; j++)
            assert_string_not_equal(insn_info[i].name, insn_info[j].name);
    }
}

static void check_flag(unsigned int id, unsigned int flag, bool want)
{
    if (!(insn_info[id].flags & flag) == want)
        fail_msg("%s: flag 0x%x should%s be set", insn_info[id].name, flag,
                 want ? "" : " not");
}

static void test_branch_flags(void **state)
{
    static const char *const likely[] = {
        "bltzl", "bgezl", "bltzall", "bgezall", "beql", "bnel",
        "blezl", "bgtzl", "bc1fl",   "bc1tl",   NULL,
    };
    static const char *const link[] = {
        "jal", "jalr", "bltzal", "bgezal", "bltzall", "bgezall", NULL,
    };
    static const char *const jumps[] = {
        "j",    "jal",  "jr",   "jalr", "beq",    "bne",    "blez", "bgtz",
        "bltz", "bgez", "bc1f", "bc1t", "bltzal", "bgezal", NULL,
    };

    (void)state;
    for (unsigned int id = 0; id < INSN_COUNT; id++) {
        const char *name = insn_info[id].name;
        bool is_likely = is_one_of(name, likely);

        check_flag(id, INSN_F_LIKELY, is_likely);
        check_flag(id, INSN_F_LINK, is_one_of(name, link));
        check_flag(id, INSN_F_SLOT, is_likely || is_one_of(name, jumps));
    }
}

static void test_op64_flag(void **state)
{
    static const char *const op64[] = {
        "dsllv",  "dsrlv",  "dsrav",  "dmult", "dmultu", "ddiv",  "ddivu",
        "dadd",   "daddu",  "dsub",   "dsubu", "dsll",   "dsrl",  "dsra",
        "dsll32", "dsrl32", "dsra32", "daddi", "daddiu", "dmfc0", "dmtc0",
        "dmfc1",  "dmtc1",  "ldl",    "ldr",   "ld",     "lld",   "lwu",
        "sdl",    "sdr",    "sd",     "scd",   NULL,
    };

    (void)state;
    for (unsigned int id = 0; id < INSN_COUNT; id++)
        check_flag(id, INSN_F_OP64, is_one_of(insn_info[id].name, op64));
}

static bool uses_cop1(unsigned int id)
{
    static const char *const others[] = {
        "movf", "movt", "lwc1", "ldc1", "swc1", "sdc1", NULL,
    };
    unsigned int major = insn_info[id].match >> 26;

    if (id == INSN_PREFX)
        return false;
    return major == 0x11 || major == 0x13 ||
           is_one_of(insn_info[id].name, others);
}

static void test_coprocessor_flags(void **state)
{
    (void)state;
    for (unsigned int id = 1; id < INSN_COUNT; id++) {
        unsigned int class = insn_info[id].class;

        check_flag(id, INSN_F_PRIV,
                   insn_info[id].match >> 26 == 0x10 || id == INSN_CACHE);
        check_flag(id, INSN_F_COP1, uses_cop1(id));
        check_flag(id, INSN_F_CC_MIPS4,
                   class == INSN_CLASS_FBRANCH || class == INSN_CLASS_FCMP);
    }
}

static void test_fields(void **state)
{
    (void)state;
    /* daddiu a0,a1,-1 */
    assert_int_equal(insn_rs(0x64a4ffff), 5);
    assert_int_equal(insn_rt(0x64a4ffff), 4);
    assert_true(insn_imm16(0x64a4ffff) == -1);
    assert_true(insn_imm16(0x64a48000) == -32768);
    assert_true(insn_imm16(0x64a47fff) == 32767);
    assert_int_equal(insn_uimm16(0x64a4ffff), 0xffff);
    assert_true(insn_branch_target(0x1000ffff, 0x1000) == 0x1000);
    assert_true(insn_branch_target(0x10007fff, UINT64_MAX - 3) == 0x1fffc);
    /* The region is that of the delay slot. */
    assert_true(insn_jump_target(0x0bffffff, 0x0ffffffc) == 0x1ffffffc);
    assert_true(insn_jump_target(0x08000000, 0x0ffffff8) == 0);
    assert_int_equal(insn_hypcall(0x42000028 | 0x3ffu << 11), 0x3ff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_overlap_only_where_said),
        cmocka_unit_test(test_every_row_decodes_to_itself),
        cmocka_unit_test(test_sampled_words_agree_with_scan),
        cmocka_unit_test(test_no_instruction),
        cmocka_unit_test(test_names_are_unique),
        cmocka_unit_test(test_branch_flags),
        cmocka_unit_test(test_op64_flag),
        cmocka_unit_test(test_coprocessor_flags),
        cmocka_unit_test(test_fields),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
