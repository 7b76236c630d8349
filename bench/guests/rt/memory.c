/*
 * memory.c - the four functions GCC may call in freestanding code.
 */
#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    char *p = to;
    const char *q = from;

    while (n--)
        *p++ = *q++;
    return to;
}

void *memmove(void *to, const void *from, size_t n)
{
    char *p = to;
    const char *q = from;

    if (p < q)
        while (n--)
            *p++ = *q++;
    else
        while (n--)
            p[n] = q[n];
    return to;
}

void *memset(void *to, int c, size_t n)
{
    char *p = to;

    while (n--)
        *p++ = (char)c;
    return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const unsigned char *p = a, *q = b;

    for (; n--; p++, q++)
        if (*p != *q)
            return *p - *q;
    return 0;
}
