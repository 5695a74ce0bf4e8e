/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seeded randomness: xoshiro256** (Blackman, Vigna 2018), seeded through
 * SplitMix64 from (seed, stream), so that each user has a sequence of its own
 * that depends on nothing else.  Not for secrets.
 */
#ifndef GD_BASE_RNG_H
#define GD_BASE_RNG_H

#include <stdint.h>

struct rng {
	uint64_t s[4];
};

void rng_init(struct rng *rng, uint64_t seed, uint64_t stream);
uint64_t rng_next(struct rng *rng);
double rng_double(struct rng *rng);			/* [0, 1) */
uint64_t rng_below(struct rng *rng, uint64_t n);	/* [0, n), unbiased */
double rng_uniform(struct rng *rng, double lo, double hi);
double rng_exp(struct rng *rng, double mean);
double rng_normal(struct rng *rng, double mean, double sd);
/* Mean and coefficient of variation (sd / mean). Marsaglia, Tsang 2000. */
double rng_gamma(struct rng *rng, double mean, double cv);
double rng_lognormal(struct rng *rng, double mean, double cv);

#endif
