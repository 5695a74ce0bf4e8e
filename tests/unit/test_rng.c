/* SPDX-License-Identifier: Apache-2.0 */
/* Randomness: the published generator, reproducible, with the asked moments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "chaos/base/rng.h"

enum { DRAWS = 200000 };

/* The reference outputs of xoshiro256** for the state 1, 2, 3, 4. */
static void test_xoshiro(void **state)
{
	static const uint64_t want[] = {
		UINT64_C(11520), UINT64_C(0), UINT64_C(1509978240),
		UINT64_C(1215971899390074240),
	};
	struct rng rng = { { 1, 2, 3, 4 } };

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_true(rng_next(&rng) == want[i]);
}

static void test_streams(void **state)
{
	struct rng a, b, c, d;

	(void)state;
	rng_init(&a, 20250912, 7);
	rng_init(&b, 20250912, 7);
	for (int i = 0; i < 100; i++)
		assert_true(rng_next(&a) == rng_next(&b));
	/* Neighbours share nothing, not even (seed + 1, stream - 1). */
	rng_init(&a, 1, 1);
	rng_init(&b, 1, 2);
	rng_init(&c, 2, 1);
	rng_init(&d, 2, 0);
	for (int i = 0; i < 100; i++) {
		uint64_t x = rng_next(&a);

		assert_true(x != rng_next(&b));
		assert_true(x != rng_next(&c));
		assert_true(x != rng_next(&d));
	}
}

static void test_below(void **state)
{
	int seen[6] = { 0 };
	struct rng rng;

	(void)state;
	rng_init(&rng, 1, 0);
	for (int i = 0; i < 60000; i++) {
		uint64_t v = rng_below(&rng, 6);

		assert_true(v < 6);
		seen[v]++;
	}
	for (int i = 0; i < 6; i++)
		assert_in_range(seen[i], 9600, 10400);
	assert_int_equal(rng_below(&rng, 1), 0);
	assert_int_equal(rng_below(&rng, 0), 0);
}

typedef double draw_fn(struct rng *rng);

static double draw_uniform(struct rng *rng)
{
	return rng_uniform(rng, 0.28, 0.84);
}

static double draw_exp(struct rng *rng)
{
	return rng_exp(rng, 4.8);
}

static double draw_normal(struct rng *rng)
{
	return rng_normal(rng, 10, 3);
}

static double draw_gamma(struct rng *rng)
{
	return rng_gamma(rng, 237.5, 0.5);
}

static double draw_gamma_wide(struct rng *rng)
{
	return rng_gamma(rng, 10, 1.5);	/* shape below 1 */
}

static double draw_lognormal(struct rng *rng)
{
	return rng_lognormal(rng, 100, 0.7);
}

static void moments(draw_fn *draw, double want_mean, double want_sd)
{
	double sum = 0, squares = 0, mean, sd;
	struct rng rng;

	rng_init(&rng, 42, 0);
	for (int i = 0; i < DRAWS; i++) {
		double x = draw(&rng);

		assert_true(isfinite(x));
		sum += x;
		squares += x * x;
	}
	mean = sum / DRAWS;
	sd = sqrt(squares / DRAWS - mean * mean);
	if (fabs(mean / want_mean - 1) > 0.015)
		fail_msg("mean %g, not %g", mean, want_mean);
	if (fabs(sd / want_sd - 1) > 0.03)
		fail_msg("sd %g, not %g", sd, want_sd);
}

static void test_moments(void **state)
{
	(void)state;
	moments(draw_uniform, 0.56, 0.56 / sqrt(12));
	moments(draw_exp, 4.8, 4.8);
	moments(draw_normal, 10, 3);
	moments(draw_gamma, 237.5, 237.5 * 0.5);
	moments(draw_gamma_wide, 10, 15);
	moments(draw_lognormal, 100, 70);
}

static void test_no_spread(void **state)
{
	struct rng rng;

	(void)state;
	rng_init(&rng, 1, 0);
	assert_true(rng_gamma(&rng, 45, 0) == 45);
	assert_true(rng_lognormal(&rng, 45, 0) == 45);
	assert_true(rng_exp(&rng, 0) == 0);
	assert_true(rng_gamma(&rng, 0, 1) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_xoshiro),
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_below),
		cmocka_unit_test(test_moments),
		cmocka_unit_test(test_no_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
