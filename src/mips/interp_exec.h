/*
 * interp_exec.h - the interpreter: runs decoded slots until the slice is used
 * up or something needs the outer loop (run.c).  A template: interp_big.c,
 * interp_little.c and two more include it with EXEC_NAME, GUEST_BIG and, for
 * the access table by cache lines, LINE_GRANULE.
 *
 * Threaded code.  Every operation exists twice, from interp_ops.h: in the run
 * (label N_x, goes on with the next slot) and as a delay slot (label S_x, goes
 * on at `target`), so that a delay slot costs nothing and knows that it is one.
 *
 * `left` counts instructions still allowed; each is charged before it runs.
 * cpu->left, cur_pc, cur_bd and delay_target are written before every call that
 * may need them (SAVE).
 */
#include "base/bits.h"
#include "base/compiler.h"
#include "mem/linemon.h"
#include "mips/cpu.h"
#include "mips/fpu_fast.h"
#include "mips/interp.h"

#pragma GCC diagnostic ignored "-Wpedantic" /* labels as values */

#define PC_OF(p) (base_va + (uint64_t)((p)-base) * 4)

#ifndef LINE_GRANULE
#define LINE_GRANULE 0
#endif

/* By lines, code of another line than before must be fetched first. */
#if LINE_GRANULE
#define NEED_LINE(otherwise)                                               \
    do {                                                                   \
        if (unlikely(!line_is_fetched(line, base, (uint64_t)(ip - base)))) \
            goto otherwise;                                                \
    } while (0)
#else
#define NEED_LINE(otherwise)
#endif

/* Charge one instruction and go to it. */
#define DISPATCH                   \
    do {                           \
        if (unlikely(left-- == 0)) \
            goto out_of_budget;    \
        NEED_LINE(fetch_line);     \
        goto *run_labels[ip->op];  \
    } while (0)
#define DISPATCH_SLOT                \
    do {                             \
        if (unlikely(left-- == 0))   \
            goto out_of_budget_slot; \
        NEED_LINE(fetch_line_slot);  \
        goto *slot_labels[ip->op];   \
    } while (0)

/* What fused operations are made of. */
#define UOP_ALU(name, value)                                               \
    static inline MAYBE_UNUSED uint64_t alu_##name(uint64_t a, uint64_t b) \
    {                                                                      \
        return (value);                                                    \
    }
#define UOP_OVF(...)
#define UOP_BR(name, condition)                                       \
    static inline MAYBE_UNUSED bool br_##name(uint64_t a, uint64_t b) \
    {                                                                 \
        (void)b;                                                      \
        return (condition);                                           \
    }
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

