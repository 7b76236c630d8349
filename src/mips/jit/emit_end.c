/*
 * emit_end.c - how a block ends, and the rare code behind a unit.
 *
 * A jump to a block of the unit finds the guest's registers where they are; all
 * others go through the slot of the target's page, with registers stored.
 */
#include "mips/jit/emit.h"

/* --- Edges
 * ---------------------------------------------------------------------------
 */

/* Everything that is needed after the block is in its place. */
static void settle_block(struct emit *e)
{
    emit_settle(e, jit_need_out(e->u, e->k));
    emit_last(e, &e->last);
}

static void give_back(struct emit *e, unsigned insns)
{
    if (insns)
        x64_alu_imm(e->b, X64_ADD, X64_32, REG_BUDGET, (int32_t)insns);
}

/* Out of the unit, with everything stored, to a word of this page or beyond. */
static void go_to_word(struct emit *e, int32_t word)
{
    if (word >= 0 && word < PAGE_INSNS) {
        x64_jump_mem(e->b, x64_rip(&e->u->page->slot[word]));
        return;
    }
    x64_load(e->b, X64_64, X64_RAX, CPU_AT(jit.vpage));
    x64_alu_imm(e->b, X64_ADD, X64_64, X64_RAX, 4 * word);
    x64_jump_to(e->b, e->jit->routines.jump);
}

/* Charged for this block but not run on the way to `succ`. */
static unsigned owed(const struct emit *e, int16_t succ, unsigned unrun)
{
    if (succ != OUTSIDE && e->next == succ && e->u->block[succ].is_charged)
        return unrun;
    return unrun + e->k->ahead;
}

/* From here on to a successor, `unrun` instructions of the block left out. */
static void follow(struct emit *e, int16_t succ, int32_t word, unsigned unrun)
{
    give_back(e, owed(e, succ, unrun));
    if (succ == OUTSIDE) {
        emit_spill(e);
        go_to_word(e, word);
    } else if (e->next != succ || e->is_rest) {
        x64_jump(e->b, &e->u->block[succ].label);
    }
}

/* The same behind a conditional jump: where that goes. */
static struct x64_label *far_end(struct emit *e, int16_t succ, int32_t word,
                                 unsigned unrun)
{
    unsigned give = owed(e, succ, unrun);
    struct cold *c;

    if (succ != OUTSIDE && !give)
        return &e->u->block[succ].label;
    c = emit_cold(e, COLD_EDGE);
    c->give = (uint16_t)give;
    c->block = succ;
    c->disp = word;
    return &c->at;
}

void emit_cold_edge(struct emit *e, struct cold *c)
{
    emit_restore(e, c);
    give_back(e, c->give);
    if (c->block != OUTSIDE) {
        x64_jump(e->b, &e->u->block[c->block].label);
        return;
    }
    emit_spill(e);
    go_to_word(e, c->disp);
}

/* --- Branches
 * ---------------------------------------------------------------------------
 */

/* A branch's condition, as flags are asked for. */
struct condition {
    bool is_known, is_taken;
    bool is_cc; /* an FP condition code, not 0 */
    unsigned cc;
    enum x64_cond cond;
    struct val cmp;   /* what is compared */
    unsigned pending; /* item that this comparison is the value of, or 0 */
};

static enum x64_cond cond_of(const struct slot *s)
{
    switch (s->op) {
    case OP_EQ_PN:
    case OP_EQ_PNL:
        return X64_E;
    case OP_NE_PN:
    case OP_NE_PNL:
        return X64_NE;
    case OP_LEZ_PN:
    case OP_LEZ_PNL:
        return X64_LE;
    case OP_GTZ_PN:
    case OP_GTZ_PNL:
        return X64_G;
    case OP_LTZ_PN:
    case OP_LTZ_PNL:
        return X64_L;
    case OP_BAL:
        return s->x >> 1 ? X64_GE : X64_L;
    default:
        return X64_GE;
    }
}

static bool holds(enum x64_cond cond, int64_t a, int64_t b)
{
    switch (cond) {
    case X64_E:
        return a == b;
    case X64_NE:
        return a != b;
    case X64_LE:
        return a <= b;
    case X64_G:
        return a > b;
    case X64_L:
        return a < b;
    default:
        return a >= b;
    }
}

