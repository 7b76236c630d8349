/*
 * config.c - see config.h.
 */
#include "base/config.h"

#include <string.h>

enum { SIZE_MIN = 8 };

static uint32_t size_of(const void *s)
{
    uint32_t size;

    memcpy(&size, s, sizeof(size));
    return size;
}

disco_status config_copy(void *dst, uint32_t bytes, const void *src)
{
    const uint8_t *in = src;
    uint32_t size, i;

    memset(dst, 0, bytes);
    if (src) {
        size = size_of(src);
        if (size < SIZE_MIN)
            return DISCO_E_INVAL;
        for (i = bytes; i < size; i++)
            if (in[i])
                return DISCO_E_VERSION;
        memcpy(dst, src, size < bytes ? size : bytes);
    }
    memcpy(dst, &bytes, sizeof(bytes));
    return 0;
}

disco_status config_give(void *dst, const void *src, uint32_t bytes)
{
    uint32_t size;

    if (!dst)
        return DISCO_E_INVAL;
    size = size_of(dst);
    if (size < SIZE_MIN)
        return DISCO_E_INVAL;
    memcpy(dst, src, size < bytes ? size : bytes);
    memcpy(dst, &size, sizeof(size));
    return 0;
}
