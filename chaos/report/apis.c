/* SPDX-License-Identifier: Apache-2.0 */
/* Requests by API and phase: counts from the series, times from the log. */
#include <math.h>
#include <string.h>

#include "chaos/base/json.h"
#include "chaos/report/events.h"
#include "chaos/report/model.h"

static const char *const phases[] = { "baseline", "fault", "recovery", "all" };

static bool is_phase(const json_t *line, const char *phase)
{
	return strcmp(phase, "all") == 0 ||
	       strcmp(json_str(line, "phase", ""), phase) == 0;
}

static void add_to(json_t *o, const char *key, double v)
{
	json_int_t sum = (json_int_t)(json_num(o, key, 0) + v);

	json_object_set_new(o, key, json_integer(sum));
}

static void add_counts(json_t *o, const json_t *line)
{
	json_t *failed = json_object_get(o, "failed"), *v;
	const char *key;
	double n = json_num(line, "ok", 0) + json_num(line, "client", 0) +
		   json_num(line, "business", 0) + facts_failed(line, NULL);

	add_to(o, "requests", n);
	add_to(o, "ok", json_num(line, "ok", 0));
	add_to(o, "client", json_num(line, "client", 0));
	add_to(o, "business", json_num(line, "business", 0));
	add_to(o, "censored", json_num(line, "censored", 0));
	add_to(o, "saturated", json_num(line, "saturated", 0));
	json_object_foreach(json_at(line, "failed"), key, v)
		add_to(failed, key, json_number_value(v));
}

static void add_number(json_t *o, const char *key, const struct hist *h,
		       double ns)
{
	json_object_set_new(o, key,
			    h && hist_count(h) ? json_real(ns / 1e6)
					       : json_null());
}

static json_t *percentiles(const struct hist *h)
{
	static const struct {
		const char *name;
		double p;
	} rows[] = { { "p50", 50 }, { "p90", 90 }, { "p95", 95 },
		     { "p99", 99 }, { "p999", 99.9 } };
	json_t *o = json_object();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		add_number(o, rows[i].name, h,
			   h ? (double)hist_percentile(h, rows[i].p) : 0);
	add_number(o, "min", h, h ? (double)hist_min(h) : 0);
	add_number(o, "mean", h, h ? hist_mean(h) : 0);
	add_number(o, "max", h, h ? (double)hist_max(h) : 0);
	return o;
}

static void add_times(const struct facts *f, const char *api,
		      const char *phase, const char *what, struct hist *sum)
{
	char tag[160];

	for (size_t i = 0; i < 3; i++) {
		const struct hist *h;

		if (strcmp(phase, "all") != 0 &&
		    strcmp(phase, phases[i]) != 0)
			continue;
		snprintf(tag, sizeof(tag), "%s/%s/%s", api, phases[i], what);
		h = facts_hist(f, tag);
		if (h)
			hist_merge(sum, h);
	}
}

/* A phase's histogram, or for "all" the sum of the phases'. */
json_t *report_times(const struct facts *f, const json_t *apis,
		     const char *phase, const char *what)
{
	struct hist *sum = hist_new();
	json_t *o, *api;
	size_t i;

	json_array_foreach(apis, i, api)
		add_times(f, json_string_value(api), phase, what, sum);
	o = percentiles(sum);
	hist_free(sum);
	return o;
}

static json_t *times(const struct facts *f, const char *api, const char *phase,
		     const char *what)
{
	json_t *one = json_pack("[s]", api);
	json_t *o = report_times(f, one, phase, what);

	json_decref(one);
	return o;
}

/* When traffic was over, or told to end, or the last that is known. */
static double end_of(const struct facts *f)
{
	double last = json_num(facts_event(f, "load"), "over_s", NAN);
	json_t *e;
	size_t i;

	if (!isnan(last))
		return last;
	json_array_foreach(f->events, i, e)
		if (strcmp(json_str(e, "ev", ""), "state") == 0 &&
		    strcmp(json_str(e, "to", ""), "reverting") == 0)
			return json_num(e, "t", NAN);
	json_array_foreach(f->apis, i, e)
		last = fmax(isnan(last) ? -INFINITY : last,
			    json_num(e, "t", 0) + 1);
	return last;
}

/* Seconds of a phase: of an early end only those that there were. */
static double span_of(const struct facts *f, const char *phase)
{
	double first = facts_milestone(f, MS_FIRST_ACTION), end = end_of(f);
	double from = -json_num(f->run, "lead_in_s", 0), to = end;

	if (strcmp(phase, "baseline") == 0)
		to = fmin(0, end);
	else if (strcmp(phase, "fault") == 0)
		to = isnan(first) ? end : first;
	if (strcmp(phase, "fault") == 0)
		from = 0;
	else if (strcmp(phase, "recovery") == 0)
		from = first;
	return to > from ? to - from : 0;
}

static json_t *one(const struct facts *f, const char *api, const char *phase)
{
	double span = span_of(f, phase);
	json_t *o = json_pack("{s:s,s:s,s:i,s:i,s:{},s:i,s:i,s:i,s:i}",
			      "name", api, "phase", phase, "requests", 0, "ok",
			      0, "failed", "client", 0, "business", 0,
			      "censored", 0, "saturated", 0);
	bool beside = false;
	char path[96];
	json_t *line;
	size_t i;

	json_array_foreach(f->apis, i, line) {
		if (strcmp(json_str(line, "api", ""), api) != 0)
			continue;
		beside |= facts_beside(line);
		if (is_phase(line, phase))
			add_counts(o, line);
	}
	json_object_set_new(o, "seconds", json_real(span));
	json_object_set_new(o, "rps",
			    json_real(span > 0 ? json_num(o, "requests", 0) /
							 span
					       : 0));
	json_object_set_new(o, "beside", json_boolean(beside));
	json_object_set_new(o, "response_ms", times(f, api, phase, "response"));
	json_object_set_new(o, "service_ms", times(f, api, phase, "service"));
	/* Its last second's lines may be lost; what the load said is not. */
	snprintf(path, sizeof(path), "censored/%s", api);
	if (strcmp(phase, "all") == 0)
		add_to(o, "censored",
		       fmax(json_num(facts_event(f, "load"), path, 0) -
				    json_num(o, "censored", 0),
			    0));
	return o;
}

json_t *report_apis(const struct facts *f)
{
	json_t *array = json_array(), *api;
	size_t i;

	json_array_foreach(json_at(f->run, "apis"), i, api)
		for (size_t p = 0; p < 4; p++)
			json_array_append_new(
				array,
				one(f, json_string_value(api), phases[p]));
	return array;
}
