/*
 * fdt.h - reads a few properties of a flattened device tree, in place and
 * within its bounds.  Not libfdt: only the root's children are looked at.
 */
#ifndef GUEST_FDT_H
#define GUEST_FDT_H

#include <stdint.h>

struct fdt {
    const uint8_t *base;
    uint32_t nodes, nodes_end;     /* structure block */
    uint32_t strings, strings_end; /* names of properties */
};

/* 0, or -1 when there is no sound tree of at most max_bytes at p. */
int fdt_open(struct fdt *f, const void *p, uint32_t max_bytes);
uint32_t fdt_bytes(const struct fdt *f);

/* Property of the child `node` of the root ("" = the root), NULL if absent.
 * Names match up to their '@'. */
const uint8_t *fdt_prop(const struct fdt *f, const char *node, const char *name,
                        uint32_t *bytes);

/* How many children called `child` the root's child `node` has. */
uint32_t fdt_count(const struct fdt *f, const char *node, const char *child);

/* Big-endian cells; 0 beyond the property's end. */
uint64_t fdt_cells(const uint8_t *prop, uint32_t bytes, uint32_t first,
                   uint32_t count);
#endif
