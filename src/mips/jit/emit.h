/*
 * emit.h - writing a unit's code: what is known of the guest's registers at the
 * present place, and what is put behind the code to be rare.
 *
 * An item's value is in its home (a host register or memory), unless `val` says
 * that it is made when it is wanted: a constant, a sum, the outcome of a
 * comparison, or a 32-bit result whose upper half is not yet its sign.  What a
 * value is made from is not overwritten before it is made.
 */
#ifndef MIPS_JIT_EMIT_H
#define MIPS_JIT_EMIT_H

#include "mips/jit/layout.h"
#include "mips/jit/unit.h"

enum val_kind {
    VAL_HOME,
    VAL_LOW,   /* the low half is in the home's register */
    VAL_CONST, /* imm */
    VAL_SUM,   /* a + (b << scale) + imm; 0 for a or b: none; homed items */
    VAL_SHIFT, /* a shifted by `scale`: imm is the enum x64_shift */
    VAL_CMP    /* a cond b, or a cond imm when b is 0 */
};

struct val {
    uint8_t kind;
    uint8_t a, b;
    uint8_t scale; /* CMP: enum x64_cond */
    bool is_wide;  /* CMP, SHIFT: of 64 bits */
    int64_t imm;
};

enum {
    FIXES_MAX = 8,
    COLD_MAX = 640,
    SITES_MAX = 640,
    SPILLS_MAX = 96,
    GROUPS_MAX = 4, /* at once */
    GROUPS_UNIT_MAX = 24
};

/* The last FP operation, whose operands a reader of Cause wants. */
struct last_fp {
    uint8_t pending; /* FPU_OP_*; FPU_NONE: nothing to store */
    uint8_t args;
    uint8_t arg[3]; /* double or word index */
    uint8_t saved;  /* bits: already in fpu.arg */
    bool is_double;
};

enum cold_kind {
    COLD_LOAD, /* slow path of a load into `d` */
    COLD_STORE,
    COLD_PART,   /* near entry of a part of a word, or of two */
    COLD_GROUP,  /* near entry of a group; or the rest of the block without */
    COLD_BUDGET, /* at the head of a block */
    COLD_HOT,
    COLD_RAISE, /* exception `d` */
    COLD_IN_C,  /* a C function does the instruction */
    COLD_FP_GO,
    COLD_FP_SIGN, /* ABS, NEG: perhaps a NaN or denormal */
    COLD_EDGE,    /* to a block of the unit or another word */
    COLD_FAR      /* to where a J leads from this address of the page */
};

/* Rare code, written behind the rest. */
struct cold {
    uint8_t kind;
    uint8_t fixes; /* values to be made when the unit is left here */
    uint8_t d;     /* item, FP register or exception */
    uint16_t op;
    uint16_t from; /* instruction that asked for it: of u->insn */
    uint8_t bytes;
    uint8_t scale; /* of an address: base + (index << scale) + disp */
    int8_t reg_base, reg_index, value_reg;
    int8_t fp_reg; /* of a load: where the value goes as well, or X64_NONE */
    uint16_t site;
    uint16_t give;  /* budget to be given back */
    uint16_t point; /* GROUP: in emit.point */
    int16_t block;  /* EDGE: where to, or OUTSIDE */
    int32_t disp;   /* of the address; EDGE: the word; FAR: bits of the jump */
    uint32_t fp_dirty;
    uint32_t fp_resident;
    uint64_t dirty, resident;
    struct last_fp last;
    struct x64_label at, again, back;
    struct {
        uint8_t item;
        struct val val;
    } fix[FIXES_MAX];
};

/* Stores of these, then on to the routine. */
struct spill {
    uint64_t mask;
    uint32_t fp_mask;
    const uint8_t *routine;
    struct x64_label label;
};

/* Accesses by a register that have been tested together (emit_group.c). */
struct group {
    uint8_t item, near;
    bool reads, writes;
    int32_t low, high; /* displacements */
};

