/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arrivals of the open model.  All threads draw the same sequence of times and
 * each takes every threads-th; a time depends on the seed, the stages and what
 * was adjusted, never on answers.  An arrival that finds no free user waits
 * in a queue: its latency counts from when it should have begun.
 */
#ifndef GD_LOAD_ARRIVALS_H
#define GD_LOAD_ARRIVALS_H

#include "chaos/load/user.h"

struct arrivals {
	struct worker_group *group;
	struct rng rng;
	nsec_t from;		/* its first stage's rate holds since then */
	nsec_t cursor;		/* of the last arrival drawn, any thread's */
	uint64_t index;		/* of the next one */
	nsec_t next;		/* when it comes; NSEC_NEVER: none will */
	struct arrival *queue;	/* a ring, oldest at head */
	size_t head, n, cap;
	struct user *free;	/* pooled users without an arrival */
	uint64_t planned, achieved;
	uint64_t dropped;	/* by catch_up: never sent */
	uint64_t late;		/* that began late, one after the other */
	struct loop_timer timer;
};

void arrivals_start(struct arrivals *a, struct worker_group *group,
		    nsec_t from);
void arrivals_done(struct arrivals *a);
/* Those that are due by now come: before anything of their plan changes. */
void arrivals_come(struct arrivals *a, nsec_t now);
/* The rate has changed, or is 0 while paused. */
void arrivals_changed(struct arrivals *a, nsec_t now);
/* A user is through with one. */
void arrivals_user_free(struct arrivals *a, struct user *u);
void arrivals_stop(struct arrivals *a, nsec_t now);
/* Of the first arrivals, come or not. This thread's share. */
uint64_t arrivals_digest(const struct arrivals *a);

#endif
