/*
 * uart.c - a 16550A serial port: FIFOs of 16 bytes, interrupt identification
 * with the chip's priorities, modem control with loopback.
 *
 * Not a simulation of line speed: a byte written is sent at once, so that the
 * transmitter is always empty, and the receive timeout is over immediately.
 *
 * One mutex.  The character back end and the interrupt line are called without
 * it: a back end may feed input back from inside its write.
 */
#include <disco/board.h>

#include <stddef.h>

#include "base/config.h"
#include "devices/dev.h"

enum {
    UART_BYTES = 8,
    FIFO_BYTES = 16,

    /* Register offsets; 0 and 1 are the divisor while LCR_DLAB is set. */
    REG_DATA = 0,
    REG_IER = 1,
    REG_IIR_FCR = 2,
    REG_LCR = 3,
    REG_MCR = 4,
    REG_LSR = 5,
    REG_MSR = 6,
    REG_SCR = 7,

    IER_RX = 0x01,
    IER_TX = 0x02,
    IER_LINE = 0x04,
    IER_MODEM = 0x08,

    POLLS_OF_A_READER = 16,

    IIR_NONE = 0x01,
    IIR_MODEM = 0x00,
    IIR_TX = 0x02,
    IIR_RX = 0x04,
    IIR_LINE = 0x06,
    IIR_TIMEOUT = 0x0c,
    IIR_FIFOS = 0xc0,

    FCR_ENABLE = 0x01,
    FCR_CLEAR_RX = 0x02,
    FCR_TRIGGER_SHIFT = 6,

    LCR_DLAB = 0x80,

    MCR_DTR = 0x01,
    MCR_RTS = 0x02,
    MCR_OUT1 = 0x04,
    MCR_OUT2 = 0x08,
    MCR_LOOP = 0x10,
    MCR_MASK = 0x1f,

    LSR_DATA = 0x01,
    LSR_OVERRUN = 0x02,
    LSR_TX_EMPTY = 0x60, /* holding register and shifter */

    MSR_DCTS = 0x01,
    MSR_DDSR = 0x02,
    MSR_TERI = 0x04,
    MSR_DDCD = 0x08,
    MSR_DELTAS = 0x0f,
    MSR_CTS = 0x10,
    MSR_DSR = 0x20,
    MSR_RI = 0x40,
    MSR_DCD = 0x80
};

struct disco_uart {
    struct lock lock;
    disco_machine *machine;
    disco_char_backend backend;
    struct dev_irq irq;
    uint8_t ier;
    uint8_t fcr;
    uint8_t lcr;
    uint8_t mcr;
    uint8_t msr;
    uint8_t scr;
    uint8_t overrun;
    uint8_t tx_interrupt; /* the transmitter became empty, not yet told */
    uint32_t polls;       /* reads of LSR in a row */
    uint8_t divisor[2];
    uint8_t fifo[FIFO_BYTES]; /* received bytes, a ring */
    uint32_t first;
    uint32_t count;
};

/* Received bytes that fit: without FIFOs there is one holding register. */
static uint32_t fifo_depth(const struct disco_uart *uart)
{
    return uart->fcr & FCR_ENABLE ? FIFO_BYTES : 1;
}

static uint32_t fifo_trigger(const struct disco_uart *uart)
{
    static const uint8_t level[4] = { 1, 4, 8, 14 };

    if (!(uart->fcr & FCR_ENABLE))
        return 1;
    return level[uart->fcr >> FCR_TRIGGER_SHIFT];
}

static void fifo_put(struct disco_uart *uart, uint8_t byte)
{
    uart->fifo[(uart->first + uart->count) % FIFO_BYTES] = byte;
    uart->count++;
}

static uint8_t fifo_get(struct disco_uart *uart)
{
    uint8_t byte = uart->fifo[uart->first];

    if (uart->count == 0)
        return 0;
    uart->first = (uart->first + 1) % FIFO_BYTES;
    uart->count--;
    return byte;
}

/* The highest pending and enabled interrupt, as in IIR bits 3..0. */
static uint8_t interrupt_id(const struct disco_uart *uart)
{
    if (uart->ier & IER_LINE && uart->overrun)
        return IIR_LINE;
    if (uart->ier & IER_RX && uart->count >= fifo_trigger(uart))
        return IIR_RX;
    if (uart->ier & IER_RX && uart->count > 0)
        return IIR_TIMEOUT;
    if (uart->ier & IER_TX && uart->tx_interrupt)
        return IIR_TX;
    if (uart->ier & IER_MODEM && uart->msr & MSR_DELTAS)
        return IIR_MODEM;
    return IIR_NONE;
}

