/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of each fault.  State changes in fault_to() alone, which tells the
 * drill; every end, wanted or not, goes through revert_begin().
 *
 *	planned → prepared → injecting → injected → reverting → gone | left
 *	                         └────── (failed) ──────┘──────→ failed
 *	gone → injecting: a fault that repeats
 */
#include "chaos/fault/fault.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "chaos/base/log.h"
#include "chaos/base/mem.h"
#include "chaos/fault/fault_state.h"

static const char *const state_names[] = {
	[FAULT_PLANNED] = "planned",	 [FAULT_PREPARED] = "prepared",
	[FAULT_INJECTING] = "injecting", [FAULT_INJECTED] = "injected",
	[FAULT_REVERTING] = "reverting", [FAULT_GONE] = "gone",
	[FAULT_LEFT] = "left",		 [FAULT_FAILED] = "failed",
};

const char *fault_state_name(enum fault_state s)
{
	return state_names[s];
}

static void faults_advance(struct faults *fs);
static void revert_begin(struct fault *f);
static void revert_here(struct fault *f);

static struct loop *loop_of(const struct fault *f)
{
	return f->set->args.env.loop;
}

static bool is_active(const struct fault *f)
{
	return f->st == FAULT_INJECTING || f->st == FAULT_INJECTED ||
	       f->st == FAULT_REVERTING;
}

/* --- the one change of state ------------------------------------------- */

/* e: what is known besides; from, to and names are filled in here. */
static void fault_to(struct fault *f, enum fault_state to,
		     struct fault_event *e)
{
	const struct faults_args *a = &f->set->args;

	e->index = f->index;
	e->conf = f->conf;
	e->ops = f->ops;
	e->fallback = f->is_fallback;
	e->target = f->set->records[f->index].target;
	e->from = f->st;
	e->to = to;
	if (to == FAULT_LEFT)
		e->remove = f->set->records[f->index].command;
	f->st = to;
	log_debug("fault %s: %s -> %s%s%s", f->conf->name,
		  fault_state_name(e->from), fault_state_name(to),
		  e->why ? ": " : "", e->why ? e->why : "");
	if (a->event)
		a->event(a->arg, e);
}

void fault_prepared(struct fault *f)
{
	fault_to(f, FAULT_PREPARED, &(struct fault_event){ 0 });
}

static void note(struct fault *f, const char *what)
{
	if (f->set->journal)
		undo_journal_note(f->set->journal, (uint32_t)f->index, what);
}

static void wait_until(struct fault *f, nsec_t real)
{
	loop_timer_at_mono(loop_of(f), &f->deadline,
			   loop_mono_fresh(loop_of(f)) + real);
}

static nsec_t since(const struct fault *f)
{
	return loop_mono_fresh(loop_of(f)) - f->since;
}

/* --- inject ------------------------------------------------------------ */

/* The one spot of "each driver's inject as a no-op". */
static int call_inject(struct fault *f, struct err *err)
{
#ifdef GAMEDAY_NOOP_INJECT
	(void)f;
	(void)err;
	return 0;
#else
	return f->ops->inject(f, err);
#endif
}

static void inject_ended(struct fault *f, int code, const char *why)
{
	loop_timer_stop(loop_of(f), &f->deadline);
	if (!code) {
		fault_to(f, FAULT_INJECTED,
			 &(struct fault_event){ .real = since(f) });
		if (f->want_revert)
			revert_begin(f);
		return;
	}
	f->failed = true;
	snprintf(f->why, sizeof(f->why), "%s", why ? why : strerror(-code));
	revert_begin(f);
}

/* Journal first, then the guardian, then the disturbance. */
static int announce(struct fault *f, struct err *err)
{
	struct faults *fs = f->set;
	int rc;

	note(f, "injected");
	if (!fs->guardian)
		return 0;
	rc = guardian_injecting(fs->guardian, (uint32_t)f->index);
	return rc ? err_set(err, rc, "the guardian is not there") : 0;
}

void faults_inject(struct faults *fs, size_t i)
{
	struct fault *f = &fs->v[i];
	struct err err = { 0 };
	int rc;

	if (!fs->armed || fs->closing || fs->lost ||
	    (f->st != FAULT_PREPARED && f->st != FAULT_GONE))
		return;
	f->order = ++fs->injects;
	f->want_revert = f->failed = false;
	f->since = loop_mono_fresh(loop_of(f));
	fault_to(f, FAULT_INJECTING, &(struct fault_event){ 0 });
	rc = announce(f, &err);
	if (!rc)
		rc = call_inject(f, &err);
	if (rc == -EINPROGRESS)
		wait_until(f, FAULT_INJECT_WAIT);
	else
		inject_ended(f, rc, rc ? err.msg : NULL);
}

void fault_completed(struct fault *f, int code, const char *why)
{
	if (f->st == FAULT_INJECTING)
		inject_ended(f, code, why);
	else if (code && f->st == FAULT_INJECTED)	/* an adjust failed */
		fault_to(f, f->st, &(struct fault_event){ .why = why });
}

