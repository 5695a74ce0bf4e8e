/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Histograms: the layout's arithmetic, percentiles against a sorted array,
 * merging, and the encodings, against what HdrHistogram itself wrote.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/base/hist.h"
#include "chaos/base/rng.h"

/* From the Python package hdrhistogram 0.10: HdrHistogram(1, 3600000000, 3). */
static const char golden[] =
	"150000.000000,1000.000000,3600809.000000,"
	"HISTFAAAADx4nJNpmSzMwMAgwwABzFCaEURcm7yEwf4DVICJ7Ts/C9Nvfiamg8Iik535"
	"/nNOYF6ZxHG3nZEJAD9ADKc=";

/*
 * The same, as the Java library and we write it: a lone 0 is the count 0, for
 * the Python package a run of one.  It decodes both to the same counts.
 */
static const char golden_ours[] =
	"150000.000,1.000,3600809.983,"
	"HISTFAAAADx4nJNpmSzMwMAgwwABzFCaEURcm7yEwf4DVISJ7Ts/C9Nvfiamg8Iik535"
	"/nNOYF6ZxHG3nZEJAD8kDKY=\n";

/* What was recorded in them. */
static const struct {
	int64_t us;
	uint64_t n;
} golden_values[] = {
	{ 1, 1 }, { 2, 3 }, { 1023, 2 }, { 1024, 1 }, { 2047, 1 },
	{ 2048, 1 }, { 5000, 10 }, { 93000, 7 }, { 137000, 200 },
	{ 10000000, 4 }, { 3600000000, 1 },
};

static struct hist *golden_make(void)
{
	struct hist *h = hist_new();

	for (size_t i = 0; i < sizeof(golden_values) / sizeof(*golden_values);
	     i++)
		hist_record_n(h, golden_values[i].us * NSEC_US,
			      golden_values[i].n);
	return h;
}

/* The same counts: the encoding is canonical. */
static void assert_same(const struct hist *a, const struct hist *b)
{
	struct buf x, y;

	buf_init(&x, 0);
	buf_init(&y, 0);
	hist_encode(a, &x);
	hist_encode(b, &y);
	assert_int_equal(hist_count(a), hist_count(b));
	assert_int_equal(x.len, y.len);
	assert_memory_equal(x.data, y.data, x.len);
	buf_done(&x);
	buf_done(&y);
}

static void test_empty(void **state)
{
	struct hist *h = hist_new();

	(void)state;
	assert_int_equal(hist_count(h), 0);
	assert_int_equal(hist_percentile(h, 99), 0);
	assert_int_equal(hist_min(h), 0);
	assert_int_equal(hist_max(h), 0);
	assert_true(hist_mean(h) == 0);
	assert_int_equal(hist_count_upto(h, NSEC_SEC), 0);
	hist_free(h);
	hist_free(NULL);
}

/* Every value is found within its three digits, at every magnitude. */
static void test_precision(void **state)
{
	(void)state;
	for (int64_t us = 1; us <= HIST_MAX_US; us += us / 97 + 1) {
		struct hist *h = hist_new();
		nsec_t v = us * NSEC_US, low, high;

		hist_record(h, v);
		low = hist_min(h);
		high = hist_max(h);
		assert_true(low <= v && v <= high);
		assert_true(high - low <= v / 1000);
		assert_int_equal(hist_percentile(h, 50), high);
		assert_int_equal(hist_count_upto(h, high), 1);
		assert_int_equal(hist_count_upto(h, low - NSEC_US), 0);
		hist_free(h);
	}
}

static void test_edges(void **state)
{
	struct hist *h = hist_new();

	(void)state;
	hist_record(h, 0);
	hist_record(h, -5);
	hist_record(h, 999);
	assert_int_equal(hist_max(h), NSEC_US);
	assert_int_equal(hist_saturated(h), 0);
	hist_record(h, HIST_MAX_US * NSEC_US);
	assert_int_equal(hist_saturated(h), 0);
	hist_record(h, (HIST_MAX_US + 1) * NSEC_US);
	hist_record(h, NSEC_NEVER);
	assert_int_equal(hist_saturated(h), 2);
	assert_int_equal(hist_count(h), 6);
	/* HdrHistogram's own figure for 3 600 000 000 */
	assert_int_equal(hist_max(h), 3600809983 * NSEC_US);
	hist_reset(h);
	assert_int_equal(hist_count(h), 0);
	assert_int_equal(hist_saturated(h), 0);
	assert_int_equal(hist_max(h), 0);
	hist_free(h);
}

static int by_value(const void *a, const void *b)
{
	nsec_t x = *(const nsec_t *)a, y = *(const nsec_t *)b;

	return (x > y) - (x < y);
}

