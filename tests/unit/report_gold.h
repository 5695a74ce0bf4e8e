/* SPDX-License-Identifier: Apache-2.0 */
/* A run directory as a drill leaves it, for the tests of what reads it. */
#ifndef GD_TESTS_REPORT_GOLD_H
#define GD_TESTS_REPORT_GOLD_H

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chaos/base/hist.h"
#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "chaos/plan/plan.h"
#include "chaos/report/events.h"
#include "chaos/report/report.h"

static const struct section_spec *const specs[] = {
	&plan_scenario_section, &report_recorded_section,
	&report_impact_section, NULL
};

static const char scenario[] =
	"[scenario]\nname = gold\nclock = 14:00:00\nduration = 5m\n"
	"[recorded]\ndetected = 14:00:30 +-5s\nrecovered = 14:02:00\n"
	"repair_share = 50% +-1%\ninquiries = 350\n"
	"users.unserved = 1200\norders.failed = 150\nsales.lost = 5 KRW\n"
	"ttr_repair = 90s\nttr_restore = 2m\ntps.surge = 9\n"
	"[impact]\norder.api = order\norder.value = 100 KRW\n"
	"users.api = order\n";

/* A drill of two minutes: bad from 10 s to 90 s, acted on at 60 s. */
#define HEAD                                                                  \
	"{\"t\":-10,\"ev\":\"run\",\"id\":\"r1\",\"kind\":\"drill\","         \
	"\"scenario\":\"gold\",\"title\":\"Gold\",\"clock\":\"14:00:00\","    \
	"\"seed\":7,\"speed\":1,\"lead_in_s\":10,\"window_from_s\":0,"        \
	"\"window_to_s\":120,\"duration_s\":300,\"stable_for_s\":30,"         \
	"\"judge_recorded\":%s,\"controls\":\"%s\",\"apis\":[\"order\"],"     \
	"\"faults_planned\":1,\"steps_planned\":1,\"has_playbook\":true,"     \
	"\"slo\":{\"latency\":{\"p95\":2},\"errors\":0.01,\"throughput\":5,"  \
	"\"availability\":0.99,\"period_s\":86400},\"assumptions\":[\"a\"]}\n"

static const char *const body[] = {
	"{\"t\":0,\"ev\":\"milestone\",\"name\":\"start\",\"at_s\":0,"
	"\"source\":\"timeline\"}",
	"{\"t\":5,\"ev\":\"fault\",\"name\":\"slow\",\"kind\":\"link.delay\","
	"\"fallback_for\":\"net.delay\",\"planned_s\":5,\"from\":\"injecting\","
	"\"to\":\"injected\",\"real_ms\":1.5,\"target\":\"link db\"}",
	"{\"t\":11,\"ev\":\"milestone\",\"name\":\"impact\",\"at_s\":10,"
	"\"source\":\"slo\",\"why\":\"errors\"}",
	"{\"t\":12,\"ev\":\"effect\",\"name\":\"slow\",\"bit\":true,"
	"\"want\":\"x > 1\",\"explain\":\"x = 2\"}",
	"{\"t\":20,\"ev\":\"alert\",\"name\":\"a\",\"severity\":\"critical\","
	"\"source\":\"detector\",\"state\":\"pending\"}",
	"{\"t\":30,\"ev\":\"alert\",\"name\":\"a\",\"severity\":\"critical\","
	"\"source\":\"detector\",\"state\":\"firing\"}",
	"{\"t\":30,\"ev\":\"milestone\",\"name\":\"detected\",\"at_s\":30,"
	"\"source\":\"alert a\"}",
	"{\"t\":60,\"ev\":\"step\",\"step\":\"mend\",\"from\":\"waiting\","
	"\"to\":\"calling\",\"call_ok\":false,\"lifts\":false}",
	"{\"t\":61,\"ev\":\"step\",\"step\":\"mend\",\"from\":\"calling\","
	"\"to\":\"pass\",\"call_ok\":true,\"lifts\":true,\"before\":\"x = 2\","
	"\"after\":\"x = 0\"}",
	"{\"t\":61,\"ev\":\"milestone\",\"name\":\"first action\","
	"\"at_s\":61,\"source\":\"step mend\"}",
	"{\"t\":80,\"ev\":\"fault\",\"name\":\"slow\",\"kind\":\"link.delay\","
	"\"from\":\"injected\",\"to\":\"injected\",\"asked\":{\"ms\":3},"
	"\"achieved\":{\"ms\":3.1}}",
	"{\"t\":80,\"ev\":\"fault\",\"name\":\"slow\",\"kind\":\"link.delay\","
	"\"from\":\"reverting\",\"to\":\"gone\",\"real_ms\":0.5,"
	"\"verified\":\"yes\"}",
	"{\"t\":120,\"ev\":\"milestone\",\"name\":\"recovered\",\"at_s\":90,"
	"\"source\":\"slo\"}",
	"{\"t\":121,\"ev\":\"criterion\",\"name\":\"down\",\"want\":\"y\","
	"\"got\":\"y = 1\",\"ok\":true,\"judged\":true}",
	"{\"t\":121,\"ev\":\"load\",\"send_lag_p99_ms\":0.5,"
	"\"cpu_max_5s\":0.2,\"requests\":1310,\"users_affected\":12,"
	"\"censored\":{\"order\":3},\"users\":[{\"api\":\"order\","
	"\"phase\":\"fault\",\"asked\":20,\"unserved\":9,\"raw\":400}]}",
	"{\"t\":121,\"ev\":\"audit\",\"slip_p99_ms\":0.4,\"hold\":[]}",
	"{\"t\":121,\"ev\":\"end\",\"status\":\"completed\","
	"\"why\":\"recovered, and stable\",\"left\":0}",
};

