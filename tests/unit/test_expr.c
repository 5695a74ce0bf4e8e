/* SPDX-License-Identifier: Apache-2.0 */
/* The language of conditions: parsing, errors with columns, three values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "chaos/base/expr.h"
#include "chaos/base/rng.h"

/* A row is what the environment knows: "func arg" or " gauge". */
struct known {
	const char *func, *arg;
	double value;
	int rc;
};

struct world {
	const struct known *known;
	struct expr_ref last;	/* valid while the expression lives */
};

static const char *const apis[] = { "product", "coupon" };

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static int world_value(void *arg, const struct expr_ref *ref, double *ret)
{
	struct world *w = arg;

	w->last = *ref;
	for (const struct known *k = w->known; k->arg; k++) {
		if (!same(k->func, ref->func) || !same(k->arg, ref->arg))
			continue;
		*ret = k->value;
		return k->rc;
	}
	return -ENOENT;
}

static struct expr *parse_ok(const char *text)
{
	struct expr *e = NULL;
	struct err err = { 0 };

	if (expr_parse(text, &e, &err))
		fail_msg("'%s': %s", text, err.msg);
	return e;
}

static enum expr_tri eval_in(const char *text, const struct known *known)
{
	struct world w = { .known = known };
	struct expr_env env = { world_value, &w, apis, 2 };
	struct expr *e = parse_ok(text);
	enum expr_tri tri = expr_eval(e, &env);

	expr_free(e);
	return tri;
}

static enum expr_tri eval(const char *text)
{
	static const struct known known[] = {
		{ NULL, "pool.active", 50, 0 },
		{ NULL, "pg.active", 16, 0 },
		{ NULL, "kafka.lag", 0, 0 },
		{ NULL, "probe.db.p50", 0.019, 0 },
		{ NULL, "none", 0, -ENODATA },
		{ NULL, "nan", NAN, 0 },
		{ "errors", "all", 0.999, 0 },
		{ "errors", "product", 0.96, 0 },
		{ "errors", "coupon", 1.0, 0 },
		{ "failed", "all", 0, 0 },
		{ "latency.p95", "all", 1.5, 0 },
		{ "throughput", "all", 199.5, 0 },
		{ "throughput", "product", 10, 0 },
		{ "throughput", "coupon", 0, -ENODATA },
		{ "rate", "pg.confirmed", 0, 0 },
		{ "baseline", "probe.db.p50", 0.010, 0 },
		{ 0 },
	};
	return eval_in(text, known);
}

static void test_what_scenarios_write(void **state)
{
	(void)state;
	static const char *const is_true[] = {
		"latency.p95(all, 10s) < 2s",
		"errors(each, 10s) >= 95%",
		"failed(all, 60s, timeout) = 0 and kafka.lag = 0",
		"pool.active >= 50 and pg.active <= 16 for 5s within 90s",
		"probe.db.p50 - baseline(probe.db.p50) >= 8ms within 15s",
		"rate(pg.confirmed, 10s) = 0 within 20s",
		"latency.p95 < 2s",
		"errors > 99.8% for 8m",
		"throughput < 200/s",
		"  pg.active!=15 ",
		"pg.active == 16",
		"errors(all, 1m30s) > 0.5 by 130s",
		"-pg.active < -15.5",
		"(pg.active + 4) * 2 = 40",
		"pg.active - 4 - 2 = 10",
		"pg.active / 4 / 2 = 2",
		"2 + 3 * 4 = 14",
		"5MiB = 5242880",
		"(pg.active > 1)",
		"((pg.active > 1) or (none > 1)) and kafka.lag = 0",
	};

	for (size_t i = 0; i < sizeof(is_true) / sizeof(*is_true); i++)
		if (eval(is_true[i]) != EXPR_TRUE)
			fail_msg("not true: %s", is_true[i]);
	assert_int_equal(eval("latency.p95 >= 2s"), EXPR_FALSE);
	assert_int_equal(eval("pg.active > 16"), EXPR_FALSE);
	assert_int_equal(eval("pg.active < 16"), EXPR_FALSE);
	assert_int_equal(eval("pg.active != 16"), EXPR_FALSE);
}

