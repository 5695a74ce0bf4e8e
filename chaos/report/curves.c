/* SPDX-License-Identifier: Apache-2.0 */
/* Curves: users, throughput, times, errors by cause, pools, lag, the rest. */
#include "chaos/report/curves.h"

#include <math.h>
#include <string.h>

#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "chaos/report/model.h"

enum { MAX_CURVES = 48 };

/* Which chart a gauge belongs to; sorted as the charts are. */
static const struct {
	const char *prefix, *suffix, *chart, *unit;
} gauges[] = {
	{ "users", "", "users", "" },
	{ "in_flight", "", "users", "" },
	{ "pool.", "", "pool", "" },
	{ "link.", ".in_flight", "pool", "" },
	{ "link.", ".size", "pool", "" },
	{ "link.", ".waiting", "pool", "" },
	{ "pg.active", "", "pool", "" },
	{ "queue", "", "queue", "" },
	{ "kafka.lag", "", "lag", "" },
	{ "", ".lag", "lag", "" },
};

enum { GAUGES = sizeof(gauges) / sizeof(gauges[0]) };

/* Not curves of their own: shown elsewhere, or sums that only grow. */
static const char *const hidden[] = { "t",	"bad",	  "seq",  "p95_s",
				      "errors", "throughput", "alert.",
				      "hold.",	"load." };

static struct report_curve *curve(struct report_curves *c, const char *chart,
				  const char *name, const char *unit)
{
	struct report_curve *k;

	for (size_t i = 0; i < c->n_curves; i++)
		if (strcmp(c->curves[i].name, name) == 0)
			return &c->curves[i];
	if (c->n_curves == MAX_CURVES)
		return NULL;
	(void)mem_grow(c->curves, c->n_curves, c->cap_curves);
	k = &c->curves[c->n_curves++];
	*k = (struct report_curve){ .chart = chart,
				    .name = mem_strdup(name),
				    .unit = unit,
				    .v = mem_calloc(c->n + 1, sizeof(double)) };
	for (size_t i = 0; i < c->n; i++)
		k->v[i] = NAN;
	return k;
}

static double *at(struct report_curves *c, struct report_curve *k, double t)
{
	int64_t i = (int64_t)floor(t) - c->from;

	return k && i >= 0 && i < (int64_t)c->n ? &k->v[i] : NULL;
}

static void set(struct report_curves *c, struct report_curve *k, double t,
		double v)
{
	double *to = at(c, k, t);

	if (to)
		*to = v;
}

static void add(struct report_curves *c, struct report_curve *k, double t,
		double v)
{
	double *to = at(c, k, t);

	if (to)
		*to = (isnan(*to) ? 0 : *to) + v;
}

static bool starts(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

static bool ends(const char *s, const char *with)
{
	size_t n = strlen(s), m = strlen(with);

	return n >= m && strcmp(s + n - m, with) == 0;
}

static size_t gauge_row(const char *name)
{
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
		if (ends(hidden[i], ".") ? starts(name, hidden[i])
					 : strcmp(name, hidden[i]) == 0)
			return GAUGES + 1;
	for (size_t i = 0; i < GAUGES; i++)
		if (starts(name, gauges[i].prefix) &&
		    ends(name, gauges[i].suffix))
			return i;
	return GAUGES;		/* one of the rest */
}

/* The gauges of one row of the table, or (GAUGES) those of none. */
static void add_gauges(const struct facts *f, struct report_curves *c,
		       size_t row)
{
	const char *key;
	json_t *g, *v;
	size_t i;

	json_array_foreach(f->gauges, i, g)
		json_object_foreach(g, key, v)
			if (json_is_number(v) && gauge_row(key) == row)
				set(c,
				    curve(c, row < GAUGES ? gauges[row].chart
							  : "other",
					  key, ""),
				    json_num(g, "t", 0), json_number_value(v));
}

static void add_traffic(const struct facts *f, struct report_curves *c)
{
	json_t *l;
	size_t i;

	json_array_foreach(f->apis, i, l) {
		double t = json_num(l, "t", 0);

		if (facts_beside(l))
			continue;
		add(c, curve(c, "throughput", "due", "1/s"), t,
		    json_num(l, "due", 0));
		add(c, curve(c, "throughput", "ok", "1/s"), t,
		    json_num(l, "ok", 0));
	}
}

static void add_times(const struct facts *f, struct report_curves *c)
{
	for (size_t i = 0; i < f->n_together; i++) {
		const struct facts_interval *v = &f->together[i];

		set(c, curve(c, "times", "p50", "s"), v->t, v->p50);
		set(c, curve(c, "times", "p95", "s"), v->t, v->p95);
		set(c, curve(c, "times", "p99", "s"), v->t, v->p99);
	}
}

/* A cause that came once is a curve from the first second on. */
static void add_errors(const struct facts *f, struct report_curves *c)
{
	const char *cause;
	json_t *l, *v;
	size_t i;

	json_array_foreach(f->apis, i, l)
		if (!facts_beside(l))
			json_object_foreach(json_object_get(l, "failed"),
					    cause, v)
				add(c, curve(c, "errors", cause, "1/s"),
				    json_num(l, "t", 0), json_number_value(v));
	for (size_t k = 0; k < c->n_curves; k++)
		for (i = 0; i < c->n; i++)
			if (strcmp(c->curves[k].chart, "errors") == 0 &&
			    isnan(c->curves[k].v[i]))
				c->curves[k].v[i] = 0;
}

void report_curves_of(const struct facts *f, struct report_curves *ret)
{
	size_t n = json_array_size(f->gauges);
	double from = json_num(json_array_get(f->gauges, 0), "t", 0);
	double to = json_num(json_array_get(f->gauges, n ? n - 1 : 0), "t", 0);

	*ret = (struct report_curves){ .from = (int64_t)floor(from) };
	if (!n || to < from || to - from > MAX_RUN_S)
		return;
	ret->n = (size_t)(to - from) + 1;
	add_gauges(f, ret, 0);
	add_gauges(f, ret, 1);
	add_traffic(f, ret);
	add_times(f, ret);
	add_errors(f, ret);
	for (size_t row = 2; row <= GAUGES; row++)
		add_gauges(f, ret, row);
}

void report_curves_done(struct report_curves *c)
{
	for (size_t i = 0; i < c->n_curves; i++) {
		mem_free(c->curves[i].name);
		mem_free(c->curves[i].v);
	}
	mem_free(c->curves);
}
