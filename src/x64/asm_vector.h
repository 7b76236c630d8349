/*
 * asm_vector.h - the VEX form and vector registers: what asm.h does, for BMI2
 * and scalar floating point.
 */
#ifndef X64_ASM_VECTOR_H
#define X64_ASM_VECTOR_H

#include "x64/asm.h"

/* --- Vector registers: scalar floating point --------------------------------
 */

/*
 * VEX form: op reg, other, rm; needs AVX or BMI2.  `op` as above, without
 * X64_BYTE; L is 0.  Forms of two operands have other 0.
 */
static inline void x64_vex_head(struct x64_buf *b, unsigned op,
                                enum x64_width w, int reg, int other,
                                unsigned x, unsigned base)
{
    unsigned pp = op >> 10 & 3, map = op >> 8 & 3;

    if (!x && !base && !w && map == 1) {
        x64_u8(b, 0xc5);
        x64_u8(b, (x64_high(reg) ^ 1) << 7 | ((unsigned)~other & 15) << 3 | pp);
    } else {
        x64_u8(b, 0xc4);
        x64_u8(b,
               (x64_high(reg) ^ 1) << 7 | (x ^ 1) << 6 | (base ^ 1) << 5 | map);
        x64_u8(b, (unsigned)w << 7 | ((unsigned)~other & 15) << 3 | pp);
    }
    x64_u8(b, op & 0xff);
}

static inline void x64_vex(struct x64_buf *b, unsigned op, enum x64_width w,
                           int reg, int other, int rm)
{
    if (!x64_room(b))
        return;
    x64_vex_head(b, op, w, reg, other, 0, x64_high(rm));
    x64_u8(b, 0xc0 | (unsigned)(reg & 7) << 3 | (unsigned)(rm & 7));
}

static inline void x64_vex_mem(struct x64_buf *b, unsigned op, enum x64_width w,
                               int reg, int other, struct x64_mem m)
{
    if (!x64_room(b))
        return;
    x64_vex_head(b, op, w, reg, other,
                 m.index != X64_NONE ? x64_high(m.index) : 0,
                 m.base != X64_NONE ? x64_high(m.base) : 0);
    x64_modrm(b, &(struct x64_bytes){ 0, 0 }, reg, m, 0);
}

/* BMI2: shifts by a register that leave the flags alone, and a rotation. */
enum x64_bmi2 {
    X64_SHLX = 0xf7 | X64_MAP_0F38 | X64_P66,
    X64_SHRX = 0xf7 | X64_MAP_0F38 | X64_PF2,
    X64_SARX = 0xf7 | X64_MAP_0F38 | X64_PF3
};

static inline void x64_shiftx(struct x64_buf *b, enum x64_bmi2 op,
                              enum x64_width w, int dst, int src, int by)
{
    x64_vex(b, op, w, dst, by, src);
}

/* dst = the lowest bits of src, as many as the low byte of `bits` says. */
static inline void x64_bzhi(struct x64_buf *b, enum x64_width w, int dst,
                            int src, int bits)
{
    x64_vex(b, 0xf5 | X64_MAP_0F38, w, dst, bits, src);
}

static inline void x64_rorx(struct x64_buf *b, enum x64_width w, int dst,
                            int src, unsigned by)
{
    x64_vex(b, 0xf0 | X64_MAP_0F3A | X64_PF2, w, dst, 0, src);
    if (!b->is_full)
        x64_u8(b, by);
}

/* PSHUFB (SSSE3): bytes of dst by a mask in memory, 16 bytes and aligned. */
static inline void x64_shuffle(struct x64_buf *b, int dst, struct x64_mem mask)
{
    x64_rm(b, 0x00 | X64_MAP_0F38 | X64_P66, X64_32, dst, mask);
}

/* MOVBE, of 2, 4 or 8 bytes. */
static inline void x64_load_swapped(struct x64_buf *b, unsigned bytes, int dst,
                                    struct x64_mem m)
{
    x64_rm(b, 0xf0 | X64_MAP_0F38 | (bytes == 2 ? X64_P66 : 0),
           bytes == 8 ? X64_64 : X64_32, dst, m);
}

static inline void x64_store_swapped(struct x64_buf *b, unsigned bytes,
                                     struct x64_mem m, int src)
{
    x64_rm(b, 0xf1 | X64_MAP_0F38 | (bytes == 2 ? X64_P66 : 0),
           bytes == 8 ? X64_64 : X64_32, src, m);
}

/* Scalar operations; with X64_PF2 of doubles, with X64_PF3 of singles. */
enum x64_fp {
    X64_FP_SQRT = 0x51 | X64_MAP_0F,
    X64_FP_ADD = 0x58 | X64_MAP_0F,
    X64_FP_MUL = 0x59 | X64_MAP_0F,
    X64_FP_CVT = 0x5a | X64_MAP_0F, /* to the other format */
    X64_FP_SUB = 0x5c | X64_MAP_0F,
    X64_FP_DIV = 0x5e | X64_MAP_0F,
    X64_FP_FROM_INT = 0x2a | X64_MAP_0F,
    X64_FP_TRUNC = 0x2c | X64_MAP_0F,
    X64_FP_TO_INT = 0x2d | X64_MAP_0F
};

/* ucomiss, ucomisd */
static inline void x64_ucomis(struct x64_buf *b, bool is_double, int a, int c)
{
    x64_rr(b, 0x2e | X64_MAP_0F | (is_double ? X64_P66 : 0), X64_32, a, c);
}

/* All of a vector register. */
static inline void x64_movaps(struct x64_buf *b, int dst, int src)
{
    x64_rr(b, 0x28 | X64_MAP_0F, X64_32, dst, src);
}

/* A double or single to or from memory; a load clears the rest. */
static inline void x64_fp_load(struct x64_buf *b, bool is_double, int dst,
                               struct x64_mem m)
{
    x64_rm(b, 0x10 | X64_MAP_0F | (is_double ? X64_PF2 : X64_PF3), X64_32, dst,
           m);
}

static inline void x64_fp_store(struct x64_buf *b, bool is_double,
                                struct x64_mem m, int src)
{
    x64_rm(b, 0x11 | X64_MAP_0F | (is_double ? X64_PF2 : X64_PF3), X64_32, src,
           m);
}

/* Bits between a vector and a general register; into a vector the rest is
 * cleared. */
static inline void x64_movq_to_vector(struct x64_buf *b, enum x64_width w,
                                      int dst, int src)
{
    x64_rr(b, 0x6e | X64_MAP_0F | X64_P66, w, dst, src);
}

static inline void x64_movq_from_vector(struct x64_buf *b, enum x64_width w,
                                        int dst, int src)
{
    x64_rr(b, 0x7e | X64_MAP_0F | X64_P66, w, src, dst);
}

#endif
