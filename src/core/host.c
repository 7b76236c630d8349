/*
 * host.c - the services that a backend is given (backend.h), for one vCPU each.
 *
 * All but alloc and free run on the vCPU's thread inside ops->run.  The backend
 * is the embedder's at worst: names of frames are checked, nothing else is its
 * to break.
 */
#include <string.h>

#include "core/placement.h"
#include "mem/move.h"

static uint32_t fill_page(struct disco_vcpu *v, struct pfn pfn, uint64_t entry,
                          uint32_t exec, disco_backend_page *page)
{
    int is_writable = (entry & MAP_WRITE) != 0;

    page->host = entry_host(&v->vm->pm, entry);
    page->frame = pfn.n;
    page->memory = entry_mfn(entry).n;
    page->code = is_writable && (entry & MAP_CODE);
    page->rights = DISCO_READ | exec;
    if (is_writable && !page->code)
        page->rights |= DISCO_WRITE;
    if (entry_is_exclusive(entry, &v->shoot))
        page->rights |= DISCO_EXCLUSIVE;
    return DISCO_BEHIND_RAM;
}

/* Placement wants to see the page's first store, too. */
static void sample(struct disco_vcpu *v, uint64_t entry, struct mfn server,
                   uint32_t access, disco_backend_page *page)
{
    if (!(access & DISCO_WRITE))
        page->rights &= ~(uint32_t)DISCO_WRITE;
    sampling_note(v, entry, mfn_node(server), access);
}

/* What is behind a page that has no memory. */
static uint32_t behind_other(struct disco_vcpu *v, struct pfn pfn,
                             disco_backend_page *page)
{
    const struct disco_region *r =
        region_overlap(&v->vm->pm.regions, gpa_of_pfn(pfn), PAGE_BYTES);

    if (!r)
        return DISCO_BEHIND_NOTHING;
    page->rights = r->ops.flags & DISCO_MMIO_UNTRAPPED;
    return DISCO_BEHIND_MMIO;
}

/*
 * Until the page is as the access needs it; a new frame comes from `node`.
 * Lock held, dropped in between.
 */
static disco_status make_ready(struct disco_vcpu *v, struct pfn pfn,
                               uint32_t access, uint32_t node, uint64_t *entry)
{
    struct physmap *pm = &v->vm->pm;
    disco_status status;

    for (;;) {
        if (access & DISCO_EXEC)
            status = code_hold(pm, pfn, node, &v->shoot, entry);
        else
            status = page_claim(pm, pfn, node, &v->shoot, entry);
        if (status || !(access & DISCO_WRITE) || !(*entry & MAP_COW))
            return status;
        status = page_unshare(pm, pfn, v->node, &v->shoot, entry);
        if (status)
            return status;
    }
}

static uint32_t NOINLINE resolve_slowly(struct disco_vcpu *v, struct pfn pfn,
                                        uint32_t access,
                                        disco_backend_page *page)
{
    struct physmap *pm = &v->vm->pm;
    uint32_t exec = access & DISCO_EXEC, behind;
    uint32_t node = v->machine->placement ? placement_node(v, pfn) : v->node;
    struct mfn server = { 0 };
    disco_status status;
    uint64_t entry;

    mem_lock(pm->mem);
    status = make_ready(v, pfn, access, node, &entry);
    if (status == DISCO_E_BUSY) { /* may be executed, not kept */
        exec = 0;
        status = 0;
    }
    if (!status && (access & DISCO_EXEC))
        page_mark_text(pm, pfn, (access & DISCO_USER) != 0);
    if (!status)
        behind = fill_page(v, pfn, entry, exec, page);
    else if (status == DISCO_E_FAULT)
        behind = behind_other(v, pfn, page);
    else
        behind = DISCO_BEHIND_NO_MEMORY;
    if (!status)
        server = entry_mfn(entry);
    if (!status && (entry & MAP_REPLICATED)) {
        server = replica_near(pm->mem, server, v->node);
        page->host = frame_host(&pm->mem->frames, server);
        page->memory = server.n;
    }
    mem_unlock(pm->mem);
    if (unlikely(v->sample_left) && behind == DISCO_BEHIND_RAM)
        sample(v, entry, server, access, page);
    return behind;
}

