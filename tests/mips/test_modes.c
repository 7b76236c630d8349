/*
 * test_modes.c - exact against disco mode, and what a guest kernel in
 * supervisor mode can do (Disco, section 3.1: supervisor mode protects the
 * monitor and still gives the kernel a space of its own).
 */
#include "test_cpu.h"

#define SUPER_CODE UINT64_C(0xffffffffc0000000) /* the supervisor segment */
#define SUPER      (ST_SX | 0x08)
#define USER       (ST_UX | 0x10)

static const disco_vcpu_config disco = { .size = sizeof(disco),
                                         .mode = DISCO_MODE_DISCO };
static const disco_vcpu_config exact = { .size = sizeof(exact) };

static uint64_t trap(struct host_vcpu *v, unsigned cause)
{
    disco_vcpu_stats stats;

    host_stats(v, &stats);
    return stats.traps[cause];
}

/* A vCPU in supervisor mode at SUPER_CODE, which is TEST_CODE. */
static struct host_vcpu *start_super(const disco_vcpu_config *config)
{
    struct host_vcpu *v = start_with(config);

    host_tlb(v, 0, SUPER_CODE, LO(TEST_CODE, LO_V | LO_D | LO_G),
             LO(TEST_DATA, LO_V | LO_D | LO_G), 0);
    SET_C0(v, C0_STATUS, SUPER);
    SET_PC(v, SUPER_CODE);
    return v;
}

static void run_super(struct host_vcpu *v, uint32_t word)
{
    SET_C0(v, C0_STATUS, SUPER);
    HOST_CODE(v->host, TEST_CODE, word);
    SET_PC(v, SUPER_CODE);
    run_exactly(v, 1);
}

/* --- The three questions
 * ------------------------------------------------------------ */

/*
 * (a) A privileged instruction.  Hardware: Coprocessor Unusable, which the
 * monitor takes and emulates.  Disco mode: the emulated effect, one trap
 * counted.  Exact mode: the guest sees CpU.
 */
static void test_supervisor_privileged_instruction(void **state)
{
    const uint32_t words[] = {
        CP0(MFC0, 9, C0_STATUS),
        CP0(MTC0, 8, C0_COMPARE),
        CP0(DMFC0, 9, C0_EPC),
        CP0(DMTC0, 8, C0_EPC),
        ASM(TLBP),
        ASM(TLBR),
        ASM(TLBWI),
        ASM(TLBWR),
        ASM(ERET),
        CACHEOP(0x01, 0, 8),
        ASM(MFPC) | FIELD(9, 16),
        ASM(MTPS) | FIELD(8, 16),
    };
    struct host_vcpu *v = start_super(&exact);
    uint64_t before;

    (void)state;
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        run_super(v, words[i]);
        check_exception(v, EXC_CPU, 0x180, SUPER_CODE);
        assert_int_equal(C0(v, C0_CAUSE) >> 28 & 3, 0);
        /* With CU0 it has them. */
        SET_C0(v, C0_STATUS, SUPER | ST_CU0);
        SET_C0(v, C0_INDEX, 40);
        SET_C0(v, C0_ENTRYHI, 0x6000);
        SET_PC(v, SUPER_CODE);
        run_exactly(v, 1);
        assert_false(C0(v, C0_STATUS) & ST_EXL);
    }
    finish(v);

    v = start_super(&disco);
    SET_GPR(v, 8, 1234);
    before = trap(v, DISCO_TRAP_PRIVILEGED);
    run_super(v, CP0(MTC0, 8, C0_WIRED));
    assert_int_equal(C0(v, C0_WIRED), 1234 & 63);
    run_super(v, CP0(MFC0, 9, C0_WIRED));
    assert_int_equal(GPR(v, 9), 1234 & 63);
    assert_int_equal(trap(v, DISCO_TRAP_PRIVILEGED), before + 2);
    assert_int_equal(PC(v), SUPER_CODE + 4);
    /* TLB writes and ERET have causes of their own. */
    SET_C0(v, C0_WIRED, 0);
    SET_C0(v, C0_INDEX, 40);
    SET_C0(v, C0_ENTRYHI, 0x6000);
    before = trap(v, DISCO_TRAP_TLB_WRITE);
    run_super(v, ASM(TLBWI));
    assert_int_equal(trap(v, DISCO_TRAP_TLB_WRITE), before + 1);
    assert_int_equal(host_reg(v, DISCO_REG_TLB(40, 0)), 0x6000);
    SET_C0(v, C0_EPC, SUPER_CODE + 0x40);
    before = trap(v, DISCO_TRAP_ERET);
    run_super(v, ASM(ERET));
    assert_int_equal(PC(v), SUPER_CODE + 0x40);
    assert_int_equal(trap(v, DISCO_TRAP_ERET), before + 1);
    /* User mode has none of it, in disco mode either. */
    host_tlb(v, 1, 0x400000, LO(TEST_CODE, LO_V | LO_G), LO_G, 0);
    SET_C0(v, C0_STATUS, USER);
    HOST_CODE(v->host, TEST_CODE, CP0(MFC0, 9, C0_STATUS));
    SET_PC(v, 0x400000);
    run_exactly(v, 1);
    check_exception(v, EXC_CPU, 0x180, 0x400000);
    finish(v);
}

