/*
 * mode.c - user and supervisor mode, 32-bit and 64-bit: which segments can be
 * reached, which instructions exist.
 */
#include "check.h"

SNIPPET(m_syscall);
SNIPPET(m_mfc0);
SNIPPET(m_load);
SNIPPET(m_store);
SNIPPET(m_daddu);
SNIPPET(m_movn);
SNIPPET(m_add);
SNIPPET(m_eret);
SNIPPET(m_tlbwi);
SNIPPET(m_fp);
SNIPPET(m_lwxc1);
SNIPPET(m_madd);
SNIPPET(m_bc1t);
SNIPPET(m_jump);
extern char user_page[];

#define CODE_VA 0x400000ul
#define DATA_VA 0x402000ul
#define ALL     (LO_CACHED | LO_D | LO_V | LO_G)

#define USER (ST_BASE | ST_USER)
#define SUP  (ST_BASE | ST_SUP)

static struct caught c;

static void map(void)
{
    tlb_set(0, CODE_VA, LO_PFN(ptr_phys(user_page)) | ALL, ALL & LO_G, MASK_4K);
    tlb_set(1, DATA_VA, LO_PFN(FREE_PHYS) | ALL, ALL & LO_G, MASK_4K);
    tlb_set(2, KSSEG + 0x2000, LO_PFN(FREE_PHYS + 0x1000) | ALL, ALL & LO_G,
            MASK_4K);
    tlb_set(3, KSEG3 + 0x2000, LO_PFN(FREE_PHYS + 0x2000) | ALL, ALL & LO_G,
            MASK_4K);
    tlb_set(4, 0x12345678000, LO_PFN(FREE_PHYS + 0x3000) | ALL, ALL & LO_G,
            MASK_4K);
    tlb_set(5, 0x4000000000002000, LO_PFN(FREE_PHYS + 0x4000) | ALL, ALL & LO_G,
            MASK_4K);
    tlb_set(6, 0xc000000000002000, LO_PFN(FREE_PHYS + 0x5000) | ALL, ALL & LO_G,
            MASK_4K);
    wr_entryhi(0);
    for (uint64_t i = 0; i < 6; i++)
        *(volatile uint64_t *)(KSEG0 + FREE_PHYS + i * 0x1000) = 50 + i;
}

static uint64_t user_va(const char *label)
{
    return CODE_VA + (uint64_t)(label - user_page);
}

/* Run a snippet of the user page: RUN(...) ends in the system call behind. */
#define RUN(fn, a, b, status) \
    catch_in_mode(&c, user_va((const char *)(uintptr_t)fn), a, b, status)
