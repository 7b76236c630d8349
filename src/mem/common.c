/*
 * common.c - see common.h.
 */
#include "mem/common.h"

#include "mem/copy.h"
#include "mem/move.h"

/* --- Runs and their members; lock held --- */

static struct common *find_run(struct mem *mem, uint64_t group, uint64_t key)
{
    struct common *run;

    for (run = mem->commons; run; run = run->next)
        if (run->group == group && run->key == key)
            return run;
    return NULL;
}

static struct common_member *find_member(struct common *run,
                                         const struct physmap *pm)
{
    uint32_t i;

    for (i = 0; i < run->members; i++)
        if (run->member[i].pm == pm)
            return &run->member[i];
    return NULL;
}

static void remove_member(struct common *run, struct common_member *m)
{
    *m = run->member[--run->members];
}

/* Take an empty run out of the list; the caller frees it without the lock. */
static struct common *take_empty(struct mem *mem)
{
    struct common **link, *run;

    for (link = &mem->commons; *link; link = &(*link)->next) {
        run = *link;
        if (run->members || run->changing)
            continue;
        *link = run->next;
        mem->common_count--;
        return run;
    }
    return NULL;
}

static void free_empty(struct mem *mem)
{
    struct common *run;

    while ((run = take_empty(mem))) {
        mem_unlock(mem);
        alloc_free(mem->alloc, run, sizeof(*run));
        mem_lock(mem);
    }
}

/* Is any of these pages in a run already? */
static int overlaps(const struct mem *mem, const struct physmap *pm,
                    struct pfn pfn, uint64_t pages)
{
    const struct common *run;
    uint32_t i;

    for (run = mem->commons; run; run = run->next)
        for (i = 0; i < run->members; i++)
            if (run->member[i].pm == pm &&
                pfn.n < run->member[i].pfn.n + run->pages &&
                run->member[i].pfn.n < pfn.n + pages)
                return 1;
    return 0;
}

static disco_status add_run(struct mem *mem, uint64_t group, uint64_t key,
                            uint64_t pages, struct shoot_vcpu *self,
                            struct common **out)
{
    struct common *run, *other;

    if (mem->common_count >= COMMON_RUNS_MAX)
        return DISCO_E_RANGE;
    shoot_park(self);
    mem_unlock(mem);
    run = alloc_zeroed(mem->alloc, sizeof(*run));
    mem_lock(mem);
    shoot_unpark(self);
    if (!run)
        return DISCO_E_NOMEM;
    other = find_run(mem, group, key);
    if (other) {
        mem_unlock(mem);
        alloc_free(mem->alloc, run, sizeof(*run));
        mem_lock(mem);
        *out = other;
        return 0;
    }
    run->group = group;
    run->key = key;
    run->pages = pages;
    run->next = mem->commons;
    mem->commons = run;
    mem->common_count++;
    *out = run;
    return 0;
}

/* --- Pages --- */

/* This page, still the VM's own, becomes the run's. */
static disco_status offer_page(struct physmap *pm, struct pfn pfn,
                               struct shoot_vcpu *self)
{
    struct mem *mem = pm->mem;
    disco_status status;
    struct frame *frame;
    uint64_t entry;

    for (;;) {
        status = page_unshare(pm, pfn, pm->home_node, self, &entry);
        if (!status)
            status = frame_isolate(pm, pfn, 1, self, &entry);
        if (status)
            return status;
        frame = entry_frame(pm, entry);
        if (frame->state == FRAME_PRIVATE)
            frame_become(&mem->frames, frame, FRAME_COMMON);
        frame_settle(mem, frame, entry_mfn(entry),
                     MAP_WRITE | MAP_COW | MAP_REPLICATED, 0);
        if (frame->state == FRAME_COMMON)
            return 0;
    }
}

