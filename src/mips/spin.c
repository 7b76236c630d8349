/*
 * spin.c - a guest that waits for an interrupt by a branch to itself.
 *
 * Engines run such a branch like any; run_until() looks at places that do not
 * depend on the engine, so that both leave at the same instruction.
 */
#include <string.h>

#include "mips/cpu.h"

static uint32_t word_at(const struct mips_cpu *cpu, const uint8_t *host)
{
    uint32_t w;

    memcpy(&w, host, 4);
    return cpu->big == (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
               ? w
               : __builtin_bswap32(w);
}

/* BEQ of a register and itself, BGEZ of $0, J: to their own address. */
static bool is_branch_to_itself(uint32_t w, uint64_t pc)
{
    if (w >> 26 == 4)
        return (w & 0xffff) == 0xffff && (w >> 21 & 31) == (w >> 16 & 31);
    if (w >> 26 == 2)
        return (w & 0x03ffffff) == (pc >> 2 & 0x03ffffff);
    return w == 0x0401ffff;
}

bool mips_spins(struct mips_cpu *cpu)
{
    uint64_t va = cpu->pc, pc = cpu->pc;
    disco_backend_page where;
    struct mips_xlate xl;
    const uint8_t *at;

    if (cpu->delay || cpu->mmio_done || cpu->line ||
        (cpu->status & (ST_IE | ST_EXL | ST_ERL)) != ST_IE)
        return false;
    if (pc & 3 || (pc & PAGE_OFFSET) == PAGE_SIZE - 4 ||
        mips_translate(cpu, &va, DISCO_EXEC, true, &xl) != EXC_NONE ||
        mips_resolve(cpu, xl.gpa, DISCO_READ, &where) != DISCO_BEHIND_RAM)
        return false;
    at = where.host + (xl.gpa & PAGE_OFFSET);
    return is_branch_to_itself(word_at(cpu, at), pc) &&
           word_at(cpu, at + 4) == 0;
}
