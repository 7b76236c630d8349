/*
 * console.c - consoles of the demo's guests: whole lines go to stdout with the
 * VM's name in front, and a script may answer.
 */
#include "demo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Markers are computed by the guest, so that the echo of what was typed never
 * looks like the answer. */
#define CHECK_CPUS "echo CPUS-$(grep -c ^processor /proc/cpuinfo)-$((40+2))\n"
#define CHECK_DISK                                                \
    "dd if=/dev/urandom of=/tmp/a bs=4096 count=64 2>/dev/null; " \
    "dd if=/tmp/a of=/dev/vda bs=4096 conv=fsync 2>/dev/null; "   \
    "echo 3 >/proc/sys/vm/drop_caches; "                          \
    "dd if=/dev/vda of=/tmp/b bs=4096 count=64 2>/dev/null; "     \
    "md5sum /tmp/a /tmp/b; cmp /tmp/a /tmp/b && echo DISK-$((40+2))\n"
#define NET_UP(own)                                                 \
    "ip addr add 10.0.0." own "/24 dev eth0; ip link set eth0 up; " \
    "echo NET-$((40+2))\n"
#define PING(other) "ping -c 3 10.0.0." other " && echo PING-$((40+2))\n"

#define LINUX_SCRIPT(own, other)                                            \
    {                                                                       \
        { "# ", CHECK_CPUS, 0 }, { "CPUS-2-42", "cat /proc/cpuinfo\n", 0 }, \
            { "# ", CHECK_DISK, 0 }, { "DISK-42", NET_UP(own), 0 },         \
            { "NET-42", PING(other), 1 },                                   \
            { "PING-42", "sync; poweroff -f\n", 1 },                        \
        {                                                                   \
            NULL, NULL, 0                                                   \
        }                                                                   \
    }

const struct step linux_script[DEMO_VMS][8] = {
    LINUX_SCRIPT("1", "2"),
    LINUX_SCRIPT("2", "1"),
};

static void put_line(struct guest *guest)
{
    printf("vm%u: %.*s\n", guest->index, (int)guest->line_bytes, guest->line);
    fflush(stdout);
    guest->line_bytes = 0;
}

/* Keep the newest bytes for the script. */
static void remember(struct guest *guest, char c)
{
    const uint32_t half = sizeof(guest->tail) / 2;

    if (guest->tail_bytes + 1 == sizeof(guest->tail)) {
        memmove(guest->tail, guest->tail + half, guest->tail_bytes - half);
        guest->tail_bytes -= half;
    }
    guest->tail[guest->tail_bytes++] = c;
    guest->tail[guest->tail_bytes] = 0;
}

void console_write(void *opaque, const uint8_t *data, uint32_t bytes)
{
    struct guest *guest = opaque;

    for (uint32_t i = 0; i < bytes; i++) {
        char c = (char)data[i];

        /* NUL would end the text that the script searches. */
        if (c != 0)
            remember(guest, c);
        if (c == '\n') {
            put_line(guest);
        } else if (c != '\r' && c != 0) {
            guest->line[guest->line_bytes++] = c;
            if (guest->line_bytes == sizeof(guest->line))
                put_line(guest);
        }
    }
}

void console_flush(struct guest *guest)
{
    if (guest->line_bytes)
        put_line(guest);
}

static const struct step *step_of(const struct guest *guest)
{
    const struct step *step;

    if (!guest->script || guest->done)
        return NULL;
    step = &guest->script[guest->step];
    return step->expect ? step : NULL;
}

static int has_answered(const struct guest *guest)
{
    const struct step *step = step_of(guest);

    return step && strstr(guest->tail, step->expect);
}

/* A guest that is past this step, or stands in it with its answer given. */
static int has_reached(const struct guest *guest, uint32_t step)
{
    return guest->done || guest->step > step ||
           (guest->step == step && has_answered(guest));
}

static int script_go_on(struct guest *guests, uint32_t count,
                        struct guest *guest)
{
    const struct step *step = step_of(guest);
    size_t bytes;

    if (!has_answered(guest) || guest->input_bytes)
        return 0;
    for (uint32_t i = 0; step->together && i < count; i++) {
        if (!has_reached(&guests[i], guest->step))
            return 0;
    }
    bytes = strlen(step->type);
    if (bytes > sizeof(guest->input)) {
        fprintf(stderr, "disco-demo: script line too long\n");
        exit(1);
    }
    memcpy(guest->input, step->type, bytes);
    guest->input_bytes = (uint32_t)bytes;
    guest->tail_bytes = 0;
    guest->tail[0] = 0;
    guest->step++;
    return 1;
}

static int give_input(struct guest *guest)
{
    uint32_t taken;

    if (!guest->input_bytes || guest->done)
        return 0;
    taken = disco_board_console_input(
        guest->board, (const uint8_t *)guest->input, guest->input_bytes);
    guest->input_bytes -= taken;
    memmove(guest->input, guest->input + taken, guest->input_bytes);
    return taken != 0;
}

int console_drive(struct guest *guests, uint32_t count)
{
    int moved = 0;

    for (uint32_t i = 0; i < count; i++) {
        moved |= script_go_on(guests, count, &guests[i]);
        moved |= give_input(&guests[i]);
    }
    return moved;
}
