/* SPDX-License-Identifier: Apache-2.0 */
// links: gd_load
/* Captures, awaits and polls of whole runs against a server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "tests/unit/load_run.h"

static void run_text(struct server *server, struct result *r, const char *text,
		     nsec_t until)
{
	struct setup s = { .text = text, .speed = 1, .until = until,
			   .seed = 5, .threads = 1, .port = server->port };

	run(&s, r);
}

enum { COUPON, CONFIRM };

/*
 * HTTP requests that the server saw are the users' and the polls, but for those
 * that the end took back before it had read them.
 */
static void check_counts(const struct result *r, struct server *server)
{
	uint64_t all = r->final.requests + r->final.polls, censored = 0;

	for (size_t i = 0; i < APIS_MAX; i++)
		censored += r->final.censored[i];
	assert_in_range(server->requests, all - censored, all);
}

static const struct load_row *of(const struct result *r, size_t api)
{
	return &r->sum[api][LOAD_BASELINE];
}

static void an_await_runs_beside_its_user(void **state)
{
	static struct server server;
	static struct result r;
	uint64_t follows;

	(void)state;
	server_start(&server);
	run_text(&server, &r,
		 "[journey coupon]\nstep = POST /issue\n"
		 "capture = id: json /coupon\n"
		 "step = await GET /coupon/${id} until json /status = "
		 "confirmed every 40ms timeout 2s as confirm\n"
		 "step = think const 50ms\n"
		 "[load l]\nstages = 0s 4\n", 1500 * NSEC_MS);
	server_stop(&server);
	/* Nobody waited for it: 50 ms each, not 120. */
	assert_true(of(&r, COUPON)->ok > 60);
	follows = of(&r, CONFIRM)->due;
	assert_int_equal(follows, of(&r, COUPON)->ok);
	assert_int_equal(of(&r, CONFIRM)->ok + r.final.censored[CONFIRM],
			 follows);
	assert_int_equal(completed(of(&r, CONFIRM)), of(&r, CONFIRM)->ok);
	/* Confirmed after 120 ms, seen at most 40 ms (and some) later. */
	assert_true(hist_percentile(of(&r, CONFIRM)->response, 50) >=
		    118 * NSEC_MS);
	assert_true(hist_percentile(of(&r, CONFIRM)->response, 50) <
		    250 * NSEC_MS);
	assert_true(r.final.polls >= 3 * of(&r, CONFIRM)->ok);
	assert_int_equal(r.final.requests, of(&r, COUPON)->due);
	check_counts(&r, &server);
	result_free(&r);
}

static void an_await_ends_at_its_own_timeout(void **state)
{
	static struct server server;
	static struct result r;

	(void)state;
	server_start(&server);
	run_text(&server, &r,
		 "[journey coupon]\nstep = POST /issue\n"
		 "capture = id: json /coupon\n"
		 "step = await GET /coupon/${id} until json /status = lost "
		 "every 30ms after 30ms timeout 200ms as confirm\n"
		 "step = await GET /hang until status = 200 timeout 150ms "
		 "as hang\n"
		 "step = think const 100ms\n"
		 "[load l]\nstages = 0s 2\n", 1000 * NSEC_MS);
	server_stop(&server);
	assert_int_equal(of(&r, 1)->ok, 0);
	assert_true(of(&r, 1)->failed[LOAD_TIMEOUT] > 10);
	assert_true(of(&r, 2)->failed[LOAD_TIMEOUT] > 10);
	assert_int_equal(of(&r, 0)->failed[LOAD_TIMEOUT], 0);
	assert_true(r.sum[1][0].failed[LOAD_TIMEOUT] +
			    r.final.censored[1] == of(&r, 1)->due);
	/* At the timeout's value, whenever the timer came. */
	assert_int_equal(hist_percentile(of(&r, 1)->response, 99.9) /
				 (10 * NSEC_MS), 20);
	check_counts(&r, &server);
	result_free(&r);
}

static void a_user_waits_for_a_poll(void **state)
{
	static struct server server;
	static struct result r;

	(void)state;
	server_start(&server);
	run_text(&server, &r,
		 "[journey coupon]\nstep = POST /issue\n"
		 "capture = id: json /coupon\n"
		 "step = poll GET /coupon/${id} until json /status = "
		 "confirmed every 20ms as confirm\n"
		 "capture = state: json /status\n"
		 "step = GET /ok/${state} as after\n"
		 "[load l]\nstages = 0s 2\n", 1000 * NSEC_MS);
	server_stop(&server);
	/* 120 ms at least for each round. */
	assert_in_range(of(&r, COUPON)->ok, 8, 18);
	assert_in_range(of(&r, 2)->ok, of(&r, CONFIRM)->ok - 2,
			of(&r, CONFIRM)->ok);
	assert_true(hist_percentile(of(&r, CONFIRM)->response, 50) >=
		    118 * NSEC_MS);
	assert_int_equal(r.final.connects, 2);	/* the users' own */
	assert_string_equal(server.last_ok, "/ok/confirmed");
	check_counts(&r, &server);
	result_free(&r);
}

