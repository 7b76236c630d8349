/*
 * routine.c - the routines that all translated code shares: ways in and out,
 * the middle between the fast path of a load and its C function, dispatch.
 *
 * Made once a machine, at the start of the code memory; position does not
 * matter to them, for they reach vCPU and table by registers and C by constant
 * addresses.  layout.h says which register is what.  Guest registers in host
 * registers survive `budget`, `load`, `store`, `op`, `fp_go` and `fp_slow`;
 * before the others the unit has stored them.
 */
#include "mips/jit/layout.h"

enum { LOG2_ENTRY = 5, LOG2_JUMP = 4 };
_Static_assert(sizeof(struct access_entry) == 1 << LOG2_ENTRY, "shift");
_Static_assert(sizeof(struct jump_entry) == 1 << LOG2_JUMP, "shift");

/* What C functions do not preserve, but scratch. */
static const int8_t volatile_regs[] = { X64_RDX, X64_RSI, X64_RDI, X64_R8,
                                        X64_R9,  X64_R10, X64_R11 };
static const int8_t kept_regs[] = { X64_RBX, X64_RBP, X64_R12,
                                    X64_R13, X64_R14, X64_R15 };
enum { FP_FIRST = 2, FP_LAST = 15, FP_SPACE = 8 * (FP_LAST - FP_FIRST + 1) };

static void align(struct x64_buf *b)
{
    while ((uintptr_t)b->at % 16 && x64_room(b))
        x64_u8(b, 0xcc);
}

static const uint8_t *begin(struct x64_buf *b)
{
    align(b);
    return x64_here(b);
}

static void call_c(struct x64_buf *b, void (*function)(void))
{
    x64_mov_imm(b, X64_RAX, (uint64_t)(uintptr_t)function);
    x64_call_reg(b, X64_RAX);
}

#define CALL_C(b, function) call_c(b, (void (*)(void))(function))

static void save(struct x64_buf *b, bool is_fp)
{
    for (unsigned i = 0; i < ARRAY_LEN(volatile_regs); i++)
        x64_push(b, volatile_regs[i]);
    if (!is_fp)
        return;
    x64_alu_imm(b, X64_SUB, X64_64, X64_RSP, FP_SPACE);
    for (int i = FP_FIRST; i <= FP_LAST; i++)
        x64_fp_store(b, true, x64_at(X64_RSP, 8 * (i - FP_FIRST)), i);
}

/* Leaves the flags alone. */
static void restore(struct x64_buf *b, bool is_fp)
{
    if (is_fp) {
        for (int i = FP_FIRST; i <= FP_LAST; i++)
            x64_fp_load(b, true, i, x64_at(X64_RSP, 8 * (i - FP_FIRST)));
        x64_lea(b, X64_64, X64_RSP, x64_at(X64_RSP, FP_SPACE));
    }
    for (unsigned i = ARRAY_LEN(volatile_regs); i-- > 0;)
        x64_pop(b, volatile_regs[i]);
}

/* First argument of a C function: the vCPU. */
static void pass_cpu(struct x64_buf *b)
{
    x64_store(b, X64_32, CPU_AT(jit.budget), REG_BUDGET);
    x64_lea(b, X64_64, X64_RDI, x64_at((enum x64_reg)REG_CPU, -BIAS));
}

/* --- In and out --------------------------------------------------------------
 */

static void push_all(struct x64_buf *b)
{
    for (unsigned i = 0; i < ARRAY_LEN(kept_regs); i++)
        x64_push(b, kept_regs[i]);
    x64_alu_imm(b, X64_SUB, X64_64, X64_RSP, 8);
    x64_lea(b, X64_64, REG_CPU, x64_at(X64_RDI, BIAS));
    x64_load(b, X64_32, REG_BUDGET, CPU_AT(jit.budget));
}

static void load_table(struct x64_buf *b)
{
    x64_load(b, X64_64, REG_TABLE, CPU_AT(table));
    x64_alu_imm(b, X64_SUB, X64_64, REG_TABLE, -BIAS);
}

