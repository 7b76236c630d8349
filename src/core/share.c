/*
 * share.c - the public face of shared pages (device.h): argument checks and
 * sentences for errors.  The work is in mem/share.c.
 */
#include "mem/share.h"

#include <string.h>
#include <disco/device.h>

#include "base/bits.h"
#include "core/vm.h"

/* Names are frame numbers plus one, so that 0 is none. */
static struct mfn mfn_of(disco_page page)
{
    struct mfn mfn = { page.name - 1 };

    return mfn;
}

static const char *why(disco_status status)
{
    switch (status) {
    case DISCO_E_FAULT:
        return "no RAM there";
    case DISCO_E_BUSY:
        return "it is pinned or written by several VMs";
    case DISCO_E_UNSUPPORTED:
        return "it is memory of the host";
    default:
        return disco_status_text(status);
    }
}

static disco_status check_page(struct disco_machine *m, disco_page page)
{
    if (page.name && share_is_held(&m->mem, mfn_of(page)))
        return 0;
    return context_fail(&m->ctx, DISCO_E_INVAL, page.name,
                        "page 0x%llx: nobody holds such a page",
                        (unsigned long long)page.name);
}

static disco_status check_gpa(struct disco_vm *vm, uint64_t gpa,
                              const char *what)
{
    if (is_aligned(gpa, PAGE_BYTES) && gpa < GPA_END)
        return 0;
    return vm_fail(vm, DISCO_E_INVAL, gpa,
                   "VM %s: %s page 0x%llx: not aligned, or beyond 40 bits",
                   vm->name, what, (unsigned long long)gpa);
}

disco_status disco_page_take(disco_vm *vm, uint64_t gpa, disco_page *out)
{
    disco_status status;
    struct mfn mfn;

    if (!vm || !out)
        return DISCO_E_INVAL;
    status = check_gpa(vm, gpa, "taking");
    if (status)
        return status;
    status = share_take(&vm->pm, pfn_of_gpa(gpa), NULL, &mfn);
    if (status == DISCO_E_NOENT)
        return status; /* usual: no text */
    if (status)
        return vm_fail(vm, status, gpa, "VM %s: taking page 0x%llx: %s",
                       vm->name, (unsigned long long)gpa, why(status));
    out->name = mfn.n + 1;
    return 0;
}

disco_status disco_page_create(disco_machine *machine, uint32_t node,
                               const void *data, disco_page *out)
{
    disco_status status;
    struct mfn mfn;

    if (!machine || !out)
        return DISCO_E_INVAL;
    if (node >= machine->topology.nodes)
        return context_fail(&machine->ctx, DISCO_E_INVAL, node,
                            "page: no node %u, the machine has %u", node,
                            machine->topology.nodes);
    status = share_create(&machine->mem, node, data, &mfn);
    if (status)
        return context_fail(&machine->ctx, status, node,
                            "page: no machine memory");
    out->name = mfn.n + 1;
    return 0;
}

disco_status disco_page_map(disco_vm *vm, uint64_t gpa, disco_page page)
{
    disco_status status;

    if (!vm)
        return DISCO_E_INVAL;
    status = check_gpa(vm, gpa, "mapping");
    if (!status)
        status = check_page(vm->machine, page);
    if (status)
        return status;
    status = share_map(&vm->pm, pfn_of_gpa(gpa), mfn_of(page), DISCO_KIND_NONE,
                       NULL);
    if (status)
        return vm_fail(vm, status, gpa, "VM %s: mapping page 0x%llx: %s",
                       vm->name, (unsigned long long)gpa, why(status));
    return 0;
}

disco_status disco_page_read(disco_machine *machine, disco_page page,
                             uint32_t offset_bytes, void *dst, uint32_t bytes)
{
    disco_status status;

    if (!machine || (bytes && !dst) || offset_bytes > PAGE_BYTES ||
        bytes > PAGE_BYTES - offset_bytes)
        return DISCO_E_INVAL;
    status = check_page(machine, page);
    if (status)
        return status;
    if (bytes)
        memcpy(dst, share_bytes(&machine->mem, mfn_of(page)) + offset_bytes,
               bytes);
    return 0;
}

disco_status disco_page_hold(disco_machine *machine, disco_page page)
{
    disco_status status;

    if (!machine)
        return DISCO_E_INVAL;
    status = check_page(machine, page);
    if (!status)
        share_hold(&machine->mem, mfn_of(page));
    return status;
}

disco_status disco_page_drop(disco_machine *machine, disco_page page)
{
    disco_status status;

    if (!machine)
        return DISCO_E_INVAL;
    status = check_page(machine, page);
    if (!status)
        share_drop(&machine->mem, mfn_of(page));
    return status;
}
