/*
 * test_fork.c - devices in the child of a fork, one by one on the fake VM: what
 * they have of their parent's, what is their own, and when they refuse.
 */
#include "devices/cmocka_all.h"
#include "devices/fake_driver.h"

#include <pthread.h>
#include <string.h>
#include <linux/virtio_mmio.h>
#include <disco/guest.h>

#include "base/compiler.h"

enum {
    GPA = 0x1c100000,
    UART = 0x1c020000,
    RTC = 0x1c040000,
    INTC = 0x1c000000,
    MAILBOX = 0x1c010000,
    OTHER = 0x1c080000,
    NUM = 8,
    BUF = DRIVER_BUFFERS,
    DISK_BYTES = 8192
};

struct fixture {
    disco_machine *machine;
    disco_vm *vm;
    disco_vm *child;
};

static int setup(void **state)
{
    static struct fixture f;

    f.machine = fake_machine_new();
    f.vm = fake_vm_new(f.machine, "parent");
    f.child = NULL;
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    if (f->child)
        fake_vm_free(f->child);
    if (f->vm)
        fake_vm_free(f->vm);
    return fake_machine_free(f->machine) != 0;
}

static void fork_now(struct fixture *f)
{
    assert_int_equal(fake_vm_fork(f->vm, "child", &f->child), 0);
}

/* The parent may end first. */
static void drop_parent(struct fixture *f)
{
    fake_vm_free(f->vm);
    f->vm = NULL;
}

/* Every allocation of a fork fails once. */
static void starve(struct fixture *f, uint32_t least)
{
    int64_t before = f->machine->live_bytes;
    uint32_t n;

    for (n = 0; n < 100; n++) {
        f->machine->fail_in = (int32_t)n;
        if (!fake_vm_fork(f->vm, "child", &f->child))
            break;
        f->child = NULL;
        assert_int_equal(f->machine->live_bytes, before);
    }
    f->machine->fail_in = -1;
    assert_non_null(f->child);
    assert_in_range(n, least, 99);
}

static int line(disco_vm *vm, uint32_t irq)
{
    return (int)(disco_vm_irq_levels(vm) >> irq & 1);
}

/* --- Without state ------------------------------------------------------- */

static void test_stateless(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(disco_power_create(f->vm, OTHER), 0);
    assert_int_equal(disco_idle_create(f->vm, OTHER + 0x1000), 0);
    assert_int_equal(disco_cp0_page_create(f->vm, OTHER + 0x2000), 0);
    fork_now(f);
    drop_parent(f);
    fake_write(f->child, 0, OTHER, 4, 7u << 16 | DISCO_POWER_EXIT);
    assert_int_equal(f->child->shutdown_code, 7);
    fake_write(f->child, 1, OTHER + 0x1000, 4, 0);
    assert_int_equal(f->child->cpu[1].idles, 1);
    assert_int_equal(
        fake_read(f->child, 2, OTHER + 0x2000 + DISCO_CP0_PAGE_CPU, 8), 2);
}

/* --- The UART ------------------------------------------------------------ */

struct sink {
    char text[16];
    uint32_t bytes;
    struct sink *next; /* the child's */
    disco_status status;
};

static void sink_write(void *opaque, const uint8_t *data, uint32_t bytes)
{
    struct sink *sink = opaque;

    memcpy(sink->text + sink->bytes, data, bytes);
    sink->bytes += bytes;
}

static disco_status sink_fork(void *opaque, disco_vm *child,
                              disco_char_backend *out)
{
    struct sink *sink = opaque;

    (void)child;
    out->opaque = sink->next;
    out->write = sink_write;
    return sink->status;
}

static disco_char_backend sink_of(struct sink *sink)
{
    disco_char_backend be = { .size = sizeof(be),
                              .opaque = sink,
                              .write = sink_write };

    if (sink->next)
        be.fork = sink_fork;
    return be;
}

