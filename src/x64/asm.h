/*
 * asm.h - writes x86-64 instructions into memory.  Knows encodings, and nothing
 * of what the code is for; exec.h makes memory that can run it.
 *
 * A buffer that is full stays full: nothing more is written, and `is_full`
 * tells at the end.  Code is written at `at` and will run at `at` + `shift`.
 * Not thread-safe; a buffer has one user.
 */
#ifndef X64_ASM_H
#define X64_ASM_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/compiler.h"

enum x64_reg {
    X64_RAX,
    X64_RCX,
    X64_RDX,
    X64_RBX,
    X64_RSP,
    X64_RBP,
    X64_RSI,
    X64_RDI,
    X64_R8,
    X64_R9,
    X64_R10,
    X64_R11,
    X64_R12,
    X64_R13,
    X64_R14,
    X64_R15,
    X64_NONE = -1
};

/* Conditions, as in the low bits of Jcc. */
enum x64_cond {
    X64_O,
    X64_NO,
    X64_B,
    X64_AE,
    X64_E,
    X64_NE,
    X64_BE,
    X64_A,
    X64_S,
    X64_NS,
    X64_P,
    X64_NP,
    X64_L,
    X64_GE,
    X64_LE,
    X64_G
};

/* The opposite of a condition. */
static inline enum x64_cond x64_not(enum x64_cond cond)
{
    return (enum x64_cond)(cond ^ 1);
}

enum x64_alu {
    X64_ADD,
    X64_OR,
    X64_ADC,
    X64_SBB,
    X64_AND,
    X64_SUB,
    X64_XOR,
    X64_CMP
};

enum x64_shift { X64_ROL, X64_ROR, X64_SHL = 4, X64_SHR, X64_SAR = 7 };

/* Operand width of an integer instruction. */
enum x64_width { X64_32 = 0, X64_64 = 1 };

struct x64_buf {
    uint8_t *at;
    uint8_t *end;
    int64_t shift;
    bool is_full;
};

/* A place in memory: [base + index * 2^scale + disp].  Two registers hold it.
 */
struct x64_mem {
    union {
        int64_t disp;
        const void *target; /* base is X64_NONE: by its distance from rip */
    };
    int8_t base;
    int8_t index; /* X64_NONE: none; never RSP */
    uint8_t scale;
};

static inline struct x64_mem x64_at(enum x64_reg base, int32_t disp)
{
    return (struct x64_mem){ { disp }, (int8_t)base, X64_NONE, 0 };
}

static inline struct x64_mem x64_sum(enum x64_reg base, enum x64_reg index,
                                     unsigned scale, int32_t disp)
{
    return (struct x64_mem){
        { disp }, (int8_t)base, (int8_t)index, (uint8_t)scale
    };
}

/* Where `target` is now; it must be within 2 GiB of the code as it runs. */
static inline struct x64_mem x64_rip(const void *target)
{
    return (struct x64_mem){ .target = target,
                             .base = X64_NONE,
                             .index = X64_NONE };
}

static inline void x64_begin(struct x64_buf *b, void *start, uint64_t bytes,
                             int64_t shift)
{
    b->at = start;
    b->end = b->at + bytes;
    b->shift = shift;
    b->is_full = false;
}

/* Where the next instruction will run. */
static inline uint8_t *x64_here(const struct x64_buf *b)
{
    return b->at + b->shift;
}

/* --- Bytes --------------------------------------------------------------- */

/* No instruction is longer. */
enum { X64_INSN_BYTES_MAX = 15 };

/* Room for one instruction? */
static inline bool x64_room(struct x64_buf *b)
{
    if (__builtin_expect(b->end - b->at >= X64_INSN_BYTES_MAX, 1))
        return true;
    b->is_full = true;
    return false;
}

static inline void x64_u8(struct x64_buf *b, unsigned v)
{
    *b->at++ = (uint8_t)v;
}

static inline void x64_u32(struct x64_buf *b, uint32_t v)
{
    memcpy(b->at, &v, 4);
    b->at += 4;
}

static inline void x64_u64(struct x64_buf *b, uint64_t v)
{
    memcpy(b->at, &v, 8);
    b->at += 8;
}

/* --- General form ----------------------------------------------------------
 */

/*
 * An opcode with what stands before it: byte, map and mandatory prefix, or'ed
 * together.
 */
