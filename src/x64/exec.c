/*
 * exec.c - see exec.h.  No locks; who has the memory sees to it.
 */
#include "x64/exec.h"

#include "x64/features.h"

#if X64_IS_HOST
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

static int map(struct x64_exec *exec, int fd, uint64_t bytes)
{
    uint8_t *both =
        mmap(NULL, 2 * bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (both == MAP_FAILED)
        return -1;
    if (mmap(both, bytes, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED, fd,
             0) == MAP_FAILED ||
        mmap(both + bytes, bytes, PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED) {
        munmap(both, 2 * bytes);
        return -1;
    }
    exec->run = both;
    exec->write = both + bytes;
    exec->bytes = bytes;
    return 0;
}

int x64_exec_create(struct x64_exec *exec, uint64_t bytes)
{
    int fd = memfd_create("disco-code", MFD_CLOEXEC), failed;

    exec->run = NULL;
    if (fd < 0)
        return -1;
    failed = ftruncate(fd, (off_t)bytes) || map(exec, fd, bytes);
    close(fd);
    return failed ? -1 : 0;
}

void x64_exec_destroy(struct x64_exec *exec)
{
    if (exec->run)
        munmap(exec->run, 2 * exec->bytes);
    exec->run = NULL;
}

void x64_exec_touch(struct x64_exec *exec, uint64_t at, uint64_t bytes,
                    bool runs)
{
#ifdef MADV_POPULATE_WRITE
    madvise(exec->write + at, bytes, MADV_POPULATE_WRITE);
    if (runs)
        madvise(exec->run + at, bytes, MADV_POPULATE_READ);
#else
    (void)exec;
    (void)at;
    (void)bytes;
    (void)runs;
#endif
}

void x64_exec_forget(struct x64_exec *exec, uint64_t at, uint64_t bytes)
{
    madvise(exec->write + at, bytes, MADV_REMOVE);
}
#else
void x64_exec_touch(struct x64_exec *exec, uint64_t at, uint64_t bytes,
                    bool runs)
{
    (void)exec;
    (void)at;
    (void)bytes;
    (void)runs;
}

int x64_exec_create(struct x64_exec *exec, uint64_t bytes)
{
    (void)bytes;
    exec->run = NULL;
    return -1;
}

void x64_exec_destroy(struct x64_exec *exec)
{
    (void)exec;
}

void x64_exec_forget(struct x64_exec *exec, uint64_t at, uint64_t bytes)
{
    (void)exec;
    (void)at;
    (void)bytes;
}
#endif
