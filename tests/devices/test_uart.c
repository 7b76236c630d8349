/*
 * test_uart.c - the 16550A: registers, FIFOs, interrupts, and the probes that
 * Linux's 8250 driver makes.
 */
#include "devices/cmocka_all.h"
#include "devices/fake_vm.h"

#include <string.h>

enum { UART = 0x1c020000, IRQ = 3 };

struct fixture {
    disco_machine *machine;
    disco_vm *vm;
    disco_uart *uart;
    char out[256];
    uint32_t out_bytes;
    int echo;
};

static void on_write(void *opaque, const uint8_t *data, uint32_t bytes)
{
    struct fixture *f = opaque;

    memcpy(f->out + f->out_bytes, data, bytes);
    f->out_bytes += bytes;
    if (f->echo)
        disco_uart_input(f->uart, data, bytes);
}

static int setup(void **state)
{
    static struct fixture fixture;
    struct fixture *f = &fixture;
    disco_char_backend be = { .size = sizeof(be), .opaque = f };

    memset(f, 0, sizeof(*f));
    be.write = on_write;
    f->machine = fake_machine_new();
    f->vm = fake_vm_new(f->machine, "vm0");
    *state = f;
    return disco_uart_create(f->vm, UART, IRQ, &be, &f->uart);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    fake_vm_free(f->vm);
    return fake_machine_free(f->machine) != 0;
}

static uint8_t in(struct fixture *f, uint32_t reg)
{
    return (uint8_t)fake_read(f->vm, 0, UART + reg, 1);
}

static void out(struct fixture *f, uint32_t reg, uint8_t value)
{
    fake_write(f->vm, 0, UART + reg, 1, value);
}

static int line(struct fixture *f)
{
    return (int)(disco_vm_irq_levels(f->vm) >> IRQ & 1);
}

static void reset_state(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(in(f, 1), 0);
    assert_int_equal(in(f, 2), 0x01);
    assert_int_equal(in(f, 3), 0);
    assert_int_equal(in(f, 4), 0);
    assert_int_equal(in(f, 5), 0x60);
    assert_int_equal(in(f, 6), 0xb0);
    assert_int_equal(in(f, 0), 0);
}

static void other_widths_fault(void **state)
{
    struct fixture *f = *state;
    uint64_t value;

    assert_int_equal(fake_try_read(f->vm, 0, UART, 4, &value), DISCO_E_FAULT);
    assert_int_equal(fake_try_write(f->vm, 0, UART, 2, 'x'), DISCO_E_FAULT);
    assert_int_equal(f->out_bytes, 0);
}

static void output_goes_at_once(void **state)
{
    struct fixture *f = *state;

    out(f, 0, 'h');
    out(f, 0, 'i');
    assert_int_equal(in(f, 5) & 0x60, 0x60);
    assert_memory_equal(f->out, "hi", 2);
    assert_int_equal(f->out_bytes, 2);
}

static void divisor_latch_hides_data(void **state)
{
    struct fixture *f = *state;

    out(f, 3, 0x83);
    out(f, 0, 0x34);
    out(f, 1, 0x12);
    assert_int_equal(in(f, 0), 0x34);
    assert_int_equal(in(f, 1), 0x12);
    out(f, 3, 0x03);
    assert_int_equal(in(f, 1), 0);
    assert_int_equal(f->out_bytes, 0);
}

static void one_byte_without_fifo(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(disco_uart_input(f->uart, (const uint8_t *)"ab", 2), 1);
    assert_int_equal(in(f, 5) & 1, 1);
    assert_int_equal(in(f, 0), 'a');
    assert_int_equal(in(f, 5) & 1, 0);
}

static void sixteen_bytes_with_fifo(void **state)
{
    struct fixture *f = *state;
    const uint8_t *text = (const uint8_t *)"0123456789abcdefgh";
    int i;

    out(f, 2, 0x01);
    assert_int_equal(disco_uart_input(f->uart, text, 18), 16);
    assert_int_equal(disco_uart_input(f->uart, text, 18), 0);
    for (i = 0; i < 16; i++)
        assert_int_equal(in(f, 0), text[i]);
    assert_int_equal(in(f, 5) & 1, 0);
    assert_int_equal(disco_uart_input(f->uart, text + 16, 2), 2);
    assert_int_equal(in(f, 0), 'g');
}

