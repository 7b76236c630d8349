/*
 * phys.c - a kernel in supervisor mode reaches for physical memory directly,
 * by kseg0, kseg1 and xkphys.  Those belong to kernel mode: an address error,
 * as on the hardware.  The same memory through its own segment works.
 */
#include "priv.h"

static struct caught c;

static uint64_t load(uint64_t a, uint64_t b)
{
    (void)b;
    return *(volatile uint64_t *)a;
}

static uint64_t store(uint64_t a, uint64_t b)
{
    *(volatile uint64_t *)a = b;
    return 0;
}

static uint64_t jump(uint64_t a, uint64_t b)
{
    (void)b;
    return ((uint64_t(*)(void))a)();
}

static void refused(uint64_t address)
{
    catch_trap(&c, load, address, 0);
    CHECK(c.taken, 1);
    CHECK(CAUSE_CODE((uint32_t)c.f.cause), EXC_ADEL);
    CHECK(c.f.badvaddr, address);
    CHECK_SUPERVISOR(&c);
    catch_trap(&c, store, address, 1);
    CHECK(c.taken, 1);
    CHECK(CAUSE_CODE((uint32_t)c.f.cause), EXC_ADES);
    CHECK(c.f.badvaddr, address);
}

static void kseg0(void)
{
    refused(KSEG0 + FREE_PHYS);
    refused(KSEG0);
}

static void kseg1(void)
{
    refused(KSEG1 + FREE_PHYS);
    refused(KSEG1 + DISCO_BOARD_POWER);
}

static void xkphys(void)
{
    refused(0xa800000000000000 + FREE_PHYS);
    refused(0x9000000000000000 + DISCO_BOARD_UART);
}

static void fetch(void)
{
    catch_trap(&c, jump, KSEG0 + 0x100000, 0);
    CHECK(c.taken, 1);
    CHECK(CAUSE_CODE((uint32_t)c.f.cause), EXC_ADEL);
    CHECK(c.f.epc, KSEG0 + 0x100000);
}

static void own_segment(void)
{
    catch_trap(&c, store, KSSEG + FREE_PHYS, 0xfeed);
    CHECK(c.taken, 0);
    catch_trap(&c, load, KSSEG + FREE_PHYS, 0);
    CHECK(c.taken, 0);
    CHECK(c.value, 0xfeed);
}

const struct check checks[] = {
    { "kseg0", kseg0 },
    { "kseg1", kseg1 },
    { "xkphys", xkphys },
    { "fetch", fetch },
    { "own_segment", own_segment },
    { NULL, NULL },
};
