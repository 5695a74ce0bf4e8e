// links: gd_fault
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * [fault] sections, preflight, and the set's state machine, on a virtual loop
 * with a driver that only writes down what was asked of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chaos/base/mem.h"
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

static void arm(struct set *s)
{
	struct err err = { 0 };

	if (faults_arm(s->fs, &err))
		fail_msg("%s", err.msg);
	buf_reset(&s->events);
	buf_reset(&calls);
}

#define assert_text(b, text) \
	assert_string_equal((b).data ? (b).data : "", text)

/* --- sections ---------------------------------------------------------- */

static void test_at(void **state)
{
	struct set s;

	(void)state;
	parse(&s, "[fault a]\nkind = test.trace\nat = 90s\nfor = 30s\n"
		  "repeat = 3 every 60s\n"
		  "[fault b]\nkind = test.trace\nat = 30s after detected\n"
		  "[fault c]\nkind = test.trace\nat = when x.y > 3\n"
		  "until = x.y < 1\nmax = 5m\nexpect = x.y > 3 within 20s\n");
	assert_int_equal(s.errs.n, 0);
	assert_int_equal(s.n, 3);
	assert_true(s.confs[0].at == 90 * NSEC_SEC);
	assert_true(s.confs[0].duration == 30 * NSEC_SEC);
	assert_int_equal(s.confs[0].repeat, 3);
	assert_true(s.confs[0].every == 60 * NSEC_SEC);
	assert_true(s.confs[1].at == 30 * NSEC_SEC);
	assert_string_equal(s.confs[1].at_event, "detected");
	assert_int_equal(s.confs[1].repeat, 1);
	assert_string_equal(expr_text(s.confs[2].at_when), "x.y > 3");
	assert_true(s.confs[2].max == 5 * NSEC_MIN);
	assert_true(expr_within(s.confs[2].expect) == 20 * NSEC_SEC);
	fault_confs_free(s.confs, s.n);
	scenario_free(s.sc);
	errs_done(&s.errs);
	buf_done(&s.events);
}

static bool has_error(const struct set *s, const char *text)
{
	for (size_t i = 0; i < s->errs.n; i++)
		if (strstr(s->errs.v[i].msg, text))
			return true;
	return false;
}

static void one_error(const char *text, const char *error)
{
	struct set s;

	parse(&s, text);
	if (s.errs.n != 1 || !has_error(&s, error))
		fail_msg("%zu errors, the first '%s', wanted '%s'", s.errs.n,
			 s.errs.n ? s.errs.v[0].msg : "", error);
	assert_true(s.errs.v[0].line > 0);
	fault_confs_free(s.confs, s.n);
	scenario_free(s.sc);
	errs_done(&s.errs);
	buf_done(&s.events);
}

static void test_errors(void **state)
{
	(void)state;
	one_error("[fault a]\nkind = test.trac\n", "did you mean 'test.trace'");
	one_error("[fault a]\nkind = test.trace\nspecial = 1\n", "special");
	one_error("[fault a]\nkind = test.trace\nfallback = nope\n", "nope");
	one_error("[fault a]\nkind = test.trace\nfallback = test.trace\n",
		  "no fallback for itself");
	one_error("[fault a]\nkind = test.trace\nuntil = x.y > 1\n", "max");
	one_error("[fault a]\nkind = test.trace\nfor = 60s\n"
		  "repeat = 3 every 60s\n", "not shorter");
	one_error("[fault a]\nkind = test.trace\nrepeat = 3\n", "3 every 60s");
	one_error("[fault a]\nkind = test.trace\nat = 30s after\n", "30s");
	one_error("[fault a]\nkind = test.trace\nlevel = 0\n", "level");
}

/* The fallback's keys belong to the section that names it. */
static void test_fallback_keys(void **state)
{
	struct set s;

	(void)state;
	parse(&s, "[fault a]\nkind = test.trace\nfallback = test.other\n"
		  "special = 7\nlevel = 2\n");
	assert_int_equal(s.errs.n, 0);
	fault_confs_free(s.confs, s.n);
	scenario_free(s.sc);
	errs_done(&s.errs);
	buf_done(&s.events);
}

/* --- preflight --------------------------------------------------------- */

