// links: gd_plan gd_faults
/* SPDX-License-Identifier: Apache-2.0 */
/* A scenario becomes a plan: events, controls, and all that can be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/plan/plan.h"
#include "chaos/report/documents.h"
#include "chaos/report/report.h"
#include "chaos/watch/windows.h"
#include "faults/table.h"

/* cli's, which a plan does not read. */
struct staging {
	struct opt_strs shop;
	bool up;
};

static const struct opt staging_opts[] = {
	{ .name = "shop.*", .type = OPT_LINES, .help = "anything",
	  .off = offsetof(struct staging, shop) },
	{ .name = "up", .type = OPT_BOOL, .help = "yes or no",
	  .off = offsetof(struct staging, up) },
	OPT_END
};

static const struct section_spec staging_section = {
	.name = "staging", .opts = staging_opts,
	.size = sizeof(struct staging),
};

static const struct section_spec *const specs[] = {
	&plan_scenario_section, &plan_allow_section, &plan_expect_section,
	&plan_abort_section, &staging_section, &fault_link_section,
	&fault_section, &load_target_section, &load_journey_section,
	&load_load_section, &watch_slo_section, &watch_probe_section,
	&watch_detect_section, &watch_detection_section,
	&watch_recovery_section, &playbook_ref_section,
	&report_recorded_section, &report_impact_section,
	&report_catalogue_section, NULL
};

static const struct plan_options plain = { .speed = 5 };

static void show(const struct errs *errs)
{
	for (size_t i = 0; i < errs->n; i++)
		print_error("%s:%d: %s\n", errs->v[i].file, errs->v[i].line,
			    errs->v[i].msg);
}

static struct plan *load(const char *file, const struct plan_options *options)
{
	AUTO_FREE char *path =
		mem_printf("%s/scenarios/%s", GAMEDAY_SOURCE_DIR, file);
	struct scenario *sc = NULL;
	struct plan *p = NULL;
	struct errs errs;

	errs_init(&errs);
	scenario_load(path, specs, NULL, NULL, &sc, &errs);
	if (sc)
		plan_new(sc, options, &p, &errs);
	show(&errs);
	assert_int_equal(errs.n, 0);
	assert_non_null(p);
	errs_done(&errs);
	return p;
}

static const char head[] =
	"[scenario]\nduration = 10m\n"
	"[target t]\nurl = http://127.0.0.1:1\n"
	"[journey j]\ntarget = t\nstep = GET / as api\n"
	"[load l]\nmodel = users\nstages = 0s 10, 5m 10\n"
	"[link db]\nupstream = 127.0.0.1:1\nlisten = auto\n";

static struct plan *parse(const char *more, const struct plan_options *options,
			  struct errs *errs)
{
	AUTO_FREE char *text = mem_printf("%s%s", head, more);
	struct scenario *sc = NULL;
	struct plan *p = NULL;

	errs_init(errs);
	scenario_parse("a.ini", text, specs, NULL, NULL, &sc, errs);
	if (errs->n) {
		show(errs);
		fail();
	}
	plan_new(sc, options, &p, errs);
	return p;
}

static void expect_error(const char *more, const struct plan_options *options,
			 const char *part)
{
	struct errs errs;
	struct plan *p = parse(more, options, &errs);

	assert_null(p);
	if (errs.n != 1 || !strstr(errs.v[0].msg, part)) {
		show(&errs);
		fail_msg("want one error: %s", part);
	}
	errs_done(&errs);
}

static const struct plan_event *find_event(const struct plan *p,
					   const char *text)
{
	for (size_t i = 0; i < p->n_events; i++)
		if (strstr(p->events[i].text, text))
			return &p->events[i];
	fail_msg("no event '%s'", text);
	return NULL;
}

static void expect_at(const struct plan *p, const char *text, int64_t seconds)
{
	assert_int_equal(find_event(p, text)->at, seconds * NSEC_SEC);
}

