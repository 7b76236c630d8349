/*
 * sched.h - the scheduler's objects, and who does what with them.
 *
 * Lock: every function here but the last group wants machine->sched_lock held,
 * and keeps it.  It is a leaf: with it held nothing waits, calls the host or
 * enters a vCPU; sched_unlock and sched_lock stand round such calls.  Order
 * never depends on host time or addresses: lists are in order of adding.
 *
 * A VM whose vCPUs are in nobody's hands is `pinned` while its time is changed
 * without the lock: then it does not go away and none of its vCPUs starts.
 */
#ifndef CORE_SCHED_H
#define CORE_SCHED_H

#include <disco/sched.h>

#include "core/vcpu.h"

enum sched_state {
    SCHED_RESTS, /* idle, parked, or at its limit: in no queue */
    SCHED_READY, /* in the queue of its CPU */
    SCHED_RUNS,
    SCHED_AWAY /* left with a reason for the host */
};

enum { WEIGHT_DEFAULT = 100, WEIGHT_MAX = 10000 };

struct sched_vm {
    struct sched_vm *next; /* in order of adding */
    struct disco_vm *vm;   /* borrowed */
    struct sched_entry *entries;
    uint32_t count;
    uint32_t active; /* READY and RUNS */
    uint32_t runs;
    uint32_t away;
    uint32_t weight;
    uint32_t is_gang;
    int is_held;        /* no slice starts */
    int is_taken;       /* somebody was told that he has it for himself */
    uint64_t releases;  /* how often it was let run again */
    uint64_t pinned_by; /* thread that changes its time, or 0 */
    uint64_t skew_insns;
    uint64_t *mask;     /* owned; a bit per CPU of the scheduler; NULL = all */
    uint64_t seen;      /* clock when its age was last compared, cycles */
    uint64_t round_end; /* modelled machine: its vCPUs run up to there */
    uint64_t key;       /* gang: least vtime of its queued vCPUs */
};

struct sched_entry {
    struct disco_vcpu *vcpu; /* borrowed */
    struct disco_sched *sched;
    struct sched_vm *vm;
    struct sched_entry *next_added;  /* of the scheduler */
    struct sched_entry *sibling;     /* next of the VM, in order of adding */
    struct sched_entry *next, *prev; /* READY: in the queue */
    uint32_t cpu;                    /* it belongs to; counted from first_cpu */
    uint32_t last_cpu;               /* it ran on; cpus = none yet */
    enum sched_state state;
    int is_woken;   /* woken while it ran */
    int is_boosted; /* gang: its turn, before all others */
    uint64_t *mask; /* owned; as the VM's */
    uint64_t vtime; /* cycles run, weighted */
    uint64_t place; /* instructions run, for skew */
    uint64_t limit_insns;
    uint64_t insns;    /* of the vCPU, when it last ran */
    uint64_t since;    /* READY: its CPU's slices when it came */
    uint64_t thread;   /* RUNS: that runs it; AWAY: that got it */
    uint64_t cycles;   /* run in all */
    uint64_t stats[8]; /* SCHED_COUNT_* */
};

enum {
    SCHED_COUNT_INSNS,
    SCHED_COUNT_SLICES,
    SCHED_COUNT_IDLES,
    SCHED_COUNT_WAKES,
    SCHED_COUNT_WAITED,
    SCHED_COUNT_NEAR,
    SCHED_COUNT_FAR
};

struct sched_cpu {
    struct sched_entry *head, *tail; /* least vtime first */
    struct sched_entry *current;
    struct sched_entry *last; /* that ran; may be gone */
    uint32_t ready;           /* in the queue */
    uint32_t owned;           /* entries that belong to it */
    uint32_t node;
    uint64_t thread; /* that drives it, or 0 */
    uint64_t last_thread;
    uint64_t turn; /* any-CPU calls: who had less goes first */
    uint64_t busy; /* cycles */
    uint64_t idle;
    uint64_t busy_before; /* at the last ageing */
    uint64_t slices;
    uint64_t switches;
    uint64_t moved_near, moved_far;
};

