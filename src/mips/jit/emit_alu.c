/*
 * emit_alu.c - integer instructions.
 */
#include "mips/jit/emit.h"

enum { SINK = 32 };

/* --- Known values
 * --------------------------------------------------------------------- */

/* What an ALU operation gives, by the table that the interpreter expands. */
static uint64_t evaluate(unsigned op, uint64_t a, uint64_t b)
{
    switch (op) {
#define UOP_ALU(name, value) \
    case OP_##name##_R:      \
    case OP_##name##_I:      \
        return (value);
#define UOP_OVF(...)
#define UOP_BR(...)
#define UOP_TRAP(...)
#define UOP_LOAD(...)
#define UOP_STORE(...)
#define UOP_FP3(...)
#define UOP_FP2(...)
#define UOP_FP4(...)
#define UOP_FCMP(...)
#define UOP_JUMP(...)
#define UOP_FOP(...)
#define UOP_OP(...)
#include "mips/uop.def"
    default:
        return 0;
    }
}

static bool fits32(int64_t v)
{
    return v == (int32_t)v;
}

/* --- Two operands
 * ------------------------------------------------------------------------ */

/* An operand: a constant that an instruction can hold, memory, or a register.
 */
struct operand {
    bool is_imm, is_mem;
    int reg;
    int32_t imm;
    struct x64_mem mem;
};

static struct operand operand(struct emit *e, unsigned item, enum x64_width w,
                              int scratch)
{
    struct operand o = { false, false, X64_NONE, 0, { 0 } };
    int64_t v;

    if (emit_const(e, item, &v) && (w == X64_32 || fits32(v))) {
        o.is_imm = true;
        o.imm = (int32_t)v;
    } else if (!emit_homed(e, item) && e->val[item].kind == VAL_HOME && item) {
        o.is_mem = true;
        o.mem = item_mem(item);
    } else {
        o.reg = w == X64_64 ? emit_use64(e, item, scratch)
                            : emit_use32(e, item, scratch);
    }
    return o;
}

static struct operand immediate(int32_t imm)
{
    return (struct operand){ true, false, X64_NONE, imm, { 0 } };
}

static void into(struct x64_buf *b, enum x64_width w, int reg,
                 const struct operand *o)
{
    if (o->is_imm)
        x64_mov_imm(b, reg,
                    w == X64_64 ? (uint64_t)(int64_t)o->imm : (uint32_t)o->imm);
    else if (o->is_mem)
        x64_load(b, w, reg, o->mem);
    else if (o->reg != reg)
        x64_mov(b, w, reg, o->reg);
}

static void apply(struct x64_buf *b, enum x64_alu op, enum x64_width w, int reg,
                  const struct operand *o)
{
    if (o->is_imm)
        x64_alu_imm(b, op, w, reg, o->imm);
    else if (o->is_mem)
        x64_alu_load(b, op, w, reg, o->mem);
    else
        x64_alu(b, op, w, reg, o->reg);
}

/* reg = a op c; reg may be that of either.  Returns where it is: reg or rax. */
static int combine(struct emit *e, enum x64_alu op, enum x64_width w, int reg,
                   struct operand a, struct operand c)
{
    bool commutes = op != X64_SUB;

    if (commutes && (c.reg == reg || a.is_imm)) {
        struct operand t = a;

        a = c;
        c = t;
    }
    /* lea adds without a copy first. */
    if (op == X64_ADD && a.reg != X64_NONE && a.reg != reg &&
        (c.is_imm || c.reg != X64_NONE)) {
        struct x64_mem m =
            c.is_imm ? x64_at((enum x64_reg)a.reg, c.imm)
                     : x64_sum((enum x64_reg)a.reg, (enum x64_reg)c.reg, 0, 0);

        x64_lea(e->b, w, reg, m);
        return reg;
    }
    if (c.reg == reg && reg != X64_NONE && a.reg != reg)
        reg = X64_RAX;
    into(e->b, w, reg, &a);
    apply(e->b, op, w, reg, &c);
    return reg;
}

static void two(struct emit *e, const struct slot *s, enum x64_alu op,
                enum x64_width w, const struct operand *second, enum done done)
{
    struct operand a, c;

