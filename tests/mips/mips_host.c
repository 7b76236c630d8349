/*
 * mips_host.c - see mips_host.h.
 */
#include "mips_host.h"

#include <stdlib.h>
#include <string.h>

#include "mips/cpu.h"
#include "mips/mips.h"

static const disco_backend_ops *const ops = &mips_backend_ops;

static void must(bool condition)
{
    if (!condition)
        abort();
}

/* --- Pages ------------------------------------------------------------------
 */

static uint64_t page_of(uint64_t gpa)
{
    return gpa >> 12;
}

static uint8_t *page_host(const struct mips_host *h, uint64_t pfn)
{
    return h->ram + (pfn << 12);
}

static void drop_write(struct host_vcpu *v, uint64_t pfn)
{
    struct mips_host *h = v->host;

    for (unsigned i = 0; i < h->vcpus; i++)
        if (h->vcpu[i].state && (h->threads == 1 || i == v->index))
            ops->invalidate(h->vcpu[i].state, DISCO_DROP_WRITE,
                            page_host(h, pfn), HOST_FRAME + pfn);
}

/* Alone on the page?  One thread only: nobody else can be told otherwise. */
static uint32_t exclusive(struct host_vcpu *v, uint64_t pfn)
{
    struct mips_host *h = v->host;
    uint32_t me = 1u << v->index;

    if (h->threads > 1)
        return 0;
    if (h->touched[pfn] & ~me && !(h->touched[pfn] & me))
        drop_write(v, pfn);
    h->touched[pfn] |= me;
    return h->touched[pfn] == me ? DISCO_EXCLUSIVE : 0;
}

static uint32_t resolve(void *ctx, uint64_t gpa, uint32_t access,
                        disco_backend_page *page)
{
    struct host_vcpu *v = ctx;
    struct mips_host *h = v->host;
    uint64_t pfn = page_of(gpa);

    if (h->threads == 1)
        h->resolves++;
    if (gpa >= HOST_MMIO && gpa < HOST_MMIO_END) {
        page->rights = h->mmio_untrapped;
        return DISCO_BEHIND_MMIO;
    }
    if (pfn >= h->pages || h->kind[pfn] == HOST_NOTHING)
        return DISCO_BEHIND_NOTHING;
    if (h->kind[pfn] == HOST_NO_MEMORY)
        return DISCO_BEHIND_NO_MEMORY;
    if (access == DISCO_EXEC && !h->pinned &&
        !(or_seq(&h->holders[pfn], 1u << v->index) >> v->index & 1))
        drop_write(v, pfn);
    page->host = page_host(h, pfn);
    page->frame = HOST_FRAME + pfn;
    page->memory = HOST_FRAME + pfn;
    page->code = h->kind[pfn] == HOST_RAM && load_seq(&h->holders[pfn]);
    page->rights = DISCO_READ;
    if (h->kind[pfn] == HOST_RAM && !page->code)
        page->rights |= DISCO_WRITE;
    if (access == DISCO_EXEC && !h->pinned)
        page->rights |= DISCO_EXEC;
    page->rights |= exclusive(v, pfn);
    return DISCO_BEHIND_RAM;
}

static void code_release(void *ctx, uint64_t frame)
{
    struct host_vcpu *v = ctx;

    must(frame - HOST_FRAME < v->host->pages);
    and_seq(&v->host->holders[frame - HOST_FRAME], ~(1u << v->index));
}

/* Is a plain store right here?  Others might watch the line. */
static bool may_store_plainly(struct host_vcpu *v, uint64_t pfn)
{
    return v->cb.vcpus_max == 1 || v->host->touched[pfn] == 1u << v->index;
}

