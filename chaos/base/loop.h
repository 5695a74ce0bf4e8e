/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop: descriptors, timers, posts from other threads.  One thread
 * owns a loop; only loop_post() may be called from others.
 *
 * The epoll backend runs on CLOCK_MONOTONIC; the virtual backend has no
 * descriptors but those that are always asked for by poll(2) with no wait, and
 * jumps to the next timer when nothing else is to do.  Both speak drill time
 * through the clock set with loop_set_clock(); timers that are due together
 * fire in the order in which they were set.
 */
#ifndef GD_BASE_LOOP_H
#define GD_BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "chaos/base/clock.h"
#include "chaos/base/err.h"
#include "chaos/base/list.h"

struct loop;
struct hist;

enum loop_backend { LOOP_EPOLL, LOOP_VIRTUAL };

enum {
	LOOP_IN = 1,
	LOOP_OUT = 2,
	LOOP_HUP = 4,	/* hang-up, error */
	LOOP_EDGE = 8,	/* asked for with others: see loop_io_set() */
};

struct loop_timer;
typedef void loop_timer_fn(struct loop *loop, struct loop_timer *timer,
			   void *arg);
struct loop_timer {
	nsec_t due;		/* mono ns */
	uint64_t seq;		/* order among equals */
	uint32_t index;		/* place in the heap + 1; 0: not set */
	const char *name;	/* for the log of slow callbacks */
	loop_timer_fn *fn;
	void *arg;
};

struct loop_io;
typedef void loop_io_fn(struct loop *loop, struct loop_io *io,
			unsigned events, void *arg);
struct loop_io {
	int fd;
	unsigned events;	/* asked for now; 0: not registered */
	const char *name;
	loop_io_fn *fn;
	void *arg;
};

/* A message from another thread; owned by the poster until fn has run. */
struct loop_post;
typedef void loop_post_fn(struct loop *loop, struct loop_post *post);
struct loop_post {
	struct list link;
	loop_post_fn *fn;
};

int loop_new(enum loop_backend backend, struct loop **ret, struct err *err)
	MUST_CHECK;
void loop_free(struct loop *loop);	/* NULL is fine; owns no callbacks */
bool loop_is_virtual(const struct loop *loop);

/* Without a clock drill time is mono time at speed 1. Copied. */
void loop_set_clock(struct loop *loop, const struct drill_clock *clock);
const struct drill_clock *loop_clock(const struct loop *loop);
nsec_t loop_now(const struct loop *loop);	/* drill ns, as of this turn */
nsec_t loop_mono(const struct loop *loop);	/* mono ns, as of this turn */
/* The same, read anew (the virtual backend: unchanged). */
nsec_t loop_now_fresh(struct loop *loop);
nsec_t loop_mono_fresh(struct loop *loop);

void loop_timer_init(struct loop_timer *timer, const char *name,
		     loop_timer_fn *fn, void *arg);
/*
 * Sets or moves it.  A time that is past fires on the next turn; NSEC_NEVER
 * stops it.  Stop a timer before freeing it; while its fn runs it is not set.
 */
void loop_timer_at(struct loop *loop, struct loop_timer *timer, nsec_t drill);
void loop_timer_at_mono(struct loop *loop, struct loop_timer *timer,
			nsec_t mono);
void loop_timer_stop(struct loop *loop, struct loop_timer *timer);
static inline bool loop_timer_is_set(const struct loop_timer *timer)
{
	return timer->index != 0;
}
/*
 * For deadlines that nearly always move outward before they come: leaves a
 * timer that fires earlier as it is, and fn then looks whether it is time.
 */
static inline void loop_timer_by(struct loop *loop, struct loop_timer *timer,
				 nsec_t drill)
{
	nsec_t mono = drill_to_mono(loop_clock(loop), drill);

	if (!loop_timer_is_set(timer) || timer->due > mono)
		loop_timer_at_mono(loop, timer, mono);
}

void loop_io_init(struct loop_io *io, int fd, const char *name,
		  loop_io_fn *fn, void *arg);
/*
 * Level-triggered. events 0 unregisters; do so before closing fd.  After that,
 * also within the turn, fn is not called.  LOOP_HUP is always reported, with
 * all that was asked for, so that the next read or write sees the end.
 */
int loop_io_set(struct loop *loop, struct loop_io *io, unsigned events,
		struct err *err);
/*
 * With LOOP_EDGE fn is called once for what is new, with LOOP_HUP when the peer
 * has ended its stream: the callee reads until nothing is left, or asks to be
 * called again for what it has left.  A change of events does that as well.
 * (The virtual backend takes no notice.)
 */
void loop_io_again(struct loop *loop, struct loop_io *io);

/* Any thread. Runs post->fn on the loop's thread, in order. */
void loop_post(struct loop *loop, struct loop_post *post);

/* Until loop_quit(), or (virtual) until no timer, descriptor, post is left. */
void loop_run(struct loop *loop);
/*
 * One turn: waits at most max_wait real ns (NSEC_NEVER: no limit).  The virtual
 * backend's jump to the next timer takes no real time and is not limited.
 */
void loop_turn(struct loop *loop, nsec_t max_wait);
void loop_quit(struct loop *loop);

/* Callbacks over 5 real ms are logged by name (log_warn). */
struct loop_stats {
	uint64_t turns;
	uint64_t slow;		/* callbacks > 5 ms */
	uint64_t blocked;	/* callbacks > 50 ms: an audit finding */
	nsec_t longest;		/* real ns */
	const char *longest_name;
};
void loop_stats(const struct loop *loop, struct loop_stats *ret);
/* Records each timer's lateness (real ns) in h; NULL stops it. */
void loop_record_slip(struct loop *loop, struct hist *h);

#endif
