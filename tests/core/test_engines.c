/*
 * test_engines.c - a guest cannot tell which engine runs it: also when the host
 * changes it between slices, or denies memory for code.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "mips/mips_asm.h"
#include "r10k.h"

#if defined(__linux__) && defined(__x86_64__)
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#define CAN_DENY 1
#else
#define CAN_DENY 0
#endif

/* All that a program can see of the CPU. */
struct seen {
    uint64_t reg[32 + 6];
    uint64_t time_ns;
};

static struct seen look(struct r10k *g)
{
    static const uint64_t others[] = { DISCO_REG_PC,     DISCO_REG_HI,
                                       DISCO_REG_LO,     DISCO_REG_DELAY,
                                       DISCO_REG_CP0(9), DISCO_REG_INSNS };
    struct seen s;

    for (unsigned i = 0; i < 32; i++)
        s.reg[i] = r10k_reg(g, DISCO_REG_GPR(i));
    for (unsigned i = 0; i < 6; i++)
        s.reg[32 + i] = r10k_reg(g, others[i]);
    s.time_ns = disco_vm_time_ns(g->vm);
    return s;
}

/* --- Changing it
 * ----------------------------------------------------------- */

/* Another immediate into the loop, as a disk would write it. */
static void patch(struct r10k *g, unsigned n)
{
    const uint8_t low[] = { (uint8_t)(n & 0x3f) };

    assert_int_equal(disco_mem_write(g->vm, R10K_CODE + 4 * 4 + 3, low, 1), 0);
}

/* Slices of 1, 2, ... instructions and more; engine n of each. */
static struct seen run_slices(const uint32_t engine[4], int changes)
{
    struct seen s = { 0 };
    disco_exit e;
    struct r10k g;
    unsigned n;

    r10k_make(&g, NULL, r10k_loop, r10k_loop_words);
    for (n = 1; n < 2000; n++) {
        assert_int_equal(disco_vcpu_set_engine(g.vcpu, engine[n % 4]), 0);
        e = r10k_run(&g, n < 60 ? n : 13 * n % 701 + 1);
        if (e.reason != DISCO_EXIT_BUDGET)
            break;
        if (changes && n % 5 == 0)
            patch(&g, n);
    }
    assert_int_equal(e.reason, DISCO_EXIT_BREAK);
    s = look(&g);
    r10k_drop(&g);
    return s;
}

static void test_switching(void **state)
{
    static const uint32_t interp[] = { 1, 1, 1, 1 }, best[] = { 0, 0, 0, 0 },
                          both[] = { 0, 1, 0, 1 }, pairs[] = { 0, 0, 1, 1 };

    (void)state;
    for (int changes = 0; changes < 2; changes++) {
        struct seen wanted = run_slices(interp, changes), s;

        s = run_slices(best, changes);
        assert_memory_equal(&s, &wanted, sizeof(s));
        s = run_slices(both, changes);
        assert_memory_equal(&s, &wanted, sizeof(s));
        s = run_slices(pairs, changes);
        assert_memory_equal(&s, &wanted, sizeof(s));
    }
}

/* --- Denied
 * ------------------------------------------------------------- */

static struct seen run_best(uint32_t *engine)
{
    disco_vcpu_config c = { .size = sizeof(c), .engine = DISCO_ENGINE_JIT };
    disco_code_stats stats = { .size = sizeof(stats) };
    disco_vcpu *second;
    struct seen s;
    struct r10k g;

    r10k_make(&g, NULL, r10k_loop, r10k_loop_words);
    *engine = disco_vcpu_engine(g.vcpu);
    assert_int_equal(r10k_run(&g, 0).reason, DISCO_EXIT_BREAK);
    s = look(&g);
    if (*engine == DISCO_ENGINE_INTERP) {
        assert_int_equal(disco_vcpu_set_engine(g.vcpu, DISCO_ENGINE_JIT),
                         DISCO_E_UNSUPPORTED);
        assert_int_equal(disco_vcpu_set_engine(g.vcpu, DISCO_ENGINE_BEST), 0);
        assert_int_equal(disco_vcpu_create(g.vm, &c, &second),
                         DISCO_E_UNSUPPORTED);
        assert_int_equal(disco_machine_code_stats(g.machine, &stats), 0);
        assert_int_equal(stats.held_bytes, 0);
    }
    r10k_drop(&g);
    return s;
}

static void test_no_cache(void **state)
{
    const struct r10k_config c = { .code_cache_bytes = DISCO_CACHE_NONE };
    struct r10k g;

    (void)state;
    r10k_make(&g, &c, r10k_loop, r10k_loop_words);
    assert_int_equal(disco_vcpu_engine(g.vcpu), DISCO_ENGINE_INTERP);
    assert_int_equal(disco_vcpu_set_engine(g.vcpu, DISCO_ENGINE_JIT),
                     DISCO_E_UNSUPPORTED);
    r10k_drop(&g);
}

#if CAN_DENY
/* From now on this process gets no memfd, or no memory to run code in. */
static int deny(unsigned what)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
                 what ? UINT32_MAX : SYS_memfd_create, 3, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                 offsetof(struct seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, what ? PROT_EXEC : 0, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = { sizeof(code) / sizeof(code[0]), code };

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

enum { CHILD_RIGHT, CHILD_WRONG, CHILD_CANNOT };

static void child(unsigned what, const struct seen *wanted)
{
    uint32_t engine;
    struct seen s;

    if (deny(what))
        _exit(CHILD_CANNOT);
    s = run_best(&engine);
    _exit(engine == DISCO_ENGINE_INTERP && !memcmp(&s, wanted, sizeof(s))
              ? CHILD_RIGHT
              : CHILD_WRONG);
}

static void test_denied(void **state)
{
    uint32_t engine;
    struct seen wanted = run_best(&engine);

    (void)state;
    assert_int_equal(engine, DISCO_ENGINE_JIT);
    for (unsigned what = 0; what < 2; what++) {
        pid_t pid = fork();
        int status;

        assert_true(pid >= 0);
        if (!pid)
            child(what, &wanted);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) == CHILD_CANNOT)
            skip();
        assert_int_equal(WEXITSTATUS(status), CHILD_RIGHT);
    }
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_switching),
        cmocka_unit_test(test_no_cache),
#if CAN_DENY
        cmocka_unit_test(test_denied),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
