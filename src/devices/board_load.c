/*
 * board_load.c - load a kernel onto the disco board and start it UHI-style.
 *
 * a0 = -2, a1 = device tree in kseg0; kernel mode, exceptions off, secondaries
 * parked.  Everything is checked before guest memory is touched.
 * Thread: quiesced.
 */
#include "devices/board.h"

#include <inttypes.h>
#include <string.h>

#include <disco/guest.h>
#include <disco/physmap.h>

#include "base/config.h"
#include "base/context.h"
#include "devices/dev.h"
#include "devices/fdt.h"

enum {
    GPR_A0 = 4,
    GPR_A1 = 5,
    CP0_STATUS = 12,
    CP0_CONFIG = 16,
    STATUS_KX = 1 << 7,
    CONFIG_K0_MASK = 7,
    CONFIG_K0_COHERENT = 5 /* cacheable, exclusive on write */
};

#define KSEG0_BASE 0xffffffff80000000u

/* --- Where things go --------------------------------------------------- */

/* End of whatever stands in [at, at + bytes), 0 when it is free. */
static uint64_t blocked_until(const struct elf_image *image,
                              const struct board_place *place,
                              uint64_t dtb_bytes, uint64_t at, uint64_t bytes)
{
    for (uint32_t i = 0; i < image->count; i++) {
        const struct elf_segment *s = &image->segment[i];

        if (at < s->gpa + s->mem_bytes && s->gpa < at + bytes)
            return s->gpa + s->mem_bytes;
    }
    if (dtb_bytes && at < place->dtb_gpa + dtb_bytes &&
        place->dtb_gpa < at + bytes)
        return place->dtb_gpa + dtb_bytes;
    return 0;
}

/* Lowest page at or above `from` with `bytes` free bytes below `end`. */
static disco_status first_fit(const struct elf_image *image,
                              const struct board_place *place,
                              uint64_t dtb_bytes, uint64_t from, uint64_t end,
                              uint64_t bytes, uint64_t *out)
{
    const uint64_t mask = DISCO_PAGE_BYTES - 1;

    while (from < end && bytes <= end - from) {
        uint64_t at = (from + mask) & ~mask;
        uint64_t next;

        if (at >= end || bytes > end - at)
            break;
        next = blocked_until(image, place, dtb_bytes, at, bytes);
        if (next == 0) {
            *out = at;
            return 0;
        }
        from = next;
    }
    return DISCO_E_RANGE;
}

disco_status board_place(const struct elf_image *image, uint64_t ram_bytes,
                         uint64_t dtb_bytes, uint64_t initrd_bytes,
                         struct board_place *out)
{
    uint64_t low_end = ram_bytes;
    uint64_t high_end = DISCO_BOARD_RAM_HIGH;
    uint64_t top = DISCO_PAGE_BYTES; /* keep off the exception vectors */
    disco_status status = 0;

    if (low_end > DISCO_BOARD_RAM_LOW_BYTES) {
        high_end += low_end - DISCO_BOARD_RAM_LOW_BYTES;
        low_end = DISCO_BOARD_RAM_LOW_BYTES;
    }
    for (uint32_t i = 0; i < image->count; i++) {
        const struct elf_segment *s = &image->segment[i];

        if (s->gpa < low_end && s->gpa + s->mem_bytes > top)
            top = s->gpa + s->mem_bytes;
    }
    memset(out, 0, sizeof(*out));
    /* Above the image; only when that is full, in a gap below it. */
    if (dtb_bytes) {
        status =
            first_fit(image, out, 0, top, low_end, dtb_bytes, &out->dtb_gpa);
        if (status)
            status = first_fit(image, out, 0, DISCO_PAGE_BYTES, low_end,
                               dtb_bytes, &out->dtb_gpa);
    }
    if (status || !initrd_bytes)
        return status;
    status = first_fit(image, out, dtb_bytes, top, low_end, initrd_bytes,
                       &out->initrd_gpa);
    if (status)
        status = first_fit(image, out, dtb_bytes, DISCO_BOARD_RAM_HIGH,
                           high_end, initrd_bytes, &out->initrd_gpa);
    if (status)
        status = first_fit(image, out, dtb_bytes, DISCO_PAGE_BYTES, low_end,
                           initrd_bytes, &out->initrd_gpa);
    return status;
}

