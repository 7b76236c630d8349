/*
 * regnames.h - names of registers, for people: one set for the API, the
 * disassembler and the backend.
 */
#ifndef MIPS_REGNAMES_H
#define MIPS_REGNAMES_H

#include <stdint.h>

/* n64 name of general register n, 0..31. */
const char *mips_gpr_name(unsigned int n);

/* Name of a register id (DISCO_REG_*), NULL when there is none. */
const char *mips_reg_name(uint64_t id);

#endif