static void test_uart(void **state)
{
    struct fixture *f = *state;
    struct sink sink = { .bytes = 0 };
    disco_char_backend be = sink_of(&sink);
    disco_uart *uart, *copy;

    assert_int_equal(disco_uart_create(f->vm, UART, 3, &be, &uart), 0);
    fake_write(f->vm, 0, UART + 2, 1, 1); /* FIFOs */
    fake_write(f->vm, 0, UART + 1, 1, 1); /* receive interrupts */
    fake_write(f->vm, 0, UART + 7, 1, 0x5a);
    assert_int_equal(disco_uart_input(uart, (const uint8_t *)"xy", 2), 2);
    fork_now(f);
    assert_ptr_equal(disco_uart_of(f->vm, UART), uart);
    copy = disco_uart_of(f->child, UART);
    assert_non_null(copy);
    assert_ptr_not_equal(copy, uart);
    assert_null(disco_uart_of(f->child, UART + 1));
    /* The child is interrupted by what the parent had not read. */
    assert_int_equal(line(f->child, 3), 1);
    assert_int_equal(fake_read(f->child, 0, UART + 7, 1), 0x5a);
    assert_int_equal(fake_read(f->child, 0, UART, 1), 'x');
    assert_int_equal(fake_read(f->child, 0, UART, 1), 'y');
    assert_int_equal(line(f->child, 3), 0);
    assert_int_equal(line(f->vm, 3), 1);
    assert_int_equal(disco_uart_input(copy, (const uint8_t *)"z", 1), 1);
    assert_int_equal(fake_read(f->vm, 0, UART, 1), 'x');
    /* Without a fork callback, both write to the same place. */
    fake_write(f->vm, 0, UART, 1, 'p');
    fake_write(f->child, 0, UART, 1, 'c');
    assert_memory_equal(sink.text, "pc", 2);
    drop_parent(f);
    assert_int_equal(fake_read(f->child, 0, UART, 1), 'z');
}

static void test_char_backends(void **state)
{
    struct fixture *f = *state;
    struct sink second = { .bytes = 0 };
    struct sink first = { .next = &second, .status = DISCO_E_IO };
    disco_char_backend be = sink_of(&first);

    assert_int_equal(disco_uart_create(f->vm, UART, 3, &be, NULL), 0);
    assert_int_equal(fake_vm_fork(f->vm, "child", &f->child), DISCO_E_IO);
    first.status = 0;
    starve(f, 1);
    fake_write(f->vm, 0, UART, 1, 'p');
    fake_write(f->child, 0, UART, 1, 'c');
    assert_memory_equal(first.text, "p", 2);
    assert_memory_equal(second.text, "c", 2);
}

/* --- The clock ----------------------------------------------------------- */

static void test_rtc(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(disco_rtc_create(f->vm, RTC, 1, 1000), 0);
    fake_write(f->vm, 0, RTC + 0x0c, 4, 0);
    fake_write(f->vm, 0, RTC + 0x08, 4, 1500); /* alarm */
    fake_write(f->vm, 0, RTC + 0x10, 4, 1);
    fake_advance(f->vm, 100, 1);
    starve(f, 2);
    assert_int_equal(fake_read(f->child, 0, RTC, 4), 1100);
    /* Both ring, each by its own clock. */
    fake_advance(f->vm, 600, 1);
    assert_int_equal(line(f->vm, 1), 1);
    assert_int_equal(line(f->child, 1), 0);
    drop_parent(f);
    fake_advance(f->child, 499, 1);
    assert_int_equal(line(f->child, 1), 0);
    fake_advance(f->child, 500, 1);
    assert_int_equal(line(f->child, 1), 1);
}

/* --- Interrupts of vCPUs ------------------------------------------------- */

static void raise_another(disco_vm *vm)
{
    disco_vm_set_irq(vm, 5, 1);
}

