/*
 * llsc.c - LL and SC, and the stores that they watch (mem/linemon.h).
 *
 * A reservation is a line and its version.  It is lost with any announced store
 * to the line, an exception, ERET, or when the frame moves.  Stores to pages
 * that this vCPU alone uses are not announced: nobody else can reserve there.
 */
#include "mem/linemon.h"
#include "mips/access.h"

/* Does this line's version word also guard our reservation, still good? */
static bool own_reservation(const struct mips_cpu *cpu, struct linemon *lm,
                            const uint8_t *host)
{
    const uint32_t *word = linemon_version_of(lm, host);

    return cpu->ll_valid && !cpu->ll_mmio &&
           word == linemon_version_of(lm, cpu->ll_host) &&
           cpu->ll_version == (load_relaxed(word) & ~UINT32_C(1));
}

void mips_store_shared(struct mips_cpu *cpu, uint8_t *host, unsigned bytes,
                       uint64_t value)
{
    struct linemon *lm = cpu->host->line_monitor;

    if (linemon_filtered(lm, host)) {
        linemon_store_begin(lm, host);
        bool own = own_reservation(cpu, lm, host);
        access_store(cpu, host, bytes, value);
        linemon_store_end(lm, host);
        if (own)
            cpu->ll_version += 2;
    } else {
        access_store(cpu, host, bytes, value);
    }
    if (cpu->fence)
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static enum mips_result load_linked(struct mips_cpu *cpu, uint64_t va,
                                    unsigned bytes, uint64_t *value)
{
    struct linemon *lm = cpu->host->line_monitor;
    struct place place;
    enum mips_result result = access_find(cpu, va, bytes, DISCO_READ, &place);

    if (unlikely(result != RES_OK))
        return result;
    cpu->ll_mmio = !place.host;
    if (!place.host) {
        cpu->ll_valid = true;
        return access_mmio(cpu, place.gpa, bytes, false, value);
    }
    if (unlikely(linemon_arm(lm, place.host))) {
        fpu_leave(&cpu->fpu);
        cpu->host->barrier(cpu->host->ctx);
        fpu_enter(&cpu->fpu);
        linemon_armed(lm, place.host);
        /* Translations may be gone: once more, after a poll. */
        if (unlikely(load_relaxed(cpu->request)))
            return RES_LEAVE;
        cpu->resync = true;
        result = access_find(cpu, va, bytes, DISCO_READ, &place);
        if (result != RES_OK)
            return result;
        cpu->ll_mmio = !place.host;
        if (!place.host)
            return access_mmio(cpu, place.gpa, bytes, false, value);
    }
    cpu->ll_host = place.host;
    cpu->ll_version = linemon_version(lm, place.host);
    cpu->ll_valid = true;
    *value = access_load(cpu, place.host, bytes);
    return RES_OK;
}

static enum mips_result store_conditional(struct mips_cpu *cpu, uint64_t va,
                                          unsigned bytes, uint64_t value,
                                          uint64_t *success)
{
    struct linemon *lm = cpu->host->line_monitor;
    struct place place;
    enum mips_result result = access_find(cpu, va, bytes, DISCO_WRITE, &place);
    bool valid = cpu->ll_valid;

    *success = 0;
    if (unlikely(result != RES_OK))
        return result;
    if (!place.host) {
        *success = valid && cpu->ll_mmio;
        cpu->ll_valid = *success && cpu->mmio_done;
        if (!*success)
            return RES_OK;
        value &= low_bits(8 * bytes);
        result = access_mmio(cpu, place.gpa, bytes, true, &value);
        cpu->ll_valid = result == RES_LEAVE;
        return result;
    }
    if (!valid || cpu->ll_mmio ||
        ((uintptr_t)cpu->ll_host ^ (uintptr_t)place.host) >>
            LINEMON_LINE_SHIFT) {
        cpu->ll_valid = false;
        return RES_OK;
    }
    result = access_code_begin(cpu, va, bytes, &place);
    if (unlikely(result != RES_OK))
        return result;
    if (cpu->ll_valid && linemon_sc_begin(lm, place.host, cpu->ll_version)) {
        if (!place.dropped)
            access_store(cpu, place.host, bytes, value);
        linemon_store_end(lm, place.host);
        *success = 1;
        if (cpu->fence)
            __atomic_thread_fence(__ATOMIC_SEQ_CST);
    }
    cpu->ll_valid = false;
    access_code_end(cpu, &place);
    return RES_OK;
}

/* What a model makes of their stalls: synchronization. */
static void mark_sync(struct mips_cpu *cpu, uint32_t sync)
{
    if (unlikely(cpu->line))
        cpu->line->sync = sync;
}

enum mips_result mips_ll(struct mips_cpu *cpu, uint64_t va, unsigned bytes,
                         uint64_t *value)
{
    enum mips_result result;

    mark_sync(cpu, DISCO_LINE_SYNC);
    result = load_linked(cpu, va, bytes, value);
    mark_sync(cpu, 0);
    return result;
}

enum mips_result mips_sc(struct mips_cpu *cpu, uint64_t va, unsigned bytes,
                         uint64_t value, uint64_t *success)
{
    enum mips_result result;

    mark_sync(cpu, DISCO_LINE_SYNC);
    result = store_conditional(cpu, va, bytes, value, success);
    mark_sync(cpu, 0);
    return result;
}
