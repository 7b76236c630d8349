/*
 * blk_pages.h - the pages of a block request on their way between the guest's
 * buffers and a back end that takes them: mapped where a page of the guest and
 * a block of the disk fall together, else copied.
 *
 * Knows neither queue nor back end.  No lock of its own; the VM is alive.
 */
#ifndef DEVICES_BLK_PAGES_H
#define DEVICES_BLK_PAGES_H

#include <disco/device.h>

#include "devices/virtq.h"

/* A request's place on the disk, and a page for each block that it touches. */
struct blk_pages {
    uint64_t offset_bytes;
    uint64_t bytes;
    disco_page *page;
};

/* Blocks that the range touches. */
static inline uint64_t blk_pages_count(uint64_t offset_bytes, uint64_t bytes)
{
    return (offset_bytes % DISCO_BLOCK_BYTES + bytes + DISCO_BLOCK_BYTES - 1) /
           DISCO_BLOCK_BYTES;
}

/*
 * Put the content where the writable part of the chain says.  FAULT: some
 * buffer is not RAM; NOMEM: no machine memory; what was put before stays.
 */
disco_status blk_pages_to_guest(disco_vm *vm, const struct virtq_chain *chain,
                                const struct blk_pages *pages,
                                disco_block_account *account);

/*
 * Take the readable part of the chain from byte `at` on: whole blocks that are
 * a page of the guest as references, the rest by copying into `data`.  FAULT:
 * some buffer is not RAM, and no reference is held.
 */
disco_status blk_pages_from_guest(disco_vm *vm, const struct virtq_chain *chain,
                                  uint64_t at, const struct blk_pages *pages,
                                  uint8_t *data);

/* Give the references back. */
void blk_pages_drop(disco_machine *machine, const struct blk_pages *pages);

#endif
