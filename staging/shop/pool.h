/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection pool with HikariCP's semantics and names: a maximum size that
 * may change at run time (minimumIdle is the same, as Hikari advises), FIFO
 * waiters, connectionTimeout, active / idle / pending.  It knows nothing of
 * databases: a thread of its own opens connections through the ops, so that
 * no caller waits for another one's connect.
 */
#ifndef GD_SHOP_POOL_H
#define GD_SHOP_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "chaos/base/clock.h"
#include "chaos/base/err.h"

struct pool;

struct pool_ops {
	/* On the filler's thread; may block. */
	int (*open)(void *arg, void **ret, struct err *err);
	void (*close)(void *arg, void *conn);	/* any thread */
};

struct pool_stats {
	int max, active, idle, pending;
	int total;		/* active + idle */
	uint64_t timeouts;	/* of connectionTimeout */
	uint64_t acquired, created, open_errors;
	nsec_t acquire_sum, acquire_max;	/* real ns waited */
	nsec_t usage_sum, usage_max;		/* real ns held */
	nsec_t creation_sum, creation_max;	/* real ns of opening */
};

int pool_new(int max, nsec_t timeout_real, const struct pool_ops *ops,
	     void *arg, struct pool **ret, struct err *err) MUST_CHECK;
/* Every connection must have been given back. */
void pool_free(struct pool *pool);

/* Waits at most the timeout: 0, -ETIMEDOUT or -ESHUTDOWN. Any thread. */
int pool_take(struct pool *pool, void **ret);
/* broken: it is closed, and the filler opens another. */
void pool_give(struct pool *pool, void *conn, bool broken);
/* More: opened at once.  Less: idle ones close now, active ones on return. */
void pool_resize(struct pool *pool, int max);
void pool_stats(struct pool *pool, struct pool_stats *ret);
void pool_stats_reset(struct pool *pool);	/* the counters */
/* Until all connections are open: 0, or -ETIMEDOUT with the last error. */
int pool_wait_full(struct pool *pool, nsec_t timeout_real, struct err *err)
	MUST_CHECK;
/* Waiters and later takers get -ESHUTDOWN. */
void pool_close(struct pool *pool);

#endif
