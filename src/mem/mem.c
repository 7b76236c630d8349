/*
 * mem.c - see mem.h.
 */
#include "mem/mem.h"

#include <string.h>

#include "base/bits.h"

disco_status mem_init(struct mem *mem, struct context *ctx, uint32_t nodes,
                      uint64_t node_bytes)
{
    disco_status status;

    memset(mem, 0, sizeof(*mem));
    mem->ctx = ctx;
    mem->alloc = &ctx->alloc;
    if (lock_init(&mem->lock))
        return DISCO_E_NOMEM;
    mem->lm = alloc_zeroed(mem->alloc, sizeof(*mem->lm));
    if (!mem->lm) {
        status = DISCO_E_NOMEM;
        goto fail_lock;
    }
    status =
        frames_init(&mem->frames, mem->alloc, nodes, node_bytes / PAGE_BYTES);
    if (status)
        goto fail_monitor;
    return 0;

fail_monitor:
    alloc_free(mem->alloc, mem->lm, sizeof(*mem->lm));
fail_lock:
    lock_destroy(&mem->lock);
    return status;
}

void mem_destroy(struct mem *mem)
{
    frames_destroy(&mem->frames);
    alloc_free(mem->alloc, mem->vcpus.vcpu,
               mem->vcpus.capacity * sizeof(*mem->vcpus.vcpu));
    alloc_free(mem->alloc, mem->maps, mem->maps_capacity * sizeof(*mem->maps));
    alloc_free(mem->alloc, mem->lm, sizeof(*mem->lm));
    lock_destroy(&mem->lock);
}

/* First free id, or the capacity.  Lock held. */
static uint32_t free_id(const struct mem *mem)
{
    uint32_t id = 1;

    while (id < mem->maps_capacity && mem->maps[id])
        id++;
    return id;
}

disco_status mem_add_map(struct mem *mem, struct physmap *pm, uint32_t *id)
{
    struct physmap **bigger, **old;
    uint32_t capacity, was;

    mem_lock(mem);
    while ((*id = free_id(mem)) >= mem->maps_capacity) {
        was = mem->maps_capacity;
        capacity = was ? was * 2 : 16;
        mem_unlock(mem);
        bigger = capacity > MEM_MAPS_MAX
                     ? NULL
                     : alloc_array(mem->alloc, capacity, sizeof(*bigger));
        if (!bigger)
            return DISCO_E_NOMEM;
        mem_lock(mem);
        old = bigger;
        if (mem->maps_capacity == was) {
            if (was)
                memcpy(bigger, mem->maps, was * sizeof(*bigger));
            old = mem->maps;
            mem->maps = bigger;
            mem->maps_capacity = capacity;
            capacity = was;
        }
        mem_unlock(mem);
        alloc_free(mem->alloc, old, capacity * sizeof(*old));
        mem_lock(mem);
    }
    mem->maps[*id] = pm;
    mem_unlock(mem);
    return 0;
}

void mem_remove_map(struct mem *mem, uint32_t id)
{
    mem_lock(mem);
    mem->maps[id] = NULL;
    mem_unlock(mem);
}

disco_status mem_grow(struct mem *mem, struct chunk_grow *g)
{
    disco_status status;

    mem_unlock(mem);
    status = chunk_grow_alloc(&mem->frames, g);
    mem_lock(mem);
    if (status)
        return status;
    chunk_grow_install(&mem->frames, g);
    if (g->root || g->leaf || g->mem || g->frames) {
        mem_unlock(mem);
        chunk_grow_drop(&mem->frames, g);
        mem_lock(mem);
    }
    return 0;
}

/* Largest power of two up to 8 that divides the address and fits. */
static unsigned unit_at(uintptr_t shared, uint64_t bytes)
{
    unsigned unit = 8;

    while ((shared & (unit - 1)) || unit > bytes)
        unit /= 2;
    return unit;
}

static void store_unit(uint8_t *shared, const uint8_t *src, unsigned unit)
{
    if (unit == 8)
        store_relaxed((uint64_t *)(void *)shared, load_host64(src));
    else if (unit == 4)
        store_relaxed((uint32_t *)(void *)shared, load_host32(src));
    else if (unit == 2)
        store_relaxed((uint16_t *)(void *)shared, load_host16(src));
    else
        store_relaxed(shared, *src);
}

static void load_unit(uint8_t *dst, uint8_t *shared, unsigned unit)
{
    if (unit == 8)
        store_host64(dst, load_relaxed((uint64_t *)(void *)shared));
    else if (unit == 4)
        store_host32(dst, load_relaxed((uint32_t *)(void *)shared));
    else if (unit == 2)
        store_host16(dst, load_relaxed((uint16_t *)(void *)shared));
    else
        *dst = load_relaxed(shared);
}

void mem_copy_to_shared(void *shared, const void *src, uint64_t bytes)
{
    const uint8_t *in = src;
    uint8_t *out = shared;
    unsigned unit;

    for (; bytes; bytes -= unit, in += unit, out += unit) {
        unit = unit_at((uintptr_t)out, bytes);
        for (; unit == 8 && bytes >= 16; bytes -= 8, in += 8, out += 8)
            store_relaxed((uint64_t *)(void *)out, load_host64(in));
        store_unit(out, in, unit);
    }
}

void mem_copy_from_shared(void *dst, const void *shared, uint64_t bytes)
{
    uint8_t *in = (uint8_t *)(uintptr_t)shared;
    uint8_t *out = dst;
    unsigned unit;

    for (; bytes; bytes -= unit, in += unit, out += unit) {
        unit = unit_at((uintptr_t)in, bytes);
        for (; unit == 8 && bytes >= 16; bytes -= 8, in += 8, out += 8)
            store_host64(out, load_relaxed((uint64_t *)(void *)in));
        load_unit(out, in, unit);
    }
}

void mem_zero_shared(void *shared, uint64_t bytes)
{
    static const uint8_t zeroes[8];
    uint8_t *out = shared;
    unsigned unit;

    for (; bytes; bytes -= unit, out += unit) {
        unit = unit_at((uintptr_t)out, bytes);
        store_unit(out, zeroes, unit);
    }
}
