/*
 * cpu.h - the state of one R10000 vCPU and the parts of the backend that work
 * on it.  Private to src/mips.  One thread at a time owns a CPU; only
 * `lines` is written by others.
 */
#ifndef MIPS_CPU_H
#define MIPS_CPU_H

#include <stdbool.h>
#include <stdint.h>

#include <disco/backend.h>

#include "mips/fpu.h"
#include "mips/slot.h"

#define PAGE_BITS   12
#define PAGE_SIZE   4096u
#define PAGE_OFFSET ((uint64_t)(PAGE_SIZE - 1))
#define PAGE_MASK   (~PAGE_OFFSET)

/* Status */
#define ST_IE  0x00000001u
#define ST_EXL 0x00000002u
#define ST_ERL 0x00000004u
#define ST_KSU 0x00000018u
#define ST_UX  0x00000020u
#define ST_SX  0x00000040u
#define ST_KX  0x00000080u
#define ST_IM  0x0000ff00u
#define ST_DE  0x00010000u
#define ST_CH  0x00040000u
#define ST_NMI 0x00080000u
#define ST_SR  0x00100000u
#define ST_TS  0x00200000u
#define ST_BEV 0x00400000u
#define ST_RE  0x02000000u
#define ST_FR  0x04000000u
#define ST_CU0 0x10000000u
#define ST_CU1 0x20000000u
#define ST_CU2 0x40000000u
#define ST_XX  0x80000000u
#define ST_WRITABLE                                                      \
    (ST_XX | ST_CU2 | ST_CU1 | ST_CU0 | ST_FR | ST_RE | ST_BEV | ST_SR | \
     ST_NMI | ST_CH | ST_DE | ST_IM | ST_KX | ST_SX | ST_UX | ST_KSU |   \
     ST_ERL | ST_EXL | ST_IE)

/* Cause */
#define CAUSE_BD       0x80000000u
#define CAUSE_CE_SHIFT 28
#define CAUSE_IP       0x0000ff00u
#define CAUSE_IP_SOFT  0x00000300u
#define CAUSE_IP7      0x00008000u

enum mips_exc {
    EXC_INT = 0,
    EXC_MOD = 1,
    EXC_TLBL = 2,
    EXC_TLBS = 3,
    EXC_ADEL = 4,
    EXC_ADES = 5,
    EXC_IBE = 6,
    EXC_DBE = 7,
    EXC_SYS = 8,
    EXC_BP = 9,
    EXC_RI = 10,
    EXC_CPU = 11,
    EXC_OV = 12,
    EXC_TR = 13,
    EXC_FPE = 15,
    EXC_WATCH = 23,
    EXC_NONE = 64
};

/* CP0 register numbers. */
enum {
    C0_INDEX,
    C0_RANDOM,
    C0_ENTRYLO0,
    C0_ENTRYLO1,
    C0_CONTEXT,
    C0_PAGEMASK,
    C0_WIRED,
    C0_BADVADDR = 8,
    C0_COUNT,
    C0_ENTRYHI,
    C0_COMPARE,
    C0_STATUS,
    C0_CAUSE,
    C0_EPC,
    C0_PRID,
    C0_CONFIG,
    C0_LLADDR,
    C0_WATCHLO,
    C0_WATCHHI,
    C0_XCONTEXT,
    C0_FRAMEMASK,
    C0_DIAG,
    C0_PERF = 25,
    C0_ECC,
    C0_CACHEERR,
    C0_TAGLO,
    C0_TAGHI,
    C0_ERROREPC
};

enum { TLB_ENTRIES = 64, PERF_COUNTERS_MAX = 4 };

enum mips_mode { MODE_KERNEL = 0, MODE_SUPER = 1, MODE_USER = 2, MODES = 3 };

/* One TLB entry.  Matching is ((key ^ tag) & cmp) == 0 with key = va without
 * the offset in a page pair, and the ASID in bits 7..0. */
struct tlb_entry {
    uint64_t tag;   /* R, VPN2 and ASID */
    uint64_t cmp;   /* bits that must agree; no ASID bits when global */
    uint64_t lo[2]; /* EntryLo with G of both */
    uint32_t mask;  /* PageMask, bits 24..13 */
};