static struct condition condition_of(struct emit *e, const struct slot *s)
{
    struct condition c = { .cond = cond_of(s) };
    unsigned a = s->a, b = s->op == OP_BAL ? 0 : s->b;
    int64_t va, vb;

    if (s->op == OP_BC1) {
        c.is_cc = true;
        c.cc = s->x >> 2;
        c.cond = s->x >> 1 & 1 ? X64_NE : X64_E;
        return c;
    }
    if (a == b || (emit_const(e, a, &va) && emit_const(e, b, &vb))) {
        c.is_known = true;
        c.is_taken = a == b ? holds(c.cond, 0, 0) : holds(c.cond, va, vb);
        return c;
    }
    if (!a) {
        a = b;
        b = 0; /* EQ or NE: symmetric */
    }
    /* Did a comparison give 1? */
    if (!b && e->val[a].kind == VAL_CMP &&
        (c.cond == X64_E || c.cond == X64_NE)) {
        c.cmp = e->val[a];
        c.pending = a;
        c.cond = c.cond == X64_NE ? (enum x64_cond)c.cmp.scale
                                  : x64_not((enum x64_cond)c.cmp.scale);
        return c;
    }
    c.cmp = (struct val){ .kind = VAL_CMP, .a = (uint8_t)a, .b = (uint8_t)b };
    if (emit_const(e, b, &vb) && vb == (int32_t)vb) {
        c.cmp.b = 0;
        c.cmp.imm = vb;
    } else if (emit_const(e, a, &va) && va == (int32_t)va &&
               (c.cond == X64_E || c.cond == X64_NE)) {
        c.cmp.a = (uint8_t)b;
        c.cmp.b = 0;
        c.cmp.imm = va;
    }
    c.cmp.is_wide =
        !emit_is_sx(e, c.cmp.a) || (c.cmp.b && !emit_is_sx(e, c.cmp.b));
    return c;
}

static uint64_t bit_of(unsigned item)
{
    return item ? UINT64_C(1) << item : 0;
}

/*
 * The flags of the condition; all items of `want` are in their places then.  A
 * comparison that is also some register's value is made from the same flags.
 */
static void test_condition(struct emit *e, const struct condition *c,
                           uint64_t want)
{
    unsigned item = c->pending;
    int h;

    if (c->is_cc) {
        emit_settle(e, want);
        x64_cmp8_imm(e->b, cc_mem(c->cc), 0);
        return;
    }
    if (item) {
        e->special &= ~bit_of(item);
        e->val[item].kind = VAL_HOME; /* its old value, if it compares that */
    }
    emit_settle(e, want | bit_of(c->cmp.a) | bit_of(c->cmp.b));
    emit_compare(e, &c->cmp);
    if (!item || !(want & bit_of(item)))
        return;
    h = emit_homed(e, item) ? e->u->home[item] : X64_RAX;
    x64_setcc(e->b, (enum x64_cond)c->cmp.scale, X64_RAX);
    x64_extend(e->b, false, 1, X64_32, h, X64_RAX);
    emit_done(e, item, h, DONE_SX);
}

/* The flags alone; what waits to be made waits on. */
static void peek_condition(struct emit *e, const struct condition *c)
{
    unsigned item = c->pending;

    if (c->is_cc) {
        x64_cmp8_imm(e->b, cc_mem(c->cc), 0);
        return;
    }
    e->val[item].kind = VAL_HOME; /* it may compare its own old value */
    emit_compare(e, &c->cmp);
    if (item)
        e->val[item] = c->cmp;
}

/* --- Delay slots
 * -----------------------------------------------------------------------------
 */

/* Does what is in the slot change what the branch looks at? */
static bool slot_writes(const struct emit *e)
{
    const struct slot *branch = &e->u->insn[e->at];

    if (branch->op == OP_BC1)
        return jit_op_info[branch[1].op].kind == KIND_FCMP;
    return e->u->sets[e->at].use & e->u->sets[e->at + 1].def;
}

static void run_slot(struct emit *e, enum site_slot kind)
{
    e->slot = (uint8_t)kind;
    e->at++;
    emit_instruction(e);
    e->at--;
    e->slot = SLOT_NONE;
    emit_note(e, NOTE_INSN, e->at);
}

