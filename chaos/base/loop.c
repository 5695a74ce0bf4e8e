/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop.  A turn waits, takes one reading of the clock, then runs
 * posts, descriptors and the timers that were set before the turn, in this
 * order.  Nothing that a callback frees or unregisters is touched after it.
 */
#include "chaos/base/loop.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "chaos/base/hist.h"
#include "chaos/base/log.h"
#include "chaos/base/loop_heap.h"
#include "chaos/base/mem.h"

enum { LOOP_BATCH = 256 };
static const nsec_t SLOW = 5 * NSEC_MS, BLOCKED = 50 * NSEC_MS;

/*
 * One per descriptor number.  An event carries the generation that the slot
 * had when it was asked for, so that an event of this batch for an io that
 * an earlier callback unregistered, or whose number was reused, is dropped.
 */
struct slot {
	struct loop_io *io;	/* NULL: not registered */
	uint32_t gen;
};

struct loop {
	enum loop_backend backend;
	int epfd, timerfd;	/* timerfd -1: epoll_pwait2 is there */
	int wakefd;		/* eventfd: somebody has posted */
	struct drill_clock clock;
	nsec_t mono;		/* as of this turn */
	bool quit;

	struct loop_heap timers;
	uint64_t seq;

	struct slot *slots;
	size_t n_slots;
	size_t n_ios;		/* registered */
	struct pollfd *polls;	/* virtual: wakefd, then each io's */
	uint32_t *gens;		/* of the slots, beside polls */
	size_t cap_polls;

	pthread_mutex_t lock;	/* guards posts */
	struct list posts;

	nsec_t last;		/* real: when the last callback ended */
	struct loop_stats stats;
	struct hist *slip;
};

/* New and free. */

static bool has_pwait2(int epfd)
{
	struct epoll_event event;
	struct timespec zero = { 0 };

	return epoll_pwait2(epfd, &event, 1, &zero, NULL) >= 0 ||
	       (errno != ENOSYS && errno != EPERM);
}

static int epoll_add(struct loop *loop, int fd)
{
	struct epoll_event event = {
		.events = EPOLLIN,
		.data.u64 = (uint32_t)fd,
	};

	return epoll_ctl(loop->epfd, EPOLL_CTL_ADD, fd, &event);
}

static int epoll_open(struct loop *loop, struct err *err)
{
	loop->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epfd < 0)
		return err_errno(err, "cannot create an epoll descriptor");
	if (epoll_add(loop, loop->wakefd) < 0)
		return err_errno(err, "cannot watch an eventfd");
	if (has_pwait2(loop->epfd))
		return 0;
	/* Linux before 5.11: epoll waits whole milliseconds, a timerfd ns. */
	loop->timerfd = timerfd_create(CLOCK_MONOTONIC,
				       TFD_CLOEXEC | TFD_NONBLOCK);
	if (loop->timerfd < 0 || epoll_add(loop, loop->timerfd) < 0)
		return err_errno(err, "cannot create a timerfd");
	return 0;
}

int loop_new(enum loop_backend backend, struct loop **ret, struct err *err)
{
	struct loop *loop = mem_zalloc(sizeof(*loop));
	int rc = 0;

	loop->backend = backend;
	loop->epfd = loop->timerfd = -1;
	loop->clock.speed = 1;
	list_init(&loop->posts);
	pthread_mutex_init(&loop->lock, NULL);
	loop->wakefd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->wakefd < 0)
		rc = err_errno(err, "cannot create an eventfd");
	else if (backend == LOOP_EPOLL)
		rc = epoll_open(loop, err);
	if (rc < 0) {
		loop_free(loop);
		return rc;
	}
	if (backend == LOOP_EPOLL)
		loop->mono = clock_mono();
	*ret = loop;
	return 0;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	mem_close_fd(&loop->epfd);
	mem_close_fd(&loop->timerfd);
	mem_close_fd(&loop->wakefd);
	pthread_mutex_destroy(&loop->lock);
	loop_heap_done(&loop->timers);
	mem_free(loop->slots);
	mem_free(loop->polls);
	mem_free(loop->gens);
	mem_free(loop);
}

bool loop_is_virtual(const struct loop *loop)
{
	return loop->backend == LOOP_VIRTUAL;
}

/* Time. */

void loop_set_clock(struct loop *loop, const struct drill_clock *clock)
{
	loop->clock = *clock;
}

const struct drill_clock *loop_clock(const struct loop *loop)
{
	return &loop->clock;
}

nsec_t loop_now(const struct loop *loop)
{
	return drill_from_mono(&loop->clock, loop->mono);
}

