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
		d->keeping = false;
		if (d->state == WATCH_FIRING ||
		    now - d->since >= conf->pending_for)
			return WATCH_FIRING;
		return WATCH_PENDING;
	}
	/* From the evaluation that finds it over, not the last true one. */
	if (!d->keeping)
		d->over_since = now;
	d->keeping = d->state == WATCH_FIRING &&
		     now - d->over_since < conf->keep_firing_for;
	return d->keeping ? WATCH_FIRING : WATCH_INACTIVE;
}

/* Evaluations are at whole intervals, before T+0 too. */
static bool is_due(struct detector *d, nsec_t interval, nsec_t now)
{
	nsec_t past;

	if (interval <= 0)
		return true;
	past = (now % interval + interval) % interval;
	if (d->begun ? now < d->due : past != 0)
		return false;
	d->begun = true;
	d->due = now - past + interval;
	return true;
}

/* Between evaluations too, so as to know what these cost. */
static void look(struct detector *d, const struct detector_conf *conf,
		 const struct expr_env *env, nsec_t now)
{
	bool bad = expr_eval(conf->when, env) == EXPR_TRUE;

	if (bad && !d->bad)
		d->bad_since = now;
	d->bad = bad;
}

bool detector_step(struct detector *d, const struct detector_conf *conf,
		   const struct expr_env *env, nsec_t now)
{
	enum watch_alert_state from = d->state;
	bool holds;

	look(d, conf, env, now);
	if (!is_due(d, conf->interval, now))
		return false;
	holds = expr_held(conf->when, &d->hold, env, now) == EXPR_TRUE;
	d->state = next_state(d, conf, holds, now);
	if (from == WATCH_INACTIVE && d->state != WATCH_INACTIVE)
		d->bad_at = d->bad ? d->bad_since : now;
	return d->state != from;
}
