/* SPDX-License-Identifier: Apache-2.0 */
/* The group of steps that a simulated user is in, and how answers count. */
#ifndef GD_SIM_GROUP_H
#define GD_SIM_GROUP_H

#include "chaos/load/load.h"

struct sim_group {
	bool open;
	uint32_t api;
	nsec_t from;		/* drill ns */
	int status;		/* the first of it that was not 200 */
};

/* Where an answer is counted; status 0: none came in time. */
uint64_t *sim_counter(struct load_row *r, int status);
/* r: of its API and of the phase that it begins, or began, in. */
void sim_group_begin(struct sim_group *g, uint32_t api, nsec_t now,
		     struct load_row *r);
void sim_group_note(struct sim_group *g, int status);
void sim_group_end(struct sim_group *g, nsec_t now, struct load_row *r);

#endif
