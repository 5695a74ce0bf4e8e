/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of chaos/plan only. */
#ifndef GD_PLAN_IMPL_H
#define GD_PLAN_IMPL_H

#include "chaos/plan/plan.h"

enum {
	PLAN_FAULTS_MAX = 16,		/* at once */
	PLAN_REPEAT_MAX = 1000,
};
#define PLAN_DURATION_MAX (24 * 60 * NSEC_MIN)

/* sections.c: each fills its part of the plan. */
void plan_read_scenario(struct plan *p, struct errs *errs);
/* Duration and window, which may follow from the load. */
void plan_read_times(struct plan *p, struct errs *errs);
void plan_read_allow(struct plan *p, struct errs *errs);
void plan_read_expects(struct plan *p, struct errs *errs);
void plan_read_abort(struct plan *p, struct errs *errs);
void plan_sections_done(struct plan *p);

/* milestone.c */
void plan_read_milestones(struct plan *p, struct errs *errs);
void plan_milestones_done(struct plan *p);

/* search.c: [search], if the run asks for it or the file has it. */
void plan_read_search(struct plan *p, struct errs *errs);
void plan_check_search(const struct plan *p, struct errs *errs);
void plan_search_done(struct plan *p);

/* Has one of the sections of that name an error in errs? */
bool plan_is_wrong(const struct plan *p, const struct errs *errs,
		   const char *section);

/*
 * check.c: what no module can see alone. With errors in errs already it leaves
 * out what would only follow from them.
 */
void plan_check(const struct plan *p, struct errs *errs);

/* events.c */
void plan_make_events(struct plan *p);
/* How often a fault is injected: 1, or its repeat. */
int64_t plan_fault_times(const struct fault_conf *f);
/* Does it begin at a drill time, and not on an event? */
bool plan_fault_is_timed(const struct fault_conf *f);
/* When it ends at the latest, of its i-th time; for timed ones. */
nsec_t plan_fault_end(const struct plan *p, const struct fault_conf *f,
		      int64_t i);

#endif
