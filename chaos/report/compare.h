/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two sides of one or more runs each: what differs by more than noise?
 *
 * For each API and figure the two sides are paired by drill second, and the
 * mean of the differences is tried by a moving block bootstrap (Kuensch 1989):
 * blocks keep what neighbouring seconds have in common, pairing takes out what
 * the timeline does to both.  The interval is Bonferroni's for all figures
 * together; where each side has several runs it is at least as wide as Welch's
 * of the runs' means, which alone sees what varies from run to run.  A
 * difference counts when the interval is clear of 0 and the difference is above
 * the floor: what within one run's seconds cannot be seen is not believed.
 *
 * Pure: a function of the models; the random numbers are seeded.
 */
#ifndef GD_REPORT_COMPARE_H
#define GD_REPORT_COMPARE_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "chaos/report/report.h"

struct compare_args {
	const struct report *const *a, *const *b;
	size_t n_a, n_b;
	double floor;		/* share of a's value */
	double floor_ms;	/* and this, for latencies */
	double alpha;		/* of all figures together */
	uint64_t seed;
};

/*
 * {schema "gameday.compare/1", method{…}, a[], b[] (runs), apis[{api, beside,
 * figures[{name, unit, a, b, difference, share, low, high, seconds,
 * verdict}]}],
 * milestones[{name, a, b, difference, low_a, high_a, low_b, high_b, verdict}],
 * better, worse, different}.  verdict: same, better, worse, unknown.
 */
json_t *compare_runs(const struct compare_args *args);
void compare_text(const json_t *root, FILE *f);

#endif
