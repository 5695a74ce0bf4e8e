/* SPDX-License-Identifier: Apache-2.0 */
// links: gd_load
/* The load engine against real servers: counts, causes, ramps, seconds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "tests/unit/load_run.h"

/*
 * All leave before the end, so that nothing is cut off: what the client counts
 * is what the server counts.
 */
static void counts_equal_the_servers(void **state)
{
	struct setup s = {
		.text = "[journey a]\nstep = GET /ok as ok\n"
			"step = think exp 20ms\n"
			"[journey b]\nstep = POST /status/204 as s204\n"
			"body = x\n"
			"step = GET /status/400 as s400\n"
			"step = think exp 20ms\n"
			"step = GET /status/409 as s409\n"
			"step = GET /status/429 as s429\n"
			"step = GET /status/503 as s503\n"
			"step = GET /chunked as chunked\n"
			"step = GET /last as last\n"
			"step = GET /extra as extra\n"
			"[load l]\n"
			"stages = 0s 40, 800ms 40, 800ms 0, 1500ms 0\n",
		.speed = 1, .until = 1500 * NSEC_MS, .seed = 1, .threads = 2,
	};
	enum { OK, S204, S400, S409, S429, S503, CHUNKED, LAST, EXTRA, APIS };
	struct load_row *of[APIS];
	static struct server server;
	struct result r;
	uint64_t due = 0;

	(void)state;
	server_start(&server);
	s.port = server.port;
	run(&s, &r);
	for (size_t i = 0; i < APIS; i++) {
		of[i] = &r.sum[i][LOAD_BASELINE];
		assert_int_equal(of[i]->due, completed(of[i]));
		assert_true(of[i]->due > 5);
		due += of[i]->due;
		assert_int_equal(r.final.censored[i], 0);
	}
	assert_int_equal(server.requests, due);
	assert_int_equal(r.final.requests, due);
	assert_int_equal(server.by_path['o'], of[OK]->ok);
	assert_int_equal(server.by_status[204], of[S204]->ok);
	assert_int_equal(server.by_status[400], of[S400]->client);
	assert_int_equal(server.by_status[409], of[S409]->business);
	assert_int_equal(server.by_status[429], of[S429]->failed[LOAD_429]);
	assert_int_equal(server.by_status[503], of[S503]->failed[LOAD_5XX]);
	assert_int_equal(server.by_path['c'], of[CHUNKED]->ok);
	assert_int_equal(server.by_path['l'], of[LAST]->ok);
	assert_int_equal(server.by_path['e'],
			 of[EXTRA]->failed[LOAD_PROTOCOL]);
	/* And the one by which open() saw that somebody is there. */
	assert_int_equal(server.accepted, r.final.connects + 1);
	assert_true(server.resets <= of[EXTRA]->due);
	assert_int_equal(r.final.users_max, 40);
	assert_int_equal(hist_count(of[OK]->response), of[OK]->ok);
	assert_int_equal(hist_count(of[S503]->service), of[S503]->due);
	check_seconds(&r, s.until);
	result_free(&r);
	server_stop(&server);
}

static void failures_have_their_causes(void **state)
{
	struct setup s = {
		.text = "[journey a]\n"
			"step = GET /hang as hang\n"
			"step = GET /reset as reset\n"
			"step = GET /cut as cut\n"
			"step = GET /garbage as garbage\n"
			"step = GET /ok as check\nexpect = 201\n"
			"step = GET /status/404 as expected\nexpect = 404\n"
			"step = think const 50ms\n"
			"[load l]\ntimeout = 500ms\n"
			"stages = 0s 10, 900ms 10, 900ms 0, 2s 0\n",
		.speed = 1, .until = 2500 * NSEC_MS, .seed = 1, .threads = 1,
	};
	enum { HANG, RESET, CUT, GARBAGE, CHECK, EXPECTED };
	static const enum load_cause cause[] = {
		[HANG] = LOAD_TIMEOUT, [RESET] = LOAD_RESET,
		[CUT] = LOAD_RESET, [GARBAGE] = LOAD_PROTOCOL,
		[CHECK] = LOAD_CHECK,
	};
	static struct server server;
	struct result r;

	(void)state;
	server_start(&server);
	s.port = server.port;
	run(&s, &r);
	for (size_t i = HANG; i <= CHECK; i++) {
		const struct load_row *row = &r.sum[i][LOAD_BASELINE];

		assert_true(row->due >= 10);
		assert_int_equal(row->failed[cause[i]], row->due);
		/* Timeouts and answers are latencies; the rest is not. */
		assert_int_equal(hist_count(row->response),
				 i == HANG || i == CHECK ? row->due : 0);
	}
	assert_true(r.sum[EXPECTED][0].ok == r.sum[EXPECTED][0].due);
	assert_in_range(hist_max(r.sum[HANG][0].response), 500 * NSEC_MS,
			500 * NSEC_MS + 500 * NSEC_US);
	assert_true(hist_min(r.sum[HANG][0].response) >=
		    500 * NSEC_MS - 500 * NSEC_US);
	assert_int_equal(hist_count(r.sum[HANG][0].service), 0);
	/* A timed-out socket is closed with RST; garbage is cut off so too. */
	assert_true(server.resets >= r.sum[HANG][0].due);
	assert_int_equal(r.final.users_affected, 10);
	result_free(&r);
	server_stop(&server);
}

