/*
 * test_virtio_console.c - the console device: output, input, bounds, resets.
 */
#include "devices/cmocka_all.h"
#include "devices/fake_driver.h"

#include <string.h>
#include <linux/virtio_mmio.h>

enum {
    GPA = 0x1c100000,
    IRQ = 10,
    NUM = 8,
    RX = 0,
    TX = 1,
    RXBUF = DRIVER_BUFFERS,
    TXBUF = DRIVER_BUFFERS + 0x40000
};

struct fixture {
    disco_machine *machine;
    disco_vm *vm;
    disco_vconsole *console;
    struct driver driver;
    uint32_t writes;
    uint32_t bytes;
    uint8_t out[1 << 17];
    int reset;
    int echo;
};

static void on_write(void *opaque, const uint8_t *data, uint32_t bytes)
{
    struct fixture *f = opaque;

    memcpy(f->out + f->bytes, data, bytes);
    f->bytes += bytes;
    f->writes++;
    if (f->reset)
        fake_vm_reset(f->vm);
    if (f->echo)
        disco_vconsole_input(f->console, data, bytes);
}

static int setup(void **state)
{
    static struct fixture fixture;
    struct fixture *f = &fixture;
    disco_char_backend be = { .size = sizeof(be), .opaque = f };
    int err;

    memset(f, 0, sizeof(*f));
    *state = f;
    be.write = on_write;
    f->machine = fake_machine_new();
    f->vm = fake_vm_new(f->machine, "vm0");
    err = disco_virtio_console_create(f->vm, GPA, IRQ, &be, &f->console);
    driver_start(&f->driver, f->vm, GPA, 0, 2, NUM);
    return err;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    fake_vm_free(f->vm);
    return fake_machine_free(f->machine) != 0;
}

static void send(struct fixture *f, uint64_t gpa, uint32_t bytes)
{
    driver_desc(&f->driver, driver_desc_at(TX), 0, gpa, bytes, 0, 0);
    driver_offer(&f->driver, TX, 0);
    driver_notify(&f->driver, TX);
}

static void rx_buffer(struct fixture *f, uint16_t i, uint32_t bytes)
{
    driver_desc(&f->driver, driver_desc_at(RX), i, RXBUF + i * 0x1000u, bytes,
                DESC_WRITE, 0);
    driver_offer(&f->driver, RX, i);
}

static uint32_t input(struct fixture *f, const char *text)
{
    return disco_vconsole_input(f->console, (const uint8_t *)text,
                                (uint32_t)strlen(text));
}

static void output(void **state)
{
    struct fixture *f = *state;
    uint32_t id, bytes;

    assert_int_equal(driver_reg(&f->driver, VIRTIO_MMIO_DEVICE_ID), 3);
    memcpy(f->vm->ram + TXBUF, "hello", 5);
    send(f, TXBUF, 5);
    assert_int_equal(f->bytes, 5);
    assert_memory_equal(f->out, "hello", 5);
    assert_int_equal(driver_used(&f->driver, TX, &id, &bytes), 1);
    assert_int_equal(bytes, 0);
}

static void long_output(void **state)
{
    struct fixture *f = *state;
    uint32_t i;

    for (i = 0; i < 10000; i++)
        f->vm->ram[TXBUF + i] = (uint8_t)(i * 7);
    send(f, TXBUF, 10000);
    assert_int_equal(f->bytes, 10000);
    assert_memory_equal(f->out, f->vm->ram + TXBUF, 10000);
    /* More than a request may hold: the rest is dropped. */
    f->bytes = 0;
    send(f, 0, FAKE_RAM_BYTES);
    assert_int_equal(f->bytes, 65536);
}

static void bad_output(void **state)
{
    struct fixture *f = *state;
    uint32_t id, bytes;

    send(f, GPA, 16);
    send(f, TXBUF, 0);
    send(f, FAKE_RAM_BYTES - 4, 8);
    assert_int_equal(f->bytes, 0);
    assert_int_equal(driver_used(&f->driver, TX, &id, &bytes), 1);
    assert_int_equal(driver_used(&f->driver, TX, &id, &bytes), 1);
    assert_int_equal(driver_used(&f->driver, TX, &id, &bytes), 1);
}

