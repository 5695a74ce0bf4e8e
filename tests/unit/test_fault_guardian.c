// links: gd_fault
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guardian with real processes: a forked controller dies, hangs or is
 * stopped, and a server of the test's own sees what becomes of its toxics.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chaos/fault/fault.h"
#include "chaos/fault/guardian.h"
#include "chaos/fault/rundir.h"
#include "tests/unit/fault_await.h"
#include "tests/unit/fault_world.h"

/* --- helpers ----------------------------------------------------------- */

static const char *run_id(void)
{
	static char id[64];

	snprintf(id, sizeof(id), "t%d-%d", (int)getpid(), run_no);
	return id;
}

static const char *journal_path(const char *run)
{
	static char path[160];

	snprintf(path, sizeof(path), "%s/%s.undo", base, run);
	return path;
}

static uint32_t request(uint8_t *dst, const char *method, uint32_t i)
{
	return (uint32_t)snprintf(
		(char *)dst, UNDO_BYTES,
		"%s /proxies/db/toxics/t%u HTTP/1.1\r\nHost: x\r\n"
		"Gameday-Instance: this-one\r\nConnection: close\r\n"
		"Content-Length: 0\r\n\r\n", method, i);
}

static void http_record(struct undo_record *r, uint32_t i)
{
	memset(r, 0, sizeof(*r));
	r->index = i;
	r->via = UNDO_HTTP;
	snprintf(r->fault, sizeof(r->fault), "f%u", i);
	strcpy(r->kind, "pool.limit");
	strcpy(r->target, "link db");
	snprintf(r->where, sizeof(r->where), "%s", socket_path);
	strcpy(r->command, "curl \"by hand\"");
	r->len = request(r->bytes, "DELETE", i);
	r->verify_len = request(r->verify, "GET", i);
}

struct controller {
	struct loop *loop;
	struct undo_record records[TOXICS];
	struct undo_journal *journal;
	struct guardian *guardian;
	struct guardian_outcome outcome;
	char why[160];
	int outcomes;
	bool lost;
};

static void on_reverted(void *arg, const struct guardian_outcome *o)
{
	struct controller *c = arg;

	c->outcome = *o;
	snprintf(c->why, sizeof(c->why), "%s", o->why);
	c->outcomes++;
}

static void on_lost(void *arg)
{
	struct controller *c = arg;

	c->lost = true;
}

static void arm(struct controller *c, const char *run, nsec_t heartbeat)
{
	struct undo_header h = { .uid = geteuid() };
	struct err err = { 0 };
	struct guardian_args args = {
		.run = run, .host = "here", .records = c->records,
		.n = TOXICS, .lease_fd = -1, .run_dir = run_dir,
		.heartbeat = heartbeat, .reverted = on_reverted,
		.lost = on_lost, .arg = c,
	};

	snprintf(h.run, sizeof(h.run), "%s", run);
	proc_boot_id(h.boot_id);
	for (uint32_t i = 0; i < TOXICS; i++)
		http_record(&c->records[i], i);
	assert_int_equal(loop_new(LOOP_EPOLL, &c->loop, &err), 0);
	assert_int_equal(undo_journal_create(&h, c->records, TOXICS,
					     &c->journal, &err), 0);
	args.loop = c->loop;
	args.journal = c->journal;
	if (guardian_start(&args, &c->guardian, &err))
		fail_msg("%s", err.msg);
}

static void on_late(struct loop *loop, struct loop_timer *t, void *arg)
{
	(void)loop;
	(void)t;
	(void)arg;
	world->injected_late = true;
}

/* A controller in a process of its own; late: when it would inject more. */
static pid_t controller_fork(const char *run, nsec_t heartbeat, nsec_t late)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct controller c = { 0 };
		struct loop_timer timer;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		arm(&c, run, heartbeat);
		undo_journal_note(c.journal, 1, "injected");
		undo_journal_note(c.journal, 0, "injected");
		if (guardian_injecting(c.guardian, 1) ||
		    guardian_injecting(c.guardian, 0))
			_exit(9);
		world->guardian = *guardian_id(c.guardian);
		loop_timer_init(&timer, "late", on_late, NULL);
		if (late)
			loop_timer_at_mono(c.loop, &timer,
					   loop_mono_fresh(c.loop) + late);
		world->armed = true;
		loop_run(c.loop);
		_exit(8);
	}
	AWAIT(world->armed, 10);
	world->controller = pid;
	return pid;
}