static void test_check(void **state)
{
	struct set s;
	struct buf report;
	struct err err;

	(void)state;
	buf_init(&report, 0);
	make(&s, "[fault a]\nkind = test.trace\nthing = /a\nfail = check\n"
		 "[fault b]\nkind = test.trace\nthing = /b\nfail = check\n"
		 "fallback = test.other\n"
		 "[fault c]\nkind = test.trace\nthing = /c\n", LOOP_VIRTUAL,
	     NULL);
	assert_int_equal(allow_add(s.allow, ALLOW_PATH, "/a", &err), 0);
	assert_int_equal(allow_add(s.allow, ALLOW_PATH, "/b", &err), 0);
	faults_check(s.fs, &report, &s.errs);
	assert_int_equal(s.errs.n, 2);
	assert_true(has_error(&s, "'a' cannot run here: check was told"));
	assert_true(has_error(&s, "'c'"));	/* not in [allow] */
	assert_non_null(strstr(report.data, "b: test.trace cannot run here"));
	assert_non_null(strstr(report.data, "test.other is taken instead"));
	assert_non_null(strstr(report.data, "c: test.trace can run here"));
	buf_reset(&report);
	faults_describe(s.fs, &report);
	assert_non_null(strstr(report.data,
			       "fault b: test.other (instead of test.trace)"));
	assert_non_null(strstr(report.data, "on gd-run-1-b"));
	assert_non_null(strstr(report.data, "off gd-run-1-c"));
	buf_done(&report);
	drop(&s);
}

static size_t clashes(const char *text)
{
	struct set s;
	struct err err;
	size_t n;

	make(&s, text, LOOP_VIRTUAL, NULL);
	assert_int_equal(allow_add(s.allow, ALLOW_PATH, "/", &err), 0);
	faults_check(s.fs, NULL, &s.errs);
	n = s.errs.n;
	drop(&s);
	return n;
}

static void test_claims(void **state)
{
	(void)state;
	assert_int_equal(clashes("[fault a]\nkind = test.trace\nthing = /x\n"
				 "at = 0s\nfor = 60s\n"
				 "[fault b]\nkind = test.trace\nthing = /x\n"
				 "at = 30s\nfor = 60s\n"), 1);
	assert_int_equal(clashes("[fault a]\nkind = test.trace\nthing = /x\n"
				 "at = 0s\nfor = 60s\n"
				 "[fault b]\nkind = test.trace\nthing = /x\n"
				 "at = 60s\nfor = 60s\n"), 0);
	assert_int_equal(clashes("[fault a]\nkind = test.trace\nthing = /x\n"
				 "at = 0s\nfor = 20s\nrepeat = 2 every 50s\n"
				 "[fault b]\nkind = test.trace\nthing = /x\n"
				 "at = 60s\nfor = 60s\n"), 1);
	assert_int_equal(clashes("[fault a]\nkind = test.trace\nthing = /x\n"
				 "at = 5s after detected\nfor = 1s\n"
				 "[fault b]\nkind = test.trace\nthing = /x\n"
				 "at = 60s\nfor = 60s\n"), 1);
	assert_int_equal(clashes("[fault a]\nkind = test.trace\nthing = /x\n"
				 "[fault b]\nkind = test.trace\n"
				 "thing = /y\n"), 0);
}

/* --- life -------------------------------------------------------------- */

static void test_one(void **state)
{
	struct set s;

	(void)state;
	make(&s, "[fault a]\nkind = test.trace\n", LOOP_VIRTUAL, NULL);
	assert_int_equal(faults_state(s.fs, 0), FAULT_PLANNED);
	faults_inject(s.fs, 0);		/* not armed: nothing may happen */
	assert_text(calls, "");
	arm(&s);
	assert_int_equal(faults_state(s.fs, 0), FAULT_PREPARED);
	faults_inject(s.fs, 0);
	assert_int_equal(faults_active(s.fs), 1);
	faults_inject(s.fs, 0);		/* is on: no second time */
	faults_revert(s.fs, 0);
	faults_revert(s.fs, 0);
	assert_text(calls, "inject a\nmeasure a\nrevert a\n");
	assert_text(s.events, "a prepared>injecting\na injecting>injected\n"
			      "a injected>injected measured\n"
			      "a injected>reverting\na reverting>gone\n");
	/* A fault may repeat. */
	faults_inject(s.fs, 0);
	assert_int_equal(faults_state(s.fs, 0), FAULT_INJECTED);
	faults_revert_all(s.fs);
	faults_revert_all(s.fs);
	assert_int_equal(s.done, 0);	/* never from within the call */
	loop_run(s.loop);
	assert_int_equal(s.done, 1);
	assert_int_equal(s.left, 0);
	faults_inject(s.fs, 0);		/* the end has begun */
	assert_int_equal(faults_state(s.fs, 0), FAULT_GONE);
	faults_release(s.fs);
	drop(&s);
}

