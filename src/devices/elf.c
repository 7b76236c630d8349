/*
 * elf.c - ELF32 and ELF64 MIPS executables of both byte orders.
 *
 * Reads only what a loader needs: the header, and program headers of type LOAD.
 * Not here: sections, symbols, relocation, dynamic linking; copying into a VM
 * (elf_load.c).  No state, any thread.
 */
#include "devices/elf.h"

#include <inttypes.h>
#include <string.h>

#include "base/error.h"

enum {
    ELF_CLASS_32 = 1,
    ELF_CLASS_64 = 2,
    ELF_DATA_LITTLE = 1,
    ELF_DATA_BIG = 2,
    ELF_TYPE_EXEC = 2,
    ELF_MACHINE_MIPS = 8,
    ELF_PT_LOAD = 1,
    ELF_PHNUM_ESCAPE = 0xffff
};

/* Where things stand in the two classes. */
struct elf_layout {
    uint32_t header_bytes;
    uint32_t entry, phoff, phentsize, phnum;
    uint32_t ph_bytes;
    uint32_t p_offset, p_vaddr, p_paddr, p_filesz, p_memsz;
};

static const struct elf_layout layout_32 = {
    .header_bytes = 52,
    .entry = 24,
    .phoff = 28,
    .phentsize = 42,
    .phnum = 44,
    .ph_bytes = 32,
    .p_offset = 4,
    .p_vaddr = 8,
    .p_paddr = 12,
    .p_filesz = 16,
    .p_memsz = 20,
};

static const struct elf_layout layout_64 = {
    .header_bytes = 64,
    .entry = 24,
    .phoff = 32,
    .phentsize = 54,
    .phnum = 56,
    .ph_bytes = 56,
    .p_offset = 8,
    .p_vaddr = 16,
    .p_paddr = 24,
    .p_filesz = 32,
    .p_memsz = 40,
};

/* The file while it is read.  Offsets given to the getters are checked. */
struct elf_reader {
    const uint8_t *file;
    uint64_t bytes;
    uint32_t big;
    uint32_t wide; /* ELF64 */
    const struct elf_layout *layout;
    disco_error *err;
};

static uint64_t get_bytes(const struct elf_reader *r, uint64_t off, uint32_t n)
{
    uint64_t value = 0;

    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = r->big ? i : n - 1 - i;

        value = value << 8 | r->file[off + at];
    }
    return value;
}

static uint32_t get_half(const struct elf_reader *r, uint64_t off)
{
    return (uint32_t)get_bytes(r, off, 2);
}

/* A field that is as wide as the class. */
static uint64_t get_word(const struct elf_reader *r, uint64_t off)
{
    return get_bytes(r, off, r->wide ? 8 : 4);
}

/* The same as an address: 32-bit ones are sign-extended, as registers are. */
static uint64_t get_addr(const struct elf_reader *r, uint64_t off)
{
    uint64_t value = get_word(r, off);

    return r->wide ? value : (uint64_t)(int64_t)(int32_t)(uint32_t)value;
}

/*
 * The physical address that one address denotes by itself; RANGE for mapped
 * segments and for a range that leaves its segment.
 */
static disco_status direct_gpa(uint64_t addr, uint64_t bytes, uint64_t *gpa)
{
    uint64_t limit = (uint64_t)1 << 40;
    uint64_t offset;

    if (addr >> 62 == 2) { /* xkphys, any cache attribute */
        offset = addr & (((uint64_t)1 << 59) - 1);
    } else if (addr >> 30 == 0x3fffffffe) { /* kseg0, kseg1 */
        offset = addr & 0x1fffffff;
        limit = 0x20000000;
    } else {
        offset = addr; /* physical as it stands, or too large */
    }
    if (offset >= limit || bytes > limit - offset)
        return DISCO_E_RANGE;
    *gpa = offset;
    return 0;
}

disco_status elf_segment_gpa(uint64_t va, uint64_t pa, uint64_t bytes,
                             uint64_t *gpa)
{
    if (direct_gpa(va, bytes, gpa) == 0)
        return 0;
    /* Only a kernel linked in a mapped segment (sseg, kseg3, xkseg, xsseg)
     * needs its load address; a bad kseg0 range is not repaired by it. */
    if (va >> 62 == 2 || va >> 30 == 0x3fffffffe)
        return DISCO_E_RANGE;
    return direct_gpa(pa, bytes, gpa);
}

