/*
 * asm_words.c - writes every kind of instruction that asm.h has, with many
 * registers and places in memory, and what objdump is to say of each.
 *
 * usage: asm_words FILE    code into FILE; on stdout a line for each
 *                          instruction: offset in hexadecimal, text
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "x64/asm_vector.h"

enum { BYTES = 4 << 20, WIDTHS = 2, REGS = 16 };

static uint8_t code[BYTES];
static struct x64_buf b;
static uint8_t *mark; /* start of what has not been said yet */

static const char *const names[4][REGS] = {
    { "al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil", "r8b", "r9b", "r10b",
      "r11b", "r12b", "r13b", "r14b", "r15b" },
    { "ax", "cx", "dx", "bx", "sp", "bp", "si", "di", "r8w", "r9w", "r10w",
      "r11w", "r12w", "r13w", "r14w", "r15w" },
    { "eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "r8d", "r9d",
      "r10d", "r11d", "r12d", "r13d", "r14d", "r15d" },
    { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10",
      "r11", "r12", "r13", "r14", "r15" },
};
static const char *const conds[] = {
    "o", "no", "b", "ae", "e", "ne", "be", "a",
    "s", "ns", "p", "np", "l", "ge", "le", "g"
};
static const char *const size_names[4] = { "BYTE", "WORD", "DWORD", "QWORD" };

/* By width of an integer instruction. */
static const char *reg(enum x64_width w, int r)
{
    return names[2 + w][r];
}

static void say(const char *format, ...)
{
    va_list args;

    printf("%tx ", mark - code);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    mark = b.at;
}

/* --- Places in memory ------------------------------------------------------
 */

struct place {
    struct x64_mem mem;
    char text[48];
};

enum { PLACES = 16 * 6 + 16 * 4 * 2 };
static struct place places[PLACES];

static void put_disp(char *text, int32_t disp, bool always)
{
    if (disp < 0)
        sprintf(text, "-0x%x", -(unsigned)disp);
    else if (disp || always)
        sprintf(text, "+0x%x", (unsigned)disp);
    else
        text[0] = '\0';
}

static void make_place(struct place *p, int base, int index, unsigned scale,
                       int32_t disp)
{
    char tail[16], sum[16] = "";

    p->mem = index == X64_NONE ? x64_at((enum x64_reg)base, disp)
                               : x64_sum((enum x64_reg)base,
                                         (enum x64_reg)index, scale, disp);
    put_disp(tail, disp, (base & 7) == X64_RBP);
    if (index != X64_NONE)
        sprintf(sum, "+%s*%u", names[3][index], 1u << scale);
    sprintf(p->text, "[%s%s%s]", names[3][base], sum, tail);
}

static void make_places(void)
{
    static const int32_t disps[] = { 0, 8, -128, 127, 128, -0x12345678 };
    unsigned n = 0;

    for (int r = 0; r < REGS; r++) {
        for (unsigned i = 0; i < 6; i++)
            make_place(&places[n++], r, X64_NONE, 0, disps[i]);
        for (unsigned scale = 0; scale < 4; scale++) {
            int index = (r + (int)scale * 5) % 16;

            if (index == X64_RSP)
                index = X64_R12;
            make_place(&places[n++], r, index, scale, disps[scale]);
            make_place(&places[n++], (r * 7 + 3) % 16, index, scale,
                       disps[(scale + 3) % 6]);
        }
    }
}

#define FOR_REGS(r) for (int r = 0; r < REGS; r++)
#define FOR_WIDTHS(w) \
    for (enum x64_width w = X64_32; w < (enum x64_width)WIDTHS; w++)
#define FOR_PLACES(p) \
    for (const struct place *p = places; p < places + PLACES; p++)
/* Another register, for those that take two. */
static int other(int r, const struct place *p)
{
    return (r * 5 + (int)(p ? p - places : 3)) % 16;
}

/* --- Integers --------------------------------------------------------------
 */