static void test_intc(void **state)
{
    struct fixture *f = *state;
    uint64_t second = INTC + DISCO_INTC_STRIDE;

    assert_int_equal(disco_intc_create(f->vm, INTC, 2), 0);
    fake_write(f->vm, 0, second + DISCO_INTC_MASK_CLEAR, 4, 1u << 4 | 1u << 5);
    disco_vm_set_irq(f->vm, 4, 1);
    starve(f, 1);
    fake_vm_free(f->child);
    /* A line that goes up when the child has its lines is not the child's. */
    f->vm->after_copy = raise_another;
    fork_now(f);
    assert_int_equal(f->child->cpu[1].irq[0], 1);
    assert_int_equal(f->child->cpu[0].irq[0], 0);
    assert_int_equal(fake_read(f->child, 0, INTC, 4), 1u << 4);
    disco_vm_set_irq(f->child, 4, 0);
    assert_int_equal(f->child->cpu[1].irq[0], 0);
    assert_int_equal(f->vm->cpu[1].irq[0], 1);
    drop_parent(f);
    disco_vm_set_irq(f->child, 5, 1);
    assert_int_equal(f->child->cpu[1].irq[0], 1);
    fake_write(f->child, 0, second + DISCO_INTC_MASK_SET, 4, 1u << 5);
    assert_int_equal(f->child->cpu[1].irq[0], 0);
}

static void test_mailbox(void **state)
{
    struct fixture *f = *state;
    uint64_t first = MAILBOX, second = MAILBOX + DISCO_MAILBOX_STRIDE;

    assert_int_equal(disco_mailbox_create(f->vm, MAILBOX, 3), 0);
    fake_write(f->vm, 0, second + DISCO_MAILBOX_SET, 8, 2);
    fake_write(f->vm, 0, second + DISCO_MAILBOX_SP, 8, 0x1234);
    starve(f, 1);
    assert_int_equal(fake_read(f->child, 0, second + DISCO_MAILBOX_STATUS, 8),
                     2);
    assert_int_equal(f->child->cpu[1].irq[1], 1);
    fake_write(f->child, 1, second + DISCO_MAILBOX_CLEAR, 8, 2);
    assert_int_equal(f->child->cpu[1].irq[1], 0);
    assert_int_equal(f->vm->cpu[1].irq[1], 1);
    drop_parent(f);
    fake_write(f->child, 1, first + DISCO_MAILBOX_SET, 8, 1);
    assert_int_equal(f->child->cpu[0].irq[1], 1);
    fake_write(f->child, 0, second + DISCO_MAILBOX_PC, 8, 0x8000);
    assert_int_equal(f->child->cpu[1].running, 1);
    assert_int_equal(f->child->cpu[1].gpr[29], 0x1234);
}

/* --- virtio: the disk ----------------------------------------------------- */

struct disk {
    uint8_t bytes[DISK_BYTES];
    uint64_t size;
    uint32_t is_late;
    uint32_t releases;
    struct disk *next; /* the child's */
    disco_block_request *pending;
};

static void disk_serve(struct disk *disk, disco_block_request *r)
{
    if (r->op == DISCO_BLOCK_READ)
        memcpy(r->data, disk->bytes + r->offset_bytes, r->bytes);
    else if (r->op == DISCO_BLOCK_WRITE)
        memcpy(disk->bytes + r->offset_bytes, r->data, r->bytes);
    disco_block_complete(r, 0);
}

static void disk_submit(void *opaque, disco_block_request *r)
{
    struct disk *disk = opaque;

    if (disk->is_late)
        disk->pending = r;
    else
        disk_serve(disk, r);
}

static void disk_release(void *opaque)
{
    ((struct disk *)opaque)->releases++;
}

static disco_status disk_fork(void *opaque, disco_vm *child,
                              disco_block_backend *out)
{
    struct disk *disk = opaque;

    (void)child;
    memcpy(disk->next->bytes, disk->bytes, DISK_BYTES);
    out->bytes = disk->next->size;
    out->opaque = disk->next;
    out->submit = disk_submit;
    out->release = disk_release;
    return 0;
}

static void add_disk(struct fixture *f, struct disk *disk)
{
    disco_block_backend be = { .size = sizeof(be),
                               .bytes = DISK_BYTES,
                               .opaque = disk,
                               .submit = disk_submit,
                               .release = disk_release };

    if (disk->next)
        be.fork = disk_fork;
    assert_int_equal(disco_virtio_blk_create(f->vm, GPA, 8, &be), 0);
}

