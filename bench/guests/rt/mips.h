/*
 * mips.h - CP0 names for assembly and C.
 */
#ifndef MIPS_H
#define MIPS_H
#define C0_INDEX    $0
#define C0_RANDOM   $1
#define C0_ENTRYLO0 $2
#define C0_ENTRYLO1 $3
#define C0_CONTEXT  $4
#define C0_PAGEMASK $5
#define C0_WIRED    $6
#define C0_BADVADDR $8
#define C0_COUNT    $9
#define C0_ENTRYHI  $10
#define C0_COMPARE  $11
#define C0_STATUS   $12
#define C0_CAUSE    $13
#define C0_EPC      $14

#define ST_XX   0x80000000 /* MIPS IV enable on R5000/R10000 (CU3 elsewhere) */
#define ST_CU1  0x20000000
#define ST_CU0  0x10000000
#define ST_FR   0x04000000
#define ST_IM7  0x00008000
#define ST_KX   0x00000080
#define ST_SX   0x00000040
#define ST_UX   0x00000020
#define ST_USER 0x00000010
#define ST_EXL  0x00000002
#define ST_IE   0x00000001
#define ST_INIT (ST_XX | ST_CU1 | ST_CU0 | ST_FR | ST_KX | ST_SX | ST_UX)

/* Linear page table used by the refill handler: kseg0, 8 MiB aligned. */
#define PT_BASE 0xffffffff80800000
#endif
