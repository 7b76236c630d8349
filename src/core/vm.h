/*
 * vm.h - the VM object.
 *
 * `runners` says who may do what: > 0 vCPUs are in run; -1 somebody has the VM
 * for himself ("quiesced" calls: vm_exclusive_begin); 0 nobody.
 */
#ifndef CORE_VM_H
#define CORE_VM_H

#include <disco/vm.h>

#include "core/clock.h"
#include "core/machine.h"
#include "core/timer.h"
#include "mem/physmap.h"

enum { VM_VCPUS_MAX = 64, VM_EXCLUSIVE = -1 };

struct host_functions {
    struct host_function *v;
    uint32_t count;
    uint32_t capacity;
};

struct disco_vm {
    struct physmap pm;
    struct disco_machine *machine;
    struct disco_vm *next; /* machine->vms */
    char *name;            /* owned */
    uint32_t memory_order;
    uint32_t threads; /* limit of runners; 0: none */
    uint32_t max_vcpus;
    int32_t runners;                       /* atomic */
    uint64_t exclusive_thread;             /* atomic */
    struct disco_vcpu *vcpu[VM_VCPUS_MAX]; /* atomic; holes are NULL */
    uint32_t vcpu_count;                   /* atomic; with holes */
    uint32_t stop;                /* atomic: 0, DISCO_EXIT_SHUTDOWN or _RESET */
    uint32_t stop_code;           /* written before stop */
    uint64_t irq_levels;          /* atomic */
    disco_irq_route_fn irq_route; /* atomic */
    void *irq_opaque;
    struct clock clock;
    struct timers timers;
    uint64_t idle_next; /* atomic: an idle vCPU's timer may be due then */
    disco_console_ops console;
    void *console_opaque;
    struct host_functions functions;
    uint64_t host_calls;  /* atomic */
    uint64_t share_group; /* atomic */
    uint32_t visitors;    /* atomic: moves of its pages under way */
    uint32_t shares;      /* atomic: it writes memory together with other VMs */
};

_Static_assert(offsetof(struct disco_vm, pm) == 0,
               "vm_of_physmap relies on it");

static inline struct disco_vm *vm_of_physmap(struct physmap *pm)
{
    return (struct disco_vm *)(void *)pm;
}

static inline struct alloc *vm_alloc(struct disco_vm *vm)
{
    return &vm->machine->ctx.alloc;
}

/* Set the last error.  Returns the status. */
#define vm_fail(vm, status, where, ...) \
    context_fail(&(vm)->machine->ctx, status, where, __VA_ARGS__)

/* BUSY or REENTRANT (with text: `what` could not be done), or 0. */
disco_status vm_exclusive_begin(struct disco_vm *vm, const char *what);
void vm_exclusive_end(struct disco_vm *vm);

/* Set bits in the request word of every vCPU. */
void vm_request_all(struct disco_vm *vm, uint32_t bits);

/* Who may run at once changed: tell clock and backends. */
void vm_threads_changed(struct disco_vm *vm);

#endif
