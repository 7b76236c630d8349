/*
 * copy.h - bytes into and out of a VM's memory, and pins.  All or nothing:
 * a bad address or missing memory is found before anything is copied.
 *
 * The calling thread's vCPU, if it has one, is parked.  mem->lock is not held.
 */
#ifndef MEM_COPY_H
#define MEM_COPY_H

#include "mem/physmap.h"

enum { COPY_ROM = 1 /* loaders may write ROM */ };

/* FAULT with *where, or 0.  Pages that were never touched read as zero. */
disco_status copy_out(struct physmap *pm, uint64_t gpa, void *dst,
                      uint64_t bytes, uint64_t *where);
/* src NULL: zeroes.  FAULT with *where, NOMEM, or 0.  As DMA: see linemon.h. */
disco_status copy_in(struct physmap *pm, uint64_t gpa, const void *src,
                     uint64_t bytes, uint32_t flags, uint64_t *where);

/* Bytes of RAM or host memory from gpa on, writable if asked; up to `bytes`. */
uint64_t copy_extent(struct physmap *pm, uint64_t gpa, uint64_t bytes,
                     uint32_t access);

/* FAULT, RANGE (crosses a page), NOMEM. */
disco_status pin_take(struct physmap *pm, uint64_t gpa, uint64_t bytes,
                      uint32_t access, disco_pin *pin);
/* INVAL: not a pin of this VM. */
disco_status pin_give(struct physmap *pm, disco_pin *pin);

#endif
