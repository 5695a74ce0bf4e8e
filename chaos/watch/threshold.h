/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A threshold's state machine.  Pure: it is given the time.
 *
 * A function without a window is of the whole run so far, in the threshold's
 * phase; if all of them are and there is no gauge, the value at the end
 * decides.  Else it must hold at each second of the phase, from `delay` on:
 * `for T` in the condition forgives what misses it for less than T.
 */
#ifndef GD_WATCH_THRESHOLD_H
#define GD_WATCH_THRESHOLD_H

#include "chaos/base/expr.h"
#include "chaos/watch/totals.h"
#include "chaos/watch/watch.h"

enum threshold_phase {
	THRESHOLD_SCORED, THRESHOLD_BASELINE, THRESHOLD_FAULT,
	THRESHOLD_RECOVERY
};

/* [threshold NAME] */
struct threshold_conf {
	char *name;
	struct expr *when;
	int phase;		/* enum threshold_phase */
	bool abort;
	nsec_t delay;
	const struct scenario_section *section;
};

/* Zeroed to begin. */
struct threshold {
	bool begun;		/* its phase has come */
	nsec_t phase_from;
	bool missing;		/* now; since when */
	nsec_t since;
	bool missed, aborted;	/* for good */
	int64_t seconds, missed_seconds;	/* judged; of them missed */
	bool known;		/* margin is of something */
	struct expr_margin worst;	/* the last, where the end decides */
	nsec_t worst_at;
};

unsigned threshold_phases(const struct threshold_conf *conf);
/* Does the value at the end decide? */
bool threshold_at_end(const struct threshold_conf *conf);
/*
 * One second, in these phases, has ended at now.  env: windowless functions
 * are of threshold_phases().  True when `missing` or `missed` changed.
 */
bool threshold_step(struct threshold *t, const struct threshold_conf *conf,
		    const struct expr_env *env, unsigned phases, nsec_t now);
/* The run is over. */
void threshold_finish(struct threshold *t, const struct threshold_conf *conf,
		      const struct expr_env *env, nsec_t now);

#endif
