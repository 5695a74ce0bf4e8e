/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A world of one number on a virtual loop, for tests of the drill: the fault
 * "test.set" makes x = 5, steps say "x=N", requests fail while x >= 5, and the
 * gauge x shows it.  Include it after cmocka.h.
 */
#ifndef GD_TESTS_LIB_FAKEWORLD_H
#define GD_TESTS_LIB_FAKEWORLD_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "chaos/drill/drill.h"
#include "chaos/report/events.h"
#include "chaos/report/report.h"

struct world {
	double x;
	int injects, reverts;
	int inject_rc;		/* what the fault's inject gives */
	struct loop *loop;
	struct watch *watch;
	/* the load */
	struct load_args load;
	struct loop_timer tick;
	struct load_row row;
	int64_t second;
	uint64_t requests;
	struct load_adjust adjusted;
	enum load_phase phase;
	nsec_t phase_from;
};

static int world_prepare(struct fault *f, struct undo_record *u,
			 struct err *err)
{
	(void)f;
	(void)err;
	u->via = UNDO_LOCAL;
	return 0;
}

static int world_inject(struct fault *f, struct err *err)
{
	struct world *w = fault_env(f)->arg;

	w->injects++;
	if (w->inject_rc < 0)
		return err_set(err, w->inject_rc, "the world says no");
	w->x = 5;
	return 0;
}

static int world_revert(struct fault *f, struct err *err)
{
	struct world *w = fault_env(f)->arg;

	(void)err;
	w->reverts++;
	w->x = 0;
	return 0;
}

static const struct opt world_opts[] = { OPT_END };

static const struct fault_ops world_fault = {
	.name = "test.set",
	.opts = world_opts,
	.prepare = world_prepare,
	.inject = world_inject,
	.revert = world_revert,
};
static const struct fault_ops *const world_faults[] = { &world_fault, NULL };

static int world_source_start(void *self, struct watch *watch, struct err *err)
{
	struct world *w = self;

	(void)err;
	w->watch = watch;
	return 0;
}

static void world_source_sample(void *self, nsec_t t)
{
	struct world *w = self;

	watch_gauge(w->watch, "x", t, w->x);
}

static const struct watch_source_ops world_source = {
	.name = "world",
	.start = world_source_start,
	.sample = world_source_sample,
};

static void world_tick(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct world *w = arg;
	struct load_snapshot s = { .threads = 1, .second = w->second,
				   .users = 1, .rows = &w->row, .n = 1 };

	w->row.phase = w->phase;
	if (w->row.phase && w->second * NSEC_SEC < w->phase_from)
		w->row.phase--;
	w->row.due = 10;
	w->row.ok = w->x < 5 ? 10 : 0;
	w->row.failed[LOAD_TIMEOUT] = w->x < 5 ? 0 : 10;
	w->requests += w->row.due;
	w->load.snapshot(w->load.arg, &s);
	w->second++;
	if (!loop_timer_is_set(timer))
		loop_timer_at(loop, timer, (w->second + 1) * NSEC_SEC);
}

static int world_load_open(const struct load_args *args, void **ret,
			   struct err *err)
{
	struct world *w = args->env_arg;

	(void)err;
	w->load = *args;
	w->second = args->from / NSEC_SEC;
	loop_timer_init(&w->tick, "tick", world_tick, w);
	*ret = w;
	return 0;
}

static int world_load_start(void *load, struct err *err)
{
	struct world *w = load;

	(void)err;
	loop_timer_at(w->loop, &w->tick, (w->second + 1) * NSEC_SEC);
	return 0;
}

static void world_load_phase(void *load, enum load_phase phase, nsec_t t)
{
	struct world *w = load;

	w->phase = phase;
	w->phase_from = t;
}

static int world_load_adjust(void *load, const struct load_adjust *a,
			     struct err *err)
{
	struct world *w = load;

	(void)err;
	w->adjusted = *a;
	return 0;
}

/* All times come when nothing is judged any more: none is known before. */
static void world_times(struct world *w)
{
	struct load_row row = { .response = hist_new(), .phase = w->phase };
	struct load_snapshot s = { .threads = 1, .second = w->second,
				   .users = 1, .rows = &row, .n = 1 };

	hist_record_n(row.response, NSEC_MS, w->requests);
	w->load.snapshot(w->load.arg, &s);
	hist_free(row.response);
}

static void world_load_stop(void *load)
{
	struct world *w = load;
	struct load_final final = { .requests = w->requests };

	loop_timer_stop(w->loop, &w->tick);
	world_times(w);
	w->load.done(w->load.arg, &final);
}

static void world_load_free(void *load)
{
	(void)load;
}

static const struct load_ops world_load = {
	.name = "world",
	.open = world_load_open,
	.start = world_load_start,
	.phase = world_load_phase,
	.adjust = world_load_adjust,
	.stop = world_load_stop,
	.free = world_load_free,
};

static int world_step_start(struct playbook_call *call, struct err *err)
{
	struct world *w = playbook_call_arg(call);
	const char *set = strstr(playbook_call_text(call), "x=");

	if (!set)
		return err_set(err, -EINVAL, "the world cannot do that");
	w->x = atof(set + 2);
	playbook_call_done(call, 0, "done");
	return 0;
}

static void world_step_cancel(struct playbook_call *call)
{
	(void)call;
}

static const struct playbook_step_ops world_step = {
	.name = "command", .start = world_step_start,
	.cancel = world_step_cancel
};
static const struct playbook_step_ops *const world_steps[] = {
	&world_step, &world_step, NULL
};