/* --- The tree ---------------------------------------------------------- */

static disco_status dtb_reserve(disco_board *board, uint64_t bytes)
{
    disco_machine *machine = disco_vm_machine(board->vm);
    void *dtb;

    if (bytes <= board->dtb_room)
        return 0;
    dtb = dev_alloc(machine, bytes);
    if (!dtb)
        return DISCO_E_NOMEM;
    if (board->dtb)
        dev_free(machine, board->dtb, board->dtb_room);
    board->dtb = dtb;
    board->dtb_room = bytes;
    return 0;
}

/*
 * Choose the places and build the tree, which names the initrd's: the room for
 * the tree is fixed first.  Without libfdt there is no tree, which is an error
 * only when a command line or an initrd has to be told.
 */
static disco_status plan(disco_board *board, const disco_board_image *image,
                         const struct elf_image *elf, struct board_place *place,
                         disco_error *err)
{
    struct board_tree tree = {
        .ram_bytes = board->ram_bytes,
        .cpus = board->cpus,
        .order = board->order,
        .mode = board->mode,
        .timebase_hz = board->timebase_hz,
        .slots = board->slots,
        .initrd_bytes = image->initrd_bytes,
        .cmdline = image->cmdline,
        .boot_cpu = image->boot_cpu,
    };
    uint64_t room = board_tree_bytes_max(&tree);
    disco_status status;

    board->dtb_bytes = 0;
    if (!board_tree_is_built_in()) {
        if (image->initrd_bytes || (image->cmdline && *image->cmdline))
            return error_fill(err, DISCO_E_UNSUPPORTED, 0,
                              "command line and initrd need a device tree; "
                              "this build has no libfdt");
        return board_place(elf, board->ram_bytes, 0, 0, place);
    }
    if (dtb_reserve(board, room))
        return error_fill(err, DISCO_E_NOMEM, 0, "no memory for the tree");
    if (board_place(elf, board->ram_bytes, room, image->initrd_bytes, place))
        return error_fill(err, DISCO_E_RANGE, elf->high_gpa,
                          "device tree (0x%" PRIx64
                          " bytes) and initrd (0x%" PRIx64
                          " bytes) do not fit in 0x%" PRIx64
                          " bytes of memory beside the kernel",
                          room, image->initrd_bytes, board->ram_bytes);
    tree.initrd_gpa = place->initrd_gpa;
    status =
        board_tree_build(&tree, board->dtb, board->dtb_room, &board->dtb_bytes);
    if (status)
        return error_fill(err, status, 0, "cannot build the device tree");
    return 0;
}

/* --- Loading ----------------------------------------------------------- */

static disco_status copy_in(disco_board *board, const disco_board_image *image,
                            const struct elf_image *elf,
                            const struct board_place *place)
{
    disco_status status = elf_copy(board->vm, elf, NULL);

    if (!status && image->initrd_bytes)
        status = disco_mem_load_shared(board->vm, place->initrd_gpa,
                                       image->initrd, image->initrd_bytes);
    if (!status && board->dtb_bytes)
        status = disco_mem_load(board->vm, place->dtb_gpa, board->dtb,
                                board->dtb_bytes);
    return status;
}

