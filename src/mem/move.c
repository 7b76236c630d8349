/*
 * move.c - see move.h: isolation, release, migration.
 */
#include "mem/move.h"

#include <string.h>

#include "mem/share.h"

static void post_drop(struct shoot_wave *wave, struct physmap *pm,
                      struct pfn pfn, struct mfn mfn, uint64_t users,
                      const struct shoot_vcpu *self)
{
    struct shoot_item item = { DISCO_DROP_FRAME,
                               frame_host(&pm->mem->frames, mfn), pfn.n };

    shoot_post(wave, &pm->vcpus, users, &item, self);
}

void mapping_post_drop(struct shoot_wave *wave, struct physmap *pm,
                       struct pfn pfn, uint64_t entry,
                       const struct shoot_vcpu *self)
{
    struct frames *frames = &pm->mem->frames;
    struct shoot_item code = { DISCO_DROP_CODE, NULL, pfn.n };
    uint64_t users = entry_users(pm, entry);
    struct mfn mfn = entry_mfn(entry);
    uint64_t next;

    shoot_post(wave, &pm->vcpus, map_page(pm, pfn)->holders, &code, self);
    post_drop(wave, pm, pfn, mfn, users, self);
    for (next = frame_of(frames, mfn)->copy; next;
         next = frame_of(frames, mfn)->copy) {
        mfn.n = next - 1;
        post_drop(wave, pm, pfn, mfn, users, self);
    }
}

/* 1: it need not be waited for, with the reason in *status. */
static int is_decided(const struct physmap *pm, struct pfn pfn, uint64_t entry,
                      unsigned spins, disco_status *status)
{
    *status = 0;
    if (!(entry & MAP_PRESENT))
        *status = DISCO_E_NOENT;
    else if (entry_frame(pm, entry)->pins)
        *status = DISCO_E_BUSY;
    else if (!page_is_quiet(pm, pfn) && spins >= PAGE_WAITS)
        *status = DISCO_E_BUSY;
    return *status || page_is_quiet(pm, pfn);
}

disco_status page_wait(struct physmap *pm, struct pfn pfn,
                       struct shoot_vcpu *self, uint64_t *entry)
{
    disco_status status;
    unsigned spins = 0;

    for (*entry = physmap_entry(pm, pfn);
         !is_decided(pm, pfn, *entry, spins, &status);
         *entry = physmap_entry(pm, pfn)) {
        page_want(pm, pfn, 1);
        physmap_yield(pm, self, &spins);
    }
    if (spins)
        page_want(pm, pfn, 0);
    return status;
}

disco_status page_isolate(struct physmap *pm, struct pfn pfn,
                          struct shoot_vcpu *self, uint64_t *entry)
{
    struct shoot_wave wave;
    disco_status status;

    status = page_wait(pm, pfn, self, entry);
    if (status)
        return status;
    physmap_set(pm, pfn, *entry | MAP_MOVING);
    shoot_wave_init(&wave);
    mapping_post_drop(&wave, pm, pfn, *entry, self);
    mem_unlock(pm->mem);
    shoot_wait(pm->mem, &wave, self);
    mem_lock(pm->mem);
    map_page(pm, pfn)->holders = 0;
    return 0;
}

int frame_is_in_use(struct mem *mem, const struct frame *frame)
{
    struct map_ref ref;
    struct physmap *pm;
    struct pfn pfn;

    if (frame->is_moving)
        return 1;
    for (ref = frame->first; ref.n; ref = map_page(pm, pfn)->next) {
        pm = map_ref_map(mem, ref);
        pfn = map_ref_pfn(ref);
        if (!page_is_quiet(pm, pfn))
            return 1;
    }
    return 0;
}

/* We wait for all its pages, or do not any more. */
static void frame_want(struct mem *mem, const struct frame *frame, int want)
{
    struct map_ref ref;
    struct physmap *pm;
    struct pfn pfn;

    for (ref = frame->first; ref.n; ref = map_page(pm, pfn)->next) {
        pm = map_ref_map(mem, ref);
        pfn = map_ref_pfn(ref);
        page_want(pm, pfn, want && !page_is_quiet(pm, pfn));
    }
}

