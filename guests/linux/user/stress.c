/*
 * stress.c - what makes a kernel change its mappings, with checks: mprotect
 * and munmap, copy on write, more address spaces than a CPU has numbers for,
 * exec in a chain, kernel memory that comes and goes by vmalloc, shared
 * memory between processes on all CPUs, files.
 *
 * usage: stress [ROUNDS]     (1)
 * Exit status: number of parts that failed.
 */
#include <fcntl.h>
#include <linux/filter.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE  4096ul
#define PAGES 64ul

static sigjmp_buf on_fault;
static volatile uintptr_t fault_address;

static void fault(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    fault_address = (uintptr_t)info->si_addr;
    siglongjmp(on_fault, 1);
}

static void *map(size_t bytes, int flags)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS,
                   -1, 0);

    if (p == MAP_FAILED) {
        perror("stress: mmap");
        exit(99);
    }
    return p;
}

/* 1 when the access faults where it should. */
static int faults(volatile char *p, int write)
{
    if (sigsetjmp(on_fault, 1))
        return fault_address == (uintptr_t)p;
    if (write)
        *p = 1;
    else
        (void)*p;
    return 0;
}

static uint64_t hash(const void *data, size_t bytes)
{
    const unsigned char *p = data;
    uint64_t h = 0xcbf29ce484222325;

    while (bytes--)
        h = (h ^ *p++) * 0x100000001b3;
    return h;
}

/* Rights taken away and given back; every page tried each time. */
static int protect(int rounds)
{
    char *p = map(PAGES * PAGE, MAP_PRIVATE);
    int bad = 0;

    for (int r = 0; r < rounds * 4; r++) {
        memset(p, r, PAGES * PAGE);
        mprotect(p, PAGES * PAGE, PROT_READ);
        for (size_t i = 0; i < PAGES; i++)
            bad += !faults(p + i * PAGE + 5, 1) ||
                   p[i * PAGE + 5] != (char)r;
        mprotect(p, PAGES * PAGE, PROT_NONE);
        for (size_t i = 0; i < PAGES; i++)
            bad += !faults(p + i * PAGE + 9, 0);
        mprotect(p, PAGES * PAGE, PROT_READ | PROT_WRITE);
        for (size_t i = 0; i < PAGES; i++)
            bad += p[i * PAGE + 7] != (char)r;
    }
    munmap(p, PAGES * PAGE);
    return bad;
}

