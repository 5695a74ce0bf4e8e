/* SPDX-License-Identifier: Apache-2.0 */
/* Criteria, the status that follows, and DESIGN 7's exit code. */
#include <math.h>
#include <string.h>

#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "chaos/report/model.h"

static void add(json_t *array, const char *name, const char *want,
		const char *got, bool ok, bool judged)
{
	json_array_append_new(array,
			      json_pack("{s:s,s:s,s:s,s:b,s:b}", "name", name,
					"want", want, "got", got, "ok", ok,
					"judged", judged));
}

static bool is_control(const struct facts *f)
{
	return json_str(f->run, "controls", "")[0] != '\0';
}

static bool is_search(const struct facts *f)
{
	return strcmp(json_str(f->run, "controls", ""), "search") == 0;
}

static void add_expects(const struct facts *f, json_t *array)
{
	json_t *e;
	size_t i;

	json_array_foreach(f->events, i, e)
		if (strcmp(json_str(e, "ev", ""), "criterion") == 0)
			add(array, json_str(e, "name", "?"),
			    json_str(e, "want", ""), json_str(e, "got", ""),
			    json_flag(e, "ok", false),
			    json_flag(e, "judged", true));
}

static void add_thresholds(const json_t *thresholds, json_t *array)
{
	json_t *t;
	size_t i;

	json_array_foreach(thresholds, i, t) {
		AUTO_FREE char *name = mem_printf("threshold %s",
						  json_str(t, "name", "?"));

		add(array, name, json_str(t, "want", ""),
		    json_str(t, "got", ""), json_flag(t, "ok", false),
		    json_flag(t, "judged", true));
	}
}

static void add_faults(const json_t *faults, json_t *array, double planned)
{
	json_t *fault;
	size_t i;

	json_array_foreach(faults, i, fault) {
		const char *name = json_str(fault, "name", "?");
		const char *gone = json_str(fault, "verified_gone", "unknown");
		AUTO_FREE char *bit = mem_printf("%s bit", name);
		AUTO_FREE char *is_gone = mem_printf("%s gone", name);

		if (json_at(fault, "expect"))
			add(array, bit, json_str(fault, "expect", ""),
			    json_str(fault, "explain", ""),
			    json_flag(fault, "bit", false), true);
		add(array, is_gone, "verified gone", gone,
		    strcmp(gone, "yes") == 0, true);
	}
	if ((double)json_array_size(faults) < planned)
		add(array, "faults", "every planned fault injected",
		    "some never were", false, true);
}

static void add_steps(const struct facts *f, const json_t *steps,
		      json_t *array)
{
	bool judged = !is_control(f) &&
		      json_flag(f->run, "has_playbook", false);
	double planned = json_num(f->run, "steps_planned", 0);
	json_t *step;
	size_t i;

	json_array_foreach(steps, i, step) {
		const char *verdict = json_str(step, "verdict", "?");
		AUTO_FREE char *name =
			mem_printf("step %s", json_str(step, "step", "?"));

		add(array, name, "pass", verdict,
		    strcmp(verdict, "pass") == 0, judged);
	}
	if ((double)json_array_size(steps) < planned)
		add(array, "playbook", "every step run", "it did not get there",
		    false, judged);
}

static void add_recorded(const struct facts *f, const json_t *recorded,
			 json_t *array)
{
	/* A search is judged by its own figures, and has no others. */
	bool judged = json_flag(f->run, "judge_recorded", false) &&
		      (!is_control(f) || is_search(f));
	json_t *r;
	size_t i;

	json_array_foreach(recorded, i, r) {
		AUTO_FREE char *name =
			mem_printf("recorded %s", json_str(r, "name", "?"));
		double replayed = json_num(r, "replayed", NAN);
		AUTO_FREE char *got =
			isnan(replayed) ? mem_strdup("it did not happen")
					: mem_printf("%.4g %s", replayed,
						     json_str(r, "unit", ""));

		if (json_is_boolean(json_at(r, "within")))
			add(array, name, json_str(r, "text", ""), got,
			    json_flag(r, "within", false), judged);
	}
}

static void add_audit(const json_t *root, json_t *array)
{
	const char *why = json_str(root, "run/invalid_because/0", "clean");

	add(array, "audit", "clean", why, json_flag(root, "run/valid", false),
	    true);
}

static bool all_ok(const json_t *criteria)
{
	json_t *c;
	size_t i;

	json_array_foreach(criteria, i, c)
		if (json_flag(c, "judged", false) && !json_flag(c, "ok", false))
			return false;
	return true;
}

/* Also what the guardian could not undo after the controller had died. */
static bool something_left(const struct facts *f, const json_t *root)
{
	json_t *fault;
	size_t i;

	json_array_foreach(json_at(root, "faults"), i, fault)
		if (strcmp(json_str(fault, "state", ""), "left") == 0)
			return true;
	return json_num(facts_event(f, "end"), "left", 0) > 0;
}

static const char *status_of(const struct facts *f, const json_t *root,
			     const json_t *criteria, int *ret_exit)
{
	const json_t *end = facts_event(f, "end");
	const char *how = json_str(end, "status", "");

	if (something_left(f, root)) {
		*ret_exit = 5;
		return "not_undone";
	}
	*ret_exit = 4;
	if (!end)
		return "incomplete";
	if (strcmp(how, "completed") != 0)
		return "aborted";
	*ret_exit = 6;
	if (!json_flag(root, "run/valid", false))
		return "invalid";
	*ret_exit = all_ok(criteria) ? 0 : 1;
	return *ret_exit == 0 ? "held" : "missed";
}

json_t *report_verdict(const struct facts *f, const json_t *root, int *ret_exit)
{
	json_t *criteria = json_array();
	const char *status;

	add_expects(f, criteria);
	add_thresholds(json_at(root, "thresholds"), criteria);
	add_faults(json_at(root, "faults"), criteria,
		   json_num(f->run, "faults_planned", 0));
	add_steps(f, json_at(root, "playbook"), criteria);
	add_recorded(f, json_at(root, "recorded"), criteria);
	add_audit(root, criteria);
	status = status_of(f, root, criteria, ret_exit);
	return json_pack("{s:s,s:i,s:s,s:o}", "status", status, "exit",
			 *ret_exit, "why",
			 json_str(facts_event(f, "end"), "why",
				  "the run ended before its last event"),
			 "criteria", criteria);
}