enum x64_op {
    X64_MAP_0F = 0x100,
    X64_MAP_0F38 = 0x200,
    X64_MAP_0F3A = 0x300,
    X64_MAPS = 0x300,
    X64_P66 = 0x400,
    X64_PF3 = 0x800,
    X64_PF2 = 0xc00,
    X64_PS = 0xc00,
    X64_BYTE = 0x1000, /* reg is a byte: sil and others need a prefix */
    X64_RM_BYTE = 0x2000
};

/* Up to 8 bytes, put together in a register and written at once. */
struct x64_bytes {
    uint64_t bits;
    unsigned count;
};

static ALWAYS_INLINE void x64_add(struct x64_bytes *h, unsigned v,
                                  unsigned bytes)
{
    h->bits |= (uint64_t)v << (8 * h->count);
    h->count += bytes;
}

static inline void x64_write(struct x64_buf *b, const struct x64_bytes *h)
{
    memcpy(b->at, &h->bits, 8); /* there is room for more than an instruction */
    b->at += h->count;
}

static inline void x64_prefix(struct x64_bytes *h, unsigned op)
{
    static const uint8_t prefix[] = { 0, 0x66, 0xf3, 0xf2 };

    if (op & X64_PS)
        x64_add(h, prefix[op >> 10 & 3], 1);
}

static inline void x64_opcode(struct x64_bytes *h, unsigned op)
{
    if (op & X64_MAPS) {
        x64_add(h, 0x0f, 1);
        if ((op & X64_MAPS) == X64_MAP_0F38)
            x64_add(h, 0x38, 1);
        else if ((op & X64_MAPS) == X64_MAP_0F3A)
            x64_add(h, 0x3a, 1);
    }
    x64_add(h, op & 0xff, 1);
}

/* Register number `r` does not fit into three bits, or names a new byte. */
static inline unsigned x64_high(int r)
{
    return (unsigned)r >> 3 & 1;
}

/* op reg, rm with both in registers; `imm_bytes` that follow do not matter. */
static inline void x64_rr(struct x64_buf *b, unsigned op, enum x64_width w,
                          int reg, int rm)
{
    unsigned rex = (unsigned)w << 3 | x64_high(reg) << 2 | x64_high(rm);

    struct x64_bytes h = { 0, 0 };

    if (!x64_room(b))
        return;
    x64_prefix(&h, op);
    if (rex || ((op & X64_BYTE) && reg >= 4) || ((op & X64_RM_BYTE) && rm >= 4))
        x64_add(&h, 0x40 | rex, 1);
    x64_opcode(&h, op);
    x64_add(&h, 0xc0 | (unsigned)(reg & 7) << 3 | (unsigned)(rm & 7), 1);
    x64_write(b, &h);
}

/*
 * Head, then ModRM, SIB and displacement; `after`: bytes of immediate that
 * follow.
 */
static ALWAYS_INLINE void x64_modrm(struct x64_buf *b, struct x64_bytes *h,
                                    int reg, struct x64_mem m, unsigned after)
{
    unsigned r = (unsigned)(reg & 7) << 3, mod;

    if (m.base == X64_NONE) {
        x64_add(h, r | 5, 1);
        x64_write(b, h);
        x64_u32(b, (uint32_t)((const uint8_t *)m.target -
                              (x64_here(b) + 4 + after)));
        return;
    }
    mod = m.disp == 0 && (m.base & 7) != X64_RBP ? 0
          : m.disp == (int8_t)m.disp             ? 1
                                                 : 2;
    if (m.index != X64_NONE || (m.base & 7) == X64_RSP) {
        unsigned index = m.index == X64_NONE ? 4 : (unsigned)(m.index & 7);

        x64_add(h, mod << 6 | r | 4, 1);
        x64_add(h, (unsigned)m.scale << 6 | index << 3 | (m.base & 7), 1);
    } else {
        x64_add(h, mod << 6 | r | (m.base & 7), 1);
    }
    if (mod == 1)
        x64_add(h, (uint8_t)m.disp, 1);
    x64_write(b, h);
    if (mod == 2)
        x64_u32(b, (uint32_t)m.disp);
}

static inline void x64_rm_after(struct x64_buf *b, unsigned op,
                                enum x64_width w, int reg, struct x64_mem m,
                                unsigned after)
{
    unsigned rex = (unsigned)w << 3 | x64_high(reg) << 2 |
                   (m.index != X64_NONE ? x64_high(m.index) << 1 : 0) |
                   (m.base != X64_NONE ? x64_high(m.base) : 0);
    struct x64_bytes h = { 0, 0 };

    if (!x64_room(b))
        return;
    x64_prefix(&h, op);
    if (rex || ((op & X64_BYTE) && reg >= 4))
        x64_add(&h, 0x40 | rex, 1);
    x64_opcode(&h, op);
    x64_modrm(b, &h, reg, m, after);
}

