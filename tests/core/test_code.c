/*
 * test_code.c - figures of translated code, and watching it being made.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mips/mips_asm.h"
#include "r10k.h"

static disco_code_stats stats_of(struct r10k *g)
{
    disco_code_stats s = { .size = sizeof(s) };

    assert_int_equal(disco_machine_code_stats(g->machine, &s), 0);
    return s;
}

/* Is there code at all? */
static int has_jit(struct r10k *g)
{
    return disco_vcpu_engine(g->vcpu) == DISCO_ENGINE_JIT;
}

static void test_figures(void **state)
{
    disco_code_stats s;
    struct r10k g;

    (void)state;
    r10k_make(&g, NULL, r10k_loop, r10k_loop_words);
    s = stats_of(&g);
    assert_int_equal(s.blocks, 0);
    assert_int_equal(s.translated_insns, 0);
    assert_int_equal(r10k_run(&g, 0).reason, DISCO_EXIT_BREAK);
    s = stats_of(&g);
    if (has_jit(&g)) {
        assert_true(s.blocks >= 3 && s.blocks < 20);
        assert_true(s.translated_insns >= r10k_loop_words);
        assert_true(s.regions >= 1 && s.region_insns >= 4);
        assert_true(s.translate_ns && s.region_ns);
        assert_true(s.code_bytes > 200 && s.code_bytes < s.held_bytes);
        assert_int_equal(s.pages, 1);
        assert_int_equal(s.evictions, 0);
        assert_int_equal(s.refusals, 0);
    }
    r10k_drop(&g);
}

/* The smallest cache and the biggest work alike. */
static void test_sizes(void **state)
{
    static const uint64_t sizes[] = { 1 << 20, 512 << 20, DISCO_CACHE_NONE };
    uint64_t sum = 0;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        const struct r10k_config c = { .code_cache_bytes = sizes[i] };
        struct r10k g;

        r10k_make(&g, &c, r10k_loop, r10k_loop_words);
        assert_int_equal(r10k_run(&g, 0).reason, DISCO_EXIT_BREAK);
        if (i)
            assert_int_equal(r10k_reg(&g, DISCO_REG_GPR(7)), sum);
        sum = r10k_reg(&g, DISCO_REG_GPR(7));
        assert_int_not_equal(sum, 0);
        if (disco_cap(DISCO_CAP_JIT))
            assert_int_equal(has_jit(&g), i < 2);
        r10k_drop(&g);
    }
}

/* What runs too few times is interpreted, and gives the same. */
static void test_cold(void **state)
{
    static const uint32_t runs[] = { 1, 9, 200 };
    uint64_t sum = 0, insns[3];

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        const struct r10k_config c = { .translate_at = runs[i] };
        struct r10k g;

        r10k_make(&g, &c, r10k_loop, r10k_loop_words);
        r10k_run(&g, 100 * 12);
        insns[i] = stats_of(&g).translated_insns;
        assert_int_equal(r10k_run(&g, 0).reason, DISCO_EXIT_BREAK);
        if (i)
            assert_int_equal(r10k_reg(&g, DISCO_REG_GPR(7)), sum);
        sum = r10k_reg(&g, DISCO_REG_GPR(7));
        if (has_jit(&g))
            assert_int_not_equal(stats_of(&g).translated_insns, 0);
        else
            insns[i] = 2 - i;
        r10k_drop(&g);
    }
    assert_true(insns[0] > insns[1] && insns[1] > insns[2]);
    assert_int_equal(insns[2], 0);
}

/* A likely branch that is not taken, and branches where its slot is: the cold
 * block ends with the branch, and nothing else of the page is decoded. */
