/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long one hist_record() takes, over the latencies of a loaded system and
 * over one value; the goal is 5 ns.  Printed, never judged.
 */
#include <stdio.h>

#include "chaos/base/clock.h"
#include "chaos/base/hist.h"
#include "chaos/base/mem.h"
#include "chaos/base/rng.h"

enum { VALUES = 1 << 16, ROUNDS = 400, TRIES = 5 };

static double ns_per_record(struct hist *h, const nsec_t *v)
{
	double best = 1e9;

	for (int t = 0; t < TRIES; t++) {
		nsec_t start = clock_thread_cpu();
		double ns;

		for (int r = 0; r < ROUNDS; r++)
			for (int i = 0; i < VALUES; i++)
				hist_record(h, v[i]);
		ns = (double)(clock_thread_cpu() - start) /
		     ((double)ROUNDS * VALUES);
		if (ns < best)
			best = ns;
	}
	return best;
}

int main(void)
{
	AUTO_FREE nsec_t *v = mem_calloc(VALUES, sizeof(*v));
	struct hist *h = hist_new();
	struct rng rng;

	rng_init(&rng, 1, 0);
	for (int i = 0; i < VALUES; i++)
		v[i] = (nsec_t)rng_lognormal(&rng, 137e6, 1.5);
	printf("hist_record, lognormal 137 ms: %.2f ns\n", ns_per_record(h, v));
	for (int i = 0; i < VALUES; i++)
		v[i] = 12 * NSEC_MS;
	printf("hist_record, one value: %.2f ns\n", ns_per_record(h, v));
	hist_free(h);
	return 0;
}