static void test_the_incident_loads(void **state)
{
	struct plan *p = load("coupon-event.ini", &plain);

	(void)state;
	assert_string_equal(p->conf.name, "coupon-event");
	assert_int_equal(p->conf.clock, 14 * 60 * NSEC_MIN);
	assert_string_equal(p->conf.date, "2025-09-12");
	assert_int_equal(p->conf.lead_in, NSEC_MIN);
	assert_int_equal(p->conf.window_from, 0);
	assert_int_equal(p->conf.window_to, 15 * NSEC_MIN);
	assert_int_equal(p->conf.duration, 18 * NSEC_MIN);
	assert_int_equal(p->conf.seed, 20250912);
	assert_int_equal(p->conf.assume.n, 4);
	assert_int_equal(p->n_faults, 3);
	assert_int_equal(p->n_links, 2);
	assert_non_null(p->abort_when);
	assert_non_null(p->playbook);
	assert_int_equal(playbook_steps(p->playbook), 5);
	expect_at(p, "lead-in", -60);
	expect_at(p, "inject db-pool", 0);
	expect_at(p, "inject db-delay", 90);
	expect_at(p, "revert db-delay", 180);
	expect_at(p, "inject kafka-pause", 120);
	expect_at(p, "800 users", 30);
	expect_at(p, "150 users", 0);
	expect_at(p, "window ends", 900);
	expect_at(p, "end at the latest", 1080);
	assert_string_equal(find_event(p, "playbook coupon-overload")->on,
			    "30s after detected");
	plan_free(p);
	plan_free(load("coupon-event-organic.ini", &plain));
}

static void test_events_are_in_order(void **state)
{
	struct plan *p = load("coupon-event.ini", &plain);

	(void)state;
	for (size_t i = 1; i < p->n_events; i++) {
		assert_true(p->events[i - 1].at <= p->events[i].at);
		if (p->events[i - 1].at == p->events[i].at)
			assert_true(p->events[i - 1].kind <=
				    p->events[i].kind);
	}
	plan_free(p);
}

static void test_controls(void **state)
{
	static const char *const without[] = { "db-delay", NULL };
	const struct plan_options none = { .speed = 1, .no_faults = true };
	const struct plan_options two = { .speed = 1, .without = without };
	struct plan *p = load("coupon-event.ini", &none);

	(void)state;
	assert_int_equal(p->n_faults, 0);
	assert_int_equal(p->n_faults_read, 3);
	assert_int_equal(p->n_links, 2);
	expect_at(p, "expect no-timeout", 0);
	plan_free(p);
	p = load("coupon-event.ini", &two);
	assert_int_equal(p->n_faults, 2);
	assert_string_equal(p->faults[0].name, "db-pool");
	assert_string_equal(p->faults[1].name, "kafka-pause");
	assert_string_equal(p->faults[2].name, "db-delay");
	expect_at(p, "expect no-delay", 110);
	for (size_t i = 0; i < p->n_events; i++)
		assert_null(strstr(p->events[i].text, "inject db-delay"));
	plan_free(p);
}

static void test_unknown_control(void **state)
{
	static const char *const without[] = { "db-pol", NULL };
	const struct plan_options options = { .without = without };

	(void)state;
	expect_error("[fault db-pool]\nkind = pool.limit\nlink = db\n"
		     "size = 4\nat = 0s\nfor = 1m\n", &options,
		     "did you mean 'db-pool'");
}

