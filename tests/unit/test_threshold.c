// links: gd_watch
/* SPDX-License-Identifier: Apache-2.0 */
/* [threshold]: the whole run or a window, phases, delay, abort, margins. */
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
	&watch_slo_section, &watch_detection_section, &watch_recovery_section,
	&watch_threshold_section, NULL
};
static const char *const apis[] = { "product", "coupon", "confirmed" };
static const struct load_tag tags[] = { { "money", 2 } };
static const struct load_scopes scopes = {
	.apis = apis, .n_apis = 3, .beside = 4, .tags = tags, .n_tags = 1,
};

/* One watch on a virtual loop, and the last that was told of one threshold. */
struct bench {
	struct scenario *sc;
	struct watch_conf *conf;
	struct loop *loop;
	struct watch *watch;
	struct watch_threshold last;	/* its texts: name alone is good */
	unsigned told, aborts;
	nsec_t aborted_at;
};

static void on_threshold(void *arg, const struct watch_threshold *t)
{
	struct bench *b = arg;

	b->last = *t;
	b->told++;
	if (t->aborts && !b->aborts++)
		b->aborted_at = t->t;
}

static void bench_init(struct bench *b, const char *text)
{
	struct watch_args args = {
		.scopes = &scopes, .threshold = on_threshold, .arg = b,
	};
	struct errs errs;
	struct err err;

	memset(b, 0, sizeof(*b));
	errs_init(&errs);
	scenario_parse("a.ini", text, specs, NULL, NULL, &b->sc, &errs);
	assert_int_equal(errs.n, 0);
	watch_conf_read(b->sc, &b->conf, &errs);
	assert_int_equal(errs.n, 0);
	errs_done(&errs);
	assert_int_equal(loop_new(LOOP_VIRTUAL, &b->loop, &err), 0);
	args.conf = b->conf;
	args.loop = b->loop;
	assert_int_equal(watch_new(&args, &b->watch, &err), 0);
}

static void bench_done(struct bench *b)
{
	watch_free(b->watch);
	watch_conf_free(b->conf);
	scenario_free(b->sc);
	loop_free(b->loop);
}

/* A second of one API: ok answers of that latency, and timeouts. */
static void second(struct bench *b, int64_t s, uint32_t api, uint64_t ok,
		   uint64_t timeouts, nsec_t latency)
{
	struct load_row row = {
		.api = api, .due = ok + timeouts, .ok = ok,
		.checks_ok = ok, .checks_failed = timeouts,
		.phase = s < 0 ? LOAD_BASELINE : LOAD_FAULT,
		.response = hist_new(),
	};
	struct load_snapshot snapshot = { .second = s, .rows = &row, .n = 1 };

	row.failed[LOAD_TIMEOUT] = timeouts;
	hist_record_n(row.response, latency, ok);
	watch_snapshot(b->watch, &snapshot);
	hist_free(row.response);
}

static void finish(struct bench *b, int64_t end)
{
	watch_end(b->watch, SEC(end));
	watch_finish(b->watch);
	assert_true(b->last.final);
}

static void expect_last(const struct bench *b, bool missed, double value,
			double margin)
{
	if (b->last.missed != missed || fabs(b->last.value - value) > 1e-3 ||
	    fabs(b->last.margin - margin) > 1e-3)
		fail_msg("missed %d, value %g, margin %g", b->last.missed,
			 b->last.value, b->last.margin);
}

