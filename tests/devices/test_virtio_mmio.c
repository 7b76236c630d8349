/*
 * test_virtio_mmio.c - the transport: registers, negotiation, latching, status,
 * interrupts, and the pump, with a small device class of the test's own.
 */
#include "devices/cmocka_all.h"
#include "devices/fake_driver.h"

#include <pthread.h>
#include <string.h>
#include <linux/virtio_mmio.h>

#include "base/compiler.h"
#include "devices/virtio_mmio.h"

enum { GPA = 0x1c100000, IRQ = 8, QUEUES = 2, NUM = 8 };

/* Returns every request; queue 1 costs a lot. */
struct device {
    struct vio vio;
    struct virtq_chain chain;
    uint32_t steps;
    uint32_t stops;
    uint32_t closed;
    uint32_t *destroyed;
    void (*in_step)(struct device *dev);
};

static uint32_t device_step(struct vio *vio, uint32_t queue)
{
    struct device *dev = container_of(vio, struct device, vio);
    uint32_t generation = vio->queue[queue].generation;

    if (!vio_pop(vio, queue, &dev->chain))
        return 0;
    dev->steps++;
    if (dev->in_step) {
        lock_give(&vio->lock);
        dev->in_step(dev);
        lock_take(&vio->lock);
    }
    if (generation != vio->queue[queue].generation)
        return VIO_STEP_COST;
    virtq_push(&vio->queue[queue], dev->chain.head, 0);
    vio_signal(vio, queue);
    return queue == 1 ? VIO_PUMP_BUDGET / 4 : VIO_STEP_COST;
}

static void device_stop(struct vio *vio, uint32_t queue)
{
    (void)queue;
    container_of(vio, struct device, vio)->stops++;
}

static void device_close(struct vio *vio)
{
    container_of(vio, struct device, vio)->closed++;
}

static void device_destroy(struct vio *vio)
{
    struct device *dev = container_of(vio, struct device, vio);

    (*dev->destroyed)++;
    vio_destroy(vio);
    dev_free(vio->machine, dev, sizeof(*dev));
}

static const struct vio_class device_class = {
    .name = "test",
    .device_id = 77,
    .queues = QUEUES,
    .step = device_step,
    .stop = device_stop,
    .close = device_close,
    .destroy = device_destroy,
};

struct fixture {
    disco_machine *machine;
    disco_vm *vm;
    struct device *dev;
    struct driver driver;
    uint32_t destroyed;
};

static int setup(void **state)
{
    static struct fixture fixture;
    struct fixture *f = &fixture;

    memset(f, 0, sizeof(*f));
    *state = f;
    f->machine = fake_machine_new();
    f->vm = fake_vm_new(f->machine, "vm0");
    f->dev = dev_alloc(f->machine, sizeof(*f->dev));
    f->dev->destroyed = &f->destroyed;
    if (vio_init(&f->dev->vio, &device_class, f->vm, IRQ))
        return -1;
    f->dev->vio.config_bytes = 8;
    memcpy(f->dev->vio.config, "\1\2\3\4\5\6\7\10", 8);
    f->driver = (struct driver){ .vm = f->vm, .gpa = GPA };
    return vio_map(&f->dev->vio, GPA);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    fake_vm_free(f->vm);
    return f->destroyed != 1 || fake_machine_free(f->machine) != 0;
}

static int line(struct fixture *f)
{
    return (int)(disco_vm_irq_levels(f->vm) >> IRQ & 1);
}

static void start(struct fixture *f, uint64_t features)
{
    driver_start(&f->driver, f->vm, GPA, features, QUEUES, NUM);
}

