/* SPDX-License-Identifier: Apache-2.0 */
// links: gd_load
/* Arrivals, phases, and changes while a load runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "tests/unit/load_run.h"

static void arrivals_keep_their_plan(void **state)
{
	struct setup s = {
		.text = "[journey a]\nstep = GET /slow/20 as slow\n"
			"[load l]\nmodel = arrivals\nstages = 0s 200/s\n",
		.speed = 1, .until = 1500 * NSEC_MS, .seed = 3, .threads = 2,
	};
	static struct server server;
	struct result r;

	(void)state;
	server_start(&server);
	s.port = server.port;
	run(&s, &r);
	assert_float_equal(r.final.open_planned, 300, 3);
	/* What was due in the last turn may be unsent. */
	assert_true(r.final.open_achieved >= 0.97 * r.final.open_planned);
	assert_int_equal(r.sum[0][0].due, (uint64_t)r.final.open_planned);
	assert_float_equal((double)r.due_at[0], 200, 20);
	/* Who has come once has asked once: an arrival is a user. */
	assert_int_equal(r.users[0].asked, r.sum[0][0].due);
	assert_true(hist_percentile(r.sum[0][0].response, 50) < 200 * NSEC_MS);
	result_free(&r);
	server_stop(&server);
}

/* One user at a time, 50 ms each, 40 of them a second: they queue. */
static void arrivals_that_wait_count_from_their_start(void **state)
{
	struct setup s = {
		.text = "[journey a]\nstep = GET /slow/50 as slow\n"
			"[load l]\nmodel = arrivals\nmax_users = 1\n"
			"timeout = 400ms\nstages = 0s 40/s\n",
		.speed = 1, .until = 1500 * NSEC_MS, .seed = 3, .threads = 1,
	};
	const struct load_row *row;
	static struct server server;
	struct result r;

	(void)state;
	server_start(&server);
	s.port = server.port;
	run(&s, &r);
	row = &r.sum[0][0];
	assert_float_equal(r.final.open_planned, 59, 3);
	/* More than 30: some begin when their patience is nearly over. */
	assert_in_range((uint64_t)r.final.open_achieved, 15, 55);
	assert_true(row->failed[LOAD_TIMEOUT] >= 10);
	assert_int_equal(row->due, completed(row) + r.final.censored[0]);
	assert_true(hist_percentile(row->response, 90) > 350 * NSEC_MS);
	assert_true(hist_percentile(row->service, 50) < 200 * NSEC_MS);
	result_free(&r);
	server_stop(&server);
}

static void act_phase(struct setup *s, void *load, nsec_t now)
{
	if (s->acted == 0) {
		load_threads.phase(load, LOAD_FAULT, 0);
		s->acted = 1;
	}
	if (s->acted == 1 && now > 4 * NSEC_SEC) {
		load_threads.phase(load, LOAD_RECOVERY, now);
		s->acted = 2;
	}
}

static void phases_go_by_the_intended_start(void **state)
{
	struct setup s = {
		.text = "[journey a]\nstep = GET /slow/50 as slow\n"
			"step = think uniform 0.8s 1.2s\n"
			"[load l]\nstages = 0s 30\n",
		.speed = 10, .from = -2 * NSEC_SEC, .until = 8 * NSEC_SEC,
		.seed = 3, .threads = 1, .act = act_phase,
	};
	static struct server server;
	struct result r;

	(void)state;
	server_start(&server);
	s.port = server.port;
	run(&s, &r);
	/* 30 users, 1.5 s a round, 2 + 4 + 4 s; the first think is the lead */
	assert_in_range(r.sum[0][LOAD_BASELINE].due, 25, 45);
	assert_in_range(r.sum[0][LOAD_FAULT].due, 45, 95);
	assert_in_range(r.sum[0][LOAD_RECOVERY].due, 45, 95);
	assert_int_equal(r.sum[0][LOAD_BASELINE].due,
			 r.sum[0][LOAD_BASELINE].ok);
	/* What is out at the end is censored, and in the distribution. */
	assert_true(r.final.censored[0] > 0);
	assert_int_equal(r.sum[0][LOAD_RECOVERY].due,
			 r.sum[0][LOAD_RECOVERY].ok + r.final.censored[0]);
	assert_int_equal(hist_count(r.sum[0][LOAD_RECOVERY].response),
			 r.sum[0][LOAD_RECOVERY].due);
	assert_int_equal(r.users[LOAD_FAULT].asked, 30);
	assert_int_equal(r.users[LOAD_FAULT].unserved, 0);
	result_free(&r);
	server_stop(&server);
}

static void act_adjust(struct setup *s, void *load, nsec_t now)
{
	static const struct {
		nsec_t at;
		struct load_adjust what;
	} plan[] = {
		{ 1 * NSEC_SEC, { LOAD_SET_USERS, 60, 0 } },
		{ 3 * NSEC_SEC, { LOAD_PAUSE, 0, LOAD_ALL_GROUPS } },
		{ 5 * NSEC_SEC, { LOAD_RESUME, 0, LOAD_ALL_GROUPS } },
	};

	if (s->acted < 3 && now >= plan[s->acted].at + 200 * NSEC_MS)
		assert_int_equal(load_threads.adjust(
					 load, &plan[s->acted++].what, NULL),
				 0);
}

static void adjusted_while_it_runs(void **state)
{
	struct setup s = {
		.text = "[journey a]\nstep = GET /ok\nstep = think exp 200ms\n"
			"[load l]\nstages = 0s 10\n"
			"[load open]\nmodel = arrivals\nstages = 0s 20/s\n",
		.speed = 4, .until = 8 * NSEC_SEC, .seed = 3, .threads = 2,
		.act = act_adjust,
	};
	static struct server server;
	struct result r;

	(void)state;
	server_start(&server);
	s.port = server.port;
	run(&s, &r);
	/* Those who run an arrival are users too. */
	assert_float_equal(r.users_at[0], 10, 8);
	assert_float_equal(r.users_at[2], 60, 8);
	assert_float_equal(r.users_at[4], 0, 0);
	assert_int_equal(r.due_at[4], 0);
	assert_float_equal(r.users_at[6], 60, 8);
	assert_true(r.due_at[6] > 200);
	assert_float_equal(r.final.open_planned, 20 * 6, 8);
	result_free(&r);
	server_stop(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arrivals_keep_their_plan),
		cmocka_unit_test(arrivals_that_wait_count_from_their_start),
		cmocka_unit_test(phases_go_by_the_intended_start),
		cmocka_unit_test(adjusted_while_it_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