static void make_enter(struct jit_routines *r, struct x64_buf *b)
{
    r->enter = begin(b);
    push_all(b);
    x64_jump_to(b, r->dispatch);
    r->enter_at = begin(b);
    push_all(b);
    load_table(b);
    x64_jump_reg(b, X64_RSI);
}

static void make_leave(struct jit_routines *r, struct x64_buf *b)
{
    r->leave = begin(b);
    x64_store(b, X64_32, CPU_AT(jit.budget), REG_BUDGET);
    x64_alu_imm(b, X64_ADD, X64_64, X64_RSP, 8);
    for (unsigned i = ARRAY_LEN(kept_regs); i-- > 0;)
        x64_pop(b, kept_regs[i]);
    x64_ret(b);
}

static void leave_for(struct jit_routines *r, struct x64_buf *b,
                      enum jit_reason reason)
{
    x64_mov_imm(b, X64_RAX, reason);
    x64_jump_to(b, r->leave);
}

/* cpu->pc is that of the site in rcx. */
static void store_pc(struct x64_buf *b)
{
    x64_load_extend(b, false, 2, X64_32, X64_RAX,
                    x64_at(X64_RCX, offsetof(struct jit_site, index)));
    x64_shift_imm(b, X64_SHL, X64_32, X64_RAX, 2);
    x64_alu_load(b, X64_ADD, X64_64, X64_RAX, CPU_AT(jit.vpage));
    x64_store(b, X64_64, CPU_AT(pc), X64_RAX);
}

static void make_exits(struct jit_routines *r, struct x64_buf *b)
{
    r->tail = begin(b);
    store_pc(b);
    leave_for(r, b, JIT_TAIL);

    r->hot = begin(b);
    store_pc(b);
    leave_for(r, b, JIT_HOT);

    r->interpret = begin(b);
    store_pc(b);
    leave_for(r, b, JIT_INTERPRET);
}

/* --- Dispatch
 * ------------------------------------------------------------------ */

static void make_dispatch(struct jit_routines *r, struct x64_buf *b)
{
    struct x64_label miss = { 0 };

    r->dispatch = begin(b);
    load_table(b);
    x64_load(b, X64_64, X64_RAX, CPU_AT(pc));
    r->jump = x64_here(b);
    x64_mov(b, X64_64, X64_RDX, X64_RAX);
    x64_alu_imm(b, X64_AND, X64_64, X64_RDX, (int32_t)PAGE_MASK | 3);
    x64_mov(b, X64_32, X64_RCX, X64_RAX);
    x64_shift_imm(b, X64_SHR, X64_32, X64_RCX, PAGE_BITS - LOG2_JUMP);
    x64_alu_imm(b, X64_AND, X64_32, X64_RCX, (JUMP_ENTRIES - 1) << LOG2_JUMP);
    x64_alu_load(
        b, X64_CMP, X64_64, X64_RDX,
        x64_sum((enum x64_reg)REG_TABLE, X64_RCX, 0, TABLE_DISP(jump[0].tag)));
    x64_jcc(b, X64_NE, &miss);
    x64_load(
        b, X64_64, X64_RCX,
        x64_sum((enum x64_reg)REG_TABLE, X64_RCX, 0, TABLE_DISP(jump[0].slot)));
    x64_store(b, X64_64, CPU_AT(jit.vpage), X64_RDX);
    x64_alu_imm(b, X64_AND, X64_32, X64_RAX, PAGE_SIZE - 4);
    x64_jump_mem(b, x64_sum(X64_RCX, X64_RAX, 1, 0));
    x64_put(b, &miss);
    x64_store(b, X64_64, CPU_AT(pc), X64_RAX);
    leave_for(r, b, JIT_DISPATCH);
}

/* A word that is not translated: cpu->pc is its address. */
static void make_miss(struct jit_routines *r, struct x64_buf *b)
{
    const uint8_t *common = begin(b);

    x64_alu_load(b, X64_ADD, X64_64, X64_RAX, CPU_AT(jit.vpage));
    x64_store(b, X64_64, CPU_AT(pc), X64_RAX);
    leave_for(r, b, JIT_DISPATCH);
    r->miss = begin(b);
    for (unsigned i = 0; i < PAGE_INSNS; i++) {
        x64_mov_imm(b, X64_RAX, 4 * i);
        x64_jump_to(b, common);
    }
}

