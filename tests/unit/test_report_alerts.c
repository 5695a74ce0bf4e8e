// links: gd_report gd_plan
/* SPDX-License-Identifier: Apache-2.0 */
/* The pipeline of each alert, sources that saw nothing, and the budget. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "report_gold.h"

static const struct section_spec *const with_watch[] = {
	&plan_scenario_section, &report_recorded_section,
	&report_impact_section, &watch_detect_section, &watch_slo_section, NULL
};

static struct report *load_more(struct gold *g, const char *events,
				const char *sections)
{
	AUTO_FREE char *text = mem_printf("%s%s", scenario, sections);
	struct report *r = NULL;
	struct err err = { 0 };

	buf_adds(&g->events, events);
	put(g->dir, EVENTS_FILE, g->events.data, g->events.len);
	put(g->dir, SCENARIO_FILE, text, strlen(text));
	if (report_load(g->dir, with_watch, &r, &err) < 0)
		fail_msg("%s", err.msg);
	write_all(r, g->dir);
	return r;
}

struct want {
	const char *stage;
	double took, back;	/* back NAN: nothing buys it back */
	const char *setting, *value;
};

static void expect_stage(const json_t *s, const struct want *w)
{
	assert_non_null(s);
	assert_string_equal(json_str(s, "stage", ""), w->stage);
	assert_float_equal(json_num(s, "took_s", -1), w->took, 1e-9);
	assert_string_equal(json_str(s, "setting", "-"), w->setting);
	assert_string_equal(json_str(s, "value", "-"), w->value);
	if (isnan(w->back))
		assert_true(json_is_null(json_at(s, "buys_back_s")));
	else
		assert_float_equal(json_num(s, "buys_back_s", -1), w->back,
				   1e-9);
}

static void expect_stages(const struct report *r, const char *alert,
			  const struct want *w, size_t n)
{
	const json_t *stages = json_at(named(r, "alerts", alert), "stages");

	assert_int_equal(json_array_size(stages), n);
	for (size_t i = 0; i < n; i++)
		expect_stage(json_array_get(stages, i), &w[i]);
}

/* The impact is at 10, and it fires 50 s later: 2 + 3 + 45. */
static void test_pipeline_of_a_detector(void **state)
{
	static const struct want want[] = {
		{ "first bad sample", 2, NAN, "when", "users > 1" },
		{ "evaluation", 3, 3, "interval", "5s" },
		{ "for", 45, 45, "for", "45s" },
		{ "acknowledged", 10, NAN, "-", "-" },
	};
	struct gold g;
	struct report *r;

	(void)state;
	gold_init(&g);
	r = load_more(&g,
		      "{\"t\":15,\"ev\":\"alert\",\"name\":\"c\",\"source\":"
		      "\"detector\",\"state\":\"pending\",\"bad_s\":12,"
		      "\"active_s\":15,\"alerting_s\":null}\n"
		      "{\"t\":60,\"ev\":\"alert\",\"name\":\"c\",\"source\":"
		      "\"detector\",\"state\":\"firing\",\"bad_s\":12,"
		      "\"active_s\":15,\"alerting_s\":60}\n"
		      "{\"t\":70,\"ev\":\"milestone\",\"name\":"
		      "\"acknowledged\",\"at_s\":70}\n",
		      "[detect c]\nwhen = users > 1\nfor = 45s\n"
		      "interval = 5s\n");
	expect_stages(r, "c", want, 4);
	report_free(r);
	gold_done(&g);
}