static void input_into_buffers(void **state)
{
    struct fixture *f = *state;
    uint32_t id, bytes;

    rx_buffer(f, 0, 4);
    rx_buffer(f, 1, 100);
    assert_int_equal(input(f, "abcdef"), 6);
    assert_int_equal(driver_used(&f->driver, RX, &id, &bytes), 1);
    assert_int_equal(bytes, 4);
    assert_int_equal(driver_used(&f->driver, RX, &id, &bytes), 1);
    assert_int_equal(bytes, 2);
    assert_memory_equal(f->vm->ram + RXBUF, "abcd", 4);
    assert_memory_equal(f->vm->ram + RXBUF + 0x1000, "ef", 2);
    assert_int_equal(disco_vm_irq_levels(f->vm) >> IRQ & 1, 1);
}

static void input_waits(void **state)
{
    struct fixture *f = *state;
    uint32_t id, bytes;

    /* Typed while the guest boots. */
    assert_int_equal(input(f, "root\n"), 5);
    driver_start(&f->driver, f->vm, GPA, 0, 2, NUM);
    rx_buffer(f, 0, 100);
    driver_notify(&f->driver, RX);
    assert_int_equal(driver_used(&f->driver, RX, &id, &bytes), 1);
    assert_int_equal(bytes, 5);
    assert_memory_equal(f->vm->ram + RXBUF, "root\n", 5);
}

static void input_is_bounded(void **state)
{
    struct fixture *f = *state;
    static uint8_t text[5000];
    uint32_t id, bytes, i;

    for (i = 0; i < sizeof(text); i++)
        text[i] = (uint8_t)(i / 3);
    assert_int_equal(disco_vconsole_input(f->console, text, 100), 100);
    rx_buffer(f, 0, 100);
    driver_notify(&f->driver, RX);
    assert_int_equal(disco_vconsole_input(f->console, text, 5000), 4096);
    assert_int_equal(disco_vconsole_input(f->console, text, 1), 0);
    rx_buffer(f, 1, 5000);
    driver_notify(&f->driver, RX);
    assert_int_equal(driver_used(&f->driver, RX, &id, &bytes), 1);
    assert_int_equal(driver_used(&f->driver, RX, &id, &bytes), 1);
    assert_int_equal(bytes, 4096);
    assert_memory_equal(f->vm->ram + RXBUF + 0x1000, text, 4096);
    assert_int_equal(disco_vconsole_input(NULL, text, 1), 0);
}

/* A buffer that is no RAM comes back; the input stays for the next. */
static void input_into_bad_buffer(void **state)
{
    struct fixture *f = *state;
    uint32_t id, bytes;

    driver_desc(&f->driver, driver_desc_at(RX), 0, GPA, 64, DESC_WRITE, 0);
    driver_offer(&f->driver, RX, 0);
    assert_int_equal(input(f, "xy"), 2);
    assert_int_equal(driver_used(&f->driver, RX, &id, &bytes), 1);
    assert_int_equal(bytes, 0);
    rx_buffer(f, 1, 64);
    driver_notify(&f->driver, RX);
    assert_int_equal(driver_used(&f->driver, RX, &id, &bytes), 1);
    assert_int_equal(bytes, 2);
}

static void echo_from_inside_write(void **state)
{
    struct fixture *f = *state;
    uint32_t id, bytes;

    f->echo = 1;
    rx_buffer(f, 0, 64);
    memcpy(f->vm->ram + TXBUF, "echo", 4);
    send(f, TXBUF, 4);
    assert_int_equal(driver_used(&f->driver, RX, &id, &bytes), 1);
    assert_memory_equal(f->vm->ram + RXBUF, "echo", 4);
}

static void reset_from_inside_write(void **state)
{
    struct fixture *f = *state;

    f->reset = 1;
    send(f, TXBUF, 10000);
    assert_int_equal(f->writes, 1); /* the rest belongs to nobody */
    assert_int_equal(fake_load16(f->vm, driver_used_at(TX) + 2), 0);
}

static void bad_arguments(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(disco_virtio_console_create(f->vm, 0, 64, NULL, NULL),
                     DISCO_E_INVAL);
    f->machine->fail_in = 0;
    assert_int_equal(disco_virtio_console_create(f->vm, 0, 1, NULL, NULL),
                     DISCO_E_NOMEM);
    f->machine->fail_in = 1;
    assert_int_equal(disco_virtio_console_create(f->vm, 0, 1, NULL, NULL),
                     DISCO_E_NOMEM);
    f->vm->refuse_map = 1;
    assert_int_equal(disco_virtio_console_create(f->vm, 0, 1, NULL, NULL),
                     DISCO_E_EXISTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(output),
        T(long_output),
        T(bad_output),
        T(input_into_buffers),
        T(input_waits),
        T(input_is_bounded),
        T(input_into_bad_buffer),
        T(echo_from_inside_write),
        T(reset_from_inside_write),
        T(bad_arguments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