/* Keeps the port, so that nobody else gets it, and listens no more. */
static void deafen(struct setup *s)
{
	shutdown(s->fd, SHUT_RDWR);
}

static void nobody_listens_any_more(void **state)
{
	struct setup s = {
		.text = "[journey a]\nstep = GET /ok\n"
			"[load l]\nstages = 0s 3\n",
		.speed = 1, .until = 500 * NSEC_MS, .seed = 1, .threads = 1,
		.opened = deafen,
	};
	struct addr a;
	struct err err;
	struct result r;
	uint64_t due;

	(void)state;
	assert_int_equal(addr_parse("127.0.0.1:0", &a, &err), 0);
	assert_int_equal(addr_listen(&a, 16, &s.fd, &err), 0);
	assert_int_equal(addr_local(s.fd, &a), 0);
	s.port = addr_port(&a);
	run(&s, &r);
	close(s.fd);
	due = r.sum[0][0].due;
	/* Those that were due just as it stopped were not sent. */
	assert_in_range(r.final.censored[0], 0, 3);
	assert_int_equal(r.sum[0][0].failed[LOAD_CONNECT] +
				 r.final.censored[0], due);
	/* Without think times: they knock every 10 ms and not faster. */
	assert_in_range(due, 3 * 10, 3 * 51);
	assert_int_equal(hist_count(r.sum[0][0].response),
			 r.final.censored[0]);
	assert_int_equal(r.users[0].asked, 3);
	assert_int_equal(r.users[0].unserved, 3);
	assert_int_equal(r.users[0].raw, due);
	result_free(&r);
}

static void an_unreachable_target_is_no_run(void **state)
{
	struct setup s = { .text = "[journey a]\nstep = GET /ok\n"
				   "[load l]\nstages = 0s 3\n" };
	struct allow *allow = allow_loopback();
	struct load_args args = { .allow = allow, .clock.speed = 1 };
	struct scenario *sc = NULL;
	struct load_conf *conf;
	void *load = NULL;
	struct addr a;
	struct err err;

	(void)state;
	assert_int_equal(addr_parse("127.0.0.1:0", &a, &err), 0);
	assert_int_equal(addr_listen(&a, 16, &s.fd, &err), 0);
	assert_int_equal(addr_local(s.fd, &a), 0);
	s.port = addr_port(&a);
	deafen(&s);
	conf = conf_read(&s, &sc);
	args.conf = conf;
	assert_int_equal(load_threads.open(&args, &load, &err), -ECONNREFUSED);
	assert_non_null(strstr(err.msg, "[target t]: nothing answers at 127"));
	assert_null(load);
	close(s.fd);
	load_conf_free(conf);
	scenario_free(sc);
	allow_free(allow);
}

static void a_refused_target_gets_no_connect(void **state)
{
	struct setup s = { .text = "[journey a]\nstep = GET /ok\n"
				   "[load l]\nstages = 0s 3\n" };
	struct allow *allow = allow_new();
	struct scenario *sc = NULL;
	struct load_args args = { .allow = allow, .clock.speed = 1 };
	struct load_conf *conf;
	static struct server server;
	struct loop *loop;
	struct err err;
	void *load = NULL;

	(void)state;
	server_start(&server);
	s.port = server.port;
	conf = conf_read(&s, &sc);
	assert_int_equal(loop_new(LOOP_EPOLL, &loop, &err), 0);
	assert_int_equal(allow_add(allow, ALLOW_HOST, "10.0.0.1", &err), 0);
	args.conf = conf;
	args.loop = loop;
	assert_int_equal(load_threads.open(&args, &load, &err), -EPERM);
	assert_non_null(strstr(err.msg, "127.0.0.1"));
	assert_null(load);
	server_stop(&server);
	assert_int_equal(server.accepted, 0);
	loop_free(loop);
	load_conf_free(conf);
	scenario_free(sc);
	allow_free(allow);
}