static int32_t is_current(void *ctx, uint64_t gpa,
                          const disco_backend_page *page)
{
    struct host_vcpu *v = ctx;
    struct mips_host *h = v->host;
    uint64_t pfn = gpa != UINT64_MAX ? page_of(gpa) : page->frame - HOST_FRAME;
    uint32_t me = 1u << v->index;

    if (pfn >= h->pages || page->host != page_host(h, pfn) ||
        (page->frame != UINT64_MAX && page->frame != HOST_FRAME + pfn) ||
        (page->memory != UINT64_MAX && page->memory != HOST_FRAME + pfn))
        return 0;
    if ((page->rights & DISCO_EXEC) && !(h->holders[pfn] & me))
        return 0;
    if ((page->rights & DISCO_EXCLUSIVE) && !may_store_plainly(v, pfn))
        return 0;
    if (!(page->rights & DISCO_WRITE))
        return 1;
    return h->kind[pfn] == HOST_RAM &&
           !(h->holders[pfn] & ~(page->code ? me : 0));
}

static int32_t is_content(void *ctx, uint64_t frame, const void *content)
{
    const struct host_vcpu *v = ctx;

    return !memcmp(page_host(v->host, frame - HOST_FRAME), content, 4096);
}

static void code_store_begin(void *ctx, uint64_t frame)
{
    struct host_vcpu *v = ctx;
    struct mips_host *h = v->host;
    uint64_t pfn = frame - HOST_FRAME;

    must(pfn < h->pages && h->threads == 1);
    for (unsigned i = 0; i < h->vcpus; i++) {
        if (i == v->index || !(h->holders[pfn] >> i & 1))
            continue;
        ops->invalidate(h->vcpu[i].state, DISCO_DROP_CODE, page_host(h, pfn),
                        frame);
        h->holders[pfn] &= ~(1u << i);
    }
}

static void code_store_end(void *ctx, uint64_t frame)
{
    struct host_vcpu *v = ctx;

    must(frame - HOST_FRAME < v->host->pages);
}

void host_drop_code(struct mips_host *h, uint64_t gpa)
{
    uint64_t pfn = page_of(gpa);

    for (unsigned i = 0; i < h->vcpus; i++)
        ops->invalidate(h->vcpu[i].state, DISCO_DROP_CODE, page_host(h, pfn),
                        HOST_FRAME + pfn);
    h->holders[pfn] = 0;
}

void host_set_kind(struct mips_host *h, uint64_t gpa, enum host_kind kind)
{
    uint64_t pfn = page_of(gpa);

    for (unsigned i = 0; i < h->vcpus; i++)
        ops->invalidate(h->vcpu[i].state, DISCO_DROP_FRAME, page_host(h, pfn),
                        HOST_FRAME + pfn);
    h->holders[pfn] = 0;
    h->touched[pfn] = 0;
    h->kind[pfn] = kind;
}

/* --- Devices and calls ------------------------------------------------------
 */

static struct host_access *log_access(struct mips_host *h, uint64_t gpa,
                                      uint32_t bytes, uint64_t value,
                                      bool write)
{
    struct host_access *a = &h->log[h->accesses++ % HOST_LOG];

    *a = (struct host_access){ gpa, value, bytes, write };
    return a;
}

static disco_status mmio(struct host_vcpu *v, uint64_t gpa, uint32_t bytes,
                         uint64_t *value, bool write)
{
    struct mips_host *h = v->host;
    struct host_access *a = log_access(h, gpa, bytes, *value, write);

    if (h->on_mmio)
        h->on_mmio(v, a);
    if (!write)
        *value = h->mmio_value;
    return h->mmio_status;
}

static disco_status mmio_read(void *ctx, uint64_t gpa, uint32_t bytes,
                              uint64_t *value)
{
    *value = 0;
    return mmio(ctx, gpa, bytes, value, false);
}

static disco_status mmio_write(void *ctx, uint64_t gpa, uint32_t bytes,
                               uint64_t value)
{
    return mmio(ctx, gpa, bytes, &value, true);
}

static disco_status moncall(void *ctx, uint32_t code, const uint64_t arg[6],
                            uint64_t result[2])
{
    struct host_vcpu *v = ctx;
    struct mips_host *h = v->host;

    h->calls++;
    h->call_code = code;
    memcpy(h->call_arg, arg, sizeof(h->call_arg));
    memcpy(result, h->call_result, sizeof(h->call_result));
    return h->call_status;
}

