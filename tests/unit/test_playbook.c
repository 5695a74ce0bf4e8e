// links: gd_playbook
/* SPDX-License-Identifier: Apache-2.0 */
/* Playbooks: reading, order, conditions, verifies; and the real step kinds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include "tests/lib/playbooks.h"

static void expect_mistakes(const char *text, const char *vars,
			    const char *const *parts)
{
	struct world w;
	size_t n = 0;

	load(&w, text, vars);
	assert_null(w.book);
	while (parts[n])
		n++;
	for (size_t i = 0; i < w.errs.n && (w.errs.n != n || n <= i ||
			   !strstr(w.errs.v[i].msg, parts[i])); i++)
		print_error("%d: %s\n", w.errs.v[i].line, w.errs.v[i].msg);
	assert_int_equal(w.errs.n, n);
	for (size_t i = 0; i < n; i++)
		assert_non_null(strstr(w.errs.v[i].msg, parts[i]));
	unload(&w);
}

static void test_mistakes(void **state)
{
	static const char *const none[] = { "without a [step", NULL };
	static const char *const head[] = { "no [playbook]", NULL };
	static const char *const needs[] = { "needs 'b'", NULL };
	static const char *const calls[] = {
		"not both", "this one has none", "METHOD URL",
		"no step 'later'", "unknown variable", NULL
	};

	(void)state;
	expect_mistakes("[playbook]\nname = a\n", "", none);
	expect_mistakes("[step a]\ncommand = true\n", "", head);
	expect_mistakes("[playbook]\nneeds = a, b\n"
			"[step s]\ncommand = true ${a}\n", "var.a = 1\n",
			needs);
	expect_mistakes("[playbook]\nname = a\n"
			"[step both]\ncommand = a\nhttp = GET http://a:1/\n"
			"[step none]\nat = 1s\n"
			"[step url]\nhttp = GET\n"
			"[step lift]\ncommand = a\nlifts = later\n"
			"[step later]\ncommand = a ${who}\n", "", calls);
}

static void test_no_such_file(void **state)
{
	struct world w;

	(void)state;
	load(&w, "", "");
	errs_done(&w.errs);
	mem_free(w.ref->file);
	w.ref->file = mem_strdup("no-such-playbook");
	playbook_load(w.ref, "a.ini", &w.book, &w.errs);
	assert_null(w.book);
	assert_int_equal(w.errs.n, 1);
	assert_int_equal(w.errs.v[0].line, 2);
	assert_non_null(strstr(w.errs.v[0].msg, "no-such-playbook"));
	unload(&w);
}

static void test_start_of_a_reference(void **state)
{
	static const struct {
		const char *text;
		nsec_t after;
		const char *event;
	} v[] = {
		{ "", 0, "detected" },
		{ "start = 30s after detected\n", S(30), "detected" },
		{ "start = 5m\n", S(300), NULL },
		{ "start = 1s after first action\n", S(1), "first action" },
	};
	struct world w;

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		load(&w, "[playbook]\nname = a\n[step s]\ncommand = true\n",
		     v[i].text);
		assert_int_equal(w.errs.n, 0);
		assert_true(w.ref->start_after == v[i].after);
		if (v[i].event)
			assert_string_equal(w.ref->start_event, v[i].event);
		else
			assert_null(w.ref->start_event);
		assert_int_equal(playbook_steps(w.book), 1);
		assert_string_equal(playbook_step_name(w.book, 0), "s");
		unload(&w);
	}
}

static void test_describe(void **state)
{
	struct world w;
	struct buf b;

	(void)state;
	load(&w, "[playbook]\nneeds = a\n[step s]\nat = 90s\n"
		 "http = POST ${a}/b {\"c\":1}\nwhen = x = 1\n"
		 "verify = x > 2 within 3s\n", "var.a = http://h:1\n");
	assert_int_equal(w.errs.n, 0);
	buf_init(&b, 4096);
	playbook_describe(w.book, &b);
	assert_non_null(strstr(b.data, "POST http://h:1/b {\"c\":1}"));
	assert_non_null(strstr(b.data, "x = 1"));
	assert_non_null(strstr(b.data, "x > 2 within 3s"));
	buf_done(&b);
	unload(&w);
}

static void test_words(void **state)
{
	static const char *const want[] = { "a", "b c", "", "d\"e", "{\"f\":1}",
					    "'g" };
	struct playbook_words w;

	(void)state;
	playbook_words_split("  a 'b c' \"\"  d\"e {\"f\":1} 'g", &w);
	assert_int_equal(w.n, 6);
	for (size_t i = 0; i < 6; i++)
		assert_string_equal(w.v[i], want[i]);
	assert_null(w.v[6]);
	playbook_words_done(&w);
	playbook_words_split("   ", &w);
	assert_int_equal(w.n, 0);
	playbook_words_done(&w);
}

/* --- running ----------------------------------------------------------- */

