/*
 * backends.c - the CPU backends of a machine: the library's own, and those that
 * the embedder adds.  Copies are kept, so that older structs are zero-extended.
 */
#include <string.h>

#include "base/config.h"
#include "core/machine.h"
#include "mips/mips.h"

static const disco_backend_ops *const built_in[] = { &mips_backend_ops };

static int is_complete(const disco_backend_ops *o)
{
    return o->name && !(o->flags & ~(uint32_t)DISCO_BACKEND_LINES) &&
           o->create && o->destroy && o->reset && o->set_pc && o->run &&
           o->complete && o->set_irq && o->pending && o->next_timer_cycles &&
           o->cycles && o->set_cycles && o->get_reg && o->set_reg &&
           o->invalidate && !o->machine_begin == !o->machine_end;
}

static const struct backend *find_locked(struct disco_machine *m,
                                         const char *name)
{
    uint32_t i;

    for (i = 0; i < m->backend_count; i++)
        if (!name || !strcmp(m->backends[i]->ops.name, name))
            return m->backends[i];
    return NULL;
}

const struct backend *backend_find(struct disco_machine *m, const char *name)
{
    const struct backend *backend;

    lock_take(&m->lock);
    backend = find_locked(m, name);
    lock_give(&m->lock);
    return backend;
}

/* --- What a backend may use for the machine ------------------------------ */

static void *machine_alloc(void *ctx, uint64_t bytes)
{
    struct disco_machine *m = ctx;
    void *ptr = bytes ? alloc_zeroed(&m->ctx.alloc, bytes) : NULL;

    if (ptr)
        add_relaxed(&m->engine_bytes, bytes);
    return ptr;
}

static void machine_free(void *ctx, void *ptr, uint64_t bytes)
{
    struct disco_machine *m = ctx;

    if (ptr)
        add_relaxed(&m->engine_bytes, -bytes);
    alloc_free(&m->ctx.alloc, ptr, bytes);
}

static void machine_account(void *ctx, int64_t bytes)
{
    struct disco_machine *m = ctx;

    add_relaxed(&m->engine_bytes, (uint64_t)bytes);
    add_relaxed(&m->mapped_bytes, (uint64_t)bytes);
}

static disco_status begin(struct disco_machine *m, struct backend *b)
{
    b->machine = (disco_backend_machine){
        .size = sizeof(b->machine),
        .translate_at_run = m->config.translate_at_run,
        .ctx = m,
        .alloc = machine_alloc,
        .free = machine_free,
        .account = machine_account,
        .code_cache_bytes = m->config.code_cache_bytes,
    };
    return b->ops.machine_begin ? b->ops.machine_begin(&b->machine, &b->shared)
                                : 0;
}

static void end(struct backend *b)
{
    if (b->ops.machine_end)
        b->ops.machine_end(b->shared);
}

/* --- The list ------------------------------------------------------------ */

/* Put `own` at the end of the list.  EXISTS, NOMEM: it is still the caller's.
 */
static disco_status list_add(struct disco_machine *m, struct backend *own)
{
    struct backend **bigger, **old;
    disco_status status = 0;
    uint32_t count, i;

    lock_take(&m->lock);
    count = m->backend_count;
    lock_give(&m->lock);
    bigger = alloc_array(&m->ctx.alloc, count + 1, sizeof(*bigger));
    if (!bigger)
        return DISCO_E_NOMEM;
    lock_take(&m->lock);
    old = bigger;
    if (find_locked(m, own->ops.name)) {
        status = DISCO_E_EXISTS;
        count++; /* size of what is freed below */
    } else if (m->backend_count != count) {
        status = DISCO_E_BUSY;
        count++;
    } else {
        for (i = 0; i < count; i++)
            bigger[i] = m->backends[i];
        bigger[count] = own;
        old = m->backends;
        m->backends = bigger;
        m->backend_count = count + 1;
    }
    lock_give(&m->lock);
    alloc_free(&m->ctx.alloc, old, count * sizeof(*old));
    return status;
}

static disco_status add(struct disco_machine *m, const disco_backend_ops *ops)
{
    struct backend *own = alloc_zeroed(&m->ctx.alloc, sizeof(*own));
    disco_status status;

    if (!own)
        return DISCO_E_NOMEM;
    own->ops = *ops;
    status = begin(m, own);
    if (status) {
        alloc_free(&m->ctx.alloc, own, sizeof(*own));
        return status;
    }
    do
        status = list_add(m, own);
    while (status == DISCO_E_BUSY);
    if (status) {
        end(own);
        alloc_free(&m->ctx.alloc, own, sizeof(*own));
    }
    return status;
}

disco_status disco_machine_add_backend(disco_machine *machine,
                                       const disco_backend_ops *ops)
{
    disco_backend_ops copy;
    disco_status status;

    if (!machine || !ops)
        return DISCO_E_INVAL;
    status = config_copy(&copy, sizeof(copy), ops);
    if (status)
        return context_fail(&machine->ctx, status, 0,
                            "backend: ops size %u is not supported", ops->size);
    if (!is_complete(&copy))
        return context_fail(&machine->ctx, DISCO_E_INVAL, 0,
                            "backend \"%s\": a required function is missing",
                            copy.name ? copy.name : "?");
    status = add(machine, &copy);
    if (!status)
        return 0;
    return context_fail(&machine->ctx, status, 0, "backend \"%s\": %s",
                        copy.name, disco_status_text(status));
}

disco_status backends_init(struct disco_machine *m)
{
    disco_status status = 0;
    size_t i;

    for (i = 0; i < ARRAY_LEN(built_in) && !status; i++)
        status = disco_machine_add_backend(m, built_in[i]);
    return status;
}

void backends_destroy(struct disco_machine *m)
{
    uint32_t i;

    for (i = 0; i < m->backend_count; i++) {
        end(m->backends[i]);
        alloc_free(&m->ctx.alloc, m->backends[i], sizeof(**m->backends));
    }
    alloc_free(&m->ctx.alloc, m->backends,
               m->backend_count * sizeof(*m->backends));
}
