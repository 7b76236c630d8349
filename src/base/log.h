/*
 * log.h - lines for the embedder's log sink.  Never called with a library lock
 * held.  Thread: any.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <disco/types.h>

#include "base/compiler.h"

struct log {
    disco_log_fn fn; /* NULL: silent */
    void *opaque;
};

void log_text(const struct log *log, int32_t level, const char *domain,
              const char *text);
void log_format(const struct log *log, int32_t level, const char *domain,
                const char *format, ...) PRINTF_LIKE(4, 5);

#endif
