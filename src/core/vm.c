/*
 * vm.c - creation and end of a VM, reset and shutdown, the right to change it.
 */
#include "core/vm.h"

#include <stdio.h>
#include <string.h>

#include "base/config.h"
#include "core/vcpu.h"
#include "mem/map.h"

disco_status vm_exclusive_begin(struct disco_vm *vm, const char *what)
{
    int32_t runners = 0;
    int inside;

    if (cas_seq(&vm->runners, &runners, VM_EXCLUSIVE)) {
        store_relaxed(&vm->exclusive_thread, thread_id());
        return 0;
    }
    inside = runners == VM_EXCLUSIVE
                 ? load_relaxed(&vm->exclusive_thread) == thread_id()
                 : machine_is_inside(vm->machine);
    if (inside)
        return vm_fail(vm, DISCO_E_REENTRANT, 0,
                       "VM %s: %s is not allowed inside a callback", vm->name,
                       what);
    return vm_fail(vm, DISCO_E_BUSY, 0, "VM %s: %s while %s", vm->name, what,
                   runners > 0 ? "a vCPU runs" : "it is being changed");
}

void vm_exclusive_end(struct disco_vm *vm)
{
    store_relaxed(&vm->exclusive_thread, 0);
    store_seq(&vm->runners, 0);
}

void vm_request_all(struct disco_vm *vm, uint32_t bits)
{
    struct mem *mem = vm->pm.mem;
    uint64_t left;

    mem_lock(mem); /* the set of vCPUs stays */
    for (left = vm->pm.vcpus.mask; left; left &= left - 1)
        or_seq(&vm->pm.vcpus.vcpu[__builtin_ctzll(left)]->request, bits);
    mem_unlock(mem);
}

void vm_threads_changed(struct disco_vm *vm)
{
    uint32_t threads = vm->threads, i, count = 0;

    for (i = 0; i < vm->vcpu_count; i++)
        count += vm->vcpu[i] != NULL;
    if (!threads || threads > count)
        threads = count ? count : 1;
    vm->clock.is_serial = threads == 1 && !vm->clock.now_ns;
    if (load_relaxed(&vm->shares)) /* other VMs' vCPUs count as well */
        threads = threads > 1 ? threads : 2;
    for (i = 0; i < vm->vcpu_count; i++) {
        if (!vm->vcpu[i])
            continue;
        store_relaxed(&vm->vcpu[i]->host.threads, threads);
        store_relaxed(&vm->vcpu[i]->host.vcpus_max,
                      threads > vm->max_vcpus ? threads : vm->max_vcpus);
    }
}

disco_status disco_vm_set_share_group(disco_vm *vm, uint64_t group)
{
    if (!vm)
        return DISCO_E_INVAL;
    store_seq(&vm->share_group, group);
    return 0;
}

static disco_status check_config(struct disco_machine *m, disco_vm_config *c)
{
    struct context *ctx = &m->ctx;

    if (c->flags || c->memory_order > DISCO_ORDER_TSO)
        return context_fail(ctx, DISCO_E_INVAL, c->flags,
                            "VM: unknown flags 0x%x or memory order %u",
                            c->flags, c->memory_order);
    if (c->max_vcpus > VM_VCPUS_MAX)
        return context_fail(ctx, DISCO_E_INVAL, c->max_vcpus,
                            "VM: %u vCPUs, at most %d", c->max_vcpus,
                            VM_VCPUS_MAX);
    if (c->home_node >= m->topology.nodes)
        return context_fail(ctx, DISCO_E_INVAL, c->home_node,
                            "VM: home node %u, the machine has %u",
                            c->home_node, m->topology.nodes);
    if (machine_is_deterministic(m) && c->threads > 1)
        return context_fail(ctx, DISCO_E_INVAL, c->threads,
                            "VM: %u threads on a deterministic machine",
                            c->threads);
    if (machine_is_deterministic(m))
        c->threads = 1;
    if (!c->max_vcpus)
        c->max_vcpus = VM_VCPUS_MAX;
    return 0;
}

