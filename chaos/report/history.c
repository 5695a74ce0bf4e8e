/* SPDX-License-Identifier: Apache-2.0 */
/* MTTD and MTTR over runs: by scenario, kind and control, never mixed. */
#include "chaos/report/history.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "chaos/report/bootstrap.h"

enum { RESAMPLES = 2000, SEED = 1 };

static double milestone(const json_t *root, const char *name)
{
	json_t *m;
	size_t i;

	json_array_foreach(json_at(root, "milestones"), i, m)
		if (strcmp(json_str(m, "name", ""), name) == 0)
			return json_num(m, "t_s", NAN);
	return NAN;
}

static char *text(const json_t *root, const char *path)
{
	return mem_strdup(json_str(root, path, ""));
}

void history_row_of(const struct report *r, struct history_rows *to)
{
	const json_t *root = report_json(r);
	const char *status = json_str(root, "verdict/status", "");
	double detected = milestone(root, "detected");
	double recovered = milestone(root, "recovered");

	(void)mem_grow(to->v, to->n, to->cap);
	to->v[to->n++] = (struct history_row){
		.id = text(root, "run/id"),
		.scenario = text(root, "run/scenario"),
		.kind = text(root, "run/kind"),
		.controls = text(root, "run/controls"),
		.started_at = text(root, "run/started_at"),
		.status = text(root, "verdict/status"),
		.dir = text(root, "run_dir"),
		.seed = json_int64(root, "run/seed", 0),
		.exit = report_exit(r),
		.valid = json_flag(root, "run/valid", false) &&
			 strcmp(status, "incomplete") != 0 &&
			 strcmp(status, "aborted") != 0,
		.impact = milestone(root, "impact"),
		.ttd = detected,
		.ttr_repair = recovered - detected,
		.ttr_restore = recovered,
	};
}

void history_rows_done(struct history_rows *rows)
{
	for (size_t i = 0; i < rows->n; i++) {
		struct history_row *r = &rows->v[i];
		char *all[] = { r->id, r->scenario, r->kind, r->controls,
				r->started_at, r->status, r->dir };

		for (size_t k = 0; k < sizeof(all) / sizeof(all[0]); k++)
			mem_free(all[k]);
	}
	mem_free(rows->v);
	*rows = (struct history_rows){ 0 };
}

static const struct figure {
	const char *name, *from, *to;
	size_t off;
} figures[] = {
	{ "mttd", "start", "detected", offsetof(struct history_row, ttd) },
	{ "mttr_repair", "detected", "recovered",
	  offsetof(struct history_row, ttr_repair) },
	{ "mttr_restore", "start", "recovered",
	  offsetof(struct history_row, ttr_restore) },
};

static double value(const struct history_row *row, const struct figure *figure)
{
	double v;

	memcpy(&v, (const char *)row + figure->off, sizeof(v));
	return v;
}

static bool same_group(const struct history_row *a, const struct history_row *b)
{
	return strcmp(a->scenario, b->scenario) == 0 &&
	       strcmp(a->kind, b->kind) == 0 &&
	       strcmp(a->controls, b->controls) == 0;
}

