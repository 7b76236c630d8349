/*
 * backend.h - the contract between the monitor and a CPU implementation.
 *
 * A backend turns guest instructions into effects on its own state, and reaches
 * everything else through disco_backend_host.  The library's R10000 is written
 * against this header; an embedder can plug in another CPU the same way.
 */
#ifndef DISCO_BACKEND_H
#define DISCO_BACKEND_H

#include "types.h"
#include "code.h"
#include "device.h"
#include "vcpu.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What is behind a guest-physical page. */
enum {
    DISCO_BEHIND_RAM = 1,
    DISCO_BEHIND_MMIO = 2,     /* use mmio_read / mmio_write */
    DISCO_BEHIND_NOTHING = 3,  /* bus error */
    DISCO_BEHIND_NO_MEMORY = 4 /* leave run with DISCO_EXIT_NO_MEMORY */
};

typedef struct disco_backend_page {
    uint8_t *host;   /* the 4 KiB page */
    uint64_t frame;  /* its name for code_*: the page in this VM */
    uint32_t rights; /* DISCO_READ; DISCO_WRITE when stores through `host` are
                        allowed; DISCO_EXCLUSIVE when no other vCPU has touched
                        the page: stores need not be announced or fenced, until
                        a DISCO_DROP_WRITE.  Of device registers:
                        DISCO_MMIO_UNTRAPPED or 0 */
    uint32_t code;   /* 1: somebody holds translated code of the page; stores
                        go between code_store_begin and code_store_end */
    uint64_t memory; /* name of the machine frame, for line_access */
} disco_backend_page;

/*
 * A line of a simulated cache, as its model shows it to the backend.  Holds the
 * machine line `name` (DISCO_LINE_NONE: nothing) until the model says otherwise
 * there; never goes away while line_epoch stays the same.
 */
#define DISCO_LINE_NONE (~(uint64_t)0)
typedef struct disco_backend_line {
    uint64_t name;
    uint64_t used;   /* *clock after the last use: who is replaced next */
    uint32_t rights; /* DISCO_READ, DISCO_WRITE: what needs no question */
    uint32_t state;  /* the model's */
    uint64_t *clock; /* uses of the cache so far */
} disco_backend_line;

/* With an access that asks for a line: it is part of LL and SC. */
enum { DISCO_LINE_SYNC = 16 };

/* Bits of the request word and of poll's result. */
enum {
    DISCO_REQ_KICK = 1,
    DISCO_REQ_IRQ = 2,        /* an interrupt line changed */
    DISCO_REQ_INVALIDATE = 4, /* handled inside poll */
    DISCO_REQ_STOP = 8,       /* shutdown, reset or destroy: leave */
    DISCO_REQ_IDLE = 16,      /* disco_vcpu_idle was called */
    DISCO_REQ_YIELD = 32,
    DISCO_REQ_TIMER = 64 /* a deadline moved: leave with time_check */
};

/*
 * The monitor's services, per vCPU.  All are called with `ctx` on the thread
 * that is inside ops->run of that vCPU, unless said otherwise.
 */
