/* SPDX-License-Identifier: Apache-2.0 */
/*
 * N consumers that confirm coupons: each a Kafka client of its own in one
 * group, with a connection of its own straight to PostgreSQL (neither the pool
 * nor a link).  What a confirmation takes is slept outside the database.
 */
#ifndef GD_SHOP_CONSUMERS_H
#define GD_SHOP_CONSUMERS_H

#include <stdbool.h>

#include "staging/shop/kafka.h"
#include "staging/shop/metrics.h"

struct consumers;

struct consumers_args {			/* all outlive the consumers */
	const struct conf *conf;
	struct metrics *metrics;
	struct offsets *offsets;
	const _Atomic int64_t *epoch;	/* others are passed over */
	_Atomic bool *redis_up;
	bool mock;		/* the broker is librdkafka's mock cluster */
};

struct consumers_stats {
	int count;		/* wanted */
	int running;		/* threads, those that are leaving included */
	int assigned;		/* that have partitions */
	int partitions;		/* that somebody has */
};

int consumers_new(const struct consumers_args *args, struct consumers **ret,
		  struct err *err) MUST_CHECK;
void consumers_free(struct consumers *c);	/* stops them, waits */

/* Starts or stops; those that leave finish their message first. One thread. */
int consumers_resize(struct consumers *c, int count, struct err *err)
	MUST_CHECK;
/* Waits for all that are leaving. */
void consumers_settle(struct consumers *c);
/* Any thread. */
void consumers_stats(struct consumers *c, struct consumers_stats *ret);
/* Until every partition has an owner. */
int consumers_wait_assigned(struct consumers *c, nsec_t timeout_real,
			    struct err *err) MUST_CHECK;

#endif
