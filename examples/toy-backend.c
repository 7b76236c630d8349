/*
 * toy-backend.c - a CPU of our own, plugged into libdisco from outside.
 *
 * The toy has eight 32-bit registers, no MMU, no interrupts, and six
 * instructions of four bytes: operation, then a, b, c (or a and a 16-bit
 * constant).  Everything it needs it gets through disco_backend_host; all it
 * offers is in disco_backend_ops.
 */
#include <disco/disco.h>
#include <stdio.h>
#include <string.h>

enum { TOY_LI, TOY_ADD, TOY_SUB, TOY_MUL, TOY_BNZ, TOY_STORE };
enum { TOY_REGS = 8, TOY_INSN_BYTES = 4 };

struct toy {
    const disco_backend_host *host;
    uint32_t reg[TOY_REGS];
    uint64_t pc;
    uint64_t insns;
    uint64_t cycles;
    uint32_t lines; /* interrupt lines, only kept */
};

/* --- Life -------------------------------------------------------------- */

static void toy_reset(void *state)
{
    struct toy *toy = state;

    memset(toy->reg, 0, sizeof(toy->reg));
    toy->pc = 0;
}

static disco_status toy_create(const disco_backend_host *host,
                               const disco_vcpu_config *config, void **state,
                               disco_error *err)
{
    struct toy *toy = host->alloc(host->ctx, sizeof(*toy));

    (void)config;
    (void)err;
    if (!toy)
        return DISCO_E_NOMEM;
    toy->host = host;
    toy_reset(toy);
    *state = toy;
    return 0;
}

static void toy_destroy(void *state)
{
    struct toy *toy = state;

    toy->host->free(toy->host->ctx, toy, sizeof(*toy));
}

/* --- Execution --------------------------------------------------------- */

static uint32_t store(struct toy *toy, disco_backend_run *run, uint64_t gpa,
                      uint32_t value)
{
    disco_backend_page page = { 0 };
    uint64_t offset = gpa & (DISCO_PAGE_BYTES - 1);
    disco_status status;

    switch (toy->host->resolve(toy->host->ctx, gpa, DISCO_WRITE, &page)) {
    case DISCO_BEHIND_RAM:
        for (uint32_t i = 0; i < 4; i++)
            page.host[offset + i] = (uint8_t)(value >> (24 - 8 * i));
        return 0;
    case DISCO_BEHIND_MMIO:
        status = toy->host->mmio_write(toy->host->ctx, gpa, 4, value);
        if (status == 0)
            return 0;
        if (status == DISCO_E_STATE)
            return DISCO_EXIT_MMIO;
        run->status = status;
        return DISCO_EXIT_CALLBACK;
    case DISCO_BEHIND_NO_MEMORY:
        return DISCO_EXIT_NO_MEMORY;
    default:
        run->status = DISCO_E_FAULT;
        return DISCO_EXIT_CALLBACK;
    }
}

/* Execute one instruction; returns a reason to leave, or 0. */
static uint32_t execute(struct toy *toy, disco_backend_run *run,
                        const uint8_t *insn)
{
    uint32_t *r = toy->reg;
    uint32_t a = insn[1] % TOY_REGS;
    uint32_t b = insn[2] % TOY_REGS;
    uint32_t c = insn[3] % TOY_REGS;
    uint32_t constant = (uint32_t)insn[2] << 8 | insn[3];

    toy->pc += TOY_INSN_BYTES;
    toy->insns++;
    toy->cycles++;
    switch (insn[0]) {
    case TOY_LI:
        r[a] = constant;
        return 0;
    case TOY_ADD:
        r[a] = r[b] + r[c];
        return 0;
    case TOY_SUB:
        r[a] = r[b] - r[c];
        return 0;
    case TOY_MUL:
        r[a] = r[b] * r[c];
        return 0;
    case TOY_BNZ:
        if (r[a])
            toy->pc += (uint64_t)(int64_t)(int16_t)constant * TOY_INSN_BYTES;
        return 0;
    case TOY_STORE:
        return store(toy, run, r[a] & ~3u, r[b]);
    default:
        return DISCO_EXIT_BREAK;
    }
}

/* What the monitor wants, as a reason to leave, or 0. */
static uint32_t serve(struct toy *toy)
{
    uint32_t bits = toy->host->poll(toy->host->ctx);

    if (bits & DISCO_REQ_STOP)
        return DISCO_EXIT_SHUTDOWN;
    if (bits & DISCO_REQ_KICK)
        return DISCO_EXIT_KICK;
    if (bits & DISCO_REQ_TIMER)
        return DISCO_EXIT_BUDGET;
    return 0;
}

