/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The search for the breaking point as the drill sees it: steps of one run,
 * from the loop's thread.  All do nothing in a drill that does not search, but
 * for lead_in and start, which are called only when plan_options.find is set.
 */
#ifndef GD_DRILL_FIND_H
#define GD_DRILL_FIND_H

#include "chaos/drill/impl.h"

void drill_find_lead_in(struct drill *d);	/* the load has started */
void drill_find_start(struct drill *d);		/* T+0: with its faults */
void drill_find_rows(struct drill *d, const struct watch_second *s);
/* The second that ended at t is whole, gauges included. */
void drill_find_second(struct drill *d, nsec_t t);
/* Writes what was found, also of a search that was cut short. */
void drill_find_finish(struct drill *d);
void drill_find_free(struct drill *d);

#endif
