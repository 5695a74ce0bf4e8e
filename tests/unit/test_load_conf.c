/* SPDX-License-Identifier: Apache-2.0 */
// links: gd_load
/* [target], [journey], [load]: what they mean, and every mistake in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/base/rng.h"
#include "chaos/load/data.h"
#include "chaos/load/load.h"

static const struct section_spec *const specs[] = {
	&load_target_section, &load_journey_section, &load_load_section,
	&load_data_section, NULL
};

struct read {
	struct scenario *sc;
	struct load_conf *conf;
	struct errs errs;
};

static void read_text(struct read *r, const char *text)
{
	errs_init(&r->errs);
	r->conf = NULL;
	scenario_parse("t.ini", text, specs, NULL, NULL, &r->sc, &r->errs);
	if (r->sc)
		load_conf_read(r->sc, &r->conf, &r->errs);
	for (size_t i = 0; i < r->errs.n; i++)
		print_message("%s:%d: %s\n", r->errs.v[i].file,
			      r->errs.v[i].line, r->errs.v[i].msg);
}

static void read_done(struct read *r)
{
	load_conf_free(r->conf);
	scenario_free(r->sc);
	errs_done(&r->errs);
}

static bool has_error(const struct read *r, int line, const char *part)
{
	for (size_t i = 0; i < r->errs.n; i++)
		if (r->errs.v[i].line == line &&
		    strstr(r->errs.v[i].msg, part))
			return true;
	return false;
}

static const char shop[] =
	"[target shop]\n"
	"url = staging:shop\n"
	"[journey product]\n"
	"weight = 32\n"
	"step = GET /products as product\n"
	"step = think exp 4.8s\n"
	"[journey coupon]\n"
	"weight = 55.5\n"
	"target = shop\n"
	"step = POST /coupons/issue\n"
	"header = Idempotency-Key: ${uuid}\n"
	"body = {\"user\":${user}}\n"
	"step = think uniform 0.28s 0.84s\n"
	"step = GET /products as product\n"
	"[load shoppers]\n"
	"timeout = 9s\n"
	"stages = 0s 150, 30s 800, 90s 1500, 120s 2500, 12m 2500, 15m 150\n";

static void reads_the_incident(void **state)
{
	const struct load_step_info *steps;
	const char *const *apis, *name;
	struct read r;
	size_t n;

	(void)state;
	read_text(&r, shop);
	assert_int_equal(r.errs.n, 0);
	assert_non_null(r.conf);
	assert_int_equal(load_conf_apis(r.conf, &apis), 2);
	assert_string_equal(apis[0], "product");
	assert_string_equal(apis[1], "coupon");	/* the journey's name */
	assert_int_equal(load_conf_journeys(r.conf), 2);
	assert_true(load_conf_journey(r.conf, 1, &name, &steps, &n) == 55.5);
	assert_string_equal(name, "coupon");
	assert_int_equal(n, 3);
	assert_string_equal(steps[0].method, "POST");
	assert_string_equal(steps[0].path, "/coupons/issue");
	assert_string_equal(steps[0].api, "coupon");
	assert_null(steps[1].api);
	assert_float_equal(steps[1].think_mean_s, 0.56, 1e-9);
	assert_string_equal(steps[2].api, "product");
	assert_true(load_conf_timeout(r.conf) == 9 * NSEC_SEC);
	assert_true(load_conf_end(r.conf) == 15 * NSEC_MIN);
	assert_true(load_conf_max_users(r.conf) == 2500);
	assert_true(load_conf_users(r.conf, -60 * NSEC_SEC) == 150);
	assert_float_equal(load_conf_users(r.conf, 15 * NSEC_SEC), 475, 1e-9);
	assert_true(load_conf_users(r.conf, 20 * NSEC_MIN) == 150);
	assert_true(load_conf_rate(r.conf, 0) == 0);
	read_done(&r);
}

