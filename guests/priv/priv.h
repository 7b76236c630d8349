/*
 * priv.h - three programs that run in supervisor mode and do what a guest
 * kernel does or must not do.  Frame: check.h.
 */
#ifndef GUEST_PRIV_H
#define GUEST_PRIV_H

#include "check.h"

/* Kernel mode of the frame that an exception left: supervisor, EXL set. */
#define CHECK_SUPERVISOR(c) \
    CHECK((c)->f.status &(ST_KSU | ST_EXL), ST_SUP | ST_EXL)

/* Number that the test outside compares with the monitor's own count. */
#define REPORT(name, value) print("COUNT %s %lu\n", name, (uint64_t)(value))
#endif