static disco_status check_ident(struct elf_reader *r)
{
    static const uint8_t magic[4] = { 0x7f, 'E', 'L', 'F' };

    if (r->bytes < 16 || memcmp(r->file, magic, sizeof(magic)) != 0)
        return error_fill(r->err, DISCO_E_CORRUPT, 0, "not an ELF file");
    if (r->file[4] != ELF_CLASS_32 && r->file[4] != ELF_CLASS_64)
        return error_fill(r->err, DISCO_E_CORRUPT, 4,
                          "ELF class %u at offset 4 is neither 1 (32 bits) "
                          "nor 2 (64 bits)",
                          r->file[4]);
    if (r->file[5] != ELF_DATA_LITTLE && r->file[5] != ELF_DATA_BIG)
        return error_fill(r->err, DISCO_E_CORRUPT, 5,
                          "ELF byte order %u at offset 5 is neither 1 (little) "
                          "nor 2 (big)",
                          r->file[5]);
    if (r->file[6] != 1)
        return error_fill(r->err, DISCO_E_CORRUPT, 6,
                          "ELF version %u at offset 6 is not 1", r->file[6]);
    r->wide = r->file[4] == ELF_CLASS_64;
    r->big = r->file[5] == ELF_DATA_BIG;
    r->layout = r->wide ? &layout_64 : &layout_32;
    if (r->bytes < r->layout->header_bytes)
        return error_fill(r->err, DISCO_E_CORRUPT, r->bytes,
                          "ELF file ends at byte %" PRIu64
                          ", inside its %u-byte header",
                          r->bytes, r->layout->header_bytes);
    return 0;
}

static disco_status check_header(struct elf_reader *r)
{
    disco_status status = check_ident(r);

    if (status)
        return status;
    if (get_half(r, 18) != ELF_MACHINE_MIPS)
        return error_fill(r->err, DISCO_E_UNSUPPORTED, 18,
                          "ELF machine %u at offset 18 is not 8 (MIPS)",
                          get_half(r, 18));
    if (get_half(r, 16) != ELF_TYPE_EXEC)
        return error_fill(r->err, DISCO_E_UNSUPPORTED, 16,
                          "ELF type %u at offset 16 is not 2 (executable)",
                          get_half(r, 16));
    if (get_bytes(r, 20, 4) != 1)
        return error_fill(r->err, DISCO_E_CORRUPT, 20,
                          "ELF version %" PRIu64 " at offset 20 is not 1",
                          get_bytes(r, 20, 4));
    return 0;
}

/* The table of program headers lies inside the file. */
static disco_status check_table(const struct elf_reader *r, uint64_t *table,
                                uint32_t *entry_bytes, uint32_t *count)
{
    uint64_t off = get_word(r, r->layout->phoff);
    uint32_t size = get_half(r, r->layout->phentsize);
    uint32_t n = get_half(r, r->layout->phnum);

    if (n == 0)
        return error_fill(r->err, DISCO_E_CORRUPT, r->layout->phnum,
                          "ELF file has no program headers");
    if (n == ELF_PHNUM_ESCAPE)
        return error_fill(r->err, DISCO_E_UNSUPPORTED, r->layout->phnum,
                          "ELF file has 65535 or more program headers");
    if (size < r->layout->ph_bytes)
        return error_fill(r->err, DISCO_E_CORRUPT, r->layout->phentsize,
                          "program headers of %u bytes, %u are needed", size,
                          r->layout->ph_bytes);
    if (off > r->bytes || (uint64_t)size * n > r->bytes - off)
        return error_fill(r->err, DISCO_E_CORRUPT, off,
                          "%u program headers at offset 0x%" PRIx64
                          " reach beyond the file's end at 0x%" PRIx64,
                          n, off, r->bytes);
    *table = off;
    *entry_bytes = size;
    *count = n;
    return 0;
}

/* No two segments share a byte of guest memory. */
static disco_status check_overlap(const struct elf_reader *r,
                                  const struct elf_image *image,
                                  const struct elf_segment *s, uint32_t index)
{
    for (uint32_t i = 0; i < image->count; i++) {
        const struct elf_segment *o = &image->segment[i];

        if (s->gpa < o->gpa + o->mem_bytes && o->gpa < s->gpa + s->mem_bytes)
            return error_fill(r->err, DISCO_E_CORRUPT, s->gpa,
                              "program header %u (physical 0x%" PRIx64
                              ", 0x%" PRIx64
                              " bytes) overlaps the segment at 0x%" PRIx64,
                              index, s->gpa, s->mem_bytes, o->gpa);
    }
    return 0;
}

