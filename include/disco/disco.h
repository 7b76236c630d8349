/*
 * disco.h - libdisco: virtual machines on a NUMA multiprocessor, as a library.
 * This header brings in the whole API except board.h (the ready-made board).
 */
#ifndef DISCO_DISCO_H
#define DISCO_DISCO_H

#include "types.h"
#include "machine.h"
#include "numa.h"
#include "vm.h"
#include "vcpu.h"
#include "device.h"
#include "physmap.h"
#include "backend.h"
#include "code.h"
#include "sched.h"
#include "model.h"

#endif
