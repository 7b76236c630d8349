/*
 * synthetic.c - topologies as text, in hwloc's synthetic spelling and with the
 * few additions that numa.h names.  Needs no hwloc.
 *
 * Text comes from users and files: every number is bounded before it is used.
 */
#include <string.h>

#include "base/bits.h"
#include "base/config.h"
#include "base/compiler.h"
#include "base/error.h"
#include "mem/addr.h"
#include "numa/topology.h"

enum level_type {
    LEVEL_ANY, /* a bare number */
    LEVEL_MACHINE,
    LEVEL_GROUP,
    LEVEL_PACKAGE,
    LEVEL_DIE,
    LEVEL_NODE,
    LEVEL_CACHE,
    LEVEL_CORE,
    LEVEL_PU
};

static const struct {
    const char *name;
    enum level_type type;
} names[] = {
    { "machine", LEVEL_MACHINE }, { "system", LEVEL_MACHINE },
    { "group", LEVEL_GROUP },     { "package", LEVEL_PACKAGE },
    { "pack", LEVEL_PACKAGE },    { "socket", LEVEL_PACKAGE },
    { "die", LEVEL_DIE },         { "numanode", LEVEL_NODE },
    { "numa", LEVEL_NODE },       { "node", LEVEL_NODE },
    { "core", LEVEL_CORE },       { "pu", LEVEL_PU },
    { "thread", LEVEL_PU },       { "l1", LEVEL_CACHE },
    { "l2", LEVEL_CACHE },        { "l3", LEVEL_CACHE },
    { "l4", LEVEL_CACHE },        { "l5", LEVEL_CACHE },
    { "l1cache", LEVEL_CACHE },   { "l2cache", LEVEL_CACHE },
    { "l3cache", LEVEL_CACHE },   { "l4cache", LEVEL_CACHE },
    { "l5cache", LEVEL_CACHE },   { "l1d", LEVEL_CACHE },
    { "l1i", LEVEL_CACHE },       { "l2d", LEVEL_CACHE },
    { "l2u", LEVEL_CACHE },       { "l3u", LEVEL_CACHE },
    { "l1dcache", LEVEL_CACHE },  { "l1icache", LEVEL_CACHE },
    { "l2ucache", LEVEL_CACHE },  { "l3ucache", LEVEL_CACHE },
};

struct reader {
    const char *text;
    const char *at;
    disco_error *err;
    uint64_t nodes;   /* 0: no NUMANode yet */
    uint64_t objects; /* at the present level */
    uint64_t below;   /* CPUs of a node, or of the machine before there are */
    enum level_type last;
    int has_cpus;      /* cpus= was given */
    const char *node;  /* where the NUMANode stands */
    const char *wants; /* where distances= begins, or NULL */
    uint32_t lists;    /* numbers in distances= */
    uint16_t matrix[TOPOLOGY_NODES_MAX * TOPOLOGY_NODES_MAX];
    uint32_t memories;
    uint64_t memory[TOPOLOGY_NODES_MAX];
    uint32_t cpu_counts;
    uint32_t cpus[TOPOLOGY_NODES_MAX];
};

static disco_status fail_at(struct reader *r, const char *at,
                            disco_status status, const char *what)
{
    return error_fill(r->err, status, (uint64_t)(at - r->text),
                      "topology: at %u: %s", (uint32_t)(at - r->text), what);
}

static disco_status fail(struct reader *r, const char *what)
{
    return fail_at(r, r->at, DISCO_E_INVAL, what);
}

static int is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_space(struct reader *r)
{
    while (is_space(*r->at))
        r->at++;
}

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static disco_status read_number(struct reader *r, uint64_t max, uint64_t *value)
{
    const char *start = r->at;
    uint64_t v = 0;

    if (!is_digit(*r->at))
        return fail(r, "a number is missing");
    for (; is_digit(*r->at); r->at++) {
        v = v * 10 + (uint64_t)(*r->at - '0');
        if (v > max)
            return fail_at(r, start, DISCO_E_RANGE, "the number is too large");
    }
    *value = v;
    return 0;
}

/* Length of a word that begins here and is `name`, or 0. */
static size_t word_is(const char *at, const char *name)
{
    size_t i;

    for (i = 0; name[i]; i++)
        if (lower(at[i]) != name[i])
            return 0;
    return i;
}

/* --- Attributes ---------------------------------------------------------- */

