/* SPDX-License-Identifier: Apache-2.0 */
/* What happens when: faults in and out, the playbook, the drill's end. */
#include "chaos/drill/find.h"
#include "chaos/drill/impl.h"

#include <string.h>

#include "chaos/base/json.h"
#include "chaos/base/log.h"
#include "chaos/report/events.h"

static void set_phase(struct drill *d, enum load_phase phase, nsec_t t)
{
	drill_record_hold(d, phase);
	watch_phase(d->watch, phase, t);
}

static void on_start(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct drill *d = arg;

	(void)loop;
	(void)timer;
	watch_freeze_baseline(d->watch);
	set_phase(d, LOAD_FAULT, 0);
	drill_on_milestone(d, MS_START, 0, "timeline", NULL);
	drill_advance(d, DRILL_RUNNING, "T+0");
	if (d->plan->options.find)
		drill_find_start(d);
}

static void on_finish(struct loop *loop, struct loop_timer *timer, void *arg)
{
	(void)loop;
	(void)timer;
	drill_stop(arg, DRILL_COMPLETED, "its duration is over");
}

static void on_inject(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct drill_fault *f = arg;

	(void)loop;
	(void)timer;
	if (f->drill->state == DRILL_RUNNING ||
	    f->drill->state == DRILL_LEAD_IN)
		faults_inject(f->drill->faults, f->index);
}

/* It goes in at t, and out `for` later, whatever the injection took. */
static void set_timers(struct drill_fault *f, nsec_t t)
{
	const struct fault_conf *conf = &f->drill->plan->faults[f->index];
	nsec_t span = conf->duration ? conf->duration : conf->max;

	f->due = t;
	f->times++;
	loop_timer_at(f->drill->loop, &f->inject, t);
	if (span > 0)
		loop_timer_at(f->drill->loop, &f->revert, t + span);
}

static void on_revert(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct drill_fault *f = arg;
	const struct fault_conf *conf = &f->drill->plan->faults[f->index];

	(void)loop;
	(void)timer;
	if (f->drill->state != DRILL_RUNNING)
		return;
	faults_revert(f->drill->faults, f->index);
	if (f->times < conf->repeat)
		set_timers(f, f->due + conf->every);
}

static void schedule_fault(struct drill *d, size_t i, nsec_t t)
{
	if (d->fault[i].due == NSEC_NEVER)
		set_timers(&d->fault[i], t);
}

static void on_playbook(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct drill *d = arg;
	struct err err = { 0 };
	struct playbook_args args = {
		.loop = d->loop,
		.allow = d->plan->allow,
		.symbols = d->args.symbols,
		.env = watch_env(d->watch),
		.steps = d->env->steps,
		.step_arg = d->env->step_arg,
		.event = drill_on_step,
		.verifying = drill_on_verifying,
		.finished = drill_on_playbook_finished,
		.arg = d,
	};

	(void)loop;
	(void)timer;
	if (d->state != DRILL_RUNNING || d->playbook_begun)
		return;
	d->playbook_begun = true;
	if (playbook_start(d->plan->playbook, &args, &err) < 0)
		drill_stop(d, DRILL_ABORTED, err.msg);
}

void drill_timeline_start(struct drill *d)
{
	const struct plan *p = d->plan;
	const struct playbook_ref *ref = p->playbook_ref;

	loop_timer_init(&d->start, "drill start", on_start, d);
	loop_timer_init(&d->finish, "drill end", on_finish, d);
	loop_timer_init(&d->playbook, "playbook", on_playbook, d);
	loop_timer_at(d->loop, &d->start, 0);
	for (size_t i = 0; i < p->n_faults; i++) {
		struct drill_fault *f = &d->fault[i];
		const struct fault_conf *conf = &p->faults[i];

		loop_timer_init(&f->inject, conf->name, on_inject, f);
		loop_timer_init(&f->revert, conf->name, on_revert, f);
		if (!conf->at_event && !conf->at_when && !p->options.find)
			schedule_fault(d, i, conf->at);
	}
	loop_timer_at(d->loop, &d->finish, p->conf.duration);
	if (p->options.find)
		return;
	if (p->playbook && ref && !ref->start_event)
		loop_timer_at(d->loop, &d->playbook, ref->start_after);
}

