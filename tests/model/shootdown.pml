/*
 * shootdown.pml - the protocol of mem/shootdown.c, mem/move.c, mem/cow.c and
 * mem/code.c for SPIN: two vCPUs of a VM, a device and a host thread that
 * moves frames, on two pages which share a frame at first.
 *
 * Checked in every interleaving: nobody uses a frame that was given back, no
 * store goes to a frame that is no longer the page's, and nobody waits for ever
 * (waits are blocking conditions here, so that a deadlock is an invalid end).
 *
 * It is not about weak memory: every step is sequentially consistent, as the
 * handshake's operations are.  A mutation (-DBUG=n) breaks one rule each; the
 * check must then fail, which run_spin.py sees to.
 */
#ifndef BUG
#define BUG 0
#endif
#define BUG_NO_WAIT      1 /* who takes a page away does not wait */
#define BUG_LATE_RUNNING 2 /* RUNNING is said after the request was read */
#define BUG_NO_POLL      3 /* after a wait, old translations are used */
#define BUG_MARK_FIRST   4 /* MOVING is set before copies under way are over */
#define BUG_NOT_PARKED   5 /* a shooter waits without being parked */
#define BUG_NO_MOVING    6 /* a new translation is made while the page moves */
#define BUG_LOST_ITEM    7 /* what does not fit into the queue is forgotten */

#ifndef OPS
#define OPS 2 /* of each vCPU */
#endif
#ifndef DEVICE
#define DEVICE 1
#endif
#ifndef MOVER
#define MOVER 1
#endif
#ifndef RUN_VCPUS
#define RUN_VCPUS 2
#endif
#ifndef MOVES
#define MOVES 1 /* of the mover, of page 0 and 1 in turns */
#endif
#ifndef APART
#define APART 0 /* 1: the pages have frames of their own at first */
#endif
#define VCPUS  2
#define PAGES  2
#define FRAMES 5
#define HOST   VCPUS /* `self` of who is no vCPU */
#define NONE   FRAMES
#define TLB(v, p) tlb[(v) * PAGES + (p)]

bool locked; /* mem->lock */

/* struct shoot_vcpu */
bool running[VCPUS + 1], request[VCPUS], overflow[VCPUS];
byte posted[VCPUS], served[VCPUS], item[VCPUS];

/* Map entries and page records. */
byte frame[PAGES], busy[PAGES];
bool moving[PAGES], write[PAGES];

/* Frames: how often mapped, and how many stores the content has seen. */
byte maps[FRAMES], content[FRAMES];
bool given[FRAMES]; /* not on the free list */

/* What the vCPUs hold: a frame, and the right to store. */
byte tlb[VCPUS * PAGES];
bool may_store[VCPUS * PAGES];

byte stores[PAGES]; /* that have been done */
byte over;          /* processes at their end */

inline lock_take() { atomic { !locked -> locked = true } }
inline lock_give() { locked = false }

inline park(me)
{
    if
    :: me < VCPUS && BUG != BUG_NOT_PARKED -> running[me] = false
    :: else
    fi
}

inline unpark(me)
{
    if
    :: me < VCPUS -> running[me] = true
    :: else
    fi
}

inline frame_take(new)
{
    atomic {
        new = 0;
        do
        :: given[new] -> new++
        :: else -> break
        od;
        given[new] = true
    }
}

/* --- shootdown.c: a wave is want[] and ticket[] of the process --- */

inline post(to_vcpu, what, from)
{
    atomic { /* under the queue's lock */
        if
        :: item[to_vcpu] == NONE -> item[to_vcpu] = what
        :: else -> overflow[to_vcpu] = (BUG != BUG_LOST_ITEM)
        fi;
        posted[to_vcpu]++;
        ticket[to_vcpu] = posted[to_vcpu];
        request[to_vcpu] = true
    };
    if
    :: to_vcpu != from && running[to_vcpu] -> want[to_vcpu] = true
    :: else
    fi
}

inline wave_wait(waiter)
{
    if
    :: BUG == BUG_NO_WAIT
    :: else ->
        park(waiter);
        if
        :: want[0] -> served[0] >= ticket[0] || !running[0]
        :: else
        fi;
        if
        :: want[1] -> served[1] >= ticket[1] || !running[1]
        :: else
        fi;
        unpark(waiter)
    fi;
    want[0] = false;
    want[1] = false
}

inline drop(holder, gone)
{
    atomic {
        if
        :: TLB(holder, 0) == gone || gone == NONE -> TLB(holder, 0) = NONE
        :: else
        fi;
        if
        :: TLB(holder, 1) == gone || gone == NONE -> TLB(holder, 1) = NONE
        :: else
        fi
    }
}