struct disco_sched {
    struct disco_machine *machine;
    uint64_t quantum;
    uint32_t flags;
    uint32_t first_cpu;
    uint32_t cpus;
    uint32_t rotation; /* modelled machine: CPU that begins the round */
    uint32_t balance_rounds;
    uint32_t balance_moves;
    struct sched_cpu *cpu;
    uint32_t nodes;
    uint32_t *node_first;        /* nodes + 1: its first CPU of ours */
    struct sched_entry *entries; /* in order of adding */
    struct sched_entry *cursor;  /* balance: to look at first; NULL = entries */
    uint32_t count;
    struct sched_vm *vms;
    uint32_t gangs;
    uint32_t ready; /* in all queues */
    uint32_t runs;  /* on all CPUs */
    uint32_t away;
    uint32_t crowded; /* CPUs with two or more READY or RUNS */
    int32_t drivers;  /* calls of run_cpu under way; -1: of run */
    uint32_t next;    /* run: CPU whose turn it is */
    int is_planned;   /* run: gangs have been decided for this round */
    int is_passing;   /* time is changed: nobody starts */
    int is_starved;   /* a call found READY vCPUs that must not start yet */
    uint32_t kicks;   /* machine's, when last looked at */
    uint64_t floor;   /* a vtime that all active ones have passed */
    uint64_t turn;    /* of the any-CPU call that was last */
    uint32_t moves_left;
    uint64_t due_round;  /* slices left until the round is over */
    uint64_t due_age;    /* rounds or slices left until ageing */
    uint64_t due_rounds; /* rounds left until balancing */
};

static inline void sched_lock(struct disco_sched *s)
{
    lock_take(&s->machine->sched_lock);
}

static inline void sched_unlock(struct disco_sched *s)
{
    lock_give(&s->machine->sched_lock);
}

/* Does time a come before b?  They may wrap. */
static inline int is_before(uint64_t a, uint64_t b)
{
    return (int64_t)(a - b) < 0;
}

/* sched_queue.c: entries on their CPU. */
void queue_put(struct sched_entry *e);   /* any other state -> READY */
void queue_rest(struct sched_entry *e);  /* -> RESTS */
void queue_start(struct sched_entry *e); /* READY -> RUNS */
void queue_away(struct sched_entry *e, uint64_t thread); /* RUNS -> AWAY */
/* It leaves for good; any state but RUNS. */
void queue_drop(struct sched_entry *e);
/* Account for a slice. */
void queue_charge(struct sched_entry *e, uint64_t cycles, uint64_t insns);
/* Who should run on this CPU now, or NULL. */
struct sched_entry *queue_first(struct disco_sched *s, uint32_t cpu);
int queue_may_start(const struct sched_entry *e);
/* Change the CPU of an entry that is not running. */
void queue_move(struct sched_entry *e, uint32_t cpu);

/* sched_place.c: which CPUs an entry may have, and which it gets. */
int place_allows(const struct sched_entry *e, uint32_t cpu);
/* How many others of its VM belong to this CPU? */
uint32_t place_siblings(const struct sched_entry *e, uint32_t cpu);
/* May it move there by the rules of masks and spreading? */
int place_may_move(const struct sched_entry *e, uint32_t cpu);
uint32_t place_choose(const struct sched_entry *e);
/* Make it belong where it is allowed. */
void place_settle(struct sched_entry *e);

/* sched_balance.c */
uint32_t balance_distance(const struct disco_sched *s, uint32_t a, uint32_t b);
/* Take over something for a CPU with nothing to run; NULL: nothing is due. */
struct sched_entry *balance_steal(struct disco_sched *s, uint32_t cpu);
/* Move who is far behind its share. */
void balance_step(struct disco_sched *s);

/* sched_gang.c */
void gang_plan(struct disco_sched *s);
/* One of a gang starts outside of a plan: the others are next. */
void gang_call(struct sched_entry *e);

/* sched_time.c.  Those marked + give the lock away meanwhile. */
void time_age(struct disco_sched *s);         /* + */
uint64_t time_next_ns(struct disco_sched *s); /* + */
/* Make a vCPU READY in each VM that is idle with an event due.  1 if any. */
int time_poke(struct disco_sched *s); /* + */

/* sched.c.  The vCPU's entry, or NULL when it is not in this scheduler. */
struct sched_entry *sched_find(const struct disco_sched *s,
                               const struct disco_vcpu *v);
/* Wait until nobody changes the VM's time; the lock is given away meanwhile.
 * NULL when the vCPU is gone then, or the caller is who changes it. */
struct sched_entry *sched_find_unpinned(struct disco_sched *s,
                                        const struct disco_vcpu *v);

/* sched_run.c.  CPUs that could be driven now and are not, up to 2. */
uint32_t sched_count_work(struct disco_sched *s);
/* Tell the host when somebody who found nothing would find
 * something now; the lock is given away meanwhile. */
void sched_feed(struct disco_sched *s);

/* --- Without the lock --- */

/* The vCPU has something to do. */
void sched_wake(struct disco_vcpu *v);
/* It is destroyed. */
void sched_forget(struct disco_vcpu *v);

#endif
