/*
 * vcpu.h - virtual CPUs: creation, running a slice, exits, registers.
 */
#ifndef DISCO_VCPU_H
#define DISCO_VCPU_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    DISCO_MODE_EXACT = 0, /* a bare CPU */
    DISCO_MODE_DISCO = 1  /* guest kernel deprivileged; monitor calls */
};

/* Tri-state for features that have a default. */
enum { DISCO_DEFAULT = 0, DISCO_ON = 1, DISCO_OFF = 2 };

enum { DISCO_FP_IEEE = 0, DISCO_FP_R10000 = 1 };

/* What executes instructions.  The guest cannot tell which it is. */
enum {
    DISCO_ENGINE_BEST = 0,   /* the fastest that this host has */
    DISCO_ENGINE_INTERP = 1, /* the reference */
    DISCO_ENGINE_JIT = 2     /* translation to host code; DISCO_CAP_JIT */
};

typedef struct disco_vcpu_config {
    uint32_t size;
    uint32_t flags;         /* 0 */
    const char *backend;    /* NULL = "mips" */
    const char *model;      /* NULL = "R10000"; backend's own names */
    uint32_t mode;          /* DISCO_MODE_* */
    uint32_t l2tlb;         /* DISCO_DEFAULT (follows mode), ON, OFF */
    uint32_t l2tlb_entries; /* power of two 64..65536, 0 = 1024 */
    uint32_t order;         /* DISCO_BIG (default) or DISCO_LITTLE */
    uint32_t fp;            /* DISCO_FP_*: denormals computed or trapped */
    uint32_t break_exit;    /* non-zero: BREAK instructions leave with BREAK */
    uint32_t engine;        /* DISCO_ENGINE_* */
    uint32_t reserved;
} disco_vcpu_config;

/*
 * Create a vCPU in reset state, parked (runs return PARKED) until
 * disco_vcpu_start.  Its index is the number of vCPUs before it.  `config` may
 * be NULL.  Errors: INVAL, NOENT (backend or model), RANGE (too many),
 * UNSUPPORTED (engine), VERSION, NOMEM.  Thread: quiesced.
 */
DISCO_API disco_status disco_vcpu_create(disco_vm *vm,
                                         const disco_vcpu_config *config,
                                         disco_vcpu **out);
/* BUSY while it runs.  Indices of the others stay.  Thread: quiesced. */
DISCO_API disco_status disco_vcpu_destroy(disco_vcpu *vcpu);

DISCO_API disco_vm *disco_vcpu_vm(disco_vcpu *vcpu);
DISCO_API uint32_t disco_vcpu_index(const disco_vcpu *vcpu);

/* Back to reset state and parked.  Thread: owner, not while it runs. */
DISCO_API disco_status disco_vcpu_reset(disco_vcpu *vcpu);

/*
 * Let a parked vCPU run from `pc` (guest virtual).  Other registers keep what
 * they have.  Calls the wake callback.  STATE when it is not parked.
 * Thread: any, also inside a device callback of another vCPU.
 */
DISCO_API disco_status disco_vcpu_start(disco_vcpu *vcpu, uint64_t pc);

/* 1 until disco_vcpu_start.  Thread: any. */
DISCO_API int32_t disco_vcpu_is_parked(const disco_vcpu *vcpu);

/* Why a run ended. */
#define DISCO_EXIT_LIST(X)                                                     \
    X(BUDGET, 1)    /* max_insns or until_ns reached */                        \
    X(KICK, 2)      /* disco_vcpu_kick */                                      \
    X(IDLE, 3)      /* waits for an interrupt; u.idle */                       \
    X(MMIO, 4)      /* region with DISCO_MMIO_EXIT; u.mmio, then _complete */  \
    X(HYPERCALL, 5) /* embedder's monitor call; u.hypercall, then _complete */ \
    X(BREAK, 6)     /* BREAK with break_exit; pc is at it */                   \
    X(WATCH, 7)     /* host watchpoint */                                      \
    X(SHUTDOWN, 8)  /* guest or host ended the VM; u.shutdown */               \
    X(RESET, 9)     /* guest asks for a reset: disco_vm_reset */               \
    X(PARKED, 10)   /* not started */                                          \
    X(NO_MEMORY, 11) /* no machine frame left; pc is at the instruction */     \
    X(CALLBACK, 12)  /* a device callback failed; u.callback */                \
    X(YIELD, 13)     /* guest gave up its slice */