static disco_status may_isolate(struct physmap *pm, uint64_t entry, int to_move)
{
    const struct frame *frame;

    if (!(entry & MAP_PRESENT))
        return DISCO_E_NOENT;
    if (entry & MAP_FOREIGN)
        return DISCO_E_RANGE;
    frame = entry_frame(pm, entry);
    if (frame->pins || frame->maps > MOVE_MAPS_MAX ||
        (to_move && frame->holds > (frame->home != NULL)))
        return DISCO_E_BUSY;
    return 0;
}

/* Mark every mapping; the list then stays as it is. */
static void mark_all(struct mem *mem, struct frame *frame)
{
    struct physmap *pm;
    struct map_ref ref;
    struct pfn pfn;

    frame->is_moving = 1;
    for (ref = frame->first; ref.n; ref = map_page(pm, pfn)->next) {
        pm = map_ref_map(mem, ref);
        pfn = map_ref_pfn(ref);
        physmap_set(pm, pfn, physmap_entry(pm, pfn) | MAP_MOVING);
        page_want(pm, pfn, 0);
    }
}

static void shoot_all_mappings(struct mem *mem, struct frame *frame,
                               struct shoot_vcpu *self)
{
    struct shoot_wave wave;
    struct physmap *pm;
    struct map_ref ref;
    struct pfn pfn;

    for (ref = frame->first; ref.n; ref = map_page(pm, pfn)->next) {
        pm = map_ref_map(mem, ref);
        pfn = map_ref_pfn(ref);
        shoot_wave_init(&wave);
        mapping_post_drop(&wave, pm, pfn, physmap_entry(pm, pfn), self);
        if (wave.count) {
            mem_unlock(mem);
            shoot_wait(mem, &wave, self);
            mem_lock(mem);
        }
        map_page(pm, pfn)->holders = 0;
    }
    add_relaxed(&mem->shoot.shootdowns, 1);
}

/* Until nobody uses the frame behind the page, whichever it is by then. */
static disco_status frame_wait(struct physmap *pm, struct pfn pfn, int to_move,
                               struct shoot_vcpu *self, uint64_t *entry)
{
    disco_status status;
    struct frame *frame;
    unsigned spins = 0;

    for (;;) {
        *entry = physmap_entry(pm, pfn);
        status = may_isolate(pm, *entry, to_move);
        if (status)
            break;
        frame = entry_frame(pm, *entry);
        if (!frame_is_in_use(pm->mem, frame))
            return 0;
        if (spins >= PAGE_WAITS)
            break;
        frame_want(pm->mem, frame, 1);
        physmap_yield(pm, self, &spins);
    }
    if (spins && (*entry & MAP_PRESENT))
        frame_want(pm->mem, entry_frame(pm, *entry), 0);
    return status ? status : DISCO_E_BUSY;
}

disco_status frame_isolate(struct physmap *pm, struct pfn pfn, int to_move,
                           struct shoot_vcpu *self, uint64_t *entry)
{
    disco_status status = frame_wait(pm, pfn, to_move, self, entry);
    struct frame *frame;

    if (status)
        return status;
    frame = entry_frame(pm, *entry);
    mark_all(pm->mem, frame);
    shoot_all_mappings(pm->mem, frame, self);
    return 0;
}

disco_status frame_isolate_for(struct physmap *pm, struct pfn pfn,
                               uint32_t node, int to_move,
                               struct shoot_vcpu *self, uint64_t *entry,
                               struct mfn *to)
{
    disco_status status;

    status = mem_take(pm->mem, node, FRAME_STRICT | FRAME_DIRTY, self, to);
    if (status)
        return status;
    status = frame_isolate(pm, pfn, to_move, self, entry);
    if (status)
        frame_give(&pm->mem->frames, *to);
    return status;
}

void frame_settle(struct mem *mem, struct frame *frame, struct mfn mfn,
                  uint64_t keep, uint64_t add)
{
    uint64_t entry;
    struct physmap *pm;
    struct map_ref ref;
    struct pfn pfn;

    if (frame->state == FRAME_COMMON)
        add |= MAP_SHARED;
    for (ref = frame->first; ref.n; ref = map_page(pm, pfn)->next) {
        pm = map_ref_map(mem, ref);
        pfn = map_ref_pfn(ref);
        entry = physmap_entry(pm, pfn);
        if (entry & MAP_WRITE & ~keep)
            entry |= MAP_COW;
        physmap_set(pm, pfn, entry_make(mfn, (entry & (keep | MAP_COW)) | add));
    }
    frame->is_moving = 0;
}

