// links: gd_watch
/* SPDX-License-Identifier: Apache-2.0 */
/* The second: threads' rows in, judgement, alerts and gauges out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/watch/watch.h"

#define SEC(n) ((n) * NSEC_SEC)

static const struct section_spec *const specs[] = {
	&watch_slo_section, &watch_probe_section, &watch_detect_section,
	&watch_detection_section, &watch_recovery_section,
	&watch_threshold_section, NULL
};

static const char *const apis[] = { "product", "coupon" };
static const struct load_tag tags[] = { { "money", 2 } };
static const struct load_scopes scopes = {
	.apis = apis, .n_apis = 2, .tags = tags, .n_tags = 1,
};

/* One run of watch on a virtual loop; all that it tells, as text. */
struct bench {
	struct load_scopes scopes;
	struct scenario *sc;
	struct watch_conf *conf;
	struct loop *loop;
	struct watch *watch;
	struct buf told;
};

static void on_alert(void *arg, const struct watch_alert *a)
{
	struct bench *b = arg;

	buf_addf(&b->told, "%g alert %s/%s %d>%d (%s)\n",
		 (double)a->t / NSEC_SEC, a->name, a->severity, (int)a->from,
		 (int)a->to, a->explain);
}

static void on_second(void *arg, const struct watch_second *s)
{
	struct bench *b = arg;

	buf_addf(&b->told, "%lld users %g rows %zu%s%s\n",
		 (long long)s->second, s->users, s->n, s->bad ? " bad " : "",
		 s->why);
}

static void on_gauges(void *arg, int64_t second, const char *const *names,
		      const double *values, size_t n)
{
	struct bench *b = arg;

	buf_addf(&b->told, "%lld:", (long long)second);
	for (size_t i = 0; i < n; i++)
		buf_addf(&b->told, " %s=%g", names[i], values[i]);
	buf_adds(&b->told, "\n");
}

static struct watch_conf *read_conf(const char *text, struct scenario **ret)
{
	struct watch_conf *conf = NULL;
	struct errs errs;

	errs_init(&errs);
	scenario_parse("a.ini", text, specs, NULL, NULL, ret, &errs);
	if (*ret)
		watch_conf_read(*ret, &conf, &errs);
	if (errs.n)
		fail_msg("%d: %s", errs.v[0].line, errs.v[0].msg);
	errs_done(&errs);
	return conf;
}

static void bench_init(struct bench *b, const char *text, size_t n_apis)
{
	struct watch_args args = {
		.scopes = &b->scopes, .alert = on_alert,
		.second = on_second, .arg = b,
	};
	struct err err;

	memset(b, 0, sizeof(*b));
	b->scopes = (struct load_scopes){ .apis = apis, .n_apis = n_apis };
	b->scopes.beside = strstr(text, "; beside") ? 1 : 0;
	b->conf = read_conf(text, &b->sc);
	assert_int_equal(loop_new(LOOP_VIRTUAL, &b->loop, &err), 0);
	args.conf = b->conf;
	args.loop = b->loop;
	if (strstr(text, "; gauges"))
		args.gauges = on_gauges;
	assert_int_equal(watch_new(&args, &b->watch, &err), 0);
	buf_init(&b->told, 0);
}

static void bench_done(struct bench *b)
{
	watch_free(b->watch);
	watch_conf_free(b->conf);
	scenario_free(b->sc);
	loop_free(b->loop);
	buf_done(&b->told);
}

static void expect_told(struct bench *b, const char *want)
{
	assert_string_equal(b->told.data ? b->told.data : "", want);
	buf_reset(&b->told);
}

static void send_second(struct bench *b, uint32_t thread, uint32_t threads,
			int64_t second, uint64_t ok, uint64_t timeouts)
{
	struct load_row r = { .api = 1, .due = ok + timeouts, .ok = ok };
	struct load_snapshot s = {
		.thread = thread, .threads = threads, .second = second,
		.users = 10, .in_flight = 3, .rows = &r, .n = 1,
	};

	r.failed[LOAD_TIMEOUT] = timeouts;
	r.response = hist_new();
	hist_record_n(r.response, SEC(1), ok + timeouts);
	watch_snapshot(b->watch, &s);
	hist_free(r.response);
}

static double value_of(struct bench *b, const char *text)
{
	/* "X = X" holds when X is known; the value comes through the env */
	struct expr_ref ref = { .arg = text };
	const struct expr_env *env = watch_env(b->watch);
	double value;

	return env->value(env->arg, &ref, &value) ? NAN : value;
}

static enum expr_tri truth(struct bench *b, const char *text)
{
	struct expr *e;
	struct err err;
	enum expr_tri tri;

