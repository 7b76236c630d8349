/*
 * test_threads.c - VMs that run on many threads while others move, copy,
 * share, pin and fork their memory and write to it as devices do.  There is no
 * order to compare with, but much that must hold: counters are exact, a word
 * that one CPU writes is what it wrote last, code never goes back, content that
 * is held never changes, and no VM sees another one's.
 *
 * usage: test_threads [--seed N] [--seconds N] [--frames N]
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include <disco/disco.h>

#include "base/compiler.h"
#include "model_cpu.h"
#include "toy.h"

enum {
    PAGE = 4096,
    NODES = 2,
    CPUS = 12, /* a node */
    PAGES = 16,
    VMS = CPU_KINDS, /* that run; one more rests */
    VCPUS = 3,
    ACTORS = 3,
    CHILD_CPU = NODES * CPUS - 1, /* first of the actors' own, downwards */
    PATCHES = 5000
};

/* Pages of a VM; in the first five everybody has words of his own. */
enum {
    COUNTER = 1, /* a counter for all, and a word for each vCPU and actor */
    WORDS = 2,   /* only such words */
    TAGS = 3,    /* the VM's tag everywhere */
    CODE = 4,
    COPIES = 5, /* the tag, too: mapped from TAGS, or written */
    USED = 6    /* pages below are used */
};
enum { WORD_AT = 0x100, ACTOR_AT = 0x800 };

struct world;

struct worker {
    struct world *w;
    struct team *team;
    disco_vcpu *vcpu;
    uint32_t index;
    uint64_t random;
    uint64_t own[USED]; /* last value of the word on this page */
    uint64_t counted;
    uint32_t patched;
};

struct team {
    disco_vm *vm;
    uint32_t kind;
    uint64_t tag;
    uint32_t stop;   /* atomic: its vCPUs stay out */
    uint32_t inside; /* atomic: vCPUs in run */
    struct worker worker[VCPUS];
};

struct actor {
    struct world *w;
    uint32_t index;
    uint64_t random;
    uint64_t word[VMS][USED];
};

struct world {
    disco_machine *machine;
    disco_vm *rest; /* never runs */
    struct team team[VMS];
    struct actor actor[ACTORS];
    uint32_t over; /* atomic */
    uint32_t bad;  /* atomic: `text` says what */
    char text[160];
};

static uint64_t seed = 1;
static uint32_t seconds = 1, frames = 4096;

static void bad(struct world *w, const char *what, uint64_t a, uint64_t b)
{
    uint32_t none = 0;

    if (!cas_seq(&w->bad, &none, 1))
        return;
    snprintf(w->text, sizeof(w->text), "--seed %llu: %s (0x%llx, 0x%llx)",
             (unsigned long long)seed, what, (unsigned long long)a,
             (unsigned long long)b);
    store_seq(&w->over, 1);
}

static uint64_t rnd(uint64_t *state, uint64_t below)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (*state >> 11) % below;
}

/* --- vCPUs --- */

static void go_in(struct team *t)
{
    for (;;) {
        add_seq(&t->inside, 1);
        if (!load_seq(&t->stop))
            return;
        sub_seq(&t->inside, 1);
        while (load_seq(&t->stop))
            sched_yield();
    }
}

/* Run a program to its end, in slices on either node. */
static uint64_t run(struct worker *k, enum model_program program, uint64_t gpa,
                    uint64_t value, uint64_t extra)
{
    struct team *t = k->team;
    uint32_t cpu = (uint32_t)(t - k->w->team) * VCPUS + k->index;
    disco_run limit = { .size = sizeof(limit) };
    disco_exit e = { .size = sizeof(e) };
    disco_status status;

    model_start(k->vcpu, t->kind, program, gpa, value, extra);
    do {
        limit.max_insns = 1 + rnd(&k->random, 4000);
        go_in(t);
        status = disco_vcpu_run(
            k->vcpu, cpu + CPUS * (uint32_t)rnd(&k->random, NODES), &limit, &e);
        sub_seq(&t->inside, 1);
    } while (!status &&
             (e.reason == DISCO_EXIT_BUDGET || e.reason == DISCO_EXIT_KICK ||
              (e.reason == DISCO_EXIT_NO_MEMORY && !load_seq(&k->w->over))));
    if (status ||
        (e.reason != DISCO_EXIT_BREAK && e.reason != DISCO_EXIT_NO_MEMORY)) {
        bad(k->w, "a vCPU left run with status and reason",
            (uint64_t)(int64_t)status, e.reason);
        return 0;
    }
    return e.reason == DISCO_EXIT_BREAK ? model_value(k->vcpu, t->kind) : 0;
}

