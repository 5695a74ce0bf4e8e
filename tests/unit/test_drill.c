// links: gd_drill
/* SPDX-License-Identifier: Apache-2.0 */
/* The controller on a world of one number, in virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/lib/fakeworld.h"

#define HEAD(duration)                                                      \
	"[scenario]\nname = t\nlead_in = 5s\nwindow = 0s..60s\n"           \
	"duration = " duration "\n"                                        \
	"[probe w]\nkind = metrics\nurl = http://127.0.0.1:1\n"            \
	"gauge.x = x\n"
#define LOAD                                                                \
	"[target t]\nurl = http://127.0.0.1:1\n"                           \
	"[journey j]\ntarget = t\nstep = GET / as api\n"                   \
	"[load l]\nmodel = users\nstages = 0s 1\n"                         \
	"[slo]\nerrors = 1%\n[recovery]\nstable_for = 10s\n"               \
	"[detect bad]\nwhen = errors(api, 5s) > 50%\nfor = 3s\n"           \
	"severity = critical\n[detection]\nseverity = critical\n"
#define FAULT(more) "[fault f]\nkind = test.set\n" more "\n"

/* Impact, detection, the fault's end, recovery; then it is over. */
static void test_the_life_of_a_drill(void **state)
{
	struct stage s;

	(void)state;
	stage_open(&s, HEAD("5m") LOAD
		   FAULT("at = 10500ms\nfor = 30s\nexpect = x >= 5 within 5s"),
		   NULL, 0);
	stage_run(&s);
	assert_int_equal(s.end, DRILL_COMPLETED);
	assert_int_equal(drill_left(s.drill), 0);
	assert_int_equal(s.world.injects, 1);
	assert_int_equal(s.world.reverts, 1);
	assert_float_equal(stage_when(&s, "fault", "f", "injected", 0), 10.5,
			   0.001);
	assert_float_equal(stage_when(&s, "fault", "f", "gone", 0), 40.5,
			   0.001);
	assert_float_equal(stage_milestone(&s, "start"), 0, 0);
	assert_float_equal(stage_milestone(&s, "impact"), 10, 0);
	/* 10 s windows: bad until the last failure has left them */
	assert_float_equal(stage_milestone(&s, "recovered"), 50, 1.01);
	assert_in_range((int)stage_milestone(&s, "detected"), 15, 17);
	assert_true(json_flag(stage_event(&s, "effect", "f", 0), "bit",
			      false));
	assert_int_equal(report_exit(s.report), 0);
	/* it ends when it is stable, not at its duration */
	assert_true(json_num(stage_event(&s, "end", NULL, 0), "t", 0) < 75);
	assert_int_equal(s.world.phase, LOAD_FAULT);
	stage_close(&s);
}

static void test_quiet_drill_ends_with_its_window(void **state)
{
	struct stage s;

	(void)state;
	stage_open(&s, HEAD("5m") LOAD, NULL, 0);
	stage_run(&s);
	assert_float_equal(json_num(stage_event(&s, "end", NULL, 0), "t", 0),
			   60, 1.01);
	assert_float_equal(stage_milestone(&s, "impact"), -99, 0);
	assert_int_equal(report_exit(s.report), 0);
	stage_close(&s);
}

/* Without users there is no impact, but gauges and conditions go on. */
static void test_without_load(void **state)
{
	struct stage s;

	(void)state;
	stage_open(&s, HEAD("5m")
		   FAULT("at = when x = 0 for 3s\nfor = 10s\n"
			 "expect = x >= 5 within 5s"), NULL, 0);
	stage_run(&s);
	assert_int_equal(s.world.injects, 1);
	assert_in_range((int)stage_when(&s, "fault", "f", "injected", 0), 2,
			5);
	assert_int_equal(report_exit(s.report), 0);
	stage_close(&s);
}

static void test_a_fault_that_did_not_bite(void **state)
{
	struct stage s;

	(void)state;
	stage_open(&s, HEAD("5m")
		   FAULT("at = 10s\nfor = 30s\nexpect = x >= 6 within 5s"),
		   NULL, 0);
	stage_run(&s);
	assert_false(json_flag(stage_event(&s, "effect", "f", 0), "bit",
			       true));
	assert_float_equal(json_num(stage_event(&s, "effect", "f", 0), "t", 0),
			   16, 1.01);
	assert_int_equal(report_exit(s.report), 1);
	stage_close(&s);
}