/* --- A cache that costs nothing: one line a set, each vCPU its own
 * ----------*/

static uint64_t line_access(void *ctx, uint64_t name, uint64_t gpa,
                            uint32_t access, disco_backend_line **out)
{
    struct host_vcpu *v = ctx;
    disco_backend_line *line = &v->cache[name % HOST_LINES_HELD];

    (void)gpa;
    if (line->name != name)
        line->rights = DISCO_READ;
    if (access & DISCO_WRITE)
        line->rights |= DISCO_WRITE;
    line->name = name;
    line->used = ++v->uses;
    line->clock = &v->uses;
    *out = line;
    return 0;
}

/* --- Requests and time
 * -------------------------------------------------------*/

static uint32_t poll_requests(void *ctx)
{
    struct host_vcpu *v = ctx;
    uint32_t bits = exchange_seq(&v->request, 0);

    add_seq(&v->polls, 1);
    return (bits & ~(uint32_t)DISCO_REQ_INVALIDATE) | v->host->poll_bits;
}

/* Wait for each running vCPU to poll or to leave. */
static void barrier(void *ctx)
{
    struct host_vcpu *self = ctx;
    struct mips_host *h = self->host;

    if (h->threads == 1) {
        h->barriers++;
        return;
    }
    store_seq(&self->running, 0);
    for (unsigned i = 0; i < h->vcpus; i++) {
        struct host_vcpu *v = &h->vcpu[i];
        uint32_t polls = load_seq(&v->polls);
        unsigned spins = 0;

        if (v == self)
            continue;
        or_seq(&v->request, DISCO_REQ_INVALIDATE);
        while (load_seq(&v->running) && load_seq(&v->polls) == polls)
            wait_step(&spins);
    }
    store_seq(&self->running, 1);
}

static uint64_t clock_sync(void *ctx, uint64_t cycles)
{
    struct host_vcpu *v = ctx;
    uint64_t now = load_seq(&v->host->clock);

    while (now < cycles)
        if (cas_seq(&v->host->clock, &now, cycles))
            return cycles;
    return now;
}

static void log_text(void *ctx, int32_t level, const char *text)
{
    (void)ctx;
    (void)level;
    (void)text;
}

/* --- Memory of the backend
 * -----------------------------------------------------*/

static void *machine_alloc(void *ctx, uint64_t bytes)
{
    struct mips_host *h = ctx;
    void *ptr;

    if (h->threads == 1 && h->fail_in > 0 && --h->fail_in == 0)
        return NULL;
    ptr = calloc(1, bytes);
    must(ptr != NULL);
    add_seq(&h->live, 1);
    if (h->threads == 1) {
        h->live_bytes += bytes;
        if (h->live_bytes > h->peak_bytes)
            h->peak_bytes = h->live_bytes;
    }
    return ptr;
}

static void machine_dealloc(void *ctx, void *ptr, uint64_t bytes)
{
    struct mips_host *h = ctx;

    must(ptr != NULL);
    sub_seq(&h->live, 1);
    if (h->threads == 1)
        h->live_bytes -= bytes;
    free(ptr);
}

/* Code memory is not part of what is watched. */
static void machine_account(void *ctx, int64_t bytes)
{
    struct mips_host *h = ctx;

    add_seq(&h->code_bytes, (uint64_t)bytes);
}

static void *host_alloc(void *ctx, uint64_t bytes)
{
    return machine_alloc(((struct host_vcpu *)ctx)->host, bytes);
}

static void host_dealloc(void *ctx, void *ptr, uint64_t bytes)
{
    machine_dealloc(((struct host_vcpu *)ctx)->host, ptr, bytes);
}

/* --- Life
 * -----------------------------------------------------------------------*/

struct mips_host *host_new(uint64_t ram_bytes, uint32_t threads)
{
    struct mips_host *h = calloc(1, sizeof(*h));

