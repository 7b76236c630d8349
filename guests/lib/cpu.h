/*
 * cpu.h - names of the R10000's privileged state, for guest assembly and C.
 * Not the board's addresses: those are in <disco/guest.h>.
 */
#ifndef GUEST_CPU_H
#define GUEST_CPU_H

/* Coprocessor 0 registers, as assembler operands. */
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
#define C0_PRID     $15
#define C0_CONFIG   $16
#define C0_WATCHLO  $18
#define C0_WATCHHI  $19
#define C0_XCONTEXT $20
#define C0_ERROREPC $30

/* Status. */
#define ST_IE   0x00000001
#define ST_EXL  0x00000002
#define ST_ERL  0x00000004
#define ST_KSU  0x00000018
#define ST_SUP  0x00000008 /* KSU = 01, supervisor */
#define ST_USER 0x00000010 /* KSU = 10, user */
#define ST_UX   0x00000020
#define ST_SX   0x00000040
#define ST_KX   0x00000080
#define ST_IM0  0x00000100
#define ST_IM1  0x00000200
#define ST_IM2  0x00000400 /* device interrupt controller */
#define ST_IM3  0x00000800 /* mailbox */
#define ST_IM7  0x00008000 /* Count = Compare */
#define ST_IM   0x0000ff00
#define ST_BEV  0x00400000
#define ST_FR   0x04000000
#define ST_CU0  0x10000000
#define ST_CU1  0x20000000
#define ST_XX   0x80000000 /* MIPS IV in user mode */

/* Cause. */
#define CAUSE_CODE(cause) ((cause) >> 2 & 31)
#define CAUSE_CE(cause)   ((cause) >> 28 & 3)
#define CAUSE_BD          0x80000000
#define CAUSE_IP0         0x00000100
#define CAUSE_IP1         0x00000200
#define CAUSE_IP2         0x00000400
#define CAUSE_IP3         0x00000800
#define CAUSE_IP7         0x00008000

#define EXC_INT   0
#define EXC_MOD   1
#define EXC_TLBL  2
#define EXC_TLBS  3
#define EXC_ADEL  4
#define EXC_ADES  5
#define EXC_IBE   6
#define EXC_DBE   7
#define EXC_SYS   8
#define EXC_BP    9
#define EXC_RI    10
#define EXC_CPU   11
#define EXC_OV    12
#define EXC_TR    13
#define EXC_FPE   15
#define EXC_WATCH 23

/* EntryLo. */
#define LO_G         0x1
#define LO_V         0x2
#define LO_D         0x4
#define LO_UNCACHED  0x10
#define LO_CACHED    0x28 /* coherent, exclusive on write */
#define LO_PFN(phys) ((phys) >> 12 << 6)

/* PageMask. */
#define MASK_4K   0x00000000
#define MASK_16K  0x00006000
#define MASK_64K  0x0001e000
#define MASK_256K 0x0007e000
#define MASK_1M   0x001fe000
#define MASK_4M   0x007fe000
#define MASK_16M  0x01ffe000

#define TLB_ENTRIES 64

/* Segments (sign-extended 32-bit addresses). */
#define KSEG0 0xffffffff80000000
#define KSEG1 0xffffffffa0000000
#define KSSEG 0xffffffffc0000000
#define KSEG3 0xffffffffe0000000

/*
 * A guest is linked either in kseg0 and runs in kernel mode, or in the
 * supervisor segment (GUEST_SUPERVISOR), which its start-up code maps linearly
 * to physical memory.  Physical 0..0x1fffffff is reachable in both.
 */
#ifdef GUEST_SUPERVISOR
#define GUEST_RAM_BASE KSSEG
#define GUEST_IO_BASE  KSSEG
#define GUEST_MODE     ST_SUP
#else
#define GUEST_RAM_BASE KSEG0
#define GUEST_IO_BASE  KSEG1
#define GUEST_MODE     0
#endif

