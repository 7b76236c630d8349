/*
 * abuse.h - a guest that treats its devices as no driver would.  Whatever they
 * do to it, the machine must go on.
 */
#ifndef GUEST_ABUSE_H
#define GUEST_ABUSE_H

#include "virtio.h"

/* Rings and buffers lie at the very end of low memory: what runs over a buffer
 * leaves RAM instead of hitting the guest. */
#define ARENA_BYTES 0x40000ul

struct arena {
    struct virtq_memory ring;
    uint8_t data[ARENA_BYTES - sizeof(struct virtq_memory)];
};

static inline struct arena *arena(void)
{
    return phys_ptr(board.ram_low - ARENA_BYTES);
}

static inline uint64_t arena_phys(void)
{
    return board.ram_low - ARENA_BYTES;
}

/* Accesses that may end in a bus error; 1 when they did. */
int try_read(uint64_t phys, uint32_t bytes, uint64_t *value);
int try_write(uint64_t phys, uint32_t bytes, uint64_t value);

/* Random numbers: interesting ones, too. */
uint64_t random64(void);
uint64_t odd_value(void);
uint64_t odd_address(void);

void abuse_board(void);
void abuse_virtio(uint32_t slot);
void fuzz_virtio(uint32_t slot, uint32_t rounds);
#endif
