// links: gd_watch
/* SPDX-License-Identifier: Apache-2.0 */
/* The sources that a team's monitoring is, well and badly behaved. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>

#include "chaos/base/http1.h"
#include "tests/unit/probe_bench.h"

/* Until all that was told is this; 10 s at most. */
static void expect_told(struct bench *b, const char *want)
{
	nsec_t until = clock_mono() + 10 * NSEC_SEC;

	while (!b->told.data || strcmp(b->told.data, want) != 0) {
		if (clock_mono() > until)
			fail_msg("'%s' was told, not '%s'",
				 b->told.data ? b->told.data : "", want);
		loop_turn(b->loop, 20 * NSEC_MS);
	}
}

/* A client of the webhook, on the same loop. */
struct post {
	int status;	/* 0: no answer yet */
};

static void post_done(void *arg, const struct http1_reply *reply)
{
	struct post *post = arg;

	post->status = reply->error ? reply->error : reply->status;
}

static void post_start(struct bench *b, struct post *post, const char *body,
		       size_t len)
{
	struct http1_args args = {
		.to = b->addr, .method = "POST", .path = "/", .host = "x",
		.body = body, .body_len = len, .timeout_real = 20 * NSEC_SEC,
		.done = post_done, .arg = post,
	};
	struct err err;

	post->status = 0;
	assert_int_equal(http1_call_start(b->loop, &args, NULL, &err), 0);
}

static int post(struct bench *b, const char *body, size_t len)
{
	nsec_t until = clock_mono() + 20 * NSEC_SEC;
	struct post one;

	post_start(b, &one, body, len);
	while (!one.status && clock_mono() < until)
		loop_turn(b->loop, 20 * NSEC_MS);
	return one.status;
}

static void listen_begin(struct bench *b)
{
	AUTO_FREE char *text = NULL;

	bench_init(b);
	close(b->listen_fd);
	b->listen_fd = -1;
	text = mem_printf("[probe am]\nkind = webhook\nlisten = %s\n", b->at);
	must_begin(b, text);
}

#define ALERT(status)                                                    \
	"{\"version\":\"4\",\"alerts\":[{\"status\":\"" status "\","     \
	"\"labels\":{\"alertname\":\"A\",\"severity\":\"critical\"},"    \
	"\"startsAt\":\"2026-01-02T03:04:05Z\","                         \
	"\"endsAt\":\"0001-01-01T00:00:00Z\"}]}"

static int post_text(struct bench *b, const char *text)
{
	return post(b, text, strlen(text));
}

static void test_webhook(void **state)
{
	struct bench b;

	(void)state;
	listen_begin(&b);
	assert_int_equal(post_text(&b, ALERT("firing")), 200);
	assert_int_equal(post_text(&b, ALERT("firing")), 200);
	expect_told(&b, "A=firing ");
	assert_int_equal(post_text(&b, ALERT("resolved")), 200);
	assert_int_equal(post_text(&b, ALERT("resolved")), 200);
	expect_told(&b, "A=firing A=over ");
	await(&b, "probe.am.posts = 4 and probe.am.refused = 0 and "
		  "probe.am.ok = 1 and probe.am.delay > 0");
	bench_done(&b);
}

static void test_hostile_webhook(void **state)
{
	enum { BIG = 10 << 20 };
	char *big = mem_zalloc(BIG + 1);
	struct bench b;

	(void)state;
	listen_begin(&b);
	memset(big, '[', BIG);
	assert_int_equal(post(&b, big, BIG), 413);
	expect_told(&b, "am:unobserved ");
	assert_int_equal(post(&b, big, 500000), 400);
	assert_int_equal(post_text(&b, "{\"alerts\":\"none\"}"), 400);
	await(&b, "probe.am.refused = 3 and probe.am.ok = 0");
	assert_int_equal(post_text(&b, ALERT("firing")), 200);
	expect_told(&b, "am:unobserved A=firing am:observed ");
	mem_free(big);
	bench_done(&b);
}

static void test_a_flood_of_posts(void **state)
{
	enum { POSTS = 1000, AT_ONCE = 50 };
	static struct post posts[AT_ONCE];
	nsec_t from = clock_mono(), until = from + 20 * NSEC_SEC;
	struct bench b;
	int sent = 0, done = 0;

	(void)state;
	memset(posts, 0, sizeof(posts));
	listen_begin(&b);
	for (int i = 0; i < AT_ONCE; i++, sent++)
		post_start(&b, &posts[i], ALERT("firing"),
			   strlen(ALERT("firing")));
	while (done < POSTS && clock_mono() < until) {
		loop_turn(b.loop, 20 * NSEC_MS);
		for (int i = 0; i < AT_ONCE; i++) {
			if (!posts[i].status)
				continue;
			assert_int_equal(posts[i].status, 200);
			posts[i].status = 0;
			done++;
			if (sent++ < POSTS)
				post_start(&b, &posts[i], ALERT("firing"),
					   strlen(ALERT("firing")));
		}
	}
	assert_int_equal(done, POSTS);
	expect_told(&b, "A=firing ");
	bench_done(&b);
}

static const char one_alert[] =
	"[{\"labels\":{\"alertname\":\"A\",\"pod\":\"1\"},\"status\":"
	"{\"state\":\"active\"},\"startsAt\":\"2026-01-02T03:04:05Z\"},"
	"{\"labels\":{\"alertname\":\"A\",\"pod\":\"2\"},\"status\":"
	"{\"state\":\"active\"},\"startsAt\":\"2026-01-02T03:04:05Z\"}]";

