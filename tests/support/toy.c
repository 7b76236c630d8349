/*
 * toy.c - see toy.h.  It keeps what real backends keep: translations with
 * rights, copied code, a link for LL/SC; and it trusts them as long as it may,
 * so that a missing invalidation shows.
 */
#include "toy.h"

#include <stdio.h>
#include <string.h>

#include "mem/linemon.h"

enum { TOY_REGS = 16, TOY_TLB = 64, TOY_CODE = 8, PAGE = 4096 };
enum { TOY_MMIO_LD = 1, TOY_MMIO_ST = 2, TOY_HYPERCALL = 3 };

struct toy_entry {
    uint64_t page; /* gpa | 1 */
    uint8_t *host;
    uint32_t rights;
};

struct toy_code {
    uint64_t page; /* gpa | 1 */
    uint64_t frame;
    uint8_t *host;
    uint32_t word[PAGE / 4];
};

struct toy {
    const disco_backend_host *host;
    uint64_t r[TOY_REGS];
    uint64_t pc;
    uint64_t insns; /* atomic for stats */
    uint64_t skew;
    uint64_t compare; /* 0: off */
    uint32_t lines;   /* atomic */
    uint32_t mask;
    uint32_t waiting; /* TOY_MMIO_*, TOY_HYPERCALL */
    uint32_t waiting_reg;
    uint8_t *link_host; /* NULL: none */
    uint32_t link_version;
    struct toy_entry tlb[TOY_TLB];
    struct toy_code code[TOY_CODE];
    disco_backend_run *run;
};

/* What an instruction did. */
enum toy_step { STEP_NEXT, STEP_JUMPED, STEP_LEAVE };

static disco_status toy_create(const disco_backend_host *host,
                               const disco_vcpu_config *config, void **state,
                               disco_error *err)
{
    struct toy *t;

    if (config->model && strcmp(config->model, "toy")) {
        snprintf(err->text, sizeof(err->text), "no model %s", config->model);
        return DISCO_E_NOENT;
    }
    t = host->alloc(host->ctx, sizeof(*t));
    if (!t) {
        snprintf(err->text, sizeof(err->text), "no memory");
        return DISCO_E_NOMEM;
    }
    t->host = host;
    *state = t;
    return 0;
}

static void toy_destroy(void *state)
{
    struct toy *t = state;

    t->host->free(t->host->ctx, t, sizeof(*t));
}

static void drop_all(struct toy *t)
{
    memset(t->tlb, 0, sizeof(t->tlb));
    memset(t->code, 0, sizeof(t->code));
}

static void toy_reset(void *state)
{
    struct toy *t = state;

    memset(t->r, 0, sizeof(t->r));
    t->pc = 0;
    t->compare = 0;
    t->mask = 0;
    t->waiting = 0;
    t->link_host = NULL;
    store_relaxed(&t->lines, 0);
}

static void toy_set_pc(void *state, uint64_t pc)
{
    ((struct toy *)state)->pc = pc;
}

static uint64_t toy_cycles(void *state)
{
    struct toy *t = state;

    return load_relaxed(&t->insns) + t->skew;
}

static void toy_set_cycles(void *state, uint64_t cycles)
{
    struct toy *t = state;

    if (cycles > toy_cycles(t))
        t->skew = cycles - t->insns;
}

static uint32_t pending_lines(struct toy *t)
{
    uint32_t lines = load_relaxed(&t->lines);

    if (t->compare && toy_cycles(t) >= t->compare)
        lines |= 1u << TOY_LINE_TIMER;
    return lines & t->mask;
}

static disco_status toy_set_irq(void *state, uint32_t line, int32_t level)
{
    struct toy *t = state;

    if (line >= TOY_LINE_TIMER)
        return DISCO_E_INVAL;
    if (level)
        or_seq(&t->lines, 1u << line);
    else
        and_seq(&t->lines, ~(1u << line));
    return 0;
}

