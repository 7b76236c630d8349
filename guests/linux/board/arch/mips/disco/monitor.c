// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Finding the monitor, and what its calls did for us: /sys/kernel/disco.
 *
 * The page of CP0 registers tells which monitor it is, but not whether this
 * CPU may call it: outside of the monitor's "disco" mode the call is a
 * reserved instruction.  So one call is tried, with somebody there to catch it.
 */
#include <linux/init.h>
#include <linux/io.h>
#include <linux/kdebug.h>
#include <linux/kernel.h>
#include <linux/kobject.h>
#include <linux/of.h>
#include <linux/of_address.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/sysfs.h>

#include <asm/ptrace.h>

#include "monitor.h"

#define CP0_PAGE_MAGIC	0x100

static bool has_monitor __ro_after_init;
static unsigned int version __ro_after_init;
static bool refused __initdata;

static DEFINE_PER_CPU(unsigned long [DISCO_COUNTS], counts);

bool disco_has_monitor(void)
{
	return has_monitor;
}

void disco_count(enum disco_count what)
{
	this_cpu_inc(counts[what]);
}

/* The call behind this address was a reserved instruction: step over it. */
static int __init catch(struct notifier_block *block, unsigned long why,
			void *data)
{
	struct die_args *args = data;

	if (why != DIE_RI || user_mode(args->regs))
		return NOTIFY_DONE;
	refused = true;
	args->regs->cp0_epc += 4;
	return NOTIFY_STOP;
}

static struct notifier_block catcher __initdata = { .notifier_call = catch };

static bool __init page_is_there(void)
{
	struct device_node *node;
	void __iomem *page;
	u64 magic = 0;

	node = of_find_compatible_node(NULL, NULL, "disco,cp0-page");
	page = node ? of_iomap(node, 0) : NULL;
	of_node_put(node);
	if (page) {
		magic = __raw_readq(page + CP0_PAGE_MAGIC);
		iounmap(page);
	}
	return (magic & DISCO_MAGIC_MASK) == DISCO_MAGIC;
}

static int __init find_monitor(void)
{
	struct disco_result r;

	if (!page_is_there())
		return 0;
	if (register_die_notifier(&catcher))
		return 0;
	r = disco_hypcall(DISCO_DISCOVER, 0, 0, 0);
	unregister_die_notifier(&catcher);
	if (refused || r.error || (r.value & DISCO_MAGIC_MASK) != DISCO_MAGIC)
		return 0;
	version = r.value & ~DISCO_MAGIC_MASK;
	has_monitor = true;
	pr_info("disco: monitor calls, version %u\n", version);
	return 0;
}
early_initcall(find_monitor);

/* --- /sys/kernel/disco --- */

static ssize_t count_show(enum disco_count what, char *buf)
{
	unsigned long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += per_cpu(counts, cpu)[what];
	return sysfs_emit(buf, "%lu\n", sum);
}

#define COUNT_FILE(name, what)						\
static ssize_t name##_show(struct kobject *object,			\
			   struct kobj_attribute *file, char *buf)	\
{									\
	return count_show(what, buf);					\
}									\
static struct kobj_attribute name##_file = __ATTR_RO(name)

COUNT_FILE(zeroed, DISCO_ZEROED);
COUNT_FILE(released, DISCO_RELEASED);
COUNT_FILE(remapped, DISCO_REMAPPED);
COUNT_FILE(copied, DISCO_COPIED);
COUNT_FILE(shared, DISCO_SHARED);

static ssize_t version_show(struct kobject *object,
			    struct kobj_attribute *file, char *buf)
{
	return sysfs_emit(buf, "%u\n", version);
}
static struct kobj_attribute version_file = __ATTR_RO(version);

static struct attribute *files[] = {
	&zeroed_file.attr,
	&released_file.attr,
	&remapped_file.attr,
	&copied_file.attr,
	&shared_file.attr,
	&version_file.attr,
	NULL,
};
static const struct attribute_group group = { .attrs = files };

static int __init show_counts(void)
{
	struct kobject *folder;

	if (!has_monitor)
		return 0;
	folder = kobject_create_and_add("disco", kernel_kobj);
	if (!folder)
		return -ENOMEM;
	return sysfs_create_group(folder, &group);
}
late_initcall(show_counts);