/* 1GB, 512 MB, 4096: by 1024, with or without an i. */
static disco_status read_bytes(struct reader *r, uint64_t *bytes)
{
    static const char units[] = "kmgt";
    const char *start = r->at, *unit;
    disco_status status = read_number(r, GPA_END, bytes);
    uint32_t shift = 0;

    if (status)
        return status;
    unit = *r->at ? strchr(units, lower(*r->at)) : NULL;
    if (unit && *unit) {
        shift = 10 * ((uint32_t)(unit - units) + 1);
        r->at++;
        if (lower(*r->at) == 'i')
            r->at++;
    }
    if (lower(*r->at) == 'b')
        r->at++;
    if (*bytes > GPA_END >> shift)
        return fail_at(r, start, DISCO_E_RANGE, "more than 2^40 bytes");
    *bytes <<= shift;
    if (!is_aligned(*bytes, PAGE_BYTES))
        return fail_at(r, start, DISCO_E_INVAL, "not a multiple of 4096 bytes");
    return 0;
}

static disco_status read_memories(struct reader *r)
{
    disco_status status;

    for (r->memories = 0;; r->at++) {
        if (r->memories == TOPOLOGY_NODES_MAX)
            return fail(r, "more sizes than there can be nodes");
        status = read_bytes(r, &r->memory[r->memories++]);
        if (status || *r->at != ',')
            return status;
    }
}

static disco_status read_cpus(struct reader *r)
{
    disco_status status;
    uint64_t value = 0;

    r->has_cpus = 1;
    for (r->cpu_counts = 0;; r->at++) {
        if (r->cpu_counts == TOPOLOGY_NODES_MAX)
            return fail(r, "more CPU counts than there can be nodes");
        status = read_number(r, TOPOLOGY_NODE_CPUS_MAX, &value);
        if (status)
            return status;
        r->cpus[r->cpu_counts++] = (uint32_t)value;
        if (*r->at != ',')
            return 0;
    }
}

static disco_status read_distances(struct reader *r)
{
    disco_status status;
    uint64_t value = 0;

    r->wants = r->at;
    for (r->lists = 0;; r->at++) {
        if (r->lists == ARRAY_LEN(r->matrix))
            return fail(r, "more distances than there can be");
        status = read_number(r, UINT16_MAX, &value);
        if (status)
            return status;
        if (!value)
            return fail(r, "a distance is at least 1");
        r->matrix[r->lists++] = (uint16_t)value;
        if (*r->at != ',')
            return 0;
    }
}

/* What is not ours to understand: indexes=2*2, size=1MB and the like. */
static disco_status skip_attribute(struct reader *r)
{
    while (*r->at && *r->at != ')' && *r->at != '(' && !is_space(*r->at))
        r->at++;
    return 0;
}

static disco_status read_attribute(struct reader *r, enum level_type type)
{
    static const struct {
        const char *name;
        disco_status (*read)(struct reader *r);
    } known[] = {
        { "memory=", read_memories },
        { "cpus=", read_cpus },
        { "distances=", read_distances },
    };
    size_t i, n;

    for (i = 0; type == LEVEL_NODE && i < ARRAY_LEN(known); i++) {
        n = word_is(r->at, known[i].name);
        if (!n)
            continue;
        r->at += n;
        return known[i].read(r);
    }
    if (!is_letter(*r->at))
        return fail(r, "an attribute is missing");
    return skip_attribute(r);
}

/* "(name=value name=value)", if there is one. */
static disco_status read_attributes(struct reader *r, enum level_type type)
{
    disco_status status;

    if (*r->at != '(')
        return 0;
    r->at++;
    for (;;) {
        skip_space(r);
        if (*r->at == ')')
            break;
        if (!*r->at)
            return fail(r, "a ) is missing");
        status = read_attribute(r, type);
        if (status)
            return status;
        if (*r->at && *r->at != ')' && !is_space(*r->at))
            return fail(r, "the attribute's value goes on strangely");
    }
    r->at++;
    return 0;
}

/* --- Levels -------------------------------------------------------------- */

static disco_status read_type(struct reader *r, enum level_type *type)
{
    const char *start = r->at, *end = r->at;
    size_t i, n;

    while (is_letter(*end) || is_digit(*end))
        end++;
    for (i = 0; i < ARRAY_LEN(names); i++) {
        n = word_is(start, names[i].name);
        /* A group may be numbered by its depth. */
        if (n && names[i].type == LEVEL_GROUP)
            while (is_digit(start[n]))
                n++;
        if (!n || start + n != end)
            continue;
        *type = names[i].type;
        r->at = end;
        return 0;
    }
    return fail(r, "not a type of level");
}

static disco_status set_nodes(struct reader *r, const char *at, uint64_t nodes)
{
    if (r->nodes)
        return fail_at(r, at, DISCO_E_INVAL, "a second kind of NUMANode");
    if (nodes > TOPOLOGY_NODES_MAX)
        return fail_at(r, at, DISCO_E_RANGE, "more than 64 nodes");
    r->nodes = nodes;
    r->node = at;
    r->below = 1;
    return 0;
}