static void fifo_clear(void **state)
{
    struct fixture *f = *state;

    out(f, 2, 0x01);
    disco_uart_input(f->uart, (const uint8_t *)"abc", 3);
    out(f, 2, 0x03);
    assert_int_equal(in(f, 5) & 1, 0);
    disco_uart_input(f->uart, (const uint8_t *)"abc", 3);
    out(f, 2, 0x00);
    assert_int_equal(in(f, 5) & 1, 0);
    assert_int_equal(in(f, 2), 0x01);
}

static void receive_interrupts(void **state)
{
    struct fixture *f = *state;
    int i;

    out(f, 2, 0x41); /* trigger at 4 */
    disco_uart_input(f->uart, (const uint8_t *)"abc", 3);
    assert_int_equal(line(f), 0);
    out(f, 1, 0x01);
    assert_int_equal(line(f), 1);
    assert_int_equal(in(f, 2), 0xcc); /* below the trigger: timeout */
    disco_uart_input(f->uart, (const uint8_t *)"d", 1);
    assert_int_equal(in(f, 2), 0xc4);
    for (i = 0; i < 4; i++)
        in(f, 0);
    assert_int_equal(in(f, 2), 0xc1);
    assert_int_equal(line(f), 0);
}

static void transmit_interrupts(void **state)
{
    struct fixture *f = *state;

    out(f, 1, 0x02);
    assert_int_equal(line(f), 1);
    assert_int_equal(in(f, 2), 0x02);
    assert_int_equal(line(f), 0); /* reading IIR clears it */
    assert_int_equal(in(f, 2), 0x01);
    out(f, 0, 'x');
    assert_int_equal(line(f), 1);
    out(f, 1, 0x00);
    assert_int_equal(line(f), 0);
}

static void priorities(void **state)
{
    struct fixture *f = *state;

    out(f, 4, 0x10); /* loopback: an overrun, and modem changes */
    out(f, 0, 'a');
    out(f, 0, 'b');
    out(f, 1, 0x0f);
    assert_int_equal(in(f, 2), 0x06);
    assert_int_equal(in(f, 5), 0x63);
    assert_int_equal(in(f, 5), 0x61);
    assert_int_equal(in(f, 2), 0x04);
    assert_int_equal(in(f, 0), 'a');
    assert_int_equal(in(f, 2), 0x02);
    assert_int_equal(in(f, 2), 0x00);
    assert_int_equal(in(f, 6) & 0x0b, 0x0b);
    assert_int_equal(in(f, 2), 0x01);
    assert_int_equal(line(f), 0);
}

/* What autoconfig() of Linux's 8250_port.c looks at. */
static void linux_autoconfig(void **state)
{
    struct fixture *f = *state;

    out(f, 1, 0);
    assert_int_equal(in(f, 1) & 0x0f, 0);
    out(f, 1, 0x0f);
    assert_int_equal(in(f, 1) & 0x0f, 0x0f);
    out(f, 1, 0);
    out(f, 4, 0x10 | 0x0a);
    assert_int_equal(in(f, 6) & 0xf0, 0x90);
    out(f, 4, 0);
    out(f, 3, 0xbf);
    out(f, 2, 0);
    out(f, 3, 0);
    out(f, 2, 0x01);
    assert_int_equal(in(f, 2) >> 6, 3);
    out(f, 3, 0x80);
    assert_int_not_equal(in(f, 2), 0);
    out(f, 3, 0);
    out(f, 2, 0x21);
    assert_int_equal(in(f, 2) >> 5, 6);
    out(f, 1, 0x40);
    assert_int_equal(in(f, 1), 0);
    out(f, 7, 0x5a);
    assert_int_equal(in(f, 7), 0x5a);
}

/* The tests for chips that lose the transmit interrupt, of 8250 startup. */
static void linux_thre_test(void **state)
{
    struct fixture *f = *state;
    uint8_t iir1;

    out(f, 1, 0x02);
    iir1 = in(f, 2);
    out(f, 1, 0);
    out(f, 1, 0x02);
    assert_int_equal(iir1 & 1, 0);
    assert_int_equal(in(f, 2) & 1, 0);
    out(f, 1, 0);
    assert_int_equal(in(f, 2) & 1, 1);
}

