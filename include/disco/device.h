/*
 * device.h - what a device model needs: register callbacks, and the shapes of
 * the host's block and network back ends.  Interrupt lines, timers and guest
 * memory are in vm.h and physmap.h.  The library's own devices use nothing
 * else.
 */
#ifndef DISCO_DEVICE_H
#define DISCO_DEVICE_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One register access.  Never split: 1, 2, 4 or 8 bytes, naturally aligned. */
typedef struct disco_mmio_access {
    disco_vcpu *vcpu; /* who does it; NULL from disco_mmio_* of the host */
    uint64_t offset;  /* from the start of the region */
    uint32_t bytes;
    uint32_t reserved;
} disco_mmio_access;

/* Byte stream for save and load; 0 or a negative status. */
typedef struct disco_stream {
    void *opaque;
    disco_status (*write)(void *opaque, const void *data, uint64_t bytes);
    disco_status (*read)(void *opaque, void *data, uint64_t bytes);
} disco_stream;

enum {
    /* No callbacks: accesses leave disco_vcpu_run as DISCO_EXIT_MMIO. */
    DISCO_MMIO_EXIT = 1,
    /* Stands for memory that a monitor keeps up to date: an access is no trap,
     * and `disco` mode counts it as DISCO_TRAP_CP0_PAGE instead of
     * DISCO_TRAP_MMIO.  Whole pages only. */
    DISCO_MMIO_UNTRAPPED = 2
};

/*
 * Device register callbacks.  Values are integers in the region's byte order;
 * the upper bytes of a short write are zero, of a short read ignored.
 *
 * read, write  run on the thread of the accessing vCPU, which is parked
 *              meanwhile, without library locks; several vCPUs may be in the
 *              same device at once (the device locks for itself).  Allowed
 *              inside: this vCPU's registers, disco_vcpu_idle, memory copies,
 *              interrupt lines, timers, kick, shutdown and reset requests,
 *              disco_vcpu_start of a parked vCPU.  Non-zero status stops the
 *              run with DISCO_EXIT_CALLBACK; a width or offset the device does
 *              not have is DISCO_E_FAULT and becomes the guest's bus error.
 *              NULL read or write is a bus error for that direction.
 * reset        the VM is reset; may be NULL.
 * save, load   device state; NULL = no state.
 * fork         make the copy for a forked VM; NULL = the VM cannot be forked.
 * release      the region goes away; called exactly once; may be NULL.
 */
typedef struct disco_mmio_ops {
    uint32_t size;
    uint32_t flags; /* DISCO_MMIO_* */
    uint32_t order; /* DISCO_BIG, DISCO_LITTLE or DISCO_CPU_ORDER (default) */
    uint32_t reserved;
    disco_status (*read)(void *opaque, const disco_mmio_access *access,
                         uint64_t *value);
    disco_status (*write)(void *opaque, const disco_mmio_access *access,
                          uint64_t value);
    void (*reset)(void *opaque);
    disco_status (*save)(void *opaque, const disco_stream *out);
    disco_status (*load)(void *opaque, const disco_stream *in);
    disco_status (*fork)(void *opaque, disco_vm *child, void **child_opaque);
    void (*release)(void *opaque);
} disco_mmio_ops;

/*
 * Access device registers as a vCPU would, with no vCPU.  bytes: 1, 2, 4, 8,
 * aligned.  Errors: FAULT (no region there or it refuses), INVAL, or the
 * callback's status.  Thread: any that the device allows.
 */
DISCO_API disco_status disco_mmio_read(disco_vm *vm, uint64_t gpa,
                                       uint32_t bytes, uint64_t *value);
DISCO_API disco_status disco_mmio_write(disco_vm *vm, uint64_t gpa,
                                        uint32_t bytes, uint64_t value);

/* --- Shared pages --- */

/*
 * A counted reference to the content of one 4 KiB machine frame.  While it is
 * held the content does not change: whoever maps the frame and writes gets a
 * private copy first (copy-on-write).  A plain value, 0 = none; the count is
 * in the frame.  The paper's sharing of disk blocks and packets, sections 4.2.3
 * and 4.2.4, is made of these.
 */
typedef struct disco_page {
    uint64_t name;
} disco_page;

/*
 * Refer to what is behind the guest page at `gpa` (multiple of 4096; RAM or
 * ROM).  The VM keeps it mapped, read-only until it writes.  Errors: INVAL,
 * FAULT (no memory there), NOENT (never touched: reads as zeroes, nothing to
 * share), BUSY (pinned, or written by several VMs), UNSUPPORTED (host memory).
 * Thread: any, in callbacks too.
 */
DISCO_API disco_status disco_page_take(disco_vm *vm, uint64_t gpa,
                                       disco_page *out);
/*
 * A new page with this content (4096 bytes; NULL = zeroes) on `node`, or near
 * it when that is full.  Errors: INVAL (no such node), NOMEM.  Thread: any.
 */
DISCO_API disco_status disco_page_create(disco_machine *machine, uint32_t node,
                                         const void *data, disco_page *out);
