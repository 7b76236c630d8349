/*
 * config.h - the size rule of public structs: they start with `size`, shorter
 * ones are extended with zeroes, longer ones must be zero in the surplus.
 * Thread: any.
 */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include <disco/types.h>

/*
 * Copy a caller's struct into the library's view of it.  src NULL means all
 * defaults.  dst->size becomes `bytes`.  INVAL: size below 8; VERSION: surplus
 * that is not zero.
 */
disco_status config_copy(void *dst, uint32_t bytes, const void *src);

/*
 * Give an output struct to the caller: fills at most the size that *dst names,
 * and leaves that size there.  INVAL: dst is NULL or its size is below 8.
 */
disco_status config_give(void *dst, const void *src, uint32_t bytes);

#endif
