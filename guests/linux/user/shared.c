/*
 * shared.c - memory that several VMs write together (/dev/disco-shared): all
 * add to one counter, write a page each, and check what the others wrote.
 *
 * usage: shared KEY MEMBERS ROUNDS
 * Prints the counter and the sums of all pages; they are the same everywhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <asm/disco-shared.h>

enum { PAGE = 4096, MEMBERS_MAX = 16, WORDS = PAGE / 8 };

/* The first page; then a page for each member. */
struct board {
    uint64_t counter;
    uint64_t members; /* that came */
    uint64_t written; /* that wrote their page */
    uint64_t read;    /* that read all pages */
};

static int fail(const char *what)
{
    fprintf(stderr, "shared: %s: %s\n", what, strerror(errno));
    return 1;
}

static uint64_t add(uint64_t *word, uint64_t n)
{
    return __atomic_fetch_add(word, n, __ATOMIC_SEQ_CST);
}

static void wait_for(uint64_t *word, uint64_t least)
{
    while (__atomic_load_n(word, __ATOMIC_SEQ_CST) < least)
        usleep(1000);
}

static void *join(uint64_t key, uint64_t pages)
{
    struct disco_share s = { .key = key, .pages = pages };
    void *at = MAP_FAILED;
    int fd = open("/dev/disco-shared", O_RDWR);

    if (fd < 0)
        return at;
    if (!ioctl(fd, DISCO_SHARE_JOIN, &s))
        at = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                  0);
    close(fd);
    return at;
}

int main(int argc, char **argv)
{
    uint64_t members, rounds, self, i, j, *page;
    struct board *b;

    if (argc != 4) {
        fprintf(stderr, "usage: shared KEY MEMBERS ROUNDS\n");
        return 2;
    }
    members = strtoull(argv[2], NULL, 0);
    rounds = strtoull(argv[3], NULL, 0);
    if (members < 1 || members > MEMBERS_MAX)
        return 2;
    b = join(strtoull(argv[1], NULL, 0), members + 1);
    if (b == MAP_FAILED)
        return fail("join");

    self = add(&b->members, 1);
    wait_for(&b->members, members);
    for (i = 0; i < rounds; i++)
        add(&b->counter, 1);
    page = (uint64_t *)b + (self + 1) * WORDS;
    for (i = 0; i < WORDS; i++)
        page[i] = self * 1000003 + i;
    add(&b->written, 1);
    wait_for(&b->written, members);

    printf("counter %llu\n", (unsigned long long)b->counter);
    for (i = 0; i < members; i++) {
        uint64_t sum = 0;

        page = (uint64_t *)b + (i + 1) * WORDS;
        for (j = 0; j < WORDS; j++)
            sum += page[j];
        printf("page %llu %llu\n", (unsigned long long)i,
               (unsigned long long)sum);
    }
    add(&b->read, 1);
    wait_for(&b->read, members); /* whoever leaves takes nothing along */
    return 0;
}
