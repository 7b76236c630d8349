/*
 * emit_value.c - values of guest registers and their homes; emit.h tells what a
 * value can be.
 */
#include "mips/jit/emit.h"

#define BIT(item) (UINT64_C(1) << (item))

/* --- Homes
 * ------------------------------------------------------------------------- */

static int home_of(struct emit *e, unsigned item)
{
    int h = e->u->home[item];

    if (h != X64_NONE && !(e->resident & BIT(item))) {
        x64_load(e->b, X64_64, h, item_mem(item));
        e->resident |= BIT(item);
    }
    return h;
}

static void set_home(struct emit *e, unsigned item)
{
    e->val[item].kind = VAL_HOME;
    e->special &= ~BIT(item);
}

/* The home has a new value: in its register, or already in memory. */
static void home_written(struct emit *e, unsigned item, bool is_sx)
{
    set_home(e, item);
    e->sx = is_sx ? e->sx | BIT(item) : e->sx & ~BIT(item);
    if (!emit_homed(e, item))
        return;
    e->resident |= BIT(item);
    e->dirty |= BIT(item);
}

static bool fits32(int64_t v)
{
    return v == (int32_t)v;
}

static void store_const(struct x64_buf *b, struct x64_mem m, int64_t v)
{
    if (fits32(v)) {
        x64_store_imm(b, X64_64, m, (int32_t)v);
        return;
    }
    x64_mov_imm(b, X64_RAX, (uint64_t)v);
    x64_store(b, X64_64, m, X64_RAX);
}

/* The sum into `reg`.  Its items have registers. */
static void make_sum(struct emit *e, const struct val *v, int reg)
{
    int a = v->a ? home_of(e, v->a) : X64_NONE;
    int other = v->b ? home_of(e, v->b) : X64_NONE;

    if (!v->a) {
        if (reg != other)
            x64_mov(e->b, X64_64, reg, other);
        x64_shift_imm(e->b, X64_SHL, X64_64, reg, v->scale);
    } else if (v->b) {
        x64_lea(e->b, X64_64, reg,
                x64_sum((enum x64_reg)a, (enum x64_reg)other, v->scale,
                        (int32_t)v->imm));
    } else {
        x64_lea(e->b, X64_64, reg, x64_at((enum x64_reg)a, (int32_t)v->imm));
    }
}

void emit_compare(struct emit *e, const struct val *v)
{
    enum x64_width w = v->is_wide ? X64_64 : X64_32;
    int a = v->is_wide ? emit_use64(e, v->a, X64_RAX)
                       : emit_use32(e, v->a, X64_RAX);

    if (!v->b) {
        if (v->imm)
            x64_alu_imm(e->b, X64_CMP, w, a, (int32_t)v->imm);
        else
            x64_test(e->b, w, a, a);
        return;
    }
    x64_alu(e->b, X64_CMP, w, a,
            v->is_wide ? emit_use64(e, v->b, X64_RCX)
                       : emit_use32(e, v->b, X64_RCX));
}

/* A comparison of 0 may have been turned into a test: the same flags. */
static void make_cmp(struct emit *e, unsigned item)
{
    struct val v = e->val[item];
    int h = e->u->home[item];

    set_home(e, item); /* it may be about its own old value */
    emit_compare(e, &v);
    x64_setcc(e->b, (enum x64_cond)v.scale, X64_RAX);
    x64_extend(e->b, false, 1, X64_32, h == X64_NONE ? X64_RAX : h, X64_RAX);
    if (h == X64_NONE)
        x64_store(e->b, X64_64, item_mem(item), X64_RAX);
    home_written(e, item, true);
}

/* The bits of the shift, whose upper half may have to be made yet.  The item
 * has a home. */
static void make_shift(struct emit *e, unsigned item)
{
    struct val v = e->val[item];
    enum x64_width w = v.is_wide ? X64_64 : X64_32;
    int h = e->u->home[item];

    x64_mov(e->b, w, h, home_of(e, v.a));
    x64_shift_imm(e->b, (enum x64_shift)v.imm, w, h, v.scale);
    home_written(e, item, !v.is_wide);
    if (v.is_wide)
        return;
    e->val[item].kind = VAL_LOW;
    e->special |= BIT(item);
}

