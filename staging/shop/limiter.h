/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token bucket over all APIs.  The time is passed in; rates and burst are
 * real time (the caller has multiplied by the speed).
 */
#ifndef GD_SHOP_LIMITER_H
#define GD_SHOP_LIMITER_H

#include <pthread.h>
#include <stdbool.h>

#include "chaos/base/clock.h"

struct limiter {
	pthread_mutex_t lock;
	double rate;		/* tokens per real second; 0: no limit */
	double burst;		/* the bucket's size */
	double tokens;		/* 0 .. burst */
	nsec_t filled;		/* up to when tokens is counted */
};

void limiter_init(struct limiter *l);
void limiter_done(struct limiter *l);
/* The bucket starts full. rate 0 switches the limit off. */
void limiter_set(struct limiter *l, double rate, double burst, nsec_t now);
/* Takes one token; false: there is none. Any thread. */
bool limiter_take(struct limiter *l, nsec_t now);

#endif
