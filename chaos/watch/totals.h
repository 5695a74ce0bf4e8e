/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole run so far, by API and phase: what a function without a window is
 * of.  Pure.  Memory does not grow with requests or seconds.
 */
#ifndef GD_WATCH_TOTALS_H
#define GD_WATCH_TOTALS_H

#include "chaos/base/clock.h"
#include "chaos/base/hist.h"
#include "chaos/watch/windows.h"

/* Sets of phases, by enum load_phase. */
enum {
	TOTALS_BASELINE = 1 << LOAD_BASELINE,
	TOTALS_FAULT = 1 << LOAD_FAULT,
	TOTALS_RECOVERY = 1 << LOAD_RECOVERY,
	TOTALS_SCORED = TOTALS_FAULT | TOTALS_RECOVERY,
	TOTALS_ALL = TOTALS_BASELINE | TOTALS_SCORED,
};

struct totals;

/* The scopes' strings must outlive it. */
struct totals *totals_new(const struct load_scopes *scopes);
void totals_free(struct totals *t);
/* From a drill time on the run is in this phase; baseline from the first. */
void totals_phase(struct totals *t, enum load_phase phase, nsec_t from);
/* No time after it counts: requests that come later still do. */
void totals_end(struct totals *t, nsec_t at);
/* The rows of [second, second + 1). */
void totals_add(struct totals *t, int64_t second, const struct load_row *rows,
		size_t n);
/* The set of phases that time is in. */
unsigned totals_phase_at(const struct totals *t, nsec_t at);
/* As windows_value. A phase that never came has no data. */
int totals_value(const struct totals *t, const char *func, const char *scope,
		 unsigned phases, const char *cause, double *ret) MUST_CHECK;
/* Of one API in some phases; the histogram is added to. */
void totals_api(const struct totals *t, size_t api, unsigned phases,
		struct windows_sum *ret, struct hist *add_to);

#endif