static int32_t toy_pending(void *state)
{
    return pending_lines(state) != 0;
}

static uint64_t toy_next_timer(void *state)
{
    struct toy *t = state;

    if (!t->compare || !(t->mask >> TOY_LINE_TIMER & 1))
        return UINT64_MAX;
    return t->compare;
}

static disco_status toy_get_reg(void *state, uint64_t id, uint64_t *value)
{
    struct toy *t = state;

    if (id == DISCO_REG_PC)
        *value = t->pc;
    else if (id == DISCO_REG_INSNS)
        *value = t->insns;
    else if (id == DISCO_REG_DELAY)
        *value = 0;
    else if (id >= DISCO_REG_GPR(0) && id < DISCO_REG_GPR(TOY_REGS))
        *value = t->r[id & 15];
    else
        return DISCO_E_INVAL;
    return 0;
}

static disco_status toy_set_reg(void *state, uint64_t id, uint64_t value)
{
    struct toy *t = state;

    if (id == DISCO_REG_PC)
        t->pc = value;
    else if (id >= DISCO_REG_GPR(0) && id < DISCO_REG_GPR(TOY_REGS))
        t->r[id & 15] = value;
    else
        return DISCO_E_INVAL;
    return 0;
}

static const char *toy_reg_name(uint64_t id)
{
    return id == DISCO_REG_PC ? "pc" : NULL;
}

static disco_status toy_translate(void *state, uint64_t va, uint32_t access,
                                  uint64_t *gpa)
{
    (void)state;
    (void)access;
    if (va >> 40)
        return DISCO_E_FAULT;
    *gpa = va;
    return 0;
}

static void toy_invalidate(void *state, uint32_t what, const uint8_t *host,
                           uint64_t frame)
{
    struct toy *t = state;
    unsigned i;

    if (what == DISCO_DROP_ALL)
        drop_all(t);
    for (i = 0; i < TOY_TLB; i++) {
        if (what == DISCO_DROP_DATA)
            t->tlb[i].page = 0;
        if (t->tlb[i].host != host)
            continue;
        if (what == DISCO_DROP_FRAME)
            t->tlb[i].page = 0;
        if (what == DISCO_DROP_WRITE)
            t->tlb[i].rights &= DISCO_READ;
    }
    for (i = 0; i < TOY_CODE; i++)
        if ((what == DISCO_DROP_CODE && t->code[i].frame == frame) ||
            (what == DISCO_DROP_FRAME && t->code[i].host == host))
            t->code[i].page = 0;
}

static void toy_stats(void *state, disco_vcpu_stats *out)
{
    out->insns = load_relaxed(&((struct toy *)state)->insns);
}

static disco_status bad(disco_error *err, uint64_t where, const char *what)
{
    err->where = where;
    snprintf(err->text, sizeof(err->text), "%s", what);
    return DISCO_E_INTERNAL;
}

/* Does the monitor still say what it said of this page? */
static int is_current(const struct toy *t, uint64_t page, uint64_t frame,
                      uint8_t *host, uint32_t rights)
{
    disco_backend_page held = {
        .host = host, .frame = frame, .memory = UINT64_MAX, .rights = rights
    };

    return t->host->is_current(t->host->ctx, page & ~UINT64_C(1), &held);
}

/* Every page of code held must be what memory says. */
static disco_status toy_verify(void *state, disco_error *err)
{
    struct toy *t = state;
    unsigned i;

    for (i = 0; i < TOY_CODE; i++) {
        const struct toy_code *c = &t->code[i];

        if (!c->page)
            continue;
        if (!is_current(t, c->page, c->frame, c->host, DISCO_EXEC))
            return bad(err, c->page, "code of a page that is not mapped so");
        if (!t->host->is_content(t->host->ctx, c->frame, c->word))
            return bad(err, c->page, "stale code");
    }
    for (i = 0; i < TOY_TLB; i++) {
        const struct toy_entry *e = &t->tlb[i];

        if (e->page && !is_current(t, e->page, UINT64_MAX, e->host, e->rights))
            return bad(err, e->page, "a page that is not mapped so");
    }
    return 0;
}