/* op reg, mem or op mem, reg: the opcode says which. */
static inline void x64_rm(struct x64_buf *b, unsigned op, enum x64_width w,
                          int reg, struct x64_mem m)
{
    x64_rm_after(b, op, w, reg, m, 0);
}

/* --- Moves --------------------------------------------------------------- */

static inline void x64_mov(struct x64_buf *b, enum x64_width w, int dst,
                           int src)
{
    x64_rr(b, 0x8b, w, dst, src);
}

static inline void x64_load(struct x64_buf *b, enum x64_width w, int dst,
                            struct x64_mem m)
{
    x64_rm(b, 0x8b, w, dst, m);
}

static inline void x64_store(struct x64_buf *b, enum x64_width w,
                             struct x64_mem m, int src)
{
    x64_rm(b, 0x89, w, src, m);
}

static inline void x64_store8(struct x64_buf *b, struct x64_mem m, int src)
{
    x64_rm(b, 0x88 | X64_BYTE, X64_32, src, m);
}

static inline void x64_store16(struct x64_buf *b, struct x64_mem m, int src)
{
    x64_rm(b, 0x89 | X64_P66, X64_32, src, m);
}

static inline void x64_movsxd(struct x64_buf *b, int dst, int src)
{
    x64_rr(b, 0x63, X64_64, dst, src);
}

static inline void x64_lea(struct x64_buf *b, enum x64_width w, int dst,
                           struct x64_mem m)
{
    x64_rm(b, 0x8d, w, dst, m);
}

/* A constant, in the shortest way that leaves the flags alone. */
static inline void x64_mov_imm(struct x64_buf *b, int dst, uint64_t v)
{
    if (!x64_room(b))
        return;
    if (v <= UINT32_MAX) {
        if (x64_high(dst))
            x64_u8(b, 0x41);
        x64_u8(b, 0xb8 | (dst & 7));
        x64_u32(b, (uint32_t)v);
    } else if ((int64_t)v == (int32_t)v) {
        x64_u8(b, 0x48 | x64_high(dst));
        x64_u8(b, 0xc7);
        x64_u8(b, 0xc0 | (dst & 7));
        x64_u32(b, (uint32_t)v);
    } else {
        x64_u8(b, 0x48 | x64_high(dst));
        x64_u8(b, 0xb8 | (dst & 7));
        x64_u64(b, v);
    }
}

/* Zero; changes the flags. */
static inline void x64_zero(struct x64_buf *b, int dst)
{
    x64_rr(b, 0x33, X64_32, dst, dst);
}

/* A sign-extended constant to memory. */
static inline void x64_store_imm(struct x64_buf *b, enum x64_width w,
                                 struct x64_mem m, int32_t v)
{
    x64_rm_after(b, 0xc7, w, 0, m, 4);
    if (!b->is_full)
        x64_u32(b, (uint32_t)v);
}

static inline void x64_store8_imm(struct x64_buf *b, struct x64_mem m,
                                  unsigned v)
{
    x64_rm_after(b, 0xc6, X64_32, 0, m, 1);
    if (!b->is_full)
        x64_u8(b, v);
}

/* --- Arithmetic ---------------------------------------------------------- */

static inline void x64_sub8_imm(struct x64_buf *b, struct x64_mem m, unsigned v)
{
    x64_rm_after(b, 0x80, X64_32, X64_SUB, m, 1);
    if (!b->is_full)
        x64_u8(b, v);
}

static inline void x64_alu(struct x64_buf *b, enum x64_alu op, enum x64_width w,
                           int dst, int src)
{
    x64_rr(b, 8u * op + 3, w, dst, src);
}

static inline void x64_alu_load(struct x64_buf *b, enum x64_alu op,
                                enum x64_width w, int dst, struct x64_mem m)
{
    x64_rm(b, 8u * op + 3, w, dst, m);
}

static inline void x64_alu_store(struct x64_buf *b, enum x64_alu op,
                                 enum x64_width w, struct x64_mem m, int src)
{
    x64_rm(b, 8u * op + 1, w, src, m);
}

static inline void x64_alu_imm(struct x64_buf *b, enum x64_alu op,
                               enum x64_width w, int dst, int32_t v)
{
    bool is_short = v == (int8_t)v;

    x64_rr(b, is_short ? 0x83 : 0x81, w, op, dst);
    if (b->is_full)
        return;
    if (is_short)
        x64_u8(b, (uint8_t)v);
    else
        x64_u32(b, (uint32_t)v);
}

