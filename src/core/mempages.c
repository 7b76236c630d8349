/*
 * mempages.c - monitor calls that change what is behind a VM's own pages:
 * zeroed page, release, remap, and memory shared with other VMs (guest.h).
 * Arguments are hostile.  The calling vCPU is RUNNING.
 */
#include <disco/guest.h>

#include "base/bits.h"
#include "core/vcpu.h"
#include "mem/common.h"
#include "mem/copy.h"
#include "mem/move.h"
#include "mem/share.h"

static int is_ram(struct disco_vm *vm, uint64_t gpa)
{
    struct disco_region *r = region_find(&vm->pm.regions, gpa);

    return r && r->kind == DISCO_REGION_RAM;
}

static int64_t error_of(disco_status status)
{
    switch (status) {
    case 0:
        return 0;
    case DISCO_E_NOMEM:
        return DISCO_HC_E_NOMEM;
    case DISCO_E_BUSY:
        return DISCO_HC_E_BUSY;
    case DISCO_E_NOENT:
        return DISCO_HC_E_NOENT;
    case DISCO_E_INVAL:
    case DISCO_E_RANGE:
        return DISCO_HC_E_INVAL;
    default:
        return DISCO_HC_E_FAULT;
    }
}

static int64_t fill_with_zeroes(struct disco_vcpu *v, uint64_t gpa)
{
    disco_status status;
    uint64_t where;

    shoot_park(&v->shoot);
    status = copy_in(&v->vm->pm, gpa, NULL, PAGE_BYTES, 0, &where);
    shoot_unpark(&v->shoot);
    return error_of(status);
}

/* Frames come zeroed: dropping the page is cheaper than clearing it. */
static int64_t zero_page(struct disco_vcpu *v, uint64_t gpa)
{
    disco_status status;

    if (!is_aligned(gpa, PAGE_BYTES))
        return DISCO_HC_E_INVAL;
    if (!is_ram(v->vm, gpa))
        return fill_with_zeroes(v, gpa);
    status = page_release(&v->vm->pm, pfn_of_gpa(gpa), &v->shoot);
    return status == DISCO_E_BUSY ? fill_with_zeroes(v, gpa) : 0;
}

int64_t moncall_zero_page(struct disco_vcpu *v, uint64_t gpa)
{
    int64_t error = zero_page(v, gpa);

    if (!error)
        add_relaxed(&v->vm->pm.stats.zeroed, 1);
    return error;
}

/* A pinned page stays, so its content goes instead. */
int64_t moncall_release_page(struct disco_vcpu *v, uint64_t gpa)
{
    disco_status status;

    if (!is_aligned(gpa, PAGE_BYTES))
        return DISCO_HC_E_INVAL;
    if (!is_ram(v->vm, gpa))
        return DISCO_HC_E_FAULT;
    status = page_release(&v->vm->pm, pfn_of_gpa(gpa), &v->shoot);
    if (status == DISCO_E_BUSY)
        return fill_with_zeroes(v, gpa);
    if (!status)
        add_relaxed(&v->vm->pm.stats.released, 1);
    return 0;
}

/* What cannot be mapped is copied: the guest sees the same. */
static int64_t copy_page(struct disco_vcpu *v, uint64_t to, uint64_t from)
{
    uint8_t data[PAGE_BYTES];
    disco_status status;
    uint64_t where;

    shoot_park(&v->shoot);
    status = copy_out(&v->vm->pm, from, data, PAGE_BYTES, &where);
    if (!status)
        status = copy_in(&v->vm->pm, to, data, PAGE_BYTES, 0, &where);
    shoot_unpark(&v->shoot);
    return error_of(status);
}

/* *mapped: 1 when no byte was copied. */
int64_t moncall_remap(struct disco_vcpu *v, uint64_t to, uint64_t from,
                      uint64_t *mapped)
{
    struct physmap *pm = &v->vm->pm;
    disco_status status;
    struct mfn mfn;

    *mapped = 0;
    if (!is_aligned(to, PAGE_BYTES) || !is_aligned(from, PAGE_BYTES))
        return DISCO_HC_E_INVAL;
    if (!is_ram(v->vm, to))
        return DISCO_HC_E_FAULT;
    status = share_take(pm, pfn_of_gpa(from), &v->shoot, &mfn);
    if (status == DISCO_E_NOENT) {
        *mapped = 1;
        add_relaxed(&pm->stats.remapped, 1);
        return zero_page(v, to);
    }
    if (!status) {
        status = share_map(pm, pfn_of_gpa(to), mfn, DISCO_KIND_NONE, &v->shoot);
        share_drop(pm->mem, mfn);
    }
    *mapped = !status;
    if (!status)
        add_relaxed(&pm->stats.remapped, 1);
    if (status == DISCO_E_BUSY || status == DISCO_E_UNSUPPORTED)
        return copy_page(v, to, from);
    return error_of(status);
}

/* From the next run on stores are announced and fenced: leave this one. */
static void begin_sharing(struct disco_vcpu *v)
{
    if (load_relaxed(&v->vm->shares))
        return;
    store_relaxed(&v->vm->shares, 1);
    vm_threads_changed(v->vm);
    vm_request_all(v->vm, DISCO_REQ_YIELD);
}

int64_t moncall_share(struct disco_vcpu *v, uint64_t key, uint64_t gpa,
                      uint64_t pages, uint64_t *members)
{
    uint64_t group = load_seq(&v->vm->share_group);
    disco_status status;
    uint32_t n = 0;

    if (!group)
        return DISCO_HC_E_UNSUPPORTED;
    if (!is_aligned(gpa, PAGE_BYTES) || gpa >= GPA_END)
        return DISCO_HC_E_INVAL;
    begin_sharing(v);
    status = common_join(&v->vm->pm, group, key, pfn_of_gpa(gpa), pages,
                         &v->shoot, &n);
    *members = n;
    if (!status)
        add_relaxed(&v->vm->pm.stats.joined, 1);
    return error_of(status);
}

int64_t moncall_unshare(struct disco_vcpu *v, uint64_t key)
{
    return error_of(common_leave(&v->vm->pm, key, &v->shoot));
}
