/*
 * netstation.c - which link address is behind which port.  See netstation.h.
 */
#include "devices/netstation.h"

#include <string.h>

static struct station *set_of(struct stations *table, const uint8_t *mac)
{
    uint32_t hash = 0;
    uint32_t i;

    for (i = 0; i < STATION_MAC_BYTES; i++)
        hash = (hash ^ mac[i]) * UINT32_C(0x01000193);
    return table->set[(hash ^ hash >> 16) % STATION_SETS];
}

static struct station *lookup(struct station *set, const uint8_t *mac)
{
    uint32_t i;

    for (i = 0; i < STATION_WAYS; i++) {
        if (set[i].port && memcmp(set[i].mac, mac, STATION_MAC_BYTES) == 0)
            return &set[i];
    }
    return NULL;
}

int32_t station_find(struct stations *table, const uint8_t *mac)
{
    const struct station *at;

    if (mac[0] & 1)
        return -1;
    at = lookup(set_of(table, mac), mac);
    return at ? (int32_t)at->port - 1 : -1;
}

void station_learn(struct stations *table, const uint8_t *mac, uint32_t port)
{
    struct station *set = set_of(table, mac);
    struct station *at = lookup(set, mac);
    uint32_t i;

    if (mac[0] & 1)
        return;
    if (!at) {
        at = &set[0];
        for (i = 0; i < STATION_WAYS && at->port; i++) {
            if (!set[i].port || set[i].used < at->used)
                at = &set[i];
        }
    }
    at->port = port + 1;
    at->used = ++table->clock;
    memcpy(at->mac, mac, STATION_MAC_BYTES);
}

void station_forget(struct stations *table, uint32_t port)
{
    uint32_t i;

    for (i = 0; i < STATION_SETS * STATION_WAYS; i++) {
        struct station *at = &table->set[i / STATION_WAYS][i % STATION_WAYS];

        if (at->port == port + 1)
            at->port = 0;
    }
}