static void identity(void **state)
{
    struct fixture *f = *state;
    struct driver *d = &f->driver;

    assert_int_equal(driver_reg(d, VIRTIO_MMIO_MAGIC_VALUE), 0x74726976);
    assert_int_equal(driver_reg(d, VIRTIO_MMIO_VERSION), 2);
    assert_int_equal(driver_reg(d, VIRTIO_MMIO_DEVICE_ID), 77);
    assert_int_equal(driver_reg(d, VIRTIO_MMIO_SHM_LEN_LOW), UINT32_MAX);
    assert_int_equal(driver_reg(d, VIRTIO_MMIO_QUEUE_NUM_MAX), 256);
    driver_set(d, VIRTIO_MMIO_QUEUE_SEL, QUEUES);
    assert_int_equal(driver_reg(d, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
    driver_set(d, VIRTIO_MMIO_QUEUE_READY, 1);
    driver_set(d, VIRTIO_MMIO_QUEUE_NUM, 1);
    assert_int_equal(driver_reg(d, VIRTIO_MMIO_QUEUE_READY), 0);
    driver_set(d, VIRTIO_MMIO_QUEUE_SEL, UINT32_MAX);
    assert_int_equal(driver_reg(d, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
    assert_int_equal(driver_features(d),
                     DRIVER_VERSION_1 | DRIVER_EVENT_IDX | 1 << 28);
    driver_set(d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 2);
    assert_int_equal(driver_reg(d, VIRTIO_MMIO_DEVICE_FEATURES), 0);
}

static void config_space(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fake_read(f->vm, 0, GPA + 0x100, 1), 1);
    assert_int_equal(fake_read(f->vm, 0, GPA + 0x102, 2), 0x0403);
    assert_int_equal(fake_read(f->vm, 0, GPA + 0x104, 4), 0x08070605);
    assert_int_equal(fake_read(f->vm, 0, GPA + 0x100, 8),
                     UINT64_C(0x0807060504030201));
    assert_int_equal(fake_read(f->vm, 0, GPA + 0x108, 8), 0);
    assert_int_equal(fake_read(f->vm, 0, GPA + 0x1ff, 1), 0);
    fake_write(f->vm, 0, GPA + 0x100, 4, UINT32_MAX);
    assert_int_equal(fake_read(f->vm, 0, GPA + 0x100, 1), 1);
}

static void register_widths(void **state)
{
    struct fixture *f = *state;
    uint64_t v;

    assert_int_equal(fake_try_read(f->vm, 0, GPA, 1, &v), DISCO_E_FAULT);
    assert_int_equal(fake_try_read(f->vm, 0, GPA, 8, &v), DISCO_E_FAULT);
    assert_int_equal(fake_try_write(f->vm, 0, GPA + 0x70, 2, 0), DISCO_E_FAULT);
}

static void negotiation(void **state)
{
    struct fixture *f = *state;
    struct driver *d = &f->driver;

    /* A feature that is not offered. */
    driver_begin(d, f->vm, GPA, 2);
    assert_int_equal(driver_reg(d, VIRTIO_MMIO_STATUS), 3);
    driver_ok(d);
    assert_int_equal(driver_reg(d, VIRTIO_MMIO_STATUS), 3);
    /* A driver of before version 1. */
    driver_set(d, VIRTIO_MMIO_STATUS, 0);
    driver_set(d, VIRTIO_MMIO_STATUS, 3);
    driver_set(d, VIRTIO_MMIO_STATUS, 11);
    assert_int_equal(driver_reg(d, VIRTIO_MMIO_STATUS), 3);
    /* As it should be; then nothing can be added. */
    driver_begin(d, f->vm, GPA, 0);
    assert_int_equal(driver_reg(d, VIRTIO_MMIO_STATUS), 11);
    driver_set(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
    driver_set(d, VIRTIO_MMIO_DRIVER_FEATURES, UINT32_MAX);
    driver_set(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 5);
    driver_set(d, VIRTIO_MMIO_DRIVER_FEATURES, UINT32_MAX);
    assert_int_equal(f->dev->vio.driver_features, DRIVER_VERSION_1);
}

static void queues_need_features_ok(void **state)
{
    struct fixture *f = *state;
    struct driver *d = &f->driver;

    driver_set(d, VIRTIO_MMIO_STATUS, 3);
    assert_int_equal(driver_queue(d, 0, NUM), 0);
    driver_begin(d, f->vm, GPA, 0);
    assert_int_equal(driver_queue(d, 0, NUM), 1);
    assert_int_equal(driver_queue(d, 1, 3), 0);
}

static void offer_one(struct fixture *f, uint32_t queue)
{
    driver_desc(&f->driver, driver_desc_at(queue), 0, DRIVER_BUFFERS, 4,
                DESC_WRITE, 0);
    driver_offer(&f->driver, queue, 0);
}

static void request_and_interrupt(void **state)
{
    struct fixture *f = *state;
    struct driver *d = &f->driver;
    uint32_t id, bytes;

    start(f, 0);
    offer_one(f, 0);
    assert_int_equal(f->dev->steps, 0);
    driver_notify(d, 0);
    assert_int_equal(f->dev->steps, 1);
    assert_int_equal(driver_used(d, 0, &id, &bytes), 1);
    assert_int_equal(line(f), 1);
    assert_int_equal(driver_reg(d, VIRTIO_MMIO_INTERRUPT_STATUS), 1);
    driver_set(d, VIRTIO_MMIO_INTERRUPT_ACK, 2);
    assert_int_equal(line(f), 1);
    driver_set(d, VIRTIO_MMIO_INTERRUPT_ACK, 1);
    assert_int_equal(line(f), 0);
    driver_notify(d, QUEUES);
    driver_notify(d, UINT32_MAX);
}

static void nothing_before_driver_ok(void **state)
{
    struct fixture *f = *state;

    driver_begin(&f->driver, f->vm, GPA, 0);
    driver_queue(&f->driver, 0, NUM);
    offer_one(f, 0);
    driver_notify(&f->driver, 0);
    assert_int_equal(f->dev->steps, 0);
    driver_ok(&f->driver);
    assert_int_equal(f->dev->steps, 1);
}

/* CVE-2026-5747: queue registers that change while the queue is in use. */
static void queue_registers_after_activation(void **state)
{
    struct fixture *f = *state;
    struct driver *d = &f->driver;
    uint32_t id, bytes;

    start(f, 0);
    driver_set(d, VIRTIO_MMIO_QUEUE_SEL, 0);
    driver_set(d, VIRTIO_MMIO_QUEUE_NUM, 0);
    driver_set(d, VIRTIO_MMIO_QUEUE_NUM, 32768);
    driver_set(d, VIRTIO_MMIO_QUEUE_DESC_LOW, 0);
    driver_set(d, VIRTIO_MMIO_QUEUE_DESC_HIGH, UINT32_MAX);
    driver_set(d, VIRTIO_MMIO_QUEUE_AVAIL_LOW, 0);
    driver_set(d, VIRTIO_MMIO_QUEUE_AVAIL_HIGH, UINT32_MAX);
    driver_set(d, VIRTIO_MMIO_QUEUE_USED_LOW, 0);
    driver_set(d, VIRTIO_MMIO_QUEUE_USED_HIGH, UINT32_MAX);
    driver_set(d, VIRTIO_MMIO_QUEUE_READY, 1);
    offer_one(f, 0);
    driver_notify(d, 0);
    assert_int_equal(driver_used(d, 0, &id, &bytes), 1);
    assert_int_equal(f->dev->vio.queue[0].num, NUM);
}

static void broken_queue_needs_reset(void **state)
{
    struct fixture *f = *state;
    struct driver *d = &f->driver;
    uint32_t id, bytes;

    start(f, 0);
    driver_desc(d, driver_desc_at(0), 0, 0, 1, DESC_NEXT, 0);
    driver_offer(d, 0, 0);
    driver_notify(d, 0);
    assert_int_equal(driver_reg(d, VIRTIO_MMIO_STATUS),
                     15 | STATUS_NEEDS_RESET);
    assert_int_equal(driver_reg(d, VIRTIO_MMIO_INTERRUPT_STATUS) & 2, 2);
    assert_int_equal(line(f), 1);
    assert_int_equal(driver_used(d, 0, &id, &bytes), 1);
    assert_int_equal(bytes, 0);
    /* Until then it does nothing, however often it is told. */
    offer_one(f, 1);
    driver_notify(d, 1);
    driver_notify(d, 0);
    assert_int_equal(f->dev->steps, 0);
    driver_set(d, VIRTIO_MMIO_STATUS, 15);
    assert_int_equal(driver_reg(d, VIRTIO_MMIO_STATUS) & STATUS_NEEDS_RESET,
                     STATUS_NEEDS_RESET);
    start(f, 0);
    assert_int_equal(line(f), 0);
    offer_one(f, 0);
    driver_notify(d, 0);
    assert_int_equal(f->dev->steps, 1);
}

static void event_index(void **state)
{
    struct fixture *f = *state;
    struct driver *d = &f->driver;
    uint64_t used_event = driver_avail_at(0) + 4 + 2 * NUM;
    uint64_t avail_event = driver_used_at(0) + 4 + 8 * NUM;

    start(f, DRIVER_EVENT_IDX);
    fake_store16(f->vm, used_event, 1);
    offer_one(f, 0);
    driver_notify(d, 0);
    assert_int_equal(line(f), 0);
    assert_int_equal(fake_load16(f->vm, avail_event), 1);
    offer_one(f, 0);
    driver_notify(d, 0);
    assert_int_equal(line(f), 1);
    assert_int_equal(fake_load16(f->vm, avail_event), 2);
}

static void queue_can_be_taken_back(void **state)
{
    struct fixture *f = *state;
    struct driver *d = &f->driver;

    start(f, 0);
    driver_set(d, VIRTIO_MMIO_QUEUE_SEL, 0);
    driver_set(d, VIRTIO_MMIO_QUEUE_READY, 0);
    assert_int_equal(driver_reg(d, VIRTIO_MMIO_QUEUE_READY), 0);
    offer_one(f, 0);
    driver_notify(d, 0);
    assert_int_equal(f->dev->steps, 0);
    assert_int_equal(driver_queue(d, 0, 4), 1);
    offer_one(f, 0);
    driver_notify(d, 0);
    assert_int_equal(f->dev->steps, 1);
}

static void vm_reset(void **state)
{
    struct fixture *f = *state;

    start(f, 0);
    offer_one(f, 0);
    driver_notify(&f->driver, 0);
    assert_int_equal(line(f), 1);
    fake_vm_reset(f->vm);
    assert_int_equal(line(f), 0);
    assert_int_equal(driver_reg(&f->driver, VIRTIO_MMIO_STATUS), 0);
    driver_notify(&f->driver, 0);
    assert_int_equal(f->dev->steps, 1);
}

static struct fixture *reset_in_step_of;

static void reset_from_outside(struct device *dev)
{
    (void)dev;
    fake_vm_reset(reset_in_step_of->vm);
}

static void reset_while_the_host_works(void **state)
{
    struct fixture *f = *state;

    start(f, 0);
    offer_one(f, 0);
    reset_in_step_of = f;
    f->dev->in_step = reset_from_outside;
    driver_notify(&f->driver, 0);
    assert_int_equal(f->dev->steps, 1);
    /* Nothing was returned into the queue that is no more. */
    assert_int_equal(fake_load16(f->vm, driver_used_at(0) + 2), 0);
    assert_int_equal(line(f), 0);
}

static void notify_again(struct device *dev)
{
    struct driver d = { .vm = dev->vio.vm, .gpa = GPA };

    driver_notify(&d, 0);
}

/* A doorbell rung from inside the device's own work does not recurse. */
static void no_recursion(void **state)
{
    struct fixture *f = *state;
    int i;

    start(f, 0);
    for (i = 0; i < NUM; i++)
        offer_one(f, 0);
    f->dev->in_step = notify_again;
    driver_notify(&f->driver, 0);
    assert_int_equal(f->dev->steps, NUM);
}

/* Device registers are no RAM: a queue or buffer there leads nowhere. */
static void dma_to_own_registers(void **state)
{
    struct fixture *f = *state;
    struct driver *d = &f->driver;

    start(f, 0);
    driver_desc(d, driver_desc_at(0), 0, GPA + VIRTIO_MMIO_QUEUE_NOTIFY, 16,
                DESC_INDIRECT, 0);
    driver_offer(d, 0, 0);
    driver_notify(d, 0);
    assert_int_equal(f->dev->steps, 0);
    assert_true(driver_reg(d, VIRTIO_MMIO_STATUS) & STATUS_NEEDS_RESET);
}

/* What is too much for one notification goes on in a timer. */
static void work_is_bounded(void **state)
{
    struct fixture *f = *state;
    int i;

    start(f, 0);
    for (i = 0; i < NUM; i++)
        offer_one(f, 1);
    driver_notify(&f->driver, 1);
    assert_int_equal(f->dev->steps, 4);
    fake_advance(f->vm, VIO_PUMP_PAUSE_NS - 1, 1);
    assert_int_equal(f->dev->steps, 4);
    fake_advance(f->vm, VIO_PUMP_PAUSE_NS, 1);
    assert_int_equal(f->dev->steps, 8);
    fake_advance(f->vm, 10 * VIO_PUMP_PAUSE_NS, 3);
    assert_int_equal(f->dev->steps, 8);
}

struct storm {
    struct fixture *f;
    uint32_t stop;
};

static void *notify_thread(void *opaque)
{
    struct storm *s = opaque;
    struct driver d = { .vm = s->f->vm, .gpa = GPA };
    uint16_t i = 0;

    /* The ring looks full of work all the time. */
    while (!load_relaxed(&s->stop)) {
        fake_store16(d.vm, driver_avail_at(0) + 2, i++);
        driver_notify(&d, 0);
    }
    return NULL;
}

/* A guest that hammers can still be reset, and the host stays in charge. */
static void reset_works_during_a_storm(void **state)
{
    struct fixture *f = *state;
    struct storm storm = { f, 0 };
    pthread_t thread[2];
    int i;

    start(f, 0);
    for (i = 0; i < 2; i++)
        pthread_create(&thread[i], NULL, notify_thread, &storm);
    for (i = 0; i < 200; i++)
        start(f, 0);
    store_relaxed(&storm.stop, 1);
    for (i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    start(f, 0);
    f->dev->steps = 0;
    offer_one(f, 0);
    driver_notify(&f->driver, 0);
    assert_int_equal(f->dev->steps, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(identity),
        T(config_space),
        T(register_widths),
        T(negotiation),
        T(queues_need_features_ok),
        T(request_and_interrupt),
        T(nothing_before_driver_ok),
        T(queue_registers_after_activation),
        T(broken_queue_needs_reset),
        T(event_index),
        T(queue_can_be_taken_back),
        T(vm_reset),
        T(reset_while_the_host_works),
        T(no_recursion),
        T(dma_to_own_registers),
        T(work_is_bounded),
        T(reset_works_during_a_storm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
