/*
 * engine.c - see engine.h.
 */
#include "numa/engine.h"

#include <string.h>

#include "base/bits.h"

#define SECOND_NS UINT64_C(1000000000)

disco_status engine_init(struct engine *e, struct alloc *alloc, uint32_t nodes,
                         const disco_placement_config *config,
                         const struct engine_ops *ops)
{
    disco_status status;

    memset(e, 0, sizeof(*e));
    e->alloc = alloc;
    e->nodes = nodes;
    e->ops = *ops;
    e->policy = *config->ops;
    e->policy_opaque = config->opaque;
    e->params = *config->params;
    e->tick_pages = config->tick_pages;
    e->tick_ns = config->tick_ns;
    e->rate = config->rate;
    e->tokens = e->rate * SECOND_NS / 10;
    e->log_room = config->log_events;
    status = counters_init(&e->counters, alloc, nodes, config->pages,
                           e->params.trigger);
    if (status)
        return status;
    e->batch = alloc_array(alloc, e->tick_pages, sizeof(*e->batch));
    e->log = alloc_array(alloc, e->log_room, sizeof(*e->log));
    if (e->batch && e->log)
        return 0;
    engine_destroy(e);
    return DISCO_E_NOMEM;
}

void engine_destroy(struct engine *e)
{
    alloc_free(e->alloc, e->batch, e->tick_pages * sizeof(*e->batch));
    alloc_free(e->alloc, e->log, e->log_room * sizeof(*e->log));
    counters_destroy(&e->counters);
}

/* --- Remembering -----------------------------------------------------------
 */

/* Lock held. */
static void count_done(struct engine *e, uint32_t action)
{
    switch (action) {
    case DISCO_PLACE_MIGRATE:
        e->stats.migrations++;
        break;
    case DISCO_PLACE_REPLICATE:
        e->stats.replications++;
        break;
    case DISCO_PLACE_COLLAPSE:
        e->stats.collapses++;
        break;
    default:
        e->stats.frozen++;
        break;
    }
}

/* Lock held. */
static void remember(struct engine *e, const disco_placement_event *event)
{
    disco_placement_event *slot = &e->log[e->log_next % e->log_room];

    *slot = *event;
    slot->serial = e->log_next++;
    slot->now_ns = e->now_ns;
    if (event->refused)
        e->stats.refused[event->refused]++;
    else
        count_done(e, event->action);
}

/* --- One page --------------------------------------------------------------
 */

/* A hot page in hand.  `page` points to the counts in `copy`. */
struct hot {
    uint64_t name;
    disco_policy_page page;
    struct counted_copy copy;
};

/* Lock held.  A write may have joined the page's copies since we looked last:
 * that is a move, too, or pages would be copied for ever. */
static void see_copies(struct engine *e, struct counted *c, uint64_t copies)
{
    int has_copies = (copies & (copies - 1)) != 0;

    if (c->had_copies && !has_copies) {
        e->stats.broken++;
        c->moves = (uint16_t)min_u64(c->moves + UINT64_C(1), UINT16_MAX);
    }
    c->had_copies = (uint8_t)has_copies;
}

/* Lock held. */
static void thaw(struct engine *e, struct counted *c)
{
    if (!c->is_frozen || e->params.thaw == UINT32_MAX ||
        (int32_t)(e->counters.interval - c->thaw) < 0)
        return;
    c->is_frozen = 0;
    c->moves = 0;
    e->stats.thawed++;
}

/* Counts and state of the page: 1, or 0 when it may not be acted upon. */
static int pick_up(struct engine *e, struct hot *h)
{
    struct engine_look look;
    struct counted *c;
    int may = 0;

    if (e->ops.look(e->ops.opaque, h->name, &look))
        return 0;
    memset(&h->page, 0, sizeof(h->page));
    h->page.size = sizeof(h->page);
    h->page.nodes = e->nodes;
    h->page.node = look.node;
    h->page.copies = look.copies | UINT64_C(1) << look.node;
    h->page.pressed = look.pressed;
    h->page.reads = h->copy.count;
    h->page.writes = h->copy.count + e->nodes;
    lock_take(&e->counters.lock);
    c = counters_find(&e->counters, h->name);
    if (c) {
        see_copies(e, c, h->page.copies);
        thaw(e, c);
        counters_save(&e->counters, h->name, &h->copy);
        h->page.moves = c->moves;
        if (c->move_interval == e->counters.interval)
            h->page.interval_moves = c->interval_moves;
        may = !c->is_frozen;
    }
    lock_give(&e->counters.lock);
    return may;
}

/* The page moved, or was copied. */
static void note_move(struct engine *e, struct hot *h, uint64_t new_name,
                      uint32_t action)
{
    struct counted *c;

    c = counters_find(&e->counters, new_name);
    if (new_name != h->name) {
        /* Its counts may have come with it already. */
        if (!c)
            c = counters_restore(&e->counters, new_name, &h->copy);
        counters_forget(&e->counters, h->name);
    }
    if (!c)
        return;
    if (c->move_interval != e->counters.interval) {
        c->move_interval = e->counters.interval;
        c->interval_moves = 0;
    }
    if (action == DISCO_PLACE_MIGRATE) {
        c->moves = (uint16_t)min_u64(c->moves + UINT64_C(1), UINT16_MAX);
        c->interval_moves++;
    }
    c->had_copies = action == DISCO_PLACE_REPLICATE;
    h->page.moves = c->moves;
}

static void freeze(struct engine *e, struct hot *h)
{
    struct counted *c = counters_find(&e->counters, h->name);

    if (!c)
        return;
    c->is_frozen = 1;
    c->thaw = e->counters.interval + e->params.thaw;
}

