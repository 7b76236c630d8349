/*
 * model.c - the public face of the ccNUMA model (model.h): set, ask, figures.
 * The model is in numa, its use by vCPUs in modelled.c.
 */
#include <disco/model.h>

#include <string.h>

#include "base/config.h"
#include "core/vcpu.h"

/* No vCPU runs until end; BUSY with text. */
static disco_status stop_begin(struct disco_machine *m, const char *what)
{
    int32_t none = 0;

    if (cas_seq(&m->running, &none, -1))
        return 0;
    return context_fail(&m->ctx, DISCO_E_BUSY, 0, "model: %s while a vCPU runs",
                        what);
}

static void stop_end(struct disco_machine *m)
{
    store_seq(&m->running, 0);
}

static disco_status check(struct disco_machine *m, disco_model_config *c)
{
    const char *bad;

    if (topology_cpus(&m->topology) > DIRECTORY_CPUS_MAX)
        return context_fail(&m->ctx, DISCO_E_UNSUPPORTED,
                            topology_cpus(&m->topology),
                            "model: %u CPUs, at most %d are supported",
                            topology_cpus(&m->topology), DIRECTORY_CPUS_MAX);
    if (m->config.now_ns)
        return context_fail(&m->ctx, DISCO_E_UNSUPPORTED, 0,
                            "model: the machine's time is the host's");
    bad = model_check(c);
    return bad ? context_fail(&m->ctx, DISCO_E_INVAL, 0, "model: %s", bad) : 0;
}

static disco_status replace(struct disco_machine *m, struct model *model)
{
    struct model *old;
    disco_status status = stop_begin(m, "set");

    if (status) {
        model_destroy(model);
        return status;
    }
    old = m->model;
    m->model = model;
    m->model_epoch++;
    if (model)
        modelled_forget_pages(m);
    stop_end(m);
    model_destroy(old);
    return 0;
}

disco_status disco_machine_set_model(disco_machine *machine,
                                     const disco_model_config *config)
{
    struct model *model = NULL;
    disco_model_config c;
    disco_status status;

    if (!machine)
        return DISCO_E_INVAL;
    if (machine_is_inside(machine))
        return context_fail(&machine->ctx, DISCO_E_BUSY, 0,
                            "model: set inside a callback");
    if (config) {
        status = config_copy(&c, sizeof(c), config);
        if (status)
            return context_fail(&machine->ctx, status, config->size,
                                "model: config size %u is not supported",
                                config->size);
        status = check(machine, &c);
        if (status)
            return status;
        status = model_create(&machine->ctx.alloc, &machine->topology, &c,
                              machine->config.cpu_hz, &model);
        if (status)
            return context_fail(&machine->ctx, status, 0,
                                "model: no host memory");
    }
    status = replace(machine, model);
    return machine_checked(machine, status);
}

/* As stop_begin, and there is a model. */
static disco_status look_begin(struct disco_machine *m)
{
    disco_status status = stop_begin(m, "figures asked for");

    if (status || m->model)
        return status;
    stop_end(m);
    return context_fail(&m->ctx, DISCO_E_NOENT, 0, "the machine has no model");
}

disco_status disco_machine_get_model(disco_machine *machine,
                                     disco_model_config *out)
{
    disco_model_config c;
    disco_status status;

    if (!machine || !out)
        return DISCO_E_INVAL;
    status = look_begin(machine);
    if (status)
        return status;
    c = machine->model->config;
    stop_end(machine);
    return config_give(out, &c, sizeof(c));
}

disco_status disco_model_cpu_get(disco_machine *machine, uint32_t cpu,
                                 disco_model_cpu_stats *out)
{
    const struct model_cpu *from;
    disco_model_cpu_stats s;
    disco_status status;

    if (!machine || !out)
        return DISCO_E_INVAL;
    if (cpu >= topology_cpus(&machine->topology))
        return context_fail(&machine->ctx, DISCO_E_INVAL, cpu,
                            "model: no CPU %u", cpu);
    status = look_begin(machine);
    if (status)
        return status;
    memset(&s, 0, sizeof(s));
    from = &machine->model->cpu[cpu];
    s.node = topology_cpu_node(&machine->topology, cpu);
    s.cycles = from->now;
    s.accesses = from->cache.clock;
    s.miss_local = from->miss_local;
    s.miss_remote = from->miss_remote;
    s.miss_dirty = from->miss_dirty;
    s.upgrades = from->upgrades;
    s.writebacks = from->writebacks;
    s.invalidated = from->invalidated;
    memcpy(s.ledger, from->ledger, sizeof(s.ledger));
    stop_end(machine);
    return config_give(out, &s, sizeof(s));
}

disco_status disco_model_node_get(disco_machine *machine, uint32_t node,
                                  disco_model_node_stats *out)
{
    const struct model_node *from;
    disco_model_node_stats s;
    disco_status status;

    if (!machine || !out)
        return DISCO_E_INVAL;
    if (node >= machine->topology.nodes)
        return context_fail(&machine->ctx, DISCO_E_INVAL, node,
                            "model: no node %u", node);
    status = look_begin(machine);
    if (status)
        return status;
    memset(&s, 0, sizeof(s));
    from = &machine->model->node[node];
    s.served = from->queue.served;
    s.from_remote = from->from_remote;
    s.busy_ns = model_cycles_to_ns(machine->model, from->queue.busy);
    s.queue_ns = model_cycles_to_ns(machine->model, from->queue.waited);
    stop_end(machine);
    return config_give(out, &s, sizeof(s));
}

const char *disco_ledger_name(uint32_t entry)
{
    static const char *const names[DISCO_LEDGER_ENTRIES] = {
#define LEDGER_NAME(name, value, text) [value] = text,
        DISCO_LEDGER_LIST(LEDGER_NAME)
#undef LEDGER_NAME
#define TRAP_NAME(name, value, text) [DISCO_LEDGER_TRAP + value] = "trap_" text,
            DISCO_TRAP_LIST(TRAP_NAME)
#undef TRAP_NAME
#define PAGE_NAME(name, value, text) [DISCO_LEDGER_PAGE + value] = "page_" text,
                DISCO_PAGE_ACTION_LIST(PAGE_NAME)
#undef PAGE_NAME
    };

    return entry < DISCO_LEDGER_ENTRIES ? names[entry] : NULL;
}
