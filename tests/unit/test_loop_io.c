/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop's descriptors and posts: io unregistered within a turn, wake-ups
 * from threads, slip, and the timerfd that older kernels need.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chaos/base/hist.h"
#include "chaos/base/mem.h"
#include "tests/lib/loops.h"

/* Descriptors. */

struct end {
	struct loop_io io;
	int n;
	unsigned seen;
	char got[64];
	struct end *other;	/* unregistered and closed from fn */
};

static void end_fn(struct loop *loop, struct loop_io *io, unsigned events,
		   void *arg)
{
	struct end *e = arg;

	e->n++;
	e->seen |= events;
	if (events & LOOP_IN) {
		ssize_t n = read(io->fd, e->got, sizeof(e->got) - 1);

		if (n == 0)
			loop_io_set(loop, io, 0, NULL);
	}
	if (e->other) {
		loop_io_set(loop, &e->other->io, 0, NULL);
		close(e->other->io.fd);
		e->other->io.fd = -1;
		e->other = NULL;
	}
}

static void pair(int fd[2])
{
	assert_int_equal(socketpair(AF_UNIX,
				    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
				    0, fd), 0);
}

static void test_io(void **state)
{
	(void)state;
	for (size_t b = 0; b < 2; b++) {
		struct loop *loop = loop_make(backends[b]);
		struct end e = { .n = 0 };
		int fd[2];

		pair(fd);
		loop_io_init(&e.io, fd[0], "end", end_fn, &e);
		assert_int_equal(loop_io_set(loop, &e.io, LOOP_IN, NULL), 0);
		loop_turn(loop, NSEC_MS);
		assert_int_equal(e.n, 0);
		assert_int_equal(write(fd[1], "hello", 5), 5);
		turn_until(loop, &e.n, 1);
		assert_string_equal(e.got, "hello");
		assert_int_equal(e.seen, LOOP_IN);
		loop_io_set(loop, &e.io, LOOP_OUT, NULL);
		turn_until(loop, &e.n, 2);
		assert_int_equal(e.seen, LOOP_IN | LOOP_OUT);
		loop_io_set(loop, &e.io, LOOP_IN, NULL);
		close(fd[1]);
		while (e.io.events)	/* the end: IN comes with HUP */
			turn_until(loop, &e.n, e.n + 1);
		assert_true(e.seen & LOOP_HUP);
		close(fd[0]);
		loop_free(loop);
	}
}

/* A pipe that ends gives HUP alone: a reader must still be told to read. */
static void test_io_pipe_end(void **state)
{
	(void)state;
	for (size_t b = 0; b < 2; b++) {
		struct loop *loop = loop_make(backends[b]);
		struct end e = { .n = 0 };
		int fd[2];

		assert_int_equal(pipe2(fd, O_NONBLOCK | O_CLOEXEC), 0);
		loop_io_init(&e.io, fd[0], "end", end_fn, &e);
		loop_io_set(loop, &e.io, LOOP_IN, NULL);
		close(fd[1]);
		turn_until(loop, &e.n, 1);
		assert_int_equal(e.seen, LOOP_IN | LOOP_HUP);
		assert_int_equal(e.io.events, 0);
		close(fd[0]);
		loop_free(loop);
	}
}

static void test_io_bad(void **state)
{
	struct loop *loop = loop_make(LOOP_EPOLL);
	struct loop_io io;
	struct err err = { 0 };

	(void)state;
	loop_io_init(&io, -1, "nothing", end_fn, NULL);
	assert_int_equal(loop_io_set(loop, &io, LOOP_IN, &err), -EBADF);
	assert_non_null(strstr(err.msg, "'nothing'"));
	assert_int_equal(io.events, 0);
	loop_free(loop);
}

/*
 * Two are ready in one turn; whichever comes first unregisters the other, and
 * its number is taken by a new io at once: no event of the old one may arrive.
 */
static struct end fresh;