static char *make_name(struct disco_machine *m, const char *name)
{
    char text[32];
    uint32_t n;

    if (name)
        return alloc_string(&m->ctx.alloc, name);
    lock_take(&m->lock);
    n = m->vm_serial++;
    lock_give(&m->lock);
    snprintf(text, sizeof(text), "vm%u", n);
    return alloc_string(&m->ctx.alloc, text);
}

static disco_status make(struct disco_machine *m, const disco_vm_config *c,
                         struct disco_vm **out)
{
    struct disco_vm *vm = alloc_zeroed(&m->ctx.alloc, sizeof(*vm));

    if (!vm)
        return DISCO_E_NOMEM;
    vm->machine = m;
    vm->name = make_name(m, c->name);
    if (!vm->name)
        goto fail_vm;
    if (timers_init(&vm->timers))
        goto fail_name;
    if (physmap_init(&vm->pm, &m->mem, c->home_node))
        goto fail_timers;
    vm->memory_order = c->memory_order;
    vm->threads = c->threads;
    vm->max_vcpus = c->max_vcpus;
    vm->idle_next = CLOCK_NEVER;
    *out = vm;
    return 0;

fail_timers:
    timers_destroy(vm);
fail_name:
    alloc_string_free(&m->ctx.alloc, vm->name);
fail_vm:
    alloc_free(&m->ctx.alloc, vm, sizeof(*vm));
    return DISCO_E_NOMEM;
}

disco_status disco_vm_create(disco_machine *machine,
                             const disco_vm_config *config, disco_vm **out)
{
    disco_status status;
    disco_vm_config c;
    disco_vm *vm;

    if (!machine || !out)
        return DISCO_E_INVAL;
    status = config_copy(&c, sizeof(c), config);
    if (status)
        return context_fail(&machine->ctx, status, 0,
                            "VM: config size %u is not supported",
                            config->size);
    status = check_config(machine, &c);
    if (status)
        return status;
    status = make(machine, &c, &vm);
    if (status)
        return context_fail(&machine->ctx, status, 0, "VM: no host memory");
    clock_init(&vm->clock, machine->config.cpu_hz, machine->config.now_ns,
               machine->config.clock_opaque);
    vm_threads_changed(vm);
    lock_take(&machine->lock);
    vm->next = machine->vms;
    machine->vms = vm;
    machine->vm_count++;
    lock_give(&machine->lock);
    *out = vm;
    return 0;
}

static uint64_t pins_of(struct disco_vm *vm)
{
    uint64_t pins = 0;
    uint32_t i;

    for (i = 0; i < vm->pm.regions.count; i++)
        pins += map_pins(&vm->pm, vm->pm.regions.v[i]);
    return pins;
}

/* Devices first: their ends may still look at the VM's vCPUs. */
/*
 * From the top down: devices before the interrupt controller that their last
 * completions may still be using.
 */
static void release_devices(struct disco_vm *vm)
{
    struct disco_region *r;
    uint32_t i;

    store_release(&vm->irq_route, NULL);
    for (i = vm->pm.regions.count; i-- > 0;) {
        r = vm->pm.regions.v[i];
        if (r->ops.release)
            r->ops.release(r->opaque);
        r->ops.release = NULL;
    }
}

static void unlink_vm(struct disco_vm *vm)
{
    struct disco_machine *m = vm->machine;
    struct disco_vm **link;

    lock_take(&m->lock);
    for (link = &m->vms; *link != vm; link = &(*link)->next)
        ;
    *link = vm->next;
    m->vm_count--;
    lock_give(&m->lock);
}

