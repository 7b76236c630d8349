/*
 * vm.h - virtual machines: creation, interrupt routing, time, console, host
 * functions, ends.
 */
#ifndef DISCO_VM_H
#define DISCO_VM_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Memory order between vCPUs of one VM on several host threads. */
enum {
    DISCO_ORDER_SC = 0, /* as the R10000: sequentially consistent */
    DISCO_ORDER_TSO = 1 /* stores may pass later loads; guests with fences */
};

typedef struct disco_vm_config {
    uint32_t size;
    uint32_t flags;        /* 0 */
    const char *name;      /* copied; NULL = "vmN" */
    uint32_t memory_order; /* DISCO_ORDER_* */
    /*
     * Host threads that may run vCPUs of this VM at the same time.  0 = as
     * many as it has vCPUs (1 on a deterministic machine).  With 1 the guest
     * needs no memory fences and a second concurrent run is BUSY.
     */
    uint32_t threads;
    uint32_t home_node; /* for memory that no vCPU touched first */
    uint32_t max_vcpus; /* 1..64, 0 = 64 */
} disco_vm_config;

/*
 * Create an empty VM: no memory, no vCPU, no device.  `config` may be NULL.
 * Errors: INVAL, VERSION, NOMEM.  Thread: any.
 */
DISCO_API disco_status disco_vm_create(disco_machine *machine,
                                       const disco_vm_config *config,
                                       disco_vm **out);

/*
 * Destroy a VM with its vCPUs, regions, timers.  Every region's `release` is
 * called once.  Thread: quiesced; BUSY also while pins are held.
 */
DISCO_API disco_status disco_vm_destroy(disco_vm *vm);

/*
 * A second VM that goes on from where this one stands.  All memory is shared
 * copy-on-write; vCPUs, device lines, host functions and the clock are copied;
 * devices through their fork callback.  Console (disco_vm_set_console), watch
 * points and requested kicks are not.  `config` may be NULL; name and home_node
 * are taken from it, the rest is as the parent's.  The parent may end first.
 *
 * Errors: BUSY (a vCPU runs, a page is pinned, a device has requests open),
 * UNSUPPORTED (a device without a fork callback, host memory, a backend without
 * save), STATE (an exit is to be completed), NOMEM; the text names what it was,
 * and no child is left behind.  Thread: quiesced.  The device callbacks run on
 * the calling thread.
 */
DISCO_API disco_status disco_vm_fork(disco_vm *vm,
                                     const disco_vm_config *config,
                                     disco_vm **out);

DISCO_API const char *disco_vm_name(const disco_vm *vm);
DISCO_API disco_machine *disco_vm_machine(disco_vm *vm);

/* Number of vCPUs, and the i-th in creation order (NULL when out of range). */
DISCO_API uint32_t disco_vm_vcpu_count(const disco_vm *vm);
DISCO_API disco_vcpu *disco_vm_vcpu(disco_vm *vm, uint32_t index);

/*
 * Reset the VM as by its reset button: every region's `reset` callback, every
 * vCPU back to reset state and parked.  RAM keeps its content.
 * Thread: quiesced.
 */
DISCO_API disco_status disco_vm_reset(disco_vm *vm);

/*
 * End the run from inside a device callback or from any thread: every vCPU
 * leaves with DISCO_EXIT_SHUTDOWN (with `code`) or DISCO_EXIT_RESET, the one
 * that caused it right after its current instruction, and further runs return
 * the same until disco_vm_reset.  Thread: any.
 */
DISCO_API void disco_vm_request_shutdown(disco_vm *vm, uint32_t code);
DISCO_API void disco_vm_request_reset(disco_vm *vm);

/* --- Interrupt lines --- */

enum { DISCO_VM_IRQ_LINES = 64 };

/*
 * The VM's interrupt controller: told of every change of a device line.
 * Called on the thread that changed it, possibly several at a time; may call
 * disco_vcpu_set_irq.
 */
typedef void (*disco_irq_route_fn)(void *opaque, uint32_t line, int32_t level);

/* Plug the controller in; NULL takes it out.  Thread: quiesced. */
DISCO_API disco_status disco_vm_set_irq_route(disco_vm *vm,
                                              disco_irq_route_fn route,
                                              void *opaque);

/*
 * Set a level-triggered device line 0..DISCO_VM_IRQ_LINES-1.  Without a
 * controller only the level is kept.  Errors: INVAL.  Thread: any.
 */
DISCO_API disco_status disco_vm_set_irq(disco_vm *vm, uint32_t line,
                                        int32_t level);
/* Present levels of all lines, line n in bit n.  Thread: any. */
DISCO_API uint64_t disco_vm_irq_levels(const disco_vm *vm);

/* --- Time --- */