typedef struct disco_backend_host {
    uint32_t size;
    uint32_t vcpu_index;
    void *ctx;
    /*
     * Request word: the backend loads it (relaxed) at least at every taken
     * branch and before it continues after any service call, and calls poll
     * when it is not 0.
     */
    const uint32_t *request;
    /* Lines that stores must announce (mem/linemon.h); opaque outside. */
    void *line_monitor;
    uint32_t threads;      /* host threads that may run vCPUs of the VM */
    uint32_t memory_order; /* DISCO_ORDER_* */
    uint32_t vcpus_max;
    uint32_t reserved;
    uint64_t cpu_hz;
    /*
     * What is behind the page of `gpa`, made ready for `access` (a frame is
     * given, sharing is broken for WRITE).  EXEC registers this vCPU as holder
     * of translated code of the page: from then on it loses DISCO_WRITE for
     * everybody until the holders dropped it.  Without DISCO_EXEC in the rights
     * of an EXEC answer the code may be run but not kept.  The answer is valid
     * until the next poll or the end of run.
     */
    uint32_t (*resolve)(void *ctx, uint64_t gpa, uint32_t access,
                        disco_backend_page *page);
    /* This vCPU holds no code of the frame any more. */
    void (*code_release)(void *ctx, uint64_t frame);
    /*
     * Around a store into a page with `code`: between the two no other vCPU
     * holds or makes code of the page.  May run poll's work (translations of
     * this vCPU may be dropped: resolve again).
     */
    void (*code_store_begin)(void *ctx, uint64_t frame);
    void (*code_store_end)(void *ctx, uint64_t frame);
    /*
     * Device registers.  Returns 0; FAULT (bus error); STATE: leave run with
     * the reason in *exit_reason and repeat nothing: the monitor finishes the
     * access through ops->complete; other: leave with DISCO_EXIT_CALLBACK.
     */
    disco_status (*mmio_read)(void *ctx, uint64_t gpa, uint32_t bytes,
                              uint64_t *value);
    disco_status (*mmio_write)(void *ctx, uint64_t gpa, uint32_t bytes,
                               uint64_t value);
    /*
     * Wait until every other vCPU of the machine that is inside run has passed
     * a poll or left: what was published before is then seen by all of them.
     * May run poll's work for this vCPU.
     */
    void (*barrier)(void *ctx);
    /* Serve requests; returns DISCO_REQ_* bits that the backend must act on. */
    uint32_t (*poll)(void *ctx);
    /*
     * The VM's one clock.  Given this vCPU's time in cycles, returns the time
     * to use: never below, never below what any vCPU of the VM was told.
     */
    uint64_t (*clock_sync)(void *ctx, uint64_t cycles);
    /*
     * Monitor call.  Returns 0 with result[0] (v0) and result[1] (v1), or
     * STATE: leave run with DISCO_EXIT_HYPERCALL; ops->complete finishes it.
     */
    disco_status (*moncall)(void *ctx, uint32_t code, const uint64_t arg[6],
                            uint64_t result[2]);
    void (*log)(void *ctx, int32_t level, const char *text);
    /* Library memory: zeroed, NULL when there is none.  Any thread. */
    void *(*alloc)(void *ctx, uint64_t bytes);
    void (*free)(void *ctx, void *ptr, uint64_t bytes);
    /*
     * A simulated cache (model.h).  line_bytes 0: none, and the rest is not
     * used.  Otherwise the backend may load from a line while it holds its name
     * and has READ, and store while it has WRITE, and says so by used =
     * ++*clock.  Without that it asks line_access(name, gpa, access) first,
     * which makes the line present, returns the stall in cycles for the
     * backend to add to its own time, and in *line where it is.  A name is
     * memory * (4096 / line_bytes) + place in the page; gpa is what the guest
     * calls it, ~0 unknown; access is READ, WRITE or EXEC, and perhaps
     * DISCO_LINE_SYNC.  Code is fetched line by line: again only when the last
     * line fetched is left or gone.  At the start of run, a line_epoch other
     * than before means that all lines were forgotten.
     */
    uint64_t (*line_access)(void *ctx, uint64_t name, uint64_t gpa,
                            uint32_t access, disco_backend_line **line);
    uint32_t line_bytes; /* a power of two, 32..4096 */
    uint32_t line_epoch;
    void *shared; /* what ops->machine_begin made, or NULL */
    /*
     * For ops->verify: 1 when resolve could give this vCPU `page` for `gpa` as
     * it is now, with all of these rights, else 0.  With EXEC also: the vCPU
     * may hold code of it.  Of `frame` and `memory` ~0 is not looked at, of gpa
     * it means: that of the frame.  Changes nothing.
     */
    int32_t (*is_current)(void *ctx, uint64_t gpa,
                          const disco_backend_page *page);
    /*
     * For ops->verify: 1 when the page of RAM with this name shows these 4096
     * bytes to this vCPU, or something else that it has yet to be told of.
     */
    int32_t (*is_content)(void *ctx, uint64_t frame, const void *content);
} disco_backend_host;

/* What a backend may use for all its vCPUs of a machine. */
typedef struct disco_backend_machine {
    uint32_t size;
    uint32_t translate_at_run; /* as in disco_machine_config, never 0 */
    void *ctx;
    /* As of disco_backend_host. */
    void *(*alloc)(void *ctx, uint64_t bytes);
    void (*free)(void *ctx, void *ptr, uint64_t bytes);
    /* Host memory that did not come from alloc: more (bytes) or less. */
    void (*account)(void *ctx, int64_t bytes);
    uint64_t code_cache_bytes; /* limit for translated code */
} disco_backend_machine;

typedef struct disco_backend_run {
    uint64_t max_insns;    /* in: > 0 */
    uint64_t until_cycles; /* in: leave when own time reaches it */
    uint32_t reason;       /* out: DISCO_EXIT_*, BUDGET for both limits */
    disco_status status;   /* out: for CALLBACK */
    uint64_t watch_gpa;    /* out: for WATCH, the access */
    uint32_t watch_bytes;
    uint32_t watch_access;
} disco_backend_run;

