/*
 * modelled.c - see modelled.h.
 */
#include "core/placement.h"

#include "base/bits.h"

disco_status modelled_attach(struct disco_vcpu *v, uint32_t cpu)
{
    struct disco_machine *m = v->machine;

    if (likely(v->modelled.epoch == m->model_epoch && v->modelled.cpu == cpu))
        return 0;
    if (m->model && !(v->ops->flags & DISCO_BACKEND_LINES))
        return vm_fail(v->vm, DISCO_E_UNSUPPORTED, v->index,
                       "VM %s, vCPU %u: backend %s does not run under a model",
                       v->vm->name, v->index, v->ops->name);
    v->host.line_bytes = m->model ? m->model->config.line_bytes : 0;
    v->host.line_epoch++;
    v->modelled.epoch = m->model_epoch;
    v->modelled.cpu = cpu;
    return 0;
}

/* --- Slices -------------------------------------------------------------- */

static void take_stats(struct disco_vcpu *v, disco_vcpu_stats *s)
{
    s->size = sizeof(*s);
    v->ops->stats(v->state, s);
}

/* What was done to pages since the last time. */
static uint64_t page_actions(struct disco_machine *m, uint32_t action)
{
    const struct mem *mem = &m->mem;
    uint64_t now = 0, before = m->page_seen[action];

    switch (action) {
    case DISCO_PAGE_MIGRATE:
        now = load_relaxed(&mem->migrate.count);
        break;
    case DISCO_PAGE_REPLICATE:
        now = load_relaxed(&mem->replicate.count);
        break;
    case DISCO_PAGE_COLLAPSE:
        now = load_relaxed(&mem->collapse.count);
        break;
    case DISCO_PAGE_BREAK:
        now = load_relaxed(&mem->cow.count);
        break;
    default:
        break;
    }
    m->page_seen[action] = now;
    return now - before;
}

void modelled_forget_pages(struct disco_machine *m)
{
    uint32_t i;

    for (i = 0; i < DISCO_PAGE_ACTIONS; i++) {
        page_actions(m, i);
        m->page_owed[i] = 0;
    }
}

/* Of what the host's placement did between slices, each CPU pays a part. */
static uint64_t charge_owed(struct disco_vcpu *v)
{
    struct disco_machine *m = v->machine;
    uint64_t part, cycles, total = 0;
    uint32_t i;

    for (i = 0; i < DISCO_PAGE_ACTIONS; i++) {
        m->page_owed[i] += page_actions(m, i);
        part = (m->page_owed[i] + m->model->cpus - 1) / m->model->cpus;
        m->page_owed[i] -= part;
        cycles = part * m->model->page[i];
        model_charge(m->model, v->cpu, DISCO_LEDGER_PAGE + i, cycles);
        total += cycles;
    }
    return total;
}

static uint64_t zeroed(struct disco_vcpu *v)
{
    return load_relaxed(&v->vm->pm.stats.demand_zero);
}

/* What this vCPU made necessary.  A bare machine zeroes no pages. */
static uint64_t charge_pages(struct disco_vcpu *v)
{
    struct disco_machine *m = v->machine;
    uint64_t count, cycles, total = 0;
    uint32_t i;

    for (i = 0; i < DISCO_PAGE_ACTIONS; i++) {
        count = page_actions(m, i);
        if (i == DISCO_PAGE_ZERO && v->is_disco)
            count = zeroed(v) - v->modelled.zeroed;
        cycles = count * m->model->page[i];
        model_charge(m->model, v->cpu, DISCO_LEDGER_PAGE + i, cycles);
        total += cycles;
    }
    return total;
}

static uint64_t charge_traps(struct disco_vcpu *v, const disco_vcpu_stats *now)
{
    struct model *model = v->machine->model;
    uint64_t cycles, total = 0;
    uint32_t i;

    for (i = 0; v->is_disco && i < ARRAY_LEN(now->traps); i++) {
        cycles = (now->traps[i] - v->modelled.before.traps[i]) * model->trap[i];
        model_charge(model, v->cpu, DISCO_LEDGER_TRAP + i, cycles);
        total += cycles;
    }
    return total;
}

