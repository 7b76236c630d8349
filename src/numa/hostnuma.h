/*
 * hostnuma.h - the host's own NUMA nodes: memory of the machine's nodes bound
 * to them.  Does nothing on a host with one node.
 */
#ifndef NUMA_HOSTNUMA_H
#define NUMA_HOSTNUMA_H

#include <disco/types.h>

#include "base/alloc.h"

struct hostnuma;

/* Was the library built with what this takes? */
int hostnuma_is_there(void);

/*
 * Look at the host.  *out is owned, NULL when the host has one node.
 * UNSUPPORTED, NOMEM, IO.
 */
disco_status hostnuma_create(struct hostnuma **out);
/* NULL is fine. */
void hostnuma_destroy(struct hostnuma *h);

/* For alloc_set_place: best effort, memory stays usable in any case. */
void hostnuma_place(void *opaque, void *ptr, uint64_t bytes, uint32_t node);

#endif
