/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR BSD-2-Clause */
/*
 * /dev/disco-shared, for programs.
 */
#ifndef _UAPI_ASM_DISCO_SHARED_H
#define _UAPI_ASM_DISCO_SHARED_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define DISCO_SHARE_PAGES	1024	/* at most */

struct disco_share {
	__u64 key;
	__u64 pages;
	__u64 members;	/* out: VMs that share it, this one too */
};

#define DISCO_SHARE_JOIN	_IOWR('D', 0x60, struct disco_share)

#endif
