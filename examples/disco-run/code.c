/*
 * code.c - what is made of translated code: a map for perf, a dump for
 * scripts/code.py, and figures as JSON.
 *
 * show() is called with locks of the library held, by one thread at a time: it
 * only writes to its files.
 */
#include "runner.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "symbols.h"

struct code_output {
    FILE *map;
    FILE *dump;
    struct symbols symbols; /* of the kernel */
};

/* --- One piece ---------------------------------------------------------- */

static void put_name(FILE *f, const struct code_output *out,
                     const disco_code *code)
{
    const struct symbol *s = symbols_find(&out->symbols, code->gva);

    if (code->name)
        fprintf(f, "disco:%s", code->name);
    else if (s)
        fprintf(f, "guest:%s+0x%" PRIx64, s->name, code->gva - s->address);
    else
        fprintf(f, "guest:0x%" PRIx64, code->gva);
    if (code->kind == DISCO_CODE_REGION)
        fputs("[region]", f);
}

static void put_bytes(FILE *f, const uint8_t *bytes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        fprintf(f, "%s%02x", i % 32 ? "" : i ? "\n+" : "+", bytes[i]);
    fputs("\n\n", f);
}

/* A line that starts with "code", the library's text, the bytes after "+". */
static void put_piece(FILE *f, const struct code_output *out,
                      const disco_code *code)
{
    static const char *const kinds[] = { "routine", "block", "region" };

    fprintf(f, "code %s %" PRIx64 " %" PRIu32 " %" PRIxPTR " %" PRIu32 " ",
            kinds[code->kind], code->gva, code->insns, (uintptr_t)code->host,
            code->host_bytes);
    put_name(f, out, code);
    fprintf(f, "\n%s", code->text ? code->text : "");
    put_bytes(f, code->host, code->host_bytes);
}

static void show(void *opaque, const disco_code *code)
{
    struct code_output *out = opaque;

    if (out->map) {
        fprintf(out->map, "%" PRIxPTR " %" PRIx32 " ", (uintptr_t)code->host,
                code->host_bytes);
        put_name(out->map, out, code);
        fputc('\n', out->map);
    }
    if (out->dump)
        put_piece(out->dump, out, code);
}

/* --- The whole ---------------------------------------------------------- */

/* Where perf looks; not through a link that somebody put there. */
static int open_map(struct runner *runner, struct code_output *out)
{
    char path[64];
    int fd;

    snprintf(path, sizeof(path), "/tmp/perf-%ld.map", (long)getpid());
    fd =
        open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return runner_fail(runner, "--perf-map: %s: %s", path, strerror(errno));
    out->map = fdopen(fd, "w");
    if (out->map)
        return 0;
    close(fd);
    return runner_fail(runner, "--perf-map: out of memory");
}

static int open_outputs(struct runner *runner, struct code_output *out)
{
    const struct options *o = runner->options;

    if (o->is_perf_map && open_map(runner, out))
        return -1;
    if (o->dump_code) {
        out->dump = fopen(o->dump_code, "w");
        if (!out->dump)
            return runner_fail(runner, "--dump-code %s: %s", o->dump_code,
                               strerror(errno));
    }
    if (symbols_read(&out->symbols, runner->kernel.data, runner->kernel.bytes))
        return runner_fail(runner, "out of memory");
    return 0;
}

int code_open(struct runner *runner)
{
    const struct options *o = runner->options;
    disco_status status;

    if (!o->is_perf_map && !o->dump_code)
        return 0;
    runner->code = calloc(1, sizeof(*runner->code));
    if (!runner->code)
        return runner_fail(runner, "out of memory");
    if (open_outputs(runner, runner->code))
        return -1;
    status = disco_machine_watch_code(runner->machine,
                                      o->dump_code ? DISCO_CODE_WITH_TEXT : 0,
                                      show, runner->code);
    return status ? runner_fail_status(runner, "cannot watch code", status) : 0;
}

/* The machine is gone. */
void code_close(struct runner *runner)
{
    struct code_output *out = runner->code;

    if (!out)
        return;
    if (out->map)
        fclose(out->map);
    if (out->dump)
        fclose(out->dump);
    symbols_free(&out->symbols);
    free(out);
    runner->code = NULL;
}

/* --- Figures ------------------------------------------------------------ */

void code_stats_write(FILE *f, disco_machine *machine)
{
    disco_code_stats s = { .size = sizeof(s) };

    disco_machine_code_stats(machine, &s);
    fprintf(f,
            "  \"jit\": {\"blocks\": %" PRIu64
            ", \"translated_insns\": %" PRIu64 ", \"translate_ns\": %" PRIu64
            ", \"regions\": %" PRIu64 ", \"region_insns\": %" PRIu64
            ", \"region_ns\": %" PRIu64 ", \"code_bytes\": %" PRIu64 ", ",
            s.blocks, s.translated_insns, s.translate_ns, s.regions,
            s.region_insns, s.region_ns, s.code_bytes);
    fprintf(f,
            "\"pages\": %" PRIu64 ", \"pages_shared\": %" PRIu64
            ", \"evictions\": %" PRIu64 ", \"refusals\": %" PRIu64
            ", \"held_bytes\": %" PRIu64 "},\n",
            s.pages, s.pages_shared, s.evictions, s.refusals, s.held_bytes);
}