/*
 * The VM's clock in nanoseconds since its creation.  In virtual time it is the
 * largest time that any of its vCPUs has reached.  Thread: any.
 */
DISCO_API uint64_t disco_vm_time_ns(const disco_vm *vm);

/*
 * Let virtual time pass while nothing runs: the clock becomes at least `ns`,
 * due timers fire on the calling thread, vCPUs whose timer interrupt is due
 * become runnable.  Errors: STATE with a host clock, BUSY.  Thread: quiesced.
 */
DISCO_API disco_status disco_vm_advance(disco_vm *vm, uint64_t ns);

/* Earliest of armed timers and idle vCPUs' timer interrupts; ~0 = none. */
DISCO_API uint64_t disco_vm_next_event_ns(const disco_vm *vm);

/*
 * Timers for devices.  `fn` is called when the VM's clock reaches the
 * deadline, on the thread that runs a vCPU of the VM (between two of its
 * instructions) or inside disco_vm_advance.  One shot; re-arm in the callback.
 */
typedef void (*disco_timer_fn)(void *opaque, uint64_t now_ns);
DISCO_API disco_status disco_timer_create(disco_vm *vm, disco_timer_fn fn,
                                          void *opaque, disco_timer **out);
/* Arm for an absolute VM time; UINT64_MAX disarms.  Thread: any. */
DISCO_API void disco_timer_set(disco_timer *timer, uint64_t deadline_ns);
/* Not inside its own callback.  Thread: quiesced.  NULL is fine. */
DISCO_API void disco_timer_destroy(disco_timer *timer);

/* --- Monitor calls --- */

/* Console of the monitor call: bytes out, one byte in (-1 = none now). */
typedef struct disco_console_ops {
    uint32_t size;
    uint32_t flags; /* 0 */
    void (*write)(void *opaque, const uint8_t *data, uint32_t bytes);
    int32_t (*read)(void *opaque);
} disco_console_ops;
DISCO_API disco_status disco_vm_set_console(disco_vm *vm,
                                            const disco_console_ops *ops,
                                            void *opaque);

/*
 * VMs of the same group may share memory with each other that they both write
 * (guest.h, DISCO_HC_SHARE).  0, the start, is no group: the call is refused.
 * Thread: any; regions that are shared stay so.
 */
DISCO_API disco_status disco_vm_set_share_group(disco_vm *vm, uint64_t group);

/*
 * Let the guest call a C function by number (guest.h, DISCO_HC_HOST_FUNCTION).
 *
 * signature  "RET name(ARG, ...)" with RET void or ARG, ARG one of u8 i8 u16
 *            i16 u32 i32 u64 i64 f32 f64, ptr (guest address of at least one
 *            byte of RAM, handed over as a host pointer to a copy-in/copy-out
 *            buffer of 4096 bytes at most), buf (two guest arguments, address
 *            and length: the function gets a host pointer and a u64 length).
 *            At most five guest arguments (a1..a5).
 * fn         the function; fn_opaque goes in front of its arguments when
 *            DISCO_HOST_FN_OPAQUE is set.
 * number     out: what the guest passes.
 *
 * Integer-only signatures need no libffi; others are UNSUPPORTED without it.
 * Errors: INVAL (the text names the offset), UNSUPPORTED, NOMEM.
 * Thread: quiesced.
 */
enum { DISCO_HOST_FN_OPAQUE = 1 };
DISCO_API disco_status
disco_vm_add_host_function(disco_vm *vm, const char *signature, uint32_t flags,
                           void (*fn)(void), void *fn_opaque, uint32_t *number);

/* --- Figures --- */

typedef struct disco_vm_stats {
    uint32_t size;
    uint32_t vcpus;
    uint64_t ram_bytes;
    uint64_t frames;      /* machine frames mapped now */
    uint64_t demand_zero; /* frames given on first touch */
    uint64_t released;    /* pages given back by the guest */
    uint64_t migrated;
    uint64_t pins; /* held now */
    uint64_t dma_read_bytes;
    uint64_t dma_write_bytes;
    uint64_t host_calls;
    uint64_t cow_breaks;   /* shared pages written: copied ... */
    uint64_t cow_upgrades; /* ... or taken over as the last reference */
    uint64_t mapped_in;    /* pages that were mapped instead of copied */
    /* Monitor calls of the guest that did something; released: above. */
    uint64_t zeroed;   /* pages cleared */
    uint64_t remapped; /* pages mapped for copied ones; not those copied */
    uint64_t joined;   /* regions shared with other VMs */
} disco_vm_stats;
DISCO_API disco_status disco_vm_stats_get(disco_vm *vm, disco_vm_stats *out);

#ifdef __cplusplus
}
#endif
#endif