void modelled_begin(struct disco_vcpu *v)
{
    struct model *model = v->machine->model;
    struct model_cpu *cpu = &model->cpu[v->cpu];
    struct modelled *t = &v->modelled;
    uint64_t own = v->ops->cycles(v->state), cost;

    if (own > cpu->now)
        model_charge(model, v->cpu, DISCO_LEDGER_IDLE, own - cpu->now);
    cost = charge_owed(v);
    if (cost)
        v->ops->set_cycles(v->state, own + cost);
    t->own = own + cost;
    t->offset = cpu->now - t->own;
    t->stall = 0;
    t->jump = 0;
    t->zeroed = zeroed(v);
    take_stats(v, &t->before);
}

void modelled_jump(struct disco_vcpu *v, uint64_t cycles)
{
    struct modelled *t = &v->modelled;
    uint64_t covered = min_u64(cycles, t->offset);

    t->jump += cycles;
    t->offset -= covered;
    if (cycles > covered)
        model_charge(v->machine->model, v->cpu, DISCO_LEDGER_CLOCK,
                     cycles - covered);
}

void modelled_end(struct disco_vcpu *v)
{
    struct model *model = v->machine->model;
    struct modelled *t = &v->modelled;
    uint64_t own = v->ops->cycles(v->state), insns, user, known, cost;
    disco_vcpu_stats now;

    take_stats(v, &now);
    insns = now.insns - t->before.insns;
    user = now.user_insns - t->before.user_insns;
    model_charge(model, v->cpu, DISCO_LEDGER_USER, user);
    model_charge(model, v->cpu, DISCO_LEDGER_KERNEL, insns - user);
    known = t->own + insns + t->stall + t->jump;
    if (own > known)
        modelled_jump(v, own - known);
    cost = charge_traps(v, &now) + charge_pages(v);
    if (cost)
        v->ops->set_cycles(v->state, own + cost);
}

/* --- Memory -------------------------------------------------------------- */

uint64_t modelled_access(void *ctx, uint64_t name, uint64_t gpa,
                         uint32_t access, disco_backend_line **line)
{
    struct disco_vcpu *v = ctx;
    struct model *model = v->machine->model;
    struct mfn mfn = { name / (PAGE_BYTES / model->config.line_bytes) };
    struct model_access a = {
        .cpu = v->cpu, .home = mfn_node(mfn), .access = access, .name = name
    };
    struct model_cost cost;
    uint64_t stall;

    (void)gpa;
    if (a.home >= model->nodes) /* memory of the host's own */
        a.home = v->vm->pm.home_node;
    a.time = v->ops->cycles(v->state) + v->modelled.offset;
    *line = model_line(model, &a, &cost);
    stall = cost.wait + cost.latency;
    if (stall && v->machine->placement)
        sampling_miss(v, mfn, access);
    if (access & DISCO_LINE_SYNC) {
        model_charge(model, v->cpu, DISCO_LEDGER_SYNC, stall);
    } else {
        model_charge(model, v->cpu, DISCO_LEDGER_QUEUE, cost.wait);
        model_charge(model, v->cpu,
                     cost.is_remote ? DISCO_LEDGER_STALL_REMOTE
                                    : DISCO_LEDGER_STALL_LOCAL,
                     cost.latency);
    }
    v->modelled.stall += stall;
    return stall;
}

/* Lines of one page. */
static void dma_page(struct disco_vm *vm, uint64_t gpa, uint64_t bytes,
                     uint32_t access)
{
    struct model *model = vm->machine->model;
    uint32_t line_bytes = model->config.line_bytes, line, last;
    uint64_t entry = physmap_entry(&vm->pm, pfn_of_gpa(gpa));

    if (!(entry & MAP_PRESENT))
        return;
    line = (uint32_t)(gpa % PAGE_BYTES) / line_bytes;
    last = (uint32_t)((gpa + bytes - 1) % PAGE_BYTES) / line_bytes;
    for (; line <= last; line++)
        model_dma(model, entry_mfn(entry).n * (PAGE_BYTES / line_bytes) + line,
                  access);
}

/*
 * By a callback of the running vCPU, or while none runs.  What other threads
 * copy meanwhile passes the caches by.
 */
void modelled_dma(struct disco_vm *vm, uint64_t gpa, uint64_t bytes,
                  uint32_t access)
{
    struct disco_machine *m = vm->machine;
    int inside = machine_is_inside(m);
    int32_t none = 0;
    uint64_t done, n;

    if (!inside && !cas_seq(&m->running, &none, -1))
        return;
    for (done = 0; m->model && done < bytes; done += n) {
        n = min_u64(bytes - done, PAGE_BYTES - (gpa + done) % PAGE_BYTES);
        dma_page(vm, gpa + done, n, access);
    }
    if (!inside)
        store_seq(&m->running, 0);
}