static const struct section_spec *const world_specs[] = {
	&plan_scenario_section, &plan_allow_section, &plan_expect_section,
	&plan_abort_section, &fault_link_section, &fault_section,
	&load_target_section, &load_journey_section, &load_load_section,
	&watch_slo_section, &watch_probe_section, &watch_detect_section,
	&watch_detection_section, &watch_recovery_section,
	&playbook_ref_section, &report_recorded_section,
	&report_impact_section, NULL
};

static nsec_t world_real(void)
{
	return 0;
}

/* One drill, from a scenario's text to a report. */
struct stage {
	struct world world;
	struct plan *plan;
	struct drill *drill;
	struct drill_env env;
	struct symbols *symbols;
	const struct watch_source_ops *sources[2];
	void *source_args[2];
	char dir[64], run_dir[80];
	json_t *events;		/* read after the run */
	struct report *report;
	enum drill_end end;
};

static struct plan *stage_plan(const char *text,
			       const struct plan_options *options)
{
	struct scenario *sc = NULL;
	struct plan *plan = NULL;
	struct errs errs;

	errs_init(&errs);
	fault_set_table(world_faults);
	scenario_parse("a.ini", text, world_specs, NULL, NULL, &sc, &errs);
	if (sc)
		plan_new(sc, options, &plan, &errs);
	for (size_t i = 0; i < errs.n; i++)
		print_error("%d: %s\n", errs.v[i].line, errs.v[i].msg);
	assert_int_equal(errs.n, 0);
	errs_done(&errs);
	return plan;
}

/* Up to the lead-in. */
static void stage_open(struct stage *s, const char *text,
		       const struct plan_options *options, int inject_rc)
{
	static const struct plan_options plain = { .speed = 1 };
	struct drill_args args = { .env = &s->env, .run = "run",
				   .kind = "simulate" };
	struct err err = { 0 };

	memset(s, 0, sizeof(*s));
	s->plan = stage_plan(text, options ? options : &plain);
	s->world.inject_rc = inject_rc;
	assert_int_equal(loop_new(LOOP_VIRTUAL, &s->world.loop, &err), 0);
	s->symbols = symbols_new();
	s->sources[0] = &world_source;
	s->source_args[0] = &s->world;
	s->env = (struct drill_env){
		.loop = s->world.loop, .load = &world_load,
		.load_arg = &s->world, .faults = world_faults,
		.fault_arg = &s->world, .steps = world_steps,
		.step_arg = &s->world, .sources = s->sources,
		.source_args = s->source_args, .host = "here",
		.real_time = world_real,
	};
	strcpy(s->dir, "/tmp/gd-drill-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	snprintf(s->run_dir, sizeof(s->run_dir), "%s/run", s->dir);
	args.plan = s->plan;
	args.symbols = s->symbols;
	args.run_dir = s->run_dir;
	if (drill_new(&args, &s->drill, &err) < 0)
		fail_msg("%s", err.msg);
	assert_non_null(s->drill);
}

static void stage_read(struct stage *s)
{
	AUTO_FREE char *path = mem_printf("%s/%s", s->run_dir, EVENTS_FILE);
	struct err err = { 0 };
	char line[65536];
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	s->events = json_array();
	while (fgets(line, sizeof(line), f)) {
		json_t *root;

		assert_int_equal(json_parse(line, strlen(line), &root, &err),
				 0);
		json_array_append_new(s->events, root);
	}
	fclose(f);
	if (report_load(s->run_dir, world_specs, &s->report, &err) < 0)
		fail_msg("%s", err.msg);
}

/* To its end, and what it wrote. */
static void stage_run(struct stage *s)
{
	s->end = drill_run(s->drill);
	stage_read(s);
}

static void stage_close(struct stage *s)
{
	AUTO_FREE char *remove = mem_printf("rm -rf '%s'", s->dir);

	drill_free(s->drill);
	plan_free(s->plan);
	symbols_free(s->symbols);
	loop_free(s->world.loop);
	report_free(s->report);
	json_decref(s->events);
	assert_int_equal(system(remove), 0);
}

/* The n-th event (from 0) with ev, and name or step NAME if given. */
static const json_t *stage_event(const struct stage *s, const char *ev,
				 const char *name, int n)
{
	json_t *e;
	size_t i;

	json_array_foreach(s->events, i, e) {
		const char *of = json_str(e, "name", json_str(e, "step", ""));

		if (strcmp(json_str(e, "ev", ""), ev) == 0 &&
		    (!name || strcmp(of, name) == 0) && n-- == 0)
			return e;
	}
	return NULL;
}

/* Drill seconds of the n-th change of a fault or step to a state; -99: none. */
static double stage_when(const struct stage *s, const char *ev,
			 const char *name, const char *to, int n)
{
	json_t *e;
	size_t i;

	json_array_foreach(s->events, i, e) {
		const char *of = json_str(e, "name", json_str(e, "step", ""));

		if (strcmp(json_str(e, "ev", ""), ev) == 0 &&
		    strcmp(of, name) == 0 &&
		    strcmp(json_str(e, "to", ""), to) == 0 && n-- == 0)
			return json_num(e, "t", -99);
	}
	return -99;
}

static double stage_milestone(const struct stage *s, const char *name)
{
	return json_num(stage_event(s, "milestone", name, 0), "at_s", -99);
}

#endif