static void several_loads_add_up(void **state)
{
	struct read r;

	(void)state;
	read_text(&r, "[target a]\nurl = http://127.0.0.1:1\n"
		      "[journey x]\nstep = GET /\n"
		      "[load one]\nstages = 0s 10, 10s 20\n"
		      "[load two]\nstages = 5s 4\n"
		      "[load open]\nmodel = arrivals\nmax_users = 7\n"
		      "stages = 0s 0/s, 10s 100/s\n");
	assert_int_equal(r.errs.n, 0);
	assert_float_equal(load_conf_users(r.conf, 5 * NSEC_SEC), 19, 1e-9);
	assert_float_equal(load_conf_rate(r.conf, 5 * NSEC_SEC), 50, 1e-9);
	assert_float_equal(load_conf_max_users(r.conf), 20 + 4 + 7, 1e-9);
	read_done(&r);
}

static void no_load_is_no_error(void **state)
{
	struct read r;

	(void)state;
	read_text(&r, "[target a]\nurl = http://127.0.0.1:1\n");
	assert_int_equal(r.errs.n, 0);
	assert_null(r.conf);
	read_done(&r);
}

static void all_mistakes_at_once(void **state)
{
	struct read r;

	(void)state;
	read_text(&r, "[target a]\n"
		      "url = link:db\n"			/* 2 */
		      "[target b]\n"
		      "url = 127.0.0.1\n"			/* 4 */
		      "[journey x]\n"
		      "target = c\n"				/* 6 */
		      "header = A: b\n"				/* 7 */
		      "step = GTE /\n"				/* 8 */
		      "step = GET products\n"			/* 9 */
		      "step = GET / like x\n"			/* 10 */
		      "step = GET / as all\n"			/* 11 */
		      "step = think expo 1s\n"			/* 12 */
		      "step = think uniform 2s 1s\n"		/* 13 */
		      "step = GET /${usr}\n"			/* 14 */
		      "header = nocolon\n"			/* 15 */
		      "header = Content-Length: 3\n"		/* 16 */
		      "body = 1\n"
		      "body = 2\n"				/* 18 */
		      "expect = 99\n"				/* 19 */
		      "[journey z]\n"
		      "weight = 0\n"
		      "step = think const 1s\n"			/* 22 */
		      "[load l]\n"
		      "stages = 0s 1, 10s 2, 5s 3\n"		/* 24 */
		      "journeys = x, zz\n"			/* 25 */
		      "[load m]\n"
		      "stages = 0s 1\n"
		      "journeys = z\n"
		      "[load n]\n"
		      "stages = 1s\n");				/* 30 */
	assert_true(has_error(&r, 2, "an address and no URL"));
	assert_true(has_error(&r, 4, "127.0.0.1"));
	assert_true(has_error(&r, 6, "unknown target 'c'"));
	assert_true(has_error(&r, 7, "below the request"));
	assert_true(has_error(&r, 8, "did you mean 'GET'"));
	assert_true(has_error(&r, 9, "begin with '/'"));
	assert_true(has_error(&r, 10, "METHOD PATH"));
	assert_true(has_error(&r, 11, "cannot be called 'all'"));
	assert_true(has_error(&r, 12, "did you mean 'exp'"));
	assert_true(has_error(&r, 13, "shorter"));
	assert_true(has_error(&r, 14, "did you mean '${user}'"));
	assert_true(has_error(&r, 15, "Name: value"));
	assert_true(has_error(&r, 16, "set by the load engine"));
	assert_true(has_error(&r, 18, "second body"));
	assert_true(has_error(&r, 19, "no status"));
	assert_true(has_error(&r, 21, "has weight 0"));
	assert_true(has_error(&r, 22, "has no request"));
	assert_true(has_error(&r, 24, "order of their times"));
	assert_true(has_error(&r, 25, "unknown journey 'zz'"));
	assert_true(has_error(&r, 30, "time and a value"));
	assert_int_equal(r.errs.n, 20);
	read_done(&r);
}

