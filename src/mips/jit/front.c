/*
 * front.c - from the words of a page to the blocks of a unit.
 *
 * A block ends with a branch and its delay slot, or before something that the
 * interpreter has to do: a branch in the last word of the page, or whose slot
 * holds what may not stand there.  A region is what runs around a hot block, as
 * the heat of the page's blocks tells.
 */
#include <string.h>

#include "mips/jit/unit.h"
#include "mips/predecode.h"

/* --- Kinds of operations
 * -------------------------------------------------------- */

#define TWICE(name, kind_r, kind_i, fl)         \
    [OP_##name##_R] = { kind_r, fl, 0, false }, \
    [OP_##name##_I] = { kind_i, fl, 0, false },
#define IS_DOUBLE_W false
#define IS_DOUBLE_D true

const struct op_info jit_op_info[OP_FUSED] = {
#define UOP_ALU(name, ...) TWICE(name, KIND_ALU_R, KIND_ALU_I, 0)
#define UOP_OVF(name, ...) TWICE(name, KIND_OVF_R, KIND_OVF_I, OPF_EXIT)
#define UOP_BR(name, ...)                                  \
    [OP_##name##_PN] = { KIND_BRANCH, OPF_END, 0, false }, \
    [OP_##name##_PNL] = { KIND_BRANCH, OPF_END, 0, false },
#define UOP_TRAP(name, ...) TWICE(name, KIND_TRAP_R, KIND_TRAP_I, OPF_EXIT)
#define UOP_LOAD(name, bytes, ...) \
    [OP_##name] = { KIND_LOAD, OPF_EXIT | OPF_MEM, bytes, false },
#define UOP_STORE(name, bytes) \
    [OP_##name] = { KIND_STORE, OPF_EXIT | OPF_MEM, bytes, false },
#define UOP_FP3(name, fn, k) \
    [OP_##name] = { KIND_FP3, OPF_FP | OPF_ARITH, 0, IS_DOUBLE_##k },
#define UOP_FP2(name, fn, d, k) \
    [OP_##name] = { KIND_FP2, OPF_FP | OPF_ARITH, 0, IS_DOUBLE_##k },
#define UOP_FP4(name, fn, k) \
    [OP_##name] = { KIND_FP4, OPF_FP | OPF_ARITH, 0, IS_DOUBLE_##k },
#define UOP_FCMP(name, fn, k) \
    [OP_##name] = { KIND_FCMP, OPF_FP | OPF_ARITH, 0, IS_DOUBLE_##k },
#define UOP_JUMP(name)   [OP_##name] = { KIND_JUMP, OPF_END, 0, false },
#define UOP_FOP(name, k) [OP_##name] = { KIND_OP, OPF_FP, 0, IS_DOUBLE_##k },
#define UOP_OP(name)     [OP_##name] = { KIND_OP, 0, 0, false },
#include "mips/uop.def"
};

/* What the tables do not say: the flags of single operations. */
static unsigned flags_of(const struct slot *s)
{
    switch (s->op) {
    case OP_BC1:
        return OPF_END | OPF_FP;
    case OP_MOVCC:
        return OPF_FP;
    case OP_CFC1:
        return OPF_FP | OPF_C;
    case OP_CTC1:
        return OPF_FP | OPF_C | OPF_END;
    case OP_LWC1:
    case OP_LDC1:
    case OP_LWXC1:
    case OP_LDXC1:
    case OP_SWC1:
    case OP_SDC1:
    case OP_SWXC1:
    case OP_SDXC1:
        return OPF_FP | OPF_EXIT | OPF_MEM;
    case OP_MFC0:
    case OP_DMFC0:
    case OP_MFP:
    case OP_CACHE:
    case OP_LPART:
    case OP_SPART:
    case OP_LL:
    case OP_SC:
        return OPF_EXIT | OPF_C;
    case OP_MTC0:
    case OP_DMTC0:
        return OPF_EXIT | OPF_C | (jit_cp0_write_is_plain(s->a) ? 0 : OPF_END);
    case OP_SYSCALL:
    case OP_BREAK:
    case OP_RESERVED:
    case OP_COP0_RI:
    case OP_COP1_E:
    case OP_COP1X_RI:
    case OP_COP2:
    case OP_MTP:
    case OP_TLBR:
    case OP_TLBWI:
    case OP_TLBWR:
    case OP_TLBP:
    case OP_ERET:
    case OP_HYPCALL:
        return OPF_EXIT | OPF_C | OPF_END;
    default:
        return jit_op_info[s->op].flags;
    }
}

/* A branch-likely of the ordinary kinds. */
static bool is_likely(unsigned op)
{
    switch (op) {
#define UOP_ALU(...)
#define UOP_OVF(...)
#define UOP_BR(name, ...) case OP_##name##_PNL:
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
        return true;
    default:
        return false;
    }
}

/* Conversions that round by a mode of their own, but for truncation. */
static bool is_rounding(unsigned op)
{
    switch (op) {
#define ROUNDING(name)    \
    case OP_##name##_W_S: \
    case OP_##name##_W_D: \
    case OP_##name##_L_S: \
    case OP_##name##_L_D:
        ROUNDING(ROUND)
        ROUNDING(CEIL)
        ROUNDING(FLOOR)
#undef ROUNDING
        return true;
    default:
        return false;
    }
}

/* enum op_flag of an instruction in this unit. */
static unsigned op_flags(const struct jit_unit_plan *u, const struct slot *s)
{
    unsigned flags = flags_of(s);

    if (flags & OPF_ARITH &&
        (u->key & CFG_KEY_SOFT_FP ||
         (!(u->jit->features & X64_HAS_SSE41) && is_rounding(s->op))))
        flags |= OPF_C | OPF_EXIT;
    return flags;
}

static uint64_t item(unsigned reg)
{
    return reg ? UINT64_C(1) << reg : 0;
}

/* $0 swallows what is written: register 32 of a slot. */
static uint64_t item_written(unsigned reg)
{
    return reg < 32 ? UINT64_C(1) << reg : 0;
}

#define HI_LO (UINT64_C(1) << ITEM_HI | UINT64_C(1) << ITEM_LO)

static uint32_t fp_w(unsigned widx)
{
    return UINT32_C(1) << widx / 2;
}

static uint32_t fp_of(unsigned index, bool is_double)
{
    return is_double ? UINT32_C(1) << index : fp_w(index);
}

/* The format of what KIND_FP2 writes, when it is not that of its operand. */
bool jit_fp2_writes_double(unsigned op)
{
    switch (op) {
#define UOP_ALU(...)
#define UOP_OVF(...)
#define UOP_BR(...)
#define UOP_TRAP(...)
#define UOP_LOAD(...)
#define UOP_STORE(...)
#define UOP_FP3(...)
#define UOP_FP2(name, fn, d, s) \
    case OP_##name:             \
        return IS_DOUBLE_##d;
#define UOP_FP4(...)
#define UOP_FCMP(...)
#define UOP_JUMP(...)
#define UOP_FOP(...)
#define UOP_OP(...)
#include "mips/uop.def"
    default:
        return false;
    }
}

static void op_sets(const struct slot *s, struct op_sets *o)
{
    switch (s->op) {
    case OP_CONST:
        o->def = item_written(s->d);
        break;
    case OP_MOVZ:
    case OP_MOVN:
        o->use = item(s->a) | item(s->b) | item_written(s->d);
        o->def = item_written(s->d);
        break;
    case OP_MOVCC:
        o->use = item(s->a) | item_written(s->d);
        o->def = item_written(s->d);
        break;
    case OP_MFHI:
        o->use = UINT64_C(1) << ITEM_HI;
        o->def = item_written(s->d);
        break;
    case OP_MFLO:
        o->use = UINT64_C(1) << ITEM_LO;
        o->def = item_written(s->d);
        break;
    case OP_MTHI:
        o->use = item(s->a);
        o->def = UINT64_C(1) << ITEM_HI;
        break;
    case OP_MTLO:
        o->use = item(s->a);
        o->def = UINT64_C(1) << ITEM_LO;
        break;
    case OP_MULT:
    case OP_MULTU:
    case OP_DIV:
    case OP_DIVU:
    case OP_DMULT:
    case OP_DMULTU:
    case OP_DDIV:
    case OP_DDIVU:
        o->use = item(s->a) | item(s->b);
        o->def = HI_LO;
        break;
    case OP_MFC0:
    case OP_DMFC0:
    case OP_MFP:
    case OP_CFC1:
        o->def = item_written(s->d);
        break;
    case OP_MFC1:
    case OP_DMFC1:
        o->fp_use = fp_of(s->a, jit_op_info[s->op].is_double);
        o->def = item_written(s->d);
        break;
    case OP_MTC1:
        o->fp_use = fp_w(s->a);
        FALLTHROUGH;
    case OP_DMTC1:
        o->use = item(s->b);
        o->fp_def = fp_of(s->a, jit_op_info[s->op].is_double);
        break;
    case OP_FMOVZ_W:
    case OP_FMOVZ_D:
        o->use = item(s->b);
        FALLTHROUGH;
    case OP_FMOVCC_W:
    case OP_FMOVCC_D:
    case OP_FMOV_W:
        o->fp_use = fp_of(s->d, jit_op_info[s->op].is_double);
        FALLTHROUGH;
    case OP_FMOV_D:
        o->fp_use |= fp_of(s->a, jit_op_info[s->op].is_double);
        o->fp_def = fp_of(s->d, jit_op_info[s->op].is_double);
        break;
    case OP_LWXC1:
        o->use = item(s->b);
        FALLTHROUGH;
    case OP_LWC1:
        o->use |= item(s->a);
        o->fp_use = fp_w(s->d);
        o->fp_def = fp_w(s->d);
        break;
    case OP_LDXC1:
        o->use = item(s->b);
        FALLTHROUGH;
    case OP_LDC1:
        o->use |= item(s->a);
        o->fp_def = UINT32_C(1) << s->d;
        break;
    case OP_SWXC1:
    case OP_SDXC1:
        o->use = item(s->b);
        FALLTHROUGH;
    case OP_SWC1:
    case OP_SDC1:
        o->use |= item(s->a);
        o->fp_use = fp_of(s->d, jit_op_info[s->op].is_double);
        break;
    case OP_LPART:
        o->use = item(s->a) | item(s->b);
        o->def = item_written(s->d);
        break;
    case OP_LL:
        o->use = item(s->a);
        o->def = item_written(s->d);
        break;
    case OP_SPART:
        o->use = item(s->a) | item(s->b);
        break;
    case OP_SC:
        o->use = item(s->a) | item(s->b);
        o->def = item_written(s->d);
        break;
    case OP_CACHE:
        o->use = item(s->a);
        break;
    case OP_MTC0:
    case OP_DMTC0:
    case OP_MTP:
    case OP_CTC1:
        o->use = item(s->b);
        break;
    default:
        break;
    }
}

static void jump_sets(const struct slot *s, struct op_sets *o)
{
    switch (s->op) {
    case OP_JAL:
        o->def = item(31);
        break;
    case OP_JR:
        o->use = item(s->a);
        break;
    case OP_JALR:
        o->use = item(s->a);
        o->def = item_written(s->d);
        break;
    case OP_BAL:
        o->use = item(s->a);
        o->def = item(31);
        break;
    default:
        break;
    }
}

static void find_sets(const struct slot *s, struct op_sets *o)
{
    const struct op_info *info = &jit_op_info[s->op];
    bool d = info->is_double;

    *o = (struct op_sets){ 0 };
    switch ((enum op_kind)info->kind) {
    case KIND_ALU_R:
    case KIND_OVF_R:
        o->use = item(s->a) | item(s->b);
        o->def = item_written(s->d);
        break;
    case KIND_ALU_I:
    case KIND_OVF_I:
        o->use = item(s->a);
        o->def = item_written(s->d);
        break;
    case KIND_BRANCH:
    case KIND_TRAP_R:
        o->use = item(s->a) | item(s->b);
        break;
    case KIND_TRAP_I:
        o->use = item(s->a);
        break;
    case KIND_LOAD:
        o->use = item(s->a);
        o->def = item_written(s->d);
        break;
    case KIND_STORE:
        o->use = item(s->a) | item(s->b);
        break;
    case KIND_FP4:
        o->fp_use = fp_of(s->x, d);
        FALLTHROUGH;
    case KIND_FP3:
        o->fp_use |= fp_of(s->a, d) | fp_of(s->b, d);
        o->fp_def = fp_of(s->d, d);
        if (!d)
            o->fp_use |= o->fp_def; /* the other half stays */
        break;
    case KIND_FP2:
        o->fp_use = fp_of(s->a, d);
        o->fp_def = fp_of(s->d, jit_fp2_writes_double(s->op));
        if (!jit_fp2_writes_double(s->op))
            o->fp_use |= o->fp_def;
        break;
    case KIND_FCMP:
        o->fp_use = fp_of(s->a, d) | fp_of(s->b, d);
        break;
    case KIND_JUMP:
        jump_sets(s, o);
        break;
    case KIND_OP:
        op_sets(s, o);
        break;
    }
}

/* --- Blocks
 * ------------------------------------------------------------------------ */

static void decode(const struct jit_unit_plan *u, unsigned index,
                   struct slot *s)
{
    predecode_plain(s, jit_word(u, index), u->key, u->isa);
}

/* A register that is both read for the jump and written by its link, or a link
 * register that a branch looks at: undefined, and the interpreter's. */
static bool is_odd(const struct slot *s)
{
    if (s->op == OP_JALR)
        return s->a == s->d;
    return s->op == OP_BAL && s->a == 31;
}

static void put(struct jit_unit_plan *u, struct jit_block *k,
                const struct slot *s, unsigned index)
{
    unsigned n = u->insns++;

    u->insn[n] = *s;
    u->word[n] = (uint16_t)index;
    u->flags[n] = (uint8_t)op_flags(u, s);
    find_sets(s, &u->sets[n]);
    k->insns++;
}

static void end_with_branch(struct jit_unit_plan *u, struct jit_block *k,
                            const struct slot *s, unsigned index)
{
    struct slot slot;

    /* The interpreter does the branch, and then what is in its slot. */
    k->end = END_INTERPRET;
    if (index + 1 >= PAGE_INSNS || is_odd(s))
        return;
    decode(u, index + 1, &slot);
    if (op_flags(u, &slot) & OPF_END)
        return;
    put(u, k, s, index);
    put(u, k, &slot, index + 1);
    k->has_slot = true;
    k->target = (int32_t)index + s->imm;
    switch (s->op) {
    case OP_J:
    case OP_JAL:
        k->end = END_JUMP;
        k->target = (int32_t)((uint32_t)s->imm & (PAGE_INSNS - 1));
        break;
    case OP_JR:
    case OP_JALR:
        k->end = END_REGISTER;
        break;
    case OP_BC1:
    case OP_BAL:
        k->end = END_BRANCH;
        k->is_likely = s->x & 1;
        break;
    default:
        k->end = END_BRANCH;
        k->is_likely = is_likely(s->op);
        break;
    }
}

/* How often the block there ran since it was translated; 0: never. */
static unsigned runs(const struct jit_unit_plan *u, int32_t index)
{
    unsigned step = jit_heat_step(u->jit), left;

    if (index < 0 || index >= PAGE_INSNS ||
        u->page->slot[index] == jit_miss(u->jit, (unsigned)index))
        return 0;
    left = u->page->heat[index].left;
    return u->page->heat[index].steps * step + step + 1 -
           (left <= step ? left : 0);
}

static bool is_warm(const struct jit_unit_plan *u, int32_t index)
{
    return runs(u, index) > u->jit->heat / 32u;
}

/* A block of its own in a region, where nothing in it leads there? */
static bool is_leader(const struct jit_unit_plan *u, unsigned index)
{
    return jit_bit(u->page->leader, index) && is_warm(u, (int32_t)index);
}

/* The block that starts at this word; false: there is no room in the unit. */
static bool add_block(struct jit_unit_plan *u, unsigned index, unsigned max)
{
    struct jit_block *k = &u->block[u->blocks];
    unsigned i = index, limit = u->is_region ? REGION_INSNS_MAX : max;

    if (u->blocks == BLOCKS_MAX || u->insns + 4 > REGION_INSNS_MAX)
        return false;
    *k = (struct jit_block){ .index = (uint16_t)index,
                             .at = (uint16_t)u->insns,
                             .end = END_FALL,
                             .succ = { OUTSIDE, OUTSIDE } };
    u->block_of[index] = (int16_t)u->blocks++;
    for (;; i++) {
        struct slot s;

        if (i >= PAGE_INSNS || u->insns + 4 > REGION_INSNS_MAX ||
            k->insns >= BLOCK_INSNS_MAX || u->insns >= limit)
            return true;
        /* Another block starts here. */
        if (i > index && u->is_region &&
            (u->block_of[i] != OUTSIDE || is_leader(u, i)))
            return true;
        decode(u, i, &s);
        if (jit_is_branch(&s)) {
            if (u->insns + 2 > limit)
                k->end = END_INTERPRET;
            else
                end_with_branch(u, k, &s, i);
            return true;
        }
        put(u, k, &s, i);
        if (u->flags[u->insns - 1] & OPF_END) {
            k->end = END_OP;
            return true;
        }
    }
}

static void reset(struct jit_unit_plan *u, bool is_region)
{
    for (unsigned i = 0; i < u->blocks; i++)
        u->block_of[u->block[i].index] = OUTSIDE;
    u->is_region = is_region;
    u->blocks = u->insns = 0;
    u->has_indirect = u->has_returns = u->has_switch = false;
}

void jit_plan_block(struct jit_unit_plan *u, unsigned index, unsigned max)
{
    reset(u, false);
    add_block(u, index, max < BLOCK_INSNS_MAX ? max : BLOCK_INSNS_MAX);
    u->block[0].is_entry = true;
    u->block[0].weight = 1;
    u->order[0] = 0;
}

/* --- Regions
 * ------------------------------------------------------------------------ */

/* Is the J or JAL into this page, where it is mapped now? */
static bool stays(const struct jit_unit_plan *u, const struct slot *s)
{
    return ((uint32_t)s->imm << 2 & 0x0ffff000) == (u->vpage & 0x0ffff000);
}

/* The branch that the block ends with: END_BRANCH, JUMP or REGISTER. */
static const struct slot *branch_of(const struct jit_unit_plan *u,
                                    const struct jit_block *k)
{
    return &u->insn[k->at + k->insns - 2];
}

/* Words after which a block may go on, warm ones: at most 3. */
static unsigned next_words(const struct jit_unit_plan *u,
                           const struct jit_block *k, int32_t next[3])
{
    int32_t after = k->index + k->insns;
    unsigned n = 0;

    switch ((enum block_end)k->end) {
    case END_BRANCH:
        next[n++] = k->target;
        next[n++] = after;
        break;
    case END_JUMP:
        if (stays(u, branch_of(u, k)))
            next[n++] = k->target;
        if (branch_of(u, k)->op == OP_JAL)
            next[n++] = after;
        break;
    case END_REGISTER:
        if (branch_of(u, k)->op == OP_JALR)
            next[n++] = after;
        break;
    case END_FALL:
    case END_OP:
        next[n++] = after;
        break;
    case END_INTERPRET:
        next[n++] = after + 2;
        break;
    }
    return n;
}

/* A jump by register, but a return, may go to any warm block of the page. */
static bool is_switch(const struct jit_unit_plan *u, const struct jit_block *k)
{
    return k->end == END_REGISTER && branch_of(u, k)->op == OP_JR &&
           branch_of(u, k)->a != 31;
}

static void add_warm(struct jit_unit_plan *u)
{
    for (int32_t i = 0; i < PAGE_INSNS; i++)
        if (u->block_of[i] == OUTSIDE && is_leader(u, (unsigned)i))
            add_block(u, (unsigned)i, 0);
}

static void grow(struct jit_unit_plan *u)
{
    bool all = false;

    for (unsigned n = 0; n < u->blocks; n++) {
        struct jit_block *k = &u->block[n];
        int32_t next[3];
        unsigned count = next_words(u, k, next);

        k->weight = runs(u, k->index);
        for (unsigned i = 0; i < count; i++)
            if (next[i] >= 0 && next[i] < PAGE_INSNS &&
                u->block_of[next[i]] == OUTSIDE && is_warm(u, next[i]))
                add_block(u, (unsigned)next[i], 0);
        if (!all && is_switch(u, k)) {
            all = true;
            add_warm(u);
        }
    }
}

static bool is_call(unsigned op)
{
    return op == OP_JAL || op == OP_BAL || op == OP_JALR;
}

/* Can jumps by register stay in the unit? */
static void find_indirect(struct jit_unit_plan *u)
{
    bool has_jr = false;
    unsigned first = PAGE_INSNS, last = 0;

    for (unsigned n = 0; n < u->blocks; n++) {
        const struct jit_block *k = &u->block[n];
        int32_t after = k->index + k->insns;

        first = k->index < first ? k->index : first;
        last = k->index > last ? k->index : last;
        has_jr |= k->end == END_REGISTER;
        u->has_switch |= is_switch(u, k);
        if (k->has_slot && after < PAGE_INSNS &&
            u->block_of[after] != OUTSIDE && is_call(branch_of(u, k)->op))
            u->has_returns = true;
    }
    u->has_indirect = has_jr && (u->has_returns || u->has_switch);
    u->table_first = first;
    u->table_words = last - first + 1;
}

static int16_t block_at(const struct jit_unit_plan *u, int32_t index)
{
    return index < 0 || index >= PAGE_INSNS ? OUTSIDE : u->block_of[index];
}

static void link_blocks(struct jit_unit_plan *u)
{
    for (unsigned n = 0; n < u->blocks; n++) {
        struct jit_block *k = &u->block[n];

        if (k->end == END_BRANCH || k->end == END_FALL)
            k->succ[0] = block_at(u, k->index + k->insns);
        if (k->end == END_BRANCH ||
            (k->end == END_JUMP && stays(u, branch_of(u, k))))
            k->succ[1] = block_at(u, k->target);
        k->is_entry = true;
    }
}

/* Blocks in the order in which they are written: each before the successor that
 * runs more often. */
static void arrange(struct jit_unit_plan *u)
{
    bool placed[BLOCKS_MAX] = { false };
    unsigned n = 0;

    for (unsigned start = 0; start < u->blocks; start++) {
        int16_t i = (int16_t)start;

        while (i != OUTSIDE && !placed[i]) {
            const struct jit_block *k = &u->block[i];
            int16_t best = OUTSIDE;

            placed[i] = true;
            u->order[n++] = i;
            for (unsigned e = 0; e < 2; e++) {
                int16_t s = k->succ[e];

                if (s == OUTSIDE)
                    continue;
                if (placed[s]) {
                    u->block[s].is_loop = true;
                    continue;
                }
                if (best == OUTSIDE ||
                    u->block[s].weight > u->block[best].weight)
                    best = s;
            }
            i = best;
        }
    }
}

void jit_plan_region(struct jit_unit_plan *u, unsigned index)
{
    reset(u, true);
    add_block(u, index, 0);
    grow(u);
    link_blocks(u);
    find_indirect(u);
    arrange(u);
}