inline serve(server)
{
    atomic { /* under the queue's lock */
        got = item[server];
        if
        :: overflow[server] -> got = NONE
        :: else
        fi;
        item[server] = NONE;
        overflow[server] = false;
        last = posted[server];
        request[server] = false
    };
    drop(server, got);
    served[server] = last
}

/* --- move.c; the lock is held before and after --- */

inline wait_page(wanted, waiting)
{
    lock_give();
    park(waiting);
    !moving[wanted] && !busy[wanted];
    lock_take();
    unpark(waiting)
}

inline page_isolate(taken, shooter)
{
    if
    :: BUG == BUG_MARK_FIRST ->
        do
        :: moving[taken] -> wait_page(taken, shooter)
        :: else -> break
        od;
        moving[taken] = true;
        lock_give();
        park(shooter);
        !busy[taken];
        lock_take();
        unpark(shooter)
    :: else ->
        do
        :: moving[taken] || busy[taken] -> wait_page(taken, shooter)
        :: else -> break
        od;
        moving[taken] = true
    fi;
    post(0, frame[taken], shooter);
    post(1, frame[taken], shooter);
    lock_give();
    wave_wait(shooter);
    lock_take()
}

#define IN_USE(f)                                      \
    ((frame[0] == f && (moving[0] || busy[0])) ||      \
     (frame[1] == f && (moving[1] || busy[1])))

inline mark_and_shoot(old, marker)
{
    moving[0] = moving[0] || frame[0] == old;
    moving[1] = moving[1] || frame[1] == old;
    if
    :: BUG == BUG_MARK_FIRST ->
        lock_give();
        !(frame[0] == old && busy[0]) && !(frame[1] == old && busy[1]);
        lock_take()
    :: else
    fi;
    post(0, old, marker);
    post(1, old, marker);
    lock_give();
    wave_wait(marker);
    lock_take()
}

inline frame_isolate(at, isolated, taker)
{
    do
    :: isolated = frame[at];
        if
        :: BUG == BUG_MARK_FIRST && !moving[0] && !moving[1] -> break
        :: IN_USE(isolated) ->
            lock_give();
            !IN_USE(isolated);
            lock_take()
        :: else -> break
        fi
    od;
    mark_and_shoot(isolated, taker)
}

/* --- cow.c --- */

inline page_unshare(broken, writer)
{
    do
    :: moving[broken] -> wait_page(broken, writer)
    :: !moving[broken] && write[broken] -> break
    :: !moving[broken] && !write[broken] && maps[frame[broken]] == 1 ->
        write[broken] = true; /* the last one takes it over */
        break
    :: !moving[broken] && !write[broken] && maps[frame[broken]] > 1 ->
        frame_take(to);
        page_isolate(broken, writer);
        if
        :: write[broken] -> given[to] = false
        :: else ->
            lock_give();
            content[to] = content[frame[broken]];
            lock_take();
            atomic {
                maps[frame[broken]]--;
                given[frame[broken]] = maps[frame[broken]] > 0;
                maps[to] = 1;
                frame[broken] = to;
                write[broken] = true
            }
        fi;
        moving[broken] = false
    od
}

/* --- A vCPU --- */

/* A translation for a store (`for_store`) or a load; then it is used. */
inline resolve(asker, asked, to_store)
{
    if
    :: !moving[asked] && (write[asked] || !to_store) -> /* without the lock */
        atomic {
            if
            :: !moving[asked] || BUG == BUG_NO_MOVING ->
                TLB(asker, asked) = frame[asked];
                may_store[asker * PAGES + asked] = write[asked]
            :: else
            fi
        }
    :: else
    fi;
    if
    :: TLB(asker, asked) != NONE && (!to_store || may_store[asker * PAGES + asked])
    :: else ->
        lock_take();
        do
        :: to_store && !write[asked] -> page_unshare(asked, asker)
        :: moving[asked] && BUG != BUG_NO_MOVING -> wait_page(asked, asker)
        :: else -> break
        od;
        TLB(asker, asked) = frame[asked];
        may_store[asker * PAGES + asked] = write[asked];
        lock_give()
    fi
}

inline use(user, used, storing)
{
    assert(given[TLB(user, used)]);
    if
    :: storing ->
        atomic {
            assert(may_store[user * PAGES + used]);
            content[TLB(user, used)]++;
            stores[used]++
        }
    :: else
    fi
}

