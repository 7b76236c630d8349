/*
 * queue.c - see queue.h.
 */
#include "numa/queue.h"

#include <string.h>

#include "base/bits.h"

static void forget_half(struct queue *q)
{
    uint32_t keep = QUEUE_SPANS / 2;

    q->forgotten = q->span[q->count - keep - 1].to;
    memmove(q->span, &q->span[q->count - keep], keep * sizeof(*q->span));
    q->count = keep;
}

/* First span that ends after `time`. */
static uint32_t first_after(const struct queue *q, uint64_t time)
{
    uint32_t i = q->count;

    while (i > 0 && q->span[i - 1].to > time)
        i--;
    return i;
}

/* Make [from, to), which is free, busy; it lies before span i. */
static void occupy(struct queue *q, uint32_t i, uint64_t from, uint64_t to)
{
    int joins_left = i > 0 && q->span[i - 1].to == from;
    int joins_right = i < q->count && q->span[i].from == to;

    if (joins_left && joins_right) {
        q->span[i - 1].to = q->span[i].to;
        q->count--;
        memmove(&q->span[i], &q->span[i + 1],
                (q->count - i) * sizeof(*q->span));
    } else if (joins_left) {
        q->span[i - 1].to = to;
    } else if (joins_right) {
        q->span[i].from = from;
    } else {
        memmove(&q->span[i + 1], &q->span[i],
                (q->count - i) * sizeof(*q->span));
        q->span[i].from = from;
        q->span[i].to = to;
        q->count++;
    }
}

uint64_t queue_take(struct queue *q, uint64_t time, uint64_t service)
{
    uint64_t start = time;
    uint32_t i;

    q->served++;
    q->busy += service;
    if (!service || time < q->forgotten)
        return 0;
    if (q->count == QUEUE_SPANS)
        forget_half(q);
    if (time < q->forgotten)
        return 0;
    for (i = first_after(q, time); i < q->count; i++) {
        if (start + service <= q->span[i].from)
            break;
        start = max_u64(start, q->span[i].to);
    }
    occupy(q, i, start, start + service);
    q->waited += start - time;
    return start - time;
}
