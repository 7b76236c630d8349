/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What the files of the disco board share.
 */
#ifndef _MIPS_DISCO_H
#define _MIPS_DISCO_H

#ifdef CONFIG_SMP
void disco_use_mailbox(void);
#else
static inline void disco_use_mailbox(void)
{
}
#endif

#endif
