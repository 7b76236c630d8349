/*
 * jit.h - the translator from guest code to x86-64: what its parts share.
 *
 * One `struct jit` a machine holds everything that is made once: memory for
 * code, common routines, translated pages.  A `struct jit_page` stands for the
 * *content* of a page of guest code under one set of mode bits, wherever it is
 * mapped and whoever runs it: code in it knows neither its virtual address nor
 * its vCPU.  A vCPU comes to it by a `struct jit_ref` (this frame shows that
 * content) and by the jump table, which is to pages of code what the access
 * table is to data.
 *
 * Every jump between translations that were not made together goes through a
 * slot of the target's page, so nothing is ever patched: to take code away is
 * to reset slots.
 *
 *   page.c    pages and refs: found by content, dropped, written to
 *   pool.c    memory for code and pages; eviction
 *   routine.c common routines
 *   front.c   guest words to a unit: blocks of decoded instructions
 *   flow.c    what is live, what gets a register
 *   emit*.c   a unit to host code
 *   find.c    from pc to code; what is not worth a translation
 *   run.c     the loop around translated code, and what it calls
 *   verify.c  what is held against what pages show
 *   dump.c    for those who debug it
 *
 * Locks: jit->lock guards everything in `struct jit` but slots and counters,
 * which running code reads and writes.  It is never held while guest code runs
 * or the host is called.  Whether memory may be used again is told by epochs
 * (pool.c).
 */
#ifndef MIPS_JIT_JIT_H
#define MIPS_JIT_JIT_H

#include <string.h>

#include "base/lock.h"
#include "mips/cpu.h"
#include "x64/asm_vector.h"
#include "x64/exec.h"
#include "x64/features.h"

/* Guest registers that may live in host registers: $1 to $31, and these. */
enum { ITEM_HI = 32, ITEM_LO = 33, ITEMS = 34 };

/* --- Memory ----------------------------------------------------------------
 */

enum { CHUNK_BYTES = 128 * 1024 };

/* What a chunk of the code memory is used for. */
enum chunk_use { CHUNK_FREE, CHUNK_CODE, CHUNK_PAGES, CHUNK_DYING };

/* Translated code of one unit, and where it can be entered. */
struct jit_unit {
    struct jit_unit *next;      /* of its chunk */
    struct jit_unit *page_next; /* of its page */
    struct jit_page *page;      /* NULL: gone */
    const uint8_t *code;        /* as it runs */
    uint32_t code_bytes;
    uint16_t insns;
    uint16_t first, last; /* words of the page it was made from */
    uint16_t entries;
    uint8_t tier;
    struct jit_entry {
        const uint8_t *at;
        uint32_t index; /* word */
    } entry[];
};

struct jit_chunk {
    enum chunk_use use;
    uint32_t used;          /* bytes */
    uint64_t serial;        /* counts all chunks ever taken */
    uint64_t dead_epoch;    /* DYING: free when all have seen it */
    struct jit_unit *units; /* of CODE; they lie in it */
    bool was_used;          /* its memory counts */
};

/* --- Pages ------------------------------------------------------------------
 */

/*
 * How often the block at a word ran.  Code counts `left` down and asks at 0,
 * for the vCPUs that share the page must each have run it often enough
 * (find.c).
 */
struct jit_heat {
    uint8_t left;
    uint8_t steps;
};
enum { HEAT_STEPS = 6 };

/*
 * A page of guest code as translated.  Lies in the writable side of the code
 * memory, for running code reads and writes it.
 */
struct jit_page {
    /* Where to go for each word: its translation, or routine `miss` of it. */
    const uint8_t *slot[PAGE_INSNS];
    struct jit_heat heat[PAGE_INSNS];
    uint8_t content[PAGE_SIZE];     /* what it was made from, unless private */
    uint64_t mark[PAGE_INSNS / 64]; /* words that code was made from */
    /* Words that the guest jumped to: blocks of a region begin at them, and not
     * where a slice or an interrupt happened to end. */
    uint64_t leader[PAGE_INSNS / 64];
    const uint8_t *words; /* content, or of a private page the frame's memory */
    struct jit_page *hash_next;
    struct jit_unit *units;
    uint64_t hash;
    uint32_t key; /* CFG_KEY bits */
    uint32_t refs;
    bool is_private; /* one ref, not found by content; words are in the frame */
    uint16_t regions;
    uint16_t last_use;
};

