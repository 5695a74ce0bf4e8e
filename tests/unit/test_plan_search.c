// links: gd_plan gd_faults
/* SPDX-License-Identifier: Apache-2.0 */
/* [search] and [milestone] of a plan: times, faults, think time, mistakes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/plan/plan.h"
#include "faults/table.h"

static const struct section_spec *const specs[] = {
	&plan_scenario_section, &plan_allow_section, &plan_search_section,
	&plan_milestone_section, &fault_link_section, &fault_section,
	&load_target_section, &load_journey_section, &load_load_section,
	&watch_slo_section, &watch_probe_section, &watch_detect_section,
	&watch_detection_section, &watch_recovery_section, NULL
};

static const char head[] =
	"[scenario]\nduration = 10m\n"
	"[target t]\nurl = http://127.0.0.1:1\n"
	"[journey buy]\nweight = 3\nstep = POST /buy as buy\n"
	"capture = id: json /id\n"
	"step = await GET /buy/${id} until status = 200 timeout 5s as done\n"
	"step = think uniform 1s 3s\n"
	"[journey look]\nstep = GET /a as a\nstep = GET /b as b\n"
	"step = think const 1s\n"
	"[load l]\nmodel = users\nstages = 0s 10, 5m 10\n"
	"[link db]\nupstream = 127.0.0.1:1\nlisten = auto\n"
	"[fault slow]\nkind = link.delay\nlink = db\ndelay = 10ms\nat = 1m\n"
	"for = 1m\n"
	"[fault less]\nkind = pool.limit\nlink = db\nsize = 4\nat = 1m\n"
	"for = 1m\n";

static struct plan *parse(const char *more, const char *find,
			  struct errs *errs)
{
	AUTO_FREE char *text = mem_printf("%s%s", head, more);
	struct plan_options options = { .speed = 1, .find = find };
	struct scenario *sc = NULL;
	struct plan *p = NULL;

	errs_init(errs);
	scenario_parse("a.ini", text, specs, NULL, NULL, &sc, errs);
	assert_int_equal(errs->n, 0);
	plan_new(sc, &options, &p, errs);
	for (size_t i = 0; !p && i < errs->n; i++)
		print_message("%s:%d: %s\n", errs->v[i].file, errs->v[i].line,
			      errs->v[i].msg);
	return p;
}

/* Two parts of eight settle, six are judged, in whole seconds. */
static void test_times(void **state)
{
	static const struct {
		const char *hold;
		int64_t window_s, settle_s;
	} rows[] = {
		{ "2m", 15, 30 }, { "30s", 3, 12 }, { "8s", 1, 2 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_FREE char *more = mem_printf(
			"[search]\nwhile = errors(all) < 1%%\nhold = %s\n",
			rows[i].hold);
		struct errs errs;
		struct plan *p = parse(more, "users", &errs);

		assert_non_null(p);
		assert_true(p->search.window == rows[i].window_s * NSEC_SEC);
		assert_true(p->search.settle == rows[i].settle_s * NSEC_SEC);
		/* It is over when it has found something. */
		assert_true(p->conf.duration > 60 * NSEC_MIN);
		plan_free(p);
		errs_done(&errs);
	}
}

static void test_faults_and_think_time(void **state)
{
	struct errs errs;
	struct plan *p = parse("[search]\nwhile = errors(all) < 1%\n"
			       "with = fault:less\n", "users", &errs);

	(void)state;
	assert_non_null(p);
	assert_int_equal(p->n_faults, 1);
	assert_string_equal(p->faults[0].name, "less");
	/* 3 of 4 think 2 s for one request, 1 of 4 thinks 1 s for two. */
	assert_float_equal(plan_think_s(p), (3 * 2 + 1) / (3 * 1 + 2.0), 1e-9);
	plan_free(p);
	errs_done(&errs);

	/* Without --find it is a drill like any other. */
	p = parse("[search]\nwhile = errors(all) < 1%\n", NULL, &errs);
	assert_non_null(p);
	assert_int_equal(p->n_faults, 2);
	assert_true(p->conf.duration == 10 * NSEC_MIN);
	plan_free(p);
	errs_done(&errs);
}

static void expect_errors(const char *more, const char *find,
			  const char *const *parts, size_t n)
{
	struct errs errs;
	struct plan *p = parse(more, find, &errs);

	assert_null(p);
	assert_int_equal(errs.n, n);
	for (size_t i = 0; i < n; i++) {
		bool found = false;

		for (size_t k = 0; k < errs.n; k++)
			found |= strstr(errs.v[k].msg, parts[i]) != NULL;
		if (!found)
			fail_msg("no error says '%s'", parts[i]);
	}
	errs_done(&errs);
}

static void test_mistakes(void **state)
{
	static const char *const all[] = {
		"at least 8 s", "above the last", "users are whole",
		"no difference to find", "did you mean 'slow'?",
		"not like fault:NAME",
	};
	static const char *const none[] = { "--while" };
	static const char *const rate[] = { "model = arrivals" };
	static const char *const name[] = { "neither users nor rate" };
	static const char *const taken[] = { "every drill has a milestone" };

	(void)state;
	expect_errors("[search]\nwhile = errors(all) < 1%\nhold = 7s\n"
		      "from = 2.5\nto = 2\napart = 0.5%\n"
		      "with = fault:slw, less\n", "users", all, 6);
	expect_errors("", "users", none, 1);
	expect_errors("[search]\nwhile = errors(all) < 1%\n", "rate", rate, 1);
	expect_errors("[search]\nwhile = errors(all) < 1%\n", "lots", name, 1);
	expect_errors("[milestone impact]\nwhen = errors(all) > 1%\n", NULL,
		      taken, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_faults_and_think_time),
		cmocka_unit_test(test_mistakes),
	};

	fault_set_table(faults_table);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