	if (expr_parse(text, &e, &err))
		fail_msg("%s", err.msg);
	tri = expr_eval(e, watch_env(b->watch));
	expr_free(e);
	return tri;
}

/* product is an await's time here, and coupon the only API of requests. */
static void test_what_is_beside_is_in_no_sum(void **state)
{
	struct load_row rows[2] = { { .api = 0, .due = 10, .ok = 4 },
				    { .api = 1, .due = 10, .ok = 10 } };
	struct load_snapshot s = { .threads = 1, .rows = rows, .n = 2 };
	struct bench b;

	(void)state;
	rows[0].failed[LOAD_TIMEOUT] = 6;
	bench_init(&b, "[slo]\nerrors = 10%\n; beside\n", 2);
	watch_snapshot(b.watch, &s);
	expect_told(&b, "0 users 0 rows 2\n");	/* a good second */
	assert_int_equal(truth(&b, "errors(product, 10s) = 0.6"), EXPR_TRUE);
	assert_int_equal(truth(&b, "errors(all, 10s) = 0"), EXPR_TRUE);
	assert_int_equal(truth(&b, "errors(each, 10s) = 0"), EXPR_TRUE);
	assert_int_equal(truth(&b, "throughput(all, 1s) = 10"), EXPR_TRUE);
	assert_int_equal(truth(&b, "offered(all, 1s) = 10"), EXPR_TRUE);
	bench_done(&b);
	bench_init(&b, "[slo]\nerrors = 10%\n", 2);
	watch_snapshot(b.watch, &s);
	assert_int_equal(truth(&b, "errors(all, 10s) = 0.3"), EXPR_TRUE);
	assert_int_equal(truth(&b, "errors(each, 10s) = 0"), EXPR_FALSE);
	bench_done(&b);
}

static void test_a_second_waits_for_every_thread(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, "[slo]\nerrors = 10%\n", 2);
	send_second(&b, 0, 2, 0, 10, 0);
	send_second(&b, 0, 2, 1, 10, 0);
	expect_told(&b, "");
	assert_int_equal(truth(&b, "errors(coupon, 10s) = 0"), EXPR_UNKNOWN);
	send_second(&b, 1, 2, 0, 5, 15);
	expect_told(&b, "0 users 20 rows 1 bad errors\n");
	assert_int_equal(truth(&b, "errors(coupon, 10s) = 0.5"), EXPR_TRUE);
	assert_int_equal(truth(&b, "throughput(all, 1s) = 15"), EXPR_TRUE);
	assert_int_equal(truth(&b, "latency.p95(all, 10s) < 1.01"), EXPR_TRUE);
	send_second(&b, 1, 2, 1, 90, 0);
	expect_told(&b, "1 users 20 rows 1 bad errors\n");
	/* one that a thread skipped is not waited for for ever */
	send_second(&b, 0, 2, 2, 100, 0);
	send_second(&b, 0, 2, 3, 100, 0);
	send_second(&b, 1, 2, 3, 100, 0);
	expect_told(&b, "2 users 10 rows 1\n3 users 20 rows 1\n");
	bench_done(&b);
}

static void test_alerts(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, "[detect bad]\nwhen = errors(coupon, 1s) > 50%\n"
		       "for = 2s\nseverity = critical\n", 2);
	/* silent, and known to be so, before any data */
	assert_int_equal(truth(&b, "alert.bad = 0"), EXPR_TRUE);
	send_second(&b, 0, 1, 0, 1, 9);
	assert_int_equal(truth(&b, "alert.bad = 1"), EXPR_TRUE);
	send_second(&b, 0, 1, 1, 1, 9);
	send_second(&b, 0, 1, 2, 1, 9);
	assert_int_equal(truth(&b, "alert.bad = 2"), EXPR_TRUE);
	send_second(&b, 0, 1, 3, 9, 1);
	assert_int_equal(truth(&b, "alert.bad = 0"), EXPR_TRUE);
	expect_told(&b,
		    "0 users 10 rows 1\n"
		    "1 alert bad/critical 0>1 (errors(coupon, 1s) = 0.9)\n"
		    "1 users 10 rows 1\n2 users 10 rows 1\n"
		    "3 alert bad/critical 1>2 (errors(coupon, 1s) = 0.9)\n"
		    "3 users 10 rows 1\n"
		    "4 alert bad/critical 2>0 (errors(coupon, 1s) = 0.1)\n");
	bench_done(&b);
}

static void test_gauges_are_told_each_second(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, "; gauges\n[slo]\n", 2);
	watch_gauge(b.watch, "pool.active", 0, 16);
	send_second(&b, 0, 1, 0, 1, 0);
	expect_told(&b, "0 users 10 rows 1\n"
			"0: pool.active=16 users=10 in_flight=3\n");
	bench_done(&b);
}

