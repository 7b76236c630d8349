// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Several CPUs on the disco board: each has a mailbox of 64-bit registers in
 * CPU byte order, for messages between CPUs and for its start.
 */
#include <linux/init.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/irq.h>
#include <linux/of.h>
#include <linux/of_address.h>
#include <linux/of_irq.h>
#include <linux/sched.h>
#include <linux/sched/task_stack.h>
#include <linux/smp.h>

#include <asm/mipsregs.h>
#include <asm/processor.h>
#include <asm/smp-ops.h>
#include <asm/time.h>

#include "disco.h"

#define BOX_BYTES	0x40
#define BOX_SET		0x00	/* write: bits to raise */
#define BOX_CLEAR	0x08	/* write: bits to drop */
#define BOX_STATUS	0x10	/* raised bits; interrupt while not zero */
#define BOX_SP		0x18
#define BOX_GP		0x20
#define BOX_PC		0x28	/* write: the CPU starts there */

static void __iomem *boxes;

static void __iomem *box_of(unsigned int cpu)
{
	return boxes + cpu_logical_map(cpu) * BOX_BYTES;
}

static void disco_send_one(int cpu, unsigned int action)
{
	mb();
	__raw_writeq(action, box_of(cpu) + BOX_SET);
}

static void disco_send_mask(const struct cpumask *mask, unsigned int action)
{
	unsigned int cpu;

	for_each_cpu(cpu, mask)
		disco_send_one(cpu, action);
}

static irqreturn_t mailbox_interrupt(int irq, void *unused)
{
	void __iomem *box = box_of(smp_processor_id());
	u64 actions = __raw_readq(box + BOX_STATUS);

	__raw_writeq(actions, box + BOX_CLEAR);
	mb();
	if (actions & SMP_RESCHEDULE_YOURSELF)
		scheduler_ipi();
	if (actions & SMP_CALL_FUNCTION)
		generic_smp_call_function_interrupt();
	return actions ? IRQ_HANDLED : IRQ_NONE;
}

static void __init disco_smp_setup(void)
{
	struct device_node *node;
	unsigned int n = 0;
	u32 hw;

	init_cpu_possible(cpumask_of(0));
	for_each_of_cpu_node(node) {
		if (n == NR_CPUS) {
			of_node_put(node);
			break;
		}
		if (of_property_read_u32(node, "reg", &hw) || hw >= NR_CPUS)
			continue;
		__cpu_number_map[hw] = n;
		__cpu_logical_map[n] = hw;
		set_cpu_possible(n, true);
		set_cpu_present(n, true);
		n++;
	}
}

static void __init disco_prepare_cpus(unsigned int max_cpus)
{
	struct device_node *node;
	unsigned int irq;

	if (num_possible_cpus() == 1)
		return;
	node = of_find_compatible_node(NULL, NULL, "disco,mailbox");
	boxes = node ? of_iomap(node, 0) : NULL;
	irq = node ? irq_of_parse_and_map(node, 0) : 0;
	of_node_put(node);
	if (!boxes || !irq) {
		pr_err("disco: no mailbox, only one CPU\n");
		return;
	}
	irq_set_handler(irq, handle_percpu_irq);
	if (request_irq(irq, mailbox_interrupt, IRQF_PERCPU | IRQF_NO_THREAD,
			"IPI", NULL))
		panic("disco: the mailbox interrupt is taken");
	/*
	 * The device controller's driver opens its input on the CPU that runs
	 * its probe, and init may have moved by then: this one needs it too.
	 */
	set_c0_status(STATUSF_IP2);
}

/* The mailbox loads $sp and $gp before the CPU runs: no trampoline. */
static int disco_boot_secondary(int cpu, struct task_struct *idle)
{
	void __iomem *box = box_of(cpu);

	if (!boxes)
		return -ENODEV;
	mb();
	__raw_writeq(__KSTK_TOS(idle), box + BOX_SP);
	__raw_writeq((unsigned long)task_thread_info(idle), box + BOX_GP);
	__raw_writeq((unsigned long)smp_bootstrap, box + BOX_PC);
	return 0;
}

static void disco_init_secondary(void)
{
	/* Devices, mailbox, performance counters, timer. */
	set_c0_status(STATUSF_IP2 | STATUSF_IP3 | STATUSF_IP6 | STATUSF_IP7);
}

static void disco_smp_finish(void)
{
	write_c0_compare(read_c0_count() + mips_hpt_frequency / HZ);
	local_irq_enable();
}

static const struct plat_smp_ops disco_smp_ops = {
	.send_ipi_single	= disco_send_one,
	.send_ipi_mask		= disco_send_mask,
	.init_secondary		= disco_init_secondary,
	.smp_finish		= disco_smp_finish,
	.boot_secondary		= disco_boot_secondary,
	.smp_setup		= disco_smp_setup,
	.prepare_cpus		= disco_prepare_cpus,
};

void __init disco_use_mailbox(void)
{
	register_smp_ops(&disco_smp_ops);
}
