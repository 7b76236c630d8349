/*
 * find.c - from the guest's pc to translated code.
 *
 * What runs a few times only is not worth a translation, in time nor in memory:
 * half of what a kernel runs while it boots.  So a word that nothing was made
 * from is cold the first times that the guest comes to it: the interpreter runs
 * the block there.  That holds for words inside of blocks as well, where an
 * interrupt or a slice ended.
 */
#include <string.h>

#include "base/compiler.h"
#include "mips/interp.h"
#include "mips/jit/engine.h"
#include "mips/jit/unit.h"
#include "mips/predecode.h"

/*
 * Each vCPU counts for itself how often it came to a word that is not
 * translated, and then how often a step of heat ended with it: so a second VM
 * with the same code translates what it does not find, and not what both
 * together ran often.
 */

/* --- Cold code
 * ------------------------------------------------------------------------------
 */

static uint8_t *visits_of(struct mips_cpu *cpu)
{
    uint32_t h = (uint32_t)(cpu->pc >> 2) * UINT32_C(0x9e3779b1);

    return &cpu->jit.visits[h >> (32 - VISITS_LOG2)];
}

static bool has_cold_page(struct mips_cpu *cpu)
{
    if (!cpu->jit.cold)
        cpu->jit.cold =
            cpu->host->alloc(cpu->host->ctx, sizeof(*cpu->jit.cold));
    return cpu->jit.cold != NULL;
}

static unsigned cold_visits(const struct mips_cpu *cpu)
{
    return cpu->jit.shared->machine->translate_at_run - 1;
}

/*
 * Words that share a count are translated too early.  A count stays when its
 * word is translated, so that a second VM with the same code, which counts less
 * for it finds translations, has no reason to make more of them.
 */
static bool is_cold(struct mips_cpu *cpu, const struct jit_page *page)
{
    unsigned index = (unsigned)(cpu->pc & PAGE_OFFSET) / 4;
    unsigned enough = cold_visits(cpu);
    uint8_t *visits = visits_of(cpu);

    if (*visits >= enough || !has_cold_page(cpu))
        return false;
    /* Where a slice ended, inside of a block: it does not come back to it. */
    if (!cpu->jit.jumped && cpu->pc != cpu->jit.eret &&
        jit_bit(page->mark, index))
        return true;
    if (++*visits == enough && ++cpu->jit.warm > VISITS / 2) {
        memset(cpu->jit.visits, 0, sizeof(cpu->jit.visits));
        cpu->jit.warm = 0;
    }
    return true;
}

/* A step of heat has ended with this vCPU at pc: was it the last one? */
static bool is_hot(struct mips_cpu *cpu)
{
    uint8_t *visits = visits_of(cpu);

    if (*visits < UINT8_MAX)
        ++*visits;
    return *visits >= cold_visits(cpu) + HEAT_STEPS;
}

void jit_cold_end(struct mips_cpu *cpu)
{
    if (cpu->jit.cold)
        cpu->host->free(cpu->host->ctx, cpu->jit.cold, sizeof(*cpu->jit.cold));
    cpu->jit.cold = NULL;
}

/*
 * The instructions of the block at pc, decoded into the cold page.  As many as
 * run when its branch is taken: what the page has at the branch's target is
 * old.
 */
static unsigned decode_block(struct mips_cpu *cpu, const struct jit_page *page)
{
    unsigned first = (unsigned)(cpu->pc & PAGE_OFFSET) / 4, i = first;
    unsigned last = PAGE_INSNS - 1;
    struct slot *slot = cpu->jit.cold->slot;
    uint32_t isa = cpu->model->isa;
    bool in_slot = false;

    if (last - first >= BLOCK_INSNS_MAX)
        last = first + BLOCK_INSNS_MAX - 1;
    for (; i <= last; i++) {
        uint32_t word = jit_page_word(page, i);

        /* From the middle of straight code to where it was cut before. */
        if (i > first && !in_slot &&
            load_relaxed(&page->slot[i]) != jit_miss(cpu->jit.shared, i))
            break;
        predecode_plain(&slot[i], word, page->key, isa);
        /* A branch in a slot is reserved: nothing comes behind it. */
        in_slot = !in_slot && jit_is_branch(&slot[i]);
        if (!in_slot)
            continue;
        if (i + 1 == PAGE_INSNS)
            break;
        last = i + 1;
        predecode(&slot[i], word, jit_page_word(page, i + 1), i, page->key,
                  isa);
    }
    return i - first;
}

/* Did the interpreter come back before it had run them all? */
static bool comes_early(struct mips_cpu *cpu, int64_t insns)
{
    int64_t rest = cpu->left - insns;
    bool is_early;

    if (rest < 0) {
        insns = cpu->left;
        rest = 0;
    }
    cpu->left = insns;
    cpu->slice_end -= (uint64_t)rest;
    if (cpu->big)
        mips_exec_big(cpu);
    else
        mips_exec_little(cpu);
    is_early = cpu->left > 0;
    cpu->left += rest;
    cpu->slice_end += (uint64_t)rest;
    return is_early;
}