static void test_tags_are_scopes(void **state)
{
	static const struct known known[] = {
		{ "errors", "tag:pay-now", 0.5, 0 },
		{ "checks", "all", 0.995, 0 },
		{ 0 },
	};
	struct err err = { 0 };
	struct expr *e = NULL;

	(void)state;
	assert_int_equal(eval_in("errors(tag:pay-now, 30s) > 40%", known),
			 EXPR_TRUE);
	assert_int_equal(eval_in("checks > 99%", known), EXPR_TRUE);
	assert_int_equal(expr_parse("errors(tag:, 1s) > 1%", &e, &err),
			 -EINVAL);
	assert_int_equal(expr_parse("errors(tags:x, 1s) > 1%", &e, &err),
			 -EINVAL);
}

/* How far from the limit, whichever way round it is written. */
static void test_margins(void **state)
{
	static const struct known known[] = {
		{ "latency.p95", "all", 1.5, 0 },
		{ "errors", "all", 0.03, 0 },
		{ "errors", "product", 0.01, 0 },
		{ "errors", "coupon", 0.04, 0 },
		{ "failed", "all", 3, 0 },
		{ "throughput", "all", 250, 0 },
		{ "offered", "all", 0, -ENODATA },
		{ 0 },
	};
	static const struct {
		const char *text;
		double value, limit, share;
		const char *api;
	} v[] = {
		{ "latency.p95 < 2s", 1.5, 2, 0.25, NULL },
		{ "2s > latency.p95", 1.5, 2, 0.25, NULL },
		{ "errors <= 2%", 0.03, 0.02, -0.5, NULL },
		{ "throughput > 200/s", 250, 200, 0.25, NULL },
		{ "200/s <= throughput", 250, 200, 0.25, NULL },
		{ "failed = 0", 3, 0, -3, NULL },
		{ "errors(each) < 5%", 0.04, 0.05, 0.2, "coupon" },
		{ "latency.p95 < 2s and errors < 2%", 0.03, 0.02, -0.5, NULL },
		{ "latency.p95 < 2s or errors < 2%", 1.5, 2, 0.25, NULL },
		{ "offered > 1 and errors < 6%", 0.03, 0.06, 0.5, NULL },
	};
	struct world w = { .known = known };
	struct expr_env env = { world_value, &w, apis, 2 };
	struct expr_margin m;

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++) {
		struct expr *e = parse_ok(v[i].text);

		assert_true(expr_margin(e, &env, &m));
		if (fabs(m.value - v[i].value) > 1e-9 ||
		    fabs(m.limit - v[i].limit) > 1e-9 ||
		    fabs(m.share - v[i].share) > 1e-9 ||
		    !same(m.api, v[i].api))
			fail_msg("%s: %g of %g, %g", v[i].text, m.value,
				 m.limit, m.share);
		expr_free(e);
	}
	{
		struct expr *e = parse_ok("offered > 1");

		assert_false(expr_margin(e, &env, &m));
		expr_free(e);
	}
}

static void test_and_binds_closer_than_or(void **state)
{
	(void)state;
	assert_int_equal(eval("1 = 1 or 1 = 1 and 1 = 2"), EXPR_TRUE);
	assert_int_equal(eval("(1 = 1 or 1 = 1) and 1 = 2"), EXPR_FALSE);
}

static void test_units_are_seconds_and_parts_of_one(void **state)
{
	(void)state;
	assert_int_equal(eval("8ms = 0.008"), EXPR_TRUE);
	assert_int_equal(eval("95% = 0.95"), EXPR_TRUE);
	assert_int_equal(eval("200/s = 200"), EXPR_TRUE);
	assert_int_equal(eval("2m = 120"), EXPR_TRUE);
	assert_int_equal(eval("200 / 4 = 50"), EXPR_TRUE);
	assert_int_equal(eval("200/4 = 50"), EXPR_TRUE);
}

