// links: gd_watch
/* SPDX-License-Identifier: Apache-2.0 */
/* A detector is Prometheus' state machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>

#include "chaos/base/mem.h"
#include "chaos/watch/detector.h"

#define SEC(n) ((n) * NSEC_SEC)

/* One gauge: 0, 1, or unknown. */
static int given;

static int value(void *arg, const struct expr_ref *ref, double *ret)
{
	(void)arg;
	(void)ref;
	if (given < 0)
		return -ENODATA;
	*ret = given;
	return 0;
}

static const struct expr_env env = { .value = value };

static struct detector_conf make(const char *when, nsec_t pending_for,
				 nsec_t keep)
{
	struct detector_conf conf = {
		.pending_for = pending_for, .keep_firing_for = keep,
	};
	struct err err;

	assert_int_equal(expr_parse(when, &conf.when, &err), 0);
	return conf;
}

/* "0011?1" a second each → "..pp..f" */
static void expect_states(const struct detector_conf *conf, const char *in,
			  const char *want)
{
	static const char letter[] = ".pF";
	enum watch_alert_state before;
	struct detector d = { 0 };
	bool changed;

	for (int t = 0; in[t]; t++) {
		given = in[t] == '?' ? -1 : in[t] - '0';
		before = d.state;
		changed = detector_step(&d, conf, &env, SEC(t));
		assert_int_equal(changed, before != d.state);
		if (letter[d.state] != want[t])
			fail_msg("at %d s: '%c', not '%c'", t, letter[d.state],
				 want[t]);
	}
	expr_free(conf->when);
}

static void test_without_for_it_fires_at_once(void **state)
{
	struct detector_conf conf = make("g > 0", 0, 0);

	(void)state;
	expect_states(&conf, "0110100", ".FF.F..");
}

static void test_for_is_waited_for(void **state)
{
	struct detector_conf conf = make("g > 0", SEC(3), 0);

	(void)state;
	expect_states(&conf, "0110111110", ".pp.pppFF.");
}

static void test_unknown_is_not_true(void **state)
{
	struct detector_conf conf = make("g > 0", SEC(2), 0);

	(void)state;
	expect_states(&conf, "11?1111?0", "pp.ppFF..");
}

static void test_keep_firing_for(void **state)
{
	struct detector_conf conf = make("g > 0", SEC(1), SEC(3));

	(void)state;
	expect_states(&conf, "1101001000000", "pFFFFFFFFF...");
}

static void test_evaluations_are_at_whole_intervals(void **state)
{
	struct detector_conf conf = make("g > 0", SEC(4), 0);
	struct detector d = { 0 };

	(void)state;
	conf.interval = SEC(5);
	given = 1;
	/* From the lead-in on: the first multiple is -5. */
	assert_false(detector_step(&d, &conf, &env, SEC(-7)));
	assert_int_equal(d.state, WATCH_INACTIVE);
	assert_true(detector_step(&d, &conf, &env, SEC(-5)));
	assert_int_equal(d.state, WATCH_PENDING);
	given = 0;
	assert_false(detector_step(&d, &conf, &env, SEC(-2)));
	given = 1;
	assert_true(detector_step(&d, &conf, &env, 0));
	assert_int_equal(d.state, WATCH_FIRING);
	assert_int_equal(d.since, SEC(-5));
	/* A second that was left out is made up for by the next. */
	given = 0;
	assert_false(detector_step(&d, &conf, &env, SEC(4)));
	assert_true(detector_step(&d, &conf, &env, SEC(7)));
	assert_false(detector_step(&d, &conf, &env, SEC(9)));
	given = 1;
	assert_true(detector_step(&d, &conf, &env, SEC(10)));
	expr_free(conf.when);
}

static void test_a_condition_may_have_its_own_for(void **state)
{
	struct detector_conf conf = make("g > 0 for 2s", SEC(1), 0);

	(void)state;
	expect_states(&conf, "111110", "..pFF.");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_for_it_fires_at_once),
		cmocka_unit_test(test_for_is_waited_for),
		cmocka_unit_test(test_unknown_is_not_true),
		cmocka_unit_test(test_keep_firing_for),
		cmocka_unit_test(test_evaluations_are_at_whole_intervals),
		cmocka_unit_test(test_a_condition_may_have_its_own_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
