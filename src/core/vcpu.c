/*
 * vcpu.c - creation, end, reset and start of a vCPU, and who owns it.
 */
#include "core/vcpu.h"

#include <string.h>

#include "base/config.h"
#include "core/sched.h"

disco_status vcpu_hold(struct disco_vcpu *v, int *held)
{
    uint64_t self = thread_id(), owner;
    unsigned spins = 0;

    for (;;) {
        owner = OWNER_FREE;
        if (cas_seq(&v->owner, &owner, OWNER_HELD)) {
            *held = 1;
            return 0;
        }
        *held = 0;
        if (owner == self)
            return 0;
        /* A parked vCPU is never run for long. */
        if (owner != OWNER_HELD && !load_seq(&v->is_parked))
            return DISCO_E_BUSY;
        wait_step(&spins);
    }
}

void vcpu_release(struct disco_vcpu *v, int held)
{
    if (held)
        store_seq(&v->owner, OWNER_FREE);
}

disco_status vcpu_hold_for(struct disco_vcpu *v, const char *what, int *held)
{
    disco_status status = vcpu_hold(v, held);

    if (!status)
        return 0;
    return vm_fail(v->vm, status, v->index,
                   "VM %s, vCPU %u: %s while it runs on another thread",
                   v->vm->name, v->index, what);
}

static disco_status check_config(struct disco_vm *vm, disco_vcpu_config *c)
{
    if (c->flags || c->mode > DISCO_MODE_DISCO || c->l2tlb > DISCO_OFF ||
        c->fp > DISCO_FP_R10000 || c->order > DISCO_LITTLE ||
        c->engine > DISCO_ENGINE_JIT)
        return vm_fail(vm, DISCO_E_INVAL, 0,
                       "VM %s: vCPU config: flags 0x%x, mode %u, l2tlb %u, fp "
                       "%u, order %u or engine %u is not known",
                       vm->name, c->flags, c->mode, c->l2tlb, c->fp, c->order,
                       c->engine);
    if (!c->order)
        c->order = DISCO_BIG;
    return 0;
}

/* Shootdown's way to the backend. */
static void invalidate(void *opaque, const struct shoot_item *item)
{
    struct disco_vcpu *v = opaque;

    v->ops->invalidate(v->state, item->what, item->host, item->frame);
}

static struct disco_vcpu *make(struct disco_vm *vm,
                               const struct backend *backend,
                               const disco_vcpu_config *c)
{
    struct disco_vcpu *v = alloc_zeroed(vm_alloc(vm), sizeof(*v));

    if (!v)
        return NULL;
    v->config = *c;
    if (c->model) {
        v->model = alloc_string(vm_alloc(vm), c->model);
        if (!v->model) {
            alloc_free(vm_alloc(vm), v, sizeof(*v));
            return NULL;
        }
    }
    v->config.size = sizeof(v->config);
    v->config.model = v->model;
    v->config.backend = backend->ops.name;
    v->vm = vm;
    v->machine = vm->machine;
    v->ops = &backend->ops;
    v->index = vm->vcpu_count;
    v->order = c->order;
    v->is_disco = c->mode == DISCO_MODE_DISCO;
    v->is_parked = 1;
    v->wake_cycles = CLOCK_NEVER;
    v->shoot.index = v->index;
    v->shoot.invalidate = invalidate;
    v->shoot.opaque = v;
    host_services_init(v);
    v->host.shared = backend->shared;
    return v;
}

static void unmake(struct disco_vcpu *v)
{
    alloc_string_free(vm_alloc(v->vm), v->model);
    alloc_free(vm_alloc(v->vm), v, sizeof(*v));
}

static disco_status make_backend(struct disco_vcpu *v,
                                 const disco_vcpu_config *c)
{
    disco_error err = { 0 };
    disco_status status;

    err.size = sizeof(err);
    status = v->ops->create(&v->host, c, &v->state, &err);
    if (!status)
        return 0;
    return vm_fail(v->vm, status, err.where, "VM %s, vCPU %u, backend %s: %s",
                   v->vm->name, v->index, v->ops->name,
                   err.text[0] ? err.text : disco_status_text(status));
}

static disco_status create(struct disco_vm *vm, const disco_vcpu_config *c,
                           disco_vcpu **out)
{
    const struct backend *backend = backend_find(vm->machine, c->backend);
    struct disco_vcpu *v;
    disco_status status;

    if (!backend)
        return vm_fail(vm, DISCO_E_NOENT, 0, "VM %s: no backend \"%s\"",
                       vm->name, c->backend ? c->backend : "default");
    if (vm->vcpu_count >= vm->max_vcpus)
        return vm_fail(vm, DISCO_E_RANGE, vm->max_vcpus,
                       "VM %s: has its %u vCPUs", vm->name, vm->max_vcpus);
    v = make(vm, backend, c);
    if (!v)
        return vm_fail(vm, DISCO_E_NOMEM, 0, "VM %s: vCPU: no host memory",
                       vm->name);
    status = make_backend(v, c);
    if (status)
        goto fail_vcpu;
    status = shoot_register(vm->pm.mem, &vm->pm.vcpus, &v->shoot);
    if (status) {
        vm_fail(vm, status, v->index, "VM %s: vCPU %u: no host memory",
                vm->name, v->index);
        goto fail_backend;
    }
    if (load_relaxed(&vm->stop))
        or_seq(&v->shoot.request, DISCO_REQ_STOP);
    store_release(&vm->vcpu[v->index], v);
    store_release(&vm->vcpu_count, v->index + 1);
    vm_threads_changed(vm);
    *out = v;
    return 0;

fail_backend:
    v->ops->destroy(v->state);
fail_vcpu:
    unmake(v);
    return status;
}

disco_status disco_vcpu_create(disco_vm *vm, const disco_vcpu_config *config,
                               disco_vcpu **out)
{
    disco_vcpu_config c;
    disco_status status;

    if (!vm || !out)
        return DISCO_E_INVAL;
    status = config_copy(&c, sizeof(c), config);
    if (status)
        return vm_fail(vm, status, 0,
                       "VM %s: vCPU config size %u is not supported", vm->name,
                       config->size);
    status = check_config(vm, &c);
    if (status)
        return status;
    status = vm_exclusive_begin(vm, "creating a vCPU");
    if (status)
        return status;
    status = create(vm, &c, out);
    vm_exclusive_end(vm);
    return machine_checked(vm->machine, status);
}

void vcpu_free(struct disco_vcpu *v)
{
    struct disco_vm *vm = v->vm;

    sched_forget(v);
    store_release(&vm->vcpu[v->index], NULL);
    while (vm->vcpu_count && !vm->vcpu[vm->vcpu_count - 1])
        store_release(&vm->vcpu_count, vm->vcpu_count - 1);
    shoot_unregister(vm->pm.mem, &vm->pm.vcpus, &v->shoot);
    v->ops->destroy(v->state);
    unmake(v);
}

disco_status disco_vcpu_destroy(disco_vcpu *vcpu)
{
    struct disco_vm *vm;
    disco_status status;
    int held;

    if (!vcpu)
        return 0;
    vm = vcpu->vm;
    status = vm_exclusive_begin(vm, "destroying a vCPU");
    if (status)
        return status;
    status = vcpu_hold_for(vcpu, "destroy", &held);
    if (!status) {
        vcpu_free(vcpu);
        vm_threads_changed(vm);
    }
    vm_exclusive_end(vm);
    return machine_checked(vm->machine, status);
}

disco_vm *disco_vcpu_vm(disco_vcpu *vcpu)
{
    return vcpu ? vcpu->vm : NULL;
}

uint32_t disco_vcpu_index(const disco_vcpu *vcpu)
{
    return vcpu ? vcpu->index : 0;
}

/* A kick is the host's and stays; what the guest had asked for goes. */
void vcpu_reset(struct disco_vcpu *v)
{
    uint32_t keep = DISCO_REQ_KICK | DISCO_REQ_INVALIDATE;

    if (load_relaxed(&v->vm->stop))
        keep |= DISCO_REQ_STOP;
    v->ops->reset(v->state);
    v->pending = PENDING_NONE;
    store_seq(&v->is_parked, 1);
    store_seq(&v->is_idle, 0);
    store_relaxed(&v->wake_cycles, CLOCK_NEVER);
    and_seq(&v->shoot.request, keep);
}

disco_status disco_vcpu_reset(disco_vcpu *vcpu)
{
    disco_status status;
    int held;

    if (!vcpu)
        return DISCO_E_INVAL;
    status = vcpu_hold_for(vcpu, "reset", &held);
    if (status)
        return status;
    if (!held)
        return vm_fail(vcpu->vm, DISCO_E_REENTRANT, vcpu->index,
                       "VM %s, vCPU %u: reset inside its own callback",
                       vcpu->vm->name, vcpu->index);
    vcpu_reset(vcpu);
    vcpu_release(vcpu, held);
    return 0;
}

int32_t disco_vcpu_is_parked(const disco_vcpu *vcpu)
{
    return vcpu && load_seq(&vcpu->is_parked);
}

disco_status disco_vcpu_start(disco_vcpu *vcpu, uint64_t pc)
{
    disco_status status;
    int held;

    if (!vcpu)
        return DISCO_E_INVAL;
    if (!load_seq(&vcpu->is_parked))
        return vm_fail(vcpu->vm, DISCO_E_STATE, vcpu->index,
                       "VM %s, vCPU %u: start, but it is not parked",
                       vcpu->vm->name, vcpu->index);
    status = vcpu_hold_for(vcpu, "start", &held);
    if (status)
        return status;
    if (!held || !load_seq(&vcpu->is_parked)) {
        vcpu_release(vcpu, held);
        return vm_fail(vcpu->vm, DISCO_E_STATE, vcpu->index,
                       "VM %s, vCPU %u: start, but it is not parked",
                       vcpu->vm->name, vcpu->index);
    }
    vcpu->ops->set_pc(vcpu->state, pc);
    vcpu->ops->set_cycles(vcpu->state, clock_now(&vcpu->vm->clock));
    store_seq(&vcpu->is_parked, 0);
    vcpu_release(vcpu, held);
    wake_host(vcpu);
    return 0;
}

void disco_vcpu_kick(disco_vcpu *vcpu)
{
    if (!vcpu)
        return;
    or_seq(&vcpu->shoot.request, DISCO_REQ_KICK);
    add_seq(&vcpu->machine->kicks, 1);
}
