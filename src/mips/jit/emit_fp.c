/*
 * emit_fp.c - floating point on the host's vector registers.
 *
 * The host's sticky flags are FCSR's, and its rounding mode is the guest's, as
 * fpu.h has it; fpu.go says that all of this holds.  A result that is a NaN, or
 * an integer that does not fit, is computed again by softfp in rare code.  The
 * operands of the last operation, which a reader of Cause wants, are stored
 * only where the unit may be left; one that is overwritten before is stored
 * then.
 */
#include "mips/fpu_fast.h"
#include "mips/jit/emit.h"

enum { XMM0, XMM1 };

static bool has_avx(const struct emit *e)
{
    return e->jit->features & X64_HAS_AVX;
}

/* --- Homes
 * -------------------------------------------------------------------------------
 */

/* Singles are low halves: with FR=0, where they are not, nothing has a home. */
static unsigned double_of(unsigned index, bool is_double)
{
    return is_double ? index : index / 2;
}

bool emit_fp_homed(const struct emit *e, unsigned index, bool is_double)
{
    return e->u->fp_home[double_of(index, is_double)] != X64_NONE;
}

static struct x64_mem memory_of(unsigned index, bool is_double)
{
    return is_double ? fpr_mem(index) : fpr_word_mem(index);
}

static int fp_home(struct emit *e, unsigned d)
{
    int h = e->u->fp_home[d];

    if (!(e->fp_resident >> d & 1)) {
        x64_fp_load(e->b, true, h, fpr_mem(d));
        e->fp_resident |= UINT32_C(1) << d;
    }
    return h;
}

int emit_fp_use(struct emit *e, unsigned index, bool is_double, int scratch)
{
    if (emit_fp_homed(e, index, is_double))
        return fp_home(e, double_of(index, is_double));
    x64_fp_load(e->b, is_double, scratch, memory_of(index, is_double));
    return scratch;
}

static void home_written(struct emit *e, unsigned d)
{
    e->fp_resident |= UINT32_C(1) << d;
    e->fp_dirty |= UINT32_C(1) << d;
}

void emit_fp_put(struct emit *e, unsigned index, bool is_double, int reg)
{
    unsigned d = double_of(index, is_double);
    int h;

    if (!emit_fp_homed(e, index, is_double)) {
        x64_fp_store(e->b, is_double, memory_of(index, is_double), reg);
        return;
    }
    h = is_double ? e->u->fp_home[d] : fp_home(e, d);
    if (is_double && h != reg)
        x64_movaps(e->b, h, reg);
    else if (!is_double && h != reg)
        x64_rr(e->b, 0x10 | X64_MAP_0F | X64_PF3, X64_32, h, reg); /* movss */
    home_written(e, d);
}

void emit_fp_put_bits(struct emit *e, unsigned index, bool is_double, int reg)
{
    enum x64_width w = is_double ? X64_64 : X64_32;

    if (!emit_fp_homed(e, index, is_double)) {
        x64_store(e->b, w, memory_of(index, is_double), reg);
    } else if (is_double) {
        x64_movq_to_vector(e->b, w, e->u->fp_home[index], reg);
        home_written(e, index);
    } else {
        x64_movq_to_vector(e->b, w, XMM0, reg);
        emit_fp_put(e, index, false, XMM0);
    }
}

void emit_fp_get_bits(struct emit *e, unsigned index, bool is_double, int reg)
{
    enum x64_width w = is_double ? X64_64 : X64_32;

    if (emit_fp_homed(e, index, is_double))
        x64_movq_from_vector(e->b, w, reg,
                             fp_home(e, double_of(index, is_double)));
    else
        x64_load(e->b, w, reg, memory_of(index, is_double));
}

void emit_fp_spill(struct emit *e, uint32_t mask)
{
    for (; mask; mask &= mask - 1) {
        unsigned d = (unsigned)__builtin_ctz(mask);

        x64_fp_store(e->b, true, fpr_mem(d), e->u->fp_home[d]);
    }
}

void emit_fp_load_all(struct emit *e, uint32_t mask)
{
    for (; mask; mask &= mask - 1) {
        unsigned d = (unsigned)__builtin_ctz(mask);

        x64_fp_load(e->b, true, e->u->fp_home[d], fpr_mem(d));
        e->fp_resident |= UINT32_C(1) << d;
        e->fp_dirty &= ~(UINT32_C(1) << d);
    }
}