static void job_own(struct worker *k, uint32_t page)
{
    uint64_t times = 1 + rnd(&k->random, 500);
    uint64_t gpa = page * PAGE + WORD_AT + 8 * k->index;

    if (run(k, RUN_OWN, gpa, times, k->own[page]))
        bad(k->w, "a word of one vCPU is not what it wrote", gpa, k->own[page]);
    k->own[page] += times;
}

static void job_count(struct worker *k)
{
    uint64_t times = 1 + rnd(&k->random, 300);

    run(k, RUN_COUNT, COUNTER * PAGE, times, 1);
    k->counted += times;
}

static void job_watch(struct worker *k, uint32_t page)
{
    uint64_t gpa = page * PAGE + 8 * rnd(&k->random, PAGE / 8);

    if (run(k, RUN_WATCH, gpa, 1 + rnd(&k->random, 500), k->team->tag))
        bad(k->w, "a page with the VM's tag has something else", gpa,
            k->team->tag);
}

/* vCPU 0 changes the code once from 1 to PATCHES, the others call it. */
static void job_code(struct worker *k)
{
    if (k->index == 0 && !k->patched) {
        k->patched = 1;
        if (run(k, RUN_PATCH, CODE * PAGE, PATCHES, 0))
            bad(k->w, "code is not what was just stored", 0, 0);
    } else if (run(k, RUN_CALLS, CODE * PAGE, 1 + rnd(&k->random, 300), 0)) {
        bad(k->w, "code went back", k->index, 0);
    }
}

static void *work(void *arg)
{
    struct worker *k = arg;

    while (!load_seq(&k->w->over)) {
        switch (rnd(&k->random, 6)) {
        case 0:
            job_count(k);
            break;
        case 1:
            job_own(k, COUNTER);
            break;
        case 2:
            job_own(k, WORDS);
            break;
        case 3:
            job_watch(k, TAGS);
            break;
        case 4:
            job_watch(k, COPIES);
            break;
        default:
            job_code(k);
            break;
        }
    }
    return NULL;
}

/* --- Who works on their memory --- */

static void fill_tag(const struct team *t, uint8_t page[PAGE])
{
    uint32_t i;

    for (i = 0; i < PAGE; i += 8)
        model_put64(t->kind, page + i, t->tag);
}

static int is_short(disco_status status)
{
    return status == DISCO_E_NOMEM && frames < 4096;
}

static void check(struct actor *a, disco_status status, const char *what)
{
    if (status && status != DISCO_E_BUSY && status != DISCO_E_RANGE &&
        status != DISCO_E_NOMEM)
        bad(a->w, what, (uint64_t)(int64_t)status, 0);
}

static void act_move(struct actor *a, struct team *t)
{
    uint64_t gpa = rnd(&a->random, USED) * PAGE;
    uint32_t node = (uint32_t)rnd(&a->random, NODES);

    switch (rnd(&a->random, 5)) {
    case 0:
    case 1:
        check(a, disco_page_migrate(t->vm, gpa, node), "migrate");
        break;
    case 2:
    case 3:
        check(a, disco_page_replicate(t->vm, gpa, node), "replicate");
        break;
    default:
        check(a, disco_page_collapse(t->vm, gpa), "collapse");
        break;
    }
}

