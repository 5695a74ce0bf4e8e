/* SPDX-License-Identifier: Apache-2.0 */
/* [measure NAME]: requests of a part of the drill, counted and divided. */
#include <math.h>
#include <string.h>

#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "chaos/report/events.h"
#include "chaos/report/model.h"

enum measure_what {
	MEASURE_ANSWERED, MEASURE_DUE, MEASURE_ERRORS, MEASURE_NOT_2XX,
	MEASURE_OK
};

static const char *const whats[] = {
	[MEASURE_ANSWERED] = "answered", [MEASURE_DUE] = "due",
	[MEASURE_ERRORS] = "errors",	 [MEASURE_NOT_2XX] = "not_2xx",
	[MEASURE_OK] = "ok",		 NULL
};

struct measure {
	int what;
	char *api;
	nsec_t from, to;
};

#define AT(field) offsetof(struct measure, field)

static const struct opt measure_opts[] = {
	{ .name = "api", .type = OPT_STR, .off = AT(api),
	  .help = "the API; else all but those beside the requests" },
	{ .name = "from", .type = OPT_DURATION, .off = AT(from), .def = "0s",
	  .help = "drill time at which it begins" },
	{ .name = "to", .type = OPT_DURATION, .off = AT(to),
	  .flags = OPT_REQUIRED | OPT_POSITIVE,
	  .help = "and ends", .example = "6m30s" },
	{ .name = "what", .type = OPT_ENUM, .off = AT(what),
	  .flags = OPT_REQUIRED, .choices = whats,
	  .help = "answered (with any status but a failure), due, ok: a drill "
		  "second; errors, not_2xx (what k6 calls failed): a share" },
	OPT_END,
};

const struct section_spec report_measure_section = {
	.name = "measure", .arg = "NAME", .many = true, .opts = measure_opts,
	.size = sizeof(struct measure),
	.summary = "a figure of the load over a part of the drill; [recorded] "
		   "measure.NAME compares it",
};

void report_measure_check(const struct scenario *sc, struct errs *errs)
{
	for (size_t i = 0; i < scenario_count(sc, "measure"); i++) {
		const struct scenario_section *s =
			scenario_section(sc, "measure", i);
		struct measure m = { 0 };
		size_t before = errs->n;

		scenario_fill(s, measure_opts, &m, errs);
		if (errs->n == before && m.from >= m.to)
			scenario_error(s, "to", errs, "'to' is not after "
				       "'from'");
		opt_done(measure_opts, &m);
	}
}

struct sums {
	double due, ok, other, failed;	/* other: client and business */
};

static void add_up(const struct facts *f, const struct measure *m,
		   struct sums *ret)
{
	json_t *l;
	size_t i;

	*ret = (struct sums){ 0 };
	json_array_foreach(f->apis, i, l) {
		double t = json_num(l, "t", 0);

		if (t < (double)m->from / 1e9 || t >= (double)m->to / 1e9 ||
		    (m->api ? strcmp(json_str(l, "api", ""), m->api) != 0
			    : facts_beside(l)))
			continue;
		ret->due += json_num(l, "due", 0);
		ret->ok += json_num(l, "ok", 0);
		ret->other += json_num(l, "client", 0) +
			      json_num(l, "business", 0);
		ret->failed += facts_failed(l, NULL);
	}
}

static double value(const struct measure *m, const struct sums *s)
{
	double seconds = (double)(m->to - m->from) / 1e9;
	double all = s->ok + s->other + s->failed;

	switch ((enum measure_what)m->what) {
	case MEASURE_ANSWERED:
		return (s->ok + s->other) / seconds;
	case MEASURE_DUE:
		return s->due / seconds;
	case MEASURE_OK:
		return s->ok / seconds;
	case MEASURE_ERRORS:
		return all > 0 ? s->failed / all : NAN;
	case MEASURE_NOT_2XX:
		return all > 0 ? (s->failed + s->other) / all : NAN;
	}
	return NAN;
}

static void add_one(const struct facts *f, const struct scenario_section *s,
		    json_t *array)
{
	AUTO_FREE char *name = mem_printf("measure.%s", s->arg);
	struct measure m = { 0 };
	struct sums sums;
	struct errs errs;
	double v;

	errs_init(&errs);
	scenario_fill(s, measure_opts, &m, &errs);
	add_up(f, &m, &sums);
	v = value(&m, &sums);
	if (errs.n == 0 && !isnan(v))
		json_array_append_new(
			array,
			json_pack("{s:s,s:f,s:f,s:f,s:s,s:s}", "name", name,
				  "from", (double)m.from / 1e9, "to",
				  (double)m.to / 1e9, "value", v, "unit",
				  m.what == MEASURE_ERRORS ||
						  m.what == MEASURE_NOT_2XX
					  ? "share"
					  : "1/s",
				  "what", whats[m.what]));
	errs_done(&errs);
	opt_done(measure_opts, &m);
}

void report_measures_own(const struct facts *f, json_t *array)
{
	for (size_t i = 0; f->sc && i < scenario_count(f->sc, "measure"); i++)
		add_one(f, scenario_section(f->sc, "measure", i), array);
}
