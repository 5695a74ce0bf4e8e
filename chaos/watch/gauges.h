/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gauges by name: the latest value, a short history for rates, and what the
 * lead-in showed.  Pure: times are passed in.
 */
#ifndef GD_WATCH_GAUGES_H
#define GD_WATCH_GAUGES_H

#include <stdbool.h>
#include <stddef.h>

#include "chaos/base/clock.h"
#include "chaos/base/err.h"

struct gauges;

struct gauges *gauges_new(void);
void gauges_free(struct gauges *g);
/* NaN: no data. A name is new at its first value; the order is kept. */
void gauges_set(struct gauges *g, const char *name, nsec_t t, double value);
/* The parallel arrays hold until the next new name. */
size_t gauges_all(const struct gauges *g, const char *const **ret_names,
		  const double **ret_values);
/* Each: 0, -ENODATA (unknown now), -ENOENT (never heard of). */
int gauges_value(const struct gauges *g, const char *name, double *ret)
	MUST_CHECK;
/*
 * (last - first) / time between them, over the samples in [now - window, now].
 * -ENODATA unless they span most of it: a quiet second is no quiet window.
 */
int gauges_rate(const struct gauges *g, const char *name, nsec_t window,
		nsec_t now, double *ret) MUST_CHECK;
/*
 * The functions of a gauge: rate (as above), absent, delta, deriv.  The last
 * three are Prometheus' own: absent is 1 when the last value within the window
 * (5 min when it is not given) is unknown, or there is none; with a window it
 * is absent_over_time, 1 when no known value is in it; delta is extrapolated to
 * the window's ends; deriv is least squares.  Their windows include both ends.
 */
bool gauges_is_func(const char *func);
int gauges_func(const struct gauges *g, const char *func, const char *name,
		nsec_t window, nsec_t now, double *ret) MUST_CHECK;
/* Values so far are the baseline, those later are not. */
void gauges_freeze(struct gauges *g);
int gauges_baseline(const struct gauges *g, const char *name, double *ret)
	MUST_CHECK;	/* the median */

#endif
