// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The disco board: set-up from the device tree, the clock rate, and how an
 * idle CPU sleeps.  Interrupts, serial port and virtio devices have drivers
 * of their own.
 */
#include <linux/cpu.h>
#include <linux/init.h>
#include <linux/io.h>
#include <linux/irqchip.h>
#include <linux/irqflags.h>
#include <linux/of.h>
#include <linux/of_address.h>
#include <linux/of_clk.h>
#include <linux/of_fdt.h>
#include <linux/printk.h>
#include <linux/sched/idle.h>

#include <asm/bootinfo.h>
#include <asm/idle.h>
#include <asm/mipsregs.h>
#include <asm/prom.h>
#include <asm/time.h>

#include "disco.h"

#define DEFAULT_TIMEBASE_HZ	100000000

static void *device_tree;
static void __iomem *idle_register;

const char *get_system_type(void)
{
	return mips_get_machine_name();
}

void __init prom_init(void)
{
	device_tree = get_fdt();
	if (!device_tree)
		panic("disco: started without a device tree");
}

void __init plat_mem_setup(void)
{
	__dt_setup_arch(device_tree);
}

void __init device_tree_init(void)
{
	unflatten_and_copy_device_tree();
	disco_use_mailbox();
}

/*
 * There is no WAIT instruction.  A store to the idle register stops the CPU
 * until an interrupt that Status.IM lets through is pending, whether or not
 * Status.IE is set.  So nothing can slip in between the test and the store.
 */
static void __cpuidle disco_idle(void)
{
	if (!need_resched())
		__raw_writel(0, idle_register);
	raw_local_irq_enable();
}

static void __init find_idle_register(void)
{
	struct device_node *node;

	node = of_find_compatible_node(NULL, NULL, "disco,idle");
	idle_register = node ? of_iomap(node, 0) : NULL;
	of_node_put(node);
	if (idle_register)
		cpu_wait = disco_idle;
	else
		pr_warn("disco: no idle register, idle CPUs spin\n");
}

void __init plat_time_init(void)
{
	struct device_node *node = of_get_cpu_node(0, NULL);
	u32 hz = DEFAULT_TIMEBASE_HZ;

	of_property_read_u32(node, "timebase-frequency", &hz);
	of_node_put(node);
	mips_hpt_frequency = hz;
	of_clk_init(NULL);
	find_idle_register();
}

void __init arch_init_irq(void)
{
	irqchip_init();
	/*
	 * The driver of the interrupt controller opens IP2 only on the CPU
	 * that it happens to be probed on, which need not be this one.  All
	 * lines of the controller are still masked.
	 */
	set_c0_status(STATUSF_IP2);
	/* A boot loader that knows of others looks for this in the image. */
	pr_info("disco: device interrupts on every CPU\n");
}
