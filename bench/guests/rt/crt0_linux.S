/*
 * crt0_linux.S - Linux n64 user-mode entry and system call.
 */
        .set noreorder
        .text
        .globl __start
__start:
        ld      $a0, 0($sp)             /* argc */
        daddiu  $a1, $sp, 8             /* argv */
        dla     $sp, stack_top
        ctc1    $0, $31
        jal     linux_main
        nop
1:      b       1b
        nop
        .globl sys_call3
sys_call3:
        move    $v0, $a0
        move    $a0, $a1
        move    $a1, $a2
        move    $a2, $a3
        syscall
        jr      $ra
        nop
        .bss
        .balign 16
        .space  65536
stack_top:
        .space  64
