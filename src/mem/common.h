/*
 * common.h - memory that VMs share by agreement and write together: runs of
 * pages under a key.  Who may agree with whom is the host's to say (groups).
 *
 * The first VM's pages become the run; each other VM's pages are replaced.  The
 * frames are COMMON: stores are announced and fenced as between vCPUs of one
 * VM, no translated code of them is kept, and whoever leaves takes a copy.
 *
 * Functions lock for themselves; `self` is the calling vCPU, RUNNING.
 */
#ifndef MEM_COMMON_H
#define MEM_COMMON_H

#include "mem/physmap.h"

enum { COMMON_PAGES_MAX = 4096, COMMON_RUNS_MAX = 256, COMMON_VMS_MAX = 64 };

struct common_member {
    struct physmap *pm;
    struct pfn pfn; /* first page */
};

struct common {
    struct common *next;
    uint64_t group;
    uint64_t key;
    uint64_t pages;
    uint32_t members;
    uint32_t changing; /* somebody joins or leaves */
    struct common_member member[COMMON_VMS_MAX];
};

/*
 * Share `pages` pages from pfn on with the VMs of this group that name the same
 * key.  *members: how many share it now.  INVAL: bad count, another length, or
 * the VM shares the key or some of the pages already; FAULT: not RAM; BUSY:
 * pinned; RANGE: too many runs or VMs; NOMEM.  After an error some of the pages
 * may have lost their content, but are the VM's own.
 */
disco_status common_join(struct physmap *pm, uint64_t group, uint64_t key,
                         struct pfn pfn, uint64_t pages,
                         struct shoot_vcpu *self, uint32_t *members);
/* Leave a run; the pages keep what they have.  NOENT, NOMEM. */
disco_status common_leave(struct physmap *pm, uint64_t key,
                          struct shoot_vcpu *self);
/* The VM ends, its pages are unmapped. */
void common_forget(struct physmap *pm);

#endif
