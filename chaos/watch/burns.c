/* SPDX-License-Identifier: Apache-2.0 */
/* Burn rates over sets of APIs, behind an assumed history. */
#include "chaos/watch/burns.h"

#include <errno.h>
#include <math.h>

#include "chaos/base/burn.h"
#include "chaos/base/mem.h"
#include "chaos/watch/scope.h"
#include "chaos/watch/windows.h"

struct burns {
	struct load_scopes scopes;
	const struct watch_slo *slo;
	struct burn *v;		/* by API */
	int64_t first, last;
	bool any;
};

struct burns *burns_new(const struct load_scopes *scopes,
			const struct watch_slo *slo)
{
	struct burns *b = mem_zalloc(sizeof(*b));

	b->scopes = *scopes;
	b->slo = slo;
	b->v = mem_calloc(scopes->n_apis + 1, sizeof(*b->v));
	return b;
}

void burns_free(struct burns *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->scopes.n_apis; i++)
		burn_done(&b->v[i]);
	mem_free(b->v);
	mem_free(b);
}

void burns_add(struct burns *b, int64_t second, const struct load_row *rows,
	       size_t n)
{
	if (!b->any)
		b->first = second;
	b->any = true;
	b->last = second;
	for (size_t i = 0; i < b->scopes.n_apis; i++)
		burn_add(&b->v[i], second, 0, 0);
	for (size_t i = 0; i < n; i++) {
		struct windows_sum sum = { 0 };

		windows_sum_row(&sum, &rows[i]);
		burn_add(&b->v[rows[i].api], second, windows_sum_done(&sum),
			 windows_sum_failed(&sum));
	}
}

static struct burn_point sum_of(const struct burns *b, uint64_t set,
				int64_t from, int64_t to)
{
	struct burn_point all = { 0 }, one;

	for (size_t i = 0; i < b->scopes.n_apis; i++) {
		if (!scope_has(set, i))
			continue;
		one = burn_sum(&b->v[i], from, to);
		all.done += one.done;
		all.failed += one.failed;
	}
	return all;
}

/* Requests a second before the drill; a part of all as the lead-in had it. */
static double history_of(const struct burns *b, uint64_t set, uint64_t all)
{
	double lead = (double)sum_of(b, set, b->first, 0).done;
	double lead_all = (double)sum_of(b, all, b->first, 0).done;
	double rate = b->slo->monthly_requests /
		      ((double)b->slo->period / NSEC_SEC);

	if (b->first >= 0 || lead_all <= 0)
		return set == all && rate > 0 ? rate : NAN;
	return rate > 0 ? rate * lead / lead_all : lead / (double)-b->first;
}

int burns_value(const struct burns *b, const char *scope, nsec_t window,
		double *ret)
{
	int64_t to = b->last + 1, from = to - window / NSEC_SEC;
	uint64_t set, all;
	double history;
	int rc = scope_find(&b->scopes, scope, &set);

	if (!rc)
		rc = scope_find(&b->scopes, "all", &all);
	if (rc)
		return rc;
	if (!b->any || to <= 0)
		return -ENODATA;
	history = burn_before(&b->v[0], to, window);
	if (history > 0)
		history *= history_of(b, set, all);
	*ret = burn_rate(sum_of(b, set, from, to), history,
			 1 - b->slo->availability);
	return isfinite(*ret) ? 0 : -ENODATA;
}