static uint32_t step(struct toy *toy, disco_backend_run *run)
{
    disco_backend_page page = { 0 };
    uint32_t behind;

    if (__atomic_load_n(toy->host->request, __ATOMIC_RELAXED)) {
        uint32_t reason = serve(toy);

        if (reason)
            return reason;
    }
    behind = toy->host->resolve(toy->host->ctx, toy->pc, DISCO_READ, &page);
    if (behind == DISCO_BEHIND_NO_MEMORY)
        return DISCO_EXIT_NO_MEMORY;
    if (behind != DISCO_BEHIND_RAM) {
        run->status = DISCO_E_FAULT;
        return DISCO_EXIT_CALLBACK;
    }
    return execute(toy, run, page.host + (toy->pc & (DISCO_PAGE_BYTES - 1)));
}

static void toy_run(void *state, disco_backend_run *run)
{
    struct toy *toy = state;
    uint64_t end = toy->insns + run->max_insns;

    run->reason = 0;
    while (run->reason == 0) {
        if (toy->insns == end || toy->cycles >= run->until_cycles)
            run->reason = DISCO_EXIT_BUDGET;
        else
            run->reason = step(toy, run);
    }
}

static void toy_set_pc(void *state, uint64_t pc)
{
    struct toy *toy = state;

    toy->pc = pc & ~(uint64_t)3;
}

/* Stores are finished when they leave; there are no loads. */
static void toy_complete(void *state, disco_status status, uint64_t value)
{
    (void)state;
    (void)status;
    (void)value;
}

/* --- Lines and time ---------------------------------------------------- */

static disco_status toy_set_irq(void *state, uint32_t line, int32_t level)
{
    struct toy *toy = state;

    if (line >= 32)
        return DISCO_E_INVAL;
    if (level)
        __atomic_fetch_or(&toy->lines, 1u << line, __ATOMIC_RELAXED);
    else
        __atomic_fetch_and(&toy->lines, ~(1u << line), __ATOMIC_RELAXED);
    return 0;
}

static int32_t toy_pending(void *state)
{
    struct toy *toy = state;

    return __atomic_load_n(&toy->lines, __ATOMIC_RELAXED) != 0;
}

static uint64_t toy_next_timer(void *state)
{
    (void)state;
    return UINT64_MAX;
}

static uint64_t toy_cycles(void *state)
{
    return ((struct toy *)state)->cycles;
}

static void toy_set_cycles(void *state, uint64_t cycles)
{
    struct toy *toy = state;

    if (cycles > toy->cycles)
        toy->cycles = cycles;
}

/* --- State from outside
 * -------------------------------------------------------- */

static disco_status toy_get_reg(void *state, uint64_t id, uint64_t *value)
{
    struct toy *toy = state;

    if (id == DISCO_REG_PC)
        *value = toy->pc;
    else if (id == DISCO_REG_INSNS)
        *value = toy->insns;
    else if (id >= DISCO_REG_GPR(0) && id < DISCO_REG_GPR(TOY_REGS))
        *value = toy->reg[id - DISCO_REG_GPR(0)];
    else
        return DISCO_E_INVAL;
    return 0;
}

static disco_status toy_set_reg(void *state, uint64_t id, uint64_t value)
{
    struct toy *toy = state;

    if (id == DISCO_REG_PC)
        toy_set_pc(toy, value);
    else if (id >= DISCO_REG_GPR(0) && id < DISCO_REG_GPR(TOY_REGS))
        toy->reg[id - DISCO_REG_GPR(0)] = (uint32_t)value;
    else
        return DISCO_E_INVAL;
    return 0;
}

static const char *toy_reg_name(uint64_t id)
{
    static const char *const names[TOY_REGS] = { "r0", "r1", "r2", "r3",
                                                 "r4", "r5", "r6", "r7" };

    if (id == DISCO_REG_PC)
        return "pc";
    if (id >= DISCO_REG_GPR(0) && id < DISCO_REG_GPR(TOY_REGS))
        return names[id - DISCO_REG_GPR(0)];
    return NULL;
}

static disco_status toy_translate(void *state, uint64_t va, uint32_t access,
                                  uint64_t *gpa)
{
    (void)state;
    (void)access;
    *gpa = va;
    return 0;
}