static void test_unknown_is_never_true(void **state)
{
	(void)state;
	assert_int_equal(eval("none > 1"), EXPR_UNKNOWN);
	assert_int_equal(eval("none <= 1"), EXPR_UNKNOWN);
	assert_int_equal(eval("none != 1"), EXPR_UNKNOWN);
	assert_int_equal(eval("nan = 0"), EXPR_UNKNOWN);
	assert_int_equal(eval("no.such > 1"), EXPR_UNKNOWN);
	assert_int_equal(eval("none > 1 and 1 = 2"), EXPR_FALSE);
	assert_int_equal(eval("none > 1 and 1 = 1"), EXPR_UNKNOWN);
	assert_int_equal(eval("none > 1 or 1 = 1"), EXPR_TRUE);
	assert_int_equal(eval("1 = 1 or none > 1"), EXPR_TRUE);
	assert_int_equal(eval("none > 1 or 1 = 2"), EXPR_UNKNOWN);
	assert_int_equal(eval("pg.active / kafka.lag > 1"), EXPR_UNKNOWN);
	assert_int_equal(eval("none * 0 = 0"), EXPR_UNKNOWN);
}

static void test_each_is_every_api(void **state)
{
	(void)state;
	assert_int_equal(eval("errors(each, 10s) >= 96%"), EXPR_TRUE);
	assert_int_equal(eval("errors(each, 10s) >= 97%"), EXPR_FALSE);
	/* coupon has no data: false if another is false, else unknown */
	assert_int_equal(eval("throughput(each) > 5"), EXPR_UNKNOWN);
	assert_int_equal(eval("throughput(each) > 50"), EXPR_FALSE);
	/* both sides are of the same API */
	assert_int_equal(eval("errors(each) - errors(each) = 0"), EXPR_TRUE);
}

static void test_each_of_no_api_is_unknown(void **state)
{
	(void)state;
	struct known none[] = { { 0 } };
	struct world w = { .known = none };
	struct expr_env env = { world_value, &w, NULL, 0 };
	struct expr *e = parse_ok("errors(each) = 0");

	assert_int_equal(expr_eval(e, &env), EXPR_UNKNOWN);
	expr_free(e);
}

struct refs {
	struct expr_ref v[8];
	int n, stop_at;
};

static int collect(void *arg, const struct expr_ref *ref)
{
	struct refs *r = arg;

	r->v[r->n++] = *ref;
	return r->n == r->stop_at ? -ECANCELED : 0;
}

static void check_ref(const struct expr_ref *ref, const char *func,
		      const char *arg, const char *inner, nsec_t window,
		      const char *cause)
{
	assert_true(same(ref->func, func));
	assert_true(same(ref->arg, arg));
	assert_true(same(ref->inner, inner));
	assert_true(same(ref->cause, cause));
	assert_int_equal(ref->window, window);
}

static void test_references(void **state)
{
	(void)state;
	struct refs r = { 0 };
	struct expr *e = parse_ok(
		"failed(coupon-issue, 60s, 429) = 0 and latency.p999 < 2s and "
		"baseline(errors(all, 10s)) = 0 and baseline(pg.active) = 1 "
		"and rate(link.db.in_flight) > 2");

	assert_int_equal(expr_visit(e, collect, &r), 0);
	assert_int_equal(r.n, 5);
	check_ref(&r.v[0], "failed", "coupon-issue", NULL, 60 * NSEC_SEC,
		  "429");
	check_ref(&r.v[1], "latency.p999", "all", NULL, 0, NULL);
	check_ref(&r.v[2], "baseline", "all", "errors", 10 * NSEC_SEC, NULL);
	check_ref(&r.v[3], "baseline", "pg.active", NULL, 0, NULL);
	check_ref(&r.v[4], "rate", "link.db.in_flight", NULL, 0, NULL);
	r = (struct refs){ .stop_at = 2 };
	assert_int_equal(expr_visit(e, collect, &r), -ECANCELED);
	assert_int_equal(r.n, 2);
	expr_free(e);
}

static void test_spans(void **state)
{
	(void)state;
	struct expr *e = parse_ok("a.b > 1 for 5s within 90s");

	assert_int_equal(expr_for(e), 5 * NSEC_SEC);
	assert_int_equal(expr_within(e), 90 * NSEC_SEC);
	assert_string_equal(expr_text(e), "a.b > 1 for 5s within 90s");
	expr_free(e);
	e = parse_ok("a.b > 1 by 130s");
	assert_int_equal(expr_for(e), 0);
	assert_int_equal(expr_within(e), 130 * NSEC_SEC);
	expr_free(e);
}