static int value(void *arg, const struct expr_ref *ref, double *ret)
{
	struct world *w = arg;

	(void)ref;
	if (!w->x_known)
		return -ENODATA;
	*ret = w->x;
	return 0;
}

/* "x=3" sets it; "fail" fails. */
static int step_start(struct playbook_call *c, struct err *err)
{
	struct world *w = playbook_call_arg(c);
	const char *text = playbook_call_text(c);

	if (strstr(text, "refuse"))
		return err_set(err, -EPERM, "refused");
	if (strstr(text, "hang"))
		return 0;
	if (strncmp(text, "x=", 2) == 0)
		w->x = atof(text + 2);
	playbook_call_done(c, strstr(text, "fail") ? -EIO : 0, "the output");
	return 0;
}

static void step_cancel(struct playbook_call *c)
{
	struct world *w = playbook_call_arg(c);

	w->cancelled++;
}

static const struct playbook_step_ops step = { .name = "command",
					       .start = step_start,
					       .cancel = step_cancel };
static const struct playbook_step_ops *const steps[] = { &step, &step, NULL };

static void on_event(void *arg, const struct playbook_event *e)
{
	struct world *w = arg;
	size_t used = strlen(w->log);

	snprintf(w->log + used, sizeof(w->log) - used, "%s:%s@%g%s ", e->step,
		 playbook_step_state_name(e->to), (double)e->t / 1e9,
		 e->call_ok ? "+" : "");
}

static void on_verifying(void *arg, bool open)
{
	struct world *w = arg;

	w->verifying += open ? 1 : -1;
}

static void on_finished(void *arg, size_t failed)
{
	struct world *w = arg;

	w->finished++;
	w->failed = failed;
}

static void on_tick(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct world *w = arg;

	playbook_tick(w->book, loop_now(loop));
	if (playbook_running(w->book))
		loop_timer_at(loop, timer, loop_now(loop) + NSEC_SEC);
}

static void start(struct world *w, const char *text)
{
	struct playbook_args args;
	struct err err = { 0 };

	load(w, text, "");
	for (size_t i = 0; i < w->errs.n; i++)
		print_error("%s\n", w->errs.v[i].msg);
	assert_non_null(w->book);
	w->x_known = true;
	assert_int_equal(loop_new(LOOP_VIRTUAL, &w->loop, &err), 0);
	loop_set_clock(w->loop, &(struct drill_clock){
		.mono0 = loop_mono(w->loop), .speed = 1 });
	w->env = (struct expr_env){ .value = value, .arg = w };
	args = (struct playbook_args){
		.loop = w->loop, .env = &w->env, .steps = steps,
		.step_arg = w, .event = on_event, .verifying = on_verifying,
		.finished = on_finished, .arg = w,
	};
	assert_int_equal(playbook_start(w->book, &args, &err), 0);
	assert_int_equal(playbook_start(w->book, &args, &err), -EALREADY);
	loop_timer_init(&w->tick, "tick", on_tick, w);
	loop_timer_at(w->loop, &w->tick, NSEC_SEC);
}

static void set_x(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct world *w = arg;

	(void)loop;
	(void)timer;
	w->x = 1;
	w->x_known = true;
}

static void finish(struct world *w)
{
	assert_int_equal(w->verifying, 0);
	assert_int_equal(w->finished, 1);
	assert_false(playbook_running(w->book));
	unload(w);
	loop_free(w->loop);
}

static void test_steps_wait_for_calls_not_for_verifies(void **state)
{
	struct world w;

	(void)state;
	start(&w, "[playbook]\nname = a\n"
		  "[step one]\ncommand = x=3\nverify = x > 3 within 30s\n"
		  "[step two]\ncommand = go\nat = 2s\n"
		  "[step three]\ncommand = x=4\nat = 4s\n");
	loop_run(w.loop);
	assert_string_equal(w.log,
			    "one:calling@0 one:verifying@0+ two:calling@2 "
			    "two:pass@2+ three:calling@4 one:pass@4 "
			    "three:pass@4+ ");
	assert_int_equal(w.failed, 0);
	finish(&w);
}

