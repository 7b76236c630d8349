/*
 * verify.c - the consistency walk of one vCPU: what its tables hold must follow
 * from the guest's TLB, the L2TLB and the segments, and lead where the monitor
 * would lead it now, with no more rights than it would give.
 *
 * Tables of other modes and address spaces are looked at as if the CPU were
 * there; nothing is changed in the end.
 */
#include <stdio.h>

#include "mips/cpu.h"
#include "mips/jit/engine.h"

/* What an entry says of a page. */
struct held {
    uint64_t va; /* NO_TAG: nothing */
    uint32_t access;
    disco_backend_page page;
};

static disco_status bad(disco_error *err, uint64_t where, const char *text)
{
    if (err) {
        err->status = DISCO_E_INTERNAL;
        err->where = where;
        snprintf(err->text, sizeof(err->text), "%s", text);
    }
    return DISCO_E_INTERNAL;
}

static bool is_current(const struct mips_cpu *cpu, uint64_t gpa,
                       const disco_backend_page *page)
{
    return cpu->host->is_current(cpu->host->ctx, gpa, page);
}

static disco_status check_held(struct mips_cpu *cpu, const struct held *h,
                               disco_error *err)
{
    struct mips_xlate xl;
    uint64_t va = h->va;

    if (va == NO_TAG)
        return DISCO_OK;
    if (mips_translate(cpu, &va, h->access, true, &xl) != EXC_NONE)
        return bad(err, h->va,
                   "access table holds a page that does not translate");
    if (!is_current(cpu, xl.gpa, &h->page))
        return bad(err, h->va,
                   "access table holds a page that is not mapped so");
    return DISCO_OK;
}

/* Tags of an entry for loads, plain stores and announced ones. */
static disco_status check_tags(struct mips_cpu *cpu, const uint64_t tag[3],
                               uintptr_t addend, uint64_t memory,
                               disco_error *err)
{
    uint64_t stores = tag[1] & tag[2];
    uint64_t page = (tag[0] & stores) & PAGE_MASK;
    struct held load = { .va = tag[0], .access = DISCO_READ };
    struct held store = { .va = stores, .access = DISCO_WRITE };
    disco_status status;

    load.page.host = (uint8_t *)(addend + (uintptr_t)page);
    load.page.frame = UINT64_MAX;
    load.page.memory = memory;
    load.page.rights = DISCO_READ;
    store.page = load.page;
    store.page.rights |= DISCO_WRITE;
    if (cpu->shared && tag[1] != NO_TAG)
        store.page.rights |= DISCO_EXCLUSIVE;
    status = check_held(cpu, &load, err);
    return status ? status : check_held(cpu, &store, err);
}

static disco_status check_fetch(struct mips_cpu *cpu,
                                const struct fetch_entry *f, disco_error *err)
{
    struct held h = { .va = f->tag, .access = DISCO_EXEC };

    if (f->tag == NO_TAG)
        return DISCO_OK;
    h.page.host = (uint8_t *)(uintptr_t)f->page->host;
    h.page.frame = f->page->frame;
    h.page.memory = f->page->memory;
    h.page.rights = DISCO_READ | DISCO_EXEC;
    return check_held(cpu, &h, err);
}

/* Translated code: it leads to what is mapped here, of this mode. */
static disco_status check_jump(struct mips_cpu *cpu,
                               const struct access_table *t,
                               const struct jump_entry *j, disco_error *err)
{
    struct mips_xlate xl;
    uint64_t va = j->tag;
    const char *text;

    if (va == NO_TAG)
        return DISCO_OK;
    if (mips_translate(cpu, &va, DISCO_EXEC, true, &xl) != EXC_NONE)
        return bad(err, j->tag,
                   "jump table holds a page that does not translate");
    text = jit_verify_jump(cpu, j, t->config & CFG_KEY, xl.gpa);
    return text ? bad(err, j->tag, text) : DISCO_OK;
}

static disco_status check_near(struct mips_cpu *cpu, const struct near_table *n,
                               disco_error *err)
{
    disco_status status = DISCO_OK;

    for (unsigned i = 0; i < NEAR_ENTRIES && !status; i++) {
        uint64_t tag[3] = { n->rtag[i], n->wtag[i], NO_TAG };
        uint64_t page = n->rtag[i] & n->wtag[i];

        if (page != NO_TAG && !(n->pages >> (page >> PAGE_BITS & 63) & 1))
            return bad(err, page, "near table holds a page that it hides");
        status = check_tags(cpu, tag, n->addend[i], UINT64_MAX, err);
    }
    return status;
}

/* The page of code that is stored to directly. */
static disco_status check_own(struct mips_cpu *cpu,
                              const struct access_table *t, disco_error *err)
{
    struct held h = { .va = t->own_tag, .access = DISCO_WRITE };

    h.page.host = t->own_host;
    h.page.frame = t->own_frame;
    h.page.memory = UINT64_MAX;
    h.page.rights = DISCO_READ | DISCO_WRITE | DISCO_EXCLUSIVE;
    h.page.code = 1;
    return check_held(cpu, &h, err);
}

