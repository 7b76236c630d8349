/*
 * entry.S - the kernel's own assembly: TLB refill through the page tables,
 * entering and leaving user mode, the floating-point registers, the first
 * monitor call, and the user program as it is.
 */
#include "cpu.h"
#include <disco/guest.h>

        .set    noreorder
        .set    noat
        .text

/*
 * Refill: cpu_tables[cpu] -> table of 512 pointers -> 512 EntryLo values.
 * What is not user memory, or has no table, goes on to the other handlers.
 */
        .macro  REFILL upper, slow
        dmfc0   $k0, C0_BADVADDR
        bltz    $k0, \upper
        nop
        dsrl    $k1, $k0, 30
        bnez    $k1, \slow
        dmfc0   $k1, C0_CONTEXT
        dsrl    $k1, $k1, CONTEXT_CPU_SHIFT
        dsll    $k1, $k1, 3
        lui     $k0, %hi(cpu_refills)
        daddu   $k0, $k0, $k1
        ld      $k1, %lo(cpu_refills)($k0)
        daddiu  $k1, $k1, 1
        sd      $k1, %lo(cpu_refills)($k0)
        dmfc0   $k1, C0_CONTEXT
        dsrl    $k1, $k1, CONTEXT_CPU_SHIFT
        dsll    $k1, $k1, 3
        lui     $k0, %hi(cpu_tables)
        daddu   $k1, $k1, $k0
        ld      $k1, %lo(cpu_tables)($k1)
        dmfc0   $k0, C0_BADVADDR
        beqz    $k1, \slow
        dsrl    $k0, $k0, 21
        dsll    $k0, $k0, 3
        daddu   $k1, $k1, $k0
        ld      $k1, 0($k1)
        dmfc0   $k0, C0_BADVADDR
        beqz    $k1, \slow
        dsrl    $k0, $k0, 9
        andi    $k0, $k0, 0xff0         /* the pair of pages */
        daddu   $k1, $k1, $k0
        ld      $k0, 0($k1)
        ld      $k1, 8($k1)
        dmtc0   $k0, C0_ENTRYLO0
        dmtc0   $k1, C0_ENTRYLO1
        nop
        nop
        tlbwr
        nop
        eret
        .endm

        .globl  refill_32, refill_64
refill_32:
        REFILL  refill_upper_32, trap_000
refill_64:
        REFILL  refill_upper_64, trap_080

/*
 * void user_enter(struct trap_frame *f): go on with a user frame; returns when
 * a trap on this CPU calls user_leave().
 */
        .globl  user_enter, user_leave
user_enter:
        daddiu  $sp, $sp, -96
        sd      $s0, 0($sp)
        sd      $s1, 8($sp)
        sd      $s2, 16($sp)
        sd      $s3, 24($sp)
        sd      $s4, 32($sp)
        sd      $s5, 40($sp)
        sd      $s6, 48($sp)
        sd      $s7, 56($sp)
        sd      $fp, 64($sp)
        sd      $ra, 72($sp)
        dmfc0   $t0, C0_CONTEXT
        dsrl    $t0, $t0, CONTEXT_CPU_SHIFT
        dsll    $t0, $t0, 3
        lui     $t1, %hi(cpu_stack_top)
        daddu   $t0, $t0, $t1
        sd      $sp, %lo(cpu_stack_top)($t0)
        lui     $t0, %hi(trap_return)
        daddiu  $t0, $t0, %lo(trap_return)
        jr      $t0
        move    $sp, $a0
user_leave:
        dmfc0   $t0, C0_CONTEXT
        dsrl    $t0, $t0, CONTEXT_CPU_SHIFT
        dsll    $t0, $t0, 3
        lui     $t1, %hi(cpu_stack_top)
        daddu   $t0, $t0, $t1
        ld      $sp, %lo(cpu_stack_top)($t0)
        ld      $s0, 0($sp)
        ld      $s1, 8($sp)
        ld      $s2, 16($sp)
        ld      $s3, 24($sp)
        ld      $s4, 32($sp)
        ld      $s5, 40($sp)
        ld      $s6, 48($sp)
        ld      $s7, 56($sp)
        ld      $fp, 64($sp)
        ld      $ra, 72($sp)
        jr      $ra
        daddiu  $sp, $sp, 96

/* The kernel itself is compiled without floating point. */
        .set    hardfloat
        .globl  fp_save, fp_load
fp_save:
        .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
        sdc1    $f\n, (\n * 8)($a0)
        .endr
        .irp    n, 16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
        sdc1    $f\n, (\n * 8)($a0)
        .endr
        cfc1    $t0, $31
        jr      $ra
        sd      $t0, 256($a0)
fp_load:
        .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
        ldc1    $f\n, (\n * 8)($a0)
        .endr
        .irp    n, 16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
        ldc1    $f\n, (\n * 8)($a0)
        .endr
        ld      $t0, 256($a0)
        jr      $ra
        ctc1    $t0, $31

/*
 * int64_t monitor_version(void): version of the monitor calls, or negative.  On
 * a bare CPU the call is a reserved instruction, which the trap handler knows.
 */
        .globl  monitor_version, monitor_version_call
monitor_version:
        li      $v0, DISCO_HC_E_UNKNOWN
        move    $v1, $0
monitor_version_call:
        .word   DISCO_HYPCALL_WORD(DISCO_HC_DISCOVER)
        bltz    $v0, 1f
        nop
        dli     $t0, DISCO_HC_MAGIC
        dsubu   $v0, $v1, $t0
1:      jr      $ra
        nop

        .section .rodata
        .balign 4096
        .globl  user_image, user_image_end
user_image:
        .incbin USER_IMAGE
        .balign 4096
user_image_end:
