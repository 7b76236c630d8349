/*
 * interp.h - macros of the interpreter's handlers: guest memory in host memory,
 * the access table's fast path.
 */
#ifndef MIPS_INTERP_H
#define MIPS_INTERP_H

#include "base/bits.h"
#include "mips/cpu.h"

/*
 * Guest memory is shared with other vCPUs and devices: every access is one
 * relaxed atomic of its size.
 */
#define GUEST_LOAD_1(p, big) __atomic_load_n((const uint8_t *)(p), 0)
#define GUEST_LOAD_2(p, big) \
    order16(__atomic_load_n((const uint16_t *)(p), 0), big)
#define GUEST_LOAD_4(p, big) \
    order32(__atomic_load_n((const uint32_t *)(p), 0), big)
#define GUEST_LOAD_8(p, big) \
    order64(__atomic_load_n((const uint64_t *)(p), 0), big)
#define GUEST_STORE_1(p, v, big) \
    __atomic_store_n((uint8_t *)(p), (uint8_t)(v), 0)
#define GUEST_STORE_2(p, v, big) \
    __atomic_store_n((uint16_t *)(p), order16((uint16_t)(v), big), 0)
#define GUEST_STORE_4(p, v, big) \
    __atomic_store_n((uint32_t *)(p), order32((uint32_t)(v), big), 0)
#define GUEST_STORE_8(p, v, big) \
    __atomic_store_n((uint64_t *)(p), order64((uint64_t)(v), big), 0)

static inline uint16_t order16(uint16_t v, bool big)
{
    return big == (bool)HOST_IS_BIG ? v : __builtin_bswap16(v);
}
static inline uint32_t order32(uint32_t v, bool big)
{
    return big == (bool)HOST_IS_BIG ? v : __builtin_bswap32(v);
}
static inline uint64_t order64(uint64_t v, bool big)
{
    return big == (bool)HOST_IS_BIG ? v : __builtin_bswap64(v);
}

static inline struct access_entry *access_slot(struct mips_cpu *cpu,
                                               uint64_t va)
{
    return &cpu->table->data[access_index(va)];
}

static inline uint8_t *access_host(const struct access_entry *e, uint64_t va)
{
    return (uint8_t *)(e->addend + (uintptr_t)va);
}

/* --- Line granule --- */

static inline struct line_entry *line_slot(const struct mips_cpu *cpu,
                                           uint64_t va)
{
    uint64_t line = va >> cpu->line->shift;

    return &cpu->line
                ->data[cpu->mode][(line ^ line >> 11) & (LINE_ENTRIES - 1)];
}

static inline bool line_readable(const struct line_entry *e)
{
    return e->line->name == e->name;
}

static inline bool line_writable(const struct line_entry *e)
{
    return e->line->name == e->name && e->line->rights & DISCO_WRITE;
}

/* The line is used. */
static inline uint8_t *line_host(const struct line_entry *e, uint64_t va)
{
    e->line->used = ++*e->line->clock;
    return (uint8_t *)(e->addend + (uintptr_t)va);
}

/* A line of decoded slots: `base` tells the page. */
static inline uintptr_t line_key(const struct line_state *l,
                                 const struct slot *base, uint64_t index)
{
    return (uintptr_t)base + (uintptr_t)(index * 4 >> l->shift);
}

static inline bool line_is_fetched(const struct line_state *l,
                                   const struct slot *base, uint64_t index)
{
    return l->now_key == line_key(l, base, index) &&
           l->now->name == l->now_name;
}

#endif
