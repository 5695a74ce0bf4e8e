// links: gd_proxy
/* SPDX-License-Identifier: Apache-2.0 */
/* The pool's semaphore: FIFO, resize, those who leave, several threads. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>

#include <cmocka.h>

#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "faults/proxy/gate.h"

struct client {
	struct gate_pass pass;
	struct gate *gate;
	int granted; /* order of its grant; 0: none */
};

static int order;

static void on_grant(struct loop *loop, struct loop_post *post)
{
	struct client *c = LIST_ENTRY(post, struct client, pass.post);

	(void)loop;
	if (gate_taken(c->gate, &c->pass))
		c->granted = ++order;
}

static struct gate gate;
static struct loop *loop;
static struct client clients[8];

static int setup(void **state)
{
	struct err err;

	(void)state;
	gate_init(&gate);
	order = 0;
	if (loop_new(LOOP_VIRTUAL, &loop, &err) < 0)
		return -1;
	for (int i = 0; i < 8; i++) {
		clients[i] = (struct client){.gate = &gate};
		gate_pass_init(&clients[i].pass, loop, on_grant);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	loop_free(loop);
	gate_done(&gate);
	return 0;
}

static enum gate_answer enter(int i, nsec_t now)
{
	return gate_enter(&gate, &clients[i].pass, now);
}

static void leave(int i, nsec_t now)
{
	(void)gate_leave(&gate, &clients[i].pass, true, now);
}

static void limit(int64_t size, int64_t queue, bool fresh, nsec_t now)
{
	gate_limit(&gate, &(struct gate_limit){.size = size, .queue = queue},
		   fresh, now);
}

static struct gate_stats stats(nsec_t now)
{
	struct gate_stats s;

	gate_stats(&gate, now, &s);
	return s;
}

static void test_counts_without_a_limit(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++)
		assert_int_equal(enter(i, 0), GATE_YES);
	leave(0, 1);
	assert_int_equal(stats(1).in_flight, 4);
	assert_int_equal(stats(1).max_in_flight, 5);
	assert_int_equal(stats(1).transactions, 1);
	assert_int_equal(stats(1).size, 0);
}

static void test_fifo(void **state)
{
	(void)state;
	limit(2, 0, true, 0);
	assert_int_equal(enter(0, 0), GATE_YES);
	assert_int_equal(enter(1, 0), GATE_YES);
	for (int i = 2; i < 6; i++)
		assert_int_equal(enter(i, i * NSEC_MS), GATE_WAIT);
	assert_int_equal(stats(10 * NSEC_MS).waiting, 4);
	assert_int_equal(stats(10 * NSEC_MS).longest, 8 * NSEC_MS);
	leave(1, 12 * NSEC_MS);
	leave(0, 12 * NSEC_MS);
	loop_run(loop);
	assert_int_equal(clients[2].granted, 1);
	assert_int_equal(clients[3].granted, 2);
	assert_int_equal(clients[4].granted, 0);
	assert_int_equal(stats(0).in_flight, 2);
	/* one that waits and leaves is passed over */
	leave(4, 13 * NSEC_MS);
	leave(2, 14 * NSEC_MS);
	loop_run(loop);
	assert_int_equal(clients[4].granted, 0);
	assert_int_equal(clients[5].granted, 3);
	json_t *a = gate_achieved(&gate, 14 * NSEC_MS);

	assert_int_equal(json_int64(a, "max_in_flight", -1), 2);
	assert_int_equal(json_int64(a, "waits", -1), 3);
	assert_int_equal(json_int64(a, "left", -1), 1);
	assert_true(json_num(a, "wait_ms/max", 0) == 10.0);
	json_decref(a);
}

static void test_resize(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(enter(i, 0), GATE_YES);
	/* put on while more are in flight: these stay, new ones wait */
	limit(2, 0, true, 0);
	assert_int_equal(enter(4, 0), GATE_WAIT);
	assert_int_equal(enter(5, 0), GATE_WAIT);
	leave(0, 1);
	leave(1, 1);
	loop_run(loop);
	assert_int_equal(order, 0);
	leave(2, 1);
	loop_run(loop);
	assert_int_equal(order, 1);
	/* up: wakes at once; down: as slots come back */
	limit(8, 0, false, 2);
	loop_run(loop);
	assert_int_equal(order, 2);
	limit(1, 0, false, 3);
	assert_int_equal(stats(3).in_flight, 3);
	assert_int_equal(enter(6, 3), GATE_WAIT);
	leave(3, 4);
	leave(4, 4);
	assert_int_equal(stats(4).waiting, 1);
	leave(5, 4);
	assert_int_equal(stats(4).waiting, 0);
	/* the phases, by size: highest as of a grant */
	json_t *a = gate_achieved(&gate, 5);

	assert_int_equal(json_array_size(json_at(a, "phases")), 3);
	assert_int_equal(json_int64(a, "phases/0/in_flight_before", 0), 4);
	assert_int_equal(json_int64(a, "phases/0/max_in_flight", 0), 2);
	assert_int_equal(json_int64(a, "phases/1/max_in_flight", 0), 3);
	assert_int_equal(json_int64(a, "phases/2/max_in_flight", 0), 1);
	json_decref(a);
	/* off: everyone at once */
	for (int i = 0; i < 3; i++)
		assert_int_equal(enter(i, 5), GATE_WAIT);
	gate_limit(&gate, &(struct gate_limit){0}, false, 6);
	loop_run(loop);
	assert_int_equal(order, 6);
	assert_int_equal(stats(6).waiting, 0);
}

