/* SPDX-License-Identifier: Apache-2.0 */
/* Resampling in blocks, and Welch's t. */
#include "chaos/report/bootstrap.h"

#include <math.h>
#include <stdlib.h>

#include "chaos/base/mem.h"
#include "chaos/base/rng.h"

static int ascending(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static size_t block_of(size_t n)
{
	double length = fmax(cbrt((double)n), (double)n / 10);
	size_t block = (size_t)ceil(fmin(length, 30));

	return block < n ? block : n;
}

/* Sums before each element: a block's sum is one subtraction. */
static double *sums_of(const double *v, size_t n)
{
	double *sums = mem_calloc(n + 1, sizeof(*sums));

	for (size_t i = 0; i < n; i++)
		sums[i + 1] = sums[i] + v[i];
	return sums;
}

static double resample(const double *sums, size_t n, size_t block,
		       struct rng *rng)
{
	double sum = 0;

	for (size_t got = 0; got < n;) {
		size_t len = n - got < block ? n - got : block;
		size_t at = (size_t)rng_below(rng, n - len + 1);

		sum += sums[at + len] - sums[at];
		got += len;
	}
	return sum / (double)n;
}

static void interval_of(const double *v, size_t n, size_t block,
			size_t resamples, double alpha, uint64_t seed,
			double *ret_low, double *ret_high)
{
	double *means = mem_calloc(resamples, sizeof(*means));
	double *sums = sums_of(v, n);
	struct rng rng;
	size_t at;

	rng_init(&rng, seed, 0);
	for (size_t i = 0; i < resamples; i++)
		means[i] = resample(sums, n, block, &rng);
	qsort(means, resamples, sizeof(*means), ascending);
	at = (size_t)floor(alpha / 2 * (double)resamples);
	*ret_low = means[at];
	*ret_high = means[resamples - 1 - at];
	mem_free(means);
	mem_free(sums);
}

void bootstrap_mean(const double *v, size_t n, size_t resamples, double alpha,
		    uint64_t seed, double *ret_low, double *ret_high)
{
	interval_of(v, n, block_of(n), resamples, alpha, seed, ret_low,
		    ret_high);
}

/* The normal quantile: Acklam's rational approximation of its lower tail. */
static double normal_quantile(double p)
{
	static const double a[] = { -7.784894002430293e-03,
				    -3.223964580411365e-01,
				    -2.400758277161838e+00,
				    -2.549732539343734e+00,
				    4.374664141464968e+00,
				    2.938163982698783e+00 };
	static const double b[] = { 7.784695709041462e-03,
				    3.224671290700398e-01,
				    2.445134137142996e+00,
				    3.754408661907416e+00 };
	double q = sqrt(-2 * log(p)), num = a[0], den = b[0];

	for (size_t i = 1; i < 6; i++)
		num = num * q + a[i];
	for (size_t i = 1; i < 4; i++)
		den = den * q + b[i];
	return -(num / (den * q + 1));
}

/* Student's t, by Cornish and Fisher's expansion; too wide below df 2. */
static double t_quantile(double p, double df)
{
	double z = normal_quantile(p), z2 = z * z;

	return z + z * (z2 + 1) / (4 * df) +
	       z * (5 * z2 * z2 + 16 * z2 + 3) / (96 * df * df) +
	       z * (3 * z2 * z2 * z2 + 19 * z2 * z2 + 17 * z2 - 15) /
		       (384 * df * df * df);
}

static void moments(const double *v, size_t n, double *ret_mean,
		    double *ret_var)
{
	double mean = 0, var = 0;

	for (size_t i = 0; i < n; i++)
		mean += v[i] / (double)n;
	for (size_t i = 0; i < n; i++)
		var += (v[i] - mean) * (v[i] - mean) / (double)(n - 1);
	*ret_mean = mean;
	*ret_var = var / (double)n;
}

void bootstrap_widen(const double *a, size_t n_a, const double *b, size_t n_b,
		     double alpha, double *low, double *high)
{
	double mean_a, mean_b, var_a, var_b, df, half, d;

	if (n_a < 2 || n_b < 2)
		return;
	moments(a, n_a, &mean_a, &var_a);
	moments(b, n_b, &mean_b, &var_b);
	d = mean_b - mean_a;
	/* NaN: a run that had nothing to say. */
	if (!(var_a + var_b > 0))
		return;
	df = (var_a + var_b) * (var_a + var_b) /
	     (var_a * var_a / (double)(n_a - 1) +
	      var_b * var_b / (double)(n_b - 1));
	half = fabs(t_quantile(fmin(alpha / 2, 0.02), df)) *
	       sqrt(var_a + var_b);
	*low = fmin(*low, d - half);
	*high = fmax(*high, d + half);
}

void bootstrap_runs(const double *v, size_t n, size_t resamples, double alpha,
		    uint64_t seed, double *ret_low, double *ret_high)
{
	double mean, var, half;

	interval_of(v, n, 1, resamples, alpha, seed, ret_low, ret_high);
	moments(v, n, &mean, &var);
	half = fabs(t_quantile(alpha / 2, (double)(n - 1))) * sqrt(var);
	*ret_low = fmin(*ret_low, mean - half);
	*ret_high = fmax(*ret_high, mean + half);
}
