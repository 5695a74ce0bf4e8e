/* SPDX-License-Identifier: Apache-2.0 */
// links: gd_base
/*
 * The shop's parts that need no server: queue, limiter, pace, pool, offsets,
 * routes.  They are compiled in, as the shop is a program and no library.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "chaos/base/mem.h"
#include "staging/shop/api.c"
#include "staging/shop/limiter.c"
#include "staging/shop/offsets.c"
#include "staging/shop/pace.c"
#include "staging/shop/pool.c"
#include "staging/shop/queue.c"

/* The routes' handlers are not called here. */
#define HANDLER(name)                                                     \
	void name(struct shop *s, struct request *q, struct reply *r)     \
	{                                                                 \
		(void)s, (void)q, (void)r;                                \
	}
HANDLER(api_products)
HANDLER(api_balance)
HANDLER(api_orders)
HANDLER(api_coupon_issue)
HANDLER(api_coupon_status)

#define AWAIT(cond)                                                       \
	do {                                                              \
		nsec_t until_ = clock_mono() + 10 * NSEC_SEC;             \
		const struct timespec nap_ = { 0, 1000000 };              \
		while (!(cond) && clock_mono() < until_)                  \
			nanosleep(&nap_, NULL);                           \
		assert_true(cond);                                        \
	} while (0)

/* --- queue --- */

struct item {
	struct list link;
	int n;
};

static void queue_is_fifo(void **state)
{
	struct item items[100];
	struct queue q;

	(void)state;
	queue_init(&q);
	for (int i = 0; i < 100; i++) {
		items[i].n = i;
		list_init(&items[i].link);
		queue_push(&q, &items[i].link);
	}
	assert_int_equal(queue_len(&q), 100);
	for (int i = 0; i < 100; i++)
		assert_int_equal(LIST_ENTRY(queue_pop(&q), struct item,
					    link)->n, i);
	assert_int_equal(queue_len(&q), 0);
	assert_int_equal(queue_longest(&q, true), 100);
	assert_int_equal(queue_longest(&q, false), 0);
	queue_done(&q);
}

static void *pop_one(void *arg)
{
	return queue_pop(arg);
}

static void queue_close_wakes(void **state)
{
	struct queue q;
	pthread_t thread;
	void *got = &q;

	(void)state;
	queue_init(&q);
	pthread_create(&thread, NULL, pop_one, &q);
	queue_close(&q);
	pthread_join(thread, &got);
	assert_null(got);
	queue_done(&q);
}

/* --- limiter --- */

static int take_all(struct limiter *l, nsec_t now)
{
	int n = 0;

	while (n < 100000 && limiter_take(l, now))
		n++;
	return n;
}

static void limiter_holds_rate(void **state)
{
	struct limiter l;
	nsec_t now = 1000 * NSEC_SEC;
	int n;

	(void)state;
	limiter_init(&l);
	assert_int_equal(take_all(&l, now), 100000);	/* off */
	/* 220 per drill second at 5x: 1100 real ones, 220 of burst. */
	limiter_set(&l, 1100, 220, now);
	assert_int_equal(take_all(&l, now), 220);
	assert_int_equal(take_all(&l, now), 0);
	n = 0;
	for (int ms = 1; ms <= 2000; ms++)
		n += take_all(&l, now + ms * NSEC_MS);
	assert_in_range(n, 2199, 2200);
	/* A long pause fills no more than the bucket. */
	assert_int_equal(take_all(&l, now + 3600 * NSEC_SEC), 220);
	/* A thread that read the clock before another: no tokens from it. */
	assert_int_equal(take_all(&l, now), 0);
	limiter_set(&l, 0, 0, now);
	assert_true(limiter_take(&l, now));
	limiter_done(&l);
}

/* --- pace --- */

static void pace_joins_periods(void **state)
{
	nsec_t pace = 76300 * NSEC_US, now = NSEC_SEC, done;

	(void)state;
	done = pace_next(0, now, pace, true);
	assert_int_equal(done, now + pace);
	/* Each turn is 5 ms late, and there is always one waiting. */
	for (int i = 2; i <= 100; i++)
		done = pace_next(done, done + 5 * NSEC_MS, pace, true);
	assert_int_equal(done, now + 100 * pace);
	/* After idling a period begins with the item. */
	now = done + NSEC_SEC;
	assert_int_equal(pace_next(done, now, pace, false), now + pace);
	/* Far behind: no burst to catch up. */
	assert_int_equal(pace_next(done, now, pace, true), now);
}

