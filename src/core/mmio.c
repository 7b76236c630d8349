/*
 * mmio.c - device registers: from a vCPU to the region's callbacks, to an exit,
 * or from the host itself.  No lock and one fence on the way.
 */
#include "core/vcpu.h"

#include "base/bits.h"
#include "base/config.h"
#include "mem/map.h"

static int is_access(const struct disco_region *r, uint64_t gpa, uint32_t bytes)
{
    return r && r->kind == DISCO_REGION_MMIO && bytes <= 8 &&
           is_power_of_2(bytes) && is_aligned(gpa, bytes) &&
           r->bytes - (gpa - r->gpa) >= bytes;
}

/* Does the region's integer have its bytes the other way round? */
static int is_swapped(const struct disco_vcpu *v, const struct disco_region *r)
{
    return r->ops.order != DISCO_CPU_ORDER && r->ops.order != v->order;
}

static disco_status call(struct disco_region *r, const disco_mmio_access *a,
                         int is_write, uint64_t *value)
{
    if (is_write)
        return r->ops.write ? r->ops.write(r->opaque, a, *value)
                            : DISCO_E_FAULT;
    return r->ops.read ? r->ops.read(r->opaque, a, value) : DISCO_E_FAULT;
}

static disco_status ask_host(struct disco_vcpu *v, uint64_t gpa, uint32_t bytes,
                             int is_write, uint64_t value)
{
    v->pending = PENDING_MMIO;
    v->asked_swap = (uint32_t)is_swapped(v, v->region.region);
    v->asked.mmio.gpa = gpa;
    v->asked.mmio.bytes = bytes;
    v->asked.mmio.write = (uint32_t)is_write;
    v->asked.mmio.value = is_write ? value & bits_mask(8 * bytes) : 0;
    return DISCO_E_STATE;
}

/* STATE means "leave" to a backend: the device's own status goes past it. */
static disco_status failed(struct disco_vcpu *v, uint64_t gpa, int is_write,
                           disco_status status)
{
    if (status == DISCO_E_FAULT)
        return status;
    v->failed.status = status;
    v->failed.write = (uint32_t)is_write;
    v->failed.gpa = gpa;
    return DISCO_E_CALLBACK;
}

disco_status mmio_access(struct disco_vcpu *v, uint64_t gpa, uint32_t bytes,
                         int is_write, uint64_t *value)
{
    struct disco_region *r =
        region_find_cached(&v->vm->pm.regions, &v->region, gpa);
    disco_mmio_access a;
    disco_status status;
    uint64_t data;

    if (unlikely(!is_access(r, gpa, bytes)))
        return DISCO_E_FAULT;
    count_up(is_write ? &v->counts.mmio_writes : &v->counts.mmio_reads, 1);
    data = is_write ? *value & bits_mask(8 * bytes) : 0;
    if (is_write && is_swapped(v, r))
        data = swap_bytes(data, bytes);
    if (r->ops.flags & DISCO_MMIO_EXIT)
        return ask_host(v, gpa, bytes, is_write, data);
    a.vcpu = v;
    a.offset = gpa - r->gpa;
    a.bytes = bytes;
    a.reserved = 0;
    clock_reached(&v->vm->clock, v->ops->cycles(v->state));
    vcpu_callback_begin(v);
    status = call(r, &a, is_write, &data);
    vcpu_callback_end(v);
    if (unlikely(status))
        return failed(v, gpa, is_write, status);
    if (!is_write) {
        data &= bits_mask(8 * bytes);
        *value = is_swapped(v, r) ? swap_bytes(data, bytes) : data;
    }
    return 0;
}

/* Find the region as a host thread: it may race with no change (quiesced). */
static disco_status host_access(struct disco_vm *vm, uint64_t gpa,
                                uint32_t bytes, int is_write, uint64_t *value)
{
    disco_mmio_access a = { 0 };
    struct disco_region *r;
    disco_status status;

    if (bytes > 8 || !is_power_of_2(bytes) || !is_aligned(gpa, bytes))
        return vm_fail(vm, DISCO_E_INVAL, gpa,
                       "VM %s: device access of %u bytes at 0x%llx is not "
                       "1, 2, 4 or 8 aligned bytes",
                       vm->name, bytes, (unsigned long long)gpa);
    mem_lock(vm->pm.mem);
    r = region_find(&vm->pm.regions, gpa);
    mem_unlock(vm->pm.mem);
    if (!is_access(r, gpa, bytes) || (r->ops.flags & DISCO_MMIO_EXIT))
        return vm_fail(vm, DISCO_E_FAULT, gpa,
                       "VM %s: no device registers with callbacks at 0x%llx",
                       vm->name, (unsigned long long)gpa);
    a.offset = gpa - r->gpa;
    a.bytes = bytes;
    status = call(r, &a, is_write, value);
    if (status)
        return vm_fail(vm, status, gpa, "VM %s: device %s refuses 0x%llx",
                       vm->name, r->key ? r->key : "?",
                       (unsigned long long)gpa);
    return 0;
}

disco_status disco_mmio_read(disco_vm *vm, uint64_t gpa, uint32_t bytes,
                             uint64_t *value)
{
    uint64_t data = 0;
    disco_status status;

    if (!vm || !value)
        return DISCO_E_INVAL;
    status = host_access(vm, gpa, bytes, 0, &data);
    if (!status)
        *value = data & bits_mask(8 * bytes);
    return status;
}

disco_status disco_mmio_write(disco_vm *vm, uint64_t gpa, uint32_t bytes,
                              uint64_t value)
{
    if (!vm)
        return DISCO_E_INVAL;
    value &= bits_mask(bytes <= 8 ? 8 * bytes : 64);
    return host_access(vm, gpa, bytes, 1, &value);
}
