/*
 * timer.h - deadlines of devices on a VM's clock.  The list is sorted; its
 * first deadline is an atomic of its own, so that runs look without the lock.
 */
#ifndef CORE_TIMER_H
#define CORE_TIMER_H

#include <disco/vm.h>

#include "base/lock.h"

struct disco_timer {
    struct disco_vm *vm;
    disco_timer_fn fn;
    void *opaque;
    uint64_t deadline; /* cycles; CLOCK_NEVER: not armed */
    uint64_t serial;   /* when it was armed */
    int is_firing;
    struct disco_timer *next; /* armed, by deadline */
    struct disco_timer *next_owned;
};

struct timers {
    struct lock lock;
    struct disco_timer *armed;
    struct disco_timer *owned;
    uint64_t serial; /* counts arms */
    uint64_t next;   /* atomic: deadline of the first one that can fire */
};

int timers_init(struct timers *timers);
/* Frees those that still exist. */
void timers_destroy(struct disco_vm *vm);

/*
 * Fire what is due at `now` cycles, in order, but nothing that is armed while
 * this runs: a timer that re-arms for the past must not keep us here.  The
 * caller's vCPU is parked.
 */
void timers_fire(struct disco_vm *vm, uint64_t now);

#endif
