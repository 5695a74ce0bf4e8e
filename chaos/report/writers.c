/* SPDX-License-Identifier: Apache-2.0 */
/* The table of writers, and the one that has nothing to format. */
#include "chaos/report/writers.h"

#include <jansson.h>

static void json_write(const struct report *r, FILE *f)
{
	json_dumpf(report_json(r), f, JSON_INDENT(1));
	fputc('\n', f);
}

static const struct report_writer json_writer = {
	.name = "json",
	.file = "report.json",
	.summary = "the model itself, schema gameday.report/1",
	.write = json_write,
};

/* By name. */
const struct report_writer *const report_writer_table[] = {
	&report_writer_csv,
	&report_writer_csv_series,
	&report_writer_faults,
	&report_writer_html,
	&json_writer,
	&report_writer_junit,
	&report_writer_md,
	&report_writer_openmetrics,
	&report_writer_text,
	NULL,
};
