/*
 * fuzz_main.c - runs a fuzz target without a fuzzer: on files.
 *
 *     fuzz_NAME FILE_OR_DIRECTORY...
 *     fuzz_NAME --random SEED COUNT
 *
 * Every file of a directory and of those below it, in the order of their names;
 * or inputs made up of random bytes, each of which has a seed of its own.
 * Compiled with -DFUZZ_MAIN; without it libFuzzer brings the main function.
 */
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifdef FUZZ_MAIN

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int run_path(const char *path, unsigned long *count);

/* A malloc'd copy of exactly the file's bytes, so that sanitizers see where
 * it ends. */
static uint8_t *read_file(const char *path, size_t *size)
{
    FILE *in = fopen(path, "rb");
    uint8_t *data = NULL;
    long end;

    if (!in)
        return NULL;
    if (fseek(in, 0, SEEK_END) == 0 && (end = ftell(in)) >= 0) {
        rewind(in);
        *size = (size_t)end;
        data = malloc(*size ? *size : 1);
        if (data && fread(data, 1, *size, in) != *size) {
            free(data);
            data = NULL;
        }
    }
    fclose(in);
    return data;
}

static int run_file(const char *path, unsigned long *count)
{
    size_t size;
    uint8_t *data = read_file(path, &size);

    if (!data) {
        perror(path);
        return 1;
    }
    /* Said before: a crash shall name its file. */
    printf("%s: %zu bytes\n", path, size);
    fflush(stdout);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    ++*count;
    return 0;
}

static int run_entry(const char *folder, const char *name, unsigned long *count)
{
    size_t bytes = strlen(folder) + strlen(name) + 2;
    char *path;
    int bad;

    if (name[0] == '.')
        return 0;
    path = malloc(bytes);
    if (!path)
        return 1;
    snprintf(path, bytes, "%s/%s", folder, name);
    bad = run_path(path, count);
    free(path);
    return bad;
}

static int run_folder(const char *folder, unsigned long *count)
{
    struct dirent **entries;
    int n = scandir(folder, &entries, NULL, alphasort);
    int bad = 0;

    if (n < 0) {
        perror(folder);
        return 1;
    }
    for (int i = 0; i < n; i++) {
        bad |= run_entry(folder, entries[i]->d_name, count);
        free(entries[i]);
    }
    free(entries);
    return bad;
}

static int run_path(const char *path, unsigned long *count)
{
    struct stat st;

    if (stat(path, &st) != 0) {
        perror(path);
        return 1;
    }
    return S_ISDIR(st.st_mode) ? run_folder(path, count)
                               : run_file(path, count);
}

enum { RANDOM_BYTES_MAX = 1024 };

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state * UINT64_C(0x2545f4914f6cdd1d);
}

static void run_random(uint64_t seed)
{
    uint64_t state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    size_t size = (size_t)(next_random(&state) >> 32) % RANDOM_BYTES_MAX;
    uint8_t data[RANDOM_BYTES_MAX];

    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)(next_random(&state) >> 56);
    printf("seed %llu: %zu bytes\n", (unsigned long long)seed, size);
    fflush(stdout);
    LLVMFuzzerTestOneInput(data, size);
}

int main(int argc, char **argv)
{
    unsigned long count = 0;
    int bad = 0;

    if (argc == 4 && !strcmp(argv[1], "--random")) {
        uint64_t seed = strtoull(argv[2], NULL, 0);

        for (unsigned long n = strtoul(argv[3], NULL, 0); n > 0; n--)
            run_random(seed++);
        return 0;
    }
    for (int i = 1; i < argc; i++)
        bad |= run_path(argv[i], &count);
    printf("%lu files\n", count);
    return bad || count == 0; /* a path without inputs is a mistake */
}

#endif