/* A journey has a bit for each of them. */
static void too_many_data_files(void **state)
{
	struct buf text;
	struct read r;

	(void)state;
	buf_init(&text, 0);
	for (int i = 0; i <= DATA_FILES_MAX; i++)
		buf_addf(&text, "[data d%d]\nfile = /dev/null\n", i);
	buf_addf(&text, "[load l]\nstages = 0s 1\n");
	read_text(&r, text.data);
	assert_true(has_error(&r, 2 * DATA_FILES_MAX + 1,
			      "more than 64 [data] sections"));
	read_done(&r);
	buf_done(&text);
}

static void mistakes_in_what_follows_an_answer(void **state)
{
	struct read r;

	(void)state;
	read_text(&r, "[target a]\nurl = http://127.0.0.1:1\n"
		      "[journey x]\n"
		      "capture = id: json /id\n"		/* 4 */
		      "step = await GET /y until status = 200 as y\n" /* 5 */
		      "step = POST /a?x=${id} as a\n"		/* 6 */
		      "capture = id: json id\n"			/* 7 */
		      "capture = ID: json /id\n"		/* 8 */
		      "capture = id: json /id\n"
		      "step = GET /${ids} as a\n"		/* 10 */
		      "step = await GET /${id} every 1s as z\n"	/* 11 */
		      "step = await GET /${id} until status = 200\n" /* 12 */
		      "step = await GET /${id} until status = 200 as a\n"
		      "step = poll GET /${id} until statu = 200 as p\n"
		      "step = poll GET /${id} until status = 200 every 0s "
		      "as p\n"					/* 15 */
		      "step = await GET ${id} until status = 200 as p\n"
		      "step = await GET /${id} until body contains \"as q\" "
		      "timeout 3s every 40ms after 1s as q\n"
		      "capture = b: body\n"			/* 18 */
		      "expect = 200\n"				/* 19 */
		      "[load l]\nstages = 0s 1\n");
	assert_true(has_error(&r, 4, "below the request"));
	assert_true(has_error(&r, 5, "begins with a request"));
	assert_true(has_error(&r, 6, "unknown value '${id}'"));
	assert_true(has_error(&r, 7, "must begin with '/'"));
	assert_true(has_error(&r, 8, "lower-case"));
	assert_true(has_error(&r, 10, "did you mean '${id}'"));
	assert_true(has_error(&r, 11, "needs a condition"));
	assert_true(has_error(&r, 12, "needs 'as API'"));
	assert_true(has_error(&r, 13, "cannot be both"));
	assert_true(has_error(&r, 14, "did you mean 'status'"));
	assert_true(has_error(&r, 15, "too short"));
	assert_true(has_error(&r, 16, "must begin with '/'"));
	assert_true(has_error(&r, 18, "captures nothing"));
	assert_true(has_error(&r, 19, "with 'until'"));
	assert_int_equal(r.errs.n, 14);
	read_done(&r);
}

static void an_await_is_told_apart(void **state)
{
	const struct load_step_info *steps;
	const char *const *apis, *name;
	struct load_scopes scopes;
	struct read r;
	size_t n;

	(void)state;
	read_text(&r, "[target a]\nurl = http://127.0.0.1:1\n"
		      "[journey x]\nstep = POST /c as c\n"
		      "capture = id: json /id\n"
		      "step = think const 1s\n"
		      "step = await GET /c/${id} until json /s = \"a b\" "
		      "timeout 3s every 40ms after 1s as done\n"
		      "step = poll GET /c/${id} until status = 200 as p\n"
		      "[load l]\nstages = 0s 1\n");
	assert_int_equal(r.errs.n, 0);
	assert_int_equal(load_conf_apis(r.conf, &apis), 3);
	assert_string_equal(apis[1], "done");
	load_conf_scopes(r.conf, &scopes);
	assert_int_equal(scopes.beside, 6);
	load_conf_journey(r.conf, 0, &name, &steps, &n);
	assert_int_equal(n, 4);
	assert_int_equal(steps[0].kind, LOAD_REQUEST);
	assert_int_equal(steps[1].kind, LOAD_THINK);
	assert_int_equal(steps[2].kind, LOAD_AWAIT);
	assert_int_equal(steps[3].kind, LOAD_POLL);
	assert_string_equal(steps[2].path, "/c/${id}");
	assert_string_equal(steps[2].api, "done");
	assert_true(steps[2].every == 40 * NSEC_MS);
	assert_true(steps[2].after == NSEC_SEC);
	assert_true(steps[2].timeout == 3 * NSEC_SEC);
	assert_true(steps[3].every == 500 * NSEC_MS);
	assert_true(steps[3].timeout == 0);
	read_done(&r);
}

