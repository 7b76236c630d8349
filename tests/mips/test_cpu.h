/*
 * test_cpu.h - what the tests of the backend share: cmocka, the fake host, a
 * vCPU ready to run at TEST_CODE in kernel mode.
 */
#ifndef TESTS_MIPS_TEST_CPU_H
#define TESTS_MIPS_TEST_CPU_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mips_asm.h"
#include "mips_host.h"
#include "mips/cpu.h"
#include "mips/mips.h"

#define KSEG0(pa)  (UINT64_C(0xffffffff80000000) + (uint64_t)(pa))
#define KSEG1(pa)  (UINT64_C(0xffffffffa0000000) + (uint64_t)(pa))
#define XKPHYS(pa) (UINT64_C(0x9800000000000000) + (uint64_t)(pa))
#define TEST_CODE  0x10000 /* physical */
#define TEST_DATA  0x20000
#define TEST_RAM   0x400000
/* All coprocessors and address spaces, kernel mode. */
#define TEST_STATUS (ST_CU0 | ST_CU1 | ST_XX | ST_FR | ST_KX | ST_SX | ST_UX)

/* EntryLo of a page: PFN and bits. */
#define LO(pa, bits) ((uint64_t)(pa) >> 12 << 6 | (bits))
enum { LO_G = 1, LO_V = 2, LO_D = 4, LO_C = 3 << 3 };

static inline struct host_vcpu *start_in(struct mips_host *h,
                                         const disco_vcpu_config *config,
                                         uint32_t vcpus_max)
{
    struct host_vcpu *v = host_vcpu(h, config, vcpus_max);

    assert_non_null(v);
    SET_C0(v, C0_STATUS, TEST_STATUS);
    SET_PC(v, KSEG0(TEST_CODE));
    return v;
}

static inline struct host_vcpu *start_with(const disco_vcpu_config *config)
{
    return start_in(host_new(TEST_RAM, 1), config, 1);
}

static inline struct host_vcpu *start(void)
{
    return start_with(NULL);
}

static inline void check_invariants(struct host_vcpu *v)
{
    const char *bad = host_verify(v);

    if (bad)
        print_error("%s\n", bad);
    assert_null(bad);
}

static inline void finish(struct host_vcpu *v)
{
    check_invariants(v);
    assert_true(host_free(v->host));
}

static inline unsigned exc_code(struct host_vcpu *v)
{
    return (unsigned)C0(v, C0_CAUSE) >> 2 & 31;
}

/* It took this exception to BEV=0's vector + offset, from `epc`. */
static inline void check_exception(struct host_vcpu *v, unsigned exc,
                                   unsigned offset, uint64_t epc)
{
    assert_int_equal(exc_code(v), exc);
    assert_int_equal(PC(v), KSEG0(offset));
    assert_int_equal(C0(v, C0_EPC), epc);
    assert_true(C0(v, C0_STATUS) & ST_EXL);
}

/* Run exactly n instructions and stop because of that. */
static inline void run_exactly(struct host_vcpu *v, uint64_t n)
{
    uint64_t before = host_reg(v, DISCO_REG_INSNS);

    assert_int_equal(host_run(v, n), DISCO_EXIT_BUDGET);
    assert_int_equal(host_reg(v, DISCO_REG_INSNS) - before, n);
}

/* Run one instruction, put at TEST_CODE. */
static inline void run_word(struct host_vcpu *v, uint32_t word)
{
    host_words(v->host, TEST_CODE, &word, 1);
    SET_PC(v, KSEG0(TEST_CODE));
    run_exactly(v, 1);
}

#endif
