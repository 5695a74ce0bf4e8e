/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Milestones and what is measured between them.  Each measure carries its
 * endpoints: of numbers without them the record's three traps are made.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "chaos/base/units.h"
#include "chaos/report/events.h"
#include "chaos/report/model.h"

enum { MEAN_S = 30, MAX_SECONDS = 90000 };

static void put(json_t *array, const char *name, const char *from,
		const char *to, double value, const char *unit)
{
	if (isnan(value) || isinf(value))
		return;
	json_array_append_new(array,
			      json_pack("{s:s,s:s,s:s,s:f,s:s}", "name", name,
					"from", from, "to", to, "value", value,
					"unit", unit));
}

double report_measure(const json_t *measures, const char *name)
{
	const json_t *m;
	size_t i;

	json_array_foreach(measures, i, m)
		if (strcmp(json_str(m, "name", ""), name) == 0)
			return json_num(m, "value", NAN);
	return NAN;
}

static double window_from(const struct facts *f)
{
	return json_num(f->run, "window_from_s", 0);
}

static double window_to(const struct facts *f)
{
	return json_num(f->run, "window_to_s", 0);
}

static bool in_window(const struct facts *f, const json_t *line)
{
	double t = json_num(line, "t", -1);

	return t >= window_from(f) && t < window_to(f);
}

static double bad_seconds(const struct facts *f)
{
	json_t *g;
	size_t i;
	double n = 0;

	json_array_foreach(f->gauges, i, g)
		n += in_window(f, g) && json_flag(g, "bad", false);
	return n;
}

/* Requests in the window, of one API or all, that an SLO counts. */
static void window_requests(const struct facts *f, const char *api,
			    double *ret_good, double *ret_failed)
{
	json_t *l;
	size_t i;

	*ret_good = *ret_failed = 0;
	json_array_foreach(f->apis, i, l) {
		if (!in_window(f, l) ||
		    (api ? strcmp(json_str(l, "api", ""), api) != 0
			 : facts_beside(l)))
			continue;
		*ret_good += json_num(l, "ok", 0) + json_num(l, "client", 0) +
			     json_num(l, "business", 0);
		*ret_failed += facts_failed(l, NULL);
	}
}

static double window_limited(const struct facts *f, const char *api)
{
	double n = 0;
	json_t *l;
	size_t i;

	json_array_foreach(f->apis, i, l)
		if (in_window(f, l) && strcmp(json_str(l, "api", ""), api) == 0)
			n += facts_failed(l, "429");
	return n;
}

/* Second in which something last happened, before a time; NAN: never. */
static double last_429(const struct facts *f, double before)
{
	double last = NAN;
	json_t *l;
	size_t i;

	json_array_foreach(f->apis, i, l)
		if (facts_failed(l, "429") > 0 && json_num(l, "t", 0) < before)
			last = json_num(l, "t", 0) + 1;
	return last;
}

static double waiting(const json_t *g)
{
	return json_num(g, "link.db.waiting", 0) +
	       json_num(g, "pool.pending", 0) + json_num(g, "queue", 0) +
	       json_num(g, "kafka.lag", 0);
}

/* More than the lead-in ever had is not drained yet. */
static double drained(const struct facts *f, double before)
{
	double normal = 0, last = NAN;
	json_t *g;
	size_t i;

	json_array_foreach(f->gauges, i, g) {
		double t = json_num(g, "t", 0);

		if (t < 0)
			normal = fmax(normal, waiting(g));
		else if (t < before && waiting(g) > normal)
			last = t + 1;
	}
	return last;
}

static const json_t *lifting_step(const struct facts *f)
{
	const json_t *found = NULL;
	json_t *e;
	size_t i;

	json_array_foreach(f->events, i, e)
		if (strcmp(json_str(e, "ev", ""), "step") == 0 &&
		    json_flag(e, "lifts", false) &&
		    json_flag(e, "call_ok", false))
			found = e;
	return found;
}

static void put_parts(const struct facts *f, json_t *array, double recovered)
{
	const json_t *step = lifting_step(f);

	if (isnan(recovered))
		return;
	put(array, "ttr_part_drained", "start", "nothing waits, lag is gone",
	    drained(f, recovered), "s");
	put(array, "ttr_part_traffic", "start", "last 429",
	    last_429(f, recovered), "s");
	if (step)
		put(array, "ttr_part_lifted", "start",
		    json_str(step, "step", "?"), json_num(step, "t", NAN),
		    "s");
}

