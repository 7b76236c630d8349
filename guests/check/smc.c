/*
 * smc.c - code that is written while it is in use.  No CACHE instruction and
 * no SYNC: the hardware snoops stores.
 */
#include "check.h"

#define INSN_LI(n)  (0x24020000u | ((n)&0xffffu)) /* addiu $v0, $0, n */
#define INSN_ADD(n) (0x64420000u | ((n)&0xffffu)) /* daddiu $v0, $v0, n */
#define INSN_RETURN 0x03e00008u                   /* jr $ra */

static uint32_t code[2048] __attribute__((aligned(4096)));

static uint64_t call(volatile uint32_t *p)
{
    uint64_t (*f)(void) = (uint64_t(*)(void))(uintptr_t)p;

    return f();
}

/* addiu $v0, n; `adds` times + 1; return. */
static void make(volatile uint32_t *p, uint32_t n, uint32_t adds)
{
    *p++ = INSN_LI(n);
    for (uint32_t i = 0; i < adds; i++)
        *p++ = INSN_ADD(1);
    *p++ = INSN_RETURN;
    *p++ = 0;
}

static void rewritten(void)
{
    for (uint32_t i = 0; i < 300; i++) {
        make(code, i, i % 9);
        CHECK(call(code), i + i % 9);
        CHECK(call(code), i + i % 9);
    }
}

/* One instruction inside a function that was run before. */
static void one_word(void)
{
    make(code, 1000, 20);
    CHECK(call(code), 1020);
    for (uint32_t i = 1; i <= 20; i++) {
        ((volatile uint32_t *)code)[i] = INSN_ADD(3);
        CHECK(call(code), 1020 + 2 * i);
    }
    ((volatile uint8_t *)code)[3] = 5; /* low byte of the first immediate */
    CHECK(call(code), 0x305 + 60);
    ((volatile uint16_t *)code)[1] = 7;
    CHECK(call(code), 67);
}

/* Data on the same page as the code, before and behind it. */
static void data_beside(void)
{
    volatile uint32_t *data = code;

    make(code + 256, 9, 3);
    for (uint32_t i = 0; i < 100; i++) {
        data[0] = i;
        data[1000] = i;
        CHECK(call(code + 256), 12);
        CHECK(data[0] + data[1000], 2 * i);
    }
}

/* Code over the border of two pages, each half changed in turn. */
static void two_pages(void)
{
    volatile uint32_t *p = code + 1024 - 6;

    make(p, 10, 10);
    CHECK(call(p), 20);
    p[2] = INSN_ADD(100);
    CHECK(call(p), 119);
    p[9] = INSN_ADD(1000);
    CHECK(call(p), 1118);
}

/* Written through another address of the same memory. */
static void through_alias(void)
{
    volatile uint32_t *alias =
        (volatile uint32_t *)((uintptr_t)code - KSEG0 + KSEG1);

    make(code, 1, 1);
    CHECK(call(code), 2);
    alias[0] = INSN_LI(50);
    CHECK(call(code), 51);
    tlb_set(0, 0x400000, LO_PFN(ptr_phys(code)) | LO_CACHED | LO_D | LO_V, 0,
            MASK_4K);
    wr_entryhi(0);
    CHECK(call((volatile uint32_t *)0x400000), 51);
    *(volatile uint32_t *)0x400004 = INSN_ADD(7);
    CHECK(call(code), 57);
    CHECK(call((volatile uint32_t *)0x400000), 57);
    code[1] = INSN_ADD(8);
    CHECK(call((volatile uint32_t *)0x400000), 58);
    tlb_clear(0);
    wr_entryhi(0);
}

/*
 * A loop that changes an instruction of its own body in every pass: $v0 sums
 * n-1 .. 0, each as the immediate written one pass before.
 */
uint64_t patch_self(uint64_t n, uint64_t unused);
__asm__(
    ".pushsection .text\n\t.set push\n\t.set noreorder\n\t.globl patch_self\n"
    "patch_self:\n\tli $2, 0\n\tdla $8, 2f\n\tlui $9, 0x6442\n"
    "1:\tdaddiu $4, $4, -1\n\tor $10, $9, $4\n\tsw $10, 0($8)\n\t"
    "b 2f\n\t nop\n\tnop\n\tnop\n\tnop\n"
    "2:\tdaddiu $2, $2, 0\n\tbnez $4, 1b\n\t nop\n\tjr $31\n\t nop\n\t"
    ".set pop\n\t.popsection");

static void own_loop(void)
{
    CHECK(patch_self(200, 0), 19900);
    CHECK(patch_self(300, 0), 44850);
}

const struct check checks[] = {
    { "rewritten", rewritten },
    { "one_word", one_word },
    { "data_beside", data_beside },
    { "two_pages", two_pages },
    { "through_alias", through_alias },
    { "own_loop", own_loop },
    { NULL, NULL },
};
