// links: gd_fault gd_faults
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults in gameday-proxy itself, started as a run without a stack does: felt
 * by a TCP echo, gone after, and gone after kill -9 of the controller.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "chaos/base/json.h"
#include "chaos/fault/rundir.h"
#include "tests/unit/fault_run.h"

static int set_up(void **state)
{
	*state = run_new();
	return 0;
}

static int tear_down(void **state)
{
	return run_free(*state);
}

static void *echo(void *arg)
{
	int fd = accept(*(int *)arg, NULL, NULL);
	char b[64];
	ssize_t n;

	while ((n = read(fd, b, sizeof(b))) > 0)
		if (write(fd, b, (size_t)n) != n)
			break;
	close(fd);
	return NULL;
}

static double echo_ms(int fd)
{
	nsec_t start_ = clock_mono();
	char b = 'x';

	assert_int_equal(write(fd, &b, 1), 1);
	assert_int_equal(read(fd, &b, 1), 1);
	return (double)(clock_mono() - start_) / NSEC_MS;
}

static double best_ms(int fd)
{
	double best = 1e9;

	for (int i = 0; i < 5; i++) {
		double ms = echo_ms(fd);

		best = ms < best ? ms : best;
	}
	return best;
}

static json_t *ask(const char *to, const char *path)
{
	struct addr addr;
	struct err err = { 0 };
	char request[256], body[8192];
	json_t *o;
	int n = snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\n"
			 "Host: x\r\nConnection: close\r\n\r\n", path);

	assert_int_equal(addr_parse(to, &addr, &err), 0);
	if (http1_call_wait(&addr, request, (size_t)n, NSEC_SEC, body,
			    sizeof(body), &err) != 200)
		fail_msg("%s: %s", path, err.msg);
	assert_int_equal(json_parse(body, strlen(body), &o, &err), 0);
	return o;
}

/* It lingers after a goodbye, for its clients; not for a test. */
static void end_proxy(const char *to)
{
	json_t *o = ask(to, "/gameday/instance");
	pid_t pid = (pid_t)json_int64(o, "pid", 0);

	json_decref(o);
	assert_true(pid > 1);
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);	/* not ours when the controller died */
	if (!strncmp(to, "unix:", 5))
		unlink(to + 5);
}

/* A proxy of the run's own: started, used, and told goodbye. */
static void test_own_proxy(void **state)
{
	struct run *r = *state;
	struct addr any, addr;
	struct err err = { 0 };
	char text[256], at[ADDR_TEXT], run[32];
	pthread_t thread;
	int listener, fd;

	assert_int_equal(addr_parse("127.0.0.1:0", &any, &err), 0);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(listener, &any.u.sa, any.len), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(addr_local(listener, &addr), 0);
	pthread_create(&thread, NULL, echo, &listener);
	assert_int_equal(allow_add(r->allow, ALLOW_HOST, "127.0.0.1", &err),
			 0);
	snprintf(text, sizeof(text), "[link web]\nupstream = %s\n"
		 "[fault d]\nkind = link.delay\nlink = web\ndelay = 30ms\n",
		 addr_fmt(&addr, at));
	parse(r, text);
	snprintf(run, sizeof(run), "own-%d", (int)getpid());
	if (open_link(r, NULL, run, NULL, &err))
		fail_msg("%s", err.msg);
	make_faults(r, run, 1);
	arm(r);
	assert_int_equal(addr_parse(symbols_get(r->symbols, "link:web"), &addr,
				    &err), 0);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, &addr.u.sa, addr.len), 0);
	assert_true(best_ms(fd) < 25);
	faults_inject(r->fs, 0);
	turn_until_state(r, 0, FAULT_INJECTED);
	assert_true(best_ms(fd) >= 29);
	end_run(r);
	assert_true(best_ms(fd) < 25);	/* and still connected */
	assert_true(json_num(r->achieved, "delay_ms/p50", 0) >= 29);
	close(fd);
	pthread_join(thread, NULL);
	close(listener);
	end_proxy(fault_link_socket(r->link));
}

/* --- kill -9 with the real proxy --------------------------------------- */

static const char two[] =
	"[link web]\nupstream = 127.0.0.1:9\n"
	"[fault d]\nkind = link.delay\nlink = web\ndelay = 30ms\n"
	"[fault p]\nkind = pool.limit\nlink = web\nsize = 1\n";

/* Dies with one fault in, and the other's request perhaps on its way. */
static void controller(struct run *r, const char *run, int ready)
{
	struct err err = { 0 };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (allow_add(r->allow, ALLOW_HOST, "127.0.0.1", &err))
		_exit(1);
	parse(r, two);
	if (open_link(r, NULL, run, NULL, &err))
		_exit(2);
	make_faults(r, run, 1);
	arm(r);
	faults_inject(r->fs, 0);
	turn_until_state(r, 0, FAULT_INJECTED);
	if (write(ready, "x", 1) != 1)
		_exit(3);
	for (;;) {
		faults_inject(r->fs, 1);
		loop_turn(r->loop, 100 * NSEC_MS);
	}
}

static size_t toxics_on(const char *to)
{
	json_t *o = ask(to, "/proxies/web/toxics");
	size_t n = json_array_size(o);

	json_decref(o);
	return n;
}

static bool journal_there(const char *run)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s.undo", base, run);
	return !access(path, F_OK);
}

static void kill_after(struct run *r, int no, nsec_t wait)
{
	char run[32], dir[RUNDIR_PATH], to[RUNDIR_PATH + 16], byte;
	nsec_t end;
	struct err err;
	int pair[2];
	pid_t pid;

	snprintf(run, sizeof(run), "kill-%d-%d", (int)getpid(), no);
	assert_int_equal(pipe(pair), 0);
	pid = fork();
	if (pid == 0)
		controller(r, run, pair[1]);
	close(pair[1]);
	assert_int_equal(read(pair[0], &byte, 1), 1);
	close(pair[0]);
	assert_int_equal(fault_run_path(run, dir, &err), 0);
	snprintf(to, sizeof(to), "unix:%s.proxy", dir);
	assert_true(toxics_on(to) > 0);
	nanosleep(&(struct timespec){ 0, wait }, NULL);
	kill(pid, SIGKILL);
	end = clock_mono() + 2 * NSEC_SEC;
	waitpid(pid, NULL, 0);
	while ((toxics_on(to) || journal_there(run)) && clock_mono() < end)
		nanosleep(&(struct timespec){ 0, 5000000 }, NULL);
	assert_int_equal(toxics_on(to), 0);	/* and it still serves */
	assert_false(journal_there(run));
	end_proxy(to);
}

static void test_killed(void **state)
{
	static const nsec_t waits[] = { 0, 50 * NSEC_US, 200 * NSEC_US,
					NSEC_MS, 20 * NSEC_MS };

	for (int i = 0; i < 5; i++)
		kill_after(*state, i, waits[i]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_own_proxy),
		TEST(test_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
