/*
 * access.c - loads and stores that the access table does not know: alignment,
 * translation, watchpoint, what is behind the page, LL and SC.
 *
 * Everything here runs with cur_pc and cur_bd saved, and may raise.  Nothing
 * of the host's runs with the guest's FPU modes.
 */
#include "mem/linemon.h"
#include "mips/interp.h"

/* Where an access goes. */
struct place {
    uint8_t *host; /* NULL: registers at gpa */
    uint64_t gpa;
    uint64_t frame;
    bool plain;   /* nobody watches stores */
    bool code;    /* stores need code_store_begin */
    bool dropped; /* a store to ROM */
};

static uint64_t low_bits(unsigned n)
{
    return n >= 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
}

static enum mips_exc address_error(uint32_t access)
{
    return access == DISCO_WRITE ? EXC_ADES : EXC_ADEL;
}

static enum mips_result raise_address(struct mips_cpu *cpu, enum mips_exc exc,
                                      uint64_t va, bool refill)
{
    mips_raise_address(cpu, exc, va, refill);
    return RES_EXCEPTION;
}

static enum mips_result raise(struct mips_cpu *cpu, enum mips_exc exc)
{
    mips_raise(cpu, exc);
    return RES_EXCEPTION;
}

static enum mips_result leave(struct mips_cpu *cpu, uint32_t reason)
{
    cpu->exit_reason = reason;
    return RES_LEAVE;
}

/* --- Watchpoint (WatchLo, WatchHi: a doubleword of physical memory) --- */

static bool watch_page(const struct mips_cpu *cpu, uint64_t gpa,
                       uint32_t access)
{
    uint32_t bit = access == DISCO_WRITE ? 1 : 2;
    uint64_t watched = (uint64_t)cpu->watchhi << 32 | (cpu->watchlo & ~7u);

    return cpu->watchlo & bit && (watched ^ gpa) < PAGE_SIZE &&
           (watched & PAGE_MASK) == (gpa & PAGE_MASK);
}

/* With EXL or ERL the exception waits until both are gone. */
static bool watch_hit(struct mips_cpu *cpu, uint64_t gpa, uint32_t access)
{
    uint64_t watched = (uint64_t)cpu->watchhi << 32 | (cpu->watchlo & ~7u);

    if (!watch_page(cpu, gpa, access) || (gpa & ~UINT64_C(7)) != watched)
        return false;
    cpu->watch_waits = cpu->status & (ST_EXL | ST_ERL);
    return !cpu->watch_waits;
}

/* --- Watchpoints of the host --- */

static bool host_watch_page(const struct mips_cpu *cpu, uint64_t gpa)
{
    uint64_t page = gpa & PAGE_MASK;

    for (unsigned i = 0; cpu->watching && i < DISCO_WATCHES; i++) {
        const struct host_watch *w = &cpu->watch[i];

        if (w->access && w->gpa < page + PAGE_SIZE && page < w->gpa + w->bytes)
            return true;
    }
    return false;
}

/* Leave before the access, once. */
static bool host_watch_hit(struct mips_cpu *cpu, uint64_t gpa, unsigned bytes,
                           uint32_t access)
{
    for (unsigned i = 0; i < DISCO_WATCHES; i++) {
        const struct host_watch *w = &cpu->watch[i];

        if (!(w->access & access) || gpa >= w->gpa + w->bytes ||
            w->gpa >= gpa + bytes)
            continue;
        /* The instruction that left run is run again: same number. */
        if (cpu->watch_insn == mips_insns(cpu))
            return false;
        cpu->watch_insn = mips_insns(cpu);
        cpu->watch_gpa = gpa;
        cpu->watch_bytes = bytes;
        cpu->watch_access = access;
        return true;
    }
    return false;
}

/* --- Finding the place --- */

/* Enter a page into the access table. */
static void enter(struct mips_cpu *cpu, uint64_t va, const uint8_t *page_host,
                  bool writable, bool exclusive)
{
    struct access_entry *e = access_slot(cpu, va);
    uint64_t page = va & PAGE_MASK;

    e->addend = (uintptr_t)page_host - (uintptr_t)page;
    e->rtag = page;
    e->wtag = e->stag = NO_TAG;
    if (writable && (exclusive || !cpu->shared))
        e->wtag = page;
    else if (writable)
        e->stag = page;
    cpu->table->used = true;
}