static void a_group_is_told_apart(void **state)
{
	const struct load_step_info *steps;
	struct load_scopes scopes;
	const char *name;
	struct read r;
	size_t n;

	(void)state;
	read_text(&r, "[target a]\nurl = http://127.0.0.1:1\n"
		      "[journey x]\nstep = group g\ntag = money\n"
		      "step = GET /a as a\ntimeout = 3s\nstep = end\n"
		      "[load l]\nstages = 0s 1\n");
	assert_int_equal(r.errs.n, 0);
	load_conf_scopes(r.conf, &scopes);
	assert_int_equal(scopes.beside, 1);
	assert_int_equal(scopes.tags[0].apis, 1);
	load_conf_journey(r.conf, 0, &name, &steps, &n);
	assert_int_equal(n, 3);
	assert_int_equal(steps[0].kind, LOAD_GROUP);
	assert_string_equal(steps[0].api, "g");
	assert_true(steps[1].timeout == 3 * NSEC_SEC);
	assert_int_equal(steps[2].kind, LOAD_GROUP_END);
	assert_null(steps[2].api);
	read_done(&r);
}

static void wrong_groups(void **state)
{
	struct read r;

	(void)state;
	read_text(&r, "[target a]\nurl = http://127.0.0.1:1\n"
		      "[journey x]\nstep = end\n"			/* 4 */
		      "step = group g\n"
		      "header = A: b\n"				/* 6 */
		      "step = group h\n"				/* 7 */
		      "step = think const 1s\nstep = end\n"		/* 9 */
		      "step = GET /a as g\n"				/* 10 */
		      "timeout = 0s\n"					/* 11 */
		      "step = poll GET /a until status = 200 as p\n"
		      "timeout = 1s\n"					/* 13 */
		      "step = group i\nstep = end here\n"		/* 15 */
		      "[load l]\nstages = 0s 1\n");
	assert_true(has_error(&r, 4, "no group to end"));
	assert_true(has_error(&r, 6, "below the request"));
	assert_true(has_error(&r, 7, "within a group"));
	assert_true(has_error(&r, 9, "no request or poll"));
	assert_true(has_error(&r, 10, "cannot be both"));
	assert_true(has_error(&r, 11, "too short"));
	assert_true(has_error(&r, 13, "own line"));
	assert_true(has_error(&r, 15, "takes nothing"));
	assert_true(has_error(&r, 15, "nothing ends its last group"));
	assert_int_equal(r.errs.n, 9);
	read_done(&r);
}

static void tags_are_of_a_journey_or_a_step(void **state)
{
	struct load_scopes scopes;
	struct read r;

	(void)state;
	read_text(&r, "[target a]\nurl = http://127.0.0.1:1\n"
		      "[journey x]\ntag = all-of-x\nstep = GET /a as a\n"
		      "step = GET /b as b\ntag = money\n"
		      "[journey y]\nstep = GET /c as c\ntag = money\n"
		      "check = ok: status = 200\nsoft_check = size < 1KB\n"
		      "[load l]\nstages = 0s 1\n");
	assert_int_equal(r.errs.n, 0);
	load_conf_scopes(r.conf, &scopes);
	assert_int_equal(scopes.n_tags, 2);
	assert_string_equal(scopes.tags[0].name, "all-of-x");
	assert_int_equal(scopes.tags[0].apis, 3);
	assert_string_equal(scopes.tags[1].name, "money");
	assert_int_equal(scopes.tags[1].apis, 6);
	read_done(&r);
	read_text(&r, "[target a]\nurl = http://127.0.0.1:1\n"
		      "[journey x]\nstep = think const 1s\n"
		      "tag = t\n"				/* 5 */
		      "check = status = 200\n"			/* 6 */
		      "step = GET /\n"
		      "tag = a b\n"				/* 8 */
		      "check = json a = 1\n"			/* 9 */
		      "check = name: statu = 2\n"		/* 10 */
		      "check = : status = 200\n"		/* 11 */
		      "[load l]\nstages = 0s 1\n");
	assert_true(has_error(&r, 5, "below the request"));
	assert_true(has_error(&r, 6, "below the request"));
	assert_true(has_error(&r, 8, "tag 'a b'"));
	assert_true(has_error(&r, 9, "must begin with '/'"));
	assert_true(has_error(&r, 10, "did you mean 'status'"));
	assert_true(has_error(&r, 11, "name has"));
	assert_int_equal(r.errs.n, 6);
	read_done(&r);
}

