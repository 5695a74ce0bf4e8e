/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The error budget three ways, why they differ, and whether the workbook's
 * burn-rate alerts would have paged: on an assumed history, for a drill's few
 * minutes are no month.
 */
#include <math.h>
#include <string.h>

#include "chaos/base/burn.h"
#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "chaos/base/units.h"
#include "chaos/report/events.h"
#include "chaos/report/model.h"

struct budget {
	struct burn all, bad;	/* by second; of the bad ones alone */
	double share;		/* 1 - target */
	double period_s;
	double rate;		/* requests a second, usually; NAN */
	const char *basis;
	double bad_s;
	int64_t last;
};

static double completions(const json_t *line)
{
	return json_num(line, "ok", 0) + json_num(line, "client", 0) +
	       json_num(line, "business", 0) + facts_failed(line, NULL);
}

static bool *bad_seconds_of(const struct facts *f, size_t *ret_n)
{
	size_t n = 0, i;
	bool *v;
	json_t *g;

	json_array_foreach(f->gauges, i, g)
		if (json_num(g, "t", -1) >= (double)n)
			n = (size_t)json_num(g, "t", 0) + 1;
	v = mem_calloc(n + 1, sizeof(*v));
	json_array_foreach(f->gauges, i, g)
		if (json_num(g, "t", -1) >= 0)
			v[(size_t)json_num(g, "t", 0)] =
				json_flag(g, "bad", false);
	*ret_n = n;
	return v;
}

static void count(struct budget *b, const struct facts *f)
{
	size_t n, i;
	AUTO_FREE bool *bad = bad_seconds_of(f, &n);
	json_t *line;

	json_array_foreach(f->apis, i, line) {
		double t = json_num(line, "t", NAN);
		uint64_t done = (uint64_t)completions(line);
		uint64_t failed = (uint64_t)facts_failed(line, NULL);
		int64_t second = (int64_t)t;

		if (isnan(t) || fabs(t) > 1e7 || facts_beside(line))
			continue;
		burn_add(&b->all, second, done, failed);
		if (second >= 0 && (size_t)second < n && bad[second])
			burn_add(&b->bad, second, done, failed);
		if (second > b->last)
			b->last = second;
	}
	for (i = 0; i < n; i++)
		b->bad_s += bad[i];
}

static void find_rate(struct budget *b, const struct facts *f)
{
	const char *text = report_key(f, "slo", "monthly_requests");
	double monthly;
	struct burn_point lead = burn_sum(&b->all, INT32_MIN, 0);

	if (text && !units_double(text, &monthly, NULL) && monthly > 0) {
		b->rate = monthly / b->period_s;
		b->basis = "[slo] monthly_requests";
	} else if (b->all.n && b->all.first < 0 && lead.done > 0) {
		b->rate = (double)lead.done / (double)-b->all.first;
		b->basis = "the lead-in's rate over the period";
	} else {
		b->rate = NAN;
		b->basis = "none: neither monthly_requests nor a lead-in";
	}
}

static json_t *number(double v)
{
	return isfinite(v) ? json_real(v) : json_null();
}

/* The first second at whose end both windows burn too fast; NAN: none. */
static double paged_at(const struct budget *b, const struct burn_pair *p,
		       double factor)
{
	nsec_t windows[] = { p->window, p->brief };

	for (int64_t to = 1; to <= b->last + 1; to++) {
		bool fast = true;

		for (int i = 0; i < 2 && fast; i++) {
			nsec_t w = windows[i];
			struct burn_point sum = burn_sum(
				&b->all, to - w / NSEC_SEC, to);
			double history = burn_before(&b->all, to, w) * b->rate;

			fast = burn_rate(sum, isnan(history) ? 0 : history,
					 b->share) > factor;
		}
		if (fast)
			return (double)to;
	}
	return NAN;
}

/* What a page has to come before to be of use. */
static double useful_before(const struct facts *f)
{
	double t = facts_milestone(f, MS_FIRST_ACTION);

	return isnan(t) ? facts_milestone(f, MS_RECOVERED) : t;
}

static json_t *pages_of(const struct budget *b, const struct facts *f)
{
	double before = useful_before(f);
	json_t *array = json_array();

	for (size_t i = 0; i < BURN_PAIRS; i++) {
		const struct burn_pair *p = &burn_pairs[i];
		double factor = burn_factor(p, (nsec_t)(b->period_s * 1e9));
		double at = isnan(b->rate) ? NAN : paged_at(b, p, factor);
		bool in_time = !isnan(at) && !(at > before);

		json_array_append_new(
			array,
			json_pack("{s:f,s:f,s:f,s:s,s:o,s:b}", "window_s",
				  (double)p->window / NSEC_SEC, "brief_s",
				  (double)p->brief / NSEC_SEC, "factor", factor,
				  "kind", p->share < 0.1 ? "page" : "ticket",
				  "fired_s", number(at), "in_time", in_time));
	}
	return array;
}

static char *difference_of(const struct budget *b, const struct burn_point *bad,
			   const struct burn_point *scored)
{
	double surge = b->bad_s > 0 && b->rate > 0
			       ? (double)bad->done / b->bad_s / b->rate
			       : NAN;

	if (isnan(b->rate))
		return mem_strdup("without a usual rate there is no budget of "
				  "requests");
	if (!(b->bad_s > 0))
		return mem_strdup("no second was bad: only requests spend");
	return mem_printf(
		"by time each bad second counts as one; weighted, as the "
		"%.3g times the usual requests that it had; by request only "
		"the %.1f %% of them that failed, and those of good seconds "
		"(%llu)", surge,
		bad->done ? 100.0 * (double)bad->failed / (double)bad->done : 0,
		(unsigned long long)(scored->failed - bad->failed));
}

json_t *report_budget(const struct facts *f)
{
	double target = json_num(f->run, "slo/availability", 0);
	struct budget b = { .share = 1 - target, .last = -1 };
	struct burn_point bad, scored;
	AUTO_FREE char *why = NULL;
	double allowed;
	json_t *o;

	b.period_s = json_num(f->run, "slo/period_s", 0);
	if (target <= 0 || target >= 1 || b.period_s <= 0)
		return json_null();
	count(&b, f);
	find_rate(&b, f);
	bad = burn_sum(&b.bad, 0, INT32_MAX);
	scored = burn_sum(&b.all, 0, INT32_MAX);
	allowed = b.rate * b.period_s * b.share;
	why = difference_of(&b, &bad, &scored);
	o = json_pack("{s:f,s:f,s:o,s:s,s:f,s:o,s:o,s:s}", "target", target,
		      "period_s", b.period_s, "usual_rate", number(b.rate),
		      "basis", b.basis, "by_time",
		      b.bad_s / (b.period_s * b.share), "by_request",
		      number((double)scored.failed / allowed), "weighted",
		      number((double)bad.done / allowed), "difference", why);
	json_object_set_new(o, "burn_alerts", pages_of(&b, f));
	burn_done(&b.all);
	burn_done(&b.bad);
	return o;
}
