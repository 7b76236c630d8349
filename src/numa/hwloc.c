/*
 * hwloc.c - the host's own topology, and memory bound to its nodes.  The only
 * file that knows hwloc.
 */
#include "base/error.h"
#include "numa/hostnuma.h"
#include "numa/topology.h"

#ifdef HAVE_HWLOC

#include <hwloc.h>
#include <hwloc/distances.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/config.h"
#include "mem/addr.h"

struct hostnuma {
    hwloc_topology_t topology;
    uint32_t nodes;
};

/* Each CPU belongs to the first node that is local to it. */
static disco_status take_nodes(hwloc_topology_t h, disco_topology *t,
                               disco_error *err)
{
    int nodes = hwloc_get_nbobjs_by_type(h, HWLOC_OBJ_NUMANODE);
    hwloc_bitmap_t taken = hwloc_bitmap_alloc();
    hwloc_bitmap_t own = hwloc_bitmap_alloc();
    disco_status status = 0;
    hwloc_obj_t node;
    uint64_t bytes;
    int i, cpus;

    if (!taken || !own)
        status = error_fill(err, DISCO_E_NOMEM, 0, "topology: no host memory");
    else if (nodes < 1 || nodes > TOPOLOGY_NODES_MAX)
        status = error_fill(err, DISCO_E_RANGE, 0,
                            "topology: %d nodes, not from 1 to 64", nodes);
    for (i = 0; i < nodes && !status; i++) {
        node = hwloc_get_obj_by_type(h, HWLOC_OBJ_NUMANODE, (unsigned)i);
        hwloc_bitmap_andnot(own, node->cpuset, taken);
        hwloc_bitmap_or(taken, taken, own);
        cpus = hwloc_bitmap_weight(own);
        if (cpus < 0 || cpus > TOPOLOGY_NODE_CPUS_MAX) {
            status = error_fill(err, DISCO_E_RANGE, (uint64_t)i,
                                "topology: node %d has %d CPUs, at most 64", i,
                                cpus);
            break;
        }
        bytes = node->attr ? node->attr->numanode.local_memory : 0;
        t->cpus[i] = (uint32_t)cpus;
        t->bytes[i] = min_u64(bytes, GPA_END) & ~(uint64_t)(PAGE_BYTES - 1);
    }
    t->nodes = (uint32_t)nodes;
    hwloc_bitmap_free(taken);
    hwloc_bitmap_free(own);
    return status;
}

static int node_index(hwloc_topology_t h, const disco_topology *t,
                      hwloc_obj_t obj)
{
    uint32_t i;

    for (i = 0; i < t->nodes; i++)
        if (hwloc_get_obj_by_type(h, HWLOC_OBJ_NUMANODE, i) == obj)
            return (int)i;
    return -1;
}

/* Values of any unit; the largest shall fit. */
static void take_matrix(hwloc_topology_t h, disco_topology *t,
                        const struct hwloc_distances_s *d)
{
    uint64_t most = 1, value;
    uint32_t i, j;
    int from, to;

    for (i = 0; i < d->nbobjs * d->nbobjs; i++)
        most = max_u64(most, d->values[i]);
    for (i = 0; i < d->nbobjs; i++)
        for (j = 0; j < d->nbobjs; j++) {
            from = node_index(h, t, d->objs[i]);
            to = node_index(h, t, d->objs[j]);
            value = d->values[i * d->nbobjs + j];
            if (most > UINT16_MAX)
                value /= most / UINT16_MAX + 1;
            if (from >= 0 && to >= 0)
                t->distance[from][to] = (uint16_t)max_u64(value, 1);
        }
}

static void take_distances(hwloc_topology_t h, disco_topology *t)
{
    struct hwloc_distances_s *d = NULL;
    unsigned count = 1;

    if (hwloc_distances_get_by_type(h, HWLOC_OBJ_NUMANODE, &count, &d,
                                    HWLOC_DISTANCES_KIND_MEANS_LATENCY, 0) ||
        !count || !d)
        return;
    if (d->nbobjs <= TOPOLOGY_NODES_MAX)
        take_matrix(h, t, d);
    hwloc_distances_release(h, d);
}

