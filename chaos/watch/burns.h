/* SPDX-License-Identifier: Apache-2.0 */
/* burn(SCOPE, WINDOW): the error budget's burn rate by API. Pure. */
#ifndef GD_WATCH_BURNS_H
#define GD_WATCH_BURNS_H

#include "chaos/base/clock.h"
#include "chaos/base/err.h"
#include "chaos/scenario/sample.h"
#include "chaos/watch/watch.h"

struct burns;

/* The scopes' strings and slo must outlive it. */
struct burns *burns_new(const struct load_scopes *scopes,
			const struct watch_slo *slo);
void burns_free(struct burns *b);
/* As windows_add(). */
void burns_add(struct burns *b, int64_t second, const struct load_row *rows,
	       size_t n);
/*
 * Of the window that ends with the last second.  Before T+0, and where neither
 * [slo] monthly_requests nor a lead-in says what was before: -ENODATA.
 */
int burns_value(const struct burns *b, const char *scope, nsec_t window,
		double *ret) MUST_CHECK;

#endif
