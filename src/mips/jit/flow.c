/*
 * flow.c - what a unit's blocks need of each other, and which guest registers
 * live in host registers: the same ones in the whole unit, so that nothing
 * moves between its blocks.
 */
#include <string.h>

#include "mips/jit/unit.h"

#define ALL_ITEMS ((UINT64_C(1) << ITEMS) - 2)

/* --- Charging
 * ------------------------------------------------------------------ */

static unsigned count_edges_to(const struct jit_unit_plan *u, int16_t block)
{
    unsigned n = 0;

    for (unsigned i = 0; i < u->blocks; i++)
        for (unsigned e = 0; e < 2; e++)
            n += u->block[i].succ[e] == block;
    return n;
}

/* Does its other way on lead back?  Then it is the usual one. */
static bool turns_back(const struct jit_unit_plan *u, const struct jit_block *a,
                       int16_t next)
{
    int16_t other = a->succ[a->succ[0] == next];

    return other != OUTSIDE && u->block[other].is_loop;
}

/*
 * Where a block always follows another one in the code, the first charges for
 * both, and whoever turns off between them gives back.
 */
static void make_chains(struct jit_unit_plan *u)
{
    unsigned total = 0;

    for (unsigned n = 1; n < u->blocks; n++) {
        struct jit_block *a = &u->block[u->order[n - 1]];
        struct jit_block *k = &u->block[u->order[n]];

        if (!a->is_charged)
            total = a->insns;
        total += k->insns;
        k->is_charged =
            (a->succ[0] == u->order[n] || a->succ[1] == u->order[n]) &&
            !k->is_loop && total <= CHAIN_MAX &&
            !turns_back(u, a, u->order[n]) &&
            count_edges_to(u, u->order[n]) == 1;
    }
    for (unsigned n = u->blocks; n-- > 1;) {
        const struct jit_block *k = &u->block[u->order[n]];

        if (k->is_charged)
            u->block[u->order[n - 1]].ahead = (uint16_t)(k->insns + k->ahead);
    }
}

/* --- Liveness
 * -------------------------------------------------------------------- */

static void scan_block(struct jit_unit_plan *u, struct jit_block *k)
{
    k->use = k->def = k->kill = k->need_use = 0;
    k->fp_use = k->fp_def = k->fp_kill = 0;
    /* Its budget may not do: it is left before it begins. */
    if (!k->is_charged)
        k->need_use = ALL_ITEMS;
    for (unsigned i = k->at; i < k->at + k->insns; i++) {
        struct op_sets s = u->sets[i];
        unsigned flags = u->flags[i];

        if (flags & (OPF_EXIT | OPF_C))
            k->need_use |= ALL_ITEMS & ~k->kill;
        u->has_fp |= (flags & OPF_FP) != 0;
        k->use |= s.use & ~k->kill;
        k->fp_use |= s.fp_use & ~k->fp_kill;
        k->def |= s.def;
        k->fp_def |= s.fp_def;
        /* The slot of a likely branch may be passed over. */
        if (!k->is_likely || i + 1u < k->at + (unsigned)k->insns) {
            k->kill |= s.def;
            k->fp_kill |= s.fp_def;
        }
        switch (u->insn[i].op) {
        case OP_DMULT:
        case OP_DMULTU:
        case OP_DIV:
        case OP_DIVU:
        case OP_DDIV:
        case OP_DDIVU:
            u->has_wide = true;
            break;
        default:
            break;
        }
    }
    k->need_use |= k->use;
    k->live_in = k->use;
    k->fp_live_in = k->fp_use;
    k->need_in = k->need_use;
}

/* Does every way on lead to a block of the unit? */
static bool is_closed(const struct jit_block *k)
{
    if (k->end == END_BRANCH)
        return k->succ[0] != OUTSIDE && k->succ[1] != OUTSIDE;
    return k->end == END_FALL && k->succ[0] != OUTSIDE;
}

uint64_t jit_need_out(const struct jit_unit_plan *u, const struct jit_block *k)
{
    uint64_t need = 0;

    if (!is_closed(k))
        return ALL_ITEMS;
    for (unsigned e = 0; e < 2; e++)
        if (k->succ[e] != OUTSIDE)
            need |= u->block[k->succ[e]].need_in;
    return need;
}

/* One pass against the order; true when something changed. */
static bool flow_back(struct jit_unit_plan *u)
{
    bool changed = false;

    for (unsigned n = u->blocks; n-- > 0;) {
        struct jit_block *k = &u->block[u->order[n]];
        uint64_t live = 0, need = jit_need_out(u, k);
        uint32_t fp_live = 0;

        for (unsigned e = 0; e < 2; e++) {
            if (k->succ[e] == OUTSIDE)
                continue;
            live |= u->block[k->succ[e]].live_in;
            fp_live |= u->block[k->succ[e]].fp_live_in;
        }
        /* A jump by register may lead to any block. */
        for (unsigned i = 0;
             u->has_indirect && k->end == END_REGISTER && i < u->blocks; i++) {
            live |= u->block[i].live_in;
            fp_live |= u->block[i].fp_live_in;
        }
        live = k->use | (live & ~k->kill);
        need = k->need_use | (need & ~k->kill);
        fp_live = k->fp_use | (fp_live & ~k->fp_kill);
        changed |= live != k->live_in || need != k->need_in ||
                   fp_live != k->fp_live_in;
        k->live_in = live;
        k->need_in = need;
        k->fp_live_in = fp_live;
    }
    return changed;
}

