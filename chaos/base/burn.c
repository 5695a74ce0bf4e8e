/* SPDX-License-Identifier: Apache-2.0 */
/* Burn rates over prefix sums: a window is one subtraction. */
#include "chaos/base/burn.h"

#include <math.h>

#include "chaos/base/mem.h"

#define HOUR (60 * NSEC_MIN)

const struct burn_pair burn_pairs[BURN_PAIRS] = {
	{ .window = HOUR, .brief = 5 * NSEC_MIN, .share = 0.02 },
	{ .window = 6 * HOUR, .brief = 30 * NSEC_MIN, .share = 0.05 },
	{ .window = 72 * HOUR, .brief = 6 * HOUR, .share = 0.10 },
};

double burn_factor(const struct burn_pair *pair, nsec_t period)
{
	return pair->share * (double)period / (double)pair->window;
}

void burn_done(struct burn *b)
{
	mem_free(b->v);
	*b = (struct burn){ 0 };
}

void burn_add(struct burn *b, int64_t second, uint64_t done, uint64_t failed)
{
	struct burn_point last = { 0 };

	if (!b->n)
		b->first = second;
	if (second < b->first)
		return;
	while (b->n <= (size_t)(second - b->first)) {
		if (b->n)
			last = b->v[b->n - 1];
		(void)mem_grow(b->v, b->n, b->cap);
		b->v[b->n++] = last;
	}
	/* An older second's late part counts from its second on. */
	for (size_t i = (size_t)(second - b->first); i < b->n; i++) {
		b->v[i].done += done;
		b->v[i].failed += failed;
	}
}

/* All before that second. */
static struct burn_point upto(const struct burn *b, int64_t second)
{
	int64_t i = second - b->first;

	if (!b->n || i <= 0)
		return (struct burn_point){ 0 };
	return b->v[(size_t)i < b->n ? (size_t)i - 1 : b->n - 1];
}

struct burn_point burn_sum(const struct burn *b, int64_t from, int64_t to)
{
	struct burn_point a = upto(b, from), z = upto(b, to);

	return (struct burn_point){ z.done - a.done, z.failed - a.failed };
}

double burn_before(const struct burn *b, int64_t to, nsec_t window)
{
	double counted = b->n ? (double)(to - b->first) : 0;
	double before = (double)window / NSEC_SEC - counted;

	return before > 0 ? before : 0;
}

double burn_rate(struct burn_point sum, double history, double budget)
{
	double requests = (double)sum.done + history;

	if (requests <= 0 || budget <= 0)
		return NAN;
	return (double)sum.failed / requests / budget;
}
