/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alerts, and the pipeline of each: impact → first bad sample → evaluation →
 * for → notified → acknowledged.  A stage that is not known is part of the
 * next one, so that they add up.
 */
#include <math.h>
#include <string.h>

#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "chaos/base/units.h"
#include "chaos/report/events.h"
#include "chaos/report/model.h"

static bool is_alert(const json_t *e)
{
	return strcmp(json_str(e, "ev", ""), "alert") == 0;
}

static json_t *row_of(json_t *array, const char *name)
{
	json_t *r;
	size_t i;

	json_array_foreach(array, i, r)
		if (strcmp(json_str(r, "name", ""), name) == 0)
			return r;
	r = json_pack("{s:s}", "name", name);
	json_array_append_new(array, r);
	return r;
}

/* The first word counts. */
static void set_first(json_t *r, const char *as, const json_t *e,
		      const char *key)
{
	json_t *v = json_object_get(e, key);

	if (json_is_null(json_object_get(r, as)))
		json_object_del(r, as);
	if (v && !json_object_get(r, as))
		json_object_set(r, as, v);
}

/* Is it a person who is told there, and not only a rule's state? */
static bool notifies(const char *source)
{
	return strcmp(source, "prometheus") != 0;
}

static void fold(json_t *r, const json_t *e)
{
	const char *state = json_str(e, "state", "?");

	set_first(r, "severity", e, "severity");
	set_first(r, "source", e, "source");
	if (strcmp(state, "pending") == 0)
		set_first(r, "pending_s", e, "t");
	else if (strcmp(state, "resolved") == 0)
		set_first(r, "resolved_s", e, "t");
	if (strcmp(state, "firing") != 0)
		return;
	if (!json_is_number(json_object_get(r, "fired_s"))) {
		json_object_del(r, "bad_s");
		json_object_del(r, "active_s");
	}
	set_first(r, "fired_s", e, "t");
	set_first(r, "bad_s", e, "bad_s");
	set_first(r, "active_s", e, "active_s");
	set_first(r, "alerting_s", e, "alerting_s");
	if (notifies(json_str(e, "source", "")))
		set_first(r, "notified_s", e, "t");
}

/* A key of its [detect] as it was written; NULL: it is somebody else's. */
static const char *detect_key(const struct facts *f, const char *name,
			      const char *key)
{
	const struct scenario_section *s;

	for (size_t i = 0; f->sc && i < scenario_count(f->sc, "detect"); i++) {
		s = scenario_section(f->sc, "detect", i);
		if (s->arg && strcmp(s->arg, name) == 0)
			return scenario_value(s, key);
	}
	return NULL;
}

enum { STAGE_NOTIFIED = 3 };

static const struct stage {
	const char *name, *to;
	const char *setting;	/* what would buy it back; NULL: none */
	bool whole;		/* the setting is all that it costs */
} stages[] = {
	{ "first bad sample", "bad_s", "when", false },
	{ "evaluation", "active_s", "interval", false },
	{ "for", "alerting_s", "for", true },
	{ "notified", "notified_s", "group_wait", false },
	{ "acknowledged", "acknowledged_s", NULL, false },
};

/* What the setting says, in seconds; NAN: it says no time. */
static double setting_s(const char *value)
{
	nsec_t t;

	if (!value || units_duration(value, &t, NULL))
		return NAN;
	return (double)t / NSEC_SEC;
}

static json_t *stage_row(const struct facts *f, const json_t *r,
			 const struct stage *s, double from, double to,
			 bool exact)
{
	const char *setting = exact ? s->setting : NULL;
	const char *value =
		setting ? detect_key(f, json_str(r, "name", ""), setting)
			: NULL;
	double set = setting_s(value), took = to - from, back = NAN;

	if (setting && strcmp(setting, "when") != 0)
		back = isnan(set) || set > took || !s->whole ? took : set;
	return json_pack("{s:s,s:f,s:f,s:f,s:s?,s:s?,s:o}", "stage", s->name,
			 "from_s", from, "to_s", to, "took_s", took, "setting",
			 setting, "value", value, "buys_back_s",
			 isnan(back) ? json_null() : json_real(back));
}

/* From the impact on, in order; nothing without one. */
static json_t *stages_of(const struct facts *f, const json_t *r)
{
	double at = facts_milestone(f, MS_IMPACT);
	double ack = facts_milestone(f, MS_ACKNOWLEDGED), to;
	json_t *array = json_array();
	bool exact = true;	/* it begins where the stage before it ended */

	if (isnan(at) || isnan(json_num(r, "fired_s", NAN)))
		return array;
	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
		to = strcmp(stages[i].to, "acknowledged_s") == 0
			     ? ack
			     : json_num(r, stages[i].to, NAN);
		/* Whom our own detector tells is told at once. */
		if (isnan(to) || (to == at && i == STAGE_NOTIFIED)) {
			exact = i == STAGE_NOTIFIED;
			continue;
		}
		json_array_append_new(array, stage_row(f, r, &stages[i], at,
						       to, exact));
		exact = true;
		at = to;
	}
	return array;
}

json_t *report_alerts(const struct facts *f)
{
	static const char *const keys[] = {
		"pending_s", "fired_s", "resolved_s", "bad_s",
		"active_s", "alerting_s", "notified_s",
	};
	json_t *array = json_array(), *e, *r;
	size_t i;

	json_array_foreach(f->events, i, e)
		if (is_alert(e))
			fold(row_of(array, json_str(e, "name", "?")), e);
	json_array_foreach(array, i, r) {
		for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
			if (!json_object_get(r, keys[k]))
				json_object_set_new(r, keys[k], json_null());
		json_object_set_new(r, "stages", stages_of(f, r));
	}
	return array;
}

static json_t *last_span(json_t *spans)
{
	return json_array_get(spans, json_array_size(spans) - 1);
}

/* Sources that showed nothing, from then to then; to_s null: to the end. */
json_t *report_sources(const struct facts *f)
{
	json_t *array = json_array(), *e, *r, *spans;
	size_t i;

	json_array_foreach(f->events, i, e) {
		if (strcmp(json_str(e, "ev", ""), "source") != 0)
			continue;
		r = row_of(array, json_str(e, "name", "?"));
		set_first(r, "kind", e, "kind");
		spans = json_object_get(r, "unobserved");
		if (!spans) {
			spans = json_array();
			json_object_set_new(r, "unobserved", spans);
		}
		if (!json_flag(e, "observed", true))
			json_array_append_new(
				spans, json_pack("{s:f,s:n,s:s}", "from_s",
						 json_num(e, "t", 0), "to_s",
						 "why",
						 json_str(e, "why", "")));
		else if (json_array_size(spans) > 0)
			json_object_set_new(last_span(spans), "to_s",
					    json_real(json_num(e, "t", 0)));
	}
	return array;
}
