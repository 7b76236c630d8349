/*
 * test_mempages.c - monitor calls on a VM's own pages: remap, shared memory.
 */
#include <pthread.h>
#include <string.h>

#include "core/vcpu.h"
#include "fixture.h"

enum { PAGE = 4096, CODE = 0x8000 };

static void set_reg(disco_vcpu *vcpu, uint64_t id, uint64_t value)
{
    assert_int_equal(disco_vcpu_set_regs(vcpu, &id, &value, 1), 0);
}

static uint64_t get_reg(disco_vcpu *vcpu, uint64_t id)
{
    uint64_t value;

    assert_int_equal(disco_vcpu_get_regs(vcpu, &id, &value, 1), 0);
    return value;
}

/* One call; returns v0 and v1. */
static int64_t call(disco_vm *vm, uint32_t code, uint64_t a0, uint64_t a1,
                    uint64_t a2, uint64_t *v1)
{
    uint32_t program[2] = { TOY(TOY_CALL, 0, 0, code),
                            TOY(TOY_BREAK, 0, 0, 0) };
    disco_vcpu *vcpu = disco_vm_vcpu(vm, 0);
    disco_exit e = { .size = sizeof(e) };

    assert_int_equal(disco_mem_write(vm, CODE, program, 8), 0);
    set_reg(vcpu, DISCO_REG_PC, CODE);
    set_reg(vcpu, DISCO_REG_GPR(1), a0);
    set_reg(vcpu, DISCO_REG_GPR(2), a1);
    set_reg(vcpu, DISCO_REG_GPR(3), a2);
    do {
        assert_int_equal(disco_vcpu_run(vcpu, 0, NULL, &e), 0);
    } while (e.reason == DISCO_EXIT_YIELD);
    assert_int_equal(e.reason, DISCO_EXIT_BREAK);
    if (v1)
        *v1 = get_reg(vcpu, DISCO_REG_GPR(2));
    return (int64_t)get_reg(vcpu, DISCO_REG_GPR(1));
}

static void put(disco_vm *vm, uint64_t gpa, const char *text)
{
    assert_int_equal(disco_mem_write(vm, gpa, text, strlen(text) + 1), 0);
}

static void expect(disco_vm *vm, uint64_t gpa, const char *text)
{
    char found[16] = "";

    assert_int_equal(disco_mem_read(vm, gpa, found, strlen(text) + 1), 0);
    assert_string_equal(found, text);
}

static disco_vm *another(struct fixture *f, uint64_t group)
{
    disco_vcpu_config config = { .size = sizeof(config), .backend = "toy" };
    disco_vcpu *vcpu;
    disco_vm *vm;

    assert_int_equal(disco_vm_create(f->machine, NULL, &vm), 0);
    assert_int_equal(disco_vm_map_ram(vm, 0, 1 << 20, NULL), 0);
    assert_int_equal(disco_vcpu_create(vm, &config, &vcpu), 0);
    assert_int_equal(disco_vcpu_start(vcpu, 0), 0);
    assert_int_equal(disco_vm_set_share_group(vm, group), 0);
    return vm;
}

static void test_remap(void **state)
{
    disco_pin pin = { .size = sizeof(pin) };
    disco_vm_stats s = { .size = sizeof(s) };
    struct fixture f;
    uint64_t mapped;

    (void)state;
    fixture_make(&f, NULL, NULL, 0);
    put(f.vm, 0x3000, "one");
    put(f.vm, 0x4000, "old");
    assert_int_equal(call(f.vm, DISCO_HC_REMAP, 0x4000, 0x3000, 0, &mapped), 0);
    assert_int_equal(mapped, 1);
    expect(f.vm, 0x4000, "one");
    put(f.vm, 0x3000, "two");
    expect(f.vm, 0x4000, "one");
    /* From a page that was never touched: zeroes. */
    assert_int_equal(call(f.vm, DISCO_HC_REMAP, 0x4000, 0x9000, 0, &mapped), 0);
    assert_int_equal(mapped, 1);
    expect(f.vm, 0x4000, "");
    /* What is pinned is copied. */
    assert_int_equal(disco_mem_pin(f.vm, 0x3000, 8, DISCO_READ, &pin), 0);
    assert_int_equal(call(f.vm, DISCO_HC_REMAP, 0x4000, 0x3000, 0, &mapped), 0);
    assert_int_equal(mapped, 0);
    expect(f.vm, 0x4000, "two");
    assert_int_equal(disco_mem_unpin(f.vm, &pin), 0);
    assert_int_equal(call(f.vm, DISCO_HC_REMAP, 0x4001, 0x3000, 0, NULL),
                     DISCO_HC_E_INVAL);
    assert_int_equal(call(f.vm, DISCO_HC_REMAP, 0x4000, 1 << 20, 0, NULL),
                     DISCO_HC_E_FAULT);
    assert_int_equal(call(f.vm, DISCO_HC_REMAP, ~UINT64_C(0xfff), 0, 0, NULL),
                     DISCO_HC_E_FAULT);
    assert_int_equal(disco_vm_stats_get(f.vm, &s), 0);
    assert_int_equal(s.remapped, 2);
    assert_int_equal(s.zeroed, 0);
    fixture_drop(&f);
}

