/*
 * code.c - translated code of a machine: asks the backends.  They are never
 * taken away, so that each can be asked without a lock.
 */
#include <disco/code.h>

#include <string.h>

#include "base/config.h"
#include "core/machine.h"

/* NULL: there are no more. */
static const struct backend *backend_at(struct disco_machine *m, uint32_t i)
{
    const struct backend *backend;

    lock_take(&m->lock);
    backend = i < m->backend_count ? m->backends[i] : NULL;
    lock_give(&m->lock);
    return backend;
}

disco_status disco_machine_code_stats(disco_machine *machine,
                                      disco_code_stats *out)
{
    const struct backend *b;
    disco_code_stats sum;

    if (!machine || !out)
        return DISCO_E_INVAL;
    memset(&sum, 0, sizeof(sum));
    for (uint32_t i = 0; (b = backend_at(machine, i)); i++)
        if (b->ops.code_stats)
            b->ops.code_stats(b->shared, &sum);
    return config_give(out, &sum, sizeof(sum));
}

static disco_status watch_all(struct disco_machine *m, uint32_t flags,
                              disco_code_fn fn, void *opaque)
{
    const struct backend *b;
    disco_status status = 0;

    for (uint32_t i = 0; (b = backend_at(m, i)) && !status; i++)
        if (b->ops.watch_code)
            status = b->ops.watch_code(b->shared, flags, fn, opaque);
    return status;
}

disco_status disco_machine_watch_code(disco_machine *machine, uint32_t flags,
                                      disco_code_fn fn, void *opaque)
{
    disco_status status;
    int32_t none = 0;

    if (!machine)
        return DISCO_E_INVAL;
    if (flags & ~(uint32_t)DISCO_CODE_WITH_TEXT)
        return context_fail(&machine->ctx, DISCO_E_INVAL, flags,
                            "watch code: unknown flags 0x%x", flags);
    if (!cas_seq(&machine->running, &none, -1))
        return context_fail(&machine->ctx, DISCO_E_BUSY, 0,
                            "watch code: a vCPU is running");
    status = watch_all(machine, flags, fn, opaque);
    if (status) {
        watch_all(machine, 0, NULL, NULL);
        context_fail(&machine->ctx, status, 0, "watch code: %s",
                     disco_status_text(status));
    }
    store_seq(&machine->running, 0);
    return status;
}
