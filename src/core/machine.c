/*
 * machine.c - creation and end of a machine, its last error, its figures.
 */
#include "core/machine.h"

#include <string.h>

#include "base/bits.h"
#include "base/config.h"
#include "core/placement.h"
#include "mem/verify.h"

enum { CPU_HZ_DEFAULT = 200000000, CPU_HZ_MIN = 2000000 };
enum {
    CODE_CACHE_DEFAULT = 32 << 20,
    CODE_CACHE_MIN = 1 << 20,
    CODE_CACHE_MAX = 512 << 20,
    TRANSLATE_AT_DEFAULT = 5,
    TRANSLATE_AT_MAX = 200
};
#define CPU_HZ_MAX         4000000000u
#define NODE_BYTES_DEFAULT (UINT64_C(1) << 30)

static disco_status check_config(disco_machine_config *c, disco_error *err)
{
    const uint32_t known = DISCO_MACHINE_DETERMINISTIC | DISCO_MACHINE_VERIFY |
                           DISCO_MACHINE_HOST_NODES;

    if (c->flags & ~known)
        return error_fill(err, DISCO_E_INVAL, c->flags,
                          "machine: unknown flags 0x%x", c->flags);
    if (c->nodes > TOPOLOGY_NODES_MAX)
        return error_fill(err, DISCO_E_INVAL, c->nodes,
                          "machine: %u nodes, at most %d", c->nodes,
                          TOPOLOGY_NODES_MAX);
    if (c->cpus_per_node > TOPOLOGY_NODE_CPUS_MAX)
        return error_fill(err, DISCO_E_INVAL, c->cpus_per_node,
                          "machine: %u CPUs per node, at most %d",
                          c->cpus_per_node, TOPOLOGY_NODE_CPUS_MAX);
#ifdef DISCO_HOSTILE
    c->flags |= DISCO_MACHINE_VERIFY;
#endif
    if (!c->node_bytes)
        c->node_bytes = NODE_BYTES_DEFAULT;
    if (!is_aligned(c->node_bytes, PAGE_BYTES) || c->node_bytes > GPA_END)
        return error_fill(err, DISCO_E_INVAL, c->node_bytes,
                          "machine: node_bytes 0x%llx is not a multiple of "
                          "4096 up to 2^40",
                          (unsigned long long)c->node_bytes);
    if (!c->cpu_hz)
        c->cpu_hz = CPU_HZ_DEFAULT;
    if (c->cpu_hz < CPU_HZ_MIN || c->cpu_hz > CPU_HZ_MAX)
        return error_fill(err, DISCO_E_INVAL, c->cpu_hz,
                          "machine: cpu_hz %u is not in 2e6..4e9", c->cpu_hz);
    if (!c->translate_at_run)
        c->translate_at_run = TRANSLATE_AT_DEFAULT;
    if (c->translate_at_run > TRANSLATE_AT_MAX)
        return error_fill(err, DISCO_E_INVAL, c->translate_at_run,
                          "machine: translate_at_run %u is over 200",
                          c->translate_at_run);
    if (!c->code_cache_bytes)
        c->code_cache_bytes = CODE_CACHE_DEFAULT;
    if (c->code_cache_bytes != DISCO_CACHE_NONE &&
        (c->code_cache_bytes < CODE_CACHE_MIN ||
         c->code_cache_bytes > CODE_CACHE_MAX))
        return error_fill(err, DISCO_E_INVAL, c->code_cache_bytes,
                          "machine: code_cache_bytes 0x%llx is not in 1 MiB.."
                          "512 MiB",
                          (unsigned long long)c->code_cache_bytes);
    if (c->now_ns && (c->flags & DISCO_MACHINE_DETERMINISTIC))
        return error_fill(err, DISCO_E_INVAL, 0,
                          "machine: a deterministic machine has no host clock");
    if ((c->flags & DISCO_MACHINE_HOST_NODES) && !hostnuma_is_there())
        return error_fill(err, DISCO_E_UNSUPPORTED, 0,
                          "machine: HOST_NODES: the library was built without "
                          "hwloc");
    return 0;
}

/* Nodes and CPUs as the caller describes them, or by the two counts. */
static disco_status find_topology(const disco_machine_config *c,
                                  struct topology *t, disco_error *err)
{
    disco_topology from;
    disco_status status;

    if (!c->topology) {
        topology_uniform(&from, c->nodes, c->cpus_per_node);
        return topology_init(t, &from, c->node_bytes, err);
    }
    if (c->nodes || c->cpus_per_node)
        return error_fill(err, DISCO_E_INVAL, 0,
                          "machine: both a topology and counts are given");
    status = config_copy(&from, sizeof(from), c->topology);
    if (status)
        return error_fill(err, status, 0,
                          "machine: topology size %u is not supported",
                          c->topology->size);
    return topology_init(t, &from, c->node_bytes, err);
}

