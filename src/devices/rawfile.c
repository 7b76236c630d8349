/*
 * rawfile.c - block back end over a raw disk image or a block device.
 *
 * Requests are done with pread and pwrite inside submit, hence on the thread of
 * the vCPU that asked.  Stateless after opening: no lock is needed.
 */
#include "devices/rawfile.h"

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
 * Locks of the open file description, where the file system has them, else
 * flock.  Setting one replaces the lock that this description has, or leaves it
 * when the new one is refused.
 */
static disco_status set_lock(int fd, int exclusive)
{
    struct flock lock = { .l_type = exclusive ? F_WRLCK : F_RDLCK,
                          .l_whence = SEEK_SET };

    if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
        return 0;
    if (errno == EAGAIN || errno == EACCES)
        return DISCO_E_BUSY;
    if (flock(fd, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0)
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

/* How to open; what follows for the lock. */
enum { OPEN_READ, OPEN_WRITE, OPEN_SHARED };

static int open_fd(const char *path, int how, uint32_t *readonly)
{
    /* NONBLOCK: a fifo under this name must not stop us. */
    const int flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    int fd = -1;

    *readonly = how == OPEN_READ;
    if (how != OPEN_READ)
        fd = open(path, O_RDWR | flags);
    if (fd < 0 &&
        (how == OPEN_READ || (how == OPEN_SHARED && errno != ENOENT))) {
        *readonly = 1;
        fd = open(path, O_RDONLY | flags);
    }
    return fd;
}

/* Open, check and lock.  On success file->fd is open. */
static disco_status open_image(struct rawfile *file, const char *path, int how)
{
    disco_machine *machine = file->machine;
    disco_status err;

    file->fd = open_fd(path, how, &file->readonly);
    if (file->fd < 0)
        return fail(machine, status_of_errno(errno), path, strerror(errno));
    err = find_size(file->fd, &file->bytes);
    if (err == DISCO_E_INVAL)
        fail(machine, err, path, "no disk, or not of whole 512-byte sectors");
    else if (err)
        fail(machine, err, path, "cannot find its size");
    if (!err && how != OPEN_READ) {
        err = set_lock(file->fd, how == OPEN_WRITE);
        if (err)
            fail(machine, err, path, "in use by another writer");
    }
    if (err)
        close(file->fd);
    return err;
}

static disco_status rawfile_fork(void *opaque, disco_vm *child,
                                 disco_block_backend *out);

static void fill_backend(struct rawfile *file, disco_block_backend *be)
{
    be->size = sizeof(*be);
    be->flags = file->readonly ? DISCO_BLOCK_READONLY : 0;
    be->bytes = file->bytes;
    be->opaque = file;
    be->submit = rawfile_submit;
    be->release = rawfile_release;
    be->fork = file->readonly ? rawfile_fork : NULL;
}

/* The same open file again: nobody writes through it. */
static disco_status rawfile_fork(void *opaque, disco_vm *child,
                                 disco_block_backend *out)
{
    const struct rawfile *file = opaque;
    struct rawfile *copy = dev_alloc(file->machine, sizeof(*copy));
    disco_block_backend be = { 0 };
    disco_status err;

    (void)child;
    if (!copy)
        return DISCO_E_NOMEM;
    *copy = *file;
    copy->fd = fcntl(file->fd, F_DUPFD_CLOEXEC, 0);
    if (copy->fd < 0) {
        dev_free(file->machine, copy, sizeof(*copy));
        return status_of_errno(errno);
    }
    fill_backend(copy, &be);
    err = config_give(out, &be, sizeof(be));
    if (err)
        rawfile_release(copy);
    return err;
}

static disco_status open_file(disco_machine *machine, const char *path, int how,
                              disco_block_backend *be)
{
    struct rawfile *file = dev_alloc(machine, sizeof(*file));
    disco_status err;

    if (!file)
        return DISCO_E_NOMEM;
    file->machine = machine;
    err = open_image(file, path, how);
    if (err) {
        dev_free(machine, file, sizeof(*file));
        return err;
    }
    fill_backend(file, be);
    return 0;
}

disco_status disco_block_open_file(disco_machine *machine, const char *path,
                                   uint32_t flags, disco_block_backend *out)
{
    disco_block_backend be = { 0 };
    disco_status err;

    if (!machine || !path || !out || flags & ~(uint32_t)DISCO_BLOCK_READONLY)
        return DISCO_E_INVAL;
    err = open_file(machine, path,
                    flags & DISCO_BLOCK_READONLY ? OPEN_READ : OPEN_WRITE, &be);
    if (err)
        return err;
    err = config_give(out, &be, sizeof(be));
    if (err)
        rawfile_release(be.opaque);
    return err;
}

static void identify(const struct stat *st, struct rawfile_id *id)
{
    id->is_device = S_ISBLK(st->st_mode);
    id->device = id->is_device ? 0 : (uint64_t)st->st_dev;
    id->inode = id->is_device ? (uint64_t)st->st_rdev : (uint64_t)st->st_ino;
    id->is_set = 1;
}

void rawfile_identify(const char *path, struct rawfile_id *id)
{
    struct stat st;

    id->is_set = 0;
    if (stat(path, &st) == 0)
        identify(&st, id);
}

disco_status rawfile_open_shared(disco_machine *machine, const char *path,
                                 disco_block_backend *out,
                                 struct rawfile_id *id)
{
    disco_status err;
    struct stat st;

    memset(out, 0, sizeof(*out));
    err = open_file(machine, path, OPEN_SHARED, out);
    if (err)
        return err;
    if (fstat(((struct rawfile *)out->opaque)->fd, &st) != 0) {
        rawfile_release(out->opaque);
        return fail(machine, DISCO_E_IO, path, "cannot tell which file it is");
    }
    identify(&st, id);
    return 0;
}

disco_status rawfile_relock(void *opaque, int exclusive)
{
    const struct rawfile *file = opaque;

    return set_lock(file->fd, exclusive);
}

int rawfile_is(const disco_block_backend *be)
{
    return be->submit == rawfile_submit;
}
