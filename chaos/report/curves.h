/* SPDX-License-Identifier: Apache-2.0 */
/* A run as curves on the drill clock, in the order in which one looks. */
#ifndef GD_REPORT_CURVES_H
#define GD_REPORT_CURVES_H

#include <stdint.h>

#include "chaos/report/report.h"

struct report_curve {
	const char *chart;	/* "times"; curves of one are neighbours */
	char *name;		/* "p95" */
	const char *unit;	/* "s", "1/s", "" */
	double *v;		/* one a drill second; NAN: not known */
};

struct report_curves {
	int64_t from;		/* drill second of v[0] */
	size_t n;		/* seconds */
	struct report_curve *curves;
	size_t n_curves, cap_curves;
};

/* The report's own; n may be 0. */
const struct report_curves *report_curves(const struct report *r);

#endif