/* The address after the slot, into the link register. */
static void link_register(struct emit *e, unsigned d)
{
    int reg;

    if (d >= 32)
        return;
    emit_begin_def(e, d);
    reg = emit_def(e, d);
    x64_load(e->b, X64_64, reg, CPU_AT(jit.vpage));
    x64_alu_imm(e->b, X64_ADD, X64_64, reg, 4 * (e->u->word[e->at] + 2));
    emit_done(e, d, reg, DONE_FULL);
}

/* --- Conditional branches
 * ---------------------------------------------------------------------- */

static int32_t word_after(const struct emit *e)
{
    return e->k->index + e->k->insns;
}

static void known_branch(struct emit *e, bool is_taken)
{
    const struct jit_block *k = e->k;
    bool skip = !is_taken && k->is_likely;

    if (!skip)
        run_slot(e, is_taken ? SLOT_TAKEN : SLOT_BRANCH);
    settle_block(e);
    follow(e, k->succ[is_taken], is_taken ? k->target : word_after(e), skip);
}

/* The two ways on; the flags decide. */
static void split(struct emit *e, enum x64_cond cond)
{
    const struct jit_block *k = e->k;

    if (k->succ[1] != OUTSIDE && e->next == k->succ[1]) {
        x64_jcc(e->b, x64_not(cond), far_end(e, k->succ[0], word_after(e), 0));
        follow(e, k->succ[1], k->target, 0);
        return;
    }
    x64_jcc(e->b, cond, far_end(e, k->succ[1], k->target, 0));
    follow(e, k->succ[0], word_after(e), 0);
}

/* The slot runs only when it is taken. */
static void likely_branch(struct emit *e, const struct condition *c)
{
    const struct jit_block *k = e->k;

    emit_last(e, &e->last);
    test_condition(e, c, UINT64_MAX);
    x64_jcc(e->b, x64_not(c->cond), far_end(e, k->succ[0], word_after(e), 1));
    run_slot(e, SLOT_TAKEN);
    settle_block(e);
    follow(e, k->succ[1], k->target, 0);
}

static void conditional(struct emit *e, const struct slot *s)
{
    struct condition c;

    if (s->op == OP_BC1)
        emit_fp_may_go(e);
    if (s->op == OP_BAL)
        link_register(e, 31);
    c = condition_of(e, s);
    if (c.is_known) {
        known_branch(e, c.is_taken);
    } else if (e->k->is_likely) {
        likely_branch(e, &c);
    } else if (slot_writes(e)) {
        peek_condition(e, &c);
        x64_setcc_mem(e->b, c.cond, CPU_AT(jit.cond));
        run_slot(e, SLOT_COND);
        settle_block(e);
        x64_cmp8_imm(e->b, CPU_AT(jit.cond), 0);
        split(e, X64_NE);
    } else {
        run_slot(e, SLOT_BRANCH);
        c = condition_of(e, s);
        emit_last(e, &e->last);
        test_condition(e, &c, jit_need_out(e->u, e->k));
        split(e, c.cond);
    }
}

/* --- Jumps
 * ---------------------------------------------------------------------------------------
 */

/* Where J goes, into rax. */
static void jump_target(struct emit *e, uint32_t imm)
{
    x64_load(e->b, X64_64, X64_RAX, CPU_AT(jit.vpage));
    x64_alu_imm(e->b, X64_AND, X64_64, X64_RAX, -0x10000000);
    x64_alu_imm(e->b, X64_OR, X64_64, X64_RAX, (int32_t)(imm << 2));
}

void emit_cold_far(struct emit *e, struct cold *c)
{
    emit_restore(e, c);
    give_back(e, c->give);
    emit_spill(e);
    jump_target(e, (uint32_t)c->disp);
    x64_jump_to(e->b, e->jit->routines.jump);
}

