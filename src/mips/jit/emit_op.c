/*
 * emit_op.c - integer operations that are no rows of a table: products,
 * quotients, conditional moves, HI and LO.
 */
#include "mips/jit/emit.h"

enum { SINK = 32 };

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
    a = emit_operand(e, s->a, X64_64, X64_RAX);
    emit_into(e->b, X64_64, X64_RAX, &a);
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
    a = emit_operand(e, s->a, w, X64_RAX);
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
    emit_into(e->b, w, X64_RAX, &a);
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