static int ascending(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Between neighbours by where it lies: the median of 1 and 3 is 2. */
static double quantile(const double *sorted, size_t n, double q)
{
	double at = q * (double)(n - 1);
	size_t i = (size_t)at;

	return i + 1 < n ? sorted[i] + (at - (double)i) *
					       (sorted[i + 1] - sorted[i])
			 : sorted[n - 1];
}

static json_t *number(bool known, double v)
{
	return known ? json_real(v) : json_null();
}

static json_t *figure_json(const struct history_rows *rows, size_t first,
			   const struct figure *figure)
{
	double *v = mem_calloc(rows->n + 1, sizeof(*v));
	double low = NAN, high = NAN, sum = 0;
	size_t n = 0;
	json_t *o;

	for (size_t i = first; i < rows->n; i++) {
		const struct history_row *r = &rows->v[i];

		if (r->valid && same_group(r, &rows->v[first]) &&
		    !isnan(value(r, figure)))
			v[n++] = value(r, figure);
	}
	for (size_t i = 0; i < n; i++)
		sum += v[i];
	qsort(v, n, sizeof(*v), ascending);
	if (n > 1)
		bootstrap_runs(v, n, RESAMPLES, 0.05, SEED, &low, &high);
	o = json_pack("{s:s,s:s,s:s,s:i}", "name", figure->name, "from",
		      figure->from, "to", figure->to, "n", (int)n);
	json_object_set_new(o, "mean", number(n, n ? sum / (double)n : 0));
	json_object_set_new(o, "median", number(n, n ? quantile(v, n, .5) : 0));
	json_object_set_new(o, "p95", number(n, n ? quantile(v, n, .95) : 0));
	json_object_set_new(o, "min", number(n, v[0]));
	json_object_set_new(o, "max", number(n, n ? v[n - 1] : 0));
	json_object_set_new(o, "low", number(n > 1, low));
	json_object_set_new(o, "high", number(n > 1, high));
	mem_free(v);
	return o;
}

/* How many of a group are what; each run that counts is in one of them. */
struct counts {
	int runs, invalid, no_impact, undetected, unrecovered, held;
};

static struct counts count(const struct history_rows *rows, size_t first,
			   const struct history_row **ret_last)
{
	struct counts c = { 0 };

	for (size_t i = first; i < rows->n; i++) {
		const struct history_row *r = &rows->v[i];

		if (!same_group(r, &rows->v[first]))
			continue;
		*ret_last = r;
		c.runs++;
		c.invalid += !r->valid;
		if (!r->valid)
			continue;
		c.held += r->exit == 0;
		c.no_impact += isnan(r->impact);
		c.undetected += !isnan(r->impact) && isnan(r->ttd);
		c.unrecovered += !isnan(r->impact) && isnan(r->ttr_restore);
	}
	return c;
}

static json_t *group_json(const struct history_rows *rows, size_t first)
{
	const struct history_row *r = &rows->v[first], *last = r;
	struct counts c = count(rows, first, &last);
	json_t *measures = json_array();

	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
		json_array_append_new(measures,
				      figure_json(rows, first, &figures[i]));
	return json_pack("{s:s,s:s,s:s,s:i,s:i,s:i,s:i,s:i,s:i,s:s,s:s,s:o}",
			 "scenario", r->scenario, "kind", r->kind, "controls",
			 r->controls, "runs", c.runs, "invalid", c.invalid,
			 "no_impact", c.no_impact, "undetected", c.undetected,
			 "unrecovered", c.unrecovered, "held", c.held, "first",
			 r->started_at, "last", last->started_at, "measures",
			 measures);
}

static bool is_first(const struct history_rows *rows, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (same_group(&rows->v[k], &rows->v[i]))
			return false;
	return true;
}

json_t *history_summary(const struct history_rows *rows)
{
	json_t *groups = json_array();

	for (size_t i = 0; i < rows->n; i++)
		if (is_first(rows, i))
			json_array_append_new(groups, group_json(rows, i));
	return json_pack("{s:s,s:{s:s,s:f,s:i,s:i},s:o}", "schema",
			 "gameday.history/1", "method", "interval",
			 "bootstrap of the mean, at least Student's t",
			 "confidence", 0.95, "resamples", RESAMPLES, "seed",
			 SEED, "groups", groups);
}

static void seconds(FILE *f, const json_t *m, const char *key)
{
	double v = json_num(m, key, NAN);

	if (isnan(v))
		fprintf(f, " %9s", "-");
	else
		fprintf(f, " %7.1f s", v);
}

static void group_text(const json_t *g, FILE *f)
{
	static const char *const keys[] = { "mean", "low",  "high", "median",
					    "p95",  "min", "max" };
	const char *controls = json_str(g, "controls", "");
	json_t *m;
	size_t i;

	fprintf(f, "%s, %s%s%s: %d runs, %d held",
		json_str(g, "scenario", "?"), json_str(g, "kind", "?"),
		controls[0] ? ", " : "", controls,
		(int)json_int64(g, "runs", 0), (int)json_int64(g, "held", 0));
	fprintf(f, "; not in any mean: %d undetected, %d unrecovered, "
		   "%d without impact, %d invalid\n",
		(int)json_int64(g, "undetected", 0),
		(int)json_int64(g, "unrecovered", 0),
		(int)json_int64(g, "no_impact", 0),
		(int)json_int64(g, "invalid", 0));
	fprintf(f, "  %-36s %3s %9s %9s %9s %9s %9s %9s %9s\n", "", "n",
		"mean", "95% from", "to", "median", "p95", "min", "max");
	json_array_foreach(json_at(g, "measures"), i, m) {
		char name[64];

		snprintf(name, sizeof(name), "%s (%s to %s)",
			 json_str(m, "name", "?"), json_str(m, "from", ""),
			 json_str(m, "to", ""));
		fprintf(f, "  %-36s %3d", name, (int)json_int64(m, "n", 0));
		for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
			seconds(f, m, keys[k]);
		fputc('\n', f);
	}
}

void history_text(const json_t *summary, FILE *f)
{
	json_t *g;
	size_t i;

	json_array_foreach(json_at(summary, "groups"), i, g) {
		if (i > 0)
			fputc('\n', f);
		group_text(g, f);
	}
}
