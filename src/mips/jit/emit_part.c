/*
 * emit_part.c - LWL, LWR and their family.  The two halves of an access to an
 * unaligned word, one after the other, are one access, as long as it stays in a
 * page.  A lone load is a load of the word around it and some shifts.  A lone
 * store is C's: other vCPUs may write the rest of the word meanwhile.
 */
#include "mips/jit/emit.h"

enum { SINK = 32 };

struct part {
    unsigned bytes;
    bool is_left, is_store;
};

static struct part part_of(const struct slot *s)
{
    return (struct part){ s->x >> 1, s->x & 1, s->op == OP_SPART };
}

static bool is_big(const struct emit *e)
{
    return e->u->key & CFG_KEY_BIG;
}

/* --- Two at once
 * ---------------------------------------------------------------------------
 */

static bool is_pair(const struct emit *e, const struct slot *s)
{
    const struct slot *n = s + 1;
    struct part p = part_of(s);
    int32_t step = (int32_t)p.bytes - 1;

    if (e->at + 1 >= e->body_end || n->op != s->op || n->x != (s->x ^ 1) ||
        n->a != s->a)
        return false;
    if (p.is_store ? n->b != s->b
                   : n->d != s->d || s->d == SINK || s->d == s->a)
        return false;
    /* The left one has the lower address of a big-endian word. */
    return p.is_left == is_big(e) ? n->imm - s->imm == step
                                  : s->imm - n->imm == step;
}

/* The page has all bytes of the word at `a`, or rare code does the first half.
 * Returns the host's place. */
static struct x64_mem check_pair(struct emit *e, const struct address *a,
                                 struct part p)
{
    struct cold *fill = emit_cold(e, COLD_PART);
    struct cold *cross = emit_cold(e, COLD_IN_C);

    fill->site = cross->site = (uint16_t)emit_site(e);
    e->site[fill->site].near = (uint8_t)a->near;
    fill->bytes = p.is_store;
    fill->reg_base = a->base;
    fill->reg_index = a->index;
    fill->scale = a->scale;
    fill->disp = a->disp;
    x64_put(e->b, &fill->again);
    emit_load_rcx(e, a);
    emit_near_test(e, a, a->disp, 1, p.is_store);
    x64_jcc(e->b, X64_NE, &fill->at);
    emit_near_test(e, a, a->disp + (int32_t)p.bytes - 1, 1, p.is_store);
    x64_jcc(e->b, X64_NE, &cross->at);
    return emit_host_place(e, a, NULL);
}

static void load_pair(struct emit *e, const struct slot *s, struct address *a,
                      struct part p)
{
    struct x64_mem m = check_pair(e, a, p);
    int reg = emit_def(e, s->d);

    emit_load_value(e, p.bytes == 8 ? OP_LD : OP_LW, p.bytes, reg, m);
    emit_done(e, s->d, reg,
              p.bytes == 8 ? DONE_FULL
              : is_big(e)  ? DONE_LOW
                           : DONE_SX);
}

static void pair(struct emit *e, const struct slot *s)
{
    struct part p = part_of(s);
    int32_t low = s->imm < s[1].imm ? s->imm : s[1].imm;
    struct address a;
    int reg;

    if (p.is_store) {
        reg = emit_stored(e, s->b, p.bytes);
        a = emit_address(e, s->a, low);
        emit_store_value(e, s->b, reg, p.bytes, check_pair(e, &a, p));
    } else {
        emit_begin_def(e, s->d);
        a = emit_address(e, s->a, low);
        load_pair(e, s, &a, p);
    }
    e->at++; /* the other one is done too */
}

/* --- A load alone
 * ---------------------------------------------------------------------------
 */

static bool can_load(const struct emit *e, const struct slot *s, struct part p)
{
    unsigned features = e->jit->features;

    if (p.is_store || s->d == SINK || !emit_homed(e, s->d))
        return false;
    if (!(features & X64_HAS_BMI2) ||
        (is_big(e) && !(features & X64_HAS_MOVBE)))
        return false;
    /* A partial LWR leaves the upper half alone. */
    return p.bytes == 8 || p.is_left || emit_is_sx(e, s->d);
}