static void test_verify_fails_in_time(void **state)
{
	struct world w;

	(void)state;
	start(&w, "[playbook]\nname = a\n"
		  "[step one]\ncommand = go\nverify = x > 3 within 5s\n");
	loop_run(w.loop);
	assert_non_null(strstr(w.log, "one:verifying@0+ one:fail@5"));
	assert_int_equal(w.failed, 1);
	finish(&w);
}

static void test_verify_that_held_before(void **state)
{
	struct world w;

	(void)state;
	start(&w, "[playbook]\nname = a\n"
		  "[step one]\ncommand = x=9\nverify = x < 10 within 5s\n");
	loop_run(w.loop);
	assert_string_equal(w.log, "one:calling@0 one:unobserved@0+ ");
	assert_int_equal(w.failed, 1);
	finish(&w);
}

/* Unknown is not true: neither before nor after. */
static void test_unknown_values(void **state)
{
	struct world w;
	struct loop_timer timer;

	(void)state;
	start(&w, "[playbook]\nname = a\n"
		  "[step one]\ncommand = go\nverify = x > 0 within 9s\n");
	w.x_known = false;
	loop_timer_init(&timer, "set", set_x, &w);
	loop_timer_at(w.loop, &timer, S(4));
	loop_run(w.loop);
	assert_non_null(strstr(w.log, "one:pass@4"));
	finish(&w);
}

static void test_when(void **state)
{
	struct world w;
	struct loop_timer timer;

	(void)state;
	start(&w, "[playbook]\nname = a\n"
		  "[step one]\ncommand = go\nwhen = x = 1 for 3s\nat = 1s\n"
		  "[step two]\ncommand = go\n");
	loop_timer_init(&timer, "set", set_x, &w);
	loop_timer_at(w.loop, &timer, S(10));
	loop_run(w.loop);
	assert_non_null(strstr(w.log, "one:calling@13"));
	assert_non_null(strstr(w.log, "two:pass@13+"));
	finish(&w);
}

static void test_when_that_never_comes(void **state)
{
	struct world w;

	(void)state;
	start(&w, "[playbook]\nname = a\n"
		  "[step one]\ncommand = go\nwhen = x = 1\ntimeout = 10s\n"
		  "[step two]\ncommand = go\n");
	loop_run(w.loop);
	assert_string_equal(w.log,
			    "one:fail@11 two:calling@11 two:pass@11+ ");
	assert_int_equal(w.failed, 1);
	finish(&w);
}

static void test_calls_that_fail(void **state)
{
	struct world w;

	(void)state;
	start(&w, "[playbook]\nname = a\n"
		  "[step one]\ncommand = fail\nverify = x > 3 within 5s\n"
		  "[step two]\ncommand = refuse\n"
		  "[step three]\ncommand = go\n");
	loop_run(w.loop);
	assert_string_equal(w.log,
			    "one:calling@0 one:fail@0 two:calling@0 two:fail@0 "
			    "three:calling@0 three:pass@0+ ");
	assert_int_equal(w.failed, 2);
	finish(&w);
}

static void stop(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct world *w = arg;

	(void)loop;
	(void)timer;
	playbook_stop(w->book);
	playbook_stop(w->book);
}

static void test_stopped(void **state)
{
	struct world w;
	struct loop_timer timer;

	(void)state;
	start(&w, "[playbook]\nname = a\n"
		  "[step one]\ncommand = go\nverify = x > 3 within 90s\n"
		  "[step two]\ncommand = hang\n"
		  "[step three]\ncommand = go\n");
	loop_timer_init(&timer, "stop", stop, &w);
	loop_timer_at(w.loop, &timer, S(7));
	loop_run(w.loop);
	assert_int_equal(w.cancelled, 1);
	assert_non_null(strstr(w.log, "one:skipped@7"));
	assert_non_null(strstr(w.log, "two:skipped@7"));
	assert_non_null(strstr(w.log, "three:skipped@7"));
	assert_int_equal(w.failed, 3);
	finish(&w);
}

/* --- the real kinds, on the real loop ----------------------------------- */

static void await_end(struct world *w)
{
	nsec_t deadline = clock_mono() + 20 * NSEC_SEC;

	while (playbook_running(w->book)) {
		assert_true(clock_mono() < deadline);
		loop_turn(w->loop, 50 * NSEC_MS);
	}
}