enum {
#define DISCO_EXIT_ENUM(name, value) DISCO_EXIT_##name = value,
    DISCO_EXIT_LIST(DISCO_EXIT_ENUM)
#undef DISCO_EXIT_ENUM
        DISCO_EXIT_COUNT
};

typedef struct disco_run {
    uint32_t size;
    uint32_t flags;     /* 0 */
    uint64_t max_insns; /* exact; 0 = no limit */
    uint64_t until_ns;  /* VM time; 0 = no limit */
} disco_run;

typedef struct disco_exit_mmio {
    uint64_t gpa;
    uint64_t value; /* of a write */
    uint32_t bytes;
    uint32_t write;
} disco_exit_mmio;

typedef struct disco_exit_hypercall {
    uint64_t code; /* guest.h: DISCO_HC_EMBEDDER.. */
    uint64_t arg[6];
} disco_exit_hypercall;

typedef struct disco_exit {
    uint32_t size;
    uint32_t reason;     /* DISCO_EXIT_* */
    uint64_t pc;         /* next instruction to run */
    uint64_t insns;      /* of this vCPU since its creation */
    uint64_t ran_insns;  /* in this run */
    uint64_t time_ns;    /* VM time */
    uint32_t delay_slot; /* 1: pc is a delay slot, its branch already ran */
    uint32_t reserved;
    union {
        struct {
            uint64_t until_ns; /* own timer interrupt, ~0 = none */
        } idle;
        disco_exit_mmio mmio;
        disco_exit_hypercall hypercall;
        struct {
            uint64_t gpa; /* of the access that was about to happen */
            uint32_t bytes;
            uint32_t access; /* DISCO_READ or DISCO_WRITE */
        } watch;
        struct {
            uint32_t code;
        } shutdown;
        struct {
            disco_status status;
            uint32_t write;
            uint64_t gpa;
        } callback;
        uint64_t space[8];
    } u;
} disco_exit;

/*
 * Run one vCPU on machine CPU `cpu` until a budget ends or the host is needed.
 *
 * run   limits; NULL = none.
 * exit  out, exact in both engines; never NULL.
 *
 * Returns 0 whenever the guest ran or could have run, whatever it did.
 * Errors: INVAL, BUSY (vCPU or CPU already running, or the VM's thread limit
 * reached), STATE (an MMIO or HYPERCALL exit is not completed), REENTRANT.
 * Thread: owner.
 */
DISCO_API disco_status disco_vcpu_run(disco_vcpu *vcpu, uint32_t cpu,
                                      const disco_run *run, disco_exit *exit);

/*
 * Finish an MMIO read (`value` is what the device returned), an MMIO write or a
 * HYPERCALL (`status` to v0, `value` to v1).  status: 0, or for MMIO
 * DISCO_E_FAULT for the guest's bus error.  STATE when nothing is pending.
 * Thread: owner.
 */
DISCO_API disco_status disco_vcpu_complete(disco_vcpu *vcpu,
                                           disco_status status, uint64_t value);

/*
 * Make the present or the next disco_vcpu_run return KICK.  Latched: never
 * lost, several kicks count as one.  Async-signal-safe.  Thread: any.
 */
DISCO_API void disco_vcpu_kick(disco_vcpu *vcpu);

/*
 * Host watchpoint `index` (0..DISCO_WATCHES-1): a load or store of the guest
 * that touches [gpa, gpa + bytes) in memory leaves with DISCO_EXIT_WATCH before
 * it happens; the next run does it.  access: DISCO_READ, DISCO_WRITE or both; 0
 * removes it.  DMA and instruction fetches are not watched; of LWL and its kin
 * the whole word counts.
 * Errors: INVAL, UNSUPPORTED (backend).  Thread: owner, not while it runs.
 */
