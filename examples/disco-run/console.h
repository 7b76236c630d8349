/*
 * console.h - stdin and stdout as the guests' consoles.
 */
#ifndef DISCO_RUN_CONSOLE_H
#define DISCO_RUN_CONSOLE_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <termios.h>

struct runner;

enum { CONSOLE_OUT_BYTES = 8192, CONSOLE_IN_BYTES = 4096 };

struct console {
    pthread_mutex_t lock; /* of the output buffer */
    char out[CONSOLE_OUT_BYTES];
    uint32_t out_used;
    int is_broken; /* stdout does not take more */
    /* Input; only the main thread touches it. */
    uint8_t in[CONSOLE_IN_BYTES];
    uint32_t in_at;
    uint32_t in_used;
    int is_eof;
    int is_live; /* a terminal, pipe or socket: more may come later */
    int is_tty;
    int has_prefix; /* Ctrl-A was typed */
    int wants_quit;
    struct termios saved;
};

/* Output of one VM: with several, lines wait here until they are whole. */
struct console_line {
    struct console *console;
    uint32_t vm;
    int is_prefixed;
    char *text;
    size_t used;
    size_t room;
};

int console_open(struct console *console, int reads_stdin);
/* Raw mode for a terminal, and back; restore is async-signal-safe enough to be
 * called last thing before the process dies. */
void console_raw(struct console *console);
void console_restore(struct console *console);
void console_close(struct console *console);

/* A disco_char_backend's write; opaque is a console_line.  Any thread. */
void console_write(void *opaque, const uint8_t *data, uint32_t bytes);
/* Lines that never ended, at the end of the run. */
void console_line_finish(struct console_line *line);
void console_flush(struct console *console);

/* 1 when input may still arrive, so that idle time should pass in real time. */
int console_is_live(const struct console *console);
/* Wait up to `ns` for input or for `other_fd` (-1 = none), and read. */
void console_wait(struct console *console, uint64_t ns, int other_fd);
/* Give pending input to the console VM; bytes it took. */
uint32_t console_feed(struct runner *runner);

#endif