/*
 * (b) Physical memory directly.  No, in either mode: kseg0, kseg1, kseg3 and
 * xkphys are address errors; nothing is read or written.
 */
static void test_supervisor_physical_memory(void **state)
{
    const uint64_t where[] = { KSEG0(TEST_DATA),
                               KSEG1(TEST_DATA),
                               XKPHYS(TEST_DATA),
                               UINT64_C(0x9000000000000000) + TEST_DATA,
                               UINT64_C(0xc000000000000000),
                               UINT64_C(0xffffffffe0000000) };

    (void)state;
    for (unsigned m = 0; m < 2; m++) {
        struct host_vcpu *v = start_super(m ? &disco : &exact);
        uint64_t before = trap(v, DISCO_TRAP_EXCEPTION);

        host_put32(v->host, TEST_DATA, 0x1234);
        for (unsigned i = 0; i < 6; i++) {
            SET_GPR(v, 8, where[i]);
            SET_GPR(v, 9, 7);
            run_super(v, MEM(LW, 9, 0, 8));
            check_exception(v, EXC_ADEL, 0x180, SUPER_CODE);
            assert_int_equal(C0(v, C0_BADVADDR), where[i]);
            assert_int_equal(GPR(v, 9), 7);
            run_super(v, MEM(SW, 9, 0, 8));
            check_exception(v, EXC_ADES, 0x180, SUPER_CODE);
            SET_C0(v, C0_STATUS, SUPER);
            SET_PC(v, where[i]);
            run_exactly(v, 1);
            check_exception(v, EXC_ADEL, 0x180, where[i]);
        }
        assert_int_equal(host_get32(v->host, TEST_DATA), 0x1234);
        assert_int_equal(trap(v, DISCO_TRAP_EXCEPTION) - before, m ? 18 : 0);
        finish(v);
    }
}

/*
 * (c) A protected address space.  Yes: the supervisor segments are the
 * kernel's, through the TLB; a miss is a refill as everywhere, and user mode
 * gets an address error.
 */
