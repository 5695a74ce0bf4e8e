/* SPDX-License-Identifier: Apache-2.0 */
/* Think times. Pure but for the generator that is passed in. */
#include "chaos/load/dist.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/base/opt.h"
#include "chaos/base/units.h"

static double draw_const(const struct dist *d, struct rng *rng)
{
	(void)rng;
	return (double)d->a;
}

static double draw_exp(const struct dist *d, struct rng *rng)
{
	return rng_exp(rng, (double)d->a);
}

static double draw_lognormal(const struct dist *d, struct rng *rng)
{
	return rng_lognormal(rng, (double)d->a, (double)d->b / (double)d->a);
}

static double draw_normal(const struct dist *d, struct rng *rng)
{
	return rng_normal(rng, (double)d->a, (double)d->b);
}

static double draw_uniform(const struct dist *d, struct rng *rng)
{
	return rng_uniform(rng, (double)d->a, (double)d->b);
}

static const struct dist_row {
	const char *name, *usage;
	int args;
	double (*draw)(const struct dist *d, struct rng *rng);
} rows[DIST_KINDS] = {
	[DIST_CONST] = { "const", "const 1s", 1, draw_const },
	[DIST_EXP] = { "exp", "exp 4.8s", 1, draw_exp },
	[DIST_LOGNORMAL] = { "lognormal", "lognormal 4.8s 2s", 2,
			     draw_lognormal },
	[DIST_NORMAL] = { "normal", "normal 4.8s 1s", 2, draw_normal },
	[DIST_UNIFORM] = { "uniform", "uniform 0.28s 0.84s", 2, draw_uniform },
};

static int unknown(const char *word, struct err *err)
{
	const char *names[DIST_KINDS], *near;

	for (size_t i = 0; i < DIST_KINDS; i++)
		names[i] = rows[i].name;
	near = opt_suggest(word, names, DIST_KINDS);
	if (near)
		return err_set(err, -EINVAL,
			       "unknown think time '%s' (did you mean '%s'?)",
			       word, near);
	return err_set(err, -EINVAL,
		       "unknown think time '%s': there are const, exp, "
		       "lognormal, normal, uniform", word);
}

static int check(const struct dist *d, const struct dist_row *row,
		 const char *text, struct err *err)
{
	if (d->a < 0 || d->b < 0)
		return err_set(err, -EINVAL,
			       "think '%s': a time cannot be negative", text);
	if (d->kind == DIST_UNIFORM && d->b < d->a)
		return err_set(err, -EINVAL,
			       "think '%s': the first time must be the shorter "
			       "one (as in '%s')", text, row->usage);
	if (d->kind == DIST_LOGNORMAL && d->a == 0)
		return err_set(err, -EINVAL,
			       "think '%s': the mean must be above 0", text);
	return 0;
}

int dist_parse(const char *text, struct dist *ret, struct err *err)
{
	char name[16] = "", a[32] = "", b[32] = "", more[2] = "";
	int n = sscanf(text, "%15s %31s %31s %1s", name, a, b, more);
	struct dist d = { 0 };
	size_t k;
	int rc;

	for (k = 0; k < DIST_KINDS && strcmp(rows[k].name, name) != 0; k++)
		;
	if (k == DIST_KINDS)
		return unknown(name, err);
	if (n != 1 + rows[k].args)
		return err_set(err, -EINVAL,
			       "think '%s' is not of the form '%s'", text,
			       rows[k].usage);
	d.kind = (enum dist_kind)k;
	rc = units_duration(a, &d.a, err);
	if (rc == 0 && rows[k].args > 1)
		rc = units_duration(b, &d.b, err);
	if (rc < 0)
		return err_prefix(err, "think '%s'", text);
	rc = check(&d, &rows[k], text, err);
	if (rc == 0)
		*ret = d;
	return rc;
}

nsec_t dist_draw(const struct dist *d, struct rng *rng)
{
	double t = rows[d->kind].draw(d, rng);

	return t > 0 ? (nsec_t)t : 0;
}

double dist_mean_s(const struct dist *d)
{
	double mean = (double)d->a;

	if (d->kind == DIST_UNIFORM)
		mean = (mean + (double)d->b) / 2;
	return mean / NSEC_SEC;
}