/* The machine's own memory is the first thing that its allocator gives. */
static disco_status make(const disco_machine_config *c,
                         struct disco_machine **out, disco_error *err)
{
    disco_status status;
    struct disco_machine *m;
    struct alloc alloc;

    status = alloc_init(&alloc, c->allocator);
    if (status)
        return error_fill(err, status, 0, "machine: allocator: %s",
                          disco_status_text(status));
    m = alloc_zeroed(&alloc, sizeof(*m));
    if (!m)
        return error_fill(err, DISCO_E_NOMEM, sizeof(*m),
                          "machine: no host memory for the machine object");
    m->ctx.alloc = alloc;
    m->config = *c;
    m->config.allocator = NULL;
    m->config.topology = NULL;
    status = find_topology(c, &m->topology, err);
    if (status) {
        alloc_free(&alloc, m, sizeof(*m));
        return status;
    }
    m->ctx.log.fn = c->log;
    m->ctx.log.opaque = c->log_opaque;
    *out = m;
    return 0;
}

/* The object lies in memory that its own allocator counts. */
static void unmake(struct disco_machine *m)
{
    struct alloc alloc = m->ctx.alloc;

    alloc_free(&alloc, m, sizeof(*m));
}

/* Memory comes from the host's nodes from now on. */
static disco_status bind_host(struct disco_machine *m)
{
    disco_status status;

    if (!(m->config.flags & DISCO_MACHINE_HOST_NODES))
        return 0;
    status = hostnuma_create(&m->hostnuma);
    if (!status && m->hostnuma)
        alloc_set_place(&m->ctx.alloc, hostnuma_place, m->hostnuma);
    return status;
}

/* In blocks; the whole machine at most. */
static uint64_t cache_limit(const struct disco_machine *m)
{
    uint64_t bytes = m->config.cache_bytes, all = 0;
    uint32_t i;

    for (i = 0; i < m->topology.nodes; i++)
        all += m->mem.frames.pool[i].total;
    return bytes ? min_u64(bytes / PAGE_BYTES, all) : all / 8;
}

/* The cache gives frames back when the nodes have none left. */
static disco_status make_cache(struct disco_machine *m)
{
    disco_status status = cache_init(&m->cache, &m->mem, cache_limit(m));

    m->mem.reclaim.give_back = cache_give_back;
    m->mem.reclaim.opaque = &m->cache;
    return status;
}

static disco_status fill(struct disco_machine *m)
{
    const disco_machine_config *c = &m->config;
    disco_status status;

    status = errors_init(&m->ctx.errors);
    if (status)
        return status;
    status = DISCO_E_NOMEM;
    if (lock_init(&m->lock))
        goto fail_errors;
    if (lock_init(&m->sched_lock))
        goto fail_lock;
    m->cpu = alloc_array(&m->ctx.alloc, topology_cpus(&m->topology),
                         sizeof(*m->cpu));
    if (!m->cpu)
        goto fail_sched_lock;
    status = mem_init(&m->mem, &m->ctx, m->topology.nodes, c->node_bytes);
    if (status)
        goto fail_cpu;
    frames_shape(&m->mem.frames, m->topology.node_bytes, m->topology.near[0],
                 TOPOLOGY_NODES_MAX);
    status = bind_host(m);
    if (status)
        goto fail_mem;
    status = make_cache(m);
    if (status)
        goto fail_host;
    status = backends_init(m);
    if (status)
        goto fail_backends;
    return 0;

fail_backends:
    backends_destroy(m);
    cache_destroy(&m->cache);
fail_host:
    hostnuma_destroy(m->hostnuma);
fail_mem:
    mem_destroy(&m->mem);
fail_cpu:
    alloc_free(&m->ctx.alloc, m->cpu,
               topology_cpus(&m->topology) * sizeof(*m->cpu));
fail_sched_lock:
    lock_destroy(&m->sched_lock);
fail_lock:
    lock_destroy(&m->lock);
fail_errors:
    errors_destroy(&m->ctx.errors);
    return status;
}

disco_status disco_machine_create(const disco_machine_config *config,
                                  disco_machine **out, disco_error *err)
{
    struct disco_machine *m = NULL;
    disco_machine_config c;
    disco_status status;

    if (!out)
        return error_fill(err, DISCO_E_INVAL, 0, "machine: out is NULL");
    status = config_copy(&c, sizeof(c), config);
    if (status)
        return error_fill(err, status, 0,
                          "machine: config size %u is not supported",
                          config->size);
    status = check_config(&c, err);
    if (status)
        return status;
    status = make(&c, &m, err);
    if (status)
        return status;
    status = fill(m);
    if (status) {
        unmake(m);
        return error_fill(err, status, 0, "machine: no host memory");
    }
    *out = m;
    return 0;
}