struct toy_saved {
    uint64_t r[TOY_REGS];
    uint64_t pc, insns, skew, compare;
    uint32_t lines, mask;
};

static disco_status toy_save(void *state, const disco_stream *out)
{
    const struct toy *t = state;
    struct toy_saved s = { .pc = t->pc,
                           .insns = t->insns,
                           .skew = t->skew,
                           .compare = t->compare,
                           .lines = t->lines,
                           .mask = t->mask };

    memcpy(s.r, t->r, sizeof(s.r));
    return out->write(out->opaque, &s, sizeof(s));
}

static disco_status toy_load(void *state, const disco_stream *in)
{
    struct toy *t = state;
    struct toy_saved s;
    disco_status status = in->read(in->opaque, &s, sizeof(s));

    if (status)
        return status;
    memcpy(t->r, s.r, sizeof(s.r));
    t->pc = s.pc;
    t->insns = s.insns;
    t->skew = s.skew;
    t->compare = s.compare;
    t->lines = s.lines;
    t->mask = s.mask;
    t->link_host = NULL;
    return 0;
}

uint32_t toy_code_pages(void *state)
{
    struct toy *t = state;
    uint32_t n = 0, i;

    for (i = 0; i < TOY_CODE; i++)
        n += t->code[i].page != 0;
    return n;
}

static enum toy_step leave(struct toy *t, uint32_t reason)
{
    t->run->reason = reason;
    return STEP_LEAVE;
}

/* Look the page up; NULL: *step is what to do, or it is MMIO (*mmio). */
static struct toy_entry *find(struct toy *t, uint64_t gpa, uint32_t access,
                              disco_backend_page *page, int *mmio,
                              enum toy_step *step)
{
    struct toy_entry *e = &t->tlb[gpa / PAGE % TOY_TLB];

    *mmio = 0;
    if (e->page == (gpa / PAGE * PAGE | 1) && (e->rights & access)) {
        page->host = e->host;
        page->rights = e->rights;
        page->code = 0;
        return e;
    }
    switch (t->host->resolve(t->host->ctx, gpa, access, page)) {
    case DISCO_BEHIND_RAM:
        e->page = gpa / PAGE * PAGE | 1;
        e->host = page->host;
        e->rights = page->rights;
        return e;
    case DISCO_BEHIND_MMIO:
        *mmio = 1;
        return NULL;
    case DISCO_BEHIND_NO_MEMORY:
        *step = leave(t, DISCO_EXIT_NO_MEMORY);
        return NULL;
    default:
        t->run->status = DISCO_E_FAULT;
        *step = leave(t, DISCO_EXIT_CALLBACK);
        return NULL;
    }
}

static enum toy_step mmio_done(struct toy *t, disco_status status)
{
    if (!status)
        return STEP_NEXT;
    if (status == DISCO_E_STATE)
        return leave(t, DISCO_EXIT_MMIO);
    t->run->status = status;
    return leave(t, DISCO_EXIT_CALLBACK);
}

static enum toy_step load(struct toy *t, uint64_t gpa, unsigned bytes,
                          unsigned reg)
{
    enum toy_step step = STEP_NEXT;
    disco_backend_page page;
    disco_status status;
    uint64_t value = 0;
    uint8_t *p;
    int mmio;

    if (!find(t, gpa, DISCO_READ, &page, &mmio, &step)) {
        if (!mmio)
            return step;
        t->waiting = TOY_MMIO_LD;
        t->waiting_reg = reg;
        status = t->host->mmio_read(t->host->ctx, gpa, bytes, &value);
        if (!status)
            t->r[reg] = value;
        if (status != DISCO_E_STATE)
            t->waiting = 0;
        return mmio_done(t, status);
    }
    p = page.host + gpa % PAGE;
    t->r[reg] = bytes == 8 ? load_relaxed((uint64_t *)(void *)p)
                           : load_relaxed((uint32_t *)(void *)p);
    return STEP_NEXT;
}

