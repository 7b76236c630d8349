/*
 * region.c - see region.h.
 */
#include "mem/region.h"

#include <string.h>

/* Index of the first region that ends after `gpa`. */
static uint32_t first_after(const struct region_set *set, uint64_t gpa)
{
    uint32_t low = 0, high = set->count, mid;

    while (low < high) {
        mid = low + (high - low) / 2;
        if (set->v[mid]->gpa + (set->v[mid]->bytes - 1) < gpa)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

struct disco_region *region_find(const struct region_set *set, uint64_t gpa)
{
    uint32_t i = first_after(set, gpa);

    if (i < set->count && set->v[i]->gpa <= gpa)
        return set->v[i];
    return NULL;
}

struct disco_region *region_overlap(const struct region_set *set, uint64_t gpa,
                                    uint64_t bytes)
{
    uint32_t i = first_after(set, gpa);

    if (i < set->count && set->v[i]->gpa <= gpa + (bytes - 1))
        return set->v[i];
    return NULL;
}

struct disco_region *region_by_key(const struct region_set *set,
                                   const char *key)
{
    uint32_t i;

    for (i = 0; i < set->count; i++)
        if (set->v[i]->key && !strcmp(set->v[i]->key, key))
            return set->v[i];
    return NULL;
}

void region_insert(struct region_set *set, struct disco_region *region)
{
    uint32_t i = first_after(set, region->gpa);

    memmove(&set->v[i + 1], &set->v[i], (set->count - i) * sizeof(*set->v));
    set->v[i] = region;
    set->count++;
    set->generation++;
}

void region_remove(struct region_set *set, struct disco_region *region)
{
    uint32_t i;

    for (i = 0; set->v[i] != region; i++)
        ;
    set->count--;
    memmove(&set->v[i], &set->v[i + 1], (set->count - i) * sizeof(*set->v));
    set->generation++;
}
