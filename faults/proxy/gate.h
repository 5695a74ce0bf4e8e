/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A link's pool: a counting semaphore with a queue, over all of the link's
 * flows on all threads.  What passes it is a transaction (PostgreSQL) or a
 * connection (any other protocol).  It counts always and limits only while a
 * size is set.  Any thread may call; nothing here blocks.
 *
 *	free slot  <=>  size == 0 or in_flight < size
 *	invariant: somebody waits  =>  there is no free slot
 *
 * A limit put on while more than size are in flight lets these finish.
 */
#ifndef GD_PROXY_GATE_H
#define GD_PROXY_GATE_H

#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "chaos/base/clock.h"
#include "chaos/base/list.h"
#include "chaos/base/loop.h"

struct hist;

enum gate_state { GATE_OUT, GATE_WAITING, GATE_GRANTED, GATE_IN };
enum gate_answer { GATE_YES, GATE_WAIT, GATE_FULL };

struct gate_limit {
	int64_t size;	/* 0: none */
	int64_t queue;	/* most that may wait; 0: unbounded */
	nsec_t timeout; /* real ns a waiter waits at most; 0: none */
};

/*
 * One who passes.  loop and post.fn are the owner's; a grant is posted to it,
 * and the owner keeps the memory until that post has run.
 */
struct gate_pass {
	struct loop *loop;
	struct loop_post post;
	struct list link;
	enum gate_state state; /* under the gate's lock */
	nsec_t since;	       /* mono ns: waiting since */
};

enum { GATE_PHASES = 32 };

struct gate_phase { /* since a size was set */
	int64_t size;
	int64_t in_flight_before; /* when it was set */
	int64_t max_in_flight;	  /* as of each grant: never above size */
	uint64_t waits;
	nsec_t longest;
};

struct gate {
	pthread_mutex_t lock; /* all below */
	struct gate_limit limit;
	struct list queue; /* gate_pass, first in, first out */
	int64_t in_flight, waiting, max_in_flight;
	uint64_t transactions; /* that have left */
	/* since the limit was put on: */
	int64_t max_active;
	uint64_t waits, refused, left;
	nsec_t longest;
	struct hist *wait; /* NULL until there is a limit */
	struct gate_phase phases[GATE_PHASES];
	unsigned n_phases;
};

struct gate_stats {
	int64_t size, in_flight, waiting, max_in_flight, max_active;
	uint64_t transactions;
	nsec_t longest; /* ns: of those who waited and who wait */
};

void gate_init(struct gate *gate);
void gate_done(struct gate *gate);
void gate_pass_init(struct gate_pass *pass, struct loop *loop,
		    loop_post_fn *granted);
/* GATE_WAIT: granted will be posted, unless it leaves before. */
enum gate_answer gate_enter(struct gate *gate, struct gate_pass *pass,
			    nsec_t now);
/* In its grant's post: it is in now.  False: it had left meanwhile. */
bool gate_taken(struct gate *gate, struct gate_pass *pass);
/*
 * From any state.  True: a grant's post is still to come, so the memory must
 * stay.  counts: a transaction was done.
 */
bool gate_leave(struct gate *gate, struct gate_pass *pass, bool counts,
		nsec_t now);
/* Only if it still waits. False: it is granted, the post is on its way. */
bool gate_leave_waiting(struct gate *gate, struct gate_pass *pass, nsec_t now);
/* New limit; wakes whoever now fits. fresh: begins the statistics anew. */
void gate_limit(struct gate *gate, const struct gate_limit *limit, bool fresh,
		nsec_t now);
nsec_t gate_timeout(struct gate *gate); /* of the limit; 0: none */
void gate_stats(struct gate *gate, nsec_t now, struct gate_stats *ret);
/*
 * As SHOW POOLS: size, active, waiting, max_active, longest_wait_ms; waits,
 * refused and left since the limit was put on, and how long the waits were:
 * wait_histogram is [[ms, how many at most that long], …, [null, all]].
 */
json_t *gate_pool(struct gate *gate, nsec_t now);
/* {"max_in_flight","waits","wait_ms":{…},"refused","phases":[…]} */
json_t *gate_achieved(struct gate *gate, nsec_t now);

#endif
