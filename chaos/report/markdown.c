/* SPDX-License-Identifier: Apache-2.0 */
/* The report for a wiki, a pull request or a CI summary: GitHub's Markdown. */
#include <math.h>
#include <string.h>

#include "chaos/base/json.h"
#include "chaos/base/units.h"
#include "chaos/report/text.h"
#include "chaos/report/writers.h"

/* A cell: what would end it or be taken for markup is escaped. */
static void put(FILE *f, const char *s)
{
	for (; *s; s++) {
		if (strchr("|*_<>`\\", *s))
			fputc('\\', f);
		fputc(*s == '\n' ? ' ' : *s, f);
	}
}

static void cell(FILE *f, const char *s)
{
	fputs(" | ", f);
	put(f, s);
}

static void head(const json_t *root, FILE *f)
{
	fputs("# ", f);
	put(f, json_str(root, "run/title", "?"));
	fprintf(f, "\n\n**%s** (exit %d): ",
		json_str(root, "verdict/status", "?"),
		(int)json_int64(root, "verdict/exit", 0));
	put(f, json_str(root, "verdict/why", ""));
	fprintf(f, "\n\n%s `%s`, %s, at %gx, seed %lld, gameday %s\n",
		json_str(root, "run/kind", "run"),
		json_str(root, "run/id", "?"),
		json_str(root, "run/started_at", "?"),
		json_num(root, "run/speed", 1),
		(long long)json_int64(root, "run/seed", 0),
		json_str(root, "run/version", "?"));
}

static void sentences(const json_t *root, FILE *f, const char *part,
		      const char *title)
{
	json_t *text;
	size_t i;

	if (json_array_size(json_at(root, part)) > 0)
		fprintf(f, "\n## %s\n\n", title);
	json_array_foreach(json_at(root, part), i, text) {
		fputs("- ", f);
		put(f, json_string_value(text) ? json_string_value(text) : "");
		fputc('\n', f);
	}
}

static void criteria(const json_t *root, FILE *f)
{
	json_t *c;
	size_t i;

	fputs("\n## Criteria\n\n| | criterion | wanted | got |\n"
	      "|---|---|---|---|\n", f);
	json_array_foreach(json_at(root, "verdict/criteria"), i, c) {
		fputs(!json_flag(c, "judged", false) ? "| shown"
		      : json_flag(c, "ok", false)    ? "| ok"
						     : "| **missed**",
		      f);
		cell(f, json_str(c, "name", "?"));
		cell(f, json_str(c, "want", ""));
		cell(f, json_str(c, "got", ""));
		fputs(" |\n", f);
	}
}

static void milestones(const json_t *root, FILE *f)
{
	char at[UNITS_TEXT];
	json_t *m;
	size_t i;

	/* The start alone says nothing. */
	if (json_array_size(json_at(root, "milestones")) < 2)
		return;
	fputs("\n## Milestones\n\n| milestone | at | by |\n|---|---|---|\n",
	      f);
	json_array_foreach(json_at(root, "milestones"), i, m) {
		fputs("| ", f);
		put(f, json_str(m, "name", "?"));
		cell(f, text_at(root, json_num(m, "t_s", NAN), at));
		cell(f, json_str(m, "source", ""));
		fputs(" |\n", f);
	}
}

static void measures(const json_t *root, FILE *f)
{
	json_t *m;
	size_t i;

	if (json_array_size(json_at(root, "milestones")) < 2)
		return;
	fputs("\n## Measures\n\n| measure | from | to | value |\n"
	      "|---|---|---|---|\n", f);
	json_array_foreach(json_at(root, "measures"), i, m) {
		char text[64];

		snprintf(text, sizeof(text), "%.4g %s",
			 json_num(m, "value", NAN), json_str(m, "unit", ""));
		fputs("| ", f);
		put(f, json_str(m, "name", "?"));
		cell(f, json_str(m, "from", ""));
		cell(f, json_str(m, "to", ""));
		cell(f, text);
		fputs(" |\n", f);
	}
}

static void impact(const json_t *root, FILE *f)
{
	json_t *row;
	size_t i;

	if (json_array_size(json_at(root, "impact")) == 0)
		return;
	fputs("\n## Impact\n\n| figure | value | recorded | formula | inputs "
	      "|\n|---|--:|--:|---|---|\n", f);
	json_array_foreach(json_at(root, "impact"), i, row) {
		char text[64] = "-";

		if (json_is_number(json_object_get(row, "value")))
			snprintf(text, sizeof(text), "%.10g %s",
				 json_num(row, "value", NAN),
				 json_str(row, "unit", ""));
		fputs("| ", f);
		put(f, json_str(row, "name", "?"));
		cell(f, text);
		cell(f, json_str(row, "recorded", "-"));
		cell(f, json_str(row, "formula", ""));
		cell(f, json_str(row, "inputs_text", ""));
		fputs(" |\n", f);
	}
}

