/*
 * rawfile.c - block back end over a raw disk image or a block device.
 *
 * Requests are done with pread and pwrite inside submit, hence on the thread of
 * the vCPU that asked.  Stateless after opening: no lock is needed.
 */
#include <disco/device.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/config.h"
#include "devices/dev.h"

enum { SECTOR_BYTES = 512 };

struct rawfile {
    disco_machine *machine;
    int fd;
    uint32_t readonly;
    uint64_t bytes;
};

static disco_status status_of_errno(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
        return DISCO_E_NOENT;
    case EACCES:
    case EPERM:
    case EROFS:
        return DISCO_E_PERM;
    case ENOMEM:
    case EMFILE:
    case ENFILE:
        return DISCO_E_NOMEM;
    case EISDIR:
        return DISCO_E_INVAL;
    default:
        return DISCO_E_IO;
    }
}

static disco_status transfer(const struct rawfile *file,
                             const disco_block_request *request)
{
    uint8_t *data = request->data;
    uint64_t done = 0;

    while (done < request->bytes) {
        off_t at = (off_t)(request->offset_bytes + done);
        size_t left = request->bytes - done;
        ssize_t n;

        if (request->op == DISCO_BLOCK_READ)
            n = pread(file->fd, data + done, left, at);
        else
            n = pwrite(file->fd, data + done, left, at);
        if (n < 0 && errno == EINTR)
            continue;
        /* 0: somebody made the file shorter. */
        if (n <= 0)
            return DISCO_E_IO;
        done += (uint64_t)n;
    }
    return 0;
}

static disco_status serve(const struct rawfile *file,
                          const disco_block_request *request)
{
    if (request->op == DISCO_BLOCK_FLUSH)
        return file->readonly || fdatasync(file->fd) == 0 ? 0 : DISCO_E_IO;
    if (request->op != DISCO_BLOCK_READ && request->op != DISCO_BLOCK_WRITE)
        return DISCO_E_IO;
    if (request->op == DISCO_BLOCK_WRITE && file->readonly)
        return DISCO_E_IO;
    if (request->offset_bytes > file->bytes ||
        request->bytes > file->bytes - request->offset_bytes)
        return DISCO_E_IO;
    return transfer(file, request);
}

static void rawfile_submit(void *opaque, disco_block_request *request)
{
    disco_block_complete(request, serve(opaque, request));
}

static void rawfile_release(void *opaque)
{
    struct rawfile *file = opaque;

    /* Closing drops the lock. */
    close(file->fd);
    dev_free(file->machine, file, sizeof(*file));
}

/*
 * One writer at a time, in this process or another.  Locks of the open file
 * description, where the file system has them, else flock.
 */
static disco_status lock_for_writing(int fd)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

    if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
        return 0;
    if (errno == EAGAIN || errno == EACCES)
        return DISCO_E_BUSY;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    return errno == EWOULDBLOCK ? DISCO_E_BUSY : DISCO_E_IO;
}

static disco_status find_size(int fd, uint64_t *bytes)
{
    struct stat st;
    off_t end;

    if (fstat(fd, &st) != 0)
        return DISCO_E_IO;
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
        return DISCO_E_INVAL;
    end = lseek(fd, 0, SEEK_END);
    if (end < 0)
        return DISCO_E_IO;
    if (end == 0 || end % SECTOR_BYTES != 0)
        return DISCO_E_INVAL;
    *bytes = (uint64_t)end;
    return 0;
}

static disco_status fail(disco_machine *machine, disco_status status,
                         const char *path, const char *why)
{
    return context_fail(context_of(machine), status, 0, "%s: %s", path, why);
}

/* Open, check and lock; the descriptor or a negative status. */
static int open_image(disco_machine *machine, const char *path, int readonly,
                      uint64_t *bytes)
{
    disco_status err;
    int fd;

    /* NONBLOCK: a fifo under this name must not stop us. */
    fd = open(path, (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOCTTY |
                        O_NONBLOCK);
    if (fd < 0)
        return fail(machine, status_of_errno(errno), path, strerror(errno));
    err = find_size(fd, bytes);
    if (err == DISCO_E_INVAL)
        fail(machine, err, path, "no disk, or not of whole 512-byte sectors");
    else if (err)
        fail(machine, err, path, "cannot find its size");
    if (!err && !readonly) {
        err = lock_for_writing(fd);
        if (err)
            fail(machine, err, path, "in use by another writer");
    }
    if (!err)
        return fd;
    close(fd);
    return err;
}

disco_status disco_block_open_file(disco_machine *machine, const char *path,
                                   uint32_t flags, disco_block_backend *out)
{
    disco_block_backend be = { 0 };
    struct rawfile *file;
    disco_status err;

    if (!machine || !path || !out || flags & ~(uint32_t)DISCO_BLOCK_READONLY)
        return DISCO_E_INVAL;
    file = dev_alloc(machine, sizeof(*file));
    if (!file)
        return DISCO_E_NOMEM;
    file->machine = machine;
    file->readonly = (flags & DISCO_BLOCK_READONLY) != 0;
    file->fd = open_image(machine, path, (int)file->readonly, &file->bytes);
    if (file->fd < 0) {
        err = file->fd;
        dev_free(machine, file, sizeof(*file));
        return err;
    }
    be.flags = flags;
    be.bytes = file->bytes;
    be.opaque = file;
    be.submit = rawfile_submit;
    be.release = rawfile_release;
    err = config_give(out, &be, sizeof(be));
    if (err)
        rawfile_release(file);
    return err;
}
