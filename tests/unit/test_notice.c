// links: gd_watch
/* SPDX-License-Identifier: Apache-2.0 */
/* What a team's monitoring tells, in each format; and what it should not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/watch/notice.h"

#define AT(s) ((nsec_t)(s) * NSEC_SEC)

static void test_times(void **state)
{
	(void)state;
	assert_int_equal(notice_time("2026-01-02T03:04:05Z"), AT(1767323045));
	assert_int_equal(notice_time("2026-01-02T12:04:05.25+09:00"),
			 AT(1767323045) + NSEC_SEC / 4);
	assert_int_equal(notice_time("0001-01-01T00:00:00Z"), NSEC_NEVER);
	assert_int_equal(notice_time("yesterday"), NSEC_NEVER);
	assert_int_equal(notice_time(""), NSEC_NEVER);
}

static void webhook(const char *text, struct notices *n)
{
	struct err err;

	if (notices_webhook(text, strlen(text), n, &err))
		fail_msg("%s", err.msg);
}

static const char am[] =
	"{\"version\":\"4\",\"truncatedAlerts\":3,\"status\":\"firing\","
	"\"alerts\":[{\"status\":\"firing\",\"labels\":{\"alertname\":\"A\","
	"\"severity\":\"critical\"},\"startsAt\":\"2026-01-02T03:04:05Z\","
	"\"endsAt\":\"0001-01-01T00:00:00Z\"},"
	"{\"status\":\"resolved\",\"labels\":{\"alertname\":\"B\"},"
	"\"startsAt\":\"2026-01-02T03:04:05Z\","
	"\"endsAt\":\"2026-01-02T03:05:05Z\"}]}";

static void test_alertmanager(void **state)
{
	struct notices n;

	(void)state;
	webhook(am, &n);
	assert_int_equal(n.n, 2);
	assert_int_equal(n.left_out, 3);
	assert_false(n.grafana);
	assert_string_equal(n.v[0].name, "A");
	assert_string_equal(n.v[0].severity, "critical");
	assert_int_equal(n.v[0].state, WATCH_FIRING);
	assert_int_equal(n.v[0].fired, AT(1767323045));
	assert_int_equal(n.v[1].state, WATCH_INACTIVE);
	notices_done(&n);
	/* Without a status the zero end says nothing, a real one does. */
	webhook("{\"alerts\":[{\"labels\":{\"alertname\":\"A\"},\"startsAt\":"
		"\"2026-01-02T03:04:05Z\",\"endsAt\":\"2026-01-02T03:05:05Z\"}"
		"]}", &n);
	assert_int_equal(n.v[0].state, WATCH_INACTIVE);
	notices_done(&n);
}

static void test_grafana(void **state)
{
	struct notices n;

	(void)state;
	webhook("{\"receiver\":\"x\",\"orgId\":1,\"version\":\"1\",\"alerts\":"
		"[{\"status\":\"firing\",\"labels\":{\"alertname\":\"G\"},"
		"\"startsAt\":\"2026-01-02T12:04:05+09:00\",\"values\":{}}]}",
		&n);
	assert_true(n.grafana);
	assert_int_equal(n.v[0].state, WATCH_FIRING);
	assert_int_equal(n.v[0].fired, AT(1767323045));
	notices_done(&n);
}

static void expect_refused(const char *text, size_t len)
{
	struct notices n;
	struct err err;

	assert_true(notices_webhook(text, len, &n, &err) < 0);
	assert_int_equal(n.n, 0);
	notices_done(&n);
}

static void test_hostile_webhooks(void **state)
{
	enum { DEEP = 200000 };
	char *deep = mem_zalloc(DEEP + 1);
	struct notices n;

	(void)state;
	memset(deep, '[', DEEP);
	expect_refused(deep, DEEP);
	mem_free(deep);
	expect_refused("", 0);
	expect_refused("[]", 2);
	expect_refused("{\"alerts\":7}", 12);
	expect_refused("{\"alerts\":[", 11);
	/* Wrong types within are left out, and counted. */
	webhook("{\"alerts\":[7,null,{\"labels\":[]},{\"labels\":"
		"{\"alertname\":5}},{\"status\":{},\"startsAt\":[],\"labels\":"
		"{\"alertname\":\"A\",\"severity\":9}}],"
		"\"truncatedAlerts\":\"many\"}", &n);
	assert_int_equal(n.n, 1);
	assert_int_equal(n.left_out, 4);
	assert_string_equal(n.v[0].severity, "");
	assert_int_equal(n.v[0].fired, NSEC_NEVER);
	notices_done(&n);
}