/* Write a sector of `byte` at sector 1. */
static void write_sector(struct driver *d, uint8_t byte)
{
    uint8_t data[512];

    memset(data, byte, sizeof(data));
    fake_store32(d->vm, BUF, 1); /* VIRTIO_BLK_T_OUT */
    fake_store64(d->vm, BUF + 8, 1);
    assert_int_equal(disco_mem_write(d->vm, BUF + 0x1000, data, 512), 0);
    driver_desc(d, driver_desc_at(0), 0, BUF, 16, DESC_NEXT, 1);
    driver_desc(d, driver_desc_at(0), 1, BUF + 0x1000, 512, DESC_NEXT, 2);
    driver_desc(d, driver_desc_at(0), 2, BUF + 0x2000, 1, DESC_WRITE, 0);
    driver_offer(d, 0, 0);
    driver_notify(d, 0);
}

/* The same driver, in the child. */
static struct driver driver_in(const struct driver *d, disco_vm *child)
{
    struct driver copy = *d;

    copy.vm = child;
    return copy;
}

static void test_disk(void **state)
{
    struct fixture *f = *state;
    static struct disk second, first;
    struct driver d, e;
    uint32_t id, bytes;

    memset(&second, 0, sizeof(second));
    memset(&first, 0, sizeof(first));
    first.next = &second;
    second.size = DISK_BYTES;
    add_disk(f, &first);
    driver_start(&d, f->vm, GPA, 0, 1, NUM);
    write_sector(&d, 1);
    assert_int_equal(driver_used(&d, 0, &id, &bytes), 1);
    starve(f, 2);
    second.releases = 0;
    e = driver_in(&d, f->child);
    assert_int_equal(driver_reg(&e, VIRTIO_MMIO_STATUS),
                     driver_reg(&d, VIRTIO_MMIO_STATUS));
    assert_int_equal(driver_reg(&e, VIRTIO_MMIO_INTERRUPT_STATUS), 1);
    assert_int_equal(line(f->child, 8), 1);
    driver_set(&e, VIRTIO_MMIO_INTERRUPT_ACK, 1);
    assert_int_equal(line(f->child, 8), 0);
    assert_int_equal(line(f->vm, 8), 1);
    /* The queue goes on where it was, in both. */
    write_sector(&e, 2);
    assert_int_equal(driver_used(&e, 0, &id, &bytes), 1);
    assert_int_equal(driver_used(&d, 0, &id, &bytes), 0);
    assert_int_equal(second.bytes[512], 2);
    assert_int_equal(first.bytes[512], 1);
    write_sector(&d, 3);
    assert_int_equal(driver_used(&d, 0, &id, &bytes), 1);
    assert_int_equal(first.bytes[512], 3);
    drop_parent(f);
    assert_int_equal(first.releases, 1);
    write_sector(&e, 4);
    assert_int_equal(driver_used(&e, 0, &id, &bytes), 1);
    assert_int_equal(second.bytes[512], 4);
    assert_int_equal(second.releases, 0);
}

static struct disk *completes;

static void complete_now(disco_vm *vm)
{
    disco_block_request *r;

    (void)vm;
    while (completes && completes->pending) {
        r = completes->pending;
        completes->pending = NULL;
        disk_serve(completes, r);
    }
}

static void test_disk_refusals(void **state)
{
    struct fixture *f = *state;
    static struct disk second, first;
    struct driver d;

    memset(&second, 0, sizeof(second));
    memset(&first, 0, sizeof(first));
    first.next = &second;
    second.size = DISK_BYTES / 2;
    add_disk(f, &first);
    driver_start(&d, f->vm, GPA, 0, 1, NUM);
    /* A back end of another size is no copy. */
    assert_int_equal(fake_vm_fork(f->vm, "c", &f->child), DISCO_E_MISMATCH);
    assert_int_equal(second.releases, 1);
    second.size = DISK_BYTES;
    first.is_late = 1;
    write_sector(&d, 1);
    assert_int_equal(fake_vm_fork(f->vm, "c", &f->child), DISCO_E_BUSY);
    /* It ends when the child has its memory: the child would never see it. */
    completes = &first;
    f->vm->after_copy = complete_now;
    assert_int_equal(fake_vm_fork(f->vm, "c", &f->child), DISCO_E_BUSY);
    assert_null(first.pending);
    fork_now(f);
    completes = NULL;
}