static enum mips_result find_behind(struct mips_cpu *cpu, uint64_t va,
                                    uint32_t access,
                                    const struct mips_xlate *xl,
                                    struct place *place)
{
    const disco_backend_host *host = cpu->host;
    disco_backend_page page;
    bool watched;

    place->gpa = xl->gpa;
    if ((xl->gpa & PAGE_MASK) == cpu->mmio_page)
        return RES_OK;
    switch (host->resolve(host->ctx, xl->gpa, access, &page)) {
    case DISCO_BEHIND_RAM:
        break;
    case DISCO_BEHIND_MMIO:
        cpu->mmio_page = xl->gpa & PAGE_MASK;
        return RES_OK;
    case DISCO_BEHIND_NO_MEMORY:
        return leave(cpu, DISCO_EXIT_NO_MEMORY);
    default:
        return raise(cpu, EXC_DBE);
    }
    /* A shooter may have been served meanwhile: the outer loop looks. */
    if (unlikely(load_relaxed(cpu->request)))
        cpu->resync = true;
    place->host = page.host + (xl->gpa & PAGE_OFFSET);
    place->plain = !cpu->shared || page.rights & DISCO_EXCLUSIVE;
    place->frame = page.frame;
    if (access == DISCO_WRITE && !(page.rights & DISCO_WRITE)) {
        place->code = page.code;
        place->dropped = !page.code;
        return RES_OK;
    }
    watched = watch_page(cpu, xl->gpa, DISCO_READ) ||
              watch_page(cpu, xl->gpa, DISCO_WRITE) ||
              host_watch_page(cpu, xl->gpa);
    if (cpu->disco)
        mips_mtlb_touch(cpu, va, xl->mapped);
    if (!watched)
        enter(cpu, va, page.host, xl->writable && page.rights & DISCO_WRITE,
              page.rights & DISCO_EXCLUSIVE);
    return RES_OK;
}

static enum mips_result find(struct mips_cpu *cpu, uint64_t va, unsigned bytes,
                             uint32_t access, struct place *place)
{
    const struct access_entry *e = access_slot(cpu, va);
    uint64_t tag = access == DISCO_WRITE ? e->wtag & e->stag : e->rtag;
    struct mips_xlate xl;
    enum mips_exc exc;

    *place = (struct place){ 0 };
    if (va & (bytes - 1))
        return raise_address(cpu, address_error(access), va, false);
    if (tag == (va & PAGE_MASK)) {
        place->host = access_host(e, va);
        place->plain = e->wtag == tag;
        return RES_OK;
    }
    exc = mips_translate(cpu, &va, access, false, &xl);
    if (exc != EXC_NONE)
        return raise_address(cpu, exc, va, xl.refill);
    if (unlikely(cpu->watchlo & 3) && watch_hit(cpu, xl.gpa, access))
        return raise(cpu, EXC_WATCH);
    if (unlikely(cpu->watching) && host_watch_hit(cpu, xl.gpa, bytes, access))
        return leave(cpu, DISCO_EXIT_WATCH);
    return find_behind(cpu, va, access, &xl, place);
}

/* --- Device registers --- */

static enum mips_result mmio(struct mips_cpu *cpu, uint64_t gpa, unsigned bytes,
                             bool write, uint64_t *value)
{
    const disco_backend_host *host = cpu->host;
    disco_status status;

    if (cpu->mmio_done) {
        cpu->mmio_done = false;
        status = cpu->mmio_status;
        if (!write)
            *value = cpu->mmio_value;
    } else {
        cpu->pc = cpu->cur_pc;
        fpu_leave(&cpu->fpu);
        if (write)
            status = host->mmio_write(host->ctx, gpa, bytes, *value);
        else
            status = host->mmio_read(host->ctx, gpa, bytes, value);
        fpu_enter(&cpu->fpu);
        if (load_relaxed(cpu->request))
            cpu->resync = true;
    }
    if (status == DISCO_E_STATE)
        return leave(cpu, DISCO_EXIT_MMIO); /* counted when it is repeated */
    if (write)
        cpu->stats.mmio_writes++;
    else
        cpu->stats.mmio_reads++;
    if (cpu->disco)
        cpu->stats.traps[DISCO_TRAP_MMIO]++;
    if (likely(status == DISCO_OK))
        return RES_OK;
    if (status == DISCO_E_FAULT)
        return raise(cpu, EXC_DBE);
    cpu->exit_status = status;
    return leave(cpu, DISCO_EXIT_CALLBACK);
}

