/* SPDX-License-Identifier: Apache-2.0 */
/* [threshold]s: the verdict on each, and how far from its limit it was. */
#include <math.h>
#include <string.h>

#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "chaos/base/units.h"
#include "chaos/report/model.h"
#include "chaos/report/text.h"

/* A value in its unit: "1.52 s", "0.31 %", "212/s". */
static char *value_text(double v, const char *unit)
{
	if (isnan(v))
		return mem_strdup("not measured");
	if (strcmp(unit, "share") == 0)
		return mem_printf("%.4g %%", v * 100);
	if (strcmp(unit, "1/s") == 0)
		return mem_printf("%.4g/s", v);
	if (strcmp(unit, "s") == 0 && v < 1)
		return mem_printf("%.4g ms", v * 1000);
	return mem_printf("%.4g%s%s", v, unit[0] ? " " : "", unit);
}

/* ", 12.0 % beyond the limit"; of a limit of 0 there is no share. */
static char *margin_text(const json_t *e)
{
	double margin = json_num(e, "margin", NAN);
	char share[UNITS_TEXT];

	if (isnan(margin) || json_num(e, "limit", 0) == 0)
		return mem_strdup("");
	return mem_printf(", %s %s the limit",
			  text_percent(fabs(margin), share),
			  margin < 0 ? "beyond" : "from");
}

static char *got_text(const json_t *e)
{
	AUTO_FREE char *value = value_text(json_num(e, "value", NAN),
					   json_str(e, "unit", ""));
	AUTO_FREE char *margin = margin_text(e);
	double at = json_num(e, "worst_s", NAN);
	char time[UNITS_TEXT];

	if (isnan(json_num(e, "value", NAN)))
		return mem_strdup("nothing to judge it by");
	if (json_flag(e, "at_end", false) || isnan(at))
		return mem_printf("%s%s", value, margin);
	return mem_printf("%s at worst, at %s%s", value,
			  units_fmt_mmss(time, (nsec_t)(at * 1e9)), margin);
}

static void copy(json_t *to, const char *as, const json_t *from,
		 const char *key)
{
	json_t *v = json_object_get(from, key);

	json_object_set_new(to, as, v ? json_incref(v) : json_null());
}

static json_t *one(const json_t *e)
{
	static const char *const same[] = {
		"name", "phase", "value", "limit", "margin", "unit",
		"seconds", "missed_seconds", "at_end", "judged",
	};
	/* Without its last word a run ended too soon to have held. */
	bool final = json_flag(e, "final", false);
	AUTO_FREE char *got = got_text(e);
	json_t *o = json_object();

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		copy(o, same[i], e, same[i]);
	copy(o, "want", e, "when");
	copy(o, "worst_s", e, "worst_s");
	copy(o, "aborted", e, "aborts");
	json_object_set_new(o, "got", json_string(got));
	json_object_set_new(o, "ok",
			    json_boolean(final && !json_flag(e, "missed",
							     true)));
	return o;
}

/* The last that was said of each. */
json_t *report_thresholds(const struct facts *f)
{
	json_t *array = json_array(), *e, *o;
	size_t i, k;

	json_array_foreach(f->events, i, e) {
		if (strcmp(json_str(e, "ev", ""), "threshold") != 0)
			continue;
		json_array_foreach(array, k, o)
			if (strcmp(json_str(o, "name", ""),
				   json_str(e, "name", "?")) == 0)
				break;
		if (k < json_array_size(array))
			json_array_set_new(array, k, one(e));
		else
			json_array_append_new(array, one(e));
	}
	return array;
}