static inline void x64_alu_store_imm(struct x64_buf *b, enum x64_alu op,
                                     enum x64_width w, struct x64_mem m,
                                     int32_t v)
{
    bool is_short = v == (int8_t)v;

    x64_rm_after(b, is_short ? 0x83 : 0x81, w, op, m, is_short ? 1 : 4);
    if (b->is_full)
        return;
    if (is_short)
        x64_u8(b, (uint8_t)v);
    else
        x64_u32(b, (uint32_t)v);
}

/* cmp byte [m], v */
static inline void x64_cmp8_imm(struct x64_buf *b, struct x64_mem m, unsigned v)
{
    x64_rm_after(b, 0x80, X64_32, X64_CMP, m, 1);
    if (!b->is_full)
        x64_u8(b, v);
}

static inline void x64_test(struct x64_buf *b, enum x64_width w, int a, int c)
{
    x64_rr(b, 0x85, w, c, a);
}

static inline void x64_test_imm(struct x64_buf *b, enum x64_width w, int a,
                                int32_t v)
{
    x64_rr(b, 0xf7, w, 0, a);
    if (!b->is_full)
        x64_u32(b, (uint32_t)v);
}

static inline void x64_neg(struct x64_buf *b, enum x64_width w, int r)
{
    x64_rr(b, 0xf7, w, 3, r);
}

static inline void x64_invert(struct x64_buf *b, enum x64_width w, int r)
{
    x64_rr(b, 0xf7, w, 2, r);
}

/* rdx:rax = rax * r, rax and rdx = rdx:rax / r. */
enum x64_wide { X64_MUL = 4, X64_IMUL, X64_DIV, X64_IDIV };

static inline void x64_wide(struct x64_buf *b, enum x64_wide op,
                            enum x64_width w, int r)
{
    x64_rr(b, 0xf7, w, op, r);
}

static inline void x64_imul(struct x64_buf *b, enum x64_width w, int dst,
                            int src)
{
    x64_rr(b, 0xaf | X64_MAP_0F, w, dst, src);
}

/* Sign of rax into rdx. */
static inline void x64_cqo(struct x64_buf *b, enum x64_width w)
{
    if (!x64_room(b))
        return;
    if (w)
        x64_u8(b, 0x48);
    x64_u8(b, 0x99);
}

static inline void x64_shift_imm(struct x64_buf *b, enum x64_shift op,
                                 enum x64_width w, int r, unsigned by)
{
    x64_rr(b, 0xc1, w, op, r);
    if (!b->is_full)
        x64_u8(b, by);
}

/* By cl. */
static inline void x64_shift_cl(struct x64_buf *b, enum x64_shift op,
                                enum x64_width w, int r)
{
    x64_rr(b, 0xd3, w, op, r);
}

static inline void x64_bswap(struct x64_buf *b, enum x64_width w, int r)
{
    unsigned rex = (unsigned)w << 3 | x64_high(r);

    if (!x64_room(b))
        return;
    if (rex)
        x64_u8(b, 0x40 | rex);
    x64_u8(b, 0x0f);
    x64_u8(b, 0xc8 | (r & 7));
}

/* The low byte of r. */
static inline void x64_setcc(struct x64_buf *b, enum x64_cond cond, int r)
{
    x64_rr(b, (0x90u + cond) | X64_MAP_0F | X64_RM_BYTE, X64_32, 0, r);
}

static inline void x64_setcc_mem(struct x64_buf *b, enum x64_cond cond,
                                 struct x64_mem m)
{
    x64_rm(b, (0x90u + cond) | X64_MAP_0F, X64_32, 0, m);
}

static inline void x64_cmov(struct x64_buf *b, enum x64_cond cond,
                            enum x64_width w, int dst, int src)
{
    x64_rr(b, (0x40u + cond) | X64_MAP_0F, w, dst, src);
}

/* movzx and movsx of a register: bytes 1 or 2. */
static inline void x64_extend(struct x64_buf *b, bool is_signed, unsigned bytes,
                              enum x64_width w, int dst, int src)
{
    unsigned op = (is_signed ? 0xbe : 0xb6) + (bytes == 2);

    x64_rr(b, op | X64_MAP_0F | (bytes == 1 ? X64_RM_BYTE : 0), w, dst, src);
}

static inline void x64_load_extend(struct x64_buf *b, bool is_signed,
                                   unsigned bytes, enum x64_width w, int dst,
                                   struct x64_mem m)
{
    unsigned op = (is_signed ? 0xbe : 0xb6) + (bytes == 2);

