// links: gd_fault gd_faults
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process.*: children of the test are found, stopped, ended, started again,
 * and the undo is the guardian's; what may never be hit is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chaos/base/json.h"
#include "faults/process/find.h"
#include "tests/unit/fault_run.h"

/* A child that only waits, called `name`. */
static pid_t child(const char *name)
{
	pid_t pid = fork();
	char comm[64];

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, name);
		for (;;)
			pause();
	}
	for (int i = 0; i < 1000 && strcmp(find_name(pid, comm), name); i++)
		usleep(1000);
	return pid;
}

static void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static char state_of(pid_t pid)
{
	char path[64], text[256] = "", *end;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		text[0] = '\0';
	if (fd >= 0)
		close(fd);
	end = strrchr(text, ')');
	return end ? end[2] : '-';
}

static bool await_state(pid_t pid, char want)
{
	for (int i = 0; i < 2000; i++) {
		if (state_of(pid) == want)
			return true;
		usleep(1000);
	}
	return false;
}

static struct run *checked(const char *text, const char *allowed)
{
	struct run *r = run_new();
	struct buf out;

	parse(r, text);
	if (allowed && allow_add(r->allow, ALLOW_PROCESS, allowed, NULL))
		fail();
	make_faults(r, "r1", 1);
	buf_init(&out, 0);
	faults_check(r->fs, &out, &r->errs);
	faults_describe(r->fs, &out);
	buf_done(&out);
	return r;
}

static struct run *begin(const char *text, const char *allowed)
{
	struct run *r = checked(text, allowed);

	if (r->errs.n)
		fail_msg("%s", r->errs.v[0].msg);
	arm(r);
	faults_inject(r->fs, 0);
	turn_until_state(r, 0, FAULT_INJECTED);
	return r;
}

static void end(struct run *r)
{
	end_run(r);
	assert_int_equal(faults_state(r->fs, 0), FAULT_GONE);
	assert_int_equal(run_free(r), 0);
}

static void test_stop(void **state)
{
	pid_t a = child("gd-test-a"), b = child("gd-test-a");
	struct run *r;

	(void)state;
	r = begin("[fault s]\nkind = process.stop\nname = gd-test-a\n"
		  "which = all\n", "gd-test-a");
	assert_true(await_state(a, 'T') && await_state(b, 'T'));
	faults_measure(r->fs, 0);
	assert_int_equal(json_int64(r->achieved, "stopped", 0), 2);
	end(r);
	assert_true(await_state(a, 'S') && await_state(b, 'S'));
	end_child(a);
	end_child(b);
}

static void test_kill(void **state)
{
	pid_t a = child("gd-test-a");
	struct run *r;
	char text[128];
	int status;

	(void)state;
	snprintf(text, sizeof(text), "[fault s]\nkind = process.kill\n"
		 "pid = %d\nsignal = term\n", (int)a);
	r = begin(text, "gd-test-a");
	assert_int_equal(waitpid(a, &status, 0), a);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	end(r);
}

static void test_continue(void **state)
{
	pid_t a = child("gd-test-a");
	struct run *r;

	(void)state;
	kill(a, SIGSTOP);
	assert_true(await_state(a, 'T'));
	r = begin("[fault s]\nkind = process.continue\nname = gd-test-a\n",
		  "gd-test-a");
	assert_true(await_state(a, 'S'));
	end(r);
	end_child(a);
}

/* A program of the test's own name, so that it can be found again. */
static void copy_sleep(char path[64])
{
	char command[160];

	snprintf(path, 64, "/tmp/gd-again-%d", (int)getpid() % 10000);
	snprintf(command, sizeof(command), "cp \"$(command -v sleep)\" %s",
		 path);
	assert_int_equal(system(command), 0);
}

