/*
 * board.h - inside of the disco board: what board.c and board_load.c share.
 */
#ifndef DEVICES_BOARD_H
#define DEVICES_BOARD_H

#include <disco/board.h>

#include "devices/elf.h"

/*
 * One board per VM, freed by the release of its tie region when the VM goes
 * away.  Thread: the VM is quiesced, except for console input.
 */
struct disco_board {
    disco_vm *vm;     /* borrowed; outlives the board */
    disco_uart *uart; /* belongs to the VM */
    uint64_t ram_bytes;
    uint32_t cpus;
    uint32_t order;       /* DISCO_BIG or DISCO_LITTLE */
    uint32_t mode;        /* DISCO_MODE_* */
    uint32_t slots;       /* virtio slots in use: 0..slots - 1 */
    uint32_t loaded;      /* disco_board_load done since the last reset */
    uint32_t timebase_hz; /* of CP0 Count */
    uint64_t dtb_room;    /* allocated */
    uint64_t dtb_bytes;
    void *dtb; /* owned; NULL before the first load */
};

/* Where the pieces of an image go. */
struct board_place {
    uint64_t dtb_gpa; /* below 448 MiB: reachable through kseg0 */
    uint64_t initrd_gpa;
};

/*
 * Find room for a device tree above image and bss, and for an initrd clear of
 * both.  0 bytes take no room.  RANGE when the memory is too small.
 */
disco_status board_place(const struct elf_image *image, uint64_t ram_bytes,
                         uint64_t dtb_bytes, uint64_t initrd_bytes,
                         struct board_place *out);

#endif
