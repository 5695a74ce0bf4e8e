/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Criteria and thresholds as JUnit's test cases, as Jenkins, GitLab and GitHub
 * read them.  What is shown and not judged is skipped; a run that is no
 * measurement (invalid, aborted, broken) is an error of a case of its own.
 */
#include <string.h>

#include "chaos/base/json.h"
#include "chaos/report/writers.h"

/* XML 1.0 has no place for control characters, however they are written. */
static void put_xml(FILE *f, const char *s)
{
	for (; *s; s++)
		switch (*s) {
		case '&':
			fputs("&amp;", f);
			break;
		case '<':
			fputs("&lt;", f);
			break;
		case '>':
			fputs("&gt;", f);
			break;
		case '"':
			fputs("&quot;", f);
			break;
		case '\n':
		case '\t':
			fputc(' ', f);
			break;
		default:
			if ((unsigned char)*s >= 0x20 && *s != 0x7f)
				fputc(*s, f);
		}
}

static void attribute(FILE *f, const char *name, const char *value)
{
	fprintf(f, " %s=\"", name);
	put_xml(f, value);
	fputc('"', f);
}

static bool is_measured(const json_t *root)
{
	const char *status = json_str(root, "verdict/status", "");

	return strcmp(status, "held") == 0 || strcmp(status, "missed") == 0;
}

struct sums {
	size_t tests, failures, skipped;
};

static struct sums sums_of(const json_t *root)
{
	struct sums s = { .tests = 1 };
	json_t *c;
	size_t i;

	json_array_foreach(json_at(root, "verdict/criteria"), i, c) {
		bool judged = json_flag(c, "judged", false);

		s.tests++;
		s.skipped += !judged;
		s.failures += judged && !json_flag(c, "ok", false);
	}
	return s;
}

static void put_case(FILE *f, const json_t *root, const json_t *c)
{
	fputs("    <testcase", f);
	attribute(f, "classname", json_str(root, "run/scenario", "gameday"));
	attribute(f, "name", json_str(c, "name", "?"));
	fputs(" time=\"0\"", f);
	if (!json_flag(c, "judged", false)) {
		fputs(">\n      <skipped/>\n    </testcase>\n", f);
		return;
	}
	if (json_flag(c, "ok", false)) {
		fputs("/>\n", f);
		return;
	}
	fputs(">\n      <failure", f);
	attribute(f, "message", json_str(c, "got", ""));
	fputs(" type=\"missed\">wanted: ", f);
	put_xml(f, json_str(c, "want", ""));
	fputs("; got: ", f);
	put_xml(f, json_str(c, "got", ""));
	fputs("</failure>\n    </testcase>\n", f);
}

/* The run itself. */
static void put_run(FILE *f, const json_t *root)
{
	fputs("    <testcase", f);
	attribute(f, "classname", json_str(root, "run/scenario", "gameday"));
	fprintf(f, " name=\"the run\" time=\"%.3f\"",
		json_num(root, "run/duration_s", 0));
	if (is_measured(root)) {
		fputs("/>\n", f);
		return;
	}
	fputs(">\n      <error", f);
	attribute(f, "message", json_str(root, "run/invalid_because/0",
					 json_str(root, "verdict/why", "")));
	attribute(f, "type", json_str(root, "verdict/status", ""));
	fputs(">", f);
	put_xml(f, json_str(root, "verdict/why", ""));
	fputs("</error>\n    </testcase>\n", f);
}

/* "2026-11-23T14:00:00Z" → without its zone, which the schema has not. */
static void put_timestamp(FILE *f, const json_t *root)
{
	const char *at = json_str(root, "run/started_at", "");

	if (strlen(at) >= 19)
		fprintf(f, " timestamp=\"%.19s\"", at);
}

static void junit_write(const struct report *r, FILE *f)
{
	const json_t *root = report_json(r);
	struct sums s = sums_of(root);
	int errors = !is_measured(root);
	json_t *c;
	size_t i;

	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", f);
	fprintf(f,
		"<testsuites name=\"gameday\" tests=\"%zu\" failures=\"%zu\" "
		"errors=\"%d\" time=\"%.3f\">\n",
		s.tests, s.failures, errors,
		json_num(root, "run/duration_s", 0));
	fputs("  <testsuite", f);
	attribute(f, "name", json_str(root, "run/scenario", "gameday"));
	fprintf(f,
		" tests=\"%zu\" failures=\"%zu\" errors=\"%d\" "
		"skipped=\"%zu\" time=\"%.3f\"",
		s.tests, s.failures, errors, s.skipped,
		json_num(root, "run/duration_s", 0));
	put_timestamp(f, root);
	attribute(f, "hostname", json_str(root, "run/host", "localhost"));
	fputs(">\n", f);
	put_run(f, root);
	json_array_foreach(json_at(root, "verdict/criteria"), i, c)
		put_case(f, root, c);
	fputs("  </testsuite>\n</testsuites>\n", f);
}

const struct report_writer report_writer_junit = {
	.name = "junit",
	.file = "report.xml",
	.summary = "criteria and thresholds as test cases",
	.write = junit_write,
};