disco_status page_release(struct physmap *pm, struct pfn pfn,
                          struct shoot_vcpu *self)
{
    disco_status status;
    uint64_t entry;

    mem_lock(pm->mem);
    pm->mem->moves++;
    entry = physmap_entry(pm, pfn);
    if ((entry & MAP_PRESENT) && entry_frame(pm, entry)->state == FRAME_COMMON)
        status = DISCO_E_BUSY; /* it is not this VM's to give away */
    else
        status = page_isolate(pm, pfn, self, &entry);
    if (!status) {
        linemon_page_moved(pm->mem->lm, entry_host(pm, entry));
        physmap_set(pm, pfn, 0);
        map_page(pm, pfn)->kind = DISCO_KIND_NONE;
        frame_release(pm->mem, entry_mfn(entry));
    }
    pm->mem->moves--;
    mem_unlock(pm->mem);
    return status;
}

/* All references of an isolated frame go over to a LOOSE one. */
static void hand_over(struct mem *mem, struct mfn from, struct mfn to)
{
    struct frame *old = frame_of(&mem->frames, from);
    struct frame *new = frame_of(&mem->frames, to);
    uint64_t flags;
    struct physmap *pm;
    struct pfn pfn;

    if (old->state != FRAME_PRIVATE)
        frame_become(&mem->frames, new, old->state);
    new->holds = old->holds;
    new->home = old->home;
    old->holds = 0;
    old->home = NULL;
    if (new->home)
        *new->home = to;
    while (old->first.n) {
        pm = map_ref_map(mem, old->first);
        pfn = map_ref_pfn(old->first);
        flags = physmap_entry(pm, pfn) & (MAP_WRITE | MAP_COW);
        if (new->state == FRAME_COMMON)
            flags |= MAP_SHARED;
        physmap_set(pm, pfn, entry_make(to, flags));
        add_relaxed(&pm->stats.migrated, 1);
    }
    old->is_moving = 0;
    if (unlikely(mem->frames.watch.moved != NULL))
        mem->frames.watch.moved(mem->frames.watch.opaque, from, to);
    frame_release(mem, from);
}

static void move_content(struct mem *mem, struct mfn from, struct mfn to,
                         struct move_clock *clock)
{
    uint8_t *old = frame_host(&mem->frames, from);

    frame_drop_copies(mem, frame_of(&mem->frames, from));
    mem_unlock(mem);
    move_clock_copy(clock);
    memcpy(frame_host(&mem->frames, to), old, PAGE_BYTES);
    linemon_page_moved(mem->lm, old);
    move_clock_copied(clock);
    mem_lock(mem);
    hand_over(mem, from, to);
}

static disco_status migrate(struct physmap *pm, struct pfn pfn, uint32_t node,
                            struct shoot_vcpu *self, struct move_clock *clock)
{
    uint64_t entry = physmap_entry(pm, pfn);
    struct mem *mem = pm->mem;
    disco_status status = may_isolate(pm, entry, 1);
    struct mfn to;

    if (status)
        return status;
    if (mfn_node(entry_mfn(entry)) == node && !(entry & MAP_REPLICATED))
        return 0;
    status = frame_isolate_for(pm, pfn, node, 1, self, &entry, &to);
    if (status)
        return status;
    move_content(mem, entry_mfn(entry), to, clock);
    move_clock_end(clock, &mem->migrate);
    return 0;
}

disco_status page_migrate(struct physmap *pm, struct pfn pfn, uint32_t node,
                          struct shoot_vcpu *self)
{
    struct move_clock clock;
    disco_status status;

    mem_lock(pm->mem);
    pm->mem->moves++;
    move_clock_begin(&clock);
    status = migrate(pm, pfn, node, self, &clock);
    pm->mem->moves--;
    mem_unlock(pm->mem);
    return status;
}
