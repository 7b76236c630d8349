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

/* From crt0_bare.S, on an exception that nobody expects. */
void trap_fatal(uint64_t cause, uint64_t epc, uint64_t badva)
{
    plat_info("trap_cause", cause);
    plat_info("trap_epc", epc);
    plat_info("trap_badva", badva);
    plat_exit(1);
}
