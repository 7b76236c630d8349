/*
 * board.c - fill a VM with the disco board: memory, vCPUs, standard devices.
 *
 * Uses only what an embedder could use.  Not here: loading (board_load.c), the
 * tree (fdt.c), the devices themselves.
 * Thread: quiesced, but console input from any thread.
 */
#include "devices/board.h"

#include <string.h>
#include <disco/guest.h>
#include <disco/machine.h>
#include <disco/physmap.h>

#include "base/config.h"
#include "base/context.h"
#include "devices/dev.h"

enum { RAM_BYTES_MIN = 1 << 20, CPUS_MAX = 32 };

#define RAM_BYTES_DEFAULT ((uint64_t)256 << 20)
#define RAM_BYTES_MAX     ((uint64_t)64 << 30)

/* The last byte of physical space: nothing answers there, tie or no tie. */
#define TIE_GPA (((uint64_t)1 << 40) - 1)
#define TIE_KEY "disco.board"

static void tie_reset(void *opaque)
{
    disco_board *board = opaque;

    board->loaded = 0;
}

static void tie_release(void *opaque)
{
    disco_board *board = opaque;
    disco_machine *machine = disco_vm_machine(board->vm);

    dev_free(machine, board->dtb, board->dtb_room);
    dev_free(machine, board, sizeof(*board));
}

/* The devices that the child has so far are those at lower addresses: all. */
static disco_status tie_fork(void *opaque, disco_vm *child, void **out)
{
    const disco_board *board = opaque;
    disco_machine *machine = disco_vm_machine(child);
    disco_board *copy = dev_alloc(machine, sizeof(*copy));

    if (!copy)
        return DISCO_E_NOMEM;
    *copy = *board;
    copy->vm = child;
    copy->uart = disco_uart_of(child, DISCO_BOARD_UART);
    if (board->dtb) {
        copy->dtb = dev_alloc(machine, board->dtb_room);
        if (!copy->dtb) {
            dev_free(machine, copy, sizeof(*copy));
            return DISCO_E_NOMEM;
        }
        memcpy(copy->dtb, board->dtb, board->dtb_room);
    }
    *out = copy;
    return 0;
}

static disco_status refuse(disco_vm *vm, disco_status status, uint64_t where,
                           const char *why)
{
    return context_fail(context_of(disco_vm_machine(vm)), status, where,
                        "board: %s", why);
}

static disco_status check_config(disco_vm *vm, disco_board_config *config)
{
    if (config->ram_bytes == 0)
        config->ram_bytes = RAM_BYTES_DEFAULT;
    if (config->cpus == 0)
        config->cpus = 1;
    if (config->flags || config->reserved)
        return refuse(vm, DISCO_E_INVAL, config->flags, "unknown flags");
    if (config->cpus > CPUS_MAX)
        return refuse(vm, DISCO_E_INVAL, config->cpus, "more than 32 vCPUs");
    if (config->ram_bytes < RAM_BYTES_MIN ||
        config->ram_bytes > RAM_BYTES_MAX ||
        config->ram_bytes % DISCO_PAGE_BYTES)
        return refuse(vm, DISCO_E_INVAL, config->ram_bytes,
                      "RAM is not 1 MiB to 64 GiB in whole pages");
    return 0;
}

static disco_status check_vcpu(disco_board *board,
                               const disco_vcpu_config *config)
{
    disco_vcpu_config vcpu = { .size = sizeof(vcpu) };
    disco_status status = 0;

    if (config)
        status = config_copy(&vcpu, sizeof(vcpu), config);
    board->order = vcpu.order ? vcpu.order : DISCO_BIG;
    board->mode = vcpu.mode;
    return status;
}

static disco_status map_ram(disco_vm *vm, uint64_t bytes)
{
    uint64_t low = bytes;
    disco_status status;

    if (low > DISCO_BOARD_RAM_LOW_BYTES)
        low = DISCO_BOARD_RAM_LOW_BYTES;
    status = disco_vm_map_ram(vm, 0, low, NULL);
    if (!status && bytes > low)
        status = disco_vm_map_ram(vm, DISCO_BOARD_RAM_HIGH, bytes - low, NULL);
    return status;
}