static void test_zero(void **state)
{
    disco_machine_stats s = { .size = sizeof(s) };
    disco_vm_stats vm = { .size = sizeof(vm) };
    struct fixture f;

    (void)state;
    fixture_make(&f, NULL, NULL, 0);
    put(f.vm, 0x3000, "one");
    assert_int_equal(call(f.vm, DISCO_HC_ZERO_PAGE, 0x3000, 0, 0, NULL), 0);
    expect(f.vm, 0x3000, "");
    assert_int_equal(call(f.vm, DISCO_HC_ZERO_PAGE, 0x3008, 0, 0, NULL),
                     DISCO_HC_E_INVAL);
    assert_int_equal(disco_vm_stats_get(f.vm, &vm), 0);
    assert_int_equal(vm.zeroed, 1);
    assert_int_equal(disco_machine_stats_get(f.machine, &s), 0);
    assert_int_equal(s.frames_used, 1); /* the code */
    fixture_drop(&f);
}

static void test_share(void **state)
{
    disco_vm_stats stats = { .size = sizeof(stats) };
    struct fixture f;
    disco_vm *vm;
    uint64_t n;

    (void)state;
    fixture_make(&f, NULL, NULL, 0);
    assert_int_equal(call(f.vm, DISCO_HC_SHARE, 7, 0x3000, 2, NULL),
                     DISCO_HC_E_UNSUPPORTED);
    assert_int_equal(disco_vm_set_share_group(f.vm, 5), 0);
    vm = another(&f, 5);
    put(f.vm, 0x3000, "one");
    put(vm, 0x5000, "mine");
    assert_int_equal(call(f.vm, DISCO_HC_SHARE, 7, 0x3000, 2, &n), 0);
    assert_int_equal(n, 1);
    assert_int_equal(call(vm, DISCO_HC_SHARE, 7, 0x5000, 2, &n), 0);
    assert_int_equal(n, 2);
    assert_int_equal(disco_vm_stats_get(vm, &stats), 0);
    assert_int_equal(stats.joined, 1);
    assert_int_equal(disco_machine_verify(f.machine), 0);
    expect(vm, 0x5000, "one");
    put(vm, 0x6ff0, "two");
    expect(f.vm, 0x4ff0, "two");
    put(f.vm, 0x3000, "six");
    expect(vm, 0x5000, "six");
    /* It moves, under both; nothing else happens to it. */
    assert_int_equal(call(vm, DISCO_HC_SHARE, 7, 0x9000, 2, NULL),
                     DISCO_HC_E_INVAL);
    assert_int_equal(call(vm, DISCO_HC_SHARE, 9, 0x6000, 1, NULL),
                     DISCO_HC_E_INVAL);
    assert_int_equal(call(vm, DISCO_HC_SHARE, 9, 0, 0, NULL), DISCO_HC_E_INVAL);
    assert_int_equal(call(vm, DISCO_HC_SHARE, 9, 0xff000, 2, NULL),
                     DISCO_HC_E_FAULT);
    assert_int_equal(call(vm, DISCO_HC_RELEASE_PAGE, 0x5000, 0, 0, NULL), 0);
    expect(f.vm, 0x3000, "");
    put(f.vm, 0x3000, "end");
    assert_int_equal(call(vm, DISCO_HC_UNSHARE, 7, 0, 0, NULL), 0);
    assert_int_equal(call(vm, DISCO_HC_UNSHARE, 7, 0, 0, NULL),
                     DISCO_HC_E_NOENT);
    put(f.vm, 0x3000, "own");
    expect(vm, 0x5000, "end");
    assert_int_equal(disco_machine_verify(f.machine), 0);
    assert_int_equal(disco_vm_destroy(vm), 0);
    fixture_drop(&f);
}