static void test_inject_fails(void **state)
{
	struct stage s;

	(void)state;
	stage_open(&s, HEAD("5m") LOAD FAULT("at = 10s\nfor = 30s"), NULL,
		   -EPERM);
	stage_run(&s);
	assert_int_equal(s.end, DRILL_ABORTED);
	assert_int_equal(s.world.reverts, 1);
	assert_int_equal(drill_left(s.drill), 0);
	assert_non_null(strstr(json_str(stage_event(&s, "end", NULL, 0),
					"why", ""), "the world says no"));
	assert_int_equal(report_exit(s.report), 4);
	stage_close(&s);
}

static void test_repeats(void **state)
{
	struct stage s;

	(void)state;
	stage_open(&s, HEAD("5m")
		   FAULT("at = 5s\nfor = 5s\nrepeat = 3 every 20s"), NULL, 0);
	stage_run(&s);
	assert_int_equal(s.world.injects, 3);
	for (int i = 0; i < 3; i++) {
		assert_float_equal(stage_when(&s, "fault", "f", "injected", i),
				   5 + 20 * i, 0.001);
		assert_float_equal(stage_when(&s, "fault", "f", "gone", i),
				   10 + 20 * i, 0.001);
	}
	stage_close(&s);
}

/* The last of them outlasts the window. */
static void test_repeats_are_awaited(void **state)
{
	struct stage s;

	(void)state;
	stage_open(&s, HEAD("5m")
		   FAULT("at = 5s\nfor = 5s\nrepeat = 4 every 30s"), NULL, 0);
	stage_run(&s);
	assert_int_equal(s.world.injects, 4);
	assert_float_equal(stage_when(&s, "fault", "f", "gone", 3), 100,
			   0.001);
	stage_close(&s);
}

static void test_until(void **state)
{
	struct stage s;

	(void)state;
	stage_open(&s, HEAD("5m")
		   FAULT("at = 5s\nuntil = x >= 5 for 7s\nmax = 30s"), NULL,
		   0);
	stage_run(&s);
	assert_in_range((int)stage_when(&s, "fault", "f", "gone", 0), 12, 14);
	stage_close(&s);
	stage_open(&s, HEAD("5m")
		   FAULT("at = 5s\nuntil = x >= 9\nmax = 30s"), NULL, 0);
	stage_run(&s);
	assert_float_equal(stage_when(&s, "fault", "f", "gone", 0), 35, 0.001);
	stage_close(&s);
}

static void test_after_a_milestone(void **state)
{
	struct stage s;
	double detected;

	(void)state;
	stage_open(&s, HEAD("5m") LOAD
		   FAULT("at = 10s\nfor = 30s")
		   "[fault g]\nkind = test.set\nat = 7s after detected\n"
		   "for = 2s\n", NULL, 0);
	stage_run(&s);
	detected = stage_milestone(&s, "detected");
	assert_float_equal(stage_when(&s, "fault", "g", "injected", 0),
			   detected + 7, 0.01);
	stage_close(&s);
}

static void test_abort_condition(void **state)
{
	struct stage s;

	(void)state;
	stage_open(&s, HEAD("5m")
		   FAULT("at = 10s\nfor = 50s")
		   "[abort]\nwhen = x >= 5 for 5s\n", NULL, 0);
	stage_run(&s);
	assert_int_equal(s.end, DRILL_ABORTED);
	assert_in_range((int)stage_when(&s, "fault", "f", "gone", 0), 15, 17);
	assert_int_equal(report_exit(s.report), 4);
	stage_close(&s);
}

/* What a person or a signal does, at a drill time. */
struct stop_at {
	struct loop_timer timer;
	struct drill *drill;
};

static void stop_fn(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct stop_at *at = arg;

	(void)loop;
	(void)timer;
	drill_stop(at->drill, DRILL_INTERRUPTED, "told to");
	drill_stop(at->drill, DRILL_INTERRUPTED, "told twice");
}

static void stop_at(struct stop_at *at, struct stage *s, nsec_t t)
{
	at->drill = s->drill;
	loop_timer_init(&at->timer, "stop", stop_fn, at);
	loop_timer_at(s->world.loop, &at->timer, t);
}