static void test_baselines(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, "[slo]\n", 2);
	for (int s = -10; s < 0; s++) {
		watch_gauge(b.watch, "rtt", SEC(s), 0.002);
		send_second(&b, 0, 1, s, 9, 1);
	}
	assert_int_equal(truth(&b, "baseline(rtt) > 0"), EXPR_UNKNOWN);
	watch_freeze_baseline(b.watch);
	watch_gauge(b.watch, "rtt", 0, 0.012);
	send_second(&b, 0, 1, 0, 0, 1000);
	assert_int_equal(truth(&b, "rtt - baseline(rtt) >= 8ms"), EXPR_TRUE);
	assert_int_equal(truth(&b, "rtt - baseline(rtt) >= 11ms"), EXPR_FALSE);
	assert_int_equal(truth(&b, "baseline(errors(all, 10s)) = 10%"),
			 EXPR_TRUE);
	assert_int_equal(truth(&b, "errors(each, 10s) > 10%"), EXPR_UNKNOWN);
	assert_int_equal(truth(&b, "errors(coupon, 10s) > 90%"), EXPR_TRUE);
	bench_done(&b);
}

/* A source on the virtual loop. */
struct source {
	struct watch *watch;
	int started, samples, stopped;
	nsec_t last;
};

static int source_start(void *self, struct watch *w, struct err *err)
{
	struct source *s = self;

	(void)err;
	s->watch = w;
	s->started++;
	return 0;
}

static void source_sample(void *self, nsec_t t)
{
	struct source *s = self;

	s->samples++;
	s->last = t;
	watch_gauge(s->watch, "n", t, s->samples);
}

static void source_stop(void *self)
{
	struct source *s = self;

	s->stopped++;
}

static const struct watch_source_ops source_ops = {
	.name = "test", .start = source_start, .sample = source_sample,
	.stop = source_stop,
};

static void run_until(struct bench *b, nsec_t t)
{
	while (loop_now(b->loop) < t)
		loop_turn(b->loop, 0);
}

static void test_sources_are_sampled(void **state)
{
	struct source source = { 0 };
	struct bench b;
	struct err err;

	(void)state;
	bench_init(&b, "[slo]\n", 2);
	watch_add_source(b.watch, &source_ops, &source);
	assert_int_equal(watch_start(b.watch, false, &err), 0);
	assert_int_equal(source.started, 1);
	run_until(&b, SEC(5));
	assert_int_equal(source.samples, 5);
	assert_int_equal(source.last, SEC(5));
	/* each 100 real ms; at speed 1 ten a second beside the tick */
	watch_sample_fast(b.watch, true);
	watch_sample_fast(b.watch, true);
	watch_sample_fast(b.watch, false);
	run_until(&b, SEC(6));
	assert_in_range(source.samples, 15, 16);
	watch_sample_fast(b.watch, false);
	source.samples = 0;
	run_until(&b, SEC(9));
	assert_in_range(source.samples, 3, 4);
	watch_stop(b.watch);
	watch_stop(b.watch);
	assert_int_equal(source.stopped, 1);
	bench_done(&b);
}

static void test_without_traffic_seconds_pass(void **state)
{
	struct source source = { 0 };
	struct bench b;
	struct err err;

	(void)state;
	bench_init(&b, "[detect n]\nwhen = n >= 2\n", 0);
	watch_add_source(b.watch, &source_ops, &source);
	assert_int_equal(watch_start(b.watch, false, &err), 0);
	run_until(&b, SEC(3));
	expect_told(&b, "0 users 0 rows 0\n"
			"1 users 0 rows 0\n"
			"2 alert n/warning 0>2 (n = 2)\n"
			"2 users 0 rows 0\n");
	assert_true(fabs(value_of(&b, "n") - 3) < 1e-9);
	bench_done(&b);
}

static void expect_conf_error(const char *text, int line, const char *part)
{
	struct scenario *sc = NULL;
	struct watch_conf *conf = NULL;
	struct errs errs;

	errs_init(&errs);
	scenario_parse("a.ini", text, specs, NULL, NULL, &sc, &errs);
	if (sc)
		watch_conf_read(sc, &conf, &errs);
	watch_conf_free(conf);
	assert_int_equal(errs.n, 1);
	assert_int_equal(errs.v[0].line, line);
	if (!strstr(errs.v[0].msg, part))
		fail_msg("%s", errs.v[0].msg);
	scenario_free(sc);
	errs_done(&errs);
}

