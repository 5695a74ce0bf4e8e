/* SPDX-License-Identifier: Apache-2.0 */
/* [data]: values of a file for requests. */
#include "chaos/load/data.h"

#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/base/rng.h"

static const char *const orders[] = {
	[DATA_SEQUENTIAL] = "sequential", [DATA_USER] = "user",
	[DATA_ITERATION] = "iteration", [DATA_RANDOM] = "random", NULL
};
static const char *const ends[] = {
	[DATA_WRAP] = "wrap", [DATA_STOP] = "stop", [DATA_ERROR] = "error",
	NULL
};

#define AT(field) offsetof(struct data_conf, field)

const struct opt data_opts[] = {
	{ .name = "file", .type = OPT_STR, .off = AT(file),
	  .flags = OPT_REQUIRED,
	  .help = "CSV with a header (RFC 4180), or NAME.jsonl: a JSON object "
		  "a line; beside the scenario. Used as ${data.NAME.COLUMN}",
	  .example = "users.csv" },
	{ .name = "order", .type = OPT_ENUM, .off = AT(order),
	  .def = "sequential", .choices = orders,
	  .help = "sequential: each run through a journey takes the next row, "
		  "whoever's it is; user: user n has row n; iteration: each "
		  "user begins with the first; random: seeded" },
	{ .name = "at_end", .type = OPT_ENUM, .off = AT(at_end),
	  .def = "wrap", .choices = ends,
	  .help = "when the rows are used up: begin again; the user stops; or "
		  "the run is invalid (beforehand, where it can be known)" },
	OPT_END
};

static bool ends_with(const char *s, const char *tail)
{
	size_t a = strlen(s), b = strlen(tail);

	return a >= b && strcmp(s + a - b, tail) == 0;
}

static void file_read(struct data *d, const char *file, struct errs *errs)
{
	AUTO_FREE char *path = scenario_path(d->section, file);
	bool json = ends_with(file, ".jsonl") || ends_with(file, ".ndjson");
	struct buf text;
	struct err err;

	buf_init(&text, ROWS_FILE_MAX);
	if (buf_read_file(&text, path, &err) < 0)
		scenario_error(d->section, "file", errs, "%s", err.msg);
	else if ((json ? rows_jsonl : rows_csv)(&d->rows,
						text.data ? text.data : "",
						text.len, &err) < 0)
		scenario_error(d->section, "file", errs, "%s:%s", path,
			       err.msg);
	else if (d->rows.n == 0)
		scenario_error(d->section, "file", errs, "'%s' has no row",
			       path);
	buf_done(&text);
}

void data_read(const struct scenario_section *s, struct data *ret,
	       struct errs *errs)
{
	struct data_conf conf = { 0 };

	scenario_fill(s, data_opts, &conf, errs);
	*ret = (struct data){
		.name = mem_strdup(s->arg ? s->arg : ""),
		.order = (enum data_order)conf.order,
		.at_end = (enum data_end)conf.at_end,
		.section = s,
	};
	if (conf.file && *conf.file)
		file_read(ret, conf.file, errs);
	opt_done(data_opts, &conf);
}

void data_done(struct data *d)
{
	mem_free(d->name);
	rows_done(&d->rows);
	*d = (struct data){ 0 };
}

static uint64_t random_row(const struct data *d, const struct data_want *want)
{
	struct rng rng;

	rng_init(&rng, want->seed ^ (want->index + 1) * UINT64_C(0x9e3779b97f),
		 want->number);
	for (int i = 0; i < 4; i++)
		rng.s[i] += want->iteration * UINT64_C(0xd6e8feb86659fd93);
	(void)rng_next(&rng);
	return rng_below(&rng, d->rows.n);
}

uint64_t data_row(const struct data *d, const struct data_want *want,
		  atomic_ullong *next)
{
	uint64_t at = 0;

	switch (d->order) {
	case DATA_SEQUENTIAL:
		at = atomic_fetch_add_explicit(next, 1, memory_order_relaxed);
		break;
	case DATA_USER:
		at = want->user;
		break;
	case DATA_ITERATION:
		at = want->iteration - 1;
		break;
	case DATA_RANDOM:
		return random_row(d, want);
	}
	if (at < d->rows.n)
		return at;
	return d->at_end == DATA_WRAP ? at % d->rows.n : DATA_NONE;
}
