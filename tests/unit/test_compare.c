// links: gd_report gd_plan
/* SPDX-License-Identifier: Apache-2.0 */
/* Two sides: the same does not differ, 20 ms more does; the intervals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "chaos/base/rng.h"
#include "chaos/report/bootstrap.h"
#include "chaos/report/compare.h"
#include "report_gold.h"

enum { SECONDS = 60 };

/* What a run is drawn from. */
struct made {
	uint64_t seed;
	double ms;		/* median latency */
	double errors;		/* share */
	double detected;	/* s */
};

/*
 * 50 requests a second; their latency drifts slowly, as real ones do, so that
 * neighbouring seconds are alike.
 */
static void put_run(struct gold *g, const struct made *m)
{
	struct hist *h = hist_new();
	AUTO_FREE char *path = NULL;
	double drift = 0;
	struct rng rng;
	struct buf b;
	FILE *f;

	gold_init(g);
	path = mem_printf("%s/%s", g->dir, HLOG_FILE);
	f = fopen(path, "w");
	hist_log_header(f, 0);
	buf_init(&b, 1 << 20);
	rng_init(&rng, m->seed, 0);
	for (int t = 0; t < SECONDS; t++) {
		unsigned failed = 0;

		hist_reset(h);
		drift = 0.8 * drift + rng_normal(&rng, 0, 0.02);
		for (int i = 0; i < 50; i++) {
			double ms = rng_lognormal(&rng, m->ms * (1 + drift),
						  0.2);

			hist_record(h, (nsec_t)(ms * 1e6));
			failed += rng_double(&rng) < m->errors;
		}
		buf_addf(&b, "{\"kind\":\"api\",\"t\":%d,\"api\":\"order\","
			     "\"phase\":\"fault\",\"due\":50,\"ok\":%u,"
			     "\"client\":0,\"business\":0,\"failed\":"
			     "{\"timeout\":%u}}\n"
			     "{\"kind\":\"gauge\",\"t\":%d}\n",
			 t, 50 - failed, failed, t);
		hist_log_write(f, "order/fault/response", t, 1, h);
	}
	fclose(f);
	put(g->dir, SERIES_FILE, b.data, b.len);
	buf_reset(&g->events);
	buf_addf(&g->events, HEAD, "false", "");
	buf_addf(&g->events, "{\"t\":1,\"ev\":\"milestone\",\"name\":"
			     "\"detected\",\"at_s\":%g}\n", m->detected);
	buf_done(&b);
	hist_free(h);
}

static struct report *made(const struct made *m)
{
	struct gold g;
	struct report *r;

	put_run(&g, m);
	r = load(&g);
	gold_done(&g);
	return r;
}

/* Caller decrefs. */
static json_t *compared(const struct made *a, size_t n_a, const struct made *b,
			size_t n_b)
{
	struct report *ra[4], *rb[4];
	struct compare_args args = {
		.a = (const struct report *const *)ra, .n_a = n_a,
		.b = (const struct report *const *)rb, .n_b = n_b,
		.floor = 0.1, .floor_ms = 1, .alpha = 0.05, .seed = 1,
	};
	json_t *root;

	for (size_t i = 0; i < n_a; i++)
		ra[i] = made(&a[i]);
	for (size_t i = 0; i < n_b; i++)
		rb[i] = made(&b[i]);
	root = compare_runs(&args);
	for (size_t i = 0; i < n_a; i++)
		report_free(ra[i]);
	for (size_t i = 0; i < n_b; i++)
		report_free(rb[i]);
	return root;
}

static const char *verdict(const json_t *root, const char *figure)
{
	json_t *row;
	size_t i;

	json_array_foreach(json_at(root, "apis/0/figures"), i, row)
		if (strcmp(json_str(row, "name", ""), figure) == 0)
			return json_str(row, "verdict", "");
	return "";
}

/* Twenty pairs of the same: none may differ (at 5 % one might, by chance). */
static void test_the_same_does_not_differ(void **state)
{
	int differ = 0;

	(void)state;
	for (uint64_t i = 0; i < 20; i++) {
		const struct made a = { 2 * i, 50, 0.02, 30 };
		const struct made b = { 2 * i + 1, 50, 0.02, 31 };
		json_t *root = compared(&a, 1, &b, 1);

		differ += json_int64(root, "worse", 9) +
				  json_int64(root, "better", 9) > 0;
		json_decref(root);
	}
	assert_in_range(differ, 0, 1);
}