/* A place from which a block can be written once more. */
struct point {
    const struct jit_block *k;
    int16_t next;
    unsigned at;
    uint64_t sx;
    bool fp_went, cp0_went;
    uint8_t near_key[ITEMS];
};

/* What the code from an offset on is for: for dump.c. */
enum note_kind {
    NOTE_BLOCK,
    NOTE_INSN, /* of u->insn */
    NOTE_ENTRY,
    NOTE_COLD,
    NOTE_TABLE,
    NOTE_END
};
struct note {
    uint32_t offset;
    uint16_t of;
    uint8_t kind;
};
enum { NOTES_MAX = 2048 };

struct emit {
    struct x64_buf *b;
    const uint8_t *start; /* of the unit's code, as it is written */
    struct jit *jit;
    struct jit_unit_plan *u;
    const struct jit_block *k;
    int16_t next;      /* block that is written after it, or OUTSIDE */
    bool is_rest;      /* the block is written once more, elsewhere */
    unsigned at;       /* instruction: of u->insn */
    unsigned body_end; /* first one of the block's end */
    uint8_t slot;      /* enum site_slot of it */
    struct val val[ITEMS];
    uint64_t special; /* items whose val is not HOME */
    uint64_t sx;      /* items whose home has a sign-extended 32-bit number */
    uint64_t resident, dirty;
    uint32_t fp_resident, fp_dirty;
    uint64_t
        need[BLOCK_INSNS_MAX + 4]; /* before each instruction of the block */
    struct last_fp last;
    bool fp_went; /* FP may go: seen in this block */
    bool cp0_went;
    bool has_fp; /* FP registers hold guest values */
    bool failed; /* a table is full: the unit is too big */
    uint8_t near_salt;
    uint8_t near_key[ITEMS]; /* what an item points to: the same, the same page
                                in all likelihood */
    bool no_groups;          /* they made the unit too big, or do not hold */
    unsigned groups, groups_made;
    struct group group[GROUPS_MAX];
    struct point point[GROUPS_UNIT_MAX];
    unsigned colds, sites, spills, notes;
    struct note note[NOTES_MAX];
    struct cold cold[COLD_MAX];
    struct jit_site site[SITES_MAX];
    struct x64_label site_label[SITES_MAX];
    struct spill spill[SPILLS_MAX];
    struct x64_label entry[BLOCKS_MAX]; /* from outside */
    struct x64_label
        inner[BLOCKS_MAX];  /* charged ones, by a jump by register */
    struct x64_label out;   /* a jump by register to no block of ours */
    struct x64_label table; /* where jumps by register go */
};

/* --- Values (emit_value.c)
 * -------------------------------------------------------------- */

/* A host register with the item's value: its home, or `scratch`. */
int emit_use64(struct emit *e, unsigned item, int scratch);
/* ... whose low half counts. */
int emit_use32(struct emit *e, unsigned item, int scratch);
/* Is the value known at translation time? */
bool emit_const(const struct emit *e, unsigned item, int64_t *v);
/* Does its 64-bit value follow from its low half? */
bool emit_is_sx(const struct emit *e, unsigned item);
/* Is it in a host register of its own? */
static inline bool emit_homed(const struct emit *e, unsigned item)
{
    return e->u->home[item] != X64_NONE;
}
/* Before anything else of an instruction that writes the item: values made from
 * the old one are made. */
void emit_begin_def(struct emit *e, unsigned item);
/* Where its new value goes, its home or rax; then emit_done. */
int emit_def(const struct emit *e, unsigned item);
enum done { DONE_FULL, DONE_SX, DONE_LOW };
void emit_done(struct emit *e, unsigned item, int reg, enum done done);
/* The item's new value is `v`, made when wanted. */
void emit_defer(struct emit *e, unsigned item, struct val v);
void emit_make(struct emit *e, unsigned item);
/* d = a, or its low half. */
void emit_copy(struct emit *e, unsigned d, unsigned a, bool is_32);
void emit_set_const(struct emit *e, unsigned item, int64_t v);
/* The flags that VAL_CMP v is about. */
void emit_compare(struct emit *e, const struct val *v);
/* These items are in their homes; nobody wants the others. */
void emit_settle(struct emit *e, uint64_t items);
/* These homes to memory. */
void emit_store_items(struct emit *e, uint64_t mask);
/* All registers of the guest are in memory, and stay where they are. */
void emit_spill(struct emit *e);
/* C has changed the item in memory. */
void emit_reload(struct emit *e, unsigned item);

