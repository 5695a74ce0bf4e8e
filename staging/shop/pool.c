/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pool: one lock, waiters in order of arrival.
 *
 *	total = active + n_idle <= max, but while it shrinks
 *	a waiter is in the list only while no connection is idle
 */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "chaos/base/list.h"
#include "chaos/base/log.h"
#include "chaos/base/mem.h"
#include "staging/shop/pool.h"

#define POOL_RETRY_NS (100 * NSEC_MS)	/* real, after a failed open */

struct pool_waiter {
	struct list link;
	pthread_cond_t woken;
	struct pool_slot *slot;	/* what it was handed */
};

struct pool_slot {
	struct list link;	/* in idle or used */
	void *conn;
	nsec_t taken;
};

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t need;	/* the filler's */
	pthread_cond_t full;
	pthread_t filler;
	const struct pool_ops *ops;
	void *arg;
	nsec_t timeout;
	struct list idle, used, waiters;
	struct pool_stats s;
	struct err last;	/* of the last open that failed */
	bool closed;
};

static void cond_init_mono(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

static int cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock,
			   nsec_t mono)
{
	struct timespec ts = { mono / NSEC_SEC, mono % NSEC_SEC };

	return pthread_cond_timedwait(cond, lock, &ts);
}

static void keep_max(nsec_t *max, nsec_t value)
{
	if (value > *max)
		*max = value;
}

static void pool_sane(const struct pool *pool)
{
	(void)pool;	/* in a build without assertions */
	assert(pool->s.active >= 0 && pool->s.idle >= 0);
	assert(pool->s.total == pool->s.active + pool->s.idle);
	assert(list_empty(&pool->waiters) || pool->s.idle == 0);
}

/* Locked. A connection has come free: to the first waiter, else idle. */
static void pool_hand(struct pool *pool, struct pool_slot *slot)
{
	struct list *first = list_pop(&pool->waiters);
	struct pool_waiter *w;

	if (!first) {
		list_append(&pool->idle, &slot->link);
		pool->s.idle++;
		return;
	}
	w = LIST_ENTRY(first, struct pool_waiter, link);
	w->slot = slot;
	list_append(&pool->used, &slot->link);
	pool->s.active++;
	pool->s.pending--;
	pthread_cond_signal(&w->woken);
}

static void pool_drop(struct pool *pool, struct pool_slot *slot)
{
	pool->ops->close(pool->arg, slot->conn);
	mem_free(slot);
}

/* Locked on entry and exit; opens one connection with the lock released. */
static void pool_fill_one(struct pool *pool)
{
	struct pool_slot *slot = mem_zalloc(sizeof(*slot));
	struct err err = { 0 };
	nsec_t began = clock_mono(), took;
	int r;

	pthread_mutex_unlock(&pool->lock);
	list_init(&slot->link);
	r = pool->ops->open(pool->arg, &slot->conn, &err);
	pthread_mutex_lock(&pool->lock);
	took = clock_mono() - began;
	if (r < 0) {
		if (!pool->last.code)
			log_warn("pool: %s", err.msg);
		pool->last = err;
		pool->s.open_errors++;
		mem_free(slot);
		if (!pool->closed)
			cond_wait_until(&pool->need, &pool->lock,
					clock_mono() + POOL_RETRY_NS);
		return;
	}
	pool->last.code = 0;
	if (pool->closed || pool->s.total >= pool->s.max) {
		pool_drop(pool, slot);
		return;
	}
	pool->s.created++;
	pool->s.creation_sum += took;
	keep_max(&pool->s.creation_max, took);
	pool->s.total++;
	pool_hand(pool, slot);
	if (pool->s.total == pool->s.max)
		pthread_cond_broadcast(&pool->full);
}

