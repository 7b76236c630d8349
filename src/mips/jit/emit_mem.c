/*
 * emit_mem.c - loads and stores: the near table in line, the rest behind.
 *
 * The near entry of a place in code holds a page's tag and what to add to an
 * address to get the host's.  A hit is a test of the tag, in which alignment is
 * folded, and an access; rare code calls the routine that looks further.
 */
#include "mips/jit/emit.h"

enum { SINK = 32, XMM0 = 0 };

static bool fits32(int64_t v)
{
    return v == (int32_t)v;
}

/* The item + off, or item + other (indexed FP accesses). */
struct address emit_address(struct emit *e, unsigned item, int32_t off)
{
    struct address a = {
        X64_NONE, X64_NONE, 0, off, RCX_NOTHING, item, 0, 0, 0
    };
    const struct val *v = &e->val[item];
    int64_t c;

    a.near = emit_near(e, item);
    if (emit_const(e, item, &c)) {
        c += off;
        if (fits32(c)) {
            a.disp = (int32_t)c;
            return a;
        }
        a.rcx = RCX_CONST;
        a.imm = c;
        a.disp = 0;
        a.base = X64_RCX;
        return a;
    }
    if (v->kind == VAL_SUM && v->a && fits32(v->imm + off)) {
        struct val sum = *v;

        a.base = (int8_t)emit_use64(e, sum.a, X64_RCX);
        if (sum.b) {
            a.index = (int8_t)emit_use64(e, sum.b, X64_RCX);
            a.scale = sum.scale;
        } else {
            a.near = emit_near(e, sum.a);
        }
        a.disp = (int32_t)(sum.imm + off);
        return a;
    }
    emit_make(e, item);
    if (emit_homed(e, item)) {
        a.base = (int8_t)emit_use64(e, item, X64_RCX);
        return a;
    }
    a.rcx = RCX_ITEM;
    a.base = X64_RCX;
    return a;
}

static struct address address_sum(struct emit *e, unsigned item, unsigned other)
{
    struct address a;
    int64_t c;

    if (emit_const(e, other, &c) && fits32(c))
        return emit_address(e, item, (int32_t)c);
    if (emit_const(e, item, &c) && fits32(c))
        return emit_address(e, other, (int32_t)c);
    emit_make(e, other);
    a = emit_address(e, item, 0);
    if (a.index == X64_NONE && a.base != X64_NONE && emit_homed(e, other)) {
        a.index = (int8_t)emit_use64(e, other, X64_RAX);
        return a;
    }
    emit_make(e, item);
    a = (struct address){ X64_RCX, X64_NONE, 0,
                          0,       RCX_SUM,  item,
                          other,   0,        emit_near(e, item) };
    return a;
}

/* An item that has been made: to rcx, or added to it. */
static void item_to_rcx(struct emit *e, unsigned item, bool add)
{
    if (!item && !add)
        x64_mov_imm(e->b, X64_RCX, 0);
    else if (!item)
        return;
    else if (emit_homed(e, item) && add)
        x64_alu(e->b, X64_ADD, X64_64, X64_RCX, emit_use64(e, item, X64_RAX));
    else if (emit_homed(e, item))
        x64_mov(e->b, X64_64, X64_RCX, emit_use64(e, item, X64_RAX));
    else if (add)
        x64_alu_load(e->b, X64_ADD, X64_64, X64_RCX, item_mem(item));
    else
        x64_load(e->b, X64_64, X64_RCX, item_mem(item));
}

void emit_load_rcx(struct emit *e, const struct address *a)
{
    if (a->rcx == RCX_SUM) {
        item_to_rcx(e, a->item, false);
        item_to_rcx(e, a->other, true);
    }
    if (a->rcx == RCX_ITEM)
        x64_load(e->b, X64_64, X64_RCX, item_mem(a->item));
    else if (a->rcx == RCX_CONST)
        x64_mov_imm(e->b, X64_RCX, (uint64_t)a->imm);
}

void emit_whole(struct x64_buf *b, int base, int index, unsigned scale,
                int32_t disp)
{
    if (base == X64_NONE)
        x64_mov_imm(b, X64_RAX, (uint64_t)(int64_t)disp);
    else if (index != X64_NONE)
        x64_lea(b, X64_64, X64_RAX,
                x64_sum((enum x64_reg)base, (enum x64_reg)index, scale, disp));
    else if (disp)
        x64_lea(b, X64_64, X64_RAX, x64_at((enum x64_reg)base, disp));
    else
        x64_mov(b, X64_64, X64_RAX, base);
}

