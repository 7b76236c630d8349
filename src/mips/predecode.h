/*
 * predecode.h - from an instruction word to a slot.
 */
#ifndef MIPS_PREDECODE_H
#define MIPS_PREDECODE_H

#include "mips/slot.h"

/*
 * Decode `word`, the index-th of its page, under CFG_KEY bits `key`, for a
 * CPU with ISA level `isa` (enum insn_isa).  `next` is the word after it, for
 * the shape of its delay slot (any value for the last word of a page).
 */
void predecode(struct slot *s, uint32_t word, uint32_t next, unsigned index,
               uint32_t key, uint32_t isa);

/*
 * The same without what is the interpreter's alone: a branch has the form PN or
 * PNL, wherever its target is and whatever is in its slot, and OP_EDGE and
 * fused operations do not occur.
 */
void predecode_plain(struct slot *s, uint32_t word, uint32_t key, uint32_t isa);

#endif
