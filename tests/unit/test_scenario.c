// links: gd_scenario
/* SPDX-License-Identifier: Apache-2.0 */
/* INI text to checked sections: grammar, extends, sets, variables, errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chaos/base/clock.h"
#include "chaos/base/mem.h"
#include "chaos/scenario/scenario.h"

struct fruit_conf {
	char *name;
	int64_t count;
	nsec_t time;
	double share;
	struct opt_strs tags, notes, vars;
	int taste;
	struct expr *when;
};

static const char *const tastes[] = { "sweet", "sour", NULL };

static const struct opt fruit_opts[] = {
	{ .name = "count", .type = OPT_INT,
	  .off = offsetof(struct fruit_conf, count), .def = "7",
	  .help = "how many" },
	{ .name = "name", .type = OPT_STR,
	  .off = offsetof(struct fruit_conf, name), .help = "a name" },
	{ .name = "note", .type = OPT_LINES,
	  .off = offsetof(struct fruit_conf, notes), .help = "notes" },
	{ .name = "share", .type = OPT_SHARE,
	  .off = offsetof(struct fruit_conf, share), .help = "a share" },
	{ .name = "tags", .type = OPT_STRS,
	  .off = offsetof(struct fruit_conf, tags), .help = "words" },
	{ .name = "taste", .type = OPT_ENUM, .choices = tastes,
	  .off = offsetof(struct fruit_conf, taste), .help = "a taste" },
	{ .name = "time", .type = OPT_DURATION,
	  .off = offsetof(struct fruit_conf, time), .flags = OPT_REQUIRED,
	  .help = "how long" },
	{ .name = "var.*", .type = OPT_LINES,
	  .off = offsetof(struct fruit_conf, vars), .help = "variables" },
	{ .name = "when", .type = OPT_EXPR,
	  .off = offsetof(struct fruit_conf, when), .help = "a condition" },
	OPT_END
};

struct head_conf {
	char *extends, *title;
};

static const struct opt head_opts[] = {
	{ .name = "extends", .type = OPT_STR,
	  .off = offsetof(struct head_conf, extends), .help = "a file" },
	{ .name = "title", .type = OPT_STR,
	  .off = offsetof(struct head_conf, title), .help = "a title" },
	OPT_END
};

struct peel_conf {
	int64_t depth;
};

static const struct opt peel_opts[] = {
	{ .name = "depth", .type = OPT_INT, .flags = OPT_REQUIRED,
	  .off = offsetof(struct peel_conf, depth), .help = "in mm" },
	OPT_END
};

static int kind_more(const struct scenario_section *s,
		     const struct opt **ret, int max, struct err *err)
{
	const char *kind = scenario_value(s, "kind");

	if (!kind || max < 1)
		return 0;
	if (strcmp(kind, "peel"))
		return err_set(err, -2, "unknown kind '%s'", kind);
	ret[0] = peel_opts;
	return 1;
}

struct kind_conf {
	char *kind;
};

static const struct opt kind_opts[] = {
	{ .name = "kind", .type = OPT_STR,
	  .off = offsetof(struct kind_conf, kind), .help = "a kind" },
	OPT_END
};

static const struct section_spec head_spec = {
	.name = "scenario", .opts = head_opts, .size = sizeof(struct head_conf),
};
static const struct section_spec fruit_spec = {
	.name = "fruit", .arg = "NAME", .many = true, .opts = fruit_opts,
	.size = sizeof(struct fruit_conf),
};
static const struct section_spec trip_spec = {
	.name = "trip", .arg = "NAME", .many = true, .opts = fruit_opts,
	.size = sizeof(struct fruit_conf), .templates = true,
};
static const struct section_spec kind_spec = {
	.name = "kinds", .arg = "NAME", .many = true, .opts = kind_opts,
	.size = sizeof(struct kind_conf), .more = kind_more,
};
static const struct section_spec *const specs[] = {
	&head_spec, &fruit_spec, &trip_spec, &kind_spec, NULL
};

static void fail_with(const struct errs *errs)
{
	for (size_t i = 0; i < errs->n; i++)
		print_error("%s:%d: %s\n", errs->v[i].file, errs->v[i].line,
			    errs->v[i].msg);
	fail();
}

static struct scenario *parse_with(const char *text, const char *const *sets,
				   const struct scenario_vars *vars)
{
	struct scenario *sc = NULL;
	struct errs errs;

	errs_init(&errs);
	scenario_parse("a.ini", text, specs, sets, vars, &sc, &errs);
	if (errs.n)
		fail_with(&errs);
	assert_non_null(sc);
	errs_done(&errs);
	return sc;
}

static struct scenario *parse(const char *text)
{
	return parse_with(text, NULL, NULL);
}

/* Every "line: part of the message", in order, and nothing else. */
struct want {
	int line;
	const char *part;
};

