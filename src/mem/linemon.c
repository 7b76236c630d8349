/*
 * linemon.c - see linemon.h.
 */
#include "mem/linemon.h"

#include "base/alloc.h"
#include "mem/addr.h"
#include "mem/frame.h"

_Static_assert(LINEMON_FILTERS *LINEMON_LINE_BYTES == ALLOC_ALIGN_BYTES &&
                   CHUNK_FRAMES * PAGE_BYTES == ALLOC_ALIGN_BYTES,
               "a line's words depend on its place in its chunk alone");

void linemon_page_moved(struct linemon *lm, const uint8_t *host)
{
    unsigned i;

    for (i = 0; i < PAGE_BYTES; i += LINEMON_LINE_BYTES) {
        if (!linemon_filtered(lm, host + i))
            continue;
        linemon_store_begin(lm, host + i);
        linemon_store_end(lm, host + i);
    }
}