static void test_lifo(void **state)
{
	struct set s;

	(void)state;
	make(&s, "[fault a]\nkind = test.trace\nthing = 1\n"
		 "[fault b]\nkind = test.trace\nlater = yes\nthing = 2\n"
		 "[fault c]\nkind = test.other\nthing = 3\n"
		 "[fault d]\nkind = test.other\nthing = 4\n", LOOP_VIRTUAL,
	     NULL);
	arm(&s);
	faults_inject(s.fs, 2);
	faults_inject(s.fs, 0);
	faults_inject(s.fs, 1);		/* is under way when the end comes */
	buf_reset(&calls);
	faults_revert_all(s.fs);
	assert_text(calls, "");
	loop_run(s.loop);
	assert_text(calls, "complete b\nrevert b\nmeasure a\nrevert a\n"
			   "revert c\n");
	assert_int_equal(s.done, 1);
	assert_int_equal(s.left, 0);
	assert_int_equal(faults_state(s.fs, 3), FAULT_PREPARED);
	drop(&s);
}

static void test_inject_fails(void **state)
{
	struct set s;

	(void)state;
	make(&s, "[fault a]\nkind = test.trace\nfail = inject\nthing = 1\n"
		 "[fault b]\nkind = test.trace\nfail = complete\nlater = yes\n"
		 "thing = 2\n"
		 "[fault c]\nkind = test.trace\nlevel = 9\nlater = yes\n"
		 "thing = 3\n", LOOP_VIRTUAL, NULL);
	arm(&s);
	faults_inject(s.fs, 0);
	assert_text(s.events,
		    "a prepared>injecting\n"
		    "a injecting>reverting why:inject was told to fail\n"
		    "a reverting>failed why:inject was told to fail\n");
	assert_text(calls, "inject a\nrevert a\n");
	buf_reset(&s.events);
	faults_inject(s.fs, 1);
	faults_inject(s.fs, 2);
	loop_run(s.loop);
	assert_int_equal(faults_state(s.fs, 1), FAULT_FAILED);
	assert_int_equal(faults_state(s.fs, 2), FAULT_FAILED);
	assert_non_null(strstr(s.events.data, "why:it broke later"));
	assert_non_null(strstr(s.events.data, "why:inject took too long"));
	drop(&s);
}

static void test_left(void **state)
{
	struct set s;

	(void)state;
	make(&s, "[fault a]\nkind = test.trace\nfail = revert\n",
	     LOOP_VIRTUAL, NULL);
	arm(&s);
	faults_inject(s.fs, 0);
	faults_revert(s.fs, 0);
	assert_int_equal(faults_state(s.fs, 0), FAULT_LEFT);
	assert_non_null(strstr(s.events.data, "reverting>left "
			       "why:revert was told to fail remove"));
	buf_reset(&calls);
	faults_revert_all(s.fs);
	loop_run(s.loop);
	assert_text(calls, "revert a\n");	/* tried once more */
	assert_int_equal(s.left, 1);
	drop(&s);
}

static void test_adjust(void **state)
{
	struct set s;
	struct err err;

	(void)state;
	make(&s, "[fault a]\nkind = test.trace\nlevel = 3\nthing = q\n"
		 "[fault b]\nkind = test.other\n", LOOP_VIRTUAL, NULL);
	arm(&s);
	assert_int_equal(faults_adjust(s.fs, 0, "level", "5", &err), -EAGAIN);
	faults_inject(s.fs, 0);
	faults_inject(s.fs, 1);
	assert_int_equal(faults_adjust(s.fs, 0, "level", "5", &err), 0);
	assert_int_equal(faults_adjust(s.fs, 0, "level", "-1", &err), -ERANGE);
	assert_int_equal(faults_adjust(s.fs, 0, "levl", "1", &err), -ENOENT);
	assert_int_equal(faults_adjust(s.fs, 0, "thing", "z", &err), 0);
	assert_int_equal(faults_adjust(s.fs, 1, "thing", "z", &err), -ENOTSUP);
	assert_text(calls, "inject a\ninject b\nlevel 5 a\nadjust a\n"
			   "level 5 a\nadjust a\n");
	drop(&s);
}