static void test_supervisor_protected_space(void **state)
{
    (void)state;
    for (unsigned m = 0; m < 2; m++) {
        struct host_vcpu *v = start_super(m ? &disco : &exact);
        const uint64_t xsseg = UINT64_C(0x4000000000000000);

        host_tlb(v, 2, xsseg, LO(TEST_DATA, LO_V | LO_D | LO_G), LO_G, 0);
        SET_GPR(v, 8, SUPER_CODE + 0x1000);
        SET_GPR(v, 9, 77);
        run_super(v, MEM(SW, 9, 0, 8));
        assert_int_equal(host_get32(v->host, TEST_DATA), 77);
        SET_GPR(v, 8, xsseg);
        run_super(v, MEM(LW, 10, 0, 8));
        assert_int_equal(GPR(v, 10), 77);
        SET_GPR(v, 8, SUPER_CODE + 0x100000);
        run_super(v, MEM(LW, 10, 0, 8));
        check_exception(v, EXC_TLBL, 0x080, SUPER_CODE);
        assert_int_equal(trap(v, DISCO_TRAP_TLB_MISS), m);
        /* The user cannot. */
        host_tlb(v, 1, 0x400000, LO(TEST_CODE, LO_V | LO_G), LO_G, 0);
        HOST_CODE(v->host, TEST_CODE, MEM(LW, 10, 0, 8));
        for (unsigned i = 0; i < 2; i++) {
            SET_C0(v, C0_STATUS, USER);
            SET_GPR(v, 8, i ? xsseg : SUPER_CODE + 0x1000);
            SET_PC(v, 0x400000);
            run_exactly(v, 1);
            check_exception(v, EXC_ADEL, 0x180, 0x400000);
        }
        finish(v);
    }
}

/* --- Monitor calls
 * ------------------------------------------------------------------- */

#define HYPCALL(code) (ASM(HYPCALL) | (uint32_t)(code) << 11)

static void test_monitor_calls(void **state)
{
    struct host_vcpu *v = start_with(&disco);
    struct mips_host *h = v->host;

    (void)state;
    h->call_result[0] = (uint64_t)-3;
    h->call_result[1] = 99;
    for (unsigned i = 4; i < 10; i++)
        SET_GPR(v, i, 100 + i);
    run_word(v, HYPCALL(0x2a5));
    assert_int_equal(h->calls, 1);
    assert_int_equal(h->call_code, 0x2a5);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(h->call_arg[i], 104 + i);
    assert_int_equal(GPR(v, 2), (uint64_t)-3);
    assert_int_equal(GPR(v, 3), 99);
    assert_int_equal(trap(v, DISCO_TRAP_MONITOR_CALL), 1);
    finish(v);
    /* From supervisor mode too. */
    v = start_super(&disco);
    run_super(v, HYPCALL(1));
    assert_int_equal(v->host->calls, 1);
    finish(v);
}

/* In exact mode and from user mode it is a reserved instruction. */
static void test_monitor_calls_reserved(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct host_vcpu *v = start_with(i & 1 ? &disco : &exact);
        bool user = i & 2 || i & 1;

        host_tlb(v, 1, 0x400000, LO(TEST_CODE, LO_V | LO_G), LO_G, 0);
        HOST_CODE(v->host, TEST_CODE, HYPCALL(5));
        SET_C0(v, C0_STATUS, user ? USER | (i & 2 ? ST_CU0 : 0) : TEST_STATUS);
        SET_PC(v, user ? 0x400000 : KSEG0(TEST_CODE));
        run_exactly(v, 1);
        check_exception(v, EXC_RI, 0x180, user ? 0x400000 : KSEG0(TEST_CODE));
        assert_int_equal(v->host->calls, 0);
        finish(v);
    }
}

/* The embedder's: leaves, is completed, goes on. */
static void test_monitor_call_exit(void **state)
{
    struct host_vcpu *v = start_with(&disco);

    (void)state;
    for (unsigned slot = 0; slot < 2; slot++) {
        HOST_CODE(v->host, TEST_CODE, slot ? BRANCH(BEQ, 0, 0, 3) : NOP_WORD,
                  HYPCALL(0x200));
        v->host->call_status = DISCO_E_STATE;
        SET_PC(v, KSEG0(TEST_CODE));
        assert_int_equal(host_run(v, 10), DISCO_EXIT_HYPERCALL);
        assert_int_equal(PC(v), KSEG0(TEST_CODE + 4));
        assert_int_equal(host_reg(v, DISCO_REG_DELAY), slot);
        mips_backend_ops.complete(v->state, -5, UINT64_C(0x123456789));
        run_exactly(v, 1);
        assert_int_equal(v->host->calls, slot + 1);
        assert_int_equal(GPR(v, 2), (uint64_t)-5);
        assert_int_equal(GPR(v, 3), UINT64_C(0x123456789));
        assert_int_equal(PC(v), KSEG0(TEST_CODE + (slot ? 16 : 8)));
    }
    assert_int_equal(trap(v, DISCO_TRAP_MONITOR_CALL), 2);
    finish(v);
}

