/*
 * elf_load.c - put ELF segments into guest memory; the public ELF functions.
 *
 * Knows no board: any VM with memory at the right places will do.  Parsing is
 * elf.c's.  Thread: any; the VM should not run.
 */
#include "devices/elf.h"

#include <inttypes.h>

#include <disco/physmap.h>
#include <disco/vm.h>

#include "base/config.h"
#include "base/context.h"

static const uint8_t zero_page[DISCO_PAGE_BYTES];

/* RANGE when [gpa, gpa + bytes) has a gap, whose start goes to *bad. */
static disco_status range_check(disco_vm *vm, uint64_t gpa, uint64_t bytes,
                                uint64_t *bad)
{
    disco_region_info info = { .size = sizeof(info) };
    uint64_t at = gpa;
    uint64_t end = gpa + bytes;

    /* Regions come in address order, so one walk sees every gap. */
    for (uint32_t i = 0; at < end; i++) {
        info.size = sizeof(info);
        if (disco_vm_region_info(vm, i, &info))
            break;
        if (info.kind == DISCO_REGION_MMIO)
            continue;
        if (info.gpa > at)
            break;
        if (at < info.gpa + info.bytes)
            at = info.gpa + info.bytes;
    }
    if (at >= end)
        return 0;
    *bad = at;
    return DISCO_E_RANGE;
}

/* Zero guest memory; pages that no frame is behind are zero already. */
static disco_status zero_range(disco_vm *vm, uint64_t gpa, uint64_t bytes)
{
    while (bytes) {
        uint64_t n = DISCO_PAGE_BYTES - gpa % DISCO_PAGE_BYTES;
        disco_page_info page = { .size = sizeof(page) };
        disco_status status = 0;

        if (n > bytes)
            n = bytes;
        if (disco_page_info_get(vm, gpa, &page) ||
            page.flags & DISCO_PAGE_PRESENT)
            status = disco_mem_load(vm, gpa, zero_page, n);
        if (status)
            return status;
        gpa += n;
        bytes -= n;
    }
    return 0;
}

static disco_status copy_segment(disco_vm *vm, const struct elf_segment *s)
{
    disco_status status = 0;

    if (s->file_bytes)
        status = disco_mem_load_shared(vm, s->gpa, s->data, s->file_bytes);
    if (status)
        return status;
    return zero_range(vm, s->gpa + s->file_bytes, s->mem_bytes - s->file_bytes);
}

disco_status elf_fits(disco_vm *vm, const struct elf_image *image,
                      disco_error *err)
{
    uint64_t bad = 0;

    for (uint32_t i = 0; i < image->count; i++) {
        const struct elf_segment *s = &image->segment[i];

        if (range_check(vm, s->gpa, s->mem_bytes, &bad))
            return error_fill(err, DISCO_E_RANGE, bad,
                              "segment at physical 0x%" PRIx64 " (0x%" PRIx64
                              " bytes): no memory at 0x%" PRIx64,
                              s->gpa, s->mem_bytes, bad);
    }
    return 0;
}

disco_status elf_copy(disco_vm *vm, const struct elf_image *image,
                      disco_error *err)
{
    disco_status status = elf_fits(vm, image, err);

    for (uint32_t i = 0; i < image->count && !status; i++) {
        status = copy_segment(vm, &image->segment[i]);
        if (status)
            error_fill(err, status, image->segment[i].gpa,
                       "segment at physical 0x%" PRIx64 ": %s",
                       image->segment[i].gpa, disco_status_text(status));
    }
    return status;
}

static void info_fill(disco_image_info *out, const struct elf_image *image)
{
    disco_image_info info = {
        .bits = image->bits,
        .order = image->order,
        .entry = image->entry,
        .low_gpa = image->low_gpa,
        .high_gpa = image->high_gpa,
    };

    config_give(out, &info, sizeof(info));
}

disco_status disco_elf_info(const void *elf, uint64_t elf_bytes,
                            disco_image_info *out, disco_error *err)
{
    struct elf_image image;
    disco_status status;

    if (!elf || !out)
        return error_fill(err, DISCO_E_INVAL, 0, "no ELF file or no result");
    status = elf_parse(elf, elf_bytes, &image, err);
    if (!status)
        info_fill(out, &image);
    return status;
}

disco_status disco_elf_load(disco_vm *vm, const void *elf, uint64_t elf_bytes,
                            disco_image_info *out)
{
    disco_error err = { .size = sizeof(err) };
    struct elf_image image;
    disco_status status;

    if (!vm || !elf)
        return DISCO_E_INVAL;
    status = elf_parse(elf, elf_bytes, &image, &err);
    if (!status)
        status = elf_copy(vm, &image, &err);
    if (status)
        return context_fail(context_of(disco_vm_machine(vm)), status, err.where,
                            "%s", err.text);
    if (out)
        info_fill(out, &image);
    return 0;
}