static void pace_sleeps_until(void **state)
{
	_Atomic bool stop = true;
	nsec_t to = clock_mono() + 5 * NSEC_MS;

	(void)state;
	assert_true(pace_sleep_until(to, NULL) >= to);
	to = clock_mono() + 3600 * NSEC_SEC;
	assert_true(pace_sleep_until(to, &stop) < to);
}

/* --- offsets --- */

static void offsets_give_lag(void **state)
{
	static struct offsets o;

	(void)state;
	offsets_init(&o, 10);
	offsets_begin(&o, 3, 1000);
	assert_int_equal(offsets_lag_all(&o), 0);
	for (int i = 0; i < 5; i++)
		offsets_written(&o, 3, 1000 + i);
	offsets_written(&o, 4, 0);
	assert_int_equal(offsets_lag(&o, 3), 5);
	assert_int_equal(offsets_lag_all(&o), 6);
	offsets_handled(&o, 3, 1004);
	assert_int_equal(offsets_lag(&o, 3), 0);
	/* Confirmed before the acknowledgement is seen: never negative. */
	offsets_handled(&o, 3, 1005);
	assert_int_equal(offsets_lag(&o, 3), 0);
	/* The topic was made anew. */
	offsets_written(&o, 3, 0);
	assert_int_equal(offsets_lag(&o, 3), 1);
}

/* --- routes --- */

static enum api_id route(const char *method, const char *path,
			 enum outcome *ret)
{
	static struct request req;

	snprintf(req.path, sizeof(req.path), "%s", path);
	return api_route(&req, method, strlen(method), ret);
}

static void routes(void **state)
{
	enum outcome o;

	(void)state;
	assert_int_equal(route("GET", "/products", &o), API_PRODUCTS);
	assert_int_equal(route("POST", "/coupons/issue", &o),
			 API_COUPON_ISSUE);
	assert_int_equal(route("GET", "/coupons/17", &o), API_COUPON_STATUS);
	assert_int_equal(o, OUTCOME_OK);
	assert_int_equal(route("POST", "/products", &o), API_OTHER);
	assert_int_equal(o, OUTCOME_BAD_METHOD);
	assert_int_equal(route("GET", "/product", &o), API_OTHER);
	assert_int_equal(o, OUTCOME_NOT_FOUND);
}

static void query_numbers(void **state)
{
	struct request req = { .query = "xuser=9&user=42&b=&c=7x" };
	int64_t v = -1;

	(void)state;
	assert_true(api_query_int(&req, "user", &v));
	assert_int_equal(v, 42);
	assert_false(api_query_int(&req, "b", &v));
	assert_false(api_query_int(&req, "c", &v));
	assert_false(api_query_int(&req, "d", &v));
}

/* --- pool, on connections that are only numbers --- */

struct fake {
	_Atomic int opened, closed;
	_Atomic bool refuse;
};

static int fake_open(void *arg, void **ret, struct err *err)
{
	struct fake *f = arg;

	if (f->refuse)
		return err_set(err, -ECONNREFUSED, "refused");
	*ret = mem_alloc(1);
	f->opened++;
	return 0;
}

static void fake_close(void *arg, void *conn)
{
	((struct fake *)arg)->closed++;
	mem_free(conn);
}

static const struct pool_ops fake_ops = { fake_open, fake_close };

static struct pool_stats look(struct pool *pool)
{
	struct pool_stats s;

	pool_stats(pool, &s);
	return s;
}

static struct pool *filled(struct fake *f, int max, nsec_t timeout)
{
	struct pool *pool = NULL;
	struct err err;

	assert_int_equal(pool_new(max, timeout, &fake_ops, f, &pool, &err), 0);
	assert_int_equal(pool_wait_full(pool, 10 * NSEC_SEC, &err), 0);
	return pool;
}

static void pool_times_out(void **state)
{
	struct fake f = { 0 };
	struct pool *pool = filled(&f, 1, 20 * NSEC_MS);
	void *a = NULL, *b = NULL;
	nsec_t began;

	(void)state;
	assert_int_equal(pool_take(pool, &a), 0);
	began = clock_mono();
	assert_int_equal(pool_take(pool, &b), -ETIMEDOUT);
	assert_true(clock_mono() - began >= 20 * NSEC_MS);
	assert_int_equal(look(pool).timeouts, 1);
	assert_int_equal(look(pool).pending, 0);
	pool_give(pool, a, false);
	assert_int_equal(pool_take(pool, &b), 0);
	assert_ptr_equal(a, b);
	pool_give(pool, b, false);
	pool_free(pool);
	assert_int_equal(f.opened, f.closed);
}

