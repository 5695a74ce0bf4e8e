/* SPDX-License-Identifier: Apache-2.0 */
/* Tables for spreadsheets: RFC 4180, a head line, times in seconds. */
#include <math.h>
#include <string.h>

#include "chaos/base/json.h"
#include "chaos/report/writers.h"
#include "chaos/scenario/sample.h"

/* A name with a comma, a quote or a line's end is quoted. */
static void put_text(FILE *f, const char *s)
{
	if (!strpbrk(s, ",\"\r\n")) {
		fputs(s, f);
		return;
	}
	fputc('"', f);
	for (; *s; s++) {
		if (*s == '"')
			fputc('"', f);
		fputc(*s, f);
	}
	fputc('"', f);
}

/* What is not known is empty. */
static void put_number(FILE *f, double v)
{
	fputc(',', f);
	if (isfinite(v))
		fprintf(f, "%.9g", v);
}

static const char *const counts[] = {
	"requests", "ok", "client", "business", "censored", "rps",
};
static const char *const times[] = {
	"min", "mean", "p50", "p90", "p95", "p99", "p999", "max",
};

#define LENGTH(v) (sizeof(v) / sizeof((v)[0]))

static void put_head(FILE *f)
{
	static const char *const what[] = { "response", "service" };

	fprintf(f, "api,phase,beside");
	for (size_t i = 0; i < LENGTH(counts); i++)
		fprintf(f, ",%s", counts[i]);
	for (int c = 0; c < LOAD_CAUSES; c++)
		fprintf(f, ",failed_%s", load_cause_name((enum load_cause)c));
	for (size_t w = 0; w < 2; w++)
		for (size_t i = 0; i < LENGTH(times); i++)
			fprintf(f, ",%s_%s_s", what[w], times[i]);
	fputs("\r\n", f);
}

static void put_times(FILE *f, const json_t *ms)
{
	for (size_t i = 0; i < LENGTH(times); i++)
		put_number(f, json_num(ms, times[i], NAN) / 1000);
}

static void put_row(FILE *f, const json_t *row)
{
	put_text(f, json_str(row, "name", ""));
	fprintf(f, ",%s,%s", json_str(row, "phase", ""),
		json_flag(row, "beside", false) ? "yes" : "no");
	for (size_t i = 0; i < LENGTH(counts); i++)
		put_number(f, json_num(row, counts[i], NAN));
	for (int c = 0; c < LOAD_CAUSES; c++)
		put_number(f, json_num(json_object_get(row, "failed"),
				       load_cause_name((enum load_cause)c), 0));
	put_times(f, json_object_get(row, "response_ms"));
	put_times(f, json_object_get(row, "service_ms"));
	fputs("\r\n", f);
}

static void csv_write(const struct report *r, FILE *f)
{
	json_t *row;
	size_t i;

	put_head(f);
	json_array_foreach(json_at(report_json(r), "load/apis"), i, row)
		put_row(f, row);
	json_array_foreach(json_at(report_json(r), "load/totals"), i, row)
		put_row(f, row);
}

static void series_write(const struct report *r, FILE *f)
{
	const struct report_second *v;
	size_t n = report_seconds(r, &v);

	fputs("t_s,api,phase,beside,due,ok,client,business,failed,p50_s,p95_s,"
	      "p99_s,max_s\r\n", f);
	for (size_t i = 0; i < n; i++) {
		const double numbers[] = {
			v[i].due, v[i].ok,  v[i].client, v[i].business,
			v[i].failed, v[i].p50, v[i].p95, v[i].p99, v[i].max,
		};

		fprintf(f, "%lld,", (long long)v[i].t);
		put_text(f, v[i].api);
		fprintf(f, ",%s,%s", v[i].phase, v[i].beside ? "yes" : "no");
		for (size_t k = 0; k < LENGTH(numbers); k++)
			put_number(f, numbers[k]);
		fputs("\r\n", f);
	}
}

const struct report_writer report_writer_csv = {
	.name = "csv",
	.summary = "requests and times by API and phase",
	.write = csv_write,
};
const struct report_writer report_writer_csv_series = {
	.name = "csv-series",
	.summary = "the same by API and drill second",
	.write = series_write,
};
