/*
 * virtq.c - the device side of a split virtqueue.  See virtq.h.
 *
 * Layout in guest memory, all little-endian:
 *
 *   desc   num * { u64 gpa, u32 bytes, u16 flags, u16 next }
 *   avail  u16 flags, u16 idx, u16 ring[num], u16 used_event
 *   used   u16 flags, u16 idx, { u32 id, u32 bytes } ring[num], u16 avail_event
 */
#include "devices/virtq.h"

#include <stdatomic.h>
#include <string.h>
#include <disco/physmap.h>

#include "base/bits.h"

enum {
    DESC_BYTES = 16,
    DESC_NEXT = 1,
    DESC_WRITE = 2,
    DESC_INDIRECT = 4,

    AVAIL_NO_INTERRUPT = 1,
    AVAIL_IDX = 2,
    AVAIL_RING = 4,

    USED_IDX = 2,
    USED_RING = 4,
    USED_BYTES = 8
};

/* Guest-physical addresses have 40 bits; sums below never wrap. */
static const uint64_t gpa_limit = UINT64_C(1) << 40;

struct desc {
    uint64_t gpa;
    uint32_t bytes;
    uint16_t flags;
    uint16_t next;
};

/* Where descriptors of a chain come from: the queue's table or another. */
struct desc_table {
    uint64_t gpa;
    uint32_t count;
};

static int read_u16_of(disco_vm *vm, uint64_t gpa, uint16_t *value)
{
    uint8_t raw[2];

    if (disco_mem_read(vm, gpa, raw, sizeof(raw)))
        return VIRTQ_BROKEN;
    *value = load_le16(raw);
    return 0;
}

static int read_u16(struct virtq *vq, uint64_t gpa, uint16_t *value)
{
    return read_u16_of(vq->vm, gpa, value);
}

void virtq_init(struct virtq *vq, disco_vm *vm, uint32_t max)
{
    memset(vq, 0, sizeof(*vq));
    vq->vm = vm;
    vq->max = max;
}

void virtq_stop(struct virtq *vq)
{
    uint32_t generation = vq->generation + 1;

    virtq_init(vq, vq->vm, vq->max);
    vq->generation = generation;
}

static int range_ok(uint64_t gpa, uint64_t bytes, uint64_t align)
{
    return gpa % align == 0 && gpa < gpa_limit && bytes <= gpa_limit - gpa;
}

disco_status virtq_activate(struct virtq *vq, int event_idx)
{
    uint32_t num = vq->reg_num;

    if (vq->ready)
        return 0;
    if (num == 0 || num > vq->max || (num & (num - 1)) != 0)
        return DISCO_E_INVAL;
    if (!range_ok(vq->reg_desc, (uint64_t)num * DESC_BYTES, 16) ||
        !range_ok(vq->reg_avail, 6 + (uint64_t)num * 2, 2) ||
        !range_ok(vq->reg_used, 6 + (uint64_t)num * USED_BYTES, 4))
        return DISCO_E_INVAL;
    vq->num = num;
    vq->desc = vq->reg_desc;
    vq->avail = vq->reg_avail;
    vq->used = vq->reg_used;
    vq->event_idx = event_idx != 0;
    vq->avail_next = 0;
    vq->used_next = 0;
    vq->used_told = 0;
    vq->used_staged = 0;
    vq->generation++;
    vq->ready = 1;
    return 0;
}

int virtq_waiting(struct virtq *vq)
{
    uint16_t idx;
    uint16_t waiting;

    if (!vq->ready)
        return 0;
    if (read_u16(vq, vq->avail + AVAIL_IDX, &idx))
        return VIRTQ_BROKEN;
    waiting = (uint16_t)(idx - vq->avail_next);
    if (waiting > vq->num)
        return VIRTQ_BROKEN;
    /* The entries were written before the index. */
    atomic_thread_fence(memory_order_acquire);
    return waiting;
}

