/*
 * fuzz_disk.c - disk requests of two VMs over the block cache.
 *
 * Input: a byte of options, then records of eight bytes; core/disk_model.c says
 * what they do and checks it against flat copies.
 */
#include "core/disk_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    disk_model_run(data, size);
    return 0;
}