disco_status disco_machine_destroy(disco_machine *machine)
{
    uint32_t vms;

    if (!machine)
        return 0;
    lock_take(&machine->lock);
    vms = machine->vm_count;
    lock_give(&machine->lock);
    if (vms || load_relaxed(&machine->ctx.users))
        return context_fail(&machine->ctx, DISCO_E_BUSY, vms,
                            "machine: %u VMs and %u other objects exist", vms,
                            load_relaxed(&machine->ctx.users));
    placement_destroy(machine);
    model_destroy(machine->model);
    backends_destroy(machine);
    cache_destroy(&machine->cache);
    mem_destroy(&machine->mem);
    hostnuma_destroy(machine->hostnuma);
    alloc_free(&machine->ctx.alloc, machine->cpu,
               topology_cpus(&machine->topology) * sizeof(*machine->cpu));
    lock_destroy(&machine->sched_lock);
    lock_destroy(&machine->lock);
    errors_destroy(&machine->ctx.errors);
    unmake(machine);
    return 0;
}

uint64_t disco_machine_seed(const disco_machine *machine)
{
    return machine ? machine->config.seed : 0;
}

uint32_t disco_machine_cpu_hz(const disco_machine *machine)
{
    return machine ? machine->config.cpu_hz : 0;
}

void disco_machine_last_error(const disco_machine *machine, disco_error *out)
{
    /* Only the lock inside changes. */
    struct disco_machine *m = (struct disco_machine *)(uintptr_t)machine;

    if (m && out)
        errors_get(&m->ctx.errors, out);
}

int machine_is_inside(struct disco_machine *m)
{
    uint32_t i, cpus = topology_cpus(&m->topology);
    uint64_t self = thread_id();

    for (i = 0; i < cpus; i++)
        if (load_relaxed(&m->cpu[i].thread) == self)
            return 1;
    return 0;
}

disco_status disco_machine_stats_get(disco_machine *machine,
                                     disco_machine_stats *out)
{
    disco_machine_stats s;
    struct pool *pool;
    uint32_t i;

    if (!machine || !out)
        return DISCO_E_INVAL;
    memset(&s, 0, sizeof(s));
    lock_take(&machine->lock);
    s.vms = machine->vm_count;
    lock_give(&machine->lock);
    s.nodes = machine->topology.nodes;
    s.cpus = topology_cpus(&machine->topology);
    mem_lock(&machine->mem);
    for (i = 0; i < s.nodes; i++) {
        pool = &machine->mem.frames.pool[i];
        s.frames_total += pool->total;
        s.frames_used += pool->used;
    }
    mem_unlock(&machine->mem);
    s.shootdowns = load_relaxed(&machine->mem.shoot.shootdowns);
    s.shootdown_waits = load_relaxed(&machine->mem.shoot.waits);
    s.shootdown_ns = load_relaxed(&machine->mem.shoot.wait_ns);
    s.host_bytes = alloc_held_bytes(&machine->ctx.alloc);
    return config_give(out, &s, sizeof(s));
}

/* What the backend of each vCPU holds. */
static disco_status verify_vcpus(struct disco_vm *vm)
{
    disco_error err = { 0 };
    disco_status status = 0;
    struct disco_vcpu *v;
    uint32_t i;

    err.size = sizeof(err);
    for (i = 0; i < vm->vcpu_count && !status; i++) {
        v = vm->vcpu[i];
        if (!v || !v->ops->verify)
            continue;
        if (load_relaxed(&v->shoot.request) & DISCO_REQ_INVALIDATE)
            shoot_serve(&v->shoot);
        status = v->ops->verify(v->state, &err);
        if (status)
            vm_fail(vm, DISCO_E_INTERNAL, err.where, "VM %s, vCPU %u: %s",
                    vm->name, i, err.text);
    }
    return status ? DISCO_E_INTERNAL : 0;
}

static disco_status verify_all(struct disco_machine *m)
{
    disco_status status = verify_frames(&m->mem);
    struct disco_vm *vm;

    const char *bad;

    if (!status)
        status = cache_verify(&m->cache);
    bad = !status && m->model ? model_verify(m->model) : NULL;
    if (bad)
        return context_fail(&m->ctx, DISCO_E_INTERNAL, 0, "model: %s", bad);
    lock_take(&m->lock);
    for (vm = m->vms; vm && !status; vm = vm->next) {
        status = verify_physmap(&vm->pm);
        if (!status)
            status = verify_vcpus(vm);
    }
    lock_give(&m->lock);
    return status;
}

disco_status disco_machine_verify(disco_machine *machine)
{
    int32_t none = 0;
    disco_status status;

    if (!machine)
        return DISCO_E_INVAL;
    if (!cas_seq(&machine->running, &none, -1))
        return context_fail(&machine->ctx, DISCO_E_BUSY, 0,
                            "machine verify: a vCPU is running");
    status = verify_all(machine);
    store_seq(&machine->running, 0);
    return status;
}

disco_status machine_checked(struct disco_machine *m, disco_status status)
{
    disco_status walk;

    if (likely(!(m->config.flags & DISCO_MACHINE_VERIFY)) || status)
        return status;
    if (load_relaxed(&m->running))
        return 0;
    walk = disco_machine_verify(m);
    return walk == DISCO_E_INTERNAL ? walk : 0;
}