static void put(uint8_t *p, unsigned bytes, uint64_t value)
{
    if (bytes == 8)
        store_relaxed((uint64_t *)(void *)p, value);
    else
        store_relaxed((uint32_t *)(void *)p, (uint32_t)value);
}

static void put_announced(struct toy *t, const disco_backend_page *page,
                          uint8_t *p, unsigned bytes, uint64_t value)
{
    struct linemon *lm = t->host->line_monitor;

    if ((page->rights & DISCO_EXCLUSIVE) || !linemon_filtered(lm, p)) {
        put(p, bytes, value);
        return;
    }
    linemon_store_begin(lm, p);
    put(p, bytes, value);
    linemon_store_end(lm, p);
}

/* After a store into a page of code, which we may hold, too. */
static void refresh_code(struct toy *t, uint64_t gpa, uint8_t *p,
                         unsigned bytes)
{
    unsigned i, j;

    for (i = 0; i < TOY_CODE; i++)
        if (t->code[i].page && t->code[i].frame == gpa / PAGE)
            for (j = 0; j < bytes; j += 4)
                t->code[i].word[((uintptr_t)p % PAGE + j) / 4] =
                    load_relaxed((uint32_t *)(void *)(p + j));
}

/*
 * Nobody else holds code of the page until code_store_end.  It may have moved
 * while we waited, so it is looked up again; 0: it cannot be, *step says why.
 */
static int code_begin(struct toy *t, uint64_t gpa, disco_backend_page *page,
                      enum toy_step *step)
{
    int mmio;

    t->host->code_store_begin(t->host->ctx, page->frame);
    if (find(t, gpa, DISCO_WRITE, page, &mmio, step))
        return 1;
    t->host->code_store_end(t->host->ctx, gpa / PAGE);
    return 0;
}

static enum toy_step store(struct toy *t, uint64_t gpa, unsigned bytes,
                           uint64_t value)
{
    enum toy_step step = STEP_NEXT;
    disco_backend_page page;
    disco_status status;
    int mmio, is_code;
    uint8_t *p;

    if (!find(t, gpa, DISCO_WRITE, &page, &mmio, &step)) {
        if (!mmio)
            return step;
        t->waiting = TOY_MMIO_ST;
        status = t->host->mmio_write(t->host->ctx, gpa, bytes, value);
        if (status != DISCO_E_STATE)
            t->waiting = 0;
        return mmio_done(t, status);
    }
    is_code = page.code;
    if (is_code && !code_begin(t, gpa, &page, &step))
        return step;
    p = page.host + gpa % PAGE;
    if (page.code || (page.rights & DISCO_WRITE))
        put_announced(t, &page, p, bytes, value);
    if (is_code) {
        refresh_code(t, gpa, p, bytes);
        t->host->code_store_end(t->host->ctx, gpa / PAGE);
    }
    return STEP_NEXT;
}

static enum toy_step load_linked(struct toy *t, uint64_t gpa, unsigned reg)
{
    struct linemon *lm = t->host->line_monitor;
    enum toy_step step = STEP_NEXT;
    disco_backend_page page;
    uint8_t *p;
    int mmio;

    t->link_host = NULL;
    for (;;) {
        if (!find(t, gpa, DISCO_READ, &page, &mmio, &step))
            return mmio ? leave(t, DISCO_EXIT_BREAK) : step;
        p = page.host + gpa % PAGE;
        if (!linemon_arm(lm, p))
            break;
        t->host->barrier(t->host->ctx);
        linemon_armed(lm, p);
        /* The page may have moved while we waited. */
        if (load_relaxed(t->host->request))
            return STEP_JUMPED;
    }
    t->link_host = p;
    t->link_version = linemon_version(lm, p);
    t->r[reg] = load_relaxed((uint64_t *)(void *)p);
    return STEP_NEXT;
}

