/*
 * xml.c - topologies from what hwloc writes as XML.  Reads elements and
 * attributes that matter here, and no more of XML than hwloc uses; needs no
 * hwloc, whose own reader trusts its input.
 *
 * Input is hostile: every length and number is bounded before it is used.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/compiler.h"
#include "base/config.h"
#include "base/error.h"
#include "mem/addr.h"
#include "numa/topology.h"

enum { XML_BYTES_MAX = 16 << 20, CPU_WORDS = TOPOLOGY_CPUS_MAX / 32 };

/* A piece of the text. */
struct span {
    const char *at;
    const char *end;
};

struct cpuset {
    uint32_t word[CPU_WORDS]; /* lowest first */
};

struct node {
    uint64_t os_index;
    uint64_t gp_index;
};

struct matrix {
    uint32_t count;  /* nodes it is about; 0: none open */
    int is_by_gp;    /* its nodes are named by gp_index */
    uint32_t names;  /* read so far */
    uint32_t values; /* ... */
    uint64_t name[TOPOLOGY_NODES_MAX];
    uint64_t value[TOPOLOGY_NODES_MAX * TOPOLOGY_NODES_MAX];
};

struct reader {
    const char *text;
    struct span in; /* what is left */
    disco_error *err;
    int has_root;
    disco_topology t;
    struct cpuset taken;
    struct node node[TOPOLOGY_NODES_MAX];
    struct matrix matrix;
    int has_distances;
};

static disco_status fail(struct reader *r, disco_status status,
                         const char *what)
{
    uint64_t at = (uint64_t)(r->in.at - r->text);

    return error_fill(r->err, status, at, "topology: XML at %llu: %s",
                      (unsigned long long)at, what);
}

static int is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static int span_is(struct span s, const char *text)
{
    size_t bytes = strlen(text);

    return (size_t)(s.end - s.at) == bytes && memcmp(s.at, text, bytes) == 0;
}

/* The value of an attribute in a tag's inside; 0 when it is not there. */
static int attribute(struct span tag, const char *name, struct span *out)
{
    size_t bytes = strlen(name);
    const char *p = tag.at, *key, *close;

    while (p < tag.end) {
        while (p < tag.end && is_space(*p))
            p++;
        key = p;
        while (p < tag.end && *p != '=' && !is_space(*p))
            p++;
        if (tag.end - p < 2 || p[0] != '=' || p[1] != '"') {
            p++;
            continue;
        }
        close = memchr(p + 2, '"', (size_t)(tag.end - p - 2));
        if (!close)
            return 0;
        out->at = p + 2;
        out->end = close;
        if ((size_t)(p - key) == bytes && memcmp(key, name, bytes) == 0)
            return 1;
        p = close + 1;
    }
    return 0;
}

/* A decimal number at the front, or 0 is returned. */
static int take_number(struct span *s, uint64_t *value)
{
    uint64_t v = 0;

    while (s->at < s->end && is_space(*s->at))
        s->at++;
    if (s->at == s->end || *s->at < '0' || *s->at > '9')
        return 0;
    for (; s->at < s->end && *s->at >= '0' && *s->at <= '9'; s->at++) {
        if (v > UINT64_MAX / 10 - 1)
            return 0;
        v = v * 10 + (uint64_t)(*s->at - '0');
    }
    *value = v;
    return 1;
}