    emit_begin_def(e, s->d);
    a = operand(e, s->a, w, X64_RAX);
    c = second ? *second : operand(e, s->b, w, X64_RCX);
    emit_done(e, s->d, combine(e, op, w, emit_def(e, s->d), a, c), done);
}

/* --- Sums and shifts that addresses are made of
 * ------------------------------------------ */

/* Could d = a + imm wait until somebody wants it? */
static bool defer_sum(struct emit *e, unsigned d, unsigned a, int64_t imm)
{
    const struct val *v = &e->val[a];
    struct val sum = { .kind = VAL_SUM, .a = (uint8_t)a, .imm = imm };

    if (d == a || !emit_homed(e, a) || !fits32(imm))
        return false;
    if (v->kind == VAL_SUM && v->a) {
        sum = *v;
        sum.imm += imm;
        if (!fits32(sum.imm) || sum.a == d || sum.b == d)
            return false;
    } else if (v->kind != VAL_HOME) {
        return false;
    }
    emit_begin_def(e, d);
    emit_defer(e, d, sum);
    return true;
}

/* d = a + b, with b perhaps a shifted item or a constant. */
static bool defer_pair(struct emit *e, unsigned d, unsigned a, unsigned b)
{
    const struct val *va = &e->val[a], *vb = &e->val[b];
    struct val sum = { .kind = VAL_SUM, .a = (uint8_t)a, .b = (uint8_t)b };
    int64_t c;

    if (!a || !b)
        return false;
    if (emit_const(e, a, &c))
        return defer_sum(e, d, b, c);
    if (emit_const(e, b, &c))
        return defer_sum(e, d, a, c);
    if (va->kind == VAL_SUM && !va->a && !va->imm && vb->kind == VAL_HOME) {
        sum = (struct val){
            .kind = VAL_SUM, .a = (uint8_t)b, .b = va->b, .scale = va->scale
        };
    } else if (vb->kind == VAL_SUM && !vb->a && !vb->imm &&
               va->kind == VAL_HOME) {
        sum.b = vb->b;
        sum.scale = vb->scale;
    } else if (va->kind != VAL_HOME || vb->kind != VAL_HOME) {
        return false;
    }
    if (sum.a == d || sum.b == d || !emit_homed(e, sum.a) ||
        !emit_homed(e, sum.b))
        return false;
    emit_begin_def(e, d);
    emit_defer(e, d, sum);
    return true;
}

/* --- Comparisons
 * ------------------------------------------------------------------------ */

/* The item stays where an instruction can compare it, later too. */
static void prepare(struct emit *e, unsigned item, bool is_wide)
{
    if (e->val[item].kind != VAL_LOW || is_wide)
        emit_make(e, item);
}

/* d = a cond c is made when it is wanted: most often a branch is all. */
static void compare(struct emit *e, const struct slot *s, enum x64_cond cond,
                    bool is_imm)
{
    struct val v = { .kind = VAL_CMP,
                     .a = s->a,
                     .b = is_imm ? 0 : s->b,
                     .scale = (uint8_t)cond };
    int64_t c;

    if (is_imm) {
        v.imm = s->imm;
    } else if (emit_const(e, s->b, &c) && fits32(c)) {
        v.b = 0;
        v.imm = c;
    } else if (emit_const(e, s->a, &c) && fits32(c)) { /* the other way round */
        v.a = s->b;
        v.b = 0;
        v.imm = c;
        v.scale = cond == X64_L ? X64_G : X64_A;
    }
    v.is_wide = !emit_is_sx(e, v.a) || (v.b && !emit_is_sx(e, v.b));
    emit_begin_def(e, s->d);
    if (!v.a) { /* 0 against a constant that an instruction cannot hold */
        emit_compare(e, &v);
        x64_setcc(e->b, cond, X64_RAX);
        x64_extend(e->b, false, 1, X64_32, X64_RAX, X64_RAX);
        emit_done(e, s->d, X64_RAX, DONE_SX);
        return;
    }
    prepare(e, v.a, v.is_wide);
    if (v.b)
        prepare(e, v.b, v.is_wide);
    emit_defer(e, s->d, v);
}

/* --- The operations of one row
 * ----------------------------------------------------------- */