static void test_held_needs_the_whole_span(void **state)
{
	(void)state;
	struct known known[] = { { NULL, "x", 0, 0 }, { 0 } };
	struct world w = { .known = known };
	struct expr_env env = { world_value, &w, apis, 2 };
	struct expr *e = parse_ok("x > 1 for 5s");
	struct expr_hold hold = { 0 };
	static const struct {
		int at_s;
		double value;
		int rc;
		enum expr_tri want;
	} steps[] = {
		{ -3, 0, 0, EXPR_FALSE }, { -2, 2, 0, EXPR_FALSE },
		{ 2, 2, 0, EXPR_FALSE },  { 3, 2, 0, EXPR_TRUE },
		{ 9, 2, 0, EXPR_TRUE },	  { 10, 0, -ENODATA, EXPR_UNKNOWN },
		{ 11, 2, 0, EXPR_FALSE }, { 15, 2, 0, EXPR_FALSE },
		{ 16, 2, 0, EXPR_TRUE },  { 17, 1, 0, EXPR_FALSE },
	};

	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		known[0].value = steps[i].value;
		known[0].rc = steps[i].rc;
		assert_int_equal(expr_held(e, &hold, &env,
					   steps[i].at_s * NSEC_SEC),
				 steps[i].want);
	}
	expr_free(e);
	/* without a "for" the first truth counts */
	e = parse_ok("x = 1");
	hold = (struct expr_hold){ 0 };
	assert_int_equal(expr_held(e, &hold, &env, 0), EXPR_TRUE);
	expr_free(e);
}

static void test_explain(void **state)
{
	(void)state;
	static const struct known known[] = {
		{ "errors", "product", 0.5, 0 },
		{ "errors", "coupon", 0.97, 0 },
		{ "failed", "all", 0, -ENODATA }, { "baseline", "g.x", 3, 0 },
		{ 0 },
	};
	struct world w = { .known = known };
	struct expr_env env = { world_value, &w, apis, 2 };
	struct expr *e = parse_ok("errors(each, 10s) > 1% and "
				  "failed(all, 60s, timeout) = 0 and "
				  "errors(each, 10s) < 99% and "
				  "baseline(g.x) > 0 and no.such > 1");
	struct buf out;

	buf_init(&out, 0);
	buf_adds(&out, "why: ");
	expr_explain(e, &env, &out);
	assert_string_equal(out.data,
		"why: errors(product, 10s) = 0.5, errors(coupon, 10s) = 0.97, "
		"failed(all, 1m, timeout) is unknown, baseline(g.x) = 3, "
		"no.such does not exist");
	buf_done(&out);
	expr_free(e);
}

static void test_errors_name_the_column(void **state)
{
	(void)state;
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "", "column 1: the condition is empty" },
		{ "   ", "column 4: the condition is empty" },
		{ "1 = 1 and error(all, 10s) > 1%",
		  "column 11: unknown function 'error' "
		  "(did you mean 'errors'?)" },
		{ "latency.p0(all) > 1", "column 1: unknown function" },
		{ "pg.active", "a comparison" },
		{ "pg.active > ", "column 13: a gauge or function" },
		{ "1 < 2 < 3", "column 1: '<' takes numbers" },
		{ "(1 < 2) + 1 > 2", "column 1: '+' takes numbers" },
		{ "1 + (1 < 2) > 2", "column 5: '+' takes numbers" },
		{ "1 and 1 = 1", "column 1: 'and' joins conditions" },
		{ "1 = 1 or 5", "column 10: 'or' joins conditions" },
		{ "-(1 = 1) > 2", "a condition has no sign" },
		{ "errors() > 1", "column 8: errors(SCOPE, WINDOW)" },
		{ "errors(10s) > 1", "column 8: errors(SCOPE, WINDOW)" },
		{ "errors(all, soon) > 1", "column 13: window: " },
		{ "errors(all, 0s) > 1", "column 13: a window is longer" },
		{ "errors(all, 10s, x) > 1", "column 16: ')' is expected" },
		{ "errors(all > 1", "column 12: ')' is expected" },
		{ "failed(all, 1s, ) > 1", "column 17: a cause" },
		{ "rate > 1", "column 1: 'rate' needs arguments" },
		{ "baseline > 1", "needs arguments" },
		{ "baseline(baseline(x)) > 1", "column 10: a baseline has" },
		{ "x > 12parsecs", "column 5: '12parsecs' is no number" },
		{ "x > 1 for 5s for 6s", "'for' is given twice" },
		{ "x > 1 within", "column 13: within: " },
		{ "x > 1 for -5s", "column 11: for: " },
		{ "x > 1 x", "column 7: 'x' is not understood" },
		{ "x \xea\xb0\x80 > 1", "'\xea\xb0\x80'" },
		{ "and > 1", "column 1: a gauge or function" },
		{ "(x > 1", "column 7: ')' is expected at the end" },
	};
	struct expr *e = NULL;
	struct err err;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		err = (struct err){ 0 };
		assert_int_equal(expr_parse(rows[i].text, &e, &err), -EINVAL);
		assert_int_equal(err.code, -EINVAL);
		if (!strstr(err.msg, rows[i].want))
			fail_msg("'%s': %s", rows[i].text, err.msg);
		assert_null(e);
	}
}

