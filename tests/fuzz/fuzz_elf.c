/*
 * fuzz_elf.c - fuzz target: the ELF reader.
 *
 * Whatever it accepts must keep its promises: segments inside the file, inside
 * guest-physical space, and apart from each other.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "devices/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check(int condition)
{
    if (!condition)
        abort();
}

static void check_segment(const struct elf_image *image, uint32_t index,
                          const uint8_t *data, size_t bytes)
{
    const struct elf_segment *s = &image->segment[index];
    const uint64_t end = (uint64_t)1 << 40;

    check(s->mem_bytes > 0 && s->file_bytes <= s->mem_bytes);
    check(s->data >= data && s->file_bytes <= bytes &&
          (size_t)(s->data - data) <= bytes - s->file_bytes);
    check(s->gpa < end && s->mem_bytes <= end - s->gpa);
    check(s->gpa >= image->low_gpa && s->gpa + s->mem_bytes <= image->high_gpa);
    for (uint32_t i = 0; i < index; i++) {
        const struct elf_segment *o = &image->segment[i];

        check(s->gpa >= o->gpa + o->mem_bytes ||
              o->gpa >= s->gpa + s->mem_bytes);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    disco_error err = { .size = sizeof(err) };
    disco_image_info info = { .size = sizeof(info) };
    struct elf_image image;
    disco_status status = elf_parse(data, bytes, &image, &err);

    check(bytes == 0 || disco_elf_info(data, bytes, &info, NULL) == status);
    if (status) {
        check(err.status == status && err.text[0]);
        return 0;
    }
    check(image.count > 0 && image.count <= ELF_SEGMENTS_MAX);
    for (uint32_t i = 0; i < image.count; i++)
        check_segment(&image, i, data, bytes);
    return 0;
}
