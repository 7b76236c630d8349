/*
 * fake_vm.h - the part of the public API that device models use, made of a few
 * arrays: device tests and fuzz targets run on it without the monitor.
 *
 * One VM with RAM at 0, four vCPUs that only remember what they were told, and
 * a clock that the test sets.  Thread-safe where the real functions are.
 */
#ifndef TESTS_FAKE_VM_H
#define TESTS_FAKE_VM_H

#include <stdint.h>
#include <disco/board.h>
#include <disco/physmap.h>

#include "base/context.h"
#include "base/lock.h"

enum {
    FAKE_RAM_BYTES = 1 << 20,
    FAKE_CPUS = 4,
    FAKE_REGIONS = 16,
    FAKE_TIMERS = 16
};

struct disco_machine {
    struct context context; /* first, as in the real one */
    disco_allocator allocator;
    int32_t fail_in; /* allocations before one fails, -1 = never */
    int64_t live_bytes;
    int64_t live_pages; /* references to shared pages */
};

struct disco_vcpu {
    disco_vm *vm;
    uint32_t index;
    int32_t irq[5];
    uint32_t irq_calls;
    uint32_t idles;
    int running;
    uint64_t pc;
    uint64_t gpr[32];
    uint64_t cp0[32];
};

struct disco_timer {
    disco_vm *vm;
    disco_timer_fn fn;
    void *opaque;
    uint64_t deadline_ns;
};

struct disco_region {
    uint64_t gpa;
    uint64_t bytes;
    char key[64];
    disco_mmio_ops ops;
    void *opaque;
};

struct disco_vm {
    disco_machine *machine;
    const char *name;
    struct lock lock;
    uint8_t *ram;
    uint64_t levels;
    uint32_t irq_calls;
    disco_irq_route_fn route;
    void *route_opaque;
    uint64_t now_ns;
    uint32_t shutdown;
    uint32_t shutdown_code;
    uint32_t resets;
    uint32_t nregions;
    int refuse_map;
    uint64_t pinned_gpa; /* this page is refused by disco_page_*; 0: none */
    uint32_t pages_mapped;
    uint32_t pages_taken;
    struct disco_region region[FAKE_REGIONS];
    struct disco_timer *timer[FAKE_TIMERS];
    struct disco_vcpu cpu[FAKE_CPUS];
    /* Called after every copy out of RAM, to change it behind the device. */
    void (*after_read)(struct disco_vm *vm, uint64_t gpa, uint64_t bytes);
    /* Called by a fork when memory was copied, before devices are. */
    void (*after_copy)(struct disco_vm *vm);
};

disco_machine *fake_machine_new(void);
/* Returns the bytes that were not freed. */
int64_t fake_machine_free(disco_machine *machine);

disco_vm *fake_vm_new(disco_machine *machine, const char *name);
/* Releases the regions, newest first, then everything else. */
void fake_vm_free(disco_vm *vm);
/* As disco_vm_fork: what the monitor copies, then each region's callback. */
disco_status fake_vm_fork(disco_vm *vm, const char *name, disco_vm **out);
/* Every region's reset callback. */
void fake_vm_reset(disco_vm *vm);

/* Registers, as vCPU `cpu` does it; a status that is not 0 fails the program.
 */
uint64_t fake_read(disco_vm *vm, uint32_t cpu, uint64_t gpa, uint32_t bytes);
void fake_write(disco_vm *vm, uint32_t cpu, uint64_t gpa, uint32_t bytes,
                uint64_t value);
/* ... and with the status returned. */
disco_status fake_try_read(disco_vm *vm, uint32_t cpu, uint64_t gpa,
                           uint32_t bytes, uint64_t *value);
disco_status fake_try_write(disco_vm *vm, uint32_t cpu, uint64_t gpa,
                            uint32_t bytes, uint64_t value);

/* Set the clock and fire what is due, each timer at most `rounds` times. */
void fake_advance(disco_vm *vm, uint64_t now_ns, int rounds);

/* RAM as a guest stores and loads it. */
void fake_store16(disco_vm *vm, uint64_t gpa, uint16_t value);
void fake_store32(disco_vm *vm, uint64_t gpa, uint32_t value);
void fake_store64(disco_vm *vm, uint64_t gpa, uint64_t value);
uint16_t fake_load16(disco_vm *vm, uint64_t gpa);
uint32_t fake_load32(disco_vm *vm, uint64_t gpa);
uint8_t fake_load8(disco_vm *vm, uint64_t gpa);

#endif
