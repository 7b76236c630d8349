/*
 * fdt.c - walk over the tokens of a flattened device tree.  Every offset is
 * checked against the block it lies in: a bad tree reads as an absent one.
 */
#include "fdt.h"
#include "lib.h"

#define FDT_MAGIC      0xd00dfeed
#define FDT_BEGIN_NODE 1
#define FDT_END_NODE   2
#define FDT_PROP       3
#define FDT_NOP        4

struct token {
    uint32_t kind;
    uint32_t next; /* offset of the token after it */
    const char *name;
    const uint8_t *data;
    uint32_t bytes;
};

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 |
           p[3];
}

int fdt_open(struct fdt *f, const void *p, uint32_t max_bytes)
{
    const uint8_t *h = p;
    uint32_t total, nodes_bytes, strings_bytes;

    if (be32(h) != FDT_MAGIC)
        return -1;
    total = be32(h + 4);
    f->base = h;
    f->nodes = be32(h + 8);
    f->strings = be32(h + 12);
    strings_bytes = be32(h + 32);
    nodes_bytes = be32(h + 36);
    if (total < 40 || total > max_bytes || f->nodes > total ||
        nodes_bytes > total - f->nodes || f->strings > total ||
        strings_bytes > total - f->strings)
        return -1;
    f->nodes_end = f->nodes + nodes_bytes;
    f->strings_end = f->strings + strings_bytes;
    return 0;
}

uint32_t fdt_bytes(const struct fdt *f)
{
    return be32(f->base + 4);
}

/* Name at an offset, NULL unless it ends before `end`. */
static const char *name_at(const struct fdt *f, uint32_t at, uint32_t end)
{
    for (uint32_t i = at; i < end; i++)
        if (!f->base[i])
            return (const char *)f->base + at;
    return NULL;
}

static int read_token(const struct fdt *f, uint32_t at, struct token *t)
{
    uint32_t end = f->nodes_end;

    if (at > end || end - at < 4)
        return -1;
    t->kind = be32(f->base + at);
    at += 4;
    if (t->kind == FDT_BEGIN_NODE) {
        t->name = name_at(f, at, end);
        if (!t->name)
            return -1;
        at += (uint32_t)strlen(t->name) + 1;
    } else if (t->kind == FDT_PROP) {
        uint32_t name;

        if (end - at < 8)
            return -1;
        t->bytes = be32(f->base + at);
        name = be32(f->base + at + 4);
        at += 8;
        if (t->bytes > end - at || name > f->strings_end - f->strings)
            return -1;
        t->data = f->base + at;
        t->name = name_at(f, f->strings + name, f->strings_end);
        if (!t->name)
            return -1;
        at += t->bytes;
    } else if (t->kind != FDT_END_NODE && t->kind != FDT_NOP) {
        return -1;
    }
    t->next = (at + 3) & ~3u;
    return 0;
}

static int same_node(const char *full, const char *name)
{
    size_t n = strlen(name);

    return strncmp(full, name, n) == 0 && (full[n] == 0 || full[n] == '@');
}

const uint8_t *fdt_prop(const struct fdt *f, const char *node, const char *name,
                        uint32_t *bytes)
{
    struct token t;
    uint32_t depth = 0, want = *node ? 2 : 1;
    int inside = !*node;

    for (uint32_t at = f->nodes; read_token(f, at, &t) == 0; at = t.next) {
        if (t.kind == FDT_BEGIN_NODE) {
            if (++depth == 2 && *node)
                inside = same_node(t.name, node);
        } else if (t.kind == FDT_END_NODE) {
            depth--;
        } else if (t.kind == FDT_PROP && depth == want && inside &&
                   strcmp(t.name, name) == 0) {
            *bytes = t.bytes;
            return t.data;
        }
    }
    *bytes = 0;
    return NULL;
}

uint32_t fdt_count(const struct fdt *f, const char *node, const char *child)
{
    struct token t;
    uint32_t depth = 0, count = 0;
    int inside = 0;

    for (uint32_t at = f->nodes; read_token(f, at, &t) == 0; at = t.next) {
        if (t.kind == FDT_BEGIN_NODE) {
            if (++depth == 2)
                inside = same_node(t.name, node);
            else if (depth == 3 && inside && same_node(t.name, child))
                count++;
        } else if (t.kind == FDT_END_NODE) {
            depth--;
        }
    }
    return count;
}

uint64_t fdt_cells(const uint8_t *prop, uint32_t bytes, uint32_t first,
                   uint32_t count)
{
    uint64_t v = 0;

    for (uint32_t i = first; i < first + count; i++)
        v = v << 32 | (prop && i * 4 + 4 <= bytes ? be32(prop + i * 4) : 0);
    return v;
}
