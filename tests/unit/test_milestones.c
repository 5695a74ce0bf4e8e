// links: gd_drill
/* SPDX-License-Identifier: Apache-2.0 */
/* When it began, was noticed and was over; each is decided once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "chaos/drill/milestones.h"

#define S(n) ((nsec_t)(n) * NSEC_SEC)

static char said[1024];

static void note(void *arg, const char *name, nsec_t at, const char *source,
		 const char *why)
{
	size_t used = strlen(said);

	(void)arg;
	(void)why;
	snprintf(said + used, sizeof(said) - used, "%s@%lld(%s) ", name,
		 (long long)(at / NSEC_SEC), source);
}

static void begin(struct milestones *m, nsec_t stable_for)
{
	said[0] = '\0';
	milestones_init(m, stable_for, note, NULL);
}

/* "..xx." from that second on: x is bad. */
static void seconds(struct milestones *m, int64_t from, const char *text)
{
	for (; *text; text++, from++)
		milestones_second(m, from, *text == 'x', "p95");
}

static void test_impact_and_recovery(void **state)
{
	struct milestones m;

	(void)state;
	begin(&m, S(5));
	seconds(&m, 0, "...xxx....x....");
	assert_string_equal(said, "impact@3(slo) ");
	assert_true(m.recovered == NSEC_NEVER);
	milestones_second(&m, 15, false, "");
	assert_string_equal(said, "impact@3(slo) recovered@11(slo) ");
	assert_true(m.recovered == S(11));
	assert_int_equal(m.relapses, 0);
}

static void test_relapses_are_counted_and_said_once(void **state)
{
	struct milestones m;

	(void)state;
	begin(&m, S(2));
	seconds(&m, 0, "x..xx..x");
	assert_string_equal(said,
			    "impact@0(slo) recovered@1(slo) relapse@3(slo) ");
	assert_int_equal(m.relapses, 3);
}

static void test_lead_in_is_not_scored(void **state)
{
	struct milestones m;

	(void)state;
	begin(&m, S(2));
	seconds(&m, -3, "xxx....");
	assert_string_equal(said, "");
	assert_true(m.impact == NSEC_NEVER);
}

static void test_no_impact_no_recovery(void **state)
{
	struct milestones m;

	(void)state;
	begin(&m, S(2));
	seconds(&m, 0, "..........");
	assert_string_equal(said, "");
	assert_true(m.recovered == NSEC_NEVER);
}

static void test_detection(void **state)
{
	struct milestones m;

	(void)state;
	begin(&m, S(2));
	milestones_alert(&m, S(-4), "alert a");
	assert_string_equal(said, "false@-4(alert a) ");
	assert_true(m.detected == NSEC_NEVER);
	milestones_alert(&m, S(1), "alert a");
	assert_true(m.detected == S(1));
	assert_non_null(strstr(said, "early@1(alert a) detected@1(alert a)"));
	seconds(&m, 0, "..x");
	milestones_alert(&m, S(9), "alert b");
	assert_true(m.detected == S(1));

	begin(&m, S(2));
	seconds(&m, 0, "..x");
	milestones_alert(&m, S(9), "alert b");
	milestones_alert(&m, S(10), "alert c");
	assert_string_equal(said, "impact@2(slo) detected@9(alert b) ");
}

static void test_each_once(void **state)
{
	struct milestones m;

	(void)state;
	begin(&m, S(2));
	milestones_acknowledged(&m, S(1), "ann");
	milestones_acknowledged(&m, S(2), "bob");
	milestones_first_action(&m, S(3), "step a");
	milestones_first_action(&m, S(4), "step b");
	milestones_effective(&m, S(5), "fault a");
	milestones_effective(&m, S(6), "fault b");
	milestones_recovered(&m, S(7), "mark");
	seconds(&m, 0, "x........");
	assert_string_equal(said, "acknowledged@1(ann) first action@3(step a) "
				  "effective@5(fault a) recovered@7(mark) "
				  "impact@0(slo) relapse@0(slo) ");
	assert_true(m.recovered == S(7));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_impact_and_recovery),
		cmocka_unit_test(test_relapses_are_counted_and_said_once),
		cmocka_unit_test(test_lead_in_is_not_scored),
		cmocka_unit_test(test_no_impact_no_recovery),
		cmocka_unit_test(test_detection),
		cmocka_unit_test(test_each_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