unsigned emit_near(const struct emit *e, unsigned item);

/* From here on is code for something else. */
static inline void emit_note(struct emit *e, enum note_kind kind, unsigned of)
{
    if (e->notes < NOTES_MAX)
        e->note[e->notes++] = (struct note){ (uint32_t)(e->b->at - e->start),
                                             (uint16_t)of, (uint8_t)kind };
}

/* --- Addresses (emit_mem.c)
 * -------------------------------------------------------------- */

/*
 * A guest address as registers: base + (index << scale) + disp; without
 * registers disp alone.  `rcx` tells what has to be loaded there before, each
 * time: an item in memory or a constant.
 */
struct address {
    int8_t base, index;
    uint8_t scale;
    int32_t disp;
    enum { RCX_NOTHING, RCX_ITEM, RCX_CONST, RCX_SUM } rcx;
    unsigned item, other;
    int64_t imm;
    unsigned near;
};

/* The item + off. */
struct address emit_address(struct emit *e, unsigned item, int32_t off);
void emit_load_rcx(struct emit *e, const struct address *a);
/* The guest's address into rax. */
void emit_whole(struct x64_buf *b, int base, int index, unsigned scale,
                int32_t disp);
/* Does the near entry have the page of base + disp, aligned to `bytes`?  Flags:
 * E.  rax is changed. */
void emit_near_test(struct emit *e, const struct address *a, int32_t disp,
                    unsigned bytes, bool is_store);
/* The same of the entry's other tag, when rax has what was compared. */
void emit_near_compare(struct emit *e, const struct address *a, bool is_store);
/* Where the host has the address, once the page is known; rax is in it.  At
 * `known`, unless NULL, rax has the addend. */
struct x64_mem emit_host_place(struct emit *e, const struct address *a,
                               struct x64_label *known);
/* The word at m into reg, as the instruction extends it. */
void emit_load_value(struct emit *e, unsigned op, unsigned bytes, int reg,
                     struct x64_mem m);
/* The item as a store wants it: a register, or X64_NONE for memory and
 * constants; and the store. */
int emit_stored(struct emit *e, unsigned item, unsigned bytes);
void emit_store_value(struct emit *e, unsigned item, int reg, unsigned bytes,
                      struct x64_mem m);

/* --- Operands (emit_alu.c)
 * --------------------------------------------------------------- */

/* An operand: a constant that an instruction can hold, memory, or a register.
 */
struct operand {
    bool is_imm, is_mem;
    int reg;
    int32_t imm;
    struct x64_mem mem;
};

struct operand emit_operand(struct emit *e, unsigned item, enum x64_width w,
                            int scratch);
/* reg = the operand. */
void emit_into(struct x64_buf *b, enum x64_width w, int reg,
               const struct operand *o);

/* --- Shifts (emit_shift.c)
 * --------------------------------------------------------------- */

void emit_shift_imm(struct emit *e, const struct slot *s, enum x64_shift op,
                    enum x64_width w);
void emit_shift_reg(struct emit *e, const struct slot *s, enum x64_shift op,
                    enum x64_width w);
/* d = a joined with b, when these are the two halves of a rotation. */
bool emit_rotation(struct emit *e, const struct slot *s);

/* --- Groups (emit_group.c)
 * --------------------------------------------------------------- */

