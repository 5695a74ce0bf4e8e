/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A driver that only writes down what was asked of it, and a set of faults
 * made from a scenario's text. After cmocka.h.
 */
#ifndef GD_TESTS_FAULT_TRACE_H
#define GD_TESTS_FAULT_TRACE_H

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "chaos/fault/fault.h"

/* --- a driver ---------------------------------------------------------- */

struct trace {
	char *thing, *fail;	/* fail: the op that does; or NULL */
	bool later;		/* inject and measure end by a timer */
	int64_t level;
};

struct trace_state {
	struct loop_timer timer;
	bool acquired;
};

static struct buf calls;
static int acquired;		/* prepared and not released */

#define AT(f) offsetof(struct trace, f)
static const struct opt trace_opts[] = {
	{ "fail", OPT_STR, AT(fail), 0, NULL, NULL, NULL, NULL, "h", NULL },
	{ "later", OPT_BOOL, AT(later), 0, NULL, NULL, NULL, NULL, "h", NULL },
	{ "level", OPT_INT, AT(level), OPT_POSITIVE, "1", NULL, NULL, NULL,
	  "h", NULL },
	{ "thing", OPT_STR, AT(thing), 0, "x", NULL, NULL, NULL, "h", NULL },
	OPT_END
};
#undef AT

static int step(const struct fault *f, const char *op, struct err *err)
{
	const struct trace *o = fault_opts(f);

	buf_addf(&calls, "%s %s\n", op, fault_conf(f)->name);
	if (o->fail && !strcmp(o->fail, op))
		return err_set(err, -EIO, "%s was told to fail", op);
	return 0;
}

static int trace_targets(const struct fault *f,
			 int (*fn)(void *, enum allow_type, const char *),
			 void *arg)
{
	const struct trace *o = fault_opts(f);

	return fn(arg, ALLOW_PATH, o->thing);
}

static int trace_claims(const struct fault *f, char *dst, size_t size)
{
	const struct trace *o = fault_opts(f);

	snprintf(dst, size, "thing:%s", o->thing);
	return 0;
}

static int trace_check(struct fault *f, const struct fault_env *env,
		       struct err *err)
{
	(void)env;
	return step(f, "check", err);
}

static void on_timer(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct fault *f = arg;

	(void)loop;
	(void)timer;
	fault_completed(f, step(f, "complete", NULL), "it broke later");
}

static int trace_prepare(struct fault *f, struct undo_record *undo,
			 struct err *err)
{
	struct trace_state *s = fault_state(f);

	s->acquired = true;
	acquired++;
	loop_timer_init(&s->timer, "trace", on_timer, f);
	strcpy(undo->target, "a thing");
	strcpy(undo->command, "do it by hand");
	return step(f, "prepare", err);
}

static void trace_describe(const struct fault *f, struct buf *c, struct buf *u)
{
	buf_addf(c, "on %s\n", fault_mark(f));
	buf_addf(u, "off %s\n", fault_mark(f));
}

static int trace_inject(struct fault *f, struct err *err)
{
	const struct trace *o = fault_opts(f);
	struct trace_state *s = fault_state(f);
	struct loop *loop = fault_env(f)->loop;
	int rc = step(f, "inject", err);

	if (rc || !o->later)
		return rc;
	if (o->level < 9)	/* 9: never */
		loop_timer_at_mono(loop, &s->timer,
				   loop_mono(loop) + NSEC_SEC);
	return -EINPROGRESS;
}

static int trace_adjust(struct fault *f, const void *opts, struct err *err)
{
	const struct trace *o = opts;

	buf_addf(&calls, "level %d %s\n", (int)o->level,
		 fault_conf(f)->name);
	return step(f, "adjust", err);
}

static int trace_measure(struct fault *f, struct err *err)
{
	int rc = step(f, "measure", err);

	if (!rc)
		fault_measured(f, json_pack("{s:i}", "level", 1),
			       json_pack("{s:i}", "level", 2));
	return rc;
}

static int trace_revert(struct fault *f, struct err *err)
{
	return step(f, "revert", err);
}

static void trace_release(struct fault *f)
{
	struct trace_state *s = fault_state(f);

	loop_timer_stop(fault_env(f)->loop, &s->timer);
	if (s->acquired)
		acquired--;
}

