/*
 * fdt.c - build the disco board's device tree with libfdt.
 *
 * Describes; decides nothing: addresses are those of guest.h, the rest comes in
 * struct board_tree.  The tree is what Linux' drivers expect.  No state.
 */
#include "devices/fdt.h"

#include <string.h>

#include <disco/guest.h>
#include <disco/vcpu.h>

uint64_t board_tree_bytes_max(const struct board_tree *tree)
{
    uint64_t text = tree->cmdline ? strlen(tree->cmdline) : 0;

    return 8192 + 256 * (uint64_t)tree->cpus + 256 * (uint64_t)tree->slots +
           text;
}

#ifdef HAVE_FDT

#include <libfdt.h>
#include <stdio.h>

enum { PHANDLE_CPU = 1, PHANDLE_INTC = 2, PHANDLE_SYSCON = 3 };

enum {
    UART_BYTES = 0x100,
    PAGE_BYTES = 0x1000,
    IDLE_BYTES = 8,
    LINE_DEVICES = 2, /* IP2 */
    LINE_IPI = 3      /* IP3 */
};

/* libfdt's sequential calls; the first error sticks and stops the rest. */
struct tree_writer {
    void *fdt;
    int error;
};

static void note(struct tree_writer *w, int error)
{
    if (!w->error)
        w->error = error;
}

static void node_begin(struct tree_writer *w, const char *name)
{
    if (!w->error)
        note(w, fdt_begin_node(w->fdt, name));
}

static void node_begin_at(struct tree_writer *w, const char *name,
                          uint64_t address)
{
    char text[64];

    snprintf(text, sizeof(text), "%s@%llx", name, (unsigned long long)address);
    node_begin(w, text);
}

static void node_end(struct tree_writer *w)
{
    if (!w->error)
        note(w, fdt_end_node(w->fdt));
}

static void put(struct tree_writer *w, const char *name, const void *data,
                uint32_t bytes)
{
    if (!w->error)
        note(w, fdt_property(w->fdt, name, data, (int)bytes));
}

static void put_flag(struct tree_writer *w, const char *name)
{
    put(w, name, NULL, 0);
}

static void put_text(struct tree_writer *w, const char *name, const char *text)
{
    put(w, name, text, (uint32_t)strlen(text) + 1);
}

static void put_u32(struct tree_writer *w, const char *name, uint32_t value)
{
    fdt32_t cell = cpu_to_fdt32(value);

    put(w, name, &cell, sizeof(cell));
}

static void put_u64(struct tree_writer *w, const char *name, uint64_t value)
{
    fdt64_t cells = cpu_to_fdt64(value);

    put(w, name, &cells, sizeof(cells));
}

/* The same cell `count` times. */
static void put_repeated(struct tree_writer *w, const char *name,
                         uint32_t value, uint32_t count)
{
    fdt32_t cells[32];

    for (uint32_t i = 0; i < count; i++)
        cells[i] = cpu_to_fdt32(value);
    put(w, name, cells, count * (uint32_t)sizeof(cells[0]));
}

/* `count` windows of `bytes` bytes that follow one another. */
static void put_windows(struct tree_writer *w, uint64_t gpa, uint64_t bytes,
                        uint32_t count)
{
    fdt64_t cells[64];

    for (uint32_t i = 0; i < count; i++) {
        cells[2 * i] = cpu_to_fdt64(gpa + i * bytes);
        cells[2 * i + 1] = cpu_to_fdt64(bytes);
    }
    put(w, "reg", cells, count * 2 * (uint32_t)sizeof(cells[0]));
}

static void put_reg(struct tree_writer *w, uint64_t gpa, uint64_t bytes)
{
    put_windows(w, gpa, bytes, 1);
}

static void put_cells(struct tree_writer *w, uint32_t address, uint32_t size)
{
    put_u32(w, "#address-cells", address);
    put_u32(w, "#size-cells", size);
}

static void put_irq(struct tree_writer *w, uint32_t line)
{
    put_u32(w, "interrupt-parent", PHANDLE_INTC);
    put_u32(w, "interrupts", line);
}

