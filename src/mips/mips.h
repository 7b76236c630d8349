/*
 * mips.h - what the monitor sees of the R10000 backend.
 */
#ifndef MIPS_MIPS_H
#define MIPS_MIPS_H

#include <disco/backend.h>

extern const disco_backend_ops mips_backend_ops;

/* 1: built with a JIT for this host.  The host may still deny it memory. */
uint64_t mips_has_jit(void);

#endif