/* --- Budget
 * -------------------------------------------------------------------- */

/*
 * The block at site rcx wants site->adj instructions and r14d, which has been
 * charged, fell below 0.  ZF: it may run, and has been charged.
 */
static void make_budget(struct jit_routines *r, struct x64_buf *b)
{
    struct x64_mem adj = x64_at(X64_RCX, offsetof(struct jit_site, adj));
    struct x64_label no = { 0 }, some = { 0 };

    r->budget = begin(b);
    x64_load_extend(b, false, 2, X64_32, X64_RAX, adj);
    x64_alu(b, X64_ADD, X64_32, REG_BUDGET, X64_RAX);
    x64_load(b, X64_64, X64_RAX, CPU_AT(request));
    x64_load(b, X64_32, X64_RAX, x64_at(X64_RAX, 0));
    x64_alu_load(b, X64_OR, X64_32, X64_RAX, CPU_AT(jit.kick));
    x64_jcc(b, X64_NE, &no);
    x64_load(b, X64_64, X64_RAX, CPU_AT(jit.extra));
    x64_alu_imm(b, X64_CMP, X64_64, X64_RAX, QUANTUM);
    x64_jcc(b, X64_BE, &some);
    x64_mov_imm(b, X64_RAX, QUANTUM);
    x64_put(b, &some);
    x64_alu_store(b, X64_SUB, X64_64, CPU_AT(jit.extra), X64_RAX);
    x64_alu(b, X64_ADD, X64_32, REG_BUDGET, X64_RAX);
    x64_load_extend(b, false, 2, X64_32, X64_RAX, adj);
    x64_alu(b, X64_CMP, X64_32, REG_BUDGET, X64_RAX);
    x64_jcc(b, X64_L, &no);
    x64_alu(b, X64_SUB, X64_32, REG_BUDGET, X64_RAX);
    x64_zero(b, X64_RAX);
    x64_ret(b);
    x64_put(b, &no);
    x64_test(b, X64_64, X64_RSP, X64_RSP);
    x64_ret(b);
}

/* --- Loads and stores
 * ------------------------------------------------------------ */

/*
 * Take the access table's entry for the address in rax into the near entry of
 * the site in rcx, if its tag at `tag` has the page.  Then ZF is set, rax is
 * the addend, and this returns; else it goes on at `other`.  rdx and rsi have
 * been saved.
 */
