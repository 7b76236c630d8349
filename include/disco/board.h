/*
 * board.h - the disco board: a helper on top of the API that fills a VM with
 * the standard devices (guest.h has the addresses) and loads a kernel.
 * Embedders may build any other board from the single devices, or from none.
 */
#ifndef DISCO_BOARD_H
#define DISCO_BOARD_H

#include "device.h"
#include "vcpu.h"
#include "vm.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Character back end of UART and virtio console.
 *   write  bytes from the guest, borrowed; never blocks for long.
 *   fork   fill in the one of the same device in the child of disco_vm_fork;
 *          out->size is set, the rest is zero.  NULL: the child uses this very
 *          one, that is, its bytes come in among the parent's.
 * Input goes in through disco_uart_input / disco_board_console_input.
 */
typedef struct disco_char_backend {
    uint32_t size;
    uint32_t flags;
    void *opaque;
    void (*write)(void *opaque, const uint8_t *data, uint32_t bytes);
    disco_status (*fork)(void *opaque, disco_vm *child,
                         struct disco_char_backend *out);
} disco_char_backend;

/*
 * --- Single devices: each maps itself, raises `irq`, dies with the VM ---
 *
 * All of them can be forked (disco_vm_fork) if their back ends can; what the
 * child's devices have is in docs/forking.md.  The functions NAME_of find one
 * by its address, such as a child's, or return NULL.
 */

typedef struct disco_uart disco_uart;
/* 16550A, byte registers 1 apart. */
DISCO_API disco_status disco_uart_create(disco_vm *vm, uint64_t gpa,
                                         uint32_t irq,
                                         const disco_char_backend *backend,
                                         disco_uart **out);
DISCO_API disco_uart *disco_uart_of(disco_vm *vm, uint64_t gpa);
/* Give input; returns bytes taken (the FIFO is 16 bytes deep). Thread: any. */
DISCO_API uint32_t disco_uart_input(disco_uart *uart, const uint8_t *data,
                                    uint32_t bytes);
/*
 * 1 when the guest takes receive interrupts or polls for input.  Drivers empty
 * the FIFO when they start: input from before that is lost.  Thread: any.
 */
DISCO_API int32_t disco_uart_is_listening(disco_uart *uart);

/* Goldfish RTC.  wall_ns: host's nanoseconds since 1970 at VM time 0. */
DISCO_API disco_status disco_rtc_create(disco_vm *vm, uint64_t gpa,
                                        uint32_t irq, uint64_t wall_ns);
DISCO_API disco_status disco_power_create(disco_vm *vm, uint64_t gpa);
/* Interrupt controller for `cpus` vCPUs; becomes the VM's irq route. */
DISCO_API disco_status disco_intc_create(disco_vm *vm, uint64_t gpa,
                                         uint32_t cpus);
DISCO_API disco_status disco_mailbox_create(disco_vm *vm, uint64_t gpa,
                                            uint32_t cpus);
DISCO_API disco_status disco_idle_create(disco_vm *vm, uint64_t gpa);
DISCO_API disco_status disco_cp0_page_create(disco_vm *vm, uint64_t gpa);

/* virtio-mmio devices (version 2). Back ends are taken: released at the end;
 * when the call fails they stay the caller's. */
DISCO_API disco_status disco_virtio_blk_create(disco_vm *vm, uint64_t gpa,
                                               uint32_t irq,
                                               const disco_block_backend *be);
/* mac: six bytes, NULL = the back end's, or else a locally administered address
 * made from the VM's name. */
DISCO_API disco_status disco_virtio_net_create(disco_vm *vm, uint64_t gpa,
                                               uint32_t irq, const uint8_t *mac,
                                               const disco_net_backend *be,
                                               disco_nic **out);
DISCO_API disco_nic *disco_nic_of(disco_vm *vm, uint64_t gpa);
/* Why received bytes were copied, not mapped. */
enum {
    DISCO_NET_COPY_HOST = 0,      /* headers, small frames, the host's frames */
    DISCO_NET_COPY_PARTIAL = 1,   /* not a whole aligned page of the sender */
    DISCO_NET_COPY_SMALL = 2,     /* too few pages to be worth it */
    DISCO_NET_COPY_BUFFER = 3,    /* no page-aligned receive buffer */
    DISCO_NET_COPY_OFFLOAD = 4,   /* cut or summed up here */
    DISCO_NET_COPY_UNTOUCHED = 5, /* a page of zeroes, nothing to share */
    DISCO_NET_COPY_REFUSED = 6,   /* pinned, host memory, out of memory */
    DISCO_NET_COPY_REASONS = 7
};

typedef struct disco_nic_stats {
    uint32_t size;
    uint32_t reserved;
    uint64_t tx_frames;
    uint64_t tx_bytes;
    uint64_t rx_frames;
    uint64_t rx_bytes;
    uint64_t rx_dropped;
    uint64_t errors;         /* what the guest's driver did wrong, either way */
    uint64_t tx_bad_offload; /* of these: headers that cannot be segmented */
    uint64_t rx_segments;    /* frames that were cut from larger ones here */
    uint64_t rx_checksums;   /* completed here */
    uint64_t rx_remapped_bytes;
    uint64_t rx_copied_bytes[DISCO_NET_COPY_REASONS];
} disco_nic_stats;
DISCO_API disco_status disco_nic_stats_get(disco_nic *nic,
                                           disco_nic_stats *out);