/* Reaps it; one that was not killed by the guardian is killed here. */
static bool was_killed(pid_t pid)
{
	nsec_t end = clock_mono() + 2 * NSEC_SEC;
	int status = 0, got = 0;

	while (!got && clock_mono() < end) {
		got = waitpid(pid, &status, WNOHANG);
		nanosleep(&(struct timespec){ 0, 2000000 }, NULL);
	}
	if (!got) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	return got == pid && WIFSIGNALED(status) &&
	       WTERMSIG(status) == SIGKILL;
}

static bool is_undone(void)
{
	for (int i = 0; i < TOXICS; i++)
		if (world->present[i])
			return false;
	return true;
}

static bool undo_log_has(const char *text)
{
	char path[128], line[2048];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "%s/undo.jsonl", run_dir);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f)) {
		json_t *o = json_loads(line, 0, NULL);

		assert_non_null(o);	/* each line is whole JSON */
		json_decref(o);
		found |= strstr(line, text) != NULL;
	}
	if (f)
		fclose(f);
	return found;
}

/* --- tests ------------------------------------------------------------- */

static void test_killed(void **state)
{
	const char *run = run_id();
	pid_t pid = controller_fork(run, 0, 0);
	nsec_t start;

	(void)state;
	assert_true(exists(journal_path(run)));
	kill(pid, SIGKILL);
	start = clock_mono();
	AWAIT(is_undone(), 2);
	AWAIT(!exists(journal_path(run)), 2);
	assert_true(clock_mono() - start < 2 * NSEC_SEC);
	assert_false(world->controller_lived);
	/* The last injected first; what was not, last. */
	assert_int_equal(world->order[0], 0);
	assert_int_equal(world->order[1], 1);
	assert_int_equal(world->order[2], 2);
	AWAIT(!proc_alive(&world->guardian), 2);
	assert_true(undo_log_has("\"verified\":\"yes\""));
	assert_true(undo_log_has("the controller died"));
	assert_false(undo_log_has("\"name\":\"f2\""));	/* never was in */
	waitpid(pid, NULL, 0);
}

static void test_retries(void **state)
{
	const char *run = run_id();
	pid_t pid = controller_fork(run, 0, 0);

	(void)state;
	world->refuse = 4;
	kill(pid, SIGKILL);
	AWAIT(is_undone(), 2);
	AWAIT(!exists(journal_path(run)), 2);
	waitpid(pid, NULL, 0);
}

static void test_stopped(void **state)
{
	const char *run = run_id();
	pid_t pid = controller_fork(run, 400 * NSEC_MS, 600 * NSEC_MS);

	(void)state;
	kill(pid, SIGSTOP);
	AWAIT(is_undone(), 4);
	kill(pid, SIGCONT);
	assert_true(was_killed(pid));
	assert_false(world->controller_lived);
	assert_false(world->injected_late);
	AWAIT(!exists(journal_path(run)), 2);
	AWAIT(undo_log_has("the controller hung"), 2);
}

/* Beats keep it quiet: nothing is undone while the controller lives. */
static void test_beats(void **state)
{
	const char *run = run_id();
	pid_t pid = controller_fork(run, 200 * NSEC_MS, 700 * NSEC_MS);

	(void)state;
	AWAIT(world->injected_late, 3);
	assert_int_equal(world->deletes, 0);
	world->controller = 0;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	AWAIT(!proc_alive(&world->guardian), 2);
}

static void test_signals_ignored(void **state)
{
	const char *run = run_id();
	pid_t pid = controller_fork(run, 0, 0);
	static const int sent[] = { SIGINT, SIGHUP, SIGTERM };

	(void)state;
	for (int i = 0; i < 3; i++)
		kill(world->guardian.pid, sent[i]);
	assert_int_not_equal(getsid(world->guardian.pid), getsid(0));
	kill(pid, SIGKILL);
	AWAIT(is_undone(), 2);
	waitpid(pid, NULL, 0);
}