/* Pages that are gone are gone, and come back as zero. */
static int unmap(int rounds)
{
    int bad = 0;

    for (int r = 0; r < rounds * 8; r++) {
        char *p = map(PAGES * PAGE, MAP_PRIVATE);

        for (size_t i = 0; i < PAGES; i++)
            p[i * PAGE] = (char)(i + 1);
        munmap(p + 16 * PAGE, 16 * PAGE);
        for (size_t i = 16; i < 32; i++)
            bad += !faults(p + i * PAGE, 0);
        bad += mmap(p + 16 * PAGE, 16 * PAGE, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
               p + 16 * PAGE;
        for (size_t i = 0; i < PAGES; i++)
            bad += p[i * PAGE] != (i >= 16 && i < 32 ? 0 : (char)(i + 1));
        madvise(p, PAGES * PAGE, MADV_DONTNEED);
        for (size_t i = 0; i < PAGES; i++)
            bad += p[i * PAGE] != 0;
        munmap(p, PAGES * PAGE);
    }
    return bad;
}

/* Parent and child write to the same pages and see only their own. */
static int copy_on_write(int rounds)
{
    char *p = map(PAGES * PAGE, MAP_PRIVATE);
    int bad = 0;

    for (int r = 0; r < rounds * 10; r++) {
        int status;
        pid_t child;

        memset(p, 1, PAGES * PAGE);
        child = fork();
        if (!child) {
            for (size_t i = 0; i < PAGES; i += 2)
                p[i * PAGE] = 2;
            for (size_t i = 0; i < PAGES; i++)
                if (p[i * PAGE] != (i % 2 ? 1 : 2))
                    _exit(1);
            _exit(0);
        }
        for (size_t i = 0; i < PAGES; i += 3)
            p[i * PAGE] = 3;
        bad += waitpid(child, &status, 0) != child || status;
        for (size_t i = 0; i < PAGES; i++)
            bad += p[i * PAGE] != (i % 3 ? 1 : 3);
    }
    munmap(p, PAGES * PAGE);
    return bad;
}

#define SPACES 300

/* One of many sleeping processes: keeps its own page through every switch. */
static void one_space(int number, int in, int out)
{
    uint64_t *p = map(4 * PAGE, MAP_PRIVATE);
    char c;

    for (int i = 0; i < 4; i++)
        p[(size_t)i * 512] = (uint64_t)number * 1000003 + (uint64_t)i;
    while (read(in, &c, 1) == 1) {
        for (int i = 0; i < 4; i++)
            if (p[(size_t)i * 512] !=
                (uint64_t)number * 1000003 + (uint64_t)i)
                c = 'b';
        if (write(out, &c, 1) != 1)
            _exit(1);
    }
    _exit(0);
}

/* More live address spaces than 8 bits of ASID, woken one after the other. */
static int many_spaces(int rounds)
{
    static int to[SPACES][2];
    int from[2], bad = pipe(from);

    for (int i = 0; i < SPACES; i++) {
        if (pipe(to[i])) {
            perror("stress: pipe");
            return 1;
        }
        if (!fork()) {
            for (int k = 0; k <= i; k++)
                close(to[k][1]);
            close(from[0]);
            one_space(i, to[i][0], from[1]);
        }
        close(to[i][0]);
    }
    for (int r = 0; r < rounds * 3; r++)
        for (int i = 0; i < SPACES; i++) {
            char c = 'k';

            if (write(to[i * 7 % SPACES][1], &c, 1) != 1 ||
                read(from[0], &c, 1) != 1 || c != 'k')
                bad++;
        }
    for (int i = 0; i < SPACES; i++)
        close(to[i][1]);
    while (wait(NULL) > 0)
        ;
    close(from[0]);
    close(from[1]);
    return bad;
}

/* The program starts itself again and again in one process. */
static int exec_chain(int rounds)
{
    char text[16];
    int status;
    pid_t child = fork();

    if (!child) {
        snprintf(text, sizeof(text), "%d", rounds * 100);
        execl("/proc/self/exe", "stress", "--chain", text, (char *)NULL);
        _exit(1);
    }
    return waitpid(child, &status, 0) != child || status;
}

static int chain(const char *left)
{
    char text[16];
    int n = atoi(left);

    if (n <= 0)
        return 0;
    snprintf(text, sizeof(text), "%d", n - 1);
    execl("/proc/self/exe", "stress", "--chain", text, (char *)NULL);
    return 1;
}

/* Socket filters live in vmalloc memory; each is used before it goes. */
static int vmalloc_churn(int rounds)
{
    struct sock_filter code[200];
    int pair[2], bad = 0;

    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair)) {
        perror("stress: socketpair");
        return 1;
    }
    for (int r = 0; r < rounds * 100; r++) {
        int n = 2 + r % 190, keep = r % 3 != 0;
        struct sock_fprog prog = { (unsigned short)n, code };
        char byte = (char)r;

        for (int i = 0; i < n - 1; i++)
            code[i] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_IMM,
                                                   (unsigned)(r + i));
        code[n - 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
                                                   keep ? 100 : 0);
        if (setsockopt(pair[1], SOL_SOCKET, SO_ATTACH_FILTER, &prog,
                       sizeof(prog))) {
            perror("stress: SO_ATTACH_FILTER");
            return 1;
        }
        (void)!send(pair[0], &byte, 1, 0);
        byte = (char)(r + 1);
        if (recv(pair[1], &byte, 1, MSG_DONTWAIT) == 1)
            bad += !keep || byte != (char)r;
        else
            bad += keep;
        setsockopt(pair[1], SOL_SOCKET, SO_DETACH_FILTER, &n, sizeof(n));
    }
    close(pair[0]);
    close(pair[1]);
    return bad;
}