/*
 * Access tables by address space: the last few ASIDs keep theirs, so that a
 * switch of address spaces forgets nothing.
 */
enum { ASIDS = 256, TABLE_SETS = 8, NO_SET = 0xff };

/* Whose entry it is; ASIDS: everybody's. */
static inline unsigned tlb_entry_asid(const struct tlb_entry *e)
{
    return e->cmp & 0xff ? (unsigned)(e->tag & 0xff) : ASIDS;
}

/*
 * Where in the TLB an address may be: entries of 4 KiB pages in chains by the
 * page pair's hash, the others as a bit mask.  TLB_NOBODY ends a chain.
 */
enum { TLB_CHAINS = 128, TLB_NOBODY = 0xff };

struct tlb_index {
    uint64_t large; /* entries of larger pages */
    uint8_t head[TLB_CHAINS];
    uint8_t next[TLB_ENTRIES];
    uint8_t last; /* last hit: tried first */
};

/*
 * Access table entry: the fast path of loads and stores.  A tag is the page's
 * virtual address, or NO_TAG; addend + va is the host address.  Plain stores
 * need wtag; stag allows stores that other vCPUs may watch: announced to the
 * line monitor and fenced.  At most one of the two is set.  Invariant: an
 * entry is a subset of TLB, L2TLB and unmapped segments, filled under the
 * mode's `config`.
 */
struct access_entry {
    uint64_t rtag;
    uint64_t wtag;
    uint64_t stag;
    uintptr_t addend;
};

struct fetch_entry {
    uint64_t tag;
    struct code_page *page;
};

/* kseg0 and kseg1: unmapped whatever the mode of addressing. */
#define KSEG0_BASE   UINT64_C(0xffffffff80000000)
#define KSEG01_BYTES UINT64_C(0x40000000)

/* Unmapped kernel addresses do not depend on the ASID. */
static inline bool mips_is_unmapped(uint64_t va)
{
    return va >> 62 == 2 || va - KSEG0_BASE < KSEG01_BYTES;
}

#define NO_TAG UINT64_MAX
enum {
    ACCESS_ENTRIES = 512,
    FETCH_ENTRIES = 256,
    JUMP_ENTRIES = 1024,
    CODE_BUCKETS = 512
};

/* Places of a page in the tables: arrays a power of two apart do not meet. */
static inline unsigned access_index(uint64_t va)
{
    return (unsigned)(va >> PAGE_BITS ^ va >> 21) & (ACCESS_ENTRIES - 1);
}

/*
 * In front of the access table, for translated code: an entry belongs to places
 * in code, not to addresses, so finding it costs nothing.  Invariant: a subset
 * of the access table's, or once was, and everything that drops an entry there
 * drops all here.
 */
enum { NEAR_ENTRIES = 32 };

struct near_table {
    uint64_t rtag[NEAR_ENTRIES];
    uint64_t wtag[NEAR_ENTRIES];
    uintptr_t addend[NEAR_ENTRIES];
    uint64_t pages; /* bit per page number modulo 64: what may be in it */
    uint32_t drops; /* counts times that all were dropped */
};

/* Translated code of a page: where to go for each of its words. */
struct jump_entry {
    uint64_t tag;
    const uint8_t **slot;
};

/* For one mode and ASID. */
struct access_table {
    struct near_table near;
    struct access_entry data[ACCESS_ENTRIES];
    struct fetch_entry fetch[FETCH_ENTRIES];
    struct jump_entry jump[JUMP_ENTRIES];
    /*
     * One page that holds decoded code of ours alone: stores reach the slots
     * directly.  NO_TAG when there is none.
     */
    uint64_t own_tag;
    uint8_t *own_host;
    uint64_t own_frame;
    uint32_t config; /* what the entries depend on: CFG_* */
    bool used;       /* anything entered since the last flush */
};

/*
 * Line granule (line.c): an entry of a line, as access_entry of a page.  It
 * counts only while `line` has its name, and for stores DISCO_WRITE.
 */
