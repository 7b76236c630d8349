/*
 * decode.c - the instruction table and the search in it.
 *
 * Both are made by the compiler from insn.def.  A word's opcode and function
 * fields name a bucket (BUCKET); a bucket holds rows that stand together in
 * insn.def, and `first` and `next` link them.  Nearly all have one row.
 * Constant data and a pure function, any thread.
 */
#include "mips/decode.h"

/*
 * Bucket of a word, also of a row's match: the fields that select the
 * instruction are fixed in every row (asserted below).
 *
 * COP0 and COP1 have 16 buckets for moves and branches (by rs), then 64 for
 * each of the 16 formats that have a function field.
 */
enum {
    COP_MOVES = 16,
    COP_BUCKETS = COP_MOVES + 16 * 64,
    BUCKET_SPECIAL = 64, /* before it: one for each major opcode */
    BUCKET_REGIMM = BUCKET_SPECIAL + 64,
    BUCKET_COP1X = BUCKET_REGIMM + 32,
    BUCKET_COP0 = BUCKET_COP1X + 64,
    BUCKET_COP1 = BUCKET_COP0 + COP_BUCKETS,
    BUCKET_COUNT = BUCKET_COP1 + COP_BUCKETS,
};

#define MAJOR_SPECIAL 0x00u
#define MAJOR_REGIMM  0x01u
#define MAJOR_COP0    0x10u
#define MAJOR_COP1    0x11u
#define MAJOR_COP1X   0x13u

#define MAJOR(w)     ((w) >> 26)
#define FUNCT(w)     ((w)&0x3f)
#define HAS_FUNCT(w) (((w)&0x02000000) != 0)
#define FORMAT(w)    ((w) >> 21 & 0xf)
#define COP_BUCKET(w) \
    (HAS_FUNCT(w) ? COP_MOVES + FORMAT(w) * 64 + FUNCT(w) : FORMAT(w))
#define BUCKET(w)                                                    \
    (MAJOR(w) == MAJOR_SPECIAL  ? BUCKET_SPECIAL + FUNCT(w)          \
     : MAJOR(w) == MAJOR_REGIMM ? BUCKET_REGIMM + ((w) >> 16 & 0x1f) \
     : MAJOR(w) == MAJOR_COP0   ? BUCKET_COP0 + COP_BUCKET(w)        \
     : MAJOR(w) == MAJOR_COP1   ? BUCKET_COP1 + COP_BUCKET(w)        \
     : MAJOR(w) == MAJOR_COP1X  ? BUCKET_COP1X + FUNCT(w)            \
                                : MAJOR(w))

/* The bits that BUCKET looks at. */
#define BUCKET_BITS(w)                                                  \
    (MAJOR(w) == MAJOR_SPECIAL || MAJOR(w) == MAJOR_COP1X ? 0xfc00003fu \
     : MAJOR(w) == MAJOR_REGIMM                           ? 0xfc1f0000u \
     : MAJOR(w) == MAJOR_COP0 || MAJOR(w) == MAJOR_COP1                 \
         ? (HAS_FUNCT(w) ? 0xffe0003fu : 0xffe00000u)                   \
         : 0xfc000000u)

#define INSN(id, text, mask, match, ...)                                      \
    _Static_assert(((match) & ~(mask)) == 0, text ": match outside of mask"); \
    _Static_assert((BUCKET_BITS(match) & ~(mask)) == 0,                       \
                   text ": does not fix its opcode and function fields");
#include "mips/insn.def"
#undef INSN

/*
 * Row by row: AFTER_x is one more than the bucket of the row before x, by the
 * rule for enumerators without a value; KEY_x is the bucket of x.
 */
enum {
    KEY_NONE = -2,
#define INSN(id, text, mask, match, ...) AFTER_##id, KEY_##id = BUCKET(match),
#include "mips/insn.def"
#undef INSN
};

/* Is the row before in the same bucket? */
#define JOINED(id) (AFTER_##id == KEY_##id + 1)

_Static_assert(INSN_COUNT <= 256, "the tables below hold bytes");

/*
 * First row of each bucket.  Rows that are not first go to a place behind
 * that nobody reads.  A row that is not beside its bucket's other rows would
 * initialise an element twice, which compilers warn about.
 */
static const uint8_t first[BUCKET_COUNT + INSN_COUNT] = {
#define INSN(id, ...) \
    [JOINED(id) ? BUCKET_COUNT + INSN_##id : KEY_##id] = INSN_##id,
#include "mips/insn.def"
#undef INSN
};

/* The next row of the same bucket, or INSN_RESERVED. */
static const uint8_t next[INSN_COUNT] = {
#define INSN(id, ...) [INSN_##id - 1] = JOINED(id) ? INSN_##id : INSN_RESERVED,
#include "mips/insn.def"
#undef INSN
};

/* The short names of insn.def. */
enum {
    SLOT = INSN_F_SLOT,
    LIKELY = INSN_F_LIKELY,
    LINK = INSN_F_LINK,
    OP64 = INSN_F_OP64,
    COP1 = INSN_F_COP1,
    PRIV = INSN_F_PRIV,
    CC_MIPS4 = INSN_F_CC_MIPS4,
};

const struct insn_info insn_info[INSN_COUNT] = {
    [INSN_RESERVED] = { ".word", 0, 0, INSN_OPERANDS_NONE, INSN_ISA_MIPS1,
                        INSN_CLASS_RESERVED, 0 },
#define INSN(id, text, mask, match, operands, isa, class, meaning, flags) \
    [INSN_##id] = { text,           mask,                                 \
                    match,          INSN_OPERANDS_##operands,             \
                    INSN_ISA_##isa, INSN_CLASS_##class,                   \
                    flags },
#include "mips/insn.def"
#undef INSN
};

enum insn_id insn_decode(uint32_t word)
{
    unsigned int id = first[BUCKET(word)];

    while (id != INSN_RESERVED &&
           (word & insn_info[id].mask) != insn_info[id].match)
        id = next[id];
    return (enum insn_id)id;
}
