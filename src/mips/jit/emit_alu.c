/*
 * emit_alu.c - integer instructions of one row: sums, logic, comparisons,
 * traps. Shifts are in emit_shift.c, what has operations of its own in
 * emit_op.c.
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

struct operand emit_operand(struct emit *e, unsigned item, enum x64_width w,
                            int scratch)
{
    struct operand o = { .reg = X64_NONE };
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
    return (struct operand){ .is_imm = true, .reg = X64_NONE, .imm = imm };
}

void emit_into(struct x64_buf *b, enum x64_width w, int reg,
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
    emit_into(e->b, w, reg, &a);
    apply(e->b, op, w, reg, &c);
    return reg;
}

static void two(struct emit *e, const struct slot *s, enum x64_alu op,
                enum x64_width w, const struct operand *second, enum done done)
{
    struct operand a, c;

    emit_begin_def(e, s->d);
    a = emit_operand(e, s->a, w, X64_RAX);
    c = second ? *second : emit_operand(e, s->b, w, X64_RCX);
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

static void nor(struct emit *e, const struct slot *s, enum x64_width w,
                enum done done)
{
    struct operand a, c;
    int reg;

    emit_begin_def(e, s->d);
    a = emit_operand(e, s->a, w, X64_RAX);
    c = emit_operand(e, s->b, w, X64_RCX);
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

    if (!is_nor && op != X64_AND && emit_rotation(e, s))
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
    a = emit_operand(e, s->a, X64_64, X64_RAX);
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
    else if (emit_rotation(e, s))
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
        emit_shift_imm(e, s, X64_SHL, X64_32);
        break;
    case OP_SRL32_I:
        emit_shift_imm(e, s, X64_SHR, X64_32);
        break;
    case OP_SRA32_I:
        emit_shift_imm(e, s, X64_SAR, X64_32);
        break;
    case OP_SLL64_I:
        emit_shift_imm(e, s, X64_SHL, X64_64);
        break;
    case OP_SRL64_I:
        emit_shift_imm(e, s, X64_SHR, X64_64);
        break;
    case OP_SRA64_I:
        emit_shift_imm(e, s, X64_SAR, X64_64);
        break;
    case OP_SLL32_R:
        emit_shift_reg(e, s, X64_SHL, X64_32);
        break;
    case OP_SRL32_R:
        emit_shift_reg(e, s, X64_SHR, X64_32);
        break;
    case OP_SRA32_R:
        emit_shift_reg(e, s, X64_SAR, X64_32);
        break;
    case OP_SLL64_R:
        emit_shift_reg(e, s, X64_SHL, X64_64);
        break;
    case OP_SRL64_R:
        emit_shift_reg(e, s, X64_SHR, X64_64);
        break;
    case OP_SRA64_R:
        emit_shift_reg(e, s, X64_SAR, X64_64);
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
    a = emit_operand(e, s->a, w, X64_RAX);
    c = is_imm ? immediate(s->imm) : emit_operand(e, s->b, w, X64_RCX);
    cold = raise(e, EXC_OV);
    emit_into(e->b, w, X64_RAX, &a);
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

    c = is_imm ? immediate(s->imm) : emit_operand(e, s->b, X64_64, X64_RCX);
    cold = raise(e, EXC_TR);
    apply(e->b, X64_CMP, X64_64, a, &c);
    x64_jcc(e->b, trap_cond(s->op), &cold->at);
}