static void put_word(uint8_t *at, uint32_t word, uint32_t order)
{
    for (uint32_t i = 0; i < 4; i++)
        at[order == DISCO_BIG ? 3 - i : i] = (uint8_t)(word >> 8 * i);
}

/*
 * The ROM holds no firmware.  A vCPU that gets there (BEV is set, nothing is
 * loaded) goes idle for good rather than running through zeroes.
 */
static disco_status map_rom(disco_vm *vm, uint32_t order)
{
    static const uint16_t vectors[] = { 0x000, 0x200, 0x280, 0x300, 0x380 };
    static const uint32_t stop[] = {
        0x3c08bc01, /* lui   t0,0xbc01 */
        0xad001000, /* sw    zero,0x1000(t0): the idle register */
        0x1000fffe, /* b     .-4 */
        0x00000000, /* nop */
    };
    uint8_t data[0x400] = { 0 };

    for (uint32_t v = 0; v < sizeof(vectors) / sizeof(vectors[0]); v++)
        for (uint32_t i = 0; i < sizeof(stop) / sizeof(stop[0]); i++)
            put_word(data + vectors[v] + 4 * i, stop[i], order);
    return disco_vm_map_rom(vm, DISCO_BOARD_ROM, DISCO_BOARD_ROM_BYTES, data,
                            sizeof(data), NULL);
}

static disco_status make_vcpus(disco_vm *vm, const disco_board_config *config)
{
    disco_status status = 0;

    for (uint32_t i = 0; i < config->cpus && !status; i++) {
        disco_vcpu *vcpu;

        status = disco_vcpu_create(vm, config->vcpu, &vcpu);
    }
    return status;
}

static disco_status make_devices(disco_board *board,
                                 const disco_board_config *config)
{
    disco_vm *vm = board->vm;
    disco_status status;

    status = disco_intc_create(vm, DISCO_BOARD_INTC, board->cpus);
    if (!status)
        status = disco_mailbox_create(vm, DISCO_BOARD_MAILBOX, board->cpus);
    if (!status)
        status = disco_idle_create(vm, DISCO_BOARD_IDLE);
    if (!status)
        status = disco_cp0_page_create(vm, DISCO_BOARD_CP0_PAGE);
    if (!status)
        status = disco_uart_create(vm, DISCO_BOARD_UART, DISCO_BOARD_IRQ_UART,
                                   &config->console, &board->uart);
    if (!status)
        status = disco_power_create(vm, DISCO_BOARD_POWER);
    if (!status)
        status = disco_rtc_create(vm, DISCO_BOARD_RTC, DISCO_BOARD_IRQ_RTC,
                                  config->wall_ns);
    return status;
}

/* From here on the VM owns the board. */
static disco_status tie(disco_board *board)
{
    disco_mmio_ops ops = {
        .size = sizeof(ops),
        .order = DISCO_CPU_ORDER,
        .reset = tie_reset,
        .fork = tie_fork,
        .release = tie_release,
    };

    return disco_vm_map_mmio(board->vm, TIE_GPA, 1, TIE_KEY, &ops, board, NULL);
}

static disco_status fill(disco_board *board, const disco_board_config *config)
{
    disco_status status = map_ram(board->vm, config->ram_bytes);

    if (!status)
        status = map_rom(board->vm, board->order);
    if (!status)
        status = make_vcpus(board->vm, config);
    if (!status)
        status = make_devices(board, config);
    return status;
}