    must(h != NULL);
    h->pages = ram_bytes >> 12;
    h->ram_block = calloc(1, ram_bytes + 4096);
    h->kind = calloc(h->pages, 1);
    h->holders = calloc(h->pages, sizeof(*h->holders));
    h->touched = calloc(h->pages, sizeof(*h->touched));
    h->lines = calloc(1, sizeof(*h->lines));
    must(h->ram_block && h->kind && h->holders && h->touched && h->lines);
    h->ram = h->ram_block + (-(uintptr_t)h->ram_block & 4095);
    h->threads = threads;
    h->big = true;
    h->machine = (disco_backend_machine){
        .size = sizeof(h->machine),
        .translate_at_run = 1,
        .ctx = h,
        .alloc = machine_alloc,
        .free = machine_dealloc,
        .account = machine_account,
        .code_cache_bytes = 4 << 20,
    };
    must(ops->machine_begin(&h->machine, &h->shared) == DISCO_OK);
    return h;
}

bool host_free(struct mips_host *h)
{
    bool clean;

    for (unsigned i = 0; i < h->vcpus; i++)
        ops->destroy(h->vcpu[i].state);
    ops->machine_end(h->shared);
    clean = h->live == 0 && (h->threads > 1 || h->live_bytes == 0) &&
            h->code_bytes == 0;
    free(h->ram_block);
    free(h->kind);
    free(h->holders);
    free(h->touched);
    free(h->lines);
    free(h);
    return clean;
}

struct host_vcpu *host_vcpu(struct mips_host *h,
                            const disco_vcpu_config *config, uint32_t vcpus_max)
{
    disco_vcpu_config c = { .size = sizeof(c) };
    struct host_vcpu *v = &h->vcpu[h->vcpus];

    must(h->vcpus < HOST_VCPUS);
    if (config)
        c = *config;
    if (c.engine == DISCO_ENGINE_BEST)
        c.engine = HOST_ENGINE;
    *v = (struct host_vcpu){ .host = h, .index = h->vcpus };
    v->cb = (disco_backend_host){
        .size = sizeof(v->cb),
        .vcpu_index = v->index,
        .ctx = v,
        .request = &v->request,
        .line_monitor = h->lines,
        .threads = h->threads,
        .vcpus_max = vcpus_max,
        .cpu_hz = 200000000,
        .resolve = resolve,
        .code_release = code_release,
        .code_store_begin = code_store_begin,
        .code_store_end = code_store_end,
        .mmio_read = mmio_read,
        .mmio_write = mmio_write,
        .barrier = barrier,
        .poll = poll_requests,
        .clock_sync = clock_sync,
        .moncall = moncall,
        .log = log_text,
        .alloc = host_alloc,
        .free = host_dealloc,
        .line_access = line_access,
        .is_current = is_current,
        .is_content = is_content,
        .line_bytes = HOST_LINE_BYTES,
        .line_epoch = HOST_LINE_BYTES != 0,
        .shared = h->shared,
    };
    if (ops->create(&v->cb, &c, &v->state, NULL))
        return NULL;
    /* So that the JIT does what a run of a few instructions does. */
    ((struct mips_cpu *)v->state)->jit.exact = true;
    h->big = c.order != DISCO_LITTLE;
    h->vcpus++;
    return v;
}

/* --- Memory
 * -----------------------------------------------------------------------*/

static uint64_t get(const struct mips_host *h, uint64_t gpa, unsigned bytes)
{
    uint64_t v = 0;

    must(gpa + bytes <= h->pages << 12);
    for (unsigned i = 0; i < bytes; i++)
        v = v << 8 | h->ram[gpa + (h->big ? i : bytes - 1 - i)];
    return v;
}

static void put(struct mips_host *h, uint64_t gpa, uint64_t v, unsigned bytes)
{
    must(gpa + bytes <= h->pages << 12);
    for (unsigned i = 0; i < bytes; i++, v >>= 8)
        h->ram[gpa + (h->big ? bytes - 1 - i : i)] = (uint8_t)v;
}

void host_put32(struct mips_host *h, uint64_t gpa, uint32_t v)
{
    put(h, gpa, v, 4);
}

