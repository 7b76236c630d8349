/*
 * timer.c - see timer.h.
 */
#include "core/timer.h"

#include "core/vm.h"

int timers_init(struct timers *timers)
{
    timers->next = CLOCK_NEVER;
    return lock_init(&timers->lock);
}

void timers_destroy(struct disco_vm *vm)
{
    struct disco_timer *t;

    while ((t = vm->timers.owned)) {
        vm->timers.owned = t->next_owned;
        alloc_free(vm_alloc(vm), t, sizeof(*t));
    }
    lock_destroy(&vm->timers.lock);
}

/* One that fires now is looked at again when its callback is over. */
static struct disco_timer *first_ready(const struct timers *timers)
{
    struct disco_timer *t = timers->armed;

    while (t && t->is_firing)
        t = t->next;
    return t;
}

static void publish_next(struct timers *timers)
{
    struct disco_timer *t = first_ready(timers);

    store_relaxed(&timers->next, t ? t->deadline : CLOCK_NEVER);
}

static void disarm(struct timers *timers, struct disco_timer *t)
{
    struct disco_timer **link = &timers->armed;

    if (t->deadline == CLOCK_NEVER)
        return;
    while (*link != t)
        link = &(*link)->next;
    *link = t->next;
    t->deadline = CLOCK_NEVER;
}

/* Equal deadlines fire in the order in which they were armed. */
static void arm(struct timers *timers, struct disco_timer *t, uint64_t deadline)
{
    struct disco_timer **link = &timers->armed;

    if (deadline == CLOCK_NEVER)
        return;
    while (*link && (*link)->deadline <= deadline)
        link = &(*link)->next;
    t->deadline = deadline;
    t->serial = ++timers->serial;
    t->next = *link;
    *link = t;
}

/* *serial: 0 at first, then the last arm that counts. */
static struct disco_timer *take_due(struct timers *timers, uint64_t now,
                                    uint64_t *serial)
{
    struct disco_timer *t;

    lock_take(&timers->lock);
    if (!*serial)
        *serial = timers->serial;
    t = timers->armed;
    while (t && (t->is_firing || t->serial > *serial))
        t = t->next;
    if (t && t->deadline <= now) {
        disarm(timers, t);
        t->is_firing = 1;
        publish_next(timers);
    } else {
        t = NULL;
    }
    lock_give(&timers->lock);
    return t;
}

void timers_fire(struct disco_vm *vm, uint64_t now)
{
    struct timers *timers = &vm->timers;
    struct disco_timer *t;
    uint64_t serial = 0;

    while ((t = take_due(timers, now, &serial))) {
        t->fn(t->opaque, clock_cycles_to_ns(&vm->clock, now));
        lock_take(&timers->lock);
        t->is_firing = 0;
        publish_next(timers);
        lock_give(&timers->lock);
    }
}

disco_status disco_timer_create(disco_vm *vm, disco_timer_fn fn, void *opaque,
                                disco_timer **out)
{
    struct disco_timer *t;

    if (!vm || !fn || !out)
        return DISCO_E_INVAL;
    t = alloc_zeroed(vm_alloc(vm), sizeof(*t));
    if (!t)
        return vm_fail(vm, DISCO_E_NOMEM, 0, "timer: no host memory");
    t->vm = vm;
    t->fn = fn;
    t->opaque = opaque;
    t->deadline = CLOCK_NEVER;
    lock_take(&vm->timers.lock);
    t->next_owned = vm->timers.owned;
    vm->timers.owned = t;
    lock_give(&vm->timers.lock);
    *out = t;
    return 0;
}

void disco_timer_set(disco_timer *timer, uint64_t deadline_ns)
{
    struct disco_vm *vm;
    uint64_t before;
    int is_earlier;

    if (!timer)
        return;
    vm = timer->vm;
    lock_take(&vm->timers.lock);
    before = load_relaxed(&vm->timers.next);
    disarm(&vm->timers, timer);
    arm(&vm->timers, timer, clock_ns_to_cycles(&vm->clock, deadline_ns));
    publish_next(&vm->timers);
    is_earlier = load_relaxed(&vm->timers.next) < before;
    lock_give(&vm->timers.lock);
    if (is_earlier) /* slices under way end too late */
        vm_request_all(vm, DISCO_REQ_TIMER);
}

void disco_timer_destroy(disco_timer *timer)
{
    struct disco_timer **link;
    struct disco_vm *vm;

    if (!timer)
        return;
    vm = timer->vm;
    lock_take(&vm->timers.lock);
    disarm(&vm->timers, timer);
    publish_next(&vm->timers);
    for (link = &vm->timers.owned; *link != timer; link = &(*link)->next_owned)
        ;
    *link = timer->next_owned;
    lock_give(&vm->timers.lock);
    alloc_free(vm_alloc(vm), timer, sizeof(*timer));
}