/* What is held does not change, whoever writes. */
static void act_share(struct actor *a, struct team *t)
{
    uint32_t page = (uint32_t)rnd(&a->random, USED);
    uint8_t before[PAGE], after[PAGE];
    disco_status status;
    disco_page p;

    status = disco_page_take(t->vm, page * PAGE, &p);
    if (status == DISCO_E_BUSY)
        return;
    if (status) {
        bad(a->w, "take", (uint64_t)(int64_t)status, page);
        return;
    }
    disco_page_read(a->w->machine, p, 0, before, PAGE);
    if (page == TAGS || page == COPIES)
        check(a, disco_page_map(t->vm, COPIES * PAGE, p), "map");
    if (rnd(&a->random, 2))
        check(a, disco_page_map(a->w->rest, rnd(&a->random, PAGES) * PAGE, p),
              "map elsewhere");
    if (rnd(&a->random, 2))
        sched_yield();
    disco_page_read(a->w->machine, p, 0, after, PAGE);
    if (memcmp(before, after, PAGE))
        bad(a->w, "a held page changed", page, 0);
    disco_page_drop(a->w->machine, p);
}

static void act_dma(struct actor *a, struct team *t)
{
    uint64_t i = (uint64_t)(t - a->w->team), page = 1 + rnd(&a->random, 2);
    uint64_t gpa = page * PAGE + ACTOR_AT + 8 * a->index, back = 0, next;
    disco_status status;
    uint8_t data[PAGE];

    if (rnd(&a->random, 3) == 0) {
        fill_tag(t, data);
        status = disco_mem_write(t->vm, COPIES * PAGE, data, PAGE);
        if (status && !is_short(status))
            bad(a->w, "DMA write", (uint64_t)(int64_t)status, 0);
        return;
    }
    disco_mem_read(t->vm, gpa, &back, 8);
    if (back != a->word[i][page])
        bad(a->w, "a device's word is not what it wrote", back,
            a->word[i][page]);
    next = back + 1;
    if (!disco_mem_write(t->vm, gpa, &next, 8))
        a->word[i][page] = next;
}

static void act_read(struct actor *a, struct team *t)
{
    uint32_t page = rnd(&a->random, 2) ? TAGS : COPIES;
    uint8_t data[PAGE], right[PAGE];

    fill_tag(t, right);
    if (disco_mem_read(t->vm, page * PAGE, data, PAGE) ||
        memcmp(data, right, PAGE))
        bad(a->w, "DMA read sees something else", page, 0);
}

static void act_pin(struct actor *a, struct team *t)
{
    uint64_t i = (uint64_t)(t - a->w->team), page = 1 + rnd(&a->random, 2);
    uint64_t gpa = page * PAGE + ACTOR_AT + 8 * a->index;
    disco_pin pin = { .size = sizeof(pin) };
    disco_status status =
        disco_mem_pin(t->vm, gpa, 8, DISCO_READ | DISCO_WRITE, &pin);

    if (status) {
        if (!is_short(status))
            bad(a->w, "pin", (uint64_t)(int64_t)status, 0);
        return;
    }
    if (load_relaxed((uint64_t *)pin.host) != a->word[i][page])
        bad(a->w, "a pinned word is not what was written", page, 0);
    store_relaxed((uint64_t *)pin.host, ++a->word[i][page]);
    if (disco_mem_unpin(t->vm, &pin))
        bad(a->w, "unpin", 0, 0);
}

/* The child sees its parent's tag, and leaves again. */
static void use_child(struct actor *a, struct team *t, disco_vm *child)
{
    disco_run limit = { .size = sizeof(limit), .max_insns = 4000 };
    disco_exit e = { .size = sizeof(e) };
    disco_vcpu *v = disco_vm_vcpu(child, 1);

    model_start(v, t->kind, RUN_WATCH, TAGS * PAGE, 50, t->tag);
    if (disco_vcpu_run(v, CHILD_CPU - a->index, &limit, &e) ||
        (e.reason != DISCO_EXIT_NO_MEMORY &&
         (e.reason != DISCO_EXIT_BREAK || model_value(v, t->kind))))
        bad(a->w, "a child sees something else", e.reason, 0);
    model_start(v, t->kind, RUN_STORE, TAGS * PAGE, 50, 0);
    if (disco_vcpu_run(v, CHILD_CPU - a->index, &limit, &e))
        bad(a->w, "a child does not run", e.reason, 0);
    if (disco_vm_destroy(child))
        bad(a->w, "a child does not end", 0, 0);
}

