/* SPDX-License-Identifier: Apache-2.0 */
/* A comparison for a terminal: 80 columns, the method first. */
#include <math.h>
#include <string.h>

#include "chaos/base/json.h"
#include "chaos/base/units.h"
#include "chaos/report/compare.h"
#include "chaos/report/text.h"

static void runs(const json_t *root, FILE *f, const char *side,
		 const char *label)
{
	json_t *run;
	size_t i;

	json_array_foreach(json_object_get(root, side), i, run)
		fprintf(f, "%s  %s  %s, %s%s\n", i == 0 ? label : " ",
			json_str(run, "run", "?"),
			json_str(run, "started_at", ""),
			json_str(run, "status", "?"),
			json_flag(run, "valid", true) ? "" : " (INVALID)");
}

static void method(const json_t *root, FILE *f)
{
	fprintf(f,
		"\nA and B are means over the seconds that both have, paired "
		"by drill second; %g %%\nintervals of the mean difference by "
		"moving block bootstrap (Kuensch 1989, %lld\nresamples, seed "
		"%lld), Bonferroni over all figures; with several runs a side "
		"at\nleast Welch's of their means. A difference counts when "
		"its interval is clear of\n0 and it is over %g %% (times: and "
		"over %g ms). Milestones: ranges of three runs\na side that do "
		"not touch.\n",
		(1 - json_num(root, "method/alpha", 0)) * 100,
		(long long)json_int64(root, "method/resamples", 0),
		(long long)json_int64(root, "method/seed", 0),
		json_num(root, "method/floor", 0) * 100,
		json_num(root, "method/floor_ms", 0));
}

static const char *value_text(double v, const char *unit, char *dst)
{
	if (isnan(v))
		return "-";
	if (strcmp(unit, "ms") == 0)
		return text_ms(v, dst);
	if (strcmp(unit, "share") == 0)
		return text_percent(v, dst);
	snprintf(dst, UNITS_TEXT, "%.1f/s", v);
	return dst;
}

/* Signed, in the figure's own unit. */
static const char *signed_text(double v, const char *unit, char *dst)
{
	if (isnan(v))
		return "-";
	if (strcmp(unit, "ms") == 0)
		snprintf(dst, UNITS_TEXT, fabs(v) < 10 ? "%+.2f" : "%+.0f", v);
	else
		snprintf(dst, UNITS_TEXT, "%+.2f",
			 strcmp(unit, "share") == 0 ? v * 100 : v);
	return dst;
}

static const char *loud(const char *verdict)
{
	return strcmp(verdict, "worse") == 0	? "WORSE"
	       : strcmp(verdict, "better") == 0 ? "better"
						: verdict;
}

static void figure_line(const json_t *row, const char *api, FILE *f)
{
	const char *unit = json_str(row, "unit", "");
	char a[UNITS_TEXT], b[UNITS_TEXT], d[UNITS_TEXT], low[UNITS_TEXT],
		high[UNITS_TEXT], interval[2 * UNITS_TEXT + 8];

	snprintf(interval, sizeof(interval), "%s .. %s",
		 signed_text(json_num(row, "low", NAN), unit, low),
		 signed_text(json_num(row, "high", NAN), unit, high));
	fprintf(f, "%-14.14s %-10s %9s %9s %9s  %17s  %s\n", api,
		json_str(row, "name", "?"),
		value_text(json_num(row, "a", NAN), unit, a),
		value_text(json_num(row, "b", NAN), unit, b),
		signed_text(json_num(row, "difference", NAN), unit, d),
		interval, loud(json_str(row, "verdict", "?")));
}

static void milestones(const json_t *root, FILE *f)
{
	json_t *m;
	size_t i;

	if (json_array_size(json_object_get(root, "milestones")) == 0)
		return;
	fprintf(f, "\n%-25s %9s %9s %9s\n", "milestone", "A", "B",
		"seconds");
	json_array_foreach(json_object_get(root, "milestones"), i, m) {
		char a[UNITS_TEXT], b[UNITS_TEXT], d[UNITS_TEXT];
		double ta = json_num(m, "a", NAN), tb = json_num(m, "b", NAN);
		const char *verdict = json_str(m, "verdict", "?");

		if (!isnan(ta))
			units_fmt_mmss(a, (nsec_t)(ta * 1e9));
		if (!isnan(tb))
			units_fmt_mmss(b, (nsec_t)(tb * 1e9));
		fprintf(f, "%-25s %9s %9s %9s  %s\n", json_str(m, "name", "?"),
			isnan(ta) ? "never" : a, isnan(tb) ? "never" : b,
			signed_text(json_num(m, "difference", NAN), "s", d),
			strcmp(verdict, "unknown") == 0
				? "(shown: no noise is known)"
				: loud(verdict));
	}
}

void compare_text(const json_t *root, FILE *f)
{
	json_t *api, *row;
	size_t i, k;

	runs(root, f, "a", "A");
	runs(root, f, "b", "B");
	method(root, f);
	fprintf(f, "\n%-14s %-10s %9s %9s %9s  %17s\n", "API", "figure", "A",
		"B", "B - A", "interval");
	json_array_foreach(json_object_get(root, "apis"), i, api) {
		const char *name = json_str(api, "api", "?");

		json_array_foreach(json_object_get(api, "figures"), k, row)
			figure_line(row, k == 0 ? name : "", f);
	}
	milestones(root, f);
	fprintf(f, "\n%lld worse, %lld better, %lld the same, %lld unknown\n",
		(long long)json_int64(root, "worse", 0),
		(long long)json_int64(root, "better", 0),
		(long long)json_int64(root, "same", 0),
		(long long)json_int64(root, "unknown", 0));
}
