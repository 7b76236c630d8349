/*
 * board.c - start in C: what the device tree says about the board, the
 * command line, and the end of the machine.
 */
#include "fdt.h"
#include "lib.h"

#define FDT_MAX_BYTES 65536
#define SEGMENT_BYTES 0x20000000 /* of kseg0, and of the supervisor segment */
#define UART_THR      0
#define UART_LSR      5
#define UART_LSR_THRE 0x20

struct guest_board board;

int guest_boot(int64_t a0, uint64_t a1);

static void read_memory(const struct fdt *f)
{
    uint32_t bytes, address, size;
    const uint8_t *p = fdt_prop(f, "", "#address-cells", &bytes);

    address = p ? (uint32_t)fdt_cells(p, bytes, 0, 1) : 2;
    p = fdt_prop(f, "", "#size-cells", &bytes);
    size = p ? (uint32_t)fdt_cells(p, bytes, 0, 1) : 1;
    if (address < 1 || address > 2 || size < 1 || size > 2)
        return;
    p = fdt_prop(f, "memory", "reg", &bytes);
    if (!p)
        return;
    board.ram_total = 0;
    for (uint32_t i = 0; i + address + size <= bytes / 4; i += address + size) {
        uint64_t base = fdt_cells(p, bytes, i, address);
        uint64_t n = fdt_cells(p, bytes, i + address, size);

        if (base == 0)
            board.ram_low = n;
        board.ram_total += n;
    }
}

static void read_chosen(const struct fdt *f)
{
    uint32_t bytes;
    const uint8_t *p = fdt_prop(f, "chosen", "bootargs", &bytes);
    uint64_t start, end;

    for (uint32_t i = 0; p && i < bytes && i < sizeof board.cmdline - 1; i++)
        board.cmdline[i] = (char)p[i];
    p = fdt_prop(f, "chosen", "linux,initrd-start", &bytes);
    start = fdt_cells(p, bytes, 0, bytes / 4);
    p = fdt_prop(f, "chosen", "linux,initrd-end", &bytes);
    end = fdt_cells(p, bytes, 0, bytes / 4);
    if (end > start) {
        board.initrd_phys = start & (SEGMENT_BYTES - 1);
        board.initrd_bytes = end - start;
    }
}

void board_init(int64_t a0, uint64_t a1)
{
    struct fdt f;
    uint64_t phys = a1 - KSEG0;

    board.ram_low = board.ram_total = 16 << 20;
    board.cpus = 1;
    if (a0 != -2 || phys >= SEGMENT_BYTES ||
        fdt_open(&f, phys_ptr(phys), FDT_MAX_BYTES) != 0)
        return;
    board.fdt_phys = phys;
    board.fdt_bytes = fdt_bytes(&f);
    board.cpus = fdt_count(&f, "cpus", "cpu");
    if (board.cpus < 1)
        board.cpus = 1;
    if (board.cpus > GUEST_MAX_CPUS)
        board.cpus = GUEST_MAX_CPUS;
    read_memory(&f);
    read_chosen(&f);
}

/* The word on the command line that is `name`, or starts with it when it ends
 * in '='; what follows the name. */
static const char *find_option(const char *name)
{
    size_t n = strlen(name);
    const char *p = board.cmdline;

    while (*p) {
        while (*p == ' ')
            p++;
        if (strncmp(p, name, n) == 0 &&
            (name[n - 1] == '=' || p[n] == ' ' || p[n] == 0))
            return p + n;
        while (*p && *p != ' ')
            p++;
    }
    return NULL;
}

int option(const char *name)
{
    return find_option(name) != NULL;
}

long option_value(const char *name, long missing)
{
    char key[32];
    const char *p;
    long v = 0;
    size_t n = strlen(name);

    if (n + 2 > sizeof key)
        return missing;
    memcpy(key, name, n);
    key[n] = '=';
    key[n + 1] = 0;
    p = find_option(key);
    if (!p || *p < '0' || *p > '9')
        return missing;
    while (*p >= '0' && *p <= '9' && v < 1000000000)
        v = v * 10 + *p++ - '0';
    return v;
}

void uart_put(char c)
{
#ifdef GUEST_TESTMIPS
    io_write8(0x10000000, (uint8_t)c);
#else
    while (!(io_read8(DISCO_BOARD_UART + UART_LSR) & UART_LSR_THRE))
        ;
    io_write8(DISCO_BOARD_UART + UART_THR, (uint8_t)c);
#endif
}

void guest_exit(int status)
{
    for (;;) {
#ifdef GUEST_TESTMIPS
        io_write8(0x10000010, (uint8_t)status);
#else
        io_write32(DISCO_BOARD_POWER,
                   status ? (uint32_t)status << 16 | DISCO_POWER_EXIT
                          : DISCO_POWER_OFF);
#endif
    }
}

/* From crt0.S. */
int guest_boot(int64_t a0, uint64_t a1)
{
    board_init(a0, a1);
    return guest_main();
}
