/*
 * footprint.c - see footprint.h.
 */
#include "mem/footprint.h"

#include "mem/move.h"

enum { WALK_PIECE = 64 }; /* leaves of a map, chunks of a pool, per lock */

/* Of several uses the one that tells most. */
static uint32_t weight(uint32_t kind)
{
    static const uint8_t weights[DISCO_KINDS] = {
        [DISCO_KIND_DATA] = 1,
        [DISCO_KIND_BUFFER] = 2,
        [DISCO_KIND_USER_TEXT] = 3,
        [DISCO_KIND_KERNEL_TEXT] = 4,
    };

    return kind < DISCO_KINDS ? weights[kind] : 0;
}

static uint32_t kind_of(const struct map_page *page)
{
    return page->kind && page->kind < DISCO_KINDS ? page->kind
                                                  : DISCO_KIND_DATA;
}

/* Long lists are not walked to their end: bounded work. */
static uint32_t frame_kind(struct mem *mem, const struct frame *frame)
{
    uint32_t kind = DISCO_KIND_DATA, n, k;
    const struct map_page *page;
    struct map_ref ref = frame->first;

    for (n = 0; ref.n && n < 64; n++, ref = page->next) {
        page = map_page(map_ref_map(mem, ref), map_ref_pfn(ref));
        k = kind_of(page);
        if (weight(k) > weight(kind))
            kind = k;
    }
    return kind;
}

static void add_page(struct physmap *pm, struct pfn pfn, uint64_t entry,
                     int divided, disco_footprint *out)
{
    const struct frame *frame = entry_frame(pm, entry);
    uint32_t kind = kind_of(map_page(pm, pfn)), machine = kind;
    uint32_t node = mfn_node(entry_mfn(entry));
    uint64_t bytes = PAGE_BYTES;

    out->kind[kind].virtual_bytes += PAGE_BYTES;
    if (frame_is_shared(frame))
        out->shared_bytes += PAGE_BYTES;
    if (frame->maps == 1 && !frame->holds)
        out->unshared_bytes += PAGE_BYTES;
    if (divided) {
        bytes /= frame->maps;
    } else {
        if (frame->first.n != map_ref_make(pm, pfn).n)
            return;
        machine = frame_kind(pm->mem, frame);
    }
    out->kind[machine].machine_bytes += bytes;
    if (node < pm->mem->frames.nodes)
        out->node_bytes[node] += bytes;
}

static void add_leaf(struct physmap *pm, uint64_t leaf, int divided,
                     disco_footprint *out)
{
    struct pfn pfn = { leaf * MAP_LEAF };
    uint64_t end = pfn.n + MAP_LEAF, entry;

    for (; pfn.n < end; pfn.n++) {
        entry = physmap_entry(pm, pfn);
        if ((entry & MAP_PRESENT) && !(entry & MAP_FOREIGN))
            add_page(pm, pfn, entry, divided, out);
    }
}

void footprint_add_map(struct physmap *pm, int divided, disco_footprint *out)
{
    uint64_t leaf, walked = 0;

    mem_lock(pm->mem);
    for (leaf = 0; leaf < pm->root_count; leaf++) {
        if (!pm->root[leaf])
            continue;
        add_leaf(pm, leaf, divided, out);
        if (++walked % WALK_PIECE == 0) {
            mem_unlock(pm->mem);
            mem_lock(pm->mem);
        }
    }
    mem_unlock(pm->mem);
}

static void add_unmapped(const struct frame *frame, uint32_t node,
                         disco_footprint *out)
{
    if (frame->state == FRAME_REPLICA) {
        out->replica_bytes += PAGE_BYTES;
        out->kind[DISCO_KIND_DATA].machine_bytes += PAGE_BYTES;
    } else if (frame->state == FRAME_SHARED && !frame->maps) {
        out->cached_bytes += PAGE_BYTES;
        out->kind[DISCO_KIND_BUFFER].machine_bytes += PAGE_BYTES;
    } else {
        return;
    }
    out->node_bytes[node] += PAGE_BYTES;
}

void footprint_add_unmapped(struct mem *mem, disco_footprint *out)
{
    struct frames *f = &mem->frames;
    uint64_t index;
    struct mfn mfn;
    uint32_t node;

    mem_lock(mem);
    for (node = 0; node < f->nodes; node++) {
        for (index = 0; index < f->pool[node].chunks * CHUNK_FRAMES; index++) {
            mfn = mfn_make(node, index);
            if (index % ((uint64_t)WALK_PIECE * CHUNK_FRAMES) == 0) {
                mem_unlock(mem);
                mem_lock(mem);
            }
            if (!frame_exists(f, mfn))
                index |= CHUNK_FRAMES - 1;
            else
                add_unmapped(frame_of(f, mfn), node, out);
        }
    }
    mem_unlock(mem);
}
