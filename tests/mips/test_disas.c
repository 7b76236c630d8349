/*
 * test_disas.c - the text of words, one at least for each operand shape, as
 * GNU objdump prints it; and the buffer rules of the API.
 *
 * objdump_compare.py compares far more words; this runs everywhere.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <disco/vcpu.h>

#include "mips/decode.h"

static const struct {
    uint32_t word;
    uint64_t pc;
    const char *text;
} golden[] = {
    { 0x00000000, 0, "sll\tzero,zero,0x0" },
    { 0x00116ac0, 0, "sll\tt1,s1,0xb" },
    { 0x00e51004, 0, "sllv\tv0,a1,a3" },
    { 0x0283980a, 0, "movz\ts3,s4,v1" },
    { 0x02c8d001, 0, "movf\tk0,s6,$fcc2" },
    { 0x00647001, 0, "movf\tt2,v1,$fcc1" },
    { 0x03e00008, 0, "jr\tra" },
    { 0x01e04009, 0, "jalr\ta4,t3" },
    { 0x01e0f809, 0, "jalr\tt3" },
    { 0x01e00009, 0, "jalr\tzero,t3" },
    { 0x0000000c, 0, "syscall" },
    { 0x03730ecc, 0, "syscall\t0xdcc3b" },
    { 0x0000000d, 0, "break" },
    { 0x0001000d, 0, "break\t0x1" },
    { 0x0000004d, 0, "break\t0x0,0x1" },
    { 0x03ffffcd, 0, "break\t0x3ff,0x3ff" },
    { 0x0000000f, 0, "sync" },
    { 0x0000f010, 0, "mfhi\ts8" },
    { 0x02170018, 0, "mult\ts0,s7" },
    { 0x0130001f, 0, "ddivu\tzero,a5,s0" },
    { 0x00000030, 0, "tge\tzero,zero" },
    { 0x03ec89b0, 0, "tge\tra,t0,0x226" },
    { 0x07e8cecb, 0, "tgei\tra,-12597" },
    { 0x0480b4d4, 0x350, "bltz\ta0,0xfffffffffffed6a4" },
    { 0x1000ffff, 0xffffffffbfc00000, "beq\tzero,zero,0xffffffffbfc00000" },
    { 0x50850003, 0x1004, "beql\ta0,a1,0x1014" },
    { 0x0bffffff, 0x20000000, "j\t0x2ffffffc" },
    { 0x0c000000, 0x9000000000000000, "jal\t0x9000000000000000" },
    { 0x64a4ffff, 0, "daddiu\ta0,a1,-1" },
    { 0x33295e42, 0, "andi\ta5,t9,0x5e42" },
    { 0x3c067e97, 0, "lui\ta2,0x7e97" },
    { 0x8fbf8000, 0, "lw\tra,-32768(sp)" },
    { 0xbfbe9381, 0, "cache\t0x1e,-27775(sp)" },
    { 0xccba3161, 0, "pref\t0x1a,12641(a1)" },
    { 0xc6896a65, 0, "lwc1\t$f9,27237(s4)" },
    { 0xc996dfde, 0, "lwc2\t$22,-8226(t0)" },
    { 0x400e2000, 0, "mfc0\tt2,$4" },
    { 0x400fc816, 0, "mfps\tt3,11" },
    { 0x4009c803, 0, "mfpc\ta5,1" },
    { 0x42000018, 0, "eret" },
    { 0x42075028, 0, "hypcall\t0xea" },
    { 0x440ce800, 0, "mfc1\tt0,$f29" },
    { 0x444b8000, 0, "cfc1\ta7,$16" },
    { 0x4440f800, 0, "cfc1\tzero,c1_fcsr" },
    { 0x44400000, 0, "cfc1\tzero,c1_fir" },
    { 0x45000000, 0x668, "bc1f\t0x66c" },
    { 0x451455e8, 0x650, "bc1f\t$fcc5,0x15df4" },
    { 0x46008444, 0, "sqrt.s\t$f17,$f16" },
    { 0x461cedc0, 0, "add.s\t$f23,$f29,$f28" },
    { 0x4613a7d2, 0, "movz.s\t$f31,$f20,s3" },
    { 0x46005011, 0, "movf.s\t$f0,$f10,$fcc0" },
    { 0x4606e630, 0, "c.f.s\t$fcc6,$f28,$f6" },
    { 0x4610e030, 0, "c.f.s\t$f28,$f16" },
    { 0x4d589ca0, 0, "madd.s\t$f18,$f10,$f19,$f24" },
    { 0x4cd10440, 0, "lwxc1\t$f17,s1(a2)" },
    { 0x4fe89808, 0, "swxc1\t$f19,a4(ra)" },
    { 0x4d77580f, 0, "prefx\t0xb,s7(a7)" },
    { 0x00000005, 0, ".word\t0x5" },
    { 0x42000020, 0, ".word\t0x42000020" },
    { 0xec000000, 0, ".word\t0xec000000" },
};
enum { GOLDEN_COUNT = sizeof(golden) / sizeof(golden[0]) };

static void test_text(void **state)
{
    char text[64];

    (void)state;
    for (unsigned int i = 0; i < GOLDEN_COUNT; i++) {
        assert_int_equal(
            disco_disassemble(golden[i].word, golden[i].pc, text, sizeof(text)),
            DISCO_OK);
        assert_string_equal(text, golden[i].text);
    }
}

static void test_every_shape_is_above(void **state)
{
    static const char *const names[] = {
#define OPERANDS(name, print) #name,
#include "mips/operands.def"
#undef OPERANDS
    };
    bool seen[INSN_OPERANDS_COUNT] = { false };

    (void)state;
    for (unsigned int i = 0; i < GOLDEN_COUNT; i++)
        seen[insn_info[insn_decode(golden[i].word)].operands] = true;
    for (unsigned int shape = 0; shape < INSN_OPERANDS_COUNT; shape++) {
        if (!seen[shape])
            fail_msg("no text for shape %s", names[shape]);
    }
}

/* Every size from 0: refused and empty until the text and its NUL fit. */
static void check_sizes(uint32_t word, uint64_t pc, const char *want)
{
    uint32_t need = (uint32_t)strlen(want) + 1;

    for (uint32_t bytes = 0; bytes <= need; bytes++) {
        char text[72];
        disco_status status;

        memset(text, '#', sizeof(text));
        status = disco_disassemble(word, pc, text, bytes);
        assert_int_equal(status, bytes < need ? DISCO_E_INVAL : DISCO_OK);
        for (size_t i = bytes; i < sizeof(text); i++)
            assert_int_equal(text[i], '#');
        if (bytes > 0)
            assert_string_equal(text, bytes < need ? "" : want);
    }
}

static void test_small_buffers(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < GOLDEN_COUNT; i++)
        check_sizes(golden[i].word, golden[i].pc, golden[i].text);
    assert_int_equal(disco_disassemble(0, 0, NULL, 64), DISCO_E_INVAL);
}

/* The header promises that 64 bytes are enough. */
static void test_64_bytes_are_enough(void **state)
{
    static const uint32_t fields[] = { 0, UINT32_MAX, 0xaaaaaaaa, 0x55555555 };
    char text[64];

    (void)state;
    for (unsigned int id = 0; id < INSN_COUNT; id++) {
        for (unsigned int k = 0; k < 4; k++) {
            uint32_t word =
                insn_info[id].match | (fields[k] & ~insn_info[id].mask);

            assert_int_equal(disco_disassemble(word, UINT64_MAX - 0x100000,
                                               text, sizeof(text)),
                             DISCO_OK);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_every_shape_is_above),
        cmocka_unit_test(test_small_buffers),
        cmocka_unit_test(test_64_bytes_are_enough),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
