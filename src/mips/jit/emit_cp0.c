/*
 * emit_cp0.c - the CP0 registers that handlers of exceptions move most, in
 * line: those without side effects.  The others are C's (cp0.c), which is what
 * these must agree with.
 */
#include "mips/jit/emit.h"

enum { SINK = 32 };

/* A register that is a field of the vCPU. */
struct cp0_field {
    bool is_here;
    bool is_wide;     /* 64 bits; else 32, read sign-extended */
    bool is_readable; /* ... as it is */
    struct x64_mem mem;
    bool is_writable;
    bool has_mask;
    uint64_t mask; /* of what can be written */
};

static struct cp0_field field_of(unsigned reg)
{
    switch (reg) {
    case C0_INDEX:
        return (struct cp0_field){ true,  false, true, CPU_AT(index),
                                   false, false, 0 };
    case C0_ENTRYLO0:
        return (struct cp0_field){
            true, true, true, CPU_AT(entrylo[0]), true, true, CP0_LO_WRITABLE
        };
    case C0_ENTRYLO1:
        return (struct cp0_field){
            true, true, true, CPU_AT(entrylo[1]), true, true, CP0_LO_WRITABLE
        };
    case C0_PAGEMASK:
        return (struct cp0_field){ true,  false, true, CPU_AT(pagemask),
                                   false, false, 0 };
    case C0_WIRED:
        return (struct cp0_field){ true,  false, true, CPU_AT(wired),
                                   false, false, 0 };
    case C0_BADVADDR:
        return (struct cp0_field){ true,  true,  true, CPU_AT(badvaddr),
                                   false, false, 0 };
    case C0_ENTRYHI:
        return (struct cp0_field){ true,  true,  true, CPU_AT(entryhi),
                                   false, false, 0 };
    case C0_STATUS:
        return (struct cp0_field){ true,  false, true, CPU_AT(status),
                                   false, false, 0 };
    case C0_EPC:
        return (
            struct cp0_field){ true, true, true, CPU_AT(epc), true, false, 0 };
    case C0_CONTEXT:
    case C0_XCONTEXT:
        return (struct cp0_field){ true,  true,  false, x64_rip(NULL),
                                   false, false, 0 };
    default:
        return (struct cp0_field){ 0 };
    }
}

bool jit_cp0_write_is_plain(unsigned reg)
{
    return field_of(reg).is_writable;
}

/* CP0 must be usable; once a block, for nothing in it changes that. */
static void may_go(struct emit *e)
{
    bool is_disco = e->u->key & CFG_KEY_DISCO;
    struct cold *c;

    if (!e->cp0_went) {
        c = emit_cold(e, COLD_IN_C);
        c->site = (uint16_t)emit_site(e);
        x64_cmp8_imm(e->b, CPU_AT(mode), is_disco ? MODE_SUPER : MODE_KERNEL);
        x64_jcc(e->b, is_disco ? X64_A : X64_NE, &c->at);
        e->cp0_went = true;
    }
    if (is_disco)
        x64_alu_store_imm(e->b, X64_ADD, X64_64,
                          CPU_AT(stats.traps[DISCO_TRAP_PRIVILEGED]), 1);
}

/* Context and XContext: a base, and the page that missed. */
static void read_context(struct emit *e, bool is_x, int reg)
{
    struct x64_buf *b = e->b;

    x64_load(b, X64_64, X64_RAX, CPU_AT(badvpn));
    if (is_x) {
        x64_mov(b, X64_64, X64_RCX, X64_RAX);
        x64_shift_imm(b, X64_SHR, X64_64, X64_RCX, 62);
        x64_shift_imm(b, X64_SHL, X64_64, X64_RCX, 35);
        x64_shift_imm(b, X64_SHR, X64_64, X64_RAX, 13);
        x64_alu_imm(b, X64_AND, X64_64, X64_RAX, 0x7fffffff);
        x64_shift_imm(b, X64_SHL, X64_64, X64_RAX, 4);
        x64_alu(b, X64_OR, X64_64, X64_RAX, X64_RCX);
        x64_alu_load(b, X64_OR, X64_64, X64_RAX, CPU_AT(xcontext_base));
    } else {
        x64_shift_imm(b, X64_SHR, X64_64, X64_RAX, 13);
        x64_alu_imm(b, X64_AND, X64_32, X64_RAX, 0x7ffff);
        x64_shift_imm(b, X64_SHL, X64_32, X64_RAX, 4);
        x64_alu_load(b, X64_OR, X64_64, X64_RAX, CPU_AT(context));
    }
    if (reg != X64_RAX)
        x64_mov(b, X64_64, reg, X64_RAX);
}

static bool read(struct emit *e, const struct slot *s)
{
    struct cp0_field f = field_of(s->a);
    bool is_word = s->op == OP_MFC0;
    int reg;

    if (!f.is_here)
        return false;
    may_go(e);
    if (s->d == SINK)
        return true;
    emit_begin_def(e, s->d);
    reg = emit_def(e, s->d);
    if (!f.is_readable) {
        read_context(e, s->a == C0_XCONTEXT, reg);
        if (is_word)
            x64_movsxd(e->b, reg, reg);
    } else if (is_word || !f.is_wide) {
        x64_rm(e->b, 0x63, X64_64, reg, f.mem); /* movsxd */
    } else {
        x64_load(e->b, X64_64, reg, f.mem);
    }
    emit_done(e, s->d, reg, is_word || !f.is_wide ? DONE_SX : DONE_FULL);
    return true;
}

static bool write(struct emit *e, const struct slot *s)
{
    struct cp0_field f = field_of(s->a);
    bool is_word = s->op == OP_MTC0;
    int reg;

    if (!f.is_writable)
        return false;
    may_go(e);
    reg = emit_use64(e, s->b, X64_RAX);
    if (is_word && !emit_is_sx(e, s->b)) {
        x64_movsxd(e->b, X64_RAX, reg);
        reg = X64_RAX;
    }
    if (f.has_mask) {
        x64_mov_imm(e->b, X64_RCX, f.mask);
        x64_alu(e->b, X64_AND, X64_64, X64_RCX, reg);
        reg = X64_RCX;
    }
    x64_store(e->b, X64_64, f.mem, reg);
    return true;
}

bool emit_cp0(struct emit *e, const struct slot *s)
{
    if (s->op == OP_MFC0 || s->op == OP_DMFC0)
        return read(e, s);
    return write(e, s);
}
