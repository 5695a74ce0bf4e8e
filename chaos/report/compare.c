/* SPDX-License-Identifier: Apache-2.0 */
/* Figures of two sides, second by second, and the verdict on each. */
#include "chaos/report/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "chaos/report/bootstrap.h"

enum { MIN_SECONDS = 5, RESAMPLES = 4000 };

static double throughput_of(const struct report_second *s)
{
	return s->ok;
}

static double errors_of(const struct report_second *s)
{
	double done = s->ok + s->client + s->business + s->failed;

	return done > 0 ? s->failed / done : NAN;
}

static double p50_of(const struct report_second *s)
{
	return s->p50 * 1000;
}

static double p95_of(const struct report_second *s)
{
	return s->p95 * 1000;
}

static double p99_of(const struct report_second *s)
{
	return s->p99 * 1000;
}

static const struct figure {
	const char *name, *unit;
	double (*of)(const struct report_second *s);
	bool more_is_better, is_ms;
} figures[] = {
	{ "throughput", "1/s", throughput_of, true, false },
	{ "errors", "share", errors_of, false, false },
	{ "p50", "ms", p50_of, false, true },
	{ "p95", "ms", p95_of, false, true },
	{ "p99", "ms", p99_of, false, true },
};

enum { FIGURES = sizeof(figures) / sizeof(figures[0]) };

/* One figure of one API on one side: the mean of its runs, by second. */
struct side {
	double *v;		/* [second]; NaN: unknown */
	double *means;		/* of each run, over its seconds */
	size_t n_runs;
};

/* Phases of one second are one second of the API. */
static void add_second(struct report_second *to, const struct report_second *s)
{
	to->ok += s->ok;
	to->client += s->client;
	to->business += s->business;
	to->failed += s->failed;
	to->p50 = fmax(to->p50, s->p50);
	to->p95 = fmax(to->p95, s->p95);
	to->p99 = fmax(to->p99, s->p99);
}

/* The last second that a run has is cut short: it is no second. */
static int64_t last_of(const struct report *r)
{
	const struct report_second *v;
	size_t n = report_seconds(r, &v);
	double end = json_num(report_json(r), "run/duration_s", 0);
	int64_t last = n ? v[n - 1].t : -1;

	return last < (int64_t)end ? last : (int64_t)end - 1;
}

/* Of the scored seconds; caller frees. A second with no line had nothing. */
static double *run_series(const struct report *r, const char *api,
			  const struct figure *f, size_t span)
{
	const struct report_second *v;
	size_t n = report_seconds(r, &v);
	int64_t last = last_of(r);
	struct report_second *sum = mem_calloc(span, sizeof(*sum));
	double *series = mem_calloc(span, sizeof(*series));

	for (size_t i = 0; i < span; i++)
		sum[i].p50 = sum[i].p95 = sum[i].p99 = NAN;
	for (size_t i = 0; i < n; i++)
		if (v[i].t >= 0 && v[i].t < (int64_t)span &&
		    strcmp(v[i].api, api) == 0)
			add_second(&sum[v[i].t], &v[i]);
	for (int64_t t = 0; t < (int64_t)span; t++)
		series[t] = t <= last ? f->of(&sum[t]) : NAN;
	mem_free(sum);
	return series;
}

static struct side side_of(const struct report *const *runs, size_t n,
			   const char *api, const struct figure *f, size_t span)
{
	struct side s = { .v = mem_calloc(span, sizeof(double)),
			  .means = mem_calloc(n, sizeof(double)),
			  .n_runs = n };
	unsigned *known = mem_calloc(span, sizeof(*known));

	for (size_t r = 0; r < n; r++) {
		double *one = run_series(runs[r], api, f, span);
		double sum = 0;
		size_t seconds = 0;

		for (size_t t = 0; t < span; t++) {
			if (isnan(one[t]))
				continue;
			s.v[t] += one[t];
			known[t]++;
			sum += one[t];
			seconds++;
		}
		s.means[r] = seconds ? sum / (double)seconds : NAN;
		mem_free(one);
	}
	for (size_t t = 0; t < span; t++)
		s.v[t] = known[t] ? s.v[t] / known[t] : NAN;
	mem_free(known);
	return s;
}

static void side_done(struct side *s)
{
	mem_free(s->v);
	mem_free(s->means);
}

