/*
 * plat.h - what a platform gives the benchmarks: a character out and an end.
 */
#ifndef PLAT_H
#define PLAT_H

#include <stdint.h>

void plat_putc(char c);
void plat_exit(int code) __attribute__((noreturn));
/* Run the benchmark; 0 = its own number of repetitions. */
void bench_main(unsigned long reps);
/* The number at the start of a text; 0 when there is none. */
unsigned long bench_number(const char *s);
/* "INFO name hex" */
void plat_info(const char *name, uint64_t value);
#endif
