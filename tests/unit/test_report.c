// links: gd_report gd_plan
/* SPDX-License-Identifier: Apache-2.0 */
/* Run directory → model: golden ones, broken ones, each exit code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "report_gold.h"

static void test_golden(void **state)
{
	struct gold g;
	struct report *r;
	const json_t *root, *fault;

	(void)state;
	gold_init(&g);
	r = load(&g);
	root = report_json(r);
	assert_int_equal(report_exit(r), 0);
	assert_string_equal(json_str(root, "verdict/status", ""), "held");
	assert_float_equal(value(r, "ttd"), 30, 1e-9);
	assert_float_equal(value(r, "impact_to_detected"), 20, 1e-9);
	assert_float_equal(value(r, "ttr_repair"), 60, 1e-9);
	assert_float_equal(value(r, "ttr_restore"), 90, 1e-9);
	assert_float_equal(value(r, "affected_share"), 80 / 120.0, 1e-9);
	assert_float_equal(value(r, "availability_time"), 40 / 120.0, 1e-9);
	assert_float_equal(value(r, "availability_requests"), 400 / 1200.0,
			   1e-9);
	assert_float_equal(value(r, "budget_spent_time"),
			   80 / (86400 * 0.01), 1e-6);
	assert_float_equal(value(r, "ttr_part_traffic"), 90, 1e-9);
	assert_float_equal(value(r, "ttr_part_lifted"), 61, 1e-9);
	/* 51 s x 10 and 29 s x 2, without those limited */
	assert_float_equal(value(r, "orders_failed"), 510 + 58, 1e-9);
	assert_float_equal(value(r, "orders_limited"), 29 * 8, 1e-9);
	assert_float_equal(value(r, "sales_lost"), 56800, 1e-9);
	assert_float_equal(value(r, "users_unserved"), 9, 1e-9);
	assert_float_equal(json_num(named(r, "milestones", "mitigated"), "t_s",
				    0), 61, 1e-9);
	assert_string_equal(json_str(named(r, "milestones", "detected"),
				     "clock", ""), "14:00:30");
	fault = named(r, "faults", "slow");
	assert_float_equal(json_num(fault, "injected_s", 0), 5, 1e-9);
	assert_float_equal(json_num(fault, "effective_s", 0), 12, 1e-9);
	assert_float_equal(json_num(fault, "achieved/ms", 0), 3.1, 1e-9);
	assert_string_equal(json_str(fault, "fallback_for", ""), "net.delay");
	assert_string_equal(json_str(fault, "verified_gone", ""), "yes");
	write_all(r, g.dir);
	report_free(r);
	gold_done(&g);
}

static void test_apis_by_phase(void **state)
{
	const char *const phases[] = { "baseline", "fault", "recovery", "all" };
	const int64_t requests[] = { 100, 610, 600, 1310 };
	struct gold g;
	struct report *r;

	(void)state;
	gold_init(&g);
	r = load(&g);
	for (size_t i = 0; i < 4; i++) {
		const json_t *a = json_array_get(
			json_at(report_json(r), "load/apis"), i);

		assert_string_equal(json_str(a, "phase", ""), phases[i]);
		assert_int_equal(json_int64(a, "requests", 0), requests[i]);
		assert_int_equal(json_int64(a, "censored", -1),
				 i == 3 ? 3 : 0);
		if (i == 0)
			assert_true(json_is_null(
				json_at(a, "response_ms/p50")));
		else
			assert_float_equal(json_num(a, "response_ms/p50", 0),
					   50, 0.2);
	}
	report_free(r);
	gold_done(&g);
}

/* A killed controller leaves any prefix; no byte of it may be fatal. */
static void test_cut_anywhere(void **state)
{
	struct gold g;
	size_t all, head;

	(void)state;
	gold_init(&g);
	all = g.events.len;
	head = (size_t)(strchr(g.events.data, '\n') - g.events.data) + 1;
	for (size_t len = 0; len < all; len += len < head ? 37 : 1) {
		struct report *r = NULL;
		struct err err = { 0 };
		int rc;

		put(g.dir, EVENTS_FILE, g.events.data, len);
		rc = report_load(g.dir, specs, &r, &err);
		if (len < head) {
			assert_int_equal(rc, -ENOENT);
			assert_non_null(strstr(err.msg, "no run in"));
			continue;
		}
		assert_int_equal(rc, 0);
		assert_int_equal(report_exit(r), 4);
		assert_string_equal(json_str(report_json(r), "verdict/status",
					     ""), "incomplete");
		assert_false(json_flag(report_json(r), "run/valid", true) &&
			     len < all - 200);
		if (len % 50 == 0)
			write_all(r, g.dir);
		report_free(r);
	}
	gold_done(&g);
}

