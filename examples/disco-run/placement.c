/*
 * placement.c - page placement: the --policy option, ticks between rounds of
 * the scheduler, and its figures.
 */
#include "placement.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "runner.h"

/* A key of --policy: where its value goes, and the largest. */
struct key {
    const char *name;
    size_t offset;
    int is_wide; /* 64 bits */
    uint64_t max;
    uint64_t unit;
};

#define PARAM(name, field)                                                   \
    {                                                                        \
        name, offsetof(struct policy_option, params.field), 0, UINT32_MAX, 1 \
    }
#define CONFIG(name, field, max)                                      \
    {                                                                 \
        name, offsetof(struct policy_option, config.field), 0, max, 1 \
    }
#define WIDE(name, field, unit)                                            \
    {                                                                      \
        name, offsetof(struct policy_option, field), 1, UINT64_MAX / 1024, \
            unit                                                           \
    }

static const struct key keys[] = {
    PARAM("trigger", trigger),
    PARAM("sharing", sharing),
    PARAM("write", write),
    PARAM("migrate", migrate),
    PARAM("freeze", freeze),
    PARAM("thaw", thaw),
    { "reset-ms", offsetof(struct policy_option, params.reset_ns), 1, 1000000,
      1000000 },
    WIDE("sample", config.sample_cycles, 1),
    CONFIG("weight", sample_weight, UINT32_MAX),
    CONFIG("pages", pages, 1 << 24),
    CONFIG("budget", tick_pages, 1 << 20),
    { "rate", offsetof(struct policy_option, config.rate), 1, 1000000000, 1 },
};

static int bad(struct parser *p, const char *why)
{
    return option_fail(p, "%s %s: %s", p->name, p->value, why);
}

static int put_value(struct policy_option *o, const struct key *key,
                     uint64_t value)
{
    char *at = (char *)o + key->offset;
    uint32_t narrow = (uint32_t)value;

    value *= key->unit;
    if (key->is_wide)
        memcpy(at, &value, sizeof(value));
    else
        memcpy(at, &narrow, sizeof(narrow));
    return 0;
}

/* key=number, ended by a comma or the end. */
static int take_key(struct parser *p, const char *at)
{
    size_t bytes = strcspn(at, "=,");
    char *end;

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        uint64_t value;

        if (strlen(keys[i].name) != bytes ||
            memcmp(at, keys[i].name, bytes) != 0)
            continue;
        at += bytes;
        if (*at != '=' || at[1] < '0' || at[1] > '9')
            return bad(p, "a number follows each key and =");
        errno = 0;
        value = strtoull(at + 1, &end, 10);
        if (errno || (*end && *end != ',') || value > keys[i].max)
            return bad(p, "a value is not a number, or too large");
        return put_value(&p->options->policy, &keys[i], value);
    }
    return bad(p, "keys: trigger, sharing, write, migrate, freeze, thaw, "
                  "reset-ms, sample, weight, pages, budget, rate");
}

int set_policy(struct parser *p)
{
    struct policy_option *o = &p->options->policy;
    size_t bytes = strcspn(p->value, ",");
    const char *at = p->value + bytes;

    memset(o, 0, sizeof(*o));
    if (bytes >= sizeof(o->name))
        bytes = sizeof(o->name) - 1;
    memcpy(o->name, p->value, bytes);
    if (!disco_policy_find(o->name))
        return bad(p, "not one of none|firsttouch|roundrobin|disco");
    o->is_on = 1;
    o->params.size = sizeof(o->params);
    o->config.size = sizeof(o->config);
    while (*at) {
        if (take_key(p, ++at))
            return -1;
        at += strcspn(at, ",");
    }
    return 0;
}

int placement_open(struct runner *runner)
{
    const struct policy_option *o = &runner->options->policy;
    disco_placement_config config = o->config;
    disco_status status;

    if (!o->is_on)
        return 0;
    config.policy = o->name;
    config.params = &o->params;
    status = disco_placement_start(runner->machine, &config);
    return status ? runner_fail_status(runner, "--policy", status) : 0;
}

void placement_tick(struct runner *runner)
{
    if (runner->options->policy.is_on)
        disco_placement_tick(runner->machine, 0, NULL);
}

static void put_refused(FILE *f, const disco_placement_stats *s)
{
    const char *comma = "";

    fputs("\"refused\": {", f);
#define PUT_REFUSED(name, value, text)                                 \
    fprintf(f, "%s\"%s\": %" PRIu64, comma, #name, s->refused[value]); \
    comma = ", ";
    DISCO_REFUSED_LIST(PUT_REFUSED)
#undef PUT_REFUSED
    fputs("}},\n", f);
}

void placement_put(FILE *f, const struct runner *runner)
{
    disco_placement_stats s = { .size = sizeof(s) };

    if (disco_placement_stats_get(runner->machine, &s))
        return;
    fprintf(f, "  \"placement\": {\"policy\": \"%s\", ",
            runner->options->policy.name);
    fprintf(f, "\"pages\": %u, \"samples\": %" PRIu64 ", ", s.pages, s.samples);
    fprintf(f, "\"ticks\": %" PRIu64 ", \"intervals\": %" PRIu64 ", ", s.ticks,
            s.intervals);
    fprintf(f, "\"hot\": %" PRIu64 ", \"hot_lost\": %" PRIu64 ", ", s.hot,
            s.hot_lost);
    fprintf(f, "\"evicted\": %" PRIu64 ", \"migrations\": %" PRIu64 ", ",
            s.evicted, s.migrations);
    fprintf(f, "\"replications\": %" PRIu64 ", \"collapses\": %" PRIu64 ", ",
            s.replications, s.collapses);
    fprintf(f, "\"broken\": %" PRIu64 ", \"frozen\": %" PRIu64 ", ", s.broken,
            s.frozen);
    fprintf(f, "\"thawed\": %" PRIu64 ", ", s.thawed);
    put_refused(f, &s);
}
