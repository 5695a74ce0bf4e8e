// links: gd_watch
/* SPDX-License-Identifier: Apache-2.0 */
/* Sliding windows and gauges: sums, percentiles, rates, baselines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "chaos/watch/gauges.h"
#include "chaos/watch/windows.h"

static const char *const apis[] = { "product", "coupon" };
static const struct load_scopes scopes = { .apis = apis, .n_apis = 2 };

#define SEC(n) ((n) * NSEC_SEC)

static struct load_row row(uint32_t api, uint64_t ok, uint64_t timeouts)
{
	struct load_row r = { .api = api, .due = ok + timeouts, .ok = ok };

	r.failed[LOAD_TIMEOUT] = timeouts;
	return r;
}

static void expect_number(struct windows *w, const char *func,
			  const char *scope, nsec_t window, const char *cause,
			  double want)
{
	double value = -1;

	assert_int_equal(windows_value(w, func, scope, window, cause, &value),
			 0);
	if (fabs(value - want) > 1e-9)
		fail_msg("%s(%s) is %g, not %g", func, scope, value, want);
}

static void expect_rc(struct windows *w, const char *func, const char *scope,
		      const char *cause, int rc)
{
	double value;

	assert_int_equal(windows_value(w, func, scope, SEC(10), cause, &value),
			 rc);
}

static void test_counts(void **state)
{
	struct windows *w = windows_new(&scopes);
	struct load_row rows[3] = { row(0, 8, 2), row(1, 1, 3),
				    row(1, 0, 0) };

	(void)state;
	rows[2].phase = LOAD_FAULT;
	rows[2].business = 4;
	rows[2].client = 2;
	rows[2].failed[LOAD_429] = 2;
	expect_rc(w, "errors", "all", NULL, -ENODATA);
	windows_add(w, -1, rows, 3);
	expect_number(w, "client", "product", SEC(10), NULL, 0);
	expect_number(w, "client", "coupon", SEC(10), NULL, 2.0 / 12);
	expect_number(w, "errors", "product", SEC(10), NULL, 0.2);
	expect_number(w, "errors", "coupon", SEC(10), NULL, 5.0 / 12);
	expect_number(w, "errors", "all", SEC(10), NULL, 7.0 / 22);
	expect_number(w, "failed", "coupon", SEC(10), NULL, 5);
	expect_number(w, "failed", "all", SEC(10), "timeout", 5);
	expect_number(w, "failed", "all", SEC(10), "5xx", 0);
	expect_number(w, "throughput", "all", SEC(10), NULL, 9);
	expect_number(w, "offered", "coupon", SEC(10), NULL, 4);
	expect_rc(w, "errors", "nobody", NULL, -ENOENT);
	expect_rc(w, "failed", "all", "bad luck", -ENOENT);
	expect_rc(w, "surprise", "all", NULL, -ENOENT);
	windows_free(w);
}

static void test_a_window_slides(void **state)
{
	struct windows *w = windows_new(&scopes);
	struct load_row bad = row(0, 0, 10), good = row(0, 10, 0);

	(void)state;
	windows_add(w, 0, &bad, 1);
	for (int64_t s = 1; s < 10; s++)
		windows_add(w, s, &good, 1);
	expect_number(w, "errors", "product", SEC(10), NULL, 0.1);
	/* not given: 10 s */
	expect_number(w, "errors", "product", 0, NULL, 0.1);
	windows_add(w, 10, &good, 1);
	expect_number(w, "errors", "product", SEC(10), NULL, 0);
	expect_number(w, "failed", "product", SEC(11), NULL, 10);
	/* nothing was completed by that API: no share of errors */
	expect_rc(w, "errors", "coupon", NULL, -ENODATA);
	expect_number(w, "failed", "coupon", SEC(10), NULL, 0);
	windows_free(w);
}

static void test_seconds_left_out_are_empty(void **state)
{
	struct windows *w = windows_new(&scopes);
	struct load_row one = row(0, 10, 0);

	(void)state;
	windows_add(w, 0, &one, 1);
	windows_add(w, 4, &one, 1);
	expect_number(w, "throughput", "all", SEC(10), NULL, 4);
	expect_number(w, "throughput", "all", SEC(2), NULL, 5);
	/* what is past already is dropped */
	windows_add(w, 3, &one, 1);
	expect_number(w, "throughput", "all", SEC(2), NULL, 5);
	windows_free(w);
}

