/* SPDX-License-Identifier: Apache-2.0 */
/* The filters that templates of a report may use; a value or a row of it. */
#include "chaos/report/filters.h"

#include <math.h>
#include <string.h>

#include "chaos/base/json.h"
#include "chaos/base/units.h"
#include "chaos/report/asset.h"
#include "chaos/report/text.h"

static double number(const json_t *v)
{
	return json_is_number(v) ? json_number_value(v) : NAN;
}

static void put(char *dst, size_t size, const char *text)
{
	snprintf(dst, size, "%s", text);
}

static void clock_format(const json_t *root, const json_t *v, char *dst,
			 size_t size)
{
	char text[UNITS_TEXT];

	put(dst, size, text_at(root, number(v), text));
}

static void span(double s, char *dst, size_t size)
{
	char text[UNITS_TEXT];

	put(dst, size,
	    isnan(s) ? "–"
		     : units_fmt_duration(text, (nsec_t)llround(s * 10) *
							(NSEC_SEC / 10)));
}

static void span_format(const json_t *root, const json_t *v, char *dst,
			size_t size)
{
	(void)root;
	span(number(v), dst, size);
}

static void ms_format(const json_t *root, const json_t *v, char *dst,
		      size_t size)
{
	char text[UNITS_TEXT];

	(void)root;
	put(dst, size, text_ms(number(v), text));
}

static void percent_format(const json_t *root, const json_t *v, char *dst,
			   size_t size)
{
	char text[UNITS_TEXT];

	(void)root;
	put(dst, size, text_percent(number(v), text));
}

static void count_format(const json_t *root, const json_t *v, char *dst,
			 size_t size)
{
	char text[UNITS_TEXT];

	(void)root;
	put(dst, size, text_count(number(v), text));
}

static void num_format(const json_t *root, const json_t *v, char *dst,
		       size_t size)
{
	(void)root;
	if (isnan(number(v)))
		put(dst, size, "–");
	else
		snprintf(dst, size, "%.4g", number(v));
}

/* Requests that failed: of a row's "failed", by cause. */
static void failed_format(const json_t *root, const json_t *v, char *dst,
			  size_t size)
{
	char text[UNITS_TEXT];
	const char *key;
	double n = 0;
	json_t *c, *failed = json_object_get(v, "failed");

	(void)root;
	json_object_foreach(failed, key, c)
		n += json_number_value(c);
	put(dst, size, text_count(n, text));
}

static void with_unit(double v, const char *unit, char *dst, size_t size)
{
	char text[UNITS_TEXT];

	if (isnan(v))
		put(dst, size, "–");
	else if (strcmp(unit, "s") == 0)
		span(v, dst, size);
	else if (strcmp(unit, "share") == 0)
		put(dst, size, text_percent(v, text));
	else
		snprintf(dst, size, "%s%s%s",
			 fabs(v) >= 1000
				 ? text_count(v, text)
				 : (snprintf(text, sizeof(text), "%.4g", v),
				    text),
			 unit[0] ? " " : "", unit);
}

/* A row {value, unit}; "unit" may be money with its currency. */
static void measure_format(const json_t *root, const json_t *v, char *dst,
			   size_t size)
{
	(void)root;
	with_unit(json_num(v, "value", NAN), json_str(v, "unit", ""), dst,
		  size);
}

/* "detected = 장애 감지" in the file of words; what is not there stays. */
static void word_ko(const char *word, char *dst, size_t size)
{
	const char *line = asset_find("documents/words.ko.txt");
	size_t len = strlen(word);

	snprintf(dst, size, "%s", word);
	for (; line && *line; line = strchr(line, '\n') + 1)
		if (strncmp(line, word, len) == 0 &&
		    strncmp(line + len, " = ", 3) == 0) {
			snprintf(dst, size, "%.*s",
				 (int)strcspn(line + len + 3, "\n"),
				 line + len + 3);
			return;
		}
}

static void word_ko_format(const json_t *root, const json_t *v, char *dst,
			   size_t size)
{
	(void)root;
	word_ko(json_is_string(v) ? json_string_value(v) : "", dst, size);
}

/* "2분 36초" */
static void span_ko(double s, char *dst, size_t size)
{
	long long all = llround(fabs(s));
	const char *sign = s < -0.5 ? "-" : "";

	if (isnan(s))
		put(dst, size, "–");
	else if (all >= 3600)
		snprintf(dst, size, "%s%lld시간 %lld분 %lld초", sign,
			 all / 3600, all / 60 % 60, all % 60);
	else if (all >= 60)
		snprintf(dst, size, "%s%lld분 %lld초", sign, all / 60,
			 all % 60);
	else
		snprintf(dst, size, "%s%lld초", sign, all);
}

static void span_ko_format(const json_t *root, const json_t *v, char *dst,
			   size_t size)
{
	(void)root;
	span_ko(number(v), dst, size);
}

static void measure_ko_format(const json_t *root, const json_t *v, char *dst,
			      size_t size)
{
	static const char *const units[][2] = {
		{ "users", "명" },	    { "orders", "건" },
		{ "requests", "건" },	    { "inquiries", "건" },
		{ "user-minutes", "명·분" }, { "KRW", "원" },
		{ "1/s", " TPS" },	    { "count", "" },
	};
	const char *unit = json_str(v, "unit", "");
	double value = json_num(v, "value", NAN);
	char text[64];

	(void)root;
	if (strcmp(unit, "s") == 0) {
		span_ko(value, dst, size);
		return;
	}
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(unit, units[i][0]) == 0 && !isnan(value)) {
			with_unit(value, "", text, sizeof(text));
			snprintf(dst, size, "%s%s", text, units[i][1]);
			return;
		}
	with_unit(value, unit, dst, size);
}

static void replayed_format(const json_t *root, const json_t *v, char *dst,
			    size_t size)
{
	char text[UNITS_TEXT];

	if (json_str(v, "milestone", NULL))
		put(dst, size, text_at(root, json_num(v, "replayed", NAN),
				       text));
	else
		with_unit(json_num(v, "replayed", NAN),
			  json_str(v, "unit", ""), dst, size);
}

static void difference_format(const json_t *root, const json_t *v, char *dst,
			      size_t size)
{
	double d = json_num(v, "difference", NAN);
	char text[64];

	(void)root;
	with_unit(d, json_str(v, "unit", ""), text, sizeof(text));
	snprintf(dst, size, "%s%s", d > 0 ? "+" : "", text);
}

/* Drill seconds for a style; where there is none, the run's end. */
static void end_format(const json_t *root, const json_t *v, char *dst,
		       size_t size)
{
	double t = number(v);

	snprintf(dst, size, "%.3f",
		 isnan(t) ? json_num(root, "run/duration_s", 0) : t);
}

static void start_format(const json_t *root, const json_t *v, char *dst,
			 size_t size)
{
	(void)root;
	snprintf(dst, size, "%.3f", isnan(number(v)) ? 0 : number(v));
}

const struct template_filter report_filters[] = {
	{ "clock", clock_format },
	{ "count", count_format },
	{ "difference", difference_format },
	{ "end", end_format },
	{ "failed", failed_format },
	{ "measure", measure_format },
	{ "measure_ko", measure_ko_format },
	{ "ms", ms_format },
	{ "num", num_format },
	{ "percent", percent_format },
	{ "replayed", replayed_format },
	{ "span", span_format },
	{ "span_ko", span_ko_format },
	{ "start", start_format },
	{ "word_ko", word_ko_format },
	{ NULL, NULL },
};
