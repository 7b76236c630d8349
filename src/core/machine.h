/*
 * machine.h - the machine object.  Its context is the first member, so that
 * parts below core reach allocator, log and last error from the handle.
 */
#ifndef CORE_MACHINE_H
#define CORE_MACHINE_H

#include <disco/backend.h>
#include <disco/machine.h>

#include "base/context.h"
#include "mem/cache.h"
#include "mem/mem.h"
#include "numa/hostnuma.h"
#include "numa/model.h"
#include "numa/topology.h"

enum { CPU_FREE = 0 };

/* Who is on a machine CPU.  A line each: every run writes its own. */
struct cpu_slot {
    uint64_t thread; /* atomic: CPU_FREE or a thread id */
    uint8_t pad[56];
};

/* What all disks of the machine did. */
struct disk_figures {
    uint64_t read_blocks;
    uint64_t private_blocks;
    uint64_t mapped_bytes;
    uint64_t copied_unaligned_bytes;
    uint64_t copied_short_bytes;
    uint64_t copied_refused_bytes;
};

/* A CPU backend of the machine. */
struct backend {
    disco_backend_ops ops; /* copied, zero-extended */
    disco_backend_machine machine;
    void *shared; /* the backend's */
};

struct disco_machine {
    struct context ctx;
    disco_machine_config config; /* defaults filled in */
    struct topology topology;
    struct hostnuma *hostnuma; /* NULL: pages lie anywhere on the host */
    struct mem mem;
    struct cache cache; /* of blocks of images, and of loaded pages */
    struct disk_figures disk_figures; /* atomics */
    struct placement *placement;      /* owned; NULL: nothing is counted */
    struct cpu_slot *cpu;
    int32_t running;        /* atomic: vCPUs in run; -1: stopped for a walk */
    struct lock lock;       /* the lists of VMs and images, and backends */
    struct lock sched_lock; /* of all its schedulers: core/sched.h */
    uint32_t kicks;         /* atomic: counts disco_vcpu_kick */
    struct disco_vm *vms;
    uint32_t vm_count;
    uint64_t engine_bytes;     /* atomic: of backends, allocated or not */
    uint64_t mapped_bytes;     /* atomic: ... of that, not allocated */
    uint32_t vm_serial;        /* for default names */
    struct backend **backends; /* owned */
    uint32_t backend_count;
    struct disco_image *images; /* open ones */
    uint64_t image_serial;
    struct model *model;  /* NULL: none; changes while `running` is -1 */
    uint32_t model_epoch; /* counts models */
    uint64_t page_seen[DISCO_PAGE_ACTIONS]; /* by the model */
    uint64_t page_owed[DISCO_PAGE_ACTIONS]; /* seen, not yet charged */
};

_Static_assert(offsetof(struct disco_machine, ctx) == 0,
               "context_of() relies on it");

static inline int machine_is_deterministic(const struct disco_machine *m)
{
    return (m->config.flags & DISCO_MACHINE_DETERMINISTIC) != 0;
}

/* By name, NULL = the default.  Returned ops live as long as the machine. */
const struct backend *backend_find(struct disco_machine *m, const char *name);
/* Put the library's own backends in. */
disco_status backends_init(struct disco_machine *m);
void backends_destroy(struct disco_machine *m);

/* One vCPU at a time? */
static inline int machine_is_serial(const struct disco_machine *m)
{
    return machine_is_deterministic(m) || m->model;
}

/* Is the calling thread inside a run (so: in a callback) on this machine? */
int machine_is_inside(struct disco_machine *m);

/* With DISCO_MACHINE_VERIFY: walk after a call that worked. */
disco_status machine_checked(struct disco_machine *m, disco_status status);

#endif
