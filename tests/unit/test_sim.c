// links: gd_sim
/* SPDX-License-Identifier: Apache-2.0 */
/* The queueing model of the shop: limits, order, times, the pipeline. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/sim/impl.h"

enum { MANY = 6000 };

struct shop {
	struct loop *loop;
	struct sim_model model;
	int n[600];		/* answers by status */
	int all;
	int order[MANY];	/* of the answers, by the argument's index */
	struct ask {
		struct shop *shop;
		int index;
	} asks[MANY];
	int n_asks;
};

static void open_shop(struct shop *s, uint64_t seed)
{
	struct err err = { 0 };

	memset(s, 0, sizeof(*s));
	assert_int_equal(loop_new(LOOP_VIRTUAL, &s->loop, &err), 0);
	assert_int_equal(sim_model_init(&s->model, s->loop, seed, NULL, &err),
			 0);
}

static void close_shop(struct shop *s)
{
	sim_model_done(&s->model);
	loop_free(s->loop);
}

static void on_answer(void *arg, struct sim_request *r, int status)
{
	struct ask *a = arg;

	(void)r;
	a->shop->n[status]++;
	a->shop->order[a->shop->all++] = a->index;
}

static struct sim_request *ask(struct shop *s, enum sim_kind kind)
{
	struct ask *a = &s->asks[s->n_asks];

	assert_true(s->n_asks < MANY);
	*a = (struct ask){ .shop = s, .index = s->n_asks++ };
	return sim_submit(&s->model, kind, false, on_answer, a);
}

static void ask_many(struct shop *s, enum sim_kind kind, int n)
{
	for (int i = 0; i < n; i++)
		ask(s, kind);
}

static void test_kinds(void **state)
{
	(void)state;
	assert_int_equal(sim_kind_of("/products"), SIM_PRODUCT);
	assert_int_equal(sim_kind_of("/balance?user=1"), SIM_BALANCE);
	assert_int_equal(sim_kind_of("/orders"), SIM_ORDER);
	assert_int_equal(sim_kind_of("/coupons/issue"), SIM_COUPON);
	assert_int_equal(sim_kind_of("/health"), SIM_OTHER);
}

/* 200 workers, 50 connections, and everybody is served in the end. */
static void test_queues(void **state)
{
	struct shop s;

	(void)state;
	open_shop(&s, 1);
	ask_many(&s, SIM_COUPON, 300);
	assert_int_equal(s.model.workers.used, 200);
	assert_int_equal(s.model.workers.n_waiting, 100);
	assert_int_equal(s.model.pool.used, 50);
	assert_int_equal(s.model.pool.n_waiting, 150);
	assert_int_equal(s.model.link.used, 50);
	loop_run(s.loop);
	assert_int_equal(s.n[200], 300);
	assert_int_equal(s.model.issued, 300);
	assert_int_equal(s.model.workers.used, 0);
	assert_int_equal(s.model.pool.used, 0);
	assert_int_equal(s.model.link.used, 0);
	assert_int_equal(s.model.workers.n_waiting, 0);
	close_shop(&s);
}

static void test_the_link_s_limit(void **state)
{
	struct shop s;

	(void)state;
	open_shop(&s, 1);
	sim_limit_resize(&s.model, &s.model.link, 16);
	ask_many(&s, SIM_COUPON, 120);
	assert_int_equal(s.model.link.used, 16);
	assert_int_equal(s.model.link.n_waiting, 34);
	assert_int_equal(s.model.pool.used, 50);
	sim_limit_resize(&s.model, &s.model.link, 40);
	assert_int_equal(s.model.link.used, 40);
	sim_limit_resize(&s.model, &s.model.link, 4);
	assert_int_equal(s.model.link.used, 40);
	while (s.all < 30)
		loop_turn(s.loop, 0);
	assert_true(s.model.link.used <= 20);
	sim_limit_resize(&s.model, &s.model.link, 0);
	assert_int_equal(s.model.link.n_waiting, 0);
	loop_run(s.loop);
	assert_int_equal(s.n[200], 120);
	close_shop(&s);
}

