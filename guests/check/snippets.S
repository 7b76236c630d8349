/*
 * snippets.S - functions of one interesting instruction each, with a label at
 * the place where an exception must point.  Called through catch_trap().
 */
#include "cpu.h"
#include <disco/guest.h>

        .set    noreorder
        .set    noat
        .text

/* NAME: INSN; return.  NAME_at is the instruction. */
        .macro  SNIPPET name, insn:vararg
        .globl  \name, \name\()_at
        .balign 8
\name:
        move    $v0, $a1
\name\()_at:
        \insn
        jr      $ra
        nop
        .endm

/* The same instruction in the delay slot of a taken branch. */
        .macro  IN_SLOT name, insn:vararg
        .globl  \name, \name\()_at
        .balign 8
\name:
        move    $v0, $a1
\name\()_at:
        b       1f
        \insn
        nop
1:      jr      $ra
        nop
        .endm

        SNIPPET ov_add, add $v0, $a0, $a1
        SNIPPET ov_addi, addi $v0, $a0, -2
        SNIPPET ov_sub, sub $v0, $a0, $a1
        SNIPPET ov_dadd, dadd $v0, $a0, $a1
        SNIPPET ov_daddi, daddi $v0, $a0, 32767
        SNIPPET ov_dsub, dsub $v0, $a0, $a1
        IN_SLOT ov_slot, add $v0, $a0, $a1

        SNIPPET t_eq, teq $a0, $a1
        SNIPPET t_ne, tne $a0, $a1
        SNIPPET t_ge, tge $a0, $a1
        SNIPPET t_geu, tgeu $a0, $a1
        SNIPPET t_lt, tlt $a0, $a1
        SNIPPET t_ltu, tltu $a0, $a1
        SNIPPET t_eqi, teqi $a0, -5
        SNIPPET t_nei, tnei $a0, -5
        SNIPPET t_gei, tgei $a0, -5
        SNIPPET t_geiu, tgeiu $a0, -5
        SNIPPET t_lti, tlti $a0, -5
        SNIPPET t_ltiu, tltiu $a0, -5
        IN_SLOT t_slot, teq $0, $0

        SNIPPET x_syscall, syscall
        SNIPPET x_break, break 5
        IN_SLOT x_sys_slot, syscall
        SNIPPET x_rdhwr, .word 0x7c03e83b
        SNIPPET x_op3b, .word 0xec000000
        SNIPPET x_special5, .word 0x00000005
        SNIPPET x_cop2, .word 0x48030000
        SNIPPET x_fp, add.d $f0, $f0, $f0
        SNIPPET x_movt, movt $v0, $a0, $fcc0
        SNIPPET x_lwc1, lwc1 $f0, 0($a0)

        SNIPPET l_b, lb $v0, 0($a0)
        SNIPPET l_h, lh $v0, 0($a0)
        SNIPPET l_w, lw $v0, 0($a0)
        SNIPPET l_wu, lwu $v0, 0($a0)
        SNIPPET l_d, ld $v0, 0($a0)
        SNIPPET l_l, ll $v0, 0($a0)
        SNIPPET l_ld, lld $v0, 0($a0)
        SNIPPET l_dc1, ldc1 $f0, 0($a0)
        SNIPPET l_wl, lwl $v0, 0($a0)
        SNIPPET l_dr, ldr $v0, 0($a0)
        SNIPPET s_b, sb $a1, 0($a0)
        SNIPPET s_h, sh $a1, 0($a0)
        SNIPPET s_w, sw $a1, 0($a0)
        SNIPPET s_d, sd $a1, 0($a0)
        SNIPPET s_c, sc $v0, 0($a0)
        SNIPPET s_dc1, sdc1 $f0, 0($a0)
        SNIPPET s_dl, sdl $a1, 0($a0)
        IN_SLOT l_slot, lw $v0, 0($a0)
        IN_SLOT s_slot, sd $a1, 0($a0)

        SNIPPET x_cache_hit, cache 0x15, 0($a0)
        SNIPPET x_cache_index, cache 0x01, 0($a0)

/* ERET from ERL: 5 when it went to ErrorEPC and not to EPC. */
        .globl  x_eret_erl