disco_status disco_vm_destroy(disco_vm *vm)
{
    struct disco_machine *m;
    disco_status status;
    unsigned spins = 0;
    uint64_t pins;
    uint32_t i;

    if (!vm)
        return 0;
    m = vm->machine;
    status = vm_exclusive_begin(vm, "destroying it");
    if (status)
        return status;
    pins = pins_of(vm);
    if (pins) {
        vm_exclusive_end(vm);
        return vm_fail(vm, DISCO_E_BUSY, pins, "VM %s: %llu pins are held",
                       vm->name, (unsigned long long)pins);
    }
    release_devices(vm);
    for (i = 0; i < vm->vcpu_count; i++)
        if (vm->vcpu[i])
            vcpu_free(vm->vcpu[i]);
    while (vm->pm.regions.count)
        map_remove(vm->pm.regions.v[vm->pm.regions.count - 1]);
    unlink_vm(vm);
    while (load_seq(&vm->visitors))
        wait_step(&spins);
    timers_destroy(vm);
    hostcall_destroy(vm);
    physmap_destroy(&vm->pm);
    alloc_string_free(&m->ctx.alloc, vm->name);
    alloc_free(&m->ctx.alloc, vm, sizeof(*vm));
    return 0;
}

const char *disco_vm_name(const disco_vm *vm)
{
    return vm ? vm->name : NULL;
}

disco_machine *disco_vm_machine(disco_vm *vm)
{
    return vm ? vm->machine : NULL;
}

uint32_t disco_vm_vcpu_count(const disco_vm *vm)
{
    return vm ? load_acquire(&vm->vcpu_count) : 0;
}

disco_vcpu *disco_vm_vcpu(disco_vm *vm, uint32_t index)
{
    if (!vm || index >= load_acquire(&vm->vcpu_count))
        return NULL;
    return load_acquire(&vm->vcpu[index]);
}

disco_status disco_vm_reset(disco_vm *vm)
{
    struct disco_region *r;
    disco_status status;
    uint32_t i;

    if (!vm)
        return DISCO_E_INVAL;
    status = vm_exclusive_begin(vm, "reset");
    if (status)
        return status;
    for (i = 0; i < vm->pm.regions.count; i++) {
        r = vm->pm.regions.v[i];
        if (r->ops.reset)
            r->ops.reset(r->opaque);
    }
    store_seq(&vm->stop, 0);
    for (i = 0; i < vm->vcpu_count; i++)
        if (vm->vcpu[i])
            vcpu_reset(vm->vcpu[i]);
    store_relaxed(&vm->idle_next, CLOCK_NEVER);
    vm_exclusive_end(vm);
    return machine_checked(vm->machine, 0);
}

/* The first request wins.  Everybody who waits is told to come and see. */
static void request_stop(struct disco_vm *vm, uint32_t reason, uint32_t code)
{
    struct disco_vcpu *v;
    uint32_t none = 0, i;

    if (!vm)
        return;
    lock_take(&vm->timers.lock); /* code and reason belong together */
    if (!load_relaxed(&vm->stop)) {
        store_relaxed(&vm->stop_code, code);
        cas_seq(&vm->stop, &none, reason);
    } else {
        none = 1;
    }
    lock_give(&vm->timers.lock);
    if (none)
        return;
    vm_request_all(vm, DISCO_REQ_STOP);
    for (i = 0; i < load_acquire(&vm->vcpu_count); i++) {
        v = load_acquire(&vm->vcpu[i]);
        if (v && (load_seq(&v->is_idle) || load_seq(&v->is_parked)))
            wake_host(v);
    }
}

void disco_vm_request_shutdown(disco_vm *vm, uint32_t code)
{
    request_stop(vm, DISCO_EXIT_SHUTDOWN, code);
}

void disco_vm_request_reset(disco_vm *vm)
{
    request_stop(vm, DISCO_EXIT_RESET, 0);
}

disco_status disco_vm_set_console(disco_vm *vm, const disco_console_ops *ops,
                                  void *opaque)
{
    disco_console_ops copy;
    disco_status status;

    if (!vm)
        return DISCO_E_INVAL;
    status = config_copy(&copy, sizeof(copy), ops);
    if (status || copy.flags)
        return vm_fail(vm, status ? status : DISCO_E_INVAL, 0,
                       "VM %s: console ops of a wrong size or flags", vm->name);
    status = vm_exclusive_begin(vm, "setting the console");
    if (status)
        return status;
    vm->console = copy;
    vm->console_opaque = opaque;
    vm_exclusive_end(vm);
    return 0;
}