/* --- The last operation
 * ------------------------------------------------------------------------ */

static struct x64_mem arg_mem(unsigned i)
{
    struct x64_mem m = CPU_AT(fpu.arg[0]);

    m.disp += (int32_t)(8 * i);
    return m;
}

/* fpu.arg holds whole words: a single's upper half is 0. */
static void store_arg(struct emit *e, unsigned i, unsigned index,
                      bool is_double)
{
    if (is_double && emit_fp_homed(e, index, true)) {
        x64_fp_store(e->b, true, arg_mem(i), fp_home(e, index));
        return;
    }
    emit_fp_get_bits(e, index, is_double, X64_RAX);
    x64_store(e->b, X64_64, arg_mem(i), X64_RAX);
}

static void store_args(struct emit *e, struct last_fp *l)
{
    for (unsigned i = 0; i < l->args; i++)
        if (!(l->saved >> i & 1))
            store_arg(e, i, l->arg[i], l->is_double);
    l->saved = 7;
}

void emit_last(struct emit *e, struct last_fp *l)
{
    if (l->pending == FPU_NONE)
        return;
    store_args(e, l);
    x64_store8_imm(e->b, CPU_AT(fpu.pending), l->pending);
    l->pending = FPU_NONE;
}

/* Its operands in this register are stored while they are there. */
void emit_fp_begin_def(struct emit *e, unsigned d)
{
    struct last_fp *l = &e->last;

    for (unsigned i = 0; l->pending != FPU_NONE && i < l->args; i++)
        if (!(l->saved >> i & 1) && double_of(l->arg[i], l->is_double) == d) {
            store_arg(e, i, l->arg[i], l->is_double);
            l->saved |= (uint8_t)(1 << i);
        }
}

static void note(struct emit *e, unsigned op, bool is_double, unsigned args,
                 unsigned a, unsigned b, unsigned c)
{
    e->last = (struct last_fp){ .pending = (uint8_t)op,
                                .args = (uint8_t)args,
                                .arg = { (uint8_t)a, (uint8_t)b, (uint8_t)c },
                                .is_double = is_double };
}

/* Nothing is raised: Cause is 0. */
static void note_quiet(struct emit *e)
{
    note(e, FPU_OP_S(FPU_QUIET), false, 0, 0, 0, 0);
}

/* --- Rare code
 * -----------------------------------------------------------------------------------
 */

/* The result is not one that the host may give: C does the instruction.  Before
 * note(). */
static struct cold *slow(struct emit *e)
{
    struct cold *c = emit_cold(e, COLD_IN_C);

    c->site = (uint16_t)emit_site(e);
    return c;
}

/* reg is a NaN: rare. */
static void check_nan(struct emit *e, bool is_double, int reg, struct cold *c)
{
    x64_ucomis(e->b, is_double, reg, reg);
    x64_jcc(e->b, X64_P, &c->at);
}

/* The result, which has been checked; an operand that it overwrites may still
 * be wanted. */
static void finish(struct emit *e, unsigned d, bool is_double, int reg)
{
    emit_fp_begin_def(e, double_of(d, is_double));
    emit_fp_put(e, d, is_double, reg);
}

/* --- Arithmetic
 * --------------------------------------------------------------------------------------
 */

static unsigned scalar(bool is_double)
{
    return is_double ? X64_PF2 : X64_PF3;
}

/* dst = a op b; dst may be scratch only, or neither of them. */
static void arith(struct emit *e, enum x64_fp op, bool is_double, int dst,
                  int a, int b)
{
    if (has_avx(e)) {
        x64_vex(e->b, (unsigned)op | scalar(is_double), X64_32, dst, a, b);
        return;
    }
    if (dst != a)
        x64_movaps(e->b, dst, a);
    x64_rr(e->b, (unsigned)op | scalar(is_double), X64_32, dst, b);
}