static void update_give(struct disco_uart *uart)
{
    uart->irq.want = interrupt_id(uart) != IIR_NONE;
    dev_irq_settle_give(&uart->irq, &uart->lock);
}

/* Recompute the modem inputs and note what changed. */
static void update_modem(struct disco_uart *uart)
{
    uint8_t lines = MSR_CTS | MSR_DSR | MSR_DCD;
    uint8_t changed;

    if (uart->mcr & MCR_LOOP) {
        lines = (uint8_t)((uart->mcr & MCR_RTS ? MSR_CTS : 0) |
                          (uart->mcr & MCR_DTR ? MSR_DSR : 0) |
                          (uart->mcr & MCR_OUT1 ? MSR_RI : 0) |
                          (uart->mcr & MCR_OUT2 ? MSR_DCD : 0));
    }
    changed = (uint8_t)(uart->msr ^ lines);
    uart->msr = (uint8_t)((uart->msr & MSR_DELTAS) | lines);
    uart->msr |= (uint8_t)((changed & MSR_CTS ? MSR_DCTS : 0) |
                           (changed & MSR_DSR ? MSR_DDSR : 0) |
                           (changed & MSR_DCD ? MSR_DDCD : 0));
    /* The ring indicator counts when it goes away. */
    if (changed & MSR_RI && !(lines & MSR_RI))
        uart->msr |= MSR_TERI;
}

static uint8_t read_register(struct disco_uart *uart, uint64_t reg)
{
    uint8_t value = 0;

    switch (reg) {
    case REG_DATA:
        return uart->lcr & LCR_DLAB ? uart->divisor[0] : fifo_get(uart);
    case REG_IER:
        return uart->lcr & LCR_DLAB ? uart->divisor[1] : uart->ier;
    case REG_IIR_FCR:
        value = interrupt_id(uart);
        if (value == IIR_TX)
            uart->tx_interrupt = 0;
        return value | (uart->fcr & FCR_ENABLE ? IIR_FIFOS : 0);
    case REG_LCR:
        return uart->lcr;
    case REG_MCR:
        return uart->mcr;
    case REG_LSR:
        value = (uint8_t)(LSR_TX_EMPTY | (uart->count ? LSR_DATA : 0) |
                          (uart->overrun ? LSR_OVERRUN : 0));
        uart->overrun = 0;
        return value;
    case REG_MSR:
        value = uart->msr;
        uart->msr &= (uint8_t)~MSR_DELTAS;
        return value;
    default:
        return uart->scr;
    }
}

static disco_status uart_read(void *opaque, const disco_mmio_access *access,
                              uint64_t *value)
{
    struct disco_uart *uart = opaque;

    if (access->bytes != 1)
        return DISCO_E_FAULT;
    lock_take(&uart->lock);
    uart->polls = access->offset == REG_LSR ? uart->polls + 1 : 0;
    *value = read_register(uart, access->offset);
    update_give(uart);
    return 0;
}

/* A byte into the transmitter; returns 1 when it goes to the back end. */
static int transmit(struct disco_uart *uart, uint8_t byte)
{
    uart->tx_interrupt = 1;
    if (!(uart->mcr & MCR_LOOP))
        return 1;
    if (uart->count < fifo_depth(uart))
        fifo_put(uart, byte);
    else
        uart->overrun = 1;
    return 0;
}

static void write_fcr(struct disco_uart *uart, uint8_t value)
{
    /* The chip clears both FIFOs when they are switched on or off. */
    if ((uart->fcr ^ value) & FCR_ENABLE || value & FCR_CLEAR_RX)
        uart->count = 0;
    /* Without the enable bit the others are not taken. */
    uart->fcr = value & FCR_ENABLE ? value & 0xc1 : 0;
}

static void write_ier(struct disco_uart *uart, uint8_t value)
{
    /* Enabling it while the transmitter is empty raises it: drivers test. */
    if (value & ~uart->ier & IER_TX)
        uart->tx_interrupt = 1;
    uart->ier = value & 0x0f;
}

/* Returns 1 when the byte goes to the back end. */
static int write_register(struct disco_uart *uart, uint64_t reg, uint8_t value)
{
    switch (reg) {
    case REG_DATA:
        if (!(uart->lcr & LCR_DLAB))
            return transmit(uart, value);
        uart->divisor[0] = value;
        break;
    case REG_IER:
        if (uart->lcr & LCR_DLAB)
            uart->divisor[1] = value;
        else
            write_ier(uart, value);
        break;
    case REG_IIR_FCR:
        write_fcr(uart, value);
        break;
    case REG_LCR:
        uart->lcr = value;
        break;
    case REG_MCR:
        uart->mcr = value & MCR_MASK;
        update_modem(uart);
        break;
    case REG_SCR:
        uart->scr = value;
        break;
    default: /* line and modem status are read-only */
        break;
    }
    return 0;
}

