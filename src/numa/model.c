/*
 * model.c - see model.h.
 *
 * A miss: the request waits until the home node's memory controller is free,
 * keeps it busy for `service`, and takes the latency from the asking node to
 * the home node, more when another cache must give the line up or copies must
 * be ended.  Lines that are replaced are told to the directory at once; changed
 * ones keep their home's controller busy, but nobody waits for them.
 */
#include "numa/model.h"

#include "base/bits.h"
#include "base/compiler.h"

#define NS_PER_S UINT64_C(1000000000)

/* --- Life ---------------------------------------------------------------- */

static uint64_t cycles_of(const struct model *m, uint32_t ns)
{
    return ns == DISCO_MODEL_NOTHING ? 0 : scale_ceil(ns, m->hz, NS_PER_S);
}

uint64_t model_cycles_to_ns(const struct model *m, uint64_t cycles)
{
    return scale_floor(cycles, NS_PER_S, m->hz);
}

static void fill_latency(struct model *m)
{
    uint64_t local = cycles_of(m, m->config.local_ns);
    uint64_t remote = cycles_of(m, m->config.remote_ns);
    uint32_t from, to, distance;

    for (from = 0; from < m->nodes; from++) {
        for (to = 0; to < m->nodes; to++) {
            distance = topology_distance(m->topology, from, to);
            if (m->config.flags & DISCO_MODEL_UMA || from == to ||
                distance < DISTANCE_LOCAL)
                distance = DISTANCE_LOCAL;
            m->latency[from * m->nodes + to] =
                local + scale_ceil(remote - local, distance - DISTANCE_LOCAL,
                                   DISTANCE_REMOTE - DISTANCE_LOCAL);
        }
    }
}

static void fill_costs(struct model *m)
{
    const disco_model_config *c = &m->config;
    uint32_t i;

    if (!(c->flags & DISCO_MODEL_UMA))
        m->service = cycles_of(m, c->service_ns);
    m->dirty = cycles_of(m, c->dirty_ns);
    m->invalidate = cycles_of(m, c->invalidate_ns);
    if (c->flags & DISCO_MODEL_FREE_MONITOR)
        return;
    for (i = 0; i < ARRAY_LEN(m->trap); i++)
        m->trap[i] = cycles_of(m, c->trap_ns[i]);
    for (i = 0; i < ARRAY_LEN(m->page); i++)
        m->page[i] = cycles_of(m, c->page_ns[i]);
}

static disco_status make_parts(struct model *m)
{
    const disco_model_config *c = &m->config;
    uint32_t lines = c->cache_bytes / c->line_bytes, i;
    disco_status status;

    m->latency = alloc_array(m->alloc, (uint64_t)m->nodes * m->nodes,
                             sizeof(*m->latency));
    m->cpu = alloc_array(m->alloc, m->cpus, sizeof(*m->cpu));
    m->node = alloc_array(m->alloc, m->nodes, sizeof(*m->node));
    if (!m->latency || !m->cpu || !m->node)
        return DISCO_E_NOMEM;
    for (i = 0; i < m->cpus; i++) {
        status = cpu_cache_init(&m->cpu[i].cache, m->alloc, lines / c->ways,
                                c->ways, c->line_bytes);
        if (status)
            return status;
    }
    return directory_init(&m->directory, m->alloc, (uint64_t)lines * m->cpus);
}

disco_status model_create(struct alloc *alloc, const struct topology *topology,
                          const disco_model_config *config, uint64_t hz,
                          struct model **out)
{
    struct model *m = alloc_zeroed(alloc, sizeof(*m));
    disco_status status;

    if (!m)
        return DISCO_E_NOMEM;
    m->alloc = alloc;
    m->topology = topology;
    m->config = *config;
    m->cpus = topology_cpus(topology);
    m->nodes = topology->nodes;
    m->hz = hz;
    status = make_parts(m);
    if (status) {
        model_destroy(m);
        return status;
    }
    fill_latency(m);
    fill_costs(m);
    *out = m;
    return 0;
}

