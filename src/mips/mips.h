/*
 * mips.h - what the monitor sees of the R10000 backend.
 */
#ifndef MIPS_MIPS_H
#define MIPS_MIPS_H

#include <disco/backend.h>

extern const disco_backend_ops mips_backend_ops;

#endif