static void test_tags_and_those_beside(void **state)
{
	static const struct load_tag tags[] = { { "money", 2 }, { "two", 3 } };
	const struct load_scopes s = {
		.apis = apis, .n_apis = 2, .beside = 2, .tags = tags,
		.n_tags = 2,
	};
	struct windows *w = windows_new(&s);
	struct load_row rows[2] = { row(0, 8, 2), row(1, 0, 10) };

	(void)state;
	rows[0].checks_ok = 3;
	rows[1].checks_failed = 1;
	windows_add(w, 0, rows, 2);
	expect_number(w, "errors", "all", SEC(10), NULL, 0.2);
	expect_number(w, "errors", "coupon", SEC(10), NULL, 1);
	expect_number(w, "errors", "tag:money", SEC(10), NULL, 1);
	expect_number(w, "errors", "tag:two", SEC(10), NULL, 0.6);
	expect_number(w, "checks", "tag:two", SEC(10), NULL, 0.75);
	expect_rc(w, "errors", "tag:three", NULL, -ENOENT);
	expect_rc(w, "errors", "money", NULL, -ENOENT);
	windows_freeze(w);
	{
		double base = 0;

		assert_int_equal(windows_baseline(w, "errors", "tag:two",
						  &base), 0);
		assert_true(fabs(base - 0.6) < 1e-9);
	}
	windows_free(w);
}

static void test_the_ring_forgets(void **state)
{
	struct windows *w = windows_new(&scopes);
	struct load_row one = row(0, 1, 0), none = row(0, 0, 0);
	struct windows_sum sum;

	(void)state;
	for (int64_t s = -60; s < 3000; s++)
		windows_add(w, s, s < 1500 ? &one : &none, 1);
	expect_number(w, "throughput", "all", SEC(WINDOWS_SECONDS), NULL, 0);
	assert_int_equal(windows_sum(w, "all", 5000, &sum), 0);
	assert_int_equal(sum.seconds, WINDOWS_SECONDS);
	assert_int_equal(sum.ok, 0);
	/* what was left out is empty, whatever the ring had there */
	for (int64_t s = 3000; s < 5000; s++)
		windows_add(w, s, &one, 1);
	windows_add(w, 5010, &one, 1);
	assert_int_equal(windows_sum(w, "all", 11, &sum), 0);
	assert_int_equal(sum.ok, 1);
	/* a gap longer than the ring begins anew */
	windows_add(w, 9000, &one, 1);
	assert_int_equal(windows_sum(w, "all", 5000, &sum), 0);
	assert_int_equal(sum.seconds, 1);
	assert_int_equal(sum.ok, 1);
	windows_free(w);
}

static void add_latencies(struct windows *w, int64_t second, uint32_t api,
			  nsec_t value, uint64_t n)
{
	struct load_row r = row(api, n, 0);

	r.response = hist_new();
	hist_record_n(r.response, value, n);
	windows_add(w, second, &r, 1);
	hist_free(r.response);
}

static void expect_latency(struct windows *w, const char *func,
			   const char *scope, nsec_t window, double want)
{
	double value = -1;

	assert_int_equal(windows_value(w, func, scope, window, NULL, &value),
			 0);
	if (fabs(value - want) > want * 0.001)
		fail_msg("%s(%s) is %g, not %g", func, scope, value, want);
}

static void test_percentiles(void **state)
{
	struct windows *w = windows_new(&scopes);

	(void)state;
	expect_rc(w, "latency.p95", "all", NULL, -ENODATA);
	add_latencies(w, 0, 0, 100 * NSEC_MS, 90);
	add_latencies(w, 1, 1, SEC(8), 10);
	expect_latency(w, "latency.p50", "all", SEC(10), 0.1);
	expect_latency(w, "latency.p90", "all", SEC(10), 0.1);
	expect_latency(w, "latency.p95", "all", SEC(10), 8);
	expect_latency(w, "latency.p99.9", "all", SEC(10), 8);
	expect_latency(w, "latency.p95", "product", SEC(10), 0.1);
	expect_latency(w, "latency.p50", "all", SEC(1), 8);
	expect_rc(w, "latency.p0", "all", NULL, -ENOENT);
	expect_rc(w, "latency.p101", "all", NULL, -ENOENT);
	add_latencies(w, 2, 0, SEC(1), 1000);
	expect_latency(w, "latency.p50", "all", SEC(10), 1);
	add_latencies(w, 50, 0, 10 * NSEC_MS, 1);
	expect_latency(w, "latency.p95", "all", SEC(10), 0.01);
	expect_latency(w, "latency.p95", "all", SEC(120), 1);
	windows_free(w);
}

