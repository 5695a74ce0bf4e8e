/* SPDX-License-Identifier: Apache-2.0 */
/* Faults, steps, SLOs and the audit: events folded into rows. */
#include <math.h>
#include <string.h>

#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "chaos/report/model.h"

static bool is(const json_t *e, const char *ev)
{
	return strcmp(json_str(e, "ev", ""), ev) == 0;
}

/* The row of that name, appended if it is not there. */
static json_t *row(json_t *array, const char *key, const char *name)
{
	json_t *r;
	size_t i;

	json_array_foreach(array, i, r)
		if (strcmp(json_str(r, key, ""), name) == 0)
			return r;
	r = json_object();
	json_object_set_new(r, key, json_string(name));
	json_array_append_new(array, r);
	return r;
}

static void copy(json_t *to, const json_t *from, const char *key)
{
	json_t *v = json_object_get(from, key);

	if (v)
		json_object_set(to, key, v);
}

static void copy_as(json_t *to, const char *as, const json_t *from,
		    const char *key)
{
	json_t *v = json_object_get(from, key);

	if (v)
		json_object_set(to, as, v);
}

/* Every key of a fault's row, so that a reader may rely on it. */
static void fault_keys(json_t *r)
{
	static const char *const keys[] = {
		"kind",		 "fallback_for",   "target",
		"planned_s",	 "injected_s",	   "effective_s",
		"reverted_s",	 "inject_real_ms", "revert_real_ms",
		"verified_present", "verified_gone", "asked",
		"achieved",	 "error",
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!json_object_get(r, keys[i]))
			json_object_set_new(r, keys[i], json_null());
}

static void fold_fault(json_t *r, const json_t *e)
{
	static const char *const plain[] = { "kind", "fallback_for", "target",
					     "planned_s", "asked", "achieved" };
	const char *from = json_str(e, "from", "");
	const char *to = json_str(e, "to", "");

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		copy(r, e, plain[i]);
	copy_as(r, "state", e, "to");
	if (strcmp(to, "injected") == 0 && strcmp(from, "injected") != 0) {
		copy_as(r, "injected_s", e, "t");
		copy_as(r, "inject_real_ms", e, "real_ms");
	}
	if (strcmp(to, "gone") == 0 || strcmp(to, "left") == 0) {
		copy_as(r, "reverted_s", e, "t");
		copy_as(r, "revert_real_ms", e, "real_ms");
		copy_as(r, "verified_gone", e, "verified");
	}
	if (strcmp(to, "left") == 0)
		copy(r, e, "remove");
	if (strcmp(to, "left") == 0 || strcmp(to, "failed") == 0)
		copy_as(r, "error", e, "why");
}

static void fold_effect(json_t *r, const json_t *e)
{
	copy(r, e, "bit");
	copy_as(r, "expect", e, "want");
	copy_as(r, "explain", e, "explain");
	if (json_flag(e, "bit", false))
		copy_as(r, "effective_s", e, "t");
}

json_t *report_faults(const struct facts *f)
{
	json_t *array = json_array(), *e, *r;
	size_t i;

	json_array_foreach(f->events, i, e) {
		if (is(e, "fault"))
			fold_fault(row(array, "name", json_str(e, "name", "?")),
				   e);
		else if (is(e, "effect"))
			fold_effect(row(array, "name",
					json_str(e, "name", "?")),
				    e);
	}
	json_array_foreach(array, i, r)
		fault_keys(r);
	return array;
}

static void fold_step(json_t *r, const json_t *e)
{
	const char *to = json_str(e, "to", "");

	if (strcmp(to, "calling") == 0)
		copy_as(r, "started_s", e, "t");
	if (json_flag(e, "call_ok", false))
		json_object_set_new(
			r, "took_s",
			json_real(json_num(e, "t", 0) -
				  json_num(r, "started_s", 0)));
	copy_as(r, "verdict", e, "to");
	copy_as(r, "ended_s", e, "t");
	copy(r, e, "why");
	copy(r, e, "before");
	copy(r, e, "after");
	json_array_append_new(json_object_get(r, "evidence"),
			      json_pack("{s:s,s:f}", "state", to, "t_s",
					json_num(e, "t", 0)));
}

json_t *report_steps(const struct facts *f)
{
	static const char *const keys[] = { "started_s", "took_s", "verdict",
					    "why", "before", "after",
					    "control", "undo", "slo_effect" };
	json_t *array = json_array(), *e, *r;
	size_t i;

	json_array_foreach(f->events, i, e) {
		if (!is(e, "step"))
			continue;
		r = row(array, "step", json_str(e, "step", "?"));
		if (!json_object_get(r, "evidence"))
			json_object_set_new(r, "evidence", json_array());
		fold_step(r, e);
	}
	json_array_foreach(array, i, r)
		for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
			if (!json_object_get(r, keys[k]))
				json_object_set_new(r, keys[k], json_null());
	return array;
}

static void add_slo(json_t *array, const char *name, const char *kind,
		    double target, double measured, bool ok)
{
	if (target > 0)
		json_array_append_new(
			array, json_pack("{s:s,s:s,s:f,s:o,s:b}", "name", name,
					 "kind", kind, "target", target,
					 "measured",
					 isnan(measured) ? json_null()
							 : json_real(measured),
					 "ok", ok));
}

/* The share of the drill's seconds in which a live SLO was named as missed. */
static double missed_share(const struct facts *f, const char *word)
{
	double n = 0, missed = 0;
	json_t *g;
	size_t i;

	json_array_foreach(f->gauges, i, g) {
		if (json_num(g, "t", -1) < 0)
			continue;
		n++;
		missed += strstr(json_str(g, "why", ""), word) != NULL;
	}
	return n > 0 ? missed / n : NAN;
}

json_t *report_slos(const struct facts *f, const json_t *measures)
{
	const json_t *slo = json_at(f->run, "slo");
	double target = json_num(slo, "availability", 0);
	double good = report_measure(measures, "availability_requests");
	json_t *array = json_array(), *latency = json_at(slo, "latency"), *v;
	const char *key;

	json_object_foreach(latency, key, v) {
		AUTO_FREE char *name = mem_printf("latency.%s", key);
		double missed = missed_share(f, key);

		add_slo(array, name, "live", json_number_value(v), missed,
			missed == 0);
	}
	add_slo(array, "errors", "live", json_num(slo, "errors", 0),
		missed_share(f, "errors"), missed_share(f, "errors") == 0);
	add_slo(array, "throughput", "live", json_num(slo, "throughput", 0),
		missed_share(f, "throughput"),
		missed_share(f, "throughput") == 0);
	add_slo(array, "availability", "budget", target, good, good >= target);
	return array;
}

json_t *report_bad(const struct facts *f)
{
	json_t *array = json_array(), *last = NULL, *g;
	size_t i;

	json_array_foreach(f->gauges, i, g) {
		const char *why = json_str(g, "why", "");
		double t = json_num(g, "t", 0);

		if (!json_flag(g, "bad", false))
			continue;
		if (!last || json_num(last, "to_s", 0) < t ||
		    strcmp(json_str(last, "why", ""), why) != 0) {
			last = json_pack("{s:f,s:s}", "from_s", t, "why", why);
			json_array_append_new(array, last);
		}
		json_object_set_new(last, "to_s", json_real(t + 1));
	}
	return array;
}