/* This frame of a vCPU shows that content. */
struct jit_ref {
    struct jit_ref *next; /* of its bucket */
    uint64_t frame;
    const uint8_t *host;
    struct jit_page *page; /* NULL: find it again */
    uint64_t serial;       /* of the page's chunk: another: the page is gone */
    uint32_t key;
    bool was_written; /* its code changes: do not look for equals */
};

/* Frames of a vCPU. */
enum { REFS_MAX = 8192 };

/* --- The machine's part ------------------------------------------------------
 */

struct jit_routines {
    const uint8_t *enter;    /* uint32_t (*)(struct mips_cpu *) */
    const uint8_t *enter_at; /* ... code: uint32_t (*)(struct mips_cpu *, at) */
    const uint8_t *leave;    /* eax: enum jit_reason */
    const uint8_t *dispatch; /* go on at cpu->pc */
    const uint8_t *jump;     /* go on at rax */
    const uint8_t *resume;   /* after an operation that did not go on */
    const uint8_t *budget;   /* may the block at rcx run? */
    const uint8_t *tail;     /* it may not */
    const uint8_t *hot;      /* a region is wanted */
    const uint8_t *interpret;  /* the interpreter does rcx */
    const uint8_t *raise;      /* exception rcx */
    const uint8_t *load[2][4]; /* [saves FP registers][log2 of bytes] */
    const uint8_t *store[2][4];
    const uint8_t *fill[2]; /* [store] the near entry, from the access table */
    const uint8_t *op;      /* any operation, in C */
    const uint8_t *op_fp;
    const uint8_t *op_end; /* the same; then dispatch */
    const uint8_t *fp_go;  /* FP operations come */
    const uint8_t *miss;   /* MISS_BYTES for each word of a page */
};

enum { MISS_BYTES = 10 };

/* Lies with the routines: code reaches it. */
struct jit_constants {
    /* 16 bytes, aligned: operands of xorps and pshufb. */
    uint32_t sign_s[4];
    uint64_t sign_d[2];
    uint8_t swap_s[16];
    uint8_t swap_d[16];
    uint64_t infinity_d; /* without its sign, shifted left by 1 */
    uint64_t one_d;
    uint32_t one_s;
};

struct jit_figures {
    uint64_t units;
    uint64_t regions;
    uint64_t insns; /* translated, again and again */
    uint64_t ns;
    uint64_t code_bytes;
    uint64_t region_insns;
    uint64_t region_ns;
    uint64_t pages;
    uint64_t pages_shared; /* refs that found a page */
    uint64_t evictions;
    uint64_t refusals; /* no memory: interpreted */
};

/* Who wants to see what is made. */
struct jit_watch {
    disco_code_fn fn; /* NULL: nobody */
    void *opaque;
    char *text; /* owned: room for what is said of one unit; NULL: not wanted */
};

struct jit_compiler;

struct jit {
    const disco_backend_machine *machine;
    struct lock lock;
    uint32_t state;    /* atomic: enum jit_state */
    unsigned features; /* X64_HAS_* */
    unsigned denied;   /* ... that are not used, for tests */
    uint32_t isa;      /* enum insn_isa: the same for all models */
    uint16_t heat;     /* runs of a block before a region is made around it: at
                          most 255 * HEAT_STEPS */
    struct x64_exec exec;
    struct jit_chunk *chunk; /* exec.bytes / CHUNK_BYTES of them */
    uint32_t chunks;
    uint32_t filling;   /* chunk that code goes to */
    uint32_t page_fill; /* ... that pages go to */
    uint32_t oldest;    /* where eviction looks next */
    uint64_t epoch;     /* atomic: counts evictions */
    uint64_t serial;    /* of the chunk taken last */
    struct jit_page **buckets;
    struct jit_routines routines;
    const struct jit_constants *constants;
    struct mips_cpu *cpus; /* all vCPUs, by jit.next */
    struct jit_compiler *compiler;
    struct jit_figures figures;
    struct jit_watch watch;
};

