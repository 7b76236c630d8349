/*
 * tlb.c - address translation: the three TLB exceptions with what they leave
 * in the registers, page sizes, ASIDs, wired and random entries, probing and
 * reading, duplicates, mapped code.  Needs 40 MiB of memory.
 */
#include "check.h"

SNIPPET(l_d);
SNIPPET(l_w);
SNIPPET(s_d);
SNIPPET(s_w);
SNIPPET(l_slot);
SNIPPET(s_c);
uint64_t x_jump(uint64_t a, uint64_t b);
uint64_t x_nested_load(uint64_t a, uint64_t b);

#define VA     0x0000000000400000ul
#define FAR_VA 0x0000012345678000ul /* needs 44 bits */
#define XKSEG  0xc000000000000000ul
#define XKSSEG 0x4000000000000000ul
#define ALL    (LO_CACHED | LO_D | LO_V)

static struct caught c;

static void clear_all(void)
{
    wr_wired(0);
    for (uint32_t i = 0; i < TLB_ENTRIES; i++)
        tlb_clear(i);
    wr_entryhi(0);
}

static volatile uint64_t *at(uint64_t va)
{
    return (volatile uint64_t *)va;
}

static volatile uint64_t *phys(uint64_t pa)
{
    return (volatile uint64_t *)(KSEG0 + pa);
}

/* What a refill leaves behind for the handler. */
static void check_refill(uint64_t va, uint32_t vector)
{
    CHECK(c.f.vector, vector);
    CHECK(c.f.badvaddr, va);
    CHECK(c.context & 0x7ffff0, va >> 9 & 0x7ffff0);
    CHECK(c.xcontext & 0x1ffffffff0, (va >> 9 & 0x7fffffff0) | (va >> 62)
                                                                   << 35);
    CHECK(c.f.entryhi, (va & 0xc0000fffffffe000) | 0x42);
}

static void refill(void)
{
    static const uint64_t places[] = { VA,
                                       FAR_VA,
                                       XKSEG + 0x123456000,
                                       XKSSEG + 0xffffffff000,
                                       KSSEG + 0x7000,
                                       KSEG3 + 0x1ffff000 };

    clear_all();
    wr_entryhi(0x42);
    wr_xcontext(0);
    for (unsigned i = 0; i < sizeof places / sizeof *places; i++) {
        catch_trap(&c, l_d, places[i] + 8, 0);
        CHECK_TRAP(&c, EXC_TLBL, l_d_at, 0);
        check_refill(places[i] + 8, 0x080);
        catch_trap(&c, s_d, places[i] + 16, 0);
        CHECK_TRAP(&c, EXC_TLBS, s_d_at, 0);
        check_refill(places[i] + 16, 0x080);
    }
    catch_trap(&c, l_slot, VA + 4, 0);
    CHECK_TRAP(&c, EXC_TLBL, l_slot_at, 1);
    check_refill(VA + 4, 0x080);
    catch_trap(&c, x_jump, VA + 64, 0);
    CHECK_TRAP(&c, EXC_TLBL, VA + 64, 0);
    check_refill(VA + 64, 0x080);
    wr_entryhi(0);
}

/* The vector follows the 64-bit enable of the region, not the mode. */
static void refill_32(void)
{
    uint32_t status = rd_status();

    clear_all();
    wr_status(status & ~ST_UX);
    catch_trap(&c, l_w, VA, 0);
    wr_status(status);
    CHECK_TRAP(&c, EXC_TLBL, l_w_at, 0);
    CHECK(c.f.vector, 0x000);
    wr_status(status & ~ST_KX);
    catch_trap(&c, l_w, KSEG3 + 0x1000, 0);
    wr_status(status);
    CHECK_TRAP(&c, EXC_TLBL, l_w_at, 0);
    CHECK(c.f.vector, 0x000);
    /* With EXL set the general vector takes it. */
    catch_trap(&c, x_nested_load, VA, 0);
    CHECK(CAUSE_CODE((uint32_t)c.f.cause), EXC_TLBL);
    CHECK(c.f.vector, 0x180);
    CHECK(c.f.badvaddr, VA);
}

