/* SPDX-License-Identifier: Apache-2.0 */
/* The writers, a file each; for the table in writers.c. */
#ifndef GD_REPORT_WRITERS_H
#define GD_REPORT_WRITERS_H

#include "chaos/report/report.h"

extern const struct report_writer report_writer_csv, report_writer_csv_series,
	report_writer_faults, report_writer_html, report_writer_junit,
	report_writer_md, report_writer_openmetrics, report_writer_text;

#endif
