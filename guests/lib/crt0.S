/*
 * crt0.S - start of every guest: entry of vCPU 0 and of the others, exception
 * vectors, the trap frame and the way back, and catch(): calling a function
 * that may trap.
 *
 * The code in .boot runs in kernel mode at its kseg0 address, the rest where
 * the guest is linked.  In a supervisor guest the vectors are entered in
 * kernel mode (EXL), save the frame and then go on in supervisor mode.
 */
#include "cpu.h"

        .set    noreorder
        .set    noat

/* Status from here on, with interrupts off.  Kernel mode until the jump. */
#define ST_START (ST_BASE | ST_CU0)

/* ---- Entry, kernel mode, kseg0 ------------------------------------------- */

        .section .boot, "ax", @progbits
        .globl  _start
_start:
        move    $s0, $a0                /* UHI: -2 and the device tree */
        move    $s1, $a1
        bal     cpu_setup
        move    $s2, $0                 /* (delay slot) CPU index */

        dla     $t0, vectors            /* install the vectors */
        dla     $t1, vectors_end
#ifdef GUEST_SUPERVISOR
        dsubu   $t1, $t1, $t0
        lui     $t2, 0x4000             /* read them through kseg0 */
        dsubu   $t0, $t0, $t2
        daddu   $t1, $t1, $t0
#endif
        lui     $t2, 0x8000
1:      ld      $t3, 0($t0)
        daddiu  $t0, $t0, 8
        sd      $t3, 0($t2)
        bne     $t0, $t1, 1b
        daddiu  $t2, $t2, 8

        dla     $t0, start_0
        dla     $sp, cpu_stacks + GUEST_STACK_BYTES
enter:                                  /* $t0 = where, in the guest's mode */
        dmtc0   $t0, C0_EPC
        li      $t1, ST_START | GUEST_MODE | ST_EXL
#ifdef GUEST_SUPERVISOR
        li      $t2, ~ST_CU0            /* privileged instructions must trap */
        and     $t1, $t1, $t2
#endif
        mtc0    $t1, C0_STATUS
        nop
        nop
        nop
        nop
        eret

/* The mailbox gave $sp, and the CPU's index in $gp (no guest uses $gp). */
        .globl  _start_secondary
_start_secondary:
        bal     cpu_setup
        move    $s2, $gp
        dla     $t0, start_n
        b       enter
        nop

/* $s2 = CPU index.  Clears what reset leaves undefined. */
cpu_setup:
        li      $t0, ST_START
        mtc0    $t0, C0_STATUS
        nop
        nop
        nop
        nop
        mtc0    $0, C0_CAUSE
        mtc0    $0, C0_COMPARE
        mtc0    $0, C0_WATCHLO
        mtc0    $0, C0_WATCHHI
        ctc1    $0, $31
        dsll    $t0, $s2, CONTEXT_CPU_SHIFT
        dmtc0   $t0, C0_CONTEXT
        dmtc0   $0, C0_XCONTEXT
        mtc0    $0, C0_WIRED
        mtc0    $0, C0_PAGEMASK
        dmtc0   $0, C0_ENTRYLO0
        dmtc0   $0, C0_ENTRYLO1
        lui     $t0, 0x8000             /* an address that never matches */
        li      $t1, TLB_ENTRIES - 1
1:      dmtc0   $t0, C0_ENTRYHI
        mtc0    $t1, C0_INDEX
        nop
        nop
        nop
        tlbwi
        daddiu  $t0, $t0, 0x2000
        bnez    $t1, 1b
        addiu   $t1, $t1, -1
#ifdef GUEST_SUPERVISOR
        /* Entry 0: the first 32 MiB; entry 1: the devices.  Both wired; what
         * else of the segment is used comes in by refills. */
        li      $t0, MASK_16M
        mtc0    $t0, C0_PAGEMASK
        lui     $t0, 0xc000
        dmtc0   $t0, C0_ENTRYHI
        li      $t1, LO_CACHED | LO_D | LO_V | LO_G
        dmtc0   $t1, C0_ENTRYLO0
        li      $t1, LO_PFN(0x01000000) | LO_CACHED | LO_D | LO_V | LO_G
        dmtc0   $t1, C0_ENTRYLO1
        mtc0    $0, C0_INDEX
        nop
        nop
        nop
        tlbwi
        lui     $t0, 0xdc00
        dmtc0   $t0, C0_ENTRYHI
        li      $t1, LO_PFN(0x1c000000) | LO_UNCACHED | LO_D | LO_V | LO_G
        dmtc0   $t1, C0_ENTRYLO0
        li      $t1, LO_PFN(0x1d000000) | LO_UNCACHED | LO_D | LO_V | LO_G
        dmtc0   $t1, C0_ENTRYLO1
        li      $t0, 1
        mtc0    $t0, C0_INDEX
        nop
        nop
        nop
        tlbwi
        li      $t0, 2
        mtc0    $t0, C0_WIRED
        mtc0    $0, C0_PAGEMASK