/* A mark that does not fit is cut, and two of them stay two. */
static void test_marks(void **state)
{
	struct set s;
	struct buf out;
	char *one, *two;

	(void)state;
	buf_init(&out, 0);
	run_name = "20261123-140000-a-scenario-with-quite/a-long-name";
	make(&s, "[fault the-database-1]\nkind = test.trace\n"
		 "[fault the-database-2]\nkind = test.trace\n",
	     LOOP_VIRTUAL, NULL);
	run_name = "run-1";
	faults_describe(s.fs, &out);
	one = strstr(out.data, "on gd-");
	two = strstr(one + 1, "on gd-");
	assert_non_null(two);
	assert_int_equal(strcspn(one, "\n"), 3 + 63);
	assert_true(strncmp(one, two, 3 + 63) != 0);
	assert_non_null(strstr(one, "quite-a-long"));	/* for an URL */
	drop(&s);
	buf_done(&out);
}

/* --- arming for real --------------------------------------------------- */

static char base[64];

static bool nothing_left(void)
{
	char command[160];

	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	snprintf(command, sizeof(command), "test -z \"$(ls %s/undo)\"", base);
	return system(command) == 0;
}

static void try_arm(const char *text, const char *run_dir, const char *why)
{
	struct set s;
	struct err err = { 0 };

	make(&s, text, LOOP_EPOLL, run_dir);
	assert_true(faults_arm(s.fs, &err) < 0);
	if (!strstr(err.msg, why))
		fail_msg("'%s' does not say '%s'", err.msg, why);
	assert_int_equal(acquired, 0);
	assert_true(nothing_left());
	faults_inject(s.fs, 0);
	assert_null(strstr(calls.data ? calls.data : "", "inject"));
	faults_release(s.fs);
	drop(&s);
}

static void test_arm_fails(void **state)
{
	static const char *const third = "[fault a]\nkind = test.trace\n"
		"[fault b]\nkind = test.trace\n"
		"[fault c]\nkind = test.trace\nfail = prepare\n";
	char path[128];

	(void)state;
	strcpy(base, "/tmp/gd-fault-XXXXXX");
	assert_non_null(mkdtemp(base));
	snprintf(path, sizeof(path), "%s/undo", base);
	setenv("GAMEDAY_UNDO_DIR", path, 1);
	mkdir(path, 0700);
	try_arm(third, base, "fault 'c': prepare was told to fail");
	try_arm("[fault a]\nkind = test.trace\nfail = prepare\n", base, "'a'");
	/* No run directory: the guardian cannot be told where to write. */
	try_arm("[fault a]\nkind = test.trace\n", "/nonexistent", "undo.jsonl");
	run_name = "../run";
	try_arm("[fault a]\nkind = test.trace\n", base, "cannot name a file");
	run_name = "run-1";
	/* No room for the journal. */
	setenv("GAMEDAY_UNDO_DIR", "/dev/null/undo", 1);
	try_arm("[fault a]\nkind = test.trace\n", base, "/dev/null");
	setenv("GAMEDAY_UNDO_DIR", path, 1);
	snprintf(path, sizeof(path), "rm -rf %s", base);
	assert_int_equal(system(path), 0);
}

static void test_arm_and_release(void **state)
{
	struct set s;
	char path[128];
	nsec_t end = clock_mono() + 5 * NSEC_SEC;

	(void)state;
	strcpy(base, "/tmp/gd-fault-XXXXXX");
	assert_non_null(mkdtemp(base));
	snprintf(path, sizeof(path), "%s/undo", base);
	setenv("GAMEDAY_UNDO_DIR", path, 1);
	make(&s, "[fault a]\nkind = test.trace\n", LOOP_EPOLL, base);
	arm(&s);
	assert_int_equal(system("test -n \"$(ls $GAMEDAY_UNDO_DIR)\""), 0);
	faults_inject(s.fs, 0);
	faults_revert_all(s.fs);
	while (!s.done && clock_mono() < end)
		loop_turn(s.loop, 50 * NSEC_MS);
	assert_int_equal(s.done, 1);
	faults_release(s.fs);
	assert_true(nothing_left());
	drop(&s);
	snprintf(path, sizeof(path), "rm -rf %s", base);
	assert_int_equal(system(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_at),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_fallback_keys),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_claims),
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_lifo),
		cmocka_unit_test(test_inject_fails),
		cmocka_unit_test(test_left),
		cmocka_unit_test(test_adjust),
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_arm_fails),
		cmocka_unit_test(test_arm_and_release),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
