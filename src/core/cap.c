/*
 * cap.c - what this build of the library can do.
 */
#include <disco/types.h>

#include "core/hostffi.h"
#include "core/vm.h"
#include "mips/mips.h"
#include "numa/hostnuma.h"

uint32_t disco_version(void)
{
    return DISCO_VERSION;
}

/* Set by the build when devices has the tree writer. */
#ifdef HAVE_FDT
enum { HAS_DEVICE_TREE = 1 };
#else
enum { HAS_DEVICE_TREE = 0 };
#endif

uint64_t disco_cap(uint32_t cap)
{
    switch (cap) {
    case DISCO_CAP_HOST_FUNCTIONS:
        return (uint64_t)hostffi_is_there();
    case DISCO_CAP_DEVICE_TREE:
        return HAS_DEVICE_TREE;
    case DISCO_CAP_HWLOC:
        return (uint64_t)hostnuma_is_there();
    case DISCO_CAP_THREADS:
        return VM_VCPUS_MAX;
    case DISCO_CAP_JIT:
        return mips_has_jit();
    case DISCO_CAP_DETERMINISTIC:
    case DISCO_CAP_L2TLB:
        return 1;
    default:
        return 0;
    }
}
