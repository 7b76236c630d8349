/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef _ASM_MACH_DISCO_SPACES_H
#define _ASM_MACH_DISCO_SPACES_H

/* Cached memory in xkphys: algorithm 5, coherent, exclusive on write. */
#ifdef CONFIG_64BIT
#define CAC_BASE	_AC(0xa800000000000000, UL)
#endif

#include <asm/mach-generic/spaces.h>

#endif
