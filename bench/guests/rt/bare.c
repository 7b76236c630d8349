/*
 * bare.c - the benchmarks on a bare machine.  The board is a matter of the
 * build: physical addresses, reached uncached.
 *   UART_PHYS            data register
 *   UART_LSR_PHYS        line status, polled for an empty transmitter; 0 = none
 *   EXIT_PHYS, EXIT_VAL  one 32-bit store that ends the machine
 */
#include "bench.h"
#include "plat.h"

#define UNCACHED(phys) (0xffffffffa0000000ul + (phys))
#define LSR_THRE       0x20
#define UHI_TREE       -2 /* first argument of a kernel that gets a tree */

/* Entry after crt0_bare.S; see the UHI boot protocol. */
void bare_main(long kind, const char *tree);
void trap_fatal(uint64_t cause, uint64_t epc, uint64_t badva);

void plat_putc(char c)
{
#if UART_LSR_PHYS
    while (!(*(volatile uint8_t *)UNCACHED(UART_LSR_PHYS) & LSR_THRE))
        ;
#endif
    *(volatile uint8_t *)UNCACHED(UART_PHYS) = (uint8_t)c;
}

void plat_exit(int code)
{
    (void)code;
    for (;;)
        *(volatile uint32_t *)UNCACHED(EXIT_PHYS) = EXIT_VAL;
}

/* "reps=N" anywhere in a device tree: only its command line has such words. */
static unsigned long reps_in(const char *tree)
{
    static const char word[] = "reps=";
    uint32_t bytes = ((const uint32_t *)tree)[1], same = 0;

    for (uint32_t i = 0; i < bytes && word[same]; i++, tree++)
        same = *tree == word[same] ? same + 1 : *tree == word[0];
    return word[same] ? 0 : bench_number(tree);
}

/* Boards that hand no device tree over run the usual number. */
void bare_main(long kind, const char *tree)
{
    bench_main(kind == UHI_TREE ? reps_in(tree) : 0);
}

/* From crt0_bare.S, on an exception that nobody expects. */
void trap_fatal(uint64_t cause, uint64_t epc, uint64_t badva)
{
    plat_info("trap_cause", cause);
    plat_info("trap_epc", epc);
    plat_info("trap_badva", badva);
    plat_exit(1);
}