/* The run's frame of page i, from any member that still has it. */
static int frame_of_run(const struct common *run, uint64_t i,
                        const struct physmap *besides, struct mfn *mfn)
{
    const struct common_member *m;
    struct pfn pfn;
    uint64_t entry;
    uint32_t n;

    for (n = 0; n < run->members; n++) {
        m = &run->member[n];
        pfn.n = m->pfn.n + i;
        entry = physmap_entry(m->pm, pfn);
        if (m->pm == besides || !(entry & MAP_PRESENT) ||
            entry_frame(m->pm, entry)->state != FRAME_COMMON)
            continue;
        *mfn = entry_mfn(entry);
        return 1;
    }
    return 0;
}

/* Nothing is mapped at the page when this is 0. */
static disco_status clear_page(struct physmap *pm, struct pfn pfn,
                               struct shoot_vcpu *self)
{
    disco_status status = physmap_leaf(pm, pfn, self);
    uint64_t entry;

    if (!status)
        status = page_isolate(pm, pfn, self, &entry);
    if (status)
        return status == DISCO_E_NOENT ? 0 : status;
    linemon_page_moved(pm->mem->lm, entry_host(pm, entry));
    physmap_set(pm, pfn, 0);
    frame_release(pm->mem, entry_mfn(entry));
    return 0;
}

/*
 * Put the run's page in place of what the VM has there.  One that is being
 * moved gets one more mapping, which moves along.
 */
static disco_status take_page(struct physmap *pm, struct common *run,
                              uint64_t i, struct pfn pfn,
                              struct shoot_vcpu *self)
{
    uint64_t flags = MAP_WRITE | MAP_SHARED;
    disco_status status;
    struct mfn mfn;

    status = clear_page(pm, pfn, self);
    if (status)
        return status;
    if (!frame_of_run(run, i, pm, &mfn))
        return offer_page(pm, pfn, self); /* nobody has it any more */
    if (frame_of(&pm->mem->frames, mfn)->is_moving)
        flags |= MAP_MOVING;
    physmap_set(pm, pfn, entry_make(mfn, flags));
    return 0;
}

/* Back to a page of the VM's own, with the content it has now. */
static disco_status leave_page(struct physmap *pm, struct pfn pfn,
                               struct shoot_vcpu *self)
{
    struct mem *mem = pm->mem;
    disco_status status;
    struct mfn to, from;
    uint64_t entry;

    entry = physmap_entry(pm, pfn);
    if (!(entry & MAP_PRESENT) || entry_frame(pm, entry)->state != FRAME_COMMON)
        return 0;
    status = mem_take(mem, pm->home_node, FRAME_DIRTY, self, &to);
    if (status)
        return status;
    status = page_isolate(pm, pfn, self, &entry);
    if (status) {
        frame_give(&mem->frames, to);
        return status == DISCO_E_NOENT ? 0 : status;
    }
    from = entry_mfn(entry);
    mem_copy_from_shared(frame_host(&mem->frames, to),
                         frame_host(&mem->frames, from), PAGE_BYTES);
    linemon_page_moved(mem->lm, frame_host(&mem->frames, from));
    physmap_set(pm, pfn, entry_make(to, MAP_WRITE));
    frame_release(mem, from);
    return 0;
}

static disco_status leave_pages(struct physmap *pm, struct pfn first,
                                uint64_t pages, struct shoot_vcpu *self)
{
    disco_status status = 0;
    struct pfn pfn;

    pm->mem->moves++;
    for (pfn = first; pfn.n < first.n + pages && !status; pfn.n++)
        status = leave_page(pm, pfn, self);
    pm->mem->moves--;
    return status;
}

/* --- Joining and leaving --- */

static disco_status join_pages(struct physmap *pm, struct common *run,
                               struct pfn first, struct shoot_vcpu *self)
{
    disco_status status = 0;
    struct pfn pfn;
    uint64_t i;