static void test_stopped_at_any_time(void **state)
{
	static const nsec_t times[] = { -3 * NSEC_SEC, 0, 5 * NSEC_SEC,
					10 * NSEC_SEC, 12 * NSEC_SEC,
					40 * NSEC_SEC, 45 * NSEC_SEC };

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct stage s;
		struct stop_at at;

		stage_open(&s, HEAD("5m") LOAD
			   FAULT("at = 10s\nfor = 30s\nexpect = x >= 5"),
			   NULL, 0);
		stop_at(&at, &s, times[i]);
		stage_run(&s);
		assert_int_equal(s.end, DRILL_INTERRUPTED);
		assert_int_equal(s.world.injects, s.world.reverts);
		assert_true(s.world.x == 0);
		assert_string_equal(json_str(stage_event(&s, "end", NULL, 0),
					     "why", ""), "told to");
		assert_null(stage_event(&s, "abort", NULL, 1));
		assert_non_null(stage_event(&s, "load", NULL, 0));
		assert_non_null(stage_event(&s, "audit", NULL, 0));
		assert_int_equal(report_exit(s.report), 4);
		stage_close(&s);
	}
}

/* name: judged?, ok? */
static void expect_criterion(const struct stage *s, const char *name,
			     bool judged, bool ok)
{
	const json_t *e = stage_event(s, "criterion", name, 0);

	if (!e)
		fail_msg("no criterion %s", name);
	if (json_flag(e, "judged", !judged) != judged)
		fail_msg("%s: judged is %d", name, !judged);
	if (json_flag(e, "ok", !ok) != ok)
		fail_msg("%s: ok is %d, got %s", name, !ok,
			 json_str(e, "got", ""));
	assert_null(stage_event(s, "criterion", name, 1));
}

static const char expects[] =
	HEAD("5m") LOAD
	FAULT("at = 10s\nfor = 30s")
	"[expect holds]\nwhen = x = 5\nfrom = 12s\nto = 39s\n"
	"[expect breaks]\nwhen = x = 5\nfrom = 12s\nto = 50s\n"
	"[expect once]\nwhen = x = 5\nby = 20s\n"
	"[expect late]\nwhen = x = 5\nby = 9s\n"
	"[expect never]\nwhen = x = 7\nby = 30s\n"
	"[expect unknown]\nwhen = latency.p95(api, 5s) < 1s\nfrom = 1s\n"
	"to = 5s\n"
	"[expect upto]\nwhen = x = 5\nfrom = 12s\nto = detected\n"
	"[expect nobody]\nwhen = x = 0\nfrom = 0s\nto = first action\n"
	"[expect control]\nwhen = x = 0\nfrom = 0s\nto = 50s\n"
	"in = no-faults\n"
	"[expect less]\nwhen = x = 0\nfrom = 0s\nto = 50s\nin = without:f\n";

static void test_expectations(void **state)
{
	struct stage s;

	(void)state;
	stage_open(&s, expects, NULL, 0);
	stage_run(&s);
	expect_criterion(&s, "holds", true, true);
	expect_criterion(&s, "breaks", true, false);
	expect_criterion(&s, "once", true, true);
	expect_criterion(&s, "late", true, false);
	expect_criterion(&s, "never", true, false);
	expect_criterion(&s, "unknown", true, false);
	expect_criterion(&s, "upto", true, true);
	expect_criterion(&s, "nobody", true, false);
	expect_criterion(&s, "control", false, false);
	expect_criterion(&s, "less", false, false);
	assert_int_equal(report_exit(s.report), 1);
	stage_close(&s);
}

static void test_expectations_of_controls(void **state)
{
	static const char *const without[] = { "f", NULL };
	const struct plan_options none = { .speed = 1, .no_faults = true };
	const struct plan_options less = { .speed = 1, .without = without };
	struct stage s;

	(void)state;
	stage_open(&s, expects, &none, 0);
	stage_run(&s);
	assert_int_equal(s.world.injects, 0);
	expect_criterion(&s, "holds", false, false);
	expect_criterion(&s, "control", true, true);
	expect_criterion(&s, "less", false, true);
	assert_int_equal(report_exit(s.report), 0);
	stage_close(&s);
	stage_open(&s, expects, &less, 0);
	stage_run(&s);
	assert_int_equal(s.world.injects, 0);
	expect_criterion(&s, "holds", false, false);
	expect_criterion(&s, "control", false, true);
	expect_criterion(&s, "less", true, true);
	stage_close(&s);
}

