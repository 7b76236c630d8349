/*
 * access.c - loads and stores that the access table does not know: alignment,
 * translation, what is behind the page, device registers.
 *
 * Everything here runs with cur_pc and cur_bd saved, and may raise.  Nothing
 * of the host's runs with the guest's FPU modes.
 */
#include "mips/access.h"

static enum mips_exc address_error(uint32_t access)
{
    return access == DISCO_WRITE ? EXC_ADES : EXC_ADEL;
}

static enum mips_result leave(struct mips_cpu *cpu, uint32_t reason)
{
    cpu->exit_reason = reason;
    return RES_LEAVE;
}

/* --- Finding the place --- */

/* A page, as the access table may know it. */
struct entering {
    const uint8_t *page_host;
    bool plain;     /* stores that nobody watches */
    bool announced; /* stores that others watch */
};

static void enter(struct mips_cpu *cpu, uint64_t va, const struct entering *in)
{
    struct access_entry *e = access_slot(cpu, va);
    uint64_t page = va & PAGE_MASK;

    e->addend = (uintptr_t)in->page_host - (uintptr_t)page;
    e->rtag = page;
    e->wtag = in->plain ? page : NO_TAG;
    e->stag = in->announced ? page : NO_TAG;
    cpu->table->used = true;
}

/* The same with the granule of a line, which is present now. */
static void enter_line(struct mips_cpu *cpu, uint64_t va,
                       const struct entering *in, disco_backend_line *line)
{
    struct line_entry *e = line_slot(cpu, va);
    uint64_t at = va & cpu->line->mask;

    e->addend = (uintptr_t)in->page_host - (uintptr_t)(va & PAGE_MASK);
    e->rtag = at;
    e->wtag = in->plain ? at : NO_TAG;
    e->stag = in->announced ? at : NO_TAG;
    e->line = line;
    e->name = line->name;
    cpu->table->used = true;
}

/* The table's answer in line mode. */
static bool find_line(struct mips_cpu *cpu, uint64_t va, uint32_t access,
                      struct place *place)
{
    const struct line_entry *e = line_slot(cpu, va);
    bool write = access == DISCO_WRITE;
    uint64_t tag = write ? e->wtag & e->stag : e->rtag;

    if (tag != (va & cpu->line->mask) ||
        !(write ? line_writable(e) : line_readable(e)))
        return false;
    place->host = line_host(e, va);
    place->plain = e->wtag == tag;
    return true;
}

uint32_t mips_resolve(struct mips_cpu *cpu, uint64_t gpa, uint32_t access,
                      disco_backend_page *page)
{
    const disco_backend_host *host = cpu->host;
    uint32_t behind;

    /* A new frame may come from the host's allocator. */
    fpu_leave(&cpu->fpu);
    behind = host->resolve(host->ctx, gpa, access, page);
    fpu_enter(&cpu->fpu);
    return behind;
}

static enum mips_result find_behind(struct mips_cpu *cpu, uint64_t va,
                                    uint32_t access,
                                    const struct mips_xlate *xl,
                                    struct place *place)
{
    disco_backend_line *line = NULL;
    disco_backend_page page;
    struct entering in;
    bool watched, writable;

    place->gpa = xl->gpa;
    if ((xl->gpa & PAGE_MASK) == cpu->mmio_page)
        return RES_OK;
    switch (mips_resolve(cpu, xl->gpa, access, &page)) {
    case DISCO_BEHIND_RAM:
        break;
    case DISCO_BEHIND_MMIO:
        cpu->mmio_page = xl->gpa & PAGE_MASK;
        cpu->mmio_trap = page.rights & DISCO_MMIO_UNTRAPPED
                             ? DISCO_TRAP_CP0_PAGE
                             : DISCO_TRAP_MMIO;
        return RES_OK;
    case DISCO_BEHIND_NO_MEMORY:
        return leave(cpu, DISCO_EXIT_NO_MEMORY);
    default:
        return access_raise(cpu, EXC_DBE);
    }
    /* A shooter may have been served meanwhile: the outer loop looks. */
    if (unlikely(load_relaxed(cpu->request)))
        cpu->resync = true;
    place->host = page.host + (xl->gpa & PAGE_OFFSET);
    place->plain = !cpu->shared || page.rights & DISCO_EXCLUSIVE;
    place->frame = page.frame;
    if (cpu->line &&
        (access == DISCO_READ || page.code || page.rights & DISCO_WRITE))
        line = mips_line_ask(cpu, page.memory, xl->gpa & PAGE_OFFSET, xl->gpa,
                             access);
    if (access == DISCO_WRITE && !(page.rights & DISCO_WRITE)) {
        place->own = page.code && page.rights & DISCO_EXCLUSIVE;
        place->code = page.code && !place->own;
        place->dropped = !page.code;
        return RES_OK;
    }
    watched = watch_page(cpu, xl->gpa);
    if (cpu->disco)
        mips_mtlb_touch(cpu, va, xl->mapped);
    if (watched)
        return RES_OK;
    writable = xl->writable && page.rights & DISCO_WRITE;
    in.page_host = page.host;
    in.plain = writable && (page.rights & DISCO_EXCLUSIVE || !cpu->shared);
    in.announced = writable && !in.plain;
    if (line)
        enter_line(cpu, va, &in, line);
    else
        enter(cpu, va, &in);
    return RES_OK;
}

