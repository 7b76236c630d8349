/*
 * shootdown.c - see shootdown.h.
 */
#include "mem/shootdown.h"

#include <string.h>

#include "mem/mem.h"

static int all_has_room(const struct shoot_all *all)
{
    uint32_t i;

    for (i = 0; i < all->capacity; i++)
        if (!all->vcpu[i])
            return 1;
    return 0;
}

/* Make room for one more.  Called and returns with mem->lock held. */
static disco_status all_grow(struct mem *mem)
{
    struct shoot_all *all = &mem->vcpus;
    struct shoot_vcpu **bigger, **old;
    uint32_t capacity, was;

    while (!all_has_room(all)) {
        was = all->capacity;
        capacity = was ? was * 2 : 8;
        mem_unlock(mem);
        bigger = alloc_array(mem->alloc, capacity, sizeof(*bigger));
        mem_lock(mem);
        if (!bigger)
            return DISCO_E_NOMEM;
        old = bigger;
        if (all->capacity == was) {
            if (was)
                memcpy(bigger, all->vcpu, was * sizeof(*bigger));
            old = all->vcpu;
            all->vcpu = bigger;
            all->capacity = capacity;
            capacity = was;
        }
        mem_unlock(mem);
        alloc_free(mem->alloc, old, capacity * sizeof(*old));
        mem_lock(mem);
    }
    return 0;
}

disco_status shoot_register(struct mem *mem, struct shoot_set *set,
                            struct shoot_vcpu *s)
{
    disco_status status;
    uint32_t i = 0;

    if (lock_init(&s->lock))
        return DISCO_E_NOMEM;
    s->overflow = SHOOT_FITS;
    mem_lock(mem);
    status = all_grow(mem);
    if (status) {
        mem_unlock(mem);
        lock_destroy(&s->lock);
        return status;
    }
    while (mem->vcpus.vcpu[i])
        i++;
    mem->vcpus.vcpu[i] = s;
    set->vcpu[s->index] = s;
    set->mask |= UINT64_C(1) << s->index;
    mem_unlock(mem);
    return 0;
}

void shoot_unregister(struct mem *mem, struct shoot_set *set,
                      struct shoot_vcpu *s)
{
    unsigned spins = 0;
    uint32_t i;

    mem_lock(mem);
    for (i = 0; i < mem->vcpus.capacity; i++)
        if (mem->vcpus.vcpu[i] == s)
            mem->vcpus.vcpu[i] = NULL;
    set->vcpu[s->index] = NULL;
    set->mask &= ~(UINT64_C(1) << s->index);
    mem_unlock(mem);
    while (load_acquire(&s->waiters))
        wait_step(&spins);
    lock_destroy(&s->lock);
}

static void queue_add(struct shoot_vcpu *s, const struct shoot_item *item)
{
    int is_data = item->what == DISCO_DROP_FRAME ||
                  item->what == DISCO_DROP_WRITE ||
                  item->what == DISCO_DROP_DATA;

    if (s->count < SHOOT_QUEUE)
        s->item[s->count++] = *item;
    else if (!is_data)
        s->overflow = DISCO_DROP_ALL;
    else if (s->overflow == SHOOT_FITS)
        s->overflow = DISCO_DROP_DATA;
}

/* Post one item (NULL: only ask for a poll) and join the wave if it runs. */
static void post_one(struct shoot_wave *wave, struct shoot_vcpu *s,
                     const struct shoot_item *item,
                     const struct shoot_vcpu *self)
{
    uint64_t ticket;

    lock_take(&s->lock);
    if (item)
        queue_add(s, item);
    ticket = ++s->posted;
    or_seq(&s->request, DISCO_REQ_INVALIDATE);
    lock_give(&s->lock);
    if (s == self || load_seq(&s->state) == SHOOT_PARKED)
        return;
    add_seq(&s->waiters, 1);
    wave->vcpu[wave->count] = s;
    wave->ticket[wave->count++] = ticket;
}

