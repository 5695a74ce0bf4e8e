/* SPDX-License-Identifier: Apache-2.0 */
/* The page's lines about the error budget. */
#include <math.h>

#include "chaos/base/json.h"
#include "chaos/base/units.h"
#include "chaos/report/text.h"

static void burn_line(const json_t *root, const json_t *p, FILE *f)
{
	char window[UNITS_TEXT], brief[UNITS_TEXT], at[UNITS_TEXT];
	double fired = json_num(p, "fired_s", NAN);

	fprintf(f, "  %s over %s and %s (%.3g x): %s%s\n",
		json_str(p, "kind", "?"),
		units_fmt_duration(window,
				   (nsec_t)(json_num(p, "window_s", 0) * 1e9)),
		units_fmt_duration(brief,
				   (nsec_t)(json_num(p, "brief_s", 0) * 1e9)),
		json_num(p, "factor", NAN),
		isnan(fired) ? "would not have fired"
			     : text_at(root, fired, at),
		isnan(fired)			     ? ""
		: json_flag(p, "in_time", false) ? ", in time"
						     : ", too late");
}

void text_budget(const json_t *root, FILE *f)
{
	const json_t *b = json_at(root, "budget");
	char time[UNITS_TEXT], request[UNITS_TEXT], weighted[UNITS_TEXT];
	json_t *p;
	size_t i;

	if (!json_is_object(b))
		return;
	fprintf(f, "\nerror budget of %.6g d: by time %s, weighted %s, by "
		"request %s\n  %s\n  burn-rate alerts, on %s:\n",
		json_num(b, "period_s", 0) / 86400,
		text_percent(json_num(b, "by_time", NAN), time),
		text_percent(json_num(b, "weighted", NAN), weighted),
		text_percent(json_num(b, "by_request", NAN), request),
		json_str(b, "difference", ""), json_str(b, "basis", "?"));
	json_array_foreach(json_at(b, "burn_alerts"), i, p)
		burn_line(root, p, f);
}
