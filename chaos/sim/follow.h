/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Awaits and polls in the model: a coupon's confirmation is looked for every so
 * often until it is there or the patience is over.  Asking costs the shop
 * nothing here (its status is read from Redis).
 */
#ifndef GD_SIM_FOLLOW_H
#define GD_SIM_FOLLOW_H

#include "chaos/sim/impl.h"

struct sim_follow {
	struct list link;		/* in sim_follows.all */
	struct loop_timer timer;
	struct sim_follows *owner;
	const struct load_step_info *step;	/* its await or poll */
	void *user;			/* the one who waits; NULL: an await */
	uint32_t api;
	uint64_t coupon;		/* confirmed when so many are */
	nsec_t from, until;		/* drill ns */
};

struct sim_follows {
	struct loop *loop;
	const struct sim_model *model;
	struct list all;
	/* Once for each, in time or not; f is freed after it. */
	void (*ended)(void *arg, const struct sim_follow *f, bool in_time);
	void *arg;
};

/* like is copied: user, step, api, coupon are the caller's to set. */
void sim_follow_start(struct sim_follows *fs, const struct sim_follow *like,
		      nsec_t timeout);
/* Those that go on are counted by API and forgotten. */
void sim_follows_stop(struct sim_follows *fs, uint64_t *censored);

#endif
