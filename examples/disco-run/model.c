/*
 * model.c - see model.h.
 */
#include "model.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { KIND_COUNT, KIND_BYTES, KIND_COST };

struct key {
    const char *name;
    size_t offset;
    int kind;
};

#define KEY(name, member, kind)                          \
    {                                                    \
        name, offsetof(disco_model_config, member), kind \
    }

static const struct key keys[] = { KEY("l2", cache_bytes, KIND_BYTES),
                                   KEY("ways", ways, KIND_COUNT),
                                   KEY("line", line_bytes, KIND_BYTES),
                                   KEY("local", local_ns, KIND_COUNT),
                                   KEY("remote", remote_ns, KIND_COUNT),
                                   KEY("service", service_ns, KIND_COST),
                                   KEY("dirty", dirty_ns, KIND_COST),
                                   KEY("invalidate", invalidate_ns, KIND_COST),
                                   KEY("upgrade", upgrade_percent, KIND_COST),
#define TRAP_KEY(name, value, text) \
    KEY("trap_" text, trap_ns[value], KIND_COST),
                                   DISCO_TRAP_LIST(TRAP_KEY)
#undef TRAP_KEY
#define PAGE_KEY(name, value, text) \
    KEY("page_" text, page_ns[value], KIND_COST),
                                       DISCO_PAGE_ACTION_LIST(PAGE_KEY)
#undef PAGE_KEY
};

static int is_word(const char *text, size_t bytes, const char *word)
{
    return strlen(word) == bytes && memcmp(text, word, bytes) == 0;
}

static int take_number(const char *text, int kind, uint32_t *out)
{
    unsigned shift = 0;
    char *end;
    unsigned long value;

    if (*text < '0' || *text > '9')
        return -1;
    errno = 0;
    value = strtoul(text, &end, 10);
    if (kind == KIND_BYTES && (*end | 0x20) == 'k')
        shift = 10;
    else if (kind == KIND_BYTES && (*end | 0x20) == 'm')
        shift = 20;
    end += shift != 0;
    if (errno || (*end && *end != ',') || value > UINT32_MAX >> shift)
        return -1;
    *out = (uint32_t)value << shift;
    /* Zero in the structure is the default. */
    if (!value && kind == KIND_COST)
        *out = DISCO_MODEL_NOTHING;
    return value || kind == KIND_COST ? 0 : -1;
}

static const char *take_part(const char *part, disco_model_config *config)
{
    size_t name = strcspn(part, "=,");
    size_t i;

    if (is_word(part, name, "uma") && part[name] != '=') {
        config->flags |= DISCO_MODEL_UMA;
        return NULL;
    }
    if (is_word(part, name, "free_monitor") && part[name] != '=') {
        config->flags |= DISCO_MODEL_FREE_MONITOR;
        return NULL;
    }
    for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (!is_word(part, name, keys[i].name))
            continue;
        if (part[name] == '=' &&
            !take_number(part + name + 1, keys[i].kind,
                         (uint32_t *)(void *)((char *)config + keys[i].offset)))
            return NULL;
        return "has no good number";
    }
    return "is not known";
}

const char *model_parse(const char *value, int *wanted,
                        disco_model_config *config, const char **at)
{
    size_t bytes = strcspn(value, ",");
    const char *bad;

    *at = value;
    *wanted = 0;
    if (strcmp(value, "none") == 0)
        return NULL;
    if (!is_word(value, bytes, "ccnuma"))
        return "is not one of none|ccnuma[,key=value...]";
    *wanted = 1;
    memset(config, 0, sizeof(*config));
    config->size = sizeof(*config);
    while (value[bytes]) {
        value += bytes + 1;
        bytes = strcspn(value, ",");
        *at = value;
        bad = take_part(value, config);
        if (bad)
            return bad;
    }
    return NULL;
}

/* --- Figures ----------------------------------------------------------- */

static void put_cpu(FILE *f, const disco_model_cpu_stats *s)
{
    const char *comma = "";
    uint32_t i;

    fprintf(f,
            "{\"node\": %u, \"cycles\": %" PRIu64 ", \"accesses\": %" PRIu64
            ", \"miss_local\": %" PRIu64 ", \"miss_remote\": %" PRIu64
            ", \"miss_dirty\": %" PRIu64 ", \"upgrades\": %" PRIu64
            ", \"writebacks\": %" PRIu64 ", \"invalidated\": %" PRIu64
            ",\n       \"ledger\": {",
            s->node, s->cycles, s->accesses, s->miss_local, s->miss_remote,
            s->miss_dirty, s->upgrades, s->writebacks, s->invalidated);
    for (i = 0; i < DISCO_LEDGER_ENTRIES; i++) {
        if (!disco_ledger_name(i) || (i >= DISCO_LEDGER_TRAP && !s->ledger[i]))
            continue;
        fprintf(f, "%s\"%s\": %" PRIu64, comma, disco_ledger_name(i),
                s->ledger[i]);
        comma = ", ";
    }
    fputs("}}", f);
}

void model_stats(FILE *f, disco_machine *machine, uint32_t cpus, uint32_t nodes)
{
    disco_model_cpu_stats cpu = { .size = sizeof(cpu) };
    disco_model_node_stats node = { .size = sizeof(node) };
    uint64_t cycles = 0, local = 0, remote = 0;
    uint32_t i;

    fputs("  \"model\": {\n    \"cpus\": [\n", f);
    for (i = 0; i < cpus; i++) {
        disco_model_cpu_get(machine, i, &cpu);
        fputs("      ", f);
        put_cpu(f, &cpu);
        fputs(i + 1 < cpus ? ",\n" : "\n", f);
        cycles = cpu.cycles > cycles ? cpu.cycles : cycles;
        local += cpu.miss_local;
        remote += cpu.miss_remote;
    }
    fputs("    ],\n    \"nodes\": [\n", f);
    for (i = 0; i < nodes; i++) {
        disco_model_node_get(machine, i, &node);
        fprintf(f,
                "      {\"served\": %" PRIu64 ", \"from_remote\": %" PRIu64
                ", \"busy_ns\": %" PRIu64 ", \"queue_ns\": %" PRIu64 "}%s\n",
                node.served, node.from_remote, node.busy_ns, node.queue_ns,
                i + 1 < nodes ? "," : "");
    }
    fprintf(f,
            "    ],\n    \"time_ns\": %" PRIu64 ", \"cycles\": %" PRIu64
            ", \"local_share\": %.4f\n  },\n",
            (uint64_t)((double)cycles * 1e9 / disco_machine_cpu_hz(machine)),
            cycles,
            local + remote ? (double)local / (double)(local + remote) : 1.0);
}