/* Entries that need no lock: there, ours to use, and one frame for all. */
static int is_simple(uint64_t entry, uint32_t access,
                     const struct shoot_vcpu *self)
{
    enum { LOOK = MAP_PRESENT | MAP_MOVING | MAP_REPLICATED };

    return (entry & LOOK) == MAP_PRESENT && !(access & DISCO_EXEC) &&
           !((access & DISCO_WRITE) && (entry & MAP_COW)) &&
           entry_is_claimed(entry, self);
}

static uint32_t resolve(void *ctx, uint64_t gpa, uint32_t access,
                        disco_backend_page *page)
{
    struct disco_vcpu *v = ctx;
    struct pfn pfn = pfn_of_gpa(gpa);
    uint64_t entry;

    if (unlikely(gpa >= GPA_END))
        return DISCO_BEHIND_NOTHING;
    entry = physmap_entry(&v->vm->pm, pfn);
    if (likely(is_simple(entry, access, &v->shoot))) {
        fill_page(v, pfn, entry, 0, page);
        if (unlikely(v->sample_left))
            sample(v, entry, entry_mfn(entry), access, page);
        return DISCO_BEHIND_RAM;
    }
    return resolve_slowly(v, pfn, access, page);
}

/* EXCLUSIVE is about stores: alone it allows nothing. */
static int rights_hold(struct disco_vcpu *v, struct pfn pfn, uint64_t entry,
                       const disco_backend_page *page)
{
    const struct map_page *held = map_page(&v->vm->pm, pfn);
    uint64_t self = UINT64_C(1) << v->index;

    if ((page->rights & DISCO_EXEC) && !(held->holders & self))
        return 0;
    if (!(page->rights & DISCO_WRITE))
        return 1;
    if (!(entry & MAP_WRITE) || ((page->rights & DISCO_EXCLUSIVE) &&
                                 !entry_is_exclusive(entry, &v->shoot)))
        return 0;
    /* Its only user may store into code that nobody else holds. */
    return !(entry & MAP_CODE) || (page->code && !(held->holders & ~self));
}

/* A mover is about to take the page away, or did and has told. */
static int is_on_its_way(struct disco_vcpu *v, uint64_t entry)
{
    return (entry & MAP_MOVING) ||
           (load_seq(&v->shoot.request) & DISCO_REQ_INVALIDATE);
}

static int leads_there(struct disco_vcpu *v, struct pfn pfn,
                       const disco_backend_page *page)
{
    struct physmap *pm = &v->vm->pm;
    uint64_t entry = physmap_entry(pm, pfn);
    struct mfn mfn;

    if (is_on_its_way(v, entry))
        return 1;
    if (!(entry & MAP_PRESENT) || !entry_is_claimed(entry, &v->shoot))
        return 0;
    mfn = replica_near(pm->mem, entry_mfn(entry), v->node);
    if (page->host != frame_host(&pm->mem->frames, mfn) ||
        (page->memory != UINT64_MAX && page->memory != mfn.n))
        return 0;
    return rights_hold(v, pfn, entry, page);
}

static int32_t is_current(void *ctx, uint64_t gpa,
                          const disco_backend_page *page)
{
    struct disco_vcpu *v = ctx;
    struct pfn pfn = { page->frame };
    int32_t answer;

    if (gpa != UINT64_MAX) {
        if (gpa >= GPA_END)
            return 0;
        pfn = pfn_of_gpa(gpa);
        if (page->frame != UINT64_MAX && page->frame != pfn.n)
            return 0;
    }
    mem_lock(v->vm->pm.mem);
    answer = leads_there(v, pfn, page);
    mem_unlock(v->vm->pm.mem);
    return answer;
}

static int32_t is_content(void *ctx, uint64_t frame, const void *content)
{
    struct disco_vcpu *v = ctx;
    struct physmap *pm = &v->vm->pm;
    struct pfn pfn = { frame };
    struct mfn mfn;
    uint64_t entry;
    int32_t answer;

    mem_lock(pm->mem);
    entry = physmap_entry(pm, pfn);
    if (is_on_its_way(v, entry)) {
        answer = 1;
    } else if (!(entry & MAP_PRESENT)) {
        answer = 0;
    } else {
        mfn = replica_near(pm->mem, entry_mfn(entry), v->node);
        answer =
            !memcmp(frame_host(&pm->mem->frames, mfn), content, PAGE_BYTES);
    }
    mem_unlock(pm->mem);
    return answer;
}

static void release_code(void *ctx, uint64_t frame)
{
    struct disco_vcpu *v = ctx;
    struct pfn pfn = { frame };

    code_release(&v->vm->pm, pfn, &v->shoot);
}