/* --- Plain loads and stores --- */

static uint64_t load_host(const struct mips_cpu *cpu, const uint8_t *p,
                          unsigned bytes)
{
    switch (bytes) {
    case 1:
        return GUEST_LOAD_1(p, cpu->big);
    case 2:
        return GUEST_LOAD_2(p, cpu->big);
    case 4:
        return GUEST_LOAD_4(p, cpu->big);
    default:
        return GUEST_LOAD_8(p, cpu->big);
    }
}

static void store_host(const struct mips_cpu *cpu, uint8_t *p, unsigned bytes,
                       uint64_t value)
{
    switch (bytes) {
    case 1:
        GUEST_STORE_1(p, value, cpu->big);
        break;
    case 2:
        GUEST_STORE_2(p, value, cpu->big);
        break;
    case 4:
        GUEST_STORE_4(p, value, cpu->big);
        break;
    default:
        GUEST_STORE_8(p, value, cpu->big);
        break;
    }
}

enum mips_result mips_load_slow(struct mips_cpu *cpu, uint64_t va,
                                unsigned bytes, uint64_t *value)
{
    struct place place;
    enum mips_result result = find(cpu, va, bytes, DISCO_READ, &place);

    if (unlikely(result != RES_OK))
        return result;
    if (!place.host)
        return mmio(cpu, place.gpa, bytes, false, value);
    *value = load_host(cpu, place.host, bytes);
    return RES_OK;
}

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
        store_host(cpu, host, bytes, value);
        linemon_store_end(lm, host);
        if (own)
            cpu->ll_version += 2;
    } else {
        store_host(cpu, host, bytes, value);
    }
    if (cpu->fence)
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void store_ram(struct mips_cpu *cpu, const struct place *place,
                      unsigned at, unsigned bytes, uint64_t value)
{
    if (place->plain)
        store_host(cpu, place->host + at, bytes, value);
    else
        mips_store_shared(cpu, place->host + at, bytes, value);
}

/*
 * A store into a page that holds decoded code: nobody may hold or make code of
 * the page while it changes.  The frame may change while we wait, so look again
 * once inside.
 */
static enum mips_result code_begin(struct mips_cpu *cpu, uint64_t va,
                                   unsigned bytes, struct place *place)
{
    const disco_backend_host *host = cpu->host;

    while (place->code) {
        uint64_t frame = place->frame;
        enum mips_result result;

        host->code_store_begin(host->ctx, frame);
        cpu->resync = true;
        result = find(cpu, va, bytes, DISCO_WRITE, place);
        if (result == RES_OK && place->host && place->frame == frame &&
            !place->dropped) {
            mips_code_store(cpu, frame, (uint32_t)(va & PAGE_OFFSET), bytes);
            place->code = true;
            return RES_OK;
        }
        host->code_store_end(host->ctx, frame);
        if (result != RES_OK)
            return result;
    }
    return RES_OK;
}

static void code_end(struct mips_cpu *cpu, const struct place *place)
{
    if (place->code)
        cpu->host->code_store_end(cpu->host->ctx, place->frame);
}

enum mips_result mips_store_slow(struct mips_cpu *cpu, uint64_t va,
                                 unsigned bytes, uint64_t value)
{
    struct place place;
    enum mips_result result = find(cpu, va, bytes, DISCO_WRITE, &place);

    if (unlikely(result != RES_OK))
        return result;
    if (!place.host) {
        value &= low_bits(8 * bytes);
        return mmio(cpu, place.gpa, bytes, true, &value);
    }
    result = code_begin(cpu, va, bytes, &place);
    if (unlikely(result != RES_OK))
        return result;
    if (!place.dropped)
        store_ram(cpu, &place, 0, bytes, value);
    code_end(cpu, &place);
    return RES_OK;
}

