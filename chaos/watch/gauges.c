/* SPDX-License-Identifier: Apache-2.0 */
/* Gauges by name. There are some dozens: a linear search is enough. */
#include "chaos/watch/gauges.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/base/mem.h"

/*
 * Samples kept of one gauge: 100 s at ten a second (a verify is open, speed 1),
 * 17 min at one.
 */
enum { GAUGE_HISTORY = 1024, GAUGE_BASELINE = 4096 };

/* Of a function that is given none. */
#define GAUGE_WINDOW (10 * NSEC_SEC)

struct gauge_sample {
	nsec_t t;
	double value;
};

struct gauge {
	struct gauge_sample *history;	/* ring of GAUGE_HISTORY */
	size_t n;			/* ever added */
	double *lead_in;		/* finite values before the freeze */
	size_t n_lead_in;
	double baseline;		/* NaN: there was none */
};

struct gauges {
	struct gauge *v;
	const char **names;
	double *values;
	size_t n;
	bool frozen;
};

struct gauges *gauges_new(void)
{
	return mem_zalloc(sizeof(struct gauges));
}

static void free_name(const char *name)
{
	void *p;

	memcpy(&p, &name, sizeof(p));
	mem_free(p);
}

void gauges_free(struct gauges *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < g->n; i++) {
		mem_free(g->v[i].history);
		mem_free(g->v[i].lead_in);
		free_name(g->names[i]);
	}
	mem_free(g->v);
	mem_free(g->names);
	mem_free(g->values);
	mem_free(g);
}

static size_t find(const struct gauges *g, const char *name)
{
	size_t i = 0;

	while (i < g->n && strcmp(g->names[i], name))
		i++;
	return i;
}

static size_t add(struct gauges *g, const char *name)
{
	g->v = mem_realloc(g->v, (g->n + 1) * sizeof(*g->v));
	g->names = mem_realloc(g->names, (g->n + 1) * sizeof(*g->names));
	g->values = mem_realloc(g->values, (g->n + 1) * sizeof(*g->values));
	g->v[g->n] = (struct gauge){
		.history = mem_calloc(GAUGE_HISTORY,
				      sizeof(struct gauge_sample)),
		.baseline = NAN,
	};
	g->names[g->n] = mem_strdup(name);
	g->values[g->n] = NAN;
	return g->n++;
}

void gauges_set(struct gauges *g, const char *name, nsec_t t, double value)
{
	size_t i = find(g, name);
	struct gauge *gauge;

	if (i == g->n)
		i = add(g, name);
	gauge = &g->v[i];
	g->values[i] = value;
	gauge->history[gauge->n++ % GAUGE_HISTORY] =
		(struct gauge_sample){ t, value };
	if (g->frozen || !isfinite(value) ||
	    gauge->n_lead_in == GAUGE_BASELINE)
		return;
	gauge->lead_in = mem_realloc(gauge->lead_in,
				     (gauge->n_lead_in + 1) * sizeof(double));
	gauge->lead_in[gauge->n_lead_in++] = value;
}

size_t gauges_all(const struct gauges *g, const char *const **ret_names,
		  const double **ret_values)
{
	*ret_names = g->names;
	*ret_values = g->values;
	return g->n;
}

int gauges_value(const struct gauges *g, const char *name, double *ret)
{
	size_t i = find(g, name);

	if (i == g->n)
		return -ENOENT;
	if (!isfinite(g->values[i]))
		return -ENODATA;
	*ret = g->values[i];
	return 0;
}

int gauges_rate(const struct gauges *g, const char *name, nsec_t window,
		nsec_t now, double *ret)
{
	const struct gauge_sample *s, *first = NULL, *last = NULL;
	size_t i = find(g, name), kept;
	const struct gauge *gauge;

	if (i == g->n)
		return -ENOENT;
	gauge = &g->v[i];
	kept = gauge->n < GAUGE_HISTORY ? gauge->n : GAUGE_HISTORY;
	/* From the newest back to where the window begins. */
	for (size_t k = 1; k <= kept; k++) {
		s = &gauge->history[(gauge->n - k) % GAUGE_HISTORY];
		if (s->t < now - window)
			break;
		if (s->t > now || !isfinite(s->value))
			continue;
		first = s;
		if (!last)
			last = s;
	}
	if (!first || last->t - first->t < window / 10 * 7)
		return -ENODATA;
	*ret = (last->value - first->value) /
	       ((double)(last->t - first->t) / NSEC_SEC);
	return 0;
}

/* The samples of a window, oldest first: [now - window, now]. */
struct range {
	struct gauge_sample v[GAUGE_HISTORY];
	size_t n;
	nsec_t from, to;
};

