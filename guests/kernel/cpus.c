/*
 * cpus.c - the kernel's CPUs: start, work handed to all of them, messages
 * through the mailbox, the clock, and the checks of these.
 */
#include "kernel.h"

/* Mailbox bits: ping and pong by sender, and "look for work". */
#define BIT_PING(cpu) (1ul << (cpu))
#define BIT_PONG(cpu) (1ul << (8 + (cpu)))
#define BIT_WORK      (1ul << 16)

#define PINGS      16
#define ADDITIONS  2000
#define WAIT_TICKS 5
#define READINGS   500

struct cpu cpus[MAX_CPUS];
uint64_t *cpu_tables[MAX_CPUS];
uint64_t cpu_refills[MAX_CPUS];

static struct {
    uint32_t lock;
    uint32_t last;   /* latest Count that any CPU has read */
    uint32_t behind; /* readings below it */
    uint32_t plain, atomic;
    uint64_t wide;
    uint32_t done;
} shared;

static void mailbox_set(uint32_t cpu, uint64_t bits)
{
    io_write64(DISCO_BOARD_MAILBOX + cpu * DISCO_MAILBOX_STRIDE +
                   DISCO_MAILBOX_SET,
               bits);
}

void mailbox_interrupt(void)
{
    uint32_t self = cpu_self();
    uint64_t box = DISCO_BOARD_MAILBOX + self * DISCO_MAILBOX_STRIDE;
    uint64_t bits = io_read64(box + DISCO_MAILBOX_STATUS);

    io_write64(box + DISCO_MAILBOX_CLEAR, bits);
    for (uint32_t i = 0; i < MAX_CPUS; i++) {
        if (bits & BIT_PING(i))
            mailbox_set(i, BIT_PONG(self));
        if (bits & BIT_PONG(i))
            cpus[self].pongs[i]++;
    }
}

void clock_start(uint32_t period)
{
    this_cpu()->period = period;
    wr_compare(rd_count() + period);
}

void clock_interrupt(void)
{
    struct cpu *c = this_cpu();

    c->ticks++;
    wr_compare(rd_count() + c->period);
}

void kernel_irqs(int on)
{
    uint32_t mask = ST_IM2 | ST_IM3 | ST_IM7;
    uint32_t status = rd_status() & ~(mask | ST_IE);

    wr_status(on ? status | mask | ST_IE : status | mask);
}

void wait_interrupt(void)
{
    cpu_idle();
    irq_on();
    irq_off();
}

/* A CPU other than 0: do what is handed over, sleep in between. */
static void serve(uint32_t self)
{
    struct cpu *c = &cpus[self];

    clock_start(TICK);
    kernel_irqs(0);
    c->up = 1;
    for (;;) {
        void (*work)(uint32_t) = c->work;

        if (!work) {
            wait_interrupt();
            continue;
        }
        irq_on();
        work(self);
        irq_off();
        __asm__ volatile("sync" : : : "memory");
        c->work = NULL;
    }
}

void cpus_start(void)
{
    uint32_t up = 1;

    clock_start(TICK);
    kernel_irqs(1);
    cpus[0].up = 1;
    for (uint32_t i = 1; i < board.cpus; i++) {
        uint32_t start = cpus[0].ticks;

        cpu_start(i, serve);
        while (!cpus[i].up && cpus[0].ticks - start < 10 * TICKS_1S)
            ;
        up += cpus[i].up;
    }
    expect(up == board.cpus, "a CPU did not start");
    print("smp: %u of %u CPUs running\n", up, board.cpus);
}

void on_all_cpus(void (*fn)(uint32_t cpu))
{
    for (uint32_t i = 1; i < board.cpus; i++) {
        cpus[i].work = fn;
        mailbox_set(i, BIT_WORK);
    }
    fn(0);
    for (uint32_t i = 1; i < board.cpus; i++)
        while (cpus[i].work)
            ;
}

/* --- Messages ------------------------------------------------------------ */

static void ping_all(uint32_t self)
{
    for (uint32_t i = 0; i < board.cpus; i++)
        for (uint32_t n = 0; n < PINGS; n++) {
            uint32_t before = cpus[self].pongs[i];

            mailbox_set(i, BIT_PING(self));
            irq_off();
            while (cpus[self].pongs[i] == before)
                wait_interrupt();
            irq_on();
        }
}

void check_ipis(void)
{
    uint32_t sum = 0, want = board.cpus * board.cpus * PINGS;

    on_all_cpus(ping_all);
    for (uint32_t i = 0; i < board.cpus; i++)
        for (uint32_t k = 0; k < board.cpus; k++)
            sum += cpus[i].pongs[k];
    expect(sum == want, "messages between CPUs were lost");
    print("ipi: %u of %u messages between all pairs answered\n", sum, want);
}

/* --- Clock --------------------------------------------------------------- */

static void watch_clock(uint32_t self)
{
    uint32_t start = cpus[self].ticks;

    for (uint32_t i = 0; i < READINGS; i++) {
        uint32_t now;

        spin_lock(&shared.lock);
        now = rd_count();
        if ((int32_t)(now - shared.last) < 0)
            shared.behind++;
        shared.last = now;
        spin_unlock(&shared.lock);
    }
    irq_off();
    while (cpus[self].ticks - start < WAIT_TICKS)
        wait_interrupt();
    irq_on();
}

void check_clock(void)
{
    shared.last = rd_count();
    on_all_cpus(watch_clock);
    expect(shared.behind == 0, "a CPU's clock was behind another's");
    print("clock: %u ticks on every CPU, %u of %u readings out of order\n",
          WAIT_TICKS, shared.behind, READINGS * board.cpus);
}

/* --- Locks --------------------------------------------------------------- */

static void add_up(uint32_t self)
{
    uint64_t old, t;

    (void)self;
    for (uint32_t i = 0; i < ADDITIONS; i++) {
        spin_lock(&shared.lock);
        shared.plain++;
        spin_unlock(&shared.lock);
        atomic_add(&shared.atomic, 1);
        __asm__ volatile(".set push\n\t.set noreorder\n"
                         "1:\tlld %0, %2\n\tdaddiu %1, %0, 1\n\t"
                         "scd %1, %2\n\tbeqz %1, 1b\n\t nop\n\t.set pop"
                         : "=&r"(old), "=&r"(t), "+m"(shared.wide)
                         :
                         : "memory");
    }
}

void check_locks(void)
{
    uint32_t want = ADDITIONS * board.cpus;

    on_all_cpus(add_up);
    expect(shared.plain == want && shared.atomic == want && shared.wide == want,
           "additions under locks were lost");
    print("locks: %u additions, counted %u by lock, %u and %lu by LL/SC\n",
          want, shared.plain, shared.atomic, shared.wide);
}
