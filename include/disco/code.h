/*
 * code.h - translated code of a machine (DISCO_ENGINE_JIT): figures, and seeing
 * what is made, for those who measure or debug it.
 *
 * Where nothing is translated (all vCPUs are interpreted; a host without a JIT,
 * or that denies executable memory) all of this works: figures are 0, and
 * nothing is shown.
 */
#ifndef DISCO_CODE_H
#define DISCO_CODE_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a machine has translated so far, for all its vCPUs. */
typedef struct disco_code_stats {
    uint32_t size;
    uint32_t reserved;
    uint64_t blocks;           /* made when first met, one by one */
    uint64_t translated_insns; /* guest instructions in them, each time */
    uint64_t translate_ns;     /* host time for it */
    uint64_t regions;          /* made around blocks that ran often */
    uint64_t region_insns;
    uint64_t region_ns;
    uint64_t code_bytes;   /* of both, with what belongs to the code */
    uint64_t pages;        /* of guest code, by content */
    uint64_t pages_shared; /* times that a page was found translated */
    uint64_t evictions;    /* pieces of the cache given up for newer code */
    uint64_t refusals;     /* translations put off for want of room */
    uint64_t held_bytes;   /* host memory of the cache now */
} disco_code_stats;

/*
 * Errors: INVAL.  Thread: any; values are taken one by one.
 */
DISCO_API disco_status disco_machine_code_stats(disco_machine *machine,
                                                disco_code_stats *out);

/* What a piece of translated code is. */
enum {
    DISCO_CODE_ROUTINE = 0, /* common to all translated code */
    DISCO_CODE_BLOCK = 1,
    DISCO_CODE_REGION = 2
};

/* One piece of it.  Everything is borrowed for the call. */
typedef struct disco_code {
    uint32_t size;
    uint32_t kind;       /* DISCO_CODE_* */
    uint64_t gva;        /* of its first instruction, where it was wanted */
    uint32_t insns;      /* guest instructions */
    uint32_t host_bytes; /* of code, and tables in it */
    const void *host;    /* as it runs; may be read */
    const char *name;    /* of a routine; else NULL */
    const char *text;    /* WITH_TEXT: how it was made; else NULL */
} disco_code;

/*
 * The text of a block or region has lines that end with a newline.
 *
 *   # TEXT         what the translator found: blocks, what is live in them,
 *                  the host registers of guest registers
 *   @OFFSET ADDRESS WORD TEXT ; OPERATION
 *                  from OFFSET bytes of `host` on is code of this guest
 *                  instruction, disassembled, and as it was decoded
 *   @OFFSET # TEXT from there on is something else: rare code, tables
 *
 * OFFSET, ADDRESS and WORD are hexadecimal.  Offsets never go down.
 */
enum { DISCO_CODE_WITH_TEXT = 1 };

/*
 * Called on the thread that translated, with locks of the library held: it may
 * call nothing of the library but disco_disassemble.
 */
typedef void (*disco_code_fn)(void *opaque, const disco_code *code);

/*
 * Show `fn` everything that is translated from now on, starting with the common
 * routines; NULL: nobody any more.  flags: DISCO_CODE_WITH_TEXT or 0.  Code is
 * given up without notice: its place may be shown again for other code.
 * Errors: INVAL, NOMEM; BUSY while a vCPU of the machine runs.  Thread: any.
 */
DISCO_API disco_status disco_machine_watch_code(disco_machine *machine,
                                                uint32_t flags,
                                                disco_code_fn fn, void *opaque);

#ifdef __cplusplus
}
#endif
#endif