void emit_make(struct emit *e, unsigned item)
{
    struct val v = e->val[item];
    int h = e->u->home[item];

    switch ((enum val_kind)v.kind) {
    case VAL_HOME:
        return;
    case VAL_LOW:
        x64_movsxd(e->b, h, h);
        home_written(e, item, true);
        return;
    case VAL_CONST:
        if (h != X64_NONE)
            x64_mov_imm(e->b, h, (uint64_t)v.imm);
        else
            store_const(e->b, item_mem(item), v.imm);
        home_written(e, item, fits32(v.imm));
        return;
    case VAL_SUM:
        make_sum(e, &v, h == X64_NONE ? X64_RAX : h);
        if (h == X64_NONE)
            x64_store(e->b, X64_64, item_mem(item), X64_RAX);
        home_written(e, item, false);
        return;
    case VAL_SHIFT:
        make_shift(e, item);
        emit_make(e, item);
        return;
    case VAL_CMP:
        make_cmp(e, item);
        return;
    }
}

/* --- Reading
 * ------------------------------------------------------------------------- */

bool emit_const(const struct emit *e, unsigned item, int64_t *v)
{
    if (item && e->val[item].kind != VAL_CONST)
        return false;
    *v = item ? e->val[item].imm : 0;
    return true;
}

bool emit_is_sx(const struct emit *e, unsigned item)
{
    switch ((enum val_kind)e->val[item].kind) {
    case VAL_LOW:
    case VAL_CMP:
        return true;
    case VAL_CONST:
        return fits32(e->val[item].imm);
    case VAL_SHIFT:
        return !e->val[item].is_wide;
    case VAL_HOME:
        return !item || e->sx >> item & 1;
    default:
        return false;
    }
}

static int use(struct emit *e, unsigned item, int scratch, enum x64_width w)
{
    const struct val *v = &e->val[item];
    int h;

    if (item == 0) {
        x64_mov_imm(e->b, scratch, 0);
        return scratch;
    }
    if (v->kind == VAL_CONST && !emit_homed(e, item)) {
        x64_mov_imm(e->b, scratch,
                    w == X64_64 ? (uint64_t)v->imm : (uint32_t)v->imm);
        return scratch;
    }
    if (v->kind == VAL_SUM && !emit_homed(e, item)) {
        struct val sum = *v;

        make_sum(e, &sum, scratch);
        return scratch;
    }
    if (v->kind == VAL_SHIFT)
        make_shift(e, item);
    if (!(v->kind == VAL_LOW && w == X64_32))
        emit_make(e, item);
    h = home_of(e, item);
    if (h != X64_NONE)
        return h;
    x64_load(e->b, w, scratch, item_mem(item));
    return scratch;
}

int emit_use64(struct emit *e, unsigned item, int scratch)
{
    return use(e, item, scratch, X64_64);
}

int emit_use32(struct emit *e, unsigned item, int scratch)
{
    return use(e, item, scratch, X64_32);
}

/* --- Writing
 * ------------------------------------------------------------------------- */

static bool is_made_from(const struct val *v, unsigned item)
{
    return (v->kind == VAL_SUM || v->kind == VAL_CMP || v->kind == VAL_SHIFT) &&
           (v->a == item || v->b == item);
}

void emit_begin_def(struct emit *e, unsigned item)
{
    uint64_t wanted = e->need[e->at - e->k->at];

    emit_close_groups(e, item);
    for (uint64_t left = e->special & ~BIT(item); left; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctzll(left);

        if (!is_made_from(&e->val[i], item))
            continue;
        if (wanted >> i & 1)
            emit_make(e, i);
        else
            set_home(e, i); /* to be written before anybody looks */
    }
}

int emit_def(const struct emit *e, unsigned item)
{
    return emit_homed(e, item) ? e->u->home[item] : X64_RAX;
}

/*
 * A copy, or a pointer that is moved a bit, points where it did; anything else
 * may point anywhere.
 */
static uint8_t key_of(const struct emit *e, unsigned item)
{
    const struct slot *s = &e->u->insn[e->at];

    switch (s->op) {
    case OP_ADD32_I:
    case OP_ADD64_I:
        return e->near_key[s->a];
    case OP_ADD64_R:
    case OP_OR_R:
        if (!s->a || !s->b)
            return e->near_key[s->a ? s->a : s->b];
        break;
    default:
        break;
    }
    return (uint8_t)(7 * item + 5u * e->u->word[e->at]);
}