static void test_disk_without_fork(void **state)
{
    struct fixture *f = *state;
    static struct disk disk;

    memset(&disk, 0, sizeof(disk));
    add_disk(f, &disk);
    assert_int_equal(fake_vm_fork(f->vm, "c", &f->child), DISCO_E_UNSUPPORTED);
    assert_int_equal(disk.releases, 0);
}

/* --- virtio: console and entropy ------------------------------------------ */

static void test_console(void **state)
{
    struct fixture *f = *state;
    struct sink second = { .bytes = 0 };
    struct sink first = { .next = &second };
    disco_char_backend be = sink_of(&first);
    disco_vconsole *console, *copy;
    struct driver d, e;
    uint32_t id, bytes;

    assert_int_equal(disco_virtio_console_create(f->vm, GPA, 8, &be, &console),
                     0);
    /* Typed before the driver has a buffer: waits in both. */
    assert_int_equal(disco_vconsole_input(console, (const uint8_t *)"in", 2),
                     2);
    driver_start(&d, f->vm, GPA, 0, 2, NUM);
    starve(f, 2);
    e = driver_in(&d, f->child);
    copy = disco_vconsole_of(f->child, GPA);
    assert_ptr_equal(disco_vconsole_of(f->vm, GPA), console);
    assert_non_null(copy);
    driver_desc(&e, driver_desc_at(0), 0, BUF, 8, DESC_WRITE, 0);
    driver_offer(&e, 0, 0);
    driver_notify(&e, 0);
    assert_int_equal(driver_used(&e, 0, &id, &bytes), 1);
    assert_int_equal(bytes, 2);
    assert_int_equal(fake_load8(f->child, BUF), 'i');
    assert_int_equal(fake_load8(f->vm, BUF), 0);
    fake_store32(f->child, BUF + 0x100, 0x636363);
    driver_desc(&e, driver_desc_at(1), 0, BUF + 0x100, 3, 0, 0);
    driver_offer(&e, 1, 0);
    driver_notify(&e, 1);
    assert_memory_equal(second.text, "ccc", 4);
    assert_int_equal(first.bytes, 0);
    drop_parent(f);
    assert_int_equal(disco_vconsole_input(copy, (const uint8_t *)"x", 1), 1);
}

struct typist {
    disco_vconsole *console;
    uint32_t stop; /* atomic */
};

static void *type_on(void *opaque)
{
    struct typist *typist = opaque;

    while (!load_relaxed(&typist->stop))
        disco_vconsole_input(typist->console, (const uint8_t *)"k", 1);
    return NULL;
}

static void offer_buffers(struct driver *d)
{
    uint32_t id, bytes;

    while (driver_used(d, 0, &id, &bytes)) {
        driver_desc(d, driver_desc_at(0), id, BUF + 16 * id, 1, DESC_WRITE, 0);
        driver_offer(d, 0, (uint16_t)id);
    }
    driver_notify(d, 0);
}

/* In the child: no key that came is half there. */
static void expect_whole(const struct driver *d, disco_vm *child)
{
    struct driver e = driver_in(d, child);
    uint64_t used = driver_used_at(0) + 2;
    uint32_t id, bytes, seen = 0;
    uint16_t before;

    while (driver_used(&e, 0, &id, &bytes)) {
        assert_int_equal(bytes, 1);
        assert_int_equal(fake_load8(child, BUF + 16 * id), 'k');
        seen++;
    }
    assert_true(seen <= NUM);
    before = fake_load16(child, used);
    if (seen) {
        driver_desc(&e, driver_desc_at(0), 0, BUF, 1, DESC_WRITE, 0);
        driver_offer(&e, 0, 0);
        driver_notify(&e, 0);
    }
    disco_vconsole_input(disco_vconsole_of(child, GPA), (const uint8_t *)"k",
                         1);
    assert_true((uint16_t)(fake_load16(child, used) - before) >= 1);
}

