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
 * fork         make the copy for the child of disco_vm_fork; NULL = the VM
 *              cannot be forked, but for DISCO_MMIO_EXIT regions: the child's
 *              has the same `opaque`, which stays the parent's to release.  The
 *              child has its memory and vCPUs, and the devices at lower
 *              addresses; the region is mapped afterwards, with the same key
 *              and the copy as `opaque`, which is then released like any other.
 *              BUSY when it has requests open.
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

enum {
    DISCO_BLOCK_BYTES = 4096, /* what `pages` of a request counts in */
    /* The request has `pages`: only to a back end that says it takes them. */
    DISCO_BLOCK_REQUEST_PAGES = 1
};

/*
 * One request.  `data` belongs to the device until completion; offset and bytes
 * are multiples of 512 inside the disk.  The back end completes every request
 * exactly once with disco_block_complete, inside submit or later, on any
 * thread.  `cookie` is the back end's to use.
 *
 * With DISCO_BLOCK_REQUEST_PAGES there is one page for each block of 4096 bytes
 * of the disk that the range touches, in order.
 *   READ   data is NULL.  Before it completes the request with 0, the back end
 *          puts a reference to the block's content into each page; the device
 *          drops them.  With another status it leaves them 0.
 *   WRITE  a page that is not 0 is the new content of that whole block, the
 *          device's and held until completion.  Else the bytes are in `data`,
 *          where they are without pages.
 */
typedef struct disco_block_request {
    uint32_t op;
    uint32_t flags; /* DISCO_BLOCK_REQUEST_* */
    uint64_t offset_bytes;
    uint64_t bytes;
    void *data;
    void *cookie;
    void *device; /* the library's */
    void (*done)(struct disco_block_request *request, disco_status status);
    disco_page *pages;
} disco_block_request;

/* Status 0, or DISCO_E_IO (anything negative counts as that).  Thread: any. */
DISCO_API void disco_block_complete(disco_block_request *request,
                                    disco_status status);

enum {
    DISCO_BLOCK_READONLY = 1,
    DISCO_BLOCK_PAGE_READS = 2, /* takes READ requests with pages */
    DISCO_BLOCK_PAGE_WRITES = 4 /* ... and WRITE requests */
};

/* What became of the bytes of a read with pages, by reason. */
typedef struct disco_block_account {
    uint32_t size;
    uint32_t reserved;
    uint64_t mapped_bytes; /* the guest has the block's own frame */
    uint64_t
        copied_unaligned_bytes;    /* the guest's buffer is not page-aligned */
    uint64_t copied_short_bytes;   /* less than a whole block */
    uint64_t copied_refused_bytes; /* pinned page, host memory */
} disco_block_account;

/*
 * submit   start a request; never fails itself (complete with E_IO instead).
 *          DISCO_BLOCK_FLUSH completes when all writes completed before it are
 *          on stable storage.  A completion may start the next request: submit
 *          is also called from inside disco_block_complete, on its thread.
 * release  the device no longer uses the back end; no request is open.  When
 *          requests outlive the VM, this is inside the last completion.  None
 *          may outlive the machine.
 * account  told by the device after a read with pages; may be NULL.  Any
 *          thread.
 * fork     fill in the back end of the same device in the child of
 *          disco_vm_fork: what its guest finds on the disk is what the parent's
 *          would, and neither sees what the other writes from then on.  No
 *          request is open.  out->size is set, the rest is zero; `bytes` and
 *          DISCO_BLOCK_READONLY must be the same.  What it fills in is taken:
 *          `release` is called also when the fork fails later.  NULL: VMs with
 *          this disk cannot be forked.
 */
typedef struct disco_block_backend {
    uint32_t size;
    uint32_t flags; /* DISCO_BLOCK_* */
    uint64_t bytes; /* capacity, multiple of 512 */
    void *opaque;
    void (*submit)(void *opaque, disco_block_request *request);
    void (*release)(void *opaque);
    void (*account)(void *opaque, const disco_block_account *account);
    disco_status (*fork)(void *opaque, disco_vm *child,
                         struct disco_block_backend *out);
} disco_block_backend;

/*
 * Ready-made back end over a raw file (regular file or block device): requests
 * are done in submit, nothing is cached.  An exclusive lock refuses a second
 * writer (BUSY).  `out` is filled; out->release closes the file.  Errors:
 * NOENT, PERM, IO, BUSY, INVAL (size not a multiple of 512), NOMEM.  Thread:
 * any.
 */
