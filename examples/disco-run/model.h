/*
 * model.h - the option --model, and the figures of a modelled machine.
 */
#ifndef DISCO_RUN_MODEL_H
#define DISCO_RUN_MODEL_H

#include <stdio.h>

#include <disco/disco.h>

/*
 * Parse none|ccnuma[,key=value...].  *wanted is whether there is a model. NULL,
 * or what is wrong; *at is then the part that is.
 */
const char *model_parse(const char *value, int *wanted,
                        disco_model_config *config, const char **at);

/* Write "model": {...}, as a member of an object, with all CPUs and nodes. */
void model_stats(FILE *f, disco_machine *machine, uint32_t cpus,
                 uint32_t nodes);

#endif