static disco_status uart_write(void *opaque, const disco_mmio_access *access,
                               uint64_t value)
{
    struct disco_uart *uart = opaque;
    uint8_t byte = (uint8_t)value;
    int send;

    if (access->bytes != 1)
        return DISCO_E_FAULT;
    lock_take(&uart->lock);
    uart->polls = 0;
    send = write_register(uart, access->offset, byte);
    if (send) {
        /* Send first: whoever sees the interrupt may rely on it. */
        lock_give(&uart->lock);
        if (uart->backend.write)
            uart->backend.write(uart->backend.opaque, &byte, 1);
        lock_take(&uart->lock);
    }
    update_give(uart);
    return 0;
}

uint32_t disco_uart_input(disco_uart *uart, const uint8_t *data, uint32_t bytes)
{
    uint32_t taken = 0;

    if (!uart || !data)
        return 0;
    lock_take(&uart->lock);
    /* In loopback the line is disconnected. */
    if (!(uart->mcr & MCR_LOOP)) {
        while (taken < bytes && uart->count < fifo_depth(uart))
            fifo_put(uart, data[taken++]);
    }
    update_give(uart);
    return taken;
}

int32_t disco_uart_is_listening(disco_uart *uart)
{
    int32_t is;

    if (!uart)
        return 0;
    lock_take(&uart->lock);
    is = uart->ier & IER_RX || uart->polls >= POLLS_OF_A_READER;
    lock_give(&uart->lock);
    return is;
}

static void uart_reset(void *opaque)
{
    struct disco_uart *uart = opaque;

    lock_take(&uart->lock);
    uart->ier = 0;
    uart->fcr = 0;
    uart->lcr = 0;
    uart->mcr = 0;
    uart->msr = MSR_CTS | MSR_DSR | MSR_DCD;
    uart->scr = 0;
    uart->overrun = 0;
    uart->tx_interrupt = 0;
    uart->polls = 0;
    uart->divisor[0] = 1;
    uart->divisor[1] = 0;
    uart->first = 0;
    uart->count = 0;
    update_give(uart);
}

static void uart_release(void *opaque)
{
    struct disco_uart *uart = opaque;

    lock_destroy(&uart->lock);
    dev_free(uart->machine, uart, sizeof(*uart));
}

static disco_status uart_fork(void *opaque, disco_vm *child, void **out)
{
    struct disco_uart *uart = opaque, *copy;
    disco_status err;

    copy = dev_copy(uart->machine, uart, sizeof(*copy),
                    offsetof(struct disco_uart, lock));
    if (!copy)
        return DISCO_E_NOMEM;
    err = dev_char_fork(&uart->backend, child, &copy->backend);
    if (err) {
        uart_release(copy);
        return err;
    }
    dev_irq_forked(&copy->irq, child);
    lock_take(&copy->lock);
    update_give(copy);
    *out = copy;
    return 0;
}

disco_uart *disco_uart_of(disco_vm *vm, uint64_t gpa)
{
    return dev_find(vm, "uart", gpa);
}

disco_status disco_uart_create(disco_vm *vm, uint64_t gpa, uint32_t irq,
                               const disco_char_backend *backend,
                               disco_uart **out)
{
    static const disco_mmio_ops ops = {
        .size = sizeof(ops),
        .order = DISCO_CPU_ORDER,
        .read = uart_read,
        .write = uart_write,
        .reset = uart_reset,
        .fork = uart_fork,
        .release = uart_release,
    };
    disco_char_backend copy;
    struct disco_uart *uart;
    disco_status err = dev_check(vm, gpa, "uart", irq);

    if (!err)
        err = config_copy(&copy, sizeof(copy), backend);
    if (err)
        return err;
    uart = dev_alloc(disco_vm_machine(vm), sizeof(*uart));
    if (!uart)
        return DISCO_E_NOMEM;
    uart->machine = disco_vm_machine(vm);
    if (lock_init(&uart->lock)) {
        dev_free(uart->machine, uart, sizeof(*uart));
        return DISCO_E_NOMEM;
    }
    uart->backend = copy;
    uart->irq.vm = vm;
    uart->irq.line = irq;
    uart_reset(uart);
    err = dev_map(vm, gpa, UART_BYTES, "uart", &ops, uart);
    if (err) {
        uart_release(uart);
        return err;
    }
    if (out)
        *out = uart;
    return 0;
}
