/* SPDX-License-Identifier: Apache-2.0 */
/* A detector's state machine. */
#include "chaos/watch/detector.h"

static enum watch_alert_state next_state(struct detector *d,
					 const struct detector_conf *conf,
					 bool holds, nsec_t now)
{
	if (holds) {
		if (d->state == WATCH_INACTIVE)
			d->since = now;
		d->last_true = now;
		if (d->state == WATCH_FIRING ||
		    now - d->since >= conf->pending_for)
			return WATCH_FIRING;
		return WATCH_PENDING;
	}
	if (d->state == WATCH_FIRING && conf->keep_firing_for &&
	    now - d->last_true < conf->keep_firing_for)
		return WATCH_FIRING;
	return WATCH_INACTIVE;
}

bool detector_step(struct detector *d, const struct detector_conf *conf,
		   const struct expr_env *env, nsec_t now)
{
	enum watch_alert_state from = d->state;
	bool holds = expr_held(conf->when, &d->hold, env, now) == EXPR_TRUE;

	d->state = next_state(d, conf, holds, now);
	return d->state != from;
}