static struct x64_mem near_mem(int32_t table, unsigned near)
{
    return x64_at((enum x64_reg)REG_TABLE, table + (int32_t)(8 * near));
}

void emit_near_test(struct emit *e, const struct address *a, int32_t disp,
                    unsigned bytes, bool is_store)
{
    struct x64_mem tag = near_mem(
        is_store ? TABLE_DISP(near.wtag) : TABLE_DISP(near.rtag), a->near);
    int32_t mask = (int32_t)PAGE_MASK | (int32_t)(bytes - 1);
    struct x64_buf *b = e->b;

    if (a->base == X64_NONE) {
        x64_alu_store_imm(b, X64_CMP, X64_64, tag, disp & mask);
        return;
    }
    emit_whole(b, a->base, a->index, a->scale, disp);
    x64_alu_imm(b, X64_AND, X64_64, X64_RAX, mask);
    x64_alu_load(b, X64_CMP, X64_64, X64_RAX, tag);
}

void emit_near_compare(struct emit *e, const struct address *a, bool is_store)
{
    x64_alu_load(
        e->b, X64_CMP, X64_64, X64_RAX,
        near_mem(is_store ? TABLE_DISP(near.wtag) : TABLE_DISP(near.rtag),
                 a->near));
}

struct x64_mem emit_host_place(struct emit *e, const struct address *a,
                               struct x64_label *known)
{
    x64_load(e->b, X64_64, X64_RAX, near_mem(TABLE_DISP(near.addend), a->near));
    if (known)
        x64_put(e->b, known);
    if (a->base == X64_NONE)
        return x64_at(X64_RAX, a->disp);
    if (a->index == X64_NONE)
        return x64_sum(X64_RAX, (enum x64_reg)a->base, 0, a->disp);
    x64_alu(e->b, X64_ADD, X64_64, X64_RAX, a->base);
    return x64_sum(X64_RAX, (enum x64_reg)a->index, a->scale, a->disp);
}

/*
 * Test the near entry; where the page is, is in rax then.  Returns the host's
 * place as an operand.
 */
static struct x64_mem check(struct emit *e, const struct address *a,
                            unsigned bytes, bool is_store, struct cold *c)
{
    /* Rare code comes back with the addend, but without what rcx was. */
    if (a->rcx)
        x64_put(e->b, &c->again);
    emit_load_rcx(e, a);
    c->reg_base = a->base;
    c->reg_index = a->index;
    c->scale = a->scale;
    c->disp = a->disp;
    emit_near_test(e, a, a->disp, bytes, is_store);
    x64_jcc(e->b, X64_NE, &c->at);
    return emit_host_place(e, a, a->rcx ? NULL : &c->again);
}

/* The place of an access whose group has been tested. */
static struct x64_mem place_in(struct emit *e, struct address *a, int near)
{
    a->near = (unsigned)near;
    emit_load_rcx(e, a);
    return emit_host_place(e, a, NULL);
}

static bool is_big(const struct emit *e)
{
    return e->u->key & CFG_KEY_BIG;
}

/* --- Loads
 * ------------------------------------------------------------------------------
 */

static bool is_signed(unsigned op)
{
    return op == OP_LB || op == OP_LH || op == OP_LW;
}

/* What is known of what a load gives. */
static enum done load_done(const struct emit *e, unsigned op)
{
    switch (op) {
    case OP_LW:
        return is_big(e) ? DONE_LOW : DONE_SX;
    case OP_LWU:
    case OP_LD:
        return DONE_FULL;
    default:
        return DONE_SX;
    }
}

void emit_load_value(struct emit *e, unsigned op, unsigned bytes, int reg,
                     struct x64_mem m)
{
    bool swap = is_big(e), movbe = e->jit->features & X64_HAS_MOVBE;
    struct x64_buf *b = e->b;

    switch (bytes) {
    case 1:
        x64_load_extend(b, is_signed(op), 1, is_signed(op) ? X64_64 : X64_32,
                        reg, m);
        return;
    case 2:
        if (!swap) {
            x64_load_extend(b, is_signed(op), 2,
                            is_signed(op) ? X64_64 : X64_32, reg, m);
            return;
        }
        if (movbe) {
            x64_load_swapped(b, 2, X64_RAX, m);
            x64_extend(b, is_signed(op), 2, is_signed(op) ? X64_64 : X64_32,
                       reg, X64_RAX);
            return;
        }
        x64_load_extend(b, false, 2, X64_32, reg, m);
        x64_bswap(b, X64_32, reg);
        x64_shift_imm(b, is_signed(op) ? X64_SAR : X64_SHR, X64_32, reg, 16);
        if (is_signed(op))
            x64_movsxd(b, reg, reg);
        return;
    case 4:
        if (!swap && op == OP_LW) {
            x64_rm(b, 0x63, X64_64, reg, m); /* movsxd */
            return;
        }
        break;
    default:
        break;
    }
    if (swap && movbe) {
        x64_load_swapped(b, bytes, reg, m);
        return;
    }
    x64_load(b, bytes == 8 ? X64_64 : X64_32, reg, m);
    if (swap)
        x64_bswap(b, bytes == 8 ? X64_64 : X64_32, reg);
}