#define RESULT(fn, a, b, status, value)                                  \
    do {                                                                 \
        RUN(fn, a, b, status);                                           \
        check_trap(#fn, __LINE__, &c, EXC_SYS, user_va(fn##_at) + 4, 0); \
        check_eq(#fn, __LINE__, c.f.reg[2], value);                      \
    } while (0)
#define REFUSED(fn, a, b, status, code)                           \
    do {                                                          \
        RUN(fn, a, b, status);                                    \
        check_trap(#fn, __LINE__, &c, code, user_va(fn##_at), 0); \
    } while (0)

static void user(void)
{
    map();
    RESULT(m_syscall, 1, 2, USER, 2);
    CHECK((uint32_t)c.f.status, USER | ST_EXL);
    CHECK(c.f.vector, 0x180);
    RESULT(m_add, 40, 2, USER, 42);
    RESULT(m_load, DATA_VA, 0, USER, 50);
    RESULT(m_store, DATA_VA, 60, USER, 60);
    RESULT(m_load, DATA_VA, 0, USER, 60);
    RESULT(m_load, 0x12345678000, 0, USER, 53);
    REFUSED(m_load, DATA_VA + 0x2000, 0, USER, EXC_TLBL);
    CHECK(c.f.vector, 0x080);
}

/* Everything above the user segment. */
static void user_segments(void)
{
    static const uint64_t places[] = { KSEG0,
                                       KSEG1 + 0x800000,
                                       KSSEG + 0x2000,
                                       KSEG3 + 0x2000,
                                       0x4000000000002000,
                                       0xa800000000800000,
                                       0xc000000000002000,
                                       0x0000100000000000,
                                       0xffffffffffff0000 };

    map();
    for (unsigned i = 0; i < sizeof places / sizeof *places; i++) {
        REFUSED(m_load, places[i], 0, USER, EXC_ADEL);
        CHECK(c.f.badvaddr, places[i]);
        REFUSED(m_store, places[i], 0, USER, EXC_ADES);
    }
    RUN(m_jump, KSEG0 + 0x100000, 0, USER);
    CHECK_TRAP(&c, EXC_ADEL, KSEG0 + 0x100000, 0);
}

static void user_instructions(void)
{
    map();
    REFUSED(m_mfc0, 0, 0, USER, EXC_CPU);
    CHECK(CAUSE_CE((uint32_t)c.f.cause), 0);
    REFUSED(m_tlbwi, 0, 0, USER, EXC_CPU);
    REFUSED(m_eret, 0, 0, USER, EXC_CPU);
    RESULT(m_mfc0, 0, 0, USER | ST_CU0, rd_prid());
    REFUSED(m_fp, 0, 0, USER & ~ST_CU1, EXC_CPU);
    CHECK(CAUSE_CE((uint32_t)c.f.cause), 1);
    RUN(m_fp, 0, 0, USER);
    CHECK(CAUSE_CODE((uint32_t)c.f.cause), EXC_SYS);
}

/* Status.UX = 0: no 64-bit operations, 2 GiB of addresses. */
static void user_32(void)
{
    uint32_t status = USER & ~ST_UX;

    map();
    RESULT(m_add, 40, 2, status, 42);
    REFUSED(m_daddu, 40, 2, status, EXC_RI);
    RESULT(m_daddu, 1ul << 40, 2, USER, (1ul << 40) + 2);
    REFUSED(m_load, KSEG0, 0, status, EXC_RI);
    REFUSED(m_store, DATA_VA, 0, status, EXC_RI);
}

/* Status.XX = 0: nothing of MIPS IV in user mode. */
static void user_mips_3(void)
{
    uint32_t status = USER & ~ST_XX;

    map();
    RESULT(m_daddu, 40, 2, status, 42);
    RESULT(m_movn, 7, 2, USER, 7);
    REFUSED(m_movn, 7, 2, status, EXC_RI);
    REFUSED(m_lwxc1, DATA_VA, 0, status, EXC_RI);
    REFUSED(m_madd, 0, 0, status, EXC_RI);
    RUN(m_madd, 0, 0, USER);
    CHECK(CAUSE_CODE((uint32_t)c.f.cause), EXC_SYS);
}

static void supervisor(void)
{
    map();
    RESULT(m_load, DATA_VA, 0, SUP, *(uint64_t *)(KSEG0 + FREE_PHYS));
    RESULT(m_load, KSSEG + 0x2000, 0, SUP, 51);
    RESULT(m_load, 0x4000000000002000, 0, SUP, 54);
    REFUSED(m_load, KSEG0 + FREE_PHYS, 0, SUP, EXC_ADEL);
    REFUSED(m_load, KSEG1 + FREE_PHYS, 0, SUP, EXC_ADEL);
    REFUSED(m_load, KSEG3 + 0x2000, 0, SUP, EXC_ADEL);
    REFUSED(m_store, 0xa800000000800000, 0, SUP, EXC_ADES);
    REFUSED(m_store, 0xc000000000002000, 0, SUP, EXC_ADES);
    RESULT(m_mfc0, 0, 0, SUP | ST_CU0, rd_prid());
    RESULT(m_daddu, 40, 2, SUP, 42);
    REFUSED(m_daddu, 40, 2, SUP & ~ST_SX, EXC_RI);
    RESULT(m_movn, 7, 2, SUP & ~ST_XX, 7);
}

/* Kernel mode reaches all of them; EXL alone makes kernel mode. */
static void kernel(void)
{
    map();
    CHECK(*(volatile uint64_t *)(KSSEG + 0x2000), 51);
    CHECK(*(volatile uint64_t *)(KSEG3 + 0x2000), 52);
    CHECK(*(volatile uint64_t *)0x12345678000, 53);
    CHECK(*(volatile uint64_t *)0x4000000000002000, 54);
    CHECK(*(volatile uint64_t *)0xc000000000002000, 55);
    wr_status(ST_BASE | ST_USER | ST_EXL);
    CHECK(rd_prid() != 0, 1);
    CHECK(*(volatile uint64_t *)(KSEG3 + 0x2000), 52);
    wr_status(ST_BASE | ST_SUP | ST_ERL);
    CHECK(rd_prid() != 0, 1);
    CHECK(*(volatile uint64_t *)(KSSEG + 0x2000), 51);
    wr_status(ST_BASE | ST_CU0);
}

const struct check checks[] = {
    { "user", user },
    { "user_segments", user_segments },
    { "user_instructions", user_instructions },
    { "user_32", user_32 },
    { "user_mips_3", user_mips_3 },
    { "supervisor", supervisor },
    { "kernel", kernel },
    { NULL, NULL },
};