static void jump(struct emit *e, const struct slot *s)
{
    const struct jit_block *k = e->k;
    uint32_t imm = (uint32_t)s->imm;
    struct cold *c;

    if (s->op == OP_JAL)
        link_register(e, 31);
    run_slot(e, SLOT_TAKEN);
    settle_block(e);
    if ((imm << 2 & 0x0ffff000) != (e->u->vpage & 0x0ffff000)) {
        give_back(e, k->ahead);
        emit_spill(e);
        jump_target(e, imm);
        x64_jump_to(e->b, e->jit->routines.jump);
        return;
    }
    /* Into this page, as long as it is where it is now. */
    c = emit_cold(e, COLD_FAR);
    c->give = k->ahead;
    c->disp = s->imm;
    x64_alu_store_imm(e->b, X64_CMP, X64_32, CPU_AT(jit.vpage),
                      (int32_t)e->u->vpage);
    x64_jcc(e->b, X64_NE, &c->at);
    follow(e, k->succ[1], k->target, 0);
}

/* May a jump by this register lead into the unit? */
static bool may_stay(const struct emit *e, const struct slot *s)
{
    if (!e->u->is_region)
        return false;
    return s->op == OP_JR && s->a == 31 ? e->u->has_returns : e->u->has_switch;
}

static void by_register(struct emit *e, const struct slot *s)
{
    bool is_saved = slot_writes(e);

    if (is_saved) {
        int reg = emit_use64(e, s->a, X64_RAX);

        x64_store(e->b, X64_64, CPU_AT(jit.target), reg);
    }
    if (s->op == OP_JALR)
        link_register(e, s->d);
    run_slot(e, is_saved ? SLOT_TARGET : SLOT_BRANCH);
    settle_block(e);
    if (is_saved) {
        x64_load(e->b, X64_64, X64_RAX, CPU_AT(jit.target));
    } else {
        int reg = emit_use64(e, s->a, X64_RAX);

        if (reg != X64_RAX)
            x64_mov(e->b, X64_64, X64_RAX, reg);
    }
    if (!may_stay(e, s)) {
        emit_spill(e);
        x64_jump_to(e->b, e->jit->routines.jump);
        return;
    }
    /* Its number among the table's words; what is not aligned is far too big.
     */
    x64_alu_load(e->b, X64_SUB, X64_64, X64_RAX, CPU_AT(jit.vpage));
    if (e->u->table_first)
        x64_alu_imm(e->b, X64_SUB, X64_64, X64_RAX,
                    (int32_t)(4 * e->u->table_first));
    x64_shift_imm(e->b, X64_ROR, X64_64, X64_RAX, 2);
    x64_alu_imm(e->b, X64_CMP, X64_64, X64_RAX, (int32_t)e->u->table_words - 1);
    x64_jcc(e->b, X64_A, &e->out);
    if (x64_room(e->b)) { /* lea rcx, [rip + table] */
        x64_u8(e->b, 0x48);
        x64_u8(e->b, 0x8d);
        x64_u8(e->b, 0x0d);
        x64_chain(e->b, &e->table);
    }
    x64_jump_mem(e->b, x64_sum(X64_RCX, X64_RAX, 3, 0));
}

/* A jump by register to no block of ours: rax has its number. */
static void emit_out(struct emit *e)
{
    x64_put(e->b, &e->out);
    e->special = 0;
    e->dirty = e->u->indirect_dirty;
    e->fp_dirty = e->u->fp_indirect_dirty;
    e->last.pending = FPU_NONE;
    emit_spill(e);
    x64_shift_imm(e->b, X64_ROL, X64_64, X64_RAX, 2);
    x64_alu_imm(e->b, X64_ADD, X64_64, X64_RAX,
                (int32_t)(4 * e->u->table_first));
    x64_alu_load(e->b, X64_ADD, X64_64, X64_RAX, CPU_AT(jit.vpage));
    x64_jump_to(e->b, e->jit->routines.jump);
}

void emit_indirect_table(struct emit *e)
{
    struct x64_buf *b = e->b;

    emit_note(e, NOTE_TABLE, 0);
    emit_out(e);
    while ((uintptr_t)b->at % 8 && x64_room(b))
        x64_u8(b, 0xcc);
    x64_put(b, &e->table);
    for (unsigned i = 0; i < e->u->table_words; i++) {
        int16_t n = e->u->block_of[e->u->table_first + i];
        const struct x64_label *to = n == OUTSIDE ? &e->out : &e->inner[n];

        if (!x64_room(b))
            return;
        x64_u64(b, (uint64_t)(uintptr_t)(to->at + b->shift));
    }
}

