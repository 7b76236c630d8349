/*
 * tree.c - see tree.h.
 *
 * Going down, the links that were followed are kept in a path; going back up,
 * each is put right.  No recursion, no parent pointers.
 */
#include "mem/tree.h"

#include <stddef.h>

/* Links from the root down; the last is where a node is or would be. */
struct path {
    struct tree_node **link[TREE_HEIGHT_MAX + 1];
    uint32_t depth; /* index of the last link */
};

static uint32_t height_of(const struct tree_node *node)
{
    return node ? node->height : 0;
}

static void update_height(struct tree_node *node)
{
    uint32_t low = height_of(node->child[0]);
    uint32_t high = height_of(node->child[1]);

    node->height = (low > high ? low : high) + 1;
}

/* The child on the other side of `side` comes up in its parent's place. */
static struct tree_node *rotate(struct tree_node *node, int side)
{
    struct tree_node *up = node->child[!side];

    node->child[!side] = up->child[side];
    up->child[side] = node;
    update_height(node);
    update_height(up);
    return up;
}

/* The sides of the node at *link differ by at most one afterwards. */
static void balance(struct tree_node **link)
{
    struct tree_node *node = *link, *child;
    uint32_t low = height_of(node->child[0]);
    uint32_t high = height_of(node->child[1]);
    int side = high > low; /* the long one */

    if (low <= high + 1 && high <= low + 1) {
        update_height(node);
        return;
    }
    child = node->child[side];
    if (height_of(child->child[!side]) > height_of(child->child[side]))
        node->child[side] = rotate(child, side);
    *link = rotate(node, !side);
}

static void balance_up(struct path *path)
{
    uint32_t i = path->depth;

    while (i-- > 0)
        balance(path->link[i]);
}

static void go_down(struct tree *tree, struct tree_key key, struct path *path)
{
    struct tree_node **link = &tree->root;
    int order;

    path->depth = 0;
    for (;;) {
        path->link[path->depth] = link;
        if (!*link)
            return;
        order = tree_key_compare(key, (*link)->key);
        if (!order)
            return;
        link = &(*link)->child[order > 0];
        path->depth++;
    }
}

struct tree_node *tree_find(const struct tree *tree, struct tree_key key)
{
    struct tree_node *node = tree->root;
    int order;

    while (node && (order = tree_key_compare(key, node->key)) != 0)
        node = node->child[order > 0];
    return node;
}

struct tree_node *tree_at_least(const struct tree *tree, struct tree_key key)
{
    struct tree_node *node = tree->root, *best = NULL;

    while (node) {
        if (tree_key_compare(node->key, key) < 0) {
            node = node->child[1];
        } else {
            best = node;
            node = node->child[0];
        }
    }
    return best;
}

int tree_insert(struct tree *tree, struct tree_node *node)
{
    struct path path;

    go_down(tree, node->key, &path);
    if (*path.link[path.depth])
        return -1;
    node->child[0] = NULL;
    node->child[1] = NULL;
    node->height = 1;
    *path.link[path.depth] = node;
    tree->count++;
    balance_up(&path);
    return 0;
}

/*
 * Put the next higher node in the place of one with two children.  The path
 * goes on down to where that one was.
 */
static void replace_by_next(struct path *path, struct tree_node *node)
{
    uint32_t at = path->depth;
    struct tree_node **link = &node->child[1];
    struct tree_node *next;

    path->link[++path->depth] = link;
    while ((*link)->child[0]) {
        link = &(*link)->child[0];
        path->link[++path->depth] = link;
    }
    next = *link;
    *link = next->child[1];
    next->child[0] = node->child[0];
    next->child[1] = node->child[1];
    *path->link[at] = next;
    /* This link was inside the node that goes. */
    path->link[at + 1] = &next->child[1];
}

struct tree_node *tree_remove(struct tree *tree, struct tree_key key)
{
    struct tree_node *node;
    struct path path;

    go_down(tree, key, &path);
    node = *path.link[path.depth];
    if (!node)
        return NULL;
    if (node->child[0] && node->child[1])
        replace_by_next(&path, node);
    else
        *path.link[path.depth] = node->child[node->child[0] == NULL];
    tree->count--;
    balance_up(&path);
    return node;
}

/* One node, given what its subtree must lie between (NULL: open). */
static int node_is_bad(const struct tree_node *node,
                       const struct tree_node *above,
                       const struct tree_node *below)
{
    uint32_t low = height_of(node->child[0]);
    uint32_t high = height_of(node->child[1]);

    return (above && tree_key_compare(node->key, above->key) <= 0) ||
           (below && tree_key_compare(node->key, below->key) >= 0) ||
           low > high + 1 || high > low + 1 ||
           node->height != (low > high ? low : high) + 1;
}

int tree_check(const struct tree *tree)
{
    struct {
        const struct tree_node *node, *above, *below;
    } todo[2 * TREE_HEIGHT_MAX], at;
    uint32_t n = 0;
    uint64_t seen = 0;

    if (tree->root) {
        todo[n].node = tree->root;
        todo[n].above = todo[n].below = NULL;
        n++;
    }
    while (n > 0) {
        at = todo[--n];
        if (seen++ == tree->count || n > TREE_HEIGHT_MAX ||
            node_is_bad(at.node, at.above, at.below))
            return -1;
        if (at.node->child[0]) {
            todo[n].node = at.node->child[0];
            todo[n].above = at.above;
            todo[n++].below = at.node;
        }
        if (at.node->child[1]) {
            todo[n].node = at.node->child[1];
            todo[n].above = at.node;
            todo[n++].below = at.below;
        }
    }
    return seen == tree->count ? 0 : -1;
}
