/*
 * dump.c - translated code for those who debug it: what is made is shown to the
 * machine's watcher, with a text of how it came about.  All with jit->lock,
 * unless said otherwise.  Costs nothing while nobody watches, but for the notes
 * that emit.c takes of where it is.
 */
#include <disco/vcpu.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/compiler.h"
#include "mips/insn.h"
#include "mips/jit/emit.h"
#include "mips/jit/engine.h"
#include "mips/regnames.h"

/* What is said of the biggest unit fits; a text that does not is cut. */
enum { TEXT_BYTES = 512 * 1024 };

struct text {
    char *at;
    size_t room; /* with the final zero */
};

static void PRINTF_LIKE(2, 3) put(struct text *t, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(t->at, t->room, format, args);
    va_end(args);
    if (n < 0)
        return;
    if ((size_t)n >= t->room)
        n = t->room ? (int)t->room - 1 : 0;
    t->at += n;
    t->room -= (size_t)n;
}

/* --- Names
 * ------------------------------------------------------------------------- */

static const char *const op_names[OP_FUSED] = {
    [OP_DECODE] = "DECODE",
    [OP_PAGE_END] = "PAGE_END",
    [OP_EDGE] = "EDGE",
#define ONE(name)          [OP_##name] = #name,
#define TWO(name)          [OP_##name##_R] = #name "_R", [OP_##name##_I] = #name "_I",
#define UOP_ALU(name, ...) TWO(name)
#define UOP_OVF(name, ...) TWO(name)
#define UOP_BR(name, ...) \
    [OP_##name##_PN] = #name, [OP_##name##_PNL] = #name "_LIKELY",
#define UOP_TRAP(name, ...)  TWO(name)
#define UOP_LOAD(name, ...)  ONE(name)
#define UOP_STORE(name, ...) ONE(name)
#define UOP_FP3(name, ...)   ONE(name)
#define UOP_FP2(name, ...)   ONE(name)
#define UOP_FP4(name, ...)   ONE(name)
#define UOP_FCMP(name, ...)  ONE(name)
#define UOP_JUMP(name)       ONE(name)
#define UOP_FOP(name, kind)  ONE(name)
#define UOP_OP(name)         ONE(name)
#include "mips/uop.def"
};

static const char *item_name(unsigned item)
{
    return item == ITEM_HI   ? "hi"
           : item == ITEM_LO ? "lo"
                             : mips_gpr_name(item);
}

static const char *host_name(int reg)
{
    static const char *const names[] = {
        "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
        "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15",
    };

    return names[reg & 15];
}

static const char *cold_name(unsigned kind)
{
    static const char *const names[] = {
        [COLD_LOAD] = "slow load",
        [COLD_STORE] = "slow store",
        [COLD_PART] = "slow part of a word",
        [COLD_GROUP] = "group",
        [COLD_BUDGET] = "budget",
        [COLD_HOT] = "hot",
        [COLD_RAISE] = "exception",
        [COLD_IN_C] = "in C",
        [COLD_FP_GO] = "first FP",
        [COLD_FP_SIGN] = "sign of a NaN",
        [COLD_EDGE] = "way on",
        [COLD_FAR] = "jump from another address",
    };

    return kind < ARRAY_LEN(names) && names[kind] ? names[kind] : "?";
}

/* --- What was found
 * ---------------------------------------------------------------- */

static uint64_t address(const struct jit_unit_plan *u, int64_t word)
{
    return u->gva + (uint64_t)(4 * word);
}

static void put_items(struct text *t, const char *what, uint64_t items,
                      uint32_t fp)
{
    put(t, "#   %s:", what);
    for (; items; items &= items - 1)
        put(t, " %s", item_name((unsigned)__builtin_ctzll(items)));
    for (; fp; fp &= fp - 1)
        put(t, " f%d", __builtin_ctz(fp));
    put(t, "\n");
}

static void put_homes(struct text *t, const struct jit_unit_plan *u)
{
    put(t, "# homes:");
    for (unsigned i = 0; i < ITEMS; i++)
        if (u->homed >> i & 1)
            put(t, " %s=%s", item_name(i), host_name(u->home[i]));
    for (unsigned i = 0; i < 32; i++)
        if (u->fp_homed >> i & 1)
            put(t, " f%u=xmm%d", i, u->fp_home[i]);
    put(t, "\n");
}

static void put_way(struct text *t, const struct jit_unit_plan *u,
                    const char *what, int64_t word, int16_t block)
{
    put(t, "%s%" PRIx64, what, address(u, word));
    if (block != OUTSIDE)
        put(t, " (block %d)", block);
}

static void put_end(struct text *t, const struct jit_unit_plan *u,
                    const struct jit_block *k)
{
    int64_t next = k->index + k->insns;

    switch ((enum block_end)k->end) {
    case END_FALL:
        put_way(t, u, "goes on at ", next, k->succ[0]);
        break;
    case END_BRANCH:
        put_way(t, u, "branches to ", k->target, k->succ[1]);
        put_way(t, u, ", or ", next, k->succ[0]);
        break;
    case END_JUMP:
        put(t, "jumps to %" PRIx64,
            insn_jump_target(jit_word(u, (unsigned)next - 2),
                             address(u, next - 2)));
        if (k->succ[1] != OUTSIDE)
            put(t, " (block %d)", k->succ[1]);
        break;
    case END_REGISTER:
        put(t, "jumps by register");
        break;
    case END_OP:
        put(t, "its last instruction decides");
        break;
    case END_INTERPRET:
        put(t, "the interpreter goes on");
        break;
    }
}

static void put_block(struct text *t, const struct jit_unit_plan *u,
                      int16_t number)
{
    const struct jit_block *k = &u->block[number];

    put(t, "# block %d at %" PRIx64 ": %u instructions", number,
        address(u, k->index), k->insns);
    if (k->is_charged)
        put(t, ", charged before");
    if (k->ahead)
        put(t, ", charges %u more", k->ahead);
    if (k->is_loop)
        put(t, ", loop");
    put(t, "; ");
    put_end(t, u, k);
    put(t, "\n");
    put_items(t, "live", k->live_in, k->fp_live_in);
    put_items(t, "needed", k->need_in, 0);
    if (k->dirty_in || k->fp_dirty_in)
        put_items(t, "dirty", k->dirty_in, k->fp_dirty_in);
}

static void put_found(struct text *t, const struct jit_unit_plan *u)
{
    put(t, "# %s: %u instructions, %u blocks, mode 0x%x\n",
        u->is_region ? "region" : "block", u->insns, u->blocks, u->key);
    put_homes(t, u);
    for (unsigned n = 0; n < u->blocks; n++)
        put_block(t, u, u->order[n]);
}

/* --- What was written
 * -------------------------------------------------------------- */

static void put_insn(struct text *t, const struct jit_unit_plan *u, unsigned i)
{
    const struct slot *s = &u->insn[i];
    uint64_t pc = address(u, u->word[i]);
    uint32_t word = jit_word(u, u->word[i]);
    char text[80];

    if (disco_disassemble(word, pc, text, sizeof(text)))
        text[0] = '\0';
    text[strcspn(text, "\t")] = ' ';
    put(t, "%016" PRIx64 " %08" PRIx32 " %-28s ; %s d=%u a=%u b=%u", pc, word,
        text, s->op < OP_FUSED ? op_names[s->op] : "?", s->d, s->a, s->b);
    if (s->x)
        put(t, " x=%u", s->x);
    put(t, " imm=%" PRId32 "\n", s->imm);
}

static void put_note(struct text *t, const struct emit *e, const struct note *n)
{
    const struct jit_unit_plan *u = e->u;

    put(t, "@%x ", n->offset);
    switch ((enum note_kind)n->kind) {
    case NOTE_INSN:
        put_insn(t, u, n->of);
        break;
    case NOTE_BLOCK:
        put(t, "# block %u\n", n->of);
        break;
    case NOTE_ENTRY:
        put(t, "# from outside to block %u\n", n->of);
        break;
    case NOTE_COLD:
        put(t, "# rare: %s, of %" PRIx64 "\n", cold_name(e->cold[n->of].kind),
            address(u, u->word[e->cold[n->of].from]));
        break;
    case NOTE_TABLE:
        put(t, "# jumps by register\n");
        break;
    case NOTE_END:
        put(t, "# data\n");
        break;
    }
}

/* A branch is noted before and after its slot: nothing may be before it. */
static bool is_idle(const struct emit *e, unsigned i)
{
    const struct note *n = &e->note[i];

    return i + 2 < e->notes && n[0].kind == NOTE_INSN &&
           n[2].kind == NOTE_INSN && n[0].of == n[2].of &&
           n[0].offset == n[1].offset;
}

static void put_written(struct text *t, const struct emit *e)
{
    for (unsigned i = 0; i < e->notes; i++)
        if (!is_idle(e, i))
            put_note(t, e, &e->note[i]);
}

void jit_show(struct jit *jit, const struct emit *e,
              const struct jit_unit *unit)
{
    const struct jit_unit_plan *u = e->u;
    struct text t = { jit->watch.text, TEXT_BYTES };
    disco_code code = {
        .size = sizeof(code),
        .kind = u->is_region ? DISCO_CODE_REGION : DISCO_CODE_BLOCK,
        .gva = address(u, u->block[0].index),
        .insns = u->insns,
        .host_bytes = unit->code_bytes,
        .host = unit->code,
        .text = jit->watch.text,
    };

    if (e->notes && e->note[e->notes - 1].kind == NOTE_END)
        code.host_bytes = e->note[e->notes - 1].offset;
    if (t.at) {
        put_found(&t, u);
        put_written(&t, e);
    }
    jit->watch.fn(jit->watch.opaque, &code);
}

/* --- Routines
 * ---------------------------------------------------------------------- */

struct routine {
    const char *name;
    const uint8_t *at;
};

#define ROUTINE(name)                              \
    {                                              \
#name, (const uint8_t *)jit->routines.name \
    }

static unsigned list_routines(const struct jit *jit, struct routine *out)
{
    const struct routine all[] = {
        ROUTINE(enter),
        ROUTINE(enter_at),
        ROUTINE(leave),
        ROUTINE(dispatch),
        ROUTINE(jump),
        ROUTINE(resume),
        ROUTINE(budget),
        ROUTINE(tail),
        ROUTINE(hot),
        ROUTINE(interpret),
        ROUTINE(raise),
        ROUTINE(load[0][0]),
        ROUTINE(load[0][1]),
        ROUTINE(load[0][2]),
        ROUTINE(load[0][3]),
        ROUTINE(load[1][0]),
        ROUTINE(load[1][1]),
        ROUTINE(load[1][2]),
        ROUTINE(load[1][3]),
        ROUTINE(store[0][0]),
        ROUTINE(store[0][1]),
        ROUTINE(store[0][2]),
        ROUTINE(store[0][3]),
        ROUTINE(store[1][0]),
        ROUTINE(store[1][1]),
        ROUTINE(store[1][2]),
        ROUTINE(store[1][3]),
        ROUTINE(op),
        ROUTINE(op_fp),
        ROUTINE(op_end),
        ROUTINE(fp_go),
        ROUTINE(miss),
        { "constants", (const uint8_t *)jit->constants },
    };

    memcpy(out, all, sizeof(all));
    return ARRAY_LEN(all);
}

/* Each ends where the next one starts. */
static uint32_t bytes_of(const struct routine *r, unsigned count, unsigned i)
{
    const uint8_t *end = NULL;

    for (unsigned k = 0; k < count; k++)
        if (r[k].at > r[i].at && (!end || r[k].at < end))
            end = r[k].at;
    return end ? (uint32_t)(end - r[i].at) : 0;
}

void jit_show_routines(struct jit *jit)
{
    struct routine r[48];
    unsigned count;

    if (!jit->watch.fn)
        return;
    count = list_routines(jit, r);
    for (unsigned i = 0; i < count; i++) {
        disco_code code = {
            .size = sizeof(code),
            .kind = DISCO_CODE_ROUTINE,
            .host_bytes = bytes_of(r, count, i),
            .host = r[i].at,
            .name = r[i].name,
        };

        if (code.host_bytes)
            jit->watch.fn(jit->watch.opaque, &code);
    }
}

/* --- Who watches
 * ------------------------------------------------------------------- */

static void free_text(struct jit *jit, char *text)
{
    if (text)
        jit->machine->free(jit->machine->ctx, text, TEXT_BYTES);
}

/* Takes the lock; the host is asked for memory without it. */
disco_status jit_watch_code(void *shared, uint32_t flags, disco_code_fn fn,
                            void *opaque)
{
    struct jit *jit = shared;
    struct jit_watch watch = { fn, opaque, NULL };
    char *old;

    if (fn && flags & DISCO_CODE_WITH_TEXT) {
        watch.text = jit->machine->alloc(jit->machine->ctx, TEXT_BYTES);
        if (!watch.text)
            return DISCO_E_NOMEM;
    }
    lock_take(&jit->lock);
    old = jit->watch.text;
    jit->watch = watch;
    if (load_seq(&jit->state) == JIT_READY)
        jit_show_routines(jit);
    lock_give(&jit->lock);
    free_text(jit, old);
    return 0;
}

void jit_watch_end(struct jit *jit)
{
    free_text(jit, jit->watch.text);
    jit->watch = (struct jit_watch){ 0 };
}
