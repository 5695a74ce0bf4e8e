/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A detector's state machine, as Prometheus has it, moved only at evaluations:
 * inactive → pending while the condition holds → firing at the first evaluation
 * `for` or more after the one that found it; firing → inactive at the first one
 * `keep_firing_for` or more after the one that found it over.  Pure: it is
 * given the time.
 */
#ifndef GD_WATCH_DETECTOR_H
#define GD_WATCH_DETECTOR_H

#include "chaos/base/expr.h"
#include "chaos/base/opt.h"
#include "chaos/watch/watch.h"

struct detector_conf {
	char *name, *severity;
	struct expr *when;
	nsec_t pending_for, keep_firing_for;
	nsec_t interval;	/* between evaluations; 0: at each step */
	int kind;		/* enum detector_kind */
	struct opt_strs pairs;	/* burn_rate's "LONG/SHORT SHARE" */
	char *scope;		/* burn_rate's */
};

enum detector_kind { DETECTOR_CONDITION, DETECTOR_BURN_RATE };


/* Zeroed to begin. */
struct detector {
	enum watch_alert_state state;
	nsec_t since;		/* pending or firing: found to hold at; */
				/* ALERTS_FOR_STATE */
	bool keeping;		/* firing, and found over at: */
	nsec_t over_since;
	bool bad;		/* the condition holds, looked at each step */
	nsec_t bad_since;
	nsec_t bad_at;		/* pending or firing: began to hold at */
	bool begun;
	nsec_t due;		/* the next evaluation, when begun */
	struct expr_hold hold;	/* the condition's own `for` */
};

/*
 * One evaluation at drill time now, if it is time for one (they are at whole
 * intervals from T+0); true when the state changed.  Unknown is not true: an
 * alert whose data are gone ends.
 */
bool detector_step(struct detector *d, const struct detector_conf *conf,
		   const struct expr_env *env, nsec_t now);

#endif