static void test_other_files_cut(void **state)
{
	static const char *const names[] = { SERIES_FILE, HLOG_FILE,
					     SCENARIO_FILE };
	static const off_t lengths[] = { 150, 150, 25 };
	struct gold g;
	struct report *r;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		AUTO_FREE char *path = NULL;

		gold_init(&g);
		path = mem_printf("%s/%s", g.dir, names[i]);
		assert_int_equal(truncate(path, lengths[i]), 0);
		r = load(&g);
		assert_int_equal(json_array_size(json_at(report_json(r),
							 "run/missing")), 1);
		assert_non_null(strstr(json_str(report_json(r),
						"run/missing/0", ""),
				       names[i]));
		assert_int_equal(report_exit(r), 6);
		write_all(r, g.dir);
		report_free(r);
		unlink(path);
		r = load(&g);
		assert_int_equal(report_exit(r), 6);
		assert_int_equal(json_array_size(json_at(report_json(r),
							 "run/missing")), 1);
		write_all(r, g.dir);
		report_free(r);
		gold_done(&g);
	}
}

/* A golden run with a file replaced (data) or cut to len is invalid: why. */
static void expect_damage(const char *file, const char *data, size_t len,
			  const char *said)
{
	AUTO_FREE char *path = NULL;
	const json_t *root;
	struct report *r;
	struct gold g;

	gold_init(&g);
	path = mem_printf("%s/%s", g.dir, file);
	if (data)
		put(g.dir, file, data, len);
	else
		assert_int_equal(truncate(path, (off_t)len), 0);
	r = load(&g);
	root = report_json(r);
	assert_int_equal(report_exit(r), 6);
	assert_string_equal(json_str(root, "verdict/status", ""), "invalid");
	assert_int_equal(json_array_size(json_at(root, "run/missing")), 1);
	assert_string_equal(json_str(root, "run/invalid_because/0", ""), said);
	write_all(r, g.dir);
	report_free(r);
	gold_done(&g);
}

/* Where the first n lines of a golden run's file end. */
static size_t lines_len(const char *file, int n)
{
	AUTO_FREE char *path = NULL;
	struct gold g;
	struct buf b;
	size_t len = 0;

	gold_init(&g);
	path = mem_printf("%s/%s", g.dir, file);
	buf_init(&b, 1 << 20);
	assert_int_equal(buf_read_file(&b, path, NULL), 0);
	while (n-- > 0)
		len = (size_t)(strchr(b.data + len, '\n') - b.data) + 1;
	buf_done(&b);
	gold_done(&g);
	return len;
}

/* Each is a file that parses to its end, or has no text at all. */
static void test_what_does_not_add_up(void **state)
{
	static const char zeros[64] = "";

	(void)state;
	expect_damage(SERIES_FILE, "", 0, SERIES_FILE
		      " does not add up: it has 0 requests of 1310");
	expect_damage(SERIES_FILE, NULL, lines_len(SERIES_FILE, 8), SERIES_FILE
		      " does not add up: it has 40 requests of 1310");
	expect_damage(SERIES_FILE, zeros, sizeof(zeros), SERIES_FILE
		      " has lines that are cut or broken");
	expect_damage(HLOG_FILE, "", 0, HLOG_FILE
		      " does not add up: it has 0 response times of 1078");
	expect_damage(HLOG_FILE, NULL,
		      lines_len(HLOG_FILE, 5), HLOG_FILE
		      " does not add up: it has 700 response times of 1078");
	expect_damage(HLOG_FILE, zeros, sizeof(zeros), HLOG_FILE
		      " has lines that are cut or broken");
}

static void test_noise_between_lines(void **state)
{
	struct gold g;
	struct report *r;

	(void)state;
	gold_init(&g);
	buf_adds(&g.events, "\n\n{\"ev\":3}\n[1,2]\nnull\n{\"t\":\"x\","
			    "\"ev\":\"milestone\"}\n\xff\xfe\n\"end\"\n");
	r = load(&g);
	assert_int_equal(report_exit(r), 6);
	assert_non_null(strstr(json_str(report_json(r), "run/missing/0", ""),
			       "cut or broken"));
	write_all(r, g.dir);
	report_free(r);
	gold_done(&g);
}

