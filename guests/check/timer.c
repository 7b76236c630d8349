/*
 * timer.c - Count and Compare, interrupts and their masks, software
 * interrupts, the idle register, interrupts in tight loops with delay slots.
 */
#include "check.h"

int64_t counted_loop(int64_t n, int64_t step);

static volatile uint32_t taken, last_cause, period;

static int on_interrupt(struct trap_frame *f)
{
    if (CAUSE_CODE((uint32_t)f->cause) != EXC_INT)
        return 0;
    last_cause = (uint32_t)f->cause;
    taken++;
    wr_cause(0);
    wr_compare(rd_count() + (period ? period : 0x40000000));
    return 1;
}

static void counts(void)
{
    uint32_t last = rd_count();

    for (int i = 0; i < 1000; i++) {
        uint32_t now = rd_count();

        CHECK((int32_t)(now - last) >= 0, 1);
        last = now;
    }
    CHECK(rd_count() - last < 100000, 1);
    last = rd_count();
    for (volatile int i = 0; i < 1000; i++)
        ;
    CHECK(rd_count() - last > 500, 1);
}

/* IP7 is there as soon as Count has passed Compare, and goes with a write. */
static void compare(void)
{
    for (uint32_t i = 0; i < 50; i++) {
        uint32_t target = rd_count() + 500 + i * 7;

        wr_compare(target);
        CHECK(rd_cause() & CAUSE_IP7, 0);
        while ((int32_t)(rd_count() - target) < 0)
            ;
        CHECK(rd_cause() & CAUSE_IP7, CAUSE_IP7);
        CHECK(rd_cause() & CAUSE_IP7, CAUSE_IP7);
        wr_compare(target + 0x40000000);
        CHECK(rd_cause() & CAUSE_IP7, 0);
    }
}

static void interrupt(void)
{
    uint32_t status = rd_status(), start;

    trap_hook = on_interrupt;
    taken = period = 0;
    start = rd_count();
    wr_compare(start + 2000);
    wr_status(status | ST_IM7 | ST_IE);
    while (!taken && rd_count() - start < 1000000)
        ;
    wr_status(status);
    CHECK(taken, 1);
    CHECK(last_cause & CAUSE_IP7, CAUSE_IP7);
    CHECK(rd_count() - start >= 2000, 1);
    trap_hook = NULL;
}

/* Pending but masked: nothing happens until both bits are there. */
static void masks(void)
{
    uint32_t status = rd_status(), target = rd_count() + 500;

    trap_hook = on_interrupt;
    taken = period = 0;
    wr_compare(target);
    while ((int32_t)(rd_count() - target) < 100)
        ;
    wr_status(status | ST_IE);
    CHECK(taken, 0);
    wr_status(status | ST_IM7);
    CHECK(taken, 0);
    wr_status(status | ST_IM7 | ST_IE | ST_EXL);
    CHECK(taken, 0);
    wr_status(status | ST_IM7 | ST_IE | ST_ERL);
    CHECK(taken, 0);
    wr_status(status | ST_IM7 | ST_IE);
    CHECK(taken, 1);
    wr_status(status);
    trap_hook = NULL;
}

static void software(void)
{
    uint32_t status = rd_status();

    trap_hook = on_interrupt;
    taken = 0;
    wr_cause(CAUSE_IP0 | CAUSE_IP1);
    CHECK(rd_cause() & 0x300, 0x300);
    wr_cause(CAUSE_IP1);
    CHECK(rd_cause() & 0x300, 0x200);
    wr_status(status | ST_IM0 | ST_IE);
    CHECK(taken, 0);
    wr_status(status | ST_IM1 | ST_IE);
    CHECK(taken, 1);
    CHECK(last_cause & 0x300, 0x200);
    wr_cause(CAUSE_IP0);
    CHECK(taken, 1);
    wr_status(status | ST_IM0 | ST_IE);
    CHECK(taken, 2);
    wr_status(status);
    wr_cause(0);
    trap_hook = NULL;
}

/* Loops that leave no good place to interrupt them still count right. */
static void precise(void)
{
    uint32_t status = rd_status();
    int64_t sum;

    trap_hook = on_interrupt;
    taken = 0;
    period = 97;
    wr_compare(rd_count() + 97);
    wr_status(status | ST_IM7 | ST_IE);
    sum = counted_loop(20000, 3);
    wr_status(status);
    CHECK(sum, 60000);
    CHECK(taken > 50, 1);
    period = 0;
    wr_compare(rd_count() + 0x40000000);
    trap_hook = NULL;
}

#ifndef GUEST_TESTMIPS
/* The store stops the CPU until IM and IP meet, whatever IE says. */
static void idle(void)
{
    uint32_t status = rd_status(), start = rd_count();

    trap_hook = on_interrupt;
    taken = period = 0;
    wr_compare(start + 1000000);
    wr_status(status | ST_IM7);
    cpu_idle();
    CHECK(rd_count() - start >= 1000000, 1);
    CHECK(rd_cause() & CAUSE_IP7, CAUSE_IP7);
    CHECK(taken, 0);
    cpu_idle(); /* pending already: goes on at once */
    CHECK(rd_count() - start < 100000000, 1);
    wr_compare(rd_count() + 1000);
    wr_status(status | ST_IM7 | ST_IE);
    cpu_idle();
    CHECK(taken, 1);
    wr_status(status);
    trap_hook = NULL;
}

/* The mailbox interrupts its own CPU too. */
static void mailbox(void)
{
    uint64_t box = DISCO_BOARD_MAILBOX;

    io_write64(box + DISCO_MAILBOX_SET, 5);
    io_write32(box + DISCO_MAILBOX_SET + 4, 0x10);
    CHECK(io_read64(box + DISCO_MAILBOX_STATUS), 0x15);
    CHECK(rd_cause() & CAUSE_IP3, CAUSE_IP3);
    io_write64(box + DISCO_MAILBOX_CLEAR, 0x11);
    CHECK(io_read64(box + DISCO_MAILBOX_STATUS), 4);
    CHECK(rd_cause() & CAUSE_IP3, CAUSE_IP3);
    io_write64(box + DISCO_MAILBOX_CLEAR, ~0ul);
    CHECK(io_read64(box + DISCO_MAILBOX_STATUS), 0);
    CHECK(rd_cause() & CAUSE_IP3, 0);
}
#endif

const struct check checks[] = {
    { "counts", counts }, { "compare", compare },   { "interrupt", interrupt },
    { "masks", masks },   { "software", software }, { "precise", precise },
#ifndef GUEST_TESTMIPS
    { "idle", idle },     { "mailbox", mailbox },
#endif
    { NULL, NULL },
};
