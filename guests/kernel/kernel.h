/*
 * kernel.h - the embedded default kernel: CPUs, clock, memory, processes, disk
 * and network, each a small file that checks what it does.
 *
 * Rules: a process stays on its CPU; the kernel does not switch inside itself,
 * it only exchanges the frame that it returns to; traps run with interrupts
 * off.
 */
#ifndef KERNEL_H
#define KERNEL_H

#include "lib.h"
#include "virtio.h"

#define PAGE       4096ul
#define MAX_CPUS   GUEST_MAX_CPUS
#define TICK       1000000 /* of Count: 10 ms */
#define SLICE      40000   /* of Count, while processes run */
#define TICKS_1S   100
#define ASID_LIMIT 255

/* --- What a CPU knows (cpus.c) -------------------------------------------- */

struct process;

struct cpu {
    volatile uint32_t up;
    void (*volatile work)(uint32_t cpu);
    volatile uint32_t ticks;
    volatile uint32_t pongs[MAX_CPUS];
    uint32_t period; /* between ticks */
    uint32_t next_asid;
    struct process *current; /* in user mode on this CPU */
    struct process *queue;   /* ready ones, a ring by ->next */
    volatile uint64_t faults, syscalls, switches, interrupts;
};
extern struct cpu cpus[MAX_CPUS];
/* Read by the refill handler in entry.S. */
extern uint64_t *cpu_tables[MAX_CPUS];
extern uint64_t cpu_refills[MAX_CPUS];

static inline struct cpu *this_cpu(void)
{
    return &cpus[cpu_self()];
}

void cpus_start(void);
/* Run fn on every CPU; returns when all are done. */
void on_all_cpus(void (*fn)(uint32_t cpu));
void mailbox_interrupt(void);
void clock_start(uint32_t period);
void clock_interrupt(void);
/* Sleep until an interrupt handler has run; interrupts must be off. */
void wait_interrupt(void);
/* Choose the interrupts that matter, and let them in now or not. */
void kernel_irqs(int on);

/* --- Checks (main.c) ----------------------------------------------------- */

/* Count a failed expectation and say so. */
void expect(int good, const char *what);

/* The stages. */
void check_memory(void);
void check_copies(void);
void check_ipis(void);
void check_clock(void);
void check_locks(void);
void check_user(void);
void check_disks(void);
void check_net(void);
void disk_interrupt(void);
void net_interrupt(void);

/* --- Memory (mm.c, space.c) ---------------------------------------------- */

void mm_init(void);
uint64_t mm_free_bytes(void);
/* A zeroed page, NULL when there is none. */
void *page_alloc(void);
void page_free(void *page);
/* Whole pages; mapped instead of copied where the monitor can. */
void page_copy(void *to, const void *from);
/* 1 when the monitor offers calls. */
extern int have_monitor;

/* User addresses: 1 GiB, two levels. */
#define USER_END    0x40000000ul
#define USER_TEXT   0x00400000ul
#define USER_HEAP   0x10000000ul
#define USER_STACK  0x20000000ul
#define HEAP_BYTES  0x01000000ul
#define STACK_BYTES 0x10000ul

struct space {
    uint64_t *tables[512]; /* 2 MiB each: 512 EntryLo values, or NULL */
    uint32_t asid;
    uint32_t pages; /* private ones */
};
/* Give back all of its pages. */
void space_clear(struct space *s);
/* A fault at `va`: 0 when it was served, -1 when it was wrong. */
int space_fault(struct space *s, uint64_t va, int write);
/* Drop the pages of a range. */
void space_drop(struct space *s, uint64_t va, uint64_t bytes);
/* Make it the one this CPU translates by; NULL = none. */
void space_use(struct space *s);

/* --- Processes (proc.c) -------------------------------------------------- */

struct process {
    struct process *next;
    struct space space;
    struct trap_frame frame;
    uint64_t fp[33];
    uint32_t id;
    uint32_t cpu;
    int64_t status; /* result, or - ExcCode - 1 when it was stopped */
    uint32_t ended;
};
/* Trap from user mode: exceptions, calls, end of slice. */
void process_trap(struct trap_frame *f, uint32_t code);
void process_slice(struct trap_frame *f);

/* entry.S */
void user_enter(struct trap_frame *f);
void user_leave(void) __attribute__((noreturn));
void fp_save(uint64_t *to);
void fp_load(const uint64_t *from);
int64_t monitor_version(void);
extern char monitor_version_call[];
extern const char user_image[], user_image_end[];
#endif