struct line_entry {
    uint64_t rtag, wtag, stag;
    uintptr_t addend;
    uint64_t name;
    disco_backend_line *line;
};

enum { LINE_ENTRIES = 1024, LINE_FETCHES = 256 };

struct line_state {
    struct line_entry data[MODES][LINE_ENTRIES];
    struct {
        disco_backend_line *line;
        uint64_t name; /* DISCO_LINE_NONE: free */
    } fetch[LINE_FETCHES];
    /* Line that was fetched last: known by its place among decoded slots. */
    const disco_backend_line *now;
    uint64_t now_name;
    uintptr_t now_key; /* 0: none */
    uint64_t mask;     /* of an address: the line */
    unsigned shift;
    uint32_t sync; /* DISCO_LINE_SYNC inside LL and SC */
};

struct mips_model {
    const char *name;
    uint32_t prid;
    uint32_t fir;
    uint32_t config;
    uint32_t perf_counters;
    uint32_t isa; /* highest level */
};

/* What the rest of Status and FCSR make of a mode, while they are as they were.
 */
struct mode_view {
    uint32_t status, rest; /* 0: none yet */
    uint32_t config;
    bool addr64;
};

/* What can be written to EntryLo0 and 1. */
#define CP0_LO_WRITABLE UINT64_C(0xc0000003ffffffff)

/* What the last fast-to-slow call wants from the interpreter. */
enum mips_result {
    RES_OK = 0,
    RES_EXCEPTION = 1, /* taken: cpu->pc is the vector */
    RES_LEAVE = 2,     /* leave run with cpu->exit_reason; pc at the insn */
    RES_DEVICE = 3     /* device registers, not accessed yet */
};

struct l2tlb;

/* A host watchpoint; off when access is 0. */
struct host_watch {
    uint64_t gpa, bytes;
    uint32_t access;
};

struct jit;
struct jit_ref;
struct jit_site;

enum { REF_BUCKETS = 256, VISITS_LOG2 = 16, VISITS = 1 << VISITS_LOG2 };

/* What translated code and its helpers (jit/) keep in the vCPU. */
struct jit_cpu {
    uint64_t vpage;  /* address of the page of code that runs */
    uint64_t extra;  /* budget that is not in `budget` */
    uint64_t value;  /* of a load or store in the slow path */
    uint64_t target; /* of a jump, while its delay slot runs */
    uint64_t gpa;    /* device registers that a load or store is about */
    const struct jit_site *site; /* what `after` is about */
    int32_t budget;
    uint32_t kick;   /* atomic: pass the top of the loop */
    uint8_t cond;    /* a branch is taken, while its delay slot runs */
    uint8_t after;   /* enum jit_after */
    bool on;         /* the engine is the JIT */
    bool exact;      /* for tests: cut blocks rather than interpret the rest */
    bool jumped;     /* the guest came to pc by itself: no slice began there */
    uint64_t eret;   /* where the last ERET went */
    uint32_t in_run; /* atomic */
    uint32_t ref_count;
    uint64_t seen;      /* atomic: epoch */
    struct jit *shared; /* NULL: there is no JIT */
    struct mips_cpu *next;
    struct jit_ref *refs[REF_BUCKETS];
    /* A block that the interpreter runs without its page (find.c). */
    struct code_page *cold; /* NULL until one is wanted */
    bool runs_cold;         /* the interpreter is to run it ... */
    bool cold_began;        /* ... and has begun: no other code */
    /* How often pc was where nothing was translated, by a hash of it. */
    uint8_t visits[VISITS];
    uint32_t warm; /* of them that say: translate */
};

