/* SPDX-License-Identifier: Apache-2.0 */
/* The loop's timers and time: order, moves, virtual time, slow callbacks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "chaos/base/log.h"
#include "chaos/base/mem.h"
#include "chaos/base/rng.h"
#include "tests/lib/loops.h"

static void test_order(void **state)
{
	static const int due_ms[] = { 5, 1, 3, 1, 5, 2, 1 };
	static const int want[] = { 1, 3, 6, 5, 2, 0, 4 };

	(void)state;
	for (size_t b = 0; b < 2; b++) {
		struct loop *loop = loop_make(backends[b]);
		nsec_t t0 = loop_now(loop);
		struct fired fired = { 0 };
		struct shot s[7];

		for (int i = 0; i < 7; i++) {
			shot_init(&s[i], &fired, i);
			loop_timer_at(loop, &s[i].timer,
				      t0 + due_ms[i] * NSEC_MS);
		}
		turn_until(loop, &fired.n, 7);
		for (int i = 0; i < 7; i++) {
			assert_int_equal(fired.order[i], want[i]);
			assert_true(fired.at[i] >=
				    t0 + due_ms[want[i]] * NSEC_MS);
		}
		loop_free(loop);
	}
}

/* The heap against a plain search, with moves and stops in between. */
static void test_heap(void **state)
{
	enum { N = 500 };
	struct loop *loop = loop_make(LOOP_VIRTUAL);
	static struct shot s[N];
	struct fired fired;
	struct rng rng;
	nsec_t last = 0;
	int left = 0;

	(void)state;
	rng_init(&rng, 3, 0);
	for (int i = 0; i < N; i++)
		shot_init(&s[i], &fired, i);
	for (int i = 0; i < 20000; i++) {
		struct shot *x = &s[rng_below(&rng, N)];

		if (rng_below(&rng, 3) == 0)
			loop_timer_stop(loop, &x->timer);
		else
			loop_timer_at(loop, &x->timer,
				      (nsec_t)rng_below(&rng, 1000));
	}
	for (int i = 0; i < N; i++)
		left += loop_timer_is_set(&s[i].timer);
	assert_true(left > 100);
	for (; left > 0; left--) {
		const struct loop_timer *least = NULL;
		int id = -1;

		for (int i = 0; i < N; i++) {
			const struct loop_timer *t = &s[i].timer;

			if (t->index &&
			    (!least || t->due < least->due ||
			     (t->due == least->due && t->seq < least->seq))) {
				least = t;
				id = i;
			}
		}
		last = least->due;
		fired.n = 0;
		while (fired.n == 0)	/* one turn may fire several */
			loop_turn(loop, 0);
		assert_int_equal(fired.order[0], id);
		assert_int_equal(fired.at[0], last);
		left -= fired.n - 1;
	}
	loop_free(loop);
}

struct again {
	struct loop_timer timer, other;
	int n;
};

static void again_fn(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct again *a = arg;

	a->n++;
	loop_timer_at(loop, timer, loop_now(loop) - NSEC_SEC);
}

static void test_past_fires_next_turn(void **state)
{
	(void)state;
	for (size_t b = 0; b < 2; b++) {
		struct loop *loop = loop_make(backends[b]);
		nsec_t t0 = loop_now(loop);
		struct again a = { .n = 0 };

		loop_timer_init(&a.timer, "again", again_fn, &a);
		loop_timer_at(loop, &a.timer, t0);
		for (int i = 1; i <= 5; i++) {
			loop_turn(loop, 0);
			assert_int_equal(a.n, i);
		}
		if (backends[b] == LOOP_VIRTUAL)
			assert_int_equal(loop_now(loop), t0);
		loop_free(loop);
	}
}

/* A timer that is always past does not keep others from their turn. */
static void test_past_does_not_starve(void **state)
{
	(void)state;
	for (size_t b = 0; b < 2; b++) {
		struct loop *loop = loop_make(backends[b]);
		struct again a = { .n = 0 };
		struct fired fired = { 0 };
		struct shot s;

		loop_timer_init(&a.timer, "again", again_fn, &a);
		loop_timer_at(loop, &a.timer, loop_now(loop));
		shot_init(&s, &fired, 0);
		loop_timer_at(loop, &s.timer, loop_now(loop));
		loop_turn(loop, 0);
		loop_turn(loop, 0);
		assert_int_equal(fired.n, 1);
		loop_free(loop);
	}
}

