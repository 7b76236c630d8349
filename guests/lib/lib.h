/*
 * lib.h - what the guests share: console, board, traps, CPUs, time, locks.
 * Freestanding; a guest defines guest_main() and links crt0.S and this.
 */
#ifndef GUEST_LIB_H
#define GUEST_LIB_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <disco/guest.h>

#include "cpu.h"

/* --- The guest's own part ------------------------------------------------ */

/* Runs on vCPU 0 in the guest's mode; the result is the exit status. */
int guest_main(void);

/* --- Strings (string.c) -------------------------------------------------- */

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t bytes);

/* --- Console (print.c) --------------------------------------------------- */

/*
 * %s %c %d %u %x %%, with l for 64 bits, 0 and a width for numbers.  One call
 * is not mixed with other CPUs' calls.  At most 255 bytes.
 */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void uart_put(char c);
int format_text(char *to, size_t bytes, const char *format, va_list ap);

/* --- Board (board.c, fdt.c) ---------------------------------------------- */

struct guest_board {
    uint64_t ram_low;   /* bytes at physical 0 */
    uint64_t ram_total; /* with what lies above 512 MiB */
    uint32_t cpus;      /* 1 .. GUEST_MAX_CPUS */
    uint64_t fdt_phys;  /* 0: there is none */
    uint64_t fdt_bytes;
    uint64_t initrd_phys; /* 0: there is none */
    uint64_t initrd_bytes;
    char cmdline[256];
};
extern struct guest_board board;

void board_init(int64_t a0, uint64_t a1);
/* Is the word on the command line? */
int option(const char *name);
/* Number after "name=", else `missing`. */
long option_value(const char *name, long missing);
void guest_exit(int status) __attribute__((noreturn));

static inline void *phys_ptr(uint64_t phys)
{
    return (void *)(uintptr_t)(GUEST_RAM_BASE + phys);
}

static inline uint64_t ptr_phys(const void *p)
{
    return (uint64_t)(uintptr_t)p - GUEST_RAM_BASE;
}

