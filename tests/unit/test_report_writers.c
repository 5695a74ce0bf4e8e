// links: gd_report gd_plan
/* SPDX-License-Identifier: Apache-2.0 */
/* The traffic's part of the model, and what each writer makes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "report_gold.h"

static const struct report_writer *writer(const char *name)
{
	for (size_t i = 0; report_writer_table[i]; i++)
		if (strcmp(report_writer_table[i]->name, name) == 0)
			return report_writer_table[i];
	fail_msg("no writer '%s'", name);
	return NULL;
}

/* Caller frees. */
static char *written(const struct report *r, const char *name)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	writer(name)->write(r, f);
	fclose(f);
	return text;
}

static void expect_in(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no '%s' in\n%s", part, text);
}

static size_t count(const char *text, const char *part)
{
	size_t n = 0;

	for (; (text = strstr(text, part)); text += strlen(part))
		n++;
	return n;
}

/* The golden run, and the thresholds and live changes of one. */
static void add_lines(struct gold *g)
{
	buf_addf(&g->events,
		 "{\"t\":30,\"ev\":\"ctl\",\"what\":\"users\",\"value\":"
		 "\"80\"}\n"
		 "{\"t\":31,\"ev\":\"threshold\",\"name\":\"fast\",\"when\":"
		 "\"latency.p95(order, 10s) < 50ms\",\"missing\":true}\n"
		 "{\"t\":121,\"ev\":\"threshold\",\"name\":\"fast\",\"when\":"
		 "\"latency.p95(order, 10s) < 50ms\",\"phase\":\"fault\","
		 "\"final\":true,\"missed\":true,\"aborts\":false,\"at_end\":"
		 "false,\"judged\":%s,\"seconds\":100,\"missed_seconds\":7,"
		 "\"value\":0.075,\"limit\":0.05,\"margin\":-0.5,\"unit\":"
		 "\"s\",\"worst_s\":31}\n"
		 "{\"t\":121,\"ev\":\"threshold\",\"name\":\"a|b\\\"<&\","
		 "\"when\":\"errors < 90%%\",\"phase\":\"\",\"final\":true,"
		 "\"missed\":false,\"at_end\":true,\"judged\":true,\"value\":"
		 "0.6,\"limit\":0.9,\"margin\":0.3333,\"unit\":\"share\"}\n"
		 "{\"t\":121,\"ev\":\"state\",\"to\":\"reverting\"}\n",
		 "true");
}

static void test_model(void **state)
{
	const json_t *root, *all, *t;
	struct gold g;
	struct report *r;

	(void)state;
	gold_init(&g);
	add_lines(&g);
	r = load(&g);
	root = report_json(r);
	all = json_at(root, "load/totals/3");
	assert_int_equal(json_int64(all, "requests", 0), 1310);
	assert_int_equal(json_int64(all, "failed/timeout", 0), 568);
	assert_float_equal(json_num(all, "seconds", 0), 131, 1e-9);
	assert_float_equal(json_num(all, "rps", 0), 10, 1e-9);
	assert_float_equal(json_num(all, "response_ms/p50", 0), 50, 0.2);
	assert_float_equal(json_num(all, "response_ms/min", 0), 1, 0.01);
	assert_float_equal(json_num(json_at(root, "load/totals/0"), "seconds",
				    0), 10, 1e-9);
	assert_float_equal(json_num(json_at(root, "load/totals/2"), "seconds",
				    0), 60, 1e-9);
	assert_string_equal(json_str(root, "load/causes/0/cause", ""),
			    "timeout");
	assert_int_equal(json_int64(root, "load/causes/1/apis/order", 0), 232);
	assert_string_equal(json_str(root, "load/changes/0/value", ""), "80");
	assert_int_equal(json_array_size(json_at(root, "thresholds")), 2);
	t = named(r, "thresholds", "fast");
	assert_false(json_flag(t, "ok", true));
	assert_float_equal(json_num(t, "margin", 0), -0.5, 1e-9);
	expect_in(json_str(t, "got", ""), "75 ms at worst, at 0:31");
	assert_string_equal(json_str(named(r, "thresholds", "a|b\"<&"), "got",
				     ""), "60 %, 33.3 % from the limit");
	assert_int_equal(report_exit(r), 1);
	report_free(r);
	gold_done(&g);
}

