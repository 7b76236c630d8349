/*
 * state.h - the state of a vCPU as a byte stream.
 */
#ifndef MIPS_STATE_H
#define MIPS_STATE_H

#include <disco/backend.h>

disco_status mips_save(void *state, const disco_stream *out);
disco_status mips_load(void *state, const disco_stream *in);

#endif