static void test_full_run_dir(void **state)
{
	const char *run = run_id();
	char path[128];
	pid_t pid;

	(void)state;
	snprintf(path, sizeof(path), "%s/undo.jsonl", run_dir);
	assert_int_equal(symlink("/dev/full", path), 0);
	pid = controller_fork(run, 0, 0);
	kill(pid, SIGKILL);
	AWAIT(is_undone(), 2);
	AWAIT(!exists(journal_path(run)), 2);
	waitpid(pid, NULL, 0);
}

static void test_both_killed(void **state)
{
	const char *run = run_id();
	pid_t pid = controller_fork(run, 0, 0);
	struct fault_recovered got;
	struct err err = { 0 };

	(void)state;
	/* Alive: nobody else's business. */
	assert_int_equal(fault_recover(false, &got, &err), 0);
	assert_int_equal(got.live, 1);
	assert_int_equal(got.undone + got.left, 0);
	assert_int_equal(world->deletes, 0);
	json_decref(got.list);
	kill(world->guardian.pid, SIGSTOP);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	kill(world->guardian.pid, SIGKILL);
	AWAIT(!proc_alive(&world->guardian), 2);
	/* Listing changes nothing. */
	assert_int_equal(fault_recover(true, &got, &err), 0);
	assert_int_equal(got.left, TOXICS);
	assert_int_equal(json_array_size(got.list), TOXICS);
	assert_int_equal(world->deletes, 0);
	json_decref(got.list);
	assert_true(exists(journal_path(run)));
	assert_int_equal(fault_recover(false, &got, &err), 0);
	assert_int_equal(got.undone, TOXICS);
	assert_int_equal(got.left, 0);
	json_decref(got.list);
	assert_true(is_undone());
	assert_int_equal(world->order[0], 0);	/* injected last */
	assert_false(exists(journal_path(run)));
}

static void turn_until(struct controller *c, const bool *flag, const int *count)
{
	nsec_t end = clock_mono() + 5 * NSEC_SEC;

	while (clock_mono() < end && !(flag && *flag) && !(count && *count))
		loop_turn(c->loop, 50 * NSEC_MS);
}

static void test_asked(void **state)
{
	const char *run = run_id();
	struct controller c = { 0 };
	struct proc_id id;
	char dir[RUNDIR_PATH];
	struct err err;

	(void)state;
	arm(&c, run, 0);
	id = *guardian_id(c.guardian);
	assert_int_equal(guardian_injecting(c.guardian, 1), 0);
	assert_int_equal(guardian_revert(c.guardian, 1), 0);
	turn_until(&c, NULL, &c.outcomes);
	assert_int_equal(c.outcomes, 1);
	assert_int_equal(c.outcome.index, 1);
	assert_int_equal(c.outcome.state, UNDO_GONE);
	assert_true(c.outcome.real > 0 && c.outcome.real < NSEC_SEC);
	assert_false(world->present[1]);
	assert_true(world->present[0]);
	undo_journal_delete(c.journal);
	guardian_release(c.guardian);
	assert_false(proc_alive(&id));
	assert_true(world->present[0]);		/* a release undoes nothing */
	assert_int_equal(fault_run_path(run, dir, &err), 0);
	assert_false(exists(dir));
	loop_free(c.loop);
}

static void test_left(void **state)
{
	const char *run = run_id();
	struct controller c = { 0 };

	(void)state;
	arm(&c, run, 0);
	world->refuse = 1000;
	assert_int_equal(guardian_revert(c.guardian, 2), 0);
	turn_until(&c, NULL, &c.outcomes);
	assert_int_equal(c.outcomes, 1);
	assert_int_equal(c.outcome.state, UNDO_PRESENT);
	assert_non_null(strstr(c.why, "answered 500"));
	undo_journal_delete(c.journal);
	guardian_release(c.guardian);
	loop_free(c.loop);
}