static void loopback_keeps_out(void **state)
{
    struct fixture *f = *state;

    out(f, 4, 0x10);
    assert_int_equal(disco_uart_input(f->uart, (const uint8_t *)"a", 1), 0);
    out(f, 0, 'q');
    assert_int_equal(f->out_bytes, 0);
    assert_int_equal(in(f, 0), 'q');
}

static void ring_counts_when_it_ends(void **state)
{
    struct fixture *f = *state;

    out(f, 4, 0x14);
    assert_int_equal(in(f, 6) & 0x44, 0x40);
    out(f, 4, 0x10);
    assert_int_equal(in(f, 6) & 0x44, 0x04);
    assert_int_equal(in(f, 6) & 0x0f, 0);
}

static void back_end_may_feed_back(void **state)
{
    struct fixture *f = *state;

    f->echo = 1;
    out(f, 1, 0x01);
    out(f, 0, 'e');
    assert_int_equal(line(f), 1);
    assert_int_equal(in(f, 0), 'e');
}

static void reset_lowers_everything(void **state)
{
    struct fixture *f = *state;

    out(f, 2, 0x01);
    out(f, 1, 0x0f);
    disco_uart_input(f->uart, (const uint8_t *)"abc", 3);
    assert_int_equal(line(f), 1);
    fake_vm_reset(f->vm);
    assert_int_equal(line(f), 0);
    reset_state(state);
}

static void listens_by_interrupt_or_poll(void **state)
{
    struct fixture *f = *state;
    int i;

    assert_int_equal(disco_uart_is_listening(NULL), 0);
    assert_int_equal(disco_uart_is_listening(f->uart), 0);
    out(f, 1, 2); /* only the transmitter's interrupt */
    assert_int_equal(disco_uart_is_listening(f->uart), 0);
    out(f, 1, 1);
    assert_int_equal(disco_uart_is_listening(f->uart), 1);
    fake_vm_reset(f->vm);
    assert_int_equal(disco_uart_is_listening(f->uart), 0);
    /* Who sends looks at LSR too, but not for long. */
    for (i = 0; i < 100; i++) {
        in(f, 5);
        out(f, 0, 'x');
    }
    assert_int_equal(disco_uart_is_listening(f->uart), 0);
    for (i = 0; i < 100; i++)
        in(f, 5);
    assert_int_equal(disco_uart_is_listening(f->uart), 1);
}

static void bad_arguments(void **state)
{
    struct fixture *f = *state;
    disco_char_backend be = { .size = 4 };

    assert_int_equal(disco_uart_create(NULL, 0, 0, NULL, NULL), DISCO_E_INVAL);
    assert_int_equal(disco_uart_create(f->vm, 0, 64, NULL, NULL),
                     DISCO_E_INVAL);
    assert_int_equal(disco_uart_create(f->vm, 0, 0, &be, NULL), DISCO_E_INVAL);
    f->machine->fail_in = 0;
    assert_int_equal(disco_uart_create(f->vm, 0, 0, NULL, NULL), DISCO_E_NOMEM);
    f->vm->refuse_map = 1;
    assert_int_equal(disco_uart_create(f->vm, 0, 0, NULL, NULL),
                     DISCO_E_EXISTS);
    assert_int_equal(disco_uart_input(NULL, (const uint8_t *)"a", 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(reset_state),
        T(other_widths_fault),
        T(output_goes_at_once),
        T(divisor_latch_hides_data),
        T(one_byte_without_fifo),
        T(sixteen_bytes_with_fifo),
        T(fifo_clear),
        T(receive_interrupts),
        T(transmit_interrupts),
        T(priorities),
        T(linux_autoconfig),
        T(linux_thre_test),
        T(loopback_keeps_out),
        T(ring_counts_when_it_ends),
        T(back_end_may_feed_back),
        T(reset_lowers_everything),
        T(listens_by_interrupt_or_poll),
        T(bad_arguments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