static void an_idle_connection_is_reopened_in_silence(void **state)
{
	struct setup s = {
		.text = "[journey a]\nstep = GET /idle\n"
			"step = think const 300ms\n"
			"[load l]\n"
			"stages = 0s 9, 1400ms 9, 1400ms 0, 2s 0\n",
		.speed = 1, .until = 2 * NSEC_SEC, .seed = 1, .threads = 1,
	};
	static struct server server;
	struct result r;

	(void)state;
	server_start(&server);
	s.port = server.port;
	run(&s, &r);
	assert_true(r.sum[0][0].due >= 9 * 2);
	assert_int_equal(r.sum[0][0].ok, r.sum[0][0].due);
	assert_int_equal(server.accepted, r.sum[0][0].due + 1);
	result_free(&r);
	server_stop(&server);
}

static void connections_are_kept(void **state)
{
	struct setup s = {
		.text = "[journey a]\nstep = GET /ok\n"
			"step = think exp 5ms\n"
			"[load l]\nstages = 0s 5, 500ms 5, 500ms 0, 1s 0\n",
		.speed = 1, .until = NSEC_SEC, .seed = 1, .threads = 1,
	};
	static struct server server;
	struct result r;

	(void)state;
	server_start(&server);
	s.port = server.port;
	run(&s, &r);
	assert_true(r.sum[0][0].ok > 100);
	assert_int_equal(server.accepted, 5 + 1);
	result_free(&r);
	server_stop(&server);
}

static void requests_carry_the_users_values(void **state)
{
	struct setup s = {
		.text = "[journey a]\n"
			"step = POST /p?u=${user}&i=${iteration}\n"
			"header = Idempotency-Key: ${uuid}\n"
			"body = {\"user\":${user},\"key\":\"${uuid}\"}\n"
			"step = think const 10s\n"
			"[load l]\nstages = 0s 1\n",
		.speed = 20, .until = 15 * NSEC_SEC, .seed = 1, .threads = 1,
	};
	char body[128], host[64];
	static struct server server;
	struct result r;

	(void)state;
	server_start(&server);
	s.port = server.port;
	run(&s, &r);
	assert_int_equal(server.requests, 1);
	assert_string_equal(server.target, "/p?u=1&i=1");
	assert_int_equal(strlen(server.key), 36);
	snprintf(body, sizeof(body), "{\"user\":1,\"key\":\"%s\"}", server.key);
	assert_string_equal(server.body, body);
	snprintf(host, sizeof(host), "127.0.0.1:%d", server.port);
	assert_string_equal(server.host, host);
	result_free(&r);
	server_stop(&server);
}

static const char closed_150[] =
	"[journey a]\nstep = GET /ok as one\nstep = think exp 4.8s\n"
	"[journey b]\nweight = 2\nstep = GET /status/409?k=${uuid} as two\n"
	"step = think exp 4.8s\n"
	"[load l]\nstages = 0s 150\n";

/* 150 users who think 4.8 s ask 31 times a second, from the first one on. */
static void the_closed_model_keeps_its_law(void **state)
{
	struct setup s = {
		.text = closed_150, .speed = 15, .from = -10 * NSEC_SEC,
		.until = 30 * NSEC_SEC, .seed = 1, .threads = 1,
	};
	static struct server server;
	struct result r;
	uint64_t due, first = 0;

	(void)state;
	server_start(&server);
	s.port = server.port;
	run(&s, &r);
	due = r.sum[0][0].due + r.sum[1][0].due;
	assert_float_equal((double)due / 40, 150 / 4.8, 3.0);
	for (int i = 0; i < 10; i++) {
		assert_true(r.due_at[i] < 100);	/* no burst */
		first += r.due_at[i];
		assert_true(r.users_at[i] == 150);
	}
	assert_float_equal((double)first / 10, 150 / 4.8, 6.0);
	assert_float_equal((double)r.sum[0][0].due / (double)due, 1.0 / 3,
			   0.05);
	assert_true(r.final.users_max == 150);
	check_seconds(&r, s.until);
	result_free(&r);
	server_stop(&server);
}

static uint64_t digest_of(struct setup s, uint64_t seed, unsigned threads)
{
	static struct server server;
	struct result r;

	server_start(&server);
	s.port = server.port;
	s.seed = seed;
	s.threads = threads;
	run(&s, &r);
	result_free(&r);
	server_stop(&server);
	return r.final.decisions;
}

static void the_same_seed_decides_the_same(void **state)
{
	struct setup s = { .text = closed_150, .speed = 20,
			   .until = 6 * NSEC_SEC };
	struct setup open = {
		.text = "[journey a]\nstep = GET /ok?k=${uuid}\n"
			"[load l]\nmodel = arrivals\narrival = poisson\n"
			"stages = 0s 50\n",
		.speed = 20, .until = 6 * NSEC_SEC,
	};
	uint64_t first = digest_of(s, 5, 1);

	(void)state;
	assert_true(first != 0);
	assert_true(digest_of(s, 5, 1) == first);
	assert_true(digest_of(s, 5, 2) == first);
	s.until = 3 * NSEC_SEC;		/* cut off earlier: drawn ahead */
	assert_true(digest_of(s, 5, 1) == first);
	assert_true(digest_of(s, 6, 1) != first);
	first = digest_of(open, 5, 1);
	assert_true(digest_of(open, 5, 2) == first);
	assert_true(digest_of(open, 6, 2) != first);
}