/* The lead-in is not of the run; what was bad for a while may be outweighed. */
static void test_the_whole_run_decides_at_its_end(void **state)
{
	static const struct {
		const char *when;
		bool missed;
		double value, margin;
	} v[] = {
		{ "errors(all) < 10%", false, 0.05, 0.5 },
		{ "errors(all) < 4%", true, 0.05, -0.25 },
		{ "errors(tag:money) < 10%", false, 0.05, 0.5 },
		{ "throughput > 18/s", false, 19, 1.0 / 18 },
		{ "offered >= 20/s", false, 20, 0 },
		{ "failed(all) <= 10", false, 10, 0 },
		{ "checks > 99%", true, 0.95, (0.95 - 0.99) / 0.99 },
		{ "latency.p95(coupon) < 2s", false, 0.2, 0.9 },
		/* of product nothing is known */
		{ "errors(each) < 10%", true, 0.05, 0.5 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++) {
		AUTO_FREE char *text = mem_printf("[threshold a]\nwhen = %s\n",
						  v[i].when);
		struct bench b;

		bench_init(&b, text);
		for (int s = -5; s < 0; s++)
			second(&b, s, 1, 0, 50, SEC(9));
		watch_phase(b.watch, LOAD_FAULT, 0);
		for (int s = 0; s < 10; s++)
			second(&b, s, 1, s ? 20 : 10, s ? 0 : 10,
			       200 * NSEC_MS);
		/* beside: in no sum, but of its own name */
		second(&b, 10, 2, 0, 1000, SEC(9));
		finish(&b, 10);
		assert_true(b.last.at_end);
		expect_last(&b, v[i].missed, v[i].value, v[i].margin);
		bench_done(&b);
	}
}

static void test_a_window_must_hold_at_each_second(void **state)
{
	static const char text[] =
		"[threshold a]\nwhen = errors(coupon, 1s) < 50%\n";
	struct bench b;

	(void)state;
	bench_init(&b, text);
	watch_phase(b.watch, LOAD_FAULT, 0);
	for (int s = 0; s < 6; s++)
		second(&b, s, 1, s == 3 ? 4 : 10, s == 3 ? 6 : 0, NSEC_MS);
	assert_int_equal(b.told, 2);	/* begins to be missed, and ends */
	assert_true(b.last.missed);
	assert_false(b.last.missing);
	finish(&b, 6);
	expect_last(&b, true, 0.6, -0.2);
	assert_int_equal(b.last.worst_at, SEC(4));
	assert_int_equal(b.last.seconds, 6);
	assert_int_equal(b.last.missed_seconds, 1);
	bench_done(&b);
}

/* "for 3s" forgives two seconds in a row. */
static void test_what_is_short_is_forgiven(void **state)
{
	static const char text[] =
		"[threshold a]\nwhen = errors(all, 1s) < 50% for 3s\n";

	(void)state;
	for (int n = 3; n <= 4; n++) {
		struct bench b;

		bench_init(&b, text);
		watch_phase(b.watch, LOAD_FAULT, 0);
		for (int s = 0; s < 10; s++)
			second(&b, s, 0, s < n ? 0 : 10, s < n ? 10 : 0,
			       NSEC_MS);
		finish(&b, 10);
		assert_int_equal(b.last.missed, n == 4);
		assert_int_equal(b.last.missed_seconds, n);
		bench_done(&b);
	}
}

static void test_abort_after_its_delay(void **state)
{
	static const char *const whens[] = { "errors(all) < 10%",
					     "errors(all, 1s) < 10%" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		AUTO_FREE char *text = mem_printf(
			"[threshold a]\nwhen = %s\nabort = yes\ndelay = 3s\n",
			whens[i]);
		struct bench b;

		bench_init(&b, text);
		watch_phase(b.watch, LOAD_FAULT, 0);
		for (int s = 0; s < 6; s++)
			second(&b, s, 0, 1, 9, NSEC_MS);
		assert_int_equal(b.aborts, 1);
		assert_int_equal(b.aborted_at, SEC(4));
		finish(&b, 4);
		assert_true(b.last.missed);
		bench_done(&b);
	}
}

static void test_phases(void **state)
{
	static const struct {
		const char *phase;
		bool missed, came;
		double value;
	} v[] = {
		{ "baseline", false, true, 0 },
		{ "fault", true, true, 1 },
		{ "all", true, true, 1 },
		{ "recovery", true, false, NAN },
	};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		AUTO_FREE char *text = mem_printf(
			"[threshold a]\nwhen = errors(all) < 10%%\n"
			"phase = %s\n", v[i].phase);
		struct bench b;

		bench_init(&b, text);
		for (int s = -2; s < 2; s++) {
			if (s == 0)
				watch_phase(b.watch, LOAD_FAULT, 0);
			second(&b, s, 0, s < 0 ? 9 : 0, s < 0 ? 0 : 9,
			       NSEC_MS);
		}
		finish(&b, 2);
		assert_int_equal(b.last.missed, v[i].missed);
		assert_int_equal(b.last.came, v[i].came);
		assert_true(isnan(v[i].value) ? isnan(b.last.value)
					      : b.last.value == v[i].value);
		bench_done(&b);
	}
}

/* Nothing says that it held. */
static void test_without_data_it_is_missed(void **state)
{
	static const char *const whens[] = {
		"latency.p95(coupon) < 2s", "latency.p95(coupon, 5s) < 2s",
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		AUTO_FREE char *text = mem_printf(
			"[threshold a]\nwhen = %s\n", whens[i]);
		struct bench b;

		bench_init(&b, text);
		watch_phase(b.watch, LOAD_FAULT, 0);
		second(&b, 0, 0, 5, 0, NSEC_MS);
		finish(&b, 1);
		assert_true(b.last.missed);
		assert_true(isnan(b.last.value));
		bench_done(&b);
	}
}

/* A second that ends after the run did is not judged; its requests count. */
static void test_the_end_is_the_end(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b, "[threshold a]\nwhen = errors(all, 1s) < 10%\n");
	watch_phase(b.watch, LOAD_FAULT, 0);
	second(&b, 0, 0, 5, 0, NSEC_MS);
	watch_end(b.watch, SEC(1));
	second(&b, 1, 0, 0, 5, NSEC_MS);
	watch_finish(b.watch);
	assert_false(b.last.missed);
	assert_int_equal(b.last.seconds, 1);
	bench_done(&b);
}

static void test_mistakes(void **state)
{
	static const char text[] =
		"[threshold a]\nwhen = errors(all) < 10% within 5s\n"
		"[threshold b]\nwhen = errors(all)\nphase = lunch\n"
		"[threshold c]\nabort = yes\n";
	struct scenario *sc = NULL;
	struct watch_conf *conf = NULL;
	struct scenario_vars keep = { .keep_wrong = true };
	struct errs errs;

	(void)state;
	errs_init(&errs);
	scenario_parse("a.ini", text, specs, NULL, &keep, &sc, &errs);
	watch_conf_read(sc, &conf, &errs);
	errs_drop_repeated(&errs, 0);
	errs_sort(&errs, 0);
	assert_true(errs.n >= 4);
	assert_int_equal(errs.v[0].line, 2);
	assert_non_null(strstr(errs.v[0].msg, "within"));
	watch_conf_free(conf);
	scenario_free(sc);
	errs_done(&errs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_whole_run_decides_at_its_end),
		cmocka_unit_test(test_a_window_must_hold_at_each_second),
		cmocka_unit_test(test_what_is_short_is_forgiven),
		cmocka_unit_test(test_abort_after_its_delay),
		cmocka_unit_test(test_phases),
		cmocka_unit_test(test_without_data_it_is_missed),
		cmocka_unit_test(test_the_end_is_the_end),
		cmocka_unit_test(test_mistakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