static void write_chosen(struct tree_writer *w, const struct board_tree *tree)
{
    node_begin(w, "chosen");
    put_text(w, "stdout-path", "serial0:115200n8");
    put_text(w, "bootargs", tree->cmdline ? tree->cmdline : "");
    if (tree->initrd_bytes) {
        put_u64(w, "linux,initrd-start", tree->initrd_gpa);
        put_u64(w, "linux,initrd-end", tree->initrd_gpa + tree->initrd_bytes);
    }
    node_end(w);
    node_begin(w, "aliases");
    put_text(w, "serial0", "/soc/serial@1c020000");
    node_end(w);
}

static void write_memory(struct tree_writer *w, const struct board_tree *tree)
{
    uint64_t low = tree->ram_bytes;
    uint64_t high = 0;
    fdt64_t cells[4];
    uint32_t bytes = 2 * sizeof(cells[0]);

    if (low > DISCO_BOARD_RAM_LOW_BYTES) {
        high = low - DISCO_BOARD_RAM_LOW_BYTES;
        low = DISCO_BOARD_RAM_LOW_BYTES;
        bytes = 4 * sizeof(cells[0]);
    }
    cells[0] = cpu_to_fdt64(0);
    cells[1] = cpu_to_fdt64(low);
    cells[2] = cpu_to_fdt64((uint64_t)DISCO_BOARD_RAM_HIGH);
    cells[3] = cpu_to_fdt64(high);
    node_begin(w, "memory@0");
    put_text(w, "device_type", "memory");
    put(w, "reg", cells, bytes);
    node_end(w);
}

static void write_cpu(struct tree_writer *w, const struct board_tree *tree,
                      uint32_t cpu)
{
    node_begin_at(w, "cpu", cpu);
    put_text(w, "device_type", "cpu");
    put_text(w, "compatible", "mips,r10000");
    put_u32(w, "reg", cpu);
    put_u32(w, "timebase-frequency", tree->timebase_hz);
    node_end(w);
}

/* The one that boots comes first: guests number CPUs in this order. */
static void write_cpus(struct tree_writer *w, const struct board_tree *tree)
{
    node_begin(w, "cpus");
    put_cells(w, 1, 0);
    write_cpu(w, tree, tree->boot_cpu);
    for (uint32_t i = 0; i < tree->cpus; i++)
        if (i != tree->boot_cpu)
            write_cpu(w, tree, i);
    node_end(w);
    node_begin(w, "interrupt-controller");
    put_text(w, "compatible", "mti,cpu-interrupt-controller");
    put_flag(w, "interrupt-controller");
    put_u32(w, "#interrupt-cells", 1);
    put_u32(w, "phandle", PHANDLE_CPU);
    node_end(w);
}

static void write_interrupts(struct tree_writer *w,
                             const struct board_tree *tree)
{
    node_begin_at(w, "interrupt-controller", DISCO_BOARD_INTC);
    put_text(w, "compatible", "brcm,bcm7038-l1-intc");
    put_windows(w, DISCO_BOARD_INTC, DISCO_INTC_STRIDE, tree->cpus);
    put_flag(w, "interrupt-controller");
    put_u32(w, "#interrupt-cells", 1);
    put_repeated(w, "interrupts", LINE_DEVICES, tree->cpus);
    put_u32(w, "phandle", PHANDLE_INTC);
    node_end(w);

    node_begin_at(w, "mailbox", DISCO_BOARD_MAILBOX);
    put_text(w, "compatible", "disco,mailbox");
    put_reg(w, DISCO_BOARD_MAILBOX, PAGE_BYTES);
    put_u32(w, "interrupts", LINE_IPI);
    node_end(w);

    node_begin_at(w, "idle", DISCO_BOARD_IDLE);
    put_text(w, "compatible", "disco,idle");
    put_reg(w, DISCO_BOARD_IDLE, IDLE_BYTES);
    node_end(w);

    node_begin_at(w, "cp0", DISCO_BOARD_CP0_PAGE);
    put_text(w, "compatible", "disco,cp0-page");
    put_reg(w, DISCO_BOARD_CP0_PAGE, PAGE_BYTES);
    node_end(w);
}

static void write_power_user(struct tree_writer *w, const char *name,
                             const char *compatible, uint32_t value)
{
    node_begin(w, name);
    put_text(w, "compatible", compatible);
    put_u32(w, "regmap", PHANDLE_SYSCON);
    put_u32(w, "offset", 0);
    put_u32(w, "value", value);
    node_end(w);
}