/* Nothing that is typed breaks the parser; what parses can be evaluated. */
static void test_scrambled_texts(void **state)
{
	(void)state;
	static const char *const parts[] = {
		"errors", "(", "each", ",", "10s", ")", ">", "95%", " and ",
		" or ", "pg.active", "-", "baseline", "(", ")", "for", " 5s ",
		"within", "latency.p95", "0", "/", "=", "\xff", "rate", "200/s",
	};
	struct known none[] = { { 0 } };
	struct world w = { .known = none };
	struct expr_env env = { world_value, &w, apis, 2 };
	int parsed = 0;
	struct rng rng;
	struct buf text;

	rng_init(&rng, 7, 7);
	buf_init(&text, 0);
	for (int i = 0; i < 50000; i++) {
		struct expr *e = NULL;

		buf_reset(&text);
		for (uint64_t n = 1 + rng_below(&rng, 12); n > 0; n--)
			buf_adds(&text, parts[rng_below(&rng, 25)]);
		if (expr_parse(text.data, &e, NULL))
			continue;
		assert_in_range(expr_eval(e, &env), 0, EXPR_UNKNOWN);
		expr_free(e);
		parsed++;
	}
	assert_true(parsed > 10);
	buf_done(&text);
}

static void repeat(struct buf *b, const char *s, int n)
{
	while (n-- > 0)
		buf_adds(b, s);
}

static void test_size_and_depth_are_bounded(void **state)
{
	(void)state;
	struct expr *e = NULL;
	struct err err = { 0 };
	struct buf b;

	buf_init(&b, 0);
	repeat(&b, "(", 33);
	buf_adds(&b, "1 = 1");
	repeat(&b, ")", 33);
	assert_int_equal(expr_parse(b.data, &e, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "nested deeper than 32"));
	buf_reset(&b);
	buf_adds(&b, "1 = 1");
	repeat(&b, " and 1 = 1", 64);
	assert_int_equal(expr_parse(b.data, &e, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "more than 256 parts"));
	buf_reset(&b);
	repeat(&b, "          ", 410);
	assert_int_equal(expr_parse(b.data, &e, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "longer than 4096"));
	buf_done(&b);
	expr_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_scenarios_write),
		cmocka_unit_test(test_tags_are_scopes),
		cmocka_unit_test(test_margins),
		cmocka_unit_test(test_and_binds_closer_than_or),
		cmocka_unit_test(test_units_are_seconds_and_parts_of_one),
		cmocka_unit_test(test_unknown_is_never_true),
		cmocka_unit_test(test_each_is_every_api),
		cmocka_unit_test(test_each_of_no_api_is_unknown),
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_spans),
		cmocka_unit_test(test_held_needs_the_whole_span),
		cmocka_unit_test(test_explain),
		cmocka_unit_test(test_errors_name_the_column),
		cmocka_unit_test(test_scrambled_texts),
		cmocka_unit_test(test_size_and_depth_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