static void expect_errors(const char *text, const struct want *want, size_t n)
{
	struct scenario *sc = NULL;
	struct errs errs;

	errs_init(&errs);
	scenario_parse("a.ini", text, specs, NULL, NULL, &sc, &errs);
	assert_null(sc);
	if (errs.n != n)
		fail_with(&errs);
	for (size_t i = 0; i < n; i++) {
		if (errs.v[i].line != want[i].line ||
		    !strstr(errs.v[i].msg, want[i].part))
			fail_with(&errs);
		assert_string_equal(errs.v[i].file, "a.ini");
	}
	errs_done(&errs);
}

static void test_sections_and_values(void **state)
{
	struct scenario *sc = parse("; a comment\n"
				    "# and one\n"
				    "[fruit fig]   ; behind a header\n"
				    "  time = 5s\r\n"
				    "note=b = c\n"
				    "note = third ; cut\n"
				    "[scenario]\n"
				    "[fruit kiwi]\n"
				    "time = 1m30s # cut\n");
	const struct scenario_section *s = scenario_section(sc, "fruit", 0);

	(void)state;
	assert_int_equal(scenario_count(sc, "fruit"), 2);
	assert_string_equal(s->arg, "fig");
	assert_int_equal(s->line, 3);
	assert_int_equal(s->n, 3);
	assert_string_equal(s->v[1].value, "b = c");
	assert_string_equal(s->v[2].value, "third");
	assert_int_equal(s->v[2].line, 6);
	assert_int_equal(scenario_line(s, "time"), 4);
	assert_int_equal(scenario_line(s, "none"), 3);
	assert_string_equal(scenario_value(s, "note"), "third");
	assert_null(scenario_value(s, "none"));
	assert_string_equal(scenario_section(sc, "fruit", 1)->arg, "kiwi");
	assert_null(scenario_section(sc, "fruit", 2));
	assert_int_equal(scenario_count(sc, "scenario"), 1);
	scenario_free(sc);
}

static void expect_note(const char *line, const char *want)
{
	AUTO_FREE char *text = mem_printf("[fruit a]\ntime = 1s\nnote = %s\n",
					  line);
	struct scenario *sc = parse(text);
	const struct scenario_section *s = scenario_section(sc, "fruit", 0);

	assert_string_equal(scenario_value(s, "note"), want);
	scenario_free(sc);
}

static void test_comments_and_quotes(void **state)
{
	(void)state;
	expect_note("{\"x\": 1}", "{\"x\": 1}");
	expect_note("{\"x\": \"a ; b\"} ; c", "{\"x\": \"a ; b\"}");
	expect_note("{\"x\": \"say \\\" ; b\"} # c",
		    "{\"x\": \"say \\\" ; b\"}");
	expect_note("a;b#c", "a;b#c");
	expect_note("\"a ; b\"", "a ; b");
	expect_note("\" a \\\" b \"", " a \" b ");
	expect_note("\"a\", \"b\"", "\"a\", \"b\"");
	expect_note("the shop's pool ; it isn't", "the shop's pool");
	expect_note("12\" wide ; cut", "12\" wide");
	expect_note("x = 'a ; b' ; cut", "x = 'a ; b'");
	expect_note("POST link:db/pool {\"size\":50}",
		    "POST link:db/pool {\"size\":50}");
}

static void test_long_lines_are_kept_whole(void **state)
{
	char line[3001];

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	expect_note(line, line);
}

