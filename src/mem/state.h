/*
 * state.h - states of a frame, from state.def.  mem->lock guards them.
 */
#ifndef MEM_STATE_H
#define MEM_STATE_H

#include <stdint.h>

enum frame_state {
#define FRAME_STATE(name, writers) FRAME_##name,
#include "mem/state.def"
    FRAME_STATES
};

/* Is there such a change of state? */
int frame_may_become(uint32_t from, uint32_t to);
/* For errors and statistics; never NULL. */
const char *frame_state_name(uint32_t state);
const char *frame_state_writers(uint32_t state);

#endif
