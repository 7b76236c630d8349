/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Calls to the monitor: the instruction, and who uses them.
 */
#ifndef _MIPS_DISCO_MONITOR_H
#define _MIPS_DISCO_MONITOR_H

#include <linux/types.h>

enum disco_call {
	DISCO_DISCOVER = 0x000,
	DISCO_ZERO_PAGE = 0x005,	/* page */
	DISCO_RELEASE_PAGE = 0x006,	/* page */
	DISCO_REMAP = 0x007,		/* page, page it becomes */
	DISCO_SHARE = 0x00a,		/* key, page, pages */
	DISCO_UNSHARE = 0x00b,		/* key */
};

/* What DISCOVER and the page of CP0 registers say, and the version. */
#define DISCO_MAGIC		0x444953434f000000UL
#define DISCO_MAGIC_MASK	(~0xffffffUL)

struct disco_result {
	long error;		/* 0 or negative */
	unsigned long value;
};

/* HYPCALL with a code known at compile time; all else keeps its value. */
#define disco_hypcall(code, a, b, c)					\
({									\
	register unsigned long a0_ asm("$4") = (unsigned long)(a);	\
	register unsigned long a1_ asm("$5") = (unsigned long)(b);	\
	register unsigned long a2_ asm("$6") = (unsigned long)(c);	\
	register long v0_ asm("$2");					\
	register unsigned long v1_ asm("$3");				\
	asm volatile(".word %[word]"					\
		     : "=r" (v0_), "=r" (v1_)				\
		     : "r" (a0_), "r" (a1_), "r" (a2_),			\
		       [word] "i" (0x42000028 | (code) << 11)		\
		     : "memory");					\
	(struct disco_result){ v0_, v1_ };				\
})

/* Calls made, by what they were for: files in /sys/kernel/disco. */
enum disco_count {
	DISCO_ZEROED,
	DISCO_RELEASED,
	DISCO_REMAPPED,
	DISCO_COPIED,		/* asked to remap; the monitor had to copy */
	DISCO_SHARED,
	DISCO_COUNTS,
};
void disco_count(enum disco_count what);

/* Is there a monitor that takes calls?  Known from early_initcall on. */
bool disco_has_monitor(void);

#endif