struct waiter {
	struct pool *pool;
	pthread_t thread;
	_Atomic int *turn;
	int got;		/* which turn it was */
};

static void *wait_turn(void *arg)
{
	struct waiter *w = arg;
	void *conn = NULL;

	if (pool_take(w->pool, &conn) == 0) {
		w->got = (*w->turn)++;
		pool_give(w->pool, conn, false);
	}
	return NULL;
}

static void pool_waiters_are_fifo(void **state)
{
	struct fake f = { 0 };
	struct pool *pool = filled(&f, 1, 10 * NSEC_SEC);
	struct waiter w[8];
	_Atomic int turn = 0;
	void *conn = NULL;

	(void)state;
	assert_int_equal(pool_take(pool, &conn), 0);
	for (int i = 0; i < 8; i++) {
		w[i] = (struct waiter) { .pool = pool, .turn = &turn,
					 .got = -1 };
		pthread_create(&w[i].thread, NULL, wait_turn, &w[i]);
		AWAIT(look(pool).pending == i + 1);
	}
	pool_give(pool, conn, false);
	for (int i = 0; i < 8; i++) {
		pthread_join(w[i].thread, NULL);
		assert_int_equal(w[i].got, i);
	}
	pool_free(pool);
}

static void pool_grows_under_waiters(void **state)
{
	struct fake f = { 0 };
	struct pool *pool = filled(&f, 1, 10 * NSEC_SEC);
	struct waiter w[4];
	_Atomic int turn = 0;
	void *conn = NULL;

	(void)state;
	assert_int_equal(pool_take(pool, &conn), 0);
	for (int i = 0; i < 4; i++) {
		w[i] = (struct waiter) { .pool = pool, .turn = &turn,
					 .got = -1 };
		pthread_create(&w[i].thread, NULL, wait_turn, &w[i]);
	}
	AWAIT(look(pool).pending == 4);
	pool_resize(pool, 5);
	for (int i = 0; i < 4; i++) {
		pthread_join(w[i].thread, NULL);
		assert_in_range(w[i].got, 0, 3);
	}
	assert_int_equal(look(pool).active, 1);
	AWAIT(look(pool).total == 5);
	pool_give(pool, conn, false);
	pool_free(pool);
	assert_int_equal(f.opened, 5);
	assert_int_equal(f.closed, 5);
}

static void pool_shrinks_on_return(void **state)
{
	struct fake f = { 0 };
	struct pool *pool = filled(&f, 4, NSEC_SEC);
	void *conn[3];

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(pool_take(pool, &conn[i]), 0);
	pool_resize(pool, 1);
	assert_int_equal(look(pool).total, 3);
	assert_int_equal(look(pool).idle, 0);
	for (int i = 0; i < 3; i++)
		pool_give(pool, conn[i], false);
	assert_int_equal(look(pool).total, 1);
	assert_int_equal(f.closed, 3);
	pool_free(pool);
}

static void pool_replaces_broken(void **state)
{
	struct fake f = { 0 };
	struct pool *pool = filled(&f, 2, 10 * NSEC_SEC);
	void *conn = NULL;

	(void)state;
	assert_int_equal(pool_take(pool, &conn), 0);
	f.refuse = true;
	pool_give(pool, conn, true);
	AWAIT(look(pool).open_errors > 0);
	assert_int_equal(look(pool).total, 1);
	f.refuse = false;
	AWAIT(look(pool).total == 2);
	pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limiter_holds_rate),
		cmocka_unit_test(offsets_give_lag),
		cmocka_unit_test(pace_joins_periods),
		cmocka_unit_test(pace_sleeps_until),
		cmocka_unit_test(pool_grows_under_waiters),
		cmocka_unit_test(pool_replaces_broken),
		cmocka_unit_test(pool_shrinks_on_return),
		cmocka_unit_test(pool_times_out),
		cmocka_unit_test(pool_waiters_are_fifo),
		cmocka_unit_test(query_numbers),
		cmocka_unit_test(queue_close_wakes),
		cmocka_unit_test(queue_is_fifo),
		cmocka_unit_test(routes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
