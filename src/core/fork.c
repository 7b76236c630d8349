/*
 * fork.c - a second VM that goes on from where the first stands: memory shared
 * copy-on-write, vCPUs and devices copied.
 *
 * The parent is quiesced; whatever fails, it is as before, but for rights that
 * its next stores ask for again.
 */
#include <string.h>

#include "base/config.h"
#include "core/vcpu.h"
#include "mem/map.h"
#include "mem/move.h"

/* A vCPU's state on its way from one backend to the other. */
struct tape {
    struct alloc *alloc;
    uint8_t *data;
    uint64_t bytes;
    uint64_t room;
    uint64_t at;
};

static disco_status tape_write(void *opaque, const void *data, uint64_t bytes)
{
    struct tape *t = opaque;
    uint64_t room = t->room ? t->room * 2 : 8192;
    uint8_t *bigger;

    while (room < t->bytes + bytes)
        room *= 2;
    if (t->bytes + bytes > t->room) {
        bigger = alloc_zeroed(t->alloc, room);
        if (!bigger)
            return DISCO_E_NOMEM;
        if (t->bytes)
            memcpy(bigger, t->data, t->bytes);
        alloc_free(t->alloc, t->data, t->room);
        t->data = bigger;
        t->room = room;
    }
    memcpy(t->data + t->bytes, data, bytes);
    t->bytes += bytes;
    return 0;
}

static disco_status tape_read(void *opaque, void *data, uint64_t bytes)
{
    struct tape *t = opaque;

    if (bytes > t->bytes - t->at)
        return DISCO_E_CORRUPT;
    memcpy(data, t->data + t->at, bytes);
    t->at += bytes;
    return 0;
}

static disco_status copy_state(struct disco_vcpu *from, struct disco_vcpu *to)
{
    struct tape tape = { .alloc = vm_alloc(from->vm) };
    disco_stream stream = { &tape, tape_write, tape_read };
    disco_status status = from->ops->save(from->state, &stream);

    if (!status)
        status = to->ops->load(to->state, &stream);
    if (!status)
        to->ops->set_cycles(to->state, from->ops->cycles(from->state));
    alloc_free(tape.alloc, tape.data, tape.room);
    return status;
}

/* Run state that is the monitor's; requests that are only the host's stay. */
static void copy_run_state(struct disco_vcpu *from, struct disco_vcpu *to)
{
    enum { GUESTS = DISCO_REQ_IRQ | DISCO_REQ_IDLE | DISCO_REQ_YIELD };

    store_seq(&to->is_parked, load_seq(&from->is_parked));
    store_seq(&to->is_idle, load_seq(&from->is_idle));
    store_relaxed(&to->wake_cycles, load_relaxed(&from->wake_cycles));
    or_seq(&to->shoot.request,
           (load_seq(&from->shoot.request) & GUESTS) | DISCO_REQ_IRQ);
    to->node = from->node;
    store_relaxed(&to->cpu, load_relaxed(&from->cpu));
}

static disco_status fork_vcpu(struct disco_vcpu *from, struct disco_vm *child)
{
    struct disco_vm *vm = from->vm;
    struct disco_vcpu *to;
    disco_status status;

    if (from->pending)
        return vm_fail(vm, DISCO_E_STATE, from->index,
                       "VM %s: fork: an exit of vCPU %u is to be completed",
                       vm->name, from->index);
    if (!from->ops->save || !from->ops->load)
        return vm_fail(vm, DISCO_E_UNSUPPORTED, from->index,
                       "VM %s: fork: backend %s cannot copy vCPU %u", vm->name,
                       from->ops->name, from->index);
    status = disco_vcpu_create(child, &from->config, &to);
    if (status)
        return status;
    status = copy_state(from, to);
    if (status)
        return vm_fail(vm, status, from->index,
                       "VM %s: fork: state of vCPU %u: %s", vm->name,
                       from->index, disco_status_text(status));
    copy_run_state(from, to);
    return 0;
}

static disco_status fork_vcpus(struct disco_vm *vm, struct disco_vm *child)
{
    disco_status status = 0;
    uint32_t i;

    for (i = 0; i < vm->vcpu_count && !status; i++) {
        if (!vm->vcpu[i])
            status = vm_fail(vm, DISCO_E_UNSUPPORTED, i,
                             "VM %s: fork: vCPU %u was destroyed", vm->name, i);
        else
            status = fork_vcpu(vm->vcpu[i], child);
    }
    return status;
}

/*
 * The copy's callbacks are its original's.  What has no copy of its own (exits
 * instead of callbacks) belongs to the parent, which releases it.
 */
static disco_status map_like(struct disco_vm *child,
                             const struct disco_region *r, void *opaque)
{
    disco_mmio_ops bare = { .size = sizeof(bare),
                            .flags = r->ops.flags,
                            .order = r->ops.order };
    struct map_request q = { .kind = r->kind,
                             .access = r->access,
                             .gpa = r->gpa,
                             .bytes = r->bytes,
                             .key = r->key,
                             .ops = r->ops.fork ? &r->ops : &bare,
                             .opaque = opaque };
    struct disco_region *copy;

    if (r->kind != DISCO_REGION_MMIO)
        q.ops = NULL;
    return map_add(&child->pm, &q, &copy);
}