/* A loaded topology as ours, into the caller's. */
static disco_status convert(hwloc_topology_t h, disco_topology *out,
                            disco_error *err)
{
    struct topology checked;
    disco_topology t;
    disco_status status;

    memset(&t, 0, sizeof(t));
    t.size = sizeof(t);
    status = take_nodes(h, &t, err);
    if (status)
        return status;
    take_distances(h, &t);
    status = topology_init(&checked, &t, PAGE_BYTES, err);
    return status ? status : config_give(out, &t, sizeof(t));
}

static disco_status open_hwloc(hwloc_topology_t *h, disco_error *err)
{
    if (hwloc_topology_init(h))
        return error_fill(err, DISCO_E_NOMEM, 0, "topology: no host memory");
    hwloc_topology_set_io_types_filter(*h, HWLOC_TYPE_FILTER_KEEP_NONE);
    return 0;
}

disco_status disco_topology_import_host(disco_topology *out, disco_error *err)
{
    hwloc_topology_t h;
    disco_status status;

    if (!out)
        return error_fill(err, DISCO_E_INVAL, 0, "topology: NULL");
    status = open_hwloc(&h, err);
    if (status)
        return status;
    if (hwloc_topology_load(h))
        status = error_fill(err, DISCO_E_CORRUPT, 0,
                            "topology: hwloc cannot read the host's");
    else
        status = convert(h, out, err);
    hwloc_topology_destroy(h);
    return status;
}

int hostnuma_is_there(void)
{
    return 1;
}

disco_status hostnuma_create(struct hostnuma **out)
{
    struct hostnuma *h = calloc(1, sizeof(*h));
    disco_status status = DISCO_E_NOMEM;
    int nodes;

    *out = NULL;
    if (!h)
        return DISCO_E_NOMEM;
    if (open_hwloc(&h->topology, NULL))
        goto fail;
    status = DISCO_E_IO;
    if (hwloc_topology_load(h->topology))
        goto fail_topology;
    status = 0;
    nodes = hwloc_get_nbobjs_by_type(h->topology, HWLOC_OBJ_NUMANODE);
    if (nodes < 2)
        goto fail_topology;
    h->nodes = (uint32_t)nodes;
    *out = h;
    return 0;

fail_topology:
    hwloc_topology_destroy(h->topology);
fail:
    free(h);
    return status;
}

void hostnuma_destroy(struct hostnuma *h)
{
    if (!h)
        return;
    hwloc_topology_destroy(h->topology);
    free(h);
}

void hostnuma_place(void *opaque, void *ptr, uint64_t bytes, uint32_t node)
{
    struct hostnuma *h = opaque;
    hwloc_obj_t obj =
        hwloc_get_obj_by_type(h->topology, HWLOC_OBJ_NUMANODE, node % h->nodes);

    hwloc_set_area_membind(h->topology, ptr, bytes, obj->nodeset,
                           HWLOC_MEMBIND_BIND,
                           HWLOC_MEMBIND_BYNODESET | HWLOC_MEMBIND_NOCPUBIND);
}

#else

static disco_status absent(disco_error *err)
{
    return error_fill(err, DISCO_E_UNSUPPORTED, 0,
                      "topology: the library was built without hwloc");
}

disco_status disco_topology_import_host(disco_topology *out, disco_error *err)
{
    (void)out;
    return absent(err);
}

int hostnuma_is_there(void)
{
    return 0;
}

disco_status hostnuma_create(struct hostnuma **out)
{
    *out = NULL;
    return DISCO_E_UNSUPPORTED;
}

void hostnuma_destroy(struct hostnuma *h)
{
    (void)h;
}

void hostnuma_place(void *opaque, void *ptr, uint64_t bytes, uint32_t node)
{
    (void)opaque;
    (void)ptr;
    (void)bytes;
    (void)node;
}

#endif