DISCO_API disco_status disco_block_open_file(disco_machine *machine,
                                             const char *path, uint32_t flags,
                                             disco_block_backend *out);

/* --- Disks over the machine's block cache (the paper, 4.2.2) --- */

/*
 * An image: what disks show.  Its blocks are cached in frames of the machine as
 * long as it is open (disco_machine_config.cache_bytes), for all disks of all
 * VMs.
 */
typedef struct disco_image disco_image;

/*
 * Open a raw file or block device as an image.  A file that is open already, by
 * whatever name, gives the same image again: it is counted.  As long as it is
 * open, nobody who asks for locks writes the file.  Errors: NOENT, PERM, IO,
 * BUSY (somebody writes it), INVAL (no file, size not a multiple of 512),
 * NOMEM.  Thread: any.
 */
DISCO_API disco_status disco_image_open(disco_machine *machine,
                                        const char *path, disco_image **out);

/*
 * The same over a block back end of the host's, which is taken: released after
 * the last use.  When the call fails it stays the caller's.  Its content must
 * not change but through an exclusive disk.  Requests come without pages, from
 * any thread.  Errors: INVAL, NOMEM.
 */
DISCO_API disco_status disco_image_open_backend(disco_machine *machine,
                                                const disco_block_backend *be,
                                                disco_image **out);

/* Give a reference back; NULL is fine.  Disks hold their own, so that an image
 * may be closed as soon as they are open.  Thread: any. */
DISCO_API void disco_image_close(disco_image *image);

/* Bytes of the image; 0 for NULL. */
DISCO_API uint64_t disco_image_bytes(const disco_image *image);

enum {
    /* Any number of disks; writes are refused. */
    DISCO_DISK_READONLY = 1,
    /* Any number of disks; each keeps the blocks it writes to itself, in
     * machine frames, until it is released.  The image never changes. */
    DISCO_DISK_COW = 2,
    /* The only disk of the image.  A write is in the file when it completes
     * (not before), a flush when it is on stable storage. */
    DISCO_DISK_EXCLUSIVE = 3
};

typedef struct disco_disk_config {
    uint32_t size;
    uint32_t mode;       /* DISCO_DISK_* */
    uint32_t node;       /* where its frames come from, if there are any */
    uint32_t reserved;   /* 0 */
    const char *overlay; /* file for a COW disk's writes: UNSUPPORTED, NULL */
} disco_disk_config;

/*
 * A disk that shows an image, as a back end; out->release ends it.  Reads with
 * pages get the cached frames.  Errors: INVAL, UNSUPPORTED, PERM (EXCLUSIVE of
 * what can only be read), BUSY (EXCLUSIVE beside any other disk, here or in
 * another process; any disk beside an exclusive one), NOMEM.  Thread: any.
 */
DISCO_API disco_status disco_disk_open(disco_image *image,
                                       const disco_disk_config *config,
                                       disco_block_backend *out);

/* Figures of the block cache and all disks.  Values are taken one by one. */
typedef struct disco_cache_stats {
    uint32_t size;
    uint32_t images;         /* open */
    uint64_t limit_blocks;   /* of 4096 bytes, as all blocks here */
    uint64_t blocks;         /* cached, pages of kernels and initrds included */
    uint64_t hits;           /* found */
    uint64_t misses;         /* not found, brought */
    uint64_t waits;          /* found on their way */
    uint64_t evictions;      /* given up for others */
    uint64_t read_blocks;    /* read from images */
    uint64_t private_blocks; /* held by copy-on-write disks */
    uint64_t mapped_bytes;   /* as in disco_block_account */
    uint64_t copied_unaligned_bytes;
    uint64_t copied_short_bytes;
    uint64_t copied_refused_bytes;
} disco_cache_stats;
/* Thread: any. */
DISCO_API disco_status disco_cache_stats_get(disco_machine *machine,
                                             disco_cache_stats *out);

/* --- Network --- */

typedef struct disco_nic disco_nic;       /* a device's end: deliver packets */
typedef struct disco_subnet disco_subnet; /* what connects devices */

enum { DISCO_NET_FRAME_MAX = 65550, DISCO_NET_FRAGMENTS_MAX = 288 };

