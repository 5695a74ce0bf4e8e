/* SPDX-License-Identifier: Apache-2.0 */
/* The page's lines about alerts: what each stage of noticing cost. */
#include <math.h>
#include <string.h>

#include "chaos/base/json.h"
#include "chaos/base/units.h"
#include "chaos/report/text.h"

static void stage_line(const json_t *s, FILE *f)
{
	const char *setting = json_str(s, "setting", NULL);
	const char *value = json_str(s, "value", NULL);
	double back = json_num(s, "buys_back_s", NAN);

	fprintf(f, "    %-18s %8.1f s", json_str(s, "stage", "?"),
		json_num(s, "took_s", NAN));
	if (setting && value)
		fprintf(f, "  %s: %s", setting, value);
	else if (setting)
		fprintf(f, "  %s", setting);
	if (!isnan(back))
		fprintf(f, " costs %.3g s", back);
	fputc('\n', f);
}

static void alert_lines(const json_t *a, FILE *f)
{
	double total = 0;
	json_t *s;
	size_t i;

	fprintf(f, "\nalert %s (%s, %s): from the impact on\n",
		json_str(a, "name", "?"), json_str(a, "severity", "-"),
		json_str(a, "source", "?"));
	json_array_foreach(json_at(a, "stages"), i, s) {
		stage_line(s, f);
		if (strcmp(json_str(s, "stage", ""), "acknowledged") != 0)
			total += json_num(s, "took_s", 0);
	}
	fprintf(f, "    %-18s %8.1f s\n", "impact→notified", total);
}

void text_alerts(const json_t *root, FILE *f)
{
	char from[UNITS_TEXT], to[UNITS_TEXT];
	json_t *a, *span;
	size_t i, k;

	json_array_foreach(json_at(root, "alerts"), i, a)
		if (json_array_size(json_at(a, "stages")) > 0)
			alert_lines(a, f);
	json_array_foreach(json_at(root, "sources"), i, a)
		json_array_foreach(json_at(a, "unobserved"), k, span)
			fprintf(f, "UNOBSERVED: %s (%s) from %s to %s: %s\n",
				json_str(a, "name", "?"),
				json_str(a, "kind", "?"),
				text_at(root, json_num(span, "from_s", NAN),
					from),
				json_is_null(json_at(span, "to_s"))
					? "the end"
					: text_at(root,
						  json_num(span, "to_s", NAN),
						  to),
				json_str(span, "why", ""));
}
