/*
 * emit_group.c - loads and stores of a block by the same register, tested
 * together: the first of them tests that all lie in one page that its near
 * entry has, and the others just use that.  If it is not so, in a region
 * a second writing of the rest of the block, without groups, goes on, and in a
 * block of its own the interpreter.
 *
 * The near entry stays what it is for as long: no other access of the block
 * uses it meanwhile, and when a C function has dropped entries, the block is
 * left behind it (run.c).
 */
#include "mips/jit/emit.h"

enum { SPAN_MAX = 1024, LOOK_INSNS = 48 };

/* --- Which accesses
 * ------------------------------------------------------------------------- */

struct access {
    unsigned bytes; /* 0: none that can be in a group */
    bool is_store;
};

static struct access access_of(const struct slot *s)
{
    const struct op_info *info = &jit_op_info[s->op];

    switch (s->op) {
    case OP_LWC1:
        return (struct access){ 4, false };
    case OP_LDC1:
        return (struct access){ 8, false };
    case OP_SWC1:
        return (struct access){ 4, true };
    case OP_SDC1:
        return (struct access){ 8, true };
    default:
        break;
    }
    if (info->kind == KIND_LOAD)
        return (struct access){ info->bytes, false };
    if (info->kind == KIND_STORE)
        return (struct access){ info->bytes, true };
    return (struct access){ 0, false };
}

/* With a register that is aligned, is the access? */
static bool is_even(const struct slot *s, struct access a)
{
    return !(s->imm & (int32_t)(a.bytes - 1));
}

struct range {
    unsigned count, align;
    int32_t low, high; /* high: behind the last byte */
    bool reads, writes;
};

static bool widen(struct range *r, int32_t at, struct access a)
{
    struct range n = *r;

    n.count++;
    n.low = n.count == 1 || at < n.low ? at : n.low;
    n.high = n.count == 1 || at + (int32_t)a.bytes > n.high
                 ? at + (int32_t)a.bytes
                 : n.high;
    n.align = a.bytes > n.align ? a.bytes : n.align;
    n.reads |= !a.is_store;
    n.writes |= a.is_store;
    if (n.high - n.low > SPAN_MAX)
        return false;
    *r = n;
    return true;
}

/* The accesses by `item` from here on, while it does not change. */
static struct range look(const struct emit *e, unsigned item)
{
    unsigned end = (unsigned)e->k->at + e->k->insns;
    struct range r = { 0 };

    if (e->k->is_likely)
        end--;
    for (unsigned i = e->at; i < end && i < e->at + LOOK_INSNS; i++) {
        const struct slot *s = &e->u->insn[i];
        struct access a = access_of(s);

        if (a.bytes && s->a == item && is_even(s, a) && !widen(&r, s->imm, a))
            break;
        if (e->u->sets[i].def >> item & 1)
            break;
    }
    r.low &= ~((int32_t)r.align - 1);
    r.high = (r.high + (int32_t)r.align - 1) & ~((int32_t)r.align - 1);
    return r;
}

/* A test of each costs three operations; and rare code, which is more than half
 * of a block. */
static bool pays(const struct emit *e, const struct range *r)
{
    bool is_word = r->high - r->low == (int32_t)r->align;
    unsigned cost = (is_word ? 3 : 6) + (r->reads && r->writes);

    return e->u->is_region ? 3 * r->count > cost : r->count > 1;
}

/* --- Opening one
 * ------------------------------------------------------------------------- */

static void open_group(struct emit *e, unsigned item, const struct range *r)
{
    struct address a = emit_address(e, item, r->low);
    struct cold *c = emit_cold(e, COLD_GROUP);
    int32_t last = r->high - (int32_t)r->align;

    c->site = (uint16_t)emit_site(e);
    e->site[c->site].near = (uint8_t)a.near;
    c->bytes = !r->reads;
    c->reg_base = a.base;
    c->reg_index = a.index;
    c->scale = a.scale;
    c->disp = a.disp;
    c->point = emit_point_here(e);
    x64_put(e->b, &c->again);
    emit_load_rcx(e, &a);
    emit_near_test(e, &a, a.disp, r->align, !r->reads);
    x64_jcc(e->b, X64_NE, &c->at);
    if (r->reads && r->writes) {
        emit_near_compare(e, &a, true);
        x64_jcc(e->b, X64_NE, &c->back);
    }
    if (last > r->low) {
        emit_near_test(e, &a, a.disp + last - r->low, 1, !r->reads);
        x64_jcc(e->b, X64_NE, &c->back);
    }
    e->group[e->groups++] =
        (struct group){ (uint8_t)item, (uint8_t)a.near, r->reads,
                        r->writes,     r->low,          r->high };
    e->groups_made++;
}

int emit_grouped(struct emit *e, const struct slot *s)
{
    struct access a = access_of(s);

    if (!a.bytes || !is_even(s, a))
        return -1;
    for (unsigned i = 0; i < e->groups; i++) {
        const struct group *g = &e->group[i];

        if (g->item == s->a && s->imm >= g->low &&
            s->imm + (int32_t)a.bytes <= g->high &&
            (a.is_store ? g->writes : g->reads))
            return g->near;
    }
    return -1;
}

void emit_look_for_group(struct emit *e, const struct slot *s)
{
    struct range r;
    int64_t v;

    if (e->no_groups || e->slot != SLOT_NONE || e->groups == GROUPS_MAX ||
        e->groups_made >= GROUPS_UNIT_MAX || !access_of(s).bytes ||
        !is_even(s, access_of(s)) || !s->a || emit_const(e, s->a, &v) ||
        emit_grouped(e, s) >= 0)
        return;
    r = look(e, s->a);
    if (pays(e, &r))
        open_group(e, s->a, &r);
}

void emit_close_groups(struct emit *e, unsigned item)
{
    unsigned n = 0;

    for (unsigned i = 0; i < e->groups; i++)
        if (e->group[i].item != item)
            e->group[n++] = e->group[i];
    e->groups = n;
}

/* --- When it does not hold
 * ------------------------------------------------------------------------- */

/* A block's rest is not charged any more: it is cold code. */
static void interpret_rest(struct emit *e, struct cold *c)
{
    int32_t insns = e->site[c->site].adj + 1;

    emit_leave_begin(e, c);
    x64_alu_imm(e->b, X64_ADD, X64_32, REG_BUDGET, insns);
    emit_point(e, c->site);
    emit_leave_end(e, e->jit->routines.interpret);
}

void emit_cold_group(struct emit *e, struct cold *c)
{
    emit_whole(e->b, c->reg_base, c->reg_index, c->scale, c->disp);
    emit_point(e, c->site);
    x64_call_to(e->b, e->jit->routines.fill[c->bytes]);
    x64_jcc(e->b, X64_E, &c->again);
    if (x64_is_used(&c->back))
        x64_put(e->b, &c->back);
    if (e->u->is_region)
        emit_rest(e, c);
    else
        interpret_rest(e, c);
}