enum { PAGE_BUCKETS = 1024 };

/* Why translated code was left. */
enum jit_reason {
    JIT_DISPATCH,  /* look at cpu->pc */
    JIT_TAIL,      /* too little budget for what comes */
    JIT_HOT,       /* a region should be made at cpu->pc */
    JIT_INTERPRET, /* the instruction at cpu->pc is the interpreter's */
    JIT_OUT        /* cpu->resync, or a reason to leave run */
};

/* Has the machine's part been made? */
enum jit_state { JIT_UNTRIED, JIT_BEING_MADE, JIT_READY, JIT_NOT_THERE };

/* What is left to do when an operation could not simply go on. */
enum jit_after {
    AFTER_NOTHING,
    AFTER_RAISED, /* an exception was taken; the outer loop looks */
    AFTER_DONE,   /* it was done; the outer loop looks */
    AFTER_DEVICE, /* it is an access to device registers, to be done now that
                     the device may see all registers */
    AFTER_LEAVE   /* it was not done, and run is left */
};

/* --- Sites
 * -------------------------------------------------------------------- */

/* How a branch is known while its delay slot runs. */
enum site_slot {
    SLOT_NONE,   /* not in a slot */
    SLOT_BRANCH, /* the branch can be evaluated from registers */
    SLOT_TAKEN,  /* it is taken */
    SLOT_COND,   /* cpu->jit.cond has what it decided */
    SLOT_TARGET  /* cpu->jit.target has where it goes */
};

/*
 * A place in translated code that calls or leaves.  Lies behind its unit's
 * code.
 */
struct jit_site {
    struct slot insn;
    uint32_t branch; /* in a delay slot: the word before */
    uint16_t index;  /* word of the page */
    uint16_t adj;    /* instructions charged with it that come after it */
    uint8_t slot;    /* enum site_slot */
    uint8_t near;    /* entry of the near table */
    uint8_t is_fp;   /* FP registers hold guest values */
    uint8_t pad;
};

/* --- Interface of the parts
 * ---------------------------------------------------- */

/* page.c.  With jit->lock where they take a jit. */
struct jit_page *jit_page_find(struct jit *jit, const uint8_t *content,
                               uint32_t key);
struct jit_page *jit_page_make(struct jit *jit, const uint8_t *content,
                               uint32_t key, bool is_private);
void jit_page_put(struct jit *jit, struct jit_page *page);
/* The page that a frame shows: its content at `host` may not change unseen.
 * NULL: no memory now.  Takes the lock, as the rest of these. */
struct jit_ref *jit_ref_get(struct mips_cpu *cpu, uint64_t frame,
                            const uint8_t *host);
struct jit_ref *jit_ref_find(struct mips_cpu *cpu, uint64_t frame,
                             uint32_t key);
void jit_refs_drop_dead(struct mips_cpu *cpu);
/* An instruction of it. */
static inline uint32_t jit_page_word(const struct jit_page *page,
                                     unsigned index)
{
    uint32_t w;

    memcpy(&w, page->words + 4 * index, 4);
    return page->key & CFG_KEY_BIG ? __builtin_bswap32(w) : w;
}
/* Runs in a step.  The block is entered anew when one ends, and twice where
 * blocks are cut for tests (jit.exact): so more than that. */
static inline unsigned jit_heat_step(const struct jit *jit)
{
    unsigned step = jit->heat / HEAT_STEPS;

    return step < 4 ? 4 : step;
}
static inline bool jit_bit(const uint64_t *bits, unsigned i)
{
    return bits[i / 64] >> (i % 64) & 1;
}
static inline void jit_bit_set(uint64_t *bits, unsigned i)
{
    bits[i / 64] |= UINT64_C(1) << (i % 64);
}
static inline const uint8_t *jit_miss(const struct jit *jit, unsigned index)
{
    return jit->routines.miss + index * MISS_BYTES;
}

