/* SPDX-License-Identifier: Apache-2.0 */
/* Did each fault bite, did each [expect] hold: decided once, as it happens. */
#include "chaos/drill/impl.h"

#include <string.h>

#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "chaos/report/events.h"

static char *explain(struct drill *d, const struct expr *e)
{
	struct buf b;

	buf_init(&b, 4096);
	expr_explain(e, watch_env(d->watch), &b);
	return buf_take(&b);
}

static bool without_fault(const struct plan_options *o, const char *name)
{
	for (size_t i = 0; o->without && o->without[i]; i++)
		if (strcmp(o->without[i], name) == 0)
			return true;
	return false;
}

/* A control judges its own expectations, a drill those without "in". */
static bool is_judged(const struct plan_options *o, const struct plan_expect *x)
{
	bool control = o->no_faults || (o->without && o->without[0]);

	if (!x->in)
		return !control;
	if (strcmp(x->in, "no-faults") == 0)
		return o->no_faults;
	if (strncmp(x->in, "without:", 8) == 0)
		return without_fault(o, x->in + 8);
	return false;
}

void drill_judge_start(struct drill *d)
{
	for (size_t i = 0; i < d->plan->n_expects; i++)
		d->expect[i].judged = is_judged(&d->plan->options,
						&d->plan->expects[i]);
}

static void write_effect(struct drill *d, size_t i, bool bit, const char *got)
{
	const struct fault_conf *conf = &d->plan->faults[i];
	struct buf *b = eventlog_event(&d->log, "effect");

	d->fault[i].decided = true;
	json_line_str(b, "name", conf->name);
	json_line_bool(b, "bit", bit);
	json_line_str(b, "want", expr_text(conf->expect));
	json_line_str(b, "explain", got);
	eventlog_end(&d->log);
}

void drill_judge_injected(struct drill *d, size_t i, nsec_t t)
{
	const struct fault_conf *conf = &d->plan->faults[i];
	/* Under a search nobody knows which load will show it. */
	nsec_t within = conf->expect && !d->find ? expr_within(conf->expect)
						 : 0;

	d->fault[i].injected = true;
	d->fault[i].expect_by = within ? t + within : NSEC_NEVER;
}

static void judge_effect(struct drill *d, size_t i, nsec_t t)
{
	struct drill_fault *f = &d->fault[i];
	const struct expr *e = d->plan->faults[i].expect;
	char source[80];

	if (!e || !f->injected || f->decided)
		return;
	if (expr_held(e, &f->expect_hold, watch_env(d->watch), t) ==
	    EXPR_TRUE) {
		AUTO_FREE char *got = explain(d, e);

		write_effect(d, i, true, got);
		snprintf(source, sizeof(source), "fault %.60s",
			 d->plan->faults[i].name);
		milestones_effective(&d->ms, t, source);
	} else if (t > f->expect_by) {
		AUTO_FREE char *got = explain(d, e);

		write_effect(d, i, false, got);
	}
}

static void write_criterion(struct drill *d, size_t i, bool ok)
{
	const struct plan_expect *x = &d->plan->expects[i];
	struct drill_expect *s = &d->expect[i];
	struct buf *b = eventlog_event(&d->log, "criterion");

	s->decided = true;
	json_line_str(b, "name", x->name);
	json_line_str(b, "want", expr_text(x->when));
	json_line_str(b, "got", s->got ? s->got : "never looked at");
	json_line_bool(b, "ok", ok);
	json_line_bool(b, "judged", s->judged);
	eventlog_end(&d->log);
}

/* The end of its interval, or NSEC_NEVER while that is not known. */
static nsec_t expect_end(const struct drill *d, const struct plan_expect *x)
{
	if (!x->to_event)
		return x->to;
	if (strcmp(x->to_event, MS_FIRST_ACTION) == 0)
		return d->ms.first_action;
	if (strcmp(x->to_event, MS_DETECTED) == 0)
		return d->ms.detected;
	if (strcmp(x->to_event, MS_RECOVERED) == 0)
		return d->ms.recovered;
	return NSEC_NEVER;
}

static void keep_got(struct drill *d, size_t i)
{
	mem_free(d->expect[i].got);
	d->expect[i].got = explain(d, d->plan->expects[i].when);
}

static void judge_once(struct drill *d, size_t i, enum expr_tri now, nsec_t t)
{
	const struct plan_expect *x = &d->plan->expects[i];

	if (t < x->from)
		return;
	if (now != EXPR_TRUE && t < x->by)
		return;
	keep_got(d, i);
	write_criterion(d, i, now == EXPR_TRUE && t <= x->by);
}

static void judge_interval(struct drill *d, size_t i, enum expr_tri now,
			   nsec_t t)
{
	const struct plan_expect *x = &d->plan->expects[i];
	struct drill_expect *s = &d->expect[i];
	nsec_t end = expect_end(d, x);

	if (t > end) {
		write_criterion(d, i, s->seen);
	} else if (t >= x->from) {
		if (!s->seen || now != EXPR_TRUE)
			keep_got(d, i);
		s->seen = true;
		if (now != EXPR_TRUE)
			write_criterion(d, i, false);
	}
}

static void judge_expect(struct drill *d, size_t i, nsec_t t)
{
	const struct plan_expect *x = &d->plan->expects[i];
	enum expr_tri now;

	if (d->expect[i].decided)
		return;
	now = expr_held(x->when, &d->expect[i].hold, watch_env(d->watch), t);
	if (x->by > 0)
		judge_once(d, i, now, t);
	else
		judge_interval(d, i, now, t);
}

/* The scenario's own milestones; the moment is the end of that second. */
static void judge_milestone(struct drill *d, size_t i, nsec_t t)
{
	const struct plan_milestone *m = &d->plan->milestones[i];
	AUTO_FREE char *got = NULL;

	if (d->milestone_came[i] || t < m->from ||
	    expr_held(m->when, &d->milestone_hold[i], watch_env(d->watch), t) !=
		    EXPR_TRUE)
		return;
	d->milestone_came[i] = true;
	got = explain(d, m->when);
	drill_on_milestone(d, m->name, t, "condition", got);
}

void drill_judge_second(struct drill *d, nsec_t t)
{
	const struct plan *p = d->plan;

	for (size_t i = 0; i < p->n_faults; i++)
		judge_effect(d, i, t);
	if (d->find)
		return;
	for (size_t i = 0; i < p->n_milestones; i++)
		judge_milestone(d, i, t);
	for (size_t i = 0; i < p->n_expects; i++)
		judge_expect(d, i, t);
	if (p->abort_when && d->state == DRILL_RUNNING &&
	    expr_held(p->abort_when, &d->abort_hold, watch_env(d->watch), t) ==
		    EXPR_TRUE) {
		AUTO_FREE char *got = explain(d, p->abort_when);

		drill_stop(d, DRILL_ABORTED, got);
	}
}

/* What is undecided when the drill ends: an interval that was held, held. */
void drill_judge_finish(struct drill *d)
{
	const struct plan *p = d->plan;

	for (size_t i = 0; i < p->n_faults; i++)
		if (p->faults[i].expect && !d->fault[i].decided)
			write_effect(d, i, false,
				     d->fault[i].injected
					     ? "the drill ended before that"
					     : "it was never injected");
	if (d->find)
		return;
	for (size_t i = 0; i < p->n_expects; i++) {
		const struct plan_expect *x = &p->expects[i];
		bool never_came = x->to_event &&
				  expect_end(d, x) == NSEC_NEVER;

		if (!d->expect[i].decided)
			write_criterion(d, i, x->by == 0 && !never_came &&
						      d->expect[i].seen);
	}
}
