/*
 * emit.c - values and homes of guest registers, and the frame of a unit's code.
 */
#include <string.h>

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

static void store_items(struct emit *e, uint64_t mask)
{
    for (; mask; mask &= mask - 1) {
        unsigned i = (unsigned)__builtin_ctzll(mask);

        x64_store(e->b, X64_64, item_mem(i), e->u->home[i]);
    }
}

void emit_spill(struct emit *e)
{
    emit_settle(e, UINT64_MAX);
    store_items(e, e->dirty);
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

/* --- Sites
 * ---------------------------------------------------------------------------
 */

unsigned emit_site(struct emit *e)
{
    unsigned pos = e->at - e->k->at;
    struct jit_site *s = &e->site[e->sites];

    if (e->sites + 1 >= SITES_MAX) {
        e->failed = true;
        return e->sites;
    }
    *s = (struct jit_site){ .insn = e->u->insn[e->at],
                            .index = e->u->word[e->at],
                            .adj =
                                (uint16_t)(e->k->insns - pos - 1 + e->k->ahead),
                            .slot = e->slot,
                            .is_fp = e->has_fp };
    if (e->slot)
        s->branch = jit_word(e->u, s->index - 1u);
    e->site_label[e->sites] = (struct x64_label){ 0 };
    return e->sites++;
}

void emit_point(struct emit *e, unsigned site)
{
    struct x64_buf *b = e->b;

    /* lea rcx, [rip + label]: sites lie behind the code. */
    if (!x64_room(b))
        return;
    x64_u8(b, 0x48);
    x64_u8(b, 0x8d);
    x64_u8(b, 0x0d);
    x64_chain(b, &e->site_label[site]);
}

/* --- Rare code
 * ------------------------------------------------------------------------ */

struct cold *emit_cold(struct emit *e, enum cold_kind kind)
{
    struct cold *c = &e->cold[e->colds];

    if (e->colds + 1 >= COLD_MAX)
        e->failed = true;
    else
        e->colds++;
    c->kind = (uint8_t)kind;
    c->fixes = 0;
    c->fp_reg = X64_NONE;
    c->dirty = e->dirty;
    c->fp_dirty = e->fp_dirty;
    c->resident = e->resident;
    c->fp_resident = e->fp_resident;
    c->last = e->last;
    c->at = c->again = c->back = (struct x64_label){ 0 };
    for (uint64_t left = e->special; left; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctzll(left);

        if (c->fixes == FIXES_MAX) {
            e->failed = true;
            break;
        }
        c->fix[c->fixes].item = (uint8_t)i;
        c->fix[c->fixes++].val = e->val[i];
    }
    return c;
}

void emit_restore(struct emit *e, const struct cold *c)
{
    e->special = 0;
    for (unsigned i = 0; i < ITEMS; i++)
        e->val[i].kind = VAL_HOME;
    for (unsigned i = 0; i < c->fixes; i++) {
        e->val[c->fix[i].item] = c->fix[i].val;
        e->special |= BIT(c->fix[i].item);
    }
    e->dirty = c->dirty;
    e->fp_dirty = c->fp_dirty;
    e->resident = c->resident;
    e->fp_resident = c->fp_resident;
    e->last = c->last;
}

void emit_leave_begin(struct emit *e, struct cold *c)
{
    emit_restore(e, c);
    emit_settle(e, UINT64_MAX);
    emit_last(e, &e->last);
}

void emit_leave(struct emit *e, struct cold *c, const uint8_t *routine)
{
    emit_leave_begin(e, c);
    emit_leave_end(e, routine);
}

void emit_leave_end(struct emit *e, const uint8_t *routine)
{
    struct spill *s;
    unsigned i;

    for (i = 0; i < e->spills; i++) {
        s = &e->spill[i];
        if (s->mask == e->dirty && s->fp_mask == e->fp_dirty &&
            s->routine == routine) {
            x64_jump(e->b, &s->label);
            return;
        }
    }
    if (e->spills < SPILLS_MAX) {
        s = &e->spill[e->spills++];
        *s = (struct spill){ e->dirty, e->fp_dirty, routine, { 0 } };
        x64_put(e->b, &s->label);
    }
    store_items(e, e->dirty);
    emit_fp_spill(e, e->fp_dirty);
    x64_jump_to(e->b, routine);
}

/* --- An instruction
 * ------------------------------------------------------------------------- */

void emit_in_c(struct emit *e, const struct slot *s)
{
    struct op_sets sets;
    unsigned site;

    jit_op_sets(s, &sets);
    emit_spill(e);
    site = emit_site(e);
    emit_point(e, site);
    x64_call_to(e->b, e->has_fp ? e->jit->routines.op_fp : e->jit->routines.op);
    x64_jcc_to(e->b, X64_NE, e->jit->routines.resume);
    for (uint64_t left = sets.def; left; left &= left - 1)
        emit_reload(e, (unsigned)__builtin_ctzll(left));
    emit_fp_load_all(e, sets.fp_def & e->u->fp_homed);
}

static void make_comparisons(struct emit *e, uint64_t items)
{
    for (items &= e->special; items; items &= items - 1) {
        unsigned i = (unsigned)__builtin_ctzll(items);

        if (e->val[i].kind == VAL_CMP)
            emit_make(e, i);
    }
}

/* Rare code can make only so many values. */
static void limit_special(struct emit *e)
{
    while (__builtin_popcountll(e->special) >= FIXES_MAX)
        emit_make(e, (unsigned)__builtin_ctzll(e->special));
}

void emit_instruction(struct emit *e)
{
    const struct slot *s = &e->u->insn[e->at];
    unsigned flags = jit_op_flags(e->u, s);
    struct op_sets sets;

    limit_special(e);
    jit_op_sets(s, &sets);
    make_comparisons(e, sets.use);
    if (flags & OPF_FP && !(flags & OPF_C))
        emit_fp_may_go(e);
    if ((s->op == OP_LPART || s->op == OP_SPART) && emit_part(e, s))
        return;
    if ((s->op == OP_MFC0 || s->op == OP_DMFC0 || s->op == OP_MTC0 ||
         s->op == OP_DMTC0) &&
        emit_cp0(e, s))
        return;
    if (flags & OPF_C) {
        emit_in_c(e, s);
        return;
    }
    switch ((enum op_kind)jit_op_info[s->op].kind) {
    case KIND_ALU_R:
    case KIND_ALU_I:
        emit_alu(e, s);
        break;
    case KIND_OVF_R:
    case KIND_OVF_I:
        emit_overflow(e, s);
        break;
    case KIND_TRAP_R:
    case KIND_TRAP_I:
        emit_trap(e, s);
        break;
    case KIND_LOAD:
        emit_load(e, s);
        break;
    case KIND_STORE:
        emit_store(e, s);
        break;
    case KIND_FP3:
    case KIND_FP2:
    case KIND_FP4:
    case KIND_FCMP:
        emit_fp(e, s);
        break;
    case KIND_OP:
        emit_op(e, s);
        break;
    case KIND_BRANCH:
    case KIND_JUMP:
        e->failed = true;
        break;
    }
}

/* --- A unit
 * -----------------------------------------------------------------------------
 */

/* What is needed before each instruction of the block. */
static void find_needs(struct emit *e)
{
    const struct jit_block *k = e->k;
    uint64_t need = jit_need_out(e->u, k);

    e->need[k->insns] = need;
    for (unsigned i = k->insns; i-- > 0;) {
        const struct slot *s = &e->u->insn[k->at + i];
        struct op_sets sets;

        jit_op_sets(s, &sets);
        /* The slot of a likely branch may be passed over. */
        if (!k->is_likely || i + 1u < k->insns)
            need &= ~sets.def;
        need |= sets.use;
        if (jit_op_flags(e->u, s) & (OPF_EXIT | OPF_C))
            need = UINT64_MAX;
        e->need[i] = need;
    }
}

static void begin_block(struct emit *e)
{
    const struct jit_block *k = e->k;

    find_needs(e);
    e->special = e->sx = 0;
    for (unsigned i = 0; i < ITEMS; i++)
        e->val[i].kind = VAL_HOME;
    e->at = k->at;
    e->slot = SLOT_NONE;
    e->last.pending = FPU_NONE;
    e->fp_went = e->cp0_went = false;
    e->groups = 0;
    if (!k->is_charged)
        for (unsigned i = 0; i < ITEMS; i++)
            e->near_key[i] = (uint8_t)(7 * i);
    if (e->u->is_region) {
        e->resident = e->u->homed;
        e->fp_resident = e->u->fp_homed;
    } else {
        e->resident = 0;
        e->fp_resident = 0;
    }
    e->dirty = k->dirty_in;
    e->fp_dirty = k->fp_dirty_in;
}

/* Charge `insns` at the head of a block, or leave. */
static void charge(struct emit *e, unsigned insns)
{
    struct cold *c = emit_cold(e, COLD_BUDGET);

    c->site = (uint16_t)emit_site(e);
    e->site[c->site].adj = (uint16_t)insns;
    e->site[c->site].index = e->k->index;
    x64_alu_imm(e->b, X64_SUB, X64_32, REG_BUDGET, (int32_t)insns);
    x64_jcc(e->b, X64_S, &c->at);
    x64_put(e->b, &c->back);
}

/* A block of its own counts its runs. */
static void count_run(struct emit *e)
{
    struct cold *c;

    if (e->u->is_region)
        return;
    c = emit_cold(e, COLD_HOT);
    c->site = (uint16_t)emit_site(e);
    e->site[c->site].index = e->k->index;
    x64_rm_after(e->b, 0x83 | X64_P66, X64_32, X64_SUB,
                 x64_rip(&e->u->page->heat[e->k->index]), 1);
    if (!e->b->is_full)
        x64_u8(e->b, 1);
    x64_jcc(e->b, X64_E, &c->at);
}

/* Instructions at the end of a block that are not written one by one. */
static unsigned end_insns(const struct jit_block *k)
{
    return k->has_slot ? 2 : k->end == END_OP ? 1 : 0;
}

static void emit_block(struct emit *e, int16_t number)
{
    struct jit_block *k = &e->u->block[number];

    e->k = k;
    begin_block(e);
    if (!e->u->is_region) {
        x64_put(e->b, &e->entry[number]);
        count_run(e);
    }
    if (!k->is_charged)
        x64_put(e->b, &k->label);
    if (!k->is_charged && k->insns)
        charge(e, k->insns + k->ahead);
    if (k->is_charged)
        x64_put(e->b, &k->label);
    e->body_end = (unsigned)k->at + k->insns - end_insns(k);
    while (e->at < e->body_end) {
        emit_instruction(e);
        e->at++;
    }
    emit_end(e);
}

uint16_t emit_point_here(struct emit *e)
{
    struct point *p = &e->point[e->groups_made];

    p->k = e->k;
    p->next = e->next;
    p->at = e->at;
    p->sx = e->sx;
    p->fp_went = e->fp_went;
    p->cp0_went = e->cp0_went;
    memcpy(p->near_key, e->near_key, sizeof(p->near_key));
    return (uint16_t)e->groups_made;
}

void emit_rest(struct emit *e, const struct cold *c)
{
    const struct point *p = &e->point[c->point];

    e->k = p->k;
    find_needs(e);
    emit_restore(e, c);
    e->at = p->at;
    e->sx = p->sx;
    e->fp_went = p->fp_went;
    e->cp0_went = p->cp0_went;
    memcpy(e->near_key, p->near_key, sizeof(e->near_key));
    e->slot = SLOT_NONE;
    e->groups = 0;
    e->next = p->next;
    e->is_rest = true;
    e->body_end = (unsigned)e->k->at + e->k->insns - end_insns(e->k);
    for (; e->at < e->body_end; e->at++)
        emit_instruction(e);
    emit_end(e);
    e->is_rest = false;
}

/* From outside into a block of a region. */
static void emit_entry(struct emit *e, int16_t number)
{
    struct jit_block *k = &e->u->block[number];
    uint64_t load = k->live_in & e->u->homed;

    e->k = k;
    begin_block(e);
    x64_put(e->b, &e->entry[number]);
    for (; load; load &= load - 1) {
        unsigned i = (unsigned)__builtin_ctzll(load);

        x64_load(e->b, X64_64, e->u->home[i], item_mem(i));
    }
    emit_fp_load_all(e, k->fp_live_in & e->u->fp_homed);
    e->fp_dirty = k->fp_dirty_in; /* who came by a jump has no copy of them */
    x64_put(e->b, &e->inner[number]);
    if (k->is_charged)
        charge(e, k->insns + k->ahead);
    x64_jump(e->b, &k->label);
}

static void emit_sites(struct emit *e)
{
    struct x64_buf *b = e->b;

    while ((uintptr_t)b->at % 8 && x64_room(b))
        x64_u8(b, 0xcc);
    for (unsigned i = 0; i < e->sites; i++) {
        if (b->end - b->at < (int64_t)sizeof(struct jit_site) + 16) {
            b->is_full = true;
            return;
        }
        x64_put(b, &e->site_label[i]);
        memcpy(b->at, &e->site[i], sizeof(struct jit_site));
        b->at += sizeof(struct jit_site);
    }
}

/* The record of the unit lies behind its sites. */
static struct jit_unit *finish(struct emit *e, const uint8_t *start)
{
    struct jit_unit_plan *u = e->u;
    struct x64_buf *b = e->b;
    uint32_t bytes = sizeof(struct jit_unit) +
                     u->blocks * (uint32_t)sizeof(struct jit_entry);
    uint32_t code_bytes = (uint32_t)(b->at - start);
    struct jit_unit *unit;

    while ((uintptr_t)b->at % 8 && x64_room(b))
        x64_u8(b, 0xcc);
    if (b->is_full || e->failed || b->end - b->at < (int64_t)bytes)
        return NULL;
    unit = (struct jit_unit *)(void *)b->at;
    b->at += bytes;
    memset(unit, 0, bytes);
    unit->code = start + b->shift;
    unit->code_bytes = code_bytes;
    unit->insns = (uint16_t)u->insns;
    unit->first = PAGE_INSNS - 1;
    unit->tier = u->is_region ? 2 : 1;
    unit->entries = (uint16_t)u->blocks;
    for (unsigned i = 0; i < u->insns; i++) {
        if (u->word[i] < unit->first)
            unit->first = u->word[i];
        if (u->word[i] > unit->last)
            unit->last = u->word[i];
    }
    for (unsigned i = 0; i < u->blocks; i++) {
        unsigned index = u->block[i].index;

        unit->entry[i].at = e->entry[i].at + b->shift;
        unit->entry[i].index = index;
        if (index < unit->first)
            unit->first = (uint16_t)index;
        if (index > unit->last)
            unit->last = (uint16_t)index;
    }
    return unit;
}

struct jit_unit *jit_emit(struct emit *e, struct jit_unit_plan *u,
                          struct x64_buf *b)
{
    const uint8_t *start = b->at;

    e->b = b;
    e->jit = u->jit;
    e->u = u;
    e->colds = e->sites = e->spills = 0;
    e->groups = e->groups_made = 0;
    e->is_rest = false;
    e->failed = false;
    e->has_fp = u->has_fp;
    e->near_salt = (uint8_t)(u->block[0].index * 11u);
    e->out = e->table = (struct x64_label){ 0 };
    for (unsigned i = 0; i < u->blocks; i++) {
        e->entry[i] = e->inner[i] = (struct x64_label){ 0 };
        u->block[i].label = (struct x64_label){ 0 };
    }
    for (unsigned n = 0; n < u->blocks; n++) {
        e->next = n + 1 < u->blocks ? u->order[n + 1] : OUTSIDE;
        emit_block(e, u->order[n]);
    }
    if (u->is_region)
        for (unsigned i = 0; i < u->blocks; i++)
            emit_entry(e, (int16_t)i);
    e->no_groups = true; /* rare code opens no more */
    emit_cold_all(e);
    if (x64_is_used(&e->table))
        emit_indirect_table(e);
    emit_sites(e);
    return finish(e, start);
}