static void binary(struct emit *e, const struct slot *s, enum x64_fp op,
                   unsigned kind, bool is_double)
{
    int a = emit_fp_use(e, s->a, is_double, XMM0);
    int b = emit_fp_use(e, s->b, is_double, XMM1);
    struct cold *c = slow(e);

    note(e, is_double ? FPU_OP_D(kind) : FPU_OP_S(kind), is_double, 2, s->a,
         s->b, 0);
    arith(e, op, is_double, XMM0, a, b);
    check_nan(e, is_double, XMM0, c);
    finish(e, s->d, is_double, XMM0);
}

static void constant(struct emit *e, bool is_double, int dst,
                     const struct jit_constants *k)
{
    if (is_double)
        x64_fp_load(e->b, true, dst, x64_rip(&k->one_d));
    else
        x64_fp_load(e->b, false, dst, x64_rip(&k->one_s));
}

static void flip_sign(struct emit *e, bool is_double, int reg,
                      const struct jit_constants *k)
{
    x64_rm(e->b, 0x57 | X64_MAP_0F, X64_32, reg,
           x64_rip(is_double ? (const void *)k->sign_d
                             : (const void *)k->sign_s)); /* xorps */
}

static void fused(struct emit *e, const struct slot *s, unsigned kind,
                  bool is_double)
{
    bool subtract = kind == FPU_MSUB || kind == FPU_NMSUB;
    bool negate = kind == FPU_NMADD || kind == FPU_NMSUB;
    int a = emit_fp_use(e, s->a, is_double, XMM0);
    int b = emit_fp_use(e, s->b, is_double, XMM1);
    struct cold *c = slow(e);

    note(e, is_double ? FPU_OP_D(kind) : FPU_OP_S(kind), is_double, 3, s->a,
         s->b, s->x);
    arith(e, X64_FP_MUL, is_double, XMM0, a, b);
    arith(e, subtract ? X64_FP_SUB : X64_FP_ADD, is_double, XMM0, XMM0,
          emit_fp_use(e, s->x, is_double, XMM1));
    check_nan(e, is_double, XMM0, c);
    if (negate)
        flip_sign(e, is_double, XMM0, e->jit->constants);
    finish(e, s->d, is_double, XMM0);
}

static void square_root(struct emit *e, bool is_double, int dst, int a)
{
    x64_rr(e->b, X64_FP_SQRT | scalar(is_double), X64_32, dst, a);
}

static void unary(struct emit *e, const struct slot *s, unsigned kind,
                  bool is_double)
{
    int a = emit_fp_use(e, s->a, is_double, XMM0);
    struct cold *c = slow(e);

    note(e, is_double ? FPU_OP_D(kind) : FPU_OP_S(kind), is_double, 1, s->a, 0,
         0);
    if (kind == FPU_SQRT) {
        square_root(e, is_double, XMM0, a);
    } else {
        if (kind == FPU_RSQRT) {
            square_root(e, is_double, XMM1, a);
            a = XMM1;
        } else if (a == XMM0) {
            x64_movaps(e->b, XMM1, XMM0);
            a = XMM1;
        }
        constant(e, is_double, XMM0, e->jit->constants);
        x64_rr(e->b, X64_FP_DIV | scalar(is_double), X64_32, XMM0, a);
    }
    check_nan(e, is_double, XMM0, c);
    finish(e, s->d, is_double, XMM0);
}

/* --- Signs
 * ------------------------------------------------------------------------------------------------
 */

/* ABS and NEG of what is neither a NaN nor denormal raise nothing. */
static void sign(struct emit *e, const struct slot *s, unsigned kind,
                 bool is_double)
{
    enum x64_width w = is_double ? X64_64 : X64_32;
    unsigned bits = is_double ? 64 : 32, exponent = is_double ? 11 : 8;
    struct cold *c = slow(e);

    c->kind = COLD_FP_SIGN;
    c->bytes = is_double ? 8 : 4;
    note_quiet(e);
    emit_fp_get_bits(e, s->a, is_double, X64_RAX);
    x64_mov(e->b, w, X64_RCX, X64_RAX);
    x64_alu(e->b, X64_ADD, w, X64_RCX, X64_RCX);
    x64_shift_imm(e->b, X64_SHR, w, X64_RCX, bits - exponent);
    x64_alu_imm(e->b, X64_SUB, X64_32, X64_RCX, 1);
    x64_alu_imm(e->b, X64_CMP, X64_32, X64_RCX, (1 << exponent) - 2);
    x64_jcc(e->b, X64_AE, &c->at);
    x64_put(e->b, &c->again);
    /* btr or btc of the sign */
    x64_rr(e->b, 0xba | X64_MAP_0F, w, kind == FPU_ABS ? 6 : 7, X64_RAX);
    if (!e->b->is_full)
        x64_u8(e->b, bits - 1);
    emit_fp_put_bits(e, s->d, is_double, X64_RAX);
}

