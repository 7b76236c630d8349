/*
 * insn_scan.h - the decoder's judge: the definition of insn.def, row by row.
 */
#ifndef TESTS_INSN_SCAN_H
#define TESTS_INSN_SCAN_H

#include "mips/insn.h"

/* The first row that matches. */
static inline enum insn_id insn_scan(uint32_t word)
{
    for (unsigned int id = INSN_RESERVED + 1; id < INSN_COUNT; id++) {
        if ((word & insn_info[id].mask) == insn_info[id].match)
            return (enum insn_id)id;
    }
    return INSN_RESERVED;
}

#endif