static void put_times(const struct facts *f, json_t *array)
{
	double impact = facts_milestone(f, MS_IMPACT);
	double detected = facts_milestone(f, MS_DETECTED);
	double recovered = facts_milestone(f, MS_RECOVERED);
	double first = facts_milestone(f, MS_FIRST_ACTION);
	double length = window_to(f) - window_from(f);

	put(array, "ttd", MS_START, MS_DETECTED, detected, "s");
	put(array, "impact_to_detected", MS_IMPACT, MS_DETECTED,
	    detected - impact, "s");
	put(array, "detected_to_first_action", MS_DETECTED, MS_FIRST_ACTION,
	    first - detected, "s");
	put(array, "ttr_repair", MS_DETECTED, MS_RECOVERED,
	    recovered - detected, "s");
	put(array, "ttr_restore", MS_START, MS_RECOVERED, recovered, "s");
	put(array, "repair_share", "detected→recovered", "window",
	    (recovered - detected) / length, "share");
	put_parts(f, array, recovered);
}

static void put_shares(const struct facts *f, json_t *array)
{
	double length = window_to(f) - window_from(f);
	double bad = bad_seconds(f), good, failed;
	double target = json_num(f->run, "slo/availability", 0);
	double period = json_num(f->run, "slo/period_s", 0);

	window_requests(f, NULL, &good, &failed);
	put(array, "bad_seconds", "bad seconds", "window", bad, "s");
	put(array, "affected_share", "bad seconds", "window", bad / length,
	    "share");
	put(array, "availability_time", "good seconds", "window",
	    1 - bad / length, "share");
	put(array, "availability_requests", "not failed",
	    "requests in the window", good / (good + failed), "share");
	if (target > 0 && period > 0)
		put(array, "budget_spent_time", "bad seconds",
		    "the period's error budget",
		    bad / (period * (1 - target)), "share");
	if (target > 0)
		put(array, "budget_spent_requests", "failed requests",
		    "what the window's requests allow",
		    failed / ((good + failed) * (1 - target)), "share");
}

static double users_row(const struct facts *f, const char *api,
			const char *phase, const char *key)
{
	json_t *row;
	size_t i;

	json_array_foreach(json_at(facts_event(f, "load"), "users"), i, row)
		if (strcmp(json_str(row, "api", ""), api) == 0 &&
		    strcmp(json_str(row, "phase", ""), phase) == 0)
			return json_num(row, key, NAN);
	return NAN;
}

/* issued / (issued + sold out + already issued + failed), once reopened */
static double success_after_lift(const struct facts *f, const char *api)
{
	const json_t *step = lifting_step(f);
	double ok = 0, all = 0, from = json_num(step, "t", NAN);
	json_t *l;
	size_t i;

	json_array_foreach(f->apis, i, l) {
		if (strcmp(json_str(l, "api", ""), api) != 0 ||
		    !(json_num(l, "t", 0) >= ceil(from)))
			continue;
		ok += json_num(l, "ok", 0);
		all += json_num(l, "ok", 0) + json_num(l, "business", 0) +
		       facts_failed(l, NULL);
	}
	return all > 0 ? ok / all : NAN;
}

static double peak_throughput(const struct facts *f)
{
	double peak = NAN;
	json_t *g;
	size_t i;

	json_array_foreach(f->gauges, i, g)
		if (in_window(f, g))
			peak = fmax(isnan(peak) ? 0 : peak,
				    json_num(g, "throughput", 0));
	return peak;
}

static void put_user_minutes(const struct facts *f, json_t *array)
{
	double most = 0, sum = 0;
	json_t *g;
	size_t i;

	json_array_foreach(f->gauges, i, g) {
		double users = json_num(g, "users", 0);

		most = fmax(most, users);
		if (in_window(f, g) && json_flag(g, "bad", false))
			sum += users;
	}
	if (most > 0) {
		put(array, "users_max", "most at once", "whole drill", most,
		    "users");
		put(array, "user_minutes_affected",
		    "users in the bad seconds", "window", sum / 60,
		    "user-minutes");
	}
}

static void put_unserved(const struct facts *f, const char *api, json_t *array)
{
	double asked = users_row(f, api, "fault", "asked");
	double unserved = users_row(f, api, "fault", "unserved");
	const char *share = report_key(f, "impact", "inquiries.share");
	double per_user = NAN;

	put(array, "users_asked", "asked between start", "and first action",
	    asked, "users");
	put(array, "users_unserved", "asked between start",
	    "and first action, got none", unserved, "users");
	put(array, "users_unserved_share", "users_unserved", "users_asked",
	    unserved / asked, "share");
	put(array, "users_unserved_raw", "requests of the same users",
	    "and of those served", users_row(f, api, "fault", "raw"),
	    "requests");
	if (share && units_share(share, &per_user, NULL) == 0)
		put(array, "inquiries", "users_unserved", share,
		    round(unserved * per_user), "inquiries");
	put(array, "success_after_reopen", "issued",
	    "issued + sold out + already issued + failed",
	    success_after_lift(f, api), "share");
}