#endif
        dmtc0   $0, C0_ENTRYHI
        jr      $ra
        nop

/* ---- The guest's own mode ------------------------------------------------ */

        .text
start_0:
        dla     $t0, __bss_start
        dla     $t1, __bss_end
1:      beq     $t0, $t1, 2f
        nop
        sd      $0, 0($t0)
        b       1b
        daddiu  $t0, $t0, 8
2:
        dla     $t0, cpu_stack_top
        sd      $sp, 0($t0)
        move    $a0, $s0
        jal     guest_boot
        move    $a1, $s1
        jal     guest_exit
        move    $a0, $v0

start_n:
        dla     $t0, cpu_stack_top
        dsll    $t1, $s2, 3
        daddu   $t0, $t0, $t1
        sd      $sp, 0($t0)
        jal     guest_secondary
        move    $a0, $s2
1:      b       1b
        nop

/* ---- Exceptions ---------------------------------------------------------- */

        /* Leave the vector page for the trap code of this guest. */
        .macro  VECTOR entry
        lui     $k0, %hi(\entry)
        daddiu  $k0, $k0, %lo(\entry)
        jr      $k0
        nop
        .endm

        .balign 128
        .globl  vectors, vectors_end
vectors:
        VECTOR  refill_32               /* 0x000: TLB refill, 32-bit space */
        .balign 128
        VECTOR  refill_64               /* 0x080: TLB refill, 64-bit space */
        .balign 128
        VECTOR  trap_180                /* 0x100: cache error: never */
        .balign 128
        VECTOR  trap_180                /* 0x180: everything else */
        .balign 128
vectors_end:

        /* Kernels with page tables bring their own and leave addresses of the
         * upper half to these. */
        .weak   refill_32, refill_64
        .globl  refill_upper_32, refill_upper_64
        .equ    refill_32, refill_upper_32
        .equ    refill_64, refill_upper_64

#ifdef GUEST_SUPERVISOR
        /* What is not wired of the supervisor segment: physical memory, in
         * pairs of 16 MiB pages. */
        .macro  REFILL_UPPER entry
        dmfc0   $k0, C0_BADVADDR
        dsra    $k1, $k0, 29            /* -2: the supervisor segment */
        daddiu  $k1, $k1, 2
        bnez    $k1, \entry
        lui     $k1, 0x1e00
        and     $k0, $k0, $k1
        dsrl    $k0, $k0, 6
        ori     $k0, $k0, LO_CACHED | LO_D | LO_V | LO_G
        lui     $k1, 0x0100 >> 6
        daddu   $k1, $k1, $k0
        dmtc0   $k0, C0_ENTRYLO0
        dmtc0   $k1, C0_ENTRYLO1
        li      $k0, MASK_16M
        mtc0    $k0, C0_PAGEMASK
        nop
        nop
        tlbwr
        mtc0    $0, C0_PAGEMASK
        nop
        eret
        .endm
refill_upper_32:
        REFILL_UPPER trap_000
refill_upper_64:
        REFILL_UPPER trap_080
#else
        .equ    refill_upper_32, trap_000
        .equ    refill_upper_64, trap_080
#endif

        /* EXL is set: only $k0, $k1 are free.  From user mode take this CPU's
         * stack, else go on with the one in use. */
        .macro  TRAP_ENTRY offset
        mfc0    $k0, C0_STATUS
        andi    $k0, $k0, ST_USER
        beqz    $k0, 1f
        move    $k0, $sp
        dmfc0   $k1, C0_CONTEXT
        dsrl    $k1, $k1, CONTEXT_CPU_SHIFT
        dsll    $k1, $k1, 3
        lui     $sp, %hi(cpu_stack_top)
        daddu   $sp, $sp, $k1
        ld      $sp, %lo(cpu_stack_top)($sp)
1:      daddiu  $sp, $sp, -FRAME_BYTES
        sd      $k0, FRAME_REG(29)($sp)
        li      $k0, \offset
        b       trap_common
        sd      $k0, FRAME_VECTOR($sp)
        .endm

        .globl  trap_000, trap_080, trap_180
trap_000:
        TRAP_ENTRY 0x000
trap_080:
        TRAP_ENTRY 0x080
trap_180:
        TRAP_ENTRY 0x180