static void replace_fn(struct loop *loop, struct loop_io *io, unsigned events,
		       void *arg)
{
	struct end *e = arg;
	int old = e->other->io.fd;

	(void)events;
	e->n++;
	loop_io_set(loop, io, 0, NULL);
	loop_io_set(loop, &e->other->io, 0, NULL);
	memset(&e->other->io, 0xff, sizeof(e->other->io));
	assert_int_equal(dup2(io->fd, old), old);
	loop_io_init(&fresh.io, old, "fresh", end_fn, &fresh);
	loop_io_set(loop, &fresh.io, LOOP_IN, NULL);
}

static void test_io_replaced_in_turn(void **state)
{
	(void)state;
	for (size_t b = 0; b < 2; b++) {
		struct loop *loop = loop_make(backends[b]);
		struct end e[2] = { { .n = 0 } };
		int fd[2][2];

		memset(&fresh, 0, sizeof(fresh));
		for (int i = 0; i < 2; i++) {
			pair(fd[i]);
			loop_io_init(&e[i].io, fd[i][0], "end", replace_fn,
				     &e[i]);
			e[i].other = &e[1 - i];
			loop_io_set(loop, &e[i].io, LOOP_IN, NULL);
			assert_int_equal(write(fd[i][1], "x", 1), 1);
		}
		loop_turn(loop, NSEC_SEC);
		assert_int_equal(e[0].n + e[1].n, 1);
		assert_int_equal(fresh.n, 0);
		loop_turn(loop, 0);	/* now it is its own event */
		assert_int_equal(fresh.n, 1);
		assert_int_equal(e[0].n + e[1].n, 1);
		for (int i = 0; i < 2; i++) {
			close(fd[i][0]);
			close(fd[i][1]);
		}
		loop_free(loop);
	}
}

/* Virtual time stands still while a descriptor has something to say. */
static void test_virtual_io_first(void **state)
{
	struct loop *loop = loop_make(LOOP_VIRTUAL);
	struct fired fired = { 0 };
	struct end e = { .n = 0 };
	struct shot s;
	int fd[2];

	(void)state;
	pair(fd);
	loop_io_init(&e.io, fd[0], "end", end_fn, &e);
	loop_io_set(loop, &e.io, LOOP_IN, NULL);
	shot_init(&s, &fired, 0);
	loop_timer_at(loop, &s.timer, NSEC_SEC);
	assert_int_equal(write(fd[1], "x", 1), 1);
	loop_turn(loop, 0);
	assert_int_equal(e.n, 1);
	assert_int_equal(fired.n, 0);
	loop_turn(loop, 0);
	assert_int_equal(fired.n, 1);
	assert_int_equal(loop_now(loop), NSEC_SEC);
	close(fd[1]);
	loop_run(loop);		/* reads the end, unregisters, is done */
	assert_int_equal(e.io.events, 0);
	close(fd[0]);
	loop_free(loop);
}

/* Posts. */

enum { POSTERS = 4, POSTS = 5000 };

struct posted {
	struct loop_post post;
	int poster, i;
};

struct posting {
	struct loop *loop;
	int id;
};

static int posts_seen, last_of[POSTERS];

static void posted_fn(struct loop *loop, struct loop_post *post)
{
	struct posted *p = LIST_ENTRY(post, struct posted, post);

	(void)loop;
	assert_int_equal(p->i, last_of[p->poster] + 1);
	last_of[p->poster] = p->i;
	posts_seen++;
	mem_free(p);
}

static void *poster_main(void *arg)
{
	struct posting *posting = arg;

	for (int i = 1; i <= POSTS; i++) {
		struct posted *p = mem_zalloc(sizeof(*p));

		p->post.fn = posted_fn;
		p->poster = posting->id;
		p->i = i;
		loop_post(posting->loop, &p->post);
	}
	return NULL;
}

