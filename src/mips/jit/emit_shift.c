/*
 * emit_shift.c - shifts, and what two of them make together: rotations and
 * extensions.
 */
#include "mips/jit/emit.h"

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
        if (e->u->sets[i].def & (UINT64_C(1) << s->d | UINT64_C(1) << s->a))
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

bool emit_rotation(struct emit *e, const struct slot *s)
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

void emit_shift_imm(struct emit *e, const struct slot *s, enum x64_shift op,
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
    a = emit_operand(e, s->a, w, X64_RAX);
    reg = emit_def(e, s->d);
    emit_into(e->b, w, reg, &a);
    x64_shift_imm(e->b, op, w, reg, by);
    emit_done(e, s->d, reg, w == X64_64 ? DONE_FULL : DONE_LOW);
}

void emit_shift_reg(struct emit *e, const struct slot *s, enum x64_shift op,
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
        a = emit_operand(e, s->a, w, X64_RAX);
        reg = X64_RAX;
        emit_into(e->b, w, reg, &a);
        x64_shift_cl(e->b, op, w, reg);
    }
    emit_done(e, s->d, reg, w == X64_64 ? DONE_FULL : DONE_LOW);
}