static void moves(void)
{
    static const uint64_t values[] = { 0,          1,
                                       0x7fffffff, 0x80000000,
                                       0xffffffff, UINT64_C(0x100000000),
                                       UINT64_MAX, (uint64_t)INT32_MIN };

    FOR_WIDTHS(w)
    {
        FOR_REGS(r)
        FOR_REGS(s)
        {
            x64_mov(&b, w, r, s);
            say("mov %s,%s", reg(w, r), reg(w, s));
        }
        FOR_PLACES(p)
        {
            int r = other(1, p);

            x64_load(&b, w, r, p->mem);
            say("mov %s,%s PTR %s", reg(w, r), size_names[2 + w], p->text);
            x64_store(&b, w, p->mem, r);
            say("mov %s PTR %s,%s", size_names[2 + w], p->text, reg(w, r));
            x64_lea(&b, w, r, p->mem);
            say("lea %s,%s", reg(w, r), p->text);
            x64_store_imm(&b, w, p->mem, -2);
            say("mov %s PTR %s,%s", size_names[2 + w], p->text,
                w ? "0xfffffffffffffffe" : "0xfffffffe");
        }
    }
    FOR_PLACES(p)
    {
        int r = other(2, p);

        x64_store8(&b, p->mem, r);
        say("mov BYTE PTR %s,%s", p->text, names[0][r]);
        x64_store16(&b, p->mem, r);
        say("mov WORD PTR %s,%s", p->text, names[1][r]);
        x64_store8_imm(&b, p->mem, 0x85);
        say("mov BYTE PTR %s,0x85", p->text);
    }
    FOR_REGS(r)
    {
        for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
            uint64_t v = values[i];
            bool is_wide = v > UINT32_MAX;
            bool is_long = is_wide && (int64_t)v != (int32_t)v;

            x64_mov_imm(&b, r, v);
            say("%s %s,0x%" PRIx64, is_long ? "movabs" : "mov",
                names[2 + is_wide][r], v);
        }
        x64_zero(&b, r);
        say("xor %s,%s", names[2][r], names[2][r]);
        x64_movsxd(&b, r, other(r, NULL));
        say("movsxd %s,%s", names[3][r], names[2][other(r, NULL)]);
        x64_push(&b, r);
        say("push %s", names[3][r]);
        x64_pop(&b, r);
        say("pop %s", names[3][r]);
    }
}

static void put_imm(char *text, enum x64_width w, int32_t v)
{
    sprintf(text, "0x%" PRIx64, w ? (uint64_t)(int64_t)v : (uint32_t)v);
}

static void arithmetic(void)
{
    static const char *const ops[] = { "add", "or",  "adc", "sbb",
                                       "and", "sub", "xor", "cmp" };
    static const int32_t values[] = { 0, 127, -128, 128, -129, INT32_MIN };
    char imm[32];

    FOR_WIDTHS(w)
    for (enum x64_alu op = X64_ADD; op <= X64_CMP; op++) {
        FOR_REGS(r)
        {
            int s = other(r, NULL);

            x64_alu(&b, op, w, r, s);
            say("%s %s,%s", ops[op], reg(w, r), reg(w, s));
            for (unsigned i = 0; i < 6; i++) {
                put_imm(imm, w, values[i]);
                x64_alu_imm(&b, op, w, r, values[i]);
                say("%s %s,%s", ops[op], reg(w, r), imm);
            }
        }
        FOR_PLACES(p)
        {
            int r = other(3, p);
            int32_t v = values[(p - places) % 6];

            x64_alu_load(&b, op, w, r, p->mem);
            say("%s %s,%s PTR %s", ops[op], reg(w, r), size_names[2 + w],
                p->text);
            x64_alu_store(&b, op, w, p->mem, r);
            say("%s %s PTR %s,%s", ops[op], size_names[2 + w], p->text,
                reg(w, r));
            put_imm(imm, w, v);
            x64_alu_store_imm(&b, op, w, p->mem, v);
            say("%s %s PTR %s,%s", ops[op], size_names[2 + w], p->text, imm);
        }
    }
    FOR_PLACES(p)
    {
        x64_cmp8_imm(&b, p->mem, 3);
        say("cmp BYTE PTR %s,0x3", p->text);
    }
}