static void test_twenty_ms_do(void **state)
{
	const struct made a = { 1, 50, 0.02, 30 }, b = { 2, 70, 0.02, 30 };
	json_t *root = compared(&a, 1, &b, 1);

	(void)state;
	assert_string_equal(verdict(root, "p50"), "worse");
	assert_string_equal(verdict(root, "p95"), "worse");
	assert_string_equal(verdict(root, "throughput"), "same");
	assert_string_equal(verdict(root, "errors"), "same");
	assert_float_equal(json_num(root, "apis/0/figures/2/difference", 0), 20,
			   2);
	assert_true(json_num(root, "apis/0/figures/2/low", 0) > 15);
	assert_true(json_num(root, "apis/0/figures/2/high", 99) < 25);
	json_decref(root);
	root = compared(&b, 1, &a, 1);
	assert_string_equal(verdict(root, "p50"), "better");
	assert_int_equal(json_int64(root, "worse", 9), 0);
	json_decref(root);
}

static void test_errors_do(void **state)
{
	const struct made a = { 1, 50, 0, 30 }, b = { 2, 50, 0.05, 30 };
	json_t *root = compared(&a, 1, &b, 1);

	(void)state;
	assert_string_equal(verdict(root, "errors"), "worse");
	assert_string_equal(verdict(root, "p50"), "same");
	json_decref(root);
}

/* What varies from run to run more than within one is noise, too. */
static void test_several_runs_show_what_varies(void **state)
{
	const struct made a[] = { { 1, 40, 0, 30 }, { 2, 60, 0, 31 },
				  { 3, 80, 0, 32 } };
	const struct made b[] = { { 4, 55, 0, 60 }, { 5, 75, 0, 61 },
				  { 6, 95, 0, 62 } };
	json_t *root = compared(a, 1, b, 1);

	(void)state;
	assert_string_equal(verdict(root, "p50"), "worse");
	assert_string_equal(json_str(root, "milestones/0/verdict", ""),
			    "unknown");
	json_decref(root);
	root = compared(a, 3, b, 3);
	assert_string_equal(verdict(root, "p50"), "same");
	assert_string_equal(json_str(root, "milestones/0/name", ""),
			    "detected");
	assert_string_equal(json_str(root, "milestones/0/verdict", ""),
			    "worse");
	json_decref(root);
}

/* Student's t of three and three: 2.776 at 5 % with 4 degrees of freedom. */
static void test_welch(void **state)
{
	const double a[] = { 1, 2, 3 }, b[] = { 11, 12, 13 };
	double low = 9.9, high = 10.1;

	(void)state;
	bootstrap_widen(a, 1, b, 3, 0.04, &low, &high);
	assert_float_equal(low, 9.9, 1e-12);
	/* 2.999 at 4 % (scipy's 2.99853), times sqrt(2/3) */
	bootstrap_widen(a, 3, b, 3, 0.04, &low, &high);
	assert_float_equal(low, 10 - 2.9985 * sqrt(2.0 / 3), 0.02);
	assert_float_equal(high, 10 + 2.9985 * sqrt(2.0 / 3), 0.02);
}

/* The interval of independent ones is the textbook's. */
static void test_bootstrap(void **state)
{
	double v[400], low, high, again, mean = 0;
	struct rng rng;

	(void)state;
	rng_init(&rng, 3, 0);
	for (int i = 0; i < 400; i++) {
		v[i] = rng_normal(&rng, 5, 2);
		mean += v[i] / 400;
	}
	bootstrap_mean(v, 400, 4000, 0.05, 1, &low, &high);
	/* 5 +- 1.96 * 2 / 20, blocks lose some of it */
	assert_float_equal(low, mean - 0.196, 0.06);
	assert_float_equal(high, mean + 0.196, 0.06);
	bootstrap_mean(v, 400, 4000, 0.05, 1, &again, &high);
	assert_true(again == low);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_same_does_not_differ),
		cmocka_unit_test(test_twenty_ms_do),
		cmocka_unit_test(test_errors_do),
		cmocka_unit_test(test_several_runs_show_what_varies),
		cmocka_unit_test(test_welch),
		cmocka_unit_test(test_bootstrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