void EXEC_NAME(struct mips_cpu *cpu)
{
    static const void *const run_labels[OP_COUNT] = {
#define LABEL_REF(name) [OP_##name] = &&N_##name,
#include "mips/interp_labels.h"
    };
    static const void *const slot_labels[OP_COUNT] = {
#define LABEL_REF(name) [OP_##name] = &&S_##name,
#include "mips/interp_labels.h"
    };
    const uint32_t *const request = cpu->request;
    const struct slot *ip, *base;
    uint64_t base_va, target = 0;
    int64_t left = cpu->left;
    int64_t extra = 0; /* really left: left + extra; `left` may be cut short */
    struct code_page *page;
    enum mips_result result;
#if LINE_GRANULE
    const struct line_state *const line = cpu->line;
#endif

refetch: /* go on at cpu->pc */
    cpu->left = left + extra;
    if (unlikely(cpu->resync) || left == 0)
        return;
    result = mips_fetch(cpu, &page);
    if (unlikely(result != RES_OK)) {
        if (result == RES_LEAVE)
            return;
        left--; /* so that a fetch fault without end comes to one */
        goto refetch;
    }
    if (unlikely(cpu->resync)) /* what we know may be old: poll first */
        return;
    base = page->slot;
    base_va = cpu->pc & PAGE_MASK;
    ip = base + (cpu->pc & PAGE_OFFSET) / 4;
    if (unlikely(page->transient)) {
        extra = left - 1;
        left = 1;
    }
    if (cpu->delay) {
        cpu->delay = false;
        target = cpu->delay_target;
        DISPATCH_SLOT;
    }
    DISPATCH;

jump: /* a taken branch or a finished delay slot: go on at target */
    if (unlikely(__atomic_load_n(request, __ATOMIC_RELAXED))) {
        cpu->pc = target;
        goto resync;
    }
    if (likely(target - base_va < PAGE_SIZE && !(target & 3))) {
        ip = base + (target - base_va) / 4;
        DISPATCH;
    } else {
        const struct fetch_entry *f =
            &cpu->table->fetch[target >> PAGE_BITS & (FETCH_ENTRIES - 1)];

        if (unlikely(f->tag != (target & (PAGE_MASK | 3)))) {
            cpu->pc = target;
            goto refetch;
        }
        base = f->page->slot;
        base_va = f->tag;
        ip = base + (target & PAGE_OFFSET) / 4;
        DISPATCH;
    }

out_of_budget: /* before the instruction at ip */
    cpu->left = extra;
    cpu->pc = PC_OF(ip);
    return;
out_of_budget_slot: /* its branch has run */
    cpu->left = extra;
    cpu->pc = PC_OF(ip);
    cpu->delay = true;
    cpu->delay_target = target;
    return;
resync: /* cpu->pc is right */
    cpu->left = left + extra;
    return;
bad: /* a slow path did not do the instruction */
    if (result == RES_EXCEPTION)
        goto refetch;
    /* It will be run again: not charged. */
    cpu->left = left + extra + 1;
    cpu->pc = cpu->cur_pc;
    cpu->delay = cpu->cur_bd;
    return;

#if LINE_GRANULE
    /* Its stall is time: the outer loop looks before the instruction runs. */
fetch_line:
    if (ip->op != OP_PAGE_END) {
        cpu->left = left + extra + 1;
        cpu->cur_pc = PC_OF(ip);
        cpu->cur_bd = false;
        mips_line_fetch(cpu, base, (unsigned)(ip - base));
        if (cpu->resync) {
            cpu->pc = PC_OF(ip);
            return;
        }
    }
    goto *run_labels[ip->op];
fetch_line_slot:
    cpu->left = left + extra + 1;
    cpu->cur_pc = PC_OF(ip);
    cpu->cur_bd = true;
    mips_line_fetch(cpu, base, (unsigned)(ip - base));
    if (cpu->resync) {
        cpu->pc = PC_OF(ip);
        cpu->delay = true;
        cpu->delay_target = target;
        return;
    }
    goto *slot_labels[ip->op];
#endif

/* --- In the run --- */
#define IN_SLOT     false
#define LABEL(name) N_##name
#define NEXT      \
    do {          \
        ip++;     \
        DISPATCH; \
    } while (0)
#define SAVE                      \
    do {                          \
        cpu->left = left + extra; \
        cpu->cur_pc = PC_OF(ip);  \
        cpu->cur_bd = false;      \
    } while (0)
#define AFTER_PC   (PC_OF(ip) + 4)
#define REDISPATCH goto *run_labels[ip->op]
#include "mips/interp_ops.h"
#include "mips/interp_branches.h"
#undef IN_SLOT
#undef LABEL
#undef NEXT
#undef SAVE
#undef AFTER_PC
#undef REDISPATCH

/* --- In a delay slot --- */
#define IN_SLOT     true
#define LABEL(name) S_##name
#define NEXT        goto jump
#define SAVE                        \
    do {                            \
        cpu->left = left + extra;   \
        cpu->cur_pc = PC_OF(ip);    \
        cpu->cur_bd = true;         \
        cpu->delay_target = target; \
    } while (0)
#define AFTER_PC   target
#define REDISPATCH goto *slot_labels[ip->op]
#include "mips/interp_ops.h"

    /* A branch in a delay slot: undefined, here reserved. */
#undef FUSED_LABEL
#define FUSED_LABEL(branch, meaning, form) S_##branch##_F_##meaning##_##form:
#define UOP_BR(name, ...)                                         \
    FUSED_SLOTS(FUSED_LABEL, name)                                \
    S_##name##_PN : S_##name##_PS : S_##name##_XN : S_##name##_XS \
        : S_##name##_PNL : S_##name##_PSL : S_##name##_XNL : S_##name##_XSL:
#define UOP_ALU(...)
#define UOP_OVF(...)
#define UOP_TRAP(...)
#define UOP_LOAD(...)
#define UOP_STORE(...)
#define UOP_FP3(...)
#define UOP_FP2(...)
#define UOP_FP4(...)
#define UOP_FCMP(...)
#define UOP_FOP(...)
#define UOP_JUMP(name) S_##name:
#define UOP_OP(...)
#include "mips/uop.def"
N_FUSED:
S_FUSED:
S_EDGE:
S_PAGE_END:
    SAVE;
    mips_raise(cpu, EXC_RI);
    goto refetch;
}
