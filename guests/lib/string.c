/*
 * string.c - the memory and string functions that the compiler and the guests
 * call.  Plain loops; doubleword copies where both sides allow it.
 */
#include "lib.h"

void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
    unsigned char *d = to;
    const unsigned char *s = from;

    if ((((uintptr_t)d | (uintptr_t)s) & 7) == 0)
        for (; bytes >= 8; bytes -= 8, d += 8, s += 8)
            *(uint64_t *)d = *(const uint64_t *)s;
    while (bytes--)
        *d++ = *s++;
    return to;
}

void *memmove(void *to, const void *from, size_t bytes)
{
    unsigned char *d = to;
    const unsigned char *s = from;

    if (d < s) {
        while (bytes--)
            *d++ = *s++;
    } else {
        while (bytes--)
            d[bytes] = s[bytes];
    }
    return to;
}

void *memset(void *to, int value, size_t bytes)
{
    unsigned char *d = to;
    uint64_t word = (unsigned char)value * 0x0101010101010101;

    if (((uintptr_t)d & 7) == 0)
        for (; bytes >= 8; bytes -= 8, d += 8)
            *(uint64_t *)d = word;
    while (bytes--)
        *d++ = (unsigned char)value;
    return to;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
    const unsigned char *p = a, *q = b;

    for (; bytes--; p++, q++)
        if (*p != *q)
            return *p - *q;
    return 0;
}

size_t strlen(const char *s)
{
    size_t n = 0;

    while (s[n])
        n++;
    return n;
}

int strcmp(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t bytes)
{
    for (; bytes--; a++, b++) {
        if (*a != *b)
            return (unsigned char)*a - (unsigned char)*b;
        if (!*a)
            break;
    }
    return 0;
}
