/* SPDX-License-Identifier: Apache-2.0 */
/* Units: what is accepted, what is refused and how, what is printed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <string.h>

#include "chaos/base/units.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static void test_duration(void **state)
{
	static const struct {
		const char *text;
		nsec_t want;
	} good[] = {
		{ "250ms", 250 * NSEC_MS },
		{ "30s", 30 * NSEC_SEC },
		{ "15m", 15 * NSEC_MIN },
		{ "15min", 15 * NSEC_MIN },
		{ "1h", 60 * NSEC_MIN },
		{ "2d", 48 * 60 * NSEC_MIN },
		{ "1m30s", 90 * NSEC_SEC },
		{ "1h2m3s4ms", 3723 * NSEC_SEC + 4 * NSEC_MS },
		{ "0.1s", 100 * NSEC_MS },
		{ "76.3ms", 76300 * NSEC_US },
		{ "-60s", -60 * NSEC_SEC },
		{ "+5s", 5 * NSEC_SEC },
		{ "7us", 7 * NSEC_US },
		{ "7ns", 7 },
		{ "0", 0 },
		{ "0s", 0 },
	};
	static const char *const bad[] = {
		"", "s", "5x", "5 s", "5s ", "1e3s", "0x10s", "infs", "nan",
		"30s1m", "1s1s", "1m30", "--5s", "5s-", "1.2.3s", ".s",
		"999999999h",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		nsec_t t = -1;

		if (units_duration(good[i].text, &t, NULL))
			fail_msg("'%s' refused", good[i].text);
		assert_int_equal(t, good[i].want);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		nsec_t t = 77;

		if (!units_duration(bad[i], &t, NULL))
			fail_msg("'%s' taken", bad[i]);
		assert_int_equal(t, 77);
	}
}

static void test_duration_hint(void **state)
{
	struct err err = { 0 };
	nsec_t t;

	(void)state;
	assert_int_equal(units_duration("30", &t, &err), -EINVAL);
	assert_string_equal(err.msg,
			    "'30' has no unit (did you mean '30s'?)");
}

static void test_rate(void **state)
{
	double r;

	(void)state;
	assert_int_equal(units_rate("200/s", &r, NULL), 0);
	assert_true(r == 200);
	assert_int_equal(units_rate("90/m", &r, NULL), 0);
	assert_true(fabs(r - 1.5) < 1e-12);
	assert_int_equal(units_rate("3600/h", &r, NULL), 0);
	assert_true(fabs(r - 1) < 1e-12);
	assert_int_equal(units_rate("0.5", &r, NULL), 0);
	assert_true(r == 0.5);
	assert_int_equal(units_rate("200/x", &r, NULL), -EINVAL);
	assert_int_equal(units_rate("-1/s", &r, NULL), -EINVAL);
	assert_int_equal(units_rate("/s", &r, NULL), -EINVAL);
	assert_int_equal(units_rate("", &r, NULL), -EINVAL);
}

static void test_size(void **state)
{
	uint64_t n;

	(void)state;
	assert_int_equal(units_size("512", &n, NULL), 0);
	assert_int_equal(n, 512);
	assert_int_equal(units_size("64KB", &n, NULL), 0);
	assert_int_equal(n, 64000);
	assert_int_equal(units_size("1MiB", &n, NULL), 0);
	assert_int_equal(n, 1048576);
	assert_int_equal(units_size("1.5GiB", &n, NULL), 0);
	assert_int_equal(n, 1610612736);
	assert_int_equal(units_size("64K", &n, NULL), -EINVAL);
	assert_int_equal(units_size("-1", &n, NULL), -EINVAL);
	assert_int_equal(units_size("99999999999GiB", &n, NULL), -ERANGE);
}

static void test_share(void **state)
{
	struct err err = { 0 };
	double v;

	(void)state;
	assert_int_equal(units_share("5%", &v, NULL), 0);
	assert_true(v == 0.05);
	assert_int_equal(units_share("0.05", &v, NULL), 0);
	assert_true(v == 0.05);
	assert_int_equal(units_share("83.3%", &v, NULL), 0);
	assert_true(fabs(v - 0.833) < 1e-12);
	assert_int_equal(units_share("1", &v, NULL), 0);
	assert_int_equal(units_share("350%", &v, NULL), 0);
	assert_int_equal(units_share("5", &v, &err), -ERANGE);
	assert_non_null(strstr(err.msg, "did you mean '5%'?"));
	assert_int_equal(units_share("-5%", &v, NULL), -EINVAL);
	assert_int_equal(units_share("5%%", &v, NULL), -EINVAL);
	assert_int_equal(units_share("%", &v, NULL), -EINVAL);
}

static void test_numbers(void **state)
{
	int64_t i;
	double d;

	(void)state;
	assert_int_equal(units_double("-1.5e2", &d, NULL), 0);
	assert_true(d == -150);
	assert_int_equal(units_double("+.5", &d, NULL), 0);
	assert_true(d == 0.5);
	assert_int_equal(units_double("inf", &d, NULL), -EINVAL);
	assert_int_equal(units_double("nan", &d, NULL), -EINVAL);
	assert_int_equal(units_double("0x1p3", &d, NULL), -EINVAL);
	assert_int_equal(units_double("1e999", &d, NULL), -ERANGE);
	assert_int_equal(units_double("1e", &d, NULL), -EINVAL);
	assert_int_equal(units_double("", &d, NULL), -EINVAL);
	assert_int_equal(units_double("1 ", &d, NULL), -EINVAL);
	assert_int_equal(units_int("-20250912", &i, NULL), 0);
	assert_int_equal(i, -20250912);
	assert_int_equal(units_int("9223372036854775807", &i, NULL), 0);
	assert_true(i == INT64_MAX);
	assert_int_equal(units_int("9223372036854775808", &i, NULL), -ERANGE);
	assert_int_equal(units_int("1.0", &i, NULL), -EINVAL);
	assert_int_equal(units_int("-", &i, NULL), -EINVAL);
	assert_int_equal(units_int(" 1", &i, NULL), -EINVAL);
}

static void test_bool(void **state)
{
	bool b = false;

	(void)state;
	assert_int_equal(units_bool("yes", &b, NULL), 0);
	assert_true(b);
	assert_int_equal(units_bool("Off", &b, NULL), 0);
	assert_false(b);
	assert_int_equal(units_bool("1", &b, NULL), 0);
	assert_true(b);
	assert_int_equal(units_bool("y", &b, NULL), -EINVAL);
	assert_int_equal(units_bool("", &b, NULL), -EINVAL);
}

static void test_clock(void **state)
{
	static const char *const bad[] = {
		"", "14", "24:00", "14:60", "14:00:60", "14:00:", "14:00:00x",
		"140:00", "-1:00", "14:0:0:0", "14:00:1e1",
	};
	nsec_t t;

	(void)state;
	assert_int_equal(units_clock("14:02:30", &t, NULL), 0);
	assert_int_equal(t, (14 * 3600 + 150) * NSEC_SEC);
	assert_int_equal(units_clock("14:00", &t, NULL), 0);
	assert_int_equal(t, 14 * 3600 * NSEC_SEC);
	assert_int_equal(units_clock("9:05:00.5", &t, NULL), 0);
	assert_int_equal(t, (9 * 3600 + 300) * NSEC_SEC + 500 * NSEC_MS);
	for (size_t i = 0; i < COUNT(bad); i++)
		if (!units_clock(bad[i], &t, NULL))
			fail_msg("'%s' taken", bad[i]);
}

struct printed {
	nsec_t t;
	const char *want;
};

static void check_printed(char *(*fmt)(char *dst, nsec_t t),
			  const struct printed *p, size_t n)
{
	char text[UNITS_TEXT];

	for (size_t i = 0; i < n; i++)
		assert_string_equal(fmt(text, p[i].t), p[i].want);
}

static void test_fmt(void **state)
{
	static const struct printed durations[] = {
		{ 0, "0s" }, { 250 * NSEC_MS, "250ms" },
		{ 30 * NSEC_SEC, "30s" }, { 90 * NSEC_SEC, "1m30s" },
		{ 15 * NSEC_MIN, "15m" }, { 1500 * NSEC_MS, "1.5s" },
		{ 76300 * NSEC_US, "76.3ms" }, { 10 * NSEC_US, "10us" },
		{ 7, "7ns" }, { -60 * NSEC_SEC, "-1m" },
		{ 60 * NSEC_MIN + 5 * NSEC_SEC, "1h5s" },
		{ NSEC_SEC + 1, "1.000000001s" },
		{ NSEC_NEVER, "2562047h47m16.854775807s" },
	};
	static const struct printed mmss[] = {
		{ 150 * NSEC_SEC, "2:30" }, { 754 * NSEC_SEC, "12:34" },
		{ -5 * NSEC_SEC, "-0:05" }, { -100 * NSEC_MS, "0:00" },
		{ 149600 * NSEC_MS, "2:30" }, { 3600 * NSEC_SEC, "60:00" },
	};
	static const struct printed clocks[] = {
		{ (14 * 3600 + 150) * NSEC_SEC, "14:02:30" },
		{ -60 * NSEC_SEC, "23:59:00" },
		{ 86400 * NSEC_SEC + NSEC_SEC, "00:00:01" },
		{ 86399 * NSEC_SEC + 600 * NSEC_MS, "00:00:00" },
	};
	static const struct printed spans[] = {
		{ 0, "0 ms" }, { 8200 * NSEC_US, "8.2 ms" },
		{ 1250 * NSEC_MS, "1.25 s" }, { 93 * NSEC_MS, "93.0 ms" },
		{ 237 * NSEC_MS, "237 ms" }, { 999700 * NSEC_US, "1.00 s" },
		{ 420 * NSEC_US, "0.42 ms" }, { 1080 * NSEC_SEC, "1080 s" },
		{ -10 * NSEC_MS, "-10.0 ms" },
	};

	(void)state;
	check_printed(units_fmt_duration, durations, COUNT(durations));
	check_printed(units_fmt_mmss, mmss, COUNT(mmss));
	check_printed(units_fmt_clock, clocks, COUNT(clocks));
	check_printed(units_fmt_ms, spans, COUNT(spans));
}

/* What is printed is read back as the same. */
static void test_round_trip(void **state)
{
	char text[UNITS_TEXT];
	nsec_t back;

	(void)state;
	for (nsec_t t = 1; t < 400 * 60 * NSEC_MIN; t += t / 3 + 1) {
		units_fmt_duration(text, t);
		if (units_duration(text, &back, NULL) || back != t)
			fail_msg("%lld ns became '%s'", (long long)t, text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_duration),
		cmocka_unit_test(test_duration_hint),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_share),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_bool),
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_fmt),
		cmocka_unit_test(test_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