void drill_timeline_stop(struct drill *d)
{
	loop_timer_stop(d->loop, &d->start);
	loop_timer_stop(d->loop, &d->finish);
	loop_timer_stop(d->loop, &d->playbook);
	for (size_t i = 0; i < d->plan->n_faults; i++) {
		loop_timer_stop(d->loop, &d->fault[i].inject);
		loop_timer_stop(d->loop, &d->fault[i].revert);
	}
	if (d->playbook_begun)
		playbook_stop(d->plan->playbook);
}

void drill_timeline_milestone(struct drill *d, const char *name, nsec_t at)
{
	const struct plan *p = d->plan;
	const struct playbook_ref *ref = p->playbook_ref;

	if (p->options.find)
		return;
	for (size_t i = 0; i < p->n_faults; i++) {
		const struct fault_conf *conf = &p->faults[i];

		if (conf->at_event && strcmp(conf->at_event, name) == 0)
			schedule_fault(d, i, at + conf->at);
	}
	if (p->playbook && ref && ref->start_event && !d->playbook_begun &&
	    strcmp(ref->start_event, name) == 0)
		loop_timer_at(d->loop, &d->playbook, at + ref->start_after);
	if (strcmp(name, MS_FIRST_ACTION) == 0 && !d->recovery_phase) {
		d->recovery_phase = true;
		set_phase(d, LOAD_RECOVERY, at);
		if (d->load)
			d->env->load->phase(d->load, LOAD_RECOVERY, at);
	}
}

static void look_at_conditions(struct drill *d, nsec_t t)
{
	const struct expr_env *env = watch_env(d->watch);

	for (size_t i = 0; i < d->plan->n_faults; i++) {
		const struct fault_conf *conf = &d->plan->faults[i];
		struct drill_fault *f = &d->fault[i];

		if (conf->at_when && f->due == NSEC_NEVER &&
		    expr_held(conf->at_when, &f->at_hold, env, t) == EXPR_TRUE)
			schedule_fault(d, i, loop_now(d->loop));
		if (conf->until && f->injected &&
		    faults_state(d->faults, i) == FAULT_INJECTED &&
		    expr_held(conf->until, &f->until_hold, env, t) == EXPR_TRUE)
			faults_revert(d->faults, i);
	}
}

/* Without impact there is nothing to wait for but what is planned. */
static nsec_t quiet_end(const struct plan *p)
{
	nsec_t end = p->conf.window_to;

	if (p->load && load_conf_end(p->load) > end)
		end = load_conf_end(p->load);
	for (size_t i = 0; i < p->n_faults; i++) {
		const struct fault_conf *f = &p->faults[i];
		nsec_t span = f->duration ? f->duration : f->max;
		nsec_t last = f->at + (f->repeat - 1) * f->every + span;

		if (!f->at_event && !f->at_when && last > end)
			end = last;
	}
	return end;
}

static bool is_over(const struct drill *d, nsec_t t)
{
	const struct plan *p = d->plan;

	if (drill_load_ends(d))
		return d->load_over != NSEC_NEVER;
	if (t < p->conf.window_to)
		return false;
	if (d->playbook_begun && playbook_running(p->playbook))
		return false;
	if (d->ms.impact == NSEC_NEVER || p->options.load_only)
		return t >= quiet_end(p);
	return d->ms.recovered != NSEC_NEVER &&
	       t >= d->ms.recovered + d->ms.stable_for;
}

static const char *why_over(const struct drill *d)
{
	if (d->plan->options.load_only)
		return "the load is over";
	return d->ms.impact == NSEC_NEVER
		       ? "the window is over, nothing was hit"
		       : "recovered, and stable";
}

void drill_timeline_second(struct drill *d, nsec_t t)
{
	if (d->state != DRILL_RUNNING || d->find)
		return;
	look_at_conditions(d, t);
	if (d->playbook_begun)
		playbook_tick(d->plan->playbook, t);
	if (is_over(d, t))
		drill_stop(d, DRILL_COMPLETED, why_over(d));
}
