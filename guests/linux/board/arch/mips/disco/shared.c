// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * /dev/disco-shared: memory that several VMs write together.
 *
 * Open it, DISCO_SHARE_JOIN with a key and a number of pages, and map it: all
 * programs of all VMs that named the same key see the same bytes.  The first
 * VM's pages hold zeroes.  Closing it (and the last mapping) leaves.  The host
 * decides which VMs may share.
 */
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <asm/disco-shared.h>

#include "monitor.h"

/* One opened file. */
struct shared {
	struct mutex lock;
	void *pages;	/* NULL: not joined */
	u64 key;
	size_t bytes;
};

static int open_shared(struct inode *inode, struct file *file)
{
	struct shared *s = kzalloc(sizeof(*s), GFP_KERNEL);

	if (!s)
		return -ENOMEM;
	mutex_init(&s->lock);
	file->private_data = s;
	return nonseekable_open(inode, file);
}

static int close_shared(struct inode *inode, struct file *file)
{
	struct shared *s = file->private_data;

	if (s->pages) {
		disco_hypcall(DISCO_UNSHARE, s->key, 0, 0);
		free_pages_exact(s->pages, s->bytes);
	}
	kfree(s);
	return 0;
}

static int errno_of(long error)
{
	switch (error) {
	case -2: /* such as another number of pages than the others' */
		return -EINVAL;
	case -4:
		return -ENOMEM;
	case -5:
		return -EPERM;
	case -6:
		return -EBUSY;
	default:
		return -EIO;
	}
}

static int join(struct shared *s, struct disco_share *arg)
{
	struct disco_result r;

	if (s->pages)
		return -EBUSY;
	if (!arg->pages || arg->pages > DISCO_SHARE_PAGES)
		return -EINVAL;
	s->bytes = arg->pages << PAGE_SHIFT;
	s->pages = alloc_pages_exact(s->bytes, GFP_KERNEL | __GFP_ZERO);
	if (!s->pages)
		return -ENOMEM;
	r = disco_hypcall(DISCO_SHARE, arg->key, __pa(s->pages), arg->pages);
	if (r.error) {
		free_pages_exact(s->pages, s->bytes);
		s->pages = NULL;
		return errno_of(r.error);
	}
	disco_count(DISCO_SHARED);
	s->key = arg->key;
	arg->members = r.value;
	return 0;
}

static long control_shared(struct file *file, unsigned int command,
			   unsigned long where)
{
	struct shared *s = file->private_data;
	struct disco_share arg;
	int error;

	if (command != DISCO_SHARE_JOIN)
		return -ENOTTY;
	if (copy_from_user(&arg, (void __user *)where, sizeof(arg)))
		return -EFAULT;
	mutex_lock(&s->lock);
	error = join(s, &arg);
	mutex_unlock(&s->lock);
	if (!error && copy_to_user((void __user *)where, &arg, sizeof(arg)))
		error = -EFAULT;
	return error;
}

/* The file, and so the pages, stay as long as the mapping. */
static int map_shared(struct file *file, struct vm_area_struct *area)
{
	struct shared *s = file->private_data;
	size_t bytes = area->vm_end - area->vm_start;
	int error = -EINVAL;

	mutex_lock(&s->lock);
	if (s->pages && !area->vm_pgoff && bytes <= s->bytes &&
	    (area->vm_flags & VM_SHARED))
		error = remap_pfn_range(area, area->vm_start,
					__pa(s->pages) >> PAGE_SHIFT, bytes,
					area->vm_page_prot);
	mutex_unlock(&s->lock);
	return error;
}

static const struct file_operations operations = {
	.open = open_shared,
	.release = close_shared,
	.unlocked_ioctl = control_shared,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = map_shared,
	.llseek = no_llseek,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "disco-shared",
	.fops = &operations,
	.mode = 0666,
};

static int __init offer(void)
{
	return disco_has_monitor() ? misc_register(&device) : 0;
}
device_initcall(offer);
