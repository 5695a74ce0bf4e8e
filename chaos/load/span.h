/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The group of steps that a user is in: from the intended start of its first
 * step to the end of its last, think times included, counted as an API of its
 * own.  Its outcome is the first one of its requests and polls that was not ok
 * or business, and failed (check) where a step lacked a captured value; awaits
 * are not of it.  Left unfinished it is censored.
 */
#ifndef GD_LOAD_SPAN_H
#define GD_LOAD_SPAN_H

#include "chaos/load/stats.h"

struct span {
	const struct load_step *step;	/* its first line; NULL: in none */
	nsec_t from;			/* drill ns */
	struct outcome outcome;		/* so far */
	uint8_t phase;			/* that it began in */
};

void span_begin(struct span *s, const struct load_step *step, nsec_t t,
		enum load_phase phase, struct stats *stats,
		struct stats_user *u);
/* Without an open one (the user had been away) these do nothing. */
void span_end(struct span *s, nsec_t t, struct stats *stats,
	      struct stats_user *u);
void span_censored(struct span *s, nsec_t now, struct stats *stats);

static inline void span_note(struct span *s, struct outcome o)
{
	if (s->step && s->outcome.kind == OUTCOME_OK &&
	    o.kind != OUTCOME_BUSINESS)
		s->outcome = o;
}

#endif