static void stop_other_fn(struct loop *loop, struct loop_timer *timer,
			  void *arg)
{
	struct again *a = arg;

	(void)timer;
	a->n++;
	loop_timer_stop(loop, &a->other);
}

/* Both are due in one turn: the first stops the second. */
static void test_stop_in_callback(void **state)
{
	struct loop *loop = loop_make(LOOP_VIRTUAL);
	struct again a = { .n = 0 };

	(void)state;
	loop_timer_init(&a.timer, "one", stop_other_fn, &a);
	loop_timer_init(&a.other, "two", again_fn, &a);
	loop_timer_at(loop, &a.timer, 10);
	loop_timer_at(loop, &a.other, 10);
	loop_run(loop);
	assert_int_equal(a.n, 1);
	assert_int_equal(loop_now(loop), 10);
	loop_free(loop);
}

static void free_fn(struct loop *loop, struct loop_timer *timer, void *arg)
{
	int *n = arg;

	(void)loop;
	(*n)++;
	mem_free(timer);
}

static void test_free_in_callback(void **state)
{
	struct loop *loop = loop_make(LOOP_VIRTUAL);
	int n = 0;

	(void)state;
	for (int i = 0; i < 20; i++) {
		struct loop_timer *t = mem_alloc(sizeof(*t));

		loop_timer_init(t, "freed", free_fn, &n);
		loop_timer_at(loop, t, i % 3);
	}
	loop_run(loop);
	assert_int_equal(n, 20);
	loop_free(loop);
}

static void test_never(void **state)
{
	struct loop *loop = loop_make(LOOP_VIRTUAL);
	struct fired fired = { 0 };
	struct shot s;

	(void)state;
	shot_init(&s, &fired, 0);
	loop_timer_at(loop, &s.timer, 5);
	loop_timer_at(loop, &s.timer, NSEC_NEVER);
	assert_false(loop_timer_is_set(&s.timer));
	loop_run(loop);
	assert_int_equal(fired.n, 0);
	assert_int_equal(loop_now(loop), 0);
	loop_free(loop);
}

struct ticker {
	int64_t ticks;
};

/* Sets, moves inward, and leaves what fires before then. */
static void test_by(void **state)
{
	struct loop *loop = loop_make(LOOP_VIRTUAL);
	struct fired fired = { 0 };
	struct shot s;

	(void)state;
	shot_init(&s, &fired, 0);
	loop_timer_by(loop, &s.timer, 50 * NSEC_MS);
	assert_int_equal(s.timer.due, 50 * NSEC_MS);
	loop_timer_by(loop, &s.timer, 90 * NSEC_MS);
	assert_int_equal(s.timer.due, 50 * NSEC_MS);
	loop_timer_by(loop, &s.timer, 20 * NSEC_MS);
	turn_until(loop, &fired.n, 1);
	assert_int_equal(fired.at[0], 20 * NSEC_MS);
	loop_free(loop);
}

static void tick_fn(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct ticker *t = arg;

	if (++t->ticks < 960 * 1000)
		loop_timer_at(loop, timer, t->ticks * NSEC_MS);
}

/* 16 drill minutes in milliseconds of ours take a moment. */
static void test_virtual_is_fast(void **state)
{
	struct loop *loop = loop_make(LOOP_VIRTUAL);
	struct ticker t = { 0 };
	struct loop_timer timer;
	nsec_t before = clock_mono();

	(void)state;
	assert_true(loop_is_virtual(loop));
	loop_timer_init(&timer, "tick", tick_fn, &t);
	loop_timer_at(loop, &timer, 0);
	loop_run(loop);
	assert_int_equal(t.ticks, 960000);
	assert_int_equal(loop_now(loop), 959999 * NSEC_MS);
	assert_true(clock_mono() - before < 5 * NSEC_SEC);
	loop_free(loop);
}

