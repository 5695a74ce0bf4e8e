/* SPDX-License-Identifier: Apache-2.0 */
/* While a [journey] is read: shared by journey.c and step.c alone. */
#ifndef GD_LOAD_JOURNEY_H
#define GD_LOAD_JOURNEY_H

#include "chaos/load/conf.h"

struct reader {
	struct load_conf *c;
	struct load_journey *j;
	struct load_step *step;	/* the last request, or NULL */
	const char *auth;	/* of all steps; borrowed, or NULL */
	bool in_group;		/* a step = group is open */
	bool group_asks;	/* ... and has something that is waited for */
};

bool token_ok(const char *s, const char *also);
/* What ${…} may name in what stands here. */
struct template_scope reader_scope(const struct reader *r);
/*
 * A 'step': think, a request, await, poll, group or end.  Becomes r->step if
 * something may stand below it.
 */
int step_read(struct reader *r, const char *value, struct err *err) MUST_CHECK;
void step_done(struct load_step *step);

#endif
