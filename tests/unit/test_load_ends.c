/* SPDX-License-Identifier: Apache-2.0 */
// links: gd_load
/* Traffic that ends by itself, its pace, and how arrivals catch up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/load_run.h"

static struct server server;

static void serve_and_run(struct setup *s, struct result *r)
{
	server_start(&server);
	s->port = server.port;
	run(s, r);
	server_stop(&server);
}

/* Of all together, whatever the number of threads and users. */
static void iterations_are_shared(void **state)
{
	struct setup s = {
		.text = "[journey a]\n"
			"step = GET /ok as a\nstep = GET /ok as b\n"
			"[load l]\niterations = 101\nstages = 0s 7, 60s 7\n",
		.speed = 1, .until = 20 * NSEC_SEC, .seed = 1, .threads = 2,
		.ends = true,
	};
	struct result r;

	(void)state;
	serve_and_run(&s, &r);
	assert_true(r.finished);
	assert_int_equal(r.sum[0][0].ok, 101);
	assert_int_equal(r.sum[1][0].ok, 101);
	assert_int_equal(server.requests, 202);
	assert_int_equal(r.final.sent, 202);
	assert_int_equal(r.final.censored[0] + r.final.censored[1], 0);
	result_free(&r);
}

/* Each that was counted is done, by whom its first think holds as well. */
static void no_iteration_is_lost(void **state)
{
	static const struct {
		unsigned iterations, users;
		const char *think;
	} rows[] = {
		{ 5, 5, "const 1s" }, { 1, 1, "const 1s" },
		{ 1, 5, "const 1s" }, { 20, 10, "exp 1s" },
		{ 30, 10, "const 1s" },
	};

	(void)state;
	for (size_t i = 0; i < 2 * (sizeof(rows) / sizeof(*rows)); i++) {
		unsigned n = rows[i / 2].iterations, users = rows[i / 2].users;
		AUTO_FREE char *text = mem_printf(
			"[journey a]\nstep = GET /ok\nstep = think %s\n"
			"[load l]\niterations = %u\n"
			"stages = 0s %u, 60s %u\n",
			rows[i / 2].think, n, users, users);
		struct setup s = {
			.text = text, .speed = 20, .until = 70 * NSEC_SEC,
			.seed = 1, .threads = 1 + i % 2, .ends = true,
		};
		struct result r;

		serve_and_run(&s, &r);
		assert_true(r.finished);
		assert_int_equal(r.sum[0][0].ok, n);
		assert_int_equal(server.requests, n);
		assert_int_equal(r.final.censored[0], 0);
		server = (struct server){ 0 };
		result_free(&r);
	}
}

/* Who still thinks before the first at the last stage's end has not begun. */
static void a_first_think_is_cut_by_the_end(void **state)
{
	struct setup s = {
		.text = "[journey a]\nstep = GET /ok\nstep = think const 2s\n"
			"[load l]\niterations = 50\nstages = 0s 5, 1s 5\n",
		.speed = 5, .until = 8 * NSEC_SEC, .seed = 1, .threads = 1,
		.ends = true,
	};
	struct result r;

	(void)state;
	serve_and_run(&s, &r);
	assert_true(r.finished);
	assert_int_equal(r.sum[0][0].due, 0);
	assert_true(r.finished_at < 1500 * NSEC_MS);
	result_free(&r);
}

static void iterations_of_each_user(void **state)
{
	struct setup s = {
		.text = "[journey a]\nstep = GET /ok\nstep = think exp 5ms\n"
			"[load l]\nuser_iterations = 3\n"
			"stages = 0s 20, 60s 20\n",
		.speed = 1, .until = 20 * NSEC_SEC, .seed = 1, .threads = 2,
		.ends = true,
	};
	struct result r;

	(void)state;
	serve_and_run(&s, &r);
	assert_true(r.finished);
	assert_int_equal(r.sum[0][0].ok, 60);
	assert_int_equal(server.requests, 60);
	result_free(&r);
}