/* pool.c.  All with jit->lock. */
int jit_pool_create(struct jit *jit);
void jit_pool_destroy(struct jit *jit);
/* Host memory that was ever used. */
uint64_t jit_pool_held(const struct jit *jit);
/* Room for code: at least `bytes` in one piece, or NULL for now. */
uint8_t *jit_code_room(struct jit *jit, uint32_t bytes, uint32_t *room);
/* `bytes` of it were used by the unit, of this page. */
void jit_code_used(struct jit *jit, uint32_t bytes, struct jit_unit *unit,
                   struct jit_page *page);
void *jit_page_room(struct jit *jit);
/* Which of all chunks ever taken has the page, while it is not evicted; then 0.
 * Its memory may be somebody else's by then: it is not looked at. */
uint64_t jit_page_serial(const struct jit *jit, const struct jit_page *page);
/* Its entries lead to it no more. */
void jit_unit_kill(struct jit *jit, struct jit_unit *unit);
/* All units that were made from these words of the page. */
void jit_page_kill(struct jit *jit, struct jit_page *page, unsigned first,
                   unsigned last);

/* routine.c: at the start of the code memory.  -1: no room. */
int jit_routines_make(struct jit *jit);

/* run.c, called from translated code. */
uint32_t jit_do_load(struct mips_cpu *cpu, uint64_t va,
                     const struct jit_site *site, uint32_t bytes);
uint32_t jit_do_store(struct mips_cpu *cpu, uint64_t va,
                      const struct jit_site *site, uint32_t bytes);
uint32_t jit_do_op(struct mips_cpu *cpu, const struct jit_site *site);
uint32_t jit_do_op_end(struct mips_cpu *cpu, const struct jit_site *site);
uint32_t jit_do_resume(struct mips_cpu *cpu);
uint32_t jit_do_raise(struct mips_cpu *cpu, const struct jit_site *site,
                      uint32_t exc);
uint32_t jit_do_fp_go(struct mips_cpu *cpu, const struct jit_site *site);

/* find.c: makes sure that cpu->pc has a translation behind the jump table, or
 * says why not; the page there, or NULL when it is not in the table; a region
 * around pc. */
enum found { FOUND, FOUND_EXCEPTION, FOUND_LEAVE, FOUND_COLD, FOUND_NOTHING };
enum found jit_find(struct mips_cpu *cpu);
struct jit_page *jit_page_at_pc(struct mips_cpu *cpu);
void jit_heat_ended(struct mips_cpu *cpu);
/* The interpreter runs so many.  false: the outer loop looks. */
bool jit_interpret(struct mips_cpu *cpu, int64_t insns);
/* ... or what there is of the block at pc, without a decoded page. */
bool jit_interpret_block(struct mips_cpu *cpu);
void jit_cold_end(struct mips_cpu *cpu);

/* compile.c, with jit->lock.  `vpage` is where the page is mapped. */
struct jit_compiler *jit_compiler_create(struct jit *jit);
void jit_compiler_destroy(struct jit *jit);
/* Translate the block at a word of a page, or a region around it.  0, or -1:
 * not now. */
int jit_compile_block(struct jit *jit, struct jit_page *page, unsigned index,
                      uint64_t vpage);
int jit_compile_region(struct jit *jit, struct jit_page *page, unsigned index,
                       uint64_t vpage);
/* A block that no slot leads to; NULL: not now. */
const uint8_t *jit_compile_once(struct jit *jit, struct jit_page *page,
                                unsigned index, uint64_t vpage, unsigned max);

/* dump.c, with jit->lock: the common routines to who watches, if anybody. */
void jit_show_routines(struct jit *jit);
void jit_watch_end(struct jit *jit);

/* engine.c: the machine's part, made by the first who wants it; NULL: there is
 * none. */
struct jit *jit_get(struct jit *jit);

#endif