/* Only what was, since the lead-in, can have been seen. */
static void mark_fn(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct drill *d = ((struct stop_at *)arg)->drill;
	struct err err = { 0 };

	(void)loop;
	(void)timer;
	assert_int_equal(drill_mark(d, "detected", 14 * NSEC_SEC, "ann", "",
				    &err), -ERANGE);
	assert_non_null(strstr(err.msg, "1s from now"));
	assert_int_equal(drill_mark(d, "detected", -3600 * NSEC_SEC, "ann", "",
				    &err), -ERANGE);
	assert_non_null(strstr(err.msg, "before the lead-in"));
	assert_int_equal(drill_mark(d, "detected", 12 * NSEC_SEC, "ann", "",
				    &err), 0);
}

static void test_marks(void **state)
{
	struct stage s;
	struct stop_at at;
	struct err err = { 0 };
	nsec_t t;

	(void)state;
	stage_open(&s, HEAD("5m") LOAD FAULT("at = 10s\nfor = 30s"), NULL, 0);
	at.drill = s.drill;
	loop_timer_init(&at.timer, "mark", mark_fn, &at);
	loop_timer_at(s.world.loop, &at.timer, 13 * NSEC_SEC);
	assert_int_equal(drill_mark(s.drill, "detcted", 0, "ann", "", &err),
			 -EINVAL);
	assert_non_null(strstr(err.msg, "acknowledged"));
	assert_int_equal(drill_time(s.drill, "2m10s", &t, &err), 0);
	assert_true(t == 130 * NSEC_SEC);
	stage_run(&s);
	assert_float_equal(stage_milestone(&s, "detected"), 12, 0);
	assert_string_equal(json_str(stage_event(&s, "milestone", "detected",
						 0), "source", ""),
			    "mark by ann");
	assert_non_null(stage_event(&s, "mark", "detected", 0));
	assert_null(stage_event(&s, "mark", "detected", 1));
	stage_close(&s);
}

static void test_ctl(void **state)
{
	static const char *const good[] = { "users", "30" };
	static const char *const bad[][4] = {
		{ "users", "-1" }, { "users", "nan" }, { "users" },
		{ "users", "1e9" }, { "users", "3.7" }, { "rate", "2e6/s" },
		{ "rate", "fast" }, { "fault", "g", "a", "b" },
		{ "fault", "f", "a", "b" }, { "sing" }, { NULL },
	};
	struct stage s;
	struct err err = { 0 };

	(void)state;
	stage_open(&s, HEAD("5m") LOAD FAULT("at = 10s\nfor = 30s"), NULL, 0);
	assert_int_equal(drill_ctl(s.drill, 2, good, &err), 0);
	assert_int_equal(s.world.adjusted.what, LOAD_SET_USERS);
	assert_float_equal(s.world.adjusted.value, 30, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int n = 0;

		while (n < 4 && bad[i][n])
			n++;
		err.msg[0] = '\0';
		assert_true(drill_ctl(s.drill, n, bad[i], &err) < 0);
		assert_true(err.msg[0]);
	}
	stage_run(&s);
	assert_null(stage_event(&s, "ctl", NULL, 1));
	stage_close(&s);
}

static void test_status(void **state)
{
	struct stage s;
	json_t *o;

	(void)state;
	stage_open(&s, HEAD("5m") LOAD FAULT("at = 10500ms\nfor = 30s"), NULL,
		   0);
	o = drill_status(s.drill);
	assert_non_null(o);
	assert_string_equal(json_str(o, "state", ""), "lead-in");
	assert_true(json_is_null(json_at(o, "impact")));
	json_decref(o);
	stage_run(&s);
	o = drill_status(s.drill);
	assert_string_equal(json_str(o, "state", ""), "done");
	assert_float_equal(json_num(o, "impact", -1), 10, 0);
	json_decref(o);
	stage_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_life_of_a_drill),
		cmocka_unit_test(test_quiet_drill_ends_with_its_window),
		cmocka_unit_test(test_without_load),
		cmocka_unit_test(test_a_fault_that_did_not_bite),
		cmocka_unit_test(test_inject_fails),
		cmocka_unit_test(test_repeats),
		cmocka_unit_test(test_repeats_are_awaited),
		cmocka_unit_test(test_until),
		cmocka_unit_test(test_after_a_milestone),
		cmocka_unit_test(test_abort_condition),
		cmocka_unit_test(test_stopped_at_any_time),
		cmocka_unit_test(test_expectations),
		cmocka_unit_test(test_expectations_of_controls),
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_ctl),
		cmocka_unit_test(test_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