trap_common:
        .irp    n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23
        sd      $\n, FRAME_REG(\n)($sp)
        .endr
        sd      $24, FRAME_REG(24)($sp)
        sd      $25, FRAME_REG(25)($sp)
        sd      $28, FRAME_REG(28)($sp)
        sd      $30, FRAME_REG(30)($sp)
        sd      $31, FRAME_REG(31)($sp)
        mfhi    $t0
        mflo    $t1
        mfc0    $t2, C0_STATUS
        mfc0    $t3, C0_CAUSE
        dmfc0   $t8, C0_EPC
        dmfc0   $t9, C0_BADVADDR
        dmfc0   $a0, C0_ENTRYHI
        sd      $t0, FRAME_HI($sp)
        sd      $t1, FRAME_LO($sp)
        sd      $t2, FRAME_STATUS($sp)
        sd      $t3, FRAME_CAUSE($sp)
        sd      $t8, FRAME_EPC($sp)
        sd      $t9, FRAME_BADVADDR($sp)
        sd      $a0, FRAME_ENTRYHI($sp)
        /* On in the guest's mode, interrupts off; CU1 as it was. */
        li      $t0, ~(ST_CU0 | ST_KSU | ST_EXL | ST_IE)
        and     $t2, $t2, $t0
        lui     $t0, %hi(guest_status)
        lw      $t0, %lo(guest_status)($t0)
        or      $t2, $t2, $t0
        mtc0    $t2, C0_STATUS
        nop
        nop
        nop
        nop
        jal     guest_trap
        move    $a0, $sp

/* Back to what the frame at $sp says. */
        .globl  trap_return
trap_return:
        ld      $t0, FRAME_HI($sp)
        ld      $t1, FRAME_LO($sp)
        mthi    $t0
        mtlo    $t1
        .irp    n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23
        ld      $\n, FRAME_REG(\n)($sp)
        .endr
        ld      $24, FRAME_REG(24)($sp)
        ld      $25, FRAME_REG(25)($sp)
        ld      $28, FRAME_REG(28)($sp)
        ld      $30, FRAME_REG(30)($sp)
        ld      $31, FRAME_REG(31)($sp)
        ld      $k0, FRAME_STATUS($sp)
        ori     $k0, $k0, ST_EXL
        mtc0    $k0, C0_STATUS          /* kernel mode from here on */
        nop
        nop
        nop
        nop
        ld      $k1, FRAME_EPC($sp)
        dmtc0   $k1, C0_EPC
        ld      $sp, FRAME_REG(29)($sp)
        nop
        eret

/*
 * uint64_t catch_call(uint64_t entry, uint64_t a, uint64_t b, uint64_t *sp)
 * Call entry(a, b) with *sp = the stack to come back to.  A trap handler that
 * wants to give up the call resumes at catch_return with that stack.
 */
        .globl  catch_call, catch_return
catch_call:
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
        sd      $gp, 72($sp)
        sd      $ra, 80($sp)
        sd      $sp, 0($a3)
        move    $t9, $a0
        move    $a0, $a1
        jalr    $t9
        move    $a1, $a2
catch_return:
        ld      $s0, 0($sp)
        ld      $s1, 8($sp)
        ld      $s2, 16($sp)
        ld      $s3, 24($sp)
        ld      $s4, 32($sp)
        ld      $s5, 40($sp)
        ld      $s6, 48($sp)
        ld      $s7, 56($sp)
        ld      $fp, 64($sp)
        ld      $gp, 72($sp)
        ld      $ra, 80($sp)
        jr      $ra
        daddiu  $sp, $sp, 96

/*
 * uint64_t enter_mode(uint64_t pc, uint64_t a, uint64_t b, uint64_t status)
 * Go to pc with the given mode bits in Status (EXL is added) and the present
 * stack, which traps from user mode use as well; comes back only through a
 * trap, to be called inside catch_call.
 */
        .globl  enter_mode
enter_mode:
        dmfc0   $t0, C0_CONTEXT
        dsrl    $t0, $t0, CONTEXT_CPU_SHIFT
        dsll    $t0, $t0, 3
        lui     $t1, %hi(cpu_stack_top)
        daddu   $t0, $t0, $t1
        sd      $sp, %lo(cpu_stack_top)($t0)
        ori     $a3, $a3, ST_EXL
        mtc0    $a3, C0_STATUS
        nop
        nop
        nop
        nop
        dmtc0   $a0, C0_EPC
        move    $a0, $a1
        move    $a1, $a2
        nop
        eret

/*
 * uint64_t io_probe(uint64_t address): 32 bits, or all ones when nothing is
 * there: a trap handler steps over the load after a bus error.
 */
        .globl  io_probe, io_probe_load
io_probe:
        li      $v0, -1
io_probe_load:
        lwu     $v0, 0($a0)
        jr      $ra
        nop

        .section .boot
        .balign 8
        .globl  boot_end
boot_end:

        .bss
        .balign 16
        .globl  cpu_stacks, cpu_stack_top
cpu_stacks:
        .space  GUEST_STACK_BYTES * GUEST_MAX_CPUS
cpu_stack_top:                          /* of each CPU, for traps from user */
        .space  8 * GUEST_MAX_CPUS
