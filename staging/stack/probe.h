/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a server ready?  Asked over and over in its own protocol until it answers
 * as one that is; the caller has the deadline.
 */
#ifndef GD_STAGING_PROBE_H
#define GD_STAGING_PROBE_H

#include "chaos/base/addr.h"
#include "chaos/base/buf.h"
#include "chaos/base/loop.h"

struct probe;

enum probe_verdict {
	PROBE_MORE,	/* wait for more bytes */
	PROBE_YES,
	PROBE_AGAIN,	/* not yet: close, and ask anew */
};

struct probe_ops {
	void (*ask)(struct probe *probe);	/* fills probe->out */
	enum probe_verdict (*check)(struct probe *probe);	/* probe->in */
};

struct probe {
	const struct probe_ops *ops;
	struct loop *loop;
	struct addr to;
	struct loop_io io;	/* fd -1: not connected */
	struct loop_timer pause;
	struct buf in, out;
	int stage;		/* for ops; 0 at each connect */
	char version[64];	/* for ops: what the server says it is */
	void (*ready)(void *arg);
	void *arg;
};

/* Begins asking; ready is called once. */
void probe_start(struct probe *probe, struct loop *loop, const struct addr *to,
		 const struct probe_ops *ops, void (*ready)(void *arg),
		 void *arg);
/* Ends it; fine on one that was never started (zeroed) or is done. */
void probe_stop(struct probe *probe);

extern const struct probe_ops stack_probe_postgres, stack_probe_redis,
	stack_probe_kafka, stack_probe_health;

#endif