/* What Prometheus and Alertmanager say of one alert is one pipeline. */
static void test_pipeline_of_others(void **state)
{
	static const struct want want[] = {
		{ "evaluation", 5, NAN, "-", "-" },
		{ "for", 45, 45, "for", "-" },
		{ "notified", 30, 30, "group_wait", "-" },
	};
	struct gold g;
	struct report *r;

	(void)state;
	gold_init(&g);
	r = load_more(&g,
		      "{\"t\":62,\"ev\":\"alert\",\"name\":\"b\",\"source\":"
		      "\"prometheus\",\"state\":\"firing\",\"bad_s\":null,"
		      "\"active_s\":15,\"alerting_s\":null}\n"
		      "{\"t\":90,\"ev\":\"alert\",\"name\":\"b\",\"source\":"
		      "\"alertmanager\",\"state\":\"firing\",\"bad_s\":null,"
		      "\"active_s\":null,\"alerting_s\":60}\n", "");
	assert_float_equal(json_num(named(r, "alerts", "b"), "fired_s", 0), 62,
			   1e-9);
	expect_stages(r, "b", want, 3);
	report_free(r);
	gold_done(&g);
}

static void test_unobserved(void **state)
{
	const json_t *spans;
	struct gold g;
	struct report *r;

	(void)state;
	gold_init(&g);
	r = load_more(&g,
		      "{\"t\":20,\"ev\":\"source\",\"name\":\"p\",\"kind\":"
		      "\"prometheus\",\"observed\":false,\"why\":\"500\"}\n"
		      "{\"t\":25,\"ev\":\"source\",\"name\":\"p\",\"kind\":"
		      "\"prometheus\",\"observed\":true,\"why\":\"\"}\n"
		      "{\"t\":90,\"ev\":\"source\",\"name\":\"p\",\"kind\":"
		      "\"prometheus\",\"observed\":false,\"why\":\"hangs\"}\n",
		      "");
	spans = json_at(named(r, "sources", "p"), "unobserved");
	assert_int_equal(json_array_size(spans), 2);
	assert_float_equal(json_num(spans, "0/from_s", 0), 20, 1e-9);
	assert_float_equal(json_num(spans, "0/to_s", 0), 25, 1e-9);
	assert_true(json_is_null(json_at(spans, "1/to_s")));
	assert_string_equal(json_str(spans, "1/why", ""), "hangs");
	report_free(r);
	gold_done(&g);
}

/* 99 % of a day; 10/s in the lead-in; 800 failed in 80 bad seconds. */
static void test_budget(void **state)
{
	const json_t *b;
	struct gold g;
	struct report *r;

	(void)state;
	gold_init(&g);
	r = load_more(&g, "", "");
	b = json_at(report_json(r), "budget");
	assert_float_equal(json_num(b, "by_time", 0), 80 / 864.0, 1e-9);
	assert_float_equal(json_num(b, "by_request", 0), 800 / 8640.0, 1e-9);
	assert_float_equal(json_num(b, "weighted", 0), 800 / 8640.0, 1e-9);
	assert_non_null(strstr(json_str(b, "difference", ""),
			       "1 times the usual requests"));
	/* 0.48 times over an hour of 36 000: 18 s of failures. */
	assert_float_equal(json_num(b, "burn_alerts/0/factor", 0), 0.48, 1e-9);
	assert_float_equal(json_num(b, "burn_alerts/0/fired_s", 0), 28, 1e-9);
	assert_true(json_flag(b, "burn_alerts/0/in_time", false));
	report_free(r);
	gold_done(&g);
}

/* A tenth of that traffic is usual: the surge weighs ten times as much. */
static void test_budget_of_a_surge(void **state)
{
	const json_t *b;
	struct gold g;
	struct report *r;

	(void)state;
	gold_init(&g);
	r = load_more(&g, "", "[slo]\nmonthly_requests = 86400\n");
	b = json_at(report_json(r), "budget");
	assert_float_equal(json_num(b, "by_time", 0), 80 / 864.0, 1e-9);
	assert_float_equal(json_num(b, "weighted", 0), 800 / 864.0, 1e-9);
	assert_string_equal(json_str(b, "basis", ""), "[slo] monthly_requests");
	/* 2 s of failures: 20 of 3798, 0.53 times the budget. */
	assert_float_equal(json_num(b, "burn_alerts/0/fired_s", 0), 12, 1e-9);
	report_free(r);
	gold_done(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pipeline_of_a_detector),
		cmocka_unit_test(test_pipeline_of_others),
		cmocka_unit_test(test_unobserved),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_budget_of_a_surge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
