/* SPDX-License-Identifier: Apache-2.0 */
/* A token bucket. */
#include "staging/shop/limiter.h"

void limiter_init(struct limiter *l)
{
	pthread_mutex_init(&l->lock, NULL);
	l->rate = l->burst = l->tokens = 0;
	l->filled = 0;
}

void limiter_done(struct limiter *l)
{
	pthread_mutex_destroy(&l->lock);
}

void limiter_set(struct limiter *l, double rate, double burst, nsec_t now)
{
	pthread_mutex_lock(&l->lock);
	l->rate = rate;
	l->burst = burst;
	l->tokens = burst;
	l->filled = now;
	pthread_mutex_unlock(&l->lock);
}

static void limiter_fill(struct limiter *l, nsec_t now)
{
	/* Threads read the clock before they get the lock: never go back. */
	if (now <= l->filled)
		return;
	l->tokens += l->rate * (double)(now - l->filled) / (double)NSEC_SEC;
	if (l->tokens > l->burst)
		l->tokens = l->burst;
	l->filled = now;
}

bool limiter_take(struct limiter *l, nsec_t now)
{
	bool ok = true;

	pthread_mutex_lock(&l->lock);
	if (l->rate > 0) {
		limiter_fill(l, now);
		ok = l->tokens >= 1;
		if (ok)
			l->tokens -= 1;
	}
	pthread_mutex_unlock(&l->lock);
	return ok;
}