static void start_real(struct world *w, const char *text)
{
	struct playbook_args args;
	struct err err = { 0 };

	load(w, text, "");
	assert_non_null(w->book);
	assert_int_equal(loop_new(LOOP_EPOLL, &w->loop, &err), 0);
	w->allow = allow_new();
	w->symbols = symbols_new();
	assert_int_equal(allow_add(w->allow, ALLOW_HOST, "127.0.0.1/32", &err),
			 0);
	w->env = (struct expr_env){ .value = value, .arg = w };
	args = (struct playbook_args){
		.loop = w->loop, .allow = w->allow, .symbols = w->symbols,
		.env = &w->env, .steps = playbook_step_table,
		.step_arg = w, .event = on_event, .verifying = on_verifying,
		.finished = on_finished, .arg = w,
	};
	assert_int_equal(playbook_start(w->book, &args, &err), 0);
}

static void finish_real(struct world *w)
{
	finish(w);
	allow_free(w->allow);
	symbols_free(w->symbols);
}

static void test_commands(void **state)
{
	struct world w;

	(void)state;
	start_real(&w, "[playbook]\nname = a\n"
		       "[step ok]\ncommand = true\n"
		       "[step bad]\ncommand = false\n"
		       "[step none]\ncommand = /no/such/program\n"
		       "[step late]\ncommand = sleep 60\ntimeout = 100ms\n"
		       "[step last]\ncommand = true http://127.0.0.1:1/\n");
	await_end(&w);
	assert_non_null(strstr(w.log, "ok:pass"));
	assert_non_null(strstr(w.log, "bad:fail"));
	assert_non_null(strstr(w.log, "none:fail"));
	assert_non_null(strstr(w.log, "late:fail"));
	assert_non_null(strstr(w.log, "last:pass"));
	assert_int_equal(w.failed, 3);
	finish_real(&w);
}

/* What a call would reach is known, and refused, before T+0. */
static void test_prepare(void **state)
{
	static const struct {
		const char *call;
		int rc;
	} v[] = {
		{ "command = true http://127.0.0.1:1/", 0 },
		{ "command = true link:here", 0 },
		{ "command = true", 0 },
		{ "http = GET http://127.0.0.1:1/", 0 },
		{ "http = GET link:here/pool", 0 },
		{ "command = true http://127.0.0.2:1/", -EPERM },
		{ "command = true --to=http://127.0.0.2:1/x", -EPERM },
		{ "command = true http://127.0.0.1:1/ https://127.0.0.2:1/",
		  -EPERM },
		{ "command = true link:nowhere", -ENOENT },
		{ "http = GET http://127.0.0.2:1/", -EPERM },
		{ "http = GET link:nowhere", -ENOENT },
		{ "http = GET unix:/run/x.sock:/", -EPERM },
	};
	struct symbols *symbols = symbols_new();
	struct allow *allow = allow_new();
	struct err err = { 0 };

	(void)state;
	assert_int_equal(allow_add(allow, ALLOW_HOST, "127.0.0.1/32", &err),
			 0);
	symbols_set(symbols, "link:here", "127.0.0.1:1");
	symbols_set(symbols, "link:here/pool", "unix:/run/p.sock:/pool");
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		AUTO_FREE char *text = mem_printf("[playbook]\nname = a\n"
						  "[step s]\n%s\n",
						  v[i].call);
		struct world w;
		int rc;

		load(&w, text, "");
		assert_non_null(w.book);
		err.msg[0] = '\0';
		rc = playbook_prepare(w.book, playbook_step_table, symbols,
				      allow, &err);
		if (rc != v[i].rc)
			fail_msg("%s: %d (%s)", v[i].call, rc, err.msg);
		if (rc < 0)
			assert_non_null(strstr(err.msg, "step 's'"));
		unload(&w);
	}
	symbols_free(symbols);
	allow_free(allow);
}

static void test_stopped_in_a_command(void **state)
{
	struct world w;

	(void)state;
	start_real(&w, "[playbook]\nname = a\n"
		       "[step long]\ncommand = sleep 60\n"
		       "[step next]\ncommand = true\n");
	loop_turn(w.loop, 20 * NSEC_MS);
	playbook_stop(w.book);
	assert_int_equal(w.failed, 2);
	finish_real(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_no_such_file),
		cmocka_unit_test(test_start_of_a_reference),
		cmocka_unit_test(test_describe),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_steps_wait_for_calls_not_for_verifies),
		cmocka_unit_test(test_verify_fails_in_time),
		cmocka_unit_test(test_verify_that_held_before),
		cmocka_unit_test(test_unknown_values),
		cmocka_unit_test(test_when),
		cmocka_unit_test(test_when_that_never_comes),
		cmocka_unit_test(test_calls_that_fail),
		cmocka_unit_test(test_stopped),
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_prepare),
		cmocka_unit_test(test_stopped_in_a_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