/* "[NUMANode(...)]": memory that hangs at the level before. */
static disco_status read_attached(struct reader *r)
{
    const char *start = r->at;
    enum level_type type;
    disco_status status;

    r->at++;
    skip_space(r);
    start = r->at;
    status = read_type(r, &type);
    if (status)
        return status;
    if (type != LEVEL_NODE)
        return fail_at(r, start, DISCO_E_INVAL,
                       "only a NUMANode hangs at a level");
    status = read_attributes(r, type);
    if (status)
        return status;
    skip_space(r);
    if (*r->at != ']')
        return fail(r, "a ] is missing");
    r->at++;
    return set_nodes(r, start, r->objects);
}

/* Does the level fit below the one before? */
static disco_status check_order(struct reader *r, const char *at,
                                enum level_type type, uint64_t count)
{
    if (r->last == LEVEL_PU)
        return fail_at(r, at, DISCO_E_INVAL, "nothing is below a PU");
    if (type == LEVEL_MACHINE && (r->last != LEVEL_ANY || count != 1))
        return fail_at(r, at, DISCO_E_INVAL, "the machine is one, at the top");
    if (r->last == LEVEL_CORE && type != LEVEL_PU && type != LEVEL_ANY)
        return fail_at(r, at, DISCO_E_INVAL, "only PUs are below a core");
    if (!count)
        return fail_at(r, at, DISCO_E_INVAL, "a level of no objects");
    return 0;
}

static disco_status read_level(struct reader *r)
{
    const char *start = r->at;
    enum level_type type = LEVEL_ANY;
    disco_status status = 0;
    uint64_t count = 0;

    if (!is_digit(*r->at)) {
        status = read_type(r, &type);
        if (!status && *r->at != ':')
            return fail(r, "a : and a number are missing");
        r->at += !status;
    }
    if (!status)
        status = read_number(r, TOPOLOGY_CPUS_MAX, &count);
    if (!status)
        status = check_order(r, start, type, count);
    if (!status)
        status = read_attributes(r, type);
    if (status)
        return status;
    r->objects *= count;
    if (type == LEVEL_NODE) {
        status = set_nodes(r, start, r->objects);
        if (status)
            return status;
    } else {
        r->below *= count;
    }
    if (r->objects > TOPOLOGY_CPUS_MAX)
        return fail_at(r, start, DISCO_E_RANGE, "more than 4096 objects");
    if (type != LEVEL_ANY)
        r->last = type;
    if (*r->at && *r->at != '[' && !is_space(*r->at))
        return fail(r, "a space is missing");
    return 0;
}

static disco_status read_levels(struct reader *r)
{
    disco_status status = 0;

    skip_space(r);
    if (!*r->at)
        return fail(r, "nothing is described");
    for (; *r->at && !status; skip_space(r))
        status = *r->at == '[' ? read_attached(r) : read_level(r);
    return status;
}

/* --- The result ---------------------------------------------------------- */

static disco_status check_lists(struct reader *r)
{
    if (!r->nodes) {
        r->nodes = 1;
        r->node = r->text;
    }
    if (r->below > TOPOLOGY_NODE_CPUS_MAX && !r->has_cpus)
        return fail_at(r, r->node, DISCO_E_RANGE, "more than 64 CPUs a node");
    if (r->memories > r->nodes)
        return fail_at(r, r->node, DISCO_E_INVAL, "more sizes than nodes");
    if (r->cpu_counts > r->nodes)
        return fail_at(r, r->node, DISCO_E_INVAL, "more CPU counts than nodes");
    if (r->lists && r->lists != r->nodes * r->nodes)
        return fail_at(r, r->wants, DISCO_E_INVAL,
                       "distances are nodes * nodes numbers");
    return 0;
}

static void fill(const struct reader *r, disco_topology *t)
{
    uint32_t i, j;

    topology_uniform(t, (uint32_t)r->nodes, (uint32_t)r->below);
    for (i = 0; i < t->nodes; i++) {
        if (r->has_cpus)
            t->cpus[i] = r->cpus[i % r->cpu_counts];
        if (r->memories)
            t->bytes[i] = r->memory[i % r->memories];
        for (j = 0; j < t->nodes && r->lists; j++)
            t->distance[i][j] = r->matrix[i * t->nodes + j];
    }
}

disco_status disco_topology_parse(const char *text, disco_topology *out,
                                  disco_error *err)
{
    struct reader r;
    struct topology checked;
    disco_topology t;
    disco_status status;

    if (!text || !out)
        return error_fill(err, DISCO_E_INVAL, 0, "topology: NULL");
    memset(&r, 0, sizeof(r));
    r.text = r.at = text;
    r.err = err;
    r.objects = r.below = 1;
    status = read_levels(&r);
    if (!status)
        status = check_lists(&r);
    if (status)
        return status;
    fill(&r, &t);
    status = topology_init(&checked, &t, PAGE_BYTES, err);
    return status ? status : config_give(out, &t, sizeof(t));
}
