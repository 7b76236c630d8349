/*
 * symbols.h - names of addresses, from an ELF file's symbol table.
 */
#ifndef DISCO_RUN_SYMBOLS_H
#define DISCO_RUN_SYMBOLS_H

#include <stdint.h>

struct symbol {
    uint64_t address;
    uint64_t bytes;   /* 0: up to the next one */
    const char *name; /* in the file */
};

struct symbols {
    struct symbol *symbol; /* by address; malloc'ed */
    uint64_t count;
};

/*
 * Find the functions in an ELF file of either size and byte order; the file
 * stays where it is.  A file without any, or a broken one, gives none.  0, or
 * -1 without memory.
 */
int symbols_read(struct symbols *symbols, const void *file, uint64_t bytes);
void symbols_free(struct symbols *symbols);

/* The symbol that the address is in, or NULL. */
const struct symbol *symbols_find(const struct symbols *symbols,
                                  uint64_t address);

#endif
