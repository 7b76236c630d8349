/*
 * hostcall.h - C functions of the host that the guest calls by number.
 */
#ifndef CORE_HOSTCALL_H
#define CORE_HOSTCALL_H

#include <disco/vm.h>

#include "core/hostsig.h"

struct host_function {
    struct host_sig sig;
    uint32_t flags; /* DISCO_HOST_FN_* */
    void (*fn)(void);
    void *opaque;
    struct host_plan *plan; /* owned; NULL: integers only, called directly */
};

#endif
