/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtual user of a load thread: takes what its script says, thinks, asks,
 * waits.  In the closed model it is there as long as the ramp says so; in the
 * open one it runs one arrival after the other.
 *
 *	away → thinking → asking → thinking …
 *	                  polling
 */
#ifndef GD_LOAD_USER_H
#define GD_LOAD_USER_H

#include "chaos/load/conn.h"
#include "chaos/load/cookie.h"
#include "chaos/load/follow.h"
#include "chaos/load/outcome.h"
#include "chaos/load/redirect.h"
#include "chaos/load/script.h"
#include "chaos/load/span.h"
#include "chaos/load/stats.h"

struct worker;
struct worker_group;

/* Somebody of the open model who has come, while nobody is free to ask. */
struct arrival {
	uint64_t index;		/* from 0 */
	nsec_t at;		/* drill ns: intended start */
	uint16_t api;		/* of the first request */
	uint8_t phase;
};

enum user_state {
	USER_AWAY,		/* or a pooled one without an arrival */
	USER_THINKING,		/* until the timer */
	USER_ASKING,		/* request is out; the timer is its deadline */
	USER_POLLING,		/* its follower's timer and answers */
};

struct user {
	struct script script;
	struct conn conn;
	struct loop_timer timer;
	struct stats_user seen;
	struct worker_group *group;
	const struct load_step *next;	/* the request after this pause, or */
					/* NULL: the script says */
	const struct request *request;	/* USER_ASKING */
	nsec_t intended;	/* drill ns: of the request, or end of think */
	nsec_t think;		/* of the think it is in, or left in */
	nsec_t not_before;	/* no new connection before this drill time */
	nsec_t began;		/* its iteration, drill ns */
	nsec_t sent;		/* drill ns: the request; valid if hopped */
	uint8_t state;		/* enum user_state */
	uint8_t phase;		/* of the request */
	bool leaving;		/* goes away when the request is over */
	bool through;		/* has had its last iteration, or data */
	bool resume;		/* went away thinking: thinks that again */
	bool queued;		/* the arrival had waited: its first request */
				/* is counted as due already */
	bool hopped;		/* has followed a redirect since it asked */
	struct captured captured;
	struct cookies cookies;
	struct redirect *redirect;	/* NULL: none was ever asked for */
	uint64_t *rows;		/* by data; NULL: there is none */
	uint32_t iteration;	/* that it is in, as it last looked */
	struct follower *follower;	/* USER_POLLING */
	struct span span;	/* the group that it is in */
	struct user *next_free;
};

struct user *user_new(struct worker_group *group, uint64_t number);
void user_free(struct user *u);
void user_join(struct user *u, nsec_t now);	/* closed */
void user_leave(struct user *u);		/* closed */
/* Closed: its [load] is over; it is through now, or after this iteration. */
void user_finish(struct user *u);
/* Open: runs an arrival; queued: it had waited, and its due is counted. */
void user_arrive(struct user *u, const struct arrival *a, bool queued);
/* At once, whatever it is in; what is out is censored. */
void user_stop(struct user *u, nsec_t now);
void user_answered(struct conn *c, const struct answer *a);
/* Its poll is over. */
void user_followed(struct user *u, struct outcome o, nsec_t now);

#endif