/* A shift by a constant, as it is decoded. */
struct shift {
    bool is_shift, is_wide;
    enum x64_shift op;
    unsigned by;
};

static struct shift shift_of(const struct slot *s)
{
    unsigned by = (unsigned)s->imm;

    switch (s->op) {
    case OP_SLL32_I:
        return (struct shift){ true, false, X64_SHL, by & 31 };
    case OP_SRL32_I:
        return (struct shift){ true, false, X64_SHR, by & 31 };
    case OP_SLL64_I:
        return (struct shift){ true, true, X64_SHL, by & 63 };
    case OP_SRL64_I:
        return (struct shift){ true, true, X64_SHR, by & 63 };
    case OP_SRA64_I:
        return (struct shift){ true, true, X64_SAR, by & 63 };
    default:
        return (struct shift){ 0 };
    }
}

/* Left and right together, of the same number, go round. */
static bool are_halves(bool is_wide, unsigned op, unsigned by, bool other_wide,
                       unsigned other_op, unsigned other_by)
{
    return is_wide == other_wide && by + other_by == (is_wide ? 64u : 32u) &&
           ((op == X64_SHL && other_op == X64_SHR) ||
            (op == X64_SHR && other_op == X64_SHL));
}

static bool joins(unsigned op)
{
    return op == OP_OR_R || op == OP_XOR_R || op == OP_ADD32_R ||
           op == OP_ADD64_R;
}

/*
 * Will this shift be one half of a rotation, or the first of two that extend
 * the low half of a register?  Looks at the instructions that come.
 */
static bool has_other_half(const struct emit *e, const struct slot *s,
                           const struct shift *h)
{
    unsigned end = (unsigned)e->k->at + e->k->insns, other = 0;

    for (unsigned i = e->at + 1; i < end && i < e->at + 12; i++) {
        const struct slot *n = &e->u->insn[i];
        struct shift m = shift_of(n);
        struct op_sets sets;

        if (h->op == X64_SHL && h->is_wide && h->by == 32 && m.is_wide &&
            m.op != X64_SHL && m.by == 32 && n->a == s->d)
            return true;
        if (joins(n->op) && other &&
            ((n->a == s->d && n->b == other) ||
             (n->b == s->d && n->a == other)))
            return true;
        if (m.is_shift && n->a == s->a && n->d != s->d &&
            are_halves(h->is_wide, h->op, h->by, m.is_wide, m.op, m.by))
            other = n->d;
        jit_op_sets(n, &sets);
        if (sets.def & (UINT64_C(1) << s->d | UINT64_C(1) << s->a))
            return false;
    }
    return false;
}

static bool is_other_half(const struct emit *e, const struct slot *s,
                          const struct shift *h)
{
    for (uint64_t left = e->special; left; left &= left - 1) {
        const struct val *v = &e->val[__builtin_ctzll(left)];

        if (v->kind == VAL_SHIFT && v->a == s->a &&
            are_halves(h->is_wide, h->op, h->by, v->is_wide, (unsigned)v->imm,
                       v->scale))
            return true;
    }
    return false;
}

static bool defer_shift(struct emit *e, const struct slot *s)
{
    struct shift h = shift_of(s);
    const struct val *v = &e->val[s->a];

    if (!h.is_shift || h.op == X64_SAR || s->d == s->a ||
        !emit_homed(e, s->a) || !emit_homed(e, s->d) ||
        (v->kind != VAL_HOME && (h.is_wide || v->kind != VAL_LOW)))
        return false;
    if (!is_other_half(e, s, &h) && !has_other_half(e, s, &h))
        return false;
    emit_begin_def(e, s->d);
    emit_defer(e, s->d,
               (struct val){ .kind = VAL_SHIFT,
                             .a = s->a,
                             .scale = (uint8_t)h.by,
                             .is_wide = h.is_wide,
                             .imm = h.op });
    return true;
}