static bool flow_dirty(struct jit_unit_plan *u)
{
    uint64_t indirect = 0;
    uint32_t fp_indirect = 0;
    bool changed = false;

    for (unsigned n = 0; n < u->blocks; n++) {
        struct jit_block *k = &u->block[u->order[n]];
        uint64_t dirty = (k->dirty_in | k->def) & u->homed;
        uint32_t fp_dirty = (k->fp_dirty_in | k->fp_def) & u->fp_homed;

        for (unsigned e = 0; e < 2; e++) {
            struct jit_block *s;

            if (k->succ[e] == OUTSIDE)
                continue;
            s = &u->block[k->succ[e]];
            changed |= (dirty & ~s->dirty_in) || (fp_dirty & ~s->fp_dirty_in);
            s->dirty_in |= dirty;
            s->fp_dirty_in |= fp_dirty;
        }
        if (k->end == END_REGISTER) {
            indirect |= dirty;
            fp_indirect |= fp_dirty;
        }
    }
    u->indirect_dirty = indirect;
    u->fp_indirect_dirty = fp_indirect;
    for (unsigned n = 0; u->has_indirect && n < u->blocks; n++) {
        struct jit_block *s = &u->block[n];

        changed |= (indirect & ~s->dirty_in) || (fp_indirect & ~s->fp_dirty_in);
        s->dirty_in |= indirect;
        s->fp_dirty_in |= fp_indirect;
    }
    return changed;
}

/* --- Homes
 * ---------------------------------------------------------------------------
 */

static const int8_t host_regs[] = {
    X64_RBX, X64_RSI, X64_RDI, X64_R8,  X64_R9,
    X64_R10, X64_R11, X64_R12, X64_R13, X64_RDX
};
enum { FP_SCRATCH = 2, FP_REGS = 16 };

/* How often each is used, of those that are. */
struct scores {
    uint64_t items;
    uint32_t fp;
    uint32_t item[ITEMS], fp_reg[32];
};

static void count_set(uint32_t *score, uint64_t set, uint32_t weight)
{
    for (; set; set &= set - 1)
        score[__builtin_ctzll(set)] += weight;
}

static void count_uses(const struct jit_unit_plan *u, struct scores *c)
{
    memset(c, 0, sizeof(*c));
    for (unsigned n = 0; n < u->blocks; n++) {
        const struct jit_block *k = &u->block[n];

        for (unsigned i = k->at; i < k->at + k->insns; i++) {
            const struct op_sets *s = &u->sets[i];

            count_set(c->item, s->use, k->weight);
            count_set(c->item, s->def, k->weight);
            c->items |= s->use | s->def;
            if (!(s->fp_use | s->fp_def))
                continue;
            count_set(c->fp_reg, s->fp_use, k->weight);
            count_set(c->fp_reg, s->fp_def, k->weight);
            c->fp |= s->fp_use | s->fp_def;
        }
    }
}

/* Takes the one with the highest score from the set; false: none pays. */
static bool take_best(const uint32_t *score, uint64_t *set, uint32_t least,
                      unsigned *found)
{
    uint32_t most = 0;

    for (uint64_t left = *set; left; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctzll(left);

        if (score[i] < least) {
            *set &= ~(UINT64_C(1) << i);
        } else if (score[i] > most) {
            most = score[i];
            *found = i;
        }
    }
    if (!most)
        return false;
    *set &= ~(UINT64_C(1) << *found);
    return true;
}

static void give_homes(struct jit_unit_plan *u)
{
    unsigned regs = ARRAY_LEN(host_regs) - u->has_wide, i;
    /* A block of its own loads and stores once each. */
    uint32_t least = u->is_region ? 1 : 2;
    struct scores c;
    uint64_t left;

    memset(u->home, X64_NONE, sizeof(u->home));
    memset(u->fp_home, X64_NONE, sizeof(u->fp_home));
    u->homed = 0;
    u->fp_homed = 0;
    count_uses(u, &c);
    left = c.items;
    for (unsigned n = 0; n < regs && take_best(c.item, &left, least, &i); n++) {
        u->home[i] = host_regs[n];
        u->homed |= UINT64_C(1) << i;
    }
    /* With FR=0 a register is half of another: in memory. */
    if (!(u->key & CFG_KEY_FR) || u->key & CFG_KEY_SOFT_FP)
        return;
    left = c.fp;
    for (int8_t n = FP_SCRATCH;
         n < FP_REGS && take_best(c.fp_reg, &left, least, &i); n++) {
        u->fp_home[i] = n;
        u->fp_homed |= UINT32_C(1) << i;
    }
}

void jit_flow(struct jit_unit_plan *u)
{
    u->has_wide = u->has_fp = false;
    make_chains(u);
    for (unsigned n = 0; n < u->blocks; n++)
        scan_block(u, &u->block[n]);
    while (flow_back(u))
        ;
    give_homes(u);
    while (flow_dirty(u))
        ;
    /* What may have to be stored must be there, whichever way one came. */
    for (unsigned n = 0; n < u->blocks; n++) {
        u->block[n].use |= u->block[n].dirty_in;
        u->block[n].fp_use |= u->block[n].fp_dirty_in;
    }
    while (flow_back(u))
        ;
}
