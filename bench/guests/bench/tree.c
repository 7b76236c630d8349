/*
 * tree.c - a binary search tree of 32768 nodes (1 MiB): built by insertion in
 * random order, then searched for keys that are there and keys that are not.
 */
#include "bench.h"

#define NODES 32768
struct node {
    struct node *less, *more;
    uint64_t key;
    uint64_t seen;
};
static struct node nodes[NODES];

static NOINLINE struct node **place(struct node **at, uint64_t key)
{
    while (*at && (*at)->key != key)
        at = key < (*at)->key ? &(*at)->less : &(*at)->more;
    return at;
}

/* Depth of the deepest node, by recursion. */
static uint64_t depth(const struct node *n)
{
    uint64_t a, b;

    if (!n)
        return 0;
    a = depth(n->less);
    b = depth(n->more);
    return 1 + (a > b ? a : b);
}

BENCH("tree", 20)
{
    uint64_t seed = 88172645463325252u, h = 0;

    for (unsigned long r = 0; r < reps; r++) {
        struct node *root = NULL;
        uint64_t found = 0, first = seed, probe;
        uint32_t used = 0;

        while (used < NODES) {
            uint64_t key = xorshift64(&seed);
            struct node **at = place(&root, key);

            if (*at)
                continue;
            *at = &nodes[used++];
            **at = (struct node){ NULL, NULL, key, 0 };
        }
        probe = first;
        for (int i = 0; i < NODES; i++) {
            uint64_t key = xorshift64(&probe) ^ (i & 3 ? 0 : 1);
            struct node *n = *place(&root, key);

            if (n)
                found += ++n->seen;
        }
        h = mix64(mix64(h, found), depth(root));
    }
    return h;
}