/* Registers of the boot vCPU at the entry point: UHI-style. */
static disco_status start(disco_board *board, uint32_t boot_cpu,
                          const struct elf_image *elf,
                          const struct board_place *place)
{
    static const uint64_t ids[] = {
        DISCO_REG_GPR(GPR_A0),
        DISCO_REG_GPR(GPR_A1),
        DISCO_REG_CP0(CP0_STATUS),
        DISCO_REG_CP0(CP0_CONFIG),
    };
    disco_vcpu *vcpu = disco_vm_vcpu(board->vm, boot_cpu);
    uint64_t config_id = DISCO_REG_CP0(CP0_CONFIG);
    uint64_t values[4] = { 0 };
    uint64_t config = 0;
    disco_status status;

    status = disco_vcpu_get_regs(vcpu, &config_id, &config, 1);
    if (status)
        return status;
    if (board->dtb_bytes) {
        values[0] = (uint64_t)-2;
        values[1] = KSEG0_BASE | place->dtb_gpa;
    }
    values[2] = elf->bits == 64 ? STATUS_KX : 0;
    values[3] = (config & ~(uint64_t)CONFIG_K0_MASK) | CONFIG_K0_COHERENT;
    status = disco_vcpu_set_regs(vcpu, ids, values, 4);
    if (status)
        return status;
    return disco_vcpu_start(vcpu, elf->entry);
}

static const char *order_name(uint32_t order)
{
    return order == DISCO_BIG ? "big" : "little";
}

/* All checks, then all effects; `err` says what and where. */
static disco_status load(disco_board *board, const disco_board_image *image,
                         disco_error *err)
{
    struct board_place place;
    struct elf_image elf;
    disco_status status;

    status = elf_parse(image->kernel, image->kernel_bytes, &elf, err);
    if (status)
        return status;
    if (elf.order != board->order)
        return error_fill(err, DISCO_E_MISMATCH, 5,
                          "the kernel is %s-endian, the vCPUs are %s-endian",
                          order_name(elf.order), order_name(board->order));
    status = elf_fits(board->vm, &elf, err);
    if (status)
        return status;
    status = plan(board, image, &elf, &place, err);
    if (status)
        return status;
    status = copy_in(board, image, &elf, &place);
    if (status)
        return error_fill(err, status, 0, "cannot copy the kernel: %s",
                          disco_status_text(status));
    status = start(board, image->boot_cpu, &elf, &place);
    if (status)
        return error_fill(
            err, status, elf.entry, "cannot start vCPU %u at 0x%" PRIx64 ": %s",
            image->boot_cpu, elf.entry, disco_status_text(status));
    board->loaded = 1;
    return 0;
}

static disco_status check_image(const disco_board *board,
                                const disco_board_image *image,
                                disco_error *err)
{
    if (!image->kernel)
        return error_fill(err, DISCO_E_INVAL, 0, "no kernel is given");
    if (image->flags || image->reserved)
        return error_fill(err, DISCO_E_INVAL, 0, "unknown image flags 0x%x",
                          image->flags);
    if (image->boot_cpu >= board->cpus)
        return error_fill(err, DISCO_E_INVAL, image->boot_cpu,
                          "there is no vCPU %u to start", image->boot_cpu);
    if (image->initrd_bytes && !image->initrd)
        return error_fill(err, DISCO_E_INVAL, 0, "an initrd without data");
    if (board->loaded)
        return error_fill(err, DISCO_E_STATE, 0,
                          "the board is loaded: reset the VM first");
    return 0;
}

disco_status disco_board_load(disco_board *board, const disco_board_image *user)
{
    disco_error err = { .size = sizeof(err) };
    disco_board_image image;
    disco_status status;

    if (!board || !user)
        return DISCO_E_INVAL;
    status = config_copy(&image, sizeof(image), user);
    if (status)
        return status;
    status = check_image(board, &image, &err);
    if (!status)
        status = load(board, &image, &err);
    if (!status)
        return 0;
    return context_fail(context_of(disco_vm_machine(board->vm)), status,
                        err.where, "%s", err.text);
}

disco_status disco_board_dtb(disco_board *board, void *dtb, uint64_t *bytes)
{
    uint64_t room;

    if (!board || !bytes)
        return DISCO_E_INVAL;
    if (board->dtb_bytes == 0)
        return DISCO_E_NOENT;
    room = *bytes;
    *bytes = board->dtb_bytes;
    if (!dtb)
        return 0;
    if (room < board->dtb_bytes)
        return DISCO_E_RANGE;
    memcpy(dtb, board->dtb, board->dtb_bytes);
    return 0;
}
