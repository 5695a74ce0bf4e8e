/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Awaits and polls: a request that is repeated until its condition holds.  An
 * await has a connection of its own, out of a pool of the load thread, and its
 * user goes on meanwhile; a poll uses its user's, who waits.  It is due when it
 * begins, and ok with the time until an answer held, or failed (timeout) at its
 * timeout; what the answers before were is no outcome.
 *
 *	free → waiting for the next request ⇄ asking → free
 *
 * A load thread owns all that is in here.
 */
#ifndef GD_LOAD_FOLLOW_H
#define GD_LOAD_FOLLOW_H

#include "chaos/load/conn.h"
#include "chaos/load/stats.h"

struct user;
struct worker;

struct follower {
	struct followers *all;
	struct conn own;	/* an await's; kept alive for the next one */
	struct conn *conn;	/* own, or the user's; NULL: it is free */
	struct loop_timer timer;
	const struct request *request;
	struct buf bytes;	/* the request; each time the same */
	nsec_t intended, deadline, next;	/* drill ns */
	struct stats_user own_seen, *seen;
	struct user *user;	/* who waits; NULL: an await */
	uint8_t phase;
	bool asking;
	struct follower *next_free;
};

struct followers {
	struct worker *worker;
	struct conn_host host;
	struct follower **v;	/* all, free ones too */
	size_t n, cap;
	struct follower *free;
	uint64_t polls;		/* HTTP requests sent */
};

void followers_init(struct followers *fs, struct worker *w);
void followers_done(struct followers *fs);
/* All end at once, censored. */
void followers_stop(struct followers *fs, nsec_t now);

/*
 * bytes are copied.  A poll's user hears of the end by user_followed(), never
 * from within; the answers on its connection go to follower_answered().
 */
struct follower *follower_start(struct followers *fs, struct user *u,
				const struct request *r, const char *bytes,
				size_t len, nsec_t intended);
void follower_answered(struct follower *f, const struct answer *a);

#endif
