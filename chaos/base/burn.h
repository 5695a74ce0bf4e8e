/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Burn rate of an error budget, as the SRE workbook alerts on it: the share of
 * failed requests over a window, in budgets (1 - SLO).  Windows reach back
 * beyond the drill: what was before is an assumed history, a steady rate of
 * requests of which none failed.  Pure.
 */
#ifndef GD_BASE_BURN_H
#define GD_BASE_BURN_H

#include <stddef.h>
#include <stdint.h>

#include "chaos/base/clock.h"

/* Counts up to and with each second from `first` on. */
struct burn_point {
	uint64_t done, failed;
};

struct burn {
	struct burn_point *v;
	size_t n, cap;
	int64_t first;		/* second of v[0]; valid when n > 0 */
};

/* Zeroed to begin. */
void burn_done(struct burn *b);
/* Seconds ascend; those left out had no requests; one again adds up. */
void burn_add(struct burn *b, int64_t second, uint64_t done, uint64_t failed);
/* What was counted in the seconds [from, to). */
struct burn_point burn_sum(const struct burn *b, int64_t from, int64_t to);
/* Seconds of the window that ends before `to` and that were before all this. */
double burn_before(const struct burn *b, int64_t to, nsec_t window);
/*
 * Of sums over the window, with requests of the assumed history; budget is a
 * share of requests.  NaN: no request at all.
 */
double burn_rate(struct burn_point sum, double history, double budget);

/*
 * An alert of the workbook: the page when both windows burn faster than uses
 * `share` of the period's budget in the long one.
 */
struct burn_pair {
	nsec_t window, brief;
	double share;
};
enum { BURN_PAIRS = 3 };
/* 1h/5m 2 %, 6h/30m 5 %, 3d/6h 10 %: 14.4, 6 and 1 times, of 30 days. */
extern const struct burn_pair burn_pairs[BURN_PAIRS];
double burn_factor(const struct burn_pair *pair, nsec_t period);

#endif
