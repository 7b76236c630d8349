/*
 * elf.h - read MIPS ELF executables that lie in host memory.
 *
 * Pure parsing: no guest memory here (elf_load.c copies), no file access.  The
 * file is hostile input; every field is checked against the file's length.
 */
#ifndef DEVICES_ELF_H
#define DEVICES_ELF_H

#include <disco/board.h>

/* More loadable segments than any linker makes of a kernel. */
enum { ELF_SEGMENTS_MAX = 64 };

struct elf_segment {
    const uint8_t *data; /* borrowed from the file */
    uint64_t file_bytes; /* <= mem_bytes; the rest is zero */
    uint64_t mem_bytes;  /* > 0 */
    uint64_t gpa;
    uint64_t va; /* sign-extended */
};

/*
 * A parsed file.  Segments are in file order; they do not overlap, and each
 * lies inside the 40 bits of guest-physical space.
 */
struct elf_image {
    uint32_t bits;
    uint32_t order;
    uint64_t entry;
    uint64_t low_gpa;
    uint64_t high_gpa;
    uint32_t count; /* > 0 */
    uint32_t reserved;
    struct elf_segment segment[ELF_SEGMENTS_MAX];
};

/* Errors: CORRUPT, UNSUPPORTED, with text in `err` (may be NULL). */
disco_status elf_parse(const void *elf, uint64_t bytes, struct elf_image *image,
                       disco_error *err);

/*
 * Guest-physical address of a segment linked at `va` with load address `pa`
 * (both sign-extended when they came from 32 bits).  RANGE when neither
 * denotes one for all `bytes` bytes.
 */
disco_status elf_segment_gpa(uint64_t va, uint64_t pa, uint64_t bytes,
                             uint64_t *gpa);

/* Check that there is memory (RAM, ROM, host memory) for every segment.
 * RANGE, and the first address without it in err->where. */
disco_status elf_fits(disco_vm *vm, const struct elf_image *image,
                      disco_error *err);

/* Copy all segments and zero what follows them.  All ranges are checked before
 * the first byte is written.  Errors: RANGE, NOMEM. */
disco_status elf_copy(disco_vm *vm, const struct elf_image *image,
                      disco_error *err);

#endif
