/*
 * queue.h - the memory controller of one simulated node: one line at a time,
 * who comes while it is busy waits.
 *
 * Times are those of the requesting CPUs, which a host runs one after the other
 * for a while: a request may come from an earlier time than the one before.  So
 * the controller keeps the spans in which it was busy and gives a request the
 * first gap from its own time on that is long enough.  When requests come in
 * order of time, that is a FIFO queue.  Only the last QUEUE_SPANS spans are
 * kept; who comes from before them finds the controller free.
 * Thread: one at a time.
 */
#ifndef NUMA_QUEUE_H
#define NUMA_QUEUE_H

#include <stdint.h>

enum { QUEUE_SPANS = 512 };

/* Busy in [from, to). */
struct queue_span {
    uint64_t from;
    uint64_t to;
};

/* Invariant: spans are in order and do not touch. */
struct queue {
    struct queue_span span[QUEUE_SPANS];
    uint32_t count;
    uint64_t forgotten; /* end of the last span that was dropped */
    uint64_t busy;      /* time spent serving */
    uint64_t served;
    uint64_t waited; /* by all requests together */
};

/* Serve a request that arrives at `time`.  Returns how long it waits. */
uint64_t queue_take(struct queue *q, uint64_t time, uint64_t service);

#endif
