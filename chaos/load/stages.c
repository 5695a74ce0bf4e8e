/* SPDX-License-Identifier: Apache-2.0 */
/* Ramps, and the area under them: arrivals are evenly spaced in that area. */
#include "chaos/load/stages.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/base/units.h"

static int value_parse(const char *text, double *ret, struct err *err)
{
	int rc;

	if (strchr(text, '/'))
		return units_rate(text, ret, err);
	rc = units_double(text, ret, err);
	if (rc < 0)
		return rc;
	if (!isfinite(*ret) || *ret < 0)
		return err_set(err, -EINVAL,
			       "'%s' is not a number of users or arrivals",
			       text);
	return 0;
}

int stages_add(struct stages *s, const char *text, struct err *err)
{
	AUTO_FREE char *when = NULL;
	const char *value = text + strcspn(text, " \t");
	struct stage stage;
	int rc;

	when = mem_strndup(text, (size_t)(value - text));
	value += strspn(value, " \t");
	if (!*when || !*value)
		return err_set(err, -EINVAL,
			       "stage '%s' is not a time and a value "
			       "(such as '30s 800')", text);
	rc = units_duration(when, &stage.t, err);
	if (rc == 0)
		rc = value_parse(value, &stage.value, err);
	if (rc < 0)
		return err_prefix(err, "stage '%s'", text);
	if (s->n && stage.t < s->v[s->n - 1].t)
		return err_set(err, -EINVAL,
			       "stage '%s' comes before the one ahead of it: "
			       "put the stages in the order of their times",
			       text);
	s->v = mem_realloc(s->v, (s->n + 1) * sizeof(*s->v));
	s->v[s->n++] = stage;
	return 0;
}

void stages_hold(struct stages *s)
{
	struct stage *v = mem_calloc(2 * s->n + 1, sizeof(*v));
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		if (i > 0)
			v[n++] = (struct stage){ s->v[i].t, s->v[i - 1].value };
		v[n++] = s->v[i];
	}
	mem_free(s->v);
	s->v = v;
	s->n = n;
}

void stages_done(struct stages *s)
{
	mem_free(s->v);
	*s = (struct stages){ 0 };
}

/* The first stage after t; s->n: none. */
static size_t next_stage(const struct stages *s, nsec_t t)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->v[mid].t <= t)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

double stages_value(const struct stages *s, nsec_t t)
{
	size_t i = next_stage(s, t);
	const struct stage *a, *b;

	if (i == 0)
		return s->v[0].value;
	if (i == s->n)
		return s->v[s->n - 1].value;
	a = &s->v[i - 1];
	b = &s->v[i];
	return a->value + (b->value - a->value) * (double)(t - a->t) /
				  (double)(b->t - a->t);
}

double stages_max(const struct stages *s)
{
	double max = 0;

	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].value > max)
			max = s->v[i].value;
	return max;
}

nsec_t stages_end(const struct stages *s)
{
	return s->v[s->n - 1].t;
}

nsec_t stages_flat_until(const struct stages *s, nsec_t t)
{
	double value = stages_value(s, t);
	nsec_t until = t;

	for (size_t i = next_stage(s, t); i < s->n; i++) {
		if (s->v[i].value != value)
			return until;
		until = s->v[i].t;
	}
	return NSEC_NEVER;
}

/*
 * Seconds until an area is reached that begins at value a and changes by k per
 * second: a x + k x² / 2 = area, in the form that loses no digits.
 */
static double seconds_for(double a, double k, double area)
{
	double root = sqrt(a * a + 2 * k * area);

	return area > 0 ? 2 * area / (a + root) : 0;
}

nsec_t stages_after_area(const struct stages *s, nsec_t t, double area)
{
	for (size_t i = next_stage(s, t);; i++) {
		double a = stages_value(s, t), b, len, here;

		if (i == s->n) {
			if (area <= 0)
				return t;
			if (a <= 0 || area / a > 1e9)
				return NSEC_NEVER;
			return t + (nsec_t)(area / a * NSEC_SEC);
		}
		b = i == 0 ? a : s->v[i].value;
		len = (double)(s->v[i].t - t) / NSEC_SEC;
		here = (a + b) / 2 * len;
		if (len > 0 && here >= area)
			return t + (nsec_t)(seconds_for(a, (b - a) / len,
							area) * NSEC_SEC);
		area -= here;
		t = s->v[i].t;
	}
}