/* --- LL and SC --- */

enum mips_result mips_ll(struct mips_cpu *cpu, uint64_t va, unsigned bytes,
                         uint64_t *value)
{
    struct linemon *lm = cpu->host->line_monitor;
    struct place place;
    enum mips_result result = find(cpu, va, bytes, DISCO_READ, &place);

    if (unlikely(result != RES_OK))
        return result;
    cpu->ll_mmio = !place.host;
    if (!place.host) {
        cpu->ll_valid = true;
        return mmio(cpu, place.gpa, bytes, false, value);
    }
    if (unlikely(linemon_arm(lm, place.host))) {
        cpu->host->barrier(cpu->host->ctx);
        linemon_armed(lm, place.host);
        /* Translations may be gone: find the line again. */
        cpu->resync = true;
        result = find(cpu, va, bytes, DISCO_READ, &place);
        if (result != RES_OK)
            return result;
        cpu->ll_mmio = !place.host;
        if (!place.host)
            return mmio(cpu, place.gpa, bytes, false, value);
    }
    cpu->ll_host = place.host;
    cpu->ll_version = linemon_version(lm, place.host);
    cpu->ll_valid = true;
    *value = load_host(cpu, place.host, bytes);
    return RES_OK;
}

enum mips_result mips_sc(struct mips_cpu *cpu, uint64_t va, unsigned bytes,
                         uint64_t value, uint64_t *success)
{
    struct linemon *lm = cpu->host->line_monitor;
    struct place place;
    enum mips_result result = find(cpu, va, bytes, DISCO_WRITE, &place);
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
        result = mmio(cpu, place.gpa, bytes, true, &value);
        cpu->ll_valid = result == RES_LEAVE;
        return result;
    }
    if (!valid || cpu->ll_mmio ||
        ((uintptr_t)cpu->ll_host ^ (uintptr_t)place.host) >>
            LINEMON_LINE_SHIFT) {
        cpu->ll_valid = false;
        return RES_OK;
    }
    result = code_begin(cpu, va, bytes, &place);
    if (unlikely(result != RES_OK))
        return result;
    if (cpu->ll_valid && linemon_sc_begin(lm, place.host, cpu->ll_version)) {
        if (!place.dropped)
            store_host(cpu, place.host, bytes, value);
        linemon_store_end(lm, place.host);
        *success = 1;
        if (cpu->fence)
            __atomic_thread_fence(__ATOMIC_SEQ_CST);
    }
    cpu->ll_valid = false;
    code_end(cpu, &place);
    return RES_OK;
}

/* --- LWL, LWR, LDL, LDR and their stores --- */

/* Bytes of the register before the addressed one, in big-endian order. */
static unsigned lane(const struct mips_cpu *cpu, uint64_t va, unsigned bytes)
{
    unsigned low = (unsigned)va & (bytes - 1);

    return cpu->big ? low : bytes - 1 - low;
}

enum mips_result mips_load_part(struct mips_cpu *cpu, uint64_t va,
                                unsigned bytes, bool left, uint64_t *reg)
{
    unsigned skip = lane(cpu, va, bytes), width = 8 * bytes, keep;
    uint64_t word, v;
    enum mips_result result =
        mips_load_slow(cpu, va & ~(uint64_t)(bytes - 1), bytes, &word);

    if (result != RES_OK)
        return result;
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
    enum mips_result result = find(cpu, start, bytes, DISCO_WRITE, &place);

    if (result != RES_OK)
        return result;
    if (!place.host)
        return raise(cpu, EXC_DBE); /* no device takes a part of a word */
    result = code_begin(cpu, start, bytes, &place);
    if (result != RES_OK)
        return result;
    for (unsigned i = 0; i < bytes && !place.dropped; i++) {
        /* i counts in big-endian order from the start of the word. */
        unsigned at = cpu->big ? i : bytes - 1 - i;
        bool inside = left ? i >= skip : i <= skip;
        unsigned shift = left ? 8 * (bytes - 1 - (i - skip)) : 8 * (skip - i);

        if (inside)
            store_ram(cpu, &place, at, 1, reg >> shift & 0xff);
    }
    code_end(cpu, &place);
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
    return raise_address(cpu, exc, va, xl.refill);
}