static void test_posts(void **state)
{
	struct loop *loop = loop_make(LOOP_EPOLL);
	struct posting posting[POSTERS];
	pthread_t threads[POSTERS];

	(void)state;
	for (int i = 0; i < POSTERS; i++) {
		posting[i] = (struct posting){ loop, i };
		assert_int_equal(pthread_create(&threads[i], NULL, poster_main,
						&posting[i]), 0);
	}
	turn_until(loop, &posts_seen, POSTERS * POSTS);
	for (int i = 0; i < POSTERS; i++)
		pthread_join(threads[i], NULL);
	loop_free(loop);
}

static void quit_posted_fn(struct loop *loop, struct loop_post *post)
{
	(void)post;
	loop_quit(loop);
}

static void *quitter_main(void *arg)
{
	static struct loop_post post = { .fn = quit_posted_fn };

	loop_post(arg, &post);
	return NULL;
}

/* A post ends a wait that has no limit. */
static void test_post_wakes(void **state)
{
	struct loop *loop = loop_make(LOOP_EPOLL);
	pthread_t thread;

	(void)state;
	alarm(20);	/* a lost wake-up would wait for ever */
	assert_int_equal(pthread_create(&thread, NULL, quitter_main, loop), 0);
	loop_run(loop);
	alarm(0);
	pthread_join(thread, NULL);
	loop_free(loop);
}

struct repost {
	struct loop_post post;
	int n;
};

static void repost_fn(struct loop *loop, struct loop_post *post)
{
	struct repost *r = LIST_ENTRY(post, struct repost, post);

	if (++r->n < 3)
		loop_post(loop, post);
}

/* What a post posts comes a turn later; a virtual loop waits for it. */
static void test_post_in_post(void **state)
{
	(void)state;
	for (size_t b = 0; b < 2; b++) {
		struct loop *loop = loop_make(backends[b]);
		struct repost r = { .post.fn = repost_fn };

		loop_post(loop, &r.post);
		loop_turn(loop, NSEC_SEC);
		assert_int_equal(r.n, 1);
		if (backends[b] == LOOP_VIRTUAL)
			loop_run(loop);
		else
			turn_until(loop, &r.n, 3);
		assert_int_equal(r.n, 3);
		loop_free(loop);
	}
}

/* Lateness against whole milliseconds and fractions of them. */
static nsec_t slip_p50(void)
{
	struct loop *loop = loop_make(LOOP_EPOLL);
	struct hist *slip = hist_new();
	struct fired fired = { 0 };
	struct shot s;
	nsec_t p50;

	loop_record_slip(loop, slip);
	shot_init(&s, &fired, 0);
	for (int i = 0; i < 60; i++) {
		loop_timer_at(loop, &s.timer,
			      loop_now_fresh(loop) + 300 * NSEC_US);
		turn_until(loop, &fired.n, i + 1);
		assert_true(fired.at[i] >= s.timer.due);
	}
	assert_int_equal(hist_count(slip), 60);
	p50 = hist_percentile(slip, 50);
	loop_free(loop);
	hist_free(slip);
	return p50;
}

/* The median: others use this machine too. */
static void test_slip(void **state)
{
	(void)state;
	assert_true(slip_p50() <= NSEC_MS);
}

static void no_pwait2(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_epoll_pwait2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { sizeof(code) / sizeof(*code), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
		_exit(77);
}

/* The same on a kernel without epoll_pwait2, which a filter plays. */
static void test_slip_timerfd(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0) {
		no_pwait2();
		_exit(slip_p50() <= NSEC_MS ? 0 : 1);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_io),
		cmocka_unit_test(test_io_pipe_end),
		cmocka_unit_test(test_io_bad),
		cmocka_unit_test(test_io_replaced_in_turn),
		cmocka_unit_test(test_virtual_io_first),
		cmocka_unit_test(test_posts),
		cmocka_unit_test(test_post_wakes),
		cmocka_unit_test(test_post_in_post),
		cmocka_unit_test(test_slip),
		cmocka_unit_test(test_slip_timerfd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