/* The deadline of the request before it is not the poll's. */
static void a_poll_outlasts_the_users_patience(void **state)
{
	static struct server server;
	static struct result r;

	(void)state;
	server_start(&server);
	run_text(&server, &r,
		 "[journey coupon]\nstep = POST /issue\n"
		 "capture = id: json /coupon\n"
		 "step = poll GET /coupon/${id} until json /status = "
		 "never every 20ms timeout 600ms as confirm\n"
		 "[load l]\ntimeout = 50ms\nstages = 0s 2\n", 1000 * NSEC_MS);
	server_stop(&server);
	assert_in_range(of(&r, COUPON)->due, 2, 4);
	result_free(&r);
}

static void without_its_value_a_step_is_skipped(void **state)
{
	static struct server server;
	static struct result r;

	(void)state;
	server_start(&server);
	run_text(&server, &r,
		 "[journey a]\nstep = GET /status/500\n"
		 "capture = id: json /coupon\n"
		 "step = GET /x/${id} as x\n"
		 "step = await GET /x/${id} until status = 200 as y\n"
		 "step = GET /ok as z\n"
		 "capture = t: header X-Trace\n"
		 "step = think const 20ms\n"
		 "[load l]\nstages = 0s 1\n", 400 * NSEC_MS);
	server_stop(&server);
	assert_true(of(&r, 0)->failed[LOAD_5XX] > 5);
	assert_int_equal(of(&r, 1)->due, 0);
	assert_int_equal(of(&r, 2)->due, 0);
	assert_int_equal(server.by_path['x'], 0);
	assert_in_range(r.final.skipped[1], of(&r, 0)->failed[LOAD_5XX] - 1,
			of(&r, 0)->failed[LOAD_5XX]);
	assert_int_equal(r.final.skipped[2], r.final.skipped[1]);
	/* An ok answer without what was to be captured has failed. */
	assert_int_equal(of(&r, 3)->ok, 0);
	assert_true(of(&r, 3)->failed[LOAD_CHECK] > 5);
	check_counts(&r, &server);
	result_free(&r);
}

static void checks_are_counted_by_name(void **state)
{
	static struct server server;
	static struct result r;
	uint64_t n;

	(void)state;
	server_start(&server);
	run_text(&server, &r,
		 "[journey a]\nstep = POST /issue as hard\n"
		 "check = is issued: json /status = issued\n"
		 "check = status = 200\n"
		 "step = POST /issue as fails\n"
		 "check = never: json /status = nothing\n"
		 "check = is issued: json /status = issued\n"
		 "step = POST /issue as soft\n"
		 "soft_check = never soft: size > 1MB\n"
		 "step = GET /reset as gone\n"
		 "check = status = 200\n"
		 "step = GET /status/409 as business\n"
		 "check = status = 200\n"
		 "step = think const 20ms\n"
		 "[load l]\nstages = 0s 1\n", 400 * NSEC_MS);
	server_stop(&server);
	n = of(&r, 0)->ok;
	assert_true(n > 5);
	assert_int_equal(of(&r, 1)->ok, 0);
	assert_in_range(of(&r, 1)->failed[LOAD_CHECK], n - 1, n);
	/* In the order of the file; names that come twice add up. */
	assert_int_equal(r.final.n_checks, 4);
	assert_int_equal(r.checks[0].ok, n + of(&r, 1)->failed[LOAD_CHECK]);
	assert_int_equal(r.checks[0].failed, 0);
	/* Where no answer came it has failed, and a 409 is none of 200. */
	assert_int_equal(r.checks[1].ok, n);
	assert_int_equal(r.checks[1].failed, of(&r, 3)->failed[LOAD_RESET] +
						     of(&r, 4)->business);
	assert_true(of(&r, 4)->business > 5);
	assert_int_equal(r.checks[2].failed, of(&r, 1)->failed[LOAD_CHECK]);
	/* A soft one leaves the request as it is. */
	assert_int_equal(r.checks[3].failed, of(&r, 2)->ok);
	check_counts(&r, &server);
	result_free(&r);
}

