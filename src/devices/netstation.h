/*
 * netstation.h - a bounded table of which link address is behind which port.
 *
 * Sets of a few; the oldest of a set goes.  No lock of its own.
 */
#ifndef DEVICES_NETSTATION_H
#define DEVICES_NETSTATION_H

#include <stdint.h>

enum { STATION_SETS = 256, STATION_WAYS = 4, STATION_MAC_BYTES = 6 };

struct station {
    uint32_t port; /* + 1; 0: free */
    uint8_t mac[STATION_MAC_BYTES];
    uint64_t used;
};

struct stations {
    uint64_t clock;
    struct station set[STATION_SETS][STATION_WAYS];
};

/* The port, or -1 when it is not known or a group address. */
int32_t station_find(struct stations *table, const uint8_t *mac);
/* No station sends from a group address: those are not learned. */
void station_learn(struct stations *table, const uint8_t *mac, uint32_t port);
void station_forget(struct stations *table, uint32_t port);

#endif