/* A killed run ends at any byte of what it wrote; each writer takes it. */
static void test_cut_anywhere(void **state)
{
	struct gold g;
	size_t all, from;

	(void)state;
	gold_init(&g);
	from = g.events.len;
	add_lines(&g);
	all = g.events.len;
	for (g.events.len = from; g.events.len < all; g.events.len += 3) {
		struct report *r = load(&g);

		assert_in_range(report_exit(r), 0, 6);
		for (size_t i = 0; report_writer_table[i]; i++) {
			AUTO_FREE char *text = written(
				r, report_writer_table[i]->name);

			assert_true(strlen(text) > 100);
			assert_null(strstr(text, "(null)"));
		}
		report_free(r);
	}
	gold_done(&g);
}

/* Without its last word a threshold is not held. */
static void test_a_threshold_cut_off(void **state)
{
	struct gold g;
	struct report *r;

	(void)state;
	gold_init(&g);
	buf_addf(&g.events, "{\"t\":31,\"ev\":\"threshold\",\"name\":\"x\","
			    "\"when\":\"w\",\"missed\":false,\"final\":false}"
			    "\n");
	r = load(&g);
	assert_false(json_flag(named(r, "thresholds", "x"), "ok", true));
	assert_int_equal(report_exit(r), 1);
	write_all(r, g.dir);
	report_free(r);
	gold_done(&g);
}

/* Traffic that ends by itself does not last to the next whole second. */
static void test_rate_of_what_ends_by_itself(void **state)
{
	struct gold g;
	struct report *r;
	const json_t *all;

	(void)state;
	gold_init(&g);
	add_lines(&g);
	buf_addf(&g.events,
		 "{\"t\":121,\"ev\":\"load\",\"over_s\":120.5}\n");
	r = load(&g);
	all = json_at(report_json(r), "load/totals/3");
	assert_float_equal(json_num(all, "seconds", 0), 130.5, 1e-9);
	assert_float_equal(json_num(all, "rps", 0), 1310 / 130.5, 1e-9);
	report_free(r);
	gold_done(&g);
}

static void test_seconds(void **state)
{
	const struct report_second *v;
	struct gold g;
	struct report *r;
	size_t n;

	(void)state;
	gold_init(&g);
	r = load(&g);
	n = report_seconds(r, &v);
	assert_int_equal(n, 131);
	assert_int_equal(v[0].t, -10);
	assert_true(isnan(v[0].p50));
	assert_string_equal(v[10].phase, "fault");
	assert_float_equal(v[10].p50, 0.05, 0.0002);
	assert_float_equal(v[20].failed, 10, 1e-9);
	report_free(r);
	gold_done(&g);
}

static void test_junit(void **state)
{
	AUTO_FREE char *text = NULL;
	struct gold g;
	struct report *r;

	(void)state;
	gold_init(&g);
	add_lines(&g);
	buf_adds(&g.events, "{\"t\":121,\"ev\":\"criterion\",\"name\":\"z\","
			    "\"ok\":false,\"judged\":false}\n");
	r = load(&g);
	text = written(r, "junit");
	expect_in(text, "name=\"threshold a|b&quot;&lt;&amp;\"");
	expect_in(text, "<failure message=\"75 ms at worst, at 0:31, 50.0 % "
			"beyond the limit\"");
	expect_in(text, "latency.p95(order, 10s) &lt; 50ms");
	assert_int_equal(count(text, "<failure "), 1);
	assert_int_equal(count(text, "failures=\"1\""), 2);
	assert_int_equal(count(text, "<skipped/>"), 1);
	assert_int_equal(count(text, "<testcase "),
			 json_array_size(json_at(report_json(r),
						 "verdict/criteria")) + 1);
	report_free(r);
	gold_done(&g);
}