static void test_sections(void **state)
{
	struct scenario *sc;
	struct watch_conf *conf;

	(void)state;
	conf = read_conf("[slo]\nlatency.p95 = 2s\nlatency.p99 = 4s\n"
			 "errors = 0.1%\n[recovery]\nstable_for = 90s\n"
			 "[detection]\nseverity = page\n"
			 "[probe a]\nkind = tcp\nurl = 127.0.0.1:1\n"
			 "[probe b]\nkind = sql\nurl = 127.0.0.1:1\n"
			 "gauge.x.y = SELECT 1 ; a comment\n", &sc);
	assert_int_equal(watch_conf_slo(conf)->latency.n, 2);
	assert_string_equal(watch_conf_slo(conf)->latency.v[1], "p99=4s");
	assert_int_equal(watch_conf_stable_for(conf), SEC(90));
	assert_string_equal(watch_conf_severity(conf), "page");
	watch_conf_free(conf);
	scenario_free(sc);
	conf = read_conf("", &sc);
	assert_int_equal(watch_conf_stable_for(conf), SEC(60));
	assert_string_equal(watch_conf_severity(conf), "critical");
	watch_conf_free(conf);
	scenario_free(sc);
	expect_conf_error("[slo]\nlatency.mean = 2s\n", 2, "percentile");
	expect_conf_error("[probe a]\nkind = postgress\nurl = x\n", 1,
			  "did you mean 'postgres'");
	expect_conf_error("[probe a]\nkind = tcp\n", 1, "'url'");
	expect_conf_error("[probe a]\nkind = metrics\nurl = x\n"
			  "gauge.a = b{c=d}\n", 1, "no selector");
}

static void expect_ref(const struct watch_conf *conf, const char *text,
			 int rc, const char *part)
{
	static const char *const extra[] = { "link.db.size", NULL };
	struct err err = { .msg = "" };
	struct expr *e;

	if (expr_parse(text, &e, &err))
		fail_msg("%s", err.msg);
	if (watch_check_expr(conf, &scopes, extra, e, &err) != rc ||
	    (rc && !strstr(err.msg, part)))
		fail_msg("%s: %s", text, err.msg);
	expr_free(e);
}

static void test_references_are_checked(void **state)
{
	struct scenario *sc;
	struct watch_conf *conf =
		read_conf("[probe db]\nkind = postgres\nurl = 127.0.0.1:1\n"
			  "[probe q]\nkind = sql\nurl = 127.0.0.1:1\n"
			  "gauge.pg.active = SELECT 1\n"
			  "[detect bad]\nwhen = users > 1\n", &sc);

	(void)state;
	expect_ref(conf, "errors(coupon, 10s) > 1%", 0, "");
	expect_ref(conf, "errors(each, 10s) > 1% and users > 3", 0, "");
	expect_ref(conf, "rate(pg.active, 10s) = 0", 0, "");
	expect_ref(conf, "probe.db.p50 - baseline(probe.db.p50) > 8ms", 0,
		     "");
	expect_ref(conf, "probe.db.ok = 1 and link.db.size = 16", 0, "");
	expect_ref(conf, "alert.bad = 0", 0, "");
	expect_ref(conf, "baseline(latency.p95(all, 10s)) > 1", 0, "");
	expect_ref(conf, "pg.activ > 1", -ENOENT, "did you mean 'pg.active'");
	expect_ref(conf, "rate(zzzzz, 10s) > 1", -ENOENT, "unknown gauge");
	expect_ref(conf, "alert.none = 0", -ENOENT, "alert.none");
	expect_ref(conf, "errors(orders, 10s) > 1%", -ENOENT,
		     "there are product, coupon, tag:money, all, each");
	expect_ref(conf, "errors(tag:money, 10s) > 1%", 0, "");
	expect_ref(conf, "checks(tag:mony) > 1%", -ENOENT, "unknown scope");
	expect_ref(conf, "failed(all, 10s, badluck) > 1", -ENOENT, "cause");
	expect_ref(conf, "latency.p95(all, 10m) > 1", -EINVAL, "at most");
	expect_ref(conf, "errors(all, 1h) > 1", -EINVAL, "20m");
	expect_ref(conf, "baseline(errors(orders, 10s)) > 1", -ENOENT,
		     "unknown scope");
	watch_conf_free(conf);
	scenario_free(sc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_second_waits_for_every_thread),
		cmocka_unit_test(test_what_is_beside_is_in_no_sum),
		cmocka_unit_test(test_alerts),
		cmocka_unit_test(test_gauges_are_told_each_second),
		cmocka_unit_test(test_baselines),
		cmocka_unit_test(test_sources_are_sampled),
		cmocka_unit_test(test_without_traffic_seconds_pass),
		cmocka_unit_test(test_sections),
		cmocka_unit_test(test_references_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
