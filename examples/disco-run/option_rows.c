/*
 * option_rows.c - one row and one function per option of disco-run: what its
 * value may be, and where it goes.
 */
#include "option_rows.h"

#include "placement.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <disco/disco.h>

#include "model.h"

enum { VMS_MAX = 256, CPUS_MAX = 32, NODES_MAX = 64, THREADS_MAX = 256 };

#define MEMORY_MIN ((uint64_t)1 << 20)
#define MEMORY_MAX ((uint64_t)64 << 30)
enum {
    CODE_CACHE_MIN = 1 << 20,
    CODE_CACHE_MAX = 512 << 20,
    TRANSLATE_AT_MAX = 200
};

int option_fail(struct parser *p, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(p->text, p->text_bytes, format, args);
    va_end(args);
    return -1;
}

static int bad_value(struct parser *p, const char *wanted)
{
    return option_fail(p, "%s %s: %s", p->name, p->value, wanted);
}

static int unsupported(struct parser *p)
{
    return option_fail(p, "%s %s: unsupported in this version", p->name,
                       p->value);
}

/* --- Values ------------------------------------------------------------ */

/* A whole number; *end is what follows it. */
static int number(const char *text, uint64_t *value, const char **end)
{
    char *stop;

    if (*text < '0' || *text > '9')
        return -1;
    errno = 0;
    *value = strtoull(text, &stop, strncmp(text, "0x", 2) == 0 ? 16 : 10);
    *end = stop;
    return errno ? -1 : 0;
}

static int take_count(struct parser *p, uint64_t low, uint64_t high,
                      uint64_t *out)
{
    const char *end;
    char wanted[80];

    if (number(p->value, out, &end) == 0 && *end == '\0' && *out >= low &&
        *out <= high)
        return 0;
    snprintf(wanted, sizeof(wanted), "not a number from %llu to %llu",
             (unsigned long long)low, (unsigned long long)high);
    return bad_value(p, wanted);
}

static int take_u32(struct parser *p, uint32_t low, uint32_t high,
                    uint32_t *out)
{
    uint64_t value = 0;

    if (take_count(p, low, high, &value))
        return -1;
    *out = (uint32_t)value;
    return 0;
}

/* Index of the value in "first|second|..." or -1. */
static int choice(const char *value, const char *choices)
{
    size_t length = strlen(value);

    for (int i = 0; *choices; i++) {
        size_t n = strcspn(choices, "|");

        if (n == length && memcmp(choices, value, n) == 0)
            return i;
        choices += n;
        if (*choices)
            choices++;
    }
    return -1;
}

static int take_choice(struct parser *p, const char *choices, int *out)
{
    char wanted[80];

    *out = choice(p->value, choices);
    if (*out >= 0)
        return 0;
    snprintf(wanted, sizeof(wanted), "not one of %s", choices);
    return bad_value(p, wanted);
}

/* A number of bytes, with K, M or G. */
static int take_size(struct parser *p, uint64_t *out)
{
    static const char suffixes[] = "kmg";
    const char *end;
    uint64_t value;
    uint32_t shift = 0;

    if (number(p->value, &value, &end))
        return bad_value(p, "not a size");
    if (*end) {
        const char *at = strchr(suffixes, *end | 0x20);

        if (!at || end[1])
            return bad_value(p, "not a size (a number, then K, M or G)");
        shift = 10 * ((uint32_t)(at - suffixes) + 1);
    }
    if (value > UINT64_MAX >> shift)
        return bad_value(p, "not a size");
    *out = value << shift;
    return 0;
}

/* --- One function per option ------------------------------------------- */

static int set_vms(struct parser *p)
{
    return take_u32(p, 1, VMS_MAX, &p->options->vms);
}

static int set_cpus(struct parser *p)
{
    return take_u32(p, 1, CPUS_MAX, &p->options->cpus);
}

static int set_nodes(struct parser *p)
{
    p->options->has_nodes = 1;
    return take_u32(p, 1, NODES_MAX, &p->options->nodes);
}

static int set_topology(struct parser *p)
{
    struct options *o = p->options;
    disco_error err = { .size = sizeof(err) };

    o->topology.size = sizeof(o->topology);
    if (disco_topology_parse(p->value, &o->topology, &err))
        return bad_value(p, err.text);
    o->has_topology = 1;
    o->nodes = o->topology.nodes;
    return 0;
}

static int set_threads(struct parser *p)
{
    return take_u32(p, 1, THREADS_MAX, &p->options->threads);
}

