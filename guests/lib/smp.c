/*
 * smp.c - further CPUs: start through the mailbox, barriers.
 */
#include "lib.h"

extern char _start_secondary[];
extern char cpu_stacks[];

static void (*cpu_entry[GUEST_MAX_CPUS])(uint32_t cpu);

void guest_secondary(uint32_t cpu);

/* From crt0.S, on the new CPU, on its own stack. */
void guest_secondary(uint32_t cpu)
{
    cpu_entry[cpu](cpu);
}

void cpu_start(uint32_t cpu, void (*fn)(uint32_t cpu))
{
    uint64_t box = DISCO_BOARD_MAILBOX + cpu * DISCO_MAILBOX_STRIDE;
    char *sp = cpu_stacks + (cpu + 1) * GUEST_STACK_BYTES;

    cpu_entry[cpu] = fn;
    __asm__ volatile("sync" : : : "memory");
    io_write64(box + DISCO_MAILBOX_SP, (uint64_t)(uintptr_t)sp);
    io_write64(box + DISCO_MAILBOX_GP, cpu);
    io_write64(box + DISCO_MAILBOX_PC, (uint64_t)(uintptr_t)_start_secondary);
}

void barrier_wait(struct barrier *b, uint32_t cpus)
{
    uint32_t turn = READ_ONCE(b->turn);

    if (atomic_add(&b->waiting, 1) == cpus - 1) {
        b->waiting = 0;
        __asm__ volatile("sync" : : : "memory");
        WRITE_ONCE(b->turn, turn + 1);
    } else {
        while (READ_ONCE(b->turn) == turn)
            ;
    }
    __asm__ volatile("sync" : : : "memory");
}
