/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The drill's life: set up, lead in, run, revert, stop, done.  What happens
 * when is timeline.c's; what is written is record.c's.
 */
#include "chaos/drill/find.h"
#include "chaos/drill/impl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/base/json.h"
#include "chaos/base/log.h"
#include "chaos/base/mem.h"
#include "chaos/report/events.h"

static const char *const state_names[] = {
	[DRILL_NEW] = "new",		 [DRILL_LEAD_IN] = "lead-in",
	[DRILL_RUNNING] = "running",	 [DRILL_REVERTING] = "reverting",
	[DRILL_STOPPING] = "stopping",	 [DRILL_DONE] = "done",
};

const char *drill_state_name(enum drill_state state)
{
	return state_names[state];
}

static void begin_reverting(struct drill *d)
{
	nsec_t now = loop_now(d->loop);

	drill_timeline_stop(d);
	watch_end(d->watch, d->load_over < now ? d->load_over : now);
	drill_record_hold(d, LOAD_PHASES);
	drill_judge_finish(d);
	drill_find_finish(d);
	faults_revert_all(d->faults);
}

static void begin_stopping(struct drill *d)
{
	watch_stop(d->watch);
	if (d->load)
		d->env->load->stop(d->load);
}

void drill_advance(struct drill *d, enum drill_state to, const char *why)
{
	struct buf *b = eventlog_event(&d->log, "state");

	json_line_str(b, "from", state_names[d->state]);
	json_line_str(b, "to", state_names[to]);
	json_line_str(b, "why", why);
	eventlog_end(&d->log);
	d->state = to;
	switch (to) {
	case DRILL_NEW:
	case DRILL_LEAD_IN:
	case DRILL_RUNNING:
		break;
	case DRILL_REVERTING:
		begin_reverting(d);
		break;
	case DRILL_STOPPING:
		begin_stopping(d);
		break;
	case DRILL_DONE:
		watch_finish(d->watch);
		drill_record_audit(d);
		drill_record_end(d);
		loop_quit(d->loop);
		break;
	}
}

void drill_stop(struct drill *d, enum drill_end end, const char *why)
{
	if (d->state >= DRILL_REVERTING)
		return;
	d->end = end;
	d->end_why = mem_strdup(why);
	if (end != DRILL_COMPLETED) {
		struct buf *b = eventlog_event(&d->log, "abort");

		json_line_str(b, "why", why);
		eventlog_end(&d->log);
	}
	drill_advance(d, DRILL_REVERTING, d->end_why);
}

static void on_faults_done(void *arg, size_t n_left)
{
	struct drill *d = arg;

	d->faults_done = true;
	d->left = n_left;
	if (d->state == DRILL_REVERTING)
		drill_advance(d, DRILL_STOPPING, "every fault was looked at");
	if (d->state == DRILL_STOPPING && (d->load_done || !d->load))
		drill_advance(d, DRILL_DONE, "no load runs");
}

static void on_guardian_lost(void *arg)
{
	drill_stop(arg, DRILL_ABORTED,
		   "the guardian died, so nothing may stay injected");
}

static void on_snapshot(void *arg, const struct load_snapshot *s)
{
	struct drill *d = arg;

	watch_snapshot(d->watch, s);
}

/* A load that is one stage has no end of its own. */
bool drill_load_ends(const struct drill *d)
{
	const struct plan *p = d->plan;

	return p->options.load_only && !p->options.find && p->load &&
	       load_conf_end(p->load) > 0;
}

static void on_load_finished(void *arg)
{
	struct drill *d = arg;

	d->load_over = loop_now_fresh(d->loop);
}