/* One connection: who came first is served first. */
static void test_first_come_first_served(void **state)
{
	struct shop s;

	(void)state;
	open_shop(&s, 3);
	sim_limit_resize(&s.model, &s.model.pool, 1);
	ask_many(&s, SIM_BALANCE, 400);
	loop_run(s.loop);
	for (int i = 0; i < 400; i++)
		assert_int_equal(s.order[i], i);
	close_shop(&s);
}

static double mean_ms(nsec_t delay, enum sim_kind kind, uint64_t seed)
{
	struct shop s;
	double ms;

	open_shop(&s, seed);
	s.model.delay = delay;
	sim_limit_resize(&s.model, &s.model.pool, 1);
	ask_many(&s, kind, 4000);
	loop_run(s.loop);
	assert_int_equal(s.n[200], 4000);
	ms = (double)loop_mono(s.loop) / NSEC_MS / 4000;
	close_shop(&s);
	return ms;
}

static void test_times(void **state)
{
	(void)state;
	assert_float_equal(mean_ms(0, SIM_COUPON, 1), 237.5, 5);
	assert_float_equal(mean_ms(0, SIM_BALANCE, 2), 45, 1);
	assert_float_equal(mean_ms(0, SIM_ORDER, 3), 66, 1.5);
	assert_float_equal(mean_ms(10 * NSEC_MS, SIM_ORDER, 3), 76, 1.5);
}

static void test_products_do_not_need_the_database(void **state)
{
	struct shop s;

	(void)state;
	open_shop(&s, 1);
	sim_limit_resize(&s.model, &s.model.pool, 1);
	ask_many(&s, SIM_COUPON, 2);
	ask_many(&s, SIM_PRODUCT, 100);
	assert_int_equal(s.model.pool.used, 1);
	assert_int_equal(s.model.pool.n_waiting, 1);
	while (s.all < 100)
		loop_turn(s.loop, 0);
	assert_true(loop_mono(s.loop) <= 12 * NSEC_MS);
	loop_run(s.loop);
	assert_int_equal(s.n[200], 102);
	close_shop(&s);
}

static void test_suspended(void **state)
{
	struct shop s;

	(void)state;
	open_shop(&s, 1);
	s.model.open = false;
	ask_many(&s, SIM_COUPON, 10);
	ask_many(&s, SIM_ORDER, 10);
	loop_run(s.loop);
	assert_int_equal(s.n[503], 10);
	assert_int_equal(s.n[200], 10);
	assert_int_equal(s.model.issued, 0);
	close_shop(&s);
}

struct source {
	struct loop_timer timer;
	struct shop *shop;
	int left;
};

static void on_arrival(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct source *src = arg;

	ask(src->shop, SIM_PRODUCT);
	if (--src->left > 0)
		loop_timer_at_mono(loop, timer,
				   loop_mono(loop) + 10 * NSEC_MS);
}

/* 100 a second against 20 a second: a second's burst, then every fifth. */
static void test_rate_limit(void **state)
{
	struct shop s;
	struct source src = { .shop = &s, .left = 1000 };

	(void)state;
	open_shop(&s, 1);
	s.model.rate = s.model.tokens = 20;
	loop_timer_init(&src.timer, "arrivals", on_arrival, &src);
	loop_timer_at_mono(s.loop, &src.timer, 0);
	loop_run(s.loop);
	assert_int_equal(s.n[200] + s.n[429], 1000);
	assert_in_range(s.n[200], 215, 225);
	close_shop(&s);
}

static void run_for(struct shop *s, nsec_t span)
{
	nsec_t end = loop_mono(s->loop) + span;

	while (loop_mono(s->loop) < end) {
		nsec_t was = loop_mono(s->loop);

		loop_turn(s->loop, 0);
		if (loop_mono(s->loop) == was)
			break;	/* nothing is left to do */
	}
}

