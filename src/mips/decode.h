/*
 * decode.h - from an instruction word to its row of insn.def.
 */
#ifndef MIPS_DECODE_H
#define MIPS_DECODE_H

#include "mips/insn.h"

/*
 * The first row that matches, or INSN_RESERVED.  Knows every ISA level and
 * HYPCALL: whether the CPU may execute it now is the engine's check.
 */
enum insn_id insn_decode(uint32_t word);

#endif