struct mips_cpu {
    /* --- hot: registers; index 32 swallows writes to $0 --- */
    uint64_t gpr[33];
    uint64_t hi, lo;
    struct access_table *table; /* of the present mode */
    int64_t left;               /* valid while the interpreter is outside */
    uint64_t slice_end;         /* insns when left reaches 0 */
    const uint32_t *request;
    bool shared;        /* stores must ask the line monitor */
    bool fence;         /* ... and order later loads after them */
    bool resync;        /* leave the fast loop after this instruction */
    bool delay;         /* pc is a delay slot, delay_target follows */
    bool big;           /* present effective byte order */
    uint8_t mode;       /* enum mips_mode */
    uint8_t config_key; /* CFG_KEY bits of the present mode */
    uint64_t pc;
    uint64_t delay_target;
    uint64_t cur_pc; /* instruction being executed, for slow paths */
    bool cur_bd;     /* it is in a delay slot */
    bool disco;
    bool addr64; /* present mode uses 64-bit addressing */
    bool ll_valid;
    bool ll_mmio;
    bool break_exit;
    bool big_config; /* byte order without RE */

    struct mips_fpu fpu;

    /* --- LL/SC --- */
    uint8_t *ll_host;
    uint64_t ll_gpa;
    uint32_t ll_version;

    /* --- CP0 --- */
    uint32_t status, cause; /* cause without hardware lines and IP7 */
    uint32_t lines;         /* IP2..IP6 as cause bits; atomic */
    bool timer_ip;          /* IP7 by Compare */
    bool perf_ip;           /* IP7 by a performance counter */
    uint32_t index, wired, pagemask, framemask, prid, config, lladdr;
    uint32_t compare, watchlo, watchhi, ecc, taglo, taghi;
    bool watch_waits; /* a Watch exception for when EXL and ERL go */
    uint64_t entrylo[2], entryhi, context, xcontext_base, badvaddr;
    uint64_t epc, errorepc, diag;
    uint64_t badvpn;      /* VA bits of the last TLB exception */
    uint64_t random_base; /* insns at the last write of Wired */
    struct tlb_entry tlb[TLB_ENTRIES];
    struct tlb_index tlb_index;

    /* --- time --- */
    uint64_t insns;        /* at the start of the slice */
    uint64_t user_insns;   /* in user mode, until it was left last */
    uint64_t user_since;   /* insns at its last start */
    uint64_t skew;         /* cycles = insns + skew */
    uint32_t count_offset; /* Count = cycles / 2 + offset */
    uint64_t timer_cycles; /* when IP7 rises next */

    /* --- performance counters --- */
    uint32_t perf_event[PERF_COUNTERS_MAX];
    uint32_t perf_count[PERF_COUNTERS_MAX];
    uint64_t perf_since; /* insns up to which counters are brought */

    /* --- tables --- */
    struct access_table *tables[MODES][TABLE_SETS]; /* NULL until used */
    struct mode_view view[MODES];
    uint8_t set;                      /* of the present ASID */
    uint8_t set_next;                 /* whose turn it is to be given away */
    uint8_t set_of_asid[ASIDS];       /* or NO_SET */
    uint16_t asid_of_set[TABLE_SETS]; /* ASIDS: nobody's */
    struct l2tlb *l2;                 /* NULL: off */
    uint64_t mtlb[TLB_ENTRIES]; /* disco mode: pairs in the machine's TLB */
    uint32_t mtlb_next, mtlb_last;
    struct code_page *buckets[CODE_BUCKETS];
    struct code_page *transient; /* for code that may not be kept */
    struct code_page *graveyard; /* dropped, may be running: hash_next */
    uint64_t mmio_page;          /* gpa page known to be registers, or ~0 */
    uint32_t mmio_trap;          /* DISCO_TRAP_*: its accesses count as */
    uint32_t code_pages;
    uint32_t code_pages_max;
    struct line_state *line; /* NULL: the granule is a page */
    uint32_t line_epoch;
    struct jit_cpu jit;

    /* --- leaving run --- */
    uint32_t exit_reason;
    disco_status exit_status;
    bool mmio_done; /* a completed MMIO access waits to be consumed */
    disco_status mmio_status;
    uint64_t mmio_value;
    struct host_watch watch[DISCO_WATCHES];
    bool watching;       /* any of them */
    uint64_t watch_insn; /* number of the instruction that left for one; ~0 */
    uint64_t watch_pc;   /* its address */
    uint64_t watch_gpa;
    uint32_t watch_bytes, watch_access;