static size_t kept_of(const struct gauge *gauge)
{
	return gauge->n < GAUGE_HISTORY ? gauge->n : GAUGE_HISTORY;
}

/* Unknown ones are left out. */
static void range_read(struct range *r, const struct gauge *gauge,
		       nsec_t window, nsec_t now)
{
	const struct gauge_sample *s;

	r->n = 0;
	r->from = now - window;
	r->to = now;
	for (size_t k = kept_of(gauge); k > 0; k--) {
		s = &gauge->history[(gauge->n - k) % GAUGE_HISTORY];
		if (s->t >= r->from && s->t <= now && isfinite(s->value))
			r->v[r->n++] = *s;
	}
}

static double seconds(nsec_t t)
{
	return (double)t / NSEC_SEC;
}

/*
 * How far the line is drawn beyond the samples: to the window's end when that
 * is about as near as samples are apart, else half a step.
 */
static double beyond(nsec_t gap, double step)
{
	double far = seconds(gap);

	return far < step * 1.1 ? far : step / 2;
}

static int range_delta(const struct range *r, double *ret)
{
	const struct gauge_sample *first = r->v, *last = first + r->n - 1;
	double span, step, to;

	if (r->n < 2 || last->t <= first->t)
		return -ENODATA;
	span = seconds(last->t - first->t);
	step = span / (double)(r->n - 1);
	to = span + beyond(first->t - r->from, step) +
	     beyond(r->to - last->t, step);
	*ret = (last->value - first->value) * (to / span);
	return 0;
}

static int range_deriv(const struct range *r, double *ret)
{
	double n = (double)r->n, x, sx = 0, sy = 0, sxy = 0, sxx = 0, var;

	for (size_t i = 0; i < r->n; i++) {
		x = seconds(r->v[i].t - r->v[0].t);
		sx += x;
		sy += r->v[i].value;
		sxy += x * r->v[i].value;
		sxx += x * x;
	}
	var = sxx - sx * sx / n;
	if (r->n < 2 || var <= 0)
		return -ENODATA;
	*ret = (sxy - sx * sy / n) / var;
	return 0;
}

/* Prometheus' own look-back of a value. */
#define GAUGE_LOOKBACK (5 * NSEC_MIN)

static bool is_absent(const struct gauge *gauge, nsec_t window, nsec_t now)
{
	const struct gauge_sample *s;

	for (size_t k = 1; k <= kept_of(gauge); k++) {
		s = &gauge->history[(gauge->n - k) % GAUGE_HISTORY];
		if (s->t > now)
			continue;
		if (!window)
			return !isfinite(s->value) ||
			       now - s->t >= GAUGE_LOOKBACK;
		if (s->t < now - window)
			return true;
		if (isfinite(s->value))
			return false;
	}
	return true;
}

bool gauges_is_func(const char *func)
{
	static const char *const funcs[] = { "absent", "delta", "deriv",
					     "rate" };

	for (size_t i = 0; i < sizeof(funcs) / sizeof(funcs[0]); i++)
		if (!strcmp(func, funcs[i]))
			return true;
	return false;
}

int gauges_func(const struct gauges *g, const char *func, const char *name,
		nsec_t window, nsec_t now, double *ret)
{
	size_t i = find(g, name);
	struct range range;

	if (!strcmp(func, "absent")) {
		*ret = i == g->n || is_absent(&g->v[i], window, now);
		return 0;
	}
	if (!window)
		window = GAUGE_WINDOW;
	if (!strcmp(func, "rate"))
		return gauges_rate(g, name, window, now, ret);
	if (i == g->n)
		return -ENOENT;
	range_read(&range, &g->v[i], window, now);
	return !strcmp(func, "delta") ? range_delta(&range, ret)
				      : range_deriv(&range, ret);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, size_t n)
{
	if (!n)
		return NAN;
	qsort(v, n, sizeof(*v), by_value);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

void gauges_freeze(struct gauges *g)
{
	if (g->frozen)
		return;
	g->frozen = true;
	for (size_t i = 0; i < g->n; i++) {
		g->v[i].baseline = median(g->v[i].lead_in, g->v[i].n_lead_in);
		mem_free(g->v[i].lead_in);
		g->v[i].lead_in = NULL;
	}
}

int gauges_baseline(const struct gauges *g, const char *name, double *ret)
{
	size_t i = find(g, name);

	if (i == g->n)
		return -ENOENT;
	if (!isfinite(g->v[i].baseline))
		return -ENODATA;
	*ret = g->v[i].baseline;
	return 0;
}
