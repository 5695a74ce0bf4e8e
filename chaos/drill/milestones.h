/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Milestones, decided once, as DESIGN 5's table defines them.  Pure: it is told
 * of bad seconds, alerts and steps with their times, and tells what follows.
 */
#ifndef GD_DRILL_MILESTONES_H
#define GD_DRILL_MILESTONES_H

#include <stdbool.h>

#include "chaos/base/clock.h"

typedef void milestones_fn(void *arg, const char *name, nsec_t at,
			   const char *source, const char *why);

struct milestones {
	nsec_t stable_for;
	milestones_fn *fn;	/* once for each milestone */
	void *arg;
	/* NSEC_NEVER until it has come */
	nsec_t impact, detected, acknowledged, first_action, recovered;
	nsec_t effective;
	nsec_t good_since;	/* start of the present run of good seconds */
	unsigned relapses;	/* bad seconds after recovered */
};

void milestones_init(struct milestones *m, nsec_t stable_for,
		     milestones_fn *fn, void *arg);
/* Each drill second in order; those before T+0 are not scored. */
void milestones_second(struct milestones *m, int64_t second, bool bad,
		       const char *why);
/* An alert of the detection severity has fired, or a person has said so. */
void milestones_alert(struct milestones *m, nsec_t t, const char *source);
void milestones_acknowledged(struct milestones *m, nsec_t t,
			     const char *source);
void milestones_first_action(struct milestones *m, nsec_t t,
			     const char *source);
void milestones_effective(struct milestones *m, nsec_t t, const char *source);
void milestones_recovered(struct milestones *m, nsec_t t, const char *source);

#endif
