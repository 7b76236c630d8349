/*
 * option_rows.h - the table of options, for options.c.
 */
#ifndef DISCO_RUN_OPTION_ROWS_H
#define DISCO_RUN_OPTION_ROWS_H

#include <stddef.h>

#include "options.h"

/* What is being parsed, and where an error text goes. */
struct parser {
    struct options *options;
    const char *name;  /* of the present option, with dashes */
    const char *value; /* NULL for flags */
    char *text;
    uint32_t text_bytes;
};

struct option_row {
    const char *name;
    int takes_value;
    int (*set)(struct parser *p); /* 0, or -1 with p->text */
};

/* The row of a name of `bytes` characters, or NULL. */
const struct option_row *option_find(const char *name, size_t bytes);

/* Set the error text.  Returns -1. */
int option_fail(struct parser *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
