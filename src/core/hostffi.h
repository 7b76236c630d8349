/*
 * hostffi.h - calls of C functions whose signature has floating point: through
 * libffi, or not at all in builds without it.
 */
#ifndef CORE_HOSTFFI_H
#define CORE_HOSTFFI_H

#include "base/alloc.h"
#include "core/hostsig.h"

/* The opaque argument and five guest words. */
enum { HOST_CALL_WORDS = 1 + HOST_WORDS_MAX };

struct host_plan;

/* 1 when this build has it. */
int hostffi_is_there(void);

/* Prepare calls of a signature; flags: DISCO_HOST_FN_*.  NOMEM, UNSUPPORTED. */
disco_status hostffi_plan(struct alloc *alloc, const struct host_sig *sig,
                          uint32_t flags, struct host_plan **out);
/* NULL is fine. */
void hostffi_free(struct alloc *alloc, struct host_plan *plan);

/* Call; type[i] is a host_type, a floating-point word its bits. */
uint64_t hostffi_call(struct host_plan *plan, void (*fn)(void),
                      const uint8_t *type, const uint64_t *word,
                      uint32_t words);

#endif
