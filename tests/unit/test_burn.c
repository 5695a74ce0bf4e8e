// links: gd_watch
/* SPDX-License-Identifier: Apache-2.0 */
/* Burn rates: the arithmetic, burn() over APIs, and kind = burn_rate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "chaos/base/burn.h"
#include "chaos/watch/burns.h"
#include "chaos/watch/conf.h"

#define HOUR (3600 * NSEC_SEC)
#define DAY (24 * HOUR)

static bool near(double a, double b)
{
	return fabs(a - b) < 1e-9;
}

static void test_factors_of_the_workbook(void **state)
{
	(void)state;
	assert_true(near(burn_factor(&burn_pairs[0], 30 * DAY), 14.4));
	assert_true(near(burn_factor(&burn_pairs[1], 30 * DAY), 6));
	assert_true(near(burn_factor(&burn_pairs[2], 30 * DAY), 1));
	assert_true(near(burn_factor(&burn_pairs[0], 28 * DAY), 13.44));
}

static void test_sums(void **state)
{
	struct burn b = { 0 };
	struct burn_point p;

	(void)state;
	burn_add(&b, -2, 10, 0);
	burn_add(&b, 1, 10, 5);
	burn_add(&b, 1, 2, 1);
	p = burn_sum(&b, -2, 1);
	assert_int_equal(p.done, 10);
	p = burn_sum(&b, 0, 2);
	assert_int_equal(p.done, 12);
	assert_int_equal(p.failed, 6);
	p = burn_sum(&b, -9000, 9000);
	assert_int_equal(p.done, 22);
	assert_true(near(burn_before(&b, 2, 10 * NSEC_SEC), 6));
	assert_true(near(burn_before(&b, 2, 4 * NSEC_SEC), 0));
	assert_true(near(burn_rate(p, 78, 0.01), 6));
	assert_true(isnan(burn_rate((struct burn_point){ 0 }, 0, 0.01)));
	burn_done(&b);
}

static const char *const apis[] = { "a", "b" };
static const struct load_scopes scopes = { .apis = apis, .n_apis = 2 };

static void add(struct burns *b, int64_t second, uint64_t ok, uint64_t bad)
{
	struct load_row rows[] = {
		{ .api = 0, .ok = ok, .failed[LOAD_5XX] = bad },
		{ .api = 1, .ok = 30 },
	};

	burns_add(b, second, rows, 2);
}

static void test_behind_an_assumed_history(void **state)
{
	struct watch_slo slo = { .availability = 0.99, .period = 30 * DAY };
	struct burns *b = burns_new(&scopes, &slo);
	double value;

	(void)state;
	add(b, -1, 10, 0);
	assert_int_equal(burns_value(b, "a", HOUR, &value), -ENODATA);
	for (int s = 0; s < 9; s++)
		add(b, s, 0, 10);
	/* 90 failed of 100 counted; 10/s in the 3590 s before that. */
	assert_int_equal(burns_value(b, "a", HOUR, &value), 0);
	assert_true(near(value, 90 / 36000.0 / 0.01));
	assert_int_equal(burns_value(b, "all", HOUR, &value), 0);
	assert_true(near(value, 90 / 144000.0 / 0.01));
	assert_int_equal(burns_value(b, "a", 5 * NSEC_SEC, &value), 0);
	assert_true(near(value, 100));
	/* A month's requests in the place of the lead-in's rate. */
	slo.monthly_requests = 80.0 * 30 * 86400;
	assert_int_equal(burns_value(b, "a", HOUR, &value), 0);
	assert_true(near(value, 90 / (20 * 3590.0 + 100) / 0.01));
	burns_free(b);
}

static const struct section_spec *const specs[] = {
	&watch_slo_section, &watch_detect_section, NULL
};

/* The condition, or the first complaint. */
static void expect_detector(const char *text, const char *want)
{
	struct watch_conf *conf;
	struct scenario *sc = NULL;
	struct errs errs;
	const char *got;

	errs_init(&errs);
	scenario_parse("a.ini", text, specs, NULL, NULL, &sc, &errs);
	assert_non_null(sc);
	watch_conf_read(sc, &conf, &errs);
	got = errs.n ? errs.v[0].msg : expr_text(conf->detectors[0].when);
	if (!strstr(got, want))
		fail_msg("'%s' is not in '%s'", want, got);
	watch_conf_free(conf);
	scenario_free(sc);
	errs_done(&errs);
}

static void test_kind_burn_rate(void **state)
{
	(void)state;
	expect_detector("[slo]\navailability = 99.9%\nperiod = 30d\n"
			"[detect x]\nkind = burn_rate\n",
			"burn(all, 3600s) > 14.4 and burn(all, 300s) > 14.4 or "
			"burn(all, 21600s) > 6 and burn(all, 1800s) > 6");
	expect_detector("[slo]\nperiod = 7d\n[detect x]\nkind = burn_rate\n"
			"scope = a\npairs = 3d/6h 10%\n",
			"burn(a, 259200s) > 0.233333 and "
			"burn(a, 21600s) > 0.233333");
	expect_detector("[detect x]\nkind = burn_rate\npairs = 5m/1h 2%\n",
			"the first window must be the longer one");
	expect_detector("[detect x]\nkind = burn_rate\npairs = fast\n",
			"'fast' is no pair of windows");
	expect_detector("[detect x]\nkind = burn_rate\nwhen = users > 1\n",
			"leave out 'when'");
	expect_detector("[detect x]\nseverity = page\n", "needs 'when'");
	expect_detector("[detect x]\nwhen = users > 1\ninterval = 1500ms\n",
			"whole seconds");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_factors_of_the_workbook),
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_behind_an_assumed_history),
		cmocka_unit_test(test_kind_burn_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
