/* SPDX-License-Identifier: Apache-2.0 */
/* Does the traffic keep to a limit, and by how much? */
#include "chaos/watch/threshold.h"

#include <string.h>

#include "chaos/watch/gauges.h"

static const unsigned phase_sets[] = {
	[THRESHOLD_SCORED] = TOTALS_SCORED,
	[THRESHOLD_BASELINE] = TOTALS_BASELINE,
	[THRESHOLD_FAULT] = TOTALS_FAULT,
	[THRESHOLD_RECOVERY] = TOTALS_RECOVERY,
};

unsigned threshold_phases(const struct threshold_conf *conf)
{
	return phase_sets[conf->phase];
}

static int is_of_a_moment(void *arg, const struct expr_ref *ref)
{
	(void)arg;
	return !ref->func || gauges_is_func(ref->func) || ref->window;
}

bool threshold_at_end(const struct threshold_conf *conf)
{
	return !expr_visit(conf->when, is_of_a_moment, NULL);
}

/* The worst second; or the last word, where the end decides. */
static void keep_worst(struct threshold *t, const struct threshold_conf *conf,
		       const struct expr_env *env, bool last, nsec_t now)
{
	struct expr_margin m;

	if (!expr_margin(conf->when, env, &m))
		return;
	if (t->known && !last && m.share >= t->worst.share)
		return;
	t->known = true;
	t->worst = m;
	t->worst_at = now;
}

static void look(struct threshold *t, const struct threshold_conf *conf,
		 enum expr_tri tri, nsec_t now)
{
	t->seconds++;
	if (tri != EXPR_FALSE) {
		t->missing = false;
		return;
	}
	t->missed_seconds++;
	if (!t->missing)
		t->since = now;
	t->missing = true;
	if (now - t->since < expr_for(conf->when))
		return;
	if (!threshold_at_end(conf))
		t->missed = true;
	t->aborted |= conf->abort;
}

bool threshold_step(struct threshold *t, const struct threshold_conf *conf,
		    const struct expr_env *env, unsigned phases, nsec_t now)
{
	bool was_missing = t->missing, was_missed = t->missed;
	bool had_aborted = t->aborted;
	enum expr_tri tri;

	if (!(phases & threshold_phases(conf)))
		return false;
	if (!t->begun)
		t->phase_from = now - NSEC_SEC;
	t->begun = true;
	if (now - t->phase_from <= conf->delay)
		return false;
	tri = expr_eval(conf->when, env);
	if (tri == EXPR_UNKNOWN)
		return false;
	keep_worst(t, conf, env, threshold_at_end(conf), now);
	look(t, conf, tri, now);
	return t->missing != was_missing || t->missed != was_missed ||
	       t->aborted != had_aborted;
}

void threshold_finish(struct threshold *t, const struct threshold_conf *conf,
		      const struct expr_env *env, nsec_t now)
{
	if (!threshold_at_end(conf)) {
		/* Never known: nothing says that it held. */
		if (!t->seconds)
			t->missed = true;
		return;
	}
	keep_worst(t, conf, env, true, now);
	t->missed = t->aborted || expr_eval(conf->when, env) != EXPR_TRUE;
}