static void test_percentiles(void **state)
{
	enum { N = 10000 };
	static const double ps[] = { 0, 1, 25, 50, 90, 95, 99, 99.9, 100 };
	static nsec_t v[N];
	struct hist *h = hist_new();
	struct rng rng;
	double sum = 0;

	(void)state;
	rng_init(&rng, 1, 0);
	for (int i = 0; i < N; i++) {
		v[i] = (nsec_t)(rng_lognormal(&rng, 0.2, 1.5) * NSEC_SEC);
		sum += (double)v[i];
		hist_record(h, v[i]);
	}
	qsort(v, N, sizeof(*v), by_value);
	for (size_t i = 0; i < sizeof(ps) / sizeof(*ps); i++) {
		int rank = (int)ceil(ps[i] * N / 100 - 1e-6);
		nsec_t want = v[rank > 0 ? rank - 1 : 0];
		nsec_t got = hist_percentile(h, ps[i]);

		if (llabs(got - want) > want / 1000 + NSEC_US)
			fail_msg("p%g is %lld, not %lld", ps[i],
				 (long long)got, (long long)want);
	}
	assert_true(fabs(hist_mean(h) / (sum / N) - 1) < 0.001);
	hist_free(h);
}

/* The nearest rank: p50 of 1..4 is 2, p99.9 of 1..1000 is 999. */
static void test_ranks(void **state)
{
	struct hist *h = hist_new();

	(void)state;
	for (int i = 1; i <= 4; i++)
		hist_record(h, i * NSEC_US);
	assert_int_equal(hist_percentile(h, 50), 2 * NSEC_US);
	assert_int_equal(hist_percentile(h, 50.1), 3 * NSEC_US);
	assert_int_equal(hist_percentile(h, 0), NSEC_US);
	for (int i = 5; i <= 100; i++)
		hist_record(h, i * NSEC_US);
	assert_true(0.07 * 100 > 7);	/* a share's rounding is no rank */
	assert_int_equal(hist_percentile(h, 0.07 * 100), 7 * NSEC_US);
	for (int i = 101; i <= 1000; i++)
		hist_record(h, i * NSEC_US);
	assert_int_equal(hist_percentile(h, 99.9), 999 * NSEC_US);
	assert_int_equal(hist_percentile(h, 100), 1000 * NSEC_US);
	assert_int_equal(hist_count_upto(h, 250 * NSEC_US), 250);
	assert_int_equal(hist_count_upto(h, 0), 0);
	assert_int_equal(hist_count_upto(h, NSEC_NEVER), 1000);
	hist_free(h);
}

static void test_merge(void **state)
{
	struct hist *all = hist_new(), *part[3], *sum = hist_new();
	struct rng rng;

	(void)state;
	rng_init(&rng, 5, 0);
	for (int k = 0; k < 3; k++) {
		part[k] = hist_new();
		for (int i = 0; i < 1000; i++) {
			nsec_t v = (nsec_t)rng_exp(&rng, 1e6 * pow(60, k));

			hist_record(part[k], v);
			hist_record(all, v);
		}
	}
	hist_record(part[1], NSEC_NEVER);
	hist_record(all, NSEC_NEVER);
	for (int k = 0; k < 3; k++) {
		hist_merge(sum, part[k]);
		hist_free(part[k]);
	}
	assert_same(sum, all);
	assert_int_equal(hist_saturated(sum), 1);
	hist_free(sum);
	hist_free(all);
}

static void test_golden_read(void **state)
{
	struct hist *h = hist_new(), *want = golden_make();
	struct err err = { 0 };
	double start, length;
	char tag[32] = "x";

	(void)state;
	if (hist_log_parse(golden, tag, sizeof(tag), &start, &length, h,
			   &err) != 1)
		fail_msg("%s", err.msg);
	assert_string_equal(tag, "");
	assert_true(start == 150000 && length == 1000);
	assert_same(h, want);
	/* as that package answered */
	assert_int_equal(hist_count(h), 231);
	assert_int_equal(hist_percentile(h, 10), 93055 * NSEC_US);
	assert_int_equal(hist_percentile(h, 50), 137087 * NSEC_US);
	assert_int_equal(hist_percentile(h, 99), 10002431 * NSEC_US);
	assert_int_equal(hist_percentile(h, 99.9), 3600809983 * NSEC_US);
	assert_true(fabs(hist_mean(h) / 1000 - 15878216.073593074) < 1);
	hist_free(h);
	hist_free(want);
}

/* The log's lines as written, in memory; the caller frees. */
static char *log_text(const struct hist *h, const char *tag, double start)
{
	size_t len;
	char *text;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	hist_log_write(f, tag, start, 1, h);
	fclose(f);
	return text;
}

static void test_golden_write(void **state)
{
	struct hist *h = golden_make();
	char *text = log_text(h, NULL, 150000);

	(void)state;
	assert_string_equal(text, golden_ours);
	free(text);
	hist_free(h);
}