static int make_faults(struct drill *d, struct err *err)
{
	const struct plan *p = d->plan;
	struct faults_args args = {
		.env = { .loop = d->loop,
			 .allow = p->allow,
			 .symbols = d->args.symbols,
			 .link = d->args.link,
			 .run = d->args.run,
			 .speed = p->options.speed,
			 .arg = d->env->fault_arg },
		.table = d->env->faults,
		.confs = p->faults,
		.n = p->n_faults,
		.run_dir = d->env->guardian ? d->args.run_dir : NULL,
		.guardian = d->env->guardian,
		.event = drill_on_fault,
		.all_done = on_faults_done,
		.guardian_lost = on_guardian_lost,
		.arg = d,
	};
	struct errs errs;
	int rc = 0;

	errs_init(&errs);
	faults_new(&args, &d->faults, &errs);
	if (errs.n == 0)
		faults_check(d->faults, NULL, &errs);
	if (errs.n > 0)
		rc = err_set(err, -EOPNOTSUPP, "%s", errs.v[0].msg);
	errs_done(&errs);
	return rc;
}

static int make_watch(struct drill *d, struct err *err)
{
	struct watch_args args = {
		.conf = d->plan->watch,
		.loop = d->loop,
		.allow = d->plan->allow,
		.symbols = d->args.symbols,
		.scopes = &d->scopes,
		.alert = drill_on_alert,
		.source = drill_on_source,
		.threshold = drill_on_threshold,
		.second = drill_on_second,
		.gauges = drill_on_gauges,
		.arg = d,
	};
	int rc = watch_new(&args, &d->watch, err);

	for (size_t i = 0; rc == 0 && d->env->sources && d->env->sources[i];
	     i++)
		watch_add_source(d->watch, d->env->sources[i],
				 d->env->source_args[i]);
	return rc;
}

static int open_load(struct drill *d, struct err *err)
{
	const struct plan *p = d->plan;
	struct load_args args = {
		.conf = p->load,
		.loop = d->loop,
		.clock = *loop_clock(d->loop),
		.seed = (uint64_t)p->conf.seed,
		.threads = d->args.threads,
		.allow = p->allow,
		.symbols = d->args.symbols,
		.from = -p->conf.lead_in,
		.ends = drill_load_ends(d),
		.finished = on_load_finished,
		.snapshot = on_snapshot,
		.done = drill_on_load_done,
		.arg = d,
		.env_arg = d->env->load_arg,
	};

	if (!p->load)
		return 0;
	return d->env->load->open(&args, &d->load, err);
}

/* T+0 is lead_in after the settling time. Everything later is drill time. */
static void set_clock(struct drill *d)
{
	const struct plan *p = d->plan;
	nsec_t ahead = d->args.settle_real +
		       (nsec_t)((double)p->conf.lead_in / p->options.speed);
	struct drill_clock clock = {
		.mono0 = loop_mono_fresh(d->loop) + ahead,
		.real0 = d->env->real_time() + ahead,
		.speed = p->options.speed,
	};

	loop_set_clock(d->loop, &clock);
}

static int write_inputs(struct drill *d, struct err *err)
{
	AUTO_FREE char *text = scenario_text(d->plan->sc);
	struct buf plan;
	int rc;

	rc = eventlog_file(d->args.run_dir, SCENARIO_FILE, text, strlen(text),
			   err);
	buf_init(&plan, 0);
	plan_json(d->plan, &plan);
	if (rc == 0)
		rc = eventlog_file(d->args.run_dir, PLAN_FILE, plan.data,
				   plan.len, err);
	buf_done(&plan);
	return rc;
}

static void init(struct drill *d, const struct drill_args *args)
{
	const struct plan *p = args->plan;

	d->args = *args;
	d->plan = p;
	d->env = args->env;
	d->loop = args->env->loop;
	d->slip = hist_new();
	d->second.second = INT64_MIN;
	d->load_over = NSEC_NEVER;
	if (p->load)
		load_conf_scopes(p->load, &d->scopes);
	d->apis = d->scopes.apis;
	d->n_apis = d->scopes.n_apis;
	d->fault = mem_calloc(p->n_faults + 1, sizeof(*d->fault));
	d->expect = mem_calloc(p->n_expects + 1, sizeof(*d->expect));
	d->milestone_hold = mem_calloc(p->n_milestones + 1,
				       sizeof(*d->milestone_hold));
	d->milestone_came = mem_calloc(p->n_milestones + 1,
				       sizeof(*d->milestone_came));
	for (size_t i = 0; i < p->n_faults; i++) {
		d->fault[i].drill = d;
		d->fault[i].index = i;
		d->fault[i].due = NSEC_NEVER;
	}
	milestones_init(&d->ms, watch_conf_stable_for(p->watch),
			drill_on_milestone, d);
	drill_judge_start(d);
}