static void test_nothing_there(void **state)
{
	struct report *r = NULL;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(report_load("/nowhere", specs, &r, &err), -ENOENT);
	assert_null(r);
	assert_non_null(strstr(err.msg, "/nowhere"));
}

/* The guardian's facts complete what a killed controller wrote. */
static void test_undo_is_merged(void **state)
{
	static const char undo[] =
		"{\"t\":70.5,\"host\":\"h\",\"seq\":1,\"ev\":\"fault\","
		"\"by\":\"guardian\",\"name\":\"slow\",\"kind\":"
		"\"link.delay\",\"from\":\"reverting\",\"to\":\"%s\","
		"\"real_ms\":2.5,\"verified\":\"%s\",\"why\":\"the controller "
		"died\",\"remove\":\"%s\"}\n";
	AUTO_FREE char *gone = mem_printf(undo, "gone", "yes", "");
	AUTO_FREE char *left = mem_printf(undo, "left", "no", "tc qdisc del");
	struct gold g;
	struct report *r;

	(void)state;
	gold_init(&g);
	gold_head(&g, "true", "");
	for (int i = 0; i < 9; i++)
		buf_addf(&g.events, "%s\n", body[i]);
	put(g.dir, UNDO_FILE, gone, strlen(gone));
	r = load(&g);
	assert_int_equal(report_exit(r), 4);
	assert_string_equal(json_str(named(r, "faults", "slow"),
				     "verified_gone", ""), "yes");
	assert_float_equal(json_num(named(r, "faults", "slow"), "reverted_s",
				    0), 70.5, 1e-9);
	report_free(r);
	put(g.dir, UNDO_FILE, left, strlen(left));
	r = load(&g);
	assert_string_equal(json_str(named(r, "faults", "slow"), "remove", ""),
			    "tc qdisc del");
	assert_int_equal(report_exit(r), 5);
	write_all(r, g.dir);
	report_free(r);
	gold_done(&g);
}

/* Replaces the line of the body that has `part`; NULL: drops it. */
static void gold_with(struct gold *g, const char *part, const char *line,
		      const char *replay, const char *controls)
{
	gold_head(g, replay, controls);
	for (int i = 0; i < BODY; i++) {
		if (!strstr(body[i], part))
			buf_addf(&g->events, "%s\n", body[i]);
		else if (line)
			buf_addf(&g->events, "%s\n", line);
	}
}

