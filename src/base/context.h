/*
 * context.h - what every part needs of its machine: allocator, log, last error.
 * It is the first member of struct disco_machine, so that parts which must not
 * know core (devices) reach it from the public handle.
 */
#ifndef BASE_CONTEXT_H
#define BASE_CONTEXT_H

#include <disco/types.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/log.h"

struct context {
    uint32_t users; /* atomic: objects that keep the machine alive */
    struct alloc alloc;
    struct log log;
    struct errors errors;
};

static inline struct context *context_of(disco_machine *machine)
{
    return (struct context *)(void *)machine;
}

/* Set the last error: "what and where" as a sentence.  Returns `status`. */
#define context_fail(ctx, status, where, ...) \
    errors_set(&(ctx)->errors, (status), (where), __VA_ARGS__)

#endif