/* 3 consumers, 76.3 ms each: 39 a second. */
static void test_pipeline(void **state)
{
	struct shop s;
	uint64_t at;

	(void)state;
	open_shop(&s, 1);
	sim_set_paused(&s.model, true);
	ask_many(&s, SIM_COUPON, 500);
	loop_run(s.loop);
	assert_int_equal(s.model.issued, 500);
	assert_int_equal(s.model.confirmed, 0);
	sim_set_paused(&s.model, false);
	at = s.model.confirmed;
	run_for(&s, 5 * NSEC_SEC);
	assert_in_range(s.model.confirmed - at, 190, 204);
	sim_set_paused(&s.model, true);
	run_for(&s, NSEC_SEC);	/* those in hand are done */
	at = s.model.confirmed;
	run_for(&s, 5 * NSEC_SEC);
	assert_int_equal(s.model.confirmed, at);
	sim_set_consumers(&s.model, 10);
	sim_set_paused(&s.model, false);
	loop_run(s.loop);
	assert_int_equal(s.model.confirmed, 500);
	sim_set_consumers(&s.model, 1000000);
	assert_true(s.model.consumers <= 64);
	close_shop(&s);
}

/* A client that has left takes its place all the same. */
static void test_askers_that_leave(void **state)
{
	struct shop s;

	(void)state;
	open_shop(&s, 1);
	sim_limit_resize(&s.model, &s.model.pool, 1);
	for (int i = 0; i < 10; i++)
		ask(&s, SIM_COUPON)->answered = NULL;
	ask(&s, SIM_COUPON);
	loop_run(s.loop);
	assert_int_equal(s.all, 1);
	assert_int_equal(s.model.issued, 11);
	close_shop(&s);
}

static void test_closed_with_requests_inside(void **state)
{
	struct shop s;

	(void)state;
	open_shop(&s, 1);
	ask_many(&s, SIM_COUPON, 400);
	ask_many(&s, SIM_PRODUCT, 10);
	close_shop(&s);
	assert_int_equal(s.all, 0);
}

static nsec_t total(uint64_t seed)
{
	struct shop s;
	nsec_t t;

	open_shop(&s, seed);
	ask_many(&s, SIM_COUPON, 500);
	loop_run(s.loop);
	t = loop_mono(s.loop);
	close_shop(&s);
	return t;
}

static void test_seeds(void **state)
{
	(void)state;
	assert_true(total(7) == total(7));
	assert_true(total(7) != total(8));
}

static void test_staging_keys(void **state)
{
	struct scenario_entry v[] = {
		{ .key = (char[]){ "shop.pool" }, .value = (char[]){ "16" } },
		{ .key = (char[]){ "shop.consumers" },
		  .value = (char[]){ "5" } },
	};
	struct scenario_section staging = { .name = (char[]){ "staging" },
					    .v = v, .n = 2 };
	struct sim_model m;
	struct loop *loop;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(loop_new(LOOP_VIRTUAL, &loop, &err), 0);
	assert_int_equal(sim_model_init(&m, loop, 1, &staging, &err), 0);
	assert_int_equal(m.pool.size, 16);
	assert_int_equal(m.consumers, 5);
	sim_model_done(&m);
	v[0].value[0] = 'x';
	assert_true(sim_model_init(&m, loop, 1, &staging, &err) < 0);
	sim_model_done(&m);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_queues),
		cmocka_unit_test(test_the_link_s_limit),
		cmocka_unit_test(test_first_come_first_served),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_products_do_not_need_the_database),
		cmocka_unit_test(test_suspended),
		cmocka_unit_test(test_rate_limit),
		cmocka_unit_test(test_pipeline),
		cmocka_unit_test(test_askers_that_leave),
		cmocka_unit_test(test_closed_with_requests_inside),
		cmocka_unit_test(test_seeds),
		cmocka_unit_test(test_staging_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