void emit_load(struct emit *e, const struct slot *s)
{
    unsigned bytes = jit_op_info[s->op].bytes;
    bool sink = s->d == SINK;
    int near, reg = X64_RAX;
    struct address a;
    struct cold *c;

    emit_look_for_group(e, s);
    near = emit_grouped(e, s);
    if (!sink)
        emit_begin_def(e, s->d);
    a = emit_address(e, s->a, s->imm);
    if (near >= 0) {
        reg = sink ? X64_RAX : emit_def(e, s->d);
        emit_load_value(e, s->op, bytes, reg, place_in(e, &a, near));
        if (!sink)
            emit_done(e, s->d, reg, load_done(e, s->op));
        return;
    }
    c = emit_cold(e, COLD_LOAD);
    c->site = (uint16_t)emit_site(e);
    e->site[c->site].near = (uint8_t)a.near;
    c->bytes = (uint8_t)bytes;
    c->op = s->op;
    reg = sink ? X64_RAX : emit_def(e, s->d);
    c->value_reg = (int8_t)reg;
    emit_load_value(e, s->op, bytes, reg, check(e, &a, bytes, false, c));
    x64_put(e->b, &c->back);
    if (!sink)
        emit_done(e, s->d, reg, load_done(e, s->op));
}

/* --- Stores
 * -------------------------------------------------------------------------------
 */

static uint64_t swapped(uint64_t v, unsigned bytes)
{
    return bytes == 2   ? __builtin_bswap16((uint16_t)v)
           : bytes == 4 ? __builtin_bswap32((uint32_t)v)
           : bytes == 8 ? __builtin_bswap64(v)
                        : v;
}

static void store_reg(struct x64_buf *b, unsigned bytes, struct x64_mem m,
                      int reg)
{
    if (bytes == 1)
        x64_store8(b, m, reg);
    else if (bytes == 2)
        x64_store16(b, m, reg);
    else
        x64_store(b, bytes == 8 ? X64_64 : X64_32, m, reg);
}

/* A constant that is stored by one instruction. */
static bool store_constant(struct emit *e, unsigned bytes, struct x64_mem m,
                           int64_t v)
{
    int64_t image = is_big(e) ? (int64_t)swapped((uint64_t)v, bytes) : v;

    if (bytes == 1)
        x64_store8_imm(e->b, m, (unsigned)image & 0xff);
    else if (bytes == 4)
        x64_store_imm(e->b, X64_32, m, (int32_t)image);
    else if (bytes == 8 && fits32(image))
        x64_store_imm(e->b, X64_64, m, (int32_t)image);
    else
        return false;
    return true;
}

/* rcx is free, and m does not need it. */
static void store_by_rcx(struct emit *e, unsigned bytes, struct x64_mem m)
{
    if (is_big(e) && bytes > 1) {
        if (bytes == 2) {
            x64_bswap(e->b, X64_32, X64_RCX);
            x64_shift_imm(e->b, X64_SHR, X64_32, X64_RCX, 16);
        } else {
            x64_bswap(e->b, bytes == 8 ? X64_64 : X64_32, X64_RCX);
        }
    }
    store_reg(e->b, bytes, m, X64_RCX);
}

/* m as one register. */
static struct x64_mem in_rax(struct x64_buf *b, struct x64_mem m)
{
    x64_lea(b, X64_64, X64_RAX, m);
    return x64_at(X64_RAX, 0);
}

void emit_store_value(struct emit *e, unsigned item, int reg, unsigned bytes,
                      struct x64_mem m)
{
    enum x64_width w = bytes == 8 ? X64_64 : X64_32;
    bool swap = is_big(e) && bytes > 1;
    int64_t v;

