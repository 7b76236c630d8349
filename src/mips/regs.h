/*
 * regs.h - registers by the ids of vcpu.h.
 */
#ifndef MIPS_REGS_H
#define MIPS_REGS_H

#include "mips/regnames.h"

struct mips_cpu;

int32_t mips_get_reg(struct mips_cpu *cpu, uint64_t id, uint64_t *value);
int32_t mips_set_reg(struct mips_cpu *cpu, uint64_t id, uint64_t value);

#endif