enum mips_result access_find(struct mips_cpu *cpu, uint64_t va, unsigned bytes,
                             uint32_t access, struct place *place)
{
    const struct access_entry *e = access_slot(cpu, va);
    uint64_t tag = access == DISCO_WRITE ? e->wtag & e->stag : e->rtag;
    struct mips_xlate xl;
    enum mips_exc exc;

    *place = (struct place){ 0 };
    if (va & (bytes - 1))
        return access_raise_address(cpu, address_error(access), va, false);
    if (unlikely(cpu->line)) {
        if (find_line(cpu, va, access, place))
            return RES_OK;
    } else if (tag == (va & PAGE_MASK)) {
        place->host = access_host(e, va);
        place->plain = e->wtag == tag;
        return RES_OK;
    }
    exc = mips_translate(cpu, &va, access, false, &xl);
    if (exc != EXC_NONE)
        return access_raise_address(cpu, exc, va, xl.refill);
    if (unlikely(cpu->watchlo & 3) && watch_guest_hit(cpu, xl.gpa, access))
        return access_raise(cpu, EXC_WATCH);
    if (unlikely(cpu->watching) && watch_host_hit(cpu, xl.gpa, bytes, access))
        return leave(cpu, DISCO_EXIT_WATCH);
    return find_behind(cpu, va, access, &xl, place);
}

/* --- Device registers --- */

enum mips_result access_mmio(struct mips_cpu *cpu, uint64_t gpa, unsigned bytes,
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
        cpu->stats.traps[cpu->mmio_trap]++;
    if (likely(status == DISCO_OK))
        return RES_OK;
    if (status == DISCO_E_FAULT)
        return access_raise(cpu, EXC_DBE);
    cpu->exit_status = status;
    return leave(cpu, DISCO_EXIT_CALLBACK);
}

/* --- Plain loads and stores --- */

uint64_t access_load(const struct mips_cpu *cpu, const uint8_t *p,
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

void access_store(const struct mips_cpu *cpu, uint8_t *p, unsigned bytes,
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

enum mips_result mips_load_memory(struct mips_cpu *cpu, uint64_t va,
                                  unsigned bytes, uint64_t *value,
                                  uint64_t *gpa)
{
    struct place place;
    enum mips_result result = access_find(cpu, va, bytes, DISCO_READ, &place);

    if (unlikely(result != RES_OK))
        return result;
    *gpa = place.gpa;
    if (!place.host)
        return RES_DEVICE;
    *value = access_load(cpu, place.host, bytes);
    return RES_OK;
}

enum mips_result mips_load_slow(struct mips_cpu *cpu, uint64_t va,
                                unsigned bytes, uint64_t *value)
{
    uint64_t gpa = 0;
    enum mips_result result = mips_load_memory(cpu, va, bytes, value, &gpa);

    if (result == RES_DEVICE)
        return access_mmio(cpu, gpa, bytes, false, value);
    return result;
}

enum mips_result mips_device_access(struct mips_cpu *cpu, uint64_t gpa,
                                    unsigned bytes, bool write, uint64_t *value)
{
    *value &= low_bits(8 * bytes);
    return access_mmio(cpu, gpa, bytes, write, value);
}

void access_store_ram(struct mips_cpu *cpu, const struct place *place,
                      unsigned at, unsigned bytes, uint64_t value)
{
    if (place->plain)
        access_store(cpu, place->host + at, bytes, value);
    else
        mips_store_shared(cpu, place->host + at, bytes, value);
}

/*
 * A store into a page that holds decoded code: nobody may hold or make code of
 * the page while it changes.  The frame may change while we wait, so look again
 * once inside.
 */
enum mips_result access_code_begin(struct mips_cpu *cpu, uint64_t va,
                                   unsigned bytes, struct place *place)
{
    const disco_backend_host *host = cpu->host;

    if (place->own)
        mips_code_store(cpu, place->frame, (uint32_t)(va & PAGE_OFFSET), bytes);
    while (place->code) {
        uint64_t frame = place->frame;
        enum mips_result result;

        fpu_leave(&cpu->fpu);
        host->code_store_begin(host->ctx, frame);
        fpu_enter(&cpu->fpu);
        cpu->resync = true;
        result = access_find(cpu, va, bytes, DISCO_WRITE, place);
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

void access_code_end(struct mips_cpu *cpu, const struct place *place)
{
    if (place->code)
        cpu->host->code_store_end(cpu->host->ctx, place->frame);
}

enum mips_result mips_store_memory(struct mips_cpu *cpu, uint64_t va,
                                   unsigned bytes, uint64_t value,
                                   uint64_t *gpa)
{
    struct access_table *table = cpu->table;
    struct place place;
    enum mips_result result;

    if (!cpu->line && table->own_tag == (va & (PAGE_MASK | (bytes - 1)))) {
        uint32_t at = (uint32_t)(va & PAGE_OFFSET);

        mips_code_store(cpu, table->own_frame, at, bytes);
        access_store(cpu, table->own_host + at, bytes, value);
        return RES_OK;
    }
    result = access_find(cpu, va, bytes, DISCO_WRITE, &place);
    if (unlikely(result != RES_OK))
        return result;
    *gpa = place.gpa;
    if (!place.host)
        return RES_DEVICE;
    result = access_code_begin(cpu, va, bytes, &place);
    if (unlikely(result != RES_OK))
        return result;
    if (!place.dropped)
        access_store_ram(cpu, &place, 0, bytes, value);
    access_code_end(cpu, &place);
    if (place.own && !cpu->line && !watch_page(cpu, place.gpa)) {
        table->own_tag = va & PAGE_MASK;
        table->own_host = place.host - (va & PAGE_OFFSET);
        table->own_frame = place.frame;
        table->used = true;
    }
    return RES_OK;
}

enum mips_result mips_store_slow(struct mips_cpu *cpu, uint64_t va,
                                 unsigned bytes, uint64_t value)
{
    uint64_t gpa = 0;
    enum mips_result result = mips_store_memory(cpu, va, bytes, value, &gpa);

    if (result == RES_DEVICE)
        return mips_device_access(cpu, gpa, bytes, true, &value);
    return result;
}
