// links: gd_fault
/* SPDX-License-Identifier: Apache-2.0 */
/* [fault] sections, and preflight: fallbacks, [allow], claims. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/fault_trace.h"

/* --- sections ---------------------------------------------------------- */

static void test_at(void **state)
{
	struct set s;

	(void)state;
	parse(&s, "[fault a]\nkind = test.trace\nat = 90s\nfor = 30s\n"
		  "repeat = 3 every 60s\n"
		  "[fault b]\nkind = test.trace\nat = 30s after detected\n"
		  "[fault c]\nkind = test.trace\nat = when x.y > 3\n"
		  "until = x.y < 1\nmax = 5m\nexpect = x.y > 3 within 20s\n");
	assert_int_equal(s.errs.n, 0);
	assert_int_equal(s.n, 3);
	assert_true(s.confs[0].at == 90 * NSEC_SEC);
	assert_true(s.confs[0].duration == 30 * NSEC_SEC);
	assert_int_equal(s.confs[0].repeat, 3);
	assert_true(s.confs[0].every == 60 * NSEC_SEC);
	assert_true(s.confs[1].at == 30 * NSEC_SEC);
	assert_string_equal(s.confs[1].at_event, "detected");
	assert_int_equal(s.confs[1].repeat, 1);
	assert_string_equal(expr_text(s.confs[2].at_when), "x.y > 3");
	assert_true(s.confs[2].max == 5 * NSEC_MIN);
	assert_true(expr_within(s.confs[2].expect) == 20 * NSEC_SEC);
	fault_confs_free(s.confs, s.n);
	scenario_free(s.sc);
	errs_done(&s.errs);
	buf_done(&s.events);
}

static bool has_error(const struct set *s, const char *text)
{
	for (size_t i = 0; i < s->errs.n; i++)
		if (strstr(s->errs.v[i].msg, text))
			return true;
	return false;
}

static void one_error(const char *text, const char *error)
{
	struct set s;

	parse(&s, text);
	if (s.errs.n != 1 || !has_error(&s, error))
		fail_msg("%zu errors, the first '%s', wanted '%s'", s.errs.n,
			 s.errs.n ? s.errs.v[0].msg : "", error);
	assert_true(s.errs.v[0].line > 0);
	fault_confs_free(s.confs, s.n);
	scenario_free(s.sc);
	errs_done(&s.errs);
	buf_done(&s.events);
}

static void test_errors(void **state)
{
	(void)state;
	one_error("[fault a]\nkind = test.trac\n", "did you mean 'test.trace'");
	one_error("[fault a]\nkind = test.trace\nspecial = 1\n", "special");
	one_error("[fault a]\nkind = test.trace\nfallback = nope\n", "nope");
	one_error("[fault a]\nkind = test.trace\nfallback = test.trace\n",
		  "no fallback for itself");
	one_error("[fault a]\nkind = test.trace\nuntil = x.y > 1\n", "max");
	one_error("[fault a]\nkind = test.trace\nfor = 60s\n"
		  "repeat = 3 every 60s\n", "not shorter");
	one_error("[fault a]\nkind = test.trace\nrepeat = 3\n", "3 every 60s");
	one_error("[fault a]\nkind = test.trace\nat = 30s after\n", "30s");
	one_error("[fault a]\nkind = test.trace\nlevel = 0\n", "level");
}

/* The fallback's keys belong to the section that names it. */
static void test_fallback_keys(void **state)
{
	struct set s;

	(void)state;
	parse(&s, "[fault a]\nkind = test.trace\nfallback = test.other\n"
		  "special = 7\nlevel = 2\n");
	assert_int_equal(s.errs.n, 0);
	fault_confs_free(s.confs, s.n);
	scenario_free(s.sc);
	errs_done(&s.errs);
	buf_done(&s.events);
}

/* --- preflight --------------------------------------------------------- */

static void test_check(void **state)
{
	struct set s;
	struct buf report;
	struct err err;

	(void)state;
	buf_init(&report, 0);
	make(&s, "[fault a]\nkind = test.trace\nthing = /a\nfail = check\n"
		 "[fault b]\nkind = test.trace\nthing = /b\nfail = check\n"
		 "fallback = test.other\n"
		 "[fault c]\nkind = test.trace\nthing = /c\n", LOOP_VIRTUAL,
	     NULL);
	assert_int_equal(allow_add(s.allow, ALLOW_PATH, "/a", &err), 0);
	assert_int_equal(allow_add(s.allow, ALLOW_PATH, "/b", &err), 0);
	faults_check(s.fs, &report, &s.errs);
	assert_int_equal(s.errs.n, 2);
	assert_true(has_error(&s, "'a' cannot run here: check was told"));
	assert_true(has_error(&s, "'c'"));	/* not in [allow] */
	assert_non_null(strstr(report.data, "b: test.trace cannot run here"));
	assert_non_null(strstr(report.data, "test.other is taken instead"));
	assert_non_null(strstr(report.data, "c: test.trace can run here"));
	buf_reset(&report);
	faults_describe(s.fs, &report);
	assert_non_null(strstr(report.data,
			       "fault b: test.other (instead of test.trace)"));
	assert_non_null(strstr(report.data, "on gd-run-1-b"));
	assert_non_null(strstr(report.data, "off gd-run-1-c"));
	buf_done(&report);
	drop(&s);
}

static size_t clashes(const char *text)
{
	struct set s;
	struct err err;
	size_t n;

	make(&s, text, LOOP_VIRTUAL, NULL);
	assert_int_equal(allow_add(s.allow, ALLOW_PATH, "/", &err), 0);
	faults_check(s.fs, NULL, &s.errs);
	n = s.errs.n;
	drop(&s);
	return n;
}

static void test_claims(void **state)
{
	(void)state;
	assert_int_equal(clashes("[fault a]\nkind = test.trace\nthing = /x\n"
				 "at = 0s\nfor = 60s\n"
				 "[fault b]\nkind = test.trace\nthing = /x\n"
				 "at = 30s\nfor = 60s\n"), 1);
	assert_int_equal(clashes("[fault a]\nkind = test.trace\nthing = /x\n"
				 "at = 0s\nfor = 60s\n"
				 "[fault b]\nkind = test.trace\nthing = /x\n"
				 "at = 60s\nfor = 60s\n"), 0);
	assert_int_equal(clashes("[fault a]\nkind = test.trace\nthing = /x\n"
				 "at = 0s\nfor = 20s\nrepeat = 2 every 50s\n"
				 "[fault b]\nkind = test.trace\nthing = /x\n"
				 "at = 60s\nfor = 60s\n"), 1);
	assert_int_equal(clashes("[fault a]\nkind = test.trace\nthing = /x\n"
				 "at = 5s after detected\nfor = 1s\n"
				 "[fault b]\nkind = test.trace\nthing = /x\n"
				 "at = 60s\nfor = 60s\n"), 1);
	assert_int_equal(clashes("[fault a]\nkind = test.trace\nthing = /x\n"
				 "[fault b]\nkind = test.trace\n"
				 "thing = /y\n"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_at),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_fallback_keys),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_claims),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