/* The guardian is forked before any thread of load exists. */
static int set_up(struct drill *d, struct err *err)
{
	int rc = eventlog_open(&d->log, d->args.run_dir, d->loop,
			       d->env->host, err);

	if (rc < 0)
		return rc;
	d->log.fn = d->args.line;
	d->log.arg = d->args.line_arg;
	set_clock(d);
	rc = write_inputs(d, err);
	if (rc == 0)
		drill_record_run(d);
	if (rc == 0)
		rc = make_watch(d, err);
	if (rc == 0)
		rc = make_faults(d, err);
	if (rc == 0 && d->plan->playbook)
		rc = playbook_prepare(d->plan->playbook, d->env->steps,
				      d->args.symbols, d->plan->allow, err);
	return rc;
}

static void revert_now(struct drill *d)
{
	nsec_t end = loop_mono_fresh(d->loop) + 10 * NSEC_SEC;

	faults_revert_all(d->faults);
	while (!d->faults_done && loop_mono_fresh(d->loop) < end)
		loop_turn(d->loop, 50 * NSEC_MS);
	faults_release(d->faults);
}

/* It knows of T+0 beforehand: what is due from then on is no baseline. */
static int start_load(struct drill *d, struct err *err)
{
	d->env->load->phase(d->load, LOAD_FAULT, 0);
	return d->env->load->start(d->load, err);
}

static int start(struct drill *d, struct err *err)
{
	int rc = faults_arm(d->faults, err);

	if (rc < 0)
		return rc;
	set_clock(d);
	rc = open_load(d, err);
	if (rc == 0)
		rc = watch_start(d->watch, d->env->probes, err);
	if (rc == 0 && d->load)
		rc = start_load(d, err);
	if (rc < 0) {
		revert_now(d);
		return rc;
	}
	loop_record_slip(d->loop, d->slip);
	drill_timeline_start(d);
	if (d->plan->options.find)
		drill_find_lead_in(d);
	drill_advance(d, DRILL_LEAD_IN, "armed");
	return 0;
}

int drill_new(const struct drill_args *args, struct drill **ret,
	      struct err *err)
{
	struct drill *d = mem_zalloc(sizeof(*d));
	int rc;

	init(d, args);
	rc = set_up(d, err);
	if (rc == 0)
		rc = start(d, err);
	if (rc < 0) {
		drill_free(d);
		return rc;
	}
	*ret = d;
	return 0;
}

enum drill_end drill_run(struct drill *d)
{
	loop_run(d->loop);
	faults_release(d->faults);
	return d->end;
}

void drill_spoil(struct drill *d, const char *fmt, ...)
{
	struct buf text, *b;
	va_list ap;

	buf_init(&text, 1024);
	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	b = eventlog_event(&d->log, "spoilt");
	json_line_str(b, "why", text.data ? text.data : "?");
	eventlog_end(&d->log);
	buf_done(&text);
}

int drill_write_error(const struct drill *d)
{
	return d->log.error;
}

size_t drill_left(const struct drill *d)
{
	return d->left;
}

void drill_free(struct drill *d)
{
	if (!d)
		return;
	loop_record_slip(d->loop, NULL);
	if (d->load)
		d->env->load->free(d->load);
	if (d->watch)
		watch_free(d->watch);
	if (d->faults)
		faults_free(d->faults);
	drill_find_free(d);
	eventlog_close(&d->log);
	for (size_t i = 0; i < d->plan->n_expects; i++)
		mem_free(d->expect[i].got);
	mem_free(d->milestone_hold);
	mem_free(d->milestone_came);
	mem_free(d->fault);
	mem_free(d->expect);
	mem_free(d->end_why);
	hist_free(d->slip);
	mem_free(d);
}
