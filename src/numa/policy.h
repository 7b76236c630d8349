/*
 * policy.h - the library's placement policies.  Pure functions: no state, no
 * calls to anybody.  The public side is in numa.h.
 */
#ifndef NUMA_POLICY_H
#define NUMA_POLICY_H

#include <disco/numa.h>

enum { POLICY_TRIGGER = 128, POLICY_FREEZE = 8, POLICY_THAW = 100 };
#define POLICY_RESET_NS UINT64_C(100000000)

/* Put defaults where there is 0. */
void policy_defaults(disco_policy_params *params);

/* Is it one of ours?  Those may be called with a running vCPU. */
int policy_is_own(const disco_policy_ops *ops);

#endif