static void test_expects(void **state)
{
	struct plan *p = load("coupon-event.ini", &plain);
	const struct plan_expect *x;
	size_t found = 0;

	(void)state;
	for (size_t i = 0; i < p->n_expects; i++) {
		x = &p->expects[i];
		if (!strcmp(x->name, "outage")) {
			assert_int_equal(x->from, 130 * NSEC_SEC);
			assert_int_equal(x->to, NSEC_NEVER);
			assert_int_equal(x->by, 0);
			assert_string_equal(x->to_event, "first action");
			found++;
		} else if (!strcmp(x->name, "slow-before-outage")) {
			assert_int_equal(x->from, 120 * NSEC_SEC);
			assert_int_equal(x->to, 120 * NSEC_SEC);
			assert_null(x->to_event);
			assert_null(x->in);
			found++;
		} else if (!strcmp(x->name, "more-than-16-in-flight")) {
			assert_int_equal(x->by, 120 * NSEC_SEC);
			assert_string_equal(x->in, "without:db-pool");
			found++;
		}
	}
	assert_int_equal(found, 3);
	plan_free(p);
}

static void test_wrong_expects(void **state)
{
	(void)state;
	expect_error("[expect x]\nwhen = users > 1\n", &plain,
		     "needs 'to' or 'by'");
	expect_error("[expect x]\nwhen = users > 1\nto = 1m\nby = 2m\n",
		     &plain, "exclude each other");
	expect_error("[expect x]\nwhen = users > 1\nto = frist action\n",
		     &plain, "did you mean 'first action'");
	expect_error("[expect x]\nwhen = users > 1\nfrom = 2m\nto = 1m\n",
		     &plain, "before 'from'");
	expect_error("[expect x]\nwhen = users > 1\nby = 1h\n", &plain,
		     "after the drill's 'duration'");
	expect_error("[expect x]\nwhen = users > 1\nby = 1m\n"
		     "in = without:nothing\n", &plain, "no fault 'nothing'");
	expect_error("[expect x]\nwhen = users > 1\nby = 1m\nin = maybe\n",
		     &plain, "no control");
}

static void test_references(void **state)
{
	(void)state;
	expect_error("[expect x]\nwhen = link.bd.size = 16\nby = 1m\n", &plain,
		     "did you mean 'link.db.size'");
	expect_error("[detect x]\nwhen = errors(coupn, 10s) > 1%\n", &plain,
		     "unknown scope 'coupn'");
	expect_error("[abort]\nwhen = errors(coupn, 10s) > 1%\n", &plain,
		     "unknown scope 'coupn'");
	expect_error("[fault f]\nkind = pool.limit\nlink = db\nsize = 4\n"
		     "at = 0s\nfor = 1m\nexpect = pg.active > 1 within 5s\n",
		     &plain, "unknown gauge 'pg.active'");
}

static void test_fault_times(void **state)
{
	static const char fault[] =
		"[fault f]\nkind = pool.limit\nlink = db\nsize = 4\n";
	AUTO_FREE char *late = mem_printf("%sat = 10m\nfor = 1m\n", fault);
	AUTO_FREE char *lasts = mem_printf("%sat = 9m30s\nfor = 1m\n", fault);
	AUTO_FREE char *again =
		mem_printf("%sat = 0s\nfor = 1m\nrepeat = 3 every 30s\n",
			   fault);
	AUTO_FREE char *fine =
		mem_printf("%sat = 1m\nfor = 30s\nrepeat = 3 every 1m\n",
			   fault);
	AUTO_FREE char *open = mem_printf("%sat = 2m\n", fault);
	struct errs errs;
	struct plan *p;
	nsec_t last = 0;

	(void)state;
	expect_error(late, &plain, "not before the drill's 'duration'");
	expect_error(lasts, &plain, "would end after");
	expect_error(again, &plain, "is not shorter than");
	p = parse(fine, &plain, &errs);
	assert_non_null(p);
	expect_at(p, "inject f", 60);
	expect_at(p, "revert f", 90);
	for (size_t i = 0; i < p->n_events; i++)
		if (p->events[i].kind == PLAN_REVERT)
			last = p->events[i].at;
	assert_int_equal(last, 210 * NSEC_SEC);
	plan_free(p);
	errs_done(&errs);
	p = parse(open, &plain, &errs);
	expect_at(p, "revert f", 600);
	plan_free(p);
	errs_done(&errs);
}