static void put_impact(const struct facts *f, json_t *array)
{
	const char *users = report_key(f, "impact", "users.api");
	const char *order = report_key(f, "impact", "order.api");
	const char *value = report_key(f, "impact", "order.value");
	double good, failed, limited;

	put(array, "users_affected", "had a failed request", "whole drill",
	    json_num(facts_event(f, "load"), "users_affected", NAN), "users");
	put(array, "tps_surge", "highest 10 s mean of ok answers", "window",
	    peak_throughput(f), "1/s");
	if (users)
		put_unserved(f, users, array);
	put_user_minutes(f, array);
	if (!order)
		return;
	window_requests(f, order, &good, &failed);
	limited = window_limited(f, order);
	put(array, "orders_failed_all", "failed", "window", failed, "orders");
	failed -= limited;
	put(array, "orders_failed", "failed, but for 429", "window", failed,
	    "orders");
	put(array, "orders_limited", "answered 429", "window", limited,
	    "orders");
	if (value)
		put(array, "sales_lost", "orders_failed", value,
		    failed * strtod(value, NULL),
		    strchr(value, ' ') ? strchr(value, ' ') + 1 : "");
}

json_t *report_measures(const struct facts *f)
{
	json_t *array = json_array();

	put_times(f, array);
	put_shares(f, array);
	put_impact(f, array);
	report_measures_own(f, array);
	return array;
}

/* The end of the last half-peak second of the 30 s mean of bad requests. */
static double half_peak_end(const struct facts *f)
{
	double *bad = mem_calloc(MAX_SECONDS, sizeof(*bad));
	double peak = 0, last = NAN;
	json_t *l;
	size_t i;

	json_array_foreach(f->apis, i, l) {
		double t = json_num(l, "t", -1);

		if (!facts_beside(l) && t >= 0 && t < MAX_SECONDS)
			bad[(size_t)t] += facts_failed(l, NULL);
	}
	for (int pass = 0; pass < 2; pass++) {
		double sum = 0;

		for (size_t s = 0; s < MAX_SECONDS; s++) {
			sum += bad[s] - (s >= MEAN_S ? bad[s - MEAN_S] : 0);
			if (pass == 0)
				peak = fmax(peak, sum);
			else if (peak > 0 && sum >= peak / 2)
				last = (double)s + 1;
		}
	}
	mem_free(bad);
	return last;
}

/* Steps that ended before it, those closer than 30 s named together. */
static void put_mitigated(const struct facts *f, json_t *array)
{
	double fell = half_peak_end(f), at = NAN;
	struct buf names;
	json_t *e;
	size_t i;

	buf_init(&names, 1024);
	json_array_foreach(f->events, i, e) {
		double t = json_num(e, "t", NAN);

		if (strcmp(json_str(e, "ev", ""), "step") != 0 ||
		    !json_flag(e, "call_ok", false) || !(t <= fell))
			continue;
		if (!isnan(at) && t - at > MEAN_S)
			buf_reset(&names);
		buf_addf(&names, "%s%s", names.len ? ", " : "",
			 json_str(e, "step", "?"));
		at = t;
	}
	if (!isnan(at))
		json_array_append_new(array,
				      json_pack("{s:s,s:f,s:s}", "name",
						"mitigated", "t_s", at,
						"source", names.data));
	buf_done(&names);
}

json_t *report_milestones(const struct facts *f)
{
	json_t *array = json_array(), *e, *m;
	size_t i;

	json_array_foreach(f->events, i, e) {
		if (strcmp(json_str(e, "ev", ""), "milestone") != 0)
			continue;
		json_array_append_new(
			array,
			json_pack("{s:s,s:f,s:s,s:s}", "name",
				  json_str(e, "name", "?"), "t_s",
				  json_num(e, "at_s", 0), "source",
				  json_str(e, "source", ""), "why",
				  json_str(e, "why", "")));
	}
	put_mitigated(f, array);
	json_array_foreach(array, i, m) {
		const char *label = json_str(f->run, "clock", "");
		char clock[UNITS_TEXT] = "";
		nsec_t base;

		if (label[0] && units_clock(label, &base, NULL) == 0)
			units_fmt_clock(clock,
					base + (nsec_t)(json_num(m, "t_s", 0) *
							1e9));
		json_object_set_new(m, "clock", json_string(clock));
	}
	return array;
}
