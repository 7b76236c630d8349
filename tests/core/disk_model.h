/*
 * disk_model.h - sequences of disk requests and stores of two VMs, made from
 * any bytes and checked against flat copies of all disks and all memory.
 */
#ifndef TESTS_DISK_MODEL_H
#define TESTS_DISK_MODEL_H

#include <stddef.h>
#include <stdint.h>

/* Ends the program where the library contradicts the copies. */
void disk_model_run(const uint8_t *data, size_t size);

#endif