/* Another thread types all the while. */
static void test_console_threads(void **state)
{
    struct fixture *f = *state;
    struct typist typist = { .stop = 0 };
    uint32_t i, forks = 0;
    disco_vm *child;
    struct driver d;
    pthread_t thread;
    disco_status status;

    assert_int_equal(
        disco_virtio_console_create(f->vm, GPA, 8, NULL, &typist.console), 0);
    driver_start(&d, f->vm, GPA, 0, 2, NUM);
    for (i = 0; i < NUM; i++) {
        driver_desc(&d, driver_desc_at(0), i, BUF + 16 * i, 1, DESC_WRITE, 0);
        driver_offer(&d, 0, (uint16_t)i);
    }
    driver_notify(&d, 0);
    assert_int_equal(pthread_create(&thread, NULL, type_on, &typist), 0);
    for (i = 0; i < 200; i++) {
        offer_buffers(&d);
        status = fake_vm_fork(f->vm, "child", &child);
        if (status) {
            assert_int_equal(status, DISCO_E_BUSY);
            continue;
        }
        expect_whole(&d, child);
        fake_vm_free(child);
        forks++;
    }
    store_relaxed(&typist.stop, 1);
    pthread_join(thread, NULL);
    assert_true(forks > 0);
}

static uint32_t entropy(struct driver *d)
{
    uint32_t id, bytes;

    driver_desc(d, driver_desc_at(0), 0, BUF, 4, DESC_WRITE, 0);
    driver_offer(d, 0, 0);
    driver_notify(d, 0);
    assert_int_equal(driver_used(d, 0, &id, &bytes), 1);
    return fake_load32(d->vm, BUF);
}

/* Two VMs that draw the same keys would be a trap. */
static void test_rng(void **state)
{
    struct fixture *f = *state;
    struct driver d, e, g;
    disco_vm *second;
    uint32_t a, b, c;

    assert_int_equal(disco_virtio_rng_create(f->vm, GPA, 8, NULL, NULL, 1), 0);
    driver_start(&d, f->vm, GPA, 0, 1, NUM);
    entropy(&d);
    starve(f, 2);
    assert_int_equal(fake_vm_fork(f->vm, "second", &second), 0);
    e = driver_in(&d, f->child);
    g = driver_in(&d, second);
    a = entropy(&d);
    b = entropy(&e);
    c = entropy(&g);
    assert_true(a != b && b != c && a != c);
    fake_vm_free(second);
}

/* --- virtio: the network -------------------------------------------------- */

enum { RX = 0, TX = 1, F_MAC = 5, F_STATUS = 16, CONFIG = 0x100 };

static void mac_of(disco_vm *vm, uint64_t gpa, uint8_t *mac)
{
    uint32_t i;

    for (i = 0; i < 6; i++)
        mac[i] = (uint8_t)fake_read(vm, 0, gpa + CONFIG + i, 1);
}

static int link_of(disco_vm *vm)
{
    return (int)fake_read(vm, 0, GPA + CONFIG + 6, 2);
}

static void send(struct driver *d, const uint8_t *to, const uint8_t *from)
{
    uint8_t frame[12 + 60] = { 0 };

    memcpy(frame + 12, to, 6);
    memcpy(frame + 18, from, 6);
    assert_int_equal(disco_mem_write(d->vm, BUF, frame, sizeof(frame)), 0);
    driver_desc(d, driver_desc_at(TX), 0, BUF, sizeof(frame), 0, 0);
    driver_offer(d, TX, 0);
    driver_notify(d, TX);
}

static void give_buffer(struct driver *d)
{
    driver_desc(d, driver_desc_at(RX), 0, BUF + 0x1000, 2048, DESC_WRITE, 0);
    driver_offer(d, RX, 0);
    driver_notify(d, RX);
}

static void start_net(struct driver *d, disco_vm *vm)
{
    driver_start(d, vm, GPA, 1u << F_MAC | 1u << F_STATUS, 2, NUM);
}

/* A second life on the same subnet: another address, and a cable that is not
 * plugged in until the driver knows. */