/* --- The end of a block
 * ------------------------------------------------------------------------------
 */

static void end_in_c(struct emit *e)
{
    unsigned site;

    emit_spill(e);
    site = emit_site(e);
    emit_point(e, site);
    if (e->u->insn[e->at].op == OP_SYSCALL) {
        x64_mov_imm(e->b, X64_RAX, EXC_SYS);
        x64_jump_to(e->b, e->jit->routines.raise);
        return;
    }
    x64_jump_to(e->b, e->jit->routines.op_end);
}

static void end_for_interpreter(struct emit *e)
{
    unsigned site;

    emit_spill(e);
    e->at = e->k->at; /* any */
    site = emit_site(e);
    e->site[site].index = (uint16_t)word_after(e);
    emit_point(e, site);
    x64_jump_to(e->b, e->jit->routines.interpret);
}

void emit_end(struct emit *e)
{
    const struct slot *s = &e->u->insn[e->at];

    switch ((enum block_end)e->k->end) {
    case END_FALL:
        settle_block(e);
        follow(e, e->k->succ[0], word_after(e), 0);
        break;
    case END_BRANCH:
        conditional(e, s);
        break;
    case END_JUMP:
        jump(e, s);
        break;
    case END_REGISTER:
        by_register(e, s);
        break;
    case END_OP:
        end_in_c(e);
        break;
    case END_INTERPRET:
        end_for_interpreter(e);
        break;
    }
}

/* --- Rare code
 * ---------------------------------------------------------------------------------------
 */

static void cold_budget(struct emit *e, struct cold *c)
{
    emit_point(e, c->site);
    x64_call_to(e->b, e->jit->routines.budget);
    x64_jcc(e->b, X64_E, &c->back);
    emit_leave(e, c, e->jit->routines.tail);
}

static void cold_hot(struct emit *e, struct cold *c)
{
    emit_point(e, c->site);
    x64_jump_to(e->b, e->jit->routines.hot);
}

static void cold_raise(struct emit *e, struct cold *c)
{
    emit_leave_begin(e, c);
    emit_point(e, c->site);
    x64_mov_imm(e->b, X64_RAX, c->d);
    emit_leave_end(e, e->jit->routines.raise);
}

/* The instruction has not been done: C does it, and goes on after it. */
void emit_cold_in_c(struct emit *e, struct cold *c)
{
    emit_leave_begin(e, c);
    emit_point(e, c->site);
    emit_leave_end(e, e->jit->routines.op_end);
}

static void cold_fp_go(struct emit *e, struct cold *c)
{
    emit_point(e, c->site);
    x64_call_to(e->b, e->jit->routines.fp_go);
    x64_jcc(e->b, X64_E, &c->back);
    emit_leave(e, c, e->jit->routines.resume);
}

void emit_cold_all(struct emit *e)
{
    for (unsigned i = 0; i < e->colds && !e->b->is_full; i++) {
        struct cold *c = &e->cold[i];

        emit_note(e, NOTE_COLD, i);
        if (x64_is_used(&c->at))
            x64_put(e->b, &c->at);
        switch ((enum cold_kind)c->kind) {
        case COLD_LOAD:
            emit_cold_load(e, c);
            break;
        case COLD_STORE:
            emit_cold_store(e, c);
            break;
        case COLD_PART:
            emit_cold_part(e, c);
            break;
        case COLD_GROUP:
            emit_cold_group(e, c);
            break;
        case COLD_BUDGET:
            cold_budget(e, c);
            break;
        case COLD_HOT:
            cold_hot(e, c);
            break;
        case COLD_RAISE:
            cold_raise(e, c);
            break;
        case COLD_IN_C:
            emit_cold_in_c(e, c);
            break;
        case COLD_FP_GO:
            cold_fp_go(e, c);
            break;
        case COLD_FP_SIGN:
            emit_cold_sign(e, c);
            break;
        case COLD_EDGE:
            emit_cold_edge(e, c);
            break;
        case COLD_FAR:
            emit_cold_far(e, c);
            break;
        }
    }
}
