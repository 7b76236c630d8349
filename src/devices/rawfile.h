/*
 * rawfile.h - raw files for the image layer of core: opened once, locked
 * against writers, or by the one writer.  The public face of the same files
 * without a cache is disco_block_open_file.
 */
#ifndef DEVICES_RAWFILE_H
#define DEVICES_RAWFILE_H

#include <disco/device.h>

/* Which file it is, by whatever name. */
struct rawfile_id {
    uint64_t device;
    uint64_t inode;
    uint32_t is_device; /* a block device: `inode` is its number */
    uint32_t is_set;
};

/* id->is_set stays 0 when there is no such file. */
void rawfile_identify(const char *path, struct rawfile_id *id);

/*
 * Open for reading, and for writing if that is permitted (else the back end is
 * READONLY), with a lock against other writers.  Errors as
 * disco_block_open_file.
 */
disco_status rawfile_open_shared(disco_machine *machine, const char *path,
                                 disco_block_backend *out,
                                 struct rawfile_id *id);

/*
 * Change the lock of a file that rawfile_open_shared opened: 1 excludes
 * everybody else, 0 writers only.  BUSY: then it is as before.
 */
disco_status rawfile_relock(void *opaque, int exclusive);

/* Is this back end such a file? */
int rawfile_is(const disco_block_backend *be);

#endif
