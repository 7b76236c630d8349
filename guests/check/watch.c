/*
 * watch.c - the watchpoint registers: one doubleword of physical memory, loads
 * and stores apart.
 */
#include "check.h"

SNIPPET(l_b);
SNIPPET(l_d);
SNIPPET(s_b);
SNIPPET(s_d);

#define WATCH_R 2
#define WATCH_W 1

static uint64_t data[8] __attribute__((aligned(64)));
static struct caught c;

static void set_watch(const void *p, uint32_t rw)
{
    wr_watchhi(0);
    wr_watchlo((uint32_t)ptr_phys(p) | rw);
}

static uint64_t address(int i)
{
    return (uint64_t)(uintptr_t)&data[i];
}

static void loads(void)
{
    data[2] = 5;
    set_watch(&data[2], WATCH_R);
    catch_trap(&c, l_d, address(2), 0);
    CHECK_TRAP(&c, EXC_WATCH, l_d_at, 0);
    catch_trap(&c, l_b, address(2) + 7, 0);
    CHECK_TRAP(&c, EXC_WATCH, l_b_at, 0);
    catch_trap(&c, l_d, address(1), 0);
    CHECK(c.taken, 0);
    catch_trap(&c, s_d, address(2), 6);
    CHECK(c.taken, 0);
    set_watch(&data[2], 0);
    catch_trap(&c, l_d, address(2), 0);
    CHECK(c.taken, 0);
    CHECK(c.value, 6);
}

static void stores(void)
{
    data[2] = 5;
    set_watch(&data[2], WATCH_W);
    catch_trap(&c, s_d, address(2), 6);
    CHECK_TRAP(&c, EXC_WATCH, s_d_at, 0);
    CHECK(*(volatile uint64_t *)&data[2], 5);
    catch_trap(&c, s_b, address(2) + 3, 6);
    CHECK_TRAP(&c, EXC_WATCH, s_b_at, 0);
    catch_trap(&c, s_d, address(3), 6);
    CHECK(c.taken, 0);
    catch_trap(&c, l_d, address(2), 0);
    CHECK(c.taken, 0);
    CHECK(c.value, 5);
    wr_watchlo(0);
}

/* The address is physical: every mapping of it is watched. */
static void aliases(void)
{
    set_watch(&data[4], WATCH_R);
    catch_trap(&c, l_d, KSEG1 + ptr_phys(&data[4]), 0);
    CHECK_TRAP(&c, EXC_WATCH, l_d_at, 0);
    tlb_set(0, 0x400000,
            LO_PFN(ptr_phys(data) & ~0x1ffful) | LO_CACHED | LO_D | LO_V,
            LO_PFN(ptr_phys(data) | 0x1000) | LO_CACHED | LO_D | LO_V, MASK_4K);
    wr_entryhi(0);
    catch_trap(&c, l_d, 0x400000 + (ptr_phys(&data[4]) & 0x1fff), 0);
    CHECK_TRAP(&c, EXC_WATCH, l_d_at, 0);
    wr_watchlo(0);
    tlb_clear(0);
    wr_entryhi(0);
}

const struct check checks[] = {
    { "loads", loads },
    { "stores", stores },
    { "aliases", aliases },
    { NULL, NULL },
};
