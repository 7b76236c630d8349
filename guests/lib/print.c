/*
 * print.c - formatted lines on the UART, whole lines from several CPUs.
 * Not printf: only what lib.h lists.
 */
#include "lib.h"

static uint32_t print_lock;

static int put_number(char *to, uint64_t v, unsigned base, int negative,
                      int width, char fill)
{
    char digits[24];
    int n = 0, len = 0;

    do
        digits[n++] = "0123456789abcdef"[v % base];
    while (v /= base);
    if (negative && fill == '0')
        to[len++] = '-';
    else if (negative)
        digits[n++] = '-';
    while (n < width - len && width < 24)
        digits[n++] = fill;
    while (n)
        to[len++] = digits[--n];
    return len;
}

int format_text(char *to, size_t bytes, const char *format, va_list ap)
{
    size_t len = 0;

    for (; *format && len + 25 < bytes; format++) {
        int width = 0, is_long = 0;
        char fill = ' ';

        if (*format != '%') {
            to[len++] = *format;
            continue;
        }
        if (*++format == '0')
            fill = '0';
        while (*format >= '0' && *format <= '9')
            width = width * 10 + *format++ - '0';
        for (; *format == 'l'; format++)
            is_long = 1;
        if (*format == 's') {
            const char *s = va_arg(ap, const char *);
            size_t n = strlen(s);

            for (size_t i = 0; i < n && len + 25 < bytes; i++)
                to[len++] = s[i];
            for (; n < (size_t)width && len + 25 < bytes; n++)
                to[len++] = ' ';
        } else if (*format == 'c') {
            to[len++] = (char)va_arg(ap, int);
        } else if (*format == 'd') {
            int64_t v = is_long ? va_arg(ap, int64_t) : va_arg(ap, int32_t);
            uint64_t size = v < 0 ? -(uint64_t)v : (uint64_t)v;

            len += (size_t)put_number(to + len, size, 10, v < 0, width, fill);
        } else if (*format == 'u' || *format == 'x') {
            uint64_t v = is_long ? va_arg(ap, uint64_t) : va_arg(ap, uint32_t);

            len += (size_t)put_number(to + len, v, *format == 'u' ? 10 : 16, 0,
                                      width, fill);
        } else {
            to[len++] = *format;
        }
    }
    to[len] = 0;
    return (int)len;
}

void print(const char *format, ...)
{
    char line[256];
    va_list ap;

    va_start(ap, format);
    format_text(line, sizeof line, format, ap);
    va_end(ap);
    spin_lock(&print_lock);
    for (const char *p = line; *p; p++)
        uart_put(*p);
    spin_unlock(&print_lock);
}
