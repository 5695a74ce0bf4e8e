// links: gd_report gd_plan
/* SPDX-License-Identifier: Apache-2.0 */
/* Templates, and the page: whole, alone, small, and safe with hostile names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "chaos/report/curves.h"
#include "chaos/report/filters.h"
#include "chaos/report/template.h"
#include "report_gold.h"

/* Caller frees. */
static char *filled(const char *text, const char *json,
		    enum template_markup markup)
{
	json_t *root = json_loads(json, 0, NULL);
	const struct template_args args = { .text = text, .root = root,
					    .markup = markup,
					    .filters = report_filters };
	char *out = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&out, &size);

	assert_non_null(root);
	template_write(&args, f);
	fclose(f);
	json_decref(root);
	return out;
}

static void test_template(void **state)
{
	static const char json[] =
		"{\"a\":{\"b\":\"x<&\\\"\"},\"n\":3,\"f\":false,\"e\":[],"
		"\"name\":\"outer\",\"kind\":\"k\","
		"\"v\":[{\"name\":\"one\",\"t\":61.5},{\"name\":\"two\"}]}";
	static const char *const cases[][2] = {
		{ "{{a/b}} {{n}} {{none}}.", "x&lt;&amp;&quot; 3 ." },
		{ "{{#v}}{{name}},{{n}};{{/v}}", "one,3;two,3;" },
		{ "{{v/one/t|span}} {{v/0/name}}", "1m1.5s one" },
		{ "{{?v}}{{name}}{{/v}}{{?e}}no{{/e}}{{?f}}no{{/f}}", "outer" },
		{ "{{^e}}none{{/e}}{{^v}}no{{/v}}", "none" },
		{ "{{#kind=k}}yes{{/kind}}{{#kind=l}}no{{/kind}}", "yes" },
		{ "a\n{{#v}}\n- {{name}}\n{{/v}}\nb\n",
		  "a\n- one\n- two\nb\n" },
		{ "{{#v}}{{#v}}x{{/v}}{{/v}}", "xxxx" },
		/* what it does not know stays, to be seen */
		{ "{{!gone}}{{n|nothing}} {{>part}} {{#v}}",
		  "{{n|nothing}} {{>part}} {{#v}}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_FREE char *got = filled(cases[i][0], json, TEMPLATE_HTML);

		assert_string_equal(got, cases[i][1]);
	}
}

static void test_markdown(void **state)
{
	AUTO_FREE char *got = filled("{{a}}", "{\"a\":\"a|b_c*[x]\\n#\"}",
				     TEMPLATE_MARKDOWN);

	(void)state;
	assert_string_equal(got, "a\\|b\\_c\\*\\[x\\] #");
}

static char *page_of(const struct report *r)
{
	char *out = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&out, &size);
	const struct report_writer *const *w = report_writer_table;

	while (strcmp((*w)->name, "html") != 0)
		w++;
	(*w)->write(r, f);
	fclose(f);
	return out;
}

/* Every element that is opened is closed, in its turn. */
static void expect_nested(const char *page)
{
	static const char *const empty[] = { "meta", "link", "input", "br",
					     "!DOCTYPE" };
	char stack[64][16];
	size_t depth = 0;

	for (const char *p = page; (p = strchr(p, '<')); p++) {
		bool closes = p[1] == '/', alone = false;
		const char *end = strchr(p, '>');
		char name[16] = "";

		assert_non_null(end);
		sscanf(p + 1 + closes, "%15[a-zA-Z0-9!]", name);
		for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]); i++)
			alone |= strcmp(name, empty[i]) == 0;
		if (alone || end[-1] == '/')
			continue;
		if (closes) {
			assert_true(depth > 0);
			assert_string_equal(stack[--depth], name);
		} else {
			assert_true(depth < 64);
			memcpy(stack[depth++], name, sizeof(name));
		}
		if (!closes && (strcmp(name, "style") == 0 ||
				strcmp(name, "script") == 0))
			p = strstr(p, "</") - 1;
	}
	assert_int_equal(depth, 0);
}