static void *pool_fill(void *arg)
{
	struct pool *pool = arg;

	pthread_mutex_lock(&pool->lock);
	while (!pool->closed) {
		pool_sane(pool);
		if (pool->s.total < pool->s.max)
			pool_fill_one(pool);
		else
			pthread_cond_wait(&pool->need, &pool->lock);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

int pool_new(int max, nsec_t timeout_real, const struct pool_ops *ops,
	     void *arg, struct pool **ret, struct err *err)
{
	struct pool *pool = mem_zalloc(sizeof(*pool));
	int r;

	pthread_mutex_init(&pool->lock, NULL);
	cond_init_mono(&pool->need);
	cond_init_mono(&pool->full);
	list_init(&pool->idle);
	list_init(&pool->used);
	list_init(&pool->waiters);
	pool->ops = ops;
	pool->arg = arg;
	pool->timeout = timeout_real;
	pool->s.max = max;
	r = pthread_create(&pool->filler, NULL, pool_fill, pool);
	if (r) {
		mem_free(pool);
		return err_set(err, -r, "cannot start the pool's thread");
	}
	*ret = pool;
	return 0;
}

void pool_free(struct pool *pool)
{
	struct list *l;

	if (!pool)
		return;
	pool_close(pool);
	pthread_join(pool->filler, NULL);
	assert(pool->s.active == 0);
	while ((l = list_pop(&pool->idle)))
		pool_drop(pool, LIST_ENTRY(l, struct pool_slot, link));
	pthread_cond_destroy(&pool->full);
	pthread_cond_destroy(&pool->need);
	pthread_mutex_destroy(&pool->lock);
	mem_free(pool);
}

/* Locked. Waits to be handed a connection. */
static struct pool_slot *pool_wait(struct pool *pool, nsec_t until)
{
	struct pool_waiter w = { .slot = NULL };

	cond_init_mono(&w.woken);
	list_init(&w.link);
	list_append(&pool->waiters, &w.link);
	pool->s.pending++;
	while (!w.slot && !pool->closed)
		if (cond_wait_until(&w.woken, &pool->lock, until) == ETIMEDOUT)
			break;
	if (!w.slot) {
		list_remove(&w.link);
		pool->s.pending--;
	}
	pthread_cond_destroy(&w.woken);
	return w.slot;
}

/* Locked. */
static struct pool_slot *pool_get(struct pool *pool, nsec_t until)
{
	struct list *l;

	if (pool->closed)
		return NULL;
	l = list_pop(&pool->idle);
	if (!l)
		return pool_wait(pool, until);
	pool->s.idle--;
	pool->s.active++;
	list_append(&pool->used, l);
	return LIST_ENTRY(l, struct pool_slot, link);
}

int pool_take(struct pool *pool, void **ret)
{
	nsec_t began = clock_mono(), now;
	struct pool_slot *slot;
	int r = 0;

	pthread_mutex_lock(&pool->lock);
	slot = pool_get(pool, began + pool->timeout);
	now = clock_mono();
	if (slot) {
		slot->taken = now;
		pool->s.acquired++;
		pool->s.acquire_sum += now - began;
		keep_max(&pool->s.acquire_max, now - began);
		*ret = slot->conn;
	} else if (pool->closed) {
		r = -ESHUTDOWN;
	} else {
		pool->s.timeouts++;
		r = -ETIMEDOUT;
	}
	pthread_mutex_unlock(&pool->lock);
	return r;
}

/* Locked. The pool is small: a walk is cheaper than a table. */
static struct pool_slot *pool_slot_of(struct pool *pool, const void *conn)
{
	struct list *l;

	LIST_FOR(l, &pool->used) {
		struct pool_slot *slot = LIST_ENTRY(l, struct pool_slot, link);

		if (slot->conn == conn)
			return slot;
	}
	assert(!"a connection that was not taken from this pool");
	return NULL;
}

void pool_give(struct pool *pool, void *conn, bool broken)
{
	struct pool_slot *slot;
	nsec_t held;

	pthread_mutex_lock(&pool->lock);
	slot = pool_slot_of(pool, conn);
	list_remove(&slot->link);
	pool->s.active--;
	held = clock_mono() - slot->taken;
	pool->s.usage_sum += held;
	keep_max(&pool->s.usage_max, held);
	if (!broken && !pool->closed && pool->s.total <= pool->s.max) {
		pool_hand(pool, slot);
		slot = NULL;
	} else {
		pool->s.total--;
		pthread_cond_signal(&pool->need);
	}
	pthread_mutex_unlock(&pool->lock);
	if (slot)
		pool_drop(pool, slot);
}

void pool_resize(struct pool *pool, int max)
{
	struct list gone, *l;

	list_init(&gone);
	pthread_mutex_lock(&pool->lock);
	pool->s.max = max;
	while (pool->s.total > max && (l = list_pop(&pool->idle))) {
		pool->s.idle--;
		pool->s.total--;
		list_append(&gone, l);
	}
	pthread_cond_signal(&pool->need);
	pthread_mutex_unlock(&pool->lock);
	while ((l = list_pop(&gone)))
		pool_drop(pool, LIST_ENTRY(l, struct pool_slot, link));
}

void pool_stats(struct pool *pool, struct pool_stats *ret)
{
	pthread_mutex_lock(&pool->lock);
	*ret = pool->s;
	pthread_mutex_unlock(&pool->lock);
}

void pool_stats_reset(struct pool *pool)
{
	struct pool_stats *s = &pool->s;

	pthread_mutex_lock(&pool->lock);
	*s = (struct pool_stats) {
		.max = s->max, .active = s->active, .idle = s->idle,
		.pending = s->pending, .total = s->total,
	};
	pthread_mutex_unlock(&pool->lock);
}

int pool_wait_full(struct pool *pool, nsec_t timeout_real, struct err *err)
{
	nsec_t until = clock_mono() + timeout_real;
	int r = 0;

	pthread_mutex_lock(&pool->lock);
	while (pool->s.total < pool->s.max && !pool->closed && r == 0)
		r = cond_wait_until(&pool->full, &pool->lock, until);
	if (pool->s.total < pool->s.max)
		r = err_set(err, -ETIMEDOUT,
			    "%d of %d connections are open%s%s",
			    pool->s.total, pool->s.max,
			    pool->last.msg[0] ? ": " : "", pool->last.msg);
	else
		r = 0;
	pthread_mutex_unlock(&pool->lock);
	return r;
}

void pool_close(struct pool *pool)
{
	struct list *l;

	pthread_mutex_lock(&pool->lock);
	pool->closed = true;
	pthread_cond_signal(&pool->need);
	pthread_cond_broadcast(&pool->full);
	LIST_FOR(l, &pool->waiters)
		pthread_cond_signal(&LIST_ENTRY(l, struct pool_waiter,
						link)->woken);
	pthread_mutex_unlock(&pool->lock);
}