static int set_memory(struct parser *p)
{
    if (take_size(p, &p->options->memory_bytes))
        return -1;
    if (p->options->memory_bytes < MEMORY_MIN ||
        p->options->memory_bytes > MEMORY_MAX)
        return bad_value(p, "not from 1M to 64G");
    if (p->options->memory_bytes % DISCO_PAGE_BYTES)
        return bad_value(p, "not a multiple of 4K");
    return 0;
}

static int set_cache(struct parser *p)
{
    if (take_size(p, &p->options->cache_bytes))
        return -1;
    if (p->options->cache_bytes > MEMORY_MAX)
        return bad_value(p, "not from 0 to 64G");
    if (!p->options->cache_bytes)
        p->options->cache_bytes = DISCO_CACHE_NONE;
    return 0;
}

static int set_code_cache(struct parser *p)
{
    if (take_size(p, &p->options->code_cache_bytes))
        return -1;
    if (p->options->code_cache_bytes < CODE_CACHE_MIN ||
        p->options->code_cache_bytes > CODE_CACHE_MAX)
        return bad_value(p, "not from 1M to 512M");
    return 0;
}

static int set_translate_at(struct parser *p)
{
    return take_u32(p, 1, TRANSLATE_AT_MAX, &p->options->translate_at_run);
}

static int set_append(struct parser *p)
{
    p->options->append = p->value;
    return 0;
}

static int set_initrd(struct parser *p)
{
    p->options->initrd = p->value;
    return 0;
}

static int is_text(const char *text, size_t bytes, const char *wanted)
{
    return strlen(wanted) == bytes && memcmp(text, wanted, bytes) == 0;
}

/* FILE[,cow[=OVERLAY]][,ro] */
static int set_disk(struct parser *p)
{
    struct options *o = p->options;
    size_t path_bytes = strcspn(p->value, ",");
    const char *at = p->value + path_bytes;
    struct disk_option *disk = &o->disk[o->disks];

    if (o->disks == DISKS_MAX)
        return bad_value(p, "too many disks");
    if (path_bytes == 0)
        return bad_value(p, "no file name");
    disk->mode = DISCO_DISK_EXCLUSIVE;
    while (*at) {
        size_t n = strcspn(++at, ",");

        if (is_text(at, n, "ro"))
            disk->mode = DISCO_DISK_READONLY;
        else if (is_text(at, n, "cow"))
            disk->mode = disk->mode == DISCO_DISK_READONLY ? DISCO_DISK_READONLY
                                                           : DISCO_DISK_COW;
        else if (strncmp(at, "cow=", 4) == 0)
            return unsupported(p);
        else
            return bad_value(p, "after FILE stand ,cow[=OVERLAY] and ,ro");
        at += n;
    }
    disk->path = strndup(p->value, path_bytes);
    if (!disk->path)
        return option_fail(p, "out of memory");
    o->disks++;
    return 0;
}

/* none, user, or subnet[,mtu=N] */
static int set_net(struct parser *p)
{
    static const char mtu[] = "subnet,mtu=";
    int kind;

    if (strncmp(p->value, mtu, sizeof(mtu) - 1) == 0) {
        p->value += sizeof(mtu) - 1;
        if (take_u32(p, 68, 65535, &p->options->net_mtu))
            return -1;
        p->value = "subnet";
    }
    if (take_choice(p, "none|subnet|user", &kind))
        return -1;
    if (kind == 2)
        return unsupported(p);
    if (kind == 1 && p->options->nets++ == NETS_MAX)
        return bad_value(p, "too many networks");
    return 0;
}

static int set_pcap(struct parser *p)
{
    p->options->pcap = p->value;
    return 0;
}

static int set_engine(struct parser *p)
{
    int kind;

    if (take_choice(p, "interp|jit", &kind))
        return -1;
    if (kind == 1 && !disco_cap(DISCO_CAP_JIT))
        return unsupported(p);
    p->options->engine = kind ? DISCO_ENGINE_JIT : DISCO_ENGINE_INTERP;
    return 0;
}

static int set_mode(struct parser *p)
{
    int kind;

    if (take_choice(p, "exact|disco", &kind))
        return -1;
    p->options->mode = kind ? DISCO_MODE_DISCO : DISCO_MODE_EXACT;
    return 0;
}

static int set_l2tlb(struct parser *p)
{
    int kind;

    if (take_choice(p, "on|off", &kind))
        return -1;
    p->options->l2tlb = kind ? DISCO_OFF : DISCO_ON;
    return 0;
}