static void test_phases_of_one_second_add_up(void **state)
{
	struct windows *w = windows_new(&scopes);
	struct load_row rows[2] = { row(0, 1, 0), row(0, 9, 0) };

	(void)state;
	rows[1].phase = LOAD_FAULT;
	for (int i = 0; i < 2; i++) {
		rows[i].response = hist_new();
		hist_record_n(rows[i].response, i ? SEC(2) : SEC(1),
			      rows[i].ok);
	}
	windows_add(w, 0, rows, 2);
	expect_latency(w, "latency.p10", "product", SEC(10), 1);
	expect_latency(w, "latency.p50", "product", SEC(10), 2);
	for (int i = 0; i < 2; i++)
		hist_free(rows[i].response);
	windows_free(w);
}

static void test_baseline_of_the_lead_in(void **state)
{
	struct windows *w = windows_new(&scopes);
	struct load_row bad = row(1, 0, 10);
	double value;

	(void)state;
	for (int64_t s = -20; s < 0; s++)
		add_latencies(w, s, 0, 100 * NSEC_MS, 5);
	assert_int_equal(windows_baseline(w, "errors", "all", &value),
			 -ENODATA);
	windows_freeze(w);
	windows_add(w, 0, &bad, 1);
	windows_freeze(w);	/* once only */
	assert_int_equal(windows_baseline(w, "errors", "all", &value), 0);
	assert_true(value < 1e-9);
	assert_int_equal(windows_baseline(w, "throughput", "all", &value), 0);
	assert_true(fabs(value - 5) < 1e-9);
	assert_int_equal(windows_baseline(w, "latency.p95", "product", &value),
			 0);
	assert_true(fabs(value - 0.1) < 0.001);
	assert_int_equal(windows_baseline(w, "latency.p95", "coupon", &value),
			 -ENODATA);
	windows_free(w);
}

static void test_gauge_values(void **state)
{
	struct gauges *g = gauges_new();
	const char *const *names;
	const double *values;
	double value;

	(void)state;
	assert_int_equal(gauges_value(g, "a", &value), -ENOENT);
	gauges_set(g, "b", 0, 1);
	gauges_set(g, "a", 0, NAN);
	gauges_set(g, "b", SEC(1), 2);
	assert_int_equal(gauges_value(g, "b", &value), 0);
	assert_true(fabs(value - 2) < 1e-9);
	assert_int_equal(gauges_value(g, "a", &value), -ENODATA);
	assert_int_equal(gauges_all(g, &names, &values), 2);
	assert_string_equal(names[0], "b");
	assert_string_equal(names[1], "a");
	assert_true(isnan(values[1]));
	gauges_free(g);
}

static void expect_gauge_rate(const struct gauges *g, nsec_t window,
			      nsec_t now, double want)
{
	double value = -1;

	assert_int_equal(gauges_rate(g, "n", window, now, &value), 0);
	if (fabs(value - want) > 1e-9)
		fail_msg("the rate is %g, not %g", value, want);
}

static void test_gauge_rates(void **state)
{
	struct gauges *g = gauges_new();
	double value;

	(void)state;
	assert_int_equal(gauges_rate(g, "n", SEC(10), 0, &value), -ENOENT);
	for (int i = 0; i <= 20; i++)
		gauges_set(g, "n", SEC(i), i <= 10 ? 5 * i : 50);
	expect_gauge_rate(g, SEC(10), SEC(10), 5);
	expect_gauge_rate(g, SEC(10), SEC(20), 0);
	expect_gauge_rate(g, SEC(20), SEC(20), 2.5);
	/* the newest is too old to say anything about now */
	assert_int_equal(gauges_rate(g, "n", SEC(10), SEC(25), &value),
			 -ENODATA);
	/* what is unknown is left out */
	gauges_set(g, "n", SEC(21), NAN);
	expect_gauge_rate(g, SEC(10), SEC(21), 0);
	gauges_free(g);
}

