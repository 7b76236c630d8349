/*
 * tree.h - an ordered map with two-part keys, for what is looked up by (image,
 * block): a height-balanced binary tree (AVL) whose nodes lie inside what they
 * find, so that inserting cannot fail for want of memory.
 *
 * Every operation takes time in the logarithm of the count; a range is walked
 * with tree_at_least.  No lock of its own: the owner's is held in every call.
 */
#ifndef MEM_TREE_H
#define MEM_TREE_H

#include <stdint.h>

/* Enough for 2^32 nodes: height is below 1.44 * log2(count) + 2. */
enum { TREE_HEIGHT_MAX = 48 };

struct tree_key {
    uint64_t image;
    uint64_t block;
};

struct tree_node {
    struct tree_node *child[2]; /* lower and higher keys */
    struct tree_key key;        /* does not change while it is in a tree */
    uint32_t height;            /* of the longer side, a leaf has 1 */
};

struct tree {
    struct tree_node *root;
    uint64_t count;
};

/* Below 0, 0, above 0. */
static inline int tree_key_compare(struct tree_key a, struct tree_key b)
{
    if (a.image != b.image)
        return a.image < b.image ? -1 : 1;
    if (a.block != b.block)
        return a.block < b.block ? -1 : 1;
    return 0;
}

struct tree_node *tree_find(const struct tree *tree, struct tree_key key);

/* The node with the lowest key that is not below `key`, or NULL. */
struct tree_node *tree_at_least(const struct tree *tree, struct tree_key key);

/* Put a node in, with node->key set; 0, or -1 when the key is there already. */
int tree_insert(struct tree *tree, struct tree_node *node);

/* Take the node with this key out and return it, or NULL. */
struct tree_node *tree_remove(struct tree *tree, struct tree_key key);

/* Order, balance, heights and count agree: 0, or -1.  For tests and walks. */
int tree_check(const struct tree *tree);

#endif