static void test_cold_branches(void **state)
{
    static const uint32_t words[] = {
        BRANCH(BNEL, 0, 0, 4), BRANCH(BEQ, 0, 0, 4), /* passed over */
        BRANCH(BEQ, 0, 0, 4),                        /* to 7 */
        BRANCH(BEQ, 0, 0, 1),                        /* in its slot: reserved */
        RRI(ADDIU, 7, 7, 16),  RRI(ADDIU, 7, 7, 16), RRI(ADDIU, 7, 7, 16),
        RRI(ADDIU, 7, 7, 1),   ASM(BREAK),
    };
    uint32_t copy[sizeof(words) / sizeof(words[0])];

    (void)state;
    memcpy(copy, words, sizeof(words));
    for (unsigned nop = 0; nop < 2; nop++) {
        const struct r10k_config c = { .translate_at = 9 };
        disco_run run = { .size = sizeof(run), .max_insns = 20 };
        disco_exit e = { .size = sizeof(e) };
        struct r10k g;

        if (nop)
            copy[3] = 0;
        r10k_make(&g, &c, copy, sizeof(copy) / sizeof(copy[0]));
        assert_int_equal(disco_vcpu_run(g.vcpu, 0, &run, &e), 0);
        assert_int_equal(e.reason, nop ? DISCO_EXIT_BREAK : DISCO_EXIT_BUDGET);
        assert_int_equal(r10k_reg(&g, DISCO_REG_GPR(7)), nop);
        r10k_drop(&g);
    }
}

static void test_interpreted(void **state)
{
    const struct r10k_config c = { .engine = DISCO_ENGINE_INTERP };
    disco_code_stats s, none = { .size = sizeof(none) };
    struct r10k g;

    (void)state;
    r10k_make(&g, &c, r10k_loop, r10k_loop_words);
    assert_int_equal(r10k_run(&g, 0).reason, DISCO_EXIT_BREAK);
    s = stats_of(&g);
    assert_memory_equal(&s, &none, sizeof(s));
    r10k_drop(&g);
}

/* Two VMs with the same code. */
static void test_shared(void **state)
{
    const struct r10k_config c = { .vcpus = 2 };
    disco_run run = { .size = sizeof(run), .max_insns = 50000 };
    disco_exit e = { .size = sizeof(e) };
    struct r10k g;

    (void)state;
    r10k_make(&g, &c, r10k_loop, r10k_loop_words);
    r10k_run(&g, 0);
    assert_int_equal(disco_vcpu_start(disco_vm_vcpu(g.vm, 1),
                                      0xffffffff80000000u + R10K_CODE),
                     0);
    assert_int_equal(disco_vcpu_run(disco_vm_vcpu(g.vm, 1), 1, &run, &e), 0);
    assert_int_equal(e.reason, DISCO_EXIT_BREAK);
    if (has_jit(&g)) {
        assert_int_equal(stats_of(&g).pages, 1);
        assert_int_equal(stats_of(&g).pages_shared, 1);
    }
    r10k_drop(&g);
}

/* --- Watching
 * -------------------------------------------------------------- */

struct seen {
    unsigned routines, blocks, regions, wrong;
    uint64_t gva; /* of the first block */
    char *text;   /* of the last region */
    uint32_t sum; /* of all code */
};

/* Each line starts with "#", or with an offset not below the one before. */
static int is_text_right(const disco_code *code)
{
    unsigned long before = 0;
    const char *line;
    char *end;

    for (line = code->text; *line; line = strchr(line, '\n') + 1) {
        if (!strchr(line, '\n'))
            return 0;
        if (*line == '#')
            continue;
        if (*line != '@')
            return 0;
        if (strtoul(line + 1, &end, 16) < before || *end != ' ')
            return 0;
        before = strtoul(line + 1, NULL, 16);
    }
    return before == code->host_bytes;
}

static void see(void *opaque, const disco_code *code)
{
    struct seen *s = opaque;
    const uint8_t *host = code->host;

    for (uint32_t i = 0; i < code->host_bytes; i++)
        s->sum += host[i];
    switch (code->kind) {
    case DISCO_CODE_ROUTINE:
        s->routines++;
        s->wrong += !code->name || code->text || code->insns;
        break;
    case DISCO_CODE_BLOCK:
        if (!s->blocks++)
            s->gva = code->gva;
        break;
    case DISCO_CODE_REGION:
        s->regions++;
        free(s->text);
        s->text = code->text ? strdup(code->text) : NULL;
        break;
    default:
        s->wrong++;
    }
    if (code->kind != DISCO_CODE_ROUTINE)
        s->wrong += code->name || !code->insns || !code->host_bytes ||
                    (code->text && !is_text_right(code));
}

