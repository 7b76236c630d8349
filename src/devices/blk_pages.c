/*
 * blk_pages.c - see blk_pages.h.
 */
#include "devices/blk_pages.h"

#include <disco/physmap.h>
#include <disco/vm.h>

#include "base/bits.h"

/* A piece of the request: inside one segment and one block. */
struct piece {
    uint64_t gpa;
    uint64_t at; /* in the request */
    uint64_t block;
    uint32_t from; /* in the block */
    uint32_t bytes;
};

/* Where we are in the segments. */
struct cursor {
    const struct virtq_chain *chain;
    uint32_t seg;
    uint32_t end;
    uint64_t in_seg;
    uint64_t at;
};

/* The next piece: 1, or 0 when the segments end too early. */
static int next_piece(struct cursor *c, const struct blk_pages *pages,
                      struct piece *piece)
{
    uint64_t offset = pages->offset_bytes + c->at;
    const struct virtq_seg *seg;
    uint64_t bytes;

    while (c->seg < c->end && c->in_seg >= c->chain->seg[c->seg].bytes) {
        c->in_seg -= c->chain->seg[c->seg].bytes;
        c->seg++;
    }
    if (c->seg == c->end)
        return 0;
    seg = &c->chain->seg[c->seg];
    bytes = min_u64(seg->bytes - c->in_seg, pages->bytes - c->at);
    bytes = min_u64(bytes, DISCO_BLOCK_BYTES - offset % DISCO_BLOCK_BYTES);
    piece->gpa = seg->gpa + c->in_seg;
    piece->at = c->at;
    piece->block =
        offset / DISCO_BLOCK_BYTES - pages->offset_bytes / DISCO_BLOCK_BYTES;
    piece->from = (uint32_t)(offset % DISCO_BLOCK_BYTES);
    piece->bytes = (uint32_t)bytes;
    c->in_seg += bytes;
    c->at += bytes;
    return 1;
}

/* One page of the guest and one block of the disk. */
static int is_whole(const struct piece *piece)
{
    return piece->bytes == DISCO_PAGE_BYTES &&
           piece->gpa % DISCO_PAGE_BYTES == 0;
}

/* --- To the guest ------------------------------------------------------- */

static disco_status copy_to_guest(disco_vm *vm, const struct piece *piece,
                                  disco_page page)
{
    uint8_t bytes[DISCO_BLOCK_BYTES];
    disco_status status;

    status = disco_page_read(disco_vm_machine(vm), page, piece->from, bytes,
                             piece->bytes);
    if (status)
        return status;
    return disco_mem_write(vm, piece->gpa, bytes, piece->bytes);
}

static disco_status piece_to_guest(disco_vm *vm, const struct piece *piece,
                                   disco_page page,
                                   disco_block_account *account)
{
    uint64_t *copied = &account->copied_short_bytes;
    disco_status status;

    if (is_whole(piece)) {
        status = disco_page_map(vm, piece->gpa, page);
        if (!status) {
            account->mapped_bytes += piece->bytes;
            disco_vm_mark_pages(vm, piece->gpa, piece->bytes,
                                DISCO_KIND_BUFFER);
        }
        if (!status || status == DISCO_E_FAULT)
            return status;
        copied = &account->copied_refused_bytes;
    } else if (piece->gpa % DISCO_PAGE_BYTES != piece->from) {
        copied = &account->copied_unaligned_bytes;
    }
    status = copy_to_guest(vm, piece, page);
    if (!status) {
        *copied += piece->bytes;
        disco_vm_mark_pages(vm, piece->gpa, piece->bytes, DISCO_KIND_BUFFER);
    }
    return status;
}

disco_status blk_pages_to_guest(disco_vm *vm, const struct virtq_chain *chain,
                                const struct blk_pages *pages,
                                disco_block_account *account)
{
    struct cursor c = { chain, chain->out_segs, chain->segs, 0, 0 };
    struct piece piece;
    disco_status status;

    while (c.at < pages->bytes) {
        if (!next_piece(&c, pages, &piece))
            return DISCO_E_FAULT;
        status = piece_to_guest(vm, &piece, pages->page[piece.block], account);
        if (status)
            return status;
    }
    return 0;
}

/* --- From the guest ----------------------------------------------------- */

static disco_status piece_from_guest(disco_vm *vm, const struct piece *piece,
                                     disco_page *page, uint8_t *data)
{
    if (is_whole(piece) && !disco_page_take(vm, piece->gpa, page)) {
        disco_vm_mark_pages(vm, piece->gpa, piece->bytes, DISCO_KIND_BUFFER);
        return 0;
    }
    return disco_mem_read(vm, piece->gpa, data + piece->at, piece->bytes);
}

disco_status blk_pages_from_guest(disco_vm *vm, const struct virtq_chain *chain,
                                  uint64_t at, const struct blk_pages *pages,
                                  uint8_t *data)
{
    struct cursor c = { chain, 0, chain->out_segs, at, 0 };
    struct piece piece;
    disco_status status = 0;

    while (c.at < pages->bytes && !status) {
        if (!next_piece(&c, pages, &piece))
            status = DISCO_E_FAULT;
        else
            status =
                piece_from_guest(vm, &piece, &pages->page[piece.block], data);
    }
    if (status)
        blk_pages_drop(disco_vm_machine(vm), pages);
    return status;
}

void blk_pages_drop(disco_machine *machine, const struct blk_pages *pages)
{
    uint64_t count = blk_pages_count(pages->offset_bytes, pages->bytes), i;

    for (i = 0; i < count; i++) {
        if (pages->page[i].name)
            disco_page_drop(machine, pages->page[i]);
        pages->page[i].name = 0;
    }
}