static int read_desc(struct virtq *vq, const struct desc_table *table,
                     uint32_t index, struct desc *out)
{
    uint8_t raw[DESC_BYTES];

    if (index >= table->count)
        return VIRTQ_BROKEN;
    if (disco_mem_read(vq->vm, table->gpa + (uint64_t)index * DESC_BYTES, raw,
                       sizeof(raw)))
        return VIRTQ_BROKEN;
    out->gpa = load_le64(raw);
    out->bytes = load_le32(raw + 8);
    out->flags = load_le16(raw + 12);
    out->next = load_le16(raw + 14);
    return 0;
}

/* The table that an indirect descriptor names. */
static int enter_indirect(struct virtq *vq, const struct desc *desc,
                          struct desc_table *table)
{
    if (desc->flags & DESC_NEXT || desc->bytes == 0 ||
        desc->bytes % DESC_BYTES != 0)
        return VIRTQ_BROKEN;
    if (desc->bytes / DESC_BYTES > vq->num)
        return VIRTQ_BROKEN;
    if (desc->gpa >= gpa_limit || desc->bytes > gpa_limit - desc->gpa)
        return VIRTQ_BROKEN;
    table->gpa = desc->gpa;
    table->count = desc->bytes / DESC_BYTES;
    return 0;
}

static int add_seg(struct virtq_chain *chain, const struct desc *desc)
{
    int writable = (desc->flags & DESC_WRITE) != 0;
    struct virtq_seg *seg = &chain->seg[chain->segs];

    /* Nothing readable may follow the writable part. */
    if (!writable && chain->in_bytes > 0)
        return VIRTQ_BROKEN;
    if (desc->gpa >= gpa_limit || desc->bytes > gpa_limit - desc->gpa)
        return VIRTQ_BROKEN;
    if (desc->bytes == 0)
        return 0;
    seg->gpa = desc->gpa;
    seg->bytes = desc->bytes;
    chain->segs++;
    if (writable) {
        chain->in_bytes += desc->bytes;
    } else {
        chain->out_segs++;
        chain->out_bytes += desc->bytes;
    }
    return 0;
}

/*
 * Walk the chain.  `seen` ends every cycle: a chain has at most as many
 * descriptors as the queue, in whatever tables they stand.
 */
static int read_chain(struct virtq *vq, struct virtq_chain *chain)
{
    struct desc_table table = { vq->desc, vq->num };
    uint32_t index = chain->head;
    uint32_t seen = 0;
    int indirect = 0;

    for (;;) {
        struct desc desc;

        if (read_desc(vq, &table, index, &desc))
            return VIRTQ_BROKEN;
        if (desc.flags & DESC_INDIRECT) {
            /* Neither nested nor after other descriptors. */
            if (indirect || seen > 0 || enter_indirect(vq, &desc, &table))
                return VIRTQ_BROKEN;
            indirect = 1;
            index = 0;
            continue;
        }
        if (++seen > vq->num || add_seg(chain, &desc))
            return VIRTQ_BROKEN;
        if (!(desc.flags & DESC_NEXT))
            return 0;
        index = desc.next;
    }
}

int virtq_pop(struct virtq *vq, struct virtq_chain *chain)
{
    int waiting = virtq_waiting(vq);
    uint64_t entry;
    uint16_t head;

    if (waiting <= 0)
        return waiting;
    entry = vq->avail + AVAIL_RING + 2 * (vq->avail_next % vq->num);
    if (read_u16(vq, entry, &head))
        return VIRTQ_BROKEN;
    vq->avail_next++;
    chain->head = head;
    chain->segs = 0;
    chain->out_segs = 0;
    chain->out_bytes = 0;
    chain->in_bytes = 0;
    if (head >= vq->num)
        return VIRTQ_BROKEN;
    if (read_chain(vq, chain)) {
        virtq_push(vq, head, 0);
        return VIRTQ_BROKEN;
    }
    return VIRTQ_GOT;
}

void virtq_unpop(struct virtq *vq, uint32_t count)
{
    vq->avail_next = (uint16_t)(vq->avail_next - count);
}

int virtq_is_same(struct virtq *vq, disco_vm *child)
{
    uint64_t gpa = vq->used + USED_IDX;
    uint16_t mine = 0, its = 0;

    if (!vq->ready)
        return 1;
    /* Rings that are no RAM are so in both. */
    return !read_u16(vq, gpa, &mine) == !read_u16_of(child, gpa, &its) &&
           mine == its;
}

