/* SPDX-License-Identifier: Apache-2.0 */
/* Option tables: every type, defaults, flags, prefixes, suggestions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/base/clock.h"
#include "chaos/base/expr.h"
#include "chaos/base/mem.h"
#include "chaos/base/opt.h"

struct pair {
	int a, b;
	char *text;
};

struct conf {
	char *url;
	struct opt_strs hosts, assume, vars;
	int64_t size;
	double factor, rate, share;
	bool up;
	nsec_t at, clock;
	uint64_t bytes;
	int model;
	struct expr *when;
	struct pair pair;
};

static const char *const models[] = { "users", "arrivals", NULL };

static int pair_parse(const char *text, void *field, struct err *err)
{
	struct pair *p = field;
	char *end;

	p->a = (int)strtol(text, &end, 10);
	if (*end != '-')
		return err_set(err, -EINVAL, "'%s' is no pair (1-2)", text);
	p->b = atoi(end + 1);
	mem_free(p->text);
	p->text = mem_strdup(text);
	return 0;
}

static void pair_done(void *field)
{
	struct pair *p = field;

	mem_free(p->text);
	p->text = NULL;
}

#define ROW(k, t, f) .name = k, .type = t, .off = offsetof(struct conf, f)

static const struct opt table[] = {
	{ ROW("url", OPT_STR, url), .flags = OPT_REQUIRED },
	{ ROW("hosts", OPT_STRS, hosts), .def = "127.0.0.1" },
	{ ROW("assume", OPT_LINES, assume) },
	{ ROW("var.*", OPT_LINES, vars) },
	{ ROW("size", OPT_INT, size), .flags = OPT_POSITIVE, .def = "16" },
	{ ROW("factor", OPT_DOUBLE, factor), .def = "1.5" },
	{ ROW("rate", OPT_RATE, rate), .flags = OPT_NONNEG },
	{ ROW("share", OPT_SHARE, share) },
	{ ROW("up", OPT_BOOL, up), .def = "yes" },
	{ ROW("at", OPT_DURATION, at), .flags = OPT_NONNEG },
	{ ROW("clock", OPT_CLOCK, clock) },
	{ ROW("bytes", OPT_SIZE, bytes) },
	{ ROW("model", OPT_ENUM, model), .choices = models,
	  .def = "arrivals" },
	{ ROW("when", OPT_EXPR, when) },
	{ ROW("pair", OPT_PARSE, pair), .parse = pair_parse,
	  .done = pair_done },
	OPT_END
};

static void set(struct conf *c, const char *key, const char *value)
{
	struct err err = { 0 };

	if (opt_set(table, c, key, value, 9, &err))
		fail_msg("%s = %s: %s", key, value, err.msg);
}

static void test_defaults(void **state)
{
	struct conf c = { 0 };

	(void)state;
	opt_defaults(table, &c);
	assert_int_equal(c.size, 16);
	assert_true(c.factor == 1.5);
	assert_true(c.up);
	assert_int_equal(c.model, 1);
	assert_int_equal(c.hosts.n, 1);
	assert_null(c.url);
	/* The file's list takes the default's place. */
	set(&c, "hosts", "10.0.0.1");
	set(&c, "hosts", "10.0.0.2");
	assert_int_equal(c.hosts.n, 2);
	assert_string_equal(c.hosts.v[0], "10.0.0.1");
	opt_done(table, &c);
	assert_int_equal(c.hosts.n, 0);
}

static void test_types(void **state)
{
	struct conf c = { 0 };

	(void)state;
	set(&c, "url", "a");
	set(&c, "url", "staging:shop");
	assert_string_equal(c.url, "staging:shop");
	set(&c, "hosts", " 127.0.0.0/8 , ::1,, ");
	assert_int_equal(c.hosts.n, 2);
	assert_string_equal(c.hosts.v[0], "127.0.0.0/8");
	assert_string_equal(c.hosts.v[1], "::1");
	assert_int_equal(c.hosts.lines[1], 9);
	set(&c, "assume", "traffic falls, we think");
	set(&c, "assume", "twice");
	assert_int_equal(c.assume.n, 2);
	assert_string_equal(c.assume.v[0], "traffic falls, we think");
	set(&c, "size", "50");
	assert_int_equal(c.size, 50);
	set(&c, "rate", "220/s");
	assert_true(c.rate == 220);
	set(&c, "share", "5%");
	assert_true(c.share == 0.05);
	set(&c, "at", "1m30s");
	assert_int_equal(c.at, 90 * NSEC_SEC);
	set(&c, "clock", "14:00:00");
	assert_int_equal(c.clock, 14 * 3600 * NSEC_SEC);
	set(&c, "bytes", "1MiB");
	assert_int_equal(c.bytes, 1 << 20);
	set(&c, "up", "no");
	assert_false(c.up);
	set(&c, "model", "users");
	assert_int_equal(c.model, 0);
	set(&c, "when", "errors(coupon, 10s) > 50%");
	set(&c, "when", "kafka.lag = 0");
	assert_string_equal(expr_text(c.when), "kafka.lag = 0");
	set(&c, "pair", "3-4");
	set(&c, "pair", "5-6");
	assert_int_equal(c.pair.b, 6);
	opt_done(table, &c);
	assert_null(c.url);
	assert_null(c.when);
	opt_done(table, &c);	/* may be repeated */
}