static void one_register(enum x64_width w, int r)
{
    static const char *const shifts[] = { "rol", "ror", "", "",
                                          "shl", "shr", "", "sar" };
    static const char *const wides[] = { "mul", "imul", "div", "idiv" };
    int s = other(r, NULL);

    x64_test(&b, w, r, s);
    say("test %s,%s", reg(w, r), reg(w, s));
    x64_test_imm(&b, w, r, 0x12345);
    say("test %s,0x12345", reg(w, r));
    x64_neg(&b, w, r);
    say("neg %s", reg(w, r));
    x64_invert(&b, w, r);
    say("not %s", reg(w, r));
    x64_imul(&b, w, r, s);
    say("imul %s,%s", reg(w, r), reg(w, s));
    x64_bswap(&b, w, r);
    say("bswap %s", reg(w, r));
    for (enum x64_wide op = X64_MUL; op <= X64_IDIV; op++) {
        x64_wide(&b, op, w, r);
        say("%s %s", wides[op - X64_MUL], reg(w, r));
    }
    for (int op = X64_ROL; op <= X64_SAR; op++) {
        if (!shifts[op][0])
            continue;
        x64_shift_imm(&b, (enum x64_shift)op, w, r, 29);
        say("%s %s,0x1d", shifts[op], reg(w, r));
        x64_shift_cl(&b, (enum x64_shift)op, w, r);
        say("%s %s,cl", shifts[op], reg(w, r));
    }
    for (int cond = X64_O; cond <= X64_G; cond++) {
        x64_cmov(&b, (enum x64_cond)cond, w, r, s);
        say("cmov%s %s,%s", conds[cond], reg(w, r), reg(w, s));
    }
    for (unsigned bytes = 1; bytes <= 2; bytes++)
        for (int is_signed = 0; is_signed < 2; is_signed++) {
            x64_extend(&b, is_signed, bytes, w, r, s);
            say("mov%cx %s,%s", is_signed ? 's' : 'z', reg(w, r),
                names[bytes - 1][s]);
        }
}

static void registers(void)
{
    FOR_WIDTHS(w)
    {
        FOR_REGS(r)
        one_register(w, r);
        FOR_PLACES(p)
        for (unsigned i = 0; i < 4; i++) {
            int r = other(4, p);

            x64_load_extend(&b, i & 1, 1 + i / 2, w, r, p->mem);
            say("mov%cx %s,%s PTR %s", i & 1 ? 's' : 'z', reg(w, r),
                size_names[i / 2], p->text);
        }
    }
    x64_cqo(&b, X64_32);
    say("cdq");
    x64_cqo(&b, X64_64);
    say("cqo");
    for (int cond = X64_O; cond <= X64_G; cond++) {
        FOR_REGS(r)
        {
            x64_setcc(&b, (enum x64_cond)cond, r);
            say("set%s %s", conds[cond], names[0][r]);
        }
        x64_setcc_mem(&b, (enum x64_cond)cond, places[cond * 3].mem);
        say("set%s BYTE PTR %s", conds[cond], places[cond * 3].text);
    }
}

/* --- Jumps -----------------------------------------------------------------
 */

/* Near and far, forward and back; offsets are from the start of the file. */
static void jumps_by(unsigned distance)
{
    struct x64_label back = { 0 }, on = { 0 };
    ptrdiff_t to;

    x64_put(&b, &back);
    to = b.at - code;
    for (unsigned i = 0; i < distance; i++)
        x64_u8(&b, 0x90);
    mark = b.at;
    x64_jump(&b, &back);
    say("jmp 0x%tx", to);
    for (int cond = X64_O; cond <= X64_G; cond++) {
        x64_jcc(&b, (enum x64_cond)cond, &back);
        say("j%s 0x%tx", conds[cond], to);
    }
    /* All of these are known only now. */
    to = b.at - code + 5 + 6 * 16 + distance;
    x64_jump(&b, &on);
    say("jmp 0x%tx", to);
    for (int cond = X64_O; cond <= X64_G; cond++) {
        x64_jcc(&b, (enum x64_cond)cond, &on);
        say("j%s 0x%tx", conds[cond], to);
    }
    for (unsigned i = 0; i < distance; i++)
        x64_u8(&b, 0x90);
    x64_put(&b, &on);
    mark = b.at;
}

