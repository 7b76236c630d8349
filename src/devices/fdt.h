/*
 * fdt.h - the disco board as a flattened device tree.
 */
#ifndef DEVICES_FDT_H
#define DEVICES_FDT_H

#include <disco/board.h>

/* What the tree tells a guest. */
struct board_tree {
    uint64_t ram_bytes;
    uint32_t cpus;
    uint32_t order;       /* DISCO_BIG or DISCO_LITTLE */
    uint32_t mode;        /* DISCO_MODE_* */
    uint32_t timebase_hz; /* of CP0 Count */
    uint32_t slots;       /* virtio slots 0..slots - 1 are in use */
    uint32_t boot_cpu;
    uint64_t initrd_gpa;
    uint64_t initrd_bytes; /* 0 = none */
    const char *cmdline;   /* may be NULL */
};

/*
 * Write the tree to `buf`; *used is its length.  Errors: RANGE (buf is too
 * small), UNSUPPORTED (built without libfdt), INTERNAL.
 */
disco_status board_tree_build(const struct board_tree *tree, void *buf,
                              uint64_t bytes, uint64_t *used);

/* 1 with libfdt, 0 without. */
int board_tree_is_built_in(void);

/* A size that is enough for the tree. */
uint64_t board_tree_bytes_max(const struct board_tree *tree);

#endif