/* Open one, if the access is the first of several. */
void emit_look_for_group(struct emit *e, const struct slot *s);
/* The near entry that has the access's page for sure, or -1. */
int emit_grouped(struct emit *e, const struct slot *s);
/* The item changes. */
void emit_close_groups(struct emit *e, unsigned item);
void emit_cold_group(struct emit *e, struct cold *c);
/* emit.c: the present place, and the rest of its block from there, later. */
uint16_t emit_point_here(struct emit *e);
void emit_rest(struct emit *e, const struct cold *c);

/* --- Rare code
 * ------------------------------------------------------------------- */

/* A site for the present instruction. */
unsigned emit_site(struct emit *e);
/* Rare code of this kind, left as things are now. */
struct cold *emit_cold(struct emit *e, enum cold_kind kind);
void emit_cold_all(struct emit *e);

/* What was known when the rare code was asked for is known again. */
void emit_restore(struct emit *e, const struct cold *c);
void emit_cold_load(struct emit *e, struct cold *c);
void emit_cold_store(struct emit *e, struct cold *c);
void emit_cold_part(struct emit *e, struct cold *c);
void emit_cold_in_c(struct emit *e, struct cold *c);
void emit_cold_sign(struct emit *e, struct cold *c);
void emit_cold_edge(struct emit *e, struct cold *c);
void emit_cold_far(struct emit *e, struct cold *c);
/* Leave for the routine from rare code, with everything stored. */
void emit_leave(struct emit *e, struct cold *c, const uint8_t *routine);
/* The same in two: between them registers can be set up for the routine. */
void emit_leave_begin(struct emit *e, struct cold *c);
void emit_leave_end(struct emit *e, const uint8_t *routine);
/* lea rcx, the site */
void emit_point(struct emit *e, unsigned site);

/* --- Instructions
 * ------------------------------------------------------------------ */

void emit_alu(struct emit *e, const struct slot *s);
void emit_overflow(struct emit *e, const struct slot *s);
void emit_trap(struct emit *e, const struct slot *s);
void emit_op(struct emit *e, const struct slot *s);
void emit_load(struct emit *e, const struct slot *s);
void emit_store(struct emit *e, const struct slot *s);
/* MFC0, DMFC0, MTC0, DMTC0 in line; false: in C. */
bool emit_cp0(struct emit *e, const struct slot *s);
/* LWL, SDR and the like in line, perhaps with the next one; false: in C. */
bool emit_part(struct emit *e, const struct slot *s);
void emit_fp(struct emit *e, const struct slot *s);
void emit_fp_op(struct emit *e, const struct slot *s);
/* In C, with everything stored before. */
void emit_in_c(struct emit *e, const struct slot *s);
void emit_instruction(struct emit *e);
/* The branch at e->at and its slot, and where it goes. */
void emit_end(struct emit *e);
void emit_indirect_table(struct emit *e);

/* FP instructions come: is CP1 usable, and the host's FPU ours? */
void emit_fp_may_go(struct emit *e);

/* --- FP registers (emit_fp.c)
 * -------------------------------------------------------- */

void emit_fp_spill(struct emit *e, uint32_t mask);
void emit_fp_load_all(struct emit *e, uint32_t mask);
/* fpu.arg and pending, from where the operands are. */
void emit_last(struct emit *e, struct last_fp *last);
/* Is the register (word or double index) in a host register? */
bool emit_fp_homed(const struct emit *e, unsigned index, bool is_double);
/* The host register with it; not homed: `scratch`. */
int emit_fp_use(struct emit *e, unsigned index, bool is_double, int scratch);
/* Double register `index` is about to be written. */
void emit_fp_begin_def(struct emit *e, unsigned index);
/* A register's new value is in vector register `reg`; a single's other half
 * stays. */
void emit_fp_put(struct emit *e, unsigned index, bool is_double, int reg);
/* Bits to and from a general register. */
void emit_fp_put_bits(struct emit *e, unsigned index, bool is_double, int reg);
void emit_fp_get_bits(struct emit *e, unsigned index, bool is_double, int reg);
void emit_load_fp(struct emit *e, const struct slot *s);
void emit_store_fp(struct emit *e, const struct slot *s);

#endif