/* What an ops->invalidate call is about. */
enum {
    DISCO_DROP_ALL = 0,   /* every translation and all code */
    DISCO_DROP_FRAME = 1, /* every translation to `host` */
    DISCO_DROP_WRITE = 2, /* store rights to `host` */
    DISCO_DROP_CODE = 3,  /* translated code of `frame` */
    DISCO_DROP_DATA = 4   /* every translation of data; code stays, but should
                             be resolved again before it is used next */
};

enum {
    DISCO_BACKEND_LINES = 1 /* asks line_access: can run under a model */
};

/*
 * The backend.  `state` is what create made.  Every function runs on the thread
 * that owns the vCPU, except set_irq, pending and next_timer_cycles (any
 * thread; the latter two only while the vCPU is not in run).
 */
typedef struct disco_backend_ops {
    uint32_t size;
    uint32_t flags;   /* DISCO_BACKEND_* */
    const char *name; /* "mips" */
    /* `host` lives as long as the vCPU. err is filled on failure. */
    disco_status (*create)(const disco_backend_host *host,
                           const disco_vcpu_config *config, void **state,
                           disco_error *err);
    void (*destroy)(void *state);
    void (*reset)(void *state);
    void (*set_pc)(void *state, uint64_t pc);
    void (*run)(void *state, disco_backend_run *run);
    /* Finish the access or call that left run with MMIO or HYPERCALL. */
    void (*complete)(void *state, disco_status status, uint64_t value);
    disco_status (*set_irq)(void *state, uint32_t line, int32_t level);
    /* 1 when an idle vCPU has a reason to go on. */
    int32_t (*pending)(void *state);
    /* Own time at which its timer interrupt comes, ~0 = never (disabled). */
    uint64_t (*next_timer_cycles)(void *state);
    uint64_t (*cycles)(void *state);
    /* Idle time passed: own time becomes `cycles` when that is later. */
    void (*set_cycles)(void *state, uint64_t cycles);
    disco_status (*get_reg)(void *state, uint64_t id, uint64_t *value);
    disco_status (*set_reg)(void *state, uint64_t id, uint64_t value);
    const char *(*reg_name)(uint64_t id); /* NULL: not a register */
    disco_status (*translate)(void *state, uint64_t va, uint32_t access,
                              uint64_t *gpa);
    /* As disco_vcpu_set_watch; NULL = unsupported. */
    void (*set_watch)(void *state, uint32_t index, uint64_t gpa, uint64_t bytes,
                      uint32_t access);
    void (*invalidate)(void *state, uint32_t what, const uint8_t *host,
                       uint64_t frame);
    void (*stats)(void *state, disco_vcpu_stats *out);
    disco_status (*save)(void *state, const disco_stream *out);
    disco_status (*load)(void *state, const disco_stream *in);
    /* Check that held translations agree with the monitor; 0 or INTERNAL. */
    disco_status (*verify)(void *state, disco_error *err);
    /* As disco_vcpu_set_engine and disco_vcpu_engine; NULL: there is one. */
    disco_status (*set_engine)(void *state, uint32_t engine);
    uint32_t (*engine)(void *state);
    /*
     * Before the first vCPU and after the last: something that all vCPUs of the
     * backend in a machine share (disco_backend_host.shared).  `machine` lives
     * until machine_end returns.  Both NULL: nothing.  Thread: the only one.
     */
    disco_status (*machine_begin)(const disco_backend_machine *machine,
                                  void **shared);
    void (*machine_end)(void *shared);
    /*
     * Of a backend that translates, with what machine_begin made; NULL: it does
     * not.  code_stats adds to the figures.  watch_code is as
     * disco_machine_watch_code; no vCPU runs.
     */
    void (*code_stats)(void *shared, disco_code_stats *sum);
    disco_status (*watch_code)(void *shared, uint32_t flags, disco_code_fn fn,
                               void *opaque);
} disco_backend_ops;

/*
 * Add a backend to a machine, by its name.  ops and its strings are borrowed
 * until the machine is destroyed.  Errors: EXISTS, INVAL, NOMEM.
 * Thread: before the machine has VMs that run.
 */
DISCO_API disco_status disco_machine_add_backend(disco_machine *machine,
                                                 const disco_backend_ops *ops);

#ifdef __cplusplus
}
#endif
#endif
