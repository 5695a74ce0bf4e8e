// links: gd_watch
/* SPDX-License-Identifier: Apache-2.0 */
/* Probes against servers of the test's own, on one loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/probe_bench.h"

static double value_of(struct bench *b, const char *gauge)
{
	struct expr_ref ref = { .arg = gauge };
	const struct expr_env *env = watch_env(b->watch);
	double value;

	return env->value(env->arg, &ref, &value) ? NAN : value;
}

static void test_http(void **state)
{
	struct bench b;
	struct web web;
	AUTO_FREE char *text = NULL;

	(void)state;
	bench_init(&b);
	web_init(&web, &b, "fine");
	text = mem_printf("[probe web]\nkind = http\nurl = http://%s/health\n",
			  b.at);
	must_begin(&b, text);
	await(&b, "probe.web.ok = 1 and probe.web.p50 > 0 and "
		  "probe.web.p95 >= probe.web.p50 and probe.web.last < 5s");
	web.status = 503;
	await(&b, "probe.web.ok = 0");
	assert_true(isnan(value_of(&b, "probe.web.p50")));
	web.status = 204;
	web.body = "";
	await(&b, "probe.web.ok = 1 and probe.web.last > 0");
	httpd_free(web.httpd);
	bench_done(&b);
}

static void test_metrics(void **state)
{
	struct bench b;
	struct web web;
	AUTO_FREE char *text = NULL;

	(void)state;
	bench_init(&b);
	web_init(&web, &b,
		 "# HELP pool_active x\n# TYPE pool_active gauge\n"
		 "pool_active{pool=\"a\"} 16\npool_active{pool=\"b\"} 4.0\n"
		 "pool_active_max 99\n");
	text = mem_printf("[probe m]\nkind = metrics\nurl = http://%s/m\n"
			  "gauge.pool.active = pool_active\n"
			  "gauge.pool.b = pool_active{pool=\"b\"}\n"
			  "gauge.none = no_such_metric\n", b.at);
	must_begin(&b, text);
	await(&b, "pool.active = 20 and pool.b = 4 and probe.m.ok = 1");
	assert_true(isnan(value_of(&b, "none")));
	web.status = 500;
	await(&b, "probe.m.ok = 0");
	assert_true(isnan(value_of(&b, "pool.active")));
	httpd_free(web.httpd);
	bench_done(&b);
}

static void expect_sum(const char *text, const char *selector, double want)
{
	double got = probe_metrics_sum(text, selector);

	if (isnan(want) ? !isnan(got) : !(fabs(got - want) < 1e-9))
		fail_msg("%s is %g, not %g", selector, got, want);
}

static void test_selectors(void **state)
{
	static const char text[] =
		"# a comment mentions a 7\n"
		"a 1\n"
		"a_b{x=\"1\"} 2 1600000000\n"
		"a_b{x=\"1\",y=\"q\\\"}, z\"} 3\n"
		"a_b{x=\"2\", y=\"r\"} 1e1\n"
		"broken{x=\"1} 5\n"
		"lag{p=\"0\"} NaN\nlag{p=\"1\"} 4\n"
		"only NaN\n"
		"big +Inf\n"
		"last 9";
	struct err err;

	(void)state;
	expect_sum(text, "a", 1);
	expect_sum(text, "a_b", 15);
	expect_sum(text, "a_b{x=\"1\"}", 5);
	expect_sum(text, "a_b{y=\"q\\\"}, z\"}", 3);
	expect_sum(text, "a_b{ y=\"r\", x=\"2\" }", 10);
	expect_sum(text, "a_b{x=\"3\"}", NAN);
	expect_sum(text, "broken", NAN);
	expect_sum(text, "lag", 4);
	expect_sum(text, "only", NAN);
	expect_sum(text, "last", 9);
	expect_sum(text, "b", NAN);
	expect_sum("", "a", NAN);
	assert_int_equal(probe_metrics_check("a_b{x=\"1\"}", &err), 0);
	assert_int_equal(probe_metrics_check("a_b", &err), 0);
	assert_true(probe_metrics_check("1a", &err) < 0);
	assert_true(probe_metrics_check("a{x=1}", &err) < 0);
	assert_true(probe_metrics_check("a{x=\"1\"", &err) < 0);
	assert_true(probe_metrics_check("a b", &err) < 0);
	assert_true(probe_metrics_check("", &err) < 0);
}

static void test_tcp(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	must_begin(&b, "[probe t]\nkind = tcp\nurl = staging:x\n");
	await(&b, "probe.t.ok = 1 and probe.t.last > 0");
	close(b.listen_fd);
	b.listen_fd = -1;
	await(&b, "probe.t.ok = 0");
	assert_true(isnan(value_of(&b, "probe.t.last")));
	bench_done(&b);
}

static void test_command(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	must_begin(&b, "[probe c]\nkind = command\nevery = 1s\n"
		       "command = echo 42.5 and more\n"
		       "[probe bad]\nkind = command\nevery = 1s\n"
		       "command = echo 1; exit 3\n"
		       "[probe word]\nkind = command\nevery = 1s\n"
		       "command = echo none\n"
		       "[probe slow]\nkind = command\nevery = 1s\n"
		       "timeout = 300ms\ncommand = sleep 60\n");
	await(&b, "probe.c.value = 42.5 and probe.c.ok = 1 and "
		  "probe.bad.ok = 0 and probe.word.ok = 0 and "
		  "probe.slow.ok = 0");
	bench_done(&b);
}

/* A server that speaks as much PostgreSQL as the probe does. */