void host_put64(struct mips_host *h, uint64_t gpa, uint64_t v)
{
    put(h, gpa, v, 8);
}

uint32_t host_get32(const struct mips_host *h, uint64_t gpa)
{
    return (uint32_t)get(h, gpa, 4);
}

uint64_t host_get64(const struct mips_host *h, uint64_t gpa)
{
    return get(h, gpa, 8);
}

void host_words(struct mips_host *h, uint64_t gpa, const uint32_t *words,
                unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        host_put32(h, gpa + 4 * i, words[i]);
        if (i == 0 || (gpa + 4 * i) % 4096 == 0)
            host_drop_code(h, gpa + 4 * i);
    }
}

/* --- Registers and running
 * -----------------------------------------------------------*/

uint64_t host_reg(struct host_vcpu *v, uint64_t id)
{
    uint64_t value = 0;

    must(ops->get_reg(v->state, id, &value) == DISCO_OK);
    return value;
}

void host_set_reg(struct host_vcpu *v, uint64_t id, uint64_t value)
{
    must(ops->set_reg(v->state, id, value) == DISCO_OK);
}

uint32_t host_run_until(struct host_vcpu *v, uint64_t n, uint64_t cycles)
{
    v->last = (disco_backend_run){ .max_insns = n, .until_cycles = cycles };
    store_seq(&v->running, 1);
    ops->run(v->state, &v->last);
    store_seq(&v->running, 0);
    return v->last.reason;
}

uint32_t host_run(struct host_vcpu *v, uint64_t n)
{
    return host_run_until(v, n, UINT64_MAX);
}

void host_tlb(struct host_vcpu *v, unsigned index, uint64_t hi, uint64_t lo0,
              uint64_t lo1, uint32_t mask)
{
    host_set_reg(v, DISCO_REG_TLB(index, DISCO_TLB_ENTRYHI), hi);
    host_set_reg(v, DISCO_REG_TLB(index, DISCO_TLB_ENTRYLO0), lo0);
    host_set_reg(v, DISCO_REG_TLB(index, DISCO_TLB_ENTRYLO1), lo1);
    host_set_reg(v, DISCO_REG_TLB(index, DISCO_TLB_PAGEMASK), mask);
}

void host_stats(struct host_vcpu *v, disco_vcpu_stats *out)
{
    memset(out, 0, sizeof(*out));
    out->size = sizeof(*out);
    ops->stats(v->state, out);
}

/* --- Checking
 * --------------------------------------------------------------------------*/

static const char *check_tag(struct host_vcpu *v, uintptr_t addend, bool plain,
                             uint64_t va, uint32_t access)
{
    struct mips_host *h = v->host;
    uint64_t gpa, pfn;

    if (va == NO_TAG)
        return NULL;
    if (ops->translate(v->state, va, access, &gpa))
        return "access table holds what does not translate";
    pfn = page_of(gpa);
    if (pfn >= h->pages)
        return "access table holds what is no RAM";
    if ((uint8_t *)(addend + (uintptr_t)va) !=
        page_host(h, pfn) + (va & PAGE_OFFSET))
        return "access table shows another page";
    if (access == DISCO_WRITE && h->kind[pfn] != HOST_RAM)
        return "access table allows stores to ROM";
    if (access == DISCO_WRITE && h->holders[pfn])
        return "access table allows stores to code";
    if (access == DISCO_WRITE && plain && !may_store_plainly(v, pfn))
        return "access table allows stores that nobody is told of";
    return NULL;
}

static const char *check_tlb(const struct mips_cpu *cpu)
{
    for (unsigned i = 0; i < TLB_ENTRIES; i++) {
        for (unsigned j = i + 1; j < TLB_ENTRIES; j++) {
            const struct tlb_entry *a = &cpu->tlb[i], *b = &cpu->tlb[j];

            if (a->cmp != UINT64_MAX && b->cmp != UINT64_MAX &&
                ((a->tag ^ b->tag) & a->cmp & b->cmp) == 0)
                return "two TLB entries match one address";
        }
    }
    return NULL;
}

