/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A detector's state machine, as Prometheus has it: inactive → pending while
 * the condition holds → firing once it has held for `for`; firing → inactive
 * when it has not held for `keep_firing_for`.  Pure: it is given the time.
 */
#ifndef GD_WATCH_DETECTOR_H
#define GD_WATCH_DETECTOR_H

#include "chaos/base/expr.h"
#include "chaos/watch/watch.h"

struct detector_conf {
	char *name, *severity;
	struct expr *when;
	nsec_t pending_for, keep_firing_for;
};

/* Zeroed to begin. */
struct detector {
	enum watch_alert_state state;
	nsec_t since;		/* pending or firing: since it holds */
	nsec_t last_true;
	struct expr_hold hold;	/* the condition's own `for` */
};

/*
 * One evaluation at drill time now; true when the state changed.  Unknown is
 * not true: an alert whose data are gone ends.
 */
bool detector_step(struct detector *d, const struct detector_conf *conf,
		   const struct expr_env *env, nsec_t now);

#endif