static void act_fork(struct actor *a, struct team *t)
{
    uint32_t none = 0, i;
    disco_status status;
    disco_vm *child;

    if (!cas_seq(&t->stop, &none, 1))
        return;
    while (load_seq(&t->inside)) {
        for (i = 0; i < VCPUS; i++)
            disco_vcpu_kick(t->worker[i].vcpu);
        sched_yield();
    }
    status = disco_vm_fork(t->vm, NULL, &child);
    store_seq(&t->stop, 0);
    if (!status)
        use_child(a, t, child);
    else
        check(a, status, "fork");
}

static void *act(void *arg)
{
    struct actor *a = arg;
    struct team *t;

    while (!load_seq(&a->w->over)) {
        t = &a->w->team[rnd(&a->random, VMS)];
        switch (rnd(&a->random, 24)) {
        case 0:
            act_fork(a, t);
            break;
        case 1:
        case 2:
            act_pin(a, t);
            break;
        case 3:
        case 4:
        case 5:
        case 6:
            act_dma(a, t);
            break;
        case 7:
        case 8:
            act_read(a, t);
            break;
        case 9:
        case 10:
        case 11:
        case 12:
        case 13:
        case 14:
            act_share(a, t);
            break;
        default:
            act_move(a, t);
            break;
        }
        if (rnd(&a->random, 4) == 0)
            sched_yield();
    }
    return NULL;
}

/* --- Begin and end --- */

static void make_team(struct world *w, uint32_t i)
{
    struct team *t = &w->team[i];
    uint8_t page[PAGE] = { 0 };
    uint32_t j;

    t->kind = i;
    t->tag = (i + 1) * UINT64_C(0x0101010101010101);
    assert_int_equal(disco_vm_create(w->machine, NULL, &t->vm), 0);
    assert_int_equal(disco_vm_map_ram(t->vm, 0, PAGES * PAGE, NULL), 0);
    for (j = 0; j < USED; j++)
        assert_int_equal(disco_mem_write(t->vm, j * PAGE, page, PAGE), 0);
    model_code(t->kind, page);
    assert_int_equal(disco_mem_write(t->vm, 0, page, PAGE), 0);
    model_snippet(t->kind, page, 0);
    assert_int_equal(disco_mem_write(t->vm, CODE * PAGE, page, SNIPPET_BYTES),
                     0);
    fill_tag(t, page);
    assert_int_equal(disco_mem_write(t->vm, TAGS * PAGE, page, PAGE), 0);
    assert_int_equal(disco_mem_write(t->vm, COPIES * PAGE, page, PAGE), 0);
    for (j = 0; j < VCPUS; j++) {
        t->worker[j].w = w;
        t->worker[j].team = t;
        t->worker[j].index = j;
        t->worker[j].random = seed * 977 + i * 31 + j + 1;
        assert_int_equal(model_vcpu(t->vm, t->kind, &t->worker[j].vcpu), 0);
    }
}

static void make(struct world *w)
{
    disco_machine_config c = { .size = sizeof(c),
                               .nodes = NODES,
                               .cpus_per_node = CPUS,
                               .node_bytes = (uint64_t)frames * PAGE };
    uint32_t i;

    memset(w, 0, sizeof(*w));
    assert_int_equal(disco_machine_create(&c, &w->machine, NULL), 0);
    assert_int_equal(disco_machine_add_backend(w->machine, &toy_ops), 0);
    assert_int_equal(disco_vm_create(w->machine, NULL, &w->rest), 0);
    assert_int_equal(disco_vm_map_ram(w->rest, 0, PAGES * PAGE, NULL), 0);
    for (i = 0; i < VMS; i++)
        make_team(w, i);
    for (i = 0; i < ACTORS; i++) {
        w->actor[i].w = w;
        w->actor[i].index = i;
        w->actor[i].random = seed * 1009 + i + 1;
    }
}

