/*
 * space.c - a kernel in supervisor mode touches address spaces that are kept
 * from it: the kernel's mapped segments, though the TLB has an entry for them.
 * User space and its own segments stay open to it; a user program gets none of
 * the supervisor's.
 */
#include "priv.h"

SNIPPET(m_load);
SNIPPET(m_store);
extern char user_page[];

#define ALL (LO_CACHED | LO_D | LO_V | LO_G)

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

static void map(uint32_t index, uint64_t va, uint64_t pa)
{
    tlb_set(index, va, LO_PFN(pa) | ALL, LO_PFN(pa + 0x1000) | ALL, MASK_4K);
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
}

static void kernel_segments(void)
{
    map(20, KSEG3 + 0x4000, FREE_PHYS);
    map(21, 0xc000000000004000, FREE_PHYS);
    wr_entryhi(0);
    refused(KSEG3 + 0x4000);
    refused(0xc000000000004000);
    refused(0xfffffffffffff000);
    tlb_clear(20);
    tlb_clear(21);
    wr_entryhi(0);
}

static void open_segments(void)
{
    volatile uint64_t *direct = phys_ptr(FREE_PHYS + 0x2000);

    map(22, 0x600000, FREE_PHYS + 0x2000);
    map(23, 0x4000000000004000, FREE_PHYS + 0x2000);
    wr_entryhi(0);
    *direct = 77;
    catch_trap(&c, load, 0x600000, 0);
    CHECK(c.taken, 0);
    CHECK(c.value, 77);
    catch_trap(&c, load, 0x4000000000004000, 0);
    CHECK(c.taken, 0);
    CHECK(c.value, 77);
    tlb_clear(22);
    tlb_clear(23);
    wr_entryhi(0);
}

static void from_user(void)
{
    uint64_t code = 0x400000;
    uint64_t pc =
        code + (uint64_t)((const char *)(uintptr_t)m_load - user_page);

    tlb_set(24, code, LO_PFN(ptr_phys(user_page)) | ALL, LO_G, MASK_4K);
    wr_entryhi(0);
    catch_in_mode(&c, pc, KSSEG + FREE_PHYS, 0, ST_BASE | ST_USER);
    CHECK(c.taken, 1);
    CHECK(CAUSE_CODE((uint32_t)c.f.cause), EXC_ADEL);
    CHECK(c.f.status & ST_KSU, ST_USER);
    catch_in_mode(&c, pc, 0x4000000000004000, 0, ST_BASE | ST_USER);
    CHECK(CAUSE_CODE((uint32_t)c.f.cause), EXC_ADEL);
    tlb_clear(24);
    wr_entryhi(0);
}

const struct check checks[] = {
    { "kernel_segments", kernel_segments },
    { "open_segments", open_segments },
    { "from_user", from_user },
    { NULL, NULL },
};
