/* SPDX-License-Identifier: Apache-2.0 */
/* A running drill as metrics: what watch has counted so far. */
#include <math.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/base/openmetrics.h"
#include "chaos/drill/impl.h"
#include "chaos/watch/windows.h"

#define LABELS(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* Counts and latencies of each API, taken once for all families. */
struct taken {
	struct windows_sum sum;
	struct hist *response;
};

static void about(const struct drill *d, struct buf *b)
{
	om_family(b, "gameday_run", "info", NULL, "The run.");
	om_sample(b, "gameday_run", "_info",
		  LABELS("run", d->args.run, "kind", d->args.kind, "scenario",
			 d->plan->conf.name, "version", GAMEDAY_VERSION),
		  1);
	om_family(b, "gameday_drill_time_seconds", "gauge", "seconds",
		  "Drill time since T+0.");
	om_sample(b, "gameday_drill_time_seconds", "", NULL,
		  (double)loop_now(d->loop) / NSEC_SEC);
}

static void requests(const struct drill *d, const struct taken *v,
		     struct buf *b)
{
	static const char name[] = "gameday_requests";

	om_family(b, name, "counter", NULL,
		  "Requests by API and outcome; failed ones by cause.");
	for (size_t i = 0; i < d->n_apis; i++) {
		const struct windows_sum *s = &v[i].sum;
		const char *api = d->apis[i];

		om_sample(b, name, "_total", LABELS("api", api, "outcome",
						    "ok"), (double)s->ok);
		om_sample(b, name, "_total", LABELS("api", api, "outcome",
						    "client"),
			  (double)s->client);
		om_sample(b, name, "_total", LABELS("api", api, "outcome",
						    "business"),
			  (double)s->business);
		for (int c = 0; c < LOAD_CAUSES; c++)
			om_sample(b, name, "_total",
				  LABELS("api", api, "outcome", "failed",
					 "cause",
					 load_cause_name((enum load_cause)c)),
				  (double)s->failed[c]);
	}
}

static void due_and_checks(const struct drill *d, const struct taken *v,
			   struct buf *b)
{
	om_family(b, "gameday_due", "counter", NULL,
		  "Requests that were due, by API.");
	for (size_t i = 0; i < d->n_apis; i++)
		om_sample(b, "gameday_due", "_total",
			  LABELS("api", d->apis[i]), (double)v[i].sum.due);
	om_family(b, "gameday_checks", "counter", NULL,
		  "Checks of answers, by API and result.");
	for (size_t i = 0; i < d->n_apis; i++) {
		om_sample(b, "gameday_checks", "_total",
			  LABELS("api", d->apis[i], "result", "ok"),
			  (double)v[i].sum.checks_ok);
		om_sample(b, "gameday_checks", "_total",
			  LABELS("api", d->apis[i], "result", "failed"),
			  (double)v[i].sum.checks_failed);
	}
}

static void responses(const struct drill *d, const struct taken *v,
		      struct buf *b)
{
	static const char name[] = "gameday_response_seconds";

	om_family(b, name, "histogram", "seconds",
		  "From when a request was due to its answer.");
	for (size_t i = 0; i < d->n_apis; i++)
		om_hist(b, name, LABELS("api", d->apis[i]), v[i].response);
}

static void add_threshold(void *arg, const struct watch_threshold *t)
{
	om_sample(arg, "gameday_threshold_missing", "",
		  LABELS("threshold", t->name), t->missing);
}

static void add_margin(void *arg, const struct watch_threshold *t)
{
	om_sample(arg, "gameday_threshold_margin", "",
		  LABELS("threshold", t->name), t->margin);
}

static void thresholds(const struct drill *d, struct buf *b)
{
	om_family(b, "gameday_threshold_missing", "gauge", NULL,
		  "1: it does not hold now.");
	watch_thresholds(d->watch, add_threshold, b);
	om_family(b, "gameday_threshold_margin", "gauge", NULL,
		  "Its worst distance from the limit, as a share of that.");
	watch_thresholds(d->watch, add_margin, b);
}

/* Users, in flight, and all that probes and links tell. */
static void gauges(const struct drill *d, struct buf *b)
{
	const char *const *names;
	const double *values;
	size_t n = watch_gauges(d->watch, &names, &values);

	om_family(b, "gameday_gauge", "gauge", NULL,
		  "What conditions see by name, as of the last second.");
	for (size_t i = 0; i < n; i++)
		om_sample(b, "gameday_gauge", "", LABELS("name", names[i]),
			  values[i]);
}

void drill_metrics(const struct drill *d, struct buf *out)
{
	struct taken *v = mem_calloc(d->n_apis + 1, sizeof(*v));

	for (size_t i = 0; i < d->n_apis; i++) {
		v[i].response = hist_new();
		watch_totals(d->watch, i, &v[i].sum, v[i].response);
	}
	about(d, out);
	requests(d, v, out);
	due_and_checks(d, v, out);
	responses(d, v, out);
	thresholds(d, out);
	gauges(d, out);
	om_end(out);
	for (size_t i = 0; i < d->n_apis; i++)
		hist_free(v[i].response);
	mem_free(v);
}