    x64_rm(b, op | X64_MAP_0F, w, dst, m);
}

/* --- Jumps -----------------------------------------------------------------
 */

/* A place that code jumps to.  Zeroed at first. */
struct x64_label {
    uint8_t *at;    /* where it was put, as written; NULL: not yet */
    uint8_t *chain; /* last jump to it: its displacement holds the one before */
};

static inline void x64_chain(struct x64_buf *b, struct x64_label *l)
{
    uint32_t back = l->chain ? (uint32_t)(b->at - l->chain) : 0;

    l->chain = b->at;
    x64_u32(b, back);
}

static inline void x64_jump(struct x64_buf *b, struct x64_label *l)
{
    if (!x64_room(b))
        return;
    if (l->at && l->at - (b->at + 2) >= INT8_MIN) {
        x64_u8(b, 0xeb);
        x64_u8(b, (unsigned)(l->at - (b->at + 1)));
        return;
    }
    x64_u8(b, 0xe9);
    if (l->at)
        x64_u32(b, (uint32_t)(l->at - (b->at + 4)));
    else
        x64_chain(b, l);
}

static inline void x64_jcc(struct x64_buf *b, enum x64_cond cond,
                           struct x64_label *l)
{
    if (!x64_room(b))
        return;
    if (l->at && l->at - (b->at + 2) >= INT8_MIN) {
        x64_u8(b, 0x70u | cond);
        x64_u8(b, (unsigned)(l->at - (b->at + 1)));
        return;
    }
    x64_u8(b, 0x0f);
    x64_u8(b, 0x80u | cond);
    if (l->at)
        x64_u32(b, (uint32_t)(l->at - (b->at + 4)));
    else
        x64_chain(b, l);
}

/* The label is here; earlier jumps to it are filled in. */
static inline void x64_put(struct x64_buf *b, struct x64_label *l)
{
    uint8_t *at = l->chain;

    l->at = b->at;
    l->chain = NULL;
    while (at) {
        uint32_t back, disp = (uint32_t)(b->at - (at + 4));

        memcpy(&back, at, 4);
        memcpy(at, &disp, 4);
        at = back ? at - back : NULL;
    }
}

static inline bool x64_is_used(const struct x64_label *l)
{
    return l->at || l->chain;
}

/* To code elsewhere, within 2 GiB. */
static inline void x64_jump_to(struct x64_buf *b, const void *target)
{
    if (!x64_room(b))
        return;
    x64_u8(b, 0xe9);
    x64_u32(b, (uint32_t)((const uint8_t *)target - (x64_here(b) + 4)));
}

static inline void x64_jcc_to(struct x64_buf *b, enum x64_cond cond,
                              const void *target)
{
    if (!x64_room(b))
        return;
    x64_u8(b, 0x0f);
    x64_u8(b, 0x80u | cond);
    x64_u32(b, (uint32_t)((const uint8_t *)target - (x64_here(b) + 4)));
}

static inline void x64_call_to(struct x64_buf *b, const void *target)
{
    if (!x64_room(b))
        return;
    x64_u8(b, 0xe8);
    x64_u32(b, (uint32_t)((const uint8_t *)target - (x64_here(b) + 4)));
}

static inline void x64_jump_reg(struct x64_buf *b, int r)
{
    x64_rr(b, 0xff, X64_32, 4, r);
}

static inline void x64_jump_mem(struct x64_buf *b, struct x64_mem m)
{
    x64_rm(b, 0xff, X64_32, 4, m);
}

static inline void x64_call_reg(struct x64_buf *b, int r)
{
    x64_rr(b, 0xff, X64_32, 2, r);
}

static inline void x64_ret(struct x64_buf *b)
{
    if (x64_room(b))
        x64_u8(b, 0xc3);
}

static inline void x64_push(struct x64_buf *b, int r)
{
    if (!x64_room(b))
        return;
    if (x64_high(r))
        x64_u8(b, 0x41);
    x64_u8(b, 0x50 | (r & 7));
}

static inline void x64_pop(struct x64_buf *b, int r)
{
    if (!x64_room(b))
        return;
    if (x64_high(r))
        x64_u8(b, 0x41);
    x64_u8(b, 0x58 | (r & 7));
}

/* lock or dword [rsp], 0: orders a store before later loads. */
static inline void x64_fence(struct x64_buf *b)
{
    if (!x64_room(b))
        return;
    x64_u8(b, 0xf0);
    x64_u8(b, 0x83);
    x64_u8(b, 0x0c);
    x64_u8(b, 0x24);
    x64_u8(b, 0x00);
}

#endif