enum { DISCO_WATCHES = 4 };
DISCO_API disco_status disco_vcpu_set_watch(disco_vcpu *vcpu, uint32_t index,
                                            uint64_t gpa, uint64_t bytes,
                                            uint32_t access);

/*
 * Let another engine (DISCO_ENGINE_*) run the vCPU from its next run on.
 * Errors: INVAL, UNSUPPORTED (this host or backend does not have it).
 * Thread: owner, not while it runs.
 */
DISCO_API disco_status disco_vcpu_set_engine(disco_vcpu *vcpu, uint32_t engine);
/* The one in use: INTERP or JIT; 0 for NULL or a backend that has but one.
 * Thread: owner. */
DISCO_API uint32_t disco_vcpu_engine(const disco_vcpu *vcpu);

/*
 * Set a CPU interrupt line.  MIPS: 0..4 are the hardware lines IP2..IP6.
 * Errors: INVAL.  Thread: any.
 */
DISCO_API disco_status disco_vcpu_set_irq(disco_vcpu *vcpu, uint32_t line,
                                          int32_t level);

/*
 * Inside a device callback of this vCPU: stop after the current instruction
 * until an enabled interrupt line is high, whatever the global enable says.
 * STATE elsewhere.
 */
DISCO_API disco_status disco_vcpu_idle(disco_vcpu *vcpu);

/* 1 when a run would execute instructions now (not parked, not waiting).
 * Thread: any; a hint while it runs. */
DISCO_API int32_t disco_vcpu_runnable(disco_vcpu *vcpu);

/*
 * --- Registers ---------------------------------------------------------------
 * An id is class << 16 | index.  Values are 64-bit; 32-bit registers are
 * zero-extended here unless the architecture sign-extends them (GPRs).
 */
enum {
    DISCO_REG_CLASS_GPR = 1,  /* 0..31; 0 reads 0, writes are ignored */
    DISCO_REG_CLASS_SPEC = 2, /* pc and friends below */
    DISCO_REG_CLASS_FPR = 3,  /* 0..31, raw 64 bits */
    DISCO_REG_CLASS_FCR = 4,  /* 0 FIR (read-only), 31 FCSR */
    DISCO_REG_CLASS_CP0 = 5,  /* 0..31 */
    DISCO_REG_CLASS_PERF = 6, /* 2n event specifier n, 2n+1 counter n */
    DISCO_REG_CLASS_TLB = 7   /* entry * 4 + part */
};
#define DISCO_REG(cls, index) ((uint64_t)(cls) << 16 | (uint64_t)(index))
#define DISCO_REG_GPR(n)      DISCO_REG(DISCO_REG_CLASS_GPR, n)
#define DISCO_REG_FPR(n)      DISCO_REG(DISCO_REG_CLASS_FPR, n)
#define DISCO_REG_CP0(n)      DISCO_REG(DISCO_REG_CLASS_CP0, n)
#define DISCO_REG_PC          DISCO_REG(DISCO_REG_CLASS_SPEC, 0)
#define DISCO_REG_HI          DISCO_REG(DISCO_REG_CLASS_SPEC, 1)
#define DISCO_REG_LO          DISCO_REG(DISCO_REG_CLASS_SPEC, 2)
/* 1 when pc is a delay slot whose branch already ran; target follows. */
#define DISCO_REG_DELAY        DISCO_REG(DISCO_REG_CLASS_SPEC, 3)
#define DISCO_REG_DELAY_TARGET DISCO_REG(DISCO_REG_CLASS_SPEC, 4)
#define DISCO_REG_LLBIT        DISCO_REG(DISCO_REG_CLASS_SPEC, 5)
#define DISCO_REG_INSNS        DISCO_REG(DISCO_REG_CLASS_SPEC, 6) /* read-only */
#define DISCO_REG_FIR          DISCO_REG(DISCO_REG_CLASS_FCR, 0)
#define DISCO_REG_FCSR         DISCO_REG(DISCO_REG_CLASS_FCR, 31)
enum {
    DISCO_TLB_ENTRYHI = 0,
    DISCO_TLB_ENTRYLO0 = 1,
    DISCO_TLB_ENTRYLO1 = 2,
    DISCO_TLB_PAGEMASK = 3
};
#define DISCO_REG_TLB(entry, part) \
    DISCO_REG(DISCO_REG_CLASS_TLB, (entry)*4 + (part))

