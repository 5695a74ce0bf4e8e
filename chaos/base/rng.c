/* SPDX-License-Identifier: Apache-2.0 */
/* Seeded randomness. Pure: the state is the caller's. */
#include "chaos/base/rng.h"

#include <math.h>

static uint64_t splitmix(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

void rng_init(struct rng *rng, uint64_t seed, uint64_t stream)
{
	uint64_t state = seed;

	/* Mixed twice: (seed, stream + 1) and (seed + 1, stream) differ. */
	state = splitmix(&state) + stream;
	for (int i = 0; i < 4; i++)
		rng->s[i] = splitmix(&state);
}

static uint64_t rotl(uint64_t x, int k)
{
	return (x << k) | (x >> (64 - k));
}

uint64_t rng_next(struct rng *rng)
{
	uint64_t *s = rng->s;
	uint64_t result = rotl(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return result;
}

double rng_double(struct rng *rng)
{
	return (double)(rng_next(rng) >> 11) * 0x1p-53;
}

uint64_t rng_below(struct rng *rng, uint64_t n)
{
	uint64_t low, x;

	if (n == 0)
		return 0;
	low = -n % n;	/* 2^64 mod n: what would make some values likelier */
	do
		x = rng_next(rng);
	while (x < low);
	return x % n;
}

double rng_uniform(struct rng *rng, double lo, double hi)
{
	return lo + (hi - lo) * rng_double(rng);
}

double rng_exp(struct rng *rng, double mean)
{
	return -mean * log1p(-rng_double(rng));
}

/* Box-Muller, one of the pair: no hidden state between calls. */
double rng_normal(struct rng *rng, double mean, double sd)
{
	double r = sqrt(-2 * log1p(-rng_double(rng)));

	return mean + sd * r * cos(2 * M_PI * rng_double(rng));
}

/* Shape >= 1. */
static double gamma_unit(struct rng *rng, double shape)
{
	double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);

	for (;;) {
		double x = rng_normal(rng, 0, 1);
		double v = 1 + c * x;
		double u = 1 - rng_double(rng);

		if (v <= 0)
			continue;
		v = v * v * v;
		if (log(u) < 0.5 * x * x + d - d * v + d * log(v))
			return d * v;
	}
}

double rng_gamma(struct rng *rng, double mean, double cv)
{
	double shape, boost = 1;

	if (cv <= 0 || mean <= 0)
		return mean;
	shape = 1 / (cv * cv);
	if (shape < 1) {
		boost = pow(1 - rng_double(rng), 1 / shape);
		return mean / shape * boost * gamma_unit(rng, shape + 1);
	}
	return mean / shape * gamma_unit(rng, shape);
}

double rng_lognormal(struct rng *rng, double mean, double cv)
{
	double var;

	if (cv <= 0 || mean <= 0)
		return mean;
	var = log1p(cv * cv);
	return exp(rng_normal(rng, log(mean) - var / 2, sqrt(var)));
}