static void test_log(void **state)
{
	struct hist *h = golden_make(), *back = hist_new();
	char *text = log_text(h, "coupon/fault/response", -12.5);
	struct err err = { 0 };
	double start, length;
	char tag[64];

	(void)state;
	assert_int_equal(hist_log_parse(text, tag, sizeof(tag), &start,
					&length, back, &err), 1);
	assert_string_equal(tag, "coupon/fault/response");
	assert_true(start == -12.5 && length == 1);
	assert_same(h, back);
	/* a second line is added to the first */
	assert_int_equal(hist_log_parse(text, tag, sizeof(tag), &start,
					&length, back, &err), 1);
	assert_int_equal(hist_count(back), 2 * hist_count(h));
	free(text);
	text = log_text(h, "a,b c", 0);
	assert_memory_equal(text, "Tag=a_b_c,0.000", 15);
	free(text);
	hist_free(h);
	hist_free(back);
}

static void test_log_header(void **state)
{
	struct hist *h = hist_new();
	char *text, *line, *rest;
	double start, length;
	char tag[8];
	size_t len;
	int lines = 0;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	hist_log_header(f, 1757653200);
	fclose(f);
	assert_memory_equal(text, "#[Histogram log format version 1.3]\n", 36);
	assert_non_null(strstr(text, "#[StartTime: 1757653200.000 (seconds "
				     "since epoch), 2025-09-12T05:00:00Z]\n"));
	for (line = strtok_r(text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest), lines++)
		assert_int_equal(hist_log_parse(line, tag, sizeof(tag), &start,
						&length, h, NULL), 0);
	assert_true(lines >= 3);
	assert_int_equal(hist_count(h), 0);
	free(text);
	hist_free(h);
}

/* A line cut anywhere (a killed writer) is told, and adds nothing. */
static void test_log_cut(void **state)
{
	struct hist *h = golden_make(), *back = hist_new();
	char *text = log_text(h, "coupon", 1);
	size_t len = strcspn(text, "\n");
	double start, length;
	char tag[64];

	(void)state;
	for (size_t cut = 1; cut < len; cut++) {
		char *part = strndup(text, cut);
		struct err err = { 0 };

		if (hist_log_parse(part, tag, sizeof(tag), &start, &length,
				   back, &err) >= 0)
			fail_msg("cut at %zu of %zu was taken", cut, len);
		assert_true(err.code < 0 && err.msg[0]);
		assert_int_equal(hist_count(back), 0);
		free(part);
	}
	free(text);
	hist_free(h);
	hist_free(back);
}

static void test_encode(void **state)
{
	struct hist *h = golden_make(), *back = hist_new();
	struct err err = { 0 };
	struct buf b;

	(void)state;
	buf_init(&b, 0);
	buf_adds(&b, "before");
	hist_encode(h, &b);
	assert_memory_equal(b.data + 6, "\x1c\x84\x93\x13", 4);
	assert_int_equal(hist_decode(back, b.data + 6, b.len - 6, &err), 0);
	assert_same(h, back);
	for (size_t cut = 0; cut < b.len - 6; cut++)
		assert_true(hist_decode(back, b.data + 6, cut, &err) < 0);
	b.data[6] = 0x1d;
	assert_int_equal(hist_decode(back, b.data + 6, b.len - 6, &err),
			 -EPROTO);
	assert_same(h, back);
	buf_done(&b);
	hist_free(h);
	hist_free(back);
}

/* Great counts need all nine bytes; an empty one has no payload. */
static void test_encode_extremes(void **state)
{
	struct hist *h = hist_new(), *back = hist_new();
	struct err err = { 0 };
	struct buf b;

	(void)state;
	buf_init(&b, 0);
	hist_encode(h, &b);
	assert_int_equal(b.len, 40);
	assert_int_equal(hist_decode(back, b.data, b.len, &err), 0);
	assert_int_equal(hist_count(back), 0);
	buf_reset(&b);
	for (int i = 0; i < 63; i++)
		hist_record_n(h, (i + 1) * NSEC_MS, UINT64_C(1) << i);
	hist_encode(h, &b);
	assert_int_equal(hist_decode(back, b.data, b.len, &err), 0);
	assert_same(h, back);
	buf_done(&b);
	hist_free(h);
	hist_free(back);
}

/* Whatever the payload says, nothing is written out of bounds. */
static void test_decode_noise(void **state)
{
	struct hist *h = golden_make();
	struct rng rng;
	struct buf b;

	(void)state;
	rng_init(&rng, 9, 0);
	buf_init(&b, 0);
	for (int i = 0; i < 20000; i++) {
		struct hist *back = hist_new();

		buf_reset(&b);
		hist_encode(h, &b);
		for (int k = 0; k < 3; k++)
			b.data[rng_below(&rng, b.len)] =
				(char)rng_next(&rng);
		if (hist_decode(back, b.data, b.len, NULL))
			assert_int_equal(hist_count(back), 0);
		hist_free(back);
	}
	buf_done(&b);
	hist_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_precision),
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_percentiles),
		cmocka_unit_test(test_ranks),
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_golden_read),
		cmocka_unit_test(test_golden_write),
		cmocka_unit_test(test_log),
		cmocka_unit_test(test_log_header),
		cmocka_unit_test(test_log_cut),
		cmocka_unit_test(test_encode),
		cmocka_unit_test(test_encode_extremes),
		cmocka_unit_test(test_decode_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