#define TRACE(n)                                                           \
	{                                                                  \
		.name = n, .opts = trace_opts,                             \
		.opts_size = sizeof(struct trace),                         \
		.state_size = sizeof(struct trace_state),                  \
		.targets = trace_targets, .claims = trace_claims,          \
		.check = trace_check, .prepare = trace_prepare,            \
		.describe = trace_describe, .inject = trace_inject,        \
		.adjust = trace_adjust, .measure = trace_measure,          \
		.revert = trace_revert, .release = trace_release           \
	}

static const struct opt other_opts[] = {
	{ "thing", OPT_STR, offsetof(struct trace, thing), 0, "y", NULL, NULL,
	  NULL, "h", NULL },
	{ "special", OPT_INT, offsetof(struct trace, level), 0, NULL, NULL,
	  NULL, NULL, "h", NULL },
	OPT_END
};
static const struct fault_ops trace_ops = TRACE("test.trace");
static const struct fault_ops other_ops = {
	.name = "test.other", .opts = other_opts,
	.opts_size = sizeof(struct trace),
	.state_size = sizeof(struct trace_state),
	.targets = trace_targets, .claims = trace_claims,
	.check = trace_check, .prepare = trace_prepare,
	.describe = trace_describe, .inject = trace_inject,
	.revert = trace_revert, .release = trace_release,
};
static fault_table table = { &other_ops, &trace_ops, NULL };

/* --- a set ------------------------------------------------------------- */

struct set {
	struct loop *loop;
	struct scenario *sc;
	struct fault_conf *confs;
	size_t n;
	struct allow *allow;
	struct faults *fs;
	struct errs errs;
	struct buf events;
	int done, lost;
	size_t left;
};

static const char *run_name = "run-1";

static void on_event(void *arg, const struct fault_event *e)
{
	struct set *s = arg;

	buf_addf(&s->events, "%s %s>%s%s%s%s%s\n", e->conf->name,
		 fault_state_name(e->from), fault_state_name(e->to),
		 e->why ? " why:" : "", e->why ? e->why : "",
		 e->achieved ? " measured" : "",
		 e->remove ? " remove" : "");
}

static void on_done(void *arg, size_t n_left)
{
	struct set *s = arg;

	s->done++;
	s->left = n_left;
}

static void on_lost(void *arg)
{
	struct set *s = arg;

	s->lost++;
}

static void parse(struct set *s, const char *text)
{
	static const struct section_spec *const specs[] = { &fault_section,
							    NULL };

	memset(s, 0, sizeof(*s));
	errs_init(&s->errs);
	buf_init(&s->events, 0);
	buf_reset(&calls);
	fault_set_table(table);
	scenario_parse("t.ini", text, specs, NULL, NULL, &s->sc, &s->errs);
	if (s->sc)
		fault_confs_read(s->sc, &s->confs, &s->n, &s->errs);
}

static void make(struct set *s, const char *text, enum loop_backend backend,
		 const char *run_dir)
{
	struct err err;
	struct faults_args args = { 0 };

	parse(s, text);
	if (s->errs.n)
		fail_msg("%s", s->errs.v[0].msg);
	assert_int_equal(loop_new(backend, &s->loop, &err), 0);
	s->allow = allow_new();
	args = (struct faults_args){
		.env = { .loop = s->loop, .run = run_name, .speed = 1,
			 .allow = s->allow },
		.table = table,
		.confs = s->confs,
		.n = s->n,
		.run_dir = run_dir,
		.guardian = backend == LOOP_EPOLL,
		.event = on_event,
		.all_done = on_done,
		.guardian_lost = on_lost,
		.arg = s,
	};
	faults_new(&args, &s->fs, &s->errs);
	if (s->errs.n)
		fail_msg("%s", s->errs.v[0].msg);
}

static void drop(struct set *s)
{
	faults_free(s->fs);
	allow_free(s->allow);
	fault_confs_free(s->confs, s->n);
	scenario_free(s->sc);
	loop_free(s->loop);
	errs_done(&s->errs);
	buf_done(&s->events);
	buf_done(&calls);
	assert_int_equal(acquired, 0);
}

static inline void arm(struct set *s)
{
	struct err err = { 0 };

	if (faults_arm(s->fs, &err))
		fail_msg("%s", err.msg);
	buf_reset(&s->events);
	buf_reset(&calls);
}

#define assert_text(b, text) \
	assert_string_equal((b).data ? (b).data : "", text)

#endif