/* Read one LOAD header; mem_bytes becomes 0 when there is nothing to load. */
static disco_status read_segment(const struct elf_reader *r, uint64_t ph,
                                 uint32_t index, struct elf_segment *s)
{
    uint64_t off = get_word(r, ph + r->layout->p_offset);
    uint64_t pa = get_addr(r, ph + r->layout->p_paddr);

    s->va = get_addr(r, ph + r->layout->p_vaddr);
    s->file_bytes = get_word(r, ph + r->layout->p_filesz);
    s->mem_bytes = get_word(r, ph + r->layout->p_memsz);
    if (s->file_bytes > s->mem_bytes)
        return error_fill(r->err, DISCO_E_CORRUPT, ph,
                          "program header %u: 0x%" PRIx64
                          " bytes in the file, but 0x%" PRIx64 " in memory",
                          index, s->file_bytes, s->mem_bytes);
    if (s->mem_bytes == 0)
        return 0;
    if (off > r->bytes || s->file_bytes > r->bytes - off)
        return error_fill(r->err, DISCO_E_CORRUPT, ph,
                          "program header %u: 0x%" PRIx64
                          " bytes at offset 0x%" PRIx64
                          " reach beyond the file's end at 0x%" PRIx64,
                          index, s->file_bytes, off, r->bytes);
    if (elf_segment_gpa(s->va, pa, s->mem_bytes, &s->gpa))
        return error_fill(
            r->err, DISCO_E_CORRUPT, s->va,
            "program header %u: 0x%" PRIx64 " bytes at virtual 0x%" PRIx64
            " (load address 0x%" PRIx64 ") have no physical address",
            index, s->mem_bytes, s->va, pa);
    s->data = r->file + off;
    return 0;
}

static disco_status add_segment(const struct elf_reader *r, uint64_t ph,
                                uint32_t index, struct elf_image *image)
{
    struct elf_segment s = { 0 };
    disco_status status = read_segment(r, ph, index, &s);

    if (status || s.mem_bytes == 0)
        return status;
    if (image->count == ELF_SEGMENTS_MAX)
        return error_fill(r->err, DISCO_E_UNSUPPORTED, ph,
                          "program header %u: more than %d loadable segments",
                          index, ELF_SEGMENTS_MAX);
    status = check_overlap(r, image, &s, index);
    if (status)
        return status;
    if (image->count == 0 || s.gpa < image->low_gpa)
        image->low_gpa = s.gpa;
    if (s.gpa + s.mem_bytes > image->high_gpa)
        image->high_gpa = s.gpa + s.mem_bytes;
    image->segment[image->count++] = s;
    return 0;
}

disco_status elf_parse(const void *elf, uint64_t bytes, struct elf_image *image,
                       disco_error *err)
{
    struct elf_reader r = { .file = elf, .bytes = bytes, .err = err };
    uint64_t table = 0;
    uint32_t entry_bytes = 0;
    uint32_t count = 0;
    disco_status status = check_header(&r);

    memset(image, 0, sizeof(*image));
    if (!status)
        status = check_table(&r, &table, &entry_bytes, &count);
    for (uint32_t i = 0; i < count && !status; i++) {
        uint64_t ph = table + (uint64_t)i * entry_bytes;

        if (get_bytes(&r, ph, 4) == ELF_PT_LOAD)
            status = add_segment(&r, ph, i, image);
    }
    if (status)
        return status;
    if (image->count == 0)
        return error_fill(err, DISCO_E_CORRUPT, table,
                          "ELF file has no loadable segment");
    image->bits = r.wide ? 64 : 32;
    image->order = r.big ? DISCO_BIG : DISCO_LITTLE;
    image->entry = get_addr(&r, r.layout->entry);
    if (image->entry & 3)
        return error_fill(err, DISCO_E_CORRUPT, r.layout->entry,
                          "entry point 0x%" PRIx64 " is not a multiple of 4",
                          image->entry);
    return 0;
}