static enum toy_step store_conditional(struct toy *t, uint64_t gpa,
                                       unsigned reg)
{
    struct linemon *lm = t->host->line_monitor;
    enum toy_step step = STEP_NEXT;
    disco_backend_page page;
    int mmio, is_code;
    uint8_t *p;

    if (!find(t, gpa, DISCO_WRITE, &page, &mmio, &step))
        return mmio ? leave(t, DISCO_EXIT_BREAK) : step;
    is_code = page.code;
    if (is_code && !code_begin(t, gpa, &page, &step))
        return step;
    p = page.host + gpa % PAGE;
    if (t->link_host == p && (page.code || (page.rights & DISCO_WRITE)) &&
        linemon_sc_begin(lm, p, t->link_version)) {
        put(p, 8, t->r[reg]);
        linemon_store_end(lm, p);
        t->r[reg] = 1;
    } else {
        t->r[reg] = 0;
    }
    t->link_host = NULL;
    if (is_code) {
        refresh_code(t, gpa, p, 8);
        t->host->code_store_end(t->host->ctx, gpa / PAGE);
    }
    return STEP_NEXT;
}

static enum toy_step call(struct toy *t, uint32_t code)
{
    uint64_t result[2] = { 0, 0 };
    disco_status status;

    t->waiting = TOY_HYPERCALL;
    status = t->host->moncall(t->host->ctx, code, &t->r[1], result);
    if (status == DISCO_E_STATE)
        return leave(t, DISCO_EXIT_HYPERCALL);
    t->waiting = 0;
    t->r[1] = result[0];
    t->r[2] = result[1];
    return STEP_NEXT;
}

static enum toy_step sync_clock(struct toy *t, unsigned reg)
{
    uint64_t now = t->host->clock_sync(t->host->ctx, toy_cycles(t));

    t->skew = now - t->insns;
    t->r[reg] = now;
    return STEP_NEXT;
}

static enum toy_step step(struct toy *t, uint32_t word)
{
    unsigned a = word >> 20 & 15, b = word >> 16 & 15;
    int64_t imm = (int16_t)word;
    uint64_t at = t->r[b] + (uint64_t)imm;

    switch (word >> 24) {
    case TOY_ADDI:
        t->r[a] = at;
        return STEP_NEXT;
    case TOY_ADD:
        t->r[a] = t->r[b] + t->r[imm & 15];
        return STEP_NEXT;
    case TOY_SHL:
        t->r[a] = t->r[b] << (imm & 63);
        return STEP_NEXT;
    case TOY_ORI:
        t->r[a] = t->r[b] | (word & 0xffff);
        return STEP_NEXT;
    case TOY_LD:
        return load(t, at, 8, a);
    case TOY_ST:
        return store(t, at, 8, t->r[a]);
    case TOY_LW:
        return load(t, at, 4, a);
    case TOY_SW:
        return store(t, at, 4, t->r[a]);
    case TOY_LL:
        return load_linked(t, at, a);
    case TOY_SC:
        return store_conditional(t, at, a);
    case TOY_BNE:
        t->pc += t->r[a] != t->r[b] ? (uint64_t)imm * 4 : 4;
        return STEP_JUMPED;
    case TOY_BEQ:
        t->pc += t->r[a] == t->r[b] ? (uint64_t)imm * 4 : 4;
        return STEP_JUMPED;
    case TOY_JMP:
        t->pc = at;
        return STEP_JUMPED;
    case TOY_CALL:
        return call(t, word & 0xffff);
    case TOY_CYCLE:
        return sync_clock(t, a);
    case TOY_TIMER:
        t->compare = t->r[a];
        return STEP_NEXT;
    case TOY_MASK:
        t->mask = word & 0xff;
        return STEP_NEXT;
    case TOY_LINES:
        t->r[a] = pending_lines(t);
        return STEP_NEXT;
    case TOY_CPU:
        t->r[a] = t->host->vcpu_index;
        return STEP_NEXT;
    default:
        return leave(t, DISCO_EXIT_BREAK);
    }
}

