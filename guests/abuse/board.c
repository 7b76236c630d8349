/*
 * board.c - odd widths, odd offsets and odd values for the devices that are no
 * virtio.  Left out: what would rightly end the machine or start a CPU.
 */
#include "abuse.h"

struct window {
    uint64_t base;
    uint32_t bytes;
};

static const struct window windows[] = {
    { DISCO_BOARD_INTC, 0x400 },      { DISCO_BOARD_MAILBOX, 0x1000 },
    { DISCO_BOARD_CP0_PAGE, 0x1000 }, { DISCO_BOARD_UART, 0x100 },
    { DISCO_BOARD_POWER, 0x1000 },    { DISCO_BOARD_RTC, 0x1000 },
    { DISCO_BOARD_ROM, 0x100 },       { DISCO_BOARD_VIRTIO - 0x1000, 0x1000 },
};

/* Would this store do what it is there for? */
static int legitimate(uint64_t phys)
{
    uint64_t reg = phys & 0x3f;

    if (phys >= DISCO_BOARD_POWER && phys < DISCO_BOARD_POWER + 8)
        return 1;
    /* A start register: a CPU would run from anywhere. */
    return phys >= DISCO_BOARD_MAILBOX && phys < DISCO_BOARD_IDLE &&
           reg >= DISCO_MAILBOX_SP;
}

static void windows_read(void)
{
    uint64_t v;

    for (unsigned w = 0; w < sizeof windows / sizeof *windows; w++)
        for (uint32_t at = 0; at < windows[w].bytes; at += 4)
            for (uint32_t n = 1; n <= 8; n *= 2)
                if (at % n == 0)
                    try_read(windows[w].base + at, n, &v);
}

static void windows_write(void)
{
    for (unsigned w = 0; w < sizeof windows / sizeof *windows; w++)
        for (uint32_t i = 0; i < 400; i++) {
            uint32_t n = 1u << (random64() & 3);
            uint64_t at = windows[w].base + random64() % windows[w].bytes;

            at &= ~(uint64_t)(n - 1);
            if (!legitimate(at))
                try_write(at, n, odd_value());
        }
}

/* Values that mean nothing to the power register. */
static void power_nonsense(void)
{
    try_write(DISCO_BOARD_POWER, 4, 0);
    try_write(DISCO_BOARD_POWER, 4, 0x1234);
    try_write(DISCO_BOARD_POWER, 4, 0x55550000);
    try_write(DISCO_BOARD_POWER + 4, 4, 0x5555);
}

/* Interrupts stay masked; put the UART into a sane state for our own lines. */
static void restore(void)
{
    for (uint32_t i = 0; i < GUEST_MAX_CPUS; i++) {
        try_write(DISCO_BOARD_INTC + i * DISCO_INTC_STRIDE +
                      DISCO_INTC_MASK_SET,
                  4, 0xffffffff);
        try_write(DISCO_BOARD_MAILBOX + i * DISCO_MAILBOX_STRIDE +
                      DISCO_MAILBOX_CLEAR,
                  8, ~0ul);
    }
    io_write8(DISCO_BOARD_UART + 3, 3); /* 8 bits, no divisor latch */
    io_write8(DISCO_BOARD_UART + 1, 0); /* no interrupts */
    io_write8(DISCO_BOARD_UART + 4, 0); /* no loop-back */
    io_write8(DISCO_BOARD_UART + 2, 7); /* FIFOs on, empty */
    wr_status(ST_GUEST | ST_CU0);
}

void abuse_board(void)
{
    windows_read();
    windows_write();
    power_nonsense();
    restore();
}