bool jit_interpret(struct mips_cpu *cpu, int64_t insns)
{
    return !comes_early(cpu, insns) && !mips_interrupt_due(cpu);
}

/* Stores to them are seen, though nothing is made from them. */
static void mark(struct mips_cpu *cpu, struct jit_page *page, unsigned insns)
{
    unsigned first = (unsigned)(cpu->pc & PAGE_OFFSET) / 4;

    if (!page->is_private)
        return;
    lock_take(&cpu->jit.shared->lock);
    for (unsigned i = 0; i < insns; i++)
        jit_bit_set(page->mark, first + i);
    lock_give(&cpu->jit.shared->lock);
}

bool jit_interpret_block(struct mips_cpu *cpu)
{
    struct jit_page *page = jit_page_at_pc(cpu);
    uint64_t behind;
    unsigned insns;
    bool is_early;

    if (!page || !has_cold_page(cpu))
        return jit_interpret(cpu, 1);
    insns = decode_block(cpu, page);
    behind = cpu->pc + 4u * insns;
    if (!insns) /* a branch whose slot is on the next page */
        return jit_interpret(cpu, 2);
    mark(cpu, page, insns);
    cpu->jit.cold->slot[((behind - 4) & PAGE_OFFSET) / 4 + 1].op = OP_PAGE_END;
    cpu->jit.cold->host = page->words;
    cpu->jit.cold->key = page->key;
    cpu->jit.runs_cold = true;
    cpu->jit.cold_began = false;
    is_early = comes_early(cpu, insns);
    cpu->jit.runs_cold = false;
    cpu->jit.jumped = !is_early || cpu->pc == behind;
    return !load_relaxed(cpu->request) && !mips_interrupt_due(cpu);
}

/* --- Translated code
 * ------------------------------------------------------------------------------
 */

static struct jump_entry *jump_of(struct mips_cpu *cpu, uint64_t va)
{
    return &cpu->table->jump[va >> PAGE_BITS & (JUMP_ENTRIES - 1)];
}

struct jit_page *jit_page_at_pc(struct mips_cpu *cpu)
{
    const struct jump_entry *j = jump_of(cpu, cpu->pc);

    if (j->tag != (cpu->pc & (PAGE_MASK | 3)))
        return NULL;
    return container_of(j->slot, struct jit_page, slot);
}

static enum found fetch(struct mips_cpu *cpu)
{
    disco_backend_page where;
    enum mips_result result;
    struct jump_entry *j;
    struct jit_ref *r;
    uint64_t va;

    result = mips_fetch_page(cpu, &va, &where);
    if (result != RES_OK)
        return result == RES_EXCEPTION ? FOUND_EXCEPTION : FOUND_LEAVE;
    if (!(where.rights & DISCO_EXEC))
        return FOUND_NOTHING; /* may be run, not kept */
    r = jit_ref_get(cpu, where.frame, where.host);
    if (!r)
        return FOUND_NOTHING;
    j = jump_of(cpu, va);
    j->tag = va & PAGE_MASK;
    j->slot = r->page->slot;
    cpu->table->used = true;
    return FOUND;
}

static enum found translate(struct mips_cpu *cpu, struct jit_page *page,
                            unsigned index)
{
    struct jit *jit = cpu->jit.shared;
    int failed = 0;

    lock_take(&jit->lock);
    if (cpu->jit.jumped && cpu->pc != cpu->jit.eret)
        jit_bit_set(page->leader, index);
    if (page->slot[index] == jit_miss(jit, index))
        failed = jit_compile_block(jit, page, index, cpu->pc & PAGE_MASK);
    lock_give(&jit->lock);
    return failed ? FOUND_NOTHING : FOUND;
}

enum found jit_find(struct mips_cpu *cpu)
{
    unsigned index = (unsigned)(cpu->pc & PAGE_OFFSET) / 4;
    struct jit_page *page = jit_page_at_pc(cpu);

    if (!page) {
        enum found found = fetch(cpu);

        if (found != FOUND || cpu->resync)
            return found;
        page = jit_page_at_pc(cpu);
    }
    if (load_acquire(&page->slot[index]) != jit_miss(cpu->jit.shared, index))
        return FOUND;
    return is_cold(cpu, page) ? FOUND_COLD : translate(cpu, page, index);
}

void jit_heat_ended(struct mips_cpu *cpu)
{
    unsigned index = (unsigned)(cpu->pc & PAGE_OFFSET) / 4;
    struct jit_page *page = jit_page_at_pc(cpu);
    struct jit *jit = cpu->jit.shared;

    if (!page)
        return;
    lock_take(&jit->lock);
    page->heat[index].left = (uint8_t)jit_heat_step(jit);
    if (page->heat[index].steps < UINT8_MAX)
        page->heat[index].steps++;
    if (is_hot(cpu))
        jit_compile_region(jit, page, index, cpu->pc & PAGE_MASK);
    lock_give(&jit->lock);
}