/* Means over the seconds that both have; the differences are given back. */
static size_t pair(const struct side *a, const struct side *b, size_t span,
		   double *ret_d, double *ret_a, double *ret_b)
{
	size_t n = 0;

	*ret_a = *ret_b = 0;
	for (size_t t = 0; t < span; t++) {
		if (isnan(a->v[t]) || isnan(b->v[t]))
			continue;
		ret_d[n++] = b->v[t] - a->v[t];
		*ret_a += a->v[t];
		*ret_b += b->v[t];
	}
	*ret_a = n ? *ret_a / (double)n : NAN;
	*ret_b = n ? *ret_b / (double)n : NAN;
	return n;
}

static const char *verdict_of(const struct compare_args *args,
			      const struct figure *f, double a, double d,
			      double low, double high)
{
	if (isnan(low))
		return "unknown";
	if (low <= 0 && high >= 0)
		return "same";
	if (fabs(d) <= args->floor * fabs(a) ||
	    (f->is_ms && fabs(d) <= args->floor_ms) ||
	    (!f->is_ms && fabs(d) < 1e-4))
		return "same";
	return (d > 0) == f->more_is_better ? "better" : "worse";
}

static json_t *number(double v)
{
	return isfinite(v) ? json_real(v) : json_null();
}

static json_t *figure_row(const struct compare_args *args, const char *api,
			  const struct figure *f, double alpha, size_t span)
{
	struct side a = side_of(args->a, args->n_a, api, f, span);
	struct side b = side_of(args->b, args->n_b, api, f, span);
	double *d = mem_calloc(span, sizeof(*d));
	double mean_a, mean_b, low = NAN, high = NAN, difference;
	size_t n = pair(&a, &b, span, d, &mean_a, &mean_b);
	json_t *row;

	difference = mean_b - mean_a;
	if (n >= MIN_SECONDS) {
		bootstrap_mean(d, n, RESAMPLES, alpha, args->seed, &low, &high);
		bootstrap_widen(a.means, a.n_runs, b.means, b.n_runs, alpha,
				&low, &high);
	}
	row = json_pack("{s:s,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:I,s:s}", "name",
			f->name, "unit", f->unit, "a", number(mean_a), "b",
			number(mean_b), "difference", number(difference),
			"share", number(difference / fabs(mean_a)), "low",
			number(low), "high", number(high), "seconds",
			(json_int_t)n, "verdict",
			verdict_of(args, f, mean_a, difference, low, high));
	mem_free(d);
	side_done(&a);
	side_done(&b);
	return row;
}

static void count(json_t *root, const char *verdict)
{
	if (json_object_get(root, verdict))
		json_object_set_new(root, verdict,
				    json_integer(json_int64(root, verdict, 0) +
						 1));
}

static bool has(const json_t *names, const char *name)
{
	json_t *v;
	size_t i;

	json_array_foreach(names, i, v)
		if (strcmp(json_str(v, "api", ""), name) == 0)
			return true;
	return false;
}

/* Every API that a run of either side had. */
static json_t *api_names(const struct compare_args *args)
{
	json_t *names = json_array();

	for (int side = 0; side < 2; side++)
		for (size_t r = 0; r < (side ? args->n_b : args->n_a); r++) {
			const struct report *run = (side ? args->b
							 : args->a)[r];
			const struct report_second *v;
			size_t n = report_seconds(run, &v);

			for (size_t i = 0; i < n; i++)
				if (!has(names, v[i].api))
					json_array_append_new(
						names,
						json_pack("{s:s,s:b,s:[]}",
							  "api", v[i].api,
							  "beside",
							  v[i].beside,
							  "figures"));
		}
	return names;
}

/* Seconds that any of the runs has; at least one. */
static size_t span_of(const struct compare_args *args)
{
	int64_t last = 0;

	for (size_t i = 0; i < args->n_a + args->n_b; i++) {
		int64_t t = last_of(i < args->n_a ? args->a[i]
						  : args->b[i - args->n_a]);

		if (t > last)
			last = t;
	}
	return (size_t)last + 1;
}

static void add_figures(const struct compare_args *args, json_t *root)
{
	size_t span = span_of(args);
	json_t *apis = api_names(args), *api;
	size_t n = json_array_size(apis), i;
	double alpha = n ? args->alpha / (double)(n * FIGURES) : args->alpha;

	json_object_set_new(root, "apis", apis);
	json_array_foreach(apis, i, api)
		for (size_t k = 0; k < FIGURES; k++) {
			json_t *row = figure_row(args, json_str(api, "api", ""),
						 &figures[k], alpha, span);

			count(root, json_str(row, "verdict", ""));
			json_array_append_new(json_object_get(api, "figures"),
					      row);
		}
}