static double failed_of(const json_t *row)
{
	const char *key;
	double n = 0;
	json_t *v;

	json_object_foreach(json_object_get(row, "failed"), key, v)
		n += json_number_value(v);
	return n;
}

static void api_row(const json_t *row, FILE *f)
{
	static const char *const keys[] = { "p50", "p95", "p99", "p999",
					    "max" };
	char text[UNITS_TEXT];

	if (json_num(row, "requests", 0) <= 0)
		return;
	fputs("| ", f);
	put(f, json_str(row, "name", "?"));
	cell(f, json_flag(row, "beside", false) ? "beside"
						: json_str(row, "phase", ""));
	cell(f, text_count(json_num(row, "requests", 0), text));
	snprintf(text, sizeof(text), "%.1f", json_num(row, "rps", 0));
	cell(f, text);
	cell(f, text_count(json_num(row, "ok", 0), text));
	cell(f, text_count(failed_of(row), text));
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		cell(f, text_ms(json_num(json_object_get(row, "response_ms"),
					 keys[i], NAN),
				text));
	fputs(" |\n", f);
}

static void traffic(const json_t *root, FILE *f)
{
	json_t *row;
	size_t i;

	fputs("\n## Traffic\n\n| API | phase | requests | /s | ok | failed | "
	      "p50 | p95 | p99 | p99.9 | max |\n"
	      "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n", f);
	json_array_foreach(json_at(root, "load/apis"), i, row)
		api_row(row, f);
	json_array_foreach(json_at(root, "load/totals"), i, row)
		api_row(row, f);
	fputs("\nTimes are from when a request was due.\n", f);
}

static void faults(const json_t *root, FILE *f)
{
	char in[UNITS_TEXT], out[UNITS_TEXT];
	json_t *fault;
	size_t i;

	if (json_array_size(json_at(root, "faults")) == 0)
		return;
	fputs("\n## Faults\n\n| fault | kind | from | to | bit | gone |\n"
	      "|---|---|---|---|---|---|\n", f);
	json_array_foreach(json_at(root, "faults"), i, fault) {
		fputs("| ", f);
		put(f, json_str(fault, "name", "?"));
		cell(f, json_str(fault, "kind", "?"));
		cell(f, text_at(root, json_num(fault, "injected_s", NAN), in));
		cell(f, text_at(root, json_num(fault, "reverted_s", NAN),
				out));
		cell(f, !json_at(fault, "expect")	? "not looked for"
			: json_flag(fault, "bit", false) ? "yes"
							 : "no");
		cell(f, json_str(fault, "verified_gone", "unknown"));
		fputs(" |\n", f);
	}
}

static void steps(const json_t *root, FILE *f)
{
	char at[UNITS_TEXT];
	json_t *step;
	size_t i;

	if (json_array_size(json_at(root, "playbook")) == 0)
		return;
	fputs("\n## Playbook\n\n| step | at | verdict | before | after |\n"
	      "|---|---|---|---|---|\n", f);
	json_array_foreach(json_at(root, "playbook"), i, step) {
		fputs("| ", f);
		put(f, json_str(step, "step", "?"));
		cell(f, text_at(root, json_num(step, "started_s", NAN), at));
		cell(f, json_str(step, "verdict", "?"));
		cell(f, json_str(step, "before", "-"));
		cell(f, json_str(step, "after", "-"));
		fputs(" |\n", f);
	}
}

static void md_write(const struct report *r, FILE *f)
{
	const json_t *root = report_json(r);

	head(root, f);
	sentences(root, f, "run/invalid_because", "Invalid because");
	sentences(root, f, "run/missing", "Missing from the run directory");
	criteria(root, f);
	milestones(root, f);
	measures(root, f);
	impact(root, f);
	traffic(root, f);
	faults(root, f);
	steps(root, f);
	sentences(root, f, "run/assumptions", "Assumed");
}

const struct report_writer report_writer_md = {
	.name = "md",
	.file = "report.md",
	.summary = "for a wiki, a pull request, a CI summary",
	.write = md_write,
};