/* Of a milestone that is none nothing would come, and nobody would know. */
static void test_after_what(void **state)
{
	(void)state;
	expect_error("[fault f]\nkind = pool.limit\nlink = db\nsize = 4\n"
		     "at = 5s after detectd\nfor = 1m\n", &plain,
		     "unknown milestone 'detectd' (did you mean 'detected'?)");
	expect_error("[fault f]\nkind = pool.limit\nlink = db\nsize = 4\n"
		     "at = 30s after lunch\nfor = 1m\n", &plain,
		     "unknown milestone 'lunch' (start, effective");
}

static void test_too_many_faults_at_once(void **state)
{
	struct buf text;

	(void)state;
	buf_init(&text, 0);
	for (int i = 0; i < 17; i++)
		buf_addf(&text, "[fault f%d]\nkind = pool.limit\nlink = db\n"
			 "size = 4\nat = %ds\nfor = 1m\n", i, i);
	expect_error(text.data, &plain, "17 faults would be on at once");
	buf_done(&text);
}

static void test_wrong_scenarios(void **state)
{
	static const char *const v[][2] = {
		{ "[scenario]\nduration = 25h\n", "a drill may take" },
		{ "[scenario]\nduration = 5m\nwindow = 0s..6m\n",
		  "after the drill's 'duration'" },
		{ "[scenario]\nduration = 5m\nwindow = 2m..1m\n",
		  "must begin" },
		{ "[scenario]\nduration = 5m\ndate = 12.9.2025\n",
		  "is not like" },
		{ "[scenario]\nduration = 5m\nname = ../x\n", "letters" },
		{ "[scenario]\nduration = 5m\n[allow]\n"
		  "hosts = 127.0.0.1, nonsense/99\n", "nonsense/99" },
		{ "[allow]\nhosts = ::1\n", "there is no [scenario]" },
	};
	struct scenario *sc = NULL;
	struct plan *p;
	struct errs errs;

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		errs_init(&errs);
		scenario_parse("a.ini", v[i][0], specs, NULL, NULL, &sc,
			       &errs);
		assert_int_equal(errs.n, 0);
		plan_new(sc, &plain, &p, &errs);
		assert_null(p);
		if (errs.n != 1 || !strstr(errs.v[0].msg, v[i][1])) {
			show(&errs);
			fail_msg("want one error: %s", v[i][1]);
		}
		errs_done(&errs);
	}
}

static void test_load_after_the_end(void **state)
{
	(void)state;
	expect_error("[load late]\nmodel = users\nstages = 0s 1, 11m 1\n",
		     &plain, "last stage is after");
}

static void test_a_scenario_may_be_small(void **state)
{
	struct scenario *sc = NULL;
	struct plan *p;
	struct errs errs;

	(void)state;
	errs_init(&errs);
	scenario_parse("dir/small.ini", "[scenario]\nduration = 1m\n", specs,
		       NULL, NULL, &sc, &errs);
	plan_new(sc, &plain, &p, &errs);
	show(&errs);
	assert_non_null(p);
	assert_string_equal(p->conf.name, "small");
	assert_string_equal(p->conf.title, "small");
	assert_int_equal(p->conf.clock, -1);
	assert_int_equal(p->conf.window_to, NSEC_MIN);
	assert_null(p->load);
	plan_free(p);
	errs_done(&errs);
}

static nsec_t lead_in_of(const char *text)
{
	struct scenario *sc = NULL;
	struct errs errs;
	struct plan *p;
	nsec_t lead_in;

	errs_init(&errs);
	scenario_parse("t.ini", text, specs, NULL, NULL, &sc, &errs);
	plan_new(sc, &plain, &p, &errs);
	show(&errs);
	assert_non_null(p);
	lead_in = p->conf.lead_in;
	plan_free(p);
	errs_done(&errs);
	return lead_in;
}

#define TRAFFIC "[target t]\nurl = http://127.0.0.1:1\n"                \
		"[journey j]\nstep = GET /\n[load l]\nstages = 0s 1, 60s 1\n"

