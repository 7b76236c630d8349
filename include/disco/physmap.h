/*
 * physmap.h - what a VM takes for physical memory: regions, copies, pins.
 *
 * Guest-physical addresses (gpa) are 40 bits.  Machine frames move, so host
 * pointers into guest RAM exist only as pins.
 */
#ifndef DISCO_PHYSMAP_H
#define DISCO_PHYSMAP_H

#include "types.h"
#include "device.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { DISCO_PAGE_BYTES = 4096 };

/*
 * Map demand-zero RAM.  gpa and bytes are multiples of 4096; the range lies in
 * 40 bits and overlaps no RAM or ROM.  *out may be NULL; the region is owned by
 * the VM.  Errors: INVAL, RANGE, EXISTS, NOMEM.  Thread: quiesced.
 */
DISCO_API disco_status disco_vm_map_ram(disco_vm *vm, uint64_t gpa,
                                        uint64_t bytes, disco_region **out);

/*
 * Map read-only memory; `data_bytes` of `data` are copied in, the rest is
 * zero.  Guest stores are dropped.  Otherwise as disco_vm_map_ram.
 */
DISCO_API disco_status disco_vm_map_rom(disco_vm *vm, uint64_t gpa,
                                        uint64_t bytes, const void *data,
                                        uint64_t data_bytes,
                                        disco_region **out);

/*
 * Map memory of the host's own, page-aligned, borrowed until the region is
 * unmapped.  access: DISCO_READ, or DISCO_READ | DISCO_WRITE.  Such pages never
 * move and are never shared.
 */
DISCO_API disco_status disco_vm_map_host(disco_vm *vm, uint64_t gpa,
                                         uint64_t bytes, void *host,
                                         uint32_t access, disco_region **out);

/*
 * Map device registers: any gpa and length >= 1, no overlap with another
 * region (EXISTS).  ops is copied, `key` (unique in the VM, copied) names the
 * device in errors and snapshots.  ops->order says how bytes become the
 * callback's integer.
 */
DISCO_API disco_status disco_vm_map_mmio(disco_vm *vm, uint64_t gpa,
                                         uint64_t bytes, const char *key,
                                         const disco_mmio_ops *ops,
                                         void *opaque, disco_region **out);

/* Unmap and free a region; RAM content is lost.  BUSY with pins.
 * Thread: quiesced. */
DISCO_API disco_status disco_region_unmap(disco_region *region);

enum {
    DISCO_REGION_RAM = 1,
    DISCO_REGION_ROM = 2,
    DISCO_REGION_HOST = 3,
    DISCO_REGION_MMIO = 4
};
typedef struct disco_region_info {
    uint32_t size;
    uint32_t kind;
    uint64_t gpa;
    uint64_t bytes;
    char key[64];
} disco_region_info;
/* The index-th region in address order; NOENT past the end. Thread: any. */
DISCO_API disco_status disco_vm_region_info(disco_vm *vm, uint32_t index,
                                            disco_region_info *out);

/*
 * What disco_vm_map_mmio was given as `opaque` (or a fork callback made) for
 * the region with this key; NULL when there is none.  Thread: any.
 */
DISCO_API void *disco_vm_region_opaque(disco_vm *vm, const char *key);

/*
 * Copy out of / into guest memory (RAM, ROM for reads, host regions; never
 * device registers).  All or nothing: FAULT (with the first bad address as
 * `where`) leaves memory untouched.  Writes are seen by vCPUs like a DMA:
 * translations of the page and LL reservations on the line are dropped.
 * Thread: any.
 */
DISCO_API disco_status disco_mem_read(disco_vm *vm, uint64_t gpa, void *dst,
                                      uint64_t bytes);
DISCO_API disco_status disco_mem_write(disco_vm *vm, uint64_t gpa,
                                       const void *src, uint64_t bytes);
/* As disco_mem_write, also into ROM: for loaders. */
DISCO_API disco_status disco_mem_load(disco_vm *vm, uint64_t gpa,
                                      const void *src, uint64_t bytes);
/*
 * As disco_mem_load, but whole pages of RAM whose content was loaded this way
 * before, by any VM of the machine, share one frame copy-on-write.  Errors:
 * FAULT (nothing is changed), NOMEM.  Thread: any.
 */
DISCO_API disco_status disco_mem_load_shared(disco_vm *vm, uint64_t gpa,
                                             const void *src, uint64_t bytes);