enum { BODY = sizeof(body) / sizeof(body[0]) };

static inline void put(const char *dir, const char *name,
		       const char *data, size_t len)
{
	AUTO_FREE char *path = mem_printf("%s/%s", dir, name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

/* 10 requests a second; from 10 to 90 all fail but in the last ten. */
static inline void put_series(const char *dir)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	for (int t = -10; t < 121; t++) {
		bool bad = t >= 10 && t < 90;

		buf_addf(&b,
			 "{\"kind\":\"api\",\"t\":%d,\"api\":\"order\","
			 "\"phase\":\"%s\",\"due\":10,\"ok\":%d,\"client\":0,"
			 "\"business\":0,\"failed\":{%s}}\n"
			 "{\"kind\":\"gauge\",\"t\":%d,\"users\":5,\"bad\":%s,"
			 "\"why\":\"%s\",\"throughput\":%d}\n",
			 t, t < 0 ? "baseline" : t < 61 ? "fault" : "recovery",
			 bad ? 0 : 10,
			 !bad	  ? ""
			 : t < 61 ? "\"timeout\":10"
				  : "\"timeout\":2,\"429\":8",
			 t, bad ? "true" : "false", bad ? "errors" : "",
			 bad ? 0 : 10);
	}
	put(dir, SERIES_FILE, b.data, b.len);
	buf_done(&b);
}

static inline void put_hlog(const char *dir)
{
	AUTO_FREE char *path = mem_printf("%s/%s", dir, HLOG_FILE);
	FILE *f = fopen(path, "w");
	struct hist *h = hist_new();

	for (int i = 1; i <= 100; i++)
		hist_record_n(h, i * NSEC_MS, 7);
	hist_log_header(f, 0);
	hist_log_write(f, "order/fault/response", 0, 1, h);
	hist_log_write(f, "order/recovery/response", 61, 1, h);
	fclose(f);
	hist_free(h);
}

struct gold {
	char dir[64];
	struct buf events;
};

static inline void gold_head(struct gold *g, const char *replay,
			     const char *controls)
{
	buf_reset(&g->events);
	buf_addf(&g->events, HEAD, replay, controls);
}

static inline void gold_init(struct gold *g)
{
	strcpy(g->dir, "/tmp/gd-report-XXXXXX");
	assert_non_null(mkdtemp(g->dir));
	buf_init(&g->events, 1 << 20);
	gold_head(g, "true", "");
	for (int i = 0; i < BODY; i++)
		buf_addf(&g->events, "%s\n", body[i]);
	put(g->dir, SCENARIO_FILE, scenario, strlen(scenario));
	put_series(g->dir);
	put_hlog(g->dir);
}

static inline void gold_done(struct gold *g)
{
	static const char *const names[] = {
		EVENTS_FILE, SERIES_FILE, HLOG_FILE, SCENARIO_FILE, UNDO_FILE,
		"report.json", "report.txt", "report.md", "report.xml",
		"report.html" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		AUTO_FREE char *path = mem_printf("%s/%s", g->dir, names[i]);

		unlink(path);
	}
	assert_int_equal(rmdir(g->dir), 0);
	buf_done(&g->events);
}

static inline struct report *load(struct gold *g)
{
	struct report *r = NULL;
	struct err err = { 0 };

	put(g->dir, EVENTS_FILE, g->events.data, g->events.len);
	if (report_load(g->dir, specs, &r, &err) < 0)
		fail_msg("%s", err.msg);
	return r;
}

static inline const json_t *named(const struct report *r, const char *part,
			   const char *name)
{
	json_t *row;
	size_t i;

	json_array_foreach(json_at(report_json(r), part), i, row)
		if (strcmp(json_str(row, "name", ""), name) == 0)
			return row;
	return NULL;
}

static inline double value(const struct report *r, const char *measure)
{
	return json_num(named(r, "measures", measure), "value", NAN);
}

/* Writers must take every model that there is. */
static inline void write_all(const struct report *r, const char *dir)
{
	struct err err = { 0 };

	AUTO_FREE char *path = mem_printf("%s/report.txt", dir);
	struct buf text;

	if (report_write_all(r, dir, &err) < 0)
		fail_msg("%s", err.msg);
	buf_init(&text, 1 << 20);
	assert_int_equal(buf_read_file(&text, path, &err), 0);
	if (strstr(text.data, "nan") || strstr(text.data, "(null)"))
		fail_msg("%s", text.data);
	buf_done(&text);
}

#endif