/*
 * Read or write `count` registers.  Stops at the first bad id (INVAL, its
 * position as `where`, earlier ones done); a value the register cannot hold is
 * masked as the CPU's own write would be.  Thread: owner, or this vCPU's device
 * callbacks; BUSY when it runs elsewhere.  A parked vCPU: any thread.
 */
DISCO_API disco_status disco_vcpu_get_regs(disco_vcpu *vcpu,
                                           const uint64_t *ids,
                                           uint64_t *values, uint32_t count);
DISCO_API disco_status disco_vcpu_set_regs(disco_vcpu *vcpu,
                                           const uint64_t *ids,
                                           const uint64_t *values,
                                           uint32_t count);

/* Name of a register id ("sp", "f12", "status"), NULL when there is none. */
DISCO_API const char *disco_reg_name(uint64_t id);
/* Id of a name, 0 when there is none. */
DISCO_API uint64_t disco_reg_find(const char *name);

/*
 * Translate a guest virtual address as the CPU would now, without side effects.
 * access: DISCO_READ, WRITE or EXEC.  FAULT when the CPU would take an
 * exception.  Thread: owner.
 */
DISCO_API disco_status disco_vcpu_translate(disco_vcpu *vcpu, uint64_t va,
                                            uint32_t access, uint64_t *gpa);

/*
 * Text of one instruction word, as binutils writes it, NUL-terminated; ".word
 * 0x..." for what the CPU does not have.  INVAL when the buffer is too small
 * (64 bytes are enough).  Thread: any.
 */
DISCO_API disco_status disco_disassemble(uint32_t word, uint64_t pc, char *text,
                                         uint32_t text_bytes);

/* What would have trapped into a monitor, by cause (disco mode). */
#define DISCO_TRAP_LIST(X)                                                   \
    X(PRIVILEGED, 0, "privileged_insn") /* other CP0 instruction */          \
    X(TLB_WRITE, 1, "tlb_write")                                             \
    X(TLB_MISS, 2, "tlb_miss")     /* passed to the guest */                 \
    X(L2TLB_HIT, 3, "l2tlb_hit")   /* machine TLB miss the monitor served */ \
    X(KERNEL_TLB, 4, "kernel_tlb") /* ... of an unmapped kernel segment */   \
    X(EXCEPTION, 5, "exception")   /* other exceptions passed on */          \
    X(INTERRUPT, 6, "interrupt")                                             \
    X(ERET, 7, "eret")                                                       \
    X(MMIO, 8, "mmio")                                                       \
    X(MONITOR_CALL, 9, "monitor_call")                                       \
    X(CP0_PAGE, 10, "cp0_page") /* not a trap: saved by the page */          \
    X(IDLE, 11, "idle")
enum {
#define DISCO_TRAP_ENUM(name, value, text) DISCO_TRAP_##name = value,
    DISCO_TRAP_LIST(DISCO_TRAP_ENUM)
#undef DISCO_TRAP_ENUM
        DISCO_TRAP_COUNT
};

typedef struct disco_vcpu_stats {
    uint32_t size;
    uint32_t cpu; /* machine CPU it last ran on */
    uint64_t insns;
    uint64_t user_insns;     /* 0: not counted by this engine */
    uint64_t exits[16];      /* by DISCO_EXIT_* */
    uint64_t exceptions[32]; /* by ExcCode, as seen by the guest */
    uint64_t tlb_refills;    /* refill exceptions the guest took */
    uint64_t l2tlb_hits;     /* misses of the 64 absorbed by the L2TLB */
    uint64_t interrupts;
    uint64_t mmio_reads;
    uint64_t mmio_writes;
    uint64_t moncalls;
    uint64_t idles;
    uint64_t traps[16]; /* by DISCO_TRAP_* */
} disco_vcpu_stats;
/* Thread: any; exact when it does not run. */
DISCO_API disco_status disco_vcpu_stats_get(disco_vcpu *vcpu,
                                            disco_vcpu_stats *out);

#ifdef __cplusplus
}
#endif
#endif