static void arrivals_are_followed_after_they_are_through(void **state)
{
	static struct server server;
	static struct result r;

	(void)state;
	server_start(&server);
	run_text(&server, &r,
		 "[journey coupon]\nstep = POST /issue\n"
		 "capture = id: json /coupon\ncapture = t: header x-trace\n"
		 "step = await GET /coupon/${id}?t=${t} until json /status = "
		 "confirmed every 30ms as confirm\n"
		 "[load l]\nmodel = arrivals\nstages = 0s 50\n",
		 1000 * NSEC_MS);
	server_stop(&server);
	assert_in_range(of(&r, COUPON)->ok, 45, 51);
	assert_int_equal(of(&r, CONFIRM)->due, of(&r, COUPON)->ok);
	assert_true(of(&r, CONFIRM)->ok > 30);
	assert_int_equal(r.users[CONFIRM * LOAD_PHASES].asked,
			 of(&r, CONFIRM)->due);
	assert_int_equal(r.users[CONFIRM * LOAD_PHASES].unserved,
			 r.final.censored[CONFIRM]);
	assert_int_equal(r.final.users_affected, 0);
	assert_int_equal(r.final.open_planned, of(&r, COUPON)->due);
	check_counts(&r, &server);
	result_free(&r);
}

static void an_await_knocks_until_somebody_answers(void **state)
{
	static struct server server;
	static struct result r;

	(void)state;
	server_start(&server);
	run_text(&server, &r,
		 "[journey a]\nstep = GET /ok\n"
		 "step = await GET /reset until status = 200 every 5ms "
		 "timeout 100ms as gone\n"
		 "step = think const 50ms\n"
		 "[load l]\nstages = 0s 1\n", 500 * NSEC_MS);
	server_stop(&server);
	assert_true(of(&r, 1)->failed[LOAD_TIMEOUT] > 3);
	assert_int_equal(completed(of(&r, 1)),
			 of(&r, 1)->failed[LOAD_TIMEOUT]);
	assert_true(r.final.polls > 20);
	check_counts(&r, &server);
	result_free(&r);
}

/* From the first step's start to the last one's end, thinks included. */
static void a_group_has_a_time_of_its_own(void **state)
{
	static struct server server;
	static struct result r;
	const struct load_row *group, *slow;

	(void)state;
	server_start(&server);
	run_text(&server, &r,
		 "[journey a]\nstep = GET /ok as before\n"
		 "step = group checkout\n"
		 "step = GET /slow/30 as slow\n"
		 "step = think const 40ms\n"
		 "step = GET /status/409 as busy\n"
		 "step = end\n"
		 "step = think const 10ms\n"
		 "[load l]\nstages = 0s 2\n", 1000 * NSEC_MS);
	server_stop(&server);
	group = of(&r, 1);
	slow = of(&r, 2);
	assert_in_range(group->ok, 10, 26);
	assert_int_equal(completed(group), group->ok);
	assert_int_equal(group->ok + r.final.censored[1], group->due);
	/* Each began with the request in it, that the end may have cut off. */
	assert_in_range(slow->due, group->due - 2, group->due);
	/* But for those that the end has cut off. */
	assert_true(hist_percentile(group->response, 20) >= 69 * NSEC_MS);
	assert_true(hist_percentile(group->response, 50) < 95 * NSEC_MS);
	assert_int_equal(hist_count(group->service), 0);
	/* It is no request. */
	assert_int_equal(r.final.requests,
			 of(&r, 0)->due + slow->due + of(&r, 3)->due);
	assert_int_equal(r.final.users_affected, 0);
	check_counts(&r, &server);
	result_free(&r);
}

