/* SPDX-License-Identifier: Apache-2.0 */
/* Counts and latencies of a run, added up second by second. */
#include "chaos/watch/totals.h"

#include <errno.h>

#include "chaos/base/mem.h"
#include "chaos/watch/scope.h"

struct total {
	struct windows_sum sum;
	struct hist *response;	/* NULL: none yet */
};

struct totals {
	struct load_scopes scopes;
	struct total *v;	/* [api][phase] */
	nsec_t from[LOAD_PHASES];	/* NSEC_NEVER: it has not come */
	nsec_t upto, end;	/* of what was added; of the run */
};

struct totals *totals_new(const struct load_scopes *scopes)
{
	struct totals *t = mem_zalloc(sizeof(*t));

	t->scopes = *scopes;
	t->v = mem_calloc(scopes->n_apis * LOAD_PHASES + 1, sizeof(*t->v));
	for (int p = 0; p < LOAD_PHASES; p++)
		t->from[p] = NSEC_NEVER;
	t->upto = INT64_MIN;
	t->end = NSEC_NEVER;
	return t;
}

void totals_free(struct totals *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->scopes.n_apis * LOAD_PHASES; i++)
		hist_free(t->v[i].response);
	mem_free(t->v);
	mem_free(t);
}

void totals_phase(struct totals *t, enum load_phase phase, nsec_t from)
{
	if (t->from[phase] == NSEC_NEVER)
		t->from[phase] = from;
}

void totals_end(struct totals *t, nsec_t at)
{
	t->end = at;
}

static struct total *total_at(const struct totals *t, size_t api, size_t phase)
{
	return &t->v[api * LOAD_PHASES + phase];
}

void totals_add(struct totals *t, int64_t second, const struct load_row *rows,
		size_t n)
{
	nsec_t begin = second * NSEC_SEC;

	if (begin < 0)
		totals_phase(t, LOAD_BASELINE, begin);
	if (begin + NSEC_SEC > t->upto)
		t->upto = begin + NSEC_SEC;
	for (size_t i = 0; i < n; i++) {
		struct total *to;

		if (rows[i].api >= t->scopes.n_apis ||
		    rows[i].phase >= LOAD_PHASES)
			continue;
		to = total_at(t, rows[i].api, rows[i].phase);
		windows_sum_row(&to->sum, &rows[i]);
		if (!rows[i].response || !hist_count(rows[i].response))
			continue;
		if (!to->response)
			to->response = hist_new();
		hist_merge(to->response, rows[i].response);
	}
}

unsigned totals_phase_at(const struct totals *t, nsec_t at)
{
	int p = LOAD_PHASES - 1;

	while (p > LOAD_BASELINE && at < t->from[p])
		p--;
	return 1u << p;
}

/* Drill seconds that the phases have lasted so far. */
static double span_of(const struct totals *t, unsigned phases)
{
	nsec_t last = t->upto < t->end ? t->upto : t->end, to = last, sum = 0;

	for (int p = LOAD_PHASES - 1; p >= 0; p--) {
		if (t->from[p] == NSEC_NEVER)
			continue;
		if ((phases >> p & 1) && to > t->from[p])
			sum += to - t->from[p];
		if (t->from[p] < to)
			to = t->from[p];
	}
	return (double)sum / NSEC_SEC;
}

void totals_api(const struct totals *t, size_t api, unsigned phases,
		struct windows_sum *ret, struct hist *add_to)
{
	*ret = (struct windows_sum){ .seconds = span_of(t, phases) };
	for (size_t p = 0; p < LOAD_PHASES; p++) {
		const struct total *from = total_at(t, api, p);

		if (!(phases >> p & 1))
			continue;
		windows_sum_add(ret, &from->sum);
		if (add_to && from->response)
			hist_merge(add_to, from->response);
	}
}

static int percentile_of(const struct totals *t, uint64_t set, unsigned phases,
			 double p, double *ret)
{
	struct hist *all = hist_new();
	struct windows_sum one;
	int rc = -ENODATA;

	for (size_t i = 0; i < t->scopes.n_apis; i++)
		if (scope_has(set, i))
			totals_api(t, i, phases, &one, all);
	if (hist_count(all)) {
		*ret = (double)hist_percentile(all, p) / NSEC_SEC;
		rc = 0;
	}
	hist_free(all);
	return rc;
}

int totals_value(const struct totals *t, const char *func, const char *scope,
		 unsigned phases, const char *cause, double *ret)
{
	struct windows_sum sum = { 0 }, one;
	uint64_t set;
	double p;
	int rc = scope_find(&t->scopes, scope, &set);

	if (rc)
		return rc;
	if (!windows_percentile(func, &p))
		return percentile_of(t, set, phases, p, ret);
	for (size_t i = 0; i < t->scopes.n_apis; i++) {
		if (!scope_has(set, i))
			continue;
		totals_api(t, i, phases, &one, NULL);
		windows_sum_add(&sum, &one);
	}
	sum.seconds = span_of(t, phases);
	if (sum.seconds <= 0)
		return -ENODATA;
	return windows_count(&sum, func, cause, ret);
}