static void copy_code(struct toy_code *c, uint8_t *host)
{
    unsigned i;

    for (i = 0; i < PAGE / 4; i++)
        c->word[i] = load_relaxed((uint32_t *)(void *)(host + 4 * i));
}

/* 0: *word is the instruction; else leave. */
static int fetch(struct toy *t, uint32_t *word)
{
    struct toy_code *c = &t->code[t->pc / PAGE % TOY_CODE];
    uint64_t tag = t->pc / PAGE * PAGE | 1;
    disco_backend_page page;
    uint32_t behind;

    if (c->page == tag) {
        *word = c->word[t->pc % PAGE / 4];
        return 0;
    }
    behind = t->host->resolve(t->host->ctx, t->pc, DISCO_EXEC, &page);
    if (behind != DISCO_BEHIND_RAM) {
        t->run->status = DISCO_E_FAULT;
        leave(t, behind == DISCO_BEHIND_NO_MEMORY ? DISCO_EXIT_NO_MEMORY
                                                  : DISCO_EXIT_CALLBACK);
        return 1;
    }
    if (!(page.rights & DISCO_EXEC)) { /* may be run, not kept */
        *word = load_relaxed(
            (uint32_t *)(void *)(page.host + t->pc % PAGE / 4 * 4));
        return 0;
    }
    if (c->page)
        t->host->code_release(t->host->ctx, c->frame);
    c->page = tag;
    c->frame = page.frame;
    c->host = page.host;
    copy_code(c, page.host);
    *word = c->word[t->pc % PAGE / 4];
    return 0;
}

/* Act on requests; 1: leave. */
static int served(struct toy *t)
{
    uint32_t bits = t->host->poll(t->host->ctx);

    if (bits & DISCO_REQ_STOP)
        leave(t, DISCO_EXIT_SHUTDOWN);
    else if (bits & DISCO_REQ_KICK)
        leave(t, DISCO_EXIT_KICK);
    else if (bits & DISCO_REQ_TIMER)
        leave(t, DISCO_EXIT_BUDGET);
    else if ((bits & DISCO_REQ_IDLE) && !pending_lines(t))
        leave(t, DISCO_EXIT_IDLE);
    else if (bits & DISCO_REQ_YIELD)
        leave(t, DISCO_EXIT_YIELD);
    else
        return 0;
    return 1;
}

static void toy_run(void *state, disco_backend_run *run)
{
    struct toy *t = state;
    uint64_t end = t->insns + run->max_insns;
    enum toy_step what;
    uint32_t word;

    t->run = run;
    if (end < t->insns)
        end = UINT64_MAX;
    for (;;) {
        if (load_relaxed(t->host->request) && served(t))
            return;
        if (t->insns >= end || toy_cycles(t) >= run->until_cycles) {
            leave(t, DISCO_EXIT_BUDGET);
            return;
        }
        if (fetch(t, &word))
            return;
        if (load_relaxed(t->host->request))
            continue; /* what was fetched may be old by now */
        what = step(t, word);
        if (what == STEP_LEAVE)
            return;
        if (what == STEP_NEXT)
            t->pc += 4;
        store_relaxed(&t->insns, t->insns + 1);
    }
}

static void toy_complete(void *state, disco_status status, uint64_t value)
{
    struct toy *t = state;

    if (t->waiting == TOY_MMIO_LD && !status)
        t->r[t->waiting_reg] = value;
    if (t->waiting == TOY_HYPERCALL) {
        t->r[1] = (uint64_t)(int64_t)status;
        t->r[2] = value;
    }
    t->waiting = 0;
    t->pc += 4;
    store_relaxed(&t->insns, t->insns + 1);
}

const disco_backend_ops toy_ops = {
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