static disco_status check_table(struct mips_cpu *cpu,
                                const struct access_table *t, disco_error *err)
{
    disco_status status = check_own(cpu, t, err);

    if (!status)
        status = check_near(cpu, &t->near, err);
    for (unsigned i = 0; i < ACCESS_ENTRIES && !status; i++) {
        const struct access_entry *e = &t->data[i];
        uint64_t tag[3] = { e->rtag, e->wtag, e->stag };

        status = check_tags(cpu, tag, e->addend, UINT64_MAX, err);
    }
    for (unsigned i = 0; i < FETCH_ENTRIES && !status; i++)
        status = check_fetch(cpu, &t->fetch[i], err);
    for (unsigned i = 0; i < JUMP_ENTRIES && !status; i++)
        status = check_jump(cpu, t, &t->jump[i], err);
    return status;
}

static disco_status check_lines(struct mips_cpu *cpu, unsigned mode,
                                disco_error *err)
{
    disco_status status = DISCO_OK;

    for (unsigned i = 0; i < LINE_ENTRIES && !status; i++) {
        const struct line_entry *e = &cpu->line->data[mode][i];
        uint64_t tag[3] = { e->rtag, e->wtag, e->stag };
        uint64_t memory = e->name >> (PAGE_BITS - cpu->line->shift);

        status = check_tags(cpu, tag, e->addend, memory, err);
    }
    return status;
}

/* The CPU as it was when this table's entries were made. */
static void pretend(struct mips_cpu *cpu, unsigned mode, unsigned asid,
                    uint32_t config)
{
    cpu->mode = (uint8_t)mode;
    cpu->addr64 = config & CFG_KX; /* of any mode: it is a wide one */
    cpu->entryhi = (cpu->entryhi & ~UINT64_C(0xff)) | asid;
    cpu->status &= ~(ST_KX | ST_SX | ST_UX | ST_ERL);
    cpu->status |=
        (config & CFG_KX ? ST_KX : 0) | (config & CFG_SX ? ST_SX : 0) |
        (config & CFG_UX ? ST_UX : 0) | (config & CFG_ERL ? ST_ERL : 0);
}

static disco_status check_set(struct mips_cpu *cpu, unsigned mode, unsigned set,
                              disco_error *err)
{
    const struct access_table *t = cpu->tables[mode][set];
    disco_status status;

    if (!t || !t->used || cpu->asid_of_set[set] == ASIDS)
        return DISCO_OK;
    pretend(cpu, mode, cpu->asid_of_set[set], t->config);
    status = check_table(cpu, t, err);
    if (!status && cpu->line && set == cpu->set)
        status = check_lines(cpu, mode, err);
    return status;
}

static disco_status check_tables(struct mips_cpu *cpu, disco_error *err)
{
    uint64_t entryhi = cpu->entryhi;
    uint32_t status_reg = cpu->status;
    uint8_t mode = cpu->mode;
    bool addr64 = cpu->addr64, disco = cpu->disco;
    disco_status status = DISCO_OK;

    cpu->disco = false; /* nothing counts */
    for (unsigned m = 0; m < MODES && !status; m++)
        for (unsigned i = 0; i < TABLE_SETS && !status; i++)
            status = check_set(cpu, m, i, err);
    cpu->entryhi = entryhi;
    cpu->status = status_reg;
    cpu->mode = mode;
    cpu->addr64 = addr64;
    cpu->disco = disco;
    return status;
}

/* Decoded pages, entered or not. */
static disco_status check_code(const struct mips_cpu *cpu, disco_error *err)
{
    disco_backend_page page = { .memory = UINT64_MAX,
                                .rights = DISCO_READ | DISCO_EXEC };
    uint32_t pages = 0;

    for (unsigned i = 0; i < CODE_BUCKETS; i++) {
        for (const struct code_page *p = cpu->buckets[i]; p; p = p->hash_next) {
            pages++;
            page.frame = p->frame;
            page.host = (uint8_t *)(uintptr_t)p->host;
            if (!is_current(cpu, UINT64_MAX, &page))
                return bad(err, p->frame,
                           "code is held of a page that is "
                           "not mapped so");
        }
    }
    if (pages != cpu->code_pages)
        return bad(err, pages, "decoded pages are miscounted");
    return DISCO_OK;
}

disco_status mips_verify(void *state, disco_error *err)
{
    struct mips_cpu *cpu = state;
    const char *l2 = cpu->l2 ? mips_l2_verify(cpu) : NULL;
    disco_status status;
    uint64_t frame = 0;
    const char *text;

    if (l2)
        return bad(err, 0, l2);
    status = check_tables(cpu, err);
    if (!status)
        status = check_code(cpu, err);
    text = status ? NULL : jit_verify(cpu, &frame);
    return text ? bad(err, frame, text) : status;
}