static void test_watch(void **state)
{
    static const char *const wanted[] = {
        "# region: ",
        "# homes: ",
        "# block 0 at ffffffff800010",
        "#   live: ",
        "@0 ",
        " bne s0,",
        " 8c830000 lw v1,0(a0) ",
        "; LW d=3 a=4 ",
        " # rare: ",
    };
    struct seen seen = { 0 };
    struct r10k g;

    (void)state;
    r10k_make(&g, NULL, r10k_loop, r10k_loop_words);
    assert_int_equal(
        disco_machine_watch_code(g.machine, DISCO_CODE_WITH_TEXT, see, &seen),
        0);
    r10k_run(&g, 0);
    if (has_jit(&g)) {
        disco_code_stats s = stats_of(&g);

        assert_true(seen.routines > 20);
        assert_true(seen.blocks >= s.blocks);
        assert_int_equal(seen.regions, s.regions);
        assert_int_equal(seen.gva, 0xffffffff80000000u + R10K_CODE);
        assert_non_null(seen.text);
        for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
            if (!strstr(seen.text, wanted[i]))
                fail_msg("no \"%s\" in it", wanted[i]);
    } else {
        assert_int_equal(seen.routines + seen.blocks, 0);
    }
    assert_int_equal(seen.wrong, 0);
    free(seen.text);
    r10k_drop(&g);
}

static void test_watch_ends(void **state)
{
    struct seen first = { 0 }, second = { 0 };
    struct r10k g;

    (void)state;
    r10k_make(&g, NULL, r10k_loop, r10k_loop_words);
    assert_int_equal(disco_machine_watch_code(g.machine, 0, see, &first), 0);
    r10k_run(&g, 4);
    assert_int_equal(disco_machine_watch_code(g.machine, 0, see, &second), 0);
    assert_int_equal(second.routines, first.routines);
    r10k_run(&g, 100);
    assert_int_equal(disco_machine_watch_code(g.machine, 0, NULL, NULL), 0);
    r10k_run(&g, 0);
    if (has_jit(&g)) {
        assert_int_not_equal(first.blocks, 0);
        assert_int_not_equal(second.blocks, 0);
    }
    assert_int_equal(first.regions + second.regions, 0);
    assert_int_equal(first.wrong + second.wrong, 0);
    assert_null(first.text);
    r10k_drop(&g);
}

static disco_status watch_now(void *machine, const disco_mmio_access *at,
                              uint64_t value)
{
    (void)at;
    (void)value;
    return disco_machine_watch_code(machine, 0, see, NULL) == DISCO_E_BUSY
               ? 0
               : DISCO_E_INTERNAL;
}

static void test_arguments(void **state)
{
    static const uint32_t store[] = { LUI_(1, 0xb000), MEM(SW, 0, 0, 1),
                                      ASM(BREAK) };
    disco_mmio_ops ops = { .size = sizeof(ops), .write = watch_now };
    disco_code_stats s = { .size = 4 };
    struct r10k g;

    (void)state;
    r10k_make(&g, NULL, store, 3);
    assert_int_equal(disco_machine_code_stats(NULL, &s), DISCO_E_INVAL);
    assert_int_equal(disco_machine_code_stats(g.machine, NULL), DISCO_E_INVAL);
    assert_int_equal(disco_machine_code_stats(g.machine, &s), DISCO_E_INVAL);
    assert_int_equal(disco_machine_watch_code(NULL, 0, see, NULL),
                     DISCO_E_INVAL);
    assert_int_equal(disco_machine_watch_code(g.machine, 2, see, NULL),
                     DISCO_E_INVAL);
    assert_int_equal(disco_vm_map_mmio(g.vm, 0x10000000, 4096, "device", &ops,
                                       g.machine, NULL),
                     0);
    assert_int_equal(r10k_run(&g, 0).reason, DISCO_EXIT_BREAK);
    r10k_drop(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_figures),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_cold),
        cmocka_unit_test(test_cold_branches),
        cmocka_unit_test(test_interpreted),
        cmocka_unit_test(test_shared),
        cmocka_unit_test(test_watch),
        cmocka_unit_test(test_watch_ends),
        cmocka_unit_test(test_arguments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
