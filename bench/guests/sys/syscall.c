/*
 * syscall.c - user mode <-> kernel mode round trips: syscall, general
 * vector, eret.
 */
#include "sys.h"
extern char user_loop[], user_loop_end[];
__asm__(".pushsection .text\n\t.set push\n\t.set noreorder\n\t.balign 8\n"
        "user_loop:\n\t"
        "move $t0, $a0\n\tmove $a0, $0\n\tli $a1, 3\n"
        "1:\tli $v0, 0\n\tsyscall\n\tmove $a0, $v0\n\t"
        "daddiu $t0, $t0, -1\n\tbnez $t0, 1b\n\tnop\n\t"
        "li $v0, 1\n\tsyscall\n\tnop\n"
        "user_loop_end:\n\t.set pop\n\t.popsection");
#define VA 0x01000000ul
BENCH("syscall", 3000000)
{
    map_page(VA, 0x01000000);
    map_page(VA + 4096, 0x01001000);
    volatile char *d = (volatile char *)0xffffffff81000000;
    for (const char *s = user_loop; s != user_loop_end; s++)
        *d++ = *s;
    return mix64(0, enter_user(VA, reps, 0));
}
