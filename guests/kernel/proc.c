/*
 * proc.c - processes: a program run in user mode several times on every CPU,
 * in slices, and three more that do what they must not.
 *
 * NOTE: address space numbers are not taken back from sleeping processes when
 * they run out; there are far fewer processes than numbers.
 */
#include "kernel.h"

#define PER_CPU   3
#define BAD_ONES  3
#define PROCESSES (MAX_CPUS * PER_CPU + BAD_ONES)

#define CALL_EXIT  0
#define CALL_WRITE 1
#define CALL_CPU   2
#define CALL_YIELD 3
#define CALL_DROP  4
#define CALL_TICKS 5

#define ST_PROCESS \
    (ST_BASE | ST_USER | ST_IE | ST_EXL | ST_IM2 | ST_IM3 | ST_IM7)

/* What a program's result must be: see user/prog.c. */
#define GOOD_RESULT 0x600d

static struct process processes[PROCESSES];

static void process_make(uint32_t id, uint32_t cpu, uint64_t kind)
{
    struct process *p = &processes[id];
    struct cpu *c = &cpus[cpu];

    p->id = id;
    p->cpu = cpu;
    p->frame.status = ST_PROCESS;
    p->frame.epc = *(const uint64_t *)(uintptr_t)user_image;
    p->frame.reg[29] = USER_STACK - 64;
    p->frame.reg[4] = id;
    p->frame.reg[5] = kind;
    if (c->queue) {
        p->next = c->queue->next;
        c->queue->next = p;
    } else {
        p->next = p;
    }
    c->queue = p;
}

/* Let `p` be the one that `f` returns to. */
static void resume(struct process *p, struct trap_frame *f)
{
    struct cpu *c = this_cpu();

    *f = p->frame;
    fp_load(p->fp);
    c->current = p;
    c->switches++;
    space_use(&p->space);
}

static void suspend(struct process *p, const struct trap_frame *f)
{
    p->frame = *f;
    fp_save(p->fp);
}

void process_slice(struct trap_frame *f)
{
    struct process *p = this_cpu()->current;

    if (p->next == p)
        return;
    suspend(p, f);
    resume(p->next, f);
}

/* Take the running process out of the ring and go on with the next. */
static void end(struct trap_frame *f, int64_t status)
{
    struct cpu *c = this_cpu();
    struct process *p = c->current, *q = p;

    p->status = status;
    p->ended = 1;
    space_use(NULL);
    space_clear(&p->space);
    if (p->next == p) {
        c->current = c->queue = NULL;
        user_leave();
    }
    while (q->next != p)
        q = q->next;
    q->next = p->next;
    c->queue = q;
    resume(p->next, f);
}

/* Copy from the process; its pages come in as they are touched. */
static int64_t call_write(struct process *p, uint64_t va, uint64_t bytes)
{
    char text[100];

    if (bytes >= sizeof text || va >= USER_END || va + bytes > USER_END)
        return -1;
    memcpy(text, (const void *)(uintptr_t)va, bytes);
    text[bytes] = 0;
    print("user: process %u says: %s\n", p->id, text);
    return (int64_t)bytes;
}

static int64_t call_drop(struct process *p, uint64_t va, uint64_t bytes)
{
    if (va % PAGE || va < USER_HEAP || bytes > HEAP_BYTES ||
        va + bytes > USER_HEAP + HEAP_BYTES)
        return -1;
    space_drop(&p->space, va, bytes);
    return 0;
}

static void process_call(struct trap_frame *f)
{
    struct process *p = this_cpu()->current;
    uint64_t a = f->reg[4], b = f->reg[5];

    this_cpu()->syscalls++;
    f->epc += 4;
    switch (f->reg[2]) {
    case CALL_EXIT:
        end(f, (int64_t)a);
        return;
    case CALL_WRITE:
        f->reg[2] = (uint64_t)call_write(p, a, b);
        return;
    case CALL_CPU:
        f->reg[2] = p->cpu;
        return;
    case CALL_YIELD:
        f->reg[2] = 0;
        process_slice(f);
        return;
    case CALL_DROP:
        f->reg[2] = (uint64_t)call_drop(p, a, b);
        return;
    case CALL_TICKS:
        f->reg[2] = this_cpu()->ticks;
        return;
    default:
        f->reg[2] = ~0ul;
        return;
    }
}

void process_trap(struct trap_frame *f, uint32_t code)
{
    if (code == EXC_SYS)
        process_call(f);
    else
        end(f, -(int64_t)code - 1);
}

/* Run this CPU's processes until all have ended. */
static void run_queue(uint32_t self)
{
    struct trap_frame f;

    if (!cpus[self].queue)
        return;
    irq_off();
    clock_start(SLICE);
    resume(cpus[self].queue, &f);
    user_enter(&f);
    clock_start(TICK);
    irq_on();
}

static uint64_t sum_over(uint32_t which)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < board.cpus; i++)
        sum += which == 0   ? cpus[i].faults
               : which == 1 ? cpus[i].syscalls
               : which == 2 ? cpus[i].switches
                            : cpu_refills[i];
    return sum;
}

static void check_wrong_ones(uint32_t first)
{
    /* A load from the kernel, a privileged instruction, a wild jump. */
    static const int8_t codes[BAD_ONES] = { EXC_ADEL, EXC_CPU, EXC_TLBL };
    uint32_t stopped = 0;

    for (uint32_t i = 0; i < BAD_ONES; i++) {
        const struct process *p = &processes[first + i];

        stopped += p->ended && p->status == -codes[i] - 1;
    }
    expect(stopped == BAD_ONES, "a process got away with it");
    print("user: %u of %u wrong processes were stopped\n", stopped, BAD_ONES);
}

void check_user(void)
{
    uint32_t good = board.cpus * PER_CPU, well = 0;
    uint64_t before = mm_free_bytes();

    for (uint32_t i = 0; i < good; i++)
        process_make(i, i % board.cpus, 0);
    for (uint32_t i = 0; i < BAD_ONES; i++)
        process_make(good + i, i % board.cpus, i + 1);
    on_all_cpus(run_queue);
    for (uint32_t i = 0; i < good; i++)
        well += processes[i].ended && processes[i].status == GOOD_RESULT;
    expect(well == good, "a process came to a wrong result");
    print("user: %u of %u processes ended with the right result\n", well, good);
    check_wrong_ones(good);
    /* The zero page stays. */
    expect(mm_free_bytes() >= before - PAGE, "pages of processes were lost");
    print("user: %lu pages on demand, %lu TLB refills, %lu calls, "
          "%lu switches\n",
          sum_over(0), sum_over(3), sum_over(1), sum_over(2));
}
