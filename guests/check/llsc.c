/*
 * llsc.c - load linked and store conditional on one CPU: success, loss over an
 * exception, 32 and 64 bits, atomic loops.  Several CPUs: litmus/.
 */
#include "check.h"

uint64_t ll_trap_sc(uint64_t a, uint64_t b);
uint64_t lld_trap_scd(uint64_t a, uint64_t b);
SNIPPET(l_l);
SNIPPET(s_c);

static uint64_t words[64] __attribute__((aligned(256)));

static int skip_syscall(struct trap_frame *f)
{
    if (CAUSE_CODE((uint32_t)f->cause) != EXC_SYS)
        return 0;
    f->epc += 4;
    return 1;
}

static void succeed(void)
{
    uint64_t old, ok;
    uint32_t *w = (uint32_t *)words;

    w[0] = 0x80000005;
    w[1] = 9;
    __asm__ volatile("ll %0, 0(%2)\n\tli %1, 77\n\tsc %1, 0(%2)"
                     : "=&r"(old), "=&r"(ok)
                     : "r"(w)
                     : "memory");
    CHECK(old, 0xffffffff80000005);
    CHECK(ok, 1);
    CHECK(w[0], 77);
    CHECK(w[1], 9);
    words[1] = 0x8000000000000001;
    __asm__ volatile("lld %0, 0(%2)\n\tmove %1, %3\n\tscd %1, 0(%2)"
                     : "=&r"(old), "=&r"(ok)
                     : "r"(&words[1]), "r"(0x1122334455667788)
                     : "memory");
    CHECK(old, 0x8000000000000001);
    CHECK(ok, 1);
    CHECK(words[1], 0x1122334455667788);
}

/* An exception and its ERET in between: no store. */
static void lost_by_trap(void)
{
    uint32_t *w = (uint32_t *)words;

    trap_hook = skip_syscall;
    w[0] = 1;
    CHECK(ll_trap_sc((uint64_t)(uintptr_t)w, 2), 0);
    CHECK(w[0], 1);
    words[1] = 3;
    CHECK(lld_trap_scd((uint64_t)(uintptr_t)&words[1], 4), 0);
    CHECK(words[1], 3);
    trap_hook = NULL;
}

static void not_linked(void)
{
    struct caught c;
    uint32_t *w = (uint32_t *)words;

    /* The exception ends any link there was. */
    catch_trap(&c, l_l, 1, 0);
    CHECK_TRAP(&c, EXC_ADEL, l_l_at, 0);
    w[0] = 5;
    CHECK(s_c((uint64_t)(uintptr_t)w, 6), 0);
    CHECK(w[0], 5);
}

/* Only one store conditional for each load linked. */
static void used_up(void)
{
    uint64_t first, second;
    uint32_t *w = (uint32_t *)words;

    w[0] = 1;
    __asm__ volatile("ll %0, 0(%2)\n\tli %0, 2\n\tli %1, 3\n\t"
                     "sc %0, 0(%2)"
                     : "=&r"(first), "=&r"(second)
                     : "r"(w)
                     : "memory");
    CHECK(first, 1);
    CHECK(w[0], 2);
}

static void loops(void)
{
    static uint32_t count;
    static uint64_t wide;
    uint64_t old, t;

    for (int i = 0; i < 1000; i++)
        atomic_add(&count, 3);
    CHECK(count, 3000);
    for (int i = 0; i < 1000; i++)
        __asm__ volatile(".set push\n\t.set noreorder\n"
                         "1:\tlld %0, %2\n\tdaddiu %1, %0, 5\n\t"
                         "scd %1, %2\n\tbeqzl %1, 1b\n\t nop\n\t.set pop"
                         : "=&r"(old), "=&r"(t), "+m"(wide)
                         :
                         : "memory");
    CHECK(wide, 5000);
}

/* Through a mapped page: the link is by physical address. */
static void mapped(void)
{
    uint32_t *w = (uint32_t *)0x400000;
    uint64_t old, ok;

    tlb_set(0, 0x400000, LO_PFN(FREE_PHYS) | LO_CACHED | LO_D | LO_V,
            LO_PFN(FREE_PHYS) | LO_CACHED | LO_D | LO_V, MASK_4K);
    wr_entryhi(0);
    *w = 9;
    __asm__ volatile("ll %0, 0(%2)\n\tli %1, 10\n\tsc %1, 0(%2)"
                     : "=&r"(old), "=&r"(ok)
                     : "r"(w)
                     : "memory");
    CHECK(old, 9);
    CHECK(ok, 1);
    CHECK(w[1024], 10);
    tlb_clear(0);
    wr_entryhi(0);
}

const struct check checks[] = {
    { "succeed", succeed },
    { "lost_by_trap", lost_by_trap },
    { "not_linked", not_linked },
    { "used_up", used_up },
    { "loops", loops },
    { "mapped", mapped },
    { NULL, NULL },
};
