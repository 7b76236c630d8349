/*
 * symbols.c - see symbols.h.  The file is not trusted: every offset in it is
 * checked where it is used.
 */
#include "symbols.h"

#include <elf.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* How far code without a size goes on, at most. */
enum { UNSIZED_MAX = 1 << 16 };

struct reader {
    const uint8_t *file;
    uint64_t bytes;
    int is_big;
    int is_64;
};

/* A number at an offset; beyond the end it is 0. */
static uint64_t get(const struct reader *r, uint64_t at, unsigned bytes)
{
    uint64_t value = 0;

    if (at > r->bytes || bytes > r->bytes - at)
        return 0;
    for (unsigned i = 0; i < bytes; i++)
        value = value << 8 | r->file[at + (r->is_big ? i : bytes - 1 - i)];
    return value;
}

/* A member of a structure of either size. */
#define GET(r, at, type, member)                                \
    ((r)->is_64 ? get(r, (at) + offsetof(Elf64_##type, member), \
                      sizeof(((Elf64_##type *)0)->member))      \
                : get(r, (at) + offsetof(Elf32_##type, member), \
                      sizeof(((Elf32_##type *)0)->member)))

/* The text at an offset of a string table, or "". */
static const char *text_at(const struct reader *r, uint64_t table, uint64_t at)
{
    const char *text;

    if (table >= r->bytes || at >= r->bytes - table)
        return "";
    text = (const char *)r->file + table + at;
    return memchr(text, 0, r->bytes - table - at) ? text : "";
}

static int is_function(unsigned info)
{
    return (info & 15) == STT_FUNC || (info & 15) == STT_NOTYPE;
}

static void take(struct symbols *s, const struct reader *r, uint64_t at,
                 uint64_t strings)
{
    struct symbol *to = &s->symbol[s->count];

    if (!is_function((unsigned)GET(r, at, Sym, st_info)) ||
        GET(r, at, Sym, st_shndx) == SHN_UNDEF ||
        GET(r, at, Sym, st_shndx) >= SHN_LORESERVE)
        return;
    to->address = GET(r, at, Sym, st_value);
    if (!r->is_64)
        to->address = (uint64_t)(int64_t)(int32_t)to->address;
    to->bytes = GET(r, at, Sym, st_size);
    to->name = text_at(r, strings, GET(r, at, Sym, st_name));
    if (to->name[0] && to->name[0] != '$' && to->name[0] != '.')
        s->count++;
}

static int by_address(const void *a, const void *b)
{
    const struct symbol *x = a, *y = b;

    return (x->address > y->address) - (x->address < y->address);
}

static int read_table(struct symbols *s, const struct reader *r,
                      uint64_t header, uint64_t headers, uint64_t each)
{
    uint64_t at = GET(r, header, Shdr, sh_offset);
    uint64_t bytes = GET(r, header, Shdr, sh_size);
    uint64_t strings = headers + GET(r, header, Shdr, sh_link) * each;
    uint64_t entry = r->is_64 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);

    if (at > r->bytes || bytes > r->bytes - at || bytes < entry)
        return 0;
    s->symbol = calloc(bytes / entry, sizeof(*s->symbol));
    if (!s->symbol)
        return -1;
    strings = GET(r, strings, Shdr, sh_offset);
    for (uint64_t i = 0; i < bytes / entry; i++)
        take(s, r, at + i * entry, strings);
    qsort(s->symbol, s->count, sizeof(*s->symbol), by_address);
    return 0;
}

int symbols_read(struct symbols *symbols, const void *file, uint64_t bytes)
{
    struct reader r = { .file = file, .bytes = bytes };
    uint64_t headers, count, each;

    *symbols = (struct symbols){ 0 };
    if (bytes < sizeof(Elf64_Ehdr) || memcmp(file, ELFMAG, SELFMAG))
        return 0;
    r.is_64 = r.file[EI_CLASS] == ELFCLASS64;
    r.is_big = r.file[EI_DATA] == ELFDATA2MSB;
    headers = GET(&r, 0, Ehdr, e_shoff);
    count = GET(&r, 0, Ehdr, e_shnum);
    each = GET(&r, 0, Ehdr, e_shentsize);
    for (uint64_t i = 0; i < count; i++)
        if (GET(&r, headers + i * each, Shdr, sh_type) == SHT_SYMTAB)
            return read_table(symbols, &r, headers + i * each, headers, each);
    return 0;
}

void symbols_free(struct symbols *symbols)
{
    free(symbols->symbol);
    *symbols = (struct symbols){ 0 };
}

const struct symbol *symbols_find(const struct symbols *symbols,
                                  uint64_t address)
{
    uint64_t low = 0, high = symbols->count;
    const struct symbol *s;

    while (low < high) {
        uint64_t middle = low + (high - low) / 2;

        if (symbols->symbol[middle].address <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (!low)
        return NULL;
    s = &symbols->symbol[low - 1];
    return address - s->address < (s->bytes ? s->bytes : UNSIZED_MAX) ? s
                                                                      : NULL;
}