static uint64_t word_of(struct team *t, uint64_t gpa)
{
    uint8_t bytes[8];

    assert_int_equal(disco_mem_read(t->vm, gpa, bytes, 8), 0);
    return model_get64(t->kind, bytes);
}

static void check_team(struct world *w, struct team *t)
{
    uint64_t sum = 0;
    uint32_t i, page;

    for (i = 0; i < VCPUS; i++) {
        sum += t->worker[i].counted;
        for (page = COUNTER; page <= WORDS; page++)
            if (word_of(t, page * PAGE + WORD_AT + 8 * i) !=
                t->worker[i].own[page])
                bad(w, "a word at the end", page, i);
    }
    if (word_of(t, COUNTER * PAGE) != sum)
        bad(w, "the counter", word_of(t, COUNTER * PAGE), sum);
}

static void drop(struct world *w)
{
    disco_machine_stats s = { .size = sizeof(s) };
    disco_error err = { .size = sizeof(err) };
    uint32_t i;

    if (disco_machine_verify(w->machine)) {
        disco_machine_last_error(w->machine, &err);
        fail_msg("--seed %llu: %s", (unsigned long long)seed, err.text);
    }
    for (i = 0; i < VMS; i++)
        assert_int_equal(disco_vm_destroy(w->team[i].vm), 0);
    assert_int_equal(disco_vm_destroy(w->rest), 0);
    assert_int_equal(disco_machine_verify(w->machine), 0);
    assert_int_equal(disco_machine_stats_get(w->machine, &s), 0);
    assert_int_equal(s.frames_used, 0);
    assert_int_equal(disco_machine_destroy(w->machine), 0);
}

static void wait_for(struct world *w)
{
    struct timespec nap = { 0, 50 * 1000 * 1000 };
    uint32_t i;

    for (i = 0; i < seconds * 20 && !load_seq(&w->over); i++)
        nanosleep(&nap, NULL);
    store_seq(&w->over, 1);
}

static void test_all_at_once(void **state)
{
    pthread_t worker[VMS][VCPUS], actor[ACTORS];
    static struct world w;
    uint32_t i, j;

    (void)state;
    make(&w);
    for (i = 0; i < VMS; i++)
        for (j = 0; j < VCPUS; j++)
            pthread_create(&worker[i][j], NULL, work, &w.team[i].worker[j]);
    for (i = 0; i < ACTORS; i++)
        pthread_create(&actor[i], NULL, act, &w.actor[i]);
    wait_for(&w);
    for (i = 0; i < ACTORS; i++)
        pthread_join(actor[i], NULL);
    for (i = 0; i < VMS; i++)
        for (j = 0; j < VCPUS; j++)
            pthread_join(worker[i][j], NULL);
    for (i = 0; i < VMS && frames >= 4096; i++)
        check_team(&w, &w.team[i]);
    if (w.bad)
        fail_msg("%s", w.text);
    drop(&w);
}

/* A hang is a failure, too. */
static void on_alarm(int number)
{
    static const char text[] = "test_threads hangs\n";

    (void)number;
    if (write(2, text, sizeof(text) - 1) > 0)
        _exit(1);
    _exit(2);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_all_at_once) };
    int i;

    for (i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--seed"))
            seed = strtoull(argv[i + 1], NULL, 0);
        else if (!strcmp(argv[i], "--seconds"))
            seconds = (uint32_t)strtoul(argv[i + 1], NULL, 0);
        else if (!strcmp(argv[i], "--frames"))
            frames = (uint32_t)strtoul(argv[i + 1], NULL, 0);
    }
    signal(SIGALRM, on_alarm);
    alarm(50 + seconds);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