inline access(doer, target, is_store)
{
    if
    :: TLB(doer, target) != NONE && (!is_store || may_store[doer * PAGES + target])
    :: else -> resolve(doer, target, is_store)
    fi;
    use(doer, target, is_store)
}

inline poll(polled)
{
    do
    :: request[polled] -> serve(polled)
    :: else -> break
    od
}

inline poll_after(served_one)
{
    if
    :: BUG != BUG_NO_POLL -> skip; poll(served_one)
    :: else
    fi
}

/* code_store_begin, a store, code_store_end */
inline code_store(cpu, code)
{
    lock_take();
    page_unshare(code, cpu);
    busy[code]++;
    post(1 - cpu, NONE, cpu); /* the other one drops its code */
    lock_give();
    wave_wait(cpu);
    lock_take();
    TLB(cpu, code) = frame[code];
    may_store[cpu * PAGES + code] = write[code];
    lock_give();
    use(cpu, code, true);
    lock_take();
    busy[code]--;
    lock_give()
}

/* A host callback: parked; back in the backend it polls first. */
inline callback(back)
{
    running[back] = false;
    if
    :: BUG == BUG_LATE_RUNNING -> skip; poll(back); running[back] = true
    :: else -> running[back] = true; poll(back)
    fi
}

proctype vcpu(byte v)
{
    bool want[VCPUS];
    byte ticket[VCPUS], to, got, last, n, p;

    callback(v);
    do
    :: n < OPS ->
        n++;
        select(p : 0 .. 1);
        if
        :: skip; access(v, p, true); poll_after(v)
        :: skip; access(v, p, false); poll_after(v)
        :: skip; code_store(v, p); poll_after(v)
        :: skip; callback(v)
        fi;
        /* Straight on to an instruction that needs no service. */
        if
        :: TLB(v, 1 - p) != NONE -> use(v, 1 - p, false)
        :: TLB(v, 1 - p) != NONE && may_store[v * PAGES + 1 - p] ->
            use(v, 1 - p, true)
        :: TLB(v, 1 - p) == NONE
        fi;
        poll(v)
    :: else -> break
    od;
    running[v] = false;
    over++
}

/* copy.c: both pages are made ready and held, then written. */
proctype device()
{
    bool want[VCPUS];
    byte ticket[VCPUS], to, p;

    lock_take();
    do
    :: p < PAGES ->
        page_unshare(p, HOST);
        busy[p]++;
        p++
    :: else -> break
    od;
    p = 0;
    do
    :: p < PAGES ->
        lock_give();
        assert(given[frame[p]] && !moving[p]);
        atomic { content[frame[p]]++; stores[p]++ };
        lock_take();
        busy[p]--;
        p++
    :: else -> break
    od;
    lock_give();
    over++
}

/* page_migrate of the frame behind a page, wherever it is mapped. */
proctype mover()
{
    bool want[VCPUS];
    byte ticket[VCPUS], to, f, n;

    do
    :: n < MOVES ->
        lock_take();
        frame_take(to);
        frame_isolate(n % 2, f, HOST);
        lock_give();
        content[to] = content[f];
        lock_take();
        atomic {
            maps[to] = maps[f];
            maps[f] = 0;
            if
            :: frame[0] == f -> frame[0] = to; moving[0] = false
            :: else
            fi;
            if
            :: frame[1] == f -> frame[1] = to; moving[1] = false
            :: else
            fi;
            given[f] = false;
            n++
        };
        lock_give()
    :: else -> break
    od;
    over++
}

init
{
    atomic {
        item[0] = NONE;
        item[1] = NONE;
        tlb[0] = NONE;
        tlb[1] = NONE;
        tlb[2] = NONE;
        tlb[3] = NONE;
        given[0] = true;
        maps[0] = 2;
        if
        :: APART ->
            frame[1] = 1;
            given[1] = true;
            maps[0] = 1;
            maps[1] = 1;
            write[0] = true;
            write[1] = true
        :: else
        fi;
        run vcpu(0);
        if
        :: RUN_VCPUS == 2 -> run vcpu(1)
        :: else
        fi;
        if
        :: DEVICE -> run device()
        :: else
        fi;
        if
        :: MOVER -> run mover()
        :: else
        fi
    };
    over == RUN_VCPUS + DEVICE + MOVER;
    assert(content[frame[0]] == stores[0]);
    assert(content[frame[1]] == stores[1]);
    assert(given[0] + given[1] + given[2] + given[3] + given[4] == 2 ||
           frame[0] == frame[1])
}
