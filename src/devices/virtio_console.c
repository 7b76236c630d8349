/*
 * virtio_console.c - virtio console with a single port: bytes out to a
 * character back end, bytes in through a bounded FIFO.
 *
 * Lock: the transport's; the back end is called without it and may feed input
 * from inside its write.
 */
#include <disco/board.h>

#include <string.h>
#include <linux/virtio_console.h>

#include "base/bits.h"
#include "base/config.h"
#include "devices/dev.h"
#include "devices/virtio_mmio.h"

enum {
    CONSOLE_RX = 0,
    CONSOLE_TX = 1,
    CONSOLE_DEVICE_ID = 3,
    INPUT_BYTES = 4096,
    OUTPUT_BYTES = 4096,
    /* Of one request; the rest of a longer one is dropped. */
    REQUEST_BYTES_MAX = 65536
};

struct disco_vconsole {
    struct vio vio;
    disco_char_backend backend;
    uint32_t first; /* of the input ring */
    uint32_t count;
    uint8_t input[INPUT_BYTES];
    struct virtq_chain rx_chain;
    struct virtq_chain tx_chain;
    uint8_t output[OUTPUT_BYTES]; /* the running transmit step's */
};

/*
 * Move input into the guest's next buffer.  The input is kept across resets of
 * the device: what was typed while the guest booted is for its driver.
 */
static uint32_t rx_step(struct disco_vconsole *console)
{
    struct vio *vio = &console->vio;
    struct virtq_chain *chain = &console->rx_chain;
    uint32_t bytes = 0;

    if (console->count == 0 || !vio_pop(vio, CONSOLE_RX, chain))
        return 0;
    while (console->count > 0 && bytes < chain->in_bytes) {
        uint64_t part = min_u64(INPUT_BYTES - console->first, console->count);

        part = min_u64(part, chain->in_bytes - bytes);
        if (virtq_write(vio->vm, chain, bytes, console->input + console->first,
                        part))
            break;
        bytes += (uint32_t)part;
        console->first = (console->first + (uint32_t)part) % INPUT_BYTES;
        console->count -= (uint32_t)part;
    }
    virtq_push(&vio->queue[CONSOLE_RX], chain->head, bytes);
    vio_signal(vio, CONSOLE_RX);
    return VIO_STEP_COST + bytes;
}

static uint32_t tx_step(struct disco_vconsole *console)
{
    struct vio *vio = &console->vio;
    struct virtq *vq = &vio->queue[CONSOLE_TX];
    struct virtq_chain *chain = &console->tx_chain;
    uint32_t generation;
    uint64_t total;
    uint64_t done;

    if (!vio_pop(vio, CONSOLE_TX, chain))
        return 0;
    generation = vq->generation;
    total = min_u64(chain->out_bytes, REQUEST_BYTES_MAX);
    for (done = 0; done < total && generation == vq->generation;) {
        uint32_t part = (uint32_t)min_u64(total - done, OUTPUT_BYTES);

        if (virtq_read(vio->vm, chain, done, console->output, part))
            break;
        done += part;
        if (!console->backend.write)
            continue;
        lock_give(&vio->lock);
        console->backend.write(console->backend.opaque, console->output, part);
        lock_take(&vio->lock);
    }
    if (generation == vq->generation) {
        virtq_push(vq, chain->head, 0);
        vio_signal(vio, CONSOLE_TX);
    }
    return VIO_STEP_COST + (uint32_t)done;
}

static uint32_t console_step(struct vio *vio, uint32_t queue)
{
    struct disco_vconsole *console =
        container_of(vio, struct disco_vconsole, vio);

    return queue == CONSOLE_RX ? rx_step(console) : tx_step(console);
}

uint32_t disco_vconsole_input(disco_vconsole *console, const uint8_t *data,
                              uint32_t bytes)
{
    uint32_t taken = 0;

    if (!console || !data || !vio_enter(&console->vio))
        return 0;
    while (taken < bytes && console->count < INPUT_BYTES) {
        uint32_t slot = (console->first + console->count) % INPUT_BYTES;

        console->input[slot] = data[taken++];
        console->count++;
    }
    vio_leave(&console->vio);
    vio_pump(&console->vio, CONSOLE_RX);
    return taken;
}

static void console_destroy(struct vio *vio)
{
    struct disco_vconsole *console =
        container_of(vio, struct disco_vconsole, vio);

    vio_destroy(vio);
    dev_free(vio->machine, console, sizeof(*console));
}

static void console_copy(struct vio *from, struct vio *to)
{
    const struct disco_vconsole *console =
        container_of(from, struct disco_vconsole, vio);
    struct disco_vconsole *copy = container_of(to, struct disco_vconsole, vio);

    copy->first = console->first;
    copy->count = console->count;
    memcpy(copy->input, console->input, sizeof(copy->input));
}

static disco_status console_fork(struct vio *from, struct vio *to)
{
    return dev_char_fork(
        &container_of(from, struct disco_vconsole, vio)->backend, to->vm,
        &container_of(to, struct disco_vconsole, vio)->backend);
}

disco_vconsole *disco_vconsole_of(disco_vm *vm, uint64_t gpa)
{
    struct vio *vio = dev_find(vm, "virtio-console", gpa);

    return vio ? container_of(vio, struct disco_vconsole, vio) : NULL;
}

disco_status disco_virtio_console_create(disco_vm *vm, uint64_t gpa,
                                         uint32_t irq,
                                         const disco_char_backend *be,
                                         disco_vconsole **out)
{
    static const struct vio_class class = {
        .name = "virtio-console",
        .device_id = CONSOLE_DEVICE_ID,
        .queues = 2,
        .bytes = sizeof(struct disco_vconsole),
        .step = console_step,
        .destroy = console_destroy,
        .copy = console_copy,
        .fork = console_fork,
    };
    struct disco_vconsole *console;
    disco_char_backend copy;
    disco_status err = dev_check(vm, gpa, class.name, irq);

    if (!err)
        err = config_copy(&copy, sizeof(copy), be);
    if (err)
        return err;
    console = dev_alloc(disco_vm_machine(vm), sizeof(*console));
    if (!console)
        return DISCO_E_NOMEM;
    console->backend = copy;
    err = vio_init(&console->vio, &class, vm, irq);
    if (err) {
        dev_free(disco_vm_machine(vm), console, sizeof(*console));
        return err;
    }
    console->vio.config_bytes = sizeof(struct virtio_console_config);
    err = vio_map(&console->vio, gpa);
    if (err) {
        console_destroy(&console->vio);
        return err;
    }
    if (out)
        *out = console;
    return 0;
}