static int set_memory_order(struct parser *p)
{
    int kind;

    if (take_choice(p, "sc|tso", &kind))
        return -1;
    p->options->memory_order = kind ? DISCO_ORDER_TSO : DISCO_ORDER_SC;
    return 0;
}

static int set_deterministic(struct parser *p)
{
    p->options->is_deterministic = 1;
    return 0;
}

static int set_seed(struct parser *p)
{
    return take_count(p, 0, UINT64_MAX, &p->options->seed);
}

static int set_cpu_model(struct parser *p)
{
    p->options->cpu_model = p->value;
    return 0;
}

static int set_endian(struct parser *p)
{
    static const uint32_t orders[] = { 0, DISCO_BIG, DISCO_LITTLE };
    int kind;

    if (take_choice(p, "auto|big|little", &kind))
        return -1;
    p->options->order = orders[kind];
    return 0;
}

static int set_model(struct parser *p)
{
    struct options *o = p->options;
    const char *at, *bad;

    bad = model_parse(p->value, &o->wants_model, &o->model, &at);
    if (!bad)
        return 0;
    return option_fail(p, "%s: %.*s %s", p->name, (int)strcspn(at, ","), at,
                       bad);
}

static int set_max_insns(struct parser *p)
{
    return take_count(p, 1, UINT64_MAX, &p->options->max_insns);
}

static int set_timeout(struct parser *p)
{
    char *end;
    double value;

    errno = 0;
    value = strtod(p->value, &end);
    if (errno || end == p->value || *end || !isfinite(value) || value <= 0 ||
        value > 1e9)
        return bad_value(p, "not a number of seconds above 0");
    p->options->timeout_s = value;
    return 0;
}

static int set_stats(struct parser *p)
{
    p->options->stats = p->value;
    return 0;
}

static int set_perf_map(struct parser *p)
{
    p->options->is_perf_map = 1;
    return 0;
}

static int set_dump_code(struct parser *p)
{
    p->options->dump_code = p->value;
    return 0;
}

static int set_console(struct parser *p)
{
    return take_choice(p, "uart|virtio", &p->options->console_is_virtio);
}

static int set_console_vm(struct parser *p)
{
    return take_u32(p, 0, VMS_MAX - 1, &p->options->console_vm);
}

static int set_quiet(struct parser *p)
{
    p->options->is_quiet = 1;
    return 0;
}

static int set_rng(struct parser *p)
{
    p->options->wants_rng = 1;
    return 0;
}

static int set_help(struct parser *p)
{
    p->options->wants_help = 1;
    return 0;
}

/* --- The table --------------------------------------------------------- */

static const struct option_row rows[] = {
    { "--append", 1, set_append },
    { "--cache", 1, set_cache },
    { "--code-cache", 1, set_code_cache },
    { "--translate-at", 1, set_translate_at },
    { "--console", 1, set_console },
    { "--console-vm", 1, set_console_vm },
    { "--cpu-model", 1, set_cpu_model },
    { "--cpus", 1, set_cpus },
    { "--deterministic", 0, set_deterministic },
    { "--disk", 1, set_disk },
    { "--dump-code", 1, set_dump_code },
    { "--endian", 1, set_endian },
    { "--engine", 1, set_engine },
    { "--gdb", 1, unsupported },
    { "--help", 0, set_help },
    { "--initrd", 1, set_initrd },
    { "--l2tlb", 1, set_l2tlb },
    { "--max-insns", 1, set_max_insns },
    { "--memory", 1, set_memory },
    { "--memory-order", 1, set_memory_order },
    { "--mode", 1, set_mode },
    { "--model", 1, set_model },
    { "--net", 1, set_net },
    { "--nodes", 1, set_nodes },
    { "--pcap", 1, set_pcap },
    { "--perf-map", 0, set_perf_map },
    { "--policy", 1, set_policy },
    { "--quiet", 0, set_quiet },
    { "--rng", 0, set_rng },
    { "--seed", 1, set_seed },
    { "--stats", 1, set_stats },
    { "--threads", 1, set_threads },
    { "--timeout", 1, set_timeout },
    { "--topology", 1, set_topology },
    { "--trace", 1, unsupported },
    { "--vms", 1, set_vms },
};

const struct option_row *option_find(const char *name, size_t bytes)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (is_text(name, bytes, rows[i].name))
            return &rows[i];
    return NULL;
}
