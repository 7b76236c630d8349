/*
 * guest.h - what software inside a VM may rely on.  Freestanding: usable from
 * guest C and assembly.  docs/guest-abi.md explains it.
 */
#ifndef DISCO_GUEST_H
#define DISCO_GUEST_H

/* --- Board addresses (guest-physical) --- */
#define DISCO_BOARD_RAM_LOW_BYTES 0x1c000000
#define DISCO_BOARD_INTC          0x1c000000
#define DISCO_BOARD_MAILBOX       0x1c010000
#define DISCO_BOARD_IDLE          0x1c011000
#define DISCO_BOARD_CP0_PAGE      0x1c012000
#define DISCO_BOARD_UART          0x1c020000
#define DISCO_BOARD_POWER         0x1c030000
#define DISCO_BOARD_RTC           0x1c040000
#define DISCO_BOARD_VIRTIO        0x1c100000
#define DISCO_BOARD_VIRTIO_STRIDE 0x1000
#define DISCO_BOARD_VIRTIO_SLOTS  24
#define DISCO_BOARD_ROM           0x1fc00000
#define DISCO_BOARD_ROM_BYTES     0x400000
#define DISCO_BOARD_RAM_HIGH      0x20000000
#define DISCO_BOARD_IRQ_UART      0
#define DISCO_BOARD_IRQ_RTC       1
#define DISCO_BOARD_IRQ_VIRTIO    8

/* Interrupt controller: per CPU a window of 0x10. */
#define DISCO_INTC_STRIDE      0x10
#define DISCO_INTC_STATUS      0x0
#define DISCO_INTC_MASK_STATUS 0x4
#define DISCO_INTC_MASK_SET    0x8
#define DISCO_INTC_MASK_CLEAR  0xc

/* Mailbox: per CPU a window of 0x40, 64-bit registers. */
#define DISCO_MAILBOX_STRIDE 0x40
#define DISCO_MAILBOX_SET    0x00
#define DISCO_MAILBOX_CLEAR  0x08
#define DISCO_MAILBOX_STATUS 0x10
#define DISCO_MAILBOX_SP     0x18
#define DISCO_MAILBOX_GP     0x20
#define DISCO_MAILBOX_PC     0x28

/* Power register. */
#define DISCO_POWER_EXIT  0x3333 /* | status << 16 */
#define DISCO_POWER_OFF   0x5555
#define DISCO_POWER_RESET 0x7777

/* --- Monitor calls (disco mode only) ---------------------------------------
 * HYPCALL: COP0 | CO | code << 11 | 0x28.  Arguments a0..a5; v0 = 0 or a
 * negative error (DISCO_HC_E_*), v1 = result.  Kernel or supervisor mode.
 */
#define DISCO_HYPCALL_WORD(code) (0x42000028 | (code) << 11)

#define DISCO_HC_ABI_VERSION 1
#define DISCO_HC_MAGIC       0x444953434f000000 /* "DISCO" << 24 | version */

#define DISCO_HC_DISCOVER      0x000 /* v1 = DISCO_HC_MAGIC | version */
#define DISCO_HC_IDLE          0x001 /* until an enabled interrupt is pending */
#define DISCO_HC_YIELD         0x002
#define DISCO_HC_CONSOLE_WRITE 0x003 /* a0 = physical address, a1 = bytes */
#define DISCO_HC_CONSOLE_READ  0x004 /* v1 = byte or -1 */
#define DISCO_HC_ZERO_PAGE     0x005 /* a0 = physical page: becomes zeroed */
#define DISCO_HC_RELEASE_PAGE  0x006 /* a0 = physical page: content dropped */
#define DISCO_HC_REMAP         0x007 /* a0 = page, becomes what page a1 is */
#define DISCO_HC_DISK          0x008 /* reserved */
#define DISCO_HC_NET           0x009 /* reserved */
#define DISCO_HC_SHARE         0x00a /* a0 = key, a1 = page, a2 = pages */
#define DISCO_HC_UNSHARE       0x00b /* a0 = key */
#define DISCO_HC_HOST_FUNCTION 0x010 /* a0 = number, a1..a5 = arguments */
#define DISCO_HC_EMBEDDER      0x200 /* ..0x3ff: DISCO_EXIT_HYPERCALL */

#define DISCO_HC_E_UNKNOWN     (-1) /* no such call */
#define DISCO_HC_E_INVAL       (-2) /* bad argument */
#define DISCO_HC_E_FAULT       (-3) /* address is not RAM */
#define DISCO_HC_E_NOMEM       (-4)
#define DISCO_HC_E_UNSUPPORTED (-5) /* known, not built in or not allowed */
#define DISCO_HC_E_BUSY        (-6) /* a page is pinned, or never at rest */
#define DISCO_HC_E_NOENT       (-7) /* no such thing */

/* --- Page of memory-mapped CP0 registers -----------------------------------
 * 64-bit registers in CPU byte order, each vCPU sees its own.  Register n of
 * CP0 reads at n * 8.  Status may be written: IE and IM take effect at once,
 * other bits are ignored.
 */
#define DISCO_CP0_PAGE_MAGIC 0x100 /* DISCO_HC_MAGIC | version */
#define DISCO_CP0_PAGE_IE    0x108 /* Status.IE alone: read, or write 0 / 1 */
#define DISCO_CP0_PAGE_CPU   0x110 /* index of this vCPU */

#endif