typedef struct disco_vconsole disco_vconsole;
DISCO_API disco_status disco_virtio_console_create(disco_vm *vm, uint64_t gpa,
                                                   uint32_t irq,
                                                   const disco_char_backend *be,
                                                   disco_vconsole **out);
DISCO_API disco_vconsole *disco_vconsole_of(disco_vm *vm, uint64_t gpa);
DISCO_API uint32_t disco_vconsole_input(disco_vconsole *console,
                                        const uint8_t *data, uint32_t bytes);
/* fill: entropy source; NULL = a generator that starts from `seed`. */
typedef void (*disco_rng_fn)(void *opaque, void *data, uint32_t bytes);
DISCO_API disco_status disco_virtio_rng_create(disco_vm *vm, uint64_t gpa,
                                               uint32_t irq, disco_rng_fn fill,
                                               void *opaque, uint64_t seed);

/* --- The board --- */

typedef struct disco_board disco_board;

typedef struct disco_board_config {
    uint32_t size;
    uint32_t flags;
    uint64_t ram_bytes; /* multiple of 4096, 1 MiB..64 GiB; 0 = 256 MiB */
    uint32_t cpus;      /* 1..32, 0 = 1: the board creates the vCPUs */
    uint32_t reserved;
    const disco_vcpu_config *vcpu; /* for every vCPU; NULL = defaults */
    disco_char_backend console;    /* of the UART; write may be NULL */
    uint64_t wall_ns;              /* RTC: ns since 1970 at VM time 0 */
} disco_board_config;

/*
 * Fill an empty VM with RAM, vCPUs and the board's devices.  The board lives
 * until the VM is destroyed.  Errors: INVAL, STATE (VM not empty), NOENT (CPU
 * model), NOMEM.  After NOENT and NOMEM the VM is good for destroying only.
 */
DISCO_API disco_status disco_board_create(disco_vm *vm,
                                          const disco_board_config *config,
                                          disco_board **out);
/* The board of a VM, such as the child of a fork; NULL: it has none. */
DISCO_API disco_board *disco_board_of(disco_vm *vm);
DISCO_API disco_uart *disco_board_uart(disco_board *board);
/* Console input: as disco_uart_input. */
DISCO_API uint32_t disco_board_console_input(disco_board *board,
                                             const uint8_t *data,
                                             uint32_t bytes);

/* Devices in the next free virtio slot; RANGE when all are used.  Before
 * disco_board_load, which describes them in the device tree. */
DISCO_API disco_status disco_board_add_disk(disco_board *board,
                                            const disco_block_backend *be);
DISCO_API disco_status disco_board_add_net(disco_board *board,
                                           const uint8_t *mac,
                                           const disco_net_backend *be,
                                           disco_nic **out);
DISCO_API disco_status disco_board_add_console(disco_board *board,
                                               const disco_char_backend *be,
                                               disco_vconsole **out);
DISCO_API disco_status disco_board_add_rng(disco_board *board);

typedef struct disco_image_info {
    uint32_t size;
    uint32_t bits;  /* 32 or 64 */
    uint32_t order; /* DISCO_BIG or DISCO_LITTLE */
    uint32_t reserved;
    uint64_t entry; /* virtual, sign-extended */
    uint64_t low_gpa;
    uint64_t high_gpa; /* first byte after image and bss */
} disco_image_info;
/*
 * Look at an ELF file in memory: MIPS executable, 32 or 64 bits, any order.
 * Errors: CORRUPT, UNSUPPORTED (not MIPS), with text in `err` (may be NULL).
 * Thread: any.
 */
DISCO_API disco_status disco_elf_info(const void *elf, uint64_t elf_bytes,
                                      disco_image_info *out, disco_error *err);
/* Copy its segments into a VM, at the physical address that their kseg0, kseg1,
 * xkphys or physical address denotes; bss is zeroed. */
DISCO_API disco_status disco_elf_load(disco_vm *vm, const void *elf,
                                      uint64_t elf_bytes,
                                      disco_image_info *out);

typedef struct disco_board_image {
    uint32_t size;
    uint32_t flags;
    const void *kernel; /* ELF file, borrowed for the call */
    uint64_t kernel_bytes;
    const void *initrd; /* may be NULL */
    uint64_t initrd_bytes;
    const char *cmdline; /* may be NULL */
    uint32_t boot_cpu;   /* the vCPU that starts; first in the device tree */
    uint32_t reserved;
} disco_board_image;

/*
 * Load kernel and initrd, write the device tree (UNSUPPORTED without libfdt
 * only if the kernel needs one: then a0 = a1 = 0), set the entry registers of
 * the boot vCPU UHI-style and start it.  After disco_vm_reset call it again.
 * Errors: CORRUPT, MISMATCH (byte order of ELF and vCPUs), RANGE (does not fit
 * in RAM), NOMEM, STATE.
 */
DISCO_API disco_status disco_board_load(disco_board *board,
                                        const disco_board_image *image);

/* Copy of the device tree of the last load: out->... bytes needed in *bytes;
 * dtb may be NULL to ask.  RANGE when *bytes is too small. */
DISCO_API disco_status disco_board_dtb(disco_board *board, void *dtb,
                                       uint64_t *bytes);

#ifdef __cplusplus
}
#endif
#endif