static void iterations_of_arrivals(void **state)
{
	struct setup s = {
		.text = "[journey a]\nstep = GET /ok\n"
			"[load l]\nmodel = arrivals\n"
			"iterations = 55\nstages = 0s 5000/s, 60s 5000/s\n",
		.speed = 1, .until = 20 * NSEC_SEC, .seed = 1, .threads = 2,
		.ends = true,
	};
	struct result r;

	(void)state;
	serve_and_run(&s, &r);
	assert_true(r.finished);
	assert_int_equal(r.sum[0][0].ok, 55);
	assert_float_equal(r.final.open_planned, 55, 0);
	result_free(&r);
}

/* As many as the rate says, no matter what divides what. */
static void arrivals_fill_their_stages(void **state)
{
	static const struct {
		const char *load;
		unsigned n;
	} rows[] = {
		{ "stages = 0s 500/s, 5s 500/s\n", 2500 },
		{ "stages = 0s 3/s, 5s 3/s\n", 15 },
		{ "stages = 0s 0/s, 4s 10/s\n", 20 },
		{ "iterations = 16\nstages = 0s 5/s, 3s 5/s\n", 15 },
		{ "iterations = 15\nstages = 0s 5/s, 3s 5/s\n", 15 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		AUTO_FREE char *text = mem_printf(
			"[journey a]\nstep = GET /ok\n"
			"[load l]\nmodel = arrivals\n%s", rows[i].load);
		struct setup s = {
			.text = text, .speed = 5, .until = 20 * NSEC_SEC,
			.seed = 1, .threads = 2, .ends = true,
		};
		struct result r;

		serve_and_run(&s, &r);
		assert_true(r.finished);
		assert_float_equal(r.final.open_planned, rows[i].n, 0);
		assert_int_equal(r.sum[0][0].ok, rows[i].n);
		result_free(&r);
	}
}

/* Who is in an iteration at the end finishes it, its later steps too. */
static void who_has_begun_may_finish(void **state)
{
	struct setup s = {
		.text = "[journey a]\nstep = GET /ok as a\n"
			"step = think const 1s\nstep = GET /ok as b\n"
			"step = think const 3s\n"
			"[load l]\nstages = 0s 10, 1500ms 10\n",
		.speed = 1, .until = 10 * NSEC_SEC, .seed = 1, .threads = 2,
		.ends = true,
	};
	struct result r;

	(void)state;
	serve_and_run(&s, &r);
	assert_true(r.finished);
	/* Begun at 1 s; the think at its end, at 2 s, is not waited for. */
	assert_int_equal(r.sum[0][0].ok, 10);
	assert_int_equal(r.sum[1][0].ok, 10);
	assert_true(r.finished_at < 4 * NSEC_SEC);
	assert_int_equal(r.final.censored[0] + r.final.censored[1], 0);
	result_free(&r);
}

static void grace_has_an_end(void **state)
{
	struct setup s = {
		.text = "[journey a]\nstep = GET /hang\n"
			"[load l]\nstages = 0s 5, 1s 5\ngraceful_stop = 500ms\n"
			"timeout = 9s\n",
		.speed = 1, .until = 8 * NSEC_SEC, .seed = 1, .threads = 1,
		.ends = true,
	};
	struct result r;

	(void)state;
	serve_and_run(&s, &r);
	assert_true(r.finished);
	assert_true(r.finished_at >= 1500 * NSEC_MS);
	assert_int_equal(r.final.censored[0], 5);
	assert_int_equal(hist_count(r.sum[0][0].response), 5);
	result_free(&r);
}

/* An iteration begins every 500 ms, however long it takes below that. */
static void a_pace_is_kept(void **state)
{
	struct setup s = {
		.text = "[journey a]\nstep = GET /ok\n"
			"[load l]\npacing = 500ms\nstages = 0s 10, 3s 10\n",
		.speed = 1, .until = 8 * NSEC_SEC, .seed = 1, .threads = 1,
		.ends = true,
	};
	struct result r;

	(void)state;
	serve_and_run(&s, &r);
	/* At 0, 0.5, … 2.5 s; the last may fall to either side of 3 s. */
	assert_in_range(r.sum[0][0].ok, 55, 70);
	result_free(&r);
}

/* Two users, each held for the timeout by a server that never answers. */
#define FULL_HOUSE(catch_up)                                                 \
	"[journey a]\nstep = GET /hang\n[load l]\nmodel = arrivals\n"        \
	"timeout = 400ms\nmax_users = 2\nstages = 0s 100/s, 1s 100/s\n"      \
	"graceful_stop = 2s\n" catch_up

static void full_lets_all_wait(void **state)
{
	struct setup s = {
		.text = FULL_HOUSE("catch_up = full\n"),
		.speed = 1, .until = 8 * NSEC_SEC, .seed = 1, .threads = 1,
		.ends = true,
	};
	struct result r;

	(void)state;
	serve_and_run(&s, &r);
	assert_int_equal(r.final.dropped, 0);
	assert_int_equal(r.sum[0][0].failed[LOAD_TIMEOUT], r.sum[0][0].due);
	assert_in_range(r.sum[0][0].due, 99, 101);
	result_free(&r);
}

static void dropped_are_counted(void **state)
{
	struct setup s = {
		.text = FULL_HOUSE("catch_up = drop\n"),
		.speed = 1, .until = 8 * NSEC_SEC, .seed = 1, .threads = 1,
		.ends = true,
	};
	const struct load_row *row;
	struct result r;

	(void)state;
	serve_and_run(&s, &r);
	row = &r.sum[0][0];
	assert_in_range(row->due, 99, 101);
	assert_true(r.final.dropped > 80);
	/* Never silent: in the sums, and in the times as if turned away. */
	assert_int_equal(row->due, completed(row) + r.final.censored[0]);
	assert_int_equal(r.final.censored[0], r.final.dropped);
	assert_int_equal(hist_count(row->response), row->due);
	assert_true(hist_min(row->response) >= 399 * NSEC_MS);
	assert_float_equal(r.final.open_planned - r.final.open_achieved,
			   (double)r.final.dropped, 0);
	result_free(&r);
}

static void bounded_lets_some_wait(void **state)
{
	struct setup s = {
		.text = FULL_HOUSE("catch_up = bounded 10\n"),
		.speed = 1, .until = 8 * NSEC_SEC, .seed = 1, .threads = 1,
		.ends = true,
	};
	struct result r;

	(void)state;
	serve_and_run(&s, &r);
	assert_true(r.final.dropped > 40);
	assert_true(r.sum[0][0].failed[LOAD_TIMEOUT] >= 12);
	assert_int_equal(r.sum[0][0].due,
			 completed(&r.sum[0][0]) + r.final.censored[0]);
	result_free(&r);
}

static void a_step_holds_until_the_next(void **state)
{
	struct setup s = {
		.text = "[journey a]\nstep = GET /ok\nstep = think exp 50ms\n"
			"[load l]\nshape = steps\n"
			"stages = 0s 10, 2500ms 40, 5s 40\n",
		.speed = 2, .until = 10 * NSEC_SEC, .seed = 1, .threads = 2,
		.ends = true,
	};
	struct result r;

	(void)state;
	serve_and_run(&s, &r);
	assert_float_equal(r.users_at[0], 10, 0);
	assert_float_equal(r.users_at[1], 10, 0);
	assert_float_equal(r.users_at[3], 40, 0);
	result_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(iterations_are_shared),
		cmocka_unit_test(no_iteration_is_lost),
		cmocka_unit_test(a_first_think_is_cut_by_the_end),
		cmocka_unit_test(iterations_of_each_user),
		cmocka_unit_test(iterations_of_arrivals),
		cmocka_unit_test(arrivals_fill_their_stages),
		cmocka_unit_test(who_has_begun_may_finish),
		cmocka_unit_test(grace_has_an_end),
		cmocka_unit_test(a_pace_is_kept),
		cmocka_unit_test(full_lets_all_wait),
		cmocka_unit_test(dropped_are_counted),
		cmocka_unit_test(bounded_lets_some_wait),
		cmocka_unit_test(a_step_holds_until_the_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