struct spread {
	double mean, low, high;
	size_t n;		/* runs that had it */
};

static double milestone_of(const struct report *r, const char *name)
{
	json_t *m;
	size_t i;

	json_array_foreach(json_at(report_json(r), "milestones"), i, m)
		if (strcmp(json_str(m, "name", ""), name) == 0)
			return json_num(m, "t_s", NAN);
	return NAN;
}

static struct spread spread_of(const struct report *const *runs, size_t n,
			       const char *name)
{
	struct spread s = { .low = INFINITY, .high = -INFINITY };

	for (size_t i = 0; i < n; i++) {
		double t = milestone_of(runs[i], name);

		if (isnan(t))
			continue;
		s.mean += t;
		s.low = fmin(s.low, t);
		s.high = fmax(s.high, t);
		s.n++;
	}
	s.mean = s.n ? s.mean / (double)s.n : NAN;
	return s;
}

/*
 * One run a side says nothing of what varies: its times are shown.  With
 * three, ranges that do not touch come by chance once in ten (2 / C(6, 3)).
 */
static const char *milestone_verdict(const struct compare_args *args,
				     const struct spread *a,
				     const struct spread *b)
{
	if (args->n_a < 3 || args->n_b < 3 || a->n < args->n_a ||
	    b->n < args->n_b)
		return "unknown";
	if (a->high < b->low && b->mean - a->mean > args->floor * a->mean)
		return "worse";
	if (b->high < a->low && a->mean - b->mean > args->floor * a->mean)
		return "better";
	return "same";
}

static void add_milestones(const struct compare_args *args, json_t *root)
{
	static const char *const names[] = { "impact", "detected",
					     "first action", "recovered" };
	json_t *array = json_array();

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct spread a = spread_of(args->a, args->n_a, names[i]);
		struct spread b = spread_of(args->b, args->n_b, names[i]);
		const char *verdict = milestone_verdict(args, &a, &b);

		if (!a.n && !b.n)
			continue;
		count(root, verdict);
		json_array_append_new(
			array,
			json_pack("{s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:I,s:I,"
				  "s:s}",
				  "name", names[i], "a", number(a.mean), "b",
				  number(b.mean), "difference",
				  number(b.mean - a.mean), "low_a",
				  number(a.low), "high_a", number(a.high),
				  "low_b", number(b.low), "high_b",
				  number(b.high), "n_a", (json_int_t)a.n,
				  "n_b", (json_int_t)b.n, "verdict", verdict));
	}
	json_object_set_new(root, "milestones", array);
}

static json_t *runs_of(const struct report *const *runs, size_t n)
{
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++) {
		const json_t *root = report_json(runs[i]);

		json_array_append_new(
			array,
			json_pack("{s:s,s:s,s:s,s:s,s:f,s:s,s:b}", "run",
				  json_str(root, "run/id", "?"), "dir",
				  json_str(root, "run_dir", "?"), "scenario",
				  json_str(root, "run/scenario", "?"),
				  "started_at",
				  json_str(root, "run/started_at", ""),
				  "duration_s",
				  json_num(root, "run/duration_s", 0),
				  "status",
				  json_str(root, "verdict/status", "?"),
				  "valid", json_flag(root, "run/valid",
						     false)));
	}
	return array;
}

json_t *compare_runs(const struct compare_args *args)
{
	json_t *root = json_pack(
		"{s:s,s:{s:s,s:f,s:f,s:f,s:i,s:I},s:i,s:i,s:i,s:i}", "schema",
		"gameday.compare/1", "method", "name",
		"moving block bootstrap of the paired seconds' mean difference",
		"alpha", args->alpha, "floor", args->floor, "floor_ms",
		args->floor_ms, "resamples", RESAMPLES, "seed",
		(json_int_t)args->seed, "worse", 0, "better", 0, "same", 0,
		"unknown", 0);

	json_object_set_new(root, "a", runs_of(args->a, args->n_a));
	json_object_set_new(root, "b", runs_of(args->b, args->n_b));
	add_figures(args, root);
	add_milestones(args, root);
	return root;
}
