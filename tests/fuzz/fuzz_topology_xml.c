/*
 * fuzz_topology_xml.c - topologies as hwloc's XML: any bytes.
 */
#include <stdint.h>
#include <stdlib.h>

#include <disco/numa.h>

#include "numa/topology.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static disco_topology t;
    static struct topology checked;
    disco_error err = { .size = sizeof(err) };

    t.size = sizeof(t);
    if (disco_topology_import_xml(data, size, &t, &err)) {
        if (!err.text[0])
            abort();
    } else if (topology_init(&checked, &t, 4096, NULL)) {
        abort();
    }
    return 0;
}