    pm->mem->moves++;
    for (i = 0; i < run->pages && !status; i++) {
        pfn.n = first.n + i;
        status = run->members ? take_page(pm, run, i, pfn, self)
                              : offer_page(pm, pfn, self);
    }
    pm->mem->moves--;
    return status;
}

static disco_status join(struct physmap *pm, struct common *run, struct pfn pfn,
                         uint64_t pages, struct shoot_vcpu *self,
                         uint32_t *members)
{
    disco_status status;

    if (run->pages != pages || find_member(run, pm) ||
        overlaps(pm->mem, pm, pfn, pages))
        return DISCO_E_INVAL;
    if (run->members == COMMON_VMS_MAX)
        return DISCO_E_RANGE;
    run->changing++;
    status = join_pages(pm, run, pfn, self);
    run->changing--;
    if (status) {
        leave_pages(pm, pfn, pages, self);
        return status;
    }
    run->member[run->members].pm = pm;
    run->member[run->members++].pfn = pfn;
    *members = run->members;
    return 0;
}

static int is_ram(struct physmap *pm, struct pfn pfn, uint64_t pages)
{
    const struct disco_region *r = region_find(&pm->regions, gpa_of_pfn(pfn));

    return r && r->kind == DISCO_REGION_RAM &&
           gpa_of_pfn(pfn) - r->gpa + pages * PAGE_BYTES <= r->bytes;
}

/* One at a time: a run that changes is waited for. */
static disco_status get_run(struct physmap *pm, uint64_t group, uint64_t key,
                            uint64_t pages, struct shoot_vcpu *self,
                            struct common **out)
{
    disco_status status;
    unsigned spins = 0;

    for (;;) {
        *out = find_run(pm->mem, group, key);
        if (!*out) {
            status = add_run(pm->mem, group, key, pages, self, out);
            if (status)
                return status;
        }
        if (!(*out)->changing)
            return 0;
        physmap_yield(pm, self, &spins);
    }
}

disco_status common_join(struct physmap *pm, uint64_t group, uint64_t key,
                         struct pfn pfn, uint64_t pages,
                         struct shoot_vcpu *self, uint32_t *members)
{
    struct common *run;
    disco_status status;

    if (!pages || pages > COMMON_PAGES_MAX)
        return DISCO_E_INVAL;
    mem_lock(pm->mem);
    status = is_ram(pm, pfn, pages) ? 0 : DISCO_E_FAULT;
    if (!status)
        status = get_run(pm, group, key, pages, self, &run);
    if (!status)
        status = join(pm, run, pfn, pages, self, members);
    free_empty(pm->mem);
    mem_unlock(pm->mem);
    return status;
}

static disco_status leave(struct physmap *pm, struct common *run,
                          struct shoot_vcpu *self)
{
    struct common_member *m = find_member(run, pm);
    disco_status status;

    if (!m)
        return DISCO_E_NOENT;
    run->changing++;
    status = leave_pages(pm, m->pfn, run->pages, self);
    run->changing--;
    if (!status)
        remove_member(run, find_member(run, pm));
    return status;
}

disco_status common_leave(struct physmap *pm, uint64_t key,
                          struct shoot_vcpu *self)
{
    disco_status status = DISCO_E_NOENT;
    unsigned spins = 0;
    struct common *run;

    mem_lock(pm->mem);
    for (run = pm->mem->commons; run; run = run->next)
        if (run->key == key && find_member(run, pm))
            break;
    while (run && run->changing)
        physmap_yield(pm, self, &spins);
    if (run)
        status = leave(pm, run, self);
    free_empty(pm->mem);
    mem_unlock(pm->mem);
    return status;
}

void common_forget(struct physmap *pm)
{
    struct common_member *m;
    struct common *run;

    mem_lock(pm->mem);
    for (run = pm->mem->commons; run; run = run->next) {
        m = find_member(run, pm);
        if (m)
            remove_member(run, m);
    }
    free_empty(pm->mem);
    mem_unlock(pm->mem);
}
