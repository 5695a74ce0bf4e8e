/* SPDX-License-Identifier: Apache-2.0 */
/* What a search found, for the page at the end of a run. */
#include "chaos/report/text_search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/base/json.h"
#include "chaos/base/units.h"

static const char *ms(double s, char *dst)
{
	return isnan(s) ? "-" : units_fmt_ms(dst, (nsec_t)llround(s * 1e9));
}

static void level_line(const json_t *l, FILE *f)
{
	char p95[UNITS_TEXT], worst[UNITS_TEXT], windows[32];
	int good = (int)json_int64(l, "good", 0);
	int bad = (int)json_int64(l, "bad", 0);

	snprintf(windows, sizeof(windows), "%d of %d", good, good + bad);
	fprintf(f, "  %9.4g %9.1f/s %9s %8.2f %% %10s  %-5s%-10s %s %s\n",
		json_num(l, "load", 0), json_num(l, "throughput", 0),
		ms(json_num(l, "p95_s", NAN), p95),
		json_num(l, "errors", 0) * 100, windows,
		json_flag(l, "is_good", false) ? "good" : "bad",
		json_flag(l, "sure", false) ? "" : ", in doubt",
		json_str(l, "worst_api", "-"),
		ms(json_num(l, "worst_p95_s", NAN), worst));
}

static const char *number(double v, char *dst)
{
	snprintf(dst, UNITS_TEXT, "%.4g", v);
	return isnan(v) ? "?" : dst;
}

/* "SLO limit  48 users, sure between 40 and 57" */
static void number_line(const json_t *s, FILE *f, const char *label,
			const char *key, const char *unit)
{
	const json_t *n = json_at(s, key);
	char value[UNITS_TEXT], lo[UNITS_TEXT], hi[UNITS_TEXT];

	fprintf(f, "  %-10s %s%s, sure between %s and %s", label,
		number(json_num(n, "value", NAN), value), unit,
		number(json_num(n, "lo", NAN), lo),
		number(json_num(n, "hi", NAN), hi));
}

static void numbers(const json_t *s, FILE *f)
{
	const char *unit = strcmp(json_str(s, "of", ""), "rate") == 0
				   ? "/s"
				   : " users";
	char bad[UNITS_TEXT], r0[UNITS_TEXT], z[UNITS_TEXT];

	number_line(s, f, "SLO limit", "limit", unit);
	fprintf(f, "; the next level, %s, is bad\n",
		number(json_num(s, "bad", NAN), bad));
	number_line(s, f, "knee N*", "knee", " users");
	fprintf(f, "\n             = Xmax (Z + R0), Z %s a request, R0 %s at "
		   "the lowest load\n",
		ms(json_num(s, "z_s", NAN), z),
		ms(json_num(s, "r0_s/value", NAN), r0));
	number_line(s, f, "Xmax", "xmax", "/s");
	fputc('\n', f);
}

void report_text_search(const json_t *root, FILE *f)
{
	const json_t *s = json_at(root, "search");
	char hold[UNITS_TEXT];
	json_t *v;
	size_t i;

	fprintf(f, "\nbreaking point by %s, while %s\n",
		json_str(s, "of", "?"), json_str(s, "while", "?"));
	fprintf(f, "levels held for %s",
		units_fmt_mmss(hold, (nsec_t)(json_num(s, "hold_s", 0) * 1e9)));
	if (json_str(s, "drain", "")[0])
		fprintf(f, ", drained until %s", json_str(s, "drain", ""));
	json_array_foreach(json_at(s, "faults"), i, v)
		fprintf(f, "%s%s", i ? ", " : ", with fault ",
			json_string_value(v));
	fprintf(f, "\n\n  %9s %11s %9s %10s %10s  %-15s %s\n",
		json_str(s, "of", "?"), "answered", "p95", "errors", "windows",
		"level", "highest p95");
	json_array_foreach(json_at(s, "curve"), i, v)
		level_line(v, f);
	fputc('\n', f);
	numbers(s, f);
	if (!json_flag(s, "closed", false))
		fprintf(f, "  not closed: %s\n", json_str(s, "why", "?"));
	if (json_array_size(json_at(root, "recorded")) > 0)
		fprintf(f, "\n%-28s %10s %11s %12s\n", "", "record", "found",
			"difference");
	report_text_recorded(root, f);
}