/* Where the bytes of a fragment are. */
enum {
    DISCO_FRAGMENT_HOST = 1,  /* at data */
    DISCO_FRAGMENT_GUEST = 2, /* in guest memory: vm, gpa */
    DISCO_FRAGMENT_PAGE = 3   /* in a held page: page, from offset on */
};

/* A piece of a packet, 1 byte or more; everything borrowed for the call. */
typedef struct disco_net_fragment {
    uint32_t kind; /* DISCO_FRAGMENT_* */
    uint32_t bytes;
    const void *data;
    disco_vm *vm;
    uint64_t gpa;
    disco_page page;
    uint32_t offset;
    uint32_t reserved;
} disco_net_fragment;

enum {
    /* The checksum at csum_start + csum_offset holds the sum of the pseudo
     * header only; whoever lets the packet out completes it. */
    DISCO_NET_CSUM_PARTIAL = 1,
    /* One TCP segment too large for the wire: whoever lets it out cuts it into
     * segments of segment_bytes.  Implies DISCO_NET_CSUM_PARTIAL. */
    DISCO_NET_TCP4 = 2,
    DISCO_NET_TCP6 = 4,
    DISCO_NET_ECN = 8 /* with TCP4, TCP6: CWR stands in the first one only */
};

/*
 * An Ethernet frame without FCS, 14..DISCO_NET_FRAME_MAX bytes, as a list of
 * fragments.  The first one is HOST and holds at least the Ethernet header, and
 * with TCP4 or TCP6 all header_bytes.  Fragments of guest memory may change
 * until the call returns: what must be checked is copied first.
 *
 * Whole aligned pages of guest memory, and held pages from offset 0 on, are
 * mapped read-only into a receiver that offers page-aligned buffers of 4096
 * bytes or more; whoever writes first gets a copy.  A packet that waits holds
 * its pages and copies the rest.
 */
typedef struct disco_net_packet {
    uint32_t size;
    uint32_t flags;
    uint32_t bytes; /* sum of the fragments */
    uint32_t fragments;
    const disco_net_fragment *fragment;
    uint64_t time_ns; /* when it was sent, in the sender's VM time */
    uint32_t csum_start;
    uint32_t csum_offset;
    uint32_t header_bytes;  /* Ethernet to TCP, with TCP4 or TCP6 */
    uint32_t segment_bytes; /* TCP payload of a segment */
} disco_net_packet;

/*
 * What a network device sends to.
 *
 * send         takes a plain frame, contiguous, borrowed for the call.
 * send_packet  takes a packet instead of send, borrowed for the call, and
 *              returns its price: the bytes moved.  The device then offers its
 *              guest checksum and segmentation offloads.  May be NULL.
 * attach       tells the back end where to deliver (NULL: gone, no delivery may
 *              be under way after it returns).
 * release      the device no longer uses the back end.
 * fork         fill in the back end of the same device in the child of
 *              disco_vm_fork; out->size is set, the rest is zero; send_packet
 *              and mtu must be as here.  It is taken, as with
 *              disco_block_backend.  Its `mac` is the child's; without one the
 *              device makes one of the parent's.  NULL: VMs with this back end
 *              cannot be forked, unless it has no function at all.
 *
 * send and send_packet run on the sending vCPU's thread.  Delivering from
 * inside them, also to the sender, is allowed.
 */
typedef struct disco_net_backend {
    uint32_t size;
    uint32_t flags; /* 0 */
    void *opaque;
    void (*send)(void *opaque, const void *frame, uint64_t bytes);
    void (*attach)(void *opaque, disco_nic *nic);
    void (*release)(void *opaque);
    uint64_t (*send_packet)(void *opaque, const disco_net_packet *packet);
    uint32_t mtu; /* told to the guest, 68..65535; 0 = nothing is told */
    /* What may wait for the guest's receive buffers; 0 = 256, 4 MiB. */
    uint32_t queue_frames;
    uint32_t queue_bytes;
    /* Whole pages that a packet must hold before they are mapped into the
     * receiver instead of copied; 0 = 1, UINT32_MAX = always copy. */
    uint32_t remap_min_pages;
    uint8_t mac[8]; /* six bytes: the device's address unless it has another */
    disco_status (*fork)(void *opaque, disco_vm *child,
                         struct disco_net_backend *out);
} disco_net_backend;

