/* SPDX-License-Identifier: Apache-2.0 */
/* Will the data last?  As far as the plan alone can say. */
#include <math.h>

#include "chaos/base/mem.h"
#include "chaos/load/conf.h"

static bool uses(const struct load_conf *c, size_t journey, size_t data)
{
	return c->journeys[journey].data >> data & 1;
}

/* Does every journey of the group take a row? *ret_any: does one. */
static bool all_use(const struct load_conf *c, const struct load_group *g,
		    size_t data, bool *ret_any)
{
	bool all = g->n_journeys > 0;

	*ret_any = false;
	for (size_t i = 0; i < g->n_journeys; i++) {
		bool one = uses(c, g->journeys[i], data);

		all = all && one;
		*ret_any |= one;
	}
	return all;
}

/* Arrivals that are planned from T+0 on, to the second. */
static double arrivals_planned(const struct load_group *g)
{
	double sum = 0;

	for (nsec_t t = 0; t < stages_end(&g->stages); t += NSEC_SEC)
		sum += (stages_value(&g->stages, t) +
			stages_value(&g->stages, t + NSEC_SEC - 1)) / 2;
	return floor(sum);
}

/* Rows that a group takes at least; 0: that cannot be said. */
static double rows_needed(const struct load_conf *c,
			  const struct load_group *g, size_t data)
{
	bool any, all = all_use(c, g, data, &any);

	switch (c->data[data].order) {
	case DATA_SEQUENTIAL:
		if (!all)
			return 0;
		break;
	case DATA_USER:
		if (!any)
			return 0;
		break;
	case DATA_ITERATION:
	case DATA_RANDOM:
		return 0;
	}
	return g->model == LOAD_USERS ? floor(stages_max(&g->stages))
				      : arrivals_planned(g);
}

void data_check(const struct load_conf *c, struct errs *errs)
{
	for (size_t i = 0; i < c->n_data; i++) {
		const struct data *d = &c->data[i];
		double needed = 0;

		for (size_t k = 0; k < c->n_groups; k++) {
			double n = rows_needed(c, &c->groups[k], i);

			if (d->order == DATA_USER)
				needed = fmax(needed, n);
			else
				needed += n;
		}
		if (d->at_end == DATA_ERROR && d->rows.n > 0 &&
		    needed > (double)d->rows.n)
			scenario_error(d->section, "at_end", errs,
				       "[data %s] has %zu rows and would end: "
				       "%.0f users or arrivals are planned, "
				       "and each takes one (more rows, or "
				       "at_end = wrap)", d->name, d->rows.n,
				       needed);
	}
}
