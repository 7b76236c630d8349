/*
 * calls.c - monitor calls and the page of memory-mapped CP0 registers.  On a
 * bare CPU every call is a reserved instruction; then only that is checked.
 */
#include "priv.h"

SNIPPET(m_syscall);
SNIPPET(m_hypcall);
extern char user_page[];

#define PAGE 4096

static struct caught c;
static int monitor;

static uint64_t discover(uint64_t a, uint64_t b)
{
    (void)a;
    (void)b;
    return (uint64_t)MONITOR_CALL(DISCO_HC_DISCOVER, 0);
}

static uint64_t unknown(uint64_t a, uint64_t b)
{
    (void)b;
    return (uint64_t)MONITOR_CALL(0x1f0, a);
}

static uint64_t zero_page(uint64_t a, uint64_t b)
{
    (void)b;
    return (uint64_t)MONITOR_CALL(DISCO_HC_ZERO_PAGE, a);
}

static uint64_t release_page(uint64_t a, uint64_t b)
{
    (void)b;
    return (uint64_t)MONITOR_CALL(DISCO_HC_RELEASE_PAGE, a);
}

static uint64_t yield(uint64_t a, uint64_t b)
{
    (void)b;
    return (uint64_t)MONITOR_CALL(DISCO_HC_YIELD, a);
}

static uint64_t idle(uint64_t a, uint64_t b)
{
    (void)b;
    return (uint64_t)MONITOR_CALL(DISCO_HC_IDLE, a);
}

/* The call's result, or a reserved instruction on a bare CPU. */
static void call(const char *what, uint64_t (*fn)(uint64_t, uint64_t),
                 uint64_t a, int64_t want)
{
    catch_trap(&c, fn, a, 0);
    if (monitor)
        check_eq(what, 0, c.taken ? 0xdead : c.value, (uint64_t)want);
    else
        check_eq(what, 0, CAUSE_CODE((uint32_t)c.f.cause), EXC_RI);
}

static void discovery(void)
{
    catch_trap(&c, discover, 0, 0);
    monitor = !c.taken;
    if (monitor)
        CHECK(c.value, 0);
    else
        CHECK(CAUSE_CODE((uint32_t)c.f.cause), EXC_RI);
    print("monitor: %s\n", monitor ? "yes" : "no");
}

static void codes(void)
{
    call("unknown", unknown, 0, DISCO_HC_E_UNKNOWN);
    call("yield", yield, 0, 0);
}

static void pages(void)
{
    uint64_t *page = phys_ptr(FREE_PHYS);

    for (uint32_t i = 0; i < PAGE / 8; i++)
        page[i] = i + 1;
    page[PAGE / 8] = 7;
    call("zero page", zero_page, FREE_PHYS, 0);
    for (uint32_t i = 0; monitor && i < PAGE / 8; i++)
        CHECK(page[i], 0);
    CHECK(page[PAGE / 8], 7);
    page[3] = 9;
    call("release page", release_page, FREE_PHYS, 0);
    page[3] = 5;
    CHECK(page[3], 5);
    call("device page", zero_page, DISCO_BOARD_UART, DISCO_HC_E_FAULT);
    call("beyond memory", release_page, 1ul << 39, DISCO_HC_E_FAULT);
    call("far beyond", zero_page, ~0xffful, DISCO_HC_E_FAULT);
}

/* Sleeps until the timer, as the idle register does. */
static void sleep(void)
{
    uint32_t start = rd_count(), status = rd_status();

    wr_compare(start + 500000);
    wr_status(status | ST_IM7);
    call("idle", idle, 0, 0);
    if (monitor)
        CHECK(rd_count() - start >= 500000, 1);
    wr_status(status);
    wr_compare(start + 0x40000000);
}

static void from_user(void)
{
    uint64_t pc =
        0x400000 + (uint64_t)((const char *)(uintptr_t)m_hypcall - user_page);

    tlb_set(24, 0x400000,
            LO_PFN(ptr_phys(user_page)) | LO_CACHED | LO_D | LO_V | LO_G, LO_G,
            MASK_4K);
    wr_entryhi(0);
    catch_in_mode(&c, pc, 0, 0, ST_BASE | ST_USER);
    CHECK(CAUSE_CODE((uint32_t)c.f.cause), EXC_RI);
    tlb_clear(24);
    wr_entryhi(0);
}

static unsigned page_accesses;

static uint64_t cp0(uint32_t offset)
{
    page_accesses++;
    return io_read64(DISCO_BOARD_CP0_PAGE + offset);
}

static void cp0_write(uint32_t offset, uint64_t value)
{
    page_accesses++;
    io_write64(DISCO_BOARD_CP0_PAGE + offset, value);
}

/* The page tells the same as the instructions. */
static void register_page(void)
{
    CHECK(cp0(DISCO_CP0_PAGE_MAGIC), DISCO_HC_MAGIC | DISCO_HC_ABI_VERSION);
    CHECK(cp0(DISCO_CP0_PAGE_CPU), cpu_self());
    CHECK((uint32_t)cp0(12 * 8), rd_status());
    CHECK((uint32_t)cp0(15 * 8), rd_prid());
    wr_epc(0x123456789);
    CHECK(cp0(14 * 8), 0x123456789);
    cp0_write(DISCO_CP0_PAGE_IE, 1);
    CHECK(rd_status() & ST_IE, ST_IE);
    CHECK(cp0(DISCO_CP0_PAGE_IE), 1);
    cp0_write(DISCO_CP0_PAGE_IE, 0);
    CHECK(rd_status() & ST_IE, 0);
    cp0_write(12 * 8, rd_status() | ST_IM0 | ST_CU0);
    CHECK(rd_status() & ST_IM0, ST_IM0);
    cp0_write(12 * 8, rd_status() & ~ST_IM0);
    CHECK(rd_status() & ST_IM0, 0);
}

static void accesses(void)
{
    REPORT("register_page", page_accesses);
}

const struct check checks[] = {
    { "discovery", discovery }, { "codes", codes },
    { "pages", pages },         { "sleep", sleep },
    { "from_user", from_user }, { "register_page", register_page },
    { "accesses", accesses },   { NULL, NULL },
};
