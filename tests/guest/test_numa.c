/*
 * test_numa.c - guest programs that use memory in a known way on 2, 4 and 8
 * nodes: what placement policies make of it, in shares of sampled accesses and
 * in where the pages end up.
 */
#include "guest_test.h"

enum { BASE = 0x1000000, BLOCK_PAGES = 64, MOVES_MAX = 8 };

struct figures {
    double local; /* share of sampled accesses */
    disco_placement_stats s;
    uint32_t home[8][BLOCK_PAGES]; /* node of each page of each block */
    uint32_t copies[BLOCK_PAGES];  /* of block 0 */
    uint32_t most_moves;
    uint32_t moved_pages; /* of block 0: actions on them */
};

static struct figures seen;

static uint64_t gpa_of(uint32_t block, uint32_t page)
{
    return BASE + ((uint64_t)block * BLOCK_PAGES + page) * DISCO_PAGE_BYTES;
}

static void look_at_page(disco_vm *vm, uint32_t block, uint32_t page)
{
    disco_page_info info = { .size = sizeof(info) };
    disco_page_counters c = { .size = sizeof(c) };

    seen.home[block][page] = ~0u;
    if (disco_page_info_get(vm, gpa_of(block, page), &info) ||
        !(info.flags & DISCO_PAGE_PRESENT))
        return;
    seen.home[block][page] = info.node;
    if (block == 0)
        seen.copies[page] = info.copies;
    disco_counters_get(vm, gpa_of(block, page), &c);
    if (c.moves > seen.most_moves)
        seen.most_moves = c.moves;
    if (block == 0 && c.moves)
        seen.moved_pages++;
}

static void inspect(disco_machine *m, disco_vm *vm)
{
    disco_machine_stats ms = { .size = sizeof(ms) };
    disco_node_stats n = { .size = sizeof(n) };
    uint64_t local = 0, remote = 0;

    memset(&seen, 0, sizeof(seen));
    disco_machine_stats_get(m, &ms);
    for (uint32_t i = 0; i < ms.nodes; i++) {
        disco_node_stats_get(m, i, &n);
        local += n.sampled_local;
        remote += n.sampled_remote;
        for (uint32_t p = 0; p < BLOCK_PAGES; p++)
            look_at_page(vm, i, p);
    }
    seen.local = (double)local / (double)(local + remote);
    seen.s.size = sizeof(seen.s);
    disco_placement_stats_get(m, &seen.s);
}

/* Twenty samples of each page in an interval, ten intervals. */
static void run(const char *what, uint32_t nodes, const char *policy)
{
    disco_policy_params params = { .size = sizeof(params),
                                   .reset_ns = 5000000 };
    disco_placement_config placement = { .size = sizeof(placement),
                                         .policy = policy,
                                         .params = &params,
                                         .sample_cycles = 50000 };
    struct guest_config c = { .name = "numa",
                              .cmdline = what,
                              .cpus = nodes,
                              .quantum = 4000,
                              .nodes = nodes,
                              .flags = DISCO_MACHINE_DETERMINISTIC,
                              .placement = &placement,
                              .inspect = inspect };

    run_well(&c);
    printf("%-8s %u nodes %-10s local %5.1f %%, %llu moves, %llu copies, %llu "
           "broken, %llu frozen\n",
           what, nodes, policy, 100 * seen.local,
           (unsigned long long)seen.s.migrations,
           (unsigned long long)seen.s.replications,
           (unsigned long long)seen.s.broken,
           (unsigned long long)seen.s.frozen);
}

static void test_private(void **state)
{
    (void)state;
    for (uint32_t nodes = 2; nodes <= 8; nodes *= 2) {
        run("private", nodes, "firsttouch");
        assert_true(seen.local < 0.30);
        assert_int_equal(seen.home[0][0], nodes - 1);
        run("private", nodes, "disco");
        assert_true(seen.local > 0.75);
        for (uint32_t b = 0; b < nodes; b++)
            for (uint32_t p = 0; p < BLOCK_PAGES; p++)
                assert_int_equal(seen.home[b][p], b);
        assert_int_equal(seen.most_moves, 1);
    }
}

static void test_read_shared(void **state)
{
    (void)state;
    for (uint32_t nodes = 2; nodes <= 8; nodes *= 2) {
        run("read", nodes, "firsttouch");
        assert_true(seen.local < 0.30);
        run("read", nodes, "disco");
        assert_true(seen.local > 0.75);
        for (uint32_t p = 0; p < BLOCK_PAGES; p++)
            assert_true(seen.copies[p] >= nodes - 1);
        assert_true(seen.most_moves <= MOVES_MAX);
    }
}

static void test_write_shared(void **state)
{
    (void)state;
    for (uint32_t nodes = 2; nodes <= 8; nodes *= 2) {
        run("write", nodes, "disco");
        for (uint32_t p = 0; p < BLOCK_PAGES; p++) {
            assert_int_equal(seen.home[0][p], 0);
            assert_true(seen.copies[p] <= 1);
        }
        assert_int_equal(seen.moved_pages, 0);
    }
}

static void test_phase_change(void **state)
{
    (void)state;
    for (uint32_t nodes = 2; nodes <= 8; nodes *= 2) {
        run("phase", nodes, "disco");
        assert_true(seen.local > 0.70);
        for (uint32_t b = 0; b < nodes; b++)
            for (uint32_t p = 0; p < BLOCK_PAGES; p++)
                assert_int_equal(seen.home[(b + 1) % nodes][p], b);
        assert_in_range(seen.most_moves, 2, MOVES_MAX);
    }
}

static void test_other_policies(void **state)
{
    (void)state;
    run("private", 4, "none");
    assert_int_equal(seen.home[2][5], 0);
    run("private", 4, "roundrobin");
    assert_in_range(100 * seen.local, 15, 35);
    assert_int_equal(seen.s.migrations + seen.s.replications, 0);
}

/* The same to the bit. */
static void test_repeats(void **state)
{
    struct figures first;

    (void)state;
    run("phase", 4, "disco");
    first = seen;
    run("phase", 4, "disco");
    assert_memory_equal(&first, &seen, sizeof(seen));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_private),
        cmocka_unit_test(test_read_shared),
        cmocka_unit_test(test_write_shared),
        cmocka_unit_test(test_phase_change),
        cmocka_unit_test(test_other_policies),
        cmocka_unit_test(test_repeats),
    };

    if (take_folder(argc, argv))
        return 2;
    if (!have_device_tree())
        return SKIPPED;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