/* d = the low half of a, extended: a shift by 32 back after one up. */
static bool extends(struct emit *e, const struct slot *s, enum x64_shift op)
{
    struct val v = e->val[s->a];
    int reg;

    if (op == X64_SHL || v.kind != VAL_SHIFT || !v.is_wide || v.scale != 32 ||
        v.imm != X64_SHL)
        return false;
    emit_begin_def(e, s->d);
    reg = emit_def(e, s->d);
    if (op == X64_SAR)
        x64_movsxd(e->b, reg, emit_use32(e, v.a, X64_RAX));
    else
        x64_mov(e->b, X64_32, reg, emit_use32(e, v.a, X64_RAX));
    emit_done(e, s->d, reg, op == X64_SAR ? DONE_SX : DONE_FULL);
    return true;
}

/* d = a | b, when these are the two halves of a rotation. */
static bool rotates(struct emit *e, const struct slot *s)
{
    struct val a = e->val[s->a], b = e->val[s->b];
    enum x64_width w = a.is_wide ? X64_64 : X64_32;
    unsigned right;
    int reg, from;

    if (a.kind != VAL_SHIFT || b.kind != VAL_SHIFT || a.a != b.a ||
        !are_halves(a.is_wide, (unsigned)a.imm, a.scale, b.is_wide,
                    (unsigned)b.imm, b.scale))
        return false;
    if (a.is_wide && s->op == OP_ADD32_R)
        return false;
    right = a.imm == X64_SHR ? a.scale : b.scale;
    emit_begin_def(e, s->d);
    from = emit_use32(e, a.a, X64_RAX);
    reg = emit_def(e, s->d);
    if (e->jit->features & X64_HAS_BMI2) {
        x64_rorx(e->b, w, reg, from, right);
    } else {
        if (reg != from)
            x64_mov(e->b, w, reg, from);
        x64_shift_imm(e->b, X64_ROR, w, reg, right);
    }
    emit_done(e, s->d, reg, a.is_wide ? DONE_FULL : DONE_LOW);
    return true;
}

static void shift_imm(struct emit *e, const struct slot *s, enum x64_shift op,
                      enum x64_width w)
{
    unsigned by = (unsigned)s->imm & (w == X64_64 ? 63 : 31);
    struct operand a;
    int reg;

    if (by == 0) {
        emit_copy(e, s->d, s->a, w == X64_32);
        return;
    }
    if (defer_shift(e, s) || (w == X64_64 && by == 32 && extends(e, s, op)))
        return;
    emit_begin_def(e, s->d);
    if (op == X64_SHL && w == X64_64 && by <= 3 && s->d != s->a &&
        emit_homed(e, s->a) && e->val[s->a].kind == VAL_HOME) {
        emit_defer(
            e, s->d,
            (struct val){ .kind = VAL_SUM, .b = s->a, .scale = (uint8_t)by });
        return;
    }
    a = operand(e, s->a, w, X64_RAX);
    reg = emit_def(e, s->d);
    into(e->b, w, reg, &a);
    x64_shift_imm(e->b, op, w, reg, by);
    emit_done(e, s->d, reg, w == X64_64 ? DONE_FULL : DONE_LOW);
}

static void shift_reg(struct emit *e, const struct slot *s, enum x64_shift op,
                      enum x64_width w)
{
    enum x64_bmi2 bmi2 = op == X64_SHL   ? X64_SHLX
                         : op == X64_SHR ? X64_SHRX
                                         : X64_SARX;
    struct operand a;
    int by, reg;

    emit_begin_def(e, s->d);
    if (e->jit->features & X64_HAS_BMI2) {
        int from = w == X64_64 ? emit_use64(e, s->a, X64_RAX)
                               : emit_use32(e, s->a, X64_RAX);

        by = emit_use32(e, s->b, X64_RCX);
        reg = emit_def(e, s->d);
        x64_shiftx(e->b, bmi2, w, reg, from, by);
    } else {
        by = emit_use32(e, s->b, X64_RCX);
        if (by != X64_RCX)
            x64_mov(e->b, X64_32, X64_RCX, by);
        a = operand(e, s->a, w, X64_RAX);
        reg = X64_RAX;
        into(e->b, w, reg, &a);
        x64_shift_cl(e->b, op, w, reg);
    }
    emit_done(e, s->d, reg, w == X64_64 ? DONE_FULL : DONE_LOW);
}

static void nor(struct emit *e, const struct slot *s, enum x64_width w,
                enum done done)
{
    struct operand a, c;
    int reg;

