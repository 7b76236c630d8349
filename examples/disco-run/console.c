/*
 * console.c - stdin and stdout as the guests' consoles.
 *
 * Output is buffered and flushed by the loop.  With several VMs whole lines are
 * written, each with its VM's name.  Input is read by the main thread only, and
 * waits here until the guest's device has room.
 */
#include "console.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runner.h"

enum { CTRL_A = 1, LINE_BYTES_MAX = 1 << 16 };

int console_open(struct console *console, int reads_stdin)
{
    struct stat st;

    memset(console, 0, sizeof(*console));
    if (pthread_mutex_init(&console->lock, NULL))
        return -1;
    console->is_eof = !reads_stdin || fstat(STDIN_FILENO, &st) != 0;
    if (console->is_eof)
        return 0;
    console->is_tty = isatty(STDIN_FILENO);
    console->is_live =
        console->is_tty || S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode);
    return 0;
}

void console_raw(struct console *console)
{
    struct termios raw;

    if (!console->is_tty || console->is_eof)
        return;
    if (tcgetattr(STDIN_FILENO, &console->saved)) {
        console->is_tty = 0;
        return;
    }
    raw = console->saved;
    raw.c_iflag &= ~(tcflag_t)(BRKINT | ICRNL | INPCK | ISTRIP | IXON);
    raw.c_lflag &= ~(tcflag_t)(ECHO | ICANON | IEXTEN | ISIG);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

void console_restore(struct console *console)
{
    if (console->is_tty)
        tcsetattr(STDIN_FILENO, TCSANOW, &console->saved);
}

void console_close(struct console *console)
{
    console_flush(console);
    pthread_mutex_destroy(&console->lock);
}

/* --- Output ------------------------------------------------------------ */

static void flush_locked(struct console *console)
{
    const char *at = console->out;
    size_t left = console->out_used;

    while (left && !console->is_broken) {
        ssize_t n = write(STDOUT_FILENO, at, left);

        if (n > 0) {
            at += n;
            left -= (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            struct pollfd fd = { .fd = STDOUT_FILENO, .events = POLLOUT };

            poll(&fd, 1, -1);
        } else if (n < 0 && errno != EINTR) {
            console->is_broken = 1;
        }
    }
    console->out_used = 0;
}

static void put_locked(struct console *console, const void *data, size_t bytes)
{
    const char *at = data;

    while (bytes) {
        size_t n = CONSOLE_OUT_BYTES - console->out_used;

        if (n > bytes)
            n = bytes;
        memcpy(console->out + console->out_used, at, n);
        console->out_used += (uint32_t)n;
        at += n;
        bytes -= n;
        if (console->out_used == CONSOLE_OUT_BYTES)
            flush_locked(console);
    }
}

void console_flush(struct console *console)
{
    pthread_mutex_lock(&console->lock);
    flush_locked(console);
    pthread_mutex_unlock(&console->lock);
}

/* Write the line with its VM's name; a missing newline is added. */
static void line_put_locked(struct console_line *line)
{
    char prefix[24];

    snprintf(prefix, sizeof(prefix), "vm%u: ", line->vm);
    put_locked(line->console, prefix, strlen(prefix));
    put_locked(line->console, line->text, line->used);
    if (line->text[line->used - 1] != '\n')
        put_locked(line->console, "\n", 1);
    line->used = 0;
}

static int line_grow(struct console_line *line)
{
    size_t room = line->room ? 2 * line->room : 256;
    char *text = realloc(line->text, room);

    if (!text)
        return -1;
    line->text = text;
    line->room = room;
    return 0;
}

static void line_add_locked(struct console_line *line, char byte)
{
    if (line->used == line->room && line_grow(line))
        return; /* out of memory: this byte is lost, the guest goes on */
    line->text[line->used++] = byte;
    if (byte == '\n' || line->used == LINE_BYTES_MAX)
        line_put_locked(line);
}

void console_write(void *opaque, const uint8_t *data, uint32_t bytes)
{
    struct console_line *line = opaque;

    pthread_mutex_lock(&line->console->lock);
    if (line->is_prefixed) {
        for (uint32_t i = 0; i < bytes; i++)
            line_add_locked(line, (char)data[i]);
    } else {
        put_locked(line->console, data, bytes);
    }
    pthread_mutex_unlock(&line->console->lock);
}

void console_line_finish(struct console_line *line)
{
    if (!line->console)
        return;
    pthread_mutex_lock(&line->console->lock);
    if (line->used)
        line_put_locked(line);
    pthread_mutex_unlock(&line->console->lock);
    free(line->text);
    line->text = NULL;
    line->room = 0;
}

/* --- Input ------------------------------------------------------------- */

int console_is_live(const struct console *console)
{
    return console->is_live && !console->is_eof;
}

/* Take typed bytes, but for the escapes Ctrl-A x and Ctrl-A Ctrl-A. */
static uint32_t unescape(struct console *console, uint8_t *data, uint32_t bytes)
{
    uint32_t kept = 0;

    if (!console->is_tty)
        return bytes;
    for (uint32_t i = 0; i < bytes; i++) {
        if (!console->has_prefix && data[i] == CTRL_A) {
            console->has_prefix = 1;
            continue;
        }
        if (console->has_prefix && (data[i] | 0x20) == 'x')
            console->wants_quit = 1;
        console->has_prefix = 0;
        data[kept++] = data[i];
    }
    return kept;
}

static void read_input(struct console *console)
{
    uint8_t *at = console->in + console->in_used;
    ssize_t n;

    n = read(STDIN_FILENO, at, CONSOLE_IN_BYTES - console->in_used);
    if (n > 0)
        console->in_used += unescape(console, at, (uint32_t)n);
    else if (n == 0 || (errno != EINTR && errno != EAGAIN))
        console->is_eof = 1;
}

void console_wait(struct console *console, uint64_t ns, int other_fd)
{
    struct pollfd fds[2] = {
        { .fd = STDIN_FILENO, .events = POLLIN },
        { .fd = other_fd, .events = POLLIN },
    };
    struct timespec time = {
        .tv_sec = (time_t)(ns / 1000000000),
        .tv_nsec = (long)(ns % 1000000000),
    };

    if (console->in_at == console->in_used)
        console->in_at = console->in_used = 0;
    if (console->is_eof || console->in_used == CONSOLE_IN_BYTES)
        fds[0].fd = -1; /* poll skips it */
    if (ppoll(fds, 2, &time, NULL) > 0 && fds[0].revents)
        read_input(console);
}

/* A virtio console keeps what comes before its driver. */
static uint32_t give_input(struct guest *guest, const uint8_t *data,
                           uint32_t bytes)
{
    if (guest->vconsole)
        return disco_vconsole_input(guest->vconsole, data, bytes);
    return disco_board_console_input(guest->board, data, bytes);
}

uint32_t console_feed(struct runner *runner)
{
    struct console *console = &runner->console;
    struct guest *guest = &runner->guest[runner->options->console_vm];
    uint32_t fed = 0;
    uint32_t n = 1;

    if (guest_has_ended(guest)) {
        console->in_at = console->in_used;
        return 0;
    }
    if (!guest->vconsole &&
        !disco_uart_is_listening(disco_board_uart(guest->board)))
        return 0;
    while (console->in_at < console->in_used && n) {
        n = give_input(guest, console->in + console->in_at,
                       console->in_used - console->in_at);
        console->in_at += n;
        fed += n;
    }
    return fed;
}
