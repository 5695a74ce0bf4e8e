/* SPDX-License-Identifier: Apache-2.0 */
/* Requests by API and phase: counts from the series, times from the log. */
#include <math.h>
#include <string.h>

#include "chaos/base/json.h"
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
	json_object_foreach(json_at(line, "failed"), key, v)
		add_to(failed, key, json_number_value(v));
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
		json_object_set_new(
			o, rows[i].name,
			h && hist_count(h)
				? json_real((double)hist_percentile(
						    h, rows[i].p) /
					    1e6)
				: json_null());
	json_object_set_new(o, "max",
			    h && hist_count(h)
				    ? json_real((double)hist_max(h) / 1e6)
				    : json_null());
	return o;
}

/* A phase's histogram, or for "all" the sum of the phases'. */
static json_t *times(const struct facts *f, const char *api, const char *phase,
		     const char *what)
{
	struct hist *sum = hist_new();
	json_t *o;
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
	o = percentiles(sum);
	hist_free(sum);
	return o;
}

static double span_of(double first, double last)
{
	return last >= first ? last - first + 1 : 0;
}

static json_t *one(const struct facts *f, const char *api, const char *phase)
{
	double first = INFINITY, last = -INFINITY, span;
	json_t *o = json_pack("{s:s,s:s,s:i,s:i,s:{},s:i,s:i}", "name", api,
			      "phase", phase, "requests", 0, "ok", 0,
			      "failed", "client", 0, "business", 0);
	int64_t censored = 0;
	bool beside = false;
	char path[96];
	json_t *line;
	size_t i;

	json_array_foreach(f->apis, i, line) {
		if (strcmp(json_str(line, "api", ""), api) != 0 ||
		    !is_phase(line, phase))
			continue;
		add_counts(o, line);
		beside = facts_beside(line);
		first = fmin(first, json_num(line, "t", 0));
		last = fmax(last, json_num(line, "t", 0));
	}
	span = span_of(first, last);
	json_object_set_new(o, "rps",
			    json_real(span > 0 ? json_num(o, "requests", 0) /
							 span
					       : 0));
	json_object_set_new(o, "beside", json_boolean(beside));
	json_object_set_new(o, "response_ms", times(f, api, phase, "response"));
	json_object_set_new(o, "service_ms", times(f, api, phase, "service"));
	snprintf(path, sizeof(path), "censored/%s", api);
	if (strcmp(phase, "all") == 0)
		censored = json_int64(facts_event(f, "load"), path, 0);
	json_object_set_new(o, "censored", json_integer(censored));
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
