/* SPDX-License-Identifier: Apache-2.0 */
/* report: a finished or broken run, again, in any format. */
#include <stdlib.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/cli/cli.h"
#include "chaos/report/documents.h"
#include "chaos/report/report.h"

static void print_json(const struct report *r)
{
	json_dumpf(report_json(r), stdout, JSON_INDENT(2));
	putchar('\n');
}

static const struct report_writer *find_writer(const char *name)
{
	for (size_t i = 0; report_writer_table[i]; i++)
		if (strcmp(report_writer_table[i]->name, name) == 0)
			return report_writer_table[i];
	return NULL;
}

int cli_report(const char *run_dir, const struct cli_run_opts *o)
{
	struct report *r = NULL;
	struct err err = { 0 };
	int code;

	if (report_load(run_dir, cli_specs, &r, &err) < 0) {
		cli_error(&err);
		return CLI_CANNOT_RUN;
	}
	if (report_write_all(r, run_dir, &err) < 0)
		cli_error(&err);
	if (o->json)
		print_json(r);
	else
		find_writer(o->writer ? o->writer : "text")->write(r, stdout);
	fflush(stdout);
	cli_history_note(r, o->history);
	code = report_exit(r);
	report_free(r);
	return code;
}

static int report_main(int argc, char **argv);
extern const struct cli_cmd cli_cmd_report;
const struct cli_cmd cli_cmd_report = {
	"report", "[RUN]", "a run's report again, in any format", report_main
};

static int report_in(const char *dir, const char *format)
{
	const struct report_writer *w = find_writer(format);
	struct report *r = NULL;
	struct err err = { 0 };
	int code;

	if (!w) {
		fprintf(stderr, "gameday: unknown format '%s'; there are:",
			format);
		for (size_t i = 0; report_writer_table[i]; i++)
			fprintf(stderr, " %s", report_writer_table[i]->name);
		fprintf(stderr, "\n");
		return CLI_USAGE;
	}
	if (report_load(dir, cli_specs, &r, &err) < 0) {
		cli_error(&err);
		return CLI_CANNOT_RUN;
	}
	w->write(r, stdout);
	code = report_exit(r);
	report_free(r);
	return code;
}

static bool is_document(const char *name, const char *lang)
{
	const struct report_document *d = report_document_table;
	size_t k = 0;

	while (d->name && strcmp(d->name, name) != 0)
		d++;
	while (report_languages[k] && strcmp(report_languages[k], lang) != 0)
		k++;
	if (d->name && report_languages[k])
		return true;
	fprintf(stderr, "gameday: there is no document '%s' in '%s'; there "
			"are:", name, lang);
	for (d = report_document_table; d->name; d++)
		fprintf(stderr, " %s", d->name);
	fprintf(stderr, "; in:");
	for (k = 0; report_languages[k]; k++)
		fprintf(stderr, " %s", report_languages[k]);
	fprintf(stderr, "\n");
	return false;
}

static int document_of(const char *dir, const char *name, const char *lang)
{
	struct report *r = NULL;
	struct err err = { 0 };

	if (!is_document(name, lang))
		return CLI_USAGE;
	if (report_load(dir, cli_specs, &r, &err) < 0) {
		cli_error(&err);
		return CLI_CANNOT_RUN;
	}
	report_document_write(r, name, lang, stdout);
	report_free(r);
	return CLI_HELD;
}

static int report_main(int argc, char **argv)
{
	const char *format = "text", *document = NULL, *lang = "en";
	struct cli_opt opts[] = {
		{ "format", 'f', CLI_STRING, &format, "NAME",
		  "text (default), json, ..." },
		{ "document", 'd', CLI_STRING, &document, "NAME",
		  "a draft to edit: postmortem, load-test-plan, ..." },
		{ "lang", 'l', CLI_STRING, &lang, "LANG",
		  "of the document: en (default), ko" },
		{ NULL, 0, CLI_FLAG, NULL, NULL, NULL },
	};
	int left = cli_options(&cli_cmd_report, opts, argc, argv);
	AUTO_FREE char *dir = NULL;

	if (left < 0)
		return cli_options_exit(left);
	if (left > 1) {
		fprintf(stderr, "gameday: report takes one run\n");
		return CLI_USAGE;
	}
	dir = cli_run_dir(left == 1 ? argv[1] : NULL);
	if (!dir) {
		fprintf(stderr, "gameday: no run '%s' (a directory, or one in "
				"runs/)\n",
			left == 1 ? argv[1] : "latest");
		return CLI_USAGE;
	}
	return document ? document_of(dir, document, lang)
			: report_in(dir, format);
}
