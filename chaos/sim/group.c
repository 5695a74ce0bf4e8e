/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of steps of simulated users. */
#include "chaos/sim/group.h"

uint64_t *sim_counter(struct load_row *r, int status)
{
	switch (status) {
	case 0:
		return &r->failed[LOAD_TIMEOUT];
	case 200:
		return &r->ok;
	case 400:
		return &r->client;
	case 429:
		return &r->failed[LOAD_429];
	}
	return &r->failed[LOAD_5XX];
}

void sim_group_begin(struct sim_group *g, uint32_t api, nsec_t now,
		     struct load_row *r)
{
	*g = (struct sim_group){
		.open = true, .api = api, .from = now, .status = 200,
	};
	r->due++;
}

void sim_group_note(struct sim_group *g, int status)
{
	if (g->status == 200)
		g->status = status;
}

void sim_group_end(struct sim_group *g, nsec_t now, struct load_row *r)
{
	if (!g->open)
		return;
	hist_record(r->response, now - g->from);
	++*sim_counter(r, g->status);
	g->open = false;
}
