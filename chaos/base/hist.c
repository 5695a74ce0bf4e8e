/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The histogram: recording, asking, merging.  Its encodings are in hist_log.c.
 *
 * Index of a value v (us): bucket b is 0 below 2048 and then one per doubling;
 * a bucket has 2048 sub-buckets of width 2^b, of which the lower half belongs
 * to the bucket below.  So the counts are one array of 23 halves of 1024, and
 * half 0 holds 0..1023, half k >= 1 holds [1024 << (k-1), 2048 << (k-1)).
 * A half is allocated when it is first counted in.
 */
#include "chaos/base/hist.h"

#include <math.h>
#include <string.h>

#include "chaos/base/hist_impl.h"
#include "chaos/base/mem.h"

struct hist *hist_new(void)
{
	return mem_zalloc(sizeof(struct hist));
}

void hist_free(struct hist *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < HIST_HALVES; i++)
		mem_free(h->half[i]);
	mem_free(h);
}

void hist_reset(struct hist *h)
{
	h->total = h->saturated = 0;
	for (size_t i = 0; i < HIST_HALVES; i++)
		if (h->half[i])
			memset(h->half[i], 0,
			       HIST_HALF * sizeof(*h->half[i]));
}

static unsigned index_of(uint64_t us)
{
	unsigned b = 53 - (unsigned)__builtin_clzll(us | (2 * HIST_HALF - 1));

	return (b << 10) + (unsigned)(us >> b);
}

static __attribute__((noinline)) uint64_t *half_new(struct hist *h, unsigned k)
{
	h->half[k] = mem_calloc(HIST_HALF, sizeof(*h->half[k]));
	return h->half[k];
}

void hist_add_at(struct hist *h, unsigned index, uint64_t n)
{
	uint64_t *half = h->half[index / HIST_HALF];

	if (__builtin_expect(!half, 0))
		half = half_new(h, index / HIST_HALF);
	half[index % HIST_HALF] += n;
	h->total += n;
}

void hist_record_n(struct hist *h, nsec_t value, uint64_t n)
{
	uint64_t us = value < NSEC_US ? 1 : (uint64_t)value / NSEC_US;

	if (__builtin_expect(us > HIST_MAX_US, 0)) {
		us = HIST_MAX_US;
		h->saturated += n;
	}
	hist_add_at(h, index_of(us), n);
}

void hist_record(struct hist *h, nsec_t value)
{
	hist_record_n(h, value, 1);
}

void hist_merge(struct hist *to, const struct hist *from)
{
	for (unsigned k = 0; k < HIST_HALVES; k++) {
		const uint64_t *add = from->half[k];
		uint64_t *half = to->half[k];

		if (!add)
			continue;
		if (!half)
			half = half_new(to, k);
		for (size_t i = 0; i < HIST_HALF; i++)
			half[i] += add[i];
	}
	to->total += from->total;
	to->saturated += from->saturated;
}

uint64_t hist_count(const struct hist *h)
{
	return h->total;
}

uint64_t hist_saturated(const struct hist *h)
{
	return h->saturated;
}

/* Lowest value of an index, and the width of its range: 2^b. */
static uint64_t lowest_of(unsigned index, uint64_t *width)
{
	unsigned b = index < 2 * HIST_HALF ? 0 : index / HIST_HALF - 1;

	*width = UINT64_C(1) << b;
	return (uint64_t)(index - (b << 10)) << b;
}

static nsec_t highest_ns(unsigned index)
{
	uint64_t width, low = lowest_of(index, &width);

	return (nsec_t)(low + width - 1) * NSEC_US;
}

int hist_last_index(const struct hist *h)
{
	for (int k = HIST_HALVES - 1; k >= 0; k--)
		for (int i = HIST_HALF - 1; h->half[k] && i >= 0; i--)
			if (h->half[k][i])
				return k * HIST_HALF + i;
	return -1;
}

static int first_index(const struct hist *h)
{
	for (int k = 0; k < HIST_HALVES; k++)
		for (int i = 0; h->half[k] && i < HIST_HALF; i++)
			if (h->half[k][i])
				return k * HIST_HALF + i;
	return -1;
}

nsec_t hist_min(const struct hist *h)
{
	int index = first_index(h);
	uint64_t width;

	if (index < 0)
		return 0;
	return (nsec_t)lowest_of((unsigned)index, &width) * NSEC_US;
}

nsec_t hist_max(const struct hist *h)
{
	int index = hist_last_index(h);

	return index < 0 ? 0 : highest_ns((unsigned)index);
}

/* The nearest rank. One step below p: 0.07 * 100 is above 7 by rounding. */
static uint64_t rank_of(const struct hist *h, double p)
{
	double rank = ceil(nextafter(p, -1) * (double)h->total / 100);

	if (!(rank > 1))
		return 1;
	return rank < (double)h->total ? (uint64_t)rank : h->total;
}

nsec_t hist_percentile(const struct hist *h, double p)
{
	uint64_t rank, seen = 0;

	if (!h->total)
		return 0;
	rank = rank_of(h, p);
	for (unsigned k = 0; k < HIST_HALVES; k++) {
		for (unsigned i = 0; h->half[k] && i < HIST_HALF; i++) {
			seen += h->half[k][i];
			if (seen >= rank)
				return highest_ns(k * HIST_HALF + i);
		}
	}
	return hist_max(h);
}

double hist_mean(const struct hist *h)
{
	double sum = 0;

	if (!h->total)
		return 0;
	for (unsigned k = 0; k < HIST_HALVES; k++) {
		for (unsigned i = 0; h->half[k] && i < HIST_HALF; i++) {
			uint64_t width;
			uint64_t low = lowest_of(k * HIST_HALF + i, &width);

			/* The median of the range, as HdrHistogram has it. */
			sum += (double)h->half[k][i] *
			       (double)(low + width / 2);
		}
	}
	return sum / (double)h->total * NSEC_US;
}

uint64_t hist_count_upto(const struct hist *h, nsec_t limit)
{
	uint64_t n = 0, us;
	unsigned last;

	if (limit <= 0)
		return 0;
	us = limit < NSEC_US ? 1 : (uint64_t)limit / NSEC_US;
	if (us >= HIST_MAX_US)
		return h->total;
	last = index_of(us);
	for (unsigned k = 0; k <= last / HIST_HALF; k++)
		for (unsigned i = 0; h->half[k] && i < HIST_HALF &&
				     k * HIST_HALF + i <= last;
		     i++)
			n += h->half[k][i];
	return n;
}