x_eret_erl:
        dla     $t0, 1f
        dmtc0   $t0, C0_ERROREPC
        dla     $t0, 2f
        dmtc0   $t0, C0_EPC
        mfc0    $t1, C0_STATUS
        ori     $t1, $t1, ST_ERL
        mtc0    $t1, C0_STATUS
        nop
        nop
        nop
        nop
        eret
1:      jr      $ra
        li      $v0, 5
2:      jr      $ra
        li      $v0, 6

/* Jump to $a0: the exception belongs to the target. */
        .globl  x_jump
x_jump:
        jr      $a0
        nop

/* System call with EXL set: EPC keeps what it has ($a0), BD too. */
        .globl  x_nested
x_nested:
        mfc0    $t0, C0_STATUS
        ori     $t0, $t0, ST_EXL
        mtc0    $t0, C0_STATUS
        nop
        nop
        nop
        nop
        dmtc0   $a0, C0_EPC
        nop
        nop
        b       1f
        syscall
1:      jr      $ra
        nop

/* Load from $a0 with EXL set: a refill goes through the general vector. */
        .globl  x_nested_load
x_nested_load:
        mfc0    $t0, C0_STATUS
        ori     $t0, $t0, ST_EXL
        mtc0    $t0, C0_STATUS
        nop
        nop
        nop
        nop
        ld      $v0, 0($a0)
        nop

/* A likely branch not taken: its slot must not trap. */
        .globl  x_nullified
x_nullified:
        beql    $0, $a0, 1f
        teq     $0, $0
1:      bnel    $0, $0, 1b
        lw      $v0, 1($0)
        bgtzl   $0, 1b
        .word   0xec000000
        jr      $ra
        li      $v0, 77

/*
 * int64_t counted_loop(int64_t n, int64_t step): n steps, one each in the slot
 * of a backward branch.
 */
        .globl  counted_loop
counted_loop:
        move    $v0, $0
        beqz    $a0, 2f
        nop
1:      daddiu  $a0, $a0, -1
        bnez    $a0, 1b
        daddu   $v0, $v0, $a1
2:      jr      $ra
        nop

/* LL, a system call that the hook serves, SC; the same with 64 bits. */
        .globl  ll_trap_sc, lld_trap_scd
ll_trap_sc:
        ll      $t0, 0($a0)
        syscall
        move    $v0, $a1
        sc      $v0, 0($a0)
        jr      $ra
        nop
lld_trap_scd:
        lld     $t0, 0($a0)
        syscall
        move    $v0, $a1
        scd     $v0, 0($a0)
        jr      $ra
        nop

/* ---- Code for other modes, on a page of its own -------------------------- */

        .section .user, "ax", @progbits
        .globl  user_page
user_page:
        .macro  IN_MODE name, insn:vararg
        .globl  \name, \name\()_at
        .balign 8
\name:
        move    $v0, $a1
\name\()_at:
        \insn
        syscall                         /* $v0 tells */
        nop
        .endm
        IN_MODE m_syscall, nop
        IN_MODE m_mfc0, mfc0 $v0, C0_PRID
        IN_MODE m_load, ld $v0, 0($a0)
        IN_MODE m_store, sd $a1, 0($a0)
        IN_MODE m_daddu, daddu $v0, $a0, $a1
        IN_MODE m_movn, movn $v0, $a0, $a0
        IN_MODE m_add, addu $v0, $a0, $a1
        IN_MODE m_eret, eret
        IN_MODE m_hypcall, .word DISCO_HYPCALL_WORD(DISCO_HC_DISCOVER)
        IN_MODE m_tlbwi, tlbwi
        IN_MODE m_cache, cache 0x15, 0($a0)
        IN_MODE m_fp, mfc1 $v0, $f0
        IN_MODE m_lwxc1, lwxc1 $f0, $a1($a0)
        IN_MODE m_madd, madd.d $f0, $f0, $f0, $f0
        IN_MODE m_bc1t, bc1t $fcc1, .+8

        .globl  m_jump, m_jump_at
m_jump:
m_jump_at:
        jr      $a0
        nop
