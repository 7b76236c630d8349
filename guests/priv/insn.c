/*
 * insn.c - a kernel in supervisor mode executes privileged instructions.  With
 * a monitor beneath, each one traps into it, is counted and has its effect; on
 * a bare CPU the first one is refused (Coprocessor Unusable) and the kernel
 * switches CU0 on.
 */
#include "priv.h"

#define ROUNDS 100

static struct caught c;

static uint64_t read_prid(uint64_t a, uint64_t b)
{
    (void)a;
    (void)b;
    return rd_prid();
}

/* Reads and writes of registers: the effect must be there at once. */
static void registers(void)
{
    uint64_t n = 0;

    for (uint64_t i = 0; i < ROUNDS; i++, n += 6) {
        wr_epc(i * 0x123456789);
        CHECK(rd_epc(), i * 0x123456789);
        wr_entrylo0(i << 6 | LO_V);
        CHECK(rd_entrylo0(), i << 6 | LO_V);
        wr_compare(0x40000000);
        CHECK(rd_compare(), 0x40000000);
    }
    REPORT("registers", n);
    catch_trap(&c, read_prid, 0, 0);
    CHECK(c.taken, 0);
    CHECK(c.value >> 8, 9);
}

/* Status: interrupts on and off, the mode stays what it is. */
static void status(void)
{
    uint32_t s = rd_status();

    CHECK(s & (ST_KSU | ST_EXL | ST_ERL), ST_SUP);
    wr_status(s | ST_IM0 | ST_IM7);
    CHECK(rd_status(), s | ST_IM0 | ST_IM7);
    irq_on();
    CHECK(rd_status() & ST_IE, ST_IE);
    irq_off();
    CHECK(rd_status() & ST_IE, 0);
    wr_status(s);
    CHECK(rd_status(), s);
}

/* TLB entries written and probed from supervisor mode work. */
static void tlb(void)
{
    volatile uint64_t *mapped = (volatile uint64_t *)0x400000;
    volatile uint64_t *direct = phys_ptr(FREE_PHYS);

    tlb_set(20, 0x400000, LO_PFN(FREE_PHYS) | LO_CACHED | LO_D | LO_V, 0,
            MASK_4K);
    wr_entryhi(0x400000);
    tlb_probe();
    CHECK(rd_index(), 20);
    *direct = 0x1234;
    CHECK(*mapped, 0x1234);
    *mapped = 0x5678;
    CHECK(*direct, 0x5678);
    tlb_clear(20);
    wr_entryhi(0);
    catch_trap(&c, read_prid, 0, 0);
    CHECK(c.taken, 0);
}

static uint64_t system_call(uint64_t a, uint64_t b)
{
    (void)b;
    __asm__ volatile("move $2, %0\n\tsyscall" : : "r"(a) : "$2");
    return a;
}

/* Exceptions come to the guest's own vectors and return by its own ERET. */
static void exceptions(void)
{
    for (uint64_t i = 0; i < 20; i++) {
        catch_trap(&c, system_call, i, 0);
        CHECK(c.taken, 1);
        CHECK(CAUSE_CODE((uint32_t)c.f.cause), EXC_SYS);
        CHECK(c.f.reg[2], i);
        CHECK_SUPERVISOR(&c);
    }
    REPORT("exceptions", 20);
}

const struct check checks[] = {
    { "registers", registers },   { "status", status }, { "tlb", tlb },
    { "exceptions", exceptions }, { NULL, NULL },
};