static void test_alertmanager(void **state)
{
	struct bench b;
	struct web web;
	AUTO_FREE char *text = NULL;

	(void)state;
	bench_init(&b);
	web_init(&web, &b, one_alert);
	text = mem_printf("[probe am]\nkind = alertmanager\n"
			  "url = http://%s\n", b.at);
	must_begin(&b, text);
	expect_told(&b, "A=firing ");
	web.status = 500;
	expect_told(&b, "A=firing am:unobserved ");
	web.status = 200;
	web.body = "[]";
	expect_told(&b, "A=firing am:unobserved am:observed A=over ");
	httpd_free(web.httpd);
	bench_done(&b);
}

static void test_prometheus(void **state)
{
	struct bench b;
	struct web web;
	AUTO_FREE char *text = NULL;

	(void)state;
	bench_init(&b);
	web_init(&web, &b, "{\"status\":\"success\",\"data\":{\"resultType\":"
			   "\"vector\",\"result\":[{\"metric\":{\"__name__\":"
			   "\"ALERTS\",\"alertname\":\"A\",\"alertstate\":"
			   "\"pending\"},\"value\":[1,\"7\"]}]}}");
	text = mem_printf("[probe p]\nkind = prometheus\nurl = http://%s/\n"
			  "gauge.x = sum(up{job=\"a b\"})\n", b.at);
	must_begin(&b, text);
	await(&b, "x = 7 and probe.p.ok = 1 and probe.p.last > 0");
	expect_told(&b, "A=pending ");
	/* Stale: the series is gone, and so is the alert. */
	web.body = "{\"status\":\"success\",\"data\":{\"resultType\":"
		   "\"vector\",\"result\":[]}}";
	expect_told(&b, "A=pending A=over ");
	await(&b, "absent(x) and probe.p.ok = 1");
	web.status = 500;
	expect_told(&b, "A=pending A=over p:unobserved ");
	httpd_free(web.httpd);
	bench_done(&b);
}

static void test_a_prometheus_that_hangs(void **state)
{
	struct bench b;
	AUTO_FREE char *text = NULL;

	(void)state;
	bench_init(&b);	/* it listens, and nobody accepts */
	text = mem_printf("[probe p]\nkind = prometheus\nurl = http://%s\n"
			  "timeout = 300ms\n", b.at);
	must_begin(&b, text);
	expect_told(&b, "p:unobserved ");
	bench_done(&b);
}

static void test_actuator(void **state)
{
	struct bench b;
	struct web web;
	AUTO_FREE char *text = NULL;

	(void)state;
	bench_init(&b);
	web_init(&web, &b, "{\"status\":\"UP\",\"components\":{\"db\":"
			   "{\"status\":\"UP\"}}}");
	text = mem_printf("[probe h]\nkind = actuator\nurl = http://%s/h\n"
			  "components = db, redis\n", b.at);
	must_begin(&b, text);
	await(&b, "probe.h.up = 1 and probe.h.db = 1 and "
		  "absent(probe.h.redis)");
	web.status = 503;
	web.body = "{\"status\":\"DOWN\",\"components\":{\"db\":{\"status\":"
		   "\"DOWN\"}}}";
	await(&b, "probe.h.up = 0 and probe.h.db = 0 and probe.h.ok = 1");
	web.body = "[]";
	await(&b, "probe.h.ok = 0 and absent(probe.h.up)");
	httpd_free(web.httpd);
	bench_done(&b);
}

/* Logs */

static void append(const char *path, const char *text, int times)
{
	FILE *f = fopen(path, "a");

	assert_non_null(f);
	for (int i = 0; i < times; i++)
		fputs(text, f);
	fclose(f);
}

static void test_log(void **state)
{
	char dir[] = "/tmp/gd-log-XXXXXX";
	AUTO_FREE char *path = NULL, *old = NULL, *text = NULL;
	struct bench b;

	(void)state;
	assert_non_null(mkdtemp(dir));
	path = mem_printf("%s/a.log", dir);
	old = mem_printf("%s/a.log.1", dir);
	append(path, "ERROR before the drill\n", 3);
	bench_init(&b);
	text = mem_printf("[probe l]\nkind = log\nfile = %s\n"
			  "pattern = ^ERROR\n", path);
	must_begin(&b, text);
	await(&b, "probe.l.lines = 0 and probe.l.matches = 0");
	append(path, "ERROR x\nfine\nERR", 1);
	await(&b, "probe.l.lines = 2 and probe.l.matches = 1");
	append(path, "OR y\n", 1);
	await(&b, "probe.l.lines = 3 and probe.l.matches = 2");
	/* A line of 1 MB, matched by its beginning. */
	append(path, "ERROR ", 1);
	append(path, "0123456789abcdef", 65536);
	append(path, "\nfine\n", 1);
	await(&b, "probe.l.lines = 5 and probe.l.matches = 3");
	/* Rotated: what the old one still got counts. */
	assert_int_equal(rename(path, old), 0);
	append(old, "ERROR late\n", 1);
	append(path, "ERROR new\n", 1);
	await(&b, "probe.l.lines = 7 and probe.l.matches = 5");
	assert_int_equal(truncate(path, 0), 0);
	append(path, "ERROR\n", 1);
	await(&b, "probe.l.lines = 8 and probe.l.matches = 6");
	bench_done(&b);
	unlink(path);
	unlink(old);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_webhook),
		cmocka_unit_test(test_hostile_webhook),
		cmocka_unit_test(test_a_flood_of_posts),
		cmocka_unit_test(test_alertmanager),
		cmocka_unit_test(test_prometheus),
		cmocka_unit_test(test_a_prometheus_that_hangs),
		cmocka_unit_test(test_actuator),
		cmocka_unit_test(test_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