static void invalid_modified(void)
{
    clear_all();
    *phys(FREE_PHYS) = 0x1111;
    tlb_set(3, VA, LO_PFN(FREE_PHYS) | LO_CACHED | LO_V, 0, MASK_4K);
    catch_trap(&c, l_d, VA, 0);
    CHECK(c.taken, 0);
    CHECK(c.value, 0x1111);
    catch_trap(&c, s_d, VA, 2);
    CHECK_TRAP(&c, EXC_MOD, s_d_at, 0);
    CHECK(c.f.vector, 0x180);
    CHECK(c.f.badvaddr, VA);
    CHECK(c.f.entryhi, VA);
    CHECK(*phys(FREE_PHYS), 0x1111);
    catch_trap(&c, s_c, VA, 2);
    CHECK_TRAP(&c, EXC_MOD, s_c_at, 0);
    catch_trap(&c, l_d, VA + 0x1008, 0);
    CHECK_TRAP(&c, EXC_TLBL, l_d_at, 0);
    CHECK(c.f.vector, 0x180);
    CHECK(c.f.badvaddr, VA + 0x1008);
    catch_trap(&c, s_d, VA + 0x1008, 0);
    CHECK_TRAP(&c, EXC_TLBS, s_d_at, 0);
    CHECK(c.f.vector, 0x180);
}

static void two_pages(void)
{
    clear_all();
    tlb_set(0, VA, LO_PFN(FREE_PHYS) | ALL, LO_PFN(FREE_PHYS + 0x5000) | ALL,
            MASK_4K);
    *at(VA + 0x10) = 1;
    *at(VA + 0xff8) = 2;
    *at(VA + 0x1000) = 3;
    CHECK(*phys(FREE_PHYS + 0x10), 1);
    CHECK(*phys(FREE_PHYS + 0xff8), 2);
    CHECK(*phys(FREE_PHYS + 0x5000), 3);
    /* An access next to the border of two far frames. */
    *phys(FREE_PHYS + 0xff8) = 0x0102030405060708;
    *phys(FREE_PHYS + 0x5000) = 0x1112131415161718;
    CHECK(*(volatile uint32_t *)(VA + 0xffc), 0x05060708);
    CHECK(*(volatile uint32_t *)(VA + 0x1000), 0x11121314);
    tlb_set(0, VA, LO_PFN(FREE_PHYS + 0x2000) | ALL, 0, MASK_4K);
    *phys(FREE_PHYS + 0x2010) = 77;
    CHECK(*at(VA + 0x10), 77);
}

static void page_sizes(void)
{
    static const uint32_t masks[] = { MASK_4K, MASK_16K, MASK_64K, MASK_256K,
                                      MASK_1M, MASK_4M,  MASK_16M };
    uint64_t base = 0x40000000, low = 0x1000000, high = 0;

    for (unsigned i = 0; i < 7; i++) {
        uint64_t bytes = 0x1000ul << 2 * i;
        uint64_t odd = high + (bytes == 0x1000000 ? 0 : 0x800000);

        clear_all();
        tlb_set(9, base, LO_PFN(low) | ALL, LO_PFN(odd) | ALL, masks[i]);
        *at(base + bytes - 8) = i + 100;
        CHECK(*phys(low + bytes - 8), i + 100);
        *phys(low + 0x10) = i + 200;
        CHECK(*at(base + 0x10), i + 200);
        *phys(odd + bytes / 2 + 8) = i + 300;
        if (bytes < 0x1000000)
            CHECK(*at(base + bytes + bytes / 2 + 8), i + 300);
        catch_trap(&c, l_d, base + 2 * bytes, 0);
        CHECK(c.taken, 1);
        catch_trap(&c, l_d, base - 8, 0);
        CHECK(c.taken, 1);
        tlb_read();
        CHECK(rd_pagemask(), masks[i]);
        wr_pagemask(0);
    }
}