static void test_restart(void **state)
{
	struct find_by by = { 0 };
	char path[64], text[400];
	const char *argv[] = { path, "60", NULL };
	struct proc_args args = { .argv = argv, .die_with_parent = true };
	struct proc_id first;
	struct found found;
	struct run *r;
	struct err err;
	int pidfd = -1, status;

	(void)state;
	copy_sleep(path);
	by.name = strrchr(path, '/') + 1;
	assert_int_equal(proc_spawn(&args, &first, &pidfd, &err), 0);
	snprintf(text, sizeof(text), "[fault s]\nkind = process.restart\n"
		 "name = %s\ncommand = %s '61'\n", by.name, path);
	r = begin(text, by.name);
	assert_int_equal(waitpid(first.pid, &status, 0), first.pid);
	assert_int_equal(find_processes(&by, &found, &err), -ESRCH);
	end(r);
	/* The guardian started it, and it has outlived the guardian. */
	assert_int_equal(find_processes(&by, &found, &err), 0);
	assert_int_equal(found.n, 1);
	assert_int_not_equal(found.v[0].pid, first.pid);
	assert_int_equal(proc_signal(&found.v[0], SIGKILL), 0);
	found_done(&found);
	close(pidfd);
	unlink(path);
}

/* A pid that somebody else has by now is left alone. */
static void test_taken_over(void **state)
{
	pid_t a = child("gd-test-a");
	struct undo_record u = { 0 };
	struct proc_id id;
	struct err err;

	(void)state;
	assert_int_equal(proc_identify(a, &id), 0);
	id.start--;
	assert_int_equal(undo_signal_render(&u, SIGKILL, &id, 1), 0);
	assert_int_equal(undo_revert(&u, &err), 0);
	assert_int_equal(undo_verify(&u, &err), UNDO_GONE);
	assert_int_equal(kill(a, 0), 0);
	id.start++;
	assert_int_equal(undo_signal_render(&u, SIGKILL, &id, 1), 0);
	assert_int_equal(undo_verify(&u, &err), UNDO_PRESENT);
	assert_int_equal(undo_revert(&u, &err), 0);
	assert_int_equal(undo_verify(&u, &err), UNDO_GONE);
	waitpid(a, NULL, 0);
}

static void refused(const char *text, const char *allowed, const char *want)
{
	struct run *r = checked(text, allowed);

	if (!r->errs.n || !strstr(r->errs.v[0].msg, want))
		fail_msg("says '%s', not '%s'",
			 r->errs.n ? r->errs.v[0].msg : "", want);
	assert_int_equal(run_free(r), 0);
}

static void test_refused(void **state)
{
	pid_t a = child("gd-test-a"), b = child("gd-test-a");
	char self[64];

	(void)state;
	refused("[fault s]\nkind = process.kill\nname = gd-test-a\n",
		"gd-test-a", "2 processes are meant");
	refused("[fault s]\nkind = process.kill\nname = gd-test-a\n"
		"which = all\n", NULL, "is not allowed");
	refused("[fault s]\nkind = process.kill\nname = gd-none\n", "gd-none",
		"no process is called");
	refused("[fault s]\nkind = process.stop\npid = 1\n", "1",
		"it is pid 1");
	snprintf(self, sizeof(self), "[fault s]\nkind = process.stop\n"
		 "pid = %d\n", (int)getppid());
	refused(self, NULL, "gameday itself or a process above");
	refused("[fault s]\nkind = process.stop\nport = 1\n", NULL,
		"nobody that can be seen listens");
	end_child(a);
	end_child(b);
}

/* Ended between prepare and inject: said, and not somebody else hit. */
static void test_vanished(void **state)
{
	pid_t a = child("gd-test-a");
	struct run *r = checked("[fault s]\nkind = process.stop\n"
				"name = gd-test-a\n", "gd-test-a");

	(void)state;
	arm(r);
	end_child(a);
	faults_inject(r->fs, 0);
	turn_until_state(r, 0, FAULT_FAILED);
	assert_non_null(strstr(r->why, "has ended"));
	end_run(r);
	assert_int_equal(run_free(r), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_kill),
		cmocka_unit_test(test_continue),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_taken_over),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_vanished),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