    const disco_backend_host *host;
    const struct mips_model *model;
    disco_vcpu_stats stats;
};

/* access_table.config: what entries depend on besides the TLB. */
enum {
    CFG_KEY_OP64 = 1,  /* 64-bit operations allowed */
    CFG_KEY_MIPS4 = 2, /* MIPS IV allowed */
    CFG_KEY_FR = 4,
    CFG_KEY_BIG = 8,
    CFG_KEY_DISCO = 16,   /* monitor calls decode (disco mode, not user) */
    CFG_KEY_SOFT_FP = 32, /* no FP on the host: FCSR traps or flushes oddly */
    CFG_KEY = 63,
    CFG_KX = 64,
    CFG_SX = 128,
    CFG_UX = 256,
    CFG_ERL = 512
};

/* --- time.c --- */
static inline uint64_t mips_insns(const struct mips_cpu *cpu)
{
    return cpu->slice_end - (uint64_t)cpu->left;
}
static inline uint64_t mips_cycles(const struct mips_cpu *cpu)
{
    return mips_insns(cpu) + cpu->skew;
}
uint32_t mips_count_read(struct mips_cpu *cpu);
void mips_count_write(struct mips_cpu *cpu, uint32_t value);
void mips_compare_write(struct mips_cpu *cpu, uint32_t value);
void mips_timer_check(struct mips_cpu *cpu);
uint64_t mips_slice_limit(struct mips_cpu *cpu, uint64_t until_cycles);
void mips_perf_bring(struct mips_cpu *cpu);
uint64_t mips_perf_limit(const struct mips_cpu *cpu);
uint32_t mips_perf_read(struct mips_cpu *cpu, unsigned n, bool counter);
void mips_perf_write(struct mips_cpu *cpu, unsigned n, bool counter,
                     uint32_t value);

/* --- except.c --- */
uint32_t mips_pending(const struct mips_cpu *cpu); /* Cause.IP as read now */
static inline bool mips_interrupt_due(const struct mips_cpu *cpu)
{
    return (cpu->status & (ST_IE | ST_EXL | ST_ERL)) == ST_IE &&
           (mips_pending(cpu) & cpu->status & ST_IM);
}
/* Take an exception at cur_pc / cur_bd. */
void mips_raise(struct mips_cpu *cpu, enum mips_exc exc);
void mips_raise_cpu(struct mips_cpu *cpu, unsigned coprocessor);
/* ... an address or TLB exception for `va`; refill selects the vector. */
void mips_raise_address(struct mips_cpu *cpu, enum mips_exc exc, uint64_t va,
                        bool refill);
void mips_eret(struct mips_cpu *cpu);

/* --- spin.c --- */
/* Does the guest wait for an interrupt by a branch to itself?  Resolves its
 * page, which may wait. */
bool mips_spins(struct mips_cpu *cpu);

/* --- cp0.c --- */
uint64_t mips_cp0_read(struct mips_cpu *cpu, unsigned reg);
void mips_cp0_write(struct mips_cpu *cpu, unsigned reg, uint64_t value);
void mips_status_set(struct mips_cpu *cpu, uint32_t value);
void mips_mode_update(struct mips_cpu *cpu);
uint32_t mips_random(const struct mips_cpu *cpu);
bool mips_cp0_usable(const struct mips_cpu *cpu);
void mips_cp0_reset(struct mips_cpu *cpu);
const struct mips_model *mips_model_find(const char *name);

/* --- mmu.c --- */
struct mips_xlate {
    uint64_t gpa;
    bool writable; /* the translation allows stores (D, or unmapped) */
    bool mapped;
    bool refill; /* on a TLBL/TLBS: no entry matched */
};
/* Translate, no side effects but L2TLB service.  EXC_NONE or an exception. */
enum mips_exc mips_translate(struct mips_cpu *cpu, uint64_t *va,
                             uint32_t access, bool probe,
                             struct mips_xlate *out);
uint64_t mips_refill_offset(const struct mips_cpu *cpu, uint64_t va);

