/*
 * costs.c - the parameters of a ccNUMA model: defaults and what they may be.
 */
#include "numa/model.h"

#include "base/bits.h"
#include "base/compiler.h"

enum { WAYS_MAX = 16, NS_MAX = 1000000000 };
#define CACHE_BYTES_MAX (64u << 20)

/*
 * Of the paper's machine: 300 and 900 ns are its unloaded latencies, 67 and 57
 * us its page moves, 43 ns what the L2TLB added to a fast refill, 10 us what a
 * zeroed page cost.  In its figure 8 nearly all misses go to one node, and
 * (execution + stall) per miss divided by the CPUs is 220 ns for Engineering
 * and 250 ns for Raytrace: service_ns, with a line written back for every other
 * miss.
 * The other traps are estimates.
 */
static const uint16_t trap_default[16] = {
    [DISCO_TRAP_PRIVILEGED] = 300, [DISCO_TRAP_TLB_WRITE] = 1000,
    [DISCO_TRAP_TLB_MISS] = 500,   [DISCO_TRAP_L2TLB_HIT] = 43,
    [DISCO_TRAP_KERNEL_TLB] = 43,  [DISCO_TRAP_EXCEPTION] = 500,
    [DISCO_TRAP_INTERRUPT] = 500,  [DISCO_TRAP_ERET] = 300,
    [DISCO_TRAP_MMIO] = 1000,      [DISCO_TRAP_MONITOR_CALL] = 1000,
    [DISCO_TRAP_IDLE] = 500,
};
static const uint32_t page_default[8] = {
    [DISCO_PAGE_MIGRATE] = 67000,  [DISCO_PAGE_REPLICATE] = 57000,
    [DISCO_PAGE_COLLAPSE] = 20000, [DISCO_PAGE_BREAK] = 20000,
    [DISCO_PAGE_ZERO] = 10000,
};

static void set_default(uint32_t *value, uint32_t otherwise)
{
    if (!*value)
        *value = otherwise;
}

static void set_defaults(disco_model_config *c)
{
    uint32_t i;

    set_default(&c->cache_bytes, 1 << 20);
    set_default(&c->ways, 2);
    set_default(&c->line_bytes, 128);
    set_default(&c->local_ns, 300);
    set_default(&c->remote_ns, 900);
    set_default(&c->service_ns, 160);
    set_default(&c->dirty_ns, 300);
    set_default(&c->invalidate_ns, 50);
    set_default(&c->upgrade_percent, 100);
    for (i = 0; i < ARRAY_LEN(c->trap_ns); i++)
        set_default(&c->trap_ns[i], trap_default[i]);
    for (i = 0; i < ARRAY_LEN(c->page_ns); i++)
        set_default(&c->page_ns[i], page_default[i]);
}

static int is_time(uint32_t ns)
{
    return ns <= NS_MAX || ns == DISCO_MODEL_NOTHING;
}

static const char *check_cache(const disco_model_config *c)
{
    if (!is_power_of_2(c->line_bytes) || c->line_bytes < 32 ||
        c->line_bytes > 4096)
        return "line_bytes is not a power of two from 32 to 4096";
    if (!is_power_of_2(c->ways) || c->ways > WAYS_MAX)
        return "ways is not 1, 2, 4, 8 or 16";
    if (!is_power_of_2(c->cache_bytes) || c->cache_bytes > CACHE_BYTES_MAX ||
        c->cache_bytes < c->ways * c->line_bytes)
        return "cache_bytes is not a power of two from ways * line_bytes to "
               "64 MiB";
    return NULL;
}

static const char *check_times(const disco_model_config *c)
{
    uint32_t i;

    if (c->local_ns > NS_MAX || c->remote_ns > NS_MAX)
        return "local_ns or remote_ns is more than a second";
    if (c->remote_ns < c->local_ns)
        return "remote_ns is less than local_ns";
    if (!is_time(c->service_ns) || !is_time(c->dirty_ns) ||
        !is_time(c->invalidate_ns))
        return "service_ns, dirty_ns or invalidate_ns is more than a second";
    if (c->upgrade_percent > 1000 && c->upgrade_percent != DISCO_MODEL_NOTHING)
        return "upgrade_percent is more than 1000";
    for (i = 0; i < ARRAY_LEN(c->trap_ns); i++)
        if (!is_time(c->trap_ns[i]))
            return "a trap_ns is more than a second";
    for (i = 0; i < ARRAY_LEN(c->page_ns); i++)
        if (!is_time(c->page_ns[i]))
            return "a page_ns is more than a second";
    return NULL;
}

const char *model_check(disco_model_config *c)
{
    const char *bad;

    if (c->flags & ~(uint32_t)(DISCO_MODEL_UMA | DISCO_MODEL_FREE_MONITOR))
        return "unknown flags";
    set_defaults(c);
    bad = check_cache(c);
    return bad ? bad : check_times(c);
}
