/*
 * log.c - see log.h.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

enum { LOG_LINE_MAX = 512 };

void log_text(const struct log *log, int32_t level, const char *domain,
              const char *text)
{
    if (log->fn)
        log->fn(log->opaque, level, domain, text);
}

void log_format(const struct log *log, int32_t level, const char *domain,
                const char *format, ...)
{
    char line[LOG_LINE_MAX];
    va_list args;

    if (!log->fn)
        return;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    log->fn(log->opaque, level, domain, line);
}