static void jumps(void)
{
    jumps_by(0);
    jumps_by(100);
    jumps_by(126);
    jumps_by(1000);
    x64_jump_to(&b, x64_here(&b) + 0x1000);
    say("jmp 0x%tx", mark - code + 0x1000);
    x64_call_to(&b, x64_here(&b) + 0x2000);
    say("call 0x%tx", mark - code + 0x2000);
    for (int cond = X64_O; cond <= X64_G; cond++) {
        x64_jcc_to(&b, (enum x64_cond)cond, x64_here(&b) - 0x100);
        say("j%s 0x%tx", conds[cond], mark - code - 0x100);
    }
    FOR_REGS(r)
    {
        x64_jump_reg(&b, r);
        say("jmp %s", names[3][r]);
        x64_call_reg(&b, r);
        say("call %s", names[3][r]);
    }
    FOR_PLACES(p)
    {
        x64_jump_mem(&b, p->mem);
        say("jmp QWORD PTR %s", p->text);
    }
    x64_ret(&b);
    say("ret");
    x64_fence(&b);
    say("lock or DWORD PTR [rsp],0x0");
}

/* Relative to the next instruction, whatever follows the displacement. */
static void relative(void)
{
    x64_load(&b, X64_64, X64_R9, x64_rip(x64_here(&b) + 0x1000));
    say("mov r9,QWORD PTR [rip+0xff9] # 0x%tx", mark - code + 0x1000);
    x64_store8_imm(&b, x64_rip(x64_here(&b) + 0x1000), 1);
    say("mov BYTE PTR [rip+0xff9],0x1 # 0x%tx", mark - code + 0x1000);
    x64_store_imm(&b, X64_32, x64_rip(x64_here(&b) + 0x1000), 1);
    say("mov DWORD PTR [rip+0xff6],0x1 # 0x%tx", mark - code + 0x1000);
    x64_alu_store_imm(&b, X64_ADD, X64_64, x64_rip(x64_here(&b) + 0x1000), 1);
    say("add QWORD PTR [rip+0xff8],0x1 # 0x%tx", mark - code + 0x1000);
    x64_alu_store_imm(&b, X64_ADD, X64_64, x64_rip(x64_here(&b) + 0x1000), 999);
    say("add QWORD PTR [rip+0xff5],0x3e7 # 0x%tx", mark - code + 0x1000);
    x64_rm_after(&b, 0x83 | X64_P66, X64_32, X64_SUB,
                 x64_rip(x64_here(&b) + 0x1000), 1);
    x64_u8(&b, 1);
    say("sub WORD PTR [rip+0xff8],0x1 # 0x%tx", mark - code + 0x1000);
}

/* --- What not every processor has, and floating point ----------------------
 */

static void extensions(void)
{
    static const struct {
        enum x64_bmi2 op;
        const char *name;
    } ops[] = { { X64_SHLX, "shlx" },
                { X64_SHRX, "shrx" },
                { X64_SARX, "sarx" } };

    FOR_WIDTHS(w)
    FOR_REGS(r)
    {
        int s = other(r, NULL), t = (r * 3 + 1) % 16;

        for (unsigned i = 0; i < 3; i++) {
            x64_shiftx(&b, ops[i].op, w, r, s, t);
            say("%s %s,%s,%s", ops[i].name, reg(w, r), reg(w, s), reg(w, t));
        }
        x64_bzhi(&b, w, r, s, t);
        say("bzhi %s,%s,%s", reg(w, r), reg(w, s), reg(w, t));
        x64_rorx(&b, w, r, s, 7);
        say("rorx %s,%s,0x7", reg(w, r), reg(w, s));
    }
    FOR_PLACES(p)
    for (unsigned log2 = 1; log2 < 4; log2++) {
        int r = other(5, p);

        x64_load_swapped(&b, 1u << log2, r, p->mem);
        say("movbe %s,%s PTR %s", names[log2][r], size_names[log2], p->text);
        x64_store_swapped(&b, 1u << log2, p->mem, r);
        say("movbe %s PTR %s,%s", size_names[log2], p->text, names[log2][r]);
    }
}

