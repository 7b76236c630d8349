/*
 * elf_make.h - build small ELF files in memory for tests.
 */
#ifndef TESTS_ELF_MAKE_H
#define TESTS_ELF_MAKE_H

#include <stdint.h>
#include <string.h>

#include <disco/types.h>

struct elf_make_segment {
    uint64_t vaddr;
    uint64_t paddr;
    uint64_t filesz;
    uint64_t memsz;
    const void *data; /* filesz bytes; NULL = zeroes */
};

/* Offsets of header fields that tests break: [0] ELF32, [1] ELF64. */
static const uint32_t elf_phoff_at[2] = { 28, 32 };
static const uint32_t elf_phentsize_at[2] = { 42, 54 };
static const uint32_t elf_phnum_at[2] = { 44, 56 };
static const uint32_t elf_header_bytes[2] = { 52, 64 };
static const uint32_t elf_ph_bytes[2] = { 32, 56 };

static inline void elf_make_put(uint8_t *at, uint64_t value, uint32_t bytes,
                                uint32_t order)
{
    for (uint32_t i = 0; i < bytes; i++)
        at[order == DISCO_BIG ? bytes - 1 - i : i] = (uint8_t)(value >> 8 * i);
}

/* Write one program header. */
static inline void elf_make_ph(uint8_t *ph, uint32_t bits, uint32_t order,
                               uint64_t off, const struct elf_make_segment *s)
{
    uint32_t n = bits / 8;
    uint8_t *at = ph + (bits == 64 ? 8 : 4);
    const uint64_t fields[5] = { off, s->vaddr, s->paddr, s->filesz, s->memsz };

    elf_make_put(ph, 1, 4, order);
    for (uint32_t i = 0; i < 5; i++)
        elf_make_put(at + i * n, fields[i], n, order);
}

/* Write a file of `count` segments to `out`; returns its length. */
static inline uint64_t elf_make(uint8_t *out, uint32_t bits, uint32_t order,
                                uint64_t entry,
                                const struct elf_make_segment *segments,
                                uint32_t count)
{
    uint32_t wide = bits == 64;
    uint64_t off =
        elf_header_bytes[wide] + (uint64_t)count * elf_ph_bytes[wide];

    memset(out, 0, off);
    memcpy(out, "\177ELF", 4);
    out[4] = wide ? 2 : 1;
    out[5] = order == DISCO_BIG ? 2 : 1;
    out[6] = 1;
    elf_make_put(out + 16, 2, 2, order);
    elf_make_put(out + 18, 8, 2, order);
    elf_make_put(out + 20, 1, 4, order);
    elf_make_put(out + 24, entry, bits / 8, order);
    elf_make_put(out + elf_phoff_at[wide], elf_header_bytes[wide], bits / 8,
                 order);
    elf_make_put(out + elf_phentsize_at[wide], elf_ph_bytes[wide], 2, order);
    elf_make_put(out + elf_phnum_at[wide], count, 2, order);
    for (uint32_t i = 0; i < count; i++) {
        const struct elf_make_segment *s = &segments[i];

        elf_make_ph(out + elf_header_bytes[wide] + i * elf_ph_bytes[wide], bits,
                    order, off, s);
        if (s->data)
            memcpy(out + off, s->data, s->filesz);
        else
            memset(out + off, 0, s->filesz);
        off += s->filesz;
    }
    return off;
}

#endif