/* Other groups and the ends of VMs. */
static void test_share_ends(void **state)
{
    struct fixture f;
    disco_vm *vm, *stranger, *child;
    uint64_t n;

    (void)state;
    fixture_make(&f, NULL, NULL, 0);
    assert_int_equal(disco_vm_set_share_group(f.vm, 5), 0);
    vm = another(&f, 5);
    stranger = another(&f, 6);
    put(f.vm, 0x3000, "one");
    assert_int_equal(call(f.vm, DISCO_HC_SHARE, 7, 0x3000, 1, &n), 0);
    assert_int_equal(call(vm, DISCO_HC_SHARE, 7, 0x3000, 1, &n), 0);
    assert_int_equal(call(stranger, DISCO_HC_SHARE, 7, 0x3000, 1, &n), 0);
    assert_int_equal(n, 1);
    expect(stranger, 0x3000, "");
    assert_int_equal(disco_vm_fork(vm, NULL, &child), DISCO_E_BUSY);
    assert_int_equal(disco_vm_destroy(f.vm), 0);
    f.vm = stranger;
    expect(vm, 0x3000, "one");
    assert_int_equal(disco_machine_verify(f.machine), 0);
    assert_int_equal(disco_vm_destroy(vm), 0);
    fixture_drop(&f);
}

/* LL/SC counts between VMs on two threads, while the frame moves. */
enum { COUNTS = 20000 };
static const uint32_t counter[] = {
    TOY(TOY_LL, 1, 2, 0),    TOY(TOY_ADDI, 1, 1, 1), TOY(TOY_SC, 1, 2, 0),
    TOY(TOY_BEQ, 1, 0, -3),  TOY(TOY_ADDI, 3, 3, 1), TOY(TOY_BNE, 3, 4, -5),
    TOY(TOY_BREAK, 0, 0, 0),
};

struct runner {
    disco_vm *vm;
    uint32_t cpu;
    uint32_t done; /* atomic */
    uint32_t reason;
};

static void *count(void *arg)
{
    disco_exit e = { .size = sizeof(e) };
    struct runner *r = arg;

    do {
        if (disco_vcpu_run(disco_vm_vcpu(r->vm, 0), r->cpu, NULL, &e))
            break;
    } while (e.reason == DISCO_EXIT_YIELD);
    r->reason = e.reason;
    __atomic_store_n(&r->done, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void test_share_counts(void **state)
{
    struct fixture_config c = { .nodes = 2 };
    struct runner r[2] = { { .cpu = 0 }, { .cpu = 4 } };
    uint64_t gpa[2] = { 0x3000, 0x7000 }, sum;
    pthread_t thread[2];
    struct fixture f;
    uint32_t i, n = 0;

    (void)state;
    fixture_make(&f, &c, NULL, 0);
    assert_int_equal(disco_vm_set_share_group(f.vm, 5), 0);
    r[0].vm = f.vm;
    r[1].vm = another(&f, 5);
    for (i = 0; i < 2; i++) {
        assert_int_equal(call(r[i].vm, DISCO_HC_SHARE, 7, gpa[i], 1, NULL), 0);
        assert_int_equal(disco_mem_write(r[i].vm, 0, counter, sizeof(counter)),
                         0);
        set_reg(disco_vm_vcpu(r[i].vm, 0), DISCO_REG_PC, 0);
        set_reg(disco_vm_vcpu(r[i].vm, 0), DISCO_REG_GPR(2), gpa[i]);
        set_reg(disco_vm_vcpu(r[i].vm, 0), DISCO_REG_GPR(3), 0);
        set_reg(disco_vm_vcpu(r[i].vm, 0), DISCO_REG_GPR(4), COUNTS);
    }
    for (i = 0; i < 2; i++)
        pthread_create(&thread[i], NULL, count, &r[i]);
    while (!__atomic_load_n(&r[0].done, __ATOMIC_SEQ_CST) ||
           !__atomic_load_n(&r[1].done, __ATOMIC_SEQ_CST))
        disco_page_migrate(f.vm, 0x3000, ++n & 1);
    for (i = 0; i < 2; i++) {
        pthread_join(thread[i], NULL);
        assert_int_equal(r[i].reason, DISCO_EXIT_BREAK);
    }
    assert_int_equal(disco_mem_read(r[1].vm, 0x7000, &sum, 8), 0);
    assert_int_equal(sum, 2 * COUNTS);
    assert_int_equal(disco_vm_destroy(r[1].vm), 0);
    fixture_drop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_remap),        cmocka_unit_test(test_zero),
        cmocka_unit_test(test_share),        cmocka_unit_test(test_share_ends),
        cmocka_unit_test(test_share_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