void model_destroy(struct model *m)
{
    uint32_t i;

    if (!m)
        return;
    for (i = 0; m->cpu && i < m->cpus; i++)
        if (m->cpu[i].cache.line)
            cpu_cache_destroy(&m->cpu[i].cache, m->alloc);
    if (m->directory.entry)
        directory_destroy(&m->directory, m->alloc);
    alloc_free(m->alloc, m->latency,
               (uint64_t)m->nodes * m->nodes * sizeof(*m->latency));
    alloc_free(m->alloc, m->cpu, m->cpus * sizeof(*m->cpu));
    alloc_free(m->alloc, m->node, m->nodes * sizeof(*m->node));
    alloc_free(m->alloc, m, sizeof(*m));
}

/* --- An access ----------------------------------------------------------- */

static uint64_t request(struct model *m, const struct model_access *a)
{
    struct model_node *home = &m->node[a->home];

    home->from_remote += topology_cpu_node(m->topology, a->cpu) != a->home;
    return queue_take(&home->queue, a->time, m->service);
}

/* Its line goes; a changed one goes home. */
static void evict(struct model *m, const struct model_access *a,
                  disco_backend_line *line)
{
    uint64_t name = line->name;
    /* Which memory is behind it?  The node stands in the name. */
    uint64_t node = name >> m->cpu[a->cpu].cache.node_shift;

    if (line->state == LINE_INVALID)
        return;
    directory_drop(&m->directory, name, a->cpu);
    if (line->state == LINE_MODIFIED) {
        m->cpu[a->cpu].writebacks++;
        /* Memory of the host's own belongs to no node: it goes nowhere. */
        if (node < m->nodes)
            queue_take(&m->node[node].queue, a->time, m->service);
    }
    cpu_cache_set(line, DISCO_LINE_NONE, LINE_INVALID);
}

/* End all copies but this CPU's. Returns how many there were. */
static uint32_t end_copies(struct model *m, uint64_t name, uint64_t sharers)
{
    uint32_t count = 0, cpu;

    while (sharers) {
        cpu = (uint32_t)__builtin_ctzll(sharers);
        sharers &= sharers - 1;
        cpu_cache_set(cpu_cache_find(&m->cpu[cpu].cache, name), DISCO_LINE_NONE,
                      LINE_INVALID);
        directory_drop(&m->directory, name, cpu);
        m->cpu[cpu].invalidated++;
        count++;
    }
    return count;
}

/* Others lose the line.  Returns what that adds to the latency. */
static uint64_t take_alone(struct model *m, const struct model_access *a)
{
    struct directory_entry *e = directory_find(&m->directory, a->name);
    uint64_t others;
    uint32_t owned;

    if (!e)
        return 0;
    owned = e->owned;
    others = e->sharers & ~(UINT64_C(1) << a->cpu);
    if (owned) {
        end_copies(m, a->name, others);
        m->cpu[a->cpu].miss_dirty++;
        return m->dirty;
    }
    return m->invalidate * end_copies(m, a->name, others);
}

/* Another cache that has the line alone keeps a shared copy. */
static uint64_t share(struct model *m, const struct model_access *a)
{
    struct directory_entry *e = directory_find(&m->directory, a->name);
    disco_backend_line *line;

    if (!e || !e->owned)
        return 0;
    line = cpu_cache_find(&m->cpu[__builtin_ctzll(e->sharers)].cache, a->name);
    if (line->state == LINE_MODIFIED)
        queue_take(&m->node[a->home].queue, a->time, m->service);
    cpu_cache_set(line, a->name, LINE_SHARED);
    e->owned = 0;
    m->cpu[a->cpu].miss_dirty++;
    return m->dirty;
}

static disco_backend_line *miss(struct model *m, const struct model_access *a,
                                struct model_cost *cost)
{
    uint32_t is_write = a->access & DISCO_WRITE, node;
    struct model_cpu *cpu = &m->cpu[a->cpu];
    disco_backend_line *line;

