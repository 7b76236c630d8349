/*
 * test_claim.c - pages of one vCPU alone and of several: when stores must be
 * announced, seen through LL and SC.
 */
#include "fixture.h"

/* vCPU 0 stores plainly; vCPU 1 links and stores conditionally. */
static const uint32_t program[] = {
    TOY(TOY_ST, 1, 2, 0),
    TOY(TOY_JMP, 0, 0, 0),
    /* 8: */
    TOY(TOY_LL, 1, 2, 0),
    TOY(TOY_SC, 3, 2, 0),
    TOY(TOY_BREAK, 0, 0, 0),
};

static void make(struct fixture *f, uint32_t threads)
{
    struct fixture_config c = { .vcpus = 2, .threads = threads };
    uint64_t pc = DISCO_REG_PC, at = 8;

    fixture_make(f, &c, program, 5);
    assert_int_equal(disco_vcpu_set_regs(f->vcpu[1], &pc, &at, 1), 0);
    fixture_set_reg(f, 0, 2, 0x3000);
    fixture_set_reg(f, 1, 2, 0x3008);
}

/* The store comes between LL and SC: the SC must fail. */
static void test_exclusive_ends(void **state)
{
    uint32_t threads;

    (void)state;
    for (threads = 1; threads < 3; threads++) {
        struct fixture f;

        make(&f, threads);
        fixture_run(&f, 0, 10); /* alone: stores are not announced */
        fixture_run(&f, 1, 1);  /* LL */
        fixture_run(&f, 0, 2);
        fixture_run(&f, 1, 1); /* SC */
        assert_int_equal(fixture_reg(&f, 1, 3), 0);
        fixture_drop(&f);
    }
}

/* Without a store in between it works; a store elsewhere does not matter. */
static void test_link_holds(void **state)
{
    struct fixture f;

    (void)state;
    make(&f, 1);
    fixture_run(&f, 0, 10);
    fixture_set_reg(&f, 0, 2, 0x5000);
    fixture_run(&f, 1, 1);
    fixture_run(&f, 0, 2);
    fixture_run(&f, 1, 1);
    assert_int_equal(fixture_reg(&f, 1, 3), 1);
    fixture_drop(&f);
}

/* DMA and a move end a link, also on a page that one vCPU uses alone. */
static void test_dma_and_moves_end_links(void **state)
{
    struct fixture_config c = { .nodes = 2, .vcpus = 2 };
    uint64_t pc = DISCO_REG_PC, at = 8, value = 1;
    struct fixture f;
    int i;

    (void)state;
    for (i = 0; i < 2; i++) {
        fixture_make(&f, &c, program, 5);
        assert_int_equal(disco_vcpu_set_regs(f.vcpu[1], &pc, &at, 1), 0);
        fixture_set_reg(&f, 1, 2, 0x3008);
        fixture_run(&f, 1, 1);
        if (i)
            assert_int_equal(disco_page_migrate(f.vm, 0x3000, 1), 0);
        else
            assert_int_equal(disco_mem_write(f.vm, 0x3000, &value, 8), 0);
        fixture_run(&f, 1, 1);
        assert_int_equal(fixture_reg(&f, 1, 3), 0);
        fixture_drop(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exclusive_ends),
        cmocka_unit_test(test_link_holds),
        cmocka_unit_test(test_dma_and_moves_end_links),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
