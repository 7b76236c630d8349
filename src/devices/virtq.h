/*
 * virtq.h - one split virtqueue, seen from the device.
 *
 * Everything in guest memory is hostile and may change while we look: each
 * field is copied in once, and only the copy is checked and used.  A queue's
 * layout is latched when it is activated; the driver's registers may change
 * afterwards without effect.  Buffers are reached through disco_mem_*, hence
 * RAM only: a descriptor that points at device registers faults.
 *
 * No lock of its own: the device's lock is held in every call.
 */
#ifndef DEVICES_VIRTQ_H
#define DEVICES_VIRTQ_H

#include <stddef.h>
#include <stdint.h>
#include <disco/types.h>

enum {
    VIRTQ_SIZE_MAX = 256,
    VIRTQ_CHAIN_MAX = VIRTQ_SIZE_MAX /* descriptors in a chain */
};

struct virtq_seg {
    uint64_t gpa;
    uint32_t bytes;
};

/*
 * A request of the driver: first what the device may read, then what it may
 * write, as one list of segments without empty ones.
 */
struct virtq_chain {
    uint16_t head; /* name of the chain in the used ring */
    uint16_t segs;
    uint16_t out_segs;  /* the first ones: readable */
    uint64_t out_bytes; /* sums, at most 256 * 4 GiB */
    uint64_t in_bytes;
    struct virtq_seg seg[VIRTQ_CHAIN_MAX];
};

/* Bytes of a chain that are in use. */
static inline uint64_t virtq_chain_bytes(const struct virtq_chain *chain)
{
    return offsetof(struct virtq_chain, seg) +
           (uint64_t)chain->segs * sizeof(struct virtq_seg);
}

struct virtq {
    disco_vm *vm;
    uint32_t max; /* largest size the device allows */

    /* What the driver wrote; free to change while the queue is not ready. */
    uint32_t reg_num;
    uint64_t reg_desc;
    uint64_t reg_avail;
    uint64_t reg_used;

    /* Latched at activation. */
    uint32_t ready;
    uint32_t num;
    uint64_t desc;
    uint64_t avail;
    uint64_t used;
    uint32_t event_idx; /* VIRTIO_F_EVENT_IDX was negotiated */

    uint16_t avail_next;  /* next avail entry to take */
    uint16_t used_next;   /* next used entry to fill */
    uint16_t used_told;   /* used_next when the driver was last interrupted */
    uint16_t used_staged; /* entries written after used_next, not published */
    uint32_t generation;  /* counts activations and stops */
};

/* Results of virtq_pop besides 0 (nothing there). */
enum {
    VIRTQ_GOT = 1,
    VIRTQ_BROKEN = -1 /* the driver broke the rules: device needs a reset */
};

void virtq_init(struct virtq *vq, disco_vm *vm, uint32_t max);

/* Back to power-on state; chains that were taken belong to nobody. */
void virtq_stop(struct virtq *vq);

/* Latch the registers and go.  INVAL when they make no queue. */
disco_status virtq_activate(struct virtq *vq, int event_idx);

/*
 * Take the next request.  VIRTQ_BROKEN: the entry was consumed and, when it had
 * a name, went back through the used ring with length 0.
 */
int virtq_pop(struct virtq *vq, struct virtq_chain *chain);

/* Give the last `count` requests taken back, unread. */
void virtq_unpop(struct virtq *vq, uint32_t count);

/*
 * Number of entries waiting, VIRTQ_BROKEN for an impossible index.  A snapshot:
 * whoever adds more must notify.
 */
int virtq_waiting(struct virtq *vq);

/* With EVENT_IDX: ask for a notification when the next entry is added.  Returns
 * 1 when one came in meanwhile: look again. */
int virtq_want_notify(struct virtq *vq);

/* 1 when the child of a fork has the used index that is in the parent's memory:
 * nothing was completed since its memory was copied. */
int virtq_is_same(struct virtq *vq, disco_vm *child);

/* Put a request into the used ring.  The driver sees it after the publish. */
void virtq_stage(struct virtq *vq, uint16_t head, uint32_t written);
void virtq_publish(struct virtq *vq);
/* Both, for one request. */
void virtq_push(struct virtq *vq, uint16_t head, uint32_t written);

/* 1 when the driver wants an interrupt for what was pushed since the last. */
int virtq_wants_interrupt(struct virtq *vq);

/*
 * Copy out of the readable part of a chain from byte `at`, or into its writable
 * part.  FAULT when the part is too short or a buffer is not RAM.
 */
disco_status virtq_read(disco_vm *vm, const struct virtq_chain *chain,
                        uint64_t at, void *dst, uint64_t bytes);
disco_status virtq_write(disco_vm *vm, const struct virtq_chain *chain,
                         uint64_t at, const void *src, uint64_t bytes);

#endif
