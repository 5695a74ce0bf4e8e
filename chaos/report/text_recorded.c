/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record's figures of the scenario's own milestones and measures, and those
 * of a search, beside what the run gave; formats the model only.
 */
#include "chaos/report/text_search.h"

#include <math.h>
#include <string.h>

#include "chaos/base/json.h"
#include "chaos/base/units.h"

static bool has_prefix(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

static const char *value_text(const char *unit, double v, char *dst)
{
	if (isnan(v))
		return "-";
	if (strcmp(unit, "s") == 0)
		return units_fmt_mmss(dst, (nsec_t)llround(v) * NSEC_SEC);
	if (strcmp(unit, "share") == 0)
		snprintf(dst, UNITS_TEXT, "%.1f %%", v * 100);
	else
		snprintf(dst, UNITS_TEXT, "%.4g", v);
	return dst;
}

static void figure_line(const json_t *r, FILE *f)
{
	const char *unit = json_str(r, "unit", "");
	char rec[UNITS_TEXT], got[UNITS_TEXT], diff[UNITS_TEXT] = "";
	double d = json_num(r, "difference", NAN);

	if (!isnan(d))
		snprintf(diff, sizeof(diff), "%+.4g%s", d,
			 strcmp(unit, "s") == 0 ? " s" : "");
	fprintf(f, "%-28s %10s %11s %12s\n", json_str(r, "name", "?"),
		value_text(unit, json_num(r, "recorded", NAN), rec),
		value_text(unit, json_num(r, "replayed", NAN), got), diff);
}

/* What was measured and is in no record stands alone. */
static void measure_lines(const json_t *root, FILE *f)
{
	json_t *m, *r;
	size_t i, k;

	json_array_foreach(json_at(root, "measures"), i, m) {
		const char *name = json_str(m, "name", "");
		bool recorded = false;
		char got[UNITS_TEXT];

		json_array_foreach(json_at(root, "recorded"), k, r)
			recorded |= strcmp(json_str(r, "name", ""), name) == 0;
		if (!has_prefix(name, "measure.") || recorded)
			continue;
		fprintf(f, "%-28s %10s %11s\n", name, "-",
			value_text(json_str(m, "unit", ""),
				   json_num(m, "value", NAN), got));
	}
}

void report_text_recorded(const json_t *root, FILE *f)
{
	json_t *r;
	size_t i;

	json_array_foreach(json_at(root, "recorded"), i, r) {
		const char *name = json_str(r, "name", "");

		if (has_prefix(name, "at.") || has_prefix(name, "measure.") ||
		    has_prefix(name, "search."))
			figure_line(r, f);
	}
	if (!json_is_object(json_at(root, "search")))
		measure_lines(root, f);
}
