/*
 * virtio_rng.c - virtio entropy device, from the host's function or from a
 * seeded generator, so that deterministic machines repeat.
 *
 * The generator is no source of secrets.  Lock: the transport's; the host's
 * function is called without it.
 */
#include <disco/board.h>

#include "base/bits.h"
#include "devices/dev.h"
#include "devices/virtio_mmio.h"

enum {
    RNG_QUEUE = 0,
    RNG_DEVICE_ID = 4,
    /* The device may give less than asked for. */
    REQUEST_BYTES_MAX = 4096
};

struct rng {
    struct vio vio;
    disco_rng_fn fill;
    void *opaque;
    uint64_t state[4];
    struct virtq_chain chain;
    uint8_t buffer[REQUEST_BYTES_MAX]; /* the running step's */
};

/* splitmix64: spreads a seed over the generator's state. */
static uint64_t spread(uint64_t *seed)
{
    uint64_t z;

    *seed += UINT64_C(0x9e3779b97f4a7c15);
    z = *seed;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static uint64_t rotate(uint64_t v, unsigned n)
{
    return v << n | v >> (64 - n);
}

/* xoshiro256**, by Blackman and Vigna. */
static uint64_t next(uint64_t *s)
{
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

static void generate(struct rng *rng, uint32_t bytes)
{
    uint64_t word = 0;
    uint32_t i;

    for (i = 0; i < bytes; i++) {
        if (i % 8 == 0)
            word = next(rng->state);
        rng->buffer[i] = (uint8_t)(word >> (8 * (i % 8)));
    }
}

static uint32_t rng_step(struct vio *vio, uint32_t queue)
{
    struct rng *rng = container_of(vio, struct rng, vio);
    struct virtq *vq = &vio->queue[queue];
    struct virtq_chain *chain = &rng->chain;
    uint32_t generation;
    uint32_t bytes;

    if (!vio_pop(vio, queue, chain))
        return 0;
    generation = vq->generation;
    bytes = (uint32_t)min_u64(chain->in_bytes, REQUEST_BYTES_MAX);
    if (rng->fill) {
        lock_give(&vio->lock);
        rng->fill(rng->opaque, rng->buffer, bytes);
        lock_take(&vio->lock);
        if (generation != vq->generation)
            return VIO_STEP_COST;
    } else {
        generate(rng, bytes);
    }
    if (virtq_write(vio->vm, chain, 0, rng->buffer, bytes))
        bytes = 0;
    virtq_push(vq, chain->head, bytes);
    vio_signal(vio, queue);
    return VIO_STEP_COST + bytes;
}

static void rng_destroy(struct vio *vio)
{
    struct rng *rng = container_of(vio, struct rng, vio);

    vio_destroy(vio);
    dev_free(vio->machine, rng, sizeof(*rng));
}

/*
 * The child's numbers must not be its parent's, and repeat all the same: its
 * generator starts from what the parent's gives next, which the parent skips.
 */
static void rng_copy(struct vio *from, struct vio *to)
{
    struct rng *rng = container_of(from, struct rng, vio);
    struct rng *copy = container_of(to, struct rng, vio);
    uint64_t seed = next(rng->state);
    uint32_t i;

    copy->fill = rng->fill;
    copy->opaque = rng->opaque;
    for (i = 0; i < 4; i++)
        copy->state[i] = spread(&seed);
}

disco_status disco_virtio_rng_create(disco_vm *vm, uint64_t gpa, uint32_t irq,
                                     disco_rng_fn fill, void *opaque,
                                     uint64_t seed)
{
    static const struct vio_class class = {
        .name = "virtio-rng",
        .device_id = RNG_DEVICE_ID,
        .queues = 1,
        .bytes = sizeof(struct rng),
        .step = rng_step,
        .destroy = rng_destroy,
        .copy = rng_copy,
    };
    struct rng *rng;
    disco_status err = dev_check(vm, gpa, class.name, irq);
    uint32_t i;

    if (err)
        return err;
    rng = dev_alloc(disco_vm_machine(vm), sizeof(*rng));
    if (!rng)
        return DISCO_E_NOMEM;
    rng->fill = fill;
    rng->opaque = opaque;
    for (i = 0; i < 4; i++)
        rng->state[i] = spread(&seed);
    err = vio_init(&rng->vio, &class, vm, irq);
    if (err) {
        dev_free(disco_vm_machine(vm), rng, sizeof(*rng));
        return err;
    }
    err = vio_map(&rng->vio, gpa);
    if (err)
        rng_destroy(&rng->vio);
    return err;
}