/* Zero and infinity are as good as others. */
void emit_cold_sign(struct emit *e, struct cold *c)
{
    bool is_double = c->bytes == 8;
    enum x64_width w = is_double ? X64_64 : X64_32;

    x64_mov(e->b, w, X64_RCX, X64_RAX);
    x64_alu(e->b, X64_ADD, w, X64_RCX, X64_RCX);
    x64_jcc(e->b, X64_E, &c->again);
    /* Infinity, shifted: the exponent's bits alone. */
    if (is_double)
        x64_alu_load(e->b, X64_CMP, w, X64_RCX,
                     x64_rip(&e->jit->constants->infinity_d));
    else
        x64_alu_imm(e->b, X64_CMP, w, X64_RCX, (int32_t)0xff000000);
    x64_jcc(e->b, X64_E, &c->again);
    emit_cold_in_c(e, c);
}

/* --- Conversions
 * ----------------------------------------------------------------------------------------------
 */

static void to_other_format(struct emit *e, const struct slot *s,
                            bool from_double)
{
    int a = emit_fp_use(e, s->a, from_double, XMM0);
    struct cold *c = slow(e);

    note(e, from_double ? FPU_OP_D(FPU_CVT_FORMAT) : FPU_OP_S(FPU_CVT_FORMAT),
         from_double, 1, s->a, 0, 0);
    x64_rr(e->b, X64_FP_CVT | scalar(from_double), X64_32, XMM0, a);
    check_nan(e, !from_double, XMM0, c);
    finish(e, s->d, !from_double, XMM0);
}

static void from_int(struct emit *e, const struct slot *s, unsigned kind,
                     bool is_long, bool to_double)
{
    unsigned d = double_of(s->d, to_double);

    note(e, FPU_OP_S(kind), is_long, 1, s->a, 0, 0);
    emit_fp_get_bits(e, s->a, is_long, X64_RAX);
    x64_rr(e->b, 0x57 | X64_MAP_0F, X64_32, XMM0, XMM0); /* xorps */
    x64_rr(e->b, X64_FP_FROM_INT | scalar(to_double), is_long ? X64_64 : X64_32,
           XMM0, X64_RAX);
    emit_fp_begin_def(e, d);
    emit_fp_put(e, s->d, to_double, XMM0);
}

/* roundss, roundsd: by its own mode.  With ROUND_QUIETLY inexact is not told.
 */
enum { ROUND_QUIETLY = 8 };

static void round_to(struct emit *e, bool is_double, int dst, int a,
                     unsigned mode)
{
    x64_rr(e->b, (is_double ? 0x0b : 0x0a) | X64_MAP_0F3A | X64_P66, X64_32,
           dst, a);
    if (!e->b->is_full)
        x64_u8(e->b, mode);
}

static void to_int(struct emit *e, const struct slot *s, unsigned kind,
                   bool from_double, bool is_long)
{
    static const uint8_t modes[] = { 0, 3, 2, 1 }; /* N, Z, P, M */
    enum x64_width w = is_long ? X64_64 : X64_32;
    unsigned first = is_long ? FPU_ROUND_L : FPU_ROUND_W;
    bool is_cvt = kind == FPU_CVT_W || kind == FPU_CVT_L;
    bool is_rounded = !is_cvt && kind != first + SOFTFP_RZ;
    int a = emit_fp_use(e, s->a, from_double, XMM0), from = a;
    struct cold *c = slow(e);

    note(e, from_double ? FPU_OP_D(kind) : FPU_OP_S(kind), from_double, 1, s->a,
         0, 0);
    emit_fp_begin_def(e, double_of(s->d, is_long)); /* takes rax */
    if (is_rounded) {
        from = XMM1;
        round_to(e, from_double, from, a, modes[kind - first] | ROUND_QUIETLY);
    }
    x64_rr(e->b, (is_cvt ? X64_FP_TO_INT : X64_FP_TRUNC) | scalar(from_double),
           w, X64_RAX, from);
    /* What does not fit is the least number: one less overflows. */
    x64_alu_imm(e->b, X64_CMP, w, X64_RAX, 1);
    x64_jcc(e->b, X64_O, &c->at);
    if (is_rounded) /* it fits: now it may be inexact */
        round_to(e, from_double, XMM1, a, modes[kind - first]);
    emit_fp_put_bits(e, s->d, is_long, X64_RAX);
}