static void test_a_short_history_has_no_rate(void **state)
{
	struct gauges *g = gauges_new();
	double value;

	(void)state;
	gauges_set(g, "n", 0, 7);
	assert_int_equal(gauges_rate(g, "n", SEC(10), 0, &value), -ENODATA);
	gauges_set(g, "n", SEC(3), 7);
	assert_int_equal(gauges_rate(g, "n", SEC(10), SEC(3), &value),
			 -ENODATA);
	gauges_set(g, "n", SEC(8), 7);
	expect_gauge_rate(g, SEC(10), SEC(8), 0);
	gauges_free(g);
}

static void test_gauge_baseline(void **state)
{
	struct gauges *g = gauges_new();
	double value;

	(void)state;
	gauges_set(g, "n", SEC(-5), 1);
	gauges_set(g, "n", SEC(-4), 100);
	gauges_set(g, "n", SEC(-3), 3);
	gauges_set(g, "n", SEC(-2), NAN);
	gauges_set(g, "empty", SEC(-2), NAN);
	assert_int_equal(gauges_baseline(g, "n", &value), -ENODATA);
	gauges_freeze(g);
	gauges_set(g, "n", 0, 1000);
	gauges_set(g, "late", 0, 1);
	assert_int_equal(gauges_baseline(g, "n", &value), 0);
	assert_true(fabs(value - 3) < 1e-9);
	assert_int_equal(gauges_baseline(g, "empty", &value), -ENODATA);
	assert_int_equal(gauges_baseline(g, "late", &value), -ENODATA);
	assert_int_equal(gauges_baseline(g, "never", &value), -ENOENT);
	gauges_free(g);
}

static double of_gauge(const struct gauges *g, const char *func, nsec_t window,
		       nsec_t now)
{
	double value;

	return gauges_func(g, func, "n", window, now, &value) ? NAN : value;
}

static void test_gauge_slopes(void **state)
{
	struct gauges *g = gauges_new();

	(void)state;
	assert_true(isnan(of_gauge(g, "delta", SEC(30), 0)));
	for (int t = 0; t <= 30; t += 10)
		gauges_set(g, "n", SEC(t), t == 20 ? NAN : 2 * t);
	assert_true(fabs(of_gauge(g, "deriv", SEC(30), SEC(30)) - 2) < 1e-9);
	/* 60 over 30 s, and 5 s behind the last sample, which is near. */
	assert_true(fabs(of_gauge(g, "delta", SEC(35), SEC(35)) - 70) < 1e-9);
	/* One sample shows no slope. */
	assert_true(isnan(of_gauge(g, "deriv", SEC(9), SEC(30))));
	gauges_free(g);
}

static void test_absent_gauges(void **state)
{
	struct gauges *g = gauges_new();

	(void)state;
	assert_int_equal(of_gauge(g, "absent", 0, 0), 1);
	gauges_set(g, "n", SEC(10), 0);
	assert_int_equal(of_gauge(g, "absent", 0, SEC(10)), 0);
	assert_int_equal(of_gauge(g, "absent", 0, SEC(309)), 0);
	assert_int_equal(of_gauge(g, "absent", 0, SEC(310)), 1);
	assert_int_equal(of_gauge(g, "absent", SEC(30), SEC(40)), 0);
	assert_int_equal(of_gauge(g, "absent", SEC(30), SEC(41)), 1);
	gauges_set(g, "n", SEC(20), NAN);
	assert_int_equal(of_gauge(g, "absent", 0, SEC(20)), 1);
	assert_int_equal(of_gauge(g, "absent", SEC(30), SEC(20)), 0);
	gauges_free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_a_window_slides),
		cmocka_unit_test(test_seconds_left_out_are_empty),
		cmocka_unit_test(test_tags_and_those_beside),
		cmocka_unit_test(test_the_ring_forgets),
		cmocka_unit_test(test_percentiles),
		cmocka_unit_test(test_phases_of_one_second_add_up),
		cmocka_unit_test(test_baseline_of_the_lead_in),
		cmocka_unit_test(test_gauge_values),
		cmocka_unit_test(test_gauge_rates),
		cmocka_unit_test(test_a_short_history_has_no_rate),
		cmocka_unit_test(test_gauge_baseline),
		cmocka_unit_test(test_gauge_slopes),
		cmocka_unit_test(test_absent_gauges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