    emit_begin_def(e, s->d);
    a = operand(e, s->a, w, X64_RAX);
    c = operand(e, s->b, w, X64_RCX);
    reg = combine(e, X64_OR, w, emit_def(e, s->d), a, c);
    x64_invert(e->b, w, reg);
    emit_done(e, s->d, reg, done);
}

/* AND, OR, XOR, NOR: of two 32-bit numbers the result is one. */
static void logic(struct emit *e, const struct slot *s, enum x64_alu op,
                  bool is_nor)
{
    bool low = emit_is_sx(e, s->a) && emit_is_sx(e, s->b);
    enum x64_width w = low ? X64_32 : X64_64;
    enum done done = low ? DONE_LOW : DONE_FULL;

    if (!is_nor && op != X64_AND && rotates(e, s))
        return;
    if (is_nor)
        nor(e, s, w, done);
    else if (op != X64_AND && s->b == 0)
        emit_copy(e, s->d, s->a, false);
    else if (op != X64_AND && s->a == 0)
        emit_copy(e, s->d, s->b, false);
    else
        two(e, s, op, w, NULL, done);
}

/* With an unsigned constant of 16 bits. */
static void logic_imm(struct emit *e, const struct slot *s, enum x64_alu op)
{
    struct operand imm = immediate(s->imm);
    struct operand a;
    int reg;

    if (op == X64_AND && (s->imm == 0xff || s->imm == 0xffff)) {
        unsigned bytes = s->imm == 0xff ? 1 : 2;

        emit_begin_def(e, s->d);
        reg = emit_use32(e, s->a, X64_RAX);
        x64_extend(e->b, false, bytes, X64_32, emit_def(e, s->d), reg);
        emit_done(e, s->d, emit_def(e, s->d), DONE_SX);
        return;
    }
    if (op == X64_AND) {
        two(e, s, op, X64_32, &imm, DONE_SX);
        return;
    }
    if (emit_is_sx(e, s->a)) {
        two(e, s, op, X64_32, &imm, DONE_LOW);
        return;
    }
    emit_begin_def(e, s->d);
    a = operand(e, s->a, X64_64, X64_RAX);
    emit_done(e, s->d, combine(e, op, X64_64, emit_def(e, s->d), a, imm),
              DONE_FULL);
}

static void add_imm(struct emit *e, const struct slot *s, enum x64_width w)
{
    struct operand imm = immediate(s->imm);

    if (s->imm == 0)
        emit_copy(e, s->d, s->a, w == X64_32);
    else if (w == X64_32)
        two(e, s, X64_ADD, X64_32, &imm, DONE_LOW);
    else if (!defer_sum(e, s->d, s->a, s->imm))
        two(e, s, X64_ADD, X64_64, &imm, DONE_FULL);
}

static void add_reg(struct emit *e, const struct slot *s, enum x64_width w)
{
    if (s->b == 0)
        emit_copy(e, s->d, s->a, w == X64_32);
    else if (s->a == 0)
        emit_copy(e, s->d, s->b, w == X64_32);
    else if (rotates(e, s))
        return;
    else if (w == X64_32)
        two(e, s, X64_ADD, X64_32, NULL, DONE_LOW);
    else if (!defer_pair(e, s->d, s->a, s->b))
        two(e, s, X64_ADD, X64_64, NULL, DONE_FULL);
}

static void sub_reg(struct emit *e, const struct slot *s, enum x64_width w)
{
    if (s->b == 0)
        emit_copy(e, s->d, s->a, w == X64_32);
    else
        two(e, s, X64_SUB, w, NULL, w == X64_32 ? DONE_LOW : DONE_FULL);
}