/* The word around rax into rax; rcx: the bits that it is shifted by. */
static void load_around(struct emit *e, struct part p)
{
    int32_t mask = (int32_t)p.bytes - 1;
    struct x64_buf *b = e->b;

    x64_mov(b, X64_32, X64_RCX, X64_RAX);
    if (p.is_left != is_big(e))
        x64_invert(b, X64_32, X64_RCX);
    x64_shift_imm(b, X64_SHL, X64_32, X64_RCX, 3);
    x64_alu_imm(b, X64_AND, X64_32, X64_RCX, 8 * mask);
    x64_alu_imm(b, X64_AND, X64_64, X64_RAX, ~mask);
    if (is_big(e))
        x64_load_swapped(b, p.bytes, X64_RAX, x64_at(X64_RAX, 0));
    else
        x64_load(b, p.bytes == 8 ? X64_64 : X64_32, X64_RAX,
                 x64_at(X64_RAX, 0));
}

/* rax, shifted by rcx, over what it covers of `reg`. */
static void merge(struct x64_buf *b, struct part p, int reg)
{
    enum x64_width w = p.bytes == 8 ? X64_64 : X64_32;

    x64_shift_cl(b, p.is_left ? X64_SHL : X64_SHR, w, X64_RAX);
    if (p.is_left) {
        x64_bzhi(b, w, reg, reg, X64_RCX);
    } else {
        x64_alu_imm(b, X64_XOR, X64_32, X64_RCX, 8 * ((int32_t)p.bytes - 1));
        x64_alu_imm(b, X64_ADD, X64_32, X64_RCX, 8);
        x64_bzhi(b, w, X64_RCX, reg, X64_RCX);
        x64_alu(b, X64_XOR, w, reg, X64_RCX);
    }
    x64_alu(b, X64_OR, w, reg, X64_RAX);
}

static void load_one(struct emit *e, const struct slot *s, struct part p)
{
    struct address a;
    struct cold *c;
    int reg;

    emit_begin_def(e, s->d);
    reg = p.bytes == 8 ? emit_use64(e, s->d, X64_RAX)
                       : emit_use32(e, s->d, X64_RAX);
    a = emit_address(e, s->a, s->imm);
    c = emit_cold(e, COLD_PART);
    c->site = (uint16_t)emit_site(e);
    e->site[c->site].near = (uint8_t)a.near;
    c->bytes = 0;
    c->reg_base = a.base;
    c->reg_index = a.index;
    c->scale = a.scale;
    c->disp = a.disp;
    x64_put(e->b, &c->again);
    emit_load_rcx(e, &a);
    emit_near_test(e, &a, a.disp, 1, false);
    x64_jcc(e->b, X64_NE, &c->at);
    x64_lea(e->b, X64_64, X64_RAX, emit_host_place(e, &a, NULL));
    load_around(e, p);
    merge(e->b, p, reg);
    emit_done(e, s->d, reg, p.bytes == 8 ? DONE_FULL : DONE_LOW);
}

bool emit_part(struct emit *e, const struct slot *s)
{
    struct part p = part_of(s);

    if (is_pair(e, s)) {
        pair(e, s);
        return true;
    }
    if (!can_load(e, s, p))
        return false;
    load_one(e, s, p);
    return true;
}

/* The near entry may be filled from the access table; else C does it. */
void emit_cold_part(struct emit *e, struct cold *c)
{
    emit_whole(e->b, c->reg_base, c->reg_index, c->scale, c->disp);
    emit_point(e, c->site);
    x64_call_to(e->b, e->jit->routines.fill[c->bytes]);
    x64_jcc(e->b, X64_E, &c->again);
    emit_cold_in_c(e, c);
}
