/*
 * emit.c - the frame of a unit's code: sites, rare code, instructions, blocks.
 */
#include <string.h>

#include "mips/jit/emit.h"

#define BIT(item) (UINT64_C(1) << (item))

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
    c->from = (uint16_t)e->at;
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

/* All items are in their homes. */
static void forget_values(struct emit *e)
{
    for (; e->special; e->special &= e->special - 1)
        e->val[__builtin_ctzll(e->special)].kind = VAL_HOME;
}

void emit_restore(struct emit *e, const struct cold *c)
{
    forget_values(e);
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
    emit_store_items(e, e->dirty);
    emit_fp_spill(e, e->fp_dirty);
    x64_jump_to(e->b, routine);
}

/* --- An instruction
 * ------------------------------------------------------------------------- */

void emit_in_c(struct emit *e, const struct slot *s)
{
    const struct op_sets *sets = &e->u->sets[s - e->u->insn];
    unsigned site;

    emit_spill(e);
    site = emit_site(e);
    emit_point(e, site);
    x64_call_to(e->b, e->has_fp ? e->jit->routines.op_fp : e->jit->routines.op);
    x64_jcc_to(e->b, X64_NE, e->jit->routines.resume);
    for (uint64_t left = sets->def; left; left &= left - 1)
        emit_reload(e, (unsigned)__builtin_ctzll(left));
    emit_fp_load_all(e, sets->fp_def & e->u->fp_homed);
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
    unsigned flags = e->u->flags[e->at];

    emit_note(e, NOTE_INSN, e->at);
    limit_special(e);
    make_comparisons(e, e->u->sets[e->at].use);
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
        const struct op_sets *sets = &e->u->sets[k->at + i];

        /* The slot of a likely branch may be passed over. */
        if (!k->is_likely || i + 1u < k->insns)
            need &= ~sets->def;
        need |= sets->use;
        if (e->u->flags[k->at + i] & (OPF_EXIT | OPF_C))
            need = UINT64_MAX;
        e->need[i] = need;
    }
}

static void begin_block(struct emit *e)
{
    const struct jit_block *k = e->k;

    find_needs(e);
    forget_values(e);
    e->sx = 0;
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

/* The site of a block's head: what is charged there. */
static unsigned site_of_head(struct emit *e)
{
    unsigned site = emit_site(e);

    e->site[site].adj = (uint16_t)(e->k->insns + e->k->ahead);
    e->site[site].index = e->k->index;
    return site;
}

/* Charge the site's instructions at the head of a block, or leave. */
static void charge(struct emit *e, unsigned site)
{
    struct cold *c = emit_cold(e, COLD_BUDGET);
    unsigned insns = e->site[site].adj;

    c->site = (uint16_t)site;
    x64_alu_imm(e->b, X64_SUB, X64_32, REG_BUDGET, (int32_t)insns);
    x64_jcc(e->b, X64_S, &c->at);
    x64_put(e->b, &c->back);
}

/* A block of its own counts its runs. */
static void count_run(struct emit *e, unsigned site)
{
    struct cold *c = emit_cold(e, COLD_HOT);

    c->site = (uint16_t)site;
    x64_sub8_imm(e->b, x64_rip(&e->u->page->heat[e->k->index].left), 1);
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
    unsigned head = 0;

    e->k = k;
    begin_block(e);
    emit_note(e, NOTE_BLOCK, (unsigned)number);
    if (!e->u->is_region) {
        head = site_of_head(e);
        x64_put(e->b, &e->entry[number]);
        count_run(e, head);
    }
    x64_put(e->b, &k->label);
    if (!k->is_charged && k->insns)
        charge(e, e->u->is_region ? site_of_head(e) : head);
    e->body_end = (unsigned)k->at + k->insns - end_insns(k);
    while (e->at < e->body_end) {
        emit_instruction(e);
        e->at++;
    }
    if (end_insns(k))
        emit_note(e, NOTE_INSN, e->at);
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
    emit_note(e, NOTE_ENTRY, (unsigned)number);
    x64_put(e->b, &e->entry[number]);
    for (; load; load &= load - 1) {
        unsigned i = (unsigned)__builtin_ctzll(load);

        x64_load(e->b, X64_64, e->u->home[i], item_mem(i));
    }
    emit_fp_load_all(e, k->fp_live_in & e->u->fp_homed);
    e->fp_dirty = k->fp_dirty_in; /* who came by a jump has no copy of them */
    x64_put(e->b, &e->inner[number]);
    if (k->is_charged)
        charge(e, site_of_head(e));
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
    e->start = start;
    e->jit = u->jit;
    e->u = u;
    e->colds = e->sites = e->spills = e->notes = 0;
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
    emit_note(e, NOTE_END, 0);
    emit_sites(e);
    return finish(e, start);
}