/* The page of code that is stored to directly. */
static const char *check_own(struct host_vcpu *v)
{
    const struct access_table *t = ((struct mips_cpu *)v->state)->table;
    uint64_t gpa, pfn;

    if (t->own_tag == NO_TAG)
        return NULL;
    if (ops->translate(v->state, t->own_tag, DISCO_WRITE, &gpa))
        return "own code page does not translate";
    pfn = page_of(gpa);
    if (pfn >= v->host->pages || t->own_host != page_host(v->host, pfn) ||
        t->own_frame != HOST_FRAME + pfn)
        return "own code page is another page";
    if (v->host->holders[pfn] & ~(1u << v->index) || !may_store_plainly(v, pfn))
        return "own code page is somebody else's too";
    return NULL;
}

static const char *check_fetch(struct host_vcpu *v, const struct fetch_entry *f)
{
    struct mips_cpu *cpu = v->state;
    uint64_t gpa;

    if (f->tag == NO_TAG)
        return NULL;
    if (ops->translate(v->state, f->tag, DISCO_EXEC, &gpa))
        return "fetch table holds what does not translate";
    if (f->page->frame != HOST_FRAME + page_of(gpa) ||
        f->page->key != cpu->config_key)
        return "fetch table shows another page";
    if (!(v->host->holders[page_of(gpa)] >> v->index & 1))
        return "the monitor does not know of held code";
    return NULL;
}

/* The near table is made from the access table, and dropped with it. */
static const char *check_near(struct host_vcpu *v)
{
    const struct near_table *n = &((struct mips_cpu *)v->state)->table->near;
    const char *bad = NULL;

    for (unsigned i = 0; i < NEAR_ENTRIES && !bad; i++) {
        bad = check_tag(v, n->addend[i], true, n->rtag[i], DISCO_READ);
        if (!bad)
            bad = check_tag(v, n->addend[i], true, n->wtag[i], DISCO_WRITE);
    }
    return bad;
}

static const char *check_jump(struct host_vcpu *v, const struct jump_entry *j)
{
    uint64_t gpa;

    if (j->tag == NO_TAG)
        return NULL;
    if (ops->translate(v->state, j->tag, DISCO_EXEC, &gpa))
        return "jump table holds what does not translate";
    if (!(v->host->holders[page_of(gpa)] >> v->index & 1))
        return "the monitor does not know of translated code";
    return NULL;
}

const char *host_verify(struct host_vcpu *v)
{
    struct mips_cpu *cpu = v->state;
    disco_error err = { .size = sizeof(err) };
    const char *bad = check_tlb(cpu);

    for (unsigned i = 0; i < ACCESS_ENTRIES && !bad; i++) {
        const struct access_entry *e = &cpu->table->data[i];

        bad = check_tag(v, e->addend, true, e->rtag, DISCO_READ);
        if (!bad)
            bad = check_tag(v, e->addend, e->wtag != NO_TAG, e->wtag & e->stag,
                            DISCO_WRITE);
    }
    for (unsigned i = 0; i < LINE_ENTRIES && cpu->line && !bad; i++) {
        const struct line_entry *e = &cpu->line->data[cpu->mode][i];

        bad = check_tag(v, e->addend, true, e->rtag, DISCO_READ);
        if (!bad)
            bad = check_tag(v, e->addend, e->wtag != NO_TAG, e->wtag & e->stag,
                            DISCO_WRITE);
    }
    for (unsigned i = 0; i < FETCH_ENTRIES && !bad; i++)
        bad = check_fetch(v, &cpu->table->fetch[i]);
    for (unsigned i = 0; i < JUMP_ENTRIES && !bad; i++)
        bad = check_jump(v, &cpu->table->jump[i]);
    if (!bad)
        bad = check_near(v);
    if (!bad)
        bad = check_own(v);
    if (!bad && ops->verify(v->state, &err) != DISCO_OK)
        bad = "verify";
    return bad;
}