    if (emit_const(e, item, &v)) {
        if (store_constant(e, bytes, m, v))
            return;
        m = in_rax(e->b, m);
        x64_mov_imm(e->b, X64_RCX, (uint64_t)v);
        store_by_rcx(e, bytes, m);
        return;
    }
    if (reg == X64_NONE) {
        m = in_rax(e->b, m);
        x64_load(e->b, w, X64_RCX, item_mem(item));
        store_by_rcx(e, bytes, m);
        return;
    }
    if (!swap) {
        store_reg(e->b, bytes, m, reg);
    } else if (e->jit->features & X64_HAS_MOVBE) {
        x64_store_swapped(e->b, bytes, m, reg);
    } else {
        m = in_rax(e->b, m);
        x64_mov(e->b, w, X64_RCX, reg);
        store_by_rcx(e, bytes, m);
    }
}

int emit_stored(struct emit *e, unsigned item, unsigned bytes)
{
    int64_t v;

    if (emit_const(e, item, &v))
        return X64_NONE;
    if (!emit_homed(e, item)) {
        emit_make(e, item);
        return X64_NONE;
    }
    return bytes == 8 ? emit_use64(e, item, X64_RCX)
                      : emit_use32(e, item, X64_RCX);
}

void emit_store(struct emit *e, const struct slot *s)
{
    unsigned bytes = jit_op_info[s->op].bytes;
    struct address a;
    struct cold *c;
    int near, reg;

    emit_look_for_group(e, s);
    near = emit_grouped(e, s);
    reg = emit_stored(e, s->b, bytes);
    a = emit_address(e, s->a, s->imm);
    if (near >= 0) {
        emit_store_value(e, s->b, reg, bytes, place_in(e, &a, near));
        return;
    }
    c = emit_cold(e, COLD_STORE);
    c->site = (uint16_t)emit_site(e);
    e->site[c->site].near = (uint8_t)a.near;
    c->bytes = (uint8_t)bytes;
    c->op = s->op;
    c->d = s->b;
    c->value_reg = (int8_t)reg;
    emit_store_value(e, s->b, reg, bytes, check(e, &a, bytes, true, c));
    x64_put(e->b, &c->back);
}

/* --- FP registers
 * ----------------------------------------------------------------------------
 */

static struct address fp_address(struct emit *e, const struct slot *s,
                                 bool is_indexed)
{
    return is_indexed ? address_sum(e, s->a, s->b)
                      : emit_address(e, s->a, s->imm);
}

/* Is the register's byte order changed in a vector register? */
static bool by_vector(const struct emit *e, unsigned index, bool is_double)
{
    return emit_fp_homed(e, index, is_double) &&
           (!is_big(e) || e->jit->features & X64_HAS_SSE41);
}

static struct x64_mem swap_mask(const struct emit *e, bool is_double)
{
    const struct jit_constants *k = e->jit->constants;

    return x64_rip(is_double ? k->swap_d : k->swap_s);
}

/*
 * LWC1, LDC1 and the indexed ones.  The bits come by rax; a single leaves the
 * other half of its register alone.
 */
void emit_load_fp(struct emit *e, const struct slot *s)
{
    bool is_double = jit_op_info[s->op].is_double;
    bool is_indexed = s->op == OP_LWXC1 || s->op == OP_LDXC1;
    unsigned bytes = is_double ? 8 : 4;
    struct address a;
    struct cold *c = NULL;
    struct x64_mem m;
    int near, reg;

    emit_look_for_group(e, s);
    near = emit_grouped(e, s);
    a = fp_address(e, s, is_indexed);
    emit_fp_begin_def(e, is_double ? s->d : s->d / 2u);
    if (near >= 0) {
        m = place_in(e, &a, near);
    } else {
        c = emit_cold(e, COLD_LOAD);
        c->site = (uint16_t)emit_site(e);
        e->site[c->site].near = (uint8_t)a.near;
        c->bytes = (uint8_t)bytes;
        c->op = s->op;
        c->value_reg = X64_RAX;
        m = check(e, &a, bytes, false, c);
    }
    if (!by_vector(e, s->d, is_double)) {
        emit_load_value(e, is_double ? OP_LD : OP_LWU, bytes, X64_RAX, m);
        if (c)
            x64_put(e->b, &c->back);
        emit_fp_put_bits(e, s->d, is_double, X64_RAX);
        return;
    }
    reg = is_double ? e->u->fp_home[s->d] : XMM0;
    x64_fp_load(e->b, is_double, reg, m);
    if (is_big(e))
        x64_shuffle(e->b, reg, swap_mask(e, is_double));
    if (c) {
        c->fp_reg = (int8_t)reg;
        x64_put(e->b, &c->back);
    }
    emit_fp_put(e, s->d, is_double, reg);
}

