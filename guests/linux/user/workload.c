/*
 * workload.c - processes that map, touch and unmap memory, fork, compute, and
 * threads that share a counter: a small load in the manner of a parallel make.
 *
 * usage: workload [PROCESSES [ROUNDS]]
 * The hexadecimal numbers depend on the arguments only.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAP_BYTES (1 << 20)
#define PAGE      4096
#define ADDITIONS 2000
#define THREADS   8

static int by_lock, by_atomic;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *add(void *unused)
{
    for (int i = 0; i < ADDITIONS; i++) {
        pthread_mutex_lock(&lock);
        by_lock++;
        pthread_mutex_unlock(&lock);
        __sync_fetch_and_add(&by_atomic, 1);
    }
    return unused;
}

static void work(int number, int rounds)
{
    double sum = 0;
    unsigned long h = (unsigned long)number;

    for (int i = 0; i < rounds; i++) {
        char *p = mmap(NULL, MAP_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (p == MAP_FAILED)
            _exit(1);
        for (int j = 0; j < MAP_BYTES; j += PAGE) {
            p[j] = (char)(j >> 12);
            h = h * 6364136223846793005 + (unsigned char)p[j] +
                1442695040888963407;
            sum += 1.0 / (1 + (double)(h >> 40));
        }
        munmap(p, MAP_BYTES);
        if (!fork())
            _exit(0);
        wait(NULL);
    }
    printf("worker %d: %016lx %.12g\n", number, h, sum);
    fflush(stdout);
    _exit(0);
}

int main(int argc, char **argv)
{
    int processes = argc > 1 ? atoi(argv[1]) : 4;
    int rounds = argc > 2 ? atoi(argv[2]) : 20;
    int threads = processes < THREADS ? processes : THREADS;
    pthread_t id[THREADS];
    struct timespec a, b;

    clock_gettime(CLOCK_MONOTONIC, &a);
    for (int i = 0; i < processes; i++)
        if (!fork())
            work(i, rounds);
    while (wait(NULL) > 0)
        ;
    for (int i = 0; i < threads; i++)
        pthread_create(&id[i], NULL, add, NULL);
    for (int i = 0; i < threads; i++)
        pthread_join(id[i], NULL);
    clock_gettime(CLOCK_MONOTONIC, &b);
    printf("workload: %d of %d additions by lock, %d by LL/SC, %.3f s\n",
           by_lock, threads * ADDITIONS, by_atomic,
           (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9);
    return by_lock != threads * ADDITIONS || by_atomic != by_lock;
}