static void test_csv(void **state)
{
	AUTO_FREE char *text = NULL, *series = NULL;
	struct gold g;
	struct report *r;

	(void)state;
	gold_init(&g);
	r = load(&g);
	text = written(r, "csv");
	series = written(r, "csv-series");
	assert_int_equal(count(text, "\r\n"), 1 + 4 + 4);
	expect_in(text, "\r\norder,all,no,1310,");
	expect_in(text, "failed_429");
	/* the mean of 1 to 100 ms, and their median */
	expect_in(text, ",0.0505");
	expect_in(text, ",0.050015");
	assert_int_equal(count(series, "\r\n"), 1 + 131);
	expect_in(series, "\r\n-10,order,baseline,no,10,10,0,0,0,,,,\r\n");
	expect_in(series, "\r\n0,order,fault,no,10,10,0,0,0,0.05");
	report_free(r);
	gold_done(&g);
}

static void test_markdown_and_metrics(void **state)
{
	AUTO_FREE char *md = NULL, *om = NULL;
	struct gold g;
	struct report *r;

	(void)state;
	gold_init(&g);
	add_lines(&g);
	r = load(&g);
	md = written(r, "md");
	om = written(r, "openmetrics");
	expect_in(md, "# Gold\n");
	expect_in(md, "threshold a\\|b\"\\<&");
	expect_in(md, "| order | all | 1 310 | 10.0 |");
	expect_in(md, "| mend | 14:01:00 | pass |");
	expect_in(om, "gameday_requests_total{api=\"order\",outcome=\"failed\","
		      "cause=\"timeout\"} 568\n");
	expect_in(om, "gameday_threshold_margin{threshold=\"fast\"} -0.5\n");
	expect_in(om, "threshold=\"a|b\\\"<&\"");
	assert_string_equal(om + strlen(om) - 6, "# EOF\n");
	report_free(r);
	gold_done(&g);
}

/* Of traffic alone no line is about faults, milestones or a playbook. */
static void test_page_of_traffic(void **state)
{
	static const char *const never[] = { "mitigated", "TTD", "playbook",
					     "postgres" };
	AUTO_FREE char *text = NULL;
	struct gold g;
	struct report *r;
	char *kind;

	(void)state;
	gold_init(&g);
	add_lines(&g);
	kind = strstr(g.events.data, "\"drill\"");
	memcpy(kind, "\"load\" ", 7);
	r = load(&g);
	text = written(r, "text");
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		if (strstr(text, never[i]))
			fail_msg("'%s' in\n%s", never[i], text);
	expect_in(text, "1 310 requests in 2m11s, 10.0/s");
	expect_in(text, "MISSED  fast: latency.p95(order, 10s) < 50ms, in "
			"phase fault\n");
	expect_in(text, "75 ms at worst, at 0:31, 50.0 % beyond the limit; "
			"missed 7 of 100 s");
	expect_in(text, "33.3 % from the limit");
	expect_in(text, "14:00:30  users 80");
	expect_in(text, "5 KRW    56800 KRW\n");
	expect_in(text, "14:00:30 +-5s     14:00:30  within\n");
	expect_in(text, "2m         1:30");
	for (const char *line = text; line && *line;) {
		const char *end = strchr(line, '\n');

		assert_true(!end || end - line <= 100);
		line = end ? end + 1 : NULL;
	}
	report_free(r);
	gold_done(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_a_threshold_cut_off),
		cmocka_unit_test(test_rate_of_what_ends_by_itself),
		cmocka_unit_test(test_seconds),
		cmocka_unit_test(test_junit),
		cmocka_unit_test(test_csv),
		cmocka_unit_test(test_markdown_and_metrics),
		cmocka_unit_test(test_page_of_traffic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
