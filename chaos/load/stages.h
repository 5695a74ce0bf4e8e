/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ramp: values at drill times, linear between them.  Before the first stage
 * the first's value holds, after the last the last's; two stages at one time
 * are a jump.  Pure.
 */
#ifndef GD_LOAD_STAGES_H
#define GD_LOAD_STAGES_H

#include <stddef.h>

#include "chaos/base/clock.h"
#include "chaos/base/err.h"

struct stage {
	nsec_t t;		/* drill ns */
	double value;		/* users, or arrivals per drill second */
};

struct stages {
	struct stage *v;	/* by t, not descending */
	size_t n;		/* >= 1 */
};

/* Appends "30s 800" or "30s 200/s". Caller frees with stages_done. */
int stages_add(struct stages *s, const char *text, struct err *err) MUST_CHECK;
/* Steps: each value holds until the next stage instead of moving to it. */
void stages_hold(struct stages *s);
void stages_done(struct stages *s);

double stages_value(const struct stages *s, nsec_t t);
double stages_max(const struct stages *s);
nsec_t stages_end(const struct stages *s);	/* of the last stage */
/* Until when the value stays what it is at t; t itself: it is changing. */
nsec_t stages_flat_until(const struct stages *s, nsec_t t);
/*
 * When, from t on, the area under the curve (value x seconds) has grown by
 * area >= 0; NSEC_NEVER if it never does.
 */
nsec_t stages_after_area(const struct stages *s, nsec_t t, double area);

#endif