static disco_status cannot(struct disco_vm *vm, const struct disco_region *r,
                           disco_status status, const char *why)
{
    return vm_fail(vm, status, r->gpa, "VM %s: fork: %s at 0x%llx %s (%s)",
                   vm->name, r->key ? r->key : "memory",
                   (unsigned long long)r->gpa, why, disco_status_text(status));
}

/* What could be known before anything is made. */
static disco_status check_regions(struct disco_vm *vm)
{
    struct disco_region *r;
    uint32_t i;

    for (i = 0; i < vm->pm.regions.count; i++) {
        r = vm->pm.regions.v[i];
        if (r->kind == DISCO_REGION_HOST)
            return cannot(vm, r, DISCO_E_UNSUPPORTED, "is the host's own");
        if (r->kind == DISCO_REGION_MMIO && !r->ops.fork &&
            !(r->ops.flags & DISCO_MMIO_EXIT))
            return cannot(vm, r, DISCO_E_UNSUPPORTED, "has no fork callback");
        if (map_pins(&vm->pm, r))
            return cannot(vm, r, DISCO_E_BUSY, "has pinned pages");
    }
    return 0;
}

static disco_status fork_memory(struct disco_vm *vm, struct disco_vm *child)
{
    disco_status status = 0;
    uint64_t where;
    uint32_t i;

    for (i = 0; i < vm->pm.regions.count && !status; i++)
        if (vm->pm.regions.v[i]->kind != DISCO_REGION_MMIO)
            status = map_like(child, vm->pm.regions.v[i], NULL);
    if (status)
        return status;
    status = physmap_fork(&vm->pm, &child->pm, &where);
    if (status)
        vm_fail(vm, status, where, "VM %s: fork: page 0x%llx: %s", vm->name,
                (unsigned long long)where,
                status == DISCO_E_BUSY ? "pinned, or shared by agreement"
                                       : "no host memory");
    return status;
}

static disco_status fork_device(struct disco_vm *vm, struct disco_vm *child,
                                const struct disco_region *r)
{
    void *opaque = r->opaque;
    disco_status status = 0;

    if (r->ops.fork)
        status = r->ops.fork(r->opaque, child, &opaque);
    if (status)
        return cannot(vm, r, status, "cannot be copied now");
    status = map_like(child, r, opaque);
    if (status && r->ops.fork && r->ops.release)
        r->ops.release(opaque);
    return status;
}

static disco_status fork_devices(struct disco_vm *vm, struct disco_vm *child)
{
    disco_status status = 0;
    uint32_t i;

    for (i = 0; i < vm->pm.regions.count && !status; i++)
        if (vm->pm.regions.v[i]->kind == DISCO_REGION_MMIO)
            status = fork_device(vm, child, vm->pm.regions.v[i]);
    return status;
}

static disco_status fill(struct disco_vm *vm, struct disco_vm *child)
{
    disco_status status;

    store_relaxed(&child->clock.cycles, clock_now(&vm->clock));
    store_relaxed(&child->irq_levels, load_relaxed(&vm->irq_levels));
    store_relaxed(&child->stop_code, load_relaxed(&vm->stop_code));
    store_seq(&child->stop, load_seq(&vm->stop));
    status = fork_memory(vm, child);
    if (!status)
        status = fork_vcpus(vm, child);
    if (!status)
        status = hostcall_fork(vm, child);
    if (!status)
        status = fork_devices(vm, child);
    store_relaxed(&child->idle_next, load_relaxed(&vm->idle_next));
    return status;
}

static disco_status take_config(struct disco_vm *vm, const disco_vm_config *in,
                                disco_vm_config *c)
{
    disco_status status = config_copy(c, sizeof(*c), in);

    if (status)
        return vm_fail(vm, status, 0,
                       "VM %s: fork: config size %u is not supported", vm->name,
                       in->size);
    if (!in)
        c->home_node = vm->pm.home_node;
    c->size = sizeof(*c);
    c->memory_order = vm->memory_order;
    c->threads = vm->threads;
    c->max_vcpus = vm->max_vcpus;
    return 0;
}

disco_status disco_vm_fork(disco_vm *vm, const disco_vm_config *config,
                           disco_vm **out)
{
    disco_vm *child = NULL;
    disco_vm_config c;
    disco_status status;

    if (!vm || !out)
        return DISCO_E_INVAL;
    status = take_config(vm, config, &c);
    if (!status)
        status = vm_exclusive_begin(vm, "forking it");
    if (status)
        return status;
    status = check_regions(vm);
    if (!status)
        status = disco_vm_create(vm->machine, &c, &child);
    if (!status)
        status = fill(vm, child);
    vm_exclusive_end(vm);
    if (status) {
        disco_vm_destroy(child);
        return status;
    }
    *out = child;
    return machine_checked(vm->machine, 0);
}

void *disco_vm_region_opaque(disco_vm *vm, const char *key)
{
    struct disco_region *r;
    void *opaque = NULL;

    if (!vm || !key)
        return NULL;
    mem_lock(vm->pm.mem);
    r = region_by_key(&vm->pm.regions, key);
    if (r)
        opaque = r->opaque;
    mem_unlock(vm->pm.mem);
    return opaque;
}
