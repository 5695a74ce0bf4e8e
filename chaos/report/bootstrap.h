/* SPDX-License-Identifier: Apache-2.0 */
/* Intervals for means of what is not independent. Pure; seeded. */
#ifndef GD_REPORT_BOOTSTRAP_H
#define GD_REPORT_BOOTSTRAP_H

#include <stddef.h>
#include <stdint.h>

/*
 * The 1 - alpha interval of the mean of v[n], n > 1: moving blocks (Kuensch
 * 1989) of at least n^(1/3) and a tenth of it, at most 30, so that trends of
 * that length are noise; the percentile method.
 */
void bootstrap_mean(const double *v, size_t n, size_t resamples, double alpha,
		    uint64_t seed, double *ret_low, double *ret_high);
/*
 * The same for what is independent, as runs are: single ones are drawn, and the
 * interval is at least Student's, since a handful of values cannot show how far
 * others lie.
 */
void bootstrap_runs(const double *v, size_t n, size_t resamples, double alpha,
		    uint64_t seed, double *ret_low, double *ret_high);
/*
 * Widens to Welch's interval of the difference of two sides' means (b - a),
 * where each has two runs or more.
 */
void bootstrap_widen(const double *a, size_t n_a, const double *b, size_t n_b,
		     double alpha, double *low, double *high);

#endif
