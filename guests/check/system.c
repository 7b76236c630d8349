/*
 * system.c - corners of the privileged architecture: widths of CP0 registers,
 * CACHE and PREF, both ways of ERET, kuseg with ERL set, xkphys attributes.
 */
#include "check.h"

SNIPPET(l_d);
SNIPPET(x_cache_hit);
SNIPPET(x_cache_index);
SNIPPET(m_cache);
extern char user_page[];
uint64_t x_eret_erl(uint64_t a, uint64_t b);

#define XKPHYS(cca) (0x8000000000000000 | (uint64_t)(cca) << 59)
#define UNCACHED    2
#define COHERENT    5

static struct caught c;

static volatile uint64_t *at(uint64_t va)
{
    return (volatile uint64_t *)va;
}

/* A 32-bit move sees the low half of a 64-bit register, sign-extended. */
static void widths(void)
{
    uint64_t v;

    wr_epc(0x12345678fedcba98);
    __asm__ volatile("mfc0 %0, $14" : "=r"(v));
    CHECK(v, 0xfffffffffedcba98);
    CHECK(rd_epc(), 0x12345678fedcba98);
    __asm__ volatile("dmtc0 %0, $14" : : "r"(0x1122334455667788));
    CHECK(rd_epc(), 0x1122334455667788);
    __asm__ volatile("mfc0 %0, $12" : "=r"(v));
    CHECK(v, (int64_t)(int32_t)rd_status());
    wr_errorepc(0xffffffff80001234);
    CHECK(rd_errorepc(), 0xffffffff80001234);
}

/* Read-only registers and bits ignore what is written. */
static void read_only(void)
{
    uint32_t prid = rd_prid(), config = rd_config();

    __asm__ volatile("mtc0 $0, $15");
    CHECK(rd_prid(), prid);
    wr_config(config ^ 0xfffffff8);
    CHECK(rd_config(), config);
    wr_config((config & ~7u) | 3);
    CHECK(rd_config() & 7, 3);
    wr_config(config);
    wr_cause(0xffffffff);
    CHECK(rd_cause() & 0x300, 0x300);
    wr_cause(0);
    CHECK(rd_cause() & 0x300, 0);
    wr_index(0x7fffffff);
    CHECK(rd_index(), 63);
}

/* ERET with ERL set goes to ErrorEPC and leaves EXL alone. */
static void eret_erl(void)
{
    CHECK(x_eret_erl(0, 0), 5);
    CHECK(rd_status() & (ST_ERL | ST_EXL), 0);
}

/* The low 2 GiB are physical memory, not mapped, while ERL is set. */
static void erl_segment(void)
{
    uint64_t v;

    *at(KSEG0 + FREE_PHYS + 0x40) = 0x1234567;
    wr_status(ST_BASE | ST_CU0 | ST_ERL);
    v = *at(FREE_PHYS + 0x40);
    wr_status(ST_BASE | ST_CU0);
    CHECK(v, 0x1234567);
    catch_trap(&c, l_d, FREE_PHYS + 0x40, 0);
    CHECK_TRAP(&c, EXC_TLBL, l_d_at, 0);
}

static void refused(uint64_t va)
{
    catch_trap(&c, l_d, va, 0);
    CHECK_TRAP(&c, EXC_ADEL, l_d_at, 0);
    CHECK(c.f.badvaddr, va);
}

/* Uncached accesses carry an attribute in address bits 58:57; others may not.
 */
static void xkphys(void)
{
    *at(KSEG0 + FREE_PHYS) = 77;
    for (uint64_t attr = 0; attr < 4; attr++) {
        CHECK(*at(XKPHYS(UNCACHED) + (attr << 57) + FREE_PHYS), 77);
        CHECK(*at(XKPHYS(7) + (attr << 57) + FREE_PHYS), 77);
    }
    CHECK(*at(XKPHYS(3) + FREE_PHYS), 77);
    CHECK(*at(XKPHYS(COHERENT) + FREE_PHYS), 77);
    refused(XKPHYS(COHERENT) + (1ul << 57) + FREE_PHYS);
    refused(XKPHYS(UNCACHED) + (1ul << 56) + FREE_PHYS);
    refused(XKPHYS(UNCACHED) + (1ul << 40) + FREE_PHYS);
    refused(XKPHYS(COHERENT) + (1ul << 40) + FREE_PHYS);
}

/* Hit operations translate, index operations do not; odd addresses are ways. */
static void cache(void)
{
    *at(KSEG0 + FREE_PHYS) = 99;
    catch_trap(&c, x_cache_hit, KSEG0 + FREE_PHYS, 0);
    CHECK(c.taken, 0);
    catch_trap(&c, x_cache_index, KSEG0 + 1, 0);
    CHECK(c.taken, 0);
    CHECK(*at(KSEG0 + FREE_PHYS), 99);
    catch_trap(&c, x_cache_hit, 0x700000, 0);
    CHECK_TRAP(&c, EXC_TLBL, x_cache_hit_at, 0);
    tlb_set(0, 0x400000,
            LO_PFN(ptr_phys(user_page)) | LO_CACHED | LO_D | LO_V | LO_G, LO_G,
            MASK_4K);
    wr_entryhi(0);
    catch_in_mode(&c,
                  0x400000 + (uint64_t)((char *)(uintptr_t)m_cache - user_page),
                  KSEG0, 0, ST_BASE | ST_USER);
    CHECK(CAUSE_CODE((uint32_t)c.f.cause), EXC_CPU);
    CHECK(CAUSE_CE((uint32_t)c.f.cause), 0);
    tlb_clear(0);
    wr_entryhi(0);
}

/* Prefetches never trap. */
static void prefetch(void)
{
    __asm__ volatile("pref 0, 0(%0)\n\tpref 1, 3(%0)" : : "r"(0x700000ul));
    __asm__ volatile("pref 0, 0(%0)" : : "r"(0x4000100000000000ul));
    __asm__ volatile("pref 6, 1(%0)" : : "r"(KSEG1 + DISCO_BOARD_POWER));
    CHECK(rd_status() & ST_EXL, 0);
}

const struct check checks[] = {
    { "widths", widths },     { "read_only", read_only },
    { "eret_erl", eret_erl }, { "erl_segment", erl_segment },
    { "xkphys", xkphys },     { "cache", cache },
    { "prefetch", prefetch }, { NULL, NULL },
};
