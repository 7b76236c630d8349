/*
 * policy.c - see policy.h and numa.h.
 */
#include "numa/policy.h"

#include <string.h>

#include "base/compiler.h"
#include "base/config.h"

void policy_defaults(disco_policy_params *p)
{
    if (!p->trigger)
        p->trigger = POLICY_TRIGGER;
    if (!p->sharing)
        p->sharing = p->trigger / 4 ? p->trigger / 4 : 1;
    if (!p->write)
        p->write = 1;
    if (!p->migrate)
        p->migrate = 1;
    if (!p->freeze)
        p->freeze = POLICY_FREEZE;
    if (!p->thaw)
        p->thaw = POLICY_THAW;
    if (!p->reset_ns)
        p->reset_ns = POLICY_RESET_NS;
}

disco_status disco_policy_defaults(disco_policy_params *params)
{
    disco_policy_params p;
    disco_status status;

    if (!params)
        return DISCO_E_INVAL;
    status = config_copy(&p, sizeof(p), params);
    if (status)
        return status;
    policy_defaults(&p);
    return config_give(params, &p, sizeof(p));
}

static uint32_t place_home(void *opaque, const disco_policy_frame *frame)
{
    (void)opaque;
    return frame->home;
}

static uint32_t place_in_turn(void *opaque, const disco_policy_frame *frame)
{
    (void)opaque;
    return (uint32_t)(frame->serial % frame->nodes);
}

static uint64_t uses(const disco_policy_page *page, uint32_t node)
{
    return (uint64_t)page->reads[node] + page->writes[node];
}

static int has_copy(const disco_policy_page *page, uint32_t node)
{
    return (int)(page->copies >> node & 1);
}

/* The node that gains most: it is hot there, and it has no copy. */
static int hottest(const disco_policy_params *params,
                   const disco_policy_page *page, uint32_t *node)
{
    uint64_t most = 0;
    uint32_t i;

    for (i = 0; i < page->nodes; i++)
        if (!has_copy(page, i) && uses(page, i) >= params->trigger &&
            uses(page, i) > most) {
            most = uses(page, i);
            *node = i;
        }
    return most != 0;
}

static int is_shared(const disco_policy_params *params,
                     const disco_policy_page *page, uint32_t node)
{
    uint32_t i;

    for (i = 0; i < page->nodes; i++)
        if (i != node && uses(page, i) >= params->sharing)
            return 1;
    return 0;
}

static uint64_t all_writes(const disco_policy_page *page)
{
    uint64_t sum = 0;
    uint32_t i;

    for (i = 0; i < page->nodes; i++)
        sum += page->writes[i];
    return sum;
}

static uint32_t decide_disco(void *opaque, const disco_policy_params *params,
                             const disco_policy_page *page, uint32_t *node)
{
    uint64_t write = params->write == DISCO_POLICY_NO_WRITE ? 0 : params->write;

    (void)opaque;
    if (!hottest(params, page, node))
        return DISCO_PLACE_NONE;
    if (page->moves >= params->freeze)
        return DISCO_PLACE_FREEZE;
    if (is_shared(params, page, *node) || (page->copies & (page->copies - 1))) {
        /* Copies help readers only, and only while there is room. */
        if (all_writes(page) > write || (page->pressed >> *node & 1))
            return DISCO_PLACE_NONE;
        return DISCO_PLACE_REPLICATE;
    }
    if (page->interval_moves >= params->migrate)
        return DISCO_PLACE_NONE;
    return DISCO_PLACE_MIGRATE;
}

#define POLICY(n, p, d)                                              \
    {                                                                \
        .size = sizeof(disco_policy_ops), .name = (n), .place = (p), \
        .decide = (d)                                                \
    }

static const disco_policy_ops policies[] = {
    POLICY("none", place_home, NULL),
    POLICY("firsttouch", NULL, NULL),
    POLICY("roundrobin", place_in_turn, NULL),
    POLICY("disco", NULL, decide_disco),
};

const disco_policy_ops *disco_policy_find(const char *name)
{
    size_t i;

    for (i = 0; name && i < ARRAY_LEN(policies); i++)
        if (strcmp(policies[i].name, name) == 0)
            return &policies[i];
    return NULL;
}

int policy_is_own(const disco_policy_ops *ops)
{
    return !ops->place || ops->place == place_home ||
           ops->place == place_in_turn;
}