struct server {
	struct bench *b;
	struct loop_io accept, io;
	struct loop_timer timer;
	bool connected, refuse;
	int syncs, connects;
	nsec_t delay;		/* before ReadyForQuery */
	char startup[256];
};

static void send_all(int fd, const char *data, size_t len)
{
	assert_int_equal(write(fd, data, len), (ssize_t)len);
}

static void answer_sync(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct server *s = arg;

	(void)loop;
	(void)timer;
	send_all(s->io.fd, "Z\0\0\0\5I", 6);
}

static void server_close(struct server *s)
{
	if (!s->connected)
		return;
	loop_io_set(s->b->loop, &s->io, 0, NULL);
	loop_timer_stop(s->b->loop, &s->timer);
	close(s->io.fd);
	s->connected = false;
}

static void on_bytes(struct loop *loop, struct loop_io *io, unsigned events,
		     void *arg)
{
	static const char refusal[] = "E\0\0\0\x11SFATAL\0Mgo away\0";
	struct server *s = arg;
	char in[512];
	ssize_t n = read(io->fd, in, sizeof(in));

	(void)events;
	if (n <= 0) {
		server_close(s);
	} else if (in[0] == 'S') {
		s->syncs++;
		loop_timer_at_mono(loop, &s->timer,
				   loop_mono_fresh(loop) + s->delay);
	} else if (s->refuse) {
		send_all(io->fd, refusal, 18);
	} else {
		memcpy(s->startup, in, (size_t)n < 255 ? (size_t)n : 255);
		/* in two parts, cut inside a message */
		send_all(io->fd, "R\0\0\0\x8\0\0\0\0S\0\0\0\xb" "a\0", 16);
		send_all(io->fd, "bcde\0Z\0\0\0\5I", 11);
	}
}

static void on_accept(struct loop *loop, struct loop_io *io, unsigned events,
		      void *arg)
{
	struct server *s = arg;
	int fd = accept(io->fd, NULL, NULL);

	(void)events;
	if (fd < 0)
		return;
	server_close(s);
	s->connects++;
	s->connected = true;
	loop_io_init(&s->io, fd, "server", on_bytes, s);
	loop_io_set(loop, &s->io, LOOP_IN, NULL);
}

static void server_init(struct server *s, struct bench *b)
{
	*s = (struct server){ .b = b };
	loop_timer_init(&s->timer, "server", answer_sync, s);
	loop_io_init(&s->accept, b->listen_fd, "server", on_accept, s);
	assert_int_equal(loop_io_set(b->loop, &s->accept, LOOP_IN, NULL), 0);
}

static void server_done(struct server *s)
{
	server_close(s);
	loop_io_set(s->b->loop, &s->accept, 0, NULL);
}

static void test_postgres_round_trips(void **state)
{
	struct bench b;
	struct server s;

	(void)state;
	bench_init(&b);
	server_init(&s, &b);
	must_begin(&b, "[probe db]\nkind = postgres\nurl = staging:x\n"
		       "user = me\ndatabase = shop\n");
	await(&b, "probe.db.ok = 1 and probe.db.p50 < 20ms");
	assert_memory_equal(s.startup + 4, "\0\3\0\0user\0me\0database\0shop",
			    26);
	/* 30 round trips later the median is that of the delay */
	s.delay = 30 * NSEC_MS;
	await(&b, "probe.db.p50 >= 30ms and probe.db.p50 < 200ms");
	assert_int_equal(s.connects, 1);
	/* the connection breaks: unknown, then anew */
	s.refuse = true;
	server_close(&s);
	await(&b, "probe.db.ok = 0");
	assert_true(isnan(value_of(&b, "probe.db.p50")));
	s.refuse = false;
	s.delay = 0;
	await(&b, "probe.db.ok = 1 and probe.db.p50 < 20ms");
	server_done(&s);
	bench_done(&b);
}

static void test_times_are_drill_times(void **state)
{
	struct drill_clock clock = { .mono0 = clock_mono(), .speed = 5 };
	struct bench b;
	struct server s;

	(void)state;
	bench_init(&b);
	loop_set_clock(b.loop, &clock);
	server_init(&s, &b);
	s.delay = 20 * NSEC_MS;
	must_begin(&b, "[probe db]\nkind = postgres\nurl = staging:x\n");
	await(&b, "probe.db.p50 >= 100ms");
	assert_true(value_of(&b, "probe.db.p50") < 1.0);
	server_done(&s);
	bench_done(&b);
}

static void test_what_is_not_allowed_is_not_connected_to(void **state)
{
	static const char *const kinds[] = {
		"kind = tcp\nurl = %s\n",
		"kind = http\nurl = http://%s/\n",
		"kind = metrics\nurl = http://%s/\ngauge.a = a\n",
		"kind = postgres\nurl = %s\n",
		"kind = sql\nurl = %s\ngauge.a = SELECT 1\n",
	};
	char text[256];
	struct bench b;
	struct err err;
	int n;

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		bench_init(&b);
		allow_free(b.allow);
		b.allow = allow_new();
		n = snprintf(text, sizeof(text), "[probe p]\n");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(text + n, sizeof(text) - (size_t)n, kinds[i], b.at);
#pragma GCC diagnostic pop
		assert_int_equal(begin(&b, text, &err), -EPERM);
		assert_non_null(strstr(err.msg, "probe 'p'"));
		assert_int_equal(accept(b.listen_fd, NULL, NULL), -1);
		bench_done(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_http),
		cmocka_unit_test(test_metrics),
		cmocka_unit_test(test_selectors),
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_command),
		cmocka_unit_test(test_postgres_round_trips),
		cmocka_unit_test(test_times_are_drill_times),
		cmocka_unit_test(test_what_is_not_allowed_is_not_connected_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