static void store_begin(void *ctx, uint64_t frame)
{
    struct disco_vcpu *v = ctx;
    struct pfn pfn = { frame };

    code_store_begin(&v->vm->pm, pfn, &v->shoot);
}

static void store_end(void *ctx, uint64_t frame)
{
    struct disco_vcpu *v = ctx;
    struct pfn pfn = { frame };

    code_store_end(&v->vm->pm, pfn, &v->shoot);
}

static disco_status mmio_read(void *ctx, uint64_t gpa, uint32_t bytes,
                              uint64_t *value)
{
    return mmio_access(ctx, gpa, bytes, 0, value);
}

static disco_status mmio_write(void *ctx, uint64_t gpa, uint32_t bytes,
                               uint64_t value)
{
    return mmio_access(ctx, gpa, bytes, 1, &value);
}

static void barrier(void *ctx)
{
    struct disco_vcpu *v = ctx;

    shoot_barrier(v->vm->pm.mem, &v->shoot);
}

/*
 * Reasons to leave go first and stay set (run.c consumes them); IDLE and YIELD
 * are then left for the run that follows, so that none is lost.
 */
static uint32_t poll(void *ctx)
{
    enum { LEAVE = DISCO_REQ_KICK | DISCO_REQ_STOP | DISCO_REQ_TIMER };
    struct disco_vcpu *v = ctx;
    uint32_t request = load_seq(&v->shoot.request), take;

    if (request & DISCO_REQ_INVALIDATE)
        shoot_serve(&v->shoot);
    take = request & (DISCO_REQ_IRQ | DISCO_REQ_TIMER);
    if (!(request & LEAVE))
        take |= request & (DISCO_REQ_IDLE | DISCO_REQ_YIELD);
    if (take)
        and_seq(&v->shoot.request, ~take);
    return take | (request & LEAVE);
}

static uint64_t clock_sync(void *ctx, uint64_t cycles)
{
    struct disco_vcpu *v = ctx;
    struct clock *c = &v->vm->clock;
    uint64_t now = c->now_ns ? clock_now(c) : clock_raise(c, cycles);

    if (unlikely(v->machine->model) && now > cycles)
        modelled_jump(v, now - cycles);
    return now;
}

static disco_status moncall(void *ctx, uint32_t code, const uint64_t arg[6],
                            uint64_t result[2])
{
    struct disco_vcpu *v = ctx;

    count_up(&v->counts.moncalls, 1);
    return moncall_do(v, code, arg, result);
}

static void backend_log(void *ctx, int32_t level, const char *text)
{
    struct disco_vcpu *v = ctx;

    log_text(&v->machine->ctx.log, level, v->ops->name, text);
}

static void *backend_alloc(void *ctx, uint64_t bytes)
{
    struct disco_vcpu *v = ctx;

    void *ptr = bytes ? alloc_zeroed(vm_alloc(v->vm), bytes) : NULL;

    if (ptr)
        add_relaxed(&v->machine->engine_bytes, bytes);
    return ptr;
}

static void backend_free(void *ctx, void *ptr, uint64_t bytes)
{
    struct disco_vcpu *v = ctx;

    if (ptr)
        add_relaxed(&v->machine->engine_bytes, -bytes);
    alloc_free(vm_alloc(v->vm), ptr, bytes);
}

void host_services_init(struct disco_vcpu *v)
{
    disco_backend_host *h = &v->host;

    h->size = sizeof(*h);
    h->vcpu_index = v->index;
    h->ctx = v;
    h->request = &v->shoot.request;
    h->line_monitor = v->machine->mem.lm;
    h->threads = v->vm->threads ? v->vm->threads : 1;
    h->memory_order = v->vm->memory_order;
    h->vcpus_max = v->vm->max_vcpus;
    h->cpu_hz = v->machine->config.cpu_hz;
    h->resolve = resolve;
    h->code_release = release_code;
    h->code_store_begin = store_begin;
    h->code_store_end = store_end;
    h->mmio_read = mmio_read;
    h->mmio_write = mmio_write;
    h->barrier = barrier;
    h->poll = poll;
    h->clock_sync = clock_sync;
    h->moncall = moncall;
    h->log = backend_log;
    h->alloc = backend_alloc;
    h->free = backend_free;
    h->line_access = modelled_access;
    h->is_current = is_current;
    h->is_content = is_content;
}
