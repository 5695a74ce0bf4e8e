/* SPDX-License-Identifier: Apache-2.0 */
/* The search for the breaking point: its events folded into the curve. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/base/json.h"
#include "chaos/report/model.h"

/* The API whose p95 is the highest: of a curve's line it says most. */
static void add_worst(json_t *row)
{
	json_t *v;
	const char *key, *worst = NULL;
	double p95 = -1;

	json_object_foreach(json_at(row, "apis_p95_s"), key, v) {
		if (!json_is_number(v) || json_number_value(v) <= p95)
			continue;
		p95 = json_number_value(v);
		worst = key;
	}
	json_object_set_new(row, "worst_api",
			    worst ? json_string(worst) : json_null());
	json_object_set_new(row, "worst_p95_s",
			    worst ? json_real(p95) : json_null());
}

/* A copy without what every event has. */
static json_t *fields(json_t *event)
{
	static const char *const others[] = { "t", "host", "seq", "ev" };
	json_t *o = json_copy(event);

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		json_object_del(o, others[i]);
	return o;
}

static json_t *level(json_t *event)
{
	json_t *row = fields(event);

	add_worst(row);
	return row;
}

/* By load: the order in which they were held is that of from_s. */
static void insert(json_t *curve, json_t *row)
{
	size_t at = 0;

	while (at < json_array_size(curve) &&
	       json_num(json_array_get(curve, at), "load", 0) <=
		       json_num(row, "load", 0))
		at++;
	json_array_insert_new(curve, at, row);
}

json_t *report_search(const struct facts *f)
{
	json_t *curve = json_array(), *faults = json_array(), *e, *o = NULL;
	size_t i;

	json_array_foreach(f->events, i, e) {
		const char *ev = json_str(e, "ev", "");

		if (strcmp(ev, "level") == 0)
			insert(curve, level(e));
		else if (strcmp(ev, "search") == 0)
			o = e;
		else if (strcmp(ev, "fault") == 0 &&
			 strcmp(json_str(e, "to", ""), "injected") == 0)
			json_array_append_new(
				faults, json_string(json_str(e, "name", "?")));
	}
	o = o ? fields(o) : json_null();
	if (json_is_object(o)) {
		json_object_set(o, "curve", curve);
		json_object_set(o, "faults", faults);
	}
	json_decref(curve);
	json_decref(faults);
	return o;
}