/* --- measure ----------------------------------------------------------- */

static void measure_ended(struct fault *f)
{
	f->measuring = false;
	loop_timer_stop(loop_of(f), &f->deadline);
	if (f->want_revert)
		revert_begin(f);
}

static void measure_begin(struct fault *f)
{
	struct err err = { 0 };
	int rc;

	f->measuring = true;
	wait_until(f, FAULT_MEASURE_WAIT);
	rc = f->ops->measure(f, &err);
	if (rc && rc != -EINPROGRESS) {
		log_warn("fault %s: not measured: %s", f->conf->name, err.msg);
		measure_ended(f);
	}
}

void faults_measure(struct faults *fs, size_t i)
{
	struct fault *f = &fs->v[i];

	if (f->st == FAULT_INJECTED && f->ops->measure && !f->measuring)
		measure_begin(f);
}

void fault_measured(struct fault *f, json_t *asked, json_t *achieved)
{
	if (f->measuring && f->st == FAULT_INJECTED) {
		fault_to(f, f->st,
			 &(struct fault_event){ .asked = asked,
						.achieved = achieved });
		measure_ended(f);
	}
	json_decref(asked);
	json_decref(achieved);
}

static void on_deadline(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct fault *f = arg;

	(void)loop;
	(void)timer;
	if (f->st == FAULT_INJECTING)
		inject_ended(f, -ETIMEDOUT, "inject took too long");
	else if (f->st == FAULT_REVERTING)	/* a guardian that hangs */
		revert_here(f);
	else if (f->measuring)
		measure_ended(f);
}

/* --- revert ------------------------------------------------------------ */

static void revert_ended(struct fault *f, enum undo_state state, nsec_t real,
			 const char *why)
{
	bool gone = state == UNDO_GONE;
	enum fault_state to = !gone ? FAULT_LEFT :
			      f->failed ? FAULT_FAILED : FAULT_GONE;

	loop_timer_stop(loop_of(f), &f->deadline);
	note(f, gone ? "gone" : "left");
	f->want_revert = false;
	if (gone)
		why = f->failed ? f->why : NULL;
	fault_to(f, to, &(struct fault_event){ .real = real, .why = why,
					       .verified = state });
	if (f->set->closing)
		faults_advance(f->set);
}

/* What lives in this process, or what is left to it by a lost guardian. */
static void revert_here(struct fault *f)
{
	const struct undo_record *r = &f->set->records[f->index];
	enum undo_state state = UNDO_GONE;
	struct err err = { 0 };
	int rc;

	if (r->via == UNDO_LOCAL) {
		rc = f->ops->revert ? f->ops->revert(f, &err) : 0;
		state = rc ? UNDO_PRESENT : UNDO_GONE;
	} else {
		undo_revert(r, &err);
		state = undo_verify(r, &err);
	}
	revert_ended(f, state, since(f), *err.msg ? err.msg : "still there");
}

static void revert_now(struct fault *f)
{
	struct faults *fs = f->set;

	f->since = loop_mono_fresh(loop_of(f));
	fault_to(f, FAULT_REVERTING,
		 &(struct fault_event){ .why = f->failed ? f->why : NULL });
	if (fs->guardian && fs->records[f->index].via != UNDO_LOCAL &&
	    !guardian_revert(fs->guardian, (uint32_t)f->index))
		wait_until(f, FAULT_REVERT_WAIT);
	else
		revert_here(f);
}

/* Measures first where that makes sense: after it there is nothing to see. */
static void revert_begin(struct fault *f)
{
	bool first = !f->want_revert;

	f->want_revert = true;
	if (f->measuring)
		return;		/* measure_ended() comes back */
	if (f->st == FAULT_INJECTED && f->ops->measure && first && !f->failed)
		measure_begin(f);
	else
		revert_now(f);
}

void faults_revert(struct faults *fs, size_t i)
{
	struct fault *f = &fs->v[i];

	if (f->st == FAULT_INJECTED && !f->want_revert)
		revert_begin(f);
	else if (f->st == FAULT_INJECTING)
		f->want_revert = true;	/* a request is on its way */
}

void faults_reverted(struct faults *fs, const struct guardian_outcome *o)
{
	struct fault *f = &fs->v[o->index];

	if (f->st == FAULT_REVERTING)
		revert_ended(f, o->state, o->real, o->why);
}

/* --- all --------------------------------------------------------------- */

static struct fault *last_in(struct faults *fs)
{
	struct fault *last = NULL;

	for (size_t i = 0; i < fs->args.n; i++) {
		struct fault *f = &fs->v[i];

		if ((is_active(f) || (f->st == FAULT_LEFT && !f->retried)) &&
		    (!last || f->order > last->order))
			last = f;
	}
	return last;
}