/* --- Counting
 * -------------------------------------------------------------------------- */

/* What traps is counted in disco mode, by cause, and only there. */
static void test_trap_counts(void **state)
{
    (void)state;
    for (unsigned m = 0; m < 2; m++) {
        struct host_vcpu *v = start_with(m ? &disco : &exact);
        disco_vcpu_stats s;

        run_word(v, ASM(SYSCALL));
        SET_C0(v, C0_STATUS, TEST_STATUS);
        SET_GPR(v, 8, KSEG1(HOST_MMIO));
        run_word(v, MEM(LW, 9, 0, 8));
        run_word(v, CP0(MFC0, 9, C0_COUNT));
        SET_C0(v, C0_CAUSE, 0x100);
        SET_C0(v, C0_STATUS, TEST_STATUS | ST_IE | 0x100);
        run_word(v, NOP_WORD);
        SET_GPR(v, 8, 0x5000);
        SET_C0(v, C0_STATUS, TEST_STATUS);
        run_word(v, MEM(LW, 9, 0, 8));
        host_stats(v, &s);
        assert_int_equal(s.traps[DISCO_TRAP_EXCEPTION], m);
        assert_int_equal(s.traps[DISCO_TRAP_MMIO], m);
        assert_int_equal(s.traps[DISCO_TRAP_PRIVILEGED], m);
        assert_int_equal(s.traps[DISCO_TRAP_INTERRUPT], m);
        assert_int_equal(s.traps[DISCO_TRAP_TLB_MISS], m);
        assert_int_equal(!!s.traps[DISCO_TRAP_KERNEL_TLB], m);
        assert_int_equal(s.interrupts, 1);
        assert_int_equal(s.tlb_refills, 1);
        assert_int_equal(s.exceptions[EXC_SYS], 1);
        assert_int_equal(s.exceptions[EXC_TLBL], 1);
        assert_int_equal(s.mmio_reads, 1);
        finish(v);
    }
}

/* Registers that stand for memory are no traps. */
static void test_untrapped_registers(void **state)
{
    (void)state;
    for (unsigned m = 0; m < 2; m++) {
        struct host_vcpu *v = start_with(m ? &disco : &exact);
        disco_vcpu_stats s;

        v->host->mmio_untrapped = DISCO_MMIO_UNTRAPPED;
        SET_GPR(v, 8, KSEG1(HOST_MMIO));
        run_word(v, MEM(LW, 9, 0, 8));
        run_word(v, MEM(SW, 9, 8, 8));
        v->host->mmio_untrapped = 0;
        SET_GPR(v, 8, KSEG1(HOST_MMIO + 0x1000));
        run_word(v, MEM(LW, 9, 0, 8));
        host_stats(v, &s);
        assert_int_equal(s.traps[DISCO_TRAP_CP0_PAGE], m ? 2 : 0);
        assert_int_equal(s.traps[DISCO_TRAP_MMIO], m ? 1 : 0);
        assert_int_equal(s.mmio_reads, 2);
        assert_int_equal(s.mmio_writes, 1);
        finish(v);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_supervisor_privileged_instruction),
        cmocka_unit_test(test_supervisor_physical_memory),
        cmocka_unit_test(test_supervisor_protected_space),
        cmocka_unit_test(test_monitor_calls),
        cmocka_unit_test(test_monitor_calls_reserved),
        cmocka_unit_test(test_monitor_call_exit),
        cmocka_unit_test(test_trap_counts),
        cmocka_unit_test(test_untrapped_registers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