static void test_too_many(void **state)
{
	struct buf b;
	struct notices n;

	(void)state;
	buf_init(&b, 0);
	buf_adds(&b, "{\"alerts\":[");
	for (int i = 0; i < NOTICES_MAX + 5; i++)
		buf_addf(&b, "%s{\"status\":\"firing\",\"labels\":"
			 "{\"alertname\":\"a%d\"}}", i ? "," : "", i);
	buf_adds(&b, "]}");
	webhook(b.data, &n);
	assert_int_equal(n.n, NOTICES_MAX);
	assert_int_equal(n.left_out, 5);
	notices_done(&n);
	buf_done(&b);
}

static void test_api(void **state)
{
	static const char text[] =
		"[{\"labels\":{\"alertname\":\"A\"},\"status\":{\"state\":"
		"\"active\"},\"startsAt\":\"2026-01-02T03:04:05Z\",\"endsAt\":"
		"\"2026-01-02T03:09:05Z\"},{\"labels\":{\"alertname\":\"S\"},"
		"\"status\":{\"state\":\"suppressed\"}}]";
	struct notices n;
	struct err err;

	(void)state;
	assert_int_equal(notices_api(text, strlen(text), &n, &err), 0);
	/* Its endsAt is when it would time out. */
	assert_int_equal(n.v[0].state, WATCH_FIRING);
	assert_int_equal(n.v[1].state, WATCH_INACTIVE);
	notices_done(&n);
	assert_int_equal(notices_api("{}", 2, &n, &err), -EINVAL);
}

static void test_alerts_query(void **state)
{
	static const char text[] =
		"{\"status\":\"success\",\"data\":{\"resultType\":\"vector\","
		"\"result\":[{\"metric\":{\"__name__\":\"ALERTS\",\"alertname\""
		":\"A\",\"alertstate\":\"firing\",\"severity\":\"page\"},"
		"\"value\":[1767323100,\"1\"]},{\"metric\":{\"__name__\":"
		"\"ALERTS_FOR_STATE\",\"alertname\":\"A\",\"severity\":\"page\""
		"},\"value\":[1767323100,\"1767323045\"]},{\"metric\":"
		"{\"__name__\":\"ALERTS\",\"alertname\":\"B\",\"alertstate\":"
		"\"pending\"},\"value\":[1,\"1\"]}]}}";
	static const char failed[] = "{\"status\":\"error\",\"error\":\"no\"}";
	struct notices n;
	struct err err;

	(void)state;
	assert_int_equal(notices_query(text, strlen(text), &n, &err), 0);
	assert_int_equal(n.n, 2);
	assert_int_equal(n.v[0].state, WATCH_FIRING);
	assert_int_equal(n.v[0].active, AT(1767323045));
	assert_int_equal(n.v[1].state, WATCH_PENDING);
	notices_done(&n);
	assert_int_equal(notices_query(failed, strlen(failed), &n, &err),
			 -EINVAL);
	assert_non_null(strstr(err.msg, "the query failed: no"));
}

static int number(const char *type, const char *result, double *ret)
{
	AUTO_FREE char *text = mem_printf(
		"{\"status\":\"success\",\"data\":{\"resultType\":\"%s\","
		"\"result\":%s}}", type, result);
	struct err err;

	return notice_number(text, strlen(text), ret, &err);
}

static void test_numbers(void **state)
{
	double v;

	(void)state;
	assert_int_equal(number("scalar", "[1,\"2.5\"]", &v), 0);
	assert_true(v == 2.5);
	assert_int_equal(number("vector", "[{\"value\":[1,\"3\"]}]", &v), 0);
	assert_true(v == 3);
	assert_int_equal(number("vector", "[]", &v), -ENODATA);
	assert_int_equal(number("vector", "[{\"value\":[1,\"NaN\"]}]", &v),
			 -ENODATA);
	assert_int_equal(number("vector", "[{\"value\":7}]", &v), -ENODATA);
	assert_int_equal(number("vector", "[{},{}]", &v), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_alertmanager),
		cmocka_unit_test(test_grafana),
		cmocka_unit_test(test_hostile_webhooks),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_api),
		cmocka_unit_test(test_alerts_query),
		cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