    node = topology_cpu_node(m->topology, a->cpu);
    cost->is_miss = 1;
    cost->is_remote = node != a->home && !(m->config.flags & DISCO_MODEL_UMA);
    cost->wait = request(m, a);
    cost->latency = m->latency[node * m->nodes + a->home];
    cost->latency += is_write ? take_alone(m, a) : share(m, a);
    line = cpu_cache_victim(&cpu->cache, a->name);
    evict(m, a, line);
    if (directory_find(&m->directory, a->name)) {
        cpu_cache_set(line, a->name, LINE_SHARED);
        directory_add(&m->directory, a->name, a->cpu, 0);
    } else {
        cpu_cache_set(line, a->name, is_write ? LINE_MODIFIED : LINE_EXCLUSIVE);
        directory_add(&m->directory, a->name, a->cpu, 1);
    }
    if (cost->is_remote)
        cpu->miss_remote++;
    else
        cpu->miss_local++;
    return line;
}

/* A store to a line that others may have, too. */
static void upgrade(struct model *m, const struct model_access *a,
                    disco_backend_line *line, struct model_cost *cost)
{
    uint32_t node = topology_cpu_node(m->topology, a->cpu);
    uint32_t percent = m->config.upgrade_percent;

    if (percent == DISCO_MODEL_NOTHING)
        percent = 0;
    cost->is_remote = node != a->home && !(m->config.flags & DISCO_MODEL_UMA);
    cost->wait = request(m, a);
    cost->latency =
        scale_ceil(m->latency[node * m->nodes + a->home], percent, 100);
    cost->latency += take_alone(m, a);
    cpu_cache_set(line, a->name, LINE_MODIFIED);
    directory_add(&m->directory, a->name, a->cpu, 1);
    m->cpu[a->cpu].upgrades++;
}

disco_backend_line *model_line(struct model *m, const struct model_access *a,
                               struct model_cost *cost)
{
    disco_backend_line *line = cpu_cache_find(&m->cpu[a->cpu].cache, a->name);

    *cost = (struct model_cost){ 0 };
    if (!line)
        line = miss(m, a, cost);
    else if (a->access & DISCO_WRITE && line->state == LINE_SHARED)
        upgrade(m, a, line, cost);
    else if (a->access & DISCO_WRITE)
        cpu_cache_set(line, a->name, LINE_MODIFIED);
    cpu_cache_use(line);
    return line;
}

void model_dma(struct model *m, uint64_t name, uint32_t access)
{
    struct directory_entry *e = directory_find(&m->directory, name);
    disco_backend_line *line;

    if (!e)
        return;
    if (access & DISCO_WRITE) {
        end_copies(m, name, e->sharers);
        return;
    }
    line = cpu_cache_find(&m->cpu[__builtin_ctzll(e->sharers)].cache, name);
    if (e->owned)
        cpu_cache_set(line, name, LINE_EXCLUSIVE);
}

/* --- Consistency --------------------------------------------------------- */

static const char *verify_line(const struct model *m, uint32_t cpu,
                               const disco_backend_line *line)
{
    const struct directory_entry *e;

    if (line->state == LINE_INVALID)
        return line->name == DISCO_LINE_NONE ? NULL
                                             : "an invalid line has a name";
    e = directory_find(&m->directory, line->name);
    if (!e || !(e->sharers >> cpu & 1))
        return "the directory misses a cached line";
    if (e->owned != (line->state != LINE_SHARED))
        return "cache and directory differ about the owner";
    if (e->owned && e->sharers & (e->sharers - 1))
        return "an owned line has two holders";
    return NULL;
}

const char *model_verify(const struct model *m)
{
    uint64_t cached = 0, listed = 0, sum, i;
    const char *bad;
    uint32_t cpu;

    for (cpu = 0; cpu < m->cpus; cpu++) {
        const struct cpu_cache *c = &m->cpu[cpu].cache;

        for (i = 0; i < (uint64_t)c->sets * c->ways; i++) {
            cached += c->line[i].state != LINE_INVALID;
            bad = verify_line(m, cpu, &c->line[i]);
            if (bad)
                return bad;
        }
        for (sum = 0, i = 0; i < DISCO_LEDGER_ENTRIES; i++)
            sum += m->cpu[cpu].ledger[i];
        if (sum != m->cpu[cpu].now)
            return "a ledger's sum is not its CPU's time";
    }
    for (i = 0; i < m->directory.capacity; i++)
        listed += (uint32_t)__builtin_popcountll(m->directory.entry[i].sharers);
    return listed == cached ? NULL : "the directory lists what no cache has";
}
