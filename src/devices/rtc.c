/*
 * rtc.c - real-time clock with the register layout of the goldfish RTC:
 * nanoseconds since 1970 in two halves, and one alarm.
 *
 * Time is the VM's clock plus an offset that the guest may set.  The alarm is a
 * timer of the VM.  One mutex; timer and interrupt line are told without it.
 */
#include <disco/board.h>

#include <stddef.h>

#include "devices/dev.h"

enum {
    RTC_BYTES = 0x1000,

    REG_TIME_LOW = 0x00, /* a read latches the high half */
    REG_TIME_HIGH = 0x04,
    REG_ALARM_LOW = 0x08, /* a write arms */
    REG_ALARM_HIGH = 0x0c,
    REG_IRQ_ENABLED = 0x10,
    REG_CLEAR_ALARM = 0x14,
    REG_ALARM_STATUS = 0x18,
    REG_CLEAR_INTERRUPT = 0x1c
};

struct rtc {
    struct lock lock;
    disco_machine *machine;
    disco_timer *timer;
    struct dev_irq irq;
    uint64_t offset_ns; /* wall clock minus VM time, modulo 2^64 */
    uint64_t alarm_ns;
    uint32_t time_high;
    uint32_t armed;
    uint32_t pending;
    uint32_t enabled;
    /* Deadline of the timer as wanted and as told, like dev_irq. */
    uint64_t want_ns;
    uint64_t told_ns;
    uint32_t busy;
};

static void rtc_set_timer_locked(struct rtc *rtc)
{
    if (rtc->busy)
        return;
    rtc->busy = 1;
    while (rtc->told_ns != rtc->want_ns) {
        uint64_t deadline_ns = rtc->want_ns;

        rtc->told_ns = deadline_ns;
        lock_give(&rtc->lock);
        disco_timer_set(rtc->timer, deadline_ns);
        lock_take(&rtc->lock);
    }
    rtc->busy = 0;
}

/*
 * Ring if it is time, else say when it will be.  An alarm at or before now
 * rings at once; one so far ahead that the VM's clock cannot reach it never
 * does.
 */
static void rtc_update_give(struct rtc *rtc, uint64_t vm_ns)
{
    uint64_t now_ns = vm_ns + rtc->offset_ns;

    if (rtc->armed && rtc->alarm_ns <= now_ns) {
        rtc->armed = 0;
        rtc->pending = 1;
    }
    rtc->want_ns = UINT64_MAX;
    if (rtc->armed && rtc->alarm_ns - now_ns < UINT64_MAX - vm_ns)
        rtc->want_ns = vm_ns + (rtc->alarm_ns - now_ns);
    rtc->irq.want = rtc->pending && rtc->enabled;
    rtc_set_timer_locked(rtc);
    dev_irq_settle_give(&rtc->irq, &rtc->lock);
}

static void rtc_timer(void *opaque, uint64_t now_ns)
{
    struct rtc *rtc = opaque;

    lock_take(&rtc->lock);
    /* The timer is one-shot, and may be one that was moved meanwhile. */
    rtc->told_ns = UINT64_MAX;
    rtc_update_give(rtc, now_ns);
}

static disco_status rtc_read(void *opaque, const disco_mmio_access *access,
                             uint64_t *value)
{
    struct rtc *rtc = opaque;
    uint64_t now_ns;

    if (access->bytes != 4)
        return DISCO_E_FAULT;
    lock_take(&rtc->lock);
    switch (access->offset) {
    case REG_TIME_LOW:
        now_ns = disco_vm_time_ns(rtc->irq.vm) + rtc->offset_ns;
        rtc->time_high = (uint32_t)(now_ns >> 32);
        *value = (uint32_t)now_ns;
        break;
    case REG_TIME_HIGH:
        *value = rtc->time_high;
        break;
    case REG_ALARM_LOW:
        *value = (uint32_t)rtc->alarm_ns;
        break;
    case REG_ALARM_HIGH:
        *value = rtc->alarm_ns >> 32;
        break;
    case REG_IRQ_ENABLED:
        *value = rtc->enabled;
        break;
    case REG_ALARM_STATUS:
        *value = rtc->armed;
        break;
    default:
        *value = 0;
        break;
    }
    lock_give(&rtc->lock);
    return 0;
}

static uint64_t with_low(uint64_t old, uint64_t low)
{
    return (old & ~UINT64_C(0xffffffff)) | (uint32_t)low;
}