static void test_exit_codes(void **state)
{
	static const struct {
		const char *part, *line;
		int exit;
		const char *status;
	} v[] = {
		{ "\"ev\":\"criterion\"",
		  "{\"ev\":\"criterion\",\"name\":\"down\",\"want\":\"y\","
		  "\"got\":\"n\",\"ok\":false,\"judged\":true}", 1, "missed" },
		{ "\"ev\":\"criterion\"",
		  "{\"ev\":\"criterion\",\"name\":\"down\",\"want\":\"y\","
		  "\"got\":\"n\",\"ok\":false,\"judged\":false}", 0, "held" },
		{ "\"ev\":\"effect\"",
		  "{\"ev\":\"effect\",\"name\":\"slow\",\"bit\":false,"
		  "\"want\":\"x\",\"explain\":\"x = 0\"}", 1, "missed" },
		{ "\"to\":\"gone\"",
		  "{\"ev\":\"fault\",\"name\":\"slow\",\"from\":\"reverting\","
		  "\"to\":\"left\",\"verified\":\"unknown\"}", 5,
		  "not_undone" },
		{ "\"to\":\"pass\"",
		  "{\"ev\":\"step\",\"step\":\"mend\",\"to\":\"fail\"}", 1,
		  "missed" },
		{ "\"step\":\"mend\"", NULL, 1, "missed" },
		{ "\"name\":\"slow\"", NULL, 1, "missed" },
		{ "\"name\":\"detected\"", NULL, 1, "missed" },
		{ "\"ev\":\"load\"",
		  "{\"ev\":\"load\",\"send_lag_p99_ms\":10.5}", 6, "invalid" },
		{ "\"ev\":\"load\"", "{\"ev\":\"load\",\"cpu_max_5s\":0.9}", 6,
		  "invalid" },
		{ "\"ev\":\"load\"", "{\"ev\":\"load\",\"emfile\":1}", 6,
		  "invalid" },
		{ "\"ev\":\"load\"", "{\"ev\":\"load\",\"port_share\":0.81}",
		  6, "invalid" },
		{ "\"ev\":\"load\"",
		  "{\"ev\":\"load\",\"open_planned\":1000,"
		  "\"open_achieved\":980}", 6, "invalid" },
		{ "\"ev\":\"load\"",
		  "{\"ev\":\"load\",\"open_planned\":1000,"
		  "\"open_achieved\":995}", 0, "held" },
		{ "\"ev\":\"audit\"",
		  "{\"ev\":\"audit\",\"slip_p99_ms\":1,\"hold\":[{\"phase\":"
		  "\"fault\",\"asked_s\":100,\"achieved_s\":104}]}", 6,
		  "invalid" },
		{ "\"ev\":\"audit\"",
		  "{\"ev\":\"audit\",\"slip_p99_ms\":1,\"hold\":[{\"phase\":"
		  "\"fault\",\"asked_s\":100,\"achieved_s\":98}]}", 0,
		  "held" },
		{ "\"ev\":\"audit\"",
		  "{\"ev\":\"audit\",\"slip_p99_ms\":1}\n"
		  "{\"ev\":\"spoilt\",\"why\":\"x\"}", 6, "invalid" },
		{ "\"ev\":\"end\"",
		  "{\"ev\":\"end\",\"status\":\"interrupted\",\"left\":0}", 4,
		  "aborted" },
		{ "\"ev\":\"end\"",
		  "{\"ev\":\"end\",\"status\":\"aborted\",\"left\":1}", 5,
		  "not_undone" },
	};
	struct gold g;

	(void)state;
	gold_init(&g);
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct report *r;

		gold_with(&g, v[i].part, v[i].line, "true", "");
		r = load(&g);
		if (report_exit(r) != v[i].exit)
			fail_msg("row %zu: exit %d, want %d", i,
				 report_exit(r), v[i].exit);
		assert_string_equal(json_str(report_json(r), "verdict/status",
					     ""), v[i].status);
		assert_int_equal(json_int64(report_json(r), "verdict/exit",
					    -1), v[i].exit);
		write_all(r, g.dir);
		report_free(r);
	}
	gold_done(&g);
}

/* [recorded] is judged by replay alone, and by no control. */
static void test_recorded(void **state)
{
	static const char late[] = "{\"ev\":\"milestone\",\"name\":"
				   "\"detected\",\"at_s\":36,\"t\":36}";
	static const char *const v[][2] = { { "true", "" }, { "false", "" },
					    { "true", "no-faults" } };
	const int exits[] = { 1, 0, 0 };
	struct gold g;

	(void)state;
	gold_init(&g);
	for (size_t i = 0; i < 3; i++) {
		const json_t *row;
		struct report *r;

		gold_with(&g, "\"name\":\"detected\"", late, v[i][0], v[i][1]);
		r = load(&g);
		row = named(r, "recorded", "detected");
		assert_int_equal(report_exit(r), exits[i]);
		assert_float_equal(json_num(row, "difference", 0), 6, 1e-9);
		assert_false(json_flag(row, "within", true));
		assert_true(json_is_null(json_at(named(r, "recorded",
						       "recovered"),
						 "within")));
		assert_true(json_is_null(json_at(named(r, "recorded",
						       "inquiries"),
						 "replayed")));
		report_free(r);
	}
	gold_done(&g);
}

static void test_check_of_figures(void **state)
{
	static const char text[] =
		"[scenario]\nduration = 1m\n[recorded]\ndetected = noon\n"
		"ttd = 2m +-x\naffected_share = much\ntps.surge = fast\n"
		"recovered = 14:00:00 +-20s\n";
	struct scenario *sc = NULL;
	struct errs errs;

	(void)state;
	errs_init(&errs);
	scenario_parse("a.ini", text, specs, NULL, NULL, &sc, &errs);
	assert_int_equal(errs.n, 0);
	report_check(sc, &errs);
	assert_int_equal(errs.n, 4);
	for (size_t i = 0; i < errs.n; i++)
		assert_in_range(errs.v[i].line, 4, 7);
	errs_done(&errs);
	scenario_free(sc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_apis_by_phase),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_other_files_cut),
		cmocka_unit_test(test_what_does_not_add_up),
		cmocka_unit_test(test_noise_between_lines),
		cmocka_unit_test(test_nothing_there),
		cmocka_unit_test(test_undo_is_merged),
		cmocka_unit_test(test_exit_codes),
		cmocka_unit_test(test_recorded),
		cmocka_unit_test(test_check_of_figures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