/* --- tlb.c --- */
struct tlb_entry *mips_tlb_lookup(struct mips_cpu *cpu, uint64_t va);
void mips_tlb_read(struct mips_cpu *cpu);
void mips_tlb_write(struct mips_cpu *cpu, uint32_t index, bool random);
void mips_tlb_probe(struct mips_cpu *cpu);
void mips_tlb_reset(struct mips_cpu *cpu);
void mips_tlb_set_entry(struct mips_cpu *cpu, uint32_t index,
                        const struct tlb_entry *entry);
uint64_t mips_tlb_hi(const struct tlb_entry *entry);
void mips_tlb_make(struct tlb_entry *entry, uint64_t hi, uint64_t lo0,
                   uint64_t lo1, uint32_t mask);

/* --- l2tlb.c --- */
int mips_l2_create(struct mips_cpu *cpu, uint32_t entries);
void mips_l2_destroy(struct mips_cpu *cpu);
const struct tlb_entry *mips_l2_lookup(struct mips_cpu *cpu, uint64_t va);
bool mips_l2_holds(const struct mips_cpu *cpu, const struct tlb_entry *entry);
void mips_l2_insert(struct mips_cpu *cpu, const struct tlb_entry *entry);
void mips_l2_kill(struct mips_cpu *cpu, const struct tlb_entry *entry);
void mips_l2_kill_va(struct mips_cpu *cpu, uint64_t va, uint8_t asid);
void mips_l2_wrote_index(struct mips_cpu *cpu, uint32_t index);
void mips_l2_flush(struct mips_cpu *cpu);
/* NULL, or what is wrong. */
const char *mips_l2_verify(const struct mips_cpu *cpu);

/* --- mtlb.c --- */
void mips_mtlb_flush(struct mips_cpu *cpu);
/* This pair is about to enter an access table: count a miss. */
void mips_mtlb_touch(struct mips_cpu *cpu, uint64_t va, bool mapped);

/* --- table.c: access and fetch tables --- */
int mips_tables_create(struct mips_cpu *cpu);
void mips_tables_destroy(struct mips_cpu *cpu);
/* cpu->table becomes that of the present mode and ASID. */
void mips_table_select(struct mips_cpu *cpu, uint32_t config);
void mips_tables_flush(struct mips_cpu *cpu);
/* `asid`: whose addresses they are; ASIDS: everybody's. */
void mips_tables_drop_va(struct mips_cpu *cpu, uint64_t va, uint64_t bytes,
                         unsigned asid);
void mips_tables_drop_host(struct mips_cpu *cpu, const uint8_t *host,
                           bool write_only);
void mips_tables_drop_code(struct mips_cpu *cpu, const struct code_page *page);
void mips_tables_drop_jumps(struct mips_cpu *cpu, const uint8_t *const *slot);

/* --- access.c: loads and stores that miss the table --- */
uint32_t mips_resolve(struct mips_cpu *cpu, uint64_t gpa, uint32_t access,
                      disco_backend_page *page);
enum mips_result mips_load_slow(struct mips_cpu *cpu, uint64_t va,
                                unsigned bytes, uint64_t *value);
enum mips_result mips_store_slow(struct mips_cpu *cpu, uint64_t va,
                                 unsigned bytes, uint64_t value);
/* The same, but device registers are left to mips_device_access: *gpa. */
enum mips_result mips_load_memory(struct mips_cpu *cpu, uint64_t va,
                                  unsigned bytes, uint64_t *value,
                                  uint64_t *gpa);
enum mips_result mips_store_memory(struct mips_cpu *cpu, uint64_t va,
                                   unsigned bytes, uint64_t value,
                                   uint64_t *gpa);
enum mips_result mips_device_access(struct mips_cpu *cpu, uint64_t gpa,
                                    unsigned bytes, bool write,
                                    uint64_t *value);
void mips_store_shared(struct mips_cpu *cpu, uint8_t *host, unsigned bytes,
                       uint64_t value);
enum mips_result mips_ll(struct mips_cpu *cpu, uint64_t va, unsigned bytes,
                         uint64_t *value);