static void try_table(struct x64_buf *b, int32_t tag, struct x64_label *other)
{
    int base = REG_TABLE;

    x64_mov(b, X64_32, X64_RDX, X64_RAX);
    x64_shift_imm(b, X64_SHR, X64_32, X64_RDX, PAGE_BITS);
    x64_mov(b, X64_64, X64_RSI, X64_RAX);
    x64_shift_imm(b, X64_SHR, X64_64, X64_RSI, 21);
    x64_alu(b, X64_XOR, X64_32, X64_RDX, X64_RSI);
    x64_alu_imm(b, X64_AND, X64_32, X64_RDX, ACCESS_ENTRIES - 1);
    x64_shift_imm(b, X64_SHL, X64_32, X64_RDX, LOG2_ENTRY);
    x64_mov(b, X64_64, X64_RSI, X64_RAX);
    x64_alu_imm(b, X64_AND, X64_64, X64_RSI, (int32_t)PAGE_MASK);
    x64_alu_load(b, X64_CMP, X64_64, X64_RSI,
                 x64_sum((enum x64_reg)base, X64_RDX, 0, tag));
    x64_jcc(b, X64_NE, other);
    x64_load_extend(b, false, 1, X64_32, X64_RCX,
                    x64_at(X64_RCX, offsetof(struct jit_site, near)));
    x64_lea(b, X64_64, X64_RDX, x64_sum((enum x64_reg)base, X64_RDX, 0, 0));
    x64_load(b, X64_64, X64_RSI, x64_at(X64_RDX, TABLE_DISP(data[0].rtag)));
    x64_store(b, X64_64,
              x64_sum((enum x64_reg)base, X64_RCX, 3, TABLE_DISP(near.rtag)),
              X64_RSI);
    x64_load(b, X64_64, X64_RSI, x64_at(X64_RDX, TABLE_DISP(data[0].wtag)));
    x64_store(b, X64_64,
              x64_sum((enum x64_reg)base, X64_RCX, 3, TABLE_DISP(near.wtag)),
              X64_RSI);
    x64_load(b, X64_64, X64_RSI, x64_at(X64_RDX, TABLE_DISP(data[0].addend)));
    x64_store(b, X64_64,
              x64_sum((enum x64_reg)base, X64_RCX, 3, TABLE_DISP(near.addend)),
              X64_RSI);
    x64_mov(b, X64_64, X64_RCX, X64_RAX);
    x64_shift_imm(b, X64_SHR, X64_64, X64_RCX, PAGE_BITS);
    x64_mov_imm(b, X64_RAX, 1);
    x64_shift_cl(b, X64_SHL, X64_64, X64_RAX);
    x64_alu_store(b, X64_OR, X64_64,
                  x64_at((enum x64_reg)base, TABLE_DISP(near.pages)), X64_RAX);
    x64_mov(b, X64_64, X64_RAX, X64_RSI);
    x64_pop(b, X64_RSI);
    x64_pop(b, X64_RDX);
    x64_zero(b, X64_RCX);
    x64_ret(b);
}

/* Fill the near entry of the site in rcx for an address in rax.  ZF: it is. */
static const uint8_t *make_fill(struct x64_buf *b, bool is_store)
{
    struct x64_label other = { 0 };
    const uint8_t *start = begin(b);

    x64_push(b, X64_RDX);
    x64_push(b, X64_RSI);
    try_table(b, is_store ? TABLE_DISP(data[0].wtag) : TABLE_DISP(data[0].rtag),
              &other);
    x64_put(b, &other);
    x64_pop(b, X64_RSI);
    x64_pop(b, X64_RDX);
    x64_test(b, X64_64, X64_RSP, X64_RSP);
    x64_ret(b);
    return start;
}

/*
 * The near entry did not serve a load or store at rax; rcx is its site.
 *   ZF  the near entry has been filled, and rax is its addend
 *   CF  it was not done, or things have to be looked at after it: resume
 *   else it is done, and rax what was loaded
 */
static const uint8_t *make_access(struct x64_buf *b, bool is_store, bool is_fp,
                                  unsigned log2)
{
    int32_t tag =
        is_store ? TABLE_DISP(data[0].wtag) : TABLE_DISP(data[0].rtag);
    struct x64_label other = { 0 }, odd = { 0 }, out = { 0 };
    const uint8_t *start = begin(b);

    if (log2) {
        x64_test_imm(b, X64_32, X64_RAX, (1 << log2) - 1);
        x64_jcc(b, X64_NE, &odd);
    }
    x64_push(b, X64_RDX);
    x64_push(b, X64_RSI);
    try_table(b, tag, &other);
    x64_put(b, &other);
    x64_pop(b, X64_RSI);
    x64_pop(b, X64_RDX);
    x64_put(b, &odd);
    save(b, is_fp);
    pass_cpu(b);
    x64_mov(b, X64_64, X64_RSI, X64_RAX);
    x64_mov(b, X64_64, X64_RDX, X64_RCX);
    x64_mov_imm(b, X64_RCX, 1u << log2);
    if (is_store)
        CALL_C(b, jit_do_store);
    else
        CALL_C(b, jit_do_load);
    x64_test(b, X64_32, X64_RAX, X64_RAX);
    restore(b, is_fp);
    x64_jcc(b, X64_NE, &out);
    x64_load(b, X64_64, X64_RAX, CPU_AT(jit.value));
    x64_test(b, X64_64, X64_RSP, X64_RSP); /* neither ZF nor CF */
    x64_ret(b);
    x64_put(b, &out);
    x64_test(b, X64_64, X64_RSP, X64_RSP);
    x64_u8(b, 0xf9); /* stc */
    x64_ret(b);
    return start;
}