static void write_power(struct tree_writer *w, const struct board_tree *tree)
{
    node_begin_at(w, "syscon", DISCO_BOARD_POWER);
    put_text(w, "compatible", "syscon");
    put_reg(w, DISCO_BOARD_POWER, PAGE_BYTES);
    /* Without it Linux takes the register for little-endian. */
    if (tree->order == DISCO_BIG)
        put_flag(w, "big-endian");
    put_u32(w, "phandle", PHANDLE_SYSCON);
    node_end(w);
    write_power_user(w, "poweroff", "syscon-poweroff", DISCO_POWER_OFF);
    write_power_user(w, "reboot", "syscon-reboot", DISCO_POWER_RESET);
}

static void write_devices(struct tree_writer *w, const struct board_tree *tree)
{
    node_begin_at(w, "serial", DISCO_BOARD_UART);
    put_text(w, "compatible", "ns16550a");
    put_reg(w, DISCO_BOARD_UART, UART_BYTES);
    put_u32(w, "clock-frequency", 1843200);
    put_u32(w, "current-speed", 115200);
    put_u32(w, "reg-shift", 0);
    put_u32(w, "reg-io-width", 1);
    put_irq(w, DISCO_BOARD_IRQ_UART);
    node_end(w);

    node_begin_at(w, "rtc", DISCO_BOARD_RTC);
    put_text(w, "compatible", "google,goldfish-rtc");
    put_reg(w, DISCO_BOARD_RTC, PAGE_BYTES);
    put_irq(w, DISCO_BOARD_IRQ_RTC);
    node_end(w);

    for (uint32_t i = 0; i < tree->slots; i++) {
        uint64_t gpa =
            DISCO_BOARD_VIRTIO + (uint64_t)i * DISCO_BOARD_VIRTIO_STRIDE;

        node_begin_at(w, "virtio", gpa);
        put_text(w, "compatible", "virtio,mmio");
        put_reg(w, gpa, DISCO_BOARD_VIRTIO_STRIDE);
        put_irq(w, DISCO_BOARD_IRQ_VIRTIO + i);
        put_flag(w, "dma-coherent");
        node_end(w);
    }
}

static void write_root(struct tree_writer *w, const struct board_tree *tree)
{
    node_begin(w, "");
    put_text(w, "model", "libdisco R10000");
    put_text(w, "compatible", "disco,r10000");
    put_cells(w, 2, 2);
    put_u32(w, "interrupt-parent", PHANDLE_CPU);
    write_chosen(w, tree);
    write_memory(w, tree);
    write_cpus(w, tree);
    if (tree->mode == DISCO_MODE_DISCO) {
        node_begin(w, "hypervisor");
        put_text(w, "compatible", "disco,monitor");
        node_end(w);
    }
    node_begin(w, "soc");
    put_text(w, "compatible", "simple-bus");
    put_cells(w, 2, 2);
    put_flag(w, "ranges");
    write_interrupts(w, tree);
    write_power(w, tree);
    write_devices(w, tree);
    node_end(w);
    node_end(w);
}

int board_tree_is_built_in(void)
{
    return 1;
}

disco_status board_tree_build(const struct board_tree *tree, void *buf,
                              uint64_t bytes, uint64_t *used)
{
    struct tree_writer w = { .fdt = buf };

    if (bytes > INT32_MAX)
        bytes = INT32_MAX;
    note(&w, fdt_create(buf, (int)bytes));
    if (!w.error)
        note(&w, fdt_finish_reservemap(buf));
    write_root(&w, tree);
    if (!w.error)
        note(&w, fdt_finish(buf));
    if (w.error == -FDT_ERR_NOSPACE)
        return DISCO_E_RANGE;
    if (w.error)
        return DISCO_E_INTERNAL;
    *used = fdt_totalsize(buf);
    return 0;
}

#else

int board_tree_is_built_in(void)
{
    return 0;
}

disco_status board_tree_build(const struct board_tree *tree, void *buf,
                              uint64_t bytes, uint64_t *used)
{
    (void)tree;
    (void)buf;
    (void)bytes;
    (void)used;
    return DISCO_E_UNSUPPORTED;
}

#endif