static void test_lost(void **state)
{
	const char *run = run_id();
	struct controller c = { 0 };

	(void)state;
	arm(&c, run, 0);
	kill(guardian_id(c.guardian)->pid, SIGKILL);
	turn_until(&c, &c.lost, NULL);
	assert_true(c.lost);
	assert_true(guardian_injecting(c.guardian, 0) < 0);
	guardian_close(c.guardian);
	undo_journal_delete(c.journal);
	loop_free(c.loop);
}

static void test_let_go(void **state)
{
	const char *run = run_id();
	struct controller c = { 0 };
	struct proc_id id;

	(void)state;
	arm(&c, run, 0);
	id = *guardian_id(c.guardian);
	/* Gone once, and injected again: it is undone again. */
	assert_int_equal(guardian_revert(c.guardian, 1), 0);
	turn_until(&c, NULL, &c.outcomes);
	assert_int_equal(guardian_injecting(c.guardian, 1), 0);
	world->present[1] = true;
	guardian_close(c.guardian);
	undo_journal_close(c.journal);
	AWAIT(is_undone(), 2);
	AWAIT(!exists(journal_path(run)), 2);
	waitpid(id.pid, NULL, 0);
	loop_free(c.loop);
}

static void test_ask_stop(void **state)
{
	const char *run = run_id();
	char reply[256];
	struct err err = { 0 };
	pid_t pid;

	(void)state;
	assert_int_equal(guardian_ask("no-such-run", "status", reply,
				      sizeof(reply), &err), -ENOENT);
	pid = controller_fork(run, 0, 0);
	assert_int_equal(guardian_ask(run, "status", reply, sizeof(reply),
				      &err), 0);
	assert_non_null(strstr(reply, "\"records\":3"));
	assert_int_equal(world->deletes, 0);
	assert_int_equal(guardian_ask(run, "stop", reply, sizeof(reply), &err),
			 0);
	assert_non_null(strstr(reply, "\"left\":0"));
	assert_true(is_undone());
	assert_false(world->controller_lived);
	assert_true(was_killed(pid));
}

/* A descriptor of the controller's must not live on in the guardian. */
static void test_closes(void **state)
{
	const char *run = run_id();
	int pair[2];
	char byte;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(pair), 0);
	pid = controller_fork(run, 0, 0);
	kill(world->guardian.pid, SIGSTOP);	/* so that it outlives */
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(pair[1]);
	{
		struct pollfd p = { .fd = pair[0], .events = POLLIN };

		assert_int_equal(poll(&p, 1, 2000), 1);
	}
	assert_int_equal(read(pair[0], &byte, 1), 0);
	close(pair[0]);
	kill(world->guardian.pid, SIGCONT);
	AWAIT(is_undone(), 2);
}

static void test_start_fails(void **state)
{
	struct controller c = { 0 };
	struct guardian_args args = { .lease_fd = -1, .host = "h" };
	struct undo_header h = { 0 };
	char dir[RUNDIR_PATH];
	struct err err = { 0 };

	(void)state;
	snprintf(h.run, sizeof(h.run), "%s", run_id());
	assert_int_equal(loop_new(LOOP_EPOLL, &c.loop, &err), 0);
	assert_int_equal(undo_journal_create(&h, c.records, 0, &c.journal,
					     &err), 0);
	args.loop = c.loop;
	args.journal = c.journal;
	args.records = c.records;
	args.run = h.run;
	args.run_dir = "/nonexistent/dir";
	assert_int_equal(guardian_start(&args, &c.guardian, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "undo.jsonl"));
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	assert_int_equal(fault_run_path(h.run, dir, &err), 0);
	assert_false(exists(dir));
	undo_journal_delete(c.journal);
	loop_free(c.loop);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_killed),
		TEST(test_retries),
		TEST(test_stopped),
		TEST(test_beats),
		TEST(test_signals_ignored),
		TEST(test_full_run_dir),
		TEST(test_both_killed),
		TEST(test_asked),
		TEST(test_left),
		TEST(test_lost),
		TEST(test_let_go),
		TEST(test_ask_stop),
		TEST(test_closes),
		TEST(test_start_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