nsec_t loop_mono(const struct loop *loop)
{
	return loop->mono;
}

nsec_t loop_mono_fresh(struct loop *loop)
{
	if (loop->backend == LOOP_EPOLL)
		loop->mono = clock_mono();
	return loop->mono;
}

nsec_t loop_now_fresh(struct loop *loop)
{
	return drill_from_mono(&loop->clock, loop_mono_fresh(loop));
}

/* Timers. */

void loop_timer_init(struct loop_timer *timer, const char *name,
		     loop_timer_fn *fn, void *arg)
{
	*timer = (struct loop_timer){ .name = name, .fn = fn, .arg = arg };
}

void loop_timer_at(struct loop *loop, struct loop_timer *timer, nsec_t drill)
{
	loop_timer_at_mono(loop, timer, drill_to_mono(&loop->clock, drill));
}

/*
 * A time that is past becomes now.  Then the timers set during a turn come
 * behind all that were due in it, and timers_run() can stop at the first.
 */
void loop_timer_at_mono(struct loop *loop, struct loop_timer *timer,
			nsec_t mono)
{
	if (mono == NSEC_NEVER) {
		loop_timer_stop(loop, timer);
		return;
	}
	timer->due = mono > loop->mono ? mono : loop->mono;
	timer->seq = loop->seq++;
	loop_heap_put(&loop->timers, timer);
}

void loop_timer_stop(struct loop *loop, struct loop_timer *timer)
{
	if (timer->index)
		loop_heap_remove(&loop->timers, timer);
}

/* Descriptors. */

void loop_io_init(struct loop_io *io, int fd, const char *name,
		  loop_io_fn *fn, void *arg)
{
	*io = (struct loop_io){ .fd = fd, .name = name, .fn = fn, .arg = arg };
}

static struct slot *slot_of(struct loop *loop, int fd)
{
	size_t n = loop->n_slots;

	if ((size_t)fd >= n) {
		n = n * 2 > (size_t)fd ? n * 2 : (size_t)fd + 16;
		loop->slots = mem_realloc(loop->slots, n * sizeof(struct slot));
		for (size_t i = loop->n_slots; i < n; i++)
			loop->slots[i] = (struct slot){ NULL, 0 };
		loop->n_slots = n;
	}
	return &loop->slots[fd];
}

static int epoll_change(struct loop *loop, const struct loop_io *io,
			unsigned events, uint32_t gen)
{
	struct epoll_event event = {
		.events = (events & LOOP_IN ? EPOLLIN : 0) |
			  (events & LOOP_OUT ? EPOLLOUT : 0) |
			  (events & LOOP_HUP ? EPOLLRDHUP : 0) |
			  (events & LOOP_EDGE ? EPOLLRDHUP | EPOLLET : 0),
		.data.u64 = (uint64_t)gen << 32 | (uint32_t)io->fd,
	};
	int op = io->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (loop->backend == LOOP_VIRTUAL)
		return 0;
	return epoll_ctl(loop->epfd, op, io->fd, &event);
}

static void io_unregister(struct loop *loop, struct loop_io *io)
{
	struct slot *slot = slot_of(loop, io->fd);

	if (loop->backend == LOOP_EPOLL)
		(void)epoll_ctl(loop->epfd, EPOLL_CTL_DEL, io->fd, NULL);
	slot->io = NULL;
	slot->gen++;
	loop->n_ios--;
	io->events = 0;
}

void loop_io_again(struct loop *loop, struct loop_io *io)
{
	if (io->events)
		(void)epoll_change(loop, io, io->events,
				   slot_of(loop, io->fd)->gen);
}

int loop_io_set(struct loop *loop, struct loop_io *io, unsigned events,
		struct err *err)
{
	struct slot *slot;

	if (events == io->events)
		return 0;
	if (events == 0) {
		io_unregister(loop, io);
		return 0;
	}
	if (io->fd < 0)
		return err_set(err, -EBADF, "cannot watch '%s': no descriptor",
			       io->name);
	slot = slot_of(loop, io->fd);
	/* Else somebody closed a descriptor that was still registered. */
	assert(!slot->io || slot->io == io);
	if (epoll_change(loop, io, events, slot->gen) < 0)
		return err_errno(err, "cannot watch '%s'", io->name);
	if (!io->events)
		loop->n_ios++;
	slot->io = io;
	io->events = events;
	return 0;
}

/* Posts. */

