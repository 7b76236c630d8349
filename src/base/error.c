/*
 * error.c - see error.h.
 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/config.h"

struct status_text {
    disco_status status;
    const char *name;
    const char *text;
};

static const struct status_text statuses[] = {
#define STATUS_ROW(name, value, text) { value, "DISCO_" #name, text },
    DISCO_STATUS_LIST(STATUS_ROW)
#undef STATUS_ROW
};

static const struct status_text *status_find(disco_status status)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(statuses); i++)
        if (statuses[i].status == status)
            return &statuses[i];
    return NULL;
}

const char *disco_status_name(disco_status status)
{
    const struct status_text *row = status_find(status);

    return row ? row->name : "DISCO_E_?";
}

const char *disco_status_text(disco_status status)
{
    const struct status_text *row = status_find(status);

    return row ? row->text : "unknown status";
}

disco_status errors_init(struct errors *errors)
{
    memset(errors, 0, sizeof(*errors));
    return lock_init(&errors->lock) ? DISCO_E_NOMEM : 0;
}

void errors_destroy(struct errors *errors)
{
    lock_destroy(&errors->lock);
}

/* The thread's own slot, or the one that was not used for longest. */
static unsigned slot_for(const struct errors *errors, uint64_t thread)
{
    unsigned i, oldest = 0;

    for (i = 0; i < ERROR_THREADS; i++) {
        if (errors->slot[i].thread == thread)
            return i;
        if (errors->slot[i].used < errors->slot[oldest].used)
            oldest = i;
    }
    return oldest;
}

disco_status errors_set_v(struct errors *errors, disco_status status,
                          uint64_t where, const char *format, va_list args)
{
    uint64_t thread = thread_id();
    disco_error *e;
    unsigned i;

    lock_take(&errors->lock);
    i = slot_for(errors, thread);
    errors->slot[i].thread = thread;
    errors->slot[i].used = ++errors->failures;
    e = &errors->slot[i].error;
    e->size = sizeof(*e);
    e->status = status;
    e->where = where;
    vsnprintf(e->text, sizeof(e->text), format, args);
    lock_give(&errors->lock);
    return status;
}

disco_status errors_set(struct errors *errors, disco_status status,
                        uint64_t where, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    errors_set_v(errors, status, where, format, args);
    va_end(args);
    return status;
}

void errors_get(struct errors *errors, disco_error *out)
{
    uint64_t thread = thread_id();
    unsigned i, best = 0;
    disco_error copy;

    memset(&copy, 0, sizeof(copy));
    lock_take(&errors->lock);
    for (i = 0; i < ERROR_THREADS; i++) {
        if (errors->slot[i].thread == thread) {
            best = i;
            break;
        }
        if (errors->slot[i].used > errors->slot[best].used)
            best = i;
    }
    if (errors->failures)
        copy = errors->slot[best].error;
    lock_give(&errors->lock);
    config_give(out, &copy, sizeof(copy));
}

disco_status error_fill(disco_error *err, disco_status status, uint64_t where,
                        const char *format, ...)
{
    disco_error e;
    va_list args;

    if (!err)
        return status;
    memset(&e, 0, sizeof(e));
    e.status = status;
    e.where = where;
    va_start(args, format);
    vsnprintf(e.text, sizeof(e.text), format, args);
    va_end(args);
    config_give(err, &e, sizeof(e));
    return status;
}