int virtq_want_notify(struct virtq *vq)
{
    uint8_t raw[2];

    if (!vq->ready || !vq->event_idx)
        return 0;
    store_le16(raw, vq->avail_next);
    if (disco_mem_write(vq->vm,
                        vq->used + USED_RING + (uint64_t)vq->num * USED_BYTES,
                        raw, sizeof(raw)))
        return 0;
    /* Our wish must be visible before we look whether it came too late. */
    atomic_thread_fence(memory_order_seq_cst);
    return virtq_waiting(vq) != 0;
}

void virtq_stage(struct virtq *vq, uint16_t head, uint32_t written)
{
    uint16_t slot = (uint16_t)(vq->used_next + vq->used_staged);
    uint8_t raw[USED_BYTES];

    store_le32(raw, head);
    store_le32(raw + 4, written);
    /* A used ring that is not RAM is the guest's own loss. */
    disco_mem_write(
        vq->vm, vq->used + USED_RING + (uint64_t)(slot % vq->num) * USED_BYTES,
        raw, sizeof(raw));
    vq->used_staged++;
}

void virtq_publish(struct virtq *vq)
{
    uint8_t raw[2];

    vq->used_next = (uint16_t)(vq->used_next + vq->used_staged);
    vq->used_staged = 0;
    store_le16(raw, vq->used_next);
    /* Entries and buffers first, then the index that shows them. */
    atomic_thread_fence(memory_order_release);
    disco_mem_write(vq->vm, vq->used + USED_IDX, raw, sizeof(raw));
}

void virtq_push(struct virtq *vq, uint16_t head, uint32_t written)
{
    virtq_stage(vq, head, written);
    virtq_publish(vq);
}

int virtq_wants_interrupt(struct virtq *vq)
{
    uint16_t old = vq->used_told;
    uint16_t event;

    if (vq->used_next == old)
        return 0;
    /* The new index must be visible before we read the driver's wish. */
    atomic_thread_fence(memory_order_seq_cst);
    if (!vq->event_idx) {
        vq->used_told = vq->used_next;
        return !read_u16(vq, vq->avail, &event) &&
               !(event & AVAIL_NO_INTERRUPT);
    }
    if (read_u16(vq, vq->avail + AVAIL_RING + 2 * (uint64_t)vq->num, &event))
        return 0;
    vq->used_told = vq->used_next;
    return (uint16_t)(vq->used_next - event - 1) <
           (uint16_t)(vq->used_next - old);
}

/* Move bytes between a host buffer and segments first..end-1. */
static disco_status copy(disco_vm *vm, const struct virtq_chain *chain,
                         uint32_t first, uint32_t end, uint64_t at,
                         uint64_t bytes, void *dst, const void *src)
{
    uint64_t done = 0;
    uint32_t i;

    for (i = first; i < end && done < bytes; i++) {
        const struct virtq_seg *seg = &chain->seg[i];
        uint64_t part;
        disco_status err;

        if (at >= seg->bytes) {
            at -= seg->bytes;
            continue;
        }
        part = seg->bytes - at;
        if (part > bytes - done)
            part = bytes - done;
        if (dst)
            err =
                disco_mem_read(vm, seg->gpa + at, (uint8_t *)dst + done, part);
        else
            err = disco_mem_write(vm, seg->gpa + at,
                                  (const uint8_t *)src + done, part);
        if (err)
            return DISCO_E_FAULT;
        done += part;
        at = 0;
    }
    return done == bytes ? 0 : DISCO_E_FAULT;
}

disco_status virtq_read(disco_vm *vm, const struct virtq_chain *chain,
                        uint64_t at, void *dst, uint64_t bytes)
{
    return copy(vm, chain, 0, chain->out_segs, at, bytes, dst, NULL);
}

disco_status virtq_write(disco_vm *vm, const struct virtq_chain *chain,
                         uint64_t at, const void *src, uint64_t bytes)
{
    return copy(vm, chain, chain->out_segs, chain->segs, at, bytes, NULL, src);
}