static void asids(void)
{
    clear_all();
    for (uint64_t i = 0; i < 4; i++) {
        *phys(FREE_PHYS + i * 0x1000) = i + 10;
        tlb_set(10 + (uint32_t)i, VA | (i * 60 + 1),
                LO_PFN(FREE_PHYS + i * 0x1000) | ALL, 0, MASK_4K);
    }
    for (uint64_t i = 0; i < 4; i++) {
        wr_entryhi(i * 60 + 1);
        CHECK(*at(VA), i + 10);
    }
    wr_entryhi(5);
    catch_trap(&c, l_d, VA, 0);
    CHECK_TRAP(&c, EXC_TLBL, l_d_at, 0);
    CHECK(c.f.entryhi, VA | 5);
    /* Global: both halves must say so. */
    clear_all();
    tlb_set(1, VA | 7, LO_PFN(FREE_PHYS) | ALL | LO_G,
            LO_PFN(FREE_PHYS + 0x1000) | ALL, MASK_4K);
    wr_entryhi(8);
    catch_trap(&c, l_d, VA, 0);
    CHECK(c.taken, 1);
    tlb_set(1, VA | 7, LO_PFN(FREE_PHYS) | ALL | LO_G,
            LO_PFN(FREE_PHYS + 0x1000) | ALL | LO_G, MASK_4K);
    wr_entryhi(8);
    CHECK(*at(VA), 10);
    wr_entryhi(0);
}

static void wired_random(void)
{
    uint32_t seen = 0;

    clear_all();
    wr_wired(40);
    for (int i = 0; i < 200; i++) {
        uint32_t r = rd_random();

        CHECK(r >= 40 && r < 64, 1);
        seen |= 1u << (r - 40);
    }
    CHECK(seen != 0, 1);
    tlb_set(39, VA, LO_PFN(FREE_PHYS) | ALL, 0, MASK_4K);
    for (uint64_t i = 1; i < 500; i++) {
        wr_entryhi(VA + i * 0x2000);
        wr_entrylo0(ALL);
        wr_entrylo1(ALL);
        tlb_write_random();
        wr_entryhi(VA + i * 0x2000);
        tlb_probe();
        CHECK(rd_index() >= 40 && rd_index() < 64, 1);
    }
    wr_entryhi(VA);
    tlb_probe();
    CHECK(rd_index(), 39);
    wr_wired(0);
    wr_entryhi(0);
}

static void probe_read(void)
{
    clear_all();
    tlb_set(17, FAR_VA | 0x33, LO_PFN(FREE_PHYS) | ALL,
            LO_PFN(FREE_PHYS + 0x3000) | LO_UNCACHED | LO_V, MASK_16K);
    wr_entryhi((FAR_VA + 0x2000) | 0x33);
    tlb_probe();
    CHECK(rd_index(), 17);
    wr_entryhi(FAR_VA | 0x34);
    tlb_probe();
    CHECK(rd_index() >> 31, 1);
    wr_entryhi((FAR_VA + 0x8000) | 0x33);
    tlb_probe();
    CHECK(rd_index() >> 31, 1);
    wr_index(17);
    tlb_read();
    CHECK(rd_entryhi(), (FAR_VA & ~0x7ffful) | 0x33);
    CHECK(rd_entrylo0(), LO_PFN(FREE_PHYS) | ALL);
    CHECK(rd_pagemask(), MASK_16K);
    wr_pagemask(0);
    wr_entryhi(0);
}

#ifndef GUEST_TESTMIPS
/* A write kills older entries for the same page, wired or not. */
static void duplicates(void)
{
    clear_all();
    wr_wired(8);
    *phys(FREE_PHYS) = 1;
    *phys(FREE_PHYS + 0x1000) = 2;
    tlb_set(4, VA, LO_PFN(FREE_PHYS) | ALL, 0, MASK_4K);
    CHECK(*at(VA), 1);
    tlb_set(50, VA, LO_PFN(FREE_PHYS + 0x1000) | ALL, 0, MASK_4K);
    CHECK(*at(VA), 2);
    wr_entryhi(VA);
    tlb_probe();
    CHECK(rd_index(), 50);
    tlb_clear(50);
    catch_trap(&c, l_d, VA, 0);
    CHECK_TRAP(&c, EXC_TLBL, l_d_at, 0);
    CHECK(c.f.vector, 0x080);
    wr_wired(0);
    wr_entryhi(0);
}