/*
 * Map it copy-on-write at `gpa` of RAM (multiple of 4096) in place of what was
 * there, whose content is gone.  The caller keeps its reference.  Errors:
 * INVAL, FAULT (no RAM there), BUSY (the guest page is pinned), UNSUPPORTED
 * (host memory), NOMEM.  Thread: any, in callbacks too.
 */
DISCO_API disco_status disco_page_map(disco_vm *vm, uint64_t gpa,
                                      disco_page page);
/*
 * Copy bytes out of it: offset_bytes + bytes <= 4096.  Errors: INVAL.
 * Thread: any.
 */
DISCO_API disco_status disco_page_read(disco_machine *machine, disco_page page,
                                       uint32_t offset_bytes, void *dst,
                                       uint32_t bytes);
/* One more reference, one less; the last frees the frame.  INVAL when it is no
 * page that somebody holds.  Thread: any. */
DISCO_API disco_status disco_page_hold(disco_machine *machine, disco_page page);
DISCO_API disco_status disco_page_drop(disco_machine *machine, disco_page page);

/* --- Block back end --- */

enum { DISCO_BLOCK_READ = 1, DISCO_BLOCK_WRITE = 2, DISCO_BLOCK_FLUSH = 3 };

/*
 * One request.  `data` belongs to the device until completion; offset and bytes
 * are multiples of 512 inside the disk.  The back end completes every request
 * exactly once with disco_block_complete, inside submit or later, on any
 * thread.  `cookie` is the back end's to use.
 */
typedef struct disco_block_request {
    uint32_t op;
    uint32_t reserved;
    uint64_t offset_bytes;
    uint64_t bytes;
    void *data;
    void *cookie;
    void *device; /* the library's */
    void (*done)(struct disco_block_request *request, disco_status status);
} disco_block_request;

/* Status 0, or DISCO_E_IO (anything negative counts as that).  Thread: any. */
DISCO_API void disco_block_complete(disco_block_request *request,
                                    disco_status status);

enum { DISCO_BLOCK_READONLY = 1 };

/*
 * submit   start a request; never fails itself (complete with E_IO instead).
 *          DISCO_BLOCK_FLUSH completes when all writes completed before it are
 *          on stable storage.  A completion may start the next request: submit
 *          is also called from inside disco_block_complete, on its thread.
 * release  the device no longer uses the back end; no request is open.  When
 *          requests outlive the VM, this is inside the last completion.  None
 *          may outlive the machine.
 */
typedef struct disco_block_backend {
    uint32_t size;
    uint32_t flags; /* DISCO_BLOCK_* */
    uint64_t bytes; /* capacity, multiple of 512 */
    void *opaque;
    void (*submit)(void *opaque, disco_block_request *request);
    void (*release)(void *opaque);
} disco_block_backend;

/*
 * Ready-made back end over a raw file (regular file or block device): requests
 * are done in submit.  An exclusive lock refuses a second writer (BUSY).
 * `out` is filled; out->release closes the file.  Errors: NOENT, PERM, IO,
 * BUSY, INVAL (size not a multiple of 512), NOMEM.  Thread: any.
 */
DISCO_API disco_status disco_block_open_file(disco_machine *machine,
                                             const char *path, uint32_t flags,
                                             disco_block_backend *out);

/* --- Network --- */

typedef struct disco_nic disco_nic;       /* a device's end: deliver frames */
typedef struct disco_switch disco_switch; /* plain learning switch */

enum { DISCO_NET_FRAME_MAX = 65550 };

/*
 * What a network device sends to.  `frame` is an Ethernet frame without FCS,
 * 14..DISCO_NET_FRAME_MAX bytes, borrowed for the call.  Runs on the sending
 * vCPU's thread.  attach tells the back end where to deliver (NULL: gone, no
 * delivery may be under way after it returns).
 */
typedef struct disco_net_backend {
    uint32_t size;
    uint32_t flags; /* 0 */
    void *opaque;
    void (*send)(void *opaque, const void *frame, uint64_t bytes);
    void (*attach)(void *opaque, disco_nic *nic);
    void (*release)(void *opaque);
} disco_net_backend;

/*
 * Give a frame to a network device.  Returns 0, or BUSY when the guest has no
 * receive buffer and the device's bounded queue is full (the frame is dropped
 * and counted), INVAL for a bad length.  Thread: any.
 */
DISCO_API disco_status disco_nic_deliver(disco_nic *nic, const void *frame,
                                         uint64_t bytes);

/* A learning Ethernet switch between devices of any VMs of a machine. */
DISCO_API disco_status disco_switch_create(disco_machine *machine,
                                           disco_switch **out);
/* BUSY while ports are attached. */
DISCO_API disco_status disco_switch_destroy(disco_switch *sw);
/* A new port as a network back end; its release frees the port. */
DISCO_API disco_status disco_switch_port(disco_switch *sw,
                                         disco_net_backend *out);
typedef struct disco_switch_stats {
    uint32_t size;
    uint32_t ports;
    uint64_t frames;
    uint64_t bytes;
    uint64_t flooded;
    uint64_t dropped;
} disco_switch_stats;
DISCO_API disco_status disco_switch_stats_get(disco_switch *sw,
                                              disco_switch_stats *out);

#ifdef __cplusplus
}
#endif
#endif