static void floating(void)
{
    static const struct {
        enum x64_fp op;
        const char *name;
    } ops[] = { { X64_FP_SQRT, "sqrt" },
                { X64_FP_ADD, "add" },
                { X64_FP_MUL, "mul" },
                { X64_FP_SUB, "sub" },
                { X64_FP_DIV, "div" } };

    for (unsigned d = 0; d < 2; d++) {
        unsigned prefix = d ? X64_PF2 : X64_PF3;
        char k = d ? 'd' : 's', o = d ? 's' : 'd';

        FOR_REGS(r)
        {
            int s = other(r, NULL), t = (r * 3 + 1) % 16;

            for (unsigned i = 0; i < 5; i++) {
                x64_rr(&b, ops[i].op | prefix, X64_32, r, s);
                say("%ss%c xmm%d,xmm%d", ops[i].name, k, r, s);
                x64_vex(&b, ops[i].op | prefix, X64_32, r, t, s);
                say("v%ss%c xmm%d,xmm%d,xmm%d", ops[i].name, k, r, t, s);
            }
            x64_rr(&b, X64_FP_CVT | prefix, X64_32, r, s);
            say("cvts%c2s%c xmm%d,xmm%d", k, o, r, s);
            x64_ucomis(&b, d, r, s);
            say("ucomis%c xmm%d,xmm%d", k, r, s);
            FOR_WIDTHS(w)
            {
                x64_rr(&b, X64_FP_FROM_INT | prefix, w, r, s);
                say("cvtsi2s%c xmm%d,%s", k, r, reg(w, s));
                x64_rr(&b, X64_FP_TRUNC | prefix, w, r, s);
                say("cvtts%c2si %s,xmm%d", k, reg(w, r), s);
                x64_rr(&b, X64_FP_TO_INT | prefix, w, r, s);
                say("cvts%c2si %s,xmm%d", k, reg(w, r), s);
            }
        }
        FOR_PLACES(p)
        {
            int r = other(6, p);

            x64_fp_load(&b, d, r, p->mem);
            say("movs%c xmm%d,%s PTR %s", k, r, size_names[2 + d], p->text);
            x64_fp_store(&b, d, p->mem, r);
            say("movs%c %s PTR %s,xmm%d", k, size_names[2 + d], p->text, r);
            x64_vex_mem(&b, X64_FP_ADD | prefix, X64_32, r, 5, p->mem);
            say("vadds%c xmm%d,xmm5,%s PTR %s", k, r, size_names[2 + d],
                p->text);
        }
    }
    FOR_PLACES(p)
    {
        int r = other(7, p);

        x64_shuffle(&b, r, p->mem);
        say("pshufb xmm%d,XMMWORD PTR %s", r, p->text);
    }
    FOR_REGS(r)
    FOR_WIDTHS(w)
    {
        int s = other(r, NULL);

        x64_movaps(&b, r, s);
        say("movaps xmm%d,xmm%d", r, s);
        x64_movq_to_vector(&b, w, r, s);
        say("mov%c xmm%d,%s", w ? 'q' : 'd', r, reg(w, s));
        x64_movq_from_vector(&b, w, r, s);
        say("mov%c %s,xmm%d", w ? 'q' : 'd', reg(w, r), s);
    }
}

/* A buffer that is full takes nothing more, wherever it ends. */
static int fits(void)
{
    uint8_t small[64];

    for (unsigned room = 0; room < sizeof(small); room++) {
        struct x64_buf s;

        memset(small, 0x5a, sizeof(small));
        x64_begin(&s, small, room, 0);
        for (unsigned i = 0; i < 20; i++) {
            x64_alu_store_imm(&s, X64_ADD, X64_64,
                              x64_sum(X64_R8, X64_R9, 3, 0x12345), 0x12345);
            x64_mov_imm(&s, X64_R8, UINT64_MAX / 3);
        }
        if (!s.is_full || s.at > s.end)
            return 0;
        for (unsigned i = room; i < sizeof(small); i++)
            if (small[i] != 0x5a)
                return 0;
    }
    return 1;
}

int main(int argc, char **argv)
{
    FILE *f;

    if (argc != 2)
        return 2;
    x64_begin(&b, code, sizeof(code), 0);
    mark = b.at;
    make_places();
    moves();
    arithmetic();
    registers();
    jumps();
    relative();
    extensions();
    floating();
    if (b.is_full || !fits())
        return 1;
    f = fopen(argv[1], "wb");
    if (!f ||
        fwrite(code, 1, (size_t)(b.at - code), f) != (size_t)(b.at - code))
        return 1;
    return fclose(f) ? 1 : 0;
}
