/*
 * engine.c - the machine's part of the JIT: made when the first vCPU wants it,
 * and what the backend tells it.
 */
#include "mips/jit/engine.h"

#include "base/compiler.h"
#include "mips/jit/jit.h"

enum { HEAT = 600 };

static void unmake(struct jit *jit)
{
    const disco_backend_machine *m = jit->machine;

    jit_compiler_destroy(jit);
    jit_pool_destroy(jit);
    if (jit->buckets)
        m->free(m->ctx, jit->buckets, PAGE_BUCKETS * sizeof(*jit->buckets));
    jit->buckets = NULL;
}

/* What becomes of it: without memory for now it may be tried again. */
static enum jit_state make(struct jit *jit)
{
    const disco_backend_machine *m = jit->machine;

    if (!X64_IS_HOST || m->code_cache_bytes < JIT_CACHE_MIN)
        return JIT_NOT_THERE;
    jit->features = x64_features() & ~jit->denied;
    jit->buckets = m->alloc(m->ctx, PAGE_BUCKETS * sizeof(*jit->buckets));
    jit->compiler = jit_compiler_create(jit);
    if (!jit->buckets || !jit->compiler) {
        unmake(jit);
        return JIT_UNTRIED;
    }
    if (!jit_pool_create(jit) && !jit_routines_make(jit))
        return JIT_READY;
    unmake(jit);
    return JIT_NOT_THERE;
}

/* The host is asked for memory without a lock: one makes it, others wait. */
struct jit *jit_get(struct jit *jit)
{
    uint32_t state = JIT_UNTRIED;
    unsigned spins = 0;

    if (!jit)
        return NULL;
    if (cas_seq(&jit->state, &state, JIT_BEING_MADE)) {
        state = make(jit);
        store_seq(&jit->state, state);
        if (state == JIT_READY) {
            lock_take(&jit->lock);
            jit_show_routines(jit);
            lock_give(&jit->lock);
        }
    }
    while ((state = load_seq(&jit->state)) == JIT_BEING_MADE)
        wait_step(&spins);
    return state == JIT_READY ? jit : NULL;
}

disco_status jit_machine_begin(const disco_backend_machine *machine,
                               void **shared)
{
    struct jit *jit = machine->alloc(machine->ctx, sizeof(*jit));

    if (!jit)
        return DISCO_E_NOMEM;
    jit->machine = machine;
    jit->heat = HEAT;
    if (lock_init(&jit->lock)) {
        machine->free(machine->ctx, jit, sizeof(*jit));
        return DISCO_E_NOMEM;
    }
    *shared = jit;
    return 0;
}

void jit_machine_end(void *shared)
{
    struct jit *jit = shared;
    const disco_backend_machine *m = jit->machine;

    unmake(jit);
    jit_watch_end(jit);
    lock_destroy(&jit->lock);
    m->free(m->ctx, jit, sizeof(*jit));
}

/* Figures are the vCPUs' threads': they write them with the lock. */
void jit_code_stats(void *shared, disco_code_stats *sum)
{
    struct jit *jit = shared;
    const struct jit_figures *f = &jit->figures;

    lock_take(&jit->lock);
    sum->blocks += f->units;
    sum->translated_insns += f->insns;
    sum->translate_ns += f->ns;
    sum->regions += f->regions;
    sum->region_insns += f->region_insns;
    sum->region_ns += f->region_ns;
    sum->code_bytes += f->code_bytes;
    sum->pages += f->pages;
    sum->pages_shared += f->pages_shared;
    sum->evictions += f->evictions;
    sum->refusals += f->refusals;
    if (load_seq(&jit->state) == JIT_READY)
        sum->held_bytes += jit_pool_held(jit);
    lock_give(&jit->lock);
}

/* --- vCPUs
 * -------------------------------------------------------------------- */

bool jit_attach(struct mips_cpu *cpu)
{
    struct jit *jit = jit_get(cpu->host->shared);

    if (!jit)
        return false;
    cpu->jit.shared = jit;
    lock_take(&jit->lock);
    jit->isa = cpu->model->isa;
    cpu->jit.next = jit->cpus;
    jit->cpus = cpu;
    lock_give(&jit->lock);
    return true;
}

void jit_detach(struct mips_cpu *cpu)
{
    struct jit *jit = cpu->jit.shared;
    struct mips_cpu **link;

    if (!jit)
        return;
    jit_drop_all(cpu);
    jit_cold_end(cpu);
    lock_take(&jit->lock);
    for (link = &jit->cpus; *link != cpu; link = &(*link)->jit.next)
        ;
    *link = cpu->jit.next;
    lock_give(&jit->lock);
    cpu->jit.shared = NULL;
}
