/*
 * error.h - status names, and the last error as text, one per thread that saw
 * one lately.  Not a log: nobody is told.  Thread: any.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdarg.h>

#include <disco/types.h>

#include "base/compiler.h"
#include "base/lock.h"

enum { ERROR_THREADS = 8 };

/* Last errors of the threads that failed most recently. */
struct errors {
    struct lock lock;
    struct {
        uint64_t thread; /* 0: free */
        uint64_t used;   /* when, in failures */
        disco_error error;
    } slot[ERROR_THREADS];
    uint64_t failures;
};

disco_status errors_init(struct errors *errors);
void errors_destroy(struct errors *errors);

/* Remember a failure of the calling thread.  Returns `status`. */
disco_status errors_set(struct errors *errors, disco_status status,
                        uint64_t where, const char *format, ...)
    PRINTF_LIKE(4, 5);
disco_status errors_set_v(struct errors *errors, disco_status status,
                          uint64_t where, const char *format, va_list args)
    PRINTF_LIKE(4, 0);

/* The calling thread's last error, else the latest of any. */
void errors_get(struct errors *errors, disco_error *out);

/* Fill a caller's disco_error; err may be NULL.  Returns `status`. */
disco_status error_fill(disco_error *err, disco_status status, uint64_t where,
                        const char *format, ...) PRINTF_LIKE(4, 5);

#endif