static int number_attribute(struct span tag, const char *name, uint64_t *value)
{
    struct span s;

    return attribute(tag, name, &s) && take_number(&s, value);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "0x0000000f,0x00000001": words of 32 bits, highest first. */
static disco_status read_cpuset(struct reader *r, struct span s,
                                struct cpuset *out)
{
    uint32_t words = 0, i, w, digits;
    const char *p;

    memset(out, 0, sizeof(*out));
    for (p = s.at; p < s.end; p++)
        words += *p == ',';
    if (words >= CPU_WORDS)
        return fail(r, DISCO_E_RANGE, "a cpuset of more than 4096 CPUs");
    for (i = words + 1, p = s.at; i-- > 0; p++) {
        if (s.end - p >= 2 && p[0] == '0' && p[1] == 'x')
            p += 2;
        for (w = digits = 0; p < s.end && hex_digit(*p) >= 0; p++, digits++)
            w = w << 4 | (uint32_t)hex_digit(*p);
        /* An empty word stands for zero. */
        if (digits > 8 || (p < s.end && *p != ','))
            return fail(r, DISCO_E_CORRUPT, "not a cpuset");
        out->word[i] = w;
    }
    return 0;
}

/* CPUs of the set that no node has yet. */
static uint32_t take_cpus(struct reader *r, const struct cpuset *set)
{
    uint32_t i, fresh, count = 0;

    for (i = 0; i < CPU_WORDS; i++) {
        fresh = set->word[i] & ~r->taken.word[i];
        r->taken.word[i] |= fresh;
        count += (uint32_t)__builtin_popcount(fresh);
    }
    return count;
}

static disco_status read_node(struct reader *r, struct span tag)
{
    uint32_t i = r->t.nodes;
    struct cpuset set;
    uint64_t bytes = 0;
    disco_status status;
    struct span s;

    if (i == TOPOLOGY_NODES_MAX)
        return fail(r, DISCO_E_RANGE, "more than 64 nodes");
    if (!attribute(tag, "cpuset", &s))
        return fail(r, DISCO_E_CORRUPT, "a node without a cpuset");
    status = read_cpuset(r, s, &set);
    if (status)
        return status;
    r->t.cpus[i] = take_cpus(r, &set);
    if (r->t.cpus[i] > TOPOLOGY_NODE_CPUS_MAX)
        return fail(r, DISCO_E_RANGE, "more than 64 CPUs a node");
    number_attribute(tag, "local_memory", &bytes);
    r->t.bytes[i] = min_u64(bytes, GPA_END) & ~(uint64_t)(PAGE_BYTES - 1);
    r->node[i].os_index = r->node[i].gp_index = UINT64_MAX;
    number_attribute(tag, "os_index", &r->node[i].os_index);
    number_attribute(tag, "gp_index", &r->node[i].gp_index);
    r->t.nodes++;
    return 0;
}

/* --- Distances -------------------------------------------------------------
 */

/* The first matrix of latencies between nodes is taken. */
static void open_matrix(struct reader *r, struct span tag)
{
    enum { MEANS_BANDWIDTH = 8 };
    uint64_t count = 0, kind = 0;
    struct span s;

    memset(&r->matrix, 0, sizeof(r->matrix));
    number_attribute(tag, "nbobjs", &count);
    number_attribute(tag, "kind", &kind);
    if (r->has_distances || (kind & MEANS_BANDWIDTH) || !count ||
        count > TOPOLOGY_NODES_MAX || !attribute(tag, "type", &s) ||
        !span_is(s, "NUMANode"))
        return;
    r->matrix.count = (uint32_t)count;
    r->matrix.is_by_gp = attribute(tag, "indexing", &s) && span_is(s, "gp");
}

static void take_numbers(struct span s, uint64_t *list, uint32_t *count,
                         uint32_t max)
{
    while (*count < max && take_number(&s, &list[*count]))
        ++*count;
}

static uint32_t find_node(const struct reader *r, uint64_t name)
{
    uint32_t i;

    for (i = 0; i < r->t.nodes; i++)
        if ((r->matrix.is_by_gp ? r->node[i].gp_index : r->node[i].os_index) ==
            name)
            return i;
    return TOPOLOGY_NODES_MAX;
}

/* Values of any unit; the largest shall fit. */
static void close_matrix(struct reader *r)
{
    struct matrix *m = &r->matrix;
    uint32_t i, j, from, to, all = m->count * m->count;
    uint64_t most = 1, value;

    if (!m->count || m->names < m->count || m->values < all)
        return;
    r->has_distances = 1;
    for (i = 0; i < all; i++)
        most = max_u64(most, m->value[i]);
    for (i = 0; i < m->count; i++)
        for (j = 0; j < m->count; j++) {
            from = find_node(r, m->name[i]);
            to = find_node(r, m->name[j]);
            value = m->value[i * m->count + j];
            if (most > UINT16_MAX)
                value /= most / UINT16_MAX + 1;
            if (from < TOPOLOGY_NODES_MAX && to < TOPOLOGY_NODES_MAX)
                r->t.distance[from][to] = (uint16_t)max_u64(value, 1);
        }
    m->count = 0;
}

/* --- Elements --------------------------------------------------------------
 */

/* What stands between this tag and the next. */
static struct span content(const struct reader *r)
{
    struct span s = r->in;
    const char *next = memchr(s.at, '<', (size_t)(s.end - s.at));

    if (next)
        s.end = next;
    return s;
}

static disco_status element(struct reader *r, struct span name, struct span tag)
{
    struct matrix *m = &r->matrix;
    struct span type;

    if (!r->has_root && !span_is(name, "topology"))
        return fail(r, DISCO_E_CORRUPT, "not a topology");
    r->has_root = 1;
    if (span_is(name, "object") && attribute(tag, "type", &type) &&
        span_is(type, "NUMANode"))
        return read_node(r, tag);
    if (span_is(name, "distances2"))
        open_matrix(r, tag);
    else if (span_is(name, "/distances2"))
        close_matrix(r);
    else if (m->count && span_is(name, "indexes"))
        take_numbers(content(r), m->name, &m->names, m->count);
    else if (m->count && span_is(name, "u64values"))
        take_numbers(content(r), m->value, &m->values, m->count * m->count);
    return 0;
}

/* The next tag: 0, CORRUPT, or NOENT at the end. */
static disco_status next_tag(struct reader *r)
{
    struct span name, tag;
    const char *open, *close;

    open = memchr(r->in.at, '<', (size_t)(r->in.end - r->in.at));
    if (!open)
        return DISCO_E_NOENT;
    r->in.at = open + 1;
    close = memchr(r->in.at, '>', (size_t)(r->in.end - r->in.at));
    if (!close)
        return fail(r, DISCO_E_CORRUPT, "a tag without an end");
    name.at = name.end = r->in.at;
    while (name.end < close && !is_space(*name.end))
        name.end++;
    tag.at = name.end;
    tag.end = close;
    r->in.at = close + 1;
    if (name.at == close || *name.at == '?' || *name.at == '!')
        return 0;
    return element(r, name, tag);
}

static disco_status read_all(struct reader *r)
{
    disco_status status;
    int is_closed = 0;

    while (!(status = next_tag(r)))
        is_closed = r->in.at - r->text >= 11 &&
                    memcmp(r->in.at - 11, "</topology>", 11) == 0;
    if (status != DISCO_E_NOENT)
        return status;
    if (!is_closed)
        return fail(r, DISCO_E_CORRUPT, "the topology has no end");
    if (!r->t.nodes)
        return fail(r, DISCO_E_CORRUPT, "no NUMA node");
    return 0;
}

disco_status disco_topology_import_xml(const void *xml, uint64_t bytes,
                                       disco_topology *out, disco_error *err)
{
    struct topology *checked;
    disco_status status;
    struct reader *r;

    if (!xml || !out || !bytes || bytes > XML_BYTES_MAX)
        return error_fill(err, DISCO_E_INVAL, bytes,
                          "topology: XML of %llu bytes, not from 1 to 16 MiB",
                          (unsigned long long)bytes);
    r = calloc(1, sizeof(*r) + sizeof(*checked));
    if (!r)
        return error_fill(err, DISCO_E_NOMEM, 0, "topology: no host memory");
    checked = (struct topology *)(void *)(r + 1);
    r->text = r->in.at = xml;
    r->in.end = r->text + bytes;
    r->err = err;
    r->t.size = sizeof(r->t);
    status = read_all(r);
    if (!status)
        status = topology_init(checked, &r->t, PAGE_BYTES, err);
    if (!status)
        status = config_give(out, &r->t, sizeof(r->t));
    free(r);
    return status;
}
