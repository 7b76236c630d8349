/*
 * placement.h - page placement of disco-run.
 */
#ifndef DISCO_RUN_PLACEMENT_H
#define DISCO_RUN_PLACEMENT_H

#include <stdio.h>

#include "option_rows.h"

struct runner;

/* The row of --policy NAME[,key=value...]. */
int set_policy(struct parser *p);

/* Begin, if asked for; 0 or -1 with runner->text. */
int placement_open(struct runner *runner);
/* Between rounds; one thread at a time. */
void placement_tick(struct runner *runner);
/* The figures as a member of the stats' JSON, or nothing. */
void placement_put(FILE *f, const struct runner *runner);

#endif