void emit_done(struct emit *e, unsigned item, int reg, enum done done)
{
    int h = e->u->home[item];

    e->near_key[item] = key_of(e, item);
    if (h == X64_NONE) {
        if (done == DONE_LOW)
            x64_movsxd(e->b, reg, reg);
        x64_store(e->b, X64_64, item_mem(item), reg);
        home_written(e, item, done != DONE_FULL);
        return;
    }
    if (reg != h)
        x64_mov(e->b, done == DONE_LOW ? X64_32 : X64_64, h, reg);
    home_written(e, item, done != DONE_FULL);
    if (done == DONE_LOW) {
        e->val[item].kind = VAL_LOW;
        e->special |= BIT(item);
    }
}

void emit_defer(struct emit *e, unsigned item, struct val v)
{
    e->near_key[item] = key_of(e, item);
    e->val[item] = v;
    e->special |= BIT(item);
    e->sx &= ~BIT(item);
}

void emit_set_const(struct emit *e, unsigned item, int64_t v)
{
    emit_begin_def(e, item);
    emit_defer(e, item, (struct val){ .kind = VAL_CONST, .imm = v });
}

void emit_copy(struct emit *e, unsigned d, unsigned a, bool is_32)
{
    const struct val *v = &e->val[a];
    int64_t c;
    int from, to;

    if (d == a && (!is_32 || emit_is_sx(e, a)))
        return;
    if (emit_const(e, a, &c)) {
        emit_set_const(e, d, is_32 ? (int32_t)c : c);
        return;
    }
    emit_begin_def(e, d);
    if (v->kind == VAL_LOW || (is_32 && !emit_is_sx(e, a))) {
        from = emit_use32(e, a, X64_RAX);
        to = emit_def(e, d);
        if (from != to)
            x64_mov(e->b, X64_32, to, from);
        emit_done(e, d, to, DONE_LOW);
        return;
    }
    from = emit_use64(e, a, X64_RAX);
    to = emit_def(e, d);
    if (from != to)
        x64_mov(e->b, X64_64, to, from);
    emit_done(e, d, to, emit_is_sx(e, a) ? DONE_SX : DONE_FULL);
}

void emit_settle(struct emit *e, uint64_t items)
{
    for (uint64_t left = e->special; left; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctzll(left);

        if (items >> i & 1)
            emit_make(e, i);
        else
            set_home(e, i);
    }
}

void emit_store_items(struct emit *e, uint64_t mask)
{
    for (; mask; mask &= mask - 1) {
        unsigned i = (unsigned)__builtin_ctzll(mask);

        x64_store(e->b, X64_64, item_mem(i), e->u->home[i]);
    }
}

void emit_spill(struct emit *e)
{
    emit_settle(e, UINT64_MAX);
    emit_store_items(e, e->dirty);
    e->dirty = 0;
    emit_fp_spill(e, e->fp_dirty);
    e->fp_dirty = 0;
    emit_last(e, &e->last);
}

void emit_reload(struct emit *e, unsigned item)
{
    set_home(e, item);
    e->sx &= ~BIT(item);
    e->dirty &= ~BIT(item);
    if (!emit_homed(e, item))
        return;
    x64_load(e->b, X64_64, e->u->home[item], item_mem(item));
    e->resident |= BIT(item);
}

/* By a group. */
static bool is_taken(const struct emit *e, unsigned near)
{
    for (unsigned i = 0; i < e->groups; i++)
        if (e->group[i].near == near)
            return true;
    return false;
}

/*
 * Which near entry an access by this register uses: the stack has its own, the
 * others by where what they point to was made.
 */
unsigned emit_near(const struct emit *e, unsigned item)
{
    unsigned near = item == 29   ? 0
                    : item == 28 ? 1
                                 : 2 + (e->near_key[item] + e->near_salt) %
                                           (NEAR_ENTRIES - 2u);

    while (is_taken(e, near))
        near = (near + 1) % NEAR_ENTRIES;
    return near;
}