void emit_alu(struct emit *e, const struct slot *s)
{
    bool is_imm = jit_op_info[s->op].kind == KIND_ALU_I;
    int64_t a, c = s->imm;

    if (s->d == SINK)
        return;
    if (emit_const(e, s->a, &a) && (is_imm || emit_const(e, s->b, &c))) {
        emit_set_const(e, s->d,
                       (int64_t)evaluate(s->op, (uint64_t)a, (uint64_t)c));
        return;
    }
    switch (s->op) {
    case OP_ADD32_R:
        add_reg(e, s, X64_32);
        break;
    case OP_ADD32_I:
        add_imm(e, s, X64_32);
        break;
    case OP_ADD64_R:
        add_reg(e, s, X64_64);
        break;
    case OP_ADD64_I:
        add_imm(e, s, X64_64);
        break;
    case OP_SUB32_R:
        sub_reg(e, s, X64_32);
        break;
    case OP_SUB64_R:
        sub_reg(e, s, X64_64);
        break;
    case OP_AND_R:
        logic(e, s, X64_AND, false);
        break;
    case OP_OR_R:
        logic(e, s, X64_OR, false);
        break;
    case OP_XOR_R:
        logic(e, s, X64_XOR, false);
        break;
    case OP_NOR_R:
        logic(e, s, X64_OR, true);
        break;
    case OP_AND_I:
        logic_imm(e, s, X64_AND);
        break;
    case OP_OR_I:
        logic_imm(e, s, X64_OR);
        break;
    case OP_XOR_I:
        logic_imm(e, s, X64_XOR);
        break;
    case OP_LTS_R:
    case OP_LTS_I:
        compare(e, s, X64_L, is_imm);
        break;
    case OP_LTU_R:
    case OP_LTU_I:
        compare(e, s, X64_B, is_imm);
        break;
    case OP_SLL32_I:
        shift_imm(e, s, X64_SHL, X64_32);
        break;
    case OP_SRL32_I:
        shift_imm(e, s, X64_SHR, X64_32);
        break;
    case OP_SRA32_I:
        shift_imm(e, s, X64_SAR, X64_32);
        break;
    case OP_SLL64_I:
        shift_imm(e, s, X64_SHL, X64_64);
        break;
    case OP_SRL64_I:
        shift_imm(e, s, X64_SHR, X64_64);
        break;
    case OP_SRA64_I:
        shift_imm(e, s, X64_SAR, X64_64);
        break;
    case OP_SLL32_R:
        shift_reg(e, s, X64_SHL, X64_32);
        break;
    case OP_SRL32_R:
        shift_reg(e, s, X64_SHR, X64_32);
        break;
    case OP_SRA32_R:
        shift_reg(e, s, X64_SAR, X64_32);
        break;
    case OP_SLL64_R:
        shift_reg(e, s, X64_SHL, X64_64);
        break;
    case OP_SRL64_R:
        shift_reg(e, s, X64_SHR, X64_64);
        break;
    case OP_SRA64_R:
        shift_reg(e, s, X64_SAR, X64_64);
        break;
    default:
        e->failed = true; /* a row of uop.def that nobody taught us */
        break;
    }
}

/* --- Exceptions
 * ----------------------------------------------------------------------------
 */

static struct cold *raise(struct emit *e, enum mips_exc exc)
{
    struct cold *c = emit_cold(e, COLD_RAISE);

    c->site = (uint16_t)emit_site(e);
    c->d = (uint8_t)exc;
    return c;
}

/* ADD, ADDI, SUB and their kin: nothing is written on overflow. */
void emit_overflow(struct emit *e, const struct slot *s)
{
    bool is_sub = s->op == OP_SUBV32_R || s->op == OP_SUBV64_R;
    bool is_64 =
        s->op == OP_ADDV64_R || s->op == OP_ADDV64_I || s->op == OP_SUBV64_R;
    bool is_imm = jit_op_info[s->op].kind == KIND_OVF_I;
    enum x64_width w = is_64 ? X64_64 : X64_32;
    struct operand a, c;
    struct cold *cold;

    if (s->d != SINK)
        emit_begin_def(e, s->d);
    a = operand(e, s->a, w, X64_RAX);
    c = is_imm ? immediate(s->imm) : operand(e, s->b, w, X64_RCX);
    cold = raise(e, EXC_OV);
    into(e->b, w, X64_RAX, &a);
    apply(e->b, is_sub ? X64_SUB : X64_ADD, w, X64_RAX, &c);
    x64_jcc(e->b, X64_O, &cold->at);
    if (s->d != SINK)
        emit_done(e, s->d, X64_RAX, is_64 ? DONE_FULL : DONE_LOW);
}

