/*
 * part.c - loads and stores of parts of a word (LWL, LWR and their family), and
 * CACHE.
 */
#include "mips/access.h"

/* Bytes of the register before the addressed one, in big-endian order. */
static unsigned lane(const struct mips_cpu *cpu, uint64_t va, unsigned bytes)
{
    unsigned low = (unsigned)va & (bytes - 1);

    return cpu->big ? low : bytes - 1 - low;
}

/* What failed was looked at as a whole word: BadVAddr is the byte's address. */
static enum mips_result name_byte(struct mips_cpu *cpu, enum mips_result result,
                                  uint64_t va, unsigned bytes)
{
    unsigned exc = cpu->cause >> 2 & 31;

    if (result == RES_EXCEPTION && exc >= EXC_MOD && exc <= EXC_ADES)
        cpu->badvaddr |= va & (bytes - 1);
    return result;
}

enum mips_result mips_load_part(struct mips_cpu *cpu, uint64_t va,
                                unsigned bytes, bool left, uint64_t *reg)
{
    unsigned skip = lane(cpu, va, bytes), width = 8 * bytes, keep;
    uint64_t word, v;
    enum mips_result result =
        mips_load_slow(cpu, va & ~(uint64_t)(bytes - 1), bytes, &word);

    if (result != RES_OK)
        return name_byte(cpu, result, va, bytes);
    if (left) {
        keep = 8 * skip;
        v = word << keep | (*reg & low_bits(keep));
    } else {
        keep = 8 * (bytes - 1 - skip);
        v = (word & low_bits(width)) >> keep | (*reg & ~low_bits(width - keep));
        /* A partial LWR leaves the upper half alone. */
        if (keep) {
            *reg = v;
            return RES_OK;
        }
    }
    *reg = bytes == 4 ? (uint64_t)(int64_t)(int32_t)(uint32_t)v : v;
    return RES_OK;
}

enum mips_result mips_store_part(struct mips_cpu *cpu, uint64_t va,
                                 unsigned bytes, bool left, uint64_t reg)
{
    uint64_t start = va & ~(uint64_t)(bytes - 1);
    unsigned skip = lane(cpu, va, bytes);
    struct place place;
    enum mips_result result =
        access_find(cpu, start, bytes, DISCO_WRITE, &place);

    if (result != RES_OK)
        return name_byte(cpu, result, va, bytes);
    if (!place.host)
        return access_raise(cpu,
                            EXC_DBE); /* no device takes a part of a word */
    result = access_code_begin(cpu, start, bytes, &place);
    if (result != RES_OK)
        return result;
    for (unsigned i = 0; i < bytes && !place.dropped; i++) {
        /* i counts in big-endian order from the start of the word. */
        unsigned at = cpu->big ? i : bytes - 1 - i;
        bool inside = left ? i >= skip : i <= skip;
        unsigned shift = left ? 8 * (bytes - 1 - (i - skip)) : 8 * (skip - i);

        if (inside)
            access_store_ram(cpu, &place, at, 1, reg >> shift & 0xff);
    }
    access_code_end(cpu, &place);
    return RES_OK;
}

/*
 * CACHE: there is no cache to manage, and stores reach decoded code by
 * themselves.  Hit operations translate, so they can miss the TLB.
 */
enum mips_result mips_cache_op(struct mips_cpu *cpu, unsigned op, uint64_t va)
{
    struct mips_xlate xl;
    enum mips_exc exc;
    unsigned kind = op >> 2;

    if (cpu->disco)
        cpu->stats.traps[DISCO_TRAP_PRIVILEGED]++;
    if (kind == 1) { /* Index Load Tag */
        cpu->taglo = 0;
        cpu->taghi = 0;
    }
    if (op == 0x14 || kind < 4 || kind > 5)
        return RES_OK;
    exc = mips_translate(cpu, &va, DISCO_READ, false, &xl);
    if (exc == EXC_NONE)
        return RES_OK;
    return access_raise_address(cpu, exc, va, xl.refill);
}