static void wake(struct loop *loop)
{
	uint64_t one = 1;

	while (write(loop->wakefd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

void loop_post(struct loop *loop, struct loop_post *post)
{
	bool first;

	pthread_mutex_lock(&loop->lock);
	first = list_empty(&loop->posts);
	list_append(&loop->posts, &post->link);
	/* Under the lock: the poster may free the loop once fn has run. */
	if (first)
		wake(loop);
	pthread_mutex_unlock(&loop->lock);
}

static bool posts_waiting(struct loop *loop)
{
	bool some;

	pthread_mutex_lock(&loop->lock);
	some = !list_empty(&loop->posts);
	pthread_mutex_unlock(&loop->lock);
	return some;
}

/* Callbacks, timed. */

static void callback_ended(struct loop *loop, const char *name)
{
	nsec_t now = clock_mono(), took = now - loop->last;

	loop->last = now;
	if (took > loop->stats.longest) {
		loop->stats.longest = took;
		loop->stats.longest_name = name;
	}
	if (took <= SLOW)
		return;
	loop->stats.slow++;
	if (took > BLOCKED)
		loop->stats.blocked++;
	/* In virtual time nothing waits for it. */
	if (loop->backend == LOOP_EPOLL)
		log_warn("callback '%s' took %.1f ms", name ? name : "?",
			 (double)took / NSEC_MS);
	loop->last = clock_mono();	/* the log line is not the next's */
}

static void posts_run(struct loop *loop)
{
	struct list now, *l;
	uint64_t count;

	pthread_mutex_lock(&loop->lock);
	if (list_empty(&loop->posts)) {
		pthread_mutex_unlock(&loop->lock);
		return;
	}
	/* Take over the whole chain: what is posted from now on comes later. */
	now = loop->posts;
	now.next->prev = now.prev->next = &now;
	list_init(&loop->posts);
	while (read(loop->wakefd, &count, sizeof(count)) < 0 && errno == EINTR)
		;
	pthread_mutex_unlock(&loop->lock);
	while ((l = list_pop(&now))) {
		struct loop_post *post = LIST_ENTRY(l, struct loop_post, link);

		post->fn(loop, post);
		callback_ended(loop, "post");
	}
}

static void io_run(struct loop *loop, int fd, uint32_t gen, unsigned events)
{
	struct slot *slot = &loop->slots[fd];
	struct loop_io *io = slot->io;
	const char *name;

	if (!io || slot->gen != gen)
		return;
	/* What was asked for may have changed since the wait. */
	if (events & LOOP_HUP)
		events |= io->events;
	events &= io->events | LOOP_HUP;
	if (!events)
		return;
	name = io->name;
	io->fn(loop, io, events, io->arg);
	callback_ended(loop, name);
}

static void timers_run(struct loop *loop, uint64_t before)
{
	nsec_t now = loop->mono;

	while (loop->timers.n) {
		struct loop_timer *timer = loop->timers.v[0].timer;
		const char *name = timer->name;

		if (timer->due > now || timer->seq >= before)
			break;
		loop_heap_remove(&loop->timers, timer);
		if (loop->slip && loop->backend == LOOP_EPOLL)
			hist_record(loop->slip, loop->last - timer->due);
		timer->fn(loop, timer, timer->arg);
		callback_ended(loop, name);
	}
}

/* The epoll backend. */
static nsec_t wait_time(struct loop *loop, nsec_t max_wait)
{
	nsec_t wait;

	if (loop->quit)
		return 0;
	if (!loop->timers.n)
		return max_wait;
	wait = loop->timers.v[0].due - clock_mono();
	if (wait < 0)
		wait = 0;
	return wait < max_wait ? wait : max_wait;
}

static int timerfd_wait(struct loop *loop, struct epoll_event *events,
			nsec_t wait)
{
	struct itimerspec when = { 0 };

	if (wait == 0)
		return epoll_wait(loop->epfd, events, LOOP_BATCH, 0);
	if (wait != NSEC_NEVER)
		when.it_value = (struct timespec){ wait / NSEC_SEC,
						   wait % NSEC_SEC };
	timerfd_settime(loop->timerfd, 0, &when, NULL);
	return epoll_wait(loop->epfd, events, LOOP_BATCH, -1);
}

static int epoll_wait_ns(struct loop *loop, struct epoll_event *events,
			 nsec_t wait)
{
	struct timespec ts = { wait / NSEC_SEC, wait % NSEC_SEC };

	if (loop->timerfd >= 0)
		return timerfd_wait(loop, events, wait);
	return epoll_pwait2(loop->epfd, events, LOOP_BATCH,
			    wait == NSEC_NEVER ? NULL : &ts, NULL);
}

static void timerfd_drain(struct loop *loop)
{
	uint64_t count;

	(void)!read(loop->timerfd, &count, sizeof(count));
}

static unsigned from_epoll(uint32_t e)
{
	return (e & EPOLLIN ? LOOP_IN : 0) | (e & EPOLLOUT ? LOOP_OUT : 0) |
	       (e & (EPOLLHUP | EPOLLERR | EPOLLRDHUP) ? LOOP_HUP : 0);
}

static void turn_epoll(struct loop *loop, nsec_t max_wait)
{
	struct epoll_event events[LOOP_BATCH];
	int n = epoll_wait_ns(loop, events, wait_time(loop, max_wait));
	uint64_t before = loop->seq;

	loop->mono = loop->last = clock_mono();
	posts_run(loop);
	for (int i = 0; i < n; i++) {
		int fd = (int)(uint32_t)events[i].data.u64;

		if (fd == loop->timerfd)
			timerfd_drain(loop);
		else if (fd != loop->wakefd)
			io_run(loop, fd, (uint32_t)(events[i].data.u64 >> 32),
			       from_epoll(events[i].events));
	}
	timers_run(loop, before);
}

/* The virtual backend. */

static size_t polls_fill(struct loop *loop)
{
	size_t n = 0;

	if (loop->cap_polls < loop->n_ios + 1) {
		loop->cap_polls = 2 * (loop->n_ios + 1);
		loop->polls = mem_realloc(
			loop->polls, loop->cap_polls * sizeof(*loop->polls));
		loop->gens = mem_realloc(
			loop->gens, loop->cap_polls * sizeof(*loop->gens));
	}
	loop->polls[n++] = (struct pollfd){ loop->wakefd, POLLIN, 0 };
	for (size_t fd = 0; fd < loop->n_slots; fd++) {
		const struct loop_io *io = loop->slots[fd].io;

		if (!io)
			continue;
		loop->gens[n] = loop->slots[fd].gen;
		loop->polls[n++] = (struct pollfd){
			.fd = (int)fd,
			.events = (io->events & LOOP_IN ? POLLIN : 0) |
				  (io->events & LOOP_OUT ? POLLOUT : 0) |
				  (io->events & LOOP_HUP ? POLLRDHUP : 0),
		};
	}
	return n;
}

static unsigned from_poll(short e)
{
	return (e & POLLIN ? LOOP_IN : 0) | (e & POLLOUT ? LOOP_OUT : 0) |
	       (e & (POLLHUP | POLLERR | POLLRDHUP | POLLNVAL) ? LOOP_HUP : 0);
}

/* Whether there was anything; wait as for loop_turn(). */
static bool polls_run(struct loop *loop, nsec_t wait)
{
	nsec_t w = wait == NSEC_NEVER ? 0 : wait;
	struct timespec ts = { w / NSEC_SEC, w % NSEC_SEC };
	size_t n = polls_fill(loop);
	int ready = ppoll(loop->polls, n, wait < NSEC_NEVER ? &ts : NULL, NULL);

	loop->last = clock_mono();
	posts_run(loop);
	for (size_t i = 1; ready > 0 && i < n; i++)
		if (loop->polls[i].revents)
			io_run(loop, loop->polls[i].fd, loop->gens[i],
			       from_poll(loop->polls[i].revents));
	return ready > 0;
}

static void turn_virtual(struct loop *loop, nsec_t max_wait)
{
	uint64_t before = loop->seq;
	bool some;

	loop->last = clock_mono();
	/* A drill without descriptors needs no system call. */
	if (loop->n_ios) {
		some = polls_run(loop, loop->timers.n ? 0 : max_wait);
	} else {
		some = posts_waiting(loop);
		posts_run(loop);
	}
	if (!some && !loop->quit && loop->timers.n &&
	    loop->timers.v[0].due > loop->mono)
		loop->mono = loop->timers.v[0].due;
	timers_run(loop, before);
}

/* Running. */

static bool nothing_left(struct loop *loop)
{
	return !loop->timers.n && !loop->n_ios && !posts_waiting(loop);
}

void loop_turn(struct loop *loop, nsec_t max_wait)
{
	loop->stats.turns++;
	if (loop->backend == LOOP_EPOLL)
		turn_epoll(loop, max_wait);
	else
		turn_virtual(loop, max_wait);
}

void loop_run(struct loop *loop)
{
	while (!loop->quit) {
		if (loop->backend == LOOP_VIRTUAL && nothing_left(loop))
			break;
		loop_turn(loop, NSEC_NEVER);
	}
	loop->quit = false;
}

void loop_quit(struct loop *loop)
{
	loop->quit = true;
}

void loop_stats(const struct loop *loop, struct loop_stats *ret)
{
	*ret = loop->stats;
}

void loop_record_slip(struct loop *loop, struct hist *h)
{
	loop->slip = h;
}
