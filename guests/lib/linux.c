/*
 * linux.c - the unprivileged checks as a Linux user program, so that other
 * emulators can judge them.  Takes the place of crt0.S, board.c and trap.c.
 */
#include "lib.h"

#define NR_WRITE      5001
#define NR_EXIT_GROUP 5205

void linux_start(void);
static char stack[65536] __attribute__((aligned(16), used));

__asm__(".text\n\t.globl __start\n\t.set push\n\t.set noreorder\n"
        "__start:\n\tdla $sp, stack + 65520\n\tctc1 $0, $31\n\t"
        "jal linux_start\n\t nop\n\t.set pop");

static void system_call(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    register uint64_t v0 __asm__("$2") = number;
    register uint64_t a0 __asm__("$4") = a;
    register uint64_t a1 __asm__("$5") = b;
    register uint64_t a2 __asm__("$6") = c;
    register uint64_t a3 __asm__("$7");

    __asm__ volatile("syscall"
                     : "+r"(v0), "=r"(a3)
                     : "r"(a0), "r"(a1), "r"(a2)
                     : "$1", "$3", "$8", "$9", "$10", "$11", "$12", "$13",
                       "$14", "$15", "$24", "$25", "hi", "lo", "memory");
}

void uart_put(char c)
{
    system_call(NR_WRITE, 1, (uint64_t)(uintptr_t)&c, 1);
}

void guest_exit(int status)
{
    for (;;)
        system_call(NR_EXIT_GROUP, (uint64_t)status, 0, 0);
}

void linux_start(void)
{
    guest_exit(guest_main());
}
