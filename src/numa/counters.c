/*
 * counters.c - see counters.h.
 */
#include "numa/counters.h"

#include <string.h>

#include "base/compiler.h"

static uint32_t *counts_of(const struct counters *c, const struct counted *page)
{
    return c->count + (uint64_t)(page - c->page) * 2 * c->nodes;
}

static uint64_t counts_bytes(const struct counters *c)
{
    return 2 * c->nodes * sizeof(*c->count);
}

disco_status counters_init(struct counters *c, struct alloc *alloc,
                           uint32_t nodes, uint32_t pages, uint32_t trigger)
{
    uint64_t room;

    memset(c, 0, sizeof(*c));
    c->alloc = alloc;
    c->nodes = nodes;
    c->trigger = trigger;
    for (c->sets = 1; c->sets * COUNTERS_WAYS < pages;)
        c->sets *= 2;
    room = (uint64_t)c->sets * COUNTERS_WAYS;
    if (lock_init(&c->lock))
        return DISCO_E_NOMEM;
    c->page = alloc_array(alloc, room, sizeof(*c->page));
    c->count = alloc_array(alloc, room, counts_bytes(c));
    if (c->page && c->count)
        return 0;
    counters_destroy(c);
    return DISCO_E_NOMEM;
}

void counters_destroy(struct counters *c)
{
    uint64_t room = (uint64_t)c->sets * COUNTERS_WAYS;

    alloc_free(c->alloc, c->page, room * sizeof(*c->page));
    alloc_free(c->alloc, c->count, room * counts_bytes(c));
    lock_destroy(&c->lock);
}

static struct counted *set_of(const struct counters *c, uint64_t name)
{
    uint64_t h = name * UINT64_C(0x9e3779b97f4a7c15);

    return c->page + (h >> 32 & (c->sets - 1)) * COUNTERS_WAYS;
}

struct counted *counters_find(struct counters *c, uint64_t name)
{
    struct counted *set = set_of(c, name);
    uint32_t i;

    for (i = 0; i < COUNTERS_WAYS; i++)
        if (set[i].name == name + 1)
            return &set[i];
    return NULL;
}

/* Counts of another interval are zeroes now. */
static void refresh(struct counters *c, struct counted *page)
{
    if (page->interval == c->interval)
        return;
    page->interval = c->interval;
    page->is_hot = 0;
    memset(counts_of(c, page), 0, counts_bytes(c));
}

/* What would be lost with the page: what is known of its moves is dear. */
static uint64_t worth(const struct counters *c, const struct counted *page)
{
    const uint32_t *count = counts_of(c, page);
    uint64_t sum = (uint64_t)page->moves << 16 | (uint64_t)page->is_frozen
                                                     << 40;
    uint32_t i;

    for (i = 0; i < 2 * c->nodes && page->interval == c->interval; i++)
        sum += count[i];
    return sum;
}

static struct counted *make_room(struct counters *c, uint64_t name)
{
    struct counted *set = set_of(c, name), *victim = NULL;
    uint64_t least = 0, w;
    uint32_t i;

    for (i = 0; i < COUNTERS_WAYS; i++) {
        if (!set[i].name)
            return &set[i];
        w = worth(c, &set[i]);
        if (!victim || w < least) {
            victim = &set[i];
            least = w;
        }
    }
    c->evicted++;
    c->used--;
    return victim;
}

static struct counted *find_or_make(struct counters *c, uint64_t name)
{
    struct counted *page = counters_find(c, name);

    if (!page) {
        page = make_room(c, name);
        memset(page, 0, sizeof(*page));
        memset(counts_of(c, page), 0, counts_bytes(c));
        page->name = name + 1;
        page->interval = c->interval;
        page->move_interval = c->interval;
        c->used++;
    }
    refresh(c, page);
    return page;
}

static uint32_t add_up(uint32_t *count, uint32_t n)
{
    *count = *count > UINT32_MAX - n ? UINT32_MAX : *count + n;
    return *count;
}

static void queue(struct counters *c, struct counted *page)
{
    c->hot_seen++;
    if (c->hot_count == COUNTERS_HOT) {
        c->hot_lost++;
        return;
    }
    page->is_hot = 1;
    c->hot[c->hot_count++] = page->name - 1;
}

void counters_add(struct counters *c, uint64_t name, uint32_t home,
                  uint32_t node, uint32_t reads, uint32_t writes)
{
    struct counted *page = find_or_make(c, name);
    uint32_t *count = counts_of(c, page);
    uint64_t before = (uint64_t)count[node] + count[c->nodes + node];
    uint64_t after;

    after = (uint64_t)add_up(&count[node], reads) +
            add_up(&count[c->nodes + node], writes);
    if (node != home && !page->is_hot && before < c->trigger &&
        after >= c->trigger)
        queue(c, page);
}

void counters_read(const struct counters *c, const struct counted *page,
                   uint32_t *out)
{
    if (page->interval == c->interval)
        memcpy(out, counts_of(c, page), counts_bytes(c));
    else
        memset(out, 0, counts_bytes(c));
}

int counters_save(struct counters *c, uint64_t name, struct counted_copy *out)
{
    struct counted *page = counters_find(c, name);

    if (!page)
        return 0;
    refresh(c, page);
    out->page = *page;
    memcpy(out->count, counts_of(c, page), counts_bytes(c));
    return 1;
}

struct counted *counters_restore(struct counters *c, uint64_t name,
                                 const struct counted_copy *copy)
{
    struct counted *page = find_or_make(c, name);
    uint32_t *count = counts_of(c, page), i;

    page->moves = copy->page.moves;
    page->interval_moves = copy->page.interval_moves;
    page->move_interval = copy->page.move_interval;
    page->is_frozen = copy->page.is_frozen;
    page->thaw = copy->page.thaw;
    page->had_copies = copy->page.had_copies;
    for (i = 0; i < 2 * c->nodes && copy->page.interval == c->interval; i++)
        add_up(&count[i], copy->count[i]);
    return page;
}

void counters_forget(struct counters *c, uint64_t name)
{
    struct counted *page = counters_find(c, name);

    if (!page)
        return;
    page->name = 0;
    c->used--;
}

/* Let the name at `at` sink in a heap of `n` with the highest on top. */
static void sink(uint64_t *heap, uint32_t at, uint32_t n)
{
    uint64_t name = heap[at];
    uint32_t child;

    for (; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && heap[child + 1] > heap[child])
            child++;
        if (heap[child] <= name)
            break;
        heap[at] = heap[child];
    }
    heap[at] = name;
}

/* In place: qsort may ask for memory behind the allocator's back. */
static void sort_names(uint64_t *names, uint32_t n)
{
    uint64_t top;
    uint32_t i;

    for (i = n / 2; i-- > 0;)
        sink(names, i, n);
    while (n > 1) {
        top = names[0];
        names[0] = names[--n];
        names[n] = top;
        sink(names, 0, n);
    }
}

uint32_t counters_take_hot(struct counters *c, uint64_t *out, uint32_t max)
{
    uint32_t i, n = max < c->hot_count ? max : c->hot_count;
    struct counted *page;

    sort_names(c->hot, c->hot_count);
    memcpy(out, c->hot, n * sizeof(*out));
    c->hot_count -= n;
    memmove(c->hot, c->hot + n, c->hot_count * sizeof(*c->hot));
    for (i = 0; i < n; i++) {
        page = counters_find(c, out[i]);
        if (page)
            page->is_hot = 0;
    }
    return n;
}

void counters_next_interval(struct counters *c)
{
    c->interval++;
    c->hot_lost += c->hot_count;
    c->hot_count = 0;
}
