/*
 * directory.c - see directory.h.  Linear probing; a removal closes the gap.
 */
#include "numa/directory.h"

#include <stddef.h>

disco_status directory_init(struct directory *d, struct alloc *alloc,
                            uint64_t lines)
{
    d->capacity = 16;
    while (d->capacity < 2 * lines)
        d->capacity *= 2;
    d->count = 0;
    d->entry = alloc_array(alloc, d->capacity, sizeof(*d->entry));
    return d->entry ? 0 : DISCO_E_NOMEM;
}

void directory_destroy(struct directory *d, struct alloc *alloc)
{
    alloc_free(alloc, d->entry, d->capacity * sizeof(*d->entry));
    d->entry = NULL;
}

static uint64_t place_of(const struct directory *d, uint64_t name)
{
    uint64_t h = name * UINT64_C(0x9e3779b97f4a7c15);

    return (h ^ h >> 32) & (d->capacity - 1);
}

/* Its slot, or the free one where it would go. */
static struct directory_entry *slot_of(const struct directory *d, uint64_t name)
{
    uint64_t i = place_of(d, name);

    while (d->entry[i].sharers && d->entry[i].name != name)
        i = (i + 1) & (d->capacity - 1);
    return &d->entry[i];
}

struct directory_entry *directory_find(const struct directory *d, uint64_t name)
{
    struct directory_entry *e = slot_of(d, name);

    return e->sharers ? e : NULL;
}

void directory_add(struct directory *d, uint64_t name, uint32_t cpu,
                   uint32_t owned)
{
    struct directory_entry *e = slot_of(d, name);

    if (!e->sharers) {
        e->name = name;
        d->count++;
    }
    e->sharers |= UINT64_C(1) << cpu;
    e->owned = owned;
}

/* Move up what would not be found past the free slot at `gap`. */
static void close_gap(struct directory *d, uint64_t gap)
{
    uint64_t mask = d->capacity - 1, i = gap;

    for (;;) {
        i = (i + 1) & mask;
        if (!d->entry[i].sharers)
            return;
        if (((i - place_of(d, d->entry[i].name)) & mask) < ((i - gap) & mask))
            continue;
        d->entry[gap] = d->entry[i];
        d->entry[i].sharers = 0;
        gap = i;
    }
}

void directory_drop(struct directory *d, uint64_t name, uint32_t cpu)
{
    struct directory_entry *e = directory_find(d, name);

    if (!e)
        return;
    e->sharers &= ~(UINT64_C(1) << cpu);
    e->owned = 0;
    if (e->sharers)
        return;
    d->count--;
    close_gap(d, (uint64_t)(e - d->entry));
}
