/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the loop share. Include it after cmocka.h. */
#ifndef GD_TESTS_LIB_LOOPS_H
#define GD_TESTS_LIB_LOOPS_H

#include "chaos/base/loop.h"

static const enum loop_backend backends[] = { LOOP_EPOLL, LOOP_VIRTUAL };

static inline struct loop *loop_make(enum loop_backend backend)
{
	struct loop *loop;
	struct err err;

	if (loop_new(backend, &loop, &err))
		fail_msg("%s", err.msg);
	return loop;
}

/* Turns until *what reaches n; the deadline is the test's. */
static inline void turn_until(struct loop *loop, const int *what, int n)
{
	nsec_t deadline = clock_mono() + 10 * NSEC_SEC;

	while (*what < n) {
		assert_true(clock_mono() < deadline);
		loop_turn(loop, 100 * NSEC_MS);
	}
}

struct fired {
	int n;
	int order[64];
	nsec_t at[64];
};

struct shot {
	struct loop_timer timer;
	struct fired *fired;
	int id;
};

static inline void shot_fn(struct loop *loop, struct loop_timer *timer,
			   void *arg)
{
	struct shot *s = arg;

	assert_false(loop_timer_is_set(timer));
	s->fired->at[s->fired->n] = loop_now(loop);
	s->fired->order[s->fired->n++] = s->id;
}

static inline void shot_init(struct shot *s, struct fired *fired, int id)
{
	s->fired = fired;
	s->id = id;
	loop_timer_init(&s->timer, "shot", shot_fn, s);
}

#endif
