/* SPDX-License-Identifier: Apache-2.0 */
/* All thresholds of a run, and what they are judged by. For watch.c only. */
#ifndef GD_WATCH_THRESHOLDS_H
#define GD_WATCH_THRESHOLDS_H

#include "chaos/watch/conf.h"
#include "chaos/watch/totals.h"

struct thresholds;
typedef void thresholds_fn(void *arg, const struct watch_threshold *t);

/* env: watch's own. All are borrowed. */
struct thresholds *thresholds_new(const struct watch_conf *conf,
				  const struct expr_env *env,
				  const struct totals *totals);
void thresholds_free(struct thresholds *v);
/* The second that ended at t; tells of each that changed. */
void thresholds_second(struct thresholds *v, nsec_t t, thresholds_fn *fn,
		       void *arg);
/* Seconds that end later are not judged. */
void thresholds_end(struct thresholds *v, nsec_t at);
/* Tells of all as they stand, without explaining; changes nothing. */
void thresholds_each(const struct thresholds *v, thresholds_fn *fn, void *arg);
/* The verdict: tells of all. */
void thresholds_finish(struct thresholds *v, thresholds_fn *fn, void *arg);

#endif