static void test_traffic_alone_has_no_lead_in(void **state)
{
	(void)state;
	assert_int_equal(lead_in_of("[scenario]\n" TRAFFIC), 0);
	assert_int_equal(lead_in_of("[scenario]\nlead_in = 5s\n" TRAFFIC),
			 5 * NSEC_SEC);
	assert_int_equal(lead_in_of("[scenario]\nduration = 1m\n"), NSEC_MIN);
}

static void test_allow(void **state)
{
	struct plan *p = load("coupon-event.ini", &plain);
	struct addr a;
	struct err err;

	(void)state;
	assert_int_equal(addr_parse("127.0.0.9:1", &a, &err), 0);
	assert_int_equal(allow_connect(p->allow, &a, &err), 0);
	assert_int_equal(addr_parse("10.0.0.1:1", &a, &err), 0);
	assert_true(allow_connect(p->allow, &a, &err) < 0);
	plan_free(p);
}

static void test_print(void **state)
{
	struct plan *p = load("coupon-event.ini", &plain);
	struct buf out;

	(void)state;
	buf_init(&out, 0);
	plan_print(p, &out);
	assert_non_null(strstr(out.data, "14:01:30   +1:30  inject db-delay "
					 "(net.delay, else link.delay)\n"));
	assert_non_null(strstr(out.data, "13:59:00   -1:00  lead-in begins"));
	assert_non_null(strstr(out.data,
			       "30s after detected: playbook coupon-overload "
			       "(5 steps)\n"));
	assert_non_null(strstr(out.data, "assumed: 2 500 users"));
	/* what another control judges is not on this run's timeline */
	assert_non_null(strstr(out.data, "expect limiter-full"));
	assert_null(strstr(out.data, "expect no-timeout"));
	buf_done(&out);
	plan_free(p);
}

static void test_json_is_the_same_each_time(void **state)
{
	struct plan *a = load("coupon-event.ini", &plain);
	struct plan *b = load("coupon-event.ini", &plain);
	struct buf one, two;
	json_t *root;

	(void)state;
	buf_init(&one, 0);
	buf_init(&two, 0);
	plan_json(a, &one);
	plan_json(b, &two);
	assert_string_equal(one.data, two.data);
	root = json_loads(one.data, 0, NULL);
	assert_non_null(root);
	assert_string_equal(
		json_string_value(json_object_get(root, "scenario")),
		"coupon-event");
	assert_int_equal(json_array_size(json_object_get(root, "faults")), 3);
	assert_int_equal(json_array_size(json_object_get(root, "events")),
			 a->n_events);
	json_decref(root);
	buf_done(&one);
	buf_done(&two);
	plan_free(a);
	plan_free(b);
}

/* chaos/watch has its own list: the two layers do not link each other. */
static void test_causes_have_one_name(void **state)
{
	(void)state;
	for (int i = 0; i < LOAD_CAUSES; i++)
		assert_int_equal(
			windows_cause(load_cause_name((enum load_cause)i)), i);
}

static int set_up(void **state)
{
	(void)state;
	fault_set_table(faults_table);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_incident_loads),
		cmocka_unit_test(test_events_are_in_order),
		cmocka_unit_test(test_controls),
		cmocka_unit_test(test_unknown_control),
		cmocka_unit_test(test_expects),
		cmocka_unit_test(test_wrong_expects),
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_fault_times),
		cmocka_unit_test(test_after_what),
		cmocka_unit_test(test_too_many_faults_at_once),
		cmocka_unit_test(test_wrong_scenarios),
		cmocka_unit_test(test_load_after_the_end),
		cmocka_unit_test(test_a_scenario_may_be_small),
		cmocka_unit_test(test_traffic_alone_has_no_lead_in),
		cmocka_unit_test(test_allow),
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_json_is_the_same_each_time),
		cmocka_unit_test(test_causes_have_one_name),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