static void test_queue_and_timeout(void **state)
{
	(void)state;
	gate_limit(&gate,
		   &(struct gate_limit){
			   .size = 1, .queue = 1, .timeout = NSEC_SEC},
		   true, 0);
	assert_int_equal(gate_timeout(&gate), NSEC_SEC);
	assert_int_equal(enter(0, 0), GATE_YES);
	assert_int_equal(enter(1, 0), GATE_WAIT);
	assert_int_equal(enter(2, 0), GATE_FULL);
	assert_true(gate_leave_waiting(&gate, &clients[1].pass, NSEC_SEC));
	assert_int_equal(stats(0).waiting, 0);
	assert_int_equal(enter(3, 0), GATE_WAIT);
	leave(0, 2);
	/* granted, not noticed yet: a timeout comes too late */
	assert_false(gate_leave_waiting(&gate, &clients[3].pass, NSEC_SEC));
	loop_run(loop);
	assert_int_equal(clients[3].granted, 1);
}

/* A grant under way to one who leaves goes to the next. */
static void test_leaves_before_the_post(void **state)
{
	(void)state;
	limit(1, 0, true, 0);
	assert_int_equal(enter(0, 0), GATE_YES);
	assert_int_equal(enter(1, 0), GATE_WAIT);
	assert_int_equal(enter(2, 0), GATE_WAIT);
	leave(0, 1);
	assert_true(gate_leave(&gate, &clients[1].pass, false, 1));
	loop_run(loop);
	assert_int_equal(clients[1].granted, 0);
	assert_int_equal(clients[2].granted, 1);
	assert_int_equal(stats(1).in_flight, 1);
}

/* Two threads, 8 clients each, a pool of 3. */

enum { ROUNDS = 4000, PER_THREAD = 8 };

static atomic_int inside, most_inside, rounds_left;

struct hammer {
	struct loop *loop;
	struct client clients[PER_THREAD];
	struct loop_post kick;
};

static void hammer_in(struct client *c)
{
	int now_in = atomic_fetch_add(&inside, 1) + 1, was;

	while ((was = atomic_load(&most_inside)) < now_in &&
	       !atomic_compare_exchange_weak(&most_inside, &was, now_in))
		;
	atomic_fetch_sub(&inside, 1);
	(void)gate_leave(c->gate, &c->pass, true, 0);
}

static void hammer_go(struct client *c)
{
	while (atomic_fetch_sub(&rounds_left, 1) > 0) {
		if (gate_enter(c->gate, &c->pass, 0) == GATE_WAIT)
			return;
		hammer_in(c);
	}
	loop_quit(c->pass.loop);
}

static void hammer_granted(struct loop *l, struct loop_post *post)
{
	struct client *c = LIST_ENTRY(post, struct client, pass.post);

	(void)l;
	if (!gate_taken(c->gate, &c->pass))
		return;
	hammer_in(c);
	hammer_go(c);
}

static void hammer_kick(struct loop *l, struct loop_post *post)
{
	struct hammer *h = LIST_ENTRY(post, struct hammer, kick);

	(void)l;
	for (int i = 0; i < PER_THREAD; i++)
		hammer_go(&h->clients[i]);
}

static void *hammer_main(void *arg)
{
	struct hammer *h = arg;

	loop_post(h->loop, &h->kick);
	loop_run(h->loop);
	return NULL;
}

static void test_threads(void **state)
{
	static struct hammer hammers[2];
	pthread_t threads[2];
	struct err err;

	(void)state;
	atomic_store(&rounds_left, ROUNDS);
	limit(3, 0, true, 0);
	for (int t = 0; t < 2; t++) {
		struct hammer *h = &hammers[t];

		assert_int_equal(loop_new(LOOP_EPOLL, &h->loop, &err), 0);
		h->kick.fn = hammer_kick;
		for (int i = 0; i < PER_THREAD; i++) {
			h->clients[i].gate = &gate;
			gate_pass_init(&h->clients[i].pass, h->loop,
				       hammer_granted);
		}
	}
	for (int t = 0; t < 2; t++)
		pthread_create(&threads[t], NULL, hammer_main, &hammers[t]);
	for (int t = 0; t < 2; t++)
		pthread_join(threads[t], NULL);
	assert_true(atomic_load(&most_inside) <= 3);
	assert_true(stats(0).max_active <= 3);
	assert_true(stats(0).transactions > ROUNDS / 2);
	for (int t = 0; t < 2; t++)
		loop_free(hammers[t].loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_counts_without_a_limit,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_fifo, setup, teardown),
		cmocka_unit_test_setup_teardown(test_resize, setup, teardown),
		cmocka_unit_test_setup_teardown(test_queue_and_timeout, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_leaves_before_the_post,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
