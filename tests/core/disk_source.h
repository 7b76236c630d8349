/*
 * disk_source.h - a source of blocks in memory for tests of images: it answers
 * at once, or when the test likes, and fails on demand.
 */
#ifndef TESTS_DISK_SOURCE_H
#define TESTS_DISK_SOURCE_H

#include <disco/disco.h>

#include "base/lock.h"

enum { SOURCE_PENDING_MAX = 64 };

struct source {
    struct lock lock;
    uint8_t *bytes;
    uint64_t size;
    int is_late;         /* keep requests until source_step */
    disco_status status; /* what requests end with */
    uint32_t reads;      /* atomic: requests */
    uint64_t read_bytes; /* atomic */
    uint32_t writes;
    uint32_t flushes;
    uint32_t releases;
    uint32_t count;
    disco_block_request *pending[SOURCE_PENDING_MAX];
};

/* `size` bytes of a pattern that differs in every sector. */
void source_init(struct source *s, uint64_t size, uint32_t seed);
void source_destroy(struct source *s);
disco_block_backend source_backend(struct source *s, uint32_t flags);
/* Answer one that waits; 0 when none does. */
int source_step(struct source *s, uint32_t which);

/* A request and its end. */
struct disk_io {
    disco_block_request request;
    disco_page page[80]; /* when with_pages */
    uint32_t done;       /* atomic: completions */
    disco_status status;
};

/* Start it.  With pages a read fills `page`, a write has none. */
void disk_start(const disco_block_backend *disk, struct disk_io *io,
                uint32_t op, uint64_t offset, void *data, uint64_t bytes,
                int with_pages);
/* Start one whose `page` is filled already. */
void disk_resume(const disco_block_backend *disk, struct disk_io *io,
                 uint32_t op, uint64_t offset, void *data, uint64_t bytes,
                 int with_pages);
/* Another thread may be about to end it; ends the program when nobody does. */
void disk_wait(struct disk_io *io);
/* Start one, wait, and return its status.  A read with pages is put into
 * `data`, and the pages dropped. */
disco_status disk_do(disco_machine *machine, const disco_block_backend *disk,
                     uint32_t op, uint64_t offset, void *data, uint64_t bytes,
                     int with_pages);

#endif
