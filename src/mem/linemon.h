/*
 * linemon.h - the line monitor: what LL and SC need to know about stores by
 * others.  One per machine, by 128-byte host line.
 *
 * It is not a lock for guest memory: only lines that were ever load-linked pay.
 *
 *  - filter: 0 never linked; 1 a first LL is shaking hands with the running
 *    vCPUs; 2 done.  Sticky.  A store that sees not 0 must be announced.
 *  - version: bit 0 is a lock, the rest counts announced stores.
 *
 * LL     if (linemon_arm(lm, p)) { host->barrier(); linemon_armed(lm, p); }
 *        version = linemon_version(lm, p); value = *p
 * SC     if (linemon_sc_begin(lm, p, version)) { *p = value; _store_end(lm, p)
 * } store  if (linemon_filtered(lm, p)) { _store_begin; *p = v; _store_end }
 * DMA    always announces: it does not take part in the handshake.
 *
 * Different lines may share a filter byte or a version word: that only makes a
 * store slower or an SC fail.  No poll and no wait between begin and end.
 * Thread: any; C11 atomics only.
 */
#ifndef MEM_LINEMON_H
#define MEM_LINEMON_H

#include <stdint.h>

#include "base/compiler.h"
#include "base/lock.h"

/*
 * Lines are told apart by their place in a chunk of frames only: chunks are
 * aligned, so which lines share a word is the same in every process.  A
 * deterministic machine relies on it.
 */
enum {
    LINEMON_LINE_SHIFT = 7,
    LINEMON_LINE_BYTES = 1 << LINEMON_LINE_SHIFT,
    LINEMON_FILTERS = 32768, /* lines of a chunk */
    LINEMON_VERSIONS = 4096
};

struct linemon {
    uint8_t filter[LINEMON_FILTERS];
    uint32_t version[LINEMON_VERSIONS];
};

static inline uint32_t linemon_line(const void *host)
{
    return (uint32_t)((uintptr_t)host >> LINEMON_LINE_SHIFT) &
           (LINEMON_FILTERS - 1);
}

static inline uint8_t *linemon_filter_of(struct linemon *lm, const void *host)
{
    return &lm->filter[linemon_line(host)];
}

static inline uint32_t *linemon_version_of(struct linemon *lm, const void *host)
{
    uint32_t line = linemon_line(host);

    return &lm->version[(line ^ line >> 12) & (LINEMON_VERSIONS - 1)];
}

/* Must a store to this line be announced? */
static inline int linemon_filtered(struct linemon *lm, const void *host)
{
    return unlikely(load_relaxed(linemon_filter_of(lm, host)));
}

/* Lock the line. */
static inline void linemon_lock(struct linemon *lm, const void *host)
{
    uint32_t *word = linemon_version_of(lm, host);
    uint32_t v = load_relaxed(word);
    unsigned spins = 0;

    for (;;) {
        if (!(v & 1) && cas_seq(word, &v, v | 1))
            return;
        wait_step(&spins);
        v = load_relaxed(word);
    }
}

/* Unlock; nothing was stored. */
static inline void linemon_unlock(struct linemon *lm, const void *host)
{
    uint32_t *word = linemon_version_of(lm, host);

    store_release(word, load_relaxed(word) & ~UINT32_C(1));
}

static inline void linemon_store_begin(struct linemon *lm, const void *host)
{
    linemon_lock(lm, host);
}

/* Unlock and count the store: an odd word plus one is the next even one. */
static inline void linemon_store_end(struct linemon *lm, const void *host)
{
    uint32_t *word = linemon_version_of(lm, host);

    store_release(word, load_relaxed(word) + 1);
}

/* Announce stores to this line from now on.  1: handshake, then _armed. */
static inline int linemon_arm(struct linemon *lm, const void *host)
{
    uint8_t *filter = linemon_filter_of(lm, host);
    uint8_t none = 0;

    if (likely(load_acquire(filter) == 2))
        return 0;
    cas_seq(filter, &none, 1);
    return 1;
}

static inline void linemon_armed(struct linemon *lm, const void *host)
{
    store_release(linemon_filter_of(lm, host), 2);
}

/* Version of the line while nobody stores to it. */
static inline uint32_t linemon_version(struct linemon *lm, const void *host)
{
    uint32_t *word = linemon_version_of(lm, host);
    unsigned spins = 0;
    uint32_t v;

    for (;;) {
        v = load_acquire(word);
        if (likely(!(v & 1)))
            return v;
        wait_step(&spins);
    }
}

/* Lock the line if its version is still `version`; 0: it is not. */
static inline int linemon_sc_begin(struct linemon *lm, const void *host,
                                   uint32_t version)
{
    return cas_seq(linemon_version_of(lm, host), &version, version | 1);
}

/* The page's content goes elsewhere: reservations on its lines are lost. */
void linemon_page_moved(struct linemon *lm, const uint8_t *host);

#endif
