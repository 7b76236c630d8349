/*
 * verify.c - the JIT's part of the consistency walk (mips/verify.c): what this
 * vCPU has translated is what its frames show, and the jump table leads to
 * nothing else.
 *
 * No vCPU of the machine runs, so nothing is evicted meanwhile.  A page that
 * was evicted before is dropped when this vCPU goes on: it is not looked at.
 */
#include "mips/jit/engine.h"
#include "mips/jit/jit.h"

/* The ref's page is there. */
static bool is_live(const struct mips_cpu *cpu, const struct jit_ref *r)
{
    struct jit *jit = cpu->jit.shared;
    bool live;

    if (!r->page)
        return false;
    lock_take(&jit->lock);
    live = jit_page_serial(jit, r->page) == r->serial;
    lock_give(&jit->lock);
    return live;
}

static bool is_current(const struct mips_cpu *cpu, const struct jit_ref *r,
                       uint64_t gpa)
{
    disco_backend_page page = { .host = (uint8_t *)(uintptr_t)r->host,
                                .frame = r->frame,
                                .rights = DISCO_READ | DISCO_EXEC,
                                .memory = UINT64_MAX };

    return cpu->host->is_current(cpu->host->ctx, gpa, &page);
}

const char *jit_verify_jump(const struct mips_cpu *cpu,
                            const struct jump_entry *j, uint32_t key,
                            uint64_t gpa)
{
    const struct jit_ref *r;
    bool is_known = false;

    for (unsigned i = 0; i < REF_BUCKETS; i++)
        for (r = cpu->jit.refs[i]; r; r = r->next) {
            if (!r->page || r->page->slot != j->slot)
                continue;
            is_known = true;
            if (!is_live(cpu, r) || (r->key == key && is_current(cpu, r, gpa)))
                return NULL;
        }
    return is_known ? "jump table holds a page that is not mapped so"
                    : "jump table holds code of no page";
}

static const char *check_ref(const struct mips_cpu *cpu,
                             const struct jit_ref *r)
{
    const struct jit_page *page = r->page;

    if (page->key != r->key)
        return "translated code is of another mode";
    if (!is_current(cpu, r, UINT64_MAX))
        return "translated code is held of a page that is not mapped so";
    if (page->is_private)
        return page->words == r->host ? NULL
                                      : "translated code is of another frame";
    if (!cpu->host->is_content(cpu->host->ctx, r->frame, page->content))
        return "translated code is not what the page shows";
    return NULL;
}

const char *jit_verify(const struct mips_cpu *cpu, uint64_t *frame)
{
    const char *bad = NULL;
    uint32_t count = 0;

    for (unsigned i = 0; cpu->jit.shared && i < REF_BUCKETS; i++)
        for (const struct jit_ref *r = cpu->jit.refs[i]; r && !bad;
             r = r->next) {
            count++;
            *frame = r->frame;
            if (is_live(cpu, r))
                bad = check_ref(cpu, r);
        }
    if (!bad && count != cpu->jit.ref_count)
        bad = "pages of translated code are miscounted";
    return bad;
}