static void a_group_fails_as_its_first_failure(void **state)
{
	static struct server server;
	static struct result r;

	(void)state;
	server_start(&server);
	run_text(&server, &r,
		 "[journey a]\nstep = group g5xx\n"
		 "step = GET /ok as a\nstep = GET /status/503 as b\n"
		 "step = GET /reset as c\nstep = end\n"
		 "step = group client\nstep = GET /status/400 as d\n"
		 "step = end\n"
		 "step = group skips\nstep = GET /status/500 as e\n"
		 "expect = 500\ncapture = v: header X-Nothing\n"
		 "step = GET /ok/${v} as f\nstep = end\n"
		 "step = group polls\nstep = poll GET /ok until status = 404 "
		 "every 5ms timeout 30ms as p\nstep = end\n"
		 "step = group awaits\nstep = GET /ok as a\n"
		 "step = await GET /ok until status = 404 every 5ms timeout "
		 "30ms as w\nstep = end\n"
		 "step = think const 10ms\n"
		 "[load l]\nstages = 0s 1\n", 600 * NSEC_MS);
	server_stop(&server);
	assert_true(of(&r, 0)->failed[LOAD_5XX] > 3);
	assert_int_equal(completed(of(&r, 0)), of(&r, 0)->failed[LOAD_5XX]);
	assert_true(of(&r, 4)->client > 3);
	assert_int_equal(completed(of(&r, 4)), of(&r, 4)->client);
	assert_true(of(&r, 6)->failed[LOAD_CHECK] > 3);
	assert_int_equal(completed(of(&r, 6)), of(&r, 6)->failed[LOAD_CHECK]);
	assert_true(of(&r, 9)->failed[LOAD_TIMEOUT] > 3);
	assert_int_equal(completed(of(&r, 9)), of(&r, 9)->failed[LOAD_TIMEOUT]);
	/* Nobody waits for an await. */
	assert_true(of(&r, 11)->ok > 3);
	assert_int_equal(completed(of(&r, 11)), of(&r, 11)->ok);
	check_counts(&r, &server);
	result_free(&r);
}

/* A think before the first request is left out, though a group has begun. */
static void an_arrivals_group_ends_with_it(void **state)
{
	static struct server server;
	static struct result r;

	(void)state;
	server_start(&server);
	run_text(&server, &r,
		 "[journey a]\nstep = group all-of-it\n"
		 "step = think const 5s\nstep = GET /ok as one\n"
		 "step = think const 40ms\nstep = end\n"
		 "step = think const 5s\n"
		 "[load l]\nmodel = arrivals\nstages = 0s 50\n",
		 1000 * NSEC_MS);
	server_stop(&server);
	assert_in_range(of(&r, 1)->ok, 45, 51);
	assert_int_equal(of(&r, 0)->due, of(&r, 1)->due);
	assert_in_range(of(&r, 0)->ok, 40, of(&r, 1)->ok);
	assert_true(hist_percentile(of(&r, 0)->response, 10) >= 39 * NSEC_MS);
	assert_int_equal(of(&r, 0)->ok + r.final.censored[0], of(&r, 0)->due);
	assert_int_equal(r.users[0].asked, of(&r, 0)->due);
	check_counts(&r, &server);
	result_free(&r);
}

static void a_step_has_a_timeout_of_its_own(void **state)
{
	static struct server server;
	static struct result r;

	(void)state;
	server_start(&server);
	run_text(&server, &r,
		 "[journey a]\nstep = GET /hang as short\ntimeout = 60ms\n"
		 "step = GET /slow/150 as long\ntimeout = 2s\n"
		 "step = GET /slow/150 as usual\n"
		 "[load l]\ntimeout = 100ms\nstages = 0s 1\n",
		 1500 * NSEC_MS);
	server_stop(&server);
	assert_in_range(of(&r, 0)->failed[LOAD_TIMEOUT], 3, 6);
	assert_int_equal(completed(of(&r, 0)), of(&r, 0)->failed[LOAD_TIMEOUT]);
	/* At the timeout's value, whenever the timer came. */
	assert_int_equal(hist_percentile(of(&r, 0)->response, 99.9) /
				 (2 * NSEC_MS), 30);
	assert_in_range(of(&r, 1)->ok, 3, 6);
	assert_int_equal(completed(of(&r, 1)), of(&r, 1)->ok);
	assert_in_range(of(&r, 2)->failed[LOAD_TIMEOUT], 3, 6);
	check_counts(&r, &server);
	result_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_await_runs_beside_its_user),
		cmocka_unit_test(an_await_ends_at_its_own_timeout),
		cmocka_unit_test(a_user_waits_for_a_poll),
		cmocka_unit_test(a_poll_outlasts_the_users_patience),
		cmocka_unit_test(without_its_value_a_step_is_skipped),
		cmocka_unit_test(checks_are_counted_by_name),
		cmocka_unit_test(arrivals_are_followed_after_they_are_through),
		cmocka_unit_test(an_await_knocks_until_somebody_answers),
		cmocka_unit_test(a_group_has_a_time_of_its_own),
		cmocka_unit_test(a_group_fails_as_its_first_failure),
		cmocka_unit_test(an_arrivals_group_ends_with_it),
		cmocka_unit_test(a_step_has_a_timeout_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