disco_status disco_board_create(disco_vm *vm, const disco_board_config *user,
                                disco_board **out)
{
    disco_board_config config = { .size = sizeof(config) };
    disco_region_info region = { .size = sizeof(region) };
    disco_board *board;
    disco_status status;

    if (!vm || !out)
        return DISCO_E_INVAL;
    status = config_copy(&config, sizeof(config), user);
    if (!status)
        status = check_config(vm, &config);
    if (status)
        return status;
    if (disco_vm_vcpu_count(vm) ||
        disco_vm_region_info(vm, 0, &region) != DISCO_E_NOENT)
        return refuse(vm, DISCO_E_STATE, 0, "the VM is not empty");
    board = dev_alloc(disco_vm_machine(vm), sizeof(*board));
    if (!board)
        return DISCO_E_NOMEM;
    board->vm = vm;
    board->ram_bytes = config.ram_bytes;
    board->cpus = config.cpus;
    /* Count goes at half of the vCPU clock. */
    board->timebase_hz = disco_machine_cpu_hz(disco_vm_machine(vm)) / 2;
    config.console.size = sizeof(config.console);
    status = check_vcpu(board, config.vcpu);
    if (!status)
        status = tie(board);
    if (status) {
        dev_free(disco_vm_machine(vm), board, sizeof(*board));
        return status;
    }
    status = fill(board, &config);
    if (!status)
        *out = board;
    return status;
}

disco_board *disco_board_of(disco_vm *vm)
{
    return disco_vm_region_opaque(vm, TIE_KEY);
}

disco_uart *disco_board_uart(disco_board *board)
{
    return board ? board->uart : NULL;
}

uint32_t disco_board_console_input(disco_board *board, const uint8_t *data,
                                   uint32_t bytes)
{
    return board ? disco_uart_input(board->uart, data, bytes) : 0;
}

/* --- Virtio slots ------------------------------------------------------ */

/* Address and line of the next free slot. */
static disco_status next_slot(const disco_board *board, uint64_t *gpa,
                              uint32_t *irq)
{
    if (!board)
        return DISCO_E_INVAL;
    if (board->slots == DISCO_BOARD_VIRTIO_SLOTS)
        return DISCO_E_RANGE;
    *gpa =
        DISCO_BOARD_VIRTIO + (uint64_t)board->slots * DISCO_BOARD_VIRTIO_STRIDE;
    *irq = DISCO_BOARD_IRQ_VIRTIO + board->slots;
    return 0;
}

/* A slot counts only once its device stands. */
static disco_status take_slot(disco_board *board, disco_status status)
{
    if (!status)
        board->slots++;
    return status;
}

disco_status disco_board_add_disk(disco_board *board,
                                  const disco_block_backend *be)
{
    uint64_t gpa;
    uint32_t irq;
    disco_status status = next_slot(board, &gpa, &irq);

    if (status)
        return status;
    return take_slot(board, disco_virtio_blk_create(board->vm, gpa, irq, be));
}

disco_status disco_board_add_net(disco_board *board, const uint8_t *mac,
                                 const disco_net_backend *be, disco_nic **out)
{
    uint64_t gpa;
    uint32_t irq;
    disco_status status = next_slot(board, &gpa, &irq);

    if (status)
        return status;
    return take_slot(
        board, disco_virtio_net_create(board->vm, gpa, irq, mac, be, out));
}

disco_status disco_board_add_console(disco_board *board,
                                     const disco_char_backend *be,
                                     disco_vconsole **out)
{
    uint64_t gpa;
    uint32_t irq;
    disco_status status = next_slot(board, &gpa, &irq);

    if (status)
        return status;
    return take_slot(board,
                     disco_virtio_console_create(board->vm, gpa, irq, be, out));
}

/* Another one for every machine seed, VM and slot (FNV-1a over the name). */
static uint64_t rng_seed(const disco_board *board)
{
    uint64_t seed = UINT64_C(0xcbf29ce484222325);

    for (const char *at = disco_vm_name(board->vm); *at; at++)
        seed = (seed ^ (uint8_t)*at) * UINT64_C(0x100000001b3);
    return (seed ^ disco_machine_seed(disco_vm_machine(board->vm))) +
           board->slots;
}

disco_status disco_board_add_rng(disco_board *board)
{
    uint64_t gpa;
    uint32_t irq;
    disco_status status = next_slot(board, &gpa, &irq);

    if (status)
        return status;
    return take_slot(board, disco_virtio_rng_create(board->vm, gpa, irq, NULL,
                                                    NULL, rng_seed(board)));
}
