/*
 * smc.c - code written, called twice and rewritten: the cost of
 * retranslation.
 */
#include "sys.h"
BENCH("smc", 60000)
{
    static uint32_t code[64] __attribute__((aligned(64)));
    uint64_t h = 0;
    for (unsigned long r = 0; r < reps; r++) {
        volatile uint32_t *p = code;
        p[0] = 0x24020000u | (uint32_t)(r & 0x7fff); /* addiu $v0, $0, r */
        for (int i = 1; i <= 8; i++)
            p[i] = 0x64420001u; /* daddiu $v0, $v0, 1 */
        p[9] = 0x03e00008u;     /* jr $ra */
        p[10] = 0;
        __asm__ volatile("cache 0x15, 0(%0)\n\tcache 0x10, 0(%0)\n\t"
                         "cache 0x15, 32(%0)\n\tcache 0x10, 32(%0)"
                         :
                         : "r"(code)
                         : "memory");
        uint64_t (*f)(void) = (uint64_t(*)(void))(uintptr_t)code;
        h += f() + f();
    }
    return mix64(0, h);
}