/*
 * Give a frame or a packet to a network device.  What the guest's driver did
 * not ask for is done here: checksums are completed, large segments cut.
 * Returns 0, or BUSY when the guest has no receive buffer and the device's
 * bounded queue is full (dropped and counted), INVAL for what is no packet.
 * Thread: any.
 */
DISCO_API disco_status disco_nic_deliver(disco_nic *nic, const void *frame,
                                         uint64_t bytes);
DISCO_API disco_status disco_nic_deliver_packet(disco_nic *nic,
                                                const disco_net_packet *packet);

/*
 * The virtual subnet (paper, 1.9): connects network devices of any VMs of a
 * machine.  It learns which address is behind which port, floods broadcast,
 * multicast and unknown addresses, and forwards packets of any size as they
 * are.  Thread: any, all functions.
 */
DISCO_API disco_status disco_subnet_create(disco_machine *machine,
                                           disco_subnet **out);
/* BUSY while ports are in use. */
DISCO_API disco_status disco_subnet_destroy(disco_subnet *subnet);

enum {
    /* Frames from other addresses than the port's are dropped. */
    DISCO_PORT_LOCKED = 1
};

typedef struct disco_port_config {
    uint32_t size;
    uint32_t flags; /* DISCO_PORT_* */
    uint8_t mac[8]; /* six bytes; all zero = the subnet gives one */
    uint32_t mtu;   /* the next four as in disco_net_backend */
    uint32_t queue_frames;
    uint32_t queue_bytes;
    uint32_t remap_min_pages;
    /* What the port may send, bytes a second of the sender's VM time, in bursts
     * of burst_bytes (0 = 1 MiB); the rest is dropped.  0 = no limit. */
    uint64_t rate_bytes;
    uint64_t burst_bytes;
} disco_port_config;

/*
 * A new port as a network back end; its release frees the port.  config NULL =
 * all defaults; *number (may be NULL) names the port for the figures, the
 * lowest free number.  The child of a fork gets a port of the same kind, with
 * an address that the subnet gives.  Errors: INVAL, RANGE (no port left),
 * EXISTS (the address is another port's), NOMEM.
 */
DISCO_API disco_status disco_subnet_port(disco_subnet *subnet,
                                         const disco_port_config *config,
                                         disco_net_backend *out,
                                         uint32_t *number);

typedef struct disco_subnet_stats {
    uint32_t size;
    uint32_t ports;
    uint64_t frames;
    uint64_t bytes;
    uint64_t flooded;
    uint64_t dropped; /* by devices whose queue was full */
    uint64_t refused; /* sent against the port's limits or malformed */
} disco_subnet_stats;
DISCO_API disco_status disco_subnet_stats_get(disco_subnet *subnet,
                                              disco_subnet_stats *out);

typedef struct disco_port_stats {
    uint32_t size;
    uint32_t reserved;
    uint8_t mac[8];
    uint64_t sent_frames; /* by the port's device */
    uint64_t sent_bytes;
    uint64_t flooded;
    uint64_t refused;      /* malformed, or from a foreign address */
    uint64_t refused_rate; /* beyond rate_bytes */
    uint64_t taken_frames; /* by the port's device */
    uint64_t taken_bytes;
    uint64_t dropped; /* the device's queue was full */
    /* Of what the device placed in guest memory; disco_nic_stats says why bytes
     * were copied. */
    uint64_t remapped_bytes;
    uint64_t copied_bytes;
} disco_port_stats;
/* NOENT: no port has that number. */
DISCO_API disco_status disco_subnet_port_stats_get(disco_subnet *subnet,
                                                   uint32_t number,
                                                   disco_port_stats *out);

/*
 * Record what is sent, as a pcap file: `write` gets the file's header inside
 * this call and then one whole record a call, on the thread of whoever sends,
 * several at once when several send.  Times are those of the senders' VMs;
 * packets are as the sender made them, before checksums and segmentation.
 * snap_bytes: what is kept of each, 0 = all.  A write that fails ends the
 * capture.  capture NULL ends it; no write runs after that.  Errors: INVAL,
 * EXISTS (there is a capture), NOMEM, or what the first write returned.
 */
typedef struct disco_capture {
    uint32_t size;
    uint32_t snap_bytes;
    void *opaque;
    disco_status (*write)(void *opaque, const void *data, uint64_t bytes);
} disco_capture;
DISCO_API disco_status disco_subnet_capture(disco_subnet *subnet,
                                            const disco_capture *capture);

#ifdef __cplusplus
}
#endif
#endif
