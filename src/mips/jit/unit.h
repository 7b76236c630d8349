/*
 * unit.h - what is translated at once: a unit of blocks of decoded
 * instructions, and what is known of each.  front.c fills it, flow.c adds what
 * is live and which guest registers get a host register, emit*.c write the
 * code.
 */
#ifndef MIPS_JIT_UNIT_H
#define MIPS_JIT_UNIT_H

#include "mips/jit/jit.h"

enum {
    BLOCK_INSNS_MAX = 64, /* of a unit of one block */
    REGION_INSNS_MAX = 400,
    BLOCKS_MAX = 64,
    CHAIN_MAX = 96, /* instructions charged at once */
    /* Regions of one page: code that never settles is not made for ever. */
    REGIONS_MAX = 256,
    OUTSIDE = -1
};

/* What kind of operation; by the rows of uop.def. */
enum op_kind {
    KIND_ALU_R,
    KIND_ALU_I,
    KIND_OVF_R,
    KIND_OVF_I,
    KIND_BRANCH,
    KIND_TRAP_R,
    KIND_TRAP_I,
    KIND_LOAD,
    KIND_STORE,
    KIND_FP3,
    KIND_FP2,
    KIND_FP4,
    KIND_FCMP,
    KIND_JUMP,
    KIND_OP
};

enum op_flag {
    OPF_EXIT = 1,  /* may leave in the middle */
    OPF_END = 2,   /* nothing can follow it in a block */
    OPF_FP = 4,    /* needs CP1 */
    OPF_ARITH = 8, /* FP arithmetic: sets Cause */
    OPF_C = 16,    /* a C function does it */
    OPF_MEM = 32
};

struct op_info {
    uint8_t kind;
    uint8_t flags;
    uint8_t bytes; /* KIND_LOAD, KIND_STORE */
    bool is_double;
};

extern const struct op_info jit_op_info[OP_FUSED];
/* Has it a delay slot?  As predecode_plain makes slots. */
static inline bool jit_is_branch(const struct slot *s)
{
    unsigned kind = jit_op_info[s->op].kind;

    return kind == KIND_BRANCH || kind == KIND_JUMP;
}

/* Items and FP registers (by double index) that an instruction reads, writes.
 */
struct op_sets {
    uint64_t use, def;
    uint32_t fp_use, fp_def;
};

/* CVT and the like: is what it writes a double (or L)? */
bool jit_fp2_writes_double(unsigned op);

/* How a block goes on. */
enum block_end {
    END_FALL,   /* at the next word */
    END_BRANCH, /* succ[1] when taken, else succ[0] */
    END_JUMP,   /* J, JAL: succ[1]; the target depends on the page's address */
    END_REGISTER, /* JR, JALR */
    END_OP,       /* its last instruction decides */
    END_INTERPRET /* the interpreter does what comes */
};

struct jit_block {
    uint16_t index; /* first word */
    uint16_t at;    /* first of insn[] */
    uint16_t insns; /* delay slot included; the chargeable ones */
    uint8_t end;    /* enum block_end */
    bool has_slot;  /* the last instruction is in the delay slot of the one
                       before */
    bool is_likely;
    bool is_entry;   /* can be entered from outside */
    bool is_loop;    /* an edge goes back to it */
    bool is_charged; /* by the block before it in its chain */
    uint16_t
        ahead; /* instructions of blocks after it that are charged with it */
    int32_t target; /* word that a branch goes to; may be outside of the page */
    int16_t succ[2];
    uint32_t weight;
    /* Items: what flow.c finds.  `live` is read before it is written;
     * `need` is that or may be seen when the block is left. */
    uint64_t use, def, kill, live_in, need_in, need_use, dirty_in;
    uint32_t fp_use, fp_def, fp_kill, fp_live_in, fp_dirty_in;
    struct x64_label label;
};

struct jit_unit_plan {
    struct jit *jit;
    struct jit_page *page;
    const uint8_t *words;
    uint32_t key;
    uint32_t isa;
    uint32_t vpage; /* low half of the page's address where it was asked for */
    uint64_t gva;   /* all of it, for who watches */
    bool is_region;
    unsigned insns, blocks;
    struct slot insn[REGION_INSNS_MAX + 2];
    uint16_t word[REGION_INSNS_MAX + 2]; /* index of each */
    struct op_sets sets[REGION_INSNS_MAX + 2];
    uint8_t flags[REGION_INSNS_MAX + 2]; /* enum op_flag */
    struct jit_block block[BLOCKS_MAX];
    int16_t block_of[PAGE_INSNS]; /* by first word, or OUTSIDE */
    int16_t order[BLOCKS_MAX];
    /* Homes: host register of an item or FP register, or X64_NONE: memory. */
    int8_t home[ITEMS];
    int8_t fp_home[32];
    uint64_t homed;
    uint32_t fp_homed;
    bool has_fp;       /* any FP instruction */
    bool has_wide;     /* products and quotients that take rdx */
    bool has_indirect; /* jumps by register may stay inside: */
    bool has_returns;  /* ... after calls */
    bool has_switch;   /* ... to any warm block of the page */
    unsigned table_first, table_words; /* where blocks start */
    uint64_t indirect_dirty;
    uint32_t fp_indirect_dirty;
};

/* front.c */
void jit_plan_block(struct jit_unit_plan *u, unsigned index, unsigned max);
void jit_plan_region(struct jit_unit_plan *u, unsigned index);

/* emit_cp0.c: a write of the register changes nothing but it. */
bool jit_cp0_write_is_plain(unsigned reg);

/* flow.c */
void jit_flow(struct jit_unit_plan *u);
/* Items that somebody may look at after the block. */
uint64_t jit_need_out(const struct jit_unit_plan *u, const struct jit_block *k);

struct emit;
/* dump.c: somebody watches. */
void jit_show(struct jit *jit, const struct emit *e,
              const struct jit_unit *unit);

/* emit.c: the code and its jit_unit, in `b`.  NULL: no room in it. */
struct jit_unit *jit_emit(struct emit *e, struct jit_unit_plan *u,
                          struct x64_buf *b);

static inline uint32_t jit_word(const struct jit_unit_plan *u, unsigned index)
{
    return jit_page_word(u->page, index);
}

#endif
