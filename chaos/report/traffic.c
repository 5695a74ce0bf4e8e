/* SPDX-License-Identifier: Apache-2.0 */
/* The traffic as a whole: totals by phase, causes, checks, live changes. */
#include <string.h>

#include "chaos/base/json.h"
#include "chaos/report/model.h"

static void add_to(json_t *o, const char *key, json_int_t n)
{
	json_object_set_new(o, key,
			    json_integer(json_int64(o, key, 0) + n));
}

static void add_row(json_t *total, const json_t *row)
{
	static const char *const counts[] = { "requests", "ok", "client",
					      "business", "censored" };
	json_t *failed = json_object_get(total, "failed"), *v;
	const char *key;

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		add_to(total, counts[i], json_int64(row, counts[i], 0));
	json_object_foreach(json_object_get(row, "failed"), key, v)
		add_to(failed, key, json_integer_value(v));
	if (json_num(row, "seconds", 0) > json_num(total, "seconds", 0))
		json_object_set(total, "seconds",
				json_object_get(row, "seconds"));
}

static json_t *total_of(const struct facts *f, const json_t *apis,
			const char *phase)
{
	json_t *o = json_pack("{s:s,s:s,s:{}}", "name", "all", "phase", phase,
			      "failed");
	json_t *names = json_array(), *row;
	double seconds;
	size_t i;

	add_to(o, "requests", 0);
	json_array_foreach(apis, i, row) {
		if (strcmp(json_str(row, "phase", ""), phase) != 0 ||
		    json_flag(row, "beside", false))
			continue;
		add_row(o, row);
		json_array_append(names, json_object_get(row, "name"));
	}
	seconds = json_num(o, "seconds", 0);
	json_object_set_new(o, "rps",
			    json_real(seconds > 0 ? json_num(o, "requests", 0) /
							    seconds
						  : 0));
	json_object_set_new(o, "response_ms",
			    report_times(f, names, phase, "response"));
	json_object_set_new(o, "service_ms",
			    report_times(f, names, phase, "service"));
	json_decref(names);
	return o;
}

json_t *report_totals(const struct facts *f, const json_t *apis)
{
	static const char *const phases[] = { "baseline", "fault", "recovery",
					      "all" };
	json_t *array = json_array();

	for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++)
		json_array_append_new(array, total_of(f, apis, phases[i]));
	return array;
}

static json_t *cause_row(json_t *array, const char *cause)
{
	json_t *row;
	size_t i;

	json_array_foreach(array, i, row)
		if (strcmp(json_str(row, "cause", ""), cause) == 0)
			return row;
	row = json_pack("{s:s,s:i,s:{}}", "cause", cause, "requests", 0,
			"apis");
	json_array_append_new(array, row);
	return row;
}

/* Why requests failed, and of which APIs; those beside are in it. */
json_t *report_causes(const json_t *apis)
{
	json_t *array = json_array(), *row, *v;
	const char *key;
	size_t i;

	json_array_foreach(apis, i, row) {
		if (strcmp(json_str(row, "phase", ""), "all") != 0)
			continue;
		json_object_foreach(json_object_get(row, "failed"), key, v) {
			json_t *cause = cause_row(array, key);

			add_to(cause, "requests", json_integer_value(v));
			json_object_set(json_object_get(cause, "apis"),
					json_str(row, "name", "?"), v);
		}
	}
	return array;
}

/* Of the load's last event; a run that was killed has none. */
json_t *report_checks(const struct facts *f)
{
	json_t *checks = json_at(facts_event(f, "load"), "checks");

	return json_is_array(checks) ? json_incref(checks) : json_array();
}

json_t *report_changes(const struct facts *f)
{
	json_t *array = json_array(), *e;
	size_t i;

	json_array_foreach(f->events, i, e)
		if (strcmp(json_str(e, "ev", ""), "ctl") == 0)
			json_array_append_new(
				array,
				json_pack("{s:f,s:s,s:s,s:s}", "t_s",
					  json_num(e, "t", 0), "what",
					  json_str(e, "what", "?"), "target",
					  json_str(e, "target", ""), "value",
					  json_str(e, "value", "")));
	return array;
}