/* Make room in a full wave: the first ones are still to be waited for. */
static int wave_entry(const struct shoot_wave *wave, const struct shoot_vcpu *s,
                      uint32_t *at)
{
    for (*at = 0; *at < wave->count; (*at)++)
        if (wave->vcpu[*at] == s)
            return 1;
    return 0;
}

void shoot_post(struct shoot_wave *wave, struct shoot_set *set, uint64_t mask,
                const struct shoot_item *item, const struct shoot_vcpu *self)
{
    struct shoot_vcpu *s;
    uint32_t at, before;
    uint64_t left;

    for (left = mask & set->mask; left; left &= left - 1) {
        s = set->vcpu[__builtin_ctzll(left)];
        if (!wave_entry(wave, s, &at)) {
            post_one(wave, s, item, self);
            continue;
        }
        /* Second item for the same vCPU: wait for the later ticket only. */
        before = wave->count--;
        wave->vcpu[at] = wave->vcpu[before - 1];
        wave->ticket[at] = wave->ticket[before - 1];
        sub_seq(&s->waiters, 1);
        post_one(wave, s, item, self);
    }
}

static int has_passed(struct shoot_vcpu *s, uint64_t ticket)
{
    return load_acquire(&s->served) >= ticket ||
           load_seq(&s->state) == SHOOT_PARKED;
}

static void wait_all(struct shoot_wave *wave)
{
    unsigned spins = 0;
    uint32_t i;

    for (i = 0; i < wave->count; i++) {
        while (!has_passed(wave->vcpu[i], wave->ticket[i]))
            wait_step(&spins);
        sub_seq(&wave->vcpu[i]->waiters, 1);
    }
    wave->count = 0;
}

void shoot_wait(struct mem *mem, struct shoot_wave *wave,
                struct shoot_vcpu *self)
{
    uint64_t start;
    int was_running = self && load_relaxed(&self->state) == SHOOT_RUNNING;

    add_relaxed(&mem->shoot.shootdowns, 1);
    if (!wave->count)
        return;
    add_relaxed(&mem->shoot.waits, 1);
    start = host_ns();
    if (was_running)
        shoot_park(self);
    wait_all(wave);
    if (was_running)
        shoot_unpark(self);
    add_relaxed(&mem->shoot.wait_ns, host_ns() - start);
}

void shoot_barrier(struct mem *mem, struct shoot_vcpu *self)
{
    struct shoot_wave wave;
    uint32_t i = 0, end;
    struct shoot_vcpu *s;

    shoot_park(self);
    do {
        shoot_wave_init(&wave);
        mem_lock(mem);
        end = mem->vcpus.capacity;
        for (; i < end && wave.count < SHOOT_SET_MAX; i++) {
            s = mem->vcpus.vcpu[i];
            if (s && s != self && load_seq(&s->state) == SHOOT_RUNNING)
                post_one(&wave, s, NULL, self);
        }
        mem_unlock(mem);
        wait_all(&wave);
    } while (i < end);
    shoot_unpark(self);
}

void shoot_serve(struct shoot_vcpu *s)
{
    struct shoot_item item[SHOOT_QUEUE];
    struct shoot_item rest = { 0, NULL, 0 };
    uint32_t count, i;
    uint64_t ticket;

    lock_take(&s->lock);
    count = s->count;
    if (count)
        memcpy(item, s->item, count * sizeof(*item));
    rest.what = s->overflow;
    s->count = 0;
    s->overflow = SHOOT_FITS;
    ticket = s->posted;
    and_seq(&s->request, ~(uint32_t)DISCO_REQ_INVALIDATE);
    lock_give(&s->lock);
    for (i = 0; i < count && rest.what != DISCO_DROP_ALL; i++)
        if (rest.what == SHOOT_FITS || item[i].what == DISCO_DROP_CODE)
            s->invalidate(s->opaque, &item[i]);
    if (rest.what != SHOOT_FITS)
        s->invalidate(s->opaque, &rest);
    store_release(&s->served, ticket);
}
