/* SPDX-License-Identifier: Apache-2.0 */
/* Think times: distributions as a scenario states them, drawn by a user. */
#ifndef GD_LOAD_DIST_H
#define GD_LOAD_DIST_H

#include "chaos/base/clock.h"
#include "chaos/base/err.h"
#include "chaos/base/rng.h"

enum dist_kind {
	DIST_CONST,		/* a */
	DIST_EXP,		/* mean a */
	DIST_LOGNORMAL,		/* mean a, standard deviation b */
	DIST_NORMAL,		/* mean a, standard deviation b; never < 0 */
	DIST_UNIFORM,		/* a to b */
	DIST_KINDS
};

struct dist {
	enum dist_kind kind;
	nsec_t a, b;		/* drill ns */
};

/* "exp 4.8s", "uniform 0.28s 0.84s", "const 1s", … */
int dist_parse(const char *text, struct dist *ret, struct err *err) MUST_CHECK;
nsec_t dist_draw(const struct dist *d, struct rng *rng);	/* >= 0 */
double dist_mean_s(const struct dist *d);

#endif