static void test_drill_time(void **state)
{
	(void)state;
	for (size_t b = 0; b < 2; b++) {
		struct loop *loop = loop_make(backends[b]);
		struct drill_clock clock = { .speed = 20 };
		struct fired fired = { 0 };
		struct shot s;

		clock.mono0 = loop_mono(loop) + 5 * NSEC_MS;
		loop_set_clock(loop, &clock);
		assert_true(loop_clock(loop)->speed == 20);
		assert_int_equal(loop_now(loop), -100 * NSEC_MS);
		shot_init(&s, &fired, 0);
		loop_timer_at(loop, &s.timer, 200 * NSEC_MS);
		/* 300 drill ms are 15 ms of ours */
		assert_int_equal(s.timer.due, clock.mono0 + 10 * NSEC_MS);
		turn_until(loop, &fired.n, 1);
		assert_true(fired.at[0] >= 200 * NSEC_MS);
		assert_true(loop_now_fresh(loop) >= fired.at[0]);
		loop_free(loop);
	}
}

static void quit_fn(struct loop *loop, struct loop_timer *timer, void *arg)
{
	(void)timer;
	(void)arg;
	loop_quit(loop);
}

static void test_quit(void **state)
{
	(void)state;
	for (size_t b = 0; b < 2; b++) {
		struct loop *loop = loop_make(backends[b]);
		struct fired fired = { 0 };
		struct loop_timer timer;
		struct shot s;

		shot_init(&s, &fired, 0);
		loop_timer_init(&timer, "quit", quit_fn, NULL);
		loop_timer_at(loop, &timer, loop_now(loop) + NSEC_MS);
		loop_timer_at(loop, &s.timer, loop_now(loop) + 3600 * NSEC_SEC);
		loop_run(loop);
		assert_int_equal(fired.n, 0);
		loop_quit(loop);	/* before it runs: at once */
		loop_run(loop);
		assert_int_equal(fired.n, 0);
		assert_true(loop_timer_is_set(&s.timer));
		loop_free(loop);
		assert_false(loop_timer_is_set(&s.timer));
	}
}

/* Slow callbacks. */

static char warned[128];

static void sink(void *arg, enum log_level level, const char *text)
{
	(void)arg;
	if (level == LOG_WARN)
		strncpy(warned, text, sizeof(warned) - 1);
}

static void busy_fn(struct loop *loop, struct loop_timer *timer, void *arg)
{
	const nsec_t *busy = arg;
	nsec_t end = clock_mono() + *busy;

	(void)loop;
	(void)timer;
	while (clock_mono() < end)
		;
}

static void test_slow(void **state)
{
	struct loop *loop = loop_make(LOOP_EPOLL);
	struct loop_timer timer;
	struct loop_stats stats;
	nsec_t busy = 7 * NSEC_MS;

	(void)state;
	log_set_sink(sink, NULL);
	loop_timer_init(&timer, "sluggish", busy_fn, &busy);
	loop_timer_at(loop, &timer, 0);
	loop_turn(loop, NSEC_SEC);
	loop_stats(loop, &stats);
	assert_int_equal(stats.slow, 1);
	assert_true(stats.longest >= busy);
	assert_string_equal(stats.longest_name, "sluggish");
	assert_non_null(strstr(warned, "'sluggish' took "));
	busy = 51 * NSEC_MS;
	loop_timer_at(loop, &timer, 0);
	loop_turn(loop, NSEC_SEC);
	loop_stats(loop, &stats);
	assert_int_equal(stats.slow, 2);
	assert_true(stats.blocked >= 1);
	log_set_sink(NULL, NULL);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_heap),
		cmocka_unit_test(test_past_fires_next_turn),
		cmocka_unit_test(test_past_does_not_starve),
		cmocka_unit_test(test_stop_in_callback),
		cmocka_unit_test(test_free_in_callback),
		cmocka_unit_test(test_never),
		cmocka_unit_test(test_by),
		cmocka_unit_test(test_virtual_is_fast),
		cmocka_unit_test(test_drill_time),
		cmocka_unit_test(test_quit),
		cmocka_unit_test(test_slow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