/* What every guest runs with, next to its mode. */
#define ST_BASE  (ST_XX | ST_CU1 | ST_FR | ST_KX | ST_SX | ST_UX)
#define ST_GUEST (ST_BASE | GUEST_MODE)

/* Trap frame: 64-bit words. */
#define FRAME_REG(n)   ((n)*8)
#define FRAME_HI       (32 * 8)
#define FRAME_LO       (33 * 8)
#define FRAME_STATUS   (34 * 8)
#define FRAME_CAUSE    (35 * 8)
#define FRAME_EPC      (36 * 8)
#define FRAME_BADVADDR (37 * 8)
#define FRAME_ENTRYHI  (38 * 8)
#define FRAME_VECTOR   (39 * 8)
#define FRAME_BYTES    (40 * 8)

/* The CPU's index stands in Context above BadVPN2. */
#define CONTEXT_CPU_SHIFT 23

#define GUEST_MAX_CPUS    8
#define GUEST_STACK_BYTES 16384

#ifndef __ASSEMBLER__
#include <stdint.h>

struct trap_frame {
    uint64_t reg[32];
    uint64_t hi, lo;
    uint64_t status, cause, epc, badvaddr, entryhi;
    uint64_t vector; /* offset of the vector it came through */
};
_Static_assert(sizeof(struct trap_frame) == FRAME_BYTES, "cpu.h, crt0.S");

#define CP0_32(name, number)                                          \
    static inline uint32_t rd_##name(void)                            \
    {                                                                 \
        uint32_t v;                                                   \
        __asm__ volatile("mfc0 %0, $" #number : "=r"(v));             \
        return v;                                                     \
    }                                                                 \
    static inline void wr_##name(uint32_t v)                          \
    {                                                                 \
        __asm__ volatile("mtc0 %0, $" #number : : "r"(v) : "memory"); \
    }
#define CP0_64(name, number)                                           \
    static inline uint64_t rd_##name(void)                             \
    {                                                                  \
        uint64_t v;                                                    \
        __asm__ volatile("dmfc0 %0, $" #number : "=r"(v));             \
        return v;                                                      \
    }                                                                  \
    static inline void wr_##name(uint64_t v)                           \
    {                                                                  \
        __asm__ volatile("dmtc0 %0, $" #number : : "r"(v) : "memory"); \
    }
CP0_32(index, 0)
CP0_32(random, 1)
CP0_64(entrylo0, 2)
CP0_64(entrylo1, 3)
CP0_64(context, 4)
CP0_32(pagemask, 5)
CP0_32(wired, 6)
CP0_64(badvaddr, 8)
CP0_32(count, 9)
CP0_64(entryhi, 10)
CP0_32(compare, 11)
CP0_32(status, 12)
CP0_32(cause, 13)
CP0_64(epc, 14)
CP0_32(prid, 15)
CP0_32(config, 16)
CP0_32(watchlo, 18)
CP0_32(watchhi, 19)
CP0_64(xcontext, 20)
CP0_64(errorepc, 30)
#undef CP0_32
#undef CP0_64

static inline void tlb_write_indexed(void)
{
    __asm__ volatile("tlbwi" : : : "memory");
}

static inline void tlb_write_random(void)
{
    __asm__ volatile("tlbwr" : : : "memory");
}

static inline void tlb_probe(void)
{
    __asm__ volatile("tlbp" : : : "memory");
}

static inline void tlb_read(void)
{
    __asm__ volatile("tlbr" : : : "memory");
}

/* One entry by index. */
static inline void tlb_set(uint32_t index, uint64_t hi, uint64_t lo0,
                           uint64_t lo1, uint32_t mask)
{
    wr_index(index);
    wr_pagemask(mask);
    wr_entryhi(hi);
    wr_entrylo0(lo0);
    wr_entrylo1(lo1);
    tlb_write_indexed();
    wr_pagemask(MASK_4K);
}

/* An address no access can match: the entry is out of use. */
static inline void tlb_clear(uint32_t index)
{
    tlb_set(index, KSEG0 + ((uint64_t)index << 13), 0, 0, MASK_4K);
}
#endif
#endif