static uint64_t with_high(uint64_t old, uint64_t high)
{
    return (uint32_t)old | high << 32;
}

static disco_status rtc_write(void *opaque, const disco_mmio_access *access,
                              uint64_t value)
{
    struct rtc *rtc = opaque;
    uint64_t vm_ns;
    uint64_t now_ns;

    if (access->bytes != 4)
        return DISCO_E_FAULT;
    lock_take(&rtc->lock);
    vm_ns = disco_vm_time_ns(rtc->irq.vm);
    now_ns = vm_ns + rtc->offset_ns;
    switch (access->offset) {
    case REG_TIME_LOW:
        rtc->offset_ns += with_low(now_ns, value) - now_ns;
        break;
    case REG_TIME_HIGH:
        rtc->offset_ns += with_high(now_ns, value) - now_ns;
        break;
    case REG_ALARM_LOW:
        rtc->alarm_ns = with_low(rtc->alarm_ns, value);
        rtc->armed = 1;
        break;
    case REG_ALARM_HIGH:
        rtc->alarm_ns = with_high(rtc->alarm_ns, value);
        break;
    case REG_IRQ_ENABLED:
        rtc->enabled = value & 1;
        break;
    case REG_CLEAR_ALARM:
        rtc->armed = 0;
        break;
    case REG_CLEAR_INTERRUPT:
        rtc->pending = 0;
        break;
    default:
        break;
    }
    rtc_update_give(rtc, vm_ns);
    return 0;
}

/* The clock has a battery: only the alarm is reset. */
static void rtc_reset(void *opaque)
{
    struct rtc *rtc = opaque;

    lock_take(&rtc->lock);
    rtc->alarm_ns = 0;
    rtc->time_high = 0;
    rtc->armed = 0;
    rtc->pending = 0;
    rtc->enabled = 0;
    rtc_update_give(rtc, disco_vm_time_ns(rtc->irq.vm));
}

static void rtc_free(struct rtc *rtc)
{
    lock_destroy(&rtc->lock);
    dev_free(rtc->machine, rtc, sizeof(*rtc));
}

static void rtc_release(void *opaque)
{
    /* The timer is the VM's and goes with it. */
    rtc_free(opaque);
}

/* The child's alarm is a timer of its own. */
static disco_status rtc_fork(void *opaque, disco_vm *child, void **out)
{
    struct rtc *rtc = opaque, *copy;
    disco_status err;

    copy =
        dev_copy(rtc->machine, rtc, sizeof(*copy), offsetof(struct rtc, lock));
    if (!copy)
        return DISCO_E_NOMEM;
    err = disco_timer_create(child, rtc_timer, copy, &copy->timer);
    if (err) {
        rtc_free(copy);
        return err;
    }
    dev_irq_forked(&copy->irq, child);
    copy->told_ns = UINT64_MAX;
    copy->busy = 0;
    lock_take(&copy->lock);
    rtc_update_give(copy, disco_vm_time_ns(child));
    *out = copy;
    return 0;
}

disco_status disco_rtc_create(disco_vm *vm, uint64_t gpa, uint32_t irq,
                              uint64_t wall_ns)
{
    static const disco_mmio_ops ops = {
        .size = sizeof(ops),
        .order = DISCO_LITTLE,
        .read = rtc_read,
        .write = rtc_write,
        .reset = rtc_reset,
        .fork = rtc_fork,
        .release = rtc_release,
    };
    struct rtc *rtc;
    disco_status err = dev_check(vm, gpa, "rtc", irq);

    if (err)
        return err;
    rtc = dev_alloc(disco_vm_machine(vm), sizeof(*rtc));
    if (!rtc)
        return DISCO_E_NOMEM;
    rtc->machine = disco_vm_machine(vm);
    if (lock_init(&rtc->lock)) {
        dev_free(rtc->machine, rtc, sizeof(*rtc));
        return DISCO_E_NOMEM;
    }
    rtc->irq.vm = vm;
    rtc->irq.line = irq;
    rtc->offset_ns = wall_ns;
    rtc->want_ns = UINT64_MAX;
    rtc->told_ns = UINT64_MAX;
    err = disco_timer_create(vm, rtc_timer, rtc, &rtc->timer);
    if (err) {
        rtc_free(rtc);
        return err;
    }
    err = dev_map(vm, gpa, RTC_BYTES, "rtc", &ops, rtc);
    if (err) {
        disco_timer_destroy(rtc->timer);
        rtc_free(rtc);
    }
    return err;
}
