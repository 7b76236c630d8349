/*
 * dev.h - what the device models of this folder share: memory, region names,
 * 64-bit registers, and interrupt outputs that are told in order without a lock
 * held.
 *
 * Not a device framework: a device is a struct, a lock and a disco_mmio_ops.
 */
#ifndef DEVICES_DEV_H
#define DEVICES_DEV_H

#include <stdint.h>
#include <disco/board.h>
#include <disco/vm.h>

#include "base/context.h"
#include "base/lock.h"

/* Zeroed memory, NULL when there is none; `bytes` is given back to dev_free. */
static inline void *dev_alloc(disco_machine *machine, uint64_t bytes)
{
    return alloc_zeroed(&context_of(machine)->alloc, bytes);
}

static inline void dev_free(disco_machine *machine, void *ptr, uint64_t bytes)
{
    alloc_free(&context_of(machine)->alloc, ptr, bytes);
}

/* Refuse to make a device, with a text.  Returns `status`. */
disco_status dev_fail(disco_vm *vm, disco_status status, const char *name,
                      uint64_t gpa, const char *why);

/* The arguments that every device has: INVAL when one is bad. */
disco_status dev_check(disco_vm *vm, uint64_t gpa, const char *name,
                       uint32_t irq);

/* Map `bytes` of registers at `gpa` under the key "name@gpa". */
disco_status dev_map(disco_vm *vm, uint64_t gpa, uint64_t bytes,
                     const char *name, const disco_mmio_ops *ops, void *opaque);

/* What dev_map mapped there under that name; NULL: nothing, or no VM. */
void *dev_find(disco_vm *vm, const char *name, uint64_t gpa);

/* The back end of a character device in the child of a fork. */
disco_status dev_char_fork(const disco_char_backend *be, disco_vm *child,
                           disco_char_backend *out);

/*
 * An interrupt output.  `want` is the level the device's registers ask for, and
 * `told` what the other side heard.  Telling runs host code (the wake callback)
 * and so happens without the device's lock; `busy` keeps two threads from
 * telling in the wrong order: the second one waits.
 */
struct dev_irq {
    disco_vm *vm;
    uint32_t line;
    int32_t want;
    int32_t told;
    uint32_t busy;
};

/* With the device's lock held, after `want` changed; gives the lock back. */
void dev_irq_settle_give(struct dev_irq *irq, struct lock *lock);

/* Of a device's copy in the child of a fork: it told what the line shows. */
void dev_irq_forked(struct dev_irq *irq, disco_vm *child);

/*
 * A copy of a device of `bytes` whose lock, at lock_at in it, is held by
 * nobody. The original's lock is taken meanwhile.  NULL: no memory.
 */
void *dev_copy(disco_machine *machine, void *device, uint64_t bytes,
               uint64_t lock_at);
/* The reverse: the copy's lock and memory go. */
void dev_copy_free(disco_machine *machine, void *copy, uint64_t bytes,
                   uint64_t lock_at);

/*
 * A 64-bit register in CPU byte order.  32-bit guests reach the low half, which
 * is the second word on a big-endian vCPU and the first on a little-endian one;
 * since the device cannot tell, either word means the low half, and what is
 * written there is sign-extended.  FAULT for other widths.
 */
disco_status dev_reg64_check(const disco_mmio_access *access);
uint64_t dev_reg64_written(const disco_mmio_access *access, uint64_t value);

#endif