/* Bits that exist and bits that do not. */
static void register_bits(void)
{
    wr_entryhi(~0ul);
    CHECK(rd_entryhi(), 0xc0000fffffffe0ff);
    wr_entryhi(0);
    wr_entrylo0(~0ul);
    CHECK(rd_entrylo0(), 0xc0000003ffffffff);
    wr_pagemask(~0u);
    CHECK(rd_pagemask(), 0x01ffe000);
    wr_pagemask(0);
    wr_xcontext(0xffffffe000000000);
    CHECK(rd_xcontext() & 0xffffffe00000000f, 0xffffffe000000000);
    wr_xcontext(0);
    wr_wired(~0u);
    CHECK(rd_wired(), 63);
    wr_wired(0);
    CHECK(rd_prid() >> 8, 9);
    CHECK(rd_config() >> 29, 3);
}
#endif

static uint64_t __attribute__((noinline)) sum(uint64_t a, uint64_t b)
{
    uint64_t s = 0;

    for (uint64_t i = a; i <= b; i++)
        s += i;
    return s;
}

/* Code on a mapped page, moved to another frame while mapped. */
static void mapped_code(void)
{
    uint64_t (*f)(uint64_t, uint64_t) = (void *)VA;

    clear_all();
    memcpy((void *)phys(FREE_PHYS), (const void *)(uintptr_t)sum, 512);
    memcpy((void *)phys(FREE_PHYS + 0x1000), (const void *)(uintptr_t)sum, 512);
    tlb_set(0, VA, LO_PFN(FREE_PHYS) | ALL, 0, MASK_4K);
    CHECK(f(1, 100), 5050);
    memset((void *)phys(FREE_PHYS), 0, 512);
    tlb_set(0, VA, LO_PFN(FREE_PHYS + 0x1000) | ALL, 0, MASK_4K);
    CHECK(f(1, 200), 20100);
    tlb_clear(0);
    wr_entryhi(0);
    catch_trap(&c, f, 1, 2);
    CHECK_TRAP(&c, EXC_TLBL, VA, 0);
}

/* A plain handler: map what misses one to one, and go on. */
static volatile uint64_t handled;

static int map_and_go(struct trap_frame *f)
{
    uint32_t code = CAUSE_CODE((uint32_t)f->cause);
    uint64_t pa = FREE_PHYS + (f->badvaddr & 0x1fe000);

    if (code != EXC_TLBL && code != EXC_TLBS)
        return 0;
    wr_entrylo0(LO_PFN(pa) | ALL | LO_G);
    wr_entrylo1(LO_PFN(pa + 0x1000) | ALL | LO_G);
    tlb_write_random();
    handled++;
    return 1;
}

static void demand(void)
{
    uint64_t total = 0;

    clear_all();
    trap_hook = map_and_go;
    for (uint64_t i = 0; i < 256; i++)
        *at(VA + i * 0x2000 + i * 8) = i;
    for (uint64_t i = 0; i < 256; i++)
        total += *at(VA + i * 0x2000 + i * 8);
    trap_hook = NULL;
    CHECK(total, 255 * 128);
    CHECK(handled >= 256 + 256 - 64, 1);
    CHECK(*phys(FREE_PHYS + 100 * 0x2000 + 800), 100);
    clear_all();
}

const struct check checks[] = {
    { "refill", refill },
    { "refill_32", refill_32 },
    { "invalid_modified", invalid_modified },
    { "two_pages", two_pages },
    { "page_sizes", page_sizes },
    { "asids", asids },
    { "wired_random", wired_random },
    { "probe_read", probe_read },
#ifndef GUEST_TESTMIPS
    { "duplicates", duplicates },
    { "register_bits", register_bits },
#endif
    { "mapped_code", mapped_code },
    { "demand", demand },
    { NULL, NULL },
};
