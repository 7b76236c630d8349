/*
 * disas.c - the text of an instruction word.
 *
 * Writes what GNU objdump 2.40 writes with the options
 *
 *     -D -b binary -m mips:10000 -EB -M no-aliases,gpr-names=64
 *
 * so general registers have their n64 names, FP registers are $f0.., CP0
 * registers are numbers, and targets are absolute.  The known differences are
 * in tests/mips/objdump_compare.py.  Shapes come from operands.def.  Pure
 * functions, any thread; no locale, no stdio.
 */
#include <stdbool.h>
#include <stddef.h>

#include <disco/vcpu.h>

#include "mips/decode.h"
#include "mips/regnames.h"

static const char *const shapes[] = {
#define OPERANDS(name, print) [INSN_OPERANDS_##name] = print,
#include "mips/operands.def"
#undef OPERANDS
};

/* --- The text so far --------------------------------------------------------
 * `at` may run past `bytes`: characters that do not fit are counted only.
 */
struct text {
    char *to;
    uint32_t bytes;
    uint32_t at;
};

static void put_char(struct text *t, char c)
{
    if (t->at < t->bytes)
        t->to[t->at] = c;
    t->at++;
}

static void put_string(struct text *t, const char *s)
{
    while (*s)
        put_char(t, *s++);
}

/* An unsigned number, base 10 or 16. */
static void put_number(struct text *t, uint64_t value, unsigned int base)
{
    char digits[20];
    unsigned int n = 0;

    do {
        digits[n++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    while (n)
        put_char(t, digits[--n]);
}

static void put_hex(struct text *t, uint64_t value)
{
    put_string(t, "0x");
    put_number(t, value, 16);
}

static void put_signed(struct text *t, int64_t value)
{
    if (value < 0)
        put_char(t, '-');
    put_number(t, (uint64_t)(value < 0 ? -value : value), 10);
}

/* "$f12", "$fcc3", "$7" */
static void put_numbered(struct text *t, const char *prefix, unsigned int n)
{
    put_string(t, prefix);
    put_number(t, n, 10);
}

static void put_gpr(struct text *t, unsigned int n)
{
    put_string(t, mips_gpr_name(n));
}

static void put_fcr(struct text *t, unsigned int n)
{
    if (n == 0)
        put_string(t, "c1_fir");
    else if (n == 31)
        put_string(t, "c1_fcsr");
    else
        put_numbered(t, "$", n);
}

/* --- Fields, one function a family of letters --- */

static bool put_register(struct text *t, char letter, uint32_t word)
{
    switch (letter) {
    case 's':
        put_gpr(t, insn_rs(word));
        return true;
    case 't':
        put_gpr(t, insn_rt(word));
        return true;
    case 'd':
        put_gpr(t, insn_rd(word));
        return true;
    case 'S':
        put_numbered(t, "$f", insn_fs(word));
        return true;
    case 'T':
        put_numbered(t, "$f", insn_ft(word));
        return true;
    case 'D':
        put_numbered(t, "$f", insn_fd(word));
        return true;
    case 'R':
        put_numbered(t, "$f", insn_fr(word));
        return true;
    case 'p':
        put_numbered(t, "$", insn_rd(word));
        return true;
    case 'q':
        put_fcr(t, insn_rd(word));
        return true;
    case 'w':
        put_numbered(t, "$", insn_rt(word));
        return true;
    case 'f':
        put_numbered(t, "$fcc", insn_cc18(word));
        return true;
    default:
        return false;
    }
}

static bool put_value(struct text *t, char letter, uint32_t word, uint64_t pc)
{
    switch (letter) {
    case 'a':
        put_hex(t, insn_sa(word));
        return true;
    case 'i':
        put_signed(t, insn_imm16(word));
        return true;
    case 'u':
        put_hex(t, insn_uimm16(word));
        return true;
    case 'b':
        put_hex(t, insn_branch_target(word, pc));
        return true;
    case 'j':
        put_hex(t, insn_jump_target(word, pc));
        return true;
    case 'h':
        put_hex(t, insn_hint16(word));
        return true;
    case 'H':
        put_hex(t, insn_hint11(word));
        return true;
    case 'n':
        put_number(t, insn_perf(word), 10);
        return true;
    case 'm':
        put_hex(t, insn_hypcall(word));
        return true;
    default:
        return false;
    }
}

static void put_cc(struct text *t, unsigned int cc)
{
    if (cc == 0)
        return;
    put_numbered(t, "$fcc", cc);
    put_char(t, ',');
}

static void put_link(struct text *t, unsigned int rd)
{
    if (rd == 31)
        return;
    put_gpr(t, rd);
    put_char(t, ',');
}

static void put_break(struct text *t, unsigned int hi, unsigned int lo)
{
    if (hi || lo)
        put_hex(t, hi);
    if (lo) {
        put_char(t, ',');
        put_hex(t, lo);
    }
}

static void put_optional(struct text *t, char letter, uint32_t word)
{
    switch (letter) {
    case 'F':
        put_cc(t, insn_cc18(word));
        break;
    case 'C':
        put_cc(t, insn_cc8(word));
        break;
    case 'l':
        put_link(t, insn_rd(word));
        break;
    case 'e':
        if (insn_code10(word)) {
            put_char(t, ',');
            put_hex(t, insn_code10(word));
        }
        break;
    case 'k':
        if (insn_code20(word))
            put_hex(t, insn_code20(word));
        break;
    case 'K':
        put_break(t, insn_break_hi(word), insn_code10(word));
        break;
    default:
        break;
    }
}

static void put_operands(struct text *t, const char *shape, uint32_t word,
                         uint64_t pc)
{
    for (; *shape; shape++) {
        if (*shape != '%') {
            put_char(t, *shape);
            continue;
        }
        shape++;
        if (!put_register(t, *shape, word) && !put_value(t, *shape, word, pc))
            put_optional(t, *shape, word);
    }
}

static void put_insn(struct text *t, uint32_t word, uint64_t pc)
{
    const struct insn_info *info = &insn_info[insn_decode(word)];
    uint32_t before;

    put_string(t, info->name);
    put_char(t, '\t');
    before = t->at;
    if (info == &insn_info[INSN_RESERVED])
        put_hex(t, word);
    else
        put_operands(t, shapes[info->operands], word, pc);
    if (t->at == before)
        t->at--; /* nothing to separate */
}

DISCO_API disco_status disco_disassemble(uint32_t word, uint64_t pc, char *text,
                                         uint32_t text_bytes)
{
    struct text t = { text, text_bytes, 0 };

    if (!text || text_bytes == 0)
        return DISCO_E_INVAL;
    put_insn(&t, word, pc);
    if (t.at >= text_bytes) {
        text[0] = '\0';
        return DISCO_E_INVAL;
    }
    text[t.at] = '\0';
    return DISCO_OK;
}
