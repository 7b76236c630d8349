/*
 * demo.h - what the files of the demo share.
 *
 * One `struct guest` is one VM: its console, its script, its figures.  The
 * demo is one thread, so nothing here locks.
 */
#ifndef DEMO_H
#define DEMO_H

#include <disco/board.h>
#include <disco/disco.h>

enum { DEMO_NODES = 2, DEMO_VMS = 2, DEMO_CPUS = 2 };

/* A step of a console dialogue: wait for text, then type. */
struct step {
    const char *expect;
    const char *type;
    int together; /* wait until the other guest stands here too */
};

/* A file in memory. */
struct image {
    void *data;
    uint64_t bytes;
};

struct guest {
    uint32_t index;
    disco_machine *machine;
    disco_vm *vm;
    disco_board *board;
    int done;
    uint32_t status; /* when done */
    /* Console output: a line that is not complete yet, and the last bytes
     * since the script typed something. */
    char line[512];
    uint32_t line_bytes;
    char tail[512];
    uint32_t tail_bytes;
    /* Console input not yet taken by the UART. */
    char input[512];
    uint32_t input_bytes;
    /* The dialogue; script is NULL or ends with expect = NULL. */
    const struct step *script;
    uint32_t step;
};

struct options {
    const char *kernel; /* NULL: the built-in one */
    const char *initrd;
    const char *append;
    uint32_t mode;
    uint32_t timeout_s;
    int linux_guest;
};

/* Leave with a message when a call failed: fine for a program, not for a
 * library. */
void must(disco_machine *machine, disco_status status, const char *what);

/* The kernel that is built in; its data is NULL when the build had none. */
struct image builtin_kernel(void);

/* guest.c */
void guest_create(struct guest *guest, disco_machine *machine, uint32_t index,
                  disco_subnet *subnet, const struct options *options);
void guest_load(struct guest *guest, const struct image *kernel,
                const struct image *initrd, const char *append);

/* console.c */
void console_write(void *opaque, const uint8_t *data, uint32_t bytes);
void console_flush(struct guest *guest);
/* Go on with the scripts and give waiting input; 1 when something happened. */
int console_drive(struct guest *guests, uint32_t count);
extern const struct step linux_script[DEMO_VMS][8];

/* summary.c, memory.c: the two tables at the end */
void summary_print(disco_machine *machine, struct guest *guests);
void memory_print(disco_machine *machine, struct guest *guests);

#endif