static void load_without_target_or_journey(void **state)
{
	struct read r;

	(void)state;
	read_text(&r, "[load l]\nstages = 0s 1\n");
	assert_int_equal(r.errs.n, 1);
	assert_true(has_error(&r, 1, "nothing to do"));
	read_done(&r);
	read_text(&r, "[journey x]\nstep = GET /\n[load l]\nstages = 0s 1\n");
	assert_int_equal(r.errs.n, 1);
	assert_true(has_error(&r, 1, "has no target"));
	read_done(&r);
}

static void the_mix_is_drawn_by_weight(void **state)
{
	size_t counts[2] = { 0 };
	struct read r;
	struct rng rng;

	(void)state;
	read_text(&r, shop);
	rng_init(&rng, 7, 1);
	for (int i = 0; i < 100000; i++)
		counts[load_draw_journey(r.conf, &rng)]++;
	assert_float_equal((double)counts[0] / 1e5, 32 / 87.5, 0.006);
	for (int i = 0; i < 1000; i++) {
		nsec_t t = load_draw_think(r.conf, 1, 1, &rng);

		assert_in_range(t, 280 * NSEC_MS, 840 * NSEC_MS);
	}
	read_done(&r);
}

/* The scenario as it is recorded with a run. */
static void credentials_are_masked(void **state)
{
	static const char *const seen[] = {
		"auth = basic ***", "header = Authorization: ***",
		"header = Cookie: ***", "X-Plain: shown",
	};
	AUTO_FREE char *text = NULL;
	struct read r;

	(void)state;
	read_text(&r, "[target t]\nurl = http://127.0.0.1:1\n"
		      "[journey a]\nauth = basic me:s3cret\n"
		      "step = GET /\nheader = authorization: Bearer s3cret\n"
		      "header = Cookie: sid=s3cret\n"
		      "header = X-Plain: shown\n"
		      "[journey b]\nauth = bearer s3cret\nstep = GET /\n"
		      "[load l]\nstages = 0s 1\n");
	assert_non_null(r.sc);
	text = scenario_text(r.sc);
	assert_null(strstr(text, "s3cret"));
	for (size_t i = 0; i < sizeof(seen) / sizeof(*seen); i++)
		if (!strcasestr(text, seen[i]))
			fail_msg("no '%s' in\n%s", seen[i], text);
	read_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_the_incident),
		cmocka_unit_test(several_loads_add_up),
		cmocka_unit_test(no_load_is_no_error),
		cmocka_unit_test(all_mistakes_at_once),
		cmocka_unit_test(too_many_data_files),
		cmocka_unit_test(mistakes_in_what_follows_an_answer),
		cmocka_unit_test(an_await_is_told_apart),
		cmocka_unit_test(a_group_is_told_apart),
		cmocka_unit_test(wrong_groups),
		cmocka_unit_test(tags_are_of_a_journey_or_a_step),
		cmocka_unit_test(load_without_target_or_journey),
		cmocka_unit_test(the_mix_is_drawn_by_weight),
		cmocka_unit_test(credentials_are_masked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