static void test_net(void **state)
{
    struct fixture *f = *state;
    disco_net_backend be = { .size = sizeof(be) };
    uint8_t mine[6], its[6];
    disco_subnet *subnet;
    struct driver d, e;
    uint32_t id, bytes;
    disco_nic *nic;

    assert_int_equal(disco_subnet_create(f->machine, &subnet), 0);
    assert_int_equal(disco_subnet_port(subnet, NULL, &be, NULL), 0);
    assert_int_equal(disco_virtio_net_create(f->vm, GPA, 8, NULL, &be, &nic),
                     0);
    start_net(&d, f->vm);
    give_buffer(&d);
    starve(f, 3);
    assert_ptr_equal(disco_nic_of(f->vm, GPA), nic);
    assert_non_null(disco_nic_of(f->child, GPA));
    mac_of(f->vm, GPA, mine);
    mac_of(f->child, GPA, its);
    assert_memory_not_equal(mine, its, 6);
    assert_int_equal(its[0], 2);
    assert_int_equal(link_of(f->vm), 1);
    assert_int_equal(link_of(f->child), 0);
    e = driver_in(&d, f->child);
    assert_int_equal(driver_reg(&e, VIRTIO_MMIO_INTERRUPT_STATUS), 2);
    /* Nothing that the child still believes does the parent any harm. */
    send(&e, (const uint8_t *)"\xff\xff\xff\xff\xff\xff", mine);
    assert_int_equal(driver_used(&e, TX, &id, &bytes), 1);
    assert_int_equal(driver_used(&d, RX, &id, &bytes), 0);
    send(&d, (const uint8_t *)"\xff\xff\xff\xff\xff\xff", mine);
    assert_int_equal(driver_used(&e, RX, &id, &bytes), 0);
    /* Its driver starts anew. */
    start_net(&e, f->child);
    assert_int_equal(link_of(f->child), 1);
    give_buffer(&e);
    send(&d, its, mine);
    assert_int_equal(driver_used(&e, RX, &id, &bytes), 1);
    send(&e, mine, its);
    assert_int_equal(driver_used(&d, RX, &id, &bytes), 1);
    drop_parent(f);
    fake_vm_free(f->child);
    f->child = NULL;
    assert_int_equal(disco_subnet_destroy(subnet), 0);
}

static void net_send(void *opaque, const void *frame, uint64_t bytes)
{
    (void)opaque;
    (void)frame;
    (void)bytes;
}

static disco_status net_fork(void *opaque, disco_vm *child,
                             disco_net_backend *out)
{
    (void)child;
    out->send = net_send;
    out->mtu = *(uint32_t *)opaque;
    return 0;
}

static void test_net_backends(void **state)
{
    static const uint8_t mac[6] = { 2, 1, 1, 1, 1, 1 };
    uint32_t mtu = 1400;
    disco_net_backend be = {
        .size = sizeof(be), .opaque = &mtu, .send = net_send, .fork = net_fork
    };
    struct fixture *f = *state;
    uint8_t first[6], second[6];
    disco_vm *other;

    assert_int_equal(disco_virtio_net_create(f->vm, GPA, 8, mac, &be, NULL), 0);
    assert_int_equal(fake_vm_fork(f->vm, "c", &f->child), DISCO_E_MISMATCH);
    mtu = 0;
    fork_now(f);
    assert_int_equal(fake_vm_fork(f->vm, "child", &other), 0);
    /* No driver has seen the old address: the link is up. */
    assert_int_equal(link_of(f->child), 1);
    mac_of(f->child, GPA, first);
    mac_of(other, GPA, second);
    assert_int_equal(first[0], 2);
    assert_memory_not_equal(first, mac, 6);
    assert_memory_not_equal(first, second, 6);
    fake_vm_free(other);
    be.fork = NULL;
    assert_int_equal(
        disco_virtio_net_create(f->vm, GPA + 0x1000, 9, mac, &be, NULL), 0);
    assert_int_equal(fake_vm_fork(f->vm, "c", &other), DISCO_E_UNSUPPORTED);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_stateless),
        T(test_uart),
        T(test_char_backends),
        T(test_rtc),
        T(test_intc),
        T(test_mailbox),
        T(test_disk),
        T(test_disk_refusals),
        T(test_disk_without_fork),
        T(test_console),
        T(test_console_threads),
        T(test_rng),
        T(test_net),
        T(test_net_backends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