/* --- Comparisons
 * ------------------------------------------------------------------------------------------------
 */

static void compare(struct emit *e, const struct slot *s, bool is_double)
{
    /* Ordered: equal (2) and less (4) are asked for. */
    static const uint8_t conds[] = { 0, X64_E, X64_B, X64_BE };
    int a = emit_fp_use(e, s->a, is_double, XMM0);
    int b = emit_fp_use(e, s->b, is_double, XMM1);
    struct cold *c = slow(e);

    note_quiet(e);
    x64_ucomis(e->b, is_double, a, b);
    x64_jcc(e->b, X64_P, &c->at);
    if (s->x & 6)
        x64_setcc_mem(e->b, (enum x64_cond)conds[s->x >> 1 & 3], cc_mem(s->d));
    else
        x64_store8_imm(e->b, cc_mem(s->d), 0);
}

/* --- By operation
 * ----------------------------------------------------------------------------------------------------
 */

void emit_fp(struct emit *e, const struct slot *s)
{
    switch (s->op) {
#define BINARY(name, op)                              \
    case OP_##name##_S:                               \
        binary(e, s, X64_FP_##op, FPU_##name, false); \
        break;                                        \
    case OP_##name##_D:                               \
        binary(e, s, X64_FP_##op, FPU_##name, true);  \
        break;
        BINARY(ADD, ADD)
        BINARY(SUB, SUB)
        BINARY(MUL, MUL)
        BINARY(DIV, DIV)
#undef BINARY
#define BOTH(name, function)               \
    case OP_##name##_S:                    \
        function(e, s, FPU_##name, false); \
        break;                             \
    case OP_##name##_D:                    \
        function(e, s, FPU_##name, true);  \
        break;
        BOTH(MADD, fused)
        BOTH(MSUB, fused)
        BOTH(NMADD, fused)
        BOTH(NMSUB, fused)
        BOTH(SQRT, unary)
        BOTH(RECIP, unary)
        BOTH(RSQRT, unary)
        BOTH(ABS, sign)
        BOTH(NEG, sign)
#undef BOTH
#define TO_INT(name)                                \
    case OP_##name##_W_S:                           \
        to_int(e, s, FPU_##name##_W, false, false); \
        break;                                      \
    case OP_##name##_W_D:                           \
        to_int(e, s, FPU_##name##_W, true, false);  \
        break;                                      \
    case OP_##name##_L_S:                           \
        to_int(e, s, FPU_##name##_L, false, true);  \
        break;                                      \
    case OP_##name##_L_D:                           \
        to_int(e, s, FPU_##name##_L, true, true);   \
        break;
        TO_INT(ROUND)
        TO_INT(TRUNC)
        TO_INT(CEIL)
        TO_INT(FLOOR)
        TO_INT(CVT)
#undef TO_INT
    case OP_CVT_S_D:
        to_other_format(e, s, true);
        break;
    case OP_CVT_D_S:
        to_other_format(e, s, false);
        break;
    case OP_CVT_S_W:
        from_int(e, s, FPU_CVT_S_W, false, false);
        break;
    case OP_CVT_S_L:
        from_int(e, s, FPU_CVT_S_L, true, false);
        break;
    case OP_CVT_D_W:
        from_int(e, s, FPU_CVT_D_W, false, true);
        break;
    case OP_CVT_D_L:
        from_int(e, s, FPU_CVT_D_L, true, true);
        break;
    case OP_FCMP_S:
        compare(e, s, false);
        break;
    case OP_FCMP_D:
        compare(e, s, true);
        break;
    default:
        e->failed = true;
        break;
    }
}

/* --- Moves
 * ------------------------------------------------------------------------------------------------------------
 */

static void move(struct emit *e, unsigned d, unsigned a, bool is_double)
{
    int from;

    if (d == a)
        return;
    from = emit_fp_use(e, a, is_double, XMM0);
    emit_fp_begin_def(e, double_of(d, is_double));
    emit_fp_put(e, d, is_double, from);
}

/* Passed over when the condition does not hold; the flags are there. */
static void move_if(struct emit *e, const struct slot *s, bool is_double,
                    enum x64_cond cond)
{
    struct x64_label skip = { 0 };
    int from;

    x64_jcc(e->b, x64_not(cond), &skip);
    from = emit_fp_homed(e, s->a, is_double)
               ? e->u->fp_home[double_of(s->a, is_double)]
               : emit_fp_use(e, s->a, is_double, XMM0);
    emit_fp_put(e, s->d, is_double, from);
    x64_put(e->b, &skip);
}

static void prepare_move_if(struct emit *e, const struct slot *s,
                            bool is_double)
{
    emit_fp_begin_def(e, double_of(s->d, is_double));
    if (emit_fp_homed(e, s->a, is_double))
        fp_home(e, double_of(s->a, is_double));
    if (emit_fp_homed(e, s->d, is_double))
        fp_home(e, double_of(s->d, is_double));
}

static void to_general(struct emit *e, const struct slot *s, bool is_double)
{
    int reg;

    if (s->d >= 32)
        return;
    emit_begin_def(e, s->d);
    reg = emit_def(e, s->d);
    emit_fp_get_bits(e, s->a, is_double, reg);
    emit_done(e, s->d, reg, is_double ? DONE_FULL : DONE_LOW);
}

static void from_general(struct emit *e, const struct slot *s, bool is_double)
{
    int reg;

    emit_fp_begin_def(e, double_of(s->a, is_double)); /* takes rax */
    reg =
        is_double ? emit_use64(e, s->b, X64_RAX) : emit_use32(e, s->b, X64_RAX);
    emit_fp_put_bits(e, s->a, is_double, reg);
}

void emit_fp_op(struct emit *e, const struct slot *s)
{
    bool is_double = jit_op_info[s->op].is_double;
    int reg;

    switch (s->op) {
    case OP_MFC1:
    case OP_DMFC1:
        to_general(e, s, is_double);
        break;
    case OP_MTC1:
    case OP_DMTC1:
        from_general(e, s, is_double);
        break;
    case OP_FMOV_W:
    case OP_FMOV_D:
        move(e, s->d, s->a, is_double);
        break;
    case OP_FMOVCC_W:
    case OP_FMOVCC_D:
        prepare_move_if(e, s, is_double);
        x64_cmp8_imm(e->b, cc_mem(s->x >> 1), 0);
        move_if(e, s, is_double, s->x & 1 ? X64_NE : X64_E);
        break;
    case OP_FMOVZ_W:
    case OP_FMOVZ_D:
        prepare_move_if(e, s, is_double);
        reg = emit_use64(e, s->b, X64_RAX);
        x64_test(e->b, X64_64, reg, reg);
        move_if(e, s, is_double, s->x ? X64_NE : X64_E);
        break;
    case OP_LWC1:
    case OP_LDC1:
    case OP_LWXC1:
    case OP_LDXC1:
        emit_load_fp(e, s);
        break;
    case OP_SWC1:
    case OP_SDC1:
    case OP_SWXC1:
    case OP_SDXC1:
        emit_store_fp(e, s);
        break;
    default:
        e->failed = true;
        break;
    }
}

void emit_fp_may_go(struct emit *e)
{
    bool soft = e->u->key & CFG_KEY_SOFT_FP;
    struct cold *c;

    if (e->fp_went)
        return;
    e->fp_went = true;
    c = emit_cold(e, COLD_FP_GO);
    c->site = (uint16_t)emit_site(e);
    x64_cmp8_imm(e->b, soft ? CPU_AT(fpu.usable) : CPU_AT(fpu.go), 0);
    x64_jcc(e->b, X64_E, &c->at);
    x64_put(e->b, &c->back);
}
