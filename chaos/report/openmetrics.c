/* SPDX-License-Identifier: Apache-2.0 */
/* A run as metrics: for a Pushgateway's kind of place, or a trend. */
#include <math.h>
#include <string.h>

#include "chaos/base/json.h"
#include "chaos/base/openmetrics.h"
#include "chaos/report/writers.h"

#define LABELS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static bool is_all(const json_t *row)
{
	return strcmp(json_str(row, "phase", ""), "all") == 0;
}

static void about(const json_t *root, struct buf *b)
{
	om_family(b, "gameday_run", "info", NULL, "The run.");
	om_sample(b, "gameday_run", "_info",
		  LABELS("run", json_str(root, "run/id", ""), "kind",
			 json_str(root, "run/kind", ""), "scenario",
			 json_str(root, "run/scenario", ""), "status",
			 json_str(root, "verdict/status", ""), "version",
			 json_str(root, "run/version", "")),
		  1);
	om_family(b, "gameday_run_duration_seconds", "gauge", "seconds",
		  "Drill time from T+0 to the end.");
	om_sample(b, "gameday_run_duration_seconds", "", NULL,
		  json_num(root, "run/duration_s", 0));
	om_family(b, "gameday_run_valid", "gauge", NULL,
		  "Was the generator fit for what it was asked?");
	om_sample(b, "gameday_run_valid", "", NULL,
		  json_flag(root, "run/valid", false));
	om_family(b, "gameday_run_exit_code", "gauge", NULL,
		  "0 criteria held, 1 missed, 4 aborted, 5 not undone, 6 "
		  "invalid.");
	om_sample(b, "gameday_run_exit_code", "", NULL,
		  json_num(root, "verdict/exit", 0));
}

static void requests(const json_t *root, struct buf *b)
{
	static const char *const counts[] = { "ok", "client", "business" };
	static const char name[] = "gameday_requests";
	const char *cause;
	json_t *row, *v;
	size_t i;

	om_family(b, name, "counter", NULL,
		  "Requests by API and outcome; failed ones by cause.");
	json_array_foreach(json_at(root, "load/apis"), i, row) {
		const char *api = json_str(row, "name", "?");

		if (!is_all(row))
			continue;
		for (size_t k = 0; k < 3; k++)
			om_sample(b, name, "_total",
				  LABELS("api", api, "outcome", counts[k]),
				  json_num(row, counts[k], 0));
		json_object_foreach(json_object_get(row, "failed"), cause, v)
			om_sample(b, name, "_total",
				  LABELS("api", api, "outcome", "failed",
					 "cause", cause),
				  json_number_value(v));
	}
}

static void quantiles(struct buf *b, const char *name, const char *api,
		      const json_t *ms, double n)
{
	static const char *const v[][2] = {
		{ "p50", "0.5" }, { "p90", "0.9" },   { "p95", "0.95" },
		{ "p99", "0.99" }, { "p999", "0.999" }, { "max", "1.0" },
	};

	if (n <= 0 || !json_is_number(json_object_get(ms, "p50")))
		return;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		om_sample(b, name, "",
			  LABELS("api", api, "quantile", v[i][1]),
			  json_num(ms, v[i][0], NAN) / 1000);
}

static void times(const json_t *root, struct buf *b)
{
	static const struct {
		const char *name, *key, *help;
	} parts[] = {
		{ "gameday_response_seconds", "response_ms",
		  "From when a request was due to its answer." },
		{ "gameday_service_seconds", "service_ms",
		  "From when a request was sent to its answer." },
	};
	json_t *row;
	size_t i;

	for (size_t p = 0; p < 2; p++) {
		om_family(b, parts[p].name, "summary", "seconds",
			  parts[p].help);
		json_array_foreach(json_at(root, "load/apis"), i, row)
			if (is_all(row))
				quantiles(b, parts[p].name,
					  json_str(row, "name", "?"),
					  json_object_get(row, parts[p].key),
					  json_num(row, "requests", 0));
	}
}

static void thresholds(const json_t *root, struct buf *b)
{
	static const struct {
		const char *name, *key, *help;
	} parts[] = {
		{ "gameday_threshold_value", "value",
		  "What decided it, in seconds, shares or requests a second." },
		{ "gameday_threshold_limit", "limit", "Its limit." },
		{ "gameday_threshold_margin", "margin",
		  "How far from its limit, as a share of it; below 0 beyond." },
	};
	json_t *t;
	size_t i;

	om_family(b, "gameday_threshold_held", "gauge", NULL,
		  "1: the threshold was kept.");
	json_array_foreach(json_at(root, "thresholds"), i, t)
		om_sample(b, "gameday_threshold_held", "",
			  LABELS("threshold", json_str(t, "name", "?")),
			  json_flag(t, "ok", false));
	for (size_t p = 0; p < 3; p++) {
		om_family(b, parts[p].name, "gauge", NULL, parts[p].help);
		json_array_foreach(json_at(root, "thresholds"), i, t)
			om_sample(b, parts[p].name, "",
				  LABELS("threshold",
					 json_str(t, "name", "?")),
				  json_num(t, parts[p].key, NAN));
	}
}

static void measures(const json_t *root, struct buf *b)
{
	json_t *m;
	size_t i;

	om_family(b, "gameday_measure", "gauge", NULL,
		  "Times and shares of the run, in their unit.");
	json_array_foreach(json_at(root, "measures"), i, m)
		om_sample(b, "gameday_measure", "",
			  LABELS("measure", json_str(m, "name", "?"), "unit",
				 json_str(m, "unit", "")),
			  json_num(m, "value", NAN));
}

static void openmetrics_write(const struct report *r, FILE *f)
{
	const json_t *root = report_json(r);
	struct buf b;

	buf_init(&b, 0);
	about(root, &b);
	requests(root, &b);
	times(root, &b);
	thresholds(root, &b);
	measures(root, &b);
	om_end(&b);
	fwrite(b.data, 1, b.len, f);
	buf_done(&b);
}

const struct report_writer report_writer_openmetrics = {
	.name = "openmetrics",
	.summary = "metrics of the whole run, as text",
	.write = openmetrics_write,
};