/* One at a time: the next when this one is gone or named. */
static void faults_advance(struct faults *fs)
{
	struct fault *f = last_in(fs);

	if (!f) {
		if (!fs->done)
			loop_timer_at_mono(fs->args.env.loop, &fs->settled,
					   loop_mono(fs->args.env.loop));
		return;
	}
	if (f->st == FAULT_LEFT) {
		f->retried = true;
		revert_now(f);
	} else {
		faults_revert(fs, f->index);
	}
}

void faults_revert_all(struct faults *fs)
{
	if (fs->closing)
		return;
	fs->closing = true;
	faults_advance(fs);
}

static void on_settled(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct faults *fs = arg;
	size_t left = 0;

	(void)loop;
	(void)timer;
	fs->done = true;
	for (size_t i = 0; i < fs->args.n; i++)
		left += fs->v[i].st == FAULT_LEFT;
	if (fs->args.all_done)
		fs->args.all_done(fs->args.arg, left);
}

/* From here on undo is this process's own business. */
void faults_guardian_lost(struct faults *fs)
{
	struct guardian *g = fs->guardian;

	fs->guardian = NULL;
	fs->lost = true;
	guardian_close(g);
	if (fs->args.guardian_lost)
		fs->args.guardian_lost(fs->args.arg);
	for (size_t i = 0; i < fs->args.n; i++)
		if (fs->v[i].st == FAULT_REVERTING)
			revert_here(&fs->v[i]);
	faults_revert_all(fs);
}

size_t faults_active(const struct faults *fs)
{
	size_t n = 0;

	for (size_t i = 0; i < fs->args.n; i++)
		n += is_active(&fs->v[i]);
	return n;
}

/* --- adjust ------------------------------------------------------------ */

static int tweak(struct fault *f, void *opts, const char *key,
		 const char *value, struct err *err)
{
	int rc = opt_set(f->ops->opts, opts, key, value, 0, err);

	return rc ? err_prefix(err, "fault '%s'", f->conf->name) : 0;
}

/* The section's keys, what was adjusted before, and this one. */
static int adjusted_opts(struct fault *f, const char *key, const char *value,
			 void **ret, struct err *err)
{
	void *opts = mem_zalloc(f->ops->opts_size);
	struct errs errs;
	int rc = 0;

	errs_init(&errs);
	opt_defaults(f->ops->opts, opts);
	scenario_fill(f->conf->section, f->ops->opts, opts, &errs);
	errs_done(&errs);	/* it was right when the set was made */
	for (size_t i = 0; !rc && i < f->n_tweaks; i++)
		rc = tweak(f, opts, f->tweaks[i].key, f->tweaks[i].value, err);
	if (!rc)
		rc = tweak(f, opts, key, value, err);
	if (rc) {
		opt_done(f->ops->opts, opts);
		mem_free(opts);
		return rc;
	}
	*ret = opts;
	return 0;
}

static void keep_adjusted(struct fault *f, void *opts, const char *key,
			  const char *value)
{
	struct fault_choice *c = f->is_fallback ? &f->fallback : &f->kind;

	(void)mem_grow(f->tweaks, f->n_tweaks, f->cap_tweaks);
	f->tweaks[f->n_tweaks].key = mem_strdup(key);
	f->tweaks[f->n_tweaks++].value = mem_strdup(value);
	opt_done(c->ops->opts, c->opts);
	mem_free(c->opts);
	c->opts = f->opts = opts;
}

int faults_adjust(struct faults *fs, size_t i, const char *key,
		  const char *value, struct err *err)
{
	struct fault *f = &fs->v[i];
	void *opts;
	int rc;

	if (f->st != FAULT_INJECTED || f->want_revert)
		return err_set(err, -EAGAIN, "fault '%s' is %s, not injected",
			       f->conf->name, fault_state_name(f->st));
	if (!f->ops->adjust || !f->ops->opts)
		return err_set(err, -ENOTSUP, "%s cannot be adjusted",
			       f->ops->name);
	rc = adjusted_opts(f, key, value, &opts, err);
	if (rc)
		return rc;
	rc = f->ops->adjust(f, opts, err);
	if (rc && rc != -EINPROGRESS) {
		opt_done(f->ops->opts, opts);
		mem_free(opts);
		return rc;
	}
	keep_adjusted(f, opts, key, value);
	return 0;
}

/* --- timers ------------------------------------------------------------ */

void fault_state_init(struct fault *f)
{
	loop_timer_init(&f->deadline, "fault-deadline", on_deadline, f);
}

void faults_state_init(struct faults *fs)
{
	loop_timer_init(&fs->settled, "faults-settled", on_settled, fs);
}

void faults_state_done(struct faults *fs)
{
	loop_timer_stop(fs->args.env.loop, &fs->settled);
	for (size_t i = 0; i < fs->args.n; i++)
		loop_timer_stop(fs->args.env.loop, &fs->v[i].deadline);
}
