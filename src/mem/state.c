/*
 * state.c - see state.h.
 */
#include "mem/state.h"

static const uint32_t moves[FRAME_STATES][FRAME_STATES] = {
#define FRAME_MOVE(from, to, who) [FRAME_##from][FRAME_##to] = 1,
#include "mem/state.def"
};

int frame_may_become(uint32_t from, uint32_t to)
{
    return from < FRAME_STATES && to < FRAME_STATES && moves[from][to];
}

const char *frame_state_name(uint32_t state)
{
    static const char *const names[FRAME_STATES] = {
#define FRAME_STATE(name, writers) #name,
#include "mem/state.def"
    };

    return state < FRAME_STATES ? names[state] : "?";
}

const char *frame_state_writers(uint32_t state)
{
    static const char *const text[FRAME_STATES] = {
#define FRAME_STATE(name, writers) writers,
#include "mem/state.def"
    };

    return state < FRAME_STATES ? text[state] : "?";
}