/* Device registers, in the CPU's byte order. */
#define IO_FUNCS(bits)                                                 \
    static inline uint##bits##_t io_read##bits(uint64_t phys)          \
    {                                                                  \
        return *(volatile uint##bits##_t *)(GUEST_IO_BASE + phys);     \
    }                                                                  \
    static inline void io_write##bits(uint64_t phys, uint##bits##_t v) \
    {                                                                  \
        *(volatile uint##bits##_t *)(GUEST_IO_BASE + phys) = v;        \
    }
IO_FUNCS(8)
IO_FUNCS(16)
IO_FUNCS(32)
IO_FUNCS(64)
#undef IO_FUNCS

/* Little-endian values on a big-endian CPU, and back. */
static inline uint16_t le16(uint16_t v)
{
    return (uint16_t)(v >> 8 | v << 8);
}

static inline uint32_t le32(uint32_t v)
{
    return v >> 24 | (v >> 8 & 0xff00) | (v & 0xff00) << 8 | v << 24;
}

static inline uint64_t le64(uint64_t v)
{
    return (uint64_t)le32((uint32_t)v) << 32 | le32((uint32_t)(v >> 32));
}

/* Interrupt controller lines of one CPU. */
static inline void intc_unmask(uint32_t cpu, uint32_t mask)
{
    io_write32(DISCO_BOARD_INTC + cpu * DISCO_INTC_STRIDE +
                   DISCO_INTC_MASK_CLEAR,
               mask);
}

static inline uint32_t intc_pending(uint32_t cpu)
{
    uint64_t base = DISCO_BOARD_INTC + cpu * DISCO_INTC_STRIDE;

    return io_read32(base + DISCO_INTC_STATUS) &
           ~io_read32(base + DISCO_INTC_MASK_STATUS);
}

/* --- Traps (trap.c) ------------------------------------------------------ */

/*
 * Called with interrupts off for every exception; whatever it leaves in the
 * frame is what the CPU goes on with.  trap.c has one that serves catch() and
 * trap_hook and otherwise ends the guest; a kernel brings its own.
 */
void guest_trap(struct trap_frame *frame);
void trap_fatal(const struct trap_frame *frame) __attribute__((noreturn));
/* Serves a trap and returns 1, or returns 0. */
extern int (*volatile trap_hook)(struct trap_frame *frame);
/* Status that handlers run with: mode bits, and CU0 when nobody traps it. */
extern uint32_t guest_status;
/* crt0.S */
extern char trap_return[], catch_return[], vectors[], boot_end[];
uint64_t io_probe(uint64_t address);
/* The handler's part of io_probe(): 1 when the trap was its load. */
int io_probe_trap(struct trap_frame *frame);
extern char __image_end[];

struct caught {
    int taken;           /* 0: the function returned */
    uint64_t value;      /* its result */
    struct trap_frame f; /* of the exception */
    uint64_t context, xcontext;
};
/* Call fn(a, b) on this CPU; the first exception ends it and is recorded. */
void catch_trap(struct caught *c, uint64_t (*fn)(uint64_t, uint64_t),
                uint64_t a, uint64_t b);
/* The same from another mode: code at pc, ended by any exception. */
void catch_in_mode(struct caught *c, uint64_t pc, uint64_t a, uint64_t b,
                   uint32_t status);

/* Interrupts of this CPU. */
static inline void irq_on(void)
{
    wr_status(rd_status() | ST_IE);
}

static inline void irq_off(void)
{
    wr_status(rd_status() & ~ST_IE);
}

/* Stop until an interrupt that Status.IM lets through is pending. */
static inline void cpu_idle(void)
{
    io_write32(DISCO_BOARD_IDLE, 1);
}

/* --- CPUs (smp.c) -------------------------------------------------------- */

/* Let a parked vCPU run fn(cpu); it spins for ever when that returns. */
void cpu_start(uint32_t cpu, void (*fn)(uint32_t cpu));

static inline uint32_t cpu_self(void)
{
    return (uint32_t)(rd_context() >> CONTEXT_CPU_SHIFT);
}

struct barrier {
    uint32_t waiting;
    uint32_t turn;
};
/* Wait until `cpus` CPUs have come here.  Spins. */
void barrier_wait(struct barrier *b, uint32_t cpus);

static inline uint32_t atomic_add(uint32_t *p, uint32_t n)
{
    uint32_t old, t;

    __asm__ volatile(".set push\n\t.set noreorder\n"
                     "1:\tll %0, %2\n\taddu %1, %0, %3\n\tsc %1, %2\n\t"
                     "beqz %1, 1b\n\t nop\n\t.set pop"
                     : "=&r"(old), "=&r"(t), "+m"(*p)
                     : "r"(n)
                     : "memory");
    return old;
}

static inline void spin_lock(uint32_t *lock)
{
    uint32_t t;

    __asm__ volatile(".set push\n\t.set noreorder\n"
                     "1:\tll %0, %1\n\tbnez %0, 1b\n\t li %0, 1\n\t"
                     "sc %0, %1\n\tbeqz %0, 1b\n\t nop\n\tsync\n\t.set pop"
                     : "=&r"(t), "+m"(*lock)
                     :
                     : "memory");
}

static inline void spin_unlock(uint32_t *lock)
{
    __asm__ volatile("sync" : : : "memory");
    *(volatile uint32_t *)lock = 0;
}

/* Ordered access to what other CPUs use. */
#define READ_ONCE(x)     (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

/* --- Monitor calls (disco mode) ------------------------------------------ */

/* The instruction itself, with a constant code and its arguments; v0. */
#define MONITOR_CALL(code, a) MONITOR_CALL2(code, a, 0)
#define MONITOR_CALL2(code, a, b)                                            \
    ({                                                                       \
        register uint64_t a0_ __asm__("$4") = (a);                           \
        register uint64_t a1_ __asm__("$5") = (b);                           \
        register int64_t v0_ __asm__("$2") = DISCO_HC_E_UNKNOWN;             \
        __asm__ volatile(".word %3"                                          \
                         : "+r"(v0_)                                         \
                         : "r"(a0_), "r"(a1_), "i"(DISCO_HYPCALL_WORD(code)) \
                         : "$3", "memory");                                  \
        v0_;                                                                 \
    })
#endif
