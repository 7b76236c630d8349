/*
 * crt0_bare.S - bare metal MIPS III/IV start-up, exception vectors, handlers.
 */
#include "mips.h"
        .set    noreorder
        .set    noat
        .section .text.start, "ax", @progbits
        .globl  _start
_start:
        li      $t0, ST_INIT
        mtc0    $t0, C0_STATUS
        nop
        nop
        nop
        nop
        mtc0    $0, C0_CAUSE
        mtc0    $0, C0_PAGEMASK
        mtc0    $0, C0_WIRED
        dmtc0   $0, C0_ENTRYHI
        dla     $t0, PT_BASE
        dmtc0   $t0, C0_CONTEXT
        ctc1    $0, $31
        dla     $sp, boot_stack_top

        dla     $t0, __bss_start
        dla     $t1, __bss_end
1:      beq     $t0, $t1, 2f
        nop
        sd      $0, 0($t0)
        b       1b
        daddiu  $t0, $t0, 8
2:
        dla     $t0, vectors            /* install the vectors at 0x000..0x1ff */
        dla     $t1, vectors_end
        lui     $t2, 0x8000
3:      ld      $t3, 0($t0)
        daddiu  $t0, $t0, 8
        sd      $t3, 0($t2)
        bne     $t0, $t1, 3b
        daddiu  $t2, $t2, 8

        jal     bare_main               /* $a0, $a1 are still the loader's */
        nop
4:      b       4b
        nop

        .balign 128
vectors:
        .macro  REFILL
        dmfc0   $k1, C0_CONTEXT
        ld      $k0, 0($k1)
        ld      $k1, 8($k1)
        dmtc0   $k0, C0_ENTRYLO0
        dmtc0   $k1, C0_ENTRYLO1
        nop
        tlbwr
        lui     $k0, %hi(tlb_refills)
        ld      $k1, %lo(tlb_refills)($k0)
        daddiu  $k1, $k1, 1
        sd      $k1, %lo(tlb_refills)($k0)
        eret
        .endm
        REFILL                          /* 0x000: 32-bit address spaces */
        .balign 128
        REFILL                          /* 0x080: 64-bit address spaces */
        .balign 128
        j       fatal                   /* 0x100: cache error */
        nop
        .balign 128
        mfc0    $k0, C0_CAUSE           /* 0x180: everything else */
        andi    $k0, $k0, 0x7c
        beqz    $k0, irq_j
        addiu   $k1, $0, 8 << 2
        beq     $k0, $k1, sys_j
        nop
        j       fatal
        nop
irq_j:  j       irq
        nop
sys_j:  j       sys
        nop
        .balign 128
vectors_end:

        .text
irq:    lui     $k0, %hi(timer_period)  /* timer: rearm, retry if already past, count */
        lw      $k1, %lo(timer_period)($k0)
        mfc0    $k0, C0_COUNT
        addu    $k1, $k0, $k1
        mtc0    $k1, C0_COMPARE
        mfc0    $k0, C0_COUNT
        subu    $k1, $k1, $k0
        blez    $k1, irq
        lui     $k0, %hi(timer_ticks)
        ld      $k1, %lo(timer_ticks)($k0)
        daddiu  $k1, $k1, 1
        sd      $k1, %lo(timer_ticks)($k0)
        eret

sys:    bnez    $v0, leave_user
        dmfc0   $k0, C0_EPC             /* call 0: return $a0 + $a1 */
        daddiu  $k0, $k0, 4
        dmtc0   $k0, C0_EPC
        daddu   $v0, $a0, $a1
        eret

/* uint64_t enter_user(entry, a, b): run in user mode until system call 1,
 * whose $a0 is the result. */
        .globl  enter_user
enter_user:
        daddiu  $sp, $sp, -96
        sd      $s0, 0($sp)
        sd      $s1, 8($sp)
        sd      $s2, 16($sp)
        sd      $s3, 24($sp)
        sd      $s4, 32($sp)
        sd      $s5, 40($sp)
        sd      $s6, 48($sp)
        sd      $s7, 56($sp)
        sd      $s8, 64($sp)
        sd      $gp, 72($sp)
        sd      $ra, 80($sp)
        lui     $t0, %hi(kernel_sp)
        sd      $sp, %lo(kernel_sp)($t0)
        dmtc0   $a0, C0_EPC
        li      $t0, ST_INIT | ST_USER | ST_EXL
        mtc0    $t0, C0_STATUS
        move    $a0, $a1
        move    $a1, $a2
        nop
        nop
        eret
leave_user:
        li      $k0, ST_INIT
        mtc0    $k0, C0_STATUS
        nop
        nop
        nop
        nop
        lui     $k0, %hi(kernel_sp)
        ld      $sp, %lo(kernel_sp)($k0)
        ld      $s0, 0($sp)
        ld      $s1, 8($sp)
        ld      $s2, 16($sp)
        ld      $s3, 24($sp)
        ld      $s4, 32($sp)
        ld      $s5, 40($sp)
        ld      $s6, 48($sp)
        ld      $s7, 56($sp)
        ld      $s8, 64($sp)
        ld      $gp, 72($sp)
        ld      $ra, 80($sp)
        move    $v0, $a0
        jr      $ra
        daddiu  $sp, $sp, 96

fatal:  mfc0    $a0, C0_CAUSE
        dmfc0   $a1, C0_EPC
        dmfc0   $a2, C0_BADVADDR
        li      $k0, ST_INIT
        mtc0    $k0, C0_STATUS
        nop
        nop
        nop
        dla     $sp, boot_stack_top
        dla     $t0, trap_fatal
        jr      $t0
        nop

        .data
        .balign 8
        .globl  tlb_refills, timer_ticks, timer_period
tlb_refills:  .dword 0
timer_ticks:  .dword 0
kernel_sp:    .dword 0
timer_period: .word 0
        .word 0
        .bss
        .balign 16
        .space  65536
boot_stack_top:
        .space  64