static enum x64_cond trap_cond(unsigned op)
{
    switch (op) {
    case OP_TGE_R:
    case OP_TGE_I:
        return X64_GE;
    case OP_TGEU_R:
    case OP_TGEU_I:
        return X64_AE;
    case OP_TLT_R:
    case OP_TLT_I:
        return X64_L;
    case OP_TLTU_R:
    case OP_TLTU_I:
        return X64_B;
    case OP_TEQ_R:
    case OP_TEQ_I:
        return X64_E;
    default:
        return X64_NE;
    }
}

void emit_trap(struct emit *e, const struct slot *s)
{
    bool is_imm = jit_op_info[s->op].kind == KIND_TRAP_I;
    struct operand c;
    struct cold *cold;
    int a = emit_use64(e, s->a, X64_RAX);

    c = is_imm ? immediate(s->imm) : operand(e, s->b, X64_64, X64_RCX);
    cold = raise(e, EXC_TR);
    apply(e->b, X64_CMP, X64_64, a, &c);
    x64_jcc(e->b, trap_cond(s->op), &cold->at);
}

/* --- Products and quotients
 * ------------------------------------------------------------------ */

static bool is_wanted(const struct emit *e, unsigned item)
{
    return e->need[e->at - e->k->at + 1] >> item & 1;
}

static void multiply32(struct emit *e, const struct slot *s, bool is_signed)
{
    int a, c;

    emit_begin_def(e, ITEM_HI);
    emit_begin_def(e, ITEM_LO);
    a = emit_use32(e, s->a, X64_RAX);
    c = emit_use32(e, s->b, X64_RCX);
    if (is_signed) {
        x64_movsxd(e->b, X64_RAX, a);
        x64_movsxd(e->b, X64_RCX, c);
    } else {
        x64_mov(e->b, X64_32, X64_RAX, a);
        x64_mov(e->b, X64_32, X64_RCX, c);
    }
    x64_imul(e->b, X64_64, X64_RAX, X64_RCX);
    if (is_wanted(e, ITEM_LO)) {
        int lo = emit_homed(e, ITEM_LO) ? e->u->home[ITEM_LO] : X64_RCX;

        x64_movsxd(e->b, lo, X64_RAX);
        emit_done(e, ITEM_LO, lo, DONE_SX);
    }
    if (is_wanted(e, ITEM_HI)) {
        x64_shift_imm(e->b, X64_SAR, X64_64, X64_RAX, 32);
        emit_done(e, ITEM_HI, X64_RAX, DONE_SX);
    }
}

/* rdx is not a home in units that have one of these. */
static void multiply64(struct emit *e, const struct slot *s, bool is_signed)
{
    struct operand a;
    int c;

    emit_begin_def(e, ITEM_HI);
    emit_begin_def(e, ITEM_LO);
    c = emit_use64(e, s->b, X64_RCX);
    a = operand(e, s->a, X64_64, X64_RAX);
    into(e->b, X64_64, X64_RAX, &a);
    x64_wide(e->b, is_signed ? X64_IMUL : X64_MUL, X64_64, c);
    emit_done(e, ITEM_LO, X64_RAX, DONE_FULL);
    emit_done(e, ITEM_HI, X64_RDX, DONE_FULL);
}

/* What the host cannot divide goes to C. */
static void divide(struct emit *e, const struct slot *s, enum x64_width w,
                   bool is_signed)
{
    struct operand a;
    struct cold *cold;
    int c;

    emit_begin_def(e, ITEM_HI);
    emit_begin_def(e, ITEM_LO);
    c = emit_use64(e, s->b, X64_RCX);
    a = operand(e, s->a, w, X64_RAX);
    cold = emit_cold(e, COLD_IN_C);
    cold->site = (uint16_t)emit_site(e);
    if (is_signed) {
        /* 0 and -1 are 0 and -1 of 32 bits, too. */
        x64_lea(e->b, w, X64_RDX, x64_at((enum x64_reg)c, 1));
        x64_alu_imm(e->b, X64_CMP, w, X64_RDX, 1);
        x64_jcc(e->b, X64_BE, &cold->at);
    } else {
        x64_test(e->b, w, c, c);
        x64_jcc(e->b, X64_E, &cold->at);
    }
    into(e->b, w, X64_RAX, &a);
    if (is_signed)
        x64_cqo(e->b, w);
    else
        x64_zero(e->b, X64_RDX);
    x64_wide(e->b, is_signed ? X64_IDIV : X64_DIV, w, c);
    if (w == X64_32) {
        x64_movsxd(e->b, X64_RAX, X64_RAX);
        x64_movsxd(e->b, X64_RDX, X64_RDX);
    }
    emit_done(e, ITEM_LO, X64_RAX, w == X64_32 ? DONE_SX : DONE_FULL);
    emit_done(e, ITEM_HI, X64_RDX, w == X64_32 ? DONE_SX : DONE_FULL);
}