/* Is it an action that makes sense?  0 or DISCO_REFUSED_*. */
static uint32_t check(struct engine *e, const struct hot *h, uint32_t action,
                      uint32_t node)
{
    int has_copies = (h->page.copies & (h->page.copies - 1)) != 0;

    if (action == DISCO_PLACE_FREEZE)
        return 0;
    if (action == DISCO_PLACE_COLLAPSE)
        return has_copies ? 0 : DISCO_REFUSED_SAME;
    if (action != DISCO_PLACE_MIGRATE && action != DISCO_PLACE_REPLICATE)
        return DISCO_REFUSED_UNKNOWN;
    if (node >= e->nodes)
        return DISCO_REFUSED_NODE;
    if (h->page.copies >> node & 1)
        return DISCO_REFUSED_SAME;
    if (h->page.moves >= e->params.freeze)
        return DISCO_REFUSED_FROZEN;
    if (e->rate && e->tokens < SECOND_NS)
        return DISCO_REFUSED_RATE;
    return 0;
}

/* Check, do, remember.  1 when it was done. */
static int carry_out(struct engine *e, struct hot *h, uint32_t action,
                     uint32_t node)
{
    disco_placement_event event = { .page = h->name,
                                    .action = action,
                                    .from_node = h->page.node,
                                    .to_node = node };
    uint64_t name = h->name;

    if (action == DISCO_PLACE_FREEZE || action == DISCO_PLACE_COLLAPSE)
        event.to_node = event.from_node;
    event.refused = check(e, h, action, node);
    if (!event.refused && action != DISCO_PLACE_FREEZE)
        event.refused = e->ops.act(e->ops.opaque, action, node, &name);
    lock_take(&e->counters.lock);
    if (action == DISCO_PLACE_FREEZE || event.refused == DISCO_REFUSED_FROZEN)
        freeze(e, h);
    else if (!event.refused)
        note_move(e, h, name, action);
    event.moves = h->page.moves;
    remember(e, &event);
    lock_give(&e->counters.lock);
    h->name = name;
    if (event.refused || action == DISCO_PLACE_FREEZE)
        return 0;
    if (e->rate)
        e->tokens -= SECOND_NS;
    return 1;
}

/*
 * Ask the policy until it has had enough: a page may be copied to several nodes
 * in one go, everything else happens once.
 */
static uint32_t handle(struct engine *e, uint64_t name)
{
    struct hot h = { .name = name };
    uint32_t turn, action, node, done = 0;

    for (turn = 0; turn < e->nodes; turn++) {
        if (!e->policy.decide || !pick_up(e, &h))
            break;
        node = h.page.node;
        action = e->policy.decide(e->policy_opaque, &e->params, &h.page, &node);
        if (action == DISCO_PLACE_NONE)
            break;
        if (!carry_out(e, &h, action, node))
            break;
        done++;
        if (action != DISCO_PLACE_REPLICATE)
            break;
    }
    return done;
}

/* --- A tick ----------------------------------------------------------------
 */

/* Time has passed: what the rate allows, at most a tenth of a second's. */
static void earn(struct engine *e, uint64_t passed_ns)
{
    uint64_t most = max_u64(e->rate * SECOND_NS / 10, SECOND_NS);

    if (!e->rate)
        return;
    passed_ns = min_u64(passed_ns, SECOND_NS);
    e->tokens = min_u64(e->tokens + e->rate * passed_ns, most);
}

/* The interval ends when its time is over, after the tick that sees it. */
static void turn_interval(struct engine *e)
{
    if (e->now_ns < e->reset_ns)
        return;
    e->reset_ns = e->now_ns + e->params.reset_ns;
    counters_next_interval(&e->counters);
    e->stats.intervals++;
}

uint32_t engine_tick(struct engine *e, uint64_t now_ns)
{
    uint64_t start = e->tick_ns ? host_ns() : 0;
    uint32_t i, count, done = 0;

    now_ns = max_u64(now_ns, e->now_ns);
    earn(e, now_ns - e->now_ns);
    if (!e->stats.ticks)
        e->reset_ns = now_ns + e->params.reset_ns;
    e->now_ns = now_ns;
    lock_take(&e->counters.lock);
    e->stats.ticks++;
    count = counters_take_hot(&e->counters, e->batch, e->tick_pages);
    lock_give(&e->counters.lock);
    for (i = 0; i < count; i++) {
        if (e->tick_ns && host_ns() - start >= e->tick_ns)
            break;
        done += handle(e, e->batch[i]);
    }
    lock_take(&e->counters.lock);
    e->counters.hot_lost += count - i;
    turn_interval(e);
    lock_give(&e->counters.lock);
    return done;
}

/* --- Looking at it ---------------------------------------------------------
 */

void engine_stats(struct engine *e, disco_placement_stats *out)
{
    lock_take(&e->counters.lock);
    *out = e->stats;
    out->size = sizeof(*out);
    out->pages = e->counters.used;
    out->hot = e->counters.hot_seen;
    out->hot_lost = e->counters.hot_lost;
    out->evicted = e->counters.evicted;
    lock_give(&e->counters.lock);
}

uint32_t engine_log(struct engine *e, uint64_t *serial,
                    disco_placement_event *out, uint32_t count)
{
    uint64_t oldest, at;
    uint32_t n = 0;

    lock_take(&e->counters.lock);
    oldest = e->log_next > e->log_room ? e->log_next - e->log_room : 0;
    at = max_u64(*serial, oldest);
    for (; n < count && at < e->log_next; n++, at++)
        out[n] = e->log[at % e->log_room];
    *serial = max_u64(at, min_u64(*serial, e->log_next));
    lock_give(&e->counters.lock);
    return n;
}
