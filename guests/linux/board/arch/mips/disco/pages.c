// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Pages by the monitor: cleared, copied and given back without touching their
 * bytes.  A cleared page is one that has no frame until it is used; a copy is
 * the same frame until somebody stores to it.
 *
 * The linker puts our functions in front of the kernel's clear_page, copy_page
 * and memcpy (--wrap, in Platform); of memcpy only whole aligned pages are
 * looked at: what file systems and sockets copy, NFS above all.  Each can be
 * switched off: disco.zero=0, disco.remap=0, disco.release=0.
 */
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/page_reporting.h>
#include <linux/scatterlist.h>

#include <asm/page.h>

#include "monitor.h"

#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX "disco."

/* Free memory is told of from 64 KiB on: smaller pieces are soon used again. */
#define RELEASE_ORDER	4

void __real_clear_page(void *page);
void __real_copy_page(void *to, void *from);
void *__real_memcpy(void *to, const void *from, size_t bytes);
void __wrap_clear_page(void *page);
void __wrap_copy_page(void *to, void *from);
void *__wrap_memcpy(void *to, const void *from, size_t bytes);

static bool zero = true, remap = true, release = true;
module_param(zero, bool, 0644);
module_param(remap, bool, 0644);
module_param(release, bool, 0444);

/* Set when the calls can be made, so that one look is enough. */
static bool zeroes __read_mostly, remaps __read_mostly;

/* Only what the kernel maps one to one has a physical address to tell. */
static bool is_linear(const void *address)
{
	return (unsigned long)address - PAGE_OFFSET < 1UL << 40;
}

void __wrap_clear_page(void *page)
{
	if (zeroes && zero && is_linear(page) &&
	    !disco_hypcall(DISCO_ZERO_PAGE, __pa(page), 0, 0).error) {
		disco_count(DISCO_ZEROED);
		return;
	}
	__real_clear_page(page);
}

static bool remapped(void *to, const void *from)
{
	struct disco_result r;

	if (!remap || !is_linear(to) || !is_linear(from))
		return false;
	r = disco_hypcall(DISCO_REMAP, __pa(to), __pa(from), 0);
	if (r.error)
		return false;
	disco_count(r.value ? DISCO_REMAPPED : DISCO_COPIED);
	return true;
}

void __wrap_copy_page(void *to, void *from)
{
	if (!remaps || !remapped(to, from))
		__real_copy_page(to, from);
}

void *__wrap_memcpy(void *to, const void *from, size_t bytes)
{
	if (unlikely(bytes == PAGE_SIZE) && remaps &&
	    PAGE_ALIGNED((unsigned long)to | (unsigned long)from) &&
	    remapped(to, from))
		return to;
	return __real_memcpy(to, from, bytes);
}

/* Free pages, nobody's until we return. */
static int report(struct page_reporting_dev_info *device,
		  struct scatterlist *list, unsigned int count)
{
	struct scatterlist *entry;
	unsigned int i;

	for_each_sg(list, entry, count, i) {
		phys_addr_t at = sg_phys(entry);
		phys_addr_t end = at + entry->length;

		for (; at < end; at += PAGE_SIZE)
			if (!disco_hypcall(DISCO_RELEASE_PAGE, at, 0, 0).error)
				disco_count(DISCO_RELEASED);
	}
	return 0;
}

static struct page_reporting_dev_info reporting = {
	.report = report,
	.order = RELEASE_ORDER,
};

static int __init use_calls(void)
{
	if (!disco_has_monitor())
		return 0;
	zeroes = remaps = true;
	return release ? page_reporting_register(&reporting) : 0;
}
device_initcall(use_calls);