/* Nothing is held from one instruction to the next. */
static void toy_invalidate(void *state, uint32_t what, const uint8_t *host,
                           uint64_t frame)
{
    (void)state;
    (void)what;
    (void)host;
    (void)frame;
}

static void toy_stats(void *state, disco_vcpu_stats *out)
{
    out->insns = ((struct toy *)state)->insns;
}

static disco_status toy_save(void *state, const disco_stream *out)
{
    (void)state;
    (void)out;
    return DISCO_E_UNSUPPORTED;
}

static disco_status toy_load(void *state, const disco_stream *in)
{
    (void)state;
    (void)in;
    return DISCO_E_UNSUPPORTED;
}

static disco_status toy_verify(void *state, disco_error *err)
{
    (void)state;
    (void)err;
    return 0;
}

static const disco_backend_ops toy_ops = {
    .size = sizeof(toy_ops),
    .name = "toy",
    .create = toy_create,
    .destroy = toy_destroy,
    .reset = toy_reset,
    .set_pc = toy_set_pc,
    .run = toy_run,
    .complete = toy_complete,
    .set_irq = toy_set_irq,
    .pending = toy_pending,
    .next_timer_cycles = toy_next_timer,
    .cycles = toy_cycles,
    .set_cycles = toy_set_cycles,
    .get_reg = toy_get_reg,
    .set_reg = toy_set_reg,
    .reg_name = toy_reg_name,
    .translate = toy_translate,
    .invalidate = toy_invalidate,
    .stats = toy_stats,
    .save = toy_save,
    .load = toy_load,
    .verify = toy_verify,
};

/* --- A host for it
 * ------------------------------------------------------------- */

/* Register 0 prints, register 4 ends the run. */
static disco_status say(void *opaque, const disco_mmio_access *access,
                        uint64_t value)
{
    if (access->offset == 0)
        printf("the toy CPU says %u\n", (unsigned)value);
    else
        disco_vm_request_shutdown(opaque, (uint32_t)value);
    return 0;
}

static int run_guest(disco_vm *vm)
{
    static const uint8_t factorial[] = {
        TOY_LI,    1, 0,    10,   /*    r1 = 10            */
        TOY_LI,    2, 0,    1,    /*    r2 = 1             */
        TOY_LI,    3, 0,    1,    /*    r3 = 1             */
        TOY_LI,    4, 0x40, 0,    /*    r4 = the device    */
        TOY_MUL,   2, 2,    1,    /* 1: r2 *= r1           */
        TOY_SUB,   1, 1,    3,    /*    r1 -= r3           */
        TOY_BNZ,   1, 0xff, 0xfd, /*    if r1, to 1        */
        TOY_STORE, 4, 2,    0,    /*    say r2             */
        TOY_LI,    5, 0x40, 4,    /*    r5 = its other register */
        TOY_STORE, 5, 1,    0,    /*    end, with r1 = 0   */
    };
    disco_mmio_ops device = { .size = sizeof(device),
                              .order = DISCO_BIG,
                              .write = say };
    disco_vcpu_config config = { .size = sizeof(config), .backend = "toy" };
    disco_exit exit = { .size = sizeof(exit) };
    disco_vcpu *cpu;

    if (disco_vm_map_ram(vm, 0, 0x4000, NULL) ||
        disco_vm_map_mmio(vm, 0x4000, 8, "say", &device, vm, NULL) ||
        disco_vcpu_create(vm, &config, &cpu) ||
        disco_mem_write(vm, 0x1000, factorial, sizeof(factorial)) ||
        disco_vcpu_start(cpu, 0x1000) || disco_vcpu_run(cpu, 0, NULL, &exit))
        return 1;
    if (exit.reason != DISCO_EXIT_SHUTDOWN)
        return 1;
    printf("it ran %d instructions\n", (int)exit.insns);
    return (int)exit.u.shutdown.code;
}

int main(void)
{
    disco_machine *machine;
    disco_vm *vm;
    int failed;

    if (disco_machine_create(NULL, &machine, NULL))
        return 1;
    failed = disco_machine_add_backend(machine, &toy_ops) ||
             disco_vm_create(machine, NULL, &vm);
    if (!failed) {
        failed = run_guest(vm);
        disco_vm_destroy(vm);
    }
    disco_machine_destroy(machine);
    return failed;
}
