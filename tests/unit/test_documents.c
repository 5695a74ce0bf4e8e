// links: gd_report gd_plan
/* SPDX-License-Identifier: Apache-2.0 */
/* Documents: complete in each language, linked to lines that say it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "chaos/report/documents.h"
#include "report_gold.h"

/* Not inlined: gcc 12.2 would take what open_memstream() gave for a local's. */
static __attribute__((noinline)) char *
written(const struct report *r, const char *name, const char *lang)
{
	char *out = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&out, &size);

	report_document_write(r, name, lang, f);
	fclose(f);
	return out;
}

static void test_all(void **state)
{
	struct gold g;
	struct report *r;

	(void)state;
	gold_init(&g);
	r = load(&g);
	for (size_t i = 0; report_document_table[i].name; i++)
		for (size_t k = 0; report_languages[k]; k++) {
			AUTO_FREE char *text = written(
				r, report_document_table[i].name,
				report_languages[k]);

			assert_true(strlen(text) > 500);
			assert_int_equal(text[0], '#');
			assert_null(strstr(text, "{{"));
			assert_null(strstr(text, "}}"));
			assert_null(strstr(text, "nan"));
			assert_null(strstr(text, "]()"));
			assert_non_null(strstr(text, "Gold"));
			assert_non_null(strstr(text, "](series.jsonl)"));
		}
	report_free(r);
	gold_done(&g);
}

/* "[14:00:30](events.jsonl#L7)": line 7 is that milestone's. */
static void test_links(void **state)
{
	AUTO_FREE char *text = NULL;
	const char *link, *line;
	struct gold g;
	struct report *r;
	int at = 0;

	(void)state;
	gold_init(&g);
	r = load(&g);
	text = written(r, "postmortem", "en");
	link = strstr(text, "[14:00:30](events.jsonl#L");
	assert_non_null(link);
	assert_int_equal(sscanf(link, "[14:00:30](events.jsonl#L%d)", &at), 1);
	line = g.events.data;
	for (int i = 1; i < at; i++)
		line = strchr(line, '\n') + 1;
	assert_memory_equal(line, "{\"t\":30,\"ev\":\"milestone\",\"name\":"
				  "\"detected\"", 42);
	report_free(r);
	gold_done(&g);
}

static void test_korean(void **state)
{
	static const char *const wanted[] = {
		"# 포스트모템: Gold", "장애 감지", "30초", "1분 0초",
		"쿠폰을 받지 못한 사용자", "9명", "잘된 점", "_작성 필요_",
	};
	AUTO_FREE char *text = NULL;
	struct gold g;
	struct report *r;

	(void)state;
	gold_init(&g);
	r = load(&g);
	text = written(r, "postmortem", "ko");
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (!strstr(text, wanted[i]))
			fail_msg("no '%s' in\n%s", wanted[i], text);
	report_free(r);
	gold_done(&g);
}

/* Of any prefix of a run there is a document; what is not known says so. */
static void test_cut(void **state)
{
	struct gold g;

	(void)state;
	gold_init(&g);
	for (size_t len = g.events.len; len > 900; len -= 301) {
		AUTO_FREE char *text = NULL;
		struct report *r;

		g.events.len = len;
		r = load(&g);
		text = written(r, "postmortem", "en");
		assert_null(strstr(text, "{{"));
		if (!strstr(g.events.data, "\"detected\""))
			assert_non_null(strstr(text, "not detected"));
		report_free(r);
	}
	gold_done(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_korean),
		cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