/* --- Operations in C
 * --------------------------------------------------------------- */

/* ZF: done.  Else resume. */
static const uint8_t *make_op(struct x64_buf *b, bool is_fp,
                              uint32_t (*function)(struct mips_cpu *,
                                                   const struct jit_site *))
{
    const uint8_t *start = begin(b);

    save(b, is_fp);
    pass_cpu(b);
    x64_mov(b, X64_64, X64_RSI, X64_RCX);
    CALL_C(b, function);
    x64_test(b, X64_32, X64_RAX, X64_RAX);
    restore(b, is_fp);
    x64_ret(b);
    return start;
}

/* The guest goes on at cpu->pc, or eax says why not. */
static void go_on(struct jit_routines *r, struct x64_buf *b)
{
    x64_test(b, X64_32, X64_RAX, X64_RAX);
    x64_load(b, X64_32, REG_BUDGET, CPU_AT(jit.budget));
    x64_jcc_to(b, X64_NE, r->leave);
    x64_jump_to(b, r->dispatch);
}

static void make_ends(struct jit_routines *r, struct x64_buf *b)
{
    struct x64_label c = { 0 };

    r->op_end = begin(b);
    pass_cpu(b);
    x64_mov(b, X64_64, X64_RSI, X64_RCX);
    CALL_C(b, jit_do_op_end);
    go_on(r, b);

    r->raise = begin(b); /* eax: which exception */
    pass_cpu(b);
    x64_mov(b, X64_64, X64_RSI, X64_RCX);
    x64_mov(b, X64_32, X64_RDX, X64_RAX);
    CALL_C(b, jit_do_raise);
    go_on(r, b);

    r->resume = begin(b);
    x64_load(b, X64_32, REG_BUDGET, CPU_AT(jit.budget));
    x64_cmp8_imm(b, CPU_AT(jit.after), 0);
    x64_jcc_to(b, X64_E, r->dispatch);
    x64_put(b, &c);
    pass_cpu(b);
    CALL_C(b, jit_do_resume);
    go_on(r, b);
}

static void make_constants(struct jit *jit, struct x64_buf *b)
{
    struct jit_constants *k;

    align(b);
    k = (struct jit_constants *)(void *)b->at;
    *k = (struct jit_constants){
        .sign_s = { 0x80000000 },
        .sign_d = { UINT64_C(1) << 63 },
        .swap_s = { 3, 2, 1, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
                    0x80, 0x80, 0x80, 0x80 },
        .swap_d = { 7, 6, 5, 4, 3, 2, 1, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
                    0x80, 0x80 },
        .infinity_d = UINT64_C(0xffe0000000000000),
        .one_d = UINT64_C(0x3ff0000000000000),
        .one_s = 0x3f800000,
    };
    jit->constants = (const struct jit_constants *)(void *)x64_here(b);
    b->at += sizeof(*k);
}

int jit_routines_make(struct jit *jit)
{
    struct jit_routines *r = &jit->routines;
    struct x64_buf b;

    x64_begin(&b, jit->exec.write, CHUNK_BYTES,
              jit->exec.run - jit->exec.write);
    make_leave(r, &b);
    make_dispatch(r, &b);
    make_enter(r, &b);
    make_miss(r, &b);
    make_exits(r, &b);
    make_budget(r, &b);
    make_ends(r, &b);
    for (unsigned fp = 0; fp < 2; fp++)
        for (unsigned log2 = 0; log2 < 4; log2++) {
            r->load[fp][log2] = make_access(&b, false, fp, log2);
            r->store[fp][log2] = make_access(&b, true, fp, log2);
        }
    r->fill[0] = make_fill(&b, false);
    r->fill[1] = make_fill(&b, true);
    r->op = make_op(&b, false, jit_do_op);
    r->op_fp = make_op(&b, true, jit_do_op);
    r->fp_go = make_op(&b, true, jit_do_fp_go);
    make_constants(jit, &b);
    return b.is_full ? -1 : 0;
}