/* Tables of open files that grow and shrink. */
static int file_tables(int rounds)
{
    struct rlimit limit = { 60000, 60000 };
    int bad = 0;

    if (setrlimit(RLIMIT_NOFILE, &limit))
        return 0; /* not root */
    for (int r = 0; r < rounds * 4; r++) {
        int status;
        pid_t child = fork();

        if (!child) {
            for (int fd = 100; fd < 60000; fd = fd * 2 + r)
                if (dup2(1, fd) != fd || fcntl(fd, F_GETFD) < 0)
                    _exit(1);
            _exit(0);
        }
        bad += waitpid(child, &status, 0) != child || status;
    }
    return bad;
}

struct shared {
    int turn, wrong;
    uint64_t words[PAGES * PAGE / 8];
};

/* Processes that move over CPUs and pass a region on in turn. */
static int shared_memory(int rounds)
{
    struct shared *s = map(sizeof(*s), MAP_SHARED);
    int workers = 4, bad;

    for (int w = 0; w < workers; w++) {
        if (fork())
            continue;
        for (int r = w; r < rounds * 40; r += workers) {
            while (__atomic_load_n(&s->turn, __ATOMIC_SEQ_CST) != r)
                sched_yield();
            for (size_t i = 0; i < sizeof(s->words) / 8; i += 16)
                if (s->words[i] != (r ? (uint64_t)(r - 1) * 31 + i : 0))
                    s->wrong++;
            for (size_t i = 0; i < sizeof(s->words) / 8; i += 16)
                s->words[i] = (uint64_t)r * 31 + i;
            __atomic_store_n(&s->turn, r + 1, __ATOMIC_SEQ_CST);
        }
        _exit(0);
    }
    while (wait(NULL) > 0)
        ;
    bad = s->wrong + (s->turn != rounds * 40);
    munmap(s, sizeof(*s));
    return bad;
}

/* A file through write, mmap and read. */
static int files(int rounds)
{
    size_t bytes = 1 << 20;
    char *p, *data = malloc(bytes);
    int bad = 0;

    for (int r = 0; r < rounds * 2; r++) {
        int fd = open("/tmp/stress.tmp", O_RDWR | O_CREAT | O_TRUNC, 0600);

        if (fd < 0 || !data) {
            perror("stress: /tmp/stress.tmp");
            return 1;
        }
        for (size_t i = 0; i < bytes; i++)
            data[i] = (char)(i * 7 + (i >> 12) + (size_t)r);
        bad += write(fd, data, bytes) != (ssize_t)bytes;
        p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        bad += hash(p, bytes) != hash(data, bytes);
        for (size_t i = 0; i < bytes; i += PAGE)
            p[i] = data[i] = (char)~data[i];
        munmap(p, bytes);
        lseek(fd, 0, SEEK_SET);
        p = malloc(bytes);
        bad += read(fd, p, bytes) != (ssize_t)bytes;
        bad += memcmp(p, data, bytes) != 0;
        free(p);
        close(fd);
        unlink("/tmp/stress.tmp");
    }
    free(data);
    return bad;
}

static const struct part {
    const char *name;
    int (*run)(int rounds);
} parts[] = {
    { "protect", protect },         { "unmap", unmap },
    { "copy_on_write", copy_on_write }, { "many_spaces", many_spaces },
    { "exec_chain", exec_chain },   { "vmalloc_churn", vmalloc_churn },
    { "file_tables", file_tables }, { "shared_memory", shared_memory },
    { "files", files },
};

int main(int argc, char **argv)
{
    struct sigaction action = { .sa_sigaction = fault, .sa_flags = SA_SIGINFO };
    int rounds = argc > 1 ? atoi(argv[1]) : 1, failed = 0;

    if (argc > 2 && !strcmp(argv[1], "--chain"))
        return chain(argv[2]);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        int bad = parts[i].run(rounds);

        printf("stress: %s %s (%d)\n", parts[i].name, bad ? "FAILED" : "ok",
               bad);
        fflush(stdout);
        failed += bad != 0;
    }
    printf("stress: %d of %zu parts failed\n", failed,
           sizeof(parts) / sizeof(*parts));
    return failed;
}
