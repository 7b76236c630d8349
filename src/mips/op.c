/*
 * op.c - operations too big or too rare for a handler of the interpreter.
 */
#include "base/compiler.h"
#include "mips/decode.h"
#include "mips/interp.h"

/* Division by zero and the one overflow are unpredictable; these are ours. */
void mips_div(struct mips_cpu *cpu, int32_t a, int32_t b)
{
    if (b == 0) {
        cpu->lo = a < 0 ? 1 : UINT64_MAX;
        cpu->hi = (uint64_t)(int64_t)a;
    } else if (a == INT32_MIN && b == -1) {
        cpu->lo = (uint64_t)(int64_t)INT32_MIN;
        cpu->hi = 0;
    } else {
        cpu->lo = (uint64_t)(int64_t)(a / b);
        cpu->hi = (uint64_t)(int64_t)(a % b);
    }
}

void mips_ddiv(struct mips_cpu *cpu, int64_t a, int64_t b)
{
    if (b == 0) {
        cpu->lo = a < 0 ? 1 : UINT64_MAX;
        cpu->hi = (uint64_t)a;
    } else if (a == INT64_MIN && b == -1) {
        cpu->lo = (uint64_t)INT64_MIN;
        cpu->hi = 0;
    } else {
        cpu->lo = (uint64_t)(a / b);
        cpu->hi = (uint64_t)(a % b);
    }
}

enum mips_result mips_op_hypcall(struct mips_cpu *cpu, unsigned code)
{
    const disco_backend_host *host = cpu->host;
    uint64_t result[2] = { 0, 0 };
    disco_status status;

    cpu->stats.moncalls++;
    cpu->stats.traps[DISCO_TRAP_MONITOR_CALL]++;
    if (cpu->mmio_done) {
        cpu->mmio_done = false;
        cpu->gpr[2] = (uint64_t)(int64_t)cpu->mmio_status;
        cpu->gpr[3] = cpu->mmio_value;
        return RES_OK;
    }
    cpu->pc = cpu->cur_pc;
    fpu_leave(&cpu->fpu);
    status = host->moncall(host->ctx, code, &cpu->gpr[4], result);
    fpu_enter(&cpu->fpu);
    if (load_relaxed(cpu->request))
        cpu->resync = true;
    if (status == DISCO_E_STATE) {
        cpu->stats.moncalls--;
        cpu->stats.traps[DISCO_TRAP_MONITOR_CALL]--;
        cpu->exit_reason = DISCO_EXIT_HYPERCALL;
        return RES_LEAVE;
    }
    cpu->gpr[2] = result[0];
    cpu->gpr[3] = result[1];
    return RES_OK;
}

static bool branch_taken(const struct mips_cpu *cpu, uint32_t word)
{
    int64_t a = (int64_t)cpu->gpr[insn_rs(word)];
    int64_t b = (int64_t)cpu->gpr[insn_rt(word)];

    switch (insn_major(word)) {
    case 0x01: /* REGIMM */
        return (a >= 0) == (word >> 16 & 1);
    case 0x04:
    case 0x14:
        return a == b;
    case 0x05:
    case 0x15:
        return a != b;
    case 0x06:
    case 0x16:
        return a <= 0;
    case 0x07:
    case 0x17:
        return a > 0;
    case 0x11: /* BC1 */
        return fpu_cc(&cpu->fpu, insn_cc18(word)) == (word >> 16 & 1);
    default: /* jumps */
        return true;
    }
}

uint64_t mips_branch_target(uint32_t word, uint64_t pc)
{
    unsigned major = insn_major(word);

    return major == 2 || major == 3 ? insn_jump_target(word, pc)
                                    : insn_branch_target(word, pc);
}

uint64_t mips_branch_next(const struct mips_cpu *cpu, uint32_t word,
                          uint64_t pc)
{
    if (insn_major(word) == 0) /* JR, JALR */
        return cpu->gpr[insn_rs(word)];
    return branch_taken(cpu, word) ? mips_branch_target(word, pc) : pc + 8;
}

/*
 * A branch whose delay slot is on the next page: leave it pending, so that the
 * fetch of the slot can fault by itself.
 */
enum mips_result mips_branch_edge(struct mips_cpu *cpu, uint32_t word)
{
    unsigned flags = insn_info[insn_decode(word)].flags;
    uint64_t pc = cpu->cur_pc, target;
    bool taken;

    if (flags & INSN_F_COP1 && !cpu->fpu.usable) {
        mips_raise_cpu(cpu, 1);
        return RES_EXCEPTION;
    }
    taken = branch_taken(cpu, word);
    target = mips_branch_next(cpu, word, pc);
    if (flags & INSN_F_LINK) {
        unsigned link = insn_major(word) == 0 ? insn_rd(word) : 31;

        if (link)
            cpu->gpr[link] = pc + 8;
    }
    cpu->pc = pc + 4;
    if (taken || !(flags & INSN_F_LIKELY)) {
        cpu->delay = true;
        cpu->delay_target = target;
    } else {
        cpu->pc = pc + 8;
    }
    return RES_OK;
}
