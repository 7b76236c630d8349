/*
 * fuzz_topology.c - topologies as text: any bytes.  What is accepted must be a
 * topology that a machine takes; what is not must be said where.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <disco/numa.h>

#include "numa/topology.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static disco_topology t;
    static struct topology checked;
    disco_error err = { .size = sizeof(err) };
    char *text = malloc(size + 1);

    if (!text)
        return 0;
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    t.size = sizeof(t);
    if (disco_topology_parse(text, &t, &err))
        must(err.where <= size && err.text[0]);
    else
        must(topology_init(&checked, &t, 4096, NULL) == 0);
    free(text);
    return 0;
}