static void test_lines_that_would_be_cut_are_refused(void **state)
{
	static char text[6000];
	static const struct want want[] = {
		{ 3, "over 4096 bytes" },
		{ 4, "over 49 bytes" },
	};
	size_t n = (size_t)sprintf(text, "[fruit a]\ntime = 1s\nnote = ");

	(void)state;
	memset(text + n, 'x', 4100);
	n += 4100;
	sprintf(text + n, "\n[fruit %s]\nbad = 1\n",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	expect_errors(text, want, 2);
}

static void test_ten_mistakes_are_ten_errors(void **state)
{
	static const struct want want[] = {
		{ 1, "before the first section" },
		{ 2, "did you mean '[fruit]'" },
		{ 5, "did you mean 'count'" },
		{ 6, "share" },
		{ 7, "duplicate key 'time' (the first is in line 4)" },
		{ 8, "taste" },
		{ 9, "neither" },
		{ 10, "duplicate section '[fruit a]' (the first is in" },
		{ 12, "needs a name" },
		{ 14, "needs 'time'" },
		{ 15, "'${NO_SUCH_VARIABLE}'" },
		{ 16, "takes no name" },
		{ 17, "unknown kind 'x'" },
		{ 20, "needs 'depth'" },
	};

	(void)state;
	expect_errors("x = 1\n"
		      "[friut z]\n"
		      "[fruit a]\n"
		      "time = 1s\n"
		      "coumt = 3\n"
		      "share = lots\n"
		      "time = 2s\n"
		      "taste = bitter\n"
		      "nothing here\n"
		      "[fruit a]\n"
		      "bad = 1\n"
		      "[fruit]\n"
		      "time = 1s\n"
		      "[fruit b]\n"
		      "name = ${NO_SUCH_VARIABLE}\n"
		      "[scenario x]\n"
		      "[kinds a]\n"
		      "kind = x\ndeep = 1\n"
		      "[kinds b]\n"
		      "kind = peel\n", want, 14);
}

static void test_a_bad_expression_is_an_error(void **state)
{
	static const struct want want[] = { { 3, "" } };

	(void)state;
	expect_errors("[fruit a]\ntime = 1s\nwhen = errors( >\n", want, 1);
}

static void test_fill(void **state)
{
	struct scenario *sc = parse("[fruit a]\n"
				    "time = 2s\n"
				    "share = 5%\n"
				    "tags = x, y\n"
				    "tags = z\n"
				    "taste = sour\n"
				    "var.url = link:db/pool\n"
				    "when = users > 3 for 5s\n");
	struct fruit_conf conf = { 0 };
	struct errs errs;

	(void)state;
	errs_init(&errs);
	scenario_fill(scenario_section(sc, "fruit", 0), fruit_opts, &conf,
		      &errs);
	assert_int_equal(errs.n, 0);
	assert_int_equal(conf.count, 7);
	assert_int_equal(conf.time, 2 * NSEC_SEC);
	assert_true(conf.share > 0.0499 && conf.share < 0.0501);
	assert_int_equal(conf.tags.n, 3);
	assert_string_equal(conf.tags.v[2], "z");
	assert_int_equal(conf.taste, 1);
	assert_int_equal(conf.vars.n, 1);
	assert_string_equal(conf.vars.v[0], "url=link:db/pool");
	assert_non_null(conf.when);
	opt_done(fruit_opts, &conf);
	scenario_free(sc);
	errs_done(&errs);
}

static void test_sets(void **state)
{
	static const char *const sets[] = {
		"fruit:a.time=9s", "fruit:a.tags=q", "fruit:b.time=1s",
		"scenario.title=new = one", "fruit:a.var.url=x", NULL
	};
	struct scenario *sc = parse_with("[scenario]\ntitle = old\n"
					 "[fruit a]\ntime = 1s\n"
					 "tags = x\ntags = y\n",
					 sets, NULL);
	const struct scenario_section *a = scenario_section(sc, "fruit", 0);

	(void)state;
	assert_string_equal(scenario_value(a, "time"), "9s");
	assert_string_equal(scenario_value(a, "tags"), "q");
	assert_string_equal(scenario_value(a, "var.url"), "x");
	assert_int_equal(a->n, 3);
	assert_string_equal(scenario_section(sc, "fruit", 1)->arg, "b");
	assert_string_equal(
		scenario_value(scenario_section(sc, "scenario", 0), "title"),
		"new = one");
	scenario_free(sc);
}

static void expect_set_error(const char *set, const char *part)
{
	const char *const sets[] = { set, NULL };
	struct scenario *sc = NULL;
	struct errs errs;

	errs_init(&errs);
	scenario_parse("a.ini", "[fruit a]\ntime = 1s\n", specs, sets, NULL,
		       &sc, &errs);
	assert_null(sc);
	assert_int_equal(errs.n, 1);
	assert_string_equal(errs.v[0].file, "--set");
	assert_non_null(strstr(errs.v[0].msg, part));
	errs_done(&errs);
}

static void test_wrong_sets(void **state)
{
	(void)state;
	expect_set_error("nonsense", "is not 'section.key=value'");
	expect_set_error("fruit:a.tiem=1s", "did you mean 'time'");
	expect_set_error("fruit:a.time=soon", "soon");
	expect_set_error("furit:a.time=1s", "did you mean '[fruit]'");
}

static void test_variables(void **state)
{
	static const char *const v[] = { "URL=http://x", "fig=1s", NULL };
	struct scenario_vars vars = { .v = v };
	struct scenario *sc;
	const struct scenario_section *s;

	(void)state;
	setenv("GAMEDAY_TEST_VAR", "from the environment", 1);
	setenv("user", "must not be seen", 1);
	sc = parse_with("[fruit a]\ntime = ${fig}\n"
			"note = ${URL}/a${URL} ${GAMEDAY_TEST_VAR}\n"
			"[trip b]\ntime = 1s\nnote = {\"u\":${user},"
			"\"r\":\"${rand.int}\",\"x\":\"${URL}\"}\n", NULL,
			&vars);
	s = scenario_section(sc, "fruit", 0);
	assert_string_equal(scenario_value(s, "time"), "1s");
	assert_string_equal(scenario_value(s, "note"),
			    "http://x/ahttp://x from the environment");
	s = scenario_section(sc, "trip", 0);
	assert_string_equal(scenario_value(s, "note"),
			    "{\"u\":${user},\"r\":\"${rand.int}\","
			    "\"x\":\"http://x\"}");
	scenario_free(sc);
	vars = (struct scenario_vars){ .keep_unknown = true };
	sc = parse_with("[fruit a]\ntime = ${later}\n", NULL, &vars);
	s = scenario_section(sc, "fruit", 0);
	assert_string_equal(scenario_value(s, "time"), "${later}");
	scenario_free(sc);
}

static char dir[] = "/tmp/gameday-scenario-XXXXXX";

static char *put(const char *name, const char *text)
{
	char *path = mem_printf("%s/%s", dir, name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	return path;
}

static void remove_file(char *path)
{
	unlink(path);
	mem_free(path);
}

static void test_extends(void **state)
{
	char *base, *mid, *top, *sub = mem_printf("%s/sub", dir);
	const struct scenario_section *s;
	struct scenario *sc = NULL;
	struct errs errs;

	(void)state;
	assert_int_equal(mkdir(sub, 0700), 0);
	base = put("sub/base.ini", "[scenario]\ntitle = base\n"
				   "[fruit a]\ntime = 1s\ntags = x, y\n"
				   "tags = z\nname = fig\n"
				   "[fruit b]\ntime = 2s\n");
	mid = put("sub/mid.ini", "[scenario]\nextends = base.ini\n"
				 "[fruit a]\ncount = 2\n");
	top = put("top.ini", "[scenario]\nextends = sub/mid.ini\n"
			     "title = top\n\n\n"
			     "[fruit a]\ntags = q\ntags = r\n"
			     "[fruit c]\ntime = 3s\n");
	errs_init(&errs);
	scenario_load(top, specs, NULL, NULL, &sc, &errs);
	if (errs.n)
		fail_with(&errs);
	assert_string_equal(sc->path, top);
	assert_int_equal(scenario_count(sc, "fruit"), 3);
	s = scenario_section(sc, "fruit", 0);
	assert_int_equal(s->n, 5);
	assert_string_equal(s->v[0].key, "time");
	assert_string_equal(s->v[1].value, "q");
	assert_string_equal(s->v[2].value, "r");
	assert_string_equal(s->v[1].file, top);
	assert_int_equal(s->v[1].line, 7);
	assert_string_equal(s->v[3].key, "name");
	assert_non_null(strstr(s->v[3].file, "sub/base.ini"));
	assert_int_equal(s->v[3].line, 7);
	assert_string_equal(
		scenario_value(scenario_section(sc, "scenario", 0), "title"),
		"top");
	scenario_free(sc);
	errs_done(&errs);
	remove_file(base);
	remove_file(mid);
	remove_file(top);
	rmdir(sub);
	mem_free(sub);
}

static void test_errors_name_the_file_that_extends_hides(void **state)
{
	char *base = put("base.ini", "[fruit a]\ntime = 1s\nnmae = x\n");
	char *top = put("top.ini", "[scenario]\nextends = base.ini\n"
				   "[fruit b]\ntime = often\n");
	struct scenario *sc = NULL;
	struct errs errs;

	(void)state;
	errs_init(&errs);
	scenario_load(top, specs, NULL, NULL, &sc, &errs);
	assert_null(sc);
	assert_int_equal(errs.n, 2);
	assert_string_equal(errs.v[0].file, base);
	assert_int_equal(errs.v[0].line, 3);
	assert_non_null(strstr(errs.v[0].msg, "did you mean 'name'"));
	assert_string_equal(errs.v[1].file, top);
	assert_int_equal(errs.v[1].line, 4);
	errs_done(&errs);
	remove_file(base);
	remove_file(top);
}

static void expect_load_error(const char *path, const char *part)
{
	struct scenario *sc = NULL;
	struct errs errs;

	errs_init(&errs);
	scenario_load(path, specs, NULL, NULL, &sc, &errs);
	assert_null(sc);
	if (errs.n != 1 || !strstr(errs.v[0].msg, part))
		fail_with(&errs);
	errs_done(&errs);
}

static void test_extends_that_cannot_be(void **state)
{
	char *a = put("a.ini", "[scenario]\nextends = b.ini\n");
	char *b = put("b.ini", "[scenario]\nextends = ./a.ini\n");
	char *c = put("c.ini", "[scenario]\nextends = nowhere.ini\n");

	(void)state;
	expect_load_error(a, "leads back");
	expect_load_error(c, "nowhere.ini");
	expect_load_error("/nonexistent/x.ini", "cannot open");
	remove_file(a);
	remove_file(b);
	remove_file(c);
}

static void test_text_reads_back_the_same(void **state)
{
	struct scenario *sc = parse("[scenario]\ntitle = \"a ; b\"\n"
				    "[fruit a]\ntime = 1s\n"
				    "note = {\"x\": \"y ; z\"}\n"
				    "note = \" spaces \"\n"
				    "note = \"\\\"q\\\"\"\n"
				    "note = \"# hash\"\n");
	AUTO_FREE char *text = scenario_text(sc);
	struct scenario *again = parse(text);
	AUTO_FREE char *text2 = scenario_text(again);
	const struct scenario_section *s = scenario_section(again, "fruit", 0);

	(void)state;
	assert_string_equal(text, text2);
	assert_string_equal(s->v[1].value, "{\"x\": \"y ; z\"}");
	assert_string_equal(s->v[2].value, " spaces ");
	assert_string_equal(s->v[3].value, "\"q\"");
	assert_string_equal(s->v[4].value, "# hash");
	scenario_free(sc);
	scenario_free(again);
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int drop_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sections_and_values),
		cmocka_unit_test(test_comments_and_quotes),
		cmocka_unit_test(test_long_lines_are_kept_whole),
		cmocka_unit_test(test_lines_that_would_be_cut_are_refused),
		cmocka_unit_test(test_ten_mistakes_are_ten_errors),
		cmocka_unit_test(test_a_bad_expression_is_an_error),
		cmocka_unit_test(test_fill),
		cmocka_unit_test(test_sets),
		cmocka_unit_test(test_wrong_sets),
		cmocka_unit_test(test_variables),
		cmocka_unit_test(test_extends),
		cmocka_unit_test(test_errors_name_the_file_that_extends_hides),
		cmocka_unit_test(test_extends_that_cannot_be),
		cmocka_unit_test(test_text_reads_back_the_same),
	};

	return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
