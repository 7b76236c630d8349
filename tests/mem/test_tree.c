/*
 * test_tree.c - the ordered tree against a plain sorted table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "mem/tree.h"

enum { KEYS = 600, STEPS = 60000 };

struct model {
    struct tree tree;
    struct tree_node node[KEYS];
    int is_in[KEYS];
};

/* Key i of the model, in order: a few images with gaps between blocks. */
static struct tree_key key_of(uint32_t i)
{
    struct tree_key key = { i / 150 * 7, (uint64_t)(i % 150) * 3 + 1 };

    return key;
}

static void check_at_least(struct model *m, struct tree_key key)
{
    struct tree_node *node = tree_at_least(&m->tree, key);
    uint32_t i;

    for (i = 0; i < KEYS; i++)
        if (m->is_in[i] && tree_key_compare(key_of(i), key) >= 0)
            break;
    assert_ptr_equal(node, i < KEYS ? &m->node[i] : NULL);
}

static void step(struct model *m, uint32_t i, int removes)
{
    struct tree_key key = key_of(i);
    struct tree_node *node = tree_find(&m->tree, key);

    assert_ptr_equal(node, m->is_in[i] ? &m->node[i] : NULL);
    if (removes) {
        assert_ptr_equal(tree_remove(&m->tree, key), node);
        m->is_in[i] = 0;
        return;
    }
    m->node[i].key = key;
    if (node) {
        struct tree_node other = { .key = key };

        assert_int_equal(tree_insert(&m->tree, &other), -1);
    } else {
        assert_int_equal(tree_insert(&m->tree, &m->node[i]), 0);
    }
    m->is_in[i] = 1;
}

static void random_steps(void **state)
{
    struct model *m = calloc(1, sizeof(*m));
    uint32_t random = 1, i, phase;

    (void)state;
    for (i = 0; i < STEPS; i++) {
        struct tree_key key;

        random = random * 1664525 + 1013904223;
        phase = i / (STEPS / 6) % 3; /* grow, mixed, shrink */
        step(m, (random >> 8) % KEYS, (random >> 24) % 8 > (2 - phase) * 3 + 1);
        if (i % 16)
            continue;
        assert_int_equal(tree_check(&m->tree), 0);
        key = key_of((random >> 4) % KEYS);
        key.block += (random >> 3) % 5;
        check_at_least(m, key);
    }
    free(m);
}

/* In order, the worst case of a tree without balance. */
static void sorted_steps(void **state)
{
    struct model *m = calloc(1, sizeof(*m));
    struct tree_node *node;
    struct tree_key key = { 0, 0 };
    uint32_t i;

    (void)state;
    for (i = 0; i < KEYS; i++)
        step(m, i, 0);
    assert_true(m->tree.root->height <= 13);
    for (i = 0; i < KEYS; i++) {
        node = tree_at_least(&m->tree, key);
        assert_ptr_equal(node, &m->node[i]);
        key = node->key;
        key.block++;
    }
    assert_null(tree_at_least(&m->tree, key));
    for (i = 0; i < KEYS; i++) {
        step(m, i, 1);
        assert_int_equal(tree_check(&m->tree), 0);
    }
    assert_int_equal(m->tree.count, 0);
    assert_null(m->tree.root);
    free(m);
}

static void extreme_keys(void **state)
{
    struct tree_node a = { .key = { UINT64_MAX, UINT64_MAX } };
    struct tree_node b = { .key = { 0, 0 } };
    struct tree_node c = { .key = { UINT64_MAX, 0 } };
    struct tree tree = { NULL, 0 };

    (void)state;
    assert_null(tree_at_least(&tree, b.key));
    assert_null(tree_remove(&tree, b.key));
    assert_int_equal(tree_insert(&tree, &a), 0);
    assert_int_equal(tree_insert(&tree, &b), 0);
    assert_int_equal(tree_insert(&tree, &c), 0);
    assert_ptr_equal(tree_at_least(&tree, c.key), &c);
    assert_ptr_equal(tree_at_least(&tree, a.key), &a);
    a.height = 3; /* a contradiction is found */
    assert_int_equal(tree_check(&tree), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_steps),
        cmocka_unit_test(sorted_steps),
        cmocka_unit_test(extreme_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