/*
 * Pin guest pages: they stay where they are, and `host` points at them until
 * disco_mem_unpin.  A pin lies inside one 4 KiB page (RANGE otherwise; frames
 * of adjacent pages need not be adjacent), except in host regions.  With
 * DISCO_WRITE the pages count as written until unpinned: no code of theirs is
 * kept translated.  Errors: FAULT, RANGE, NOMEM.  Thread: any.
 */
typedef struct disco_pin {
    uint32_t size;
    uint32_t access;
    void *host;
    uint64_t gpa;
    uint64_t bytes;
    uint64_t cookie[2]; /* the library's */
} disco_pin;
DISCO_API disco_status disco_mem_pin(disco_vm *vm, uint64_t gpa, uint64_t bytes,
                                     uint32_t access, disco_pin *pin);
DISCO_API disco_status disco_mem_unpin(disco_vm *vm, disco_pin *pin);

/* One page of guest RAM as the monitor sees it.  RANGE when not RAM/ROM. */
enum {
    DISCO_PAGE_PRESENT = 1, /* a machine frame is behind it */
    DISCO_PAGE_WRITABLE = 2,
    DISCO_PAGE_PINNED = 4,
    DISCO_PAGE_CODE = 8,       /* instructions of it are held decoded */
    DISCO_PAGE_SHARED = 16,    /* copy-on-write: others refer to the frame */
    DISCO_PAGE_REPLICATED = 32 /* some nodes have copies of their own */
};
/* What a VM uses a page for, as far as the monitor can tell. */
enum {
    DISCO_KIND_NONE = 0,        /* not touched */
    DISCO_KIND_DATA = 1,        /* anything that is none of the others */
    DISCO_KIND_KERNEL_TEXT = 2, /* loaded with the kernel, executable */
    DISCO_KIND_USER_TEXT = 3,   /* executed in user mode */
    DISCO_KIND_BUFFER = 4,      /* a block of a disk */
    DISCO_KIND_MONITOR = 5,     /* the monitor's own tables; in footprints */
    DISCO_KINDS = 6
};
typedef struct disco_page_info {
    uint32_t size;
    uint32_t flags;
    uint32_t node; /* of the frame; of the master when REPLICATED */
    uint32_t kind; /* DISCO_KIND_* */
    uint64_t mfn;
    uint32_t mappings; /* of the frame, by all VMs */
    uint32_t holds;    /* references by caches, disks and packets */
    uint64_t copies;   /* nodes with a copy, one bit each (node 0: bit 0) */
} disco_page_info;
DISCO_API disco_status disco_page_info_get(disco_vm *vm, uint64_t gpa,
                                           disco_page_info *out);

/*
 * Say what the touched pages of a range are used for: DISCO_KIND_DATA ..
 * _BUFFER.  For statistics only; the monitor changes it when it sees a page
 * used otherwise.  Devices say BUFFER of disk blocks; the monitor itself sees
 * text by its execution.  Errors: INVAL (no such kind).  Thread: any.
 */
DISCO_API disco_status disco_vm_mark_pages(disco_vm *vm, uint64_t gpa,
                                           uint64_t bytes, uint32_t kind);

/*
 * Footprint: what VMs believe to use against what the machine uses, the paper's
 * figure 6.  Virtual: pages that have a frame behind them.  Machine: frames,
 * each counted once (of a VM: each divided by the number of its mappings).
 */
typedef struct disco_footprint_kind {
    uint64_t virtual_bytes;
    uint64_t machine_bytes;
} disco_footprint_kind;
typedef struct disco_footprint {
    uint32_t size;
    uint32_t nodes;
    disco_footprint_kind kind[6]; /* by DISCO_KIND_*; NONE is empty */
    uint64_t shared_bytes;        /* of the virtual: copy-on-write */
    uint64_t unshared_bytes;      /* machine: frames of one mapping alone */
    uint64_t replica_bytes;       /* machine: copies on other nodes */
    uint64_t cached_bytes;        /* machine: only caches and disks refer to */
    uint64_t node_bytes[64];      /* machine, by node, all of it */
    uint64_t engine_bytes;        /* host memory of CPU backends: registers,
                                     TLBs, decoded code; in no kind */
} disco_footprint;
/* Walks all pages, with the memory lock let go of now and then: not for every
 * slice.  MONITOR is of the machine only.  Thread: any. */
DISCO_API disco_status disco_vm_footprint(disco_vm *vm, disco_footprint *out);
DISCO_API disco_status disco_machine_footprint(disco_machine *machine,
                                               disco_footprint *out);

#ifdef __cplusplus
}
#endif
#endif