/* --- The rest
 * ----------------------------------------------------------------------------------
 */

/* d, made and in a register: its home or rax. */
static int old_value(struct emit *e, unsigned d)
{
    if (emit_homed(e, d))
        return emit_use64(e, d, X64_RAX);
    x64_load(e->b, X64_64, X64_RAX, item_mem(d));
    return X64_RAX;
}

static void move_if(struct emit *e, const struct slot *s, enum x64_cond cond)
{
    bool sx = emit_is_sx(e, s->a) && emit_is_sx(e, s->d);
    int a, c, d;

    emit_begin_def(e, s->d);
    emit_make(e, s->d);
    a = emit_use64(e, s->a, X64_RCX);
    c = emit_use64(e, s->b, X64_RAX);
    x64_test(e->b, X64_64, c, c);
    d = old_value(e, s->d);
    x64_cmov(e->b, cond, X64_64, d, a);
    emit_done(e, s->d, d, sx ? DONE_SX : DONE_FULL);
}

static void move_cc(struct emit *e, const struct slot *s)
{
    bool sx = emit_is_sx(e, s->a) && emit_is_sx(e, s->d);
    int a, d;

    emit_begin_def(e, s->d);
    emit_make(e, s->d);
    a = emit_use64(e, s->a, X64_RCX);
    x64_cmp8_imm(e->b, cc_mem(s->x >> 1), 0);
    d = old_value(e, s->d);
    x64_cmov(e->b, s->x & 1 ? X64_NE : X64_E, X64_64, d, a);
    emit_done(e, s->d, d, sx ? DONE_SX : DONE_FULL);
}

static void move_hilo(struct emit *e, unsigned d, unsigned a)
{
    if (a != 0)
        emit_copy(e, d, a, false);
    else
        emit_set_const(e, d, 0);
}

void emit_op(struct emit *e, const struct slot *s)
{
    switch (s->op) {
    case OP_NOP:
        break;
    case OP_CONST:
        if (s->d != SINK)
            emit_set_const(e, s->d, s->imm);
        break;
    case OP_MOVZ:
        if (s->d != SINK)
            move_if(e, s, X64_E);
        break;
    case OP_MOVN:
        if (s->d != SINK)
            move_if(e, s, X64_NE);
        break;
    case OP_MOVCC:
        if (s->d != SINK)
            move_cc(e, s);
        break;
    case OP_MFHI:
        if (s->d != SINK)
            move_hilo(e, s->d, ITEM_HI);
        break;
    case OP_MFLO:
        if (s->d != SINK)
            move_hilo(e, s->d, ITEM_LO);
        break;
    case OP_MTHI:
        move_hilo(e, ITEM_HI, s->a);
        break;
    case OP_MTLO:
        move_hilo(e, ITEM_LO, s->a);
        break;
    case OP_MULT:
        multiply32(e, s, true);
        break;
    case OP_MULTU:
        multiply32(e, s, false);
        break;
    case OP_DMULT:
        multiply64(e, s, true);
        break;
    case OP_DMULTU:
        multiply64(e, s, false);
        break;
    case OP_DIV:
        divide(e, s, X64_32, true);
        break;
    case OP_DIVU:
        divide(e, s, X64_32, false);
        break;
    case OP_DDIV:
        divide(e, s, X64_64, true);
        break;
    case OP_DDIVU:
        divide(e, s, X64_64, false);
        break;
    case OP_SYNC:
        x64_fence(e->b);
        break;
    default:
        emit_fp_op(e, s);
        break;
    }
}