enum mips_result mips_sc(struct mips_cpu *cpu, uint64_t va, unsigned bytes,
                         uint64_t value, uint64_t *success);
enum mips_result mips_load_part(struct mips_cpu *cpu, uint64_t va,
                                unsigned bytes, bool left, uint64_t *reg);
enum mips_result mips_store_part(struct mips_cpu *cpu, uint64_t va,
                                 unsigned bytes, bool left, uint64_t reg);
enum mips_result mips_cache_op(struct mips_cpu *cpu, unsigned op, uint64_t va);

/* --- line.c: the access table by lines of a simulated cache --- */
/* Follow host->line_epoch.  NOMEM: as before. */
int mips_line_switch(struct mips_cpu *cpu);
void mips_line_destroy(struct mips_cpu *cpu);
/* Ask for the line; its stall becomes time. */
disco_backend_line *mips_line_ask(struct mips_cpu *cpu, uint64_t memory,
                                  uint64_t offset, uint64_t gpa,
                                  uint32_t access);
/* Code at this slot is fetched: of a line other than before. */
void mips_line_fetch(struct mips_cpu *cpu, const struct slot *base,
                     unsigned index);
void mips_line_flush(struct mips_cpu *cpu, unsigned mode);
void mips_line_drop_mapped(struct mips_cpu *cpu, unsigned mode);
void mips_line_drop_page(struct mips_cpu *cpu, unsigned mode, uint64_t va);
void mips_line_drop_host(struct mips_cpu *cpu, unsigned mode,
                         const uint8_t *host, bool write_only);

/* --- code.c --- */
/* Find code for cpu->pc; on RES_OK *page and pc's slot are valid. */
enum mips_result mips_fetch(struct mips_cpu *cpu, struct code_page **page);
/* What is behind cpu->pc, for whoever keeps code of it; *va becomes canonical.
 */
enum mips_result mips_fetch_page(struct mips_cpu *cpu, uint64_t *va,
                                 disco_backend_page *where);
void mips_code_drop_frame(struct mips_cpu *cpu, uint64_t frame);
void mips_code_drop_all(struct mips_cpu *cpu);
/* Is anything of it decoded? */
bool mips_code_holds_frame(struct mips_cpu *cpu, uint64_t frame);
void mips_code_store(struct mips_cpu *cpu, uint64_t frame, uint32_t offset,
                     uint32_t bytes);
void mips_code_decode(struct mips_cpu *cpu, const struct slot *base,
                      unsigned index);
/* Free what was dropped while it may have been running. */
void mips_code_bury(struct mips_cpu *cpu);

/* --- interp.c: run until left < 0 or something happens --- */
void mips_exec_big(struct mips_cpu *cpu);
void mips_exec_little(struct mips_cpu *cpu);
void mips_exec_big_line(struct mips_cpu *cpu);
void mips_exec_little_line(struct mips_cpu *cpu);

/* --- op.c: operations too big for a handler --- */
void mips_div(struct mips_cpu *cpu, int32_t a, int32_t b);
void mips_ddiv(struct mips_cpu *cpu, int64_t a, int64_t b);
enum mips_result mips_op_hypcall(struct mips_cpu *cpu, unsigned code);
/* Edge case: a branch in the last word of a page. */
enum mips_result mips_branch_edge(struct mips_cpu *cpu, uint32_t word);
/* Where the branch or jump `word` at pc goes when it is taken; not by register.
 */
uint64_t mips_branch_target(uint32_t word, uint64_t pc);
/* Where it goes now, after its delay slot. */
uint64_t mips_branch_next(const struct mips_cpu *cpu, uint32_t word,
                          uint64_t pc);

/* --- do.c: single instructions for translated code --- */
enum mips_result mips_do_op(struct mips_cpu *cpu, const struct slot *s);
/* CTC1 $31; also for the interpreter. */
enum mips_result mips_ctc1(struct mips_cpu *cpu, uint32_t value);

/* --- verify.c --- */
disco_status mips_verify(void *state, disco_error *err);

extern const disco_backend_ops mips_backend_ops;

#endif
