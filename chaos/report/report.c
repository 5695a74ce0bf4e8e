/* SPDX-License-Identifier: Apache-2.0 */
/* Puts the model together from its parts, and hands it to the writers. */
#include "chaos/report/report.h"

#include <math.h>
#include <string.h>
#include <stdlib.h>

#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "chaos/report/events.h"
#include "chaos/report/model.h"

static json_t *or_null(json_t *v)
{
	return v ? json_incref(v) : json_null();
}

static double last_second(const struct facts *f)
{
	size_t n = json_array_size(f->gauges);

	return n ? json_num(json_array_get(f->gauges, n - 1), "t", 0) + 1 : 0;
}

static json_t *run_part(const struct facts *f, json_t *because)
{
	static const char *const keys[] = {
		"id",	 "kind",    "scenario",	  "title",    "clock",
		"date",	 "speed",   "seed",	  "started_at",
		"version", "stack", "assumptions", "controls", "load",
		"window_from_s", "window_to_s", "stable_for_s", "lead_in_s",
		"host", "judge_recorded",
	};
	json_t *o = json_object();

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		json_object_set_new(o, keys[i],
				    or_null(json_object_get(f->run, keys[i])));
	json_object_set_new(o, "duration_s", json_real(last_second(f)));
	json_object_set_new(o, "valid",
			    json_boolean(json_array_size(because) == 0));
	json_object_set(o, "invalid_because", because);
	json_object_set(o, "missing", f->missing);
	return o;
}

static void add_phase(json_t *array, const char *name, double from, double to)
{
	if (!isnan(from) && !isnan(to) && to > from)
		json_array_append_new(array,
				      json_pack("{s:s,s:f,s:f}", "name", name,
						"from_s", from, "to_s", to));
}

static json_t *phases_part(const struct facts *f)
{
	double first = facts_milestone(f, MS_FIRST_ACTION);
	double end = last_second(f);
	json_t *array = json_array();

	add_phase(array, "baseline", -json_num(f->run, "lead_in_s", 0), 0);
	add_phase(array, "fault", 0, isnan(first) ? end : first);
	add_phase(array, "recovery", first, end);
	return array;
}

static void report_traffic(const struct facts *f, json_t *load)
{
	const json_t *apis = json_object_get(load, "apis");

	json_object_set_new(load, "totals", report_totals(f, apis));
	json_object_set_new(load, "causes", report_causes(apis));
	json_object_set_new(load, "checks", report_checks(f));
	json_object_set_new(load, "changes", report_changes(f));
}

static json_t *build(const struct facts *f, int *ret_exit)
{
	json_t *root = json_object(), *because = json_array(), *load;
	json_t *measures = report_measures(f);
	json_t *milestones = report_milestones(f);

	load = json_pack("{s:o,s:o}", "audit", report_audit(f, because), "apis",
			 report_apis(f));
	report_traffic(f, load);
	json_object_set_new(root, "schema", json_string("gameday.report/1"));
	json_object_set_new(root, "run", run_part(f, because));
	json_object_set_new(root, "milestones", milestones);
	json_object_set_new(root, "measures", measures);
	json_object_set_new(root, "search", report_search(f));
	json_object_set_new(root, "recorded",
			    report_recorded(f, root, measures));
	json_object_set_new(root, "phases", phases_part(f));
	json_object_set_new(root, "load", load);
	json_object_set_new(root, "series", json_string(SERIES_FILE));
	json_object_set_new(root, "faults", report_faults(f));
	json_object_set_new(root, "alerts", report_alerts(f));
	json_object_set_new(root, "sources", report_sources(f));
	json_object_set_new(root, "budget", report_budget(f));
	json_object_set_new(root, "playbook", report_steps(f));
	json_object_set_new(root, "slos", report_slos(f, measures));
	json_object_set_new(root, "bad", report_bad(f));
	json_object_set_new(root, "thresholds", report_thresholds(f));
	json_object_set_new(root, "impact", report_impact(f, measures));
	json_object_set_new(root, "catalogue", report_catalogue(f));
	json_object_set_new(root, "settings", report_settings(f));
	report_links(f, root);
	json_decref(because);
	json_object_set_new(root, "verdict", report_verdict(f, root, ret_exit));
	return root;
}

int report_load(const char *run_dir, const struct section_spec *const *specs,
		struct report **ret, struct err *err)
{
	struct report *r;
	struct facts f;
	int rc = facts_read(&f, run_dir, specs, err);

	if (rc < 0)
		return rc;
	r = mem_zalloc(sizeof(*r));
	r->root = build(&f, &r->exit);
	r->seconds = report_seconds_of(&f, &r->n_seconds);
	report_curves_of(&f, &r->curves);
	json_object_set_new(r->root, "run_dir", json_string(run_dir));
	facts_done(&f);
	*ret = r;
	return 0;
}

void report_free(struct report *r)
{
	if (!r)
		return;
	json_decref(r->root);
	report_seconds_free(r->seconds, r->n_seconds);
	report_curves_done(&r->curves);
	mem_free(r);
}

size_t report_seconds(const struct report *r, const struct report_second **ret)
{
	*ret = r->seconds;
	return r->n_seconds;
}

const struct report_curves *report_curves(const struct report *r)
{
	return &r->curves;
}

int report_exit(const struct report *r)
{
	return r->exit;
}

const json_t *report_json(const struct report *r)
{
	return r->root;
}

int report_write_all(const struct report *r, const char *run_dir,
		     struct err *err)
{
	for (size_t i = 0; report_writer_table[i]; i++) {
		const struct report_writer *w = report_writer_table[i];
		AUTO_FREE char *path = NULL;
		FILE *f;

		if (!w->file)
			continue;
		path = mem_printf("%s/%s", run_dir, w->file);
		f = fopen(path, "we");
		if (!f)
			return err_errno(err, "cannot write '%s'", path);
		w->write(r, f);
		if (fclose(f) != 0)
			return err_errno(err, "cannot write '%s'", path);
	}
	return 0;
}