static void ramps_are_followed(void **state)
{
	struct setup s = {
		.text = "[journey a]\nstep = GET /ok\nstep = think exp 1s\n"
			"[load l]\n"
			"stages = 0s 20, 2s 20, 6s 200, 8s 200, 8s 50\n",
		.speed = 5, .from = -1 * NSEC_SEC, .until = 10 * NSEC_SEC,
		.seed = 3, .threads = 2,
	};
	static struct server server;
	struct result r;

	(void)state;
	server_start(&server);
	s.port = server.port;
	run(&s, &r);
	check_seconds(&r, s.until);
	for (int t = -1; t < 9; t++) {	/* at the end of second t */
		double want = t < 2 ? 20 : t < 6 ? 20 + 45.0 * (t - 1)
					 : t < 8 ? 200 : 50;

		if (t == 7)
			continue;	/* the jump is at its very end */
		assert_float_equal(r.users_at[t + 1], want, 15);
	}
	assert_int_equal(r.final.users_max, 200);
	assert_true(r.final.send_lag_max > 0);
	assert_true(r.final.fd_share > 0 && r.final.fd_share < 0.8);
	result_free(&r);
	server_stop(&server);
}

static void freed_at_any_time(void **state)
{
	struct setup s = { .text = closed_150 };
	struct allow *allow = allow_loopback();
	struct scenario *sc = NULL;
	struct load_conf *conf;
	static struct server server;

	(void)state;
	server_start(&server);
	s.port = server.port;
	conf = conf_read(&s, &sc);
	for (int how = 0; how < 4; how++) {
		struct result r;
		struct load_args args = {
			.conf = conf, .seed = 1, .threads = 2, .allow = allow,
			.clock = { .mono0 = clock_mono() - 3 * NSEC_SEC,
				   .speed = 10 },
			.snapshot = on_snapshot, .done = on_done, .arg = &r,
		};
		struct err err;
		void *load;

		result_init(&r, 0);
		assert_int_equal(loop_new(LOOP_EPOLL, &args.loop, &err), 0);
		assert_int_equal(load_threads.open(&args, &load, &err), 0);
		if (how >= 1)
			assert_int_equal(load_threads.start(load, &err), 0);
		if (how >= 2)
			load_threads.stop(load);
		if (how >= 3)
			wait_done(args.loop, &r);
		load_threads.free(load);
		/* What lies in the loop yet comes to nobody. */
		for (int i = 0; i < 5; i++)
			loop_turn(args.loop, 0);
		assert_true(r.done == (how == 3));
		loop_free(args.loop);
		result_free(&r);
	}
	load_conf_free(conf);
	scenario_free(sc);
	allow_free(allow);
	server_stop(&server);
}

static void stopped_before_it_began(void **state)
{
	static struct server server;
	struct setup s = { .text = closed_150 };
	struct allow *allow = allow_loopback();
	struct scenario *sc = NULL;
	struct load_conf *conf;
	struct result r;
	struct load_args args = {
		.threads = 2, .allow = allow, .clock.speed = 1,
		.snapshot = on_snapshot, .done = on_done, .arg = &r,
	};
	struct err err;
	void *load;

	(void)state;
	server_start(&server);
	s.port = server.port;
	conf = conf_read(&s, &sc);
	args.conf = conf;
	result_init(&r, 0);
	assert_int_equal(loop_new(LOOP_EPOLL, &args.loop, &err), 0);
	assert_int_equal(load_threads.open(&args, &load, &err), 0);
	load_threads.stop(load);
	wait_done(args.loop, &r);
	assert_int_equal(r.final.requests, 0);
	load_threads.free(load);
	loop_free(args.loop);
	result_free(&r);
	load_conf_free(conf);
	scenario_free(sc);
	allow_free(allow);
	server_stop(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_equal_the_servers),
		cmocka_unit_test(failures_have_their_causes),
		cmocka_unit_test(nobody_listens_any_more),
		cmocka_unit_test(an_unreachable_target_is_no_run),
		cmocka_unit_test(a_refused_target_gets_no_connect),
		cmocka_unit_test(an_idle_connection_is_reopened_in_silence),
		cmocka_unit_test(connections_are_kept),
		cmocka_unit_test(requests_carry_the_users_values),
		cmocka_unit_test(the_closed_model_keeps_its_law),
		cmocka_unit_test(the_same_seed_decides_the_same),
		cmocka_unit_test(ramps_are_followed),
		cmocka_unit_test(freed_at_any_time),
		cmocka_unit_test(stopped_before_it_began),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
