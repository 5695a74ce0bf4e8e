// links: gd_watch
/* SPDX-License-Identifier: Apache-2.0 */
/* What makes a second bad. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "chaos/base/mem.h"
#include "chaos/watch/slo.h"

static const char *const apis[] = { "a" };
static const struct load_scopes scopes = { .apis = apis, .n_apis = 1 };

static const struct slo all_targets = {
	.latency = { { "p95", 95, 2 } }, .n_latency = 1,
	.errors = 0.001, .throughput = 200,
};

static void second(struct windows *w, int64_t s, uint64_t due, uint64_t ok,
		   uint64_t timeouts, nsec_t latency)
{
	struct load_row r = { .due = due, .ok = ok };

	r.failed[LOAD_TIMEOUT] = timeouts;
	if (latency) {
		r.response = hist_new();
		hist_record_n(r.response, latency, ok + timeouts);
	}
	windows_add(w, s, &r, 1);
	hist_free(r.response);
}

static void expect_why(const struct slo *slo, struct windows *w,
		       const char *want)
{
	struct buf why;
	bool bad;

	buf_init(&why, 0);
	bad = slo_judge(slo, w, &why);
	assert_string_equal(why.data ? why.data : "", want);
	assert_int_equal(bad, *want != '\0');
	buf_done(&why);
}

static void test_no_data_is_good(void **state)
{
	struct windows *w = windows_new(&scopes);

	(void)state;
	expect_why(&all_targets, w, "");
	windows_free(w);
}

static void test_latency_over_10_seconds(void **state)
{
	struct windows *w = windows_new(&scopes);

	(void)state;
	for (int s = 0; s < 10; s++)
		second(w, s, 200, 200, 0, 100 * NSEC_MS);
	expect_why(&all_targets, w, "");
	second(w, 10, 200, 90, 0, 3 * NSEC_SEC);	/* 4.8 % of the 10 s */
	expect_why(&all_targets, w, "");
	second(w, 11, 200, 200, 0, 3 * NSEC_SEC);
	expect_why(&all_targets, w, "p95");
	for (int s = 12; s < 21; s++)
		second(w, s, 200, 200, 0, 100 * NSEC_MS);
	expect_why(&all_targets, w, "p95");
	second(w, 21, 200, 200, 0, 100 * NSEC_MS);
	expect_why(&all_targets, w, "");
	windows_free(w);
}

static void test_errors_above_the_target(void **state)
{
	struct windows *w = windows_new(&scopes);

	(void)state;
	for (int s = 0; s < 10; s++)
		second(w, s, 2000, 2000, 2, 0);
	expect_why(&all_targets, w, "");	/* 20 of 20020 */
	windows_free(w);
	w = windows_new(&scopes);
	for (int s = 0; s < 10; s++)
		second(w, s, 2000, 2000, s ? 2 : 3, 0);
	expect_why(&all_targets, w, "errors");	/* 21 of 20021 */
	windows_free(w);
}

static void test_throughput_is_of_what_was_due(void **state)
{
	struct windows *w = windows_new(&scopes);

	(void)state;
	/* 30/s are due and answered: less than the target, and fine. */
	for (int s = 0; s < 10; s++)
		second(w, s, 30, 25, 0, 0);
	expect_why(&all_targets, w, "");
	for (int s = 10; s < 20; s++)
		second(w, s, 30, 23, 0, 0);
	expect_why(&all_targets, w, "throughput");
	/* 400/s are due: 80 % of the target are enough */
	for (int s = 20; s < 30; s++)
		second(w, s, 400, 160, 0, 0);
	expect_why(&all_targets, w, "");
	for (int s = 30; s < 40; s++)
		second(w, s, 400, 159, 0, 0);
	expect_why(&all_targets, w, "throughput");
	windows_free(w);
}

static void test_silence(void **state)
{
	static const struct slo none = { .errors = 0 };
	struct windows *w = windows_new(&scopes);

	(void)state;
	for (int s = 0; s < 10; s++)
		second(w, s, 0, 0, 0, 0);
	expect_why(&none, w, "");		/* nothing was due */
	second(w, 10, 1, 0, 0, 0);
	expect_why(&none, w, "silent");
	expect_why(&all_targets, w, "throughput,silent");
	second(w, 11, 1, 0, 1, 0);		/* a timeout is no answer */
	expect_why(&none, w, "silent");
	second(w, 12, 1, 1, 0, 0);
	expect_why(&none, w, "");
	windows_free(w);
}

static void test_several_reasons(void **state)
{
	struct windows *w = windows_new(&scopes);

	(void)state;
	for (int s = 0; s < 10; s++)
		second(w, s, 200, 10, 100, 10 * NSEC_SEC);
	expect_why(&all_targets, w, "p95,errors,throughput");
	windows_free(w);
}

static void test_targets(void **state)
{
	struct slo_target t;
	struct err err;

	(void)state;
	assert_int_equal(slo_target_parse("p99.9=250ms", &t, &err), 0);
	assert_string_equal(t.name, "p99.9");
	assert_true(t.p > 99.89 && t.p < 99.91);
	assert_true(t.limit > 0.249 && t.limit < 0.251);
	assert_true(slo_target_parse("p0=1s", &t, &err) < 0);
	assert_true(slo_target_parse("p101=1s", &t, &err) < 0);
	assert_true(slo_target_parse("mean=1s", &t, &err) < 0);
	assert_true(slo_target_parse("p95=soon", &t, &err) < 0);
	assert_true(slo_target_parse("p95=0s", &t, &err) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_data_is_good),
		cmocka_unit_test(test_latency_over_10_seconds),
		cmocka_unit_test(test_errors_above_the_target),
		cmocka_unit_test(test_throughput_is_of_what_was_due),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_several_reasons),
		cmocka_unit_test(test_targets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