static void test_prefix(void **state)
{
	struct conf c = { 0 };
	struct err err;

	(void)state;
	set(&c, "var.pool_url", "link:db/pool");
	set(&c, "var.admin", "a,b");
	assert_int_equal(c.vars.n, 2);
	assert_string_equal(c.vars.v[0], "pool_url=link:db/pool");
	assert_string_equal(c.vars.v[1], "admin=a,b");
	assert_int_equal(c.vars.lines[0], 9);
	assert_int_equal(opt_set(table, &c, "var.", "x", 1, &err), -ENOENT);
	assert_int_equal(opt_set(table, &c, "var.*", "x", 1, &err), 0);
	assert_ptr_equal(opt_find(table, "var.x"), &table[3]);
	assert_null(opt_find(table, "vars"));
	opt_done(table, &c);
}

static void refused(const char *key, const char *value, int code,
		    const char *msg)
{
	struct conf c = { 0 };
	struct err err = { 0 };

	assert_int_equal(opt_set(table, &c, key, value, 1, &err), code);
	assert_string_equal(err.msg, msg);
	opt_done(table, &c);
}

static void test_refused(void **state)
{
	(void)state;
	refused("szie", "1", -ENOENT,
		"unknown key 'szie' (did you mean 'size'?)");
	refused("qqqq", "1", -ENOENT, "unknown key 'qqqq'");
	refused("size", "0", -ERANGE,
		"bad value of 'size': '0' is not above 0");
	refused("size", "x", -EINVAL,
		"bad value of 'size': 'x' is no whole number");
	refused("at", "-5s", -ERANGE, "bad value of 'at': '-5s' is below 0");
	refused("model", "user", -EINVAL,
		"bad value of 'model': 'user' is none of users, arrivals "
		"(did you mean 'users'?)");
	refused("model", "", -EINVAL,
		"bad value of 'model': '' is none of users, arrivals");
	refused("pair", "7", -EINVAL,
		"bad value of 'pair': '7' is no pair (1-2)");
}

static void test_bad_expr_keeps(void **state)
{
	struct conf c = { 0 };
	struct err err = { 0 };

	(void)state;
	set(&c, "when", "kafka.lag = 0");
	assert_true(opt_set(table, &c, "when", "kafka.lag = ", 1, &err) < 0);
	assert_memory_equal(err.msg, "bad value of 'when': ", 21);
	assert_string_equal(expr_text(c.when), "kafka.lag = 0");
	opt_done(table, &c);
}

static void test_suggest(void **state)
{
	static const char *const words[] = {
		"latency", "errors", "throughput", "at", "for",
	};
	static const struct {
		const char *word, *want;
	} cases[] = {
		{ "latncy", "latency" },	/* one missing */
		{ "latenyc", "latency" },	/* two swapped: one step */
		{ "Latency", "latency" },
		{ "errros", "errors" },
		{ "troughptu", "throughput" },
		{ "fro", "for" },
		{ "ta", "at" },
		{ "x", NULL },
		{ "nothing", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *got = opt_suggest(cases[i].word, words, 5);

		if (cases[i].want)
			assert_string_equal(got, cases[i].want);
		else
			assert_null(got);
	}
}

static void test_type_names(void **state)
{
	(void)state;
	assert_string_equal(opt_type_name(OPT_DURATION), "duration");
	assert_string_equal(opt_type_name(OPT_SHARE), "share");
	for (int t = 0; t <= OPT_PARSE; t++)
		assert_non_null(opt_type_name((enum opt_type)t));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_bad_expr_keeps),
		cmocka_unit_test(test_suggest),
		cmocka_unit_test(test_type_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