void emit_store_fp(struct emit *e, const struct slot *s)
{
    bool is_double = jit_op_info[s->op].is_double;
    bool is_indexed = s->op == OP_SWXC1 || s->op == OP_SDXC1;
    unsigned bytes = is_double ? 8 : 4;
    struct address a;
    struct cold *c = NULL;
    struct x64_mem m;
    int near;

    emit_look_for_group(e, s);
    near = emit_grouped(e, s);
    a = fp_address(e, s, is_indexed);
    if (near >= 0) {
        m = place_in(e, &a, near);
    } else {
        c = emit_cold(e, COLD_STORE);
        c->site = (uint16_t)emit_site(e);
        e->site[c->site].near = (uint8_t)a.near;
        c->bytes = (uint8_t)bytes;
        c->op = s->op;
        c->d = s->d;
        m = check(e, &a, bytes, true, c);
    }
    if (!is_big(e) && emit_fp_homed(e, s->d, is_double)) {
        x64_fp_store(e->b, is_double, m, emit_fp_use(e, s->d, is_double, 0));
    } else if (by_vector(e, s->d, is_double)) {
        x64_movaps(e->b, XMM0, emit_fp_use(e, s->d, is_double, XMM0));
        x64_shuffle(e->b, XMM0, swap_mask(e, is_double));
        x64_fp_store(e->b, is_double, m, XMM0);
    } else {
        m = in_rax(e->b, m);
        emit_fp_get_bits(e, s->d, is_double, X64_RCX);
        store_by_rcx(e, bytes, m);
    }
    if (c)
        x64_put(e->b, &c->back);
}

/* --- Behind
 * ---------------------------------------------------------------------------------------
 */

static unsigned log2_bytes(unsigned bytes)
{
    return (unsigned)__builtin_ctz(bytes);
}

static void cold_address(struct emit *e, const struct cold *c)
{
    emit_whole(e->b, c->reg_base, c->reg_index, c->scale, c->disp);
}

void emit_cold_load(struct emit *e, struct cold *c)
{
    struct x64_buf *b = e->b;
    struct x64_label out = { 0 };
    int reg = c->value_reg;

    cold_address(e, c);
    emit_point(e, c->site);
    x64_call_to(b, e->jit->routines.load[e->has_fp][log2_bytes(c->bytes)]);
    x64_jcc(b, X64_E, &c->again);
    x64_jcc(b, X64_B, &out);
    if (c->fp_reg != X64_NONE)
        x64_movq_to_vector(b, c->bytes == 8 ? X64_64 : X64_32, c->fp_reg,
                           X64_RAX);
    else if (c->bytes == 8 || c->op == OP_LWC1 || c->op == OP_LWXC1) {
        if (reg != X64_RAX)
            x64_mov(b, X64_64, reg, X64_RAX);
    } else if (c->bytes == 4) {
        if (is_signed(c->op))
            x64_movsxd(b, reg, X64_RAX);
        else
            x64_mov(b, X64_32, reg, X64_RAX);
    } else {
        x64_extend(b, is_signed(c->op), c->bytes,
                   is_signed(c->op) ? X64_64 : X64_32, reg, X64_RAX);
    }
    x64_jump(b, &c->back);
    x64_put(b, &out);
    emit_leave(e, c, e->jit->routines.resume);
}

/* The value to cpu->jit.value; rax has the address. */
static void pass_value(struct emit *e, const struct cold *c)
{
    struct x64_mem to = CPU_AT(jit.value);
    bool is_fp = jit_op_info[c->op].kind == KIND_OP;
    int64_t v;

    if (is_fp) {
        emit_fp_get_bits(e, c->d, jit_op_info[c->op].is_double, X64_RCX);
        x64_store(e->b, X64_64, to, X64_RCX);
    } else if (c->value_reg != X64_NONE) {
        x64_store(e->b, X64_64, to, c->value_reg);
    } else if (emit_const(e, c->d, &v)) {
        x64_mov_imm(e->b, X64_RCX, (uint64_t)v);
        x64_store(e->b, X64_64, to, X64_RCX);
    } else {
        x64_load(e->b, X64_64, X64_RCX, item_mem(c->d));
        x64_store(e->b, X64_64, to, X64_RCX);
    }
}

void emit_cold_store(struct emit *e, struct cold *c)
{
    struct x64_buf *b = e->b;

    emit_restore(e, c);
    cold_address(e, c);
    pass_value(e, c);
    emit_point(e, c->site);
    x64_call_to(b, e->jit->routines.store[e->has_fp][log2_bytes(c->bytes)]);
    x64_jcc(b, X64_E, &c->again);
    x64_jcc(b, X64_AE, &c->back);
    emit_leave(e, c, e->jit->routines.resume);
}
