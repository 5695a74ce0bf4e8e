/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What main.c puts together and handlers work with.  Each member has its own
 * lock or is atomic; the struct itself is written before any thread starts.
 */
#ifndef GD_SHOP_SHOP_H
#define GD_SHOP_SHOP_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "staging/shop/conf.h"
#include "staging/shop/limiter.h"
#include "staging/shop/metrics.h"
#include "staging/shop/offsets.h"
#include "staging/shop/queue.h"

struct consumers;
struct poller;
struct pool;
struct producer;
struct workers;

struct shop {
	struct conf conf;
	struct metrics metrics;
	struct queue queue;		/* of struct conn */
	struct limiter limiter;
	struct offsets offsets;
	struct pool *pool;
	struct producer *producer;
	struct consumers *consumers;
	struct poller *poller;
	struct workers *workers;
	int errlog;			/* descriptor, -1: none */
	/* Knobs, and what was last seen of Redis. */
	_Atomic bool coupon_open, cache_on, index_on, redis_up;
	_Atomic double rate_limit;	/* per drill second; 0: off */
	_Atomic int64_t epoch;		/* of the data: see kafka.h */
	_Atomic uint64_t tokens;	/* makes Redis tokens of this epoch */
};

#endif