static void test_page(void **state)
{
	static const char *const wanted[] = {
		"<h1>Gold</h1>", "detected", "<b>14:00:30</b>",
		"record 14:00:30", "fault slow", "alert a", "step mend",
		"Response times", "Errors by cause", "timeout",
		"prefers-color-scheme: dark", "@media print",
		"stroke-dasharray",
	};
	/* Nothing of elsewhere, and no tag that nobody filled in. */
	static const char *const unwanted[] = { "http:", "https:", "src=",
						"@import", "url(", "{{", "}}",
						"<script>alert", "nan", "inf" };
	AUTO_FREE char *page = NULL;
	struct gold g;
	struct report *r;

	(void)state;
	gold_init(&g);
	r = load(&g);
	page = page_of(r);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (!strstr(page, wanted[i]))
			fail_msg("no '%s'", wanted[i]);
	for (size_t i = 0; i < sizeof(unwanted) / sizeof(unwanted[0]); i++)
		if (strstr(page, unwanted[i]))
			fail_msg("'%s' in it: %.60s", unwanted[i],
				 strstr(page, unwanted[i]));
	assert_true(strlen(page) < 1 << 20);
	expect_nested(page);
	report_free(r);
	gold_done(&g);
}

static void test_hostile(void **state)
{
	static const char evil[] = "</style><script>alert(1)</script>";
	AUTO_FREE char *page = NULL;
	struct gold g;
	struct report *r;

	(void)state;
	gold_init(&g);
	buf_addf(&g.events,
		 "{\"t\":30,\"ev\":\"alert\",\"name\":\"%s\",\"severity\":"
		 "\"'\\\"\",\"state\":\"firing\"}\n"
		 "{\"t\":31,\"ev\":\"step\",\"step\":\"\\\" onload=\\\"x()\","
		 "\"to\":\"calling\"}\n",
		 evil);
	r = load(&g);
	page = page_of(r);
	assert_null(strstr(page, "<script>alert"));
	assert_null(strstr(page, "\" onload=\"x"));
	assert_non_null(strstr(page, "&lt;script&gt;alert(1)"));
	expect_nested(page);
	report_free(r);
	gold_done(&g);
}

/* A day of seconds: the page stays small, and the one peak is in it. */
static void test_long(void **state)
{
	enum { DAY = 86400 };
	AUTO_FREE char *page = NULL;
	struct buf b;
	struct gold g;
	struct report *r;

	(void)state;
	gold_init(&g);
	buf_init(&b, 16 << 20);
	for (int t = 0; t < DAY; t++)
		buf_addf(&b, "{\"kind\":\"gauge\",\"t\":%d,\"users\":%d}\n", t,
			 t == 54321 ? 7654 : t % 97);
	put(g.dir, SERIES_FILE, b.data, b.len);
	buf_done(&b);
	r = load(&g);
	assert_int_equal(report_curves(r)->n, DAY);
	page = page_of(r);
	assert_true(strlen(page) < 200000);
	assert_non_null(strstr(page, "L54321 7654"));
	report_free(r);
	gold_done(&g);
}

/* A second's requests of all APIs are one distribution. */
static void test_together(void **state)
{
	const struct report_curves *c;
	bool found = false;
	struct gold g;
	struct report *r;

	(void)state;
	gold_init(&g);
	r = load(&g);
	c = report_curves(r);
	assert_int_equal(c->from, -10);
	for (size_t i = 0; i < c->n_curves; i++) {
		if (strcmp(c->curves[i].name, "p95") != 0)
			continue;
		found = true;
		assert_float_equal(c->curves[i].v[10], 0.095, 0.001);
		assert_true(isnan(c->curves[i].v[11]));
	}
	assert_true(found);
	report_free(r);
	gold_done(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_template),
		cmocka_unit_test(test_markdown),
		cmocka_unit_test(test_page),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
